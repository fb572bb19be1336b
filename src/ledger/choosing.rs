//! Choosing: what a subscriber wants, and what is held about them.

use anyhow::Context;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row;

use crate::ledger::asking::held_standing;
use crate::ledger::forgetting::{depart, remove};
use crate::ledger::{Ledger, instant, millis, rows_text};
use crate::subscriber::{Event, Standing, SubscriberId};

/// What a confirmed subscriber wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preferences {
    /// Their lists, in order of their names.
    pub lists: Vec<Chosen>,
    /// BCP 47; empty when they did not say.
    pub lang: String,
    /// Nothing is sent before.
    pub paused_until: Option<DateTime<Utc>>,
    /// Whether they are reminded of actions.
    pub reminders: bool,
}

/// A list that sends them mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The list.
    pub list: String,
    /// The list whose issues come instead of this one's alerts. What they were told already is still corrected at
    /// once, and an action is still reminded of.
    pub digest: Option<String>,
}

/// All that is held about a subscriber but the sealed address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    /// `pending` or `confirmed`.
    pub standing: &'static str,
    /// BCP 47.
    pub lang: String,
    /// `2018-07`: the month in which they confirmed.
    pub confirmed_month: String,
    /// When they asked for what they have not confirmed.
    pub asked_at: Option<DateTime<Utc>>,
    /// The lists that they asked for and have not confirmed.
    pub asked_for: Vec<String>,
    /// The lists that send them mail.
    pub lists: Vec<HeldList>,
    /// Nothing is sent before.
    pub paused_until: Option<DateTime<Utc>>,
    /// Whether they are reminded of actions.
    pub reminders: bool,
    /// What was sent or is to be sent.
    pub deliveries: Vec<HeldDelivery>,
}

/// A list that sends them mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldList {
    /// The list.
    pub list: String,
    /// The list whose issues come instead of alerts; empty for none.
    pub digest: String,
}

/// A delivery to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldDelivery {
    /// The edition's name.
    pub edition: String,
    /// `waiting`, `sent`, `bounced`, `expired`, `uncertain` or `left`.
    pub state: &'static str,
    /// Tries.
    pub attempts: i64,
    /// When it was last dealt with, or is due.
    pub at: DateTime<Utc>,
}

impl Ledger {
    /// What a subscriber wants; none unless they are confirmed.
    pub async fn preferences(&self, subscriber: SubscriberId) -> anyhow::Result<Option<Preferences>> {
        let row = sqlx::query(
            "SELECT lang, paused_until, reminders FROM subscriber WHERE id = $1 AND standing = 1",
        )
        .bind(subscriber)
        .fetch_optional(&self.read)
        .await
        .context("read preferences")?;
        let Some(row) = row else { return Ok(None) };
        let lists = self.held_lists(subscriber).await?;
        let (paused_until, reminders): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
        Ok(Some(Preferences {
            lists: lists
                .into_iter()
                .map(|HeldList { list, digest }| Chosen {
                    list,
                    digest: (!digest.is_empty()).then_some(digest),
                })
                .collect(),
            lang: row.try_get(0)?,
            paused_until: (paused_until > 0).then(|| instant(paused_until)),
            reminders: reminders != 0,
        }))
    }

    /// Puts what a confirmed subscriber wants in the place of what they wanted. Without a list they leave. Answers
    /// whether they were there.
    pub async fn set_preferences(
        &self,
        subscriber: SubscriberId,
        preferences: &Preferences,
        now: DateTime<Utc>,
    ) -> anyhow::Result<bool> {
        let mut transaction = self.begin_writing().await.context("begin to choose")?;
        let done = sqlx::query(
            "UPDATE subscriber SET lang = $2, paused_until = $3, reminders = $4 WHERE id = $1 AND standing = 1",
        )
        .bind(subscriber)
        .bind(&preferences.lang)
        .bind(preferences.paused_until.map_or(0, millis))
        .bind(i64::from(preferences.reminders))
        .execute(&mut *transaction)
        .await
        .context("choose")?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        depart(&mut transaction).await?;
        if preferences.lists.is_empty() {
            remove(&mut transaction, subscriber, Event::Left, now).await?;
            transaction.commit().await.context("end to choose")?;
            return Ok(true);
        }
        sqlx::query("DELETE FROM subscription WHERE subscriber = $1")
            .bind(subscriber)
            .execute(&mut *transaction)
            .await
            .context("choose lists")?;
        let rows: Vec<(&str, &str)> = preferences
            .lists
            .iter()
            .map(|chosen| (chosen.list.as_str(), chosen.digest.as_deref().unwrap_or_default()))
            .collect();
        let source = self.dialect.rows(&[("list", "TEXT"), ("digest", "TEXT")]);
        let statement = format!(
            "INSERT INTO subscription (list, subscriber, digest) SELECT v.list, $2, v.digest FROM {source} v WHERE true
             ON CONFLICT (list, subscriber) DO NOTHING"
        );
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(rows_text(&rows)?)
            .bind(subscriber)
            .execute(&mut *transaction)
            .await
            .context("choose lists")?;
        transaction.commit().await.context("end to choose")?;
        Ok(true)
    }

