//! Hub: who is told of a changed feed, and how far they and other hubs have been told.
//!
//! Where a subscriber is stands sealed here, with the secret that signs its updates: it may name a person's server.

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::ledger::{BYTES, Ledger, hex, instant, millis, rows_text, small};
use crate::websub::{Caps, Mode};

/// A request to be written down.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What is wanted.
    pub mode: Mode,
    /// Finds where the subscriber is.
    pub callback: [u8; 32],
    /// Counts those at one host.
    pub host: [u8; 32],
    /// The path of a document under the site.
    pub topic: String,
    /// Where the subscriber is, and the secret.
    pub sealed: Vec<u8>,
    /// For how long.
    pub lease: TimeDelta,
    /// The document's ETag at that moment: what comes after it is news.
    pub etag: String,
}

/// A request that waits to be verified.
#[derive(Debug, Clone)]
pub struct Unverified {
    /// What is wanted.
    pub mode: Mode,
    /// Finds where the subscriber is.
    pub callback: Vec<u8>,
    /// The path of a document under the site.
    pub topic: String,
    /// Where the subscriber is, and the secret. Another for each request, so that it tells two of them apart.
    pub sealed: Vec<u8>,
    /// For how long.
    pub lease: TimeDelta,
    /// The document's ETag when it was asked.
    pub etag: String,
    /// Verifications tried so far.
    pub attempts: u32,
}

/// A subscription whose subscriber has not got its document as it is.
#[derive(Debug, Clone)]
pub struct Behind {
    /// Its number.
    pub id: i64,
    /// Finds where the subscriber is.
    pub callback: Vec<u8>,
    /// The path of a document under the site.
    pub topic: String,
    /// Where the subscriber is, and the secret; another after it was renewed.
    pub sealed: Vec<u8>,
    /// When the lease ends.
    pub until: DateTime<Utc>,
    /// The ETag of what they have.
    pub delivered: String,
    /// Tries that failed since they last took something.
    pub failures: u32,
}

/// A subscriber took a document.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Whose subscription.
    pub behind: Behind,
    /// The ETag of what they took.
    pub etag: String,
    /// When they are to be told of another that has come since.
    pub due_at: Option<DateTime<Utc>>,
}

/// Another hub that has not been told that a document is another.
#[derive(Debug, Clone)]
pub struct Untold {
    /// The hub's address.
    pub hub: String,
    /// The path of a document under the site.
    pub topic: String,
    /// Tries that failed since it was last told.
    pub failures: u32,
}

/// What the hub has to do, in counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HubCounts {
    /// Subscriptions whose lease lasts.
    pub subscriptions: i64,
    /// Requests that wait to be verified.
    pub requests: i64,
    /// Subscriptions that wait for an update.
    pub behind: i64,
}

/// Which of those that are behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Those that took what they got last.
    Well,
    /// Those that did not.
    Failing,
}

// Nothing is due.
const NEVER: i64 = i64::MAX;

impl Ledger {
    /// Writes a request down, in the place of one for the same callback and topic; durable when it answers. False
    /// when there are too many. Who is not here and wants to leave is not asked: there is nothing to end.
    pub async fn ask_hub(&self, asked: &Asked, caps: &Caps, now: DateTime<Utc>) -> anyhow::Result<bool> {
        let mut transaction = self.begin_writing().await.context("begin to write a request to the hub")?;
        let held = held(&mut transaction, asked, now).await.context("count the hub's subscriptions")?;
        match asked.mode {
            Mode::Subscribe
                if held.all >= i64::from(caps.all) || held.at_host >= i64::from(caps.per_host) =>
            {
                return Ok(false);
            }
            Mode::Unsubscribe if !held.is_known => return Ok(true),
            Mode::Subscribe | Mode::Unsubscribe => {}
        }
        sqlx::query(
            "INSERT INTO hub_request (callback, topic, host, sealed, mode, lease, etag, attempts, due_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8)
             ON CONFLICT (callback, topic) DO UPDATE SET host = excluded.host, sealed = excluded.sealed,
                 mode = excluded.mode, lease = excluded.lease, etag = excluded.etag, attempts = 0,
                 due_at = excluded.due_at",
        )
        .bind(asked.callback.to_vec())
        .bind(asked.topic.as_str())
        .bind(asked.host.to_vec())
        .bind(asked.sealed.clone())
        .bind(number(asked.mode))
        .bind(asked.lease.num_seconds())
        .bind(asked.etag.as_str())
        .bind(millis(now))
        .execute(&mut *transaction)
        .await
        .context("write a request to the hub")?;
        transaction.commit().await.context("end to write a request to the hub")?;
        Ok(true)
    }

