//! People: one subscriber at a time, by their address; who did what stands in the audit log, and to whom does not.

use std::io::{self, BufRead as _};

use anyhow::Context;

use crate::clock::Clock;
use crate::command::subscribers::{check_lists, consented};
use crate::command::terminal::{complain, say, say_json, table};
use crate::command::{Ended, Mistyped};
use crate::deliver::absent;
use crate::installation::Installation;
use crate::ledger::importing::Exported;
use crate::ledger::subscribing::{Newcomer, seal};
use crate::subscriber::{Address, Event, Standing, Suppression};

/// Somebody, by their address.
#[derive(Debug, clap::Args)]
pub struct Who {
    /// Their address, or `-` to read it from standard input, so that it does not stay in the shell's history.
    pub address: String,
}

/// Options of `subscribers add`.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// Who.
    #[command(flatten)]
    pub who: Who,
    /// A list that they go to; again for another.
    #[arg(long = "list", value_name = "LIST", required = true)]
    pub lists: Vec<String>,
    /// Where their consent comes from.
    #[arg(long, value_name = "WORDS")]
    pub consent: String,
    /// The language of their mails, such as `es`.
    #[arg(long)]
    pub lang: Option<String>,
}

/// Options of `subscribers suppress`.
#[derive(Debug, clap::Args)]
pub struct Suppress {
    /// Who.
    #[command(flatten)]
    pub who: Who,
    /// Takes it back: they may ask again.
    #[arg(long)]
    pub lift: bool,
}

/// Options of `subscribers list`.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only those of one list.
    #[arg(long)]
    pub list: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 100)]
    pub most: usize,
    /// For a machine.
    #[arg(long)]
    pub json: bool,
}

// Rows read at a time.
const PAGE: u32 = 1_000;

