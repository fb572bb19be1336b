//! Doctor: looks for what would keep things from going out.

mod finding;
mod machine;
mod names;
mod spf;
mod tags;

use std::net::SocketAddr;

use crate::channel::dns::Resolver;
use crate::channel::outbox;
use crate::channel::smtp::Connection;
use crate::clock::Clock;
use crate::command::Ended;
use crate::command::doctor::finding::{Finding, State};
use crate::command::preview::published;
use crate::command::terminal::{few_untold, say, say_json};
use crate::config::{self, Security, Smtp, Transport};
use crate::deliver::hub::origin;
use crate::deliver::mail::relay;
use crate::installation::Installation;
use crate::ledger::Ledger;
use crate::problem::Report;
use crate::render::email::dkim::Signer;
use crate::render::words::Words;
use crate::returned::score;
use crate::schedule::zone::tzdb_version;

/// Options of `doctor`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// For a machine.
    #[arg(long)]
    pub json: bool,
    /// A name server to ask instead of this machine's; SPF, DKIM, DMARC and MX are then looked up even while
    /// mails are put into the outbox.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub resolver: Option<SocketAddr>,
}

// A certificate of 90 days is renewed when a third of it is left; with half of that gone somebody has to look.
const FEW_DAYS: i64 = 14;

// Where the findings begin: the longest word before them, and two spaces.
const WHAT: usize = 11;
const MARK: usize = 6;

pub async fn run(installation: &Installation, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    let mut findings = vec![notices(installation), words(installation), key(installation)];
    findings.extend(machine::disk(&installation.data()));
    findings.push(machine::clock());
    findings.extend(ledger(installation, clock).await);
    findings.extend(left_standing(installation, clock).await);
    findings.extend(mail(installation, clock).await);
    findings.extend(outbox(installation));
    let signer = installation.signer();
    findings.extend(signing_keys(installation, &signer));
    findings.extend(domain(installation, arguments, signer.ok().flatten().as_ref()).await);
    findings.extend(targets(installation));
    findings.extend(hubs(installation, clock).await);
    findings.push(Finding::ok("zone data", tzdb_version()));
    if arguments.json {
        say_json(&findings)?;
    } else {
        findings.iter().try_for_each(tell)?;
    }
    let failed = findings.iter().any(|finding| finding.state == State::Fail);
    Ok(if failed { Ended::WithProblems } else { Ended::Well })
}

fn tell(finding: &Finding) -> anyhow::Result<()> {
    let mark = match finding.state {
        State::Ok => "ok",
        State::Warn => "warn",
        State::Fail => "FAIL",
    };
    say(format_args!("{mark:<MARK$}{:<WHAT$}{}", finding.what, finding.says))?;
    let indent = " ".repeat(MARK + WHAT);
    if let Some(help) = &finding.help {
        say(format_args!("{indent}{help}"))?;
    }
    if let Some(record) = &finding.record {
        say(format_args!("{indent}{}", record.zone_line()))?;
    }
    Ok(())
}

fn notices(installation: &Installation) -> Finding {
    Finding::of(
        "notices",
        installation.folder().read_once().and_then(|reading| {
            let bad = reading.faulty();
            if bad > 0 {
                anyhow::bail!("{bad} of {} have errors; `handbill check` shows them", reading.files);
            }
            Ok(format!("{} without an error", reading.files))
        }),
    )
}

// Whoever deleted a file may think that nobody hears of the action any more.
async fn left_standing(installation: &Installation, clock: &Clock) -> Vec<Finding> {
    let now = clock.now();
    let look = async || {
        let published = published(installation, now).await?.revisions;
        anyhow::Ok(installation.folder().read_once()?.left_standing(&published, now))
    };
    // What keeps either from being read is a finding already.
    let reports = look().await.unwrap_or_default();
    let problems = reports.into_iter().flat_map(|report| report.problems);
    problems.map(|problem| Finding::warn("notices", problem.message, problem.help)).collect()
}

