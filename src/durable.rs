//! Durable: files that stand whole in their places or not at all, and outlive a power loss.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

/// Puts a file with these bytes in the place of `path`. On disk when it returns.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    // As for any new file: whom the umask lets read it.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder_of(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_name(path)
}

/// Puts a file that is on disk under another name in the same folder in the place of `path`.
pub fn rename(part: &Path, path: &Path) -> io::Result<()> {
    fs::rename(part, path)?;
    sync_name(path)
}

/// Writes over a file and removes it. What a disk or a copy keeps elsewhere is not reached.
pub fn destroy(path: &Path) -> io::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(0))?;
    io::copy(&mut io::repeat(0).take(length), &mut file)?;
    file.sync_all()?;
    fs::remove_file(path)
}

/// Makes a new name of a file outlive a power loss, too: that is its folder's to keep.
pub fn sync_name(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    }
}
