//! Web: the public pages, straight from the folder of documents.
//!
//! Nothing here keeps, logs or counts an address of a visitor.

pub mod live; // what is no document
pub mod form; // what people send, read and checked
pub mod subscribe; // a request for mail
pub mod confirm; // yes, stay, leave
pub mod preferences; // what a subscriber wants
pub mod press; // what journalists read before an embargo ends
pub mod hub; // who wants to be told of a changed feed
pub mod metrics; // how delivering goes, at an address of its own
pub mod networks; // how often each network may ask
pub mod coding; // which compressed form a browser takes
pub mod condition; // whether it has the document already
pub mod shelf; // the documents, the hot ones in memory

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::channel::site::{Entry, Manifest};
use crate::config::Site;
use crate::notice::picture;
use crate::render::page;
use crate::web::shelf::Shelf;
use crate::websub;

/// Five minutes: readers poll at the larger of this and a feed's `ttl`, and a notice of an action must not be
/// a day late.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// For a path that holds the hash of its bytes.
const CACHE_FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// For what may stand there the next minute.
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// The routes of the public pages beside `others`. A proxy may take the path of the site's address off.
pub fn router(shelf: Arc<Shelf>, site: &Site, others: Router) -> Router {
    let pages = Pages { shelf, site: Arc::new(site.clone()) };
    let router = Router::new()
        .route("/healthz", get(healthz))
        // A document at whose address a form is taken, too.
        .route("/subscribe", get(document))
        .fallback(document)
        .with_state(pages)
        .merge(others)
        .layer(CatchPanicLayer::custom(mistake));
    security_headers().into_iter().fold(router, |router, (name, value)| {
        router.layer(SetResponseHeaderLayer::if_not_present(name, value))
    })
}

#[derive(Debug, Clone)]
struct Pages {
    shelf: Arc<Shelf>,
    site: Arc<Site>,
}

/// What a path leads to.
enum Found<'a> {
    Document(&'a str, &'a Entry),
    /// An index without the slash at its end.
    Folder,
    Gone,
    Nothing,
}

// Ready when there is anything to show.
async fn healthz(State(pages): State<Pages>) -> (StatusCode, [(HeaderName, HeaderValue); 1], &'static str) {
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    match pages.shelf.manifest().documents.is_empty() {
        true => (StatusCode::SERVICE_UNAVAILABLE, no_store, "nothing is published yet\n"),
        false => (StatusCode::OK, no_store, "ok\n"),
    }
}

async fn document(State(pages): State<Pages>, request: Request) -> Response<Body> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return refuse_method();
    }
    let manifest = pages.shelf.manifest();
    let asked = request.uri().path();
    let path = asked.strip_prefix(pages.site.url.path()).or(asked.strip_prefix('/')).unwrap_or_default();
    // A picture's name may hold a space.
    let path = picture::unescaped(path).unwrap_or_default();
    match find(&manifest, &path) {
        Found::Document(path, entry) => show(&pages, path, entry, request.headers()).await,
        Found::Folder => redirect(asked),
        Found::Gone => error_page(&pages.shelf, "410.html", StatusCode::GONE, request.headers()).await,
        Found::Nothing => {
            error_page(&pages.shelf, "404.html", StatusCode::NOT_FOUND, request.headers()).await
        }
    }
}

// A path is looked up and never joined to the folder, so none leads out of it.
fn find<'m>(manifest: &'m Manifest, path: &str) -> Found<'m> {
    let is_folder = path.is_empty() || path.ends_with('/');
    let file = if is_folder { format!("{path}index.html") } else { path.to_owned() };
    if let Some((path, entry)) = manifest.documents.get_key_value(&file) {
        return Found::Document(path, entry);
    }
    let index = format!("{path}/index.html");
    if !is_folder && manifest.documents.contains_key(&index) {
        return Found::Folder;
    }
    let is_gone = manifest.gone.contains_key(&file) || manifest.gone.contains_key(&index);
    if is_gone { Found::Gone } else { Found::Nothing }
}

async fn show(pages: &Pages, path: &str, entry: &Entry, headers: &HeaderMap) -> Response<Body> {
    let Pages { shelf, site } = pages;
    let is_hashed = path.starts_with("style.");
    let mut response = Response::new(Body::empty());
    let out = response.headers_mut();
    insert(out, header::ETAG, &format!("W/\"{}\"", entry.etag));
    insert(out, header::LAST_MODIFIED, &condition::http_date(entry.last_modified));
    out.insert(header::CACHE_CONTROL, if is_hashed { CACHE_FOR_EVER } else { CACHE });
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if !site.hubs.is_empty() && websub::is_topic(path) {
        insert(out, header::LINK, &websub::links(&site.hubs, &site.address(path)));
    }
    if condition::is_fresh(headers, &entry.etag, entry.last_modified) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    let coding = coding::choose(headers, entry);
    match shelf.read(path, entry, coding).await {
        Ok(Some(bytes)) => {
            insert(out, header::CONTENT_TYPE, &entry.content_type);
            insert(out, header::CONTENT_LENGTH, &bytes.len().to_string());
            if let Some(name) = coding.name() {
                out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
            }
            *response.body_mut() = Body::from(bytes);
            response
        }
        // Removed between the look-up and the reading: the next manifest knows.
        Ok(None) => Box::pin(error_page(shelf, "404.html", StatusCode::NOT_FOUND, headers)).await,
        Err(error) => {
            tracing::error!(document.path = path, %error, "a document cannot be read");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "This page cannot be read just now.\n")
        }
    }
}

// The same bytes and headers for every address, so that nobody can guess what is under embargo.
async fn error_page(shelf: &Shelf, path: &str, status: StatusCode, headers: &HeaderMap) -> Response<Body> {
    let manifest = shelf.manifest();
    let short = match status {
        StatusCode::GONE => "This notice was taken back.\n",
        _ => "Nothing stands here.\n",
    };
    let Some(entry) = manifest.documents.get(path) else { return plain(status, short) };
    let coding = coding::choose(headers, entry);
    let Ok(Some(bytes)) = shelf.read(path, entry, coding).await else { return plain(status, short) };
    let mut response = plain(status, "");
    let out = response.headers_mut();
    insert(out, header::CONTENT_TYPE, &entry.content_type);
    insert(out, header::CONTENT_LENGTH, &bytes.len().to_string());
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(name) = coding.name() {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    *response.body_mut() = Body::from(bytes);
    response
}

fn redirect(asked: &str) -> Response<Body> {
    let mut response = plain(StatusCode::MOVED_PERMANENTLY, "");
    insert(response.headers_mut(), header::LOCATION, &format!("{asked}/"));
    response.headers_mut().insert(header::CACHE_CONTROL, CACHE);
    response
}

fn refuse_method() -> Response<Body> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "Pages can only be read.\n");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

// The one request is answered and the others go on. What the panic said is dropped: it may hold what somebody sent.
fn mistake(_: Box<dyn Any + Send>) -> Response<Body> {
    plain(StatusCode::INTERNAL_SERVER_ERROR, "Something is wrong on our side.\n")
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    out.insert(header::CACHE_CONTROL, NO_CACHE);
    response
}

// What cannot stand in a header is left out; of our own values none is such.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn security_headers() -> Vec<(HeaderName, HeaderValue)> {
    let csp = format!("{}; frame-ancestors 'none'", page::CONTENT_SECURITY_POLICY);
    let pairs = [
        (header::CONTENT_SECURITY_POLICY, csp.as_str()),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), browsing-topics=()",
        ),
    ];
    pairs.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::from_str(value).ok()?))).collect()
}
