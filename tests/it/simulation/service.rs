//! Service: the two loops over the pure core and the ledger in memory, broken at any step.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};

use handbill::delivery::{self, Answer, Fault, Next, Outcome, Policy, Standing, State};
use handbill::edition::Content;
use handbill::notice::NoticeId;
use handbill::plan::{self, Drafts, Entry, History, Step};

use crate::simulation::chance::Chance;
use crate::simulation::ledger::{Claim, Delivery, LANES, Ledger};
use crate::simulation::world::{Happening, Person, World};

type At = DateTime<Utc>;

/// What was done, in its order.
#[derive(Default)]
pub struct Log {
    pub began: Drafts,
    pub looks: Vec<Look>,
    pub mails: Vec<Mail>,
    /// Copies that a crash, a stall or an answer that never came may have made, by delivery.
    pub faults: HashMap<(usize, Person), u32>,
    /// The last events, for people.
    pub lines: Vec<String>,
    pub steps: u64,
    pub crashes: u64,
}

/// One commit of the publisher.
pub struct Look {
    pub now: At,
    pub planned_until: At,
    pub drafts: Drafts,
    pub entries: Vec<Entry>,
    /// Who was on which list, and what had been sent, before it; none when it did nothing.
    pub before: Option<Before>,
    pub mails_before: usize,
}

/// What there was before a commit.
pub struct Before {
    pub subscriptions: BTreeSet<(String, Person)>,
    /// Deliveries that were tried.
    pub tried: BTreeSet<(usize, Person)>,
    /// Urgent ones that were due.
    pub waiting: BTreeSet<(usize, Person)>,
}

/// What the other side got.
#[derive(Debug, Clone)]
pub struct Mail {
    pub at: At,
    pub person: Person,
    pub edition: usize,
    pub numbers: Vec<(NoticeId, u32)>,
    /// When it would have been too late.
    pub until: At,
}

pub struct Service<'w> {
    world: &'w World,
    chance: Chance,
    pub ledger: Ledger,
    history: Option<History>,
    drafts: Drafts,
    pub log: Log,
    is_up: bool,
    relay_is_up: bool,
    skew: TimeDelta,
    // Receipts of a worker that sleeps.
    stalled: Vec<(At, Claim, Outcome, Next)>,
    // Until when, what, and what was done since.
    foretold: Option<(At, Vec<String>, Vec<String>)>,
}

const URGENT: Policy = Policy {
    retries: &[60, 300, 900, 3600, 7200],
    resend_uncertain: true,
    retry_our_faults: true,
    jitter_percent: 20,
};
const BULK: Policy = Policy {
    retries: &[300, 3600, 14_400, 43_200],
    resend_uncertain: false,
    retry_our_faults: true,
    jitter_percent: 20,
};
const LEASE: TimeDelta = TimeDelta::minutes(45);

impl<'w> Service<'w> {
    pub fn new(world: &'w World) -> Self {
        Self {
            world,
            chance: Chance::new(world.seed ^ 0x5eed),
            ledger: Ledger::new(world.from),
            history: None,
            drafts: Drafts::new(),
            log: Log::default(),
            is_up: true,
            relay_is_up: true,
            skew: TimeDelta::zero(),
            stalled: Vec::new(),
            foretold: None,
        }
    }

    /// Until nothing happens any more.
    pub fn live(&mut self) {
        let (world, service) = (self.world, self);
        let mut script = world.script.iter().peekable();
        while let Some((_, happening)) = script.next_if(|(at, _)| *at <= world.from) {
            service.happen(happening, world.from);
        }
        let (history, entries) = plan::begin(&service.drafts, world.from);
        service.ledger.commit(&entries, world.from);
        service.log.began = service.drafts.clone();
        service.history = Some(history);
        let mut at = world.from;
        while at < service.end() {
            let mut is_lazy = false;
            while let Some((happens_at, happening)) = script.next_if(|(happens_at, _)| *happens_at <= at) {
                service.happen(happening, *happens_at);
                // A change is not always seen at once.
                is_lazy = !world.is_calm && service.chance.one_in(4);
            }
            if service.is_up && !is_lazy {
                service.look(at);
                service.deliver(at);
            }
            let mut next = service.next_at(at, is_lazy);
            if let Some((happens_at, _)) = script.peek() {
                next = next.min(*happens_at);
            }
            at = next.max(at + TimeDelta::milliseconds(1));
            service.log.steps += 1;
        }
        service.compare_foretold();
    }

