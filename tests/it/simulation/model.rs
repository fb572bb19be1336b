//! Model: what has to be due at each look, said again from the rules by walking the clock in small steps. It
//! knows neither the cron library nor the schedule's modules but for the offset of a zone at an instant.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Timelike, Utc};

use handbill::notice::date::Date;
use handbill::notice::{Notice, NoticeId, Notify, Place, Status};
use handbill::revision::Draft;
use handbill::schedule::zone::{Moment, Zone};

use crate::simulation::service::Look;
use crate::simulation::world::{Line, Outlet, World, span_text};

type At = DateTime<Utc>;

/// By outlet and date: when each reminder is due, how near it is to the start, and its key.
type Reminders = BTreeMap<(String, String), Vec<(At, i64, String)>>;

pub struct Model<'w> {
    world: &'w World,
    cuts: BTreeMap<String, BTreeMap<At, NaiveDateTime>>,
    known: BTreeMap<NoticeId, Known>,
    settled: BTreeSet<String>,
    since: BTreeMap<String, At>,
    carried: BTreeSet<(String, NoticeId)>,
    told: BTreeSet<(String, NoticeId)>,
}

struct Known {
    draft: Draft,
    number: u32,
    sequence: u32,
    /// When it came here, and the date that it bears.
    appeared: At,
    dated: At,
    /// Since when each date is known to take place at its time; the only one is called "".
    stand_since: BTreeMap<String, At>,
    was_ever_on: bool,
    /// Whether people were told that it is taken back.
    is_told_off: bool,
    /// When this state of it came here, a reveal included.
    revised: At,
    /// What stood before it was taken back, and since when.
    stood: Option<(Draft, At)>,
    reminders: Reminders,
}

/// One date as people go there.
#[derive(Clone, PartialEq)]
struct Gathering {
    start: Moment,
    ends: Option<At>,
    over_at: At,
    status: Status,
    place: Option<(String, Option<String>)>,
    is_elsewhere: bool,
}

struct News {
    id: NoticeId,
    at: At,
    is_news: bool,
    /// Whether lists hear of the change, and whether targets do.
    hear: (bool, bool),
    /// Whether it is of what people go by, which is of no use after the start.
    is_of_facts: bool,
    /// The last start of what changed, said before or now.
    last_end: Option<At>,
    /// Whether somebody may go there, as it was or as it is, who was told nothing.
    may_go: bool,
    /// Whether it is taken back, or stands again.
    turns: bool,
}

impl<'w> Model<'w> {
    pub fn new(world: &'w World, began: &BTreeMap<NoticeId, Draft>) -> Self {
        let mut model = Self {
            world,
            cuts: cuts(world),
            known: BTreeMap::new(),
            settled: BTreeSet::new(),
            since: BTreeMap::new(),
            carried: BTreeSet::new(),
            told: BTreeSet::new(),
        };
        model.revise(began, world.from, world.from, &mut Vec::new());
        model
    }

    /// What a look has to answer, one line for each entry, sorted.
    pub fn expected(&mut self, look: &Look) -> Vec<String> {
        let mut lines = Vec::new();
        let news = self.revise(&look.drafts, look.planned_until, look.now, &mut lines);
        let told = self.told.clone();
        for news in &news {
            self.announce(news, &told, look.now, &mut lines);
        }
        for outlet in &self.world.lists {
            if let Some(line) = &outlet.line {
                self.issue(outlet, line, look, &mut lines);
            }
            for id in self.known.keys().cloned().collect::<Vec<_>>() {
                self.remind(outlet, &id, look, &mut lines);
            }
        }
        lines.sort();
        lines
    }

