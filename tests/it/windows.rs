//! Windows: what is staged, under an embargo or over is nowhere outside its time, at any minute of a month.
//!
//! Each secret of the notices below is a marker that no other text holds, with the times at which documents may show
//! it. The month is November 2018 in New York, where the clocks go back on the fourth. The service's own loop 1 looks
//! only when it says that it wants to, and when a file changes; loop 2 delivers what is due then. (A running service
//! waits in slices of 30 seconds at most, and is late by no more.)
//!
//! - Between two looks nothing writes to the folder of documents. So each of them is read whole after each look,
//!   compressed forms and all, and at each of the 43,200 minutes what was found is held against the windows: every
//!   marker that may be there is, and no other.
//! - Every mail and every body of a post is read when it arrives, and holds no marker that is hidden at that moment.
//! - At each minute the pure function that says when a document changes next names nothing before the look that the
//!   service waits for; and at some of them all documents are rendered anew and are, byte for byte, what stands in the
//!   folder: the minute of each look, the last before the next one, and one of each six hours. With
//!   `HANDBILL_EVERY_MINUTE=1` it is all of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::{env, fs};

use chrono::{DateTime, TimeDelta, Utc};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use handbill::channel::site::find_pictures;
use handbill::installation::write_secret;
use handbill::ledger::Ledger;
use handbill::publish::Publisher;
use handbill::render::page::person::Terms;
use handbill::render::site::card::Cards;
use handbill::render::site::{Catalog, Published, Signing, What, next_change};
use handbill::render::templates::Templates;
use handbill::revision::Revision;
use handbill::signing::chain_text;
use mail_parser::MessageParser;
use memchr::memmem;
use sha2::{Digest as _, Sha256};
use tokio::runtime::Runtime;

use crate::pictures::png;
use crate::plan::at;
use crate::target::receiver::{Receiver, answer};
use crate::world::{World, files};

type At = DateTime<Utc>;

const LISTS: &str = r#"
[[list]]
name = "alerts"
when = "at once"
kinds = ["action", "statement"]
remind = ["-P1D", "-PT2H"]
quiet = "22:00-08:00"
[[list]]
name = "weekly"
when = "0 9 * * MON"
"#;

const SECRET: &str = "whsec_c2l4dHktZm91ciBsYW50ZXJucyBvbiB0aGUgc3F1YXJl";
const SIGNING_KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
-----END PRIVATE KEY-----
";

const BEGAN: &str = "2018-10-31T12:00Z";
const FROM: &str = "2018-11-01T00:00Z";
const MINUTES: i64 = 30 * 24 * 60;

