//! Table: what each kind of change makes of each output, for people of each history, byte for byte.
//!
//! A change is a folder of `tests/golden/changes/`. `told.txt` says what `plan` foretold before the edit was
//! published, who got what in which order, and why somebody else got nothing; the other files are what came of the
//! change, as it was sent or as it stood when it had been published:
//!
//! - `mail.eml`: the whole mail of who had got the alert and a reminder; `mail.ics`: the file attached to it;
//! - `mail.es.txt`: the subject and the text of the same for who reads Spanish; where somebody else's text differs
//!   in more than their list and their own links, `told.txt` has those lines;
//! - `later.txt`: the text of what comes afterwards to who joined before the change and after the alert;
//! - `entry.atom`, `entry.rss`, `entry.json`: the feeds of everything, which hold this notice alone;
//! - `calendar.ics`, `event.ics`: the calendar of all actions, and the file of this one;
//! - `page.html`: the title, the JSON-LD and the main part of the notice's page;
//! - `post.json`: the body of the post to the target; its headers are in `told.txt`.
//!
//! The folder `first` is the notice before any change. Nothing is normalised: the installation's key is always the
//! same one here, and so are Message-IDs, tokens and the ids of posts. Of a post's headers the timestamp and the
//! signature over it are of the second in which it goes out; they are checked, and left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};
use handbill::channel::target::sign::{Headers, Secret, verify};
use handbill::ledger::choosing::Preferences;
use handbill::plan;
use handbill::subscriber::{Address, SubscriberId};
use mail_parser::{Message, MessageParser, MimeHeaders as _};
use tokio::runtime::Runtime;

use crate::changes::{foretold, handbill, said};
use crate::plan::at;
use crate::sample::golden;
use crate::target::receiver::{Receiver, Seen, answer};
use crate::world::World;

const LISTS: &str = r#"
[[list]]
name = "alerts"
when = "at once"
kinds = ["action"]
remind = ["-P7D", "-P1D"]
[[list]]
name = "nearby"
when = "at once"
kinds = ["action"]
[[list]]
name = "weekly"
when = "0 9 * * MON"
[[list]]
name = "statements"
when = "at once"
kinds = ["statement"]
"#;

const SECRET: &str = "whsec_c2l4dHktZm91ciBsYW50ZXJucyBvbiB0aGUgc3F1YXJl";

const MARCH: &str = r#"+++
kind = "action"
title = "March for housing"
summary = "From the square to the town hall."
starts = 2018-07-17 18:00
ends = 2018-07-17 20:00
zone = "America/New_York"
tags = ["housing"]
hosts = ["Tenants of the Example"]
[place]
name = "Example Square"
address = "1 Example Street, New York, NY 10001"
meeting_point = "At the fountain"
+++
Bring banners.
"#;

const KITCHEN: &str = r#"+++
kind = "action"
title = "Evening kitchen"
summary = "We cook and eat together."
zone = "America/New_York"
tags = ["food"]
hosts = ["Tenants of the Example"]
[place]
name = "Example Hall"
address = "2 Example Street, New York, NY 10001"
[[occurrence]]
starts = 2018-07-17 18:00
ends = 2018-07-17 20:00
[[occurrence]]
starts = 2018-07-24 18:00
ends = 2018-07-24 20:00
+++
Bring a bowl.
"#;

const BEGAN: &str = "2018-07-02T12:00Z";
const PUBLISHED: &str = "2018-07-03T14:00Z";
// The last look before the change, when some have left or joined.
const BEFORE: &str = "2018-07-11T12:00Z";
const CHANGED: &str = "2018-07-11T15:00Z";
const CHANGED_AGAIN: &str = "2018-07-12T15:00Z";
const END: &str = "2018-08-05T12:00Z";

