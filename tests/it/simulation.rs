//! Simulation: what must hold for every history, over many that are drawn from seeds.
//!
//! `HANDBILL_SEEDS=20000` runs so many seeds, `HANDBILL_SEED=17` one and tells all that happened when a rule is
//! broken, both together so many from there on.

mod chance;
mod ledger;
mod model;
mod rules;
mod service;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use handbill::edition::Content;
use handbill::plan::{Entry, Step};

use crate::simulation::service::{Log, Service};
use crate::simulation::world::World;

// As many as take some seconds in a build without optimization.
const SEEDS: u64 = 60;

/// An entry as a line.
pub fn line(entry: &Entry) -> String {
    let (at, key) = (entry.at, entry.key());
    match &entry.step {
        Step::Revise(revision) => {
            format!("{at} revise {} to {} sequence {}", revision.id(), revision.number, revision.sequence)
        }
        Step::Open { list, since } => format!("{at} open {list} since {since}"),
        Step::Send(edition) => {
            let members: String = edition
                .content
                .members()
                .iter()
                .map(|member| format!(" {}.{}", member.notice, member.number))
                .collect();
            let to = match &edition.content {
                Content::Correction(..) => format!(" to {:?}", edition.reach),
                Content::Issue { .. } | Content::Alert(_) | Content::Reminder(..) | Content::Personal(..) => {
                    String::new()
                }
            };
            format!("{at} send {key} due {} until {}{members}{to}", edition.due_at, edition.expires_at)
        }
        Step::Skip(_) => format!("{at} skip {key}"),
        Step::Miss(_) => format!("{at} miss {key}"),
    }
}

/// Lines that stand in one of two only.
pub fn difference(wanted: &[String], found: &[String]) -> String {
    let only = |mark: char, these: &[String], those: &[String]| -> String {
        these.iter().filter(|line| !those.contains(line)).map(|line| format!("  {mark} {line}\n")).collect()
    };
    only('-', wanted, found) + &only('+', found, wanted)
}

// What happened, and the rule that was broken with the last events before.
fn live(seed: u64) -> (Log, Option<String>) {
    let world = World::new(seed);
    let mut service = Service::new(&world);
    let held = catch_unwind(AssertUnwindSafe(|| {
        service.live();
        rules::looks_are_right(&world, &service);
        rules::each_person_once(&service);
        rules::nobody_is_forgotten(&world, &service);
        rules::who_left_one_list_hears_by_the_other(&service);
        rules::nothing_at_a_wrong_time(&world, &service);
        rules::corrections_reach_whom_they_concern(&service);
        rules::the_ledger_keeps_the_history(&service);
    }));
    let broken = held.err().map(|panicked| {
        let text = panicked.downcast_ref::<String>().map_or("", String::as_str);
        format!(
            "seed {seed} in {} ({}): {text}",
            world.zone.name(),
            if world.is_calm { "calm" } else { "broken" }
        )
    });
    (service.log, broken)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn every_history_keeps_the_promises() {
    let first = number("HANDBILL_SEED");
    let count = number("HANDBILL_SEEDS").unwrap_or(if first.is_some() { 1 } else { SEEDS });
    let seeds = first.unwrap_or(0)..first.unwrap_or(0) + count;
    let began = Instant::now();
    let (mut steps, mut looks, mut mails, mut crashes, mut copies) = (0, 0, 0, 0, 0);
    let mut broken = Vec::new();
    for seed in seeds {
        let (log, rule) = live(seed);
        steps += log.steps;
        looks += log.looks.len();
        mails += log.mails.len();
        crashes += log.crashes;
        copies += log.faults.values().sum::<u32>();
        if let Some(rule) = rule {
            if broken.is_empty() {
                // The whole timeline of one seed, the end of one of many.
                let from = if count == 1 { 0 } else { log.lines.len().saturating_sub(25) };
                eprintln!("{}\n{rule}", log.lines[from..].join("\n"));
            }
            // At once, too: there may be hours of others to come.
            eprintln!("{rule}");
            broken.push(rule);
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    eprintln!(
        "{count} seeds, {steps} steps, {looks} looks, {mails} mails, {crashes} crashes, {copies} copies in doubt: \
         {seconds:.1} s, {:.0} seeds/s, {:.0} steps/s",
        count as f64 / seconds,
        steps as f64 / seconds
    );
    assert!(broken.is_empty(), "{} of {count} histories:\n{}", broken.len(), broken.join("\n"));
    assert!(count == 1 || crashes > 0 && mails > 0, "nothing happened");
}

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in [3, 14, 15] {
        assert_eq!(live(seed).0.lines, live(seed).0.lines);
    }
}
