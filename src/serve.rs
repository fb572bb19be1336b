//! Serve: web, publishing and delivering in one process.

use std::fs::File;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use chrono::TimeDelta;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::channel::site::Manifest;
use crate::channel::target::guard::Cidr;
use crate::clock::Clock;
use crate::config::{Config, When};
use crate::deliver::hub::{self, Courier};
use crate::deliver::{self, Counts, Office, absent};
use crate::installation::Installation;
use crate::ledger::epoch::Held;
use crate::ledger::{Dialect, Ledger};
use crate::mailbox::intake::Intake;
use crate::mailbox::{self, Limits};
use crate::publish::{self, Publisher};
use crate::render::templates::Templates;
use crate::returned::address::Own;
use crate::subscriber::Key;
use crate::web;
use crate::web::live::{self, Live};
use crate::web::networks::Networks;
use crate::web::press::Press;
use crate::web::shelf::Shelf;

/// Which parts run here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Loop 1.
    pub publish: bool,
    /// Loop 2.
    pub deliver: bool,
    /// The public pages.
    pub web: bool,
}

/// How it runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which parts.
    pub parts: Parts,
    /// Where to listen instead of where the config says.
    pub listen: Option<String>,
    /// What time it is.
    pub clock: Clock,
    /// How often the folder is looked at, by that clock.
    pub poll: TimeDelta,
}

/// A service that runs.
pub struct Running {
    /// Where the pages are, when they are served here.
    pub address: Option<SocketAddr>,
    /// Where it takes what comes back by mail, when it does so here.
    pub mailbox: Option<SocketAddr>,
    /// Where it answers with metrics.
    pub metrics: Option<SocketAddr>,
    /// Its ledger.
    pub ledger: Ledger,
    /// How delivering goes.
    pub counts: Arc<Counts>,
    stop: CancellationToken,
    tasks: TaskTracker,
    // Keeps the key from being changed.
    _kept: File,
}

impl Parts {
    /// All of them.
    pub const ALL: Self = Self { publish: true, deliver: true, web: true };
}

// How often the pages are looked at when another process writes them.
const ANOTHER_WRITES: Duration = Duration::from_secs(2);

// What is under way is ended within this; what is not comes back by its lease, or at the next start.
const DRAIN: Duration = Duration::from_secs(10);

// What a visitor has asked for goes out within this; the service ends within a second when it is idle.
const LAST_PAGES: Duration = Duration::from_millis(700);

