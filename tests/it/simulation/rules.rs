//! Rules: what must be true of every history.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use handbill::delivery::State;
use handbill::edition::{Audience, Content, Edition, Reach};
use handbill::notice::NoticeId;
use handbill::plan::Step;
use handbill::revision::Revision;

use crate::simulation::ledger::{Row, is_open};
use crate::simulation::line;
use crate::simulation::model::Model;
use crate::simulation::service::{Look, Service, same_history};
use crate::simulation::world::{Happening, Outlet, Person, World};

/// Each look answered what the slow model says.
pub fn looks_are_right(world: &World, service: &Service<'_>) {
    let mut model = Model::new(world, &service.log.began);
    for look in &service.log.looks {
        let expected = model.expected(look);
        let mut answered: Vec<String> = look.entries.iter().map(line).collect();
        assert!(look.entries.is_sorted_by_key(|entry| entry.at), "entries stand in the order of their times");
        answered.sort();
        let difference = crate::simulation::difference(&expected, &answered);
        let (now, since) = (look.now, look.planned_until);
        assert!(
            answered == expected,
            "what was due at {now} since {since}, and what was answered:\n{difference}"
        );
        quiet_hours_are_kept(world, &model, look);
    }
    // Retries and what an outage held up, too.
    for mail in &service.log.mails {
        let edition = service.ledger.editions[mail.edition].sent.as_ref().unwrap();
        could_not_wait(world, &model, edition, mail.at, mail.until);
    }
}

// What goes out in the night had no other time left.
fn quiet_hours_are_kept(world: &World, model: &Model<'_>, look: &Look) {
    for edition in look.entries.iter().filter_map(|entry| sent(&entry.step)) {
        could_not_wait(world, model, edition, edition.due_at.max(look.now), edition.expires_at);
    }
}

fn could_not_wait(
    world: &World,
    model: &Model<'_>,
    edition: &Edition,
    goes_at: DateTime<Utc>,
    until: DateTime<Utc>,
) {
    let outlet = outlet(world, edition);
    if matches!(edition.content, Content::Correction(..)) || !model.is_quiet(outlet, goes_at) {
        return;
    }
    let mut at = goes_at;
    while at < until {
        assert!(
            model.is_quiet(outlet, at),
            "{} went out at {goes_at} and could have waited until {at}",
            edition.id
        );
        at += TimeDelta::minutes(1);
    }
}

fn outlet<'w>(world: &'w World, edition: &Edition) -> &'w Outlet {
    world.lists.iter().find(|outlet| outlet.name == edition.audience.name()).unwrap()
}

fn sent(step: &Step) -> Option<&Edition> {
    match step {
        Step::Send(edition) => Some(edition),
        Step::Revise(_) | Step::Open { .. } | Step::Skip(_) | Step::Miss(_) => None,
    }
}

fn revised(step: &Step) -> Option<&Revision> {
    match step {
        Step::Revise(revision) => Some(revision),
        Step::Send(_) | Step::Open { .. } | Step::Skip(_) | Step::Miss(_) => None,
    }
}

/// Nobody gets anything twice, but for the copies of a crash; those bear the same Message-ID.
pub fn each_person_once(service: &Service<'_>) {
    let mut by_key: BTreeMap<(Person, &str), BTreeMap<usize, u32>> = BTreeMap::new();
    for mail in &service.log.mails {
        let row = &service.ledger.editions[mail.edition];
        // A target has no other list to get it by.
        let key = if mail.person == 0 { row.id.as_str() } else { &row.once_key };
        *by_key.entry((mail.person, key)).or_default().entry(mail.edition).or_default() += 1;
    }
    for ((person, key), copies) in by_key {
        assert_eq!(copies.len(), 1, "{person} got {key} by two editions, with two Message-IDs");
        for (edition, count) in copies {
            let faults = service.log.faults.get(&(edition, person)).copied().unwrap_or(0);
            assert!(count <= 1 + faults, "{person} got {key} {count} times after {faults} faults");
        }
    }
}

