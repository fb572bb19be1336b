//! Site: 10,000 notices to a folder of documents, beside Hugo on the same notices; then one notice more.
//!
//! `cargo bench --bench site [-- count]`; needs Debian's package hugo. `-- count folder [rounds]` measures only the
//! latter, in an installation there, which is made when there is none and stays: a profiler wants it twice, and more
//! rounds than five.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark may fail and prints its result"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::{env, hint};

use chrono::{DateTime, TimeDelta, Utc};
use handbill::clock::Clock;
use handbill::installation::Installation;
use handbill::publish::Publisher;

mod made;
mod meter;

const COUNT: usize = 10_000;
const PUBLISHED: usize = 5;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let count = arguments.first().and_then(|it| it.parse().ok()).unwrap_or(COUNT);
    if let Some(folder) = arguments.get(1).map(Path::new) {
        if !folder.exists() {
            lay_out(folder, count);
        }
        let there = meter::files(&folder.join("notices"));
        publish(folder, there, arguments.get(2).and_then(|it| it.parse().ok()).unwrap_or(PUBLISHED));
        return;
    }
    let root = meter::folder();
    let (ours, hugo) = (root.path().join("handbill"), root.path().join("hugo"));
    lay_out(&ours, count);
    lay_out_hugo(&hugo, count);

    let ((), cold) = meter::processes(|| run(handbill(&ours).arg("build").arg(ours.join("built"))));
    let files = meter::files(&ours.join("built"));
    println!("handbill build, cold:      {cold}, {files} files, every one compressed twice");
    let ((), again) = meter::processes(|| run(handbill(&ours).arg("build").arg(ours.join("built"))));
    println!("handbill build, unchanged: {again}");
    let ((), theirs) = meter::processes(|| run(Command::new("hugo").arg("--quiet").arg("-s").arg(&hugo)));
    let files = meter::files(&hugo.join("public"));
    println!("hugo, cold:                {theirs}, {files} files, none compressed");
    let ((), compressed) = meter::processes(|| compress(&hugo.join("public")));
    println!("gzip -6 of hugo's files:   {compressed}");
    println!(
        "handbill over hugo: wall {:.2}, CPU {:.2}; over hugo and gzip: CPU {:.2}",
        cold.wall.as_secs_f64() / theirs.wall.as_secs_f64(),
        cold.cpu.as_secs_f64() / theirs.cpu.as_secs_f64(),
        cold.cpu.as_secs_f64() / (theirs.cpu + compressed.cpu).as_secs_f64()
    );
    publish(&ours, count, PUBLISHED);
}

fn lay_out(root: &Path, count: usize) {
    fs::create_dir_all(root).unwrap();
    fs::write(root.join("handbill.toml"), include_str!("../seeds/handbill.toml")).unwrap();
    made::write_all(&root.join("notices"), count);
}

fn lay_out_hugo(root: &Path, count: usize) {
    fs::create_dir_all(root.join("layouts/_default")).unwrap();
    fs::write(root.join("config.toml"), include_str!("hugo/config.toml")).unwrap();
    let layouts = [
        ("baseof.html", include_str!("hugo/baseof.html")),
        ("list.html", include_str!("hugo/list.html")),
        ("single.html", include_str!("hugo/single.html")),
        ("terms.html", include_str!("hugo/terms.html")),
    ];
    for (name, text) in layouts {
        fs::write(root.join("layouts/_default").join(name), text).unwrap();
    }
    let content = root.join("content/notices");
    fs::create_dir_all(&content).unwrap();
    for notice in (0..count).map(made::notice) {
        fs::write(content.join(format!("{}.md", notice.id)), notice.hugo_source()).unwrap();
    }
}

fn handbill(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handbill"));
    command.arg("-C").arg(root);
    command
}

fn run(command: &mut Command) {
    assert!(command.stdout(Stdio::null()).status().unwrap().success());
}

fn compress(folder: &Path) {
    let mut command = Command::new("find");
    run(command.arg(folder).args(["-type", "f", "-size", "+512c", "-exec", "gzip", "-k6", "{}", "+"]));
}

/// One notice at a time into a service that runs: a file appears, a look, its documents are in their places.
fn publish(root: &Path, count: usize, rounds: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let installation = Installation::open(root).unwrap();
    let begun = Clock::wall().now();
    let (mut publisher, first) = meter::threads(|| {
        runtime.block_on(async {
            let ledger = installation.ledger().await.unwrap();
            let templates = Arc::new(installation.templates().unwrap());
            let mut publisher = Publisher::new(&installation, &ledger, templates, "bench".to_owned());
            publisher.look(begun).await.unwrap();
            publisher
        })
    });
    println!("the first look:            {first}");
    for round in 0..rounds {
        let now = begun + TimeDelta::seconds(10 * i64::try_from(round + 1).unwrap());
        let (_, idle) = meter::threads(|| runtime.block_on(publisher.look(now)).unwrap());
        write_new(root, count + round, now);
        let (looked, one) = meter::threads(|| runtime.block_on(publisher.look(now)).unwrap());
        let written = looked.written.unwrap();
        println!(
            "publishing one more:       {one}, {} documents; a look at nothing: {idle}",
            written.changed
        );
        assert!(written.changed > 3);
    }
    hint::black_box(publisher);
}

// Of today, as a notice that somebody has just written.
fn write_new(root: &Path, number: usize, now: DateTime<Utc>) {
    let (published_at, starts_at) = (now - TimeDelta::days(1), now + TimeDelta::days(9));
    made::Made { published_at, starts_at, ..made::notice(number) }.write(&root.join("notices"));
}
