//! Render: editions and notices to bytes.
//!
//! Pure.
