//! Send: an alert of about 20 kB to 20,000 subscribers, through the ledger, by the service as it runs, into
//! Postfix's smtp-sink; beside Postfix's own smtp-source on the same sink.
//!
//! `cargo bench --bench send [-- count]`; needs Debian's package postfix (its service stays off).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark may fail and prints its result"
)]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use stage::{edition, handbill, import, run, sent, serve, smtp, start_sink, wait, wait_by};

mod made;
mod meter;
mod stage;

const COUNT: usize = 20_000;
const CONNECTIONS: usize = 10;

// Of Markdown, twice in the mail: as text and, with its styles, as HTML.
const BODY_BYTES: usize = 5_400;

fn main() {
    let count = env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(COUNT);
    let (_sink, port) = start_sink();
    let bytes = mail_bytes();
    println!("{count} mails of {bytes} bytes over {CONNECTIONS} connections");
    let theirs = [source(port, count, bytes, &["-d"]), source(port, count, bytes, &[])];
    let ours = send(port, count);
    let again = source(port, count, bytes, &["-d"]);
    println!("smtp-source, connections kept: {}\nand once more afterwards:      {again}", theirs[0]);
    println!("smtp-source, one each:         {}\nhandbill serve:                {ours}", theirs[1]);
    println!(
        "handbill over smtp-source (kept, the mean of both): rate {:.2}, CPU {:.2}; (one each) rate {:.2}, CPU {:.2}",
        2.0 * ours.rate / (theirs[0].rate + again.rate),
        2.0 * ours.cpu / (theirs[0].cpu + again.cpu),
        ours.rate / theirs[1].rate,
        ours.cpu / theirs[1].cpu
    );
}

/// Mails a second, and microseconds of CPU a mail.
struct Figures {
    rate: f64,
    cpu: f64,
}

impl Figures {
    fn new(count: usize, wall: Duration, cpu: Duration) -> Self {
        let count = count as f64;
        Self { rate: count / wall.as_secs_f64(), cpu: cpu.as_secs_f64() * 1e6 / count }
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:7.0}/s, {:5.1} µs CPU a mail", self.rate, self.cpu)
    }
}

fn source(port: u16, count: usize, bytes: usize, options: &[&str]) -> Figures {
    let (status, spent) = meter::processes(|| {
        Command::new("/usr/sbin/smtp-source")
            .args(options)
            .args(["-s", &CONNECTIONS.to_string(), "-m", &count.to_string(), "-l", &bytes.to_string()])
            .args(["-f", "bounce@example.org", "-t", "ok@example.org", &format!("127.0.0.1:{port}")])
            .status()
    });
    assert!(status.unwrap().success());
    Figures::new(count, spent.wall, spent.cpu)
}

/// How long one of the mails is, as the outbox shows it.
fn mail_bytes() -> usize {
    let folder = meter::folder();
    let root = folder.path();
    lay_out(root, "transport = \"outbox\"");
    import(root, "alerts", 1);
    write_notice(root);
    run(handbill(root).arg("publish"));
    run(handbill(root).arg("deliver"));
    let mail =
        fs::read_dir(root.join("data/outbox/mail")).or_else(|_| fs::read_dir(root.join("data/outbox")));
    let files = mail.unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.map(|path| usize::try_from(fs::metadata(path).unwrap().len()).unwrap()).max().unwrap()
}

fn send(port: u16, count: usize) -> Figures {
    let folder = meter::folder();
    let root = folder.path();
    lay_out(root, &smtp(port, CONNECTIONS));
    let ((), import) = meter::processes(|| import(root, "alerts", count));
    println!("import:                        {import}");
    let (serve, served) = serve(root);
    let process = serve.0.id();
    println!("memory at rest:                {:.1} MiB", mib(meter::memory(process, "VmRSS")));
    let before = meter::of_process(process);
    write_notice(root);
    let written_at = Instant::now();
    wait(|| sent(&served) > 0);
    let (first_at, first) = (Instant::now(), sent(&served));
    // Seldom: what it costs to answer is counted as if it were of the mail.
    wait_by(Duration::from_millis(100), || sent(&served) >= count);
    let wall = first_at.elapsed();
    println!("from the file to the first:    {:.3} s", (first_at - written_at).as_secs_f64());
    // The last commit and the edition's end, which is looked for once a second, belong to it.
    thread::sleep(Duration::from_secs(3));
    let figures = Figures::new(count, wall, meter::of_process(process) - before);
    println!("most memory:                   {:.1} MiB", mib(meter::memory(process, "VmHWM")));
    drop(serve);
    reconcile(root, count);
    Figures { rate: (count - first) as f64 / wall.as_secs_f64(), ..figures }
}

/// Every recipient is in the ledger as sent, and nothing waits.
fn reconcile(root: &Path, count: usize) {
    let edition = edition(root, "alert/alerts/benchmark").unwrap();
    println!("in the ledger:                 {} sent, {}", edition["sent"], edition["state"]);
    assert_eq!(edition["sent"], count);
    assert_eq!(edition["state"], "complete");
}

fn lay_out(root: &Path, transport: &str) {
    let tables = format!(
        r#"[[list]]
name = "alerts"
title = "Alerts"
description = "Each statement as soon as it is public"
when = "at once"
kinds = ["statement"]

[mail]
from = "Notices <notices@example.org>"
{transport}
"#
    );
    stage::lay_out(root, &tables);
}

fn write_notice(root: &Path) {
    let mut body = String::new();
    let mut numbers = 1..;
    while body.len() < BODY_BYTES {
        body += &made::notice(numbers.next().unwrap()).body;
    }
    body.truncate(BODY_BYTES);
    let text = format!(
        "+++\nkind = \"statement\"\ntitle = \"No work, no rent\"\nauthors = [\"Alder Street Tenants\"]\n+++\n{body}"
    );
    stage::write_notice(root, "benchmark", &text);
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
