//! Plan: what is due. The heart: the only maker of work.
//!
//! Pure. `due` answers what falls into (planned until, now]; the publisher commits its answer and goes on from
//! there. `plan` asks it at each moment at which something falls due, so that what it foretells is what will
//! happen. All intervals are half-open, (after, until].

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};

use crate::config::{Config, List, Select, When};
use crate::edition::{Audience, Content, Edition, EditionId, Member, Reach};
use crate::notice::date::{DateKey, Dated};
use crate::notice::{Event, Notice, NoticeId, Notify, Status};
use crate::revision::{Change, Difference, Draft, Revision};
use crate::schedule::cut::{Cut, Occurrence};
use crate::schedule::quiet::Quiet;
use crate::schedule::reminder::Before;

/// The notices as their files stand now.
pub type Drafts = BTreeMap<NoticeId, Draft>;

/// What has happened so far: what `due` has to know of the ledger.
#[derive(Debug, Clone)]
pub struct History {
    /// When the ledger began; a notice published by then is shown, never sent.
    pub began_at: DateTime<Utc>,
    /// Everything due until then has been planned.
    pub planned_until: DateTime<Utc>,
    /// The latest revision of every published notice.
    pub revisions: BTreeMap<NoticeId, Revision>,
    /// Every edition that was sent, skipped or missed.
    pub settled: BTreeSet<EditionId>,
    /// Since when each list with cuts carries what is published.
    pub carries_since: BTreeMap<String, DateTime<Utc>>,
    /// What each list's issues have carried.
    pub carried: BTreeMap<String, BTreeSet<NoticeId>>,
    /// Who was told of each notice, by any edition.
    pub told: BTreeMap<NoticeId, BTreeSet<Audience>>,
}

/// One thing that is due.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When it falls due: not when a busy service gets to it.
    pub at: DateTime<Utc>,
    /// What is to be done.
    pub step: Step,
    /// The rule that it follows from, as a sentence.
    pub why: String,
}

/// What is to be done.
#[derive(Debug, Clone)]
pub enum Step {
    /// Publish a state of a notice.
    Revise(Box<Revision>),
    /// From then on a list's issues carry what is published.
    Open {
        /// The list.
        list: String,
        /// Publications after it are carried.
        since: DateTime<Utc>,
    },
    /// Send an edition.
    Send(Edition),
    /// Nothing to send: the edition would be empty.
    Skip(EditionId),
    /// Too late to send; recorded, never sent.
    Miss(EditionId),
}

/// What is due in (history.planned_until, now], in the order in which it is to be done.
pub fn due(config: &Config, drafts: &Drafts, history: &History, now: DateTime<Utc>) -> Vec<Entry> {
    let mut entries = revise(drafts, history, now);
    let revised: BTreeMap<NoticeId, Revision> = entries
        .iter()
        .filter_map(revision_of)
        .map(|revision| (revision.id().clone(), revision.clone()))
        .collect();
    for revision in revised.values() {
        entries.extend(announce(config, history, revision, now));
    }
    let then = Then { history, revised: &revised };
    for list in &config.lists {
        let When::Cut(cut) = &list.when else { continue };
        entries.extend(issues(list, cut, &then, now));
    }
    for revision in then.revisions() {
        entries.extend(reminders(config, history, revision, now));
    }
    entries.retain(|entry| !entry.is_settled(history));
    entries.sort_by(Entry::order);
    entries
}

/// The first moment after `history.planned_until` at which `due` may answer something, files left as they are.
pub fn next_due(config: &Config, drafts: &Drafts, history: &History) -> Option<DateTime<Utc>> {
    let after = history.planned_until;
    let embargoes =
        drafts.values().filter_map(|draft| draft.notice.publish_at.as_ref()).map(|moment| moment.at);
    let cuts = config.lists.iter().filter_map(|list| match &list.when {
        When::Cut(cut) => cut.next(after).map(|occurrence| occurrence.at),
        When::AtOnce => None,
    });
    // Each of ten thousand is looked at once.
    let of_revision = |revision| {
        let reminders = reminders_of(config, revision, after).into_iter().map(|reminder| reminder.at);
        reminders.chain(revision.reveals_at())
    };
    let of_revisions = history.revisions.values().flat_map(of_revision);
    embargoes.chain(cuts).chain(of_revisions).filter(|at| *at > after).min()
}

