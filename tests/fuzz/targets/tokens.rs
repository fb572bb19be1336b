//! Tokens: nothing that was not signed opens, and nothing else panics.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use handbill::subscriber::{Address, Key, Purpose};

static KEY: LazyLock<Key> = LazyLock::new(|| Key::from_bytes(&[7; 32]));

/// Offers bytes as whatever has to be signed.
pub fn check(bytes: &[u8]) {
    let (key, now) = (&*KEY, DateTime::<Utc>::UNIX_EPOCH);
    let (lookup, sealed) = bytes.split_at(bytes.len().min(32));
    assert!(key.open(lookup, sealed).is_err());
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    assert_eq!(key.errand(text), None);
    assert_eq!(key.claim(text, Purpose::Leave, now), None);
    assert_eq!(key.claim(text, Purpose::Preferences, now), None);
    assert_eq!(key.pass(text), None);
    if let Some(suspect) = key.suspect(text) {
        // Not compared with the text: the fuzzer watches what is compared, and so learns the id that it then offers.
        assert_eq!(key.suspect(&key.message_id("alert/alerts/march", suspect)), Some(suspect));
    }
    if let Some(address) = Address::parse(text) {
        assert_eq!(Address::parse(address.as_str()), Some(address));
    }
}
