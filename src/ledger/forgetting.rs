//! Forgetting: who leaves, who must not be written to, and what is not kept any longer.

use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{AnyConnection, Row};

use crate::ledger::asking::{held_standing, standing_of};
use crate::ledger::publishing::raise_mark;
use crate::ledger::returning::{forget_returned, forgive};
use crate::ledger::{Ledger, millis, rows_text};
use crate::subscriber::{self, Event, HOUR, PENDING_LIFE, PERSON_LONG_SPAN, Standing, SubscriberId};

/// What `tidy` took out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tidied {
    /// Requests that nobody confirmed.
    pub requests: u64,
    /// Tries whose detail is erased.
    pub attempts: u64,
    /// Counted confirmations that no cap needs any more.
    pub confirmations: u64,
    /// What came back so long ago that it counts no more.
    pub returned: u64,
}

/// How long the detail of a try is kept: what the other side said, when and how often. Long enough to find out
/// why mail does not arrive; the counts stay.
pub const DETAIL_LIFE: TimeDelta = TimeDelta::days(7);

/// How late a deliverer may notice that somebody has left: who answers them waits so long, and is then right that
/// no mail goes out any more that has not entered SMTP.
pub const NOTICED_WITHIN: Duration = Duration::from_millis(20);

impl Ledger {
    /// Takes a subscriber off a list, off lists that send them its issues instead of their alerts, and off what they
    /// asked for. Off the last one they are forgotten but for a hash. No mail of it is claimed after this.
    pub async fn leave(&self, subscriber: SubscriberId, list: &str) -> anyhow::Result<()> {
        let mut transaction = self.begin_writing().await.context("begin to leave")?;
        for statement in [
            "DELETE FROM subscription WHERE subscriber = $1 AND (list = $2 OR digest = $2)",
            "DELETE FROM request WHERE subscriber = $1 AND list = $2",
        ] {
            let query = sqlx::query(statement).bind(subscriber).bind(list);
            query.execute(&mut *transaction).await.context("leave a list")?;
        }
        depart(&mut transaction).await?;
        let row = sqlx::query(
            "SELECT s.lookup, s.standing, (SELECT COUNT(*) FROM subscription WHERE subscriber = $1),
                 (SELECT COUNT(*) FROM request WHERE subscriber = $1) FROM subscriber s WHERE s.id = $1",
        )
        .bind(subscriber)
        .fetch_optional(&mut *transaction)
        .await
        .context("count what is left")?;
        if let Some(row) = row {
            let (lookup, standing): (Vec<u8>, i64) = (row.try_get(0)?, row.try_get(1)?);
            match (row.try_get::<i64, _>(2)?, row.try_get::<i64, _>(3)?) {
                (0, 0) => {
                    remove(&mut transaction, subscriber, Event::Left, DateTime::UNIX_EPOCH).await?;
                }
                // They have left, and what they ask for waits for their button.
                (0, _) if standing == Standing::Confirmed.number() => {
                    write_reason(&mut transaction, &lookup, Event::Left, DateTime::UNIX_EPOCH).await?;
                    sqlx::query("UPDATE subscriber SET standing = $2 WHERE id = $1")
                        .bind(subscriber)
                        .bind(Standing::Pending.number())
                        .execute(&mut *transaction)
                        .await
                        .context("leave the last list")?;
                }
                _ => {}
            }
        }
        transaction.commit().await.context("end to leave")
    }

    /// Takes a subscriber off everything; they are forgotten but for a hash.
    pub async fn leave_all(&self, subscriber: SubscriberId) -> anyhow::Result<()> {
        self.remove(subscriber, Event::Left, DateTime::UNIX_EPOCH).await?;
        Ok(())
    }

    /// Forgets a subscriber but for a hash. Answers whether they were here.
    pub async fn erase(&self, subscriber: SubscriberId) -> anyhow::Result<bool> {
        self.remove(subscriber, Event::Erased, DateTime::UNIX_EPOCH).await
    }

    /// Forgets a subscriber whose mail bounces, or who complained, but for a hash that keeps them from being
    /// written to. Answers whether they were here.
    pub async fn suppress(
        &self,
        subscriber: SubscriberId,
        event: Event,
        now: DateTime<Utc>,
    ) -> anyhow::Result<bool> {
        self.remove(subscriber, event, now).await
    }

