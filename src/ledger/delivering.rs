//! Delivering: claims under a lease, and the record of what came of them.

use std::borrow::Cow;

use anyhow::{Context, bail};
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use serde::Deserialize;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, Connection as _, Row, Transaction};

use crate::delivery::{Answer, Next, Outcome, State};
use crate::edition::{Audience, Content, EditionId, Lane, Member, Occasion};
use crate::ledger::publishing::audience_of;
use crate::ledger::returning::{is_refused, weigh_receipts};
use crate::ledger::{BYTES, Dialect, Ledger, instant, millis, rows_text, small, unhex};
use crate::notice::NoticeId;
use crate::notice::date::DateKey;
use crate::schedule::reminder::Before;
use crate::subscriber::SubscriberId;

/// The lane of posts to targets, behind those of mail.
pub const TARGET_LANE: i64 = 2;

/// A delivery that this process holds until its lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The edition's number in the ledger.
    pub edition: i64,
    /// The subscriber, or 0 for a target.
    pub recipient: SubscriberId,
    /// This try's number, from 1.
    pub attempts: u32,
    /// Of this claim; a later claim has a higher one.
    pub fence: i64,
    /// How the address of the subscriber is found and sealed; empty for a target.
    pub lookup: Vec<u8>,
    /// The sealed address.
    pub sealed: Vec<u8>,
    /// Whether it is personal: of an edition in which each mail is its own.
    pub personal: bool,
    /// The subscriber's language, BCP 47; empty for a target.
    pub lang: String,
}

/// An edition as the ledger holds it, with each notice at its latest revision: who has not got it yet gets the
/// state of now.
#[derive(Debug, Clone)]
pub struct Committed {
    /// Its number in the ledger.
    pub number: i64,
    /// Its name for ever.
    pub id: EditionId,
    /// Who gets it.
    pub audience: Audience,
    /// What it carries.
    pub content: Content,
    /// When it fell due, before quiet hours and delays put it off.
    pub at: DateTime<Utc>,
    /// Not before.
    pub due_at: DateTime<Utc>,
    /// Past it nothing of it is sent any more.
    pub expires_at: DateTime<Utc>,
}

/// What came of a claim.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// Which.
    pub claim: Claim,
    /// The answer; none when nothing was tried (expired, left, superseded).
    pub answer: Option<Answer>,
    /// What follows.
    pub next: Next,
    /// When.
    pub at: DateTime<Utc>,
}

/// What grows when a mail that waits for its turn may not be what it was when it was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// Grows whenever somebody may want less than before: as long as it stays, everybody to whom a delivery was
    /// claimed still wants it.
    pub departures: i64,
    /// Grows whenever a notice changes: as long as it stays, what was said of it is still so.
    pub revisions: i64,
}

/// The ledger's writer, held for several records, each a commit of its own. SQLite has only this one: nobody else
/// writes meanwhile.
#[derive(Debug)]
pub struct Recording {
    dialect: Dialect,
    connection: PoolConnection<Any>,
}

// Shared by those who claim; `publishing` takes it alone.
const NOT_WHILE_NOTICES_CHANGE: &str = "DO $$ BEGIN PERFORM pg_advisory_xact_lock_shared(7235416113); END $$";

