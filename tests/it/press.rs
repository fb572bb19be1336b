//! Press: what journalists read before an embargo ends, and what everybody else gets at the same address.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use handbill::notice::shown::embargo;
use handbill::render::page::Frame;
use handbill::render::page::notice::{Related, page_for_press};
use handbill::serve::{Parts, Running};
use handbill::subscriber::{Claim, Key, Pass, Purpose};
use reqwest::{Method, StatusCode};

use crate::page::TEMPLATES;
use crate::plan::at;
use crate::sample::{self, first, golden};
use crate::world::World;

const WEB: Parts = Parts { publish: false, deliver: false, web: true };

/// Published at once, with words for the press that are under embargo, and a place of the day.
const VIGIL: &str = r#"+++
kind = "action"
title = "Vigil at the depot"
summary = "With candles, and quietly."
hosts = ["Tenants of Alder Street"]
starts = 2018-07-12 20:00
zone = "UTC"
[place]
name = "Gate 4 of the depot"
visibility = "day-of"
[legal]
jail_support = "212 555 0142"
expires = 2018-07-09 08:00
[press]
role = "press team"
email = "press@example.org"
advisory = """
Two drivers speak at nine.
Photographs from the steps."""
embargo_until = 2018-07-11 12:00
+++
We stand there until midnight. What led to it is in [the statement](stand.md).
"#;

/// Nothing of it is published.
const STAND: &str = "+++\nkind = \"statement\"\ntitle = \"We stand with the drivers\"\nauthors = [\"Tenants\"]\n\
                     publish_at = 2018-07-10 12:00\nnext = [\"vigil\", \"later\"]\n+++\n\
                     They asked us to come to [the vigil](vigil.md), and not to [the other](later.md).\n";

/// Nor of this, for longer.
const LATER: &str = "+++\nkind = \"statement\"\ntitle = \"Unheard of\"\nauthors = [\"Tenants\"]\n\
                     publish_at = 2018-07-20 12:00\n+++\nText.\n";

const SECRETS: [&str; 6] =
    ["Two drivers speak", "Photographs", "press@example.org", "We stand with", "stand.md", "Unheard"];

struct Answer {
    status: StatusCode,
    headers: Vec<String>,
    text: String,
}

fn world() -> World {
    let world = World::new("");
    world.look("2018-07-08T10:00Z");
    world.write("vigil", VIGIL);
    world.write("stand", STAND);
    world.write("later", LATER);
    world.look("2018-07-08T11:00Z");
    world
}

static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    // No connection outlives the runtime of its test.
    client.tls_backend_rustls().pool_max_idle_per_host(0).build().unwrap()
});

fn ask(world: &World, running: &Running, method: &Method, path: &str) -> Answer {
    let url = format!("http://{}/{path}", running.address.unwrap());
    world.runtime.block_on(async {
        let response = CLIENT.request(method.clone(), url).send().await.unwrap();
        let mut headers: Vec<String> = response
            .headers()
            .iter()
            .filter(|(name, _)| *name != "date")
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        headers.sort();
        Answer { status: response.status(), headers, text: response.text().await.unwrap() }
    })
}

// Of each path what is answered at that time, by a service that was started for it: `page`, `nothing`, or where it
// leads to. What gets nothing gets it as any other address does, byte by byte.
fn check(world: &World, now: &str, rows: &[(&str, String, &str)]) {
    let running = world.start(WEB, now).unwrap();
    for (name, path, expected) in rows {
        for method in [Method::GET, Method::HEAD, Method::POST] {
            let answer = ask(world, &running, &method, path);
            let nowhere = ask(world, &running, &method, "nowhere");
            let is_as_nowhere = (answer.status, &answer.headers, &answer.text)
                == (nowhere.status, &nowhere.headers, &nowhere.text);
            let said = match answer.status {
                _ if is_as_nowhere => "nothing".to_owned(),
                StatusCode::OK => "page".to_owned(),
                StatusCode::SEE_OTHER => {
                    let location = answer.headers.iter().find_map(|header| header.strip_prefix("location: "));
                    location.unwrap().to_owned()
                }
                status => format!("{status} {}", answer.text),
            };
            let wanted = if method == Method::POST { "nothing" } else { expected };
            assert_eq!(said, wanted, "{name} {now} {method}");
        }
    }
    world.runtime.block_on(running.stop());
}

