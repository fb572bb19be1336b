//! One binary for all the tests that need nothing but this package.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test may fail"
)]

mod archive;
mod backup;
mod calendar;
mod campaign;
mod changes;
mod chaos;
mod check;
mod corpora;
mod crash;
mod dates;
mod deliver;
mod delivery;
mod demo;
mod dkim;
mod doctor;
mod email;
mod feed;
mod folder;
mod hub;
mod identifiers;
mod import;
mod jump;
mod key;
mod ledger;
mod links;
mod lint;
mod listener;
mod markdown;
mod notices;
mod outbox;
mod page;
mod panics;
mod person;
mod pictures;
mod plan;
mod post;
mod postgres;
mod press;
mod preview;
mod returned;
mod roster;
mod sample;
mod schedule;
mod signing;
mod simulation;
mod site;
mod smtp;
mod subscriber;
mod subscribing;
mod target;
mod tidy;
mod typed;
mod web;
mod windows;
mod words;
mod world;
