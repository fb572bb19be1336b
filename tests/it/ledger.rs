//! Ledger: the same promises of both databases.

mod measured;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use handbill::clock::Clock;
use handbill::config::Config;
use handbill::delivery::{Answer, Fault, Next, Outcome, State};
use handbill::edition::{Audience, Content, Lane};
use handbill::ledger::delivering::{Claim, Receipt};
use handbill::ledger::epoch::Held;
use handbill::ledger::publishing::{Committed, Lease};
use handbill::ledger::returning::Came;
use handbill::ledger::subscribing::Newcomer;
use handbill::ledger::{Dialect, Ledger};
use handbill::plan::{self, Entry, History};
use handbill::returned::score;
use handbill::revision::Draft;
use handbill::subscriber::{Address, Event, Key, Standing, SubscriberId, Suppression};
use sha2::{Digest, Sha256};
use sqlx::{AnyConnection, Connection};
use tempfile::TempDir;

use crate::plan::{action, at, config, drafts, statement};
use crate::postgres::database;

const LISTS: &str = r#"
[site]
title = "Notices"
organization = "Council"
url = "https://notices.example.org/"
zone = "America/New_York"
[mail]
from = "Notices <notices@example.org>"
[[list]]
name = "alerts"
when = "at once"
kinds = ["action"]
remind = ["-P1D"]
[[list]]
name = "neighbours"
when = "at once"
kinds = ["action"]
remind = ["-P1D"]
[[list]]
name = "weekly"
when = "0 9 * * MON"
[[target]]
name = "chat"
url = "https://hooks.example.org/chat"
secret_file = "chat.secret"
kinds = ["action"]
"#;

const LEASE: TimeDelta = TimeDelta::minutes(10);
const SECRET: [u8; 32] = [7; 32];

/// Each of these runs on both databases, each time in a new, empty one.
macro_rules! on_both {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(super::Place::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(place) = super::Place::postgres().await {
                    super::$name(place).await;
                }
            })*
        }
    };
}

mod asking;
mod hub;
mod returning;

on_both! {
    the_history_that_is_read_back_is_the_history_that_was_made
    a_ledger_that_has_not_begun_has_no_history_and_begins_only_once
    what_is_committed_twice_is_there_once
    without_the_lease_nothing_is_written
    a_lease_passes_on_when_it_has_run_out_and_the_old_holder_writes_nothing_more
    a_lease_that_is_returned_passes_on_at_once
    the_mark_of_what_is_planned_only_goes_forward
    recipients_are_frozen_by_the_commit_less_those_who_leave_before_the_claim
    a_person_on_two_lists_gets_each_thing_once
    who_leaves_one_of_two_lists_still_gets_it_by_the_other
    a_correction_goes_to_who_was_told_and_to_who_takes_the_alerts
    who_waits_for_a_correction_gets_no_other_that_it_says_too
    who_heard_of_a_change_by_an_issue_is_told_of_the_next_one_by_its_own_correction
    a_correction_that_is_of_use_for_longer_goes_beside_one_that_waits
    a_change_is_told_at_once_to_who_waits_for_a_next_try
    who_was_told_that_it_is_off_hears_that_it_stands_again_whatever_they_wait_for
    an_alert_that_waits_is_of_use_until_the_new_start
    who_takes_the_alerts_and_waits_for_one_gets_no_correction_of_it
    who_left_before_their_turn_gets_it_by_a_list_that_comes_to_it_later
    a_correction_goes_to_whom_a_try_may_have_told_whatever_came_after
    of_what_was_over_before_it_was_tried_nothing_is_corrected
    who_has_not_got_it_yet_gets_it_as_it_is_now_and_no_correction
    what_a_mail_follows_is_the_earliest_that_its_recipient_got
    a_reminder_that_waits_is_dropped_when_the_action_is_cancelled
    a_reminder_that_waits_is_dropped_when_the_action_is_rescheduled
    an_edition_is_read_back_with_each_notice_at_its_latest_revision
    an_urgent_lane_does_not_see_a_digest_and_the_oldest_is_claimed_first
    a_claim_that_runs_out_is_due_again_and_the_late_answer_changes_nothing
    a_record_that_is_broken_off_stands_in_no_way
    a_claim_that_is_given_back_is_due_at_once_and_was_no_try
    after_a_crash_every_claim_of_the_last_run_is_due
    a_deferred_delivery_is_due_when_it_was_told_and_keeps_count
    a_correction_waits_for_the_post_that_it_corrects_and_holds_up_nothing_else
    an_edition_is_complete_when_nothing_of_it_waits_and_its_counts_reconcile
    a_delivery_that_is_missing_from_the_ledger_is_missed
    every_try_is_kept_with_their_words
    what_is_held_stays_held_until_it_is_resumed
    a_clock_that_is_not_that_of_the_server_is_not_trusted
    what_a_jump_put_off_is_due_again_when_it_is_resumed
    a_ledger_behind_its_epoch_is_held_until_it_is_resumed
    a_ledger_ahead_of_its_epoch_is_what_a_crash_left
    an_older_copy_of_the_ledger_gives_nobody_a_number_that_somebody_may_have
    several_claimers_at_once_never_hold_the_same_delivery
    who_is_claimed_while_a_notice_changes_is_told_of_the_change
    who_is_known_keeps_their_state_and_gains_the_lists
    who_left_or_is_suppressed_is_not_brought_back_by_an_import
    who_leaves_the_last_list_is_only_a_hash
    nodes_that_start_at_once_make_the_tables_once
    who_writes_while_another_process_writes_is_not_refused
    a_ledger_of_an_older_program_goes_on_where_it_stopped
    a_ledger_of_a_newer_program_is_not_opened
}

/// Where a ledger is, so that it can be opened more than once.
struct Place {
    url: Option<String>,
    folder: TempDir,
}

impl Place {
    fn sqlite() -> Self {
        Self { url: None, folder: tempfile::tempdir().unwrap() }
    }

    async fn postgres() -> Option<Self> {
        Some(Self { url: Some(database().await?), folder: tempfile::tempdir().unwrap() })
    }

    async fn open(&self) -> Ledger {
        Ledger::open(self.url.as_deref(), self.folder.path()).await.unwrap()
    }

    // Past the ledger, to break it.
    async fn execute(&self, statement: &str) {
        let file = format!("sqlite://{}", self.folder.path().join("ledger.db").display());
        crate::postgres::execute(self.url.as_deref().unwrap_or(&file), statement).await;
    }
}

/// A ledger with what publishes into it, and its subscribers by name.
struct Town {
    ledger: Ledger,
    config: Config,
    history: History,
    lease: Lease,
    names: BTreeMap<SubscriberId, String>,
}

impl Town {
    /// Begins on 7 July 2018 with nothing in the folder.
    async fn new(place: &Place) -> Self {
        Self::with(place, &[]).await
    }

    async fn with(place: &Place, files: &[(&str, String)]) -> Self {
        let (ledger, config, now) = (place.open().await, config(LISTS), at("2018-07-07T00:00Z"));
        let lease = ledger.take_lease("publish", "one", LEASE, now).await.unwrap().unwrap();
        let (history, entries) = plan::begin(&drafts(&config, files), now);
        let begun = ledger.begin(&entries, &lease, now).await.unwrap();
        assert_eq!(begun, Committed::Done { deliveries: 0 });
        Self { ledger, config, history, lease, names: BTreeMap::new() }
    }

    /// The service looks at its folder: what is due is committed. Answers the deliveries that this made.
    async fn look(&mut self, files: &[(&str, String)], now: &str) -> u64 {
        let entries = self.due(files, now);
        let Committed::Done { deliveries } =
            self.ledger.commit(&entries, &self.lease, at(now)).await.unwrap()
        else {
            panic!("the lease was lost");
        };
        self.history.apply_all(&entries, at(now));
        deliveries
    }

    fn due(&self, files: &[(&str, String)], now: &str) -> Vec<Entry> {
        plan::due(&self.config, &drafts(&self.config, files), &self.history, at(now))
    }

    async fn subscribe(&mut self, name: &str, standing: Standing, lists: &[&str]) -> SubscriberId {
        let newcomer = newcomer(name, standing, lists);
        self.ledger.add_subscribers(std::slice::from_ref(&newcomer)).await.unwrap();
        // Who is only a hash has no number.
        let found = self.ledger.find_subscriber(&newcomer.lookup).await.unwrap();
        let Some(id) = found.map(|held| held.id) else { return 0 };
        self.names.insert(id, name.to_owned());
        id
    }

    async fn confirmed(&mut self, name: &str, lists: &[&str]) -> SubscriberId {
        self.subscribe(name, Standing::Confirmed, lists).await
    }

    async fn claim(&self, lane: Lane, now: &str) -> Vec<Claim> {
        self.ledger.claim_mails(lane, 1_000, LEASE, at(now)).await.unwrap()
    }

    async fn posts(&self, now: &str) -> Vec<Claim> {
        self.ledger.claim_posts("chat", 1_000, LEASE, at(now)).await.unwrap()
    }

    /// What was claimed, as `edition: names`, in order.
    async fn told(&self, claims: &[Claim]) -> String {
        let mut editions: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for claim in claims {
            let edition = self.ledger.edition(claim.edition).await.unwrap().unwrap();
            let name = self.names.get(&claim.recipient).map_or("chat", String::as_str);
            assert!(
                editions.entry(edition.id.to_string()).or_default().insert(name),
                "{edition:?}: {name} twice"
            );
        }
        let line = |(edition, names): (String, BTreeSet<&str>)| {
            format!("{edition}: {}\n", names.into_iter().collect::<Vec<_>>().join(" "))
        };
        editions.into_iter().map(line).collect()
    }

    /// Sends all mail that is due, and tells who got what.
    async fn send(&self, now: &str) -> String {
        let mut claims = self.claim(Lane::Urgent, now).await;
        claims.extend(self.claim(Lane::Bulk, now).await);
        self.record(&claims, Outcome::Sent, Next::Done(State::Sent), now).await;
        self.told(&claims).await
    }

