//! Dialogue: whatever is said to the listener, in whatever pieces, it answers the same, and takes nothing for
//! addresses that are not ours.

use handbill::config::Protocol;
use handbill::mailbox::dialogue::{Dialogue, Step};
use handbill::returned::MAX_BYTES;

// All that is answered and taken, when the bytes come in pieces of at most so many.
fn talk(protocol: Protocol, bytes: &[u8], piece: usize) -> Vec<String> {
    let mut dialogue = Dialogue::new(protocol);
    let mut heard = Vec::new();
    for bytes in bytes.chunks(piece) {
        dialogue.hear(bytes);
        loop {
            match dialogue.step(|address| (address.len() == 3).then(|| address.to_owned())) {
                Step::Answer(answer) => {
                    assert!(answer.ends_with("\r\n"));
                    heard.push(answer.into_owned());
                }
                Step::Take { recipients, message } => {
                    assert!(!recipients.is_empty() && recipients.len() <= 100);
                    assert!(recipients.iter().all(|address| address.len() == 3));
                    assert!(message.len() <= MAX_BYTES);
                    heard.push(dialogue.answer(&vec![true; recipients.len()]));
                    heard.push(format!("{recipients:?} {message:?}"));
                }
                Step::Close(answer) => {
                    heard.push(answer.to_owned());
                    return heard;
                }
                Step::More => break,
            }
        }
    }
    heard
}

/// Says bytes to a listener, after the first, which chooses how.
pub fn check(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let protocol = if first & 1 == 0 { Protocol::Lmtp } else { Protocol::Smtp };
    let whole = talk(protocol, bytes, usize::MAX);
    assert_eq!(talk(protocol, bytes, usize::from(first >> 1) + 1), whole);
}
