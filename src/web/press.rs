//! Press: what journalists read before an embargo ends, for whoever has the link.
//!
//! Every link that does not hold gets what stands at any other address at which nothing stands.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use axum::routing::any;

use crate::folder::Folder;
use crate::installation::Installation;
use crate::notice::NoticeId;
use crate::notice::shown::{embargo, leads_to};
use crate::render::page::notice::{self, Related};
use crate::render::site::known;
use crate::revision::{Draft, Revision};
use crate::schedule::zone::Moment;
use crate::subscriber::Pass;
use crate::web::confirm::failed;
use crate::web::live::Live;
use crate::web::shelf::Shelf;
use crate::web::{error_page, insert, refuse_method};

/// What the link for journalists works with.
#[derive(Clone)]
pub struct Press {
    /// What every live page does.
    pub live: Live,
    /// What everybody sees.
    pub shelf: Arc<Shelf>,
    /// Whose.
    pub installation: Installation,
    /// What nobody sees yet; on a machine without the notices it is empty.
    pub folder: Arc<Mutex<Folder>>,
}

/// A notice as journalists see it, with all that its page names.
struct Embargoed {
    revision: Revision,
    until: Moment,
    others: Vec<Revision>,
}

/// `/press/<token>`.
pub fn router(press: Press) -> Router {
    Router::new().route("/press/{token}", any(show)).with_state(press)
}

async fn show(State(press): State<Press>, request: Request) -> Response<Body> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return refuse_method();
    }
    // Not by the router: what it cannot read as text it would refuse in words of its own.
    let token = request.uri().path().rsplit('/').next().unwrap_or_default();
    let pass = press.live.key.as_ref().and_then(|key| key.pass(token));
    let Some(pass) = pass else { return nothing(&press, request.headers()).await };
    if pass.until <= press.live.clock.now() {
        return afterwards(&press, &pass, request.headers()).await;
    }
    match press.embargoed(&pass).await {
        Ok(Some(embargoed)) => page(&press, &embargoed),
        Ok(None) => nothing(&press, request.headers()).await,
        Err(err) => failed(&err, "A notice could not be shown to a journalist."),
    }
}

async fn nothing(press: &Press, headers: &HeaderMap) -> Response<Body> {
    error_page(&press.shelf, "404.html", StatusCode::NOT_FOUND, headers).await
}

// The page that everybody sees, if there is one.
async fn afterwards(press: &Press, pass: &Pass, headers: &HeaderMap) -> Response<Body> {
    let path = format!("notices/{}/", pass.notice);
    if !press.shelf.manifest().documents.contains_key(&format!("{path}index.html")) {
        return nothing(press, headers).await;
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let location = format!("{}{path}", press.installation.config.site.url.path());
    insert(response.headers_mut(), header::LOCATION, &location);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn page(press: &Press, embargoed: &Embargoed) -> Response<Body> {
    let Embargoed { revision, until, others } = embargoed;
    let find = |id: &str| others.iter().find(|other| other.id().as_str() == id);
    let related = Related::of(revision.notice(), find);
    let manifest = press.shelf.manifest();
    let is_there = |path: &str| manifest.documents.contains_key(path);
    let now = press.live.clock.now();
    let mut response = press.live.answer(StatusCode::OK, "", |frame| {
        notice::page_for_press(frame, revision, &related, until, is_there, now)
    });
    let robots = HeaderName::from_static("x-robots-tag");
    response.headers_mut().insert(robots, HeaderValue::from_static("noindex"));
    response
}

impl Press {
    // None when the link does not hold: the embargo was moved or taken away, or the notice was taken back.
    async fn embargoed(&self, pass: &Pass) -> anyhow::Result<Option<Embargoed>> {
        let now = self.live.clock.now();
        let Some(id) = NoticeId::parse(&pass.notice) else { return Ok(None) };
        let published = self.published(&id).await?;
        let is_published = published.is_some();
        let revision = match published {
            Some(revision) => Some(revision),
            None => self.draft(id).await?.map(|draft| {
                let embargo = draft.notice.publish_at.as_ref().map_or(now, |moment| moment.at);
                Revision::first(draft, embargo)
            }),
        };
        let Some(revision) = revision else { return Ok(None) };
        let until = embargo(revision.notice(), is_published, now);
        let Some(until) = until.filter(|until| until.at.timestamp() == pass.until.timestamp()).cloned()
        else {
            return Ok(None);
        };
        let mut others = Vec::new();
        for other in leads_to(revision.notice()).filter_map(NoticeId::parse) {
            let other = self.published(&other).await?;
            others.extend(other.filter(|other| other.notice().withdrawn.is_none()));
        }
        let is_known = |id: &str| others.iter().any(|other| other.id().as_str() == id);
        let revision = known(&self.installation.config.site, &revision, is_known).into_owned();
        Ok(Some(Embargoed { revision, until, others }))
    }

    async fn published(&self, id: &NoticeId) -> anyhow::Result<Option<Revision>> {
        let read = |path: &str, source: &str| self.installation.draft(path, source);
        self.live.ledger.revision(id, read).await
    }

    async fn draft(&self, id: NoticeId) -> anyhow::Result<Option<Draft>> {
        if !self.installation.notices().is_dir() {
            return Ok(None);
        }
        let folder = Arc::clone(&self.folder);
        let read = move || {
            let mut folder = folder.lock().unwrap_or_else(PoisonError::into_inner);
            folder.read()?;
            anyhow::Ok(folder.reading().drafts.get(&id).cloned())
        };
        tokio::task::spawn_blocking(read).await.context("read the notices")?
    }
}