/// Everybody, with their history and the lists that they are on from the start.
const PEOPLE: [(&str, &str, &str); 11] = [
    ("alerted", "got the alert", "nearby"),
    ("reminded", "got the alert and a reminder", "alerts"),
    ("spanish", "got the alert and a reminder, and reads Spanish", "alerts"),
    ("weekly", "got only the weekly issue with it", "weekly"),
    ("both", "is on two lists that alert", "alerts nearby"),
    ("unreminded", "wants no reminders", "alerts"),
    ("digest", "gets the weekly issue in place of alerts", "alerts"),
    ("since", "joined after the alert and before the change", ""),
    ("paused", "got the alert, and then asked to be sent nothing until July 20", "alerts"),
    ("left", "got the alert, and then left", "alerts"),
    ("never", "is only on a list that did not carry it", "statements"),
];

/// How a notice changes.
enum Edit {
    Replace(&'static [(&'static str, &'static str)]),
    Withdraw {
        by_mail: bool,
    },
    /// The first text again.
    Restore,
    /// Time passes.
    None,
}

struct Town {
    world: World,
    receiver: Receiver,
    runtime: Runtime,
    /// By person, in the order of their times.
    mails: BTreeMap<String, Vec<Vec<u8>>>,
    posted: usize,
}

impl Town {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let receiver = runtime.block_on(Receiver::start(|_, _| answer(204, &[], "")));
        let target = format!(
            "[[target]]\nname = \"board\"\nurl = \"{}\"\nsecret_file = \"board.secret\"\n\
             allow = [\"127.0.0.0/8\"]\nkinds = [\"action\"]\n",
            receiver.url("/board")
        );
        let mut world = World::new(&format!("{LISTS}{target}"));
        world.reconfigure("zone = \"UTC\"", "zone = \"America/New_York\"");
        handbill::installation::write_secret(&world.path().join("board.secret"), SECRET).unwrap();
        for (name, _, lists) in PEOPLE.iter().filter(|(name, ..)| *name != "since") {
            world.subscribe_in(&[name], lists, if *name == "spanish" { "es" } else { "en" });
        }
        let mut town = Self { world, receiver, runtime, mails: BTreeMap::new(), posted: 0 };
        town.prefer("unreminded", |wish| wish.reminders = false);
        town.prefer("digest", |wish| wish.lists[0].digest = Some("weekly".to_owned()));
        town.world.look(BEGAN);
        town
    }

    fn id_of(&self, name: &str) -> SubscriberId {
        let address = Address::parse(&format!("{name}@example.org")).unwrap();
        let lookup = self.world.installation.key().unwrap().lookup(&address);
        self.world.with_ledger(async |ledger| ledger.find_subscriber(&lookup).await.unwrap().unwrap().id)
    }

    fn prefer(&mut self, name: &str, change: impl FnOnce(&mut Preferences)) {
        let id = self.id_of(name);
        self.world.with_ledger(async |ledger| {
            let mut wish = ledger.preferences(id).await.unwrap().unwrap();
            change(&mut wish);
            assert!(ledger.set_preferences(id, &wish, at(BEGAN)).await.unwrap());
        });
    }

    fn pass(&mut self, now: DateTime<Utc>) {
        if self.world.look_at(now).deliveries > 0 {
            self.world.deliver_at(now);
        }
        let mut arrived = self.world.arrived_bytes();
        arrived.sort_by_key(|bytes| parsed(bytes).date().unwrap().to_timestamp());
        for bytes in arrived {
            let to = crate::world::read(&bytes).to;
            self.mails.entry(to).or_default().push(bytes);
        }
    }

    /// Looks whenever something falls due.
    fn live(&mut self, until: DateTime<Utc>) {
        while let Some(next) = self.next_due().filter(|next| *next <= until) {
            self.pass(next);
        }
    }

    fn next_due(&self) -> Option<DateTime<Utc>> {
        let installation = &self.world.installation;
        let history = self.world.with_ledger(async |ledger| {
            ledger.history(|path, source| installation.draft(path, source)).await.unwrap().unwrap()
        });
        let drafts = &installation.folder().read_once().unwrap().drafts;
        plan::next_due(&installation.config, drafts, &history)
    }

