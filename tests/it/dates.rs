//! Dates: an action that takes place several times, each time with a status, a place and reminders of its own.

use chrono::TimeDelta;
use handbill::delivery::is_superseded;
use handbill::edition::{Content, Member};
use handbill::notice::date::DateKey;
use handbill::notice::parse::parse;
use handbill::notice::shown::{shown, shown_for};
use handbill::render::calendar::attachment;
use handbill::render::facts::facts_text;
use handbill::render::post;
use handbill::render::site::{Catalog, What, next_change};
use handbill::revision::Revision;
use handbill::schedule::reminder::Before;
use serde_json::Value;

use crate::calendar::{calendar, single};
use crate::email::{stamp, write};
use crate::page::TEMPLATES;
use crate::plan::{Day, LISTS, action, at, check_under};
use crate::sample::{self, edited, english, first, golden, site, words};
use crate::world::World;

const KITCHEN: &str = r#"+++
kind = "action"
title = "Evening kitchen"
summary = "Three Tuesdays: we cook and eat together."
publish_at = 2018-07-02 18:00
tags = ["food"]
hosts = ["Council of the Example"]
zone = "America/New_York"
[place]
name = "Example Hall"
address = "1 Example Street, New York, NY 10001"
[[occurrence]]
starts = 2018-07-10 18:00
ends = 2018-07-10 20:00
weekday = "Tuesday"
[[occurrence]]
starts = 2018-07-17 18:00
ends = 2018-07-17 20:00
weekday = "Tuesday"
[[occurrence]]
starts = 2018-07-24 18:00
weekday = "Tuesday"
+++
Bring a bowl.
"#;

const SEVENTEENTH: &str = "starts = 2018-07-17 18:00\nends = 2018-07-17 20:00\nweekday = \"Tuesday\"";
const EDITED: &str = "2018-07-11T12:00:00Z";

fn kitchen() -> Revision {
    first("kitchen", KITCHEN, "2018-07-02T22:00:00Z")
}

// What becomes of the second date.
fn with_seventeenth(row: &str) -> Revision {
    edited(&kitchen(), SEVENTEENTH, row, EDITED)
}

fn cancelled() -> Revision {
    with_seventeenth(&format!("{SEVENTEENTH}\nstatus = \"cancelled\"\nnote = \"The stove is broken.\""))
}

fn moved() -> Revision {
    let place = "[occurrence.place]\nname = \"Example Garden\"\nmeeting_point = \"The gate\"";
    with_seventeenth(&format!("{SEVENTEENTH}\nstatus = \"moved\"\n{place}"))
}

fn rescheduled() -> Revision {
    with_seventeenth(
        "key = \"2018-07-17\"\nstarts = 2018-07-18 19:00\nends = 2018-07-18 21:00\nweekday = \"Wednesday\"\nstatus = \"rescheduled\"",
    )
}

fn sentences(revision: &Revision, lang: &str) -> Vec<String> {
    let change = revision.change().unwrap();
    change.differences.iter().map(|difference| words(lang).difference(difference)).collect()
}

fn problems(rows: &str) -> Vec<String> {
    let source = format!(
        "+++\nkind = \"action\"\ntitle = \"Kitchen\"\nzone = \"America/New_York\"\n{rows}\n+++\nCome.\n"
    );
    let report = parse("notices/kitchen.md", &source, &site().defaults()).report;
    let place = |at: usize| {
        let before = &source[..at];
        let line = before.matches('\n').count() + 1;
        (line, at - before.rfind('\n').map_or(0, |end| end + 1) + 1)
    };
    report
        .problems
        .iter()
        .map(|problem| {
            let (line, column) = place(problem.span.start);
            format!("{line}:{column}: {}; {}", problem.message, problem.help)
        })
        .collect()
}

