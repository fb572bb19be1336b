//! Returning: what the ledger keeps of what came back, in both databases.

use chrono::{DateTime, TimeDelta, Utc};
use handbill::ledger::Ledger;
use handbill::ledger::returning::Came;
use handbill::ledger::subscribing::Newcomer;
use handbill::returned::score::{Event, Reason, Verdict};
use handbill::returned::status::Status;
use handbill::subscriber::{Standing, SubscriberId};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::plan::at;
use crate::postgres::database;

macro_rules! on_both {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                super::$name(super::Place::new(None, folder).await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let Some(url) = super::database().await else { return };
                let folder = tempfile::tempdir().unwrap();
                super::$name(super::Place::new(Some(&url), folder).await).await;
            })*
        }
    };
}

on_both! {
    a_mail_counts_once_by_the_worst_that_is_heard_of_it
    after_five_mails_that_came_back_softly_a_probe_is_wanted_and_its_bounce_suppresses
    of_many_at_once_none_is_missed
    who_left_is_not_counted_but_a_complaint_keeps_them_away
    who_comes_back_begins_anew
    what_counts_no_more_is_forgotten
}

struct Place {
    ledger: Ledger,
    // Removed at the end.
    _folder: TempDir,
}

impl Place {
    async fn new(url: Option<&str>, folder: TempDir) -> Self {
        Self { ledger: Ledger::open(url, folder.path()).await.unwrap(), _folder: folder }
    }

    async fn subscribe(&self, name: &str, standing: Standing) -> SubscriberId {
        let lookup: [u8; 32] = Sha256::digest(name.as_bytes()).into();
        let newcomer = Newcomer {
            lookup,
            sealed: vec![1; 40],
            standing,
            lists: vec!["alerts".to_owned()],
            lang: "es".to_owned(),
            confirmed_month: "2018-07".to_owned(),
        };
        self.ledger.add_subscribers(&[newcomer]).await.unwrap();
        self.ledger.find_subscriber(&lookup).await.unwrap().unwrap().id
    }

    async fn check(&self, subscriber: SubscriberId, edition: i64, event: Event, expected: Option<Verdict>) {
        let status = Status::find("5.1.1").filter(|_| event == Event::Hard);
        let came = Came { subscriber, edition: Some(edition), event, status };
        assert_eq!(self.ledger.returned(&came, now()).await.unwrap(), expected, "{event:?} of {edition}");
    }

    async fn check_asked(&self, expected: &[SubscriberId]) {
        let asked = self.ledger.probes_wanted(10).await.unwrap();
        assert_eq!(asked.iter().map(|asked| asked.subscriber).collect::<Vec<_>>(), expected);
        assert!(
            asked
                .iter()
                .all(|asked| asked.lang == "es" && asked.lookup.len() == 32 && asked.sealed.len() == 40)
        );
    }

    async fn reason(&self, subscriber: SubscriberId) -> Option<Reason> {
        self.ledger.suppression(subscriber).await.unwrap().map(|suppression| suppression.reason)
    }
}

fn now() -> DateTime<Utc> {
    at("2018-07-10T12:00Z")
}

async fn a_mail_counts_once_by_the_worst_that_is_heard_of_it(place: Place) {
    let ana = place.subscribe("ana", Standing::Confirmed).await;
    place.check(ana, 1, Event::Soft, Some(Verdict::Counted)).await;
    place.check(ana, 1, Event::Soft, None).await;
    place.check(ana, 1, Event::Hard, Some(Verdict::Suppress(Reason::Hard))).await;
    place.check(ana, 1, Event::Hard, None).await;
    place.check(ana, 1, Event::Soft, None).await;
    let suppression = place.ledger.suppression(ana).await.unwrap().unwrap();
    assert_eq!((suppression.status.as_str(), suppression.at), ("5.1.1", now()));
    place.check(ana, 1, Event::Complaint, Some(Verdict::Suppress(Reason::Complaint))).await;
    assert_eq!(place.reason(ana).await, Some(Reason::Complaint));
    place.check(4_711, 1, Event::Hard, None).await;
}

async fn after_five_mails_that_came_back_softly_a_probe_is_wanted_and_its_bounce_suppresses(place: Place) {
    let ana = place.subscribe("ana", Standing::Confirmed).await;
    for edition in 1..=4 {
        place.check(ana, edition, Event::Soft, Some(Verdict::Counted)).await;
        place.check(ana, edition, Event::Soft, None).await;
    }
    place.check_asked(&[]).await;
    place.check(ana, 5, Event::Soft, Some(Verdict::Probe)).await;
    place.check_asked(&[ana]).await;
    place.check(ana, 6, Event::Soft, Some(Verdict::Counted)).await;
    place.ledger.probe_sent(ana, now()).await.unwrap();
    place.ledger.probe_sent(ana, now() + TimeDelta::days(9)).await.unwrap();
    place.check_asked(&[]).await;
    assert_eq!(place.reason(ana).await, None);
    place.check(ana, 0, Event::ProbeFailed, Some(Verdict::Suppress(Reason::Soft))).await;
    assert_eq!(place.reason(ana).await, Some(Reason::Soft));
    place.check(ana, 0, Event::ProbeFailed, None).await;
    assert!(place.ledger.lists_of(ana).await.unwrap().is_empty(), "nothing more goes there");
}

async fn of_many_at_once_none_is_missed(place: Place) {
    let ana = place.subscribe("ana", Standing::Confirmed).await;
    let mut tasks = tokio::task::JoinSet::new();
    for edition in 1..=5 {
        let ledger = place.ledger.clone();
        tasks.spawn(async move {
            let came = Came { subscriber: ana, edition: Some(edition), event: Event::Soft, status: None };
            ledger.returned(&came, now()).await.unwrap()
        });
    }
    let verdicts = tasks.join_all().await;
    let probes = verdicts.iter().filter(|verdict| **verdict == Some(Verdict::Probe)).count();
    assert_eq!(probes, 1, "{verdicts:?}");
}

async fn who_left_is_not_counted_but_a_complaint_keeps_them_away(place: Place) {
    let ana = place.subscribe("ana", Standing::Unsubscribed).await;
    place.check(ana, 1, Event::Hard, None).await;
    assert_eq!(place.reason(ana).await, None);
    place.check(ana, 1, Event::Complaint, Some(Verdict::Suppress(Reason::Complaint))).await;
    // Whose confirmation comes back was never there.
    let ben = place.subscribe("ben", Standing::Pending).await;
    place.check(ben, 0, Event::Hard, Some(Verdict::Suppress(Reason::Hard))).await;
}

async fn who_comes_back_begins_anew(place: Place) {
    let ana = place.subscribe("ana", Standing::Confirmed).await;
    for edition in 1..=5 {
        place
            .check(
                ana,
                edition,
                Event::Soft,
                Some(if edition < 5 { Verdict::Counted } else { Verdict::Probe }),
            )
            .await;
    }
    place.ledger.forgive(ana).await.unwrap();
    place.check_asked(&[]).await;
    place.check(ana, 5, Event::Soft, Some(Verdict::Counted)).await;
}

async fn what_counts_no_more_is_forgotten(place: Place) {
    let ana = place.subscribe("ana", Standing::Confirmed).await;
    place.check(ana, 1, Event::Soft, Some(Verdict::Counted)).await;
    assert_eq!(place.ledger.forget_returned(now() + TimeDelta::days(29)).await.unwrap(), 0);
    assert_eq!(place.ledger.forget_returned(now() + TimeDelta::days(30)).await.unwrap(), 1);
}
