//! Recalling: what a delivery needs of the past: its notices' revisions, and the mail that it follows.

use std::collections::HashMap;

use anyhow::Context;
use chrono::{DateTime, Utc};
use sqlx::Row;

use crate::edition::EditionId;
use crate::ledger::delivering::TARGET_LANE;
use crate::ledger::publishing::{Lease, REVISIONS, revision_of};
use crate::ledger::{Ledger, millis, rows_text};
use crate::notice::NoticeId;
use crate::revision::{Draft, Revision};
use crate::subscriber::SubscriberId;

impl Ledger {
    /// The latest revision of a notice with its material changes. `read` makes the draft of a stored source;
    /// what it cannot read any more is left out.
    pub async fn revision(
        &self,
        notice: &NoticeId,
        read: impl Fn(&str, &str) -> Option<Draft>,
    ) -> anyhow::Result<Option<Revision>> {
        let statement = format!("{REVISIONS} WHERE notice = $1 ORDER BY number");
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(notice.as_str())
            .fetch_all(&self.read)
            .await
            .context("read a notice's revisions")?;
        let mut latest: Option<Revision> = None;
        for row in rows {
            let Some(draft) = read(row.try_get(0)?, row.try_get(1)?) else { continue };
            latest = Some(revision_of(&row, latest.as_ref(), draft)?);
        }
        Ok(latest)
    }

    /// The number of a list's last issue that was due by then and went to anybody.
    pub async fn last_issue(&self, list: &str, by: DateTime<Utc>) -> anyhow::Result<Option<i64>> {
        sqlx::query_scalar(
            "SELECT id FROM edition WHERE audience_kind = 'list' AND audience = $1 AND word = 'issue' AND due_at <= $2
                 AND recipients > 0 AND state IN ('open', 'complete') ORDER BY due_at DESC, id DESC LIMIT 1",
        )
        .bind(list)
        .bind(millis(by))
        .fetch_optional(&self.read)
        .await
        .context("find a list's last issue")
    }