    async fn record(&self, claims: &[Claim], outcome: Outcome, next: Next, now: &str) {
        let receipts: Vec<Receipt> =
            claims.iter().map(|claim| receipt(claim, Some(outcome), next, at(now))).collect();
        self.ledger.record(&receipts).await.unwrap();
    }

    /// All editions with their counts, oldest first, each of which must reconcile.
    async fn tallies(&self) -> String {
        tallies(&self.ledger).await
    }
}

async fn tallies(ledger: &Ledger) -> String {
    let mut tallies = ledger.tallies(None, 1_000).await.unwrap();
    tallies.reverse();
    let mut text = String::new();
    for tally in tallies {
        assert!(tally.reconciles(), "{tally:?}");
        text += &format!("{} {}:", tally.edition, tally.state);
        let counts = [
            (tally.waiting, "waiting"),
            (tally.sent, "sent"),
            (tally.bounced, "bounced"),
            (tally.expired, "expired"),
            (tally.uncertain, "uncertain"),
            (tally.left, "left"),
            (tally.superseded, "superseded"),
            (tally.dropped, "dropped"),
        ];
        for (count, word) in counts.iter().filter(|(count, _)| *count > 0) {
            text += &format!(" {count} {word}");
        }
        text += "\n";
    }
    text
}

fn receipt(claim: &Claim, outcome: Option<Outcome>, next: Next, at: DateTime<Utc>) -> Receipt {
    let answer = outcome.map(|outcome| Answer {
        outcome,
        code: Some(250),
        enhanced: Some("2.0.0".to_owned()),
        text: "as you say".to_owned(),
        retry_after: None,
        took: Duration::from_millis(12),
    });
    Receipt { claim: claim.clone(), answer, next, at }
}

fn address(name: &str) -> Address {
    Address::parse(&format!("{name}@example.org")).unwrap()
}

fn newcomer(name: &str, standing: Standing, lists: &[&str]) -> Newcomer {
    let (key, address) = (Key::from_bytes(&SECRET), address(name));
    Newcomer {
        lookup: key.lookup(&address),
        sealed: key.seal(&address, [1; 24]),
        standing,
        lists: lists.iter().map(|list| (*list).to_owned()).collect(),
        lang: "en".to_owned(),
        confirmed_month: "2018-07".to_owned(),
    }
}

// Many, without the cost of sealing each.
fn crowd(number: u32, list: &str) -> Vec<Newcomer> {
    let sealed = newcomer("crowd", Standing::Confirmed, &[]);
    let one = |number: u32| {
        let lookup: [u8; 32] = Sha256::digest(number.to_be_bytes()).into();
        let lists = vec![list.to_owned()];
        Newcomer { lookup, lists, ..sealed.clone() }
    };
    (0..number).map(one).collect()
}

fn march() -> Vec<(&'static str, String)> {
    vec![("march", march_with("starts = 2018-07-10 09:00", "The square"))]
}

fn march_with(front: &str, place: &str) -> String {
    action(&format!("publish_at = 2018-07-08 18:00\n{front}\n[place]\nname = \"{place}\""))
}

fn moved() -> Vec<(&'static str, String)> {
    vec![("march", march_with("starts = 2018-07-10 09:00\nstatus = \"moved\"", "The park"))]
}

fn cancelled() -> Vec<(&'static str, String)> {
    vec![("march", march_with("starts = 2018-07-10 09:00\nstatus = \"cancelled\"", "The square"))]
}

fn rescheduled(starts: &str) -> Vec<(&'static str, String)> {
    vec![("march", march_with(&format!("starts = {starts}\nstatus = \"rescheduled\""), "The square"))]
}

fn reader(config: &Config) -> impl Fn(&str, &str) -> Option<Draft> {
    let defaults = config.site.defaults();
    move |path, source| {
        let parsed = handbill::notice::parse::parse(path, source, &defaults);
        Some(Draft::new(parsed.notice?, path, source))
    }
}

// Publishing.

async fn the_history_that_is_read_back_is_the_history_that_was_made(place: Place) {
    let old = ("old", statement("publish_at = 2018-01-01 12:00"));
    let new = ("new", statement(""));
    let mut town = Town::with(&place, std::slice::from_ref(&old)).await;
    town.confirmed("ada", &["alerts", "weekly"]).await;
    let mut typo = march();
    typo[0].1.push_str("Bring water.\n");
    let days = [
        ("2018-07-07T12:00Z", march()),
        ("2018-07-08T22:00Z", march()),
        ("2018-07-08T23:00Z", typo),
        ("2018-07-09T13:00Z", moved()),
        ("2018-07-09T15:00Z", cancelled()),
        ("2018-07-16T13:00Z", cancelled()),
        ("2018-08-14T13:00Z", cancelled()),
    ];
    let mut editions = 0;
    for (now, mut files) in days {
        files.push(old.clone());
        files.push(new.clone());
        town.look(&files, now).await;
        let read = place.open().await.history(reader(&town.config)).await.unwrap().unwrap();
        assert_eq!(format!("{read:#?}"), format!("{:#?}", town.history), "at {now}");
        editions = read.settled.len();
    }
    // Or else the comparison would be of nothing.
    assert_eq!((town.history.revisions.len(), town.history.told.len()), (3, 2));
    assert_eq!(
        town.history.revisions[&drafts(&town.config, &march()).into_keys().next().unwrap()].changes.len(),
        2
    );
    assert_eq!(town.history.carried["weekly"].len(), 2);
    assert!(town.history.carries_since.contains_key("weekly"));
    assert!(editions >= 12, "{editions}");
}

async fn a_ledger_that_has_not_begun_has_no_history_and_begins_only_once(place: Place) {
    let (ledger, config) = (place.open().await, config(LISTS));
    assert!(ledger.history(reader(&config)).await.unwrap().is_none());
    let lease = ledger.take_lease("publish", "one", LEASE, at("2018-07-07T00:00Z")).await.unwrap().unwrap();
    let lost = Lease { fence: lease.fence + 1, ..lease.clone() };
    let (_, entries) = plan::begin(&drafts(&config, &march()), at("2018-07-09T00:00Z"));
    let begun = ledger.begin(&entries, &lost, at("2018-07-09T00:00Z")).await.unwrap();
    assert_eq!(begun, Committed::LostLease);
    assert!(ledger.history(reader(&config)).await.unwrap().is_none());
    for now in ["2018-07-09T00:00Z", "2018-07-10T00:00Z"] {
        ledger.begin(&entries, &lease, at(now)).await.unwrap();
        let history = ledger.history(reader(&config)).await.unwrap().unwrap();
        assert_eq!((history.began_at, history.revisions.len()), (at("2018-07-09T00:00Z"), 1));
        assert!(!history.may_send(history.revisions.values().next().unwrap()));
    }
}

async fn what_is_committed_twice_is_there_once(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("ada", &["alerts"]).await;
    let entries = town.due(&march(), "2018-07-08T22:00Z");
    for deliveries in [2, 0, 0] {
        let done = town.ledger.commit(&entries, &town.lease, at("2018-07-08T22:00Z")).await.unwrap();
        assert_eq!(done, Committed::Done { deliveries });
    }
    assert_eq!(
        town.tallies().await,
        "alert/alerts/march open: 1 waiting\nalert/chat/march open: 1 waiting\nalert/neighbours/march open:\n"
    );
}

async fn without_the_lease_nothing_is_written(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("ada", &["alerts"]).await;
    let before = format!("{:?}", town.ledger.history(reader(&town.config)).await.unwrap());
    let entries = town.due(&march(), "2018-07-08T22:00Z");
    let nobody = [
        Lease { fence: town.lease.fence + 1, ..town.lease.clone() },
        Lease { fence: town.lease.fence - 1, ..town.lease.clone() },
        Lease { holder: "two".to_owned(), ..town.lease.clone() },
    ];
    for lease in nobody {
        let done = town.ledger.commit(&entries, &lease, at("2018-07-08T22:00Z")).await.unwrap();
        assert_eq!(done, Committed::LostLease);
    }
    assert_eq!(format!("{:?}", town.ledger.history(reader(&town.config)).await.unwrap()), before);
    assert_eq!(town.tallies().await, "");
}

async fn a_lease_passes_on_when_it_has_run_out_and_the_old_holder_writes_nothing_more(place: Place) {
    let town = Town::new(&place).await;
    let take = |holder: &'static str, now: &str| {
        let (ledger, now) = (town.ledger.clone(), at(now));
        async move { ledger.take_lease("publish", holder, LEASE, now).await.unwrap() }
    };
    // The town took it at midnight, for ten minutes.
    assert_eq!(take("two", "2018-07-07T00:09Z").await, None);
    assert_eq!(take("one", "2018-07-07T00:09Z").await.as_ref(), Some(&town.lease));
    assert_eq!(take("two", "2018-07-07T00:18Z").await, None);
    let second = take("two", "2018-07-07T00:19Z").await.unwrap();
    assert!(second.fence > town.lease.fence);
    assert_eq!(take("one", "2018-07-07T00:20Z").await, None);
    let entries = town.due(&march(), "2018-07-08T22:00Z");
    let commit = |lease: Lease| {
        let (ledger, entries) = (town.ledger.clone(), entries.clone());
        async move { ledger.commit(&entries, &lease, at("2018-07-08T22:00Z")).await.unwrap() }
    };
    assert_eq!(commit(town.lease.clone()).await, Committed::LostLease);
    assert_eq!(commit(second).await, Committed::Done { deliveries: 1 });
    // It comes back under a new number: what the first had begun before stays refused.
    let third = take("one", "2018-07-07T00:29Z").await.unwrap();
    assert!(third.fence > town.lease.fence + 1);
    assert_eq!(commit(town.lease.clone()).await, Committed::LostLease);
}

