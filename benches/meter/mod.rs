//! Meter: what some work took, in wall time and CPU time, as Linux counts them (man 5 proc).
#![allow(dead_code, reason = "each benchmark takes what it needs")]

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// What some work took.
#[derive(Clone, Copy)]
pub struct Spent {
    pub wall: Duration,
    pub cpu: Duration,
}

// USER_HZ is 100 on every Linux that a program can ask.
const TICK: Duration = Duration::from_millis(10);

/// Runs work in ended processes: the CPU of this process and of those it has waited for.
pub fn processes<T>(work: impl FnOnce() -> T) -> (T, Spent) {
    let (started, before) = (Instant::now(), all_ticks());
    let done = work();
    let cpu = TICK * (all_ticks() - before);
    (done, Spent { wall: started.elapsed(), cpu })
}

/// Runs work in threads of this process that outlive it, to the microsecond.
pub fn threads<T>(work: impl FnOnce() -> T) -> (T, Spent) {
    let (started, before) = (Instant::now(), thread_time("self"));
    let done = work();
    let cpu = thread_time("self") - before;
    (done, Spent { wall: started.elapsed(), cpu })
}

/// The CPU that a running process has used.
pub fn of_process(id: u32) -> Duration {
    TICK * stat(&id.to_string(), 2)
}

/// A field of a running process's `status`, in KiB: `VmHWM` is the most memory it ever had.
pub fn memory(id: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// How many files are in a folder and those below it.
pub fn files(folder: &Path) -> usize {
    let count = |entry: fs::DirEntry| match entry.file_type().unwrap().is_dir() {
        true => files(&entry.path()),
        false => 1,
    };
    fs::read_dir(folder).unwrap().map(|entry| count(entry.unwrap())).sum()
}

/// A folder for what a benchmark makes, on the disk of the build: `/tmp` may be memory.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn all_ticks() -> u32 {
    stat("self", 4)
}

// utime and stime, then those of ended children.
fn stat(process: &str, fields: usize) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, after_name) = stat.rsplit_once(')').unwrap();
    let ticks = after_name.split_ascii_whitespace().skip(11).take(fields);
    ticks.map(|field| field.parse::<u32>().unwrap()).sum()
}

// The first number of a thread's schedstat is the time it ran, in nanoseconds.
fn thread_time(process: &str) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let ran = |task: fs::DirEntry| {
        let text = fs::read_to_string(task.path().join("schedstat")).unwrap();
        text.split_ascii_whitespace().next().unwrap().parse::<u64>().unwrap()
    };
    Duration::from_nanos(tasks.map(|task| ran(task.unwrap())).sum())
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wall {:8.3} s, CPU {:8.3} s", self.wall.as_secs_f64(), self.cpu.as_secs_f64())
    }
}
