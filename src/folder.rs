//! Folder: the only reader of `notices/`.

mod lost; // published notices without a file
mod watch; // which of them were written to

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;

use crate::fields::{self, Placed};
use crate::folder::watch::Watch;
use crate::notice::lint::Timed;
use crate::notice::parse::{self, Defaults, Named, Parsed};
use crate::notice::{NoticeId, picture, slug};
use crate::plan::Drafts;
use crate::problem::{Problem, Report, Severity};
use crate::revision::Draft;

/// A folder of notices, and what it held when it was last read.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    // How paths are shown: relative to the installation.
    shown_as: String,
    defaults: Defaults,
    // By name. Apart from the files, because of ten thousand each is asked for at every look.
    seen: HashMap<String, Seen>,
    looks: u64,
    // None where every file is looked at each time.
    watch: Option<Watch>,
    files: BTreeMap<String, File>,
    // The pictures that the files name, by where they lie under the site, as they were looked at.
    pictures: BTreeMap<String, Picture>,
    // Everything else that lies in the folder and may be meant for a notice.
    strays: BTreeSet<String>,
    reading: Reading,
    // Whether every file is in order with the others, so that a change of one is no change of another.
    in_order: bool,
    // Whether they were checked and no file had a problem with another one or with a picture.
    is_faultless: bool,
}

/// What a folder holds.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Every notice without an error.
    pub drafts: Drafts,
    /// Every file with a problem.
    pub reports: Vec<Report>,
    /// Every file that is not read, with a warning.
    pub strays: Vec<Report>,
    /// Every file that seems to be a published notice under another name, with an error.
    pub renamed: Vec<Report>,
    /// How many files there are.
    pub files: usize,
}

impl Reading {
    /// What is wrong with anything in the folder.
    pub fn all_reports(&self) -> impl Iterator<Item = &Report> {
        self.reports.iter().chain(&self.renamed).chain(&self.strays)
    }

    /// How many files have errors.
    pub fn faulty(&self) -> usize {
        self.all_reports().filter(|report| report.has_errors()).count()
    }
}

#[derive(Debug)]
struct File {
    // Its notice is in the draft.
    parsed: Parsed,
    draft: Option<Draft>,
}

#[derive(Debug)]
struct Seen {
    stamp: Stamp,
    // The number of the look that found it last.
    look: u64,
    // Whether it has another name, under which it may be written to.
    is_linked: bool,
}

#[derive(Debug)]
struct Picture {
    stamp: Option<Stamp>,
    problem: Option<PictureProblem>,
}

#[derive(Debug)]
enum PictureProblem {
    Missing,
    Unfit(picture::Unfit),
    Turned,
}

// A file whose stamp is the same was not written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

// What a look found.
#[derive(Debug, Default)]
struct Found {
    changed: Vec<(String, Seen)>,
    gone: Vec<String>,
    strays: BTreeSet<String>,
}

// A watch is taken at its word for so many looks, a minute of those of a service: should it ever miss something,
// that is not missed for long.
const LOOKS_BY_WATCH: u64 = 30;

impl Folder {
    /// The folder at `path`, shown as `shown_as` in problems.
    pub fn new(path: PathBuf, shown_as: &str, defaults: Defaults) -> Self {
        Self {
            path,
            shown_as: shown_as.to_owned(),
            defaults,
            seen: HashMap::new(),
            looks: 0,
            watch: None,
            files: BTreeMap::new(),
            pictures: BTreeMap::new(),
            strays: BTreeSet::new(),
            reading: Reading::default(),
            in_order: true,
            is_faultless: false,
        }
    }

    /// Reads what has changed since the last time; `None` when nothing has.
    pub fn read(&mut self) -> anyhow::Result<Option<&Reading>> {
        let Found { changed, gone, strays } = self.find_changed()?;
        let is_same = changed.is_empty() && gone.is_empty() && strays == self.strays;
        if is_same && self.looks > 1 && self.pictures_are_the_same() {
            return Ok(None);
        }
        self.reading.strays = strays.iter().map(|name| self.report_stray(name)).collect();
        self.strays = strays;
        let mut read = Vec::with_capacity(changed.len());
        for (name, seen) in changed {
            read.push((self.read_file(&name), name.clone()));
            self.seen.insert(name, seen);
        }
        self.replace(gone, read);
        Ok(Some(&self.reading))
    }

    /// Reads all of it, once.
    pub fn read_once(mut self) -> anyhow::Result<Reading> {
        self.read()?;
        Ok(self.reading)
    }

