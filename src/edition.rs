//! Edition: one thing to send.
//!
//! Pure.
