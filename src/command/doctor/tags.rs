//! Tags: what a DKIM or a DMARC record says.
//!
//! Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// `v=DKIM1; k=rsa; p=…` as names and values (RFC 6376 §3.2), white space in values left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags(Vec<(String, String)>);

/// What a published key is to ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The same.
    Ours,
    /// The same, and receivers are told that it is a trial (`t=y`).
    Testing,
    /// The same, and it does not sign for subdomains (`t=s`).
    Strict,
    /// Withdrawn: `p=` is empty.
    Revoked,
    /// Another one, or none.
    Other,
}

impl Tags {
    /// The tags of a record; `None` when it is no list of tags.
    pub fn parse(text: &str) -> Option<Self> {
        let tags = text.split(';').map(str::trim).filter(|tag| !tag.is_empty());
        let read = |tag: &str| {
            let (name, value) = tag.split_once('=')?;
            Some((name.trim().to_ascii_lowercase(), value.split_whitespace().collect()))
        };
        tags.map(read).collect::<Option<Vec<_>>>().map(Self)
    }

    /// The value of a tag.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// What this record of a key is to the record that ours would be.
    pub fn published(&self, ours: &Self) -> Published {
        // RFC 6376 §3.6.1: without k= it is RSA.
        let kind = |tags: &Self| tags.value("k").unwrap_or("rsa").to_ascii_lowercase();
        let key = |tags: &Self| tags.value("p").and_then(|key| STANDARD.decode(key).ok());
        let flags: Vec<&str> = self.value("t").unwrap_or_default().split(':').collect();
        if self.value("p") == Some("") {
            Published::Revoked
        } else if kind(self) != kind(ours) || key(self).is_none() || key(self) != key(ours) {
            Published::Other
        } else if flags.contains(&"y") {
            Published::Testing
        } else if flags.contains(&"s") {
            Published::Strict
        } else {
            Published::Ours
        }
    }
}
