//! Email: what a letter holds, and that nobody can write into another part of it.

use std::path::Path;

use chrono::{DateTime, Utc};
use handbill::channel::smtp::body::is_encoded;
use handbill::config::{List, Mail, Returns, Select, Site, Transport, When};
use handbill::delivery::is_superseded;
use handbill::edition::{Audience, Content, Edition, Member};
use handbill::notice::Notice;
use handbill::notice::parse::parse;
use handbill::render::email::sample;
use handbill::render::email::view::direction;
use handbill::render::email::{Error, Letter, Sender, Stamp, letter};
use handbill::render::templates::{self, Templates};
use handbill::revision::{Draft, Revision};
use handbill::schedule::reminder::Before;
use handbill::schedule::zone::Zone;
use mail_parser::{HeaderValue, Message, MessageParser, MimeHeaders, PartType};
use proptest::prelude::*;
use url::Url;

const ACTION: &str = r##"+++
kind = "action"
title = "#AbolishICE: meet the National Homeland Security Conference"
summary = "Demonstration outside the mayor's keynote."
hosts = ["Metropolitan Anarchist Coordinating Council"]
cosponsors = [{ name = "Sanctuary Circle", url = "https://circle.example.org/", confirmed = true }]
demands = ["Abolish ICE", "Close the camps"]
starts = 2018-07-10 09:00
ends = 2018-07-10 11:00
assemble_at = 2018-07-10 08:30
zone = "America/New_York"
[place]
name = "Sheraton Times Square"
address = "811 7th Avenue at 53rd Street, New York, NY 10019"
meeting_point = "North side of 53rd Street, by the fountain"
[access]
wheelchair = "Level pavement; a steward with a ramp at the corner"
asl = "Two interpreters at the front"
[legal]
jail_support = "Write 212 555 0100 on your arm"
know_your_rights = "https://example.org/rights?lang=en&short=1"
[press]
role = "press team"
email = "press@example.org"
+++
Text.
"##;

const STATEMENT: &str = r#"+++
kind = "statement"
title = "In solidarity with the hunger strike"
summary = "The assembly stands with those who refuse their meals behind the walls."
issued = "2018-07-02"
addressed_to = ["Everyone with a telephone"]
signatories = [{ name = "Metropolitan Anarchist Coordinating Council", confirmed = true }]
+++
Text.
"#;

const ARCHIVE: &str = r#"+++
kind = "archive"
title = "Free fridges"
summary = "A refrigerator on the pavement, plugged into a shop, filled and emptied by whoever passes."
period = "2012 to today"
places = [{ name = "Berlin", from = 2012 }]
unknown = ["Who set up the first one?"]
[[sources]]
title = "Fridges & friends"
url = "https://example.org/zine"
+++
Text.
"#;

const ARABIC: &str = r#"+++
kind = "action"
title = "وقفة تضامنية مع المهاجرين"
summary = "نلتقي أمام الفندق صباح الثلاثاء. أحضروا أصدقاءكم."
lang = "ar"
starts = 2018-07-10 09:00
zone = "America/New_York"
[place]
name = "فندق شيراتون تايمز سكوير"
address = "811 7th Avenue, New York, NY 10019"
+++
Text.
"#;

const BODY_HTML: &str = "<p>The people who run the raids have rented a ballroom. We will be on the pavement: with \
    <a href=\"https://example.org/banners?size=1&amp;red=2\">banners</a>, drums and names.</p>\n\
    <h3>What to bring</h3>\n<ul>\n<li>Water, a hat, a friend</li>\n<li>The number of the legal team on your arm</li>\n\
    </ul>\n<blockquote>\n<p>No one is illegal.</p>\n</blockquote>\n\
    <p><img src=\"https://notices.example.org/media/flyer.png\" alt=\"A flyer: an empty cage\"></p>\n";
const BODY_TEXT: &str = "The people who run the raids have rented a ballroom. We will be on the\n\
    pavement: with banners <https://example.org/banners?size=1&red=2>, drums\nand names.\n\n\
    What to bring\n-------------\n\n- Water, a hat, a friend\n- The number of the legal team on your arm\n\n\
    > No one is illegal.\n\n[Image: A flyer: an empty cage]";

const ARABIC_HTML: &str =
    "<p>سنكون على الرصيف مع اللافتات والطبول والأسماء. <strong>لا أحد غير قانوني.</strong></p>\n";
const ARABIC_TEXT: &str = "سنكون على الرصيف مع اللافتات والطبول والأسماء. لا أحد غير قانوني.";

