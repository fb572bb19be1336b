//! Pages: what a browser, a screen reader and a parser of microformats find in them.

use std::cell::RefCell;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use handbill::config::{List, Select, When};
use handbill::notice::KindName;
use handbill::render::page::Topic;
use handbill::render::site::{Catalog, What};
use handbill::render::templates::Templates;
use handbill::revision::Revision;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::sample;

const BEFORE: &str = "2018-07-10T12:00:00Z";

pub static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| Templates::new(&[]).unwrap());

#[test]
fn an_action_is_a_page_that_a_person_can_open() {
    sample::golden("page/action.html", page(&sample::action(), BEFORE).as_bytes());
}

#[test]
fn a_moved_action_is_a_page_that_a_person_can_open() {
    sample::golden("page/moved.html", page(&sample::moved(), BEFORE).as_bytes());
}

#[test]
fn an_archive_entry_is_a_page_that_a_person_can_open() {
    sample::golden("page/archive.html", page(&sample::archive(), BEFORE).as_bytes());
}

#[test]
fn every_page_is_well_formed() {
    for (path, html) in pages(BEFORE) {
        let problems = Outline::of(&html).problems;
        assert!(problems.is_empty(), "{path}: {problems:#?}\n{html}");
    }
}

#[test]
fn every_page_has_one_h1_and_skips_no_level() {
    for (path, html) in pages(BEFORE) {
        let levels = Outline::of(&html).headings;
        assert_eq!(levels.first(), Some(&1), "{path}");
        assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1, "{path}: {levels:?}");
        assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{path}: {levels:?}");
    }
}

#[test]
fn every_page_has_its_landmarks_and_a_link_past_the_header() {
    for (path, html) in pages(BEFORE) {
        let outline = Outline::of(&html);
        for landmark in ["header", "nav", "main", "footer"] {
            assert!(outline.tags.iter().any(|(name, _)| name == landmark), "{path} has no {landmark}");
        }
        let first_link = outline.tags.iter().find(|(name, _)| name == "a").unwrap();
        assert_eq!(attribute(first_link, "href"), "#content", "{path}");
        assert!(html.contains("<main id=\"content\">"), "{path}");
    }
}

#[test]
fn no_page_runs_a_script_or_loads_anything_from_another_host() {
    for (path, html) in pages(BEFORE) {
        for tag in Outline::of(&html).tags {
            match tag.0.as_str() {
                "script" => assert_eq!(attribute(&tag, "type"), "application/ld+json", "{path}"),
                "img" => assert!(attribute(&tag, "src").starts_with('/'), "{path}: {tag:?}"),
                "link" if attribute(&tag, "rel") == "stylesheet" => {
                    assert!(attribute(&tag, "href").starts_with("/style."), "{path}");
                }
                "form" => assert!(attribute(&tag, "action").starts_with('/'), "{path}: {tag:?}"),
                "iframe" | "object" | "embed" | "video" | "audio" | "style" => {
                    panic!("{path}: {tag:?}")
                }
                _ => {}
            }
            let by_event = tag.1.iter().find(|(name, _)| name.starts_with("on") || name == "style");
            assert_eq!(by_event, None, "{path}: {tag:?}");
        }
    }
}

#[test]
fn the_policy_stands_in_the_page_for_hosts_that_send_no_headers() {
    for (path, html) in pages(BEFORE) {
        let outline = Outline::of(&html);
        let policy =
            outline.tags.iter().find(|tag| attribute(tag, "http-equiv") == "Content-Security-Policy");
        let policy = attribute(policy.unwrap(), "content");
        assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{path}: {policy}");
    }
}