    /// What it held when it was last read.
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    // The files that are new, were written to or are gone.
    fn find_changed(&mut self) -> anyhow::Result<Found> {
        self.looks += 1;
        let written = self.watch.as_mut().and_then(|watch| watch.written(&self.path));
        let is_known = written.is_some();
        if let Some(written) = written.filter(|_| !self.looks.is_multiple_of(LOOKS_BY_WATCH)) {
            return Ok(self.look_at_some(written));
        }
        // It watches before the folder is walked: what is written from now on it tells. After a walk that failed
        // there is none, and all is walked again.
        let watch = self.watch.take().filter(|_| is_known).or_else(|| Watch::begin(&self.path));
        let found = self.look_at_all()?;
        self.watch = watch;
        Ok(found)
    }

    fn look_at_all(&mut self) -> anyhow::Result<Found> {
        let mut changed = Vec::new();
        let mut strays = BTreeSet::new();
        for entry in
            fs::read_dir(&self.path).with_context(|| format!("read the folder {}", self.path.display()))?
        {
            let entry = entry.context("read the folder of notices")?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if !is_of_notice(&name) {
                if is_stray(&name) {
                    strays.insert(name.into_owned());
                }
                continue;
            }
            let Some(found) = self.seen_in(&entry) else { continue };
            match self.seen.get_mut(&*name) {
                // It keeps its old stamp until it is read: this look may yet fail.
                Some(seen) if seen.stamp != found.stamp => {
                    seen.look = self.looks;
                    changed.push((name.into_owned(), found));
                }
                Some(seen) => *seen = found,
                None => changed.push((name.into_owned(), found)),
            }
        }
        let gone = self.seen.extract_if(|_, seen| seen.look != self.looks);
        let gone = gone.map(|(name, _)| name).collect();
        Ok(Found { changed, gone, strays })
    }

    // Those that the watch names, and those of which it need not know.
    fn look_at_some(&mut self, written: Vec<String>) -> Found {
        let linked = self.seen.iter().filter(|(_, seen)| seen.is_linked).map(|(name, _)| name.clone());
        let (written, others): (Vec<String>, Vec<String>) =
            written.into_iter().partition(|name| is_of_notice(name));
        let names: BTreeSet<String> = written.into_iter().chain(linked).collect();
        let mut found = Found { strays: self.strays.clone(), ..Found::default() };
        for name in others.into_iter().filter(|name| is_stray(name)) {
            match self.path.join(&name).exists() {
                true => found.strays.insert(name),
                false => found.strays.remove(&name),
            };
        }
        for name in names {
            match (self.seen_at(&self.path.join(&name)), self.seen.get(&name)) {
                (Some(now), Some(seen)) if now.stamp == seen.stamp => {
                    self.seen.insert(name, now);
                }
                (Some(now), _) => found.changed.push((name, now)),
                (None, Some(_)) => {
                    self.seen.remove(&name);
                    found.gone.push(name);
                }
                (None, None) => {}
            }
        }
        found
    }

    // None for what is no file; one that vanished meanwhile is gone. The folder is open: what is asked of an entry
    // of it need not be looked for from the root on, but a link must be followed.
    fn seen_in(&self, entry: &DirEntry) -> Option<Seen> {
        if entry.file_type().ok()?.is_symlink() {
            return self.seen_at(&entry.path());
        }
        let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        Some(Seen { stamp: stamp(&metadata), look: self.looks, is_linked: has_other_names(&metadata) })
    }

    fn seen_at(&self, path: &Path) -> Option<Seen> {
        let is_symlink = fs::symlink_metadata(path).ok()?.is_symlink();
        let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        let is_linked = is_symlink || has_other_names(&metadata);
        Some(Seen { stamp: stamp(&metadata), look: self.looks, is_linked })
    }

    // Beside the folder of the notices.
    fn picture_file(&self, path: &str) -> PathBuf {
        self.path.with_file_name(path)
    }

    fn pictures_are_the_same(&self) -> bool {
        self.pictures.iter().all(|(path, picture)| picture.stamp == stamp_of(&self.picture_file(path)))
    }

    // Each once, however many notices show it, and again only when its file was written to.
    fn look_at_pictures(&mut self) {
        let named: BTreeSet<String> = self
            .files
            .values()
            .flat_map(|file| &file.parsed.pictures)
            .map(|picture| picture.value.clone())
            .collect();
        self.pictures.retain(|path, _| named.contains(path));
        for path in named {
            let file = self.picture_file(&path);
            let stamp = stamp_of(&file);
            if self.pictures.get(&path).is_none_or(|picture| picture.stamp != stamp) {
                let problem = problem_of(&path, &file);
                self.pictures.insert(path, Picture { stamp, problem });
            }
        }
    }

