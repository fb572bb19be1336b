//! Handbill publishes notices: one Markdown file goes out as mail, feeds, a calendar,
//! pages and signed webhooks, on schedule, each person once.
//!
//! The modules stand in the order in which the data goes through them.

// Pure: time is a parameter; no clock, file, socket, database or randomness.
pub mod config; // what the operator decided
pub mod delivery; // one edition to one recipient; the retry decision
pub mod edition; // one thing to send
pub mod fields; // a TOML document read field by field, every problem collected
pub mod notice; // what the author wrote, checked
pub mod plan; // what is due
pub mod problem; // what is wrong with a text that a person wrote, and where
pub mod render;
pub mod revision; // which state of a notice this is; what is material
pub mod schedule; // when something is due: zones, cron on the wall clock, reminders, quiet hours
pub mod subscriber; // who gets it: states, signed tokens, sealed addresses // editions and notices to bytes: email, feed, calendar, page, post

// I/O.
pub mod channel; // bytes to the outside, an answer back
pub mod command;
pub mod deliver; // loop 2
pub mod folder; // reads notices/
pub mod ledger; // the durable record; the only SQL
pub mod publish; // loop 1
pub mod serve; // all of it in one process
pub mod web; // public pages // one file per command