/// What will happen until `until` if no file changes and the service runs from `looks_at` on, which is when it finds
/// what waits to be published and what fell due since `history.planned_until`.
pub fn plan(
    config: &Config,
    drafts: &Drafts,
    mut history: History,
    looks_at: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Vec<Entry> {
    let mut entries = due(config, drafts, &history, looks_at);
    history.apply_all(&entries, looks_at);
    while let Some(at) = next_due(config, drafts, &history).filter(|at| *at <= until) {
        let next = due(config, drafts, &history, at);
        history.apply_all(&next, at);
        entries.extend(next);
    }
    entries
}

/// What a ledger begins with: every notice that is there already is published and nothing of it is sent.
pub fn begin(drafts: &Drafts, began_at: DateTime<Utc>) -> (History, Vec<Entry>) {
    let mut history = History {
        began_at,
        planned_until: began_at,
        revisions: BTreeMap::new(),
        settled: BTreeSet::new(),
        carries_since: BTreeMap::new(),
        carried: BTreeMap::new(),
        told: BTreeMap::new(),
    };
    let entries = revise(drafts, &history, began_at);
    history.apply_all(&entries, began_at);
    (history, entries)
}

impl History {
    /// The history after `entries` were done at `now`.
    pub fn apply_all(&mut self, entries: &[Entry], now: DateTime<Utc>) {
        entries.iter().for_each(|entry| self.apply(entry));
        self.planned_until = self.planned_until.max(now);
    }

    /// Whether a notice is younger than the ledger, so that it may be sent.
    pub fn may_send(&self, revision: &Revision) -> bool {
        revision.published_at > self.began_at
    }

    fn apply(&mut self, entry: &Entry) {
        match &entry.step {
            Step::Revise(revision) => {
                self.revisions.insert(revision.id().clone(), (**revision).clone());
            }
            Step::Open { list, since } => {
                self.carries_since.insert(list.clone(), *since);
            }
            Step::Send(edition) => {
                for member in edition.content.members() {
                    self.told.entry(member.notice.clone()).or_default().insert(edition.audience.clone());
                    if let (Content::Issue { .. }, Audience::List(list)) =
                        (&edition.content, &edition.audience)
                    {
                        self.carried.entry(list.clone()).or_default().insert(member.notice.clone());
                    }
                }
                self.settled.insert(edition.id.clone());
            }
            Step::Skip(id) | Step::Miss(id) => {
                self.settled.insert(id.clone());
            }
        }
    }
}

// The history with what is published now, which is carried and reminded of now. What a list has carried and
// since when only its own issue asks, and there is one of each list at a time.
struct Then<'a> {
    history: &'a History,
    revised: &'a BTreeMap<NoticeId, Revision>,
}

impl<'a> Then<'a> {
    fn revisions(&self) -> impl Iterator<Item = &'a Revision> {
        let revised = self.revised;
        let stand = self.history.revisions.values().filter(|it| !revised.contains_key(it.id()));
        stand.chain(revised.values())
    }
}

impl Entry {
    /// What `plan --explain` asks for: an edition's id, or `revise/<notice>/<number>`.
    pub fn key(&self) -> String {
        match &self.step {
            Step::Revise(revision) => format!("revise/{}/{}", revision.id(), revision.number),
            Step::Open { list, .. } => format!("open/{list}"),
            Step::Send(edition) => edition.id.to_string(),
            Step::Skip(id) | Step::Miss(id) => id.to_string(),
        }
    }

    fn is_settled(&self, history: &History) -> bool {
        match &self.step {
            Step::Send(Edition { id, .. }) | Step::Skip(id) | Step::Miss(id) => history.settled.contains(id),
            Step::Revise(_) | Step::Open { .. } => false,
        }
    }

    // Revisions first: an edition refers to them.
    fn order(&self, other: &Self) -> Ordering {
        let rank = |entry: &Self| match entry.step {
            Step::Revise(_) => 0,
            Step::Open { .. } => 1,
            Step::Send(_) | Step::Skip(_) | Step::Miss(_) => 2,
        };
        (self.at, rank(self), self.key()).cmp(&(other.at, rank(other), other.key()))
    }
}

fn revision_of(entry: &Entry) -> Option<&Revision> {
    match &entry.step {
        Step::Revise(revision) => Some(revision),
        Step::Open { .. } | Step::Send(_) | Step::Skip(_) | Step::Miss(_) => None,
    }
}

