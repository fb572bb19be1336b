//! Bounce: takes one mail that came back, from an MTA's pipe.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context;

use crate::clock::Clock;
use crate::command::Ended;
use crate::installation::Installation;
use crate::mailbox::intake::Intake;
use crate::returned::MAX_BYTES;
use crate::returned::address::Own;

/// Options of `bounce`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The address that it came to; without it what stands in the mail says whose it is.
    #[arg(long, value_name = "ADDRESS")]
    pub to: Option<String>,
}

/// The exit that makes an MTA bring a mail again: EX_TEMPFAIL of sysexits.
pub const COME_AGAIN: u8 = 75;

pub async fn run(root: &Path, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    let message = read()?;
    let installation = Installation::open(root)?;
    let (key, ledger) = (installation.key()?, installation.ledger().await?);
    let intake = Intake { ledger, key, own: Own::new(&installation.config) };
    // What is not ours, or is not understood, is taken and dropped: to send it back would make it bounce again.
    let to = arguments.to.as_ref().and_then(|to| intake.own.to(to, &intake.key));
    intake.take(to.as_ref(), &message, clock.now()).await?;
    intake.ledger.close().await;
    Ok(Ended::Well)
}

// All is read, so that the MTA does not write into a closed pipe; only the beginning is kept.
fn read() -> anyhow::Result<Vec<u8>> {
    let mut input = std::io::stdin().lock();
    let mut message = Vec::new();
    input.by_ref().take(MAX_BYTES as u64).read_to_end(&mut message).context("read the mail")?;
    std::io::copy(&mut input, &mut std::io::sink()).context("read the mail")?;
    Ok(message)
}
