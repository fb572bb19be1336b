//! Play: lets the service live through an act, and foretells what it will do.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use chrono::{DateTime, NaiveDateTime, Utc};

use crate::clock::Clock;
use crate::command::demo::receiver::Seen;
use crate::command::demo::stage::{Stage, TARGET};
use crate::command::demo::timeline::Timeline;
use crate::ledger::Ledger;
use crate::notice::NoticeId;
use crate::plan::{self, Drafts, Entry, History, Step};
use crate::schedule::zone::Zone;
use crate::serve::{self, Options, Parts, Running};

/// A stretch of time that is played in one run of the service.
pub struct Act {
    /// From then on, on the site's clock.
    pub begins: &'static str,
    /// Until then.
    pub ends: &'static str,
    /// Days of it that go by in a second while nothing is due.
    pub days_per_second: u32,
    /// What somebody does to the files in it, in order.
    pub scenes: &'static [Scene],
}

/// An edit by a person.
pub struct Scene {
    /// When, on the site's clock.
    pub at: &'static str,
    /// The notice's id.
    pub notice: &'static str,
    /// Each first text becomes the second.
    pub changes: &'static [(&'static str, &'static str)],
}

/// The one who plays.
pub struct Player<'a> {
    /// Where.
    pub stage: &'a Stage,
    /// Where the site is served.
    pub site: SocketAddr,
    /// What the target saw.
    pub seen: &'a Seen,
    /// Tells it.
    pub timeline: Timeline,
    /// The editions that the plan foretold.
    pub foretold: BTreeSet<String>,
}

const SECONDS_A_DAY: u32 = 86_400;

// The folder is looked at so often by the machine's clock, whatever the pace.
const LOOK: Duration = Duration::from_millis(50);

// A machine that does nothing for so long has another trouble than load.
const PATIENCE: Duration = Duration::from_secs(60);

