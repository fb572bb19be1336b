//! The folder of notices: what is read of it, and when it is read again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use handbill::folder::{Folder, Reading};
use handbill::notice::parse::Defaults;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::sample;

/// What somebody may do to the folder, to one of a few files in one of a few ways.
const DEEDS: usize = 9;
const FILES: usize = 4;

#[test]
fn an_edit_in_place_is_seen_at_the_next_look() {
    check(&[(0, 0), (1, 0), (1, 0)]);
}

#[test]
fn a_file_that_is_renamed_is_read_under_its_new_name() {
    check(&[(0, 0), (2, 0), (2, 0)]);
}

#[test]
fn a_file_that_is_replaced_as_editors_do_it_is_read_again() {
    check(&[(0, 1), (3, 1), (3, 1)]);
}

#[test]
fn what_is_written_through_a_link_is_seen_at_the_next_look() {
    check(&[(5, 0), (6, 0), (6, 0)]);
    check(&[(7, 0), (6, 0), (6, 0)]);
}

#[test]
fn another_folder_in_the_place_of_the_first_is_read_as_it_is() {
    check(&[(0, 0), (0, 1), (8, 2), (1, 0), (0, 3)]);
}

#[test]
fn more_changes_than_the_system_keeps_are_all_seen() {
    let place = Place::new();
    let mut folder = place.folder();
    folder.read().unwrap();
    // Each is an event of its own as long as the one before it is of another file.
    let kept = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events");
    let kept: usize = kept.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(16_384);
    for number in 0..=kept / 2 {
        let name = if number % 2 == 0 { "a" } else { "b" };
        fs::write(place.notices().join(format!("{name}.tmp")), number.to_string()).unwrap();
    }
    place.act(0, 0, 1);
    assert_same(&mut folder, &place);
}

#[test]
fn what_is_not_read_is_seen_when_it_comes_and_when_it_goes() {
    let place = Place::new();
    let mut folder = place.folder();
    folder.read().unwrap();
    let stray = place.notices().join("march.md.txt");
    fs::write(&stray, "+++").unwrap();
    fs::create_dir(place.notices().join("2018")).unwrap();
    assert_same(&mut folder, &place);
    assert_eq!(folder.reading().strays.len(), 2);
    assert!(folder.read().unwrap().is_none());
    fs::rename(&stray, place.notices().join("march.md")).unwrap();
    assert_same(&mut folder, &place);
    let said: Vec<String> = folder.reading().strays.iter().flat_map(|report| report.lines()).collect();
    assert_eq!(
        said,
        [
            "notices/2018:1:1: warning: a folder here is not read, move the notices that are in it into notices/ itself"
        ]
    );
}

#[test]
fn a_look_at_what_is_as_it_was_answers_nothing() {
    let place = Place::new();
    place.act(0, 0, 0);
    let mut folder = place.folder();
    assert!(folder.read().unwrap().is_some());
    for _ in 0..70 {
        assert!(folder.read().unwrap().is_none());
    }
    place.act(1, 0, 1);
    assert!(folder.read().unwrap().is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn who_looks_often_has_read_what_who_looks_once_reads(
        deeds in prop::collection::vec((0..DEEDS, 0..FILES), 1..40)
    ) {
        check(&deeds);
    }
}

// After each deed a folder that has been looked at from the beginning holds what a new one reads.
fn check(deeds: &[(usize, usize)]) {
    let place = Place::new();
    let mut folder = place.folder();
    for (number, (deed, file)) in deeds.iter().enumerate() {
        place.act(*deed, *file, number);
        assert_same(&mut folder, &place);
    }
}

fn assert_same(folder: &mut Folder, place: &Place) {
    folder.read().unwrap();
    let fresh = place.folder().read_once().unwrap();
    assert_eq!(said(folder.reading()), said(&fresh));
}

fn said(reading: &Reading) -> (usize, Vec<String>, Vec<String>) {
    let drafts = reading.drafts.values().map(|draft| format!("{} {}", draft.path, draft.digest)).collect();
    let problems = reading.all_reports().flat_map(|report| report.lines()).collect();
    (reading.files, drafts, problems)
}

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.notices()).unwrap();
        fs::create_dir(place.beside()).unwrap();
        place
    }

    fn notices(&self) -> PathBuf {
        self.0.path().join("notices")
    }

    // Where files lie that the folder only links to.
    fn beside(&self) -> PathBuf {
        self.0.path().join("beside")
    }

    fn folder(&self) -> Folder {
        let defaults: Defaults = sample::site().defaults();
        Folder::new(self.notices(), "notices", defaults)
    }

    fn act(&self, deed: usize, file: usize, number: usize) {
        let name = format!("n-{file}.md");
        let (path, target) = (self.notices().join(&name), self.beside().join(&name));
        let text = text(number);
        match deed {
            0 => put(&path, &text, number),
            1 => append(&path, number),
            2 => drop(fs::rename(&path, self.notices().join(format!("n-{}.md", (file + 1) % FILES)))),
            3 => {
                put(&self.notices().join(".next.tmp"), &text, number);
                fs::rename(self.notices().join(".next.tmp"), &path).unwrap();
            }
            4 => drop(fs::remove_file(&path)),
            5 | 7 => {
                put(&target, &text, number);
                drop(fs::remove_file(&path));
                if deed == 5 { link(&target, &path) } else { fs::hard_link(&target, &path).unwrap() }
            }
            6 => append(&target, number),
            _ => {
                let _ = fs::remove_dir_all(self.0.path().join("old"));
                fs::rename(self.notices(), self.0.path().join("old")).unwrap();
                fs::create_dir(self.notices()).unwrap();
                put(&path, &text, number);
            }
        }
    }
}

fn text(number: usize) -> String {
    let next = ["", "next = [\"n-0\"]\n", "next = [\"n-3\"]\n"][number % 3];
    format!("+++\nkind = \"statement\"\ntitle = \"Rent\"\n{next}+++\n{}\n", "Text. ".repeat(number + 1))
}

// Each time a time of its own: what a system notes of itself is no finer than its clock ticks.
fn put(path: &Path, text: &str, number: usize) {
    fs::write(path, text).unwrap();
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_500_000_000 + u64::try_from(number).unwrap());
    File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
}

fn append(path: &Path, number: usize) {
    if let Ok(text) = fs::read_to_string(path) {
        put(path, &(text + "More.\n"), number);
    }
}

#[cfg(unix)]
fn link(target: &Path, path: &Path) {
    std::os::unix::fs::symlink(target, path).unwrap();
}

#[cfg(not(unix))]
fn link(target: &Path, path: &Path) {
    fs::hard_link(target, path).unwrap();
}
