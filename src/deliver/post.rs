//! Post: signed posts to the targets, a loop for each: a dead one never delays another.

use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

use crate::channel::bucket::TokenBucket;
use crate::channel::target::guard::Cidr;
use crate::channel::target::sign::Secret;
use crate::channel::target::{Deadlines, Endpoint, Poster, reply};
use crate::config::Target;
use crate::deliver::recorder::Recorder;
use crate::deliver::{LEASE, Office, POSTS, letters};
use crate::delivery::{self, Answer, Fault, Next, Outcome, Standing, State};
use crate::installation::Installation;
use crate::ledger::delivering::{Claim, Receipt};
use crate::render::post;

/// A target that can be posted to.
struct Desk {
    office: Office,
    recorder: Recorder,
    poster: Arc<Poster>,
    target: Target,
    endpoint: Endpoint,
}

// Posts to one target go out one after the other, in order; a few a claim.
const BATCH: u32 = 10;

/// Starts a loop for each target of the config.
pub fn start(office: &Office, recorder: Recorder, tasks: &TaskTracker) -> anyhow::Result<()> {
    let targets = &office.installation.config.targets;
    let mut endpoints = Vec::new();
    for target in targets {
        let endpoint = endpoint(&office.installation, target)
            .with_context(|| format!("prepare the target {}", target.name))?;
        endpoints.push((target.clone(), endpoint));
    }
    let poster = Poster::new(Deadlines::default(), endpoints.iter().map(|(_, endpoint)| endpoint));
    let poster = Arc::new(poster.context("prepare to post")?);
    for (target, endpoint) in endpoints {
        let desk = Desk {
            office: office.clone(),
            recorder: recorder.clone(),
            poster: Arc::clone(&poster),
            target,
            endpoint,
        };
        tasks.spawn(desk.run());
    }
    Ok(())
}

/// A target's address with its secrets, checked.
pub fn endpoint(installation: &Installation, target: &Target) -> anyhow::Result<Endpoint> {
    let lines = installation.secret_lines(&target.secret_file)?;
    let secrets: Result<Vec<Secret>, _> = lines.iter().map(|line| Secret::parse(line)).collect();
    let allow: Result<Vec<Cidr>, _> = target.allow.iter().map(|network| Cidr::parse(network)).collect();
    Ok(Endpoint::parse(&target.url, secrets?, &allow?)?)
}

impl Desk {
    async fn run(self) {
        let now = self.office.clock.now();
        let per_minute = NonZeroU32::new(self.target.per_minute).unwrap_or(NonZeroU32::MIN);
        let mut bucket = TokenBucket::new(per_minute, NonZeroU16::MIN.saturating_add(9), now);
        while !self.office.stop.is_cancelled() {
            let wait = match self.round(&mut bucket).await {
                Ok(Some(pause)) => pause,
                Ok(None) => Duration::ZERO,
                Err(err) => {
                    error!(
                        target.name = self.target.name,
                        error = format!("{err:#}"),
                        "Posting failed and is tried again."
                    );
                    Duration::from_secs(1)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.office.stop.cancelled() => {}
            }
        }
    }

    // Answers how long to wait for the next round; `None` when there may be more at once.
    async fn round(&self, bucket: &mut TokenBucket) -> anyhow::Result<Option<Duration>> {
        let now = self.office.clock.now();
        let idle = Some(
            self.office
                .clock
                .until(now + TimeDelta::seconds(5))
                .clamp(Duration::from_millis(2), Duration::from_secs(1)),
        );
        if self.office.ledger.held_since().await?.is_some()
            || self.office.ledger.is_disabled(&self.target.name).await?
        {
            return Ok(idle);
        }
        let claims = self.office.ledger.claim_posts(&self.target.name, BATCH, LEASE, now).await?;
        if claims.is_empty() {
            return Ok(idle);
        }
        let mut claims = claims.into_iter();
        while let Some(claim) = claims.next() {
            while let Err(wait) = bucket.take(self.office.clock.now()) {
                tokio::time::sleep(wait).await;
            }
            let pause = self.post(claim).await?;
            if pause.is_some() || self.office.stop.is_cancelled() {
                // 429, 503 and a closed way are about the whole target.
                let rest: Vec<Claim> = claims.collect();
                let now = self.office.clock.now();
                let until =
                    pause.and_then(|pause| TimeDelta::from_std(pause).ok()).map_or(now, |pause| now + pause);
                self.office.ledger.release(&rest, until).await?;
                return Ok(Some(pause.unwrap_or_default().min(Duration::from_secs(60))));
            }
        }
        Ok(None)
    }

    async fn post(&self, claim: Claim) -> anyhow::Result<Option<Duration>> {
        let now = self.office.clock.now();
        let committed =
            self.office.ledger.edition(claim.edition).await?.context("a delivery is of no edition")?;
        if committed.expires_at <= now {
            self.recorder
                .record(Receipt { claim, answer: None, next: Next::Done(State::Expired), at: now })
                .await;
            return Ok(None);
        }
        let revisions = letters::revisions(&self.office, &committed.content).await?;
        let revision = revisions.first().context("a post of nothing")?;
        let body = post::body(
            &self.office.installation.config.site,
            &committed.content,
            revision,
            committed.due_at,
            now,
        );
        let id = format!("msg_{}", self.office.key.message_id(committed.id.as_str(), 0));
        let answer = self.poster.post(&self.endpoint, &id, now, &body).await;
        let pause = self.watch(&answer, now).await?;
        let standing = Standing {
            attempts: claim.attempts,
            expires_at: Some(committed.expires_at),
            seed: u64::from_be_bytes(claim.edition.to_be_bytes()),
        };
        let next = delivery::next(&POSTS, &standing, &answer, now);
        self.recorder.record(Receipt { claim, answer: Some(answer), next, at: now }).await;
        Ok(pause)
    }

    async fn watch(&self, answer: &Answer, now: DateTime<Utc>) -> anyhow::Result<Option<Duration>> {
        if reply::disables(answer) {
            warn!(
                target.name = self.target.name,
                "The target wants no more posts and is disabled; `handbill resume` tries it again."
            );
            self.office.ledger.disable(&self.target.name, now).await?;
        }
        Ok(match answer.outcome {
            Outcome::Deferred(Fault::Route) => Some(answer.retry_after.unwrap_or(Duration::from_secs(5))),
            Outcome::Deferred(_) | Outcome::Sent | Outcome::Bounced(_) | Outcome::Uncertain => None,
        })
    }
}
