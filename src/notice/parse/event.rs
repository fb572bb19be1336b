//! Event: the front matter of an action: when it is, on which dates, and where.
//!
//! Pure.

use std::collections::HashSet;

use chrono::{Datelike as _, TimeDelta};

use crate::fields::{Fields, Placed};
use crate::notice::date::{Date, DateKey};
use crate::notice::lint::{MINUTE, Timed};
use crate::notice::parse::{read_parties, read_url, values};
use crate::notice::{ACCESS_FIELDS, Access, Event, Legal, Place, Press, Status, slug};
use crate::schedule::zone::{self, Moment, Zone};

/// The event of an action; none when something of it is wrong.
pub(super) fn read(fields: &Fields<'_>, site_zone: &Zone, timed: &mut Timed) -> Option<Event> {
    fields.required("zone", &format!("\"{}\"", site_zone.name()));
    let zone = read_zone(fields);
    // The other fields are read in any case, so that their problems show too.
    let reading_zone = zone.clone().unwrap_or_else(|| site_zone.clone());
    let rows = fields.tables("occurrence");
    let status = read_status(fields);
    let status_note = fields.line("status_note").map(|line| line.value);
    let (times, place, dates) = match rows.is_empty() {
        true => {
            let times = read_times(fields, &reading_zone);
            let gathering = times.gathering().filter(|_| status.takes_place());
            let place = read_place(fields, times.starts(), gathering, &reading_zone);
            if status.takes_place() {
                timed.last_start = times.starts.clone();
            }
            (times, place, Vec::new())
        }
        false => read_dates(fields, rows, (status, status_note.as_deref()), &reading_zone, timed),
    };
    let access = read_access(fields);
    let legal = read_legal(fields, &reading_zone);
    let press = read_press(fields, &reading_zone);
    let hosts = values(fields.lines("hosts"));
    let cosponsors = read_parties(fields, "cosponsors");
    let demands = values(fields.lines("demands"));
    zone?;
    Some(Event {
        starts: times.starts?.value,
        ends: times.ends,
        assemble_at: times.assemble_at,
        status,
        status_note,
        place,
        has_place_to_come: false,
        dates,
        access,
        legal,
        press,
        hosts,
        cosponsors,
        demands,
    })
}

/// When something is, as its author wrote it.
#[derive(Default)]
struct Times {
    starts: Option<Placed<Moment>>,
    ends: Option<Moment>,
    assemble_at: Option<Moment>,
}

impl Times {
    fn starts(&self) -> Option<&Moment> {
        self.starts.as_ref().map(|placed| &placed.value)
    }

    // When the first people are there.
    fn gathering(&self) -> Option<&Moment> {
        self.assemble_at.as_ref().or_else(|| self.starts())
    }
}

// Longer ones there are, camps and caravans; a slip in the month is more frequent.
const LONG_BEFORE: TimeDelta = TimeDelta::days(1);
const LONG: TimeDelta = TimeDelta::days(7);

// Of an action, or of one of its dates.
fn read_times(fields: &Fields<'_>, zone: &Zone) -> Times {
    fields.required("starts", "2018-07-10 09:00");
    let starts = fields.moment("starts", zone);
    let ends = fields.moment("ends", zone);
    let assemble_at = fields.moment("assemble_at", zone);
    if let Some(starts) = &starts {
        check_weekday(fields, &starts.value);
        if let Some(ends) = ends.as_ref().filter(|ends| ends.value.at - starts.value.at > LONG) {
            let days = (ends.value.at - starts.value.at).num_days();
            let message = format!("it would go on for {days} days");
            fields.warn(ends.span.clone(), message, "look at the day and the month again");
        }
        if let Some(assemble) = assemble_at.as_ref().filter(|it| starts.value.at - it.value.at > LONG_BEFORE)
        {
            let hours = (starts.value.at - assemble.value.at).num_hours();
            let message = format!("people would assemble {hours} hours before the start");
            fields.warn(assemble.span.clone(), message, "look at the day again");
        }
        if let Some(ends) = ends.as_ref().filter(|ends| ends.value.at <= starts.value.at) {
            fields.error(ends.span.clone(), "the end is not after the start", "write a later time");
        }
        if let Some(assemble) = assemble_at.as_ref().filter(|assemble| assemble.value.at > starts.value.at) {
            fields.error(
                assemble.span.clone(),
                "people would assemble after the start",
                "write an earlier time",
            );
        }
    } else {
        fields.has("weekday");
    }
    Times {
        starts,
        ends: ends.map(|placed| placed.value),
        assemble_at: assemble_at.map(|placed| placed.value),
    }
}

