//! Words: what stands around a notice, in one language: the short texts that several renderings share.
//!
//! Pure. A title's prefix or a time said in two ways would look like two notices. Every text is a message of
//! `templates/words/<language>.ftl`; the tests hold each `say("…")` and `tell("…")` to those files.

pub mod file; // the messages of a language, read and checked

use std::fmt;
use std::sync::Arc;

use chrono::{Datelike, Month, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Weekday};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

use crate::notice::{
    Care, Confidence, Event, Invitation, Issued, KindName, Notice, Precision, Relation, Status,
};
use crate::render::words::file::File;
use crate::render::xml::escape_html;
use crate::revision::{DateName, Difference, Point, Spot};
use crate::schedule::cut::Cut;
use crate::schedule::meaning::{Days, Meaning, Times, clock};
use crate::schedule::reminder::Before;
use crate::schedule::zone::Moment;

/// The words of one language; what it lacks it says in English.
pub struct Words {
    lang: String,
    bundle: FluentBundle<Arc<FluentResource>>,
    // Looked up once: ten thousand pages name them.
    names: Names,
}

/// A value that a message is filled in with.
pub type Value<'v> = FluentValue<'v>;

/// A value of a message that becomes HTML.
#[derive(Debug, Clone)]
pub enum Markup<'v> {
    /// A text, escaped. Between `<name>` and `</name>` of the message it is the link's address.
    Text(&'v str),
    /// HTML, as it is.
    Html(&'v str),
    /// A number, for the message to choose a plural by.
    Number(i64),
}

#[derive(Default)]
struct Names {
    weekdays: [String; 7],
    weekdays_short: [String; 7],
    months: [String; 12],
    months_short: [String; 12],
}

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

// The first of as many private characters as a message has values: they stand for them until it is escaped.
const STAND_IN: u32 = 0xE000;

impl Words {
    /// The words of a language: those of its files, English first; a later file takes the place of an earlier one,
    /// message by message.
    pub fn new(lang: &LanguageIdentifier, files: &[&File]) -> Self {
        let mut bundle = FluentBundle::new_concurrent(vec![lang.clone()]);
        // The marks would stand in headers and in plain texts; HTML has <bdi> and `dir`.
        bundle.set_use_isolating(false);
        // Only a second call of it could fail.
        let _ = bundle.add_builtins();
        files.iter().for_each(|file| bundle.add_resource_overriding(Arc::clone(&file.resource)));
        let mut words = Self { lang: lang.to_string(), bundle, names: Names::default() };
        words.names = Names {
            weekdays: WEEKDAYS.map(|day| words.tell("weekday", [("weekday", day.into())])),
            weekdays_short: WEEKDAYS.map(|day| words.tell("weekday-short", [("weekday", day.into())])),
            months: MONTHS.map(|month| words.tell("month", [("month", month.into())])),
            months_short: MONTHS.map(|month| words.tell("month-short", [("month", month.into())])),
        };
        words
    }

    /// The language, BCP 47.
    pub fn lang(&self) -> &str {
        &self.lang
    }

    /// Whether it is the language of that tag, whatever region or script the tag names besides.
    pub fn is_of(&self, lang: &str) -> bool {
        let primary = |tag: &str| tag.split(['-', '_']).next().map(str::to_ascii_lowercase);
        primary(lang) == primary(&self.lang)
    }

    /// The message of that name, which takes no values.
    pub fn say(&self, id: &str) -> String {
        self.tell(id, [])
    }

    /// The message of that name, filled in.
    pub fn tell<'v>(&self, id: &str, values: impl IntoIterator<Item = (&'v str, Value<'v>)>) -> String {
        let text = self.try_tell(id, values);
        debug_assert!(text.is_ok(), "{text:?}");
        text.unwrap_or_else(|_| id.to_owned())
    }

    /// The message of that name, filled in; else a clause that says what is missing.
    pub fn try_tell<'v>(
        &self,
        id: &str,
        values: impl IntoIterator<Item = (&'v str, Value<'v>)>,
    ) -> Result<String, String> {
        let pattern = self.bundle.get_message(id).and_then(|message| message.value());
        let pattern = pattern.ok_or_else(|| format!("no message is called {id}"))?;
        let arguments: FluentArgs<'_> = values.into_iter().collect();
        let mut errors = Vec::new();
        let text = self.bundle.format_pattern(pattern, Some(&arguments), &mut errors);
        match errors.first() {
            None => Ok(text.into_owned()),
            Some(error) => Err(format!("the message {id} cannot be filled in: {error}")),
        }
    }

    /// The message of that name as HTML: its own text and the texts among the values are escaped, `<name>…</name>`
    /// becomes a link to the value of that name. Else a clause that says what is missing.
    pub fn try_markup(&self, id: &str, values: &[(&str, Markup<'_>)]) -> Result<String, String> {
        let stand_ins = (STAND_IN..).zip(values).map(|(stand_in, (name, value))| {
            let value = match value {
                Markup::Number(number) => Value::from(*number),
                Markup::Text(_) | Markup::Html(_) => {
                    char::from_u32(stand_in).map(String::from).unwrap_or_default().into()
                }
            };
            (*name, value)
        });
        let text = self.try_tell(id, stand_ins)?;
        let mut html = String::with_capacity(text.len() + 64);
        let mut rest = text.as_str();
        while let Some(at) = rest.find(|c: char| c == '<' || u32::from(c) >= STAND_IN) {
            html.push_str(&escape_html(&rest[..at]));
            rest = &rest[at..];
            let length = match link(rest, values) {
                Some((tag, length)) => {
                    html.push_str(&tag);
                    length
                }
                None => {
                    let length = rest.chars().next().map_or(0, char::len_utf8);
                    html.push_str(&stood_for(&rest[..length], values));
                    length
                }
            };
            rest = &rest[length..];
        }
        html.push_str(&escape_html(rest));
        Ok(html)
    }

    /// The title as every output shows it: with its status in front when it is not as first said.
    pub fn title(&self, notice: &Notice) -> String {
        let status = match &notice.withdrawn {
            Some(_) => Some(self.say("status-withdrawn")),
            None => notice.event().and_then(|event| self.status_prefix(event.status_of_all())),
        };
        match status {
            Some(status) => self.tell(
                "title-with-status",
                [("status", status.into()), ("title", notice.title.as_str().into())],
            ),
            None => notice.title.clone(),
        }
    }

    /// What stands before a title.
    pub fn status_prefix(&self, status: Status) -> Option<String> {
        match status {
            Status::Scheduled => None,
            Status::Moved => Some(self.say("status-moved")),
            Status::Rescheduled => Some(self.say("status-rescheduled")),
            Status::Postponed => Some(self.say("status-postponed")),
            Status::Cancelled => Some(self.say("status-cancelled")),
        }
    }

    /// A status as a sentence.
    pub fn status_sentence(&self, status: Status) -> String {
        match status {
            Status::Scheduled => self.say("says-scheduled"),
            Status::Moved => self.say("says-moved"),
            Status::Rescheduled => self.say("says-rescheduled"),
            Status::Postponed => self.say("says-postponed"),
            Status::Cancelled => self.say("says-cancelled"),
        }
    }

    /// A status that is another than before, as a sentence. What takes place as announced again may do so at
    /// another time than was first announced.
    pub fn status_change(&self, was: Status, is: Status) -> String {
        match is {
            Status::Scheduled if !was.takes_place() => self.say("says-after-all"),
            Status::Scheduled => self.say("says-as-now-announced"),
            Status::Moved | Status::Rescheduled | Status::Postponed | Status::Cancelled => {
                self.status_sentence(is)
            }
        }
    }

    /// `Tuesday, July 10, 2018, 9:00 AM EDT`
    pub fn moment(&self, moment: &Moment) -> String {
        self.tell("moment", [("day", self.day(moment.wall).into()), ("clock", self.clock(moment).into())])
    }

    /// `Tuesday, July 10, 2018`
    pub fn day(&self, wall: NaiveDateTime) -> String {
        self.tell("day", self.date_values(wall))
    }

    /// `July 10, 2018`
    pub fn date(&self, wall: NaiveDateTime) -> String {
        self.tell("date", self.date_values(wall).into_iter().skip(1))
    }

    /// As `day`, its parts held together by no-break spaces.
    pub fn day_held(&self, wall: NaiveDateTime) -> String {
        upper_first(&self.tell("day-held", self.date_values(wall)))
    }

    /// As `date`, its parts held together by no-break spaces.
    pub fn date_held(&self, wall: NaiveDateTime) -> String {
        self.tell("date-held", self.date_values(wall).into_iter().skip(1))
    }

    /// `9:00 AM EDT`
    pub fn clock(&self, moment: &Moment) -> String {
        let zone = moment.zone.abbreviation(moment.at);
        self.tell("clock-in-zone", [("clock", self.clock_alone(moment.wall).into()), ("zone", zone.into())])
    }

    /// `9:00 AM`
    pub fn clock_alone(&self, wall: NaiveDateTime) -> String {
        let (is_pm, hour) = wall.hour12();
        self.tell(
            "clock",
            [
                ("hour", wall.hour().into()),
                ("hour12", hour.into()),
                ("minute", format!("{:02}", wall.minute()).into()),
                ("half", if is_pm { "pm" } else { "am" }.into()),
            ],
        )
    }

    /// `Tue Jul 10, 9:00 AM`
    pub fn moment_short(&self, wall: NaiveDateTime) -> String {
        self.day_at(wall, self.clock_alone(wall))
    }

    /// `Tue Jul 10, 9:00 AM EDT`
    pub fn moment_short_in_zone(&self, moment: &Moment) -> String {
        self.day_at(moment.wall, self.clock(moment))
    }

    fn day_at(&self, wall: NaiveDateTime, clock: String) -> String {
        self.tell(
            "moment-short",
            [
                ("weekday", self.names.weekdays_short[weekday_index(wall.weekday())].as_str().into()),
                ("month", self.names.months_short[wall.month0() as usize].as_str().into()),
                ("day", wall.day().into()),
                ("clock", clock.into()),
            ],
        )
    }

    /// `Tuesday`
    pub fn weekday(&self, weekday: Weekday) -> &str {
        &self.names.weekdays[weekday_index(weekday)]
    }

    /// `July`
    pub fn month(&self, wall: NaiveDateTime) -> &str {
        &self.names.months[wall.month0() as usize]
    }

    /// From the start to the end: `Tuesday, July 10, 2018, 9:00 AM EDT to 11:00 AM EDT`.
    pub fn span(&self, event: &Event) -> String {
        let starts = &event.starts;
        match &event.ends {
            Some(ends) if ends.wall.date() == starts.wall.date() => self.tell(
                "span-of-day",
                [
                    ("day", self.day(starts.wall).into()),
                    ("from", self.clock(starts).into()),
                    ("to", self.clock(ends).into()),
                ],
            ),
            Some(ends) => self.tell(
                "span-of-days",
                [("from", self.moment(starts).into()), ("to", self.moment(ends).into())],
            ),
            None => self.moment(starts),
        }
    }

    /// From a time of day to another: `9:00 AM EDT to 11:00 AM EDT`.
    pub fn clock_span(&self, from: &str, to: &str) -> String {
        self.tell("clock-span", [("from", from.into()), ("to", to.into())])
    }

    /// From a time of day to a time of another day.
    pub fn clock_to_moment(&self, from: &str, to: &str) -> String {
        self.tell("clock-to-moment", [("from", from.into()), ("to", to.into())])
    }

    /// `February 2020 (approximate)`
    pub fn issued(&self, issued: &Issued) -> String {
        let wall = issued.first_day.and_time(NaiveTime::MIN);
        let date = match issued.precision {
            Precision::Year => wall.year().to_string(),
            Precision::Month => self.tell(
                "month-and-year",
                [("month", self.month(wall).into()), ("year", wall.year().to_string().into())],
            ),
            Precision::Day => self.date(wall),
        };
        if issued.approximate { self.tell("approximately", [("date", date.into())]) } else { date }
    }

    /// One material difference, the change said first.
    pub fn difference(&self, difference: &Difference) -> String {
        let said = |moment: &Option<Moment>| moment.as_ref().map(|moment| self.moment(moment));
        match difference {
            Difference::Status { was, is } => self.status_change(*was, *is),
            Difference::Time { was, is } => {
                self.changed("time", Some(self.moment(was)), Some(self.moment(is)))
            }
            Difference::End { was, is } => self.changed("end", said(was), said(is)),
            Difference::Assembly { was, is } => self.changed("assembly", said(was), said(is)),
            Difference::Place { was, is } => self.place(was.as_ref(), is.as_ref()),
            Difference::MeetingPoint { was, is } => {
                let text = |point: &Option<Point>| point.as_ref().map(|point| point.text.clone());
                self.changed("meeting-point", text(was), text(is))
            }
            Difference::Of(date, of_date) => self.of_date(date, of_date),
            Difference::Added(date) => self.tell("date-added", [("date", self.moment(&date.starts).into())]),
            Difference::Removed(date) => {
                self.tell("date-removed", [("date", self.moment(&date.starts).into())])
            }
            // Its author's own words, in the language of the notice.
            Difference::Said(sentence) => sentence.clone(),
            Difference::Withdrawn(why) => self.tell("withdrawn-because", [("why", why.clone().into())]),
            Difference::Restored => self.say("restored-sentence"),
        }
    }

    // Of two dates on one day only the hour says which.
    fn of_date(&self, date: &DateName, difference: &Difference) -> String {
        let date = ("date", Value::from(self.moment(&date.starts)));
        match difference {
            Difference::Time { is, .. } => self.tell("date-is-now", [date, ("is", self.moment(is).into())]),
            Difference::Status { was, is } => match is {
                Status::Scheduled if !was.takes_place() => self.tell("date-after-all", [date]),
                Status::Scheduled => self.tell("date-as-now-announced", [date]),
                Status::Moved => self.tell("date-moved", [date]),
                Status::Rescheduled => self.tell("date-rescheduled", [date]),
                Status::Postponed => self.tell("date-postponed", [date]),
                Status::Cancelled => self.tell("date-cancelled", [date]),
            },
            Difference::End { .. }
            | Difference::Assembly { .. }
            | Difference::Place { .. }
            | Difference::MeetingPoint { .. }
            | Difference::Of(..)
            | Difference::Added(_)
            | Difference::Removed(_)
            | Difference::Said(_)
            | Difference::Withdrawn(_)
            | Difference::Restored => {
                self.tell("of-date", [date, ("change", self.difference(difference).into())])
            }
        }
    }

    // Of two parts only the one that differs: who reads the same name twice looks for the difference.
    fn place(&self, was: Option<&Spot>, is: Option<&Spot>) -> String {
        if let (Some(was), Some(is)) = (was, is) {
            if was.name == is.name {
                return self.changed("address", was.address.clone(), is.address.clone());
            }
            if was.address == is.address {
                return self.changed("place", Some(was.name.clone()), Some(is.name.clone()));
            }
        }
        self.changed("place", was.map(Spot::one_line), is.map(Spot::one_line))
    }

    fn changed(&self, what: &str, was: Option<String>, is: Option<String>) -> String {
        let what = ("what", Value::from(what));
        match (was, is) {
            (Some(was), Some(is)) => self.tell("changed", [what, ("was", was.into()), ("is", is.into())]),
            (None, Some(is)) => self.tell("now-known", [what, ("is", is.into())]),
            (Some(was), None) => self.tell("not-known-any-more", [what, ("was", was.into())]),
            (None, None) => self.tell("changed-untold", [what]),
        }
    }

    /// The heading of a kind's pages and feeds.
    pub fn kind_plural(&self, kind: KindName) -> String {
        match kind {
            KindName::Archive => self.say("kinds-archive"),
            KindName::Statement => self.say("kinds-statement"),
            KindName::Action => self.say("kinds-action"),
        }
    }

    /// What one of a kind is called.
    pub fn kind_singular(&self, kind: KindName) -> String {
        match kind {
            KindName::Archive => self.say("kind-archive"),
            KindName::Statement => self.say("kind-statement"),
            KindName::Action => self.say("kind-action"),
        }
    }

    /// What is asked of those who carry a practice further; nothing when anybody may.
    pub fn care(&self, care: Care) -> Option<String> {
        match care {
            Care::Public => None,
            Care::AskFirst => Some(self.say("care-ask-first")),
        }
    }

    /// Whether others may sign a statement.
    pub fn invitation(&self, invitation: &Invitation) -> String {
        match &invitation.until {
            Some(until) if invitation.is_open => {
                self.tell("signing-open-until", [("moment", self.moment(until).into())])
            }
            None if invitation.is_open => self.say("signing-open"),
            Some(_) | None => self.say("signing-closed"),
        }
    }

    /// When a source was looked at: `seen on April 6, 2020`
    pub fn accessed(&self, day: NaiveDate) -> String {
        self.tell("accessed", [("date", self.date(day.and_time(NaiveTime::MIN)).into())])
    }

    /// How a practice relates to another, before its name.
    pub fn relation(&self, relation: Relation) -> String {
        match relation {
            Relation::InspiredBy => self.say("relation-inspired-by"),
            Relation::DescendsFrom => self.say("relation-descends-from"),
            Relation::AdaptedFrom => self.say("relation-adapted-from"),
            Relation::LearnedFrom => self.say("relation-learned-from"),
            Relation::ParallelTo => self.say("relation-parallel-to"),
        }
    }

    /// How sure a line of descent is, and who says so, behind its name.
    pub fn confidence(&self, confidence: Confidence, source: Option<&str>) -> String {
        let confidence = match confidence {
            Confidence::Documented => self.say("confidence-documented"),
            Confidence::Told => self.say("confidence-told"),
            Confidence::Inferred => self.say("confidence-inferred"),
            Confidence::Unknown => self.say("confidence-unknown"),
        };
        match source {
            Some(source) => self.labelled(&confidence, source),
            None => confidence,
        }
    }

    /// `Where: the park`
    pub fn labelled(&self, label: &str, value: &str) -> String {
        self.tell("labelled", [("label", label.into()), ("value", value.into())])
    }

    /// When an issue closes: `every Monday at 09:00 (America/New_York)`; an uncommon line stands for itself.
    pub fn cut(&self, cut: &Cut) -> String {
        let said =
            cut.meaning().map_or_else(|| format!("`{}`", cut.line()), |meaning| self.meaning(&meaning));
        self.tell("cut-in-zone", [("cut", said.into()), ("zone", cut.zone().name().into())])
    }

    fn meaning(&self, meaning: &Meaning) -> String {
        let times = self.times(&meaning.times);
        match (&meaning.times, &meaning.days) {
            (Times::At(at), _) => self.tell(
                "cut-at",
                [
                    ("days", self.days(meaning).into()),
                    ("hour", at.first().map_or(0, Timelike::hour).into()),
                    ("times", times.into()),
                ],
            ),
            (_, Days::Every) if meaning.months.is_empty() => times,
            (_, _) => self.tell("cut-every", [("times", times.into()), ("days", self.days(meaning).into())]),
        }
    }

    fn times(&self, times: &Times) -> String {
        let count = |count: &u32| [("count", Value::from(*count))];
        match times {
            Times::At(times) => self.and(&times.iter().map(|time| clock(*time)).collect::<Vec<_>>()),
            Times::EveryMinute => self.say("every-minute"),
            Times::EveryMinutes(step) => self.tell("every-minutes", count(step)),
            Times::EveryHour(0) => self.say("every-hour"),
            Times::EveryHour(minute) => self.tell("every-hour-past", count(minute)),
            Times::EveryHours(step) => self.tell("every-hours", count(step)),
            Times::Between(first, last) => self
                .tell("every-hour-between", [("first", clock(*first).into()), ("last", clock(*last).into())]),
        }
    }

    fn days(&self, meaning: &Meaning) -> String {
        let months =
            self.and(&meaning.months.iter().map(|month| self.month_name(*month)).collect::<Vec<_>>());
        let is_every_month = months.is_empty();
        let months = ("months", Value::from(months));
        let days = match &meaning.days {
            Days::Every => self.say("every-day"),
            Days::Working => self.say("working-days"),
            Days::Weekdays(weekdays) => {
                let weekdays: Vec<&str> = weekdays.iter().map(|day| self.weekday(*day)).collect();
                self.tell("every-weekday", [("weekdays", self.and(&weekdays).into())])
            }
            Days::OfMonth(days) => {
                let count = ("count", Value::from(days.len()));
                let days: Vec<String> = days.iter().map(|day| self.day_of_month(*day)).collect();
                let days = ("days", Value::from(self.and(&days)));
                return match is_every_month {
                    true => self.tell("days-of-month", [count, days]),
                    false => self.tell("days-of-months", [count, days, months]),
                };
            }
            Days::Nth(nth, weekday) => {
                let nth = match nth {
                    1 => "first",
                    2 => "second",
                    3 => "third",
                    _ => "fourth",
                };
                let (nth, weekday) = (("nth", nth.into()), ("weekday", self.weekday(*weekday).into()));
                return match is_every_month {
                    true => self.tell("nth-of-month", [nth, weekday]),
                    false => self.tell("nth-of-months", [nth, weekday, months]),
                };
            }
            Days::Both(weekday, day) => self.tell(
                "weekday-and-day",
                [("weekday", self.weekday(*weekday).into()), ("day", self.day_of_month(*day).into())],
            ),
        };
        if is_every_month { days } else { self.tell("in-months", [("days", days.into()), months]) }
    }

    fn day_of_month(&self, day: u32) -> String {
        self.tell("day-of-month", [("day", day.into())])
    }

    fn month_name(&self, month: Month) -> &str {
        &self.names.months[month.number_from_month() as usize - 1]
    }

    /// A span of time: `1 day and 12 hours`.
    pub fn length(&self, before: &Before) -> String {
        let [weeks, days, hours, minutes, seconds] = before.parts();
        let count = |count: u32| [("count", Value::from(count))];
        let parts = [
            (weeks > 0).then(|| self.tell("weeks", count(weeks))),
            (days > 0).then(|| self.tell("days", count(days))),
            (hours > 0).then(|| self.tell("hours", count(hours))),
            (minutes > 0).then(|| self.tell("minutes", count(minutes))),
            (seconds > 0).then(|| self.tell("seconds", count(seconds))),
        ];
        self.and(&parts.into_iter().flatten().collect::<Vec<_>>())
    }

    /// `1 day and 12 hours before`
    pub fn before(&self, before: &Before) -> String {
        self.tell("before", [("span", self.length(before).into())])
    }

    /// `Tomorrow`, `In 2 hours`: what comes after a span of time.
    pub fn in_time(&self, span: String) -> String {
        self.tell("in-time", [("span", span.into())])
    }

    /// A number of days: `3 days`.
    pub fn number_of_days(&self, days: i64) -> String {
        self.tell("days", [("count", days.into())])
    }

    /// `a, b and c`
    pub fn and<S: AsRef<str>>(&self, texts: &[S]) -> String {
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        match texts.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, others)) => {
                self.tell("and", [("others", others.join(", ").into()), ("last", (*last).into())])
            }
            None => String::new(),
        }
    }

    /// `a or b or c`
    pub fn or(&self, texts: &[String]) -> String {
        match texts {
            [] => String::new(),
            [one] => one.clone(),
            [first, others @ ..] => {
                self.tell("or", [("first", first.as_str().into()), ("others", self.or(others).into())])
            }
        }
    }

    // The weekday first.
    fn date_values(&self, wall: NaiveDateTime) -> [(&'static str, Value<'_>); 4] {
        [
            ("weekday", self.weekday(wall.weekday()).into()),
            ("month", self.month(wall).into()),
            ("day", wall.day().into()),
            ("year", wall.year().to_string().into()),
        ]
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Words").field("lang", &self.lang).finish_non_exhaustive()
    }
}