#[test]
fn what_is_wrong_with_a_date_is_said_where_it_stands() {
    assert_eq!(
        problems(
            "[[occurrence]]\nstarts = 2018-07-10 18:00\nends = 2018-07-10 17:00\n[[occurrence]]\nstarts = 2018-07-10 20:00\nweekday = \"Monday\""
        ),
        [
            "7:8: the end is not after the start; write a later time",
            "9:10: two dates have the key 2018-07-10; give each a name of its own, such as key = \
             \"2018-07-10-evening\"",
            "10:11: 2018-07-10 is a Tuesday, not a Monday; correct the date or the weekday: one of them would send \
             people on the wrong day",
        ]
    );
    assert_eq!(
        problems("[[occurrence]]\nkey = \"An Evening\"\nstarts = 2018-07-10 18:00"),
        [
            "6:7: `key` cannot stand in an address: An Evening; use lower-case letters, digits and hyphens, such as \
          an-evening"
        ]
    );
    assert_eq!(
        problems("[[occurrence]]\nstarts = 2018-07-18 18:00\nstatus = \"rescheduled\""),
        [
            "7:10: without a `key` a date at another time is another date, and nobody hears that this one moved; add \
          key = \"2018-07-17\" with the day that was said first"
        ]
    );
    assert_eq!(
        problems("starts = 2018-07-10 18:00\n[[occurrence]]\nstarts = 2018-07-10 18:00"),
        [
            "5:10: `starts` stands beside [[occurrence]], where each date has its own; move it into the [[occurrence]] \
          that it is of"
        ]
    );
    assert_eq!(
        problems("[[occurrence]]\nstarts = 2018-07-17 18:00\n[[occurrence]]\nstarts = 2018-07-10 18:00"),
        [
            "8:10: this date is before the one above it; put it where it belongs: who looks for a date reads from the \
          top"
        ]
    );
    assert_eq!(
        problems("[[occurrence]]\nstarts = 2018-07-17 18:00\nstatsu = \"cancelled\""),
        ["7:1: `statsu` is not a key known here; did you mean `status`?"]
    );
}

#[test]
fn a_change_of_one_date_names_the_date_and_says_the_change() {
    assert_eq!(sentences(&cancelled(), "en"), ["Tuesday, July 17, 2018, 6:00 PM EDT is cancelled."]);
    assert_eq!(
        sentences(&moved(), "en"),
        [
            "Tuesday, July 17, 2018, 6:00 PM EDT takes place somewhere else.",
            "Tuesday, July 17, 2018, 6:00 PM EDT: The place has changed: was Example Hall, 1 Example Street, New \
             York, NY 10001, is Example Garden.",
            "Tuesday, July 17, 2018, 6:00 PM EDT: The meeting point is now known: The gate.",
        ]
    );
    assert_eq!(
        sentences(&rescheduled(), "en"),
        [
            "Tuesday, July 17, 2018, 6:00 PM EDT takes place at another time.",
            "Tuesday, July 17, 2018, 6:00 PM EDT is now Wednesday, July 18, 2018, 7:00 PM EDT.",
            "Tuesday, July 17, 2018, 6:00 PM EDT: The end has changed: was Tuesday, July 17, 2018, 8:00 PM EDT, is \
             Wednesday, July 18, 2018, 9:00 PM EDT.",
        ]
    );
    let added = with_seventeenth(&format!("{SEVENTEENTH}\n[[occurrence]]\nstarts = 2018-07-20 18:00"));
    assert_eq!(sentences(&added, "en"), ["There is a new date: Friday, July 20, 2018, 6:00 PM EDT."]);
    let removed = edited(&kitchen(), &format!("[[occurrence]]\n{SEVENTEENTH}\n"), "", EDITED);
    assert_eq!(
        sentences(&removed, "en"),
        ["Tuesday, July 17, 2018, 6:00 PM EDT is not among the dates any more."]
    );
    assert_eq!(sentences(&cancelled(), "es"), ["martes 17 de julio de 2018, 18:00 EDT: se cancela."]);
}

#[test]
fn what_is_true_of_all_dates_is_said_once() {
    let off = edited(&kitchen(), "tags =", "status = \"cancelled\"\ntags =", "2018-07-09T12:00:00Z");
    assert_eq!(sentences(&off, "en"), ["It is cancelled."]);
    let because = edited(&off, "tags =", "status_note = \"The hall has burst pipes.\"\ntags =", EDITED);
    assert!(page(&because, EDITED).contains("<p>The hall has burst pipes.</p>"));
    assert_eq!(values(&feed(&because), "STATUS:"), ["CANCELLED"; 3]);
    assert_eq!(english().title(off.notice()), "CANCELLED: Evening kitchen");
    let on = edited(&off, "status = \"cancelled\"\n", "", "2018-07-09T13:00:00Z");
    assert_eq!(sentences(&on, "en"), ["It takes place after all."]);
    let moved = edited(&kitchen(), "tags =", "status = \"moved\"\ntags =", "2018-07-09T12:00:00Z");
    assert_eq!(sentences(&moved, "en"), ["It takes place somewhere else."]);
    assert_eq!(english().title(moved.notice()), "MOVED: Evening kitchen");
    let elsewhere = edited(&kitchen(), "Example Hall", "Example Garden", "2018-07-09T12:00:00Z");
    assert_eq!(sentences(&elsewhere, "en"), ["The place has changed: was Example Hall, is Example Garden."]);
}

