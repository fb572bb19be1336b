//! Ledger: in memory, of the same meaning as the SQL one: frozen recipients, one copy a person, claims under a
//! lease with a fence.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};

use handbill::delivery::{Next, Outcome, State};
use handbill::edition::{Audience, Content, Edition, EditionId, Lane, Member, Reach};
use handbill::notice::date::DateKey;
use handbill::notice::{Event, NoticeId};
use handbill::plan::{Entry, History, Step};
use handbill::revision::{Difference, Draft, Revision};

use crate::simulation::world::Person;

type At = DateTime<Utc>;

#[derive(Debug, Clone, Default)]
pub struct Ledger {
    pub began_at: At,
    pub planned_until: At,
    pub is_held: bool,
    revisions: BTreeMap<(NoticeId, u32), Stored>,
    openings: BTreeMap<String, At>,
    pub editions: Vec<Row>,
    keys: HashMap<EditionId, usize>,
    pub deliveries: BTreeMap<(usize, Person), Delivery>,
    pub subscriptions: BTreeSet<(String, Person)>,
    /// Deliveries to people who had left, with the lists that they were still on.
    pub left: Vec<((usize, Person), Vec<String>)>,
    // Those that wait or are claimed, as the partial index knows them.
    open: BTreeSet<(usize, Person)>,
    // Tries that were answered with a no.
    failed: BTreeSet<((usize, Person), u32)>,
}

#[derive(Debug, Clone)]
struct Stored {
    draft: Draft,
    published_at: At,
    appeared_at: At,
    revised_at: At,
}

/// An edition; none was sent under the id of one that was skipped or missed.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: EditionId,
    pub once_key: String,
    /// When it fell due.
    pub at: At,
    pub planned_at: At,
    pub sent: Option<Edition>,
}

#[derive(Debug, Clone)]
pub struct Delivery {
    pub state: State,
    pub attempts: u32,
    pub fence: i64,
    pub due_at: At,
    pub lane: i64,
}

#[derive(Debug, Clone)]
pub struct Claim {
    pub key: (usize, Person),
    pub attempts: u32,
    pub fence: i64,
}

impl Ledger {
    pub fn new(began_at: At) -> Self {
        Self { began_at, planned_until: began_at, ..Self::default() }
    }

    pub fn history(&self) -> History {
        let mut history = History {
            began_at: self.began_at,
            planned_until: self.planned_until,
            revisions: BTreeMap::new(),
            settled: self.editions.iter().map(|row| row.id.clone()).collect(),
            carries_since: self.openings.clone(),
            carried: BTreeMap::new(),
            told: BTreeMap::new(),
        };
        for ((id, _), stored) in &self.revisions {
            let revision = stored.after(history.revisions.get(id));
            history.revisions.insert(id.clone(), revision);
        }
        for edition in self.editions.iter().filter_map(|row| row.sent.as_ref()) {
            for member in edition.content.members() {
                if let (Content::Issue { .. }, Audience::List(list)) = (&edition.content, &edition.audience) {
                    history.carried.entry(list.clone()).or_default().insert(member.notice.clone());
                }
                history.told.entry(member.notice.clone()).or_default().insert(edition.audience.clone());
            }
        }
        history
    }

    /// Everything, or (to whom the process dies before) nothing.
    pub fn commit(&mut self, entries: &[Entry], now: At) {
        for entry in entries {
            match &entry.step {
                Step::Revise(revision) => self.insert_revision(revision),
                Step::Open { list, since } => {
                    self.openings.entry(list.clone()).or_insert(*since);
                }
                Step::Send(edition) => self.insert_edition(edition, (entry.at, now)),
                Step::Skip(id) | Step::Miss(id) => {
                    self.insert_row(id, id.to_string(), (entry.at, now), None);
                }
            }
        }
        self.planned_until = self.planned_until.max(now);
    }

    pub fn resume(&mut self, now: At) {
        self.is_held = false;
        self.planned_until = self.planned_until.min(now);
    }

    pub fn revision(&self, notice: &NoticeId) -> Revision {
        let all = self.revisions.range((notice.clone(), 0)..=(notice.clone(), u32::MAX));
        all.fold(None, |before, (_, stored)| Some(stored.after(before.as_ref()))).unwrap()
    }

    pub fn latest(&self, notice: &NoticeId) -> (u32, &Draft) {
        let (key, stored) =
            self.revisions.range((notice.clone(), 0)..=(notice.clone(), u32::MAX)).next_back().unwrap();
        (key.1, &stored.draft)
    }