const CALENDAR: &[u8] = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:PUBLISH\r\nEND:VCALENDAR\r\n";
const DUE: &str = "2018-07-08T22:00:00Z";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn site() -> Site {
    Site {
        title: "Notices of the council".to_owned(),
        organization: "Metropolitan Anarchist Coordinating Council".to_owned(),
        description: "Actions, statements and dispatches.".to_owned(),
        url: Url::parse("https://notices.example.org/").unwrap(),
        tag_domain: "example.org".to_owned(),
        zone: Zone::find("America/New_York").unwrap(),
        lang: "en".to_owned(),
        contact: Some("council@example.org".to_owned()),
        postal_address: Some("PO Box 1, New York, NY 10001".to_owned()),
        signed_by: None,
        hubs: Vec::new(),
    }
}

fn mail() -> Mail {
    Mail {
        from_name: "Notices of the council".to_owned(),
        from_address: "notices@example.org".to_owned(),
        reply_to: Some("council@example.org".to_owned()),
        transport: Transport::Outbox,
        dkim: None,
        returns: Returns::default(),
    }
}

fn list(title: &str) -> List {
    List {
        name: "alerts".to_owned(),
        title: title.to_owned(),
        description: "Every action at once, with a reminder the day before.".to_owned(),
        select: Select::default(),
        when: When::AtOnce,
        remind: Vec::new(),
        quiet: None,
        digest: None,
    }
}

pub fn stamp() -> Stamp {
    Stamp {
        recipient: "robin@example.net".to_owned(),
        message_id: "k3v9q2m8@example.org".to_owned(),
        unsubscribe_url: "https://notices.example.org/leave?t=eyJhbGciOiJub25lIn0=&l=alerts".to_owned(),
        preferences_url: "https://notices.example.org/preferences?t=Zm9vYmFyYmF6cXV4cXV1eGNvcmdlZ3JhdWx0Z2FycGx5d2FsZG9mcmVk".to_owned(),
        unsubscribe_mailto: Some("mailto:leave+eyJhbGciOiJub25l@example.org".to_owned()),
        in_reply_to: None,
    }
}

fn notice(id: &str, source: &str) -> Notice {
    let parsed = parse(&format!("{id}.md"), source, &site().defaults());
    let mut notice = parsed.notice.unwrap_or_else(|| panic!("{}", parsed.report.pretty(false)));
    // The body is set here, so that these tests are of the letter alone.
    let arabic = notice.lang == "ar";
    notice.body.html = if arabic { ARABIC_HTML } else { BODY_HTML }.to_owned();
    notice.body.text = if arabic { ARABIC_TEXT } else { BODY_TEXT }.to_owned();
    notice.body.excerpt = notice.body.text.lines().next().unwrap().to_owned();
    notice
}

fn draft(notice: Notice, source: &str) -> Draft {
    let path = format!("notices/{}.md", notice.id);
    Draft::new(notice, &path, source)
}

fn first(id: &str, source: &str) -> Revision {
    Revision::first(draft(notice(id, source), source), at(DUE))
}

fn edited(revision: &Revision, old: &str, new: &str) -> Revision {
    let source = revision.draft.source.replace(old, new);
    assert_ne!(&*revision.draft.source, source, "the edit changes something");
    revision.next(draft(notice(revision.id().as_str(), &source), &source), at("2018-07-09T12:00:00Z"))
}

fn action() -> Revision {
    first("2018-07-10-abolish-ice", ACTION)
}

fn member(revision: &Revision) -> Member {
    Member { notice: revision.id().clone(), number: revision.number }
}

fn edition(content: Content, due_at: &str) -> Edition {
    let audience = Audience::List("alerts".to_owned());
    Edition::new(audience, content, at(due_at), at("2018-07-10T13:00:00Z"))
}

fn issue(revisions: &[Revision]) -> Content {
    let cut = "2018-07-09T09:00:00".parse().unwrap();
    Content::Issue { cut, members: revisions.iter().map(member).collect() }
}

fn write_from(list: &List, content: Content, revisions: &[Revision], due_at: &str) -> Result<Letter, Error> {
    write_late(list, content, revisions, due_at, due_at)
}

// Sent at `now`.
fn write_late(
    list: &List,
    content: Content,
    revisions: &[Revision],
    due_at: &str,
    now: &str,
) -> Result<Letter, Error> {
    let (site, mail, templates) = (site(), mail(), Templates::new(&[]).unwrap());
    let words = templates.words("en");
    let sender = Sender { site: &site, mail: &mail, list, templates: &templates, words };
    let edition = edition(content, due_at);
    let members: Vec<&Revision> = revisions.iter().collect();
    let calendar = (members.len() == 1 && members[0].notice().event().is_some()).then_some(CALENDAR);
    letter(&sender, &edition, &members, calendar, at(now))
}

pub fn write(content: Content, revisions: &[Revision], due_at: &str) -> Letter {
    write_from(&list("Alerts"), content, revisions, due_at).unwrap()
}

fn alert(revision: &Revision) -> Letter {
    write(Content::Alert(member(revision)), std::slice::from_ref(revision), DUE)
}

