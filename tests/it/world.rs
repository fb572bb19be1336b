//! World: an installation in a temporary folder, with a clock that the test sets.
//!
//! Every look and every delivery opens the ledger anew and closes it, as if the service had been started for it
//! alone: whatever is tested here is tested across restarts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use mail_parser::{Message, MessageParser};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use handbill::clock::Clock;
use handbill::installation::{Installation, write_secret};
use handbill::ledger::Ledger;
use handbill::ledger::looking::Tally;
use handbill::ledger::subscribing::Newcomer;
use handbill::publish::{Looked, Publisher};
use handbill::serve::{self, Options, Parts, Running};
use handbill::subscriber::{Address, Standing};

use crate::chaos::{Chaos, Taken};
use crate::plan::at;

/// Only loop 2.
pub const DELIVER: Parts = Parts { publish: false, deliver: true, web: false };

// So long that it cannot pass on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

// The same for all, so that what follows from it, such as a Message-ID, is the same bytes every time.
const KEY: &[u8] = b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";

const SITE: &str = r#"
[site]
title = "Notices"
organization = "Council"
url = "https://notices.example.org/"
zone = "UTC"
[mail]
from = "Notices <notices@example.org>"
"#;

/// An installation of its own.
pub struct World {
    pub installation: Installation,
    pub runtime: Runtime,
    folder: TempDir,
    seen: Vec<String>,
}

/// A mail that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The recipient's name before the `@`.
    pub to: String,
    pub subject: String,
    pub message_id: String,
    pub in_reply_to: Option<String>,
    /// The text part.
    pub text: String,
}

impl World {
    /// An installation with these lists and targets, which puts its mail into the outbox.
    pub fn new(lists: &str) -> Self {
        Self::made(&format!("{SITE}{lists}"))
    }

    /// One that sends to `chaos`; `smtp` are further lines of its table.
    pub fn sending_to(chaos: &Chaos, smtp: &str, lists: &str) -> Self {
        let table = format!(
            "transport = \"smtp\"\n[mail.smtp]\nhost = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\n\
             hello = \"client.example.org\"\n{smtp}\n",
            chaos.port()
        );
        Self::made(&format!("{SITE}{table}{lists}"))
    }

