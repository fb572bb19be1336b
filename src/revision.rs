//! Revision: an immutable state of a notice, and what of it is material.
//!
//! Pure.

mod joining; // several changes as one

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::notice::date::{Date, DateKey};
use crate::notice::shown::{self, for_press, revealed_at, shown_since, without_links};
use crate::notice::{Event, Notice, NoticeId, Notify, Place, Status};
use crate::schedule::zone::{Moment, Zone};

/// SHA-256 of a source text with its line ends as LF.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

/// A notice as its file stands now: what the folder gives.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The checked notice.
    pub notice: Arc<Notice>,
    /// The file as the person knows it, `notices/<id>.md`.
    pub path: Arc<str>,
    /// The text it was read from.
    pub source: Arc<str>,
    /// Of that text.
    pub digest: Digest,
}

/// A published state of a notice, with its place in the notice's history.
#[derive(Debug, Clone)]
pub struct Revision {
    /// What was published.
    pub draft: Draft,
    /// From 0, one more at every edit.
    pub number: u32,
    /// From 0, one more at every material edit: iCalendar's SEQUENCE.
    pub sequence: u32,
    /// When the notice was first published; never changes.
    pub published_at: DateTime<Utc>,
    /// When it first appeared here; later than `published_at` when its author dated it back.
    pub appeared_at: DateTime<Utc>,
    /// When it last changed materially.
    pub updated_at: DateTime<Utc>,
    /// When this revision was published.
    pub revised_at: DateTime<Utc>,
    /// The material changes, oldest first.
    pub changes: Vec<Change>,
    /// Whether people who were told of the notice are told of what this revision changed: of what a gathering is and
    /// whether, unless its author decided otherwise.
    pub is_told: bool,
    /// Whether a revision before it was not off, so that people may have heard of it.
    pub was_on: bool,
    /// Since when each date that it ever had has been in it.
    pub dates_since: BTreeMap<DateKey, DateTime<Utc>>,
    /// Whether people were told that it is taken back: they are told that it stands again, too.
    pub is_told_off: bool,
}

/// One material edit.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The sequence that it led to.
    pub sequence: u32,
    /// When it was published.
    pub at: DateTime<Utc>,
    /// What changed, in the order in which people ask.
    pub differences: Vec<Difference>,
    /// The notice as people knew it before.
    pub before: Arc<Notice>,
    /// When that was published.
    pub seen_at: DateTime<Utc>,
}

/// What is different to somebody who wants to be there.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// Whether it happens as first said.
    Status {
        /// Before.
        was: Status,
        /// Now.
        is: Status,
    },
    /// The start.
    Time {
        /// Before.
        was: Moment,
        /// Now.
        is: Moment,
    },
    /// The end.
    End {
        /// Before.
        was: Option<Moment>,
        /// Now.
        is: Option<Moment>,
    },
    /// When people gather.
    Assembly {
        /// Before.
        was: Option<Moment>,
        /// Now.
        is: Option<Moment>,
    },
    /// Name and address.
    Place {
        /// Before; none while it was not shown.
        was: Option<Spot>,
        /// Now; none while it is not shown.
        is: Option<Spot>,
    },
    /// Where exactly.
    MeetingPoint {
        /// Before.
        was: Option<Point>,
        /// Now.
        is: Option<Point>,
    },
    /// What is different of one date of several.
    Of(DateName, Box<Difference>),
    /// A date that was not there.
    Added(DateName),
    /// A date that is not listed any more.
    Removed(DateName),
    /// What its author says of the edit.
    Said(String),
    /// It was taken back, and why.
    Withdrawn(String),
    /// It had been taken back, and stands again.
    Restored,
}

/// One date of several, by the name that it keeps and the start by which people know it.
#[derive(Debug, Clone, PartialEq)]
pub struct DateName {
    /// Its name within the notice.
    pub key: DateKey,
    /// The start that was said before the change; of a new date the one that is said now.
    pub starts: Moment,
}

