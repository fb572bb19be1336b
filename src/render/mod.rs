//! Render: editions and notices to bytes.
//!
//! Pure. Every rendering takes `now` and begins with `notice::shown`.

pub mod calendar; // iCalendar
pub mod email; // letters
pub mod feed; // RSS, Atom, JSON Feed
pub mod page; // web pages
pub mod post; // webhook bodies
pub mod site; // the list of all documents
pub mod words; // short texts that several share
