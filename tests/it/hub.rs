//! Hub: from a request to the last update, over real HTTP, with subscribers that behave and that do not.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Response;
use chrono::TimeDelta;
use handbill::clock::Clock;
use handbill::delivery::{Answer, Fault, Outcome, Policy, Standing};
use handbill::serve::{Parts, Running};
use handbill::websub::{
    self, After, LEASE, LONGEST_LEASE, Mode, SHORTEST_LEASE, Verdict, Wrong, after, signature, verdict,
};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::StatusCode;
use sha2::Sha256;
use url::Url;

use crate::plan::at;
use crate::target::receiver::{Receiver, Seen, answer};
use crate::world::World;

const NOW: &str = "2018-07-08T10:00Z";
const TOPIC: &str = "https://notices.example.org/feeds/all.atom";
const OWN: &str = "[websub]\nhub = true\nallow = [\"127.0.0.0/8\"]\n";
const SECRET: &str = "a lantern & a drum";
const PATIENCE: Duration = Duration::from_secs(60);
const ALL: Parts = Parts { publish: true, deliver: false, web: true };
const PUBLISH: Parts = Parts { publish: true, deliver: false, web: false };
const WEB: Parts = Parts { publish: false, deliver: false, web: true };

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// A request with these further fields.
fn request(fields: &[(&str, &str)]) -> Result<websub::Request, Wrong> {
    let usual = [
        ("hub.mode", "subscribe"),
        ("hub.callback", "https://reader.example.org/in?of=all"),
        ("hub.topic", TOPIC),
    ];
    websub::read(form(&[&usual, fields].concat()).as_bytes())
}

fn check_lease(asked: &str, expected: TimeDelta) {
    assert_eq!(request(&[("hub.lease_seconds", asked)]).unwrap().lease, expected, "{asked}");
}

#[test]
fn a_request_says_what_where_and_of_what() {
    let read = request(&[("hub.secret", SECRET), ("hub.verify", "async"), ("other", "1")]).unwrap();
    assert_eq!((read.mode, read.topic.as_str(), read.secret.as_str()), (Mode::Subscribe, TOPIC, SECRET));
    assert_eq!((read.callback.as_str(), read.lease), ("https://reader.example.org/in?of=all", LEASE));
    let shown = format!("{read:?}");
    assert!(!shown.contains("reader.example.org") && !shown.contains(SECRET), "{shown}");
}

#[test]
fn a_request_that_is_not_whole_is_refused_with_what_is_wrong() {
    let read = |fields: &[(&str, &str)]| websub::read(form(fields).as_bytes()).unwrap_err();
    let callback = ("hub.callback", "https://reader.example.org/");
    assert_eq!(read(&[]), Wrong::Missing("hub.mode"));
    assert_eq!(read(&[("hub.mode", "publish")]), Wrong::Mode);
    assert_eq!(read(&[("hub.mode", "subscribe")]), Wrong::Missing("hub.callback"));
    assert_eq!(read(&[("hub.mode", "subscribe"), callback]), Wrong::Missing("hub.topic"));
    assert_eq!(request(&[("hub.mode", "unsubscribe")]).unwrap_err(), Wrong::Twice("hub.mode"));
    assert_eq!(request(&[("hub.lease_seconds", "-1")]).unwrap_err(), Wrong::Lease);
    assert_eq!(request(&[("hub.lease_seconds", "a day")]).unwrap_err(), Wrong::Lease);
    assert_eq!(request(&[("hub.secret", &"s".repeat(200))]).unwrap_err(), Wrong::Secret);
    assert!(request(&[("hub.secret", &"s".repeat(199))]).is_ok());
    let long = format!("https://reader.example.org/{}", "a".repeat(2_000));
    assert_eq!(
        read(&[("hub.mode", "subscribe"), ("hub.callback", &long), ("hub.topic", TOPIC)]),
        Wrong::LongCallback
    );
}

#[test]
fn a_lease_is_a_day_to_thirty_days_long() {
    check_lease("", LEASE);
    check_lease("0", SHORTEST_LEASE);
    check_lease("86399", SHORTEST_LEASE);
    check_lease("604800", TimeDelta::days(7));
    check_lease("2592001", LONGEST_LEASE);
    check_lease("9223372036854775807", LONGEST_LEASE);
    check_lease("99999999999999999999999", LONGEST_LEASE);
}

#[test]
fn a_signature_is_that_of_rfc_4231() {
    // Its test case 2.
    let expected = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(signature("Jefe", b"what do ya want for nothing?"), expected);
}

