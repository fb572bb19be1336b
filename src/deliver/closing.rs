//! Closing: editions of which nothing waits any more.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tracing::error;

use crate::deliver::Office;

/// When editions were last looked through for those that are done.
#[derive(Default)]
pub struct Closing {
    last: Option<(Instant, u64)>,
}

impl Closing {
    /// Looks through them when it is time to; what fails is tried again.
    pub async fn close_editions(&mut self, office: &Office, now: DateTime<Utc>) {
        let answers = office.counts.answers();
        let is_time = self.last.is_none_or(|(at, before)| {
            at.elapsed() > CLOSE_EDITIONS_AT_LEAST_EVERY
                || (before != answers && at.elapsed() > CLOSE_EDITIONS_EVERY)
        });
        if !is_time {
            return;
        }
        self.last = Some((Instant::now(), answers));
        if let Err(err) = close(office, now).await {
            error!(error = format!("{err:#}"), "Editions could not be closed; trying again.");
        }
    }
}

// A post that expires at a false time is lost.
async fn close(office: &Office, now: DateTime<Utc>) -> anyhow::Result<()> {
    if !office.ledger.trusts(&office.clock).await? {
        return Ok(());
    }
    let expired = office.ledger.expire_posts(now).await;
    let closed = office.ledger.complete_editions(now).await;
    expired.and(closed).map(drop)
}

// Looking for editions that are done reads all that waits.
const CLOSE_EDITIONS_EVERY: Duration = Duration::from_secs(1);
const CLOSE_EDITIONS_AT_LEAST_EVERY: Duration = Duration::from_secs(30);
