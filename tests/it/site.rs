//! The site: which documents there are, when they change, and how they come into a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use handbill::channel::site::{self, Manifest, Writing, Written};
use handbill::installation::Installation;
use handbill::publish::{Known, write_site};
use handbill::render::site::{Catalog, Document, PAGE_SIZE, next_change};
use handbill::render::templates::Templates;
use handbill::revision::Revision;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::page::with_catalog;
use crate::sample;
use crate::world::World;

const NOW: &str = "2018-07-09T20:00:00Z";

#[test]
fn the_documents_stand_where_people_and_readers_look_for_them() {
    let found = paths(&[&sample::action(), &sample::archive(), &sample::statement()], NOW);
    for path in [
        "index.html",
        "notices/2018-07-10-abolish-ice/index.html",
        "notices/2018-07-10-abolish-ice/event.ics",
        "notices/index.html",
        "actions/index.html",
        "actions/past/index.html",
        "archive/index.html",
        "statements/index.html",
        "tags/abolishice/index.html",
        "tags/index.html",
        "subscribe/index.html",
        "feeds/index.html",
        "feeds/all.atom",
        "feeds/all.rss",
        "feeds/all.json",
        "feeds/kind/archive.atom",
        "feeds/tag/sanctuary-city.rss",
        "calendar/actions.ics",
        "calendar/tag/abolishice.ics",
        "feeds.opml",
        "robots.txt",
        "404.html",
        "410.html",
    ] {
        assert!(found.contains(path), "{path} is not among {found:#?}");
    }
    assert!(!found.contains("calendar/tag/food.ics"), "a tag without actions has no calendar");
    assert!(!found.contains("notices/free-fridges/event.ics"));
}

#[test]
fn every_document_has_a_path_of_its_own() {
    let revisions = many(230);
    let revisions: Vec<&Revision> = revisions.iter().collect();
    with_catalog(&revisions, NOW, |catalog| {
        let documents = catalog.documents();
        let paths: BTreeSet<&str> = documents.iter().map(|document| document.path.as_str()).collect();
        assert_eq!(paths.len(), documents.len());
    });
}

#[test]
fn an_edit_changes_the_documents_that_show_the_notice_and_no_other() {
    let mut revisions = many(230);
    let before = stamps(&revisions, NOW);
    revisions[10] = sample::edited(&revisions[10], "title = \"", "title = \"New: ", NOW);
    let changed = differing(&before, &stamps(&revisions, NOW));
    let wanted = BTreeSet::from([
        "notices/n-0010/index.html".to_owned(),
        "notices/all/1/index.html".to_owned(),
        "archive/1/index.html".to_owned(),
        "tags/food/1/index.html".to_owned(),
        "feeds/all/2017-01.atom".to_owned(),
        "feeds/all/2017-01.json".to_owned(),
    ]);
    assert_eq!(changed, wanted);
}

#[test]
fn a_new_notice_renumbers_no_page_of_an_index() {
    let revisions = many(230);
    let before = stamps(&revisions[..229], NOW);
    let changed = differing(&before, &stamps(&revisions, NOW));
    assert!(changed.iter().all(|path| !path.contains("/1/") && !path.contains("/2/")), "{changed:#?}");
    assert!(changed.contains("notices/n-0229/index.html") && changed.contains("notices/index.html"));
    assert!(changed.contains("index.html") && changed.contains("feeds/all.atom"));
}

#[test]
fn a_page_closes_when_the_newest_has_two_pages_worth() {
    for (notices, closed) in [(0, 0), (PAGE_SIZE * 2 - 1, 0), (PAGE_SIZE * 2, 1), (PAGE_SIZE * 3, 2)] {
        let revisions = many(notices);
        let found = paths(&revisions.iter().collect::<Vec<_>>(), NOW);
        let pages = found.iter().filter(|path| path.starts_with("notices/all/")).count();
        assert_eq!(pages, closed, "of {notices}");
    }
}

