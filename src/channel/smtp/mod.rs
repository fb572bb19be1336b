//! SMTP: one connection to a relay, owned by one task.
//!
//! lettre says EHLO and AUTH and reads the replies; the writing is ours, so that a message and the next
//! envelope go out in one piece where the relay pipelines. There is no pool and no reuse of a connection
//! that is out of step: a reply must never be taken for another message's.

pub mod answer;
pub mod body;
pub mod certificate;
pub mod envelope;
mod open;
pub mod relay;
mod wire;

use std::error::Error as _;
use std::fmt;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use tokio::time::timeout;

use crate::channel::smtp::answer::{Heard, Stage, answer, clean};
use crate::channel::smtp::envelope::Envelope;
use crate::channel::smtp::open::{Offers, Opened, open};
use crate::channel::smtp::relay::{Deadlines, Relay};
use crate::channel::smtp::wire::Wire;
use crate::delivery::{Answer, Fault, Outcome};

// How long a relay that stopped taking a message is given to say why.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A connection to a relay.
pub struct Connection {
    reader: AsyncSmtpConnection,
    wire: Wire,
    offers: Offers,
    deadlines: Deadlines,
    // False while an exchange is under way, so that a cancelled one leaves it false.
    in_step: bool,
    // Its MAIL, RCPT and DATA have been written and their replies not yet read.
    announced: Option<Envelope>,
    // A refused envelope left a transaction open.
    needs_reset: bool,
    commands: String,
    message: Vec<u8>,
    certificate: Option<Vec<u8>>,
}

/// What an exchange came to.
enum Verdict {
    Heard(Stage, Heard),
    /// Decided here, without asking the relay.
    Ours(Outcome, &'static str),
}

impl Connection {
    /// A connection on which `send` may be called. The `Err` side is the relay's refusal, or its silence:
    /// always `Deferred(Route)`, to be recorded against the relay and never against a recipient.
    pub async fn open(relay: &Relay) -> Result<Self, Answer> {
        let started = Instant::now();
        let opened = open(relay).await;
        let Opened { reader, wire, offers, certificate } =
            opened.map_err(|heard| answer(Stage::Open, &heard, "", started.elapsed()))?;
        Ok(Self {
            reader,
            wire,
            offers,
            deadlines: relay.deadlines,
            in_step: true,
            announced: None,
            needs_reset: false,
            commands: String::new(),
            message: Vec::new(),
            certificate,
        })
    }

    /// Sends one message (its bytes whole, 7-bit, with any line ends) and returns when its final dot is
    /// answered or cannot be any more.
    ///
    /// `next` is announced behind the dot where the relay pipelines, so that it is ready for its body at
    /// once; not one byte of that body goes out before the next call. What was announced must be sent next,
    /// or the connection dropped (`quit` does): a relay that said 354 takes any other word for the message.
    pub async fn send(&mut self, envelope: &Envelope, message: &[u8], next: Option<&Envelope>) -> Answer {
        self.message.clear();
        let size = body::encode(message, &mut self.message);
        self.send_message(envelope, size, next).await
    }

    /// As `send`, of a message that is as `body::encode` would leave it: it is not copied, and has changed when
    /// this returns.
    pub async fn send_encoded(
        &mut self,
        envelope: &Envelope,
        message: &mut Vec<u8>,
        next: Option<&Envelope>,
    ) -> Answer {
        std::mem::swap(&mut self.message, message);
        let size = self.message.len() as u64;
        let answer = self.send_message(envelope, size, next).await;
        std::mem::swap(&mut self.message, message);
        answer
    }

    /// Whether `send` may be called again. False for good after a lost reply, a 421 or a cancelled `send`.
    pub fn is_usable(&self) -> bool {
        self.in_step
    }

    /// Until when the relay's certificate is good; `None` without TLS.
    pub fn certificate_ends_at(&self) -> Option<DateTime<Utc>> {
        self.certificate.as_deref().and_then(certificate::ends_at)
    }

    /// The envelope that the next `send` must be for, if one was announced.
    pub fn announced(&self) -> Option<&Envelope> {
        self.announced.as_ref()
    }

    /// Says goodbye where that can be understood, and closes the connection.
    pub async fn quit(mut self) {
        // After an announced envelope QUIT would be the text of a message.
        if self.in_step && self.announced.is_none() {
            self.wire.allow_reply();
            // Whatever it answers, the connection ends here.
            let _ = timeout(self.deadlines.quit, self.reader.command("QUIT\r\n")).await;
        }
    }

