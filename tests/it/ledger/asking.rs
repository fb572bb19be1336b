//! Asking: requests, confirmations, what people choose, and how they are forgotten, on both databases.

use chrono::TimeDelta;
use handbill::delivery::{Next, Outcome, State};
use handbill::edition::{Content, Lane, Occasion};
use handbill::ledger::Ledger;
use handbill::ledger::asking::Request;
use handbill::ledger::choosing::{Chosen, Preferences};
use handbill::ledger::delivering::Claim;
use handbill::ledger::forgetting::Tidied;
use handbill::ledger::importing::{Arrival, Progress};
use handbill::subscriber::{Caps, Event, Key, Standing, SubscriberId, Suppression};

use super::{LEASE, Place, SECRET, Town, address, march, moved, newcomer, receipt, statement, tallies};
use crate::plan::at;

const CAPS: Caps = Caps { per_hour: 100, per_domain_per_hour: 50 };
const NOW: &str = "2018-07-08T10:00Z";

on_both! {
    who_asks_gets_one_confirmation_and_is_welcomed_when_they_confirm
    a_thousand_requests_for_one_address_send_one_mail
    one_address_gets_one_confirmation_a_day_and_three_in_thirty_days
    a_domain_and_an_hour_have_their_caps
    who_is_subscribed_already_is_told_so_and_gains_nothing
    who_asks_for_one_more_list_confirms_it
    a_request_that_nobody_confirms_dies_in_two_days
    who_is_added_while_they_ask_stays_and_their_request_waits
    who_left_and_asks_again_is_not_put_back_by_an_import
    who_leaves_the_last_list_and_confirms_no_other_is_only_a_hash
    who_left_may_ask_again_and_who_complained_may_not
    who_bounced_may_ask_again_after_thirty_days
    an_old_link_does_not_bring_back_who_left
    a_probe_goes_out_once_a_day_and_to_nobody_who_left
    who_chose_a_digest_gets_no_alert_and_finds_it_in_the_next_issue
    a_correction_reaches_who_chose_a_digest
    who_leaves_the_digest_leaves_what_it_stood_for
    nothing_is_sent_in_a_pause_and_nothing_is_made_up_for
    who_wants_no_reminders_gets_the_rest
    without_a_list_a_choice_is_to_leave
    what_is_held_is_shown_and_then_forgotten
    the_detail_of_tries_is_erased_after_seven_days_and_their_counts_stay
    requests_at_once_for_one_address_send_one_mail
    a_mail_that_waits_for_its_turn_is_unwanted_when_its_reader_has_left
}

fn request(name: &str, lists: &[&str]) -> Request {
    let (key, address) = (Key::from_bytes(&SECRET), address(name));
    Request {
        lookup: key.lookup(&address),
        sealed: key.seal(&address, [1; 24]),
        domain: key.domain(&address),
        lists: lists.iter().map(|list| (*list).to_owned()).collect(),
        lang: "es".to_owned(),
    }
}

fn lookup(name: &str) -> [u8; 32] {
    Key::from_bytes(&SECRET).lookup(&address(name))
}

async fn ask(ledger: &Ledger, name: &str, lists: &[&str], now: &str) {
    ledger.ask(&request(name, lists), &CAPS, at(now)).await.unwrap();
}

async fn id(ledger: &Ledger, name: &str) -> Option<SubscriberId> {
    ledger.find_subscriber(&lookup(name)).await.unwrap().map(|held| held.id)
}

/// Asks and confirms.
async fn join(ledger: &Ledger, name: &str, lists: &[&str], now: &str) -> SubscriberId {
    ask(ledger, name, lists, now).await;
    let id = id(ledger, name).await.unwrap();
    assert!(ledger.confirm(id, at(now)).await.unwrap());
    id
}

async fn claim(ledger: &Ledger, now: &str) -> Vec<Claim> {
    ledger.claim_mails(Lane::Urgent, 1_000, LEASE, at(now)).await.unwrap()
}