#[test]
fn every_notice_stands_once_in_the_pages_of_an_index() {
    let revisions = many(230);
    let revisions: Vec<&Revision> = revisions.iter().collect();
    with_catalog(&revisions, NOW, |catalog| {
        let index = |document: &&Document| {
            document.path == "notices/index.html" || document.path.starts_with("notices/all/")
        };
        let documents = catalog.documents();
        let pages: String = documents
            .iter()
            .filter(index)
            .map(|document| String::from_utf8(catalog.bytes(&document.what).unwrap()).unwrap())
            .collect();
        for at in 0..230 {
            assert_eq!(pages.matches(&format!("\"/notices/n-{at:04}/\"")).count(), 1, "{at}");
        }
    });
}

#[test]
fn a_document_with_the_same_stamp_has_the_same_bytes() {
    let supper =
        sample::ACTION.replace("meeting_point_expires", "visibility = \"day-of\"\nmeeting_point_expires");
    let supper = sample::first("supper", &supper, "2018-07-08T22:00:00Z");
    let cancelled = renamed(&sample::cancelled(), "cancelled");
    let revisions = [sample::moved(), supper, cancelled, sample::archive(), sample::statement()];
    let revisions: Vec<&Revision> = revisions.iter().collect();
    let mut seen: BTreeMap<(String, u64), Vec<u8>> = BTreeMap::new();
    let mut now = sample::at("2018-07-09T14:00:00Z");
    let mut before: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    while now < sample::at("2019-08-01T00:00:00Z") {
        let mut current = BTreeMap::new();
        with_catalog(&revisions, &now.to_rfc3339(), |catalog| {
            for document in catalog.documents() {
                let bytes = catalog.bytes(&document.what).unwrap();
                let first = seen.entry((document.path.clone(), document.stamp)).or_insert(bytes.clone());
                assert!(*first == bytes, "{} at {now} has the stamp of other bytes", document.path);
                current.insert(document.path, bytes);
            }
        });
        // Nothing changes by itself but at the moments that are told.
        let next = next_change(&revisions, now).unwrap_or(DateTime::<Utc>::MAX_UTC);
        if before.is_empty() {
            before = current;
        } else {
            let just_before =
                with_catalog(&revisions, &(now - TimeDelta::seconds(1)).to_rfc3339(), all_bytes);
            assert!(before == just_before, "something changed by itself before {now}");
            before = current;
        }
        now = next;
    }
    assert!(seen.len() > 100, "{}", seen.len());
}

#[test]
fn a_postponed_action_is_ahead_for_a_month_more() {
    let postponed = sample::edited(
        &sample::action(),
        "image =",
        "status = \"postponed\"\nimage =",
        "2018-07-09T12:00:00Z",
    );
    check_ahead(&postponed, "2018-08-09T14:59:59Z", true);
    check_ahead(&postponed, "2018-08-09T15:00:00Z", false);
    check_ahead(&sample::action(), "2018-07-10T14:59:59Z", true);
    check_ahead(&sample::action(), "2018-07-10T15:00:00Z", false);
}

#[test]
fn a_folder_holds_every_document_with_its_compressed_forms() {
    let folder = TempDir::new().unwrap();
    let manifest = write_samples(folder.path()).0;
    with_catalog(&refs(&samples()), NOW, |catalog| {
        for document in catalog.documents() {
            let bytes = catalog.bytes(&document.what).unwrap();
            let file = folder.path().join(&document.path);
            assert_eq!(fs::read(&file).unwrap(), bytes, "{}", document.path);
            let entry = &manifest.documents[&document.path];
            assert_eq!(entry.length, bytes.len() as u64);
            if entry.gzip.is_some() {
                let mut plain = Vec::new();
                let packed = fs::read(format!("{}.gz", file.display())).unwrap();
                flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut plain).unwrap();
                assert_eq!(plain, bytes);
            }
            if entry.brotli.is_some() {
                let mut plain = Vec::new();
                let packed = fs::read(format!("{}.br", file.display())).unwrap();
                brotli::BrotliDecompress(&mut &packed[..], &mut plain).unwrap();
                assert_eq!(plain, bytes);
            }
        }
    });
    assert!(manifest.documents["index.html"].brotli.is_some());
    assert_eq!(manifest.documents["robots.txt"].gzip, None, "it would only grow");
}

