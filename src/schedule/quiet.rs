//! Quiet: hours of the wall clock in which nothing goes out.
//!
//! Pure.
