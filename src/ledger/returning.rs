//! Returning: what came back from subscribers, and for whom that was enough.

use anyhow::Context;
use chrono::{DateTime, Utc};
use sqlx::{AnyConnection, Row};

use crate::delivery::{Fault, Next, Outcome, State};
use crate::edition::EditionId;
use crate::ledger::delivering::Receipt;
use crate::ledger::{Ledger, instant, millis};
use crate::returned::score::{self, COUNTS_FOR, Event, History, Probe, Reason, Verdict};
use crate::returned::status::{self, Class, Status};
use crate::subscriber::SubscriberId;

/// Something that came back from a subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    /// From whom.
    pub subscriber: SubscriberId,
    /// The edition's number in the ledger; none when the mail was of no edition, or is not known.
    pub edition: Option<i64>,
    /// What.
    pub event: Event,
    /// The code that came with it.
    pub status: Option<Status>,
}

/// Somebody whose address is to be asked whether it still works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Who.
    pub subscriber: SubscriberId,
    /// Finds the address.
    pub lookup: Vec<u8>,
    /// The sealed address.
    pub sealed: Vec<u8>,
    /// BCP 47.
    pub lang: String,
}

/// Why somebody gets no more mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// Why.
    pub reason: Reason,
    /// The code that came with it, `5.1.1`, or empty.
    pub status: String,
    /// Since when.
    pub at: DateTime<Utc>,
}

impl Ledger {
    /// Writes down what came back and does what follows, in one commit. `None` when it is not of a subscriber who
    /// gets mail, or was counted before: one mail counts once, by the worst that is heard of it.
    pub async fn returned(&self, came: &Came, now: DateTime<Utc>) -> anyhow::Result<Option<Verdict>> {
        let mut transaction = self.write.begin().await.context("begin to count what came back")?;
        let verdict = weigh(&mut transaction, came, now).await.context("count what came back")?;
        transaction.commit().await.context("end to count what came back")?;
        Ok(verdict)
    }

    /// The latest editions that went out by mail, `most` at most, with their numbers: among them is the one of a
    /// Message-ID.
    pub async fn mailed(&self, most: u32) -> anyhow::Result<Vec<(i64, EditionId)>> {
        let rows =
            sqlx::query("SELECT id, key FROM edition WHERE audience_kind = 'list' ORDER BY id DESC LIMIT $1")
                .bind(i64::from(most))
                .fetch_all(&self.read)
                .await
                .context("read the latest editions")?;
        rows.iter().map(|row| Ok((row.try_get(0)?, EditionId::from_ledger(row.try_get(1)?)))).collect()
    }

    /// The list of an edition, when it went to one.
    pub async fn list_of(&self, edition: i64) -> anyhow::Result<Option<String>> {
        sqlx::query_scalar("SELECT audience FROM edition WHERE id = $1 AND audience_kind = 'list'")
            .bind(edition)
            .fetch_optional(&self.read)
            .await
            .context("read an edition's list")
    }

    /// Whom to ask whether their address still works, `most` at most, who waits longest first. Whoever has sent
    /// the mail says so by `probe_sent`.
    pub async fn probes_wanted(&self, most: u32) -> anyhow::Result<Vec<Asked>> {
        let rows = sqlx::query(
            "SELECT s.id, s.lookup, s.sealed, s.lang FROM probe p JOIN subscriber s ON s.id = p.subscriber
             WHERE p.sent_at IS NULL AND s.standing = 1 ORDER BY p.wanted_at, s.id LIMIT $1",
        )
        .bind(i64::from(most))
        .fetch_all(&self.read)
        .await
        .context("look for addresses to ask")?;
        rows.iter()
            .map(|row| {
                Ok(Asked {
                    subscriber: row.try_get(0)?,
                    lookup: row.try_get(1)?,
                    sealed: row.try_get(2)?,
                    lang: row.try_get(3)?,
                })
            })
            .collect()
    }

    /// Writes down that the probe went out. Saying it twice is saying it once.
    pub async fn probe_sent(&self, subscriber: SubscriberId, now: DateTime<Utc>) -> anyhow::Result<()> {
        sqlx::query("UPDATE probe SET sent_at = $1 WHERE subscriber = $2 AND sent_at IS NULL")
            .bind(millis(now))
            .bind(subscriber)
            .execute(&self.write)
            .await
            .context("write down a probe")?;
        Ok(())
    }