/// Starts the parts. Whatever is wrong with the config, the key or the ledger is an error here and not later.
pub async fn start(installation: &Installation, options: Options) -> anyhow::Result<Running> {
    let (kept, ledger) = (installation.keep_key()?, installation.ledger().await?);
    // Without a key pages and feeds are served; with another one than the ledger's, nothing is.
    if (options.parts.deliver || options.parts.web) && installation.key().is_ok() {
        installation.key_of(&ledger).await?;
    }
    if let Some(held @ Held::Restored { .. }) = ledger.held().await? {
        // For the other machines, too, which may know of no epoch.
        ledger.hold(options.clock.now()).await?;
        error!("{held}; `handbill resume` lets it go on.");
    }
    if ledger.may_have_forgotten().await? {
        // People subscribe while sending is held.
        ledger.skip_numbers(options.clock.now()).await?;
    }
    let templates = Arc::new(installation.templates()?);
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    // A start that fails half-way leaves nothing running.
    let unless_started = stop.clone().drop_guard();
    let counts = Arc::new(Counts::default());
    let wake = Arc::new(Notify::new());
    let shelf = Arc::new(Shelf::open(installation.site()).context("open the documents")?);

    let hub_wake = Arc::new(Notify::new());
    let allow: Arc<[Cidr]> = allowed(&installation.config)?;
    if options.parts.publish {
        let publisher = Publisher::new(installation, &ledger, Arc::clone(&templates), holder()?);
        let topics = watch::Sender::new(None);
        if !installation.config.site.hubs.is_empty() {
            let courier = Courier {
                site: installation.config.site.clone(),
                folder: installation.site(),
                hubs: installation.config.websub.hubs.clone(),
                allow: Arc::clone(&allow),
                ledger: ledger.clone(),
                key: installation.config.websub.own.then(|| key_of_hub(installation)).flatten(),
                clock: options.clock.clone(),
                counts: Arc::clone(&counts),
                topics: topics.subscribe(),
                wake: Arc::clone(&hub_wake),
                stop: stop.clone(),
            };
            tasks.spawn(hub::start(courier)?);
        }
        let written = {
            let shelf = Arc::clone(&shelf);
            move |manifest: Option<Manifest>| {
                topics.send_replace(manifest.as_ref().map(|manifest| Arc::new(hub::topics(manifest))));
                manifest.into_iter().for_each(|manifest| shelf.show(manifest));
            }
        };
        let (clock, wake, stop) = (options.clock.clone(), Arc::clone(&wake), stop.clone());
        tasks.spawn(publish::run(publisher, clock, options.poll, wake, written, stop.clone()));
        tasks.spawn(tidy(installation.clone(), ledger.clone(), options.clock.clone(), stop.clone()));
    }
    let mut mailbox = None;
    if options.parts.deliver {
        mailbox = start_mailbox(installation, &ledger, &options.clock, &stop, &tasks).await?;
        start_delivering(installation, &ledger, &templates, &options, &counts, &wake, &stop, &tasks).await?;
    }
    let address = if options.parts.web {
        let listen = options.listen.as_ref().unwrap_or(&installation.config.listen);
        let live = Live {
            config: Arc::new(installation.config.clone()),
            templates,
            ledger: ledger.clone(),
            key: installation.key().ok(),
            clock: options.clock.clone(),
            wake: Arc::clone(&wake),
            networks: Arc::new(Networks::new(installation.config.subscribe.per_network_per_hour)),
        };
        if !options.parts.publish {
            let (shelf, stop) = (Arc::clone(&shelf), stop.clone());
            tasks.spawn(async move { shelf.watch(ANOTHER_WRITES, stop).await });
        }
        let press = Press {
            live: live.clone(),
            shelf: Arc::clone(&shelf),
            installation: installation.clone(),
            folder: Arc::new(Mutex::new(installation.folder())),
        };
        let mut others = live::router(live.clone()).merge(web::press::router(press));
        if installation.config.websub.own {
            let per_hour = installation.config.subscribe.per_network_per_hour;
            others = others.merge(web::hub::router(web::hub::Hub {
                config: live.config,
                shelf: Arc::clone(&shelf),
                ledger: live.ledger,
                key: live.key,
                clock: live.clock,
                networks: Arc::new(Networks::new(per_hour)),
                allow,
                wake: hub_wake,
            }));
        }
        let router = web::router(shelf, &installation.config.site, others);
        Some(serve(listen, router, &stop, &tasks).await?)
    } else {
        None
    };
    let metrics = match &installation.config.metrics {
        Some(listen) => Some(serve(listen, web::metrics::router(Arc::clone(&counts)), &stop, &tasks).await?),
        None => None,
    };
    unless_started.disarm();
    Ok(Running { address, mailbox, metrics, ledger, counts, stop, tasks, _kept: kept })
}

// Answers at an address until the service stops.
async fn serve(
    listen: &str,
    router: Router,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(listen).await.with_context(|| format!("listen on {listen}"))?;
    let address = listener.local_addr().context("listen")?;
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let stop = stop.clone();
    tasks.spawn(async move {
        tokio::select! {
            served = served.into_future() => if let Err(err) = served {
                error!(%address, error = %err, "Nothing is served there any more.");
            },
            // Who is in the middle of a request, and stays there, is hung up on.
            () = async { stop.cancelled().await; tokio::time::sleep(LAST_PAGES).await } => {}
        }
    });
    Ok(address)
}

// The networks of the operator's own that a hub or a subscriber to ours may stand in.
fn allowed(config: &Config) -> anyhow::Result<Arc<[Cidr]>> {
    let networks: Result<Vec<Cidr>, _> =
        config.websub.allow.iter().map(|network| Cidr::parse(network)).collect();
    Ok(networks.context("read `allow` of [websub]")?.into())
}

fn key_of_hub(installation: &Installation) -> Option<Key> {
    match installation.key() {
        Ok(key) => Some(key),
        Err(err) => {
            error!(error = format!("{err:#}"), "The hub tells nobody without the key; other hubs are told.");
            None
        }
    }
}

