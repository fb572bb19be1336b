//! Channel: bytes to the outside, an answer back.

pub mod smtp;
pub mod target;