    fn edit(&self, id: &str, first: &str, edit: &Edit) {
        match edit {
            Edit::Replace(texts) => texts.iter().for_each(|(old, new)| self.world.edit(id, old, new)),
            Edit::Withdraw { by_mail } => {
                let mut arguments = vec!["withdraw", id, "--why", "The permit was a forgery."];
                arguments.extend(by_mail.then_some("--mail"));
                let done = handbill(&self.world, &arguments);
                assert!(done.status.success(), "{}", said(&done));
            }
            Edit::Restore => self.world.write(id, first),
            Edit::None => {}
        }
    }

    fn posts(&mut self) -> Vec<Seen> {
        let seen = self.receiver.seen();
        let new = seen[self.posted..].to_vec();
        self.posted = seen.len();
        new
    }

    fn site(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(self.world.installation.site().join(path)).ok()
    }
}

/// One change, or one after the other, from the first publication until nothing more comes of it.
fn check(name: &str, id: &str, first: &str, edits: &[Edit]) {
    let mut town = Town::new();
    town.world.write(id, first);
    town.pass(at(PUBLISHED));
    let mut posts = town.posts();
    if name == "march" || name == "kitchen" {
        // As it is before any change.
        write_documents(&town, &format!("first/{name}"), id);
        golden(&format!("changes/first/{name}/mail.eml"), &town.mails["reminded"][0]);
        golden(&format!("changes/first/{name}/post.json"), &posts[0].body);
        return;
    }
    town.live(at(BEFORE));
    let left = town.id_of("left");
    town.world.with_ledger(async |ledger| ledger.leave_all(left).await.unwrap());
    town.prefer("paused", |wish| wish.paused_until = Some(at("2018-07-20T00:00Z")));
    town.world.subscribe(&["since"], "alerts weekly");
    town.pass(at(BEFORE));
    let [before @ .., last] = edits else { panic!("a change") };
    let mut changed_at = at(CHANGED);
    for edit in before {
        town.edit(id, first, edit);
        town.pass(changed_at);
        changed_at = at(CHANGED_AGAIN);
    }
    posts.extend(town.posts());
    town.edit(id, first, last);
    let foretold = foretell(&town.world, if before.is_empty() { BEFORE } else { CHANGED });
    let told_before: BTreeMap<String, usize> =
        town.mails.iter().map(|(name, mails)| (name.clone(), mails.len())).collect();
    town.pass(changed_at);
    let folder = format!("changes/{name}");
    let mut files = write_documents(&town, name, id);
    let of_change = |who: &str| {
        let before = told_before.get(who).copied().unwrap_or(0);
        town.mails.get(who).and_then(|mails| mails.get(before))
    };
    if let Some(mail) = of_change("reminded") {
        files.insert("mail.eml");
        golden(&format!("{folder}/mail.eml"), mail);
        if let Some(attached) = attached(mail) {
            files.insert("mail.ics");
            golden(&format!("{folder}/mail.ics"), &attached);
        }
    }
    if let Some(mail) = of_change("spanish") {
        files.insert("mail.es.txt");
        golden(&format!("{folder}/mail.es.txt"), subject_and_text(mail).as_bytes());
    }
    let of_target = town.posts();
    assert!(of_target.len() < 2, "one post a change");
    if let Some(post) = of_target.first() {
        files.insert("post.json");
        golden(&format!("{folder}/post.json"), &post.body);
    }
    posts.extend(of_target);
    let came = town.mails.get("since").map_or(0, Vec::len);
    town.live(at(END));
    posts.extend(town.posts());
    if let Some(mail) = town.mails.get("since").and_then(|mails| mails.get(came)) {
        files.insert("later.txt");
        golden(&format!("{folder}/later.txt"), subject_and_text(mail).as_bytes());
    }
    files.insert("told.txt");
    let told = format!("{foretold}\n{}", told(&town, &posts, changed_at));
    golden(&format!("{folder}/told.txt"), told.as_bytes());
    let there = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(&folder));
    let there: BTreeSet<String> =
        there.unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(
        there,
        files.into_iter().map(str::to_owned).collect(),
        "{folder} holds what was made and no more"
    );
    drop(town.runtime);
}

