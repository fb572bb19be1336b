//! Mime: headers and parts as bytes that every relay carries unchanged.
//!
//! Pure. Our own writer and not lettre's builder: a letter has holes that each recipient's values are written
//! into, so where every line breaks has to be known here. Everything is 7-bit ASCII with CRLF line ends (a bare
//! LF before a dot ends a message early at some servers), and no line is longer than 76 bytes but one that holds
//! a single address.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// RFC 2047 §2: a line with an encoded word, and the word itself, are no longer.
const WORD_LINE: usize = 76;
const WORD: usize = 75;
/// RFC 2045 §6.7 (5): an encoded line with its `=`.
const QUOTED_LINE: usize = 76;
const ENVELOPE: usize = "=?utf-8?Q??=".len();

/// Adds `name: value` for a text of people; it is encoded when it is not plain, and folded.
pub fn text_header(out: &mut Vec<u8>, name: &str, text: &str) {
    let text = one_line(text);
    let mut line = format!("{name}:");
    if is_plain(&text) {
        fold_words(&mut line, &text);
    } else {
        encode_words(&mut line, &text);
    }
    line.push_str("\r\n");
    out.extend_from_slice(line.as_bytes());
}

/// Adds `name: "display name" <address>`, or the address alone when there is no name. The angle brackets hold
/// `address` as it is: a mail address or, in List-Id, an identifier.
pub fn named_header(out: &mut Vec<u8>, name: &str, display_name: &str, address: &str) {
    let display_name = one_line(display_name);
    let mut line = format!("{name}:");
    if is_plain(&display_name) && display_name.len() <= 60 && !display_name.is_empty() {
        line.push_str(&format!(" \"{}\"", display_name.replace('\\', "\\\\").replace('"', "\\\"")));
    } else if !display_name.is_empty() {
        encode_words(&mut line, &display_name);
    }
    let column = line.len() - line.rfind('\n').map_or(0, |at| at + 1);
    let fold = if column + address.len() + 3 > WORD_LINE { "\r\n" } else { "" };
    line.push_str(&format!("{fold} <{address}>\r\n"));
    out.extend_from_slice(line.as_bytes());
}

/// Adds a text as quoted-printable (RFC 2045 §6.7), beginning at the start of a line; LF, CR and CRLF are line
/// ends. It holds no `=_`, so no boundary with these in it can occur.
pub fn quoted_printable(out: &mut Vec<u8>, text: &[u8]) {
    let mut column = 0;
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        // Within a line what stands as itself goes over in one piece.
        let room = if column == 0 { 0 } else { QUOTED_LINE - 1 - column };
        let run = rest.iter().take(room).take_while(|byte| byte.is_ascii_graphic() && **byte != b'=').count();
        if run > 0 {
            out.extend_from_slice(&rest[..run]);
            column += run;
            rest = &rest[run..];
            continue;
        }
        rest = after;
        if byte == b'\r' || byte == b'\n' {
            if byte == b'\r' && rest.first() == Some(&b'\n') {
                rest = &rest[1..];
            }
            out.extend_from_slice(b"\r\n");
            column = 0;
            continue;
        }
        let ends_line = matches!(rest.first(), None | Some(b'\r' | b'\n'));
        let mut literal = match byte {
            b' ' | b'\t' => !ends_line,
            b'=' => false,
            _ => byte.is_ascii_graphic(),
        };
        if column + if literal { 1 } else { 3 } >= QUOTED_LINE {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        // A mailbox file begins a message with `From `, and SMTP ends one with a lone dot.
        literal &= !(column == 0 && (byte == b'.' || (byte == b'F' && rest.starts_with(b"rom "))));
        column += write_quoted(out, byte, literal);
    }
}

/// Adds bytes as base64 in lines of 76.
pub fn base64_lines(out: &mut Vec<u8>, bytes: &[u8]) {
    for line in bytes.chunks(57) {
        out.extend_from_slice(STANDARD.encode(line).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// A text on one line: white space and control characters, line breaks among them, are single spaces.
pub fn one_line(text: &str) -> String {
    let breaks = |c: char| c.is_whitespace() || c.is_control();
    text.split(breaks).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A mail address with its domain as DNS has it: `köln.example` is `xn--kln-sna.example`.
pub fn ascii_address(address: &str) -> String {
    let Some((local, domain)) = address.rsplit_once('@') else { return address.to_owned() };
    format!("{local}@{}", ascii_domain(domain))
}

/// A domain as DNS has it.
pub fn ascii_domain(domain: &str) -> String {
    url::Host::parse(domain).map_or_else(|_| domain.to_owned(), |host| host.to_string())
}

fn write_quoted(out: &mut Vec<u8>, byte: u8, literal: bool) -> usize {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    if literal {
        out.push(byte);
        return 1;
    }
    out.extend_from_slice(&[b'=', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    3
}

// A word that looks encoded would be decoded, and a long one could not be folded.
fn is_plain(text: &str) -> bool {
    let ascii = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    ascii && !text.contains("=?") && text.split(' ').all(|word| word.len() <= 60)
}

fn fold_words(line: &mut String, text: &str) {
    let mut column = line.len();
    for word in text.split(' ') {
        if column + 1 + word.len() > WORD_LINE {
            line.push_str("\r\n");
            column = 0;
        }
        line.push(' ');
        line.push_str(word);
        column += 1 + word.len();
    }
}

// Encoded words are joined without the white space between them, so a text may be cut between any two
// characters, never inside one.
fn encode_words(line: &mut String, text: &str) {
    let quoted_len: usize = text.chars().map(quoted_len).sum();
    let as_base64 = text.len().div_ceil(3) * 4 < quoted_len;
    let mut room = WORD_LINE.saturating_sub(line.len() + 1);
    let mut rest = text;
    while !rest.is_empty() {
        let payload = room.min(WORD).saturating_sub(ENVELOPE);
        let cut = if as_base64 { base64_cut(rest, payload) } else { quoted_cut(rest, payload) };
        if cut > 0 {
            let (now, later) = rest.split_at(cut);
            line.push(' ');
            line.push_str(&if as_base64 { base64_word(now) } else { quoted_word(now) });
            rest = later;
        }
        if !rest.is_empty() {
            line.push_str("\r\n");
            room = WORD_LINE - 1;
        }
    }
}

fn base64_cut(text: &str, payload: usize) -> usize {
    let mut cut = text.len().min(payload / 4 * 3);
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    cut
}

fn quoted_cut(text: &str, payload: usize) -> usize {
    let mut used = 0;
    let over = text.char_indices().find(|(_, c)| {
        used += quoted_len(*c);
        used > payload
    });
    over.map_or(text.len(), |(at, _)| at)
}

fn quoted_len(c: char) -> usize {
    if is_word_literal(c) || c == ' ' { 1 } else { 3 * c.len_utf8() }
}

// RFC 2047 §5 (3): what may stand as itself in a word inside a phrase, the strictest place.
fn is_word_literal(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '!' | '*' | '+' | '-' | '/')
}

fn base64_word(text: &str) -> String {
    format!("=?utf-8?B?{}?=", STANDARD.encode(text))
}

fn quoted_word(text: &str) -> String {
    let mut word = Vec::with_capacity(WORD);
    for c in text.chars() {
        match c {
            ' ' => word.push(b'_'),
            c if is_word_literal(c) => {
                word.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            c => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| {
                write_quoted(&mut word, byte, false);
            }),
        }
    }
    format!("=?utf-8?Q?{}?=", String::from_utf8_lossy(&word))
}
