//! Queue: what waits.

use crate::clock::Clock;
use crate::command::Ended;
use crate::command::terminal::{few_untold, say, say_json, table};
use crate::installation::Installation;

/// Options of `queue`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The finished, skipped and missed ones too.
    #[arg(long)]
    pub all: bool,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    pub most: u32,
    /// For a machine.
    #[arg(long)]
    pub json: bool,
}

pub async fn run(installation: &Installation, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    let ledger = installation.ledger().await?;
    let state = if arguments.all { None } else { Some("open") };
    let tallies = ledger.tallies(state, arguments.most).await?;
    if arguments.json {
        say_json(&tallies)?;
        return Ok(Ended::Well);
    }
    let rows = tallies.iter().map(|tally| {
        let counts = [
            tally.recipients,
            tally.waiting,
            tally.sent,
            tally.bounced,
            tally.expired,
            tally.uncertain,
            tally.left,
            tally.superseded,
            tally.dropped,
        ];
        let mut row = vec![tally.due_at.format("%Y-%m-%d %H:%MZ").to_string(), tally.state.clone()];
        row.extend(counts.iter().map(i64::to_string));
        row.push(tally.edition.clone());
        row
    });
    say(table(
        &[
            "due",
            "state",
            "to",
            "waiting",
            "sent",
            "bounced",
            "expired",
            "uncertain",
            "left",
            "superseded",
            "dropped",
            "edition",
        ],
        rows,
    ))?;
    if let Some(held) = ledger.held().await? {
        say(format_args!("{held}; `handbill resume` lets it go on."))?;
    }
    if installation.config.websub.own {
        let counts = ledger.hub_counts(clock.now()).await?;
        let [subscriptions, behind, requests] =
            [counts.subscriptions, counts.behind, counts.requests].map(few_untold);
        say(format_args!(
            "The hub has {subscriptions} subscriptions, {behind} wait for an update, and {requests} requests wait to be verified."
        ))?;
    }
    let uncertain: i64 = tallies.iter().map(|tally| tally.uncertain).sum();
    if uncertain > 0 {
        say(
            "Uncertain mails wait for a person: `handbill edition KEY --resend-uncertain` or `--drop-uncertain`.",
        )?;
    }
    let odd = tallies.iter().filter(|tally| !tally.reconciles()).count();
    if odd > 0 {
        anyhow::bail!("the counts of {odd} editions do not reconcile");
    }
    Ok(Ended::Well)
}
