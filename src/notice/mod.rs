//! Notice: what the author wrote, checked.
//!
//! Pure. `parse` is the only way to obtain one.

pub mod date;
pub mod lint;
pub mod markdown;
pub mod parse;
pub mod picture;
pub mod shown;

use std::fmt;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::notice::date::Date;
use crate::notice::markdown::Body;
use crate::schedule::zone::Moment;

/// A notice's name for ever: its file's stem, or `id = "…"` after a rename. Lower-case letters, digits and
/// hyphens, at most 100 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoticeId(String);

/// One checked notice.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// Its name for ever.
    pub id: NoticeId,
    /// Whether its author wrote it, and it is not taken from the file's name.
    pub has_written_id: bool,
    /// One line, without markup.
    pub title: String,
    /// One plain sentence for lists and previews.
    pub summary: Option<String>,
    /// BCP 47 language tag of the text; the site's when the author wrote none.
    pub lang: String,
    /// Nothing shows before it; at once when there is none.
    pub publish_at: Option<Moment>,
    /// Lower-case tags without `#`, in the author's order.
    pub tags: Vec<Tag>,
    /// The groups that speak here; never persons' addresses.
    pub authors: Vec<String>,
    /// A picture with its description.
    pub image: Option<Image>,
    /// Further reading.
    pub more: Vec<Link>,
    /// What it belongs to.
    pub campaign: Option<Tag>,
    /// Notices that follow it.
    pub next: Vec<NoticeId>,
    /// The notice that it replaces.
    pub supersedes: Option<NoticeId>,
    /// What is to be said of the latest edit, in a sentence.
    pub changed: Option<String>,
    /// Whether an edit is told to people otherwise than by what it changes.
    pub notify: Option<Notify>,
    /// That it was taken back; nothing but its title and this is shown then.
    pub withdrawn: Option<Withdrawal>,
    /// The text.
    pub body: Body,
    /// What it is.
    pub kind: Kind,
}

/// Whether an edit is told to people who were told of the notice, whatever it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notify {
    /// It is not.
    Silent,
    /// It is.
    Alert,
}

/// A notice that was taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct Withdrawal {
    /// Why, in a sentence or two.
    pub why: String,
    /// The same as the text that is shown in place of the notice's.
    pub body: Body,
}

/// A tag, or a campaign's name, as the author wrote it, and as it stands in addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// `AbolishICE`
    pub name: String,
    /// `abolishice`
    pub slug: String,
}

/// The most of a name that stands in an address: with an ending it is a file's name, and these have 255 bytes at most.
pub const MAX_SLUG_BYTES: usize = 200;

/// What a notice is, with what belongs to that case alone.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// An entry of the archive of mutual aid practices.
    Archive(Provenance),
    /// A statement of a position.
    Statement(Signing),
    /// A gathering at a place and a time.
    Action(Box<Event>),
}

/// The name of a kind alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KindName {
    /// `archive`
    Archive,
    /// `statement`
    Statement,
    /// `action`
    Action,
}

/// A picture of the site's own media folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Path under `media/`.
    pub file: String,
    /// What it shows, for those who do not see it.
    pub alt: String,
}

/// A titled address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What it leads to.
    pub title: String,
    /// https or http, absolute.
    pub url: String,
}

/// A gathering. Of one with several dates, when and where are those of the date that it is shown for; as it was read,
/// the first one's time and the place of those that name none.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When it begins, on the wall clock of its zone.
    pub starts: Moment,
    /// When it ends, if that is known.
    pub ends: Option<Moment>,
    /// When people gather before it.
    pub assemble_at: Option<Moment>,
    /// Whether it happens as first said.
    pub status: Status,
    /// Why the status is what it is.
    pub status_note: Option<String>,
    /// Where; none when it has no place, or while that is not yet shown.
    pub place: Option<Place>,
    /// Whether it has a place that is not yet shown.
    pub has_place_to_come: bool,
    /// Each of its dates in the order of their starts; none of a gathering that has one.
    pub dates: Vec<Date>,
    /// How people get in, around and through the day.
    pub access: Access,
    /// Help for those who are arrested.
    pub legal: Option<Legal>,
    /// For journalists.
    pub press: Option<Press>,
    /// The groups that hold it.
    pub hosts: Vec<String>,
    /// The groups that join it; only the confirmed are shown.
    pub cosponsors: Vec<Party>,
    /// What it asks for.
    pub demands: Vec<String>,
}

/// Whether an action happens as first said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// As said.
    Scheduled,
    /// At another place.
    Moved,
    /// At another time.
    Rescheduled,
    /// Later, nobody knows when.
    Postponed,
    /// Not at all.
    Cancelled,
}

/// How long an action is when nobody said when it ends.
const ASSUMED_LENGTH: TimeDelta = TimeDelta::hours(2);