    fn read_file(&self, name: &str) -> File {
        let shown = format!("{}/{name}", self.shown_as);
        let mut parsed = match read_text(&self.path.join(name)) {
            Ok(source) => parse::parse(&shown, &source, &self.defaults),
            Err(problem) => Parsed {
                notice: None,
                report: Report::new(shown, "", vec![problem]),
                references: Vec::new(),
                pictures: Vec::new(),
                timed: Timed::default(),
            },
        };
        let notice = parsed.notice.take();
        let draft = notice.map(|notice| Draft::new(notice, &parsed.report.path, &parsed.report.source));
        File { parsed, draft }
    }

    fn report_stray(&self, name: &str) -> Report {
        let path = format!("{}/{name}", self.shown_as);
        let (message, help) = if self.path.join(name).is_dir() {
            let help = format!("move the notices that are in it into {}/ itself", self.shown_as);
            ("a folder here is not read", help)
        } else if picture::media_type(name).is_some() {
            (
                "a picture here is not read",
                "move it into the folder media/, which stands beside this one".to_owned(),
            )
        } else {
            let lower = name.to_ascii_lowercase();
            let endings = [".md.txt", ".txt", ".md", ".markdown", ".mdown", ".text"];
            let ending =
                endings.iter().find(|ending| lower.ends_with(*ending)).map_or(0, |ending| ending.len());
            let stem = slug(&name[..name.len() - ending]);
            ("this file is not read: its name does not end in .md", format!("rename it to {stem}.md"))
        };
        Report::new(path, "", vec![Problem::warning(0..0, message, help)])
    }

    fn replace(&mut self, gone: Vec<String>, read: Vec<(File, String)>) {
        let apart = self.stands_apart(&gone, &read).map(str::to_owned);
        for name in gone.iter().chain(read.iter().map(|(_, name)| name)) {
            if let Some(draft) = self.files.remove(name).and_then(|file| file.draft) {
                self.reading.drafts.remove(&draft.notice.id);
            }
        }
        for (file, name) in read {
            if let Some(draft) = &file.draft {
                self.reading.drafts.insert(draft.notice.id.clone(), draft.clone());
            }
            self.files.insert(name, file);
        }
        match apart {
            Some(name) => self.report_alone(&name),
            None => {
                self.look_at_pictures();
                self.check_together();
            }
        }
    }

