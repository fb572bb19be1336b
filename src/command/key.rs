//! Key: changed, put under a passphrase, or destroyed.

use age::secrecy::{ExposeSecret as _, SecretString};
use anyhow::{Context, bail};
use clap::Subcommand;
use indicatif::ProgressBar;

use crate::channel::outbox;
use crate::clock::Clock;
use crate::command::Ended;
use crate::command::terminal::{complain, say};
use crate::deliver::LEASE;
use crate::durable;
use crate::installation::Installation;
use crate::installation::key::{self, KeyFile};
use crate::ledger::resealing::Resealed;
use crate::ledger::subscribing::{nonce, seal};
use crate::ledger::{Dialect, Ledger};
use crate::subscriber::Key;

/// Options of `key`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What to do with it.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with the key.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Seal every address with a new key; stop the services first. Sending is held meanwhile. Interrupted, it goes on when it is called again.
    Rotate,
    /// Put the key under a passphrase, which is asked for at every start.
    Lock,
    /// Take the passphrase away.
    Unlock,
}

/// Options of `wipe`.
#[derive(Debug, clap::Args)]
pub struct Wipe {
    /// Nobody is asked.
    #[arg(long)]
    pub yes: bool,
}

// Rows of one commit.
const PAGE: u32 = 1_000;

pub async fn run(installation: &Installation, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    match arguments.action {
        Action::Rotate => rotate(installation, clock).await,
        Action::Lock => lock(installation),
        Action::Unlock => unlock(installation),
    }
}

/// Destroys the key: no address can be read after that, by anybody. Neither can the mails in the outbox.
pub async fn wipe(installation: &Installation, arguments: &Wipe, clock: &Clock) -> anyhow::Result<Ended> {
    let (path, outbox) = (installation.key_path(), installation.outbox());
    let mails = outbox::mails(&outbox).with_context(|| format!("read {}", outbox.display()))?;
    // What was interrupted goes on.
    if !path.exists() && mails.is_empty() {
        bail!("there is no key at {}", path.display());
    }
    if !arguments.yes {
        let answer = key::ask("Every subscriber is lost with it. Write `wipe` to destroy the key: ")?;
        if answer.expose_secret() != "wipe" {
            complain("Nothing was destroyed.");
            return Ok(Ended::WithProblems);
        }
    }
    // First of all the key; the log can wait.
    for path in Some(&path).filter(|path| path.exists()).into_iter().chain(&mails) {
        durable::destroy(path).with_context(|| format!("destroy {}", path.display()))?;
    }
    let detail = format!("the key was destroyed, and {} mails in the outbox", mails.len());
    let ledger = installation.ledger().await?;
    ledger.forget_key().await?;
    ledger.audit("wipe", &detail, clock.now()).await?;
    say(format_args!(
        "The key at {} is destroyed; a copy of it elsewhere is not. A service that runs has it until it is stopped.",
        path.display()
    ))?;
    if !mails.is_empty() {
        say(format_args!(
            "So are {} mails in {}, which named their readers.",
            mails.len(),
            outbox.display()
        ))?;
    }
    Ok(Ended::Well)
}

