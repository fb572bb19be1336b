//! Folder: the only reader of `notices/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;

use crate::fields::{self, Placed};
use crate::notice::parse::{self, Defaults, Parsed};
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
    files: BTreeMap<String, File>,
    /// The pictures that the files name, by where they lie under the site, as they were looked at.
    pictures: BTreeMap<String, Picture>,
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
    stamp: Stamp,
    parsed: Parsed,
    draft: Option<Draft>,
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
            files: BTreeMap::new(),
            pictures: BTreeMap::new(),
        }
    }

    /// Reads what has changed since the last time; `None` when nothing has.
    pub fn read(&mut self) -> anyhow::Result<Option<Reading>> {
        let mut there = BTreeMap::new();
        for entry in
            fs::read_dir(&self.path).with_context(|| format!("read the folder {}", self.path.display()))?
        {
            let entry = entry.context("read the folder of notices")?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // Editors write `.name.md.swp` and `name.md~` beside the file.
            if name.starts_with('.') || !name.ends_with(".md") {
                continue;
            }
            // A file that vanished between the two calls is gone.
            let Ok(metadata) = fs::metadata(entry.path()) else { continue };
            if metadata.is_file() {
                there.insert(name, Stamp { modified: metadata.modified().ok(), bytes: metadata.len() });
            }
        }
        let same = there.len() == self.files.len()
            && there
                .iter()
                .all(|(name, stamp)| self.files.get(name).is_some_and(|file| file.stamp == *stamp));
        let same_pictures =
            self.pictures.iter().all(|(path, picture)| picture.stamp == stamp_of(&self.picture_file(path)));
        if same && same_pictures && !there.is_empty() {
            return Ok(None);
        }
        self.files.retain(|name, _| there.contains_key(name));
        for (name, stamp) in there {
            if self.files.get(&name).is_none_or(|file| file.stamp != stamp) {
                let file = self.read_file(&name, stamp);
                self.files.insert(name, file);
            }
        }
        self.look_at_pictures();
        Ok(Some(self.reading()))
    }

    // Beside the folder of the notices.
    fn picture_file(&self, path: &str) -> PathBuf {
        self.path.with_file_name(path)
    }

    // Each once, however many notices show it, and again only when its file was written to.
    fn look_at_pictures(&mut self) {
        let named = self.files.values().flat_map(|file| &file.parsed.pictures);
        let named: BTreeSet<String> = named.map(|picture| picture.value.clone()).collect();
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

    fn read_file(&self, name: &str, stamp: Stamp) -> File {
        let shown = format!("{}/{name}", self.shown_as);
        let parsed = match read_text(&self.path.join(name)) {
            Ok(source) => parse::parse(&shown, &source, &self.defaults),
            Err(problem) => Parsed {
                notice: None,
                report: Report::new(shown, "", vec![problem]),
                references: Vec::new(),
                pictures: Vec::new(),
            },
        };
        let draft = parsed
            .notice
            .clone()
            .map(|notice| Draft::new(notice, &parsed.report.path, &parsed.report.source));
        File { stamp, parsed, draft }
    }

    fn reading(&self) -> Reading {
        let files: Vec<&File> = self.files.values().collect();
        let parsed: Vec<&Parsed> = files.iter().map(|file| &file.parsed).collect();
        let mut together: BTreeMap<usize, Vec<Problem>> = BTreeMap::new();
        for (index, problem) in parse::check_together(&parsed) {
            together.entry(index).or_default().push(problem);
        }
        for (index, file) in parsed.iter().enumerate() {
            let problems = file.pictures.iter().filter_map(|picture| self.picture_problem(picture));
            together.entry(index).or_default().extend(problems);
        }
        let mut reading = Reading { files: files.len(), ..Reading::default() };
        for (index, file) in files.iter().enumerate() {
            let report = &file.parsed.report;
            let mut problems = report.problems.clone();
            let others = together.remove(&index).unwrap_or_default();
            let in_order = others.iter().all(|problem| problem.severity != Severity::Error);
            problems.extend(others);
            if !problems.is_empty() {
                reading.reports.push(Report::new(report.path.as_str(), report.source.as_str(), problems));
            }
            if let Some(draft) = file.draft.as_ref().filter(|_| in_order) {
                reading.drafts.insert(draft.notice.id.clone(), draft.clone());
            }
        }
        reading
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

fn read_text(path: &Path) -> Result<String, Problem> {
    let bytes =
        fs::read(path).map_err(|err| Problem::error(0..0, format!("the file cannot be read: {err}"), ""))?;
    String::from_utf8(bytes).map_err(|err| {
        let at = err.utf8_error().valid_up_to();
        Problem::error(0..0, format!("the file is not UTF-8 text (byte {at})"), "save it as UTF-8")
    })
}
