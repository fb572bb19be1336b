//! Folder: the only reader of `notices/`.
