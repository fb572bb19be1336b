//! World: what people and machines do in one simulated history, all of it drawn from a seed.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

use handbill::config::Config;
use handbill::notice::{NoticeId, parse};
use handbill::revision::Draft;
use handbill::schedule::zone::Zone;

use crate::plan;
use crate::simulation::chance::Chance;

pub type Person = i64;
type At = DateTime<Utc>;

pub struct World {
    pub seed: u64,
    pub zone: Zone,
    pub config: Config,
    pub lists: Vec<Outlet>,
    pub from: At,
    pub until: At,
    /// In the order of their times.
    pub script: Vec<(At, Happening)>,
    /// Whether nothing breaks: no outage, crash, refusal or jump of the clock.
    pub is_calm: bool,
    /// Whether a restart gives back all claims at once (one process), or they wait for their leases.
    pub is_alone: bool,
    /// One in so many steps breaks.
    pub frailty: i64,
}

/// A list or a target, as the slow model knows it.
#[derive(Debug, Clone)]
pub struct Outlet {
    pub name: String,
    pub is_target: bool,
    pub kinds: Vec<&'static str>,
    pub tags: Vec<&'static str>,
    pub line: Option<Line>,
    /// Minutes of the day: from, until.
    pub quiet: Option<(i64, i64)>,
    /// Days and seconds.
    pub remind: Vec<(i64, i64)>,
}

/// A cron line in the terms of the slow model.
#[derive(Debug, Clone)]
pub struct Line {
    pub cron: String,
    pub minute: u32,
    pub hours: Vec<u32>,
    /// Days from Monday.
    pub weekday: Option<u32>,
    pub day: Option<u32>,
    pub period: TimeDelta,
    pub grace: TimeDelta,
}

#[derive(Debug, Clone)]
pub enum Happening {
    File(NoticeId, Option<Draft>),
    Join(Person, String),
    Leave(Person, String),
    Down,
    Up,
    RelayDown,
    RelayUp,
    Clock(TimeDelta),
    Resume,
}

const ZONES: [&str; 10] = [
    "America/New_York",
    "America/Los_Angeles",
    "Europe/London",
    "Europe/Berlin",
    "America/Santiago",
    "America/Havana",
    "Africa/Cairo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kolkata",
];
const TAGS: [&str; 3] = ["water", "rent", "bread"];
const KINDS: [&str; 3] = ["archive", "statement", "action"];

impl World {
    pub fn new(seed: u64) -> Self {
        let chance = &mut Chance::new(seed);
        let zone = Zone::find(chance.pick(&ZONES)).unwrap();
        let days = chance.pick(&[9, 9, 9, 9, 9, 9, 20, 20, 20, 20, 60, 60, 60, 60, 370, 730]);
        let from = beginning(chance, &zone, days);
        let until = from + TimeDelta::days(days);
        let is_calm = chance.one_in(3);
        let lists = outlets(chance, days);
        let config = plan::config(&config_text(&zone, &lists));
        let mut world = Self {
            seed,
            zone,
            config,
            lists,
            from,
            until,
            script: Vec::new(),
            is_calm,
            is_alone: chance.one_in(2),
            frailty: chance.pick(&[6, 20, 60]),
        };
        for number in 0..chance.between(3, 9 + days / 40) {
            world.write_notice(chance, number);
        }
        for person in 1..=chance.between(2, 6) {
            world.live(chance, person);
        }
        if !is_calm {
            world.break_things(chance);
        }
        world.script.sort_by_key(|(at, _)| *at);
        world
    }

    fn moment(&self, chance: &mut Chance) -> At {
        let span = (self.until - self.from).num_milliseconds();
        self.from + TimeDelta::milliseconds(chance.between(1, span))
    }

    // Often on a round time, where cuts, embargoes and quiet hours meet.
    fn wall(&self, chance: &mut Chance) -> NaiveDateTime {
        let wall = self.zone.to_wall(self.moment(chance));
        let minute = chance.pick(&[0, 0, 15, 30, 45]);
        let hour = chance.pick(&[0, 1, 2, 3, 7, 8, 9, 12, 18, 21, 22, 23]);
        wall.date().and_hms_opt(hour, minute, 0).unwrap()
    }