/// Where exactly people meet, for as long as that may be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// As its author wrote it.
    pub text: String,
    /// From then on nobody is told, even of what was changed.
    pub until: Option<DateTime<Utc>>,
}

/// A place in the two parts of which one may change without the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// `Sheraton Times Square`
    pub name: String,
    /// One line.
    pub address: Option<String>,
}

impl Digest {
    /// The digest of a source text.
    pub fn of(source: &str) -> Self {
        let mut hasher = Sha256::new();
        for (index, part) in source.split("\r\n").enumerate() {
            if index > 0 {
                hasher.update(b"\n");
            }
            hasher.update(part.as_bytes());
        }
        Self(hasher.finalize().into())
    }

    /// The first eight bytes as a number: enough for a stamp or a jitter.
    pub fn short(&self) -> u64 {
        self.0.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

impl Draft {
    /// A checked notice with the text it was read from.
    pub fn new(notice: Notice, path: &str, source: &str) -> Self {
        Self {
            notice: Arc::new(notice),
            path: Arc::from(path),
            source: Arc::from(source),
            digest: Digest::of(source),
        }
    }
}

impl Revision {
    /// The first revision of a notice, effective at `at`. A date that the author gave is the date of its
    /// publication, however late the file was seen.
    pub fn first(draft: Draft, at: DateTime<Utc>) -> Self {
        let published_at = draft.notice.publish_at.as_ref().map_or(at, |moment| moment.at.min(at));
        Self {
            dates_since: dates(&draft.notice).map(|date| (date.key.clone(), at)).collect(),
            draft,
            number: 0,
            sequence: 0,
            published_at,
            appeared_at: at,
            updated_at: published_at,
            revised_at: at,
            changes: Vec::new(),
            is_told: false,
            was_on: false,
            is_told_off: false,
        }
    }

    /// The revision that follows when the file has become `draft`.
    pub fn next(&self, draft: Draft, at: DateTime<Utc>) -> Self {
        let (before, seen_at) = self.known_before(&draft.notice);
        let mut differences = differences(&before, seen_at, &draft.notice, at);
        if self.notice().withdrawn.is_some() && before.withdrawn.is_none() {
            differences.insert(0, Difference::Restored);
        }
        // A reveal is no edit: what its author says of one is not meant for it.
        let notify = draft.notice.notify.filter(|_| draft.digest != self.draft.digest);
        let is_told = match notify {
            Some(Notify::Silent) => false,
            Some(Notify::Alert) => !differences.is_empty(),
            None => {
                let is_back = differences.contains(&Difference::Restored);
                differences.iter().any(Difference::is_of_facts) || (is_back && self.is_told_off)
            }
        };
        let mut next = Self {
            number: self.number + 1,
            revised_at: at,
            is_told,
            was_on: self.was_on || !self.is_off(),
            is_told_off: draft.notice.withdrawn.is_some() && (is_told || self.is_told_off),
            draft,
            ..self.clone()
        };
        let only = self.notice().event().filter(|event| event.dates.is_empty());
        for date in dates(&next.draft.notice) {
            // What was the only date may have become one of several.
            let is_only = only.is_some_and(|event| event.starts.at == date.starts.at);
            let came_at = if is_only { self.stands_since(None) } else { at };
            next.dates_since.entry(date.key.clone()).or_insert(came_at);
        }
        if !differences.is_empty() {
            next.sequence += 1;
            next.updated_at = at;
            next.changes.push(Change { sequence: next.sequence, at, differences, before, seen_at });
        }
        next
    }

    // What people knew before it became `next`, and when that was published: of what stands again, what stood before it
    // was taken back.
    fn known_before(&self, next: &Notice) -> (Arc<Notice>, DateTime<Utc>) {
        let stands_again = self.notice().withdrawn.is_some() && next.withdrawn.is_none();
        match self.withdrawals().last().filter(|_| stands_again) {
            Some(took) => (Arc::clone(&took.before), took.seen_at),
            None => (Arc::clone(&self.draft.notice), self.revised_at),
        }
    }

    /// The revision that the ledger holds, after those before it.
    pub fn after(
        before: Option<&Self>,
        draft: Draft,
        revised_at: DateTime<Utc>,
        published_at: DateTime<Utc>,
        appeared_at: DateTime<Utc>,
    ) -> Self {
        match before {
            Some(before) => before.next(draft, revised_at),
            None => {
                let first = Self::first(draft, appeared_at);
                Self { published_at, updated_at: published_at, revised_at, ..first }
            }
        }
    }

    /// The same while some of the notices that it leads to must not be known; `hidden` are their pages, by id.
    pub fn without_links(&self, hidden: &BTreeMap<String, String>) -> Self {
        let notice = Arc::new(without_links(self.notice(), hidden));
        Self { draft: Draft { notice, ..self.draft.clone() }, ..self.clone() }
    }

    /// The same as the press sees it before an embargo ends.
    pub fn for_press(&self) -> Self {
        let notice = Arc::new(for_press(self.notice()));
        Self { draft: Draft { notice, ..self.draft.clone() }, ..self.clone() }
    }

    /// The notice.
    pub fn notice(&self) -> &Notice {
        &self.draft.notice
    }

    /// Its id.
    pub fn id(&self) -> &NoticeId {
        &self.draft.notice.id
    }

    /// The material change that this very revision made.
    pub fn change(&self) -> Option<&Change> {
        self.changes.last().filter(|change| change.at == self.revised_at && change.sequence == self.sequence)
    }

    /// Whether this revision took the notice back, or let it stand again: who carries it further has to know.
    pub fn is_taken_back_or_restored(&self) -> bool {
        let is_one =
            |difference: &Difference| matches!(difference, Difference::Withdrawn(_) | Difference::Restored);
        self.change().is_some_and(|change| change.differences.iter().any(is_one))
    }

    /// Since when it is taken back; none when it stands.
    pub fn withdrawn_at(&self) -> Option<DateTime<Utc>> {
        self.notice().withdrawn.as_ref()?;
        self.withdrawals().last().map(|change| change.at)
    }

    /// The changes that took it back, oldest first.
    pub fn withdrawals(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| matches!(change.differences[..], [Difference::Withdrawn(_)]))
    }

    /// When this very text shows more than when it was published, without an edit: its place is revealed.
    pub fn reveals_at(&self) -> Option<DateTime<Utc>> {
        let is_standing = self.notice().withdrawn.is_none();
        revealed_at(self.notice()).filter(|at| is_standing && *at > self.revised_at).min()
    }

    /// The first moment after `after` at which it shows something else by itself.
    pub fn next_change(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        shown::next_change(self.notice(), after).into_iter().chain(self.next_change_of_changes(after)).min()
    }

    /// The first moment after `after` at which something of it is hidden or shown, whatever date is at hand.
    pub fn next_disclosure(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        shown::next_disclosure(self.notice(), after)
            .into_iter()
            .chain(self.next_change_of_changes(after))
            .min()
    }

    // What it said before may be over while what it says now is not.
    fn next_change_of_changes(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let differences = self.changes.iter().flat_map(|change| &change.differences);
        differences.flat_map(Difference::ends).filter(|at| *at > after).min()
    }

    /// Whether nobody can have heard of it yet: the first revision, or the first that holds of a notice that came
    /// cancelled.
    pub fn is_news(&self) -> bool {
        !self.is_off() && !self.was_on
    }

    /// Whether it was taken back or is cancelled, on all of its dates.
    pub fn is_off(&self) -> bool {
        let notice = self.notice();
        let is_cancelled = |event: &Event| event.status_of_all() == Status::Cancelled;
        notice.withdrawn.is_some() || notice.event().is_some_and(is_cancelled)
    }

    /// Since when it has been known here that it takes place at its start: what was due before that for this
    /// start was never due. The same of one of several dates by its key.
    pub fn stands_since(&self, key: Option<&DateKey>) -> DateTime<Utc> {
        let is_anew = |change: &&Change| change.differences.iter().any(|it| it.is_anew(key));
        // Of a date that came when it was over nothing was said.
        let came_at = || key.and_then(|key| self.dates_since.get(key)).copied().unwrap_or(self.appeared_at);
        self.changes.iter().rev().find(is_anew).map_or_else(came_at, |change| change.at)
    }

    /// The start that was said before the latest change of it (schema.org `previousStartDate`).
    /// Of one of several dates by its key.
    pub fn previous_start(&self, key: Option<&DateKey>) -> Option<&Moment> {
        let differences = self.changes.iter().rev().flat_map(|change| &change.differences);
        differences.filter_map(|difference| difference.of_date(key)).find_map(Difference::start_before)
    }

    /// The notice's tag URI (RFC 4151), its identity in every output for ever:
    /// `tag:<domain>,<day of first publication>:<notice id>`.
    pub fn tag_uri(&self, domain: &str, zone: &Zone) -> String {
        let day: NaiveDate = zone.to_wall(self.published_at).date();
        format!("tag:{domain},{day}:{}", self.id())
    }

    /// The UUIDv5 of the tag URI: iCalendar's UID.
    pub fn uid(&self, domain: &str, zone: &Zone) -> Uuid {
        self.uid_of(None, domain, zone)
    }

    /// That of one of several dates, by its key: the UUIDv5 of `<tag URI>/<key>`.
    pub fn uid_of(&self, key: Option<&DateKey>, domain: &str, zone: &Zone) -> Uuid {
        Uuid::new_v5(&Uuid::NAMESPACE_URL, self.tag_uri_of(key, domain, zone).as_bytes())
    }

    /// The tag URI of one of several dates, by its key: `<tag URI>/<key>`.
    pub fn tag_uri_of(&self, key: Option<&DateKey>, domain: &str, zone: &Zone) -> String {
        let of_notice = self.tag_uri(domain, zone);
        key.map_or(of_notice.clone(), |key| format!("{of_notice}/{key}"))
    }
}

fn dates(notice: &Notice) -> impl Iterator<Item = &Date> {
    notice.event().into_iter().flat_map(|event| &event.dates)
}

impl Difference {
    /// Whether it is one of whether, when and where people gather.
    pub fn is_of_facts(&self) -> bool {
        match self {
            Self::Status { .. }
            | Self::Time { .. }
            | Self::End { .. }
            | Self::Assembly { .. }
            | Self::Place { .. }
            | Self::MeetingPoint { .. }
            | Self::Of(..)
            | Self::Added(_)
            | Self::Removed(_) => true,
            Self::Said(_) | Self::Withdrawn(_) | Self::Restored => false,
        }
    }

