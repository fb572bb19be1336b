//! Check: what would keep people from being told, or from finding the place, is said before it is published.

use std::fs;
use std::process::Command;

use handbill::folder::Folder;
use handbill::notice::lint;
use handbill::notice::parse::{parse, reread};
use handbill::plan::Step;
use handbill::problem::Report;

use crate::plan::at;
use crate::sample;
use crate::world::World;

/// An action with this front matter besides kind, title and zone, which stand on lines 2 to 4.
fn action(front: &str) -> String {
    format!(
        "+++\nkind = \"action\"\ntitle = \"March for the river\"\nzone = \"UTC\"\n{front}\n+++\nCome along.\n"
    )
}

/// What a folder says of files in it, a line each.
fn said(files: &[(&str, &[u8])]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let reading = Folder::new(folder.path().to_owned(), "notices", sample::site().defaults()).read_once();
    reading.unwrap().all_reports().flat_map(|report| report.lines()).collect()
}

fn said_of(front: &str) -> Vec<String> {
    said(&[("march.md", action(front).as_bytes())])
}

#[test]
fn an_action_that_is_published_after_its_start_is_warned_of() {
    // The site's clock is New York's, four hours behind.
    let past = |front: &str, now: &str| {
        let parsed = parse("notices/march.md", &action(front), &sample::site().defaults());
        lint::past(&parsed.timed, &sample::site().zone, at(now))
            .map(|it| Report::new("", action(front), vec![it]))
    };
    let late = "publish_at = 2018-07-10 09:00\nstarts = 2018-07-10 12:00";
    let said =
        "it is published after its start, and nobody is told of it, write a time before 2018-07-10 08:00";
    assert_eq!(past(late, "2018-07-08T12:00Z").unwrap().lines(), [format!(":5:14: error: {said}")]);
    assert_eq!(
        past(late, "2038-07-08T12:00Z").unwrap().lines(),
        [format!(":5:14: warning: {said}; a record of what is over can stay as it is")]
    );
    let is_warned_of = |front: &str| past(front, "2018-07-08T12:00Z").is_some();
    assert!(!is_warned_of("publish_at = 2018-07-10 07:59\nstarts = 2018-07-10 12:00"));
    assert!(!is_warned_of(
        "publish_at = 2018-07-11 08:00\nstarts = 2018-07-10 12:00\nstatus = \"cancelled\""
    ));
    let dates =
        "publish_at = 2018-07-11 08:00\n[[occurrence]]\nstarts = 2018-07-10 12:00\n[[occurrence]]\nstarts = ";
    assert!(!is_warned_of(&format!("{dates}2018-07-17 12:00")), "the second date is ahead");
    assert!(is_warned_of(&format!("{dates}2018-07-10 13:00\nkey = \"later\"")));
    assert!(is_warned_of(&format!("{dates}2018-07-17 12:00\nstatus = \"cancelled\"")));
}

#[test]
fn a_record_that_was_written_after_the_action_is_published_and_sent_to_nobody() {
    let world = World::new(LISTS);
    world.subscribe(&["ana"], "alerts");
    world.look("2018-07-08T11:00Z");
    world.write("march", &action("publish_at = 2018-07-08 11:30\nstarts = 2018-07-07 12:00"));
    let (code, found) = handbill(&world, &["check", "--brief"]);
    assert!(found.starts_with("notices/march.md:5:14: warning: it is published after its start"), "{found}");
    assert_eq!(code, 0);
    assert_eq!(revised(&world, BEFORE), ["march 0"]);
    assert_eq!(world.with_ledger(async |ledger| ledger.next_delivery_at().await.unwrap()), None);
    assert_eq!(handbill(&world, &["check", "--brief"]), (0, String::new()));
}

#[test]
fn a_place_is_shown_before_people_gather_there() {
    let day_of = |times: &str, reveal: &str| {
        said_of(&format!("{times}\n[place]\nname = \"The square\"\nvisibility = \"day-of\"\n{reveal}"))
    };
    assert_eq!(
        day_of("starts = 2018-07-10 12:00", "reveal_at = 2018-07-10 13:00"),
        [
            "notices/march.md:9:13: error: the place would be shown from 2018-07-10 13:00 on, after people gather there \
             at 2018-07-10 12:00, write an earlier time"
        ]
    );
    assert_eq!(
        day_of("starts = 2018-07-10 00:30\nassemble_at = 2018-07-09 23:30", ""),
        [
            "notices/march.md:9:14: error: the place would be shown from 2018-07-10 00:00 on, after people gather there \
             at 2018-07-09 23:30, add reveal_at, a time before that: without it the place is shown from the first \
             minute of the day of `starts`"
        ]
    );
    let none: [&str; 0] = [];
    assert_eq!(
        day_of("starts = 2018-07-10 00:30\nassemble_at = 2018-07-09 23:30", "reveal_at = 2018-07-09 20:00"),
        none
    );
    assert_eq!(day_of("starts = 2018-07-10 12:00", ""), none);
    let row = "[[occurrence]]\nstarts = 2018-07-10 12:00";
    let elsewhere = "\n[occurrence.place]\nname = \"The park\"";
    let later = "\n[[occurrence]]\nstarts = 2018-07-17 12:00\n[place]\nname = \"The square\"\nvisibility = \"day-of\"\n\
                 reveal_at = 2018-07-11 09:00";
    assert_eq!(said_of(&format!("{row}{later}")).len(), 1, "the first date has no other place");
    assert_eq!(said_of(&format!("{row}{elsewhere}{later}")), none);
    assert_eq!(said_of(&format!("{row}\nstatus = \"cancelled\"{later}")), none);
}