#[test]
fn the_own_parameters_of_a_callback_stay_in_front() {
    let callback = Url::parse("https://reader.example.org/in?of=all&to=me").unwrap();
    let asked = websub::verification(&callback, Mode::Subscribe, TOPIC, "c1", LEASE);
    let topic = "https%3A%2F%2Fnotices.example.org%2Ffeeds%2Fall.atom";
    assert_eq!(
        asked.query().unwrap(),
        format!(
            "of=all&to=me&hub.mode=subscribe&hub.topic={topic}&hub.challenge=c1&hub.lease_seconds=864000"
        )
    );
    let denied = websub::denial(&callback, TOPIC, "gone");
    assert_eq!(
        denied.query().unwrap(),
        format!("of=all&to=me&hub.mode=denied&hub.topic={topic}&hub.reason=gone")
    );
}

#[test]
fn one_can_subscribe_to_feeds_alone() {
    for path in ["feeds/all.atom", "feeds/tag/rent.rss", "feeds/kind/action.json"] {
        assert!(websub::is_topic(path), "{path}");
    }
    for path in [
        "index.html",
        "feeds/index.html",
        "feeds.opml",
        "feeds/all/2018-07.atom",
        "calendar/actions.ics",
        "a/feeds/all.atom",
    ] {
        assert!(!websub::is_topic(path), "{path}");
    }
}

fn said(code: Option<u16>) -> Answer {
    let outcome = match code {
        Some(200..=299) => Outcome::Sent,
        Some(410) => Outcome::Bounced(Fault::Recipient),
        Some(_) => Outcome::Deferred(Fault::Recipient),
        None => Outcome::Deferred(Fault::Route),
    };
    Answer { outcome, code, enhanced: None, text: String::new(), retry_after: None, took: Duration::ZERO }
}

#[test]
fn only_the_challenge_itself_confirms() {
    let again = |seconds| Verdict::Again(at(NOW) + TimeDelta::seconds(seconds));
    for (code, body, attempts, expected) in [
        (Some(200), "c1", 1, Verdict::Confirmed),
        (Some(204), "", 1, Verdict::Refused),
        (Some(200), "c1\n", 1, Verdict::Refused),
        (Some(200), "c2", 1, Verdict::Refused),
        (Some(302), "c1", 1, Verdict::Refused),
        (Some(404), "c1", 1, Verdict::Refused),
        (Some(410), "c1", 1, Verdict::Refused),
        (Some(500), "c1", 1, again(5)),
        (Some(429), "", 1, again(5)),
        (None, "", 1, again(5)),
        (None, "", 2, again(300)),
        (None, "", 3, Verdict::Refused),
        (Some(200), "c1", 3, Verdict::Confirmed),
    ] {
        let found = verdict(&said(code), body.as_bytes(), "c1", attempts, at(NOW));
        assert_eq!(found, expected, "{code:?} {body:?} {attempts}");
    }
}

#[test]
fn an_update_is_tried_until_the_lease_ends_unless_they_are_gone() {
    const POLICY: Policy =
        Policy { retries: &[5, 300], resend_uncertain: true, retry_our_faults: false, jitter_percent: 0 };
    let check = |code, attempts, expected: After| {
        let until = Some(at(NOW) + TimeDelta::days(1));
        let standing = Standing { attempts, expires_at: until, seed: 1, quiet: None };
        assert_eq!(after(&POLICY, &standing, &said(code), at(NOW)), expected, "{code:?} {attempts}");
    };
    let again = |seconds| After::Again(at(NOW) + TimeDelta::seconds(seconds));
    check(Some(204), 1, After::Taken);
    check(Some(410), 1, After::Gone);
    for code in [Some(301), Some(404), Some(500), None] {
        check(code, 1, again(5));
        check(code, 2, again(300));
        check(code, 50, again(300));
    }
    let ends =
        Standing { attempts: 2, expires_at: Some(at(NOW) + TimeDelta::seconds(300)), seed: 1, quiet: None };
    assert_eq!(after(&POLICY, &ends, &said(None), at(NOW)), After::Over);
}

/// A site with one notice and a hub.
struct Town {
    world: World,
    client: reqwest::Client,
}

impl Town {
    fn new(websub: &str) -> Self {
        let world = World::new(websub);
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tls_backend_rustls()
            .build()
            .unwrap();
        let town = Self { world, client };
        town.write("heat", "Heat for all");
        town
    }

    fn write(&self, id: &str, title: &str) {
        let source = format!("+++\nkind = \"statement\"\ntitle = \"{title}\"\n+++\nWe say so.\n");
        self.world.write(id, &source);
    }

    fn start(&self, parts: Parts, now: &str) -> Running {
        let running = self.world.start(parts, now).unwrap();
        if parts.publish {
            self.wait("documents", || self.world.installation.site().join("feeds/all.atom").exists());
        }
        running
    }

    /// By the machine's clock.
    fn start_now(&self) -> Running {
        self.world.start_by(ALL, Clock::wall()).unwrap()
    }

    fn stop(&self, running: Running) {
        self.world.runtime.block_on(running.stop());
    }

