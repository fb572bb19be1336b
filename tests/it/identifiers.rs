//! Identifiers: what two recipients' mails have in common is what was written to both, and nothing that names them.

use std::collections::BTreeSet;
use std::process::Command;

use handbill::ledger::asking::Request;
use handbill::subscriber::{Address, Caps, SubscriberId};
use mail_parser::{MessageParser, PartType};

use crate::chaos::{Chaos, Options};
use crate::plan::at;
use crate::world::World;

const TABLES: &str = r#"
[mail.dkim]
rsa_selector = "july-rsa"
rsa_key_file = "secrets/dkim-july-rsa.pem"
ed25519_selector = "july-ed25519"
ed25519_key_file = "secrets/dkim-july-ed25519.pem"
[mail.inbound]
listen = "127.0.0.1:0"
leave = "leave@lists.example.org"
[[list]]
name = "alerts"
title = "Action alerts"
when = "at once"
kinds = ["action"]
remind = ["-P1D"]
[[list]]
name = "weekly"
title = "Weekly notices"
when = "0 9 * * MON"
"#;

const MARCH: &str = "+++\nkind = \"action\"\ntitle = \"March\"\nstarts = 2018-07-10 09:00\nzone = \"UTC\"\n\
    [place]\nname = \"Foley Square\"\n+++\nBring *water* and [what the law says](https://example.org/rights).\n";

/// What a recipient got.
struct Got {
    subject: String,
    // As it went over the wire, the envelope's sender first, and once more with every part decoded.
    raw: String,
}

/// All mails that there are, to each of two people of an installation of its own; `others` are on its lists before.
fn mails(others: usize, people: [&str; 2]) -> [Vec<Got>; 2] {
    let chaos = Chaos::start(Options::default());
    let mut world = World::sending_to(&chaos, "connections = 2", TABLES);
    let from = "from = \"Notices <notices@example.org>\"";
    world.reconfigure(from, &format!("{from}\nreturn_path = \"bounces@lists.example.org\""));
    let keygen = Command::new(env!("CARGO_BIN_EXE_handbill"))
        .arg("-C")
        .arg(world.path())
        .args(["dkim", "keygen", "--selector", "july"])
        .output();
    assert!(keygen.unwrap().status.success());
    let names: Vec<String> = (0..others).map(|number| format!("other{number}")).collect();
    world.subscribe(&names, "alerts");
    world.look("2018-07-08T09:00Z");
    let ids = people.map(|person| ask(&world, person));
    world.deliver("2018-07-08T10:00Z");
    world.with_ledger(async |ledger| {
        for id in ids {
            assert!(ledger.confirm(id, at("2018-07-08T10:01Z")).await.unwrap());
        }
    });
    world.deliver("2018-07-08T10:01Z");
    world.write("march", MARCH);
    world.pass("2018-07-08T11:00Z");
    world.edit("march", "Foley Square", "Alder Hall");
    world.pass("2018-07-08T12:00Z");
    world.pass("2018-07-09T09:00Z");
    world.with_ledger(async |ledger| {
        for id in ids {
            assert!(ledger.probe(id, at("2018-07-09T10:00Z")).await.unwrap());
        }
    });
    world.deliver("2018-07-09T10:00Z");
    people.map(|person| {
        let recipient = format!("{person}@example.org");
        chaos.log(|log| {
            let own = log.taken.iter().filter(|taken| taken.recipient == recipient);
            own.map(|taken| got(&taken.sender, &taken.message)).collect()
        })
    })
}

fn ask(world: &World, person: &str) -> SubscriberId {
    let key = world.installation.key().unwrap();
    let address = Address::parse(&format!("{person}@example.org")).unwrap();
    let request = Request {
        lookup: key.lookup(&address),
        sealed: key.seal(&address, [1; 24]),
        domain: key.domain(&address),
        lists: vec!["alerts".to_owned(), "weekly".to_owned()],
        lang: "en".to_owned(),
    };
    let caps = Caps { per_hour: 10, per_domain_per_hour: 10 };
    world.with_ledger(async |ledger| {
        ledger.ask(&request, &caps, at("2018-07-08T10:00Z")).await.unwrap();
        ledger.find_subscriber(&request.lookup).await.unwrap().unwrap().id
    })
}

