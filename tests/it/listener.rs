//! Listener: what it answers, over real sockets, and what that leads to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use handbill::clock::Clock;
use handbill::config::{Listen, Protocol};
use handbill::ledger::asking::Request;
use handbill::mailbox::dialogue::{Dialogue, Step};
use handbill::mailbox::intake::Intake;
use handbill::mailbox::{self, Limits};
use handbill::returned::MAX_BYTES;
use handbill::returned::address::{Own, To, with_token};
use handbill::serve::Running;
use handbill::subscriber::{About, Address, Caps, Errand, Standing, Suppression};
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::chaos::{Chaos, Options};
use crate::plan::at;
use crate::returned::sample;
use crate::world::{DELIVER, World};

// The config of `World` ends within its table [mail].
const RETURNS: &str = r#"
return_path = "bounces@lists.example.org"
[mail.inbound]
listen = "127.0.0.1:0"
protocol = "lmtp"
complaints = "complaints@lists.example.org"
leave = "leave@lists.example.org"
[[list]]
name = "alerts"
when = "at once"
"#;
const STATEMENT: &str = "+++\nkind = \"statement\"\ntitle = \"We stay\"\n+++\nWe say so.\n";
const BEGAN: &str = "2018-07-06T12:00Z";
const NOW: &str = "2018-07-06T13:00Z";
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody who hands mail over.
struct Relay {
    stream: BufReader<TcpStream>,
}

impl Relay {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line
    }

    fn write(&mut self, text: &[u8]) {
        self.stream.get_mut().write_all(text).unwrap();
    }

    /// Says a line; the answer begins with `expected`.
    fn say(&mut self, line: &str, expected: &str) {
        self.write(format!("{line}\r\n").as_bytes());
        self.expect(line, expected);
    }

    fn expect(&mut self, line: &str, expected: &str) {
        let mut answer = self.hear();
        while answer.as_bytes().get(3) == Some(&b'-') {
            answer = self.hear();
        }
        assert!(answer.starts_with(expected), "{line}: {answer}");
    }

    fn greet(address: SocketAddr) -> Self {
        let mut relay = Self::connect(address);
        relay.expect("the greeting", "220 ");
        relay.say("LHLO relay.example.net", "250 ");
        relay
    }

    /// Hands a message over and answers what is said to it.
    fn hand_over(&mut self, to: &str, message: &[u8]) -> String {
        self.say("MAIL FROM:<>", "250 2.1.0");
        self.say(&format!("RCPT TO:<{to}>"), "250 2.1.5");
        self.say("DATA", "354 ");
        self.write(message);
        self.write(b"\r\n.\r\n");
        self.hear()
    }

    fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).is_ok_and(|count| count == 0)
    }
}

fn world() -> World {
    let world = World::new(RETURNS);
    world.subscribe(&["ana", "ben"], "alerts");
    world.look(BEGAN);
    world.write("stay", STATEMENT);
    world.pass(NOW);
    world
}

fn start(world: &World) -> (Running, SocketAddr) {
    let running = world.start(DELIVER, NOW).unwrap();
    let address = running.mailbox.expect("it listens");
    (running, address)
}

// The number of a subscriber, and what a mail to them is.
fn sent_to(world: &World, name: &str) -> Errand {
    let key = world.installation.key().unwrap();
    let lookup = key.lookup(&Address::parse(&format!("{name}@example.org")).unwrap());
    world.with_ledger(async |ledger| {
        let recipient = ledger.find_subscriber(&lookup).await.unwrap().unwrap().id;
        let (edition, _) = ledger.mailed(1).await.unwrap().into_iter().next().unwrap();
        Errand { about: About::Edition(edition), recipient }
    })
}

fn return_path(world: &World, errand: &Errand) -> String {
    with_token("bounces@lists.example.org", &world.installation.key().unwrap().errand_token(errand))
}

fn returned(world: &World, name: &str, errand: &Errand) -> Vec<u8> {
    sample(name, &world.installation.key().unwrap(), errand, "alert/alerts/stay")
}

