//! Reply: what a target's answer means, and what of its words is kept.
//!
//! Pure.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use url::Url;

use crate::delivery::{Answer, Fault, Outcome};

/// The longest wait that a target may ask for: one day, the longest step of the retries.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes of `Answer.text`.
const TEXT_BYTES: usize = 1_000;
/// The shortest piece of a URL that may be a token: shorter ones are words such as `hooks`.
const TOKEN_BYTES: usize = 8;
const HIDDEN: &str = "…";

/// What one try came to, before it is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The head of an HTTP answer. Its body does not change what it means.
    Head {
        /// The status.
        code: u16,
        /// `retry-after`, as it came.
        retry_after: Option<String>,
        /// `webhook-delivery`, as it came.
        wish: Option<String>,
    },
    /// The target was not reached: no address, a forbidden one, no connection, no TLS.
    Unreached,
    /// The request went out, or a part of it, and no answer came back.
    NoAnswer,
}

/// What a reply means, and how long the target asks us to wait.
///
/// - A redirect is a failure like any other and never followed: a notice goes where the operator said.
/// - 410 and `webhook-delivery: disable` are `Bounced(Recipient)`: the target is to be disabled, see
///   [`disables`]. `disable` counts with a 2xx, too: they have this post, and want no other.
/// - `webhook-delivery: abort-message` is `Bounced(Message)`: this one never again, others may come.
/// - 429 and 503 are about the way to the whole target, so they are `Deferred(Route)` and everything for the
///   target waits; any other failure is this delivery's alone.
/// - No answer is `Deferred(Recipient)`, not `Uncertain`: the next try has the same `webhook-id`, by which
///   receivers drop what they have already had, so sending again is always right.
/// - A forbidden address is `Deferred(Route)`, not `Bounced`: it is a slip in a name server or in `allow`, and
///   once the operator has mended it the notice still goes out.
pub fn judge(reply: &Reply, now: DateTime<Utc>) -> (Outcome, Option<Duration>) {
    let (code, retry_after, wish) = match reply {
        Reply::Unreached => return (Outcome::Deferred(Fault::Route), None),
        Reply::NoAnswer => return (Outcome::Deferred(Fault::Recipient), None),
        Reply::Head { code, retry_after, wish } => (*code, retry_after, wish),
    };
    let wait = retry_after.as_deref().and_then(|text| parse_retry_after(text, now));
    let wish = wish.as_deref().map(|text| text.trim().to_ascii_lowercase());
    match (code, wish.as_deref()) {
        (410, _) | (_, Some("disable")) => (Outcome::Bounced(Fault::Recipient), None),
        (200..=299, _) => (Outcome::Sent, None),
        (_, Some("abort-message")) => (Outcome::Bounced(Fault::Message), None),
        (429 | 503, _) => (Outcome::Deferred(Fault::Route), wait),
        (_, _) => (Outcome::Deferred(Fault::Recipient), wait),
    }
}

/// Whether a target asks to be disabled with this answer; the operator is told.
pub fn disables(answer: &Answer) -> bool {
    answer.outcome == Outcome::Bounced(Fault::Recipient)
}

/// The wait that a `Retry-After` asks for, at most a day: seconds or a date (RFC 9110, 10.2.3 and 5.6.7).
pub fn parse_retry_after(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a long wait, not a mistake.
        let seconds = text.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(LONGEST_WAIT));
    }
    let until = parse_http_date(text)?;
    Some((until - now).to_std().unwrap_or_default().min(LONGEST_WAIT))
}

/// The first 1,000 bytes of what a target said, on one line, without control characters and e-mail addresses
/// and without what may be a token of its URL: error pages like to repeat the path.
pub fn words(body: &[u8], url: &Url) -> String {
    let text = String::from_utf8_lossy(body);
    let spaced: String =
        text.split(char::is_whitespace).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let printable: String = spaced.chars().filter(|c| !c.is_control()).collect();
    let mut kept = without_addresses(&without_url(printable, url));
    kept.truncate(kept.floor_char_boundary(TEXT_BYTES));
    kept
}

// IMF-fixdate, and the two older forms that a recipient still has to read.
fn parse_http_date(text: &str) -> Option<DateTime<Utc>> {
    ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .map(|naive| naive.and_utc())
}

// Longest first: the path goes before its pieces. The pieces are for texts that escape the slash.
fn without_url(mut text: String, url: &Url) -> String {
    let mut parts = vec![url.as_str().to_owned(), url.path().to_owned()];
    parts.extend(url.path().split('/').map(str::to_owned));
    parts.extend(url.query().map(str::to_owned));
    parts.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
    parts.extend(url.fragment().map(str::to_owned));
    parts.retain(|part| part.len() >= TOKEN_BYTES || (part == url.path() && part.len() > 1));
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    for part in parts {
        text = text.replace(&part, HIDDEN);
    }
    text
}

fn without_addresses(text: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || "@._%+-".contains(c);
    let mut kept = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c: char| !is_part(c)) {
        let word = piece.trim_end_matches(|c: char| !is_part(c));
        let is_address = word.trim_matches('@').contains('@');
        kept.push_str(if is_address { HIDDEN } else { word });
        kept.push_str(&piece[word.len()..]);
    }
    kept
}
