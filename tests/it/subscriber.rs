//! Subscriber: sealed addresses, signed tokens, ids that tell nothing.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use handbill::subscriber::{
    Address, Caps, Claim, Confirmations, Event, Key, Pass, Purpose, Reply, Sealed, Standing, Suppression,
    may_confirm, step,
};
use proptest::prelude::{any, prop_assert_eq, proptest};

use crate::plan::at;

const SECRET: [u8; 32] = [7; 32];
const NONCE: [u8; 24] = [1; 24];

fn key() -> Key {
    Key::from_bytes(&SECRET)
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn claim() -> Claim {
    Claim {
        purpose: Purpose::Leave,
        subscriber: 4_711,
        list: "alerts".to_owned(),
        expires_at: at("2018-07-08T22:00Z"),
    }
}

// What an address becomes; none when no mail can go there.
fn check(text: &str, expected: Option<&str>) {
    assert_eq!(Address::parse(text).as_ref().map(Address::as_str), expected, "{text:?}");
}

#[test]
fn an_address_is_compared_with_its_domain_in_lower_case() {
    check("ada@example.org", Some("ada@example.org"));
    check("  Ada.L+notices@Example.ORG\n", Some("Ada.L+notices@example.org"));
    check("käthe@example.org", Some("käthe@example.org"));
}

#[test]
fn what_is_no_address_is_refused() {
    let bad = ["", "@", "ada", "ada@", "@example.org", "ada@exa mple.org", "ada b@example.org"];
    let injections = [
        "ada@example.org\r\nBcc: all@example.org",
        "ada\r\n@example.org",
        "ada@example.org\0",
        "ada\t@example.org",
    ];
    for text in bad.iter().chain(&injections) {
        check(text, None);
    }
    check(&format!("{}@example.org", "a".repeat(300)), None);
    check("<ada@example.org>", None);
    check("ada@example.org, bela@example.org", None);
}

#[test]
fn one_person_is_found_however_they_write_their_address() {
    let lookup = key().lookup(&address("ada@example.org"));
    assert_eq!(key().lookup(&address("Ada@EXAMPLE.org ")), lookup);
    assert_ne!(key().lookup(&address("ada@example.com")), lookup);
    assert_ne!(Key::from_bytes(&[8; 32]).lookup(&address("ada@example.org")), lookup);
}

#[test]
fn a_sealed_address_opens_with_its_key_in_its_row_and_nowhere_else() {
    let (key, ada) = (key(), address("Ada@example.org"));
    let (lookup, sealed) = (key.lookup(&ada), key.seal(&ada, NONCE));
    assert_eq!(key.open(&lookup, &sealed), Ok(ada.clone()));
    assert_eq!(Key::from_bytes(&[8; 32]).open(&lookup, &sealed), Err(Sealed::Shut));
    let other = key.lookup(&address("bela@example.org"));
    assert_eq!(key.open(&other, &sealed), Err(Sealed::Shut), "moved to another's row");
    for length in 0..sealed.len() {
        assert_eq!(key.open(&lookup, &sealed[..length]), Err(Sealed::Shut), "cut off at {length}");
    }
    for bit in 0..sealed.len() * 8 {
        let mut bent = sealed.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(key.open(&lookup, &bent), Err(Sealed::Shut), "bit {bit}");
    }
}

#[test]
fn a_sealed_address_shows_nothing_and_never_looks_the_same_twice() {
    let (key, ada) = (key(), address("ada@example.org"));
    let sealed = key.seal(&ada, NONCE);
    assert_eq!(sealed.len(), 24 + ada.as_str().len() + 16);
    assert!(!sealed.windows(3).any(|window| window == b"ada" || window == b"org"));
    assert_ne!(key.seal(&ada, [2; 24])[24..], sealed[24..]);
}

#[test]
fn neither_an_address_nor_a_key_can_be_logged() {
    assert_eq!(format!("{:?} {:?}", address("ada@example.org"), key()), "<address> <key>");
}

#[test]
fn a_token_says_what_was_signed_until_it_expires() {
    let (key, claim) = (key(), claim());
    let token = key.token(&claim);
    assert!(
        token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'),
        "{token}"
    );
    let last = claim.expires_at - TimeDelta::seconds(1);
    assert_eq!(key.claim(&token, Purpose::Leave, last), Some(claim.clone()));
    assert_eq!(key.claim(&token, Purpose::Leave, claim.expires_at), None);
    assert_eq!(key.claim(&token, Purpose::Preferences, last), None, "for another purpose");
    assert_eq!(Key::from_bytes(&[8; 32]).claim(&token, Purpose::Leave, last), None, "of another key");
    let nowhere = Claim { list: String::new(), purpose: Purpose::Preferences, ..claim };
    assert_eq!(key.claim(&key.token(&nowhere), Purpose::Preferences, last), Some(nowhere));
}

#[test]
fn a_token_that_was_changed_anywhere_is_refused() {
    let (key, now) = (key(), at("2018-07-01T00:00Z"));
    let token = key.token(&claim());
    let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut bent = bytes.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        for purpose in [Purpose::Leave, Purpose::Preferences] {
            assert_eq!(key.claim(&URL_SAFE_NO_PAD.encode(&bent), purpose, now), None, "bit {bit}");
        }
    }
    for length in 0..token.len() {
        assert_eq!(key.claim(&token[..length], Purpose::Leave, now), None, "cut off at {length}");
    }
    for more in ["A", "AA", "AAAA", "=", " ", "\n"] {
        assert_eq!(key.claim(&format!("{token}{more}"), Purpose::Leave, now), None, "{more:?}");
    }
}

