//! Campaigns: what belongs together, what comes next, and what is in place of what.

use std::collections::BTreeMap;

use handbill::config::Site;
use handbill::render::feed::Format;
use handbill::render::page::{Scheme, Topic};
use handbill::render::site::{Catalog, Document, What, next_change};
use handbill::revision::Revision;

use crate::page::{TEMPLATES, with_catalog};
use crate::sample::{self, at, edited, first, golden};
use crate::world::World;

const NOW: &str = "2018-07-12T12:00:00Z";

fn notice(id: &str, kind: &str, title: &str, front: &str) -> Revision {
    let authors = if kind == "action" { "" } else { "authors = [\"Tenants of Alder Street\"]\n" };
    let source = format!("+++\nkind = \"{kind}\"\ntitle = \"{title}\"\n{authors}{front}+++\nText.\n");
    first(id, &source, "2018-07-02T12:00:00Z")
}

fn action(id: &str, title: &str, starts: &str, front: &str) -> Revision {
    let front = format!(
        "hosts = [\"Tenants of Alder Street\"]\nstarts = {starts}\nzone = \"America/New_York\"\n{front}\
         [place]\nname = \"12 Alder Street\"\n"
    );
    notice(id, "action", title, &front)
}

// A notice of each sort, those of two spellings of one campaign and one of none.
fn samples() -> Vec<Revision> {
    let of = "campaign = \"Alder Street stays\"\n";
    vec![
        action("march", "March to the owner", "2018-07-10 18:00", &format!("{of}next = [\"picket\"]\n")),
        action("picket", "Picket", "2018-07-20 09:00", of),
        action("supper", "Supper on the stairs", "2018-07-18 19:00", "campaign = \"Alder Street Stays!\"\n"),
        action("court", "In court", "2018-07-16 10:00", &format!("{of}status = \"postponed\"\n")),
        notice("rent", "statement", "We do not pay for mould", of),
        notice("ledger", "archive", "How the tenants keep their books", of),
        action("choir", "Choir", "2018-07-19 18:00", ""),
    ]
}

fn page(revisions: &[Revision], site: &Site, what: &What, now: &str) -> String {
    let revisions: Vec<&Revision> = revisions.iter().collect();
    let catalog = Catalog::new(site, &[], 30, &TEMPLATES, &revisions, at(now)).unwrap();
    String::from_utf8(catalog.bytes(what).unwrap()).unwrap()
}

fn campaign() -> Topic {
    let name = handbill::notice::Tag::named("Alder Street stays").unwrap();
    Topic::Named(Scheme::Campaign, name)
}

#[test]
fn the_page_of_a_campaign_says_what_is_ahead_what_is_past_and_what_was_said() {
    let what = What::Index(campaign(), None);
    golden("page/campaign.html", page(&samples(), &sample::site(), &what, NOW).as_bytes());
    let spanish = Site { lang: "es".to_owned(), ..sample::site() };
    golden("page/es-campaign.html", page(&samples(), &spanish, &what, NOW).as_bytes());
}

#[test]
fn all_campaigns_stand_on_a_page() {
    let what = What::Names(Scheme::Campaign);
    let site = sample::site();
    let link = "<li><a href=\"/campaigns/alder-street-stays/\">Alder Street stays</a></li>";
    assert_eq!(page(&samples(), &site, &what, NOW).matches("/campaigns/alder").count(), 1);
    assert!(page(&samples(), &site, &what, NOW).contains(link));
    assert!(page(&[], &site, &what, NOW).contains("No notice belongs to a campaign yet."));
    let spanish = Site { lang: "es".to_owned(), ..site };
    assert!(page(&[], &spanish, &what, NOW).contains("Ningún aviso pertenece a una campaña todavía."));
}