    /// Requests that are due to be verified, those that were tried least first.
    pub async fn unverified(&self, most: u32, now: DateTime<Utc>) -> anyhow::Result<Vec<Unverified>> {
        let rows = sqlx::query(
            "SELECT mode, callback, topic, sealed, lease, etag, attempts FROM hub_request WHERE due_at <= $1
             ORDER BY attempts, due_at LIMIT $2",
        )
        .bind(millis(now))
        .bind(i64::from(most))
        .fetch_all(&self.read)
        .await
        .context("read the requests to the hub")?;
        rows.iter().map(unverified).collect()
    }

    /// The subscriber has said that it is their request. `due_at` is when they are to be told, if they are behind.
    /// Who is subscribed keeps what they have been told; a request that was made anew meanwhile waits on.
    pub async fn verified(
        &self,
        request: &Unverified,
        due_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let mut transaction = self.begin_writing().await.context("begin to verify a subscription")?;
        let host: Option<Vec<u8>> = sqlx::query_scalar(
            "DELETE FROM hub_request WHERE callback = $1 AND topic = $2 AND sealed = $3 RETURNING host",
        )
        .bind(request.callback.clone())
        .bind(request.topic.as_str())
        .bind(request.sealed.clone())
        .fetch_optional(&mut *transaction)
        .await
        .context("end a request to the hub")?;
        let Some(host) = host else { return Ok(()) };
        match request.mode {
            Mode::Subscribe => {
                // Who renews is there: what failed before is tried at once.
                sqlx::query(
                    "INSERT INTO hub_subscription
                         (callback, topic, host, sealed, until, delivered, failures, due_at)
                     VALUES ($1, $2, $3, $4, $5, $6, 0, $7)
                     ON CONFLICT (callback, topic) DO UPDATE SET sealed = excluded.sealed,
                         until = excluded.until, failures = 0,
                         due_at = CASE WHEN hub_subscription.due_at = $8 THEN $8 ELSE $9 END",
                )
                .bind(request.callback.clone())
                .bind(request.topic.as_str())
                .bind(host)
                .bind(request.sealed.clone())
                .bind(millis(now + request.lease))
                .bind(request.etag.as_str())
                .bind(due_at.map_or(NEVER, millis))
                .bind(NEVER)
                .bind(millis(now))
                .execute(&mut *transaction)
                .await
                .context("write a subscription")?;
            }
            Mode::Unsubscribe => {
                sqlx::query("DELETE FROM hub_subscription WHERE callback = $1 AND topic = $2")
                    .bind(request.callback.clone())
                    .bind(request.topic.as_str())
                    .execute(&mut *transaction)
                    .await
                    .context("end a subscription")?;
            }
        }
        transaction.commit().await.context("end to verify a subscription")
    }

    /// The subscriber has said that it is not their request, or nobody was there.
    pub async fn refused(&self, request: &Unverified) -> anyhow::Result<()> {
        sqlx::query("DELETE FROM hub_request WHERE callback = $1 AND topic = $2 AND sealed = $3")
            .bind(request.callback.clone())
            .bind(request.topic.as_str())
            .bind(request.sealed.clone())
            .execute(&self.write)
            .await
            .context("end a request to the hub")?;
        Ok(())
    }