fn revise(drafts: &Drafts, history: &History, now: DateTime<Utc>) -> Vec<Entry> {
    let mut entries = Vec::new();
    // Both in the order of ids: ten thousand are walked through once, not looked up one by one.
    let mut published = history.revisions.iter().peekable();
    for (id, draft) in drafts {
        // What has no file that can be read stays published, and shows in its time what it hides.
        while let Some((_, other)) = published.next_if(|(other, _)| *other < id) {
            entries.extend(reveal(other, history, now));
        }
        let entry = match published.next_if(|(other, _)| *other == id) {
            None => publish(draft, history, now),
            Some((_, latest)) if latest.draft.digest == draft.digest => reveal(latest, history, now),
            Some((_, latest)) => Some(revised(latest, draft, now)),
        };
        entries.extend(entry);
    }
    entries.extend(published.filter_map(|(_, other)| reveal(other, history, now)));
    entries
}

// Due at the embargo's end when that lies in the window, or else as soon as it is seen.
fn publish(draft: &Draft, history: &History, now: DateTime<Utc>) -> Option<Entry> {
    let embargo = draft.notice.publish_at.as_ref().map(|moment| moment.at);
    // What nobody has seen cannot be taken back, and is not shown as if it had been.
    if embargo.is_some_and(|at| at > now) || draft.notice.withdrawn.is_some() {
        return None;
    }
    let at = embargo.filter(|at| *at > history.planned_until).unwrap_or(now);
    let mut first = Revision::first(draft.clone(), at);
    // What it hid for a while that has passed meanwhile is news with it, and not a change of it.
    if first.reveals_at().is_some_and(|at| at <= now) {
        first.revised_at = now;
    }
    let step = Step::Revise(Box::new(first));
    Some(Entry { at, step, why: "A new notice is published.".to_owned() })
}

// An embargo is only for what has not been seen yet: a later one cannot take a notice back.
fn revised(latest: &Revision, draft: &Draft, at: DateTime<Utc>) -> Entry {
    let next = latest.next(draft.clone(), at);
    let why = why_revised(latest, &next).to_owned();
    Entry { at, step: Step::Revise(Box::new(next)), why }
}

fn reveal(latest: &Revision, history: &History, now: DateTime<Utc>) -> Option<Entry> {
    let due = latest.reveals_at().filter(|at| *at <= now)?;
    let at = if due > history.planned_until { due } else { now };
    Some(revised(latest, &latest.draft, at))
}

fn why_revised(latest: &Revision, next: &Revision) -> &'static str {
    let changes = next.change().is_some();
    if next.is_taken_back_or_restored() {
        return match next.notice().withdrawn {
            Some(_) => "It was taken back.",
            None => "It had been taken back and stands again.",
        };
    }
    match next.notice().notify {
        Some(Notify::Alert) if changes => "The file changed, and its author wants people to be told.",
        Some(Notify::Silent) if changes => {
            "The file changed in something that people have to know, and its author wants nobody to be told."
        }
        Some(Notify::Alert | Notify::Silent) | None if !changes => {
            "The file changed in nothing that people have to be told."
        }
        Some(Notify::Alert | Notify::Silent) | None if latest.draft.digest == next.draft.digest => {
            "Its place is shown from now on."
        }
        Some(Notify::Alert | Notify::Silent) | None => {
            "The file changed in something that people have to know."
        }
    }
}

// What a revision makes due at once: alerts for news, corrections for a material change.
fn announce(config: &Config, history: &History, revision: &Revision, now: DateTime<Utc>) -> Vec<Entry> {
    if !history.may_send(revision) {
        return Vec::new();
    }
    // When it fell due: the first may be seen, and show what it hid, later.
    let at = if revision.number == 0 { revision.appeared_at } else { revision.revised_at };
    let member = member_of(revision);
    let mut entries = Vec::new();
    let is_news = revision.is_news();
    for (audience, quiet) in audiences(config, revision.notice(), is_news) {
        let told = history.told.get(revision.id()).is_some_and(|told| told.contains(&audience));
        let reach = reach(config, history, revision, &audience, now);
        let (content, due_at, expires_at, why) = if is_news {
            let expires_at = alert_expiry(revision.notice(), at);
            let due_at = settle(quiet, at, now, expires_at);
            let why = format!(
                "A new {} goes to {} at once.",
                revision.notice().kind_name().as_str(),
                audience.name()
            );
            (Content::Alert(member.clone()), due_at, expires_at, why)
        } else if let Some(change) = revision.change().filter(|_| told && hears(revision, &audience)) {
            let expires_at = correction_expiry(history, revision);
            let and_others = match reach {
                Reach::Following => "; who came since hears of it, too",
                Reach::Told | Reach::ToldAnyway => "",
            };
            let why = format!("{} was told of it before it changed{and_others}.", audience.name());
            (Content::Correction(member.clone(), change.sequence), at, expires_at, why)
        } else {
            continue;
        };
        let edition = Edition { reach, ..Edition::new(audience, content, due_at, expires_at) };
        entries.push(send_or_miss(edition, at, why, now));
    }
    entries
}