async fn a_lease_that_is_returned_passes_on_at_once(place: Place) {
    let town = Town::new(&place).await;
    let (first, now) = (&town.lease, at("2018-07-07T00:01Z"));
    let take = async |holder| town.ledger.take_lease("publish", holder, LEASE, now).await.unwrap();
    assert_eq!(take("two").await, None);
    town.ledger.return_lease("publish", first).await.unwrap();
    let second = take("two").await.unwrap();
    assert_eq!(second.fence, first.fence + 1);
    // Who returns late what another has by now returns nothing.
    town.ledger.return_lease("publish", first).await.unwrap();
    assert_eq!(take("three").await, None);
    assert_eq!(town.ledger.commit(&[], first, now).await.unwrap(), Committed::LostLease);
}

async fn the_mark_of_what_is_planned_only_goes_forward(place: Place) {
    let town = Town::new(&place).await;
    let planned = async |now: &str| {
        town.ledger.commit(&[], &town.lease, at(now)).await.unwrap();
        town.ledger.history(reader(&town.config)).await.unwrap().unwrap().planned_until
    };
    assert_eq!(planned("2018-07-09T00:00Z").await, at("2018-07-09T00:00Z"));
    assert_eq!(planned("2018-07-08T00:00Z").await, at("2018-07-09T00:00Z"));
}

// Recipients.

async fn recipients_are_frozen_by_the_commit_less_those_who_leave_before_the_claim(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("ada", &["alerts"]).await;
    let bela = town.confirmed("bela", &["alerts"]).await;
    town.subscribe("pending", Standing::Pending, &["alerts"]).await;
    town.subscribe("gone", Standing::Unsubscribed, &["alerts"]).await;
    town.subscribe("bounced", Standing::Suppressed(Suppression::Complained), &["alerts"]).await;
    town.confirmed("other", &["weekly"]).await;
    assert_eq!(town.look(&march(), "2018-07-08T22:00Z").await, 3);
    town.confirmed("late", &["alerts"]).await;
    town.ledger.leave(bela, "alerts").await.unwrap();
    assert_eq!(town.send("2018-07-08T22:00Z").await, "alert/alerts/march: ada\n");
    town.ledger.complete_editions(at("2018-07-08T22:01Z")).await.unwrap();
    assert_eq!(
        town.tallies().await,
        "alert/alerts/march complete: 1 sent 1 left\nalert/chat/march open: 1 waiting\nalert/neighbours/march complete:\n"
    );
}

async fn a_person_on_two_lists_gets_each_thing_once(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("both", &["alerts", "neighbours"]).await;
    town.confirmed("one", &["neighbours"]).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    assert_eq!(
        town.send("2018-07-08T22:00Z").await,
        "alert/alerts/march: both\nalert/neighbours/march: one\n"
    );
    town.look(&march(), "2018-07-09T13:00Z").await;
    assert_eq!(
        town.send("2018-07-09T13:00Z").await,
        "reminder/alerts/march/-P1D: both\nreminder/neighbours/march/-P1D: one\n"
    );
    town.look(&moved(), "2018-07-09T14:00Z").await;
    assert_eq!(
        town.send("2018-07-09T14:00Z").await,
        "correction/alerts/march/1: both\ncorrection/neighbours/march/1: one\n"
    );
}

async fn who_leaves_one_of_two_lists_still_gets_it_by_the_other(place: Place) {
    let mut town = Town::new(&place).await;
    let both = town.confirmed("both", &["alerts", "neighbours"]).await;
    let gone = town.confirmed("gone", &["alerts", "neighbours"]).await;
    town.confirmed("one", &["neighbours"]).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    town.ledger.leave(both, "alerts").await.unwrap();
    town.ledger.leave(gone, "alerts").await.unwrap();
    town.ledger.leave(gone, "neighbours").await.unwrap();
    // The other edition is over already; it is opened again for the one who comes.
    let one = town.claim(Lane::Urgent, "2018-07-08T22:00Z").await;
    assert_eq!(town.told(&one).await, "alert/neighbours/march: one\n");
    town.record(&one, Outcome::Sent, Next::Done(State::Sent), "2018-07-08T22:00Z").await;
    assert_eq!(town.ledger.complete_editions(at("2018-07-08T22:00Z")).await.unwrap(), 1);
    assert_eq!(town.send("2018-07-08T22:01Z").await, "alert/neighbours/march: both\n");
    assert_eq!(town.send("2018-07-08T22:02Z").await, "");
    town.ledger.complete_editions(at("2018-07-08T22:03Z")).await.unwrap();
    assert_eq!(
        town.tallies().await,
        "alert/alerts/march complete: 2 left\nalert/chat/march open: 1 waiting\nalert/neighbours/march complete: 2 sent\n"
    );
}

async fn who_left_before_their_turn_gets_it_by_a_list_that_comes_to_it_later(place: Place) {
    let mut town = Town::new(&place).await;
    let both = town.confirmed("both", &["alerts", "neighbours"]).await;
    let now = "2018-07-08T22:00Z";
    let entries = town.due(&march(), now);
    // As with reminders, which a list with quiet hours comes to later.
    let (later, first): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|entry| format!("{:?}", entry.step).contains("neighbours"));
    town.ledger.commit(&first, &town.lease, at(now)).await.unwrap();
    town.ledger.leave(both, "alerts").await.unwrap();
    assert!(town.claim(Lane::Urgent, now).await.is_empty());
    town.ledger.commit(&later, &town.lease, at(now)).await.unwrap();
    assert_eq!(town.send(now).await, "alert/neighbours/march: both\n");
}

async fn a_correction_goes_to_whom_a_try_may_have_told_whatever_came_after(place: Place) {
    let mut town = Town::new(&place).await;
    for name in ["died", "died-bounced", "died-deferred", "unsure", "bounced", "deferred"] {
        town.confirmed(name, &["alerts"]).await;
    }
    town.look(&march(), "2018-07-08T22:00Z").await;
    let later = Next::Retry(at("2018-07-08T22:30Z"));
    for claim in town.claim(Lane::Urgent, "2018-07-08T22:00Z").await {
        let (outcome, next) = match town.names[&claim.recipient].as_str() {
            "unsure" => (Outcome::Uncertain, later),
            "deferred" => (Outcome::Deferred(Fault::Recipient), later),
            "bounced" => (Outcome::Bounced(Fault::Message), Next::Done(State::Bounced)),
            _ => continue,
        };
        town.record(&[claim], outcome, next, "2018-07-08T22:00Z").await;
    }
    // The process dies with the others in hand.
    town.ledger.release_all(at("2018-07-08T22:01Z")).await.unwrap();
    for claim in town.claim(Lane::Urgent, "2018-07-08T22:01Z").await {
        let (outcome, next) = match town.names[&claim.recipient].as_str() {
            "died-bounced" => (Outcome::Bounced(Fault::Message), Next::Done(State::Bounced)),
            "died-deferred" => (Outcome::Deferred(Fault::Recipient), later),
            _ => {
                town.ledger.release(&[claim], at("2018-07-08T22:01Z")).await.unwrap();
                continue;
            }
        };
        town.record(&[claim], outcome, next, "2018-07-08T22:01Z").await;
    }
    town.look(&moved(), "2018-07-08T22:02Z").await;
    assert_eq!(
        town.send("2018-07-08T22:02Z").await,
        "alert/alerts/march: died\n\
         correction/alerts/march/1: bounced died died-bounced died-deferred unsure\n"
    );
}

async fn of_what_was_over_before_it_was_tried_nothing_is_corrected(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("ada", &["weekly"]).await;
    town.look(&march(), "2018-07-09T13:00Z").await;
    let claims = town.claim(Lane::Bulk, "2018-07-09T13:00Z").await;
    let over = receipt(&claims[0], None, Next::Done(State::Expired), at("2018-07-09T13:00Z"));
    town.ledger.record(&[over]).await.unwrap();
    town.look(&moved(), "2018-07-09T13:02Z").await;
    assert_eq!(town.send("2018-07-09T13:02Z").await, "");
}

async fn a_correction_goes_to_who_was_told_and_to_who_takes_the_alerts(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("told", &["alerts"]).await;
    town.confirmed("reader", &["weekly"]).await;
    let bounced = town.confirmed("bounced", &["alerts"]).await;
    let uncertain = town.confirmed("uncertain", &["alerts"]).await;
    let left = town.confirmed("left", &["alerts"]).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    for claim in town.claim(Lane::Urgent, "2018-07-08T22:00Z").await {
        let (outcome, state) = match claim.recipient {
            id if id == bounced => (Outcome::Bounced(Fault::Recipient), State::Bounced),
            id if id == uncertain => (Outcome::Uncertain, State::Uncertain),
            _ => (Outcome::Sent, State::Sent),
        };
        town.record(&[claim], outcome, Next::Done(state), "2018-07-08T22:00Z").await;
    }
    town.look(&march(), "2018-07-09T13:00Z").await;
    assert_eq!(
        town.send("2018-07-09T13:00Z").await,
        "issue/weekly/2018-07-09T09:00: reader\nreminder/alerts/march/-P1D: bounced left told uncertain\n"
    );
    town.confirmed("late", &["alerts", "neighbours", "weekly"]).await;
    town.confirmed("late-reader", &["weekly"]).await;
    let digest = town.confirmed("digest", &["alerts"]).await;
    let mut preferences = town.ledger.preferences(digest).await.unwrap().unwrap();
    preferences.lists[0].digest = Some("weekly".to_owned());
    town.ledger.set_preferences(digest, &preferences, at("2018-07-09T13:30Z")).await.unwrap();
    town.ledger.leave(left, "alerts").await.unwrap();
    town.look(&moved(), "2018-07-09T14:00Z").await;
    assert_eq!(
        town.send("2018-07-09T14:00Z").await,
        "correction/alerts/march/1: bounced late told uncertain\ncorrection/weekly/march/1: reader\n"
    );
    // What is taken back is told to nobody who did not hear of it.
    town.confirmed("later", &["alerts"]).await;
    let withdrawn =
        march_with("starts = 2018-07-10 09:00\nwithdrawn = \"A mistake.\"\nnotify = \"alert\"", "The park");
    town.look(&[("march", withdrawn)], "2018-07-09T15:00Z").await;
    assert_eq!(
        town.send("2018-07-09T15:00Z").await,
        "correction/alerts/march/2: bounced late told uncertain\ncorrection/weekly/march/2: reader\n"
    );
}

