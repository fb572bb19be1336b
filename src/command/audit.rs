//! Audit: what operators did, and whether the record of it was changed.

use crate::command::Ended;
use crate::command::terminal::{complain, say, say_json, table};
use crate::installation::Installation;
use crate::ledger::{auditing, hex};

/// Options of `audit`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// For a machine.
    #[arg(long)]
    pub json: bool,
}

pub async fn run(installation: &Installation, arguments: &Arguments) -> anyhow::Result<Ended> {
    let log = installation.ledger().await?.audit_log().await?;
    if arguments.json {
        let entries: Vec<_> = log
            .iter()
            .map(|entry| {
                serde_json::json!({
                    "number": entry.number, "at": entry.at, "what": entry.what, "detail": entry.detail,
                    "chain": hex(&entry.chain),
                })
            })
            .collect();
        say_json(&entries)?;
    } else {
        say(table(
            &["", "at", "what", "detail"],
            log.iter().map(|entry| {
                let at = entry.at.format("%Y-%m-%d %H:%M:%SZ").to_string();
                vec![entry.number.to_string(), at, entry.what.clone(), entry.detail.clone()]
            }),
        ))?;
        if let Some(last) = log.last() {
            say(format_args!("The chain ends with {}.", hex(&last.chain)))?;
        }
    }
    let Some(number) = auditing::first_broken(&log) else { return Ok(Ended::Well) };
    complain(format_args!("Entry {number} does not follow from the one before: the log was changed."));
    Ok(Ended::WithProblems)
}
