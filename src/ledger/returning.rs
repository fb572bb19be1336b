//! Returning: what came back from subscribers, and for whom that was enough.

use anyhow::Context;
use chrono::{DateTime, Utc};
use sqlx::{AnyConnection, Row};

use crate::delivery::{Fault, Next, Outcome, State};
use crate::edition::{EditionId, Occasion};
use crate::ledger::delivering::Receipt;
use crate::ledger::forgetting::remove;
use crate::ledger::{Ledger, asking, instant, millis};
use crate::returned::score::{self, COUNTS_FOR, Event, History, Reason, Verdict, WAVE};
use crate::returned::status::{self, Class};
use crate::subscriber::{self, SubscriberId};

/// Something that came back from a subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    /// From whom.
    pub subscriber: SubscriberId,
    /// The edition's number in the ledger; none when it is not known.
    pub edition: Option<i64>,
    /// What.
    pub event: Event,
}

impl Ledger {
    /// How many addresses were given up in the day before, because their mail came back.
    pub async fn given_up(&self, now: DateTime<Utc>) -> anyhow::Result<u64> {
        let mut connection = self.read.acquire().await.context("connect to the ledger")?;
        given_up(&mut connection, now).await.context("count who was given up")
    }

    /// Writes down what came back and does what follows, in one commit. `None` when it is not of a subscriber who
    /// is here, or was counted before: one mail counts once, by the worst that is heard of it.
    pub async fn returned(&self, came: &Came, now: DateTime<Utc>) -> anyhow::Result<Option<Verdict>> {
        let mut transaction = self.begin_writing().await.context("begin to count what came back")?;
        let verdict = weigh(&mut transaction, came, now).await.context("count what came back")?;
        transaction.commit().await.context("end to count what came back")?;
        Ok(verdict)
    }

    /// The latest editions that went out by mail, `most` at most, with their numbers: among them is the one of a
    /// Message-ID.
    pub async fn mailed(&self, most: u32) -> anyhow::Result<Vec<(i64, EditionId)>> {
        let rows = sqlx::query(
            "SELECT id, key FROM edition WHERE audience_kind <> 'target' ORDER BY id DESC LIMIT $1",
        )
        .bind(i64::from(most))
        .fetch_all(&self.read)
        .await
        .context("read the latest editions")?;
        rows.iter().map(|row| Ok((row.try_get(0)?, EditionId::from_ledger(row.try_get(1)?)))).collect()
    }

    /// The list of an edition that went out by mail; empty when it went to single people.
    pub async fn list_of(&self, edition: i64) -> anyhow::Result<Option<String>> {
        sqlx::query_scalar("SELECT audience FROM edition WHERE id = $1 AND audience_kind <> 'target'")
            .bind(edition)
            .fetch_optional(&self.read)
            .await
            .context("read an edition's list")
    }
}

/// Forgets what came back from a subscriber: for who goes, or says that mail arrives.
pub(crate) async fn forgive(connection: &mut AnyConnection, subscriber: SubscriberId) -> anyhow::Result<()> {
    for statement in ["DELETE FROM returned WHERE subscriber = $1", "DELETE FROM probe WHERE subscriber = $1"]
    {
        sqlx::query(statement)
            .bind(subscriber)
            .execute(&mut *connection)
            .await
            .context("forget what came back")?;
    }
    Ok(())
}

/// Forgets what came back so long ago that it counts no more, or from who is not here any more; answers how many.
pub(crate) async fn forget_returned(
    connection: &mut AnyConnection,
    now: DateTime<Utc>,
) -> anyhow::Result<u64> {
    let mut forgotten = 0;
    for statement in [
        "DELETE FROM returned WHERE at <= $1
         OR NOT EXISTS (SELECT 1 FROM subscriber s WHERE s.id = returned.subscriber)",
        // A probe that arrived is of use as long as what came back before it would count.
        "DELETE FROM probe WHERE asked_at <= $1
         OR NOT EXISTS (SELECT 1 FROM subscriber s WHERE s.id = probe.subscriber)",
    ] {
        let query = sqlx::query(statement).bind(millis(now - COUNTS_FOR));
        let done = query.execute(&mut *connection).await.context("forget what came back long ago")?;
        forgotten += done.rows_affected();
    }
    Ok(forgotten)
}

