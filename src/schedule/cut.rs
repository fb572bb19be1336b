//! Cut: when an issue closes: a cron line read on the wall clock of a zone.
//!
//! Pure.
use crate::schedule::zone::Zone;
use chrono::*;
/// x
#[derive(Debug, Clone)]
pub struct Cut;
/// x
#[derive(Debug, Clone)]
pub struct Occurrence {
    /// x
    pub nominal: NaiveDateTime,
    /// x
    pub at: DateTime<Utc>,
}
#[allow(missing_docs)]
impl Cut {
    pub fn parse(line: &str, zone: &Zone) -> Result<Self, String> {
        todo!()
    }
    pub fn line(&self) -> &str {
        todo!()
    }
    pub fn occurrences(&self, after: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Occurrence> {
        todo!()
    }
    pub fn next(&self, after: DateTime<Utc>) -> Option<Occurrence> {
        todo!()
    }
    pub fn previous(&self, at: DateTime<Utc>) -> Option<Occurrence> {
        todo!()
    }
    pub fn period(&self) -> TimeDelta {
        todo!()
    }
    pub fn grace(&self) -> TimeDelta {
        todo!()
    }
    pub fn describe(&self) -> String {
        todo!()
    }
}