    /// Why a subscriber is suppressed, when it is for what came back.
    pub async fn suppression(&self, subscriber: SubscriberId) -> anyhow::Result<Option<Suppression>> {
        let row = sqlx::query("SELECT reason, status, at FROM suppression WHERE subscriber = $1")
            .bind(subscriber)
            .fetch_optional(&self.read)
            .await
            .context("read why somebody is suppressed")?;
        let Some(row) = row else { return Ok(None) };
        let number: i64 = row.try_get(0)?;
        let reason = Reason::ALL.into_iter().find(|reason| reason.number() == number);
        let reason = reason.context("the ledger holds a reason that this program does not know")?;
        Ok(Some(Suppression { reason, status: row.try_get(1)?, at: instant(row.try_get(2)?) }))
    }

    /// Forgets all that came back from a subscriber: for who is erased, or comes back.
    pub async fn forgive(&self, subscriber: SubscriberId) -> anyhow::Result<()> {
        let mut transaction = self.write.begin().await.context("begin to forgive")?;
        for statement in [
            "DELETE FROM returned WHERE subscriber = $1",
            "DELETE FROM probe WHERE subscriber = $1",
            "DELETE FROM suppression WHERE subscriber = $1",
        ] {
            sqlx::query(statement)
                .bind(subscriber)
                .execute(&mut *transaction)
                .await
                .context("forget what came back")?;
        }
        transaction.commit().await.context("end to forgive")
    }

    /// Forgets what came back so long ago that it counts no more; answers how many.
    pub async fn forget_returned(&self, now: DateTime<Utc>) -> anyhow::Result<u64> {
        let done = sqlx::query("DELETE FROM returned WHERE at <= $1")
            .bind(millis(now - COUNTS_FOR))
            .execute(&self.write)
            .await
            .context("forget what came back long ago")?;
        Ok(done.rows_affected())
    }
}

/// Counts what the relay refused for a recipient's sake, in the commit of its receipt.
pub async fn weigh_receipts(connection: &mut AnyConnection, receipts: &[Receipt]) -> anyhow::Result<()> {
    let mut refused: Vec<&Receipt> = receipts.iter().filter(|receipt| is_refused(receipt)).collect();
    // In one order, so that two deliverers do not wait for each other.
    refused.sort_by_key(|receipt| receipt.claim.recipient);
    for receipt in refused {
        let Some(came) = came_of(receipt) else { continue };
        weigh(connection, &came, receipt.at).await.context("count a refusal")?;
    }
    Ok(())
}

fn is_refused(receipt: &Receipt) -> bool {
    let Some(answer) = &receipt.answer else { return false };
    let is_theirs = match answer.outcome {
        Outcome::Bounced(Fault::Recipient) | Outcome::Deferred(Fault::Recipient) => true,
        Outcome::Sent
        | Outcome::Bounced(Fault::Message | Fault::Route)
        | Outcome::Deferred(Fault::Message | Fault::Route)
        | Outcome::Uncertain => false,
    };
    is_theirs && receipt.claim.recipient != 0 && receipt.next == Next::Done(State::Bounced)
}

fn came_of(receipt: &Receipt) -> Option<Came> {
    let answer = receipt.answer.as_ref()?;
    // Without a code nobody was asked.
    let class = status::class_of_reply(answer.code?, answer.enhanced.as_deref(), &answer.text);
    let event = match class {
        Class::Ours => return None,
        Class::Soft => Event::Soft,
        Class::Hard => Event::Hard,
    };
    let status = answer.enhanced.as_deref().and_then(Status::find);
    Some(Came { subscriber: receipt.claim.recipient, edition: Some(receipt.claim.edition), event, status })
}

// How bad it is: of one mail the worst counts.
fn kind(event: Event) -> Option<i64> {
    match event {
        Event::Soft => Some(0),
        Event::Hard => Some(1),
        Event::Complaint => Some(2),
        // The probe's own row knows.
        Event::ProbeFailed => None,
    }
}

