//! Subscriber: who gets it; addresses are sealed, tokens are signed.
//!
//! Pure: the nonce of a sealed address and the key are parameters.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// A subscriber's number in the ledger.
pub type SubscriberId = i64;

/// Where an address stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Asked for mail and has not confirmed.
    Pending,
    /// Gets mail.
    Confirmed,
    /// Left, was erased, or was never here: nobody knows more of them than a hash, or not even that.
    Unsubscribed,
    /// Must not get mail.
    Suppressed(Suppression),
}

/// Why an address must not get mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suppression {
    /// Mail to it bounced.
    Bounced {
        /// When it was given up.
        at: DateTime<Utc>,
    },
    /// Its owner complained.
    Complained,
}

/// What happens to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// Somebody asked for mail to it; whether its owner did, nobody knows yet.
    Asked,
    /// Its owner pressed the button of a confirmation.
    Confirmed,
    /// Its owner left the last list.
    Left,
    /// Its owner, or an operator for them, wants it forgotten.
    Erased,
    /// Mail to it bounces for good.
    Bounced,
    /// Its owner reported a mail as unwanted.
    Complained,
    /// A request was not confirmed in time.
    Expired,
    /// An operator takes a suppression back.
    Lifted,
}

/// What an event leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Where the address stands then.
    pub standing: Standing,
    /// What its owner is written, when the caps let it go.
    pub mail: Option<Reply>,
}

/// A mail to one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Asks whether it was them; to who is subscribed to all of it already it says that.
    Confirmation,
    /// Says what comes when.
    Welcome,
}

/// How many confirmations go out at most, beside those to one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// In an hour.
    pub per_hour: u32,
    /// In an hour to the addresses of one domain.
    pub per_domain_per_hour: u32,
}

/// Confirmations that went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Confirmations {
    /// To this address within `PERSON_SPAN`.
    pub to_person: u32,
    /// To this address within `PERSON_LONG_SPAN`.
    pub to_person_lately: u32,
    /// To this domain within `HOUR`.
    pub to_domain: u32,
    /// To anybody within `HOUR`.
    pub to_all: u32,
}

/// A request that nobody confirmed is forgotten after this.
pub const PENDING_LIFE: TimeDelta = TimeDelta::hours(48);

/// Whose mail bounced may be asked again after this: mailboxes come back, and people get old names anew.
pub const BOUNCE_REST: TimeDelta = TimeDelta::days(30);

/// One confirmation an address in this span.
pub const PERSON_SPAN: TimeDelta = TimeDelta::hours(24);

/// Three confirmations an address in this span: a stranger's joke ends after three mails.
pub const PERSON_LONG_SPAN: TimeDelta = TimeDelta::days(30);

/// The span of the caps of `Caps`.
pub const HOUR: TimeDelta = TimeDelta::hours(1);

const MOST_TO_PERSON: u32 = 1;
const MOST_TO_PERSON_LATELY: u32 = 3;

/// The table of what leads where. What is not in it changes nothing: an old link does not bring back who left, and
/// nobody is written who complained until an operator lifts that.
pub fn step(standing: Standing, event: Event, now: DateTime<Utc>) -> Step {
    use Event::{Asked, Bounced, Complained, Erased, Expired, Left, Lifted};
    use Standing::{Confirmed, Pending, Suppressed, Unsubscribed};
    use Suppression as Why;
    let (standing, mail) = match (standing, event) {
        (Unsubscribed | Pending, Asked) => (Pending, Some(Reply::Confirmation)),
        (Confirmed, Asked) => (Confirmed, Some(Reply::Confirmation)),
        (Suppressed(Why::Bounced { at }), Asked) if now - at >= BOUNCE_REST => {
            (Pending, Some(Reply::Confirmation))
        }
        (Pending | Confirmed, Event::Confirmed) => (Confirmed, Some(Reply::Welcome)),
        (Pending | Confirmed, Left | Erased) => (Unsubscribed, None),
        (Pending | Confirmed | Suppressed(Why::Bounced { .. }), Bounced) => {
            (Suppressed(Why::Bounced { at: now }), None)
        }
        (_, Complained) => (Suppressed(Why::Complained), None),
        (Pending, Expired) | (Suppressed(_), Lifted) => (Unsubscribed, None),
        (
            Pending | Confirmed | Unsubscribed | Suppressed(_),
            Asked | Event::Confirmed | Left | Erased | Bounced | Expired | Lifted,
        ) => (standing, None),
    };
    Step { standing, mail }
}