/// A secret, and from when until when it is shown; empty for the month's end. One that is never shown has no window.
const WINDOWS: &[(&str, &[(&str, &str)])] = &[
    // Under an embargo until an hour that the clocks show twice: the first of them is meant.
    ("vow-id", &[("2018-11-04T05:30Z", "")]),
    ("vow-title", &[("2018-11-04T05:30Z", "")]),
    ("vow-summary", &[("2018-11-04T05:30Z", "")]),
    ("vow-author", &[("2018-11-04T05:30Z", "")]),
    ("vow-tag", &[("2018-11-04T05:30Z", "")]),
    ("vow-campaign", &[("2018-11-04T05:30Z", "")]),
    ("vow-file", &[("2018-11-04T05:30Z", "")]),
    ("vow-alt", &[("2018-11-04T05:30Z", "")]),
    ("vow-body", &[("2018-11-04T05:30Z", "")]),
    ("vow-signer", &[("2018-11-04T05:30Z", "")]),
    ("vow-draft", &[]),
    // Not confirmed until an edit.
    ("vow-unsure", &[("2018-11-06T12:00Z", "")]),
    // It names the one above, and may not do so yet.
    ("near-link", &[("2018-11-01T00:00Z", "")]),
    // The place of a day, from its first minute on.
    ("day-place", &[("2018-11-09T05:00Z", "")]),
    ("day-address", &[("2018-11-09T05:00Z", "")]),
    ("day-geo", &[("2018-11-09T05:00Z", "")]),
    ("day-point", &[("2018-11-09T05:00Z", "2018-11-10T01:30Z")]),
    ("day-draft", &[]),
    // Revealed at a time, and moved since.
    ("told-place", &[("2018-11-04T05:45Z", "")]),
    ("told-elsewhere", &[("2018-11-04T10:00Z", "")]),
    // Meeting points that are over, the first of them while the second stands.
    ("met-first", &[("2018-11-01T00:00Z", "2018-11-08T17:00Z")]),
    ("met-second", &[("2018-11-06T15:00Z", "2018-11-12T22:00Z")]),
    // One that is over before the mail of it gets out.
    ("late-point", &[("2018-11-01T00:00Z", "2018-11-14T17:00Z")]),
    ("late-short", &[("2018-11-14T15:00Z", "2018-11-14T17:00Z")]),
    // Help for those who are arrested, for a day longer than first said; a co-sponsor who says yes later.
    ("law-jail", &[("2018-11-01T00:00Z", "2018-11-05T08:00Z")]),
    ("law-rights", &[("2018-11-01T00:00Z", "2018-11-05T08:00Z")]),
    ("law-observers", &[("2018-11-01T00:00Z", "2018-11-05T08:00Z")]),
    ("law-union", &[("2018-11-18T12:00Z", "")]),
    // For journalists.
    ("press-role", &[("2018-11-10T14:00Z", "2018-11-20T05:00Z")]),
    ("press-mail", &[("2018-11-10T14:00Z", "2018-11-20T05:00Z")]),
    ("press-advisory", &[("2018-11-10T14:00Z", "2018-11-20T05:00Z")]),
    // Dates of a series, two of them at places of their own.
    ("row-hall", &[("2018-11-01T00:00Z", "")]),
    ("row-second", &[("2018-11-13T17:00Z", "")]),
    ("row-third", &[("2018-11-20T05:00Z", "")]),
    ("row-third-point", &[("2018-11-20T05:00Z", "2018-11-20T23:30Z")]),
    // An action that is taken back: its title and why stay in calendars.
    ("back-title", &[("2018-11-01T00:00Z", "")]),
    ("back-why", &[("2018-11-08T12:00Z", "")]),
    ("back-summary", &[("2018-11-01T00:00Z", "2018-11-08T12:00Z")]),
    ("back-body", &[("2018-11-01T00:00Z", "2018-11-08T12:00Z")]),
    ("back-place", &[("2018-11-01T00:00Z", "2018-11-08T12:00Z")]),
    ("back-elsewhere", &[("2018-11-05T12:00Z", "2018-11-08T12:00Z")]),
    ("back-said", &[("2018-11-05T12:00Z", "2018-11-08T12:00Z")]),
    // A statement that is taken back: after fourteen days a tombstone has its id alone.
    ("gone-id", &[("2018-11-01T00:00Z", "")]),
    ("gone-title", &[("2018-11-01T00:00Z", "2018-11-23T12:00Z")]),
    ("gone-why", &[("2018-11-09T12:00Z", "2018-11-23T12:00Z")]),
    ("gone-body", &[("2018-11-01T00:00Z", "2018-11-09T12:00Z")]),
    // Taken back for a day.
    ("stood-body", &[("2018-11-01T00:00Z", "2018-11-09T12:00Z"), ("2018-11-10T12:00Z", "")]),
    ("stood-why", &[("2018-11-09T12:00Z", "")]),
    // Embargoes that nobody waits for the end of.
    ("dropped-id", &[]),
    ("dropped-body", &[]),
    ("later-body", &[("2018-11-17T14:00Z", "")]),
    // A file that cannot be read for a day.
    ("broken-body", &[]),
    ("mended-body", &[("2018-11-17T12:00Z", "")]),
];

const VOW: &str = r#"+++
kind = "statement"
title = "A vow {vow-title}"
summary = "In short {vow-summary}"
publish_at = 2018-11-04 01:30
authors = ["Group {vow-author}"]
tags = ["{vow-tag}"]
campaign = "For {vow-campaign}"
image = { file = "{vow-file}.png", alt = "A banner {vow-alt}" }
signatories = [{ name = "Circle {vow-signer}", confirmed = true }, { name = "Union {vow-unsure}" }]
+++
We say {vow-draft}.
"#;

