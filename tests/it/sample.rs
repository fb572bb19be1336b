//! Sample: notices, a site and golden files that the tests of several renderings share.

use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};
use handbill::config::Site;
use handbill::notice::parse::parse;
use handbill::notice::{Kind, Notice};
use handbill::render::words::Words;
use handbill::revision::{Draft, Revision};
use handbill::schedule::zone::Zone;
use url::Url;

/// An action with every field.
pub const ACTION: &str = r##"+++
kind = "action"
title = "#AbolishICE: demonstration & vigil"
summary = "Outside the keynote: ICE out of our city."
publish_at = 2018-07-08 18:00
tags = ["AbolishICE", "sanctuary city"]
campaign = "Abolish ICE"
hosts = ["Council of the Example"]
cosponsors = [
    { name = "Example Coalition", url = "https://coalition.example.org/", confirmed = true },
    { name = "Unconfirmed Union" },
]
demands = ["ICE out of the city", "No camps, no cages; no \"detention\""]
starts = 2018-07-10 09:00
ends = 2018-07-10 11:00
assemble_at = 2018-07-10 08:30
zone = "America/New_York"
weekday = "Tuesday"
image = { file = "banner, red.png", alt = "A red banner" }
more = [{ title = "About the conference", url = "https://example.org/about" }]
[place]
name = "Example Hotel"
address = "811 7th Avenue at 53rd Street, New York, NY 10019"
geo = [40.7625, -73.9817]
meeting_point = "North side of 53rd Street; by the fountain"
meeting_point_expires = 2018-07-10 12:00
[access]
wheelchair = "Level pavement, ramp at the corner"
asl = "Two interpreters at the front"
[legal]
jail_support = "Write 212 555 0100 on your arm"
know_your_rights = "https://example.org/rights"
expires = 2018-07-12 00:00
[press]
role = "press team"
email = "press@example.org"
+++
Text.
"##;

/// An entry of the archive with every field.
pub const ARCHIVE: &str = r#"+++
kind = "archive"
title = "Free fridges"
publish_at = 2018-06-01 12:00
tags = ["food"]
period = "1966 to today"
places = [{ name = "Berlin", from = 2012 }, { name = "New York", from = 1966, to = 1967 }]
principles = ["Take what you need, leave what you can"]
unknown = ["Who set up the first one?"]
[[lineage]]
rel = "inspired_by"
target = "The Diggers"
confidence = "documented"
source = "their broadsides"
[[lineage]]
rel = "parallel_to"
target = "peoples-kitchens"
confidence = "unknown"
[[sources]]
title = "Fridges <& friends>"
kind = "zine"
creators = ["Example Press"]
date = "2014"
url = "https://example.org/zine"
archived_url = "https://archive.example.org/zine"
[call]
what = "Photographs of a fridge near you"
how = "Bring them to the weekly meeting"
+++
Text.
"#;

/// A statement with every field, in another language than the site's.
pub const STATEMENT: &str = r#"+++
kind = "statement"
title = "Solidaridad"
summary = "Declaración del consejo."
lang = "es"
publish_at = 2018-07-02 12:00
issued = "2018-07~"
addressed_to = ["The matriarchs"]
signatories = [
    { name = "Council of the Example", confirmed = true },
    { name = "Withdrawn Workers", confirmed = true, withdrawn = true },
]
translations = [{ lang = "en", notice = "solidarity" }]
adopted = "by consensus of the general assembly"
+++
Text.
"#;

/// The words of a language that ships.
pub fn words(lang: &str) -> &'static Words {
    crate::page::TEMPLATES.words(lang)
}

/// Those of English.
pub fn english() -> &'static Words {
    words("en")
}

/// The site of the samples.
pub fn site() -> Site {
    Site {
        title: "Notices of the council".to_owned(),
        organization: "Council of the \"Example\"".to_owned(),
        description: "Actions, statements & dispatches.".to_owned(),
        url: Url::parse("https://notices.example.org/").unwrap(),
        tag_domain: "example.org".to_owned(),
        zone: Zone::find("America/New_York").unwrap(),
        lang: "en".to_owned(),
        contact: Some("council@example.org".to_owned()),
        postal_address: None,
        signed_by: None,
        hubs: Vec::new(),
    }
}

