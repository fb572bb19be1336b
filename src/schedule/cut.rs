//! Cut: when an issue closes: a cron line read on the wall clock of a zone.
//!
//! Pure.
//!
//! The line is evaluated on the wall clock alone and each wall time is then mapped to an instant by
//! [`Zone::to_instant`]: one that the clocks skip is read with the offset before the gap (02:30 becomes
//! 03:30), one that occurs twice means the first. So a daily line runs exactly once on every local day.
//! An hourly line does not run again in the hour that is repeated, and of two wall times that fall on the
//! same instant (02:00 and 03:00 where the clocks skip from one to the other) only the one that the clocks
//! show is an occurrence.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Month, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc, Weekday};
use cron::{Schedule, TimeUnitSpec};

use crate::schedule::meaning::{Days, Meaning, Times};
use crate::schedule::zone::{Lie, Zone};

/// Most occurrences that one question is answered with; of more, the latest.
pub const MOST_OCCURRENCES: usize = 1_000;

/// A cron line on the wall clock of a zone: minute, hour, day of the month, month, day of the week; with a
/// field for the second before them, and then one for the year (1970 to 2100) after them.
///
/// When both a day of the month and a day of the week are given, a date has to be both (`0 9 1-7 * MON` is
/// the first Monday of the month; classic cron would take either).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    line: String,
    schedule: Schedule,
    zone: Zone,
}

/// One cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Occurrence {
    /// The instant that follows from the wall time.
    pub at: DateTime<Utc>,
    /// What the line says: the wall time that names the issue, for ever.
    pub nominal: NaiveDateTime,
}

impl Cut {
    /// Reads a line of 5, 6 or 7 fields or one of `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`;
    /// else a clause that says what is wrong and what would be right.
    pub fn parse(line: &str, zone: &Zone) -> Result<Self, String> {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let long = match line.strip_prefix('@') {
            Some(word) => shorthand(word)?.to_owned(),
            None => line.clone(),
        };
        let fields = fields_of(&long)?;
        for (field, text) in FIELDS.iter().zip(&fields) {
            field.check(text)?;
        }
        let schedule = Schedule::from_str(&fields.join(" "))
            .map_err(|_| format!("`{line}` is not a cron line, write one such as {EXAMPLE}"))?;
        if schedule.seconds().count() > 1 {
            return Err("the field for the second has more than one value, write 0".to_owned());
        }
        let cut = Self { line, schedule, zone: zone.clone() };
        if cut.walls_after(FIRST_WALL).next().is_none() {
            return Err(format!("`{}` never matches: there is no such date, write one that comes", cut.line));
        }
        Ok(cut)
    }