    fn made(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("handbill.toml"), config).unwrap();
        fs::create_dir(folder.path().join("notices")).unwrap();
        let installation = Installation::open(folder.path()).unwrap();
        write_secret(&installation.key_path(), KEY).unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { installation, runtime, folder, seen: Vec::new() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts another text in place of one in `handbill.toml`.
    pub fn reconfigure(&mut self, old: &str, new: &str) {
        let file = self.path().join("handbill.toml");
        let config = fs::read_to_string(&file).unwrap();
        assert!(config.contains(old), "the config has no {old}");
        fs::write(&file, config.replace(old, new)).unwrap();
        self.reopen();
    }

    /// Reads the installation again, as a service does that is started anew.
    pub fn reopen(&mut self) {
        self.installation = Installation::open(self.path()).unwrap();
    }

    /// Writes a notice's file.
    pub fn write(&self, id: &str, source: &str) {
        fs::write(self.path().join(format!("notices/{id}.md")), source).unwrap();
    }

    /// Replaces a text in a notice's file.
    pub fn edit(&self, id: &str, old: &str, new: &str) {
        let file = self.path().join(format!("notices/{id}.md"));
        let source = fs::read_to_string(&file).unwrap();
        assert!(source.contains(old), "{id} has no {old}");
        fs::write(&file, source.replace(old, new)).unwrap();
    }

    /// Subscribes `name@example.org`, confirmed, to lists with spaces between.
    pub fn subscribe<N: AsRef<str>>(&self, names: &[N], lists: &str) {
        self.subscribe_in(names, lists, "en");
    }

    /// Subscribes readers of a language.
    pub fn subscribe_in<N: AsRef<str>>(&self, names: &[N], lists: &str, lang: &str) {
        let key = self.installation.key().unwrap();
        let newcomers: Vec<Newcomer> = names
            .iter()
            .map(|name| {
                let address = Address::parse(&format!("{}@example.org", name.as_ref())).unwrap();
                let lookup = key.lookup(&address);
                let mut nonce = [0; 24];
                nonce.copy_from_slice(&lookup[..24]);
                Newcomer {
                    lookup,
                    sealed: key.seal(&address, nonce),
                    standing: Standing::Confirmed,
                    lists: lists.split_whitespace().map(str::to_owned).collect(),
                    lang: lang.to_owned(),
                    confirmed_month: "2018-07".to_owned(),
                }
            })
            .collect();
        self.with_ledger(async |ledger| {
            ledger.add_subscribers(&newcomers).await.unwrap();
        });
    }

    /// Makes the ledger's source of a notice one that this program cannot read, as another version's may be.
    pub fn spoil(&self, notice: &str) {
        self.change("UPDATE revision SET source = '+++' WHERE notice = $1", notice.to_owned());
    }

    // One row of the ledger, by a statement with one parameter.
    fn change<V>(&self, statement: &'static str, value: V)
    where
        V: for<'q> sqlx::Encode<'q, sqlx::Any> + sqlx::Type<sqlx::Any> + Send,
    {
        let url = format!("sqlite://{}", self.installation.data().join("ledger.db").display());
        self.runtime.block_on(async {
            let pool = sqlx::AnyPool::connect(&url).await.unwrap();
            let done = sqlx::query(statement).bind(value).execute(&pool).await.unwrap();
            assert!(done.rows_affected() > 0, "{statement}");
            pool.close().await;
        });
    }

    /// Breaks the sealed address of a subscriber, as a disk may.
    pub fn break_address(&self, name: &str) {
        let address = Address::parse(&format!("{name}@example.org")).unwrap();
        let lookup = self.installation.key().unwrap().lookup(&address);
        self.change("UPDATE subscriber SET sealed = substr(sealed, 2) WHERE lookup = $1", lookup.to_vec());
    }

    /// Opens the ledger for some work.
    pub fn with_ledger<T>(&self, work: impl AsyncFnOnce(&Ledger) -> T) -> T {
        self.runtime.block_on(async {
            let ledger = self.installation.ledger().await.unwrap();
            let done = work(&ledger).await;
            ledger.close().await;
            done
        })
    }

    /// One look at the folder.
    pub fn look(&self, now: &str) -> Looked {
        self.look_at(at(now))
    }

    pub fn look_at(&self, now: DateTime<Utc>) -> Looked {
        let templates = Arc::new(self.installation.templates().unwrap());
        self.with_ledger(async |ledger| {
            let mut publisher = Publisher::new(&self.installation, ledger, templates, "world".to_owned());
            publisher.look(now).await.unwrap()
        })
    }

    /// Starts parts of the service under a clock that shows `now`.
    pub fn start(&self, parts: Parts, now: &str) -> anyhow::Result<Running> {
        self.start_by(parts, Clock::fast(at(now), 1))
    }

    /// Starts parts of the service under a clock of its own.
    pub fn start_by(&self, parts: Parts, clock: Clock) -> anyhow::Result<Running> {
        let options =
            Options { parts, listen: Some("127.0.0.1:0".to_owned()), clock, poll: TimeDelta::seconds(1) };
        self.runtime.block_on(serve::start(&self.installation, options))
    }

    /// Delivers what is due at `now`, until nothing is or all is held.
    pub fn deliver(&self, now: &str) {
        self.deliver_at(at(now));
    }

    pub fn deliver_at(&self, now: DateTime<Utc>) {
        let running = self.start_by(DELIVER, Clock::fast(now, 1)).unwrap();
        let targets = &self.installation.config.targets;
        let targets: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        self.runtime.block_on(async {
            let began = Instant::now();
            while running.ledger.waits(&targets, now + began.elapsed()).await.unwrap()
                && running.ledger.held().await.unwrap().is_none()
            {
                assert!(began.elapsed() < PATIENCE, "something waits for ever");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            running.ledger.complete_editions(now).await.unwrap();
            running.stop().await;
        });
    }

    /// A look, and the delivery of what it made due.
    pub fn pass(&self, now: &str) {
        self.look(now);
        self.deliver(now);
    }

    /// What came into the outbox since this was last asked, by recipient and subject.
    pub fn arrived(&mut self) -> Vec<Mail> {
        let mut mails: Vec<Mail> = self.arrived_bytes().iter().map(|bytes| read(bytes)).collect();
        mails.sort_by(|a, b| (&a.to, &a.subject).cmp(&(&b.to, &b.subject)));
        mails
    }

    /// The same as it came, in no order that means anything.
    pub fn arrived_bytes(&mut self) -> Vec<Vec<u8>> {
        let mut mails = Vec::new();
        for path in files(&self.installation.outbox()) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // What is being written has another name until it is whole.
            if name.ends_with(".eml") && !self.seen.contains(&name) {
                mails.push(fs::read(&path).unwrap());
                self.seen.push(name);
            }
        }
        mails
    }

    /// What came into the outbox since this was last asked: a line each, `recipient: subject`.
    pub fn check(&mut self, expected: &str) {
        assert_eq!(lines(&self.arrived()), expected);
    }

    /// The counts of all editions: a line each, in the order in which they fell due.
    pub fn tallies(&self) -> String {
        let tallies = self.with_ledger(async |ledger| ledger.tallies(None, 1000).await.unwrap());
        tallies.iter().rev().map(told).collect()
    }

    /// Past the ledger, to break it.
    pub fn execute(&self, statement: &str) {
        let file = format!("sqlite://{}", self.installation.data().join("ledger.db").display());
        self.runtime.block_on(crate::postgres::execute(&file, statement));
    }

    /// Whether a text stands in any document or mail, compressed ones left out.
    pub fn shows(&self, text: &str) -> Vec<PathBuf> {
        let mut found = files(&self.installation.site());
        found.extend(files(&self.installation.outbox()));
        found.retain(|path| {
            // A service that runs has moved it into its place since it was listed.
            let Ok(bytes) = fs::read(path) else { return false };
            let decoded = match path.extension().is_some_and(|ending| ending == "eml") {
                true => {
                    let mail = MessageParser::new().parse(&bytes).unwrap();
                    let parts: Vec<&[u8]> =
                        mail.parts.iter().map(mail_parser::MessagePart::contents).collect();
                    parts.concat()
                }
                // A folded line of a calendar could part the word.
                false => bytes.replace_all(b"\r\n ", b""),
            };
            decoded.windows(text.len()).any(|window| window == text.as_bytes())
        });
        found
    }
}

trait ReplaceAll {
    fn replace_all(&self, old: &[u8], new: &[u8]) -> Vec<u8>;
}

impl ReplaceAll for Vec<u8> {
    fn replace_all(&self, old: &[u8], new: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len());
        let mut rest = &self[..];
        while let Some((first, tail)) = rest.split_first() {
            if let Some(tail) = rest.strip_prefix(old) {
                out.extend_from_slice(new);
                rest = tail;
            } else {
                out.push(*first);
                rest = tail;
            }
        }
        out
    }
}

/// A mail of a relay's log.
pub fn taken(taken: &Taken) -> Mail {
    read(&taken.message)
}

/// `recipient: subject`, a line each.
pub fn lines(mails: &[Mail]) -> String {
    mails.iter().map(|mail| format!("{}: {}\n", mail.to, mail.subject)).collect()
}

/// How many times each Message-ID arrived.
pub fn copies(mails: &[Mail]) -> BTreeMap<&str, usize> {
    let mut copies = BTreeMap::new();
    for mail in mails {
        *copies.entry(mail.message_id.as_str()).or_default() += 1;
    }
    copies
}

/// `alert/alerts/march complete: 3 to, 3 sent`; only what is not 0.
fn told(tally: &Tally) -> String {
    assert!(tally.reconciles(), "{tally:?}");
    let counts = [
        (tally.recipients, "to"),
        (tally.waiting, "waiting"),
        (tally.sent, "sent"),
        (tally.bounced, "bounced"),
        (tally.expired, "expired"),
        (tally.uncertain, "uncertain"),
        (tally.left, "left"),
        (tally.superseded, "superseded"),
        (tally.dropped, "dropped"),
    ];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count != 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    format!("{} {}: {}\n", tally.edition, tally.state, counts.join(", "))
}

/// A mail from its bytes.
pub fn read(bytes: &[u8]) -> Mail {
    let message: Message<'_> = MessageParser::new().parse(bytes).unwrap();
    let to = message.to().unwrap().first().unwrap().address().unwrap();
    Mail {
        to: to.split('@').next().unwrap().to_owned(),
        subject: message.subject().unwrap().to_owned(),
        message_id: message.message_id().unwrap().to_owned(),
        in_reply_to: message.in_reply_to().as_text().map(str::to_owned),
        text: message.body_text(0).unwrap().into_owned(),
    }
}

/// All files below a folder, in order.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}
