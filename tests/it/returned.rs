//! Returned: what a mail that comes back says, whose it is, and when that is enough.
//!
//! The samples are those from which the fuzzer starts (`tests/fuzz/corpus/bounce/`); the words in them that stand for
//! tokens are replaced by tokens here.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use handbill::returned::address::{Own, To, with_token};
use handbill::returned::score::{Event, History, Reason, Verdict, is_wave, score, verdict};
use handbill::returned::status::{Class, Status, class, class_of_reply};
use handbill::returned::{Consequence, MAX_BYTES, Returned, Said, consequence, read};
use handbill::subscriber::{About, Claim, ERRAND_TOKEN_BYTES, Errand, Key, Purpose};
use proptest::prelude::{any, prop_assert_eq, proptest};

use crate::plan::{at, config};

/// The addresses of these tests.
pub const CONFIG: &str = r#"
[site]
title = "Notices"
organization = "Council"
url = "https://notices.example.org/"
zone = "UTC"
[mail]
from = "Notices <notices@example.org>"
return_path = "bounces@lists.example.org"
[mail.inbound]
complaints = "complaints@lists.example.org"
leave = "leave@lists.example.org"
"#;

const EDITION: &str = "alert/alerts/march";
const SENT: Errand = Errand { about: About::Edition(3), recipient: 7 };
const LEAVING: Errand = Errand { about: About::Leave(3), recipient: 7 };

static OWN: LazyLock<Own> = LazyLock::new(|| Own::new(&config(CONFIG)));

fn key() -> Key {
    Key::from_bytes(&[7; 32])
}

fn now() -> DateTime<Utc> {
    at("2018-07-10T12:00Z")
}

/// A sample with the tokens of a mail that `key` sent to somebody.
pub fn sample(name: &str, key: &Key, sent: &Errand, edition: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fuzz/corpus/bounce/{name}.eml"));
    let text = fs::read_to_string(&path).unwrap_or_else(|err| panic!("{}: {err}", path.display()));
    let leaving = match sent.about {
        About::Edition(edition) => Errand { about: About::Leave(edition), ..*sent },
        About::Letter | About::Probe | About::Leave(_) => *sent,
    };
    let claim = Claim {
        purpose: Purpose::Leave,
        subscriber: sent.recipient,
        list: "alerts".to_owned(),
        expires_at: at("2020-07-10T12:00Z"),
    };
    text.replace(&"tokenofthereturnpath".repeat(2), &key.errand_token(sent))
        .replace(&"TOKENOFTHERETURNPATH".repeat(2), &key.errand_token(sent).to_uppercase())
        .replace(&"tokenofwholeavesbyit".repeat(2), &key.errand_token(&leaving))
        .replace("LINK", &key.token(&claim))
        .replace(&"0123456789abcdef".repeat(2), &key.message_id(edition, sent.recipient))
        .replace('\n', "\r\n")
        .into_bytes()
}

fn read_sample(name: &str) -> Returned {
    let crlf = sample(name, &key(), &SENT, EDITION);
    let lf = String::from_utf8(crlf.clone()).unwrap().replace("\r\n", "\n");
    let returned = read(&crlf, &OWN);
    assert_eq!(read(lf.as_bytes(), &OWN), returned, "{name} with other line ends");
    returned
}

// What a sample says: `hard 5.1.1`, `complained`.
fn check(name: &str, expected: &str) {
    let said = match read_sample(name).said {
        Said::Bounced { class, status } => {
            let class = match class {
                Class::Hard => "hard",
                Class::Soft => "soft",
                Class::Ours => "ours",
            };
            format!("{class} {}", status.map_or("-".to_owned(), |status| status.to_string()))
        }
        Said::Complained => "complained".to_owned(),
        Said::Underway => "underway".to_owned(),
        Said::Automatic => "automatic".to_owned(),
        Said::Unknown => "unknown".to_owned(),
    };
    assert_eq!(said, expected, "{name}");
}

