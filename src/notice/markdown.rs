//! Markdown: to clean HTML and to plain text.
//!
//! Pure.
