//! Terminal: what a person or a script reads.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use tracing::{Level, Metadata, error};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

/// Nobody reads on: `handbill plan | head`.
#[derive(Debug, thiserror::Error)]
#[error("the reader has gone")]
pub struct PipeClosed;

/// Writes a line to standard output.
pub fn say(line: impl Display) -> anyhow::Result<()> {
    match writeln!(io::stdout().lock(), "{line}") {
        Ok(()) => Ok(()),
        Err(err) if err.kind() == io::ErrorKind::BrokenPipe => Err(PipeClosed.into()),
        Err(err) => Err(err.into()),
    }
}

/// Writes a value as JSON to standard output.
pub fn say_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    say(serde_json::to_string_pretty(value)?)
}

/// Writes a line to standard error.
pub fn complain(line: impl Display) {
    // There is no other place to say that standard error is gone.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Whether standard error is a terminal that wants colour.
pub fn is_colored() -> bool {
    wants_color(&io::stderr())
}

/// Whether an output is a terminal whose person wants colour (<https://no-color.org>).
pub fn wants_color(output: &impl IsTerminal) -> bool {
    output.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A table with a line of headings.
pub fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(headings.to_vec());
    rows.into_iter().for_each(|row| {
        table.add_row(row);
    });
    table
}

/// Starts the log: lines on standard error; JSON where nobody watches. A panic is a line of it that says where, and
/// not what: its words may hold what somebody sent.
pub fn start_log(filter: Option<&str>, is_service: bool) {
    let default = if is_service { "info" } else { "warn" };
    let filter = EnvFilter::try_new(filter.unwrap_or(default)).unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::registry().with(filter).with(filter_fn(may_be_logged));
    let lines = fmt::layer().with_span_events(FmtSpan::NONE).with_writer(io::stderr);
    // A second start, in a test, changes nothing.
    let _ = if is_service && !io::stderr().is_terminal() {
        log.with(lines.json().flatten_event(true)).try_init()
    } else {
        log.with(lines.with_target(false).with_ansi(is_colored())).try_init()
    };
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        error!(place, "This is a mistake in the program.");
    }));
}

// Below `info` other libraries write down what they work on, a parser of HTML each letter of a mail with the links in
// it; what we write ourselves names nobody.
fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    target == "handbill" || target.starts_with("handbill::") || *metadata.level() <= Level::INFO
}

// Below this a count names people to whoever knows who could be among them.
const FEW: i64 = 10;

/// A count of people as people and machines read it: of a few it says no more than that they are few.
pub fn few_untold(count: i64) -> String {
    if (1..FEW).contains(&count) { format!("<{FEW}") } else { count.to_string() }
}