#[test]
fn a_campaign_has_a_page_feeds_and_a_calendar_where_readers_look_for_them() {
    let revisions = samples();
    let revisions: Vec<&Revision> = revisions.iter().collect();
    with_catalog(&revisions, NOW, |catalog| {
        let documents: BTreeMap<String, What> =
            catalog.documents().into_iter().map(|document| (document.path, document.what)).collect();
        let read = |path: &str| {
            let what = documents.get(path).unwrap_or_else(|| panic!("{path} is not among {documents:#?}"));
            String::from_utf8(catalog.bytes(what).unwrap()).unwrap()
        };
        let feeds =
            Format::ALL.map(|format| format!("feeds/campaign/alder-street-stays.{}", format.extension()));
        for path in &feeds {
            let feed = read(path);
            assert!(feed.contains("Notices of the council: Alder Street stays"), "{feed}");
            assert!(feed.contains("Supper on the stairs") && !feed.contains("Choir"), "{feed}");
        }
        let calendar = read("calendar/campaign/alder-street-stays.ics");
        assert_eq!(calendar.matches("BEGIN:VEVENT").count(), 4);
        assert!(
            calendar.contains("NAME:Notices of the council: Alder Street stays\\, actions"),
            "{calendar}"
        );
        let index = read("campaigns/alder-street-stays/index.html");
        let list = read("feeds/index.html");
        for path in feeds.iter().chain([&"calendar/campaign/alder-street-stays.ics".to_owned()]) {
            assert!(index.contains(&format!("href=\"/{path}\"")), "{path} is not in {index}");
            assert!(list.contains(&format!("href=\"/{path}\"")), "{path} is not in {list}");
        }
        assert!(read("feeds.opml").contains("/feeds/campaign/alder-street-stays.atom"));
        for path in ["notices/supper/index.html", "statements/index.html", "index.html", "actions/index.html"]
        {
            let page = read(path);
            let link = match path {
                "actions/index.html" => "href=\"/campaigns/\"",
                _ => "href=\"/campaigns/alder-street-stays/\"",
            };
            assert!(page.contains(link), "{path}: {page}");
        }
    });
    // Without an action a calendar would stay empty.
    let entry = notice("ledger", "archive", "Books", "campaign = \"Alder Street stays\"\n");
    with_catalog(&[&entry], NOW, |catalog| {
        let paths: Vec<String> = catalog.documents().into_iter().map(|document| document.path).collect();
        assert!(paths.contains(&"feeds/campaign/alder-street-stays.atom".to_owned()));
        assert!(!paths.iter().any(|path| path.starts_with("calendar/campaign/")), "{paths:#?}");
    });
}

// A page of an index closes at fifty; what is ahead is looked for on the first one, whenever it was published.
#[test]
fn what_is_ahead_stands_first_however_long_a_campaign_is() {
    let of = "campaign = \"Long\"\n";
    let mut revisions = vec![action("march", "March", "2018-07-20 18:00", of)];
    let many = (0..120).map(|at| notice(&format!("n-{at:03}"), "statement", &format!("Number {at}"), of));
    revisions.extend(many);
    for (at, revision) in revisions.iter_mut().enumerate() {
        revision.published_at += chrono::TimeDelta::seconds(at.try_into().unwrap());
    }
    let topic = Topic::Named(Scheme::Campaign, handbill::notice::Tag::named("Long").unwrap());
    let pages = |now| {
        let of = |number| page(&revisions, &sample::site(), &What::Index(topic.clone(), number), now);
        (of(None), of(Some(1)))
    };
    let link = "<a class=\"u-url p-name\" href=\"/notices/march/\">";
    let (newest, oldest) = pages("2018-07-20T12:00:00Z");
    assert!(newest.contains(link) && !oldest.contains(link));
    let (newest, oldest) = pages("2018-07-21T12:00:00Z");
    assert!(!newest.contains(link) && oldest.contains(link));
}

#[test]
fn the_page_of_a_campaign_is_written_anew_when_an_action_is_over() {
    let revisions = samples();
    let revisions: Vec<&Revision> = revisions.iter().collect();
    let over_at = at("2018-07-19T01:00:00Z");
    assert_eq!(next_change(&revisions, at("2018-07-18T12:00:00Z")), Some(over_at));
    let stamp = |now: &str| {
        with_catalog(&revisions, now, |catalog| {
            let is_it = |document: &Document| document.path == "campaigns/alder-street-stays/index.html";
            catalog.documents().into_iter().find(is_it).unwrap().stamp
        })
    };
    assert_eq!(stamp("2018-07-18T12:00:00Z"), stamp("2018-07-19T00:59:59Z"));
    assert_ne!(stamp("2018-07-19T00:59:59Z"), stamp("2018-07-19T01:00:00Z"));
}

#[test]
fn a_campaign_without_a_letter_has_no_page_and_is_an_error() {
    let source = "+++\nkind = \"statement\"\ntitle = \"A\"\ncampaign = \"!!!\"\n+++\nText.\n";
    let parsed = handbill::notice::parse::parse("notices/a.md", source, &sample::site().defaults());
    assert!(parsed.notice.is_none());
    assert!(parsed.report.to_string().contains("a campaign without a letter or digit"), "{}", parsed.report);
}