    // What is under way may end after the last event.
    pub fn end(&self) -> At {
        self.world.until + TimeDelta::days(3)
    }

    pub fn is_running(&self) -> bool {
        self.is_up && self.relay_is_up && !self.ledger.is_held
    }

    /// Whether its answer is still to come.
    pub fn is_under_way(&self, key: (usize, Person)) -> bool {
        self.stalled.iter().any(|(_, claim, ..)| claim.key == key)
    }

    pub fn kept(&self) -> Option<&History> {
        self.history.as_ref()
    }

    // While no file changes and the service runs, what happens is what `plan` said, however often it looks.
    fn foretell(&mut self, now: At) {
        self.compare_foretold();
        let Some(history) = &self.history else { return };
        let is_file = |(at, it): &&(At, Happening)| *at > now && matches!(it, Happening::File(..));
        let until = self.world.script.iter().find(is_file).map_or(self.end(), |(at, _)| *at);
        let until = until.min(self.end()) - TimeDelta::milliseconds(1);
        let looks_at = history.planned_until;
        let said = plan::plan(&self.world.config, &self.drafts, history.clone(), looks_at, until);
        self.foretold = Some((until, said.iter().map(crate::simulation::line).collect(), Vec::new()));
    }

    fn compare_or_foretell(&mut self, now: At) {
        let entries = &self.log.looks.last().unwrap().entries;
        match &mut self.foretold {
            Some((until, _, done)) if now <= *until => {
                done.extend(entries.iter().map(crate::simulation::line));
            }
            Some(_) | None => self.foretell(now),
        }
    }

    fn compare_foretold(&mut self) {
        let Some((until, mut said, mut done)) = self.foretold.take() else { return };
        said.sort();
        done.sort();
        let difference = crate::simulation::difference(&said, &done);
        assert!(said == done, "what was foretold until {until}, and what was done:\n{difference}");
    }

    fn happen(&mut self, happening: &Happening, at: At) {
        match happening {
            Happening::File(id, Some(draft)) => {
                self.drafts.insert(id.clone(), draft.clone());
            }
            Happening::File(id, None) => {
                self.drafts.remove(id);
            }
            Happening::Join(person, list) => {
                self.ledger.subscriptions.insert((list.clone(), *person));
            }
            Happening::Leave(person, list) => {
                self.ledger.subscriptions.remove(&(list.clone(), *person));
            }
            Happening::Down => self.is_up = false,
            Happening::Up => self.restart(at),
            Happening::RelayDown => self.relay_is_up = false,
            Happening::RelayUp => self.relay_is_up = true,
            Happening::Clock(by) => self.skew += *by,
            Happening::Resume => {
                let now = self.now(at);
                self.ledger.resume(now);
                self.history = None;
            }
        }
        let told = if let Happening::File(id, Some(draft)) = happening {
            format!("file {id} {}", draft.source.replace('\n', "; "))
        } else {
            format!("{happening:?}")
        };
        self.tell(at, &told);
    }

    fn tell(&mut self, at: At, what: &str) {
        self.log.lines.push(format!("{} {what}", at.format("%Y-%m-%dT%H:%M:%S%.3fZ")));
    }

    fn now(&self, at: At) -> At {
        (at + self.skew).trunc_subsecs(3)
    }

    fn restart(&mut self, at: At) {
        self.is_up = true;
        self.history = None;
        self.stalled.clear();
        if self.world.is_alone {
            let now = self.now(at);
            self.ledger.release_all(now);
        }
        self.tell(at, "restart");
    }

    // Often or rarely, as the seed says, when anything may break at all.
    fn breaks(&mut self) -> bool {
        !self.world.is_calm && self.chance.one_in(self.world.frailty)
    }