#[test]
fn what_was_taken_back_says_of_no_date_but_that_it_is_off() {
    let back =
        edited(&moved(), "tags =", "withdrawn = \"It was a mistake.\"\ntags =", "2018-07-11T13:00:00Z");
    let calendar = feed(&back);
    assert_eq!(values(&calendar, "STATUS:"), ["CANCELLED"; 3]);
    assert_eq!(values(&calendar, "UID:"), values(&feed(&kitchen()), "UID:"));
    assert!(!calendar.contains("Example Hall") && !calendar.contains("Example Garden"), "{calendar}");
    let text = facts_text(&site(), english(), &shown(back.notice(), at("2018-07-12T12:00Z")));
    assert!(!text.contains("Example Garden") && !text.contains("gate"), "{text}");
}

#[test]
fn a_single_date_that_becomes_one_of_several_is_the_same_date() {
    let single =
        action("starts = 2018-07-10 18:00").replace("+++\nCome", "[place]\nname = \"Hall\"\n+++\nCome");
    let single = first("march", &single, "2018-07-02T22:00:00Z");
    let rows = "[[occurrence]]\nstarts = 2018-07-10 18:00\n[[occurrence]]\nstarts = 2018-07-17 18:00";
    let several = edited(&single, "starts = 2018-07-10 18:00", rows, "2018-07-09T22:30:00Z");
    assert_eq!(sentences(&several, "en"), ["There is a new date: Tuesday, July 17, 2018, 6:00 PM EDT."]);
    // A reminder that was planned and not yet sent is still of that start.
    let reminder = Content::Reminder(member(&single), None, Before::parse("-P1D").unwrap());
    let starts_at = at("2018-07-10T22:00Z");
    let is_off = |revision: &Revision| {
        is_superseded(&reminder, at("2018-07-09T22:00Z"), starts_at, std::slice::from_ref(revision))
    };
    assert!(!is_off(&several));
    assert!(is_off(&edited(&several, rows, "starts = 2018-07-11 18:00", "2018-07-09T22:31:00Z")));
}

#[test]
fn nobody_is_told_of_a_date_that_is_over() {
    let first = "[[occurrence]]\nstarts = 2018-07-10 18:00\nends = 2018-07-10 20:00\nweekday = \"Tuesday\"\n";
    let tidied = edited(&kitchen(), first, "", EDITED);
    assert_eq!((tidied.change(), tidied.sequence), (None, 0));
    let in_time = edited(&kitchen(), first, "", "2018-07-10T12:00:00Z");
    assert_eq!(in_time.sequence, 1);
}

fn day(at: &'static str, dates: &[(&'static str, String)]) -> (&'static str, Vec<(&'static str, String)>) {
    (at, dates.to_vec())
}

// The kitchen of two Tuesdays, the second as it is written here.
fn two(second: &str) -> Vec<(&'static str, String)> {
    let first = "[[occurrence]]\nstarts = 2018-07-10 18:00";
    vec![("kitchen", action(&format!("{first}\n{second}")))]
}

fn check_plan(days: &[(&'static str, Vec<(&'static str, String)>)], expected: &str) {
    let days: Vec<Day<'_>> = days.iter().map(|(at, files)| Day(at, files)).collect();
    let alerts_alone = LISTS.split("[[list]]\nname = \"weekly\"").next().unwrap();
    check_under(alerts_alone, &days, expected);
}

const SECOND: &str = "[[occurrence]]\nstarts = 2018-07-17 18:00";
const ANNOUNCED: &str =
    "2018-07-08T13:00Z revise kitchen to 0\n2018-07-08T13:00Z send alert/alerts/kitchen kitchen.0\n";
