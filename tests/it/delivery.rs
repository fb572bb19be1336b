//! Delivery: what follows an answer, told as the seconds until the next try.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use handbill::channel::target::RETRIES;
use handbill::delivery::{
    Answer, Fault, LONGEST_ASKED, MAIL_RETRIES, Next, Outcome, Policy, Standing, State, URGENT_MAIL_RETRIES,
    next, quiet, wake,
};
use handbill::edition::{Content, Member};
use handbill::notice::NoticeId;
use handbill::schedule::quiet::Quiet;
use handbill::schedule::reminder::Before;
use handbill::schedule::zone::Zone;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use crate::plan::at;

const STEADY: Policy =
    Policy { retries: MAIL_RETRIES, resend_uncertain: false, retry_our_faults: false, jitter_percent: 0 };
const FIVE_DAYS: u32 = 5 * 86_400;

fn now() -> DateTime<Utc> {
    at("2018-07-08T22:00Z")
}

fn answer(outcome: Outcome) -> Answer {
    Answer {
        outcome,
        code: None,
        enhanced: None,
        text: String::new(),
        retry_after: None,
        took: Duration::ZERO,
    }
}

fn standing(attempts: u32) -> Standing<'static> {
    Standing { attempts, expires_at: None, seed: 0, quiet: None }
}

fn wait(next: Next) -> Option<TimeDelta> {
    match next {
        Next::Retry(at) => Some(at - now()),
        Next::Done(_) => None,
    }
}

// All tries of a delivery that is answered in the same way each time: the seconds between them, and its end.
fn check(policy: &Policy, outcome: Outcome, expected: &[u32], end: State) {
    let mut waits = Vec::new();
    for attempts in 1..1_000 {
        match next(policy, &standing(attempts), &answer(outcome), now()) {
            Next::Retry(at) => waits.push(u32::try_from((at - now()).num_seconds()).unwrap()),
            Next::Done(state) => {
                assert_eq!((waits.as_slice(), state), (expected, end));
                return;
            }
        }
    }
    panic!("{outcome:?} never ends");
}

#[test]
fn what_is_taken_is_sent_and_what_is_refused_for_good_has_bounced() {
    check(&STEADY, Outcome::Sent, &[], State::Sent);
    for fault in [Fault::Recipient, Fault::Message, Fault::Route] {
        check(&STEADY, Outcome::Bounced(fault), &[], State::Bounced);
    }
}

#[test]
fn what_is_refused_for_what_we_did_is_tried_again_where_that_is_wanted() {
    let policy = Policy { retries: &[60, 600], retry_our_faults: true, ..STEADY };
    check(&policy, Outcome::Bounced(Fault::Message), &[60, 600], State::Bounced);
    check(&policy, Outcome::Bounced(Fault::Recipient), &[], State::Bounced);
}

#[test]
fn a_deferred_delivery_goes_through_the_schedule_and_then_bounces() {
    for fault in [Fault::Recipient, Fault::Message] {
        for retries in [MAIL_RETRIES, URGENT_MAIL_RETRIES, RETRIES] {
            check(&Policy { retries, ..STEADY }, Outcome::Deferred(fault), retries, State::Bounced);
        }
    }
    check(&Policy { retries: &[], ..STEADY }, Outcome::Deferred(Fault::Recipient), &[], State::Bounced);
}

#[test]
fn mail_is_tried_for_nearly_five_days_and_never_more_than_an_hour_apart() {
    for retries in [MAIL_RETRIES, URGENT_MAIL_RETRIES] {
        let whole: u32 = retries.iter().sum();
        assert!(whole <= FIVE_DAYS && whole > FIVE_DAYS - 3_600, "{whole}");
        assert!(retries.is_sorted() && retries.last() == Some(&3_600), "{retries:?}");
    }
    assert_eq!(MAIL_RETRIES[..6], [300, 600, 1_200, 2_400, 3_600, 3_600]);
    assert_eq!(URGENT_MAIL_RETRIES[..8], [60, 120, 300, 600, 1_200, 2_400, 3_600, 3_600]);
}

