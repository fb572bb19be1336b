//! Target: a signed webhook post.
