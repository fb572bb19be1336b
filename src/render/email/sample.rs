//! Sample: an edition of every mail, to try the templates on before anything is due.
//!
//! Pure.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use url::Url;

use crate::config::{List, Mail, Returns, Select, Site, Transport, When};
use crate::edition::{Audience, Content, Edition, Member, Occasion};
use crate::notice::parse::parse;
use crate::render::email::personal::{self, Desk, Issue, Personal};
use crate::render::email::{Error, Sender, letter};
use crate::render::templates::Templates;
use crate::render::words::Words;
use crate::revision::{Draft, Revision};
use crate::schedule::reminder::Before;
use crate::schedule::zone::Zone;

const ACTION: &str = r#"+++
kind = "action"
title = "Assembly in the park"
summary = "Everybody is welcome."
starts = 2030-05-01 18:00
ends = 2030-05-01 20:00
zone = "UTC"
[place]
name = "The park"
address = "1 Example Street"
meeting_point = "The gate"
[access]
wheelchair = "Level ground"
+++
Come.
"#;
const STATEMENT: &str = "+++\nkind = \"statement\"\ntitle = \"A statement\"\n+++\nWe stand with you.\n";

/// The first mail of these templates that cannot be written, and why: a name that no mail has is found here and
/// not when an alert is due.
pub fn try_out(templates: &Templates) -> Result<(), Error> {
    let samples = Samples::new().ok_or(Error::Members)?;
    templates.languages().try_for_each(|words| try_in(templates, words, &samples))
}

fn try_in(templates: &Templates, words: &Words, samples: &Samples) -> Result<(), Error> {
    let list = Audience::List(samples.list.name.clone());
    let sender = Sender { site: &samples.site, mail: &samples.mail, list: &samples.list, templates, words };
    let Samples { action, moved, cancelled, statement, before, cut, .. } = samples;
    let write = |content: Content, revisions: &[&Revision], calendar: Option<&[u8]>| {
        let due_at = action.revised_at;
        let edition = Edition::new(list.clone(), content, due_at, due_at + TimeDelta::days(1));
        letter(&sender, &edition, revisions, calendar, due_at).map(drop)
    };
    write(Content::Alert(member(action)), &[action], Some(b""))?;
    write(Content::Alert(member(cancelled)), &[cancelled], Some(b""))?;
    write(Content::Alert(member(statement)), &[statement], None)?;
    write(Content::Reminder(member(action), None, *before), &[action], None)?;
    write(Content::Correction(member(moved), moved.sequence), &[moved], Some(b""))?;
    write(Content::Correction(member(cancelled), cancelled.sequence), &[cancelled], Some(b""))?;
    let members = vec![member(action), member(statement)];
    write(Content::Issue { cut: *cut, members }, &[action, statement], None)?;
    try_personal(templates, words, samples)
}

fn try_personal(templates: &Templates, words: &Words, samples: &Samples) -> Result<(), Error> {
    let Samples { site, mail, list, action, statement, cut, .. } = samples;
    let desk = Desk { site, mail, templates, words };
    let address = |path: &str| site.address(path);
    let asked = [vec![list], Vec::new()];
    for (occasion, asked) in [Occasion::Confirmation, Occasion::Welcome, Occasion::Probe]
        .into_iter()
        .flat_map(|occasion| asked.iter().map(move |asked| (occasion, asked.clone())))
    {
        let mail = Personal {
            occasion,
            asked,
            lists: vec![list],
            issues: vec![Issue { list, cut: *cut, notices: std::slice::from_ref(statement) }],
            until: action.revised_at,
            hours: 48,
            confirm_url: address("confirm/token"),
            stay_url: address("stay/token"),
            unsubscribe_url: address("leave/token"),
            preferences_url: address("preferences/token"),
            date: action.revised_at,
        };
        personal::letter(&desk, &mail)?;
    }
    Ok(())
}

struct Samples {
    site: Site,
    mail: Mail,
    list: List,
    action: Revision,
    moved: Revision,
    cancelled: Revision,
    statement: Revision,
    before: Before,
    cut: NaiveDateTime,
}

impl Samples {
    // None when a sample is not what a person could have written, which a test would show.
    fn new() -> Option<Self> {
        let at = DateTime::from_timestamp(1_900_000_000, 0)?;
        let site = site()?;
        let action = revision(&site, "assembly", ACTION, at)?;
        let moved = edited(&site, &action, "The park", "The square", at)?;
        let cancelled = edited(&site, &action, "zone =", "status = \"cancelled\"\nzone =", at)?;
        Some(Self {
            statement: revision(&site, "statement", STATEMENT, at)?,
            mail: Mail {
                from_name: site.title.clone(),
                from_address: "notices@example.org".to_owned(),
                reply_to: None,
                transport: Transport::Outbox,
                dkim: None,
                returns: Returns::default(),
            },
            list: List {
                name: "sample".to_owned(),
                title: "Sample".to_owned(),
                description: "A sample.".to_owned(),
                select: Select::default(),
                when: When::AtOnce,
                remind: Vec::new(),
                quiet: None,
                digest: None,
            },
            before: Before::parse("-P1D").ok()?,
            cut: at.naive_utc(),
            site,
            action,
            moved,
            cancelled,
        })
    }
}

fn site() -> Option<Site> {
    Some(Site {
        title: "Sample".to_owned(),
        organization: "Sample".to_owned(),
        description: "A sample.".to_owned(),
        url: Url::parse("https://notices.example.org/").ok()?,
        tag_domain: "example.org".to_owned(),
        zone: Zone::find("UTC")?,
        lang: "en".to_owned(),
        contact: Some("hello@example.org".to_owned()),
        postal_address: Some("1 Example Street".to_owned()),
        signed_by: Some("RWkey".to_owned()),
        hubs: Vec::new(),
    })
}

fn revision(site: &Site, id: &str, source: &str, at: DateTime<Utc>) -> Option<Revision> {
    Some(Revision::first(draft(site, id, source)?, at))
}

fn edited(site: &Site, revision: &Revision, old: &str, new: &str, at: DateTime<Utc>) -> Option<Revision> {
    let source = revision.draft.source.replace(old, new);
    Some(revision.next(draft(site, revision.id().as_str(), &source)?, at))
}

fn draft(site: &Site, id: &str, source: &str) -> Option<Draft> {
    let path = format!("notices/{id}.md");
    let notice = parse(&path, source, &site.defaults()).notice?;
    Some(Draft::new(notice, &path, source))
}

fn member(revision: &Revision) -> Member {
    Member { notice: revision.id().clone(), number: revision.number }
}
