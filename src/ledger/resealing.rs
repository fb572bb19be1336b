//! Resealing: the addresses under a new key, a page a commit.

use anyhow::Context;
use chrono::{DateTime, Utc};

use crate::ledger::publishing::{Kept, put_mark, set_mark};
use crate::ledger::{BYTES, Ledger, hex, millis, rows_text};
use crate::subscriber::{Key, SubscriberId};

/// An address sealed anew.
#[derive(Debug, Clone)]
pub struct Resealed {
    /// Whose.
    pub subscriber: SubscriberId,
    /// The hash that it is bound to.
    pub lookup: Vec<u8>,
    /// The sealed address.
    pub sealed: Vec<u8>,
}

// How far it has come, so that it goes on there.
const MARK: &str = "reseal";

// The number of the key that addresses are sealed with; none before it was ever changed.
const KEY: &str = "key";

// Since when sending is held for this, when nobody else had held it.
const HOLD: &str = "reseal_hold";

impl Ledger {
    /// The last subscriber whose address was sealed anew, while that is going on.
    pub async fn resealed_until(&self) -> anyhow::Result<Option<SubscriberId>> {
        self.mark(MARK).await
    }

    /// Whether a key is the one that addresses are sealed with, and not one that was changed since it was read.
    pub async fn is_sealed_with(&self, key: &Key) -> anyhow::Result<bool> {
        let number = self.mark(KEY).await?;
        Ok(number.is_none_or(|number| key.seal_numbers().any(|own| own == number)))
    }

    /// Holds sending until `let_go`; what is held already stays so after it.
    pub async fn hold_for_reseal(&self, now: DateTime<Utc>) -> anyhow::Result<()> {
        let mut transaction = self.begin_writing().await.context("hold")?;
        if set_mark(&mut transaction, "held", now, Kept::First).await? {
            put_mark(&mut transaction, HOLD, millis(now)).await?;
        }
        transaction.commit().await.context("hold")
    }

    /// Lets sending go on, when it is held for this alone.
    pub async fn let_go(&self) -> anyhow::Result<()> {
        let mut transaction = self.begin_writing().await.context("let go")?;
        for statement in [
            "DELETE FROM mark WHERE name = 'held' AND value = (SELECT value FROM mark WHERE name = $1)",
            "DELETE FROM mark WHERE name = $1",
        ] {
            sqlx::query(statement).bind(HOLD).execute(&mut *transaction).await.context("let go")?;
        }
        transaction.commit().await.context("let go")
    }

    /// Whether a process on any machine publishes, or holds what it is to send.
    pub async fn is_served(&self, now: DateTime<Utc>) -> anyhow::Result<bool> {
        let statement = "SELECT (SELECT COUNT(*) FROM lease WHERE name = 'publish' AND until > $1)
            + (SELECT COUNT(*) FROM delivery WHERE state = 1 AND state < 2 AND due_at > $1)";
        let count: i64 = sqlx::query_scalar(statement)
            .bind(millis(now))
            .fetch_one(&self.read)
            .await
            .context("ask who works with the ledger")?;
        Ok(count > 0)
    }

    /// From now on addresses are sealed with the key of that number: whoever has it not seals and sends nothing.
    pub async fn begin_reseal(&self, number: i64) -> anyhow::Result<()> {
        let mut transaction = self.begin_writing().await.context("begin to seal addresses anew")?;
        put_mark(&mut transaction, KEY, number).await?;
        put_mark(&mut transaction, MARK, 0).await?;
        transaction.commit().await.context("begin to seal addresses anew")
    }

    /// Any key may be that of the addresses: the one that was is destroyed.
    pub async fn forget_key(&self) -> anyhow::Result<()> {
        let done = sqlx::query("DELETE FROM mark WHERE name = $1").bind(KEY).execute(&self.write).await;
        done.context("forget the key")?;
        Ok(())
    }

    /// Puts the addresses in their places and writes down how far it has come, in one commit.
    pub async fn reseal(&self, resealed: &[Resealed], until: SubscriberId) -> anyhow::Result<()> {
        let rows: Vec<_> =
            resealed.iter().map(|one| (one.subscriber, hex(&one.lookup), hex(&one.sealed))).collect();
        let source = self.dialect.rows(&[("id", "BIGINT"), ("lookup", BYTES), ("sealed", BYTES)]);
        let mut transaction = self.begin_writing().await.context("begin to seal addresses anew")?;
        let statement = format!(
            "UPDATE subscriber SET sealed = v.sealed FROM {source} v
             WHERE subscriber.id = v.id AND subscriber.lookup = v.lookup"
        );
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(rows_text(&rows)?)
            .execute(&mut *transaction)
            .await
            .context("seal addresses anew")?;
        put_mark(&mut transaction, MARK, until).await?;
        transaction.commit().await.context("end to seal addresses anew")
    }

    /// All are sealed anew.
    pub async fn end_reseal(&self) -> anyhow::Result<()> {
        sqlx::query("DELETE FROM mark WHERE name = $1")
            .bind(MARK)
            .execute(&self.write)
            .await
            .context("end to seal addresses anew")?;
        Ok(())
    }
}
