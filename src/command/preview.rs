//! Preview: every output of one notice, before it goes out.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::Value;

use crate::clock::Clock;
use crate::command::terminal::{complain, is_colored, say};
use crate::command::{Ended, browser, meant};
use crate::config::{List, When};
use crate::edition::{Audience, Content, Edition, Member};
use crate::folder::Reading;
use crate::installation::Installation;
use crate::notice::{Notice, parse};
use crate::plan::{self, History};
use crate::render::email::{self, Sender, Stamp};
use crate::render::feed::{self, Feed, Format};
use crate::render::page::Topic;
use crate::render::site::{Catalog, What, known};
use crate::render::templates::{ENGLISH, Templates};
use crate::render::words::Words;
use crate::render::{calendar, post};
use crate::revision::{Draft, Revision};

/// Options of `preview`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Its id, or the path of its file.
    pub notice: String,
    /// Open the page in the browser.
    #[arg(long)]
    pub open: bool,
}

/// Everything that one notice becomes.
#[derive(Debug, Serialize)]
struct Outputs {
    id: String,
    title: String,
    state: String,
    mails: Vec<MailView>,
    entry: EntryView,
    calendar: String,
    posts: Vec<PostView>,
    page_path: String,
    page: String,
}

#[derive(Debug, Serialize)]
struct MailView {
    what: &'static str,
    list: String,
    subject: String,
    text: String,
    html: String,
}

#[derive(Debug, Serialize)]
struct EntryView {
    title: String,
    summary: String,
    url: String,
    content: String,
}

#[derive(Debug, Serialize)]
struct PostView {
    target: String,
    body: String,
}

/// What publishing the file as it stands would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edit {
    First,
    None,
    Silent,
    Material,
}

struct Preview<'a> {
    installation: &'a Installation,
    templates: &'a Templates,
    history: &'a History,
    revision: Revision,
    edit: Edit,
    at: DateTime<Utc>,
}

pub async fn run(installation: &Installation, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    let now = clock.now();
    let reading = installation.folder().read_once()?;
    let Some(draft) = find(installation, &reading, &arguments.notice)? else {
        return Ok(Ended::WithProblems);
    };
    let history = published(installation, now).await?;
    if let Some(latest) = history.revisions.get(&draft.notice.id) {
        left_behind(latest.notice(), &draft.notice).into_iter().for_each(complain);
    }
    let (revision, edit) = match history.revisions.get(&draft.notice.id) {
        None => (Revision::first(draft, now), Edit::First),
        Some(latest) if latest.draft.digest == draft.digest => (latest.clone(), Edit::None),
        Some(latest) => {
            let next = latest.next(draft, now);
            let is_told = next.is_told || next.is_taken_back_or_restored();
            (next, if is_told { Edit::Material } else { Edit::Silent })
        }
    };
    // Under an embargo it is shown as it will stand at its end.
    let embargo = revision.notice().publish_at.as_ref().map(|moment| moment.at);
    let at = embargo.filter(|_| edit == Edit::First).map_or(now, |embargo| embargo.max(now));
    let revision = if edit == Edit::First { Revision::first(revision.draft, at) } else { revision };
    let is_published = |id: &str| history.revisions.keys().any(|published| published.as_str() == id);
    let revision = known(&installation.config.site, &revision, is_published).into_owned();
    let templates = installation.templates()?;
    let preview = Preview { installation, templates: &templates, history: &history, revision, edit, at };
    let outputs = preview.outputs(now)?;
    print(&outputs)?;
    let page = write_page(&templates, &outputs)?;
    say(format_args!("\nAll of it in a page: {}", page.display()))?;
    if arguments.open {
        browser::open(&format!("file://{}", page.display()));
    }
    Ok(Ended::Well)
}

