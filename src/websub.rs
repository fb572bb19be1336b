//! Websub: what a hub is asked, and what follows an answer (W3C Recommendation "WebSub", 23 January 2018).
//!
//! Pure. Sections are those of the Recommendation.

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;
use url::Url;

use crate::delivery::{self, Answer, Fault, Next, Outcome, Policy, Standing};

/// What a subscriber wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To be told from now on.
    Subscribe,
    /// Not to be told any more.
    Unsubscribe,
}

/// A request to the hub (§5.1). Its `Debug` shows nothing of where the subscriber is.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// What is wanted.
    pub mode: Mode,
    /// Where the subscriber is to be told, as it was written.
    pub callback: String,
    /// The address of a document.
    pub topic: String,
    /// For how long, within what this hub grants.
    pub lease: TimeDelta,
    /// What signs the updates; empty for none.
    pub secret: String,
}

/// Where a subscriber is told, and what signs that. Its `Debug` shows nothing of either.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// The address, with the subscriber's own parameters.
    pub callback: Url,
    /// What signs the updates; empty for none.
    pub secret: String,
}

/// What is wrong with a request: nothing that depends on who is subscribed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Wrong {
    /// A parameter that has to be there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Two of one kind: which is meant?
    #[error("{0} stands twice")]
    Twice(&'static str),
    /// Neither of the two modes.
    #[error("hub.mode is neither subscribe nor unsubscribe")]
    Mode,
    /// No number of seconds.
    #[error("hub.lease_seconds is not a number of seconds")]
    Lease,
    /// Longer than §5.1 allows.
    #[error("hub.secret has 200 bytes or more")]
    Secret,
    /// Longer than an address is.
    #[error("hub.callback has more than {MOST_CALLBACK_BYTES} bytes")]
    LongCallback,
}

/// How many subscriptions there may be, those that wait to be verified included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// In all.
    pub all: u32,
    /// At one host.
    pub per_host: u32,
}

/// What follows the answer to a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The subscriber wants it.
    Confirmed,
    /// The subscriber does not, or nobody is there.
    Refused,
    /// No answer that counts: asked again then.
    Again(DateTime<Utc>),
}

/// What follows the answer to an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// They took it.
    Taken,
    /// They are gone (410): nothing more is sent.
    Gone,
    /// It is tried again then.
    Again(DateTime<Utc>),
    /// The lease ends before another try.
    Over,
}

/// The usual caps: each update goes to all of them, a document of 64 KiB 650 MB in all. A reader that serves many
/// people has one host, and a callback for each topic.
pub const CAPS: Caps = Caps { all: 10_000, per_host: 500 };

/// The lease when none is asked for.
pub const LEASE: TimeDelta = TimeDelta::days(10);

/// A shorter one would be verified anew without end.
pub const SHORTEST_LEASE: TimeDelta = TimeDelta::days(1);

/// A longer one would send to who has gone.
pub const LONGEST_LEASE: TimeDelta = TimeDelta::days(30);

/// §5.1: a secret is shorter.
const SECRET_BYTES: usize = 200;

const MOST_CALLBACK_BYTES: usize = 2_000;

/// Seconds before the second and the third try of a verification. The first is at once, and who starts after its
/// request is up by then.
const VERIFICATION_RETRIES: &[u32] = &[5, 300];

impl Mode {
    /// As it is spelt in `hub.mode`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
        }
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("mode", &self.mode)
            .field("topic", &self.topic)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<place>")
    }
}

impl Place {
    /// As one text, to be sealed: no address holds a line break.
    pub fn to_text(&self) -> String {
        format!("{}\n{}", self.callback, self.secret)
    }

    /// The place of such a text.
    pub fn of_text(text: &str) -> Option<Self> {
        let (callback, secret) = text.split_once('\n')?;
        Some(Self { callback: Url::parse(callback).ok()?, secret: secret.to_owned() })
    }
}

/// Reads a request, which is a form. What is not known is passed over (§5.1): older hubs were asked for more.
pub fn read(body: &[u8]) -> Result<Request, Wrong> {
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
    let one = |name: &'static str| {
        let mut found = fields.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        match (found.next(), found.next()) {
            (value, None) => Ok(value.filter(|value| !value.is_empty())),
            (_, Some(_)) => Err(Wrong::Twice(name)),
        }
    };
    let needed = |name: &'static str| one(name)?.ok_or(Wrong::Missing(name));
    let mode = match needed("hub.mode")? {
        "subscribe" => Mode::Subscribe,
        "unsubscribe" => Mode::Unsubscribe,
        _ => return Err(Wrong::Mode),
    };
    let callback = needed("hub.callback")?.to_owned();
    if callback.len() > MOST_CALLBACK_BYTES {
        return Err(Wrong::LongCallback);
    }
    let topic = needed("hub.topic")?.to_owned();
    let lease = lease(one("hub.lease_seconds")?)?;
    let secret = one("hub.secret")?.unwrap_or_default().to_owned();
    if secret.len() >= SECRET_BYTES {
        return Err(Wrong::Secret);
    }
    Ok(Request { mode, callback, topic, lease, secret })
}