    fn receiver(
        &self,
        answer: impl Fn(usize, &Seen) -> Response<Body> + Clone + Send + Sync + 'static,
    ) -> Receiver {
        self.world.runtime.block_on(Receiver::start(answer))
    }

    /// The status and the text.
    fn ask(&self, running: &Running, fields: &[(&str, &str)]) -> (StatusCode, String) {
        let url = format!("http://{}/hub", running.address.unwrap());
        self.world.runtime.block_on(async {
            let request = self.client.post(url).body(form(fields));
            let kind = ("content-type", "application/x-www-form-urlencoded");
            let response = request.header(kind.0, kind.1).send().await.unwrap();
            (response.status(), response.text().await.unwrap())
        })
    }

    fn subscribe(&self, running: &Running, callback: &str) {
        let fields = [
            ("hub.mode", "subscribe"),
            ("hub.callback", callback),
            ("hub.topic", TOPIC),
            ("hub.secret", SECRET),
        ];
        let (status, text) = self.ask_when_shown(running, &fields);
        assert_eq!(status, StatusCode::ACCEPTED, "{text}");
    }

    // The shelf shows the first documents a moment after they are written.
    fn ask_when_shown(&self, running: &Running, fields: &[(&str, &str)]) -> (StatusCode, String) {
        let mut found = self.ask(running, fields);
        let began = Instant::now();
        while found.1.contains("no feed of this site") && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
            found = self.ask(running, fields);
        }
        found
    }

    fn wait(&self, what: &str, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < PATIENCE, "{what}: it is waited for in vain");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Subscriptions, requests, and subscriptions that are behind.
    fn counts(&self, now: &str) -> (i64, i64, i64) {
        let counts = self.world.with_ledger(async |ledger| ledger.hub_counts(at(now)).await.unwrap());
        (counts.subscriptions, counts.requests, counts.behind)
    }

    fn wait_for_counts(&self, now: &str, expected: (i64, i64, i64)) {
        self.wait(&format!("{expected:?}"), || self.counts(now) == expected);
    }

    fn document(&self) -> Vec<u8> {
        std::fs::read(self.world.installation.site().join("feeds/all.atom")).unwrap()
    }
}

/// Says yes to whatever is asked, and `code` to updates.
fn yes_and(code: u16) -> impl Fn(usize, &Seen) -> Response<Body> + Clone + Send + Sync + 'static {
    move |_, seen| match challenge_of(seen) {
        Some(challenge) => answer(200, &[], &challenge),
        None => answer(code, &[("location", "http://127.0.0.1:1/")], ""),
    }
}

fn parameter(seen: &Seen, name: &str) -> Option<String> {
    let query = seen.uri.query().unwrap_or_default().as_bytes();
    let found = url::form_urlencoded::parse(query).find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned())
}

fn challenge_of(seen: &Seen) -> Option<String> {
    (seen.method == "GET").then(|| parameter(seen, "hub.challenge")).flatten()
}

fn updates(receiver: &Receiver) -> Vec<Seen> {
    receiver.seen().into_iter().filter(|seen| seen.method == "POST").collect()
}

fn is_signed(seen: &Seen) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&seen.body);
    let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    seen.header("x-hub-signature") == format!("sha256={digits}")
}

#[test]
fn a_subscriber_is_asked_back_and_then_gets_each_change_within_a_second_and_signed() {
    let town = Town::new(OWN);
    let running = town.start(ALL, NOW);
    let reader = town.receiver(yes_and(204));
    town.subscribe(&running, &reader.url("/in?of=all"));
    town.wait_for_counts(NOW, (1, 0, 0));
    let [asked] = &reader.seen()[..] else { panic!("one question") };
    assert_eq!(parameter(asked, "of").as_deref(), Some("all"));
    assert_eq!(parameter(asked, "hub.mode").as_deref(), Some("subscribe"));
    assert_eq!(parameter(asked, "hub.topic").as_deref(), Some(TOPIC));
    assert_eq!(parameter(asked, "hub.lease_seconds").as_deref(), Some("864000"));
    assert!(challenge_of(asked).unwrap().len() >= 32);

    let before = town.document();
    town.write("rent", "Rent strike");
    town.wait("a new document", || town.document() != before);
    let began = Instant::now();
    town.wait("an update", || !updates(&reader).is_empty());
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let [update] = &updates(&reader)[..] else { panic!("one update") };
    assert_eq!(
        (&update.body[..], update.header("content-type")),
        (&town.document()[..], "application/atom+xml; charset=utf-8")
    );
    assert_eq!(
        update.header("link"),
        format!("<https://notices.example.org/hub>; rel=\"hub\", <{TOPIC}>; rel=\"self\"")
    );
    assert!(is_signed(update));
    assert_eq!(update.uri.to_string(), "/in?of=all");
    town.wait_for_counts(NOW, (1, 0, 0));
    town.stop(running);
    assert_eq!(updates(&reader).len(), 1);
}

