//! Changes: what an edit, a withdrawal and a reveal make due, and what is shown then.

use handbill::notice::shown::shown;
use handbill::revision::Revision;

use crate::plan::{Day, LISTS, action, at, check_under, config, drafts, statement};

const TARGET: &str = r#"
[[target]]
name = "board"
url = "https://board.example.org/hook"
secret_file = "board.secret"
"#;

fn check(days: &[Day<'_>], expected: &str) {
    check_under(&format!("{LISTS}{TARGET}"), days, expected);
}

fn march(front: &str) -> Vec<(&'static str, String)> {
    vec![("march", action(&format!("starts = 2018-07-10 09:00\n{front}")))]
}

fn stand(front: &str) -> Vec<(&'static str, String)> {
    vec![("stand", statement(front))]
}

#[test]
fn what_is_taken_back_is_told_to_targets_and_by_mail_only_when_asked() {
    let came = march("");
    check(
        &[
            Day("2018-07-06T12:00Z", &[]),
            Day("2018-07-06T13:00Z", &came),
            Day("2018-07-06T14:00Z", &march("withdrawn = \"The hotel asked for it by mistake.\"")),
            // Neither its reminders nor the weekly issue speak of it.
            Day("2018-07-09T15:00Z", &march("withdrawn = \"The hotel asked for it by mistake.\"")),
        ],
        "2018-07-06T13:00Z revise march to 0
2018-07-06T13:00Z send alert/alerts/march march.0
2018-07-06T13:00Z send alert/board/march march.0
2018-07-06T14:00Z revise march to 1
2018-07-06T14:00Z send correction/board/march/1 march.1
2018-07-09T13:00Z skip issue/weekly/2018-07-09T09:00
",
    );
    check(
        &[
            Day("2018-07-06T12:00Z", &[]),
            Day("2018-07-06T13:00Z", &came),
            Day("2018-07-06T14:00Z", &march("withdrawn = \"A mistake.\"\nnotify = \"alert\"")),
        ],
        "2018-07-06T13:00Z revise march to 0
2018-07-06T13:00Z send alert/alerts/march march.0
2018-07-06T13:00Z send alert/board/march march.0
2018-07-06T14:00Z revise march to 1
2018-07-06T14:00Z send correction/alerts/march/1 march.1
2018-07-06T14:00Z send correction/board/march/1 march.1
",
    );
}

#[test]
fn what_was_taken_back_and_stands_again_is_told_to_targets_and_reminded_of() {
    check(
        &[
            Day("2018-07-06T12:00Z", &[]),
            Day("2018-07-06T13:00Z", &march("")),
            Day("2018-07-06T14:00Z", &march("withdrawn = \"A mistake.\"")),
            Day("2018-07-06T15:00Z", &march("")),
            Day("2018-07-09T13:00Z", &march("")),
        ],
        "2018-07-06T13:00Z revise march to 0
2018-07-06T13:00Z send alert/alerts/march march.0
2018-07-06T13:00Z send alert/board/march march.0
2018-07-06T14:00Z revise march to 1
2018-07-06T14:00Z send correction/board/march/1 march.1
2018-07-06T15:00Z revise march to 2
2018-07-06T15:00Z send correction/board/march/2 march.2
2018-07-09T13:00Z send issue/weekly/2018-07-09T09:00 march.2
2018-07-09T13:00Z send reminder/alerts/march/-P1D march.2
",
    );
}

#[test]
fn an_edit_is_told_or_not_as_its_author_says() {
    let moved = "[place]\nname = \"The park\"";
    check(
        &[
            Day("2018-07-06T12:00Z", &[]),
            Day("2018-07-06T13:00Z", &march("")),
            Day("2018-07-06T14:00Z", &march(&format!("notify = \"silent\"\n{moved}"))),
        ],
        "2018-07-06T13:00Z revise march to 0
2018-07-06T13:00Z send alert/alerts/march march.0
2018-07-06T13:00Z send alert/board/march march.0
2018-07-06T14:00Z revise march to 1
",
    );
    let said = "notify = \"alert\"\nchanged = \"It named the wrong month.\"";
    check(
        &[
            Day("2018-07-06T12:00Z", &[]),
            Day("2018-07-06T13:00Z", &stand("")),
            // What is said of it without a wish to tell people stands on its page.
            Day("2018-07-06T14:00Z", &stand("changed = \"A comma.\"")),
            Day("2018-07-06T15:00Z", &stand(said)),
            // It was told once: a later edit is not told with the same sentence.
            Day("2018-07-06T16:00Z", &stand(&format!("{said}\nsummary = \"We do.\""))),
        ],
        "2018-07-06T13:00Z revise stand to 0
2018-07-06T13:00Z send alert/board/stand stand.0
2018-07-06T14:00Z revise stand to 1
2018-07-06T15:00Z revise stand to 2
2018-07-06T15:00Z send correction/board/stand/2 stand.2
2018-07-06T16:00Z revise stand to 3
",
    );
}

const HIDDEN: &str = "[place]\nname = \"The park\"\nvisibility = \"day-of\"\nreveal_at = 2018-07-10 06:00";

#[test]
fn a_place_that_is_shown_from_a_time_on_is_told_at_that_time_to_those_who_were_told() {
    let files = march(HIDDEN);
    check(
        &[
            Day("2018-07-06T12:00Z", &[]),
            Day("2018-07-08T22:00Z", &files),
            Day("2018-07-09T13:00Z", &files),
            Day("2018-07-10T10:00Z", &files),
            Day("2018-07-10T11:30Z", &files),
            // It is revealed once, and what is edited then is no news of its place.
            Day("2018-07-10T11:40Z", &march(&HIDDEN.replace("[place]", "summary = \"Come.\"\n[place]"))),
        ],
        "2018-07-08T22:00Z revise march to 0
2018-07-08T22:00Z send alert/alerts/march march.0
2018-07-08T22:00Z send alert/board/march march.0
2018-07-09T13:00Z send issue/weekly/2018-07-09T09:00 march.0
2018-07-09T13:00Z send reminder/alerts/march/-P1D march.0
2018-07-10T10:00Z revise march to 1
2018-07-10T10:00Z send correction/alerts/march/1 march.1
2018-07-10T10:00Z send correction/board/march/1 march.1
2018-07-10T10:00Z send correction/weekly/march/1 march.1
2018-07-10T11:40Z revise march to 2
",
    );
}

#[test]
fn a_reveal_and_an_edit_that_are_seen_together_are_one_change() {
    let config = config(LISTS);
    let draft = |files: &[(&str, String)]| drafts(&config, files).into_values().next().unwrap();
    let first = Revision::first(draft(&march(HIDDEN)), at("2018-07-08T22:00Z"));
    let later = HIDDEN.replace("[place]", "ends = 2018-07-10 12:00\n[place]");
    let next = first.next(draft(&march(&later)), at("2018-07-10T10:30Z"));
    assert_eq!(next.change().unwrap().differences.len(), 2);
    // While it is hidden it changes without a word.
    let elsewhere = HIDDEN.replace("The park", "The square");
    assert_eq!(first.next(draft(&march(&elsewhere)), at("2018-07-09T10:30Z")).change(), None);
}

#[test]
fn of_what_was_taken_back_nothing_is_shown_but_its_title_its_time_and_why() {
    let config = config(LISTS);
    let source = crate::sample::ACTION.replacen(
        "title =",
        "withdrawn = \"The [hotel](https://example.org/) erred.\"\ntitle =",
        1,
    );
    let notice = drafts(&config, &[("march", source)]).into_values().next().unwrap().notice;
    let visible = format!("{:?}", shown(&notice, at("2018-07-09T10:30Z")));
    for gone in ["Hotel", "Coalition", "keynote", "fountain", "212 555", "banner", "No camps", "press@"] {
        assert!(!visible.contains(gone), "{gone}: {visible}");
    }
    assert!(visible.contains("AbolishICE") && visible.contains("erred"));
}

#[test]
fn whoever_wants_people_to_be_told_has_to_say_what() {
    let parsed = |front: &str| {
        let defaults = config(LISTS).site.defaults();
        handbill::notice::parse::parse("notices/stand.md", &statement(front), &defaults)
    };
    let refused = parsed("notify = \"alert\"");
    assert!(refused.notice.is_none());
    assert!(
        refused.report.to_string().contains("nobody knows what people are to be told"),
        "{}",
        refused.report
    );
    let warned = parsed("notify = \"silent\"");
    assert!(warned.notice.is_some());
    assert!(warned.report.to_string().contains("nobody is told of a change"), "{}", warned.report);
}
