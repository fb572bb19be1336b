//! Feed: notices as RSS, Atom and JSON Feed.
//!
//! Pure. The same notices give the same bytes: no document says when it was made.

mod atom;
mod json;
mod rss;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use uuid::Uuid;

use crate::config::Site;
use crate::notice::shown::shown;
use crate::notice::{Event, KindName, Notice, NoticeId, picture};
use crate::render::facts;
use crate::render::site::Picture;
use crate::render::words::Words;
use crate::render::xml::{escape_html, xml_clean};
use crate::revision::{Change, Revision};

/// How a feed is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RSS 2.0.
    Rss,
    /// Atom (RFC 4287).
    Atom,
    /// JSON Feed 1.1.
    Json,
}

/// One feed: a selection of the published notices.
#[derive(Debug, Clone)]
pub struct Feed<'a> {
    /// What readers call it.
    pub title: String,
    /// Where it stands under the site, without the extension: `feeds/all`.
    pub path: String,
    /// Where the page that it mirrors stands under the site.
    pub page: String,
    /// What `select` gives of its topic, each with its `updated`.
    pub entries: Vec<(&'a Revision, DateTime<Utc>)>,
    /// Those that the entries replace or lead to.
    pub related: Others<'a>,
    /// Those that were entries and were taken back: readers are to drop them.
    pub tombstones: Vec<&'a Revision>,
    /// Where the older entries are.
    pub chain: Chain,
    /// The pictures that stand on the site, by where.
    pub pictures: &'a BTreeMap<String, Picture>,
}

/// The published notices that others replace or lead to, by their ids.
pub type Others<'a> = BTreeMap<&'a NoticeId, &'a Revision>;

/// A feed's place in the chain of documents that together hold every entry (RFC 5005 §4); paths under the site,
/// without extensions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    /// Of an archive, the document that people subscribe to; none of that itself.
    pub current: Option<String>,
    /// The next older archive.
    pub prev: Option<String>,
    /// The next newer archive.
    pub next: Option<String>,
}

/// What is said of each notice, once for all the feeds of one site at one moment: a new notice stands in five feeds
/// in three formats, beside the same others.
#[derive(Debug, Default)]
pub struct Shared(Mutex<HashMap<NoticeId, Arc<Said>>>);

/// The largest document: Miniflux refuses 15 MiB and a phone reads it on a train.
pub const MAX_BYTES: usize = 512 * 1024;

/// The age up to which every notice is in a subscription document, however many there are: a reader that was
/// off for two weeks misses nothing.
pub const RECENT: TimeDelta = TimeDelta::days(14);

/// The largest content of an entry as it stands escaped; a longer one is on its page. Half of a document, so
/// that one entry never keeps out all the others.
const MAX_CONTENT_BYTES: usize = MAX_BYTES / 2;

/// Minutes between two visits of an RSS reader: longer would make a change of an action a day late.
const TTL_MINUTES: u32 = 15;

/// Those of a subscription document: the newest `limit` and all of the last 14 days. `all` are in the order of
/// `updated_at`, newest first.
pub fn select<T>(
    all: &[T],
    updated_at: impl Fn(&T) -> DateTime<Utc>,
    limit: usize,
    now: DateTime<Utc>,
) -> &[T] {
    let recent = all.partition_point(|one| updated_at(one) > now - RECENT);
    &all[..all.len().min(limit.max(recent))]
}

/// The notices that an entry names to its reader: the one that it replaces, and those that follow it.
pub fn named_by(notice: &Notice) -> impl Iterator<Item = &NoticeId> {
    notice.supersedes.iter().chain(&notice.next)
}

