//! Xml: text that is safe inside HTML and XML.
//!
//! Pure.

use std::borrow::Cow;

/// The text with only the characters that XML 1.0 allows (section 2.2, `Char`); the others are left out. rss and
/// `atom_syndication` write them raw, and one of them makes a whole document unreadable.
pub fn xml_clean(text: &str) -> Cow<'_, str> {
    // Whole texts are looked through byte by byte and without a branch: only a control character, or the first
    // byte of U+FFFE and U+FFFF, needs a second look.
    let is_suspect =
        |byte: u8| (byte < b' ') & (byte != b'\n') & (byte != b'\t') & (byte != b'\r') | (byte == 0xEF);
    let has_suspect = text.bytes().fold(false, |found, byte| found | is_suspect(byte));
    if !has_suspect || text.chars().all(is_xml_char) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| is_xml_char(*c)).collect())
}

/// The text as it stands in an HTML or XML element or in a quoted attribute.
pub fn escape_html(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + text.len() / 8 + 16);
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        escaped.push_str(&rest[..at]);
        escaped.push_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        });
        rest = &rest[at + 1..];
    }
    escaped.push_str(rest);
    Cow::Owned(escaped)
}

fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}
