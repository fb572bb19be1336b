//! Withdraw: takes a notice back. Its file says so, and the next look carries it everywhere.

use anyhow::bail;

use crate::command::Ended;
use crate::command::terminal::{complain, is_colored, say};
use crate::installation::{Installation, write_whole};
use crate::notice::parse::parse;

/// Options of `withdraw`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The notice: its id.
    pub notice: String,
    /// What people are told, in a sentence: it stands in place of the text.
    #[arg(long, value_name = "WORDS")]
    pub why: String,
    /// Also by mail, to those who were told of it.
    #[arg(long)]
    pub mail: bool,
}

pub fn run(installation: &Installation, arguments: &Arguments) -> anyhow::Result<Ended> {
    let reading = installation.folder().read_once()?;
    let draft = reading.drafts.values().find(|draft| draft.notice.id.as_str() == arguments.notice);
    let Some(draft) = draft else {
        bail!("there is no notice {} that can be read; `handbill check` shows why", arguments.notice);
    };
    if draft.notice.withdrawn.is_some() {
        bail!("{} is taken back already: {} says so", arguments.notice, draft.path);
    }
    let source = withdrawn(&draft.source, &arguments.why, arguments.mail);
    let parsed = parse(&draft.path, &source, &installation.config.site.defaults());
    if parsed.notice.is_none() {
        complain(parsed.report.pretty(is_colored()).trim_end());
        return Ok(Ended::WithProblems);
    }
    let path = installation.root.join(&*draft.path);
    write_whole(&path, &source)?;
    say(format_args!("{} says so. It is carried out by the service, or by `handbill publish`.", draft.path))?;
    say(match arguments.mail {
        true => "Page, feeds, calendars and targets take it back; those who were told get a mail.",
        false => "Page, feeds, calendars and targets take it back; nobody gets a mail.",
    })?;
    Ok(Ended::Well)
}

/// The file with the keys that take it back, in front of all others; a `notify` that stands there is replaced.
pub fn withdrawn(source: &str, why: &str, by_mail: bool) -> String {
    let why = toml::Value::String(why.split_whitespace().collect::<Vec<_>>().join(" "));
    let keys = match by_mail {
        true => format!("withdrawn = {why}\nnotify = \"alert\"\n"),
        false => format!("withdrawn = {why}\n"),
    };
    let mut lines = source.split_inclusive('\n');
    let opening = lines.next().unwrap_or_default();
    let mut is_front = true;
    let kept = lines.filter(|line| {
        is_front = is_front && line.trim_end() != "+++";
        let is_notify = line.split('=').next().is_some_and(|key| key.trim() == "notify");
        !(is_front && is_notify)
    });
    format!("{opening}{keys}{}", kept.collect::<String>())
}
