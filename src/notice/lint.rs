//! Lint: what is allowed and yet worth a look before it is published.
//!
//! Pure.
/// x
pub fn lint(
    _source: &str,
    _body_offset: usize,
    _starts: Option<chrono::NaiveDate>,
) -> Vec<crate::problem::Problem> {
    vec![]
}
