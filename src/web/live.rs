//! Live: what is not a document: the metrics, and leaving a list.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Registry;
use tracing::error;

use crate::clock::Clock;
use crate::config::Config;
use crate::deliver::Counts;
use crate::ledger::Ledger;
use crate::render::page::{self, Frame};
use crate::render::site;
use crate::render::templates::{self, Templates};
use crate::subscriber::{Claim, Key, Purpose};

/// What the live routes work with.
#[derive(Clone)]
pub struct Live {
    /// Whose.
    pub config: Arc<Config>,
    /// The words.
    pub templates: Arc<Templates>,
    /// Where who left is recorded.
    pub ledger: Ledger,
    /// What checks a token; without it nobody can leave by link, and mail does not go out either.
    pub key: Option<Key>,
    /// How delivering goes.
    pub counts: Arc<Counts>,
    /// What time it is.
    pub clock: Clock,
}

/// `/metrics`, `/leave/<token>` and `/preferences/<token>`.
pub fn router(live: Live) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/leave/{token}", get(ask_to_leave).post(leave))
        .route("/preferences/{token}", get(preferences))
        .with_state(live)
}

async fn metrics(State(live): State<Live>) -> Response {
    let mut registry = Registry::default();
    let counts = &live.counts;
    for (name, help, counter) in [
        ("sent", "Mails and posts that were taken", &counts.sent),
        ("deferred", "Answers that said not now", &counts.deferred),
        ("bounced", "Answers that said never", &counts.bounced),
        ("uncertain", "Mails whose answer never came", &counts.uncertain),
        ("expired", "Deliveries that came too late", &counts.expired),
    ] {
        let name = format!("handbill_{name}");
        registry.register(name, help, ConstCounter::new(counter.load(Ordering::Relaxed)));
    }
    let mut text = String::new();
    if encode(&mut text, &registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], text).into_response()
}

// A link scanner that opens every link must not take anybody off a list: GET shows a button.
async fn ask_to_leave(State(live): State<Live>, Path(token): Path<String>) -> Response {
    let list = live.claim(&token, Purpose::Leave).map(|claim| live.list_title(&claim.list));
    live.page(list.as_deref(), false)
}

// RFC 8058 §3.1: the body is List-Unsubscribe=One-Click or a browser's empty form; either is a wish to leave.
async fn leave(State(live): State<Live>, Path(token): Path<String>) -> Response {
    let Some(claim) = live.claim(&token, Purpose::Leave) else { return live.page(None, false) };
    if let Err(err) = live.ledger.leave(claim.subscriber, &claim.list).await {
        error!(error = format!("{err:#}"), "Somebody could not leave.");
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    live.page(Some(&live.list_title(&claim.list)), true)
}

// What the reader of a mail gets, each list with a way to leave it.
async fn preferences(State(live): State<Live>, Path(token): Path<String>) -> Response {
    let Some(claim) = live.claim(&token, Purpose::Preferences) else { return live.page(None, false) };
    let names = match live.ledger.lists_of(claim.subscriber).await {
        Ok(names) => names,
        Err(err) => {
            error!(error = format!("{err:#}"), "Somebody could not see their lists.");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    let lists: Vec<page::Subscribed> =
        names.into_iter().filter_map(|list| live.subscribed(&claim, list)).collect();
    live.answer(StatusCode::OK, |frame| page::preferences(frame, &lists))
}

impl Live {
    fn claim(&self, token: &str, purpose: Purpose) -> Option<Claim> {
        self.key.as_ref()?.claim(token, purpose, self.clock.now())
    }

    fn subscribed(&self, claim: &Claim, list: String) -> Option<page::Subscribed> {
        let title = self.list_title(&list);
        let description = self.config.list(&list).map_or(String::new(), |list| list.description.clone());
        let leave = self.key.as_ref()?.token(&Claim { purpose: Purpose::Leave, list, ..claim.clone() });
        Some(page::Subscribed { title, description, leave: format!("leave/{leave}") })
    }

    fn list_title(&self, name: &str) -> String {
        self.config.list(name).map_or(name.to_owned(), |list| list.title.clone())
    }

    fn page(&self, list: Option<&str>, done: bool) -> Response {
        let status = if list.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
        self.answer(status, |frame| page::leave(frame, list, done))
    }

    // No cache keeps a page that a token opened.
    fn answer(
        &self,
        status: StatusCode,
        render: impl Fn(&Frame<'_>) -> Result<String, templates::Error>,
    ) -> Response {
        let page = self.templates.plain("web/style.css").and_then(|style| {
            let style = site::style_path(&style);
            let words = self.templates.words(&self.config.site.lang);
            render(&Frame { site: &self.config.site, templates: &self.templates, words, style: &style })
        });
        match page {
            Ok(html) => (status, [(header::CACHE_CONTROL, "no-store")], Html(html)).into_response(),
            Err(err) => {
                error!(error = %err, "A page cannot be shown.");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}