/// Whether one more confirmation may go out.
pub fn may_confirm(caps: &Caps, sent: &Confirmations) -> bool {
    sent.to_person < MOST_TO_PERSON
        && sent.to_person_lately < MOST_TO_PERSON_LATELY
        && sent.to_domain < caps.per_domain_per_hour
        && sent.to_all < caps.per_hour
}

/// A mail address in the form in which it is compared: the domain in lower case, no spaces around it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(String);

/// The key of an installation, and what is derived from it: 32 random bytes, outside the data folder.
#[derive(Clone)]
pub struct Key {
    // Seals, and opens first.
    seal: [u8; 32],
    // Opens what was sealed before the key was changed.
    older_seals: Vec<[u8; 32]>,
    // Keyed once: to key is half of the work on a text as short as these.
    lookup: Hmac<Sha256>,
    token: Hmac<Sha256>,
    message: Hmac<Sha256>,
    domain: Hmac<Sha256>,
    errand: Hmac<Sha256>,
}

/// What a token lets its holder do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Leave a list.
    Leave,
    /// See and change what is sent.
    Preferences,
    /// Confirm a request.
    Confirm,
    /// Stay on the lists.
    Stay,
    /// Read a notice before its embargo ends.
    Press,
}

impl Purpose {
    /// Where under the site its tokens are taken.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Leave => "leave",
            Self::Preferences => "preferences",
            Self::Confirm => "confirm",
            Self::Stay => "stay",
            Self::Press => "press",
        }
    }

    fn byte(self) -> u8 {
        match self {
            Self::Leave => b'l',
            Self::Preferences => b'p',
            Self::Confirm => b'c',
            Self::Stay => b's',
            Self::Press => b'j',
        }
    }
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What for.
    pub purpose: Purpose,
    /// Who.
    pub subscriber: SubscriberId,
    /// Which list, where that matters; to leave, none is all of them.
    pub list: String,
    /// Not after.
    pub expires_at: DateTime<Utc>,
}

/// What a journalist's link leads to: a notice whose embargo ends then. With another end it is another link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// The notice's id.
    pub notice: String,
    /// The end of its embargo, in whole seconds.
    pub until: DateTime<Utc>,
}

// A journalist's link is nobody's: whoever has it reads.
const NOBODY: SubscriberId = 0;

/// What a mail to one of our own addresses is about: the meaning of the token in that address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errand {
    /// Which mail of ours.
    pub about: About,
    /// Who got it.
    pub recipient: SubscriberId,
}

/// Which mail of ours a token in an address stands for. Editions are their numbers in the ledger, below 2^40.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum About {
    /// An edition came back.
    Edition(i64),
    /// A mail to this person alone came back: a confirmation, a welcome.
    Letter,
    /// The mail that asks whether an address still works came back.
    Probe,
    /// Its reader wants to leave the list of an edition.
    Leave(i64),
}

/// How long the token of an errand is, in letters and digits.
pub const ERRAND_TOKEN_BYTES: usize = 40;

/// Why a sealed address does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Sealed {
    /// Another key, another row, or changed bytes.
    #[error("a sealed address does not open with this key")]
    Shut,
}

impl Standing {
    /// As the ledger holds it.
    pub fn number(self) -> i64 {
        match self {
            Self::Pending => 0,
            Self::Confirmed => 1,
            Self::Unsubscribed => 2,
            Self::Suppressed(_) => 3,
        }
    }

    /// As people and files say it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Unsubscribed => "unsubscribed",
            Self::Suppressed(_) => "suppressed",
        }
    }
}

impl Address {
    /// The address, when it is one that mail can be sent to.
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.trim().rsplit_once('@')?;
        let address = format!("{local}@{}", domain.to_lowercase());
        let fits = address.len() <= 254 && !address.chars().any(|c| c.is_control() || c.is_whitespace());
        (fits && address.parse::<lettre::Address>().is_ok()).then_some(Self(address))
    }

    /// As text: for the envelope and the To line alone, never for a log.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// An address in a log or a panic would be a leak.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<address>")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<key>")
    }
}

