//! Reminder: a span of time before a start, such as `-P1D`.
//!
//! Pure.
