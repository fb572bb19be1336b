//! Config: what the operator decided.
//!
//! Pure.