    fn write_notice(&mut self, chance: &mut Chance, number: i64) {
        let mut at = if chance.one_in(5) { self.from } else { self.moment(chance) };
        let kind = chance.pick(&["action", "action", "action", "statement", "archive"]);
        let id = NoticeId::parse(&format!("n{number}")).unwrap();
        let mut facts = Facts {
            kind,
            tags: TAGS.into_iter().filter(|_| chance.one_in(2)).collect(),
            publish_at: chance.one_in(2).then(|| self.wall(chance)),
            starts: self.wall(chance),
            zone: if chance.one_in(2) { self.zone.name().to_owned() } else { chance.pick(&ZONES).to_owned() },
            hours: chance.one_in(3).then(|| chance.between(1, 9)),
            status: chance.pick(&[
                "scheduled",
                "scheduled",
                "scheduled",
                "scheduled",
                "postponed",
                "cancelled",
            ]),
            place: 0,
            point: 0,
            text: 0,
            reveal_at: chance.one_in(5).then(|| self.wall(chance)),
            withdrawn: chance.one_in(25),
            said: 0,
            notify: None,
            dates: Vec::new(),
            dates_ever: 0,
        };
        if chance.one_in(2) {
            // Soon after it was written.
            let soon = at + TimeDelta::minutes(15 * chance.between(1, 600));
            facts.starts = floor(self.zone.to_wall(soon));
        }
        // Drawn last, so that a seed from before there were dates is nearly the same world.
        if kind == "action" && chance.one_in(3) {
            for _ in 0..chance.between(1, 4) {
                facts.add_date(chance, self);
            }
        }
        self.script.push((at, Happening::File(id.clone(), Some(self.draft(&id, &facts)))));
        for _ in 0..chance.pick(&[0, 0, 1, 2, 3, 6]) {
            let longest = chance.pick(&[1, 60, 60 * 24, 60 * 24 * 7]);
            at += TimeDelta::milliseconds(chance.between(1, longest * 60_000));
            if chance.one_in(8) {
                self.script.push((at, Happening::File(id.clone(), None)));
                continue;
            }
            for _ in 0..chance.between(1, 2) {
                facts.edit(chance, self);
            }
            self.script.push((at, Happening::File(id.clone(), Some(self.draft(&id, &facts)))));
        }
    }

    fn draft(&self, id: &NoticeId, facts: &Facts) -> Draft {
        let source = facts.source(&self.zone);
        let (path, defaults) = (format!("notices/{id}.md"), self.config.site.defaults());
        // Also with times that a new file is refused for: what was published once keeps the promises too.
        let notice = parse::reread(&path, &source, &defaults)
            .unwrap_or_else(|| panic!("{}", parse::parse(&path, &source, &defaults).report));
        Draft::new(notice, &path, &source)
    }

    fn live(&mut self, chance: &mut Chance, person: Person) {
        let lists: Vec<String> =
            self.lists.iter().filter(|list| !list.is_target).map(|list| list.name.clone()).collect();
        for list in lists {
            let mut at = if chance.one_in(2) { self.from } else { self.moment(chance) };
            for turn in 0..chance.pick(&[0, 1, 1, 2, 3, 9]) {
                let happening = if turn % 2 == 0 {
                    Happening::Join(person, list.clone())
                } else {
                    Happening::Leave(person, list.clone())
                };
                self.script.push((at, happening));
                let longest = chance.pick(&[60, 60 * 24, 60 * 24 * 20]);
                at += TimeDelta::minutes(chance.between(1, longest));
            }
        }
    }

    fn break_things(&mut self, chance: &mut Chance) {
        for (down, up) in [(Happening::Down, Happening::Up), (Happening::RelayDown, Happening::RelayUp)] {
            for _ in 0..chance.pick(&[0, 1, 2, 3, 8]) {
                let at = self.moment(chance);
                let longest = chance.pick(&[5, 60, 60 * 24, 60 * 24 * 3, 60 * 24 * 20]);
                self.script.push((at, down.clone()));
                self.script.push((at + TimeDelta::minutes(chance.between(1, longest)), up.clone()));
            }
        }
        if chance.one_in(4) {
            for _ in 0..chance.between(1, 4) {
                let minutes = chance.pick(&[-300, -60, -4, -1, 1, 4, 60, 170]);
                let at = self.moment(chance);
                self.script.push((at, Happening::Clock(TimeDelta::minutes(minutes))));
                self.script.push((at + TimeDelta::minutes(chance.between(1, 60 * 12)), Happening::Resume));
            }
        }
    }
}

