//! Hub: what the ledger keeps of subscribers to feeds and of other hubs, on both databases.

use chrono::{DateTime, TimeDelta, Utc};
use handbill::ledger::Ledger;
use handbill::ledger::hub::{Asked, Behind, Health, HubCounts, Taken};
use handbill::subscriber::Key;
use handbill::websub::{CAPS, Caps, LEASE, Mode};

use super::{Place, SECRET};
use crate::plan::at;

const NOW: &str = "2018-07-10T12:00Z";
const LATER: &str = "2018-07-10T13:00Z";
const ALL: &str = "feeds/all.atom";
const RENT: &str = "feeds/tag/rent.atom";

on_both! {
    a_request_becomes_a_subscription_when_it_is_verified
    a_request_that_is_made_anew_takes_the_place_of_the_old_one
    who_renews_keeps_what_they_have
    who_has_another_document_than_there_is_is_behind
    who_failed_waits_and_is_among_the_failing
    an_answer_to_who_has_renewed_meanwhile_changes_nothing
    there_are_no_more_subscriptions_than_the_caps_allow
    a_lease_that_has_ended_leaves_nothing
    another_hub_is_behind_from_the_first_change_after_it_is_known
    what_is_sealed_is_sealed_anew_wherever_it_stands
}

fn asked(callback: &str, topic: &str, mode: Mode) -> Asked {
    let key = Key::from_bytes(&SECRET);
    let lookup = key.callback(callback);
    let mut nonce = [0; 24];
    getrandom::fill(&mut nonce).unwrap();
    Asked {
        mode,
        callback: lookup,
        host: key.host(callback.split('/').nth(2).unwrap()),
        topic: topic.to_owned(),
        sealed: key.seal_text(&lookup, callback, nonce),
        lease: LEASE,
        etag: "e1".to_owned(),
    }
}

async fn ask(ledger: &Ledger, callback: &str, topic: &str) {
    assert!(ledger.ask_hub(&asked(callback, topic, Mode::Subscribe), &CAPS, at(NOW)).await.unwrap());
}

/// Asks, and says yes at once.
async fn subscribe(ledger: &Ledger, callback: &str, topic: &str) {
    ask(ledger, callback, topic).await;
    for request in ledger.unverified(9, at(NOW)).await.unwrap() {
        ledger.verified(&request, None, at(NOW)).await.unwrap();
    }
}

async fn mark(ledger: &Ledger, topics: &[(&str, &str)]) {
    ledger.mark_behind(topics, &[], at(NOW)).await.unwrap();
}

async fn take(ledger: &Ledger, behind: &Behind, etag: &str, due_at: Option<DateTime<Utc>>) {
    let taken = Taken { behind: behind.clone(), etag: etag.to_owned(), due_at };
    ledger.delivered(&[taken]).await.unwrap();
}

/// How many are behind, well and failing.
async fn behind(ledger: &Ledger, now: &str) -> (usize, usize) {
    let count = async |health| ledger.behind(health, 99, at(now)).await.unwrap().len();
    (count(Health::Well).await, count(Health::Failing).await)
}

async fn check(ledger: &Ledger, expected: (i64, i64, i64)) {
    let (subscriptions, requests, behind) = expected;
    let counts = ledger.hub_counts(at(NOW)).await.unwrap();
    assert_eq!(counts, HubCounts { subscriptions, requests, behind });
}

async fn a_request_becomes_a_subscription_when_it_is_verified(place: Place) {
    let ledger = place.open().await;
    ask(&ledger, "https://a.example.org/in", ALL).await;
    check(&ledger, (0, 1, 0)).await;
    ledger.close().await;
    let ledger = place.open().await;
    let [request] = &ledger.unverified(9, at(NOW)).await.unwrap()[..] else { panic!("one request") };
    assert_eq!((request.mode, request.topic.as_str(), request.etag.as_str()), (Mode::Subscribe, ALL, "e1"));
    assert_eq!((request.lease, request.attempts), (LEASE, 0));
    let opened = Key::from_bytes(&SECRET).open_text(&request.callback, &request.sealed);
    assert_eq!(opened.unwrap(), "https://a.example.org/in");

    let mut tried = request.clone();
    tried.attempts = 1;
    ledger.verify_again(&tried, at(LATER)).await.unwrap();
    assert!(ledger.unverified(9, at(NOW)).await.unwrap().is_empty());
    assert_eq!(ledger.unverified(9, at(LATER)).await.unwrap()[0].attempts, 1);

    ledger.verified(&tried, None, at(NOW)).await.unwrap();
    check(&ledger, (1, 0, 0)).await;
    // Twice is once.
    ledger.verified(&tried, Some(at(NOW)), at(NOW)).await.unwrap();
    check(&ledger, (1, 0, 0)).await;
    let leave = asked("https://a.example.org/in", ALL, Mode::Unsubscribe);
    assert!(ledger.ask_hub(&leave, &CAPS, at(NOW)).await.unwrap());
    check(&ledger, (1, 1, 0)).await;
    let request = ledger.unverified(9, at(NOW)).await.unwrap().remove(0);
    ledger.verified(&request, None, at(NOW)).await.unwrap();
    check(&ledger, (0, 0, 0)).await;
}