/// Everybody on a list when an edition was planned has a delivery of it, and each delivery an end.
pub fn nobody_is_forgotten(world: &World, service: &Service<'_>) {
    let ledger = &service.ledger;
    for look in &service.log.looks {
        let Some(before) = &look.before else { continue };
        for edition in look.entries.iter().filter_map(|entry| sent(&entry.step)) {
            let Audience::List(list) = &edition.audience else { continue };
            if matches!(edition.content, Content::Correction(..)) {
                continue;
            }
            let once_key = edition.content.once_key(&edition.audience);
            for (_, person) in before.subscriptions.iter().filter(|(name, _)| name == list) {
                assert!(ledger.has_once(*person, &once_key), "{person} was forgotten by {}", edition.id);
            }
        }
    }
    let entries = service.log.looks.iter().flat_map(|look| &look.entries);
    let revisions: Vec<&Revision> = entries.filter_map(|entry| revised(&entry.step)).collect();
    let got: BTreeSet<(usize, Person)> =
        service.log.mails.iter().map(|mail| (mail.edition, mail.person)).collect();
    for (key, delivery) in &ledger.deliveries {
        let edition = ledger.editions[key.0].sent.as_ref().unwrap();
        let told = format!("{} to {} is {:?}", edition.id, key.1, delivery.state);
        match delivery.state {
            State::Sent => assert!(got.contains(key), "{told}, and yet never arrived"),
            State::Due | State::Claimed => {
                // What an outage of days held up, and what breaks at every few steps, takes some hours.
                let is_over = |(_, it): &&(DateTime<Utc>, Happening)| {
                    matches!(it, Happening::Up | Happening::RelayUp | Happening::Resume)
                };
                let last = world.script.iter().rfind(is_over).map_or(world.from, |(at, _)| *at);
                let had_time = service.end() - last > TimeDelta::hours(12);
                let is_for_later = delivery.due_at >= service.end() || service.is_under_way(*key);
                assert!(!service.is_running() || is_for_later || !had_time, "{told} at the end");
            }
            State::Bounced | State::Uncertain => assert!(!world.is_calm, "{told} on a calm day"),
            State::Expired => assert!(!world.is_calm, "{told} on a calm day"),
            State::Dropped => panic!("{told}, and nobody was asked"),
            State::Superseded => {
                let withdrew =
                    |notice: &NoticeId| revisions.iter().any(|it| it.id() == notice && is_withdrawn(it));
                let may_be = edition.content.members().iter().any(|member| withdrew(&member.notice));
                assert!(may_be || matches!(edition.content, Content::Reminder(..)), "{told}");
            }
            State::Left => assert!(key.1 != 0, "{told}"),
        }
    }
}

fn is_withdrawn(revision: &Revision) -> bool {
    revision.notice().withdrawn.is_some()
}

/// Who left one of two lists that tell the same still gets it by the other.
pub fn who_left_one_list_hears_by_the_other(service: &Service<'_>) {
    let editions = &service.ledger.editions;
    for ((number, person), lists) in &service.ledger.left {
        let once_key = &editions[*number].once_key;
        let by_other = editions.iter().enumerate().find(|(other, row)| {
            let list = row.sent.as_ref().map(|edition| edition.audience.name());
            row.once_key == *once_key
                && other != number
                && list.is_some_and(|list| lists.iter().any(|on| on == list))
                && !service.ledger.deliveries.contains_key(&(*other, *person))
        });
        assert!(by_other.is_none(), "{person} left, and never got {}", by_other.unwrap().1.id);
    }
}

/// Nothing goes out before its time, before its embargo or after its expiry.
pub fn nothing_at_a_wrong_time(world: &World, service: &Service<'_>) {
    let first: BTreeMap<_, _> = service
        .log
        .looks
        .iter()
        .flat_map(|look| &look.entries)
        .filter_map(|entry| revised(&entry.step))
        .filter(|revision| revision.number == 0)
        .filter_map(|revision| Some((revision.id(), revision.notice().publish_at.as_ref()?.at)))
        .collect();
    // A clock that was set back is before what it showed once.
    let may_be_early = world.script.iter().any(|(_, it)| matches!(it, Happening::Clock(_)));
    for mail in &service.log.mails {
        let edition = service.ledger.editions[mail.edition].sent.as_ref().unwrap();
        assert!(mail.at < edition.expires_at, "{} went out at {}, too late", edition.id, mail.at);
        assert!(
            may_be_early || edition.due_at <= mail.at,
            "{} went out at {}, too early",
            edition.id,
            mail.at
        );
        for (notice, _) in &mail.numbers {
            let embargo = first.get(notice).copied().unwrap_or(DateTime::<Utc>::MIN_UTC);
            assert!(may_be_early || embargo <= mail.at, "{} broke the embargo {embargo}", edition.id);
        }
    }
}