// What follows from a sample that came to an address: `hard of edition 3, 7`.
fn check_consequence(name: &str, to: Option<To>, expected: &str) {
    use handbill::returned::address::Whose;
    let told = match consequence(to.as_ref(), &read_sample(name), &key(), now()) {
        Consequence::Nothing => "nothing".to_owned(),
        Consequence::Leaves { recipient, edition } => format!("{recipient} leaves by {edition}"),
        Consequence::Came { whose, event, .. } => match whose {
            Whose::Errand(errand) => format!("{event:?} of {:?} to {}", errand.about, errand.recipient),
            Whose::Subscriber(subscriber) => format!("{event:?} of {subscriber}"),
            Whose::Suspect(suspect, id) => {
                assert_eq!(id, key().message_id(EDITION, suspect));
                format!("{event:?} of {suspect} perhaps")
            }
        },
    };
    assert_eq!(told, expected, "{name}");
}

#[test]
fn a_report_says_whether_there_is_nobody_or_only_not_now() {
    check("unknown-user", "hard 5.1.1");
    check("gone-elsewhere", "hard 5.1.10");
    check("without-action", "hard 5.1.2");
    check("global", "hard 5.1.1");
    check("base64", "hard 5.1.3");
    check("mailbox-full", "soft 5.2.2");
    check("given-up", "soft 4.4.1");
}

#[test]
fn what_is_delayed_or_was_taken_by_anybody_has_not_come_back() {
    check("delayed", "underway");
    check("expanded", "underway");
    check("exim-warning", "underway");
}

#[test]
fn of_several_failures_the_mildest_counts() {
    check("two-failures", "soft 4.2.2");
}

#[test]
fn nobody_bounces_for_a_policy_against_us_whatever_the_relay_makes_of_it() {
    check("policy", "ours 5.7.1");
    check("contradiction", "ours 5.7.1");
}

#[test]
fn where_a_code_says_nothing_the_words_do() {
    check("vague", "hard 5.0.0");
}

#[test]
fn bounces_that_are_written_for_people_are_understood() {
    check("qmail", "hard 5.1.1");
    check("yahoo", "hard -");
    check("exim", "hard -");
    check("exim-full", "soft -");
    check("old-exchange", "hard -");
    check("sendmail", "hard -");
    check("postmaster", "hard -");
}

#[test]
fn a_complaint_is_one_and_other_feedback_is_not() {
    check("complaint", "complained");
    check("not-spam", "unknown");
    check("failed-signature", "unknown");
}

#[test]
fn who_is_away_or_asks_who_writes_has_not_bounced() {
    check("vacation", "automatic");
    check("out-of-office", "automatic");
    check("challenge", "automatic");
    check("letter", "unknown");
}

#[test]
fn a_bounce_is_of_whom_its_address_says() {
    let to = Some(To::ReturnPath(SENT));
    check_consequence("unknown-user", to, "Hard of Edition(3) to 7");
    check_consequence("mailbox-full", to, "Soft of Edition(3) to 7");
    check_consequence(
        "qmail",
        Some(To::ReturnPath(Errand { recipient: 8, ..SENT })),
        "Hard of Edition(3) to 8",
    );
    for name in ["policy", "delayed", "vacation", "letter", "leave"] {
        check_consequence(name, to, "nothing");
    }
}

#[test]
fn without_its_address_a_bounce_is_of_whom_its_own_head_says() {
    check_consequence("unknown-user", None, "Hard of Edition(3) to 7");
    check_consequence("base64", None, "Hard of Edition(3) to 7");
}

#[test]
fn a_complaint_without_addresses_is_found_by_what_is_left_of_our_mail() {
    let to = Some(To::Complaints);
    check_consequence("complaint", to, "Complaint of Edition(3) to 7");
    check_consequence("complaint-by-header", to, "Complaint of Edition(3) to 7");
    check_consequence("complaint-by-mailto", to, "Complaint of Edition(3) to 7");
    check_consequence("complaint-by-link", to, "Complaint of 7");
    check_consequence("complaint-by-message-id", to, "Complaint of 7 perhaps");
}