/// Sends what is due: the occasions and how many.
async fn answered(ledger: &Ledger, now: &str) -> String {
    let claims = claim(ledger, now).await;
    let mut lines = Vec::new();
    for claim in &claims {
        let edition = ledger.edition(claim.edition).await.unwrap().unwrap();
        let person = ledger.person(claim.recipient).await.unwrap().unwrap();
        assert!(claim.personal);
        lines.push(match edition.content {
            Content::Personal(Occasion::Confirmation, _) => format!("confirm {}", person.asked.join(" ")),
            Content::Personal(Occasion::Welcome, _) => format!("welcome {}", person.lists.join(" ")),
            Content::Personal(Occasion::Probe, _) => "probe".to_owned(),
            Content::Issue { .. } | Content::Alert(_) | Content::Reminder(..) | Content::Correction(..) => {
                panic!("{edition:?}")
            }
        });
    }
    let sent = |claim| receipt(claim, Some(Outcome::Sent), Next::Done(State::Sent), at(now));
    ledger.record(&claims.iter().map(sent).collect::<Vec<_>>()).await.unwrap();
    lines.sort();
    lines.join(", ")
}

async fn wants(ledger: &Ledger, id: SubscriberId, change: impl FnOnce(&mut Preferences)) {
    let mut preferences = ledger.preferences(id).await.unwrap().unwrap();
    change(&mut preferences);
    assert!(ledger.set_preferences(id, &preferences, at(NOW)).await.unwrap());
    assert_eq!(ledger.preferences(id).await.unwrap(), Some(preferences));
}

async fn wants_digest(ledger: &Ledger, id: SubscriberId) {
    wants(ledger, id, |preferences| {
        preferences.lists = vec![Chosen { list: "alerts".to_owned(), digest: Some("weekly".to_owned()) }];
    })
    .await;
}

async fn who_asks_gets_one_confirmation_and_is_welcomed_when_they_confirm(place: Place) {
    let ledger = place.open().await;
    ask(&ledger, "ada", &["alerts", "weekly"], NOW).await;
    assert_eq!(ledger.standing(&lookup("ada")).await.unwrap(), Standing::Pending);
    assert_eq!(answered(&ledger, NOW).await, "confirm alerts weekly");
    let ada = id(&ledger, "ada").await.unwrap();
    assert_eq!(ledger.lists_of(ada).await.unwrap(), Vec::<String>::new());
    for _ in 0..2 {
        assert!(ledger.confirm(ada, at("2018-07-08T11:00Z")).await.unwrap());
        assert_eq!(ledger.lists_of(ada).await.unwrap(), ["alerts", "weekly"]);
    }
    assert_eq!(answered(&ledger, "2018-07-08T11:00Z").await, "welcome alerts weekly");
    ledger.complete_editions(at("2018-07-08T11:00Z")).await.unwrap();
    assert_eq!(
        tallies(&ledger).await,
        "confirmation/2018-07-08 complete: 1 sent\nwelcome/2018-07-08 complete: 1 sent\n"
    );
    // The day's next one opens it again.
    ask(&ledger, "bela", &["alerts"], "2018-07-08T12:00Z").await;
    assert_eq!(
        tallies(&ledger).await,
        "confirmation/2018-07-08 open: 1 waiting 1 sent\nwelcome/2018-07-08 complete: 1 sent\n"
    );
    let held = ledger.held_about(ada).await.unwrap().unwrap();
    assert_eq!((held.confirmed_month.as_str(), held.lang.as_str(), held.asked_at), ("2018-07", "es", None));
}

async fn a_thousand_requests_for_one_address_send_one_mail(place: Place) {
    let ledger = place.open().await;
    for _ in 0..1_000 {
        ask(&ledger, "ada", &["alerts"], NOW).await;
    }
    assert_eq!(answered(&ledger, NOW).await, "confirm alerts");
    assert_eq!(tallies(&ledger).await, "confirmation/2018-07-08 open: 1 sent\n");
}