#[derive(Clone)]
struct Facts {
    kind: &'static str,
    tags: Vec<&'static str>,
    publish_at: Option<NaiveDateTime>,
    starts: NaiveDateTime,
    zone: String,
    hours: Option<i64>,
    status: &'static str,
    place: i64,
    point: i64,
    text: i64,
    /// Before it the place is hidden.
    reveal_at: Option<NaiveDateTime>,
    withdrawn: bool,
    /// What is said of the latest edit; nothing at 0.
    said: i64,
    notify: Option<&'static str>,
    /// Of an action that has several; each keeps its number as its key.
    dates: Vec<DateFacts>,
    /// How many it has ever had.
    dates_ever: i64,
}

#[derive(Clone)]
struct DateFacts {
    key: i64,
    starts: NaiveDateTime,
    status: &'static str,
    /// Of its own when not 0.
    place: i64,
}

impl Facts {
    fn add_date(&mut self, chance: &mut Chance, world: &World) {
        let starts = if chance.one_in(2) {
            world.wall(chance)
        } else {
            self.starts + TimeDelta::days(chance.between(0, 3))
        };
        let status = chance.pick(&["scheduled", "scheduled", "scheduled", "postponed", "cancelled"]);
        let place = chance.pick(&[0, 0, 1]);
        self.dates.push(DateFacts { key: self.dates_ever, starts, status, place });
        self.dates_ever += 1;
    }

    fn edit_dates(&mut self, chance: &mut Chance, world: &World) {
        let last = i64::try_from(self.dates.len()).unwrap() - 1;
        let at = usize::try_from(chance.between(0, last)).unwrap();
        match chance.between(0, 6) {
            0 => self.add_date(chance, world),
            1 if last > 0 => {
                self.dates.remove(at);
            }
            2 => {
                self.dates[at].starts = world.wall(chance);
                self.dates[at].status = "rescheduled";
            }
            3 => self.dates[at].starts += TimeDelta::minutes(15 * chance.between(-200, 200)),
            4 => self.dates[at].place = chance.between(0, 2),
            _ => {
                self.dates[at].status = chance.pick(&[
                    "scheduled",
                    "moved",
                    "rescheduled",
                    "postponed",
                    "cancelled",
                    "cancelled",
                ]);
            }
        }
    }

    fn edit(&mut self, chance: &mut Chance, world: &World) {
        // What was said of one edit is seldom left for the next.
        self.notify = self.notify.filter(|_| chance.one_in(4));
        if !self.dates.is_empty() && chance.one_in(2) {
            self.edit_dates(chance, world);
            return;
        }
        match chance.between(0, 13) {
            10 => self.withdrawn = !self.withdrawn,
            11 => {
                self.said += 1;
                self.notify = chance.pick(&[None, Some("alert"), Some("alert")]);
            }
            12 => self.notify = chance.pick(&[Some("silent"), Some("alert")]),
            13 => self.reveal_at = chance.one_in(2).then(|| world.wall(chance)),
            0 | 1 => self.text += 1,
            2 => {
                self.starts = world.wall(chance);
                self.status = "rescheduled";
            }
            3 => self.starts += TimeDelta::minutes(15 * chance.between(-200, 200)),
            4 => {
                self.place += 1;
                self.status = chance.pick(&["scheduled", "moved"]);
            }
            5 => self.point = chance.between(0, 2),
            6 | 7 => {
                self.status = chance.pick(&[
                    "scheduled",
                    "moved",
                    "rescheduled",
                    "postponed",
                    "cancelled",
                    "cancelled",
                ]);
            }
            8 => self.hours = chance.one_in(2).then(|| chance.between(1, 9)),
            _ => self.publish_at = chance.one_in(2).then(|| world.wall(chance)),
        }
    }

