//! Resealing: the addresses under a new key, a page a commit.

use anyhow::Context;

use crate::ledger::publishing::put_mark;
use crate::ledger::{BYTES, Ledger, hex, rows_text};
use crate::subscriber::SubscriberId;

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

impl Ledger {
    /// The last subscriber whose address was sealed anew, while that is going on.
    pub async fn resealed_until(&self) -> anyhow::Result<Option<SubscriberId>> {
        self.mark(MARK).await
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