const NEAR: &str = r#"+++
kind = "statement"
title = "Near it"
next = ["{vow-id}"]
+++
Read [what is {near-link}]({vow-id}.md) & "more".
"#;

const DAY: &str = r#"+++
kind = "action"
title = "A picket"
starts = 2018-11-09 18:00
ends = 2018-11-09 20:00
zone = "America/New_York"
[place]
name = "The back room behind the bakery, that with the \"green, green\" door; {day-draft}"
address = "1 Example Street, second yard, New York, NY 10001, {day-address}"
geo = [41.318273, -72.5]
visibility = "day-of"
meeting_point = "{day-point}, under the lamp"
meeting_point_expires = 2018-11-09 20:30
+++
Come.
"#;

const TOLD: &str = r#"+++
kind = "action"
title = "A vigil"
starts = 2018-11-04 12:00
zone = "America/New_York"
[place]
name = "Place {told-place}"
visibility = "day-of"
reveal_at = 2018-11-04 01:45
+++
Come.
"#;

const MET: &str = r#"+++
kind = "action"
title = "A march"
starts = 2018-11-12 18:00
zone = "America/New_York"
[place]
name = "Union Square"
meeting_point = "Corner {met-first}"
meeting_point_expires = 2018-11-08 12:00
+++
Come.
"#;

const LATE: &str = r#"+++
kind = "action"
title = "A sit-in"
starts = 2018-11-15 18:00
zone = "America/New_York"
[place]
name = "Town Hall"
meeting_point = "Door {late-point}"
+++
Come.
"#;

const LAW: &str = r#"+++
kind = "action"
title = "A blockade"
starts = 2018-11-03 06:00
ends = 2018-11-18 23:00
zone = "America/New_York"
cosponsors = [{ name = "Union {law-union}" }]
[legal]
jail_support = "Write {law-jail} on your arm"
know_your_rights = "https://example.org/{law-rights}"
legal_observers = "In green: {law-observers}"
expires = 2018-11-04 03:00
[press]
role = "{press-role} team"
email = "{press-mail}@example.org"
advisory = "Photographs at noon: {press-advisory}."
embargo_until = 2018-11-10 09:00
expires = 2018-11-20 00:00
+++
Come.
"#;

const ROW: &str = r#"+++
kind = "action"
title = "A kitchen"
zone = "America/New_York"
[place]
name = "Hall {row-hall}"
[[occurrence]]
starts = 2018-11-06 18:00
[[occurrence]]
starts = 2018-11-13 18:00
[occurrence.place]
name = "Garden {row-second}"
visibility = "day-of"
reveal_at = 2018-11-13 12:00
[[occurrence]]
starts = 2018-11-20 18:00
[occurrence.place]
name = "Roof {row-third}"
visibility = "day-of"
meeting_point = "Stairs {row-third-point}"
meeting_point_expires = 2018-11-20 18:30
+++
Come.
"#;

const BACK: &str = r#"+++
kind = "action"
title = "A rally {back-title}"
summary = "In short {back-summary}"
starts = 2018-11-16 18:00
zone = "America/New_York"
[place]
name = "Square {back-place}"
+++
Come to {back-body}.
"#;

const GONE: &str = r#"+++
kind = "statement"
title = "An error {gone-title}"
+++
It was {gone-body}.
"#;

const STOOD: &str = r#"+++
kind = "statement"
title = "A doubt"
+++
It is {stood-body}.
"#;

const DROPPED: &str = r#"+++
kind = "statement"
title = "Never"
publish_at = 2018-11-12 09:00
+++
It is {dropped-body}.
"#;

const LATER: &str = r#"+++
kind = "statement"
title = "Later"
publish_at = 2018-11-10 09:00
+++
It is {later-body}.
"#;

const BROKEN: &str = r#"+++
kind = "statement"
title = "Mended"
+++
It is said.
"#;

