//! Subscribers: who is subscribed, in counts; import from a file.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Subcommand;
use indicatif::ProgressBar;

use crate::command::Ended;
use crate::command::terminal::{complain, say, say_json, table};
use crate::installation::Installation;
use crate::ledger::subscribing::Newcomer;
use crate::problem::{Problem, Report};
use crate::subscriber::{Address, Key, Standing};

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
    /// Read a CSV file with the columns email, lists (names with spaces between), lang, confirmed_at.
    Import {
        /// The file.
        file: PathBuf,
        /// Where their consent comes from; it is asked for because a list without it harms its people.
        #[arg(long)]
        consent: String,
    },
    /// How many there are, by list and standing.
    Stats {
        /// For a machine.
        #[arg(long)]
        json: bool,
    },
}

// One commit; a crash loses at most so many rows, and the file can be imported again.
const BATCH: usize = 5_000;

pub async fn run(installation: &Installation, arguments: &Arguments) -> anyhow::Result<Ended> {
    match &arguments.action {
        Action::Import { file, consent } => {
            if consent.trim().is_empty() {
                bail!("say where the consent comes from: --consent \"signed up at the July assembly\"");
            }
            let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
            import(installation, &file.display().to_string(), &text).await
        }
        Action::Stats { json } => stats(installation, *json).await,
    }
}

/// Imports a CSV text; every line that cannot be read is shown, the others are in.
pub async fn import(installation: &Installation, path: &str, text: &str) -> anyhow::Result<Ended> {
    let key = installation.key()?;
    let ledger = installation.ledger().await?;
    let (newcomers, problems) = read(installation, &key, text)?;
    let bar = if std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        ProgressBar::new(newcomers.len() as u64)
    } else {
        ProgressBar::hidden()
    };
    let mut added = 0;
    for batch in newcomers.chunks(BATCH) {
        added += ledger.add_subscribers(batch).await?;
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    let report = Report::new(path, text, problems);
    report.lines().iter().for_each(complain);
    say(format_args!(
        "{added} new subscribers, {} known already, {} lines left out.",
        newcomers.len() as u64 - added,
        report.problems.len()
    ))?;
    Ok(if report.problems.is_empty() { Ended::Well } else { Ended::WithProblems })
}

fn read(installation: &Installation, key: &Key, text: &str) -> anyhow::Result<(Vec<Newcomer>, Vec<Problem>)> {
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let headers = reader.headers().context("read the line of headings")?.clone();
    let column = |name: &str| headers.iter().position(|header| header.eq_ignore_ascii_case(name));
    let Some(email) = column("email") else {
        bail!(
            "the file has no column `email`; its columns are {}",
            headers.iter().collect::<Vec<_>>().join(", ")
        )
    };
    let (lists, lang, confirmed) = (column("lists"), column("lang"), column("confirmed_at"));
    let (mut newcomers, mut problems, mut seen) = (Vec::new(), Vec::new(), BTreeMap::new());
    for row in reader.records() {
        let row = row.context("read a line")?;
        let at = row.position().map_or(0, |position| usize::try_from(position.byte()).unwrap_or(0));
        let field = |column: Option<usize>| column.and_then(|column| row.get(column)).unwrap_or("");
        // The address itself is not repeated: what is printed may be kept by somebody.
        let Some(address) = Address::parse(field(Some(email))) else {
            problems.push(Problem::error(
                at..at,
                "this is not a mail address",
                "write one such as name@example.org",
            ));
            continue;
        };
        let lookup = key.lookup(&address);
        if let Some(first) = seen.insert(lookup, at) {
            let line = crate::problem::line_and_column(text, first).0;
            problems.push(Problem::warning(
                at..at,
                format!("the address stands in line {line} already"),
                "one line is enough",
            ));
            continue;
        }
        let names: Vec<String> = field(lists).split_whitespace().map(str::to_owned).collect();
        if let Some(unknown) = names.iter().find(|name| installation.config.list(name).is_none()) {
            let known: Vec<&str> = installation.config.lists.iter().map(|list| list.name.as_str()).collect();
            problems.push(Problem::error(
                at..at,
                format!("no list is called {unknown}"),
                format!("write one of {}", known.join(", ")),
            ));
            continue;
        }
        let mut nonce = [0; 24];
        getrandom::fill(&mut nonce).context("draw random bytes")?;
        newcomers.push(Newcomer {
            lookup,
            sealed: key.seal(&address, nonce),
            standing: Standing::Confirmed,
            lists: names,
            lang: field(lang).to_owned(),
            confirmed_month: field(confirmed).chars().take(7).collect(),
        });
    }
    Ok((newcomers, problems))
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
        let rows: Vec<_> = counts.iter().map(|(list, standing, count)| serde_json::json!({ "list": list, "standing": word(*standing), "count": count })).collect();
        say_json(&rows)?;
        return Ok(Ended::Well);
    }
    say(table(
        &["list", "standing", "subscribers"],
        counts
            .iter()
            .map(|(list, standing, count)| vec![list.clone(), word(*standing).to_owned(), count.to_string()]),
    ))?;
    Ok(Ended::Well)
}
