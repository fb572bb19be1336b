//! Dialogue: what a listener for mail hears and answers, after RFC 5321 and RFC 2033.
//!
//! Pure. Bytes go in, and answers come out; whoever holds the connection moves them. Every length and every count has
//! an end.

use std::borrow::Cow;

use memchr::memmem;

use crate::config::Protocol;
use crate::returned::MAX_BYTES;

/// One connection's dialogue. `R` is what an address of ours stands for.
#[derive(Debug)]
pub struct Dialogue<R> {
    protocol: Protocol,
    // What was heard and not yet understood: at most a line, or a message that has not ended.
    heard: Vec<u8>,
    mode: Mode,
    state: State<R>,
    commands: u32,
    mistakes: u32,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<R> {
    /// Answer so.
    Answer(Cow<'static, str>),
    /// Take the message for these recipients, then answer by `Dialogue::answer`.
    Take {
        /// For whom it came, in their order.
        recipients: Vec<R>,
        /// Its bytes.
        message: Vec<u8>,
    },
    /// Answer so, and close.
    Close(&'static str),
    /// Read more.
    More,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Command,
    // The rest of a line that was too long.
    LongLine,
    // How far the end was looked for.
    Message { looked: usize },
    // A message that was too long goes by.
    LongMessage,
}

#[derive(Debug)]
enum State<R> {
    // Nobody said hello.
    Fresh,
    Ready,
    // MAIL was said, and these RCPT.
    Mail(Vec<R>),
}

// RFC 5321 §4.5.3.1.4 and .6 ask for 512 and 1,000; a return path with all its parameters needs no more than this.
const MOST_LINE_BYTES: usize = 1_024;

// RFC 5321 §4.5.3.1.8.
const MOST_RECIPIENTS: usize = 100;

// A relay that keeps its connection hands over some hundreds; then it comes again.
const MOST_COMMANDS: u32 = 2_000;

// Who does not speak mail is soon told to go.
const MOST_MISTAKES: u32 = 10;

const END: &[u8] = b"\r\n.\r\n";

/// The words that open a connection.
pub const GREETING: &str = "220 handbill takes what comes back\r\n";

/// What is said to one too many.
pub const BUSY: &str = "421 4.3.2 too many connections, come again\r\n";

/// What is said to who takes too long.
pub const TOO_SLOW: &str = "421 4.4.2 too slow, come again\r\n";

const SMTP_HELLO: &str = "250-handbill\r\n250-PIPELINING\r\n250-SIZE 1048576\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n";

const WRONG_ORDER: &str = "503 5.5.1 not in this order\r\n";

impl<R: Clone> Dialogue<R> {
    /// A dialogue that begins.
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            heard: Vec::new(),
            mode: Mode::Command,
            state: State::Fresh,
            commands: 0,
            mistakes: 0,
        }
    }

    /// Bytes that came.
    pub fn hear(&mut self, bytes: &[u8]) {
        self.heard.extend_from_slice(bytes);
    }

    /// What to do about what was heard; to be asked until it wants more. `ours` says what an address stands for, if
    /// it is ours.
    pub fn step(&mut self, ours: impl Fn(&str) -> Option<R>) -> Step<R> {
        match self.mode {
            Mode::Command => self.command(ours),
            Mode::LongLine => match memmem::find(&self.heard, b"\n") {
                Some(end) => {
                    self.heard.drain(..=end);
                    self.mode = Mode::Command;
                    self.mistake("500 5.5.2 the line is too long\r\n")
                }
                None => self.forget_all_but(0),
            },
            Mode::Message { looked } => self.message(looked),
            Mode::LongMessage => match memmem::find(&self.heard, END) {
                Some(end) => {
                    self.heard.drain(..end + END.len());
                    self.mode = Mode::Command;
                    self.too_large()
                }
                // The end may have begun.
                None => self.forget_all_but(END.len() - 1),
            },
        }
    }

    /// The answer to a message, by what became of it for each of its recipients: `true` when that is durable. In
    /// LMTP each has a line; in SMTP it is taken for all or for none, and counting twice is counting once.
    pub fn answer(&self, taken: &[bool]) -> String {
        let line =
            |taken: bool| if taken { "250 2.0.0 taken\r\n" } else { "451 4.3.0 not now, come again\r\n" };
        match self.protocol {
            Protocol::Lmtp => taken.iter().map(|taken| line(*taken)).collect(),
            Protocol::Smtp => line(taken.iter().all(|taken| *taken)).to_owned(),
        }
    }

    fn command(&mut self, ours: impl Fn(&str) -> Option<R>) -> Step<R> {
        let Some(end) = memmem::find(&self.heard, b"\n") else {
            if self.heard.len() > MOST_LINE_BYTES {
                self.mode = Mode::LongLine;
                return self.forget_all_but(0);
            }
            return Step::More;
        };
        let line: Vec<u8> = self.heard.drain(..=end).collect();
        if line.len() > MOST_LINE_BYTES {
            return self.mistake("500 5.5.2 the line is too long\r\n");
        }
        self.commands += 1;
        if self.commands > MOST_COMMANDS {
            return Step::Close("421 4.7.0 enough for one connection, come again\r\n");
        }
        // A bare line feed is how one message is smuggled into another.
        let Some(line) = line.strip_suffix(b"\r\n").and_then(|line| std::str::from_utf8(line).ok()) else {
            return self.mistake("500 5.5.2 a line ends in CR LF and is text\r\n");
        };
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "LHLO" => self.hello(rest, Protocol::Lmtp, SMTP_HELLO),
            "EHLO" => self.hello(rest, Protocol::Smtp, SMTP_HELLO),
            "HELO" => self.hello(rest, Protocol::Smtp, "250 handbill\r\n"),
            "MAIL" => self.mail(rest),
            "RCPT" => self.recipient(rest, ours),
            "DATA" => self.data(rest),
            "RSET" => {
                if !matches!(self.state, State::Fresh) {
                    self.state = State::Ready;
                }
                answer("250 2.0.0 forgotten\r\n")
            }
            "NOOP" => answer("250 2.0.0 still here\r\n"),
            "QUIT" => Step::Close("221 2.0.0 bye\r\n"),
            // Who is on a list is nobody's to ask.
            "VRFY" => answer("252 2.1.5 nobody is told who is here\r\n"),
            _ => self.mistake("500 5.5.1 not a command that is known here\r\n"),
        }
    }

