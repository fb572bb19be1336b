//! Hold: all sending stops, and goes on.

use crate::clock::Clock;
use crate::command::Ended;
use crate::command::terminal::say;
use crate::installation::Installation;

pub async fn pause(installation: &Installation, clock: &Clock) -> anyhow::Result<Ended> {
    installation.ledger().await?.hold(clock.now()).await?;
    say("Nothing is sent until `handbill resume`; the pages stay.")?;
    Ok(Ended::Well)
}

pub async fn resume(installation: &Installation, clock: &Clock) -> anyhow::Result<Ended> {
    let ledger = installation.ledger().await?;
    ledger.resume(clock.now()).await?;
    let targets = ledger.enable_all().await?;
    say("Sending goes on.")?;
    if targets > 0 {
        say(format_args!("{targets} disabled targets are tried again."))?;
    }
    Ok(Ended::Well)
}
