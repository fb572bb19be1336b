//! Deliver: loop 2. What is due is claimed, rendered, handed over, and recorded.
//!
//! Nothing is decided here: `delivery::next` decides what follows an answer. A receipt is durable before its
//! connection starts the next body, so a crash leaves at most one message a connection in doubt.

pub mod absent; // mails in the outbox to people who are not here any more
pub mod closing; // editions of which nothing waits any more
pub mod hub; // who wants to know of a changed feed
pub mod letters; // an edition made ready, once for all its recipients
pub mod mail; // connections to the relay, or the outbox
pub mod post; // posts to the targets
pub mod queue; // mails that wait for a connection, and all that are in hand
pub mod recorder; // receipts of all connections in shared commits
pub mod thread; // the one on which mail goes out

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::channel::target;
use crate::clock::Clock;
use crate::delivery::{self, Answer, Outcome, Policy};
use crate::installation::Installation;
use crate::ledger::Ledger;
use crate::ledger::delivering::Claim;
use crate::ledger::epoch::Held;
use crate::render::email::dkim::Signer;
use crate::render::templates::Templates;
use crate::render::words::Words;
use crate::returned::address;
use crate::subscriber::{About, Errand, Key};

/// What every part of delivering works with.
#[derive(Clone)]
pub struct Office {
    /// Whose.
    pub installation: Installation,
    /// Where it is recorded.
    pub ledger: Ledger,
    /// The words around a notice.
    pub templates: Arc<Templates>,
    /// What opens the addresses.
    pub key: Key,
    /// What signs the mails, when the relay does not.
    pub signer: Option<Arc<Signer>>,
    /// What time it is.
    pub clock: Clock,
    /// How it went so far.
    pub counts: Arc<Counts>,
    /// Somebody committed an edition, or a lease may have ended.
    pub wake: Arc<Notify>,
    /// When set, nothing new is begun; what is under way is ended and recorded.
    pub stop: CancellationToken,
    /// Keeps other processes from delivering from an embedded ledger, until the last part here has ended.
    pub lock: Option<Arc<File>>,
}

/// How delivering goes, for the metrics and for who waits for it: answers since the start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Mails and posts that were taken.
    pub sent: AtomicU64,
    /// Not now.
    pub deferred: AtomicU64,
    /// Never.
    pub bounced: AtomicU64,
    /// Perhaps.
    pub uncertain: AtomicU64,
    /// Too late.
    pub expired: AtomicU64,
    /// Not true any more.
    pub superseded: AtomicU64,
    /// Why no mail can be handed over, in the other side's words or ours; none while it can.
    closed: Mutex<Option<String>>,
}

/// How long a claim is held at most: longer than the wait for a connection and all the stages of an SMTP
/// transaction together.
pub const LEASE: TimeDelta = TimeDelta::minutes(45);

// When what somebody has to repair is tried again.
const REPAIR: TimeDelta = TimeDelta::minutes(5);

// A ledger that is away is asked again.
const RETRY: Duration = Duration::from_secs(1);

impl Office {
    /// The words for a reader of that language; of the site's when it is empty.
    pub fn words(&self, lang: &str) -> &Words {
        self.templates.words(self.installation.config.site.lang_of(lang))
    }

    // Why sending is held, asked after the time: a jump of the clock is noticed before anything is done by it.
    async fn held(&self) -> anyhow::Result<Option<Held>> {
        self.ledger.notice_jump(&self.clock).await?;
        self.ledger.held().await
    }

    // The relay's time is the machine's, however fast the clock goes.
    fn lease(&self) -> TimeDelta {
        LEASE.to_std().map_or(LEASE, |lease| self.clock.scaled(lease))
    }

