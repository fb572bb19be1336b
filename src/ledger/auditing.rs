//! Auditing: what operators did, each entry chained to the one before; nothing of any subscriber.

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use sqlx::Row;

use crate::ledger::{Ledger, instant, millis};

/// Something an operator did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From 1, without a gap.
    pub number: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Such as `export`.
    pub what: String,
    /// Such as how many and why; no address, no token.
    pub detail: String,
    /// SHA-256 of the entry before, the time, the word and the detail.
    pub chain: Vec<u8>,
}

// Two that write at once get the same number, and one of them tries again.
const TRIES: usize = 10;

impl Ledger {
    /// Adds an entry; durable when it answers.
    pub async fn audit(&self, what: &str, detail: &str, now: DateTime<Utc>) -> anyhow::Result<()> {
        for _ in 0..TRIES {
            let last = sqlx::query("SELECT number, chain FROM audit ORDER BY number DESC LIMIT 1")
                .fetch_optional(&self.write)
                .await
                .context("read the audit log")?;
            let (number, before) = match last {
                Some(row) => (row.try_get::<i64, _>(0)? + 1, row.try_get::<Vec<u8>, _>(1)?),
                None => (1, Vec::new()),
            };
            let at = instant(millis(now));
            let done = sqlx::query(
                "INSERT INTO audit (number, at, what, detail, chain) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (number) DO NOTHING",
            )
            .bind(number)
            .bind(millis(at))
            .bind(what)
            .bind(detail)
            .bind(link(&before, at, what, detail))
            .execute(&self.write)
            .await
            .context("write the audit log")?;
            if done.rows_affected() == 1 {
                return Ok(());
            }
        }
        bail!("others write to the audit log without a pause")
    }

    /// All entries, the oldest first.
    pub async fn audit_log(&self) -> anyhow::Result<Vec<Entry>> {
        let rows = sqlx::query("SELECT number, at, what, detail, chain FROM audit ORDER BY number")
            .fetch_all(&self.read)
            .await
            .context("read the audit log")?;
        rows.into_iter()
            .map(|row| {
                Ok(Entry {
                    number: row.try_get(0)?,
                    at: instant(row.try_get(1)?),
                    what: row.try_get(2)?,
                    detail: row.try_get(3)?,
                    chain: row.try_get(4)?,
                })
            })
            .collect()
    }
}

/// The number of the first entry that was changed, or before which one is missing. The end of the log can be cut
/// off unseen; who keeps the last chain elsewhere sees that, too.
pub fn first_broken(log: &[Entry]) -> Option<i64> {
    let mut before: &[u8] = &[];
    for (expected, entry) in (1..).zip(log) {
        let stands = entry.chain == link(before, entry.at, &entry.what, &entry.detail);
        if entry.number != expected || !stands {
            return Some(entry.number);
        }
        before = &entry.chain;
    }
    None
}

fn link(before: &[u8], at: DateTime<Utc>, what: &str, detail: &str) -> Vec<u8> {
    let mut hash = Sha256::new();
    // Each with its length: no two entries are the same bytes.
    for part in [before, &millis(at).to_be_bytes(), what.as_bytes(), detail.as_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().to_vec()
}