/// What becomes of the files and of the way to the readers.
enum Happening {
    Write(&'static str, &'static str),
    Edit(&'static str, &'static str, &'static str),
    Remove(&'static str),
    /// Nothing gets out until `Up`.
    Down,
    Up,
}

fn script() -> Vec<(At, Happening)> {
    use Happening::{Down, Edit, Remove, Up, Write};
    let mut script: Vec<(At, Happening)> = [
        ("{vow-id}", VOW),
        ("near", NEAR),
        ("day", DAY),
        ("told", TOLD),
        ("met", MET),
        ("late", LATE),
        ("law", LAW),
        ("row", ROW),
        ("back", BACK),
        ("{gone-id}", GONE),
        ("stood", STOOD),
        ("{dropped-id}", DROPPED),
        ("later", LATER),
        ("broken", BROKEN),
    ]
    .into_iter()
    .map(|(id, source)| (at(FROM), Write(id, source)))
    .collect();
    let taken_back = |id, why| Edit(id, "title =", why);
    script.extend(
        [
            ("2018-11-02T12:00Z", Edit("{vow-id}", "{vow-draft}", "{vow-body}")),
            ("2018-11-03T12:00Z", Edit("law", "2018-11-04 03:00", "2018-11-05 03:00")),
            ("2018-11-04T10:00Z", Edit("told", "Place {told-place}", "Elsewhere {told-elsewhere}")),
            ("2018-11-05T12:00Z", Edit("back", "Square {back-place}", "Hill {back-elsewhere}")),
            (
                "2018-11-05T12:00Z",
                Edit("back", "title =", "notify = \"alert\"\nchanged = \"Of {back-said}.\"\ntitle ="),
            ),
            (
                "2018-11-06T12:00Z",
                Edit("{vow-id}", "\"Union {vow-unsure}\"", "\"Union {vow-unsure}\", confirmed = true"),
            ),
            (
                "2018-11-06T15:00Z",
                Edit(
                    "met",
                    "{met-first}\"\nmeeting_point_expires = 2018-11-08 12:00",
                    "{met-second}\"\nmeeting_point_expires = 2018-11-12 17:00",
                ),
            ),
            ("2018-11-07T12:00Z", Edit("day", "{day-draft}", "{day-place}")),
            ("2018-11-08T12:00Z", taken_back("back", "withdrawn = \"Because {back-why}.\"\ntitle =")),
            ("2018-11-09T12:00Z", taken_back("{gone-id}", "withdrawn = \"Because {gone-why}.\"\ntitle =")),
            ("2018-11-09T12:00Z", taken_back("stood", "withdrawn = \"Because {stood-why}.\"\ntitle =")),
            ("2018-11-09T12:00Z", Edit("later", "2018-11-10 09:00", "2018-11-17 09:00")),
            ("2018-11-10T12:00Z", Edit("stood", "withdrawn = \"Because {stood-why}.\"\n", "")),
            ("2018-11-11T12:00Z", Remove("{dropped-id}")),
            ("2018-11-14T14:50Z", Down),
            (
                "2018-11-14T15:00Z",
                Edit("late", "{late-point}\"", "{late-short}\"\nmeeting_point_expires = 2018-11-14 12:00"),
            ),
            ("2018-11-14T17:30Z", Up),
            ("2018-11-16T12:00Z", Edit("broken", "title =", "titel =")),
            ("2018-11-16T12:00Z", Edit("broken", "It is said.", "It is {broken-body}.")),
            ("2018-11-17T12:00Z", Edit("broken", "titel =", "title =")),
            ("2018-11-17T12:00Z", Edit("broken", "{broken-body}", "{mended-body}")),
            (
                "2018-11-18T12:00Z",
                Edit("law", "Union {law-union}\"", "Union {law-union}\", confirmed = true"),
            ),
        ]
        .map(|(text, happening)| (at(text), happening)),
    );
    script
}

/// Which markers there are, and when each may be seen.
struct Secrets {
    markers: Vec<String>,
    numbers: HashMap<String, usize>,
    windows: Vec<Vec<(At, At)>>,
}

// How every marker begins, but the one that has to be a number.
const HEAD: &str = "zq";
const GEO: &str = "41.318273";
const LENGTH: usize = 16;

impl Secrets {
    fn new() -> Self {
        let markers: Vec<String> = WINDOWS.iter().map(|(name, _)| marker(name)).collect();
        let numbers = markers.iter().enumerate().map(|(number, marker)| (marker.clone(), number)).collect();
        let until = |text: &str| if text.is_empty() { At::MAX_UTC } else { at(text) };
        let window = |(from, end): &(&str, &str)| (at(from), until(end));
        let windows = WINDOWS.iter().map(|(_, windows)| windows.iter().map(window).collect()).collect();
        Self { markers, numbers, windows }
    }

    /// Those that may be seen at `now`.
    fn shown(&self, now: At) -> BTreeSet<usize> {
        let is_shown =
            |windows: &[(At, At)]| windows.iter().any(|(from, until)| *from <= now && now < *until);
        let shown = self.windows.iter().enumerate().filter(|(_, windows)| is_shown(windows));
        shown.map(|(number, _)| number).collect()
    }

    /// Those in a file or message, whatever it is encoded in.
    fn found(&self, name: &str, bytes: &[u8]) -> BTreeSet<usize> {
        let mut found = self.found_plain(name.as_bytes());
        for plain in decoded(name, bytes) {
            found.extend(self.found_plain(&plain));
        }
        found
    }

    fn found_plain(&self, bytes: &[u8]) -> BTreeSet<usize> {
        let heads = memmem::find_iter(bytes, HEAD).filter_map(|start| bytes.get(start..start + LENGTH));
        let texts = heads.filter_map(|text| std::str::from_utf8(text).ok());
        let mut found: BTreeSet<usize> = texts.filter_map(|text| self.numbers.get(text).copied()).collect();
        if memmem::find(bytes, GEO.as_bytes()).is_some() {
            found.extend(self.numbers.get(GEO));
        }
        found
    }

    fn names(&self, numbers: &BTreeSet<usize>) -> BTreeSet<&'static str> {
        numbers.iter().map(|number| WINDOWS[*number].0).collect()
    }
}

// Letters and digits alone, so that it is the same in an address, in the name of a file and in a tag.
fn marker(name: &str) -> String {
    if name == "day-geo" {
        return GEO.to_owned();
    }
    let digest = Sha256::digest(name.as_bytes());
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{HEAD}{}", &digits[..LENGTH - HEAD.len()])
}

/// The text with each `{name}` of a secret as its marker.
fn filled(text: &str) -> String {
    WINDOWS
        .iter()
        .fold(text.to_owned(), |text, (name, _)| text.replace(&format!("{{{name}}}"), &marker(name)))
}

// Everything that a reader's program would make of it.
fn decoded(name: &str, bytes: &[u8]) -> Vec<Vec<u8>> {
    if let Some(name) = name.strip_suffix(".gz") {
        let mut plain = Vec::new();
        GzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
        return decoded(name, &plain);
    }
    if let Some(name) = name.strip_suffix(".br") {
        let mut plain = Vec::new();
        brotli::BrotliDecompress(&mut &*bytes, &mut plain).unwrap();
        return decoded(name, &plain);
    }
    let mut all = vec![bytes.to_vec()];
    match name.rsplit('.').next().unwrap() {
        "ics" => all.push(unfolded(bytes)),
        // Written anew with no escape that is not needed.
        "json" => {
            all.push(serde_json::from_slice::<serde_json::Value>(bytes).unwrap().to_string().into_bytes())
        }
        "eml" => {
            let mail = MessageParser::new().parse(bytes).unwrap();
            all.extend(mail.subject().map(|subject| subject.as_bytes().to_vec()));
            all.extend(
                mail.parts.iter().flat_map(|part| [part.contents().to_vec(), unfolded(part.contents())]),
            );
        }
        _ => {}
    }
    all
}

fn unfolded(calendar: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(calendar).replace("\r\n ", "").replace("\r\n\t", "").into_bytes()
}

#[test]
fn the_search_finds_a_marker_in_every_form() {
    let secrets = Secrets::new();
    let (number, marker) = (3, &secrets.markers[3]);
    let (head, tail) = marker.split_at(9);
    let text = format!("<p>A {marker} there.</p>");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut text.as_bytes(), &mut packed, &Default::default()).unwrap();
    let escaped: String = marker.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let mail = |encoding: &str, body: &str| {
        format!(
            "From: a@example.org\r\nSubject: b\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}\r\n"
        )
    };
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &text);
    let forms = [
        ("index.html", text.clone().into_bytes()),
        ("index.html.gz", gzip.finish().unwrap()),
        ("index.html.br", packed),
        ("all.json", format!("{{\"a\": \"{escaped}\"}}").into_bytes()),
        ("event.ics", format!("LOCATION:The {head}\r\n {tail}\r\n").into_bytes()),
        ("quoted.eml", mail("quoted-printable", &format!("The {head}=\r\n{tail}")).into_bytes()),
        ("base64.eml", mail("base64", &base64).into_bytes()),
    ];
    for (name, bytes) in forms {
        assert_eq!(secrets.found(name, &bytes), BTreeSet::from([number]), "{name}");
    }
    assert_eq!(secrets.found(&format!("media/{marker}.png"), b""), BTreeSet::from([number]));
    assert_eq!(secrets.found("index.html", head.as_bytes()), BTreeSet::new());
    assert_eq!(marker.len(), LENGTH);
}

