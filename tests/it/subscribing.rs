//! Subscribing: from the form to the last trace, over real HTTP and with the mails that were really written.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use handbill::clock::Clock;
use handbill::ledger::asking::Request;
use handbill::serve::{Parts, Running};
use handbill::subscriber::{Address, Caps, Event, Standing};
use regex::Regex;
use reqwest::StatusCode;
use sqlx::Row;

use crate::chaos::{Chaos, Options};
use crate::plan::at;
use crate::world::{Mail, World};

const NOW: &str = "2018-07-08T10:00Z";

const LISTS: &str = r#"
[[list]]
name = "alerts"
title = "Action alerts"
description = "Every action at once"
when = "at once"
kinds = ["action"]
remind = ["-P1D"]
digest = "weekly"
[[list]]
name = "weekly"
title = "Weekly notices"
when = "0 9 * * MON"
"#;

const WEB: Parts = Parts { publish: false, deliver: false, web: true };
const ALL: Parts = Parts::ALL;

const PATIENCE: Duration = Duration::from_secs(60);

/// A service that answers, and a reader with a browser that runs nothing.
struct Reader {
    world: World,
    running: Running,
    client: reqwest::Client,
}

/// An answer.
struct Page {
    status: StatusCode,
    headers: reqwest::header::HeaderMap,
    text: String,
}

impl Page {
    fn says(&self, text: &str) {
        assert!(self.text.contains(text), "not {text:?}: {}", self.text);
    }

    fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }
}

fn world() -> World {
    World::new(LISTS)
}

impl Reader {
    fn of(world: World, parts: Parts, now: &str) -> Self {
        let running = world.start(parts, now).unwrap();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tls_backend_rustls()
            .build()
            .unwrap();
        Self { world, running, client }
    }

    fn new() -> Self {
        Self::of(world(), ALL, NOW)
    }

    fn url(&self, url: &str) -> String {
        let path =
            url.strip_prefix("https://notices.example.org/").unwrap_or_else(|| url.trim_start_matches('/'));
        format!("http://{}/{path}", self.running.address.unwrap())
    }

    fn ask(&self, request: reqwest::RequestBuilder) -> Page {
        self.world.runtime.block_on(async {
            let response = request.send().await.unwrap();
            let (status, headers) = (response.status(), response.headers().clone());
            Page { status, headers, text: response.text().await.unwrap() }
        })
    }

    fn get(&self, url: &str) -> Page {
        self.ask(self.client.get(self.url(url)))
    }

    fn post(&self, url: &str, fields: &[(&str, &str)]) -> Page {
        self.ask(self.posting(url, fields))
    }

    fn posting(&self, url: &str, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let form = "application/x-www-form-urlencoded";
        self.client.post(self.url(url)).header("content-type", form).body(body)
    }

    fn subscribe(&self, address: &str) -> Page {
        self.post("/subscribe", &[("address", address), ("lists", "alerts"), ("lists", "weekly")])
    }