#[test]
fn without_a_secret_an_update_has_no_signature() {
    let town = Town::new(OWN);
    let running = town.start(ALL, NOW);
    let reader = town.receiver(yes_and(200));
    let callback = reader.url("/");
    let fields = [("hub.mode", "subscribe"), ("hub.callback", callback.as_str()), ("hub.topic", TOPIC)];
    assert_eq!(town.ask_when_shown(&running, &fields).0, StatusCode::ACCEPTED);
    town.wait_for_counts(NOW, (1, 0, 0));
    town.write("rent", "Rent strike");
    town.wait("an update", || !updates(&reader).is_empty());
    assert!(updates(&reader)[0].headers.get("x-hub-signature").is_none());
    town.stop(running);
}

#[test]
fn a_wrong_challenge_subscribes_nobody() {
    let town = Town::new(OWN);
    let running = town.start(ALL, NOW);
    for (code, body) in [(200, "something else"), (404, ""), (302, "")] {
        let reader = town.receiver(move |_, _| answer(code, &[("location", "http://127.0.0.1:1/")], body));
        town.subscribe(&running, &reader.url("/"));
        town.wait("a question", || !reader.seen().is_empty());
        town.wait_for_counts(NOW, (0, 0, 0));
    }
    town.stop(running);
}

#[test]
fn who_says_410_is_dropped_and_gets_nothing_more() {
    let town = Town::new(OWN);
    let running = town.start(ALL, NOW);
    let reader = town.receiver(yes_and(410));
    town.subscribe(&running, &reader.url("/"));
    town.wait_for_counts(NOW, (1, 0, 0));
    town.write("rent", "Rent strike");
    town.wait("an update", || !updates(&reader).is_empty());
    town.wait_for_counts(NOW, (0, 0, 0));
    town.stop(running);
}

#[test]
fn a_redirect_to_this_machine_is_a_failure_and_is_not_followed() {
    let town = Town::new(OWN);
    let running = town.start(ALL, NOW);
    let inside = town.receiver(yes_and(204));
    let goal = inside.url("/inside");
    let reader = town.receiver(move |_, seen| match challenge_of(seen) {
        Some(challenge) => answer(200, &[], &challenge),
        None => answer(307, &[("location", &goal)], ""),
    });
    town.subscribe(&running, &reader.url("/"));
    town.wait_for_counts(NOW, (1, 0, 0));
    town.write("rent", "Rent strike");
    town.wait("an update", || !updates(&reader).is_empty());
    // It is kept, and tried again in some seconds.
    town.wait_for_counts(NOW, (1, 0, 1));
    town.stop(running);
    assert_eq!(inside.seen().len(), 0);
}

#[test]
fn who_never_answers_delays_nobody_and_gets_it_at_the_next_start() {
    let town = Town::new(OWN);
    let running = town.start(ALL, NOW);
    let held = Arc::new(Mutex::new(0));
    let hangs = Arc::clone(&held);
    // It answers questions, and holds the line when it is told something.
    let address = town.world.runtime.block_on(hanging(hangs));
    let reader = town.receiver(yes_and(204));
    town.subscribe(&running, &format!("http://{address}/"));
    town.subscribe(&running, &reader.url("/"));
    town.wait_for_counts(NOW, (2, 0, 0));
    for (number, id) in ["rent", "water", "bread"].into_iter().enumerate() {
        town.write(id, id);
        town.wait("an update", || updates(&reader).len() == number + 1);
    }
    assert_eq!(*held.lock().unwrap(), 1, "one at a time to one subscriber");
    town.wait_for_counts(NOW, (2, 0, 1));
    town.stop(running);
    let running = town.start(PUBLISH, NOW);
    town.wait("another try", || *held.lock().unwrap() == 2);
    town.stop(running);
    assert_eq!(updates(&reader).len(), 3);
}

