//! Plan: what goes out, when, to how many and why.

use std::collections::BTreeSet;

use anyhow::bail;
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::clock::Clock;
use crate::command::terminal::{say, say_json, table};
use crate::command::{Ended, Mistyped, meant};
use crate::edition::{Audience, Content, Edition};
use crate::installation::Installation;
use crate::ledger::Ledger;
use crate::notice::NoticeId;
use crate::plan::{self, Entry, Step};
use crate::schedule::zone::{Moment, Zone, tzdb_version};

/// Options of `plan`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// From then on, in the site's zone; now when not said. Before the ledger's first day it is a rehearsal.
    #[arg(long, value_name = "2018-07-01")]
    pub from: Option<String>,
    /// Until then; a week later when not said.
    #[arg(long, alias = "until", value_name = "2018-08-01")]
    pub to: Option<String>,
    /// For a machine.
    #[arg(long)]
    pub json: bool,
    /// Why this one: its key, as the plan shows it.
    #[arg(long, value_name = "KEY")]
    pub explain: Option<String>,
}

#[derive(Serialize)]
struct Line {
    key: String,
    what: &'static str,
    at: String,
    local: String,
    not_before: Option<String>,
    expires: Option<String>,
    recipients: Option<u64>,
    why: String,
}

pub async fn run(installation: &Installation, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    let zone = &installation.config.site.zone;
    let from = arguments.from.as_deref().map_or(Ok(clock.now()), |text| read_time(text, zone))?;
    let to = arguments.to.as_deref().map_or(Ok(from + TimeDelta::days(7)), |text| read_time(text, zone))?;
    if to <= from {
        bail!(Mistyped::Value("the end of the plan is not after its beginning".to_owned()));
    }
    let reading = installation.folder().read_once()?;
    let ledger = installation.ledger().await?;
    let history = ledger.history(|path, source| installation.draft(path, source)).await?;
    let (history, looks_at) = match history.filter(|history| history.began_at <= from) {
        Some(history) => (history, from.min(clock.now())),
        None => (plan::begin(&reading.drafts, from).0, from),
    };
    let reading = reading.without_renamed(&history.revisions, looks_at);
    let entries = plan::plan(&installation.config, &reading.drafts, history, looks_at, to);
    let mut lines = Vec::new();
    // What is still to be told is told to people whom nobody can count yet.
    let mut told_first = BTreeSet::new();
    // Without a beginning, what waits for the next look is part of what will be.
    let shown = |entry: &&Entry| arguments.from.is_none() || entry.at >= from;
    for entry in entries.iter().filter(shown) {
        lines.push(line(entry, &ledger, &told_first, zone).await?);
        if let Step::Send(Edition {
            content: content @ (Content::Alert(_) | Content::Issue { .. }), ..
        }) = &entry.step
        {
            told_first.extend(content.members().iter().map(|member| &member.notice));
        }
    }
    if let Some(key) = &arguments.explain {
        return explain(&lines, key);
    }
    if arguments.json {
        say_json(&serde_json::json!({ "from": from, "to": to, "tzdb": tzdb_version(), "entries": lines }))?;
        return Ok(Ended::Well);
    }
    let rows = lines.iter().map(|line| {
        let recipients = line.recipients.map_or(String::new(), |count| count.to_string());
        vec![line.local.clone(), line.at.clone(), line.what.to_owned(), recipients, line.key.clone()]
    });
    say(table(&["local", "UTC", "what", "to", "key"], rows))?;
    say(format_args!(
        "{} until {}; zone {}, zone data {}.",
        stamp(from),
        stamp(to),
        zone.name(),
        tzdb_version()
    ))?;
    let bad = reading.faulty();
    if bad > 0 {
        say(format_args!("{bad} notices have errors and are not in it; `handbill check` shows them."))?;
        return Ok(Ended::WithProblems);
    }
    Ok(Ended::Well)
}

async fn line(
    entry: &Entry,
    ledger: &Ledger,
    told_first: &BTreeSet<&NoticeId>,
    zone: &Zone,
) -> anyhow::Result<Line> {
    let (what, edition) = match &entry.step {
        Step::Revise(revision) if revision.number == 0 => ("publish", None),
        Step::Revise(revision) if revision.is_told || revision.is_taken_back_or_restored() => {
            ("change", None)
        }
        Step::Revise(_) => ("edit silently", None),
        Step::Open { .. } => ("begin list", None),
        Step::Send(edition) => (edition.content.word(), Some(edition)),
        Step::Skip(_) => ("skip", None),
        Step::Miss(_) => ("miss", None),
    };
    let recipients = match edition.map(|edition| (edition, &edition.audience, &edition.content)) {
        Some((edition, Audience::List(list), Content::Correction(member, _)))
            if !told_first.contains(&member.notice) =>
        {
            Some(ledger.count_corrected(list, edition, entry.at).await?)
        }
        Some((_, Audience::List(list), _)) => Some(ledger.count_subscribers(list).await?),
        Some((_, Audience::Target(_), _)) => Some(1),
        // Nobody plans them: they come when people ask.
        Some((_, Audience::People, _)) | None => None,
    };
    Ok(Line {
        key: entry.key(),
        what,
        at: stamp(entry.at),
        local: Moment::from_instant(entry.at, zone.clone()).rfc3339(),
        not_before: edition.map(|edition| stamp(edition.due_at)),
        expires: edition.map(|edition| stamp(edition.expires_at)),
        recipients,
        why: entry.why.clone(),
    })
}

fn explain(lines: &[Line], key: &str) -> anyhow::Result<Ended> {
    let Some(line) = lines.iter().find(|line| line.key == key) else {
        let keys: Vec<&str> = lines.iter().map(|line| line.key.as_str()).collect();
        let meant = meant(key, &keys, "`handbill plan` lists what it has");
        bail!(Mistyped::Name(format!("the plan has no {key}{meant}")));
    };
    say(format_args!("{}\n{} at {} ({})", line.key, line.what, line.local, line.at))?;
    if let (Some(not_before), Some(expires)) = (&line.not_before, &line.expires) {
        say(format_args!("not before {not_before}, never after {expires}"))?;
    }
    say(&line.why)?;
    Ok(Ended::Well)
}

fn stamp(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

// A day, a wall time in the site's zone, or an instant.
fn read_time(text: &str, zone: &Zone) -> anyhow::Result<DateTime<Utc>> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc());
    }
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|day| day.and_hms_opt(0, 0, 0));
    let wall = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let wall = wall.or_else(day).ok_or_else(|| {
        Mistyped::Value(format!("`{text}` is no time; write 2018-07-10 or \"2018-07-10 09:00\""))
    })?;
    Ok(zone.to_instant(wall).0)
}
