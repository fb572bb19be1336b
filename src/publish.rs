//! Publish: loop 1. The folder is read, what is due is planned and committed, the documents are written.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::channel::site::{self, Manifest, Standing, Written};
use crate::clock::Clock;
use crate::folder::{Folder, Reading};
use crate::installation::Installation;
use crate::ledger::publishing::{Committed, Lease};
use crate::ledger::{Dialect, Ledger};
use crate::notice::NoticeId;
use crate::plan::{self, Entry, History, Step};
use crate::render::page::person::Terms;
use crate::render::site::card::Cards;
use crate::render::site::{Catalog, Published, Signing};
use crate::render::templates::Templates;
use crate::revision::Revision;
use crate::signing::chain_text;

/// The one who plans, with what it remembers between two looks.
pub struct Publisher {
    installation: Installation,
    ledger: Ledger,
    templates: Arc<Templates>,
    folder: Folder,
    faulty: usize,
    holder: String,
    // The lock of an embedded ledger; PostgreSQL has the lease alone.
    lock: Option<File>,
    lease: Option<Lease>,
    history: Option<History>,
    // Until when nothing falls due, files and history left as they are; none when that is to be asked.
    idle_until: Option<DateTime<Utc>>,
    // When the ledger's mark was last written by us.
    marked_at: Option<DateTime<Utc>>,
    // When the documents must be looked at again, files left as they are.
    documents_change_at: Option<DateTime<Utc>>,
    known: Option<Known>,
}

/// What one look did.
#[derive(Debug, Default)]
pub struct Looked {
    /// What was committed.
    pub entries: Vec<Entry>,
    /// Deliveries that it made.
    pub deliveries: u64,
    /// What was written; none when no document could have changed.
    pub written: Option<Written>,
    /// Another node publishes.
    pub stands_by: bool,
    /// Why nothing was planned, nor written.
    pub held: Option<Hold>,
}

/// Why a look does nothing until an operator resumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// The clock has run backwards since the last look.
    SetBack,
    /// The clock jumped ahead.
    Jumped,
}

const LEASE: TimeDelta = TimeDelta::seconds(90);

// A clock that is set back by more would plan again what is planned (the ledger's keys catch that) and stamp
// revisions before those they follow.
const MOST_BACKWARDS: TimeDelta = TimeDelta::minutes(5);

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SetBack => "The clock was set back",
            Self::Jumped => "The clock jumped ahead",
        })
    }
}

impl Publisher {
    /// A publisher that has not looked yet. `holder` names this process to the others.
    pub fn new(
        installation: &Installation,
        ledger: &Ledger,
        templates: Arc<Templates>,
        holder: String,
    ) -> Self {
        Self {
            installation: installation.clone(),
            ledger: ledger.clone(),
            templates,
            folder: installation.folder(),
            faulty: 0,
            holder,
            lock: None,
            lease: None,
            history: None,
            idle_until: None,
            marked_at: None,
            documents_change_at: None,
            known: None,
        }
    }

    /// How many files have errors, as of the last look.
    pub fn faulty(&self) -> usize {
        self.faulty
    }

    /// What has been published, as of the last look.
    pub fn revisions(&self) -> Option<&BTreeMap<NoticeId, Revision>> {
        self.history.as_ref().map(|history| &history.revisions)
    }

    /// One look at the folder and the clock: plans, commits and writes what is due by `now`.
    pub async fn look(&mut self, now: DateTime<Utc>) -> anyhow::Result<Looked> {
        let mut looked = Looked::default();
        // Before the lease, which others would wait for until the end of it that a false clock says.
        if self.ledger.jumped_to().await?.is_some() {
            looked.held = Some(Hold::Jumped);
            return Ok(looked);
        }
        let lease = self.take_lease(now).await?;
        if lease != self.lease {
            // What another has planned meanwhile is in the ledger, not here.
            self.history = None;
            self.known = None;
            self.lease = lease;
        }
        let Some(lease) = self.lease.clone() else {
            looked.stands_by = true;
            return Ok(looked);
        };
        let reading = self.folder.read()?;
        // A picture may be another without any notice being so.
        let is_new = reading.is_some();
        if let Some(reading) = reading {
            tell(reading);
            self.idle_until = None;
        }
        let history = self.history(now).await?;
        if history.planned_until - now > MOST_BACKWARDS {
            self.ledger.hold(now).await?;
            looked.held = Some(Hold::SetBack);
            return Ok(looked);
        }
        let config = &self.installation.config;
        let idle_until = self.idle_until.take().filter(|until| now < *until);
        let reading = match idle_until {
            Some(_) => Cow::Borrowed(self.folder.reading()),
            None => self.folder.reading().without_renamed(&history.revisions, now),
        };
        if is_new {
            self.faulty = reading.faulty();
            reading.renamed.iter().flat_map(|report| report.lines()).for_each(|line| warn!("{line}"));
        }
        if idle_until.is_none() {
            looked.entries = plan::due(config, &reading.drafts, &history, now);
        }
        // A mark that moves by itself every few seconds would be a write for nothing.
        let mark_is_old = self.marked_at.is_none_or(|marked| now - marked > TimeDelta::minutes(1));
        if !looked.entries.is_empty() || mark_is_old {
            match self.ledger.commit(&looked.entries, &lease, now).await? {
                Committed::Done { deliveries } => {
                    looked.deliveries = deliveries;
                    self.marked_at = Some(now);
                    self.ledger.raise_epoch().await?;
                }
                Committed::LostLease => {
                    self.lease = None;
                    looked.stands_by = true;
                    return Ok(looked);
                }
            }
        }
        let mut history = history;
        history.apply_all(&looked.entries, now);
        self.idle_until = idle_until.or_else(|| {
            let next = plan::next_due(&self.installation.config, &reading.drafts, &history);
            Some(next.unwrap_or(DateTime::<Utc>::MAX_UTC))
        });
        self.history = Some(history);
        looked.written = self.write_documents(&looked.entries, is_new, now).await?;
        Ok(looked)
    }

