//! Plan: what is due, told as a timeline.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use handbill::config::{self, Config};
use handbill::notice::parse;
use handbill::plan::{self, Drafts, Entry, Step};
use handbill::revision::Draft;

pub const LISTS: &str = r#"
[site]
title = "Notices"
organization = "Council"
url = "https://notices.example.org/"
zone = "America/New_York"
[mail]
from = "Notices <notices@example.org>"
[[list]]
name = "alerts"
when = "at once"
kinds = ["action"]
remind = ["-P1D", "-PT2H"]
quiet = "22:00-08:00"
[[list]]
name = "weekly"
when = "0 9 * * MON"
"#;

pub fn config(text: &str) -> Config {
    let (config, report) = config::parse("handbill.toml", text);
    config.unwrap_or_else(|| panic!("{report}"))
}

pub fn action(front: &str) -> String {
    let zone = if front.contains("zone =") { "" } else { "zone = \"America/New_York\"\n" };
    format!("+++\nkind = \"action\"\ntitle = \"A march\"\n{zone}{front}\n+++\nCome.\n")
}

pub fn statement(front: &str) -> String {
    format!("+++\nkind = \"statement\"\ntitle = \"A statement\"\n{front}\n+++\nWe say so.\n")
}

pub fn drafts(config: &Config, files: &[(&str, String)]) -> Drafts {
    let mut drafts = BTreeMap::new();
    for (id, source) in files {
        let parsed = parse::parse(&format!("notices/{id}.md"), source, &config.site.defaults());
        let notice = parsed.notice.unwrap_or_else(|| panic!("{}", parsed.report));
        drafts.insert(notice.id.clone(), Draft::new(notice, &parsed.report.path, source));
    }
    drafts
}

pub fn at(text: &str) -> DateTime<Utc> {
    let whole = if text.len() == 17 { text.replace('Z', ":00Z") } else { text.to_owned() };
    whole.parse().unwrap()
}

pub fn told(entries: &[Entry]) -> String {
    let line = |entry: &Entry| {
        let word = match &entry.step {
            Step::Revise(revision) => {
                return format!("{} revise {} to {}\n", stamp(entry.at), revision.id(), revision.number);
            }
            Step::Open { .. } => return String::new(),
            Step::Send(edition) if edition.due_at > entry.at => {
                format!("send (not before {})", stamp(edition.due_at))
            }
            Step::Send(_) => "send".to_owned(),
            Step::Skip(_) => "skip".to_owned(),
            Step::Miss(_) => "miss".to_owned(),
        };
        let members = match &entry.step {
            Step::Send(edition) => edition
                .content
                .members()
                .iter()
                .map(|m| format!("{}.{}", m.notice, m.number))
                .collect::<Vec<_>>()
                .join(" "),
            Step::Revise(_) | Step::Open { .. } | Step::Skip(_) | Step::Miss(_) => String::new(),
        };
        format!("{} {word} {} {members}", stamp(entry.at), entry.key()).trim_end().to_owned() + "\n"
    };
    entries.iter().map(line).collect()
}

fn stamp(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%MZ").to_string()
}

// Files at moments: at each the service looks (with those files), and it looks at nothing in between.
pub struct Day<'a>(pub &'a str, pub &'a [(&'a str, String)]);