/// The documents as they stand; answers the names of their files.
fn write_documents(town: &Town, name: &str, id: &str) -> BTreeSet<&'static str> {
    let page = town.site(&format!("notices/{id}/index.html"));
    let of_page = page.map(|page| main_part(&String::from_utf8(page).unwrap()).into_bytes());
    let documents = [
        ("entry.atom", town.site("feeds/all.atom")),
        ("entry.rss", town.site("feeds/all.rss")),
        ("entry.json", town.site("feeds/all.json")),
        ("calendar.ics", town.site("calendar/actions.ics")),
        ("event.ics", town.site(&format!("notices/{id}/event.ics"))),
        ("page.html", of_page),
    ];
    let mut files = BTreeSet::new();
    for (file, bytes) in documents {
        let Some(bytes) = bytes else { continue };
        golden(&format!("changes/{name}/{file}"), &bytes);
        files.insert(file);
    }
    files
}

fn main_part(page: &str) -> String {
    let between = |from: &str, to: &str| {
        let start = page.find(from).unwrap();
        let end = page[start..].find(to).unwrap() + start + to.len();
        format!("{}\n", &page[start..end])
    };
    let json_ld = between("<script type=\"application/ld+json\">", "</script>");
    [between("<title>", "</title>"), json_ld, between("<main", "</main>")].concat()
}

// What `handbill plan` says will come, before the service has seen the edit.
fn foretell(world: &World, from: &str) -> String {
    let mut text = "`handbill plan`, before it was published:\n".to_owned();
    for entry in foretold(world, &from.replace('Z', ":00Z"), "2018-07-13T00:00") {
        let field = |name: &str| entry[name].as_str().unwrap().to_owned();
        let to = entry["recipients"].as_u64().map_or(String::new(), |count| format!("to {count}"));
        let line = format!("  {:<13} {to:<5} {:<31} {}", field("what"), field("key"), field("why"));
        writeln!(text, "{}", line.trim_end()).unwrap();
    }
    text
}

fn told(town: &Town, posts: &[Seen], changed_at: DateTime<Utc>) -> String {
    let mut text = String::new();
    let sent_at =
        |message: &Message<'_>| DateTime::from_timestamp(message.date().unwrap().to_timestamp(), 0).unwrap();
    for (name, history, lists) in PEOPLE {
        let lists = if name == "since" { "alerts weekly" } else { lists };
        writeln!(text, "{name} ({}): {history}", lists.replace(' ', ", ")).unwrap();
        let mut known: BTreeMap<String, String> = BTreeMap::new();
        let mut is_silent = true;
        for bytes in town.mails.get(name).into_iter().flatten() {
            let (message, mail) = (parsed(bytes), crate::world::read(bytes));
            let sent = sent_at(&message);
            if sent > changed_at && is_silent {
                text.push_str(NOTHING);
            }
            is_silent &= sent < changed_at;
            let when = sent.format("%m-%d %H:%M").to_string();
            let thread = thread(&message, &known);
            writeln!(text, "  {when}  {}{thread}", mail.subject).unwrap();
            known.insert(mail.message_id, when);
            if sent == changed_at && name != "reminded" && name != "spanish" {
                text.push_str(&other_lines(town, bytes));
            }
        }
        if is_silent {
            text.push_str(NOTHING);
        }
    }
    writeln!(text, "board: a target that got the notice when it came").unwrap();
    for post in posts {
        let body: serde_json::Value = serde_json::from_slice(&post.body).unwrap();
        check_signature(post);
        writeln!(
            text,
            "  {}  {}\n    {} {}, content-type: {}, user-agent: {}, webhook-id: {}",
            at(body["timestamp"].as_str().unwrap()).format("%m-%d %H:%M"),
            body["type"].as_str().unwrap(),
            post.method,
            post.uri,
            post.header("content-type"),
            post.header("user-agent"),
            post.header("webhook-id"),
        )
        .unwrap();
    }
    text
}

