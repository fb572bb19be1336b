//! Outbox: messages as `.eml` files in a folder, for a person or another program to take.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use crate::delivery::{Answer, Outcome};
use crate::durable;

// File systems allow 255 bytes; the rest is for the hash and for the name while it is written.
const MAX_KEY_CHARS: usize = 120;

// The head of a mail of ours is some kB with its signatures.
const MAX_HEAD_BYTES: u64 = 64 * 1024;

/// A folder that messages are put into.
#[derive(Debug, Clone)]
pub struct Outbox {
    folder: PathBuf,
    fsync: bool,
}

impl Outbox {
    /// The outbox in a folder, which is made when the first message comes. With `fsync` a message that was
    /// answered for outlives a power loss; without, only a crash.
    pub fn new(folder: PathBuf, fsync: bool) -> Self {
        Self { folder, fsync }
    }

    /// Puts the message there under a name that follows from its key alone: putting it twice is putting it
    /// once. The message is whole in its place or not there at all. `Err` is our own disk's.
    pub async fn put(&self, key: &str, message: &[u8]) -> io::Result<Answer> {
        let started = Instant::now();
        let (outbox, name, message) = (self.clone(), file_name(key), message.to_vec());
        let written = spawn_blocking(move || outbox.write(&name, &message).map(|()| name)).await;
        let name = written.map_err(io::Error::other)??;
        Ok(kept(name, started.elapsed()))
    }

    fn write(&self, name: &str, message: &[u8]) -> io::Result<()> {
        let path = self.folder.join(name);
        fs::create_dir_all(&self.folder)?;
        if !holds(&path, message)? {
            let mut file = tempfile::Builder::new().prefix(".").suffix(".part").tempfile_in(&self.folder)?;
            file.write_all(message)?;
            if self.fsync {
                file.as_file().sync_all()?;
            }
            file.persist(&path).map_err(|err| err.error)?;
        }
        // Also when it was there before: the one who put it may have died before it came to this.
        if self.fsync {
            File::open(&path)?.sync_all()?;
            durable::sync_name(&path)?;
        }
        Ok(())
    }
}

/// The mails in the folder, and what a crash left of one that was being put there: each names its recipient.
pub fn mails(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(err) => return Err(err),
    };
    let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let is_mail = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "eml" || ending == "part");
    Ok(paths?.into_iter().filter(is_mail).collect())
}

/// To whom a mail in the folder is, as its head says; nobody when that is broken off.
pub fn recipient(mail: &Path) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    File::open(mail)?.take(MAX_HEAD_BYTES).read_to_end(&mut head)?;
    let lines = head.split(|byte| *byte == b'\n').take_while(|line| !line.trim_ascii().is_empty());
    let mut to = lines.filter_map(|line| line.strip_prefix(b"To: "));
    Ok(to.next().map(|address| String::from_utf8_lossy(address.trim_ascii()).into_owned()))
}

/// Destroys a mail in the folder; answers whether it was still there.
pub fn destroy(mail: &Path) -> io::Result<bool> {
    match durable::destroy(mail) {
        Ok(()) => Ok(true),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(err) => Err(err),
    }
}

fn holds(path: &Path, message: &[u8]) -> io::Result<bool> {
    match fs::read(path) {
        Ok(there) => Ok(there == message),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(err) => Err(err),
    }
}

// Readable for a person, and by the hash another name for every other key.
fn file_name(key: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let readable: String =
        key.chars().take(MAX_KEY_CHARS).map(|c| if is_plain(c) { c } else { '-' }).collect();
    let hash: String = Sha256::digest(key).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    // A dot in front would hide it.
    format!("{}-{hash}.eml", readable.trim_start_matches('.'))
}

fn kept(name: String, took: Duration) -> Answer {
    let text = format!("kept as {name}");
    Answer { outcome: Outcome::Sent, code: None, enhanced: None, text, retry_after: None, took }
}
