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
    /// When a mail last asked whether their address still works.
    pub asked_at: Option<DateTime<Utc>>,
    /// Whether so many others were given up in the day before that it may not be about them, see `is_wave`.
    pub is_wave: bool,
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

/// Why no more mail goes to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
/// is on its way for a while too. It is counted from the asking: the mail goes out within moments, or is late for all.
pub const PROBE_ARRIVES_WITHIN: TimeDelta = TimeDelta::days(7);

/// Addresses given up within so long are counted together.
pub const WAVE: TimeDelta = TimeDelta::days(1);

// So many dead addresses in a day are nothing odd on any list.
const MOST_IN_A_DAY: u64 = 50;

// Nor is one in twenty of an edition's recipients: more, and providers take the sender for a spammer.
const MOST_SHARE: u64 = 20;

/// Whether addresses are refused in such numbers that the fault may be a host's: a relay without its database, or a
/// large provider on a bad day, says of everybody that they do not exist. `given_up` within `WAVE` before, of an
/// edition that went to `recipients`.
pub fn is_wave(given_up: u64, recipients: u64) -> bool {
    given_up >= MOST_IN_A_DAY.max(recipients / MOST_SHARE)
}

/// What follows an event. A probe that arrived begins the count anew. In a wave nobody is given up because a mail
/// came back: who is really gone is refused the next mail, too.
pub fn verdict(history: &History, event: Event, now: DateTime<Utc>) -> Verdict {
    match event {
        Event::Complaint => Verdict::Suppress(Reason::Complaint),
        Event::Hard | Event::ProbeFailed if history.is_wave => Verdict::Counted,
        Event::Hard => Verdict::Suppress(Reason::Hard),
        Event::ProbeFailed if is_open(history, now) => Verdict::Suppress(Reason::Soft),
        Event::Soft if !is_open(history, now) && score(history, now) + 1 >= MOST_SOFT => Verdict::Probe,
        Event::ProbeFailed | Event::Soft => Verdict::Counted,
    }
}

/// How many soft bounces count at `now`.
pub fn score(history: &History, now: DateTime<Utc>) -> usize {
    let since = match history.asked_at {
        Some(asked_at) if !is_open(history, now) => asked_at.max(now - COUNTS_FOR),
        Some(_) | None => now - COUNTS_FOR,
    };
    history.soft_at.iter().filter(|at| **at > since).count()
}

// Whether it is still to be seen if the address works.
fn is_open(history: &History, now: DateTime<Utc>) -> bool {
    history.asked_at.is_some_and(|asked_at| now < asked_at + PROBE_ARRIVES_WITHIN)
}
