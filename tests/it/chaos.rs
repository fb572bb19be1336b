//! Chaos: an SMTP server that fails in the way that the recipient's name says, and counts what it took.
//!
//! It runs in a thread of its own, so that it also outlives a client process that is killed. The name is
//! the local part up to its first `.` or `+`, so `hang-rcpt.17@example.org` is the 17th of its kind:
//!
//! | name | what happens |
//! |---|---|
//! | `reject-rcpt`, `policy`, `full`, `defer-rcpt` | 550 5.1.1, 550 5.7.1, 552 5.2.2, 450 4.2.0 to RCPT |
//! | `eager` | 550 5.1.1 to RCPT and yet 354 to DATA |
//! | `421`, `hang-rcpt`, `drop-rcpt` | 421 and close, silence, close at RCPT |
//! | `endless` | 100,000 bytes without a line end to RCPT |
//! | `defer-data` | 451 4.3.0 to DATA |
//! | `drop-before-dot` | close within the message |
//! | `reject-body` | 552 5.3.4 within the message, of which it reads no more |
//! | `reject-dot`, `defer-dot`, `421-dot` | 554 5.6.0, 451 4.7.1, 421 4.3.2 to the dot; nothing taken |
//! | `drop-after-dot`, `hang-after-dot` | message **taken**, then close or silence |
//! | `drop-at-dot` | message not taken, close |
//! | `slow` | message **taken**, the answer comes 20 ms later |
//! | `latin1`, `echo` | 250 with bytes that are not UTF-8; 550 that repeats the address |
//! | anything else | taken |
//!
//! A sender named `reject-mail` gets 550 5.7.1, one named `defer-mail` 451 4.3.0. One named `lax` gets 550
//! too, and then RCPT and DATA are accepted all the same.

use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// What the server offers and how it begins.
#[derive(Clone, Default)]
pub struct Options {
    pub pipelining: bool,
    pub utf8: bool,
    pub size: Option<u64>,
    /// The name and password that AUTH wants, and the mechanisms offered.
    pub auth: Option<(&'static str, &'static str, &'static str)>,
    pub tls: Option<Arc<ServerConfig>>,
    /// TLS from the first byte instead of STARTTLS.
    pub implicit: bool,
    /// Said instead of `220 chaos.example.org`; nothing is said when it is empty.
    pub greeting: Option<&'static str>,
    /// Plaintext that follows the 220 to STARTTLS in the same packet.
    pub injection: &'static str,
}

/// A message that the server took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub sender: String,
    pub recipient: String,
    /// The message with doubled dots undone.
    pub message: Vec<u8>,
    /// Whether the next command had arrived together with the final dot.
    pub pipelined: bool,
}

/// What the server saw.
#[derive(Debug, Default)]
pub struct Log {
    pub taken: Vec<Taken>,
    pub connections: usize,
    /// Every command line, AUTH and its answers as `AUTH`.
    pub commands: Vec<String>,
    /// What no client may do: commands ahead of replies where pipelining is not offered, bare line ends.
    pub violations: Vec<String>,
}

impl Log {
    /// How many times each recipient's message was taken.
    pub fn copies(&self) -> HashMap<&str, usize> {
        let mut copies = HashMap::new();
        for taken in &self.taken {
            *copies.entry(taken.recipient.as_str()).or_default() += 1;
        }
        copies
    }
}

