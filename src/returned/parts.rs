//! Parts: a message cut into its parts, with as much work as its size allows.
//!
//! Pure. The headers are read by `mail-parser`, part by part, and the parts are cut here: a message of a mebibyte can
//! hold thirty thousand messages inside each other, and whoever descends into all of them runs out of stack.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{HeaderName, HeaderValue, Message, MessageParser};
use memchr::memmem;

/// A part that has no parts of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'m> {
    /// `message/delivery-status`, in lower case; `text/plain` where nothing is said.
    pub kind: String,
    /// Its bytes, decoded.
    pub contents: Cow<'m, [u8]>,
}

/// The head of a message.
#[derive(Debug)]
pub struct Head<'m> {
    message: Option<Message<'m>>,
    /// All of it, as it came.
    pub bytes: &'m [u8],
    body: &'m [u8],
}

/// A report has three parts and may stand in one or two wrappers.
const MOST_DEPTH: usize = 6;
const MOST_PARTS: usize = 64;

// A head goes to 64 KiB at hosts that limit it; Postfix, 100 kB.
const MOST_HEAD_BYTES: usize = 128 * 1024;

/// The head of a message, and all its parts in their order.
pub fn cut(message: &[u8]) -> (Head<'_>, Vec<Part<'_>>) {
    let head = head(message);
    let mut parts = Vec::new();
    cut_body(&head, 0, &mut parts);
    (head, parts)
}

impl Head<'_> {
    /// The last value of a header as text, encoded words read.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.header(name)?.as_text()
    }

    /// Whether there is a header of that name.
    pub fn has(&self, name: &str) -> bool {
        self.header(name).is_some()
    }

    fn header(&self, name: &str) -> Option<&HeaderValue<'_>> {
        let mut headers = self.message.as_ref()?.headers().iter().rev();
        headers.find(|header| header.name.as_str().eq_ignore_ascii_case(name)).map(|header| &header.value)
    }

    fn kind(&self) -> String {
        let kind = self.content_type().map(|kind| match kind.subtype() {
            Some(subtype) => format!("{}/{subtype}", kind.ctype()),
            None => kind.ctype().to_owned(),
        });
        kind.unwrap_or_else(|| "text/plain".to_owned()).to_ascii_lowercase()
    }

    fn boundary(&self) -> Option<&str> {
        self.content_type()?.attribute("boundary").filter(|boundary| !boundary.is_empty())
    }

    fn content_type(&self) -> Option<&mail_parser::ContentType<'_>> {
        self.message.as_ref()?.header(HeaderName::ContentType)?.as_content_type()
    }

    fn encoding(&self) -> Option<&str> {
        let value: &HeaderValue<'_> = self.message.as_ref()?.header(HeaderName::ContentTransferEncoding)?;
        value.as_text().map(str::trim)
    }
}

fn head(message: &[u8]) -> Head<'_> {
    // Which of the two line ends it has, it has everywhere; a part of a mailbox file has bare line feeds.
    let crlf = memmem::find(message, b"\r\n\r\n").map(|at| (at + 2, at + 4));
    let lf = memmem::find(message, b"\n\n").map(|at| (at + 1, at + 2));
    let is_empty = message.starts_with(b"\r\n") || message.starts_with(b"\n");
    let (end, body) = match (crlf, lf) {
        _ if is_empty => (0, if message.starts_with(b"\n") { 1 } else { 2 }),
        (Some(crlf), Some(lf)) => crlf.min(lf),
        (Some(found), None) | (None, Some(found)) => found,
        (None, None) => (message.len(), message.len()),
    };
    let bytes = &message[..end.min(MOST_HEAD_BYTES)];
    let parser = MessageParser::new()
        .with_mime_headers()
        .header_text(HeaderName::ContentTransferEncoding)
        .default_header_text();
    Head { message: parser.parse_headers(bytes), bytes, body: &message[body.min(message.len())..] }
}

fn cut_body<'m>(head: &Head<'m>, depth: usize, parts: &mut Vec<Part<'m>>) {
    let kind = head.kind();
    if depth < MOST_DEPTH
        && kind.starts_with("multipart/")
        && let Some(boundary) = head.boundary()
    {
        for part in between(head.body, boundary) {
            if parts.len() >= MOST_PARTS {
                return;
            }
            cut_body(&self::head(part), depth + 1, parts);
        }
        return;
    }
    // What does not decode is looked at as it came: a report is plain text in the end.
    let contents = match head.encoding() {
        Some(word) if word.eq_ignore_ascii_case("base64") => base64_decode(head.body).map(Cow::Owned),
        Some(word) if word.eq_ignore_ascii_case("quoted-printable") => {
            quoted_printable_decode(head.body).map(Cow::Owned)
        }
        Some(_) | None => None,
    };
    parts.push(Part { kind, contents: contents.unwrap_or(Cow::Borrowed(head.body)) });
}

// What stands between the lines of a boundary (RFC 2046 §5.1.1), at most `MOST_PARTS`; the last may be cut short.
fn between<'m>(body: &'m [u8], boundary: &str) -> Vec<&'m [u8]> {
    let delimiter = [b"--", boundary.as_bytes()].concat();
    let mut parts = Vec::new();
    let mut begun: Option<usize> = None;
    for at in memmem::find_iter(body, &delimiter) {
        let begins_line = at == 0 || body[at - 1] == b'\n';
        let rest = &body[at + delimiter.len()..];
        let ends_word = rest.first().is_none_or(|byte| b"\r\n \t-".contains(byte));
        if !begins_line || !ends_word {
            continue;
        }
        if let Some(from) = begun.take() {
            parts.push(trim_line_end(&body[from.min(at)..at]));
        }
        if rest.starts_with(b"--") || parts.len() >= MOST_PARTS {
            return parts;
        }
        let line_end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        begun = Some(at + delimiter.len() + line_end);
    }
    if let Some(from) = begun {
        parts.push(&body[from..]);
    }
    parts
}

fn trim_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}