#[test]
fn writing_the_same_again_touches_no_file() {
    let folder = TempDir::new().unwrap();
    let (manifest, first) = write_samples(folder.path());
    assert_eq!(first.changed, manifest.documents.len());
    let before = inodes(folder.path());
    let (_, second) = write_samples(folder.path());
    assert_eq!(second, Written::default());
    assert_eq!(inodes(folder.path()), before);
}

#[test]
fn last_modified_moves_by_a_second_whenever_the_bytes_do() {
    let folder = TempDir::new().unwrap();
    let action = sample::action();
    let path = "notices/2018-07-10-abolish-ice/index.html";
    let first = write(folder.path(), &[&action], NOW).0.documents[path].clone();
    let edited = sample::edited(&action, "banner, red.png", "banner.png", NOW);
    let second = write(folder.path(), &[&edited], NOW).0.documents[path].clone();
    assert_ne!(first.etag, second.etag);
    assert_eq!(second.last_modified, first.last_modified + 1);
    let third = write(folder.path(), &[&edited], "2018-07-09T21:00:00Z").0.documents[path].clone();
    assert_eq!(third, second);
}

#[test]
fn a_notice_that_is_taken_back_is_removed_and_remembered_as_gone() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), &[&sample::action(), &sample::archive()], NOW);
    let (manifest, written) = write(folder.path(), &[&sample::archive()], "2018-07-09T21:00:00Z");
    assert!(written.removed > 2);
    let page = "notices/2018-07-10-abolish-ice/index.html";
    assert!(manifest.gone.contains_key(page) && !manifest.documents.contains_key(page));
    assert!(!folder.path().join("notices/2018-07-10-abolish-ice").exists(), "no empty folder stays");
    assert!(!folder.path().join("feeds/tag/abolishice.atom.gz").exists());
    assert!(!manifest.gone.contains_key("tags/abolishice/index.html"));
    let (manifest, _) = write(folder.path(), &[&sample::action()], "2018-07-09T22:00:00Z");
    assert!(!manifest.gone.contains_key(page), "it is back");
}

#[test]
fn after_a_crash_at_any_step_every_file_is_whole_and_the_next_run_repairs() {
    let (one, other) =
        (vec![sample::action(), sample::archive()], vec![sample::moved(), sample::statement()]);
    let (one, other) = (refs(&one), refs(&other));
    let wanted = files_of(&one);
    let versions = [wanted.clone(), files_of(&other)];
    let folder = TempDir::new().unwrap();
    let mut steps = 0;
    loop {
        // What was interrupted on the way to the other state goes back to the first: the stamps that the
        // manifest still holds are right again, and the files are not.
        write(folder.path(), &one, NOW);
        let is_done = with_catalog(&other, NOW, |catalog| {
            let manifest = site::open(folder.path()).unwrap();
            let mut writing = Writing::new(folder.path(), manifest, catalog, sample::at(NOW));
            !(0..=steps).all(|_| writing.step().unwrap())
        });
        for (path, bytes) in files(folder.path()) {
            let is_whole = versions.iter().any(|files| files.get(&path) == Some(&bytes));
            assert!(is_whole, "{path} is of no version after {steps} steps");
        }
        write(folder.path(), &one, NOW);
        let repaired = files(folder.path());
        let strange: Vec<&String> = repaired
            .iter()
            .filter(|(path, bytes)| wanted.get(*path) != Some(bytes))
            .map(|(path, _)| path)
            .collect();
        assert!(strange.is_empty() && repaired.len() == wanted.len(), "after {steps} steps: {strange:?}");
        assert!(!folder.path().join(".handbill/writing.json").exists());
        if is_done {
            break;
        }
        // Every step of the first documents, and a sample of the hundreds that follow.
        steps += if steps < 24 { 1 } else { 23 };
    }
    assert!(steps > 100, "{steps}");
}