async fn rotate(installation: &Installation, clock: &Clock) -> anyhow::Result<Ended> {
    // A service that runs would go on with the old key.
    let Some(_lock) = installation.lock_key()? else {
        bail!("a service or an import runs; stop it, change the key, and start it again");
    };
    let (path, ledger) = (installation.key_path(), installation.ledger().await?);
    let passphrase = passphrase_of(installation)?;
    let mut file = match &passphrase {
        Some(passphrase) => KeyFile::read_with(&path, passphrase)?,
        None => KeyFile::read(&path)?,
    };
    if !ledger.is_sealed_with(&file.key()).await? {
        bail!("{} is not the key of the ledger, which was changed; copy it here", path.display());
    }
    // Nothing new is claimed while somebody is looked for.
    ledger.hold_for_reseal(clock.now()).await?;
    if ledger.dialect() == Dialect::Postgres && ledger.is_served(clock.now()).await? {
        ledger.let_go().await?;
        bail!(
            "a service works with the ledger from another machine, or died there less than {} minutes ago; \
             stop it, change the key, copy it there, and start it again",
            LEASE.num_minutes()
        );
    }
    let after = match ledger.resealed_until().await? {
        Some(after) => after,
        None => {
            file = file.with_new_seal()?;
            // The file first: what the new key seals must never be without it.
            file.replace(&path, passphrase.clone())?;
            let number = file.key().seal_numbers().next().context("number the key")?;
            ledger.begin_reseal(number).await?;
            0
        }
    };
    let mut count = reseal(&ledger, &file.key(), after).await?;
    // Once more from the beginning, for what came with the old key when this began.
    count += reseal(&ledger, &file.key(), 0).await?;
    reseal_callbacks(&ledger, &file.key()).await?;
    file.with_newest_seal_alone().replace(&path, passphrase)?;
    ledger.end_reseal().await?;
    ledger.let_go().await?;
    ledger.audit("rotate", &format!("{count} addresses sealed anew"), clock.now()).await?;
    say(format_args!("{count} addresses are sealed anew. Keep a copy of {} elsewhere.", path.display()))?;
    Ok(Ended::Well)
}

async fn reseal(ledger: &Ledger, key: &Key, mut after: i64) -> anyhow::Result<u64> {
    let last = ledger.last_subscriber().await?;
    let bar = ProgressBar::new(u64::try_from(last).unwrap_or(0));
    if !std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    let mut count = 0;
    loop {
        let page = ledger.subscribers_after(after, PAGE).await?;
        let Some(end) = page.last().map(|subscriber| subscriber.id) else { break };
        let mut resealed = Vec::new();
        for one in page.iter().filter(|one| !key.is_sealed_anew(&one.lookup, &one.sealed)) {
            let address = key
                .open(&one.lookup, &one.sealed)
                .with_context(|| format!("open the address of subscriber {}", one.id))?;
            let sealed = seal(key, &address)?;
            resealed.push(Resealed { subscriber: one.id, lookup: one.lookup.clone(), sealed });
        }
        ledger.reseal(&resealed, end).await?;
        count += resealed.len() as u64;
        after = end;
        bar.set_position(u64::try_from(end).unwrap_or(0));
    }
    bar.finish_and_clear();
    Ok(count)
}

// The hub's subscribers are few.
async fn reseal_callbacks(ledger: &Ledger, key: &Key) -> anyhow::Result<()> {
    let found = ledger.sealed_callbacks().await?;
    for (lookup, sealed) in found.iter().filter(|(lookup, sealed)| !key.is_sealed_anew(lookup, sealed)) {
        let text = key.open_text(lookup, sealed).context("open a subscription to the hub")?;
        ledger.reseal_callback(sealed, &key.seal_text(lookup, &text, nonce()?)).await?;
    }
    Ok(())
}

fn lock(installation: &Installation) -> anyhow::Result<Ended> {
    let path = installation.key_path();
    if KeyFile::is_locked(&path)? {
        bail!("the key is under a passphrase already; `handbill key unlock` takes it away");
    }
    let file = KeyFile::read(&path)?;
    let passphrase = key::ask("A passphrase for the key: ")?;
    let again = key::ask("Once more: ")?;
    if passphrase.expose_secret() != again.expose_secret() {
        bail!("the two are not the same; nothing was changed");
    }
    file.replace(&path, Some(passphrase))?;
    say("The key is under the passphrase, which is asked for at every start.")?;
    Ok(Ended::Well)
}

fn unlock(installation: &Installation) -> anyhow::Result<Ended> {
    let path = installation.key_path();
    if !KeyFile::is_locked(&path)? {
        bail!("the key is under no passphrase");
    }
    KeyFile::read(&path)?.replace(&path, None)?;
    say("The key is in the clear, for its owner alone.")?;
    Ok(Ended::Well)
}

fn passphrase_of(installation: &Installation) -> anyhow::Result<Option<SecretString>> {
    let locked = KeyFile::is_locked(&installation.key_path())?;
    locked.then(|| key::ask("Passphrase of the key: ")).transpose()
}