async fn who_waits_for_a_correction_gets_no_other_that_it_says_too(place: Place) {
    let mut town = Town::new(&place).await;
    for name in ["busy", "fast", "slow"] {
        town.confirmed(name, &["alerts", "neighbours"]).await;
    }
    town.look(&march(), "2018-07-08T22:00Z").await;
    assert_eq!(town.send("2018-07-08T22:00Z").await, "alert/alerts/march: busy fast slow\n");
    town.look(&moved(), "2018-07-08T22:01Z").await;
    let (now, later) = ("2018-07-08T22:01Z", Next::Retry(at("2018-07-08T22:41Z")));
    for claim in town.claim(Lane::Urgent, now).await {
        match town.names[&claim.recipient].as_str() {
            "fast" => town.record(&[claim], Outcome::Sent, Next::Done(State::Sent), now).await,
            "busy" => town.record(&[claim], Outcome::Deferred(Fault::Recipient), later, now).await,
            _ => town.ledger.release(&[claim], at("2018-07-08T22:01Z")).await.unwrap(),
        }
    }
    town.look(&cancelled(), "2018-07-08T22:02Z").await;
    let claims = town.claim(Lane::Urgent, "2018-07-08T22:02Z").await;
    assert_eq!(
        town.told(&claims).await,
        "correction/alerts/march/1: busy slow\ncorrection/alerts/march/2: fast\n",
        "who was put off is tried at once, as with the later one"
    );
    let edition = town.ledger.edition(claims[0].edition).await.unwrap().unwrap();
    assert_eq!(edition.content.members()[0].number, 2, "as it is now");
}

async fn who_heard_of_a_change_by_an_issue_is_told_of_the_next_one_by_its_own_correction(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("ada", &["alerts", "weekly"]).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    town.send("2018-07-08T22:00Z").await;
    let now = "2018-07-09T12:59Z";
    town.look(&moved(), now).await;
    let later = Next::Retry(at("2018-07-09T13:30Z"));
    for claim in town.claim(Lane::Urgent, now).await {
        town.record(&[claim], Outcome::Deferred(Fault::Recipient), later, now).await;
    }
    town.look(&moved(), "2018-07-09T13:00Z").await;
    assert_eq!(
        town.send("2018-07-09T13:01Z").await,
        "issue/weekly/2018-07-09T09:00: ada\nreminder/alerts/march/-P1D: ada\n"
    );
    // What waits says nothing now: it begins with the place of before.
    town.look(&march(), "2018-07-09T13:05Z").await;
    assert_eq!(
        town.send("2018-07-09T13:05Z").await,
        "correction/alerts/march/1: ada\ncorrection/alerts/march/2: ada\n"
    );
}

async fn a_correction_that_is_of_use_for_longer_goes_beside_one_that_waits(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("slow", &["alerts"]).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    town.send("2018-07-08T22:00Z").await;
    town.look(&moved(), "2018-07-08T22:01Z").await;
    // Past the end of the day that was first announced nothing would tell them of the new one.
    town.look(&rescheduled("2018-07-20 09:00"), "2018-07-08T22:02Z").await;
    assert_eq!(
        town.send("2018-07-08T22:02Z").await,
        "correction/alerts/march/1: slow\ncorrection/alerts/march/2: slow\n"
    );
}

async fn a_change_is_told_at_once_to_who_waits_for_a_next_try(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("slow", &["alerts"]).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    town.send("2018-07-08T22:00Z").await;
    town.look(&moved(), "2018-07-10T11:00Z").await;
    put_off(&town, "2018-07-10T11:00Z", "2018-07-10T14:00Z").await;
    // Two hours before the start.
    town.look(&cancelled(), "2018-07-10T11:02Z").await;
    assert_eq!(town.send("2018-07-10T11:02Z").await, "correction/alerts/march/1: slow\n");
}

// What is due by now goes to nobody yet, who are tried again then.
async fn put_off(town: &Town, now: &str, then: &str) {
    let claims = town.claim(Lane::Urgent, now).await;
    assert!(!claims.is_empty());
    town.record(&claims, Outcome::Deferred(Fault::Recipient), Next::Retry(at(then)), now).await;
}

async fn who_was_told_that_it_is_off_hears_that_it_stands_again_whatever_they_wait_for(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("slow", &["alerts"]).await;
    let march = |front: &str, place: &str| {
        vec![("march", march_with(&format!("starts = 2018-07-30 09:00\n{front}"), place))]
    };
    town.look(&march("", "The square"), "2018-07-08T22:00Z").await;
    town.send("2018-07-08T22:00Z").await;
    town.look(&march("", "The park"), "2018-07-08T22:01Z").await;
    put_off(&town, "2018-07-08T22:01Z", "2018-07-08T23:00Z").await;
    let withdrawn = march("withdrawn = \"A mistake.\"\nnotify = \"alert\"", "The park");
    town.look(&withdrawn, "2018-07-08T22:02Z").await;
    let claims = town.claim(Lane::Urgent, "2018-07-08T22:02Z").await;
    assert_eq!(
        town.told(&claims).await,
        "correction/alerts/march/1: slow\ncorrection/alerts/march/2: slow\n"
    );
    let (dropped, sent) = (Next::Done(State::Superseded), Next::Done(State::Sent));
    town.ledger.record(&[receipt(&claims[0], None, dropped, at("2018-07-08T22:02Z"))]).await.unwrap();
    town.record(&claims[1..], Outcome::Sent, sent, "2018-07-08T22:02Z").await;
    town.look(&march("", "The park"), "2018-07-08T22:03Z").await;
    assert_eq!(
        town.send("2018-07-08T22:03Z").await,
        "correction/alerts/march/1: slow\ncorrection/alerts/march/3: slow\n"
    );
}

async fn an_alert_that_waits_is_of_use_until_the_new_start(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("slow", &["alerts"]).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    town.look(&rescheduled("2018-07-20 09:00"), "2018-07-08T22:02Z").await;
    // Past the start that was first announced.
    let claims = town.claim(Lane::Urgent, "2018-07-10T15:00Z").await;
    assert_eq!(town.told(&claims).await, "alert/alerts/march: slow\n");
    let edition = town.ledger.edition(claims[0].edition).await.unwrap().unwrap();
    assert_eq!(edition.expires_at, at("2018-07-20T13:00Z"));
}

async fn who_takes_the_alerts_and_waits_for_one_gets_no_correction_of_it(place: Place) {
    let mut town = Town::new(&place).await;
    let slow = town.confirmed("slow", &["alerts"]).await;
    town.confirmed("never", &["alerts"]).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    let claims = town.claim(Lane::Urgent, "2018-07-08T22:00Z").await;
    let (slow, never): (Vec<Claim>, Vec<Claim>) =
        claims.into_iter().partition(|claim| claim.recipient == slow);
    let later = Next::Retry(at("2018-07-08T22:30Z"));
    town.record(&slow, Outcome::Deferred(Fault::Recipient), later, "2018-07-08T22:00Z").await;
    let full = Next::Done(State::Bounced);
    town.record(&never, Outcome::Bounced(Fault::Recipient), full, "2018-07-08T22:00Z").await;
    town.look(&moved(), "2018-07-08T22:02Z").await;
    assert_eq!(
        town.send("2018-07-08T22:30Z").await,
        "alert/alerts/march: slow\ncorrection/alerts/march/1: never\n"
    );
}

async fn who_has_not_got_it_yet_gets_it_as_it_is_now_and_no_correction(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("slow", &["alerts"]).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    // The alert, still unsent, says where the march goes now.
    assert_eq!(town.look(&moved(), "2018-07-08T23:00Z").await, 1, "to the chat alone");
    let claims = town.claim(Lane::Urgent, "2018-07-08T23:00Z").await;
    assert_eq!(town.told(&claims).await, "alert/alerts/march: slow\n");
    let edition = town.ledger.edition(claims[0].edition).await.unwrap().unwrap();
    assert_eq!(edition.content.members()[0].number, 1);
}

async fn what_a_mail_follows_is_the_earliest_that_its_recipient_got(place: Place) {
    let mut town = Town::new(&place).await;
    let early = town.confirmed("early", &["alerts"]).await;
    let bounced = town.confirmed("bounced", &["alerts"]).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    for claim in town.claim(Lane::Urgent, "2018-07-08T22:00Z").await {
        let state = if claim.recipient == early { State::Uncertain } else { State::Bounced };
        town.record(&[claim], Outcome::Uncertain, Next::Done(state), "2018-07-08T22:00Z").await;
    }
    let late = town.confirmed("late", &["alerts"]).await;
    town.look(&march(), "2018-07-09T13:00Z").await;
    town.send("2018-07-09T13:00Z").await;
    town.look(&moved(), "2018-07-09T14:00Z").await;
    let claims = town.claim(Lane::Urgent, "2018-07-09T14:00Z").await;
    assert_eq!(town.told(&claims).await, "correction/alerts/march/1: bounced early late\n");
    let followed = async |recipients: &[SubscriberId]| {
        let followed = town.ledger.followed(claims[0].edition, recipients).await.unwrap();
        let lines: BTreeSet<String> =
            followed.iter().map(|(recipient, id)| format!("{} {id}", town.names[recipient])).collect();
        lines.into_iter().collect::<Vec<_>>().join(", ")
    };
    let all = "bounced reminder/alerts/march/-P1D, early alert/alerts/march, late reminder/alerts/march/-P1D";
    assert_eq!(followed(&[early, bounced, late]).await, all);
    // Only for those who are asked for: there may be a million.
    assert_eq!(followed(&[early]).await, "early alert/alerts/march");
    assert_eq!(followed(&[]).await, "");
}

