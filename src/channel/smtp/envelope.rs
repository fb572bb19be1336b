//! Envelope: who a message is from and who it goes to, as SMTP is told (RFC 5321 §2.3.1).
//!
//! Pure.

use thiserror::Error;

// RFC 5321 §4.5.3.1.3: a path is at most 256 octets, its angle brackets included.
const MAX_ADDRESS_BYTES: usize = 254;

/// One sender and one recipient, neither able to break out of its command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    sender: String,
    recipient: String,
}

/// Why two texts are not an envelope; never says the address itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EnvelopeError {
    /// The return path is neither empty nor an address.
    #[error("the sender is not an address of the form `name@domain`")]
    Sender,
    /// There is nobody to send to.
    #[error("the recipient is not an address of the form `name@domain`")]
    Recipient,
}

impl Envelope {
    /// The envelope of these two addresses; an empty sender is the null return path of RFC 5321 §4.5.5.
    pub fn new(sender: &str, recipient: &str) -> Result<Self, EnvelopeError> {
        if !sender.is_empty() && !is_address(sender) {
            return Err(EnvelopeError::Sender);
        }
        if !is_address(recipient) {
            return Err(EnvelopeError::Recipient);
        }
        Ok(Self { sender: sender.to_owned(), recipient: recipient.to_owned() })
    }

    /// The return path, without angle brackets; empty when nobody wants the bounce.
    pub fn sender(&self) -> &str {
        &self.sender
    }

    /// The recipient, without angle brackets.
    pub fn recipient(&self) -> &str {
        &self.recipient
    }

    /// Whether the relay has to speak SMTPUTF8 (RFC 6531) to be told of it.
    pub fn needs_utf8(&self) -> bool {
        !self.sender.is_ascii() || !self.recipient.is_ascii()
    }
}

fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let breaks_out = |c: char| c.is_control() || c.is_whitespace() || c == '<' || c == '>';
    !local.is_empty() && !domain.is_empty() && text.len() <= MAX_ADDRESS_BYTES && !text.contains(breaks_out)
}
