//! Feed: what readers get.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use handbill::notice::{Kind, Notice, NoticeId};
use handbill::render::facts;
use handbill::render::feed::{Chain, Feed, Format, MAX_BYTES, render, select, updated_of};
use handbill::render::xml::xml_clean;
use handbill::revision::{Change, Revision};
use proptest::prelude::*;
use proptest::proptest;

use crate::sample::{
    ACTION, action, archive, at, cancelled, edited, english, first, golden, hostile, moved, notice, site,
    statement,
};

const NOW: &str = "2018-07-09T16:00:00Z";

fn check(entries: &[&Revision], format: Format, now: &str) -> String {
    let feed = Feed {
        title: "All notices".to_owned(),
        path: "feeds/all".to_owned(),
        page: "notices/".to_owned(),
        entries: entries.iter().copied().zip(updated_of(entries)).collect(),
        related: BTreeMap::new(),
        tombstones: Vec::new(),
        chain: Chain::default(),
        pictures: &BTreeMap::new(),
    };
    let document = String::from_utf8(render(&site(), english(), &feed, format, at(now))).unwrap();
    match format {
        Format::Atom | Format::Rss => drop(roxmltree::Document::parse(&document).unwrap()),
        Format::Json => drop(serde_json::from_str::<serde_json::Value>(&document).unwrap()),
    }
    document
}

#[test]
fn a_feed_buries_what_was_taken_back_and_leads_to_what_is_older() {
    let replaced = statement();
    let source =
        ACTION.replacen("tags =", "supersedes = \"solidaridad\"\nnext = [\"solidaridad\"]\ntags =", 1);
    let action = first("2018-07-10-abolish-ice", &source, "2018-07-08T22:00:00Z");
    let buried = edited(&archive(), "title = \"Free", "withdrawn = \"An error.\"\ntitle = \"Free", NOW);
    let chain = Chain {
        current: Some("feeds/all".to_owned()),
        prev: Some("feeds/all/2018-06".to_owned()),
        next: Some("feeds/all/2018-08".to_owned()),
    };
    let feed = Feed {
        title: "All notices".to_owned(),
        path: "feeds/all/2018-07".to_owned(),
        page: "notices/".to_owned(),
        related: [(&replaced.notice().id, &replaced)].into_iter().collect(),
        entries: vec![(&action, action.updated_at)],
        tombstones: vec![&buried],
        chain,
        pictures: &BTreeMap::new(),
    };
    for format in Format::ARCHIVED {
        let document = render(&site(), english(), &feed, format, at("2018-07-30T16:00:00Z"));
        golden(&format!("feed/archived.{}", format.extension()), &document);
    }
}

fn check_golden(name: &str, entries: &[&Revision], now: &str) {
    for format in Format::ALL {
        let document = check(entries, format, now);
        golden(&format!("feed/{name}.{}", format.extension()), document.as_bytes());
    }
}

// The text of each element of that name, in the document's order.
fn texts(document: &str, name: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(document).unwrap();
    let named = |node: &roxmltree::Node<'_, '_>| node.tag_name().name() == name;
    document.descendants().filter(named).map(|node| node.text().unwrap_or("").to_owned()).collect()
}

#[test]
fn an_action_says_when_and_where_before_its_text() {
    check_golden("action", &[&action()], NOW);
}

#[test]
fn an_archive_entry_asks_what_nobody_here_knows() {
    check_golden("archive", &[&archive()], NOW);
}

#[test]
fn a_statement_stands_in_its_own_language() {
    check_golden("statement", &[&statement()], NOW);
}

#[test]
fn a_cancelled_action_says_so_in_its_title_and_first() {
    check_golden("cancelled", &[&cancelled()], NOW);
}

#[test]
fn a_moved_action_says_first_what_has_changed() {
    check_golden("moved", &[&moved()], NOW);
}