// A language that lacks messages works: what it lacks is said in English.
fn words(installation: &Installation) -> Finding {
    let look = || -> anyhow::Result<(String, Vec<String>)> {
        let templates = installation.templates()?;
        let languages: Vec<&str> = templates.languages().map(Words::lang).collect();
        let lines = installation.check_words()?.iter().flat_map(Report::lines).collect();
        Ok((languages.join(", "), lines))
    };
    match look() {
        Ok((languages, lines)) if lines.is_empty() => Finding::ok("words", languages),
        Ok((languages, lines)) => Finding::warn(
            "words",
            format!("{languages}; {}", lines.join("; ")),
            "`handbill check` shows each with its line",
        ),
        Err(err) => Finding::of("words", Err(err)),
    }
}

fn key(installation: &Installation) -> Finding {
    let file = installation.root.join(&installation.config.key_file);
    if file.starts_with(installation.data()) {
        let says = "it lies in the data folder, so that a copy of that opens every address";
        return Finding::fail("key", says, "put it elsewhere, and write `key_file` in [ledger]");
    }
    Finding::of("key", installation.key().map(|_| "there, and only its owner can read it".to_owned()))
}

fn signing_keys(installation: &Installation, signer: &anyhow::Result<Option<Signer>>) -> Option<Finding> {
    installation.config.mail.dkim.as_ref()?;
    Some(match signer {
        Ok(_) => Finding::ok("DKIM keys", "there, and only their owner can read them"),
        Err(err) => Finding::of("DKIM keys", Err(anyhow::anyhow!("{err:#}"))),
    })
}

async fn ledger(installation: &Installation, clock: &Clock) -> Vec<Finding> {
    let ledger = match installation.ledger().await {
        Ok(ledger) => ledger,
        Err(err) => return vec![Finding::of("ledger", Err(err))],
    };
    let held = ledger.held().await.and_then(|held| match held {
        Some(held) => anyhow::bail!("{held}; `handbill resume` lets it go on"),
        None => Ok("goes on".to_owned()),
    });
    let history = ledger.history(|_, _| None).await;
    // Read after the mark: a service that runs may have moved it meanwhile.
    let now = clock.now();
    let mark = history.and_then(|history| match history {
        Some(history) if history.planned_until > now => {
            anyhow::bail!("planned until {}, which is ahead of this machine's clock", history.planned_until)
        }
        Some(history) => Ok(format!("began {}, planned until {}", history.began_at, history.planned_until)),
        None => Ok("has not begun".to_owned()),
    });
    vec![Finding::of("ledger", mark), Finding::of("sending", held), bounces(&ledger, clock).await]
}

// Of few nothing is said, not even how many.
async fn bounces(ledger: &Ledger, clock: &Clock) -> Finding {
    match ledger.given_up(clock.now()).await {
        Ok(given_up) if score::is_wave(given_up, 0) => Finding::warn(
            "bounces",
            format!("{given_up} addresses were given up within a day, because mail to them came back"),
            "see by `handbill edition` what was answered: when a relay refuses everybody, the fault is not theirs",
        ),
        Ok(_) => Finding::ok("bounces", "no more than usual"),
        Err(err) => Finding::of("bounces", Err(err)),
    }
}

async fn mail(installation: &Installation, clock: &Clock) -> Vec<Finding> {
    let smtp = match &installation.config.mail.transport {
        Transport::Outbox => {
            let says = format!("put into {} until SMTP is configured", installation.outbox().display());
            return vec![Finding::ok("mail", says)];
        }
        Transport::Smtp(smtp) => smtp,
    };
    let relay = match relay(installation, smtp) {
        Ok(relay) => relay,
        Err(err) => return vec![Finding::of("mail", Err(err))],
    };
    let connection = match Connection::open(&relay).await {
        Ok(connection) => connection,
        Err(answer) => {
            let says = format!("{}:{}: {}", smtp.host, smtp.port, answer.text);
            return vec![Finding::of("mail", Err(anyhow::anyhow!(says)))];
        }
    };
    let ends_at = connection.certificate_ends_at();
    connection.quit().await;
    let taken = Finding::ok("mail", format!("{}:{} takes mail", smtp.host, smtp.port));
    vec![taken, certificate(smtp, ends_at.map(|ends_at| (ends_at - clock.now()).num_days()))]
}

