//! Folder: the only reader of `notices/`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;

use crate::fields::{self, Placed};
use crate::notice::parse::{self, Defaults, Named, Parsed};
use crate::notice::picture;
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
    files: BTreeMap<String, File>,
    // The pictures that the files name, by where they lie under the site, as they were looked at.
    pictures: BTreeMap<String, Picture>,
    reading: Reading,
    // Whether every file is in order with the others, so that a change of one is no change of another.
    in_order: bool,
}

/// What a folder holds.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Every notice without an error.
    pub drafts: Drafts,
    /// Every file with a problem.
    pub reports: Vec<Report>,
    /// How many files there are.
    pub files: usize,
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

impl Folder {
    /// The folder at `path`, shown as `shown_as` in problems.
    pub fn new(path: PathBuf, shown_as: &str, defaults: Defaults) -> Self {
        Self {
            path,
            shown_as: shown_as.to_owned(),
            defaults,
            seen: HashMap::new(),
            looks: 0,
            files: BTreeMap::new(),
            pictures: BTreeMap::new(),
            reading: Reading::default(),
            in_order: true,
        }
    }

    /// Reads what has changed since the last time; `None` when nothing has.
    pub fn read(&mut self) -> anyhow::Result<Option<&Reading>> {
        let changed = self.find_changed()?;
        let gone = self.forget_gone();
        if changed.is_empty() && gone.is_empty() && !self.files.is_empty() && self.pictures_are_the_same() {
            return Ok(None);
        }
        let mut read = Vec::with_capacity(changed.len());
        for (name, stamp) in changed {
            read.push((self.read_file(&name), name.clone()));
            self.seen.insert(name, Seen { stamp, look: self.looks });
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

    // The names of the files that are new or were written to.
    fn find_changed(&mut self) -> anyhow::Result<Vec<(String, Stamp)>> {
        self.looks += 1;
        let mut changed = Vec::new();
        for entry in
            fs::read_dir(&self.path).with_context(|| format!("read the folder {}", self.path.display()))?
        {
            let entry = entry.context("read the folder of notices")?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // Editors write `.name.md.swp` and `name.md~` beside the file.
            if name.starts_with('.') || !name.ends_with(".md") {
                continue;
            }
            let Some(stamp) = stamp(&entry) else { continue };
            match self.seen.get_mut(&*name) {
                Some(seen) => {
                    seen.look = self.looks;
                    // It keeps its old stamp until it is read: this look may yet fail.
                    if seen.stamp != stamp {
                        changed.push((name.into_owned(), stamp));
                    }
                }
                None => changed.push((name.into_owned(), stamp)),
            }
        }
        Ok(changed)
    }

    // The names of the files that this look did not find.
    fn forget_gone(&mut self) -> Vec<String> {
        let gone = self.seen.extract_if(|_, seen| seen.look != self.looks);
        gone.map(|(name, _)| name).collect()
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
            },
        };
        let notice = parsed.notice.take();
        let draft = notice.map(|notice| Draft::new(notice, &parsed.report.path, &parsed.report.source));
        File { parsed, draft }
    }

    fn replace(&mut self, gone: Vec<String>, read: Vec<(File, String)>) {
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
        self.look_at_pictures();
        self.check_together();
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

fn stamp_of(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some(Stamp { modified: metadata.modified().ok(), bytes: metadata.len() })
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

// None for what is no file; one that vanished meanwhile is gone. The folder is open: what is asked of an entry
// of it need not be looked for from the root on, but a link must be followed.
fn stamp(entry: &DirEntry) -> Option<Stamp> {
    let metadata = if entry.file_type().ok()?.is_symlink() {
        fs::metadata(entry.path()).ok()?
    } else {
        entry.metadata().ok()?
    };
    metadata.is_file().then(|| Stamp { modified: metadata.modified().ok(), bytes: metadata.len() })
}

fn read_text(path: &Path) -> Result<String, Problem> {
    let bytes =
        fs::read(path).map_err(|err| Problem::error(0..0, format!("the file cannot be read: {err}"), ""))?;
    String::from_utf8(bytes).map_err(|err| {
        let at = err.utf8_error().valid_up_to();
        Problem::error(0..0, format!("the file is not UTF-8 text (byte {at})"), "save it as UTF-8")
    })
}