const FIRST_DATE: &str = "2018-07-09T22:00Z send reminder/alerts/kitchen/2018-07-10/-P1D kitchen.0\n\
                          2018-07-10T20:00Z send reminder/alerts/kitchen/2018-07-10/-PT2H kitchen.0\n";

// Both dates of the kitchen are announced; the second becomes another on the evening after the first.
fn check_edit(second: &str, expected: &str) {
    let (before, after) = (two(SECOND), two(second));
    check_plan(
        &[
            day("2018-07-08T12:00Z", &[]),
            day("2018-07-08T13:00Z", &before),
            day("2018-07-09T22:00Z", &before),
            day("2018-07-10T20:00Z", &before),
            day("2018-07-11T13:00Z", &after),
            day("2018-07-16T22:00Z", &after),
            day("2018-07-17T20:00Z", &after),
            day("2018-07-18T20:00Z", &after),
        ],
        &format!("{ANNOUNCED}{FIRST_DATE}{expected}"),
    );
}

#[test]
fn each_date_is_reminded_of_by_itself() {
    check_edit(
        SECOND,
        "2018-07-16T22:00Z send reminder/alerts/kitchen/2018-07-17/-P1D kitchen.0\n\
         2018-07-17T20:00Z send reminder/alerts/kitchen/2018-07-17/-PT2H kitchen.0\n",
    );
}

#[test]
fn a_date_that_is_off_is_told_and_nobody_is_reminded_of_it() {
    for status in ["cancelled", "postponed"] {
        check_edit(
            &format!("{SECOND}\nstatus = \"{status}\""),
            "2018-07-11T13:00Z revise kitchen to 1\n\
             2018-07-11T13:00Z send correction/alerts/kitchen/1 kitchen.1\n",
        );
    }
}

#[test]
fn a_date_that_is_somewhere_else_is_told_and_reminded_of() {
    check_edit(
        &format!("{SECOND}\nstatus = \"moved\"\n[occurrence.place]\nname = \"Example Garden\""),
        "2018-07-11T13:00Z revise kitchen to 1\n\
         2018-07-11T13:00Z send correction/alerts/kitchen/1 kitchen.1\n\
         2018-07-16T22:00Z send reminder/alerts/kitchen/2018-07-17/-P1D kitchen.1\n\
         2018-07-17T20:00Z send reminder/alerts/kitchen/2018-07-17/-PT2H kitchen.1\n",
    );
}

#[test]
fn the_reminders_of_a_date_move_with_it_and_keep_its_name() {
    check_edit(
        "[[occurrence]]\nkey = \"2018-07-17\"\nstarts = 2018-07-18 18:00\nstatus = \"rescheduled\"",
        "2018-07-11T13:00Z revise kitchen to 1\n\
         2018-07-11T13:00Z send correction/alerts/kitchen/1 kitchen.1\n\
         2018-07-17T22:00Z miss reminder/alerts/kitchen/2018-07-17/-P1D\n\
         2018-07-18T20:00Z send reminder/alerts/kitchen/2018-07-17/-PT2H kitchen.1\n",
    );
}

#[test]
fn a_day_before_a_date_is_that_hour_of_the_day_whatever_the_clocks_do_between() {
    // New York's clocks go back in the night to November 4.
    let (before, after) = (
        two("[[occurrence]]\nkey = \"autumn\"\nstarts = 2018-10-27 18:00"),
        two("[[occurrence]]\nkey = \"autumn\"\nstarts = 2018-11-04 18:00\nstatus = \"rescheduled\""),
    );
    check_plan(
        &[
            day("2018-10-20T12:00Z", &[]),
            day("2018-10-20T13:00Z", &before),
            day("2018-10-21T13:00Z", &after),
            day("2018-11-03T21:59Z", &after),
            day("2018-11-03T22:00Z", &after),
            day("2018-11-04T20:59Z", &after),
            day("2018-11-04T21:00Z", &after),
        ],
        "2018-10-20T13:00Z revise kitchen to 0\n\
         2018-10-20T13:00Z send alert/alerts/kitchen kitchen.0\n\
         2018-10-21T13:00Z revise kitchen to 1\n\
         2018-10-21T13:00Z send correction/alerts/kitchen/1 kitchen.1\n\
         2018-11-03T22:00Z send reminder/alerts/kitchen/autumn/-P1D kitchen.1\n\
         2018-11-04T21:00Z send reminder/alerts/kitchen/autumn/-PT2H kitchen.1\n",
    );
}