// A file's name holds 255 bytes, and one name that is longer would keep all documents from being written.
#[test]
fn a_name_that_no_file_could_have_is_an_error_of_its_notice_alone() {
    for key in ["tags = [\"NAME\"]", "campaign = \"NAME\""] {
        let world = World::new("");
        world.look("2018-07-01T12:00Z");
        world.write("old", OLD);
        let front = format!("{}\nkind", key.replace("NAME", &"rent ".repeat(60)));
        world.write("long", &OLD.replacen("kind", &front, 1));
        world.look("2018-07-02T12:00Z");
        let stands = |id: &str| world.installation.site().join(format!("notices/{id}/index.html")).exists();
        assert!(stands("old") && !stands("long"), "{key}");
        let reading = world.installation.folder().read_once().unwrap();
        let said = reading.reports[0].to_string();
        assert!(said.contains("of more than 200 letters and digits"), "{said}");
    }
}

// ---- what comes next

const OVER: &str = "This is over.";

// The lines of the banner of where to go instead, without markup.
fn onward(revisions: &[Revision], now: &str) -> Vec<String> {
    let html = page(revisions, &sample::site(), &What::Notice(revisions[0].id().clone()), now);
    let Some((_, banner)) = html.split_once("<div class=\"banner\" role=\"note\">") else {
        return Vec::new();
    };
    let markup = regex::Regex::new("<[^>]*>").unwrap();
    let lines = banner.split_once("</div>").unwrap().0.lines();
    lines.map(|line| markup.replace_all(line, "").into_owned()).filter(|line| !line.is_empty()).collect()
}

#[test]
fn what_is_over_or_cancelled_says_what_comes_next() {
    let march = |front: &str| {
        let next = "next = [\"picket\", \"rent\"]\n";
        action("march", "March", "2018-07-10 18:00", &format!("{next}{front}"))
    };
    let picket = |front: &str| action("picket", "Picket", "2018-07-20 09:00", front);
    let rent = || notice("rent", "statement", "We do not pay", "");
    let (before, after, long_after) =
        ("2018-07-10T20:00:00Z", "2018-07-11T00:00:00Z", "2018-07-21T00:00:00Z");
    let (next, said) = ("Next: Picket, Friday, July 20, 2018", "Next: We do not pay");
    let both = |march: Revision, picket: Revision| [march, picket, rent()];
    let cancelled = "status = \"cancelled\"\n";
    for (revisions, now, expected) in [
        (both(march(""), picket("")), before, vec![]),
        (both(march(""), picket("")), after, vec![OVER, next, said]),
        (
            both(march(""), picket("")),
            long_after,
            vec![OVER, "What followed: Picket, Friday, July 20, 2018", said],
        ),
        (both(march(cancelled), picket("")), before, vec![next, said]),
        (both(march(cancelled), picket("")), after, vec![OVER, next, said]),
        (both(march(""), picket(cancelled)), after, vec![OVER, said]),
        (
            both(march(""), picket("status = \"postponed\"\n")),
            after,
            vec![OVER, "Next: POSTPONED: Picket", said],
        ),
        // What has no new date yet is not over.
        (both(march("status = \"postponed\"\n"), picket("")), after, vec![]),
    ] {
        assert_eq!(onward(&revisions, now), expected, "{now} {:?}", revisions[0].notice().event());
    }
    assert_eq!(onward(&[march("")], after), Vec::<&str>::new(), "what is not there is not named");
}

#[test]
fn a_page_of_what_is_over_is_a_page_that_a_person_can_open() {
    let (what, revisions) = (What::Notice(samples()[0].id().clone()), samples());
    golden("page/over.html", page(&revisions, &sample::site(), &what, NOW).as_bytes());
    let spanish = Site { lang: "es".to_owned(), ..sample::site() };
    let html = page(&revisions, &spanish, &what, NOW);
    assert!(html.contains("<strong>Esto ya pasó.</strong>"), "{html}");
    assert!(html.contains("A continuación: <a href=\"/notices/picket/\">Picket</a>"), "{html}");
}

// ---- in place of what

// Where the banner of each notice leads.
fn newest(revisions: &[Revision]) -> Vec<String> {
    let leads = |revision: &Revision| {
        let html = page(revisions, &sample::site(), &What::Notice(revision.id().clone()), NOW);
        let (_, banner) =
            html.split_once("There is a newer notice in place of this one:</strong> <a href=\"/notices/")?;
        Some(banner.split_once("/\"").unwrap().0.to_owned())
    };
    revisions.iter().map(|revision| leads(revision).unwrap_or_else(|| "-".to_owned())).collect()
}