    // How long the machine takes for so much time of the clock, at most a slice.
    fn passes_in(&self, span: Duration) -> Duration {
        let span = TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX);
        self.clock.until(self.clock.now().checked_add_signed(span).unwrap_or(DateTime::<Utc>::MAX_UTC))
    }

    // Who a mail comes back to: an address of its own (VERP), so that no host has to say whose mail it returns.
    fn return_path(&self, about: About, claim: &Claim) -> String {
        let mail = &self.installation.config.mail;
        let Some(return_path) = &mail.returns.return_path else { return mail.from_address.clone() };
        let errand = Errand { about, recipient: claim.recipient };
        address::with_token(return_path, &self.key.errand_token(&errand))
    }

    // Where a mail says that one can leave by mail.
    fn leave_address(&self, claim: &Claim) -> Option<String> {
        let leave = self.installation.config.mail.returns.leave.as_ref()?;
        let errand = Errand { about: About::Leave(claim.edition), recipient: claim.recipient };
        Some(format!("mailto:{}", address::with_token(leave, &self.key.errand_token(&errand))))
    }

    // Whether the key is the ledger's, when it does not open all of a batch: it was not changed since, and opens the
    // address of anybody at all. A batch may be of one.
    async fn has_the_key(&self, opens_some: bool) -> bool {
        let look = async || -> anyhow::Result<bool> {
            if !self.ledger.is_sealed_with(&self.key).await? {
                return Ok(false);
            }
            let opens = |(lookup, sealed): &(Vec<u8>, Vec<u8>)| self.key.open(lookup, sealed).is_ok();
            Ok(opens_some || self.ledger.some_sealed().await?.iter().any(opens))
        };
        match look().await {
            Ok(has) => has,
            Err(err) => {
                warn!(error = format!("{err:#}"), "Whether it is the right key cannot be asked.");
                false
            }
        }
    }

    // Gives back what was not tried; the try does not count. A claim that is not given back would wait for the
    // end of its lease, so it is tried until the service stops.
    async fn give_back(&self, claims: &[Claim], due_at: DateTime<Utc>) {
        while let Err(err) = self.ledger.release(claims, due_at).await {
            warn!(claims = claims.len(), error = format!("{err:#}"), "Claims could not be given back.");
            if self.stop.is_cancelled() {
                return;
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}

impl Counts {
    /// Says why no mail can be handed over, or that it can again.
    pub fn close(&self, why: Option<String>) {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Why no mail can be handed over.
    pub fn closed(&self) -> Option<String> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    // All of them together.
    fn answers(&self) -> u64 {
        [&self.sent, &self.deferred, &self.bounced, &self.uncertain, &self.expired, &self.superseded]
            .iter()
            .map(|counter| counter.load(Ordering::Relaxed))
            .sum()
    }

    fn add(&self, counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// How mail that is of the moment is tried again.
pub const URGENT_MAIL: Policy =
    Policy { retries: delivery::URGENT_MAIL_RETRIES, resend_uncertain: true, ..BULK_MAIL };

/// How issues are tried again: one that may have arrived is held, because a copy makes people leave.
pub const BULK_MAIL: Policy = Policy {
    retries: delivery::MAIL_RETRIES,
    resend_uncertain: false,
    retry_our_faults: true,
    jitter_percent: 20,
};

/// How posts are tried again: a receiver knows a copy by its webhook-id.
pub const POSTS: Policy =
    Policy { retries: target::RETRIES, resend_uncertain: true, retry_our_faults: false, jitter_percent: 20 };

/// An answer of our own, when the other side was not asked.
fn ours(outcome: Outcome, text: &str) -> Answer {
    Answer {
        outcome,
        code: None,
        enhanced: None,
        text: text.to_owned(),
        retry_after: None,
        took: Duration::ZERO,
    }
}

/// Starts the mail loop and a loop for each target; they end soon after `office.stop`.
pub async fn start(office: &Office, tasks: &TaskTracker) -> anyhow::Result<()> {
    let recorder = recorder::start(office, tasks)?;
    mail::start(office, recorder.clone(), tasks).await?;
    post::start(office, recorder, tasks)
}
