//! Open: the way from a relay's name to the first reply that can be trusted.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::response::Response;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::channel::smtp::answer::Heard;
use crate::channel::smtp::heard;
use crate::channel::smtp::relay::{Relay, Security, Trust};
use crate::channel::smtp::wire::{Socket, Wire, describe};

// A greeting or a reply to EHLO is some hundred bytes.
const MAX_REPLY_BYTES: usize = 16 * 1024;

/// What the reply to EHLO offers, as far as we use it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Offers {
    /// RFC 2920.
    pub(crate) pipelining: bool,
    /// RFC 6531.
    pub(crate) utf8: bool,
    /// RFC 3207.
    pub(crate) starttls: bool,
    /// RFC 1870: the largest message in octets, if there is a limit.
    pub(crate) max_size: Option<u64>,
}

/// A connection on which MAIL may be said.
pub(crate) struct Opened {
    pub(crate) reader: AsyncSmtpConnection,
    pub(crate) wire: Wire,
    pub(crate) offers: Offers,
    // Of the relay itself, in DER.
    pub(crate) certificate: Option<Vec<u8>>,
}

/// Connects, secures, greets, authenticates.
pub(crate) async fn open(relay: &Relay) -> Result<Opened, Heard> {
    let stream = connect(relay).await?;
    let is_private = is_private(&stream, &relay.security);
    let socket = secure(relay, stream).await?;
    let certificate = socket.certificate();
    let wire = Wire::new(socket);
    let hello = AsyncSmtpConnection::connect_with_transport(Box::new(wire.clone()), &relay.hello_name);
    let mut reader = within(relay.deadlines.ehlo, "EHLO", hello).await?.map_err(heard)?;
    let offers = Offers::read(&String::from_utf8_lossy(&wire.take_transcript()));
    if relay.credentials.is_some() && !is_private {
        return Err(Heard::Lost("credentials are not sent in plaintext to another machine".to_owned()));
    }
    authenticate(relay, &wire, &mut reader).await?;
    Ok(Opened { reader, wire, offers, certificate })
}

impl Offers {
    // The first line is the relay's name. Keywords know no case (RFC 5321 §2.4).
    fn read(reply: &str) -> Self {
        let mut offers = Self::default();
        for line in reply.lines().skip(1) {
            let mut words = line.get(4..).unwrap_or_default().split_ascii_whitespace();
            match words.next().unwrap_or_default().to_ascii_uppercase().as_str() {
                "PIPELINING" => offers.pipelining = true,
                "SMTPUTF8" => offers.utf8 = true,
                "STARTTLS" => offers.starttls = true,
                // RFC 1870 §4: zero is no fixed limit.
                "SIZE" => {
                    offers.max_size = words.next().and_then(|size| size.parse().ok()).filter(|size| *size > 0)
                }
                _ => {}
            }
        }
        offers
    }
}

async fn connect(relay: &Relay) -> Result<TcpStream, Heard> {
    let limit = relay.deadlines.connect;
    let lookup = within(limit, "the name lookup", lookup_host((relay.host.as_str(), relay.port))).await?;
    let addresses = lookup.map_err(|_| Heard::Lost("the relay's name was not found".to_owned()))?;
    let mut last = Heard::Lost("the relay's name has no address".to_owned());
    for address in addresses {
        match connect_to(address, limit).await {
            Ok(stream) => return Ok(stream),
            Err(err) => last = err,
        }
    }
    Err(last)
}

async fn connect_to(address: SocketAddr, limit: Duration) -> Result<TcpStream, Heard> {
    let stream = within(limit, "the connection", TcpStream::connect(address)).await?;
    let refused = |err: io::Error| Heard::Lost(format!("the relay could not be reached ({})", err.kind()));
    let stream = stream.map_err(refused)?;
    // Else every small write waits 40 ms for the acknowledgement of the one before.
    stream.set_nodelay(true).map_err(refused)?;
    Ok(stream)
}

fn is_private(stream: &TcpStream, security: &Security) -> bool {
    match security {
        Security::None => stream.peer_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback()),
        Security::StartTls(_) | Security::Tls(_) => true,
    }
}

async fn secure(relay: &Relay, mut stream: TcpStream) -> Result<Socket, Heard> {
    match &relay.security {
        Security::None => {
            greeting(relay, &mut stream).await?;
            Ok(Socket::Plain(stream))
        }
        Security::StartTls(trust) => {
            greeting(relay, &mut stream).await?;
            start_tls(relay, &mut stream).await?;
            handshake(relay, trust, stream).await
        }
        Security::Tls(trust) => {
            let mut socket = handshake(relay, trust, stream).await?;
            greeting(relay, &mut socket).await?;
            Ok(socket)
        }
    }
}