#[test]
fn a_date_that_is_added_is_told_and_reminded_of() {
    let third = "[[occurrence]]\nstarts = 2018-07-18 18:00";
    check_edit(
        &format!("{SECOND}\n{third}"),
        "2018-07-11T13:00Z revise kitchen to 1\n\
         2018-07-11T13:00Z send correction/alerts/kitchen/1 kitchen.1\n\
         2018-07-16T22:00Z send reminder/alerts/kitchen/2018-07-17/-P1D kitchen.1\n\
         2018-07-17T20:00Z send reminder/alerts/kitchen/2018-07-17/-PT2H kitchen.1\n\
         2018-07-17T22:00Z miss reminder/alerts/kitchen/2018-07-18/-P1D\n\
         2018-07-18T20:00Z send reminder/alerts/kitchen/2018-07-18/-PT2H kitchen.1\n",
    );
}

#[test]
fn a_date_that_is_taken_out_is_told_and_not_reminded_of() {
    check_edit(
        "",
        "2018-07-11T13:00Z revise kitchen to 1\n\
         2018-07-11T13:00Z send correction/alerts/kitchen/1 kitchen.1\n",
    );
}

#[test]
fn an_action_is_news_until_its_last_date_begins_and_in_issues_until_that_is_over() {
    let kitchen = two(SECOND);
    check_plan(
        &[day("2018-07-11T12:00Z", &[]), day("2018-07-11T13:00Z", &kitchen)],
        "2018-07-11T13:00Z revise kitchen to 0\n2018-07-11T13:00Z send alert/alerts/kitchen kitchen.0\n",
    );
    check_plan(
        &[day("2018-07-17T12:00Z", &[]), day("2018-07-17T22:00Z", &kitchen)],
        "2018-07-17T22:00Z revise kitchen to 0\n2018-07-17T22:00Z miss alert/alerts/kitchen\n",
    );
    let issues = |second: &str, expected: &str| {
        let lists = LISTS
            .replace("name = \"alerts\"\nwhen = \"at once\"", "name = \"alerts\"\nwhen = \"0 9 * * MON\"");
        let (none, kitchen) = (Vec::new(), two(second));
        check_under(
            &lists.replace("remind = [\"-P1D\", \"-PT2H\"]\n", ""),
            &[
                Day("2018-07-11T12:00Z", &none),
                Day("2018-07-11T13:00Z", &kitchen),
                Day("2018-07-16T13:00Z", &kitchen),
            ],
            expected,
        );
    };
    issues(
        SECOND,
        "2018-07-11T13:00Z revise kitchen to 0\n\
         2018-07-16T13:00Z send issue/alerts/2018-07-16T09:00 kitchen.0\n\
         2018-07-16T13:00Z send issue/weekly/2018-07-16T09:00 kitchen.0\n",
    );
    issues(
        &format!("{SECOND}\nstatus = \"cancelled\""),
        "2018-07-11T13:00Z revise kitchen to 0\n\
         2018-07-16T13:00Z skip issue/alerts/2018-07-16T09:00\n\
         2018-07-16T13:00Z skip issue/weekly/2018-07-16T09:00\n",
    );
}

fn values<'c>(calendar: &'c str, name: &str) -> Vec<&'c str> {
    let event = |part: &'c str| part.lines().find_map(|line| line.strip_prefix(name));
    calendar.split("BEGIN:VEVENT").skip(1).filter_map(event).collect()
}

fn feed(revision: &Revision) -> String {
    String::from_utf8(calendar("All actions", &[revision], "2018-07-12T12:00:00Z")).unwrap()
}

