//! Shelf: the folder of documents as the web shows it, the hot ones in memory.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use axum::body::Bytes;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::channel::site::{self, Entry, Error, Manifest};
use crate::web::coding::Coding;

/// The most that is kept in memory, in bytes: the feeds and the front page of a large site, many times over.
pub const MAX_HOT_BYTES: usize = 8 * 1024 * 1024;

/// The documents of one folder.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    manifest: RwLock<Arc<Manifest>>,
    hot: Mutex<Hot>,
}

/// What is kept in memory, by the ETag of its bytes: whoever still reads by an old manifest can put nothing
/// old in the place of anything new.
#[derive(Debug, Default)]
struct Hot {
    documents: HashMap<(String, Coding), (String, Bytes)>,
    bytes: usize,
}

impl Shelf {
    /// The shelf of a folder as it stands.
    ///
    /// # Errors
    /// When its manifest cannot be read.
    pub fn open(folder: PathBuf) -> Result<Self, Error> {
        let manifest = site::read_manifest(&folder)?;
        Ok(Self { folder, manifest: RwLock::new(Arc::new(manifest)), hot: Mutex::default() })
    }

    /// Shows from now on what stands in the folder: called when it has been written.
    ///
    /// # Errors
    /// When its manifest cannot be read; the shelf shows what it showed.
    pub fn reload(&self) -> Result<(), Error> {
        self.show(site::read_manifest(&self.folder)?);
        Ok(())
    }

    /// Shows what stands in the folder whenever another process has written it, until `stop`.
    pub async fn watch(&self, every: Duration, stop: CancellationToken) {
        let mut seen = None;
        while !stop.is_cancelled() {
            let now = site::written_at(&self.folder);
            if now != seen {
                match self.reload() {
                    Ok(()) => seen = now,
                    // Half written, or gone for a moment: what was shown is shown on.
                    Err(err) => warn!(error = %err, "The documents cannot be read anew; trying again."),
                }
            }
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Shows what this manifest says, which has just been written.
    pub fn show(&self, manifest: Manifest) {
        let manifest = Arc::new(manifest);
        *self.manifest.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&manifest);
        self.hot.lock().unwrap_or_else(PoisonError::into_inner).keep(&manifest);
    }

    /// What is shown.
    pub fn manifest(&self) -> Arc<Manifest> {
        Arc::clone(&self.manifest.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The bytes of a document in a coding, or none when its file is not there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn read(&self, path: &str, entry: &Entry, coding: Coding) -> io::Result<Option<Bytes>> {
        if let Some(bytes) = self.hot_bytes(path, entry, coding) {
            return Ok(Some(bytes));
        }
        let file = self.folder.join(format!("{path}{}", coding.suffix()));
        let bytes = match tokio::fs::read(file).await {
            Ok(bytes) => Bytes::from(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if is_hot(path) {
            self.hot.lock().unwrap_or_else(PoisonError::into_inner).put(path, entry, coding, &bytes);
        }
        Ok(Some(bytes))
    }

    /// How many bytes are kept in memory.
    pub fn hot_size(&self) -> usize {
        self.hot.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }

    fn hot_bytes(&self, path: &str, entry: &Entry, coding: Coding) -> Option<Bytes> {
        if !is_hot(path) {
            return None;
        }
        let hot = self.hot.lock().unwrap_or_else(PoisonError::into_inner);
        let (etag, bytes) = hot.documents.get(&(path.to_owned(), coding))?;
        (*etag == entry.etag).then(|| bytes.clone())
    }
}

impl Hot {
    fn put(&mut self, path: &str, entry: &Entry, coding: Coding, bytes: &Bytes) {
        let key = (path.to_owned(), coding);
        if let Some((_, old)) = self.documents.remove(&key) {
            self.bytes -= old.len();
        }
        if self.bytes + bytes.len() <= MAX_HOT_BYTES {
            self.bytes += bytes.len();
            self.documents.insert(key, (entry.etag.clone(), bytes.clone()));
        }
    }

    fn keep(&mut self, manifest: &Manifest) {
        self.documents.retain(|(path, _), (etag, _)| {
            manifest.documents.get(path).is_some_and(|entry| entry.etag == *etag)
        });
        self.bytes = self.documents.values().map(|(_, bytes)| bytes.len()).sum();
    }
}

// What many ask for all the time; a notice's own page is read from the system's cache.
fn is_hot(path: &str) -> bool {
    matches!(path, "index.html" | "actions/index.html" | "404.html")
        || ["feeds/", "calendar/", "style."].iter().any(|prefix| path.starts_with(prefix))
}