/// Who is there, by number; `export` is what shows addresses.
pub async fn list(installation: &Installation, arguments: &List) -> anyhow::Result<Ended> {
    if arguments.list.is_some() {
        check_lists(&installation.config, arguments.list.as_slice())?;
    }
    let ledger = installation.ledger().await?;
    let (mut after, mut found): (i64, Vec<Exported>) = (0, Vec::new());
    while found.len() < arguments.most {
        let page = ledger.subscribers_after(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        let is_of = |one: &Exported| arguments.list.as_ref().is_none_or(|list| one.lists.contains(list));
        found.extend(page.into_iter().filter(is_of));
    }
    found.truncate(arguments.most);
    let word =
        |one: &Exported| if one.standing == 0 { Standing::Pending } else { Standing::Confirmed }.word();
    if arguments.json {
        let rows: Vec<_> = found
            .iter()
            .map(|one| {
                serde_json::json!({
                    "number": one.id, "standing": word(one), "lists": one.lists, "lang": one.lang,
                    "confirmed_month": one.confirmed_month,
                })
            })
            .collect();
        say_json(&rows)?;
    } else {
        let row = |one: &Exported| {
            let (number, lists) = (one.id.to_string(), one.lists.join(" "));
            vec![number, word(one).to_owned(), lists, one.lang.clone(), one.confirmed_month.clone()]
        };
        say(table(&["number", "standing", "lists", "lang", "since"], found.iter().map(row)))?;
    }
    Ok(Ended::Well)
}

/// All that is held about somebody, as they get it themselves from their page.
pub async fn show(installation: &Installation, who: &Who) -> anyhow::Result<Ended> {
    let (ledger, lookup) = (installation.ledger().await?, lookup(installation, who)?);
    if let Some(subscriber) = ledger.find_subscriber(&lookup).await?
        && let Some(held) = ledger.held_about(subscriber.id).await?
    {
        say_json(&held)?;
        return Ok(Ended::Well);
    }
    match ledger.standing(&lookup).await? {
        Standing::Suppressed(Suppression::Bounced { at }) => {
            complain(format_args!("They get no mail since {}: it bounced.", at.format("%Y-%m-%d")));
        }
        Standing::Suppressed(Suppression::Complained) => complain("They get no mail: they complained."),
        Standing::Pending | Standing::Confirmed | Standing::Unsubscribed => {
            complain("Nobody with this address is here.");
        }
    }
    Ok(Ended::WithProblems)
}

/// Puts somebody on lists, as an import of one line does.
pub async fn add(installation: &Installation, arguments: &Add, clock: &Clock) -> anyhow::Result<Ended> {
    let consent = consented(&arguments.consent)?;
    check_lists(&installation.config, &arguments.lists)?;
    let (_kept, address, ledger) =
        (installation.keep_key()?, address(&arguments.who)?, installation.ledger().await?);
    let key = installation.key_of(&ledger).await?;
    let newcomer = Newcomer {
        lookup: key.lookup(&address),
        sealed: seal(&key, &address)?,
        standing: Standing::Confirmed,
        lists: arguments.lists.clone(),
        lang: arguments.lang.clone().unwrap_or_else(|| installation.config.site.lang.clone()),
        confirmed_month: clock.now().format("%Y-%m").to_string(),
    };
    let lookup = newcomer.lookup;
    let added = ledger.add_subscribers(&[newcomer]).await?;
    if added == 0 && ledger.standing(&lookup).await? != Standing::Confirmed {
        complain("They left, or their mail came back: nobody puts them back but they themselves.");
        return Ok(Ended::WithProblems);
    }
    let detail = format!("{}; consent: {consent}", arguments.lists.join(" "));
    ledger.audit("add", &detail, clock.now()).await?;
    say(if added > 0 { "They are on the list." } else { "They were here already, and have the lists now." })?;
    Ok(Ended::Well)
}

/// Forgets somebody but for a hash.
pub async fn erase(installation: &Installation, who: &Who, clock: &Clock) -> anyhow::Result<Ended> {
    let (ledger, lookup) = (installation.ledger().await?, lookup(installation, who)?);
    let erased = match ledger.find_subscriber(&lookup).await? {
        Some(subscriber) => ledger.erase(subscriber.id).await?,
        None => false,
    };
    if !erased {
        complain("Nobody with this address is here.");
        return Ok(Ended::WithProblems);
    }
    ledger.audit("erase", "one person", clock.now()).await?;
    absent::destroy_mails(&installation.outbox(), &ledger, &installation.key_of(&ledger).await?).await?;
    say("They are forgotten but for a hash, by which they can ask again.")?;
    Ok(Ended::Well)
}

/// Keeps an address from being written to, or takes that back.
pub async fn suppress(
    installation: &Installation,
    arguments: &Suppress,
    clock: &Clock,
) -> anyhow::Result<Ended> {
    let (ledger, lookup) = (installation.ledger().await?, lookup(installation, &arguments.who)?);
    if arguments.lift {
        if !ledger.lift(&lookup).await? {
            complain("This address is not suppressed.");
            return Ok(Ended::WithProblems);
        }
        ledger.audit("lift", "one person", clock.now()).await?;
        say("They may ask again.")?;
        return Ok(Ended::Well);
    }
    ledger.suppress_address(&lookup, Event::Complained, clock.now()).await?;
    ledger.audit("suppress", "one person", clock.now()).await?;
    say("Nothing is sent to them any more, also when somebody asks for it.")?;
    Ok(Ended::Well)
}

fn lookup(installation: &Installation, who: &Who) -> anyhow::Result<[u8; 32]> {
    Ok(installation.key()?.lookup(&address(who)?))
}

fn address(who: &Who) -> anyhow::Result<Address> {
    let mut line = who.address.clone();
    if line == "-" {
        line.clear();
        io::stdin().lock().read_line(&mut line).context("read the address")?;
    }
    let wrong = "this is not a mail address, write one such as name@example.org";
    Ok(Address::parse(&line).ok_or_else(|| Mistyped::Value(wrong.to_owned()))?)
}