    fn revise(
        &mut self,
        drafts: &BTreeMap<NoticeId, Draft>,
        planned_until: At,
        now: At,
        lines: &mut Vec<String>,
    ) -> Vec<News> {
        let mut all = Vec::new();
        let gone = self.known.iter().filter(|(id, _)| !drafts.contains_key(*id));
        let kept: Vec<(NoticeId, Draft)> =
            gone.map(|(id, known)| (id.clone(), known.draft.clone())).collect();
        for (id, draft) in drafts.iter().chain(kept.iter().map(|(id, it)| (id, it))) {
            let embargo = draft.notice.publish_at.as_ref().map(|moment| moment.at);
            let mut news = News {
                id: id.clone(),
                at: now,
                is_news: true,
                hear: (false, false),
                is_of_facts: false,
                last_end: None,
                may_go: false,
                turns: false,
            };
            let is_withdrawn = draft.notice.withdrawn.is_some();
            let on = status(&draft.notice) != Some(Status::Cancelled) && !is_withdrawn;
            match self.known.get_mut(id) {
                None if embargo.is_some_and(|embargo| embargo > now) || is_withdrawn => continue,
                None => {
                    news.at = embargo.filter(|embargo| *embargo > planned_until).unwrap_or(now);
                    // What was hidden then and is not any more is shown from the first on.
                    let is_revealed = hidden_until(&draft.notice).is_some_and(|at| news.at < at && at <= now);
                    let known = Known {
                        draft: draft.clone(),
                        number: 0,
                        sequence: 0,
                        appeared: news.at,
                        dated: embargo.map_or(news.at, |embargo| embargo.min(news.at)),
                        stand_since: gatherings(&draft.notice)
                            .into_keys()
                            .map(|key| (key, news.at))
                            .collect(),
                        was_ever_on: on,
                        is_told_off: false,
                        revised: if is_revealed { now } else { news.at },
                        stood: None,
                        reminders: BTreeMap::new(),
                    };
                    self.known.insert(id.clone(), known);
                }
                Some(known) => {
                    let is_edited = known.draft.source != draft.source;
                    let revealed = hidden_until(&known.draft.notice)
                        .filter(|at| *at > known.revised && *at <= now && !is_edited && !is_withdrawn);
                    if !is_edited && revealed.is_none() {
                        continue;
                    }
                    news.at = revealed.filter(|at| *at > planned_until).unwrap_or(now);
                    let was_withdrawn = known.draft.notice.withdrawn.is_some();
                    let turns = was_withdrawn != is_withdrawn;
                    // Of what stands again all that differs from what stood.
                    let (old, seen) = match (&known.stood, was_withdrawn) {
                        (Some((stood, seen)), true) => (stood.notice.clone(), *seen),
                        (_, _) => (known.draft.notice.clone(), known.revised),
                    };
                    let changed = match is_withdrawn {
                        false => changed((&old, gatherings_at(&old, seen)), &draft.notice, news.at, seen),
                        true => BTreeMap::new(),
                    };
                    let said = !is_withdrawn
                        && draft.notice.changed.is_some()
                        && draft.notice.changed != old.changed;
                    if is_withdrawn && !was_withdrawn {
                        known.stood = Some((known.draft.clone(), known.revised));
                    }
                    let is_material = turns || !changed.is_empty() || said;
                    let wish = draft.notice.notify.filter(|_| is_edited);
                    let is_told = match wish {
                        Some(Notify::Silent) => false,
                        Some(Notify::Alert) => is_material,
                        None => !changed.is_empty() || (turns && known.is_told_off),
                    };
                    known.is_told_off = is_withdrawn && (is_told || known.is_told_off);
                    news.hear = (is_told, is_told || turns);
                    let states = [&known.draft.notice, &draft.notice];
                    news.may_go = states.into_iter().any(|notice| is_gone_to(notice, now));
                    news.turns = turns;
                    news.is_of_facts = !changed.is_empty() && !said && !turns;
                    news.last_end = changed.values().map(|change| change.last_end).max();
                    news.is_news = !known.was_ever_on && on;
                    for (key, _) in changed.iter().filter(|(_, change)| change.is_anew) {
                        known.stand_since.insert(key.clone(), news.at);
                    }
                    for key in gatherings(&draft.notice).into_keys() {
                        if was_withdrawn && !is_withdrawn {
                            known.stand_since.insert(key.clone(), news.at);
                        }
                        known.stand_since.entry(key).or_insert(news.at);
                    }
                    known.number += 1;
                    known.sequence += u32::from(is_material);
                    known.was_ever_on |= on;
                    known.revised = news.at;
                    known.draft = draft.clone();
                }
            }
            let reminders = self.reminders(id);
            self.known.get_mut(id).unwrap().reminders = reminders;
            let known = &self.known[id];
            lines.push(format!("{} revise {id} to {} sequence {}", news.at, known.number, known.sequence));
            all.push(news);
        }
        all
    }