fn got(sender: &str, message: &[u8]) -> Got {
    let parsed = MessageParser::new().parse(message).unwrap();
    let mut raw = format!("{sender}\n{}", String::from_utf8_lossy(message));
    // A line that was folded or broken for its length is one again.
    raw = raw.replace("=\r\n", "").replace("\r\n ", "");
    for part in &parsed.parts {
        match &part.body {
            PartType::Text(text) | PartType::Html(text) => raw.push_str(text),
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                raw.push_str(&String::from_utf8_lossy(bytes));
            }
            PartType::Message(_) | PartType::Multipart(_) => {}
        }
    }
    Got { subject: parsed.subject().unwrap().to_owned(), raw }
}

/// The runs of characters of which an identifier could be made, eight long or longer.
fn words(text: &str) -> BTreeSet<&str> {
    let is_of_one = |c: char| c.is_ascii_alphanumeric() || "_-=+".contains(c);
    text.split(|c| !is_of_one(c)).filter(|word| word.len() >= 8).collect()
}

/// So many characters in a row of any word.
fn pieces(text: &str, long: usize) -> BTreeSet<&str> {
    let starts = |word: &str| 0..(word.len() + 1).saturating_sub(long);
    words(text)
        .into_iter()
        .flat_map(|word| starts(word).map(move |start| &word[start..start + long]))
        .collect()
}

/// What stands in the mails of people elsewhere.
struct Elsewhere<'m> {
    words: BTreeSet<&'m str>,
    pieces: BTreeSet<&'m str>,
}

impl Elsewhere<'_> {
    /// What two mails share that does not stand elsewhere: whole words, and twelve characters within a word of which
    /// no eight stand elsewhere. Eight alone would be too few: two signatures behind the same name of a list begin
    /// with the same character now and then.
    fn shared<'m>(&self, one: &'m str, other: &'m str) -> BTreeSet<&'m str> {
        let mut found = &words(one) & &words(other);
        found.retain(|word| !self.words.contains(word));
        let mut within = &pieces(one, 12) & &pieces(other, 12);
        within.retain(|piece| pieces(piece, 8).is_disjoint(&self.pieces));
        found.extend(within);
        found
    }
}

/// The same notices on the same day, published by an installation with another key to other people: what stands
/// there too is content and names no one. A boundary does: it is the hash of an edition's text, the same in every
/// mail of the edition and at every installation, and says no more than the text. So do the selectors of DKIM, the
/// List-Id, and of a token to leave the day until which it holds.
#[test]
fn two_recipients_mails_share_nothing_but_their_content() {
    let [ada, bela] = mails(0, ["ada", "bela"]);
    let [carl, dora] = mails(7, ["carl", "dora"]);
    let there = || carl.iter().chain(&dora).map(|got| got.raw.as_str());
    let elsewhere = Elsewhere {
        words: there().flat_map(words).collect(),
        pieces: there().flat_map(|raw| pieces(raw, 8)).collect(),
    };
    let subjects: Vec<&str> = ada.iter().map(|got| got.subject.as_str()).collect();
    for word in
        ["Is this you?", "Welcome", "Action: March", "New place", "Tomorrow", "Weekly notices", "Does this"]
    {
        assert!(subjects.iter().any(|subject| subject.contains(word)), "no {word}: {subjects:?}");
    }
    for one in &ada {
        let other = bela.iter().find(|other| other.subject == one.subject).unwrap();
        let found = elsewhere.shared(&one.raw, &other.raw);
        assert!(found.is_empty(), "{}: {found:?}", one.subject);
        // Of its own each has what it has to: its tokens, its Message-ID, its signatures.
        assert!(words(&one.raw).difference(&words(&other.raw)).count() > 3, "{}", one.subject);
        // What would tell of whom a copy is, is found: a word of its own, and one within another.
        for mark in ["X-Copy: 7f3a9c2e", "X-Copy: copy-of-7f3a9c2e41b0d5"] {
            let marked =
                |mail: &str| mail.replacen("MIME-Version: 1.0", &format!("MIME-Version: 1.0\r\n{mark}"), 1);
            assert!(!elsewhere.shared(&marked(&one.raw), &marked(&other.raw)).is_empty(), "{mark}");
        }
    }
}