#[test]
fn every_page_of_the_site_names_its_feeds_the_most_specific_first() {
    let alternates = |what: &What| -> Vec<String> {
        let html = of_site(what, BEFORE);
        let outline = Outline::of(&html);
        let links = outline.tags.iter().filter(|tag| attribute(tag, "rel") == "alternate");
        links.map(|tag| attribute(tag, "href").to_owned()).collect()
    };
    let all = ["/feeds/all.atom", "/feeds/all.rss", "/feeds/all.json", "/calendar/actions.ics"];
    assert_eq!(alternates(&What::Home), all);
    let action = alternates(&What::Notice(sample::action().id().clone()));
    assert_eq!(action[0], "/notices/2018-07-10-abolish-ice/event.ics");
    assert_eq!(action[1], "/feeds/campaign/abolish-ice.atom");
    assert_eq!(action[4], "/feeds/kind/action.atom");
    assert_eq!(action[7..], all);
    let statements = alternates(&What::Index(Topic::Kind(KindName::Statement), None));
    assert_eq!(statements[0], "/feeds/kind/statement.atom");
}

#[test]
fn an_action_is_an_h_event_with_its_offset() {
    let html = page(&sample::action(), BEFORE);
    for part in [
        "class=\"notice h-event\"",
        "class=\"dt-start\" datetime=\"2018-07-10T09:00:00-04:00\"",
        "class=\"dt-end\" value=\"2018-07-10T11:00:00-04:00\"",
        "class=\"p-location h-card\"",
        "<dd class=\"p-organizer\">Council of the Example</dd>",
        "class=\"u-photo\" src=\"/media/banner,%20red.png\" alt=\"A red banner\"",
        "class=\"u-uid\" value=\"tag:example.org,2018-07-08:2018-07-10-abolish-ice\"",
    ] {
        assert!(html.contains(part), "{part} is not in\n{html}");
    }
    assert!(page(&sample::archive(), BEFORE).contains("class=\"notice h-entry\""));
}

#[test]
fn an_action_is_a_schema_org_event() {
    let event = json_ld(&page(&sample::action(), BEFORE));
    assert_eq!(event["@type"], "Event");
    assert_eq!(event["@id"], "tag:example.org,2018-07-08:2018-07-10-abolish-ice");
    assert_eq!(event["startDate"], "2018-07-10T09:00:00-04:00");
    assert_eq!(event["eventStatus"], "https://schema.org/EventScheduled");
    assert_eq!(event["location"]["name"], "Example Hotel");
    assert_eq!(event["organizer"][0]["contactPoint"]["email"], "press@example.org");
    assert_eq!(event["previousStartDate"], Value::Null);
    assert_eq!(json_ld(&page(&sample::archive(), BEFORE))["@type"], "Article");
}

#[test]
fn a_cancelled_action_says_so_to_people_and_to_machines() {
    let html = page(&sample::cancelled(), BEFORE);
    assert!(html.contains("<title>CANCELLED: "), "{html}");
    assert!(html.contains("<strong>CANCELLED</strong>"), "{html}");
    assert!(html.contains("The keynote was called off."), "{html}");
    assert_eq!(json_ld(&html)["eventStatus"], "https://schema.org/EventCancelled");
}

#[test]
fn a_rescheduled_action_says_when_it_was_to_be() {
    let later = sample::edited(
        &sample::action(),
        "starts = 2018-07-10 09:00",
        "status = \"rescheduled\"\nstarts = 2018-07-10 09:30",
        "2018-07-09T12:00:00Z",
    );
    let html = page(&later, BEFORE);
    assert!(html.contains("was Tuesday, July 10, 2018, 9:00 AM EDT, is Tuesday, July 10, 2018, 9:30 AM EDT"));
    let event = json_ld(&html);
    assert_eq!(event["previousStartDate"], "2018-07-10T09:00:00-04:00");
    assert_eq!(event["startDate"], "2018-07-10T09:30:00-04:00");
}

#[test]
fn a_change_without_a_new_status_is_told_as_a_change() {
    let later = sample::edited(
        &sample::action(),
        "starts = 2018-07-10 09:00",
        "starts = 2018-07-10 09:30",
        "2018-07-09T12:00:00Z",
    );
    let html = page(&later, BEFORE);
    assert!(html.contains("<strong>What was announced has changed.</strong>"), "{html}");
    assert!(!html.contains("takes place as announced"), "{html}");
}

