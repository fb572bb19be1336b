//! SMTP rate: ours beside Postfix's own smtp-source, both into Postfix's smtp-sink on loopback.
//!
//! `cargo bench --bench smtp [messages]`; needs Debian's package postfix (its service stays off).
//! One client thread; the CPU per message is the figure to trust on a busy machine.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark may fail and prints its result"
)]

use std::env;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use handbill::channel::smtp::Connection;
use handbill::channel::smtp::envelope::Envelope;
use handbill::channel::smtp::relay::{Relay, Security};
use handbill::delivery::Outcome;

const SIZES: [usize; 2] = [5_000, 20_000];
const SESSIONS: [usize; 3] = [1, 10, 50];
// Linux counts a process's CPU in hundredths of a second (man 5 proc).
const MICROSECONDS_PER_TICK: f64 = 10_000.0;

fn main() {
    let messages = env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(20_000);
    let (_sink, port) = start_sink();
    println!("bytes sessions | smtp-source /s (µs CPU) | ours /s (µs CPU)");
    for bytes in SIZES {
        for sessions in SESSIONS {
            let theirs = measure(messages, || smtp_source(port, sessions, messages, bytes));
            let ours = measure(messages, || handbill(port, sessions, messages, bytes));
            println!("{bytes:5} {sessions:8} | {theirs} | {ours}");
        }
    }
}

fn measure(messages: usize, work: impl FnOnce()) -> String {
    let (started, before) = (Instant::now(), ticks());
    work();
    let rate = messages as f64 / started.elapsed().as_secs_f64();
    let cpu = (ticks() - before) as f64 * MICROSECONDS_PER_TICK / messages as f64;
    format!("{rate:7.0} ({cpu:4.0})")
}

fn smtp_source(port: u16, sessions: usize, messages: usize, bytes: usize) {
    let status = Command::new("/usr/sbin/smtp-source")
        // -d: many messages over one connection, as we do.
        .args(["-d", "-s", &sessions.to_string(), "-m", &messages.to_string(), "-l", &bytes.to_string()])
        .args(["-f", "bounce@example.org", "-t", "ok@example.org", &format!("127.0.0.1:{port}")])
        .status();
    assert!(status.unwrap().success());
}

fn handbill(port: u16, sessions: usize, messages: usize, bytes: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let line = format!("{}\r\n", "x".repeat(74));
        let message = format!("Subject: notice\r\n\r\n{}", line.repeat(bytes / line.len()));
        let relay = Relay::new("127.0.0.1", port, Security::None, "client.example.org").unwrap();
        let mut running = tokio::task::JoinSet::new();
        for session in 0..sessions {
            let share = messages / sessions + usize::from(session < messages % sessions);
            running.spawn(send(relay.clone(), message.clone(), share));
        }
        running.join_all().await;
    });
}

async fn send(relay: Relay, message: String, count: usize) {
    let envelope = Envelope::new("bounce@example.org", "ok@example.org").unwrap();
    let mut connection = Connection::open(&relay).await.unwrap();
    for left in (0..count).rev() {
        let next = (left > 0).then_some(&envelope);
        let answer = connection.send(&envelope, message.as_bytes(), next).await;
        assert_eq!(answer.outcome, Outcome::Sent);
    }
    connection.quit().await;
}

/// Stops the server at the end.
struct Sink(Child);

impl Drop for Sink {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn start_sink() -> (Sink, u16) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new("/usr/sbin/smtp-sink");
    // It will not run as root, and only root may say who else to be.
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        command.args(["-u", "nobody"]);
    }
    let child = command.args([&format!("127.0.0.1:{port}"), "1000"]).stdout(Stdio::null()).spawn().unwrap();
    let sink = Sink(child);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        thread::sleep(Duration::from_millis(10));
    }
    (sink, port)
}

/// The CPU that this process and its ended children have used: fields 14 to 17 of `/proc/self/stat`.
fn ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    fields.split_ascii_whitespace().skip(11).take(4).map(|field| field.parse::<u64>().unwrap()).sum()
}
