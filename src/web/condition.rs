//! Condition: whether a browser has a document already (RFC 9110, section 13).
//!
//! Pure.

use axum::http::HeaderMap;
use axum::http::header;
use chrono::{DateTime, NaiveDateTime};

/// Whether what the request says it has is the document of this ETag (without quotes) and this last change
/// (Unix seconds). If-None-Match wins over If-Modified-Since; tags are compared weakly.
pub fn is_fresh(headers: &HeaderMap, etag: &str, last_modified: i64) -> bool {
    if headers.contains_key(header::IF_NONE_MATCH) {
        let values =
            headers.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
        return values.into_iter().any(|list| names(list, etag));
    }
    let since =
        headers.get(header::IF_MODIFIED_SINCE).and_then(|value| parse_http_date(value.to_str().ok()?));
    since.is_some_and(|since| last_modified <= since)
}

/// Unix seconds as an HTTP date, `Tue, 10 Jul 2018 13:00:00 GMT`.
pub fn http_date(seconds: i64) -> String {
    let at = DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::UNIX_EPOCH);
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The Unix seconds of an HTTP date in any of the three forms that RFC 9110 section 5.6.7 has servers read.
pub fn parse_http_date(text: &str) -> Option<i64> {
    ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .map(|at| at.and_utc().timestamp())
}

// `*`, or a list of tags. A tag may hold a comma, so the list is read from quote to quote.
fn names(list: &str, etag: &str) -> bool {
    if list.trim() == "*" {
        return true;
    }
    let mut rest = list;
    while let Some((_, opened)) = rest.split_once('"') {
        let Some((tag, further)) = opened.split_once('"') else { return false };
        if tag == etag {
            return true;
        }
        rest = further;
    }
    false
}