#[test]
fn every_material_change_stands_in_the_history_the_latest_first() {
    let html = page(&sample::moved(), BEFORE);
    let history = &html[html.find("id=\"history\"").unwrap()..];
    let time = history.find("The time has changed").unwrap();
    let place = history.find("The place has changed").unwrap();
    assert!(time < place, "{history}");
}

#[test]
fn an_expired_meeting_point_is_in_no_document() {
    let moved = sample::edited(&sample::action(), "by the fountain", "by the clock", "2018-07-09T13:00:00Z");
    let before = everything(&[&moved], "2018-07-10T15:59:00Z");
    assert!(before.contains("by the fountain") && before.contains("by the clock"));
    let after = everything(&[&moved], "2018-07-10T16:00:00Z");
    assert!(!after.contains("by the fountain") && !after.contains("by the clock"));
}

#[test]
fn a_place_told_on_the_day_is_in_no_document_before() {
    let (place, day_of) = ("meeting_point_expires", "visibility = \"day-of\"\nmeeting_point_expires");
    let source = sample::ACTION.replace(place, day_of);
    let action = sample::first("supper", &source, "2018-07-08T22:00:00Z");
    let secrets = ["Example Hotel", "811 7th Avenue", "40.7625", "by the fountain"];
    let before = everything(&[&action], "2018-07-10T03:59:00Z");
    let shown: Vec<_> = secrets.iter().filter(|secret| before.contains(*secret)).collect();
    assert!(shown.is_empty(), "{shown:?}");
    assert!(before.contains("Place to be announced"));
    let on_the_day = everything(&[&action], BEFORE);
    assert!(secrets[..2].iter().all(|secret| on_the_day.contains(secret)));
}

#[test]
fn an_action_without_a_place_says_nothing_of_one() {
    let (before, rest) = sample::ACTION.split_once("[place]\n").unwrap();
    let source = format!("{before}[access]{}", rest.split_once("[access]").unwrap().1);
    let call = sample::first("call", &source, "2018-07-08T22:00:00Z");
    let told = everything(&[&call], BEFORE);
    for word in ["announced", "Where", "LOCATION", "p-location", "and where"] {
        assert!(!told.contains(word), "{word}");
    }
}

#[test]
fn a_postponed_action_with_a_new_time_takes_place_after_all() {
    let postponed =
        sample::edited(&sample::action(), "zone =", "status = \"postponed\"\nzone =", "2018-07-09T12:00:00Z");
    let html = page(&postponed, BEFORE);
    assert!(html.contains("<strong>It is postponed; a new date is not known yet.</strong>"), "{html}");
    let again =
        sample::edited(&postponed, "status = \"postponed\"\nzone =", "zone =", "2018-07-09T13:00:00Z");
    assert!(page(&again, BEFORE).contains("<strong>It takes place after all.</strong>"));
    let later = sample::edited(
        &again,
        "starts = 2018-07-10 09:00",
        "starts = 2018-07-10 09:30",
        "2018-07-09T14:00:00Z",
    );
    assert!(page(&later, BEFORE).contains("<strong>What was announced has changed.</strong>"));
}

#[test]
fn who_has_not_confirmed_is_in_no_document() {
    let everything = everything(&[&sample::action(), &sample::statement()], BEFORE);
    assert!(everything.contains("Example Coalition"));
    assert!(!everything.contains("Unconfirmed Union") && !everything.contains("Withdrawn Workers"));
}

#[test]
fn a_notice_stands_in_its_own_language() {
    assert!(page(&sample::statement(), BEFORE).contains("<article class=\"notice h-entry\" lang=\"es\">"));
    let home = of_site(&What::Home, BEFORE);
    assert!(home.contains("class=\"story h-entry\" lang=\"es\""), "{home}");
}

#[test]
fn the_front_page_says_that_nothing_is_published_only_when_nothing_is() {
    let says = |revisions: &[&Revision]| {
        of(revisions, &What::Home, BEFORE).contains("Nothing has been published yet.")
    };
    assert!(says(&[]));
    assert!(!says(&[&sample::action()]), "an action is something, too");
    assert!(!says(&[&sample::statement()]));
}