// A change of mind after the reminder was planned and before it was sent.
async fn check_dropped(place: &Place, files: Vec<(&'static str, String)>) {
    let mut town = Town::new(place).await;
    town.confirmed("ada", &["alerts"]).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    town.send("2018-07-08T22:00Z").await;
    town.look(&march(), "2018-07-09T13:00Z").await;
    town.look(&files, "2018-07-09T13:05Z").await;
    assert_eq!(town.send("2018-07-09T13:06Z").await, "correction/alerts/march/1: ada\n");
    assert!(town.tallies().await.contains("reminder/alerts/march/-P1D open: 1 superseded\n"));
}

async fn a_reminder_that_waits_is_dropped_when_the_action_is_cancelled(place: Place) {
    check_dropped(&place, cancelled()).await;
}

async fn a_reminder_that_waits_is_dropped_when_the_action_is_rescheduled(place: Place) {
    check_dropped(&place, rescheduled("2018-07-20 09:00")).await;
}

async fn an_edition_is_read_back_with_each_notice_at_its_latest_revision(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("ada", &["alerts", "weekly"]).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    let mut files = march();
    files.push(("a-statement", statement("")));
    town.look(&files, "2018-07-09T13:00Z").await;
    files[0] = moved().remove(0);
    let mut planned: Vec<_> = town.due(&files, "2018-07-09T14:00Z");
    town.look(&files, "2018-07-09T14:00Z").await;
    let mut seen = BTreeMap::new();
    for tally in town.ledger.tallies(Some("open"), 100).await.unwrap() {
        let edition = town.ledger.edition(tally.number).await.unwrap().unwrap();
        let members: Vec<String> =
            edition.content.members().iter().map(|m| format!("{}.{}", m.notice, m.number)).collect();
        let kind = match (&edition.content, &edition.audience) {
            (Content::Issue { cut, .. }, Audience::List(list)) => format!("issue {list} {cut}"),
            (Content::Alert(_), audience) => format!("alert {}", audience.name()),
            (Content::Reminder(_, _, before), audience) => format!("reminder {} {before}", audience.name()),
            (Content::Correction(_, number), audience) => format!("correction {} {number}", audience.name()),
            (Content::Issue { .. }, Audience::Target(_) | Audience::People) => panic!("an issue for no list"),
            (Content::Personal(..), _) => panic!("nobody asked for mail"),
        };
        seen.insert(edition.id.to_string(), format!("{kind}: {}", members.join(" ")));
        planned.retain(|entry| entry.key() != edition.id.as_str());
    }
    let text: String = seen.into_iter().map(|(id, kind)| format!("{id} = {kind}\n")).collect();
    assert_eq!(
        text,
        "alert/alerts/march = alert alerts: march.1\n\
         alert/chat/march = alert chat: march.1\n\
         alert/neighbours/march = alert neighbours: march.1\n\
         correction/alerts/march/1 = correction alerts 1: march.1\n\
         correction/chat/march/1 = correction chat 1: march.1\n\
         correction/neighbours/march/1 = correction neighbours 1: march.1\n\
         correction/weekly/march/1 = correction weekly 1: march.1\n\
         issue/weekly/2018-07-09T09:00 = issue weekly 2018-07-09 09:00:00: march.1 a-statement.0\n\
         reminder/alerts/march/-P1D = reminder alerts -P1D: march.1\n\
         reminder/neighbours/march/-P1D = reminder neighbours -P1D: march.1\n"
    );
    assert!(planned.iter().all(|entry| entry.key().starts_with("revise/")), "{planned:?}");
    assert!(town.ledger.edition(4_711).await.unwrap().is_none());
}

// Delivering.

async fn an_urgent_lane_does_not_see_a_digest_and_the_oldest_is_claimed_first(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("ada", &["alerts", "weekly"]).await;
    let mut files = march();
    files.push(("statement", statement("")));
    town.look(&files, "2018-07-08T22:00Z").await;
    town.look(&files, "2018-07-09T13:00Z").await;
    let none = town.ledger.claim_mails(Lane::Urgent, 10, LEASE, at("2018-07-08T21:59Z")).await.unwrap();
    assert_eq!(none, [], "nothing is due yet");
    let now = at("2018-07-09T13:00Z");
    for expected in ["alert/alerts/march: ada\n", "reminder/alerts/march/-P1D: ada\n", ""] {
        let first = town.ledger.claim_mails(Lane::Urgent, 1, LEASE, now).await.unwrap();
        assert_eq!(town.told(&first).await, expected);
    }
    let bulk = town.ledger.claim_mails(Lane::Bulk, 10, LEASE, now).await.unwrap();
    assert_eq!(town.told(&bulk).await, "issue/weekly/2018-07-09T09:00: ada\n");
    let key = Key::from_bytes(&SECRET);
    assert_eq!(key.open(&bulk[0].lookup, &bulk[0].sealed).unwrap(), address("ada"));
    let posts = town.posts("2018-07-09T13:00Z").await;
    assert_eq!(town.told(&posts).await, "alert/chat/march: chat\n");
}

async fn a_claim_that_runs_out_is_due_again_and_the_late_answer_changes_nothing(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("ada", &["alerts"]).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    let first = town.claim(Lane::Urgent, "2018-07-08T22:00Z").await;
    assert_eq!(town.claim(Lane::Urgent, "2018-07-08T22:09Z").await, []);
    let second = town.claim(Lane::Urgent, "2018-07-08T22:10Z").await;
    assert_eq!((second[0].attempts, second[0].fence), (first[0].attempts + 1, first[0].fence + 1));
    town.record(&first, Outcome::Sent, Next::Done(State::Sent), "2018-07-08T22:11Z").await;
    town.record(
        &first,
        Outcome::Deferred(Fault::Route),
        Next::Retry(at("2018-07-08T22:12Z")),
        "2018-07-08T22:11Z",
    )
    .await;
    town.ledger.release(&first, at("2018-07-08T22:11Z")).await.unwrap();
    assert_eq!(town.claim(Lane::Urgent, "2018-07-08T22:12Z").await, [], "the second has it until 22:20");
    town.record(&second, Outcome::Bounced(Fault::Recipient), Next::Done(State::Bounced), "2018-07-08T22:13Z")
        .await;
    town.record(&first, Outcome::Sent, Next::Done(State::Sent), "2018-07-08T22:14Z").await;
    assert!(town.tallies().await.starts_with("alert/alerts/march open: 1 bounced\n"));
    // That it was tried is true whoever holds it.
    let tries: Vec<String> = outcomes(&town, first[0].edition).await;
    assert_eq!(tries, ["2 bounced", "1 sent"]);
}

async fn a_record_that_is_broken_off_stands_in_no_way(place: Place) {
    let mut town = Town::new(&place).await;
    for name in ["ada", "bela"] {
        town.confirmed(name, &["alerts"]).await;
    }
    town.look(&march(), "2018-07-08T22:00Z").await;
    let claims = town.claim(Lane::Urgent, "2018-07-08T22:00Z").await;
    let sent = |claim| receipt(claim, Some(Outcome::Sent), Next::Done(State::Sent), at("2018-07-08T22:01Z"));
    let receipts: Vec<Receipt> = claims.iter().map(sent).collect();
    // Each time somewhat later.
    for turns in 0..20 {
        let mut recording = town.ledger.recording().await.unwrap();
        tokio::select! {
            biased;
            done = recording.record(&receipts) => done.unwrap(),
            () = async { for _ in 0..turns { tokio::task::yield_now().await } } => {}
        }
    }
    town.ledger.record(&receipts).await.unwrap();
    assert!(town.tallies().await.starts_with("alert/alerts/march open: 2 sent\n"));
    assert_eq!(outcomes(&town, claims[0].edition).await, ["1 sent", "1 sent"]);
}

async fn outcomes(town: &Town, edition: i64) -> Vec<String> {
    let tries = town.ledger.attempts(edition, 100).await.unwrap();
    tries.iter().map(|attempt| format!("{} {}", attempt.number, attempt.outcome)).collect()
}

async fn a_claim_that_is_given_back_is_due_at_once_and_was_no_try(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("ada", &["alerts"]).await;
    town.confirmed("bela", &["alerts"]).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    let first = town.claim(Lane::Urgent, "2018-07-08T22:00Z").await;
    town.ledger.release(&first[..1], at("2018-07-08T22:01Z")).await.unwrap();
    let again = town.claim(Lane::Urgent, "2018-07-08T22:01Z").await;
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].recipient, again[0].attempts), (first[0].recipient, 1));
    assert!(again[0].fence > first[0].fence);
    town.ledger.release(&[], at("2018-07-08T22:01Z")).await.unwrap();
}

async fn after_a_crash_every_claim_of_the_last_run_is_due(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("ada", &["alerts"]).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    let lost = town.claim(Lane::Urgent, "2018-07-08T22:00Z").await;
    assert_eq!(town.ledger.release_all(at("2018-07-08T22:01Z")).await.unwrap(), 1);
    let again = town.claim(Lane::Urgent, "2018-07-08T22:01Z").await;
    assert_eq!((again[0].recipient, again[0].attempts), (lost[0].recipient, 2));
}

