//! Calendar: what calendar programs get.

use calcard::icalendar::{ICalendar, ICalendarComponentType, ICalendarProperty};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use handbill::render::calendar::{self, Calendar, attachment};
use handbill::render::feed::Others;
use handbill::revision::Revision;
use handbill::schedule::zone::Zone;
use proptest::prelude::*;
use proptest::proptest;

use crate::feed::{action_of, any_text};
use crate::sample::{
    ACTION, abroad, action, archive, at, cancelled, edited, english, first, golden, hostile, moved, site,
    statement,
};

const NOW: &str = "2018-07-09T16:00:00Z";

// Whatever is written holds RFC 5545 §3.1 and reads back.
fn check(bytes: Vec<u8>) -> String {
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.ends_with("\r\n"));
    for line in text.strip_suffix("\r\n").unwrap().split("\r\n") {
        assert!(line.len() <= 75, "{line:?} has more than 75 octets");
        assert!(!line.is_empty() && line != " ");
        let control = |c: char| c.is_control() && c != '\t' && !('\u{80}'..='\u{9F}').contains(&c);
        assert!(!line.contains(control), "{line:?} holds a control character");
        let escape = line.len() - line.trim_end_matches('\\').len();
        assert!(escape % 2 == 0, "{line:?} breaks in an escape");
    }
    ICalendar::parse(&text).unwrap();
    text
}

fn check_calendar(revisions: &[&Revision], now: &str) -> String {
    check(calendar("All actions", revisions, now))
}

/// A calendar of these, which know each other.
pub fn calendar(title: &str, revisions: &[&Revision], now: &str) -> Vec<u8> {
    let calendar = Calendar {
        title: title.to_owned(),
        path: "calendar/all".to_owned(),
        page: "actions/".to_owned(),
        actions: revisions.to_vec(),
        related: revisions.iter().map(|revision| (revision.id(), *revision)).collect(),
    };
    calendar::calendar(&site(), english(), &calendar, at(now))
}

/// The file of an action that knows no other one.
pub fn single(revision: &Revision, now: &str) -> Vec<u8> {
    calendar::single(&site(), english(), revision, &Others::new(), at(now))
}

// The values of each property of that name, unfolded, with its parameters.
fn values(calendar: &str, name: &str) -> Vec<String> {
    let unfolded = calendar.replace("\r\n ", "");
    let named = |line: &&str| line.split([':', ';']).next() == Some(name);
    unfolded.split("\r\n").filter(named).map(|line| line[name.len() + 1..].to_owned()).collect()
}

// Those of the only event.
fn event_values(calendar: &str, name: &str) -> Vec<String> {
    let event = calendar.split("BEGIN:VEVENT\r\n").nth(1).unwrap();
    values(event.split("BEGIN:VALARM").next().unwrap(), name)
}

#[test]
fn a_calendar_holds_the_actions_alone() {
    let (action, archive, statement) = (action(), archive(), statement());
    let text = check_calendar(&[&archive, &action, &statement], NOW);
    golden("calendar/action.ics", text.as_bytes());
    assert_eq!(values(&text, "BEGIN").iter().filter(|name| *name == "VEVENT").count(), 1);
}

// Foreign readers see these bytes too (tests/real/feeds.py).
#[test]
fn a_hostile_text_is_a_text() {
    let text = check_calendar(&[&hostile(), &action(), &abroad()], NOW);
    golden("calendar/hostile.ics", text.as_bytes());
    assert!(values(&text, "X-EVIL").is_empty());
    assert!(values(&text, "SUMMARY").iter().all(|line| !line.replace("\\\\", "").contains("\\n")));
    assert_eq!(values(&text, "TZID"), ["America/New_York", "Australia/Lord_Howe"]);
}

#[test]
fn a_calendar_without_actions_is_a_calendar() {
    golden("calendar/empty.ics", check_calendar(&[&archive()], NOW).as_bytes());
}

