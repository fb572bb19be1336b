//! One binary for all the tests that need nothing but this package.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail"
)]

mod lint;
mod email;
mod markdown;
mod plan;
mod notices;
mod chaos;
mod markdown;
mod outbox;
mod calendar;
mod feed;
mod markdown;
mod post;
mod sample;
mod schedule;
mod smtp;
mod target;
