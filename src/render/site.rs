//! Site: the list of all documents, and the bytes of each.
//!
//! Pure. A document is a function of the published revisions and `now`. Its stamp changes whenever one of its
//! inputs does, so that of ten thousand only the few are rendered that have changed.

pub mod card; // what the list needs to know of a revision
mod list; // every document, with its stamp

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Datelike as _, Utc};
use sha2::{Digest as _, Sha256};

use crate::config::{List, Site};
use crate::notice::shown::leads_to;
use crate::notice::{KindName, NoticeId, Tag};
use crate::render::calendar::{self, Calendar};
use crate::render::feed::{self, Chain, Feed, Format, Others};
use crate::render::page::notice::{self, Related};
use crate::render::page::person::{self, Terms};
use crate::render::page::{self, Frame, Home, Index, Scheme, Topic};
use crate::render::signed;
use crate::render::site::card::{Card, Cards, Slots, Withdrawn, next_change_of};
use crate::render::templates::{Error, Templates};
use crate::render::words::Words;
use crate::revision::Revision;
use crate::signing::Signer;

/// Notices on a closed page of an index; the newest page has at least as many once there are any closed.
pub const PAGE_SIZE: usize = 50;

/// Actions on the front page.
const HOME_AHEAD: usize = 8;

/// Other notices on the front page.
const HOME_LATEST: usize = 12;

/// One document of the site.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Where it stands under the site, as a file: `notices/abolish-ice/index.html`.
    pub path: String,
    /// Of all that its bytes follow from, the program's version and the templates included.
    pub stamp: u64,
    /// What it is.
    pub what: What,
}

/// A month in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i32,
    month: u32,
}

impl Month {
    fn of(at: DateTime<Utc>) -> Self {
        Self { year: at.year(), month: at.month() }
    }

    // Of the archive of everything.
    fn path(self) -> String {
        format!("{}/{:04}-{:02}", Topic::All.feed_path(), self.year, self.month)
    }
}

/// What a document is.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The front page.
    Home,
    /// A notice's page.
    Notice(NoticeId),
    /// An action's calendar file.
    Event(NoticeId),
    /// The text of a notice that is signed.
    Text(NoticeId),
    /// The signature of that text.
    Signature(NoticeId),
    /// The public key that signs.
    SigningKey,
    /// The keys that have signed, each named by the one before it.
    SigningChain,
    /// The actions ahead.
    Ahead,
    /// A page of an index: a closed one by its number, or the newest.
    Index(Topic, Option<usize>),
    /// All the names of a scheme.
    Names(Scheme),
    /// What the lists send.
    Subscribe,
    /// All feeds and calendars, for people.
    Feeds,
    /// All feeds, for feed readers.
    Opml,
    /// A feed.
    Feed(Topic, Format),
    /// The entries of a month in the feed of everything.
    Archive(Month, Format),
    /// A calendar.
    Calendar(Topic),
    /// For addresses at which nothing stands.
    Missing,
    /// For notices that were taken back.
    Gone,
    /// For crawlers.
    Robots,
    /// The stylesheet.
    Style,
    /// A picture; its bytes are not rendered but read.
    Picture(PathBuf),
}

/// A picture that a notice shows, as its file was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The file.
    pub file: PathBuf,
    /// What changes with it.
    pub stamp: u64,
    /// Bytes of it on the site, where it is cleaned.
    pub length: u64,
}

/// The published notices in the orders in which documents need them, at one moment.
#[derive(Debug)]
pub struct Catalog<'a> {
    site: &'a Site,
    lists: &'a [List],
    feed_entries: usize,
    terms: Terms,
    templates: &'a Templates,
    words: &'a Words,
    now: DateTime<Utc>,
    style: String,
    style_path: String,
    /// By first publication, oldest first.
    revisions: Vec<&'a Revision>,
    /// Of the revisions at the same positions.
    cards: Vec<Arc<Card>>,
    /// What changes with anything that can be seen of the revision at the same position.
    keys: Vec<u64>,
    /// The `updated` that feeds say of the revision at the same position.
    updated: Vec<DateTime<Utc>>,
    slots: Arc<Slots>,
    /// By slot; none of those that are not published.
    positions: Vec<Option<usize>>,
    /// All, each kind, each tag and each campaign in the order of slugs.
    members: Vec<Members>,
    /// Everything by the month of its publication, the oldest first.
    months: Vec<(Month, Vec<usize>)>,
    /// The actions ahead, soonest first.
    ahead: Vec<usize>,
    /// For a position, those of the notices that refer to it.
    referrers: HashMap<usize, Vec<usize>>,
    /// Those that were found, by where they stand under the site.
    pictures: BTreeMap<String, Picture>,
    /// What its feeds have said.
    shared: feed::Shared,
    /// What signs its notices.
    signing: Option<Signing<'a>>,
}