/// An instant, `2018-07-08T22:00:00Z`.
pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The notice of a source; its body is set here, so that these tests are of the rendering alone.
pub fn notice(id: &str, source: &str) -> Notice {
    let parsed = parse(&format!("{id}.md"), source, &site().defaults());
    let mut notice = parsed.notice.unwrap_or_else(|| panic!("{}", parsed.report.pretty(false)));
    notice.body.html =
        "<p>ICE, go <em>home</em> &amp; stay there: <a href=\"https://example.org/\">more</a>.</p>\n"
            .to_owned();
    notice.body.text = "ICE, go home & stay there: more <https://example.org/>.\n".to_owned();
    notice.body.excerpt = "ICE, go home & stay there: more.".to_owned();
    notice
}

/// The first revision of a source, seen at `seen`.
pub fn first(id: &str, source: &str, seen: &str) -> Revision {
    Revision::first(Draft::new(notice(id, source), "notices/sample.md", source), at(seen))
}

/// The revision that follows when `old` has been replaced by `new` in the source.
pub fn edited(revision: &Revision, old: &str, new: &str, seen: &str) -> Revision {
    let source = revision.draft.source.replace(old, new);
    assert_ne!(&*revision.draft.source, source, "the edit changes something");
    let notice = notice(revision.id().as_str(), &source);
    revision.next(Draft::new(notice, "notices/sample.md", &source), at(seen))
}

/// The action, first seen when it was published.
pub fn action() -> Revision {
    first("2018-07-10-abolish-ice", ACTION, "2018-07-08T22:00:00Z")
}

/// The same, then cancelled.
pub fn cancelled() -> Revision {
    let status = "status = \"cancelled\"\nstatus_note = \"The keynote was called off.\"\nimage =";
    edited(&action(), "image =", status, "2018-07-09T12:00:00Z")
}

/// The same, then somewhere else and half an hour later.
pub fn moved() -> Revision {
    let there = edited(
        &action(),
        "name = \"Example Hotel\"\naddress = \"811 7th Avenue at 53rd Street, New York, NY 10019\"",
        "name = \"Town Hall\"\naddress = \"123 West 43rd Street\"",
        "2018-07-09T13:00:00Z",
    );
    let status = "status = \"moved\"\nimage =";
    let there = edited(&there, "image =", status, "2018-07-09T13:30:00Z");
    edited(&there, "starts = 2018-07-10 09:00", "starts = 2018-07-10 09:30", "2018-07-09T14:00:00Z")
}

/// An action in a zone whose clocks go forward by half an hour.
pub fn abroad() -> Revision {
    let source = ACTION
        .replace("America/New_York", "Australia/Lord_Howe")
        .replace("2018-07-10 ", "2018-12-10 ")
        .replace("weekday = \"Tuesday\"\n", "");
    first("abroad", &source, "2018-07-08T22:00:00Z")
}

/// An action whose texts would break a document that trusted them.
pub fn hostile() -> Revision {
    let text = |name: &str| {
        format!(
            "{name} ]]></entry> &#0;\u{0}\u{B}\u{1F}\u{7F}\u{85}\u{2028}\u{FFFE}\r\nX-EVIL:1\nEND:VEVENT \\n\\,;:\"' é漢👩‍👩‍👧‍👦"
        )
    };
    let mut notice = notice("hostile", ACTION);
    notice.title = text("title");
    notice.summary = Some(text("summary"));
    notice.campaign.iter_mut().for_each(|campaign| campaign.name = text("campaign"));
    notice.authors = vec![text("author")];
    notice.tags.iter_mut().for_each(|tag| tag.name = text("tag"));
    if let Kind::Action(event) = &mut notice.kind {
        event.hosts = vec![text("host")];
        event.place.iter_mut().for_each(|place| place.name = text("place").repeat(3));
    }
    Revision::first(Draft::new(notice, "notices/sample.md", ACTION), at("2018-07-08T22:00:00Z"))
}

/// The archive entry.
pub fn archive() -> Revision {
    first("free-fridges", ARCHIVE, "2018-06-01T16:00:00Z")
}

/// The statement.
pub fn statement() -> Revision {
    first("solidaridad", STATEMENT, "2018-07-02T16:00:00Z")
}

/// Compares bytes with `tests/golden/<path>`; with HANDBILL_BLESS=1 the bytes become the file.
pub fn golden(path: &str, bytes: &[u8]) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(path);
    if std::env::var_os("HANDBILL_BLESS").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, bytes).unwrap();
    }
    let wanted = fs::read(&file).unwrap_or_default();
    let (is, wanted) = (String::from_utf8_lossy(bytes), String::from_utf8_lossy(&wanted));
    assert!(is == wanted, "{path} differs; look at it with HANDBILL_BLESS=1 and git diff\n{is}");
}
