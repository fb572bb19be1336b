//! Subscribing: who is on which list; addresses come in and go out sealed.

use std::borrow::Borrow;
use std::collections::BTreeSet;

use anyhow::Context;
use sqlx::{AnyConnection, Row};

use crate::ledger::{BYTES, Dialect, Ledger, hex, millis, rows_text};
use crate::subscriber::{Address, Key, Standing, SubscriberId, Suppression};

/// A subscriber to be written down.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// Finds the address.
    pub lookup: [u8; 32],
    /// The sealed address.
    pub sealed: Vec<u8>,
    /// Where they stand; who left elsewhere or bounced there is only a hash here.
    pub standing: Standing,
    /// The lists that they asked for.
    pub lists: Vec<String>,
    /// BCP 47.
    pub lang: String,
    /// `2020-04`: the least that shows consent.
    pub confirmed_month: String,
}

/// A subscriber as the ledger holds them.
#[derive(Debug, Clone)]
pub struct Held {
    /// Their number.
    pub id: SubscriberId,
    /// Finds the address.
    pub lookup: Vec<u8>,
    /// The sealed address.
    pub sealed: Vec<u8>,
    /// As `Standing::number`.
    pub standing: i64,
    /// BCP 47.
    pub lang: String,
    /// Their lists, in order.
    pub lists: Vec<String>,
}

// Rows a statement: at 1,000 the cost of a statement is lost in that of its rows, and its text is 300 kB.
const BATCH: usize = 1_000;

/// The address, sealed with random bytes of its own.
pub fn seal(key: &Key, address: &Address) -> anyhow::Result<Vec<u8>> {
    Ok(key.seal(address, nonce()?))
}

/// A nonce to seal with, drawn anew.
pub fn nonce() -> anyhow::Result<[u8; 24]> {
    let mut nonce = [0; 24];
    getrandom::fill(&mut nonce).context("draw random bytes")?;
    Ok(nonce)
}

impl Ledger {
    /// Writes down newcomers in one commit; who is known already gains the lists, and who was pending is confirmed with
    /// a confirmed newcomer. Who left or is suppressed is not brought back, and of a newcomer who did so elsewhere a
    /// hash is kept. Answers how many subscribers were new.
    pub async fn add_subscribers(&self, newcomers: &[Newcomer]) -> anyhow::Result<u64> {
        let mut transaction = self.begin_writing().await.context("begin an import")?;
        let mut added = 0;
        for batch in newcomers.chunks(BATCH) {
            insert_suppressions(&mut transaction, self.dialect, batch).await?;
            added += insert_subscribers(&mut transaction, self.dialect, batch).await?;
            confirm_pending(&mut transaction, self.dialect, batch).await?;
            insert_subscriptions(&mut transaction, self.dialect, batch).await?;
        }
        transaction.commit().await.context("end an import")?;
        Ok(added)
    }

    /// The subscriber of a lookup hash.
    pub async fn find_subscriber(&self, lookup: &[u8; 32]) -> anyhow::Result<Option<Held>> {
        let row = sqlx::query("SELECT id, lookup, sealed, standing, lang FROM subscriber WHERE lookup = $1")
            .bind(lookup.to_vec())
            .fetch_optional(&self.read)
            .await
            .context("find a subscriber")?;
        let Some(row) = row else { return Ok(None) };
        let id = row.try_get(0)?;
        let lists = sqlx::query_scalar("SELECT list FROM subscription WHERE subscriber = $1 ORDER BY list")
            .bind(id)
            .fetch_all(&self.read)
            .await
            .context("read a subscriber's lists")?;
        Ok(Some(Held {
            id,
            lookup: row.try_get(1)?,
            sealed: row.try_get(2)?,
            standing: row.try_get(3)?,
            lang: row.try_get(4)?,
            lists,
        }))
    }

    /// Which of these lookup hashes are of nobody here.
    pub async fn absent(&self, lookups: &[[u8; 32]]) -> anyhow::Result<BTreeSet<[u8; 32]>> {
        let rows: Vec<[String; 1]> = lookups.iter().map(|lookup| [hex(lookup)]).collect();
        let source = self.dialect.rows(&[("lookup", BYTES)]);
        let statement = format!(
            "SELECT lookup FROM {source} v WHERE (SELECT 1 FROM subscriber s WHERE s.lookup = v.lookup) IS NULL"
        );
        let absent: Vec<Vec<u8>> = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .bind(rows_text(&rows)?)
            .fetch_all(&self.read)
            .await
            .context("look for who is not here")?;
        Ok(absent.into_iter().filter_map(|lookup| lookup.try_into().ok()).collect())
    }

