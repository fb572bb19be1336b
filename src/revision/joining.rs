//! Joining: several changes of a notice as one.
//!
//! Pure. A correction may come late, and what it was to tell may not be so any more.

use crate::revision::{Change, Difference, Revision, differences};

impl Revision {
    /// The change that led to a sequence, and all that came after it, as one: what is news now to somebody who had
    /// heard of everything before it. None when all is as it was then, and when there was no such change.
    pub fn change_since(&self, sequence: u32) -> Option<Change> {
        let first = self.changes.iter().position(|change| change.sequence == sequence)?;
        let changes = &self.changes[first..];
        let (change, last) = (changes.first()?, changes.last()?);
        let differences = self.joined(changes);
        (!differences.is_empty()).then(|| Change { at: last.at, differences, ..change.clone() })
    }

    /// Whether there was a change that led to a sequence, and all is again as it was before it.
    pub fn is_as_before(&self, sequence: u32) -> bool {
        self.changes.iter().any(|change| change.sequence == sequence) && self.change_since(sequence).is_none()
    }

    // Not one difference after the other: what one says of all dates, another takes back of one of them.
    fn joined(&self, changes: &[Change]) -> Vec<Difference> {
        let [change, later @ ..] = changes else { return Vec::new() };
        if later.is_empty() {
            return change.differences.clone();
        }
        // What was shown of it before was that it is taken back.
        let stands_again =
            |it: &&Difference| **it == Difference::Restored && self.notice().withdrawn.is_none();
        let restored = change.differences.iter().find(stands_again).cloned();
        // All that its author said is news.
        let is_said = |difference: &Difference| matches!(difference, Difference::Said(_));
        let said = changes.iter().flat_map(|it| &it.differences).filter(|it| is_said(it)).cloned();
        let whole = differences(&change.before, change.seen_at, self.notice(), self.revised_at);
        restored.into_iter().chain(whole.into_iter().filter(|it| !is_said(it))).chain(said).collect()
    }
}