    /// A verification came to nothing, and is tried again then.
    pub async fn verify_again(&self, request: &Unverified, at: DateTime<Utc>) -> anyhow::Result<()> {
        sqlx::query(
            "UPDATE hub_request SET attempts = $4, due_at = $5
             WHERE callback = $1 AND topic = $2 AND sealed = $3",
        )
        .bind(request.callback.clone())
        .bind(request.topic.as_str())
        .bind(request.sealed.clone())
        .bind(i64::from(request.attempts))
        .bind(millis(at))
        .execute(&self.write)
        .await
        .context("put a verification off")?;
        Ok(())
    }

    /// These are the documents now, path and ETag: who has another, or one that is no more, is due; and so are `hubs`,
    /// which have been told all that there was when they were first heard of. Subscriptions whose lease has ended are
    /// no more.
    pub async fn mark_behind(
        &self,
        topics: &[(&str, &str)],
        hubs: &[String],
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let topics = rows_text(&topics)?;
        let source = self.dialect.rows(&[("topic", "TEXT"), ("etag", "TEXT")]);
        let mut transaction = self.begin_writing().await.context("begin to look who is behind")?;
        sqlx::query("DELETE FROM hub_subscription WHERE until <= $1")
            .bind(millis(now))
            .execute(&mut *transaction)
            .await
            .context("end leases")?;
        let statement = format!(
            "UPDATE hub_subscription SET due_at = $2
             WHERE due_at = $3 AND (topic, delivered) NOT IN (SELECT v.topic, v.etag FROM {source} v)"
        );
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(topics.as_str())
            .bind(millis(now))
            .bind(NEVER)
            .execute(&mut *transaction)
            .await
            .context("look who is behind")?;
        mark_untold(&mut transaction, &source, &topics, hubs, now)
            .await
            .context("look which hub is behind")?;
        transaction.commit().await.context("end to look who is behind")
    }

    /// Subscriptions that are due to be told.
    pub async fn behind(&self, health: Health, most: u32, now: DateTime<Utc>) -> anyhow::Result<Vec<Behind>> {
        let failing = match health {
            Health::Well => 0,
            Health::Failing => 1,
        };
        let rows = sqlx::query(
            "SELECT id, callback, topic, sealed, until, delivered, failures FROM hub_subscription
             WHERE due_at <= $1 AND until > $1 AND CASE WHEN failures = 0 THEN 0 ELSE 1 END = $2
             ORDER BY due_at, id LIMIT $3",
        )
        .bind(millis(now))
        .bind(failing)
        .bind(i64::from(most))
        .fetch_all(&self.read)
        .await
        .context("read who is behind")?;
        rows.iter().map(behind).collect()
    }

    /// They took their documents, written down in one commit.
    pub async fn delivered(&self, taken: &[Taken]) -> anyhow::Result<()> {
        let rows: Vec<_> = taken
            .iter()
            .map(|one| (one.behind.id, hex(&one.behind.sealed), &one.etag, one.due_at.map_or(NEVER, millis)))
            .collect();
        let source =
            self.dialect.rows(&[("id", "BIGINT"), ("sealed", BYTES), ("etag", "TEXT"), ("due_at", "BIGINT")]);
        let statement = format!(
            "UPDATE hub_subscription SET delivered = v.etag, due_at = v.due_at, failures = 0 FROM {source} v
             WHERE hub_subscription.id = v.id AND hub_subscription.sealed = v.sealed"
        );
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(rows_text(&rows)?)
            .execute(&self.write)
            .await
            .context("write down who was told")?;
        Ok(())
    }

    /// They did not take it, and it is tried again then.
    pub async fn deliver_again(&self, behind: &Behind, at: DateTime<Utc>) -> anyhow::Result<()> {
        sqlx::query("UPDATE hub_subscription SET failures = $3, due_at = $4 WHERE id = $1 AND sealed = $2")
            .bind(behind.id)
            .bind(behind.sealed.clone())
            .bind(i64::from(behind.failures))
            .bind(millis(at))
            .execute(&self.write)
            .await
            .context("put an update off")?;
        Ok(())
    }

    /// They are gone, or there is nothing for them any more.
    pub async fn end_subscription(&self, behind: &Behind) -> anyhow::Result<()> {
        sqlx::query("DELETE FROM hub_subscription WHERE id = $1 AND sealed = $2")
            .bind(behind.id)
            .bind(behind.sealed.clone())
            .execute(&self.write)
            .await
            .context("end a subscription")?;
        Ok(())
    }

