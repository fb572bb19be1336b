//! Archive: walking back from the feed of everything finds every notice that stands, once (RFC 5005 §4).

use std::collections::BTreeMap;

use handbill::render::site::Catalog;
use handbill::revision::{Draft, Revision};
use roxmltree::Node;

use crate::page::with_catalog;
use crate::sample;

const NOW: &str = "2023-01-09T20:00:00Z";
const SITE: &str = "https://notices.example.org/";

// One a day and a half: 60 months hold 1,216.
fn years() -> Vec<Revision> {
    let notice = |at: usize| {
        let day = sample::at("2018-01-01T12:00:00Z") + chrono::TimeDelta::hours(36 * at as i64);
        let source = format!("+++\nkind = \"statement\"\ntitle = \"Statement {at}\"\n+++\nText {at}.\n");
        Revision::first(
            Draft::new(sample::notice(&format!("s-{at:04}"), &source), "notices/s.md", &source),
            day,
        )
    };
    (0..1216).map(notice).collect()
}

fn documents(catalog: &Catalog<'_>) -> BTreeMap<String, Vec<u8>> {
    let documents = catalog.documents().into_iter().filter(|document| document.path.starts_with("feeds/all"));
    documents.map(|document| (document.path, catalog.bytes(&document.what).unwrap())).collect()
}

fn built(revisions: &[Revision]) -> BTreeMap<String, Vec<u8>> {
    let revisions: Vec<&Revision> = revisions.iter().collect();
    let mut found = BTreeMap::new();
    with_catalog(&revisions, NOW, |catalog| found = documents(catalog));
    found
}

fn link(feed: Node<'_, '_>, rel: &str) -> Option<String> {
    let links = feed.children().filter(|node| node.has_tag_name(("http://www.w3.org/2005/Atom", "link")));
    let href =
        links.filter(|node| node.attribute("rel") == Some(rel)).find_map(|node| node.attribute("href"));
    href.map(|href| href.strip_prefix(SITE).unwrap().to_owned())
}

// The ids of the archives' entries, as a reader finds them that goes from document to document.
fn walk(site: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let mut ids = Vec::new();
    let mut newer: Option<String> = None;
    let mut path = "feeds/all.atom".to_owned();
    loop {
        let text = std::str::from_utf8(&site[&path]).unwrap();
        let document = roxmltree::Document::parse(text).unwrap();
        let feed = document.root_element();
        assert_eq!(link(feed, "self").as_ref(), Some(&path));
        let is_archive = feed.children().any(|node| node.tag_name().name() == "archive");
        assert_eq!(is_archive, path != "feeds/all.atom");
        if is_archive {
            assert_eq!(link(feed, "current").as_deref(), Some("feeds/all.atom"));
            assert_eq!(link(feed, "next-archive"), newer.take());
            let entries = feed.children().filter(|node| node.tag_name().name() == "entry");
            ids.extend(entries.map(|entry| {
                let id = entry.children().find(|node| node.tag_name().name() == "id").unwrap();
                id.text().unwrap().to_owned()
            }));
            newer = Some(path.clone());
        }
        match link(feed, "prev-archive") {
            Some(next) => path = next,
            None => return ids,
        }
    }
}

// The same by JSON Feed's next_url.
fn walk_json(site: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let mut ids = Vec::new();
    let mut path = "feeds/all.json".to_owned();
    loop {
        let document: serde_json::Value = serde_json::from_slice(&site[&path]).unwrap();
        if path != "feeds/all.json" {
            let items = document["items"].as_array().unwrap();
            ids.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        }
        match document["next_url"].as_str() {
            Some(next) => path = next.strip_prefix(SITE).unwrap().to_owned(),
            None => return ids,
        }
    }
}

#[test]
fn walking_back_finds_every_notice_once() {
    let revisions = years();
    let site = built(&revisions);
    let archives = site.keys().filter(|path| path.starts_with("feeds/all/") && path.ends_with(".atom"));
    assert_eq!(archives.count(), 60);
    let zone = sample::site().zone;
    let mut wanted: Vec<String> =
        revisions.iter().map(|revision| revision.tag_uri("example.org", &zone)).collect();
    wanted.sort();
    for mut found in [walk(&site), walk_json(&site)] {
        found.sort();
        assert_eq!(found, wanted);
    }
}

#[test]
fn what_was_taken_back_is_in_no_archive_and_no_other_archive_changes() {
    let mut revisions = years();
    let before = built(&revisions);
    let late = sample::at("2023-01-08T12:00:00Z");
    let source = revisions[40].draft.source.replacen("title", "withdrawn = \"A mistake.\"\ntitle", 1);
    let draft = Draft::new(sample::notice("s-0040", &source), "notices/s.md", &source);
    revisions[40] = revisions[40].next(draft, late);
    let after = built(&revisions);
    assert_eq!(walk(&after).len(), 1215);
    assert!(walk(&after).iter().all(|id| !id.ends_with(":s-0040")));
    let changed: Vec<&String> = after.keys().filter(|path| after[*path] != before[*path]).collect();
    let wanted = [
        "feeds/all.atom",
        "feeds/all.json",
        "feeds/all.rss",
        "feeds/all/2018-03.atom",
        "feeds/all/2018-03.json",
    ];
    assert_eq!(changed, wanted);
    assert!(after["feeds/all.atom"].windows(9).any(|piece| piece == b"WITHDRAWN"));
}

#[test]
fn an_edit_and_a_new_notice_change_one_archive_each() {
    let mut revisions = years();
    let before = built(&revisions);
    revisions[40] =
        sample::edited(&revisions[40], "Statement 40\"", "Statement forty\"", "2023-01-08T12:00:00Z");
    let source = "+++\nkind = \"statement\"\ntitle = \"Newest\"\n+++\nNew.\n";
    let draft = Draft::new(sample::notice("newest", source), "notices/newest.md", source);
    revisions.push(Revision::first(draft, sample::at("2023-01-09T12:00:00Z")));
    let after = built(&revisions);
    let archives = after.keys().filter(|path| path.starts_with("feeds/all/"));
    let changed: Vec<&String> = archives.filter(|path| before.get(*path) != Some(&after[*path])).collect();
    let months = ["feeds/all/2018-03", "feeds/all/2022-12", "feeds/all/2023-01"];
    // That it is not the newest any more says Atom alone.
    let documents = months.iter().flat_map(|month| [format!("{month}.atom"), format!("{month}.json")]);
    let wanted: Vec<String> = documents.filter(|path| path != "feeds/all/2022-12.json").collect();
    assert_eq!(changed.into_iter().cloned().collect::<Vec<_>>(), wanted);
}
