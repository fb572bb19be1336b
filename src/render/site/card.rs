//! Card: what the list of all documents needs to know of a revision, and nothing that would have to be read anew.
//!
//! Pure. Ten thousand notices lie scattered in memory and nearly none of them changes: their cards are made once.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::notice::shown::leads_to;
use crate::notice::{Event, Kind, KindName, Lineage, Notice, NoticeId, Status, Tag};
use crate::render::calendar;
use crate::render::feed;
use crate::render::page::Scheme;
use crate::revision::Revision;

/// The cards of the published revisions, kept from one look to the next.
#[derive(Debug, Default)]
pub struct Cards {
    // In the order in which they were asked for, that of ids.
    cards: Vec<Arc<Card>>,
    slots: Arc<Slots>,
}

/// A number for every id that was ever published or named, from 0: what is asked of ten thousand by their numbers
/// need not be looked up by their names.
#[derive(Debug, Default, Clone)]
pub(super) struct Slots(HashMap<Box<str>, usize>);

/// A revision as the catalog sees it, from `made_at` on until it changes by itself.
#[derive(Debug)]
pub(super) struct Card {
    pub slot: usize,
    /// Held, so that no other notice can come to lie where it lies.
    notice: Arc<Notice>,
    times: Times,
    made_at: DateTime<Utc>,
    /// When a document of it next changes by itself.
    pub changes_at: Option<DateTime<Utc>>,
    /// What changes with anything that can be seen of it.
    pub key: u64,
    pub kind: KindName,
    /// Of an action.
    pub span: Option<Span>,
    /// Its tags, each slug once, and its campaign.
    pub names: Vec<(Scheme, Tag)>,
    /// The slots of the notices whose titles stand on its page.
    pub named: Vec<usize>,
    /// That of the one that it replaces.
    pub supersedes: Option<usize>,
    /// Of those whose titles stand on its page, and of the notices that its text links to.
    pub references: Vec<usize>,
    /// Of the notices that it leads to.
    pub leads_to: Vec<usize>,
    /// Where its pictures stand under the site.
    pub pictures: Vec<String>,
    /// How much of one that was taken back is still told; none of one that stands.
    pub withdrawn: Option<Withdrawn>,
}

/// How much of a notice that was taken back is still told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Withdrawn {
    /// That it was, in its place: few readers understand a tombstone.
    Entry,
    /// A tombstone (RFC 6721).
    Tombstone,
    /// Nothing.
    Nothing,
}

/// When an action is what.
#[derive(Debug)]
pub(super) struct Span {
    pub starts_at: DateTime<Utc>,
    /// Until when people who look ahead find it.
    pub ahead_until: DateTime<Utc>,
}

// What of a revision is not in its notice.
#[derive(Debug, PartialEq)]
struct Times {
    number: u32,
    sequence: u32,
    published_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    revised_at: DateTime<Utc>,
    changes: usize,
}

/// How long a postponed action is ahead after the end first said: people come back to look for the new date.
const POSTPONED_KEPT: TimeDelta = TimeDelta::days(30);

/// The spans after an action's end at which a document of it changes by itself: it is over, a postponed one is
/// past, a cancelled one leaves the calendars, any other one leaves them.
const PHASES: [TimeDelta; 4] = [TimeDelta::zero(), POSTPONED_KEPT, calendar::CANCELLED_KEPT, calendar::KEPT];

/// How long feeds tell that an entry was taken back, and its calendar that its date is off.
const TOMBSTONE_KEPT: TimeDelta = TimeDelta::days(90);

impl Cards {
    /// The cards of these revisions at `now`; those that are known and still true are not made anew.
    pub(super) fn renew(&mut self, revisions: &[&Revision], now: DateTime<Utc>) -> Vec<Arc<Card>> {
        // Nobody else holds them any more, or they are few.
        let slots = Arc::make_mut(&mut self.slots);
        let mut known = self.cards.iter().peekable();
        let mut cards = Vec::with_capacity(revisions.len());
        for revision in revisions {
            // Nearly always the next is that very one, and no name need be read.
            let mut card = known.next_if(|card| Arc::ptr_eq(&card.notice, &revision.draft.notice));
            if card.is_none() {
                // In another order than that of ids fewer would be found, and made anew.
                while known.next_if(|card| card.notice.id < *revision.id()).is_some() {}
                card = known.next_if(|card| card.notice.id == *revision.id());
            }
            cards.push(match card.filter(|card| card.is_of(revision) && card.holds_at(now)) {
                Some(card) => Arc::clone(card),
                None => Arc::new(Card::of(revision, slots, now)),
            });
        }
        self.cards.clone_from(&cards);
        cards
    }

    /// The card of a revision that is not to be kept.
    pub(super) fn of_one(&mut self, revision: &Revision, now: DateTime<Utc>) -> Arc<Card> {
        Arc::new(Card::of(revision, Arc::make_mut(&mut self.slots), now))
    }

    pub(super) fn slots(&self) -> Arc<Slots> {
        Arc::clone(&self.slots)
    }
}

impl Slots {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn find(&self, id: &str) -> Option<usize> {
        self.0.get(id).copied()
    }

    fn take(&mut self, id: &str) -> usize {
        let next = self.0.len();
        self.find(id).unwrap_or_else(|| *self.0.entry(id.into()).or_insert(next))
    }
}

