//! Measured: how fast the hot paths are, printed and not asserted. `HANDBILL_RECIPIENTS` sets the size.
//!
//! `cargo test --release --test it measured -- --ignored --nocapture --test-threads 1`

use std::time::Instant;

use chrono::TimeDelta;
use handbill::delivery::{Next, Outcome, State};
use handbill::edition::Lane;
use handbill::ledger::delivering::Receipt;

use crate::ledger::{LEASE, Place, Town, crowd, march, moved, receipt};
use crate::plan::at;

const BATCH: u32 = 500;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn sqlite() {
    measure(Place::sqlite(), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn postgres() {
    if let Some(place) = Place::postgres().await {
        measure(place, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn postgres_with_four_claimers() {
    if let Some(place) = Place::postgres().await {
        measure(place, 4).await;
    }
}

async fn measure(place: Place, claimers: u32) {
    let recipients: u32 =
        std::env::var("HANDBILL_RECIPIENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let mut clock = Clock { recipients, since: Instant::now() };
    let mut town = Town::new(&place).await;
    let mut crowd = crowd(recipients, "alerts");
    for newcomer in crowd.iter_mut().step_by(2) {
        newcomer.lists.push("neighbours".to_owned());
    }
    clock.restart();
    town.ledger.add_subscribers(&crowd).await.unwrap();
    clock.told("add subscribers, half of them on two lists");
    town.look(&march(), "2018-07-08T22:00Z").await;
    clock.told("expand an alert to two lists");
    town.ledger.complete_editions(at("2018-07-08T22:00Z")).await.unwrap();
    clock.told("look for editions that are done while all wait");
    town.ledger.next_delivery_at().await.unwrap();
    clock.told("ask what is due next while all wait");
    town.ledger.tallies(None, 20).await.unwrap();
    clock.told("count the deliveries");
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..claimers {
        let ledger = town.ledger.clone();
        tasks.spawn(async move {
            let mut now = at("2018-07-08T22:00Z");
            loop {
                let claims = ledger.claim_mails(Lane::Urgent, BATCH, LEASE, now).await.unwrap();
                if claims.is_empty() {
                    return;
                }
                now += TimeDelta::milliseconds(1);
                let sent: Vec<Receipt> = claims
                    .iter()
                    .map(|claim| receipt(claim, Some(Outcome::Sent), Next::Done(State::Sent), now))
                    .collect();
                ledger.record(&sent).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    clock.told("claim and record with their answers, 500 at a time");
    town.ledger.complete_editions(at("2018-07-08T22:00Z")).await.unwrap();
    clock.told("close the editions");
    town.look(&moved(), "2018-07-08T23:00Z").await;
    clock.told("expand a correction to all who were told");
    println!("{:>40} {}", "", town.tallies().await.replace('\n', "; "));
}

struct Clock {
    recipients: u32,
    since: Instant,
}

impl Clock {
    fn restart(&mut self) {
        self.since = Instant::now();
    }

    fn told(&mut self, what: &str) {
        let seconds = self.since.elapsed().as_secs_f64();
        println!("{what:>52}: {seconds:8.3} s {:>10.0} a second", f64::from(self.recipients) / seconds);
        self.restart();
    }
}