impl Key {
    /// The key of 32 random bytes; each use has its own, derived by HMAC-SHA256.
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        let secret = hasher(secret);
        let derive = |label: &str| mac(&secret, &[label.as_bytes()]);
        Self {
            seal: derive("seal"),
            older_seals: Vec::new(),
            lookup: hasher(&derive("lookup")),
            token: hasher(&derive("token")),
            message: hasher(&derive("message")),
            domain: hasher(&derive("domain")),
            errand: hasher(&derive("errand")),
        }
    }

    /// The same key that seals with the first of `seals`; what the others sealed, and what it sealed itself,
    /// still opens. Hashes, tokens and Message-IDs stay as they are: links in old mails work on.
    pub fn sealing_with(mut self, seals: &[[u8; 32]]) -> Self {
        if let [newest, older @ ..] = seals {
            self.older_seals = older.to_vec();
            self.older_seals.push(std::mem::replace(&mut self.seal, *newest));
        }
        self
    }

    /// Numbers that tell the keys that it seals and opens with from others, the one that it seals with first. Nothing
    /// of a key follows from its number.
    pub fn seal_numbers(&self) -> impl Iterator<Item = i64> {
        let seals = std::iter::once(&self.seal).chain(&self.older_seals);
        seals.map(|seal| {
            let mac = mac(&hasher(seal), &[b"number"]);
            i64::from_be_bytes(std::array::from_fn(|index| mac[index]))
        })
    }

    /// What finds an address without opening any: HMAC-SHA256, 32 bytes.
    pub fn lookup(&self, address: &Address) -> [u8; 32] {
        // Few hosts tell letter cases of the local part apart, and nobody means two people by them.
        mac(&self.lookup, &[address.0.to_lowercase().as_bytes()])
    }

    /// What counts the addresses of one domain without naming it: HMAC-SHA256, 32 bytes.
    pub fn domain(&self, address: &Address) -> [u8; 32] {
        mac(&self.domain, &[address.0.rsplit('@').next().unwrap_or_default().as_bytes()])
    }

    /// What finds the address of a program without opening any, likewise: no address of a person begins with a NUL.
    pub fn callback(&self, url: &str) -> [u8; 32] {
        mac(&self.lookup, &[b"\0callback", url.as_bytes()])
    }

    /// What counts the programs at one host without naming it.
    pub fn host(&self, host: &str) -> [u8; 32] {
        mac(&self.domain, &[b"\0host", host.as_bytes()])
    }

    /// Nonce (24 bytes) and sealed address: XChaCha20-Poly1305, bound to the lookup hash of its row.
    pub fn seal(&self, address: &Address, nonce: [u8; 24]) -> Vec<u8> {
        self.seal_text(&self.lookup(address), &address.0, nonce)
    }

    /// Nonce and sealed text likewise, bound to the hash of its row.
    pub fn seal_text(&self, lookup: &[u8], text: &str, nonce: [u8; 24]) -> Vec<u8> {
        let payload = Payload { msg: text.as_bytes(), aad: lookup };
        let nonce = XNonce::from(nonce);
        let cipher = XChaCha20Poly1305::new(&self.seal.into());
        // Encryption fails only for texts of 2^38 bytes.
        let sealed = cipher.encrypt(&nonce, payload).unwrap_or_default();
        [nonce.as_slice(), &sealed].concat()
    }

    /// The address that `seal` sealed.
    pub fn open(&self, lookup: &[u8], sealed: &[u8]) -> Result<Address, Sealed> {
        self.open_text(lookup, sealed).map(Address)
    }

    /// The text that `seal_text` sealed.
    pub fn open_text(&self, lookup: &[u8], sealed: &[u8]) -> Result<String, Sealed> {
        let seals = std::iter::once(&self.seal).chain(&self.older_seals);
        seals.into_iter().find_map(|seal| open(seal, lookup, sealed)).ok_or(Sealed::Shut)
    }

    /// Whether the newest key to seal with has sealed it.
    pub fn is_sealed_anew(&self, lookup: &[u8], sealed: &[u8]) -> bool {
        open(&self.seal, lookup, sealed).is_some()
    }

    /// A token: the claim and 16 bytes of HMAC-SHA256, in URL-safe base64.
    pub fn token(&self, claim: &Claim) -> String {
        let mut bytes = vec![claim.purpose.byte()];
        bytes.extend(claim.subscriber.to_be_bytes());
        bytes.extend(claim.expires_at.timestamp().to_be_bytes());
        bytes.extend(claim.list.as_bytes());
        let mac = mac(&self.token, &[&bytes]);
        bytes.extend(&mac[..16]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The claim of a token that this key signed for `purpose` and that has not expired.
    pub fn claim(&self, token: &str, purpose: Purpose, now: DateTime<Utc>) -> Option<Claim> {
        self.signed(token, purpose).filter(|claim| now < claim.expires_at)
    }

    /// The token of a journalist's link.
    pub fn pass_token(&self, pass: &Pass) -> String {
        self.token(&Claim {
            purpose: Purpose::Press,
            subscriber: NOBODY,
            list: pass.notice.clone(),
            expires_at: pass.until,
        })
    }

    /// What a journalist's link leads to, when this key signed it; also after its time, when all may read it.
    pub fn pass(&self, token: &str) -> Option<Pass> {
        let claim = self.signed(token, Purpose::Press)?;
        Some(Pass { notice: claim.list, until: claim.expires_at })
    }

    fn signed(&self, token: &str, purpose: Purpose) -> Option<Claim> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (claim, given) = bytes.split_at_checked(bytes.len().checked_sub(16)?)?;
        let mut expected = self.token.clone();
        expected.update(claim);
        // Compared in constant time.
        expected.verify_truncated_left(given).ok()?;
        let (head, list) = claim.split_at_checked(17)?;
        let subscriber = i64::from_be_bytes(head.get(1..9)?.try_into().ok()?);
        let expires_at = DateTime::from_timestamp(i64::from_be_bytes(head.get(9..17)?.try_into().ok()?), 0)?;
        let list = String::from_utf8(list.to_vec()).ok()?;
        (head[0] == purpose.byte()).then_some(Claim { purpose, subscriber, list, expires_at })
    }

    /// The local part of a delivery's Message-ID: looks random, is the same at every try, and tells only who has
    /// the key who got it. 32 hexadecimal digits.
    pub fn message_id(&self, edition: &str, recipient: SubscriberId) -> String {
        let mac = mac(&self.message, &[edition.as_bytes(), &[0], &recipient.to_be_bytes()]);
        let head: [u8; 8] = std::array::from_fn(|index| mac[index]);
        let tail = self.message_mask(head) ^ recipient;
        format!("{:016x}{tail:016x}", u64::from_be_bytes(head))
    }

    /// Who may have got the mail of that Message-ID. Only who finds the edition for which `message_id` answers the
    /// same knows that it is so; anybody can make up an id.
    pub fn suspect(&self, message_id: &str) -> Option<SubscriberId> {
        let (head, tail) = message_id.split_at_checked(16)?;
        let number = |text: &str| (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok()).flatten();
        let mask = self.message_mask(number(head)?.to_be_bytes());
        let recipient = i64::from_be_bytes(number(tail)?.to_be_bytes()) ^ mask;
        (0..1 << 48).contains(&recipient).then_some(recipient)
    }

    // No edition's id begins with a NUL, so no other use of this key gives the same bytes.
    fn message_mask(&self, head: [u8; 8]) -> i64 {
        let mac = mac(&self.message, &[b"\0recipient", &head]);
        i64::from_be_bytes(std::array::from_fn(|index| mac[index]))
    }

    /// A token for the local part of an address: 40 letters and digits in base32 (RFC 4648 §6), whose letter case
    /// means nothing, because relays fold it. The same errand has the same token. Two tokens share nothing, and
    /// without the key none can be read or made.
    ///
    /// Deterministic authenticated encryption as in RFC 5297: what is said is enciphered under its own MAC of 13
    /// bytes. 25 bytes fill 40 characters, so that no token has a second spelling.
    pub fn errand_token(&self, errand: &Errand) -> String {
        let said = errand.to_bytes();
        let seal = self.errand_seal(&said);
        let mut bytes = [0; 25];
        bytes[..13].copy_from_slice(&seal);
        bytes[13..].copy_from_slice(&self.mask(&seal, said));
        base32(&bytes)
    }

    /// The errand of a token that this key made.
    pub fn errand(&self, token: &str) -> Option<Errand> {
        let bytes = from_base32(token)?;
        let (seal, masked) = bytes.split_at(13);
        let said = self.mask(seal, masked.try_into().ok()?);
        // Compared in constant time.
        let mut expected = self.errand.clone();
        expected.update(b"seal");
        expected.update(&said);
        expected.verify_truncated_left(seal).ok()?;
        Errand::from_bytes(said)
    }

    fn errand_seal(&self, said: &[u8; 12]) -> [u8; 13] {
        let mac = mac(&self.errand, &[b"seal", said]);
        std::array::from_fn(|index| mac[index])
    }

    fn mask(&self, seal: &[u8], bytes: [u8; 12]) -> [u8; 12] {
        let mask = mac(&self.errand, &[b"mask", seal]);
        std::array::from_fn(|index| bytes[index] ^ mask[index])
    }
}

