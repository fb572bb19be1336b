//! Deliver: until nothing waits, or loop 2 alone.

use std::time::Duration;

use crate::clock::Clock;
use crate::command::Ended;
use crate::command::serve::{options, run_parts};
use crate::command::terminal::say;
use crate::installation::Installation;
use crate::serve::{self, Parts};

/// Options of `deliver`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Go on until stopped.
    #[arg(long)]
    pub watch: bool,
}

const PARTS: Parts = Parts { publish: false, deliver: true, web: false };

pub async fn run(installation: &Installation, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    if arguments.watch {
        return run_parts(installation, PARTS, None, clock).await;
    }
    installation.key()?;
    let running = serve::start(installation, options(PARTS, None, clock)).await?;
    let targets: Vec<&str> = installation.config.targets.iter().map(|target| target.name.as_str()).collect();
    // What waits for a later hour is not waited for.
    while running.ledger.next_delivery_at().await?.is_some_and(|at| at <= clock.now() + crate::deliver::LEASE)
    {
        if let Some(held) = running.ledger.held().await? {
            say(format_args!("{held}; `handbill resume` lets it go on."))?;
            break;
        }
        let claimed_or_due = running.ledger.waits(&targets, clock.now()).await?;
        if !claimed_or_due {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    running.ledger.complete_editions(clock.now()).await?;
    let open = running.ledger.tallies(Some("open"), 1000).await?;
    let waiting: i64 = open.iter().map(|tally| tally.waiting).sum();
    running.stop().await;
    say(format_args!("{waiting} deliveries wait."))?;
    Ok(Ended::Well)
}