async fn requests_at_once_for_one_address_send_one_mail(place: Place) {
    let ledger = place.open().await;
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let ledger = ledger.clone();
        asking.spawn(async move { ask(&ledger, "ada", &["alerts"], NOW).await });
    }
    asking.join_all().await;
    assert_eq!(answered(&ledger, NOW).await, "confirm alerts");
}

async fn one_address_gets_one_confirmation_a_day_and_three_in_thirty_days(place: Place) {
    let ledger = place.open().await;
    let times = [
        ("2018-07-08T10:00Z", "confirm alerts"),
        // Another day, and not yet 24 hours.
        ("2018-07-09T09:59Z", ""),
        ("2018-07-09T10:00Z", "confirm alerts"),
        ("2018-07-10T10:00Z", "confirm alerts"),
        ("2018-07-11T10:00Z", ""),
        ("2018-08-07T09:59Z", ""),
        ("2018-08-07T10:00Z", "confirm alerts"),
    ];
    for (now, expected) in times {
        ask(&ledger, "ada", &["alerts"], now).await;
        assert_eq!(answered(&ledger, now).await, expected, "{now}");
        // What no cap needs may go, and nothing else.
        ledger.tidy(&["weekly"], at(now)).await.unwrap();
    }
}

async fn a_domain_and_an_hour_have_their_caps(place: Place) {
    let ledger = place.open().await;
    let caps = Caps { per_hour: 3, per_domain_per_hour: 2 };
    let key = Key::from_bytes(&SECRET);
    let asks = async |address: &str, now: &str| {
        let address = handbill::subscriber::Address::parse(address).unwrap();
        let request = Request {
            lookup: key.lookup(&address),
            domain: key.domain(&address),
            ..request("x", &["alerts"])
        };
        ledger.ask(&request, &caps, at(now)).await.unwrap();
        answered(&ledger, now).await.matches("confirm").count()
    };
    assert_eq!(asks("ada@one.example.org", "2018-07-08T10:00Z").await, 1);
    assert_eq!(asks("bela@ONE.example.org", "2018-07-08T10:10Z").await, 1);
    assert_eq!(asks("cleo@one.example.org", "2018-07-08T10:20Z").await, 0, "the domain's hour is full");
    assert_eq!(asks("dara@two.example.org", "2018-07-08T10:30Z").await, 1);
    assert_eq!(asks("emil@three.example.org", "2018-07-08T10:40Z").await, 0, "the hour is full");
    assert_eq!(asks("cleo@one.example.org", "2018-07-08T11:05Z").await, 1);
    assert_eq!(asks("emil@three.example.org", "2018-07-08T11:12Z").await, 1);
}

async fn who_is_subscribed_already_is_told_so_and_gains_nothing(place: Place) {
    let ledger = place.open().await;
    let ada = join(&ledger, "ada", &["alerts"], NOW).await;
    answered(&ledger, NOW).await;
    ask(&ledger, "ada", &["alerts"], "2018-07-09T10:00Z").await;
    assert_eq!(answered(&ledger, "2018-07-09T10:00Z").await, "confirm ");
    assert_eq!(ledger.lists_of(ada).await.unwrap(), ["alerts"]);
}

async fn who_asks_for_one_more_list_confirms_it(place: Place) {
    let ledger = place.open().await;
    let ada = join(&ledger, "ada", &["alerts"], NOW).await;
    answered(&ledger, NOW).await;
    ask(&ledger, "ada", &["alerts", "weekly"], "2018-07-09T10:00Z").await;
    assert_eq!(ledger.lists_of(ada).await.unwrap(), ["alerts"], "a stranger may have asked");
    assert_eq!(answered(&ledger, "2018-07-09T10:00Z").await, "confirm weekly");
    assert!(ledger.confirm(ada, at("2018-07-09T11:00Z")).await.unwrap());
    assert_eq!(answered(&ledger, "2018-07-09T11:00Z").await, "welcome alerts weekly");
    // Two days later the request that was confirmed is none.
    assert_eq!(ledger.tidy(&[], at("2018-07-12T11:00Z")).await.unwrap().requests, 0);
    assert_eq!(ledger.lists_of(ada).await.unwrap(), ["alerts", "weekly"]);
}

