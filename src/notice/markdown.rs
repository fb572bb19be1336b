//! Markdown: to clean HTML and to plain text.
//!
//! Pure.

use url::Url;

use crate::fields::Placed;
use crate::problem::Problem;

/// A text's renderings and what it points to.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// x
    pub html: String,
    /// x
    pub text: String,
    /// x
    pub excerpt: String,
    /// x
    pub notices: Vec<Placed<String>>,
}
/// x
pub fn render(_markdown: &str, _offset: usize, _base_url: &Url) -> (Body, Vec<Problem>) {
    (Body { html: String::new(), text: String::new(), excerpt: String::new(), notices: vec![] }, vec![])
}
