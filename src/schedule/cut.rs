//! Cut: when an issue closes: a cron line read on the wall clock of a zone.
//!
//! Pure.
