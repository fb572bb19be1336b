//! One binary for all the tests that need nothing but this package.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test may fail"
)]

mod delivery;
mod ledger;
mod markdown;
mod plan;
mod notices;
mod postgres;
mod schedule;
mod smtp;
mod subscriber;
mod target;
