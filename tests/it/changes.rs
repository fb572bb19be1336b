//! Changes: what an edit, a withdrawal and a reveal make due, and what is shown then.

mod table;

use std::fs;

use handbill::notice::shown::shown;
use handbill::revision::Revision;

use crate::plan::{Day, LISTS, action, at, check_under, config, drafts, statement};
use crate::world::World;

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
fn who_was_told_that_it_was_taken_back_is_told_that_it_stands_again() {
    let withdrawn = "withdrawn = \"A mistake.\"\nnotify = \"alert\"";
    check(
        &[
            Day("2018-07-06T12:00Z", &[]),
            Day("2018-07-06T13:00Z", &march("")),
            Day("2018-07-06T14:00Z", &march(withdrawn)),
            // What is edited meanwhile changes nothing of what they know.
            Day("2018-07-06T14:30Z", &march(&withdrawn.replace("mistake", "forgery"))),
            Day("2018-07-06T15:00Z", &march("")),
        ],
        "2018-07-06T13:00Z revise march to 0
2018-07-06T13:00Z send alert/alerts/march march.0
2018-07-06T13:00Z send alert/board/march march.0
2018-07-06T14:00Z revise march to 1
2018-07-06T14:00Z send correction/alerts/march/1 march.1
2018-07-06T14:00Z send correction/board/march/1 march.1
2018-07-06T14:30Z revise march to 2
2018-07-06T15:00Z revise march to 3
2018-07-06T15:00Z send correction/alerts/march/2 march.3
2018-07-06T15:00Z send correction/board/march/2 march.3
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

const LISTS_OF_WORLD: &str = "[[list]]\nname = \"alerts\"\nwhen = \"at once\"\n";
const MARCH: &str = "+++\nkind = \"action\"\ntitle = \"March\"\nsummary = \"Bring banners.\"\n\
                     starts = 2018-07-10 09:00\nzone = \"UTC\"\n\
                     tags = [\"ICE\"]\n[place]\nname = \"Union Square\"\n+++\nBring water.\n";
const OTHER: &str = "+++\nkind = \"statement\"\ntitle = \"After it\"\nsupersedes = \"march\"\n+++\n\
                     See [it](march.md).\n";

fn read(world: &World, path: &str) -> String {
    std::fs::read_to_string(world.path().join("data/site").join(path)).unwrap()
}

fn stands(world: &World, path: &str) -> bool {
    world.path().join("data/site").join(path).exists()
}

#[test]
fn a_notice_is_taken_back_by_its_id_or_by_its_file() {
    let world = World::new(LISTS_OF_WORLD);
    world.write("renamed", &MARCH.replacen("+++\n", "+++\nid = \"march\"\n", 1));
    let file = world.path().join("notices/renamed.md");
    let before = fs::read_to_string(&file).unwrap();
    let why = ["--why", "The permit was a forgery."];
    let withdraw = |notice: &str| handbill(&world, &[&["withdraw", notice][..], &why].concat());
    for notice in ["march", "notices/renamed.md", "renamed.md", file.to_str().unwrap()] {
        let taken_back = withdraw(notice);
        assert!(taken_back.status.success(), "{notice}: {}", said(&taken_back));
        assert!(fs::read_to_string(&file).unwrap().contains("withdrawn = \"The permit was a forgery.\""));
        let again = withdraw(notice);
        assert_eq!(again.status.code(), Some(1), "{}", said(&again));
        assert!(
            said(&again).contains("march is taken back already: notices/renamed.md says so"),
            "{}",
            said(&again)
        );
        fs::write(&file, &before).unwrap();
    }
    // A copy elsewhere is not what was published.
    let copy = world.path().join("copy.md");
    fs::write(&copy, &before).unwrap();
    let refused = withdraw(copy.to_str().unwrap());
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains("copy.md is not in "), "{}", said(&refused));
    assert_eq!(fs::read_to_string(&copy).unwrap(), before);

    world.write("broken", "+++\nkind = \"action\"\n+++\n");
    for (notice, complaint) in
        [("merch", "there is no notice merch, did you mean march?"), ("broken", "notices/broken.md:1:1")]
    {
        let refused = withdraw(notice);
        assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
        assert!(said(&refused).contains(complaint), "{}", said(&refused));
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
}

#[test]
fn what_is_taken_back_is_an_entry_that_says_so_then_a_tombstone_then_nothing() {
    let mut world = World::new(LISTS_OF_WORLD);
    world.subscribe(&["ana"], "alerts");
    world.look("2018-07-06T12:00Z");
    world.write("march", MARCH);
    world.write("other", OTHER);
    world.pass("2018-07-06T13:00Z");
    world.check("ana: Action: March — Tue Jul 10, 9:00 AM\nana: After it\n");
    assert!(read(&world, "feeds/all.atom").contains("thr:in-reply-to"), "{}", read(&world, "feeds/all.atom"));
    let taken_back = handbill(&world, &["withdraw", "march", "--why", "It was \"no\" march.", "--mail"]);
    assert!(taken_back.status.success(), "{}", said(&taken_back));
    world.pass("2018-07-06T14:00Z");
    let [mail] = &world.arrived()[..] else { panic!("one mail") };
    assert_eq!(mail.subject, "Taken back: March");
    assert!(mail.text.contains("This notice was taken back: It was \"no\" march."), "{}", mail.text);
    assert!(!mail.text.contains("Union Square"), "{}", mail.text);
    for gone in ["notices/march/index.html", "notices/march/event.ics"] {
        assert!(!stands(&world, gone), "{gone}");
    }
    let site = world.path().join("data/site");
    for text in ["Union Square", "Bring water", "Bring banners"] {
        let shown: Vec<_> = world.shows(text).into_iter().filter(|path| path.starts_with(&site)).collect();
        assert_eq!(shown, Vec::<std::path::PathBuf>::new(), "{text}");
    }
    for feed in ["feeds/all.atom", "feeds/all.rss", "feeds/all.json", "feeds/tag/ice.atom"] {
        assert!(read(&world, feed).contains("WITHDRAWN: March"), "{feed}: {}", read(&world, feed));
    }
    let calendar = read(&world, "calendar/actions.ics");
    assert!(calendar.contains("STATUS:CANCELLED") && calendar.contains("WITHDRAWN: March"), "{calendar}");
    assert!(!read(&world, "notices/other/index.html").contains("notices/march"), "no link leads there");
    world.pass("2018-07-20T14:00Z");
    let feed = read(&world, "feeds/all.atom");
    assert!(!feed.contains("WITHDRAWN"), "{feed}");
    let stone = "<at:deleted-entry xmlns:at=\"http://purl.org/atompub/tombstones/1.0\" \
                 ref=\"tag:notices.example.org,2018-07-06:march\" when=\"2018-07-06T14:00:00Z\"/>";
    assert!(feed.find(stone).unwrap() < feed.find("<entry").unwrap(), "{feed}");
    world.pass("2018-10-04T14:00Z");
    assert!(!read(&world, "feeds/all.atom").contains("deleted-entry"));
    // In a folder that has never seen it, too.
    std::fs::remove_dir_all(&site).unwrap();
    world.look("2018-10-05T14:00Z");
    let manifest = handbill::channel::site::open(&site).unwrap();
    assert!(manifest.gone.contains_key("notices/march/index.html"), "{:?}", manifest.gone);
}

#[test]
fn what_waits_of_a_notice_that_was_taken_back_is_not_sent() {
    let lists = "[[list]]\nname = \"alerts\"\nwhen = \"at once\"\nkinds = [\"action\"]\n\
                 [[list]]\nname = \"weekly\"\nwhen = \"0 9 * * MON\"\n";
    let mut world = World::new(lists);
    world.subscribe(&["ana"], "alerts");
    world.subscribe(&["ben"], "weekly");
    world.look("2018-07-06T12:00Z");
    world.write("march", MARCH);
    world.write("other", &statement(""));
    // Planned, and not sent before it is taken back.
    world.look("2018-07-06T13:00Z");
    let withdrawn = |source: &str| source.replacen("title", "withdrawn = \"A mistake.\"\ntitle", 1);
    world.write("march", &withdrawn(MARCH));
    world.pass("2018-07-06T13:01Z");
    world.check("");
    world.write("march", MARCH);
    world.look("2018-07-06T13:02Z");
    // An issue goes without it; one of which nothing is left does not go.
    world.look("2018-07-09T13:00Z");
    world.write("march", &withdrawn(MARCH));
    world.pass("2018-07-09T13:01Z");
    let arrived = world.arrived();
    let [issue] = &arrived[..] else { panic!("{}", crate::world::lines(&arrived)) };
    assert!(issue.text.contains("A statement") && !issue.text.contains("March"), "{}", issue.text);
}

#[test]
fn the_plan_says_before_an_edit_is_published_whether_it_is_told() {
    let mut world = World::new(LISTS_OF_WORLD);
    world.subscribe(&["ana"], "alerts");
    world.look("2018-07-06T12:00Z");
    world.write("march", MARCH);
    world.pass("2018-07-06T13:00Z");
    world.check("ana: Action: March — Tue Jul 10, 9:00 AM\n");
    let elsewhere = ("Union Square", "The park");
    let note = ("title =", "changed = \"The hall has no lift.\"\ntitle =");
    let silent = ("title =", "notify = \"silent\"\ntitle =");
    let alert = ("title =", "notify = \"alert\"\ntitle =");
    let edits: [(&[(&str, &str)], &str); 6] = [
        (&[("Bring water", "Bring hats")], "edit silently"),
        (&[elsewhere], "change, correction"),
        (&[elsewhere, silent], "edit silently"),
        (&[note], "edit silently"),
        (&[note, alert], "change, correction"),
        (&[("title =", "withdrawn = \"A mistake.\"\ntitle =")], "change"),
    ];
    for (texts, expected) in edits {
        world.write("march", MARCH);
        texts.iter().for_each(|(old, new)| world.edit("march", old, new));
        let entries = foretold(&world, "2018-07-06T13:00:00Z", "2018-07-07T00:00");
        let words: Vec<&str> = entries.iter().map(|entry| entry["what"].as_str().unwrap()).collect();
        assert_eq!(words.join(", "), expected, "{texts:?}");
    }
}

/// What `handbill plan` says will come; from the latest look on that is also what waits for the next one.
fn foretold(world: &World, from: &str, to: &str) -> Vec<serde_json::Value> {
    let output = handbill(world, &["plan", "--from", from, "--to", to, "--json"]);
    assert!(output.status.success(), "{}", said(&output));
    let mut plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    serde_json::from_value(plan["entries"].take()).unwrap()
}

fn handbill(world: &World, arguments: &[&str]) -> std::process::Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_handbill"))
        .arg("-C")
        .arg(world.path())
        .args(arguments)
        .output()
        .unwrap()
}

fn said(output: &std::process::Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr].concat()).unwrap()
}
