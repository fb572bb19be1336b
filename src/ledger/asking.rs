//! Asking: requests for mail, their confirmation, and the mails to single people.

use anyhow::Context;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sqlx::{AnyConnection, Row};

use crate::edition::{Content, EditionId, Lane, Occasion};
use crate::ledger::publishing::put_mark;
use crate::ledger::returning::forgive;
use crate::ledger::{Ledger, instant, millis, rows_text, small};
use crate::subscriber::{
    self, Caps, Confirmations, Event, HOUR, PENDING_LIFE, PERSON_LONG_SPAN, PERSON_SPAN, Standing,
    SubscriberId, Suppression,
};

/// Somebody asks for mail to an address.
#[derive(Debug, Clone)]
pub struct Request {
    /// Finds the address.
    pub lookup: [u8; 32],
    /// The sealed address.
    pub sealed: Vec<u8>,
    /// Counts the addresses of its domain.
    pub domain: [u8; 32],
    /// The lists asked for, each once.
    pub lists: Vec<String>,
    /// BCP 47.
    pub lang: String,
}

/// What a mail to one person has to know of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Where they stand: pending or confirmed.
    pub standing: Standing,
    /// BCP 47; empty when they did not say.
    pub lang: String,
    /// The lists that they asked for and have not confirmed, in order.
    pub asked: Vec<String>,
    /// When they asked.
    pub asked_at: Option<DateTime<Utc>>,
    /// The lists that send them mail, in order.
    pub lists: Vec<String>,
}

// Kinds of rows in `asked`.
const BY_PERSON: i64 = 0;
const BY_DOMAIN: i64 = 1;

impl Ledger {
    /// Writes down that somebody asks for mail to an address, and the confirmation that is due. New, known, pending,
    /// suppressed and capped: nothing tells the caller which, neither the answer nor its time, because each takes
    /// the same statements in one commit.
    pub async fn ask(&self, request: &Request, caps: &Caps, now: DateTime<Utc>) -> anyhow::Result<()> {
        let mut transaction = self.begin_writing().await.context("begin a request")?;
        // First a write, of the same row for all: the caps count what others have committed, and every request
        // waits for the disk.
        put_mark(&mut transaction, "asked_at", millis(now)).await?;
        let standing = standing_of(&mut transaction, &request.lookup).await?;
        let sent = confirmations(&mut transaction, request, now).await?;
        let mail = subscriber::step(standing, Event::Asked, now).mail;
        let granted = mail.is_some() && subscriber::may_confirm(caps, &sent);
        write_request(&mut transaction, self, request, granted, now).await?;
        let to = Some(request.lookup.as_slice()).filter(|_| granted);
        write_to(&mut transaction, Occasion::Confirmation, to, now).await?;
        transaction.commit().await.context("end a request")
    }

    /// Puts what a subscriber has asked for in force and welcomes them; done already, it changes nothing. Answers
    /// whether they are confirmed now.
    pub async fn confirm(&self, subscriber: SubscriberId, now: DateTime<Utc>) -> anyhow::Result<bool> {
        let mut transaction = self.begin_writing().await.context("begin to confirm")?;
        // Locks the row: two presses at once are one after the other.
        let row = sqlx::query(
            "UPDATE subscriber SET lang = lang WHERE id = $1 RETURNING lookup, standing, asked_at",
        )
        .bind(subscriber)
        .fetch_optional(&mut *transaction)
        .await
        .context("find a request")?;
        let Some(row) = row else { return Ok(false) };
        let (lookup, standing, asked_at): (Vec<u8>, i64, i64) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let standing = held_standing(standing, "", 0);
        if asked_at == 0 {
            return Ok(standing == Standing::Confirmed);
        }
        if now - instant(asked_at) >= PENDING_LIFE {
            return Ok(standing == Standing::Confirmed);
        }
        let step = subscriber::step(standing, Event::Confirmed, now);
        let month = now.format("%Y-%m").to_string();
        let statements = [
            ("UPDATE subscriber SET confirmed_month = $2 WHERE id = $1 AND standing = 0", Some(month.as_str())),
            ("UPDATE subscriber SET standing = 1, asked_at = 0 WHERE id = $1", None),
            (
                "INSERT INTO subscription (list, subscriber) SELECT list, subscriber FROM request WHERE subscriber = $1
                 ON CONFLICT (list, subscriber) DO NOTHING",
                None,
            ),
            ("DELETE FROM request WHERE subscriber = $1", None),
        ];
        for (statement, text) in statements {
            let query = sqlx::query(statement).bind(subscriber);
            let query = match text {
                Some(text) => query.bind(text),
                None => query,
            };
            query.execute(&mut *transaction).await.context("confirm")?;
        }
        sqlx::query("DELETE FROM suppression WHERE lookup = $1")
            .bind(&lookup)
            .execute(&mut *transaction)
            .await
            .context("confirm")?;
        let to = step.mail.map(|_| lookup.as_slice());
        write_to(&mut transaction, Occasion::Welcome, to, now).await?;
        transaction.commit().await.context("end to confirm")?;
        Ok(true)
    }