#[test]
fn links_within_the_site_stay_on_the_host_that_shows_it() {
    let home = of_site(&What::Home, BEFORE);
    assert!(home.contains("href=\"/notices/2018-07-10-abolish-ice/\""), "{home}");
    let elsewhere = |tag: &&(_, _)| tag.0 == "a" && attribute(tag, "href").starts_with("http");
    let outline = Outline::of(&home);
    assert_eq!(outline.tags.iter().find(elsewhere), None);
}

#[test]
fn the_subscribe_page_says_what_each_list_sends_and_when() {
    let html = of_site(&What::Subscribe, BEFORE);
    for part in ["Action alerts", "Every action at once.", "Actions; only with #abolishice", "As soon as"] {
        assert!(html.contains(part), "{part} is not in\n{html}");
    }
}

#[test]
fn every_color_of_text_has_the_contrast_of_wcag_aa() {
    let css = std::fs::read_to_string("templates/web/style.css").unwrap();
    let (light, rest) = css.split_once("@media (prefers-color-scheme: dark)").unwrap();
    let dark = rest.split_once("\n}\n").unwrap().0;
    for (scheme, colors) in [("light", light), ("dark", dark)] {
        let color = |name: &str| {
            let (_, value) = colors.split_once(&format!("--{name}: #")).unwrap();
            u32::from_str_radix(&value[..6], 16).unwrap()
        };
        for (text, ground) in [
            ("ink", "paper"),
            ("soft", "paper"),
            ("red", "paper"),
            ("ink", "wash"),
            ("red", "wash"),
            ("alarm-ink", "alarm"),
        ] {
            let contrast = contrast(color(text), color(ground));
            assert!(contrast >= 4.5, "{scheme}: {text} on {ground} has {contrast:.2}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_text_of_an_author_opens_a_tag(title in "\\PC{1,80}", place in "\\PC{1,40}", note in "\\PC{1,40}") {
        let mut revision = sample::cancelled();
        let mut notice = revision.notice().clone();
        notice.title = format!("<script>{title}</script>\"'<!--");
        notice.summary = Some(title.clone());
        notice.campaign = Some(handbill::notice::Tag { name: title.clone(), slug: "abolish-ice".to_owned() });
        notice.authors = vec![title];
        if let handbill::notice::Kind::Action(event) = &mut notice.kind {
            event.status_note = Some(format!("</p><img src=x onerror=1>{note}"));
            event.place.iter_mut().for_each(|it| it.name = format!("</dd><b>{place}"));
        }
        revision.draft.notice = std::sync::Arc::new(notice);
        let clean = Outline::of(&page(&sample::cancelled(), BEFORE));
        for what in [What::Home, What::Ahead, What::Notice(revision.id().clone())] {
            let outline = Outline::of(&of(&[&revision], &what, BEFORE));
            prop_assert!(outline.problems.is_empty(), "{:#?}", outline.problems);
            let names = |outline: &Outline| outline.tags.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
            if matches!(what, What::Notice(_)) {
                prop_assert_eq!(names(&outline), names(&clean));
            }
        }
    }
}

/// Every page of a site with a notice of each kind.
fn pages(now: &str) -> Vec<(String, String)> {
    let revisions = samples();
    let revisions: Vec<&Revision> = revisions.iter().collect();
    with_catalog(&revisions, now, |catalog| {
        let documents = catalog.documents().into_iter().filter(|document| document.path.ends_with(".html"));
        documents.map(|document| (document.path, text(catalog, &document.what))).collect()
    })
}

fn samples() -> Vec<Revision> {
    vec![sample::moved(), sample::archive(), sample::statement()]
}

fn page(revision: &Revision, now: &str) -> String {
    of(&[revision], &What::Notice(revision.id().clone()), now)
}

fn of_site(what: &What, now: &str) -> String {
    let revisions = samples();
    of(&revisions.iter().collect::<Vec<_>>(), what, now)
}

fn of(revisions: &[&Revision], what: &What, now: &str) -> String {
    with_catalog(revisions, now, |catalog| text(catalog, what))
}

fn everything(revisions: &[&Revision], now: &str) -> String {
    with_catalog(revisions, now, |catalog| {
        // A line of a calendar is folded anywhere.
        let one =
            |document: &handbill::render::site::Document| text(catalog, &document.what).replace("\r\n ", "");
        catalog.documents().iter().map(one).collect()
    })
}

fn text(catalog: &Catalog<'_>, what: &What) -> String {
    String::from_utf8(catalog.bytes(what).unwrap()).unwrap()
}

pub fn with_catalog<T>(revisions: &[&Revision], now: &str, with: impl FnOnce(&Catalog<'_>) -> T) -> T {
    let now: DateTime<Utc> = sample::at(now);
    let (site, lists) = (sample::site(), lists());
    with(&Catalog::new(&site, &lists, 30, &TEMPLATES, revisions, now).unwrap())
}

pub fn lists() -> Vec<List> {
    vec![List {
        name: "alerts".to_owned(),
        title: "Action alerts".to_owned(),
        description: "Every action at once.".to_owned(),
        select: Select { kinds: vec![KindName::Action], tags: vec!["abolishice".to_owned()] },
        when: When::AtOnce,
        remind: Vec::new(),
        quiet: None,
        digest: None,
    }]
}

fn json_ld(html: &str) -> Value {
    let (_, rest) = html.split_once("<script type=\"application/ld+json\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

fn attribute<'t>(tag: &'t (String, Vec<(String, String)>), name: &str) -> &'t str {
    tag.1.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

// WCAG 2.2, relative luminance and contrast ratio.
fn contrast(a: u32, b: u32) -> f64 {
    let luminance = |color: u32| {
        let part = |shift: u32| {
            let value = f64::from((color >> shift) & 0xff) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(16) + 0.7152 * part(8) + 0.0722 * part(0)
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// The tags of a page in their order, and what is wrong with them: the tokenizer's own errors, and tags that
/// do not close in the order in which they opened.
#[derive(Debug, Default)]
struct Outline {
    tags: Vec<(String, Vec<(String, String)>)>,
    headings: Vec<u32>,
    problems: Vec<String>,
    open: Vec<String>,
}

struct Sink(RefCell<Outline>);

impl Outline {
    fn of(html: &str) -> Self {
        let tokenizer = Tokenizer::new(
            Sink(RefCell::default()),
            TokenizerOpts { exact_errors: true, ..Default::default() },
        );
        let input = BufferQueue::default();
        input.push_back(StrTendril::from(html));
        let _ = tokenizer.feed(&input);
        tokenizer.end();
        let mut outline = tokenizer.sink.0.into_inner();
        let open = std::mem::take(&mut outline.open);
        outline.problems.extend(open.iter().map(|name| format!("{name} is never closed")));
        outline
    }

    fn tag(&mut self, tag: &Tag) {
        let name = tag.name.to_string();
        if tag.kind == TagKind::EndTag {
            let open = self.open.pop();
            if open.as_deref() != Some(&name) {
                self.problems.push(format!("{name} closes {open:?}"));
            }
            return;
        }
        if let Some(level) = name.strip_prefix('h').and_then(|level| level.parse().ok()) {
            self.headings.push(level);
        }
        let attributes =
            tag.attrs.iter().map(|it| (it.name.local.to_string(), it.value.to_string())).collect();
        self.tags.push((name.clone(), attributes));
        if !matches!(&*name, "meta" | "link" | "img" | "br" | "hr" | "input" | "wbr" | "col") {
            self.open.push(name);
        }
    }
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut outline = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) => {
                outline.tag(&tag);
                if tag.kind == TagKind::StartTag && &*tag.name == "script" {
                    return TokenSinkResult::RawData(html5ever::tokenizer::states::RawKind::ScriptData);
                }
            }
            Token::ParseError(problem) => outline.problems.push(problem.into_owned()),
            Token::CommentToken(comment) => outline.problems.push(format!("a comment: {comment}")),
            Token::DoctypeToken(_)
            | Token::CharacterTokens(_)
            | Token::NullCharacterToken
            | Token::EOFToken => {}
        }
        TokenSinkResult::Continue
    }
}