fn key(world: &World) -> Key {
    world.installation.key().unwrap()
}

fn link_by(key: &Key, notice: &str, until: &str) -> String {
    format!("press/{}", key.pass_token(&Pass { notice: notice.to_owned(), until: at(until) }))
}

fn link(world: &World, notice: &str, until: &str) -> String {
    link_by(&key(world), notice, until)
}

const VIGIL_UNTIL: &str = "2018-07-11T12:00:00Z";
const STAND_UNTIL: &str = "2018-07-10T12:00:00Z";

#[test]
fn a_link_leads_to_the_page_until_the_embargo_ends_and_to_what_all_see_from_then_on() {
    let world = world();
    let links = |vigil, stand| {
        [
            ("vigil", link(&world, "vigil", VIGIL_UNTIL), vigil),
            ("stand", link(&world, "stand", STAND_UNTIL), stand),
        ]
    };
    check(&world, "2018-07-09T10:00Z", &links("page", "page"));
    // Over, and the loop has not looked yet.
    check(&world, STAND_UNTIL, &links("page", "nothing"));
    world.look(STAND_UNTIL);
    check(&world, STAND_UNTIL, &links("page", "/notices/stand/"));
    check(&world, VIGIL_UNTIL, &links("/notices/vigil/", "/notices/stand/"));
}

#[test]
fn whatever_is_no_link_is_answered_as_any_address_at_which_nothing_stands() {
    let world = world();
    let key = key(&world);
    let right = link(&world, "vigil", VIGIL_UNTIL);
    let of = |purpose| {
        let claim = Claim { purpose, subscriber: 0, list: "vigil".to_owned(), expires_at: at(VIGIL_UNTIL) };
        format!("press/{}", key.token(&claim))
    };
    let mut rows = vec![
        ("right", right.clone(), "page"),
        ("another key", link_by(&Key::from_bytes(&[8; 32]), "vigil", VIGIL_UNTIL), "nothing"),
        ("earlier", link(&world, "vigil", "2018-07-11T11:59:59Z"), "nothing"),
        ("later", link(&world, "vigil", "2018-07-11T12:00:01Z"), "nothing"),
        ("the end of another embargo", link(&world, "vigil", STAND_UNTIL), "nothing"),
        ("the end of this embargo for another notice", link(&world, "stand", VIGIL_UNTIL), "nothing"),
        ("no notice", link(&world, "strike", VIGIL_UNTIL), "nothing"),
        ("no id", link(&world, "../vigil", VIGIL_UNTIL), "nothing"),
        ("to leave", of(Purpose::Leave), "nothing"),
        ("to choose", of(Purpose::Preferences), "nothing"),
        ("to confirm", of(Purpose::Confirm), "nothing"),
        ("to stay", of(Purpose::Stay), "nothing"),
        ("nothing", "press".to_owned(), "nothing"),
        ("a slash", "press/".to_owned(), "nothing"),
        ("the id", "press/vigil".to_owned(), "nothing"),
        ("no text", "press/%FF".to_owned(), "nothing"),
        ("a folder", format!("{right}/"), "nothing"),
        ("the page to come", "notices/stand".to_owned(), "nothing"),
        ("more", format!("{right}A"), "nothing"),
        ("less", right[..right.len() - 1].to_owned(), "nothing"),
    ];
    for index in "press/".len()..right.len() {
        let other = if &right[index..=index] == "A" { "B" } else { "A" };
        let mut bent = right.clone();
        bent.replace_range(index..=index, other);
        rows.push(("bent", bent, "nothing"));
    }
    check(&world, "2018-07-09T10:00Z", &rows);
}