    /// Addresses as they lie sealed, with their lookup hashes: of those who came first and of those who came last. Enough to
    /// tell a key that does not fit from a row that is broken.
    pub async fn some_sealed(&self) -> anyhow::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        sqlx::query_as(
            "SELECT lookup, sealed FROM subscriber WHERE id IN (SELECT id FROM subscriber ORDER BY id LIMIT 20)
             UNION ALL SELECT lookup, sealed FROM subscriber
                 WHERE id IN (SELECT id FROM subscriber ORDER BY id DESC LIMIT 20)",
        )
        .fetch_all(&self.read)
        .await
        .context("read some sealed addresses")
    }

    /// The language of a subscriber, BCP 47 or empty; none when they are gone.
    pub async fn lang_of(&self, subscriber: SubscriberId) -> anyhow::Result<Option<String>> {
        sqlx::query_scalar("SELECT lang FROM subscriber WHERE id = $1")
            .bind(subscriber)
            .fetch_optional(&self.read)
            .await
            .context("read a subscriber's language")
    }

    /// The lists of a subscriber who gets mail, in order.
    pub async fn lists_of(&self, subscriber: SubscriberId) -> anyhow::Result<Vec<String>> {
        sqlx::query_scalar(
            "SELECT p.list FROM subscription p JOIN subscriber s ON s.id = p.subscriber
             WHERE p.subscriber = $1 AND s.standing = 1 ORDER BY p.list",
        )
        .bind(subscriber)
        .fetch_all(&self.read)
        .await
        .context("read a subscriber's lists")
    }

    /// How many subscribers each list has, by standing: (list, standing, count).
    pub async fn subscriber_counts(&self) -> anyhow::Result<Vec<(String, i64, i64)>> {
        let rows = sqlx::query(
            "SELECT p.list, s.standing, COUNT(*) FROM subscription p JOIN subscriber s ON s.id = p.subscriber
             GROUP BY p.list, s.standing ORDER BY p.list, s.standing",
        )
        .fetch_all(&self.read)
        .await
        .context("count the subscribers")?;
        rows.into_iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
    }
}

/// One statement; answers how many were new.
pub(crate) async fn insert_subscribers(
    connection: &mut AnyConnection,
    dialect: Dialect,
    batch: &[impl Borrow<Newcomer>],
) -> anyhow::Result<u64> {
    let rows: Vec<_> = batch
        .iter()
        .map(Borrow::borrow)
        .filter(|newcomer| match newcomer.standing {
            Standing::Pending | Standing::Confirmed => true,
            Standing::Unsubscribed | Standing::Suppressed(_) => false,
        })
        .map(|newcomer| {
            let (lookup, sealed) = (hex(&newcomer.lookup), hex(&newcomer.sealed));
            (lookup, sealed, newcomer.standing.number(), &newcomer.lang, &newcomer.confirmed_month)
        })
        .collect();
    let source = dialect.rows(&[
        ("lookup", BYTES),
        ("sealed", BYTES),
        ("standing", "BIGINT"),
        ("lang", "TEXT"),
        ("confirmed_month", "TEXT"),
    ]);
    let statement = format!(
        "INSERT INTO subscriber (lookup, sealed, standing, lang, confirmed_month)
         SELECT lookup, sealed, standing, lang, confirmed_month FROM {source} v
         WHERE (SELECT 1 FROM suppression x WHERE x.lookup = v.lookup) IS NULL
         ON CONFLICT (lookup) DO NOTHING"
    );
    let done = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(rows_text(&rows)?)
        .execute(connection)
        .await
        .context("write down subscribers")?;
    Ok(done.rows_affected())
}