    /// When to look again at the latest, files left as they are.
    pub fn next_at(&self) -> Option<DateTime<Utc>> {
        [self.idle_until, self.documents_change_at].into_iter().flatten().min()
    }

    /// Lets another process publish, now and not when the lease ends.
    pub async fn stop(self) -> anyhow::Result<()> {
        match &self.lease {
            Some(lease) => self.ledger.return_lease("publish", lease).await,
            None => Ok(()),
        }
    }

    async fn take_lease(&mut self, now: DateTime<Utc>) -> anyhow::Result<Option<Lease>> {
        if self.ledger.dialect() == Dialect::Sqlite && self.lock.is_none() {
            self.lock = self.installation.lock("publish")?;
            if self.lock.is_none() {
                return Ok(None);
            }
            // Whoever had the lease is dead, or another lock would be in the way: nothing waits for its end.
            self.ledger.end_lease("publish").await?;
        }
        self.ledger.take_lease("publish", &self.holder, LEASE, now).await
    }

    async fn history(&mut self, now: DateTime<Utc>) -> anyhow::Result<History> {
        if let Some(history) = self.history.take() {
            return Ok(history);
        }
        self.idle_until = None;
        let installation = &self.installation;
        if let Some(history) = self.ledger.history(|path, source| installation.draft(path, source)).await? {
            return Ok(history);
        }
        // The first look ever: what is there already is shown and never sent.
        let (history, entries) = plan::begin(&self.folder.reading().drafts, now);
        let lease = self.lease.as_ref().context("begin without the lease")?;
        self.ledger.begin(&entries, lease, now).await?;
        Ok(history)
    }

    async fn write_documents(
        &mut self,
        entries: &[Entry],
        is_new: bool,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Option<Written>> {
        let revised = entries.iter().any(|entry| matches!(entry.step, Step::Revise(_)));
        let due = self.documents_change_at.is_some_and(|at| at <= now);
        if !revised && !is_new && !due && self.known.is_some() {
            return Ok(None);
        }
        // Lent and not copied: of ten thousand the copy would be felt.
        let Some(history) = self.history.take() else { return Ok(None) };
        let (installation, templates) = (self.installation.clone(), Arc::clone(&self.templates));
        // While it is written the folder is not known; after an error its manifest is read again.
        let known = self.known.take();
        let task = tokio::task::spawn_blocking(move || {
            let revisions: Vec<&Revision> = history.revisions.values().collect();
            let folder = installation.site();
            let site = write_site(&installation, &templates, &revisions, &folder, known, now);
            (history, site)
        });
        let (history, site) = task.await.context("write the documents")?;
        self.history = Some(history);
        let site = site?;
        self.documents_change_at = site.changes_at;
        self.known = Some(site.known);
        Ok(Some(site.written))
    }
}

/// A folder of documents as it was left.
pub struct Site {
    /// What is known of it from now on.
    pub known: Known,
    /// What was done.
    pub written: Written,
    /// When a document changes by itself.
    pub changes_at: Option<DateTime<Utc>>,
}

/// What is known of a folder of documents from one writing to the next, by this process alone: after any error, or
/// with another configuration or other templates, it begins with nothing.
#[derive(Debug)]
pub struct Known {
    /// What stands where.
    pub manifest: Manifest,
    standing: Standing,
    cards: Cards,
}

impl Known {
    /// What is found in the folder.
    fn open(folder: &Path) -> anyhow::Result<Self> {
        Ok(Self { manifest: site::open(folder)?, standing: Standing::default(), cards: Cards::default() })
    }
}

/// Makes `folder` hold the documents of `revisions`, in the order of ids, as they are at `now`; over what is `known`,
/// or what is found.
pub fn write_site(
    installation: &Installation,
    templates: &Templates,
    revisions: &[&Revision],
    folder: &Path,
    known: Option<Known>,
    now: DateTime<Utc>,
) -> anyhow::Result<Site> {
    let config = &installation.config;
    let Known { manifest, standing, mut cards } = match known {
        Some(known) => known,
        None => Known::open(folder)?,
    };
    let published = Published::new(&config.site, revisions.to_vec(), &mut cards, now);
    let entries = config.feed_entries;
    let catalog = Catalog::of_published(&config.site, &config.lists, entries, templates, &published, now)?
        .with_terms(Terms::of(config))
        .with_signing(signing(installation)?);
    let pictures = site::find_pictures(&installation.root, &manifest, catalog.pictures());
    let catalog = catalog.with_pictures(pictures);
    let (manifest, standing, written) = site::rewrite(folder, manifest, standing, &catalog, now)?;
    Ok(Site { known: Known { manifest, standing, cards }, written, changes_at: published.next_change() })
}

fn signing(installation: &Installation) -> anyhow::Result<Option<Signing<'_>>> {
    let Some(signer) = &installation.revision_signer else { return Ok(None) };
    let chain = chain_text(&installation.read_signing_chain()?);
    Ok(Some(Signing { signer, chain }))
}

