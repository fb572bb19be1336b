//! Subscriber: who gets it.
//!
//! Pure.
