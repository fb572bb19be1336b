//! Dkim: signatures on mails (RFC 6376) with RSA (RFC 8301) and Ed25519 (RFC 8463).
//!
//! Pure: the signatures follow from bytes, keys and time alone. RSASSA-PKCS1-v1_5 and Ed25519 draw no random
//! numbers, so a mail that is sent again is the same mail.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use memchr::memmem;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use thiserror::Error;

/// What signs the mails of one domain.
#[derive(Debug)]
pub struct Signer {
    domain: String,
    identity: String,
    keys: Vec<Key>,
}

/// A private key and the name under which its public half is published.
pub struct Key {
    selector: String,
    pair: Pair,
}

/// A TXT record to publish.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Record {
    /// `notices-rsa._domainkey.example.org`, without a dot at the end.
    pub name: String,
    /// `v=DKIM1; k=rsa; p=…`, in one piece.
    pub value: String,
}

/// Why a text is not a key to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadKey {
    /// Not PEM, encrypted, or damaged.
    #[error("it holds no unencrypted private key in PEM; `handbill dkim keygen` makes one")]
    Unreadable,
    /// Another kind of key than the config says.
    #[error("it holds a key of another kind than the config says")]
    Kind,
    /// RFC 8301 §3.2: signers use at least 2048 bits.
    #[error("its RSA key has {0} bits, 2048 to 4096 are taken")]
    Bits(usize),
}

enum Pair {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

// One more of these than the message has is signed, so that a second one in front voids the signature. The
// body's type is among them: another boundary would show another body. RFC 8058 §4 asks for both List-Unsubscribe
// fields, and Gmail heeds Feedback-ID only when it is signed.
const SEALED: [&str; 11] = [
    "from",
    "reply-to",
    "subject",
    "date",
    "to",
    "cc",
    "message-id",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "mime-version",
    "content-type",
];
// Signed as often as they stand: a list that passes a mail on may add its own.
const SIGNED: [&str; 6] =
    ["in-reply-to", "references", "list-id", "list-archive", "feedback-id", "auto-submitted"];

// RFC 5322 §2.1.1 recommends 78 with the line end.
const LINE: usize = 76;

// RFC 1035 §3.3: a character-string has at most 255 bytes.
const STRING_BYTES: usize = 255;

impl Signer {
    /// A signer with `d=domain` and `i=@from_domain`: the domain of From, which is `domain` or stands below it.
    /// With several keys each mail has a signature by each.
    pub fn new(domain: String, from_domain: &str, keys: Vec<Key>) -> Self {
        Self { domain, identity: format!("@{from_domain}"), keys }
    }

    /// Puts a signature by each key in front of a whole message: relaxed/relaxed, `t=` is `at`, no `l=`, no `x=`.
    /// The message has CRLF line ends, as it goes over the wire before dots are doubled.
    pub fn sign(&self, message: &mut Vec<u8>, at: DateTime<Utc>) {
        let (head, body) = split(message);
        let fields = fields(head);
        let (names, mut covered) = cover(&fields);
        let body_hash = STANDARD.encode(digest(&SHA256, &relaxed_body(body)));
        let covered_bytes = covered.len();
        let mut signatures = Vec::with_capacity(self.keys.len() * 1024);
        for key in &self.keys {
            let field = self.field(key, &names, &body_hash, at);
            relaxed_field(&mut covered, field.as_bytes());
            // A key that signed when it was read fails only without memory; the other signature still stands.
            if let Ok(signature) = key.pair.sign(&covered) {
                signatures.extend_from_slice(field.as_bytes());
                write_signature(&mut signatures, &signature);
            }
            covered.truncate(covered_bytes);
        }
        message.splice(..0, signatures);
    }

    /// What has to be published for these signatures, a record for each key.
    pub fn records(&self) -> Vec<Record> {
        self.keys.iter().map(|key| key.record(&self.domain)).collect()
    }

