//! Publish: one look, or loop 1 alone.

use std::sync::Arc;

use crate::clock::Clock;
use crate::command::Ended;
use crate::command::serve::run_parts;
use crate::command::terminal::say;
use crate::installation::Installation;
use crate::plan::Step;
use crate::publish::Publisher;
use crate::serve::Parts;

/// Options of `publish`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Go on until stopped.
    #[arg(long)]
    pub watch: bool,
}

pub async fn run(installation: &Installation, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    if arguments.watch {
        return run_parts(installation, Parts { publish: true, deliver: false, web: false }, None, clock)
            .await;
    }
    let ledger = installation.ledger().await?;
    ledger.notice_jump(clock).await?;
    let templates = Arc::new(installation.templates()?);
    let holder = format!("publish-{}", std::process::id());
    let mut publisher = Publisher::new(installation, &ledger, templates, holder);
    let looked = publisher.look(clock.now()).await?;
    if !looked.stands_by {
        ledger.end_lease("publish").await?;
    }
    if looked.stands_by {
        say("Another process publishes for this ledger; it will see the files itself.")?;
        return Ok(Ended::Well);
    }
    if let Some(why) = looked.held {
        say(format_args!("{why}: nothing was planned, and sending is held until `handbill resume`."))?;
        return Ok(Ended::WithProblems);
    }
    for entry in &looked.entries {
        let word = match entry.step {
            Step::Revise(_) => "published",
            Step::Open { .. } => continue,
            Step::Send(_) => "to send",
            Step::Skip(_) => "skipped",
            Step::Miss(_) => "missed",
        };
        say(format_args!("{word} {}", entry.key()))?;
    }
    let documents = looked.written.map_or(0, |written| written.changed);
    say(format_args!("{} deliveries, {documents} documents changed.", looked.deliveries))?;
    Ok(if publisher.faulty() > 0 { Ended::WithProblems } else { Ended::Well })
}
