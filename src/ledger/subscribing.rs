//! Subscribing: who is on which list; addresses come in and go out sealed.

use anyhow::Context;
use sqlx::Row;

use crate::ledger::Ledger;
use crate::subscriber::{Standing, SubscriberId};

/// A subscriber to be written down.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// Finds the address.
    pub lookup: [u8; 32],
    /// The sealed address.
    pub sealed: Vec<u8>,
    /// Where they stand.
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

impl Ledger {
    /// Writes down newcomers in one commit; who is known already keeps their state and gains the lists, unless
    /// they left or are suppressed. Answers how many were new.
    pub async fn add_subscribers(&self, newcomers: &[Newcomer]) -> anyhow::Result<u64> {
        let mut transaction = self.write.begin().await.context("begin an import")?;
        let mut added = 0;
        for newcomer in newcomers {
            let done = sqlx::query(
                "INSERT INTO subscriber (lookup, sealed, standing, lang, confirmed_month) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (lookup) DO NOTHING",
            )
            .bind(newcomer.lookup.to_vec())
            .bind(newcomer.sealed.clone())
            .bind(newcomer.standing.number())
            .bind(&newcomer.lang)
            .bind(&newcomer.confirmed_month)
            .execute(&mut *transaction)
            .await
            .context("write down a subscriber")?;
            added += done.rows_affected();
            for list in &newcomer.lists {
                sqlx::query(
                    "INSERT INTO subscription (list, subscriber) SELECT $1, id FROM subscriber
                     WHERE lookup = $2 AND standing IN (0, 1) ON CONFLICT (list, subscriber) DO NOTHING",
                )
                .bind(list)
                .bind(newcomer.lookup.to_vec())
                .execute(&mut *transaction)
                .await
                .context("write down a subscription")?;
            }
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

    /// Takes a subscriber off a list; off the last one, they are unsubscribed.
    pub async fn leave(&self, subscriber: SubscriberId, list: &str) -> anyhow::Result<()> {
        let mut transaction = self.write.begin().await.context("begin to leave")?;
        sqlx::query("DELETE FROM subscription WHERE subscriber = $1 AND list = $2")
            .bind(subscriber)
            .bind(list)
            .execute(&mut *transaction)
            .await
            .context("leave a list")?;
        sqlx::query(
            "UPDATE subscriber SET standing = 2 WHERE id = $1 AND standing = 1
             AND NOT EXISTS (SELECT 1 FROM subscription WHERE subscriber = $1)",
        )
        .bind(subscriber)
        .execute(&mut *transaction)
        .await
        .context("leave")?;
        transaction.commit().await.context("end to leave")
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