    // The field without its signature and line end, folded.
    fn field(&self, key: &Key, names: &[&str], body_hash: &str, at: DateTime<Utc>) -> String {
        let mut field = format!(
            "DKIM-Signature: v=1; a={}; c=relaxed/relaxed; t={};\r\n d={}; i={};\r\n s={};\r\n h=",
            key.pair.algorithm(),
            at.timestamp(),
            self.domain,
            self.identity,
            key.selector
        );
        let mut column = 3;
        for (number, name) in names.iter().enumerate() {
            if number > 0 {
                field.push(':');
                column += 1;
                if column + name.len() > LINE {
                    field.push_str("\r\n  ");
                    column = 2;
                }
            }
            field.push_str(name);
            column += name.len();
        }
        field.push_str(&format!(";\r\n bh={body_hash};\r\n b="));
        field
    }
}

impl Key {
    /// An RSA key of 2048 to 4096 bits in PEM, PKCS#8 or PKCS#1.
    pub fn rsa(selector: &str, pem: &str) -> Result<Self, BadKey> {
        let (der, is_pkcs8) = match &read_pem(pem)? {
            PrivateKeyDer::Pkcs8(der) => (der.secret_pkcs8_der().to_vec(), true),
            PrivateKeyDer::Pkcs1(der) => (der.secret_pkcs1_der().to_vec(), false),
            PrivateKeyDer::Sec1(_) | _ => return Err(BadKey::Kind),
        };
        let pair = if is_pkcs8 { RsaKeyPair::from_pkcs8(&der) } else { RsaKeyPair::from_der(&der) };
        let other = || Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).is_ok();
        let pair = pair.map_err(|_| if other() { BadKey::Kind } else { BadKey::Unreadable })?;
        let bits = pair.public_modulus_len() * 8;
        if !(2048..=4096).contains(&bits) {
            return Err(BadKey::Bits(bits));
        }
        Self::tried(selector, Pair::Rsa(pair))
    }

    /// An Ed25519 key in PEM, PKCS#8.
    pub fn ed25519(selector: &str, pem: &str) -> Result<Self, BadKey> {
        let PrivateKeyDer::Pkcs8(der) = read_pem(pem)? else { return Err(BadKey::Kind) };
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).map_err(|_| {
            if RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).is_ok() {
                BadKey::Kind
            } else {
                BadKey::Unreadable
            }
        })?;
        Self::tried(selector, Pair::Ed25519(pair))
    }

    /// What has to be published under `domain`.
    pub fn record(&self, domain: &str) -> Record {
        let name = format!("{}._domainkey.{domain}", self.selector);
        let value = match &self.pair {
            Pair::Rsa(pair) => {
                let key = pair.public_key().as_der();
                // A key that was read can be written.
                let key = key.map(|key| STANDARD.encode(key.as_ref())).unwrap_or_default();
                format!("v=DKIM1; k=rsa; p={key}")
            }
            Pair::Ed25519(pair) => format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode(pair.public_key())),
        };
        Record { name, value }
    }

    // Whatever is wrong with a key shows at the start and not at the first mail.
    fn tried(selector: &str, pair: Pair) -> Result<Self, BadKey> {
        match pair.sign(b"a trial") {
            Ok(_) => Ok(Self { selector: selector.to_owned(), pair }),
            Err(Unspecified) => Err(BadKey::Unreadable),
        }
    }
}

// The private half never shows.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("selector", &self.selector).finish_non_exhaustive()
    }
}

impl Pair {
    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa-sha256",
            Self::Ed25519(_) => "ed25519-sha256",
        }
    }

    fn sign(&self, covered: &[u8]) -> Result<Vec<u8>, Unspecified> {
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                // The source of randomness is a part of the interface that this padding does not use.
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), covered, &mut signature)?;
                Ok(signature)
            }
            // RFC 8463 §3: the digest is what is signed.
            Self::Ed25519(pair) => Ok(pair.try_sign(digest(&SHA256, covered).as_ref())?.as_ref().to_vec()),
        }
    }
}

impl Record {
    /// A line of a zone file, its value in strings of at most 255 bytes (RFC 1035 §5.1).
    pub fn zone_line(&self) -> String {
        let strings: Vec<String> = self.strings().iter().map(|string| format!("\"{string}\"")).collect();
        format!("{}. IN TXT ( {} )", self.name, strings.join(" "))
    }