/// A running server; it stops when dropped.
pub struct Chaos {
    pub address: SocketAddr,
    log: Arc<Mutex<Log>>,
    // Whether it is there; the thread ends when the sender is gone.
    there: Option<watch::Sender<bool>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Chaos {
    /// Starts it on a free loopback port.
    pub fn start(options: Options) -> Self {
        let log = Arc::new(Mutex::new(Log::default()));
        let (there, wanted) = watch::channel(true);
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn({
            let log = Arc::clone(&log);
            move || serve(options, log, wanted, tell)
        });
        let address = told.recv().expect("the server listens");
        Self { address, log, there: Some(there), thread: Some(thread) }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Goes away with all its connections, or comes back at the same address.
    pub fn is_there(&self, there: bool) {
        self.there.as_ref().unwrap().send(there).unwrap();
    }

    /// Looks at the log.
    pub fn log<T>(&self, look: impl FnOnce(&Log) -> T) -> T {
        look(&self.log.lock().unwrap())
    }
}

impl Drop for Chaos {
    fn drop(&mut self) {
        drop(self.there.take());
        self.thread.take().map(thread::JoinHandle::join);
    }
}

fn serve(
    options: Options,
    log: Arc<Mutex<Log>>,
    mut there: watch::Receiver<bool>,
    tell: mpsc::Sender<SocketAddr>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tell.send(address).unwrap();
        loop {
            let mut sessions = JoinSet::new();
            let accepting = async {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    log.lock().unwrap().connections += 1;
                    // A client that goes away in the middle is what this server is for.
                    sessions.spawn(talk(stream, options.clone(), Arc::clone(&log)));
                }
            };
            tokio::select! {
                () = accepting => {}
                left = there.wait_for(|there| !there) => if left.is_err() { return },
            }
            drop((listener, sessions));
            if there.wait_for(|there| *there).await.is_err() {
                return;
            }
            listener = TcpListener::bind(address).await.unwrap();
        }
    });
}

async fn talk(stream: TcpStream, options: Options, log: Arc<Mutex<Log>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let acceptor = options.tls.clone().map(TlsAcceptor::from);
    let greeting = options.greeting.unwrap_or("220 chaos.example.org\r\n");
    let Some(acceptor) = acceptor else {
        return Session::new(stream, options, log, false).run(greeting).await.map(|_| ());
    };
    if options.implicit {
        let stream = acceptor.accept(stream).await?;
        return Session::new(stream, options, log, true).run(greeting).await.map(|_| ());
    }
    let Some(stream) = Session::new(stream, options.clone(), Arc::clone(&log), false).run(greeting).await?
    else {
        return Ok(());
    };
    let stream = acceptor.accept(stream).await?;
    Session::new(stream, options, log, true).run("").await.map(|_| ())
}

struct Session<S> {
    stream: S,
    options: Options,
    log: Arc<Mutex<Log>>,
    secure: bool,
    input: Vec<u8>,
    replies: Vec<u8>,
    sender: Option<String>,
    recipient: Option<String>,
    eager: bool,
}

enum Go {
    On,
    Close,
    Hang,
    StartTls,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    fn new(stream: S, options: Options, log: Arc<Mutex<Log>>, secure: bool) -> Self {
        let (input, replies) = (Vec::new(), Vec::new());
        Self { stream, options, log, secure, input, replies, sender: None, recipient: None, eager: false }
    }

    /// Talks to the end; gives the stream back when TLS is to start on it.
    async fn run(mut self, greeting: &str) -> io::Result<Option<S>> {
        self.stream.write_all(greeting.as_bytes()).await?;
        loop {
            let Some(line) = self.line().await? else { return Ok(None) };
            match self.command(&line).await? {
                Go::On => {}
                Go::Close => {
                    self.flush().await?;
                    return Ok(None);
                }
                Go::Hang => {
                    self.flush().await?;
                    while self.fill().await? {}
                    return Ok(None);
                }
                Go::StartTls => {
                    self.flush().await?;
                    return Ok(Some(self.stream));
                }
            }
        }
    }

    async fn command(&mut self, line: &str) -> io::Result<Go> {
        let verb = line.split(' ').next().unwrap_or("").to_ascii_uppercase();
        let logged = if verb == "AUTH" { "AUTH".to_owned() } else { line.to_owned() };
        self.log.lock().unwrap().commands.push(logged);
        if !self.options.pipelining && !self.input.is_empty() {
            self.violation(format!("more input behind {verb}"));
            self.say("500 5.5.0 pipelining was not offered");
            return Ok(Go::Close);
        }
        match verb.as_str() {
            "EHLO" => self.hello(),
            "STARTTLS" => {
                self.say("220 2.0.0 go ahead");
                self.replies.extend_from_slice(self.options.injection.as_bytes());
                return Ok(Go::StartTls);
            }
            "AUTH" => return self.auth(line).await,
            "MAIL" => self.mail(line),
            "RCPT" => return Ok(self.rcpt(line)),
            "DATA" => return self.data().await,
            "RSET" => {
                (self.sender, self.recipient, self.eager) = (None, None, false);
                self.say("250 2.0.0 ok");
            }
            "QUIT" => {
                self.say("221 2.0.0 bye");
                return Ok(Go::Close);
            }
            _ => self.say("500 5.5.2 what"),
        }
        Ok(Go::On)
    }

