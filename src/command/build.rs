//! Build: all documents into a folder, for any static host.

use std::path::PathBuf;

use crate::clock::Clock;
use crate::command::Ended;
use crate::command::terminal::{complain, is_colored, say};
use crate::installation::Installation;
use crate::plan;
use crate::publish::write_site;
use crate::revision::Revision;

/// Options of `build`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The folder; made when it is not there.
    pub folder: PathBuf,
}

pub async fn run(installation: &Installation, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    let now = clock.now();
    let reading = installation.folder().read_once()?;
    // What was published when is the ledger's to say; without one, the files say it.
    let history =
        match installation.config.database_url.is_some() || installation.data().join("ledger.db").exists() {
            true => {
                let ledger = installation.ledger().await?;
                ledger.history(|path, source| installation.draft(path, source)).await?
            }
            false => None,
        };
    let mut history = history.unwrap_or_else(|| plan::begin(&reading.drafts, now).0);
    // What the next look would publish is shown as it will be; it is for `publish` to write it down.
    let due = plan::due(&installation.config, &reading.drafts, &history, now);
    history.apply_all(&due, now);
    let revisions: Vec<&Revision> = history.revisions.values().collect();
    let templates = installation.templates()?;
    let site = write_site(installation, &templates, &revisions, &arguments.folder, None, now)?;
    reading
        .reports
        .iter()
        .filter(|report| report.has_errors())
        .for_each(|report| complain(report.pretty(is_colored())));
    say(format_args!(
        "{}: {} documents, {} written, {} removed.",
        arguments.folder.display(),
        site.known.manifest.documents.len(),
        site.written.changed,
        site.written.removed
    ))?;
    let failed = reading.reports.iter().any(|report| report.has_errors());
    Ok(if failed { Ended::WithProblems } else { Ended::Well })
}