/// The `updated` that feeds say of each of the `published` revisions, which are all that there are: no two share one,
/// since readers that sort by it would show them in an order of their own. Who came later gives way, so that nothing
/// that becomes of one notice moves the `updated` of another: readers would take that for an edit.
pub fn updated_of(published: &[&Revision]) -> Vec<DateTime<Utc>> {
    let mut asked: Vec<(DateTime<Utc>, usize)> = Vec::with_capacity(published.len());
    for (at, revision) in published.iter().enumerate() {
        asked.push((revision.published_at, at));
        asked.extend(revision.changes.iter().map(|change| (change.at, at)));
    }
    asked.sort_unstable();
    let mut updated = vec![None; published.len()];
    // From the latest on, so that of several of one notice the last stands.
    let mut rest = &mut asked[..];
    while let Some((latest, at)) = rest.last() {
        // Those that can come into each other's way: each asks for a second that the later ones take.
        let mut earliest = latest.timestamp();
        let run = rest.iter().rev().skip(1).take_while(|(moment, _)| {
            let is_taken = moment.timestamp() >= earliest;
            earliest -= i64::from(is_taken);
            is_taken
        });
        let start = rest.len() - 1 - run.count();
        if start == rest.len() - 1 {
            updated[*at].get_or_insert(earliest);
        } else {
            for (at, second) in one_each(published, &mut rest[start..]).into_iter().rev() {
                updated[at].get_or_insert(second);
            }
        }
        rest = &mut rest[..start];
    }
    let moment = |second| DateTime::from_timestamp(second, 0).unwrap_or_default();
    updated.into_iter().flatten().map(moment).collect()
}

// A second for each of those that ask, in the order in which they came.
fn one_each(published: &[&Revision], asked: &mut [(DateTime<Utc>, usize)]) -> Vec<(usize, i64)> {
    let came = |(moment, at): &(DateTime<Utc>, usize)| {
        let revision = published[*at];
        (revision.appeared_at, revision.id(), *moment)
    };
    asked.sort_unstable_by(|a, b| came(a).cmp(&came(b)));
    // For a second that was asked for or taken, one before it behind which all are taken.
    let mut before: HashMap<i64, i64> = HashMap::with_capacity(asked.len());
    let second = |(moment, at): &(DateTime<Utc>, usize)| {
        let asked = moment.timestamp();
        let mut free = asked;
        // Into the past, since nobody has yet been in the future.
        while let Some(earlier) = before.get(&free) {
            free = *earlier;
        }
        before.extend([(asked, free - 1), (free, free - 1)]);
        (*at, free)
    };
    asked.iter().map(second).collect()
}

/// A feed's document, at most `MAX_BYTES` long: the oldest entries give way.
pub fn render(site: &Site, words: &Words, feed: &Feed<'_>, format: Format, now: DateTime<Utc>) -> Vec<u8> {
    render_shared(site, words, feed, format, &Shared::default(), now)
}

/// As `render`, with what other feeds of the same site, words and moment have said already.
pub fn render_shared(
    site: &Site,
    words: &Words,
    feed: &Feed<'_>,
    format: Format,
    shared: &Shared,
    now: DateTime<Utc>,
) -> Vec<u8> {
    let said = |revision: &Revision| shared.said(revision, || Said::of(site, words, revision, now));
    let mut entries = entries(site, feed, said);
    loop {
        let document = match format {
            Format::Rss => rss::write(site, feed, &entries),
            Format::Atom => atom::write(site, feed, &entries, &tombstones(site, feed)),
            Format::Json => json::write(site, feed, &entries),
        };
        // What an archive left out would be nowhere.
        let may_grow = feed.chain.current.is_some();
        if document.len() <= MAX_BYTES || may_grow || entries.len() <= 1 {
            return document;
        }
        let fitting = entries.len() * MAX_BYTES / document.len();
        entries.truncate(fitting.clamp(1, entries.len() - 1));
    }
}

impl Format {
    /// All of them, in the order in which a page offers them.
    pub const ALL: [Self; 3] = [Self::Atom, Self::Rss, Self::Json];

    /// What a path ends in, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Rss => "rss",
            Self::Atom => "atom",
            Self::Json => "json",
        }
    }

    /// The media type, for HTTP.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Rss => "application/rss+xml; charset=utf-8",
            Self::Atom => "application/atom+xml; charset=utf-8",
            Self::Json => "application/feed+json; charset=utf-8",
        }
    }

    // The media type alone, for links.
    fn media_type(self) -> &'static str {
        match self {
            Self::Rss => "application/rss+xml",
            Self::Atom => "application/atom+xml",
            Self::Json => "application/feed+json",
        }
    }
}

impl Format {
    /// Those in which older entries are kept: RSS has no way to say so that its readers know.
    pub const ARCHIVED: [Self; 2] = [Self::Atom, Self::Json];
}

