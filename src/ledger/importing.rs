//! Importing: many people in at once, and out again.

use anyhow::Context;
use sqlx::{AnyConnection, Row};

use crate::ledger::publishing::put_mark;
use crate::ledger::subscribing::{
    Newcomer, confirm_pending, insert_subscribers, insert_subscriptions, insert_suppressions,
};
use crate::ledger::{BYTES, Dialect, Ledger, hex, rows_text};
use crate::subscriber::SubscriberId;

/// How far a file was imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of it.
    pub end: u64,
    /// The line that comes next, from 1.
    pub line: u64,
}

/// A newcomer and the line of the file that names them.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// From 1.
    pub line: u64,
    /// Who.
    pub newcomer: Newcomer,
}

/// What became of the arrivals.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Imported {
    /// New on the list.
    pub added: u64,
    /// There before this import; they gained the lists that they did not have.
    pub known: u64,
    /// Lines whose address an earlier line of the same import has.
    pub repeated: Vec<u64>,
}

/// Somebody as they are exported.
#[derive(Debug, Clone)]
pub struct Exported {
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
    /// `2020-04`, or nothing.
    pub confirmed_month: String,
    /// Their lists, in order.
    pub lists: Vec<String>,
}

// Rows a statement: at 1,000 the cost of a statement is lost in that of its rows, and its text is 300 kB.
const BATCH: usize = 1_000;

impl Ledger {
    /// The highest number of a subscriber; who has a higher one came later.
    pub async fn last_subscriber(&self) -> anyhow::Result<SubscriberId> {
        sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) FROM subscriber")
            .fetch_one(&self.read)
            .await
            .context("count the subscribers")
    }

    /// How far the file of that digest was imported when the last import of it was interrupted.
    pub async fn import_progress(&self, digest: &str) -> anyhow::Result<Option<Progress>> {
        let (end, line) = (self.mark(&end_mark(digest)).await?, self.mark(&line_mark(digest)).await?);
        let number = |value: i64| u64::try_from(value).unwrap_or(0);
        Ok(end.zip(line).map(|(end, line)| Progress { end: number(end), line: number(line) }))
    }

    /// Writes down the arrivals and how far the file is read, in one commit. Sorted by lookup hash they cost the
    /// least. `before` is the last subscriber's number before the import.
    pub async fn import(
        &self,
        digest: &str,
        arrivals: &[Arrival],
        before: SubscriberId,
        progress: Progress,
    ) -> anyhow::Result<Imported> {
        let mut transaction = self.begin_writing().await.context("begin an import")?;
        let mut imported = Imported::default();
        for batch in arrivals.chunks(BATCH) {
            for (line, id) in already_there(&mut transaction, self.dialect, batch).await? {
                if id > before {
                    imported.repeated.push(line);
                } else {
                    imported.known += 1;
                }
            }
            let newcomers: Vec<&Newcomer> = batch.iter().map(|arrival| &arrival.newcomer).collect();
            insert_suppressions(&mut transaction, self.dialect, &newcomers).await?;
            imported.added += insert_subscribers(&mut transaction, self.dialect, &newcomers).await?;
            confirm_pending(&mut transaction, self.dialect, &newcomers).await?;
            insert_subscriptions(&mut transaction, self.dialect, &newcomers).await?;
        }
        for (name, value) in [(end_mark(digest), progress.end), (line_mark(digest), progress.line)] {
            put_mark(&mut transaction, &name, i64::try_from(value).unwrap_or(i64::MAX)).await?;
        }
        transaction.commit().await.context("end an import")?;
        Ok(imported)
    }

    /// Forgets how far a file was imported: it is done.
    pub async fn end_import(&self, digest: &str) -> anyhow::Result<()> {
        sqlx::query("DELETE FROM mark WHERE name IN ($1, $2)")
            .bind(end_mark(digest))
            .bind(line_mark(digest))
            .execute(&self.write)
            .await
            .context("end an import")?;
        Ok(())
    }

    /// Up to `most` subscribers with numbers above `after`, in their order.
    pub async fn subscribers_after(&self, after: SubscriberId, most: u32) -> anyhow::Result<Vec<Exported>> {
        let rows = sqlx::query(
            "SELECT id, lookup, sealed, standing, lang, confirmed_month FROM subscriber WHERE id > $1
             ORDER BY id LIMIT $2",
        )
        .bind(after)
        .bind(i64::from(most))
        .fetch_all(&self.read)
        .await
        .context("read subscribers")?;
        let mut subscribers: Vec<Exported> = Vec::with_capacity(rows.len());
        for row in rows {
            subscribers.push(Exported {
                id: row.try_get(0)?,
                lookup: row.try_get(1)?,
                sealed: row.try_get(2)?,
                standing: row.try_get(3)?,
                lang: row.try_get(4)?,
                confirmed_month: row.try_get(5)?,
                lists: Vec::new(),
            });
        }
        let Some(last) = subscribers.last().map(|subscriber| subscriber.id) else { return Ok(subscribers) };
        let lists = sqlx::query(
            "SELECT subscriber, list FROM subscription WHERE subscriber > $1 AND subscriber <= $2
             ORDER BY subscriber, list",
        )
        .bind(after)
        .bind(last)
        .fetch_all(&self.read)
        .await
        .context("read the lists of subscribers")?;
        for row in lists {
            let id: SubscriberId = row.try_get(0)?;
            if let Ok(at) = subscribers.binary_search_by_key(&id, |subscriber| subscriber.id) {
                subscribers[at].lists.push(row.try_get(1)?);
            }
        }
        Ok(subscribers)
    }
}

fn end_mark(digest: &str) -> String {
    format!("import/{digest}/end")
}

fn line_mark(digest: &str) -> String {
    format!("import/{digest}/line")
}

// The lines whose addresses are on the list already, with their numbers there.
async fn already_there(
    connection: &mut AnyConnection,
    dialect: Dialect,
    batch: &[Arrival],
) -> anyhow::Result<Vec<(u64, SubscriberId)>> {
    let rows: Vec<_> = batch.iter().map(|arrival| (arrival.line, hex(&arrival.newcomer.lookup))).collect();
    let source = dialect.rows(&[("line", "BIGINT"), ("lookup", BYTES)]);
    // Row by row over the index: for a join PostgreSQL reads all the subscribers there are, in every batch.
    let statement = format!(
        "SELECT line, id FROM (
             SELECT v.line, (SELECT s.id FROM subscriber s WHERE s.lookup = v.lookup) AS id FROM {source} v) found
         WHERE id IS NOT NULL ORDER BY line"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(rows_text(&rows)?)
        .fetch_all(connection)
        .await
        .context("look for those who are on the list")?;
    let found = rows.into_iter().map(|row| {
        let line: i64 = row.try_get(0)?;
        Ok((u64::try_from(line).unwrap_or(0), row.try_get(1)?))
    });
    found.collect()
}