impl Ledger {
    /// Claims up to `most` mails of a lane that are due, the oldest first. Those who have left since are
    /// recorded so and not among them.
    pub async fn claim_mails(
        &self,
        lane: Lane,
        most: u32,
        lease: TimeDelta,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Vec<Claim>> {
        let mut transaction = self.begin_claiming().await.context("begin a claim")?;
        let due = due(&mut transaction, self.dialect, lane.number(), None, most, now)
            .await
            .context("look for mails")?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        hold(&mut transaction, self.dialect, &due, now + lease).await.context("claim mails")?;
        let (mut claims, mut left) = (Vec::with_capacity(due.len()), Vec::new());
        for row in due {
            let is_wanted = row.is_wanted();
            let claim = row.claim().context("a claimed mail cannot be read")?;
            match is_wanted {
                true => claims.push(claim),
                false => left.push(Receipt { claim, answer: None, next: Next::Done(State::Left), at: now }),
            }
        }
        // They are gathered in no order.
        claims.sort_by_key(|claim| (claim.edition, claim.recipient));
        record(&mut transaction, self.dialect, &left).await?;
        pass_on(&mut transaction, self, &left, now).await?;
        transaction.commit().await.context("end a claim")?;
        Ok(claims)
    }

    /// Whether the recipient of a claim still wants it: asked again just before the mail goes out, because a claim
    /// waits for its turn and its reader may have left meanwhile.
    pub async fn is_wanted(&self, claim: &Claim, now: DateTime<Utc>) -> anyhow::Result<bool> {
        let statement = format!(
            "SELECT s.id FROM edition e JOIN subscriber s ON s.id = $3 WHERE e.id = $1 AND {STILL_WANTED}"
        );
        let wanted: Option<i64> = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .bind(claim.edition)
            .bind(millis(now))
            .bind(claim.recipient)
            .fetch_optional(&self.read)
            .await
            .context("ask whether it is still wanted")?;
        Ok(wanted.is_some())
    }

    /// How often what a claim was made for has moved.
    pub async fn moved(&self) -> anyhow::Result<Moved> {
        let mark = |name| format!("COALESCE((SELECT value FROM mark WHERE name = '{name}'), 0)");
        let statement = format!("SELECT {}, {}", mark("departures"), mark("revisions"));
        let (departures, revisions) = sqlx::query_as(sqlx::AssertSqlSafe(statement))
            .fetch_one(&self.read)
            .await
            .context("ask what has moved")?;
        Ok(Moved { departures, revisions })
    }

    /// Claims up to `most` posts to a target that are due. Of one notice only the oldest that is not done:
    /// a correction never overtakes what it corrects.
    pub async fn claim_posts(
        &self,
        target: &str,
        most: u32,
        lease: TimeDelta,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Vec<Claim>> {
        let mut transaction = self.begin_claiming().await.context("begin a claim")?;
        let in_order = format!(
            "AND EXISTS (SELECT 1 FROM edition e WHERE e.id = delivery.edition AND e.audience = $4) AND {IS_FIRST}"
        );
        let condition = Some((in_order.as_str(), target));
        let due = due(&mut transaction, self.dialect, TARGET_LANE, condition, most, now)
            .await
            .context("look for posts")?;
        hold(&mut transaction, self.dialect, &due, now + lease).await.context("claim posts")?;
        let mut claims = due
            .into_iter()
            .map(DueRow::claim)
            .collect::<Option<Vec<_>>>()
            .context("read the claimed posts")?;
        // As above.
        claims.sort_by_key(|claim| (claim.edition, claim.recipient));
        transaction.commit().await.context("end a claim")?;
        Ok(claims)
    }

    // While notices change nobody claims: who had been claimed by then is told of the change, everybody else gets
    // what is so after it. SQLite has one writer at a time.
    async fn begin_claiming(&self) -> sqlx::Result<Transaction<'static, Any>> {
        let mut transaction = self.begin_writing().await?;
        if self.dialect == Dialect::Postgres {
            sqlx::query(NOT_WHILE_NOTICES_CHANGE).execute(&mut *transaction).await?;
        }
        Ok(transaction)
    }

    /// The edition of that number.
    pub async fn edition(&self, number: i64) -> anyhow::Result<Option<Committed>> {
        let row = sqlx::query("SELECT key, audience_kind, audience, word, detail, due_at, expires_at, at FROM edition WHERE id = $1")
            .bind(number)
            .fetch_optional(&self.read)
            .await
            .context("read an edition")?;
        let Some(row) = row else { return Ok(None) };
        let members = sqlx::query(
            "SELECT n.notice, (SELECT MAX(r.number) FROM revision r WHERE r.notice = n.notice)
             FROM edition_notice n WHERE n.edition = $1 ORDER BY n.position",
        )
        .bind(number)
        .fetch_all(&self.read)
        .await
        .context("read what an edition carries")?;
        let mut carried = Vec::new();
        for row in members {
            let Some(notice) = NoticeId::parse(row.try_get(0)?) else { continue };
            carried.push(Member { notice, number: small(row.try_get(1)?) });
        }
        let (word, detail): (String, String) = (row.try_get(3)?, row.try_get(4)?);
        let Some(content) = content_of(&word, &detail, carried) else {
            bail!("the ledger holds an edition that this program does not know: {word} {detail}");
        };
        Ok(Some(Committed {
            number,
            id: EditionId::from_ledger(row.try_get(0)?),
            audience: audience_of(row.try_get(1)?, row.try_get(2)?),
            content,
            at: instant(row.try_get(7)?),
            due_at: instant(row.try_get(5)?),
            expires_at: instant(row.try_get(6)?),
        }))
    }

    /// Writes down what came of claims, all in one commit. A delivery that was claimed again since is passed
    /// over; its try is written down all the same, because it was made. What was refused for a recipient's sake
    /// counts against their address.
    pub async fn record(&self, receipts: &[Receipt]) -> anyhow::Result<()> {
        self.recording().await?.record(receipts).await
    }

    /// Waits for the writer and keeps it for several records.
    pub async fn recording(&self) -> anyhow::Result<Recording> {
        let connection = self.write.acquire().await.context("begin a record")?;
        Ok(Recording { dialect: self.dialect, connection })
    }

    /// Gives back claims that were not tried: due at once, as if never claimed.
    pub async fn release(&self, claims: &[Claim], now: DateTime<Utc>) -> anyhow::Result<()> {
        if claims.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = claims.iter().map(|claim| (claim.edition, claim.recipient, claim.fence)).collect();
        let source =
            self.dialect.rows(&[("edition", "BIGINT"), ("recipient", "BIGINT"), ("fence", "BIGINT")]);
        let statement = format!(
            "UPDATE delivery SET state = 0, due_at = $2, attempts = delivery.attempts - 1 FROM {source} v
             WHERE delivery.edition = v.edition AND delivery.recipient = v.recipient
               AND delivery.fence = v.fence AND delivery.state = 1"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(rows_text(&rows)?).bind(millis(now));
        query.execute(&self.write).await.context("release claims")?;
        Ok(())
    }

    /// Gives back every claim of a ledger that only this process uses: after a crash nothing waits for a lease.
    pub async fn release_all(&self, now: DateTime<Utc>) -> anyhow::Result<u64> {
        // The second condition is the index's own: SQLite takes it only when it stands there.
        let done = sqlx::query("UPDATE delivery SET state = 0, due_at = $1 WHERE state = 1 AND state < 2")
            .bind(millis(now))
            .execute(&self.write)
            .await
            .context("release the claims of the last run")?;
        Ok(done.rows_affected())
    }

    /// Closes the editions of which nothing waits any more; answers how many.
    pub async fn complete_editions(&self, now: DateTime<Utc>) -> anyhow::Result<u64> {
        // Asked beside the writer, so that claims do not wait while a million are looked through.
        let done: Vec<i64> = sqlx::query_scalar(
            "SELECT id FROM edition WHERE state = 'open' AND id NOT IN (SELECT edition FROM delivery WHERE state < 2)",
        )
        .fetch_all(&self.read)
        .await
        .context("look for editions that are done")?;
        let mut closed = 0;
        for id in done {
            let done = sqlx::query(
                "UPDATE edition SET state = 'complete', finished_at = $1 WHERE id = $2 AND state = 'open'
                 AND NOT EXISTS (SELECT 1 FROM delivery WHERE edition = $2 AND state < 2)",
            )
            .bind(millis(now))
            .bind(id)
            .execute(&self.write)
            .await
            .context("close an edition")?;
            closed += done.rows_affected();
        }
        Ok(closed)
    }

    /// When something next falls due, claims under a lease included, and posts that wait for an older one left
    /// out.
    pub async fn next_delivery_at(&self) -> anyhow::Result<Option<DateTime<Utc>>> {
        // Lane by lane, because the index goes by them: one step each.
        let statement = format!(
            "SELECT MIN(at) FROM (
                 SELECT MIN(due_at) AS at FROM delivery WHERE lane = 0 AND state < 2
                 UNION ALL SELECT MIN(due_at) FROM delivery WHERE lane = 1 AND state < 2
                 UNION ALL SELECT MIN(due_at) FROM delivery WHERE lane = {TARGET_LANE} AND state < 2 AND {IS_FIRST}
             ) lanes"
        );
        let next: Option<i64> = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .fetch_one(&self.read)
            .await
            .context("ask what is due next")?;
        Ok(next.map(instant))
    }
}

impl Recording {
    /// As `Ledger::record`.
    pub async fn record(&mut self, receipts: &[Receipt]) -> anyhow::Result<()> {
        match self.dialect {
            // Few are refused, and for these more is asked and written. The others are one statement, and so a commit
            // without a transaction around it: each further trip to the thread that SQLite runs on would cost two
            // changes of threads, and together they would cost more than what SQLite does.
            Dialect::Sqlite if !receipts.iter().any(is_refused) => {
                record(&mut self.connection, self.dialect, receipts).await
            }
            Dialect::Sqlite | Dialect::Postgres => {
                let mut transaction = self
                    .connection
                    .begin_with(self.dialect.begin_writing())
                    .await
                    .context("begin a record")?;
                record(&mut transaction, self.dialect, receipts).await?;
                weigh_receipts(&mut transaction, receipts).await?;
                transaction.commit().await.context("end a record")
            }
        }
    }
}

impl State {
    /// As the ledger holds it.
    pub fn number(self) -> i64 {
        match self {
            Self::Due => 0,
            Self::Claimed => 1,
            Self::Sent => 2,
            Self::Bounced => 3,
            Self::Expired => 4,
            Self::Uncertain => 5,
            Self::Left => 6,
            Self::Superseded => 7,
            Self::Dropped => 8,
        }
    }
}

// Whether no older post of the same notice to the same target waits: a condition on a row of `delivery`.
const IS_FIRST: &str = "NOT EXISTS (
    SELECT 1 FROM edition e JOIN edition_notice mine ON mine.edition = e.id
    JOIN edition_notice other ON other.notice = mine.notice AND other.edition < mine.edition
    JOIN edition o ON o.id = other.edition AND o.audience_kind = 'target' AND o.audience = e.audience
    JOIN delivery d ON d.edition = o.id AND d.recipient = 0 AND d.state < 2
    WHERE e.id = delivery.edition)";

