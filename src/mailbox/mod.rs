//! Mailbox: a listener for what comes back by mail, in LMTP (RFC 2033) or SMTP (RFC 5321).
//!
//! An MTA on this machine hands bounces, complaints and wishes to leave to it. It relays nothing and takes mail for
//! our own addresses alone; a message is answered with 250 when what it says is durable. No address is logged.

pub mod dialogue; // what is heard and answered
pub mod intake; // what a message says, written down

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

use crate::clock::Clock;
use crate::config::{Listen, Protocol};
use crate::mailbox::dialogue::{BUSY, Dialogue, GREETING, Step, TOO_SLOW};
use crate::mailbox::intake::Intake;
use crate::returned::address::To;

/// How much a listener bears.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// How long it waits for the next bytes, and for its own to be read.
    pub stage: Duration,
    /// How long a connection may last.
    pub whole: Duration,
}

impl Limits {
    /// Five minutes for a stage (RFC 5321 §4.5.3.2.7), half an hour for all of them; an MTA that keeps a connection
    /// open opens another.
    pub const USUAL: Self =
        Self { connections: 50, stage: Duration::from_mins(5), whole: Duration::from_mins(30) };
}

const READ_BYTES: usize = 16 * 1024;

// After an error of the system, such as no free file, which would come again at once.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// Listens until `stop`; answers where.
pub async fn start(
    intake: Intake,
    listen: &Listen,
    limits: Limits,
    clock: Clock,
    stop: CancellationToken,
    tasks: &TaskTracker,
) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(&listen.address)
        .await
        .with_context(|| format!("listen for mail on {}", listen.address))?;
    let address = listener.local_addr().context("listen for mail")?;
    let protocol = listen.protocol;
    let (intake, accepted) = (Arc::new(intake), tasks.clone());
    tasks.spawn(async move {
        let room = Arc::new(Semaphore::new(limits.connections));
        loop {
            let stream = tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(err) => {
                        warn!(error = %err, "A connection to the mailbox could not be taken.");
                        tokio::time::sleep(AFTER_ERROR).await;
                        continue;
                    }
                },
                () = stop.cancelled() => return,
            };
            let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
                // Whether they hear it is theirs; nobody waits for them.
                let _ = stream.try_write(BUSY.as_bytes());
                continue;
            };
            let (intake, clock, stop) = (Arc::clone(&intake), clock.clone(), stop.clone());
            accepted.spawn(async move {
                let talk = talk(stream, protocol, &intake, &clock, limits);
                // Who is in the middle of a message comes again: it was not answered.
                tokio::select! {
                    // A broken connection is the other side's to mend.
                    _ = talk => {}
                    () = stop.cancelled() => {}
                }
                drop(place);
            });
        }
    });
    Ok(address)
}

async fn talk(
    mut stream: TcpStream,
    protocol: Protocol,
    intake: &Intake,
    clock: &Clock,
    limits: Limits,
) -> std::io::Result<()> {
    let until = Instant::now() + limits.whole;
    let mut dialogue = Dialogue::new(protocol);
    let mut buffer = vec![0; READ_BYTES];
    // Answers wait while commands do: a pipeline is answered in one write.
    let mut out = GREETING.to_owned();
    loop {
        match dialogue.step(|address| intake.own.to(address, &intake.key)) {
            Step::Answer(answer) => out.push_str(&answer),
            Step::Take { recipients, message } => {
                let taken = take(intake, &recipients, &message, clock).await;
                out.push_str(&dialogue.answer(&taken));
            }
            Step::Close(answer) => {
                out.push_str(answer);
                send(&mut stream, &out, limits).await?;
                return stream.shutdown().await;
            }
            Step::More => {
                send(&mut stream, &out, limits).await?;
                out.clear();
                let deadline = until.min(Instant::now() + limits.stage);
                match timeout_at(deadline, stream.read(&mut buffer)).await {
                    Ok(read) => match read? {
                        0 => return Ok(()),
                        count => dialogue.hear(&buffer[..count]),
                    },
                    Err(_) => {
                        send(&mut stream, TOO_SLOW, limits).await?;
                        return stream.shutdown().await;
                    }
                }
            }
        }
    }
}

async fn take(intake: &Intake, recipients: &[To], message: &[u8], clock: &Clock) -> Vec<bool> {
    let mut taken = Vec::with_capacity(recipients.len());
    for to in recipients {
        let done = intake.take(Some(to), message, clock.now()).await;
        if let Err(err) = &done {
            error!(
                error = format!("{err:#}"),
                "What came back could not be written down; it will come again."
            );
        }
        taken.push(done.is_ok());
    }
    taken
}

async fn send(stream: &mut TcpStream, text: &str, limits: Limits) -> std::io::Result<()> {
    match timeout(limits.stage, stream.write_all(text.as_bytes())).await {
        Ok(written) => written,
        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
    }
}
