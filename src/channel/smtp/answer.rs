//! Answer: what a relay's reply, or its silence, means for a delivery.
//!
//! Pure.

use std::time::Duration;

use crate::delivery::{Answer, Fault, Outcome};

// Enough for the longest explanations that large providers give, small enough for a million receipts.
const MAX_TEXT_BYTES: usize = 1_000;

/// Where in the exchange something was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Name, connection, greeting, TLS, EHLO, AUTH.
    Open,
    /// RSET after a refused envelope.
    Reset,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA.
    Data,
    /// The message is going out, its final dot is not.
    Body,
    /// The final dot is going out, or has gone.
    Dot,
}

/// What was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A reply: its code, and its lines joined by spaces.
    Reply(u16, String),
    /// No reply, or none that can be trusted: closed, timed out, out of turn. Says why in a clause.
    Lost(String),
}

/// What it means for the delivery.
///
/// After RFC 5321 §4.2.1 and §4.5.3.2, RFC 3463 §3, and what Postfix does. Two rules stand above the table:
/// nobody is suppressed for what *we* did, and only a reply to the final dot says that a message was taken.
pub fn outcome(stage: Stage, heard: &Heard) -> Outcome {
    let (code, text) = match heard {
        Heard::Reply(code, text) => (*code, text.as_str()),
        Heard::Lost(_) if stage == Stage::Dot => return Outcome::Uncertain,
        Heard::Lost(_) => return Outcome::Deferred(Fault::Route),
    };
    match code {
        // The service closes, or wants TLS or other credentials (RFC 4954 §6): that is the way, not the mail.
        421 | 530 | 534 | 535 | 538 => Outcome::Deferred(Fault::Route),
        200..=299 if stage == Stage::Dot => Outcome::Sent,
        400..=499 => Outcome::Deferred(fault(stage)),
        500..=599 => refusal(stage, code, enhanced(code, text)),
        _ if stage == Stage::Dot => Outcome::Uncertain,
        _ => Outcome::Deferred(Fault::Route),
    }
}

/// The enhanced status code (RFC 2034 §4) that a reply begins with, if its class agrees with the reply's.
pub fn enhanced(code: u16, text: &str) -> Option<&str> {
    let word = text.split_ascii_whitespace().next()?;
    let mut parts = word.split('.');
    let class = parts.next()?.parse::<u16>().ok()?;
    let is_number =
        |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let agrees = class == code / 100 && parts.clone().count() == 2 && parts.all(is_number);
    agrees.then_some(word)
}

/// The answer for a recipient, in words that can be stored and logged.
pub fn answer(stage: Stage, heard: &Heard, recipient: &str, took: Duration) -> Answer {
    let (code, status, text) = match heard {
        Heard::Reply(code, text) => (Some(*code), enhanced(*code, text).map(str::to_owned), text),
        Heard::Lost(text) => (None, None, text),
    };
    let text = clean(text, recipient);
    Answer { outcome: outcome(stage, heard), code, enhanced: status, text, retry_after: None, took }
}

/// The text without control characters and without addresses, at most 1,000 bytes.
///
/// The recipient, any other word with an `@` in it and the recipient's local part alone become `<address>`.
pub fn clean(text: &str, recipient: &str) -> String {
    let local = recipient.rsplit_once('@').map_or(recipient, |(local, _)| local);
    let text = without(text, recipient);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while !rest.is_empty() && out.len() < MAX_TEXT_BYTES {
        let end = rest.find(is_delimiter).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        push_word(&mut out, word, local);
        let mut tail_chars = tail.chars();
        match tail_chars.next() {
            Some(c) if c.is_control() => out.push(' '),
            Some(c) => out.push(c),
            None => {}
        }
        rest = tail_chars.as_str();
    }
    out.truncate(out.floor_char_boundary(MAX_TEXT_BYTES));
    out.trim().to_owned()
}

fn fault(stage: Stage) -> Fault {
    match stage {
        Stage::Open | Stage::Reset => Fault::Route,
        Stage::Rcpt => Fault::Recipient,
        Stage::Mail | Stage::Data | Stage::Body | Stage::Dot => Fault::Message,
    }
}

fn refusal(stage: Stage, code: u16, enhanced: Option<&str>) -> Outcome {
    match stage {
        Stage::Open | Stage::Reset => Outcome::Deferred(Fault::Route),
        Stage::Mail | Stage::Data | Stage::Body | Stage::Dot => Outcome::Bounced(Fault::Message),
        Stage::Rcpt => refused_recipient(code, enhanced),
    }
}

fn refused_recipient(code: u16, enhanced: Option<&str>) -> Outcome {
    let Some(enhanced) = enhanced else {
        return match code {
            552 => Outcome::Deferred(Fault::Recipient),
            // Syntax and order of commands (RFC 5321 §4.2.2; 555 is an unknown parameter): our own fault.
            500 | 502..=504 | 555 => Outcome::Bounced(Fault::Message),
            _ => Outcome::Bounced(Fault::Recipient),
        };
    };
    let (_, status) = enhanced.split_once('.').unwrap_or(("", enhanced));
    match status {
        "2.2" => Outcome::Deferred(Fault::Recipient),
        // A bad *sender* address, and a message too long for the mailbox.
        "1.7" | "1.8" | "2.3" => Outcome::Bounced(Fault::Message),
        // Addressing and mailbox; and 5.4.x, which Microsoft gives for an unknown user.
        _ if ["0.", "1.", "2.", "4."].iter().any(|subject| status.starts_with(subject)) => {
            Outcome::Bounced(Fault::Recipient)
        }
        // System, protocol, content, policy.
        _ => Outcome::Bounced(Fault::Message),
    }
}

// Also where the address contains what would else end a word, such as a quoted local part.
fn without(text: &str, recipient: &str) -> String {
    let (haystack, needle) = (text.to_ascii_lowercase(), recipient.to_ascii_lowercase());
    if needle.is_empty() || !haystack.contains(&needle) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    // Lower case of ASCII alone keeps every byte in its place.
    for (at, _) in haystack.match_indices(&needle) {
        out.push_str(&text[from..at]);
        // Two signs that meet no rule below but the one for addresses.
        out.push_str("@@");
        from = at + needle.len();
    }
    out.push_str(&text[from..]);
    out
}

fn is_delimiter(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | ',' | ';' | ':' | '"' | '\\')
}

fn push_word(out: &mut String, word: &str, local: &str) {
    // A link to an explanation may carry the address with its @ written as %40.
    let is_address = word.contains('@') || word.contains("%40") || word.eq_ignore_ascii_case(local);
    match (is_address && !word.is_empty(), out.ends_with('<')) {
        (true, true) => out.push_str("address"),
        (true, false) => out.push_str("<address>"),
        (false, _) => out.push_str(word),
    }
}