fn check(days: &[Day<'_>], expected: &str) {
    check_under(LISTS, days, expected);
}

pub fn check_under(lists: &str, days: &[Day<'_>], expected: &str) {
    let config = config(lists);
    let began = at(days[0].0);
    let (mut history, first) = plan::begin(&drafts(&config, days[0].1), began);
    let mut entries = first;
    for day in &days[1..] {
        let now = at(day.0);
        let due = plan::due(&config, &drafts(&config, day.1), &history, now);
        history.apply_all(&due, now);
        entries.extend(due);
    }
    assert_eq!(told(&entries), expected);
}

// What will be from `from` on, with these files and a ledger that begins then.
fn foretell(files: &[(&str, String)], from: &str, until: &str, expected: &str) {
    let config = config(LISTS);
    let drafts = drafts(&config, files);
    let (history, _) = plan::begin(&drafts, at(from));
    let looks_at = history.planned_until;
    assert_eq!(told(&plan::plan(&config, &drafts, history, looks_at, at(until))), expected);
}

fn march() -> Vec<(&'static str, String)> {
    vec![(
        "march",
        action("publish_at = 2018-07-08 18:00\nstarts = 2018-07-10 09:00\n[place]\nname = \"The square\""),
    )]
}

fn moved_march() -> Vec<(&'static str, String)> {
    vec![(
        "march",
        action(
            "publish_at = 2018-07-08 18:00\nstarts = 2018-07-10 09:00\nstatus = \"moved\"\n[place]\nname = \"The park\"",
        ),
    )]
}

#[test]
fn an_action_is_announced_reminded_of_twice_and_carried_by_the_weekly_issue() {
    foretell(
        &march(),
        "2018-07-07T12:00Z",
        "2018-07-11T00:00Z",
        "2018-07-08T22:00Z revise march to 0\n\
         2018-07-08T22:00Z send alert/alerts/march march.0\n\
         2018-07-09T13:00Z send issue/weekly/2018-07-09T09:00 march.0\n\
         2018-07-09T13:00Z send reminder/alerts/march/-P1D march.0\n\
         2018-07-10T12:00Z send reminder/alerts/march/-PT2H march.0\n",
    );
}

#[test]
fn a_reminder_in_quiet_hours_that_cannot_wait_goes_out_before_they_begin() {
    // Two hours before 07:30 is 05:30, and quiet hours end at 08:00, after the start.
    let early = vec![("early", action("publish_at = 2018-07-08 12:00\nstarts = 2018-07-10 07:30"))];
    foretell(
        &early,
        "2018-07-08T12:00Z",
        "2018-07-11T00:00Z",
        "2018-07-08T16:00Z revise early to 0\n\
         2018-07-08T16:00Z send alert/alerts/early early.0\n\
         2018-07-09T12:00Z send reminder/alerts/early/-P1D early.0\n\
         2018-07-09T13:00Z send issue/weekly/2018-07-09T09:00 early.0\n\
         2018-07-10T01:59Z send reminder/alerts/early/-PT2H early.0\n",
    );
}

#[test]
fn an_alert_in_quiet_hours_waits_for_the_morning() {
    let late = vec![("late", action("publish_at = 2018-07-08 23:00\nstarts = 2018-07-20 09:00"))];
    foretell(
        &late,
        "2018-07-08T12:00Z",
        "2018-07-09T12:00Z",
        "2018-07-09T03:00Z revise late to 0\n\
         2018-07-09T03:00Z send (not before 2018-07-09T12:00Z) alert/alerts/late late.0\n",
    );
}

#[test]
fn a_notice_older_than_the_ledger_is_never_sent() {
    check(
        &[
            Day("2018-07-09T00:00Z", &march()),
            Day("2018-07-09T13:00Z", &march()),
            Day("2018-07-10T12:00Z", &march()),
        ],
        "2018-07-09T00:00Z revise march to 0\n2018-07-09T13:00Z skip issue/weekly/2018-07-09T09:00\n",
    );
}

#[test]
fn who_was_told_hears_of_a_move_and_nobody_of_an_edit_that_changes_nothing() {
    let mut typo = march();
    typo[0].1.push_str("Bring water.\n");
    check(
        &[
            Day("2018-07-07T00:00Z", &march()),
            Day("2018-07-08T22:00Z", &march()),
            Day("2018-07-08T23:00Z", &typo),
            Day("2018-07-09T00:00Z", &moved_march()),
        ],
        "2018-07-08T22:00Z revise march to 0\n\
         2018-07-08T22:00Z send alert/alerts/march march.0\n\
         2018-07-08T23:00Z revise march to 1\n\
         2018-07-09T00:00Z revise march to 2\n\
         2018-07-09T00:00Z send correction/alerts/march/1 march.2\n",
    );
}

#[test]
fn a_cancelled_action_is_not_reminded_of_and_both_lists_that_told_of_it_say_so() {
    let cancelled = vec![(
        "march",
        action(
            "publish_at = 2018-07-08 18:00\nstarts = 2018-07-10 09:00\nstatus = \"cancelled\"\n[place]\nname = \"The square\"",
        ),
    )];
    check(
        &[
            Day("2018-07-07T00:00Z", &march()),
            Day("2018-07-09T13:00Z", &march()),
            Day("2018-07-09T15:00Z", &cancelled),
            Day("2018-07-10T13:00Z", &cancelled),
        ],
        "2018-07-08T22:00Z revise march to 0\n\
         2018-07-08T22:00Z send alert/alerts/march march.0\n\
         2018-07-09T13:00Z send issue/weekly/2018-07-09T09:00 march.0\n\
         2018-07-09T13:00Z send reminder/alerts/march/-P1D march.0\n\
         2018-07-09T15:00Z revise march to 1\n\
         2018-07-09T15:00Z send correction/alerts/march/1 march.1\n\
         2018-07-09T15:00Z send correction/weekly/march/1 march.1\n",
    );
}

#[test]
fn after_an_outage_one_reminder_goes_out_and_nothing_for_an_action_that_has_begun() {
    check(
        &[Day("2018-07-07T00:00Z", &march()), Day("2018-07-10T11:30Z", &march())],
        "2018-07-08T22:00Z revise march to 0\n\
         2018-07-08T22:00Z send (not before 2018-07-10T12:00Z) alert/alerts/march march.0\n\
         2018-07-09T13:00Z send issue/weekly/2018-07-09T09:00 march.0\n\
         2018-07-09T13:00Z miss reminder/alerts/march/-P1D\n",
    );
    check(
        &[Day("2018-07-07T00:00Z", &march()), Day("2018-07-12T13:30Z", &march())],
        "2018-07-08T22:00Z revise march to 0\n\
         2018-07-08T22:00Z miss alert/alerts/march\n\
         2018-07-09T13:00Z miss issue/weekly/2018-07-09T09:00\n\
         2018-07-09T13:00Z miss reminder/alerts/march/-P1D\n\
         2018-07-10T12:00Z miss reminder/alerts/march/-PT2H\n",
    );
}

#[test]
fn after_weeks_away_one_issue_goes_out_with_all_that_came() {
    let files = vec![
        ("first", statement("publish_at = 2020-02-03 12:00")),
        ("second", statement("publish_at = 2020-02-12 12:00")),
    ];
    check(
        &[
            Day("2020-02-01T00:00Z", &files),
            Day("2020-02-18T00:00Z", &files),
            Day("2020-02-24T14:00Z", &files),
        ],
        "2020-02-03T14:00Z miss issue/weekly/2020-02-03T09:00\n\
         2020-02-03T17:00Z revise first to 0\n\
         2020-02-10T14:00Z miss issue/weekly/2020-02-10T09:00\n\
         2020-02-12T17:00Z revise second to 0\n\
         2020-02-17T14:00Z send issue/weekly/2020-02-17T09:00 first.0 second.0\n\
         2020-02-24T14:00Z skip issue/weekly/2020-02-24T09:00\n",
    );
}

#[test]
fn what_waits_for_the_morning_goes_out_on_the_minute() {
    let late = vec![("late", statement(""))];
    let config = config(&LISTS.replace("kinds = [\"action\"]\n", ""));
    let (history, _) = plan::begin(&drafts(&config, &[]), at("2018-07-08T12:00Z"));
    let seen_at = "2018-07-09T03:00:00.763Z".parse().unwrap();
    let entries = plan::due(&config, &drafts(&config, &late), &history, seen_at);
    let due_at = entries.iter().find_map(|entry| match &entry.step {
        Step::Send(edition) => Some(edition.due_at),
        Step::Revise(_) | Step::Open { .. } | Step::Skip(_) | Step::Miss(_) => None,
    });
    assert_eq!(due_at, Some(at("2018-07-09T12:00Z")));
}

#[test]
fn an_action_that_came_cancelled_is_announced_when_it_takes_place_after_all() {
    let cancelled = vec![(
        "march",
        action("starts = 2018-07-20 09:00\nstatus = \"cancelled\"\n[place]\nname = \"The square\""),
    )];
    let takes_place = vec![("march", action("starts = 2018-07-20 09:00\n[place]\nname = \"The square\""))];
    check(
        &[
            Day("2018-07-07T00:00Z", &[]),
            Day("2018-07-08T15:00Z", &cancelled),
            Day("2018-07-08T16:00Z", &takes_place),
            Day("2018-07-08T17:00Z", &cancelled),
            Day("2018-07-08T18:00Z", &takes_place),
        ],
        "2018-07-08T15:00Z revise march to 0\n\
         2018-07-08T16:00Z revise march to 1\n\
         2018-07-08T16:00Z send alert/alerts/march march.1\n\
         2018-07-08T17:00Z revise march to 2\n\
         2018-07-08T17:00Z send correction/alerts/march/2 march.2\n\
         2018-07-08T18:00Z revise march to 3\n\
         2018-07-08T18:00Z send correction/alerts/march/3 march.3\n",
    );
}

#[test]
fn an_issue_that_goes_out_late_does_not_carry_what_is_over_by_then() {
    let files = vec![
        ("march", action("publish_at = 2018-07-08 12:00\nstarts = 2018-07-09 12:00")),
        ("rally", action("publish_at = 2018-07-08 12:00\nstarts = 2018-07-20 12:00")),
    ];
    check(
        &[Day("2018-07-07T00:00Z", &[]), Day("2018-07-08T16:00Z", &files), Day("2018-07-10T12:00Z", &files)],
        "2018-07-08T16:00Z revise march to 0\n\
         2018-07-08T16:00Z revise rally to 0\n\
         2018-07-08T16:00Z send alert/alerts/march march.0\n\
         2018-07-08T16:00Z send alert/alerts/rally rally.0\n\
         2018-07-09T13:00Z send issue/weekly/2018-07-09T09:00 rally.0\n\
         2018-07-09T14:00Z miss reminder/alerts/march/-PT2H\n",
    );
}

#[test]
fn a_start_that_moves_in_the_night_is_reminded_of_from_then_on() {
    let at_noon = vec![("march", action("starts = 2018-07-10 12:00"))];
    let at_half_past_seven = vec![("march", action("starts = 2018-07-10 07:30\nstatus = \"rescheduled\""))];
    // Two hours before is in quiet hours that end too late. The second before they began is past, and at that
    // second the start was another.
    check(
        &[
            Day("2018-07-07T00:00Z", &[]),
            Day("2018-07-08T16:00Z", &at_noon),
            Day("2018-07-09T16:00Z", &at_noon),
            Day("2018-07-10T03:00Z", &at_half_past_seven),
            Day("2018-07-10T09:30Z", &at_half_past_seven),
        ],
        "2018-07-08T16:00Z revise march to 0\n\
         2018-07-08T16:00Z send alert/alerts/march march.0\n\
         2018-07-09T13:00Z send issue/weekly/2018-07-09T09:00 march.0\n\
         2018-07-09T16:00Z send reminder/alerts/march/-P1D march.0\n\
         2018-07-10T03:00Z revise march to 1\n\
         2018-07-10T03:00Z send correction/alerts/march/1 march.1\n\
         2018-07-10T03:00Z send correction/weekly/march/1 march.1\n\
         2018-07-10T09:30Z send reminder/alerts/march/-PT2H march.1\n",
    );
}

#[test]
fn who_is_on_the_way_or_there_is_told_where_it_went_on() {
    let camp = |more: &str| {
        let front = "starts = 2018-07-10 09:00\nends = 2018-07-12 18:00";
        vec![("camp", action(&format!("{front}\n{more}[place]\nname = \"The square\"")))]
    };
    let cancelled = camp("status = \"cancelled\"\n");
    check(
        &[
            Day("2018-07-09T00:00Z", &[]),
            Day("2018-07-09T12:00Z", &camp("")),
            Day("2018-07-11T12:00Z", &camp("")),
            Day("2018-07-11T12:05Z", &cancelled),
        ],
        "2018-07-09T12:00Z revise camp to 0\n\
         2018-07-09T12:00Z send alert/alerts/camp camp.0\n\
         2018-07-09T13:00Z send issue/weekly/2018-07-09T09:00 camp.0\n\
         2018-07-09T13:00Z miss reminder/alerts/camp/-P1D\n\
         2018-07-10T12:00Z miss reminder/alerts/camp/-PT2H\n\
         2018-07-11T12:05Z revise camp to 1\n\
         2018-07-11T12:05Z send correction/alerts/camp/1 camp.1\n\
         2018-07-11T12:05Z send correction/weekly/camp/1 camp.1\n",
    );
}

#[test]
fn what_the_next_look_will_find_is_planned_as_that_look_will_find_it() {
    let config = config(LISTS);
    let (history, _) = plan::begin(&drafts(&config, &[]), at("2018-07-08T12:00Z"));
    let files = [("march", action("starts = 2018-07-09 12:00"))];
    let (looks_at, until) = (at("2018-07-08T13:00Z"), at("2018-07-08T16:30Z"));
    let planned = plan::plan(&config, &drafts(&config, &files), history, looks_at, until);
    assert_eq!(
        told(&planned),
        "2018-07-08T13:00Z revise march to 0\n\
         2018-07-08T13:00Z send alert/alerts/march march.0\n\
         2018-07-08T16:00Z send reminder/alerts/march/-P1D march.0\n"
    );
}

#[test]
fn a_reminder_that_was_sent_for_an_earlier_start_does_not_hold_up_another() {
    let near = vec![("march", action("starts = 2018-07-09 15:00"))];
    let moved = vec![("march", action("starts = 2018-07-20 15:00\nstatus = \"rescheduled\""))];
    // The one of two hours was sent on 9 July; after the outage that of a day is still worth sending.
    check(
        &[
            Day("2018-07-07T00:00Z", &[]),
            Day("2018-07-09T12:30Z", &near),
            Day("2018-07-09T17:00Z", &near),
            Day("2018-07-09T18:00Z", &moved),
            Day("2018-07-20T17:30Z", &moved),
        ],
        "2018-07-09T12:30Z revise march to 0\n\
         2018-07-09T12:30Z send alert/alerts/march march.0\n\
         2018-07-09T13:00Z send issue/weekly/2018-07-09T09:00 march.0\n\
         2018-07-09T17:00Z send reminder/alerts/march/-PT2H march.0\n\
         2018-07-09T18:00Z revise march to 1\n\
         2018-07-09T18:00Z send correction/alerts/march/1 march.1\n\
         2018-07-09T18:00Z send correction/weekly/march/1 march.1\n\
         2018-07-16T13:00Z miss issue/weekly/2018-07-16T09:00\n\
         2018-07-19T19:00Z send reminder/alerts/march/-P1D march.1\n",
    );
}