/// Those who were told hear of a change, and who takes alerts hears of one of an action ahead; nobody else does, and
/// nobody is reminded of what does not take place or is at another time by now.
pub fn corrections_reach_whom_they_concern(service: &Service<'_>) {
    let ledger = &service.ledger;
    let entries = service.log.looks.iter().flat_map(|look| &look.entries);
    let revisions: BTreeMap<_, _> =
        entries.filter_map(|e| revised(&e.step)).map(|r| ((r.id().clone(), r.number), r)).collect();
    for mail in &service.log.mails {
        let edition = ledger.editions[mail.edition].sent.as_ref().unwrap();
        for member in mail.numbers.iter().filter(|_| matches!(edition.content, Content::Reminder(..))) {
            assert!(!is_withdrawn(revisions[member]), "{} went to {}", edition.id, mail.person);
            let event = revisions[member].notice().event().unwrap();
            let (status, starts) = match edition.content.date() {
                Some(key) => event.date(key).map(|date| (date.status, &date.starts)).unwrap(),
                None => (event.status, &event.starts),
            };
            assert!(
                status.takes_place(),
                "{} went to {} for an action that is {status:?}",
                edition.id,
                mail.person
            );
            assert_eq!(
                starts.at, edition.expires_at,
                "{} went to {} for another start",
                edition.id, mail.person
            );
        }
    }
    for look in &service.log.looks {
        let Some(before) = &look.before else { continue };
        for revision in look.entries.iter().filter_map(|entry| revised(&entry.step)) {
            let Some(change) = revision.change() else { continue };
            let key = format!("correction/{}/{}", revision.id(), change.sequence);
            let carries = |number: usize| {
                let edition = ledger.editions[number].sent.as_ref();
                edition.is_some_and(|e| e.content.members().iter().any(|m| m.notice == *revision.id()))
            };
            let (old, new) = service.log.mails.split_at(look.mails_before);
            let carried = old.iter().filter(|mail| carries(mail.edition));
            let told: BTreeSet<Person> = carried.map(|mail| mail.person).collect();
            let corrections = || {
                ledger
                    .editions
                    .iter()
                    .enumerate()
                    .filter(|(_, row)| row.once_key == key && row.sent.is_some())
            };
            for (number, row) in corrections() {
                let people =
                    ledger.deliveries.range((number, 1)..=(number, Person::MAX)).map(|(key, _)| key.1);
                for person in people {
                    let tried = |(number, other): &(usize, Person)| *other == person && carries(*number);
                    assert!(
                        row.sent.as_ref().unwrap().reach == Reach::Following
                            || before.tried.iter().any(tried),
                        "{} went to {person}, who was told nothing",
                        row.id
                    );
                }
            }
            let tells = |list: &str| {
                let mut editions = corrections().map(|(_, row)| row.sent.as_ref().unwrap());
                editions.any(|it| it.audience.name() == list)
            };
            let follow = |list: &str| {
                let mut editions = corrections().map(|(_, row)| row.sent.as_ref().unwrap());
                editions.any(|it| it.reach == Reach::Following && it.audience.name() == list)
            };
            let following = before.subscriptions.iter().filter(|(list, _)| follow(list));
            let following: BTreeSet<Person> = following.map(|(_, person)| *person).collect();
            // What waited says it, too, whatever became of it, if it was of use as long.
            let waited = |person: Person| {
                before.waiting.iter().any(|waiting @ (number, other)| {
                    let edition = ledger.editions[*number].sent.as_ref().unwrap();
                    let is_new_to_them = !told.contains(&person);
                    let is_of_use = is_new_to_them
                        || corrections()
                            .all(|(_, row)| row.sent.as_ref().unwrap().expires_at <= edition.expires_at);
                    *other == person
                        && carries(*number)
                        && is_of_use
                        && match ledger.deliveries[waiting].state {
                            State::Bounced | State::Expired | State::Uncertain | State::Superseded => true,
                            // Then by another list, if they were on one that tells of it.
                            State::Left => {
                                let once_key = &ledger.editions[*number].once_key;
                                let stayed = ledger.left.iter().find(|(key, _)| key == waiting);
                                ledger.deliveries_of(person, once_key).count() > 1
                                    || stayed.is_some_and(|(_, lists)| !lists.iter().any(|list| tells(list)))
                            }
                            State::Due | State::Claimed | State::Sent | State::Dropped => false,
                        }
                })
            };
            for person in told.union(&following).copied() {
                let is_on = |row: &Row| {
                    let list = row.sent.as_ref().unwrap().audience.name().to_owned();
                    before.subscriptions.contains(&(list, person))
                };
                let is_owed = person != 0 && corrections().any(|(_, row)| is_on(row));
                let hears =
                    corrections().any(|(number, _)| ledger.deliveries.contains_key(&(number, person)));
                let hears_later = new.iter().any(|mail| mail.person == person && carries(mail.edition));
                let may_hear = ledger.deliveries.iter().any(|((number, other), delivery)| {
                    *other == person && carries(*number) && is_open(delivery.state)
                });
                assert!(
                    !is_owed || hears || hears_later || may_hear || waited(person),
                    "{person} never hears of {key}"
                );
            }
        }
    }
}

/// What a process would read after the last look is what the last one knew.
pub fn the_ledger_keeps_the_history(service: &Service<'_>) {
    if let Some(kept) = service.kept() {
        same_history(kept, &service.ledger.history());
    }
}
