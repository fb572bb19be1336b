//! Sign.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use handbill::channel::target::sign::{Headers, Secret, SecretError, Unverified, is_id, sign, verify};
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

const TOLERANCE_SECONDS: u32 = 300;

fn now() -> DateTime<Utc> {
    "2018-07-08T22:00:00Z".parse().unwrap()
}

fn secret(byte: u8, length: usize) -> Secret {
    Secret::parse(&format!("whsec_{}", STANDARD.encode(vec![byte; length]))).unwrap()
}

fn check(signature: &str, seconds: i64, expected: Result<(), Unverified>) {
    let timestamp = (now().timestamp() + seconds).to_string();
    let headers = Headers { id: "n1", timestamp: &timestamp, signature };
    assert_eq!(
        verify(&[secret(1, 24)], headers, b"{}", TOLERANCE_SECONDS, now()),
        expected,
        "{signature} {seconds}"
    );
}

// The example that the specification's own libraries are tested with.
#[test]
fn a_signature_is_the_one_that_the_standard_gives_as_an_example() {
    let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let at = DateTime::from_timestamp(1_614_265_330, 0).unwrap();
    let signature = sign(&[secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#);
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[test]
fn a_secret_has_24_to_64_bytes_and_its_prefix() {
    let parse = |text: &str| Secret::parse(text).map_err(|error| error.to_string());
    let text = |length: usize| format!("whsec_{}", STANDARD.encode(vec![7; length]));
    for length in [24, 25, 32, 64] {
        assert_eq!(parse(&text(length)).unwrap().reveal(), text(length));
        assert_eq!(parse(text(length).trim_end_matches('=')).unwrap().reveal(), text(length));
    }
    for length in [0, 23, 65] {
        assert!(matches!(Secret::parse(&text(length)), Err(SecretError::Length(found)) if found == length));
    }
    assert!(matches!(Secret::parse(&text(24).replace("whsec_", "whsk_")), Err(SecretError::Prefix)));
    assert!(matches!(Secret::parse("whsec_not base64"), Err(SecretError::Base64)));
}

#[test]
fn a_new_secret_is_another_one_each_time_and_can_be_read_again() {
    let (one, two) = (Secret::generate().unwrap(), Secret::generate().unwrap());
    assert_ne!(one.reveal(), two.reveal());
    assert_eq!(Secret::parse(&one.reveal()).unwrap().reveal(), one.reveal());
}

#[test]
fn nothing_of_a_secret_is_in_its_debug_or_its_errors() {
    assert_eq!(format!("{:?}", Secret::generate().unwrap()), "Secret(…)");
    for text in ["hunter2hunter2hunter2", "whsec_hunter2!", "whsec_aHVudGVyMg=="] {
        let error = Secret::parse(text).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVy"), "{shown}");
    }
}

#[test]
fn during_a_rotation_either_secret_verifies() {
    let secrets = [secret(1, 24), secret(2, 32)];
    let signature = sign(&secrets, "n1", now(), b"{}");
    assert_eq!(signature.split(' ').count(), 2);
    let timestamp = now().timestamp().to_string();
    let headers = Headers { id: "n1", timestamp: &timestamp, signature: &signature };
    for secret in secrets {
        assert_eq!(verify(&[secret], headers, b"{}", TOLERANCE_SECONDS, now()), Ok(()));
    }
    assert_eq!(
        verify(&[secret(3, 24)], headers, b"{}", TOLERANCE_SECONDS, now()),
        Err(Unverified::Signature)
    );
}

#[test]
fn a_post_is_believed_for_the_tolerance_and_no_longer() {
    for (seconds, expected) in [
        (0, Ok(())),
        (300, Ok(())),
        (-300, Ok(())),
        (301, Err(Unverified::Time)),
        (-301, Err(Unverified::Time)),
    ] {
        let at = now() + TimeDelta::seconds(seconds);
        check(&sign(&[secret(1, 24)], "n1", at, b"{}"), seconds, expected);
    }
}

#[test]
fn unknown_versions_are_skipped_and_never_believed() {
    let good = sign(&[secret(1, 24)], "n1", now(), b"{}");
    check(&format!("v1a,AAAA v2 nonsense , {good}"), 0, Ok(()));
    check(&good.replace("v1,", "v1a,"), 0, Err(Unverified::Signature));
    for signature in ["", "v1", "v1,", "v1,AAAA", "v1,%%%", " "] {
        check(signature, 0, Err(Unverified::Signature));
    }
}

#[test]
fn an_id_with_a_full_stop_is_neither_sent_nor_believed() {
    for id in ["", "a.b", "a b", "a\nb", "ü"] {
        assert!(!is_id(id), "{id:?}");
    }
    assert!(is_id("alert_abolish-ice/0"));
    let signature = sign(&[secret(1, 24)], "a.b", now(), b"{}");
    let timestamp = now().timestamp().to_string();
    let headers = Headers { id: "a.b", timestamp: &timestamp, signature: &signature };
    assert_eq!(verify(&[secret(1, 24)], headers, b"{}", TOLERANCE_SECONDS, now()), Err(Unverified::Id));
    let headers = Headers { id: "ab", timestamp: "soon", signature: &signature };
    assert_eq!(
        verify(&[secret(1, 24)], headers, b"{}", TOLERANCE_SECONDS, now()),
        Err(Unverified::Timestamp)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_is_signed_verifies_and_no_byte_of_it_can_change(
        key in proptest::collection::vec(any::<u8>(), 24..=64),
        id in "[a-zA-Z0-9_/-]{1,40}",
        body in proptest::collection::vec(any::<u8>(), 1..400),
        at in any::<proptest::sample::Index>(),
        flip in 1u8..,
    ) {

        let secret = Secret::parse(&format!("whsec_{}", STANDARD.encode(key))).unwrap();
        let secrets = [secret];
        let signature = sign(&secrets, &id, now(), &body);
        let timestamp = now().timestamp().to_string();
        let verdict = |id: &str, timestamp: &str, signature: &str, body: &[u8]| {
            verify(&secrets, Headers { id, timestamp, signature }, body, TOLERANCE_SECONDS, now())
        };
        prop_assert_eq!(verdict(&id, &timestamp, &signature, &body), Ok(()));

        let mut changed = body.clone();
        changed[at.index(body.len())] ^= flip;
        prop_assert_eq!(verdict(&id, &timestamp, &signature, &changed), Err(Unverified::Signature));
        prop_assert_eq!(verdict(&id, &timestamp, &signature, &body[1..]), Err(Unverified::Signature));

        let mut other_id = id.clone().into_bytes();
        let place = at.index(other_id.len());
        other_id[place] = if other_id[place] == b'x' { b'y' } else { b'x' };
        let other_id = String::from_utf8(other_id).unwrap();
        prop_assert_eq!(verdict(&other_id, &timestamp, &signature, &body), Err(Unverified::Signature));

        let later = (now().timestamp() + i64::from(flip)).to_string();
        prop_assert_eq!(verdict(&id, &later, &signature, &body), Err(Unverified::Signature));

        let mut forged = STANDARD.decode(&signature[3..]).unwrap();
        forged[at.index(32)] ^= flip;
        let forged = format!("v1,{}", STANDARD.encode(forged));
        prop_assert_eq!(verdict(&id, &timestamp, &forged, &body), Err(Unverified::Signature));
    }
}