    fn hello(&mut self) {
        self.say("250-chaos.example.org");
        let size = self.options.size.map(|size| format!("250-SIZE {size}"));
        let auth = self.options.auth.map(|(_, _, mechanisms)| format!("250-AUTH {mechanisms}"));
        let starttls = self.options.tls.is_some() && !self.secure;
        for line in [size, auth].into_iter().flatten() {
            self.say(&line);
        }
        for (offered, line) in [
            (self.options.pipelining, "250-PIPELINING"),
            (self.options.utf8, "250-SMTPUTF8"),
            (starttls, "250-STARTTLS"),
        ] {
            if offered {
                self.say(line);
            }
        }
        self.say("250 8BITMIME");
    }

    async fn auth(&mut self, line: &str) -> io::Result<Go> {
        let Some((user, password, _)) = self.options.auth else {
            self.say("502 5.5.1 not offered");
            return Ok(Go::On);
        };
        let mut words = line.split(' ').skip(1);
        let given = if words.next() == Some("PLAIN") {
            let plain = BASE64_STANDARD.decode(words.next().unwrap_or("")).unwrap_or_default();
            String::from_utf8_lossy(&plain).trim_start_matches('\0').replace('\0', " ")
        } else {
            let user = self.ask("Username:").await?;
            let password = self.ask("Password:").await?;
            format!("{user} {password}")
        };
        let right = given == format!("{user} {password}");
        self.say(if right { "235 2.7.0 welcome" } else { "535 5.7.8 wrong name or password" });
        Ok(Go::On)
    }

