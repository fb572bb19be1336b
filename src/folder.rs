//! Folder: the only reader of `notices/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;

use crate::notice::parse::{self, Defaults, Parsed};
use crate::plan::Drafts;
use crate::problem::{Problem, Report};
use crate::revision::Draft;

/// A folder of notices, and what it held when it was last read.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    // How paths are shown: relative to the installation.
    shown_as: String,
    defaults: Defaults,
    files: BTreeMap<String, File>,
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

// A file whose stamp is the same was not written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

impl Folder {
    /// The folder at `path`, shown as `shown_as` in problems.
    pub fn new(path: PathBuf, shown_as: &str, defaults: Defaults) -> Self {
        Self { path, shown_as: shown_as.to_owned(), defaults, files: BTreeMap::new() }
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
        if same && !there.is_empty() {
            return Ok(None);
        }
        self.files.retain(|name, _| there.contains_key(name));
        for (name, stamp) in there {
            if self.files.get(&name).is_none_or(|file| file.stamp != stamp) {
                let file = self.read_file(&name, stamp);
                self.files.insert(name, file);
            }
        }
        Ok(Some(self.reading()))
    }

    fn read_file(&self, name: &str, stamp: Stamp) -> File {
        let shown = format!("{}/{name}", self.shown_as);
        let parsed = match read_text(&self.path.join(name)) {
            Ok(source) => parse::parse(&shown, &source, &self.defaults),
            Err(problem) => {
                Parsed { notice: None, report: Report::new(shown, "", vec![problem]), references: Vec::new() }
            }
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
        let mut reading = Reading { files: files.len(), ..Reading::default() };
        for (index, file) in files.iter().enumerate() {
            let report = &file.parsed.report;
            let mut problems = report.problems.clone();
            let in_order = !together.contains_key(&index);
            problems.extend(together.remove(&index).unwrap_or_default());
            if !problems.is_empty() {
                reading.reports.push(Report::new(report.path.as_str(), report.source.as_str(), problems));
            }
            if let Some(draft) = file.draft.as_ref().filter(|_| in_order) {
                reading.drafts.insert(draft.notice.id.clone(), draft.clone());
            }
        }
        reading
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