#[test]
fn a_day_too_early_and_an_end_weeks_later_are_worth_a_look() {
    assert_eq!(
        said_of("starts = 2018-07-10 12:00\nassemble_at = 2018-07-09 11:00\nends = 2018-08-10 14:00"),
        [
            "notices/march.md:6:15: warning: people would assemble 25 hours before the start, look at the day again",
            "notices/march.md:7:8: warning: it would go on for 31 days, look at the day and the month again",
        ]
    );
    let none: [&str; 0] = [];
    assert_eq!(
        said_of("starts = 2018-07-10 12:00\nassemble_at = 2018-07-09 12:00\nends = 2018-07-17 12:00"),
        none
    );
}

#[test]
fn an_action_of_the_past_says_that_it_is_a_record() {
    let past = |front: &str, now: &str| {
        let parsed = parse("notices/march.md", &action(front), &sample::site().defaults());
        lint::past(&parsed.timed, &sample::site().zone, at(now))
            .map(|problem| (problem.message, problem.help))
    };
    let slip = past("starts = 2017-07-10 12:00", "2018-07-08T12:00Z").unwrap();
    assert_eq!(slip.0, "this is in the past, and nobody is told of an action that has begun");
    assert_eq!(slip.1, "correct the date; a record of what is over says so by publish_at = 2017-07-10 08:00");
    assert_eq!(past("starts = 2018-07-10 12:00", "2018-07-08T12:00Z"), None);
    assert_eq!(past("publish_at = 2017-07-10 08:00\nstarts = 2017-07-10 12:00", "2018-07-08T12:00Z"), None);
    assert!(past("publish_at = 2018-07-10 08:00\nstarts = 2018-07-10 12:00", "2018-07-08T12:00Z").is_some());
    assert_eq!(past("starts = 2017-07-10 12:00\nstatus = \"cancelled\"", "2018-07-08T12:00Z"), None);
}

#[test]
fn an_action_of_the_past_is_warned_of_until_it_is_published() {
    let world = World::new(LISTS);
    world.look("2018-07-08T11:00Z");
    world.write("march", &action("starts = 2017-07-10 12:00"));
    let (code, found) = handbill(&world, &["check", "--brief"]);
    assert!(found.starts_with("notices/march.md:5:10: warning: this is in the past"), "{found}");
    assert_eq!(code, 0);
    assert_eq!(revised(&world, BEFORE), ["march 0"]);
    assert_eq!(handbill(&world, &["check", "--brief"]), (0, String::new()));
}

#[test]
fn what_was_published_once_is_read_again_whatever_is_refused_since() {
    let source = action(
        "starts = 2018-07-10 12:00\n[place]\nname = \"The square\"\nvisibility = \"day-of\"\nreveal_at = 2018-07-10 13:00",
    );
    let defaults = sample::site().defaults();
    assert!(parse("notices/march.md", &source, &defaults).notice.is_none());
    assert_eq!(reread("notices/march.md", &source, &defaults).unwrap().title, "March for the river");
    assert!(reread("notices/march.md", "+++\n", &defaults).is_none());
}

#[test]
fn a_file_that_is_not_read_is_named() {
    let march = action("starts = 2018-07-10 12:00");
    let march = march.as_bytes();
    assert_eq!(
        said(&[
            ("a.txt", march),
            ("b.md.txt", march),
            ("c.MD", march),
            ("crowd.jpg", b""),
            ("The March", march),
            (".hidden.txt", march),
            ("e.md~", march),
            (".e.md.swp", march),
            ("#e.md#", march),
            ("e.md.bak", march),
        ]),
        [
            "notices/The March:1:1: warning: this file is not read: its name does not end in .md, rename it to \
             the-march.md",
            "notices/a.txt:1:1: warning: this file is not read: its name does not end in .md, rename it to a.md",
            "notices/b.md.txt:1:1: warning: this file is not read: its name does not end in .md, rename it to b.md",
            "notices/c.MD:1:1: warning: this file is not read: its name does not end in .md, rename it to c.md",
            "notices/crowd.jpg:1:1: warning: a picture here is not read, move it into the folder media/, which stands \
             beside this one",
        ]
    );
}

#[test]
fn a_key_of_the_top_below_a_table_is_sent_up() {
    assert_eq!(
        said_of(
            "starts = 2018-07-10 12:00\n[place]\nname = \"The square\"\nstatus = \"cancelled\"\nadress = \"1 Oak Street\""
        ),
        [
            "notices/march.md:8:1: error: `status` is not a key known here, it is a key of the top: move it above \
             [place], and above every other line in brackets",
            "notices/march.md:9:1: error: `adress` is not a key known here, did you mean `address`?",
        ]
    );
}

