//! Deliver: the whole service, looked at through what arrives.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use handbill::clock::Clock;
use handbill::serve::{Parts, Running};
use handbill::subscriber::Address;

use crate::chaos::{Chaos, Options};
use crate::plan::at;
use crate::target::receiver::{Receiver, answer};
use crate::world::{DELIVER, Mail, World, copies, files, lines, read, taken};

const ALERTS: &str = "
[[list]]
name = \"alerts\"
when = \"at once\"
";
const WEEKLY: &str = "
[[list]]
name = \"weekly\"
when = \"0 9 * * MON\"
";
const REMINDING: &str = "
[[list]]
name = \"alerts\"
when = \"at once\"
kinds = [\"action\"]
remind = [\"-PT2H\"]
";
const STATEMENT: &str = "+++\nkind = \"statement\"\ntitle = \"We stay\"\n+++\nWe say so.\n";
const MARCH: &str = "+++\nkind = \"action\"\ntitle = \"March\"\nstarts = 2018-07-10 09:00\nzone = \"UTC\"\n\
                     [place]\nname = \"Union Square\"\n+++\nBring water.\n";
// A Friday.
const BEGAN: &str = "2018-07-06T12:00Z";
const FRIDAY: &str = "2018-07-06T13:00Z";
const MONDAY: &str = "2018-07-09T09:00Z";

fn pipelining() -> Options {
    Options { pipelining: true, ..Options::default() }
}

fn begun(lists: &str) -> World {
    let world = World::new(lists);
    world.look(BEGAN);
    world
}

// Ana has the alert of a march, and is to be reminded of it.
fn told_of_a_march() -> World {
    let world = begun(REMINDING);
    world.subscribe(&["ana"], "alerts");
    world.write("march", MARCH);
    world.pass(FRIDAY);
    world
}

fn begun_sending(chaos: &Chaos, smtp: &str, lists: &str) -> World {
    let world = World::sending_to(chaos, smtp, lists);
    world.look(BEGAN);
    world
}

fn mails(chaos: &Chaos) -> Vec<Mail> {
    chaos.log(|log| log.taken.iter().map(taken).collect())
}

// What a relay took, in the order of the recipients.
fn check(chaos: &Chaos, expected: &str) {
    let mut mails = mails(chaos);
    mails.sort_by(|a, b| (&a.to, &a.subject).cmp(&(&b.to, &b.subject)));
    assert_eq!(lines(&mails), expected);
}

#[test]
fn a_notice_goes_to_everybody_on_the_list_once() {
    let mut world = begun(ALERTS);
    world.subscribe(&["ana", "ben"], "alerts");
    world.subscribe(&["eve"], "");
    world.write("stay", STATEMENT);
    world.pass(FRIDAY);
    world.pass("2018-07-06T13:01Z");
    world.check("ana: We stay\nben: We stay\n");
    assert_eq!(world.tallies(), "alert/alerts/stay complete: 2 to, 2 sent\n");
}

#[test]
fn an_address_that_does_not_open_waits_and_holds_nobody() {
    let mut world = begun(ALERTS);
    world.subscribe(&["ana"], "alerts");
    // Alone in its language, and so in its batch.
    world.subscribe_in(&["ben"], "alerts", "es");
    world.break_address("ben");
    world.write("stay", STATEMENT);
    world.pass(FRIDAY);
    world.check("ana: We stay\n");
    assert_eq!(world.tallies(), "alert/alerts/stay open: 2 to, 1 waiting, 1 sent\n");
    // With no address that opens it is the key that does not fit.
    world.break_address("ana");
    world.write("go", &STATEMENT.replace("stay", "go"));
    world.look("2018-07-06T14:00Z");
    world.deliver("2018-07-06T14:00Z");
    world.check("");
    let held = world.with_ledger(async |ledger| ledger.held().await.unwrap());
    assert!(held.is_some());
}

#[test]
fn a_notice_older_than_the_ledger_is_never_sent() {
    let mut world = World::new(ALERTS);
    world.subscribe(&["ana"], "alerts");
    world.write("stay", STATEMENT);
    world.pass(BEGAN);
    world.pass(FRIDAY);
    world.check("");
    assert!(!world.shows("We stay").is_empty());
}

#[test]
fn who_is_on_two_lists_gets_one() {
    let mut world = begun(&format!("{ALERTS}{}", ALERTS.replace("alerts", "actions")));
    world.subscribe(&["ana"], "alerts actions");
    world.subscribe(&["ben"], "actions");
    world.write("stay", STATEMENT);
    world.pass(FRIDAY);
    world.check("ana: We stay\nben: We stay\n");
}

#[test]
fn a_correction_follows_the_original_and_goes_to_who_came_since_too() {
    let mut world = begun(REMINDING);
    world.subscribe(&["ana", "ben"], "alerts");
    world.write("march", MARCH);
    world.pass(FRIDAY);
    let originals = world.arrived();
    world.subscribe(&["new"], "alerts");
    world.edit("march", "09:00", "11:00");
    world.pass("2018-07-06T14:00Z");
    let corrections = world.arrived();
    assert_eq!(corrections.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), ["ana", "ben", "new"]);
    assert_eq!(corrections[2].in_reply_to, None);
    for (original, correction) in originals.iter().zip(&corrections) {
        assert_eq!(correction.in_reply_to.as_ref(), Some(&original.message_id));
        assert_ne!(correction.message_id, original.message_id);
        assert!(correction.text.contains("11:00"), "{}", correction.text);
    }
}

#[test]
fn several_corrections_that_wait_go_out_as_one() {
    let mut world = told_of_a_march();
    world.arrived();
    world.edit("march", "09:00", "11:00");
    world.look("2018-07-06T14:00Z");
    world.edit("march", "Union Square", "Foley Square");
    world.look("2018-07-06T14:01Z");
    world.edit("march", "11:00", "10:30");
    world.pass("2018-07-06T14:02Z");
    let arrived = world.arrived();
    let subjects: Vec<&str> = arrived.iter().map(|mail| mail.subject.as_str()).collect();
    assert_eq!(subjects, ["New time and place: March — Tue Jul 10, 10:30 AM"]);
    assert!(!arrived[0].text.contains("11:00"), "{}", arrived[0].text);
    world.pass("2018-07-10T07:00Z");
    world.check("");
}

#[test]
fn a_correction_that_waits_says_nothing_when_all_is_as_it_was_again() {
    let mut world = told_of_a_march();
    world.arrived();
    world.edit("march", "09:00", "11:00");
    world.look("2018-07-06T14:00Z");
    world.edit("march", "11:00\n", "09:00\nnotify = \"silent\"\n");
    world.pass("2018-07-06T14:01Z");
    world.check("");
    world.edit("march", "09:00\nnotify = \"silent\"\n", "10:00\n");
    world.pass("2018-07-06T15:00Z");
    world.check("ana: New time: March — Tue Jul 10, 10:00 AM\n");
}

#[test]
fn what_was_mended_while_a_notice_was_taken_back_is_told_when_it_stands_again() {
    let mut world = told_of_a_march();
    world.arrived();
    world.edit("march", "title", "withdrawn = \"A mistake.\"\ntitle");
    world.pass("2018-07-06T14:00Z");
    world.edit("march", "09:00", "11:00");
    world.pass("2018-07-06T14:30Z");
    world.check("");
    world.edit("march", "withdrawn = \"A mistake.\"\n", "");
    world.pass("2018-07-06T15:00Z");
    let arrived = world.arrived();
    let subjects: Vec<&str> = arrived.iter().map(|mail| mail.subject.as_str()).collect();
    assert_eq!(subjects, ["New time: March — Tue Jul 10, 11:00 AM"]);
    assert!(arrived[0].text.contains("stands again"), "{}", arrived[0].text);
}

#[test]
fn a_list_that_came_after_the_alert_hears_of_a_change_too() {
    let mut world = told_of_a_march();
    world.arrived();
    world.reconfigure("[[list]]", "[[list]]\nname = \"nearby\"\nwhen = \"at once\"\n[[list]]");
    world.subscribe(&["ben"], "nearby");
    world.pass("2018-07-06T13:30Z");
    world.edit("march", "title", "status = \"cancelled\"\ntitle");
    world.pass("2018-07-06T14:00Z");
    world.check("ana: Cancelled: March\nben: Cancelled: March\n");
}

#[test]
fn a_correction_that_waits_is_dropped_when_the_notice_is_taken_back() {
    let mut world = told_of_a_march();
    world.arrived();
    world.edit("march", "09:00", "11:00");
    world.look("2018-07-06T14:00Z");
    world.edit("march", "title", "withdrawn = \"A forgery.\"\nnotify = \"alert\"\ntitle");
    world.pass("2018-07-06T14:01Z");
    world.check("ana: Taken back: March\n");
}

// By a mistake that was noticed while a slow relay was at work.
#[test]
fn what_was_dropped_while_a_notice_was_taken_back_goes_out_when_it_stands_again() {
    let mut world = told_of_a_march();
    world.arrived();
    world.edit("march", "09:00", "11:00");
    world.look("2018-07-06T14:00Z");
    world.write("rally", &MARCH.replace("March", "Rally"));
    world.look("2018-07-06T14:00Z");
    for id in ["march", "rally"] {
        world.edit(id, "title", "withdrawn = \"A mistake.\"\ntitle");
    }
    world.pass("2018-07-06T14:01Z");
    world.check("");
    for id in ["march", "rally"] {
        world.edit(id, "withdrawn = \"A mistake.\"\n", "");
    }
    world.pass("2018-07-06T14:02Z");
    world.check("ana: Action: Rally — Tue Jul 10, 9:00 AM\nana: New time: March — Tue Jul 10, 11:00 AM\n");
}

#[test]
fn who_heard_nothing_of_a_withdrawal_hears_once_that_it_stands() {
    let mut world = told_of_a_march();
    world.arrived();
    world.edit("march", "title", "withdrawn = \"A mistake.\"\nnotify = \"alert\"\ntitle");
    world.look("2018-07-06T14:01Z");
    world.edit("march", "withdrawn = \"A mistake.\"\nnotify = \"alert\"\n", "");
    world.pass("2018-07-06T14:02Z");
    world.check("ana: Stands again: March\n");
}

#[test]
fn nobody_is_reminded_of_a_cancelled_action() {
    let mut world = told_of_a_march();
    world.edit("march", "title", "status = \"cancelled\"\ntitle");
    world.pass("2018-07-06T14:00Z");
    assert_eq!(world.arrived().len(), 2);
    world.pass("2018-07-10T07:00Z");
    world.check("");
}

#[test]
fn a_cancellation_between_the_commit_of_a_reminder_and_its_sending_stops_it() {
    let mut world = told_of_a_march();
    world.look("2018-07-10T07:00Z");
    world.edit("march", "title", "status = \"cancelled\"\ntitle");
    world.pass("2018-07-10T07:01Z");
    let subjects: Vec<String> = world.arrived().into_iter().map(|mail| mail.subject).collect();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert!(world.tallies().contains("reminder/alerts/march/-PT2H complete: 1 to, 1 superseded"));
}

// What a deliverer had in hand when the action changed, and gives back.
fn check_superseded(old: &str, new: &str) {
    let mut world = told_of_a_march();
    world.look("2018-07-10T07:00Z");
    let now = at("2018-07-10T07:00Z");
    let lease = chrono::TimeDelta::hours(1);
    let claims = world.with_ledger(async |ledger| {
        ledger.claim_mails(handbill::edition::Lane::Urgent, 10, lease, now).await.unwrap()
    });
    assert_eq!(claims.len(), 1);
    world.edit("march", old, new);
    world.look("2018-07-10T07:01Z");
    world.with_ledger(async |ledger| ledger.release(&claims, now).await.unwrap());
    world.deliver("2018-07-10T07:02Z");
    let subjects: Vec<String> = world.arrived().into_iter().map(|mail| mail.subject).collect();
    // The alert and the correction, which goes also to whom the reminder may have told.
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    let tallies = world.tallies();
    assert!(tallies.contains("reminder/alerts/march/-PT2H complete: 1 to, 1 superseded\n"), "{tallies}");
    assert!(tallies.contains("correction/alerts/march/1 complete: 1 to, 1 sent\n"), "{tallies}");
}

#[test]
fn a_reminder_in_hand_when_its_action_is_cancelled_is_not_sent() {
    check_superseded("title", "status = \"cancelled\"\ntitle");
}

#[test]
fn a_reminder_in_hand_when_its_action_is_postponed_is_not_sent() {
    check_superseded("title", "status = \"postponed\"\ntitle");
}

#[test]
fn a_reminder_in_hand_when_its_action_gets_another_start_is_not_sent() {
    check_superseded("09:00", "08:45");
    check_superseded("09:00", "09:15");
}

#[test]
fn a_reminder_of_an_action_that_only_gets_another_place_is_sent_with_it() {
    let mut world = told_of_a_march();
    world.arrived();
    world.look("2018-07-10T07:00Z");
    world.edit("march", "Union Square", "Foley Square");
    world.pass("2018-07-10T07:01Z");
    let mails = world.arrived();
    assert_eq!(mails.len(), 2, "{mails:?}");
    assert!(world.tallies().contains("reminder/alerts/march/-PT2H complete: 1 to, 1 sent\n"));
    assert!(mails.iter().all(|mail| mail.text.contains("Foley Square")), "{mails:?}");
}

#[test]
fn a_draft_with_errors_leaves_what_was_published() {
    let mut world = begun(ALERTS);
    world.subscribe(&["ana"], "alerts");
    world.write("stay", STATEMENT);
    world.pass(FRIDAY);
    world.edit("stay", "We say so.", "Half a word");
    world.edit("stay", "title =", "titel =");
    world.pass("2018-07-06T14:00Z");
    world.check("ana: We stay\n");
    assert!(world.shows("Half a word").is_empty());
    assert!(!world.shows("We say so.").is_empty());
}

#[test]
fn a_notice_under_embargo_is_nowhere_before_its_time() {
    let mut world = begun(ALERTS);
    world.subscribe(&["ana"], "alerts");
    world.write("stay", &STATEMENT.replace("title", "publish_at = 2018-07-07 18:00\ntitle"));
    world.pass(FRIDAY);
    world.pass("2018-07-07T17:59Z");
    assert_eq!(world.shows("We stay"), Vec::<std::path::PathBuf>::new());
    world.pass("2018-07-07T18:00Z");
    world.check("ana: We stay\n");
    assert!(world.shows("We stay").len() > 3);
}

#[test]
fn a_place_of_the_day_is_nowhere_before_its_time() {
    let mut world = begun(REMINDING);
    world.subscribe(&["ana"], "alerts");
    world.write(
        "march",
        &MARCH.replace(
            "\"Union Square\"",
            "\"Zuccotti\"\nvisibility = \"day-of\"\nreveal_at = 2018-07-10 06:00",
        ),
    );
    world.pass(FRIDAY);
    world.pass("2018-07-10T05:59Z");
    assert_eq!(world.arrived().len(), 1);
    assert_eq!(world.shows("Zuccotti"), Vec::<std::path::PathBuf>::new());
    world.pass("2018-07-10T06:00Z");
    let [revealed] = &world.arrived()[..] else { panic!("one correction") };
    assert!(revealed.text.contains("Zuccotti"), "{}", revealed.text);
    assert!(revealed.subject.contains("Place announced"), "{}", revealed.subject);
    world.pass("2018-07-10T07:00Z");
    let [reminder] = &world.arrived()[..] else { panic!("one reminder") };
    assert!(reminder.text.contains("Zuccotti"), "{}", reminder.text);
    assert!(world.shows("Zuccotti").len() > 2);
}

#[test]
fn an_edit_of_nothing_that_matters_updates_the_documents_and_sends_nothing() {
    let mut world = begun(ALERTS);
    world.subscribe(&["ana"], "alerts");
    world.write("march", MARCH);
    world.pass(FRIDAY);
    assert_eq!(world.arrived().len(), 1);
    world.edit("march", "Bring water.", "Bring water and hats.");
    world.pass("2018-07-06T14:00Z");
    world.check("");
    assert!(!world.shows("water and hats").is_empty());
}

#[test]
fn an_issue_goes_out_at_its_cut_and_carries_a_notice_once() {
    let mut world = begun(WEEKLY);
    world.subscribe(&["ana"], "weekly");
    world.write("stay", STATEMENT);
    world.pass(FRIDAY);
    world.check("");
    world.pass(MONDAY);
    world.check("ana: weekly: We stay\n");
    world.pass("2018-07-16T09:00Z");
    world.check("");
}

#[test]
fn nothing_is_sent_while_sending_is_held_and_everything_after() {
    let mut world = begun(ALERTS);
    world.subscribe(&["ana", "ben"], "alerts");
    world.write("stay", STATEMENT);
    world.look(FRIDAY);
    world.with_ledger(async |ledger| ledger.hold(at(FRIDAY)).await.unwrap());
    world.deliver(FRIDAY);
    world.check("");
    world.with_ledger(async |ledger| ledger.resume(at(FRIDAY)).await.unwrap());
    world.deliver(FRIDAY);
    world.check("ana: We stay\nben: We stay\n");
}

#[test]
fn a_restored_backup_sends_nothing_again_until_an_operator_resumes() {
    let chaos = Chaos::start(pipelining());
    let world = begun_sending(&chaos, "connections = 1", ALERTS);
    world.subscribe(&["ana", "ben"], "alerts");
    world.write("stay", STATEMENT);
    world.look(FRIDAY);
    let ledger = world.installation.data().join("ledger.db");
    let backup = fs::read(&ledger).unwrap();
    world.deliver(FRIDAY);
    check(&chaos, "ana: We stay\nben: We stay\n");
    fs::write(&ledger, backup).unwrap();
    world.pass("2018-07-06T13:05Z");
    check(&chaos, "ana: We stay\nben: We stay\n");
    assert_eq!(world.tallies(), "alert/alerts/stay open: 2 to, 2 waiting\n");
    let why = world.with_ledger(async |ledger| ledger.held().await.unwrap().unwrap().to_string());
    assert!(why.contains("older copy"), "{why}");
    world.with_ledger(async |ledger| ledger.resume(at("2018-07-06T13:06Z")).await.unwrap());
    world.deliver("2018-07-06T13:06Z");
    assert_eq!(copies(&mails(&chaos)).into_values().collect::<Vec<_>>(), [2, 2]);
    world.write("go", &STATEMENT.replace("We stay", "We go"));
    world.pass("2018-07-06T13:07Z");
    assert_eq!(mails(&chaos).len(), 6);
}

// An alert to sixty by a slow relay, of which the first has been taken.
fn under_way(connections: u32, id: &str, notice: &str) -> (Chaos, World, Running) {
    let chaos = Chaos::start(pipelining());
    let world = begun_sending(&chaos, &format!("connections = {connections}"), ALERTS);
    let names: Vec<String> = (0..60).map(|n| format!("slow.{n}")).collect();
    world.subscribe(&names, "alerts");
    world.write(id, notice);
    world.look(FRIDAY);
    let running = world.start(DELIVER, FRIDAY).unwrap();
    until(|| chaos.log(|log| !log.taken.is_empty()));
    (chaos, world, running)
}

#[test]
fn a_pause_in_the_middle_stops_what_was_claimed_too() {
    let (chaos, world, running) = under_way(2, "stay", STATEMENT);
    world.with_ledger(async |ledger| ledger.hold(at(FRIDAY)).await.unwrap());
    // A deliverer learns of it within a second; 2 connections of 20 ms take 100 mails in that time, so that it
    // is the number and not the moment that tells.
    std::thread::sleep(Duration::from_millis(1_500));
    let at_pause = chaos.log(|log| log.taken.len());
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(chaos.log(|log| log.taken.len()), at_pause);
    world.runtime.block_on(running.stop());
    world.with_ledger(async |ledger| ledger.resume(at(FRIDAY)).await.unwrap());
    world.deliver("2018-07-06T13:05Z");
    assert_eq!(copies(&mails(&chaos)).len(), 60);
    assert!(copies(&mails(&chaos)).values().all(|copies| *copies == 1));
}

// The correction would else come first, and the old time last.
#[test]
fn what_waits_for_a_connection_when_a_notice_changes_goes_out_as_it_is_now() {
    let (chaos, world, running) = under_way(1, "march", MARCH);
    world.edit("march", "09:00", "11:00");
    world.look(FRIDAY);
    let by_then = chaos.log(|log| log.taken.len());
    assert!(by_then < 50, "{by_then} were sent before it had changed");
    until(|| mails(&chaos).iter().filter(|mail| !mail.subject.starts_with("New time")).count() == 60);
    world.runtime.block_on(running.stop());
    // What was on its way, and what began before it was known.
    let old = mails(&chaos).into_iter().skip(by_then + 3).filter(|mail| !mail.text.contains("11:00"));
    assert_eq!(old.collect::<Vec<_>>(), []);
    assert!(copies(&mails(&chaos)).values().all(|copies| *copies == 1));
}

// The machine slept, or its clock jumped ahead.
#[test]
fn what_is_in_hand_when_its_lease_ends_is_not_sent_once_more() {
    let (chaos, world, running) = under_way(2, "stay", STATEMENT);
    for sent in [1, 15, 30, 45] {
        until(|| chaos.log(|log| log.taken.len() >= sent));
        world.execute("UPDATE delivery SET due_at = 0 WHERE state = 1");
    }
    until(|| world.tallies().contains(" 60 sent\n"));
    world.runtime.block_on(running.stop());
    assert_eq!(copies(&mails(&chaos)).len(), 60);
    assert!(copies(&mails(&chaos)).values().all(|copies| *copies == 1));
}

fn until(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "it never came to that");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_list_that_was_taken_out_of_the_config_still_gets_what_it_was_promised() {
    let mut world = begun(&format!("{ALERTS}{WEEKLY}"));
    world.subscribe(&["ana"], "alerts");
    world.write("stay", STATEMENT);
    world.look(FRIDAY);
    world.reconfigure(ALERTS, "");
    world.pass("2018-07-06T13:01Z");
    world.check("ana: We stay\n");
}

#[test]
fn without_the_key_pages_are_served_and_nothing_is_sent() {
    let mut world = begun(ALERTS);
    world.subscribe(&["ana"], "alerts");
    world.write("stay", STATEMENT);
    world.look(FRIDAY);
    fs::rename(world.path().join("handbill.key"), world.path().join("elsewhere")).unwrap();
    let running = world.start(Parts::ALL, FRIDAY).unwrap();
    let url = format!("http://{}/", running.address.unwrap());
    let page = world.runtime.block_on(async {
        let page = reqwest::get(&url).await.unwrap().text().await.unwrap();
        running.stop().await;
        page
    });
    assert!(page.contains("We stay"), "{page}");
    world.check("");
}

#[test]
fn what_lies_in_the_outbox_for_somebody_who_left_is_destroyed() {
    let world = begun(ALERTS);
    world.subscribe(&["ana", "ben", "chen"], "alerts");
    world.write("stay", STATEMENT);
    world.pass(FRIDAY);
    let readers = || {
        let mails = files(&world.installation.outbox());
        let readers: BTreeSet<String> = mails.iter().map(|mail| read(&fs::read(mail).unwrap()).to).collect();
        readers.into_iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(readers(), "ana ben chen");
    let id_of = |name: &str| {
        let lookup = world
            .installation
            .key()
            .unwrap()
            .lookup(&Address::parse(&format!("{name}@example.org")).unwrap());
        world.with_ledger(async |ledger| ledger.find_subscriber(&lookup).await.unwrap().unwrap().id)
    };
    let ana = id_of("ana");
    world.with_ledger(async |ledger| ledger.leave(ana, "alerts").await.unwrap());
    let publish = Parts { publish: true, deliver: false, web: false };
    let running = world.start(publish, FRIDAY).unwrap();
    until(|| files(&world.installation.outbox()).len() == 2);
    world.runtime.block_on(running.stop());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_handbill"));
    let erased =
        command.arg("-C").arg(world.path()).args(["subscribers", "erase", "ben@example.org"]).status();
    assert!(erased.unwrap().success());
    assert_eq!(readers(), "chen");
}

#[test]
fn metrics_are_answered_at_an_address_of_their_own_and_not_at_the_public_one() {
    let mut world = begun(ALERTS);
    world.subscribe(&["ana", "ben"], "alerts");
    world.write("stay", STATEMENT);
    world.look(FRIDAY);
    world.reconfigure("[[list]]", "[web]\nmetrics = \"127.0.0.1:0\"\n[[list]]");
    let running = world.start(Parts::ALL, FRIDAY).unwrap();
    let (public, own) = (running.address.unwrap(), running.metrics.unwrap());
    let metrics = world.runtime.block_on(async {
        let asked = reqwest::get(format!("http://{public}/metrics")).await.unwrap();
        assert_eq!(asked.status(), 404);
        let mut metrics = String::new();
        // Until both are out.
        while !metrics.contains("handbill_sent_total 2") {
            metrics = reqwest::get(format!("http://{own}/metrics")).await.unwrap().text().await.unwrap();
        }
        running.stop().await;
        metrics
    });
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
}

#[test]
fn with_another_key_sending_is_held_before_everybody_bounces() {
    let mut world = begun(ALERTS);
    let names: Vec<String> = (0..300).map(|n| format!("n{n}")).collect();
    world.subscribe(&names, "alerts");
    world.write("stay", STATEMENT);
    world.look(FRIDAY);
    fs::rename(world.path().join("handbill.key"), world.path().join("elsewhere")).unwrap();
    world.installation.key_or_new().unwrap();
    world.deliver(FRIDAY);
    assert_eq!(world.tallies(), "alert/alerts/stay open: 300 to, 300 waiting\n");
    world.check("");
}

#[test]
fn nothing_bounces_for_good_by_a_key_that_was_changed_meanwhile() {
    let mut world = begun(ALERTS);
    world.subscribe(&["ana", "ben"], "alerts");
    world.write("stay", STATEMENT);
    world.look(FRIDAY);
    world.with_ledger(async |ledger| ledger.hold(at(FRIDAY)).await.unwrap());
    let running = world.start(DELIVER, FRIDAY).unwrap();
    // Another machine is in the middle of it: some addresses are sealed anew, and sending goes on too early.
    world.break_address("ben");
    world.with_ledger(async |ledger| {
        ledger.begin_reseal(4711).await.unwrap();
        ledger.resume(at(FRIDAY)).await.unwrap();
    });
    until(|| world.with_ledger(async |ledger| ledger.held().await.unwrap().is_some()));
    world.runtime.block_on(running.stop());
    assert_eq!(world.tallies(), "alert/alerts/stay open: 2 to, 2 waiting\n");
    world.check("");
    assert!(world.start(DELIVER, FRIDAY).is_err(), "it would come to the same");
}

#[test]
fn a_template_with_an_error_stops_the_start() {
    let world = begun(ALERTS);
    let template = world.path().join("templates/email/alert/subject.txt");
    fs::create_dir_all(template.parent().unwrap()).unwrap();
    fs::write(&template, "{{ notice.titel ").unwrap();
    let Err(err) = world.start(Parts::ALL, FRIDAY) else { panic!("it started") };
    assert!(format!("{err:#}").contains("email/alert/subject.txt"), "{err:#}");
}

#[test]
fn a_start_that_fails_leaves_nothing_running() {
    let world = begun(ALERTS);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("listen = \"{}\"", taken.local_addr().unwrap());
    let mut world = world;
    world.reconfigure("[[list]]", &format!("[web]\n{listen}\n[[list]]"));
    let options = handbill::serve::Options {
        parts: Parts::ALL,
        listen: None,
        clock: handbill::clock::Clock::fast(at(FRIDAY), 1),
        poll: chrono::TimeDelta::seconds(1),
    };
    assert!(world.runtime.block_on(handbill::serve::start(&world.installation, options)).is_err());
    until(|| world.installation.lock("deliver").unwrap().is_some());
    until(|| world.installation.lock("publish").unwrap().is_some());
}

#[test]
fn a_service_that_stops_lets_another_publish_at_once() {
    let world = begun(ALERTS);
    world.write("stay", STATEMENT);
    let running = world.start(Parts::ALL, FRIDAY).unwrap();
    until(|| !world.shows("We stay").is_empty());
    world.runtime.block_on(running.stop());
    let lease = chrono::TimeDelta::seconds(90);
    let taken = world.with_ledger(async |ledger| {
        ledger.take_lease("publish", "another", lease, at(FRIDAY)).await.unwrap()
    });
    assert!(taken.is_some());
}

#[test]
fn a_visitor_who_says_half_a_word_does_not_keep_the_service_from_stopping() {
    let world = begun(ALERTS);
    let running = world.start(Parts::ALL, FRIDAY).unwrap();
    let mut visitor = std::net::TcpStream::connect(running.address.unwrap()).unwrap();
    std::io::Write::write_all(&mut visitor, b"GET / HT").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let began = Instant::now();
    world.runtime.block_on(running.stop());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn only_one_process_delivers_until_the_last_mail_of_the_other_is_recorded() {
    let chaos = Chaos::start(pipelining());
    let world = begun_sending(&chaos, "connections = 1", ALERTS);
    world.subscribe(&["slow.1", "slow.2", "slow.3", "slow.4"], "alerts");
    world.write("stay", STATEMENT);
    world.look(FRIDAY);
    let running = world.start(DELIVER, FRIDAY).unwrap();
    until(|| chaos.log(|log| !log.taken.is_empty()));
    assert!(world.start(DELIVER, FRIDAY).is_err());
    let stopping = world.runtime.spawn(running.stop());
    // Begins as soon as it may.
    let other = {
        let mut other = world.start(DELIVER, FRIDAY);
        while other.is_err() {
            std::thread::sleep(Duration::from_millis(1));
            other = world.start(DELIVER, FRIDAY);
        }
        other.unwrap()
    };
    world.runtime.block_on(async { stopping.await.unwrap() });
    until(|| chaos.log(|log| log.taken.len() >= 4));
    world.runtime.block_on(other.stop());
    assert_eq!(chaos.log(|log| log.taken.len()), 4);
}

#[test]
fn an_outage_of_days_loses_nothing_and_each_goes_out_once_afterwards() {
    let chaos = Chaos::start(pipelining());
    let world = begun_sending(&chaos, "connections = 3", WEEKLY);
    let names: Vec<String> = (0..40).map(|n| format!("n{n}")).collect();
    world.subscribe(&names, "weekly");
    world.write("stay", STATEMENT);
    world.look(FRIDAY);
    chaos.is_there(false);
    for now in [MONDAY, "2018-07-09T15:00Z", "2018-07-11T09:00Z", "2018-07-14T22:00Z"] {
        world.pass(now);
    }
    assert_eq!(world.tallies(), "issue/weekly/2018-07-09T09:00 open: 40 to, 40 waiting\n");
    chaos.is_there(true);
    world.pass("2018-07-15T09:00Z");
    assert_eq!(world.tallies(), "issue/weekly/2018-07-09T09:00 complete: 40 to, 40 sent\n");
    assert!(chaos.log(|log| log.copies().len() == 40 && log.taken.len() == 40));
}

#[test]
fn a_relay_that_is_away_is_asked_by_few_and_not_by_all_at_once() {
    let chaos = Chaos::start(Options { greeting: Some("421 4.3.2 not now\r\n"), ..pipelining() });
    let world = begun_sending(&chaos, "connections = 20", ALERTS);
    let names: Vec<String> = (0..400).map(|n| format!("n{n}")).collect();
    world.subscribe(&names, "alerts");
    world.write("stay", STATEMENT);
    world.look(FRIDAY);
    let running = world.start(DELIVER, FRIDAY).unwrap();
    until(|| chaos.log(|log| log.connections > 0));
    std::thread::sleep(Duration::from_secs(3));
    world.runtime.block_on(running.stop());
    let connections = chaos.log(|log| log.connections);
    assert!(connections <= 20 + 5, "{connections} connections");
    assert_eq!(world.tallies(), "alert/alerts/stay open: 400 to, 400 waiting\n");
}

#[test]
fn an_alert_overtakes_an_issue_that_is_held_back_by_the_rate() {
    let chaos = Chaos::start(pipelining());
    let world = begun_sending(&chaos, "connections = 2\nper_minute = 1200", &format!("{WEEKLY}{ALERTS}"));
    let names: Vec<String> = (0..60).map(|n| format!("n{n}")).collect();
    world.subscribe(&names, "weekly");
    world.subscribe(&["ana"], "alerts");
    world.write("stay", STATEMENT);
    world.look(FRIDAY);
    world.look(MONDAY);
    let running = world.start(DELIVER, MONDAY).unwrap();
    until(|| chaos.log(|log| log.taken.len() > 3));
    let before = chaos.log(|log| log.taken.len());
    world.write("now", &STATEMENT.replace("We stay", "Come now"));
    world.look(MONDAY);
    until(|| chaos.log(|log| log.taken.len() == 62));
    world.runtime.block_on(running.stop());
    let order = mails(&chaos);
    let place = order.iter().rposition(|mail| mail.to == "ana").unwrap();
    // A second of the rate, and the two that the connections held.
    assert!(place < before + 25, "{place} of {}", order.len());
}

#[test]
fn a_refused_recipient_bounces_alone_and_a_deferred_one_is_tried_later() {
    let chaos = Chaos::start(pipelining());
    let world = begun_sending(&chaos, "connections = 1", ALERTS);
    world.subscribe(&["ana", "reject-rcpt", "defer-rcpt", "defer-dot", "zoe"], "alerts");
    world.write("stay", STATEMENT);
    world.pass(FRIDAY);
    check(&chaos, "ana: We stay\nzoe: We stay\n");
    assert_eq!(world.tallies(), "alert/alerts/stay open: 5 to, 2 waiting, 2 sent, 1 bounced\n");
    let tries =
        |verb: &str| chaos.log(|log| log.commands.iter().filter(|line| line.starts_with(verb)).count());
    assert_eq!(tries("RCPT TO:<defer-rcpt"), 1);
    world.pass("2018-07-06T13:00:30Z");
    assert_eq!(tries("RCPT TO:<defer-rcpt"), 1);
    world.pass("2018-07-06T13:02Z");
    assert_eq!(tries("RCPT TO:<defer-rcpt"), 2);
    assert_eq!(tries("RCPT TO:<reject-rcpt"), 1);
}

const SLEEPING: &str = "
[[list]]
name = \"alerts\"
when = \"at once\"
quiet = \"22:00-08:00\"
";

#[test]
fn a_mail_is_not_tried_again_in_quiet_hours() {
    let chaos = Chaos::start(pipelining());
    let world = begun_sending(&chaos, "connections = 1", SLEEPING);
    world.subscribe(&["defer-rcpt"], "alerts");
    world.write("stay", STATEMENT);
    let tries = || {
        let is_try = |line: &&String| line.starts_with("RCPT TO:<defer-rcpt");
        chaos.log(|log| log.commands.iter().filter(is_try).count())
    };
    for (now, expected) in [
        ("2018-07-06T21:59:30Z", 1),
        ("2018-07-06T22:30Z", 1),
        ("2018-07-07T07:59:30Z", 1),
        ("2018-07-07T08:00Z", 2),
    ] {
        world.pass(now);
        assert_eq!(tries(), expected, "{now}");
    }
}

#[test]
fn what_an_outage_held_up_does_not_go_out_at_night_but_for_a_correction_and_what_cannot_wait() {
    let chaos = Chaos::start(pipelining());
    let world = begun_sending(&chaos, "connections = 1", SLEEPING);
    world.subscribe(&["ana"], "alerts");
    world.write("march", MARCH);
    world.pass(FRIDAY);
    chaos.is_there(false);
    world.write("stay", STATEMENT);
    world.write(
        "dawn",
        &MARCH.replace("title = \"March\"", "title = \"Dawn\"").replace("10 09:00", "07 06:00"),
    );
    world.edit("march", "Union Square", "Foley Square");
    world.pass("2018-07-06T21:00Z");
    chaos.is_there(true);
    world.pass("2018-07-06T23:00Z");
    let by_night = "ana: Action: Dawn — Sat Jul 7, 6:00 AM\nana: Action: March — Tue Jul 10, 9:00 AM\nana: New place: March\n";
    check(&chaos, by_night);
    world.pass("2018-07-07T08:00Z");
    check(&chaos, &format!("{by_night}ana: We stay\n"));
}

#[test]
fn a_mail_announced_behind_one_whose_answer_hangs_goes_by_another_connection() {
    let chaos = Chaos::start(pipelining());
    let world = begun_sending(&chaos, "connections = 2", ALERTS);
    world.subscribe(&["hang-after-dot", "ana", "ben", "slow.cem"], "alerts");
    world.write("stay", STATEMENT);
    world.look(FRIDAY);
    let running = world.start(DELIVER, FRIDAY).unwrap();
    until(|| chaos.log(|log| log.taken.len() == 4));
    until(|| world.tallies() == "alert/alerts/stay open: 4 to, 1 waiting, 3 sent\n");
    chaos.is_there(false);
    world.runtime.block_on(running.stop());
    assert!(copies(&mails(&chaos)).values().all(|copies| *copies == 1));
}

#[test]
fn an_issue_that_may_have_arrived_is_held_and_not_sent_again() {
    let chaos = Chaos::start(pipelining());
    let world = begun_sending(&chaos, "connections = 1", WEEKLY);
    world.subscribe(&["drop-after-dot", "drop-at-dot", "zoe"], "weekly");
    world.write("stay", STATEMENT);
    world.look(FRIDAY);
    world.pass(MONDAY);
    world.pass("2018-07-09T12:00Z");
    check(&chaos, "drop-after-dot: weekly: We stay\nzoe: weekly: We stay\n");
    assert_eq!(world.tallies(), "issue/weekly/2018-07-09T09:00 complete: 3 to, 1 sent, 2 uncertain\n");
}

// An issue of which two mails are uncertain, one of them taken.
fn in_doubt() -> (Chaos, World) {
    let chaos = Chaos::start(pipelining());
    let world = begun_sending(&chaos, "connections = 1", WEEKLY);
    world.subscribe(&["drop-after-dot", "drop-at-dot", "zoe"], "weekly");
    world.write("stay", STATEMENT);
    world.look(FRIDAY);
    world.pass(MONDAY);
    assert_eq!(world.tallies(), "issue/weekly/2018-07-09T09:00 complete: 3 to, 1 sent, 2 uncertain\n");
    (chaos, world)
}

// The command, by the clock of the machine.
fn deliver(world: &World) -> (Option<i32>, String, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_handbill"));
    let output = command.arg("-C").arg(world.path()).arg("deliver").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

// What began an hour ago and sees a statement now.
fn told_now(world: &World, names: &[&str]) {
    let now = Clock::wall().now();
    world.look_at(now - chrono::TimeDelta::hours(1));
    world.subscribe(names, "alerts");
    world.write("stay", STATEMENT);
    world.look_at(now);
}

#[test]
fn who_runs_deliver_is_told_that_the_relay_was_away() {
    let chaos = Chaos::start(pipelining());
    let mut world = World::sending_to(&chaos, "connections = 1", ALERTS);
    told_now(&world, &["ana", "ben"]);
    let (is, away) = (format!("port = {}", chaos.port()), "port = 1");
    world.reconfigure(&is, away);
    let (code, said, complained) = deliver(&world);
    assert_eq!(said, "2 deliveries wait.\n");
    assert!(
        complained.contains(
            "handbill: what is due did not go out\n  alert/alerts/stay: 2 of 2 wait; mail cannot be handed over: "
        ),
        "{complained}"
    );
    assert!(complained.contains("refused"), "{complained}");
    assert_eq!(code, Some(3), "{complained}");

    world.reconfigure(away, &is);
    world.execute("UPDATE delivery SET due_at = 0");
    assert_eq!(deliver(&world), (Some(0), "0 deliveries wait.\n".to_owned(), String::new()));
    check(&chaos, "ana: We stay\nben: We stay\n");
}

#[test]
fn who_runs_deliver_is_told_whom_the_relay_puts_off() {
    let chaos = Chaos::start(pipelining());
    let world = World::sending_to(&chaos, "connections = 1", ALERTS);
    told_now(&world, &["ana", "defer-rcpt"]);
    let (code, said, complained) = deliver(&world);
    assert_eq!((code, said.as_str()), (Some(3), "1 deliveries wait.\n"), "{complained}");
    assert!(complained.contains("\n  alert/alerts/stay: 1 of 2 wait; 450 "), "{complained}");
    assert!(complained.contains("greylisted"), "{complained}");
}

#[test]
fn who_runs_deliver_is_told_that_sending_is_held() {
    let world = World::new(ALERTS);
    told_now(&world, &["ana", "ben"]);
    world.with_ledger(async |ledger| ledger.hold(Clock::wall().now()).await.unwrap());
    let (code, said, complained) = deliver(&world);
    assert_eq!((code, said.as_str()), (Some(3), "2 deliveries wait.\n"), "{complained}");
    assert!(complained.contains("`handbill resume` lets it go on"), "{complained}");
}

#[test]
fn what_waits_for_its_hour_is_no_failure_of_deliver() {
    let now = Clock::wall().now();
    let [from, to] = [-1, 2].map(|hours| (now + chrono::TimeDelta::hours(hours)).format("%H:%M").to_string());
    let world = World::new(&format!("{ALERTS}quiet = \"{from}-{to}\"\n"));
    told_now(&world, &["ana", "ben"]);
    assert_eq!(deliver(&world), (Some(0), "2 deliveries wait.\n".to_owned(), String::new()));
    // Also when it was due before they began, as after an outage of the relay.
    world.execute("UPDATE edition SET due_at = 0");
    world.execute("UPDATE delivery SET due_at = 0");
    assert_eq!(deliver(&world), (Some(0), "2 deliveries wait.\n".to_owned(), String::new()));
}

fn edition(world: &World, option: &str) -> std::process::Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_handbill"))
        .arg("-C")
        .arg(world.path())
        .args(["edition", "issue/weekly/2018-07-09T09:00", option])
        .output()
        .unwrap()
}

#[test]
fn what_is_uncertain_is_sent_again_under_the_same_message_id_when_a_person_says_so() {
    let (chaos, world) = in_doubt();
    let again = world.with_ledger(async |ledger| {
        let tally = ledger.tally("issue/weekly/2018-07-09T09:00").await.unwrap().unwrap();
        ledger.resend_uncertain(tally.number, at("2018-07-09T12:00Z")).await.unwrap()
    });
    assert_eq!(again, 2);
    assert_eq!(world.tallies(), "issue/weekly/2018-07-09T09:00 open: 3 to, 2 waiting, 1 sent\n");
    world.deliver("2018-07-09T12:00Z");
    assert_eq!(world.tallies(), "issue/weekly/2018-07-09T09:00 complete: 3 to, 1 sent, 2 uncertain\n");
    let mails = mails(&chaos);
    assert_eq!(copies(&mails).into_values().collect::<std::collections::BTreeSet<_>>(), [1, 2].into());
}

#[test]
fn what_is_uncertain_is_not_sent_again_when_a_person_says_so_or_it_has_expired() {
    let (chaos, world) = in_doubt();
    let refused = edition(&world, "--resend-uncertain");
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("has expired"), "{refused:?}");
    let dropped = edition(&world, "--drop-uncertain");
    assert!(
        String::from_utf8_lossy(&dropped.stdout).contains("0 uncertain, 0 left, 0 superseded, 2 dropped")
    );
    assert_eq!(world.tallies(), "issue/weekly/2018-07-09T09:00 complete: 3 to, 1 sent, 2 dropped\n");
    assert_eq!(edition(&world, "--drop-uncertain").status.code(), Some(3));
    world.deliver("2018-07-09T12:00Z");
    assert_eq!(mails(&chaos).len(), 2);
}

#[test]
fn an_alert_that_may_have_arrived_is_sent_again_with_the_same_message_id() {
    let chaos = Chaos::start(pipelining());
    let world = begun_sending(&chaos, "connections = 1", ALERTS);
    world.subscribe(&["drop-after-dot", "zoe"], "alerts");
    world.write("stay", STATEMENT);
    world.pass(FRIDAY);
    world.pass("2018-07-06T13:02Z");
    check(&chaos, "drop-after-dot: We stay\ndrop-after-dot: We stay\nzoe: We stay\n");
    let mails = mails(&chaos);
    assert_eq!(copies(&mails).len(), 2);
}

#[test]
fn ten_messages_refused_in_a_row_hold_the_sending() {
    let chaos = Chaos::start(pipelining());
    let world = begun_sending(&chaos, "connections = 1", ALERTS);
    let names: Vec<String> = (0..200).map(|n| format!("reject-dot.{n}")).collect();
    world.subscribe(&names, "alerts");
    world.write("stay", STATEMENT);
    world.pass(FRIDAY);
    // Nobody has lost it: it is not about them.
    let tally = "alert/alerts/stay open: 200 to, 200 waiting\n";
    assert_eq!(world.tallies(), tally);
    world.pass("2018-07-06T14:00Z");
    assert_eq!(world.tallies(), tally);
    // And so again after a resume that was too early.
    world.with_ledger(async |ledger| ledger.resume(at("2018-07-06T15:00Z")).await.unwrap());
    world.pass("2018-07-06T15:00Z");
    assert_eq!(world.tallies(), tally);
    let tries = chaos.log(|log| log.commands.iter().filter(|line| line.starts_with("RCPT")).count());
    assert!((20..=22).contains(&tries), "{tries}");
}

#[test]
fn what_is_too_late_to_be_of_use_is_recorded_and_not_sent() {
    let mut world = begun(REMINDING);
    world.subscribe(&["ana", "ben"], "alerts");
    world.write("march", MARCH);
    world.look(FRIDAY);
    world.deliver("2018-07-10T09:00Z");
    world.check("");
    assert_eq!(world.tallies(), "alert/alerts/march complete: 2 to, 2 expired\n");
}

#[test]
fn what_is_too_late_takes_no_turn_of_the_rate() {
    let chaos = Chaos::start(pipelining());
    let world = begun_sending(&chaos, "connections = 1\nper_minute = 2", ALERTS);
    let names: Vec<String> = (0..30).map(|n| format!("n{n}")).collect();
    world.subscribe(&names, "alerts");
    world.write("march", MARCH);
    world.look(FRIDAY);
    // At two a minute it would take a quarter of an hour.
    world.deliver("2018-07-10T09:00Z");
    assert_eq!(world.tallies(), "alert/alerts/march complete: 30 to, 30 expired\n");
}

#[test]
fn a_mail_that_goes_out_later_shows_what_is_shown_by_then() {
    let chaos = Chaos::start(pipelining());
    let world = begun_sending(&chaos, "connections = 1\nper_minute = 60", ALERTS);
    let names: Vec<String> = (0..60).map(|n| format!("n{n}")).collect();
    world.subscribe(&names, "alerts");
    world.write(
        "march",
        &MARCH.replace(
            "\"Union Square\"",
            "\"Zuccotti\"\nvisibility = \"day-of\"\nreveal_at = 2018-07-06 13:00:30",
        ),
    );
    world.look(FRIDAY);
    // A mail a second of a clock that goes sixty times as fast.
    let running = world.start_by(DELIVER, Clock::fast(at(FRIDAY), 60)).unwrap();
    until(|| chaos.log(|log| log.taken.len() == 60));
    world.runtime.block_on(running.stop());
    let mails = mails(&chaos);
    assert!(!mails[0].text.contains("Zuccotti"));
    assert!(mails[59].text.contains("Zuccotti"), "{}", mails[59].text);
}

#[test]
fn a_target_that_was_taken_out_of_the_config_leaves_no_edition_open_for_ever() {
    let receiver = receiver(|_| (204, &[]));
    let mut world = begun_posting(&receiver);
    world.write("march", MARCH);
    world.look(FRIDAY);
    world.reconfigure(&target(&receiver.url("/hook")), ALERTS);
    world.deliver(FRIDAY);
    assert_eq!(world.tallies(), "alert/partners/march open: 1 to, 1 waiting\n");
    let running = world.start(DELIVER, "2018-07-10T09:00Z").unwrap();
    until(|| world.tallies() == "alert/partners/march complete: 1 to, 1 expired\n");
    world.runtime.block_on(running.stop());
}

#[test]
fn who_runs_deliver_is_told_that_a_target_was_away() {
    // Nobody listens there.
    let world = posting_to("http://127.0.0.1:1/hook");
    told_now(&world, &[]);
    let (code, said, complained) = deliver(&world);
    assert_eq!((code, said.as_str()), (Some(3), "1 deliveries wait.\n"), "{complained}");
    assert!(complained.contains("\n  alert/partners/stay: 1 of 1 wait; "), "{complained}");
}

fn target(url: &str) -> String {
    format!(
        "[[target]]\nname = \"partners\"\nurl = \"{url}\"\nsecret_file = \"partners.secret\"\n\
         allow = [\"127.0.0.0/8\"]\nper_minute = 6000\n"
    )
}

fn posting_to(url: &str) -> World {
    let world = World::new(&target(url));
    let secret = "whsec_c2l4dHktZm91ciBsYW50ZXJucyBvbiB0aGUgc3F1YXJl\n";
    handbill::installation::write_secret(&world.path().join("partners.secret"), secret).unwrap();
    world
}

fn begun_posting(receiver: &Receiver) -> World {
    let world = posting_to(&receiver.url("/hook"));
    world.look(BEGAN);
    world
}

fn receiver(
    answers: impl Fn(usize) -> (u16, &'static [(&'static str, &'static str)]) + Clone + Send + Sync + 'static,
) -> Receiver {
    let runtime = Box::leak(Box::new(tokio::runtime::Runtime::new().unwrap()));
    runtime.block_on(Receiver::start(move |number, _| {
        let (code, headers) = answers(number);
        answer(code, headers, "")
    }))
}

fn types(receiver: &Receiver) -> Vec<String> {
    let kind = |body: &[u8]| {
        let body: serde_json::Value = serde_json::from_slice(body).unwrap();
        body["type"].as_str().unwrap().to_owned()
    };
    receiver.seen().iter().map(|seen| kind(&seen.body)).collect()
}

#[test]
fn a_target_gets_each_notice_once() {
    let receiver = receiver(|_| (204, &[]));
    let world = begun_posting(&receiver);
    world.write("stay", STATEMENT);
    world.pass(FRIDAY);
    world.pass("2018-07-06T13:01Z");
    assert_eq!(types(&receiver).len(), 1);
    assert_eq!(world.tallies(), "alert/partners/stay complete: 1 to, 1 sent\n");
}

#[test]
fn a_correction_never_overtakes_what_it_corrects() {
    let receiver = receiver(|number| if number == 0 { (500, &[]) } else { (204, &[]) });
    let world = begun_posting(&receiver);
    world.write("march", MARCH);
    world.pass(FRIDAY);
    world.edit("march", "09:00", "11:00");
    world.look("2018-07-06T13:00:01Z");
    world.deliver("2018-07-06T13:10Z");
    world.deliver("2018-07-06T13:20Z");
    let ids: Vec<String> = receiver.seen().iter().map(|seen| seen.header("webhook-id").to_owned()).collect();
    assert_eq!(ids.len(), 3, "{ids:?}");
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[1], ids[2]);
}

#[test]
fn a_target_that_is_gone_is_disabled_until_an_operator_resumes() {
    let receiver = receiver(|number| if number == 0 { (410, &[]) } else { (204, &[]) });
    let world = begun_posting(&receiver);
    world.write("one", STATEMENT);
    world.write("two", &STATEMENT.replace("We stay", "We go"));
    world.look(FRIDAY);
    let running = world.start(DELIVER, FRIDAY).unwrap();
    until(|| !receiver.seen().is_empty());
    std::thread::sleep(Duration::from_millis(300));
    world.runtime.block_on(running.stop());
    assert_eq!(receiver.seen().len(), 1);
    world.with_ledger(async |ledger| ledger.enable_all().await.unwrap());
    world.deliver("2018-07-06T14:00Z");
    assert_eq!(receiver.seen().len(), 2);
}

#[test]
fn a_target_that_asks_for_patience_gets_nothing_before_that() {
    let receiver = receiver(|number| if number == 0 { (429, &[("retry-after", "600")]) } else { (204, &[]) });
    let world = begun_posting(&receiver);
    world.write("one", STATEMENT);
    world.write("two", &STATEMENT.replace("We stay", "We go"));
    world.pass(FRIDAY);
    assert_eq!(receiver.seen().len(), 1);
    world.deliver("2018-07-06T13:09Z");
    assert_eq!(receiver.seen().len(), 1);
    world.deliver("2018-07-06T13:11Z");
    assert_eq!(receiver.seen().len(), 3);
}

#[test]
fn a_post_that_cannot_be_made_does_not_keep_the_others_waiting() {
    let receiver = receiver(|_| (204, &[]));
    let world = begun_posting(&receiver);
    world.write("one", STATEMENT);
    world.write("two", &STATEMENT.replace("We stay", "We go"));
    world.look(FRIDAY);
    world.spoil("one");
    world.deliver(FRIDAY);
    assert_eq!(receiver.seen().len(), 1);
    assert_eq!(
        world.tallies(),
        "alert/partners/one open: 1 to, 1 waiting\nalert/partners/two complete: 1 to, 1 sent\n"
    );
}

#[test]
fn a_mail_that_cannot_be_made_does_not_keep_the_others_waiting() {
    let mut world = begun(ALERTS);
    world.subscribe(&["ana", "ben"], "alerts");
    world.write("one", STATEMENT);
    world.write("two", &STATEMENT.replace("We stay", "We go"));
    world.look(FRIDAY);
    world.spoil("one");
    world.deliver(FRIDAY);
    world.check("ana: We go\nben: We go\n");
}
