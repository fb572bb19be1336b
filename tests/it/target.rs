//! Target.

mod bucket;