    fn next_at(&mut self, at: At, is_lazy: bool) -> At {
        let soon = if is_lazy { TimeDelta::seconds(self.chance.between(1, 60)) } else { TimeDelta::days(5) };
        let extra = at + soon.min(TimeDelta::seconds(self.chance.between(1, 86_400 * 4)));
        if !self.is_up {
            return extra;
        }
        // A crash may have lost what was known.
        let Some(history) = &self.history else { return at + TimeDelta::seconds(1) };
        let due = plan::next_due(&self.world.config, &self.drafts, history).filter(|_| !self.ledger.is_held);
        let delivery = self.ledger.next_delivery_at(self.now(at)).filter(|_| !self.ledger.is_held);
        let due = due.map(|due| due - self.skew);
        let delivery = delivery.map(|due| due - self.skew);
        due.into_iter().chain(delivery).chain([extra]).min().unwrap()
    }

    fn look(&mut self, at: At) {
        let now = self.now(at);
        let history = match self.history.take() {
            Some(history) => history,
            None => self.ledger.history(),
        };
        if history.planned_until - now > TimeDelta::minutes(5) {
            self.ledger.is_held = true;
        }
        if self.ledger.is_held {
            self.history = Some(history);
            return;
        }
        let entries = plan::due(&self.world.config, &self.drafts, &history, now);
        if self.breaks() {
            self.log.crashes += 1;
            return self.restart(at);
        }
        let is_quiet =
            |entry: &Entry| matches!(entry.step, Step::Skip(_) | Step::Miss(_) | Step::Open { .. });
        let before = (!entries.iter().all(is_quiet)).then(|| self.before());
        self.ledger.commit(&entries, now);
        let has_news = before.is_some();
        let mut told = String::new();
        for entry in &entries {
            write!(told, "\n    {}", crate::simulation::line(entry)).unwrap();
        }
        if !entries.is_empty() {
            self.tell(at, &format!("look at {} since {}{told}", now, history.planned_until));
        }
        let mut kept = history;
        let planned_until = kept.planned_until;
        kept.apply_all(&entries, now);
        self.log.looks.push(Look {
            now,
            planned_until,
            drafts: self.drafts.clone(),
            entries,
            before,
            mails_before: self.log.mails.len(),
        });
        if has_news {
            let again = plan::due(&self.world.config, &self.drafts, &kept, now);
            assert!(again.is_empty(), "the same question again was answered with {}", again[0].key());
        }
        if self.log.looks.len().is_multiple_of(16) {
            same_history(&kept, &self.ledger.history());
        }
        if self.breaks() {
            self.log.crashes += 1;
            return self.restart(at);
        }
        self.history = (!self.chance.one_in(8)).then_some(kept);
        if self.history.is_none() {
            self.history = Some(self.ledger.history());
        }
        if self.world.is_calm {
            self.compare_or_foretell(now);
        }
    }

    fn before(&self) -> Before {
        let of = |is_one: fn(&Delivery) -> bool| {
            let deliveries = self.ledger.deliveries.iter().filter(move |(_, delivery)| is_one(delivery));
            deliveries.map(|(key, _)| *key).collect()
        };
        Before {
            subscriptions: self.ledger.subscriptions.clone(),
            tried: of(|delivery| delivery.attempts > 0),
            waiting: of(|delivery| delivery.state == State::Due && delivery.lane == 0),
        }
    }

    fn deliver(&mut self, at: At) {
        let now = self.now(at);
        if self.ledger.is_held {
            return;
        }
        let (late, waiting) =
            std::mem::take(&mut self.stalled).into_iter().partition(|(until, ..)| *until <= at);
        self.stalled = waiting;
        for (_, claim, outcome, next) in late {
            self.ledger.record(&claim, Some(outcome), next, now);
        }
        for (lane, _) in LANES {
            loop {
                let claims = self.ledger.claim(lane, 3, LEASE, now);
                if claims.is_empty() {
                    break;
                }
                for claim in claims {
                    if self.breaks() {
                        self.log.crashes += 1;
                        return self.restart(at);
                    }
                    if !self.send(&claim, lane, at, now) {
                        return self.restart(at);
                    }
                }
            }
        }
    }

