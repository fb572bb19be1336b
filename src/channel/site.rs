//! Site: the documents as files in a folder that any static host can serve.
//!
//! A file is written beside its place and renamed into it, so nobody ever reads half of one. A journal names
//! the paths of a run before the first of them is touched, and the manifest is written after the last: the
//! run after a crash takes the manifest's word for every other path and looks at those again.
//!
//! Of ten thousand notices the manifest is megabytes, and a new notice changes twenty of its lines: these are
//! written to a small file that is laid over the large one when both are read, and from time to time into it.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;
use std::{fs, io, thread, vec};

use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::notice::picture;
use crate::render::calendar;
use crate::render::feed::Format;
use crate::render::site::{Catalog, Document, Picture, What};
use crate::render::templates;

/// What is in the folder.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// By path under the folder.
    pub documents: BTreeMap<String, Entry>,
    /// The paths of notices that were taken back, with the Unix seconds at which that was seen.
    pub gone: BTreeMap<String, i64>,
    /// The paths of a run that was interrupted: what stands there is whole, and may be another version.
    #[serde(skip)]
    suspects: BTreeSet<String>,
    /// Of its file's bytes; none while it has no file.
    #[serde(skip)]
    whole: Option<String>,
    /// The paths of which that file does not say what is so.
    #[serde(skip)]
    recent: BTreeSet<String>,
}

/// What has become of some paths since the manifest was written whole.
#[derive(Debug, Serialize, Deserialize)]
struct Recent<P: Ord, E> {
    /// Of the bytes of that manifest: over another one it means nothing.
    over: String,
    /// None where no document is any more.
    documents: BTreeMap<P, Option<E>>,
    /// Those of the paths that are gone.
    gone: BTreeMap<P, i64>,
}

/// A document as it stands in the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Of the inputs that its bytes follow from.
    pub stamp: u64,
    /// Of its bytes, without quotes: the first 16 bytes of their SHA-256 in hex.
    pub etag: String,
    /// Unix seconds; later by at least one whenever the bytes are others.
    pub last_modified: i64,
    /// For HTTP.
    pub content_type: String,
    /// In bytes.
    pub length: u64,
    /// Bytes of the `.gz` beside it, when that is worth it.
    pub gzip: Option<u64>,
    /// Bytes of the `.br` beside it, when that is worth it.
    pub brotli: Option<u64>,
}

/// The stamps of the pages of the notices whose documents stand as a manifest says, by the notices' slots: what need
/// not be compared with it line by line. It is of the manifest and the cards that it was filled with, and empty it
/// is of any.
#[derive(Debug, Default)]
pub struct Standing(Vec<Option<u64>>);

/// What one run changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Documents that were rendered, because one of their inputs was another.
    pub rendered: usize,
    /// Those of them whose bytes were others.
    pub changed: usize,
    /// Documents that are no more.
    pub removed: usize,
}

/// What kept the folder from being written: our side failed.
#[derive(Debug, Error)]
pub enum Error {
    /// A template cannot be rendered.
    #[error("{path} cannot be rendered: {source}")]
    Template {
        /// Of which document.
        path: String,
        /// Why.
        source: templates::Error,
    },
    /// A file cannot be read, written or removed.
    #[error("{path} cannot be written or read: {source}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The run of a folder's writing, one change of the folder at a time, so that a test can stop it anywhere.
#[derive(Debug)]
pub struct Writing<'a> {
    folder: &'a Path,
    catalog: &'a Catalog<'a>,
    now: DateTime<Utc>,
    manifest: Manifest,
    standing: Standing,
    documents: vec::IntoIter<Document>,
    rendered: VecDeque<Rendered>,
    removals: Vec<String>,
    steps: VecDeque<Step>,
    stage: Stage,
    written: Written,
}

/// A document with its bytes.
#[derive(Debug)]
struct Rendered {
    document: Document,
    etag: String,
    /// None when the same bytes stand in the folder.
    forms: Option<Forms>,
}

/// The bytes of a document, and those of its compressed forms that are worth it.
#[derive(Debug)]
struct Forms {
    plain: Vec<u8>,
    gzip: Option<Vec<u8>>,
    brotli: Option<Vec<u8>>,
}

