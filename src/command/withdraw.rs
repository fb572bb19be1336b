//! Withdraw: takes a notice back. Its file says so, and the next look carries it everywhere.

use crate::command::terminal::{complain, is_colored, say};
use crate::command::{Ended, preview};
use crate::installation::{Installation, write_whole};
use crate::notice::parse::parse;

/// Options of `withdraw`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Its id, or the path of its file.
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
    let Some(found) = preview::find(installation, &reading, &arguments.notice)? else {
        return Ok(Ended::WithProblems);
    };
    // A file that stands elsewhere is a copy, and may be another's of the same path.
    let own = reading.drafts.get(&found.notice.id);
    let Some(draft) = own.filter(|own| own.path == found.path && own.source == found.source) else {
        complain(format_args!(
            "{} is not in {}: what is published is taken back there",
            arguments.notice,
            installation.notices().display()
        ));
        return Ok(Ended::WithProblems);
    };
    if draft.notice.withdrawn.is_some() {
        complain(format_args!("{} is taken back already: {} says so", draft.notice.id, draft.path));
        return Ok(Ended::WithProblems);
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