    /// The line as written, with single spaces.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// Whose wall clock it is read on.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The cuts in (after, until] in their order; when there are more than [`MOST_OCCURRENCES`], the latest
    /// of them, so that after any outage the last missed one is found.
    pub fn occurrences(&self, after: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Occurrence> {
        let mut floor = self.wall_band(after).0;
        let mut found: Vec<Occurrence> = Vec::new();
        for nominal in self.walls_before(self.wall_band(until).1 + TimeDelta::seconds(1)) {
            if nominal <= floor {
                break;
            }
            let Some(occurrence) = self.occurrence(nominal) else { continue };
            if after < occurrence.at && occurrence.at <= until {
                found.push(occurrence);
            }
            // Around a gap an earlier wall time can be a later instant, so that the walk goes on until no
            // earlier wall time can belong to the latest thousand.
            if found.len() == MOST_OCCURRENCES
                && let Some(earliest) = found.iter().min()
            {
                floor = floor.max(self.wall_band(earliest.at).0);
            }
        }
        found.sort_unstable();
        found.split_off(found.len().saturating_sub(MOST_OCCURRENCES))
    }

    /// The first cut later than `after`; `None` when the line names years that are over.
    pub fn next(&self, after: DateTime<Utc>) -> Option<Occurrence> {
        let mut first: Option<Occurrence> = None;
        for nominal in self.walls_after(self.wall_band(after).0) {
            if first.is_some_and(|first| nominal > self.wall_band(first.at).1) {
                break;
            }
            let Some(occurrence) = self.occurrence(nominal) else { continue };
            if occurrence.at > after && first.is_none_or(|first| occurrence < first) {
                first = Some(occurrence);
            }
        }
        first
    }

    /// The last cut at or before `at`; `None` when the line names years to come.
    pub fn previous(&self, at: DateTime<Utc>) -> Option<Occurrence> {
        let mut last: Option<Occurrence> = None;
        for nominal in self.walls_before(self.wall_band(at).1 + TimeDelta::seconds(1)) {
            if last.is_some_and(|last| nominal <= self.wall_band(last.at).0) {
                break;
            }
            let Some(occurrence) = self.occurrence(nominal) else { continue };
            if occurrence.at <= at && last.is_none_or(|last| occurrence > last) {
                last = Some(occurrence);
            }
        }
        last
    }

    /// The typical distance between two cuts on the wall clock: the median of the first distances since 1970,
    /// 31 days for a monthly line, a day for one on working days. A line with one date only counts as yearly.
    pub fn period(&self) -> TimeDelta {
        // Enough for a line of several times a day, two weeks of a day each, five years of months.
        const WALLS: usize = 64;
        let walls: Vec<NaiveDateTime> = self.walls_after(FIRST_WALL).take(WALLS).collect();
        let mut distances: Vec<TimeDelta> = walls.windows(2).map(|pair| pair[1] - pair[0]).collect();
        distances.sort_unstable();
        distances.get(distances.len() / 2).copied().unwrap_or(TimeDelta::days(365))
    }

    /// How long after a missed cut its issue is still worth sending: 15 minutes for an hourly line, 12 hours
    /// for a daily one, 48 hours for a weekly one, 96 hours for a monthly or rarer one; a quarter of the
    /// period for what comes several times a day.
    pub fn grace(&self) -> TimeDelta {
        let period = self.period();
        match period.num_days() {
            0 => period / 4,
            1..=6 => TimeDelta::hours(12),
            7..=27 => TimeDelta::hours(48),
            _ => TimeDelta::hours(96),
        }
    }

    /// What it says; none for an uncommon line.
    pub fn meaning(&self) -> Option<Meaning> {
        if !self.schedule.years().is_all() {
            return None;
        }
        Some(Meaning { times: self.times()?, days: self.days()?, months: self.months()? })
    }

    /// What it means in English, such as `every Monday at 09:00 (America/New_York)`; an uncommon line stands
    /// for itself.
    pub fn describe(&self) -> String {
        let words = self.meaning().map_or_else(|| format!("`{}`", self.line), |meaning| meaning.to_string());
        format!("{words} ({})", self.zone.name())
    }

    // `None` for a skipped wall time at whose instant the clocks show another one that the line names too.
    fn occurrence(&self, nominal: NaiveDateTime) -> Option<Occurrence> {
        let (at, lie) = self.zone.to_instant(nominal);
        let is_shown = lie != Lie::Gap || !self.schedule.includes(self.zone.to_wall(at).and_utc());
        is_shown.then_some(Occurrence { at, nominal })
    }

    // The lowest and the highest wall time that the offsets in force around an instant can give it. Away from
    // a change of the clocks they are the same. A wall time that maps to a later instant is above the lowest,
    // one that maps to an instant not later is not above the highest.
    fn wall_band(&self, at: DateTime<Utc>) -> (NaiveDateTime, NaiveDateTime) {
        // A gap is a day long where a zone changed its side of the date line, and no two offsets are further
        // apart than 32 hours.
        let around = TimeDelta::hours(32);
        let at = at.clamp(FIRST_WALL.and_utc(), LAST_WALL.and_utc());
        let mut offsets = vec![self.zone.offset_seconds(at - around)];
        offsets.extend(self.zone.transitions(at - around, at + around).iter().map(|t| t.offset_after));
        let wall = |offset: i32| at.naive_utc() + TimeDelta::seconds(i64::from(offset));
        let lowest = offsets.iter().min().copied().map_or(at.naive_utc(), wall);
        let highest = offsets.iter().max().copied().map_or(at.naive_utc(), wall);
        (lowest, highest)
    }

    // The wall times after `wall`, upwards.
    fn walls_after(&self, wall: NaiveDateTime) -> impl Iterator<Item = NaiveDateTime> {
        let wall = wall.clamp(FIRST_WALL, LAST_WALL);
        self.schedule.after_owned(wall.and_utc()).map(|wall| wall.naive_utc())
    }

    // The wall times before `wall`, downwards.
    fn walls_before(&self, wall: NaiveDateTime) -> impl Iterator<Item = NaiveDateTime> {
        let wall = wall.clamp(FIRST_WALL, LAST_WALL);
        // From a year that the line does not name, cron 0.17 goes back to the same month and day of one that
        // it does, past all that is later in that year; so we start on the New Year before `wall`.
        let is_named = u32::try_from((wall - TimeDelta::seconds(1)).year())
            .is_ok_and(|year| self.schedule.years().includes(year));
        let start = if is_named { wall } else { new_year(wall) };
        self.schedule.after_owned(start.and_utc()).rev().map(|wall| wall.naive_utc())
    }

    fn times(&self) -> Option<Times> {
        let minutes: Vec<u32> = self.schedule.minutes().iter().collect();
        let hours: Vec<u32> = self.schedule.hours().iter().collect();
        let second = self.schedule.seconds().iter().next()?;
        if let ([minute], 1..=4) = (&*minutes, hours.len()) {
            let at = |hour: &u32| NaiveTime::from_hms_opt(*hour, *minute, second);
            return Some(Times::At(hours.iter().map(at).collect::<Option<_>>()?));
        }
        if second != 0 {
            return None;
        }
        match (&*minutes, hours.len()) {
            ([minute], 24) => Some(Times::EveryHour(*minute)),
            (_, 24) if self.schedule.minutes().is_all() => Some(Times::EveryMinute),
            ([0, step, ..], 24) if (0..60).step_by(*step as usize).eq(minutes.iter().copied()) => {
                // Steps that do not divide the hour are uneven at its end.
                (60 % step == 0).then_some(Times::EveryMinutes(*step))
            }
            ([0], 6 | 8 | 12) if hours.iter().copied().eq((0..24).step_by(24 / hours.len())) => {
                hours.get(1).copied().map(Times::EveryHours)
            }
            ([minute], 5..) if hours.windows(2).all(|pair| pair[0] + 1 == pair[1]) => {
                let at = |hour: &u32| NaiveTime::from_hms_opt(*hour, *minute, 0);
                Some(Times::Between(at(hours.first()?)?, at(hours.last()?)?))
            }
            _ => None,
        }
    }

    fn days(&self) -> Option<Days> {
        let days: Vec<u32> = self.schedule.days_of_month().iter().collect();
        let weekdays: Vec<u32> = self.schedule.days_of_week().iter().collect();
        Some(match (days.len(), &*weekdays) {
            (31, [1, 2, 3, 4, 5, 6, 7]) => Days::Every,
            (31, [2, 3, 4, 5, 6]) => Days::Working,
            (31, weekdays) => Days::Weekdays(week(weekdays)),
            (1..=4, [1, 2, 3, 4, 5, 6, 7]) => Days::OfMonth(days),
            (7, [day]) if days.windows(2).all(|pair| pair[0] + 1 == pair[1]) && days[0] % 7 == 1 => {
                // There is no fifth of seven days.
                let nth = (days[0] / 7 + 1 < 5).then_some(days[0] / 7 + 1)?;
                Days::Nth(nth, weekday(*day)?)
            }
            (1, [day]) => Days::Both(weekday(*day)?, days[0]),
            _ => return None,
        })
    }

    fn months(&self) -> Option<Vec<Month>> {
        let months: Vec<u32> = self.schedule.months().iter().collect();
        match months.len() {
            12 => Some(Vec::new()),
            1..=3 => months.iter().map(|month| Month::try_from(u8::try_from(*month).ok()?).ok()).collect(),
            _ => None,
        }
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

const EXAMPLE: &str = "`0 9 * * MON` for every Monday at 09:00";

// The years that cron 0.17 knows, with a day to spare for the offset.
const FIRST_WALL: NaiveDateTime = midnight(1969, 12, 31);
const LAST_WALL: NaiveDateTime = midnight(2101, 1, 2);

const fn midnight(year: i32, month: u32, day: u32) -> NaiveDateTime {
    match NaiveDate::from_ymd_opt(year, month, day) {
        Some(date) => date.and_time(chrono::NaiveTime::MIN),
        None => NaiveDateTime::MIN,
    }
}

fn new_year(wall: NaiveDateTime) -> NaiveDateTime {
    let year = (wall - TimeDelta::seconds(1)).year();
    NaiveDate::from_ymd_opt(year, 1, 1).map_or(wall, |date| date.and_time(chrono::NaiveTime::MIN))
}

// One of the seven fields of a line.
struct Field {
    name: &'static str,
    lowest: u32,
    highest: u32,
    names: &'static [&'static str],
    example: &'static str,
}

const FIELDS: [Field; 7] = [
    Field { name: "second", lowest: 0, highest: 59, names: &[], example: "0" },
    Field { name: "minute", lowest: 0, highest: 59, names: &[], example: "0 to 59 or */15" },
    Field { name: "hour", lowest: 0, highest: 23, names: &[], example: "0 to 23" },
    Field { name: "day of the month", lowest: 1, highest: 31, names: &[], example: "1 to 31 or *" },
    Field { name: "month", lowest: 1, highest: 12, names: &MONTHS, example: "1 to 12, JAN to DEC or *" },
    Field { name: DAY_OF_WEEK, lowest: 0, highest: 6, names: &WEEKDAYS, example: "MON to SUN or *" },
    Field { name: "year", lowest: 1970, highest: 2100, names: &[], example: "1970 to 2100 or *" },
];

const DAY_OF_WEEK: &str = "day of the week";
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

impl Field {
    // Stricter than cron 0.17, which takes `1*` for two fields and has its own numbers for weekdays.
    fn check(&self, text: &str) -> Result<(), String> {
        if self.name == DAY_OF_WEEK && text.contains(|c: char| c.is_ascii_digit()) {
            return Err(weekday_by_number(text));
        }
        if text.split(',').any(str::is_empty) {
            return Err(format!("`{text}` has a comma too many, write a list as in 1,15 without spaces"));
        }
        text.split(',').try_for_each(|part| self.check_part(part))
    }

    fn check_part(&self, part: &str) -> Result<(), String> {
        let wrong = || format!("`{part}` is wrong for the {}, write {}", self.name, self.example);
        let (base, step) = match part.split_once('/') {
            Some((base, step)) => (base, Some(step)),
            None => (part, None),
        };
        if let Some(step) = step {
            let step = number(step).ok_or_else(wrong)?;
            if step == 0 || step > self.highest - self.lowest {
                return Err(wrong());
            }
        }
        let takes_question_mark = self.lowest == 1 && self.names.is_empty() || self.name == DAY_OF_WEEK;
        if base == "*" || base == "?" && takes_question_mark {
            return Ok(());
        }
        let Some((first, last)) = base.split_once('-') else {
            let is_name = self.value(base).ok_or_else(wrong)?.1;
            return if is_name && step.is_some() { Err(wrong()) } else { Ok(()) };
        };
        let (first, first_is_name) = self.value(first).ok_or_else(wrong)?;
        let (last, last_is_name) = self.value(last).ok_or_else(wrong)?;
        if first_is_name != last_is_name {
            return Err(wrong());
        }
        if first > last {
            let to_the_end = self.range(first, self.highest, first_is_name);
            let from_the_start = self.range(self.lowest, last, first_is_name);
            return Err(format!("`{base}` goes backwards, write {to_the_end},{from_the_start}"));
        }
        Ok(())
    }

    // The number of a value, and whether it was written as a name.
    fn value(&self, text: &str) -> Option<(u32, bool)> {
        let is_named = |name: &&str| text.eq_ignore_ascii_case(name) || text.eq_ignore_ascii_case(&name[..3]);
        let at = self.names.iter().position(is_named).and_then(|at| u32::try_from(at).ok());
        at.map(|at| (at + self.lowest, true)).or_else(|| {
            number(text)
                .filter(|value| (self.lowest..=self.highest).contains(value))
                .map(|value| (value, false))
        })
    }

    fn range(&self, first: u32, last: u32, by_name: bool) -> String {
        let say = |value: u32| match self.names.get((value - self.lowest) as usize) {
            Some(name) if by_name => name[..3].to_uppercase(),
            Some(_) | None => value.to_string(),
        };
        if first == last { say(first) } else { format!("{}-{}", say(first), say(last)) }
    }
}

fn shorthand(word: &str) -> Result<&'static str, String> {
    Ok(match word {
        "hourly" => "0 * * * *",
        "daily" | "midnight" => "0 0 * * *",
        "weekly" => "0 0 * * SUN",
        "monthly" => "0 0 1 * *",
        "yearly" | "annually" => "0 0 1 JAN *",
        _ => return Err(format!("`@{word}` is not known here, write @daily or a line such as {EXAMPLE}")),
    })
}

// The six or seven fields of a line, the second first.
fn fields_of(line: &str) -> Result<Vec<&str>, String> {
    let mut fields: Vec<&str> = line.split(' ').filter(|field| !field.is_empty()).collect();
    match fields.len() {
        5 => fields.insert(0, "0"),
        6 | 7 => {}
        0 => return Err(format!("the cron line is empty, write one such as {EXAMPLE}")),
        count => {
            return Err(format!(
                "a cron line has 5 fields (minute, hour, day of the month, month, day of the week) and this \
                 one has {count}, write one such as {EXAMPLE}"
            ));
        }
    }
    Ok(fields)
}

// `u32::from_str` would take a plus sign.
fn number(text: &str) -> Option<u32> {
    text.chars().all(|c| c.is_ascii_digit()).then(|| text.parse().ok())?
}

// Sunday is 0 or 7 in classic cron and 1 in others.
fn weekday_by_number(text: &str) -> String {
    let classic = |c: char| c.to_digit(10).and_then(|day| WEEKDAYS.get(day as usize % 7));
    let is_plain = text.chars().all(|c| matches!(c, '0'..='7' | '-' | ','));
    let has_long_number = text.split(|c: char| !c.is_ascii_digit()).any(|number| number.len() > 1);
    if text.contains('#') {
        return format!(
            "`{text}` is not known here, write the dates of that week as days of the month: 1-7 with MON for \
             the first Monday, 8-14 for the second"
        );
    }
    if !is_plain || has_long_number {
        return format!("`{text}` counts days of the week, write their names: MON or SAT,SUN or MON-FRI");
    }
    let named: String =
        text.chars().map(|c| classic(c).map_or(c.to_string(), |name| name[..3].to_uppercase())).collect();
    format!(
        "`{text}` counts days of the week from Sunday, which is 0 in some programs and 1 in others, write {named}"
    )
}

fn week(days: &[u32]) -> Vec<Weekday> {
    let mut week: Vec<Weekday> = days.iter().filter_map(|day| weekday(*day)).collect();
    week.sort_unstable_by_key(Weekday::num_days_from_monday);
    week
}

// cron 0.17 counts from Sunday, which is 1.
fn weekday(day: u32) -> Option<Weekday> {
    Weekday::try_from(u8::try_from((day + 5) % 7).ok()?).ok()
}