#[test]
fn an_id_stays_when_the_title_the_place_and_the_time_change() {
    for format in [Format::Atom, Format::Rss] {
        let name = if format == Format::Atom { "id" } else { "guid" };
        let before = texts(&check(&[&action()], format, NOW), name);
        let after = texts(&check(&[&moved()], format, NOW), name);
        assert_eq!(before, after);
        assert_eq!(before.last().unwrap(), "tag:example.org,2018-07-08:2018-07-10-abolish-ice");
    }
}

#[test]
fn a_silent_edit_does_not_move_updated() {
    let edit = edited(&action(), "demonstration & vigil", "demonstration and vigil", "2018-07-09T09:00:00Z");
    let dates = |revision: &Revision| texts(&check(&[revision], Format::Atom, NOW), "updated");
    assert_eq!(dates(&action()), dates(&edit));
    assert_ne!(dates(&action()), dates(&moved()));
    let published = |revision: &Revision| texts(&check(&[revision], Format::Atom, NOW), "published");
    assert_eq!(published(&action()), published(&moved()));
}

#[test]
fn no_two_entries_share_one_updated_and_none_is_in_the_future() {
    let ids = ["b", "a", "c", "d"];
    let revisions: Vec<Revision> =
        ids.iter().map(|id| first(id, &ACTION.replace("publish_at", "#"), NOW)).collect();
    let entries: Vec<&Revision> = revisions.iter().collect();
    let document = check(&entries, Format::Atom, NOW);
    assert_eq!(
        texts(&document, "updated"),
        [
            "2018-07-09T16:00:00+00:00", // The feed's is the newest entry's.
            "2018-07-09T16:00:00+00:00",
            "2018-07-09T15:59:59+00:00",
            "2018-07-09T15:59:58+00:00",
            "2018-07-09T15:59:57+00:00",
        ]
    );
    let order: Vec<String> =
        texts(&document, "id")[1..].iter().map(|id| id.rsplit(':').next().unwrap().to_owned()).collect();
    assert_eq!(order, ["a", "b", "c", "d"]);
}

// Each id with its `updated`.
fn dated(revisions: &[Revision]) -> BTreeMap<String, String> {
    let document = check(&revisions.iter().collect::<Vec<_>>(), Format::Atom, NOW);
    texts(&document, "id").into_iter().zip(texts(&document, "updated")).skip(1).collect()
}

// Readers take another `updated` for an edit (tests/real/25-readers.py).
#[test]
fn what_becomes_of_a_notice_moves_the_updated_of_no_other() {
    let mut revisions = ["a", "b", "c", "d"].map(|id| first(id, ACTION, "2018-07-08T22:00:00Z")).to_vec();
    let before = dated(&revisions);
    let edits = [(0, "status = \"cancelled\""), (2, "withdrawn = \"A mistake.\"")];
    for (at, key) in edits {
        revisions[at] = edited(&revisions[at], "image =", &format!("{key}\nimage ="), "2018-07-09T12:00:00Z");
    }
    // Dated back to the same second.
    revisions.push(first("aa", ACTION, "2018-07-09T13:00:00Z"));
    let after = dated(&revisions);
    let of = |dated: &BTreeMap<String, String>, id: &str| {
        dated[&format!("tag:example.org,2018-07-08:{id}")].clone()
    };
    assert_eq!([of(&after, "b"), of(&after, "d")], [of(&before, "b"), of(&before, "d")]);
    assert_eq!(of(&after, "a"), "2018-07-09T12:00:00+00:00");
    assert_eq!(of(&after, "c"), "2018-07-09T11:59:59+00:00");
    // Those of the others are taken, also those that they have no longer.
    assert_eq!(of(&after, "aa"), "2018-07-08T21:59:56+00:00");
}

// When each notice appeared and was published, and the spans between its changes, in quarters of a second.
fn any_moments() -> impl Strategy<Value = Vec<(u8, u8, Vec<u8>)>> {
    prop::collection::vec((0_u8..4, 0_u8..60, prop::collection::vec(0_u8..30, 0..4)), 1..30)
}

