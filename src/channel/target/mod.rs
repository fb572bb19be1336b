//! Target: a signed webhook post, after Standard Webhooks 1.0.0.

pub mod guard;
pub mod reply;
pub mod sign;

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Method, Response, redirect, retry, tls};
use url::Url;

use crate::channel::target::guard::{Cidr, Guard, Refusal, Resolver, check_url};
use crate::channel::target::reply::{Reply, judge, words};
use crate::channel::target::sign::{Secret, is_id, sign};
use crate::delivery::{Answer, Fault, Outcome};

/// Seconds before the second, third, … try: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h, 75.6 h in all.
/// The first try is at once. The example schedule of Standard Webhooks 1.0.0.
pub const RETRIES: &[u32] = &[5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// Bytes of an answer's body that are read. More than is kept, because a body read to its end leaves the
/// connection free for the next post.
const READ_BYTES: usize = 64 * 1024;
/// The window of an HTTP/2 stream: the protocol's own default. The client's is 2 MB, which it would hold for us.
const STREAM_WINDOW_BYTES: u32 = 65_535;
const NO_TLS: &str = "TLS cannot be set up on this machine";
const USER_AGENT: &str = concat!("Handbill/", env!("CARGO_PKG_VERSION"));

/// Where one target's posts go and what signs them. Its `Debug` shows the origin alone, because the path is often
/// the password.
#[derive(Clone)]
pub struct Endpoint {
    url: Url,
    secrets: Vec<Secret>,
    guard: Guard,
}

impl Endpoint {
    /// Reads a target's URL. `secrets` are the current one and, during a rotation, the one before; `allow` are
    /// the networks of the operator's own that it may reach, within which alone it may use plain HTTP.
    pub fn parse(url: &str, secrets: Vec<Secret>, allow: &[Cidr]) -> Result<Self, Refusal> {
        if secrets.is_empty() {
            return Err(Refusal::NoSecret);
        }
        let (url, guard) = check_url(url, allow)?;
        Ok(Self { url, secrets, guard })
    }

    /// Scheme, host and port: all of the URL that a log or a table may show.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("origin", &self.origin())
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}

/// What is sent to an address.
#[derive(Debug, Clone)]
pub struct Message {
    /// `GET` or `POST`.
    pub method: Method,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// How long one try may take. The lease on a delivery has to be longer than `total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Until there is a connection: name, TCP and TLS.
    pub connect: Duration,
    /// Until the last byte of the answer's body.
    pub total: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(15) }
    }
}

/// Posts to targets.
///
/// One client for all targets that have the same [`Guard`], made once and kept: a client for each delivery is a
/// hundred times slower. Clients are not shared across guards, for a reason beyond the resolver: a kept
/// connection is used again without a look at its address, so that one target's `allow` would open the way for
/// another.
pub struct Poster {
    deadlines: Deadlines,
    clients: Mutex<HashMap<Guard, Client>>,
}

impl Poster {
    /// A poster with the clients that these targets need.
    ///
    /// # Errors
    /// When TLS cannot be set up, such as on a machine without root certificates.
    pub fn new<'a>(
        deadlines: Deadlines,
        endpoints: impl IntoIterator<Item = &'a Endpoint>,
    ) -> reqwest::Result<Self> {
        let poster = Self { deadlines, clients: Mutex::default() };
        for endpoint in endpoints {
            poster.client(&endpoint.guard)?;
        }
        Ok(poster)
    }

    /// Posts a JSON body once and returns what came of it; [`judge`] says what it means.
    ///
    /// `id` is the delivery's and the same at every try, `timestamp` is now. The answer's body is not waited for
    /// past the deadline: a target that said 200 and then drips has taken the post.
    pub async fn post(&self, target: &Endpoint, id: &str, timestamp: DateTime<Utc>, body: &[u8]) -> Answer {
        match self.request(target, id, timestamp, body) {
            Ok(request) => exchange(request, &target.url, &target.guard, timestamp).await.0,
            Err(unsent) => unsent,
        }
    }

    /// Sends a message that is no post to a target, once, by the same rules: guarded, with the same deadlines, no
    /// redirect followed. Answers with what came of it and the start of what was said, as it came.
    pub async fn send(
        &self,
        url: &Url,
        guard: &Guard,
        message: Message,
        timestamp: DateTime<Utc>,
    ) -> (Answer, Vec<u8>) {
        let Ok(client) = self.client(guard) else {
            return (unsent(Outcome::Deferred(Fault::Route), NO_TLS), Vec::new());
        };
        let request = client.request(message.method, url.clone()).headers(message.headers).body(message.body);
        exchange(request, url, guard, timestamp).await
    }

    fn request(
        &self,
        target: &Endpoint,
        id: &str,
        timestamp: DateTime<Utc>,
        body: &[u8],
    ) -> Result<reqwest::RequestBuilder, Answer> {
        // A full stop would let bytes move between the signed parts.
        if !is_id(id) {
            return Err(unsent(
                Outcome::Bounced(Fault::Message),
                "the webhook-id is not visible ASCII without a full stop",
            ));
        }
        let Ok(client) = self.client(&target.guard) else {
            return Err(unsent(Outcome::Deferred(Fault::Route), NO_TLS));
        };
        let signature = sign(&target.secrets, id, timestamp, body);
        Ok(client
            .post(target.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp.timestamp())
            .header("webhook-signature", signature)
            .body(body.to_vec()))
    }

    fn client(&self, guard: &Guard) -> reqwest::Result<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(guard) {
            return Ok(client.clone());
        }
        let client = build_client(guard, self.deadlines)?;
        clients.insert(guard.clone(), client.clone());
        Ok(client)
    }
}

