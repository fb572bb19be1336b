//! Stage: an installation of a benchmark's own, the service on it, and Postfix's smtp-sink behind it.
#![allow(dead_code, reason = "each benchmark takes what it needs")]

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A process that ends with its benchmark.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The program, on the installation in `root`.
pub fn handbill(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handbill"));
    command.arg("-C").arg(root);
    command
}

/// Runs a command, which is done when this returns.
pub fn run(command: &mut Command) {
    assert!(command.stdout(Stdio::null()).status().unwrap().success());
}

/// Where a service answers.
#[derive(Clone)]
pub struct Served {
    pub pages: String,
    metrics: String,
}

/// The service on the installation in `root`, past its first look and at rest.
pub fn serve(root: &Path) -> (Running, Served) {
    let [listen, metrics] = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
    let config = fs::read_to_string(root.join("handbill.toml")).unwrap();
    fs::write(root.join("handbill.toml"), format!("{config}[web]\nmetrics = \"{metrics}\"\n")).unwrap();
    let serve = handbill(root).args(["--log", "warn", "serve", "--listen", &listen]).spawn().unwrap();
    let serve = Running(serve);
    wait(|| TcpStream::connect(&listen).is_ok());
    thread::sleep(Duration::from_secs(3));
    (serve, Served { pages: listen, metrics })
}

/// An installation with a key and a begun ledger, whose lists open now: what comes next is new to them. `tables` are
/// those of `handbill.toml` behind `[site]`.
pub fn lay_out(root: &Path, tables: &str) {
    let config = format!(
        r#"[site]
title = "Notices"
url = "https://notices.example.org/"
organization = "Alder Street Tenants"
description = "Statements"
lang = "en"
zone = "America/New_York"
tag_domain = "notices.example.org"

{tables}
"#
    );
    run(handbill(root).args(["init", "--empty"]));
    fs::write(root.join("handbill.toml"), config).unwrap();
    run(handbill(root).arg("publish"));
}

/// The table of a relay at `port`.
pub fn smtp(port: u16, connections: usize) -> String {
    format!(
        "transport = \"smtp\"\n[mail.smtp]\nhost = \"127.0.0.1\"\nport = {port}\nsecurity = \"none\"\nconnections = {connections}"
    )
}

/// So many people more on a list, whose addresses begin with its name.
pub fn import(root: &Path, list: &str, count: usize) {
    let mut csv = "email,lists\n".to_owned();
    (0..count).for_each(|number| writeln!(csv, "{list}.{number}@example.org,{list}").unwrap());
    let file = root.join("subscribers.csv");
    fs::write(&file, csv).unwrap();
    run(handbill(root).args(["subscribers", "import", "--consent", "made up"]).arg(file));
}

/// Renamed into place, as an editor does it.
pub fn write_notice(root: &Path, id: &str, text: &str) {
    let part = root.join(format!("notices/.{id}.md.part"));
    fs::write(&part, text).unwrap();
    fs::rename(part, root.join(format!("notices/{id}.md"))).unwrap();
}

/// What the service answers for a path.
pub fn page(listen: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(listen).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The service's own count of mails and posts that were taken.
pub fn sent(served: &Served) -> usize {
    let answer = page(&served.metrics, "/metrics");
    let line = answer.lines().find_map(|line| line.strip_prefix("handbill_sent_total "));
    line.unwrap().trim().parse().unwrap()
}

/// An edition as the ledger has it; `None` before it is there.
pub fn edition(root: &Path, key: &str) -> Option<serde_json::Value> {
    let output = handbill(root).args(["edition", "--json", key]).stderr(Stdio::null()).output().unwrap();
    let mut shown: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    Some(shown["edition"].take())
}

pub fn wait(is_over: impl Fn() -> bool) {
    wait_by(Duration::from_millis(20), is_over);
}

pub fn wait_by(step: Duration, is_over: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_over() {
        assert!(started.elapsed() < Duration::from_secs(120), "it takes too long");
        thread::sleep(step);
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Postfix's smtp-sink, which takes every mail and drops it, and its port.
pub fn start_sink() -> (Running, u16) {
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