proptest! {
    #[test]
    fn who_came_first_has_the_second_that_it_asks_for(moments in any_moments()) {
        let after = |quarters: u8| at(NOW) + TimeDelta::milliseconds(250 * i64::from(quarters));
        let one = moved();
        let change = &one.changes[0];
        let revision = |(number, (appeared, published, spans)): (usize, &(u8, u8, Vec<u8>))| {
            let mut revision = Revision {
                published_at: after(*published),
                appeared_at: after(60 + *appeared),
                changes: Vec::new(),
                ..one.clone()
            };
            let notice = Notice { id: NoticeId::parse(&format!("n{number:02}")).unwrap(), ..one.notice().clone() };
            revision.draft.notice = Arc::new(notice);
            let mut changed = *published;
            for span in spans {
                changed += span;
                revision.changes.push(Change { at: after(changed), ..change.clone() });
            }
            revision
        };
        let revisions: Vec<Revision> = moments.iter().enumerate().map(revision).collect();
        let updated = updated_of(&revisions.iter().collect::<Vec<_>>());

        let asked = revisions.iter().enumerate().flat_map(|(number, revision)| {
            let changes = revision.changes.iter().map(|change| change.at);
            let ask = move |moment| (revision.appeared_at, number, moment);
            [revision.published_at].into_iter().chain(changes).map(ask)
        });
        let mut asked: Vec<_> = asked.collect();
        asked.sort_unstable();
        let mut taken = BTreeSet::new();
        let mut expected = vec![0; revisions.len()];
        for (_, number, moment) in asked {
            let mut second = moment.timestamp();
            while !taken.insert(second) {
                second -= 1;
            }
            expected[number] = second;
        }
        let updated: Vec<i64> = updated.into_iter().map(|moment| moment.timestamp()).collect();
        prop_assert_eq!(updated, expected);
    }
}

#[test]
fn the_same_notices_give_the_same_bytes_at_any_time() {
    for format in Format::ALL {
        let early = check(&[&moved(), &archive()], format, "2018-07-09T16:00:00Z");
        let late = check(&[&archive(), &moved()], format, "2018-07-10T15:59:59Z");
        assert_eq!(early, late);
    }
}

#[test]
fn what_has_expired_is_in_no_feed_and_in_no_change_either() {
    let point = edited(&action(), "North side", "South side", "2018-07-09T12:00:00Z");
    for format in Format::ALL {
        let before = check(&[&point], format, NOW);
        assert!(before.contains("South side") && before.contains("North side"), "{before}");
        let after = check(&[&point], format, "2018-07-10T16:00:00Z");
        assert!(!after.contains("South side") && !after.contains("North side"), "{after}");
        assert!(after.contains("The meeting point has changed."));
    }
}

#[test]
fn a_place_of_the_day_is_in_no_feed_before_its_time() {
    let hidden = ACTION.replace("geo =", "visibility = \"day-of\"\ngeo =");
    // It was public for an hour: what changed must not give it away now.
    let hidden = edited(&action(), &action().draft.source, &hidden, "2018-07-08T23:00:00Z");
    for format in Format::ALL {
        let before = check(&[&hidden], format, "2018-07-10T03:59:59Z");
        assert!(!before.contains("Example Hotel") && !before.contains("fountain"), "{before}");
        assert!(before.contains("Place to be announced"));
        let after = check(&[&hidden], format, "2018-07-10T04:00:00Z");
        assert!(after.contains("Example Hotel") && after.contains("fountain"));
    }
}

#[test]
fn who_has_not_confirmed_is_in_no_feed() {
    for format in Format::ALL {
        let document = check(&[&action(), &statement()], format, NOW);
        assert!(!document.contains("Unconfirmed Union") && !document.contains("Withdrawn Workers"));
        assert!(document.contains("Example Coalition"));
    }
}

