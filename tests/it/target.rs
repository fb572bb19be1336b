//! Target: posts to real receivers on loopback.

pub mod receiver;

mod bucket;
mod guard;
mod reply;
mod sign;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use handbill::channel::target::guard::Cidr;
use handbill::channel::target::reply::disables;
use handbill::channel::target::sign::{Headers, Secret, verify};
use handbill::channel::target::{Deadlines, Endpoint, Poster, RETRIES};
use handbill::delivery::{Answer, Fault, Outcome};
use tokio::io::AsyncWriteExt;

use crate::target::receiver::{Receiver, Seen, answer, misbehave};

const SECRET: &str = "whsec_c2l4dHktZm91ciBsYW50ZXJucyBvbiB0aGUgc3F1YXJl";
const BODY: &[u8] = br#"{"type":"notice.published","timestamp":"2018-07-08T22:00:00Z","data":{"title":"K\u00e4thes \"Laden\""}}"#;
const LOOPBACK: &str = "127.0.0.0/8";
const SHORT: Deadlines = Deadlines { connect: Duration::from_millis(200), total: Duration::from_millis(400) };
/// What a busy machine may add to a deadline.
const SLACK: Duration = Duration::from_millis(1_200);

fn now() -> DateTime<Utc> {
    "2018-07-08T22:00:00Z".parse().unwrap()
}

fn endpoint(url: &str, allow: &[&str]) -> Endpoint {
    let allow: Vec<Cidr> = allow.iter().map(|text| Cidr::parse(text).unwrap()).collect();
    Endpoint::parse(url, vec![Secret::parse(SECRET).unwrap()], &allow).unwrap()
}

fn poster() -> Poster {
    Poster::new(SHORT, []).unwrap()
}

async fn post(url: &str) -> Answer {
    poster().post(&endpoint(url, &[LOOPBACK]), "alert_1", now(), BODY).await
}

/// Posts to a receiver that always gives one answer.
async fn check(code: u16, headers: &'static [(&str, &str)], expected: Outcome) -> Answer {
    let receiver = Receiver::start(move |_, _| answer(code, headers, "as you say")).await;
    let got = post(&receiver.url("/hook")).await;
    assert_eq!((got.outcome, got.code, got.text.as_str()), (expected, Some(code), "as you say"));
    assert_eq!(receiver.seen().len(), 1);
    got
}

async fn check_misbehaved(address: SocketAddr, code: Option<u16>, expected: Outcome) -> Answer {
    let url = format!("http://{address}/hook");
    let got = tokio::time::timeout(SHORT.total + SLACK, post(&url)).await.expect("an end at the deadline");
    assert_eq!((got.outcome, got.code), (expected, code), "{}", got.text);
    got
}

fn verify_seen(seen: &Seen, at: DateTime<Utc>) {
    let headers = Headers {
        id: seen.header("webhook-id"),
        timestamp: seen.header("webhook-timestamp"),
        signature: seen.header("webhook-signature"),
    };
    verify(&[Secret::parse(SECRET).unwrap()], headers, &seen.body, 0, at).unwrap();
}

#[tokio::test]
async fn a_post_arrives_as_it_was_made_and_its_signature_verifies() {
    let receiver = Receiver::start(|_, _| answer(204, &[], "")).await;
    let got = post(&receiver.url("/hook?to=all")).await;
    assert_eq!((got.outcome, got.code, got.retry_after), (Outcome::Sent, Some(204), None));
    let [seen] = &receiver.seen()[..] else { panic!("one request") };
    assert_eq!((seen.method.as_str(), seen.uri.to_string().as_str()), ("POST", "/hook?to=all"));
    assert_eq!((&seen.body[..], seen.header("content-type")), (BODY, "application/json"));
    assert_eq!((seen.header("webhook-id"), seen.header("webhook-timestamp")), ("alert_1", "1531087200"));
    assert_eq!((seen.header("accept-encoding"), seen.header("referer")), ("", ""));
    verify_seen(seen, now());
}