#[test]
fn a_calendar_has_each_date_with_a_uid_and_a_status_of_its_own() {
    let (before, after) = (feed(&kitchen()), feed(&cancelled()));
    golden("calendar/dates.ics", after.as_bytes());
    let uids = values(&before, "UID:");
    assert_eq!(uids.len(), 3);
    assert!(uids[0] != uids[1] && uids[1] != uids[2]);
    assert_eq!(values(&after, "UID:"), uids);
    assert_eq!(values(&after, "STATUS:"), ["CONFIRMED", "CANCELLED", "CONFIRMED"]);
    assert_eq!(values(&after, "SEQUENCE:"), ["1", "1", "1"]);
    assert!(!after.contains("RRULE"));
    assert_eq!(values(&feed(&rescheduled()), "UID:"), uids);
    let now = "2018-07-12T12:00:00Z";
    let attached = attachment(&site(), english(), &cancelled(), sample::at(now));
    for file in [single(&cancelled(), now), attached] {
        let file = String::from_utf8(file).unwrap();
        assert_eq!(values(&file, "UID:"), uids);
        // Nobody is rung for what is off.
        assert_eq!(file.matches("BEGIN:VALARM").count(), 4);
    }
    let key = DateKey::parse("2018-07-17").unwrap();
    let uid = kitchen().uid_of(Some(&key), "example.org", &site().zone);
    let tag = "tag:example.org,2018-07-02:kitchen/2018-07-17";
    assert_eq!(uid, uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, tag.as_bytes()));
    assert_eq!(uids[1], uid.to_string());
}

fn page(revision: &Revision, now: &str) -> String {
    let site = site();
    let catalog = Catalog::new(&site, &[], 30, &TEMPLATES, &[revision], sample::at(now)).unwrap();
    String::from_utf8(catalog.bytes(&What::Notice(revision.id().clone())).unwrap()).unwrap()
}

#[test]
fn a_page_lists_the_dates_and_stands_for_the_next_one_that_takes_place() {
    let html = page(&cancelled(), "2018-07-12T12:00:00Z");
    golden("page/dates.html", html.as_bytes());
    assert_eq!(html.matches("<li class=\"h-event\">").count(), 3);
    assert!(html.contains(
        "<time class=\"dt-start\" datetime=\"2018-07-24T18:00:00-04:00\">Tuesday, July 24, 2018</time>"
    ));
    let json = html.split("<script type=\"application/ld+json\">").nth(1).unwrap();
    let json: Value = serde_json::from_str(json.split("</script>").next().unwrap()).unwrap();
    assert_eq!(json["@type"], "EventSeries");
    assert_eq!(json["startDate"], "2018-07-10T18:00:00-04:00");
    let dates = json["subEvent"].as_array().unwrap();
    let statuses: Vec<&str> = dates.iter().map(|date| date["eventStatus"].as_str().unwrap()).collect();
    let (on, off) = ("https://schema.org/EventScheduled", "https://schema.org/EventCancelled");
    assert_eq!(statuses, [on, off, on]);
    assert_eq!(dates[1]["@id"], "tag:example.org,2018-07-02:kitchen/2018-07-17");
    let later = page(&rescheduled(), "2018-07-12T12:00:00Z");
    assert!(later.contains("\"previousStartDate\":\"2018-07-17T18:00:00-04:00\""), "{later}");
}

#[test]
fn an_action_is_ahead_until_its_last_date_is_over_in_the_order_of_its_next_one() {
    let (site, kitchen) = (site(), cancelled());
    let between = "+++\nkind = \"action\"\ntitle = \"Between\"\nzone = \"America/New_York\"\nstarts = 2018-07-20 18:00\n+++\nCome.\n";
    let between = first(
        "between",
        &between.replace("starts", "publish_at = 2018-07-02 18:00\nstarts"),
        "2018-07-02T22:00:00Z",
    );
    let ahead = |now: &str, revisions: &[&Revision]| -> Vec<String> {
        let catalog = Catalog::new(&site, &[], 30, &TEMPLATES, revisions, sample::at(now)).unwrap();
        let html = String::from_utf8(catalog.bytes(&What::Ahead).unwrap()).unwrap();
        let links = html.split("<h3><a class=\"u-url p-name\" href=\"/notices/").skip(1);
        links.map(|link| link.split('/').next().unwrap().to_owned()).collect()
    };
    let all = [&kitchen, &between];
    // After the first date the second is cancelled, so the third is the next.
    assert_eq!(ahead("2018-07-09T12:00:00Z", &all), ["kitchen", "between"]);
    assert_eq!(ahead("2018-07-12T12:00:00Z", &all), ["between", "kitchen"]);
    assert_eq!(ahead("2018-07-24T23:59:59Z", &all), ["kitchen"]);
    assert_eq!(ahead("2018-07-25T00:00:00Z", &all), Vec::<String>::new());
    // Each end of a date is a moment at which a page changes by itself.
    for end in [at("2018-07-11T00:00Z"), at("2018-07-18T00:00Z"), at("2018-07-25T00:00Z")] {
        assert_eq!(next_change(&[&kitchen], end - TimeDelta::seconds(1)), Some(end));
    }
}