// Whether a subscriber `s` still wants an edition `e`; $2 is now. Who has not confirmed is written to about that alone.
const STILL_WANTED: &str = "(
    e.audience_kind = 'list' AND s.standing = 1 AND s.paused_until <= $2 AND EXISTS (
        SELECT 1 FROM subscription p WHERE p.subscriber = s.id AND (p.list = e.audience OR p.digest = e.audience))
    OR e.audience_kind = 'person' AND (s.standing = 1 OR s.standing = 0 AND e.word = 'confirmation'))";

// A delivery that is due, as it is when it is claimed: edition, recipient, attempts, fence; of a subscriber who wants
// it the lookup hash and the sealed address in hexadecimal digits and the language; whether it is personal.
#[derive(Deserialize)]
struct DueRow(i64, i64, i64, i64, Option<String>, Option<String>, Option<String>, i64);

impl DueRow {
    // By the language: the digits of no bytes are no text in SQLite and none at all in PostgreSQL.
    fn is_wanted(&self) -> bool {
        self.6.is_some()
    }

    fn claim(self) -> Option<Claim> {
        let Self(edition, recipient, attempts, fence, lookup, sealed, lang, personal) = self;
        Some(Claim {
            edition,
            recipient,
            attempts: small(attempts),
            fence,
            lookup: unhex(&lookup.unwrap_or_default())?,
            sealed: unhex(&sealed.unwrap_or_default())?,
            personal: personal != 0,
            lang: lang.unwrap_or_default(),
        })
    }
}

