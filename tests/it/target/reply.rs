//! Reply.

use std::time::Duration;

use chrono::{DateTime, Utc};
use handbill::channel::target::reply::{Reply, judge, parse_retry_after, words};
use handbill::delivery::{Fault, Outcome};
use url::Url;

const DAY_SECONDS: u64 = 86_400;

fn now() -> DateTime<Utc> {
    "2018-07-08T22:00:00Z".parse().unwrap()
}

fn check(code: u16, wish: Option<&str>, expected: Outcome) {
    let reply = Reply::Head { code, retry_after: None, wish: wish.map(str::to_owned) };
    assert_eq!(judge(&reply, now()), (expected, None), "{code} {wish:?}");
}

fn check_wait(text: &str, expected_seconds: Option<u64>) {
    assert_eq!(parse_retry_after(text, now()), expected_seconds.map(Duration::from_secs), "{text:?}");
}

fn check_words(body: &[u8], expected: &str) {
    let url =
        Url::parse("https://hooks.example.org/services/T0000/B0000/x9x9x9x9x9x9?key=k7k7k7k7k7&v=2").unwrap();
    assert_eq!(words(body, &url), expected);
}

#[test]
fn every_status_has_its_meaning() {
    let recipient = Outcome::Deferred(Fault::Recipient);
    let route = Outcome::Deferred(Fault::Route);
    for code in 100..=599 {
        let expected = match code {
            200..=299 => Outcome::Sent,
            410 => Outcome::Bounced(Fault::Recipient),
            429 | 503 => route,
            _ => recipient,
        };
        check(code, None, expected);
    }
    assert_eq!(judge(&Reply::Unreached, now()), (route, None));
    assert_eq!(judge(&Reply::NoAnswer, now()), (recipient, None));
}

#[test]
fn a_target_can_say_that_it_wants_no_more_or_not_this_one() {
    for code in [200, 204, 400, 410, 429, 500] {
        check(code, Some("disable"), Outcome::Bounced(Fault::Recipient));
        check(code, Some(" Disable "), Outcome::Bounced(Fault::Recipient));
    }
    check(200, Some("abort-message"), Outcome::Sent);
    check(400, Some("abort-message"), Outcome::Bounced(Fault::Message));
    check(410, Some("abort-message"), Outcome::Bounced(Fault::Recipient));
    check(503, Some("abort-message"), Outcome::Bounced(Fault::Message));
    check(500, Some("something-new"), Outcome::Deferred(Fault::Recipient));
}

#[test]
fn a_wait_is_asked_for_in_seconds_or_as_a_date_and_is_a_day_at_most() {
    check_wait("120", Some(120));
    check_wait(" 0 ", Some(0));
    check_wait("86401", Some(DAY_SECONDS));
    check_wait("99999999999999999999999", Some(DAY_SECONDS));
    check_wait("Sun, 08 Jul 2018 22:01:30 GMT", Some(90));
    check_wait("Sunday, 08-Jul-18 22:01:30 GMT", Some(90));
    check_wait("Sun Jul  8 22:01:30 2018", Some(90));
    check_wait("Sun, 08 Jul 2018 21:00:00 GMT", Some(0));
    check_wait("Fri, 08 Jul 2118 21:00:00 GMT", Some(DAY_SECONDS));
    for text in ["", "soon", "-5", "1.5", "Mon, 08 Jul 2018 22:01:30 GMT", "Sun, 08 Jul 2018"] {
        check_wait(text, None);
    }
}

#[test]
fn a_wait_goes_with_every_answer_that_is_tried_again() {
    for (code, expected) in [(429, Some(30)), (503, Some(30)), (500, Some(30)), (200, None), (410, None)] {
        let reply = Reply::Head { code, retry_after: Some("30".to_owned()), wish: None };
        assert_eq!(judge(&reply, now()).1, expected.map(Duration::from_secs), "{code}");
    }
}

#[test]
fn kept_words_are_one_line_of_text_without_addresses_and_tokens() {
    check_words(b"no\r\n  such\tteam\0\x1b[31m", "no such team[31m");
    check_words(b"bad \xff byte", "bad \u{fffd} byte");
    check_words(b"ask admin@example.org, or @everyone", "ask …, or @everyone");
    check_words(br#"{"to":"a.b+c@example.org"}"#, r#"{"to":"…"}"#);
    check_words(b"POST /services/T0000/B0000/x9x9x9x9x9x9 not found", "POST … not found");
    check_words(br"no route \/services\/T0000\/B0000\/x9x9x9x9x9x9", r"no route \/…\/T0000\/B0000\/…");
    check_words(b"key k7k7k7k7k7 is unknown to v2", "key … is unknown to v2");
    check_words(
        b"see https://hooks.example.org/services/T0000/B0000/x9x9x9x9x9x9?key=k7k7k7k7k7&v=2",
        "see …",
    );
}

#[test]
fn no_more_than_a_thousand_bytes_of_words_are_kept_and_no_half_character() {
    check_words("é".repeat(2_000).as_bytes(), &"é".repeat(500));
    check_words("xé".repeat(2_000).as_bytes(), &("xé".repeat(333) + "x"));
}
