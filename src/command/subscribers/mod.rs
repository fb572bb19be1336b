//! Subscribers: who is subscribed, in counts or one by one; in from a file, and out to one.

mod export;
pub mod import;
mod people;

use anyhow::bail;
use clap::Subcommand;

use crate::clock::Clock;
use crate::command::terminal::{few_untold, say, say_json, table};
use crate::command::{Ended, Mistyped};
use crate::config::Config;
use crate::fields;
use crate::installation::Installation;

/// Options of `subscribers`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What to do with them.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with subscribers.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Read people from a file: Handbill's CSV, or an export of Mailchimp, listmonk, Keila or Mailman.
    Import(import::Arguments),
    /// Write everybody's address into a file, encrypted; the audit log says so.
    Export(export::Arguments),
    /// Who is there, by number, without addresses.
    List(people::List),
    /// All that is held about somebody.
    Show(people::Who),
    /// Put somebody on lists.
    Add(people::Add),
    /// Forget somebody.
    Erase(people::Who),
    /// Keep an address from being written to.
    Suppress(people::Suppress),
    /// How many there are, by list and standing.
    Stats {
        /// For a machine.
        #[arg(long)]
        json: bool,
    },
}

pub async fn run(installation: &Installation, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    match &arguments.action {
        Action::Import(arguments) => import::run(installation, arguments, clock).await,
        Action::Export(arguments) => export::run(installation, arguments, clock).await,
        Action::List(arguments) => people::list(installation, arguments).await,
        Action::Show(who) => people::show(installation, who).await,
        Action::Add(arguments) => people::add(installation, arguments, clock).await,
        Action::Erase(who) => people::erase(installation, who, clock).await,
        Action::Suppress(arguments) => people::suppress(installation, arguments, clock).await,
        Action::Stats { json } => stats(installation, *json).await,
    }
}

// A list without consent harms its people.
fn consented(words: &str) -> anyhow::Result<&str> {
    match words.trim() {
        "" => bail!(Mistyped::Value(
            "say where the consent comes from: --consent \"signed up at the July assembly\"".to_owned()
        )),
        words => Ok(words),
    }
}

// What is wrong with the names of lists, and what would be right.
fn wrong_lists(config: &Config, lists: &[String]) -> Option<String> {
    let known: Vec<&str> = config.lists.iter().map(|list| list.name.as_str()).collect();
    if lists.is_empty() {
        return Some(format!("no list is named, add --list with one of {}", known.join(", ")));
    }
    let unknown = lists.iter().find(|name| !known.contains(&name.as_str()))?;
    Some(match fields::nearest(unknown, &known) {
        Some(nearest) => format!("no list is called {unknown}, did you mean {nearest}"),
        None => {
            let known = known.join(", ");
            format!("no list is called {unknown}, write one of {known}, or several with a space between them")
        }
    })
}

// Refuses lists that there are none of.
fn check_lists(config: &Config, lists: &[String]) -> Result<(), Mistyped> {
    wrong_lists(config, lists).map_or(Ok(()), |wrong| Err(Mistyped::Name(wrong)))
}

async fn stats(installation: &Installation, json: bool) -> anyhow::Result<Ended> {
    let counts = installation.ledger().await?.subscriber_counts().await?;
    let word = |standing: i64| {
        ["pending", "confirmed", "unsubscribed", "suppressed"]
            .get(usize::try_from(standing).unwrap_or(9))
            .copied()
            .unwrap_or("unknown")
    };
    if json {
        let rows: Vec<_> = counts.iter().map(|(list, standing, count)| serde_json::json!({ "list": list, "standing": word(*standing), "count": few_untold(*count) })).collect();
        say_json(&rows)?;
        return Ok(Ended::Well);
    }
    say(table(
        &["list", "standing", "subscribers"],
        counts.iter().map(|(list, standing, count)| {
            vec![list.clone(), word(*standing).to_owned(), few_untold(*count)]
        }),
    ))?;
    Ok(Ended::Well)
}