fn correction(revision: &Revision) -> Letter {
    let content = Content::Correction(member(revision), revision.sequence);
    write(content, std::slice::from_ref(revision), "2018-07-09T12:00:00Z")
}

fn reminder(revision: &Revision, before: &str, due_at: &str) -> Letter {
    let content = Content::Reminder(member(revision), None, Before::parse(before).unwrap());
    write(content, std::slice::from_ref(revision), due_at)
}

fn bytes(letter: &Letter, stamp: &Stamp) -> Vec<u8> {
    let mut message = Vec::new();
    letter.splice(stamp, &mut message);
    message
}

// What holds for every message, whatever people wrote.
fn check_sound(message: &[u8]) {
    assert!(message.is_ascii(), "7 bits");
    let text = std::str::from_utf8(message).unwrap();
    assert!(text.ends_with("\r\n"));
    for line in text.split("\r\n") {
        assert!(!line.contains(['\r', '\n']), "only CRLF: {line:?}");
        assert!(line.len() <= 998, "RFC 5322 section 2.1.1: {line:?}");
    }
    assert!(is_encoded(message), "it can go over the wire as it is");
}

fn check_letter(letter: &Letter) {
    check_sound(&bytes(letter, &stamp()));
    let html = letter.html(&stamp());
    for forbidden in ["<img", "src=", "<link", "@import", "url(", "<script", "@font-face"] {
        assert!(!html.contains(forbidden), "{forbidden} in {html}");
    }
    for element in html.split('<').filter(|element| element.contains("role=\"presentation\"")) {
        assert!(element.starts_with("table"), "a reader is told to skip what is no layout: {element}");
    }
    let message = bytes(letter, &stamp());
    let parsed = parsed(&message);
    assert_eq!(parsed.subject(), Some(letter.subject()));
    assert_eq!(parsed.body_text(0).unwrap().replace("\r\n", "\n"), letter.text(&stamp()));
    assert_eq!(html_part(&parsed).trim_end().replace("\r\n", "\n"), html.trim_end());
}

fn check_golden(name: &str, letter: &Letter, stamp: &Stamp) {
    check_letter(letter);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/email/{name}.eml"));
    let actual = bytes(letter, stamp);
    if std::env::var_os("HANDBILL_BLESS").is_some() {
        std::fs::write(&path, &actual).unwrap();
    }
    let expected = std::fs::read(&path).unwrap_or_default();
    assert!(actual == expected, "{} is not what is written now; HANDBILL_BLESS=1 writes it", path.display());
}

fn parsed(message: &[u8]) -> Message<'_> {
    MessageParser::default().parse(message).unwrap()
}

fn html_part(message: &Message<'_>) -> String {
    let is_html = |part: &&mail_parser::MessagePart<'_>| matches!(part.body, PartType::Html(_));
    message.parts.iter().find(is_html).unwrap().text_contents().unwrap().to_owned()
}

fn headers(message: &[u8], name: &str) -> Vec<String> {
    let text = std::str::from_utf8(message).unwrap();
    let head = text.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
    let prefix = format!("{name}: ");
    head.lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect()
}

fn hrefs(html: &str) -> Vec<String> {
    let values = html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    values.map(|value| value.replace("&amp;", "&")).collect()
}

#[test]
fn an_alert_says_when_and_where_and_carries_the_calendar_entry() {
    let letter = alert(&action());
    check_golden("alert", &letter, &stamp());
    let message = bytes(&letter, &stamp());
    let parsed = parsed(&message);
    assert_eq!(
        parsed.subject().unwrap(),
        "Action: #AbolishICE: meet the National Homeland Security Conference — Tue Jul 10, 9:00 AM"
    );
    let kinds: Vec<String> = parsed
        .parts
        .iter()
        .map(|part| part.content_type().map(|kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap())))
        .map(Option::unwrap)
        .collect();
    assert_eq!(
        kinds,
        ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/calendar"]
    );
    let calendar = parsed.attachment(0).unwrap();
    assert_eq!(calendar.contents(), CALENDAR);
    assert_eq!(calendar.attachment_name(), Some("2018-07-10-abolish-ice.ics"));
    assert_eq!(calendar.content_type().unwrap().attribute("method"), Some("PUBLISH"));
}