    fn source(&self, site_zone: &Zone) -> String {
        let zone = Zone::find(&self.zone).unwrap();
        // A time that the clocks skip is refused in a notice.
        let shown = |zone: &Zone, wall: NaiveDateTime| {
            zone.to_wall(zone.to_instant(wall).0).format("%Y-%m-%d %H:%M:%S").to_string()
        };
        let stamp = |wall: NaiveDateTime| shown(&zone, wall);
        let mut text = format!("+++\nkind = \"{}\"\ntitle = \"A notice\"\n", self.kind);
        text += &format!("tags = {:?}\n", self.tags);
        if let Some(publish_at) = self.publish_at {
            text += &format!("publish_at = {}\n", shown(site_zone, publish_at));
        }
        if self.withdrawn {
            text += "withdrawn = \"A mistake.\"\n";
        }
        if self.said > 0 {
            text += &format!("changed = \"Something {}.\"\n", self.said);
        }
        if let Some(notify) = self.notify.filter(|it| *it == "silent" || self.said > 0 || self.withdrawn) {
            text += &format!("notify = \"{notify}\"\n");
        }
        if self.kind == "action" {
            let times = |starts: NaiveDateTime| {
                // An end that the clocks may skip or repeat, and yet after the start, which they may skip by a day.
                let begins = zone.to_wall(zone.to_instant(starts).0);
                let ends = |hours| format!("ends = {}\n", stamp(begins + TimeDelta::hours(hours + 1)));
                format!("starts = {}\n{}", stamp(starts), self.hours.map_or(String::new(), ends))
            };
            text += &format!("zone = \"{}\"\nstatus = \"{}\"\n", self.zone, self.status);
            if self.dates.is_empty() {
                text += &times(self.starts);
            }
            text += &format!("[place]\nname = \"Square {}\"\n", self.place);
            if let Some(reveal_at) = self.reveal_at {
                text += &format!("visibility = \"day-of\"\nreveal_at = {}\n", stamp(reveal_at));
            }
            if self.point > 0 {
                text += &format!("meeting_point = \"Gate {}\"\n", self.point);
            }
            for date in &self.dates {
                text += &format!("[[occurrence]]\nkey = \"d{}\"\nstatus = \"{}\"\n", date.key, date.status);
                text += &times(date.starts);
                if date.place > 0 {
                    text += &format!("[occurrence.place]\nname = \"Yard {}\"\n", date.place);
                }
            }
        }
        format!("{text}+++\nText {}.\n", self.text)
    }
}

// A few days before a change of the clocks, most often; in Apia also before the day that it left out.
fn beginning(chance: &mut Chance, zone: &Zone, days: i64) -> At {
    let year = chance.between(2025, 2028);
    let mut at = format!("{year}-01-01T00:00:00Z").parse::<At>().unwrap();
    at += TimeDelta::minutes(chance.between(0, 60 * 24 * 365));
    if zone.name() == "Pacific/Apia" && chance.one_in(2) {
        return plan::at("2011-12-30T00:00Z") - TimeDelta::minutes(chance.between(1, 60 * 24 * 8));
    }
    let changes = zone.transitions(at, at + TimeDelta::days(366));
    if days > 60 || changes.is_empty() || chance.one_in(5) {
        return at;
    }
    chance.pick(&changes).at - TimeDelta::minutes(chance.between(1, 60 * 24 * (days - 1)))
}

fn outlets(chance: &mut Chance, days: i64) -> Vec<Outlet> {
    let mut outlets = Vec::new();
    for name in ["alerts", "urgent"] {
        if chance.one_in(3) {
            continue;
        }
        outlets.push(outlet(chance, name, None));
    }
    for name in ["digest", "weekly"] {
        let line = line(chance, days);
        outlets.push(outlet(chance, name, Some(line)));
    }
    if chance.one_in(2) {
        let hook = outlet(chance, "hook", None);
        outlets.push(Outlet { is_target: true, quiet: None, ..hook });
    }
    outlets
}