#[test]
fn no_letter_of_a_token_can_be_another() {
    // Base64 has spare bits at the end: a second spelling of one token would pass a list of used ones.
    let (key, now) = (key(), at("2018-07-01T00:00Z"));
    for list in ["a", "ab", "abc"] {
        let token = key.token(&Claim { list: list.to_owned(), ..claim() });
        for (index, letter) in token.char_indices() {
            for other in ('A'..='z').filter(|other| *other != letter) {
                let mut bent = token.clone();
                bent.replace_range(index..=index, &other.to_string());
                assert_eq!(key.claim(&bent, Purpose::Leave, now), None, "{other} at {index}");
            }
        }
    }
}

#[test]
fn a_message_id_is_the_same_at_every_try_and_another_for_each_edition_and_recipient() {
    let id = |edition: &str, recipient| key().message_id(edition, recipient);
    assert_eq!(id("alert/alerts/march", 1), id("alert/alerts/march", 1));
    let editions = ["alert/alerts/march", "alert/alerts/march1", "alert/alerts/rally", ""];
    let ids: BTreeSet<String> =
        editions.iter().flat_map(|edition| (0..100).map(|recipient| id(edition, recipient))).collect();
    assert_eq!(ids.len(), 400);
    assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
    assert!(!ids.contains(&Key::from_bytes(&[8; 32]).message_id("alert/alerts/march", 1)));
}

proptest! {
    #[test]
    fn no_text_that_was_not_signed_is_ever_a_token(text in any::<String>(), bytes in any::<Vec<u8>>()) {
        for token in [text, URL_SAFE_NO_PAD.encode(&bytes)] {
            for purpose in [Purpose::Leave, Purpose::Preferences] {
                prop_assert_eq!(key().claim(&token, purpose, at("2018-07-01T00:00Z")), None);
            }
            prop_assert_eq!(key().pass(&token), None);
        }
    }

    #[test]
    fn no_bytes_that_were_not_sealed_ever_open(lookup in any::<Vec<u8>>(), sealed in any::<Vec<u8>>()) {
        prop_assert_eq!(key().open(&lookup, &sealed), Err(Sealed::Shut));
    }

    #[test]
    fn what_is_signed_is_read_back(subscriber in any::<i64>(), list in any::<String>(), seconds in 1_i64..4_000_000_000) {
        let now = at("2018-07-01T00:00Z");
        let signed = Claim { subscriber, list, expires_at: now + TimeDelta::seconds(seconds), ..claim() };
        prop_assert_eq!(key().claim(&key().token(&signed), Purpose::Leave, now), Some(signed));
    }

    #[test]
    fn a_journalists_link_says_which_notice_and_until_when_and_is_of_no_other_use(
        notice in any::<String>(), seconds in 0_i64..4_000_000_000, other in 0_i64..4_000_000_000
    ) {
        let now = at("1970-01-01T00:00Z");
        let pass = |seconds| Pass { notice: notice.clone(), until: now + TimeDelta::seconds(seconds) };
        let token = key().pass_token(&pass(seconds));
        prop_assert_eq!(key().pass(&token), Some(pass(seconds)));
        prop_assert_eq!(Key::from_bytes(&[8; 32]).pass(&token), None);
        prop_assert_eq!(token == key().pass_token(&pass(other)), seconds == other);
        for purpose in [Purpose::Leave, Purpose::Preferences, Purpose::Confirm, Purpose::Stay] {
            prop_assert_eq!(key().claim(&token, purpose, now), None);
            let list = notice.clone();
            let claim = Claim { purpose, subscriber: 0, list, expires_at: now + TimeDelta::seconds(seconds) };
            prop_assert_eq!(key().pass(&key().token(&claim)), None);
        }
    }

    #[test]
    fn reading_an_address_never_panics(text in any::<String>()) {
        if let Some(address) = Address::parse(&text) {
            prop_assert_eq!(Address::parse(address.as_str()), Some(address));
        }
    }
}