async fn a_request_that_nobody_confirms_dies_in_two_days(place: Place) {
    let ledger = place.open().await;
    ask(&ledger, "ada", &["alerts"], NOW).await;
    let ada = id(&ledger, "ada").await.unwrap();
    ledger.tidy(&[], at("2018-07-10T09:59Z")).await.unwrap();
    assert!(id(&ledger, "ada").await.is_some());
    assert!(!ledger.confirm(ada, at("2018-07-10T10:00Z")).await.unwrap(), "too late by its own time");
    assert_eq!(ledger.tidy(&[], at("2018-07-10T10:00Z")).await.unwrap().requests, 1);
    assert_eq!(id(&ledger, "ada").await, None);
    assert!(!ledger.confirm(ada, at("2018-07-10T10:00Z")).await.unwrap());
    // The mail that had not gone out does not go out.
    assert_eq!(answered(&ledger, "2018-07-10T10:00Z").await, "");
    assert_eq!(tallies(&ledger).await, "confirmation/2018-07-08 open: 1 left\n");
}

async fn who_is_added_while_they_ask_stays_and_their_request_waits(place: Place) {
    let ledger = place.open().await;
    for name in ["ada", "bela", "cleo"] {
        ask(&ledger, name, &["weekly"], NOW).await;
    }
    answered(&ledger, NOW).await;
    assert_eq!(
        ledger.add_subscribers(&[newcomer("ada", Standing::Confirmed, &["alerts"])]).await.unwrap(),
        0,
        "known already"
    );
    // Bela stands in the file twice, and dara for the first time.
    let arrival = |line, name| Arrival { line, newcomer: newcomer(name, Standing::Confirmed, &["alerts"]) };
    let arrivals = [arrival(1, "bela"), arrival(2, "bela"), arrival(3, "dara")];
    let before = ledger.last_subscriber().await.unwrap();
    let imported = ledger.import("file", &arrivals, before, Progress { end: 9, line: 4 }).await.unwrap();
    assert_eq!((imported.added, imported.known), (1, 2));
    let (ada, bela) = (id(&ledger, "ada").await.unwrap(), id(&ledger, "bela").await.unwrap());
    for id in [ada, bela] {
        assert_eq!(ledger.lists_of(id).await.unwrap(), ["alerts"], "a stranger may have asked for the other");
        let held = ledger.held_about(id).await.unwrap().unwrap();
        assert_eq!((held.confirmed_month.as_str(), held.lang.as_str()), ("2018-07", "es"));
    }
    assert!(ledger.confirm(ada, at("2018-07-09T10:00Z")).await.unwrap());
    // Only cleo, whom nobody added, is forgotten.
    assert_eq!(ledger.tidy(&["weekly"], at("2018-07-10T10:00Z")).await.unwrap().requests, 1);
    assert_eq!(ledger.lists_of(ada).await.unwrap(), ["alerts", "weekly"]);
    assert_eq!(ledger.lists_of(bela).await.unwrap(), ["alerts"]);
    assert_eq!(ledger.person(bela).await.unwrap().unwrap().asked, Vec::<String>::new());
    assert_eq!(id(&ledger, "cleo").await, None);
}

