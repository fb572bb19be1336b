//! Returned: what comes back by mail, and what follows from it.
//!
//! Pure. A message of any bytes is read within a bounded amount of work; who sent it is not believed, only the
//! tokens in it, which are ours.

pub mod address; // our own addresses, and what of ours stands in a text
pub mod parts; // a message cut into its parts
pub mod report; // RFC 3464 and RFC 5965
pub mod score; // what follows for a subscriber
pub mod status; // RFC 3463: whom a refusal concerns, and for how long
pub mod words; // bounces that are written for people alone

use chrono::{DateTime, Utc};

use crate::returned::address::{Mark, Own, To, Whose};
use crate::returned::score::Event;
use crate::returned::status::{Class, Status};
use crate::subscriber::{About, ERRAND_TOKEN_BYTES, Key, SubscriberId};

/// The largest message that is read; more of one is not looked at. A report holds at most our own mail, which is
/// smaller.
pub const MAX_BYTES: usize = 1024 * 1024;

/// A message that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// What it says.
    pub said: Said,
    /// What of ours stands in it, unchecked.
    pub marks: Vec<Mark>,
}

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// Our mail was not delivered and will not be.
    Bounced {
        /// Whom that concerns, and for how long.
        class: Class,
        /// The code from which that was seen.
        status: Option<Status>,
    },
    /// Its reader called it unwanted.
    Complained,
    /// It is delayed, or somebody took it: nothing is decided.
    Underway,
    /// A program answers for somebody (RFC 3834): they are away, or want to know who writes.
    Automatic,
    /// Anything else.
    Unknown,
}

/// What follows from a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consequence {
    /// Nothing.
    Nothing,
    /// Something came back from somebody.
    Came {
        /// From whom, of which mail.
        whose: Whose,
        /// What.
        event: Event,
    },
    /// Somebody wants to leave the list of an edition.
    Leaves {
        /// Who.
        recipient: SubscriberId,
        /// The edition's number in the ledger.
        edition: i64,
    },
}

/// Reads a message.
pub fn read(message: &[u8], own: &Own) -> Returned {
    let message = &message[..message.len().min(MAX_BYTES)];
    let (head, parts) = parts::cut(message);
    let mut marks = own.marks(head.bytes);
    marks.extend(head.text("Subject").and_then(subject_mark));
    marks.extend(parts.iter().flat_map(|part| own.marks(&part.contents)));
    let text = |kinds: &[&str]| {
        let part = parts.iter().find(|part| kinds.contains(&part.kind.as_str()))?;
        Some(String::from_utf8_lossy(&part.contents))
    };
    let said = text(&["message/feedback-report"])
        .map(|text| report::feedback(&text))
        .or_else(|| {
            report::delivery_status(&text(&["message/delivery-status", "message/global-delivery-status"])?)
        })
        .or_else(|| words::bounce(&head, text(&["text/plain", "text/html"]).as_deref().unwrap_or("")))
        .unwrap_or_else(|| if words::is_automatic(&head) { Said::Automatic } else { Said::Unknown });
    Returned { said, marks }
}

/// What follows from a message that came to one of our addresses, or to one that is not known.
///
/// Whose it is, is said by the address it came to, or else by what of ours stands in it.
pub fn consequence(to: Option<&To>, returned: &Returned, key: &Key, now: DateTime<Utc>) -> Consequence {
    let event = match returned.said {
        Said::Bounced { class: Class::Hard, .. } => Event::Hard,
        Said::Bounced { class: Class::Soft, .. } => Event::Soft,
        Said::Complained => Event::Complaint,
        Said::Bounced { class: Class::Ours, .. } | Said::Underway => return Consequence::Nothing,
        // Who is away answers the return path; nobody answers List-Unsubscribe but who wants to leave.
        Said::Automatic | Said::Unknown => return leaves(to, returned, key),
    };
    let whose = match to {
        Some(To::ReturnPath(errand)) => Some(Whose::Errand(*errand)),
        Some(To::Leave(_) | To::Complaints) | None => address::whose(&returned.marks, key, now),
    };
    let Some(whose) = whose else { return Consequence::Nothing };
    Consequence::Came { event: asked(&whose, event), whose }
}

fn leaves(to: Option<&To>, returned: &Returned, key: &Key) -> Consequence {
    // Beside the token to leave by may stand that of the return path, of a mail that is quoted.
    let marked = || {
        returned.marks.iter().find_map(|mark| match mark {
            Mark::Token(token) => key.errand(token).filter(|errand| matches!(errand.about, About::Leave(_))),
            Mark::Link(_) | Mark::MessageId(_) => None,
        })
    };
    let errand = match to {
        Some(To::Leave(Some(errand))) => Some(*errand),
        Some(To::Leave(None)) => marked(),
        Some(To::ReturnPath(_) | To::Complaints) | None => None,
    };
    match errand.map(|errand| (errand.about, errand.recipient)) {
        Some((About::Leave(edition), recipient)) => Consequence::Leaves { recipient, edition },
        Some((About::Edition(_) | About::Letter | About::Probe, _)) | None => Consequence::Nothing,
    }
}

// A probe asks; that it comes back, however, is its answer.
fn asked(whose: &Whose, event: Event) -> Event {
    let is_probe = match whose {
        Whose::Errand(errand) => errand.about == About::Probe,
        Whose::Subscriber(_) | Whose::Suspect(..) => false,
    };
    match event {
        Event::Soft if is_probe => Event::ProbeFailed,
        Event::Soft | Event::Hard | Event::Complaint | Event::ProbeFailed => event,
    }
}

// `mailto:leave@…?subject=<token>`
fn subject_mark(subject: &str) -> Option<Mark> {
    let token = subject.trim();
    let is_token =
        token.len() == ERRAND_TOKEN_BYTES && token.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_token.then(|| Mark::Token(token.to_owned()))
}
