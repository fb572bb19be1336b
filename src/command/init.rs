//! Init: makes an installation.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use rust_embed::RustEmbed;

use crate::channel::target::sign::Secret;
use crate::clock::Clock;
use crate::command::terminal::say;
use crate::command::{Ended, signing};
use crate::installation::{Installation, write_secret};
use crate::publish::Publisher;

/// What a new installation starts from.
#[derive(RustEmbed)]
#[folder = "seeds/"]
pub struct Seeds;

/// Options of `init`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Without the notices to begin with.
    #[arg(long)]
    pub empty: bool,
}

pub async fn run(root: &Path, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    let config = root.join("handbill.toml");
    if config.exists() {
        bail!("{} is there already; nothing was changed", config.display());
    }
    lay_out(root, !arguments.empty)?;
    let installation = Installation::open(root)?;
    installation.key_or_new()?;
    signing::keygen(&installation)?;
    let installation = Installation::open(root)?;
    // The ledger begins now: what is there already is shown and never sent.
    let ledger = installation.ledger().await?;
    let templates = installation.templates()?;
    let mut publisher = Publisher::new(&installation, &ledger, templates.into(), "init".to_owned());
    publisher.look(clock.now()).await?;
    ledger.end_lease("publish").await?;
    say(format_args!(
        "Made {}: handbill.toml, notices/, keys that only you can read, and the ledger.",
        root.display()
    ))?;
    say("Next: edit handbill.toml, then `handbill new action`, `handbill check` and `handbill serve`.")?;
    Ok(Ended::Well)
}

/// Writes the files that a new installation starts from, the targets' secrets made anew.
pub fn lay_out(root: &Path, with_notices: bool) -> anyhow::Result<()> {
    for name in Seeds::iter() {
        let is_notice = name.starts_with("notices/");
        if name == "README.md" || name == "subscribers.csv" || (is_notice && !with_notices) {
            continue;
        }
        let Some(seed) = Seeds::get(&name) else { continue };
        let path = root.join(&*name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("make the folder {}", folder.display()))?;
        }
        fs::write(&path, &seed.data).with_context(|| format!("write {}", path.display()))?;
    }
    fs::create_dir_all(root.join("notices")).context("make the folder of notices")?;
    for target in &Installation::open(root)?.config.targets {
        let file = root.join(&target.secret_file);
        if !file.exists() {
            write_secret(&file, format!("{}\n", Secret::generate()?.reveal()))?;
        }
    }
    Ok(())
}
