//! Certificate: until when a relay's certificate is good.
//!
//! Pure. The certificate has been verified by then, so only the way to one field is walked.

use chrono::{DateTime, NaiveDateTime, Utc};

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// `notAfter` of an X.509 certificate in DER (RFC 5280 §4.1).
pub fn ends_at(certificate: &[u8]) -> Option<DateTime<Utc>> {
    let (body, _) = element(certificate, SEQUENCE)?;
    let (mut rest, _) = element(body, SEQUENCE)?;
    // The version stands there unless it is the first.
    if let Some((_, after)) = element(rest, VERSION) {
        rest = after;
    }
    // Serial number, signature, issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, rest) = element(rest, tag)?;
    }
    let (validity, _) = element(rest, SEQUENCE)?;
    let (_, not_after) = time(validity)?;
    time(not_after).map(|(ends_at, _)| ends_at)
}

// RFC 5280 §4.1.2.5: in Zulu, with seconds; two digits of a year from 50 on are of the twentieth century.
fn time(der: &[u8]) -> Option<(DateTime<Utc>, &[u8])> {
    let (text, rest) = element(der, UTC_TIME).or_else(|| element(der, GENERALIZED_TIME))?;
    let text = std::str::from_utf8(text).ok()?;
    let text = match text.len() {
        13 if text.get(..2)? >= "50" => format!("19{text}"),
        13 => format!("20{text}"),
        _ => text.to_owned(),
    };
    let time = NaiveDateTime::parse_from_str(&text, "%Y%m%d%H%M%SZ").ok()?;
    Some((time.and_utc(), rest))
}

// The content of the element at the start, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    if first != tag {
        return None;
    }
    if length < 0x80 {
        return rest.split_at_checked(usize::from(length));
    }
    // Four bytes of length are more than any certificate has.
    let (bytes, rest) =
        rest.split_at_checked(usize::from(length & 0x7f)).filter(|(bytes, _)| bytes.len() <= 4)?;
    rest.split_at_checked(bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
}
