//! Joining: several changes of a notice as one.
//!
//! Pure. A correction may come late, and what it was to tell may not be so any more.

use crate::revision::{Change, Difference, Revision};

impl Revision {
    /// The change that led to a sequence, and all that came after it, as one: what is news now to somebody who had
    /// heard of everything before it.
    pub fn change_since(&self, sequence: u32) -> Option<Change> {
        let mut changes = self.changes.iter().skip_while(|change| change.sequence != sequence);
        let mut whole = changes.next()?.clone();
        for change in changes {
            whole.at = change.at;
            whole.differences = change.differences.iter().fold(whole.differences, join);
        }
        if whole.differences.is_empty() {
            // All is as it was: what was taken back last says so.
            whole.differences.clone_from(&self.changes.last()?.differences);
        }
        Some(whole)
    }
}

// Two differences of the same thing are one, from what was said first to what is said now.
fn join(mut earlier: Vec<Difference>, later: &Difference) -> Vec<Difference> {
    let both = earlier.iter().enumerate().find_map(|(at, one)| Some((at, joined(one, later)?)));
    match both {
        Some((at, Some(one))) => earlier[at] = one,
        Some((at, None)) => drop(earlier.remove(at)),
        None => earlier.push(later.clone()),
    }
    earlier
}

// None of two that are of different things; nothing where the later one takes the earlier one back.
fn joined(earlier: &Difference, later: &Difference) -> Option<Option<Difference>> {
    use Difference::{
        Added, Assembly, End, MeetingPoint, Of, Place, Removed, Restored, Status, Time, Withdrawn,
    };
    let one = match (earlier.clone(), later.clone()) {
        (Status { was, .. }, Status { is, .. }) => (was != is).then_some(Status { was, is }),
        (Time { was, .. }, Time { is, .. }) => (was != is).then_some(Time { was, is }),
        (End { was, .. }, End { is, .. }) => (was != is).then_some(End { was, is }),
        (Assembly { was, .. }, Assembly { is, .. }) => (was != is).then_some(Assembly { was, is }),
        (Place { was, .. }, Place { is, .. }) => (was != is).then_some(Place { was, is }),
        (MeetingPoint { was, .. }, MeetingPoint { is, .. }) => {
            (was != is).then_some(MeetingPoint { was, is })
        }
        (Of(date, was), Of(other, is)) if date.key == other.key => {
            joined(&was, &is)?.map(|one| Of(date, Box::new(one)))
        }
        (Added(date), Removed(other)) if date.key == other.key => None,
        (Withdrawn(_), Restored) => None,
        (Withdrawn(_) | Restored, is @ Withdrawn(_)) => Some(is),
        _ => return None,
    };
    Some(one)
}
