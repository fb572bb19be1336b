//! Lint: what is allowed and yet worth a look before it is published.
//!
//! Pure.