    async fn ask(&mut self, question: &str) -> io::Result<String> {
        self.say(&format!("334 {}", BASE64_STANDARD.encode(question)));
        let answer = self.line().await?.unwrap_or_default();
        let answer = BASE64_STANDARD.decode(answer).unwrap_or_default();
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    fn mail(&mut self, line: &str) {
        let sender = path(line);
        if self.sender.is_some() {
            self.violation("MAIL within a transaction".to_owned());
            return self.say("503 5.5.1 nested MAIL");
        }
        let may_be_utf8 = self.options.utf8 && line.ends_with(" SMTPUTF8");
        if !may_be_utf8 && !line.is_ascii() {
            self.violation("an address that is not ASCII".to_owned());
        }
        match name(&sender) {
            "reject-mail" => self.say("550 5.7.1 not from you"),
            "defer-mail" => self.say("451 4.3.0 later"),
            kind => {
                self.say(if kind == "lax" { "550 5.7.1 not from you" } else { "250 2.1.0 ok" });
                self.sender = Some(sender);
            }
        }
    }

    fn rcpt(&mut self, line: &str) -> Go {
        if self.sender.is_none() {
            self.say("503 5.5.1 MAIL first");
            return Go::On;
        }
        let recipient = path(line);
        match name(&recipient) {
            "reject-rcpt" => self.say("550 5.1.1 no such user"),
            "policy" => self.say("550-5.7.1 we do not like\r\n550 5.7.1 your network"),
            "full" => self.say("552 5.2.2 mailbox full"),
            "defer-rcpt" => self.say("450 4.2.0 greylisted"),
            "echo" => {
                self.say(&format!("550 5.1.1 <{recipient}>: no {} here, ask postmaster@example.org", "echo"))
            }
            "eager" => {
                self.eager = true;
                self.say("550 5.1.1 no such user");
            }
            "421" => {
                self.say("421 4.3.2 going down");
                return Go::Close;
            }
            "endless" => {
                self.replies.resize(100_000, b'2');
                return Go::Hang;
            }
            "hang-rcpt" => return Go::Hang,
            "drop-rcpt" => return Go::Close,
            _ => {
                self.recipient = Some(recipient);
                self.say("250 2.1.5 ok");
            }
        }
        Go::On
    }

    async fn data(&mut self) -> io::Result<Go> {
        let Some(recipient) = self.recipient.clone() else {
            if self.eager {
                self.say("354 go ahead");
                self.message().await?;
                self.say("554 5.5.1 no valid recipients");
                (self.sender, self.eager) = (None, false);
            } else {
                self.say("503 5.5.1 RCPT first");
            }
            return Ok(Go::On);
        };
        if name(&recipient) == "defer-data" {
            self.say("451 4.3.0 no room");
            return Ok(Go::On);
        }
        self.say("354 go ahead");
        if ["drop-before-dot", "reject-body"].contains(&name(&recipient)) {
            self.flush().await?;
            self.fill().await?;
            if name(&recipient) == "reject-body" {
                self.say("552 5.3.4 too big");
                self.flush().await?;
                // Not closed: the reset of the connection could eat the reply.
                pending::<()>().await;
            }
            return Ok(Go::Close);
        }
        let Some(message) = self.message().await? else { return Ok(Go::Close) };
        let sender = self.sender.take().unwrap_or_default();
        self.recipient = None;
        match name(&recipient) {
            "reject-dot" => self.say("554 5.6.0 not this"),
            "defer-dot" => self.say("451 4.7.1 not now"),
            "421-dot" => {
                self.say("421 4.3.2 going down");
                return Ok(Go::Close);
            }
            "drop-at-dot" => return Ok(Go::Close),
            kind => {
                let pipelined = !self.input.is_empty();
                let slow = kind == "slow";
                let hang = kind == "hang-after-dot";
                let drop = kind == "drop-after-dot";
                let latin1 = kind == "latin1";
                self.log.lock().unwrap().taken.push(Taken { sender, recipient, message, pipelined });
                if hang || drop {
                    return Ok(if hang { Go::Hang } else { Go::Close });
                }
                if slow {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                self.replies.extend_from_slice(if latin1 {
                    b"250 2.0.0 re\xe7u\r\n"
                } else {
                    b"250 2.0.0 taken\r\n"
                });
            }
        }
        Ok(Go::On)
    }

    /// Reads up to CRLF.CRLF, and nothing else is an end; undoes the doubled dots.
    async fn message(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut message = Vec::new();
        loop {
            let Some(line) = self.raw_line().await? else { return Ok(None) };
            if line == b".\r\n" {
                return Ok(Some(message));
            }
            let content = &line[..line.len() - 2];
            if content.contains(&b'\r') || content.contains(&b'\n') {
                self.violation("a bare CR or LF".to_owned());
            }
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }

    async fn line(&mut self) -> io::Result<Option<String>> {
        let line = self.raw_line().await?;
        Ok(line.map(|line| String::from_utf8_lossy(&line).trim_end().to_owned()))
    }

    async fn raw_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.input[searched..].windows(2).position(|two| two == b"\r\n") {
                return Ok(Some(self.input.drain(..searched + at + 2).collect()));
            }
            searched = self.input.len().saturating_sub(1);
            self.flush().await?;
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    async fn fill(&mut self) -> io::Result<bool> {
        Ok(self.stream.read_buf(&mut self.input).await? > 0)
    }

    // Replies wait until the input is used up, as in any server that pipelines.
    async fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.replies).await?;
        self.replies.clear();
        self.stream.flush().await
    }

    fn say(&mut self, line: &str) {
        self.replies.extend_from_slice(line.as_bytes());
        self.replies.extend_from_slice(b"\r\n");
    }

    fn violation(&self, what: String) {
        self.log.lock().unwrap().violations.push(what);
    }
}

fn path(line: &str) -> String {
    let start = line.find('<').map_or(line.len(), |at| at + 1);
    let end = line.find('>').unwrap_or(line.len()).max(start);
    line[start..end].to_owned()
}

fn name(address: &str) -> &str {
    address.split(['.', '+', '@']).next().unwrap_or("")
}
