//! Installation: a folder with `handbill.toml`, opened.

pub mod key; // the file of the key

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, bail};

use crate::config::{self, Config, DkimKey};
use crate::durable;
use crate::folder::Folder;
use crate::installation::key::KeyFile;
use crate::ledger::Ledger;
use crate::notice::parse;
use crate::problem::Report;
use crate::render::email;
use crate::render::email::dkim::{self, Signer};
use crate::render::email::mime::ascii_domain;
use crate::render::templates::{self, Templates};
use crate::revision::Draft;
use crate::signing;
use crate::subscriber::Key;

/// A folder with `handbill.toml`, its config read.
#[derive(Debug, Clone)]
pub struct Installation {
    /// The folder.
    pub root: PathBuf,
    /// What the operator decided.
    pub config: Config,
    /// What signs what is published; none when no key was made.
    pub revision_signer: Option<signing::Signer>,
    // One under a passphrase: nobody is asked twice.
    key: Arc<OnceLock<Key>>,
}

/// There is no `handbill.toml` in this folder.
#[derive(Debug, thiserror::Error)]
#[error("there is no handbill.toml in {}; `handbill init` makes one", .0.display())]
pub struct NoInstallation(pub PathBuf);

/// `handbill.toml` has problems; nothing starts.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.lines().join("\n"))]
pub struct BadConfig(pub Report);

impl Installation {
    /// The installation in `root`; a config with problems stops here with all of them.
    pub fn open(root: &Path) -> anyhow::Result<Self> {
        let file = root.join("handbill.toml");
        let source = fs::read_to_string(&file).map_err(|err| {
            if err.kind() == io::ErrorKind::NotFound {
                return NoInstallation(root.to_owned()).into();
            }
            anyhow::Error::new(err).context(format!("read {}", file.display()))
        })?;
        let (config, report) = config::parse("handbill.toml", &source);
        match config {
            Some(mut config) => {
                let revision_signer = read_revision_signer(&root.join(SIGNING_KEY))?;
                config.site.signed_by = revision_signer.as_ref().map(|signer| signer.public().line());
                Ok(Self { root: root.to_owned(), config, revision_signer, key: Arc::default() })
            }
            None => Err(BadConfig(report).into()),
        }
    }

    /// The folder of the record, the outbox and the documents.
    pub fn data(&self) -> PathBuf {
        self.root.join(&self.config.data)
    }

    /// Where the documents are built.
    pub fn site(&self) -> PathBuf {
        self.data().join("site")
    }

    /// Where the key that signs what is published is, when there is one.
    pub fn signing_key(&self) -> PathBuf {
        self.root.join(SIGNING_KEY)
    }

    /// The chain of the keys that have signed, for everybody.
    pub fn signing_chain(&self) -> PathBuf {
        self.root.join("signing.chain")
    }

    /// The links of that chain, the oldest key first.
    pub fn read_signing_chain(&self) -> anyhow::Result<Vec<signing::Link>> {
        let path = self.signing_chain();
        if !path.exists() {
            return Ok(Vec::new());
        }
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        signing::read_chain(&text).with_context(|| format!("read {}", path.display()))
    }

    /// Where mails are put until SMTP is configured.
    pub fn outbox(&self) -> PathBuf {
        self.data().join("outbox")
    }

    /// Where the notices are.
    pub fn notices(&self) -> PathBuf {
        self.root.join("notices")
    }

    /// The reader of the notices.
    pub fn folder(&self) -> Folder {
        Folder::new(self.notices(), "notices", self.config.site.defaults())
    }

    /// Opens the ledger.
    pub async fn ledger(&self) -> anyhow::Result<Ledger> {
        Ledger::open(self.config.database_url.as_deref(), &self.data()).await
    }

