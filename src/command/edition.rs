//! Edition: one edition's counts and tries.

use anyhow::bail;

use crate::command::Ended;
use crate::command::terminal::{say, say_json, table};
use crate::installation::Installation;

/// Options of `edition`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Its key, as `queue` and `plan` show it.
    pub key: String,
    /// At most so many tries.
    #[arg(long, default_value_t = 20)]
    pub most: u32,
    /// For a machine.
    #[arg(long)]
    pub json: bool,
}

pub async fn run(installation: &Installation, arguments: &Arguments) -> anyhow::Result<Ended> {
    let ledger = installation.ledger().await?;
    let Some(tally) = ledger.tally(&arguments.key).await? else {
        bail!("there is no edition {}; `handbill queue --all` lists them", arguments.key);
    };
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
        "{} recipients: {} waiting, {} sent, {} bounced, {} expired, {} uncertain, {} left, {} superseded",
        tally.recipients,
        tally.waiting,
        tally.sent,
        tally.bounced,
        tally.expired,
        tally.uncertain,
        tally.left,
        tally.superseded
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