    fn insert_revision(&mut self, revision: &Revision) {
        let stored = Stored {
            draft: revision.draft.clone(),
            published_at: revision.published_at,
            appeared_at: revision.appeared_at,
            revised_at: revision.revised_at,
        };
        self.revisions.entry((revision.id().clone(), revision.number)).or_insert(stored);
        let differences = revision.change().map_or(&[][..], |change| &change.differences);
        for difference in differences.iter().filter(|difference| overtakes(difference)) {
            self.drop_reminders(revision, difference.date().map(|date| &date.key));
        }
        if let Some(starts_at) = revision.change().and(revision.notice().event()).and_then(Event::last_start)
        {
            self.lengthen_alerts(revision.id(), starts_at);
        }
        if differences.contains(&Difference::Restored) {
            self.take_up_again(revision);
        }
    }

    // What is done is done.
    fn lengthen_alerts(&mut self, notice: &NoticeId, starts_at: At) {
        let open: BTreeSet<usize> = self.open.iter().map(|(number, _)| *number).collect();
        for number in open {
            let Some(edition) = &mut self.editions[number].sent else { continue };
            if matches!(&edition.content, Content::Alert(member) if member.notice == *notice) {
                edition.expires_at = edition.expires_at.max(starts_at);
            }
        }
    }

    // What was dropped while it was taken back, but not that it was.
    fn take_up_again(&mut self, revision: &Revision) {
        for (key, delivery) in &mut self.deliveries {
            let Some(edition) = &self.editions[key.0].sent else { continue };
            let is_of_it = edition.content.members().iter().any(|member| member.notice == *revision.id());
            if !is_of_it || edition.expires_at <= revision.revised_at {
                continue;
            }
            let (is_lasting, says_it_is_off) = match &edition.content {
                Content::Correction(_, sequence) => {
                    (true, revision.withdrawals().any(|it| it.sequence == *sequence))
                }
                Content::Alert(_) | Content::Issue { .. } => (true, false),
                Content::Reminder(..) | Content::Personal(..) => (false, false),
            };
            let is_for_list = matches!(edition.audience, Audience::List(_));
            if says_it_is_off && is_for_list && delivery.state == State::Due {
                delivery.state = State::Superseded;
                self.open.remove(key);
            } else if is_lasting && !says_it_is_off && delivery.state == State::Superseded {
                (delivery.state, delivery.due_at) = (State::Due, revision.revised_at);
                self.open.insert(*key);
            }
        }
    }

    // Of one date of several, or of all of the notice.
    fn drop_reminders(&mut self, revision: &Revision, date: Option<&DateKey>) {
        for (key, delivery) in &mut self.deliveries {
            let edition = self.editions[key.0].sent.as_ref();
            let is_reminder = edition.is_some_and(|edition| match &edition.content {
                Content::Reminder(member, of, _) => {
                    let is_of_it = date.is_none() || of.as_ref() == date;
                    member.notice == *revision.id() && member.number < revision.number && is_of_it
                }
                Content::Issue { .. }
                | Content::Alert(_)
                | Content::Correction(..)
                | Content::Personal(..) => false,
            });
            if is_reminder && delivery.state == State::Due {
                delivery.state = State::Superseded;
                self.open.remove(key);
            }
        }
    }

    fn insert_row(
        &mut self,
        id: &EditionId,
        once_key: String,
        (at, planned_at): (At, At),
        sent: Option<Edition>,
    ) -> Option<usize> {
        if self.keys.contains_key(id) {
            return None;
        }
        self.keys.insert(id.clone(), self.editions.len());
        self.editions.push(Row { id: id.clone(), once_key, at, planned_at, sent });
        Some(self.editions.len() - 1)
    }

    fn insert_edition(&mut self, edition: &Edition, times: (At, At)) {
        let once_key = edition.content.once_key(&edition.audience);
        let sent = Some(edition.clone());
        let Some(number) = self.insert_row(&edition.id, once_key.clone(), times, sent) else { return };
        let (recipients, lane) = match &edition.audience {
            Audience::Target(_) => (vec![0], 2),
            Audience::People => panic!("nobody plans personal mails"),
            Audience::List(list) => {
                (self.recipients(list, edition, &once_key), edition.content.lane().number())
            }
        };
        if let (Audience::List(_), Content::Correction(member, _)) = (&edition.audience, &edition.content) {
            self.hurry_corrections(&member.notice, edition.due_at);
        }
        for person in recipients {
            let delivery =
                Delivery { state: State::Due, attempts: 0, fence: 0, due_at: edition.due_at, lane };
            self.open.insert((number, person));
            self.deliveries.insert((number, person), delivery);
        }
    }

    // Those that wait for their next try.
    fn hurry_corrections(&mut self, notice: &NoticeId, due_at: At) {
        for key in &self.open {
            let edition = self.editions[key.0].sent.as_ref().unwrap();
            let is_for_list = matches!(edition.audience, Audience::List(_));
            let is_one =
                matches!(&edition.content, Content::Correction(member, _) if member.notice == *notice);
            let delivery = self.deliveries.get_mut(key).unwrap();
            if is_for_list && is_one && delivery.state == State::Due {
                delivery.due_at = delivery.due_at.min(due_at);
            }
        }
    }

