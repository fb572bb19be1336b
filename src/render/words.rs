//! Words: the short English texts that several renderings share.
//!
//! Pure. A title's prefix or a time said in two ways would look like two notices.

use chrono::NaiveDate;

use crate::notice::{
    Care, Confidence, Event, Invitation, Issued, KindName, Notice, Precision, Relation, Status,
};
use crate::revision::{Difference, Spot};
use crate::schedule::zone::Moment;

/// The title as every output shows it: with its status in front when it is not as first said.
pub fn title(notice: &Notice) -> String {
    match notice.event().and_then(|event| status_prefix(event.status)) {
        Some(prefix) => format!("{prefix}: {}", notice.title),
        None => notice.title.clone(),
    }
}

/// What stands before a title.
pub fn status_prefix(status: Status) -> Option<&'static str> {
    match status {
        Status::Scheduled => None,
        Status::Moved => Some("MOVED"),
        Status::Rescheduled => Some("RESCHEDULED"),
        Status::Postponed => Some("POSTPONED"),
        Status::Cancelled => Some("CANCELLED"),
    }
}

/// A status as a sentence.
pub fn status_sentence(status: Status) -> &'static str {
    match status {
        Status::Scheduled => "It takes place as announced.",
        Status::Moved => "It takes place somewhere else.",
        Status::Rescheduled => "It takes place at another time.",
        Status::Postponed => "It is postponed; a new date is not known yet.",
        Status::Cancelled => "It is cancelled.",
    }
}

/// `Tuesday, July 10, 2018, 9:00 AM EDT`
pub fn moment(moment: &Moment) -> String {
    format!("{}, {}", day(moment), clock(moment))
}

/// `Tuesday, July 10, 2018`
pub fn day(moment: &Moment) -> String {
    moment.wall.format("%A, %B %-d, %Y").to_string()
}

/// `9:00 AM EDT`
pub fn clock(moment: &Moment) -> String {
    format!("{} {}", moment.wall.format("%-I:%M %p"), moment.zone.abbreviation(moment.at))
}

/// From the start to the end: `Tuesday, July 10, 2018, 9:00 AM EDT to 11:00 AM EDT`.
pub fn span(event: &Event) -> String {
    let start = moment(&event.starts);
    match &event.ends {
        Some(end) if end.wall.date() == event.starts.wall.date() => format!("{start} to {}", clock(end)),
        Some(end) => format!("{start} to {}", moment(end)),
        None => start,
    }
}

/// One material difference, the change said first.
pub fn difference(difference: &Difference) -> String {
    match difference {
        Difference::Status { was, is } => status_change(*was, *is).to_owned(),
        Difference::Time { was, is } => changed("time", Some(&moment(was)), Some(&moment(is))),
        Difference::End { was, is } => changed("end", said(was).as_deref(), said(is).as_deref()),
        Difference::Assembly { was, is } => {
            changed("time to gather", said(was).as_deref(), said(is).as_deref())
        }
        Difference::Place { was, is } => place(was.as_ref(), is.as_ref()),
        Difference::MeetingPoint { was, is } => changed("meeting point", was.as_deref(), is.as_deref()),
    }
}

/// A status that is another than before, as a sentence. What takes place as announced again may do so at
/// another time than was first announced.
pub fn status_change(was: Status, is: Status) -> &'static str {
    match is {
        Status::Scheduled if !was.takes_place() => "It takes place after all.",
        Status::Scheduled => "It takes place as now announced.",
        Status::Moved | Status::Rescheduled | Status::Postponed | Status::Cancelled => status_sentence(is),
    }
}

// Of two parts only the one that differs: who reads the same name twice looks for the difference.
fn place(was: Option<&Spot>, is: Option<&Spot>) -> String {
    if let (Some(was), Some(is)) = (was, is) {
        if was.name == is.name {
            return changed("address", was.address.as_deref(), is.address.as_deref());
        }
        if was.address == is.address {
            return changed("place", Some(&was.name), Some(&is.name));
        }
    }
    changed("place", was.map(Spot::one_line).as_deref(), is.map(Spot::one_line).as_deref())
}

fn said(of: &Option<Moment>) -> Option<String> {
    of.as_ref().map(moment)
}

fn changed(what: &str, was: Option<&str>, is: Option<&str>) -> String {
    match (was, is) {
        (Some(was), Some(is)) => format!("The {what} has changed: was {was}, is {is}."),
        (None, Some(is)) => format!("The {what} is now known: {is}."),
        (Some(was), None) => format!("The {what} is not known any more; it was {was}."),
        (None, None) => format!("The {what} has changed."),
    }
}

/// The heading of a kind's pages and feeds.
pub fn kind_plural(kind: KindName) -> &'static str {
    match kind {
        KindName::Archive => "Archive",
        KindName::Statement => "Statements",
        KindName::Action => "Actions",
    }
}

/// What one of a kind is called.
pub fn kind_singular(kind: KindName) -> &'static str {
    match kind {
        KindName::Archive => "Archive entry",
        KindName::Statement => "Statement",
        KindName::Action => "Action",
    }
}

/// `February 2020 (approximate)`
pub fn issued(issued: &Issued) -> String {
    let date = match issued.precision {
        Precision::Year => issued.first_day.format("%Y"),
        Precision::Month => issued.first_day.format("%B %Y"),
        Precision::Day => issued.first_day.format("%B %-d, %Y"),
    };
    if issued.approximate { format!("{date} (approximate)") } else { date.to_string() }
}

/// What is asked of those who carry a practice further; nothing when anybody may.
pub fn care(care: Care) -> Option<&'static str> {
    match care {
        Care::Public => None,
        Care::AskFirst => Some("Ask those it comes from before you carry it further."),
    }
}

/// Whether others may sign a statement.
pub fn invitation(invitation: &Invitation) -> String {
    match &invitation.until {
        Some(until) if invitation.is_open => format!("Open until {}", moment(until)),
        None if invitation.is_open => "Open".to_owned(),
        Some(_) | None => "Closed".to_owned(),
    }
}

/// When a source was looked at: `seen on April 6, 2020`
pub fn accessed(day: NaiveDate) -> String {
    format!("seen on {}", day.format("%B %-d, %Y"))
}

/// How a practice relates to another, before its name.
pub fn relation(relation: Relation) -> &'static str {
    match relation {
        Relation::InspiredBy => "Inspired by",
        Relation::DescendsFrom => "Descends from",
        Relation::AdaptedFrom => "Adapted from",
        Relation::LearnedFrom => "Learned from",
        Relation::ParallelTo => "Parallel to",
    }
}

/// How sure a line of descent is, behind its name.
pub fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Documented => "documented",
        Confidence::Told => "told by those who were there",
        Confidence::Inferred => "our inference",
        Confidence::Unknown => "not known",
    }
}