/// One change of the folder.
#[derive(Debug)]
enum Step {
    WriteTemporary(Vec<u8>),
    RenameTemporary(PathBuf),
    Remove(PathBuf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Journal,
    Documents,
    Removals,
    Manifest,
    Done,
}

/// The folder of what is no document; no web server shows it to anybody.
const OWN: &str = ".handbill";

const RECENT: &str = "recent.json";

/// Of so many paths the small file is some 100 KB, and two dozen notices come before the manifest is written
/// whole again; where all of them are few, it is when a quarter have changed.
const MOST_RECENT: usize = 500;

/// Documents that are rendered together, on all cores; they wait in memory to be written, some MiB.
const BATCH: usize = 256;

/// Smaller documents are not compressed: with the header of its encoding it still fits one packet.
const MIN_COMPRESSED: usize = 512;

/// gzip's default, for what people wait for: level 9 takes twice as long for one byte in a hundred.
const GZIP_LEVEL: u32 = 6;

/// The level for feeds and calendars, of which a notice changes a megabyte: level 6 takes two and a half times as
/// long for one byte in twenty, and who reads them asks first whether there is anything new.
const GZIP_LEVEL_OF_FEEDS: u32 = 3;

/// Brotli's level 5: pages by a tenth smaller than gzip's; level 11 takes a hundred times as long, and one
/// notice changes twenty documents.
const BROTLI_LEVEL: i32 = 5;

/// Brotli's window, 2^18 bytes: documents are smaller.
const BROTLI_WINDOW: i32 = 18;

/// The manifest of a folder, empty when there is none or none that can be read; without the documents whose
/// files are not as long as it says, which a power cut can leave behind, so that they are written again.
///
/// # Errors
/// When the folder cannot be read.
pub fn open(folder: &Path) -> Result<Manifest, Error> {
    let mut manifest = read_manifest(folder)?;
    let journal = journal_path(folder);
    if let Some(bytes) = read_if_there(&journal)? {
        // One that a power cut emptied says nothing of what it named: all are looked at again.
        let named: Option<BTreeSet<String>> = serde_json::from_slice(&bytes).ok();
        manifest.suspects.extend(named.unwrap_or_else(|| manifest.documents.keys().cloned().collect()));
    }
    let Manifest { documents, recent, .. } = &mut manifest;
    documents.retain(|path, entry| {
        let is_whole = entry.is_whole(folder, path);
        if !is_whole {
            recent.insert(path.clone());
        }
        is_whole
    });
    Ok(manifest)
}

/// The manifest of a folder as it was written last.
///
/// # Errors
/// When it is there and cannot be read.
pub fn read_manifest(folder: &Path) -> Result<Manifest, Error> {
    // Before the manifest: whoever writes that whole meanwhile writes into it what is read here.
    let recent = read_if_there(&recent_path(folder))?;
    let Some(bytes) = read_if_there(&manifest_path(folder))? else { return Ok(Manifest::default()) };
    let Ok(mut manifest) = serde_json::from_slice::<Manifest>(&bytes) else { return Ok(Manifest::default()) };
    let whole = etag(&bytes);
    match recent.map(|bytes| serde_json::from_slice::<Recent<String, Entry>>(&bytes)) {
        Some(Ok(recent)) if recent.over == whole => manifest.overlay(recent),
        Some(Ok(_)) | None => {}
        // A power cut emptied it: what the manifest says may be of any document what was so before.
        Some(Err(_)) => manifest.suspects = manifest.documents.keys().cloned().collect(),
    }
    manifest.whole = Some(whole);
    Ok(manifest)
}

/// Makes the folder hold the catalog's documents: renders those whose stamp is another than in `manifest`,
/// leaves alone whose bytes are the same, removes those that are no more.
///
/// # Errors
/// When a template or a file fails; the next run goes on from there.
pub fn write(
    folder: &Path,
    manifest: Manifest,
    catalog: &Catalog<'_>,
    now: DateTime<Utc>,
) -> Result<(Manifest, Written), Error> {
    let (manifest, _, written) = rewrite(folder, manifest, Standing::default(), catalog, now)?;
    Ok((manifest, written))
}

/// As `write`, over a manifest with what it gave when that was written.
///
/// # Errors
/// As `write`; then both are to be forgotten.
pub fn rewrite(
    folder: &Path,
    manifest: Manifest,
    standing: Standing,
    catalog: &Catalog<'_>,
    now: DateTime<Utc>,
) -> Result<(Manifest, Standing, Written), Error> {
    let mut writing = Writing::over(folder, manifest, standing, catalog, now);
    while writing.step()? {}
    Ok((writing.manifest, writing.standing, writing.written))
}

impl Manifest {
    fn overlay(&mut self, recent: Recent<String, Entry>) {
        let Recent { mut gone, documents, .. } = recent;
        for (path, entry) in documents {
            match gone.remove(&path) {
                Some(at) => self.gone.insert(path.clone(), at),
                None => self.gone.remove(&path),
            };
            match entry {
                Some(entry) => self.documents.insert(path.clone(), entry),
                None => self.documents.remove(&path),
            };
            self.recent.insert(path);
        }
    }