    fn announce(
        &mut self,
        news: &News,
        told: &BTreeSet<(String, NoticeId)>,
        now: At,
        lines: &mut Vec<String>,
    ) {
        let known = &self.known[&news.id];
        let notice = &*known.draft.notice;
        if known.dated <= self.world.from {
            return;
        }
        let last = gatherings(notice).values().map(|date| date.start.at).max();
        let member = format!("{}.{}", news.id, known.number);
        let mut found = Vec::new();
        for outlet in &self.world.lists {
            let name = &outlet.name;
            let is_at_once = outlet.line.is_none();
            let hears = if outlet.is_target { news.hear.1 } else { news.hear.0 };
            if news.is_news
                && status(notice) != Some(Status::Cancelled)
                && is_at_once
                && takes(outlet, notice)
            {
                let until = last.unwrap_or(news.at + TimeDelta::days(7));
                let soonest = news.at.max(now);
                let waits_until = self.awake(outlet, soonest, soonest, until);
                let due = if waits_until == soonest { news.at } else { waits_until };
                found.push((format!("alert/{name}/{}", news.id), name, due, until, ""));
            } else if !news.is_news && hears {
                let is_for_all =
                    news.may_go && !news.turns && is_at_once && !outlet.is_target && takes(outlet, notice);
                if !is_for_all && !told.contains(&(name.clone(), news.id.clone())) {
                    continue;
                }
                let week = news.at + TimeDelta::days(7);
                let until = if news.is_of_facts { news.last_end.unwrap() } else { week };
                let key = format!("correction/{name}/{}/{}", news.id, known.sequence);
                let to = match is_for_all {
                    _ if notice.withdrawn.is_some() => " to ToldAnyway",
                    true => " to Following",
                    false => " to Told",
                };
                found.push((key, name, news.at, until, to));
            }
        }
        for (key, name, due, until, to) in found {
            if until <= now {
                self.put(lines, news.at, "miss", &key, "");
            } else if self.put(
                lines,
                news.at,
                "send",
                &key,
                &format!(" due {due} until {until} {member}{to}"),
            ) {
                self.told.insert((name.clone(), news.id.clone()));
            }
        }
    }

    fn put(&mut self, lines: &mut Vec<String>, at: At, word: &str, key: &str, rest: &str) -> bool {
        let is_new = self.settled.insert(key.to_owned());
        if is_new {
            lines.push(format!("{at} {word} {key}{rest}"));
        }
        is_new
    }