impl Feed<'_> {
    /// Where it stands under the site in a format: `feeds/all.atom`.
    pub fn document_path(&self, format: Format) -> String {
        format!("{}.{}", self.path, format.extension())
    }
}

/// A notice in a feed.
struct Entry {
    said: Arc<Said>,
    updated: DateTime<Utc>,
    enclosure: Option<Enclosure>,
    /// The one that it replaces.
    replaces: Option<Named>,
    /// Those that follow it.
    next: Vec<Named>,
}

/// Another notice.
struct Named {
    /// The tag URI.
    id: String,
    url: String,
}

/// An entry that was taken back.
struct Tombstone {
    /// The tag URI.
    id: String,
    at: DateTime<Utc>,
}

/// What the three formats say of a notice; every text holds only what XML allows.
#[derive(Debug)]
struct Said {
    notice: Arc<Notice>,
    /// The tag URI.
    id: String,
    url: String,
    title: String,
    summary: String,
    /// HTML.
    content: String,
    categories: Vec<Category>,
    published: DateTime<Utc>,
}

/// The notice's picture as a file to fetch.
struct Enclosure {
    url: String,
    length: String,
    media_type: &'static str,
}

/// A term in a scheme.
#[derive(Debug)]
struct Category {
    term: String,
    scheme: String,
    label: String,
}

fn entries(site: &Site, feed: &Feed<'_>, said: impl Fn(&Revision) -> Arc<Said>) -> Vec<Entry> {
    let one = |(revision, updated): &(&Revision, DateTime<Utc>)| {
        let named = |id: &NoticeId| feed.related.get(id).map(|it| Named::of(site, it));
        Entry {
            said: said(revision),
            updated: *updated,
            enclosure: enclosure(site, revision.notice(), feed.pictures),
            replaces: revision.notice().supersedes.as_ref().and_then(named),
            next: revision.notice().next.iter().filter_map(named).collect(),
        }
    };
    let mut entries: Vec<Entry> = feed.entries.iter().map(one).collect();
    entries.sort_by_key(|entry| Reverse(entry.updated));
    entries
}

impl Named {
    fn of(site: &Site, revision: &Revision) -> Self {
        let id = clean(&revision.tag_uri(&site.tag_domain, &site.zone));
        Self { id, url: site.notice_address(revision.id()) }
    }
}

fn tombstones(site: &Site, feed: &Feed<'_>) -> Vec<Tombstone> {
    let of = |revision: &&Revision| {
        let at = revision.withdrawn_at()?.trunc_subsecs(0);
        Some(Tombstone { id: clean(&revision.tag_uri(&site.tag_domain, &site.zone)), at })
    };
    feed.tombstones.iter().filter_map(of).collect()
}

impl Shared {
    // Two who ask at once both make it, and neither waits for the other.
    fn said(&self, revision: &Revision, make: impl Fn() -> Said) -> Arc<Said> {
        let said = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(said) = said().get(revision.id()) {
            return Arc::clone(said);
        }
        let made = Arc::new(make());
        Arc::clone(said().entry(revision.id().clone()).or_insert(made))
    }
}

impl Said {
    fn of(site: &Site, words: &Words, revision: &Revision, now: DateTime<Utc>) -> Self {
        let notice = match shown(revision.notice(), now) {
            Cow::Borrowed(_) => Arc::clone(&revision.draft.notice),
            Cow::Owned(shown) => Arc::new(shown),
        };
        let url = site.notice_address(revision.id());
        Self {
            id: clean(&revision.tag_uri(&site.tag_domain, &site.zone)),
            title: clean(&words.title(&notice)),
            summary: clean(notice.summary_or_excerpt()),
            content: clean(&content(site, words, revision, &notice, now)),
            categories: categories(site, words, &notice),
            published: revision.published_at.trunc_subsecs(0),
            url,
            notice,
        }
    }
}