    fn recent(&self, over: &str) -> Recent<&String, &Entry> {
        let gone = self.recent.iter().filter_map(|path| Some((path, *self.gone.get(path)?)));
        Recent {
            over: over.to_owned(),
            documents: self.recent.iter().map(|path| (path, self.documents.get(path))).collect(),
            gone: gone.collect(),
        }
    }
}

impl<'a> Writing<'a> {
    /// The writing of the catalog's documents over what the manifest says is there.
    pub fn new(folder: &'a Path, manifest: Manifest, catalog: &'a Catalog<'a>, now: DateTime<Utc>) -> Self {
        Self::over(folder, manifest, Standing::default(), catalog, now)
    }

    fn over(
        folder: &'a Path,
        mut manifest: Manifest,
        mut standing: Standing,
        catalog: &'a Catalog<'a>,
        now: DateTime<Utc>,
    ) -> Self {
        if !manifest.suspects.is_empty() {
            standing.0.clear();
        }
        // A folder that is written anew has not seen them go.
        for path in catalog.gone() {
            manifest.gone.entry(path).or_insert(now.timestamp());
        }
        let stands = |slot: usize, stamp| standing.0.get(slot) == Some(&Some(stamp));
        let (mut documents, mut known) = catalog.documents_but(stands);
        documents.retain(|document| {
            let entry = manifest.documents.get(&document.path);
            known += usize::from(entry.is_some());
            let is_same = entry.is_some_and(|entry| entry.stamp == document.stamp)
                && !manifest.suspects.contains(&document.path);
            if is_same {
                standing.add(catalog, document);
            }
            !is_same
        });
        // No path occurs twice: when as many are known as the manifest has, none of its paths is left over.
        let removals = if known == manifest.documents.len() && manifest.suspects.is_empty() {
            Vec::new()
        } else {
            // One that is removed may come back as it was.
            standing.0.clear();
            removals(&manifest, catalog)
        };
        let is_done = documents.is_empty() && removals.is_empty();
        Self {
            folder,
            catalog,
            now,
            manifest,
            standing,
            documents: documents.into_iter(),
            rendered: VecDeque::new(),
            removals,
            steps: VecDeque::new(),
            stage: if is_done { Stage::Done } else { Stage::Journal },
            written: Written::default(),
        }
    }

    /// Makes one change of the folder; false when there is none left.
    ///
    /// # Errors
    /// When a template or a file fails.
    pub fn step(&mut self) -> Result<bool, Error> {
        loop {
            if let Some(step) = self.steps.pop_front() {
                self.perform(step)?;
                return Ok(true);
            }
            match self.stage {
                Stage::Journal => {
                    self.prepare_journal()?;
                    self.stage = Stage::Documents;
                }
                Stage::Documents => match self.next_rendered()? {
                    Some(rendered) => self.prepare(rendered),
                    None => self.stage = Stage::Removals,
                },
                Stage::Removals => match self.removals.pop() {
                    Some(path) => self.prepare_removal(&path),
                    None => self.stage = Stage::Manifest,
                },
                Stage::Manifest => {
                    self.prepare_manifest()?;
                    self.stage = Stage::Done;
                }
                Stage::Done => return Ok(false),
            }
        }
    }

    fn next_rendered(&mut self) -> Result<Option<Rendered>, Error> {
        if self.rendered.is_empty() {
            let batch: Vec<Document> = self.documents.by_ref().take(BATCH).collect();
            self.rendered = self.render(batch)?;
        }
        Ok(self.rendered.pop_front())
    }

