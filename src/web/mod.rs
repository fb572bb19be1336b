//! Web: the public pages.