    /// The value in strings of at most 255 bytes; a reader joins them with nothing between (RFC 6376 §3.6.2.2).
    pub fn strings(&self) -> Vec<&str> {
        let (mut strings, mut rest) = (Vec::new(), self.value.as_str());
        while rest.len() > STRING_BYTES {
            // The value is ASCII: base64, names and signs.
            let (string, after) = rest.split_at(rest.floor_char_boundary(STRING_BYTES));
            strings.push(string);
            rest = after;
        }
        strings.push(rest);
        strings
    }
}

fn read_pem(pem: &str) -> Result<PrivateKeyDer<'static>, BadKey> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| BadKey::Unreadable)
}

fn split(message: &[u8]) -> (&[u8], &[u8]) {
    match memmem::find(message, b"\r\n\r\n") {
        Some(at) => (&message[..at + 2], &message[at + 4..]),
        None => (message, b""),
    }
}

// Each field whole, with its name in lower case.
fn fields(head: &[u8]) -> Vec<(String, &[u8])> {
    let mut fields = Vec::new();
    let mut from = 0;
    for end in memmem::find_iter(head, b"\r\n").map(|at| at + 2) {
        if matches!(head.get(end), Some(b' ' | b'\t')) {
            continue;
        }
        let field = &head[from..end];
        let name = field.split(|byte| *byte == b':').next().unwrap_or_default();
        fields.push((String::from_utf8_lossy(name).trim().to_ascii_lowercase(), field));
        from = end;
    }
    fields
}

// The names of h=, and the fields that they cover in canonical form. Of several of one name the last is taken
// first (RFC 6376 §5.4.2); a name beyond the last one covers nothing.
fn cover(fields: &[(String, &[u8])]) -> (Vec<&'static str>, Vec<u8>) {
    let (mut names, mut covered) = (Vec::new(), Vec::with_capacity(2048));
    let sealed = SEALED.iter().map(|name| (*name, true));
    for (name, is_sealed) in sealed.chain(SIGNED.iter().map(|name| (*name, false))) {
        for (_, field) in fields.iter().rev().filter(|(other, _)| other == name) {
            names.push(name);
            relaxed_field(&mut covered, field);
            covered.extend_from_slice(b"\r\n");
        }
        if is_sealed {
            names.push(name);
        }
    }
    (names, covered)
}

// RFC 6376 §3.4.2, without the line end.
fn relaxed_field(out: &mut Vec<u8>, field: &[u8]) {
    let colon = memchr::memchr(b':', field).unwrap_or(field.len());
    let (name, value) = field.split_at(colon);
    out.extend(name.trim_ascii().to_ascii_lowercase());
    out.push(b':');
    let words = value.get(1..).unwrap_or_default().split(|byte| byte.is_ascii_whitespace());
    for (number, word) in words.filter(|word| !word.is_empty()).enumerate() {
        if number > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

// RFC 6376 §3.4.4.
fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 2);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\r\n").unwrap_or(line);
        relaxed_line(&mut out, text);
        out.extend_from_slice(b"\r\n");
    }
    let mut end = out.len();
    while out[..end].ends_with(b"\r\n\r\n") {
        end -= 2;
    }
    out.truncate(if &out[..end] == b"\r\n" { 0 } else { end });
    out
}

fn relaxed_line(out: &mut Vec<u8>, line: &[u8]) {
    let is_space = |byte: u8| byte == b' ' || byte == b'\t';
    let end = line.iter().rposition(|byte| !is_space(*byte)).map_or(0, |at| at + 1);
    let line = &line[..end];
    // Almost every line of ours is canonical already.
    if memchr::memchr(b'\t', line).is_none() && memmem::find(line, b"  ").is_none() {
        out.extend_from_slice(line);
        return;
    }
    for (at, byte) in line.iter().enumerate() {
        if !is_space(*byte) {
            out.push(*byte);
        } else if at == 0 || !is_space(line[at - 1]) {
            out.push(b' ');
        }
    }
}

fn write_signature(out: &mut Vec<u8>, signature: &[u8]) {
    let encoded = STANDARD.encode(signature);
    // The first line begins with ` b=`, the others with a space.
    let (first, rest) = encoded.as_bytes().split_at(encoded.len().min(LINE - 4));
    out.extend_from_slice(first);
    for line in rest.chunks(LINE - 1) {
        out.extend_from_slice(b"\r\n ");
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b"\r\n");
}