/// What signs the notices of a catalog.
#[derive(Debug, Clone)]
pub struct Signing<'a> {
    /// The key.
    pub signer: &'a Signer,
    /// The text of the chain of keys.
    pub chain: String,
}

/// The notices of a topic, as positions in the catalog.
#[derive(Debug)]
struct Members {
    topic: Topic,
    /// Those of its index, oldest first.
    index: Vec<usize>,
    /// All of them as its feed wants them, newest first.
    feed: Vec<usize>,
    /// Those of its feed's entries that were taken back longer ago.
    tombstones: Vec<usize>,
    /// Those of its calendar.
    actions: Vec<usize>,
}

/// When a document next changes by itself after `after`; none when it never does.
pub fn next_change(revisions: &[&Revision], after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    revisions.iter().filter_map(|revision| next_change_of(revision, after)).min()
}

/// The published revisions as they may be seen, with what is kept of them from one look to the next.
#[derive(Debug)]
pub struct Published<'a> {
    revisions: Vec<&'a Revision>,
    cards: Vec<Arc<Card>>,
    slots: Arc<Slots>,
    /// Those that are shown without some of their links, by their places among the others.
    without_links: Vec<(usize, Revision)>,
}

impl<'a> Published<'a> {
    /// The published `revisions` in the order of ids. One that leads to a notice that is not among them is
    /// shown without its link: one under an embargo must not be known by its name, and its page is not there.
    pub fn new(site: &Site, revisions: Vec<&'a Revision>, cards: &mut Cards, now: DateTime<Utc>) -> Self {
        let mut these = cards.renew(&revisions, now);
        let without_links = without_links(site, &revisions, &these, &cards.slots());
        for (at, revision) in &without_links {
            these[*at] = cards.of_one(revision, now);
        }
        Self { revisions, cards: these, slots: cards.slots(), without_links }
    }

    /// When a document of them next changes by itself after the moment of which they are; none when none does.
    pub fn next_change(&self) -> Option<DateTime<Utc>> {
        self.cards.iter().filter_map(|card| card.changes_at).min()
    }

    fn shown(&self) -> Vec<(&Revision, Arc<Card>)> {
        let mut shown: Vec<(&Revision, Arc<Card>)> =
            self.revisions.iter().copied().zip(self.cards.iter().cloned()).collect();
        for (at, revision) in &self.without_links {
            shown[*at].0 = revision;
        }
        shown
    }
}

// Those that lead to a notice that is not among them, by their places, without what leads there.
fn without_links(
    site: &Site,
    revisions: &[&Revision],
    cards: &[Arc<Card>],
    slots: &Slots,
) -> Vec<(usize, Revision)> {
    let mut is_published = vec![false; slots.len()];
    cards.iter().for_each(|card| is_published[card.slot] = card.withdrawn.is_none());
    let is_known = |id: &str| slots.find(id).is_some_and(|slot| is_published[slot]);
    let mut without_links = Vec::new();
    for (at, card) in cards.iter().enumerate() {
        if card.leads_to.iter().any(|slot| !is_published[*slot])
            && let Cow::Owned(revision) = known(site, revisions[at], is_known)
        {
            without_links.push((at, revision));
        }
    }
    without_links
}

/// The published `revisions` without what leads to a notice that is not among them: one under an embargo must not
/// be known by its name, and its page is not there.
pub fn among_themselves<'a>(site: &Site, revisions: &[&'a Revision]) -> Vec<Cow<'a, Revision>> {
    let published: HashSet<&str> = revisions.iter().map(|revision| revision.id().as_str()).collect();
    revisions.iter().map(|revision| known(site, revision, |id| published.contains(id))).collect()
}