    /// Whether it says that the notice does not hold any more.
    pub fn says_it_is_off(&self) -> bool {
        match self {
            Self::Status { is, .. } => !is.takes_place(),
            Self::Withdrawn(_) => true,
            Self::Time { .. }
            | Self::End { .. }
            | Self::Assembly { .. }
            | Self::Place { .. }
            | Self::MeetingPoint { .. }
            | Self::Of(..)
            | Self::Added(_)
            | Self::Removed(_)
            | Self::Said(_)
            | Self::Restored => false,
        }
    }

    /// Whether a reminder of what was said before would be of something else.
    pub fn overtakes_reminders(&self) -> bool {
        match self {
            Self::Of(_, of_date) => of_date.overtakes_reminders(),
            Self::Removed(_) => true,
            Self::Status { .. }
            | Self::Time { .. }
            | Self::End { .. }
            | Self::Assembly { .. }
            | Self::Place { .. }
            | Self::MeetingPoint { .. }
            | Self::Added(_)
            | Self::Said(_)
            | Self::Withdrawn(_)
            | Self::Restored => self.says_it_is_off() || self.start_before().is_some(),
        }
    }

    /// The one of several dates that it is of; none when it is of all of the notice.
    pub fn date(&self) -> Option<&DateName> {
        match self {
            Self::Of(date, _) | Self::Added(date) | Self::Removed(date) => Some(date),
            Self::Status { .. }
            | Self::Time { .. }
            | Self::End { .. }
            | Self::Assembly { .. }
            | Self::Place { .. }
            | Self::MeetingPoint { .. }
            | Self::Said(_)
            | Self::Withdrawn(_)
            | Self::Restored => None,
        }
    }