    // Rendering and compressing are nearly all the work of a cold build: every core takes the next one.
    fn render(&self, batch: Vec<Document>) -> Result<VecDeque<Rendered>, Error> {
        let next = AtomicUsize::new(0);
        let take = || {
            let mut rendered = Vec::new();
            while let Some(document) = batch.get(next.fetch_add(1, Ordering::Relaxed)) {
                rendered.push(self.render_one(document)?);
            }
            Ok(rendered)
        };
        let cores = thread::available_parallelism().map_or(1, |cores| cores.get()).min(batch.len());
        let parts: Vec<Result<Vec<Rendered>, Error>> = thread::scope(|scope| {
            let others: Vec<_> = (1..cores).map(|_| scope.spawn(take)).collect();
            let own = take();
            let join = |other: thread::ScopedJoinHandle<'_, _>| {
                other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            others.into_iter().map(join).chain([own]).collect()
        });
        let mut rendered: Vec<Rendered> = Vec::with_capacity(batch.len());
        for part in parts {
            rendered.extend(part?);
        }
        // A test stops the run at a numbered change: the order is the same everywhere.
        rendered.sort_by(|a, b| a.document.path.cmp(&b.document.path));
        Ok(rendered.into())
    }

    fn render_one(&self, document: &Document) -> Result<Rendered, Error> {
        let plain = if let What::Picture(file) = &document.what {
            read_picture(&document.path, file)?
        } else {
            self.catalog
                .bytes(&document.what)
                .map_err(|source| Error::Template { path: document.path.clone(), source })?
        };
        let etag = etag(&plain);
        let stands = !self.manifest.suspects.contains(&document.path)
            && self.manifest.documents.get(&document.path).is_some_and(|entry| entry.etag == etag);
        let forms = (!stands).then(|| Forms {
            gzip: (!is_picture(&document.path))
                .then(|| smaller(gzip(&plain, gzip_level(&document.path)), &plain))
                .flatten(),
            brotli: is_for_browsers(&document.path).then(|| smaller(brotli(&plain), &plain)).flatten(),
            plain,
        });
        Ok(Rendered { document: document.clone(), etag, forms })
    }

    fn prepare(&mut self, rendered: Rendered) {
        let Rendered { document, etag, forms } = rendered;
        self.written.rendered += 1;
        self.manifest.recent.insert(document.path.clone());
        self.standing.add(self.catalog, &document);
        let old = self.manifest.documents.get_mut(&document.path);
        let Some(Forms { plain, gzip, brotli }) = forms else {
            old.into_iter().for_each(|entry| entry.stamp = document.stamp);
            return;
        };
        let now = self.now.timestamp();
        let last_modified = match &old {
            Some(old) if old.etag == etag => old.last_modified,
            Some(old) => now.max(old.last_modified + 1),
            None => now,
        };
        self.written.changed += usize::from(old.is_none_or(|old| old.etag != etag));
        let entry = Entry {
            stamp: document.stamp,
            etag,
            last_modified,
            content_type: content_type(&document.path).to_owned(),
            length: length(&plain),
            gzip: gzip.as_deref().map(length),
            brotli: brotli.as_deref().map(length),
        };
        self.prepare_file(&document.path, Some(plain));
        self.prepare_file(&format!("{}.gz", document.path), gzip);
        self.prepare_file(&format!("{}.br", document.path), brotli);
        self.manifest.gone.remove(&document.path);
        self.manifest.documents.insert(document.path, entry);
    }

    fn prepare_file(&mut self, path: &str, bytes: Option<Vec<u8>>) {
        let place = self.folder.join(path);
        match bytes {
            Some(bytes) if holds(&place, &bytes) => {}
            Some(bytes) => self.prepare_write(bytes, place),
            None if place.exists() => self.steps.push_back(Step::Remove(place)),
            None => {}
        }
    }

    fn prepare_removal(&mut self, path: &str) {
        self.written.removed += 1;
        self.manifest.recent.insert(path.to_owned());
        let was_shown = self.manifest.documents.remove(path).is_some();
        if was_shown && is_of_notice(path) {
            self.manifest.gone.insert(path.to_owned(), self.now.timestamp());
        }
        for path in [path.to_owned(), format!("{path}.gz"), format!("{path}.br")] {
            self.prepare_file(&path, None);
        }
    }

