//! Returning: what the ledger keeps of what came back, and what it does about it, on both databases.

use chrono::{DateTime, TimeDelta, Utc};
use handbill::delivery::{Fault, Next, Outcome, State};
use handbill::edition::Lane;
use handbill::ledger::Ledger;
use handbill::ledger::delivering::{Claim, Receipt};
use handbill::ledger::returning::Came;
use handbill::returned::score::{Event, Reason, Verdict};
use handbill::subscriber::{self, Key, Standing, SubscriberId, Suppression};

use super::{LEASE, Place, SECRET, Town, address, march_with, newcomer, receipt};
use crate::plan::at;

const NOW: &str = "2018-07-10T12:00Z";
const COUNTED: Option<Verdict> = Some(Verdict::Counted);

on_both! {
    a_mail_counts_once_by_the_worst_that_is_heard_of_it
    after_five_mails_that_came_back_softly_a_probe_goes_out_and_its_bounce_suppresses
    a_probe_that_is_refused_at_once_suppresses
    a_probe_of_which_nothing_is_heard_for_seven_days_begins_the_count_anew
    who_says_that_they_stay_begins_anew
    of_many_at_once_none_is_missed
    who_is_gone_is_not_counted
    whose_confirmation_comes_back_is_not_asked_again
    what_came_back_goes_with_who_goes
    what_counts_no_more_is_forgotten
    a_refusal_counts_in_the_commit_of_its_receipt
    a_relay_that_says_of_everybody_that_they_do_not_exist_takes_few_off_the_list
}

/// A ledger with one subscriber.
struct Desk {
    ledger: Ledger,
    // Who is looked at.
    ana: SubscriberId,
}

impl Desk {
    async fn new(place: &Place) -> Self {
        let ledger = place.open().await;
        let ana = subscribe(&ledger, "ana", Standing::Confirmed).await;
        Self { ledger, ana }
    }

    async fn check(&self, edition: i64, event: Event, expected: Option<Verdict>) {
        self.check_at(edition, event, NOW, expected).await;
    }

    async fn check_at(&self, edition: i64, event: Event, now: &str, expected: Option<Verdict>) {
        let came = Came { subscriber: self.ana, edition: Some(edition), event };
        let verdict = self.ledger.returned(&came, at(now)).await.unwrap();
        assert_eq!(verdict, expected, "{event:?} of {edition}");
    }

    /// Five mails came back softly, and she is asked.
    async fn check_asked(&self) {
        for edition in 101..=104 {
            self.check(edition, Event::Soft, COUNTED).await;
            self.check(edition, Event::Soft, None).await;
        }
        assert!(claim(&self.ledger, NOW).await.is_empty());
        self.check(105, Event::Soft, Some(Verdict::Probe)).await;
    }

    async fn standing(&self) -> Standing {
        standing(&self.ledger, "ana").await
    }

    // How many rows are left of what came back a month before.
    async fn left(&self) -> u64 {
        self.ledger.tidy(&[], at(NOW) + TimeDelta::days(30)).await.unwrap().returned
    }
}

async fn subscribe(ledger: &Ledger, name: &str, standing: Standing) -> SubscriberId {
    let newcomer = newcomer(name, standing, &["alerts"]);
    ledger.add_subscribers(std::slice::from_ref(&newcomer)).await.unwrap();
    ledger.find_subscriber(&newcomer.lookup).await.unwrap().unwrap().id
}

async fn standing(ledger: &Ledger, name: &str) -> Standing {
    ledger.standing(&Key::from_bytes(&SECRET).lookup(&address(name))).await.unwrap()
}

fn bounced() -> Standing {
    Standing::Suppressed(Suppression::Bounced { at: at(NOW) })
}

async fn claim(ledger: &Ledger, now: &str) -> Vec<Claim> {
    ledger.claim_mails(Lane::Urgent, 100, LEASE, at(now)).await.unwrap()
}

// `said` is a code, an enhanced code and words, as in the answer to RCPT.
fn refusal(claim: &Claim, said: (u16, &str, &str), next: Next, at: DateTime<Utc>) -> Receipt {
    let (code, enhanced, text) = said;
    let outcome = if code < 500 { Outcome::Deferred } else { Outcome::Bounced };
    let mut receipt = receipt(claim, Some(outcome(Fault::Recipient)), next, at);
    let answer = receipt.answer.as_mut().unwrap();
    answer.code = Some(code);
    answer.enhanced = Some(enhanced.to_owned());
    answer.text = text.to_owned();
    receipt
}

async fn a_mail_counts_once_by_the_worst_that_is_heard_of_it(place: Place) {
    let desk = Desk::new(&place).await;
    desk.check(1, Event::Soft, COUNTED).await;
    desk.check(1, Event::Soft, None).await;
    desk.check(1, Event::Hard, Some(Verdict::Suppress(Reason::Hard))).await;
    desk.check(1, Event::Hard, None).await;
    assert_eq!(desk.standing().await, bounced());
    let ben = subscribe(&desk.ledger, "ben", Standing::Confirmed).await;
    let came = Came { subscriber: ben, edition: None, event: Event::Complaint };
    let verdict = desk.ledger.returned(&came, at(NOW)).await.unwrap();
    assert_eq!(verdict, Some(Verdict::Suppress(Reason::Complaint)));
    assert_eq!(standing(&desk.ledger, "ben").await, Standing::Suppressed(Suppression::Complained));
}