/// The service, with time as its parameter.
struct Month {
    world: World,
    ledger: Ledger,
    publisher: Publisher,
    templates: Arc<Templates>,
    receiver: Receiver,
    _runtime: Runtime,
    secrets: Secrets,
    /// What stands in the folder, by its path: its bytes, and the markers in them.
    standing: BTreeMap<String, (Vec<u8>, BTreeSet<usize>)>,
    /// The markers in the folder, each with all its files.
    found: BTreeMap<usize, Vec<String>>,
    /// When something is to be done, files left as they are.
    next_at: Option<At>,
    posted: usize,
    is_down: bool,
    /// What was found where it may not be, or missing; the first time that it was.
    problems: BTreeMap<String, String>,
    in_mails: BTreeSet<usize>,
    in_posts: BTreeSet<usize>,
    mails: usize,
    looks: usize,
    rendered: usize,
}

impl Month {
    fn begin() -> Self {
        let runtime = Runtime::new().unwrap();
        // One post in three has to be tried again, and is made anew then.
        let code = |number: usize| if number.is_multiple_of(3) { 503 } else { 204 };
        let receiver = runtime.block_on(Receiver::start(move |number, _| answer(code(number), &[], "")));
        let target = format!(
            "[[target]]\nname = \"board\"\nurl = \"{}\"\nsecret_file = \"board.secret\"\n\
             allow = [\"127.0.0.0/8\"]\nper_minute = 6000\nremind = [\"-PT2H\"]\n",
            receiver.url("/board")
        );
        let mut world = World::new(&format!("{LISTS}{target}"));
        write_secret(&world.path().join("board.secret"), SECRET).unwrap();
        write_secret(&world.path().join("secrets/signing.pem"), SIGNING_KEY).unwrap();
        fs::create_dir(world.path().join("media")).unwrap();
        fs::write(world.path().join(filled("media/{vow-file}.png")), png().0).unwrap();
        world.reconfigure("zone = \"UTC\"", "zone = \"America/New_York\"");
        world.subscribe(&["ana"], "alerts");
        world.subscribe(&["ben"], "weekly");
        world.subscribe_in(&["cai"], "alerts weekly", "es");
        let ledger = world.runtime.block_on(world.installation.ledger()).unwrap();
        let templates = Arc::new(world.installation.templates().unwrap());
        let publisher =
            Publisher::new(&world.installation, &ledger, Arc::clone(&templates), "month".to_owned());
        Self {
            world,
            ledger,
            publisher,
            templates,
            receiver,
            _runtime: runtime,
            secrets: Secrets::new(),
            standing: BTreeMap::new(),
            found: BTreeMap::new(),
            next_at: None,
            posted: 0,
            is_down: false,
            problems: BTreeMap::new(),
            in_mails: BTreeSet::new(),
            in_posts: BTreeSet::new(),
            mails: 0,
            looks: 0,
            rendered: 0,
        }
    }

    fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Write(id, source) => self.world.write(&filled(id), &filled(source)),
            Happening::Edit(id, old, new) => self.world.edit(&filled(id), &filled(old), &filled(new)),
            Happening::Remove(id) => {
                fs::remove_file(self.world.path().join(format!("notices/{}.md", filled(id)))).unwrap();
            }
            Happening::Down => self.is_down = true,
            Happening::Up => self.is_down = false,
        }
    }

    /// Both loops at `now`.
    fn pass(&mut self, now: At) {
        let looked = self.world.runtime.block_on(self.publisher.look(now)).unwrap();
        self.looks += 1;
        assert!(looked.held.is_none() && !looked.stands_by);
        if looked.written.is_some() {
            self.read_folder();
        }
        if !self.is_down && self.next_delivery_at().is_some_and(|at| at <= now) {
            self.world.deliver_at(now);
            self.read_messages(now);
        }
        let delivery = if self.is_down { None } else { self.next_delivery_at() };
        self.next_at = [self.publisher.next_at(), delivery].into_iter().flatten().min();
    }

    fn next_delivery_at(&self) -> Option<At> {
        self.world.runtime.block_on(self.ledger.next_delivery_at()).unwrap()
    }

    // What has not changed is not searched again.
    fn read_folder(&mut self) {
        let folder = self.world.installation.site();
        let mut known = std::mem::take(&mut self.standing);
        for path in files(&folder) {
            let bytes = fs::read(&path).unwrap();
            let name = path.strip_prefix(&folder).unwrap().to_string_lossy().into_owned();
            let found = match known.remove(&name) {
                Some((before, found)) if before == bytes => found,
                Some(_) | None => self.secrets.found(&name, &bytes),
            };
            self.standing.insert(name, (bytes, found));
        }
        self.found.clear();
        for (name, (_, found)) in &self.standing {
            for number in found {
                self.found.entry(*number).or_default().push(name.clone());
            }
        }
    }

    fn read_messages(&mut self, now: At) {
        let shown = self.secrets.shown(now);
        for bytes in self.world.arrived_bytes() {
            let found = self.secrets.found("a.eml", &bytes);
            for number in found.difference(&shown) {
                let text = crate::world::read(&bytes).text;
                self.complain(*number, "in a mail", format!("{now}\n{text}"));
            }
            self.in_mails.extend(found);
            self.mails += 1;
        }
        let seen = self.receiver.seen();
        for post in &seen[self.posted..] {
            let found = self.secrets.found("a.json", &post.body);
            for number in found.difference(&shown) {
                let text = String::from_utf8_lossy(&post.body);
                self.complain(*number, "in a post", format!("{now}\n{text}"));
            }
            self.in_posts.extend(found);
        }
        self.posted = seen.len();
    }

    fn check_folder(&mut self, now: At) {
        let shown = self.secrets.shown(now);
        if shown.iter().eq(self.found.keys()) {
            return;
        }
        for (number, files) in self.found.clone() {
            if !shown.contains(&number) {
                self.complain(number, "in the folder", format!("{now} {files:?}"));
            }
        }
        for number in shown {
            if !self.found.contains_key(&number) {
                self.complain(number, "nowhere", now.to_string());
            }
        }
    }

    fn complain(&mut self, number: usize, place: &str, details: String) {
        self.problems.entry(format!("{} {place}", WINDOWS[number].0)).or_insert(details);
    }

    fn revisions(&self) -> Vec<&Revision> {
        self.publisher.revisions().unwrap().values().collect()
    }

    /// All documents as they are at `now`, against the folder.
    fn render(&mut self, now: At) {
        self.rendered += 1;
        let installation = &self.world.installation;
        let config = &installation.config;
        let mut cards = Cards::default();
        let published = Published::new(&config.site, self.revisions(), &mut cards, now);
        let signer = installation.revision_signer.as_ref().unwrap();
        let chain = chain_text(&installation.read_signing_chain().unwrap());
        let catalog = Catalog::of_published(
            &config.site,
            &config.lists,
            config.feed_entries,
            &self.templates,
            &published,
            now,
        )
        .unwrap()
        .with_terms(Terms::of(config))
        .with_signing(Some(Signing { signer, chain }));
        let manifest = handbill::channel::site::Manifest::default();
        let pictures = find_pictures(&installation.root, &manifest, catalog.pictures());
        let catalog = catalog.with_pictures(pictures);
        let mut paths = BTreeSet::new();
        for document in catalog.documents() {
            let stands = self.standing.get(&document.path).map(|(bytes, _)| bytes);
            if !matches!(document.what, What::Picture(_)) {
                let bytes = catalog.bytes(&document.what).unwrap();
                assert!(stands == Some(&bytes), "{now}: {} is not what stands there", document.path);
            }
            paths.insert(document.path);
        }
        let is_document = |name: &&String| {
            !name.starts_with(".handbill") && !name.ends_with(".gz") && !name.ends_with(".br")
        };
        let standing: BTreeSet<String> = self.standing.keys().filter(is_document).cloned().collect();
        assert_eq!(standing, paths, "{now}");
    }
}

