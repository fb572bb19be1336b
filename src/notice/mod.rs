//! Notice: what the author wrote, checked.
//!
//! Pure.

pub mod lint;
pub mod markdown;