impl fmt::Debug for Poster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poster").field("deadlines", &self.deadlines).finish_non_exhaustive()
    }
}

fn build_client(guard: &Guard, deadlines: Deadlines) -> reqwest::Result<Client> {
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        .dns_resolver(Resolver::new(guard.clone()))
        .https_only(!guard.is_plain())
        .tls_version_min(tls::Version::TLS_1_2)
        .redirect(redirect::Policy::none())
        .referer(false)
        // The ledger tries again, with its own delays and an attempt on record for each.
        .retry(retry::never())
        // A proxy resolves names for itself, past the guard.
        .no_proxy()
        .connect_timeout(deadlines.connect)
        // Of the client's deadlines the only one that covers the body.
        .timeout(deadlines.total)
        .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
        // Off even if another crate turns the features on: what is read stays what was sent.
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd();
    // Plain HTTP needs no root certificates, so a machine without them can still use it.
    let builder = if guard.is_plain() { builder.tls_certs_only([]) } else { builder };
    builder.build()
}

async fn exchange(
    request: reqwest::RequestBuilder,
    url: &Url,
    guard: &Guard,
    timestamp: DateTime<Utc>,
) -> (Answer, Vec<u8>) {
    let started = Instant::now();
    let (reply, said) = reply(request, guard).await;
    let took = started.elapsed();
    let (outcome, retry_after) = judge(&reply, timestamp + took);
    let code = match reply {
        Reply::Head { code, .. } => Some(code),
        Reply::Unreached | Reply::NoAnswer => None,
    };
    (Answer { outcome, code, enhanced: None, text: words(&said, url), retry_after, took }, said)
}

async fn reply(request: reqwest::RequestBuilder, guard: &Guard) -> (Reply, Vec<u8>) {
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => return (no_reply(&error), explain(error).into_bytes()),
    };
    // The resolver and `check_url` have seen to this before; an answer from elsewhere is not believed.
    let address = response.remote_addr().map(|address| address.ip()).ok_or(Refusal::Unknown);
    if let Err(refusal) = address.and_then(|address| guard.admit(address)) {
        return (Reply::Unreached, refusal.to_string().into_bytes());
    }
    let header = |name: &str| text_of(response.headers(), name);
    let reply = Reply::Head {
        code: response.status().as_u16(),
        retry_after: header(RETRY_AFTER.as_str()),
        wish: header("webhook-delivery"),
    };
    (reply, read_start(response).await)
}

fn no_reply(error: &reqwest::Error) -> Reply {
    if error.is_connect() || error.is_builder() { Reply::Unreached } else { Reply::NoAnswer }
}

/// The chain of causes on one line, or the guard's own words when it was the guard.
fn explain(error: reqwest::Error) -> String {
    // The URL is in the error and holds the tokens of many a chat.
    let error = error.without_url();
    let causes: Vec<&dyn StdError> =
        std::iter::successors(Some(&error as &dyn StdError), |&cause| cause.source()).collect();
    if let Some(refusal) = causes.iter().find_map(|cause| cause.downcast_ref::<Refusal>()) {
        return refusal.to_string();
    }
    // The outermost only says that there was an error.
    let inner = if causes.len() > 1 { &causes[1..] } else { &causes[..] };
    inner.iter().map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

// Whatever ends the body, the deadline, the limit or a lost connection, what came before it is kept.
async fn read_start(mut response: Response) -> Vec<u8> {
    let mut start = Vec::new();
    while start.len() < READ_BYTES
        && let Ok(Some(chunk)) = response.chunk().await
    {
        start.extend_from_slice(&chunk);
    }
    start.truncate(READ_BYTES);
    start
}

fn unsent(outcome: Outcome, text: &str) -> Answer {
    Answer {
        outcome,
        code: None,
        enhanced: None,
        text: text.to_owned(),
        retry_after: None,
        took: Duration::ZERO,
    }
}