// Counts the updates that it holds.
async fn hanging(held: Arc<Mutex<usize>>) -> std::net::SocketAddr {
    use axum::Router;
    use axum::extract::Query;
    use axum::routing::get;
    use std::collections::HashMap;
    let yes = |Query(query): Query<HashMap<String, String>>| async move { query["hub.challenge"].clone() };
    let hold = move || async move {
        *held.lock().unwrap() += 1;
        std::future::pending::<()>().await;
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/", get(yes).post(hold));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

#[test]
fn a_callback_on_this_machine_is_refused_or_never_reached() {
    let town = Town::new("[websub]\nhub = true\n");
    let running = town.start(ALL, NOW);
    let inside = town.receiver(yes_and(204));
    let port = inside.address.port();
    for callback in [
        format!("http://127.0.0.1:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://0x7f.1:{port}/"),
        format!("https://[::1]:{port}/"),
        format!("http://localhost:{port}/"),
        "https://10.1.2.3/".to_owned(),
        "https://me:pass@reader.example.org/".to_owned(),
        "ftp://reader.example.org/".to_owned(),
        "reader".to_owned(),
    ] {
        let fields = [("hub.mode", "subscribe"), ("hub.callback", callback.as_str()), ("hub.topic", TOPIC)];
        let (status, text) = town.ask_when_shown(&running, &fields);
        assert_eq!(status, StatusCode::BAD_REQUEST, "{callback}: {text}");
        assert!(text.starts_with("hub.callback is not"), "{text}");
    }
    // A name says where it leads to only when it is looked up.
    town.subscribe(&running, &format!("https://localhost:{port}/"));
    town.wait("a try", || {
        town.world.with_ledger(async |ledger| {
            ledger
                .unverified(9, at(NOW) + TimeDelta::days(1))
                .await
                .unwrap()
                .iter()
                .any(|one| one.attempts == 1)
        })
    });
    town.stop(running);
    assert_eq!(inside.seen().len(), 0);
}

#[test]
fn what_is_no_feed_of_this_site_cannot_be_subscribed_to() {
    let town = Town::new(OWN);
    let running = town.start(ALL, NOW);
    let reader = town.receiver(yes_and(204));
    // The feed is shown by now.
    town.subscribe(&running, &reader.url("/"));
    for topic in [
        "https://notices.example.org/",
        "https://notices.example.org/feeds/none.atom",
        "https://notices.example.org/feeds/../feeds/all.atom",
        "https://other.example.org/feeds/all.atom",
        "feeds/all.atom",
    ] {
        let callback = reader.url("/");
        let fields = [("hub.mode", "subscribe"), ("hub.callback", callback.as_str()), ("hub.topic", topic)];
        let (status, text) = town.ask(&running, &fields);
        assert_eq!(status, StatusCode::BAD_REQUEST, "{topic}");
        assert!(text.contains("hub.topic is no feed of this site"), "{text}");
    }
    town.stop(running);
}

#[test]
fn who_unsubscribes_is_asked_back_and_gets_nothing_more() {
    let town = Town::new(OWN);
    let running = town.start(ALL, NOW);
    let reader = town.receiver(yes_and(204));
    let stranger = town.receiver(|_, _| answer(404, &[], ""));
    town.subscribe(&running, &reader.url("/"));
    town.wait_for_counts(NOW, (1, 0, 0));
    let leave = |callback: &str| {
        let fields = [("hub.mode", "unsubscribe"), ("hub.callback", callback), ("hub.topic", TOPIC)];
        assert_eq!(town.ask(&running, &fields).0, StatusCode::ACCEPTED);
    };
    // Who is not subscribed is not asked either: nobody can have others asked by it.
    leave(&stranger.url("/"));
    assert_eq!(town.counts(NOW), (1, 0, 0));
    leave(&reader.url("/"));
    town.wait_for_counts(NOW, (0, 0, 0));
    assert_eq!(parameter(&reader.seen()[1], "hub.mode").as_deref(), Some("unsubscribe"));
    town.write("rent", "Rent strike");
    let before = town.document();
    town.wait("a new document", || town.document() != before);
    town.stop(running);
    assert_eq!((updates(&reader).len(), stranger.seen().len()), (0, 0));
}

#[test]
fn who_does_not_want_to_leave_stays() {
    let town = Town::new(OWN);
    let running = town.start(ALL, NOW);
    let reader = town.receiver(|number, seen| match parameter(seen, "hub.mode").as_deref() {
        Some("unsubscribe") => answer(404, &[], ""),
        _ => yes_and(204)(number, seen),
    });
    let callback = reader.url("/");
    town.subscribe(&running, &callback);
    town.wait_for_counts(NOW, (1, 0, 0));
    let fields = [("hub.mode", "unsubscribe"), ("hub.callback", callback.as_str()), ("hub.topic", TOPIC)];
    assert_eq!(town.ask(&running, &fields).0, StatusCode::ACCEPTED);
    town.wait("a question", || reader.seen().len() == 2);
    town.wait_for_counts(NOW, (1, 0, 0));
    town.write("rent", "Rent strike");
    town.wait("an update", || updates(&reader).len() == 1);
    town.stop(running);
}

#[test]
fn at_the_end_of_its_lease_a_subscription_is_no_more() {
    let town = Town::new(OWN);
    let running = town.start(ALL, NOW);
    let reader = town.receiver(yes_and(204));
    town.subscribe(&running, &reader.url("/"));
    town.wait_for_counts(NOW, (1, 0, 0));
    town.stop(running);
    assert_eq!(town.counts("2018-07-18T09:59Z").0, 1);
    assert_eq!(town.counts("2018-07-18T10:01Z").0, 0);
    let before = town.document();
    town.write("rent", "Rent strike");
    let running = town.start(PUBLISH, "2018-07-18T10:01Z");
    town.wait("a new document", || town.document() != before);
    // The ledger has no trace of it.
    town.wait("its end", || {
        town.world.with_ledger(async |ledger| ledger.sealed_callbacks().await.unwrap().is_empty())
    });
    town.stop(running);
    assert_eq!(updates(&reader).len(), 0);
}

#[test]
fn a_request_outlives_the_process_that_took_it() {
    let town = Town::new(OWN);
    town.world.look(NOW);
    let web = town.start(WEB, NOW);
    let reader = town.receiver(yes_and(204));
    town.subscribe(&web, &reader.url("/"));
    town.stop(web);
    assert_eq!((town.counts(NOW), reader.seen().len()), ((0, 1, 0), 0));
    let running = town.start(PUBLISH, NOW);
    town.wait_for_counts(NOW, (1, 0, 0));
    town.stop(running);
}

#[test]
fn what_changed_between_a_request_and_its_verification_is_told() {
    let town = Town::new(OWN);
    town.world.look(NOW);
    let web = town.start(WEB, NOW);
    let reader = town.receiver(yes_and(204));
    town.subscribe(&web, &reader.url("/"));
    town.stop(web);
    town.write("rent", "Rent strike");
    let running = town.start(PUBLISH, NOW);
    town.wait("an update", || updates(&reader).len() == 1);
    town.wait_for_counts(NOW, (1, 0, 0));
    town.stop(running);
    assert_eq!(updates(&reader)[0].body, town.document());
}

#[test]
fn of_several_changes_during_an_outage_the_last_is_told_once() {
    let town = Town::new(OWN);
    let running = town.start(ALL, NOW);
    let is_up = Arc::new(Mutex::new(true));
    let up = Arc::clone(&is_up);
    let reader = town.receiver(move |number, seen| match *up.lock().unwrap() {
        true => yes_and(204)(number, seen),
        false => answer(503, &[], ""),
    });
    town.subscribe(&running, &reader.url("/"));
    town.wait_for_counts(NOW, (1, 0, 0));
    *is_up.lock().unwrap() = false;
    town.write("rent", "Rent strike");
    town.wait("a try", || !updates(&reader).is_empty());
    town.wait_for_counts(NOW, (1, 0, 1));
    let before = town.document();
    town.world.edit("rent", "Rent strike", "Rent strike, and water");
    town.wait("a new document", || town.document() != before);
    let before = town.document();
    town.world.edit("rent", ", and water", ", water and bread");
    town.wait("a new document", || town.document() != before);
    town.stop(running);
    let tried = updates(&reader).len();
    *is_up.lock().unwrap() = true;
    let running = town.start(PUBLISH, "2018-07-08T12:00Z");
    town.wait_for_counts("2018-07-08T12:00Z", (1, 0, 0));
    town.stop(running);
    let told = &updates(&reader)[tried..];
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].body, town.document());
    assert!(String::from_utf8_lossy(&told[0].body).contains("water and bread"));
}