#[test]
fn who_writes_to_the_address_for_it_leaves_and_nobody_else_does() {
    check_consequence("leave", Some(To::Leave(Some(LEAVING))), "7 leaves by 3");
    check_consequence("leave-by-subject", Some(To::Leave(None)), "7 leaves by 3");
    check_consequence("leave-by-subject", Some(To::Complaints), "nothing");
    check_consequence("letter", Some(To::Leave(None)), "nothing");
    let quoting = format!(
        "To: {}\r\nSubject: {}\r\n\r\nOff, please.\r\n",
        with_token("bounces@lists.example.org", &key().errand_token(&SENT)),
        key().errand_token(&LEAVING)
    );
    let leaves = consequence(Some(&To::Leave(None)), &read(quoting.as_bytes(), &OWN), &key(), now());
    assert_eq!(leaves, Consequence::Leaves { recipient: 7, edition: 3 });
    // A bounce that strays there is a bounce.
    check_consequence("unknown-user", Some(To::Leave(Some(LEAVING))), "Hard of Edition(3) to 7");
}

#[test]
fn a_probe_that_comes_back_is_an_answer_however_soft() {
    let probe = Some(To::ReturnPath(Errand { about: About::Probe, recipient: 7 }));
    check_consequence("mailbox-full", probe, "ProbeFailed of Probe to 7");
    check_consequence("unknown-user", probe, "Hard of Probe to 7");
    check_consequence("policy", probe, "nothing");
}

#[test]
fn an_address_is_ours_by_its_token_in_any_letter_case() {
    let (key, own) = (key(), &*OWN);
    let address = with_token("bounces@lists.example.org", &key.errand_token(&SENT));
    assert_eq!(own.to(&address, &key), Some(To::ReturnPath(SENT)));
    assert_eq!(own.to(&address.to_uppercase(), &key), Some(To::ReturnPath(SENT)));
    assert_eq!(own.to("Complaints@Lists.example.org", &key), Some(To::Complaints));
    assert_eq!(own.to("leave@lists.example.org", &key), Some(To::Leave(None)));
    let leave = with_token("leave@lists.example.org", &key.errand_token(&LEAVING));
    assert_eq!(own.to(&leave, &key), Some(To::Leave(Some(LEAVING))));

    let other = with_token("bounces@lists.example.org", &Key::from_bytes(&[8; 32]).errand_token(&SENT));
    let crossed = [
        with_token("bounces@lists.example.org", &key.errand_token(&LEAVING)),
        with_token("leave@lists.example.org", &key.errand_token(&SENT)),
        address.replace("lists.", "list."),
        address.replace('+', "-"),
        "bounces@lists.example.org".to_owned(),
        "bounces+@lists.example.org".to_owned(),
        "postmaster@lists.example.org".to_owned(),
        String::new(),
    ];
    for address in crossed.iter().chain([&other]) {
        assert_eq!(own.to(address, &key), None, "{address}");
    }
}