async fn a_deferred_delivery_is_due_when_it_was_told_and_keeps_count(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("ada", &["alerts"]).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    for post in town.posts("2018-07-08T22:00Z").await {
        town.record(&[post], Outcome::Sent, Next::Done(State::Sent), "2018-07-08T22:00Z").await;
    }
    for (number, (now, next)) in
        [("22:00", "22:05"), ("22:05", "22:15"), ("22:15", "22:35")].iter().enumerate()
    {
        let (now, next) = (format!("2018-07-08T{now}Z"), format!("2018-07-08T{next}Z"));
        let claims = town.claim(Lane::Urgent, &now).await;
        assert_eq!(claims[0].attempts, u32::try_from(number + 1).unwrap());
        assert_eq!(town.ledger.next_delivery_at().await.unwrap(), Some(at(&now) + LEASE));
        town.record(&claims, Outcome::Deferred(Fault::Recipient), Next::Retry(at(&next)), &now).await;
        assert_eq!(town.ledger.next_delivery_at().await.unwrap(), Some(at(&next)));
        assert_eq!(town.claim(Lane::Urgent, &now).await, []);
    }
    assert_eq!(town.send("2018-07-08T22:35Z").await, "alert/alerts/march: ada\n");
    assert_eq!(town.ledger.next_delivery_at().await.unwrap(), None);
}

async fn a_correction_waits_for_the_post_that_it_corrects_and_holds_up_nothing_else(place: Place) {
    let mut town = Town::new(&place).await;
    let mut files = march();
    town.look(&files, "2018-07-08T22:00Z").await;
    files[0] = moved().remove(0);
    files.push(("rally", march()[0].1.clone()));
    town.look(&files, "2018-07-08T23:00Z").await;
    let first = town.posts("2018-07-08T23:00Z").await;
    assert_eq!(town.told(&first).await, "alert/chat/march: chat\nalert/chat/rally: chat\n");
    assert_eq!(town.posts("2018-07-08T23:00Z").await, []);
    let (march, rally) = (&first[..1], &first[1..]);
    town.record(
        march,
        Outcome::Deferred(Fault::Route),
        Next::Retry(at("2018-07-08T23:30Z")),
        "2018-07-08T23:00Z",
    )
    .await;
    town.record(rally, Outcome::Sent, Next::Done(State::Sent), "2018-07-08T23:00Z").await;
    assert_eq!(town.posts("2018-07-08T23:20Z").await, [], "it was not posted yet");
    // The correction has been due for long, and asking for it would be in vain.
    assert_eq!(town.ledger.next_delivery_at().await.unwrap(), Some(at("2018-07-08T23:30Z")));
    let again = town.posts("2018-07-08T23:30Z").await;
    assert_eq!(town.told(&again).await, "alert/chat/march: chat\n");
    town.record(&again, Outcome::Bounced(Fault::Message), Next::Done(State::Bounced), "2018-07-08T23:30Z")
        .await;
    assert_eq!(town.ledger.next_delivery_at().await.unwrap(), Some(at("2018-07-08T23:00Z")));
    let correction = town.posts("2018-07-08T23:30Z").await;
    assert_eq!(town.told(&correction).await, "correction/chat/march/1: chat\n");
    let other = town.ledger.claim_posts("elsewhere", 10, LEASE, at("2018-07-09T23:30Z")).await.unwrap();
    assert_eq!(other, [], "another target's");
}

async fn an_edition_is_complete_when_nothing_of_it_waits_and_its_counts_reconcile(place: Place) {
    let mut town = Town::new(&place).await;
    for name in ["a", "b", "c", "d", "e", "f", "g"] {
        town.confirmed(name, &["alerts"]).await;
    }
    town.look(&march(), "2018-07-08T22:00Z").await;
    let claims = town.claim(Lane::Urgent, "2018-07-08T22:00Z").await;
    let states = [State::Sent, State::Bounced, State::Expired, State::Uncertain, State::Left, State::Sent];
    let mut seen = Vec::new();
    for (claim, state) in claims.iter().zip(states) {
        let end = receipt(claim, None, Next::Done(state), at("2018-07-08T22:00Z"));
        town.ledger.record(&[end]).await.unwrap();
        town.ledger.complete_editions(at("2018-07-08T22:00Z")).await.unwrap();
        seen.push(town.tallies().await.lines().next().unwrap().replace("alert/alerts/march ", ""));
    }
    town.record(
        &claims[6..],
        Outcome::Deferred(Fault::Route),
        Next::Retry(at("2018-07-08T23:00Z")),
        "2018-07-08T22:00Z",
    )
    .await;
    assert_eq!(town.ledger.complete_editions(at("2018-07-08T22:00Z")).await.unwrap(), 0);
    town.send("2018-07-08T23:00Z").await;
    assert_eq!(town.ledger.complete_editions(at("2018-07-08T23:00Z")).await.unwrap(), 1);
    seen.push(town.tallies().await.lines().next().unwrap().replace("alert/alerts/march ", ""));
    assert_eq!(
        seen,
        [
            "open: 6 waiting 1 sent",
            "open: 5 waiting 1 sent 1 bounced",
            "open: 4 waiting 1 sent 1 bounced 1 expired",
            "open: 3 waiting 1 sent 1 bounced 1 expired 1 uncertain",
            "open: 2 waiting 1 sent 1 bounced 1 expired 1 uncertain 1 left",
            "open: 1 waiting 2 sent 1 bounced 1 expired 1 uncertain 1 left",
            "complete: 3 sent 1 bounced 1 expired 1 uncertain 1 left",
        ]
    );
    let open = town.ledger.tallies(Some("open"), 100).await.unwrap();
    assert_eq!(open.iter().map(|tally| tally.edition.as_str()).collect::<Vec<_>>(), ["alert/chat/march"]);
    assert_eq!(town.ledger.tallies(None, 2).await.unwrap().len(), 2);
}

async fn a_delivery_that_is_missing_from_the_ledger_is_missed(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("ada", &["alerts"]).await;
    town.confirmed("bela", &["alerts"]).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    let alert = async || {
        let tallies = town.ledger.tallies(None, 100).await.unwrap();
        tallies.into_iter().find(|tally| tally.edition == "alert/alerts/march").unwrap()
    };
    assert!(alert().await.reconciles());
    place.execute("DELETE FROM delivery WHERE recipient = 2").await;
    let tally = alert().await;
    assert!(!tally.reconciles());
    assert_eq!((tally.recipients, tally.waiting), (2, 1));
    place.execute("UPDATE edition SET recipients = 1, state = 'complete'").await;
    assert!(!alert().await.reconciles(), "what waits is not complete");
}

