//! Words: the same notice in two languages, and what a third one has to hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use handbill::config::{self, List, Mail, Returns, Select, Site, Transport, When};
use handbill::edition::{Audience, Content, Edition, Member};
use handbill::render::calendar::{self, Calendar};
use handbill::render::email::{Letter, Sender, Stamp, letter, sample as mail_sample};
use handbill::render::feed::{self, Feed, Format, Others};
use handbill::render::page::{Scheme, Topic};
use handbill::render::site::{Catalog, What};
use handbill::render::templates::{Templates, check_words};
use handbill::render::words::file::{self, File};
use handbill::render::words::{Markup, Words};
use handbill::revision::Revision;
use handbill::schedule::cut::Cut;
use handbill::schedule::reminder::Before;
use handbill::schedule::zone::Zone;
use regex::Regex;

use crate::page::TEMPLATES;
use crate::sample::{self, at, edited, first, golden};
use crate::world::World;

const ACTION: &str = r#"+++
kind = "action"
title = "Caminata por el derecho a quedarse"
summary = "De la plaza al tribunal, a paso lento."
hosts = ["Consejo del Ejemplo"]
starts = 2018-07-10 09:00
ends = 2018-07-10 11:00
assemble_at = 2018-07-10 08:30
zone = "America/New_York"
[place]
name = "Plaza del Ejemplo"
address = "Calle Uno 12"
meeting_point = "Junto a la fuente"
[access]
wheelchair = "Todo el recorrido es llano"
asl = "Dos intérpretes al frente"
[legal]
jail_support = "Un número en el brazo: 212 555 0100"
[press]
role = "equipo de prensa"
+++
Llevemos agua y sombrero.
"#;

const STATEMENT: &str = r#"+++
kind = "statement"
title = "Con la huelga de hambre"
issued = "2018-07-02"
addressed_to = ["Toda la gente"]
translations = [{ lang = "en", notice = "hunger-strike" }]
+++
Nos quedamos a su lado.
"#;

const SEEN: &str = "2018-07-08T22:00:00Z";
const NOW: &str = "2018-07-09T16:00:00Z";

fn site() -> Site {
    Site {
        title: "Avisos del Consejo".to_owned(),
        organization: "Consejo del Ejemplo".to_owned(),
        description: "Acciones y comunicados.".to_owned(),
        lang: "es".to_owned(),
        ..sample::site()
    }
}

// The notices name no language: they are in the site's.
fn spanish(id: &str, source: &str) -> Revision {
    let source = source.replacen("kind =", "lang = \"es\"\nkind =", 1);
    told_in_spanish(first(id, &source, SEEN))
}

// The samples have one body for all.
fn told_in_spanish(mut revision: Revision) -> Revision {
    let mut notice = revision.notice().clone();
    notice.body.html = "<p>Llevemos agua y sombrero.</p>\n".to_owned();
    notice.body.text = "Llevemos agua y sombrero.".to_owned();
    notice.body.excerpt = notice.body.text.clone();
    revision.draft.notice = std::sync::Arc::new(notice);
    revision
}

fn action() -> Revision {
    spanish("caminata", ACTION)
}

fn moved() -> Revision {
    told_in_spanish(edited(&action(), "Plaza del Ejemplo", "Parque del Ejemplo", "2018-07-09T12:00:00Z"))
}

fn list() -> List {
    List {
        name: "alerts".to_owned(),
        title: "Alertas".to_owned(),
        description: "Cada acción en cuanto se publica.".to_owned(),
        select: Select::default(),
        when: When::Cut(Box::new(Cut::parse("0 9 * * MON,THU", &new_york()).unwrap())),
        remind: vec![Before::parse("-P1D").unwrap(), Before::parse("-PT2H").unwrap()],
        quiet: None,
        digest: None,
    }
}

fn new_york() -> Zone {
    Zone::find("America/New_York").unwrap()
}

