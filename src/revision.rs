//! Revision: an immutable state of a notice; what is material.
//!
//! Pure.