#[test]
fn a_repair_may_crash_too() {
    let (one, other) = (vec![sample::action()], vec![respelled()]);
    let (one, other) = (refs(&one), refs(&other));
    let wanted = files_of(&one);
    let folder = TempDir::new().unwrap();
    for steps in (0..90).step_by(7) {
        write(folder.path(), &one, NOW);
        interrupt(folder.path(), &other, steps);
        interrupt(folder.path(), &one, steps / 2);
        write(folder.path(), &one, NOW);
        assert!(files(folder.path()) == wanted, "after {steps} steps and {} back", steps / 2);
    }
}

#[test]
fn a_file_that_a_power_cut_emptied_is_written_again() {
    let folder = TempDir::new().unwrap();
    write_samples(folder.path());
    let wanted = files(folder.path());
    for path in ["index.html", "feeds/all.atom.gz"] {
        fs::write(folder.path().join(path), "").unwrap();
    }
    write_samples(folder.path());
    assert!(files(folder.path()) == wanted);
}

#[test]
fn a_lost_manifest_is_made_again_and_leaves_the_files_alone() {
    let folder = TempDir::new().unwrap();
    write_samples(folder.path());
    let before = inodes(folder.path());
    fs::remove_file(folder.path().join(".handbill/manifest.json")).unwrap();
    write_samples(folder.path());
    assert_eq!(inodes(folder.path()), before);
}

#[test]
fn the_small_file_of_an_older_manifest_means_nothing() {
    let folder = TempDir::new().unwrap();
    let own = |name: &str| folder.path().join(".handbill").join(name);
    let mut revisions = many(110);
    let before = write(folder.path(), &refs(&revisions), NOW).0;
    let manifest = fs::read(own("manifest.json")).unwrap();
    revisions[7] = sample::edited(&revisions[7], "title = \"", "title = \"New: ", NOW);
    let after = write(folder.path(), &refs(&revisions), "2018-07-09T21:00:00Z").0;
    let small = fs::read(own("recent.json")).unwrap();
    assert_eq!(fs::read(own("manifest.json")).unwrap(), manifest);
    assert!(before.documents != after.documents);
    let found = || site::read_manifest(folder.path()).unwrap().documents;
    assert_eq!(found(), after.documents);
    // Emptied by a power cut, it says nothing, and every document is looked at again.
    fs::write(own("recent.json"), "").unwrap();
    assert_eq!(found(), before.documents);
    let again = many(110);
    write(folder.path(), &refs(&again), NOW);
    assert!(files(folder.path()) == files_of(&refs(&again)));
    fs::write(own("manifest.json"), &manifest).unwrap();
    // Between the two steps of writing the manifest whole, it still stands and is of another one.
    let mut later = after.clone();
    later.documents.get_mut("index.html").unwrap().last_modified += 1;
    fs::write(own("recent.json"), &small).unwrap();
    fs::write(own("manifest.json"), serde_json::to_vec(&later).unwrap()).unwrap();
    assert_eq!(found(), later.documents);
    fs::remove_file(own("manifest.json")).unwrap();
    assert!(found().is_empty());
    assert_eq!(write(folder.path(), &refs(&revisions), NOW).0.documents.len(), after.documents.len());
    assert_eq!(found().len(), after.documents.len());
}

#[test]
fn the_small_file_goes_into_the_manifest_from_time_to_time() {
    let folder = TempDir::new().unwrap();
    let own = |name: &str| folder.path().join(".handbill").join(name);
    let (mut revisions, mut small, mut large) = (many(110), 0, 0);
    write(folder.path(), &refs(&revisions), NOW);
    for round in 0..24 {
        let now = format!("2018-07-09T21:{round:02}:00Z");
        revisions[4 * round] = sample::edited(&revisions[4 * round], "title = \"", "title = \"New: ", &now);
        let before = fs::read(own("manifest.json")).unwrap();
        let (manifest, _) = write(folder.path(), &refs(&revisions), &now);
        let is_large = before != fs::read(own("manifest.json")).unwrap();
        assert_eq!(own("recent.json").exists(), !is_large);
        small += usize::from(!is_large);
        large += usize::from(is_large);
        let read = site::read_manifest(folder.path()).unwrap();
        assert_eq!((read.documents, read.gone), (manifest.documents, manifest.gone));
    }
    assert!(small > large && large > 0, "{small} times small and {large} times large");
}

