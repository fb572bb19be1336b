//! Finding: one thing that `doctor` looked at.

use serde::Serialize;

use crate::render::email::dkim::Record;

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// `SPF`
    pub what: &'static str,
    /// How it is.
    pub state: State,
    /// In a clause.
    pub says: String,
    /// What would be right, when something is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The record to publish, when one is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Record>,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Mail goes out, and somebody should look.
    Warn,
    /// Mail does not go out, or is refused.
    Fail,
}

impl Finding {
    /// As it should be.
    pub fn ok(what: &'static str, says: impl Into<String>) -> Self {
        Self { what, state: State::Ok, says: says.into(), help: None, record: None }
    }

    /// Somebody should look.
    pub fn warn(what: &'static str, says: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what, state: State::Warn, says: says.into(), help: Some(help.into()), record: None }
    }

    /// Wrong.
    pub fn fail(what: &'static str, says: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what, state: State::Fail, says: says.into(), help: Some(help.into()), record: None }
    }

    /// With the record that would be right.
    pub fn with_record(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { record: Some(Record { name: name.into(), value: value.into() }), ..self }
    }

    /// What was found, or what kept us from looking.
    pub fn of(what: &'static str, result: anyhow::Result<String>) -> Self {
        match result {
            Ok(says) => Self::ok(what, says),
            Err(err) => Self { what, state: State::Fail, says: format!("{err:#}"), help: None, record: None },
        }
    }
}
