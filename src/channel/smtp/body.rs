//! Body: a message as it goes over the wire after DATA (RFC 5321 §4.5.2).
//!
//! Pure.

use memchr::memchr2;

/// Appends the message to `out`: every line end CRLF, every leading dot doubled, the last line ended.
/// Returns its size in octets as RFC 1870 §3 counts it, the doubled dots left out. The final dot is not in it.
///
/// A bare CR or LF becomes a CRLF *before* dots are doubled. A server that takes `LF . LF` for the end of
/// a message would else read the rest as commands of its own (SMTP smuggling).
pub fn encode(message: &[u8], out: &mut Vec<u8>) -> u64 {
    let start = out.len();
    out.reserve(message.len() + message.len() / 32 + 16);
    let mut doubled = 0;
    // A message that is right already is copied in one piece: a run ends only where a byte changes.
    let mut run = 0;
    let mut line = 0;
    while line < message.len() {
        if message[line] == b'.' {
            out.extend_from_slice(&message[run..line]);
            out.push(b'.');
            run = line;
            doubled += 1;
        }
        let Some(end) = memchr2(b'\r', b'\n', &message[line..]).map(|at| line + at) else { break };
        if message[end..].starts_with(b"\r\n") {
            line = end + 2;
            continue;
        }
        out.extend_from_slice(&message[run..end]);
        out.extend_from_slice(b"\r\n");
        line = end + 1;
        run = line;
    }
    out.extend_from_slice(&message[run..]);
    if !message.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    (out.len() - start - doubled) as u64
}

/// Whether `encode` would leave the message as it is.
pub fn is_encoded(message: &[u8]) -> bool {
    let mut encoded = Vec::with_capacity(message.len());
    encode(message, &mut encoded);
    encoded == message
}