/// A text with its first letter as at the beginning of a sentence.
pub fn upper_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

fn weekday_index(weekday: Weekday) -> usize {
    weekday.num_days_from_monday() as usize
}

// The element that a link's begin or end becomes, and the length of its mark; none for any other text.
fn link(text: &str, values: &[(&str, Markup<'_>)]) -> Option<(String, usize)> {
    let (mark, _) = text.strip_prefix('<')?.split_once('>')?;
    let name = mark.strip_prefix('/').unwrap_or(mark);
    let (_, value) = values.iter().find(|(known, _)| *known == name)?;
    let tag = match value {
        _ if mark.starts_with('/') => "</a>".to_owned(),
        Markup::Text(address) | Markup::Html(address) => format!("<a href=\"{}\">", escape_html(address)),
        Markup::Number(_) => return None,
    };
    Some((tag, mark.len() + 2))
}

// What a stand-in stands for; any other character as itself.
fn stood_for(text: &str, values: &[(&str, Markup<'_>)]) -> String {
    let at = text.chars().next().and_then(|c| u32::from(c).checked_sub(STAND_IN));
    match at.and_then(|at| values.get(at as usize)) {
        Some((_, Markup::Text(value))) => escape_html(value).into_owned(),
        Some((_, Markup::Html(value))) => (*value).to_owned(),
        Some((_, Markup::Number(_))) | None => escape_html(text).into_owned(),
    }
}