async fn a_request_that_is_made_anew_takes_the_place_of_the_old_one(place: Place) {
    let ledger = place.open().await;
    ask(&ledger, "https://a.example.org/in", ALL).await;
    let old = ledger.unverified(9, at(NOW)).await.unwrap().remove(0);
    ask(&ledger, "https://a.example.org/in", ALL).await;
    check(&ledger, (0, 1, 0)).await;
    // What was asked of the old one is no answer to the new one.
    ledger.verified(&old, None, at(NOW)).await.unwrap();
    ledger.refused(&old).await.unwrap();
    check(&ledger, (0, 1, 0)).await;
    let new = ledger.unverified(9, at(NOW)).await.unwrap().remove(0);
    ledger.refused(&new).await.unwrap();
    check(&ledger, (0, 0, 0)).await;
}

async fn who_renews_keeps_what_they_have(place: Place) {
    let ledger = place.open().await;
    subscribe(&ledger, "https://a.example.org/in", ALL).await;
    mark(&ledger, &[(ALL, "e2")]).await;
    let mut old = ledger.behind(Health::Well, 9, at(NOW)).await.unwrap().remove(0);
    old.failures = 3;
    ledger.deliver_again(&old, at(LATER)).await.unwrap();
    subscribe(&ledger, "https://a.example.org/in", ALL).await;
    check(&ledger, (1, 0, 1)).await;
    // Who renews is there: it is tried at once.
    let renewed = ledger.behind(Health::Well, 9, at(NOW)).await.unwrap().remove(0);
    assert_eq!((renewed.id, renewed.delivered.as_str(), renewed.failures), (old.id, "e1", 0));
    take(&ledger, &renewed, "e2", None).await;
    subscribe(&ledger, "https://a.example.org/in", ALL).await;
    mark(&ledger, &[(ALL, "e2")]).await;
    check(&ledger, (1, 0, 0)).await;
}

async fn who_has_another_document_than_there_is_is_behind(place: Place) {
    let ledger = place.open().await;
    subscribe(&ledger, "https://a.example.org/in", ALL).await;
    subscribe(&ledger, "https://b.example.org/in", RENT).await;
    mark(&ledger, &[(ALL, "e1"), (RENT, "e1")]).await;
    assert_eq!(behind(&ledger, NOW).await, (0, 0));
    mark(&ledger, &[(ALL, "e1"), (RENT, "e2")]).await;
    let [one] = &ledger.behind(Health::Well, 9, at(NOW)).await.unwrap()[..] else { panic!("one") };
    assert_eq!((one.topic.as_str(), one.until), (RENT, at(NOW) + LEASE));
    take(&ledger, one, "e2", None).await;
    assert_eq!(behind(&ledger, NOW).await, (0, 0));
    // What changed while it went out.
    take(&ledger, one, "e2", Some(at(NOW))).await;
    assert_eq!(behind(&ledger, NOW).await, (1, 0));
    // A feed that is no more: they are told so.
    take(&ledger, one, "e2", None).await;
    mark(&ledger, &[(ALL, "e1")]).await;
    assert_eq!(behind(&ledger, NOW).await, (1, 0));
    let one = ledger.behind(Health::Well, 9, at(NOW)).await.unwrap().remove(0);
    ledger.end_subscription(&one).await.unwrap();
    check(&ledger, (1, 0, 0)).await;
}

async fn who_failed_waits_and_is_among_the_failing(place: Place) {
    let ledger = place.open().await;
    subscribe(&ledger, "https://a.example.org/in", ALL).await;
    mark(&ledger, &[(ALL, "e2")]).await;
    let mut one = ledger.behind(Health::Well, 9, at(NOW)).await.unwrap().remove(0);
    one.failures += 1;
    ledger.deliver_again(&one, at(LATER)).await.unwrap();
    // Another change does not bring it forward.
    mark(&ledger, &[(ALL, "e3")]).await;
    assert_eq!(behind(&ledger, NOW).await, (0, 0));
    assert_eq!(behind(&ledger, LATER).await, (0, 1));
    assert_eq!(ledger.behind(Health::Failing, 9, at(LATER)).await.unwrap()[0].failures, 1);
    take(&ledger, &one, "e3", None).await;
    mark(&ledger, &[(ALL, "e4")]).await;
    assert_eq!(behind(&ledger, NOW).await, (1, 0));
}

async fn an_answer_to_who_has_renewed_meanwhile_changes_nothing(place: Place) {
    let ledger = place.open().await;
    subscribe(&ledger, "https://a.example.org/in", ALL).await;
    mark(&ledger, &[(ALL, "e2")]).await;
    let old = ledger.behind(Health::Well, 9, at(NOW)).await.unwrap().remove(0);
    subscribe(&ledger, "https://a.example.org/in", ALL).await;
    ledger.end_subscription(&old).await.unwrap();
    take(&ledger, &old, "e2", None).await;
    ledger.deliver_again(&old, at(LATER)).await.unwrap();
    assert_eq!(behind(&ledger, NOW).await, (1, 0));
}