/// By id, by a path into the folder, or by the path of any other file; none when there is none or it has errors, which
/// is shown.
pub fn find(installation: &Installation, reading: &Reading, asked: &str) -> anyhow::Result<Option<Draft>> {
    let stem = Path::new(asked).file_stem().map_or(asked, |stem| stem.to_str().unwrap_or(asked));
    let is_path = asked.ends_with(".md");
    let path = Path::new(asked);
    let is_inside = !is_path
        || !path.exists()
        || path.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned))
            == installation.notices().canonicalize().ok();
    if !is_inside {
        let source = fs::read_to_string(path).with_context(|| format!("read {asked}"))?;
        let parsed = parse::parse(asked, &source, &installation.config.site.defaults());
        if !parsed.report.problems.is_empty() {
            complain(parsed.report.pretty(is_colored()).trim_end());
        }
        return Ok(parsed.notice.map(|notice| Draft::new(notice, asked, &source)));
    }
    let file = format!("notices/{stem}.md");
    let found =
        reading.drafts.values().find(|draft| draft.notice.id.as_str() == asked || *draft.path == *file);
    let shown = found.map_or(file.as_str(), |draft| &draft.path);
    if let Some(report) = reading.reports.iter().find(|report| report.path == shown) {
        complain(report.pretty(is_colored()).trim_end());
        if report.has_errors() {
            return Ok(None);
        }
    }
    if let Some(draft) = found {
        return Ok(Some(draft.clone()));
    }
    let ids: Vec<&str> = reading.drafts.keys().map(|id| id.as_str()).collect();
    let meant = meant(stem, &ids, &format!("they are in {}", installation.notices().display()));
    complain(format_args!("there is no notice {asked}{meant}"));
    Ok(None)
}

// Who corrects where it is by its name and address easily leaves what says the same in other words.
fn left_behind(before: &Notice, after: &Notice) -> Vec<String> {
    let places =
        before.event().zip(after.event()).and_then(|(was, is)| was.place.as_ref().zip(is.place.as_ref()));
    let Some((was, is)) = places.filter(|(was, is)| was.one_line() != is.one_line()) else {
        return Vec::new();
    };
    let same = [
        ("geo", is.geo.is_some() && is.geo == was.geo),
        ("meeting_point", is.meeting_point.is_some() && is.meeting_point == was.meeting_point),
    ];
    let same = same.into_iter().filter(|(_, is_same)| *is_same);
    same.map(|(key, _)| {
        format!("warning: the place is another, and `{key}` is as it was; is it still right?")
    })
    .collect()
}

/// What the ledger says; an installation that has none yet has published nothing.
pub async fn published(installation: &Installation, now: DateTime<Utc>) -> anyhow::Result<History> {
    let has_ledger =
        installation.config.database_url.is_some() || installation.data().join("ledger.db").exists();
    let history = match has_ledger {
        true => {
            let ledger = installation.ledger().await?;
            ledger.history(|path, source| installation.draft(path, source)).await?
        }
        false => None,
    };
    Ok(history.unwrap_or_else(|| plan::begin(&plan::Drafts::new(), now).0))
}

