//! Status: what a code or a sentence says about an address, after RFC 3463.
//!
//! Pure.

use std::fmt;

/// What a refusal says, by whom it concerns and for how long.
///
/// In the order in which they count: of two opinions on one mail the first is believed, because nobody is
/// suppressed for what we did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The message, its sender or the way it took: spam, policy, protocol. It says nothing of the address.
    Ours,
    /// The address, for now: full, slow, not reached for days.
    Soft,
    /// The address, for good: there is nobody.
    Hard,
}

/// An enhanced status code (RFC 3463 §2) such as `5.1.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status {
    /// 2 for success, 4 for a failure that lasts a while, 5 for one that stays.
    pub class: u8,
    /// Which part of mail.
    pub subject: u16,
    /// What of it.
    pub detail: u16,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl Status {
    /// The first code in a text. Numbers with more parts, such as an IP address, are none.
    pub fn find(text: &str) -> Option<Self> {
        text.split(|c: char| !c.is_ascii_digit() && c != '.').find_map(Self::parse)
    }

    fn parse(word: &str) -> Option<Self> {
        // As a sentence ends: `5.1.1.`
        let mut parts = word.strip_suffix('.').unwrap_or(word).split('.');
        let mut part = || parts.next().filter(|part| (1..=3).contains(&part.len()))?.parse::<u16>().ok();
        let (class, subject, detail) = (part()?, part()?, part()?);
        let class = u8::try_from(class).ok().filter(|class| matches!(class, 2 | 4 | 5))?;
        parts.next().is_none().then_some(Self { class, subject, detail })
    }

    /// Whether it says no more than that something failed: X.0.0, and the "other" of addresses, mailboxes, systems,
    /// networks and protocols, under which large hosts say in words what they mean.
    pub fn is_vague(self) -> bool {
        matches!((self.subject, self.detail), (0, _) | (1..=5, 0))
    }
}

/// The class of a refusal: by its enhanced code, or where that is vague or missing by the words around it.
///
/// RFC 3463 §3 and the registry of its codes; RFC 7505 for 5.1.10. What is not understood counts as soft: five of
/// them lead to a question and not to silence.
pub fn class(status: Option<Status>, words: &str) -> Class {
    let said = words_class(words);
    let Some(status) = status.filter(|status| !status.is_vague()) else { return said.unwrap_or(Class::Soft) };
    match (status.class, status.subject, status.detail) {
        // The sender's address, security and policy, content and protocol: a host that takes nothing from us says
        // so, for a while or for good, of everybody on it.
        (_, 1, 7 | 8) | (_, 5..=7, _) => Class::Ours,
        // Too long for the mailbox or the system.
        (_, 2 | 3, 3 | 4) => Class::Ours,
        (4, ..) => Class::Soft,
        (5, 1, 1 | 2 | 3 | 6 | 10) => Class::Hard,
        // Gmail says 5.2.1 of accounts that are closed, and of those that get too much at this moment.
        (5, 2, 1) if said == Some(Class::Soft) => Class::Soft,
        (5, 2, 1) => Class::Hard,
        // Microsoft refuses unknown users by 5.4.1, and domains that are gone by 5.4.310.
        (5, 4, 1) => said.unwrap_or(Class::Soft),
        (5, 4, 310) => Class::Hard,
        _ => Class::Soft,
    }
}

/// The class of a refusal that came as a reply to RCPT (RFC 5321 §4.2).
pub fn class_of_reply(code: u16, enhanced: Option<&str>, text: &str) -> Class {
    match enhanced.and_then(Status::find) {
        Some(status) => class(Some(status), text),
        // Syntax and order of commands are our own fault.
        None if matches!(code, 500..=504 | 555) => Class::Ours,
        None => class(None, text),
    }
}

// The longest explanation that is worth reading.
const MOST_WORDS: usize = 8_192;

// What hosts write, in lower case; a class is looked for in this order. Where a text says "blocked" and "does not
// exist", it is often the sender's domain that does not.
const OURS: &[&str] = &[
    "sender address",
    "sender denied",
    "sender rejected",
    "sender domain",
    "domain of sender",
    "spam",
    "blocked",
    "blocklist",
    "block list",
    "blacklist",
    "black list",
    "listed by",
    "policy",
    "reputation",
    "dmarc",
    "dkim",
    "not authorized",
    "not permitted",
    "relay access denied",
    "relaying denied",
    "unable to relay",
    "too large",
    "too big",
    "virus",
    "prohibited",
];
const SOFT: &[&str] = &[
    "mailbox full",
    "mailbox is full",
    "inbox is full",
    "quota",
    "out of storage",
    "insufficient storage",
    "too quickly",
    "receiving mail at a rate",
    "temporarily",
    "try again",
    "timed out",
    "timeout",
];
const HARD: &[&str] = &[
    "user unknown",
    "unknown user",
    "no such user",
    "user not found",
    "user doesn't exist",
    "user does not exist",
    "this user doesn't have",
    "unknown recipient",
    "recipient unknown",
    "no such recipient",
    "recipient not found",
    "recipientnotfound",
    "recipient name is not recognized",
    "invalid recipient",
    "unknown address",
    "unknown local",
    "unrouteable address",
    "no such address",
    "address does not exist",
    "address rejected",
    "no mailbox here by that name",
    "no such mailbox",
    "unknown mailbox",
    "invalid mailbox",
    "mailbox not found",
    "mailbox unavailable",
    "mailbox does not exist",
    "account that you tried to reach does not exist",
    "account does not exist",
    "no such account",
    "account has been disabled",
    "account is disabled",
    "is disabled",
    "no longer valid",
    "no longer exists",
];

fn words_class(words: &str) -> Option<Class> {
    let words = words[..words.floor_char_boundary(MOST_WORDS)].to_ascii_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| words.contains(phrase));
    let classes = [(OURS, Class::Ours), (SOFT, Class::Soft), (HARD, Class::Hard)];
    classes.into_iter().find(|(phrases, _)| says(phrases)).map(|(_, class)| class)
}