/// Where an action is.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// `Sheraton Times Square`
    pub name: String,
    /// One line.
    pub address: Option<String>,
    /// Degrees north and east.
    pub geo: Option<(f64, f64)>,
    /// Where exactly people meet.
    pub meeting_point: Option<String>,
    /// When the place may first be shown; always when none.
    pub shown_from: Option<Moment>,
    /// When the meeting point is no longer shown.
    pub meeting_point_expires: Option<Moment>,
}

/// How people get in, around and through the day; each a short text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Key and text, in the order of `ACCESS_FIELDS`.
    pub entries: Vec<(&'static str, String)>,
}

/// The keys of `[access]`.
pub const ACCESS_FIELDS: [&str; 9] = [
    "wheelchair",
    "step_free_route",
    "asl",
    "quiet_space",
    "restroom",
    "transit",
    "childcare",
    "masks",
    "contact",
];

/// Help for those who are arrested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Legal {
    /// A number to call.
    pub jail_support: Option<String>,
    /// An address with advice.
    pub know_your_rights: Option<String>,
    /// Who watches.
    pub legal_observers: Option<String>,
    /// When all of it is no longer shown.
    pub expires: Option<Moment>,
}

/// For journalists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    /// A role, never a person: `press team`.
    pub role: String,
    /// A role's address.
    pub email: Option<String>,
    /// What is said to journalists.
    pub advisory: Option<String>,
    /// Nothing of it shows before.
    pub embargo_until: Option<Moment>,
    /// Nothing of it shows after.
    pub expires: Option<Moment>,
}

/// A group that takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Its name.
    pub name: String,
    /// Its page.
    pub url: Option<String>,
    /// Whether it said yes; the others are never shown.
    pub confirmed: bool,
    /// Whether it took its name back.
    pub withdrawn: bool,
}

/// Where a practice comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Where it was or is practised.
    pub places: Vec<Site>,
    /// When, in words or as a span of years.
    pub period: Option<String>,
    /// What it descends from.
    pub lineage: Vec<Lineage>,
    /// What is known from where.
    pub sources: Vec<Source>,
    /// What nobody here knows: shown as questions to the reader.
    pub unknown: Vec<String>,
    /// What can be taken from it.
    pub principles: Vec<String>,
    /// What readers are asked to send.
    pub call: Option<Call>,
    /// Whether it may be carried further without asking.
    pub care: Care,
}

/// Whether a practice may be carried further without asking those it comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Care {
    /// It may.
    #[default]
    Public,
    /// They want to be asked.
    AskFirst,
}

/// A place and the years of a practice there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// `Vancouver`
    pub name: String,
    /// First year.
    pub from: Option<i64>,
    /// Last year.
    pub to: Option<i64>,
}

/// One line of descent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// How it relates.
    pub rel: Relation,
    /// To what: a notice's id, or the name of what has no notice.
    pub target: String,
    /// How sure that is.
    pub confidence: Confidence,
    /// Who says so.
    pub source: Option<String>,
}

/// How a practice relates to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `inspired_by`
    InspiredBy,
    /// `descends_from`
    DescendsFrom,
    /// `adapted_from`
    AdaptedFrom,
    /// `learned_from`
    LearnedFrom,
    /// `parallel_to`
    ParallelTo,
}

/// How sure a line of descent is; an unknown one is a value, not an omission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidence {
    /// Written down.
    Documented,
    /// Told by those who were there.
    Told,
    /// Concluded here.
    Inferred,
    /// Nobody knows.
    Unknown,
}

/// What is known from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What it is called.
    pub title: String,
    /// `article`, `book`, `interview`, …
    pub kind: Option<String>,
    /// Who made it: groups or published authors.
    pub creators: Vec<String>,
    /// As written there.
    pub date: Option<String>,
    /// Where it is.
    pub url: Option<String>,
    /// Where a copy is.
    pub archived_url: Option<String>,
    /// The day on which it was there as described.
    pub accessed: Option<NaiveDate>,
}

/// What readers are asked to send, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What.
    pub what: String,
    /// How.
    pub how: String,
}

/// Who says it, to whom, since when.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Signing {
    /// The day it was issued, as exactly as it is known.
    pub issued: Option<Issued>,
    /// `solidarity`, `condemnation`, …
    pub stance: Option<String>,
    /// To whom it speaks.
    pub addressed_to: Vec<String>,
    /// Who signed; only the confirmed are shown.
    pub signatories: Vec<Party>,
    /// The same statement in other languages.
    pub translations: Vec<Translation>,
    /// Who adopted it.
    pub adopted: Option<Adoption>,
    /// Whether others may sign it.
    pub invitation: Option<Invitation>,
}