#[test]
fn a_cancelled_action_stays_as_cancelled_until_a_month_after_its_date() {
    let text = check_calendar(&[&cancelled()], NOW);
    golden("calendar/cancelled.ics", text.as_bytes());
    assert_eq!(event_values(&text, "UID"), event_values(&check_calendar(&[&action()], NOW), "UID"));
    assert_eq!(event_values(&text, "SEQUENCE"), ["1"]);
    assert_eq!(event_values(&text, "STATUS"), ["CANCELLED"]);
    assert!(event_values(&text, "SUMMARY")[0].starts_with("CANCELLED: "));
    check_month(&cancelled());
}

#[test]
fn what_was_taken_back_stays_as_long_as_what_was_cancelled() {
    check_month(&edited(&action(), "image =", "withdrawn = \"A mistake.\"\nimage =", NOW));
}

fn check_month(off: &Revision) {
    let has_event = |now| check_calendar(&[off], now).contains("STATUS:CANCELLED");
    assert!(has_event("2018-08-10T14:59:59Z"));
    assert!(!has_event("2018-08-10T15:00:00Z"));
}

#[test]
fn a_moved_action_keeps_its_uid_and_counts_its_changes() {
    let text = check_calendar(&[&moved()], NOW);
    golden("calendar/moved.ics", text.as_bytes());
    assert_eq!(event_values(&text, "UID"), event_values(&check_calendar(&[&action()], NOW), "UID"));
    assert_eq!(event_values(&text, "SEQUENCE"), ["3"]);
    assert_eq!(event_values(&text, "STATUS"), ["CONFIRMED"]);
    assert_eq!(event_values(&text, "DTSTART"), ["TZID=America/New_York:20180710T093000"]);
}

#[test]
fn a_description_says_of_each_change_when_it_was() {
    let description = |text: &str| event_values(text, "DESCRIPTION")[0].replace("\\,", ",");
    let text = description(&check_calendar(&[&moved()], NOW));
    let lines: Vec<&str> = text.split("\\n").take(3).collect();
    assert_eq!(
        lines,
        [
            "Changed on Monday, July 9, 2018, 10:00 AM EDT: The time has changed: was Tuesday, July 10, 2018, 9:00 AM \
             EDT, is Tuesday, July 10, 2018, 9:30 AM EDT.",
            "Changed on Monday, July 9, 2018, 9:30 AM EDT: It takes place somewhere else.",
            "Changed on Monday, July 9, 2018, 9:00 AM EDT: The place has changed: was Example Hotel, 811 7th Avenue at \
             53rd Street, New York, NY 10019, is Town Hall, 123 West 43rd Street.",
        ]
    );
    // On the clock of the place, as its times are.
    let abroad = edited(&abroad(), "image =", "status = \"cancelled\"\nimage =", "2018-07-09T12:00:00Z");
    assert!(
        description(&check_calendar(&[&abroad], NOW))
            .starts_with("Changed on Monday, July 9, 2018, 10:30 PM")
    );
}

#[test]
fn a_postponed_action_is_tentative() {
    let postponed = edited(&action(), "image =", "status = \"postponed\"\nimage =", NOW);
    let text = check_calendar(&[&postponed], NOW);
    assert_eq!(event_values(&text, "STATUS"), ["TENTATIVE"]);
    assert!(event_values(&text, "SUMMARY")[0].starts_with("POSTPONED: "));
}

#[test]
fn a_past_action_stays_for_a_year() {
    let has_event = |now| check_calendar(&[&action()], now).contains("BEGIN:VEVENT");
    assert!(has_event("2019-07-10T12:00:00Z"));
    assert!(!has_event("2019-07-12T12:00:00Z"));
}

