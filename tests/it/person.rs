//! Person: the mails to one person and the pages of the list, byte for byte, in both languages.

use handbill::config::{self, Config, List};
use handbill::edition::Occasion;
use handbill::render::email::Stamp;
use handbill::render::email::personal::{self, Desk, Issue, Personal};
use handbill::render::page::Frame;
use handbill::render::page::person::{self, Choice, Filled, Press, Terms, Wishes};
use handbill::revision::Revision;

use crate::page::TEMPLATES;
use crate::sample::{self, at, golden};

const CONFIG: &str = r#"
[site]
title = "Notices of the council"
organization = "Council of the “Example”"
url = "https://notices.example.org/"
zone = "America/New_York"
contact = "council@example.org"
postal_address = "PO Box 1, New York, NY 10001"
[mail]
from = "Notices of the council <notices@example.org>"
reply_to = "council@example.org"
transport = "smtp"
[mail.smtp]
host = "relay.example.net"
[[list]]
name = "alerts"
title = { en = "Action alerts", es = "Avisos de acciones" }
description = { en = "Every action at once", es = "Cada acción enseguida" }
when = "at once"
kinds = ["action"]
remind = ["-P1D", "-PT2H"]
digest = "weekly"
[[list]]
name = "weekly"
title = { en = "Weekly notices", es = "Avisos semanales" }
when = "0 9 * * MON"
"#;

const ASKED_AT: &str = "2018-07-10T14:00:00Z";

fn config() -> Config {
    let (config, report) = config::parse("handbill.toml", CONFIG);
    config.unwrap_or_else(|| panic!("{}", report.pretty(false)))
}

// A mail to somebody, as it goes to the relay.
fn mail(lang: &str, occasion: Occasion, asked: &[&str], lists: &[&str], last: &[Revision]) -> String {
    let config = config();
    let own = config.lists_in(lang);
    let named = |names: &[&str]| -> Vec<&List> {
        own.iter().filter(|list| names.contains(&list.name.as_str())).collect()
    };
    let cut = "2018-07-09T09:00:00".parse().unwrap();
    let issues = (!last.is_empty()).then(|| Issue { list: named(&["weekly"])[0], cut, notices: last });
    let address = |folder: &str| config.site.address(&format!("{folder}/{folder}-token-of-robin"));
    let personal = Personal {
        occasion,
        asked: named(asked),
        lists: named(lists),
        issues: issues.into_iter().collect(),
        until: at("2018-07-12T14:00:00Z"),
        hours: 48,
        confirm_url: address("confirm"),
        stay_url: address("stay"),
        unsubscribe_url: address("leave"),
        preferences_url: address("preferences"),
        date: at(ASKED_AT),
    };
    let words = TEMPLATES.words(lang);
    let desk = Desk { site: &config.site, mail: &config.mail, templates: &TEMPLATES, words };
    let stamp = Stamp {
        recipient: "robin@example.net".to_owned(),
        message_id: "k3v9q2m8@example.org".to_owned(),
        unsubscribe_url: address("leave"),
        preferences_url: address("preferences"),
        unsubscribe_mailto: Some("mailto:leave+token@lists.example.org".to_owned()),
        in_reply_to: None,
    };
    let mut message = Vec::new();
    personal::letter(&desk, &personal).unwrap().splice(&stamp, &mut message);
    String::from_utf8(message).unwrap()
}

fn check_mail(name: &str, occasion: Occasion, asked: &[&str], lists: &[&str], last: &[Revision]) {
    for lang in ["en", "es"] {
        let prefix = if lang == "en" { String::new() } else { format!("{lang}-") };
        golden(&format!("email/{prefix}{name}.eml"), mail(lang, occasion, asked, lists, last).as_bytes());
    }
}

fn check_page(name: &str, render: impl Fn(&Frame<'_>, &Config, &[List]) -> String) {
    let config = config();
    for lang in ["en", "es"] {
        let prefix = if lang == "en" { String::new() } else { format!("{lang}-") };
        let words = TEMPLATES.words(lang);
        let site = &config.site;
        let style = "style.0123456789ab.css";
        let frame = Frame { site, templates: &TEMPLATES, words, style, takes_mail: true };
        let html = render(&frame, &config, &config.lists_in(lang));
        golden(&format!("page/{prefix}{name}.html"), html.as_bytes());
    }
}

#[test]
fn a_confirmation_says_what_was_asked_for_until_when_and_that_nothing_must_be_done() {
    check_mail("confirmation", Occasion::Confirmation, &["alerts", "weekly"], &[], &[]);
}

#[test]
fn who_has_it_all_already_is_told_so() {
    check_mail("confirmation-known", Occasion::Confirmation, &[], &["alerts", "weekly"], &[]);
}

#[test]
fn a_welcome_says_what_comes_and_when_and_what_the_last_issue_carried() {
    let last = [sample::moved(), sample::statement()];
    check_mail("welcome", Occasion::Welcome, &[], &["alerts", "weekly"], &last);
}

#[test]
fn a_welcome_names_no_issue_where_none_was_sent_and_ten_titles_at_most() {
    let none = mail("en", Occasion::Welcome, &[], &["alerts", "weekly"], &[]);
    assert!(!none.contains("last issue"), "{none}");
    let many: Vec<Revision> = (0..11).map(|_| sample::archive()).collect();
    let many = mail("en", Occasion::Welcome, &[], &["weekly"], &many);
    assert_eq!(many.matches("\r\n- Free fridges\r\n").count(), 10, "{many}");
}

#[test]
fn a_probe_asks_for_one_press() {
    check_mail("probe", Occasion::Probe, &[], &["alerts"], &[]);
}

#[test]
fn the_page_to_subscribe_says_what_each_list_sends_and_what_becomes_of_an_address() {
    check_page("subscribe", |frame, config, lists| {
        person::subscribe(frame, lists, &Terms::of(config), &Filled::default()).unwrap()
    });
}

#[test]
fn what_is_wrong_stands_above_what_was_typed() {
    check_page("subscribe-wrong", |frame, config, lists| {
        let filled = Filled {
            address: "robin@".to_owned(),
            lists: vec!["weekly".to_owned()],
            lang: "es-MX".to_owned(),
            wrong: Some(frame.words.say("wrong-address")),
        };
        person::subscribe(frame, lists, &Terms::of(config), &filled).unwrap()
    });
}

#[test]
fn the_page_to_confirm_shows_what_is_confirmed_and_a_button() {
    check_page("confirm", |frame, _, lists| person::confirm(frame, Press::Ask, lists).unwrap());
}

#[test]
fn who_has_chosen_no_list_is_asked_with_a_button_and_a_way_back() {
    check_page("no-list", |frame, _, _| person::no_list(frame, "leave/token", "preferences/token").unwrap());
}

#[test]
fn the_page_of_preferences_shows_what_somebody_has_chosen() {
    check_page("preferences", |frame, _, lists| {
        let choice = |list: &List| Choice {
            name: list.name.clone(),
            title: list.title.clone(),
            description: list.description.clone(),
            is_on: list.name == "alerts",
            leave: (list.name == "alerts").then(|| format!("leave/{}-token-of-robin", list.name)),
            digest: person::digest_title(lists, list).map(str::to_owned),
            is_digest: true,
        };
        let wishes = Wishes {
            lists: lists.iter().map(choice).collect(),
            lang: "es".to_owned(),
            paused_until: "2018-08-01".to_owned(),
            reminders: true,
            said: Some(frame.words.say("saved")),
            is_refused: false,
        };
        person::preferences(frame, Some(&wishes)).unwrap()
    });
}
