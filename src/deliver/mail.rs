//! Mail: connections to the relay, or the outbox.

use std::collections::VecDeque;
use std::num::{NonZeroU16, NonZeroU32};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::channel::bucket::TokenBucket;
use crate::channel::outbox::Outbox;
use crate::channel::smtp::Connection;
use crate::channel::smtp::envelope::Envelope;
use crate::channel::smtp::relay::{self, Relay, Trust};
use crate::config::{Security, Smtp, Transport};
use crate::deliver::letters::{Letters, Ready};
use crate::deliver::recorder::Recorder;
use crate::deliver::{BULK_MAIL, LEASE, Office, URGENT_MAIL, ours};
use crate::delivery::{self, Answer, Fault, Next, Outcome, Policy, Standing, State};
use crate::edition::{Content, Lane};
use crate::installation::Installation;
use crate::ledger::delivering::{Claim, Receipt};
use crate::subscriber::Address;

/// A mail that waits for a connection.
struct Job {
    claim: Claim,
    ready: Arc<Ready>,
    address: Address,
}

// What was claimed and waits for a connection; alerts before issues.
#[derive(Default)]
struct Queue {
    urgent: VecDeque<Job>,
    bulk: VecDeque<Job>,
}

struct Room {
    office: Office,
    recorder: Recorder,
    queue: Mutex<Queue>,
    // Something came into the queue.
    filled: Notify,
    // The queue ran low.
    low: Notify,
    rate: Option<Mutex<TokenBucket>>,
    // After a refused connection nothing is tried until then.
    closed_until: Mutex<DateTime<Utc>>,
    refusals: AtomicU32,
    // Messages refused one after the other for what we did.
    our_faults: AtomicU32,
    connections: usize,
}

// Ten refusals at the dot in a row are about us (a block, a policy), not about ten people.
const MOST_OF_OUR_FAULTS: u32 = 10;

// An idle connection is closed before the relay does it (RFC 5321 §4.5.3.2.7 gives 5 minutes).
const IDLE: Duration = Duration::from_secs(5);

/// Starts the claimer and the connections.
pub async fn start(office: &Office, recorder: Recorder, tasks: &TaskTracker) -> anyhow::Result<()> {
    let transport = office.installation.config.mail.transport.clone();
    let (connections, per_minute) = match &transport {
        Transport::Outbox => (4, None),
        Transport::Smtp(smtp) => (smtp.connections, smtp.per_minute),
    };
    let now = office.clock.now();
    let rate = per_minute
        .and_then(NonZeroU32::new)
        .map(|rate| Mutex::new(TokenBucket::new(rate, NonZeroU16::MIN, now)));
    let room = Arc::new(Room {
        office: office.clone(),
        recorder,
        queue: Mutex::default(),
        filled: Notify::new(),
        low: Notify::new(),
        rate,
        closed_until: Mutex::new(now),
        refusals: AtomicU32::new(0),
        our_faults: AtomicU32::new(0),
        connections,
    });
    let relay = match &transport {
        Transport::Outbox => None,
        Transport::Smtp(smtp) => Some(Arc::new(relay(&office.installation, smtp)?)),
    };
    for _ in 0..connections {
        let (room, relay) = (Arc::clone(&room), relay.clone());
        let outbox = Outbox::new(office.installation.outbox(), true);
        tasks.spawn(async move {
            match relay {
                Some(relay) => room.send_by(&relay).await,
                None => room.put_into(&outbox).await,
            }
        });
    }
    tasks.spawn(async move { room.claim().await });
    Ok(())
}

/// The relay of the config, its password read.
pub fn relay(installation: &Installation, smtp: &Smtp) -> anyhow::Result<Relay> {
    let trust = || {
        let file = smtp.ca_file.as_ref().map(|file| installation.root.join(file));
        Trust::new(file.as_deref()).context("load the certificate authorities")
    };
    let security = match smtp.security {
        Security::None => relay::Security::None,
        Security::StartTls => relay::Security::StartTls(trust()?),
        Security::Tls => relay::Security::Tls(trust()?),
    };
    let relay = Relay::new(&smtp.host, smtp.port, security, &smtp.hello)?;
    let (Some(user), Some(file)) = (&smtp.user, &smtp.password_file) else { return Ok(relay) };
    let password =
        installation.secret_lines(file)?.into_iter().next().context("the password file is empty")?;
    Ok(relay.with_credentials(user.clone(), password))
}