    /// Keeps an address from being written to, whether it is here or not.
    pub async fn suppress_address(
        &self,
        lookup: &[u8; 32],
        event: Event,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let mut transaction = self.begin_writing().await.context("begin to suppress")?;
        let id: Option<i64> = sqlx::query_scalar("SELECT id FROM subscriber WHERE lookup = $1")
            .bind(lookup.to_vec())
            .fetch_optional(&mut *transaction)
            .await
            .context("find whom to suppress")?;
        match id {
            Some(id) => {
                remove(&mut transaction, id, event, now).await?;
            }
            None => {
                let standing = standing_of(&mut transaction, lookup).await?;
                let to = subscriber::step(standing, event, now).standing;
                if to != standing {
                    write_reason(&mut transaction, lookup, event, now).await?;
                }
            }
        }
        transaction.commit().await.context("end to suppress")
    }

    /// Takes a suppression back: the address may ask again. Answers whether there was one.
    pub async fn lift(&self, lookup: &[u8; 32]) -> anyhow::Result<bool> {
        let mut transaction = self.begin_writing().await.context("begin to lift")?;
        let standing = standing_of(&mut transaction, lookup).await?;
        let lifted = subscriber::step(standing, Event::Lifted, DateTime::UNIX_EPOCH).standing != standing;
        if lifted {
            sqlx::query("DELETE FROM suppression WHERE lookup = $1")
                .bind(lookup.to_vec())
                .execute(&mut *transaction)
                .await
                .context("lift a suppression")?;
        }
        transaction.commit().await.context("end to lift")?;
        Ok(lifted)
    }

    /// Takes out what is not kept any longer: requests after two days, the detail of tries after seven, counted
    /// confirmations when no cap needs them, and what came back when it counts no more. `digests` are the lists with
    /// issues: who wanted those of another one, which is not there any more, gets alerts again.
    pub async fn tidy(&self, digests: &[&str], now: DateTime<Utc>) -> anyhow::Result<Tidied> {
        let mut transaction = self.begin_writing().await.context("begin to tidy")?;
        let asked_until = millis(now - PENDING_LIFE);
        let mut requests = 0;
        for statement in [
            "DELETE FROM request WHERE subscriber IN (
                 SELECT id FROM subscriber WHERE asked_at > 0 AND asked_at <= $1)",
            "DELETE FROM subscription WHERE subscriber IN (
                 SELECT id FROM subscriber WHERE asked_at > 0 AND asked_at <= $1 AND standing = 0)",
            "DELETE FROM subscriber WHERE asked_at > 0 AND asked_at <= $1
                 AND NOT EXISTS (SELECT 1 FROM subscription p WHERE p.subscriber = subscriber.id)",
            "UPDATE subscriber SET asked_at = 0 WHERE asked_at > 0 AND asked_at <= $1",
        ] {
            let query = sqlx::query(statement).bind(asked_until);
            let done = query.execute(&mut *transaction).await.context("forget requests")?;
            if statement.starts_with("DELETE FROM subscriber ") {
                requests += done.rows_affected();
            }
        }
        let attempts = forget_attempts(&mut transaction, now).await?;
        let mut confirmations = 0;
        for (kind, until) in [(0_i64, now - PERSON_LONG_SPAN), (1, now - HOUR)] {
            let query =
                sqlx::query("DELETE FROM asked WHERE kind = $1 AND at <= $2").bind(kind).bind(millis(until));
            let done = query.execute(&mut *transaction).await.context("forget counted confirmations")?;
            confirmations += done.rows_affected();
        }
        let rows: Vec<[&str; 1]> = digests.iter().map(|list| [*list]).collect();
        let source = self.dialect.rows(&[("list", "TEXT")]);
        let statement = format!(
            "UPDATE subscription SET digest = '' WHERE digest <> '' AND digest NOT IN (SELECT list FROM {source} v)"
        );
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(rows_text(&rows)?)
            .execute(&mut *transaction)
            .await
            .context("forget digests")?;
        let returned = forget_returned(&mut transaction, now).await?;
        transaction.commit().await.context("end to tidy")?;
        Ok(Tidied { requests, attempts, confirmations, returned })
    }

    async fn remove(
        &self,
        subscriber: SubscriberId,
        event: Event,
        now: DateTime<Utc>,
    ) -> anyhow::Result<bool> {
        let mut transaction = self.begin_writing().await.context("begin to forget")?;
        let removed = remove(&mut transaction, subscriber, event, now).await?;
        transaction.commit().await.context("end to forget")?;
        Ok(removed)
    }
}