    fn issue(&mut self, outlet: &Outlet, line: &Line, look: &Look, lines: &mut Vec<String>) {
        let name = &outlet.name;
        let cuts = &self.cuts[name];
        let window = (std::ops::Bound::Excluded(look.planned_until), std::ops::Bound::Included(look.now));
        if !self.since.contains_key(name) {
            let first = *cuts.keys().find(|at| **at > look.planned_until).unwrap();
            lines.push(format!("{} open {name} since {}", look.now, first - line.period));
            self.since.insert(name.clone(), first - line.period);
        }
        let due: Vec<(At, NaiveDateTime)> = if look.planned_until < look.now {
            cuts.range(window).map(|(a, b)| (*a, *b)).collect()
        } else {
            Vec::new()
        };
        let Some(((at, nominal), missed)) = due.split_last() else { return };
        let key = |nominal: &NaiveDateTime| format!("issue/{name}/{}", nominal.format("%Y-%m-%dT%H:%M"));
        for (at, nominal) in missed {
            self.put(lines, *at, "miss", &key(nominal), "");
        }
        if look.now - *at > line.grace {
            self.put(lines, *at, "miss", &key(nominal), "");
            return;
        }
        let until = *at + TimeDelta::days(30);
        let soonest = (*at).max(look.now);
        let goes = self.awake(outlet, soonest, soonest, until);
        let due = if goes == soonest { *at } else { goes };
        let mut members: Vec<(At, &NoticeId, u32)> = Vec::new();
        for (id, known) in &self.known {
            let notice = &*known.draft.notice;
            let is_over = over_at(notice).is_some_and(|over_at| over_at <= goes);
            let is_cancelled = status(notice) == Some(Status::Cancelled) || notice.withdrawn.is_some();
            let is_in_time = known.appeared <= *at && known.appeared > self.since[name];
            let is_carried = self.carried.contains(&(name.clone(), id.clone()));
            let is_young = known.dated > self.world.from;
            if is_in_time && is_young && !is_carried && !is_over && !is_cancelled && takes(outlet, notice) {
                members.push((known.dated, id, known.number));
            }
        }
        members.sort();
        let members: Vec<(NoticeId, u32)> = members.into_iter().map(|(_, id, n)| (id.clone(), n)).collect();
        if members.is_empty() {
            self.put(lines, *at, "skip", &key(nominal), "");
            return;
        }
        let told: String = members.iter().map(|(id, number)| format!(" {id}.{number}")).collect();
        if self.put(lines, *at, "send", &key(nominal), &format!(" due {due} until {until}{told}")) {
            for (id, _) in members {
                self.carried.insert((name.clone(), id.clone()));
                self.told.insert((name.clone(), id));
            }
        }
    }

    fn remind(&mut self, outlet: &Outlet, id: &NoticeId, look: &Look, lines: &mut Vec<String>) {
        let known = &self.known[id];
        let is_withdrawn = known.draft.notice.withdrawn.is_some();
        if is_withdrawn || known.dated <= self.world.from || !takes(outlet, &known.draft.notice) {
            return;
        }
        for (key, date) in gatherings(&known.draft.notice) {
            if !matches!(date.status, Status::Cancelled | Status::Postponed) {
                self.remind_of(outlet, id, (&key, date.start.at), look, lines);
            }
        }
    }

    fn remind_of(
        &mut self,
        outlet: &Outlet,
        id: &NoticeId,
        (date, start): (&str, At),
        look: &Look,
        lines: &mut Vec<String>,
    ) {
        let known = &self.known[id];
        let member = format!("{id}.{}", known.number);
        let is_open = |(at, _, key): &&(At, i64, String)| {
            *at > look.planned_until && *at > known.stand_since[date] && !self.settled.contains(key)
        };
        let of_outlet = known.reminders.get(&(outlet.name.clone(), date.to_owned())).into_iter().flatten();
        let mut open: Vec<(At, i64, String)> = of_outlet.filter(is_open).cloned().collect();
        open.sort();
        let mut due: Vec<_> = open.iter().filter(|(at, ..)| *at <= look.now).cloned().collect();
        let Some((at, _, key)) = due.pop() else { return };
        for (at, _, key) in due {
            self.put(lines, at, "miss", &key, "");
        }
        let soonest = at.max(look.now);
        let goes = self.awake(outlet, soonest, soonest, start);
        let due = if goes == soonest { at } else { goes };
        let is_overtaken = open.iter().any(|(next, ..)| *next > look.now && *next <= due);
        if is_overtaken || start <= look.now {
            self.put(lines, at, "miss", &key, "");
        } else if self.put(lines, at, "send", &key, &format!(" due {due} until {start} {member}")) {
            self.told.insert((outlet.name.clone(), id.clone()));
        }
    }

