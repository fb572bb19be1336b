//! Recorder: the receipts of all connections in shared commits.

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

use crate::deliver::Office;
use crate::delivery::{Next, Outcome, State};
use crate::ledger::delivering::Receipt;

/// Hands receipts over and waits until they are on disk.
#[derive(Debug, Clone)]
pub struct Recorder {
    sender: mpsc::Sender<(Receipt, oneshot::Sender<()>)>,
}

// More would only make one statement longer.
const MOST_IN_A_COMMIT: usize = 500;

// So much of what was sent is at risk when a copy of the ledger is restored after a crash.
const RAISE_EVERY: Duration = Duration::from_secs(60);

// A database that is gone comes back, and the receipts are too dear to drop.
const RETRY: Duration = Duration::from_secs(1);

impl Recorder {
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
pub fn start(office: &Office, tasks: &TaskTracker) -> Recorder {
    let (sender, mut receiver) = mpsc::channel::<(Receipt, oneshot::Sender<()>)>(MOST_IN_A_COMMIT);
    let office = office.clone();
    tasks.spawn(async move {
        let mut raised = Raised::Never;
        while let Some(first) = receiver.recv().await {
            let (mut receipts, mut waiting) = (vec![first.0], vec![first.1]);
            while receipts.len() < MOST_IN_A_COMMIT {
                let Ok((receipt, done)) = receiver.try_recv() else { break };
                receipts.push(receipt);
                waiting.push(done);
            }
            while let Err(err) = office.ledger.record(&receipts).await {
                error!(
                    receipts = receipts.len(),
                    error = format!("{err:#}"),
                    "Receipts could not be recorded; trying again."
                );
                tokio::time::sleep(RETRY).await;
            }
            receipts.iter().for_each(|receipt| count(&office, receipt));
            waiting.into_iter().for_each(|done| {
                // The connection may be gone already.
                let _ = done.send(());
            });
            raised = match raised {
                Raised::At(at, _) if at.elapsed() < RAISE_EVERY => Raised::At(at, Since::Receipts),
                Raised::At(..) | Raised::Never => {
                    raise(&office).await;
                    Raised::At(Instant::now(), Since::Nothing)
                }
            };
        }
        if matches!(raised, Raised::At(_, Since::Receipts)) {
            raise(&office).await;
        }
    });
    Recorder { sender }
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