    /// What it is to those who have that date alone in view; none when it is of another one. Without a key, of a
    /// notice as a whole, it is what it is.
    pub fn of_date(&self, key: Option<&DateKey>) -> Option<&Self> {
        let Some(key) = key else { return Some(self) };
        match self {
            Self::Of(date, of_date) => (date.key == *key).then_some(&**of_date),
            // That there is such a date says the date.
            Self::Added(_) | Self::Removed(_) => None,
            Self::Status { .. }
            | Self::Time { .. }
            | Self::End { .. }
            | Self::Assembly { .. }
            | Self::Place { .. }
            | Self::MeetingPoint { .. }
            | Self::Said(_)
            | Self::Withdrawn(_)
            | Self::Restored => Some(self),
        }
    }

    /// When what it says is not to be told any more.
    fn ends(&self) -> Vec<DateTime<Utc>> {
        match self {
            Self::Of(_, of_date) => of_date.ends(),
            Self::MeetingPoint { was, is } => {
                [was, is].into_iter().flatten().filter_map(|it| it.until).collect()
            }
            Self::Status { .. }
            | Self::Time { .. }
            | Self::End { .. }
            | Self::Assembly { .. }
            | Self::Place { .. }
            | Self::Added(_)
            | Self::Removed(_)
            | Self::Said(_)
            | Self::Withdrawn(_)
            | Self::Restored => Vec::new(),
        }
    }