#[test]
fn what_was_replaced_leads_to_the_newest_that_is_in_its_place() {
    let named = |id: &str, front: &str, hour: usize| {
        let mut revision = notice(id, "statement", &format!("Title of {id}"), front);
        revision.published_at += chrono::TimeDelta::hours(hour.try_into().unwrap());
        revision
    };
    let chain = |rows: &[(&str, &str)]| {
        let one = |(hour, (id, supersedes)): (usize, &(&str, &str))| match *supersedes {
            "" => named(id, "", hour),
            other => named(id, &format!("supersedes = \"{other}\"\n"), hour),
        };
        newest(&rows.iter().enumerate().map(one).collect::<Vec<_>>())
    };
    assert_eq!(chain(&[("a", ""), ("b", "a"), ("c", "b")]), ["c", "c", "-"]);
    // Of two in one place the newer; in what order the files lie does not matter.
    assert_eq!(chain(&[("a", ""), ("c", "a"), ("b", "a")]), ["b", "-", "-"]);
    // A link that is missing leads no further.
    assert_eq!(chain(&[("a", ""), ("c", "b")]), ["-", "-"]);
    // Two that replace each other are a mistake, and nobody waits for ever.
    assert_eq!(chain(&[("a", "b"), ("b", "a")]), ["b", "a"]);
    assert_eq!(chain(&[("a", "c"), ("b", "a"), ("c", "b")]), ["c", "a", "b"]);
    assert_eq!(chain(&[("a", "a")]), ["-"]);
}

#[test]
fn what_was_replaced_changes_with_the_newest_and_not_with_what_is_between() {
    let revisions = [
        notice("a", "statement", "First", ""),
        notice("b", "statement", "Second", "supersedes = \"a\"\n"),
        notice("c", "statement", "Third", "supersedes = \"b\"\n"),
    ];
    let stamp = |revisions: &[&Revision]| {
        with_catalog(revisions, NOW, |catalog| {
            let is_it = |document: &Document| document.path == "notices/a/index.html";
            catalog.documents().into_iter().find(is_it).unwrap().stamp
        })
    };
    let [a, b, c] = &revisions;
    let renamed = edited(c, "Third", "The last", NOW);
    assert_ne!(stamp(&[a, b, c]), stamp(&[a, b, &renamed]));
    assert_ne!(stamp(&[a, b, c]), stamp(&[a, b]));
}

// ---- what must not be known

const MARCH: &str = "+++\nkind = \"action\"\ntitle = \"March\"\nhosts = [\"Tenants\"]\nstarts = 2018-07-10 18:00\n\
                     zone = \"UTC\"\nnext = [\"picket\"]\n[place]\nname = \"The yard\"\n+++\nText.\n";

const PICKET: &str = "+++\nkind = \"action\"\ntitle = \"Picket\"\nhosts = [\"Tenants\"]\ncampaign = \"Secret plan\"\n\
                      publish_at = 2018-07-12 12:00\nstarts = 2018-07-20 09:00\nzone = \"UTC\"\nsupersedes = \"old\"\n\
                      [place]\nname = \"The gate\"\n+++\nText.\n";

const OLD: &str = "+++\nkind = \"statement\"\ntitle = \"As it was\"\nauthors = [\"Tenants\"]\n+++\nText.\n";

#[test]
fn what_is_under_embargo_or_taken_back_is_named_by_no_banner_calendar_or_campaign() {
    let world = World::new("");
    world.write("march", MARCH);
    world.write("old", OLD);
    world.write("picket", PICKET);
    world.look("2018-07-10T19:00Z");
    world.look("2018-07-11T12:00Z");
    for secret in ["picket", "Picket", "Secret plan", "secret-plan", "RELATED-TO", OVER] {
        assert_eq!(world.shows(secret), Vec::<std::path::PathBuf>::new(), "{secret}");
    }
    world.look("2018-07-12T12:00Z");
    let read = |path: &str| std::fs::read_to_string(world.installation.site().join(path)).unwrap();
    assert!(read("notices/march/index.html").contains("Next: <a href=\"/notices/picket/\">Picket</a>"));
    assert!(read("notices/old/index.html").contains("There is a newer notice in place of this one:"));
    assert!(read("notices/march/event.ics").contains("RELATED-TO"));
    assert!(world.installation.site().join("campaigns/secret-plan/index.html").exists());
    world.edit("picket", "title", "withdrawn = \"It was a mistake.\"\ntitle");
    world.look("2018-07-12T13:00Z");
    for path in ["notices/march/index.html", "notices/old/index.html", "campaigns/secret-plan/index.html"] {
        assert!(!read(path).contains("icket"), "{path}: {}", read(path));
    }
    assert!(!read("notices/march/event.ics").contains("RELATED-TO"));
}
