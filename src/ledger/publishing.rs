//! Publishing: the history as the ledger holds it, and the commit of what is due.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, Row, Transaction};

use crate::delivery::State;
use crate::edition::{Audience, Content, Edition, EditionId, Reach};
use crate::ledger::forgetting::DETAIL_LIFE;
use crate::ledger::jumping::land;
use crate::ledger::{Dialect, Ledger, instant, millis, small};
use crate::notice::{Event, NoticeId};
use crate::plan::{Entry, History, Step};
use crate::revision::{Difference, Draft, Revision};

/// The right to publish: whoever holds it with the highest fence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Of the node.
    pub holder: String,
    /// One more at every change of holder.
    pub fence: i64,
}

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// It is on disk.
    Done {
        /// Deliveries that it made.
        deliveries: u64,
    },
    /// Another node has the lease; nothing was written.
    LostLease,
}

// Waits until nobody claims, and keeps everybody from it, see `Ledger::begin_claiming`.
const NOBODY_CLAIMS: &str = "DO $$ BEGIN PERFORM pg_advisory_xact_lock(7235416113); END $$";

impl Ledger {
    /// Takes or renews the lease of that name; `None` while another holds it. `holder` names one process: two
    /// of one name would both hold it.
    pub async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        ttl: TimeDelta,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Option<Lease>> {
        // A new holder raises the fence, so that the old one's writes are refused.
        let row = sqlx::query(
            "INSERT INTO lease (name, holder, fence, until) VALUES ($1, $2, 1, $3)
             ON CONFLICT (name) DO UPDATE SET
                 fence = CASE WHEN lease.holder = excluded.holder THEN lease.fence ELSE lease.fence + 1 END,
                 holder = excluded.holder, until = excluded.until
             WHERE lease.holder = excluded.holder OR lease.until <= $4
             RETURNING fence",
        )
        .bind(name)
        .bind(holder)
        .bind(millis(now + ttl))
        .bind(millis(now))
        .fetch_optional(&self.write)
        .await
        .context("take the lease")?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Lease { holder: holder.to_owned(), fence: row.try_get(0)? }))
    }

    /// The history, or `None` when the ledger has not begun. `read` makes the draft of a stored source; what
    /// it cannot read any more is left out.
    pub async fn history(
        &self,
        read: impl Fn(&str, &str) -> Option<Draft>,
    ) -> anyhow::Result<Option<History>> {
        let Some(began_at) = self.mark("began_at").await? else { return Ok(None) };
        let mut history = History {
            began_at: instant(began_at),
            planned_until: instant(self.mark("planned_until").await?.unwrap_or(began_at)),
            revisions: BTreeMap::new(),
            settled: BTreeSet::new(),
            carries_since: BTreeMap::new(),
            carried: BTreeMap::new(),
            told: BTreeMap::new(),
        };
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{REVISIONS} ORDER BY notice, number")))
            .fetch_all(&self.read)
            .await
            .context("read the revisions")?;
        for row in rows {
            let Some(draft) = read(row.try_get(0)?, row.try_get(1)?) else { continue };
            let revision = revision_of(&row, history.revisions.get(&draft.notice.id), draft)?;
            history.revisions.insert(revision.id().clone(), revision);
        }
        for row in sqlx::query("SELECT list, since FROM opening")
            .fetch_all(&self.read)
            .await
            .context("read the lists")?
        {
            history.carries_since.insert(row.try_get(0)?, instant(row.try_get(1)?));
        }
        let keys = sqlx::query("SELECT key FROM edition")
            .fetch_all(&self.read)
            .await
            .context("read the editions")?;
        for row in keys {
            history.settled.insert(EditionId::from_ledger(row.try_get(0)?));
        }
        let members = sqlx::query(
            "SELECT e.audience_kind, e.audience, e.word, n.notice FROM edition e
             JOIN edition_notice n ON n.edition = e.id WHERE e.state IN ('open', 'complete')",
        );
        for row in members.fetch_all(&self.read).await.context("read what the editions carry")? {
            let (audience, word): (String, String) = (row.try_get(1)?, row.try_get(2)?);
            let Some(notice) = NoticeId::parse(row.try_get(3)?) else { continue };
            if word == "issue" {
                history.carried.entry(audience.clone()).or_default().insert(notice.clone());
            }
            let audience = audience_of(row.try_get(0)?, audience);
            history.told.entry(notice).or_default().insert(audience);
        }
        Ok(Some(history))
    }

    /// Begins the ledger with what `plan::begin` answered: from then on what is published is sent. A ledger
    /// that has begun stays as it is.
    pub async fn begin(
        &self,
        entries: &[Entry],
        lease: &Lease,
        began_at: DateTime<Utc>,
    ) -> anyhow::Result<Committed> {
        // One commit: a ledger that had begun without what was there already would send all of it as new.
        self.commit_with(entries, lease, began_at, true).await
    }

    /// Writes down what is due, all or nothing, with the recipients as they are at this moment. What is
    /// written already stays as it is.
    pub async fn commit(
        &self,
        entries: &[Entry],
        lease: &Lease,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Committed> {
        self.commit_with(entries, lease, now, false).await
    }

    async fn commit_with(
        &self,
        entries: &[Entry],
        lease: &Lease,
        now: DateTime<Utc>,
        begins: bool,
    ) -> anyhow::Result<Committed> {
        let mut transaction = self.begin_writing().await.context("begin the commit")?;
        // The row stays locked until the end: no other publisher can come between.
        let held = sqlx::query(
            "UPDATE lease SET until = until WHERE name = 'publish' AND holder = $1 AND fence = $2",
        )
        .bind(&lease.holder)
        .bind(lease.fence)
        .execute(&mut *transaction)
        .await
        .context("check the lease")?;
        if held.rows_affected() == 0 {
            return Ok(Committed::LostLease);
        }
        if begins {
            set_mark(&mut transaction, "began_at", now, Kept::First).await?;
        }
        if entries.iter().any(|entry| matches!(entry.step, Step::Revise(_))) {
            if self.dialect == Dialect::Postgres {
                sqlx::query(NOBODY_CLAIMS).execute(&mut *transaction).await.context("wait for claims")?;
            }
            raise_mark(&mut *transaction, "revisions", 1).await?;
        }
        let mut deliveries = 0;
        for entry in entries {
            deliveries += commit_entry(&mut transaction, entry, now)
                .await
                .with_context(|| format!("write down {}", entry.key()))?;
        }
        set_mark(&mut transaction, "planned_until", now, Kept::Highest).await?;
        transaction.commit().await.context("end the commit")?;
        Ok(Committed::Done { deliveries })
    }

    /// How many confirmed subscribers a list has.
    pub async fn count_subscribers(&self, list: &str) -> anyhow::Result<u64> {
        let count: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM subscription JOIN subscriber ON id = subscriber WHERE list = $1 AND standing = 1",
        )
        .bind(list)
        .fetch_one(&self.read)
        .await
        .context("count the subscribers")?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// How many of a list's confirmed subscribers a correction would go to at `at`.
    pub async fn count_corrected(
        &self,
        list: &str,
        correction: &Edition,
        at: DateTime<Utc>,
    ) -> anyhow::Result<u64> {
        let hears = hears(&self.read, list, correction, at).await.context("ask who told of a notice")?;
        let statement = format!(
            "SELECT COUNT(*) FROM subscription p JOIN subscriber s ON s.id = p.subscriber
             WHERE p.list = $1 AND s.standing = 1 AND s.paused_until <= $2 {hears}"
        );
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .persistent(false)
            .bind(list)
            .bind(millis(at))
            .fetch_one(&self.read)
            .await
            .context("count who hears of a change")?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Since when sending is held; `None` when it is not.
    pub async fn held_since(&self) -> anyhow::Result<Option<DateTime<Utc>>> {
        Ok(self.mark("held").await?.map(instant))
    }

    /// Holds all sending until an operator resumes; what is held already is held since then.
    pub async fn hold(&self, now: DateTime<Utc>) -> anyhow::Result<()> {
        let mut transaction = self.begin_writing().await.context("hold")?;
        set_mark(&mut transaction, "held", now, Kept::First).await?;
        transaction.commit().await.context("hold")
    }

    /// Lets sending go on, from an older copy of the ledger and after a jump of the clock, too. A high-water mark that
    /// lies ahead, because that jump was not noticed, comes back to `now`; what was planned until there keeps its key
    /// and is not planned again. One that lies behind stays: what fell due meanwhile is late, not lost.
    pub async fn resume(&self, now: DateTime<Utc>) -> anyhow::Result<()> {
        if self.may_have_forgotten().await? {
            self.skip_numbers(now).await?;
        }
        let mut transaction = self.begin_writing().await.context("resume")?;
        sqlx::query("DELETE FROM mark WHERE name = 'held'")
            .execute(&mut *transaction)
            .await
            .context("resume")?;
        sqlx::query("UPDATE mark SET value = $1 WHERE name = 'planned_until' AND value > $1")
            .bind(millis(now))
            .execute(&mut *transaction)
            .await
            .context("resume")?;
        land(&mut transaction, now).await?;
        transaction.commit().await.context("resume")?;
        self.accept_epoch().await
    }

    pub(crate) async fn mark(&self, name: &str) -> anyhow::Result<Option<i64>> {
        let value = sqlx::query_scalar("SELECT value FROM mark WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.read)
            .await;
        value.with_context(|| format!("read the mark {name}"))
    }
}

/// Puts a mark to `value`, in the transaction of what it marks.
pub(crate) async fn put_mark(connection: &mut AnyConnection, name: &str, value: i64) -> anyhow::Result<()> {
    sqlx::query("INSERT INTO mark (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        .bind(name)
        .bind(value)
        .execute(connection)
        .await
        .with_context(|| format!("write the mark {name}"))?;
    Ok(())
}

/// Adds to a mark, and answers what it is then.
pub(crate) async fn raise_mark<'c>(
    executor: impl sqlx::Executor<'c, Database = sqlx::Any>,
    name: &str,
    by: i64,
) -> anyhow::Result<i64> {
    sqlx::query_scalar(
        "INSERT INTO mark (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = mark.value + excluded.value RETURNING value",
    )
    .bind(name)
    .bind(by)
    .fetch_one(executor)
    .await
    .with_context(|| format!("raise the mark {name}"))
}

/// The columns that `revision_of` reads, behind `path` and `source`.
pub(crate) const REVISIONS: &str =
    "SELECT path, source, revised_at, published_at, appeared_at, number, sequence FROM revision";

/// The revision of a row of `REVISIONS`, after those before it. The numbers are the ledger's: a source between
/// that this program cannot read any more must not make the next edit take a number that is taken.
pub(crate) fn revision_of(row: &AnyRow, before: Option<&Revision>, draft: Draft) -> sqlx::Result<Revision> {
    let (published_at, appeared_at) = (instant(row.try_get(3)?), instant(row.try_get(4)?));
    let revision = Revision::after(before, draft, instant(row.try_get(2)?), published_at, appeared_at);
    Ok(Revision { number: small(row.try_get(5)?), sequence: small(row.try_get(6)?), ..revision })
}

pub(crate) fn audience_of(kind: &str, name: String) -> Audience {
    match kind {
        "target" => Audience::Target(name),
        "person" => Audience::People,
        _ => Audience::List(name),
    }
}

/// Which moment a mark keeps when it is set again.
pub(crate) enum Kept {
    First,
    Highest,
}

/// Sets a mark, in the transaction of what it marks; answers whether it did not keep what was there.
pub(crate) async fn set_mark(
    transaction: &mut Transaction<'_, Any>,
    name: &str,
    at: DateTime<Utc>,
    kept: Kept,
) -> anyhow::Result<bool> {
    let statement = match kept {
        Kept::First => "INSERT INTO mark (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        Kept::Highest => {
            "INSERT INTO mark (name, value) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE mark.value < excluded.value"
        }
    };
    let done = sqlx::query(statement)
        .bind(name)
        .bind(millis(at))
        .execute(&mut **transaction)
        .await
        .with_context(|| format!("set the mark {name}"))?;
    Ok(done.rows_affected() > 0)
}

async fn commit_entry(
    connection: &mut AnyConnection,
    entry: &Entry,
    now: DateTime<Utc>,
) -> sqlx::Result<u64> {
    match &entry.step {
        Step::Revise(revision) => {
            insert_revision(connection, revision).await?;
            drop_overtaken_reminders(connection, revision).await?;
            lengthen_alerts(connection, revision).await?;
            take_up_again(connection, revision).await?;
            Ok(0)
        }
        Step::Open { list, since } => {
            let statement = "INSERT INTO opening (list, since) VALUES ($1, $2) ON CONFLICT (list) DO NOTHING";
            sqlx::query(statement).bind(list).bind(millis(*since)).execute(connection).await?;
            Ok(0)
        }
        Step::Send(edition) => insert_edition(connection, edition, entry, now).await,
        Step::Skip(id) => insert_unsent(connection, id, "skipped", entry, now).await,
        Step::Miss(id) => insert_unsent(connection, id, "missed", entry, now).await,
    }
}

async fn insert_revision(connection: &mut AnyConnection, revision: &Revision) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO revision (notice, number, sequence, path, source, published_at, appeared_at, updated_at, revised_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (notice, number) DO NOTHING",
    )
    .bind(revision.id().as_str())
    .bind(i64::from(revision.number))
    .bind(i64::from(revision.sequence))
    .bind(&*revision.draft.path)
    .bind(&*revision.draft.source)
    .bind(millis(revision.published_at))
    .bind(millis(revision.appeared_at))
    .bind(millis(revision.updated_at))
    .bind(millis(revision.revised_at))
    .execute(connection)
    .await?;
    Ok(())
}