impl Player<'_> {
    /// Plays an act to its end and answers the service, which still runs. Between two things that are due the
    /// clock goes fast; at each it slows to the machine's pace until all of it has gone out, so that a reminder
    /// two hours before the start has two hours even on a machine that is busy with something else.
    pub async fn play(&mut self, act: &Act, days_per_second: u32) -> anyhow::Result<Running> {
        let zone = self.stage.installation.config.site.zone.clone();
        let (begins, ends) = (instant(&zone, act.begins)?, instant(&zone, act.ends)?);
        let clock = Clock::fast(begins, days_per_second.saturating_mul(SECONDS_A_DAY));
        clock.slow_from(begins);
        self.seen.follow(&clock);
        let options = Options {
            parts: Parts::ALL,
            listen: Some(self.site.to_string()),
            clock: clock.clone(),
            poll: clock.scaled(LOOK),
        };
        let running = self.begin(options, begins).await?;
        let mut scenes = Vec::new();
        for scene in act.scenes {
            scenes.push((instant(&zone, scene.at)?, scene));
        }
        let mut scenes = scenes.into_iter().peekable();
        loop {
            let history = self.history(&running.ledger).await?;
            self.tell(&running.ledger, &history).await?;
            let drafts = self.drafts()?;
            let due = [
                plan::next_due(&self.stage.installation.config, &drafts, &history),
                running.ledger.next_delivery_at().await?,
                scenes.peek().map(|(at, _)| *at),
            ];
            let Some(next) = due.into_iter().flatten().min().filter(|at| *at < ends) else { break };
            let looks_at = history.planned_until;
            let planned = plan::plan(&self.stage.installation.config, &drafts, history, looks_at, next);
            self.foretell(&planned);
            clock.slow_from(next);
            // At least to the next moment; what is already due has no moment to wait for.
            tokio::time::sleep(clock.until(next)).await;
            until("the clock", async || Ok(clock.now() >= next)).await?;
            settle(&running.ledger, &clock, planned.iter().map(|entry| entry.at).max()).await?;
            if let Some((_, scene)) = scenes.next_if(|(at, _)| *at <= next) {
                self.stage_scene(&running.ledger, &clock, scene).await?;
            }
        }
        clock.slow_from(ends);
        tokio::time::sleep(clock.until(ends)).await;
        Ok(running)
    }

    // Starts the service and waits for its first look; after an outage that look decides what is too late.
    async fn begin(&mut self, options: Options, begins: DateTime<Utc>) -> anyhow::Result<Running> {
        let config = &self.stage.installation.config;
        let ledger = self.stage.installation.ledger().await?;
        let before = self.read_history(&ledger).await?;
        ledger.close().await;
        if let Some(history) = &before {
            let entries = plan::due(config, &self.drafts()?, history, begins);
            self.foretell(&entries);
        }
        let clock = options.clock.clone();
        let running = serve::start(&self.stage.installation, options).await?;
        let ledger = &running.ledger;
        until("the service's first look", async || {
            Ok(ledger.history(|_, _| None).await?.is_some_and(|history| history.planned_until >= begins))
        })
        .await?;
        settle(ledger, &clock, None).await?;
        if before.is_some() {
            let missed = ledger.tallies(Some("missed"), u32::MAX).await?.len();
            self.timeline.back(begins, missed)?;
        }
        Ok(running)
    }

    async fn stage_scene(&mut self, ledger: &Ledger, clock: &Clock, scene: &Scene) -> anyhow::Result<()> {
        // What the file's change will do is asked before the service can have seen it.
        let history = self.history(ledger).await?;
        let text = self.stage.rewrite(scene.notice, scene.changes)?;
        let drafts = self.drafts()?;
        let entries = plan::due(&self.stage.installation.config, &drafts, &history, clock.now());
        self.foretell(&entries);
        let notice = NoticeId::parse(scene.notice).context("a scene names no notice")?;
        until("the changed file", async || {
            let draft = |path: &str, source: &str| self.stage.installation.draft(path, source);
            let revision = ledger.revision(&notice, draft).await?;
            Ok(revision.is_some_and(|revision| *revision.draft.source == *text))
        })
        .await?;
        settle(ledger, clock, None).await
    }

    /// Tells what is new in the ledger.
    pub async fn tell(&mut self, ledger: &Ledger, history: &History) -> anyhow::Result<()> {
        self.timeline.tell(&self.stage.installation.config, ledger, history, self.seen).await
    }

    async fn history(&self, ledger: &Ledger) -> anyhow::Result<History> {
        self.read_history(ledger).await?.context("the ledger has not begun")
    }

    async fn read_history(&self, ledger: &Ledger) -> anyhow::Result<Option<History>> {
        ledger.history(|path, source| self.stage.installation.draft(path, source)).await
    }

    fn drafts(&self) -> anyhow::Result<Drafts> {
        let reading = self.stage.installation.folder().read_once()?;
        if let Some(report) = reading.reports.iter().find(|report| report.has_errors()) {
            bail!("a notice of the demo has errors: {report}");
        }
        Ok(reading.drafts)
    }

    fn foretell(&mut self, entries: &[Entry]) {
        for entry in entries {
            match &entry.step {
                Step::Send(edition) => {
                    self.foretold.insert(edition.id.to_string());
                }
                Step::Revise(_) | Step::Open { .. } | Step::Skip(_) | Step::Miss(_) => {}
            }
        }
    }
}

// Until everything due by then is planned, and everything planned and due has gone out.
async fn settle(ledger: &Ledger, clock: &Clock, planned: Option<DateTime<Utc>>) -> anyhow::Result<()> {
    if let Some(last) = planned {
        until("the plan", async || {
            Ok(ledger.history(|_, _| None).await?.is_some_and(|history| history.planned_until >= last))
        })
        .await?;
    }
    until("the deliveries", async || Ok(!ledger.waits(&[TARGET], clock.now()).await?)).await
}

/// Asks again and again until the answer is yes; an error when it does not come within a minute.
pub async fn until(what: &str, ask: impl AsyncFn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let asked_at = Instant::now();
    while !ask().await? {
        if asked_at.elapsed() > PATIENCE {
            bail!("waiting for {what} took more than {} seconds", PATIENCE.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

fn instant(zone: &Zone, wall: &str) -> anyhow::Result<DateTime<Utc>> {
    let wall = NaiveDateTime::parse_from_str(wall, "%Y-%m-%d %H:%M").context("read a time of the demo")?;
    Ok(zone.to_instant(wall).0)
}
