//! Serve: publishing, delivering and the pages in one process.

use chrono::TimeDelta;
use clap::ValueEnum;
use tracing::info;

use crate::clock::Clock;
use crate::command::Ended;
use crate::installation::Installation;
use crate::serve::{self, Options, Parts};

/// Options of `serve`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where to listen instead of where the config says, such as `127.0.0.1:8080`.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Only one part, when the others run elsewhere.
    #[arg(long)]
    pub only: Option<Part>,
}

/// One part of the service.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Part {
    /// Reads, plans, writes the documents.
    Publish,
    /// Sends.
    Deliver,
    /// Serves the pages.
    Web,
}

pub async fn run(installation: &Installation, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    let none = Parts { publish: false, deliver: false, web: false };
    let parts = match arguments.only {
        None => Parts::ALL,
        Some(Part::Publish) => Parts { publish: true, ..none },
        Some(Part::Deliver) => Parts { deliver: true, ..none },
        Some(Part::Web) => Parts { web: true, ..none },
    };
    run_parts(installation, parts, arguments.listen.clone(), clock).await
}

/// Runs parts of the service until a signal.
pub async fn run_parts(
    installation: &Installation,
    parts: Parts,
    listen: Option<String>,
    clock: &Clock,
) -> anyhow::Result<Ended> {
    let stop_signal = serve::stop_signal()?;
    let running = serve::start(installation, options(parts, listen, clock)).await?;
    if let Some(address) = running.address {
        info!("The pages are at http://{address}/");
    }
    if let Some(address) = running.metrics {
        info!("The metrics are at http://{address}/metrics");
    }
    stop_signal.await;
    running.stop().await;
    Ok(Ended::Well)
}

/// How a service runs for the commands.
pub fn options(parts: Parts, listen: Option<String>, clock: &Clock) -> Options {
    Options { parts, listen, clock: clock.clone(), poll: TimeDelta::seconds(2) }
}