#[test]
fn every_event_has_what_clients_need() {
    let text = check_calendar(&[&action()], NOW);
    for name in [
        "UID",
        "DTSTAMP",
        "DTSTART",
        "DTEND",
        "SUMMARY",
        "SEQUENCE",
        "LAST-MODIFIED",
        "CREATED",
        "STATUS",
        "URL",
        "CATEGORIES",
        "LOCATION",
        "GEO",
        "DESCRIPTION",
    ] {
        assert_eq!(event_values(&text, name).len(), 1, "{name}");
    }
    assert_eq!(event_values(&text, "DTSTAMP"), ["20180708T220000Z"]);
    assert_eq!(event_values(&text, "GEO"), ["40.7625;-73.9817"]);
    assert_eq!(event_values(&text, "CATEGORIES"), ["AbolishICE,sanctuary city,Abolish ICE"]);
}

#[test]
fn an_end_that_nobody_gave_is_assumed_and_said_to_be() {
    let endless = first("endless", &ACTION.replace("ends = 2018-07-10 11:00\n", ""), NOW);
    let text = check_calendar(&[&endless], NOW);
    assert_eq!(event_values(&text, "DTEND"), ["TZID=America/New_York:20180710T110000"]);
    assert!(event_values(&text, "DESCRIPTION")[0].contains("two hours are assumed"));
    assert!(!check_calendar(&[&action()], NOW).contains("assumed"));
}

// vdirsyncer takes one of the calendar for that of every event (tests/real/35-calendar-sync.py).
#[test]
fn a_calendar_has_the_uids_of_its_events_alone() {
    let (action, abroad) = (action(), abroad());
    let text = check_calendar(&[&action, &abroad], NOW);
    let uids = [&action, &abroad].map(|it| it.uid(&site().tag_domain, &site().zone).to_string());
    assert_eq!(values(&text, "UID"), uids);
}

#[test]
fn a_subscribed_calendar_has_no_method_and_no_alarm() {
    let text = check_calendar(&[&action(), &cancelled()], NOW);
    for name in ["METHOD", "ORGANIZER", "ATTENDEE", "TRIGGER"] {
        assert!(values(&text, name).is_empty(), "{name}");
    }
    for name in
        ["NAME", "X-WR-CALNAME", "X-WR-TIMEZONE", "REFRESH-INTERVAL", "X-PUBLISHED-TTL", "COLOR", "SOURCE"]
    {
        assert_eq!(values(&text, name).len(), 1, "{name}");
    }
}

#[test]
fn the_file_of_one_action_has_alarms_unless_it_is_cancelled() {
    let text = check(single(&action(), NOW));
    golden("calendar/single.ics", text.as_bytes());
    assert_eq!(values(&text, "TRIGGER"), ["-P1D", "-PT2H"]);
    assert!(values(&text, "METHOD").is_empty());
    assert!(values(&check(single(&cancelled(), NOW)), "TRIGGER").is_empty());
    assert!(single(&archive(), NOW).is_empty());
}

#[test]
fn an_attachment_is_published_by_the_site_and_asks_nobody() {
    let text = check(attachment(&site(), english(), &action(), at(NOW)));
    golden("calendar/attachment.ics", text.as_bytes());
    assert_eq!(values(&text, "METHOD"), ["PUBLISH"]);
    assert_eq!(
        values(&text, "ORGANIZER"),
        ["CN=Council of the 'Example':mailto:council@example.org"]
            .map(|line| line.replace("CN=Council of the 'Example'", "CN=\"Council of the 'Example'\""))
    );
    assert!(values(&text, "ATTENDEE").is_empty());
    assert!(attachment(&site(), english(), &statement(), at(NOW)).is_empty());
}

#[test]
fn a_hidden_place_is_announced_when_it_is_shown_and_clients_see_the_change() {
    let hidden = ACTION.replace("geo =", "visibility = \"day-of\"\ngeo =");
    let hidden = first("hidden", &hidden, "2018-07-08T22:00:00Z");
    let before = check_calendar(&[&hidden], "2018-07-10T03:59:59Z");
    assert_eq!(event_values(&before, "LOCATION"), ["Place to be announced"]);
    assert!(event_values(&before, "GEO").is_empty() && !before.contains("Hotel"));
    let after = check_calendar(&[&hidden], "2018-07-10T04:00:00Z");
    assert!(event_values(&after, "LOCATION")[0].starts_with("Example Hotel"));
    assert_eq!(event_values(&after, "LAST-MODIFIED"), ["20180710T040000Z"]);
    assert_eq!(event_values(&after, "SEQUENCE"), event_values(&before, "SEQUENCE"));
}

