//! Export: everybody's address in a CSV that `import` reads, encrypted unless somebody insists.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::str::FromStr as _;

use age::{Encryptor, Recipient, x25519};
use anyhow::{Context, bail};

use crate::clock::Clock;
use crate::command::Ended;
use crate::command::subscribers::wrong_lists;
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
    let recipients = recipients(&arguments.to)?;
    let (key, ledger) = (installation.key()?, installation.ledger().await?);
    if let Some(wrong) =
        wrong_lists(&installation.config, arguments.list.as_slice()).filter(|_| arguments.list.is_some())
    {
        bail!(wrong);
    }
    let path = arguments.file.display();
    if arguments.file.exists() {
        bail!("{path} is there already; name another file");
    }
    // The log has it before the file is there.
    let how = if arguments.plain { "not encrypted".to_owned() } else { arguments.to.join(", ") };
    let list = arguments.list.as_deref().unwrap_or("all lists");
    ledger.audit("export", &format!("{list}, {how}"), clock.now()).await?;
    let whole = arguments.file.with_extension("part");
    let written = write(&ledger, &key, &whole, &recipients, arguments.list.as_deref()).await;
    let count = match written {
        Ok(count) => count,
        Err(err) => {
            // A part of the list in the clear must not stay behind; that it is gone is all that matters.
            let _ = fs::remove_file(&whole);
            return Err(err);
        }
    };
    fs::rename(&whole, &arguments.file).with_context(|| format!("write {path}"))?;
    say(format_args!(
        "{count} subscribers in {path}, {}.",
        if arguments.plain { "not encrypted" } else { "encrypted" }
    ))?;
    Ok(Ended::Well)
}

async fn write(
    ledger: &Ledger,
    key: &Key,
    path: &std::path::Path,
    recipients: &[x25519::Recipient],
    list: Option<&str>,
) -> anyhow::Result<u64> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).with_context(|| format!("make {}", path.display()))?;
    if recipients.is_empty() {
        let mut csv = csv::Writer::from_writer(BufWriter::new(&file));
        let count = rows(ledger, key, list, &mut csv).await?;
        csv.flush().context("write the export")?;
        drop(csv);
        file.sync_all().context("write the export")?;
        return Ok(count);
    }
    let encryptor =
        Encryptor::with_recipients(recipients.iter().map(|recipient| recipient as &dyn Recipient))
            .context("encrypt the export")?;
    let sealed = encryptor.wrap_output(BufWriter::new(&file)).context("encrypt the export")?;
    let mut csv = csv::Writer::from_writer(sealed);
    let count = rows(ledger, key, list, &mut csv).await?;
    let sealed = csv.into_inner().map_err(|err| err.into_error()).context("write the export")?;
    sealed.finish().and_then(|mut out| out.flush()).context("write the export")?;
    file.sync_all().context("write the export")?;
    Ok(count)
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

fn recipients(texts: &[String]) -> anyhow::Result<Vec<x25519::Recipient>> {
    let parse = |text: &String| {
        x25519::Recipient::from_str(text)
            .map_err(|why| anyhow::anyhow!("{text} is not an age recipient ({why}), which begins with age1"))
    };
    texts.iter().map(parse).collect()
}