    /// Whether an address is that of a subscriber.
    pub async fn is_of(&self, subscriber: SubscriberId, lookup: &[u8; 32]) -> anyhow::Result<bool> {
        let found: Option<i64> =
            sqlx::query_scalar("SELECT id FROM subscriber WHERE id = $1 AND lookup = $2")
                .bind(subscriber)
                .bind(lookup.to_vec())
                .fetch_optional(&self.read)
                .await
                .context("compare an address")?;
        Ok(found.is_some())
    }

    /// All that is held about a subscriber but the sealed address; none when they are not here.
    pub async fn held_about(&self, subscriber: SubscriberId) -> anyhow::Result<Option<Held>> {
        let row = sqlx::query(
            "SELECT standing, lang, confirmed_month, asked_at, paused_until, reminders FROM subscriber WHERE id = $1",
        )
        .bind(subscriber)
        .fetch_optional(&self.read)
        .await
        .context("read what is held")?;
        let Some(row) = row else { return Ok(None) };
        let person = self.person(subscriber).await?;
        let (paused_until, reminders): (i64, i64) = (row.try_get(4)?, row.try_get(5)?);
        let asked_at: i64 = row.try_get(3)?;
        Ok(Some(Held {
            standing: standing_word(held_standing(row.try_get(0)?, "", 0)),
            lang: row.try_get(1)?,
            confirmed_month: row.try_get(2)?,
            asked_at: (asked_at > 0).then(|| instant(asked_at)),
            asked_for: person.map_or(Vec::new(), |person| person.asked),
            lists: self.held_lists(subscriber).await?,
            paused_until: (paused_until > 0).then(|| instant(paused_until)),
            reminders: reminders != 0,
            deliveries: self.held_deliveries(subscriber).await?,
        }))
    }

    async fn held_lists(&self, subscriber: SubscriberId) -> anyhow::Result<Vec<HeldList>> {
        let rows = sqlx::query("SELECT list, digest FROM subscription WHERE subscriber = $1 ORDER BY list")
            .bind(subscriber)
            .fetch_all(&self.read)
            .await
            .context("read a subscriber's lists")?;
        rows.iter().map(|row| Ok(HeldList { list: row.try_get(0)?, digest: row.try_get(1)? })).collect()
    }

    async fn held_deliveries(&self, subscriber: SubscriberId) -> anyhow::Result<Vec<HeldDelivery>> {
        // Edition by edition over the key of `delivery`, which has no index by recipient: one step each.
        let rows = sqlx::query(
            "SELECT e.key, d.state, d.attempts, d.due_at FROM edition e
             CROSS JOIN delivery d WHERE d.edition = e.id AND d.recipient = $1 ORDER BY e.id",
        )
        .bind(subscriber)
        .fetch_all(&self.read)
        .await
        .context("read a subscriber's deliveries")?;
        rows.iter()
            .map(|row| {
                Ok(HeldDelivery {
                    edition: row.try_get(0)?,
                    state: state_word(row.try_get(1)?),
                    attempts: row.try_get(2)?,
                    at: instant(row.try_get(3)?),
                })
            })
            .collect()
    }
}

/// `pending`, `confirmed`, `unsubscribed` or `suppressed`.
pub fn standing_word(standing: Standing) -> &'static str {
    match standing {
        Standing::Pending => "pending",
        Standing::Confirmed => "confirmed",
        Standing::Unsubscribed => "unsubscribed",
        Standing::Suppressed(_) => "suppressed",
    }
}

fn state_word(state: i64) -> &'static str {
    match state {
        2 => "sent",
        3 => "bounced",
        4 => "expired",
        5 => "uncertain",
        6 => "left",
        _ => "waiting",
    }
}