fn member(revision: &Revision) -> Member {
    Member { notice: revision.id().clone(), number: revision.number }
}

fn mail(lang: &str, content: Content, revisions: &[&Revision], due_at: &str) -> Letter {
    let (site, list) = (site(), list());
    let mail = Mail {
        from_name: "Avisos".to_owned(),
        from_address: "avisos@example.org".to_owned(),
        reply_to: None,
        transport: Transport::Outbox,
        returns: Returns::default(),
        dkim: None,
    };
    let words = TEMPLATES.words(lang);
    let sender = Sender { site: &site, mail: &mail, list: &list, templates: &TEMPLATES, words };
    let audience = Audience::List(list.name.clone());
    let edition = Edition::new(audience, content, at(due_at), at("2018-07-10T13:00:00Z"));
    let is_issue = matches!(edition.content, Content::Issue { .. });
    let calendar = (!is_issue).then(|| calendar::attachment(&site, words, revisions[0], at(due_at)));
    letter(&sender, &edition, revisions, calendar.as_deref(), at(due_at)).unwrap()
}

fn stamp() -> Stamp {
    Stamp {
        recipient: "robin@example.net".to_owned(),
        message_id: "k3v9q2m8@example.org".to_owned(),
        unsubscribe_url: "https://notices.example.org/leave/t".to_owned(),
        preferences_url: "https://notices.example.org/preferences/t".to_owned(),
        unsubscribe_mailto: None,
        in_reply_to: None,
    }
}

fn check_mail(name: &str, letter: &Letter, subject: &str) {
    let mut message = Vec::new();
    letter.splice(&stamp(), &mut message);
    golden(&format!("email/{name}.eml"), &message);
    assert_eq!(letter.subject(), subject);
    assert!(String::from_utf8(message).unwrap().contains("\r\nContent-Language: es\r\n"));
    assert!(letter.html(&stamp()).contains("lang=\"es\""));
}

fn check_page(what: &What) -> String {
    let (site, lists) = (site(), [list()]);
    let (action, statement) = (moved(), spanish("huelga", STATEMENT));
    let catalog = Catalog::new(&site, &lists, 30, &TEMPLATES, &[&action, &statement], at(NOW)).unwrap();
    String::from_utf8(catalog.bytes(what).unwrap()).unwrap()
}

#[test]
fn an_alert_speaks_the_readers_language() {
    let action = action();
    let letter = mail("es", Content::Alert(member(&action)), &[&action], SEEN);
    let subject = "Acción: Caminata por el derecho a quedarse — mar 10 jul, 9:00";
    check_mail("es-alert", &letter, subject);
    let text = letter.text(&stamp());
    for told in [
        "Cuándo: martes 10 de julio de 2018, de 9:00 EDT a 11:00 EDT",
        "Dónde: Plaza del Ejemplo, Calle Uno 12",
        "Encuentro previo: martes 10 de julio de 2018, 8:30 EDT",
        "Acceso en silla de ruedas: Todo el recorrido es llano",
        "Salir de esta lista:\nhttps://notices.example.org/leave/t",
    ] {
        assert!(text.contains(told), "{told} is not in\n{text}");
    }
}

#[test]
fn a_correction_a_reminder_and_an_issue_speak_the_readers_language() {
    let moved = moved();
    let content = Content::Correction(member(&moved), moved.sequence);
    let correction = mail("es", content, &[&moved], "2018-07-09T12:00:00Z");
    check_mail("es-correction", &correction, "Nuevo lugar: Caminata por el derecho a quedarse");
    let action = action();
    let content = Content::Reminder(member(&action), None, Before::parse("-P1D").unwrap());
    let reminder = mail("es", content, &[&action], "2018-07-09T13:00:00Z");
    check_mail("es-reminder", &reminder, "Mañana: Caminata por el derecho a quedarse");
    let statement = spanish("huelga", STATEMENT);
    let cut = "2018-07-09T09:00:00".parse().unwrap();
    let content = Content::Issue { cut, members: vec![member(&action), member(&statement)] };
    let issue = mail("es", content, &[&action, &statement], "2018-07-09T13:00:00Z");
    check_mail("es-issue", &issue, "Alertas: Caminata por el derecho a quedarse y 1 más");
}

