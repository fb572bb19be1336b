//! Schedule: when something is due.
//!
//! Pure. Everything is asked in instants, decided on the wall clock of a zone, and answered in instants.

pub mod cut; // when an issue closes: cron on the wall clock
pub mod meaning; // what a cron line says
pub mod quiet; // hours in which nothing goes out
pub mod reminder; // a span before a start
pub mod zone; // the way between a wall clock and instants
