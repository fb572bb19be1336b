//! Machine: the clock and the disk.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::command::doctor::finding::Finding;

// A ledger of a hundred thousand people is some hundred MB; SQLite's log can grow to as much again.
const FEW_BYTES: u64 = 1 << 30;
const TOO_FEW_BYTES: u64 = 100 << 20;

// Each commit waits for one or two.
const SLOW_FSYNC: Duration = Duration::from_millis(100);

/// Whether the system says that its clock follows others.
pub fn clock() -> Finding {
    // systemd's word for the kernel's state, whichever program sets it.
    let asked = Command::new("timedatectl").args(["show", "--property=NTPSynchronized", "--value"]).output();
    let says = asked.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    match says.as_deref().map(<[u8]>::trim_ascii) {
        Some(b"yes") => Finding::ok("clock", "follows others by NTP"),
        Some(b"no") => {
            Finding::warn("clock", "follows no other", "run an NTP client, such as systemd-timesyncd")
        }
        Some(_) | None => Finding::ok("clock", "whether it follows others is not known here"),
    }
}

/// Whether the data folder can be written, durably, and has room.
pub fn disk(folder: &Path) -> Vec<Finding> {
    let what = "disk";
    if let Err(err) = std::fs::create_dir_all(folder) {
        let help = "let the service's user write there";
        return vec![Finding::fail(what, format!("{} cannot be made: {err}", folder.display()), help)];
    }
    vec![space(folder), durable(folder)]
}

#[cfg(unix)]
fn space(folder: &Path) -> Finding {
    match rustix::fs::statvfs(folder) {
        Err(err) => {
            Finding::fail("disk", format!("its space cannot be read: {err}"), "look at the file system")
        }
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let says = format!("{} MiB are free in {}", free >> 20, folder.display());
            if free < TOO_FEW_BYTES {
                Finding::fail("disk", says, "make room: a full disk stops the ledger")
            } else if free < FEW_BYTES {
                Finding::warn("disk", says, "make room soon")
            } else {
                Finding::ok("disk", says)
            }
        }
    }
}

#[cfg(not(unix))]
fn space(folder: &Path) -> Finding {
    Finding::ok("disk", format!("the space in {} is not known here", folder.display()))
}

fn durable(folder: &Path) -> Finding {
    match write_durably(folder) {
        Err(err) => {
            let says = format!("{} cannot be written: {err}", folder.display());
            Finding::fail("fsync", says, "let the service's user write there")
        }
        Ok(took) if took > SLOW_FSYNC => {
            let says = format!("takes {} ms, and each commit waits for it", took.as_millis());
            Finding::warn("fsync", says, "put the data folder on a local disk")
        }
        Ok(took) => Finding::ok("fsync", format!("takes {:.1} ms", took.as_secs_f64() * 1e3)),
    }
}

fn write_durably(folder: &Path) -> io::Result<Duration> {
    let mut file = tempfile::tempfile_in(folder)?;
    file.write_all(&[0; 4096])?;
    let started = Instant::now();
    file.sync_all()?;
    File::open(folder)?.sync_all()?;
    Ok(started.elapsed())
}
