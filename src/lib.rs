//! Handbill publishes notices: one Markdown file goes out as mail, feeds, a calendar,
//! pages and signed webhooks, on schedule, each person once.
//!
//! The modules stand in the order in which the data goes through them.

// Pure: time is a parameter; no clock, file, socket, database or randomness.
pub mod problem; // what is wrong with a text that a person wrote, and where
pub mod fields; // a TOML document read field by field, every problem collected
pub mod schedule; // when something is due: zones, cron on the wall clock, reminders, quiet hours
pub mod notice; // what the author wrote, checked
pub mod revision; // which state of a notice this is; what is material
pub mod config; // what the operator decided
pub mod edition; // one thing to send
pub mod plan; // what is due
pub mod delivery; // one edition to one recipient; the retry decision
pub mod subscriber; // who gets it: states, signed tokens, sealed addresses
pub mod roster; // people on a list that another system wrote, row by row
pub mod returned; // what comes back by mail, and what follows from it
pub mod websub; // what a hub is asked, and what follows an answer
pub mod signing; // what is published, signed: the format of minisign
pub mod render; // editions and notices to bytes: email, feed, calendar, page, post

// I/O.
pub mod clock; // what time it is, for the loops
pub mod durable; // files that outlive a power loss
pub mod folder; // reads notices/
pub mod ledger; // the durable record; the only SQL
pub mod channel; // bytes to the outside, an answer back
pub mod installation; // a folder with handbill.toml, opened
pub mod publish; // loop 1
pub mod deliver; // loop 2
pub mod mailbox; // a listener for what comes back by mail
pub mod web; // public pages
pub mod serve; // all of it in one process
pub mod command; // one file per command
