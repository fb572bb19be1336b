//! Deliver: until nothing waits that can go out now, or loop 2 alone.

use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};

use crate::clock::Clock;
use crate::command::Ended;
use crate::command::serve::{options, run_parts};
use crate::command::terminal::say;
use crate::config::Config;
use crate::deliver::letters::goes_at;
use crate::edition::Audience;
use crate::installation::Installation;
use crate::ledger::delivering::Committed;
use crate::ledger::looking::Tally;
use crate::serve::{self, Parts, Running};

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
    let began = clock.now();
    let running = serve::start(installation, options(PARTS, None, clock)).await?;
    let targets: Vec<&str> = installation.config.targets.iter().map(|target| target.name.as_str()).collect();
    // What waits for a later hour is not waited for.
    while running.ledger.next_delivery_at().await?.is_some_and(|at| at <= clock.now() + crate::deliver::LEASE)
    {
        if running.ledger.held().await?.is_some() {
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
    let late = late(&installation.config, &running, &open, began).await?;
    running.stop().await;
    say(format_args!("{waiting} deliveries wait."))?;
    if !late.is_empty() {
        bail!("what is due did not go out\n  {}", late.join("\n  "));
    }
    Ok(Ended::Well)
}

// What was due when it began and waits all the same, and why: a line for each edition.
async fn late(
    config: &Config,
    running: &Running,
    open: &[Tally],
    began: DateTime<Utc>,
) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    for tally in open.iter().filter(|tally| tally.waiting > 0 && tally.due_at <= began) {
        let edition = running.ledger.edition(tally.number).await?.context("an edition is gone")?;
        // Who was taken out of the config is not to be told.
        let is_wanted = match &edition.audience {
            Audience::Target(name) => config.target(name).is_some(),
            Audience::List(_) | Audience::People => true,
        };
        if is_wanted && goes_at(config, &edition, began) <= began {
            let why = why(running, &edition).await?;
            lines.push(format!("{}: {} of {} wait; {why}", tally.edition, tally.waiting, tally.recipients));
        }
    }
    Ok(lines)
}

async fn why(running: &Running, edition: &Committed) -> anyhow::Result<String> {
    if let Some(held) = running.ledger.held().await? {
        return Ok(format!("{held}; `handbill resume` lets it go on"));
    }
    match &edition.audience {
        Audience::Target(name) if running.ledger.is_disabled(name).await? => {
            return Ok(format!("{name} wants no more posts; `handbill resume` tries it again"));
        }
        Audience::Target(_) => {}
        Audience::List(_) | Audience::People => {
            if let Some(why) = running.counts.closed() {
                return Ok(format!("mail cannot be handed over: {why}"));
            }
        }
    }
    Ok(match running.ledger.put_off(edition.number).await? {
        Some(attempt) => attempt.answer(),
        None => "not tried yet".to_owned(),
    })
}
