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

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

mod made;
mod meter;

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
    import(root, 1);
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
    let smtp = format!(
        "transport = \"smtp\"\n[mail.smtp]\nhost = \"127.0.0.1\"\nport = {port}\nsecurity = \"none\"\nconnections = {CONNECTIONS}"
    );
    lay_out(root, &smtp);
    let ((), import) = meter::processes(|| import(root, count));
    println!("import:                        {import}");
    let listen = format!("127.0.0.1:{}", free_port());
    let serve = handbill(root).args(["--log", "warn", "serve", "--listen", &listen]).spawn().unwrap();
    let serve = Running(serve);
    let process = serve.0.id();
    wait(|| TcpStream::connect(&listen).is_ok());
    // Until the first look is over and the process is at rest.
    thread::sleep(Duration::from_secs(3));
    println!("memory at rest:                {:.1} MiB", mib(meter::memory(process, "VmRSS")));
    let before = meter::of_process(process);
    write_notice(root);
    let written_at = Instant::now();
    wait(|| sent(&listen) > 0);
    let (first_at, first) = (Instant::now(), sent(&listen));
    // Seldom: what it costs to answer is counted as if it were of the mail.
    wait_by(Duration::from_millis(100), || sent(&listen) >= count);
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
    let output = handbill(root).args(["edition", "--json", "alert/alerts/benchmark"]).output().unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let edition = &shown["edition"];
    println!("in the ledger:                 {} sent, {}", edition["sent"], edition["state"]);
    assert_eq!(edition["sent"], count);
    assert_eq!(edition["state"], "complete");
}

fn lay_out(root: &Path, transport: &str) {
    let config = format!(
        r#"[site]
title = "Notices"
url = "https://notices.example.org/"
organization = "Alder Street Tenants"
description = "Statements"
lang = "en"
zone = "America/New_York"
tag_domain = "notices.example.org"

[[list]]
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
    // With the key and the begun ledger of `init`, then a config of its own.
    run(handbill(root).args(["init", "--empty"]));
    fs::write(root.join("handbill.toml"), config).unwrap();
    // The list opens now: the first look after this one carries what is new.
    run(handbill(root).arg("publish"));
}

fn import(root: &Path, count: usize) {
    let mut csv = "email,lists\n".to_owned();
    (0..count).for_each(|number| writeln!(csv, "person.{number}@example.org,alerts").unwrap());
    let file = root.join("subscribers.csv");
    fs::write(&file, csv).unwrap();
    run(handbill(root).args(["subscribers", "import", "--consent", "made up"]).arg(file));
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
    // Renamed into place, as an editor does it.
    let part = root.join("notices/.benchmark.md.part");
    fs::write(&part, text).unwrap();
    fs::rename(part, root.join("notices/benchmark.md")).unwrap();
}

fn handbill(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handbill"));
    command.arg("-C").arg(root);
    command
}

fn run(command: &mut Command) {
    assert!(command.stdout(Stdio::null()).status().unwrap().success());
}

/// The service's own count.
fn sent(listen: &str) -> usize {
    let mut stream = TcpStream::connect(listen).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let line = answer.lines().find_map(|line| line.strip_prefix("handbill_sent_total "));
    line.unwrap().trim().parse().unwrap()
}

fn wait(is_over: impl Fn() -> bool) {
    wait_by(Duration::from_millis(20), is_over);
}

fn wait_by(step: Duration, is_over: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_over() {
        assert!(started.elapsed() < Duration::from_secs(120), "it takes too long");
        thread::sleep(step);
    }
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// A process that ends with its benchmark.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn start_sink() -> (Running, u16) {
    let port = free_port();
    let mut command = Command::new("/usr/sbin/smtp-sink");
    // It will not run as root, and only root may say who else to be.
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        command.args(["-u", "nobody"]);
    }
    let child = command.args([&format!("127.0.0.1:{port}"), "1000"]).stdout(Stdio::null()).spawn().unwrap();
    let sink = Running(child);
    wait(|| TcpStream::connect(("127.0.0.1", port)).is_ok());
    (sink, port)
}
