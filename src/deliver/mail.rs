//! Mail: connections to the relay, or the outbox.

use std::num::{NonZeroU16, NonZeroU32};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::Sleep;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::channel::bucket::TokenBucket;
use crate::channel::outbox::Outbox;
use crate::channel::smtp::Connection;
use crate::channel::smtp::envelope::Envelope;
use crate::channel::smtp::relay::{self, Relay, Trust};
use crate::config::{Security, Smtp, Transport};
use crate::deliver::closing::Closing;
use crate::deliver::letters::{Letters, Prepared};
use crate::deliver::queue::{Hands, InHand, Job, Queue};
use crate::deliver::recorder::Recorder;
use crate::deliver::{BULK_MAIL, Office, REPAIR, RETRY, URGENT_MAIL, ours, thread};
use crate::delivery::{self, Answer, Fault, Next, Outcome, Policy, Standing, State};
use crate::edition::{Content, Lane};
use crate::installation::Installation;
use crate::ledger::delivering::{Claim, Moved, Receipt};
use crate::ledger::forgetting::NOTICED_WITHIN;

// Whether the way to the relay is open.
struct Way {
    // Nothing is tried before.
    closed_until: Instant,
    // Closed so many times in a row.
    closed: u32,
    // Mails in a row that the way failed.
    lost: u32,
    // Sending is held by the ledger's mark.
    held: bool,
    // So many write the ledger's mark at this moment, and so many have: a look at the ledger from before it was
    // written does not undo that.
    holding: u32,
    holds: u64,
}

struct Room {
    office: Office,
    recorder: Recorder,
    queue: Queue,
    hands: Hands,
    // Something came into the queue.
    filled: Notify,
    // The queue ran low.
    low: Notify,
    rate: Option<Mutex<TokenBucket>>,
    way: Mutex<Way>,
    // As the ledger counted it, and since when at least that is so.
    moved: tokio::sync::Mutex<Option<(Instant, Moved)>>,
    // Messages refused one after the other for what we did.
    our_faults: AtomicU32,
    connections: usize,
}

// A job's turn.
enum Turn {
    Now(Job),
    // The rate says when.
    Later(Duration),
    // Nothing waits.
    Never,
}

// Ten refusals at the dot in a row are about us (a block, a policy), not about ten people.
const MOST_OF_OUR_FAULTS: u32 = 10;

// Connections that share a task share its wake-ups: with a task for each, most of the time went into waking and
// parking threads. More than these have work for another core.
const MOST_IN_A_TASK: usize = 16;

// An idle connection is closed before the relay does it (RFC 5321 §4.5.3.2.7 gives 5 minutes).
const IDLE: Duration = Duration::from_secs(5);

// A relay answers a message in milliseconds; some think for minutes (RFC 5321 §4.5.3.2.6). What was announced behind
// such a one goes by another connection.
const LONGEST_BEHIND: Duration = Duration::from_secs(5);

// A goodbye is a courtesy.
const LAST_GOODBYE: Duration = Duration::from_millis(500);

// A job that waited longer is claimed anew. What is left of its lease is enough for a whole SMTP transaction, so
// that nobody else sends it meanwhile.
const FRESH: Duration = Duration::from_secs(10 * 60);

// Others may have committed something: the ledger is asked at least so often.
const LONGEST_REST: Duration = Duration::from_millis(500);