async fn greeting(relay: &Relay, stream: &mut (impl AsyncRead + Unpin)) -> Result<(), Heard> {
    reply(stream, relay.deadlines.greeting, "the greeting").await.map(|_| ())
}

async fn start_tls(relay: &Relay, stream: &mut TcpStream) -> Result<(), Heard> {
    let hello = format!("EHLO {}\r\n", relay.hello_name);
    let offered = command(relay, stream, &hello, "EHLO").await?;
    if !Offers::read(&offered).starttls {
        return Err(Heard::Lost("the relay does not offer STARTTLS, which is required".to_owned()));
    }
    command(relay, stream, "STARTTLS\r\n", "STARTTLS").await.map(|_| ())
}

async fn handshake(relay: &Relay, trust: &Trust, stream: TcpStream) -> Result<Socket, Heard> {
    let connector = TlsConnector::from(trust.0.clone());
    let shaking = connector.connect(relay.name.clone(), stream);
    let shaken = within(relay.deadlines.handshake, "the TLS handshake", shaking).await?;
    let stream = shaken.map_err(|err| Heard::Lost(format!("the TLS handshake failed: {err}")))?;
    Ok(Socket::Tls(Box::new(stream)))
}

async fn authenticate(relay: &Relay, wire: &Wire, reader: &mut AsyncSmtpConnection) -> Result<(), Heard> {
    let Some(credentials) = &relay.credentials else { return Ok(()) };
    let mechanisms = [Mechanism::Plain, Mechanism::Login];
    if reader.server_info().get_auth_mechanism(&mechanisms).is_none() {
        return Err(Heard::Lost("the relay offers neither AUTH PLAIN nor AUTH LOGIN".to_owned()));
    }
    wire.allow_reply();
    let auth = within(relay.deadlines.ehlo, "AUTH", reader.auth(&mechanisms, credentials)).await?;
    auth.map(|_| ()).map_err(heard)
}

async fn command<S>(relay: &Relay, stream: &mut S, text: &str, stage: &str) -> Result<String, Heard>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let written = within(relay.deadlines.ehlo, stage, stream.write_all(text.as_bytes())).await?;
    written.map_err(|err| Heard::Lost(describe(&err)))?;
    reply(stream, relay.deadlines.ehlo, stage).await
}

// Nothing is kept past the end of the reply, and nothing may stand there: what comes before the handshake
// could be anybody's, and must not be taken for an answer after it (response injection).
async fn reply(stream: &mut (impl AsyncRead + Unpin), limit: Duration, stage: &str) -> Result<String, Heard> {
    let mut bytes = Vec::with_capacity(512);
    within(limit, stage, read_reply(stream, &mut bytes)).await??;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let response: Response =
        text.parse().map_err(|_| Heard::Lost(format!("{stage} was not answered in SMTP")))?;
    if response.is_positive() {
        return Ok(text);
    }
    Err(Heard::Reply(u16::from(response.code()), response.message().collect::<Vec<_>>().join(" ")))
}

async fn read_reply(stream: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> Result<(), Heard> {
    while bytes.len() < MAX_REPLY_BYTES {
        let count = stream.read_buf(bytes).await.map_err(|err| Heard::Lost(describe(&err)))?;
        if count == 0 {
            return Err(Heard::Lost("the relay closed the connection".to_owned()));
        }
        match reply_end(bytes) {
            Some(end) if end == bytes.len() => return Ok(()),
            Some(_) => return Err(Heard::Lost("the relay spoke out of turn".to_owned())),
            None => {}
        }
    }
    Err(Heard::Lost("the relay's reply has no end".to_owned()))
}

// The last line of a reply is the first without a hyphen after its code (RFC 5321 §4.2.1).
fn reply_end(bytes: &[u8]) -> Option<usize> {
    let mut start = 0;
    loop {
        let end = start + memchr::memmem::find(&bytes[start..], b"\r\n")? + 2;
        if bytes.get(start + 3) != Some(&b'-') {
            return Some(end);
        }
        start = end;
    }
}

async fn within<T>(limit: Duration, stage: &str, work: impl Future<Output = T>) -> Result<T, Heard> {
    timeout(limit, work).await.map_err(|_| Heard::Lost(format!("{stage} took longer than {limit:?}")))
}