#[tokio::test]
async fn the_id_stays_the_same_over_all_tries_and_the_timestamp_does_not() {
    let receiver = Receiver::start(|number, _| answer([500, 503, 200][number], &[], "")).await;
    let (poster, target) = (poster(), endpoint(&receiver.url("/"), &[LOOPBACK]));
    let mut at = now();
    let mut outcomes = Vec::new();
    for wait in [&0, &RETRIES[0], &RETRIES[1]] {
        at += TimeDelta::seconds(i64::from(*wait));
        outcomes.push(poster.post(&target, "alert_1", at, BODY).await.outcome);
        verify_seen(receiver.seen().last().unwrap(), at);
    }
    assert_eq!(
        outcomes,
        [Outcome::Deferred(Fault::Recipient), Outcome::Deferred(Fault::Route), Outcome::Sent]
    );
    let seen = receiver.seen();
    assert!(seen.iter().all(|seen| seen.header("webhook-id") == "alert_1" && seen.body == BODY));
    assert_ne!(seen[0].header("webhook-timestamp"), seen[1].header("webhook-timestamp"));
    assert_ne!(seen[0].header("webhook-signature"), seen[1].header("webhook-signature"));
}

#[test]
fn tries_go_on_for_75_hours_and_35_minutes() {
    assert_eq!(RETRIES.iter().sum::<u32>(), 75 * 3_600 + 35 * 60 + 5);
    assert_eq!(RETRIES.len() + 1, 10);
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    for code in [301, 302, 303, 307, 308] {
        let goal = Receiver::start(|_, _| answer(200, &[], "")).await;
        let location = goal.url("/goal");
        let receiver = Receiver::start(move |_, _| answer(code, &[("location", &location)], "")).await;
        let got = post(&receiver.url("/hook")).await;
        assert_eq!((got.outcome, got.code), (Outcome::Deferred(Fault::Recipient), Some(code)));
        assert_eq!((receiver.seen().len(), goal.seen().len()), (1, 0));
    }
}

#[tokio::test]
async fn gone_disables_the_target() {
    let got = check(410, &[], Outcome::Bounced(Fault::Recipient)).await;
    assert!(disables(&got));
    let got = check(500, &[("webhook-delivery", "disable")], Outcome::Bounced(Fault::Recipient)).await;
    assert!(disables(&got));
    let got = check(422, &[("Webhook-Delivery", "abort-message")], Outcome::Bounced(Fault::Message)).await;
    assert!(!disables(&got));
    let got = check(404, &[], Outcome::Deferred(Fault::Recipient)).await;
    assert!(!disables(&got));
}

#[tokio::test]
async fn retry_after_is_honoured_in_both_forms() {
    let route = Outcome::Deferred(Fault::Route);
    let got = check(429, &[("retry-after", "77")], route).await;
    assert_eq!(got.retry_after, Some(Duration::from_secs(77)));
    let got = check(503, &[("retry-after", "Sun, 08 Jul 2018 22:10:00 GMT")], route).await;
    // The date is measured from the end of the try.
    assert_eq!(got.retry_after.unwrap() + got.took, Duration::from_secs(600));
    let got = check(503, &[("retry-after", "9999999")], route).await;
    assert_eq!(got.retry_after, Some(Duration::from_secs(86_400)));
    let got = check(429, &[], route).await;
    assert_eq!(got.retry_after, None);
}

#[tokio::test]
async fn a_body_that_drips_ends_at_the_deadline_and_the_status_counts() {
    let address = misbehave(|mut stream| async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await;
        while sent.is_ok() {
            ticks.tick().await;
            sent = stream.write_all(b"drip ").await;
        }
    })
    .await;
    let got = check_misbehaved(address, Some(200), Outcome::Sent).await;
    assert!(got.took >= SHORT.total - Duration::from_millis(50), "{:?}", got.took);
    assert!(got.text.starts_with("drip drip"), "{}", got.text);
}