#[test]
fn a_page_a_feed_and_a_calendar_speak_the_sites_language() {
    let action = moved();
    let html = check_page(&What::Notice(action.id().clone()));
    golden("page/es-action.html", html.as_bytes());
    assert!(html.contains("<html lang=\"es\">"), "{html}");
    assert!(html.contains(">Martes 10 de julio de 2018</time>"), "{html}");
    let site = site();
    let words = TEMPLATES.words("es");
    let title = Topic::All.feed_title(&site, words);
    let (pictures, entries) = (BTreeMap::new(), vec![(&action, action.updated_at)]);
    let feed = Feed {
        title,
        path: "feeds/all".to_owned(),
        page: String::new(),
        entries,
        related: BTreeMap::new(),
        tombstones: Vec::new(),
        chain: feed::Chain::default(),
        pictures: &pictures,
    };
    golden("feed/es-action.atom", &feed::render(&site, words, &feed, Format::Atom, at(NOW)));
    let title = Topic::Kind(handbill::notice::KindName::Action).calendar_title(&site, words);
    let calendar = Calendar {
        title,
        path: "calendar/actions".to_owned(),
        page: "actions/".to_owned(),
        actions: vec![&action],
        related: Others::new(),
    };
    let calendar = calendar::calendar(&site, words, &calendar, at(NOW));
    golden("calendar/es-action.ics", &calendar);
}

#[test]
fn every_page_of_a_spanish_site_is_in_spanish() {
    let subscribe = check_page(&What::Subscribe);
    for part in [
        "Cada lunes y jueves a las 09:00 (America/New_York)",
        "1 día antes y 2 horas antes de que empiece una acción",
        "Archivo, Comunicados, Acciones",
    ] {
        assert!(subscribe.contains(part), "{part} is not in\n{subscribe}");
    }
    let missing = check_page(&What::Missing);
    let links = "Se puede buscar entre las <a href=\"/actions/\">próximas acciones</a> o en \
                 <a href=\"/notices/\">todos los avisos</a>.";
    assert!(missing.contains(links), "{missing}");
    // Words of the English files that no Spanish text holds.
    let english =
        Regex::new(r"\b(the|and|with|from|Skip|Published|Feeds|Actions|Latest|Tags|Where|When|More)\b")
            .unwrap();
    let markup = Regex::new("(?s)<(style|head)>.*?</(style|head)>|<[^>]*>").unwrap();
    let pages = [
        What::Home,
        What::Ahead,
        What::Subscribe,
        What::Feeds,
        What::Names(Scheme::Tag),
        What::Missing,
        What::Gone,
    ];
    for what in pages {
        let html = check_page(&what);
        let shown = markup.replace_all(&html, " ");
        assert!(!english.is_match(&shown), "{what:?}: {:?} in\n{shown}", english.find(&shown));
    }
}

#[test]
fn a_notice_of_another_language_stands_among_words_that_say_their_own() {
    let action = action();
    let english = sample::site();
    let catalog = Catalog::new(&english, &[], 30, &TEMPLATES, &[&action], at(NOW)).unwrap();
    let html = String::from_utf8(catalog.bytes(&What::Notice(action.id().clone())).unwrap()).unwrap();
    assert!(
        html.contains("<html lang=\"en\">")
            && html.contains("<article class=\"notice h-event\" lang=\"es\">")
    );
    assert!(html.contains("<section class=\"panel\" lang=\"en\""), "{html}");
    assert!(html.contains("<div class=\"p-location h-card\" lang=\"es\">"), "{html}");
}