/// Looks until `stop`, at every change of the folder (within `poll` of the clock's time) and whenever
/// something falls due. Each commit wakes the deliverers; each change of a document is `written`, and none while
/// another process publishes.
pub async fn run(
    mut publisher: Publisher,
    clock: Clock,
    poll: TimeDelta,
    committed: Arc<Notify>,
    written: impl Fn(Option<Manifest>),
    stop: CancellationToken,
) {
    let mut stood_by = false;
    let mut held = None;
    while !stop.is_cancelled() {
        let now = clock.now();
        let mut failed = false;
        let looked = match publisher.ledger.notice_jump(&clock).await {
            Ok(()) => publisher.look(now).await,
            Err(err) => Err(err),
        };
        match looked {
            Ok(looked) => {
                if let Some(why) = looked.held.filter(|_| looked.held != held) {
                    error!("{why}: nothing is published and sending is held until `handbill resume`.");
                }
                held = looked.held;
                report(&looked);
                if looked.stands_by && !stood_by {
                    info!("Another process publishes for this ledger; this one stands by.");
                    written(None);
                }
                stood_by = looked.stands_by;
                if looked.deliveries > 0 {
                    // Kept for a deliverer that is busy at this moment.
                    committed.notify_one();
                }
                if let (Some(_), Some(known)) = (looked.written, &publisher.known) {
                    written(Some(known.manifest.clone()));
                }
            }
            // The ledger or the disk: it is tried again, and nothing is lost meanwhile.
            Err(err) => {
                failed = true;
                error!(error = format!("{err:#}"), "Publishing failed and is tried again.");
            }
        }
        // What is due already and could not be done would make it try without a pause.
        let next_at = publisher.next_at().filter(|_| !failed && !stood_by && held.is_none());
        let wake = next_at.map_or(now + poll, |at| at.min(now + poll));
        tokio::select! {
            () = tokio::time::sleep(clock.until(wake).max(std::time::Duration::from_millis(5))) => {}
            () = stop.cancelled() => {}
        }
    }
    if let Err(err) = publisher.stop().await {
        warn!(error = format!("{err:#}"), "Another process can publish only when this one's lease ends.");
    }
}

fn report(looked: &Looked) {
    for entry in &looked.entries {
        match &entry.step {
            Step::Revise(revision) => {
                info!(notice.id = %revision.id(), revision = revision.number, "A notice was published.");
            }
            Step::Send(edition) => info!(edition.id = %edition.id, "An edition was committed."),
            Step::Miss(id) => warn!(edition.id = %id, why = entry.why, "An edition was missed."),
            Step::Open { .. } | Step::Skip(_) => {}
        }
    }
}

fn tell(reading: &Reading) {
    reading.strays.iter().flat_map(|report| report.lines()).for_each(|line| warn!("{line}"));
    for report in reading.reports.iter().filter(|report| report.has_errors()) {
        warn!(
            file = report.path,
            problems = report.problems.len(),
            "A notice has errors and is left as it was; `handbill check` shows them."
        );
    }
}
