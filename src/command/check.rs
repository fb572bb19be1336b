//! Check: every problem of every notice, and of the installation's own words.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::clock::Clock;
use crate::command::Ended;
use crate::command::preview::published;
use crate::command::terminal::{complain, is_colored, say, say_json};
use crate::installation::Installation;
use crate::notice::lint;
use crate::notice::parse::parse;
use crate::problem::{Problem, Report, line_and_column};
use crate::revision::Draft;

/// Options of `check`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// One line a problem.
    #[arg(long)]
    pub brief: bool,
    /// For a machine.
    #[arg(long)]
    pub json: bool,
}

pub async fn run(installation: &Installation, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    let now = clock.now();
    let reading = installation.folder().read_once()?;
    let published = match published(installation, now).await {
        Ok(history) => history.revisions,
        Err(err) => {
            complain(format_args!("handbill: what is published is not known: {err:#}"));
            BTreeMap::new()
        }
    };
    let standing = reading.left_standing(&published, now);
    let mut reading = reading.without_renamed(&published, now).into_owned();
    for draft in reading.drafts.values().filter(|draft| !published.contains_key(&draft.notice.id)) {
        let Some(problem) = past(installation, draft, now) else { continue };
        match reading.reports.iter_mut().find(|report| *report.path == *draft.path) {
            Some(report) => report.add(problem),
            None => reading.reports.push(Report::new(&*draft.path, &*draft.source, vec![problem])),
        }
    }
    let mut reports: Vec<Report> = reading.all_reports().cloned().collect();
    reports.extend(standing);
    reports.sort_by(|a, b| a.path.cmp(&b.path));
    reports.extend(installation.check_words()?);
    let problems = reports.iter().map(|report| report.problems.len()).sum::<usize>();
    if arguments.json {
        let rows: Vec<_> = reports
            .iter()
            .flat_map(|report| report.problems.iter().map(move |problem| (report, problem)))
            .map(|(report, problem)| {
                let (line, column) = line_and_column(&report.source, problem.span.start);
                let severity = format!("{:?}", problem.severity).to_lowercase();
                serde_json::json!({ "path": report.path, "line": line, "column": column, "severity": severity,
                    "message": problem.message, "help": problem.help })
            })
            .collect();
        say_json(&rows)?;
    } else if arguments.brief {
        reports.iter().flat_map(|report| report.lines()).try_for_each(say)?;
    } else {
        for report in &reports {
            complain(report.pretty(is_colored()));
        }
        say(format_args!(
            "{} notices, {} of them without an error; {problems} problems.",
            reading.files,
            reading.drafts.len()
        ))?;
    }
    let failed = reports.iter().any(|report| report.has_errors());
    Ok(if failed { Ended::WithProblems } else { Ended::Well })
}

// Read again for its places: few are not yet published.
fn past(installation: &Installation, draft: &Draft, now: DateTime<Utc>) -> Option<Problem> {
    draft.notice.event()?;
    let defaults = installation.config.site.defaults();
    lint::past(&parse(&draft.path, &draft.source, &defaults).timed, &defaults.zone, now)
}
