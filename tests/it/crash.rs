//! Crash: the real program, killed at random moments while it sends, and started again until all is sent.

use std::collections::BTreeMap;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use chrono::TimeDelta;

use handbill::clock::Clock;

use crate::chaos::{Chaos, Options};
use crate::world::{World, copies, taken};

const CONNECTIONS: usize = 8;
const RECIPIENTS: usize = 150;

// So long that it cannot pass on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// SplitMix64 (Steele, Lea and Flood 2014): the same moments for the same seed.
struct Chance(u64);

impl Chance {
    fn draw(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn milliseconds(&mut self, below: u64) -> Duration {
        Duration::from_millis(self.draw(below))
    }
}

fn kills(otherwise: usize) -> usize {
    std::env::var("HANDBILL_KILLS").map_or(otherwise, |kills| kills.parse().unwrap())
}

/// An installation with an alert that is due now, and an issue when it has one, to all recipients each; whoever
/// starts it sends them. Further alerts are announced while it runs.
struct Sending {
    world: World,
    chaos: Chaos,
    editions: usize,
}

impl Sending {
    fn begin(lists: &str) -> Self {
        let chaos = Chaos::start(Options { pipelining: true, ..Options::default() });
        let now = Clock::wall().now();
        let cut = now - TimeDelta::minutes(3);
        let config = format!(
            "[[list]]\nname = \"alerts\"\nwhen = \"at once\"\n[[list]]\nname = \"daily\"\nwhen = \"{} * * *\"\n",
            cut.format("%-M %-H")
        );
        let world = World::sending_to(&chaos, &format!("connections = {CONNECTIONS}"), &config);
        // One in five is slow, so that something is always in flight.
        let name = |number: usize| {
            if number.is_multiple_of(5) { format!("slow.{number}") } else { format!("n{number}") }
        };
        let names: Vec<String> = (0..RECIPIENTS).map(name).collect();
        world.subscribe(&names, lists);
        world.look_at(now - TimeDelta::hours(2));
        let mut sending = Self { world, chaos, editions: 0 };
        sending.announce();
        sending.world.look_at(now - TimeDelta::hours(1));
        // The program plans it itself.
        sending.editions += usize::from(lists.contains("daily"));
        sending
    }

    fn announce(&mut self) {
        let source =
            format!("+++\nkind = \"statement\"\ntitle = \"Number {}\"\n+++\nWe say so.\n", self.editions);
        self.world.write(&format!("number-{}", self.editions), &source);
        self.editions += 1;
    }

