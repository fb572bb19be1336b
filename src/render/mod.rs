//! Render: editions and notices to bytes.
//!
//! Pure. Every rendering takes `now` and begins with `notice::shown`.

pub mod calendar; // iCalendar
pub mod email; // letters
pub mod facts; // what a notice says beside its text
pub mod feed; // RSS, Atom, JSON Feed
pub mod page; // web pages
pub mod post; // webhook bodies
pub mod signed; // what of a notice is signed
pub mod site; // the list of all documents
pub mod templates; // Tera's, ours or the operator's
pub mod words; // the texts around a notice, in one language
pub mod xml; // text that is safe inside HTML and XML
