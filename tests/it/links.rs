//! Links: what leads to a notice under an embargo says nothing of it until then.

use std::collections::BTreeMap;
use std::fs;

use handbill::notice::parse::{Parsed, check_together, parse};
use handbill::notice::shown::{leads_to, shown};
use handbill::notice::{Kind, Notice, markdown};
use handbill::render::facts::facts_text;
use handbill::render::site::{Catalog, What, among_themselves, known};
use handbill::revision::{Draft, Revision};

use crate::page::TEMPLATES;
use crate::sample;

const SEEN: &str = "2018-07-08T22:00:00Z";

fn first(id: &str, source: &str) -> Revision {
    let notice = parsed(id, source);
    Revision::first(Draft::new(notice, "notices/sample.md", source), sample::at(SEEN))
}

fn parsed(id: &str, source: &str) -> Notice {
    let parsed = parse(&format!("{id}.md"), source, &sample::site().defaults());
    parsed.notice.unwrap_or_else(|| panic!("{}", parsed.report.pretty(false)))
}

const CALLING: &str = r#"+++
kind = "archive"
title = "Rent strikes"
next = ["secret-march"]
[[lineage]]
rel = "descends_from"
target = "secret-march"
confidence = "told"
[[lineage]]
rel = "inspired_by"
target = "open-kitchen"
confidence = "told"
+++
Come to [the *march*](secret-march.md#route "Saturday"), not to [the kitchen](open-kitchen.md).

> Again and again and again: what we all said on that day of the long [march](secret-march.md).

- <https://example.org/> and [secret](secret-march.md)
"#;

const OTHER: &str = "+++\nkind = \"statement\"\ntitle = \"Another\"\n+++\nText.\n";

#[test]
fn a_link_to_an_embargoed_notice_is_its_words_until_that_is_published() {
    let (calling, kitchen) = (first("calling", CALLING), first("open-kitchen", OTHER));
    let before = everything(&[&calling, &kitchen]);
    for (path, text) in &before {
        assert!(!text.contains("secret-march"), "{path}: {text}");
        assert!(!path.contains("rent") || text.contains("march"), "{path}");
    }
    let page = &before["notices/calling/index.html"];
    assert!(page.contains("Come to the <em>march</em>, not to <a href=\""), "{page}");
    assert!(page.contains("open-kitchen"), "{page}");

    let march = first("secret-march", OTHER);
    let after = everything(&[&calling, &kitchen, &march]);
    assert!(after["notices/calling/index.html"].contains("notices/secret-march/#route"));
}

#[test]
fn what_named_an_embargoed_notice_is_written_anew_when_that_is_published() {
    let (calling, march) = (first("calling", CALLING), first("secret-march", OTHER));
    let stamp = |revisions: &[&Revision]| {
        let site = sample::site();
        let known = among_themselves(&site, revisions);
        let known: Vec<&Revision> = known.iter().map(AsRef::as_ref).collect();
        let catalog = Catalog::new(&site, &[], 30, &TEMPLATES, &known, sample::at(SEEN)).unwrap();
        let documents = catalog.documents();
        let all = ["notices/calling/index.html", "feeds/kind/archive.atom"];
        all.map(|path| documents.iter().find(|document| document.path == path).unwrap().stamp)
    };
    let (before, after) = (stamp(&[&calling]), stamp(&[&calling, &march]));
    assert!(before[0] != after[0] && before[1] != after[1]);
}

#[test]
fn a_message_says_no_more_than_the_page() {
    let calling = first("calling", CALLING);
    let known = known(&sample::site(), &calling, |id| id == "open-kitchen");
    let html = &known.notice().body.html;
    let text = known.notice().body.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!html.contains("secret") || html.contains("and secret"), "{html}");
    assert!(!html.contains("secret-march") && !text.contains("secret-march"), "{html}\n{text}");
    assert!(text.starts_with("Come to the march (Saturday), not to the kitchen ("), "{text}");
    assert!(text.contains("of the long > march. - https://example.org/ and secret"), "{text}");
    assert!(text.contains("and secret"), "{text}");
    assert_eq!(html.matches("<a ").count(), html.matches("</a>").count());
    assert_eq!(leads_to(known.notice()).collect::<Vec<_>>(), ["open-kitchen", "open-kitchen"]);
    assert!(!facts_text(&sample::site(), sample::english(), known.notice()).contains("secret"));
}

#[test]
fn only_the_links_to_those_pages_go() {
    let body = parsed("calling", CALLING).body;
    let same = markdown::without_links(&body, &["https://notices.example.org/notices/march/".to_owned()]);
    assert_eq!(same, body);
}