// A reminder of a time that is not true any more must not go out; the correction tells the new one. One that
// was planned in this commit already knows the new time.
async fn drop_overtaken_reminders(connection: &mut AnyConnection, revision: &Revision) -> sqlx::Result<()> {
    let changes = revision.change().map_or(&[][..], |change| &change.differences);
    for difference in changes.iter().filter(|difference| difference.overtakes_reminders()) {
        // A key holds nothing that means something in a pattern.
        let of = difference.date().map_or("%".to_owned(), |date| format!("{} %", date.key));
        sqlx::query(
            "UPDATE delivery SET state = 7 WHERE state = 0 AND edition IN (
                 SELECT e.id FROM edition e JOIN edition_notice n ON n.edition = e.id
                 WHERE n.notice = $1 AND n.number < $2 AND e.word = 'reminder' AND e.state = 'open'
                     AND e.detail LIKE $3)",
        )
        .bind(revision.id().as_str())
        .bind(i64::from(revision.number))
        .bind(of)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

// Who waits for an alert is not told that the action is later, and has to get it until then.
async fn lengthen_alerts(connection: &mut AnyConnection, revision: &Revision) -> sqlx::Result<()> {
    let Some(starts_at) = revision.change().and(revision.notice().event()).and_then(Event::last_start) else {
        return Ok(());
    };
    sqlx::query(
        "UPDATE edition SET expires_at = $2 WHERE word = 'alert' AND state = 'open' AND expires_at < $2
             AND id IN (SELECT edition FROM edition_notice WHERE notice = $1)",
    )
    .bind(revision.id().as_str())
    .bind(millis(starts_at))
    .execute(connection)
    .await?;
    Ok(())
}

// What was dropped while a notice was taken back is to be said again when it stands again. Who waits to hear that it
// was taken back hears nothing of that.
async fn take_up_again(connection: &mut AnyConnection, revision: &Revision) -> sqlx::Result<()> {
    if !revision.change().is_some_and(|change| change.differences.contains(&Difference::Restored)) {
        return Ok(());
    }
    let of_it = "SELECT e.id FROM edition e JOIN edition_notice n ON n.edition = e.id
        WHERE n.notice = $1 AND e.word IN ('alert', 'correction', 'issue') AND e.expires_at > $2";
    // None when what this program cannot read took it back.
    let withdrawals: String =
        revision.withdrawals().map(|change| format!(", '{}'", change.sequence)).collect();
    let says_it_is_off = format!("e.word = 'correction' AND e.detail IN (''{withdrawals})");
    for statement in [
        format!(
            "UPDATE delivery SET state = 0, due_at = $2 WHERE state = 7
                 AND edition IN ({of_it} AND NOT ({says_it_is_off}))"
        ),
        format!(
            "UPDATE delivery SET state = 7 WHERE state = 0
                 AND edition IN ({of_it} AND {says_it_is_off} AND e.audience_kind = 'list')"
        ),
        format!(
            "UPDATE edition SET state = 'open', finished_at = NULL WHERE state = 'complete' AND id IN ({of_it})
                 AND EXISTS (SELECT 1 FROM delivery d WHERE d.edition = edition.id AND d.state = 0)"
        ),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .persistent(false)
            .bind(revision.id().as_str())
            .bind(millis(revision.revised_at))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn insert_unsent(
    connection: &mut AnyConnection,
    id: &EditionId,
    state: &str,
    entry: &Entry,
    now: DateTime<Utc>,
) -> sqlx::Result<u64> {
    sqlx::query(
        "INSERT INTO edition (key, once_key, audience_kind, audience, word, detail, lane, state, at, due_at, expires_at, planned_at, recipients, why)
         VALUES ($1, $1, '', '', '', '', 0, $2, $3, $3, $3, $4, 0, $5) ON CONFLICT (key) DO NOTHING",
    )
    .bind(id.as_str())
    .bind(state)
    .bind(millis(entry.at))
    .bind(millis(now))
    .bind(&entry.why)
    .execute(connection)
    .await?;
    Ok(0)
}

async fn insert_edition(
    connection: &mut AnyConnection,
    edition: &Edition,
    entry: &Entry,
    now: DateTime<Utc>,
) -> sqlx::Result<u64> {
    let (audience_kind, lane) = match edition.audience {
        Audience::List(_) => ("list", edition.content.lane().number()),
        Audience::Target(_) => ("target", crate::ledger::delivering::TARGET_LANE),
        Audience::People => ("person", edition.content.lane().number()),
    };
    let detail = match &edition.content {
        Content::Issue { cut, .. } => cut.format("%Y-%m-%dT%H:%M:%S").to_string(),
        Content::Alert(_) => String::new(),
        Content::Reminder(_, None, before) => before.to_string(),
        Content::Reminder(_, Some(date), before) => format!("{date} {before}"),
        Content::Correction(_, sequence) => sequence.to_string(),
        Content::Personal(_, day) => day.format("%Y-%m-%d").to_string(),
    };
    let once_key = edition.content.once_key(&edition.audience);
    let id: Option<i64> = sqlx::query_scalar(
        "INSERT INTO edition (key, once_key, audience_kind, audience, word, detail, lane, state, at, due_at, expires_at, planned_at, recipients, why)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'open', $8, $9, $10, $11, 0, $12) ON CONFLICT (key) DO NOTHING RETURNING id",
    )
    .bind(edition.id.as_str())
    .bind(&once_key)
    .bind(audience_kind)
    .bind(edition.audience.name())
    .bind(edition.content.word())
    .bind(detail)
    .bind(lane)
    .bind(millis(entry.at))
    .bind(millis(edition.due_at))
    .bind(millis(edition.expires_at))
    .bind(millis(now))
    .bind(&entry.why)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(id) = id else { return Ok(0) };
    for (position, member) in (0_i64..).zip(edition.content.members()) {
        sqlx::query("INSERT INTO edition_notice (edition, position, notice, number) VALUES ($1, $2, $3, $4)")
            .bind(id)
            .bind(position)
            .bind(member.notice.as_str())
            .bind(i64::from(member.number))
            .execute(&mut *connection)
            .await?;
    }
    let recipients = freeze_recipients(connection, id, edition, &once_key, lane, now).await?;
    // Written down apart from the deliveries, so that one that goes missing is missed.
    sqlx::query("UPDATE edition SET recipients = $2 WHERE id = $1")
        .bind(id)
        .bind(i64::try_from(recipients).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(recipients)
}

// Everybody who gets it, as of now; nobody who got the same by another list, or is to. Who left that list before their
// turn did not.
async fn freeze_recipients(
    connection: &mut AnyConnection,
    id: i64,
    edition: &Edition,
    once_key: &str,
    lane: i64,
    now: DateTime<Utc>,
) -> sqlx::Result<u64> {
    let due_at = millis(edition.due_at);
    let list = match &edition.audience {
        Audience::Target(_) => {
            let statement = "INSERT INTO delivery (edition, recipient, lane, state, attempts, fence, due_at) VALUES ($1, 0, $2, 0, 0, 0, $3)";
            let done = sqlx::query(statement).bind(id).bind(lane).bind(due_at).execute(connection).await?;
            return Ok(done.rows_affected());
        }
        // They come one by one, each in the transaction that gives the reason.
        Audience::People => return Ok(0),
        Audience::List(list) => list,
    };
    // Which editions those are is asked first: asked for each subscriber anew, PostgreSQL reads all editions there
    // are as often as there are subscribers.
    let same = listed(
        sqlx::query_scalar("SELECT id FROM edition WHERE once_key = $1 AND id <> $2")
            .bind(once_key)
            .bind(id)
            .fetch_all(&mut *connection)
            .await?,
    );
    let hears = hears(&mut *connection, list, edition, now).await?;
    if let Content::Correction(member, _) = &edition.content {
        hurry_corrections(&mut *connection, &member.notice, due_at).await?;
    }
    // Whoever wants another list's issues instead of this one's alerts gets what is new by those; what they were
    // told already is corrected at once all the same.
    let wanted = match &edition.content {
        Content::Alert(_) => "AND p.digest = ''",
        Content::Reminder(..) => "AND s.reminders = 1",
        Content::Issue { .. } | Content::Correction(..) | Content::Personal(..) => "",
    };
    let stands_in = match &edition.content {
        Content::Issue { .. } | Content::Correction(..) => true,
        Content::Alert(_) | Content::Reminder(..) | Content::Personal(..) => false,
    };
    // The second half are those for whom this list's issues stand in for another's alerts.
    let statement = format!(
        "INSERT INTO delivery (edition, recipient, lane, state, attempts, fence, due_at)
         SELECT $1, s.id, $2, 0, 0, 0, $3 FROM (
             SELECT subscriber, digest FROM subscription WHERE list = $4
             UNION ALL
             SELECT DISTINCT q.subscriber, '' FROM subscription q WHERE q.digest = $4 AND $6 = 1
                 AND NOT EXISTS (SELECT 1 FROM subscription o WHERE o.list = $4 AND o.subscriber = q.subscriber)
         ) p JOIN subscriber s ON s.id = p.subscriber
         WHERE s.standing = 1 AND s.paused_until <= $5 {wanted}
             AND NOT EXISTS (
                 SELECT 1 FROM delivery d WHERE d.recipient = s.id AND d.edition IN ({same}) AND d.state <> {}) {hears}",
        State::Left.number()
    );
    let done = sqlx::query(sqlx::AssertSqlSafe(statement))
        .persistent(false)
        .bind(id)
        .bind(lane)
        .bind(due_at)
        .bind(list)
        .bind(due_at)
        .bind(i64::from(stands_in))
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

// An earlier correction that waits for its next try says what has changed now, too, and is as urgent.
async fn hurry_corrections(
    connection: &mut AnyConnection,
    notice: &NoticeId,
    due_at: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE delivery SET due_at = $2 WHERE state = 0 AND due_at > $2 AND edition IN (
             SELECT e.id FROM edition e JOIN edition_notice n ON n.edition = e.id
             WHERE n.notice = $1 AND e.word = 'correction' AND e.audience_kind = 'list' AND e.state = 'open')",
    )
    .bind(notice.as_str())
    .bind(due_at)
    .execute(connection)
    .await?;
    Ok(())
}

// Whether a try of a delivery `t` that is not under way may have arrived: of all that were begun fewer are known to
// have failed. The last one of what is over may never have been begun, so only those before it are looked at.
const MAY_HAVE_ARRIVED: &str = "
    (t.attempts - CASE t.state WHEN 0 THEN 0 ELSE 1 END > (
        SELECT COUNT(*) FROM attempt a
        WHERE a.edition = t.edition AND a.recipient = t.recipient AND a.outcome IN ('deferred', 'bounced')
        AND a.number <= t.attempts - CASE t.state WHEN 0 THEN 0 ELSE 1 END))";

// The condition on a subscriber `s`, on a list as `p`, that a correction by that list reaches them. Who was told has a
// delivery of the notice, by any list, that is claimed, sent, uncertain or dropped as such, or with a try that may have
// arrived, because a process died with it in hand or its answer never came, whatever became of the tries after it. To
// whom it is still to be sent it goes as it is now, and needs no correction.
async fn hears<'c>(
    executor: impl sqlx::Executor<'c, Database = Any>,
    list: &str,
    edition: &Edition,
    now: DateTime<Utc>,
) -> sqlx::Result<String> {
    let Content::Correction(member, _) = &edition.content else { return Ok(String::new()) };
    let rows = sqlx::query(
        "SELECT e.id, e.planned_at, e.expires_at, e.word, e.once_key, e.audience
         FROM edition_notice n JOIN edition e ON e.id = n.edition
         WHERE n.notice = $1 AND e.audience_kind = 'list' AND e.key <> $2",
    );
    let rows = rows.bind(member.notice.as_str()).bind(edition.id.as_str()).fetch_all(executor).await?;
    let all: Vec<Telling> = rows.iter().map(telling).collect::<sqlx::Result<_>>()?;
    let of = |is_one: &dyn Fn(&Telling) -> bool| listed(all.iter().filter(|it| is_one(it)).map(|it| it.id));
    let any = of(&|_| true);
    // The tries of older ones have been forgotten, so that all of them might have arrived.
    let detailed = of(&|it| it.planned_at > millis(now - DETAIL_LIFE));
    let told = format!(
        "EXISTS (SELECT 1 FROM delivery t WHERE t.recipient = s.id AND t.edition IN ({any})
             AND (t.state IN (1, 2, 5, 8) OR t.edition IN ({detailed}) AND {MAY_HAVE_ARRIVED}))"
    );
    // An earlier correction stands in for this one if it is of use as long, comes by this list when they leave that by
    // which they wait for it, and begins with what they know: nothing that has reached them since said more.
    let is_of_list = |key: &str| all.iter().any(|it| it.audience == list && it.once_key == key);
    let earlier = of(&|it| {
        it.word == "correction" && it.expires_at >= millis(edition.expires_at) && is_of_list(&it.once_key)
    });
    let waits = format!(
        "EXISTS (SELECT 1 FROM delivery t WHERE t.recipient = s.id AND t.edition IN ({earlier})
             AND t.state = 0 AND NOT {MAY_HAVE_ARRIVED}
             AND NOT EXISTS (SELECT 1 FROM delivery u WHERE u.recipient = s.id AND u.edition IN ({any})
                 AND (u.state = 1 OR u.state IN (2, 5, 8)
                     AND u.due_at >= (SELECT e.planned_at FROM edition e WHERE e.id = t.edition))))"
    );
    let waits_for_news = format!(
        "EXISTS (SELECT 1 FROM delivery t WHERE t.recipient = s.id AND t.edition IN ({any})
             AND t.state = 0 AND t.lane = 0)"
    );
    Ok(match edition.reach {
        Reach::Following => {
            format!("AND NOT {waits} AND ({told} OR p.digest = '' AND NOT {waits_for_news})")
        }
        Reach::Told => format!("AND {told} AND NOT {waits}"),
        Reach::ToldAnyway => format!("AND {told}"),
    })
}

// An edition that told of a notice.
struct Telling {
    id: i64,
    planned_at: i64,
    expires_at: i64,
    word: String,
    once_key: String,
    audience: String,
}

fn telling(row: &AnyRow) -> sqlx::Result<Telling> {
    Ok(Telling {
        id: row.try_get(0)?,
        planned_at: row.try_get(1)?,
        expires_at: row.try_get(2)?,
        word: row.try_get(3)?,
        once_key: row.try_get(4)?,
        audience: row.try_get(5)?,
    })
}

// Numbers for `IN (…)`, which may not be empty; no edition is number 0.
fn listed(ids: impl IntoIterator<Item = i64>) -> String {
    ids.into_iter().fold("0".to_owned(), |text, id| format!("{text}, {id}"))
}