/// What happens to a site, to one of a few notices in one of a few ways.
#[derive(Debug, Clone)]
enum Deed {
    Revise(usize, usize),
    TakeBack(usize),
    BringBack(usize),
    Wait(i64),
    Restart,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_folder_that_is_written_over_and_over_is_as_one_that_is_written_once(
        deeds in prop::collection::vec(deed(), 1..14)
    ) {
        let world = World::new("");
        let templates = world.installation.templates().unwrap();
        let folder = TempDir::new().unwrap();
        let mut known: Option<Known> = None;
        let (mut published, mut taken_back) = (BTreeMap::new(), BTreeMap::new());
        let mut now = sample::at("2018-07-01T00:00:00Z");
        for deed in deeds {
            match deed {
                Deed::Revise(number, variant) => {
                    let revision = revise(&world.installation, published.get(&number), number, variant, now);
                    published.insert(number, revision);
                }
                Deed::TakeBack(number) => taken_back.extend(published.remove_entry(&number)),
                Deed::BringBack(number) => {
                    published.extend(taken_back.remove_entry(&number).filter(|_| !published.contains_key(&number)));
                }
                Deed::Wait(hours) => now += TimeDelta::hours(hours),
                Deed::Restart => known = None,
            }
            known = Some(rewritten(&world.installation, &templates, &published, folder.path(), known, now));
        }
    }
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => (0..6_usize, 0..6_usize).prop_map(|(number, variant)| Deed::Revise(number, variant)),
        2 => (0..6_usize).prop_map(Deed::TakeBack),
        2 => (0..6_usize).prop_map(Deed::BringBack),
        2 => (1..2_000_i64).prop_map(Deed::Wait),
        1 => Just(Deed::Restart),
    ]
}

// Writes the site over what is known, and once more into an empty folder, and holds one against the other.
fn rewritten(
    installation: &Installation,
    templates: &Templates,
    published: &BTreeMap<usize, Revision>,
    folder: &Path,
    known: Option<Known>,
    now: DateTime<Utc>,
) -> Known {
    let revisions: Vec<&Revision> = published.values().collect();
    let empty = TempDir::new().unwrap();
    let over = write_site(installation, templates, &revisions, folder, known, now).unwrap();
    let once = write_site(installation, templates, &revisions, empty.path(), None, now).unwrap();
    assert_eq!(over.changes_at, once.changes_at);
    assert_eq!(differing(&files(folder), &files(empty.path())), BTreeSet::new());
    assert_eq!(walk(folder).len(), walk(empty.path()).len());
    let undated = |manifest: &Manifest| -> BTreeMap<String, site::Entry> {
        let undated = |entry: &site::Entry| site::Entry { last_modified: 0, ..entry.clone() };
        manifest.documents.iter().map(|(path, entry)| (path.clone(), undated(entry))).collect()
    };
    assert_eq!(undated(&over.known.manifest), undated(&once.known.manifest));
    let read = site::read_manifest(folder).unwrap();
    assert_eq!((&read.documents, &read.gone), (&over.known.manifest.documents, &over.known.manifest.gone));
    over.known
}