// Nothing takes them from there any more, and nothing says that they are there.
fn outbox(installation: &Installation) -> Option<Finding> {
    match installation.config.mail.transport {
        Transport::Outbox => return None,
        Transport::Smtp(_) => {}
    }
    let folder = installation.outbox();
    match outbox::mails(&folder) {
        Ok(mails) if mails.is_empty() => None,
        Ok(mails) => Some(Finding::warn(
            "outbox",
            format!("{} mails lie in {}, each with its recipient", mails.len(), folder.display()),
            "delete them, or send them first: whoever reads the folder reads who is subscribed",
        )),
        Err(err) => Some(Finding::of("outbox", Err(err.into()))),
    }
}

fn certificate(smtp: &Smtp, days: Option<i64>) -> Finding {
    match (smtp.security, days) {
        (Security::None, _) => Finding::ok("TLS", "off, as configured for a relay on this machine"),
        (Security::StartTls | Security::Tls, None) => {
            Finding::ok("TLS", "on; until when the certificate is good cannot be read")
        }
        (Security::StartTls | Security::Tls, Some(days)) if days < FEW_DAYS => {
            let says = format!("the certificate of {} is good for {days} days", smtp.host);
            Finding::warn("TLS", says, "have it renewed: without it no mail goes out")
        }
        (Security::StartTls | Security::Tls, Some(days)) => {
            Finding::ok("TLS", format!("the certificate of {} is good for {days} days", smtp.host))
        }
    }
}

async fn domain(installation: &Installation, arguments: &Arguments, signer: Option<&Signer>) -> Vec<Finding> {
    let resolver = match (arguments.resolver, &installation.config.mail.transport) {
        (Some(server), _) => Resolver::at(server),
        (None, Transport::Smtp(_)) => Resolver::system(),
        (None, Transport::Outbox) => {
            let says = "not asked while mails are put into the outbox; --resolver asks for them";
            return vec![Finding::ok("DNS", says)];
        }
    };
    match resolver {
        Ok(resolver) => names::look(&installation.config, signer, &resolver).await,
        Err(err) => vec![Finding::of("DNS", Err(err.into()))],
    }
}

fn targets(installation: &Installation) -> Vec<Finding> {
    let targets = &installation.config.targets;
    let try_one = |target: &crate::config::Target| {
        crate::deliver::post::endpoint(installation, target)
            .map(|endpoint| format!("{} posts to {}", target.name, endpoint.origin()))
    };
    targets.iter().map(|target| Finding::of("target", try_one(target))).collect()
}

async fn hubs(installation: &Installation, clock: &Clock) -> Vec<Finding> {
    if installation.config.site.hubs.is_empty() {
        return Vec::new();
    }
    let look = async || -> anyhow::Result<Vec<String>> {
        let ledger = installation.ledger().await?;
        let counts = ledger.hub_counts(clock.now()).await?;
        let (subscriptions, behind) = (few_untold(counts.subscriptions), few_untold(counts.behind));
        let own = installation.config.websub.own.then(|| {
            let address = installation.config.site.address(config::HUB);
            format!("{address} has {subscriptions} subscriptions, of which {behind} wait for an update")
        });
        let untold = ledger.untold_counts().await?;
        let others = installation.config.websub.hubs.iter().map(|hub| {
            let count = untold.iter().find(|(of, _)| of == hub).map_or(0, |(_, count)| *count);
            format!("{} has not been told of {count} feeds", origin(hub))
        });
        Ok(own.into_iter().chain(others).collect())
    };
    match look().await {
        Ok(says) => says.into_iter().map(|says| Finding::ok("hub", says)).collect(),
        Err(err) => vec![Finding::of("hub", Err(err))],
    }
}