/// How a statement became a group's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// Who adopted it; the whole of it when the author wrote one line.
    pub by: String,
    /// By what method: `consensus`, …
    pub method: Option<String>,
    /// Where that is on record: an address, or words.
    pub record: Option<String>,
}

/// Whether others may sign a statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Invitation {
    /// Whether they may now.
    pub is_open: bool,
    /// Until when; without an end when none.
    pub until: Option<Moment>,
}

/// A date as exactly as it is known: EDTF level 1 (ISO 8601-2), `2020-02~` is approximately February 2020.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The first day it can mean.
    pub first_day: NaiveDate,
    /// How much of it was said.
    pub precision: Precision,
    /// Whether it was marked `~`.
    pub approximate: bool,
}

/// How much of a date was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// `2020`
    Year,
    /// `2020-02`
    Month,
    /// `2020-02-14`
    Day,
}

/// The same text in another language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translation {
    /// BCP 47.
    pub lang: String,
    /// Where it stands.
    pub notice: NoticeId,
}

impl NoticeId {
    /// The id, when it has the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let framed = text.starts_with('-') || text.ends_with('-');
        (!text.is_empty() && text.len() <= 100 && !framed && text.chars().all(plain))
            .then(|| Self(text.to_owned()))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Notice {
    /// The event of an action.
    pub fn event(&self) -> Option<&Event> {
        match &self.kind {
            Kind::Action(event) => Some(event),
            Kind::Archive(_) | Kind::Statement(_) => None,
        }
    }

    /// The name of its kind.
    pub fn kind_name(&self) -> KindName {
        match self.kind {
            Kind::Archive(_) => KindName::Archive,
            Kind::Statement(_) => KindName::Statement,
            Kind::Action(_) => KindName::Action,
        }
    }

    /// Where the pictures that it shows lie under the site, `media/crowd.jpg`.
    pub fn pictures(&self) -> impl Iterator<Item = String> {
        let own = self.image.iter().map(|image| format!("media/{}", image.file));
        own.chain(self.body.images.iter().map(|placed| placed.value.path.clone()))
    }

    /// The summary, or the beginning of the text.
    pub fn summary_or_excerpt(&self) -> &str {
        self.summary.as_deref().unwrap_or(&self.body.excerpt)
    }
}

impl KindName {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Archive, Self::Statement, Self::Action];

    /// As written in front matter and addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Statement => "statement",
            Self::Action => "action",
        }
    }
}

impl Status {
    /// As written in front matter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Moved => "moved",
            Self::Rescheduled => "rescheduled",
            Self::Postponed => "postponed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether people may go there at the time said.
    pub fn takes_place(self) -> bool {
        match self {
            Self::Scheduled | Self::Moved | Self::Rescheduled => true,
            Self::Postponed | Self::Cancelled => false,
        }
    }
}

impl Event {
    /// The end, or two hours after the start when none was said (the calendar says that it is assumed).
    pub fn ends_or_assumed(&self) -> Moment {
        self.ends
            .clone()
            .unwrap_or_else(|| Moment::from_instant(self.ends_or_assumed_at(), self.starts.zone.clone()))
    }

    /// The instant of that end.
    pub fn ends_or_assumed_at(&self) -> DateTime<Utc> {
        self.ends.as_ref().map_or(self.starts.at + ASSUMED_LENGTH, |ends| ends.at)
    }
}

impl Place {
    /// Name and address.
    pub fn one_line(&self) -> String {
        match &self.address {
            Some(address) => format!("{}, {address}", self.name),
            None => self.name.clone(),
        }
    }
}

impl Party {
    /// Whether its name may be shown.
    pub fn is_shown(&self) -> bool {
        self.confirmed && !self.withdrawn
    }
}

impl Lineage {
    /// The id of the notice that it comes from, when its target has the form of one; else it is a name.
    pub fn notice(&self) -> Option<&str> {
        NoticeId::parse(&self.target).map(|_| self.target.as_str())
    }
}

impl Tag {
    /// A tag from what the author wrote, with or without `#`; `None` when nothing is left of it, or too much.
    pub fn parse(text: &str) -> Option<Self> {
        Self::named(text.trim().trim_start_matches('#'))
    }

    /// A name as it is; `None` when nothing of it can stand in an address, or more than `MAX_SLUG_BYTES`.
    pub fn named(name: &str) -> Option<Self> {
        let slug = slug(name);
        (1..=MAX_SLUG_BYTES).contains(&slug.len()).then_some(Self { name: name.to_owned(), slug })
    }
}

/// Lower-case ASCII letters, digits and single hyphens that stand for a text in an address.
pub fn slug(text: &str) -> String {
    let ascii = deunicode::deunicode(text).to_lowercase();
    let words: Vec<&str> =
        ascii.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("-")
}