    /// The start that was said before it.
    pub fn start_before(&self) -> Option<&Moment> {
        Some(self.starts()?.0)
    }

    /// The start that it says.
    pub fn start_now(&self) -> Option<&Moment> {
        Some(self.starts()?.1)
    }

    fn starts(&self) -> Option<(&Moment, &Moment)> {
        match self {
            Self::Time { was, is } => Some((was, is)),
            Self::Status { .. }
            | Self::End { .. }
            | Self::Assembly { .. }
            | Self::Place { .. }
            | Self::MeetingPoint { .. }
            | Self::Of(..)
            | Self::Added(_)
            | Self::Removed(_)
            | Self::Said(_)
            | Self::Withdrawn(_)
            | Self::Restored => None,
        }
    }

    /// The status that was said before it.
    pub fn status_before(&self) -> Option<Status> {
        match self {
            Self::Status { was, .. } => Some(*was),
            Self::Time { .. }
            | Self::End { .. }
            | Self::Assembly { .. }
            | Self::Place { .. }
            | Self::MeetingPoint { .. }
            | Self::Of(..)
            | Self::Added(_)
            | Self::Removed(_)
            | Self::Said(_)
            | Self::Withdrawn(_)
            | Self::Restored => None,
        }
    }

    // From it on it is known that it takes place at its start.
    fn is_anew(&self, key: Option<&DateKey>) -> bool {
        if let Self::Added(date) = self {
            return key == Some(&date.key);
        }
        self.of_date(key).is_some_and(|it| {
            let was_off = it.status_before().is_some_and(|was| !was.takes_place());
            was_off || it.start_before().is_some() || matches!(it, Self::Restored)
        })
    }
}

/// What differs materially between two states of a notice: the earlier one as people saw it when it was published,
/// at `seen_at`, and the later as they see it at `now`. A place that is not shown yet can change without a word, and
/// nobody is told that something is over, nor of a date that is; statements and archive entries have no material facts
/// but what their authors say.
pub fn differences(
    before: &Notice,
    seen_at: DateTime<Utc>,
    after: &Notice,
    now: DateTime<Utc>,
) -> Vec<Difference> {
    match (&before.withdrawn, &after.withdrawn) {
        (None, Some(withdrawal)) => return vec![Difference::Withdrawn(withdrawal.why.clone())],
        (Some(_), None) => return vec![Difference::Restored],
        (Some(_), Some(_)) => return Vec::new(),
        (None, None) => {}
    }
    let said = after.changed.clone().filter(|_| before.changed != after.changed).map(Difference::Said);
    let (before, after) = (shown_since(before, seen_at, now), shown_since(after, now, now));
    let facts = match (before.event(), after.event()) {
        (Some(was), Some(is)) if was.dates.is_empty() && is.dates.is_empty() => of_event(was, is),
        (Some(was), Some(is)) => of_dates(was, is, now),
        (_, _) => Vec::new(),
    };
    facts.into_iter().chain(said).collect()
}

fn of_event(was: &Event, is: &Event) -> Vec<Difference> {
    let differences = [
        status(was, is),
        time(was, is),
        end(was, is),
        assembly(was, is),
        place(was, is),
        meeting_point(was, is),
    ];
    differences.into_iter().flatten().collect()
}

// First what is of all of them, then each date by its name. A single date that becomes one of several is the one of
// its day.
fn of_dates(was: &Event, is: &Event, now: DateTime<Utc>) -> Vec<Difference> {
    let (before, after) = (dates_of(was), dates_of(is));
    let is_over = |date: &Date| date.dated().ends_or_assumed_at() <= now;
    let known = |dates: &[Date], key: &DateKey| dates.iter().find(|date| date.key == *key).cloned();
    // What is over stays as it was, whether it is still listed or not.
    let mut told: Vec<Date> = after.iter().filter(|date| !is_over(date)).cloned().collect();
    for date in before.iter() {
        match known(&after, &date.key) {
            Some(now_over) if is_over(&now_over) && !is_over(date) => told.push(now_over),
            Some(_) | None if is_over(date) && told.iter().all(|it| it.key != date.key) => {
                told.push(date.clone());
            }
            Some(_) | None => {}
        }
    }
    let told = Event { dates: told, ..is.clone() };
    let has_place = after.iter().any(|date| !date.is_elsewhere && !is_over(date));
    let of_places = [place(was, is), meeting_point(was, is)].into_iter().flatten().filter(|_| has_place);
    let mut differences: Vec<Difference> =
        of_status_of_all(was, &told).into_iter().chain(of_places).collect();
    for date in before.iter() {
        match known(&told.dates, &date.key) {
            Some(told_of) => differences.extend(of_date((was, date), (&told, &told_of))),
            None => differences.push(Difference::Removed(DateName::of(date))),
        }
    }
    let is_new = |date: &&Date| before.iter().all(|it| it.key != date.key);
    differences.extend(told.dates.iter().filter(is_new).map(|date| Difference::Added(DateName::of(date))));
    differences
}

fn of_status_of_all(was: &Event, is: &Event) -> Option<Difference> {
    let (was, is) = (was.status_of_all(), is.status_of_all());
    (was != is).then_some(Difference::Status { was, is })
}

fn dates_of(event: &Event) -> Cow<'_, [Date]> {
    if !event.dates.is_empty() {
        return Cow::Borrowed(&event.dates);
    }
    Cow::Owned(vec![Date {
        key: DateKey::of_day(&event.starts),
        starts: event.starts.clone(),
        ends: event.ends.clone(),
        assemble_at: event.assemble_at.clone(),
        status: event.status,
        note: event.status_note.clone(),
        place: event.place.clone(),
        has_place_to_come: event.has_place_to_come,
        is_elsewhere: false,
    }])
}

