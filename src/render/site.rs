//! Site.