impl Errand {
    // What for in 1 byte, the edition in 5, the recipient in 6.
    fn to_bytes(self) -> [u8; 12] {
        let (purpose, edition) = match self.about {
            About::Edition(edition) => (b'e', edition),
            About::Letter => (b'a', 0),
            About::Probe => (b'p', 0),
            About::Leave(edition) => (b'l', edition),
        };
        let (edition, recipient) = (edition.to_be_bytes(), self.recipient.to_be_bytes());
        std::array::from_fn(|index| match index {
            0 => purpose,
            1..=5 => edition[index + 2],
            _ => recipient[index - 4],
        })
    }

    fn from_bytes(bytes: [u8; 12]) -> Option<Self> {
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | i64::from(*byte));
        let (edition, recipient) = (number(&bytes[1..6]), number(&bytes[6..]));
        let about = match bytes[0] {
            b'e' => About::Edition(edition),
            b'a' => About::Letter,
            b'p' => About::Probe,
            b'l' => About::Leave(edition),
            _ => return None,
        };
        Some(Self { about, recipient })
    }
}

const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

fn base32(bytes: &[u8; 25]) -> String {
    let digit = |group: u64, at: usize| char::from(BASE32[(group >> (35 - 5 * at) & 31) as usize]);
    let group = |five: &[u8]| five.iter().fold(0, |group, byte| group << 8 | u64::from(*byte));
    bytes.chunks(5).flat_map(|five| (0..8).map(move |at| digit(group(five), at))).collect()
}

