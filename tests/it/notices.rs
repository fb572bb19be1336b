//! The live notices and the seeds: every file can be used, and shows the edge that it is there for.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use handbill::notice::parse::{Defaults, Parsed, check_together, parse};
use handbill::notice::shown::{next_change, shown};
use handbill::notice::{Confidence, Kind, KindName, Notice, Status};
use handbill::schedule::zone::Zone;

const LIVE: &str = "notices";
const SEEDS: &str = "seeds/notices";

#[test]
fn the_live_notices_stand_alone() {
    check(&[LIVE]);
}

#[test]
fn the_notices_of_the_seeds_stand_alone() {
    check(&[SEEDS]);
}

#[test]
fn the_demo_loads_both_folders_together() {
    check(&[LIVE, SEEDS]);
}

#[test]
fn every_action_names_its_weekday() {
    for file in read(&[LIVE, SEEDS]) {
        let is_action = file.notice.is_some_and(|notice| notice.kind_name() == KindName::Action);
        assert_eq!(is_action, file.report.source.contains("\nweekday = "), "{}", file.report.path);
    }
}

#[test]
fn every_notice_of_the_seeds_waits_for_its_own_time() {
    for notice in notices(&[SEEDS]) {
        let publish_at = notice.publish_at.unwrap_or_else(|| panic!("{} has no publish_at", notice.id));
        let Kind::Action(event) = &notice.kind else { continue };
        assert!(publish_at.at < event.starts.at, "{} is published after it began", notice.id);
    }
}

#[test]
fn the_id_of_an_action_of_the_seeds_begins_with_its_day() {
    for notice in notices(&[SEEDS]) {
        let Kind::Action(event) = &notice.kind else { continue };
        let day = event.starts.wall.date().to_string();
        assert!(notice.id.as_str().starts_with(&day), "{} starts on {day}", notice.id);
    }
}

#[test]
fn the_seeds_show_every_kind_and_every_status() {
    let seeds = notices(&[SEEDS]);
    for kind in KindName::ALL {
        assert!(seeds.iter().any(|notice| notice.kind_name() == kind), "{}", kind.as_str());
    }
    let all = [Status::Scheduled, Status::Moved, Status::Rescheduled, Status::Postponed, Status::Cancelled];
    for status in all {
        let shown = seeds.iter().filter_map(Notice::event).any(|event| event.status == status);
        assert!(shown, "{}", status.as_str());
    }
}

#[test]
fn the_archive_of_the_seeds_knows_every_confidence() {
    let notice = seed("alder-street-tool-library");
    let Kind::Archive(provenance) = notice.kind else { panic!("not an archive entry") };
    for confidence in [Confidence::Documented, Confidence::Told, Confidence::Inferred, Confidence::Unknown] {
        let known = provenance.lineage.iter().any(|lineage| lineage.confidence == confidence);
        assert!(known, "{confidence:?}");
    }
}

#[test]
fn the_night_walk_starts_at_the_second_half_past_one() {
    let starts = seed("2018-11-04-the-hour-that-comes-twice").event().unwrap().starts.clone();
    assert_eq!(starts.rfc3339(), "2018-11-04T01:30:00-05:00");
    assert_eq!(starts.at, utc("2018-11-04T06:30:00Z"));
}

#[test]
fn the_supper_has_no_place_before_its_morning_and_no_meeting_point_after_it() {
    let supper = seed("2018-07-22-supper-without-an-address");
    let place_at = |now| shown(&supper, utc(now)).event().unwrap().place.clone();
    assert_eq!(place_at("2018-07-22T12:59:59Z"), None);
    assert!(place_at("2018-07-22T13:00:00Z").unwrap().meeting_point.is_some());
    assert_eq!(place_at("2018-07-23T00:00:00Z").unwrap().meeting_point, None);
}

#[test]
fn the_supper_names_its_place_in_the_place_alone() {
    let [file] = read(&[SEEDS])
        .into_iter()
        .filter(|file| file.report.path.ends_with("supper-without-an-address.md"))
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let (before, rest) = file.report.source.split_once("[place]").unwrap();
    let (_, after) = rest.split_once("[access]").unwrap();
    for secret in ["Quince", "77", "Tamarind", "40.5", "gate", "courtyard"] {
        assert!(!before.contains(secret) && !after.contains(secret), "{secret}");
    }
}

