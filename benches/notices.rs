//! Notices: 10,000 files read, parsed and checked, beside a bare loop of the same two parsers.
//!
//! `cargo bench --bench notices [-- count]`, or `-- count folder` to write them there and end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark may fail and prints its result"
)]

use std::path::{Path, PathBuf};
use std::{env, fs, hint};

use handbill::config;
use handbill::folder::Folder;

mod made;
mod meter;

const COUNT: usize = 10_000;
const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let count = arguments.first().and_then(|it| it.parse().ok()).unwrap_or(COUNT);
    if let Some(folder) = arguments.get(1) {
        made::write_all(&PathBuf::from(folder), count);
        return;
    }
    let folder = meter::folder();
    made::write_all(folder.path(), count);
    let bytes: u64 = paths(folder.path()).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    println!("{count} notices of {} bytes on average", bytes / count as u64);
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let ((), bare) = meter::threads(|| parse_alone(folder.path()));
        let ((), ours) = meter::threads(|| read(folder.path(), count));
        println!("toml and comrak alone: {bare}\nFolder::read:          {ours}");
        best = best.min(ours.cpu.as_secs_f64() / bare.cpu.as_secs_f64());
    }
    println!("CPU of Folder::read over that of the parsers alone, best of {ROUNDS}: {best:.2}");
}

fn paths(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn parse_alone(folder: &Path) {
    let options = comrak::Options::default();
    for path in paths(folder) {
        let text = fs::read_to_string(path).unwrap();
        let (front, body) = text.strip_prefix("+++\n").unwrap().split_once("\n+++\n").unwrap();
        hint::black_box(toml::from_str::<toml::Table>(front).unwrap());
        hint::black_box(comrak::markdown_to_html(body, &options));
    }
}

fn read(folder: &Path, count: usize) {
    let config = config::parse("handbill.toml", include_str!("../seeds/handbill.toml")).0.unwrap();
    let mut reader = Folder::new(folder.to_owned(), "notices", config.site.defaults());
    let reading = reader.read().unwrap().unwrap();
    let errors = reading.reports.iter().filter(|report| report.has_errors()).count();
    assert_eq!((reading.drafts.len(), errors), (count, 0), "{:?}", reading.reports.first());
    hint::black_box(reading);
}