async fn who_left_and_asks_again_is_not_put_back_by_an_import(place: Place) {
    let ledger = place.open().await;
    let later = "2018-07-09T10:00Z";
    for name in ["ada", "bela"] {
        let id = join(&ledger, name, &["alerts"], NOW).await;
        ledger.leave(id, "alerts").await.unwrap();
        ask(&ledger, name, &["weekly"], later).await;
    }
    let back = ["ada", "bela"].map(|name| newcomer(name, Standing::Confirmed, &["alerts"]));
    assert_eq!(ledger.add_subscribers(&back).await.unwrap(), 0);
    assert_eq!(ledger.standing(&lookup("ada")).await.unwrap(), Standing::Pending);
    // What they asked for they may have, and nothing else.
    let ada = id(&ledger, "ada").await.unwrap();
    assert!(ledger.confirm(ada, at(later)).await.unwrap());
    assert_eq!(ledger.lists_of(ada).await.unwrap(), ["weekly"]);
    ledger.tidy(&["weekly"], at("2018-07-11T10:00Z")).await.unwrap();
    assert_eq!(ledger.standing(&lookup("bela")).await.unwrap(), Standing::Unsubscribed);
}

async fn who_leaves_the_last_list_and_confirms_no_other_is_only_a_hash(place: Place) {
    let ledger = place.open().await;
    let (ada, bela) =
        (join(&ledger, "ada", &["alerts"], NOW).await, join(&ledger, "bela", &["alerts"], NOW).await);
    let later = "2018-07-09T10:00Z";
    for (name, id) in [("ada", ada), ("bela", bela)] {
        ask(&ledger, name, &["weekly"], later).await;
        ledger.leave(id, "alerts").await.unwrap();
    }
    // An import brings nobody back to what they left, even while their request waits.
    let back = ["ada", "bela"].map(|name| newcomer(name, Standing::Confirmed, &["alerts"]));
    assert_eq!(ledger.add_subscribers(&back).await.unwrap(), 0);
    assert_eq!(ledger.standing(&lookup("ada")).await.unwrap(), Standing::Pending);
    assert!(ledger.confirm(bela, at("2018-07-10T10:00Z")).await.unwrap());
    assert_eq!(ledger.tidy(&["weekly"], at("2018-07-11T10:00Z")).await.unwrap().requests, 1);
    assert_eq!(ledger.standing(&lookup("ada")).await.unwrap(), Standing::Unsubscribed);
    assert_eq!(ledger.lists_of(bela).await.unwrap(), ["weekly"]);
    let back = newcomer("ada", Standing::Confirmed, &["alerts"]);
    assert_eq!(ledger.add_subscribers(&[back]).await.unwrap(), 0);
    assert_eq!(id(&ledger, "ada").await, None);
}

async fn who_left_may_ask_again_and_who_complained_may_not(place: Place) {
    let ledger = place.open().await;
    let caps_over = "2018-07-10T10:00Z";
    for (name, event) in [("left", Event::Left), ("erased", Event::Erased), ("angry", Event::Complained)] {
        let id = join(&ledger, name, &["alerts"], NOW).await;
        assert!(ledger.suppress(id, event, at(NOW)).await.unwrap());
    }
    for name in ["left", "erased", "angry"] {
        ask(&ledger, name, &["alerts"], caps_over).await;
    }
    assert_eq!(answered(&ledger, caps_over).await, "confirm alerts, confirm alerts");
    assert_eq!(
        ledger.standing(&lookup("angry")).await.unwrap(),
        Standing::Suppressed(Suppression::Complained)
    );
    let left = id(&ledger, "left").await.unwrap();
    assert!(ledger.confirm(left, at(caps_over)).await.unwrap());
    assert_eq!(ledger.standing(&lookup("left")).await.unwrap(), Standing::Confirmed);
    assert!(ledger.lift(&lookup("angry")).await.unwrap());
    assert!(!ledger.lift(&lookup("angry")).await.unwrap());
    ask(&ledger, "angry", &["alerts"], caps_over).await;
    assert_eq!(ledger.standing(&lookup("angry")).await.unwrap(), Standing::Pending);
    // An operator's word for an address that is not here counts as well.
    ledger.suppress_address(&lookup("stranger"), Event::Complained, at(NOW)).await.unwrap();
    ask(&ledger, "stranger", &["alerts"], caps_over).await;
    assert_eq!(id(&ledger, "stranger").await, None);
}

