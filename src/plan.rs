//! Plan: what is due.
//!
//! Pure.
