//! Serve: all of it in one process.