    fn reminders(&self, id: &NoticeId) -> Reminders {
        let known = &self.known[id];
        let mut reminders = BTreeMap::new();
        for (outlet, (key, date)) in
            self.world.lists.iter().flat_map(|outlet| {
                gatherings(&known.draft.notice).into_iter().map(move |date| (outlet, date))
            })
        {
            let of = if key.is_empty() { String::new() } else { format!("/{key}") };
            let one = |span: &(i64, i64)| {
                let asked = before(&date.start, *span);
                let at = self.awake(outlet, asked, known.stand_since[&key], date.start.at);
                // A day is farther than 24 hours, when both are the same.
                let far = (span.0 * 86_400 + span.1) * 2 + i64::from(span.0 > 0);
                (at, -far, format!("reminder/{}/{id}{of}/{}", outlet.name, span_text(*span)))
            };
            let all = outlet.remind.iter().map(one).collect();
            reminders.insert((outlet.name.clone(), key), all);
        }
        reminders
    }

    /// The end of the quiet hours around `at`; or if that is too late the last second before them, if that is
    /// not before `since`; or else the middle of the night.
    fn awake(&self, outlet: &Outlet, at: At, since: At, until: At) -> At {
        if !self.is_quiet(outlet, at) {
            return at;
        }
        let minute = at.with_second(0).and_then(|at| at.with_nanosecond(0)).unwrap();
        let mut end = minute;
        while self.is_quiet(outlet, end) {
            end += TimeDelta::minutes(1);
        }
        if end < until {
            return end;
        }
        let mut start = minute;
        while self.is_quiet(outlet, start - TimeDelta::minutes(1)) {
            start -= TimeDelta::minutes(1);
        }
        let last = start - TimeDelta::seconds(1);
        if last >= since { last } else { at }
    }

    pub fn is_quiet(&self, outlet: &Outlet, at: At) -> bool {
        let Some((from, until)) = outlet.quiet else { return false };
        let wall = at + TimeDelta::seconds(i64::from(self.world.zone.offset_seconds(at)));
        let minute = i64::from(wall.hour() * 60 + wall.minute());
        if from < until { from <= minute && minute < until } else { from <= minute || minute < until }
    }
}

// By the key of each date; the only one is called "".
fn gatherings(notice: &Notice) -> BTreeMap<String, Gathering> {
    gatherings_at(notice, At::MAX_UTC)
}

fn is_shown(place: &Place, at: At) -> bool {
    place.shown_from.as_ref().is_none_or(|from| from.at <= at)
}

fn place_at(place: Option<&Place>, at: At) -> Option<(String, Option<String>)> {
    place.filter(|place| is_shown(place, at)).map(|place| (place.name.clone(), place.meeting_point.clone()))
}

fn hidden_until(notice: &Notice) -> Option<At> {
    notice.event()?.place.as_ref()?.shown_from.as_ref().map(|from| from.at)
}

// The same with the places that were shown at a moment.
fn gatherings_at(notice: &Notice, at: At) -> BTreeMap<String, Gathering> {
    let Some(event) = notice.event() else { return BTreeMap::new() };
    let gathering = |starts: &Moment, ends: Option<&Moment>, status, place: Option<&Place>, is_elsewhere| {
        let ends = ends.map(|ends| ends.at);
        Gathering {
            start: starts.clone(),
            ends,
            over_at: ends.unwrap_or(starts.at + TimeDelta::hours(2)),
            status,
            place: place_at(place, at),
            is_elsewhere,
        }
    };
    if event.dates.is_empty() {
        let only = gathering(&event.starts, event.ends.as_ref(), event.status, event.place.as_ref(), false);
        return BTreeMap::from([(String::new(), only)]);
    }
    let one = |date: &Date| {
        let place = date.place.as_ref();
        let date_alone = gathering(&date.starts, date.ends.as_ref(), date.status, place, date.is_elsewhere);
        (date.key.to_string(), date_alone)
    };
    event.dates.iter().map(one).collect()
}

fn status(notice: &Notice) -> Option<Status> {
    let statuses: Vec<Status> = gatherings(notice).values().map(|date| date.status).collect();
    status_of(&statuses)
}