// Beside delivering, because both need the key. Without it nothing is taken, and what comes back waits at the MTA.
async fn start_mailbox(
    installation: &Installation,
    ledger: &Ledger,
    clock: &Clock,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> anyhow::Result<Option<SocketAddr>> {
    let config = &installation.config;
    let (Some(listen), Ok(key)) = (&config.mail.returns.listen, installation.key()) else { return Ok(None) };
    let intake = Intake { ledger: ledger.clone(), key, own: Own::new(config) };
    let address = mailbox::start(intake, listen, Limits::USUAL, clock.clone(), stop.clone(), tasks).await?;
    info!("What comes back by mail is taken at {address}.");
    Ok(Some(address))
}

// What is kept for two or seven days may be kept an hour longer.
const TIDY_EVERY: TimeDelta = TimeDelta::hours(1);

// Takes out what is not kept any longer, at the start and then hourly. Several nodes may do it at once.
async fn tidy(installation: Installation, ledger: Ledger, clock: Clock, stop: CancellationToken) {
    let digests: Vec<&str> = installation
        .config
        .lists
        .iter()
        .filter(|list| match list.when {
            When::Cut(_) => true,
            When::AtOnce => false,
        })
        .map(|list| list.name.as_str())
        .collect();
    while !stop.is_cancelled() {
        let now = clock.now();
        let tidied = match ledger.trusts(&clock).await {
            Ok(true) => ledger.tidy(&digests, now).await.map(Some),
            Ok(false) => Ok(None),
            Err(err) => Err(err),
        };
        match tidied {
            Ok(None) => info!("Nothing is taken out while the clock is not trusted."),
            Ok(Some(tidied)) => info!(
                requests = tidied.requests,
                attempts = tidied.attempts,
                confirmations = tidied.confirmations,
                returned = tidied.returned,
                "What is not kept any longer was taken out."
            ),
            Err(err) => error!(error = format!("{err:#}"), "Tidying failed and is tried again in an hour."),
        }
        // By another key than the ledger's nobody would be here.
        if let Ok(key) = installation.key_of(&ledger).await {
            match absent::destroy_mails(&installation.outbox(), &ledger, &key).await {
                Ok(0) => {}
                Ok(mails) => {
                    info!(mails, "Mails in the outbox to people who are not here any more were destroyed.")
                }
                Err(err) => error!(error = format!("{err:#}"), "The outbox cannot be looked through."),
            }
        }
        // Less than an hour on either side: a clock that was set back would else have it wait for what is far off.
        while (clock.now() - now).abs() < TIDY_EVERY {
            tokio::select! {
                () = tokio::time::sleep(clock.until(now + TIDY_EVERY)) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "the parts of one office, put together once")]
async fn start_delivering(
    installation: &Installation,
    ledger: &Ledger,
    templates: &Arc<Templates>,
    options: &Options,
    counts: &Arc<Counts>,
    wake: &Arc<Notify>,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> anyhow::Result<()> {
    let key = match installation.key() {
        Ok(key) => key,
        Err(err) => {
            // Pages and feeds are worth serving all the same.
            error!(
                error = format!("{err:#}"),
                "Nothing can be sent without the key; pages and feeds are served."
            );
            return Ok(());
        }
    };
    let lock = match ledger.dialect() {
        Dialect::Postgres => None,
        Dialect::Sqlite => {
            let Some(lock) = installation.lock("deliver")? else {
                bail!("another process delivers from this ledger");
            };
            // Only one process delivers from an embedded ledger: what the last one held is free.
            let freed = ledger.release_all(options.clock.now()).await?;
            if freed > 0 {
                warn!(deliveries = freed, "The last run ended in the middle; its deliveries go on.");
            }
            Some(Arc::new(lock))
        }
    };
    let office = Office {
        installation: installation.clone(),
        ledger: ledger.clone(),
        templates: Arc::clone(templates),
        key,
        signer: installation.signer().context("read the keys of DKIM")?.map(Arc::new),
        clock: options.clock.clone(),
        counts: Arc::clone(counts),
        wake: Arc::clone(wake),
        stop: stop.clone(),
        lock,
    };
    deliver::start(&office, tasks).await
}

impl Running {
    /// Ends what is under way, at most ten seconds long, and closes the ledger.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(DRAIN, self.tasks.wait()).await.is_err() {
            warn!("Something did not end in time; its delivery goes on at the next start.");
        }
        self.ledger.close().await;
        info!("Stopped.");
    }
}

/// Listens for SIGTERM and SIGINT from now on; what it answers waits for one. A service listens before it starts,
/// or a signal in between would end it in the middle of a mail.
pub fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("wait for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

// Another for each process: two on one machine must not share a lease.
fn holder() -> anyhow::Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).context("draw random bytes")?;
    Ok(format!("{:016x}", u64::from_be_bytes(bytes)))
}