fn revise(
    installation: &Installation,
    before: Option<&Revision>,
    number: usize,
    variant: usize,
    now: DateTime<Utc>,
) -> Revision {
    let other = (number + variant) % 6;
    let front = [
        "tags = [\"Rent\"]\n".to_owned(),
        "tags = [\"rent\", \"heat\"]\n".to_owned(),
        format!("next = [\"n-{other}\"]\ncampaign = \"Heat\"\n"),
        format!("supersedes = \"n-{other}\"\ncampaign = \"Rent Strike\"\n"),
        "campaign = \"rent strike\"\n".to_owned(),
        "tags = [\"water\"]\n".to_owned(),
    ];
    let front = if other == number { &front[0] } else { &front[variant] };
    let (kind, table) = match number % 3 {
        0 => ("kind = \"statement\"\nauthors = [\"Tenants\"]\n".to_owned(), String::new()),
        1 => (
            "kind = \"archive\"\nauthors = [\"Tenants\"]\n".to_owned(),
            format!(
                "[[lineage]]\nrel = \"learned_from\"\ntarget = \"n-{other}\"\nconfidence = \"told\"\n\
                 source = \"A borrower\"\n"
            ),
        ),
        _ => (
            format!(
                "kind = \"action\"\nhosts = [\"Tenants\"]\nstarts = 2018-08-0{} 09:00\nzone = \"UTC\"\n",
                variant + 1
            ),
            "[place]\nname = \"The yard\"\naddress = \"12 Alder Street\"\nvisibility = \"day-of\"\n"
                .to_owned(),
        ),
    };
    let source = format!(
        "+++\n{kind}title = \"Notice {number}, {variant}\"\nsummary = \"It is {variant}.\"\n{front}{table}+++\n\
         As [the other](n-{other}.md) says.\n"
    );
    let draft = installation.draft(&format!("notices/n-{number}.md"), &source);
    let draft = draft.unwrap_or_else(|| panic!("{source}"));
    match before {
        Some(before) => before.next(draft, now),
        None => Revision::first(draft, now),
    }
}

#[test]
fn files_of_somebody_else_stay() {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("media")).unwrap();
    fs::write(folder.path().join("media/banner.png"), "a picture").unwrap();
    write_samples(folder.path());
    write(folder.path(), &[], NOW);
    assert_eq!(fs::read(folder.path().join("media/banner.png")).unwrap(), b"a picture");
}

// Run with `cargo test --test it --config 'profile.dev.opt-level=3' measure -- --ignored --nocapture`.
#[test]
#[ignore = "measures, and says nothing about right or wrong"]
fn measure_the_documents_of_ten_thousand_notices() {
    let mut revisions = many(10_000);
    let folder = TempDir::new().unwrap();
    let started = std::time::Instant::now();
    let (manifest, written) = write(folder.path(), &refs(&revisions), NOW);
    eprintln!("all: {written:?} in {:?}", started.elapsed());
    let new = sample::first("new", &sample::ACTION.replace("Text.", &"Text. ".repeat(500)), NOW);
    revisions.push(new);
    let refs = refs(&revisions);
    let (site, lists) = (sample::site(), crate::page::lists());
    for _ in 0..3 {
        let started = std::time::Instant::now();
        let catalog =
            Catalog::new(&site, &lists, 30, &crate::page::TEMPLATES, &refs, sample::at(NOW)).unwrap();
        let sorted = started.elapsed();
        let documents = catalog.documents();
        eprintln!(
            "{} documents: sorted in {sorted:?}, stamped in {:?}",
            documents.len(),
            started.elapsed() - sorted
        );
        let started = std::time::Instant::now();
        next_change(&refs, sample::at(NOW));
        eprintln!("next change: {:?}", started.elapsed());
    }
    let started = std::time::Instant::now();
    let opened = site::open(folder.path()).unwrap();
    eprintln!("open: {:?}", started.elapsed());
    assert_eq!(opened, manifest);
    let catalog = Catalog::new(&site, &lists, 30, &crate::page::TEMPLATES, &refs, sample::at(NOW)).unwrap();
    let started = std::time::Instant::now();
    let (_, written) = site::write(folder.path(), manifest, &catalog, sample::at(NOW)).unwrap();
    eprintln!("one more: {written:?} in {:?}", started.elapsed());
}

fn check_ahead(revision: &Revision, now: &str, is_ahead: bool) {
    with_catalog(&[revision], now, |catalog| {
        let of = |path: &str| {
            let document = catalog.documents().into_iter().find(|document| document.path == path).unwrap();
            String::from_utf8(catalog.bytes(&document.what).unwrap()).unwrap()
        };
        let link = "\"/notices/2018-07-10-abolish-ice/\"";
        assert_eq!(of("actions/index.html").contains(link), is_ahead, "{now}");
        assert_eq!(of("actions/past/index.html").contains(link), !is_ahead, "{now}");
    });
}

