//! Letters: an edition made ready, once for all its recipients.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, bail};
use chrono::{DateTime, TimeDelta, Utc};

use crate::config::List;
use crate::deliver::Office;
use crate::edition::{Audience, Content, Edition, EditionId, Member};
use crate::ledger::delivering::{Claim, Committed};
use crate::notice::{NoticeId, shown};
use crate::render::calendar;
use crate::render::email::{self, Letter, Sender, Stamp};
use crate::revision::Revision;
use crate::subscriber::{self, Address, Purpose};

/// An edition with its letter.
#[derive(Debug)]
pub struct Ready {
    /// As it was when the letter was made.
    pub committed: Committed,
    letter: Letter,
    list: String,
    // When it says something else by itself: a place is revealed, a telephone number is over.
    changes_at: Option<DateTime<Utc>>,
    // The earlier mail of each recipient that this one follows.
    follows: HashMap<i64, EditionId>,
}

/// The letters of the editions under way.
#[derive(Default)]
pub struct Letters {
    ready: HashMap<i64, Arc<Ready>>,
}

// A link in an old mail still has to let its reader leave.
const TOKEN_LIFE: TimeDelta = TimeDelta::days(730);

// Enough for the editions of a busy hour; a letter is some hundred kB.
const MOST_READY: usize = 32;

impl Letters {
    /// The letter of an edition at the latest revisions of its notices; made when it is not there or not current.
    pub async fn ready(
        &mut self,
        office: &Office,
        number: i64,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Arc<Ready>> {
        let committed = office.ledger.edition(number).await?.context("a delivery is of no edition")?;
        if let Some(ready) = self.ready.get(&number).filter(|ready| ready.is_current(&committed, now)) {
            return Ok(Arc::clone(ready));
        }
        let follows = match committed.content {
            Content::Correction(..) | Content::Reminder(..) => office.ledger.followed(number).await?,
            Content::Issue { .. } | Content::Alert(_) => HashMap::new(),
        };
        let ready = Arc::new(make(office, committed, follows, now).await?);
        if self.ready.len() >= MOST_READY {
            self.ready.clear();
        }
        self.ready.insert(number, Arc::clone(&ready));
        Ok(ready)
    }
}

impl Ready {
    /// The whole message for one recipient.
    pub fn message(&self, office: &Office, claim: &Claim, address: &Address, now: DateTime<Utc>) -> Vec<u8> {
        let site = &office.installation.config.site;
        let token = |purpose, list: &str| {
            // By the day, so that a resend within it has the same bytes.
            let expires_at =
                DateTime::from_timestamp((now + TOKEN_LIFE).timestamp() / 86_400 * 86_400, 0).unwrap_or(now);
            let list = list.to_owned();
            office.key.token(&subscriber::Claim { purpose, subscriber: claim.recipient, list, expires_at })
        };
        let stamp = Stamp {
            recipient: address.as_str().to_owned(),
            message_id: message_id(office, &self.committed.id, claim.recipient),
            unsubscribe_url: site.address(&format!("leave/{}", token(Purpose::Leave, &self.list))),
            preferences_url: site.address(&format!("preferences/{}", token(Purpose::Preferences, ""))),
            unsubscribe_mailto: office.leave_address(claim),
            in_reply_to: self.follows.get(&claim.recipient).map(|id| message_id(office, id, claim.recipient)),
        };
        let mut message = Vec::new();
        self.letter.splice(&stamp, &mut message);
        message
    }

    fn is_current(&self, committed: &Committed, now: DateTime<Utc>) -> bool {
        self.committed.content == committed.content && self.changes_at.is_none_or(|at| now < at)
    }
}

/// `local@domain`, the same at every try.
fn message_id(office: &Office, edition: &EditionId, recipient: i64) -> String {
    let domain = office.installation.config.mail.from_address.rsplit('@').next().unwrap_or("localhost");
    format!("{}@{domain}", office.key.message_id(edition.as_str(), recipient))
}

async fn make(
    office: &Office,
    committed: Committed,
    follows: HashMap<i64, EditionId>,
    now: DateTime<Utc>,
) -> anyhow::Result<Ready> {
    let config = &office.installation.config;
    let Audience::List(name) = &committed.audience else { bail!("{} is not for a list", committed.id) };
    // A list that was taken out of the config still owes what it promised.
    let list = config.list(name).cloned().unwrap_or_else(|| forgotten(name));
    let revisions = revisions(office, &committed.content).await?;
    let current: Vec<&Revision> = revisions.iter().collect();
    let edition = Edition {
        id: committed.id.clone(),
        audience: committed.audience.clone(),
        content: committed.content.clone(),
        due_at: committed.due_at,
        expires_at: committed.expires_at,
    };
    let attachment = match (&edition.content, &revisions[..]) {
        (Content::Alert(_) | Content::Reminder(..) | Content::Correction(..), [revision])
            if revision.notice().event().is_some() =>
        {
            Some(calendar::attachment(&config.site, revision, now))
        }
        (Content::Issue { .. } | Content::Alert(_) | Content::Reminder(..) | Content::Correction(..), _) => {
            None
        }
    };
    let sender = Sender { site: &config.site, mail: &config.mail, list: &list, templates: &office.templates };
    let letter = email::letter(&sender, &edition, &current, attachment.as_deref(), now)
        .with_context(|| format!("render {}", committed.id))?;
    let changes_at = revisions.iter().filter_map(|revision| shown::next_change(revision.notice(), now)).min();
    Ok(Ready { list: name.clone(), committed, letter, changes_at, follows })
}

/// The revisions of an edition's members, in their order.
pub async fn revisions(office: &Office, content: &Content) -> anyhow::Result<Vec<Revision>> {
    let mut revisions = Vec::new();
    for member in content.members() {
        revisions.push(revision(office, member).await?);
    }
    Ok(revisions)
}

async fn revision(office: &Office, member: &Member) -> anyhow::Result<Revision> {
    let read = |path: &str, source: &str| office.installation.draft(path, source);
    let found = office.ledger.revision(&member.notice, read).await?;
    found.filter(|revision| revision.number == member.number).with_context(|| missing(&member.notice))
}

fn missing(notice: &NoticeId) -> String {
    format!("the ledger's source of {notice} cannot be read by this program")
}

fn forgotten(name: &str) -> List {
    List {
        name: name.to_owned(),
        title: name.to_owned(),
        description: String::new(),
        select: crate::config::Select::default(),
        when: crate::config::When::AtOnce,
        remind: Vec::new(),
        quiet: None,
    }
}