async fn every_try_is_kept_with_their_words(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("ada", &["alerts"]).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    let claims = town.claim(Lane::Urgent, "2018-07-08T22:00Z").await;
    let mut deferred = receipt(
        &claims[0],
        Some(Outcome::Deferred(Fault::Recipient)),
        Next::Retry(at("2018-07-08T22:05Z")),
        at("2018-07-08T22:00Z"),
    );
    let answer = deferred.answer.as_mut().unwrap();
    answer.code = Some(452);
    answer.enhanced = Some("4.2.2".to_owned());
    answer.text = "voll \"bis\0 oben\" \\ \u{1F4EB}\n".to_owned();
    town.ledger.record(&[deferred.clone()]).await.unwrap();
    town.ledger.record(&[deferred]).await.unwrap();
    let claims = town.claim(Lane::Urgent, "2018-07-08T22:05Z").await;
    let mut uncertain =
        receipt(&claims[0], Some(Outcome::Uncertain), Next::Done(State::Uncertain), at("2018-07-08T22:06Z"));
    let answer = uncertain.answer.as_mut().unwrap();
    (answer.code, answer.enhanced) = (None, None);
    town.ledger.record(&[uncertain]).await.unwrap();
    let tries = town.ledger.attempts(claims[0].edition, 100).await.unwrap();
    let lines: Vec<String> = tries
        .iter()
        .map(|t| {
            format!(
                "{} {} {} {} {:?} {:?} {}",
                t.at, t.number, t.outcome, t.code, t.enhanced, t.text, t.took_ms
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            "2018-07-08 22:06:00 UTC 2 uncertain 0 \"\" \"as you say\" 12",
            "2018-07-08 22:00:00 UTC 1 deferred 452 \"4.2.2\" \"voll \\\"bis oben\\\" \\\\ \u{1F4EB}\\n\" 12",
        ]
    );
    assert_eq!(town.ledger.attempts(claims[0].edition, 1).await.unwrap().len(), 1);
}

async fn a_clock_that_is_not_that_of_the_server_is_not_trusted(place: Place) {
    let ledger = place.open().await;
    assert!(ledger.trusts(&Clock::wall()).await.unwrap());
    let wrong = Clock::fast(Clock::wall().now() + TimeDelta::seconds(7_230), 1);
    let trusted = ledger.trusts(&wrong).await;
    match ledger.dialect() {
        // It has no other clock.
        Dialect::Sqlite => assert!(trusted.unwrap()),
        Dialect::Postgres => assert_eq!(
            trusted.unwrap_err().to_string(),
            "the clock here is 120 minutes ahead of that of the database server; set right the one that is wrong"
        ),
    }
}

async fn what_a_jump_put_off_is_due_again_when_it_is_resumed(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("ada", &["alerts"]).await;
    let (now, ahead) = ("2018-07-08T22:00Z", "2018-07-10T22:00Z");
    town.look(&march(), now).await;
    let claims = town.claim(Lane::Urgent, now).await;
    // Of a clock that goes faster than the server's that one says nothing.
    let clock = Clock::fast(at(now), 2);
    clock.now();
    assert!(town.ledger.trusts(&clock).await.unwrap());
    clock.set(at(ahead));
    town.ledger.release(&claims, clock.now()).await.unwrap();
    // Noticed once, and known to who comes later.
    assert!(!town.ledger.trusts(&clock).await.unwrap());
    assert_eq!(clock.jump(), None);
    assert!(matches!(place.open().await.held().await.unwrap(), Some(Held::Jumped { .. })));
    clock.set(at("2018-07-08T23:00Z"));
    assert!(!town.ledger.trusts(&clock).await.unwrap(), "nobody has resumed");
    town.ledger.resume(clock.now()).await.unwrap();
    assert!(town.ledger.trusts(&clock).await.unwrap());
    assert_eq!(town.ledger.held().await.unwrap(), None);
    assert_eq!(town.send("2018-07-08T23:01Z").await, "alert/alerts/march: ada\n");
}

async fn what_is_held_stays_held_until_it_is_resumed(place: Place) {
    let town = Town::new(&place).await;
    let planned = async || town.ledger.history(reader(&town.config)).await.unwrap().unwrap().planned_until;
    assert_eq!(town.ledger.held_since().await.unwrap(), None);
    town.ledger.commit(&[], &town.lease, at("2030-01-01T00:00Z")).await.unwrap();
    town.ledger.hold(at("2018-07-08T00:00Z")).await.unwrap();
    town.ledger.hold(at("2018-07-08T00:05Z")).await.unwrap();
    assert_eq!(place.open().await.held_since().await.unwrap(), Some(at("2018-07-08T00:00Z")));
    town.ledger.resume(at("2018-07-08T01:00Z")).await.unwrap();
    assert_eq!(town.ledger.held_since().await.unwrap(), None);
    assert_eq!(planned().await, at("2018-07-08T01:00Z"), "the clock had jumped");
    town.ledger.hold(at("2018-07-09T00:00Z")).await.unwrap();
    town.ledger.resume(at("2018-07-10T00:00Z")).await.unwrap();
    assert_eq!(planned().await, at("2018-07-08T01:00Z"), "what fell due while it was held is late, not lost");
}

async fn a_ledger_behind_its_epoch_is_held_until_it_is_resumed(place: Place) {
    let ledger = place.open().await;
    assert_eq!(ledger.held().await.unwrap(), None);
    for _ in 0..3 {
        ledger.raise_epoch().await.unwrap();
    }
    assert_eq!(ledger.held().await.unwrap(), None);
    place.execute("UPDATE mark SET value = 1 WHERE name = 'epoch'").await;
    let restored = Some(Held::Restored { epoch: 1, was: 3 });
    // For who has it open, and for who opens it.
    assert_eq!(ledger.held().await.unwrap(), restored);
    let ledger = place.open().await;
    // Work does not hide it.
    ledger.raise_epoch().await.unwrap();
    assert_eq!(ledger.held().await.unwrap(), restored);
    ledger.resume(at("2018-07-08T01:00Z")).await.unwrap();
    assert_eq!(ledger.held().await.unwrap(), None);
    assert_eq!(place.open().await.held().await.unwrap(), None);
    place.execute("DELETE FROM mark WHERE name = 'epoch'").await;
    assert!(matches!(place.open().await.held().await.unwrap(), Some(Held::Restored { epoch: 0, .. })));
}

async fn an_older_copy_of_the_ledger_gives_nobody_a_number_that_somebody_may_have(place: Place) {
    let mut town = Town::new(&place).await;
    let ada = town.confirmed("ada", &["alerts"]).await;
    town.ledger.raise_epoch().await.unwrap();
    town.ledger.raise_epoch().await.unwrap();
    town.look(&march(), "2018-07-08T22:00Z").await;
    let first = town.claim(Lane::Urgent, "2018-07-08T22:00Z").await[0].edition;
    assert!(!town.ledger.may_have_forgotten().await.unwrap());
    town.ledger.resume(at("2018-07-08T22:01Z")).await.unwrap();
    let bela = town.confirmed("bela", &["alerts"]).await;
    assert!(bela < ada + 1_000, "a ledger that forgot nothing counts on: {ada}, {bela}");

    // As on a machine that never had it, and as where it was further.
    let epoch = place.folder.path().join("epoch");
    std::fs::remove_file(&epoch).unwrap();
    assert!(place.open().await.may_have_forgotten().await.unwrap());
    std::fs::write(&epoch, "7\n").unwrap();
    town.ledger = place.open().await;
    assert!(town.ledger.may_have_forgotten().await.unwrap());
    let resumed_at = at("2018-07-08T22:02Z");
    town.ledger.resume(resumed_at).await.unwrap();
    let chen = town.confirmed("chen", &["alerts"]).await;
    assert!(chen > resumed_at.timestamp_millis(), "the same copy may have been restored before: {chen}");
    let strike = ("strike", march_with("starts = 2018-07-11 09:00", "The gate"));
    town.look(&[march(), vec![strike]].concat(), "2018-07-08T22:03Z").await;
    let second = town.claim(Lane::Urgent, "2018-07-08T22:03Z").await[0].edition;
    assert!(second > first + 1_000_000, "{first}, {second}");
    // A token has five bytes for the one and six for the other.
    assert!(second < 1 << 39 && chen < 1 << 47);

    // A clock that stands still, or is wrong.
    town.ledger.skip_numbers(resumed_at).await.unwrap();
    let dora = town.confirmed("dora", &["alerts"]).await;
    assert!(dora > chen + 1_000_000, "{chen}, {dora}");
}

async fn a_ledger_ahead_of_its_epoch_is_what_a_crash_left(place: Place) {
    let ledger = place.open().await;
    ledger.raise_epoch().await.unwrap();
    place.execute("UPDATE mark SET value = 2 WHERE name = 'epoch'").await;
    let ledger = place.open().await;
    assert_eq!(ledger.held().await.unwrap(), None);
    ledger.raise_epoch().await.unwrap();
    let file = place.folder.path().join("epoch");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "3\n");
    std::fs::write(&file, "three\n").unwrap();
    assert!(Ledger::open(place.url.as_deref(), place.folder.path()).await.is_err());
}