/// A revision without what leads to notices that are not published.
pub fn known<'a>(
    site: &Site,
    revision: &'a Revision,
    is_published: impl Fn(&str) -> bool,
) -> Cow<'a, Revision> {
    let hidden: BTreeMap<String, String> = leads_to(revision.notice())
        .filter(|id| *id != revision.id().as_str() && !is_published(id))
        .filter_map(|id| Some((id.to_owned(), site.notice_address(&NoticeId::parse(id)?))))
        .collect();
    if hidden.is_empty() { Cow::Borrowed(revision) } else { Cow::Owned(revision.without_links(&hidden)) }
}

impl<'a> Catalog<'a> {
    /// The catalog of the published `revisions`, in any order, as documents show them at `now`.
    ///
    /// # Errors
    /// When the operator's stylesheet cannot be rendered.
    pub fn new(
        site: &'a Site,
        lists: &'a [List],
        feed_entries: usize,
        templates: &'a Templates,
        revisions: &[&'a Revision],
        now: DateTime<Utc>,
    ) -> Result<Self, Error> {
        let mut revisions = revisions.to_vec();
        revisions.sort_by(|a, b| a.id().cmp(b.id()));
        let mut all = Cards::default();
        let cards = all.renew(&revisions, now);
        let shown = revisions.into_iter().zip(cards).collect();
        Self::of(site, lists, feed_entries, templates, shown, all.slots(), now)
    }

    /// The same of what is `published` at that very `now`.
    ///
    /// # Errors
    /// As `new`.
    pub fn of_published(
        site: &'a Site,
        lists: &'a [List],
        feed_entries: usize,
        templates: &'a Templates,
        published: &'a Published<'a>,
        now: DateTime<Utc>,
    ) -> Result<Self, Error> {
        let slots = Arc::clone(&published.slots);
        Self::of(site, lists, feed_entries, templates, published.shown(), slots, now)
    }

    fn of(
        site: &'a Site,
        lists: &'a [List],
        feed_entries: usize,
        templates: &'a Templates,
        mut shown: Vec<(&'a Revision, Arc<Card>)>,
        slots: Arc<Slots>,
        now: DateTime<Utc>,
    ) -> Result<Self, Error> {
        let style = templates.plain("web/style.css")?;
        // Those of one moment stay in the order of ids.
        shown.sort_by_cached_key(|(_, card)| card.published_at());
        let (revisions, cards): (Vec<&Revision>, Vec<Arc<Card>>) = shown.into_iter().unzip();
        let mut positions = vec![None; slots.len()];
        cards.iter().enumerate().for_each(|(at, card)| positions[card.slot] = Some(at));
        let mut catalog = Self {
            site,
            lists,
            feed_entries,
            terms: Terms::default(),
            templates,
            words: templates.words(&site.lang),
            now,
            style_path: style_path(&style),
            style,
            keys: cards.iter().map(|card| card.key).collect(),
            updated: feed::updated_of(&revisions),
            ahead: ahead(&cards, now),
            members: Vec::new(),
            months: Vec::new(),
            referrers: HashMap::new(),
            pictures: BTreeMap::new(),
            shared: feed::Shared::default(),
            signing: None,
            revisions,
            cards,
            slots,
            positions,
        };
        catalog.members = catalog.sort_into_topics();
        catalog.months = catalog.sort_into_months();
        catalog.referrers = catalog.find_referrers();
        Ok(catalog)
    }

    /// Where the pictures of its notices stand under the site: of no other notice's, so that none can be guessed
    /// before its time.
    pub fn pictures(&self) -> BTreeSet<String> {
        self.cards.iter().flat_map(|card| card.pictures.iter().cloned()).collect()
    }

    /// The same with these of its pictures, which become documents and what feeds enclose.
    pub fn with_pictures(self, pictures: BTreeMap<String, Picture>) -> Self {
        let mut keys = self.keys;
        for (key, card) in keys.iter_mut().zip(&self.cards) {
            let found: Vec<u64> =
                card.pictures.iter().filter_map(|path| Some(pictures.get(path)?.length)).collect();
            if !found.is_empty() {
                let mut hasher = DefaultHasher::new();
                (&*key, found).hash(&mut hasher);
                *key = hasher.finish();
            }
        }
        Self { keys, pictures, ..self }
    }

    /// The paths of what was taken back, whether it ever stood in a folder or not.
    pub fn gone(&self) -> impl Iterator<Item = String> {
        let withdrawn = self.cards.iter().zip(&self.revisions).filter(|(card, _)| card.withdrawn.is_some());
        withdrawn.map(|(_, revision)| format!("notices/{}/index.html", revision.id()))
    }

    /// The slot of a notice: its number among all that the cards of this catalog have known.
    pub fn slot(&self, id: &NoticeId) -> Option<usize> {
        self.slots.find(id.as_str())
    }

    /// The bytes of a document of this catalog; none of a picture, whose file has them.
    ///
    /// # Errors
    /// When a template cannot be rendered.
    pub fn bytes(&self, what: &What) -> Result<Vec<u8>, Error> {
        let frame = Frame {
            site: self.site,
            templates: self.templates,
            words: self.words,
            style: &self.style_path,
            takes_mail: !self.lists.is_empty(),
        };
        let text = match what {
            What::Home => page::home(&frame, &self.home(), self.now)?,
            What::Notice(id) => match self.position(id.as_str()) {
                Some(at) => notice::page(&frame, self.revisions[at], &self.related(at), self.now)?,
                None => page::missing(&frame)?,
            },
            What::Event(id) => {
                let revision = self.position(id.as_str()).map(|at| self.revisions[at]);
                let single = |it| {
                    let related = self.others_of([it]);
                    calendar::single(self.site, self.words, it, &related, self.now)
                };
                return Ok(revision.map_or(Vec::new(), single));
            }
            What::Text(id) => self.text(id).unwrap_or_default(),
            What::Signature(id) => self.signature(id).unwrap_or_default(),
            What::SigningKey => {
                self.signing.as_ref().map_or(String::new(), |signing| signing.signer.public().file())
            }
            What::SigningChain => {
                self.signing.as_ref().map_or(String::new(), |signing| signing.chain.clone())
            }
            What::Ahead => page::ahead(&frame, &self.pick(&self.ahead), self.now)?,
            What::Index(topic, number) => page::index(&frame, &self.index(topic, *number), self.now)?,
            What::Names(scheme) => page::names(&frame, *scheme, &self.names(*scheme))?,
            What::Subscribe => {
                person::subscribe(&frame, self.lists, &self.terms, &person::Filled::default())?
            }
            What::Feeds => page::feeds(&frame, &self.topics())?,
            What::Opml => page::opml(&frame, &self.topics()),
            What::Feed(topic, format) => return Ok(self.feed(topic, *format)),
            What::Archive(month, format) => return Ok(self.archive(*month, *format)),
            What::Calendar(topic) => return Ok(self.calendar(topic)),
            What::Missing => page::missing(&frame)?,
            What::Gone => page::gone(&frame)?,
            What::Robots => "User-agent: *\nAllow: /\n".to_owned(),
            What::Style => self.style.clone(),
            What::Picture(_) => return Ok(Vec::new()),
        };
        Ok(text.into_bytes())
    }

    fn text(&self, id: &NoticeId) -> Option<String> {
        let revision = self.revisions[self.position(id.as_str())?];
        Some(signed::text(self.site, self.words, revision, self.now))
    }

    fn signature(&self, id: &NoticeId) -> Option<String> {
        let revision = self.revisions[self.position(id.as_str())?];
        let signer = self.signing.as_ref()?.signer;
        Some(signer.sign(self.text(id)?.as_bytes(), &signed::said(self.site, revision)))
    }

    /// The same, its notices signed.
    pub fn with_signing(self, signing: Option<Signing<'a>>) -> Self {
        Self { signing, ..self }
    }

    /// The same with what is true of the installation's addresses.
    pub fn with_terms(self, terms: Terms) -> Self {
        Self { terms, ..self }
    }

    fn sort_into_topics(&self) -> Vec<Members> {
        let mut topics = vec![Members::of(Topic::All)];
        topics.extend(KindName::ALL.map(|kind| Members::of(Topic::Kind(kind))));
        let mut named: Vec<((Scheme, &str), Members)> = Vec::new();
        let mut places: HashMap<(Scheme, &str), usize> = HashMap::new();
        for (at, card) in self.cards.iter().enumerate() {
            let kind = card.kind;
            let mut of_all =
                topics.iter_mut().filter(|it| it.topic == Topic::All || it.topic == Topic::Kind(kind));
            of_all.by_ref().for_each(|members| members.add(at, card));
            // The oldest spelling of a name stands, so that a new notice renames no feed.
            // A name is none that only what was taken back long ago has had.
            for (scheme, name) in card.names.iter().filter(|_| card.withdrawn != Some(Withdrawn::Nothing)) {
                let key = (*scheme, name.slug.as_str());
                let place = *places.entry(key).or_insert_with(|| {
                    named.push((key, Members::of(Topic::Named(*scheme, name.clone()))));
                    named.len() - 1
                });
                named[place].1.add(at, card);
            }
        }
        named.sort_by_key(|(key, _)| *key);
        topics.extend(named.into_iter().map(|(_, members)| members));
        let ranks = self.ranks_in_feeds();
        for members in &mut topics {
            members.feed.sort_unstable_by_key(|at| ranks[*at]);
            if members.topic == Topic::Kind(KindName::Action) {
                members.index = self.past();
            }
        }
        topics
    }

    // Of each position that before which it comes in every feed: the latest first.
    fn ranks_in_feeds(&self) -> Vec<usize> {
        let mut newest: Vec<usize> = (0..self.cards.len()).collect();
        newest.sort_by_cached_key(|at| Reverse(self.cards[*at].updated_at()));
        let mut ranks = vec![0; newest.len()];
        newest.into_iter().enumerate().for_each(|(rank, at)| ranks[at] = rank);
        ranks
    }

    // By first publication, so that an edit moves nothing from one archive into another.
    fn sort_into_months(&self) -> Vec<(Month, Vec<usize>)> {
        let mut months: Vec<(Month, Vec<usize>)> = Vec::new();
        for (at, card) in self.cards.iter().enumerate().filter(|(_, card)| card.withdrawn.is_none()) {
            let month = Month::of(card.published_at());
            match months.last_mut().filter(|(last, _)| *last == month) {
                Some((_, positions)) => positions.push(at),
                None => months.push((month, vec![at])),
            }
        }
        months
    }

    // By start, the earliest first: people look for a day.
    fn past(&self) -> Vec<usize> {
        by_start(&self.cards, |card| !card.is_ahead(self.now) && card.withdrawn.is_none())
    }

    fn find_referrers(&self) -> HashMap<usize, Vec<usize>> {
        let mut referrers: HashMap<usize, Vec<usize>> = HashMap::new();
        for (at, card) in self.cards.iter().enumerate() {
            for target in &card.references {
                let Some(target) = self.positions[*target] else { continue };
                let from = referrers.entry(target).or_default();
                if target != at && from.last() != Some(&at) {
                    from.push(at);
                }
            }
        }
        referrers
    }

    // Every notice whose title or address stands on the page of the one at `at`.
    fn relatives(&self, at: usize) -> impl Iterator<Item = usize> {
        let referrers = self.referrers.get(&at).into_iter().flatten().copied();
        self.named_by(at).chain(referrers).chain(self.newest(at))
    }

    fn named_by(&self, at: usize) -> impl Iterator<Item = usize> {
        self.cards[at].named.iter().filter_map(|slot| self.positions[*slot])
    }

    // What is in place of the one at `at`: the newest that replaces it, or that replaces that in turn.
    fn newest(&self, at: usize) -> Option<usize> {
        let mut newest = self.replacing(at)?;
        let mut seen = vec![at];
        // Of those that replace each other in a circle, the last before it closes.
        while let Some(next) = self.replacing(newest).filter(|next| !seen.contains(next)) {
            seen.push(std::mem::replace(&mut newest, next));
        }
        Some(newest)
    }

    fn replacing(&self, at: usize) -> Option<usize> {
        let slot = self.cards[at].slot;
        let referrers = self.referrers.get(&at)?;
        referrers.iter().rev().find(|from| self.cards[**from].supersedes == Some(slot)).copied()
    }

    fn related(&self, at: usize) -> Related<'a> {
        let notice = self.revisions[at].notice();
        let find = |id: &str| self.position(id).map(|at| self.revisions[at]);
        let named: Vec<&str> = notice.next.iter().chain(&notice.supersedes).map(NoticeId::as_str).collect();
        let mut referrers = self.pick(self.referrers.get(&at).map_or(&[], Vec::as_slice));
        let newest = self.newest(at);
        let is_newest = |id: &NoticeId| newest.is_some_and(|at| self.revisions[at].id() == id);
        referrers.retain(|it| !named.contains(&it.id().as_str()) && !is_newest(it.id()));
        Related { newest: newest.map(|at| self.revisions[at]), referrers, ..Related::of(notice, find) }
    }

    fn home(&self) -> Home<'a> {
        let shown = self.ahead.len().min(HOME_AHEAD);
        Home {
            ahead: self.pick(&self.ahead[..shown]),
            more_ahead: self.ahead.len() > shown,
            latest: self.pick(&self.latest()),
            is_empty: self.is_empty(),
        }
    }