#[test]
fn a_page_names_the_same_notice_in_another_language() {
    let html = check_page(&What::Notice(spanish("huelga", STATEMENT).id().clone()));
    let link = "<link rel=\"alternate\" hreflang=\"en\" href=\"https://notices.example.org/notices/hunger-strike/\">";
    assert!(html.contains(link), "{html}");
    assert!(html.contains("<a href=\"/notices/hunger-strike/\" hreflang=\"en\">en</a>"), "{html}");
}

#[test]
fn a_cut_is_said_in_english_as_commands_say_it() {
    let lines = [
        "0 9 * * MON",
        "0 9 * * MON-FRI",
        "30 18 * * SAT,SUN",
        "0 9,17 * * *",
        "0 * * * *",
        "15 * * * *",
        "* * * * *",
        "*/15 * * * SUN",
        "0 */2 * * *",
        "0 9-17 * * MON-FRI",
        "0 9 2,3,11,22 * *",
        "0 9 1-7 * MON",
        "0 9 22-28 6,7 WED",
        "0 9 13 * FRI",
        "0 9 * JUN *",
        "0 9 29 2 *",
        "*/7 * * * *",
    ];
    for line in lines {
        let cut = Cut::parse(line, &new_york()).unwrap();
        assert_eq!(TEMPLATES.words("en").cut(&cut), cut.describe(), "{line}");
    }
}

#[test]
fn a_cut_is_said_in_spanish() {
    for (line, expected) in [
        ("0 9 * * MON", "cada lunes a las 09:00"),
        ("0 1 * * MON-FRI", "de lunes a viernes a la 01:00"),
        ("0 9,17 * * *", "todos los días a las 09:00 y 17:00"),
        ("*/15 * * * SUN", "cada 15 minutos, cada domingo"),
        ("0 9 1 * *", "el día 1 de cada mes a las 09:00"),
        ("0 9 1,15 6 *", "los días 1 y 15 de junio a las 09:00"),
        ("0 9 1-7 * MON", "el primer lunes de cada mes a las 09:00"),
        ("0 9 13 * FRI", "cada viernes que caiga en día 13 a las 09:00"),
        ("0 9 * JUN *", "todos los días en junio a las 09:00"),
    ] {
        let cut = Cut::parse(line, &new_york()).unwrap();
        assert_eq!(TEMPLATES.words("es").cut(&cut), format!("{expected} (America/New_York)"), "{line}");
    }
}

#[test]
fn a_tag_with_a_region_has_the_words_of_its_language_and_an_unknown_one_english() {
    let langs = ["es-MX", "ES", "es_419", "en-GB", "fr", ""].map(|lang| TEMPLATES.words(lang).lang());
    assert_eq!(langs, ["es", "es", "es", "en", "en", "en"]);
}

#[test]
fn no_text_of_people_becomes_a_link_or_a_tag_of_a_message() {
    let words = TEMPLATES.words("en");
    let said = words.try_markup(
        "write-to",
        &[("mail", Markup::Text("mailto:a\"b")), ("contact", Markup::Text("<mail>&</mail>\u{e000}"))],
    );
    let expected = "Write to <a href=\"mailto:a&quot;b\">&lt;mail&gt;&amp;&lt;/mail&gt;\u{e000}</a>.";
    assert_eq!(said.unwrap(), expected);
    assert!(words.try_markup("write-to", &[]).is_err());
}

// ---- what ships

fn shipped(lang: &str) -> (File, String) {
    let name = format!("words/{lang}.ftl");
    let text = fs::read_to_string(Path::new("templates").join(&name)).unwrap();
    let (file, report) = file::read(&name, &text);
    (file.unwrap_or_else(|| panic!("{report}")), text)
}

