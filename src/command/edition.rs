//! Edition: one edition's counts and tries, and what becomes of its uncertain mails.

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};

use crate::clock::Clock;
use crate::command::terminal::{say, say_json, table};
use crate::command::{Ended, Mistyped, meant};
use crate::installation::Installation;
use crate::ledger::Ledger;
use crate::ledger::looking::Tally;

/// Options of `edition`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Its key, as `queue` and `plan` show it.
    pub key: String,
    /// At most so many tries.
    #[arg(long, default_value_t = 20)]
    pub most: u32,
    /// Send again the mails that may have arrived, under the same Message-IDs.
    #[arg(long, conflicts_with = "drop_uncertain")]
    pub resend_uncertain: bool,
    /// Never send again the mails that may have arrived.
    #[arg(long)]
    pub drop_uncertain: bool,
    /// For a machine.
    #[arg(long)]
    pub json: bool,
}

// Among so many of the latest the one that was meant is looked for.
const MOST_KEYS: u32 = 1_000;

pub async fn run(installation: &Installation, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    let ledger = installation.ledger().await?;
    let Some(mut tally) = ledger.tally(&arguments.key).await? else {
        let keys = ledger.edition_keys(MOST_KEYS).await?;
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let meant = meant(&arguments.key, &keys, "`handbill queue --all` lists them");
        bail!(Mistyped::Name(format!("there is no edition {}{meant}", arguments.key)));
    };
    if arguments.resend_uncertain || arguments.drop_uncertain {
        decide(&ledger, &tally, arguments, clock.now()).await?;
        tally = ledger.tally(&arguments.key).await?.context("an edition is gone")?;
    }
    let attempts = ledger.attempts(tally.number, arguments.most).await?;
    if arguments.json {
        say_json(&serde_json::json!({ "edition": tally, "attempts": attempts }))?;
        return Ok(Ended::Well);
    }
    say(format_args!(
        "{}: {}, due {}",
        tally.edition,
        tally.state,
        tally.due_at.format("%Y-%m-%d %H:%M:%SZ")
    ))?;
    say(&tally.why)?;
    say(format_args!(
        "{} recipients: {} waiting, {} sent, {} bounced, {} expired, {} uncertain, {} left, {} superseded, {} dropped",
        tally.recipients,
        tally.waiting,
        tally.sent,
        tally.bounced,
        tally.expired,
        tally.uncertain,
        tally.left,
        tally.superseded,
        tally.dropped
    ))?;
    let rows = attempts.iter().map(|attempt| {
        let code = if attempt.code == 0 { String::new() } else { attempt.code.to_string() };
        vec![
            attempt.at.format("%Y-%m-%d %H:%M:%SZ").to_string(),
            attempt.number.to_string(),
            attempt.outcome.clone(),
            code,
            attempt.enhanced.clone(),
            format!("{} ms", attempt.took_ms),
            attempt.text.clone(),
        ]
    });
    say(table(&["at", "try", "outcome", "code", "enhanced", "took", "answer"], rows))?;
    Ok(Ended::Well)
}

async fn decide(
    ledger: &Ledger,
    tally: &Tally,
    arguments: &Arguments,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    if tally.uncertain == 0 {
        bail!("no mail of {} is uncertain", tally.edition);
    }
    if arguments.drop_uncertain {
        ledger.drop_uncertain(tally.number).await?;
        return Ok(());
    }
    let edition = ledger.edition(tally.number).await?.context("an edition is gone")?;
    if edition.expires_at <= now {
        bail!(
            "{} has expired, so nothing of it is sent any more; `--drop-uncertain` closes the matter",
            tally.edition
        );
    }
    ledger.resend_uncertain(tally.number, now).await?;
    Ok(())
}
