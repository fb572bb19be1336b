//! Date: one of the times at which an action takes place, and whether it does.
//!
//! Pure. There are no rules of recurrence: every date is written down, so each can be cancelled alone.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::notice::{ASSUMED_LENGTH, Event, Kind, Notice, NoticeId, Place, Status};
use crate::schedule::zone::Moment;

/// The name of a date within its notice, for ever: `2018-07-17`. Lower-case letters, digits and hyphens, at most
/// 100 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateKey(String);

/// One of the dates of an action that has several, with what it takes from the action.
#[derive(Debug, Clone, PartialEq)]
pub struct Date {
    /// Its name within the notice.
    pub key: DateKey,
    /// When it begins, on the wall clock of the action's zone.
    pub starts: Moment,
    /// When it ends, if that is known.
    pub ends: Option<Moment>,
    /// When people gather before it.
    pub assemble_at: Option<Moment>,
    /// Whether it happens as first said.
    pub status: Status,
    /// What is to be known of this date alone.
    pub note: Option<String>,
    /// Where; none when it has no place, or while that is not yet shown.
    pub place: Option<Place>,
    /// Whether it has a place that is not yet shown.
    pub has_place_to_come: bool,
    /// Whether the place is this date's own and not the action's.
    pub is_elsewhere: bool,
}

/// When an action is, and whether: its only date, or one of several.
#[derive(Debug, Clone, Copy)]
pub struct Dated<'a> {
    /// None of an action that has one date.
    pub key: Option<&'a DateKey>,
    /// When it begins.
    pub starts: &'a Moment,
    /// When it ends, if that is known.
    pub ends: Option<&'a Moment>,
    /// Whether it happens as first said.
    pub status: Status,
}

impl DateKey {
    /// The key, when it has the form of one: that of a notice's id.
    pub fn parse(text: &str) -> Option<Self> {
        NoticeId::parse(text).map(|id| Self(id.as_str().to_owned()))
    }

    /// That of a date which its author gave no name.
    pub fn of_day(starts: &Moment) -> Self {
        Self(starts.wall.date().to_string())
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Dated<'_> {
    /// The instant of its end; two hours after the start when none was said.
    pub fn ends_or_assumed_at(&self) -> DateTime<Utc> {
        self.ends.map_or(self.starts.at + ASSUMED_LENGTH, |ends| ends.at)
    }
}

impl Date {
    /// The same without what it says of where and who.
    pub fn dated(&self) -> Dated<'_> {
        Dated { key: Some(&self.key), starts: &self.starts, ends: self.ends.as_ref(), status: self.status }
    }
}

impl Event {
    /// When it is: one date, or each of several in the order of their starts.
    pub fn dated(&self) -> impl Iterator<Item = Dated<'_>> {
        let only = self.dates.is_empty().then_some(Dated {
            key: None,
            starts: &self.starts,
            ends: self.ends.as_ref(),
            status: self.status,
        });
        only.into_iter().chain(self.dates.iter().map(Date::dated))
    }

    /// When that date is; without a key, when an action is that has no other.
    pub fn dated_of(&self, key: Option<&DateKey>) -> Option<Dated<'_>> {
        self.dated().find(|dated| dated.key == key)
    }

    /// The date of that name.
    pub fn date(&self, key: &DateKey) -> Option<&Date> {
        self.dates.iter().find(|date| date.key == *key)
    }

    /// The status of all of it: of several dates that which they share; as first said when some take place; and
    /// postponed when none does but not all are cancelled.
    pub fn status_of_all(&self) -> Status {
        let Some(first) = self.dates.first() else { return self.status };
        if self.dates.iter().all(|date| date.status == first.status) {
            first.status
        } else if self.dates.iter().any(|date| date.status.takes_place()) {
            Status::Scheduled
        } else {
            Status::Postponed
        }
    }

    /// When the last of it starts.
    pub fn last_start(&self) -> Option<DateTime<Utc>> {
        self.dated().map(|dated| dated.starts.at).max()
    }

    /// When the last of it is over.
    pub fn over_at(&self) -> DateTime<Utc> {
        self.dated().map(|dated| dated.ends_or_assumed_at()).max().unwrap_or(self.starts.at)
    }

    /// Of several dates the one that people ask for at `now`: the next that takes place, or else the next of all, or
    /// else the last.
    pub fn date_at_hand(&self, now: DateTime<Utc>) -> Option<&Date> {
        let is_ahead = |date: &&Date| now < date.dated().ends_or_assumed_at();
        let next = self.dates.iter().filter(is_ahead).find(|date| date.status.takes_place());
        next.or_else(|| self.dates.iter().find(is_ahead)).or(self.dates.last())
    }

    /// How many dates take place after the one that it is shown for.
    pub fn later_dates(&self) -> usize {
        let is_later = |date: &&Date| date.starts.at > self.starts.at && date.status.takes_place();
        self.dates.iter().filter(is_later).count()
    }

    /// When another date comes to be at hand after `after`.
    pub fn next_date_at(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let ends = self.dates.iter().map(|date| date.dated().ends_or_assumed_at());
        ends.filter(|at| *at > after).min()
    }

    /// The same with when, where and whether of one of its dates.
    pub fn at_date(&self, date: &Date) -> Self {
        Self {
            starts: date.starts.clone(),
            ends: date.ends.clone(),
            assemble_at: date.assemble_at.clone(),
            status: date.status,
            status_note: date.note.clone(),
            place: date.place.clone(),
            has_place_to_come: date.has_place_to_come,
            ..self.clone()
        }
    }
}

impl Notice {
    /// The action as if that date were its only one; none when it has no such date.
    pub fn of_date(&self, key: &DateKey) -> Option<Self> {
        let event = self.event()?;
        let event = Event { dates: Vec::new(), ..event.at_date(event.date(key)?) };
        Some(Self { kind: Kind::Action(Box::new(event)), ..self.clone() })
    }
}
