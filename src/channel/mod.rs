//! Channel: bytes to the outside, an answer back.

pub mod bucket;
pub mod outbox;
pub mod smtp;
pub mod target;