// §5.1: the hub may grant another lease than it is asked for, and says which.
fn lease(asked: Option<&str>) -> Result<TimeDelta, Wrong> {
    let Some(asked) = asked else { return Ok(LEASE) };
    if !asked.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Wrong::Lease);
    }
    // More digits than fit are a long lease, not a mistake.
    let seconds = asked.parse().unwrap_or(i64::MAX);
    Ok(TimeDelta::try_seconds(seconds).unwrap_or(TimeDelta::MAX).clamp(SHORTEST_LEASE, LONGEST_LEASE))
}

/// Whether one can subscribe to what stands at a path under the site: a feed in any of its formats, and no month of
/// its archive, which is closed.
pub fn is_topic(path: &str) -> bool {
    let ends = [".atom", ".rss", ".json"];
    path.starts_with("feeds/")
        && !path.starts_with("feeds/all/")
        && ends.iter().any(|end| path.ends_with(end))
}

/// The header `Link` of a topic and of its updates (§4, §7): where its hubs are, and its own address.
pub fn links(hubs: &[String], topic: &str) -> String {
    let hubs: String = hubs.iter().map(|hub| format!("<{hub}>; rel=\"hub\", ")).collect();
    format!("{hubs}<{topic}>; rel=\"self\"")
}

/// Where a subscriber is asked whether the request is theirs (§5.3): its own parameters stay in front.
pub fn verification(callback: &Url, mode: Mode, topic: &str, challenge: &str, lease: TimeDelta) -> Url {
    let mut url = callback.clone();
    url.query_pairs_mut()
        .append_pair("hub.mode", mode.word())
        .append_pair("hub.topic", topic)
        .append_pair("hub.challenge", challenge)
        .append_pair("hub.lease_seconds", &lease.num_seconds().to_string());
    url
}

/// Where a subscriber is told that there is nothing for them, any more or at all (§5.2).
pub fn denial(callback: &Url, topic: &str, reason: &str) -> Url {
    let mut url = callback.clone();
    url.query_pairs_mut()
        .append_pair("hub.mode", "denied")
        .append_pair("hub.topic", topic)
        .append_pair("hub.reason", reason);
    url
}

/// The header `X-Hub-Signature` of an update (§7.1).
pub fn signature(secret: &str, body: &[u8]) -> String {
    // A key of any length is taken (RFC 2104 §2).
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(body);
    let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digits}")
}

/// What follows the answer to a verification, of which `attempts` have been made: the body of a 2xx has to be the
/// challenge, byte by byte (§5.3.1). Any other status is a no, but for those of a server in trouble.
pub fn verdict(answer: &Answer, body: &[u8], challenge: &str, attempts: u32, now: DateTime<Utc>) -> Verdict {
    let is_theirs = match answer.code {
        Some(200..=299) if body == challenge.as_bytes() => return Verdict::Confirmed,
        Some(429 | 500..=599) | None => false,
        Some(_) => true,
    };
    let tried = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    match VERIFICATION_RETRIES.get(tried) {
        Some(delay) if !is_theirs => Verdict::Again(now + TimeDelta::seconds(i64::from(*delay))),
        Some(_) | None => Verdict::Refused,
    }
}

/// What follows the answer to an update. All that is no 2xx is a failure, a redirect too, and is tried again until
/// the lease ends, which is `standing.expires_at`; but 410 (§7).
pub fn after(policy: &Policy, standing: &Standing<'_>, answer: &Answer, now: DateTime<Utc>) -> After {
    let outcome = match (answer.outcome, answer.code) {
        (Outcome::Sent, _) => return After::Taken,
        (_, Some(410)) => return After::Gone,
        // A closed way is tried for as long as there is time.
        (Outcome::Deferred(_) | Outcome::Bounced(_) | Outcome::Uncertain, _) => {
            Outcome::Deferred(Fault::Route)
        }
    };
    match delivery::next(policy, standing, &Answer { outcome, ..answer.clone() }, now) {
        Next::Retry(at) => After::Again(at),
        Next::Done(_) => After::Over,
    }
}