const NOTHING: &str = "  nothing when it changed\n";

// Which of their earlier mails it answers.
fn thread(message: &Message<'_>, known: &BTreeMap<String, String>) -> String {
    let answers = message.in_reply_to().as_text().map(str::to_owned);
    let references = message.references().as_text().map(str::to_owned);
    assert_eq!(answers, references, "what it answers is what it refers to");
    let Some(answers) = answers else { return String::new() };
    let when = known.get(&answers).unwrap_or_else(|| panic!("{answers} was never sent to them"));
    format!("  (answers that of {when})")
}

// The lines of a mail's text that are others than in the one that has a file of its own; links of one's own and the
// name of the list are those of everybody.
fn other_lines(town: &Town, bytes: &[u8]) -> String {
    let own = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.contains("/leave/") && !line.contains("/preferences/"));
        lines.map(str::to_owned).collect()
    };
    let text = own(&crate::world::read(bytes).text);
    let date = parsed(bytes).date().unwrap().to_timestamp();
    let same = town.mails["reminded"].iter().find(|mail| parsed(mail).date().unwrap().to_timestamp() == date);
    let same: BTreeSet<String> = own(&crate::world::read(same.unwrap()).text).into_iter().collect();
    text.iter().filter(|line| !same.contains(*line)).map(|line| format!("    | {line}\n")).collect()
}

fn check_signature(post: &Seen) {
    let timestamp = post.header("webhook-timestamp");
    let headers =
        Headers { id: post.header("webhook-id"), timestamp, signature: post.header("webhook-signature") };
    let sent_at = DateTime::from_timestamp(timestamp.parse().unwrap(), 0).unwrap();
    verify(&[Secret::parse(SECRET).unwrap()], headers, &post.body, 0, sent_at).unwrap();
}

fn parsed(bytes: &[u8]) -> Message<'_> {
    MessageParser::new().parse(bytes).unwrap()
}

fn attached(bytes: &[u8]) -> Option<Vec<u8>> {
    let message = parsed(bytes);
    let part = message.attachments().find(|part| part.is_content_type("text", "calendar"))?;
    Some(part.contents().to_vec())
}

fn subject_and_text(bytes: &[u8]) -> String {
    let mail = crate::world::read(bytes);
    format!("Subject: {}\n\n{}", mail.subject, mail.text.replace("\r\n", "\n"))
}

const PLACE: &str = "name = \"Example Square\"\naddress = \"1 Example Street, New York, NY 10001\"";
const STARTS: &str = "starts = 2018-07-17 18:00\nends = 2018-07-17 20:00";
const LAST_DATE: &str = "starts = 2018-07-24 18:00\nends = 2018-07-24 20:00";

fn march(name: &str, edits: &[Edit]) {
    check(name, "march", MARCH, edits);
}

#[test]
fn a_notice_as_it_was_first_said() {
    march("march", &[]);
    check("kitchen", "kitchen", KITCHEN, &[]);
}

#[test]
fn a_march_at_another_place() {
    march(
        "place",
        &[Edit::Replace(&[
            ("tags =", "status = \"moved\"\nstatus_note = \"The square is closed for works.\"\ntags ="),
            (PLACE, "name = \"Example Park\"\naddress = \"9 Example Avenue, New York, NY 10003\""),
            ("At the fountain", "At the gate"),
        ])],
    );
}

#[test]
fn a_march_that_meets_at_another_corner() {
    march("meeting-point", &[Edit::Replace(&[("At the fountain", "At the gate")])]);
}