    async fn send_message(&mut self, envelope: &Envelope, size: u64, next: Option<&Envelope>) -> Answer {
        let started = Instant::now();
        match self.exchange(envelope, size, next).await {
            Verdict::Heard(stage, heard) => answer(stage, &heard, envelope.recipient(), started.elapsed()),
            Verdict::Ours(outcome, text) => ours(outcome, text, started.elapsed()),
        }
    }

    /// Sends what stands in `message`, which is of this `size` as RFC 1870 counts it.
    async fn exchange(&mut self, envelope: &Envelope, size: u64, next: Option<&Envelope>) -> Verdict {
        if !self.in_step {
            return lost(Stage::Mail, "the connection is out of step");
        }
        let announced = self.announced.take();
        if announced.as_ref().is_some_and(|announced| announced != envelope) {
            self.in_step = false;
            return lost(Stage::Mail, "another envelope was announced");
        }
        if let Some(refusal) = self.refusal(envelope, size) {
            self.in_step = announced.is_none();
            return refusal;
        }
        self.in_step = false;
        match self.open_transaction(envelope, announced.is_some()).await {
            Ok(()) => self.send_body(next).await,
            Err(verdict) => verdict,
        }
    }

    /// What we know already without asking.
    fn refusal(&self, envelope: &Envelope, size: u64) -> Option<Verdict> {
        if envelope.needs_utf8() && !self.offers.utf8 {
            let fault = if envelope.recipient().is_ascii() { Fault::Message } else { Fault::Recipient };
            let text = "the address is not ASCII and the relay does not offer SMTPUTF8";
            return Some(Verdict::Ours(Outcome::Bounced(fault), text));
        }
        let too_large = self.offers.max_size.is_some_and(|max_size| size > max_size);
        let text = "the message is larger than the relay takes (SIZE)";
        too_large.then_some(Verdict::Ours(Outcome::Bounced(Fault::Message), text))
    }

    /// Goes through RSET where due, MAIL, RCPT and DATA; `Ok` after 354.
    async fn open_transaction(&mut self, envelope: &Envelope, announced: bool) -> Result<(), Verdict> {
        let stages = stages(self.needs_reset && !announced);
        let pipelining = self.offers.pipelining;
        if pipelining && !announced {
            self.commands.clear();
            stages.iter().for_each(|stage| push_command(&mut self.commands, *stage, envelope));
            self.write_commands().await?;
        }
        let mut refused: Option<(Stage, Heard)> = None;
        let mut has_recipient = false;
        let mut in_step = true;
        for &stage in stages {
            if !pipelining {
                self.commands.clear();
                push_command(&mut self.commands, stage, envelope);
                self.write_commands().await?;
            }
            let heard = self.hear(stage).await;
            let accepted = is_positive(&heard);
            if ends_connection(&heard) || (stage == Stage::Reset && !accepted) {
                // The first refusal is the reason, whatever became of the connection since.
                let (stage, heard) = refused.unwrap_or((stage, heard));
                return Err(Verdict::Heard(stage, heard));
            }
            if !accepted {
                refused.get_or_insert((stage, heard));
                if !pipelining {
                    break;
                }
            } else if stage == Stage::Rcpt {
                has_recipient = true;
            } else if stage == Stage::Data && refused.is_some() {
                in_step = self.retreat(has_recipient).await;
            }
        }
        let Some((stage, heard)) = refused else { return Ok(()) };
        self.needs_reset = true;
        self.in_step = in_step;
        Err(Verdict::Heard(stage, heard))
    }

    /// The way out of a 354 that came although the envelope was refused (RFC 2920 §3.1): an empty message
    /// to nobody. With a recipient it would arrive, so then the connection stays unusable.
    async fn retreat(&mut self, has_recipient: bool) -> bool {
        if has_recipient || self.wire.write_all(b".\r\n", self.deadlines.body).await.is_err() {
            return false;
        }
        let heard = self.hear(Stage::Dot).await;
        !ends_connection(&heard)
    }

    /// Writes the message, its dot and the next envelope in one piece, and reads the reply to the dot.
    async fn send_body(&mut self, next: Option<&Envelope>) -> Verdict {
        let dot_at = self.message.len();
        self.message.extend_from_slice(b".\r\n");
        let next = next.filter(|next| self.offers.pipelining && self.refusal(next, 0).is_none());
        if let Some(next) = next {
            self.commands.clear();
            // No RSET: the end of a message ends its transaction, taken or not (RFC 5321 §4.1.1.4).
            stages(false).iter().for_each(|stage| push_command(&mut self.commands, *stage, next));
            self.message.extend_from_slice(self.commands.as_bytes());
        }
        if let Err(broken) = self.wire.write_all(&self.message, self.deadlines.body).await {
            if broken.gone > dot_at {
                return Verdict::Heard(Stage::Dot, Heard::Lost(broken.why));
            }
            return self.last_words(broken.why).await;
        }
        let heard = self.hear(Stage::Dot).await;
        self.needs_reset = false;
        self.in_step = !ends_connection(&heard);
        self.announced = next.filter(|_| self.in_step).cloned();
        Verdict::Heard(Stage::Dot, heard)
    }

