//! Letters: an edition made ready, once for all its recipients.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::{Context, bail};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use tracing::warn;

use crate::channel::smtp::body;
use crate::config::{Config, List};
use crate::deliver::Office;
use crate::delivery::{self, State};
use crate::edition::{Audience, Content, Edition, EditionId, Member, Occasion};
use crate::ledger::delivering::{Claim, Committed};
use crate::notice::{NoticeId, shown};
use crate::render::calendar;
use crate::render::email::personal::{self, Desk, Issue, Personal};
use crate::render::email::{self, Letter, Sender, Stamp};
use crate::render::site::known;
use crate::revision::Revision;
use crate::schedule::quiet::Quiet;
use crate::subscriber::{self, About, Address, PENDING_LIFE, Purpose, SubscriberId};

/// An edition with its letter.
#[derive(Debug)]
pub struct Ready {
    /// As it was when the letter was made.
    pub committed: Committed,
    letter: Letter,
    list: String,
    // Its messages are as SMTP wants them. Found out once: what differs between them are values in a line that no
    // line break and no dot at its start comes out of.
    is_encoded: bool,
    // Those that it heeds.
    quiet: Option<Quiet>,
    // When it says something else by itself: a place is revealed, a telephone number is over.
    changes_at: Option<DateTime<Utc>>,
}

/// What is to become of the claimed mails of an edition.
#[derive(Debug)]
pub enum Prepared {
    /// They go out with this letter, each as an answer to the earlier mail of its recipient, if there is one.
    Ready(Arc<Ready>, HashMap<SubscriberId, EditionId>),
    /// They wait for the end of the quiet hours.
    Later(DateTime<Utc>),
    /// None of them is sent any more: expired or superseded.
    Over(State),
}

/// The letters of the editions under way, one a language.
#[derive(Default)]
pub struct Letters {
    ready: HashMap<(i64, String), Arc<Ready>>,
}

// A link in an old mail still has to let its reader leave.
const TOKEN_LIFE: TimeDelta = TimeDelta::days(730);

// Enough for the editions of a busy hour; a letter is some hundred kB.
const MOST_READY: usize = 32;

impl Letters {
    /// The letter of an edition in the language of some claims of it, at the latest revisions of its notices, made
    /// when it is not there or not current; or why there is nothing to send now. A personal one is made for the one
    /// person of its one claim.
    pub async fn ready(
        &mut self,
        office: &Office,
        first: &Claim,
        claims: &[Claim],
        now: DateTime<Utc>,
    ) -> anyhow::Result<Prepared> {
        let (number, lang) = (first.edition, office.words(&first.lang).lang());
        let committed = office.ledger.edition(number).await?.context("a delivery is of no edition")?;
        // First of all: nothing keeps it from its end, not even a notice that cannot be read.
        if committed.expires_at <= now {
            return Ok(Prepared::Over(State::Expired));
        }
        if let Content::Personal(occasion, _) = committed.content {
            let ready = personal(office, committed, occasion, first.recipient, now).await?;
            return Ok(Prepared::Ready(Arc::new(ready), HashMap::new()));
        }
        let goes_at = goes_at(&office.installation.config, &committed, now);
        if goes_at > now {
            return Ok(Prepared::Later(goes_at));
        }
        let follows = match committed.content {
            Content::Correction(..) | Content::Reminder(..) => {
                let recipients: Vec<SubscriberId> = claims.iter().map(|claim| claim.recipient).collect();
                office.ledger.followed(number, &recipients).await?
            }
            Content::Issue { .. } | Content::Alert(_) | Content::Personal(..) => HashMap::new(),
        };
        let key = (number, lang.to_owned());
        if let Some(ready) = self.ready.get(&key).filter(|ready| ready.is_current(&committed, now)) {
            return Ok(Prepared::Ready(Arc::clone(ready), follows));
        }
        let revisions = revisions(office, &committed.content).await?;
        if delivery::is_superseded(&committed.content, committed.at, committed.expires_at, &revisions) {
            return Ok(Prepared::Over(State::Superseded));
        }
        let ready = Arc::new(make(office, committed, lang, &revisions, now)?);
        if self.ready.len() >= MOST_READY {
            self.ready.clear();
        }
        self.ready.insert(key, Arc::clone(&ready));
        Ok(Prepared::Ready(ready, follows))
    }
}