#[test]
fn the_text_part_alone_is_enough_to_get_there_and_to_leave_the_list() {
    let text = alert(&action()).text(&stamp());
    for told in [
        "#AbolishICE: meet the National Homeland Security Conference",
        "Tuesday, July 10, 2018, 9:00 AM EDT to 11:00 AM EDT",
        "811 7th Avenue at 53rd Street",
        "North side of 53rd Street",
        "Two interpreters at the front",
        "212 555 0100",
        "press@example.org",
        "What to bring",
        "https://notices.example.org/notices/2018-07-10-abolish-ice/",
        "on the list “Alerts”",
        &stamp().unsubscribe_url,
        &stamp().preferences_url,
        "council@example.org",
    ] {
        assert!(text.replace('\n', " ").contains(told), "{told} in {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 72 || line.contains("://")), "{text}");
}

#[test]
fn a_right_to_left_notice_stands_in_its_direction_within_a_left_to_right_mail() {
    let letter = alert(&first("2018-07-10-waqfa", ARABIC));
    check_golden("alert-rtl", &letter, &stamp());
    let html = letter.html(&stamp());
    assert!(
        html.contains("<html dir=\"ltr\" lang=\"en\">") || html.contains("<html lang=\"en\" dir=\"ltr\">")
    );
    assert!(html.contains("dir=\"rtl\""));
    assert_eq!(letter.subject(), "Action: وقفة تضامنية مع المهاجرين — Tue Jul 10, 9:00 AM");
}

#[test]
fn a_script_decides_the_direction_before_the_language() {
    let directions = ["ar", "he-IL", "fa-Latn", "az-Arab-IR", "en", "ar-EG", "pa", "sd-Deva"].map(direction);
    assert_eq!(directions, ["rtl", "rtl", "ltr", "rtl", "ltr", "rtl", "ltr", "ltr"]);
}

#[test]
fn an_issue_begins_with_its_contents_and_holds_every_text() {
    let revisions = [action(), first("solidarity", STATEMENT), first("free-fridges", ARCHIVE)];
    let letter = write(issue(&revisions), &revisions, "2018-07-09T13:00:00Z");
    check_golden("issue", &letter, &stamp());
    assert_eq!(
        letter.subject(),
        "Alerts: #AbolishICE: meet the National Homeland Security Conference and 2 more"
    );
    let html = letter.html(&stamp());
    for revision in &revisions {
        assert!(html.contains(&format!("href=\"#n-{}\"", revision.id())));
        assert!(html.contains(&format!("id=\"n-{}\"", revision.id())));
    }
    assert_eq!(letter.text(&stamp()).matches("What to bring").count(), 3);
    assert!(!String::from_utf8_lossy(&bytes(&letter, &stamp())).contains("text/calendar"));
}

#[test]
fn an_issue_that_a_mail_program_would_cut_off_carries_excerpts_of_the_longest() {
    let mut long = notice("solidarity", STATEMENT);
    long.body.html = "<p>Again and again.</p>\n".repeat(5000);
    long.body.text = "Again and again.\n\n".repeat(5000);
    long.body.excerpt = "Again and again.".to_owned();
    let revisions = [action(), Revision::first(draft(long, STATEMENT), at(DUE))];
    let letter = write(issue(&revisions), &revisions, "2018-07-09T13:00:00Z");
    check_letter(&letter);
    assert!(letter.html(&stamp()).len() < 102_000);
    let text = letter.text(&stamp());
    assert_eq!(text.matches("Again and again.").count(), 1);
    assert!(text.contains("Read the whole text:\nhttps://notices.example.org/notices/solidarity/"));
    assert!(text.contains("What to bring"), "the short one is whole");
}

#[test]
fn a_reminder_says_how_long_there_still_is() {
    let letter = reminder(&action(), "-P1D", "2018-07-09T13:00:00Z");
    check_golden("reminder", &letter, &Stamp { in_reply_to: Some("a1@example.org".to_owned()), ..stamp() });
    let subject = |before, due_at| reminder(&action(), before, due_at).subject().to_owned();
    let title = "#AbolishICE: meet the National Homeland Security Conference";
    assert_eq!(letter.subject(), format!("Tomorrow: {title}"));
    assert_eq!(subject("-PT2H", "2018-07-10T11:00:00Z"), format!("In 2 hours: {title}"));
    assert_eq!(subject("-P1W", "2018-07-03T13:00:00Z"), format!("In 1 week: {title}"));
}

#[test]
fn a_reminder_that_quiet_hours_moved_names_the_day() {
    let subject = |before, due_at| reminder(&action(), before, due_at).subject().to_owned();
    let title = "#AbolishICE: meet the National Homeland Security Conference";
    assert_eq!(subject("-PT2H", "2018-07-10T12:00:00Z"), format!("Today: {title}"));
    assert_eq!(subject("-PT12H", "2018-07-10T02:00:00Z"), format!("Tomorrow: {title}"));
    assert_eq!(subject("-P1W", "2018-07-04T12:00:00Z"), format!("In 6 days: {title}"));
}

#[test]
fn a_reminder_that_comes_late_says_what_is_so_by_then() {
    let action = action();
    let subject = |before, due_at, now| {
        let content = Content::Reminder(member(&action), None, Before::parse(before).unwrap());
        let letter =
            write_late(&list("Alerts"), content, std::slice::from_ref(&action), due_at, now).unwrap();
        letter.subject().split(':').next().unwrap().to_owned()
    };
    // It starts on the 10th at 9 in New York.
    assert_eq!(subject("-PT2H", "2018-07-10T11:00:00Z", "2018-07-10T11:05:00Z"), "In 2 hours");
    assert_eq!(subject("-PT2H", "2018-07-10T11:00:00Z", "2018-07-10T12:50:00Z"), "Today");
    assert_eq!(subject("-P1D", "2018-07-09T13:00:00Z", "2018-07-10T03:59:00Z"), "Tomorrow");
    assert_eq!(subject("-P1D", "2018-07-09T13:00:00Z", "2018-07-10T04:00:00Z"), "Today");
    assert_eq!(subject("-P1W", "2018-07-03T13:00:00Z", "2018-07-03T20:00:00Z"), "In 1 week");
    assert_eq!(subject("-P1W", "2018-07-03T13:00:00Z", "2018-07-04T13:00:00Z"), "In 6 days");
}

#[test]
fn a_correction_that_comes_late_says_what_is_so_by_then() {
    let moved = edited(&action(), "Sheraton Times Square", "Bryant Park");
    let again = edited(&moved, "Bryant Park", "Foley Square");
    let off = edited(&again, "title =", "status = \"cancelled\"\ntitle =");
    let on = edited(&off, "status = \"cancelled\"\n", "");
    let back = edited(&again, "Foley Square", "Sheraton Times Square");
    let first = |revision: &Revision| {
        let content = Content::Correction(member(revision), 1);
        write(content, std::slice::from_ref(revision), "2018-07-09T12:00:00Z")
    };
    let change = |letter: &Letter| letter.subject().split([':', ',']).next().unwrap().to_owned();
    let said = |letter: &Letter| letter.text(&stamp()).split("As it stands now").next().unwrap().to_owned();
    assert_eq!(change(&first(&again)), "New place");
    assert!(said(&first(&again)).contains("was Sheraton Times Square"));
    assert!(!said(&first(&again)).contains("Bryant Park"));
    assert_eq!(change(&first(&off)), "Cancelled");
    assert_eq!(change(&first(&on)), "New place");
    assert!(!said(&first(&on)).contains("ancelled"));
    // Nothing is left to say to who has not heard the first yet.
    let content = Content::Correction(member(&back), 1);
    let now = at("2018-07-09T12:00:00Z");
    assert!(is_superseded(&content, now, now, std::slice::from_ref(&back)));
    assert!(!is_superseded(&content, now, now, std::slice::from_ref(&again)));
}

#[test]
fn a_correction_says_the_change_first_and_follows_the_original() {
    let moved = edited(&action(), "Sheraton Times Square", "Bryant Park");
    let letter = correction(&moved);
    let original = "k3v9q2m7@example.org";
    let stamp = Stamp { in_reply_to: Some(original.to_owned()), ..stamp() };
    check_golden("correction-place", &letter, &stamp);
    assert!(letter.subject().starts_with("New place: #AbolishICE"));
    let text = letter.text(&stamp);
    let change = text.find("The place has changed: was Sheraton Times Square").unwrap();
    assert!(change < text.find("Where: Bryant Park").unwrap());
    let message = bytes(&letter, &stamp);
    assert_eq!(headers(&message, "In-Reply-To"), [format!("<{original}>")]);
    assert_eq!(headers(&message, "References"), [format!("<{original}>")]);
}

// Each edit is of the source; the sentences are all that the correction says before the notice.
fn check_correction(edits: &[(&str, &str)], subject: &str, sentences: &[&str]) {
    let action = action();
    let source =
        edits.iter().fold(action.draft.source.to_string(), |text, (old, new)| text.replace(old, new));
    let letter = correction(&edited(&action, &action.draft.source, &source));
    assert!(letter.subject().starts_with(subject), "{}", letter.subject());
    let text = letter.text(&stamp()).split_whitespace().collect::<Vec<_>>().join(" ");
    let said = text.split("---- ").nth(1).unwrap().split(" As it stands now").next().unwrap();
    assert_eq!(said.trim_start_matches(['-', ' ']), sentences.join(" "));
}

#[test]
fn a_cancellation_says_so_first() {
    let cancelled = edited(
        &action(),
        "zone =",
        "status = \"cancelled\"\nstatus_note = \"The conference is called off.\"\nzone =",
    );
    let letter = correction(&cancelled);
    check_golden("cancellation", &letter, &stamp());
    assert!(letter.subject().starts_with("Cancelled: #AbolishICE"));
    assert!(letter.text(&stamp()).contains("The conference is called off."));
}

#[test]
fn a_corrections_subject_names_what_decides_where_somebody_goes() {
    let subject = |old: &str, new: &str| {
        let letter = correction(&edited(&action(), old, new));
        check_letter(&letter);
        letter.subject().split(": ").next().unwrap().to_owned()
    };
    assert_eq!(subject("starts = 2018-07-10 09:00", "starts = 2018-07-10 10:00"), "New time");
    assert_eq!(subject("North side", "South side"), "New meeting point");
    assert_eq!(subject("ends = 2018-07-10 11:00", "ends = 2018-07-10 12:00"), "New end");
    assert_eq!(subject("zone =", "status = \"postponed\"\nzone ="), "Postponed");
    assert_eq!(
        subject(
            "zone = \"America/New_York\"\n[place]\nname = \"Sheraton",
            "zone = \"America/Chicago\"\n[place]\nname = \"Hotel"
        ),
        "New time and place"
    );
}

#[test]
fn a_correction_says_of_the_place_what_differs_and_no_more() {
    check_correction(
        &[("811 7th Avenue", "813 7th Avenue")],
        "New address: ",
        &[
            "The address has changed: was 811 7th Avenue at 53rd Street, New York, NY 10019, is 813 7th Avenue at \
         53rd Street, New York, NY 10019.",
        ],
    );
    check_correction(
        &[("Sheraton Times Square", "Bryant Park")],
        "New place: ",
        &["The place has changed: was Sheraton Times Square, is Bryant Park."],
    );
    check_correction(
        &[("Sheraton Times Square", "Bryant Park"), ("811 7th", "42nd at 6th")],
        "New place: ",
        &[
            "The place has changed: was Sheraton Times Square, 811 7th Avenue at 53rd Street, New York, NY 10019, is \
         Bryant Park, 42nd at 6th Avenue at 53rd Street, New York, NY 10019.",
        ],
    );
}

#[test]
fn what_takes_place_again_is_said_before_the_new_time() {
    let postponed = edited(&action(), "zone =", "status = \"postponed\"\nzone =");
    let source = postponed.draft.source.replace("status = \"postponed\"\n", "").replace("09:00", "10:00");
    let again = edited(&postponed, &postponed.draft.source, &source);
    let text = correction(&again).text(&stamp()).split_whitespace().collect::<Vec<_>>().join(" ");
    let first = text.find("It takes place after all. The time has changed: was Tuesday").unwrap();
    assert!(first < text.find("When:").unwrap(), "{text}");
    assert!(correction(&again).subject().starts_with("New time: "));
}

#[test]
fn a_correction_of_nothing_is_an_error() {
    let revision = action();
    let wrong = write_from(&list("Alerts"), Content::Correction(member(&revision), 3), &[revision], DUE);
    assert_eq!(wrong.unwrap_err().to_string(), "the revision has no material change 3");
}

#[test]
fn a_letter_of_other_revisions_than_planned_is_an_error() {
    let planned = member(&action());
    let later = edited(&action(), "keynote", "key note");
    let wrong = write_from(&list("Alerts"), Content::Alert(planned), &[later], DUE);
    assert!(matches!(wrong, Err(Error::Members)));
}

#[test]
fn a_place_before_its_time_is_in_no_byte_of_a_letter() {
    let hidden = ACTION.replace("[place]\n", "[place]\nvisibility = \"day-of\"\n");
    let letter = alert(&first("2018-07-10-abolish-ice", &hidden));
    let told = letter.html(&stamp()) + &letter.text(&stamp()) + letter.subject();
    assert!(!told.contains("Sheraton"), "{told}");
    assert!(!told.contains("53rd Street"), "{told}");
    assert!(told.contains("Place to be announced"));
}

#[test]
fn every_link_is_the_authors_or_leads_to_the_site_as_it_is() {
    let mut links = hrefs(&alert(&action()).html(&stamp()));
    links.sort();
    let mut expected = vec![
        stamp().unsubscribe_url,
        stamp().preferences_url,
        "https://circle.example.org/".to_owned(),
        "https://example.org/banners?size=1&red=2".to_owned(),
        "https://example.org/rights?lang=en&short=1".to_owned(),
        "https://notices.example.org/".to_owned(),
        "https://notices.example.org/notices/2018-07-10-abolish-ice/".to_owned(),
        "mailto:council@example.org".to_owned(),
    ];
    expected.sort();
    assert_eq!(links, expected);
}

#[test]
fn a_picture_is_its_description() {
    let letter = alert(&action());
    assert!(letter.html(&stamp()).contains("[Image: A flyer: an empty cage]"));
    assert!(!letter.html(&stamp()).contains("flyer.png"));
}

#[test]
fn one_click_leaves_the_list() {
    let message = bytes(&alert(&action()), &stamp());
    let stamp = stamp();
    assert_eq!(
        headers(&message, "List-Unsubscribe"),
        [format!("<{}>, <{}>", stamp.unsubscribe_url, stamp.unsubscribe_mailto.unwrap())]
    );
    assert_eq!(headers(&message, "List-Unsubscribe-Post"), ["List-Unsubscribe=One-Click"]);
    assert_eq!(headers(&message, "List-Id"), ["\"Alerts\" <alerts.example.org>"]);
    assert_eq!(headers(&message, "List-Archive"), ["<https://notices.example.org/>"]);
    assert_eq!(headers(&message, "To"), ["robin@example.net"]);
    assert_eq!(headers(&message, "Date"), ["Sun, 08 Jul 2018 22:00:00 +0000"]);
}

#[test]
fn two_recipients_mails_differ_only_in_their_own_values() {
    let letter = alert(&action());
    let other = Stamp {
        recipient: "sam+notices@sub.example.net".to_owned(),
        message_id: "zzzzzzzz@example.org".to_owned(),
        unsubscribe_url: "https://notices.example.org/leave?t=B".to_owned(),
        preferences_url: format!("https://notices.example.org/preferences?t={}=", "C".repeat(300)),
        unsubscribe_mailto: None,
        in_reply_to: Some("original@example.org".to_owned()),
    };
    let (one, two) = (bytes(&letter, &stamp()), bytes(&letter, &other));
    check_sound(&two);
    assert_ne!(one, two);
    let (one, two) = (parsed(&one), parsed(&two));
    let neutral = |text: &str, stamp: &Stamp| {
        text.replace(&stamp.unsubscribe_url, "U").replace(&stamp.preferences_url, "P")
    };
    assert_eq!(neutral(&one.body_text(0).unwrap(), &stamp()), neutral(&two.body_text(0).unwrap(), &other));
    let html =
        |message: &Message<'_>, stamp: &Stamp| neutral(&html_part(message).replace("&amp;", "&"), stamp);
    assert_eq!(html(&one, &stamp()), html(&two, &other));
    let own = ["To", "Message-ID", "In-Reply-To", "References", "List-Unsubscribe"];
    let shared = |message: &Message<'_>| -> Vec<(String, HeaderValue<'static>)> {
        let headers = message.headers().iter().filter(|header| !own.contains(&header.name()));
        headers.map(|header| (header.name().to_owned(), header.value().clone().into_owned())).collect()
    };
    assert_eq!(shared(&one), shared(&two));
}

#[test]
fn the_same_edition_is_the_same_bytes() {
    assert_eq!(bytes(&alert(&action()), &stamp()), bytes(&alert(&action()), &stamp()));
}

#[test]
fn a_stamp_cannot_begin_a_line_with_a_dot() {
    let hostile = ".\r\n.\r\n..".to_owned();
    let stamp = Stamp {
        recipient: hostile.clone(),
        message_id: hostile.clone(),
        unsubscribe_url: hostile.clone(),
        preferences_url: hostile.clone(),
        unsubscribe_mailto: Some(hostile.clone()),
        in_reply_to: Some(hostile),
    };
    check_sound(&bytes(&alert(&action()), &stamp));
}

#[test]
fn a_stamp_cannot_add_a_header() {
    let hostile = "x@example.net\r\nBcc: all@example.net\r\n\r\nbody".to_owned();
    let stamp = Stamp {
        recipient: hostile.clone(),
        message_id: hostile.clone(),
        unsubscribe_url: hostile.clone(),
        preferences_url: hostile.clone(),
        unsubscribe_mailto: Some(hostile.clone()),
        in_reply_to: Some(hostile),
    };
    let message = bytes(&alert(&action()), &stamp);
    check_sound(&message);
    assert!(headers(&message, "Bcc").is_empty());
    assert_eq!(parsed(&message).subject(), Some(alert(&action()).subject()));
}

#[test]
fn an_operators_template_takes_the_place_of_ours() {
    let own = ("email/alert/subject.txt".to_owned(), "Come!\r\nBcc: {{ notices[0].title }}".to_owned());
    let (site, mail, list, templates) = (site(), mail(), list("Alerts"), Templates::new(&[own]).unwrap());
    let words = templates.words("en");
    let sender = Sender { site: &site, mail: &mail, list: &list, templates: &templates, words };
    let revision = action();
    let edition = edition(Content::Alert(member(&revision)), DUE);
    let letter = letter(&sender, &edition, &[&revision], None, at(DUE)).unwrap();
    check_letter(&letter);
    assert!(letter.subject().starts_with("Come! Bcc: #AbolishICE"));
}

fn check_template(name: &str, text: &str, expected: &[&str]) {
    let wrong = Templates::new(&[(name.to_owned(), text.to_owned())]).unwrap_err().to_string();
    for part in expected {
        assert!(wrong.contains(part), "{part} in {wrong}");
    }
}

#[test]
fn a_broken_template_is_found_at_the_start_with_its_line() {
    check_template(
        "email/alert/body.txt",
        "fine\n{{ notices | wrapp }}",
        &["wrapp", "email/alert/body.txt:2"],
    );
    check_template("email/alert/body.txt", "{% if %}", &["email/alert/body.txt:1"]);
    check_template("email/alert/body.txt", "{% extends \"email/none.txt\" %}", &["email/none.txt"]);
    check_template("email/alert/bodi.txt", "", &["replaces nothing, did you mean email/alert/body.txt?"]);
}

#[test]
fn our_templates_can_write_every_mail() {
    sample::try_out(&Templates::new(&[]).unwrap()).unwrap();
}

#[test]
fn a_name_that_no_mail_has_is_found_before_anything_is_due() {
    let check = |name: &str, text: &str| {
        let templates = Templates::new(&[(name.to_owned(), text.to_owned())]).unwrap();
        sample::try_out(&templates).unwrap_err().to_string()
    };
    for name in ["alert/subject.txt", "reminder/body.txt", "correction/body.html", "issue/body.html"] {
        let name = format!("email/{name}");
        let wrong = check(&name, "{{ notices[0].title }}\n{{ notices[0].titel }}");
        assert!(wrong.contains("titel") && wrong.contains(&format!("{name}:2")), "{wrong}");
    }
}

#[test]
fn an_operators_folder_is_read_with_its_subfolders() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("email/alert")).unwrap();
    std::fs::write(folder.path().join("email/alert/subject.txt"), "Come").unwrap();
    std::fs::write(folder.path().join("notes.md"), "not a template").unwrap();
    let texts = templates::read_folder(folder.path()).unwrap();
    assert_eq!(texts, [("email/alert/subject.txt".to_owned(), "Come".to_owned())]);
    let missing = templates::read_folder(&folder.path().join("none")).unwrap_err().to_string();
    assert!(missing.contains("none cannot be read"), "{missing}");
}