// How each stands: `ana bounced`.
fn check(world: &World, names: &[&str], expected: &str) {
    let key = world.installation.key().unwrap();
    let told = world.with_ledger(async |ledger| {
        let mut told = String::new();
        for name in names {
            let lookup = key.lookup(&Address::parse(&format!("{name}@example.org")).unwrap());
            let standing = match ledger.standing(&lookup).await.unwrap() {
                Standing::Pending => "pending",
                Standing::Confirmed => "confirmed",
                Standing::Unsubscribed => "unsubscribed",
                Standing::Suppressed(Suppression::Bounced { .. }) => "bounced",
                Standing::Suppressed(Suppression::Complained) => "complained",
            };
            told += &format!("{name} {standing}\n");
        }
        told
    });
    assert_eq!(told, expected);
}

#[test]
fn a_bounce_is_durable_when_it_is_answered_and_nothing_more_goes_there() {
    let mut world = world();
    world.check("ana: We stay\nben: We stay\n");
    let ana = sent_to(&world, "ana");
    let (running, address) = start(&world);
    let mut relay = Relay::greet(address);
    let message = returned(&world, "unknown-user", &ana);
    let answer = relay.hand_over(&return_path(&world, &ana).to_uppercase(), &message);
    assert_eq!(answer, "250 2.0.0 taken\r\n");
    // The service is not even stopped: another looks into the same ledger.
    check(&world, &["ana", "ben"], "ana bounced\nben confirmed\n");
    // Again, as a relay does that missed the answer.
    let answer = relay.hand_over(&return_path(&world, &ana), &message);
    assert_eq!(answer, "250 2.0.0 taken\r\n");
    relay.say("QUIT", "221 ");
    world.runtime.block_on(running.stop());
    world.write("go", &STATEMENT.replace("We stay", "We go"));
    world.pass("2018-07-06T14:00Z");
    world.check("ben: We go\n");
}

#[test]
fn the_return_path_of_a_mail_is_its_recipients_own() {
    let chaos = Chaos::start(Options::default());
    let mut world = World::sending_to(&chaos, "", "[[list]]\nname = \"alerts\"\nwhen = \"at once\"\n");
    world.reconfigure("transport =", "return_path = \"bounces@lists.example.org\"\ntransport =");
    world.subscribe(&["ana", "ben"], "alerts");
    world.look(BEGAN);
    world.write("stay", STATEMENT);
    world.pass(NOW);
    let key = world.installation.key().unwrap();
    let own = Own::new(&world.installation.config);
    let mut senders = chaos.log(|log| {
        log.taken.iter().map(|taken| (taken.recipient.clone(), taken.sender.clone())).collect::<Vec<_>>()
    });
    senders.sort();
    assert_eq!(senders.len(), 2);
    for ((_, sender), name) in senders.iter().zip(["ana", "ben"]) {
        let expected = sent_to(&world, name);
        assert_eq!(own.to(sender, &key), Some(To::ReturnPath(expected)), "{name}");
        assert_eq!(*sender, return_path(&world, &expected));
    }
}