#[test]
fn the_same_actions_give_the_same_bytes() {
    let early = check_calendar(&[&action(), &moved()], "2018-07-09T16:00:00Z");
    let late = check_calendar(&[&action(), &moved()], "2018-07-10T15:59:59Z");
    assert_eq!(early, late);
}

#[test]
fn the_second_of_two_hours_that_are_called_the_same_is_written_in_utc() {
    let of = |starts: &str| {
        let source = ACTION
            .replace("starts = 2018-07-10 09:00", &format!("starts = {starts}"))
            .replace("ends = 2018-07-10 11:00\nassemble_at = 2018-07-10 08:30\n", "")
            .replace("weekday = \"Tuesday\"\n", "");
        event_values(&check_calendar(&[&first("fold", &source, NOW)], NOW), "DTSTART")
    };
    assert_eq!(of("2018-11-04T01:30:00-04:00"), ["TZID=America/New_York:20181104T013000"]);
    assert_eq!(of("2018-11-04T01:30:00-05:00"), ["20181104T063000Z"]);
}

// Each before it, and what comes after it, as a peer: that holds for whoever knows RFC 5545 alone.
#[test]
fn an_action_names_the_actions_that_it_replaces_or_that_follow_it() {
    let named = |front: &str| {
        let source = ACTION.replacen("tags =", &format!("{front}\ntags ="), 1);
        first("vigil", &source, "2018-07-08T22:00:00Z")
    };
    let [before, after] = ["before", "after"].map(|id| first(id, ACTION, "2018-07-07T22:00:00Z"));
    let vigil = named("supersedes = \"before\"\nnext = [\"solidaridad\", \"after\", \"unheard\"]");
    let statement = statement();
    let revisions = [&before, &vigil, &after, &statement];
    let text = check_calendar(&revisions, NOW);
    golden("calendar/related.ics", text.as_bytes());
    let uid = |revision: &Revision| revision.uid("example.org", &site().zone).to_string();
    let related = [&before, &after].map(|peer| format!("RELTYPE=SIBLING:{}", uid(peer)));
    assert_eq!(values(&text, "RELATED-TO"), related);
    let others = revisions.iter().map(|revision| (revision.id(), *revision)).collect();
    let alone = check(calendar::single(&site(), english(), &vigil, &others, at(NOW)));
    assert_eq!(values(&alone, "RELATED-TO"), related);
    // What a mail carries is opened when it is opened.
    assert!(values(&check(attachment(&site(), english(), &vigil, at(NOW))), "RELATED-TO").is_empty());
    let withdrawn = edited(&vigil, "tags =", "withdrawn = \"A mistake.\"\ntags =", NOW);
    assert!(values(&check_calendar(&[&before, &withdrawn], NOW), "RELATED-TO").is_empty());
}

#[test]
fn one_of_several_dates_stands_for_all_of_them() {
    let dates = "[[occurrence]]\nstarts = 2018-07-17 18:00\n[[occurrence]]\nstarts = 2018-07-24 18:00\n";
    let (front, rest) = ACTION.split_once("starts =").unwrap();
    let kitchen = format!(
        "{front}zone = \"America/New_York\"\n[place]{}",
        rest.split_once("[place]").unwrap().1.replace("[access]", &format!("{dates}[access]"))
    );
    let kitchen = first("kitchen", &kitchen, NOW);
    let vigil = first("vigil", &ACTION.replacen("tags =", "next = [\"kitchen\"]\ntags =", 1), NOW);
    let text = check_calendar(&[&vigil, &kitchen], NOW);
    let [_, uid, _] = &events(&text, "UID")[..] else { panic!("three events\n{text}") };
    assert_eq!(values(&text, "RELATED-TO"), [format!("RELTYPE=SIBLING:{uid}")]);
}