    // False when the process died before it could record.
    fn send(&mut self, claim: &Claim, lane: i64, at: At, now: At) -> bool {
        let edition = self.ledger.editions[claim.key.0].sent.clone().unwrap();
        if edition.expires_at <= now {
            self.ledger.record(claim, None, Next::Done(State::Expired), now);
            return true;
        }
        let of_list = self.world.config.list(edition.audience.name()).and_then(|list| list.quiet.as_ref());
        let quiet = delivery::quiet(&edition.content, of_list);
        let goes_at = delivery::wake(quiet, now, now, Some(edition.expires_at));
        if goes_at > now {
            self.tell(at, &format!("quiet hours keep {} from {} until {goes_at}", claim.key.1, edition.id));
            self.ledger.release(claim, goes_at);
            return true;
        }
        let at_first = self.ledger.editions[claim.key.0].at;
        let revisions: Vec<_> =
            edition.content.members().iter().map(|member| self.ledger.revision(&member.notice)).collect();
        if delivery::is_superseded(&edition.content, at_first, edition.expires_at, &revisions) {
            self.tell(at, &format!("superseded for {} {}", claim.key.1, edition.id));
            self.ledger.record(claim, None, Next::Done(State::Superseded), now);
            return true;
        }
        let outcome = self.outcome();
        let arrives = match outcome {
            Outcome::Sent => true,
            Outcome::Uncertain => self.chance.one_in(2),
            Outcome::Deferred(_) | Outcome::Bounced(_) => false,
        };
        if arrives {
            let members = edition.content.members();
            let numbers: Vec<_> =
                members.iter().map(|m| (m.notice.clone(), self.ledger.latest(&m.notice).0)).collect();
            self.tell(at, &format!("mail to {} {} {numbers:?}", claim.key.1, edition.id));
            let ((edition, person), until) = (claim.key, edition.expires_at);
            self.log.mails.push(Mail { at: now, person, edition, numbers, until });
        } else {
            self.tell(at, &format!("try to {} {} {outcome:?}", claim.key.1, edition.id));
        }
        let policy =
            if matches!(edition.content, Content::Issue { .. }) && lane != 2 { &BULK } else { &URGENT };
        let standing = Standing {
            attempts: claim.attempts,
            expires_at: Some(edition.expires_at),
            seed: claim.key.0 as u64 * 31 + claim.key.1 as u64,
            quiet,
        };
        let next = delivery::next(policy, &standing, &answer(outcome), now);
        let crashes = self.breaks();
        let stalls = !crashes && self.breaks();
        if arrives && (crashes || stalls || outcome == Outcome::Uncertain) {
            *self.log.faults.entry(claim.key).or_default() += 1;
        }
        if crashes {
            self.log.crashes += 1;
            self.tell(at, "crash before the receipt");
            return false;
        }
        if stalls {
            let until = at + TimeDelta::minutes(self.chance.between(1, 120));
            self.stalled.push((until, claim.clone(), outcome, next));
        } else {
            self.ledger.record(claim, Some(outcome), next, now);
        }
        true
    }

    fn outcome(&mut self) -> Outcome {
        if !self.relay_is_up {
            return Outcome::Deferred(Fault::Route);
        }
        if self.world.is_calm {
            return Outcome::Sent;
        }
        match self.chance.between(1, 60) {
            1 => Outcome::Bounced(Fault::Recipient),
            2..=4 => Outcome::Deferred(Fault::Recipient),
            5 => Outcome::Uncertain,
            _ => Outcome::Sent,
        }
    }
}

fn answer(outcome: Outcome) -> Answer {
    Answer {
        outcome,
        code: None,
        enhanced: None,
        text: String::new(),
        retry_after: None,
        took: Duration::ZERO,
    }
}

/// What the ledger tells after a restart is what a process knew.
pub fn same_history(kept: &History, read: &History) {
    let facts = |history: &History| {
        let revisions: BTreeMap<_, _> = history
            .revisions
            .iter()
            .map(|(id, r)| {
                let times = (r.published_at, r.appeared_at, r.updated_at, r.revised_at);
                (id.clone(), (r.number, r.sequence, times, r.draft.digest, format!("{:?}", r.changes)))
            })
            .collect();
        (revisions, history.began_at, history.planned_until)
    };
    assert_eq!(facts(kept), facts(read), "revisions and marks read back");
    assert_eq!(kept.settled, read.settled, "editions read back");
    assert_eq!(kept.carries_since, read.carries_since, "openings read back");
    assert_eq!(kept.carried, read.carried, "what was carried, read back");
    assert_eq!(kept.told, read.told, "who was told, read back");
}
