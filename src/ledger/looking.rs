//! Looking: what the commands show of editions and deliveries; counts, never addresses.

use anyhow::Context;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::ledger::{Ledger, instant};

/// An edition with the counts of its deliveries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Its number in the ledger.
    #[serde(skip)]
    pub number: i64,
    /// Its name for ever.
    pub edition: String,
    /// `open`, `complete`, `skipped` or `missed`.
    pub state: String,
    /// The rule that it followed from.
    pub why: String,
    /// When it fell due.
    pub due_at: DateTime<Utc>,
    /// Recipients frozen when it was committed, and those who got it from another list's edition since.
    pub recipients: i64,
    /// Waiting, or claimed.
    pub waiting: i64,
    /// Taken by the other side.
    pub sent: i64,
    /// Refused for good.
    pub bounced: i64,
    /// Too late.
    pub expired: i64,
    /// Perhaps sent.
    pub uncertain: i64,
    /// Left before it was sent.
    pub left: i64,
    /// Not true any more before it was sent.
    pub superseded: i64,
    /// Perhaps sent, and a person decided not to send it again.
    pub dropped: i64,
}

/// One try, without the recipient.
#[derive(Debug, Clone, Serialize)]
pub struct Attempt {
    /// When.
    pub at: DateTime<Utc>,
    /// From 1.
    pub number: i64,
    /// `sent`, `deferred`, `bounced` or `uncertain`.
    pub outcome: String,
    /// SMTP reply code or HTTP status, 0 for none.
    pub code: i64,
    /// RFC 3463.
    pub enhanced: String,
    /// Their words.
    pub text: String,
    /// How long it took.
    pub took_ms: i64,
}

impl Tally {
    /// Whether every recipient is accounted for: the number written down when they were frozen against the
    /// deliveries that there are, and none of them waiting in what is complete.
    pub fn reconciles(&self) -> bool {
        let settled = self.sent
            + self.bounced
            + self.expired
            + self.uncertain
            + self.left
            + self.superseded
            + self.dropped;
        self.recipients == self.waiting + settled && (self.state != "complete" || self.waiting == 0)
    }
}

impl Attempt {
    /// What they said: `450 4.2.0 greylisted`.
    pub fn answer(&self) -> String {
        let code = if self.code == 0 { String::new() } else { self.code.to_string() };
        let words = [&code, &self.enhanced, &self.text].map(String::as_str);
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

impl Ledger {
    /// The latest editions, or those of a state, the newest first.
    pub async fn tallies(&self, state: Option<&str>, most: u32) -> anyhow::Result<Vec<Tally>> {
        self.count("$1 = '' OR state = $1", state.unwrap_or(""), most).await
    }

    /// The edition of that key with its counts.
    pub async fn tally(&self, key: &str) -> anyhow::Result<Option<Tally>> {
        Ok(self.count("key = $1", key, 1).await?.pop())
    }

    /// The keys of the latest editions, the newest first.
    pub async fn edition_keys(&self, most: u32) -> anyhow::Result<Vec<String>> {
        sqlx::query_scalar("SELECT key FROM edition ORDER BY due_at DESC, id DESC LIMIT $1")
            .bind(i64::from(most))
            .fetch_all(&self.read)
            .await
            .context("list the editions")
    }

    // Those of a condition, whose one parameter is $1.
    async fn count(&self, condition: &str, parameter: &str, most: u32) -> anyhow::Result<Vec<Tally>> {
        // The editions first: only their deliveries are counted, not those of all the years.
        let statement = format!(
            "SELECT e.id, e.key, e.state, e.why, e.due_at, e.recipients,
                 COALESCE(SUM(CASE WHEN d.state < 2 THEN 1 ELSE 0 END), 0),
                 COALESCE(SUM(CASE WHEN d.state = 2 THEN 1 ELSE 0 END), 0),
                 COALESCE(SUM(CASE WHEN d.state = 3 THEN 1 ELSE 0 END), 0),
                 COALESCE(SUM(CASE WHEN d.state = 4 THEN 1 ELSE 0 END), 0),
                 COALESCE(SUM(CASE WHEN d.state = 5 THEN 1 ELSE 0 END), 0),
                 COALESCE(SUM(CASE WHEN d.state = 6 THEN 1 ELSE 0 END), 0),
                 COALESCE(SUM(CASE WHEN d.state = 7 THEN 1 ELSE 0 END), 0),
                 COALESCE(SUM(CASE WHEN d.state = 8 THEN 1 ELSE 0 END), 0)
             FROM (SELECT id, key, state, why, due_at, recipients FROM edition WHERE {condition}
                   ORDER BY due_at DESC, id DESC LIMIT $2) e
             LEFT JOIN delivery d ON d.edition = e.id
             GROUP BY e.id, e.key, e.state, e.why, e.due_at, e.recipients ORDER BY e.due_at DESC, e.id DESC"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(parameter)
            .bind(i64::from(most))
            .fetch_all(&self.read)
            .await
            .context("count the deliveries")?;
        rows.iter().map(tally).collect()
    }

    /// The latest tries of an edition, the newest first.
    pub async fn attempts(&self, edition: i64, most: u32) -> anyhow::Result<Vec<Attempt>> {
        let rows = sqlx::query(
            "SELECT at, number, outcome, code, enhanced, text, took_ms FROM attempt WHERE edition = $1
             ORDER BY at DESC, number DESC LIMIT $2",
        )
        .bind(edition)
        .bind(i64::from(most))
        .fetch_all(&self.read)
        .await
        .context("read the tries")?;
        rows.iter().map(attempt).collect()
    }

    /// The latest try of those of an edition's deliveries that wait.
    pub async fn put_off(&self, edition: i64) -> anyhow::Result<Option<Attempt>> {
        let row = sqlx::query(
            "SELECT a.at, a.number, a.outcome, a.code, a.enhanced, a.text, a.took_ms
             FROM attempt a JOIN delivery d ON d.edition = a.edition AND d.recipient = a.recipient
             WHERE a.edition = $1 AND d.state < 2 ORDER BY a.at DESC, a.number DESC LIMIT 1",
        )
        .bind(edition)
        .fetch_optional(&self.read)
        .await
        .context("read why an edition waits")?;
        row.as_ref().map(attempt).transpose()
    }
}

fn attempt(row: &AnyRow) -> anyhow::Result<Attempt> {
    Ok(Attempt {
        at: instant(row.try_get(0)?),
        number: row.try_get(1)?,
        outcome: row.try_get(2)?,
        code: row.try_get(3)?,
        enhanced: row.try_get(4)?,
        text: row.try_get(5)?,
        took_ms: row.try_get(6)?,
    })
}

fn tally(row: &AnyRow) -> anyhow::Result<Tally> {
    Ok(Tally {
        number: row.try_get(0)?,
        edition: row.try_get(1)?,
        state: row.try_get(2)?,
        why: row.try_get(3)?,
        due_at: instant(row.try_get(4)?),
        recipients: row.try_get(5)?,
        waiting: row.try_get(6)?,
        sent: row.try_get(7)?,
        bounced: row.try_get(8)?,
        expired: row.try_get(9)?,
        uncertain: row.try_get(10)?,
        left: row.try_get(11)?,
        superseded: row.try_get(12)?,
        dropped: row.try_get(13)?,
    })
}