    fn recipients(&self, list: &str, edition: &Edition, once_key: &str) -> Vec<Person> {
        let on_list = self.subscriptions.iter().filter(|(name, _)| name == list).map(|(_, person)| *person);
        on_list
            .filter(|person| !self.gets_once(*person, once_key) && self.is_meant(*person, edition))
            .collect()
    }

    /// Whether somebody has a delivery of what these editions say, whatever became of it.
    pub fn has_once(&self, person: Person, once_key: &str) -> bool {
        self.deliveries_of(person, once_key).next().is_some()
    }

    // Who left before their turn has got nothing, and gets it by another list.
    fn gets_once(&self, person: Person, once_key: &str) -> bool {
        self.deliveries_of(person, once_key).any(|delivery| delivery.state != State::Left)
    }

    pub fn deliveries_of(&self, person: Person, once_key: &str) -> impl Iterator<Item = &Delivery> {
        let same = self.editions.iter().enumerate().filter(move |(_, row)| row.once_key == once_key);
        same.filter_map(move |(number, _)| self.deliveries.get(&(number, person)))
    }

    fn is_meant(&self, person: Person, edition: &Edition) -> bool {
        match &edition.content {
            Content::Issue { .. } | Content::Alert(_) | Content::Reminder(..) | Content::Personal(..) => true,
            Content::Correction(member, _) => match edition.reach {
                Reach::ToldAnyway => self.is_told(person, &member.notice),
                Reach::Told => self.is_told(person, &member.notice) && !self.waits(person, member, edition),
                Reach::Following => {
                    let waits_for_news = self
                        .deliveries_about(person, &member.notice)
                        .any(|(_, delivery)| delivery.state == State::Due && delivery.lane == 0);
                    let hears = self.is_told(person, &member.notice) || !waits_for_news;
                    hears && !self.waits(person, member, edition)
                }
            },
        }
    }

    fn is_told(&self, person: Person, notice: &NoticeId) -> bool {
        self.deliveries_about(person, notice)
            .any(|(number, delivery)| self.may_have_told((number, person), delivery))
    }

    // For a correction that says this, too, and would come by that list as well; nothing has reached them since.
    fn waits(&self, person: Person, member: &Member, edition: &Edition) -> bool {
        let about: Vec<(usize, &Delivery)> = self.deliveries_about(person, &member.notice).collect();
        about.iter().any(|(number, delivery)| {
            let (row, earlier) = (&self.editions[*number], self.editions[*number].sent.as_ref().unwrap());
            let mut siblings = self.editions.iter().filter(|it| it.once_key == row.once_key);
            let is_of_list = siblings.any(|it| {
                it.id != edition.id && it.sent.as_ref().is_some_and(|it| it.audience == edition.audience)
            });
            let reached_since = about.iter().any(|(_, other)| match other.state {
                State::Claimed => true,
                State::Sent | State::Uncertain | State::Dropped => other.due_at >= row.planned_at,
                State::Due | State::Bounced | State::Expired | State::Superseded | State::Left => false,
            });
            matches!(earlier.content, Content::Correction(..))
                && is_of_list
                && earlier.expires_at >= edition.expires_at
                && !reached_since
                && delivery.state == State::Due
                && !self.may_have_told((*number, person), delivery)
        })
    }

    // Those of lists that carry a notice.
    fn deliveries_about(
        &self,
        person: Person,
        notice: &NoticeId,
    ) -> impl Iterator<Item = (usize, &Delivery)> {
        let carries = |edition: &Edition| {
            let is_of_list = matches!(edition.audience, Audience::List(_));
            is_of_list && edition.content.members().iter().any(|member| member.notice == *notice)
        };
        let all = self.editions.iter().enumerate();
        let about = all.filter(move |(_, row)| row.sent.as_ref().is_some_and(carries));
        about.filter_map(move |(number, _)| Some((number, self.deliveries.get(&(number, person))?)))
    }

    fn may_have_told(&self, key: (usize, Person), delivery: &Delivery) -> bool {
        let begun = match delivery.state {
            State::Claimed | State::Sent | State::Uncertain => return true,
            State::Due => delivery.attempts,
            State::Bounced | State::Expired | State::Left | State::Superseded | State::Dropped => {
                delivery.attempts.saturating_sub(1)
            }
        };
        (1..=begun).any(|number| !self.failed.contains(&(key, number)))
    }