    /// Asks a subscriber whether their address still takes mail; twice a day is once. Answers whether it was asked.
    pub async fn probe(&self, subscriber: SubscriberId, now: DateTime<Utc>) -> anyhow::Result<bool> {
        let mut transaction = self.begin_writing().await.context("begin a probe")?;
        let asked = probe(&mut transaction, subscriber, now).await?;
        transaction.commit().await.context("end a probe")?;
        Ok(asked)
    }

    /// Writes down that a subscriber wants to stay: their consent is of this month, and what came back from them
    /// is forgotten. Answers whether they are here.
    pub async fn stay(&self, subscriber: SubscriberId, now: DateTime<Utc>) -> anyhow::Result<bool> {
        let mut transaction = self.begin_writing().await.context("begin to stay")?;
        let done = sqlx::query("UPDATE subscriber SET confirmed_month = $2 WHERE id = $1 AND standing = 1")
            .bind(subscriber)
            .bind(now.format("%Y-%m").to_string())
            .execute(&mut *transaction)
            .await
            .context("stay")?;
        if done.rows_affected() > 0 {
            forgive(&mut transaction, subscriber).await?;
        }
        transaction.commit().await.context("end to stay")?;
        Ok(done.rows_affected() > 0)
    }

    /// What a mail to one person has to know of them; none when they are gone.
    pub async fn person(&self, subscriber: SubscriberId) -> anyhow::Result<Option<Person>> {
        let row = sqlx::query("SELECT standing, lang, asked_at FROM subscriber WHERE id = $1")
            .bind(subscriber)
            .fetch_optional(&self.read)
            .await
            .context("read a person")?;
        let Some(row) = row else { return Ok(None) };
        let asked = sqlx::query_scalar("SELECT list FROM request WHERE subscriber = $1 ORDER BY list")
            .bind(subscriber)
            .fetch_all(&self.read)
            .await
            .context("read what a person asked for")?;
        let asked_at: i64 = row.try_get(2)?;
        Ok(Some(Person {
            standing: held_standing(row.try_get(0)?, "", 0),
            lang: row.try_get(1)?,
            asked,
            asked_at: (asked_at > 0).then(|| instant(asked_at)),
            lists: self.lists_of(subscriber).await?,
        }))
    }

    /// Where an address stands.
    pub async fn standing(&self, lookup: &[u8; 32]) -> anyhow::Result<Standing> {
        let mut connection = self.read.acquire().await.context("connect to the ledger")?;
        standing_of(&mut connection, lookup).await
    }
}

/// As `Ledger::probe`, with when it was asked.
pub(crate) async fn probe(
    connection: &mut AnyConnection,
    subscriber: SubscriberId,
    now: DateTime<Utc>,
) -> anyhow::Result<bool> {
    let lookup: Option<Vec<u8>> = sqlx::query_scalar(
        "UPDATE subscriber SET lang = lang WHERE id = $1 AND standing = 1 RETURNING lookup",
    )
    .bind(subscriber)
    .fetch_optional(&mut *connection)
    .await
    .context("find whom to probe")?;
    let asked = write_to(connection, Occasion::Probe, lookup.as_deref(), now).await?;
    if asked == 0 {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO probe (subscriber, asked_at) VALUES ($1, $2)
         ON CONFLICT (subscriber) DO UPDATE SET asked_at = excluded.asked_at",
    )
    .bind(subscriber)
    .bind(millis(now))
    .execute(connection)
    .await
    .context("write down a probe")?;
    Ok(true)
}

