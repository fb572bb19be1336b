//! Command: one file per command.