// The oldest of a lane. `condition` is further SQL with its one parameter, $4.
async fn due(
    connection: &mut AnyConnection,
    dialect: Dialect,
    lane: i64,
    condition: Option<(&str, &str)>,
    most: u32,
    now: DateTime<Utc>,
) -> anyhow::Result<Vec<DueRow>> {
    let sql = condition.map_or("", |(sql, _)| sql);
    let rows = dialect.gathered(&[
        ("d.edition", "BIGINT"),
        ("d.recipient", "BIGINT"),
        ("d.attempts + 1", "BIGINT"),
        ("d.fence + 1", "BIGINT"),
        ("s.lookup", BYTES),
        ("s.sealed", BYTES),
        ("s.lang", "TEXT"),
        ("CASE e.audience_kind WHEN 'person' THEN 1 ELSE 0 END", "BIGINT"),
    ]);
    // Materialized: a subquery that PostgreSQL ran twice would lock more than `most`. A bare $3 SQLite would look at to
    // plan by it, and plan anew each time.
    let statement = format!(
        "WITH d AS MATERIALIZED (
             SELECT edition, recipient, attempts, fence FROM delivery
             WHERE lane = $1 AND state < 2 AND due_at <= $2 {sql}
             ORDER BY due_at, edition LIMIT $3 + 0{})
         SELECT {rows} FROM d LEFT JOIN edition e ON e.id = d.edition
         LEFT JOIN subscriber s ON s.id = d.recipient AND {STILL_WANTED}",
        dialect.skip_locked()
    );
    let mut query =
        sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).bind(lane).bind(millis(now)).bind(i64::from(most));
    if let Some((_, parameter)) = condition {
        query = query.bind(parameter);
    }
    let rows: String = query.fetch_one(connection).await?;
    serde_json::from_str(&rows).context("read what is due")
}

