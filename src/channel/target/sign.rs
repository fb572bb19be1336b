//! Sign: what proves to a receiver that a post is ours and whole.
//!
//! Pure, but for [`Secret::generate`]. Standard Webhooks 1.0.0, section "Signature scheme", symmetric `v1`.

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

/// What a secret's text begins with.
const PREFIX: &str = "whsec_";
/// Bytes of a secret: from 192 to 512 bits (Standard Webhooks 1.0.0).
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
/// Bytes of a new secret: as many as the hash has, more would add nothing.
const NEW_BYTES: usize = 32;
/// What a signature made with HMAC-SHA256 begins with.
const VERSION: &str = "v1";
/// Base64 with padding; some tools hand out secrets without it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A target's signing secret. Its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Secret {
    bytes: Vec<u8>,
    // Keyed once: `sign` clones the state instead of hashing the key again.
    keyed: Hmac<Sha256>,
}

/// Why a text is not a secret, or none could be made. No variant carries the text.
#[derive(Debug, Error)]
pub enum SecretError {
    /// Another prefix: perhaps a key for `v1a`.
    #[error("a signing secret begins with whsec_")]
    Prefix,
    /// What follows the prefix is not base64.
    #[error("a signing secret is whsec_ and then base64")]
    Base64,
    /// Too short to be safe, or longer than receivers accept.
    #[error("a signing secret has 24 to 64 bytes, this one has {0}")]
    Length(usize),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random(#[from] getrandom::Error),
}

impl Secret {
    /// Reads `whsec_` and the base64 of 24 to 64 bytes.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(SecretError::Prefix)?;
        Self::from_bytes(BASE64.decode(encoded).map_err(|_| SecretError::Base64)?)
    }

    /// A new secret of 32 random bytes; one for each target, never shared.
    pub fn generate() -> Result<Self, SecretError> {
        let mut bytes = vec![0; NEW_BYTES];
        getrandom::fill(&mut bytes)?;
        Self::from_bytes(bytes)
    }

    /// The text that [`Secret::parse`] reads: for the configuration and for the receiver, never for a log.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", BASE64.encode(&self.bytes))
    }

    fn from_bytes(bytes: Vec<u8>) -> Result<Self, SecretError> {
        if !LENGTHS.contains(&bytes.len()) {
            return Err(SecretError::Length(bytes.len()));
        }
        let keyed = Hmac::new_from_slice(&bytes).map_err(|_| SecretError::Length(bytes.len()))?;
        Ok(Self { bytes, keyed })
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.keyed.clone();
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The `webhook-signature` header: one `v1,<base64>` for each secret, separated by spaces.
///
/// `timestamp` is the time of this attempt, not of the event. During a rotation the new and the old secret both
/// sign, so that a receiver can change at any moment of it.
pub fn sign(secrets: &[Secret], id: &str, timestamp: DateTime<Utc>, body: &[u8]) -> String {
    let timestamp = timestamp.timestamp().to_string();
    let signatures: Vec<String> = secrets
        .iter()
        .map(|secret| secret.mac(id, &timestamp, body).finalize().into_bytes())
        .map(|bytes| format!("{VERSION},{}", BASE64.encode(bytes)))
        .collect();
    signatures.join(" ")
}

/// The three headers of a post, as they came.
#[derive(Debug, Clone, Copy)]
pub struct Headers<'a> {
    /// `webhook-id`.
    pub id: &'a str,
    /// `webhook-timestamp`: seconds since 1970.
    pub timestamp: &'a str,
    /// `webhook-signature`.
    pub signature: &'a str,
}

/// Why a receiver should not believe a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unverified {
    /// An id with a full stop could move bytes between the id and the timestamp.
    #[error("webhook-id is empty or holds a full stop")]
    Id,
    /// Not a whole number of seconds.
    #[error("webhook-timestamp is not a number of seconds")]
    Timestamp,
    /// Outside the tolerance: perhaps an old post, sent again by somebody else.
    #[error("webhook-timestamp is too far from now")]
    Time,
    /// No signature of a known version matches.
    #[error("no signature matches")]
    Signature,
}

/// Checks a post as a receiver does: its time is within `tolerance_seconds` of `now`, and one of its signatures
/// was made with one of `secrets`. Signatures are compared in constant time; unknown versions are skipped.
pub fn verify(
    secrets: &[Secret],
    headers: Headers<'_>,
    body: &[u8],
    tolerance_seconds: u32,
    now: DateTime<Utc>,
) -> Result<(), Unverified> {
    if !is_id(headers.id) {
        return Err(Unverified::Id);
    }
    let seconds: i64 = headers.timestamp.parse().map_err(|_| Unverified::Timestamp)?;
    if seconds.abs_diff(now.timestamp()) > u64::from(tolerance_seconds) {
        return Err(Unverified::Time);
    }
    let is_ours = |signature: &[u8]| {
        secrets
            .iter()
            .any(|secret| secret.mac(headers.id, headers.timestamp, body).verify_slice(signature).is_ok())
    };
    let signatures = headers.signature.split(' ').filter_map(|entry| entry.split_once(','));
    let mut known =
        signatures.filter(|(version, _)| *version == VERSION).flat_map(|(_, text)| BASE64.decode(text));
    if known.any(|signature| is_ours(&signature)) { Ok(()) } else { Err(Unverified::Signature) }
}

/// Whether a text can be a `webhook-id`: visible ASCII without a full stop.
pub fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.')
}