async fn who_bounced_may_ask_again_after_thirty_days(place: Place) {
    let ledger = place.open().await;
    let ada = join(&ledger, "ada", &["alerts"], NOW).await;
    answered(&ledger, NOW).await;
    assert!(ledger.suppress(ada, Event::Bounced, at("2018-07-08T10:00Z")).await.unwrap());
    assert_eq!(id(&ledger, "ada").await, None);
    ask(&ledger, "ada", &["alerts"], "2018-08-07T09:59Z").await;
    assert_eq!(answered(&ledger, "2018-08-07T09:59Z").await, "");
    ask(&ledger, "ada", &["alerts"], "2018-08-07T10:00Z").await;
    assert_eq!(answered(&ledger, "2018-08-07T10:00Z").await, "confirm alerts");
    // Nobody confirms: it is as it was.
    ledger.tidy(&[], at("2018-08-09T10:00Z")).await.unwrap();
    let bounced = Standing::Suppressed(Suppression::Bounced { at: at("2018-07-08T10:00Z") });
    assert_eq!(ledger.standing(&lookup("ada")).await.unwrap(), bounced);
}

async fn an_old_link_does_not_bring_back_who_left(place: Place) {
    let ledger = place.open().await;
    let ada = join(&ledger, "ada", &["alerts"], NOW).await;
    ledger.leave(ada, "alerts").await.unwrap();
    assert!(!ledger.confirm(ada, at(NOW)).await.unwrap());
    assert_eq!(ledger.preferences(ada).await.unwrap(), None);
    let wish = Preferences {
        lists: vec![Chosen { list: "alerts".to_owned(), digest: None }],
        lang: String::new(),
        paused_until: None,
        reminders: true,
    };
    assert!(!ledger.set_preferences(ada, &wish, at(NOW)).await.unwrap());
    assert!(!ledger.stay(ada, at(NOW)).await.unwrap());
    assert_eq!(ledger.held_about(ada).await.unwrap(), None);
}

async fn a_probe_goes_out_once_a_day_and_to_nobody_who_left(place: Place) {
    let ledger = place.open().await;
    let ada = join(&ledger, "ada", &["alerts"], NOW).await;
    answered(&ledger, NOW).await;
    assert!(ledger.probe(ada, at(NOW)).await.unwrap());
    assert!(!ledger.probe(ada, at("2018-07-08T23:00Z")).await.unwrap());
    assert_eq!(answered(&ledger, NOW).await, "probe");
    assert!(ledger.stay(ada, at("2018-08-01T00:00Z")).await.unwrap());
    assert_eq!(ledger.held_about(ada).await.unwrap().unwrap().confirmed_month, "2018-08");
    assert!(ledger.probe(ada, at("2018-07-09T00:00Z")).await.unwrap());
    ledger.leave_all(ada).await.unwrap();
    assert!(!ledger.probe(ada, at("2018-07-10T00:00Z")).await.unwrap());
    assert_eq!(answered(&ledger, "2018-07-09T00:00Z").await, "");
}

// What people choose.

async fn who_chose_a_digest_gets_no_alert_and_finds_it_in_the_next_issue(place: Place) {
    let mut town = Town::new(&place).await;
    let ada = town.confirmed("ada", &["alerts"]).await;
    town.confirmed("bela", &["alerts", "weekly"]).await;
    wants_digest(&town.ledger, ada).await;
    let files =
        vec![("statement", statement("")), ("march", super::march_with("starts = 2018-07-20 09:00", "A"))];
    town.look(&files, "2018-07-08T22:00Z").await;
    assert_eq!(town.send("2018-07-08T22:00Z").await, "alert/alerts/march: bela\n");
    town.look(&files, "2018-07-09T13:00Z").await;
    assert_eq!(town.send("2018-07-09T13:00Z").await, "issue/weekly/2018-07-09T09:00: ada bela\n");
    // A digest that the operator took away is none.
    town.ledger.tidy(&["monthly"], at("2018-07-09T13:00Z")).await.unwrap();
    let lists = town.ledger.preferences(ada).await.unwrap().unwrap().lists;
    assert_eq!(lists, [Chosen { list: "alerts".to_owned(), digest: None }]);
}