    fn prepare_journal(&mut self) -> Result<(), Error> {
        let documents = self.documents.as_slice().iter().map(|document| &document.path);
        let paths: BTreeSet<&String> =
            documents.chain(&self.removals).chain(&self.manifest.suspects).collect();
        let bytes = json(&paths, journal_path(self.folder))?;
        self.prepare_write(bytes, journal_path(self.folder));
        Ok(())
    }

    fn prepare_manifest(&mut self) -> Result<(), Error> {
        self.manifest.suspects.clear();
        let most_recent = MOST_RECENT.min(self.manifest.documents.len() / 4);
        match &self.manifest.whole {
            Some(whole) if self.manifest.recent.len() <= most_recent => {
                let bytes = json(&self.manifest.recent(whole), recent_path(self.folder))?;
                self.prepare_write(bytes, recent_path(self.folder));
            }
            Some(_) | None => {
                let bytes = json(&self.manifest, manifest_path(self.folder))?;
                self.manifest.whole = Some(etag(&bytes));
                self.manifest.recent.clear();
                self.prepare_write(bytes, manifest_path(self.folder));
                // It is of an older manifest, and until it is removed nobody takes it for more.
                self.prepare_file(&format!("{OWN}/{RECENT}"), None);
            }
        }
        self.steps.push_back(Step::Remove(journal_path(self.folder)));
        Ok(())
    }

    fn prepare_write(&mut self, bytes: Vec<u8>, place: PathBuf) {
        self.steps.push_back(Step::WriteTemporary(bytes));
        self.steps.push_back(Step::RenameTemporary(place));
    }

    fn perform(&self, step: Step) -> Result<(), Error> {
        let temporary = self.folder.join(OWN).join("next");
        match step {
            Step::WriteTemporary(bytes) => in_folder(&temporary, || fs::write(&temporary, &bytes)),
            Step::RenameTemporary(to) => in_folder(&to, || fs::rename(&temporary, &to)),
            Step::Remove(path) => remove(self.folder, &path),
        }
    }
}

impl Standing {
    // The calendar file of an action follows from less than its page, and both are written in one run.
    fn add(&mut self, catalog: &Catalog<'_>, document: &Document) {
        let What::Notice(id) = &document.what else { return };
        let Some(slot) = catalog.slot(id) else { return };
        if self.0.len() <= slot {
            self.0.resize(slot + 1, None);
        }
        self.0[slot] = Some(document.stamp);
    }
}

impl Entry {
    fn is_whole(&self, folder: &Path, path: &str) -> bool {
        let is_long = |suffix: &str, length: u64| {
            fs::metadata(folder.join(format!("{path}{suffix}"))).is_ok_and(|file| file.len() == length)
        };
        is_long("", self.length)
            && self.gzip.is_none_or(|length| is_long(".gz", length))
            && self.brotli.is_none_or(|length| is_long(".br", length))
    }
}

// The paths at which something stands that is no document any more.
fn removals(manifest: &Manifest, catalog: &Catalog<'_>) -> Vec<String> {
    let documents = catalog.documents();
    let paths: HashSet<&str> = documents.iter().map(|document| document.path.as_str()).collect();
    let known: BTreeSet<&String> = manifest.documents.keys().chain(&manifest.suspects).collect();
    // A page stands on as it was when its picture's file is taken away or spoilt, and so does the picture.
    let pictures = catalog.pictures();
    let is_left_over = |path: &&String| !paths.contains(path.as_str()) && !pictures.contains(*path);
    known.into_iter().filter(is_left_over).cloned().collect()
}

/// The media type of a document, by what its path ends in.
pub fn content_type(path: &str) -> &'static str {
    let end = path.rsplit('.').next().unwrap_or_default();
    if let Some(format) = Format::ALL.into_iter().find(|format| format.extension() == end) {
        return format.content_type();
    }
    if let Some(media_type) = picture::media_type(path) {
        return media_type;
    }
    match end {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "opml" => "text/x-opml; charset=utf-8",
        calendar::EXTENSION => calendar::CONTENT_TYPE,
        _ => "text/plain; charset=utf-8",
    }
}

