//! Web: what a browser, a feed reader and a proxy get from the folder of documents.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use handbill::revision::Revision;
use handbill::web;
use handbill::web::shelf::{MAX_HOT_BYTES, Shelf};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::sample;
use crate::site::write;

const NOW: &str = "2018-07-09T20:00:00Z";
const NOTICE: &str = "/notices/2018-07-10-abolish-ice/";

/// A server on a free port over a folder of its own.
struct Server {
    folder: TempDir,
    shelf: Arc<Shelf>,
    address: String,
    client: reqwest::Client,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn of(revisions: &[&Revision]) -> Self {
        Self::below("/", revisions).await
    }

    async fn below(base_path: &str, revisions: &[&Revision]) -> Self {
        let folder = TempDir::new().unwrap();
        write(folder.path(), revisions, NOW);
        let shelf = Arc::new(Shelf::open(folder.path().to_owned()).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let mut site = sample::site();
        site.url.set_path(base_path);
        let router = web::router(Arc::clone(&shelf), &site, axum::Router::new());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tls_backend_rustls()
            .build()
            .unwrap();
        Self { folder, shelf, address, client, task }
    }

    async fn publish(&self, revisions: &[&Revision], now: &str) {
        write(self.folder.path(), revisions, now);
        self.shelf.reload().unwrap();
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&'static str, &str)]) -> Response {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        let request = self.client.request(method, format!("{}{path}", self.address)).headers(headers);
        request.send().await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path, &[]).await
    }
}

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_document_comes_with_its_type() {
    let server = Server::of(&[&sample::action()]).await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        (NOTICE, "text/html; charset=utf-8"),
        ("/feeds/all.atom", "application/atom+xml; charset=utf-8"),
        ("/feeds/all.rss", "application/rss+xml; charset=utf-8"),
        ("/feeds/all.json", "application/feed+json; charset=utf-8"),
        ("/calendar/actions.ics", "text/calendar; charset=utf-8"),
        ("/notices/2018-07-10-abolish-ice/event.ics", "text/calendar; charset=utf-8"),
        ("/feeds.opml", "text/x-opml; charset=utf-8"),
        ("/robots.txt", "text/plain; charset=utf-8"),
    ] {
        let response = server.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(header(&response, "content-type"), kind, "{path}");
        let file = if path.ends_with('/') { format!("{path}index.html") } else { path.to_owned() };
        let wanted = fs::read(server.folder.path().join(&file[1..])).unwrap();
        assert_eq!(header(&response, "content-length"), wanted.len().to_string(), "{path}");
        assert!(response.bytes().await.unwrap() == wanted, "{path}");
    }
}

#[tokio::test]
async fn every_document_says_how_long_it_holds_and_by_what_it_is_known() {
    let server = Server::of(&[&sample::action()]).await;
    let response = server.get("/feeds/all.atom").await;
    assert_eq!(header(&response, "cache-control"), "public, max-age=300");
    assert_eq!(header(&response, "vary"), "accept-encoding");
    assert_eq!(header(&response, "last-modified"), "Mon, 09 Jul 2018 20:00:00 GMT");
    assert!(header(&response, "etag").starts_with("W/\"") && header(&response, "etag").len() == 36);
    assert!(response.headers().get("date").is_some());
    assert!(response.headers().get("set-cookie").is_none());
    let manifest = server.shelf.manifest();
    let style = manifest.documents.keys().find(|path| path.starts_with("style.")).unwrap();
    let style = server.get(&format!("/{style}")).await;
    assert_eq!(header(&style, "cache-control"), "public, max-age=31536000, immutable");
}

#[tokio::test]
async fn who_has_the_document_is_not_sent_it_again() {
    let server = Server::of(&[&sample::action()]).await;
    let first = server.get("/feeds/all.atom").await;
    let etag = header(&first, "etag").to_owned();
    let strong = etag.trim_start_matches("W/").to_owned();
    let list = format!("\"a,b\", W/\"other\" ,{etag}");
    for tag in [etag.as_str(), &strong, &list, "*"] {
        let response = server.ask(Method::GET, "/feeds/all.atom", &[("if-none-match", tag)]).await;
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{tag}");
        for name in ["etag", "cache-control", "vary", "last-modified", "date"] {
            let (is, was) = (header(&response, name), header(&first, name));
            assert!(if name == "date" { !is.is_empty() } else { is == was }, "{name}: {is}");
        }
        assert!(response.bytes().await.unwrap().is_empty());
    }
    for tag in ["\"other\"", "W/\"\"", "", "nonsense", "\"unclosed"] {
        let response = server.ask(Method::GET, "/feeds/all.atom", &[("if-none-match", tag)]).await;
        assert_eq!(response.status(), StatusCode::OK, "{tag}");
    }
}

