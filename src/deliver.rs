//! Deliver: loop 2.