/// Erases a subscriber's row where the event takes them off, leaving a hash with the reason. Deliveries keep the
/// bare number, so that their counts reconcile; it is never given to anybody else.
pub(crate) async fn remove(
    connection: &mut AnyConnection,
    subscriber: SubscriberId,
    event: Event,
    now: DateTime<Utc>,
) -> anyhow::Result<bool> {
    let row = sqlx::query("SELECT lookup, standing FROM subscriber WHERE id = $1")
        .bind(subscriber)
        .fetch_optional(&mut *connection)
        .await
        .context("find whom to forget")?;
    let Some(row) = row else { return Ok(false) };
    depart(connection).await?;
    let lookup: Vec<u8> = row.try_get(0)?;
    match subscriber::step(held_standing(row.try_get(1)?, "", 0), event, now).standing {
        Standing::Pending | Standing::Confirmed => return Ok(false),
        Standing::Unsubscribed | Standing::Suppressed(_) => {}
    }
    write_reason(connection, &lookup, event, now).await?;
    forgive(connection, subscriber).await?;
    for statement in [
        "DELETE FROM subscription WHERE subscriber = $1",
        "DELETE FROM request WHERE subscriber = $1",
        "DELETE FROM subscriber WHERE id = $1",
    ] {
        sqlx::query(statement)
            .bind(subscriber)
            .execute(&mut *connection)
            .await
            .context("forget a subscriber")?;
    }
    Ok(true)
}

async fn write_reason(
    connection: &mut AnyConnection,
    lookup: &[u8],
    event: Event,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    // Only for a bounce it matters when: of the others no time is kept.
    let (reason, at) = match event {
        Event::Left => ("left", 0),
        Event::Erased => ("erased", 0),
        Event::Complained => ("complained", 0),
        Event::Bounced => ("bounced", millis(now)),
        // None of these takes anybody off for good.
        Event::Asked | Event::Confirmed | Event::Expired | Event::Lifted => return Ok(()),
    };
    sqlx::query(
        "INSERT INTO suppression (lookup, reason, at) VALUES ($1, $2, $3)
         ON CONFLICT (lookup) DO UPDATE SET reason = excluded.reason, at = excluded.at",
    )
    .bind(lookup.to_vec())
    .bind(reason)
    .bind(at)
    .execute(connection)
    .await
    .context("keep the hash")?;
    Ok(())
}

// A try so old is of an edition that was planned before it: those alone are looked through, each by its key.
async fn forget_attempts(connection: &mut AnyConnection, now: DateTime<Utc>) -> anyhow::Result<u64> {
    let until = millis(now - DETAIL_LIFE);
    sqlx::query(
        "UPDATE edition SET tries = tries + (SELECT COUNT(*) FROM attempt a WHERE a.edition = edition.id AND a.at <= $1)
         WHERE planned_at <= $1 AND EXISTS (SELECT 1 FROM attempt a WHERE a.edition = edition.id AND a.at <= $1)",
    )
    .bind(until)
    .execute(&mut *connection)
    .await
    .context("count old tries")?;
    let done = sqlx::query(
        "DELETE FROM attempt WHERE at <= $1 AND edition IN (SELECT id FROM edition WHERE planned_at <= $1)",
    )
    .bind(until)
    .execute(connection)
    .await
    .context("forget old tries")?;
    Ok(done.rows_affected())
}

/// Makes `departures` grow, in the transaction of what somebody wants less.
pub(crate) async fn depart(connection: &mut AnyConnection) -> anyhow::Result<()> {
    raise_mark(connection, "departures", 1).await?;
    Ok(())
}