/// After the statement of the subscribers: who asked by themselves and has not confirmed is confirmed with a newcomer
/// who is. What they asked for waits for their own button all the same, and who left before they asked waits with it.
pub(crate) async fn confirm_pending(
    connection: &mut AnyConnection,
    dialect: Dialect,
    batch: &[impl Borrow<Newcomer>],
) -> anyhow::Result<()> {
    let rows: Vec<(String, &str)> = batch
        .iter()
        .map(Borrow::borrow)
        .filter(|newcomer| newcomer.standing == Standing::Confirmed)
        .map(|newcomer| (hex(&newcomer.lookup), newcomer.confirmed_month.as_str()))
        .collect();
    let source = dialect.rows(&[("lookup", BYTES), ("confirmed_month", "TEXT")]);
    // Row by row over the index: for a join PostgreSQL reads all the subscribers there are, in every batch.
    let statement = format!(
        "SELECT id, confirmed_month FROM (
             SELECT v.confirmed_month, (SELECT s.id FROM subscriber s WHERE s.lookup = v.lookup AND s.standing = 0
                 AND NOT EXISTS (SELECT 1 FROM suppression x WHERE x.lookup = s.lookup)) AS id FROM {source} v) found
         WHERE id IS NOT NULL"
    );
    let pending: Vec<(SubscriberId, String)> = sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .bind(rows_text(&rows)?)
        .fetch_all(&mut *connection)
        .await
        .context("look for those who are pending")?;
    for (id, month) in pending {
        sqlx::query("UPDATE subscriber SET standing = 1, confirmed_month = $2 WHERE id = $1")
            .bind(id)
            .bind(month)
            .execute(&mut *connection)
            .await
            .context("confirm who was pending")?;
    }
    Ok(())
}

/// One statement: those who left or whose mail came back, so that nobody writes to them.
pub(crate) async fn insert_suppressions(
    connection: &mut AnyConnection,
    dialect: Dialect,
    batch: &[impl Borrow<Newcomer>],
) -> anyhow::Result<()> {
    let rows: Vec<(String, &str, i64)> = batch
        .iter()
        .map(Borrow::borrow)
        .filter_map(|newcomer| {
            let (reason, at) = match newcomer.standing {
                Standing::Pending | Standing::Confirmed => return None,
                Standing::Unsubscribed => ("left", 0),
                Standing::Suppressed(Suppression::Bounced { at }) => ("bounced", millis(at)),
                Standing::Suppressed(Suppression::Complained) => ("complained", 0),
            };
            Some((hex(&newcomer.lookup), reason, at))
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let source = dialect.rows(&[("lookup", BYTES), ("reason", "TEXT"), ("at", "BIGINT")]);
    let statement = format!(
        "INSERT INTO suppression (lookup, reason, at) SELECT lookup, reason, at FROM {source} v
         WHERE (SELECT 1 FROM subscriber s WHERE s.lookup = v.lookup) IS NULL ON CONFLICT (lookup) DO NOTHING"
    );
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(rows_text(&rows)?)
        .execute(connection)
        .await
        .context("write down who left elsewhere")?;
    Ok(())
}

/// One statement, after those of the subscribers. Who left and has asked again gets nothing but what they confirm.
pub(crate) async fn insert_subscriptions(
    connection: &mut AnyConnection,
    dialect: Dialect,
    batch: &[impl Borrow<Newcomer>],
) -> anyhow::Result<()> {
    let rows: Vec<(&str, String)> = batch
        .iter()
        .map(Borrow::borrow)
        .flat_map(|newcomer| newcomer.lists.iter().map(|list| (list.as_str(), hex(&newcomer.lookup))))
        .collect();
    let source = dialect.rows(&[("list", "TEXT"), ("lookup", BYTES)]);
    // Row by row over the index: for a join PostgreSQL reads all the subscribers there are, in every batch.
    let statement = format!(
        "INSERT INTO subscription (list, subscriber) SELECT list, id FROM (
             SELECT v.list, (SELECT s.id FROM subscriber s WHERE s.lookup = v.lookup AND (s.standing = 1
                 OR s.standing = 0 AND NOT EXISTS (SELECT 1 FROM suppression x WHERE x.lookup = s.lookup))) AS id
             FROM {source} v) known
         WHERE id IS NOT NULL ON CONFLICT (list, subscriber) DO NOTHING"
    );
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(rows_text(&rows)?)
        .execute(connection)
        .await
        .context("write down subscriptions")?;
    Ok(())
}
