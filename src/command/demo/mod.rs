//! Demo: two seasons of the example collective, played in a minute or two.
//!
//! The service itself runs here, with a clock of its own, an outbox for the mails and a receiver for the posts.
//! Nothing has to be installed, and nothing leaves this machine.

mod mails; // the outbox, read as its readers' programs do
mod page; // the outbox for a browser
mod play; // the service through an act
mod receiver; // a target inside the demo
mod stage; // a temporary installation
mod summary; // what was planned, sent and recorded
mod timeline; // a line for everything that happens

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::pin::pin;

use anyhow::{Context, bail};
use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::command::demo::page::Page;
use crate::command::demo::play::{Act, Player, Scene, until};
use crate::command::demo::receiver::{Receiver, Seen};
use crate::command::demo::stage::Stage;
use crate::command::demo::summary::Counts;
use crate::command::demo::timeline::Timeline;
use crate::command::terminal::say;
use crate::command::{Ended, browser};
use crate::edition::Audience;
use crate::ledger::Ledger;
use crate::serve::{self, Running};

/// Options of `demo`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Do not open the browser.
    #[arg(long)]
    pub no_open: bool,
    /// Play as fast as this machine can, and end when it is over.
    #[arg(long)]
    pub until_done: bool,
    /// Where to show the outbox; a free port of this machine when not said.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
}

// The days in a second are for watching: a day of the busy July can be read, weeks of 2020 go by.
const ACTS: [Act; 2] = [
    Act {
        begins: "2018-07-01 00:00",
        ends: "2018-07-31 00:00",
        days_per_second: 1,
        scenes: &[
            Scene {
                at: "2018-07-13 19:00",
                notice: "2018-07-14-know-your-rights-training",
                changes: &[
                    (
                        "status = \"scheduled\"",
                        "status = \"moved\"\nstatus_note = \"A pipe burst in the library; the hour stays the same.\"",
                    ),
                    ("Lantern Street Library", "Juniper Lane Workshop"),
                    ("40 Lantern Street", "3 Juniper Lane"),
                    ("Reading room on the second floor", "The long table on the ground floor"),
                    ("Elevator beside the entrance", "One step, with a ramp"),
                ],
            },
            Scene {
                at: "2018-07-16 10:00",
                notice: "2018-07-17-vigil-foley-square",
                changes: &[
                    (
                        "status = \"scheduled\"",
                        "status = \"cancelled\"\nstatus_note = \"Heavy rain is forecast for the whole evening.\"",
                    ),
                    ("Tuesday at 20:00: an hour of quiet with candles", "Cancelled: the hour of quiet"),
                    ("we stand together at Foley Square", "we had wanted to stand together at Foley Square"),
                ],
            },
        ],
    },
    Act { begins: "2020-02-01 00:00", ends: "2020-04-19 00:00", days_per_second: 2, scenes: &[] },
];

// Days in a second when nobody watches: what takes time then is what is due.
const UNWATCHED: u32 = 60;

pub async fn run(arguments: &Arguments) -> anyhow::Result<Ended> {
    let receiver = Receiver::bind().await?;
    let site = free_address().await?;
    let stage = Stage::lay(site, receiver.address)?;
    let seen = receiver.serve(stage.secrets.clone(), Clock::wall());
    let page = Page::serve(&stage.installation, site, seen.clone(), arguments.listen.as_deref()).await?;
    stage.subscribe().await?;
    say(format_args!("The outbox is at http://{}/ and the site at http://{site}/", page.address))?;
    if !arguments.no_open {
        browser::open(&format!("http://{}/", page.address));
    }
    let mut player = Player {
        stage: &stage,
        site,
        seen: &seen,
        timeline: Timeline::new(&stage.installation.config, stage.installation.templates()?),
        foretold: BTreeSet::new(),
    };
    let mut stop_signal = pin!(serve::stop_signal()?);
    let running = tokio::select! {
        played = play(&mut player, arguments.until_done) => played?,
        () = &mut stop_signal => {
            say("Stopped before the end.")?;
            return Ok(Ended::Well);
        }
    };
    page.end();
    let counts = count(&player, &running.ledger).await?;
    say(format_args!("\n{counts}"))?;
    if !arguments.until_done {
        say("The pages stay until Ctrl-C.")?;
        stop_signal.await;
    }
    running.stop().await;
    if !counts.agree() {
        bail!("what was planned, sent and recorded differs");
    }
    Ok(Ended::Well)
}

async fn play(player: &mut Player<'_>, until_done: bool) -> anyhow::Result<Running> {
    let mut running: Option<Running> = None;
    for act in &ACTS {
        if let Some(running) = running.take() {
            player.timeline.outage(player.seen.now())?;
            running.stop().await;
        }
        let days_per_second = if until_done { UNWATCHED } else { act.days_per_second };
        running = Some(player.play(act, days_per_second).await?);
    }
    running.context("the demo has no act")
}

async fn count(player: &Player<'_>, ledger: &Ledger) -> anyhow::Result<Counts> {
    until("the last editions", async || Ok(ledger.tallies(Some("open"), 1).await?.is_empty())).await?;
    let mut counts = Counts { foretold: player.foretold.clone(), ..Counts::default() };
    let number = |count: i64| usize::try_from(count).unwrap_or(0);
    for tally in ledger.tallies(None, u32::MAX).await? {
        match tally.state.as_str() {
            "skipped" => counts.skipped += 1,
            "missed" => counts.missed += 1,
            state => {
                let edition = ledger.edition(tally.number).await?.context("a tally is of no edition")?;
                match edition.audience {
                    Audience::List(_) => {
                        counts.deliveries += number(tally.recipients);
                        counts.sent += number(tally.sent);
                    }
                    Audience::Target(_) => {
                        counts.posts += number(tally.recipients);
                        counts.posts_sent += number(tally.sent);
                    }
                    // Nobody asks for mail in the demo's village.
                    Audience::People => continue,
                }
                counts.complete += usize::from(state == "complete");
                counts.committed.insert(tally.edition);
            }
        }
    }
    count_arrived(player, player.seen, &mut counts)?;
    Ok(counts)
}

// From the other side: the files of the outbox, and what the target says that it got.
fn count_arrived(player: &Player<'_>, seen: &Seen, counts: &mut Counts) -> anyhow::Result<()> {
    let mails = mails::read_all(&player.stage.installation.outbox())?;
    let ids: BTreeSet<&str> = mails.iter().map(|mail| mail.message_id.as_str()).collect();
    counts.files = mails.len();
    counts.message_ids = ids.iter().filter(|id| !id.is_empty()).count();
    [counts.received, counts.verified, counts.copies] = seen.counts();
    Ok(())
}

// The site's links need its port before the service has it; it is free for that moment.
async fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("find a free port")?;
    listener.local_addr().context("find a free port")
}