// Who subscribes after an alert may have it from the page, and would stand in an empty street like all the others.
// What was taken back is told to nobody anew.
fn reach(
    config: &Config,
    history: &History,
    revision: &Revision,
    audience: &Audience,
    now: DateTime<Utc>,
) -> Reach {
    if revision.notice().withdrawn.is_some() {
        return Reach::ToldAnyway;
    }
    let alerts = |list: &List| matches!(list.when, When::AtOnce) && list.select.takes(revision.notice());
    let old = history.revisions.get(revision.id());
    let may_go = [Some(revision), old].into_iter().flatten().any(|state| {
        let is_ahead = state.notice().event().is_some_and(|event| over_at(event) > now);
        is_ahead && !state.is_off()
    });
    match audience {
        Audience::List(name)
            if may_go && !revision.is_taken_back_or_restored() && config.list(name).is_some_and(alerts) =>
        {
            Reach::Following
        }
        Audience::List(_) | Audience::Target(_) | Audience::People => Reach::Told,
    }
}

// A machine that carries a notice further has to take it back, whatever people are told.
fn hears(revision: &Revision, audience: &Audience) -> bool {
    match audience {
        Audience::Target(_) => revision.is_told || revision.is_taken_back_or_restored(),
        Audience::List(_) | Audience::People => revision.is_told,
    }
}

// Who hears at once: lists of new notices and targets; for a change, everybody who may have been told.
fn audiences<'c>(config: &'c Config, notice: &Notice, is_new: bool) -> Vec<(Audience, Option<&'c Quiet>)> {
    let takes = |select: &Select| !is_new || select.takes(notice);
    let lists = config
        .lists
        .iter()
        .filter(|list| takes(&list.select) && (!is_new || matches!(list.when, When::AtOnce)));
    let targets = config.targets.iter().filter(|target| takes(&target.select));
    let lists = lists.map(|list| (Audience::List(list.name.clone()), list.quiet.as_ref()));
    lists.chain(targets.map(|target| (Audience::Target(target.name.clone()), None))).collect()
}

fn issues(list: &List, cut: &Cut, then: &Then<'_>, now: DateTime<Utc>) -> Vec<Entry> {
    let mut entries = Vec::new();
    let history = then.history;
    let since = match history.carries_since.get(&list.name) {
        Some(since) => *since,
        None => {
            // The first issue looks back one period from the first cut.
            let after = history.planned_until;
            let since = cut.next(after).map_or(after, |first| first.at - cut.period());
            let why = format!("The list {} is new: its first issue looks back one period.", list.name);
            entries.push(Entry { at: now, step: Step::Open { list: list.name.clone(), since }, why });
            since
        }
    };
    let occurrences = cut.occurrences(history.planned_until, now);
    let Some((latest, overdue)) = occurrences.split_last() else { return entries };
    for missed in overdue {
        let why = "A later issue was due by the time the service ran again; its notices go into that one."
            .to_owned();
        entries.push(Entry {
            at: missed.at,
            step: Step::Miss(EditionId::issue(&list.name, missed.nominal)),
            why,
        });
    }
    entries.push(issue(list, cut, latest, since, then, now));
    entries
}

fn issue(
    list: &List,
    cut: &Cut,
    occurrence: &Occurrence,
    since: DateTime<Utc>,
    then: &Then<'_>,
    now: DateTime<Utc>,
) -> Entry {
    let (at, id) = (occurrence.at, EditionId::issue(&list.name, occurrence.nominal));
    if now - at > cut.grace() {
        let why = format!("It is more than {} late; its notices go into the next issue.", hours(cut.grace()));
        return Entry { at, step: Step::Miss(id), why };
    }
    let expires_at = at + ISSUE_LIFE;
    let due_at = settle(list.quiet.as_ref(), at, now, expires_at);
    let goes_at = due_at.max(now);
    let mut members: Vec<&Revision> = then
        .revisions()
        .filter(|revision| is_carried(list, revision, since, at, then.history) && !is_over(revision, goes_at))
        .collect();
    members.sort_by(|a, b| (a.published_at, a.id()).cmp(&(b.published_at, b.id())));
    if members.is_empty() {
        return Entry { at, step: Step::Skip(id), why: "Nothing new for it was published.".to_owned() };
    }
    let why = format!(
        "{} goes out {}; it carries what was published since its last issue.",
        list.name,
        cut.describe()
    );
    let content =
        Content::Issue { cut: occurrence.nominal, members: members.into_iter().map(member_of).collect() };
    let edition = Edition::new(Audience::List(list.name.clone()), content, due_at, expires_at);
    Entry { at, step: Step::Send(edition), why }
}