#[test]
fn a_date_of_the_day_is_nowhere_before_its_own_day() {
    let place = "[occurrence.place]\nname = \"Hidden Yard\"\nvisibility = \"day-of\"";
    let hidden = with_seventeenth(&format!("{SEVENTEENTH}\nstatus = \"moved\"\n{place}"));
    let day = "2018-07-17T04:00:00Z";
    let said = sentences(&hidden, "en").join(" ");
    assert!(!said.contains("Hidden Yard"), "{said}");
    for now in ["2018-07-12T12:00:00Z", "2018-07-17T03:59:59Z"] {
        let notice = shown(hidden.notice(), sample::at(now));
        let text = facts_text(&site(), english(), &notice);
        assert!(!page(&hidden, now).contains("Hidden Yard") && !text.contains("Hidden Yard"), "{text}");
        assert!(text.contains("Place to be announced") && text.contains("Example Hall"), "{text}");
    }
    assert!(page(&hidden, day).contains("Hidden Yard"));
    assert_eq!(hidden.reveals_at(), Some(sample::at(day)));
    let revealed = hidden.next(hidden.draft.clone(), sample::at(day));
    assert_eq!(
        sentences(&revealed, "en"),
        ["Tuesday, July 17, 2018, 6:00 PM EDT: The place is now known: Hidden Yard."]
    );
}

fn member(revision: &Revision) -> Member {
    Member { notice: revision.id().clone(), number: revision.number }
}

fn reminder(revision: &Revision, key: &str) -> Content {
    Content::Reminder(member(revision), DateKey::parse(key), Before::parse("-P1D").unwrap())
}

#[test]
fn a_reminder_is_of_its_date_and_says_which_others_there_are() {
    let revision = cancelled();
    let content = reminder(&revision, "2018-07-24");
    let letter = write(content.clone(), std::slice::from_ref(&revision), "2018-07-23T22:00:00Z");
    assert_eq!(letter.subject(), "Tomorrow, Tuesday, July 24, 2018: Evening kitchen");
    golden("email/reminder-of-date.txt", letter.text(&stamp()).as_bytes());
    // Also of a date that is not the next one.
    let notice = shown_for(revision.notice(), content.date(), at("2018-07-09T12:00Z"));
    assert_eq!(notice.event().unwrap().starts.at, at("2018-07-24T22:00Z"));
}

#[test]
fn a_correction_names_the_date_in_its_subject_and_a_mixed_one_does_not() {
    let subject = |revision: &Revision| {
        let content = Content::Correction(member(revision), revision.sequence);
        write(content, std::slice::from_ref(revision), EDITED).subject().to_owned()
    };
    assert_eq!(subject(&cancelled()), "Cancelled (Tue Jul 17, 6:00 PM): Evening kitchen");
    assert_eq!(subject(&moved()), "New place (Tue Jul 17, 6:00 PM): Evening kitchen");
    assert_eq!(
        subject(&rescheduled()),
        "New time, Wed Jul 18, 7:00 PM (was Tue Jul 17, 6:00 PM): Evening kitchen"
    );
    let added = with_seventeenth(&format!(
        "{SEVENTEENTH}\nstatus = \"cancelled\"\n[[occurrence]]\nstarts = 2018-07-20 18:00"
    ));
    assert_eq!(subject(&added), "Dates changed: Evening kitchen");
}

