//! Epoch: how far the ledger has come, kept in it and beside it, so that a restored backup is noticed.
//!
//! A number that only rises: in the mark `epoch`, then in the file `epoch` of the data folder. The ledger comes
//! first, so that after a crash between the two it is ahead of the file, which means nothing. A ledger that is
//! behind the file has forgotten something. It rises with the first receipts of a process, at most once a minute
//! from then on, when a process ends, and with the publisher's mark: a copy of the ledger that was made within the
//! last minute before a crash is not told from the ledger itself.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::Context;
use chrono::{DateTime, Utc};

use crate::durable;
use crate::ledger::publishing::raise_mark;
use crate::ledger::{Dialect, Ledger};

/// Why sending is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// An operator, a clock that was set back, or a relay or a key that is not right: since then.
    Since(DateTime<Utc>),
    /// The clock jumped ahead: publishing is held, too.
    Jumped {
        /// Since when; by an operator perhaps before it.
        since: DateTime<Utc>,
        /// What the clock showed then.
        to: DateTime<Utc>,
    },
    /// The ledger is older than what was done from here: a backup was restored.
    Restored {
        /// The ledger's epoch.
        epoch: i64,
        /// The epoch that it had come to.
        was: i64,
    },
}

/// The epoch beside the ledger.
#[derive(Debug, Clone)]
pub(crate) struct Epoch {
    file: PathBuf,
    seen: Arc<AtomicI64>,
}

// Other machines may have seen some epochs more than the one that resumes; it rises about once a minute.
const AHEAD_OF_OTHERS: i64 = 1_000;

// More than a ledger gives between two backups; for a clock that is behind.
const MAYBE_GIVEN: i64 = 1_000_000;

const SECONDS: &str = "%Y-%m-%d %H:%M:%SZ";

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Since(since) => write!(f, "Sending is held since {}", since.format(SECONDS)),
            Self::Jumped { since, to } => write!(
                f,
                "Sending is held since {}, and publishing, too, because the clock jumped ahead to {}: \
                 set it right if it is wrong",
                since.format(SECONDS),
                to.format(SECONDS)
            ),
            Self::Restored { epoch, was } => write!(
                f,
                "Sending is held because the ledger is an older copy (its epoch is {epoch}, and was {was}): \
                 what it has forgotten would be sent again"
            ),
        }
    }
}

impl Epoch {
    /// The epoch of a data folder; 0 when none was written yet.
    pub(crate) fn open(data: &Path) -> anyhow::Result<Self> {
        let file = data.join("epoch");
        let seen = match std::fs::read_to_string(&file) {
            Ok(text) => text
                .trim()
                .parse()
                .with_context(|| format!("read {}, which holds no number", file.display()))?,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => 0,
            Err(err) => return Err(err).with_context(|| format!("read {}", file.display())),
        };
        Ok(Self { file, seen: Arc::new(AtomicI64::new(seen)) })
    }

    fn seen(&self) -> i64 {
        self.seen.load(Ordering::Acquire)
    }

    async fn write(&self, epoch: i64) -> anyhow::Result<()> {
        let path = self.file.clone();
        let written = tokio::task::spawn_blocking(move || {
            path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            durable::replace(&path, format!("{epoch}\n").as_bytes())
        });
        let written = written.await;
        written.context("write the epoch")?.with_context(|| format!("write {}", self.file.display()))?;
        self.seen.fetch_max(epoch, Ordering::AcqRel);
        Ok(())
    }
}

impl Ledger {
    /// Why sending is held; `None` when it is not.
    pub async fn held(&self) -> anyhow::Result<Option<Held>> {
        let (epoch, was) = (self.mark("epoch").await?.unwrap_or(0), self.epoch.seen());
        if epoch < was {
            return Ok(Some(Held::Restored { epoch, was }));
        }
        let (since, jumped_to) = (self.held_since().await?, self.jumped_to().await?);
        Ok(since.map(|since| match jumped_to {
            Some(to) => Held::Jumped { since, to },
            None => Held::Since(since),
        }))
    }

    /// One epoch more, in the ledger and then beside it. An older copy of the ledger stays as it is.
    pub async fn raise_epoch(&self) -> anyhow::Result<()> {
        if self.mark("epoch").await?.unwrap_or(0) < self.epoch.seen() {
            return Ok(());
        }
        self.lift_epoch(1).await
    }

    /// Whether it may have forgotten numbers that it gave: it is an older copy, or one that was never used from here.
    pub async fn may_have_forgotten(&self) -> anyhow::Result<bool> {
        let (epoch, was) = (self.mark("epoch").await?.unwrap_or(0), self.epoch.seen());
        Ok(epoch < was || epoch > 0 && was == 0)
    }

    /// Leaves out numbers of subscribers and editions that may have been given: links in mails act for whoever has
    /// the number. How many were given is not known, and the same copy may have been restored before; so the next are
    /// at least the clock's, which has gone faster than people subscribe.
    pub async fn skip_numbers(&self, now: DateTime<Utc>) -> anyhow::Result<()> {
        // The bytes that a token has for them (`Errand`) hold 8,900 and 34,000 years of these.
        for (table, least) in [("subscriber", now.timestamp_millis()), ("edition", now.timestamp())] {
            let mut transaction = self.begin_writing().await.context("skip numbers")?;
            for statement in match self.dialect {
                Dialect::Sqlite => &[
                    "UPDATE sqlite_sequence SET seq = MAX(seq + $2, $3) WHERE name = $1",
                    // A table that has had no row is not there.
                    "INSERT INTO sqlite_sequence (name, seq)
                     SELECT $1, MAX($2, $3) WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = $1)",
                ][..],
                Dialect::Postgres => &["SELECT setval(pg_get_serial_sequence($1, 'id'),
                                   GREATEST(nextval(pg_get_serial_sequence($1, 'id')) + $2, $3))"],
            } {
                let query = sqlx::query(*statement).bind(table).bind(MAYBE_GIVEN).bind(least);
                query.execute(&mut *transaction).await.context("skip numbers")?;
            }
            transaction.commit().await.context("skip numbers")?;
        }
        Ok(())
    }

    /// Makes an older copy of the ledger the ledger.
    pub(crate) async fn accept_epoch(&self) -> anyhow::Result<()> {
        let behind = self.epoch.seen() - self.mark("epoch").await?.unwrap_or(0);
        if behind > 0 { self.lift_epoch(behind + AHEAD_OF_OTHERS).await } else { Ok(()) }
    }

    async fn lift_epoch(&self, by: i64) -> anyhow::Result<()> {
        let epoch = raise_mark(&self.write, "epoch", by).await?;
        self.epoch.write(epoch).await
    }
}
