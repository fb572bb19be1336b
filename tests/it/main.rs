//! One binary for all the tests that need nothing but this package.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail"
)]

mod markdown;
mod page;
mod sample;
mod schedule;
mod site;
mod smtp;
mod target;
mod web;