#[test]
fn a_march_an_hour_later() {
    march("time", &[Edit::Replace(&[(STARTS, "starts = 2018-07-17 19:00\nends = 2018-07-17 21:00")])]);
}

#[test]
fn a_march_on_the_clock_of_another_zone() {
    march("zone", &[Edit::Replace(&[("America/New_York", "America/Chicago")])]);
}

#[test]
fn a_march_on_another_day() {
    march(
        "rescheduled",
        &[Edit::Replace(&[
            (STARTS, "starts = 2018-07-24 18:00\nends = 2018-07-24 20:00"),
            ("tags =", "status = \"rescheduled\"\nstatus_note = \"A storm is forecast.\"\ntags ="),
        ])],
    );
}

const POSTPONED: Edit =
    Edit::Replace(&[("tags =", "status = \"postponed\"\nstatus_note = \"A storm is forecast.\"\ntags =")]);
const CANCELLED: Edit =
    Edit::Replace(&[("tags =", "status = \"cancelled\"\nstatus_note = \"The city gave in.\"\ntags =")]);

#[test]
fn a_march_that_waits_for_a_date() {
    march("postponed", &[POSTPONED]);
}

#[test]
fn a_march_that_is_off() {
    march("cancelled", &[CANCELLED]);
}

#[test]
fn a_march_that_was_off_and_takes_place_after_all() {
    march("after-all", &[CANCELLED, Edit::Restore]);
}

#[test]
fn a_march_that_was_taken_back() {
    march("withdrawn", &[Edit::Withdraw { by_mail: false }]);
}

#[test]
fn a_march_that_was_taken_back_by_mail() {
    march("withdrawn-by-mail", &[Edit::Withdraw { by_mail: true }]);
}

#[test]
fn a_march_that_was_taken_back_and_stands_again() {
    march("restored", &[Edit::Withdraw { by_mail: true }, Edit::Restore]);
}

#[test]
fn a_march_whose_place_is_shown_from_now_on() {
    let hidden = MARCH
        .replace("meeting_point =", "visibility = \"day-of\"\nreveal_at = 2018-07-11 11:00\nmeeting_point =");
    check("revealed", "march", &hidden, &[Edit::None]);
}

#[test]
fn a_march_with_another_text() {
    march("silent", &[Edit::Replace(&[("Bring banners.", "Bring banners and drums.")])]);
}

#[test]
fn a_march_at_another_place_of_which_nobody_is_to_hear() {
    march(
        "silenced",
        &[Edit::Replace(&[("Example Square", "Example Plaza"), ("tags =", "notify = \"silent\"\ntags =")])],
    );
}

#[test]
fn a_march_of_which_something_else_is_to_be_heard() {
    march(
        "said",
        &[Edit::Replace(&[
            ("Bring banners.", "Bring banners. No drums: there is a hospital."),
            (
                "tags =",
                "notify = \"alert\"\nchanged = \"Please bring no drums: there is a hospital.\"\ntags =",
            ),
        ])],
    );
}

#[test]
fn an_evening_of_several_that_is_off() {
    check(
        "date-cancelled",
        "kitchen",
        KITCHEN,
        &[Edit::Replace(&[(
            LAST_DATE,
            "starts = 2018-07-24 18:00\nends = 2018-07-24 20:00\nstatus = \"cancelled\"\nnote = \"The stove is broken.\"",
        )])],
    );
}

#[test]
fn an_evening_of_several_that_is_somewhere_else_on_another_day() {
    check(
        "date-moved",
        "kitchen",
        KITCHEN,
        &[Edit::Replace(&[(
            LAST_DATE,
            "key = \"2018-07-24\"\nstarts = 2018-07-25 19:00\nends = 2018-07-25 21:00\nstatus = \"rescheduled\"\n\
             [occurrence.place]\nname = \"Example Garden\"\nmeeting_point = \"The gate\"",
        )])],
    );
}