    /// The earliest mail with the same notice that each of some of an edition's recipients got, or may have: what
    /// a correction or a reminder follows.
    pub async fn followed(
        &self,
        edition: i64,
        recipients: &[SubscriberId],
    ) -> anyhow::Result<HashMap<SubscriberId, EditionId>> {
        let earlier = sqlx::query(
            "SELECT DISTINCT o.id, o.key FROM edition_notice here
             JOIN edition_notice there ON there.notice = here.notice AND there.edition < here.edition
             JOIN edition o ON o.id = there.edition AND o.audience_kind = 'list' WHERE here.edition = $1",
        )
        .bind(edition)
        .fetch_all(&self.read)
        .await
        .context("read what an edition may follow")?;
        let mut keys: HashMap<i64, String> = HashMap::new();
        for row in earlier {
            keys.insert(row.try_get(0)?, row.try_get(1)?);
        }
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let ids: Vec<String> = keys.keys().map(i64::to_string).collect();
        let rows: Vec<_> = recipients.iter().map(|recipient| [*recipient]).collect();
        // Row by row over the key, however many got those editions.
        let statement = format!(
            "SELECT v.recipient, (SELECT MIN(d.edition) FROM delivery d
                 WHERE d.recipient = v.recipient AND d.edition IN ({}) AND d.state IN (2, 5, 8))
             FROM {} v",
            ids.join(", "),
            self.dialect.rows(&[("recipient", "BIGINT")])
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
            .persistent(false)
            .bind(rows_text(&rows)?)
            .fetch_all(&self.read)
            .await
            .context("read what an edition follows")?;
        let mut followed = HashMap::new();
        for row in rows {
            let (recipient, earliest): (SubscriberId, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
            if let Some(key) = earliest.and_then(|id| keys.get(&id)) {
                followed.insert(recipient, EditionId::from_ledger(key.clone()));
            }
        }
        Ok(followed)
    }

    /// Whether something is claimed or due by `now`; of posts, those to one of `targets` that is not disabled.
    pub async fn waits(&self, targets: &[&str], now: DateTime<Utc>) -> anyhow::Result<bool> {
        let rows: Vec<_> = targets.iter().map(|target| [*target]).collect();
        let source = self.dialect.rows(&[("name", "TEXT")]);
        let statement = format!(
            "SELECT d.edition FROM delivery d WHERE d.state < 2 AND (d.state = 1 OR d.due_at <= $2)
             AND (d.lane < {TARGET_LANE} OR EXISTS (
                 SELECT 1 FROM edition e JOIN {source} v ON v.name = e.audience
                 WHERE e.id = d.edition AND NOT EXISTS (SELECT 1 FROM mark m WHERE m.name = 'disabled/' || v.name)))
             LIMIT 1"
        );
        let found: Option<i64> = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .bind(serde_json::json!(rows).to_string())
            .bind(millis(now))
            .fetch_optional(&self.read)
            .await
            .context("ask what waits")?;
        Ok(found.is_some())
    }

    /// Records the posts that are too late as expired, whoever would have posted them: nobody does for a target
    /// that is disabled or not in the config any more. Answers how many.
    pub async fn expire_posts(&self, now: DateTime<Utc>) -> anyhow::Result<u64> {
        let statement = format!(
            "UPDATE delivery SET state = 4 WHERE lane = {TARGET_LANE} AND state < 2 AND state = 0
             AND edition IN (SELECT id FROM edition WHERE state = 'open' AND expires_at <= $1)"
        );
        let done = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(millis(now)).execute(&self.write).await;
        Ok(done.context("expire posts")?.rows_affected())
    }

    /// Sends the uncertain mails of an edition again, under the same Message-IDs; answers how many.
    pub async fn resend_uncertain(&self, edition: i64, now: DateTime<Utc>) -> anyhow::Result<u64> {
        let mut transaction = self.begin_writing().await.context("begin to send again")?;
        let due = sqlx::query("UPDATE delivery SET state = 0, due_at = $2 WHERE edition = $1 AND state = 5")
            .bind(edition)
            .bind(millis(now))
            .execute(&mut *transaction)
            .await
            .context("send again what is uncertain")?
            .rows_affected();
        if due > 0 {
            sqlx::query("UPDATE edition SET state = 'open', finished_at = NULL WHERE id = $1")
                .bind(edition)
                .execute(&mut *transaction)
                .await
                .context("open an edition again")?;
        }
        transaction.commit().await.context("end to send again")?;
        Ok(due)
    }

    /// Leaves the uncertain mails of an edition as they are, for good; answers how many.
    pub async fn drop_uncertain(&self, edition: i64) -> anyhow::Result<u64> {
        let statement = "UPDATE delivery SET state = 8 WHERE edition = $1 AND state = 5";
        let done = sqlx::query(statement).bind(edition).execute(&self.write).await;
        Ok(done.context("drop what is uncertain")?.rows_affected())
    }

    /// Ends the lease of that name, whoever has it.
    pub async fn end_lease(&self, name: &str) -> anyhow::Result<()> {
        let statement = "UPDATE lease SET until = 0 WHERE name = $1";
        sqlx::query(statement).bind(name).execute(&self.write).await.context("end a lease")?;
        Ok(())
    }

    /// Ends a lease that its holder does not need any more, so that another need not wait for its end; one that
    /// another has taken since stays as it is.
    pub async fn return_lease(&self, name: &str, lease: &Lease) -> anyhow::Result<()> {
        sqlx::query("UPDATE lease SET until = 0 WHERE name = $1 AND holder = $2 AND fence = $3")
            .bind(name)
            .bind(&lease.holder)
            .bind(lease.fence)
            .execute(&self.write)
            .await
            .context("return a lease")?;
        Ok(())
    }

    /// Stops the posts to a target until `enable`.
    pub async fn disable(&self, target: &str, now: DateTime<Utc>) -> anyhow::Result<()> {
        sqlx::query("INSERT INTO mark (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
            .bind(disabled(target))
            .bind(millis(now))
            .execute(&self.write)
            .await
            .context("disable a target")?;
        Ok(())
    }

    /// Whether a target is disabled.
    pub async fn is_disabled(&self, target: &str) -> anyhow::Result<bool> {
        let found: Option<i64> = sqlx::query_scalar("SELECT value FROM mark WHERE name = $1")
            .bind(disabled(target))
            .fetch_optional(&self.read)
            .await
            .context("ask for a target")?;
        Ok(found.is_some())
    }

    /// Lets posts to every disabled target go on.
    pub async fn enable_all(&self) -> anyhow::Result<u64> {
        let done = sqlx::query("DELETE FROM mark WHERE name LIKE 'disabled/%'").execute(&self.write).await;
        Ok(done.context("enable the targets")?.rows_affected())
    }
}

fn disabled(target: &str) -> String {
    format!("disabled/{target}")
}
