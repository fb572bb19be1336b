//! Hub: who wants to be told when a feed changes (W3C Recommendation "WebSub", 23 January 2018, §5.1).
//!
//! A request is on disk before it is answered; who sent it is asked afterwards whether it is theirs (`deliver::hub`).

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use thiserror::Error;
use tokio::sync::Notify;
use tracing::error;
use url::Url;

use crate::channel::target::guard::{Cidr, Refusal, check_url};
use crate::clock::Clock;
use crate::config::{Config, Site};
use crate::ledger::Ledger;
use crate::ledger::hub::Asked;
use crate::ledger::subscribing::nonce;
use crate::subscriber::Key;
use crate::web::networks::{self, Networks};
use crate::web::shelf::Shelf;
use crate::websub::{self, CAPS, Request};

/// What the hub takes requests with.
#[derive(Clone)]
pub struct Hub {
    /// Whose.
    pub config: Arc<Config>,
    /// The documents that one can subscribe to.
    pub shelf: Arc<Shelf>,
    /// Where requests are written down.
    pub ledger: Ledger,
    /// What seals who asks; without it nobody can.
    pub key: Option<Key>,
    /// What time it is.
    pub clock: Clock,
    /// How often each network has asked.
    pub networks: Arc<Networks>,
    /// Networks of the operator's own that a subscriber may stand in.
    pub allow: Arc<[Cidr]>,
    /// Wakes what verifies.
    pub wake: Arc<Notify>,
}

/// Why a request is not taken: nothing that depends on who is subscribed, but for `Full`.
#[derive(Debug, Error)]
enum Refused {
    #[error("this is no form: application/x-www-form-urlencoded is read here")]
    Form,
    #[error(transparent)]
    Wrong(#[from] websub::Wrong),
    #[error("hub.topic is no feed of this site: write its address as its rel=\"self\" says it")]
    Topic,
    #[error("hub.callback is not the address of a public server that https: leads to")]
    Callback(#[from] Refusal),
    #[error("there are as many subscriptions as this hub takes, in all or at that host")]
    Full,
}

// Two addresses, a number and a secret.
const MOST_FORM_BYTES: usize = 16 * 1024;

/// `POST /hub`.
pub fn router(hub: Hub) -> Router {
    Router::new().route("/hub", post(take)).layer(DefaultBodyLimit::max(MOST_FORM_BYTES)).with_state(hub)
}

async fn take(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let now = hub.clock.now();
    if let Some(visitor) = networks::visitor(peer, &headers, &hub.config.proxies)
        && let Err(wait) = hub.networks.take(visitor, now)
    {
        let retry_after = [(header::RETRY_AFTER, wait.as_secs().to_string())];
        let text = say(StatusCode::TOO_MANY_REQUESTS, "there are too many requests from this network");
        return (retry_after, text).into_response();
    }
    let request = match read(&hub, &headers, &body) {
        Ok(request) => request,
        Err(refused) => return say(refused.status(), &refused.to_string()),
    };
    match write_down(&hub, &request).await {
        Ok(true) => {
            hub.wake.notify_one();
            say(StatusCode::ACCEPTED, "taken: whoever is at the callback is asked whether it is theirs")
        }
        Ok(false) => say(Refused::Full.status(), &Refused::Full.to_string()),
        Err(err) => {
            error!(error = format!("{err:#}"), "A request to the hub could not be written down.");
            say(StatusCode::SERVICE_UNAVAILABLE, "try again later")
        }
    }
}

/// A request that may be written down.
struct Checked {
    request: Request,
    callback: Url,
    /// The topic's path under the site.
    path: String,
    /// The ETag of what stands there.
    etag: String,
}

fn read(hub: &Hub, headers: &HeaderMap, body: &[u8]) -> Result<Checked, Refused> {
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"));
    if !is_form {
        return Err(Refused::Form);
    }
    let request = websub::read(body)?;
    let path = topic(&hub.config.site, &request.topic).ok_or(Refused::Topic)?;
    let etag = hub.shelf.manifest().documents.get(path).map(|entry| entry.etag.clone());
    let etag = etag.ok_or(Refused::Topic)?;
    let (mut callback, _) = check_url(&request.callback, &hub.allow)?;
    // It is never sent.
    callback.set_fragment(None);
    let path = path.to_owned();
    Ok(Checked { request, callback, path, etag })
}

// The path of a topic under the site.
fn topic<'t>(site: &Site, address: &'t str) -> Option<&'t str> {
    address.strip_prefix(site.url.as_str()).filter(|path| websub::is_topic(path))
}

async fn write_down(hub: &Hub, checked: &Checked) -> anyhow::Result<bool> {
    let key = hub.key.as_ref().context("nobody can subscribe without the key")?;
    ensure!(hub.ledger.is_sealed_with(key).await?, "the key was changed since this was started");
    let Checked { request, callback, path, etag } = checked;
    let lookup = key.callback(callback.as_str());
    let nonce = nonce()?;
    let sealed = websub::Place { callback: callback.clone(), secret: request.secret.clone() };
    let asked = Asked {
        mode: request.mode,
        callback: lookup,
        host: key.host(callback.host_str().unwrap_or_default()),
        topic: path.clone(),
        sealed: key.seal_text(&lookup, &sealed.to_text(), nonce),
        lease: request.lease,
        etag: etag.clone(),
    };
    hub.ledger.ask_hub(&asked, &CAPS, hub.clock.now()).await
}

impl Refused {
    fn status(&self) -> StatusCode {
        match self {
            Self::Form => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Wrong(_) | Self::Topic | Self::Callback(_) => StatusCode::BAD_REQUEST,
            Self::Full => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

// §5.1.2: a reason as plain text.
fn say(status: StatusCode, text: &str) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], format!("{text}\n")).into_response()
}