async fn a_correction_reaches_who_chose_a_digest(place: Place) {
    let mut town = Town::new(&place).await;
    let ada = town.confirmed("ada", &["alerts"]).await;
    let bela = town.confirmed("bela", &["alerts"]).await;
    town.confirmed("cleo", &["weekly"]).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    town.send("2018-07-08T22:00Z").await;
    // Told by an alert, told by an issue, and told by nobody.
    wants_digest(&town.ledger, ada).await;
    let dara = town.confirmed("dara", &["alerts"]).await;
    wants_digest(&town.ledger, dara).await;
    wants_digest(&town.ledger, bela).await;
    town.look(&march(), "2018-07-09T13:00Z").await;
    let told = town.send("2018-07-09T13:00Z").await;
    assert!(told.contains("issue/weekly/2018-07-09T09:00: ada bela cleo dara\n"), "{told}");
    let emil = town.confirmed("emil", &["alerts"]).await;
    wants_digest(&town.ledger, emil).await;
    town.look(&moved(), "2018-07-09T14:00Z").await;
    assert_eq!(
        town.send("2018-07-09T14:00Z").await,
        "correction/alerts/march/1: ada bela dara\ncorrection/weekly/march/1: cleo\n"
    );
}

async fn who_leaves_the_digest_leaves_what_it_stood_for(place: Place) {
    let mut town = Town::new(&place).await;
    let ada = town.confirmed("ada", &["alerts"]).await;
    wants_digest(&town.ledger, ada).await;
    town.ledger.leave(ada, "weekly").await.unwrap();
    assert_eq!(town.ledger.standing(&lookup("ada")).await.unwrap(), Standing::Unsubscribed);
}

async fn nothing_is_sent_in_a_pause_and_nothing_is_made_up_for(place: Place) {
    let mut town = Town::new(&place).await;
    let ada = town.confirmed("ada", &["alerts"]).await;
    town.confirmed("bela", &["alerts"]).await;
    wants(&town.ledger, ada, |preferences| preferences.paused_until = Some(at("2018-07-09T12:00Z"))).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    assert_eq!(town.send("2018-07-08T22:00Z").await, "alert/alerts/march: bela\n");
    // The reminder of the next day comes after the pause, and says how it is then.
    town.look(&march(), "2018-07-09T13:00Z").await;
    assert_eq!(town.send("2018-07-09T13:00Z").await, "reminder/alerts/march/-P1D: ada bela\n");
    // What was frozen before a pause does not go out in it.
    town.look(&moved(), "2018-07-09T14:00Z").await;
    wants(&town.ledger, ada, |preferences| preferences.paused_until = Some(at("2018-08-01T00:00Z"))).await;
    assert_eq!(town.send("2018-07-09T14:00Z").await, "correction/alerts/march/1: bela\n");
}

async fn who_wants_no_reminders_gets_the_rest(place: Place) {
    let mut town = Town::new(&place).await;
    let ada = town.confirmed("ada", &["alerts"]).await;
    wants(&town.ledger, ada, |preferences| preferences.reminders = false).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    assert_eq!(town.send("2018-07-08T22:00Z").await, "alert/alerts/march: ada\n");
    town.look(&march(), "2018-07-09T13:00Z").await;
    assert_eq!(town.send("2018-07-09T13:00Z").await, "");
    town.look(&moved(), "2018-07-09T14:00Z").await;
    assert_eq!(town.send("2018-07-09T14:00Z").await, "correction/alerts/march/1: ada\n");
}