#[test]
fn a_byte_order_mark_is_no_problem() {
    let march = format!("\u{feff}{}", action("starts = 2018-07-10 12:00\nstatsu = \"moved\""));
    assert_eq!(
        said(&[("march.md", march.as_bytes())]),
        ["notices/march.md:6:1: error: `statsu` is not a key known here, did you mean `status`?"]
    );
}

#[test]
fn a_typographic_quote_is_named() {
    let quoted = |value: &str| {
        said(&[("march.md", format!("+++\nkind = \"action\"\ntitle = {value}\n+++\nCome.\n").as_bytes())])
    };
    for (value, column, quote) in
        [("“March”", 9, '“'), ("“A long march”", 9, '“'), ("\"March”", 15, '”'), ("«March»", 9, '«')]
    {
        let said = quoted(value);
        let line = format!(
            "notices/march.md:3:{column}: error: {quote} is a typographic quote, write \" instead, at both ends"
        );
        assert!(said.contains(&line), "{value}: {said:?}");
        assert_eq!(said.iter().filter(|line| line.contains(":3:")).count(), 1, "{value}: {said:?}");
    }
}

const LISTS: &str =
    "[[list]]\nname = \"alerts\"\ntitle = \"Alerts\"\nwhen = \"at once\"\nremind = [\"-P1D\"]\n";

const BEFORE: &str = "2018-07-08T12:00Z";
const NOW: &str = "2018-07-08T13:00Z";

/// A march that was published, and whose file is gone.
fn without_its_file() -> World {
    let world = World::new(LISTS);
    world.look("2018-07-08T11:00Z");
    world.write("march", &action("starts = 2038-07-10 12:00"));
    assert_eq!(revised(&world, BEFORE), ["march 0"]);
    fs::remove_file(world.path().join("notices/march.md")).unwrap();
    world
}

fn revised(world: &World, now: &str) -> Vec<String> {
    let steps = world.look(now).entries.into_iter().map(|entry| entry.step);
    steps
        .filter_map(|step| match step {
            Step::Revise(revision) => Some(format!("{} {}", revision.id(), revision.number)),
            Step::Open { .. } | Step::Send(_) | Step::Skip(_) | Step::Miss(_) => None,
        })
        .collect()
}

fn handbill(world: &World, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handbill"));
    let output = command.arg("-C").arg(world.path()).args(arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_file_under_another_name_is_not_published_until_its_author_says_what_it_is() {
    let world = without_its_file();
    world.write("river-march", &action("starts = 2038-07-10 12:00\nends = 2038-07-10 14:00"));
    assert_eq!(revised(&world, NOW), Vec::<String>::new());
    let (code, found) = handbill(&world, &["check", "--brief"]);
    assert_eq!(
        found,
        "notices/river-march.md:1:1: error: this looks like march, which was published and has no file any more, write \
         id = \"march\", or give the file its name back; if it is another notice, write id = \"river-march\"\n"
    );
    assert_eq!(code, 1);
    assert_eq!(handbill(&world, &["plan"]).0, 1);

    world.edit("river-march", "zone", "id = \"march\"\nzone");
    assert_eq!(revised(&world, NOW), ["march 1"]);
    assert_eq!(handbill(&world, &["check", "--brief"]), (0, String::new()));
}

#[test]
fn publish_says_that_a_file_has_another_name() {
    let world = without_its_file();
    world.write("river-march", &action("starts = 2038-07-10 12:00"));
    let (code, said) = handbill(&world, &["publish"]);
    assert!(!said.contains("river-march"), "{said}");
    assert_eq!(code, 1, "{said}");
}

#[test]
fn whoever_says_that_it_is_another_notice_publishes_another() {
    let world = without_its_file();
    world.write("river-march", &action("id = \"river-march\"\nstarts = 2038-07-10 12:00"));
    assert_eq!(revised(&world, NOW), ["river-march 0"]);
}

#[test]
fn a_new_notice_is_none_that_was_renamed() {
    let world = without_its_file();
    let other = action("starts = 2038-07-10 12:00").replace("March for the river", "A picnic");
    world.write("picnic", &other);
    assert_eq!(revised(&world, NOW), ["picnic 0"]);
    // The same again when the first is over.
    world.write("march-2039", &action("starts = 2039-07-10 12:00"));
    assert_eq!(revised(&world, NOW), Vec::<String>::new(), "it may have been moved");
    assert_eq!(revised(&world, "2038-07-11T12:00Z"), ["march-2039 0"]);
}

#[test]
fn an_action_ahead_without_a_file_is_warned_of() {
    let world = without_its_file();
    let (code, found) = handbill(&world, &["check", "--brief"]);
    assert_eq!(
        found,
        "notices/march.md:1:1: warning: march has no file any more and stands published: people go there and are \
         reminded of it, put the file back; to call it off, write status = \"cancelled\" into it or run `handbill \
         withdraw march`\n"
    );
    assert_eq!(code, 0);
    let (_, found) = handbill(&world, &["doctor"]);
    assert!(found.contains("march has no file any more"), "{found}");
}
