//! Key: the file that holds the key of an installation, in the clear or under a passphrase.

use std::fs;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use age::secrecy::SecretString;
use age::{Decryptor, Encryptor, Identity, scrypt};
use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::durable;
use crate::installation::{read_secret, write_secret};
use crate::subscriber::Key;

/// What a key's file holds: the root, from which all is derived, and the keys that addresses were sealed with
/// instead of the derived one, the newest first.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyFile {
    root: [u8; 32],
    seals: Vec<[u8; 32]>,
}

const HEAD: &str = "# Without this key no address of a subscriber can be read. Keep a copy elsewhere.";

// How a file under a passphrase begins (<https://age-encryption.org/v1>).
const AGE: &[u8] = b"age-encryption.org/v1";

// In front of a sealing key.
const SEAL: &str = "seal ";

impl KeyFile {
    /// A new one of random bytes.
    pub fn generate() -> anyhow::Result<Self> {
        Ok(Self { root: random()?, seals: Vec::new() })
    }

    /// The file at `path`; an error says what to do when others can read it. Under a passphrase it is asked for
    /// on the terminal, or read from standard input when that is none.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = read_secret(path)?;
        if !bytes.starts_with(AGE) {
            let text = String::from_utf8(bytes).ok();
            return text.as_deref().and_then(Self::parse).with_context(|| no_key(path));
        }
        Self::read_with(path, &ask("Passphrase of the key: ")?)
    }

    /// The file at `path`, which is under that passphrase.
    pub fn read_with(path: &Path, passphrase: &SecretString) -> anyhow::Result<Self> {
        let opened = open(&read_secret(path)?, passphrase.clone());
        let text = opened.with_context(|| format!("open {} with that passphrase", path.display()))?;
        Self::parse(&text).with_context(|| no_key(path))
    }

    /// Whether the file at `path` asks for a passphrase.
    pub fn is_locked(path: &Path) -> anyhow::Result<bool> {
        Ok(read_secret(path)?.starts_with(AGE))
    }

    /// Writes a file that is not there yet.
    pub fn write_new(&self, path: &Path) -> anyhow::Result<()> {
        write_secret(path, self.text().as_bytes())
    }

    /// Puts it, whole, in the place of the file at `path`; under a passphrase when there is one.
    pub fn replace(&self, path: &Path, passphrase: Option<SecretString>) -> anyhow::Result<()> {
        let bytes = match passphrase {
            None => self.text().into_bytes(),
            Some(passphrase) => lock(&self.text(), passphrase)?,
        };
        let part = path.with_extension("part");
        match fs::remove_file(&part) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => {
                return Err(err).with_context(|| format!("remove {}", part.display()));
            }
            Ok(()) | Err(_) => {}
        }
        write_secret(&part, &bytes)?;
        durable::rename(&part, path).with_context(|| format!("write {}", path.display()))
    }

    /// The same with a new key to seal with; what the others sealed still opens.
    pub fn with_new_seal(mut self) -> anyhow::Result<Self> {
        self.seals.insert(0, random()?);
        Ok(self)
    }

    /// The same without the keys that nothing is sealed with any more.
    pub fn with_newest_seal_alone(mut self) -> Self {
        self.seals.truncate(1);
        self
    }

    /// What it opens and signs with.
    pub fn key(&self) -> Key {
        Key::from_bytes(&self.root).sealing_with(&self.seals)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let bytes = |text: &str| STANDARD.decode(text.trim()).ok()?.try_into().ok();
        let root = bytes(lines.next()?)?;
        let seals: Option<Vec<[u8; 32]>> = lines.map(|line| bytes(line.strip_prefix(SEAL)?)).collect();
        Some(Self { root, seals: seals? })
    }

    fn text(&self) -> String {
        let mut text = format!("{HEAD}\n{}\n", STANDARD.encode(self.root));
        for seal in &self.seals {
            text.push_str(&format!("{SEAL}{}\n", STANDARD.encode(seal)));
        }
        text
    }
}

/// Where the key is: among the credentials that the system hands to a service, or in the file of the config
/// (systemd.exec(5), `LoadCredential=`).
pub fn find(configured: PathBuf) -> PathBuf {
    let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY") else { return configured };
    let credential = Path::new(&folder).join("handbill.key");
    if credential.is_file() { credential } else { configured }
}

/// Asks for a secret without showing it; from standard input when no terminal is there.
pub fn ask(question: &str) -> anyhow::Result<SecretString> {
    let line = if io::stdin().is_terminal() {
        rpassword::prompt_password(question).context("ask for the passphrase")?
    } else {
        let mut line = String::new();
        io::stdin().read_line(&mut line).context("read the passphrase from standard input")?;
        line
    };
    let line = line.trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        bail!("the key is under a passphrase, and none was given");
    }
    Ok(SecretString::from(line.to_owned()))
}

fn open(bytes: &[u8], passphrase: SecretString) -> anyhow::Result<String> {
    let identity = scrypt::Identity::new(passphrase);
    let decryptor = Decryptor::new(bytes)?;
    let mut text = String::new();
    decryptor.decrypt(std::iter::once(&identity as &dyn Identity))?.read_to_string(&mut text)?;
    Ok(text)
}

fn lock(text: &str, passphrase: SecretString) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut writer =
        Encryptor::with_user_passphrase(passphrase).wrap_output(&mut bytes).context("lock the key")?;
    writer.write_all(text.as_bytes()).context("lock the key")?;
    writer.finish().context("lock the key")?;
    Ok(bytes)
}

fn random() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("draw random bytes")?;
    Ok(bytes)
}

fn no_key(path: &Path) -> String {
    format!("{} does not hold a key: 32 bytes in base64", path.display())
}