fn status_of(statuses: &[Status]) -> Option<Status> {
    let first = *statuses.first()?;
    let is_off = |status: &Status| matches!(status, Status::Cancelled | Status::Postponed);
    Some(match statuses {
        same if same.iter().all(|status| *status == first) => first,
        off if off.iter().all(is_off) => Status::Postponed,
        _ => Status::Scheduled,
    })
}

fn is_gone_to(notice: &Notice, now: At) -> bool {
    let is_off = status(notice) == Some(Status::Cancelled) || notice.withdrawn.is_some();
    !is_off && over_at(notice).is_some_and(|over_at| now < over_at)
}

// Of several dates the last that is not cancelled.
fn over_at(notice: &Notice) -> Option<At> {
    let dates = gatherings(notice);
    let ends = |is_kept: fn(&Gathering) -> bool| {
        dates.values().filter(|date| is_kept(date)).map(|date| date.over_at).max()
    };
    ends(|date| date.status != Status::Cancelled).or_else(|| ends(|_| true))
}

/// What became of a date.
struct Changed {
    last_end: At,
    is_anew: bool,
}

// By date, those of which people have to be told. What is over, before and now, is not told; the only date of an
// action that has no other is told whenever it changes.
fn changed(
    (old, before): (&Notice, BTreeMap<String, Gathering>),
    new: &Notice,
    now: At,
    seen: At,
) -> BTreeMap<String, Changed> {
    let after = gatherings_at(new, now);
    let is_off = |date: &Gathering| matches!(date.status, Status::Cancelled | Status::Postponed);
    let is_over = |date: Option<&Gathering>| date.is_none_or(|date| date.over_at <= now);
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut changed = BTreeMap::new();
    let facts = |date: &Gathering| {
        let zone = date.start.zone.name().to_owned();
        (date.start.at, zone, date.status, date.ends, date.place.clone())
    };
    for key in keys {
        let (was, is) = (before.get(key), after.get(key));
        if !key.is_empty() && is_over(was) && is_over(is) || was.map(facts) == is.map(facts) {
            continue;
        }
        let last_end = was.into_iter().chain(is).map(|date| date.over_at).max().unwrap();
        let is_anew = match (was, is) {
            (Some(was), Some(is)) => {
                let zones = (was.start.zone.name(), is.start.zone.name());
                was.start.at != is.start.at || zones.0 != zones.1 || is_off(was) && was.status != is.status
            }
            (_, _) => true,
        };
        changed.insert(key.clone(), Changed { last_end, is_anew });
    }
    if is_of_all((old, &before, seen), (new, &after), &changed, now) {
        // Whoever goes to any of them is told.
        let ends = before.values().chain(after.values()).map(|date| date.over_at);
        let last = ends.max().unwrap();
        changed.values_mut().for_each(|change| change.last_end = last);
    }
    let (was, is) = statuses(&before, &after, &changed);
    if !changed.is_empty() && was != is && matches!(was, Some(Status::Cancelled | Status::Postponed)) {
        // All of them are on again, those that are over, too.
        for (key, date) in &after {
            let change = Changed { last_end: date.over_at, is_anew: true };
            changed.entry(key.clone()).and_modify(|change| change.is_anew = true).or_insert(change);
        }
    }
    changed
}

// Whether it is said of all of them at once: where those are that name no place, or that all are off, or on again.
fn is_of_all(
    (old, before, seen): (&Notice, &BTreeMap<String, Gathering>, At),
    (new, after): (&Notice, &BTreeMap<String, Gathering>),
    changed: &BTreeMap<String, Changed>,
    now: At,
) -> bool {
    let base = |notice: &Notice, at: At| place_at(notice.event().and_then(|event| event.place.as_ref()), at);
    let is_there = |date: &&Gathering| !date.is_elsewhere && date.over_at > now;
    let at_base = after.values().find(is_there);
    let is_moved = at_base.is_some() && base(old, seen) != base(new, now);
    let (was, is) = statuses(before, after, changed);
    is_moved || was != is
}