impl Preview<'_> {
    fn outputs(&self, now: DateTime<Utc>) -> anyhow::Result<Outputs> {
        let notice = self.revision.notice();
        Ok(Outputs {
            id: notice.id.to_string(),
            title: self.words().title(notice),
            state: self.state(now),
            mails: self.mails()?,
            entry: self.entry()?,
            calendar: self.calendar(),
            posts: self.posts()?,
            page_path: format!("notices/{}/", notice.id),
            page: self.page()?,
        })
    }

    fn calendar(&self) -> String {
        let standing = self.history.revisions.iter().filter(|(_, it)| it.notice().withdrawn.is_none());
        let site = &self.installation.config.site;
        let bytes = calendar::single(site, self.words(), &self.revision, &standing.collect(), self.at);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    // Everything is shown in the site's language; what this command says of it is in English.
    fn words(&self) -> &Words {
        self.templates.words(&self.installation.config.site.lang)
    }

    fn english(&self) -> &Words {
        self.templates.words(ENGLISH)
    }

    fn state(&self, now: DateTime<Utc>) -> String {
        let revision = &self.revision;
        let zone = &self.installation.config.site.zone;
        let local = |at: DateTime<Utc>| zone.to_wall(at).format("%Y-%m-%d %H:%M").to_string();
        match self.edit {
            Edit::First if self.at > now => {
                format!("It is not published; it goes out on {}, {}.", local(self.at), zone.name())
            }
            Edit::First => "It is not published; it goes out at the next look of the service.".to_owned(),
            Edit::None => format!(
                "It was published on {} and has not changed since; nothing goes out.",
                local(revision.published_at)
            ),
            Edit::Silent => format!(
                "It was published on {}. This edit is silent: pages and feeds change, and nobody is written to.",
                local(revision.published_at)
            ),
            Edit::Material => {
                let differences = revision.change().map_or(&[][..], |change| &change.differences);
                let sentences: Vec<String> =
                    differences.iter().map(|it| self.english().difference(it)).collect();
                let told: Vec<&str> = self.told().map(|audience| audience.name()).collect();
                let told = match &told[..] {
                    [] => "Nobody was told of it yet, so nobody is written to.".to_owned(),
                    told => format!("A correction goes to everybody who was told by {}.", told.join(", ")),
                };
                format!(
                    "It was published on {}. This edit is material: {} {told}",
                    local(revision.published_at),
                    sentences.join(" ")
                )
            }
        }
    }

    fn told(&self) -> impl Iterator<Item = &Audience> {
        self.history.told.get(self.revision.id()).into_iter().flatten()
    }

    // The one that goes out first comes first.
    fn mails(&self) -> anyhow::Result<Vec<MailView>> {
        let member = Member { notice: self.revision.id().clone(), number: self.revision.number };
        let ahead = self.revision.notice().event().and_then(|event| {
            let mut dates = event.dated().filter(|dated| dated.status.takes_place());
            dates.find(|dated| dated.starts.at > self.at || dated.key.is_none())
        });
        let mut mails = Vec::new();
        for list in &self.installation.config.lists {
            let is_told = self.told().any(|audience| *audience == Audience::List(list.name.clone()));
            if self.edit == Edit::Material && self.revision.is_told && is_told {
                let content = Content::Correction(member.clone(), self.revision.sequence);
                mails.push(self.mail("correction", list, content)?);
            }
        }
        let lists = self.installation.config.lists.iter();
        for list in lists.filter(|list| list.select.takes(self.revision.notice())) {
            match &list.when {
                When::AtOnce if matches!(self.edit, Edit::First | Edit::None) => {
                    mails.push(self.mail("alert", list, Content::Alert(member.clone()))?);
                }
                When::AtOnce => {}
                When::Cut(cut) => {
                    let next = cut.next(self.at).map_or(self.at.naive_utc(), |next| next.nominal);
                    let content = Content::Issue { cut: next, members: vec![member.clone()] };
                    mails.push(self.mail("issue", list, content)?);
                }
            }
            if let Some((before, dated)) = list.remind.first().zip(ahead) {
                let content = Content::Reminder(member.clone(), dated.key.cloned(), *before);
                mails.push(self.mail("reminder", list, content)?);
            }
        }
        mails.sort_by_key(|mail| mail.what == "issue");
        Ok(mails)
    }

    fn mail(&self, what: &'static str, list: &List, content: Content) -> anyhow::Result<MailView> {
        let config = &self.installation.config;
        let (site, words) = (&config.site, self.words());
        let sender = Sender { site, mail: &config.mail, list, templates: self.templates, words };
        let has_event = self.revision.notice().event().is_some() && what != "issue";
        let attachment = has_event.then(|| calendar::attachment(site, words, &self.revision, self.at));
        let audience = Audience::List(list.name.clone());
        let edition = Edition::new(audience, content, self.at, self.at + TimeDelta::days(1));
        let letter = email::letter(&sender, &edition, &[&self.revision], attachment.as_deref(), self.at)
            .with_context(|| format!("render the {what}"))?;
        let stamp = Stamp {
            recipient: "reader@example.org".to_owned(),
            message_id: "preview@example.org".to_owned(),
            unsubscribe_url: config.site.address("leave/each-reader-has-their-own"),
            preferences_url: config.site.address("preferences/each-reader-has-their-own"),
            unsubscribe_mailto: None,
            in_reply_to: None,
        };
        Ok(MailView {
            what,
            list: list.title.clone(),
            subject: letter.subject().to_owned(),
            text: letter.text(&stamp),
            html: letter.html(&stamp),
        })
    }

    fn entry(&self) -> anyhow::Result<EntryView> {
        let site = &self.installation.config.site;
        let feed = Feed {
            title: site.title.clone(),
            path: Topic::All.feed_path(),
            page: Topic::All.page_path(),
            entries: vec![(&self.revision, self.revision.updated_at)],
            related: BTreeMap::new(),
            tombstones: Vec::new(),
            chain: feed::Chain::default(),
            pictures: &BTreeMap::new(),
        };
        let document: Value =
            serde_json::from_slice(&feed::render(site, self.words(), &feed, Format::Json, self.at))
                .context("read the feed's entry")?;
        let text = |key: &str| {
            let pointer = format!("/items/0/{key}");
            document.pointer(&pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        Ok(EntryView {
            title: text("title"),
            summary: text("summary"),
            url: text("url"),
            content: text("content_html"),
        })
    }

    fn posts(&self) -> anyhow::Result<Vec<PostView>> {
        let config = &self.installation.config;
        let member = Member { notice: self.revision.id().clone(), number: self.revision.number };
        let content = match self.edit {
            Edit::Material => Content::Correction(member, self.revision.sequence),
            Edit::First | Edit::None | Edit::Silent => Content::Alert(member),
        };
        let body = post::body(&config.site, self.words(), &content, &self.revision, self.at, self.at);
        let body: Value = serde_json::from_slice(&body).context("read the post's body")?;
        let body = serde_json::to_string_pretty(&body).context("write the post's body")?;
        let mut targets: Vec<String> = config
            .targets
            .iter()
            .filter(|target| target.select.takes(self.revision.notice()))
            .map(|target| target.name.clone())
            .collect();
        if targets.is_empty() {
            targets.push("a target; none of the config takes it".to_owned());
        }
        Ok(targets.into_iter().map(|target| PostView { target, body: body.clone() }).collect())
    }

    // The page as the site will have it, with its stylesheet inside: the file is to stand for itself.
    fn page(&self) -> anyhow::Result<String> {
        let config = &self.installation.config;
        let mut revisions: Vec<&Revision> =
            self.history.revisions.values().filter(|revision| revision.id() != self.revision.id()).collect();
        revisions.push(&self.revision);
        let entries = config.feed_entries;
        let catalog =
            Catalog::new(&config.site, &config.lists, entries, self.templates, &revisions, self.at)?;
        let page = catalog.bytes(&What::Notice(self.revision.id().clone()))?;
        let style = String::from_utf8_lossy(&catalog.bytes(&What::Style)?).into_owned();
        let mut whole = String::new();
        for line in String::from_utf8_lossy(&page).lines() {
            if line.contains("<meta http-equiv=\"Content-Security-Policy\"") {
                // It forbids a style inside the page; the frame around it forbids everything else.
                continue;
            }
            if line.contains("<link rel=\"stylesheet\"") {
                whole.push_str(&format!("<style>{style}</style>\n"));
                continue;
            }
            whole.push_str(line);
            whole.push('\n');
        }
        Ok(whole)
    }
}

fn print(outputs: &Outputs) -> anyhow::Result<()> {
    say(format_args!("{}: {}", outputs.id, outputs.title))?;
    say(&outputs.state)?;
    if outputs.mails.is_empty() {
        heading("mail")?;
        say("No list sends it.")?;
    }
    for (index, mail) in outputs.mails.iter().enumerate() {
        heading(&format!("mail: {} to {}", mail.what, mail.list))?;
        say(format_args!("Subject: {}", mail.subject))?;
        // The others say the same in another frame; the page has them whole.
        if index == 0 {
            say(format_args!("\n{}", mail.text.trim_end()))?;
        }
    }
    heading("feed entry")?;
    let entry = &outputs.entry;
    say(format_args!("{}\n{}\n{}\n\n{}", entry.title, entry.url, entry.summary, entry.content.trim_end()))?;
    heading("calendar")?;
    say(if outputs.calendar.is_empty() { "It has no time." } else { outputs.calendar.trim_end() })?;
    for post in &outputs.posts {
        heading(&format!("post to {}", post.target))?;
        say(&post.body)?;
    }
    heading("page")?;
    say(&outputs.page_path)
}

fn heading(text: &str) -> anyhow::Result<()> {
    say(format_args!("\n== {text}"))
}

fn write_page(templates: &Templates, outputs: &Outputs) -> anyhow::Result<PathBuf> {
    let html = templates.render(templates.words(ENGLISH), "web/preview.html", outputs)?;
    let mut file = tempfile::Builder::new()
        .prefix("handbill-preview-")
        .suffix(".html")
        .tempfile()
        .context("make the preview's file")?;
    file.write_all(html.as_bytes()).context("write the preview")?;
    // Only its owner can read it: what is under embargo stands in it.
    let (_, path) = file.keep().context("keep the preview")?;
    Ok(path)
}
