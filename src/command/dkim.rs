//! Dkim: keys to sign mails with, and the records that publish them.

use std::path::Path;

use anyhow::{Context, bail};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Subcommand;

use crate::clock::Clock;
use crate::command::terminal::{say, say_json};
use crate::command::{Ended, Mistyped};
use crate::installation::{Installation, write_secret};
use crate::render::email::dkim::{Key, Record};
use crate::render::email::mime::ascii_domain;

/// Options of `dkim`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What to do with the keys.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with the keys of DKIM.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Make an RSA and an Ed25519 key, and show what to publish and what to write into handbill.toml.
    Keygen {
        /// What their selectors begin with; else `handbill-` and the month, so that the next keys get others.
        #[arg(long)]
        selector: Option<String>,
        /// For a machine: the records alone.
        #[arg(long)]
        json: bool,
    },
    /// Show the records of the keys that handbill.toml names.
    Records {
        /// For a machine.
        #[arg(long)]
        json: bool,
    },
}

// RFC 8301 §3.2; with more a record does not fit into one answer by UDP everywhere.
const BITS: KeySize = KeySize::Rsa2048;

pub fn run(installation: &Installation, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    match &arguments.action {
        Action::Keygen { selector, json } => {
            let month = clock.now().format("%Y%m");
            let selector = selector.clone().unwrap_or_else(|| format!("handbill-{month}"));
            keygen(installation, &selector, *json)
        }
        Action::Records { json } => {
            let Some(signer) = installation.signer()? else {
                bail!("handbill.toml has no [mail.dkim]; `handbill dkim keygen` says what to write");
            };
            show(&signer.records(), *json)
        }
    }
}

fn keygen(installation: &Installation, selector: &str, json: bool) -> anyhow::Result<Ended> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if selector.is_empty()
        || selector.len() > 50
        || !selector.chars().all(is_plain)
        || selector.starts_with('-')
    {
        bail!(Mistyped::Value(format!(
            "{selector:?} cannot stand in DNS; use letters, digits and hyphens, such as notices-2026"
        )));
    }
    let (rsa, ed25519) = (format!("{selector}-rsa"), format!("{selector}-ed25519"));
    let files = [&rsa, &ed25519].map(|name| format!("secrets/dkim-{name}.pem"));
    // Both before either is written: half a pair is of no use.
    for file in &files {
        if installation.root.join(file).exists() {
            bail!("{file} is there already; nothing was changed (another --selector makes other keys)");
        }
    }
    let pems = [rsa_pem()?, ed25519_pem()?];
    for (file, pem) in files.iter().zip(&pems) {
        write_secret(&installation.root.join(Path::new(file)), pem)?;
    }
    let mail = &installation.config.mail;
    let from = ascii_domain(mail.from_address.rsplit('@').next().unwrap_or_default());
    let domain = mail.dkim.as_ref().map_or(from, |dkim| dkim.domain.clone());
    let records =
        [Key::rsa(&rsa, &pems[0])?, Key::ed25519(&ed25519, &pems[1])?].map(|key| key.record(&domain));
    if json {
        return show(&records, true);
    }
    say(format_args!("Made {} and {}, which only you can read.\n", files[0], files[1]))?;
    say("1. Publish both records. Lines for a zone file:\n")?;
    for record in &records {
        say(format_args!("{}\n", record.zone_line()))?;
    }
    say("   Or name and value, where a provider asks for them:\n")?;
    show(&records, false)?;
    say("2. When `handbill doctor` finds them, write into handbill.toml:\n")?;
    say(format_args!(
        "[mail.dkim]\ndomain = \"{domain}\"\nrsa_selector = \"{rsa}\"\nrsa_key_file = \"{}\"\n\
         ed25519_selector = \"{ed25519}\"\ned25519_key_file = \"{}\"\n",
        files[0], files[1]
    ))?;
    say("3. Start the service again. Keep the records of older keys for a week: mails that wait need them.")?;
    Ok(Ended::Well)
}

fn show(records: &[Record], json: bool) -> anyhow::Result<Ended> {
    if json {
        say_json(&records)?;
        return Ok(Ended::Well);
    }
    for Record { name, value } in records {
        say(format_args!("{name}\n{value}\n"))?;
    }
    Ok(Ended::Well)
}

fn rsa_pem() -> anyhow::Result<String> {
    let pair = RsaKeyPair::generate(BITS).context("make an RSA key")?;
    Ok(pem(pair.as_der().context("write the RSA key")?.as_ref()))
}

/// A new Ed25519 key in PEM.
pub fn ed25519_pem() -> anyhow::Result<String> {
    let pair = Ed25519KeyPair::generate().context("make an Ed25519 key")?;
    // Version 1, which OpenSSL and all that is built on it read.
    Ok(pem(pair.to_pkcs8v1().context("write the Ed25519 key")?.as_ref()))
}

// RFC 7468 §10.
fn pem(der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let lines: Vec<String> =
        encoded.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}