    fn start(&self) -> Child {
        Command::new(env!("CARGO_BIN_EXE_handbill"))
            .arg("-C")
            .arg(self.world.path())
            .args(["--log", "error", "serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn taken(&self) -> usize {
        self.chaos.log(|log| log.taken.len())
    }

    fn distinct(&self) -> usize {
        self.chaos.log(|log| copies(&log.taken.iter().map(taken).collect::<Vec<_>>()).len())
    }

    fn wait_until(&self, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < PATIENCE, "{} of {}", self.taken(), self.editions * RECIPIENTS);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    // Waits until a program that has just been started sends; a random while more.
    fn let_send(&self, chance: &mut Chance) {
        let before = self.taken();
        self.wait_until(|| self.taken() > before);
        std::thread::sleep(chance.milliseconds(60));
    }

    /// Runs it to the end. Nobody was lost, and everything that everybody was sent, copies included, has the
    /// Message-ID of its edition; answers how many copies there were too many.
    fn end(self) -> usize {
        if self.complete() < self.editions {
            let mut child = self.start();
            self.wait_until(|| self.complete() == self.editions);
            assert!(terminate(&mut child).success());
        }
        let mails = self.chaos.log(|log| log.taken.iter().map(taken).collect::<Vec<_>>());
        let mut of_recipient: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
        for mail in &mails {
            let ids = of_recipient.entry(mail.to.as_str()).or_default();
            let known = ids.insert(mail.subject.as_str(), mail.message_id.as_str());
            assert!(known.is_none_or(|known| known == mail.message_id), "a copy has another Message-ID");
        }
        assert_eq!(of_recipient.len(), RECIPIENTS);
        assert!(of_recipient.values().all(|ids| ids.len() == self.editions), "somebody was lost");
        assert_eq!(copies(&mails).len(), RECIPIENTS * self.editions);
        let violations = self.chaos.log(|log| log.violations.clone());
        assert_eq!(violations, Vec::<String>::new());
        mails.len() - copies(&mails).len()
    }

    // Editions of which every recipient is recorded as sent.
    fn complete(&self) -> usize {
        let tallies = self.world.with_ledger(async |ledger| ledger.tallies(None, 1000).await.unwrap());
        assert!(tallies.iter().all(handbill::ledger::looking::Tally::reconciles), "{tallies:?}");
        let recipients = i64::try_from(RECIPIENTS).unwrap();
        tallies.iter().filter(|tally| tally.state == "complete" && tally.sent == recipients).count()
    }
}

// SIGTERM, and the end within ten seconds.
fn terminate(child: &mut Child) -> ExitStatus {
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "it does not stop");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_kill_loses_nothing_and_copies_at_most_one_mail_a_connection() {
    let (seed, kills) = (20_180_706, kills(50));
    let mut chance = Chance(seed);
    let mut sending = Sending::begin("alerts daily");
    for _ in 0..kills {
        if sending.distinct() + 2 * CONNECTIONS > sending.editions * RECIPIENTS {
            sending.announce();
        }
        let mut child = sending.start();
        sending.let_send(&mut chance);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let editions = sending.editions;
    let copies = sending.end();
    eprintln!(
        "seed {seed}: {kills} kills, {} mails, 0 lost, {copies} copies, {:.2} a kill",
        editions * RECIPIENTS,
        copies as f64 / kills.max(1) as f64
    );
    assert!(copies <= CONNECTIONS * kills, "{copies} copies");
}

#[test]
fn a_stop_loses_nothing_and_copies_nothing() {
    let (seed, stops) = (20_180_710, kills(50) / 4);
    let mut chance = Chance(seed);
    let mut sending = Sending::begin("alerts daily");
    for _ in 0..stops {
        if sending.distinct() + 2 * CONNECTIONS > sending.editions * RECIPIENTS {
            sending.announce();
        }
        let mut child = sending.start();
        sending.let_send(&mut chance);
        assert!(terminate(&mut child).success());
    }
    let editions = sending.editions;
    let copies = sending.end();
    eprintln!("seed {seed}: {stops} stops, {} mails, 0 lost, {copies} copies", editions * RECIPIENTS);
    assert_eq!(copies, 0);
}

#[test]
fn a_relay_that_goes_and_comes_back_loses_nothing() {
    let (seed, outages) = (20_180_727, 6);
    let mut chance = Chance(seed);
    // An issue that may have arrived would be held for a person.
    let mut sending = Sending::begin("alerts");
    let mut child = sending.start();
    for _ in 0..outages {
        if sending.distinct() + 2 * CONNECTIONS > sending.editions * RECIPIENTS {
            sending.announce();
        }
        sending.let_send(&mut chance);
        sending.chaos.is_there(false);
        std::thread::sleep(Duration::from_millis(300) + chance.milliseconds(500));
        sending.chaos.is_there(true);
    }
    assert!(terminate(&mut child).success());
    // By then the mails whose connection was lost may be tried again.
    sending.world.deliver_at(Clock::wall().now() + TimeDelta::minutes(10));
    let editions = sending.editions;
    let copies = sending.end();
    eprintln!("seed {seed}: {outages} outages, {} mails, 0 lost, {copies} copies", editions * RECIPIENTS);
    assert!(copies <= CONNECTIONS * outages, "{copies} copies");
}