// The times of the first date, the place of those that name none, and each date.
fn read_dates(
    fields: &Fields<'_>,
    rows: Vec<Fields<'_>>,
    of_all: (Status, Option<&str>),
    zone: &Zone,
    timed: &mut Timed,
) -> (Times, Option<Place>, Vec<Date>) {
    for (key, is_there) in [
        ("starts", fields.has("starts")),
        ("ends", fields.has("ends")),
        ("assemble_at", fields.has("assemble_at")),
        ("weekday", fields.has("weekday")),
    ] {
        if is_there {
            let message = format!("`{key}` stands beside [[occurrence]], where each date has its own");
            fields.error(fields.span_of(key), message, "move it into the [[occurrence]] that it is of");
        }
    }
    let read: Vec<(Times, RowOfDate)> = rows.iter().map(|row| read_row(row, zone)).collect();
    check_keys(&rows, &read);
    check_order(&rows, &read);
    let takes_place = |date: &&(Times, RowOfDate)| date.1.status.takes_place() && of_all.0.takes_place();
    let standing = || read.iter().filter(takes_place);
    let starts = standing().filter_map(|(times, _)| times.starts.as_ref());
    timed.last_start = starts.max_by_key(|starts| starts.value.at).cloned();
    // As it was written: the place of the day shows from the first date's on, and has to for those who gather there.
    let first = read.iter().filter_map(|(times, _)| times.starts()).min_by_key(|starts| starts.at);
    let there = standing().filter(|(_, row)| row.place.is_none());
    let gathering = there.filter_map(|(times, _)| times.gathering()).min_by_key(|moment| moment.at);
    let place = read_place(fields, first, gathering, zone);
    let mut dates: Vec<Date> =
        read.into_iter().filter_map(|(times, row)| date_of(times, row, of_all, place.as_ref())).collect();
    dates.sort_by(|a, b| (a.starts.at, &a.key).cmp(&(b.starts.at, &b.key)));
    let first = dates.first().filter(|_| dates.len() == rows.len());
    rows.into_iter().for_each(Fields::finish);
    let times = first.map_or(Times::default(), |first| Times {
        starts: Some(Placed { value: first.starts.clone(), span: fields.span() }),
        ends: first.ends.clone(),
        assemble_at: first.assemble_at.clone(),
    });
    (times, place, dates)
}

/// What is written of a date beside its times.
struct RowOfDate {
    key: Option<DateKey>,
    status: Status,
    note: Option<String>,
    place: Option<Place>,
}

fn read_row(row: &Fields<'_>, zone: &Zone) -> (Times, RowOfDate) {
    let times = read_times(row, zone);
    let starts = times.starts();
    let written = row.line("key");
    let key = match &written {
        Some(line) => DateKey::parse(&line.value),
        None => starts.map(DateKey::of_day),
    };
    if let Some(line) = written.as_ref().filter(|_| key.is_none()) {
        let help = format!("use lower-case letters, digits and hyphens, such as {}", slug(&line.value));
        row.error(line.span.clone(), format!("`key` cannot stand in an address: {}", line.value), help);
    }
    let status = read_status(row);
    if status == Status::Rescheduled && !row.has("key") {
        row.error(
            row.span_of("status"),
            "without a `key` a date at another time is another date, and nobody hears that this one moved",
            "add key = \"2018-07-17\" with the day that was said first",
        );
    }
    let note = row.line("note").map(|line| line.value);
    let gathering = times.gathering().filter(|_| status.takes_place());
    let place = read_place(row, starts, gathering, zone);
    (times, RowOfDate { key, status, note, place })
}