    fn is_empty(&self) -> bool {
        self.cards.iter().all(|card| card.withdrawn.is_some())
    }

    fn latest(&self) -> Vec<usize> {
        let positions = (0..self.revisions.len()).rev();
        let is_shown = |card: &Card| card.span.is_none() && card.withdrawn.is_none();
        positions.filter(|at| is_shown(&self.cards[*at])).take(HOME_LATEST).collect()
    }

    fn index(&self, topic: &Topic, number: Option<usize>) -> Index<'a> {
        let members = self.members_of(topic);
        let positions = members.map_or(&[][..], |members| &members.index);
        let closed = closed_pages(positions.len());
        let range = match number {
            Some(number) => (number - 1) * PAGE_SIZE..(number * PAGE_SIZE).min(positions.len()),
            None => closed * PAGE_SIZE..positions.len(),
        };
        let mut positions = positions.get(range).unwrap_or_default().to_vec();
        positions.reverse();
        let ahead = members.map_or(Vec::new(), |members| self.ahead_of(members));
        positions.retain(|at| !ahead.contains(at));
        Index {
            topic: topic.clone(),
            calendar: members.is_some_and(|members| self.calendar_path(members).is_some()),
            number,
            closed,
            ahead: if number.is_none() { self.pick(&ahead) } else { Vec::new() },
            entries: self.pick(&positions),
        }
    }

    // The actions ahead, soonest first, that stand apart in the index of a campaign, whenever they were published.
    fn ahead_of(&self, members: &Members) -> Vec<usize> {
        let is_member = |at: &&usize| members.index.binary_search(at).is_ok();
        match members.topic.scheme() {
            Some(Scheme::Campaign) => self.ahead.iter().filter(is_member).copied().collect(),
            Some(Scheme::Tag) | None => Vec::new(),
        }
    }

    fn feed(&self, topic: &Topic, format: Format) -> Vec<u8> {
        let Some(members) = self.members_of(topic) else { return Vec::new() };
        let newest = self.months.last().filter(|_| *topic == Topic::All);
        let chain = Chain { prev: newest.map(|(month, _)| month.path()), ..Chain::default() };
        self.feed_of(topic, topic.feed_path(), self.selected(members), &members.tombstones, chain, format)
    }

    fn archive(&self, month: Month, format: Format) -> Vec<u8> {
        let Ok(at) = self.months.binary_search_by_key(&month, |(month, _)| *month) else { return Vec::new() };
        let path = |at: Option<usize>| at.and_then(|at| self.months.get(at)).map(|(month, _)| month.path());
        let chain = Chain {
            current: Some(Topic::All.feed_path()),
            prev: path(at.checked_sub(1)),
            next: path(Some(at + 1)),
        };
        self.feed_of(&Topic::All, month.path(), &self.months[at].1, &[], chain, format)
    }

    fn feed_of(
        &self,
        topic: &Topic,
        path: String,
        entries: &[usize],
        tombstones: &[usize],
        chain: Chain,
        format: Format,
    ) -> Vec<u8> {
        let entries: Vec<(&Revision, DateTime<Utc>)> =
            entries.iter().map(|at| (self.revisions[*at], self.updated[*at])).collect();
        let title = topic.feed_title(self.site, self.words);
        let page = topic.page_path();
        let feed = Feed {
            title,
            path,
            page,
            related: self.others_of(entries.iter().map(|(revision, _)| *revision)),
            tombstones: self.pick(tombstones),
            chain,
            entries,
            pictures: &self.pictures,
        };
        feed::render_shared(self.site, self.words, &feed, format, &self.shared, self.now)
    }

    // Those that these replace or lead to.
    fn others_of(&self, revisions: impl IntoIterator<Item = &'a Revision>) -> Others<'a> {
        let named = revisions.into_iter().flat_map(|revision| feed::named_by(revision.notice()));
        named.filter_map(|id| Some((id, self.revisions[self.position(id.as_str())?]))).collect()
    }

    fn selected<'m>(&self, members: &'m Members) -> &'m [usize] {
        let updated_at = |at: &usize| self.cards[*at].updated_at();
        feed::select(&members.feed, updated_at, self.feed_entries, self.now)
    }

    fn calendar(&self, topic: &Topic) -> Vec<u8> {
        let Some(members) = self.members_of(topic) else { return Vec::new() };
        let actions = self.pick(&members.actions);
        let calendar = Calendar {
            title: topic.calendar_title(self.site, self.words),
            path: topic.calendar_path().unwrap_or_default(),
            page: topic.page_path(),
            related: self.others_of(actions.iter().copied()),
            actions,
        };
        calendar::calendar(self.site, self.words, &calendar, self.now)
    }

    // The calendar of all notices is that of the actions; one of a name that no action has would stay empty.
    fn calendar_path(&self, members: &Members) -> Option<String> {
        match &members.topic {
            Topic::All => None,
            Topic::Kind(_) => members.topic.calendar_path(),
            Topic::Named(..) => members.topic.calendar_path().filter(|_| !members.actions.is_empty()),
        }
    }

    fn members_of(&self, topic: &Topic) -> Option<&Members> {
        self.members.iter().find(|members| members.topic == *topic)
    }

    fn topics(&self) -> Vec<(Topic, bool)> {
        let has = |members: &Members| self.calendar_path(members).is_some();
        self.members.iter().map(|members| (members.topic.clone(), has(members))).collect()
    }

    fn names(&self, scheme: Scheme) -> Vec<Tag> {
        let name = |members: &Members| match &members.topic {
            Topic::Named(of, name) => Some(name.clone()).filter(|_| *of == scheme),
            Topic::All | Topic::Kind(_) => None,
        };
        self.members.iter().filter_map(name).collect()
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.positions[self.slots.find(id)?]
    }

    fn pick(&self, positions: &[usize]) -> Vec<&'a Revision> {
        positions.iter().map(|at| self.revisions[*at]).collect()
    }

    fn keys_of(&self, positions: &[usize]) -> Vec<u64> {
        positions.iter().map(|at| self.keys[*at]).collect()
    }

    // What changes with anything of those in a feed.
    fn keys_of_entries(&self, positions: &[usize]) -> Vec<(u64, DateTime<Utc>)> {
        positions.iter().map(|at| (self.keys[*at], self.updated[*at])).collect()
    }
}

