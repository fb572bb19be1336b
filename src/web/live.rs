//! Live: what is not a document: what people ask for and decide.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::Notify;
use tracing::error;

use crate::clock::Clock;
use crate::config::Config;
use crate::ledger::Ledger;
use crate::render::page::Frame;
use crate::render::site;
use crate::render::templates::{self, Templates};
use crate::render::words::Words;
use crate::subscriber::{Claim, Key, Purpose, SubscriberId};
use crate::web::networks::Networks;
use crate::web::{confirm, preferences, subscribe};

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
    /// What time it is.
    pub clock: Clock,
    /// Wakes the deliverer for a personal mail.
    pub wake: Arc<Notify>,
    /// How often each network has asked.
    pub networks: Arc<Networks>,
}

// An address, some lists and a day; nothing that people send is longer.
const MOST_FORM_BYTES: usize = 16 * 1024;

/// What forms are sent to, and the links of mails.
pub fn router(live: Live) -> Router {
    Router::new()
        .route("/subscribe", post(subscribe::form))
        .route("/api/subscribe", post(subscribe::api))
        .route("/confirm/{token}", get(confirm::ask_to_confirm).post(confirm::confirm))
        .route("/stay/{token}", get(confirm::ask_to_stay).post(confirm::stay))
        .route("/leave/{token}", get(confirm::ask_to_leave).post(confirm::leave))
        .route("/preferences/{token}", get(preferences::show).post(preferences::act))
        .layer(DefaultBodyLimit::max(MOST_FORM_BYTES))
        .with_state(live)
}

impl Live {
    /// What a token lets its holder do now.
    pub fn claim(&self, token: &str, purpose: Purpose) -> Option<Claim> {
        self.key.as_ref()?.claim(token, purpose, self.clock.now())
    }

    /// The path under the site at which a POST takes the holder of a claim off a list.
    pub fn leave_path(&self, claim: &Claim, list: &str) -> String {
        let leave = Claim { purpose: Purpose::Leave, list: list.to_owned(), ..claim.clone() };
        self.key.as_ref().map_or(String::new(), |key| format!("leave/{}", key.token(&leave)))
    }

    /// The words for a reader of that language; of the site's when it is empty.
    pub fn words(&self, lang: &str) -> &Words {
        self.templates.words(self.config.site.lang_of(lang))
    }

    /// The language of a subscriber, or empty for that of the site.
    pub async fn lang_of(&self, subscriber: SubscriberId) -> String {
        match self.ledger.lang_of(subscriber).await {
            Ok(lang) => lang.unwrap_or_default(),
            Err(err) => {
                error!(error = format!("{err:#}"), "The language of a subscriber cannot be read.");
                String::new()
            }
        }
    }

    /// A page that no cache keeps, in a reader's language: a token opened it, or somebody has typed their address.
    pub fn answer(
        &self,
        status: StatusCode,
        lang: &str,
        render: impl Fn(&Frame<'_>) -> Result<String, templates::Error>,
    ) -> Response {
        let page = self.templates.plain("web/style.css").and_then(|style| {
            let style = site::style_path(&style);
            let words = self.words(lang);
            let takes_mail = !self.config.lists.is_empty();
            render(&Frame {
                site: &self.config.site,
                templates: &self.templates,
                words,
                style: &style,
                takes_mail,
            })
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
