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
use crate::deliver::{LEASE, Office, POSTS, REPAIR, RETRY, letters};
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

// How soon what others have committed is seen.
const IDLE: Duration = Duration::from_secs(1);

// A target that cannot be reached is left alone for so long.
const UNREACHED: Duration = Duration::from_secs(5);

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

// What a post came to, for those that follow.
enum Then {
    // The next one.
    GoOn,
    // Nothing for a while: 429, 503 and a closed way are about the whole target.
    Wait(DateTime<Utc>),
    // Nothing until an operator resumes.
    Stop,
}

impl Desk {
    async fn run(self) {
        let now = self.office.clock.now();
        let per_minute = NonZeroU32::new(self.target.per_minute).unwrap_or(NonZeroU32::MIN);
        let mut bucket = TokenBucket::new(per_minute, NonZeroU16::MIN.saturating_add(9), now);
        while !self.office.stop.is_cancelled() {
            match self.round(&mut bucket).await {
                Ok(Some(until)) => self.wait_until(until).await,
                Ok(None) => self.wait(IDLE).await,
                Err(err) => {
                    error!(
                        target.name = self.target.name,
                        error = format!("{err:#}"),
                        "Posting failed and is tried again."
                    );
                    self.wait(RETRY).await;
                }
            }
        }
    }

    // Posts what is due; answers until when the target wants nothing.
    async fn round(&self, bucket: &mut TokenBucket) -> anyhow::Result<Option<DateTime<Utc>>> {
        loop {
            let now = self.office.clock.now();
            if self.office.held().await?.is_some()
                || self.office.ledger.is_disabled(&self.target.name).await?
                || self.office.stop.is_cancelled()
            {
                return Ok(None);
            }
            let lease = self.office.lease();
            let claims = self.office.ledger.claim_posts(&self.target.name, BATCH, lease, now).await?;
            if claims.is_empty() {
                return Ok(None);
            }
            match self.post_all(claims, bucket).await {
                Then::GoOn => {}
                Then::Wait(until) => return Ok(Some(until)),
                Then::Stop => return Ok(None),
            }
        }
    }

    // Whatever happens here, each of the claims is recorded or given back.
    async fn post_all(&self, claims: Vec<Claim>, bucket: &mut TokenBucket) -> Then {
        let mut claims = claims.into_iter();
        while let Some(claim) = claims.next() {
            let is_turn = self.wait_for_turn(bucket).await;
            let then = if is_turn { self.post(&claim).await } else { Ok(Then::Stop) };
            let then = match then {
                Ok(then) if is_turn => then,
                Ok(then) => {
                    self.office.give_back(&[claim], self.office.clock.now()).await;
                    then
                }
                Err(err) => {
                    // Ours to repair: it is kept, and the others go on.
                    error!(
                        target.name = self.target.name,
                        edition = claim.edition,
                        error = format!("{err:#}"),
                        "A post cannot be made; trying again in five minutes."
                    );
                    self.office.give_back(&[claim], self.office.clock.now() + REPAIR).await;
                    Then::GoOn
                }
            };
            let due_at = match then {
                Then::GoOn => continue,
                Then::Wait(until) => until,
                Then::Stop => self.office.clock.now(),
            };
            let rest: Vec<Claim> = claims.collect();
            self.office.give_back(&rest, due_at).await;
            return then;
        }
        Then::GoOn
    }

    // Whether it came before the service stopped.
    async fn wait_for_turn(&self, bucket: &mut TokenBucket) -> bool {
        while !self.office.stop.is_cancelled() {
            match bucket.take(self.office.clock.now()) {
                Ok(()) => return true,
                Err(wait) => self.wait(self.office.passes_in(wait)).await,
            }
        }
        false
    }

    async fn wait_until(&self, at: DateTime<Utc>) {
        while self.office.clock.now() < at && !self.office.stop.is_cancelled() {
            self.wait(self.office.clock.until(at).max(Duration::from_millis(2))).await;
        }
    }

    async fn wait(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.office.stop.cancelled() => {}
        }
    }

    // An error is before the post: whatever they answered is recorded.
    async fn post(&self, claim: &Claim) -> anyhow::Result<Then> {
        let now = self.office.clock.now();
        let committed =
            self.office.ledger.edition(claim.edition).await?.context("a delivery is of no edition")?;
        if committed.expires_at <= now {
            return Ok(self.end(claim, State::Expired, now).await);
        }
        let revisions = letters::revisions(&self.office, &committed.content).await?;
        if delivery::is_superseded(&committed.content, committed.at, committed.expires_at, &revisions) {
            return Ok(self.end(claim, State::Superseded, now).await);
        }
        let revision = revisions.first().context("a post of nothing")?;
        let site = &self.office.installation.config.site;
        let body = post::body(
            site,
            self.office.templates.words(&site.lang),
            &committed.content,
            revision,
            committed.due_at,
            now,
        );
        let id = format!("msg_{}", self.office.key.message_id(committed.id.as_str(), 0));
        let answer = self.poster.post(&self.endpoint, &id, now, &body).await;
        let standing = Standing {
            attempts: claim.attempts,
            expires_at: Some(committed.expires_at),
            seed: u64::from_be_bytes(claim.edition.to_be_bytes()),
            // A machine does not sleep.
            quiet: None,
        };
        let next = delivery::next(&POSTS, &standing, &answer, now);
        let then = self.watch(&answer, now).await;
        self.recorder.record(Receipt { claim: claim.clone(), answer: Some(answer), next, at: now }).await;
        Ok(then)
    }

    // Without a post.
    async fn end(&self, claim: &Claim, state: State, now: DateTime<Utc>) -> Then {
        let next = Next::Done(state);
        self.recorder.record(Receipt { claim: claim.clone(), answer: None, next, at: now }).await;
        Then::GoOn
    }

    async fn watch(&self, answer: &Answer, now: DateTime<Utc>) -> Then {
        if reply::disables(answer) {
            warn!(
                target.name = self.target.name,
                "The target wants no more posts and is disabled; `handbill resume` tries it again."
            );
            if let Err(err) = self.office.ledger.disable(&self.target.name, now).await {
                error!(
                    target.name = self.target.name,
                    error = format!("{err:#}"),
                    "A target could not be disabled."
                );
            }
            return Then::Stop;
        }
        match answer.outcome {
            Outcome::Deferred(Fault::Route) => {
                let wait = answer.retry_after.unwrap_or(UNREACHED);
                Then::Wait(now + TimeDelta::from_std(wait).unwrap_or(LEASE))
            }
            Outcome::Deferred(_) | Outcome::Sent | Outcome::Bounced(_) | Outcome::Uncertain => Then::GoOn,
        }
    }
}
