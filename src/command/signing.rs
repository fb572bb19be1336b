//! Signing: the key that signs what is published, and whether a file is what was published.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;

use crate::clock::Clock;
use crate::command::dkim::ed25519_pem;
use crate::command::terminal::{complain, say};
use crate::command::{Ended, Mistyped, unread};
use crate::durable;
use crate::installation::{Installation, write_secret, write_whole};
use crate::signing::{Link, Public, Signer, chain_text, follow, read_chain, verify};

/// Options of `signing`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What to do with the key.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with the key that signs.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Action {
    /// Make a key; from then on everything that is published is signed.
    Keygen,
    /// Make another key, and let the old one name it: who trusts the old one can go on.
    Rotate,
    /// Show the public key, for minisign.
    Public,
}

/// Options of `verify`.
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// The file, such as a notice.txt.
    pub file: PathBuf,
    /// Its signature; else the file of the same name with .minisig.
    #[arg(long, value_name = "FILE")]
    pub signature: Option<PathBuf>,
    /// The public key that is trusted, or its file; else the first that this installation had.
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// The keys that follow from it: a site's signing.chain; else this installation's.
    #[arg(long, value_name = "FILE")]
    pub chain: Option<PathBuf>,
}

pub async fn run(installation: &Installation, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    match arguments.action {
        Action::Keygen => keygen(installation)?,
        Action::Rotate => {
            rotate(installation)?;
            installation.ledger().await?.audit("signing rotate", "another key signs", clock.now()).await?;
        }
        Action::Public => {}
    }
    // As it is now.
    let Some(signer) = Installation::open(&installation.root)?.revision_signer else {
        bail!("nothing is signed here; `handbill signing keygen` makes a key");
    };
    say(signer.public().file().trim_end())?;
    Ok(Ended::Well)
}

/// Makes the first key of an installation.
pub fn keygen(installation: &Installation) -> anyhow::Result<()> {
    let path = installation.signing_key();
    if path.exists() || installation.signing_chain().exists() {
        bail!("there is a key already; `handbill signing rotate` makes another");
    }
    let pem = ed25519_pem()?;
    let link = Link { public: Signer::of_pem(&pem)?.public().file(), signature: None };
    write_secret(&path, pem)?;
    write_chain(installation, &[link])
}

fn rotate(installation: &Installation) -> anyhow::Result<()> {
    let Some(old) = &installation.revision_signer else {
        bail!("there is no key yet; `handbill signing keygen` makes one");
    };
    let pem = ed25519_pem()?;
    let public = Signer::of_pem(&pem)?.public().file();
    let signature = old.sign(public.as_bytes(), &format!("the key that follows {}", old.public()));
    let mut chain = installation.read_signing_chain()?;
    chain.push(Link { public, signature: Some(signature) });
    let path = installation.signing_key();
    let beside = path.with_extension("new");
    // What an interrupted rotation left is a key of nothing.
    if beside.exists() {
        fs::remove_file(&beside).with_context(|| format!("remove {}", beside.display()))?;
    }
    write_secret(&beside, pem)?;
    // The chain first: a key that nobody can follow to must not sign.
    write_chain(installation, &chain)?;
    durable::rename(&beside, &path).with_context(|| format!("write {}", path.display()))
}

fn write_chain(installation: &Installation, chain: &[Link]) -> anyhow::Result<()> {
    write_whole(&installation.signing_chain(), &chain_text(chain))
}

/// `verify`, in an installation or anywhere else.
pub fn check(root: &Path, arguments: &Verify) -> anyhow::Result<Ended> {
    let message = fs::read(&arguments.file).map_err(|err| unread(&arguments.file, err))?;
    let chain = match &arguments.chain {
        Some(path) => read_chain(&read(path)?).with_context(|| format!("read {}", path.display()))?,
        None if root.join("signing.chain").exists() => Installation::open(root)?.read_signing_chain()?,
        None => Vec::new(),
    };
    let trusted = match &arguments.key {
        Some(key) if Path::new(key).exists() => Public::read(&read(Path::new(key))?)?,
        Some(key) => {
            Public::read(key).map_err(|why| Mistyped::Value(format!("{key} is no file, and {why}")))?
        }
        None => match chain.first() {
            Some(first) => Public::read(&first.public)?,
            None => bail!(Mistyped::Value(
                "which key is trusted? Name it with --key, as a file or as its line RW…".to_owned()
            )),
        },
    };
    let beside = || PathBuf::from(format!("{}.minisig", arguments.file.display()));
    let signature = read(&arguments.signature.clone().unwrap_or_else(beside))?;
    match verify(&trusted, &chain, &message, &signature) {
        Ok(said) => {
            let keys = follow(&trusted, &chain).len();
            say(format_args!("{} is as it was published: {said}", arguments.file.display()))?;
            say(format_args!("Key {trusted}; with those that follow from it, {keys} are trusted."))?;
            Ok(Ended::Well)
        }
        Err(fault) => {
            complain(format_args!("{}: {fault}", arguments.file.display()));
            Ok(Ended::WithProblems)
        }
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).map_err(|err| unread(path, err))
}