// What has been said of all dates is not said of each again.
fn of_date((all_was, was): (&Event, &Date), (all_is, is): (&Event, &Date)) -> Vec<Difference> {
    let is_said = |difference: &Difference| match difference {
        Difference::Status { was, is } => {
            let (was_all, is_all) = (all_was.status_of_all(), all_is.status_of_all());
            let all_are = all_is.dates.iter().all(|date| date.status == is_all);
            was_all != is_all && *is == is_all && all_are && (*was == was_all || !is_all.takes_place())
        }
        Difference::Place { .. } | Difference::MeetingPoint { .. } => !was.is_elsewhere && !is.is_elsewhere,
        Difference::Time { .. }
        | Difference::End { .. }
        | Difference::Assembly { .. }
        | Difference::Of(..)
        | Difference::Added(_)
        | Difference::Removed(_)
        | Difference::Said(_)
        | Difference::Withdrawn(_)
        | Difference::Restored => false,
    };
    let mut differences = of_event(&all_was.at_date(was), &all_is.at_date(is));
    differences.retain(|difference| !is_said(difference));
    differences.into_iter().map(|it| Difference::Of(DateName::of(was), Box::new(it))).collect()
}

impl DateName {
    fn of(date: &Date) -> Self {
        Self { key: date.key.clone(), starts: date.starts.clone() }
    }
}