    /// The right to do `work` alone on an embedded ledger, for as long as the file is open; `None` while another
    /// process has it. The system gives it back when a process dies, however it dies.
    pub fn lock(&self, work: &str) -> anyhow::Result<Option<fs::File>> {
        let (path, file) = self.lock_file(work)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(err)) => Err(err).with_context(|| format!("lock {}", path.display())),
        }
    }

    /// Keeps the key from being changed for as long as the file is open. Several processes may; an error while it is
    /// being changed.
    pub fn keep_key(&self) -> anyhow::Result<fs::File> {
        let (path, file) = self.lock_file(KEY_LOCK)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => {
                bail!("the key is being changed; try again when `handbill key rotate` has ended")
            }
            Err(fs::TryLockError::Error(err)) => Err(err).with_context(|| format!("lock {}", path.display())),
        }
    }

    /// The right to change the key; `None` while a process on this machine keeps it.
    pub fn lock_key(&self) -> anyhow::Result<Option<fs::File>> {
        self.lock(KEY_LOCK)
    }

    fn lock_file(&self, work: &str) -> anyhow::Result<(PathBuf, fs::File)> {
        fs::create_dir_all(self.data()).context("make the data folder")?;
        let path = self.data().join(format!("{work}.lock"));
        let file = fs::File::create(&path).with_context(|| format!("make {}", path.display()))?;
        Ok((path, file))
    }

    /// The built-in templates, with the installation's own in place of those of the same name.
    pub fn templates(&self) -> anyhow::Result<Templates> {
        let templates = Templates::new(&self.own_templates()?).context("read the templates")?;
        // A name that a mail's template misspells shows now and not when an alert is due.
        email::sample::try_out(&templates).context("try the templates")?;
        Ok(templates)
    }

    /// What is wrong with the installation's own files of words, a report each.
    pub fn check_words(&self) -> anyhow::Result<Vec<Report>> {
        Ok(templates::check_words(&self.own_templates()?))
    }

    fn own_templates(&self) -> anyhow::Result<Vec<(String, String)>> {
        let folder = self.root.join("templates");
        Ok(if folder.is_dir() { templates::read_folder(&folder)? } else { Vec::new() })
    }

    /// The draft of a source that the ledger holds; `None` when it cannot be read any more.
    pub fn draft(&self, path: &str, source: &str) -> Option<Draft> {
        let notice = parse::reread(path, source, &self.config.site.defaults());
        notice.map(|notice| Draft::new(notice, path, source))
    }

    /// Where the key is.
    pub fn key_path(&self) -> PathBuf {
        key::find(self.root.join(&self.config.key_file))
    }

    /// The key of the addresses; an error says what to do when others can read it.
    pub fn key(&self) -> anyhow::Result<Key> {
        if let Some(key) = self.key.get() {
            return Ok(key.clone());
        }
        let path = self.key_path();
        let key = KeyFile::read(&path)?.key();
        if KeyFile::is_locked(&path)? {
            return Ok(self.key.get_or_init(|| key).clone());
        }
        Ok(key)
    }

    /// The key, when it is the one that the ledger's addresses are sealed with.
    pub async fn key_of(&self, ledger: &Ledger) -> anyhow::Result<Key> {
        let key = self.key()?;
        if !ledger.is_sealed_with(&key).await? {
            bail!(
                "{} is not the key of the ledger, which was changed; copy it here",
                self.key_path().display()
            );
        }
        Ok(key)
    }

    /// The key, made when there is none yet.
    pub fn key_or_new(&self) -> anyhow::Result<Key> {
        let file = self.key_path();
        if !file.exists() {
            KeyFile::generate()?.write_new(&file)?;
        }
        self.key()
    }

    /// A secret's file as its lines without comments; an error when others can read it.
    pub fn secret_lines(&self, file: &Path) -> anyhow::Result<Vec<String>> {
        let text = self.secret_text(file)?;
        Ok(text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(str::to_owned)
            .collect())
    }

    fn secret_text(&self, file: &Path) -> anyhow::Result<String> {
        let bytes = read_secret(&self.root.join(file))?;
        String::from_utf8(bytes).with_context(|| format!("read {} as text", file.display()))
    }

    /// What signs the mails; `None` leaves it to the relay. An error when others can read a key.
    pub fn signer(&self) -> anyhow::Result<Option<Signer>> {
        let Some(config) = &self.config.mail.dkim else { return Ok(None) };
        let read = |key: &DkimKey, parse: fn(&str, &str) -> Result<dkim::Key, dkim::BadKey>| {
            let pem = self.secret_text(&key.file)?;
            parse(&key.selector, &pem).with_context(|| format!("read {}", key.file.display()))
        };
        let mut keys = Vec::new();
        if let Some(key) = &config.rsa {
            keys.push(read(key, dkim::Key::rsa)?);
        }
        if let Some(key) = &config.ed25519 {
            keys.push(read(key, dkim::Key::ed25519)?);
        }
        let from_domain = self.config.mail.from_address.rsplit('@').next().unwrap_or_default();
        Ok(Some(Signer::new(config.domain.clone(), &ascii_domain(from_domain), keys)))
    }
}

const KEY_LOCK: &str = "key";

const SIGNING_KEY: &str = "secrets/signing.pem";

fn read_revision_signer(path: &Path) -> anyhow::Result<Option<signing::Signer>> {
    if !path.exists() {
        return Ok(None);
    }
    let pem = String::from_utf8(read_secret(path)?).with_context(|| format!("read {}", path.display()))?;
    let signer = signing::Signer::of_pem(&pem).with_context(|| format!("read {}", path.display()))?;
    Ok(Some(signer))
}

/// Puts a file in its place: nobody reads half of it.
pub fn write_whole(file: &Path, text: &str) -> anyhow::Result<()> {
    durable::replace(file, text.as_bytes()).with_context(|| format!("write {}", file.display()))
}

/// Writes a file that only its owner can read, unless it is there.
pub fn write_secret(file: &Path, bytes: impl AsRef<[u8]>) -> anyhow::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("make the folder {}", folder.display()))?;
    }
    let mut written = create_secret(file)?;
    written.write_all(bytes.as_ref()).with_context(|| format!("write {}", file.display()))?;
    let synced = written.sync_all().and_then(|()| durable::sync_name(file));
    synced.with_context(|| format!("write {}", file.display()))
}

/// Makes a file that only its owner can read, unless it is there.
pub fn create_secret(file: &Path) -> anyhow::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).with_context(|| format!("make {}", file.display()))
}

fn read_secret(file: &Path) -> anyhow::Result<Vec<u8>> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata = fs::metadata(file).with_context(|| format!("read {}", file.display()))?;
        if metadata.permissions().mode() & 0o077 != 0 {
            bail!("{0} can be read by others; run: chmod 600 {0}", file.display());
        }
    }
    fs::read(file).with_context(|| format!("read {}", file.display()))
}