impl Ready {
    /// Puts the whole message for one recipient into `out`, which is empty: an answer to the earlier edition that
    /// it follows.
    pub fn message(
        &self,
        office: &Office,
        claim: &Claim,
        address: &Address,
        follows: Option<&EditionId>,
        now: DateTime<Utc>,
        out: &mut Vec<u8>,
    ) {
        let url = |purpose, list: &str| link(office, purpose, claim.recipient, list, expiry(now));
        let stamp = Stamp {
            recipient: address.as_str().to_owned(),
            message_id: message_id(office, &self.committed.id, claim.recipient),
            unsubscribe_url: url(Purpose::Leave, &self.list),
            preferences_url: url(Purpose::Preferences, ""),
            unsubscribe_mailto: office.leave_address(claim),
            in_reply_to: follows.map(|id| message_id(office, id, claim.recipient)),
        };
        self.letter.splice(&stamp, out);
        if let Some(signer) = &office.signer {
            // The time of its Date, so that a resend is the same bytes.
            signer.sign(out, self.committed.due_at);
        }
    }

    /// Whether its messages go out as they are: their lines end in CRLF, and none begins with a dot.
    pub fn is_encoded(&self) -> bool {
        self.is_encoded
    }

    /// When what is to be sent now goes out: now, or after quiet hours that have begun meanwhile.
    pub fn goes_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        delivery::wake(self.quiet.as_ref(), now, now, Some(self.committed.expires_at))
    }

    /// What it means when it comes back.
    pub fn about(&self) -> About {
        match &self.committed.content {
            Content::Personal(Occasion::Probe, _) => About::Probe,
            Content::Personal(Occasion::Confirmation | Occasion::Welcome, _) => About::Letter,
            Content::Issue { .. } | Content::Alert(_) | Content::Reminder(..) | Content::Correction(..) => {
                About::Edition(self.committed.number)
            }
        }
    }

    /// The quiet hours that it heeds.
    pub fn quiet(&self) -> Option<&Quiet> {
        self.quiet.as_ref()
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

// By the day, so that a resend within it has the same bytes.
fn expiry(now: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp((now + TOKEN_LIFE).timestamp() / 86_400 * 86_400, 0).unwrap_or(now)
}

/// The address at which a person does what a token lets them.
fn link(
    office: &Office,
    purpose: Purpose,
    who: SubscriberId,
    list: &str,
    expires_at: DateTime<Utc>,
) -> String {
    let claim = subscriber::Claim { purpose, subscriber: who, list: list.to_owned(), expires_at };
    office.installation.config.site.address(&format!("{}/{}", purpose.folder(), office.key.token(&claim)))
}

async fn personal(
    office: &Office,
    committed: Committed,
    occasion: Occasion,
    recipient: SubscriberId,
    now: DateTime<Utc>,
) -> anyhow::Result<Ready> {
    let config = &office.installation.config;
    let person = office.ledger.person(recipient).await?.context("a personal mail is to nobody")?;
    let words = office.words(&person.lang);
    let lang = words.lang();
    let named = |names: &[String]| -> Vec<List> {
        names.iter().map(|name| config.list_in(name, lang).unwrap_or_else(|| forgotten(name))).collect()
    };
    let (asked, lists) = (named(&person.asked), named(&person.lists));
    // What was asked at a moment keeps its bytes at a resend; the others are of their minute, so that a mail program
    // that sorts by it shows none before the mail that it answers.
    let minute = DateTime::from_timestamp(now.timestamp() / 60 * 60, 0).unwrap_or(now);
    let date = person.asked_at.unwrap_or(minute);
    let until = date + PENDING_LIFE;
    let past = match occasion {
        Occasion::Welcome => last_issues(office, &lists, date).await?,
        Occasion::Confirmation | Occasion::Probe => Vec::new(),
    };
    let issues = past.iter().map(|past| Issue { list: past.list, cut: past.cut, notices: &past.notices });
    let mail = Personal {
        occasion,
        issues: issues.collect(),
        asked: asked.iter().collect(),
        lists: lists.iter().collect(),
        until,
        hours: PENDING_LIFE.num_hours(),
        confirm_url: link(office, Purpose::Confirm, recipient, "", until),
        stay_url: link(office, Purpose::Stay, recipient, "", expiry(now)),
        unsubscribe_url: link(office, Purpose::Leave, recipient, "", expiry(now)),
        preferences_url: link(office, Purpose::Preferences, recipient, "", expiry(now)),
        date,
    };
    let desk = Desk { site: &config.site, mail: &config.mail, templates: &office.templates, words };
    let letter = personal::letter(&desk, &mail).with_context(|| format!("render {}", committed.id))?;
    Ok(Ready { list: String::new(), committed, letter, is_encoded: false, changes_at: None, quiet: None })
}

// The last issue of a list, as its notices stand now.
struct Past<'l> {
    list: &'l List,
    cut: NaiveDateTime,
    notices: Vec<Revision>,
}

