//! Wire: the byte stream under an SMTP connection, shared by lettre's reader and our writer.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

// The greeting was read before lettre came in, and lettre begins with a greeting.
const GREETING_FOR_LETTRE: &[u8] = b"220 ready\r\n";

// More than any reply; a line without an end must not fill the memory. lettre limits lines that do end.
const MAX_REPLY_BYTES: usize = 64 * 1024;

// How much one write may lose track of under TLS, see `Broken::gone`.
const PIECE_BYTES: usize = 256 * 1024;

/// A handle to the stream; its clones are the same stream.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Mutex<Shared>>);

/// What the bytes go through.
pub(crate) enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A write that did not end well.
pub(crate) struct Broken {
    /// How many bytes may have gone out, at most. Exact on TCP; under TLS the piece that failed counts
    /// whole, as some of its records may be on their way.
    pub(crate) gone: usize,
    /// Why, in a clause.
    pub(crate) why: String,
}

struct Shared {
    socket: Socket,
    greeting: &'static [u8],
    // What was read, while the reply to EHLO comes: lettre keeps neither PIPELINING nor SIZE.
    transcript: Option<Vec<u8>>,
    allowance: usize,
}

impl Socket {
    /// The other side's certificate in DER.
    pub(crate) fn certificate(&self) -> Option<Vec<u8>> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => Some(stream.get_ref().1.peer_certificates()?.first()?.to_vec()),
        }
    }
}

impl Wire {
    /// The wire over a socket whose greeting has been read.
    pub(crate) fn new(socket: Socket) -> Self {
        Self(Arc::new(Mutex::new(Shared {
            socket,
            greeting: GREETING_FOR_LETTRE,
            transcript: Some(Vec::new()),
            allowance: MAX_REPLY_BYTES,
        })))
    }

    /// What was read so far; afterwards nothing is kept.
    pub(crate) fn take_transcript(&self) -> Vec<u8> {
        self.lock().transcript.take().unwrap_or_default()
    }

    /// Lets one more reply of full length in.
    pub(crate) fn allow_reply(&self) {
        self.lock().allowance = MAX_REPLY_BYTES;
    }

    /// Writes all of it; each piece that the network takes has `limit` anew.
    pub(crate) async fn write_all(&self, bytes: &[u8], limit: Duration) -> Result<(), Broken> {
        let mut gone = 0;
        while gone < bytes.len() {
            let piece = &bytes[gone..bytes.len().min(gone + PIECE_BYTES)];
            let write = poll_fn(|cx| Pin::new(&mut self.lock().socket).poll_write(cx, piece));
            let why = match timeout(limit, write).await {
                Ok(Ok(0)) => "the relay closed the connection".to_owned(),
                Ok(Ok(count)) => {
                    gone += count;
                    continue;
                }
                Ok(Err(err)) => describe(&err),
                Err(_) => format!("the relay took nothing for {limit:?}"),
            };
            let doubtful = if self.lock().socket.is_tls() { piece.len() } else { 0 };
            return Err(Broken { gone: gone + doubtful, why });
        }
        let flush = poll_fn(|cx| Pin::new(&mut self.lock().socket).poll_flush(cx));
        match timeout(limit, flush).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(err)) => Err(Broken { gone, why: describe(&err) }),
            Err(_) => Err(Broken { gone, why: format!("the relay took nothing for {limit:?}") }),
        }
    }

    // A panic elsewhere while the lock is held cannot leave the socket half changed.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error in a clause without addresses.
pub(crate) fn describe(err: &io::Error) -> String {
    format!("the connection was lost ({})", err.kind())
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut shared = self.lock();
        if !shared.greeting.is_empty() {
            let (now, later) = shared.greeting.split_at(shared.greeting.len().min(buf.remaining()));
            buf.put_slice(now);
            shared.greeting = later;
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut shared.socket).poll_read(cx, buf))?;
        let fresh = &mut buf.filled_mut()[before..];
        // lettre takes bytes that are not UTF-8 for a broken connection; to us a `250` in Latin-1 is a yes.
        fresh.iter_mut().filter(|byte| !byte.is_ascii()).for_each(|byte| *byte = b'?');
        let Some(allowance) = shared.allowance.checked_sub(fresh.len()) else {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "a reply without an end")));
        };
        shared.allowance = allowance;
        if let Some(transcript) = &mut shared.transcript {
            transcript.extend_from_slice(fresh);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.lock().socket).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lock().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lock().socket).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.lock().socket {
            Socket::Plain(stream) => stream.peer_addr(),
            Socket::Tls(stream) => stream.get_ref().0.peer_addr(),
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Socket {
    fn is_tls(&self) -> bool {
        match self {
            Socket::Plain(_) => false,
            Socket::Tls(_) => true,
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Socket::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Socket::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Socket::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Socket::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
