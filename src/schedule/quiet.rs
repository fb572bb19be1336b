//! Quiet: hours of the wall clock in which nothing goes out.
//!
//! Pure.

use std::fmt;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};

use crate::schedule::zone::Zone;

/// Quiet hours: what the clocks of a zone show is in [from, until), which may go over midnight.
///
/// It is the clock on the wall that counts: an hour that occurs twice is quiet twice, one that is skipped is
/// not there to be quiet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    from: NaiveTime,
    until: NaiveTime,
    zone: Zone,
}

impl Quiet {
    /// Reads `22:00-08:00`; else a clause that says what is wrong and what would be right.
    pub fn parse(text: &str, zone: &Zone) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not two times of day, write such as 22:00-08:00");
        let (from, until) = text.split_once(['-', '–']).ok_or_else(wrong)?;
        let from = time_of_day(from.trim()).ok_or_else(wrong)?;
        // The end of the day may be written in both ways (ISO 8601).
        let until = match until.trim() {
            "24:00" => NaiveTime::MIN,
            until => time_of_day(until).ok_or_else(wrong)?,
        };
        if from == until {
            return Err(format!("`{text}` begins when it ends, write such as 22:00-08:00 or leave it out"));
        }
        Ok(Self { from, until, zone: zone.clone() })
    }

    /// Whether nothing goes out at an instant.
    pub fn is_quiet(&self, at: DateTime<Utc>) -> bool {
        let time = self.zone.to_wall(at).time();
        if self.from < self.until {
            self.from <= time && time < self.until
        } else {
            self.from <= time || time < self.until
        }
    }

    /// When to send what is due at `due`, could have been sent since `possible_since`, and is worth nothing
    /// from `expires_at` on.
    ///
    /// In quiet hours that is their end. When that is not before the expiry, it is the last second before
    /// they began, if it was possible then; else `due` itself: better in the night than never.
    pub fn settle(
        &self,
        due: DateTime<Utc>,
        possible_since: DateTime<Utc>,
        expires_at: Option<DateTime<Utc>>,
    ) -> DateTime<Utc> {
        if !self.is_quiet(due) {
            return due;
        }
        let end = self.end(due);
        if expires_at.is_none_or(|expires_at| end < expires_at) {
            return end;
        }
        let before = self.last_before(due);
        if before >= possible_since { before } else { due }
    }

    // The first instant after a quiet one that is not quiet.
    fn end(&self, quiet_at: DateTime<Utc>) -> DateTime<Utc> {
        let mut at = quiet_at;
        loop {
            // As the clocks go now, the hours end so much later; a change of the clocks before that may end
            // them at once, or move their end.
            let end = at + from_to(self.zone.to_wall(at).time(), self.until);
            let Some(change) = self.zone.transitions(at, end).first().map(|change| change.at) else {
                return end;
            };
            if !self.is_quiet(change) {
                return change;
            }
            at = change;
        }
    }

    // The last second before the quiet hours around a quiet instant.
    fn last_before(&self, quiet_at: DateTime<Utc>) -> DateTime<Utc> {
        let second = TimeDelta::seconds(1);
        let mut at = quiet_at;
        loop {
            let start = at - from_to(self.from, self.zone.to_wall(at).time());
            let Some(change) = self.zone.transitions(start - second, at).last().map(|change| change.at)
            else {
                return start - second;
            };
            at = change - second;
            if !self.is_quiet(at) {
                return at;
            }
        }
    }
}

impl fmt::Display for Quiet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from.format("%H:%M"), self.until.format("%H:%M"))
    }
}

// `8:00` is as clear as `08:00`.
fn time_of_day(text: &str) -> Option<NaiveTime> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, digits: std::ops::RangeInclusive<usize>| {
        let is_number = digits.contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit());
        is_number.then(|| text.parse().ok())?
    };
    NaiveTime::from_hms_opt(number(hour, 1..=2)?, number(minute, 2..=2)?, 0)
}

// How long a clock takes from one time of day to the next `until`, less than a day.
fn from_to(from: NaiveTime, until: NaiveTime) -> TimeDelta {
    let span = until - from;
    if span < TimeDelta::zero() { span + TimeDelta::days(1) } else { span }
}
