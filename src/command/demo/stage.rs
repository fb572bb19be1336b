//! Stage: an installation in a temporary folder, with nothing in it that reaches beyond this machine.

use std::fs;
use std::net::SocketAddr;

use anyhow::{Context, bail};
use rust_embed::RustEmbed;
use tempfile::TempDir;

use crate::channel::target::sign::Secret;
use crate::clock::Clock;
use crate::command::init::{Seeds, lay_out};
use crate::command::subscribers;
use crate::installation::{Installation, write_secret};

/// The live notices of the example collective.
#[derive(RustEmbed)]
#[folder = "notices/"]
struct Live;

/// The demo's installation; it is gone when this is dropped.
pub struct Stage {
    /// Its config has the demo's own address and target.
    pub installation: Installation,
    /// What the target's posts are signed with.
    pub secrets: Vec<Secret>,
    _folder: TempDir,
}

/// The name of the one target.
pub const TARGET: &str = "partners";

impl Stage {
    /// Lays out the seeds and the live notices. The site is to be served at `site`; `receiver` gets the posts.
    pub fn lay(site: SocketAddr, receiver: SocketAddr) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("handbill-demo-").tempdir().context("make a folder")?;
        let root = folder.path();
        lay_out(root, true)?;
        for name in Live::iter() {
            let Some(notice) = Live::get(&name) else { continue };
            fs::write(root.join("notices").join(&*name), &notice.data).context("write a notice")?;
        }
        let file = root.join("handbill.toml");
        let seed = fs::read_to_string(&file).context("read the seed's config")?;
        fs::write(&file, config(&seed, site, receiver)?).context("write the demo's config")?;
        let installation = Installation::open(root)?;
        let secret = Secret::generate()?;
        for target in &installation.config.targets {
            write_secret(&root.join(&target.secret_file), format!("{}\n", secret.reveal()))?;
        }
        installation.key_or_new()?;
        Ok(Self { installation, secrets: vec![secret], _folder: folder })
    }

    /// Imports the seed's subscribers.
    pub async fn subscribe(&self) -> anyhow::Result<()> {
        let Some(seed) = Seeds::get("subscribers.csv") else { bail!("the seeds have no subscribers.csv") };
        let text = String::from_utf8_lossy(&seed.data).into_owned();
        subscribers::import::import_text(&self.installation, "subscribers.csv", &text, &Clock::wall())
            .await?;
        Ok(())
    }

    /// Rewrites a notice as a person would: every pair's first text becomes its second.
    pub fn rewrite(&self, notice: &str, changes: &[(&str, &str)]) -> anyhow::Result<String> {
        let path = self.installation.notices().join(format!("{notice}.md"));
        let mut text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        for (old, new) in changes {
            if !text.contains(old) {
                bail!("{notice} does not say `{old}` any more, so the demo cannot change it");
            }
            text = text.replace(old, new);
        }
        // Renamed into place: the publisher never reads half of it, and passes over names that begin with a dot.
        let draft = self.installation.notices().join(format!(".{notice}.md"));
        fs::write(&draft, &text).with_context(|| format!("write {}", draft.display()))?;
        fs::rename(&draft, &path).with_context(|| format!("write {}", path.display()))?;
        Ok(text)
    }
}

// The seed's, but for the site's address, so that the links in the mails lead somewhere, and for a target.
fn config(seed: &str, site: SocketAddr, receiver: SocketAddr) -> anyhow::Result<String> {
    let mut config: toml::Table = seed.parse().context("read the seed's config")?;
    let Some(toml::Value::Table(about)) = config.get_mut("site") else {
        bail!("the seed's config has no table [site]")
    };
    about.insert("url".to_owned(), format!("http://{site}/").into());
    let target = toml::toml! {
        secret_file = "secrets/partners-webhook"
        kinds = ["statement", "action"]
        allow = ["127.0.0.0/8", "::1/128"]
    };
    let mut target = target;
    target.insert("name".to_owned(), TARGET.into());
    target.insert("url".to_owned(), format!("http://{receiver}/").into());
    config.insert("target".to_owned(), toml::Value::Array(vec![target.into()]));
    toml::to_string(&config).context("write the demo's config")
}
