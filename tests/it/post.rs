//! Post: what targets get.

use handbill::edition::{Content, Member};
use handbill::notice::parse::parse;
use handbill::render::post::{MAX_BYTES, body};
use handbill::revision::{Draft, Revision};
use proptest::prelude::*;
use proptest::proptest;
use serde_json::Value;

use crate::feed::{action_of, any_text};
use crate::sample::{
    ACTION, action, archive, at, cancelled, edited, english, first, golden, moved, notice, site, statement,
};

const AT: &str = "2018-07-09T14:00:00Z";

fn member(revision: &Revision) -> Member {
    Member { notice: revision.id().clone(), number: revision.number }
}

fn alert(revision: &Revision) -> Content {
    Content::Alert(member(revision))
}

fn correction(revision: &Revision, sequence: u32) -> Content {
    Content::Correction(member(revision), sequence)
}

fn check(content: &Content, revision: &Revision, now: &str) -> Value {
    let bytes = body(&site(), english(), content, revision, at(AT), at(now));
    assert!(bytes.len() < MAX_BYTES, "{}", bytes.len());
    serde_json::from_slice(&bytes).unwrap()
}

fn check_golden(name: &str, content: &Content, revision: &Revision) {
    golden(&format!("post/{name}.json"), &body(&site(), english(), content, revision, at(AT), at(AT)));
}

#[test]
fn a_notice_is_published_with_its_identity_and_its_text() {
    check_golden("action", &alert(&action()), &action());
    check_golden("archive", &alert(&archive()), &archive());
    check_golden("statement", &alert(&statement()), &statement());
}

#[test]
fn a_correction_says_what_was_and_what_is() {
    check_golden("moved", &correction(&moved(), 3), &moved());
    let json = check(&correction(&moved(), 3), &moved(), AT);
    assert_eq!(json["type"], "notice.corrected");
    let change = &json["data"]["changes"][0];
    assert_eq!(change["what"], "starts");
    assert_eq!(change["was"], "2018-07-10T09:00:00-04:00");
    assert_eq!(change["is"], "2018-07-10T09:30:00-04:00");
}

#[test]
fn a_cancellation_is_a_type_of_its_own() {
    check_golden("cancelled", &correction(&cancelled(), 1), &cancelled());
    assert_eq!(check(&correction(&cancelled(), 1), &cancelled(), AT)["type"], "notice.cancelled");
    assert_eq!(check(&alert(&cancelled()), &cancelled(), AT)["type"], "notice.cancelled");
}

#[test]
fn a_time_has_its_offset_its_zone_and_its_instant() {
    let json = check(&alert(&action()), &action(), AT);
    let starts = &json["data"]["event"]["starts"];
    assert_eq!(starts["local"], "2018-07-10T09:00:00-04:00");
    assert_eq!(starts["zone"], "America/New_York");
    assert_eq!(starts["instant"], "2018-07-10T13:00:00Z");
}

#[test]
fn a_resend_has_the_same_bytes() {
    let send = |now: &str| body(&site(), english(), &alert(&moved()), &moved(), at(AT), at(now));
    assert_eq!(send("2018-07-09T14:00:00Z"), send("2018-07-10T15:59:59Z"));
}

#[test]
fn what_is_hidden_is_in_no_post_and_in_no_change_either() {
    let source = ACTION.replace("geo =", "visibility = \"day-of\"\ngeo =");
    let hidden = edited(&action(), &action().draft.source, &source, "2018-07-08T23:00:00Z");
    for content in [alert(&hidden), correction(&hidden, 1)] {
        let text = check(&content, &hidden, AT).to_string();
        assert!(!text.contains("Example Hotel") && !text.contains("fountain"), "{text}");
    }
    let open = check(&alert(&hidden), &hidden, "2018-07-10T04:00:00Z");
    assert_eq!(open["data"]["event"]["place"]["name"], "Example Hotel");
}

#[test]
fn who_has_not_confirmed_is_in_no_post() {
    assert!(!check(&alert(&action()), &action(), AT).to_string().contains("Unconfirmed"));
    assert!(!check(&alert(&statement()), &statement(), AT).to_string().contains("Withdrawn"));
}

#[test]
fn a_long_text_goes_without_its_html_and_a_longer_one_is_cut() {
    let of = |length: usize| {
        let mut notice = notice("long", ACTION);
        notice.body.html = "<p>é</p>".repeat(length);
        notice.body.text = "é\n".repeat(length);
        Revision::first(Draft::new(notice, "notices/sample.md", ACTION), at(AT))
    };
    let json = check(&alert(&of(100)), &of(100), AT);
    assert_eq!(json["data"]["truncated"], false);
    assert!(json["data"]["html"].is_string());
    let json = check(&alert(&of(2_000)), &of(2_000), AT);
    assert_eq!(json["data"]["truncated"], true);
    assert!(json["data"]["html"].is_null() && !json["data"]["text"].as_str().unwrap().ends_with('…'));
    let json = check(&alert(&of(100_000)), &of(100_000), AT);
    assert!(json["data"]["html"].is_null() && json["data"]["text"].as_str().unwrap().ends_with('…'));
    assert_eq!(json["data"]["title"], "#AbolishICE: demonstration & vigil");
}

#[test]
fn a_statement_has_no_event() {
    let source = "+++\nkind = \"statement\"\ntitle = \"Short\"\n+++\nText.\n";
    assert!(parse("short.md", source, &site().defaults()).notice.is_some());
    let short = first("short", source, AT);
    assert!(check(&alert(&short), &short, AT)["data"].get("event").is_none());
}

proptest! {
    #[test]
    fn any_text_in_every_field_gives_a_body_of_less_than_20_kilobytes(text in any_text()) {
        let revision = action_of(&text);
        let json = check(&correction(&revision, 1), &revision, AT);
        prop_assert_eq!(json["data"]["id"].as_str().unwrap(), "tag:example.org,2018-07-08:any");
    }
}
