//! Timeline: what happens, a line each, as it happens.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use chrono::{DateTime, Utc};

use crate::command::demo::receiver::{Post, Seen};
use crate::command::terminal::{say, wants_color};
use crate::config::Config;
use crate::edition::{Audience, Content, Member};
use crate::ledger::Ledger;
use crate::ledger::delivering::Committed;
use crate::ledger::looking::Tally;
use crate::notice::NoticeId;
use crate::notice::shown::shown;
use crate::plan::History;
use crate::render::facts;
use crate::render::templates::{ENGLISH, Templates};
use crate::render::words::Words;
use crate::revision::Revision;
use crate::schedule::zone::Zone;

/// The lines so far.
pub struct Timeline {
    zone: Zone,
    templates: Templates,
    is_colored: bool,
    // When the service was last switched on.
    since: DateTime<Utc>,
    // The number of the latest revision of each notice that was told.
    revisions: BTreeMap<NoticeId, u32>,
    editions: BTreeSet<String>,
    posts: usize,
}

/// What a line is about: its word and its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Published,
    Edited,
    Alert,
    Reminder,
    Correction,
    Issue,
    NoIssue,
    Posted,
    Refused,
}

struct Line {
    at: DateTime<Utc>,
    what: What,
    text: String,
    // Who got it, `8 mails to Action alerts`; lines that differ in nothing else are one.
    to: Option<String>,
}

// Longer titles would break the line on a terminal of 120 columns.
const TITLE_CHARS: usize = 64;

impl Timeline {
    /// An empty one; colours only for a person who wants them (<https://no-color.org>).
    pub fn new(config: &Config, templates: Templates) -> Self {
        Self {
            zone: config.site.zone.clone(),
            templates,
            is_colored: wants_color(&io::stdout()),
            since: DateTime::<Utc>::MIN_UTC,
            revisions: BTreeMap::new(),
            editions: BTreeSet::new(),
            posts: 0,
        }
    }

    /// The service stops.
    pub fn outage(&self, at: DateTime<Utc>) -> anyhow::Result<()> {
        self.write(at, "off", "1", "The service is off for a year and a half.")
    }

    /// The service is back, and has looked at what fell due meanwhile.
    pub fn back(&mut self, at: DateTime<Utc>, missed: usize) -> anyhow::Result<()> {
        self.since = at;
        let text = format!("The service is back. {missed} editions fell due meanwhile; none is sent late.");
        self.write(at, "on", "1", &text)
    }

    /// Tells what is new: revisions, editions that went out, posts that came.
    pub async fn tell(
        &mut self,
        config: &Config,
        ledger: &Ledger,
        history: &History,
        seen: &Seen,
    ) -> anyhow::Result<()> {
        let mut lines = self.revised(history);
        for tally in ledger.tallies(None, u32::MAX).await? {
            if tally.state != "missed" && tally.waiting == 0 && self.editions.insert(tally.edition.clone()) {
                let words = self.templates.words(ENGLISH);
                lines.extend(edition(config, words, ledger, history, &tally).await?);
            }
        }
        let posts = seen.posts();
        lines.extend(posts.iter().skip(self.posts).map(posted));
        self.posts = posts.len();
        lines.sort_by(|a, b| (a.at, a.what, &a.text, &a.to).cmp(&(b.at, b.what, &b.text, &b.to)));
        for same in lines.chunk_by(|a, b| (a.at, a.what, &a.text) == (b.at, b.what, &b.text)) {
            let Some(line) = same.first() else { continue };
            let to: Vec<&str> = same.iter().filter_map(|line| line.to.as_deref()).collect();
            let to = if to.is_empty() { String::new() } else { format!(" → {}", to.join(", ")) };
            self.write(line.at, line.what.word(), line.what.color(), &format!("{}{to}", line.text))?;
        }
        Ok(())
    }

    fn revised(&mut self, history: &History) -> Vec<Line> {
        let mut lines = Vec::new();
        for revision in history.revisions.values() {
            let told = self.revisions.insert(revision.id().clone(), revision.number);
            let what = match told {
                None => What::Published,
                Some(number) if number < revision.number => What::Edited,
                Some(_) => continue,
            };
            let kind =
                self.templates.words(ENGLISH).kind_singular(revision.notice().kind_name()).to_lowercase();
            // What fell due while the service was off is told when it is on again.
            let late = if revision.revised_at < self.since {
                format!(", which was due on {}", self.zone.to_wall(revision.revised_at).format("%Y-%m-%d"))
            } else {
                String::new()
            };
            let text = format!("{kind} “{}”{late}", title(revision));
            lines.push(Line { at: revision.revised_at.max(self.since), what, text, to: None });
        }
        lines
    }