#[test]
fn nothing_is_anywhere_outside_its_window_at_any_minute_of_a_month() {
    let mut month = Month::begin();
    month.pass(at(BEGAN));
    let script = script();
    let mut happenings = script.iter().peekable();
    let every_minute = env::var_os("HANDBILL_EVERY_MINUTE").is_some();
    let mut is_after_look = false;
    for minute in 0..MINUTES {
        let now = at(FROM) + TimeDelta::minutes(minute);
        loop {
            let edit_at = happenings.peek().map(|(at, _)| *at);
            let Some(next) = month.next_at.into_iter().chain(edit_at).min().filter(|at| *at <= now) else {
                break;
            };
            while let Some((_, happening)) = happenings.next_if(|(at, _)| *at <= next) {
                month.happen(happening);
            }
            month.pass(next);
            is_after_look = true;
        }
        month.check_folder(now);
        let wakes_at = month.publisher.next_at();
        let changes_at = next_change(&month.revisions(), now);
        assert!(
            changes_at.is_none() || wakes_at.is_some_and(|wakes| Some(wakes) <= changes_at),
            "{now}: a document changes at {changes_at:?}, and the service looks at {wakes_at:?}"
        );
        let next_minute = now + TimeDelta::minutes(1);
        let is_before_look = month.next_at.is_some_and(|next| next <= next_minute);
        if every_minute || is_after_look || is_before_look || minute % 360 == 0 {
            month.render(now);
        }
        is_after_look = false;
    }
    println!(
        "{} looks, {} mails, {} posts, {} renderings of {} files",
        month.looks,
        month.mails,
        month.posted,
        month.rendered,
        month.standing.len()
    );
    assert!(month.problems.is_empty(), "{:#?}", month.problems);
    let mailed: BTreeSet<&str> = MAILED.split_whitespace().collect();
    let posted: BTreeSet<&str> = POSTED.split_whitespace().chain(mailed.iter().copied()).collect();
    assert_eq!(month.secrets.names(&month.in_mails), mailed);
    assert_eq!(month.secrets.names(&month.in_posts), posted);
}

/// What got out by mail and by posts, each within its window.
const MAILED: &str = "vow-id vow-title vow-summary vow-body vow-signer near-link day-place day-address day-geo \
                    day-point told-place told-elsewhere met-first met-second late-point law-jail law-rights \
                    law-observers row-hall row-second row-third row-third-point back-title back-why back-summary \
                    back-body back-place back-elsewhere back-said gone-id gone-title gone-body stood-body later-body";

/// What got out by posts alone: machines hear of each withdrawal.
const POSTED: &str = "vow-author vow-tag gone-why stood-why";