// An alert does not wait longer for a relay that is back.
const LONGEST_CLOSED: Duration = Duration::from_secs(60);

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
        queue: Queue::default(),
        hands: Hands::default(),
        filled: Notify::new(),
        low: Notify::new(),
        rate,
        moved: tokio::sync::Mutex::default(),
        way: Mutex::new(Way {
            closed_until: Instant::now(),
            closed: 0,
            lost: 0,
            held: false,
            holding: 0,
            holds: 0,
        }),
        our_faults: AtomicU32::new(0),
        connections,
    });
    let relay = match &transport {
        Transport::Outbox => None,
        Transport::Smtp(smtp) => Some(Arc::new(relay(&office.installation, smtp)?)),
    };
    let thread = thread::handle()?;
    let mut left = connections;
    while left > 0 {
        let group = left.min(MOST_IN_A_TASK);
        left -= group;
        let work: FuturesUnordered<_> = (0..group)
            .map(|_| {
                let (room, relay) = (Arc::clone(&room), relay.clone());
                let outbox = Outbox::new(office.installation.outbox(), true);
                async move {
                    match relay {
                        Some(relay) => room.send_by(&relay).await,
                        None => room.put_into(&outbox).await,
                    }
                }
            })
            .collect();
        // The first of them, and most have only one, beside what they work with.
        match left + group == connections {
            true => tasks.spawn_on(work.collect::<()>(), thread),
            false => tasks.spawn(work.collect::<()>()),
        };
    }
    tasks.spawn_on(async move { room.claim().await }, thread);
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
        let mut closing = Closing::default();
        while !self.office.stop.is_cancelled() {
            let now = self.office.clock.now();
            let claimed = match self.claim_once(&mut letters, now).await {
                Ok(claimed) => claimed,
                Err(err) => {
                    error!(error = format!("{err:#}"), "Deliveries could not be claimed; trying again.");
                    self.pause(RETRY).await;
                    continue;
                }
            };
            if claimed == 0 {
                closing.close_editions(&self.office, now).await;
                self.rest(now).await;
            }
        }
        // What no connection has begun is given back; the others record what they have.
        self.empty_queue(self.office.clock.now()).await;
    }

    async fn claim_once(&self, letters: &mut Letters, now: DateTime<Utc>) -> anyhow::Result<usize> {
        self.look_whether_held(now).await?;
        if !self.is_open() {
            return Ok(0);
        }
        let mut claimed = 0;
        for lane in [Lane::Urgent, Lane::Bulk] {
            let waiting = self.queue.waiting(lane);
            let most = self.batch();
            if waiting * 2 > most {
                continue;
            }
            let wanted = u32::try_from(most - waiting).unwrap_or(u32::MAX);
            let lease = self.office.lease();
            let moved = self.moved().await?;
            let mut claims = self.office.ledger.claim_mails(lane, wanted, lease, now).await?;
            claimed += claims.len();
            claims.retain(|claim| !self.hands.has(claim));
            self.enqueue(letters, lane, claims, moved, now).await;
        }
        Ok(claimed)
    }

    async fn look_whether_held(&self, now: DateTime<Utc>) -> anyhow::Result<()> {
        let holds = {
            let way = self.way();
            if way.holding > 0 {
                return Ok(());
            }
            way.holds
        };
        let why = self.office.held().await?;
        let held = why.is_some();
        {
            let mut way = self.way();
            if way.held == held || way.holding > 0 || way.holds != holds {
                return Ok(());
            }
            way.held = held;
        }
        if let Some(why) = why {
            warn!("{why}; `handbill resume` lets it go on.");
            self.empty_queue(now).await;
        } else {
            info!("Sending goes on.");
        }
        Ok(())
    }

    // Whatever happens here, each of the claims is queued, recorded or given back.
    async fn enqueue(
        &self,
        letters: &mut Letters,
        lane: Lane,
        mut claims: Vec<Claim>,
        moved: Moved,
        now: DateTime<Utc>,
    ) {
        let claimed = Instant::now();
        // One letter an edition and language of ours, whatever regions the readers' tags name.
        let lang = |claim: &Claim| self.office.words(&claim.lang).lang();
        claims.sort_by_key(|claim| (claim.edition, lang(claim)));
        for claims in claims.chunk_by(|a, b| (a.edition, lang(a)) == (b.edition, lang(b)) && !a.personal) {
            let Some(first) = claims.first() else { continue };
            let (ready, mut follows) = match letters.ready(&self.office, first, claims, now).await {
                Ok(Prepared::Ready(ready, follows)) => (ready, follows),
                Ok(Prepared::Later(at)) => {
                    self.office.give_back(claims, at).await;
                    continue;
                }
                Ok(Prepared::Over(state)) => {
                    // Here and not at its turn: under a rate it would take the turn of something that is of use.
                    self.recorder
                        .record_all(claims.iter().map(|claim| over(claim, state, now)).collect())
                        .await;
                    continue;
                }
                Err(err) => {
                    // Ours to repair: nobody is lost, and the other editions go on.
                    error!(
                        edition = first.edition,
                        error = format!("{err:#}"),
                        "An edition cannot be made ready; trying again in five minutes."
                    );
                    self.office.give_back(claims, now + REPAIR).await;
                    continue;
                }
            };
            let opened = claims.iter().map(|claim| self.office.key.open(&claim.lookup, &claim.sealed));
            let opened: Vec<_> = opened.collect();
            let shut = opened.iter().filter(|address| address.is_err()).count();
            if shut > 0 && !self.office.has_the_key(shut < opened.len()).await {
                // Another key. To let everybody's mail bounce would be a loss that nobody asked for.
                error!(edition.id = %ready.committed.id, "Addresses do not open: is it the right key? Sending is held until `handbill resume`.");
                self.office.give_back(claims, now).await;
                self.hold(now).await;
                continue;
            }
            let mut jobs = Vec::with_capacity(claims.len());
            let mut shut = Vec::new();
            for (claim, address) in claims.iter().zip(opened) {
                match address {
                    Ok(address) => {
                        let (in_hand, ready) = (self.hands.take(claim.clone()), Arc::clone(&ready));
                        let follows = follows.remove(&claim.recipient);
                        jobs.push(Job { in_hand, ready, address, follows, claimed, moved });
                    }
                    // Perhaps it is sealed by another key, which is put back before it is too late.
                    Err(_) => {
                        error!(edition.id = %ready.committed.id, "An address does not open; its mail waits.");
                        shut.push(claim.clone());
                    }
                }
            }
            self.queue.extend(lane, jobs);
            self.filled.notify_waiters();
            self.office.give_back(&shut, now + REPAIR).await;
        }
    }

    async fn rest(&self, now: DateTime<Utc>) {
        let is_idle = self.is_open() && self.queue.is_empty();
        let next = if is_idle { self.office.ledger.next_delivery_at().await.ok().flatten() } else { None };
        // What is due and was not claimed is not for this loop, or not yet.
        let next = next.filter(|at| *at > now);
        let wait = next.map_or(LONGEST_REST, |at| self.office.clock.until(at));
        tokio::select! {
            () = tokio::time::sleep(wait.clamp(Duration::from_millis(2), LONGEST_REST)) => {}
            () = self.office.wake.notified() => {}
            () = self.low.notified() => {}
            () = self.office.stop.cancelled() => {}
        }
    }

    async fn pause(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.office.stop.cancelled() => {}
        }
    }

    fn way(&self) -> MutexGuard<'_, Way> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_open(&self) -> bool {
        let way = self.way();
        // By the time that a clock has jumped to nothing goes out and nothing is too late.
        !way.held && way.closed_until <= Instant::now() && self.office.clock.jump().is_none()
    }

    // After the way was closed one mail tries it. Under a rate limit only what goes out in some seconds is claimed.
    fn batch(&self) -> usize {
        if self.way().closed > 0 {
            return 1;
        }
        if self.rate.is_some() { self.connections * 2 } else { (self.connections * 40).clamp(200, 1_000) }
    }

    fn take(&self) -> Option<Job> {
        let batch = self.batch();
        let (job, left) = self.queue.take()?;
        // Once on the way down: at the end of an edition the ledger would else be asked for more at every mail.
        if left == batch / 2 || left == 0 {
            self.low.notify_one();
        }
        Some(job)
    }

    // One look at the queue and the rate together: no turn is taken for nothing.
    fn turn(&self) -> Turn {
        let Some(rate) = &self.rate else { return self.take().map_or(Turn::Never, Turn::Now) };
        let mut rate = rate.lock().unwrap_or_else(PoisonError::into_inner);
        if self.queue.is_empty() {
            return Turn::Never;
        }
        match rate.take(self.office.clock.now()) {
            Ok(()) => self.take().map_or(Turn::Never, Turn::Now),
            Err(wait) => Turn::Later(self.office.passes_in(wait)),
        }
    }

    // The next job; `None` when the service stops or nothing came up for so long that a connection is to be closed.
    async fn next_job(&self) -> Option<Job> {
        let deadline = tokio::time::Instant::now() + IDLE;
        loop {
            let filled = self.filled.notified();
            if self.office.stop.is_cancelled() || deadline <= tokio::time::Instant::now() {
                return None;
            }
            let wait = match self.turn() {
                Turn::Now(job) => return Some(job),
                Turn::Later(wait) => tokio::time::Instant::now() + wait,
                Turn::Never => deadline,
            };
            tokio::select! {
                () = filled => {}
                () = self.office.stop.cancelled() => {}
                () = tokio::time::sleep_until(wait.min(deadline)) => {}
            }
        }
    }

    async fn put_into(&self, outbox: &Outbox) {
        while !self.office.stop.is_cancelled() {
            let Some(job) = self.next_job().await else { continue };
            let now = self.office.clock.now();
            let Some(job) = self.still_wanted(job, now).await else { continue };
            let Some(job) = self.still_good(job, now).await else { continue };
            let mut message = Vec::new();
            self.write(&job, now, &mut message);
            // The recipient's number and not the address: names of files are seen.
            let key = format!("{} {}", job.ready.committed.id, job.in_hand.claim().recipient);
            match outbox.put(&key, &message).await {
                Ok(answer) => self.settle(job, answer).await,
                Err(err) => {
                    self.close(&format!("the outbox cannot be written: {err}")).await;
                    self.give_back(vec![job], self.opens_at(now)).await;
                }
            }
        }
    }

    async fn send_by(&self, relay: &Relay) {
        let mut connection: Option<Connection> = None;
        let mut announced: Option<Job> = None;
        // One each for all mails: pieces of some 20 kB are dear to allocate, and to put a timer off costs nothing.
        let mut message = Vec::new();
        let mut behind = pin!(tokio::time::sleep(LONGEST_BEHIND));
        while !self.office.stop.is_cancelled() {
            let is_announced = announced.is_some();
            let job = match announced.take() {
                Some(job) => job,
                None => match self.next_job().await {
                    Some(job) => job,
                    None => {
                        if let Some(connection) = connection.take() {
                            connection.quit().await;
                        }
                        continue;
                    }
                },
            };
            // What was announced on it went back to the others.
            connection = connection.filter(|connection| is_announced || connection.announced().is_none());
            if self.is_open() && connection.as_ref().is_none_or(|connection| !connection.is_usable()) {
                connection = self.connect(relay).await;
            }
            let now = self.office.clock.now();
            // Of what was announced the transaction has begun: who leaves now comes too late.
            let wanted = match connection.as_ref().is_some_and(|connection| connection.announced().is_some())
            {
                true => Some(job),
                false => self.still_wanted(job, now).await,
            };
            let Some(job) = wanted else { continue };
            let Some(job) = self.still_good(job, now).await else {
                // What was announced must be sent or the connection dropped.
                connection = connection.filter(|connection| connection.announced().is_none());
                continue;
            };
            match connection.as_mut() {
                Some(connection) => {
                    announced = self.send(connection, job, &mut message, behind.as_mut(), now).await;
                }
                // It stops.
                None => self.give_back(vec![job], now).await,
            }
        }
        if let Some(job) = announced {
            self.give_back(vec![job], self.office.clock.now()).await;
        }
        if let Some(connection) = connection {
            // A relay that takes its time over a goodbye does not keep the service from stopping.
            let _ = tokio::time::timeout(LAST_GOODBYE, connection.quit()).await;
        }
    }

    // The job when its reader has not left since it was claimed. What is not wanted is given back, and the next claim
    // writes down that they left and whose else it is.
    async fn still_wanted(&self, job: Job, now: DateTime<Utc>) -> Option<Job> {
        match self.is_wanted(&job, now).await {
            Ok(true) => Some(job),
            Ok(false) => {
                self.give_back(vec![job], now).await;
                None
            }
            Err(err) => {
                warn!(
                    error = format!("{err:#}"),
                    "Whether a mail is still wanted cannot be asked; it waits."
                );
                self.give_back(vec![job], now).await;
                self.pause(RETRY).await;
                None
            }
        }
    }

    // While nobody has left anywhere, nobody is asked about one by one: that would cost more than the mail.
    async fn is_wanted(&self, job: &Job, now: DateTime<Utc>) -> anyhow::Result<bool> {
        let claim = job.in_hand.claim();
        if !claim.personal && self.moved().await?.departures == job.moved.departures {
            return Ok(true);
        }
        self.office.ledger.is_wanted(claim, now).await
    }

    // As the ledger counts it, at most `NOTICED_WITHIN` ago.
    async fn moved(&self) -> anyhow::Result<Moved> {
        // Held while the ledger is asked: all connections find it old at the same time, and one asks for all.
        let mut known = self.moved.lock().await;
        let asked = Instant::now();
        if let Some((since, moved)) = *known
            && asked.duration_since(since) < NOTICED_WITHIN
        {
            return Ok(moved);
        }
        let moved = self.office.ledger.moved().await?;
        *known = Some((asked, moved));
        Ok(moved)
    }

    // The job when it may go out now; or else what becomes of it is written down.
    async fn still_good(&self, mut job: Job, now: DateTime<Utc>) -> Option<Job> {
        if !self.is_open() || job.claimed.elapsed() > FRESH {
            self.give_back(vec![job], self.opens_at(now)).await;
            return None;
        }
        if job.ready.committed.expires_at <= now {
            self.end(&mut job.in_hand, None, Next::Done(State::Expired), now).await;
            return None;
        }
        let goes_at = job.ready.goes_at(now);
        if goes_at > now {
            self.give_back(vec![job], goes_at).await;
            return None;
        }
        self.still_said(job, now).await
    }

    // The job when no notice has changed since it was claimed. Who was claimed by then is told of the change, and what
    // it was before must not come after that: the next claim makes it anew, or drops it.
    async fn still_said(&self, job: Job, now: DateTime<Utc>) -> Option<Job> {
        let stale = match self.moved().await {
            Ok(moved) if moved.revisions == job.moved.revisions => return Some(job),
            Ok(moved) => self.queue.drain_stale(moved.revisions),
            Err(err) => {
                warn!(
                    error = format!("{err:#}"),
                    "Whether a notice has changed cannot be asked; a mail waits."
                );
                Vec::new()
            }
        };
        self.give_back(stale.into_iter().chain([job]).collect(), now).await;
        self.low.notify_one();
        None
    }

    fn opens_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let closed_for = self.way().closed_until.saturating_duration_since(Instant::now());
        now + self.office.clock.scaled(closed_for)
    }

    // Sends one, by way of the buffer, and records it; answers the job that was announced behind it.
    async fn send(
        &self,
        connection: &mut Connection,
        job: Job,
        message: &mut Vec<u8>,
        mut behind: Pin<&mut Sleep>,
        now: DateTime<Utc>,
    ) -> Option<Job> {
        let envelope = match self.envelope(&job) {
            Ok(envelope) => envelope,
            Err(text) => {
                self.settle(job, ours(Outcome::Bounced(Fault::Recipient), &text)).await;
                return None;
            }
        };
        // Under a rate limit the next one's turn has not come yet.
        let next = if self.rate.is_none() && !self.office.stop.is_cancelled() { self.take() } else { None };
        let next = match next {
            Some(next) => self.still_wanted(next, now).await,
            None => None,
        };
        let next_envelope = next.as_ref().and_then(|next| self.envelope(next).ok());
        message.clear();
        self.write(&job, now, message);
        let under_way = self.recorder.begin();
        let (answer, next) = {
            let next_envelope = next_envelope.as_ref();
            let sending = async {
                match job.ready.is_encoded() {
                    true => connection.send_encoded(&envelope, message, next_envelope).await,
                    false => connection.send(&envelope, message, next_envelope).await,
                }
            };
            let mut sending = pin!(sending);
            behind.as_mut().reset(tokio::time::Instant::now() + LONGEST_BEHIND);
            tokio::select! {
                biased;
                answer = &mut sending => (answer, next),
                () = behind => {
                    self.put_back(next, now).await;
                    (sending.await, None)
                }
            }
        };
        self.settle(job, answer).await;
        drop(under_way);
        next
    }

    // For another connection: the next of its lane.
    async fn put_back(&self, job: Option<Job>, now: DateTime<Utc>) {
        let Some(job) = job else { return };
        if self.office.stop.is_cancelled() {
            return self.give_back(vec![job], now).await;
        }
        self.queue.put_back(job);
        self.filled.notify_waiters();
    }

    fn write(&self, job: &Job, now: DateTime<Utc>, message: &mut Vec<u8>) {
        let claim = job.in_hand.claim();
        job.ready.message(&self.office, claim, &job.address, job.follows.as_ref(), now, message);
    }

    fn envelope(&self, job: &Job) -> Result<Envelope, String> {
        Envelope::new(&self.office.return_path(job.ready.about(), job.in_hand.claim()), job.address.as_str())
            .map_err(|_| "the address cannot stand in an envelope".to_owned())
    }

    // `None` when the relay cannot be reached, which closes the way, or the service stops.
    async fn connect(&self, relay: &Relay) -> Option<Connection> {
        let opened = tokio::select! {
            opened = Connection::open(relay) => opened,
            () = self.office.stop.cancelled() => return None,
        };
        match opened {
            Ok(connection) => Some(connection),
            Err(answer) => {
                self.close(&answer.text).await;
                None
            }
        }
    }

    // Nothing is tried for a while, and what waits for a connection is given back. All connections that find the
    // relay gone at the same time close the way once.
    async fn close(&self, why: &str) {
        let pause = {
            let mut way = self.way();
            if way.closed_until > Instant::now() {
                return;
            }
            let pause = Duration::from_secs(1 << way.closed.min(6)).min(LONGEST_CLOSED);
            way.closed_until = Instant::now() + pause;
            way.closed += 1;
            way.lost = 0;
            if way.closed == 1 {
                warn!(answer = why, "Mail cannot be handed over; the queue is kept.");
            }
            pause
        };
        self.office.counts.close(Some(why.to_owned()));
        let now = self.office.clock.now();
        self.empty_queue(now + self.office.clock.scaled(pause)).await;
    }

    async fn empty_queue(&self, due_at: DateTime<Utc>) {
        self.give_back(self.queue.drain(), due_at).await;
    }

    async fn give_back(&self, mut jobs: Vec<Job>, due_at: DateTime<Utc>) {
        let claims: Vec<Claim> = jobs
            .iter_mut()
            .map(|job| {
                job.in_hand.is_renewed();
                job.in_hand.claim().clone()
            })
            .collect();
        self.office.give_back(&claims, due_at).await;
    }

    async fn settle(&self, mut job: Job, answer: Answer) {
        let now = self.office.clock.now();
        let committed = &job.ready.committed;
        let standing = Standing {
            attempts: job.in_hand.claim().attempts,
            expires_at: Some(committed.expires_at),
            seed: u64::from_be_bytes(job.in_hand.claim().recipient.to_be_bytes())
                ^ u64::from_be_bytes(committed.number.to_be_bytes()).rotate_left(32),
            quiet: job.ready.quiet(),
        };
        let next = delivery::next(policy(&committed.content), &standing, &answer, now);
        self.end(&mut job.in_hand, Some(&answer), next, now).await;
        self.watch_way(&answer).await;
        self.watch_faults(&answer, now).await;
    }

    // Writes down what became of a delivery, by the claim that it was last renewed by: an older one's word is passed
    // over, and the delivery would be due again.
    async fn end(&self, in_hand: &mut InHand, answer: Option<&Answer>, next: Next, now: DateTime<Utc>) {
        in_hand.is_renewed();
        loop {
            let (claim, answer) = (in_hand.claim().clone(), answer.cloned());
            self.recorder.record(Receipt { claim, answer, next, at: now }).await;
            if !in_hand.is_renewed() {
                return;
            }
        }
    }

    // A relay that lets us in and then loses every mail is as good as away.
    async fn watch_way(&self, answer: &Answer) {
        let is_lost = match answer.outcome {
            Outcome::Deferred(Fault::Route) => true,
            Outcome::Sent | Outcome::Deferred(_) | Outcome::Bounced(_) | Outcome::Uncertain => false,
        };
        let close = {
            let mut way = self.way();
            if is_lost {
                way.lost += 1;
                way.closed > 0 || usize::try_from(way.lost).is_ok_and(|lost| lost > self.connections.max(3))
            } else {
                if way.closed > 0 {
                    info!("Mail is handed over again.");
                    self.office.counts.close(None);
                }
                (way.closed, way.lost) = (0, 0);
                false
            }
        };
        if close {
            self.close(&answer.text).await;
        }
    }

    // A relay that refuses everything we write must not make everybody's mail bounce.
    async fn watch_faults(&self, answer: &Answer, now: DateTime<Utc>) {
        match answer.outcome {
            Outcome::Bounced(Fault::Message) => {
                if self.our_faults.fetch_add(1, Ordering::Relaxed) + 1 >= MOST_OF_OUR_FAULTS {
                    error!(
                        answer = answer.text,
                        "The relay refuses what we send: sending is held until `handbill resume`."
                    );
                    self.hold(now).await;
                }
            }
            Outcome::Sent => self.our_faults.store(0, Ordering::Relaxed),
            Outcome::Deferred(_) | Outcome::Bounced(_) | Outcome::Uncertain => {}
        }
    }

    async fn hold(&self, now: DateTime<Utc>) {
        {
            let mut way = self.way();
            way.held = true;
            way.holding += 1;
        }
        // After a resume it is counted anew.
        self.our_faults.store(0, Ordering::Relaxed);
        if let Err(err) = self.office.ledger.hold(now).await {
            error!(error = format!("{err:#}"), "Sending could not be held.");
        }
        {
            let mut way = self.way();
            way.holding -= 1;
            way.holds += 1;
        }
        self.empty_queue(now).await;
    }
}

// Without a try.
fn over(claim: &Claim, state: State, now: DateTime<Utc>) -> Receipt {
    Receipt { claim: claim.clone(), answer: None, next: Next::Done(state), at: now }
}

fn policy(content: &Content) -> &'static Policy {
    match content.lane() {
        Lane::Urgent => &URGENT_MAIL,
        Lane::Bulk => &BULK_MAIL,
    }
}