fn check_keys(rows: &[Fields<'_>], read: &[(Times, RowOfDate)]) {
    let mut known: HashSet<&DateKey> = HashSet::new();
    for (row, (_, date)) in rows.iter().zip(read) {
        let Some(key) = date.key.as_ref().filter(|key| !known.insert(key)) else { continue };
        let span = row.span_of(if row.has("key") { "key" } else { "starts" });
        let help = format!("give each a name of its own, such as key = \"{key}-evening\"");
        row.error(span, format!("two dates have the key {key}"), help);
    }
}

fn check_order(rows: &[Fields<'_>], read: &[(Times, RowOfDate)]) {
    let mut latest = None;
    for (row, (times, _)) in rows.iter().zip(read) {
        let Some(starts) = &times.starts else { continue };
        if latest.is_some_and(|latest| starts.value.at < latest) {
            let help = "put it where it belongs: who looks for a date reads from the top";
            row.warn(starts.span.clone(), "this date is before the one above it", help);
        }
        latest = latest.max(Some(starts.value.at));
    }
}

// Of an action that is off no date takes place, and one that says nothing of itself is as the action is.
fn date_of(
    times: Times,
    row: RowOfDate,
    (of_all, note_of_all): (Status, Option<&str>),
    place: Option<&Place>,
) -> Option<Date> {
    let is_off = row.status.takes_place() && !of_all.takes_place();
    let status = if row.status == Status::Scheduled || is_off { of_all } else { row.status };
    Some(Date {
        key: row.key?,
        starts: times.starts?.value,
        ends: times.ends,
        assemble_at: times.assemble_at,
        status,
        note: row.note.or_else(|| note_of_all.map(str::to_owned)),
        is_elsewhere: row.place.is_some(),
        place: row.place.or_else(|| place.cloned()),
        has_place_to_come: false,
    })
}

fn read_zone(fields: &Fields<'_>) -> Option<Zone> {
    let line = fields.line("zone")?;
    let zone = Zone::find(&line.value);
    if zone.is_none() {
        let help = zone::suggest(&line.value)
            .map_or("write an IANA name such as America/New_York".to_owned(), |near| {
                format!("did you mean {near}?")
            });
        fields.error(line.span, format!("no time zone is called {}", line.value), help);
    }
    zone
}

fn check_weekday(fields: &Fields<'_>, starts: &Moment) {
    let Some(line) = fields.line("weekday") else { return };
    let date = starts.wall.date();
    let real = date.format("%A").to_string();
    match line.value.parse::<chrono::Weekday>() {
        Ok(weekday) if weekday == date.weekday() => {}
        Ok(_) => {
            let message = format!("{date} is a {real}, not a {}", line.value);
            fields.error(
                line.span,
                message,
                "correct the date or the weekday: one of them would send people on the wrong day",
            );
        }
        Err(_) => {
            fields.error(line.span, format!("{} is not a weekday", line.value), format!("write \"{real}\""))
        }
    }
}

fn read_status(fields: &Fields<'_>) -> Status {
    let all = [Status::Scheduled, Status::Moved, Status::Rescheduled, Status::Postponed, Status::Cancelled];
    let choices: Vec<(&str, Status)> = all.into_iter().map(|status| (status.as_str(), status)).collect();
    fields.one_of("status", &choices).unwrap_or(Status::Scheduled)
}

fn read_place(
    fields: &Fields<'_>,
    starts: Option<&Moment>,
    gathering: Option<&Moment>,
    zone: &Zone,
) -> Option<Place> {
    let table = fields.table("place")?;
    let name = table.required_line("name", "\"…\"");
    let address = table.line("address").map(|line| line.value);
    let geo = read_geo(&table);
    let meeting_point = table.line("meeting_point").map(|line| line.value);
    let meeting_point_expires = table.moment("meeting_point_expires", zone).map(|placed| placed.value);
    let day_of = table.one_of("visibility", &[("public", false), ("day-of", true)]).unwrap_or(false);
    let reveal_at = table.moment("reveal_at", zone);
    if let Some(reveal_at) = reveal_at.as_ref().filter(|_| !day_of) {
        table.error(
            reveal_at.span.clone(),
            "`reveal_at` goes with a place that is not public",
            "add visibility = \"day-of\"",
        );
    }
    // A place of the day shows from the day's first minute on, unless the author says when.
    let midnight = || Some(Moment::new(starts?.wall.date().and_hms_opt(0, 0, 0)?, starts?.zone.clone()));
    let (span, reveal_at) = match reveal_at {
        Some(placed) => (placed.span, Some(placed.value)),
        None => (table.span_of("visibility"), midnight()),
    };
    let shown_from = reveal_at.filter(|_| day_of);
    if let Some((shown, gathering)) = shown_from.as_ref().zip(gathering).filter(|(it, then)| it.at > then.at)
    {
        let message = format!(
            "the place would be shown from {} on, after people gather there at {}",
            shown.wall.format(MINUTE),
            gathering.wall.format(MINUTE)
        );
        let help = match table.has("reveal_at") {
            true => "write an earlier time",
            false => {
                "add reveal_at, a time before that: without it the place is shown from the first minute of the day of \
                      `starts`"
            }
        };
        table.error(span, message, help);
    }
    table.finish();
    Some(Place { name: name?.value, address, geo, meeting_point, shown_from, meeting_point_expires })
}

fn read_geo(table: &Fields<'_>) -> Option<(f64, f64)> {
    let numbers = table.numbers("geo")?;
    match numbers.value[..] {
        [latitude, longitude] if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 => {
            Some((latitude, longitude))
        }
        _ => {
            table.error(
                numbers.span,
                "`geo` is not a place on Earth",
                "write [degrees north, degrees east], such as [40.7625, -73.9817]",
            );
            None
        }
    }
}

fn read_access(fields: &Fields<'_>) -> Access {
    let Some(table) = fields.table("access") else { return Access::default() };
    let entries = ACCESS_FIELDS.iter().filter_map(|key| Some((*key, table.line(key)?.value))).collect();
    table.finish();
    Access { entries }
}

fn read_legal(fields: &Fields<'_>, zone: &Zone) -> Option<Legal> {
    let table = fields.table("legal")?;
    let legal = Legal {
        jail_support: table.line("jail_support").map(|line| line.value),
        know_your_rights: read_url(&table, "know_your_rights"),
        legal_observers: table.line("legal_observers").map(|line| line.value),
        expires: table.moment("expires", zone).map(|placed| placed.value),
    };
    table.finish();
    Some(legal)
}

fn read_press(fields: &Fields<'_>, zone: &Zone) -> Option<Press> {
    let table = fields.table("press")?;
    let role = table.required_line("role", "\"press team\"");
    let email = read_email(&table, "email");
    let advisory = table.text("advisory").map(|text| text.value);
    let embargo_until = table.moment("embargo_until", zone).map(|placed| placed.value);
    let expires = table.moment("expires", zone).map(|placed| placed.value);
    table.finish();
    Some(Press { role: role?.value, email, advisory, embargo_until, expires })
}

fn read_email(fields: &Fields<'_>, key: &'static str) -> Option<String> {
    let line = fields.line(key)?;
    if line.value.parse::<lettre::Address>().is_ok() {
        return Some(line.value);
    }
    fields.error(line.span, format!("`{key}` is not a mail address"), "write one such as press@example.org");
    None
}