    fn hello(&mut self, name: &str, protocol: Protocol, said: &'static str) -> Step<R> {
        if protocol != self.protocol {
            return match self.protocol {
                Protocol::Lmtp => self.mistake("500 5.5.1 this is LMTP: say LHLO\r\n"),
                Protocol::Smtp => self.mistake("500 5.5.1 this is SMTP: say EHLO\r\n"),
            };
        }
        if name.trim().is_empty() {
            return self.mistake("501 5.5.4 say who you are\r\n");
        }
        self.state = State::Ready;
        answer(said)
    }

    fn mail(&mut self, rest: &str) -> Step<R> {
        match self.state {
            State::Ready => {}
            State::Fresh | State::Mail(_) => return self.mistake(WRONG_ORDER),
        }
        let Some((_, parameters)) = path(rest, "FROM:") else {
            return self.mistake("501 5.5.4 say MAIL FROM:<address>\r\n");
        };
        for parameter in parameters.split_ascii_whitespace() {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name.to_ascii_uppercase().as_str() {
                "SIZE" if value.parse::<u64>().is_ok_and(|size| size > MAX_BYTES as u64) => {
                    return answer("552 5.3.4 the message is too large\r\n");
                }
                "SIZE" | "BODY" | "SMTPUTF8" => {}
                _ => return self.mistake("555 5.5.4 not a parameter that is known here\r\n"),
            }
        }
        self.state = State::Mail(Vec::new());
        answer("250 2.1.0 well\r\n")
    }

    fn recipient(&mut self, rest: &str, ours: impl Fn(&str) -> Option<R>) -> Step<R> {
        let State::Mail(recipients) = &mut self.state else { return self.mistake(WRONG_ORDER) };
        let Some((address, _)) = path(rest, "TO:") else {
            return self.mistake("501 5.5.4 say RCPT TO:<address>\r\n");
        };
        if recipients.len() >= MOST_RECIPIENTS {
            return answer("452 4.5.3 too many recipients\r\n");
        }
        match ours(address) {
            Some(recipient) => {
                recipients.push(recipient);
                answer("250 2.1.5 well\r\n")
            }
            None => self.mistake("550 5.7.1 nothing is taken for that address, and nothing is relayed\r\n"),
        }
    }