#[test]
fn an_uncertain_delivery_is_held_for_a_person_or_sent_again_as_the_policy_says() {
    check(&STEADY, Outcome::Uncertain, &[], State::Uncertain);
    let again = Policy { retries: &[60, 120], resend_uncertain: true, ..STEADY };
    // Past the end nobody knows any better: it did not bounce.
    check(&again, Outcome::Uncertain, &[60, 120], State::Uncertain);
}

#[test]
fn while_the_way_is_closed_tries_go_on_at_the_last_pace_until_it_expires() {
    let policy = Policy { retries: &[60, 600], ..STEADY };
    let closed = answer(Outcome::Deferred(Fault::Route));
    let paces = [1, 2, 3, 4, 1_000, u32::MAX]
        .map(|attempts| wait(next(&policy, &standing(attempts), &closed, now())).unwrap().num_seconds());
    assert_eq!(paces, [60, 600, 600, 600, 600, 600]);
    let near = Standing { expires_at: Some(now() + TimeDelta::seconds(600)), ..standing(5) };
    assert_eq!(next(&policy, &near, &closed, now()), Next::Done(State::Expired));
    let nearly = Standing { expires_at: Some(now() + TimeDelta::seconds(601)), ..near };
    assert_eq!(next(&policy, &nearly, &closed, now()), Next::Retry(now() + TimeDelta::seconds(600)));
}

#[test]
fn nothing_is_tried_at_or_past_its_expiry_and_what_was_taken_late_was_taken() {
    let past = Standing { expires_at: Some(now() - TimeDelta::days(1)), ..standing(1) };
    for fault in [Fault::Recipient, Fault::Message, Fault::Route] {
        let late = next(&STEADY, &past, &answer(Outcome::Deferred(fault)), now());
        assert_eq!(late, Next::Done(State::Expired));
    }
    assert_eq!(next(&STEADY, &past, &answer(Outcome::Sent), now()), Next::Done(State::Sent));
    let bounced = next(&STEADY, &past, &answer(Outcome::Bounced(Fault::Recipient)), now());
    assert_eq!(bounced, Next::Done(State::Bounced));
}

#[test]
fn a_wait_that_they_ask_for_is_heeded_when_it_is_longer_and_at_most_a_day() {
    let asked = |seconds| {
        let retry_after = Some(Duration::from_secs(seconds));
        let answer = Answer { retry_after, ..answer(Outcome::Deferred(Fault::Route)) };
        wait(next(&STEADY, &standing(1), &answer, now())).unwrap().num_seconds()
    };
    let day = i64::try_from(LONGEST_ASKED.as_secs()).unwrap();
    assert_eq!(day, 86_400);
    assert_eq!([0, 299, 301, 86_400, 86_401, u64::MAX].map(asked), [300, 300, 301, day, day, day]);
}

#[test]
fn the_tries_of_many_deliveries_spread_over_the_whole_jitter() {
    let policy = Policy { retries: &[1_000], jitter_percent: 20, ..STEADY };
    let mut seen = [0_u32; 10];
    for seed in 0..10_000_u64 {
        let seed = seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ seed << 23;
        let delivery = Standing { seed, ..standing(1) };
        let wait =
            wait(next(&policy, &delivery, &answer(Outcome::Deferred(Fault::Recipient)), now())).unwrap();
        seen[usize::try_from((wait.num_milliseconds() - 800_000) / 40_001).unwrap()] += 1;
    }
    assert!(seen.iter().all(|count| (700..1_300).contains(count)), "{seen:?}");
}

// A try at `now` in a zone with quiet hours from 22:00 to 08:00, deferred: when the next one is, after 10 minutes.
fn check_quiet(now: &str, asked_minutes: u64, expires_at: &str, expected: &str) {
    let quiet = Quiet::parse("22:00-08:00", &Zone::find("America/New_York").unwrap()).unwrap();
    let policy = Policy { retries: &[600], ..STEADY };
    let standing = Standing { quiet: Some(&quiet), expires_at: Some(at(expires_at)), ..standing(1) };
    let retry_after = Some(Duration::from_secs(asked_minutes * 60));
    let deferred = Answer { retry_after, ..answer(Outcome::Deferred(Fault::Recipient)) };
    assert_eq!(next(&policy, &standing, &deferred, at(now)), Next::Retry(at(expected)));
}

