//! Backup: all that cannot be made again, encrypted, in one file; and an installation made from it.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use age::{Decryptor, Identity, IdentityFile};
use anyhow::{Context, bail};
use chrono::{DateTime, Utc};

use crate::clock::Clock;
use crate::command::newfile::{self, NewFile};
use crate::command::terminal::say;
use crate::command::{Ended, unread};
use crate::installation::Installation;

/// Options of `backup`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The file to write; it must not be there yet.
    pub file: PathBuf,
    /// Whom it is encrypted to: an age recipient, `age1…`; again for another.
    #[arg(long = "to", value_name = "RECIPIENT", required = true)]
    pub to: Vec<String>,
    /// With the key of the addresses: whoever can open the file has the list of names.
    #[arg(long)]
    pub with_key: bool,
}

/// Options of `restore`.
#[derive(Debug, clap::Args)]
pub struct Restore {
    /// What `backup` wrote.
    pub file: PathBuf,
    /// A file with the age identity that opens it, `AGE-SECRET-KEY-…`.
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,
}

// The ledger's name in the archive, which no file of an installation has: its own lies in the data folder.
const LEDGER: &str = "ledger.db.copy";

/// Writes a backup.
pub async fn run(installation: &Installation, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    let recipients = newfile::recipients(&arguments.to)?;
    let mut file = NewFile::begin(&arguments.file, &recipients)?;
    let ledger = installation.ledger().await?;
    let with = if arguments.with_key { "with the key" } else { "without the key" };
    ledger.audit("backup", &format!("{with}, {}", arguments.to.join(", ")), clock.now()).await?;
    let files = files(installation, arguments.with_key, file.part())?;
    let copy = ledger.copy().await?;
    let mut archive = tar::Builder::new(&mut file);
    archive.follow_symlinks(false);
    for path in &files {
        let named = || format!("back up {}", path.display());
        archive.append_path_with_name(installation.root.join(path), path).with_context(named)?;
    }
    if let Some(copy) = &copy {
        append(&mut archive, LEDGER, copy, clock.now()).context("back up the ledger")?;
    }
    archive.finish().context("end the backup")?;
    drop(archive);
    file.finish()?;
    say(format_args!("{} files in {}, encrypted.", files.len(), arguments.file.display()))?;
    if copy.is_none() {
        say("The ledger is not in it, but in PostgreSQL: `pg_dump` copies it, and `age` encrypts it.")?;
    }
    // A key that is kept outside of the installation is not among its files.
    if !files.contains(&installation.config.key_file) {
        say(format_args!(
            "The key is not in it: without a copy of {}, in another place, no address can be read.",
            installation.config.key_file.display()
        ))?;
    }
    Ok(Ended::Well)
}

/// Makes an installation from a backup; nothing is sent from it before somebody says so.
pub async fn restore(root: &Path, arguments: &Restore, clock: &Clock) -> anyhow::Result<Ended> {
    let is_empty = fs::read_dir(root).map_or(true, |mut entries| entries.next().is_none());
    if !is_empty {
        bail!("{} is not empty; name a new folder with -C", root.display());
    }
    // Beside its place, so that half an installation never stands there.
    let named = || format!("make {}", root.display());
    let absolute = std::path::absolute(root).with_context(named)?;
    let around = absolute.parent().with_context(named)?;
    let beside = tempfile::Builder::new().prefix(".restore-").tempdir_in(around).with_context(named)?;
    unpack(arguments, beside.path()).context("open the backup")?;
    fs::create_dir_all(root).with_context(named)?;
    for entry in fs::read_dir(beside.path()).with_context(named)? {
        let entry = entry.with_context(named)?;
        fs::rename(entry.path(), root.join(entry.file_name())).with_context(named)?;
    }
    let installation = Installation::open(root)?;
    let copy = root.join(LEDGER);
    if copy.exists() {
        let data = installation.data();
        fs::create_dir_all(&data).context("make the data folder")?;
        let place = data.join("ledger.db");
        if place.exists() {
            bail!("{} is there already; nothing was put in its place", place.display());
        }
        fs::rename(&copy, &place).context("put the ledger into its place")?;
        // What was sent since is not known here, and would go out again.
        let ledger = installation.ledger().await?;
        ledger.hold(clock.now()).await?;
        ledger.skip_numbers(clock.now()).await?;
    }
    say(format_args!("Made {} as it was. Sending is held until `handbill resume`:", root.display()))?;
    say(
        "before that, `handbill queue` and `handbill plan` show what would go out, a second time if it went since.",
    )?;
    if !installation.key_path().exists() {
        say(format_args!("Put the key into its place: {}.", installation.key_path().display()))?;
    }
    Ok(Ended::Well)
}

// The files of an installation, relative to its folder: all but its data, its key, the file under way, and what is
// encrypted with age already, such as an earlier backup.
fn files(installation: &Installation, with_key: bool, part: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let key = installation.root.join(&installation.config.key_file);
    let left_out = [installation.data(), part.to_owned()].into_iter().chain((!with_key).then_some(key));
    let left_out: Vec<PathBuf> = left_out.filter_map(|path| path.canonicalize().ok()).collect();
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let path = installation.root.join(&folder);
        for entry in fs::read_dir(&path).with_context(|| format!("read {}", path.display()))? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let relative = folder.join(entry.file_name());
            let is_left_out = entry.path().canonicalize().is_ok_and(|path| left_out.contains(&path));
            if is_left_out || relative.extension().is_some_and(|ending| ending == "age") {
                continue;
            }
            match kind.is_dir() {
                true => folders.push(relative),
                // Not sockets and the like.
                false if kind.is_file() || kind.is_symlink() => files.push(relative),
                false => {}
            }
        }
    }
    files.sort();
    Ok(files)
}

fn append(
    archive: &mut tar::Builder<impl io::Write>,
    name: &str,
    bytes: &[u8],
    now: DateTime<Utc>,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o600);
    header.set_mtime(now.timestamp().unsigned_abs());
    archive.append_data(&mut header, name, bytes)
}

fn unpack(arguments: &Restore, root: &Path) -> anyhow::Result<()> {
    let identities = IdentityFile::from_file(arguments.identity.display().to_string())
        .map_err(|err| unread(&arguments.identity, err))?
        .into_identities()
        .with_context(|| format!("read {}", arguments.identity.display()))?;
    let file = fs::File::open(&arguments.file).map_err(|err| unread(&arguments.file, err))?;
    let opened = Decryptor::new(io::BufReader::new(file))
        .and_then(|decryptor| {
            decryptor.decrypt(identities.iter().map(|identity| identity.as_ref() as &dyn Identity))
        })
        .with_context(|| format!("open {} with that identity", arguments.file.display()))?;
    let mut archive = tar::Archive::new(opened);
    archive.set_preserve_permissions(true);
    archive.unpack(root).context("unpack it")?;
    // What is behind the archive's end is checked, too: a file that was cut off is no backup.
    archive.into_inner().read_to_end(&mut Vec::new()).context("read it to its end")?;
    Ok(())
}
