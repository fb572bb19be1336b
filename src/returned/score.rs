//! Score: what follows for a subscriber whose mail came back.
//!
//! Pure.

use chrono::{DateTime, TimeDelta, Utc};

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// A mail was refused for now.
    Soft,
    /// A mail was refused for good.
    Hard,
    /// Its reader called a mail unwanted.
    Complaint,
    /// The mail that asked whether the address still works came back.
    ProbeFailed,
}

/// What is known of a subscriber before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// When mails came back softly, in any order.
    pub soft_at: Vec<DateTime<Utc>>,
    /// The question whether their address still works.
    pub probe: Probe,
}

/// The question whether an address still works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Probe {
    /// Not asked.
    #[default]
    None,
    /// To be asked.
    Wanted,
    /// Asked then.
    Sent(DateTime<Utc>),
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is written down.
    Counted,
    /// A mail is to ask whether the address still works.
    Probe,
    /// No more mail goes there.
    Suppress(Reason),
}

/// Why no more mail goes to an address; a later one takes the place of an earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Too many mails came back, and the probe too.
    Soft,
    /// A mail came back for good.
    Hard,
    /// Its reader complained.
    Complaint,
}

/// A soft bounce counts for so long.
pub const COUNTS_FOR: TimeDelta = TimeDelta::days(30);

/// So many of them, and the address is asked.
pub const MOST_SOFT: usize = 5;

/// A probe that did not come back within this arrived: hosts try for five days (RFC 5321 §4.5.4.1), and their report
/// is on its way for a while too.
pub const PROBE_ARRIVES_WITHIN: TimeDelta = TimeDelta::days(7);

/// What follows an event. A probe that arrived begins the count anew.
pub fn verdict(history: &History, event: Event, now: DateTime<Utc>) -> Verdict {
    match event {
        Event::Complaint => Verdict::Suppress(Reason::Complaint),
        Event::Hard => Verdict::Suppress(Reason::Hard),
        Event::ProbeFailed => match history.probe {
            Probe::Sent(_) => Verdict::Suppress(Reason::Soft),
            Probe::None | Probe::Wanted => Verdict::Counted,
        },
        Event::Soft if is_open(history.probe, now) || score(history, now) + 1 < MOST_SOFT => Verdict::Counted,
        Event::Soft => Verdict::Probe,
    }
}

/// How many soft bounces count at `now`.
pub fn score(history: &History, now: DateTime<Utc>) -> usize {
    let since = match history.probe {
        Probe::Sent(at) if !is_open(history.probe, now) => at.max(now - COUNTS_FOR),
        Probe::None | Probe::Wanted | Probe::Sent(_) => now - COUNTS_FOR,
    };
    history.soft_at.iter().filter(|at| **at > since).count()
}

// Whether it is still to be seen if the address works.
fn is_open(probe: Probe, now: DateTime<Utc>) -> bool {
    match probe {
        Probe::None => false,
        Probe::Wanted => true,
        Probe::Sent(at) => now < at + PROBE_ARRIVES_WITHIN,
    }
}

impl Reason {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Soft, Self::Hard, Self::Complaint];

    /// As the ledger holds it; a later reason has a higher number.
    pub fn number(self) -> i64 {
        match self {
            Self::Soft => 0,
            Self::Hard => 1,
            Self::Complaint => 2,
        }
    }

    /// As people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Soft => "mails and a probe came back",
            Self::Hard => "a mail came back for good",
            Self::Complaint => "its reader complained",
        }
    }
}