async fn after_five_mails_that_came_back_softly_a_probe_goes_out_and_its_bounce_suppresses(place: Place) {
    let desk = Desk::new(&place).await;
    desk.check_asked().await;
    // Asked once, not at each further one.
    desk.check(106, Event::Soft, COUNTED).await;
    let claims = claim(&desk.ledger, NOW).await;
    assert_eq!(claims.len(), 1);
    let edition = desk.ledger.edition(claims[0].edition).await.unwrap().unwrap();
    assert_eq!((edition.id.as_str(), claims[0].recipient), ("probe/2018-07-10", desk.ana));
    let sent = receipt(&claims[0], Some(Outcome::Sent), Next::Done(State::Sent), at(NOW));
    desk.ledger.record(&[sent]).await.unwrap();
    assert_eq!(desk.standing().await, Standing::Confirmed);
    let came = Came { subscriber: desk.ana, edition: None, event: Event::ProbeFailed };
    let verdict = desk.ledger.returned(&came, at(NOW)).await.unwrap();
    assert_eq!(verdict, Some(Verdict::Suppress(Reason::Soft)));
    assert_eq!(desk.ledger.returned(&came, at(NOW)).await.unwrap(), None);
    assert_eq!(desk.standing().await, bounced());
    assert!(desk.ledger.lists_of(desk.ana).await.unwrap().is_empty(), "nothing more goes there");
}

async fn a_probe_that_is_refused_at_once_suppresses(place: Place) {
    let desk = Desk::new(&place).await;
    desk.check_asked().await;
    let claims = claim(&desk.ledger, NOW).await;
    let full = (452, "4.2.2", "mailbox full");
    let again = refusal(&claims[0], full, Next::Retry(at(NOW)), at(NOW));
    desk.ledger.record(&[again]).await.unwrap();
    assert_eq!(desk.standing().await, Standing::Confirmed);
    let claims = claim(&desk.ledger, NOW).await;
    let over = refusal(&claims[0], full, Next::Done(State::Bounced), at(NOW));
    desk.ledger.record(&[over]).await.unwrap();
    assert_eq!(desk.standing().await, bounced());
    assert_eq!(super::tallies(&desk.ledger).await, "probe/2018-07-10 open: 1 bounced\n");
}

async fn a_probe_of_which_nothing_is_heard_for_seven_days_begins_the_count_anew(place: Place) {
    let desk = Desk::new(&place).await;
    desk.check_asked().await;
    let claims = claim(&desk.ledger, NOW).await;
    let sent = receipt(&claims[0], Some(Outcome::Sent), Next::Done(State::Sent), at(NOW));
    desk.ledger.record(&[sent]).await.unwrap();
    for edition in 201..=204 {
        desk.check_at(edition, Event::Soft, "2018-07-17T12:00Z", COUNTED).await;
    }
    // Late, and of a question that is answered.
    desk.check_at(0, Event::ProbeFailed, "2018-07-17T12:00Z", COUNTED).await;
    desk.check_at(205, Event::Soft, "2018-07-18T12:00Z", Some(Verdict::Probe)).await;
    assert_eq!(claim(&desk.ledger, "2018-07-18T12:00Z").await.len(), 1);
}

async fn who_says_that_they_stay_begins_anew(place: Place) {
    let desk = Desk::new(&place).await;
    desk.check_asked().await;
    assert!(desk.ledger.stay(desk.ana, at(NOW)).await.unwrap());
    desk.check(105, Event::Soft, COUNTED).await;
    desk.check(0, Event::ProbeFailed, COUNTED).await;
    assert_eq!(desk.standing().await, Standing::Confirmed);
}

async fn of_many_at_once_none_is_missed(place: Place) {
    let desk = Desk::new(&place).await;
    let mut tasks = tokio::task::JoinSet::new();
    for edition in 1..=5 {
        let (ledger, subscriber) = (desk.ledger.clone(), desk.ana);
        tasks.spawn(async move {
            let came = Came { subscriber, edition: Some(edition), event: Event::Soft };
            ledger.returned(&came, at(NOW)).await.unwrap()
        });
    }
    let verdicts = tasks.join_all().await;
    let probes = verdicts.iter().filter(|verdict| **verdict == Some(Verdict::Probe)).count();
    assert_eq!(probes, 1, "{verdicts:?}");
    assert_eq!(claim(&desk.ledger, NOW).await.len(), 1);
}

async fn who_is_gone_is_not_counted(place: Place) {
    let desk = Desk::new(&place).await;
    desk.ledger.leave_all(desk.ana).await.unwrap();
    desk.check(1, Event::Hard, None).await;
    desk.check(1, Event::Complaint, None).await;
    assert_eq!(desk.standing().await, Standing::Unsubscribed);
    assert_eq!(desk.left().await, 0);
}