#[test]
fn every_shipped_language_has_every_message_with_the_same_values() {
    let (english, _) = shipped("en");
    let (spanish, text) = shipped("es");
    let problems = file::check(&spanish, &text, &english, None);
    assert!(problems.is_empty(), "{problems:#?}");
    // What Spanish leaves out, because its clocks go to 24 and its ordinals have no ending.
    let left_out: Vec<(&str, Vec<&str>)> = english
        .messages
        .iter()
        .map(|(id, needs)| {
            let said = &spanish.messages[id].names;
            (
                id.as_str(),
                needs.names.iter().filter(|name| !said.contains(*name)).map(String::as_str).collect(),
            )
        })
        .filter(|(_, names): &(_, Vec<&str>)| !names.is_empty())
        .collect();
    assert_eq!(left_out, [("clock", vec!["half", "hour12"])]);
}

// The names of messages that code and templates ask for: what stands in `say("…")`, `tell("…")`, `id="…"`, and the
// texts of Rust that begin as the families of messages do.
fn asked() -> BTreeSet<String> {
    let code = Regex::new(r#"\b(?:say|tell)\(\s*"([^"]+)"|"((?:fact|access|change)-[a-z-]+)""#).unwrap();
    let template = Regex::new(r#"\bsay(?:_html)?\(id="([^"]+)""#).unwrap();
    let mut asked = BTreeSet::new();
    for (asks, folder) in [(&code, "src/render"), (&code, "src/web"), (&template, "templates")] {
        for text in texts(Path::new(folder)).values() {
            let ids = asks.captures_iter(text).filter_map(|found| found.get(1).or(found.get(2)));
            asked.extend(ids.map(|id| id.as_str().to_owned()));
        }
    }
    // How a module says that it asks.
    asked.remove("…");
    asked
}

fn texts(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(texts(&path));
        } else if let Ok(text) = fs::read_to_string(&path) {
            found.insert(path.display().to_string(), text);
        }
    }
    found
}

#[test]
fn every_message_that_is_asked_for_is_there_and_no_other() {
    let (english, _) = shipped("en");
    let there: BTreeSet<String> = english.messages.keys().cloned().collect();
    let asked = asked();
    assert_eq!(
        asked.difference(&there).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "asked for, and not there"
    );
    assert_eq!(
        there.difference(&asked).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "there, and not asked for"
    );
}

