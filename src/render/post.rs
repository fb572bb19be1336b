//! Post.