#[test]
fn a_mail_to_one_person_comes_back_to_an_address_that_says_what_it_was() {
    let chaos = Chaos::start(Options::default());
    let mut world = World::sending_to(&chaos, "", "[[list]]\nname = \"alerts\"\nwhen = \"at once\"\n");
    world.reconfigure("transport =", "return_path = \"bounces@lists.example.org\"\ntransport =");
    world.subscribe(&["ana"], "alerts");
    world.look(BEGAN);
    let key = world.installation.key().unwrap();
    let own = Own::new(&world.installation.config);
    let address = |name: &str| Address::parse(&format!("{name}@example.org")).unwrap();
    let request = Request {
        lookup: key.lookup(&address("ben")),
        sealed: key.seal(&address("ben"), [1; 24]),
        domain: key.domain(&address("ben")),
        lists: vec!["alerts".to_owned()],
        lang: String::new(),
    };
    let [ana, ben] = world.with_ledger(async |ledger| {
        let caps = Caps { per_hour: 10, per_domain_per_hour: 10 };
        ledger.ask(&request, &caps, at(NOW)).await.unwrap();
        let ana = ledger.find_subscriber(&key.lookup(&address("ana"))).await.unwrap().unwrap().id;
        let ben = ledger.find_subscriber(&request.lookup).await.unwrap().unwrap().id;
        assert!(ledger.probe(ana, at(NOW)).await.unwrap());
        [ana, ben]
    });
    world.deliver(NOW);
    let mut senders = chaos.log(|log| {
        log.taken.iter().map(|taken| (taken.recipient.clone(), taken.sender.clone())).collect::<Vec<_>>()
    });
    senders.sort();
    let to: Vec<_> = senders.iter().map(|(_, sender)| own.to(sender, &key).unwrap()).collect();
    let (probe, letter) =
        (Errand { about: About::Probe, recipient: ana }, Errand { about: About::Letter, recipient: ben });
    assert_eq!(to, [To::ReturnPath(probe), To::ReturnPath(letter)]);
    let full = returned(&world, "mailbox-full", &probe);
    world.with_ledger(async |ledger| {
        let intake = Intake { ledger: ledger.clone(), key: key.clone(), own: own.clone() };
        for to in &to {
            intake.take(Some(to), &full, at(NOW)).await.unwrap();
        }
    });
    check(&world, &["ana", "ben"], "ana bounced\nben pending\n");
}

#[test]
fn a_refusal_during_the_sending_counts_by_its_code() {
    let chaos = Chaos::start(Options::default());
    let world = World::sending_to(&chaos, "", "[[list]]\nname = \"alerts\"\nwhen = \"at once\"\n");
    world.subscribe(&["reject-rcpt", "policy", "reject-dot", "ana"], "alerts");
    world.look(BEGAN);
    world.write("stay", STATEMENT);
    world.pass(NOW);
    check(
        &world,
        &["reject-rcpt", "policy", "reject-dot", "ana"],
        "reject-rcpt bounced\npolicy confirmed\nreject-dot confirmed\nana confirmed\n",
    );
}

#[test]
fn a_complaint_suppresses_also_when_only_the_message_id_is_left() {
    let world = world();
    let (ana, ben) = (sent_to(&world, "ana"), sent_to(&world, "ben"));
    let (running, address) = start(&world);
    let mut relay = Relay::greet(address);
    relay.hand_over("complaints@lists.example.org", &returned(&world, "complaint-by-message-id", &ana));
    relay.hand_over("complaints@lists.example.org", &returned(&world, "not-spam", &ben));
    check(&world, &["ana", "ben"], "ana complained\nben confirmed\n");
    world.runtime.block_on(running.stop());
}

#[test]
fn who_writes_to_the_address_of_list_unsubscribe_has_left_when_it_is_answered() {
    let world = world();
    let ana = sent_to(&world, "ana");
    let leaving = Errand { about: About::Leave(edition(&ana)), ..ana };
    let key = world.installation.key().unwrap();
    let (running, address) = start(&world);
    let mut relay = Relay::greet(address);
    let to = with_token("leave@lists.example.org", &key.errand_token(&leaving));
    // The address stands in the mail that they got.
    let mails = std::fs::read_dir(world.installation.outbox()).unwrap();
    let mails = mails.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    assert_eq!(mails.filter(|mail| mail.contains(&format!("<mailto:{to}>"))).count(), 1);
    relay.hand_over(&to, &returned(&world, "leave", &ana));
    check(&world, &["ana", "ben"], "ana unsubscribed\nben confirmed\n");
    world.runtime.block_on(running.stop());
}

fn edition(errand: &Errand) -> i64 {
    match errand.about {
        About::Edition(edition) | About::Leave(edition) => edition,
        About::Letter | About::Probe => panic!("of no edition"),
    }
}

