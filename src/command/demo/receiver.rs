//! Receiver: a webhook target inside the demo, which believes only what is signed.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use chrono::{DateTime, Utc};
use tokio::net::TcpListener;

use crate::channel::target::sign::{Headers, Secret, verify};
use crate::clock::Clock;

/// A post as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// When, by the demo's clock.
    pub at: DateTime<Utc>,
    /// `webhook-id`.
    pub id: String,
    /// Its `type`, such as `notice.published`.
    pub kind: String,
    /// The notice's title.
    pub title: String,
    /// What is wrong with its signature; none when it was verified.
    pub unverified: Option<String>,
    /// Whether one with the same id came before.
    pub is_copy: bool,
}

/// The receiver, listening.
pub struct Receiver {
    /// Where the posts go.
    pub address: SocketAddr,
    listener: TcpListener,
}

/// What the receiver has seen.
#[derive(Clone)]
pub struct Seen {
    desk: Arc<Desk>,
}

struct Desk {
    secrets: Vec<Secret>,
    clock: Mutex<Clock>,
    posts: Mutex<Vec<Post>>,
}

/// Standard Webhooks 1.0.0 names five minutes.
const TOLERANCE_SECONDS: u32 = 300;

impl Receiver {
    /// Listens on a free loopback port; posts wait until it serves.
    pub async fn bind() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen for posts")?;
        let address = listener.local_addr().context("listen for posts")?;
        Ok(Self { address, listener })
    }

    /// Takes posts signed with one of `secrets` until the runtime ends.
    pub fn serve(self, secrets: Vec<Secret>, clock: Clock) -> Seen {
        let desk = Desk { secrets, clock: Mutex::new(clock), posts: Mutex::default() };
        let seen = Seen { desk: Arc::new(desk) };
        let router = Router::new().route("/", post(take)).with_state(seen.clone());
        let served = axum::serve(self.listener, router);
        tokio::spawn(async move { served.await });
        seen
    }
}

impl Seen {
    /// Every post so far, in the order in which they came.
    pub fn posts(&self) -> Vec<Post> {
        self.desk.posts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on the time is that of `clock`.
    pub fn follow(&self, clock: &Clock) {
        *self.desk.clock.lock().unwrap_or_else(PoisonError::into_inner) = clock.clone();
    }

    /// The demo's time.
    pub fn now(&self) -> DateTime<Utc> {
        self.desk.clock.lock().unwrap_or_else(PoisonError::into_inner).now()
    }

    /// How many were received, verified, and copies of an earlier one.
    pub fn counts(&self) -> [usize; 3] {
        let posts = self.posts();
        let verified = posts.iter().filter(|post| post.unverified.is_none()).count();
        let copies = posts.iter().filter(|post| post.is_copy).count();
        [posts.len(), verified, copies]
    }
}

async fn take(State(seen): State<Seen>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let now = seen.now();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signed = Headers {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
    };
    let verified = verify(&seen.desk.secrets, signed, &body, TOLERANCE_SECONDS, now);
    let said: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |pointer: &str| {
        said.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    };
    let mut posts = seen.desk.posts.lock().unwrap_or_else(PoisonError::into_inner);
    let is_copy = posts.iter().any(|post| post.id == signed.id);
    posts.push(Post {
        at: now,
        id: signed.id.to_owned(),
        kind: text("/type"),
        title: text("/data/title"),
        unverified: verified.err().map(|unverified| unverified.to_string()),
        is_copy,
    });
    if verified.is_ok() { StatusCode::NO_CONTENT } else { StatusCode::UNAUTHORIZED }
}
