//! Jump: a clock that is set ahead under a service that runs, and what an operator makes of it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use handbill::clock::Clock;
use handbill::ledger::asking::Request;
use handbill::ledger::epoch::Held;
use handbill::publish::Hold;
use handbill::serve::{Parts, Running};
use handbill::subscriber::{Address, Caps, Standing};

use crate::plan::at;
use crate::world::World;

const LISTS: &str = "
[[list]]
name = \"alerts\"
when = \"at once\"
remind = [\"-PT2H\"]
";
const MARCH: &str = "+++\nkind = \"action\"\ntitle = \"March\"\nstarts = 2018-07-07 12:00\nzone = \"UTC\"\n\
                     [place]\nname = \"Union Square\"\n+++\nBring water.\n";
const SECRET: &str =
    "+++\nkind = \"statement\"\ntitle = \"We stay\"\npublish_at = 2018-07-08 06:00\n+++\nWe say so.\n";
const BEGAN: &str = "2018-07-06T12:00Z";
const FRIDAY: &str = "2018-07-06T13:00Z";
// Two days ahead.
const SUNDAY: &str = "2018-07-08T13:00Z";
const PATIENCE: Duration = Duration::from_secs(60);

// A service on Friday that has announced the march, of which it is to remind on Saturday at ten.
fn announced() -> (World, Clock, Running) {
    let mut world = World::new(LISTS);
    world.look(BEGAN);
    world.subscribe(&["ana"], "alerts");
    world.write("march", MARCH);
    world.write("stay", SECRET);
    let clock = Clock::fast(at(FRIDAY), 1);
    let running = world.start_by(Parts::ALL, clock.clone()).unwrap();
    await_mail(&mut world, "March");
    (world, clock, running)
}

fn await_mail(world: &mut World, expected: &str) {
    let began = Instant::now();
    loop {
        let mails = world.arrived();
        if !mails.is_empty() {
            let lines = crate::world::lines(&mails);
            assert!(mails.len() == 1 && lines.contains(expected), "{lines}");
            return;
        }
        assert!(began.elapsed() < PATIENCE, "nothing arrives");
        sleep(Duration::from_millis(10));
    }
}

// The clock goes two days ahead; answers when the service has noticed.
fn jump(world: &World, clock: &Clock) -> Held {
    clock.set(at(SUNDAY));
    let began = Instant::now();
    loop {
        if let Some(held) = world.with_ledger(async |ledger| ledger.held().await.unwrap()) {
            return held;
        }
        assert!(began.elapsed() < PATIENCE, "the jump is not noticed");
        sleep(Duration::from_millis(10));
    }
}

fn resume(world: &World, now: &str) {
    world.with_ledger(async |ledger| ledger.resume(at(now)).await.unwrap());
}

#[test]
fn after_a_false_jump_and_a_resume_all_goes_on_as_if_there_had_been_none() {
    let (mut world, clock, running) = announced();
    let held = jump(&world, &clock);
    let Held::Jumped { since, to } = held else { panic!("{held}") };
    // Since what the clock should have shown, whatever the machine took to get here.
    assert!(since - at(FRIDAY) < TimeDelta::minutes(10) && to - since > TimeDelta::hours(47), "{held}");
    // The publisher, too, has looked meanwhile: twice, and what it does takes a moment.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        assert_eq!(world.shows("We stay"), Vec::<std::path::PathBuf>::new());
        sleep(Duration::from_millis(20));
    }
    // The operator sets it right, some hours later and a moment before the reminder.
    clock.set(at("2018-07-07T09:59:58Z"));
    resume(&world, "2018-07-07T09:59:58Z");
    await_mail(&mut world, "March");
    assert_eq!(world.shows("We stay"), Vec::<std::path::PathBuf>::new());
    world.runtime.block_on(running.stop());
    let tallies = world.tallies();
    assert!(tallies.contains("reminder/alerts/march/-PT2H") && !tallies.contains("missed"), "{tallies}");
    assert!(!tallies.contains("stay"), "{tallies}");
    world.pass("2018-07-08T06:00Z");
    world.check("ana: We stay\n");
}

#[test]
fn a_jump_is_held_across_a_restart_and_a_true_one_goes_on_at_its_time() {
    let (mut world, clock, running) = announced();
    jump(&world, &clock);
    world.runtime.block_on(running.stop());
    let looked = world.look(SUNDAY);
    assert_eq!((looked.held, looked.entries.len()), (Some(Hold::Jumped), 0));
    assert!(looked.written.is_none());
    world.deliver(SUNDAY);
    world.check("");
    assert_eq!(world.shows("We stay"), Vec::<std::path::PathBuf>::new());
    assert_eq!(world.with_ledger(async |ledger| ledger.tallies(Some("missed"), 10).await.unwrap().len()), 0);
    // The machine had slept: it is Sunday.
    resume(&world, SUNDAY);
    world.pass(SUNDAY);
    world.check("ana: We stay\n");
    assert!(world.tallies().contains("reminder/alerts/march/-PT2H missed"), "{}", world.tallies());
}

#[test]
fn what_waits_is_not_forgotten_by_a_clock_that_jumped() {
    let (world, clock, running) = announced();
    let key = world.installation.key().unwrap();
    let bela = Address::parse("bela@example.org").unwrap();
    let request = Request {
        lookup: key.lookup(&bela),
        sealed: key.seal(&bela, [1; 24]),
        domain: key.domain(&bela),
        lists: vec!["alerts".to_owned()],
        lang: String::new(),
    };
    let caps = Caps { per_hour: 10, per_domain_per_hour: 10 };
    world.with_ledger(async |ledger| ledger.ask(&request, &caps, at(BEGAN)).await.unwrap());
    jump(&world, &clock);
    world.runtime.block_on(running.stop());
    // A service tidies at its start.
    let running = world.start(Parts { publish: true, deliver: false, web: false }, SUNDAY).unwrap();
    for _ in 0..50 {
        let standing = world.runtime.block_on(running.ledger.standing(&request.lookup)).unwrap();
        assert_eq!(standing, Standing::Pending);
        sleep(Duration::from_millis(10));
    }
    world.runtime.block_on(running.stop());
}

#[test]
fn an_operators_pause_keeps_publishing() {
    let world = World::new(LISTS);
    world.look(BEGAN);
    world.with_ledger(async |ledger| ledger.hold(at(FRIDAY)).await.unwrap());
    world.write("march", MARCH);
    let looked = world.look(FRIDAY);
    assert_eq!(looked.held, None);
    assert!(!world.shows("March").is_empty());
}

#[test]
fn it_is_said_why_a_jump_holds() {
    let held = Held::Jumped { since: at(FRIDAY), to: at(SUNDAY) };
    assert_eq!(
        format!("{held}; `handbill resume` lets it go on."),
        "Sending is held since 2018-07-06 13:00:00Z, and publishing, too, because the clock jumped ahead to \
         2018-07-08 13:00:00Z: set it right if it is wrong; `handbill resume` lets it go on."
    );
}