#[test]
fn while_sending_is_held_nobody_is_asked_or_told() {
    let town = Town::new(OWN);
    let running = town.start(ALL, NOW);
    let reader = town.receiver(yes_and(204));
    town.world.runtime.block_on(running.ledger.hold(at(NOW))).unwrap();
    town.subscribe(&running, &reader.url("/"));
    let before = town.document();
    town.write("rent", "Rent strike");
    town.wait("a new document", || town.document() != before);
    assert_eq!((town.counts(NOW), reader.seen().len()), ((0, 1, 0), 0));
    town.world.runtime.block_on(running.ledger.resume(at(NOW))).unwrap();
    town.wait("an update", || updates(&reader).len() == 1);
    town.stop(running);
}

#[test]
fn who_subscribes_to_a_feed_that_ends_is_told_so() {
    let town = Town::new(OWN);
    let running = town.start(ALL, NOW);
    let reader = town.receiver(yes_and(204));
    town.subscribe(&running, &reader.url("/"));
    town.wait_for_counts(NOW, (1, 0, 0));
    town.stop(running);
    // As a feed of a tag that nothing has any more.
    town.world.with_ledger(async |ledger| {
        ledger.mark_behind(&[], &[], at(NOW)).await.unwrap();
        let rows = ledger.sealed_callbacks().await.unwrap();
        assert_eq!(rows.len(), 1);
    });
    town.world.runtime.block_on(async {
        let url = format!("sqlite://{}", town.world.installation.data().join("ledger.db").display());
        let pool = sqlx::AnyPool::connect(&url).await.unwrap();
        sqlx::query("UPDATE hub_subscription SET topic = 'feeds/tag/none.atom'")
            .execute(&pool)
            .await
            .unwrap();
        pool.close().await;
    });
    let running = town.start(PUBLISH, NOW);
    town.wait_for_counts(NOW, (0, 0, 0));
    town.stop(running);
    let denied = reader.seen().pop().unwrap();
    assert_eq!(parameter(&denied, "hub.mode").as_deref(), Some("denied"));
    assert!(parameter(&denied, "hub.topic").unwrap().ends_with("feeds/tag/none.atom"));
}

