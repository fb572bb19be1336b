//! Subscribe: the form's answer, and the same for machines.
//!
//! New, known, pending, suppressed or capped: the answer is the same page after the same time. `Ledger::ask` takes
//! the same statements for all of them, and what their rows differ in is hidden by the beat of the answers.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;
use tracing::error;

use crate::ledger::asking::Request;
use crate::ledger::subscribing::seal;
use crate::render::page::person::{self, Filled, Terms};
use crate::render::templates::ENGLISH;
use crate::subscriber::{Address, Caps, Key, PENDING_LIFE};
use crate::web::form::{Asked, Wrong};
use crate::web::live::Live;
use crate::web::networks;

/// Answers leave at a whole multiple of this after their request came. The statements take 1.8 ms without a row to
/// write and 2.3 ms with some (SQLite, a disk of a virtual machine): no person notices the rest, and nobody can
/// measure the difference.
const BEAT: Duration = Duration::from_millis(100);

/// What became of it, in the same words for everybody.
enum Outcome {
    Taken,
    Wrong(Wrong),
    TooMany(Duration),
    Failed,
}

/// `POST /subscribe`: a form's fields.
pub async fn form(
    State(live): State<Live>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = Asked::of_form(&body);
    match take(&live, peer, &headers, &asked).await {
        Outcome::Taken => {
            live.answer(StatusCode::OK, &asked.lang, |frame| person::asked(frame, PENDING_LIFE.num_hours()))
        }
        Outcome::Wrong(wrong) => {
            let lang = if wrong == Wrong::Language { "" } else { &asked.lang };
            let words = live.words(lang);
            let filled = Filled {
                address: asked.address.clone(),
                lists: asked.lists.clone(),
                lang: asked.lang.clone(),
                wrong: Some(wrong.text(words)),
            };
            let lists = live.config.lists_in(words.lang());
            live.answer(StatusCode::UNPROCESSABLE_ENTITY, lang, |frame| {
                person::subscribe(frame, &lists, &Terms::of(&live.config), &filled)
            })
        }
        Outcome::TooMany(wait) => {
            let page = live.answer(StatusCode::TOO_MANY_REQUESTS, &asked.lang, |frame| {
                person::too_many(frame, wait.as_secs().div_ceil(60))
            });
            (retry_after(wait), page).into_response()
        }
        Outcome::Failed => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// `POST /api/subscribe`: `{"address": "…", "lists": ["…"], "lang": "en"}`. It is for programs and answers in English.
pub async fn api(
    State(live): State<Live>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    let say = |status: StatusCode, key: &str, text: &str| {
        (status, no_store.clone(), Json(serde_json::json!({ key: text }))).into_response()
    };
    let asked = match Asked::of_json(&body) {
        Ok(asked) => asked,
        // Where it is wrong and not what stands there: an answer never repeats an address.
        Err(err) => {
            let text = format!(
                "this is not the JSON that is read here (line {}, column {})",
                err.line(),
                err.column()
            );
            return say(StatusCode::BAD_REQUEST, "error", &text);
        }
    };
    match take(&live, peer, &headers, &asked).await {
        Outcome::Taken => say(
            StatusCode::ACCEPTED,
            "message",
            "If the address can be written to, a mail with a link to confirm is on its way.",
        ),
        Outcome::Wrong(wrong) => {
            say(StatusCode::UNPROCESSABLE_ENTITY, "error", &wrong.text(live.templates.words(ENGLISH)))
        }
        Outcome::TooMany(wait) => {
            let answer = say(StatusCode::TOO_MANY_REQUESTS, "error", "too many requests from this network");
            (retry_after(wait), answer).into_response()
        }
        Outcome::Failed => say(StatusCode::SERVICE_UNAVAILABLE, "error", "try again later"),
    }
}

fn retry_after(wait: Duration) -> [(header::HeaderName, String); 1] {
    [(header::RETRY_AFTER, wait.as_secs().to_string())]
}

async fn take(live: &Live, peer: SocketAddr, headers: &HeaderMap, asked: &Asked) -> Outcome {
    let began = Instant::now();
    let outcome = write_down(live, peer, headers, asked).await;
    match outcome {
        Outcome::Taken => {
            let beats = began.elapsed().as_millis() / BEAT.as_millis() + 1;
            tokio::time::sleep_until(began + BEAT * u32::try_from(beats).unwrap_or(1)).await;
        }
        // These depend on what was sent alone.
        Outcome::Wrong(_) | Outcome::TooMany(_) | Outcome::Failed => {}
    }
    outcome
}

async fn write_down(live: &Live, peer: SocketAddr, headers: &HeaderMap, asked: &Asked) -> Outcome {
    let now = live.clock.now();
    // The network first: what is over the cap costs nothing.
    if let Some(visitor) = networks::visitor(peer, headers, &live.config.proxies)
        && let Err(wait) = live.networks.take(visitor, now)
    {
        return Outcome::TooMany(wait);
    }
    let (address, lists) = match asked.check(&live.config) {
        Ok(checked) => checked,
        Err(wrong) => return Outcome::Wrong(wrong),
    };
    if !asked.website.is_empty() {
        return Outcome::Taken;
    }
    let Some(key) = &live.key else {
        error!("Nobody can subscribe without the key.");
        return Outcome::Failed;
    };
    match live.ledger.is_sealed_with(key).await {
        Ok(true) => {}
        Ok(false) => {
            error!(
                "The key was changed: nobody can subscribe here before it is copied, and this is started again."
            );
            return Outcome::Failed;
        }
        Err(err) => {
            error!(error = format!("{err:#}"), "Whether it is the right key cannot be asked.");
            return Outcome::Failed;
        }
    }
    let caps = Caps {
        per_hour: live.config.subscribe.per_hour,
        per_domain_per_hour: live.config.subscribe.per_domain_per_hour,
    };
    let request = match sealed(key, &address, lists, &asked.lang) {
        Ok(request) => request,
        Err(err) => {
            error!(error = format!("{err:#}"), "A request could not be sealed.");
            return Outcome::Failed;
        }
    };
    match live.ledger.ask(&request, &caps, now).await {
        Ok(()) => {
            live.wake.notify_one();
            Outcome::Taken
        }
        Err(err) => {
            error!(error = format!("{err:#}"), "A request could not be written down.");
            Outcome::Failed
        }
    }
}

fn sealed(key: &Key, address: &Address, lists: Vec<String>, lang: &str) -> anyhow::Result<Request> {
    Ok(Request {
        lookup: key.lookup(address),
        sealed: seal(key, address)?,
        domain: key.domain(address),
        lists,
        lang: lang.to_owned(),
    })
}