impl Card {
    fn of(revision: &Revision, slots: &mut Slots, now: DateTime<Utc>) -> Self {
        let notice = revision.notice();
        let (event, withdrawn) = (notice.event(), withdrawn(revision, now));
        let stands = withdrawn.is_none();
        let lineage = match &notice.kind {
            Kind::Archive(provenance) => &provenance.lineage[..],
            Kind::Statement(_) | Kind::Action(_) => &[],
        };
        let lineage = lineage.iter().filter_map(Lineage::notice);
        let ahead = |event: &Event| if stands { ahead_until(event) } else { DateTime::<Utc>::MIN_UTC };
        let named = notice.next.iter().chain(&notice.supersedes).map(NoticeId::as_str).chain(lineage);
        let named: Vec<usize> = named.filter(|_| stands).map(|id| slots.take(id)).collect();
        let linked = notice.body.notices.iter().filter(|_| stands).map(|linked| slots.take(&linked.value));
        let references = named.iter().copied().chain(linked).collect();
        Self {
            slot: slots.take(notice.id.as_str()),
            notice: Arc::clone(&revision.draft.notice),
            times: Times::of(revision),
            made_at: now,
            changes_at: next_change_of(revision, now),
            key: key(revision, now),
            kind: notice.kind_name(),
            span: event.map(|event| Span { starts_at: starts_at(event, now), ahead_until: ahead(event) }),
            names: names(notice),
            supersedes: notice.supersedes.as_ref().filter(|_| stands).map(|id| slots.take(id.as_str())),
            references,
            named,
            leads_to: leads_to(notice).map(|id| slots.take(id)).collect(),
            pictures: notice.pictures().filter(|_| stands).collect(),
            withdrawn,
        }
    }

    pub fn published_at(&self) -> DateTime<Utc> {
        self.times.published_at
    }

    pub fn updated_at(&self) -> DateTime<Utc> {
        self.times.updated_at
    }

    pub fn is_ahead(&self, now: DateTime<Utc>) -> bool {
        self.span.as_ref().is_some_and(|span| now < span.ahead_until)
    }

    fn is_of(&self, revision: &Revision) -> bool {
        Arc::ptr_eq(&self.notice, &revision.draft.notice) && self.times == Times::of(revision)
    }

    fn holds_at(&self, now: DateTime<Utc>) -> bool {
        self.made_at <= now && self.changes_at.is_none_or(|at| now < at)
    }
}

impl Times {
    fn of(revision: &Revision) -> Self {
        Self {
            number: revision.number,
            sequence: revision.sequence,
            published_at: revision.published_at,
            updated_at: revision.updated_at,
            revised_at: revision.revised_at,
            changes: revision.changes.len(),
        }
    }
}

pub(super) fn next_change_of(revision: &Revision, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let notice = revision.notice();
    let dates = notice.event().into_iter().flat_map(Event::dated);
    let phases = dates.flat_map(|dated| PHASES.map(|phase| dated.ends_or_assumed_at() + phase));
    phases
        .chain([revision.updated_at + feed::RECENT])
        .chain(revision.withdrawn_at().into_iter().flat_map(|at| [at + feed::RECENT, at + TOMBSTONE_KEPT]))
        .filter(|at| *at > after)
        .chain(revision.next_change(after))
        .min()
}

fn key(revision: &Revision, now: DateTime<Utc>) -> u64 {
    let mut hasher = DefaultHasher::new();
    let notice = revision.notice();
    // What the author left to the site is in what every document follows from.
    (revision.draft.digest.short(), notice.id.as_str(), revision.number, revision.sequence).hash(&mut hasher);
    let times = [revision.published_at, revision.updated_at, revision.revised_at];
    (times, revision.changes.len()).hash(&mut hasher);
    // One more when a notice that it leads to is published.
    leads_to(notice).count().hash(&mut hasher);
    // Between two changes by itself a notice shows the same, and the next one names the span between.
    if let Some(event) = notice.event() {
        for dated in event.dated() {
            let end = dated.ends_or_assumed_at();
            PHASES.iter().filter(|phase| end + **phase <= now).count().hash(&mut hasher);
            // A newer version of the zones may move what a person wrote.
            (dated.starts.at, end).hash(&mut hasher);
        }
    }
    (revision.next_change(now), withdrawn(revision, now)).hash(&mut hasher);
    hasher.finish()
}

fn withdrawn(revision: &Revision, now: DateTime<Utc>) -> Option<Withdrawn> {
    revision.notice().withdrawn.as_ref()?;
    let at = revision.withdrawn_at().unwrap_or(revision.revised_at);
    Some(if now < at + feed::RECENT {
        Withdrawn::Entry
    } else if now < at + TOMBSTONE_KEPT {
        Withdrawn::Tombstone
    } else {
        Withdrawn::Nothing
    })
}

fn ahead_until(event: &Event) -> DateTime<Utc> {
    let until = event.dated().map(|dated| match dated.status {
        Status::Postponed => dated.ends_or_assumed_at() + POSTPONED_KEPT,
        Status::Scheduled | Status::Moved | Status::Rescheduled | Status::Cancelled => {
            dated.ends_or_assumed_at()
        }
    });
    until.max().unwrap_or(event.starts.at)
}

fn starts_at(event: &Event, now: DateTime<Utc>) -> DateTime<Utc> {
    event.date_at_hand(now).map_or(event.starts.at, |date| date.starts.at)
}

fn names(notice: &Notice) -> Vec<(Scheme, Tag)> {
    let tags = notice.tags.iter().enumerate();
    let distinct = tags.filter(|(at, tag)| notice.tags[..*at].iter().all(|it| it.slug != tag.slug));
    let tags = distinct.map(|(_, tag)| (Scheme::Tag, tag.clone()));
    tags.chain(notice.campaign.iter().map(|name| (Scheme::Campaign, name.clone()))).collect()
}