#[test]
fn another_hub_is_told_of_each_feed_that_changed_and_again_until_it_hears() {
    let tried = Arc::new(Mutex::new(0));
    let counter = Arc::clone(&tried);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let hub = runtime.block_on(Receiver::start(move |_, seen| {
        *counter.lock().unwrap() += 1;
        let is_first = *counter.lock().unwrap() == 1;
        assert_eq!(seen.method, "POST");
        answer(if is_first { 500 } else { 204 }, &[], "")
    }));
    let town =
        Town::new(&format!("[websub]\nhubs = [\"{}\"]\nallow = [\"127.0.0.1/32\"]\n", hub.url("/ping")));
    let untold = || town.world.with_ledger(async |ledger| ledger.untold_counts().await.unwrap());
    let running = town.start(PUBLISH, NOW);
    town.wait("the hub is known", || !untold().is_empty());
    // Nobody can have subscribed to what was there before.
    assert_eq!((untold()[0].1, hub.seen().len()), (0, 0));
    town.write("rent", "Rent strike");
    // All and statements, in three formats each.
    town.wait("all but one are told", || hub.seen().len() >= 6 && untold()[0].1 <= 1);
    town.stop(running);
    let running = town.start(PUBLISH, "2018-07-08T11:00Z");
    town.wait("all are told", || untold()[0].1 == 0);
    town.stop(running);
    let told: Vec<String> =
        hub.seen().iter().map(|seen| String::from_utf8_lossy(&seen.body).into_owned()).collect();
    assert_eq!(told.len(), 7);
    assert_eq!(told[6], told[0]);
    let pair = form(&[("hub.mode", "publish"), ("hub.url", TOPIC), ("hub.topic", TOPIC)]);
    assert!(told.contains(&pair), "{told:?}");
    assert!(hub.seen().iter().all(|seen| seen.uri == "/ping"));
}

#[test]
fn a_feed_names_its_hubs_in_its_header_and_in_itself() {
    let town = Town::new("[websub]\nhub = true\nhubs = [\"https://hub.example.net/?a=1&b=2\"]\n");
    town.world.look(NOW);
    let web = town.start(WEB, NOW);
    let get = |path: &str| {
        let url = format!("http://{}/{path}", web.address.unwrap());
        town.world.runtime.block_on(async {
            let response = town.client.get(url).send().await.unwrap();
            let link = response.headers().get("link").map(|value| value.to_str().unwrap().to_owned());
            (link, response.text().await.unwrap())
        })
    };
    let (own, other) = ("https://notices.example.org/hub", "https://hub.example.net/?a=1&b=2");
    for (end, in_document) in [("atom", true), ("rss", true), ("json", false)] {
        let path = format!("feeds/all.{end}");
        let (link, text) = get(&path);
        let address = format!("https://notices.example.org/{path}");
        assert_eq!(
            link.unwrap(),
            format!("<{own}>; rel=\"hub\", <{other}>; rel=\"hub\", <{address}>; rel=\"self\"")
        );
        if in_document {
            let document = roxmltree::Document::parse(&text).unwrap();
            let hubs: Vec<&str> = document
                .descendants()
                .filter(|node| node.has_tag_name(("http://www.w3.org/2005/Atom", "link")))
                .filter(|node| node.attribute("rel") == Some("hub"))
                .filter_map(|node| node.attribute("href"))
                .collect();
            assert_eq!(hubs, [own, other]);
        } else {
            let document: serde_json::Value = serde_json::from_str(&text).unwrap();
            let hub = |url: &str| serde_json::json!({ "type": "WebSub", "url": url });
            assert_eq!(document["hubs"], serde_json::json!([hub(own), hub(other)]));
        }
    }
    assert_eq!(get("").0, None);
    town.stop(web);
}

#[test]
fn without_a_hub_no_feed_names_one_and_nobody_can_subscribe() {
    let town = Town::new("");
    town.world.look(NOW);
    let web = town.start(WEB, NOW);
    let fields =
        [("hub.mode", "subscribe"), ("hub.callback", "https://a.example.org/"), ("hub.topic", TOPIC)];
    assert_eq!(town.ask(&web, &fields).0, StatusCode::METHOD_NOT_ALLOWED);
    town.stop(web);
    assert!(!String::from_utf8(town.document()).unwrap().contains("hub"));
}

