//! Problem: what is wrong with a text that a person wrote, where it is, and what would be right.
//!
//! Pure.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// How bad it is: an error keeps a text from being used, a warning does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth a look; the text is used as it is.
    Warning,
    /// The text cannot be used.
    Error,
}

/// One thing wrong in one place of one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether the text can still be used.
    pub severity: Severity,
    /// Bytes of the source that it is about.
    pub span: Range<usize>,
    /// What is wrong: a clause without a full stop.
    pub message: String,
    /// What would be right; empty when the message says it all.
    pub help: String,
}

impl Problem {
    /// An error at `span`.
    pub fn error(span: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { severity: Severity::Error, span, message: message.into(), help: help.into() }
    }

    /// A warning at `span`.
    pub fn warning(span: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(span, message, help) }
    }
}

/// A text with its problems: what `check` prints.
#[derive(Debug, Clone)]
pub struct Report {
    /// The path as the person knows it.
    pub path: String,
    /// The whole text.
    pub source: String,
    /// In the order of their places.
    pub problems: Vec<Problem>,
}

impl Report {
    /// A report with its problems in the order of their places.
    pub fn new(path: impl Into<String>, source: impl Into<String>, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
        Self { path: path.into(), source: source.into(), problems }
    }

    /// Adds one in its place.
    pub fn add(&mut self, problem: Problem) {
        let place = self.problems.partition_point(|other| other.span.start <= problem.span.start);
        self.problems.insert(place, problem);
    }

    /// Whether the text cannot be used.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// One line a problem: `path:line:column: error: what is wrong, what would be right`.
    pub fn lines(&self) -> Vec<String> {
        self.problems.iter().map(|problem| self.line(problem)).collect()
    }

    /// Every problem with its line of source and a caret; `color` for a terminal.
    pub fn pretty(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut out = String::new();
        for problem in &self.problems {
            let level = match problem.severity {
                Severity::Warning => Level::WARNING,
                Severity::Error => Level::ERROR,
            };
            let span = clamp(&self.source, &problem.span);
            let snippet = Snippet::source(&*self.source)
                .path(&*self.path)
                .annotation(AnnotationKind::Primary.span(span).label(&*problem.help));
            let title = level.primary_title(&*problem.message);
            out.push_str(&renderer.render(&[title.element(snippet)]));
            out.push('\n');
        }
        out
    }

    fn line(&self, problem: &Problem) -> String {
        let (line, column) = line_and_column(&self.source, problem.span.start);
        let severity = match problem.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let help = if problem.help.is_empty() { String::new() } else { format!(", {}", problem.help) };
        format!("{}:{line}:{column}: {severity}: {}{help}", self.path, problem.message)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

/// Line and column of a byte offset, both from 1; columns count characters.
pub fn line_and_column(source: &str, offset: usize) -> (usize, usize) {
    let offset = floor(source, offset);
    let before = &source[..offset];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

// A span from a foreign parser may end past the text or inside a character.
fn clamp(source: &str, span: &Range<usize>) -> Range<usize> {
    let start = floor(source, span.start);
    start..floor(source, span.end).max(start)
}

fn floor(source: &str, offset: usize) -> usize {
    let mut offset = offset.min(source.len());
    while !source.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}
