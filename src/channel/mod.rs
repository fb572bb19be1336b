//! Channel: bytes to the outside, an answer back.

pub mod bucket;
pub mod dns; // what the world is told about our names
pub mod outbox;
pub mod site; // documents into a folder
pub mod smtp;
pub mod target;