#[test]
fn a_return_path_fits_before_the_sign_and_shows_nothing_of_whose_it_is() {
    let tokens: Vec<String> =
        (1..200).map(|recipient| key().errand_token(&Errand { recipient, ..SENT })).collect();
    for token in &tokens {
        assert_eq!(token.len(), ERRAND_TOKEN_BYTES);
        assert!(token.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{token}");
    }
    // Of two tokens about as many letters agree as of any two texts of 32 letters: one in 32.
    let pairs = tokens.iter().zip(&tokens[1..]);
    let same: usize = pairs.map(|(a, b)| a.bytes().zip(b.bytes()).filter(|(a, b)| a == b).count()).sum();
    assert!((100..500).contains(&same), "{same} of {} letters", tokens.len() * ERRAND_TOKEN_BYTES);
    assert_eq!(tokens[6], key().errand_token(&SENT.clone_for(7)), "another try has the same");
    assert!(with_token(&format!("{}@example.org", "b".repeat(23)), &tokens[0]).find('@').unwrap() <= 64);
}

trait CloneFor {
    fn clone_for(&self, recipient: i64) -> Self;
}

impl CloneFor for Errand {
    fn clone_for(&self, recipient: i64) -> Self {
        Self { recipient, ..*self }
    }
}

#[test]
fn a_token_that_was_changed_anywhere_is_not_one() {
    let (key, token) = (key(), key().errand_token(&SENT));
    assert_eq!(key.errand(&token.to_uppercase()), Some(SENT));
    for (index, letter) in token.char_indices() {
        for other in ('0'..='z').filter(|other| !other.eq_ignore_ascii_case(&letter)) {
            let mut bent = token.clone();
            bent.replace_range(index..=index, &other.to_string());
            assert_eq!(key.errand(&bent), None, "{other} at {index}");
        }
    }
    assert_eq!(key.errand(&token[1..]), None);
    assert_eq!(key.errand(&format!("{token}a")), None);
    assert_eq!(Key::from_bytes(&[8; 32]).errand(&token), None, "of another key");
}

#[test]
fn a_message_id_tells_the_key_whose_it_may_be_and_nobody_else() {
    let id = key().message_id(EDITION, 7);
    assert_eq!(key().suspect(&id), Some(7));
    assert_ne!(Key::from_bytes(&[8; 32]).suspect(&id), Some(7));
    for made_up in ["", "7", "00000000000000000000000000000007", "zz", &"f".repeat(33), &"é".repeat(16)] {
        let suspect = key().suspect(made_up);
        assert!(suspect.is_none_or(|suspect| key().message_id(EDITION, suspect) != made_up), "{made_up}");
    }
}

#[test]
fn codes_are_read_as_their_registry_and_their_users_mean_them() {
    let table = [
        ("5.1.1", "", Class::Hard),
        ("5.1.2", "", Class::Hard),
        ("5.1.3", "", Class::Hard),
        ("5.1.6", "", Class::Hard),
        ("5.1.10", "", Class::Hard),
        ("5.2.1", "", Class::Hard),
        ("5.2.1", "is receiving mail at a rate that prevents it", Class::Soft),
        ("5.4.310", "", Class::Hard),
        ("5.4.1", "Recipient address rejected: Access denied", Class::Hard),
        ("5.4.1", "no answer from host", Class::Soft),
        ("5.5.0", "Requested action not taken: mailbox unavailable", Class::Hard),
        ("5.1.0", "Sender denied", Class::Ours),
        ("5.1.0", "", Class::Soft),
        ("5.1.7", "", Class::Ours),
        ("5.1.8", "", Class::Ours),
        ("5.2.2", "", Class::Soft),
        ("5.2.3", "", Class::Ours),
        ("5.3.4", "", Class::Ours),
        ("5.4.4", "", Class::Soft),
        ("5.6.0", "", Class::Ours),
        ("5.7.1", "user unknown", Class::Ours),
        ("5.7.515", "", Class::Ours),
        ("4.1.1", "user unknown", Class::Soft),
        ("4.2.2", "", Class::Soft),
        ("4.4.7", "", Class::Soft),
        ("4.7.1", "greylisted", Class::Ours),
        ("5.0.0", "", Class::Soft),
        ("5.0.0", "no such user", Class::Hard),
        ("", "550 listed by a block list", Class::Ours),
        ("", "your sender domain: no such user", Class::Ours),
        ("", "disk quota exceeded", Class::Soft),
        ("", "nothing that anybody knows", Class::Soft),
    ];
    for (status, words, expected) in table {
        assert_eq!(class(Status::find(status), words), expected, "{status} {words}");
    }
}

#[test]
fn a_code_is_found_in_a_sentence_and_an_address_of_a_machine_is_none() {
    let check = |text: &str, expected: Option<&str>| {
        assert_eq!(Status::find(text).map(|status| status.to_string()).as_deref(), expected, "{text}");
    };
    check("host 192.0.2.4 said: 550 5.1.1 nobody", Some("5.1.1"));
    check("no mailbox (#5.1.1)", Some("5.1.1"));
    check("It says 5.1.10.", Some("5.1.10"));
    check("version 3.1.4, or 5.1, or 5.1.1.1, or 5.1000.1", None);
    check("", None);
}

#[test]
fn a_refusal_at_rcpt_counts_by_its_code_and_by_its_words() {
    let check = |code: u16, enhanced: Option<&str>, text: &str, expected: Class| {
        assert_eq!(class_of_reply(code, enhanced, text), expected, "{code} {enhanced:?} {text}");
    };
    check(550, Some("5.1.1"), "5.1.1 <address>: User unknown", Class::Hard);
    check(550, None, "No such user here", Class::Hard);
    check(550, None, "mailbox not for you", Class::Soft);
    check(452, Some("4.2.2"), "4.2.2 full", Class::Soft);
    check(550, Some("5.7.1"), "5.7.1 blocked", Class::Ours);
    check(501, None, "syntax", Class::Ours);
}

// Events and times, one after the other: what each leads to.
fn check_score(events: &[(&str, &str, &str)]) {
    let mut history = History::default();
    for (when, event, expected) in events {
        let now = at(&format!("{when}T12:00Z"));
        let event = match *event {
            "soft" => Event::Soft,
            "hard" => Event::Hard,
            "complaint" => Event::Complaint,
            "probe failed" => Event::ProbeFailed,
            other => panic!("{other}"),
        };
        let verdict = verdict(&history, event, now);
        assert_eq!(format!("{verdict:?}"), *expected, "on {when}");
        match verdict {
            Verdict::Probe => history.asked_at = Some(now),
            Verdict::Counted | Verdict::Suppress(_) => {}
        }
        if event == Event::Soft {
            history.soft_at.push(now);
        }
    }
}

#[test]
fn who_bounces_for_good_or_complains_gets_no_more_mail() {
    check_score(&[("2018-07-01", "hard", "Suppress(Hard)")]);
    check_score(&[("2018-07-01", "complaint", "Suppress(Complaint)")]);
}

#[test]
fn when_too_many_are_given_up_in_a_day_no_more_are_for_what_comes_back() {
    let waves = [(49, 0, false), (50, 0, true), (50, 1_000, true), (499, 10_000, false), (500, 10_000, true)];
    for (given_up, recipients, expected) in waves {
        assert_eq!(is_wave(given_up, recipients), expected, "{given_up} of {recipients}");
    }
    let now = at("2018-07-10T12:00Z");
    let history = History { asked_at: Some(now), is_wave: true, ..History::default() };
    for (event, expected) in [
        (Event::Hard, Verdict::Counted),
        (Event::ProbeFailed, Verdict::Counted),
        (Event::Complaint, Verdict::Suppress(Reason::Complaint)),
    ] {
        assert_eq!(verdict(&history, event, now), expected, "{event:?}");
    }
}

#[test]
fn five_soft_bounces_within_thirty_days_ask_and_a_probe_that_comes_back_decides() {
    check_score(&[
        ("2018-07-01", "soft", "Counted"),
        ("2018-07-02", "soft", "Counted"),
        ("2018-07-03", "soft", "Counted"),
        ("2018-07-04", "soft", "Counted"),
        ("2018-07-30", "soft", "Probe"),
        // Asked once, not at each further one.
        ("2018-07-30", "soft", "Counted"),
        ("2018-08-01", "soft", "Counted"),
        ("2018-08-02", "probe failed", "Suppress(Soft)"),
    ]);
}

#[test]
fn a_soft_bounce_counts_for_thirty_days() {
    check_score(&[
        ("2018-07-01", "soft", "Counted"),
        ("2018-07-02", "soft", "Counted"),
        ("2018-07-03", "soft", "Counted"),
        ("2018-07-04", "soft", "Counted"),
        ("2018-07-31", "soft", "Counted"),
        ("2018-08-01", "soft", "Counted"),
    ]);
}

#[test]
fn after_a_probe_that_arrived_it_is_counted_anew() {
    check_score(&[
        ("2018-07-01", "soft", "Counted"),
        ("2018-07-02", "soft", "Counted"),
        ("2018-07-03", "soft", "Counted"),
        ("2018-07-04", "soft", "Counted"),
        ("2018-07-05", "soft", "Probe"),
        ("2018-07-12", "soft", "Counted"),
        ("2018-07-13", "soft", "Counted"),
        ("2018-07-14", "soft", "Counted"),
        ("2018-07-15", "soft", "Counted"),
        ("2018-07-16", "soft", "Probe"),
    ]);
}

#[test]
fn a_probe_that_nobody_sent_cannot_come_back_and_one_that_arrived_neither() {
    check_score(&[("2018-07-01", "probe failed", "Counted")]);
    check_score(&[
        ("2018-07-01", "soft", "Counted"),
        ("2018-07-02", "soft", "Counted"),
        ("2018-07-03", "soft", "Counted"),
        ("2018-07-04", "soft", "Counted"),
        ("2018-07-05", "soft", "Probe"),
        ("2018-07-12", "probe failed", "Counted"),
    ]);
}

#[test]
fn a_million_bytes_of_messages_within_messages_are_read_without_descending() {
    let nested = |piece: &str| piece.repeat(MAX_BYTES / piece.len());
    let bombs = [
        nested("Content-Type: message/rfc822\n\n"),
        nested("Content-Type: multipart/digest; boundary=a\n\n--a\n\n"),
        nested("Content-Type: multipart/mixed; boundary=b\n\n--b\n"),
        format!("Content-Type: multipart/mixed; boundary=b\n\n{}", nested("--b\n\n\n")),
        nested("Content-Type: multipart/report; boundary=none\n\n"),
        format!("Content-Type: message/delivery-status\n\n{}", nested("Action: failed\n\n")),
        format!("Content-Type: message/delivery-status\n\nStatus: 5\n{}", nested(" .1.1\n")),
        format!("Subject:{}\n\n", nested(" =?utf-8?q?a?=\n")),
        nested("X: y\n"),
        nested("bounces+"),
        nested("https://notices.example.org/leave/"),
        nested(&format!("<{}@example.org>", "a".repeat(32))),
        nested("\0"),
    ];
    for bomb in bombs {
        let returned = read(bomb.as_bytes(), &OWN);
        assert_eq!(consequence(None, &returned, &key(), now()), Consequence::Nothing, "{}", &bomb[..40]);
    }
}

#[test]
fn of_a_message_that_is_too_long_the_beginning_is_read() {
    let mut message = sample("unknown-user", &key(), &SENT, EDITION);
    message.extend(std::iter::repeat_n(b'x', MAX_BYTES));
    assert!(matches!(read(&message, &OWN).said, Said::Bounced { class: Class::Hard, .. }));
}

proptest! {
    #[test]
    fn no_bytes_make_anybody_bounce(bytes in any::<Vec<u8>>()) {
        prop_assert_eq!(consequence(None, &read(&bytes, &OWN), &key(), now()), Consequence::Nothing);
    }

    #[test]
    fn a_sample_with_a_piece_taken_out_or_put_in_is_read_without_harm(
        which in 0_usize..1_000, from in any::<usize>(), length in 0_usize..80, put in any::<Vec<u8>>()
    ) {
        let names = ["unknown-user", "base64", "qmail", "complaint-by-mailto", "exim", "global"];
        let mut bytes = sample(names[which % names.len()], &key(), &SENT, EDITION);
        let from = from % bytes.len();
        let to = (from + length).min(bytes.len());
        bytes.splice(from..to, put);
        match consequence(Some(&To::ReturnPath(SENT)), &read(&bytes, &OWN), &key(), now()) {
            Consequence::Came { whose, .. } => {
                prop_assert_eq!(whose, handbill::returned::address::Whose::Errand(SENT));
            }
            Consequence::Nothing => {}
            Consequence::Leaves { .. } => panic!("nobody leaves by a return path"),
        }
    }

    #[test]
    fn an_errand_is_read_back(edition in 0_i64..1 << 40, recipient in 0_i64..1 << 48, which in 0..4) {
        let about = match which {
            0 => About::Edition(edition),
            1 => About::Leave(edition),
            2 => About::Letter,
            _ => About::Probe,
        };
        let errand = Errand { about, recipient };
        prop_assert_eq!(key().errand(&key().errand_token(&errand)), Some(errand));
    }

    #[test]
    fn no_text_that_was_not_sealed_is_an_errand(text in "[a-z2-7A-Z]{40}", other in any::<String>()) {
        prop_assert_eq!(key().errand(&text), None);
        prop_assert_eq!(key().errand(&other), None);
        let _ = key().suspect(&other);
    }

    #[test]
    fn a_score_never_grows_by_waiting(days in 0_i64..100, count in 0_usize..20) {
        let history = History { soft_at: vec![now(); count], ..History::default() };
        let (before, after) = (score(&history, now()), score(&history, now() + TimeDelta::days(days)));
        assert!(after <= before && before <= count);
    }
}
