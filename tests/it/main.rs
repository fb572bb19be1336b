//! One binary for all the tests that need nothing but this package.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail"
)]

mod calendar;
mod chaos;
mod crash;
mod deliver;
mod email;
mod feed;
mod lint;
mod markdown;
mod notices;
mod outbox;
mod plan;
mod post;
mod sample;
mod schedule;
mod smtp;
mod target;
mod world;