    // The name of the one file that was read, when all the others stay in order whatever it says: it is as new or
    // has the id that it had, and what it refers to is there. All of ten thousand need not be checked then.
    fn stands_apart<'r>(&self, gone: &[String], read: &'r [(File, String)]) -> Option<&'r str> {
        let [(file, name)] = read else { return None };
        let id = &file.draft.as_ref()?.notice.id;
        let before = self.files.get(name);
        let is_its_own = match before {
            Some(before) => before.draft.as_ref().is_some_and(|draft| draft.notice.id == *id),
            None => !self.reading.drafts.contains_key(id),
        };
        let is_there = |reference: &Placed<String>| {
            NoticeId::parse(&reference.value)
                .is_some_and(|named| named == *id || self.reading.drafts.contains_key(&named))
        };
        let shows_pictures = |file: &File| !file.parsed.pictures.is_empty();
        let is_apart = self.is_faultless
            && gone.is_empty()
            && is_its_own
            && file.parsed.references.iter().all(is_there)
            && !shows_pictures(file)
            && !before.is_some_and(shows_pictures)
            && self.pictures_are_the_same();
        is_apart.then_some(name)
    }

    fn report_alone(&mut self, name: &str) {
        let Some(File { parsed: Parsed { report, .. }, .. }) = self.files.get(name) else { return };
        let reports = &mut self.reading.reports;
        reports.retain(|other| other.path != report.path);
        if !report.problems.is_empty() {
            // In the order of their names.
            let place = reports.partition_point(|other| other.path < report.path);
            reports.insert(place, report.clone());
        }
        self.reading.files = self.files.len();
    }

    fn check_together(&mut self) {
        let files: Vec<&File> = self.files.values().collect();
        let named: Vec<Named<'_>> = files.iter().map(|file| file.named()).collect();
        let mut together: BTreeMap<usize, Vec<Problem>> = BTreeMap::new();
        for (index, problem) in parse::check_together(&named) {
            together.entry(index).or_default().push(problem);
        }
        for (index, file) in files.iter().enumerate() {
            for problem in file.parsed.pictures.iter().filter_map(|picture| self.picture_problem(picture)) {
                together.entry(index).or_default().push(problem);
            }
        }
        let is_error = |problem: &Problem| problem.severity == Severity::Error;
        let faulty: BTreeSet<usize> = together
            .iter()
            .filter(|(_, problems)| problems.iter().any(is_error))
            .map(|(index, _)| *index)
            .collect();
        if !self.in_order || !faulty.is_empty() {
            let in_order = files.iter().enumerate().filter(|(index, _)| !faulty.contains(index));
            let drafts = in_order.filter_map(|(_, file)| file.draft.as_ref());
            self.reading.drafts = drafts.map(|draft| (draft.notice.id.clone(), draft.clone())).collect();
        }
        self.in_order = faulty.is_empty();
        self.is_faultless = together.is_empty();
        self.reading.files = files.len();
        self.reading.reports.clear();
        for (index, file) in files.iter().enumerate() {
            let others = together.remove(&index).unwrap_or_default();
            let report = &file.parsed.report;
            if !report.problems.is_empty() || !others.is_empty() {
                let problems = report.problems.iter().cloned().chain(others).collect();
                let report = Report::new(report.path.as_str(), report.source.as_str(), problems);
                self.reading.reports.push(report);
            }
        }
    }

    fn picture_problem(&self, named: &Placed<String>) -> Option<Problem> {
        let problem = self.pictures.get(&named.value)?.problem.as_ref()?;
        let (path, span) = (&named.value, named.span.clone());
        Some(match problem {
            PictureProblem::Missing => {
                let names: Vec<String> = self.names_in_media();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let help = match fields::nearest(path, &names) {
                    Some(near) => format!("did you mean {near}?"),
                    None => "put the file into the folder media/, which stands beside notices/".to_owned(),
                };
                Problem::error(span, format!("there is no file {path}"), help)
            }
            PictureProblem::Unfit(why) => Problem::error(
                span,
                format!("{path} cannot be shown: {why}"),
                "save it anew as JPEG, PNG or WebP: only of these can be taken off where and by whom it was made",
            ),
            PictureProblem::Turned => Problem::warning(
                span,
                format!("{path} will lie on its side: how the camera was held is left out with all it noted"),
                "turn it in a program for pictures and save it",
            ),
        })
    }

    // As they are named, one folder deep: enough to help with a name that is nearly right.
    fn names_in_media(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path.with_file_name("media")).into_iter().flatten().flatten();
        entries.map(|entry| format!("media/{}", entry.file_name().to_string_lossy())).collect()
    }
}

// Editors write `.name.md.swp` and `name.md~` beside the file.
fn is_of_notice(name: &str) -> bool {
    !name.starts_with('.') && name.ends_with(".md")
}

// What lies there and is no notice, but for what editors and systems leave beside a file.
fn is_stray(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let is_left_behind = name.starts_with(['.', '~', '#'])
        || name.ends_with('~')
        || [".tmp", ".swp", ".swo", ".bak", ".orig", ".new", ".lock", ".part"]
            .iter()
            .any(|end| lower.ends_with(end))
        || ["4913", "thumbs.db", "desktop.ini"].contains(&lower.as_str());
    !is_of_notice(name) && !is_left_behind
}

fn stamp_of(path: &Path) -> Option<Stamp> {
    fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|metadata| stamp(&metadata))
}

fn stamp(metadata: &fs::Metadata) -> Stamp {
    Stamp { modified: metadata.modified().ok(), bytes: metadata.len() }
}

#[cfg(unix)]
fn has_other_names(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.nlink() > 1
}

#[cfg(not(unix))]
fn has_other_names(_: &fs::Metadata) -> bool {
    true
}

fn problem_of(path: &str, file: &Path) -> Option<PictureProblem> {
    let Ok(bytes) = fs::read(file) else { return Some(PictureProblem::Missing) };
    match picture::clean(path, bytes) {
        Ok(cleaned) => cleaned.is_turned.then_some(PictureProblem::Turned),
        Err(unfit) => Some(PictureProblem::Unfit(unfit)),
    }
}

impl File {
    fn named(&self) -> Named<'_> {
        Named { id: self.draft.as_ref().map(|draft| &draft.notice.id), ..self.parsed.named() }
    }
}

fn read_text(path: &Path) -> Result<String, Problem> {
    let bytes =
        fs::read(path).map_err(|err| Problem::error(0..0, format!("the file cannot be read: {err}"), ""))?;
    String::from_utf8(bytes).map_err(|err| {
        let at = err.utf8_error().valid_up_to();
        Problem::error(0..0, format!("the file is not UTF-8 text (byte {at})"), "save it as UTF-8")
    })
}
