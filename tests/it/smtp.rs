//! Smtp.