    /// Other hubs that are due to be told.
    pub async fn untold(&self, most: u32, now: DateTime<Utc>) -> anyhow::Result<Vec<Untold>> {
        let rows = sqlx::query(
            "SELECT hub, topic, failures FROM hub_ping WHERE due_at <= $1
             ORDER BY failures, due_at, hub, topic LIMIT $2",
        )
        .bind(millis(now))
        .bind(i64::from(most))
        .fetch_all(&self.read)
        .await
        .context("read which hub is behind")?;
        let untold = |row: &AnyRow| {
            Ok(Untold { hub: row.try_get(0)?, topic: row.try_get(1)?, failures: small(row.try_get(2)?) })
        };
        rows.iter().map(untold).collect()
    }

    /// A hub has been told that the document is of that ETag now; `due_at` as in `Taken`.
    pub async fn told(
        &self,
        untold: &Untold,
        etag: &str,
        due_at: Option<DateTime<Utc>>,
    ) -> anyhow::Result<()> {
        sqlx::query("UPDATE hub_ping SET told = $3, due_at = $4, failures = 0 WHERE hub = $1 AND topic = $2")
            .bind(untold.hub.as_str())
            .bind(untold.topic.as_str())
            .bind(etag)
            .bind(due_at.map_or(NEVER, millis))
            .execute(&self.write)
            .await
            .context("write down which hub was told")?;
        Ok(())
    }

    /// A hub could not be told; it is tried again then, or when a document changes the next time.
    pub async fn tell_again(&self, untold: &Untold, at: Option<DateTime<Utc>>) -> anyhow::Result<()> {
        sqlx::query("UPDATE hub_ping SET failures = $3, due_at = $4 WHERE hub = $1 AND topic = $2")
            .bind(untold.hub.as_str())
            .bind(untold.topic.as_str())
            .bind(i64::from(untold.failures))
            .bind(at.map_or(NEVER, millis))
            .execute(&self.write)
            .await
            .context("put a ping off")?;
        Ok(())
    }

    /// What the hub has to do.
    pub async fn hub_counts(&self, now: DateTime<Utc>) -> anyhow::Result<HubCounts> {
        let row = sqlx::query(
            "SELECT (SELECT COUNT(*) FROM hub_subscription WHERE until > $1),
                 (SELECT COUNT(*) FROM hub_request),
                 (SELECT COUNT(*) FROM hub_subscription WHERE until > $1 AND due_at < $2)",
        )
        .bind(millis(now))
        .bind(NEVER)
        .fetch_one(&self.read)
        .await
        .context("count the hub's subscriptions")?;
        Ok(HubCounts { subscriptions: row.try_get(0)?, requests: row.try_get(1)?, behind: row.try_get(2)? })
    }