// An issue is worth reading for weeks; a relay that is down for longer than this is a matter for a person.
const ISSUE_LIFE: TimeDelta = TimeDelta::days(30);

fn is_carried(
    list: &List,
    revision: &Revision,
    since: DateTime<Utc>,
    cut_at: DateTime<Utc>,
    history: &History,
) -> bool {
    let in_time =
        revision.appeared_at <= cut_at && revision.appeared_at > since && history.may_send(revision);
    let carried = history.carried.get(&list.name).is_some_and(|carried| carried.contains(revision.id()));
    in_time && !carried && list.select.takes(revision.notice())
}

// What is over or cancelled when the issue goes out, which after an outage or quiet hours is later than its cut,
// would only send people to an empty street.
fn is_over(revision: &Revision, goes_at: DateTime<Utc>) -> bool {
    revision.is_off() || revision.notice().event().is_some_and(|event| over_at(event) <= goes_at)
}

fn reminders(config: &Config, history: &History, revision: &Revision, now: DateTime<Utc>) -> Vec<Entry> {
    if !history.may_send(revision) {
        return Vec::new();
    }
    // One date's is not nearer to the start than another's.
    let mut by_audience: BTreeMap<(Audience, Option<DateKey>), Vec<Reminder<'_>>> = BTreeMap::new();
    for reminder in reminders_of(config, revision, history.planned_until) {
        // One that was sent for an earlier start does not come again, so that it overtakes none.
        let id = reminder.id(revision);
        let is_open = !history.settled.contains(&id);
        if is_open
            && reminder.at > history.planned_until
            && reminder.at > revision.stands_since(reminder.date)
        {
            let whose = (reminder.audience.clone(), reminder.date.cloned());
            by_audience.entry(whose).or_default().push(reminder);
        }
    }
    by_audience.into_values().flat_map(|reminders| remind(reminders, revision, now)).collect()
}

// Of several overdue ones only that nearest to the start is sent, and none that the next would overtake.
fn remind(reminders: Vec<Reminder<'_>>, revision: &Revision, now: DateTime<Utc>) -> Vec<Entry> {
    let (mut overdue, ahead): (Vec<_>, Vec<_>) =
        reminders.into_iter().partition(|reminder| reminder.at <= now);
    overdue.sort_by(|a, b| (a.at, b.before).cmp(&(b.at, a.before)));
    let Some(nearest) = overdue.pop() else { return Vec::new() };
    let miss = |reminder: &Reminder<'_>| {
        let id = reminder.id(revision);
        let why = "A later reminder was due by the time the service ran again.".to_owned();
        Entry { at: reminder.at, step: Step::Miss(id), why }
    };
    let mut entries: Vec<Entry> = overdue.iter().map(miss).collect();
    let due_at = settle(nearest.quiet, nearest.at, now, nearest.starts_at);
    if ahead.iter().any(|next| next.at <= due_at) {
        entries.push(miss(&nearest));
        return entries;
    }
    let of = nearest.date.map_or(String::new(), |date| format!(" of {date}"));
    let before = nearest.before.describe();
    let why = format!("{} is reminded {before} the start{of}.", nearest.audience.name());
    let content = Content::Reminder(member_of(revision), nearest.date.cloned(), *nearest.before);
    let edition = Edition::new(nearest.audience, content, due_at, nearest.starts_at);
    entries.push(send_or_miss(edition, nearest.at, why, now));
    entries
}

struct Reminder<'c> {
    audience: Audience,
    /// The one of several dates that it is of.
    date: Option<&'c DateKey>,
    before: &'c Before,
    quiet: Option<&'c Quiet>,
    at: DateTime<Utc>,
    starts_at: DateTime<Utc>,
}

impl Reminder<'_> {
    fn id(&self, revision: &Revision) -> EditionId {
        EditionId::reminder(self.audience.name(), revision.id(), self.date, self.before)
    }
}