#[test]
fn a_network_that_asks_too_often_is_told_to_wait() {
    let town = Town::new(&format!("{OWN}[subscribe]\nper_network_per_hour = 2\n[web]\nproxies = []\n"));
    let web = town.start(WEB, NOW);
    let asked: Vec<u16> = (0..3).map(|_| town.ask(&web, &[]).0.as_u16()).collect();
    assert_eq!(asked, [400, 400, 429]);
    town.stop(web);
}

fn handbill(town: &Town, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handbill"));
    let ran = command.arg("-C").arg(town.world.path()).args(arguments).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn doctor_says_of_few_subscribers_only_that_they_are_few() {
    let town = Town::new(
        "[websub]\nhub = true\nhubs = [\"https://hub.example.net/secretpath\"]\nallow = [\"127.0.0.0/8\"]\n",
    );
    let says = || {
        let text = handbill(&town, &["doctor"]);
        text.lines()
            .filter_map(|line| line.split_once("hub "))
            .map(|(_, says)| says.trim().to_owned())
            .collect()
    };
    let none = "https://notices.example.org/hub has 0 subscriptions, of which 0 wait for an update";
    let other = "https://hub.example.net has not been told of 0 feeds";
    let found: Vec<String> = says();
    assert_eq!(found, [none, other]);
    // It asks at the machine's time.
    let reader = town.receiver(yes_and(204));
    let running = town.start_now();
    town.subscribe(&running, &reader.url("/"));
    town.wait("a subscription", || says().iter().any(|says: &String| says.contains("has <10 subscriptions")));
    town.stop(running);
}

#[test]
fn a_changed_key_opens_where_subscribers_are() {
    let town = Town::new(OWN);
    let running = town.start(ALL, NOW);
    let reader = town.receiver(yes_and(204));
    town.subscribe(&running, &reader.url("/in"));
    town.wait_for_counts(NOW, (1, 0, 0));
    town.stop(running);
    let sealed = || town.world.with_ledger(async |ledger| ledger.sealed_callbacks().await.unwrap());
    let before = sealed();
    handbill(&town, &["key", "rotate"]);
    assert_ne!(sealed(), before);
    town.write("rent", "Rent strike");
    let running = town.start(PUBLISH, NOW);
    town.wait("an update", || !updates(&reader).is_empty());
    town.stop(running);
    assert!(is_signed(&updates(&reader)[0]));
}

#[test]
fn no_file_names_a_subscriber() {
    let town = Town::new(OWN);
    let running = town.start(ALL, NOW);
    let reader = town.receiver(yes_and(204));
    town.subscribe(&running, &reader.url("/the-feed-of-somebody"));
    town.wait_for_counts(NOW, (1, 0, 0));
    town.stop(running);
    for file in ["ledger.db", "ledger.db-wal"] {
        let Ok(bytes) = std::fs::read(town.world.installation.data().join(file)) else { continue };
        for name in ["the-feed-of-somebody", SECRET] {
            assert!(!bytes.windows(name.len()).any(|part| part == name.as_bytes()), "{file} says {name}");
        }
    }
}

#[test]
fn a_process_that_stands_by_tells_nobody_until_it_takes_over() {
    let town = Town::new(OWN);
    let first = town.start(ALL, NOW);
    let second = town.start(PUBLISH, NOW);
    let reader = town.receiver(yes_and(204));
    town.subscribe(&first, &reader.url("/"));
    town.wait_for_counts(NOW, (1, 0, 0));
    town.write("rent", "Rent strike");
    town.wait("an update", || updates(&reader).len() == 1);
    town.wait_for_counts(NOW, (1, 0, 0));
    town.stop(first);
    town.write("water", "Water for all");
    town.wait("an update of the other", || updates(&reader).len() == 2);
    town.wait_for_counts(NOW, (1, 0, 0));
    town.stop(second);
    assert_eq!(reader.seen().len(), 3, "one question and two updates");
}

#[test]
#[ignore = "measures"]
fn measure_five_hundred_subscribers() {
    let town = Town::new(&format!("{OWN}[subscribe]\nper_network_per_hour = 1000\n"));
    let running = town.start(ALL, NOW);
    let reader = town.receiver(yes_and(204));
    for number in 0..500 {
        town.subscribe(&running, &reader.url(&format!("/{number}")));
    }
    town.wait_for_counts(NOW, (500, 0, 0));
    let before = town.document();
    town.write("rent", "Rent strike");
    town.wait("a new document", || town.document() != before);
    let began = Instant::now();
    town.wait("all", || updates(&reader).len() == 500);
    println!("500 told in {:?}", began.elapsed());
    town.wait_for_counts(NOW, (500, 0, 0));
    town.stop(running);
    assert_eq!(updates(&reader).len(), 500);
}