/// Where an address stands by its rows; `row` is of `subscriber`, less than 0 without one.
pub(crate) fn held_standing(row: i64, reason: &str, at: i64) -> Standing {
    match (row, reason) {
        (0, _) => Standing::Pending,
        (1, _) => Standing::Confirmed,
        (_, "bounced") => Standing::Suppressed(Suppression::Bounced { at: instant(at) }),
        (_, "complained") => Standing::Suppressed(Suppression::Complained),
        (_, _) => Standing::Unsubscribed,
    }
}

pub(crate) async fn standing_of(connection: &mut AnyConnection, lookup: &[u8]) -> anyhow::Result<Standing> {
    let row = sqlx::query(
        "SELECT COALESCE((SELECT standing FROM subscriber WHERE lookup = $1), -1),
             COALESCE((SELECT reason FROM suppression WHERE lookup = $1), ''),
             COALESCE((SELECT at FROM suppression WHERE lookup = $1), 0)",
    )
    .bind(lookup.to_vec())
    .fetch_one(connection)
    .await
    .context("ask where an address stands")?;
    let reason: String = row.try_get(1)?;
    Ok(held_standing(row.try_get(0)?, &reason, row.try_get(2)?))
}

async fn confirmations(
    connection: &mut AnyConnection,
    request: &Request,
    now: DateTime<Utc>,
) -> anyhow::Result<Confirmations> {
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM asked WHERE kind = 0 AND who = $1 AND at > $3),
             (SELECT COUNT(*) FROM asked WHERE kind = 0 AND who = $1 AND at > $4),
             (SELECT COUNT(*) FROM asked WHERE kind = 1 AND who = $2 AND at > $5),
             (SELECT COUNT(*) FROM asked WHERE kind = 1 AND at > $5)",
    )
    .bind(request.lookup.to_vec())
    .bind(request.domain.to_vec())
    .bind(millis(now - PERSON_SPAN))
    .bind(millis(now - PERSON_LONG_SPAN))
    .bind(millis(now - HOUR))
    .fetch_one(connection)
    .await
    .context("count the confirmations")?;
    Ok(Confirmations {
        to_person: small(row.try_get(0)?),
        to_person_lately: small(row.try_get(1)?),
        to_domain: small(row.try_get(2)?),
        to_all: small(row.try_get(3)?),
    })
}

// The same statements whether it is granted or not; without, they find nothing to do.
async fn write_request(
    connection: &mut AnyConnection,
    ledger: &Ledger,
    request: &Request,
    granted: bool,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let lookup = request.lookup.to_vec();
    sqlx::query(
        "INSERT INTO subscriber (lookup, sealed, standing, lang, confirmed_month, asked_at)
         SELECT $1, $2, 0, $3, '', $4 WHERE $5 = 1
         ON CONFLICT (lookup) DO UPDATE SET asked_at = excluded.asked_at,
             lang = CASE subscriber.standing WHEN 0 THEN excluded.lang ELSE subscriber.lang END",
    )
    .bind(&lookup)
    .bind(&request.sealed)
    .bind(&request.lang)
    .bind(millis(now))
    .bind(i64::from(granted))
    .execute(&mut *connection)
    .await
    .context("write down who asks")?;
    sqlx::query(
        "DELETE FROM request WHERE $2 = 1 AND subscriber = (SELECT id FROM subscriber WHERE lookup = $1)",
    )
    .bind(&lookup)
    .bind(i64::from(granted))
    .execute(&mut *connection)
    .await
    .context("write down what is asked")?;
    let rows: Vec<[&str; 1]> = request.lists.iter().map(|list| [list.as_str()]).collect();
    let source = ledger.dialect.rows(&[("list", "TEXT")]);
    let statement = format!(
        "INSERT INTO request (subscriber, list) SELECT s.id, v.list FROM {source} v JOIN subscriber s ON s.lookup = $2
         WHERE $3 = 1 AND NOT EXISTS (
             SELECT 1 FROM subscription p WHERE p.list = v.list AND p.subscriber = s.id AND s.standing = 1)
         ON CONFLICT (subscriber, list) DO NOTHING"
    );
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(rows_text(&rows)?)
        .bind(&lookup)
        .bind(i64::from(granted))
        .execute(&mut *connection)
        .await
        .context("write down what is asked")?;
    sqlx::query(
        "INSERT INTO asked (kind, who, at) SELECT $5, $1, $3 WHERE $4 = 1 UNION ALL SELECT $6, $2, $3 WHERE $4 = 1",
    )
    .bind(&lookup)
    .bind(request.domain.to_vec())
    .bind(millis(now))
    .bind(i64::from(granted))
    .bind(BY_PERSON)
    .bind(BY_DOMAIN)
    .execute(connection)
    .await
    .context("count a confirmation")?;
    Ok(())
}