fn outlet(chance: &mut Chance, name: &str, line: Option<Line>) -> Outlet {
    let every = chance.one_in(2);
    let spans = [(1, 0), (0, 7200), (7, 0), (0, 86_400), (1, 43_200), (0, 36_000), (0, 900), (2, 0)];
    let mut remind: Vec<(i64, i64)> = Vec::new();
    for _ in 0..chance.between(0, 4) {
        let span = chance.pick(&spans);
        if !remind.contains(&span) {
            remind.push(span);
        }
    }
    Outlet {
        name: name.to_owned(),
        is_target: false,
        kinds: KINDS.into_iter().filter(|_| !every && chance.one_in(2)).collect(),
        tags: TAGS.into_iter().filter(|_| !every && chance.one_in(4)).collect(),
        line,
        quiet: chance
            .one_in(2)
            .then(|| chance.pick(&[(22 * 60, 8 * 60), (23 * 60, 7 * 60 + 30), (60, 195), (0, 540)])),
        remind,
    }
}

fn line(chance: &mut Chance, days: i64) -> Line {
    let minute = chance.pick(&[0, 0, 15, 30]);
    let hour = chance.pick(&[0, 1, 2, 3, 9, 18, 22, 23]);
    let word = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
    let (hours, every) = (TimeDelta::hours, (0..24).collect::<Vec<u32>>());
    let (weekday, day) = (chance.between(0, 6) as u32, chance.pick(&[1, 15, 28, 31]));
    let of = |cron: String, hours, weekday, day, period, grace| Line {
        cron,
        minute,
        hours,
        weekday,
        day,
        period,
        grace,
    };
    match chance.between(if days > 9 { 1 + i64::from(days > 20) } else { 0 }, 5) {
        0 => of(format!("{minute} * * * *"), every, None, None, hours(1), TimeDelta::minutes(15)),
        1 => {
            let quarters = vec![0, 6, 12, 18];
            of(format!("{minute} */6 * * *"), quarters, None, None, hours(6), TimeDelta::minutes(90))
        }
        2 | 3 if days < 300 => {
            of(format!("{minute} {hour} * * *"), vec![hour], None, None, hours(24), hours(12))
        }
        2..=4 => {
            let cron = format!("{minute} {hour} * * {}", word[weekday as usize]);
            of(cron, vec![hour], Some(weekday), None, TimeDelta::days(7), hours(48))
        }
        _ => {
            let period = TimeDelta::days(if day == 31 { 61 } else { 31 });
            of(format!("{minute} {hour} {day} * *"), vec![hour], None, Some(day), period, hours(96))
        }
    }
}

fn config_text(zone: &Zone, outlets: &[Outlet]) -> String {
    let mut text = format!(
        "[site]\ntitle = \"Notices\"\norganization = \"Council\"\nurl = \"https://notices.example.org/\"\n\
         zone = \"{}\"\n[mail]\nfrom = \"Notices <notices@example.org>\"\n",
        zone.name()
    );
    for outlet in outlets {
        if outlet.is_target {
            text += "[[target]]\nurl = \"https://hooks.example.org/\"\nsecret_file = \"hook.secret\"\n";
        } else {
            let when = outlet.line.as_ref().map_or("at once", |line| &line.cron);
            text += &format!("[[list]]\nwhen = \"{when}\"\n");
        }
        text +=
            &format!("name = \"{}\"\nkinds = {:?}\ntags = {:?}\n", outlet.name, outlet.kinds, outlet.tags);
        let spans: Vec<String> = outlet.remind.iter().map(|span| span_text(*span)).collect();
        text += &format!("remind = {spans:?}\n");
        if let Some((from, until)) = outlet.quiet {
            text += &format!(
                "quiet = \"{:02}:{:02}-{:02}:{:02}\"\n",
                from / 60,
                from % 60,
                until / 60,
                until % 60
            );
        }
    }
    text
}

/// As `Before` shows itself: weeks when it is whole ones.
pub fn span_text((days, seconds): (i64, i64)) -> String {
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match (days, hours, minutes) {
        (7, 0, 0) => "-P1W".to_owned(),
        (days, 0, 0) => format!("-P{days}D"),
        (0, 0, minutes) => format!("-PT{minutes}M"),
        (0, hours, _) => format!("-PT{hours}H"),
        (days, hours, _) => format!("-P{days}DT{hours}H"),
    }
}

fn floor(wall: NaiveDateTime) -> NaiveDateTime {
    use chrono::Timelike;
    let minute = wall.minute() / 15 * 15;
    wall.with_minute(minute)
        .and_then(|wall| wall.with_second(0))
        .and_then(|wall| wall.with_nanosecond(0))
        .unwrap()
}
