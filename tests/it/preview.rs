//! Preview: what it says of a notice that is new, changed or wrong, run as a person runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const NOTICE: &str = r#"+++
kind = "action"
title = "Supper in the yard"
summary = "Saturday at six."
starts = 2099-05-02 18:00
zone = "America/New_York"
weekday = "Saturday"

[place]
name = "The yard"
address = "12 Alder Street"
+++
Bring a chair & a spoon.
"#;

/// How a command ended, what it said, and what it complained of.
struct Ran {
    code: i32,
    said: String,
    complained: String,
}

fn run(root: &Path, arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_handbill"))
        .arg("-C")
        .arg(root)
        .args(arguments)
        // The page is written beside the installation, and goes with it.
        .env("TMPDIR", root)
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap(),
        said: String::from_utf8(output.stdout).unwrap(),
        complained: String::from_utf8(output.stderr).unwrap(),
    }
}

fn installation() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["init", "--empty"]).code, 0);
    folder
}

fn write(root: &Path, source: &str) {
    fs::write(root.join("notices/supper.md"), source).unwrap();
}

/// Publishes what is there, changes it as the pairs say, and answers the preview and its page.
fn check(edits: &[(&str, &str)]) -> (String, String) {
    let folder = installation();
    let root = folder.path();
    write(root, NOTICE);
    assert_eq!(run(root, &["publish"]).code, 0);
    write(root, &edits.iter().fold(NOTICE.to_owned(), |text, (old, new)| text.replace(old, new)));
    let ran = run(root, &["preview", "supper"]);
    assert_eq!(ran.code, 0, "{}", ran.complained);
    let page = fs::read_to_string(page_of(&ran.said)).unwrap();
    (ran.said, page)
}

fn page_of(said: &str) -> PathBuf {
    PathBuf::from(said.lines().last().unwrap().strip_prefix("All of it in a page: ").unwrap())
}

#[test]
fn a_new_notice_is_shown_in_every_output_and_nothing_is_published() {
    let folder = installation();
    write(folder.path(), NOTICE);
    for asked in ["supper", "notices/supper.md"] {
        let ran = run(folder.path(), &["preview", asked]);
        assert_eq!(ran.code, 0, "{}", ran.complained);
        for line in [
            "It is not published; it goes out at the next look of the service.",
            "== mail: alert to Action alerts",
            "== mail: reminder to Action alerts",
            "== mail: issue to Weekly notices",
            "== feed entry",
            "BEGIN:VEVENT\r",
            "  \"type\": \"notice.published\"",
            "notices/supper/",
        ] {
            assert!(ran.said.split('\n').any(|said| said == line), "{line}\n{}", ran.said);
        }
        let page = fs::read_to_string(page_of(&ran.said)).unwrap();
        // Whatever the notice says stays inside its frame: in an attribute, escaped.
        assert!(page.matches("<iframe sandbox srcdoc=\"").count() >= 5, "{page}");
        assert!(page.contains("&amp;amp; a spoon"), "{page}");
        assert!(!page.contains("<script") && !page.contains("http-equiv=&quot;Content"), "{page}");
    }
    let queue = run(folder.path(), &["queue", "--all", "--json"]);
    assert!(!queue.said.contains("supper"), "{}", queue.said);
}

#[test]
fn an_edit_of_the_place_is_material_and_its_correction_is_shown() {
    let (said, page) = check(&[("\"The yard\"", "\"The workshop\""), ("12 Alder", "3 Juniper")]);
    let place = "The place has changed: was The yard, 12 Alder Street, is The workshop, 3 Juniper Street.";
    assert!(said.contains(&format!("This edit is material: {place} A correction goes to")), "{said}");
    assert!(said.contains("== mail: correction to Action alerts"), "{said}");
    assert!(said.contains("\"type\": \"notice.corrected\""), "{said}");
    assert!(page.contains("This edit is material"), "{page}");
}

#[test]
fn what_was_left_as_it_was_at_another_place_is_asked_about() {
    let folder = installation();
    let root = folder.path();
    let source =
        NOTICE.replace("Street\"\n", "Street\"\ngeo = [40.7, -73.9]\nmeeting_point = \"The gate\"\n");
    write(root, &source);
    assert_eq!(run(root, &["publish"]).code, 0);
    let complained = |source: &str| {
        write(root, source);
        run(root, &["preview", "supper"]).complained
    };
    assert_eq!(complained(&source), "");
    let moved = source.replace("12 Alder", "3 Juniper");
    assert_eq!(
        complained(&moved),
        "warning: the place is another, and `geo` is as it was; is it still right?\n\
         warning: the place is another, and `meeting_point` is as it was; is it still right?\n"
    );
    assert_eq!(complained(&moved.replace("40.7", "40.8").replace("The gate", "The door")), "");
}

#[test]
fn an_edit_of_the_words_alone_is_silent() {
    let (said, _) = check(&[("Bring a chair", "Please bring a chair")]);
    assert!(
        said.contains("This edit is silent: pages and feeds change, and nobody is written to."),
        "{said}"
    );
    assert!(!said.contains("== mail: correction"), "{said}");
}

#[test]
fn a_published_notice_that_has_not_changed_sends_nothing() {
    let (said, _) = check(&[]);
    assert!(said.contains("and has not changed since; nothing goes out."), "{said}");
}

#[test]
fn a_notice_with_errors_shows_its_problems_and_ends_with_one() {
    let folder = installation();
    write(folder.path(), &NOTICE.replace("Saturday\"", "Sunday\""));
    for asked in ["supper", "notices/supper.md"] {
        let ran = run(folder.path(), &["preview", asked]);
        assert_eq!((ran.code, ran.said.as_str()), (1, ""));
        assert!(ran.complained.contains("notices/supper.md:"), "{}", ran.complained);
    }
}

#[test]
fn a_name_that_is_nearly_right_is_answered_with_the_right_one() {
    let folder = installation();
    write(folder.path(), NOTICE);
    let ran = run(folder.path(), &["preview", "super"]);
    assert_eq!(ran.code, 1);
    assert!(ran.complained.contains("there is no notice super, did you mean supper?"), "{}", ran.complained);
}
