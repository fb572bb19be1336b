//! Bucket.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use handbill::channel::bucket::TokenBucket;
use proptest::prelude::{ProptestConfig, prop_assert, proptest};

fn at(milliseconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(17_720) + TimeDelta::milliseconds(milliseconds)
}

fn bucket(rate: u32, burst: u16) -> TokenBucket {
    TokenBucket::new(NonZeroU32::new(rate).unwrap(), NonZeroU16::new(burst).unwrap(), at(0))
}

// Each step is a time and what it gets: `None` a token, `Some` a wait; both in milliseconds.
fn check(rate: u32, burst: u16, steps: &[(i64, Option<u64>)]) {
    let mut bucket = bucket(rate, burst);
    for (number, (time, wait)) in steps.iter().enumerate() {
        let got = bucket.take(at(*time)).err();
        assert_eq!(got, wait.map(Duration::from_millis), "step {number} at {time} ms");
    }
}

#[test]
fn a_burst_goes_at_once_and_the_rest_evenly() {
    check(
        60,
        3,
        &[(0, None), (0, None), (0, None), (0, Some(1000)), (999, Some(1)), (1000, None), (1000, Some(1000))],
    );
}

#[test]
fn who_waits_as_told_gets_a_token() {
    // A seventh of a minute is no whole number of milliseconds.
    let mut bucket = bucket(7, 1);
    bucket.take(at(0)).unwrap();
    let wait = bucket.take(at(100)).unwrap_err();
    bucket.take(at(100) + wait).unwrap();
}

#[test]
fn an_idle_bucket_holds_no_more_than_its_burst() {
    check(60, 2, &[(3_600_000, None), (3_600_000, None), (3_600_000, Some(1000))]);
}

#[test]
fn a_clock_that_was_set_back_delays_by_one_interval_at_most() {
    check(60, 2, &[(3_600_000, None), (3_600_000, None), (0, Some(1000)), (1000, None), (1000, Some(1000))]);
}

#[test]
fn a_rate_of_one_with_the_largest_burst_does_not_overflow() {
    let mut bucket = bucket(1, u16::MAX);
    let taken = (0..u32::from(u16::MAX) + 5).filter(|_| bucket.take(at(0)).is_ok()).count();
    assert_eq!(taken, usize::from(u16::MAX));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_minute_has_more_than_the_rate_and_one_burst(
        rate in 1u32..500,
        burst in 1u16..50,
        gaps in proptest::collection::vec(0i64..2_000, 1..300),
    ) {
        let mut bucket = bucket(rate, burst);
        let mut now = 0;
        let mut taken = Vec::new();
        for gap in gaps {
            now += gap;
            if bucket.take(at(now)).is_ok() {
                taken.push(now);
            }
        }
        for (first, start) in taken.iter().enumerate() {
            let in_minute = taken[first..].iter().take_while(|time| **time < start + 60_000).count();
            prop_assert!(in_minute <= rate as usize + usize::from(burst));
        }
    }
}