#[test]
fn a_retry_that_falls_into_quiet_hours_waits_until_they_end() {
    let week = "2018-07-16T00:00Z";
    check_quiet("2018-07-09T01:45:00.250Z", 0, week, "2018-07-09T01:55:00.250Z");
    check_quiet("2018-07-09T01:50:00Z", 0, week, "2018-07-09T12:00Z");
    check_quiet("2018-07-09T01:55:00.250Z", 0, week, "2018-07-09T12:00Z");
    check_quiet("2018-07-09T11:49:59.900Z", 0, week, "2018-07-09T12:00Z");
    check_quiet("2018-07-09T11:50:00Z", 0, week, "2018-07-09T12:00Z");
}

#[test]
fn a_retry_that_would_expire_in_quiet_hours_comes_before_them_or_else_in_them() {
    let morning = "2018-07-09T12:00Z";
    check_quiet("2018-07-09T01:55Z", 0, morning, "2018-07-09T01:59:59Z");
    check_quiet("2018-07-09T01:55Z", 0, "2018-07-09T12:00:01Z", "2018-07-09T12:00Z");
    // Not sooner than they asked for.
    check_quiet("2018-07-09T01:55Z", 10, morning, "2018-07-09T02:05Z");
    check_quiet("2018-07-09T02:05Z", 0, morning, "2018-07-09T02:15Z");
}

#[test]
fn what_is_late_waits_for_the_morning_unless_it_is_of_no_use_then_or_a_correction() {
    let quiet_hours = Quiet::parse("22:00-08:00", &Zone::find("UTC").unwrap()).unwrap();
    let night = at("2018-07-09T23:00:00.5Z");
    let member = Member { notice: NoticeId::parse("march").unwrap(), number: 0 };
    let goes_at = |content: &Content, expires_at: &str| {
        wake(quiet(content, Some(&quiet_hours)), night, night, Some(at(expires_at)))
    };
    let (morning, week) = (at("2018-07-10T08:00Z"), "2018-07-16T00:00Z");
    let early = "2018-07-10T07:00Z";
    let cut = at("2018-07-09T09:00Z").naive_utc();
    for content in [
        Content::Alert(member.clone()),
        Content::Reminder(member.clone(), None, Before::parse("-PT2H").unwrap()),
        Content::Issue { cut, members: vec![member.clone()] },
    ] {
        assert_eq!((goes_at(&content, week), goes_at(&content, early)), (morning, night), "{content:?}");
    }
    let correction = Content::Correction(member, 1);
    assert_eq!((goes_at(&correction, week), goes_at(&correction, early)), (night, night));
    assert_eq!(wake(None, night, night, Some(at(week))), night);
}

proptest! {
    #[test]
    fn jitter_stays_in_its_bounds_and_is_the_same_each_time(
        seed in any::<u64>(), attempts in 1_u32..200, percent in 0_u8..=100, index in 0_usize..122,
    ) {
        let policy = Policy { jitter_percent: percent, ..STEADY };
        let delivery = Standing { seed, ..standing(u32::try_from(index + 1).unwrap()) };
        let deferred = answer(Outcome::Deferred(Fault::Recipient));
        let one = next(&policy, &delivery, &deferred, now());
        prop_assert_eq!(one, next(&policy, &delivery, &deferred, now()));
        let wait = wait(one).unwrap().num_milliseconds();
        let delay = i64::from(MAIL_RETRIES[index]) * 1_000;
        let spread = delay * i64::from(percent) / 100;
        prop_assert!((delay - spread..=delay + spread).contains(&wait), "{} of {}", wait, delay);
        // Whatever the counters say, there is an answer.
        let odd = Standing { attempts: attempts.wrapping_sub(1), seed, expires_at: None, quiet: None };
        let loud = Answer { retry_after: Some(Duration::MAX), ..deferred };
        next(&policy, &odd, &loud, now());
    }
}