#[test]
fn an_author_is_a_name_without_an_address() {
    let atom = check(&[&action()], Format::Atom, NOW);
    assert!(texts(&atom, "email").is_empty());
    let rss = check(&[&action()], Format::Rss, NOW);
    assert!(texts(&rss, "author").is_empty());
    assert_eq!(texts(&rss, "creator"), ["Council of the Example"]);
}

#[test]
fn rss_has_the_description_before_the_content_and_the_date_of_a_change() {
    let rss = check(&[&moved()], Format::Rss, NOW);
    assert!(rss.rfind("<description>").unwrap() < rss.find("<content:encoded>").unwrap());
    assert_eq!(texts(&rss, "updated"), ["2018-07-09T14:00:00+00:00"]);
    assert_eq!(texts(&rss, "pubDate"), ["Sun, 08 Jul 2018 22:00:00 +0000"]);
}

#[test]
fn a_selection_has_the_newest_and_all_of_the_last_two_weeks() {
    let source = ACTION.replace("publish_at", "#");
    let now: DateTime<Utc> = at(NOW);
    let seen = |days: i64| (now - TimeDelta::days(days)).to_rfc3339();
    let revisions: Vec<Revision> =
        (0..30).map(|day| first(&format!("n{day:02}"), &source, &seen(day))).collect();
    let ids = |limit: usize| -> Vec<String> {
        select(&revisions, |revision| revision.updated_at, limit, now)
            .iter()
            .map(|revision| revision.id().to_string())
            .collect()
    };
    assert_eq!(ids(3).len(), 14, "those of the last 14 days, the day 14 days ago is over");
    assert_eq!(ids(20).len(), 20);
    assert_eq!(ids(200).len(), 30);
    assert_eq!(ids(20)[..2], ["n00", "n01"]);
}

#[test]
fn a_document_never_passes_the_cap_and_the_oldest_entries_give_way() {
    let source = ACTION.replace("publish_at", "#");
    let mut revisions = Vec::new();
    for number in 0..40 {
        let mut notice = notice(&format!("n{number:02}"), &source);
        notice.body.html = "<p>&amp; &lt;long&gt; \"text\"</p>\n".repeat(1_000);
        let seen = at(NOW) - TimeDelta::hours(number);
        revisions.push(Revision::first(
            handbill::revision::Draft::new(notice, "notices/sample.md", &source),
            seen,
        ));
    }
    let entries: Vec<&Revision> = revisions.iter().collect();
    for format in Format::ALL {
        let document = check(&entries, format, NOW);
        assert!(document.len() <= MAX_BYTES, "{}", document.len());
        assert!(document.len() > MAX_BYTES / 2, "{}", document.len());
        assert!(document.contains(":n00") && !document.contains(":n39"));
    }
}

#[test]
fn a_text_of_many_pages_is_in_the_feed_with_its_summary_and_its_address() {
    let mut notice = notice("long", ACTION);
    notice.body.html = "<p>&amp; very long</p>\n".repeat(40_000);
    let revision =
        Revision::first(handbill::revision::Draft::new(notice, "notices/sample.md", ACTION), at(NOW));
    for format in Format::ALL {
        let document = check(&[&revision, &archive()], format, NOW);
        assert!(document.len() < 64 * 1024, "{}", document.len());
        assert!(document.contains("The whole text") && document.contains("Free fridges"));
    }
}

// Foreign readers see these bytes too (tests/real/feeds.py).
#[test]
fn a_hostile_text_is_a_text() {
    check_golden("hostile", &[&hostile(), &action(), &archive(), &statement()], NOW);
}

#[test]
fn an_empty_feed_is_a_feed() {
    check_golden("empty", &[], NOW);
}