#[tokio::test]
async fn a_date_is_compared_when_there_is_no_tag() {
    let server = Server::of(&[&sample::action()]).await;
    for (date, status) in [
        ("Mon, 09 Jul 2018 20:00:00 GMT", StatusCode::NOT_MODIFIED),
        ("Mon, 09 Jul 2018 20:00:01 GMT", StatusCode::NOT_MODIFIED),
        ("Monday, 09-Jul-18 20:00:00 GMT", StatusCode::NOT_MODIFIED),
        ("Mon Jul  9 20:00:00 2018", StatusCode::NOT_MODIFIED),
        ("Mon, 09 Jul 2018 19:59:59 GMT", StatusCode::OK),
        ("yesterday", StatusCode::OK),
    ] {
        let response = server.ask(Method::GET, "/", &[("if-modified-since", date)]).await;
        assert_eq!(response.status(), status, "{date}");
    }
}

#[tokio::test]
async fn a_tag_wins_over_a_date() {
    let server = Server::of(&[&sample::action()]).await;
    let later = ("if-modified-since", "Mon, 09 Jul 2038 20:00:00 GMT");
    let response = server.ask(Method::GET, "/", &[("if-none-match", "\"other\""), later]).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_tag_holds_for_every_coding() {
    let server = Server::of(&[&sample::action()]).await;
    let mut tags = BTreeSet::new();
    for coding in ["identity", "gzip", "br"] {
        let response = server.ask(Method::GET, "/", &[("accept-encoding", coding)]).await;
        tags.insert(header(&response, "etag").to_owned());
    }
    assert_eq!(tags.len(), 1);
}

#[tokio::test]
async fn the_coding_is_the_best_that_is_asked_for() {
    let server = Server::of(&[&sample::action()]).await;
    for (asked, given) in [
        ("", ""),
        ("identity", ""),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("br", "br"),
        ("gzip, deflate, br", "br"),
        ("GZIP;Q=1.0, br;q=0.5", "gzip"),
        ("br;q=0, gzip;q=0.001", "gzip"),
        ("gzip;q=0", ""),
        ("*", "br"),
        ("*;q=0", ""),
        ("*, br;q=0", "gzip"),
        ("identity;q=1, gzip;q=0.5", ""),
        ("zstd", ""),
        ("gzip;q=2", ""),
        ("gzip;q=nonsense", ""),
    ] {
        let response = server.ask(Method::GET, NOTICE, &[("accept-encoding", asked)]).await;
        assert_eq!(header(&response, "content-encoding"), given, "{asked}");
        let suffix = match given {
            "" => "",
            "br" => ".br",
            _ => ".gz",
        };
        let file = format!("{}index.html{suffix}", &NOTICE[1..]);
        let wanted = fs::read(server.folder.path().join(file)).unwrap();
        assert!(response.bytes().await.unwrap() == wanted, "{asked}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let server = Server::of(&[&sample::action()]).await;
    for path in ["/", NOTICE, "/feeds/all.atom", "/nothing", "/notices/2018-07-10-abolish-ice"] {
        let (get, head) = (server.get(path).await, server.ask(Method::HEAD, path, &[]).await);
        assert_eq!(get.status(), head.status(), "{path}");
        let names = |response: &Response| {
            let names = response.headers().iter().filter(|(name, _)| *name != "date");
            names.map(|(name, value)| (name.to_string(), value.clone())).collect::<BTreeSet<_>>()
        };
        assert_eq!(names(&get), names(&head), "{path}");
        assert!(head.bytes().await.unwrap().is_empty(), "{path}");
    }
}

#[tokio::test]
async fn nothing_but_reading_is_allowed() {
    let server = Server::of(&[&sample::action()]).await;
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let response = server.ask(method, "/", &[]).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(header(&response, "allow"), "GET, HEAD");
    }
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_protect_who_reads() {
    let server = Server::of(&[&sample::action()]).await;
    for path in ["/", "/feeds/all.atom", "/nothing", "/healthz"] {
        let response = server.get(path).await;
        let policy = header(&response, "content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && policy.ends_with("frame-ancestors 'none'"),
            "{path}"
        );
        assert_eq!(header(&response, "referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn an_embargoed_notice_and_nothing_at_all_answer_the_same() {
    let server = Server::of(&[&sample::action()]).await;
    let mut answers = BTreeSet::new();
    for path in ["/notices/embargoed/", "/notices/embargoed", "/nothing", "/notices/embargoed/event.ics"] {
        let response = server.get(path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        let headers = response.headers().iter().filter(|(name, _)| *name != "date");
        let headers: Vec<String> = headers.map(|(name, value)| format!("{name}: {value:?}")).collect();
        answers.insert((headers, response.text().await.unwrap()));
    }
    assert_eq!(answers.len(), 1);
    assert!(answers.iter().all(|(_, body)| body.contains("Nothing stands here")));
}

#[tokio::test]
async fn a_notice_that_was_taken_back_is_gone() {
    let server = Server::of(&[&sample::action()]).await;
    server.publish(&[&sample::archive()], NOW).await;
    for path in [NOTICE, "/notices/2018-07-10-abolish-ice", "/notices/2018-07-10-abolish-ice/event.ics"] {
        let response = server.get(path).await;
        assert_eq!(response.status(), StatusCode::GONE, "{path}");
        assert!(response.text().await.unwrap().contains("taken back"), "{path}");
    }
    assert_eq!(server.get("/tags/abolishice/").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_page_asked_for_without_its_slash_is_redirected() {
    let server = Server::of(&[&sample::action()]).await;
    let response = server.get("/notices/2018-07-10-abolish-ice").await;
    assert_eq!(response.status(), StatusCode::MOVED_PERMANENTLY);
    assert_eq!(header(&response, "location"), NOTICE);
}

#[tokio::test]
async fn no_path_leads_out_of_the_documents() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = Server::of(&[&sample::action()]).await;
    fs::write(server.folder.path().join("secret.txt"), "secret").unwrap();
    let address = server.address.trim_start_matches("http://").to_owned();
    for path in [
        "/secret.txt",
        "/.handbill/manifest.json",
        "/notices/../secret.txt",
        "/notices/..%2fsecret.txt",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/../../../../../../etc/passwd",
        "/index.html.br",
        "/feeds/",
        "/\\..\\secret.txt",
    ] {
        // Written by hand: a client would tidy the path.
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = if path == "/feeds/" { "200" } else { "40" };
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
        assert!(!answer.contains("secret\r\n") && !answer.contains("root:"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn what_is_published_is_shown_at_once() {
    let server = Server::of(&[&sample::action()]).await;
    for path in ["/", "/feeds/all.atom", NOTICE] {
        let before = server.get(path).await;
        assert!(!before.text().await.unwrap().contains("CANCELLED"), "{path}");
    }
    server.publish(&[&sample::cancelled()], NOW).await;
    for path in ["/", "/feeds/all.atom", NOTICE] {
        let after = server.get(path).await;
        assert_eq!(header(&after, "last-modified"), "Mon, 09 Jul 2018 20:00:01 GMT", "{path}");
        assert!(after.text().await.unwrap().contains("CANCELLED"), "{path}");
    }
}

#[tokio::test]
async fn the_hot_documents_are_in_memory_and_others_are_not() {
    let server = Server::of(&[&sample::action()]).await;
    server.get(NOTICE).await;
    assert_eq!(server.shelf.hot_size(), 0);
    let front = server.get("/").await.bytes().await.unwrap();
    server.get("/").await;
    assert_eq!(server.shelf.hot_size(), front.len());
    // What is in memory needs no file.
    fs::remove_file(server.folder.path().join("index.html")).unwrap();
    assert!(server.get("/").await.bytes().await.unwrap() == front);
    server.publish(&[&sample::cancelled()], NOW).await;
    assert_eq!(server.shelf.hot_size(), 0);
}

#[tokio::test]
async fn memory_holds_no_more_than_its_bound() {
    let server = Server::of(&[&sample::action()]).await;
    let large = vec![b'x'; MAX_HOT_BYTES / 3 + 1];
    let mut entry = server.shelf.manifest().documents["index.html"].clone();
    entry.length = large.len() as u64;
    for number in 0..4 {
        let path = format!("feeds/large-{number}.atom");
        fs::write(server.folder.path().join(&path), &large).unwrap();
        let coding = handbill::web::coding::Coding::Identity;
        let bytes = server.shelf.read(&path, &entry, coding).await.unwrap().unwrap();
        assert_eq!(bytes.len(), large.len());
    }
    assert_eq!(server.shelf.hot_size(), 2 * large.len());
}

#[tokio::test]
async fn a_file_that_is_missing_is_a_404_and_no_crash() {
    let server = Server::of(&[&sample::action()]).await;
    fs::remove_file(server.folder.path().join(format!("{}index.html", &NOTICE[1..]))).unwrap();
    assert_eq!(server.get(NOTICE).await.status(), StatusCode::NOT_FOUND);
    fs::remove_file(server.folder.path().join("404.html")).unwrap();
    let folder = server.folder.path().to_owned();
    fs::remove_dir_all(folder).unwrap();
    assert_eq!(server.get("/nothing").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn health_is_whether_there_is_anything_to_show() {
    let server = Server::of(&[&sample::action()]).await;
    let response = server.get("/healthz").await;
    assert_eq!((response.status(), header(&response, "cache-control")), (StatusCode::OK, "no-store"));
    let folder = TempDir::new().unwrap();
    let empty = Arc::new(Shelf::open(folder.path().to_owned()).unwrap());
    assert!(empty.manifest().documents.is_empty());
    server.shelf.show((*empty.manifest()).clone());
    assert_eq!(server.get("/healthz").await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_site_below_a_path_is_served_with_it_and_without() {
    let server = Server::below("/news/", &[&sample::action()]).await;
    for path in ["/news/", "/", "/news/feeds/all.atom", "/feeds/all.atom"] {
        assert_eq!(server.get(path).await.status(), StatusCode::OK, "{path}");
    }
    let response = server.get("/news/notices/2018-07-10-abolish-ice").await;
    assert_eq!(header(&response, "location"), "/news/notices/2018-07-10-abolish-ice/");
}