async fn whose_confirmation_comes_back_is_not_asked_again(place: Place) {
    let desk = Desk::new(&place).await;
    let ben = subscribe(&desk.ledger, "ben", Standing::Pending).await;
    let came = Came { subscriber: ben, edition: None, event: Event::Hard };
    desk.ledger.returned(&came, at(NOW)).await.unwrap();
    assert_eq!(standing(&desk.ledger, "ben").await, bounced());
}

async fn what_came_back_goes_with_who_goes(place: Place) {
    let desk = Desk::new(&place).await;
    desk.check_asked().await;
    assert!(desk.ledger.erase(desk.ana).await.unwrap());
    assert!(claim(&desk.ledger, NOW).await.is_empty(), "the probe goes with her");
    assert_eq!(desk.left().await, 0);
    let ben = subscribe(&desk.ledger, "ben", Standing::Confirmed).await;
    let desk = Desk { ana: ben, ..desk };
    desk.check(1, Event::Soft, COUNTED).await;
    assert!(desk.ledger.suppress(ben, subscriber::Event::Complained, at(NOW)).await.unwrap());
    assert_eq!(desk.left().await, 0);
}

async fn what_counts_no_more_is_forgotten(place: Place) {
    let desk = Desk::new(&place).await;
    desk.check(1, Event::Soft, COUNTED).await;
    let tidied = desk.ledger.tidy(&[], at(NOW) + TimeDelta::days(29)).await.unwrap();
    assert_eq!(tidied.returned, 0);
    assert_eq!(desk.left().await, 1);
    assert_eq!(desk.left().await, 0);
}

async fn a_refusal_counts_in_the_commit_of_its_receipt(place: Place) {
    let mut town = Town::new(&place).await;
    for name in ["ana", "ben", "cleo", "dora"] {
        town.confirmed(name, &["weekly", "alerts"]).await;
    }
    let files = [("march", march_with("starts = 2018-07-20 09:00", "The square"))];
    town.look(&files, NOW).await;
    let claims = town.claim(Lane::Urgent, NOW).await;
    let done = Next::Done(State::Bounced);
    let receipts = [
        refusal(&claims[0], (550, "5.1.1", "unknown"), done, at(NOW)),
        refusal(&claims[1], (550, "5.7.1", "policy"), done, at(NOW)),
        refusal(&claims[2], (452, "4.2.2", "full"), done, at(NOW)),
        receipt(&claims[3], Some(Outcome::Sent), Next::Done(State::Sent), at(NOW)),
    ];
    town.ledger.record(&receipts).await.unwrap();
    assert_eq!(standing(&town.ledger, "ana").await, bounced());
    for name in ["ben", "cleo", "dora"] {
        assert_eq!(standing(&town.ledger, name).await, Standing::Confirmed, "{name}");
    }
    let tallies = town.tallies().await;
    assert!(tallies.contains(": 1 sent 3 bounced\n"), "{tallies}");
    let left = town.ledger.tidy(&[], at(NOW) + TimeDelta::days(30)).await.unwrap().returned;
    assert_eq!(left, 1, "of the one that was full");
}

async fn a_relay_that_says_of_everybody_that_they_do_not_exist_takes_few_off_the_list(place: Place) {
    let mut town = Town::new(&place).await;
    let names: Vec<String> = (0..120).map(|number| format!("reader{number}")).collect();
    for name in &names {
        town.confirmed(name, &["alerts"]).await;
    }
    let files = [("march", march_with("starts = 2018-07-20 09:00", "The square"))];
    town.look(&files, NOW).await;
    let confirmed = async |town: &Town| {
        let counts = town.ledger.subscriber_counts().await.unwrap();
        counts.iter().map(|(_, _, count)| count).sum::<i64>()
    };
    let receipts: Vec<Receipt> = claim_all(&town)
        .await
        .iter()
        .map(|claim| refusal(claim, (550, "5.1.1", "unknown"), Next::Done(State::Bounced), at(NOW)))
        .collect();
    assert_eq!(receipts.len(), 120);
    for some in receipts.chunks(7) {
        town.ledger.record(some).await.unwrap();
    }
    assert_eq!(confirmed(&town).await, 70);
    assert_eq!(town.ledger.given_up(at(NOW)).await.unwrap(), 50);
    // A day later whoever is still refused is given up.
    assert_eq!(town.ledger.given_up(at("2018-07-11T12:00Z")).await.unwrap(), 0);
    let id = receipts.last().unwrap().claim.recipient;
    let came = Came { subscriber: id, edition: Some(1_000), event: Event::Hard };
    let verdict = town.ledger.returned(&came, at("2018-07-11T12:00Z")).await.unwrap();
    assert_eq!(verdict, Some(Verdict::Suppress(Reason::Hard)));
}

async fn claim_all(town: &Town) -> Vec<Claim> {
    town.ledger.claim_mails(Lane::Urgent, 1_000, LEASE, at(NOW)).await.unwrap()
}