#[test]
fn every_value_that_a_template_gives_is_one_that_the_message_has() {
    let (english, _) = shipped("en");
    let call =
        Regex::new(r#"\bsay(_html)?\(id="([^"]+)"((?:[^()"]|"[^"]*"|\([^()]*(?:\([^()]*\)[^()]*)*\))*)\)"#)
            .unwrap();
    let name = Regex::new(r"[(,]\s*([a-z][a-z0-9_]*)\s*=").unwrap();
    let inner = Regex::new(r"\([^()]*\)").unwrap();
    let mut calls = 0;
    for (path, text) in texts(Path::new("templates")) {
        for found in call.captures_iter(&text) {
            let given = inner.replace_all(&found[3], "").into_owned();
            let given: BTreeSet<String> =
                name.captures_iter(&given).map(|found| found[1].to_owned()).collect();
            let needs = &english.messages[&found[2]];
            let wanted: BTreeSet<String> = needs.names.union(&needs.links).cloned().collect();
            assert_eq!(given, wanted, "{path}: {}", &found[0]);
            calls += 1;
        }
    }
    assert!(calls > 100, "{calls} calls");
}

// ---- what an operator drops in

fn check_own(name: &str, text: &str, expected: &[&str]) {
    let lines: Vec<String> =
        check_words(&[(name.to_owned(), text.to_owned())]).iter().flat_map(|report| report.lines()).collect();
    for part in expected {
        assert!(lines.iter().any(|line| line.contains(part)), "{part} is not in {lines:#?}");
    }
    let is_usable = !lines.iter().any(|line| line.contains(": error: "));
    assert_eq!(Templates::new(&[(name.to_owned(), text.to_owned())]).is_ok(), is_usable, "{lines:#?}");
}

#[test]
fn a_dropped_in_language_says_in_english_what_it_lacks_and_check_lists_it() {
    let french = "today = Aujourd’hui\ntags = Étiquettes\n";
    let own = [("words/fr.ftl".to_owned(), french.to_owned())];
    let templates = Templates::new(&own).unwrap();
    let words = templates.words("fr-CA");
    assert_eq!((words.lang(), words.say("today").as_str()), ("fr", "Aujourd’hui"));
    assert_eq!(words.say("tomorrow"), "Tomorrow");
    let langs: Vec<&str> = templates.languages().map(Words::lang).collect();
    assert_eq!(langs, ["en", "es", "fr"]);
    mail_sample::try_out(&templates).unwrap();
    let (english, _) = shipped("en");
    let all = english.messages.len();
    let missing = format!(
        "templates/words/fr.ftl:1:1: warning: {} of {all} messages are missing and are said in English: access-asl, ",
        all - 2
    );
    check_own("words/fr.ftl", french, &[&missing]);
}

#[test]
fn a_mistake_in_a_file_of_words_is_told_with_its_line_and_column() {
    check_own(
        "words/fr.ftl",
        "today = A\ntags Étiquettes\n",
        &["templates/words/fr.ftl:2:6: error: expected a token"],
    );
    check_own(
        "words/fr.ftl",
        "# Un\nmoment = { $jour }, { $clock }\n",
        &["templates/words/fr.ftl:2:13: error: moment is not given the name jour, it has clock, day"],
    );
    check_own(
        "words/fr.ftl",
        "tofay = A\n",
        &["fr.ftl:1:1: warning: nothing asks for tofay, did you mean today?"],
    );
    check_own(
        "words/fr.ftl",
        "look-elsewhere = Voir <ahead>les actions</ahead>.\n",
        &["fr.ftl:1:1: warning: look-elsewhere lacks the link all"],
    );
    check_own("words/fr.ftl", "today = { -jour }\n", &["fr.ftl:1:11: error: nothing is called -jour"]);
    check_own("words/français.ftl", "today = A\n", &["error: the file's name is not that of a language"]);
    check_own("words/es.ftl", "today = Hoy mismo\n", &[]);
}

#[test]
fn check_and_doctor_tell_what_a_language_lacks() {
    let world = World::new("");
    fs::create_dir_all(world.path().join("templates/words")).unwrap();
    let run = |words: &str, arguments: &[&str]| {
        fs::write(world.path().join("templates/words/fr.ftl"), words).unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_handbill"));
        let output = command.arg("-C").arg(world.path()).args(arguments).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = run("today = Aujourd’hui\n", &["check", "--brief"]);
    assert!(code == 0 && said.contains("templates/words/fr.ftl:1:1: warning: "), "{said}");
    let (_, said) = run("today = Aujourd’hui\n", &["doctor"]);
    assert!(said.contains("en, es, fr; templates/words/fr.ftl:1:1: warning: "), "{said}");
    let (code, said) = run("today\n", &["check", "--brief"]);
    assert!(code == 1 && said.contains("templates/words/fr.ftl:1:6: error: "), "{said}");
}

#[test]
fn an_operators_word_takes_the_place_of_ours_and_the_others_stay() {
    let own = [
        ("words/es.ftl".to_owned(), "fact-hosts = Organiza\n".to_owned()),
        ("words/en.ftl".to_owned(), "kind-action = Event\n".to_owned()),
    ];
    let templates = Templates::new(&own).unwrap();
    let (english, spanish) = (templates.words("en"), templates.words("es"));
    assert_eq!((spanish.say("fact-hosts"), spanish.say("fact-where")), ("Organiza".into(), "Dónde".into()));
    assert_eq!((english.say("kind-action"), spanish.say("kind-action")), ("Event".into(), "Acción".into()));
    assert_ne!(templates.stamp(), TEMPLATES.stamp());
}

#[test]
fn the_words_of_a_region_lie_over_those_of_its_language() {
    let own = [
        ("words/es-AR.ftl".to_owned(), "access-restroom = Baños\n".to_owned()),
        ("words/en-GB.ftl".to_owned(), "# $hour\nclock = { $hour }:{ $minute }\n".to_owned()),
    ];
    assert!(check_words(&own).is_empty(), "{:?}", check_words(&own));
    let templates = Templates::new(&own).unwrap();
    let argentine = templates.words("es-AR");
    assert_eq!((argentine.say("access-restroom"), argentine.say("today")), ("Baños".into(), "Hoy".into()));
    assert_eq!(templates.words("es-MX").say("access-restroom"), "Baño");
    let nine = "2018-07-10T21:05:00".parse().unwrap();
    let said = ["en", "en-GB"].map(|lang| templates.words(lang).clock_alone(nine));
    assert_eq!(said, ["9:05 PM", "21:05"]);
}

#[test]
fn a_template_that_asks_for_a_message_which_is_not_there_is_found_at_the_start() {
    let own = ("web/gone.html".to_owned(), "fine\n{{ say(id=\"gonne\") }}".to_owned());
    let wrong = Templates::new(&[own]).unwrap_err().to_string();
    assert_eq!(wrong, "templates/web/gone.html:2: no message is called gonne, did you mean gone?");
}

// ---- who gets which

const BILINGUAL: &str = "
[[list]]
name = \"alerts\"
title = { en = \"Alerts\", es = \"Alertas\" }
description = \"All\"
when = \"at once\"
";

#[test]
fn each_reader_gets_the_mail_in_their_language() {
    let mut world = World::new(BILINGUAL);
    world.look("2018-07-06T12:00Z");
    world.subscribe(&["ana"], "alerts");
    world.subscribe_in(&["berta"], "alerts", "es-MX");
    world.subscribe_in(&["chen"], "alerts", "zh");
    let march = "+++\nkind = \"action\"\ntitle = \"March\"\nstarts = 2018-07-10 09:00\nzone = \"UTC\"\n+++\nBring water.\n";
    world.write("march", march);
    world.pass("2018-07-06T13:00Z");
    let mails = world.arrived();
    let subjects: Vec<&str> = mails.iter().map(|mail| mail.subject.as_str()).collect();
    assert_eq!(
        subjects,
        [
            "Action: March — Tue Jul 10, 9:00 AM",
            "Acción: March — mar 10 jul, 9:00",
            "Action: March — Tue Jul 10, 9:00 AM"
        ]
    );
    assert!(mails[0].text.contains("“Alerts”") && mails[1].text.contains("“Alertas”"));
    assert_eq!(world.tallies(), "alert/alerts/march complete: 3 to, 3 sent\n");
}

#[test]
fn the_title_of_a_list_is_one_text_or_one_a_language() {
    let head = "[site]\ntitle = \"T\"\norganization = \"O\"\nurl = \"https://n.example.org/\"\nzone = \"UTC\"\nlang = \"es\"\n\
                [mail]\nfrom = \"N <n@example.org>\"\n";
    let (config, report) = config::parse("handbill.toml", &format!("{head}{BILINGUAL}"));
    let config = config.unwrap_or_else(|| panic!("{report}"));
    assert_eq!(config.lists[0].title, "Alertas");
    let title = |lang: &str| config.list_in("alerts", lang).unwrap();
    assert_eq!((title("en").title, title("en").description), ("Alerts".to_owned(), "All".to_owned()));
    assert_eq!(title("fr").title, "Alertas");
    for (written, expected) in [
        ("title = { english = \"A\", es = \"B\" }", "11:11: error: `english` is not a language"),
        ("title = { en = 1 }", "`title` in the language en is not one line of text"),
        ("title = 1", "`title` is of the type integer"),
    ] {
        let source = format!("{head}[[list]]\nname = \"a\"\n{written}\nwhen = \"at once\"\n");
        let (config, report) = config::parse("handbill.toml", &source);
        assert!(config.is_none() && report.to_string().contains(expected), "{report}");
    }
}
