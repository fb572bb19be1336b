//! Doctor: looks for what would keep things from going out.

use std::fs;

use crate::channel::smtp::Connection;
use crate::clock::Clock;
use crate::command::Ended;
use crate::command::terminal::{say, say_json};
use crate::config::Transport;
use crate::deliver::mail::relay;
use crate::installation::Installation;
use crate::schedule::zone::tzdb_version;

/// Options of `doctor`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// For a machine.
    #[arg(long)]
    pub json: bool,
}

#[derive(serde::Serialize)]
struct Finding {
    what: &'static str,
    well: bool,
    says: String,
}

pub async fn run(installation: &Installation, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    let mut findings =
        vec![notices(installation), words(installation), key(installation), data(installation)];
    findings.extend(ledger(installation, clock).await);
    findings.push(mail(installation).await);
    findings.extend(targets(installation));
    findings.push(Finding { what: "zone data", well: true, says: tzdb_version() });
    if arguments.json {
        say_json(&findings)?;
    } else {
        for finding in &findings {
            let mark = if finding.well { "ok  " } else { "WRONG" };
            say(format_args!("{mark:<6}{:<12}{}", finding.what, finding.says))?;
        }
    }
    let well = findings.iter().all(|finding| finding.well);
    Ok(if well { Ended::Well } else { Ended::WithProblems })
}

fn found(what: &'static str, result: anyhow::Result<String>) -> Finding {
    match result {
        Ok(says) => Finding { what, well: true, says },
        Err(err) => Finding { what, well: false, says: format!("{err:#}") },
    }
}

fn notices(installation: &Installation) -> Finding {
    found(
        "notices",
        installation.folder().read().and_then(|reading| {
            let reading = reading.unwrap_or_default();
            let bad = reading.reports.iter().filter(|report| report.has_errors()).count();
            if bad > 0 {
                anyhow::bail!("{bad} of {} have errors; `handbill check` shows them", reading.files);
            }
            Ok(format!("{} without an error", reading.files))
        }),
    )
}

// A language that lacks messages works: what it lacks is said in English.
fn words(installation: &Installation) -> Finding {
    found(
        "words",
        installation.templates().and_then(|templates| {
            let languages: Vec<&str> = templates.languages().map(|words| words.lang()).collect();
            let languages = languages.join(", ");
            let lines: Vec<String> =
                installation.check_words()?.iter().flat_map(|report| report.lines()).collect();
            Ok(if lines.is_empty() { languages } else { format!("{languages}; {}", lines.join("; ")) })
        }),
    )
}

fn key(installation: &Installation) -> Finding {
    found("key", installation.key().map(|_| "there, and only its owner can read it".to_owned()))
}

fn data(installation: &Installation) -> Finding {
    let folder = installation.data();
    let tried = fs::create_dir_all(&folder)
        .and_then(|()| tempfile::tempfile_in(&folder))
        .map_err(anyhow::Error::from);
    found("data", tried.map(|_| format!("{} can be written", folder.display())))
}

async fn ledger(installation: &Installation, clock: &Clock) -> Vec<Finding> {
    let ledger = match installation.ledger().await {
        Ok(ledger) => ledger,
        Err(err) => return vec![found("ledger", Err(err))],
    };
    let held = ledger.held_since().await.and_then(|held| match held {
        Some(since) => anyhow::bail!("held since {since}; `handbill resume` lets it go on"),
        None => Ok("goes on".to_owned()),
    });
    let now = clock.now();
    let mark = ledger.history(|_, _| None).await.and_then(|history| match history {
        Some(history) if history.planned_until > now => {
            anyhow::bail!("planned until {}, which is ahead of this machine's clock", history.planned_until)
        }
        Some(history) => Ok(format!("began {}, planned until {}", history.began_at, history.planned_until)),
        None => Ok("has not begun".to_owned()),
    });
    vec![found("ledger", mark), found("sending", held)]
}

async fn mail(installation: &Installation) -> Finding {
    let tried = match &installation.config.mail.transport {
        Transport::Outbox => {
            Ok(format!("put into {} until SMTP is configured", installation.outbox().display()))
        }
        Transport::Smtp(smtp) => match relay(installation, smtp) {
            Err(err) => Err(err),
            Ok(relay) => match Connection::open(&relay).await {
                Ok(connection) => {
                    connection.quit().await;
                    Ok(format!("{}:{} takes mail", smtp.host, smtp.port))
                }
                Err(answer) => Err(anyhow::anyhow!("{}:{}: {}", smtp.host, smtp.port, answer.text)),
            },
        },
    };
    found("mail", tried)
}

fn targets(installation: &Installation) -> Vec<Finding> {
    let targets = &installation.config.targets;
    let try_one = |target: &crate::config::Target| {
        crate::deliver::post::endpoint(installation, target)
            .map(|endpoint| format!("{} posts to {}", target.name, endpoint.origin()))
    };
    targets.iter().map(|target| found("target", try_one(target))).collect()
}