// Where an address stands after an event, and what its owner is written; `.` is where it stood, without a mail.
fn check_row(standing: Standing, expected: &str) {
    const EVENTS: [Event; 8] = [
        Event::Asked,
        Event::Confirmed,
        Event::Left,
        Event::Erased,
        Event::Bounced,
        Event::Complained,
        Event::Expired,
        Event::Lifted,
    ];
    let now = at("2018-07-31T00:00Z");
    let words: Vec<String> = EVENTS
        .into_iter()
        .map(|event| {
            let step = step(standing, event, now);
            let to = match step.standing {
                same if same == standing => ".",
                Standing::Pending => "pending",
                Standing::Confirmed => "confirmed",
                Standing::Unsubscribed => "unsubscribed",
                Standing::Suppressed(Suppression::Bounced { at }) => {
                    assert_eq!(at, now);
                    "bounced"
                }
                Standing::Suppressed(Suppression::Complained) => "complained",
            };
            match step.mail {
                None => to.to_owned(),
                Some(Reply::Confirmation) => format!("{to}+confirmation"),
                Some(Reply::Welcome) => format!("{to}+welcome"),
            }
        })
        .collect();
    assert_eq!(words.join(" "), expected, "{standing:?}");
}

#[test]
fn every_event_leads_from_every_standing_where_the_table_says() {
    let bounced = |on| Standing::Suppressed(Suppression::Bounced { at: at(on) });
    check_row(Standing::Unsubscribed, "pending+confirmation . . . . complained . .");
    check_row(
        Standing::Pending,
        ".+confirmation confirmed+welcome unsubscribed unsubscribed bounced complained unsubscribed .",
    );
    check_row(
        Standing::Confirmed,
        ".+confirmation .+welcome unsubscribed unsubscribed bounced complained . .",
    );
    check_row(bounced("2018-07-01T00:00:01Z"), ". . . . bounced complained . unsubscribed");
    check_row(bounced("2018-07-01T00:00Z"), "pending+confirmation . . . bounced complained . unsubscribed");
    check_row(Standing::Suppressed(Suppression::Complained), ". . . . . . . unsubscribed");
}

#[test]
fn a_confirmation_goes_out_only_within_every_cap() {
    let caps = Caps { per_hour: 10, per_domain_per_hour: 5 };
    let most = Confirmations { to_person: 0, to_person_lately: 2, to_domain: 4, to_all: 9 };
    assert!(may_confirm(&caps, &most));
    for over in [
        Confirmations { to_person: 1, ..most },
        Confirmations { to_person_lately: 3, ..most },
        Confirmations { to_domain: 5, ..most },
        Confirmations { to_all: 10, ..most },
    ] {
        assert!(!may_confirm(&caps, &over), "{over:?}");
    }
}

#[test]
fn the_addresses_of_one_domain_are_counted_together_without_naming_it() {
    let domain = |text: &str| key().domain(&address(text));
    assert_eq!(domain("ada@example.org"), domain("Bela@EXAMPLE.org"));
    assert_ne!(domain("ada@example.org"), domain("ada@mail.example.org"));
    assert_ne!(domain("ada@example.org"), key().lookup(&address("ada@example.org")));
}