// A claimed row's due time is its lease's end: what a dead process held falls due again by itself.
async fn hold(
    connection: &mut AnyConnection,
    dialect: Dialect,
    due: &[DueRow],
    lease_until: DateTime<Utc>,
) -> anyhow::Result<()> {
    if due.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = due.iter().map(|row| (row.0, row.1)).collect();
    let source = dialect.rows(&[("edition", "BIGINT"), ("recipient", "BIGINT")]);
    let statement = format!(
        "UPDATE delivery SET state = 1, attempts = attempts + 1, fence = fence + 1, due_at = $2 FROM {source} v
         WHERE delivery.edition = v.edition AND delivery.recipient = v.recipient"
    );
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(rows_text(&rows)?)
        .bind(millis(lease_until))
        .execute(connection)
        .await?;
    Ok(())
}

// Who is on two lists is frozen in one of two editions that say the same. When they have left that list and are
// still on the other, the other's edition takes them over, so that nobody misses what they asked for.
async fn pass_on(
    connection: &mut AnyConnection,
    ledger: &Ledger,
    left: &[Receipt],
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    if left.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = left.iter().map(|receipt| (receipt.claim.edition, receipt.claim.recipient)).collect();
    let source = ledger.dialect.rows(&[("edition", "BIGINT"), ("recipient", "BIGINT")]);
    let statement = format!(
        "INSERT INTO delivery (edition, recipient, lane, state, attempts, fence, due_at)
         SELECT MIN(o.id), v.recipient, o.lane, 0, 0, 0, $2 FROM {source} v
         JOIN edition e ON e.id = v.edition
         JOIN edition o ON o.once_key = e.once_key AND o.id <> e.id AND o.audience_kind = 'list'
         JOIN subscription p ON p.list = o.audience AND p.subscriber = v.recipient
             AND (o.word <> 'alert' OR p.digest = '')
         JOIN subscriber s ON s.id = v.recipient AND s.standing = 1 AND s.paused_until <= $2
         WHERE NOT EXISTS (SELECT 1 FROM delivery d WHERE d.edition = o.id AND d.recipient = v.recipient)
         GROUP BY e.once_key, v.recipient, o.lane
         ON CONFLICT (edition, recipient) DO NOTHING RETURNING edition"
    );
    let taken: Vec<i64> = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
        .bind(rows_text(&rows)?)
        .bind(millis(now))
        .fetch_all(&mut *connection)
        .await
        .context("pass on to another list")?;
    for edition in taken {
        let statement = "UPDATE edition SET recipients = recipients + 1, state = 'open', finished_at = NULL WHERE id = $1";
        sqlx::query(statement).bind(edition).execute(&mut *connection).await.context("open it again")?;
    }
    Ok(())
}

async fn record(
    connection: &mut AnyConnection,
    dialect: Dialect,
    receipts: &[Receipt],
) -> anyhow::Result<()> {
    if receipts.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = receipts.iter().map(receipt_row).collect();
    let rows = rows_text(&rows)?;
    for statement in record_statements(dialect) {
        // The first answer is the only one, and no row. `execute` would also wait for the end of the answers, for which
        // SQLite's thread wakes this one once more.
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(rows.as_str())
            .fetch_optional(&mut *connection)
            .await
            .context("record deliveries and attempts")?;
    }
    Ok(())
}