#[test]
fn another_end_of_the_embargo_or_a_withdrawal_makes_a_link_void() {
    let world = world();
    let now = "2018-07-09T10:00Z";
    let (vigil, stand) = (link(&world, "vigil", VIGIL_UNTIL), link(&world, "stand", STAND_UNTIL));
    world.edit("vigil", "2018-07-11 12:00", "2018-07-11 13:00");
    world.edit("stand", "2018-07-10 12:00", "2018-07-10 11:00");
    world.look(now);
    check(
        &world,
        now,
        &[
            ("old", vigil.clone(), "nothing"),
            ("old", stand.clone(), "nothing"),
            ("new", link(&world, "vigil", "2018-07-11T13:00:00Z"), "page"),
            ("new", link(&world, "stand", "2018-07-10T11:00:00Z"), "page"),
        ],
    );
    // As it was, it opens again.
    world.edit("vigil", "2018-07-11 13:00", "2018-07-11 12:00");
    world.edit("stand", "2018-07-10 11:00", "2018-07-10 12:00");
    world.look(now);
    check(&world, now, &[("again", vigil.clone(), "page"), ("again", stand.clone(), "page")]);
    for id in ["vigil", "stand"] {
        world.edit(id, "title", "withdrawn = \"A mistake.\"\ntitle");
    }
    world.look(now);
    check(&world, now, &[("withdrawn", vigil.clone(), "nothing"), ("withdrawn", stand.clone(), "nothing")]);
    check(&world, VIGIL_UNTIL, &[("afterwards", vigil, "nothing"), ("afterwards", stand, "nothing")]);
}

#[test]
fn the_page_shows_what_its_readers_will_see_and_what_is_said_to_the_press_and_nothing_else() {
    let world = world();
    let running = world.start(WEB, "2018-07-09T10:00Z").unwrap();
    let read = |path: &str| ask(&world, &running, &Method::GET, path);
    let vigil = read(&link(&world, "vigil", VIGIL_UNTIL));
    for text in [
        "Under embargo until <time datetime=\"2018-07-11T12:00:00+00:00\">Wednesday, July 11, 2018, 12:00 PM UTC</time>",
        "Two drivers speak at nine.",
        "<a href=\"mailto:press@example.org\">",
        "Vigil at the depot",
        "Place to be announced",
        "What led to it is in the statement.",
        "<meta name=\"robots\" content=\"noindex\">",
    ] {
        assert!(vigil.text.contains(text), "{text} is not in {}", vigil.text);
    }
    for hidden in ["Gate 4", "212 555 0142", "We stand with", "notices/stand", "event.ics", "ld+json"] {
        assert!(!vigil.text.contains(hidden), "{hidden} is in {}", vigil.text);
    }
    assert!(vigil.text.find("Under embargo").unwrap() < vigil.text.find("<h1").unwrap());
    for header in ["cache-control: no-store", "referrer-policy: no-referrer", "x-robots-tag: noindex"] {
        assert!(vigil.headers.iter().any(|it| it == header), "{header}: {:?}", vigil.headers);
    }
    assert!(vigil.headers.iter().all(|it| !it.starts_with("etag") && !it.starts_with("last-modified")));
    let stand = read(&link(&world, "stand", STAND_UNTIL));
    assert!(stand.text.contains("They asked us to come to <a href"), "{}", stand.text);
    assert!(stand.text.contains("and not to the other."), "{}", stand.text);
    assert!(
        stand.text.contains("Next: <a href=\"/notices/vigil/\">Vigil at the depot</a>"),
        "{}",
        stand.text
    );
    assert!(!stand.text.contains("Unheard") && !stand.text.contains("later"), "{}", stand.text);
    world.runtime.block_on(running.stop());
    for secret in SECRETS {
        assert_eq!(world.shows(secret), Vec::<PathBuf>::new(), "{secret}");
    }
}

#[test]
fn a_machine_without_the_notices_shows_journalists_what_is_published_alone() {
    let world = world();
    std::fs::rename(world.installation.notices(), world.path().join("elsewhere")).unwrap();
    let links = [
        ("vigil", link(&world, "vigil", VIGIL_UNTIL), "page"),
        ("stand", link(&world, "stand", STAND_UNTIL), "nothing"),
    ];
    check(&world, "2018-07-09T10:00Z", &links);
}