#[test]
fn nothing_is_taken_for_others_and_nothing_is_relayed() {
    let world = world();
    let (running, address) = start(&world);
    let ana = return_path(&world, &sent_to(&world, "ana"));
    let mut relay = Relay::connect(address);
    relay.expect("the greeting", "220 ");
    relay.say("MAIL FROM:<>", "503 5.5.1");
    relay.say("EHLO relay.example.net", "500 5.5.1");
    relay.say("LHLO relay.example.net", "250 ");
    relay.say("RCPT TO:<complaints@lists.example.org>", "503 5.5.1");
    relay.say("MAIL FROM:<ana@example.org> SIZE=2000000", "552 5.3.4");
    relay.say("MAIL FROM:<> SIZE=1000 BODY=8BITMIME SMTPUTF8", "250 ");
    let (local, domain) = ana.split_once('@').unwrap();
    for other in [
        "ana@example.org",
        "postmaster",
        "bounces@lists.example.org",
        &format!("{local}%{domain}@relay.example.net"),
        &format!("{local}@example.org"),
        &format!("{}x@{domain}", &local[..local.len() - 1]),
    ] {
        relay.say(&format!("RCPT TO:<{other}>"), "550 5.7.1");
    }
    relay.say("DATA", "503 5.5.1");
    relay.say(&format!("RCPT TO:<{ana}>"), "250 ");
    relay.say("RSET", "250 ");
    relay.say("NOOP", "250 ");
    relay.say("VRFY ana@example.org", "252 ");
    relay.say("STARTTLS", "421 4.7.0");
    assert!(relay.is_closed(), "ten mistakes are enough");
    world.runtime.block_on(running.stop());
}

#[test]
fn a_message_that_is_too_large_is_refused_and_the_next_is_taken() {
    let world = world();
    let ana = sent_to(&world, "ana");
    let (running, address) = start(&world);
    let mut relay = Relay::greet(address);
    let line = [b"x".repeat(998), b"\r\n".to_vec()].concat();
    let large = line.repeat(MAX_BYTES / line.len() + 1);
    assert!(relay.hand_over(&return_path(&world, &ana), &large).starts_with("552 5.3.4"));
    let answer = relay.hand_over(&return_path(&world, &ana), &returned(&world, "unknown-user", &ana));
    assert_eq!(answer, "250 2.0.0 taken\r\n");
    check(&world, &["ana"], "ana bounced\n");
    world.runtime.block_on(running.stop());
}

#[test]
fn what_cannot_be_written_down_is_asked_for_again() {
    let world = world();
    let ana = sent_to(&world, "ana");
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let address = world.runtime.block_on(async {
        let ledger = world.installation.ledger().await.unwrap();
        let key = world.installation.key().unwrap();
        let intake = Intake { ledger: ledger.clone(), key, own: Own::new(&world.installation.config) };
        let address = listen(intake, Protocol::Lmtp, Limits::USUAL, &stop, &tasks).await;
        ledger.close().await;
        address
    });
    let mut relay = Relay::greet(address);
    let answer = relay.hand_over(&return_path(&world, &ana), &returned(&world, "unknown-user", &ana));
    assert!(answer.starts_with("451 4.3.0"), "{answer}");
    // What says nothing needs no ledger.
    let answer = relay.hand_over(&return_path(&world, &ana), &returned(&world, "vacation", &ana));
    assert!(answer.starts_with("250 "), "{answer}");
    stop.cancel();
    check(&world, &["ana"], "ana confirmed\n");
}

