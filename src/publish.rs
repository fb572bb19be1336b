//! Publish: loop 1.