    /// Claims mails of a lane, or posts; who left is recorded so.
    pub fn claim(&mut self, lane: i64, most: usize, lease: TimeDelta, now: At) -> Vec<Claim> {
        let mut due: Vec<(At, (usize, Person))> = self
            .open
            .iter()
            .map(|key| (&self.deliveries[key], *key))
            .filter(|(delivery, _)| delivery.lane == lane && delivery.due_at <= now)
            .map(|(delivery, key)| (delivery.due_at, key))
            .collect();
        due.sort_unstable();
        if lane == 2 {
            due.retain(|(_, key)| !self.follows_an_open_post(key.0));
        }
        let mut claims = Vec::new();
        for (_, key) in due.into_iter().take(most) {
            let is_subscribed = self.is_subscribed(key);
            let delivery = self.deliveries.get_mut(&key).unwrap();
            delivery.attempts += 1;
            delivery.fence += 1;
            delivery.state = if is_subscribed { State::Claimed } else { State::Left };
            delivery.due_at = now + lease;
            if is_subscribed {
                claims.push(Claim { key, attempts: delivery.attempts, fence: delivery.fence });
            } else {
                self.open.remove(&key);
                let lists = self.subscriptions.iter().filter(|(_, person)| *person == key.1);
                self.left.push((key, lists.map(|(list, _)| list.clone()).collect()));
            }
        }
        claims
    }

    // By any list that told the same: it was frozen for one of them alone.
    fn is_subscribed(&self, (number, person): (usize, Person)) -> bool {
        let once_key = &self.editions[number].once_key;
        let told = self.editions.iter().filter(|row| row.once_key == *once_key);
        told.filter_map(|row| row.sent.as_ref()).any(|edition| match &edition.audience {
            Audience::Target(_) => person == 0,
            Audience::People => false,
            Audience::List(list) => self.subscriptions.contains(&(list.clone(), person)),
        })
    }

    // A correction never overtakes what it corrects.
    fn follows_an_open_post(&self, number: usize) -> bool {
        let edition = self.editions[number].sent.as_ref().unwrap();
        self.editions[..number].iter().enumerate().any(|(earlier, row)| {
            let Some(other) = &row.sent else { return false };
            let members = other.content.members();
            let shares = edition
                .content
                .members()
                .iter()
                .any(|member| members.iter().any(|other| other.notice == member.notice));
            let open = self.deliveries.get(&(earlier, 0)).is_some_and(|delivery| is_open(delivery.state));
            other.audience == edition.audience && shares && open
        })
    }

    /// A claim that another has taken since is passed over; its try was made all the same. Without an outcome it
    /// was not.
    pub fn record(&mut self, claim: &Claim, outcome: Option<Outcome>, next: Next, now: At) {
        if let Some(Outcome::Deferred(_) | Outcome::Bounced(_)) = outcome {
            self.failed.insert((claim.key, claim.attempts));
        }
        let Some(delivery) = self.deliveries.get_mut(&claim.key) else { return };
        if delivery.fence != claim.fence || delivery.state != State::Claimed {
            return;
        }
        (delivery.state, delivery.due_at) = match next {
            Next::Done(state) => (state, now),
            Next::Retry(at) => (State::Due, at),
        };
        if !is_open(delivery.state) {
            self.open.remove(&claim.key);
        }
    }

    /// Not tried after all.
    pub fn release(&mut self, claim: &Claim, due_at: At) {
        let delivery = self.deliveries.get_mut(&claim.key).unwrap();
        delivery.attempts -= 1;
        (delivery.state, delivery.due_at) = (State::Due, due_at);
    }

    pub fn release_all(&mut self, now: At) {
        for delivery in self.deliveries.values_mut().filter(|delivery| delivery.state == State::Claimed) {
            delivery.state = State::Due;
            delivery.due_at = now;
        }
    }

    /// What is due by `now` and was not claimed waits for something else that is not.
    pub fn next_delivery_at(&self, now: At) -> Option<At> {
        self.open.iter().map(|key| self.deliveries[key].due_at).filter(|at| *at > now).min()
    }
}

impl Stored {
    fn after(&self, before: Option<&Revision>) -> Revision {
        let draft = self.draft.clone();
        Revision::after(before, draft, self.revised_at, self.published_at, self.appeared_at)
    }
}

pub fn is_open(state: State) -> bool {
    matches!(state, State::Due | State::Claimed)
}

pub const LANES: [(i64, Option<Lane>); 3] = [(0, Some(Lane::Urgent)), (1, Some(Lane::Bulk)), (2, None)];

fn overtakes(difference: &Difference) -> bool {
    match difference {
        Difference::Status { is, .. } => !is.takes_place(),
        Difference::Time { .. } | Difference::Withdrawn(_) | Difference::Removed(_) => true,
        Difference::Of(_, of_date) => overtakes(of_date),
        Difference::End { .. }
        | Difference::Assembly { .. }
        | Difference::Place { .. }
        | Difference::MeetingPoint { .. }
        | Difference::Added(_)
        | Difference::Said(_)
        | Difference::Restored => false,
    }
}