// Text of any script with what breaks headers, HTML, quoted-printable and boundaries.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => any::<String>(),
        1 => "[ -~]{0,120}",
        1 => prop::sample::select(vec![
            "\r\nBcc: all@example.net", "=?utf-8?Q?x?=", "--=_mixed_", "=_alternative_", "<img src=x>", "\n.\n", "\nFrom ",
            "عربي", "\u{202e}", "{{ subject }}", "=\r\n", "\u{0}", "splice", "&amp;<b>", "🏴", "\u{feff}",
        ]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 1..4).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_people_write_arrives_as_they_wrote_it(
        title in text(), summary in text(), place in text(), body in text(), list_title in text()
    ) {
        let mut hostile = notice("2018-07-10-abolish-ice", ACTION);
        hostile.title = title;
        hostile.summary = Some(summary);
        hostile.body.text = body;
        if let handbill::notice::Kind::Action(event) = &mut hostile.kind {
            event.place.as_mut().unwrap().name = place;
        }
        let revision = Revision::first(draft(hostile, ACTION), at(DUE));
        let content = Content::Alert(member(&revision));
        let letter = write_from(&list(&list_title), content, &[revision], DUE).unwrap();

        let message = bytes(&letter, &stamp());
        check_sound(&message);
        let names: Vec<String> = parsed(&message).headers().iter().map(|header| header.name().to_owned()).collect();
        prop_assert_eq!(names.join(" "), "Date From To Reply-To Subject Message-ID List-ID List-Unsubscribe \
            List-Unsubscribe-Post List-Archive Feedback-ID Content-Language MIME-Version Content-Type");
        let parsed = parsed(&message);
        prop_assert_eq!(parsed.parts.len(), 5);
        prop_assert_eq!(parsed.subject(), Some(letter.subject()));
        prop_assert_eq!(parsed.body_text(0).unwrap().replace("\r\n", "\n"), letter.text(&stamp()).replace('\r', "\n"));
        prop_assert!(!letter.html(&stamp()).contains("<img"));
    }

    #[test]
    fn quoted_printable_is_read_back_as_it_was(text in text()) {
        let mut out = Vec::new();
        handbill::render::email::mime::quoted_printable(&mut out, text.as_bytes());
        prop_assert!(out.is_ascii());
        let encoded = String::from_utf8(out).unwrap();
        prop_assert!(encoded.split("\r\n").all(|line| line.len() <= 76 && !line.contains(['\r', '\n'])));
        prop_assert!(encoded.split("\r\n").all(|line| !line.starts_with('.') && !line.ends_with([' ', '\t'])));
        prop_assert!(!encoded.contains("=_"));
        let message = format!(
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{encoded}"
        );
        let read = parsed(message.as_bytes()).body_text(0).unwrap().into_owned();
        let with_lf = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n");
        prop_assert_eq!(with_lf(&read), with_lf(&text));
    }
}