async fn who_is_claimed_while_a_notice_changes_is_told_of_the_change(place: Place) {
    let mut town = Town::new(&place).await;
    town.ledger.add_subscribers(&crowd(3_000, "alerts")).await.unwrap();
    town.look(&march(), "2018-07-08T22:00Z").await;
    let (now, has_changed) = (at("2018-07-08T22:00Z"), Arc::new(AtomicBool::new(false)));
    // As a deliverer does: what the notice says is asked after the claim.
    let (ledger, until) = (place.open().await, Arc::clone(&has_changed));
    let claimer = tokio::spawn(async move {
        let (mut heard_of_it_before, mut corrected) = (BTreeSet::new(), BTreeSet::new());
        loop {
            let is_last = until.load(Ordering::SeqCst);
            let claims = ledger.claim_mails(Lane::Urgent, 20, LEASE, now).await.unwrap();
            if claims.is_empty() && is_last {
                return (heard_of_it_before, corrected);
            }
            for claims in claims.chunk_by(|a, b| a.edition == b.edition) {
                let content = ledger.edition(claims[0].edition).await.unwrap().unwrap().content;
                let recipients = claims.iter().map(|claim| claim.recipient);
                if let Content::Correction(..) = content {
                    corrected.extend(recipients);
                } else if content.members().iter().all(|member| member.number == 0) {
                    heard_of_it_before.extend(recipients);
                }
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    town.look(&moved(), "2018-07-08T22:00Z").await;
    has_changed.store(true, Ordering::SeqCst);
    let (heard_of_it_before, corrected) = claimer.await.unwrap();
    assert_eq!(heard_of_it_before.difference(&corrected).count(), 0, "of {}", corrected.len());
}

async fn several_claimers_at_once_never_hold_the_same_delivery(place: Place) {
    const RECIPIENTS: u32 = 20_000;
    let mut town = Town::new(&place).await;
    assert_eq!(
        town.ledger.add_subscribers(&crowd(RECIPIENTS, "alerts")).await.unwrap(),
        u64::from(RECIPIENTS)
    );
    assert_eq!(town.look(&march(), "2018-07-08T22:00Z").await, u64::from(RECIPIENTS) + 1);
    let now = at("2018-07-08T22:00Z");
    let mut claimers = tokio::task::JoinSet::new();
    for most in [500, 333, 211, 97] {
        // Each like a process of its own.
        let ledger = place.open().await;
        claimers.spawn(async move {
            let mut held = Vec::new();
            loop {
                let claims = ledger.claim_mails(Lane::Urgent, most, LEASE, now).await.unwrap();
                if claims.is_empty() {
                    return held;
                }
                assert!(claims.len() <= usize::try_from(most).unwrap(), "{} of {most}", claims.len());
                let sent: Vec<Receipt> = claims
                    .iter()
                    .map(|claim| receipt(claim, Some(Outcome::Sent), Next::Done(State::Sent), now))
                    .collect();
                ledger.record(&sent).await.unwrap();
                held.extend(claims.into_iter().map(|claim| (claim.edition, claim.recipient)));
            }
        });
    }
    let held: Vec<_> = claimers.join_all().await.into_iter().flatten().collect();
    let distinct: BTreeSet<_> = held.iter().collect();
    assert_eq!((held.len(), distinct.len()), (20_000, 20_000));
    town.ledger.complete_editions(now).await.unwrap();
    assert!(town.tallies().await.starts_with("alert/alerts/march complete: 20000 sent\n"));
}

// Subscribers.

async fn who_is_known_keeps_their_state_and_gains_the_lists(place: Place) {
    let ledger = place.open().await;
    let first = [
        newcomer("ada", Standing::Confirmed, &["alerts"]),
        newcomer("bela", Standing::Pending, &["alerts"]),
        newcomer("ada", Standing::Pending, &["weekly"]),
    ];
    assert_eq!(ledger.add_subscribers(&first).await.unwrap(), 2);
    assert_eq!(
        ledger.add_subscribers(&[newcomer("ada", Standing::Pending, &["neighbours"])]).await.unwrap(),
        0
    );
    assert_eq!(ledger.add_subscribers(&[]).await.unwrap(), 0);
    let ada = ledger.find_subscriber(&first[0].lookup).await.unwrap().unwrap();
    assert_eq!((ada.standing, ada.lang.as_str()), (Standing::Confirmed.number(), "en"));
    assert_eq!(ada.lists, ["alerts", "neighbours", "weekly"]);
    assert_eq!(Key::from_bytes(&SECRET).open(&ada.lookup, &ada.sealed).unwrap(), address("ada"));
    assert!(ledger.find_subscriber(&[0; 32]).await.unwrap().is_none());
    assert_eq!(
        (
            ledger.count_subscribers("alerts").await.unwrap(),
            ledger.count_subscribers("weekly").await.unwrap()
        ),
        (1, 1)
    );
    let (pending, confirmed) = (Standing::Pending.number(), Standing::Confirmed.number());
    assert_eq!(
        ledger.subscriber_counts().await.unwrap(),
        [
            ("alerts".to_owned(), pending, 1),
            ("alerts".to_owned(), confirmed, 1),
            ("neighbours".to_owned(), confirmed, 1),
            ("weekly".to_owned(), confirmed, 1)
        ]
    );
}

async fn who_left_or_is_suppressed_is_not_brought_back_by_an_import(place: Place) {
    let ledger = place.open().await;
    let bounced = Standing::Suppressed(Suppression::Bounced { at: at("2018-07-01T00:00Z") });
    let complained = Standing::Suppressed(Suppression::Complained);
    for (name, standing) in [("gone", Standing::Unsubscribed), ("back", bounced), ("angry", complained)] {
        let newcomer = newcomer(name, standing, &["alerts"]);
        assert_eq!(ledger.add_subscribers(std::slice::from_ref(&newcomer)).await.unwrap(), 0);
        let back = Newcomer { standing: Standing::Confirmed, ..newcomer };
        assert_eq!(ledger.add_subscribers(std::slice::from_ref(&back)).await.unwrap(), 0);
        assert!(ledger.find_subscriber(&back.lookup).await.unwrap().is_none());
        assert_eq!(ledger.standing(&back.lookup).await.unwrap(), standing);
    }
}

async fn who_leaves_the_last_list_is_only_a_hash(place: Place) {
    let mut town = Town::new(&place).await;
    let ada = town.confirmed("ada", &["alerts", "weekly"]).await;
    let lookup = Key::from_bytes(&SECRET).lookup(&address("ada"));
    let held = async || town.ledger.find_subscriber(&lookup).await.unwrap();
    town.ledger.leave(ada, "nowhere").await.unwrap();
    town.ledger.leave(ada, "alerts").await.unwrap();
    assert_eq!(held().await.unwrap().lists, ["weekly"]);
    town.ledger.leave(ada, "weekly").await.unwrap();
    town.ledger.leave(ada, "weekly").await.unwrap();
    assert!(held().await.is_none());
    assert_eq!(town.ledger.standing(&lookup).await.unwrap(), Standing::Unsubscribed);
    // The number is never another's: an old link of the one must not act for the other.
    assert!(town.confirmed("bela", &["alerts"]).await > ada);
}

// Opening.

async fn nodes_that_start_at_once_make_the_tables_once(place: Place) {
    let mut nodes = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (url, folder) = (place.url.clone(), place.folder.path().to_owned());
        nodes.spawn(async move {
            let ledger = Ledger::open(url.as_deref(), &folder).await.unwrap();
            ledger.hold(at("2018-07-08T00:00Z")).await.unwrap();
        });
    }
    assert_eq!(nodes.join_all().await.len(), 8);
    let held = place.open().await.held_since().await.unwrap();
    assert_eq!(held, Some(at("2018-07-08T00:00Z")));
}

// What a person does must not fail because an import runs beside the service.
async fn who_writes_while_another_process_writes_is_not_refused(place: Place) {
    let mut town = Town::new(&place).await;
    let ada = town.confirmed("ada", &["alerts"]).await;
    let beside = place.open().await;
    let import = tokio::spawn(async move {
        for newcomer in crowd(300, "weekly") {
            beside.add_subscribers(&[newcomer]).await.unwrap();
        }
    });
    let bela = Key::from_bytes(&SECRET).lookup(&address("bela"));
    let (mut now, mut edition) = (at("2018-07-09T12:00Z"), 0);
    while !import.is_finished() || edition < 20 {
        edition += 1;
        now += TimeDelta::hours(1);
        let came = Came { subscriber: ada, edition: Some(edition), event: score::Event::Soft };
        town.ledger.returned(&came, now).await.unwrap();
        town.ledger.suppress_address(&bela, Event::Complained, now).await.unwrap();
        assert!(town.ledger.lift(&bela).await.unwrap());
        town.ledger.leave(ada, "nowhere").await.unwrap();
    }
    import.await.unwrap();
}

async fn a_ledger_of_an_older_program_goes_on_where_it_stopped(place: Place) {
    let mut town = Town::new(&place).await;
    town.confirmed("ada", &["alerts"]).await;
    town.look(&march(), "2018-07-08T22:00Z").await;
    let claims = town.claim(Lane::Urgent, "2018-07-08T22:00Z").await;
    town.ledger.close().await;
    // What the fifth version had not.
    if place.url.is_none() {
        place.execute("DROP VIEW receipt").await;
    }
    place.execute("DROP INDEX suppression_given_up").await;
    place.execute("DELETE FROM migration WHERE version > 5").await;

    let ledger = place.open().await;
    let now = at("2018-07-08T22:01Z");
    let sent = receipt(&claims[0], Some(Outcome::Sent), Next::Done(State::Sent), now);
    ledger.record(&[sent]).await.unwrap();
    let tries = ledger.attempts(claims[0].edition, 100).await.unwrap();
    assert_eq!(tries.into_iter().map(|one| one.outcome).collect::<Vec<_>>(), ["sent"]);
    assert!(ledger.claim_mails(Lane::Urgent, 1_000, LEASE, now + LEASE).await.unwrap().is_empty());
}

async fn a_ledger_of_a_newer_program_is_not_opened(place: Place) {
    place.open().await.close().await;
    place.execute("INSERT INTO migration (version) VALUES (4711)").await;
    let error = Ledger::open(place.url.as_deref(), place.folder.path()).await.unwrap_err();
    let known = handbill::ledger::schema::VERSION;
    assert_eq!(
        error.to_string(),
        format!("the ledger was made by a newer Handbill (its version is 4711, this one knows {known})")
    );
}

// The embedded ledger alone.

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_of_a_ledger_may_have_any_name() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("Käthes %20 notices? #1 & more");
    Ledger::open(None, &folder).await.unwrap().hold(at("2018-07-08T00:00Z")).await.unwrap();
    assert!(folder.join("ledger.db").is_file());
    assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 1);
    assert!(Ledger::open(None, &folder).await.unwrap().held_since().await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_another_database_is_refused_and_a_password_is_never_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut urls = ["mysql", "postgres"].map(|kind| format!("{kind}://handbill:s3cret@[/handbill")).to_vec();
    if let Some(url) = database().await {
        // Right but for its last letters: the server answers that it has no such database.
        urls.push(url.replace("handbill@", "handbill:s3cret@") + "_elsewhere");
    }
    for url in urls {
        let error = Ledger::open(Some(&url), folder.path()).await.unwrap_err();
        assert!(!format!("{error:#} {error:?}").contains("s3cret"), "{error:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_stands_in_the_files_of_a_ledger() {
    let place = Place::sqlite();
    let mut town = Town::new(&place).await;
    for number in 0..200 {
        town.confirmed(&format!("rosalind.{number}"), &["alerts"]).await;
    }
    town.look(&march(), "2018-07-08T22:00Z").await;
    assert_eq!(town.claim(Lane::Urgent, "2018-07-08T22:00Z").await.len(), 200);
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(place.folder.path()).unwrap() {
        bytes.extend(std::fs::read(file.unwrap().path()).unwrap().to_ascii_lowercase());
    }
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("alert/alerts/march"), "what is there is found");
    for part in ["rosalind", "example.org", "@example"] {
        assert!(!holds(part), "{part}");
    }
}

/// A power loss at any moment: the files as they were, the log cut off anywhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_whose_log_is_cut_off_anywhere_is_what_it_was_after_some_commit() {
    let place = Place::sqlite();
    let mut town = Town::new(&place).await;
    let mut states = vec![town.tallies().await];
    town.ledger.add_subscribers(&crowd(20, "alerts")).await.unwrap();
    town.look(&march(), "2018-07-08T22:00Z").await;
    states.push(town.tallies().await);
    for now in ["2018-07-08T22:00Z", "2018-07-08T22:30Z", "2018-07-08T23:00Z"] {
        let claims = town.ledger.claim_mails(Lane::Urgent, 7, LEASE, at(now)).await.unwrap();
        town.record(&claims, Outcome::Sent, Next::Done(State::Sent), now).await;
        states.push(town.tallies().await);
    }
    town.look(&moved(), "2018-07-09T13:00Z").await;
    states.push(town.tallies().await);
    // Of a ledger that is open: nothing was written back into the file yet.
    let database = std::fs::read(place.folder.path().join("ledger.db")).unwrap();
    let log = std::fs::read(place.folder.path().join("ledger.db-wal")).unwrap();
    let mut found = BTreeMap::new();
    for step in 0..=100 {
        // Mostly in the middle of a page.
        let cut = log.len() * step / 100;
        let after = Place::sqlite();
        std::fs::write(after.folder.path().join("ledger.db"), &database).unwrap();
        std::fs::write(after.folder.path().join("ledger.db-wal"), &log[..cut]).unwrap();
        check_integrity(after.folder.path()).await;
        let ledger = after.open().await;
        let text = tallies(&ledger).await;
        let state = states.iter().position(|state| *state == text);
        assert!(state.is_some(), "cut at {cut} of {}: {text}", log.len());
        found.insert(cut, state);
        ledger.history(reader(&town.config)).await.unwrap();
    }
    assert!(found.values().is_sorted(), "{found:?}");
    let distinct: BTreeSet<_> = found.values().collect();
    assert_eq!(distinct.len(), states.len(), "{found:?}");
}

async fn check_integrity(folder: &Path) {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}", folder.join("ledger.db").display());
    let mut connection = AnyConnection::connect(&url).await.unwrap();
    let verdict: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
    assert_eq!(verdict, "ok");
    connection.close().await.unwrap();
}
