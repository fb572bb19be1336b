//! Reminder: a span of time before a start, such as `-P1D`.
//!
//! Pure.
use crate::schedule::zone::Moment;
use chrono::*;
/// x
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Before;
impl std::fmt::Display for Before {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}
#[allow(missing_docs)]
impl Before {
    pub fn parse(line: &str) -> Result<Self, String> {
        todo!()
    }
    pub fn before(&self, start: &Moment) -> DateTime<Utc> {
        todo!()
    }
    pub fn describe(&self) -> String {
        todo!()
    }
}