impl Members {
    fn of(topic: Topic) -> Self {
        Self { topic, index: Vec::new(), feed: Vec::new(), tombstones: Vec::new(), actions: Vec::new() }
    }

    fn add(&mut self, at: usize, card: &Card) {
        match card.withdrawn {
            None => {
                self.index.push(at);
                self.feed.push(at);
            }
            Some(Withdrawn::Entry) => self.feed.push(at),
            Some(Withdrawn::Tombstone) => self.tombstones.push(at),
            Some(Withdrawn::Nothing) => {}
        }
        // Who has it in a calendar sees that it is off for as long as of one that was cancelled.
        if card.kind == KindName::Action {
            self.actions.push(at);
        }
    }
}

impl Topic {
    // Which notice is the first to spell a name may change without any change of those that a document shows.
    fn spelt(&self) -> &str {
        match self {
            Self::All | Self::Kind(_) => "",
            Self::Named(_, name) => &name.name,
        }
    }
}

// The newest page takes what comes: it has at least a page's worth and less than two.
fn closed_pages(notices: usize) -> usize {
    (notices / PAGE_SIZE).saturating_sub(1)
}

fn ahead(cards: &[Arc<Card>], now: DateTime<Utc>) -> Vec<usize> {
    by_start(cards, |card| card.is_ahead(now))
}

// The actions of which that is true, the earliest first.
fn by_start(cards: &[Arc<Card>], is_wanted: impl Fn(&Card) -> bool) -> Vec<usize> {
    let mut actions: Vec<(DateTime<Utc>, usize)> = Vec::new();
    for (at, card) in cards.iter().enumerate().filter(|(_, card)| is_wanted(card)) {
        actions.extend(card.span.as_ref().map(|span| (span.starts_at, at)));
    }
    actions.sort_unstable();
    actions.into_iter().map(|(_, at)| at).collect()
}

/// Where the stylesheet of that text stands under the site: another text, another path.
pub fn style_path(style: &str) -> String {
    format!("style.{}.css", short_digest(style))
}

fn short_digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