#[tokio::test]
async fn an_endless_body_is_read_to_its_limit_only() {
    let written = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&written);
    let address = misbehave(move |mut stream| {
        let counter = Arc::clone(&counter);
        async move {
            let mut sent = stream.write_all(b"HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n").await;
            while sent.is_ok() {
                sent = stream.write_all(format!("2000\r\n{}\r\n", "a".repeat(0x2000)).as_bytes()).await;
                counter.fetch_add(0x2000, Ordering::Relaxed);
            }
        }
    })
    .await;
    let got = check_misbehaved(address, Some(500), Outcome::Deferred(Fault::Recipient)).await;
    assert_eq!(got.text, "a".repeat(1_000));
    // 64 kB are read; what else was written lies in the sockets' buffers.
    assert!(written.load(Ordering::Relaxed) < 16 << 20, "{}", written.load(Ordering::Relaxed));
    assert!(got.took < SHORT.total, "{:?}", got.took);
}

#[tokio::test]
async fn endless_headers_are_no_answer() {
    let address = misbehave(|mut stream| async move {
        let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while sent.is_ok() {
            sent = stream.write_all(format!("x-more: {}\r\n", "a".repeat(1_000)).as_bytes()).await;
        }
    })
    .await;
    check_misbehaved(address, None, Outcome::Deferred(Fault::Recipient)).await;
}

#[tokio::test]
async fn an_answer_that_never_comes_is_tried_again() {
    let again = Outcome::Deferred(Fault::Recipient);
    let silent = misbehave(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let got = check_misbehaved(silent, None, again).await;
    assert!(got.took >= SHORT.total - Duration::from_millis(50), "{:?}", got.took);
    check_misbehaved(misbehave(|stream| async move { drop(stream) }).await, None, again).await;
    let cut = misbehave(|mut stream| async move { stream.write_all(b"HTTP/1.1 20").await.unwrap() }).await;
    check_misbehaved(cut, None, again).await;
    let other =
        misbehave(|mut stream| async move { stream.write_all(b"220 mail.example.org\r\n").await.unwrap() })
            .await;
    check_misbehaved(other, None, again).await;
}

#[tokio::test]
async fn an_answer_cut_in_its_body_still_counts() {
    let cut = misbehave(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 202 OK\r\ncontent-length: 50\r\n\r\nhalf").await.unwrap();
    })
    .await;
    let got = check_misbehaved(cut, Some(202), Outcome::Sent).await;
    assert_eq!(got.text, "half");
}

#[tokio::test]
async fn a_way_that_is_closed_is_the_routes_fault() {
    let route = Outcome::Deferred(Fault::Route);
    let closed = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let got = check_misbehaved(closed, None, route).await;
    assert!(got.text.to_lowercase().contains("refused"), "{}", got.text);
    // Not TLS at the other end.
    let receiver = Receiver::start(|_, _| answer(200, &[], "")).await;
    let got = post(&receiver.url("/hook").replace("http://", "https://")).await;
    assert_eq!((got.outcome, got.code, receiver.seen().len()), (route, None, 0), "{}", got.text);
    // RFC 6761: a name that never exists.
    let got = poster().post(&endpoint("https://hooks.invalid/secretpath", &[]), "a", now(), BODY).await;
    assert_eq!((got.outcome, got.code), (route, None), "{}", got.text);
}

#[tokio::test]
async fn a_name_is_refused_for_the_address_it_has() {
    let receiver = Receiver::start(|_, _| answer(200, &[], "")).await;
    let url = format!("http://localhost:{}/secretpath", receiver.address.port());
    let poster = poster();
    for (url, allow) in [(url.as_str(), &["10.0.0.0/8"][..]), (&url.replace("http://", "https://"), &[])] {
        let got = poster.post(&endpoint(url, allow), "alert_1", now(), BODY).await;
        assert_eq!((got.outcome, got.code), (Outcome::Deferred(Fault::Route), None));
        assert!(got.text.contains("127.0.0.1") || got.text.contains("::1"), "{}", got.text);
        assert!(got.text.contains("`allow`"), "{}", got.text);
    }
    assert_eq!(receiver.seen().len(), 0);
}