// One more recipient of the day's edition, or with none the same statements for nothing. The edition's key and the
// recipient are the delivery's key: the day's second mail is no row.
async fn write_to(
    connection: &mut AnyConnection,
    occasion: Occasion,
    lookup: Option<&[u8]>,
    now: DateTime<Utc>,
) -> anyhow::Result<u64> {
    let day = now.date_naive();
    let id = EditionId::personal(occasion, day);
    let (begins, expires) = (day.and_time(chrono::NaiveTime::MIN).and_utc(), expires_at(occasion, day));
    sqlx::query(
        "INSERT INTO edition (key, once_key, audience_kind, audience, word, detail, lane, state, at, due_at, expires_at, planned_at, recipients, why)
         VALUES ($1, $1, 'person', '', $2, $3, $4, 'open', $5, $5, $6, $5, 0, $7) ON CONFLICT (key) DO NOTHING",
    )
    .bind(id.as_str())
    .bind(occasion.word())
    .bind(day.format("%Y-%m-%d").to_string())
    .bind(Content::Personal(occasion, day).lane().number())
    .bind(millis(begins))
    .bind(millis(expires))
    .bind(why(occasion))
    .execute(&mut *connection)
    .await
    .context("open the day's edition")?;
    let done = sqlx::query(
        "INSERT INTO delivery (edition, recipient, lane, state, attempts, fence, due_at)
         SELECT e.id, s.id, $3, 0, 0, 0, $4 FROM edition e JOIN subscriber s ON s.lookup = $2 WHERE e.key = $1
         ON CONFLICT (edition, recipient) DO NOTHING",
    )
    .bind(id.as_str())
    .bind(lookup.unwrap_or_default().to_vec())
    .bind(Lane::Urgent.number())
    .bind(millis(now))
    .execute(&mut *connection)
    .await
    .context("write to a person")?;
    let added = done.rows_affected();
    sqlx::query(
        "UPDATE edition SET recipients = recipients + $2,
             state = CASE $2 WHEN 0 THEN state ELSE 'open' END,
             finished_at = CASE $2 WHEN 0 THEN finished_at ELSE NULL END WHERE key = $1",
    )
    .bind(id.as_str())
    .bind(i64::try_from(added).unwrap_or(0))
    .execute(connection)
    .await
    .context("count who is written to")?;
    Ok(added)
}

// Of who asked in the day's last minute, too, the request lives as long as it may.
fn expires_at(occasion: Occasion, day: NaiveDate) -> DateTime<Utc> {
    let ends = day.and_time(chrono::NaiveTime::MIN).and_utc() + TimeDelta::days(1);
    match occasion {
        Occasion::Confirmation => ends + PENDING_LIFE,
        Occasion::Welcome | Occasion::Probe => ends + PERSONAL_LIFE,
    }
}

// What came later than a week after would say nothing to anybody.
const PERSONAL_LIFE: TimeDelta = TimeDelta::days(7);

fn why(occasion: Occasion) -> &'static str {
    match occasion {
        Occasion::Confirmation => "Somebody asked for mail to these addresses.",
        Occasion::Welcome => "They confirmed.",
        Occasion::Probe => "Mail to them came back now and then.",
    }
}