// The last issue of each list that had sent one by then: an issue that goes out meanwhile changes no byte of a resend.
async fn last_issues<'l>(
    office: &Office,
    lists: &'l [List],
    by: DateTime<Utc>,
) -> anyhow::Result<Vec<Past<'l>>> {
    let mut issues = Vec::new();
    for list in lists {
        let Some(number) = office.ledger.last_issue(&list.name, by).await? else { continue };
        let committed = office.ledger.edition(number).await?.context("an issue is gone")?;
        let Content::Issue { cut, members } = &committed.content else { continue };
        let mut notices = Vec::new();
        for member in members {
            match revision(office, member).await {
                Ok(revision) => notices.extend(Some(revision).filter(|it| it.notice().withdrawn.is_none())),
                // One title less keeps nobody from being welcomed.
                Err(err) => warn!(error = format!("{err:#}"), "A welcome cannot name a notice."),
            }
        }
        if !notices.is_empty() {
            issues.push(Past { list, cut: *cut, notices });
        }
    }
    Ok(issues)
}

// What was taken back since an issue was cut is not in it any more.
fn standing<'r>(content: &Content, revisions: &'r [Revision]) -> (Content, Vec<&'r Revision>) {
    let Content::Issue { cut, members } = content else {
        return (content.clone(), revisions.iter().collect());
    };
    let both = members.iter().cloned().zip(revisions);
    let (members, current) = both.filter(|(_, revision)| revision.notice().withdrawn.is_none()).unzip();
    (Content::Issue { cut: *cut, members }, current)
}

fn make(
    office: &Office,
    committed: Committed,
    lang: &str,
    revisions: &[Revision],
    now: DateTime<Utc>,
) -> anyhow::Result<Ready> {
    let config = &office.installation.config;
    let Audience::List(name) = &committed.audience else { bail!("{} is not for a list", committed.id) };
    // A list that was taken out of the config still owes what it promised.
    let list = config.list_in(name, lang).unwrap_or_else(|| forgotten(name));
    let words = office.templates.words(lang);
    let (content, current) = standing(&committed.content, revisions);
    let edition = Edition::new(committed.audience.clone(), content, committed.due_at, committed.expires_at);
    let attachment = match (&edition.content, revisions) {
        (Content::Alert(_) | Content::Reminder(..) | Content::Correction(..), [revision])
            if revision.notice().event().is_some() =>
        {
            Some(calendar::attachment(&config.site, words, revision, now))
        }
        (
            Content::Issue { .. }
            | Content::Alert(_)
            | Content::Reminder(..)
            | Content::Correction(..)
            | Content::Personal(..),
            _,
        ) => None,
    };
    let (site, mail, templates) = (&config.site, &config.mail, &office.templates);
    let sender = Sender { site, mail, list: &list, templates, words };
    let letter = email::letter(&sender, &edition, &current, attachment.as_deref(), now)
        .with_context(|| format!("render {}", committed.id))?;
    let changes_at = revisions.iter().filter_map(|revision| revision.next_change(now));
    let changes_at = changes_at.chain(email::view::lead_changes_at(&edition, revisions, now)).min();
    let quiet = delivery::quiet(&committed.content, list.quiet.as_ref()).cloned();
    let is_encoded = is_encoded(&letter);
    Ok(Ready { list: name.clone(), quiet, committed, letter, is_encoded, changes_at })
}

fn is_encoded(letter: &Letter) -> bool {
    let id = || "id@example.org".to_owned();
    let url = || "https://example.org/".to_owned();
    let stamp = Stamp {
        recipient: id(),
        message_id: id(),
        unsubscribe_url: url(),
        preferences_url: url(),
        unsubscribe_mailto: Some("mailto:id@example.org".to_owned()),
        in_reply_to: Some(id()),
    };
    let mut message = Vec::new();
    letter.splice(&stamp, &mut message);
    body::is_encoded(&message)
}

/// When an edition that is due goes out: now, or at the end of quiet hours.
pub fn goes_at(config: &Config, committed: &Committed, now: DateTime<Utc>) -> DateTime<Utc> {
    let list = config.list(committed.audience.name());
    let quiet = delivery::quiet(&committed.content, list.and_then(|list| list.quiet.as_ref()));
    delivery::wake(quiet, now, now, Some(committed.expires_at))
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
    let revision =
        found.filter(|revision| revision.number == member.number).with_context(|| missing(&member.notice))?;
    let mut published = BTreeSet::new();
    for id in shown::leads_to(revision.notice()).filter_map(NoticeId::parse) {
        let found = office.ledger.revision(&id, read).await?;
        if found.is_some_and(|revision| revision.notice().withdrawn.is_none()) {
            published.insert(id.to_string());
        }
    }
    // What is under an embargo is not known by its name, and its page is not there.
    Ok(known(&office.installation.config.site, &revision, |id| published.contains(id)).into_owned())
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
        digest: None,
    }
}