#[test]
fn the_embargo_is_the_last_that_is_still_to_end() {
    let notice = |publish_at: &str, press: &str| {
        let press = if press.is_empty() { String::new() } else { format!("embargo_until = {press}\n") };
        let publish_at =
            if publish_at.is_empty() { String::new() } else { format!("publish_at = {publish_at}\n") };
        let source = VIGIL.replace("embargo_until = 2018-07-11 12:00\n", &press);
        let source = source.replacen("summary", &format!("{publish_at}summary"), 1);
        first("vigil", &source, "2018-07-08T11:00:00Z").draft.notice.as_ref().clone()
    };
    // The site's clock is New York's, four hours behind.
    for (publish_at, press, is_published, expected) in [
        ("", "", false, None),
        ("2018-07-10 08:00", "", false, Some("2018-07-10T12:00:00Z")),
        ("2018-07-10 08:00", "", true, None),
        ("2018-07-08 08:00", "", false, None),
        ("", "2018-07-11 12:00", true, Some("2018-07-11T12:00:00Z")),
        ("2018-07-10 08:00", "2018-07-11 12:00", false, Some("2018-07-11T12:00:00Z")),
        ("2018-07-12 08:00", "2018-07-11 12:00", false, Some("2018-07-12T12:00:00Z")),
        ("2018-07-12 08:00", "2018-07-11 12:00", true, Some("2018-07-11T12:00:00Z")),
        ("2018-07-12 08:00", "2018-07-08 12:00", false, Some("2018-07-12T12:00:00Z")),
        ("", "2018-07-09 12:00", true, None),
    ] {
        let notice = notice(publish_at, press);
        let until = embargo(&notice, is_published, at("2018-07-09T12:00Z")).map(|moment| moment.at);
        assert_eq!(until, expected.map(at), "{publish_at:?} {press:?} {is_published}");
    }
}

#[test]
fn the_page_is_one_that_a_person_can_open() {
    let vigil = first("vigil", VIGIL, "2018-07-08T11:00:00Z");
    let until = embargo(vigil.notice(), true, sample::at("2018-07-09T10:00:00Z")).unwrap();
    for lang in ["en", "es"] {
        let site = handbill::config::Site { lang: lang.to_owned(), ..sample::site() };
        let frame = Frame {
            site: &site,
            templates: &TEMPLATES,
            words: TEMPLATES.words(lang),
            style: "style.css",
            takes_mail: true,
        };
        let now = sample::at("2018-07-09T10:00:00Z");
        let page = page_for_press(&frame, &vigil, &Related::default(), until, |_| false, now).unwrap();
        golden(&format!("page/{}press.html", if lang == "en" { "" } else { "es-" }), page.as_bytes());
    }
}

fn handbill(world: &World, notice: &str) -> (Option<i32>, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_handbill"))
        .arg("-C")
        .arg(world.path())
        .args(["press", notice])
        .output()
        .unwrap();
    (done.status.code(), String::from_utf8([done.stdout, done.stderr].concat()).unwrap())
}

// The command has the clock of this machine.
#[test]
fn the_command_prints_the_link() {
    let world = World::new("");
    world.write(
        "old",
        &STAND
            .replace("next = [\"vigil\", \"later\"]\n", "")
            .replace("(vigil.md)", "")
            .replace("(later.md)", ""),
    );
    world.write("vigil", &VIGIL.replace("2018-", "2099-").replace("](stand.md)", "]"));
    world.write(
        "stand",
        &STAND.replace("2018-", "2098-").replace(", \"later\"", "").replace("(later.md)", ""),
    );
    world.look("2018-07-11T10:00Z");
    for (notice, until) in [("vigil", "2099-07-11T12:00:00Z"), ("stand", "2098-07-10T12:00:00Z")] {
        let (code, said) = handbill(&world, notice);
        let (url, rest) = said.split_once('\n').unwrap();
        assert_eq!(url, format!("https://notices.example.org/{}", link(&world, notice, until)), "{said}");
        assert!(rest.contains(notice) && rest.contains(&until[..16]), "{rest}");
        assert_eq!(code, Some(0));
    }
    let (code, said) = handbill(&world, "old");
    assert_eq!((code, said.as_str()), (Some(1), "nothing of old is under an embargo that is still to end\n"));
    let (code, said) = handbill(&world, "vigl");
    assert_eq!(code, Some(1));
    assert!(said.contains("did you mean vigil?"), "{said}");
    world.edit("stand", "title", "withdrawn = \"A mistake.\"\ntitle");
    assert_eq!(handbill(&world, "stand"), (Some(1), "stand was taken back: nobody is shown it\n".to_owned()));
}
