//! Schedule: when something is due.
//!
//! Pure.

pub mod cut;
pub mod quiet;
pub mod reminder;
pub mod zone;