// What is written to `delivery` and to `attempt`, both from the rows in $1.
fn record_statements(dialect: Dialect) -> Vec<String> {
    let source = dialect.rows(&[
        ("edition", "BIGINT"),
        ("recipient", "BIGINT"),
        ("fence", "BIGINT"),
        ("state", "BIGINT"),
        ("due_at", "BIGINT"),
        ("number", "BIGINT"),
        ("at", "BIGINT"),
        ("outcome", "TEXT"),
        ("code", "BIGINT"),
        ("enhanced", "TEXT"),
        ("text", "TEXT"),
        ("took_ms", "BIGINT"),
    ]);
    match dialect {
        // The view's trigger does what stands below.
        Dialect::Sqlite => vec![format!(
            "INSERT INTO receipt
                 (edition, recipient, fence, state, due_at, number, at, outcome, code, enhanced, text, took_ms)
             SELECT edition, recipient, fence, state, due_at, number, at, outcome, code, enhanced, text, took_ms
             FROM {source} v"
        )],
        Dialect::Postgres => vec![
            format!(
                "UPDATE delivery SET state = v.state, due_at = v.due_at FROM {source} v
                 WHERE delivery.edition = v.edition AND delivery.recipient = v.recipient
                   AND delivery.fence = v.fence AND delivery.state = 1"
            ),
            format!(
                "INSERT INTO attempt (edition, recipient, number, at, outcome, code, enhanced, text, took_ms)
                 SELECT edition, recipient, number, at, outcome, code, enhanced, text, took_ms FROM {source} v
                 WHERE outcome IS NOT NULL ON CONFLICT (edition, recipient, number) DO NOTHING"
            ),
        ],
    }
}

// In the order of the columns above; `outcome` is null when nothing was tried.
type ReceiptRow<'r> =
    (i64, i64, i64, i64, i64, u32, i64, Option<&'static str>, u16, &'r str, Cow<'r, str>, u64);

fn receipt_row(receipt: &Receipt) -> ReceiptRow<'_> {
    let Receipt { claim, answer, next, at } = receipt;
    let (state, due_at) = match *next {
        Next::Done(state) => (state, *at),
        Next::Retry(at) => (State::Due, at),
    };
    let answer = answer.as_ref();
    let took_ms = answer.map_or(0, |answer| u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX));
    let enhanced = answer.and_then(|answer| answer.enhanced.as_deref()).unwrap_or_default();
    let text = answer.map_or("", |answer| &answer.text);
    // PostgreSQL's text holds no NUL.
    let text = if text.contains('\0') { Cow::Owned(text.replace('\0', "")) } else { Cow::Borrowed(text) };
    (
        claim.edition,
        claim.recipient,
        claim.fence,
        state.number(),
        millis(due_at),
        claim.attempts,
        millis(*at),
        answer.map(|answer| word(answer.outcome)),
        answer.and_then(|answer| answer.code).unwrap_or(0),
        enhanced,
        text,
        took_ms,
    )
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Sent => "sent",
        Outcome::Deferred(_) => "deferred",
        Outcome::Bounced(_) => "bounced",
        Outcome::Uncertain => "uncertain",
    }
}

fn content_of(word: &str, detail: &str, mut members: Vec<Member>) -> Option<Content> {
    if word == "issue" {
        let cut = NaiveDateTime::parse_from_str(detail, "%Y-%m-%dT%H:%M:%S").ok()?;
        return Some(Content::Issue { cut, members });
    }
    if let Some(occasion) = Occasion::of(word) {
        return Some(Content::Personal(occasion, NaiveDate::parse_from_str(detail, "%Y-%m-%d").ok()?));
    }
    let member = members.pop()?;
    match word {
        "alert" => Some(Content::Alert(member)),
        // `-P1D`, or of one of several dates `2018-07-17 -P1D`.
        "reminder" => {
            let (date, before) = match detail.split_once(' ') {
                Some((date, before)) => (Some(DateKey::parse(date)?), before),
                None => (None, detail),
            };
            Some(Content::Reminder(member, date, Before::parse(before).ok()?))
        }
        "correction" => Some(Content::Correction(member, detail.parse().ok()?)),
        _ => None,
    }
}
