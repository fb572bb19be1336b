//! Joining: several changes of a notice as one.
//!
//! Pure. A correction may come late, and what it was to tell may not be so any more.

use crate::revision::{Change, Difference, Revision, differences};

impl Revision {
    /// The change that led to a sequence, and all that came after it, as one: what is news now to somebody who had
    /// heard of everything before it.
    pub fn change_since(&self, sequence: u32) -> Option<Change> {
        let first = self.changes.iter().position(|change| change.sequence == sequence)?;
        let changes = &self.changes[first..];
        let (change, last) = (changes.first()?, changes.last()?);
        let mut differences = self.joined(changes);
        if differences.is_empty() {
            // All is as it was: what was taken back last says so.
            differences.clone_from(&last.differences);
        }
        Some(Change { at: last.at, differences, ..change.clone() })
    }

    // Not one difference after the other: what one says of all dates, another takes back of one of them.
    fn joined(&self, changes: &[Change]) -> Vec<Difference> {
        let [change, later @ ..] = changes else { return Vec::new() };
        if later.is_empty() {
            return change.differences.clone();
        }
        if change.differences.contains(&Difference::Restored) && self.notice().withdrawn.is_none() {
            // What was shown of it was that it is taken back; the facts are compared with those from then on.
            let later = self.joined(later).into_iter().filter(|it| *it != Difference::Restored);
            return change.differences.iter().cloned().chain(later).collect();
        }
        // All that its author said is news.
        let is_said = |difference: &Difference| matches!(difference, Difference::Said(_));
        let said = changes.iter().flat_map(|it| &it.differences).filter(|it| is_said(it)).cloned();
        let whole = differences(&change.before, change.seen_at, self.notice(), self.revised_at);
        whole.into_iter().filter(|it| !is_said(it)).chain(said).collect()
    }
}