#[tokio::test]
async fn one_targets_allow_opens_no_way_for_another() {
    let receiver = Receiver::start(|_, _| answer(200, &[], "")).await;
    let url = format!("http://localhost:{}/hook", receiver.address.port());
    let poster = poster();
    let open = endpoint(&url, &[LOOPBACK, "::1/128"]);
    let shut = endpoint(&url, &["10.0.0.0/8"]);
    // The second post finds a kept connection to the same host and port.
    for (target, expected) in
        [(&open, Outcome::Sent), (&shut, Outcome::Deferred(Fault::Route)), (&open, Outcome::Sent)]
    {
        assert_eq!(poster.post(target, "alert_1", now(), BODY).await.outcome, expected);
    }
    assert_eq!(receiver.seen().len(), 2);
}

#[tokio::test]
async fn an_id_that_cannot_be_signed_is_not_posted() {
    let receiver = Receiver::start(|_, _| answer(200, &[], "")).await;
    for id in ["alert.1", "", "a\r\nb: c"] {
        let got = poster().post(&endpoint(&receiver.url("/"), &[LOOPBACK]), id, now(), BODY).await;
        assert_eq!((got.outcome, got.code), (Outcome::Bounced(Fault::Message), None));
    }
    assert_eq!(receiver.seen().len(), 0);
}

#[tokio::test]
async fn no_secret_and_no_path_of_a_url_is_in_any_text() {
    // A receiver that repeats everything, as error pages do.
    let parrot = Receiver::start(|_, seen| {
        answer(
            404,
            &[],
            &format!("cannot {} {} {:?}", seen.method, seen.uri, String::from_utf8_lossy(&seen.body)),
        )
    })
    .await;
    let closed = "http://127.0.0.1:1/hooks/tokentoken1?key=tokentoken2";
    let names = "https://hooks.invalid/hooks/tokentoken1?key=tokentoken2";
    let private = "https://localhost/hooks/tokentoken1?key=tokentoken2";
    let silent = misbehave(|stream| async move { drop(stream) }).await;
    let silent = format!("http://{silent}/hooks/tokentoken1?key=tokentoken2");
    let poster = poster();
    for (url, allow) in [
        (parrot.url("/hooks/tokentoken1?key=tokentoken2").as_str(), &[LOOPBACK][..]),
        (closed, &[LOOPBACK]),
        (names, &[]),
        (private, &[]),
        (&silent, &[LOOPBACK]),
    ] {
        let target = endpoint(url, allow);
        let got = poster.post(&target, "alert_1", now(), BODY).await;
        assert!(!got.text.is_empty());
        let shown = format!("{got:?} {target:?} {poster:?} {}", target.origin());
        for hidden in ["tokentoken", "/hooks/", SECRET, &SECRET[6..]] {
            assert!(!shown.contains(hidden), "{hidden} is in {shown}");
        }
    }
}

#[tokio::test]
async fn a_target_without_a_secret_is_refused() {
    let error = Endpoint::parse("https://hooks.example.org/", Vec::new(), &[]).unwrap_err();
    assert!(error.to_string().contains("no signing secret"));
}

#[tokio::test]
async fn posts_share_one_connection_when_nothing_is_left_unread() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    let address = misbehave(move |mut stream| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move {
            let mut buffer = vec![0; 65_536];
            while stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.is_ok() {
                if tokio::io::AsyncReadExt::read(&mut stream, &mut buffer).await.unwrap_or(0) == 0 {
                    return;
                }
            }
        }
    })
    .await;
    let (poster, target) = (poster(), endpoint(&format!("http://{address}/"), &[LOOPBACK]));
    for _ in 0..3 {
        assert_eq!(poster.post(&target, "alert_1", now(), BODY).await.outcome, Outcome::Sent);
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}