    /// A relay may refuse a message before its end and hang up: its reason, if it can still be read.
    async fn last_words(&mut self, why: String) -> Verdict {
        let heard = self.hear_within(Stage::Body, LAST_WORDS).await;
        match heard {
            Heard::Reply(..) => Verdict::Heard(Stage::Body, heard),
            Heard::Lost(_) => Verdict::Heard(Stage::Body, Heard::Lost(why)),
        }
    }

    async fn write_commands(&mut self) -> Result<(), Verdict> {
        let written = self.wire.write_all(self.commands.as_bytes(), self.deadlines.mail).await;
        written.map_err(|broken| Verdict::Heard(Stage::Mail, Heard::Lost(broken.why)))
    }

    async fn hear(&mut self, stage: Stage) -> Heard {
        let limit = match stage {
            Stage::Open => self.deadlines.ehlo,
            Stage::Reset | Stage::Mail => self.deadlines.mail,
            Stage::Rcpt => self.deadlines.rcpt,
            Stage::Data => self.deadlines.data,
            Stage::Body => self.deadlines.body,
            Stage::Dot => self.deadlines.dot,
        };
        self.hear_within(stage, limit).await
    }

    async fn hear_within(&mut self, stage: Stage, limit: Duration) -> Heard {
        self.wire.allow_reply();
        let response = match timeout(limit, self.reader.read_response()).await {
            Ok(Ok(response)) => response,
            Ok(Err(err)) => return heard(err),
            Err(_) => return Heard::Lost(format!("no answer within {limit:?}")),
        };
        let code = u16::from(response.code());
        let expected = match stage {
            Stage::Data => 3,
            // Nothing good can be said of a message that has not ended.
            Stage::Body => 0,
            Stage::Open | Stage::Reset | Stage::Mail | Stage::Rcpt | Stage::Dot => 2,
        };
        if code / 100 != expected {
            return Heard::Lost(format!("the relay answered {code} out of turn"));
        }
        Heard::Reply(code, response.message().collect::<Vec<_>>().join(" "))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The buffers hold a person's address and mail.
        f.debug_struct("Connection").field("in_step", &self.in_step).finish_non_exhaustive()
    }
}

/// What lettre's error says: a refusal keeps its code and words only inside the error.
pub(crate) fn heard(err: Error) -> Heard {
    let words = err.source().map(ToString::to_string).unwrap_or_default();
    match err.status() {
        Some(code) => Heard::Reply(u16::from(code), words),
        None if err.is_response() => Heard::Lost(format!("the reply was not complete SMTP ({words})")),
        None => Heard::Lost(format!("the connection was lost ({words})")),
    }
}

fn stages(reset: bool) -> &'static [Stage] {
    let all = &[Stage::Reset, Stage::Mail, Stage::Rcpt, Stage::Data];
    if reset { all } else { &all[1..] }
}

fn push_command(commands: &mut String, stage: Stage, envelope: &Envelope) {
    match stage {
        Stage::Reset => commands.push_str("RSET\r\n"),
        Stage::Mail => {
            let parameter = if envelope.needs_utf8() { " SMTPUTF8" } else { "" };
            commands.extend(["MAIL FROM:<", envelope.sender(), ">", parameter, "\r\n"]);
        }
        Stage::Rcpt => commands.extend(["RCPT TO:<", envelope.recipient(), ">\r\n"]),
        Stage::Data => commands.push_str("DATA\r\n"),
        Stage::Open | Stage::Body | Stage::Dot => {}
    }
}

fn ends_connection(heard: &Heard) -> bool {
    match heard {
        Heard::Reply(code, _) => *code == 421,
        Heard::Lost(_) => true,
    }
}

fn is_positive(heard: &Heard) -> bool {
    matches!(heard, Heard::Reply(200..=399, _))
}

fn lost(stage: Stage, why: &str) -> Verdict {
    Verdict::Heard(stage, Heard::Lost(why.to_owned()))
}

fn ours(outcome: Outcome, text: &str, took: Duration) -> Answer {
    Answer { outcome, code: None, enhanced: None, text: clean(text, ""), retry_after: None, took }
}