    fn data(&mut self, rest: &str) -> Step<R> {
        match &self.state {
            State::Mail(_) if !rest.trim().is_empty() => self.mistake("501 5.5.4 say DATA alone\r\n"),
            // RFC 2033 §4.2: without a recipient there is nothing to answer for.
            State::Mail(recipients) if recipients.is_empty() => self.mistake("503 5.5.1 for nobody\r\n"),
            State::Mail(_) => {
                self.mode = Mode::Message { looked: 0 };
                answer("354 go on, and end with a dot\r\n")
            }
            State::Fresh | State::Ready => self.mistake(WRONG_ORDER),
        }
    }

    fn message(&mut self, looked: usize) -> Step<R> {
        // Nothing but a dot is an empty message.
        if self.heard.starts_with(b".\r\n") {
            self.heard.drain(..3);
            return self.take(Vec::new());
        }
        let from = looked.saturating_sub(END.len());
        let Some(end) = memmem::find(&self.heard[from..], END).map(|at| from + at) else {
            if self.heard.len() > MAX_BYTES + END.len() {
                self.mode = Mode::LongMessage;
                return self.forget_all_but(END.len() - 1);
            }
            self.mode = Mode::Message { looked: self.heard.len() };
            return Step::More;
        };
        let stuffed: Vec<u8> = self.heard.drain(..end + END.len()).collect();
        let stuffed = &stuffed[..end + 2];
        if stuffed.len() > MAX_BYTES {
            self.mode = Mode::Command;
            return self.too_large();
        }
        self.take(unstuffed(stuffed))
    }

    fn take(&mut self, message: Vec<u8>) -> Step<R> {
        self.mode = Mode::Command;
        Step::Take { recipients: self.recipients(), message }
    }

    // In LMTP each recipient has a line of its own, also of a refusal.
    fn too_large(&mut self) -> Step<R> {
        const LINE: &str = "552 5.3.4 the message is too large\r\n";
        let count = self.recipients().len();
        match self.protocol {
            Protocol::Smtp => answer(LINE),
            Protocol::Lmtp => Step::Answer(LINE.repeat(count).into()),
        }
    }

    fn recipients(&mut self) -> Vec<R> {
        match std::mem::replace(&mut self.state, State::Ready) {
            State::Mail(recipients) => recipients,
            State::Fresh | State::Ready => Vec::new(),
        }
    }

    fn mistake(&mut self, said: &'static str) -> Step<R> {
        self.mistakes += 1;
        if self.mistakes > MOST_MISTAKES {
            return Step::Close("421 4.7.0 too many mistakes\r\n");
        }
        answer(said)
    }

    fn forget_all_but(&mut self, tail: usize) -> Step<R> {
        self.heard.drain(..self.heard.len().saturating_sub(tail));
        Step::More
    }
}

fn answer<R>(said: &'static str) -> Step<R> {
    Step::Answer(said.into())
}

// The address of `FROM:<address> PARAMETERS`, and the parameters. Some put a space before the bracket; a route
// (`@relay:`) is left out, as RFC 5321 §3.6.1 asks.
fn path<'l>(rest: &'l str, word: &str) -> Option<(&'l str, &'l str)> {
    let (begin, rest) = rest.split_at_checked(word.len())?;
    if !begin.eq_ignore_ascii_case(word) {
        return None;
    }
    let (address, parameters) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
    let address = match address.strip_prefix('@') {
        Some(routed) => routed.split_once(':')?.1,
        None => address,
    };
    Some((address, parameters))
}

// RFC 5321 §4.5.2: a dot that begins a line was put before it.
fn unstuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len());
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        let begins_line = out.is_empty() || out.ends_with(b"\r\n");
        out.extend_from_slice(if begins_line { line.strip_prefix(b".").unwrap_or(line) } else { line });
    }
    out
}