/// The pictures of a catalog's notices that are found in `folder`, which holds `media/`, and can be cleaned. What
/// the manifest knows is not read again.
pub fn find_pictures(
    folder: &Path,
    manifest: &Manifest,
    names: BTreeSet<String>,
) -> BTreeMap<String, Picture> {
    let find = |name: String| {
        let file = folder.join(&name);
        let metadata = fs::metadata(&file).ok().filter(fs::Metadata::is_file)?;
        let mut hasher = DefaultHasher::new();
        (env!("CARGO_PKG_VERSION"), metadata.modified().ok(), metadata.len()).hash(&mut hasher);
        let stamp = hasher.finish();
        let known = manifest.documents.get(&name).filter(|entry| entry.stamp == stamp);
        let length = match known {
            Some(entry) => entry.length,
            None => length(&read_picture(&name, &file).ok()?),
        };
        Some((name, Picture { file, stamp, length }))
    };
    names.into_iter().filter_map(find).collect()
}

/// When the folder was last written; none before the first time.
pub fn written_at(folder: &Path) -> Option<SystemTime> {
    let at = |path: PathBuf| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    at(manifest_path(folder)).max(at(recent_path(folder)))
}

fn manifest_path(folder: &Path) -> PathBuf {
    folder.join(OWN).join("manifest.json")
}

fn recent_path(folder: &Path) -> PathBuf {
    folder.join(OWN).join(RECENT)
}

fn journal_path(folder: &Path) -> PathBuf {
    folder.join(OWN).join("writing.json")
}

// Never as it is: where and by whom it was made is nobody's to read.
fn read_picture(path: &str, file: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::File { path: file.to_owned(), source };
    let bytes = fs::read(file).map_err(unreadable)?;
    let cleaned = picture::clean(path, bytes).map_err(|unfit| unreadable(io::Error::other(unfit)))?;
    Ok(cleaned.bytes)
}

fn is_picture(path: &str) -> bool {
    picture::media_type(path).is_some()
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::File { path: path.to_owned(), source }),
    }
}

fn json(value: &impl Serialize, path: PathBuf) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|source| Error::File { path, source: source.into() })
}

// Only a notice has an address that people keep; what else disappears was an index of it.
fn is_of_notice(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    matches!(parts[..], ["notices", _, "index.html" | "event.ics" | "notice.txt" | "notice.txt.minisig"])
}

// Of feeds and calendars, which are long, Brotli's level 5 makes no less than gzip and takes twice as long; what
// reads them asks for gzip.
fn is_for_browsers(path: &str) -> bool {
    [".html", ".css"].iter().any(|end| path.ends_with(end))
}

fn gzip_level(path: &str) -> u32 {
    if is_for_browsers(path) { GZIP_LEVEL } else { GZIP_LEVEL_OF_FEEDS }
}

/// The ETag of a document's bytes, see `Entry::etag`.
pub fn etag(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn length(bytes: &[u8]) -> u64 {
    bytes.len() as u64
}

fn smaller(compressed: Option<Vec<u8>>, bytes: &[u8]) -> Option<Vec<u8>> {
    compressed.filter(|compressed| bytes.len() >= MIN_COMPRESSED && compressed.len() < bytes.len())
}

// Without a name and a time: the same bytes give the same file. A vector takes whatever is written to it.
fn gzip(bytes: &[u8], level: u32) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

fn brotli(bytes: &[u8]) -> Option<Vec<u8>> {
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: BROTLI_LEVEL,
        lgwin: BROTLI_WINDOW,
        size_hint: bytes.len(),
        ..Default::default()
    };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &bytes[..], &mut compressed, &parameters).ok()?;
    Some(compressed)
}

fn holds(path: &Path, bytes: &[u8]) -> bool {
    fs::metadata(path).is_ok_and(|file| file.len() == length(bytes))
        && fs::read(path).is_ok_and(|found| found == bytes)
}

// Nearly always the folder is there already: asking first would be two calls more for every file.
fn in_folder(path: &Path, change: impl Fn() -> io::Result<()>) -> Result<(), Error> {
    let done = match (change(), path.parent()) {
        (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder).and_then(|()| change())
        }
        (done, _) => done,
    };
    done.map_err(|source| Error::File { path: path.to_owned(), source })
}

// With the folders that it leaves empty; a run after a crash may find it removed.
fn remove(folder: &Path, path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            return Err(Error::File { path: path.to_owned(), source });
        }
        Ok(()) | Err(_) => {}
    }
    for parent in path.ancestors().skip(1).take_while(|parent| *parent != folder) {
        if fs::remove_dir(parent).is_err() {
            break;
        }
    }
    Ok(())
}