async fn there_are_no_more_subscriptions_than_the_caps_allow(place: Place) {
    let ledger = place.open().await;
    let caps = Caps { all: 3, per_host: 2 };
    let takes = async |callback: &str, mode| {
        ledger.ask_hub(&asked(callback, ALL, mode), &caps, at(NOW)).await.unwrap()
    };
    subscribe(&ledger, "https://a.example.org/1", ALL).await;
    assert!(takes("https://a.example.org/2", Mode::Subscribe).await);
    assert!(!takes("https://a.example.org/3", Mode::Subscribe).await);
    assert!(takes("https://a.example.org/1", Mode::Subscribe).await, "who renews takes no new place");
    assert!(takes("https://b.example.org/1", Mode::Subscribe).await);
    assert!(!takes("https://c.example.org/1", Mode::Subscribe).await);
    assert!(takes("https://a.example.org/1", Mode::Unsubscribe).await, "who leaves is never too many");
    check(&ledger, (1, 3, 0)).await;
    assert!(takes("https://c.example.org/1", Mode::Unsubscribe).await);
    check(&ledger, (1, 3, 0)).await;
    let later = at(NOW) + TimeDelta::days(11);
    let request = asked("https://a.example.org/3", ALL, Mode::Subscribe);
    let caps = Caps { all: 99, per_host: 3 };
    assert!(ledger.ask_hub(&request, &caps, later).await.unwrap(), "an ended lease takes no place");
}

async fn a_lease_that_has_ended_leaves_nothing(place: Place) {
    let ledger = place.open().await;
    subscribe(&ledger, "https://a.example.org/in", ALL).await;
    mark(&ledger, &[(ALL, "e2")]).await;
    let ends = at(NOW) + LEASE;
    assert_eq!(ledger.behind(Health::Well, 9, ends).await.unwrap().len(), 0);
    ledger.mark_behind(&[(ALL, "e2")], &[], ends - TimeDelta::seconds(1)).await.unwrap();
    assert_eq!(ledger.sealed_callbacks().await.unwrap().len(), 1);
    ledger.mark_behind(&[(ALL, "e2")], &[], ends).await.unwrap();
    assert_eq!(ledger.sealed_callbacks().await.unwrap().len(), 0);
}

async fn another_hub_is_behind_from_the_first_change_after_it_is_known(place: Place) {
    let ledger = place.open().await;
    let hubs = ["https://hub.example.org/".to_owned(), "https://hub.example.net/".to_owned()];
    let mark = async |topics: &[(&str, &str)], hubs: &[String]| {
        ledger.mark_behind(topics, hubs, at(NOW)).await.unwrap();
        ledger.untold(9, at(NOW)).await.unwrap()
    };
    assert_eq!(mark(&[(ALL, "e1"), (RENT, "e1")], &hubs).await.len(), 0);
    let untold = mark(&[(ALL, "e2"), (RENT, "e1")], &hubs).await;
    let found: Vec<(&str, &str)> = untold.iter().map(|one| (one.hub.as_str(), one.topic.as_str())).collect();
    assert_eq!(found, [(hubs[1].as_str(), ALL), (hubs[0].as_str(), ALL)]);
    ledger.told(&untold[0], "e2", None).await.unwrap();
    let mut failed = untold[1].clone();
    failed.failures = 1;
    ledger.tell_again(&failed, Some(at(LATER))).await.unwrap();
    assert_eq!(mark(&[(ALL, "e3"), (RENT, "e1")], &hubs).await.len(), 1);
    assert_eq!(ledger.untold(9, at(LATER)).await.unwrap().len(), 2);
    // Given up until the next change.
    ledger.tell_again(&failed, None).await.unwrap();
    assert_eq!(ledger.untold(9, at(LATER)).await.unwrap().len(), 1);
    assert_eq!(mark(&[(ALL, "e4"), (RENT, "e1")], &hubs).await.len(), 2);
    let counts = ledger.untold_counts().await.unwrap();
    assert_eq!(counts, [(hubs[1].clone(), 1), (hubs[0].clone(), 1)]);
    // A hub that is not configured any more, and a feed that is none any more.
    assert_eq!(mark(&[(RENT, "e1")], &hubs[..1]).await.len(), 0);
    assert_eq!(ledger.untold_counts().await.unwrap(), [(hubs[0].clone(), 0)]);
}

async fn what_is_sealed_is_sealed_anew_wherever_it_stands(place: Place) {
    let ledger = place.open().await;
    subscribe(&ledger, "https://a.example.org/in", ALL).await;
    ask(&ledger, "https://b.example.org/in", ALL).await;
    let found = ledger.sealed_callbacks().await.unwrap();
    assert_eq!(found.len(), 2);
    for (_, sealed) in &found {
        ledger.reseal_callback(sealed, &[sealed.as_slice(), b"anew"].concat()).await.unwrap();
    }
    let anew = ledger.sealed_callbacks().await.unwrap();
    assert!(anew.iter().all(|(_, sealed)| sealed.ends_with(b"anew")));
    assert_eq!(anew.len(), 2);
}