/// Whether a receipt may count against its recipient: they were refused, and for their own sake.
pub(crate) fn is_refused(receipt: &Receipt) -> bool {
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

/// Counts what the relay refused for a recipient's sake, in the commit of its receipt.
pub(crate) async fn weigh_receipts(
    connection: &mut AnyConnection,
    receipts: &[Receipt],
) -> anyhow::Result<()> {
    let mut refused: Vec<&Receipt> = receipts.iter().filter(|receipt| is_refused(receipt)).collect();
    // In one order, so that two deliverers do not wait for each other.
    refused.sort_by_key(|receipt| receipt.claim.recipient);
    for receipt in refused {
        let Some(came) = came_of(receipt) else { continue };
        weigh(connection, &came, receipt.at).await.context("count a refusal")?;
    }
    Ok(())
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
    Some(Came { subscriber: receipt.claim.recipient, edition: Some(receipt.claim.edition), event })
}

// How bad it is: of one mail the worst counts.
fn kind(event: Event) -> Option<i64> {
    match event {
        Event::Soft => Some(0),
        Event::Hard => Some(1),
        Event::Complaint => Some(2),
        // It decides by itself.
        Event::ProbeFailed => None,
    }
}

async fn weigh(
    connection: &mut AnyConnection,
    came: &Came,
    now: DateTime<Utc>,
) -> anyhow::Result<Option<Verdict>> {
    // Nothing changes by it, but whoever counts for the same person at the same time waits for this commit.
    let done = sqlx::query("UPDATE subscriber SET standing = standing WHERE id = $1")
        .bind(came.subscriber)
        .execute(&mut *connection)
        .await?;
    if done.rows_affected() == 0 {
        return Ok(None);
    }
    let event = match (came.event, came.edition) {
        (Event::Soft, Some(edition)) if is_probe(connection, edition).await? => Event::ProbeFailed,
        (event, _) => event,
    };
    let came = &Came { event, ..came.clone() };
    if !write_down(connection, came, now).await? {
        return Ok(None);
    }
    let history = history(connection, came, now).await?;
    let verdict = score::verdict(&history, event, now);
    match verdict {
        Verdict::Counted => {}
        Verdict::Probe => {
            asking::probe(connection, came.subscriber, now).await?;
        }
        Verdict::Suppress(reason) => {
            remove(connection, came.subscriber, event_of(reason), now).await?;
        }
    }
    Ok(Some(verdict))
}

// A probe that came back is known by its token, and without one by its edition.
async fn is_probe(connection: &mut AnyConnection, edition: i64) -> sqlx::Result<bool> {
    let word: Option<String> =
        sqlx::query_scalar("SELECT word FROM edition WHERE id = $1 AND audience_kind = 'person'")
            .bind(edition)
            .fetch_optional(connection)
            .await?;
    Ok(word.is_some_and(|word| word == Occasion::Probe.word()))
}

fn event_of(reason: Reason) -> subscriber::Event {
    match reason {
        Reason::Soft | Reason::Hard => subscriber::Event::Bounced,
        Reason::Complaint => subscriber::Event::Complained,
    }
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
    let asked_at: Option<i64> = sqlx::query_scalar("SELECT asked_at FROM probe WHERE subscriber = $1")
        .bind(came.subscriber)
        .fetch_optional(&mut *connection)
        .await?;
    let is_wave = score::is_wave(given_up(&mut *connection, now).await?, recipients(connection, came).await?);
    let soft_at = soft_at.into_iter().map(instant).collect();
    Ok(History { soft_at, asked_at: asked_at.map(instant), is_wave })
}

// Addresses, within a wave's length.
async fn given_up(connection: &mut AnyConnection, now: DateTime<Utc>) -> sqlx::Result<u64> {
    // The second condition is the index's own.
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM suppression WHERE at > $1 AND at > 0")
        .bind(millis(now - WAVE))
        .fetch_one(connection)
        .await?;
    Ok(count.unsigned_abs())
}

// Of the mail that came back; 0 when it is not known which that was.
async fn recipients(connection: &mut AnyConnection, came: &Came) -> sqlx::Result<u64> {
    let count: Option<i64> = sqlx::query_scalar("SELECT recipients FROM edition WHERE id = $1")
        .bind(came.edition.unwrap_or(0))
        .fetch_optional(connection)
        .await?;
    Ok(count.unwrap_or(0).unsigned_abs())
}
