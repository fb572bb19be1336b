//! Edition: one thing to send.
//!
//! Pure. Its id comes from what it is, so planning it again is planning it once.

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::notice::NoticeId;
use crate::notice::date::DateKey;
use crate::schedule::reminder::Before;

/// An edition's name for ever, such as `alert/alerts/2018-07-10-abolish-ice`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EditionId(String);

/// Who gets it: a list's subscribers, one target, or people one by one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Audience {
    /// Everybody confirmed on the list of that name.
    List(String),
    /// The target of that name.
    Target(String),
    /// Each person who is written to for a reason of their own; they come one by one while the edition is open.
    People,
}

/// One thing to send.
#[derive(Debug, Clone, PartialEq)]
pub struct Edition {
    /// Its name for ever.
    pub id: EditionId,
    /// Who gets it.
    pub audience: Audience,
    /// What it carries.
    pub content: Content,
    /// Not before.
    pub due_at: DateTime<Utc>,
    /// Past it nothing of it is sent any more.
    pub expires_at: DateTime<Utc>,
    /// Who of the audience gets a correction; all else goes to everybody who takes it.
    pub reach: Reach,
}

/// Who of its audience gets a correction, of those who do not get the same by another list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Whoever may go by the notice: who was told of it, and who takes the audience's alerts and was told nothing,
    /// because they came later. Not who waits for an earlier correction, or they for anything urgent of it: what waits
    /// is sent as the notice is then.
    Following,
    /// Who was told of it, and does not wait for an earlier correction.
    Told,
    /// Who was told of it, whatever they wait for: that is dropped.
    ToldAnyway,
}

/// What an edition carries.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A list's digest at a cut.
    Issue {
        /// The cut on the list's wall clock.
        cut: NaiveDateTime,
        /// What was published and not yet carried, oldest first.
        members: Vec<Member>,
    },
    /// A notice that has just been published.
    Alert(Member),
    /// An action that is near; of several dates, which.
    Reminder(Member, Option<DateKey>, Before),
    /// An action that is not any more as it was told.
    Correction(Member, Sequence),
    /// Mails to single people, of a day in UTC: nobody gets two of an occasion on one day.
    Personal(Occasion, NaiveDate),
}

/// Why one person is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Occasion {
    /// Somebody asked for mail to their address.
    Confirmation,
    /// They confirmed.
    Welcome,
    /// Mail to them came back now and then: does this arrive?
    Probe,
}

/// One notice at one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Which notice.
    pub notice: NoticeId,
    /// Which revision of it.
    pub number: u32,
}

/// The number of a material revision.
pub type Sequence = u32;

/// How urgent a delivery is; a lower lane goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Alerts, corrections and reminders.
    Urgent,
    /// Issues.
    Bulk,
}

impl EditionId {
    /// The id of what `content` is to `audience`.
    pub fn new(audience: &Audience, content: &Content) -> Self {
        let name = audience.name();
        Self(match content {
            Content::Issue { cut, .. } => return Self::issue(name, *cut),
            Content::Alert(member) => format!("alert/{name}/{}", member.notice),
            Content::Reminder(member, date, before) => {
                return Self::reminder(name, &member.notice, date.as_ref(), before);
            }
            Content::Correction(member, sequence) => {
                format!("correction/{name}/{}/{sequence}", member.notice)
            }
            Content::Personal(occasion, day) => return Self::personal(*occasion, *day),
        })
    }

    /// The id of a list's issue at a cut.
    pub fn issue(list: &str, cut: NaiveDateTime) -> Self {
        Self(format!("issue/{list}/{}", cut.format("%Y-%m-%dT%H:%M")))
    }

    /// The id of a reminder, of one of several dates with its key.
    pub fn reminder(audience: &str, notice: &NoticeId, date: Option<&DateKey>, before: &Before) -> Self {
        Self(format!("reminder/{audience}/{}/{before}", dated(notice, date)))
    }

    /// The id of the personal mails of a day in UTC, such as `confirmation/2018-07-08`.
    pub fn personal(occasion: Occasion, day: NaiveDate) -> Self {
        Self(format!("{}/{}", occasion.word(), day.format("%Y-%m-%d")))
    }

    /// An id as the ledger holds it.
    pub fn from_ledger(text: String) -> Self {
        Self(text)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EditionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Audience {
    /// The name of the list or target; no list has a target's name, and people have none.
    pub fn name(&self) -> &str {
        match self {
            Self::List(name) | Self::Target(name) => name,
            Self::People => "",
        }
    }
}

impl Edition {
    /// An edition; its id follows from the audience and the content. Of a correction, to those who were told.
    pub fn new(
        audience: Audience,
        content: Content,
        due_at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Self {
        let reach = Reach::Told;
        Self { id: EditionId::new(&audience, &content), audience, content, due_at, expires_at, reach }
    }
}

impl Content {
    /// The notices that it carries.
    pub fn members(&self) -> &[Member] {
        match self {
            Self::Issue { members, .. } => members,
            Self::Alert(member) | Self::Reminder(member, ..) | Self::Correction(member, _) => {
                std::slice::from_ref(member)
            }
            Self::Personal(..) => &[],
        }
    }

    /// The one of several dates that it is of.
    pub fn date(&self) -> Option<&DateKey> {
        match self {
            Self::Reminder(_, date, _) => date.as_ref(),
            Self::Issue { .. } | Self::Alert(_) | Self::Correction(..) | Self::Personal(..) => None,
        }
    }

    /// How urgent it is.
    pub fn lane(&self) -> Lane {
        match self {
            Self::Issue { .. } => Lane::Bulk,
            Self::Alert(_) | Self::Reminder(..) | Self::Correction(..) | Self::Personal(..) => Lane::Urgent,
        }
    }

    /// `issue`, `alert`, `reminder`, `correction`, `confirmation`, `welcome` or `probe`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Issue { .. } => "issue",
            Self::Alert(_) => "alert",
            Self::Reminder(..) => "reminder",
            Self::Correction(..) => "correction",
            Self::Personal(occasion, _) => occasion.word(),
        }
    }

    /// What one person gets once, on however many lists they are: two lists' alerts of one notice share it.
    pub fn once_key(&self, audience: &Audience) -> String {
        match self {
            Self::Issue { cut, .. } => EditionId::issue(audience.name(), *cut).0,
            Self::Alert(member) => format!("alert/{}", member.notice),
            Self::Reminder(member, date, before) => {
                format!("reminder/{}/{before}", dated(&member.notice, date.as_ref()))
            }
            Self::Correction(member, sequence) => format!("correction/{}/{sequence}", member.notice),
            Self::Personal(occasion, day) => EditionId::personal(*occasion, *day).0,
        }
    }
}

impl Occasion {
    /// `confirmation`, `welcome` or `probe`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation",
            Self::Welcome => "welcome",
            Self::Probe => "probe",
        }
    }

    /// The occasion of that word.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Confirmation, Self::Welcome, Self::Probe].into_iter().find(|occasion| occasion.word() == word)
    }
}

impl Lane {
    /// As the ledger holds it.
    pub fn number(self) -> i64 {
        match self {
            Self::Urgent => 0,
            Self::Bulk => 1,
        }
    }
}

fn dated(notice: &NoticeId, date: Option<&DateKey>) -> String {
    date.map_or_else(|| notice.to_string(), |date| format!("{notice}/{date}"))
}