#[test]
fn a_lineage_leads_to_a_notice_that_is_there_or_has_a_name() {
    let problem = |target: &str| {
        let source = CALLING.replace("target = \"secret-march\"", &format!("target = \"{target}\""));
        let files = [("calling", &*source), ("secret-march", OTHER), ("open-kitchen", OTHER)]
            .map(|(id, source)| parse(&format!("notices/{id}.md"), source, &sample::site().defaults()));
        let own = files[0].report.problems.clone();
        let all = check_together(&files.each_ref().map(Parsed::named))
            .into_iter()
            .map(|(_, problem)| problem)
            .chain(own);
        all.map(|problem| format!("{} | {}", problem.message, problem.help)).collect::<Vec<_>>()
    };
    assert_eq!(problem("secret-march"), Vec::<String>::new());
    assert_eq!(problem("The marches of 1970"), Vec::<String>::new());
    assert_eq!(problem("secret-marsh"), ["there is no notice secret-marsh | did you mean secret-march?"]);
    assert_eq!(
        problem("https://example.org/march"),
        ["`target` is an address | write the name here, and the address into [[sources]]"]
    );
    assert_eq!(
        problem("secret-march.md"),
        ["`target` is a file's name | write \"secret-march\", the notice's id"]
    );
}

const SIGNED: &str = r#"+++
kind = "statement"
title = "Rent"
adopted = { by = "the general assembly", method = "consensus", record = "https://example.org/minutes" }
signing = { until = 2018-08-01 12:00 }
+++
Text.
"#;

#[test]
fn a_statement_says_how_it_was_adopted_and_until_when_it_can_be_signed() {
    let facts = |source: &str, now: &str| {
        let notice = parsed("rent", source);
        facts_text(&sample::site(), sample::english(), &shown(&notice, sample::at(now)))
    };
    let adopted = "Adopted: the general assembly, consensus, on record:\n  https://example.org/minutes\n";
    let open = "Signing: Open until Wednesday, August 1, 2018, 12:00 PM EDT\n";
    assert_eq!(facts(SIGNED, "2018-08-01T15:59:59Z"), format!("{open}{adopted}"));
    assert_eq!(facts(SIGNED, "2018-08-01T16:00:00Z"), adopted);
    let changes_at = handbill::notice::shown::next_change(&parsed("rent", SIGNED), sample::at(SEEN));
    assert_eq!(changes_at, Some(sample::at("2018-08-01T16:00:00Z")));
    let closed = SIGNED.replace("until = 2018-08-01 12:00", "open = false");
    assert!(facts(&closed, SEEN).starts_with("Signing: Closed\n"));
    let line = SIGNED.replace(
        "{ by = \"the general assembly\", method = \"consensus\", record = \"https://example.org/minutes\" }",
        "\"by all\"",
    );
    assert!(facts(&line, SEEN).ends_with("Adopted: by all\n"));
}

#[test]
fn an_entry_says_when_its_source_was_seen_and_whether_to_ask_first() {
    let source = "+++\nkind = \"archive\"\ntitle = \"Rent\"\ncare = \"ask-first\"\n\
                  sources = [{ title = \"A zine\", accessed = 2020-04-06 }]\n+++\nText.\n";
    let notice = parsed("rent", source);
    assert_eq!(
        facts_text(&sample::site(), sample::english(), &notice),
        "Sources: A zine, seen on April 6, 2020\nCare: Ask those it comes from before you carry it further.\n"
    );
    let Kind::Archive(provenance) = parsed("rent", &source.replace("ask-first", "public")).kind else {
        panic!()
    };
    assert_eq!(sample::english().care(provenance.care), None);
    let wrong = parse("rent.md", &source.replace("2020-04-06", "\"in April\""), &sample::site().defaults());
    assert!(wrong.notice.is_none());
    let problem = &wrong.report.problems[0];
    assert_eq!(problem.message, "`accessed` is of the type string");
}

// Every text of the site, by its path.
fn everything(revisions: &[&Revision]) -> BTreeMap<String, String> {
    let site = sample::site();
    let known = among_themselves(&site, revisions);
    let known: Vec<&Revision> = known.iter().map(AsRef::as_ref).collect();
    let catalog = Catalog::new(&site, &[], 30, &TEMPLATES, &known, sample::at(SEEN)).unwrap();
    let documents = catalog.documents().into_iter();
    let documents = documents.filter(|document| document.what != What::Style);
    documents
        .map(|document| (document.path, String::from_utf8(catalog.bytes(&document.what).unwrap()).unwrap()))
        .collect()
}

#[test]
fn relays_are_greeted_with_the_name_of_the_site() {
    let text = fs::read_to_string("seeds/handbill.toml").unwrap();
    let (from, rest) = text.split_once("transport = ").unwrap();
    let rest = rest.split_once('\n').unwrap().1;
    let smtp = format!("{from}transport = \"smtp\"\n[mail.smtp]\nhost = \"smtp.example.org\"\n{rest}");
    let (config, report) = handbill::config::parse("handbill.toml", &smtp);
    let config = config.unwrap_or_else(|| panic!("{}", report.pretty(false)));
    let handbill::config::Transport::Smtp(smtp) = config.mail.transport else { panic!() };
    assert_eq!(Some(smtp.hello.as_str()), config.site.url.domain());
}
