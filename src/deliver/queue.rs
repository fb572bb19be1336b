//! Queue: the mails that were claimed and wait for a connection, and all that this process has in hand.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::deliver::letters::Ready;
use crate::edition::{EditionId, Lane};
use crate::ledger::delivering::{Claim, Moved};
use crate::subscriber::{Address, SubscriberId};

/// A mail that waits for a connection.
pub struct Job {
    /// Dropped when the ledger knows what became of it.
    pub in_hand: InHand,
    /// With its text.
    pub ready: Arc<Ready>,
    /// To whom.
    pub address: Address,
    /// The recipient's earlier mail of the same notice.
    pub follows: Option<EditionId>,
    /// When it was claimed.
    pub claimed: Instant,
    /// As the ledger counted them before the claim.
    pub moved: Moved,
}

/// Alerts before issues.
#[derive(Default)]
pub struct Queue(Mutex<Lanes>);

#[derive(Default)]
struct Lanes {
    urgent: VecDeque<Job>,
    bulk: VecDeque<Job>,
}

/// The claims that this process has not ended. A lease may end under it: the clock jumps ahead, the machine sleeps,
/// the ledger is away. What it then claims once more it does not send once more.
#[derive(Clone, Default)]
pub struct Hands(Arc<Mutex<HashMap<Key, Option<Claim>>>>);

/// A delivery that is in hand as long as this lives.
pub struct InHand {
    hands: Hands,
    claim: Claim,
}

// An edition's number and the recipient.
type Key = (i64, SubscriberId);

impl Queue {
    /// Puts jobs behind the others of their lane.
    pub fn extend(&self, lane: Lane, jobs: Vec<Job>) {
        self.lanes().of(lane).extend(jobs);
    }

    /// Puts a job before the others of its lane.
    pub fn put_back(&self, job: Job) {
        let lane = job.ready.committed.content.lane();
        self.lanes().of(lane).push_front(job);
    }

    /// The next job, and how many are left.
    pub fn take(&self) -> Option<(Job, usize)> {
        let mut lanes = self.lanes();
        let job = lanes.urgent.pop_front().or_else(|| lanes.bulk.pop_front())?;
        Some((job, lanes.urgent.len() + lanes.bulk.len()))
    }

    /// All that wait.
    pub fn drain(&self) -> Vec<Job> {
        let mut lanes = self.lanes();
        let Lanes { urgent, bulk } = &mut *lanes;
        urgent.drain(..).chain(bulk.drain(..)).collect()
    }

    /// Those that were claimed before a notice last changed, as the ledger counts `revisions`.
    pub fn drain_stale(&self, revisions: i64) -> Vec<Job> {
        let mut lanes = self.lanes();
        let Lanes { urgent, bulk } = &mut *lanes;
        let mut stale = Vec::new();
        for lane in [urgent, bulk] {
            let (current, older): (VecDeque<Job>, VecDeque<Job>) =
                std::mem::take(lane).into_iter().partition(|job| job.moved.revisions == revisions);
            *lane = current;
            stale.extend(older);
        }
        stale
    }

    /// How many of a lane wait.
    pub fn waiting(&self, lane: Lane) -> usize {
        self.lanes().of(lane).len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        let lanes = self.lanes();
        lanes.urgent.is_empty() && lanes.bulk.is_empty()
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lanes {
    fn of(&mut self, lane: Lane) -> &mut VecDeque<Job> {
        match lane {
            Lane::Urgent => &mut self.urgent,
            Lane::Bulk => &mut self.bulk,
        }
    }
}

impl Hands {
    /// Takes a claimed delivery in hand.
    pub fn take(&self, claim: Claim) -> InHand {
        self.map().insert(key(&claim), None);
        InHand { hands: self.clone(), claim }
    }

    /// Whether a delivery that was claimed is in hand already; who has it then ends it by this claim.
    pub fn has(&self, claim: &Claim) -> bool {
        let mut map = self.map();
        let Some(newer) = map.get_mut(&key(claim)) else { return false };
        *newer = Some(claim.clone());
        true
    }

    fn map(&self) -> MutexGuard<'_, HashMap<Key, Option<Claim>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InHand {
    /// The claim that it was taken by, or that it was last renewed by.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// Whether it was claimed once more since; that claim is its own from now on.
    pub fn is_renewed(&mut self) -> bool {
        let newer = self.hands.map().get_mut(&key(&self.claim)).and_then(Option::take);
        let is_renewed = newer.is_some();
        if let Some(newer) = newer {
            self.claim = newer;
        }
        is_renewed
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.hands.map().remove(&key(&self.claim));
    }
}

fn key(claim: &Claim) -> Key {
    (claim.edition, claim.recipient)
}