fn status(was: &Event, is: &Event) -> Option<Difference> {
    (was.status != is.status).then_some(Difference::Status { was: was.status, is: is.status })
}

fn time(was: &Event, is: &Event) -> Option<Difference> {
    let (was, is) = (was.starts.clone(), is.starts.clone());
    (was.at != is.at || was.zone != is.zone).then_some(Difference::Time { was, is })
}

fn end(was: &Event, is: &Event) -> Option<Difference> {
    let (was, is) = (was.ends.clone(), is.ends.clone());
    (instant(&was) != instant(&is)).then_some(Difference::End { was, is })
}

fn assembly(was: &Event, is: &Event) -> Option<Difference> {
    let (was, is) = (was.assemble_at.clone(), is.assemble_at.clone());
    (instant(&was) != instant(&is)).then_some(Difference::Assembly { was, is })
}

fn place(was: &Event, is: &Event) -> Option<Difference> {
    let (was, is) = (was.place.as_ref().map(Spot::of), is.place.as_ref().map(Spot::of));
    (was != is).then_some(Difference::Place { was, is })
}

fn meeting_point(was: &Event, is: &Event) -> Option<Difference> {
    let point = |event: &Event| event.place.as_ref().and_then(Point::of);
    let (was, is) = (point(was), point(is));
    let text = |point: &Option<Point>| point.as_ref().map(|point| point.text.clone());
    (text(&was) != text(&is)).then_some(Difference::MeetingPoint { was, is })
}

fn instant(moment: &Option<Moment>) -> Option<DateTime<Utc>> {
    moment.as_ref().map(|moment| moment.at)
}

impl Point {
    fn of(place: &Place) -> Option<Self> {
        let until = place.meeting_point_expires.as_ref().map(|moment| moment.at);
        Some(Self { text: place.meeting_point.clone()?, until })
    }

    /// The same while it may be told.
    pub fn at(&self, now: DateTime<Utc>) -> Option<&Self> {
        self.until.is_none_or(|until| now < until).then_some(self)
    }
}

impl Spot {
    fn of(place: &Place) -> Self {
        Self { name: place.name.clone(), address: place.address.clone() }
    }

    /// Name and address.
    pub fn one_line(&self) -> String {
        match &self.address {
            Some(address) => format!("{}, {address}", self.name),
            None => self.name.clone(),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}