async fn without_a_list_a_choice_is_to_leave(place: Place) {
    let ledger = place.open().await;
    let ada = join(&ledger, "ada", &["alerts"], NOW).await;
    let mut wish = ledger.preferences(ada).await.unwrap().unwrap();
    wish.lists.clear();
    assert!(ledger.set_preferences(ada, &wish, at(NOW)).await.unwrap());
    assert_eq!(ledger.standing(&lookup("ada")).await.unwrap(), Standing::Unsubscribed);
}

async fn what_is_held_is_shown_and_then_forgotten(place: Place) {
    let ledger = place.open().await;
    let ada = join(&ledger, "ada", &["alerts"], NOW).await;
    answered(&ledger, NOW).await;
    assert!(ledger.is_of(ada, &lookup("ada")).await.unwrap());
    assert!(!ledger.is_of(ada, &lookup("bela")).await.unwrap());
    let held = serde_json::to_value(ledger.held_about(ada).await.unwrap().unwrap()).unwrap();
    assert_eq!(held["standing"], "confirmed");
    assert_eq!(held["lists"][0]["list"], "alerts");
    let editions: Vec<&str> =
        held["deliveries"].as_array().unwrap().iter().map(|row| row["edition"].as_str().unwrap()).collect();
    assert_eq!(editions, ["confirmation/2018-07-08", "welcome/2018-07-08"]);
    let before = tallies(&ledger).await;
    assert!(ledger.erase(ada).await.unwrap());
    assert!(!ledger.erase(ada).await.unwrap());
    assert_eq!(ledger.held_about(ada).await.unwrap(), None);
    assert!(!ledger.is_of(ada, &lookup("ada")).await.unwrap());
    assert_eq!(tallies(&ledger).await, before, "the counts stay");
}

async fn the_detail_of_tries_is_erased_after_seven_days_and_their_counts_stay(place: Place) {
    let ledger = place.open().await;
    ask(&ledger, "ada", &["alerts"], NOW).await;
    let first = claim(&ledger, NOW).await;
    assert_eq!(answered(&ledger, "2018-07-08T10:01Z").await, "", "it is claimed");
    let sent = receipt(&first[0], Some(Outcome::Sent), Next::Done(State::Sent), at(NOW));
    ledger.record(&[sent]).await.unwrap();
    let edition = first[0].edition;
    let before = at(NOW) + TimeDelta::days(7);
    let kept = ledger.tidy(&[], before - TimeDelta::seconds(1)).await.unwrap();
    assert_eq!((kept.attempts, ledger.attempts(edition, 10).await.unwrap().len()), (0, 1));
    let erased = ledger.tidy(&[], before).await.unwrap();
    assert_eq!((erased.attempts, ledger.attempts(edition, 10).await.unwrap().len()), (1, 0));
    assert_eq!(ledger.tidy(&[], before).await.unwrap(), Tidied::default());
    assert_eq!(ledger.tidy(&[], at(NOW) + TimeDelta::days(30)).await.unwrap().confirmations, 1);
    assert_eq!(tallies(&ledger).await, "confirmation/2018-07-08 open: 1 sent\n");
}

async fn a_mail_that_waits_for_its_turn_is_unwanted_when_its_reader_has_left(place: Place) {
    let mut town = Town::new(&place).await;
    let ada = town.confirmed("ada", &["alerts"]).await;
    town.confirmed("bela", &["alerts"]).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    let claims = town.claim(Lane::Urgent, "2018-07-08T22:00Z").await;
    let now = at("2018-07-08T22:00Z");
    let wanted = async || {
        let mut wanted = Vec::new();
        for claim in &claims {
            wanted.push((claim.recipient == ada, town.ledger.is_wanted(claim, now).await.unwrap()));
        }
        wanted
    };
    assert_eq!(wanted().await, [(true, true), (false, true)]);
    town.ledger.leave(ada, "alerts").await.unwrap();
    assert_eq!(wanted().await, [(true, false), (false, true)]);
}