// Of all of them together, before and now.
fn statuses(
    before: &BTreeMap<String, Gathering>,
    after: &BTreeMap<String, Gathering>,
    changed: &BTreeMap<String, Changed>,
) -> (Option<Status>, Option<Status>) {
    let was = status_of(&before.values().map(|date| date.status).collect::<Vec<_>>());
    let told = changed.keys().filter_map(|key| after.get(key));
    let same = before.iter().filter(|(key, _)| !changed.contains_key(*key)).map(|(_, date)| date);
    (was, status_of(&told.chain(same).map(|date| date.status).collect::<Vec<_>>()))
}

fn takes(outlet: &Outlet, notice: &Notice) -> bool {
    let of_kind = outlet.kinds.is_empty() || outlet.kinds.contains(&notice.kind_name().as_str());
    of_kind && (outlet.tags.is_empty() || notice.tags.iter().any(|tag| outlet.tags.contains(&&*tag.slug)))
}

// Days on the wall clock, then seconds of waiting.
fn before(start: &Moment, (days, seconds): (i64, i64)) -> At {
    let (days, waiting) = (TimeDelta::days(days), TimeDelta::seconds(seconds));
    if days.is_zero() {
        return start.at - waiting;
    }
    let at = instant(start.wall - days, &start.zone) - waiting;
    // The day before is not there at all in a zone that left it out.
    if at < start.at { at } else { start.at - days - waiting }
}

// The first instant at which the clock shows `wall`; of one that it skips, with the offset before.
fn instant(wall: NaiveDateTime, zone: &Zone) -> At {
    let offset = |at: At| TimeDelta::seconds(i64::from(zone.offset_seconds(at)));
    let offsets: BTreeSet<TimeDelta> =
        (-120..=120).map(|quarter| offset(wall.and_utc() + TimeDelta::minutes(15 * quarter))).collect();
    let shown = offsets
        .iter()
        .rev()
        .map(|offset| wall.and_utc() - *offset)
        .find(|at| *at + offset(*at) == wall.and_utc());
    shown.unwrap_or_else(|| wall.and_utc() - *offsets.first().unwrap())
}

// All the cuts of each list, by walking the wall clock through every quarter of an hour.
fn cuts(world: &World) -> BTreeMap<String, BTreeMap<At, NaiveDateTime>> {
    let mut cuts: BTreeMap<String, BTreeMap<At, NaiveDateTime>> = BTreeMap::new();
    let quarter = TimeDelta::minutes(15);
    let first = world.from.timestamp() / 86_400 * 86_400;
    let mut at = DateTime::from_timestamp(first, 0).unwrap() - TimeDelta::days(2);
    let wall = |at: At| at.naive_utc() + TimeDelta::seconds(i64::from(world.zone.offset_seconds(at)));
    let mut highest = wall(at) - quarter;
    let mut fire = |nominal: NaiveDateTime, at: At, is_shown: bool| {
        for outlet in &world.lists {
            let Some(line) = &outlet.line else { continue };
            if matches(line, nominal) {
                let of_list = cuts.entry(outlet.name.clone()).or_default();
                if is_shown {
                    of_list.insert(at, nominal);
                } else {
                    of_list.entry(at).or_insert(nominal);
                }
            }
        }
    };
    while at < world.until + TimeDelta::days(140) {
        let shown = wall(at);
        let mut skipped = highest + quarter;
        let mut reads_as = at;
        while skipped < shown {
            fire(skipped, reads_as, false);
            skipped += quarter;
            reads_as += quarter;
        }
        if shown > highest {
            fire(shown, at, true);
            highest = shown;
        }
        at += quarter;
    }
    cuts
}

fn matches(line: &Line, wall: NaiveDateTime) -> bool {
    wall.minute() == line.minute
        && line.hours.contains(&wall.hour())
        && line.weekday.is_none_or(|day| wall.weekday().num_days_from_monday() == day)
        && line.day.is_none_or(|day| wall.day() == day)
}