    /// The next mail that arrives.
    fn mail(&mut self) -> Mail {
        let began = Instant::now();
        loop {
            let mut mails = self.world.arrived();
            if let Some(mail) = mails.pop() {
                assert!(mails.is_empty(), "{mails:?} and {mail:?}");
                return mail;
            }
            assert!(began.elapsed() < PATIENCE, "no mail came");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// From the form to the welcome, of which the links are answered.
    fn join(&mut self, address: &str) -> Mail {
        self.subscribe(address).is(200);
        let confirmation = self.mail();
        self.post(&link(&confirmation, "confirm"), &[]).is(200);
        self.mail()
    }

    fn standing(&self, address: &str) -> Standing {
        let lookup = self.world.installation.key().unwrap().lookup(&Address::parse(address).unwrap());
        self.world.runtime.block_on(async { self.running.ledger.standing(&lookup).await.unwrap() })
    }

    /// The service stopped; what it left.
    fn stop(self) -> World {
        let Self { world, running, .. } = self;
        world.runtime.block_on(running.stop());
        world
    }
}

// The link of a mail into a folder of the site.
fn link(mail: &Mail, folder: &str) -> String {
    let link = Regex::new(&format!("https://notices.example.org/{folder}/[A-Za-z0-9_-]+")).unwrap();
    link.find(&mail.text).unwrap_or_else(|| panic!("no link to {folder}: {}", mail.text)).as_str().to_owned()
}

#[test]
fn nobody_is_sealed_with_a_key_that_was_changed_since_the_start() {
    let reader = Reader::of(world(), WEB, NOW);
    reader.subscribe("ada@example.org").is(200);
    let begin = async |ledger: &handbill::ledger::Ledger| ledger.begin_reseal(4711).await.unwrap();
    reader.world.with_ledger(begin);
    reader.subscribe("bela@example.org").is(503);
    let count = async |ledger: &handbill::ledger::Ledger| ledger.last_subscriber().await.unwrap();
    assert_eq!(reader.world.with_ledger(count), 1);
}

#[test]
fn a_person_subscribes_confirms_chooses_and_leaves() {
    let mut reader = Reader::new();
    reader.subscribe("ada@example.org").is(200).says("Look into your mailbox");
    let confirmation = reader.mail();
    assert_eq!(
        (confirmation.to.as_str(), confirmation.subject.as_str()),
        ("ada", "Is this you? Confirm mail from Council")
    );
    assert!(confirmation.text.contains("Then do nothing"), "{}", confirmation.text);
    assert!(!confirmation.text.contains("/leave/"), "there is nothing to leave yet");
    let confirm = link(&confirmation, "confirm");
    reader.get(&confirm).is(200).says("Yes, I want this");
    assert_eq!(reader.standing("ada@example.org"), Standing::Pending);
    for _ in 0..2 {
        reader.post(&confirm, &[]).is(200).says("You are subscribed");
    }
    let welcome = reader.mail();
    assert_eq!(welcome.subject, "Welcome: what you get from Council");
    for text in
        ["Action alerts", "Goes out: Every Monday at 09:00 (UTC).", "https://notices.example.org/notices/"]
    {
        assert!(welcome.text.contains(text), "{text}: {}", welcome.text);
    }

    let preferences = link(&welcome, "preferences");
    let page = reader.get(&preferences);
    page.is(200).says("value=\"alerts\" checked");
    assert_eq!(page.headers["cache-control"], "no-store");
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    let wish = [
        ("address", "Ada@example.org"),
        ("lists", "alerts"),
        ("digest", "alerts"),
        ("lang", "es"),
        ("paused_until", "2018-08-01"),
    ];
    let saved = reader.post(&preferences, &wish);
    // From now on in the language that was just chosen.
    saved.is(200).says("Guardado.");
    for text in [
        "name=\"digest\" value=\"alerts\" checked",
        "value=\"2018-08-01\"",
        "<option value=\"es\" lang=\"es\" selected>",
    ] {
        saved.says(text);
    }
    assert!(!saved.text.contains("name=\"reminders\" value=\"on\" checked"));

    let leave = link(&welcome, "leave");
    reader.get(&leave).is(200).says("¿Salir de todas las listas?");
    assert_eq!(reader.standing("ada@example.org"), Standing::Confirmed);
    let one_click = [("List-Unsubscribe", "One-Click")];
    // Afterwards nobody knows their language any more.
    for said in ["La baja está hecha", "You have left"] {
        reader.post(&leave, &one_click).is(200).says(said);
    }
    assert_eq!(reader.standing("ada@example.org"), Standing::Unsubscribed);
    for dead in [&confirm, &preferences] {
        reader.get(dead).is(404).says("This link does not work any more");
        reader.post(dead, &wish).is(404);
    }
    reader.stop();
}

#[test]
fn who_saves_without_a_list_is_asked_whether_to_leave_them_all() {
    for (lang, asked, goes_back, left) in [
        ("en", "Leave all lists?", "Go back, and keep everything as it is", "You have left"),
        ("es", "¿Salir de todas las listas?", "Volver y dejar todo como está", "La baja está hecha"),
    ] {
        let mut reader = Reader::new();
        let welcome = reader.join("ada@example.org");
        let preferences = link(&welcome, "preferences");
        let own = "ada@example.org";
        reader.post(&preferences, &[("address", own), ("lists", "weekly"), ("lang", lang)]).is(200);
        let before = reader.get(&preferences).text;

        let page =
            reader.post(&preferences, &[("do", "save"), ("address", own), ("paused_until", "2018-08-01")]);
        page.is(200);
        page.says(asked);
        assert_eq!(reader.standing(own), Standing::Confirmed, "asked, and not yet left");
        let back = preferences.strip_prefix("https://notices.example.org").unwrap();
        page.says(&format!("<a href=\"{back}\">{goes_back}</a>"));
        assert_eq!(reader.get(back).text, before, "as it was");

        let button = "<form class=\"form\" method=\"post\" action=\"(/leave/[^\"]+)\">";
        let button = Regex::new(button).unwrap().captures(&page.text).unwrap()[1].to_owned();
        reader.get(&button).is(200);
        assert_eq!(reader.standing(own), Standing::Confirmed, "a GET does not act");
        reader.post(&button, &[]).is(200).says(left);
        assert_eq!(reader.standing(own), Standing::Unsubscribed);
        reader.stop();
    }
}

#[test]
fn who_asks_in_spanish_is_answered_and_written_to_in_spanish() {
    let mut reader = Reader::new();
    let fields = [("address", "ana@example.org"), ("lists", "weekly"), ("lang", "es-MX")];
    let asked = reader.post("/subscribe", &fields);
    asked.is(200).says("Hay que mirar el buzón");
    asked.says("<html lang=\"es\"");
    let confirmation = reader.mail();
    assert_eq!(confirmation.subject, "¿Se pidió desde aquí? Falta confirmar los correos de Council");
    for text in ["- Weekly notices: Cada lunes a las 09:00 (UTC).", "antes del martes 10 de julio"] {
        assert!(confirmation.text.contains(text), "{text}: {}", confirmation.text);
    }
    let confirm = link(&confirmation, "confirm");
    reader.get(&confirm).is(200).says("Sí, lo quiero recibir");
    reader.post(&confirm, &[]).is(200).says("La suscripción está hecha");
    let welcome = reader.mail();
    assert_eq!(welcome.subject, "Qué llega de Council, y cuándo");
    assert!(welcome.text.contains("Sale: Cada lunes a las 09:00 (UTC)."), "{}", welcome.text);
    let preferences = link(&welcome, "preferences");
    reader.get(&preferences).is(200).says("Borrar todos mis datos");
    reader
        .post(&preferences, &[("do", "save"), ("address", "eva@example.org")])
        .is(403)
        .says("Hay que escribir");
    let erase = [("do", "erase"), ("address", "ana@example.org")];
    reader.post(&preferences, &erase).is(200).says("Los datos están borrados");
    let world = reader.stop();
    for entry in fs::read_dir(world.installation.outbox()).unwrap() {
        let mail = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(mail.contains("\r\nContent-Language: es\r\n"), "{mail}");
    }
}

#[test]
fn who_names_no_language_is_written_to_in_that_of_the_site() {
    let mut world = world();
    world.reconfigure("zone = \"UTC\"\n[mail]", "zone = \"UTC\"\nlang = \"es\"\n[mail]");
    let mut reader = Reader::of(world, ALL, NOW);
    reader
        .post("/subscribe", &[("address", "ana@example.org"), ("lists", "weekly")])
        .is(200)
        .says("Hay que mirar");
    assert_eq!(reader.mail().subject, "¿Se pidió desde aquí? Falta confirmar los correos de Council");
    reader.stop();
}

#[test]
fn a_welcome_can_be_left_by_one_click_and_a_confirmation_answers_no_machine() {
    let mut reader = Reader::new();
    reader.join("ada@example.org");
    let world = reader.stop();
    let mails: Vec<String> = fs::read_dir(world.installation.outbox())
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert_eq!(mails.len(), 2);
    for mail in mails {
        assert!(mail.contains("\r\nAuto-Submitted: auto-generated\r\n"), "{mail}");
        let is_welcome = mail.contains("\r\nSubject: Welcome");
        assert_eq!(mail.contains("\r\nList-Unsubscribe: <https://notices.example.org/leave/"), is_welcome);
        assert_eq!(mail.contains("\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"), is_welcome);
    }
}

#[test]
fn no_link_in_a_mail_or_page_changes_anything_when_it_is_opened() {
    let mut reader = Reader::new();
    reader.subscribe("bela@example.org").is(200);
    let confirmation = reader.mail();
    let welcome = reader.join("ada@example.org");
    let preferences = link(&welcome, "preferences");
    let mut links: BTreeSet<String> = BTreeSet::new();
    let mut pages = vec![confirmation.text, welcome.text.clone(), reader.get("/subscribe/").text];
    pages.push(reader.get(&preferences).text);
    pages.push(reader.get(&link(&welcome, "leave")).text);
    let world = reader.stop();
    let html = fs::read_dir(world.installation.outbox()).unwrap().map(|entry| {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        let mail = mail_parser::MessageParser::new().parse(&bytes).unwrap();
        mail.body_html(0).unwrap().into_owned()
    });
    pages.extend(html);
    let url = Regex::new(r#"https://notices\.example\.org/[^\s"<>)&]*|(?:href|action)="(/[^"]*)""#).unwrap();
    for page in &pages {
        for found in url.captures_iter(page) {
            links.insert(found.get(1).unwrap_or(found.get(0).unwrap()).as_str().to_owned());
        }
    }
    for folder in ["confirm/", "leave/", "preferences/", "subscribe"] {
        assert!(links.iter().any(|link| link.contains(folder)), "{folder}: {links:?}");
    }
    // Nothing but the web runs: what changes now, a reader has changed.
    let reader = Reader::of(world, WEB, NOW);
    let before = content(&reader.world);
    for link in &links {
        for _ in 0..2 {
            let status = reader.get(link).status;
            assert!(status.is_success() || status.is_redirection(), "{link}: {status}");
        }
    }
    assert_eq!(content(&reader.world), before);
    reader.stop();
}

// Every row of every table.
fn content(world: &World) -> String {
    let url = format!("sqlite://{}", world.installation.data().join("ledger.db").display());
    world.runtime.block_on(async {
        let pool = sqlx::AnyPool::connect(&url).await.unwrap();
        let tables: Vec<String> =
            sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
                .fetch_all(&pool)
                .await
                .unwrap();
        assert!(tables.iter().any(|table| table == "subscriber"));
        let mut content = String::new();
        for table in tables {
            let columns: Vec<String> =
                sqlx::query(sqlx::AssertSqlSafe(format!("SELECT name FROM pragma_table_info('{table}')")))
                    .fetch_all(&pool)
                    .await
                    .unwrap()
                    .iter()
                    .map(|row| format!("quote({})", row.get::<String, _>(0)))
                    .collect();
            let statement = format!("SELECT {} FROM {table} ORDER BY 1", columns.join(" || ' ' || "));
            let rows: Vec<String> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_all(&pool).await.unwrap();
            content += &format!("{table}\n{}\n", rows.join("\n"));
        }
        pool.close().await;
        content
    })
}

#[test]
fn the_answer_is_the_same_for_everybody() {
    let mut reader = Reader::new();
    reader.join("known@example.org");
    reader.subscribe("pending@example.org").is(200);
    reader.mail();
    let key = reader.world.installation.key().unwrap();
    let angry = key.lookup(&Address::parse("angry@example.org").unwrap());
    let ledger = reader.running.ledger.clone();
    reader.world.runtime.block_on(async {
        ledger.suppress_address(&angry, Event::Complained, at(NOW)).await.unwrap();
    });
    let answer = |name: &str| {
        let page = reader.subscribe(&format!("{name}@example.org"));
        let mut headers: Vec<String> = page
            .headers
            .iter()
            .filter(|(name, _)| *name != "date")
            .map(|header| format!("{header:?}"))
            .collect();
        headers.sort();
        (page.status, headers, page.text)
    };
    let new = answer("new");
    assert_eq!(new.0, StatusCode::OK);
    for name in ["known", "pending", "angry", "new"] {
        assert_eq!(answer(name), new, "{name}");
    }
    // A person's own trap: it was filled in by a machine.
    let fields = [("address", "robot@example.org"), ("lists", "alerts"), ("website", "https://example.com/")];
    assert_eq!(reader.post("/subscribe", &fields).text, new.2);
    assert_eq!(reader.standing("robot@example.org"), Standing::Unsubscribed);
    assert_eq!(reader.mail().to, "new");
    reader.stop();
}

#[test]
fn what_cannot_be_taken_comes_back_with_what_was_typed() {
    let reader = Reader::of(world(), WEB, NOW);
    let check = |fields: &[(&str, &str)], expected: &str| {
        let page = reader.post("/subscribe", fields);
        page.is(422).says(expected);
        page
    };
    let page = check(
        &[("address", "\"><b>ada"), ("lists", "weekly"), ("lang", "es")],
        "Esto no es una dirección de correo.",
    );
    page.says("value=\"&quot;&gt;&lt;b&gt;ada\"");
    page.says("value=\"weekly\" checked");
    assert!(!page.text.contains("<b>ada"));
    // The short form at the foot of every page asks for no list.
    check(&[("address", "ada@example.org")], "Choose what you want to get.")
        .says("value=\"ada@example.org\"");
    check(&[("address", "ada@example.org"), ("lists", "secret")], "There is no such list.");
    check(&[("address", "ada@example.org"), ("lists", "weekly"), ("lang", "<i>")], "This is not a language.");
    let long = "a".repeat(20_000);
    reader.post("/subscribe", &[("address", &long)]).is(413);
    assert_eq!(reader.standing("ada@example.org"), Standing::Unsubscribed);
    reader.stop();
}

#[test]
fn a_machine_may_ask_in_json() {
    let mut reader = Reader::new();
    let post = |reader: &Reader, body: &'static str| {
        let json = "application/json";
        reader.ask(reader.client.post(reader.url("/api/subscribe")).header("content-type", json).body(body))
    };
    post(&reader, r#"{"address": "ada@example.org", "lists": ["weekly"], "lang": "es"}"#)
        .is(202)
        .says("message");
    assert_eq!(reader.mail().to, "ada");
    post(&reader, r#"{"address": "ada@", "lists": ["weekly"]}"#).is(422).says("not a mail address");
    let broken = post(&reader, r#"{"address": "ada@example.org", "list": "weekly"}"#);
    broken.is(400).says("line 1");
    assert!(!broken.text.contains("ada"), "{}", broken.text);
    reader.stop();
}

#[test]
fn a_network_that_asks_too_often_is_told_when_to_come_back() {
    let mut world = World::new(&format!(
        "{LISTS}
[subscribe]
per_network_per_hour = 3
"
    ));
    let reader = Reader::of(world, WEB, "2018-07-08T10:30Z");
    let from = |network: &str, number: u32| {
        let address = format!("reader{number}@example.org");
        let fields = [("address", address.as_str()), ("lists", "weekly")];
        reader.ask(reader.posting("/subscribe", &fields).header("x-forwarded-for", network.to_owned()))
    };
    for number in 0..3 {
        from(&format!("203.0.113.{number}"), number).is(200);
    }
    let refused = from("198.51.100.1, 203.0.113.77", 4);
    refused.is(429).says("Please try again in");
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=1_800).contains(&wait), "{wait}");
    from("198.51.100.1", 5).is(200);
    from("2001:db8:1:ffff::1", 6).is(200);
    for number in 7..9 {
        from("2001:db8:1::2", number).is(200);
    }
    from("2001:db8:1:2::3", 9).is(429);
    // A proxy that says nothing of its visitors: all of them would be one network.
    for number in 10..20 {
        reader
            .post("/subscribe", &[("address", &format!("reader{number}@example.org")), ("lists", "weekly")])
            .is(200);
    }
    world = reader.stop();
    world.reconfigure("per_network_per_hour = 3", "per_network_per_hour = 3\n[web]\nproxies = []");
    let reader = Reader::of(world, WEB, "2018-07-08T11:30Z");
    for (number, status) in [(0, 200), (1, 200), (2, 200), (3, 429)] {
        let fields = [("address", "ada@example.org"), ("lists", "weekly")];
        let network = format!("198.51.{number}.1");
        reader.ask(reader.posting("/subscribe", &fields).header("x-forwarded-for", network)).is(status);
    }
    reader.stop();
}

#[test]
fn whoever_a_mail_was_passed_on_to_can_leave_and_nothing_else() {
    let mut reader = Reader::new();
    let welcome = reader.join("ada@example.org");
    let preferences = link(&welcome, "preferences");
    let before = reader.get(&preferences).text;
    for act in ["save", "show", "erase"] {
        for address in ["", "eve@example.org", "ada@example.com"] {
            let page = reader.post(&preferences, &[("do", act), ("address", address), ("lists", "weekly")]);
            page.is(403).says("Write the address that this link was sent to");
        }
    }
    assert_eq!(reader.get(&preferences).text, before);
    reader.post(&preferences, &[("do", "dance"), ("address", "ada@example.org")]).is(422);
    let day = [("address", "ada@example.org"), ("lists", "weekly"), ("paused_until", "soon")];
    let refused = reader.post(&preferences, &day);
    refused.is(422).says("The day is not one");
    // What was chosen stands there to be sent again, and what can be left is what is held.
    refused.says("value=\"weekly\" checked");
    assert!(!refused.text.contains("value=\"alerts\" checked"), "{}", refused.text);
    assert_eq!(refused.text.matches("action=\"/leave/").count(), 2);
    let shown = reader.post(&preferences, &[("do", "show"), ("address", "ada@example.org")]);
    shown.is(200);
    assert_eq!(shown.headers["content-disposition"], "attachment; filename=\"held-about-you.json\"");
    let shown: serde_json::Value = serde_json::from_str(&shown.text).unwrap();
    assert_eq!(shown["address"], "ada@example.org");
    assert_eq!(shown["held"]["confirmed_month"], "2018-07");
    let one = Regex::new("action=\"(/leave/[^\"]+)\"").unwrap().captures(&before).unwrap()[1].to_owned();
    reader.post(&one, &[]).is(200).says("You have left");
    assert_eq!(reader.standing("ada@example.org"), Standing::Confirmed, "on the other list");
    reader
        .post(&preferences, &[("do", "erase"), ("address", "ada@example.org")])
        .is(200)
        .says("You are forgotten");
    assert_eq!(reader.standing("ada@example.org"), Standing::Unsubscribed);
    reader.stop();
}

#[test]
fn who_is_subscribed_already_is_told_so_a_day_later() {
    let mut reader = Reader::new();
    reader.join("ada@example.org");
    let mut reader = Reader::of(reader.stop(), ALL, "2018-07-09T10:00:30Z");
    reader.subscribe("ada@example.org").is(200);
    let mail = reader.mail();
    assert_eq!(mail.subject, "You are subscribed already: Council");
    link(&mail, "preferences");
    reader.stop();
}

#[test]
fn a_token_leads_nowhere_when_it_is_old_changed_or_of_another_page() {
    let mut reader = Reader::new();
    reader.subscribe("ada@example.org").is(200);
    let confirm = link(&reader.mail(), "confirm");
    let reader = Reader::of(reader.stop(), WEB, "2018-07-10T10:01Z");
    reader.post(&confirm, &[]).is(404);
    let reader = Reader::of(reader.stop(), WEB, NOW);
    for (folder, other) in [("leave", "confirm"), ("preferences", "confirm"), ("stay", "confirm")] {
        reader.post(&confirm.replace(other, folder), &[("address", "ada@example.org")]).is(404);
    }
    reader.post(&confirm[..confirm.len() - 1], &[]).is(404);
    reader.post(&confirm, &[]).is(200);
    reader.stop();
}

#[test]
fn who_has_left_gets_nothing_that_waits_for_its_turn() {
    let chaos = Chaos::start(Options::default());
    // One mail in three seconds: the others are claimed and wait.
    let world = World::sending_to(&chaos, "connections = 1\nper_minute = 20", LISTS);
    world.look(NOW);
    let names: Vec<String> = (0..2).map(|number| format!("reader{number}")).collect();
    world.subscribe(&names, "alerts");
    world.write(
        "march",
        "+++\nkind = \"action\"\ntitle = \"March\"\nstarts = 2018-07-20 09:00\nzone = \"UTC\"\n+++\nCome.\n",
    );
    world.look("2018-07-08T10:01Z");
    let running =
        world.start(Parts { publish: false, deliver: true, web: true }, "2018-07-08T10:01Z").unwrap();
    let began = Instant::now();
    while chaos.log(|log| log.taken.len()) < 1 {
        assert!(began.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    let first = chaos.log(|log| crate::world::taken(&log.taken[0]).to);
    let key = world.installation.key().unwrap();
    for name in names.iter().filter(|name| **name != first) {
        let lookup = key.lookup(&Address::parse(&format!("{name}@example.org")).unwrap());
        world.runtime.block_on(async {
            let id = running.ledger.find_subscriber(&lookup).await.unwrap().unwrap().id;
            running.ledger.leave(id, "alerts").await.unwrap();
        });
    }
    world.runtime.block_on(async {
        while running.ledger.waits(&[], at("2018-07-08T12:00Z")).await.unwrap() {
            assert!(began.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        running.stop().await;
    });
    assert_eq!(chaos.log(|log| log.taken.len()), 1);
    assert_eq!(
        world.tallies(),
        "alert/alerts/march complete: 2 to, 1 sent, 1 left\n".replace("complete", "open")
    );
}

#[test]
fn the_service_takes_out_by_itself_what_is_not_kept_any_longer() {
    let world = world();
    let key = world.installation.key().unwrap();
    let ada = Address::parse("ada@example.org").unwrap();
    let request = Request {
        lookup: key.lookup(&ada),
        sealed: key.seal(&ada, [1; 24]),
        domain: key.domain(&ada),
        lists: vec!["alerts".to_owned()],
        lang: String::new(),
    };
    let caps = Caps { per_hour: 10, per_domain_per_hour: 10 };
    world.with_ledger(async |ledger| ledger.ask(&request, &caps, at(NOW)).await.unwrap());
    // An hour passes in a second; at the start it is two hours too early.
    let clock = Clock::fast(at(NOW) + TimeDelta::hours(46), 3_600);
    let running = world.start_by(Parts { publish: true, deliver: false, web: false }, clock).unwrap();
    world.runtime.block_on(async {
        let began = Instant::now();
        assert_eq!(running.ledger.standing(&request.lookup).await.unwrap(), Standing::Pending);
        while running.ledger.standing(&request.lookup).await.unwrap() == Standing::Pending {
            assert!(began.elapsed() < PATIENCE, "the request lives for ever");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        running.stop().await;
    });
}

#[test]
fn no_address_and_no_network_stands_in_the_data() {
    let mut reader = Reader::new();
    let fields = [("address", "ada.lovelace@example.org"), ("lists", "alerts")];
    reader.ask(reader.posting("/subscribe", &fields).header("x-forwarded-for", "203.0.113.77")).is(200);
    let confirmation = reader.mail();
    let token = link(&confirmation, "confirm").rsplit('/').next().unwrap().to_owned();
    reader.post(&link(&confirmation, "confirm"), &[]).is(200);
    reader.mail();
    // While it runs, the journal is there as well.
    let data = reader.world.installation.data();
    let mut searched = 0;
    for entry in fs::read_dir(&data).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        let bytes = fs::read(entry.path()).unwrap();
        searched += bytes.len();
        for secret in ["ada.lovelace", "203.0.113", &token] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} in {:?}", entry.file_name());
        }
    }
    assert!(searched > 100_000);
    let outbox: Vec<String> = fs::read_dir(reader.world.installation.outbox())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert!(outbox.len() == 2 && outbox.iter().all(|name| !name.contains("ada")), "{outbox:?}");
    reader.stop();
}

#[test]
fn a_welcome_leads_to_what_the_last_issue_carried() {
    let mut world = world();
    world.subscribe(&["early"], "weekly");
    world.look("2018-07-02T08:00Z");
    let reader = |world| Reader::of(world, Parts { publish: false, ..ALL }, "2018-07-09T09:30Z");
    let mut before = reader(world);
    let welcome = before.join("ada@example.org");
    assert!(!welcome.text.contains("The last issue"), "{}", welcome.text);
    world = before.stop();
    let statement =
        |title: &str| format!("+++\nkind = \"statement\"\ntitle = \"{title}\"\n+++\nWe say so.\n");
    world.write("stay", &statement("We stay"));
    world.pass("2018-07-08T10:00Z");
    world.pass("2018-07-09T09:00Z");
    world.edit("stay", "We stay", "We all stay");
    // After the cut: the next issue carries it.
    world.write("later", &statement("Later"));
    world.look("2018-07-09T09:20Z");
    world.arrived();
    let mut after = reader(world);
    let welcome = after.join("bela@example.org");
    let carried = "The last issue of “Weekly notices”, of Monday, July 9, 2018, carried:\n\n\
        - We all stay\n  https://notices.example.org/notices/stay/\n";
    assert!(welcome.text.replace('\r', "").contains(carried), "{}", welcome.text);
    assert!(!welcome.text.contains("Later"), "{}", welcome.text);
    after.stop();
}

#[test]
fn a_count_of_fewer_than_ten_is_not_told() {
    let world = world();
    let names: Vec<String> = (0..12).map(|number| format!("reader{number}")).collect();
    world.subscribe(&names[..10], "alerts");
    world.subscribe(&names[10..], "weekly");
    let stats = |arguments: &[&str]| {
        let program = Command::new(env!("CARGO_BIN_EXE_handbill"))
            .arg("-C")
            .arg(world.path())
            .args(["subscribers", "stats"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(program.status.success());
        String::from_utf8(program.stdout).unwrap()
    };
    let lines = stats(&[]);
    let words: Vec<&str> = lines.split_whitespace().collect();
    assert_eq!(
        words,
        "list standing subscribers alerts confirmed 10 weekly confirmed <10".split(' ').collect::<Vec<_>>()
    );
    let rows: serde_json::Value = serde_json::from_str(&stats(&["--json"])).unwrap();
    assert_eq!(
        rows,
        serde_json::json!([
            { "list": "alerts", "standing": "confirmed", "count": "10" },
            { "list": "weekly", "standing": "confirmed", "count": "<10" },
        ])
    );
}

#[test]
fn the_sign_up_page_says_what_becomes_of_an_address_here() {
    let world = world();
    world.look(NOW);
    let reader = Reader::of(world, WEB, NOW);
    let page = reader.get("/subscribe/");
    page.is(200).says("It is kept encrypted.");
    page.says("forgotten after 48 hours");
    page.says(
        "action=&quot;https:&#x2F;&#x2F;notices.example.org&#x2F;subscribe&quot;"
            .replace("&#x2F;", "/")
            .as_str(),
    );
    assert!(!page.text.contains("which sees the addresses"));
    assert_eq!(reader.get("/subscribe").status, StatusCode::MOVED_PERMANENTLY);
    reader.get("/").is(200).says("Hear of it by mail");
    let mut world = reader.stop();
    let relay = "transport = \"smtp\"\n[mail.smtp]\nhost = \"relay.example.net\"";
    let from = "from = \"Notices <notices@example.org>\"";
    world.reconfigure(from, &format!("{from}\n{relay}"));
    world.look("2018-07-08T10:01Z");
    let reader = Reader::of(world, WEB, NOW);
    reader
        .get("/subscribe/")
        .is(200)
        .says("Mail goes out through relay.example.net, which sees the addresses");
    reader.stop();
}

/// Not run by itself: some minutes. `cargo test --release --test it the_time_of_an_answer -- --ignored --nocapture`
#[test]
#[ignore = "a measurement of some minutes"]
fn the_time_of_an_answer_tells_nobody_who_is_subscribed() {
    const POSTS: usize = 100_000;
    let posts = std::env::var("HANDBILL_POSTS").ok().and_then(|text| text.parse().ok()).unwrap_or(POSTS);
    let caps = "\n[subscribe]\nper_hour = 1000000\nper_domain_per_hour = 1000000\n";
    let world = World::new(&format!("{LISTS}{caps}"));
    let known: Vec<String> = (0..posts / 4).map(|number| format!("known{number}")).collect();
    world.subscribe(&known, "alerts");
    let reader = Reader::of(world, WEB, NOW);
    let key = reader.world.installation.key().unwrap();
    let ledger = reader.running.ledger.clone();
    let times = reader.world.runtime.block_on(async {
        for number in 0..200 {
            let lookup = key.lookup(&Address::parse(&format!("angry{number}@example.org")).unwrap());
            ledger.suppress_address(&lookup, Event::Complained, at(NOW)).await.unwrap();
        }
        let kinds = ["new", "known", "angry", "pending"];
        let mut times: [Vec<Duration>; 4] = Default::default();
        let mut posted = tokio::task::JoinSet::new();
        for number in 0..posts {
            let kind = number % 4;
            let name = match kinds[kind] {
                "angry" => format!("angry{}", number % 200),
                "pending" => "pending".to_owned(),
                kind => format!("{kind}{}", number / 4),
            };
            let (a, b) = (number / 200 % 250, number / 50_000);
            let address = format!("{name}@example.org");
            let fields = [("address", address.as_str()), ("lists", "alerts")];
            let request =
                reader.posting("/subscribe", &fields).header("x-forwarded-for", format!("10.{b}.{a}.1"));
            if posted.len() >= 16 {
                let (kind, took): (usize, Duration) = posted.join_next().await.unwrap().unwrap();
                times[kind].push(took);
            }
            posted.spawn(async move {
                let began = Instant::now();
                assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
                (kind, began.elapsed())
            });
        }
        for (kind, took) in posted.join_all().await {
            times[kind].push(took);
        }
        times
    });
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e3
    };
    let medians = times.map(median);
    println!("medians in ms of {posts} posts: new, known, suppressed, pending: {medians:.3?}");
    let sent = reader.world.runtime.block_on(ledger.tally("confirmation/2018-07-08")).unwrap().unwrap();
    // Each new and each known one, and the pending one once.
    assert_eq!(sent.recipients, i64::try_from(posts / 2 + 1).unwrap());
    let (least, most) =
        (medians.iter().copied().fold(f64::MAX, f64::min), medians.iter().copied().fold(0.0, f64::max));
    assert!(most <= least * 1.05, "{medians:?}");
    reader.stop();
}
