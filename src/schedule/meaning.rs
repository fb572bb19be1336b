//! Meaning: what a cron line says, taken apart for those who put it into words.
//!
//! Pure.

use std::fmt;

use chrono::{Month, NaiveTime, Timelike, Weekday};

/// What a common cron line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// When on a day.
    pub times: Times,
    /// On which days.
    pub days: Days,
    /// Of which months, at most three; of every month when empty.
    pub months: Vec<Month>,
}

/// The times of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Times {
    /// At these, one to four.
    At(Vec<NaiveTime>),
    /// Every minute.
    EveryMinute,
    /// Every so many minutes.
    EveryMinutes(u32),
    /// At so many minutes past every hour.
    EveryHour(u32),
    /// Every so many hours from midnight.
    EveryHours(u32),
    /// Every hour from the first to the last.
    Between(NaiveTime, NaiveTime),
}

/// The days of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Days {
    /// All.
    Every,
    /// Monday to Friday.
    Working,
    /// Those days of the week, Monday first.
    Weekdays(Vec<Weekday>),
    /// Those days of the month, one to four.
    OfMonth(Vec<u32>),
    /// The first to the fourth of a day of the week.
    Nth(u32, Weekday),
    /// A day of the week that is also a day of the month, Friday the 13th.
    Both(Weekday, u32),
}

impl Meaning {
    fn days(&self) -> String {
        let months: Vec<&str> = self.months.iter().map(Month::name).collect();
        let of = if months.is_empty() { "every month".to_owned() } else { and(&months) };
        let date = match &self.days {
            Days::Every => "every day".to_owned(),
            Days::Working => "Monday to Friday".to_owned(),
            Days::Weekdays(weekdays) => {
                format!("every {}", and(&weekdays.iter().map(|day| name(*day)).collect::<Vec<_>>()))
            }
            Days::OfMonth(days) => {
                let days: Vec<String> = days.iter().map(|day| ordinal(*day)).collect();
                return format!("on the {} of {of}", and(&days));
            }
            Days::Nth(nth, weekday) => {
                let nth = match nth {
                    1 => "first",
                    2 => "second",
                    3 => "third",
                    _ => "fourth",
                };
                return format!("on the {nth} {} of {of}", name(*weekday));
            }
            Days::Both(weekday, day) => format!("on every {} the {}", name(*weekday), ordinal(*day)),
        };
        if months.is_empty() { date } else { format!("{date} in {of}") }
    }

    fn times(&self) -> String {
        match &self.times {
            Times::At(times) => and(&times.iter().map(|time| clock(*time)).collect::<Vec<_>>()),
            Times::EveryMinute => "every minute".to_owned(),
            Times::EveryMinutes(step) => format!("every {step} minutes"),
            Times::EveryHour(0) => "every hour".to_owned(),
            Times::EveryHour(minute) => format!("every hour at {minute} minutes past"),
            Times::EveryHours(step) => format!("every {step} hours from midnight"),
            Times::Between(first, last) => format!("every hour from {} to {}", clock(*first), clock(*last)),
        }
    }
}

/// In English, for commands: `every Monday at 09:00`.
impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.times, &self.days) {
            (Times::At(_), _) => write!(f, "{} at {}", self.days(), self.times()),
            (_, Days::Every) if self.months.is_empty() => f.write_str(&self.times()),
            (_, _) => write!(f, "{}, {}", self.times(), self.days()),
        }
    }
}

/// `09:00`, with seconds when there are any.
pub fn clock(time: NaiveTime) -> String {
    let format = if time.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
    time.format(format).to_string()
}

fn name(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Mon => "Monday",
        Weekday::Tue => "Tuesday",
        Weekday::Wed => "Wednesday",
        Weekday::Thu => "Thursday",
        Weekday::Fri => "Friday",
        Weekday::Sat => "Saturday",
        Weekday::Sun => "Sunday",
    }
}

fn ordinal(number: u32) -> String {
    let suffix = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

fn and<S: AsRef<str>>(words: &[S]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}