    fn write(&self, at: DateTime<Utc>, word: &str, color: &str, text: &str) -> anyhow::Result<()> {
        let at = self.zone.to_wall(at).format("%a %Y-%m-%d %H:%M");
        if self.is_colored {
            return say(format_args!("\x1b[2m{at}\x1b[0m  \x1b[{color}m{word:<11}\x1b[0m{text}"));
        }
        say(format_args!("{at}  {word:<11}{text}"))
    }
}

impl What {
    fn word(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Edited => "edited",
            Self::Alert => "alert",
            Self::Reminder => "reminder",
            Self::Correction => "correction",
            Self::Issue => "issue",
            Self::NoIssue => "no issue",
            Self::Posted => "post",
            Self::Refused => "REFUSED",
        }
    }

    // As in an ANSI escape sequence.
    fn color(self) -> &'static str {
        match self {
            Self::Published | Self::Edited => "32",
            Self::Alert => "36",
            Self::Reminder => "34",
            Self::Correction => "33",
            Self::Issue => "35",
            Self::NoIssue | Self::Posted => "2",
            Self::Refused => "31",
        }
    }
}

async fn edition(
    config: &Config,
    words: &Words,
    ledger: &Ledger,
    history: &History,
    tally: &Tally,
) -> anyhow::Result<Option<Line>> {
    if tally.state == "skipped" {
        return Ok(Some(Line { at: tally.due_at, what: What::NoIssue, text: tally.why.clone(), to: None }));
    }
    let Some(committed) = ledger.edition(tally.number).await? else { return Ok(None) };
    // What a target gets is told when it has come.
    let Audience::List(list) = &committed.audience else { return Ok(None) };
    let list = config.list(list).map_or(list.as_str(), |list| list.title.as_str());
    let (what, text) = said(words, &committed, history);
    let mails = if tally.sent == 1 { "mail" } else { "mails" };
    let to = Some(format!("{} {mails} to {list}", tally.sent));
    Ok(Some(Line { at: tally.due_at, what, text, to }))
}

fn said(words: &Words, committed: &Committed, history: &History) -> (What, String) {
    let titled = |member: &Member| history.revisions.get(&member.notice).map_or(String::new(), title);
    match &committed.content {
        Content::Issue { members, .. } => {
            let titles: Vec<String> = members.iter().map(|member| format!("“{}”", titled(member))).collect();
            let notices = if members.len() == 1 { "notice" } else { "notices" };
            (What::Issue, format!("with {} {notices}, {}", members.len(), titles.join(", ")))
        }
        Content::Alert(member) => (What::Alert, format!("“{}”", titled(member))),
        // Its audience is no list: it is told nowhere.
        Content::Personal(occasion, _) => (What::Alert, occasion.word().to_owned()),
        Content::Reminder(member, date, before) => {
            let of = date.as_ref().map_or(String::new(), |date| format!(" {date}"));
            (What::Reminder, format!("{}{of}, “{}”", before.describe(), titled(member)))
        }
        Content::Correction(member, sequence) => {
            let changed = history
                .revisions
                .get(&member.notice)
                .map_or(String::new(), |revision| sentences(words, revision, *sequence, committed.due_at));
            (What::Correction, format!("“{}”: {changed}", titled(member)))
        }
    }
}

fn sentences(words: &Words, revision: &Revision, sequence: u32, now: DateTime<Utc>) -> String {
    let notice = shown(revision.notice(), now);
    let change = revision.changes.iter().find(|change| change.sequence == sequence);
    let differences = change.map_or(Vec::new(), |change| facts::visible_differences(change, &notice, now));
    differences.iter().map(|it| words.difference(it)).collect::<Vec<_>>().join(" ")
}

fn posted(post: &Post) -> Line {
    let (what, verdict) = match &post.unverified {
        None if post.is_copy => (What::Posted, "verified, a copy".to_owned()),
        None => (What::Posted, "verified".to_owned()),
        Some(wrong) => (What::Refused, wrong.clone()),
    };
    let text = format!("{} “{}”, {verdict}", post.kind, shortened(&post.title));
    Line { at: post.at, what, text, to: None }
}

fn title(revision: &Revision) -> String {
    shortened(&revision.notice().title)
}

fn shortened(title: &str) -> String {
    if title.chars().count() <= TITLE_CHARS {
        return title.to_owned();
    }
    let kept: String = title.chars().take(TITLE_CHARS - 1).collect();
    format!("{}…", kept.trim_end())
}