impl Room {
    // Claims in small batches, so that an alert never waits behind a long queue.
    async fn claim(&self) {
        let mut letters = Letters::default();
        let mut was_held = false;
        while !self.office.stop.is_cancelled() {
            let now = self.office.clock.now();
            let claimed = match self.claim_once(&mut letters, now, &mut was_held).await {
                Ok(claimed) => claimed,
                Err(err) => {
                    error!(error = format!("{err:#}"), "Deliveries could not be claimed; trying again.");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    0
                }
            };
            if claimed == 0 {
                self.rest(now).await;
            }
        }
        // What no connection has begun is given back; the others record what they have.
        let left: Vec<Claim> = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            let queue = &mut *queue;
            queue.urgent.drain(..).chain(queue.bulk.drain(..)).map(|job| job.claim).collect()
        };
        if let Err(err) = self.office.ledger.release(&left, self.office.clock.now()).await {
            warn!(error = format!("{err:#}"), "Claims could not be given back; their lease will.");
        }
        self.filled.notify_waiters();
    }

    async fn claim_once(
        &self,
        letters: &mut Letters,
        now: DateTime<Utc>,
        was_held: &mut bool,
    ) -> anyhow::Result<usize> {
        let held = self.office.ledger.held_since().await?.is_some();
        if held != *was_held {
            *was_held = held;
            if held { warn!("Sending is held until `handbill resume`.") } else { info!("Sending goes on.") }
        }
        if held || *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner) > now {
            return Ok(0);
        }
        let mut claimed = 0;
        for lane in [Lane::Urgent, Lane::Bulk] {
            let waiting = self.waiting(lane);
            let most = self.batch();
            if waiting * 2 > most {
                continue;
            }
            let wanted = u32::try_from(most - waiting).unwrap_or(u32::MAX);
            let claims = self.office.ledger.claim_mails(lane, wanted, LEASE, now).await?;
            claimed += claims.len();
            self.enqueue(letters, lane, claims, now).await?;
        }
        if claimed == 0 {
            self.office.ledger.complete_editions(now).await?;
        }
        Ok(claimed)
    }

    async fn enqueue(
        &self,
        letters: &mut Letters,
        lane: Lane,
        mut claims: Vec<Claim>,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        claims.sort_by_key(|claim| claim.edition);
        let mut jobs = Vec::with_capacity(claims.len());
        for claims in claims.chunk_by(|a, b| a.edition == b.edition) {
            let Some(first) = claims.first() else { continue };
            let ready = match letters.ready(&self.office, first.edition, now).await {
                Ok(ready) => ready,
                Err(err) => {
                    // Ours to repair: nobody is lost, and the other editions go on.
                    error!(
                        edition = first.edition,
                        error = format!("{err:#}"),
                        "An edition cannot be made ready; trying again in five minutes."
                    );
                    self.office.ledger.release(claims, now + chrono::TimeDelta::minutes(5)).await?;
                    continue;
                }
            };
            for claim in claims {
                match self.office.key.open(&claim.lookup, &claim.sealed) {
                    Ok(address) => {
                        jobs.push(Job { claim: claim.clone(), ready: Arc::clone(&ready), address })
                    }
                    Err(shut) => {
                        error!(edition.id = %ready.committed.id, "An address does not open; the delivery bounces.");
                        let answer = ours(Outcome::Bounced(Fault::Message), &shut.to_string());
                        let next = Next::Done(State::Bounced);
                        self.recorder
                            .record(Receipt { claim: claim.clone(), answer: Some(answer), next, at: now })
                            .await;
                    }
                }
            }
        }
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        match lane {
            Lane::Urgent => queue.urgent.extend(jobs),
            Lane::Bulk => queue.bulk.extend(jobs),
        }
        drop(queue);
        self.filled.notify_waiters();
        Ok(())
    }

    async fn rest(&self, now: DateTime<Utc>) {
        let next = match self.office.ledger.next_delivery_at().await {
            Ok(Some(at)) => at.max(now + chrono::TimeDelta::milliseconds(200)),
            Ok(None) | Err(_) => now + chrono::TimeDelta::hours(1),
        };
        let wait = self.office.clock.until(next).clamp(Duration::from_millis(2), Duration::from_secs(1));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.office.wake.notified() => {}
            () = self.low.notified() => {}
            () = self.office.stop.cancelled() => {}
        }
    }

    fn waiting(&self, lane: Lane) -> usize {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        match lane {
            Lane::Urgent => queue.urgent.len(),
            Lane::Bulk => queue.bulk.len(),
        }
    }

    // Under a rate limit only what goes out in some seconds is claimed.
    fn batch(&self) -> usize {
        if self.rate.is_some() { self.connections * 2 } else { (self.connections * 20).clamp(100, 500) }
    }

    fn take(&self) -> Option<Job> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let job = queue.urgent.pop_front().or_else(|| queue.bulk.pop_front());
        if queue.urgent.len() + queue.bulk.len() < self.batch() / 2 {
            self.low.notify_one();
        }
        job
    }

    // The next job and its turn under the rate limit; `None` when the service stops or `patience` is over.
    async fn next_job(&self, patience: Duration) -> Option<Job> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let filled = self.filled.notified();
            if self.office.stop.is_cancelled() {
                return None;
            }
            self.wait_for_turn().await;
            if let Some(job) = self.take() {
                return Some(job);
            }
            tokio::select! {
                () = filled => {}
                () = self.office.stop.cancelled() => return None,
                () = tokio::time::sleep_until(deadline) => return None,
            }
        }
    }

    async fn wait_for_turn(&self) {
        let Some(rate) = &self.rate else { return };
        while self.waiting(Lane::Urgent) + self.waiting(Lane::Bulk) > 0 && !self.office.stop.is_cancelled() {
            let turn = rate.lock().unwrap_or_else(PoisonError::into_inner).take(self.office.clock.now());
            match turn {
                Ok(()) => return,
                Err(wait) => tokio::time::sleep(wait.min(Duration::from_secs(1))).await,
            }
        }
    }

    async fn put_into(&self, outbox: &Outbox) {
        while !self.office.stop.is_cancelled() {
            let Some(job) = self.next_job(IDLE).await else { continue };
            let now = self.office.clock.now();
            if self.is_expired(&job, now) {
                self.expire(job, now).await;
                continue;
            }
            let message = job.ready.message(&self.office, &job.claim, &job.address, now);
            // The recipient's number and not the address: names of files are seen.
            let key = format!("{} {}", job.ready.committed.id, job.claim.recipient);
            match outbox.put(&key, &message).await {
                Ok(answer) => self.settle(job, answer).await,
                Err(err) => {
                    error!(error = %err, "The outbox cannot be written; trying again.");
                    self.settle(job, ours(Outcome::Deferred(Fault::Route), "the outbox cannot be written"))
                        .await;
                }
            }
        }
    }

    async fn send_by(&self, relay: &Relay) {
        let mut connection: Option<Connection> = None;
        let mut announced: Option<Job> = None;
        while !self.office.stop.is_cancelled() || announced.is_some() {
            let job = match announced.take() {
                Some(job) => job,
                None => match self.next_job(IDLE).await {
                    Some(job) => job,
                    None => {
                        if let Some(connection) = connection.take() {
                            connection.quit().await;
                        }
                        continue;
                    }
                },
            };
            let now = self.office.clock.now();
            if self.is_expired(&job, now) {
                // What was announced must be sent or the connection dropped.
                connection = connection.filter(|connection| connection.announced().is_none());
                self.expire(job, now).await;
                continue;
            }
            if connection.as_ref().is_none_or(|connection| !connection.is_usable()) {
                connection = self.connect(relay).await;
            }
            let Some(open) = connection.as_mut() else {
                self.give_back(job).await;
                continue;
            };
            announced = self.send(open, job, now).await;
        }
        if let Some(connection) = connection {
            connection.quit().await;
        }
    }

    // Sends one and records it; answers the job that was announced behind it.
    async fn send(&self, connection: &mut Connection, job: Job, now: DateTime<Utc>) -> Option<Job> {
        let envelope = match self.envelope(&job) {
            Ok(envelope) => envelope,
            Err(text) => {
                self.settle(job, ours(Outcome::Bounced(Fault::Recipient), &text)).await;
                return None;
            }
        };
        // Under a rate limit the next one's turn has not come yet.
        let next = if self.rate.is_none() && !self.office.stop.is_cancelled() { self.take() } else { None };
        let next_envelope = next.as_ref().and_then(|next| self.envelope(next).ok());
        let message = job.ready.message(&self.office, &job.claim, &job.address, now);
        let answer = connection.send(&envelope, &message, next_envelope.as_ref()).await;
        self.settle(job, answer).await;
        next
    }

    fn envelope(&self, job: &Job) -> Result<Envelope, String> {
        Envelope::new(&self.office.installation.config.mail.from_address, job.address.as_str())
            .map_err(|_| "the address cannot stand in an envelope".to_owned())
    }

    async fn connect(&self, relay: &Relay) -> Option<Connection> {
        match Connection::open(relay).await {
            Ok(connection) => {
                if self.refusals.swap(0, Ordering::Relaxed) > 0 {
                    info!("The relay takes mail again.");
                }
                Some(connection)
            }
            Err(answer) => {
                let refusals = self.refusals.fetch_add(1, Ordering::Relaxed);
                // From one second to a minute: an alert should not wait longer for a relay that is back.
                let pause = chrono::TimeDelta::seconds(1 << (refusals / 4).min(6))
                    .min(chrono::TimeDelta::seconds(60));
                *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner) =
                    self.office.clock.now() + pause;
                if refusals == 0 {
                    warn!(answer = answer.text, "The relay cannot be reached; the queue is kept.");
                }
                None
            }
        }
    }

    // The relay's trouble is not the recipient's: the try does not count.
    async fn give_back(&self, job: Job) {
        let closed_until = *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(err) = self.office.ledger.release(&[job.claim], closed_until).await {
            warn!(error = format!("{err:#}"), "A claim could not be given back; its lease will.");
        }
    }

    fn is_expired(&self, job: &Job, now: DateTime<Utc>) -> bool {
        job.ready.committed.expires_at <= now
    }

    async fn expire(&self, job: Job, now: DateTime<Utc>) {
        self.recorder
            .record(Receipt { claim: job.claim, answer: None, next: Next::Done(State::Expired), at: now })
            .await;
    }

    async fn settle(&self, job: Job, answer: Answer) {
        let now = self.office.clock.now();
        self.watch(&answer, now).await;
        let committed = &job.ready.committed;
        let standing = Standing {
            attempts: job.claim.attempts,
            expires_at: Some(committed.expires_at),
            seed: u64::from_be_bytes(job.claim.recipient.to_be_bytes())
                ^ u64::from_be_bytes(committed.number.to_be_bytes()).rotate_left(32),
        };
        let next = delivery::next(policy(&committed.content), &standing, &answer, now);
        self.recorder.record(Receipt { claim: job.claim, answer: Some(answer), next, at: now }).await;
    }

    // A relay that refuses everything we write must not make everybody's mail bounce.
    async fn watch(&self, answer: &Answer, now: DateTime<Utc>) {
        match answer.outcome {
            Outcome::Bounced(Fault::Message) => {
                if self.our_faults.fetch_add(1, Ordering::Relaxed) + 1 == MOST_OF_OUR_FAULTS {
                    error!(
                        answer = answer.text,
                        "The relay refuses what we send: sending is held until `handbill resume`."
                    );
                    if let Err(err) = self.office.ledger.hold(now).await {
                        error!(error = format!("{err:#}"), "Sending could not be held.");
                    }
                }
            }
            Outcome::Sent => self.our_faults.store(0, Ordering::Relaxed),
            Outcome::Deferred(_) | Outcome::Bounced(_) | Outcome::Uncertain => {}
        }
    }
}

fn policy(content: &Content) -> &'static Policy {
    match content.lane() {
        Lane::Urgent => &URGENT_MAIL,
        Lane::Bulk => &BULK_MAIL,
    }
}
