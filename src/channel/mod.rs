//! Channel: bytes to the outside, an answer back.

pub mod outbox;
pub mod smtp;
pub mod target;
