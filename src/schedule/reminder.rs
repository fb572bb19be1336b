//! Reminder: a span of time before a start, such as `-P1D`.
//!
//! Pure.

use std::cmp::Ordering;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::schedule::zone::Moment;

const DAY_SECONDS: u32 = 86_400;

/// A span before the start of an action: a negative duration of RFC 5545 §3.3.6, of weeks, days, hours,
/// minutes and seconds. Spans are ordered by length, the shortest (nearest the start) first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Before {
    // Weeks count as 7 days.
    days: u32,
    seconds: u32,
}

impl Before {
    /// The longest: a year.
    pub const LONGEST_DAYS: u32 = 366;

    /// Reads `-P1D`, `-PT2H`, `-P1DT12H`, `-P1W`; else a clause that says what is wrong and what would be
    /// right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(duration) = text.strip_prefix('-') else {
            return Err(match unsigned(text) {
                Ok(before) => format!("`{text}` is after the start, write {before}"),
                Err(_) => format!("`{text}` is not a duration before the start, write {EXAMPLES}"),
            });
        };
        let before = unsigned(duration).map_err(|help| format!("`{text}` {help}"))?;
        if before.length() == 0 {
            return Err(format!("`{text}` is the start itself, write {EXAMPLES}"));
        }
        Ok(before)
    }

    /// That span before a start: first the days on the wall clock of its zone, then the time on the timeline.
    ///
    /// A day before 09:00 is 09:00, whatever the clocks do between; two hours before is two hours of waiting.
    pub fn before(&self, start: &Moment) -> DateTime<Utc> {
        let time = TimeDelta::seconds(i64::from(self.seconds));
        // Only the instant says which side of a fold the start is on.
        if self.days == 0 {
            return start.at - time;
        }
        let days = TimeDelta::days(i64::from(self.days));
        let at = start.zone.to_instant(start.wall - days).0 - time;
        // Where a zone skips a whole day (Pacific/Apia, 30 December 2011), the day before is the start itself.
        if at < start.at { at } else { start.at - days - time }
    }

    /// Its weeks, days, hours, minutes and seconds, as people say them: weeks alone or none.
    pub fn parts(&self) -> [u32; 5] {
        let (weeks, days) = if self.is_weeks() { (self.days / 7, 0) } else { (0, self.days) };
        let (hours, minutes, seconds) = self.clock();
        [weeks, days, hours, minutes, seconds]
    }

    /// The span in English, such as `1 day and 12 hours before`.
    pub fn describe(&self) -> String {
        let parts: Vec<String> = self
            .parts()
            .iter()
            .zip(["week", "day", "hour", "minute", "second"])
            .filter(|(count, _)| **count > 0)
            .map(|(count, unit)| format!("{count} {unit}{}", if *count == 1 { "" } else { "s" }))
            .collect();
        match parts.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} and {last} before", others.join(", ")),
            Some(_) | None => format!("{} before", parts.concat()),
        }
    }

    fn is_weeks(self) -> bool {
        self.days > 0 && self.days.is_multiple_of(7) && self.seconds == 0
    }

    fn clock(self) -> (u32, u32, u32) {
        (self.seconds / 3600, self.seconds / 60 % 60, self.seconds % 60)
    }

    // In seconds, with days of 24 hours.
    fn length(self) -> u64 {
        u64::from(self.days) * u64::from(DAY_SECONDS) + u64::from(self.seconds)
    }
}

impl fmt::Display for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_weeks() {
            return write!(f, "-P{}W", self.days / 7);
        }
        f.write_str("-P")?;
        let (hours, minutes, seconds) = self.clock();
        if self.days > 0 {
            write!(f, "{}D", self.days)?;
        }
        if self.seconds > 0 {
            f.write_str("T")?;
        }
        for (count, unit) in [(hours, 'H'), (minutes, 'M'), (seconds, 'S')] {
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

impl Ord for Before {
    fn cmp(&self, other: &Self) -> Ordering {
        // A day and 24 hours are of one length and differ when the clocks change.
        (self.length(), self.days).cmp(&(other.length(), other.days))
    }
}

impl PartialOrd for Before {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

const EXAMPLES: &str = "-P1D for a day before or -PT2H for two hours before";

// A duration without its sign; else what is wrong with it, as the end of a sentence.
fn unsigned(text: &str) -> Result<Before, String> {
    let wrong = || format!("is not a duration, write {EXAMPLES}");
    let parts = text.strip_prefix('P').ok_or_else(wrong)?;
    let (date, time) = match parts.split_once('T') {
        Some((_, "")) => return Err("has nothing after the T, write -P1D or -PT2H".to_owned()),
        Some((date, time)) => (date, time),
        None => (parts, ""),
    };
    let mut before = Before { days: 0, seconds: 0 };
    for (count, unit) in counts(date, "YMWD").ok_or_else(|| hint(date).unwrap_or_else(wrong))? {
        before.days = match unit {
            'W' => before.days.saturating_add(count.saturating_mul(7)),
            'D' => before.days.saturating_add(count),
            // Years and months are of no certain length; RFC 5545 has none either.
            'M' => return Err(format!("counts months, write -P30D for days or -PT{count}M for minutes")),
            _ => return Err("counts years, write days or weeks, -P30D or -P4W".to_owned()),
        };
    }
    for (count, unit) in counts(time, "HMS").ok_or_else(wrong)? {
        let size = match unit {
            'H' => 3600,
            'M' => 60,
            _ => 1,
        };
        before.seconds = before.seconds.saturating_add(count.saturating_mul(size));
    }
    if date.is_empty() && time.is_empty() {
        return Err(wrong());
    }
    if before.length() > u64::from(Before::LONGEST_DAYS) * u64::from(DAY_SECONDS) {
        return Err(format!("is more than a year, write at most -P{}D", Before::LONGEST_DAYS));
    }
    Ok(before)
}

// `1H30M` as its counts and units, each unit once and in the order of `units`.
fn counts(text: &str, units: &str) -> Option<Vec<(u32, char)>> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut units = units.chars();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count = rest[..digits].parse().ok()?;
        let unit = rest[digits..].chars().next()?;
        units.find(|known| *known == unit)?;
        found.push((count, unit));
        rest = &rest[digits + 1..];
    }
    Some(found)
}

// `-P2H` is an easy slip.
fn hint(date: &str) -> Option<String> {
    let (days, time) = date.split_at(date.find('D').map_or(0, |at| at + 1));
    let is_slip = !time.is_empty() && counts(days, "WD").is_some() && counts(time, "HMS").is_some();
    is_slip.then(|| format!("has hours, minutes or seconds without a T before them, write -P{days}T{time}"))
}
