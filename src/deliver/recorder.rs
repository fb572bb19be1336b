//! Recorder: the receipts of all connections in shared commits.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Sleep};
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

use crate::deliver::{Office, thread};
use crate::delivery::{Next, Outcome, State};
use crate::ledger::delivering::{Receipt, Recording};

/// Hands receipts over and waits until they are on disk.
#[derive(Debug, Clone)]
pub struct Recorder {
    sender: mpsc::Sender<Waiting>,
    under_way: Arc<AtomicUsize>,
}

/// A message on its way: while this lives, its receipt is expected.
#[derive(Debug)]
pub struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

// A receipt, and who waits for it.
type Waiting = (Receipt, oneshot::Sender<()>);

// More would only make one statement longer.
const MOST_IN_A_COMMIT: usize = 500;

// Claims and subscribers wait for the writer meanwhile: this many commits are some 30 ms.
const MOST_IN_A_TURN: usize = 16;

// A connection that was told of its receipt has the next answer within about this time, when the relay is near.
const SOON: Duration = Duration::from_millis(2);

// So much of what was sent is at risk when a copy of the ledger is restored after a crash.
const RAISE_EVERY: Duration = Duration::from_secs(60);

// A database that is gone comes back, and the receipts are too dear to drop.
const RETRY: Duration = Duration::from_secs(1);

impl Recorder {
    /// Says that a message goes out now. Keep what this answers until `record` has returned: other receipts wait
    /// a moment for its own, so that they share a commit.
    pub fn begin(&self) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(&self.under_way))
    }

    /// Returns when the receipt is durable.
    pub async fn record(&self, receipt: Receipt) {
        let (done, durable) = oneshot::channel();
        if self.sender.send((receipt, done)).await.is_ok() {
            // An error means that the recorder ended with the process; the lease brings the delivery back.
            let _ = durable.await;
        }
    }

    /// Returns when all the receipts are durable.
    pub async fn record_all(&self, receipts: Vec<Receipt>) {
        let mut waiting = Vec::with_capacity(receipts.len());
        for receipt in receipts {
            let (done, durable) = oneshot::channel();
            if self.sender.send((receipt, done)).await.is_ok() {
                waiting.push(durable);
            }
        }
        for durable in waiting {
            // As above.
            let _ = durable.await;
        }
    }
}

/// Starts the one task that writes receipts; it ends when every `Recorder` is dropped.
pub fn start(office: &Office, tasks: &TaskTracker) -> anyhow::Result<Recorder> {
    let (sender, mut receiver) = mpsc::channel::<Waiting>(MOST_IN_A_COMMIT);
    let under_way = Arc::new(AtomicUsize::new(0));
    let recorder = Recorder { sender, under_way: Arc::clone(&under_way) };
    let office = office.clone();
    let work = async move {
        let mut raised = Raised::Never;
        // One for all that is waited for: to put a timer off costs nothing, but to set one that goes off before all
        // others wakes the thread that sets it.
        let mut soon = pin!(tokio::time::sleep(SOON));
        while let Some(first) = receiver.recv().await {
            let mut first = Some(first);
            while let Some(waiting) = first.take() {
                first = record_in_turn(&office, &mut receiver, &under_way, soon.as_mut(), waiting).await;
                raised = match raised {
                    Raised::At(at, _) if at.elapsed() < RAISE_EVERY => Raised::At(at, Since::Receipts),
                    Raised::At(..) | Raised::Never => {
                        raise(&office).await;
                        Raised::At(Instant::now(), Since::Nothing)
                    }
                };
            }
        }
        if matches!(raised, Raised::At(_, Since::Receipts)) {
            raise(&office).await;
        }
    };
    tasks.spawn_on(work, thread::handle()?);
    Ok(recorder)
}

// Keeps the ledger's writer while receipts follow one another: to give it back and to ask for it costs as much as
// a record. Answers the receipt that waits for the next turn.
async fn record_in_turn(
    office: &Office,
    receiver: &mut mpsc::Receiver<Waiting>,
    under_way: &AtomicUsize,
    mut soon: Pin<&mut Sleep>,
    first: Waiting,
) -> Option<Waiting> {
    let mut turn = None;
    let mut next = first;
    for _ in 0..MOST_IN_A_TURN {
        let (receipts, waiting) = gather(receiver, under_way, soon.as_mut(), next).await;
        while let Err(err) = record(office, &mut turn, &receipts).await {
            turn = None;
            error!(
                receipts = receipts.len(),
                error = format!("{err:#}"),
                "Receipts could not be recorded; trying again."
            );
            tokio::time::sleep(RETRY).await;
        }
        receipts.iter().for_each(|receipt| count(office, receipt));
        waiting.into_iter().for_each(|done| {
            // The connection may be gone already.
            let _ = done.send(());
        });
        soon.as_mut().reset(Instant::now() + SOON);
        next = another(receiver, soon.as_mut()).await?;
    }
    Some(next)
}

// The receipts of one commit. Under FULL a commit is dear and its price is the same for all: what is on its way is
// waited for, but not long, as a relay may be slow.
async fn gather(
    receiver: &mut mpsc::Receiver<Waiting>,
    under_way: &AtomicUsize,
    mut soon: Pin<&mut Sleep>,
    (receipt, done): Waiting,
) -> (Vec<Receipt>, Vec<oneshot::Sender<()>>) {
    let (mut receipts, mut waiting) = (vec![receipt], vec![done]);
    soon.as_mut().reset(Instant::now() + SOON);
    while receipts.len() < MOST_IN_A_COMMIT {
        let next = match receiver.try_recv() {
            Ok(next) => Some(next),
            Err(_) if receipts.len() >= under_way.load(Ordering::Relaxed) => None,
            Err(_) => another(receiver, soon.as_mut()).await,
        };
        let Some((receipt, done)) = next else { break };
        receipts.push(receipt);
        waiting.push(done);
    }
    (receipts, waiting)
}

// The next receipt, unless it comes too late.
async fn another(receiver: &mut mpsc::Receiver<Waiting>, too_late: Pin<&mut Sleep>) -> Option<Waiting> {
    tokio::select! {
        biased;
        next = receiver.recv() => next,
        () = too_late => None,
    }
}

async fn record(office: &Office, turn: &mut Option<Recording>, receipts: &[Receipt]) -> anyhow::Result<()> {
    let turn = match turn {
        Some(turn) => turn,
        None => turn.insert(office.ledger.recording().await?),
    };
    turn.record(receipts).await
}

// When the epoch was raised, and what came since.
enum Raised {
    Never,
    At(Instant, Since),
}

enum Since {
    Nothing,
    Receipts,
}

// What was sent after a copy of the ledger was made is not to be sent again when the copy is put in its place.
async fn raise(office: &Office) {
    if let Err(err) = office.ledger.raise_epoch().await {
        warn!(error = format!("{err:#}"), "The epoch could not be raised; trying again in a minute.");
    }
}

fn count(office: &Office, receipt: &Receipt) {
    let counts = &office.counts;
    match (receipt.next, receipt.answer.as_ref().map(|answer| answer.outcome)) {
        (Next::Done(State::Expired), _) => counts.add(&counts.expired),
        (Next::Done(State::Superseded), _) => counts.add(&counts.superseded),
        (_, Some(Outcome::Sent)) => counts.add(&counts.sent),
        (_, Some(Outcome::Deferred(_))) => counts.add(&counts.deferred),
        (_, Some(Outcome::Bounced(_))) => counts.add(&counts.bounced),
        (_, Some(Outcome::Uncertain)) => counts.add(&counts.uncertain),
        (_, None) => {}
    }
}