// All the reminders of an action that takes place, at the times at which they are sent: out of quiet hours. None
// is sent at the start or past it, so an action that began by `after` has none left; of years of actions that is
// nearly every one.
fn reminders_of<'c>(config: &'c Config, revision: &'c Revision, after: DateTime<Utc>) -> Vec<Reminder<'c>> {
    if revision.notice().withdrawn.is_some() {
        return Vec::new();
    }
    let is_asked = |dated: &Dated<'_>| dated.status.takes_place() && dated.starts.at > after;
    let dates = revision.notice().event().into_iter().flat_map(Event::dated);
    let asked: Vec<Dated<'_>> = dates.filter(is_asked).collect();
    if asked.is_empty() {
        return Vec::new();
    }
    let lists = config
        .lists
        .iter()
        .map(|list| (Audience::List(list.name.clone()), &list.select, &list.remind, list.quiet.as_ref()));
    let targets = config
        .targets
        .iter()
        .map(|target| (Audience::Target(target.name.clone()), &target.select, &target.remind, None));
    let mut reminders = Vec::new();
    for (audience, select, remind, quiet) in lists.chain(targets) {
        if !select.takes(revision.notice()) {
            continue;
        }
        for dated in &asked {
            let (date, starts_at) = (dated.key, dated.starts.at);
            let stands_since = revision.stands_since(date);
            reminders.extend(remind.iter().map(|before| {
                let asked = before.before(dated.starts);
                let at = quiet.map_or(asked, |quiet| quiet.settle(asked, stands_since, Some(starts_at)));
                Reminder { audience: audience.clone(), date, before, quiet, at, starts_at }
            }));
        }
    }
    reminders
}

// Of several dates when the last is that is not cancelled.
fn over_at(event: &Event) -> DateTime<Utc> {
    let stand = event.dated().filter(|dated| dated.status != Status::Cancelled);
    stand.map(|dated| dated.ends_or_assumed_at()).max().unwrap_or(event.over_at())
}

fn send_or_miss(edition: Edition, at: DateTime<Utc>, why: String, now: DateTime<Utc>) -> Entry {
    if edition.expires_at <= now {
        let why = format!("It was due too late to be of use. {why}");
        return Entry { at, step: Step::Miss(edition.id), why };
    }
    Entry { at, step: Step::Send(edition), why }
}

// News that is not of a day keeps for a week.
const ALERT_LIFE: TimeDelta = TimeDelta::days(7);

fn alert_expiry(notice: &Notice, at: DateTime<Utc>) -> DateTime<Utc> {
    notice.event().and_then(Event::last_start).unwrap_or(at + ALERT_LIFE)
}

// Who knows the old date has to hear until it is over, who goes to the new one until that is: people come late, or are
// there and have to know where it went on. What its author says of an edit, and that it was taken back, is worth
// knowing after it, too.
fn correction_expiry(history: &History, revision: &Revision) -> DateTime<Utc> {
    let is_of_facts = |change: &Change| change.differences.iter().all(Difference::is_of_facts);
    if !revision.change().is_some_and(is_of_facts) {
        return revision.revised_at + ALERT_LIFE;
    }
    let old = history.revisions.get(revision.id()).and_then(|old| old.notice().event());
    let changes = revision.change().map_or(&[][..], |change| &change.differences);
    // Of several dates those that it is of; whoever goes to another one is told nothing new.
    let is_of = |dated: &Dated<'_>| {
        dated.key.is_none()
            || changes.iter().any(|it| it.date().is_none_or(|date| dated.key == Some(&date.key)))
    };
    let dates = [old, revision.notice().event()].into_iter().flatten().flat_map(Event::dated);
    let ends = dates.filter(is_of).map(|dated| dated.ends_or_assumed_at());
    ends.max().unwrap_or(revision.revised_at + ALERT_LIFE)
}

// When something due at `at` and planned at `now` may go out.
fn settle(
    quiet: Option<&Quiet>,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> DateTime<Utc> {
    let soonest = at.max(now);
    // Quiet hours count whole seconds, and end at a whole one.
    let second = soonest.trunc_subsecs(0);
    let settled = quiet.map_or(second, |quiet| quiet.settle(second, soonest, Some(expires_at)));
    if settled == second { at } else { settled }
}

fn member_of(revision: &Revision) -> Member {
    Member { notice: revision.id().clone(), number: revision.number }
}

fn hours(span: TimeDelta) -> String {
    match span.num_hours() {
        0 => format!("{} minutes", span.num_minutes()),
        1 => "an hour".to_owned(),
        hours => format!("{hours} hours"),
    }
}
