//! Jumping: a clock that was set ahead, and all that waits for an operator because of it.

use anyhow::{Context, bail};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::AnyConnection;

use crate::clock::Clock;
use crate::ledger::publishing::{Kept, set_mark};
use crate::ledger::{Dialect, Ledger, instant, millis};

// As far as a clock may be behind what was planned by it.
const MOST_APART: TimeDelta = TimeDelta::minutes(5);

impl Ledger {
    /// Whether what follows from the time may be done: not from a jump of the clock on until an operator resumes. Of
    /// several that act at once none is late: who took the time from `clock` before this has noticed the jump, too.
    pub async fn trusts(&self, clock: &Clock) -> anyhow::Result<bool> {
        self.notice_jump(clock).await?;
        Ok(self.jumped_to().await?.is_none())
    }

    /// Holds all that follows from the time when the clock jumped: at any machine, and after a restart. An error where
    /// the clock of a machine is not that of the server of the ledger: it would take from others what they have in
    /// hand, and do at a wrong time what is due.
    pub async fn notice_jump(&self, clock: &Clock) -> anyhow::Result<()> {
        if let Some(at) = self.server_time().await?
            && let Some(ahead) = clock.ahead_of(at).filter(|ahead| ahead.abs() > MOST_APART)
        {
            let (minutes, side) =
                (ahead.num_minutes().abs(), if ahead > TimeDelta::zero() { "ahead of" } else { "behind" });
            bail!(
                "the clock here is {minutes} minutes {side} that of the database server; set right the one that is wrong"
            );
        }
        let Some(jump) = clock.jump() else { return Ok(()) };
        let mut transaction = self.begin_writing().await.context("hold for a jump")?;
        for (name, at) in [("held", jump.from), ("jumped", jump.to)] {
            set_mark(&mut transaction, name, at, Kept::First).await?;
        }
        transaction.commit().await.context("hold for a jump")?;
        clock.settle(jump);
        Ok(())
    }

    // None with SQLite, which has no clock but ours.
    async fn server_time(&self) -> anyhow::Result<Option<DateTime<Utc>>> {
        match self.dialect {
            Dialect::Sqlite => Ok(None),
            Dialect::Postgres => {
                let statement = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";
                let at: i64 = sqlx::query_scalar(statement)
                    .fetch_one(&self.read)
                    .await
                    .context("ask what time it is")?;
                Ok(Some(instant(at)))
            }
        }
    }

    /// Where the clock jumped to; none when it did not, or an operator has resumed since.
    pub async fn jumped_to(&self) -> anyhow::Result<Option<DateTime<Utc>>> {
        Ok(self.mark("jumped").await?.map(instant))
    }
}

/// The end of a jump. What was under way was put off to a time that was never there: it is due again, and who takes
/// it asks anew about quiet hours.
pub(crate) async fn land(connection: &mut AnyConnection, now: DateTime<Utc>) -> anyhow::Result<()> {
    sqlx::query(
        "UPDATE delivery SET due_at = $1 WHERE state = 0 AND due_at > $1
             AND due_at >= (SELECT value FROM mark WHERE name = 'jumped')",
    )
    .bind(millis(now))
    .execute(&mut *connection)
    .await
    .context("bring back what was put off")?;
    sqlx::query("DELETE FROM mark WHERE name = 'jumped'").execute(connection).await.context("end a jump")?;
    Ok(())
}