/// The action with another text of the same length: no length of a file tells the two apart.
fn respelled() -> Revision {
    sample::edited(&sample::action(), "Outside the keynote", "Outside the banquet", NOW)
}

fn samples() -> Vec<Revision> {
    vec![sample::action(), sample::archive(), sample::statement()]
}

fn refs(revisions: &[Revision]) -> Vec<&Revision> {
    revisions.iter().collect()
}

/// Archive entries, an hour apart, the first of them in January.
fn many(count: usize) -> Vec<Revision> {
    let first = sample::first("n", sample::ARCHIVE, "2017-01-01T00:00:00Z");
    let one = |at: usize| {
        let mut revision = renamed(&first, &format!("n-{at:04}"));
        let hours = i64::try_from(at).unwrap();
        revision.published_at = sample::at("2017-01-01T00:00:00Z") + TimeDelta::hours(hours);
        revision.updated_at = revision.published_at;
        revision.revised_at = revision.published_at;
        revision
    };
    (0..count).map(one).collect()
}

fn renamed(revision: &Revision, id: &str) -> Revision {
    let mut notice = revision.notice().clone();
    notice.id = handbill::notice::NoticeId::parse(id).unwrap();
    let mut renamed = revision.clone();
    renamed.draft.notice = std::sync::Arc::new(notice);
    renamed
}

fn paths(revisions: &[&Revision], now: &str) -> BTreeSet<String> {
    with_catalog(revisions, now, |catalog| catalog.documents().into_iter().map(|it| it.path).collect())
}

fn stamps(revisions: &[Revision], now: &str) -> BTreeMap<String, u64> {
    with_catalog(&refs(revisions), now, |catalog| {
        catalog.documents().into_iter().map(|document| (document.path, document.stamp)).collect()
    })
}

fn differing<T: PartialEq>(before: &BTreeMap<String, T>, after: &BTreeMap<String, T>) -> BTreeSet<String> {
    after
        .iter()
        .filter(|(path, stamp)| before.get(*path) != Some(stamp))
        .map(|(path, _)| path.clone())
        .collect()
}

fn all_bytes(catalog: &Catalog<'_>) -> BTreeMap<String, Vec<u8>> {
    let bytes = |document: Document| (document.path, catalog.bytes(&document.what).unwrap());
    catalog.documents().into_iter().map(bytes).collect()
}

pub fn write(folder: &Path, revisions: &[&Revision], now: &str) -> (Manifest, Written) {
    with_catalog(revisions, now, |catalog| {
        site::write(folder, site::open(folder).unwrap(), catalog, sample::at(now)).unwrap()
    })
}

fn write_samples(folder: &Path) -> (Manifest, Written) {
    write(folder, &refs(&samples()), NOW)
}

fn interrupt(folder: &Path, revisions: &[&Revision], steps: usize) {
    with_catalog(revisions, NOW, |catalog| {
        let mut writing = Writing::new(folder, site::open(folder).unwrap(), catalog, sample::at(NOW));
        for _ in 0..steps {
            writing.step().unwrap();
        }
    });
}

fn files_of(revisions: &[&Revision]) -> BTreeMap<String, Vec<u8>> {
    let folder = TempDir::new().unwrap();
    write(folder.path(), revisions, NOW);
    files(folder.path())
}

/// Every file of a folder but those of our own.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    walk(folder).into_iter().map(|path| (path.clone(), fs::read(folder.join(path)).unwrap())).collect()
}

#[cfg(unix)]
fn inodes(folder: &Path) -> BTreeMap<String, u64> {
    use std::os::unix::fs::MetadataExt as _;
    let inode = |path: &String| fs::metadata(folder.join(path)).unwrap().ino();
    walk(folder).into_iter().map(|path| (path.clone(), inode(&path))).collect()
}

fn walk(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with(".handbill") {
                open.push(path);
            } else if path.is_file() {
                found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}
