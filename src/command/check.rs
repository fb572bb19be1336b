//! Check: every problem of every notice, and of the installation's own words.

use crate::command::Ended;
use crate::command::terminal::{complain, is_colored, say, say_json};
use crate::installation::Installation;
use crate::problem::{Report, line_and_column};

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

pub fn run(installation: &Installation, arguments: &Arguments) -> anyhow::Result<Ended> {
    let reading = installation.folder().read_once()?;
    let reports: Vec<Report> = reading.reports.into_iter().chain(installation.check_words()?).collect();
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
