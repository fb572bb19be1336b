//! Signing: signatures on what is published, in the format of minisign.
//!
//! Pure: Ed25519 draws no random numbers, so the same key and bytes give the same signature. Format:
//! <https://jedisct1.github.io/minisign/>, "Signature format" and "Public key format", with the prehashed algorithm.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blake2::{Blake2b512, Digest as _};
use minisign_verify::{PublicKey, Signature};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use thiserror::Error;

/// A key that signs.
#[derive(Clone)]
pub struct Signer {
    pair: Arc<Ed25519KeyPair>,
    public: Public,
}

/// The part of a key that everybody may have.
#[derive(Clone, PartialEq, Eq)]
pub struct Public {
    id: [u8; 8],
    key: [u8; 32],
}

/// A key's public part, and the signature by which the key before it names it; none of the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The file of the public part.
    pub public: String,
    /// The file of its signature.
    pub signature: Option<String>,
}

/// Why a file is not what a signature says.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    /// Not a key.
    #[error("this is no public key of minisign: two lines, the second begins with RW")]
    Key,
    /// Not a signature.
    #[error("this is no signature of minisign: four lines, the third begins with `trusted comment: `")]
    Signature,
    /// By another key.
    #[error("it was signed with the key {signed}, and not with {trusted} nor with one that follows from it")]
    OtherKey {
        /// Who signed.
        signed: String,
        /// Who is trusted.
        trusted: String,
    },
    /// Another file, or another comment.
    #[error("the signature is not of this file: one of the two was changed")]
    Changed,
}

/// No Ed25519 key in PEM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this is no Ed25519 key in PEM (PKCS#8)")]
pub struct BadKey;

// "Ed" with a hash of the message in its place; of a key, "Ed" alone.
const PREHASHED: [u8; 2] = *b"ED";
const ED25519: [u8; 2] = *b"Ed";

impl Signer {
    /// A key in PEM, PKCS#8.
    pub fn of_pem(pem: &str) -> Result<Self, BadKey> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| BadKey)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).map_err(|_| BadKey)?;
        let key: [u8; 32] = pair.public_key().as_ref().try_into().map_err(|_| BadKey)?;
        Ok(Self { pair: Arc::new(pair), public: Public::of(key) })
    }

    /// Its public part.
    pub fn public(&self) -> &Public {
        &self.public
    }

    /// The signature of `message`, a file of four lines. `said` is covered by it: one line.
    pub fn sign(&self, message: &[u8], said: &str) -> String {
        let said = said.replace(['\r', '\n'], " ");
        let signature = self.pair.sign(&Blake2b512::digest(message));
        let whole = self.pair.sign(&[signature.as_ref(), said.as_bytes()].concat());
        let line = [&PREHASHED[..], &self.public.id, signature.as_ref()].concat();
        format!(
            "untrusted comment: signature of the key {}\n{}\ntrusted comment: {said}\n{}\n",
            self.public,
            STANDARD.encode(line),
            STANDARD.encode(whole.as_ref())
        )
    }
}

impl Public {
    // The tool draws an id; it is the key's own hash here, so that a key says the same on every machine.
    fn of(key: [u8; 32]) -> Self {
        let mut id = [0; 8];
        id.copy_from_slice(&Blake2b512::digest(key)[..8]);
        Self { id, key }
    }

    /// The one line that `minisign -P` takes.
    pub fn line(&self) -> String {
        STANDARD.encode([&ED25519[..], &self.id, &self.key].concat())
    }

    /// The file that `minisign -p` takes.
    pub fn file(&self) -> String {
        format!("untrusted comment: minisign public key {self}\n{}\n", self.line())
    }

    /// A key from its file, or from the one line.
    pub fn read(text: &str) -> Result<Self, Fault> {
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).ok_or(Fault::Key)?;
        let bytes = STANDARD.decode(line).map_err(|_| Fault::Key)?;
        let (algorithm, rest) = bytes.split_at_checked(2).ok_or(Fault::Key)?;
        let (id, key) = rest.split_at_checked(8).ok_or(Fault::Key)?;
        match (algorithm == ED25519, id.try_into(), key.try_into()) {
            (true, Ok(id), Ok(key)) => Ok(Self { id, key }),
            (_, _, _) => Err(Fault::Key),
        }
    }
}

// As the tool writes it: a number, the lowest byte first.
impl fmt::Display for Public {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.id))
    }
}

impl fmt::Debug for Public {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Public({self})")
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.public)
    }
}

/// What a signature says of `message`: its trusted comment, when it is by `trusted` or by a key that `chain` leads to
/// from there.
pub fn verify(trusted: &Public, chain: &[Link], message: &[u8], signature: &str) -> Result<String, Fault> {
    let signer = signer_of(signature)?;
    for key in follow(trusted, chain) {
        if key.id == signer {
            return check(&key, message, signature);
        }
    }
    let signed = Public { id: signer, key: [0; 32] }.to_string();
    Err(Fault::OtherKey { signed, trusted: trusted.to_string() })
}

/// The keys that follow from `trusted`, itself first: each is named by a signature of the one before it.
pub fn follow(trusted: &Public, chain: &[Link]) -> Vec<Public> {
    let mut keys = vec![trusted.clone()];
    for link in chain {
        let Some(signature) = &link.signature else { continue };
        // A rotation that was interrupted has left a key that none follows from.
        let is_named = keys.iter().any(|key| check(key, link.public.as_bytes(), signature).is_ok());
        if let (true, Ok(next)) = (is_named, Public::read(&link.public)) {
            keys.push(next);
        }
    }
    keys
}

/// The text of a chain: the files of its links, one after the other.
pub fn chain_text(chain: &[Link]) -> String {
    let files = chain.iter().flat_map(|link| [Some(&link.public), link.signature.as_ref()]);
    files.flatten().map(String::as_str).collect()
}

/// A chain from its text.
pub fn read_chain(text: &str) -> Result<Vec<Link>, Fault> {
    let mut lines = text.lines().map(|line| format!("{line}\n")).peekable();
    let mut chain = Vec::new();
    while lines.peek().is_some() {
        let public: String = lines.by_ref().take(2).collect();
        Public::read(&public)?;
        // A signature has a trusted comment, two lines further on; what follows a key without one is a key.
        let next: Vec<String> = lines.clone().take(4).collect();
        let is_signed = next.get(2).is_some_and(|line| line.starts_with("trusted comment: "));
        let signature = is_signed.then(|| lines.by_ref().take(4).collect());
        chain.push(Link { public, signature });
    }
    Ok(chain)
}

fn signer_of(signature: &str) -> Result<[u8; 8], Fault> {
    let line = signature.lines().nth(1).ok_or(Fault::Signature)?;
    let bytes = STANDARD.decode(line.trim()).map_err(|_| Fault::Signature)?;
    bytes.get(2..10).and_then(|id| id.try_into().ok()).ok_or(Fault::Signature)
}

fn check(key: &Public, message: &[u8], signature: &str) -> Result<String, Fault> {
    let public = PublicKey::from_base64(&key.line()).map_err(|_| Fault::Key)?;
    let signature = Signature::decode(signature).map_err(|_| Fault::Signature)?;
    public.verify(message, &signature, false).map_err(|_| Fault::Changed)?;
    Ok(signature.trusted_comment().to_owned())
}