// The values of a property of each event.
fn events(calendar: &str, name: &str) -> Vec<String> {
    calendar.split("BEGIN:VEVENT\r\n").skip(1).flat_map(|event| values(event, name)).collect()
}

#[test]
fn every_zone_is_described_as_its_data_says_hour_by_hour() {
    for name in [
        "America/New_York",
        "America/Vancouver",
        "Europe/Dublin",
        "Africa/Casablanca",
        "Australia/Lord_Howe",
        "Asia/Kolkata",
        "America/Santiago",
        "Pacific/Apia",
    ] {
        for year in [2011, 2018, 2026] {
            let source = ACTION
                .replace("America/New_York", name)
                .replace("starts = 2018-07-10 09:00", &format!("starts = {year}-07-10 09:00"))
                .replace("ends = 2018-07-10 11:00\nassemble_at = 2018-07-10 08:30\n", "")
                .replace("weekday = \"Tuesday\"\n", "");
            let text = check_calendar(&[&first("zoned", &source, NOW)], "2011-01-01T00:00:00Z");
            assert_eq!(values(&text, "TZID"), [name]);
            check_zone(&text, &Zone::find(name).unwrap(), year);
        }
    }
}

// The offset of RFC 5545 §3.6.5: of the observance with the latest onset, which is told in the offset before.
fn check_zone(text: &str, zone: &Zone, year: i32) {
    let block = text.split("BEGIN:VTIMEZONE").nth(1).unwrap().split("END:VTIMEZONE").next().unwrap();
    let seconds = |offset: &str| {
        let number: i64 = offset[1..].parse().unwrap();
        (number / 100 * 3600 + number % 100 * 60) * if offset.starts_with('-') { -1 } else { 1 }
    };
    let from = values(block, "TZOFFSETFROM");
    let to = values(block, "TZOFFSETTO");
    let onsets: Vec<DateTime<Utc>> = values(block, "DTSTART")
        .iter()
        .zip(&from)
        .map(|(wall, from)| {
            let wall = NaiveDateTime::parse_from_str(wall, "%Y%m%dT%H%M%S").unwrap();
            wall.and_utc() - TimeDelta::seconds(seconds(from))
        })
        .collect();
    assert!(onsets.is_sorted());
    let mut hour = at(&format!("{year}-01-01T00:00:00Z"));
    while hour < at(&format!("{}-01-01T00:00:00Z", year + 1)) {
        let latest = onsets.iter().rposition(|onset| *onset <= hour).unwrap();
        assert_eq!(seconds(&to[latest]), i64::from(zone.offset_seconds(hour)), "{zone:?} {hour}");
        hour += TimeDelta::hours(1);
    }
}

#[test]
fn a_calendar_in_utc_needs_no_zone() {
    let source = ACTION.replace("America/New_York", "UTC");
    let text = check_calendar(&[&first("utc", &source, NOW)], NOW);
    assert_eq!(event_values(&text, "DTSTART"), ["20180710T090000Z"]);
    assert!(!text.contains("VTIMEZONE"));
}

proptest! {
    #[test]
    fn any_text_in_every_field_stays_inside_its_property(text in any_text()) {
        let revision = action_of(&text);
        for bytes in [
            calendar(&text, &[&revision], NOW),
            attachment(&site(), english(), &revision, at(NOW)),
        ] {
            let written = check(bytes);
            let calendar = ICalendar::parse(&written).unwrap();
            let events = calendar
                .components
                .iter()
                .filter(|component| component.component_type == ICalendarComponentType::VEvent)
                .count();
            prop_assert_eq!(events, 1);
            let known = |name: &ICalendarProperty| {
                let ICalendarProperty::Other(name) = name else { return true };
                name.starts_with("X-WR-") || name == "X-PUBLISHED-TTL"
            };
            for component in &calendar.components {
                prop_assert!(component.entries.iter().all(|entry| known(&entry.name)), "{}", written);
            }
            prop_assert_eq!(values(&written, "UID").len(), 1);
        }
    }
}