async fn weigh(
    connection: &mut AnyConnection,
    came: &Came,
    now: DateTime<Utc>,
) -> anyhow::Result<Option<Verdict>> {
    // Nothing changes by it, but whoever counts for the same person at the same time waits for this commit.
    let standing: Option<i64> =
        sqlx::query_scalar("UPDATE subscriber SET standing = standing WHERE id = $1 RETURNING standing")
            .bind(came.subscriber)
            .fetch_optional(&mut *connection)
            .await?;
    // A complaint also counts of those who left, so that nobody brings them back.
    let counts = match (standing, came.event) {
        (Some(0 | 1), _) => true,
        (Some(_), Event::Complaint) => true,
        (Some(_), Event::Soft | Event::Hard | Event::ProbeFailed) | (None, _) => false,
    };
    if !counts || !write_down(connection, came, now).await? {
        return Ok(None);
    }
    let history = history(connection, came, now).await?;
    let verdict = score::verdict(&history, came.event, now);
    match verdict {
        Verdict::Counted => {}
        Verdict::Probe => want_probe(connection, came.subscriber, now).await?,
        Verdict::Suppress(reason) => suppress(connection, came, reason, now).await?,
    }
    Ok(Some(verdict))
}

// Whether it is news.
async fn write_down(connection: &mut AnyConnection, came: &Came, now: DateTime<Utc>) -> anyhow::Result<bool> {
    let Some(kind) = kind(came.event) else { return Ok(true) };
    let done = sqlx::query(
        "INSERT INTO returned (subscriber, edition, kind, at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (subscriber, edition) DO UPDATE SET kind = excluded.kind, at = excluded.at
         WHERE excluded.kind > returned.kind",
    )
    .bind(came.subscriber)
    .bind(came.edition.unwrap_or(0))
    .bind(kind)
    .bind(millis(now))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

// What was known before: the mail that has just been written down is left out.
async fn history(connection: &mut AnyConnection, came: &Came, now: DateTime<Utc>) -> anyhow::Result<History> {
    let soft_at: Vec<i64> = sqlx::query_scalar(
        "SELECT at FROM returned WHERE subscriber = $1 AND edition <> $2 AND kind = 0 AND at > $3",
    )
    .bind(came.subscriber)
    .bind(came.edition.unwrap_or(0))
    .bind(millis(now - COUNTS_FOR))
    .fetch_all(&mut *connection)
    .await?;
    // -1 for one that was not sent: a NULL has no type that both databases agree on.
    let sent_at: Option<i64> =
        sqlx::query_scalar("SELECT COALESCE(sent_at, -1) FROM probe WHERE subscriber = $1")
            .bind(came.subscriber)
            .fetch_optional(connection)
            .await?;
    let probe = match sent_at {
        None => Probe::None,
        Some(-1) => Probe::Wanted,
        Some(sent_at) => Probe::Sent(instant(sent_at)),
    };
    Ok(History { soft_at: soft_at.into_iter().map(instant).collect(), probe })
}

async fn want_probe(
    connection: &mut AnyConnection,
    subscriber: SubscriberId,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO probe (subscriber, wanted_at) VALUES ($1, $2)
         ON CONFLICT (subscriber) DO UPDATE SET wanted_at = excluded.wanted_at, sent_at = NULL",
    )
    .bind(subscriber)
    .bind(millis(now))
    .execute(connection)
    .await?;
    Ok(())
}

async fn suppress(
    connection: &mut AnyConnection,
    came: &Came,
    reason: Reason,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    sqlx::query("UPDATE subscriber SET standing = 3 WHERE id = $1")
        .bind(came.subscriber)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO suppression (subscriber, reason, status, at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (subscriber) DO UPDATE SET reason = excluded.reason, status = excluded.status, at = excluded.at
         WHERE excluded.reason > suppression.reason",
    )
    .bind(came.subscriber)
    .bind(reason.number())
    .bind(came.status.map_or(String::new(), |status| status.to_string()))
    .bind(millis(now))
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM probe WHERE subscriber = $1").bind(came.subscriber).execute(connection).await?;
    Ok(())
}