fn content(site: &Site, words: &Words, revision: &Revision, notice: &Notice, now: DateTime<Utc>) -> String {
    let changes = changes_html(site, words, revision, notice, now);
    let image = image_html(site, notice);
    let facts = facts::facts_html(site, words, notice);
    let body = &notice.body.html;
    let content = match notice.kind_name() {
        // Its text is why, which stands among the changes.
        KindName::Action if notice.withdrawn.is_some() => format!("{changes}{facts}"),
        // Who follows only the feed sees first when and where.
        KindName::Action => format!("{changes}{facts}{image}{body}"),
        KindName::Archive | KindName::Statement => format!("{image}{body}{facts}"),
    };
    if escape_html(&content).len() <= MAX_CONTENT_BYTES {
        return content;
    }
    let summary = escape_html(notice.summary_or_excerpt());
    let (url, whole) = (site.notice_address(revision.id()), words.say("whole-text"));
    format!("<p>{summary}</p>\n<p><a href=\"{}\">{}</a></p>\n", escape_html(&url), escape_html(&whole))
}

// The latest change first: it is what a reader who comes back has not seen.
fn changes_html(
    site: &Site,
    words: &Words,
    revision: &Revision,
    notice: &Notice,
    now: DateTime<Utc>,
) -> String {
    let zone = notice.event().map_or(&site.zone, |event| &event.starts.zone);
    let one = |change: &Change| {
        let differences = facts::visible_differences(change, notice, now);
        let (when, what) = facts::change_line(words, change.at, zone, &differences)?;
        Some(format!("<p><strong>{}</strong> {}</p>\n", escape_html(&when), escape_html(&what)))
    };
    revision.changes.iter().rev().filter_map(one).collect()
}

fn image_html(site: &Site, notice: &Notice) -> String {
    let Some((image, url)) = notice.image.as_ref().zip(image_address(site, notice)) else {
        return String::new();
    };
    format!("<p><img src=\"{}\" alt=\"{}\"></p>\n", escape_html(&url), escape_html(&image.alt))
}

fn image_address(site: &Site, notice: &Notice) -> Option<String> {
    let image = notice.image.as_ref()?;
    site.url.join(&format!("media/{}", image.file)).ok().map(String::from)
}

// Only of what is there: a reader that fetches it must find as many bytes as were said.
fn enclosure(site: &Site, notice: &Notice, pictures: &BTreeMap<String, Picture>) -> Option<Enclosure> {
    let path = format!("media/{}", notice.image.as_ref()?.file);
    let length = pictures.get(&path)?.length.to_string();
    Some(Enclosure { url: image_address(site, notice)?, length, media_type: picture::media_type(&path)? })
}

fn categories(site: &Site, words: &Words, notice: &Notice) -> Vec<Category> {
    let category = |scheme: &str, term: &str, label: &str| Category {
        term: clean(term),
        scheme: site.address(scheme),
        label: clean(label),
    };
    let kind = notice.kind_name();
    let mut categories = vec![category("kinds/", kind.as_str(), &words.kind_singular(kind))];
    // A filter in a reader can wait for a change that way.
    let status = notice.event().map(Event::status_of_all);
    if notice.withdrawn.is_some() {
        categories.push(category("status/", "withdrawn", &words.say("status-withdrawn")));
    } else if let Some((status, prefix)) =
        status.and_then(|status| Some((status, words.status_prefix(status)?)))
    {
        categories.push(category("status/", status.as_str(), &prefix));
    }
    categories.extend(notice.tags.iter().map(|tag| category("tags/", &tag.slug, &tag.name)));
    categories.extend(notice.campaign.iter().map(|it| category("campaigns/", &it.slug, &it.name)));
    categories
}

fn contributors(notice: &Notice) -> Vec<String> {
    notice
        .event()
        .map_or(Vec::new(), |event| event.cosponsors.iter().map(|party| clean(&party.name)).collect())
}

// The newest entry's: the same notices give the same bytes, and so the same ETag.
fn updated(entries: &[Entry]) -> Option<DateTime<Utc>> {
    entries.first().map(|entry| entry.updated)
}

// Of the tag domain and not of the address, so that a move to another host changes no feed's id.
fn feed_id(site: &Site, feed: &Feed<'_>) -> String {
    // An archive is a document of the same feed.
    let path = feed.chain.current.as_ref().unwrap_or(&feed.path);
    let name = format!("{}/{path}", site.tag_domain);
    format!("urn:uuid:{}", Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()))
}

fn clean(text: &str) -> String {
    xml_clean(text).into_owned()
}
