//! Export: everybody's address in a CSV that `import` reads, encrypted unless somebody insists.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;

use crate::clock::Clock;
use crate::command::Ended;
use crate::command::newfile::{self, NewFile};
use crate::command::subscribers::check_lists;
use crate::command::terminal::say;
use crate::installation::Installation;
use crate::ledger::Ledger;
use crate::ledger::importing::Exported;
use crate::subscriber::{Key, Standing};

/// Options of `subscribers export`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The file to write; it must not be there yet.
    pub file: PathBuf,
    /// Whom it is encrypted to: an age recipient, `age1…`; again for another.
    #[arg(long = "to", value_name = "RECIPIENT", required_unless_present = "plain")]
    pub to: Vec<String>,
    /// Not encrypted: whoever gets hold of the file has the list.
    #[arg(long, conflicts_with = "to")]
    pub plain: bool,
    /// Only the subscribers of one list.
    #[arg(long)]
    pub list: Option<String>,
}

// Rows read at a time.
const PAGE: u32 = 10_000;

pub async fn run(installation: &Installation, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    let recipients = newfile::recipients(&arguments.to)?;
    let (key, ledger) = (installation.key()?, installation.ledger().await?);
    if arguments.list.is_some() {
        check_lists(&installation.config, arguments.list.as_slice())?;
    }
    let path = arguments.file.display();
    let mut file = NewFile::begin(&arguments.file, &recipients)?;
    // The log has it before the file is there.
    let how = if arguments.plain { "not encrypted".to_owned() } else { arguments.to.join(", ") };
    let list = arguments.list.as_deref().unwrap_or("all lists");
    ledger.audit("export", &format!("{list}, {how}"), clock.now()).await?;
    let mut csv = csv::Writer::from_writer(&mut file);
    let count = rows(&ledger, &key, arguments.list.as_deref(), &mut csv).await?;
    csv.flush().context("write the export")?;
    drop(csv);
    file.finish()?;
    say(format_args!(
        "{count} subscribers in {path}, {}.",
        if arguments.plain { "not encrypted" } else { "encrypted" }
    ))?;
    Ok(Ended::Well)
}

async fn rows(
    ledger: &Ledger,
    key: &Key,
    list: Option<&str>,
    csv: &mut csv::Writer<impl Write>,
) -> anyhow::Result<u64> {
    csv.write_record(["email", "lists", "lang", "standing", "confirmed_at"]).context("write the export")?;
    let (mut after, mut count) = (0, 0);
    loop {
        let page = ledger.subscribers_after(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(count) };
        after = last.id;
        for subscriber in
            page.iter().filter(|one| list.is_none_or(|list| one.lists.iter().any(|name| name == list)))
        {
            csv.write_record(row(key, subscriber)?).context("write the export")?;
            count += 1;
        }
    }
}

fn row(key: &Key, subscriber: &Exported) -> anyhow::Result<[String; 5]> {
    let address = key.open(&subscriber.lookup, &subscriber.sealed).context("open an address")?;
    let standing = [Standing::Pending, Standing::Confirmed]
        .into_iter()
        .find(|standing| standing.number() == subscriber.standing)
        .context("read a standing")?;
    Ok([
        address.as_str().to_owned(),
        subscriber.lists.join(" "),
        subscriber.lang.clone(),
        standing.word().to_owned(),
        subscriber.confirmed_month.clone(),
    ])
}