#[test]
fn a_target_gets_every_date_and_which_one_changed() {
    let post = |content: &Content, revision: &Revision| -> Value {
        let now = sample::at("2018-07-12T12:00:00Z");
        serde_json::from_slice(&post::body(&site(), english(), content, revision, now, now)).unwrap()
    };
    let json = post(&Content::Correction(member(&cancelled()), 1), &cancelled());
    assert_eq!(json["type"], "notice.corrected");
    assert_eq!(json["data"]["changes"][0]["date"], "2018-07-17");
    assert_eq!(json["data"]["changes"][0]["is"], "cancelled");
    let dates = json["data"]["event"]["dates"].as_array().unwrap();
    let keys: Vec<&str> = dates.iter().map(|date| date["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["2018-07-10", "2018-07-17", "2018-07-24"]);
    assert_eq!(dates[1]["status"], "cancelled");
    let json = post(&reminder(&cancelled(), "2018-07-24"), &cancelled());
    assert_eq!(json["data"]["date"], "2018-07-24");
    assert_eq!(json["data"]["event"]["starts"]["local"], "2018-07-24T18:00:00-04:00");
}

const WORLD: &str = r#"
[[list]]
name = "alerts"
when = "at once"
kinds = ["action"]
remind = ["-P1D", "-PT2H"]
"#;

fn world() -> World {
    let world = World::new(WORLD);
    world.subscribe(&["ana"], "alerts");
    world.look("2018-07-08T12:00Z");
    let dates = "[[occurrence]]\nstarts = 2018-07-10 18:00\n[[occurrence]]\nstarts = 2018-07-10 19:00\nkey = \"late\"";
    world.write("kitchen", &action(&format!("zone = \"UTC\"\n{dates}")));
    world.pass("2018-07-08T13:00Z");
    world
}

#[test]
fn a_reminder_is_kept_in_the_ledger_with_its_date() {
    let mut world = world();
    world.check("ana: Action: A march — Tue Jul 10, 6:00 PM and 1 more date\n");
    world.pass("2018-07-09T18:00Z");
    world.check("ana: Tomorrow, Tuesday, July 10, 2018: A march\n");
    world.pass("2018-07-09T19:00Z");
    world.check("ana: Tomorrow, Tuesday, July 10, 2018: A march\n");
    assert!(world.tallies().contains("reminder/alerts/kitchen/late/-P1D complete"), "{}", world.tallies());
}

#[test]
fn a_planned_reminder_falls_with_its_own_date_and_not_with_another() {
    let mut world = world();
    world.check("ana: Action: A march — Tue Jul 10, 6:00 PM and 1 more date\n");
    // Planned, and not yet sent when the late date is called off.
    world.look("2018-07-09T19:00Z");
    world.edit("kitchen", "key = \"late\"", "key = \"late\"\nstatus = \"cancelled\"");
    world.look("2018-07-09T19:01Z");
    world.deliver("2018-07-09T19:01Z");
    let tallies = world.tallies();
    assert!(tallies.contains("reminder/alerts/kitchen/2018-07-10/-P1D complete: 1 to, 1 sent"), "{tallies}");
    assert!(tallies.contains("reminder/alerts/kitchen/late/-P1D complete: 1 to, 1 superseded"), "{tallies}");
}

// What one change says of all dates, another takes back of one of them, and the other way round.
#[test]
fn a_correction_of_dates_that_comes_late_says_what_is_so_by_then() {
    const OFF: &str = "status = \"cancelled\"\n";
    let date = |day: &str| format!("[[occurrence]]\nstarts = 2018-07-{day} 18:00\n");
    let walks = |tenth: &str, seventeenth: &str| {
        format!(
            "+++\nkind = \"action\"\ntitle = \"Walks\"\nzone = \"UTC\"\n{}{tenth}{}{seventeenth}+++\nCome.\n",
            date("10"),
            date("17")
        )
    };
    let said = |states: &[String]| {
        let mut revision = first("walks", &states[0], "2018-07-02T12:00:00Z");
        for (at, state) in (3..).zip(&states[1..]) {
            let before = revision.draft.source.to_string();
            revision = edited(&revision, &before, state, &format!("2018-07-0{at}T12:00:00Z"));
        }
        let change = revision.change_since(1).unwrap();
        let sentences = change.differences.iter().map(|difference| english().difference(difference));
        sentences.collect::<Vec<_>>().join(" ")
    };
    let both = walks("", "");
    assert_eq!(
        said(&[both.clone(), walks(OFF, ""), walks(OFF, OFF), both.clone()]),
        "It takes place after all."
    );
    assert_eq!(
        said(&[both.clone(), walks(OFF, OFF), walks("", OFF)]),
        "Tuesday, July 17, 2018, 6:00 PM UTC is cancelled."
    );
    let first = both.replace(&date("17"), "");
    assert_eq!(
        said(&[both.clone(), first, walks("", OFF)]),
        "Tuesday, July 17, 2018, 6:00 PM UTC is cancelled."
    );
}
