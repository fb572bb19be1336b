//! Quiet: hours of the wall clock in which nothing goes out.
//!
//! Pure.
use crate::schedule::zone::Zone;
use chrono::*;
/// x
#[derive(Debug, Clone)]
pub struct Quiet;
#[allow(missing_docs)]
impl Quiet {
    pub fn parse(line: &str, zone: &Zone) -> Result<Self, String> {
        todo!()
    }
    pub fn settle(
        &self,
        due: DateTime<Utc>,
        possible_since: DateTime<Utc>,
        expires_at: Option<DateTime<Utc>>,
    ) -> DateTime<Utc> {
        todo!()
    }
}