fn from_base32(text: &str) -> Option<[u8; 25]> {
    if text.len() != ERRAND_TOKEN_BYTES {
        return None;
    }
    let mut bytes = [0; 25];
    for (eight, five) in text.as_bytes().chunks(8).zip(bytes.chunks_mut(5)) {
        let mut group = 0_u64;
        for letter in eight {
            let digit = BASE32.iter().position(|known| *known == letter.to_ascii_lowercase())?;
            group = group << 5 | digit as u64;
        }
        five.copy_from_slice(&group.to_be_bytes()[3..]);
    }
    Some(bytes)
}

fn open(seal: &[u8; 32], lookup: &[u8], sealed: &[u8]) -> Option<String> {
    let (nonce, text) = sealed.split_at_checked(24)?;
    let nonce: [u8; 24] = nonce.try_into().ok()?;
    let cipher = XChaCha20Poly1305::new(seal.into());
    let opened = cipher.decrypt(&XNonce::from(nonce), Payload { msg: text, aad: lookup }).ok()?;
    String::from_utf8(opened).ok()
}

fn hasher(key: &[u8; 32]) -> Hmac<Sha256> {
    // A key shorter than a block of 64 bytes is filled up with zeros (RFC 2104 §2).
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    <Hmac<Sha256> as hmac::KeyInit>::new(&block.into())
}

fn mac(keyed: &Hmac<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = keyed.clone();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into_bytes().into()
}