    /// How many documents each other hub has not been told of.
    pub async fn untold_counts(&self) -> anyhow::Result<Vec<(String, i64)>> {
        let rows = sqlx::query(
            "SELECT hub, SUM(CASE WHEN due_at < $1 THEN 1 ELSE 0 END) FROM hub_ping GROUP BY hub ORDER BY hub",
        )
        .bind(NEVER)
        .fetch_all(&self.read)
        .await
        .context("count what hubs have not been told")?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// What is sealed of subscribers to the hub: the hash that it is bound to, and the sealed text.
    pub async fn sealed_callbacks(&self) -> anyhow::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let rows = sqlx::query(
            "SELECT callback, sealed FROM hub_subscription UNION SELECT callback, sealed FROM hub_request",
        )
        .fetch_all(&self.read)
        .await
        .context("read the hub's subscriptions")?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Puts a text that was sealed anew in the place of the old one.
    pub async fn reseal_callback(&self, sealed: &[u8], anew: &[u8]) -> anyhow::Result<()> {
        for statement in [
            "UPDATE hub_subscription SET sealed = $2 WHERE sealed = $1",
            "UPDATE hub_request SET sealed = $2 WHERE sealed = $1",
        ] {
            let query = sqlx::query(statement).bind(sealed.to_vec()).bind(anew.to_vec());
            query.execute(&self.write).await.context("seal a callback anew")?;
        }
        Ok(())
    }
}

/// Subscriptions, and requests for others.
struct Held {
    all: i64,
    at_host: i64,
    // Whether the one that is asked for is here; it is counted in neither.
    is_known: bool,
}

async fn held(connection: &mut AnyConnection, asked: &Asked, now: DateTime<Utc>) -> sqlx::Result<Held> {
    let row = sqlx::query(
        "SELECT COALESCE(SUM(CASE WHEN callback = $2 AND topic = $3 THEN 0 ELSE 1 END), 0),
             COALESCE(SUM(CASE WHEN callback = $2 AND topic = $3 THEN 0 WHEN host = $1 THEN 1 ELSE 0 END), 0),
             COALESCE(SUM(CASE WHEN callback = $2 AND topic = $3 THEN 1 ELSE 0 END), 0)
         FROM (SELECT callback, topic, host FROM hub_subscription WHERE until > $4
               UNION SELECT callback, topic, host FROM hub_request) held",
    )
    .bind(asked.host.to_vec())
    .bind(asked.callback.to_vec())
    .bind(asked.topic.as_str())
    .bind(millis(now))
    .fetch_one(connection)
    .await?;
    Ok(Held { all: row.try_get(0)?, at_host: row.try_get(1)?, is_known: row.try_get::<i64, _>(2)? > 0 })
}

async fn mark_untold(
    connection: &mut AnyConnection,
    source: &str,
    topics: &str,
    hubs: &[String],
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let statement = format!("DELETE FROM hub_ping WHERE topic NOT IN (SELECT v.topic FROM {source} v)");
    sqlx::query(sqlx::AssertSqlSafe(statement)).bind(topics).execute(&mut *connection).await?;
    let known: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT hub FROM hub_ping").fetch_all(&mut *connection).await?;
    for hub in known.iter().filter(|hub| !hubs.contains(hub)) {
        let query = sqlx::query("DELETE FROM hub_ping WHERE hub = $1").bind(hub.as_str());
        query.execute(&mut *connection).await?;
    }
    for hub in hubs {
        let statement = format!(
            "UPDATE hub_ping SET due_at = $2 WHERE due_at = $3 AND hub = $4
             AND (topic, told) NOT IN (SELECT v.topic, v.etag FROM {source} v)"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(topics).bind(millis(now)).bind(NEVER);
        query.bind(hub.as_str()).execute(&mut *connection).await?;
        let statement = format!(
            "INSERT INTO hub_ping (hub, topic, told, failures, due_at)
             SELECT CAST($2 AS TEXT), v.topic, v.etag, 0, CAST($3 AS BIGINT) FROM {source} v WHERE 1 = 1
             ON CONFLICT (hub, topic) DO NOTHING"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(topics).bind(hub.as_str()).bind(NEVER);
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

fn number(mode: Mode) -> i64 {
    match mode {
        Mode::Subscribe => 0,
        Mode::Unsubscribe => 1,
    }
}

fn unverified(row: &AnyRow) -> anyhow::Result<Unverified> {
    let mode = if row.try_get::<i64, _>(0)? == 0 { Mode::Subscribe } else { Mode::Unsubscribe };
    Ok(Unverified {
        mode,
        callback: row.try_get(1)?,
        topic: row.try_get(2)?,
        sealed: row.try_get(3)?,
        lease: TimeDelta::try_seconds(row.try_get(4)?).unwrap_or_default(),
        etag: row.try_get(5)?,
        attempts: small(row.try_get(6)?),
    })
}

fn behind(row: &AnyRow) -> anyhow::Result<Behind> {
    Ok(Behind {
        id: row.try_get(0)?,
        callback: row.try_get(1)?,
        topic: row.try_get(2)?,
        sealed: row.try_get(3)?,
        until: instant(row.try_get(4)?),
        delivered: row.try_get(5)?,
        failures: small(row.try_get(6)?),
    })
}