#[test]
fn the_facts_in_plain_text_fit_72_columns() {
    for (name, revision) in [("action", action()), ("archive", archive()), ("statement", statement())] {
        let shown = handbill::notice::shown::shown(revision.notice(), at(NOW));
        let text = facts::facts_text(&site(), english(), &shown);
        assert!(text.lines().all(|line| line.chars().count() <= 72), "{text}");
        golden(&format!("feed/facts-{name}.txt"), text.as_bytes());
    }
}

#[test]
fn markup_in_a_fact_is_text() {
    let revision = edited(&action(), "press team", "<script>alert(1)</script> & co", NOW);
    let html = facts::facts_html(&site(), english(), revision.notice());
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; co"), "{html}");
}

#[test]
fn what_xml_does_not_allow_is_left_out() {
    assert_eq!(
        xml_clean("a\u{0}b\u{8}\u{B}\u{C}\u{E}\u{1F}\t\r\nc\u{FFFE}\u{FFFF}d\u{10FFFF}"),
        "ab\t\r\ncd\u{10FFFF}"
    );
}

/// Texts with what breaks documents: controls, markup, the ends of CDATA sections, any Unicode.
pub fn any_text() -> impl Strategy<Value = String> {
    let hostile = prop_oneof![
        Just("]]>".to_owned()),
        Just("</entry><entry>".to_owned()),
        Just("&#0;&bogus;".to_owned()),
        Just("\u{0}\u{FFFE}\u{FFFF}\u{1F}\u{7F}\u{85}\u{2028}".to_owned()),
        Just("\r\nEND:VCALENDAR\r\nX-EVIL:1\n".to_owned()),
        Just("\\n\\,;:\"'".to_owned()),
        any::<String>(),
        any::<char>().prop_map(|c| c.to_string().repeat(60)),
    ];
    proptest::collection::vec(hostile, 0..6).prop_map(|parts| parts.concat())
}

/// The action with `text` in every field that holds text.
pub fn action_of(text: &str) -> Revision {
    let mut notice = notice("any", ACTION);
    let text = || text.to_owned();
    notice.title = text();
    notice.summary = Some(text());
    notice.lang = text();
    notice.campaign.iter_mut().for_each(|campaign| campaign.name = text());
    notice.authors = vec![text()];
    notice.body.html = text();
    notice.body.text = text();
    notice.body.excerpt = text();
    notice.tags.iter_mut().for_each(|tag| tag.name = text());
    notice.more.iter_mut().for_each(|link| (link.title, link.url) = (text(), text()));
    notice.image.iter_mut().for_each(|image| (image.file, image.alt) = (text(), text()));
    let Kind::Action(event) = &mut notice.kind else { unreachable!() };
    event.status_note = Some(text());
    event.hosts = vec![text()];
    event.demands = vec![text(), text()];
    event.cosponsors.iter_mut().for_each(|party| (party.name, party.url) = (text(), Some(text())));
    event.access.entries.iter_mut().for_each(|(_, entry)| *entry = text());
    event.place.iter_mut().for_each(|place| {
        (place.name, place.address, place.meeting_point) = (text(), Some(text()), Some(text()));
    });
    event.press.iter_mut().for_each(|press| {
        (press.role, press.email, press.advisory) = (text(), Some(text()), Some(text()));
    });
    let before = action();
    before
        .next(handbill::revision::Draft::new(notice, "notices/sample.md", ACTION), at("2018-07-09T12:00:00Z"))
}

proptest! {
    #[test]
    fn any_text_in_every_field_gives_a_well_formed_document(text in any_text()) {
        let revision = action_of(&text);
        for format in Format::ALL {
            let document = check(&[&revision, &archive()], format, NOW);
            match format {
                Format::Atom => prop_assert_eq!(texts(&document, "entry").len(), 2),
                Format::Rss => prop_assert_eq!(texts(&document, "item").len(), 2),
                Format::Json => {
                    let json: serde_json::Value = serde_json::from_str(&document).unwrap();
                    prop_assert_eq!(json["items"].as_array().unwrap().len(), 2);
                }
            }
        }
    }
}