async fn listen(
    intake: Intake,
    protocol: Protocol,
    limits: Limits,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> SocketAddr {
    let listen = Listen { address: "127.0.0.1:0".to_owned(), protocol };
    mailbox::start(intake, &listen, limits, Clock::fast(at(NOW), 1), stop.clone(), tasks).await.unwrap()
}

#[test]
fn one_too_many_and_who_is_too_slow_are_told_so() {
    let world = world();
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let limits = Limits { connections: 1, stage: Duration::from_millis(300), whole: PATIENCE };
    let address = world.runtime.block_on(async {
        let ledger = world.installation.ledger().await.unwrap();
        let key = world.installation.key().unwrap();
        let intake = Intake { ledger, key, own: Own::new(&world.installation.config) };
        listen(intake, Protocol::Smtp, limits, &stop, &tasks).await
    });
    let mut first = Relay::connect(address);
    first.expect("the greeting", "220 ");
    let mut second = Relay::connect(address);
    second.expect("the greeting", "421 4.3.2");
    first.expect("silence", "421 4.4.2");
    assert!(first.is_closed());
    // Its place is free again as soon as it is closed.
    let began = Instant::now();
    loop {
        let mut third = Relay::connect(address);
        if third.hear().starts_with("220 ") {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "the place stays taken");
    }
    stop.cancel();
}

#[test]
fn smtp_has_one_answer_for_all_recipients_and_lmtp_one_for_each() {
    let table = [
        (Protocol::Lmtp, "LHLO", "250 2.0.0 taken\r\n451 4.3.0 not now, come again\r\n"),
        (Protocol::Smtp, "EHLO", "451 4.3.0 not now, come again\r\n"),
    ];
    for (protocol, hello, expected) in table {
        let mut dialogue = Dialogue::new(protocol);
        let said = format!(
            "{hello} relay\r\nMAIL FROM:<>\r\nRCPT TO:<@a,@b:one>\r\nrcpt to: <two> NOTIFY=NEVER\r\nDATA\r\n..x\r\n.\r\n"
        );
        dialogue.hear(said.as_bytes());
        let (_, taken) = talk(&mut dialogue);
        assert_eq!(taken, [(vec!["one".to_owned(), "two".to_owned()], b".x\r\n".to_vec())]);
        assert_eq!(dialogue.answer(&[true, false]), expected);
        assert!(dialogue.answer(&[true, true]).starts_with("250 "));
    }
}

type Taken = Vec<(Vec<String>, Vec<u8>)>;

// All that is answered and taken until it wants more or closes.
fn talk(dialogue: &mut Dialogue<String>) -> (String, Taken) {
    let (mut answers, mut messages) = (String::new(), Vec::new());
    loop {
        match dialogue.step(|address| (address.len() == 3).then(|| address.to_owned())) {
            Step::Answer(answer) => answers += &answer,
            Step::Take { recipients, message } => {
                answers += &dialogue.answer(&vec![true; recipients.len()]);
                messages.push((recipients, message));
            }
            Step::Close(answer) => return (answers + answer + "closed", messages),
            Step::More => return (answers, messages),
        }
    }
}

#[test]
fn a_message_ends_at_a_dot_alone_between_whole_line_ends() {
    let take = |body: &str| {
        let mut dialogue = Dialogue::new(Protocol::Lmtp);
        let said = format!("LHLO r\r\nMAIL FROM:<>\r\nRCPT TO:<one>\r\nDATA\r\n{body}");
        dialogue.hear(said.as_bytes());
        talk(&mut dialogue)
            .1
            .into_iter()
            .map(|(_, message)| String::from_utf8(message).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(take(".\r\n"), [""]);
    assert_eq!(take("a\r\n.\r\n"), ["a\r\n"]);
    assert_eq!(take("..\r\n.\r\n"), [".\r\n"]);
    // What other programs take for the end, so that a second message follows that nobody checked. A dot that begins
    // a line of ours goes, as ever.
    for (smuggled, left) in
        [("a\n.\n", "a\n.\n"), ("a\n.\r\n", "a\n.\r\n"), ("a\r\n.\n", "a\r\n\n"), ("a\r.\r", "a\r.\r")]
    {
        let whole = format!("{smuggled}MAIL FROM:<>\r\n.\r\n");
        assert_eq!(take(&whole), [format!("{left}MAIL FROM:<>\r\n")]);
    }
}

#[test]
fn whoever_says_no_end_is_not_listened_to_for_ever() {
    let mut dialogue: Dialogue<String> = Dialogue::new(Protocol::Smtp);
    for _ in 0..100 {
        dialogue.hear(&[b'x'; 10_000]);
        assert_eq!(talk(&mut dialogue), (String::new(), Vec::new()));
    }
    dialogue.hear(b"\r\nNOOP\r\n");
    assert_eq!(talk(&mut dialogue).0, "500 5.5.2 the line is too long\r\n250 2.0.0 still here\r\n");
    dialogue.hear("NOOP\r\n".repeat(3_000).as_bytes());
    assert!(talk(&mut dialogue).0.ends_with("421 4.7.0 enough for one connection, come again\r\nclosed"));
}

#[test]
fn an_mta_hands_over_through_a_pipe_and_is_told_to_come_again_when_we_cannot() {
    let world = world();
    let (ana, ben) = (sent_to(&world, "ana"), sent_to(&world, "ben"));
    let run = |arguments: &[&str], message: &[u8]| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_handbill"))
            .arg("-C")
            .arg(world.path())
            .arg("bounce")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(message).unwrap();
        child.wait().unwrap().code()
    };
    // With the address it came to, and with what stands in the mail alone; what says nothing is taken, too.
    assert_eq!(run(&["--to", &return_path(&world, &ana)], &returned(&world, "unknown-user", &ben)), Some(0));
    check(&world, &["ana", "ben"], "ana bounced\nben confirmed\n");
    assert_eq!(run(&[], &returned(&world, "letter", &ben)), Some(0));
    let mut long = returned(&world, "complaint", &ben);
    long.extend(std::iter::repeat_n(b'x', 2 * MAX_BYTES));
    assert_eq!(run(&[], &long), Some(0));
    check(&world, &["ben"], "ben complained\n");

    let ledger = world.installation.data().join("ledger.db");
    std::fs::rename(&ledger, ledger.with_extension("away")).unwrap();
    std::fs::create_dir(&ledger).unwrap();
    assert_eq!(run(&[], &returned(&world, "unknown-user", &ben)), Some(75));
    std::fs::write(world.path().join("handbill.toml"), "[sit]\n").unwrap();
    assert_eq!(run(&[], &returned(&world, "unknown-user", &ben)), Some(75));
}

proptest! {
    #[test]
    fn however_the_bytes_are_cut_the_dialogue_is_the_same(
        words in proptest::collection::vec(proptest::sample::select(vec![
            "LHLO r\r\n", "EHLO r\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<one>\r\n", "RCPT TO:<nobody>\r\n", "DATA\r\n",
            ".\r\n", "..\r\n", "a line\r\n", "\n", "\r", ".", "RSET\r\n", "NOOP\r\n", "QUIT\r\n", "é",
        ]), 0..40),
        piece in 1_usize..9
    ) {
        let said = words.concat();
        let mut whole = Dialogue::new(Protocol::Lmtp);
        whole.hear(said.as_bytes());
        let expected = talk(&mut whole);
        let mut cut = Dialogue::new(Protocol::Lmtp);
        let (mut answers, mut messages) = (String::new(), Vec::new());
        for bytes in said.as_bytes().chunks(piece) {
            cut.hear(bytes);
            let (answer, taken) = talk(&mut cut);
            answers += &answer;
            messages.extend(taken);
            if answers.ends_with("closed") {
                break;
            }
        }
        prop_assert_eq!((answers, messages), expected);
    }

    #[test]
    fn no_message_is_taken_for_nobody(bytes in proptest::collection::vec(0_u8..128, 0..400)) {
        let mut dialogue = Dialogue::new(Protocol::Smtp);
        dialogue.hear(&bytes);
        prop_assert!(talk(&mut dialogue).1.iter().all(|(recipients, _)| !recipients.is_empty()));
    }
}