#[test]
fn the_march_loses_its_contacts_one_after_the_other() {
    let march = seed("2018-07-25-march-to-the-detention-office");
    let mut at = utc("2018-07-18T22:00:00Z");
    let mut seen = Vec::new();
    while let Some(next) = next_change(&march, at) {
        let visible = shown(&march, next);
        let event = visible.event().unwrap();
        let point = event.place.as_ref().is_some_and(|place| place.meeting_point.is_some());
        let wall = next.format("%d %H:%M").to_string();
        seen.push((wall, event.press.is_some(), point, event.legal.is_some()));
        at = next;
    }
    let expected = [
        ("24 13:00".to_owned(), true, true, true),
        ("25 21:30".to_owned(), true, false, true),
        ("26 01:00".to_owned(), false, false, true),
        ("27 16:00".to_owned(), false, false, false),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_translation_names_the_notice_that_names_it() {
    let seeds = notices(&[SEEDS]);
    let mut pairs = 0;
    for notice in &seeds {
        let Kind::Statement(signing) = &notice.kind else { continue };
        for translation in &signing.translations {
            let other = seeds.iter().find(|other| other.id == translation.notice).unwrap();
            let Kind::Statement(back) = &other.kind else { panic!("{} is no statement", other.id) };
            assert_eq!(other.lang, translation.lang, "{}", notice.id);
            assert!(back.translations.iter().any(|back| back.notice == notice.id), "{}", other.id);
            pairs += 1;
        }
    }
    assert_eq!(pairs, 2);
}

#[test]
fn every_subscriber_of_the_seeds_is_on_lists_of_the_example_configuration() {
    let config: toml::Table = toml::from_str(&text("seeds/handbill.toml")).unwrap();
    let lists: BTreeSet<&str> =
        config["list"].as_array().unwrap().iter().map(|list| list["name"].as_str().unwrap()).collect();
    let csv = text("seeds/subscribers.csv");
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("email,lists,lang,confirmed_at"));
    let mut addresses = BTreeSet::new();
    for line in lines {
        let [email, on, lang, confirmed_at] = line.split(',').collect::<Vec<_>>().try_into().unwrap();
        let address: lettre::Address = email.parse().unwrap();
        assert!(["example.org", "example.net", "example.com"].contains(&address.domain()), "{email}");
        assert!(!on.is_empty() && on.split(' ').all(|list| lists.contains(list)), "{line}");
        assert!(["en", "es", "ar"].contains(&lang), "{line}");
        assert!(utc(confirmed_at) < utc("2018-07-01T00:00:00Z"), "{line}");
        addresses.insert(email);
    }
    assert_eq!(addresses.len(), 12);
}

// No count of files here: publishing one more notice is no change of the program.
fn check(folders: &[&str]) {
    let files = read(folders);
    assert!(!files.is_empty());
    for file in files {
        assert!(!file.report.has_errors() && file.notice.is_some(), "{}", file.report);
    }
}

fn notices(folders: &[&str]) -> Vec<Notice> {
    read(folders).into_iter().map(|file| file.notice.unwrap()).collect()
}

fn seed(id: &str) -> Notice {
    notices(&[SEEDS]).into_iter().find(|notice| notice.id.as_str() == id).unwrap()
}

fn read(folders: &[&str]) -> Vec<Parsed> {
    let defaults = Defaults {
        base_url: "https://notices.example.org/".parse().unwrap(),
        zone: Zone::find("America/New_York").unwrap(),
        lang: "en".to_owned(),
        author: "Metropolitan Anarchist Coordinating Council".to_owned(),
    };
    let mut files = Vec::new();
    for folder in folders {
        for entry in root().join(folder).read_dir().unwrap() {
            let path = format!("{folder}/{}", entry.unwrap().file_name().into_string().unwrap());
            files.push(parse(&path, &text(&path), &defaults));
        }
    }
    let problems = check_together(&files.iter().map(Parsed::named).collect::<Vec<_>>());
    assert!(problems.is_empty(), "{problems:?}");
    files
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

static SOURCES: LazyLock<Vec<String>> =
    LazyLock::new(|| read(&[LIVE, SEEDS]).into_iter().map(|file| file.report.source).collect());

proptest::proptest! {
    #[test]
    fn no_text_however_broken_makes_the_parser_panic(
        which in 0_usize..64, at in 0.0_f64..1.0, cut in 0_usize..40, put in "\\PC{0,12}|[\\[\\]{}\"'+=#\\n\\r\\t\\x00]{0,6}",
    ) {
        let mut text: Vec<char> = SOURCES[which % SOURCES.len()].chars().collect();
        let from = (at * text.len() as f64) as usize;
        let to = (from + cut).min(text.len());
        text.splice(from..to, put.chars());
        let text: String = text.into_iter().collect();
        let defaults = Defaults {
            base_url: "https://notices.example.org/".parse().unwrap(),
            zone: Zone::find("America/New_York").unwrap(),
            lang: "en".to_owned(),
            author: "Council".to_owned(),
        };
        let parsed = parse("notices/broken.md", &text, &defaults);
        let _ = parsed.report.pretty(false);
        proptest::prop_assert_eq!(parsed.notice.is_none(), parsed.report.has_errors());
    }
}
