//! Coding: which compressed form of a document a browser gets (RFC 9110, section 12.5.3).
//!
//! Pure.

use axum::http::HeaderMap;
use axum::http::header;

use crate::channel::site::Entry;

/// How a document's bytes are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// Not at all.
    Identity,
    /// gzip.
    Gzip,
    /// Brotli.
    Brotli,
}

impl Coding {
    /// What its file's name ends in after the document's.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Identity => "",
            Self::Gzip => ".gz",
            Self::Brotli => ".br",
        }
    }

    /// As Content-Encoding; none for identity.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }
}

/// The smallest of the forms there are that the request gives the highest weight; identity when it takes none
/// of them, since a page in the wrong coding is of more use than none.
pub fn choose(headers: &HeaderMap, entry: &Entry) -> Coding {
    let accepted: Vec<(String, u32)> = headers
        .get_all(header::ACCEPT_ENCODING)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .filter_map(weighted)
        .collect();
    let there = [(Coding::Brotli, entry.brotli), (Coding::Gzip, entry.gzip)];
    let weight = |coding: Coding| weight(&accepted, coding.name().unwrap_or("identity"));
    there
        .into_iter()
        .filter(|(_, length)| length.is_some())
        .map(|(coding, length)| (coding, weight(coding).unwrap_or(0), length))
        .filter(|(_, given, _)| *given > 0 && *given >= weight(Coding::Identity).unwrap_or(0))
        .max_by_key(|(_, given, length)| (*given, std::cmp::Reverse(*length)))
        .map_or(Coding::Identity, |(coding, ..)| coding)
}

// A coding in lower case with its weight in thousandths.
fn weighted(item: &str) -> Option<(String, u32)> {
    let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
    let name = name.trim().to_ascii_lowercase();
    let weight = match parameters.trim().strip_prefix(['q', 'Q']) {
        Some(value) => thousandths(value.trim_start().strip_prefix('=')?.trim())?,
        None => 1000,
    };
    (!name.is_empty()).then_some((name, weight))
}

// `1`, `0.5`, `0.333`: digits alone, so that no NaN and no exponent gets in.
fn thousandths(value: &str) -> Option<u32> {
    let (whole, part) = value.split_once('.').unwrap_or((value, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let in_form = matches!(whole, "0" | "1") && part.len() <= 3 && digits(part);
    let part: u32 = format!("{part:0<3}").parse().ok()?;
    in_form.then(|| if whole == "1" { 1000 } else { part })
}

// An alias of gzip is `x-gzip` (RFC 9110, section 8.4.1.3); what is not named has the weight of `*`.
fn weight(accepted: &[(String, u32)], name: &str) -> Option<u32> {
    let named = |wanted: &str| accepted.iter().find(|(name, _)| name == wanted).map(|(_, weight)| *weight);
    named(name).or_else(|| if name == "gzip" { named("x-gzip") } else { None }).or_else(|| {
        // Identity is acceptable without a word, yet it is not preferred to what was named.
        if name == "identity" { None } else { named("*") }
    })
}
