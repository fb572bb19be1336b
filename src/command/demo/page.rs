//! Page: the demo's outbox for a browser.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::net::TcpListener;

use crate::command::demo::mails::{self, Mail};
use crate::command::demo::receiver::Seen;
use crate::installation::Installation;
use crate::render::templates::{ENGLISH, Templates};
use crate::schedule::zone::Zone;

/// The page, served.
pub struct Page {
    /// Where.
    pub address: SocketAddr,
    is_over: Arc<AtomicBool>,
}

#[derive(Clone)]
struct Shown {
    outbox: PathBuf,
    site: String,
    title: String,
    zone: Zone,
    seen: Seen,
    templates: Arc<Templates>,
    is_over: Arc<AtomicBool>,
}

// Mails go into sandboxed frames, and nothing is loaded from anywhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

impl Page {
    /// Serves the outbox of `installation`, whose site is served at `site`, until the runtime ends.
    pub async fn serve(
        installation: &Installation,
        site: SocketAddr,
        seen: Seen,
        listen: Option<&str>,
    ) -> anyhow::Result<Self> {
        let listen = listen.unwrap_or("127.0.0.1:0");
        let listener = TcpListener::bind(listen).await.with_context(|| format!("listen on {listen}"))?;
        let address = listener.local_addr().context("listen")?;
        let is_over = Arc::new(AtomicBool::new(false));
        let shown = Shown {
            outbox: installation.outbox(),
            site: format!("http://{site}/"),
            title: installation.config.site.title.clone(),
            zone: installation.config.site.zone.clone(),
            seen,
            templates: Arc::new(installation.templates()?),
            is_over: Arc::clone(&is_over),
        };
        let router =
            Router::new().route("/", get(outbox)).route("/mails/{file}", get(mail)).with_state(shown);
        let served = axum::serve(listener, router);
        tokio::spawn(async move { served.await });
        Ok(Self { address, is_over })
    }

    /// It is over: the page does not look again by itself.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// Mails with one subject and time: an edition.
#[derive(Serialize)]
struct Group {
    at: String,
    subject: String,
    mails: Vec<Reader>,
}

#[derive(Serialize)]
struct Reader {
    to: String,
    file: String,
}

#[derive(Serialize)]
struct Posted {
    at: String,
    kind: String,
    title: String,
    verdict: String,
}

async fn outbox(State(shown): State<Shown>) -> Response {
    #[derive(Serialize)]
    struct View<'a> {
        title: &'a str,
        site: &'a str,
        now: String,
        is_over: bool,
        count: usize,
        groups: Vec<Group>,
        posts: Vec<Posted>,
    }
    let mails = match shown.mails().await {
        Ok(mails) => mails,
        Err(response) => return response,
    };
    let posts = shown.seen.posts().into_iter().rev().map(|post| Posted {
        at: shown.local(post.at),
        kind: post.kind,
        title: post.title,
        verdict: post.unverified.unwrap_or_else(|| "verified".to_owned()),
    });
    let view = View {
        title: &shown.title,
        site: &shown.site,
        now: shown.local(shown.seen.now()),
        is_over: shown.is_over.load(Ordering::Relaxed),
        count: mails.len(),
        groups: shown.groups(&mails),
        posts: posts.collect(),
    };
    shown.page("web/demo.html", &view)
}

async fn mail(State(shown): State<Shown>, Path(file): Path<String>) -> Response {
    #[derive(Serialize)]
    struct View<'a> {
        at: String,
        to: &'a str,
        subject: &'a str,
        headers: &'a [(String, String)],
        text: &'a str,
        html: &'a str,
        attachments: &'a [(String, String)],
    }
    let mails = match shown.mails().await {
        Ok(mails) => mails,
        Err(response) => return response,
    };
    // Found among what is there, so no name leads out of the folder.
    let Some(mail) = mails.iter().find(|mail| mail.file == file) else {
        return (StatusCode::NOT_FOUND, "There is no such mail.\n").into_response();
    };
    let view = View {
        at: shown.local(mail.at),
        to: &mail.to,
        subject: &mail.subject,
        headers: &mail.headers,
        text: &mail.text,
        html: &mail.html,
        attachments: &mail.attachments,
    };
    shown.page("web/demo_mail.html", &view)
}

impl Shown {
    async fn mails(&self) -> Result<Vec<Mail>, Response> {
        let outbox = self.outbox.clone();
        let read = tokio::task::spawn_blocking(move || mails::read_all(&outbox)).await;
        match read.map_err(anyhow::Error::from).and_then(|mails| mails) {
            Ok(mails) => Ok(mails),
            Err(err) => Err((StatusCode::INTERNAL_SERVER_ERROR, format!("{err:#}\n")).into_response()),
        }
    }

    fn groups(&self, mails: &[Mail]) -> Vec<Group> {
        let same = |a: &Mail, b: &Mail| a.at == b.at && a.subject == b.subject;
        let mut mails: Vec<&Mail> = mails.iter().collect();
        mails.sort_by(|a, b| (b.at, &a.subject, &a.to).cmp(&(a.at, &b.subject, &b.to)));
        let group = |mails: &[&Mail]| Group {
            at: mails.first().map_or(String::new(), |mail| self.local(mail.at)),
            subject: mails.first().map_or(String::new(), |mail| mail.subject.clone()),
            mails: mails.iter().map(|mail| Reader { to: mail.to.clone(), file: mail.file.clone() }).collect(),
        };
        mails.chunk_by(|a, b| same(a, b)).map(group).collect()
    }

    fn local(&self, at: DateTime<Utc>) -> String {
        self.zone.to_wall(at).format("%a, %b %-d, %Y, %H:%M").to_string()
    }

    fn page(&self, template: &str, view: &impl Serialize) -> Response {
        let headers = [
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        match self.templates.render(self.templates.words(ENGLISH), template, view) {
            Ok(html) => (headers, Html(html)).into_response(),
            Err(err) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{err}\n")).into_response(),
        }
    }
}
