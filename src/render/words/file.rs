//! File: the messages of one language, a Fluent text, read and checked.
//!
//! Pure. A language that lacks a message says it in English, so only what could not be said at all is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use fluent_bundle::FluentResource;
use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};
use regex::Regex;
use unic_langid::LanguageIdentifier;

use crate::fields::nearest;
use crate::problem::{Problem, Report};

/// What a file of words ends in, with the dot.
pub const EXTENSION: &str = ".ftl";

/// Where the files of words are, below the folder of templates.
pub const FOLDER: &str = "words/";

/// One file.
#[derive(Debug, Clone)]
pub struct File {
    /// Of which language: the file's name, BCP 47.
    pub lang: LanguageIdentifier,
    /// Its messages as Fluent reads them.
    pub resource: Arc<FluentResource>,
    /// What each message is filled in with.
    pub messages: BTreeMap<String, Needs>,
    terms: BTreeSet<String>,
}

/// What a message is filled in with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// `$name`.
    pub names: BTreeSet<String>,
    /// The links `<name>…</name>`.
    pub links: BTreeSet<String>,
    /// The names in the comment above it: given, even if it does not say them.
    pub noted: BTreeSet<String>,
    /// The messages and terms (with their hyphen) that it takes in.
    pub references: BTreeSet<String>,
}

/// Reads `words/es.ftl`, its name below the folder of templates. None when the text has errors; all of them are in
/// the report.
pub fn read(name: &str, text: &str) -> (Option<File>, Report) {
    let path = format!("templates/{name}");
    let stem = name.strip_prefix(FOLDER).and_then(|name| name.strip_suffix(EXTENSION)).unwrap_or(name);
    let Some(lang) = language(stem) else {
        let message = format!("the file's name is not that of a language: {stem}");
        let problem = Problem::error(0..0, message, "name it as in es.ftl or pt-BR.ftl");
        return (None, Report::new(path, text, vec![problem]));
    };
    // A line end of another system would stand in the texts.
    let text = text.replace("\r\n", "\n");
    match FluentResource::try_new(text.clone()) {
        Ok(resource) => (Some(File::new(lang, resource, &text)), Report::new(path, text, Vec::new())),
        Err((_, errors)) => {
            let problem = |error: fluent_syntax::parser::ParserError| {
                let help = "write it as in https://projectfluent.org/fluent/guide/";
                Problem::error(error.pos.clone(), lower_first(&error.to_string()), help)
            };
            (None, Report::new(path, text, errors.into_iter().map(problem).collect()))
        }
    }
}

/// The language of a BCP 47 tag whose language has its usual two or three letters.
pub fn language(tag: &str) -> Option<LanguageIdentifier> {
    tag.parse().ok().filter(|lang: &LanguageIdentifier| matches!(lang.language.as_str().len(), 2 | 3))
}

/// What is wrong with a file beside English, which has every message: what a message asks for and does not get,
/// what nobody asks for, and what is missing. `known` are the messages of the same language in another file.
pub fn check(file: &File, source: &str, english: &File, known: Option<&File>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (id, needs) in &file.messages {
        let place = place_of(source, id);
        match english.messages.get(id) {
            Some(given) => problems.extend(unfit(source, id, needs, given, &place)),
            None => {
                let ids: Vec<&str> = english.messages.keys().map(String::as_str).collect();
                let help = match nearest(id, &ids) {
                    Some(near) => format!("did you mean {near}?"),
                    None => "remove it, unless a template of yours says it".to_owned(),
                };
                problems.push(Problem::warning(place.clone(), format!("nothing asks for {id}"), help));
            }
        }
        let is_known = |reference: &String| match reference.strip_prefix('-') {
            Some(term) => {
                [Some(file), Some(english), known].iter().flatten().any(|it| it.terms.contains(term))
            }
            None => [file, english].iter().any(|it| it.messages.contains_key(reference)),
        };
        for reference in needs.references.iter().filter(|reference| !is_known(reference)) {
            let at = within(source, &place, reference);
            problems.push(Problem::error(
                at,
                format!("nothing is called {reference}"),
                "define it, or write it out",
            ));
        }
    }
    let has = |id: &&String| {
        !file.messages.contains_key(*id) && !known.is_some_and(|it| it.messages.contains_key(*id))
    };
    let missing: Vec<&str> = english.messages.keys().filter(has).map(String::as_str).collect();
    if !missing.is_empty() {
        let message = format!(
            "{} of {} messages are missing and are said in English: {}",
            missing.len(),
            english.messages.len(),
            missing.join(", ")
        );
        problems.push(Problem::warning(0..0, message, "add them"));
    }
    problems
}

impl File {
    fn new(lang: LanguageIdentifier, resource: FluentResource, source: &str) -> Self {
        let mut messages = BTreeMap::new();
        let mut terms = BTreeSet::new();
        for entry in resource.entries() {
            match entry {
                Entry::Message(message) => {
                    let mut needs = Needs::default();
                    message.value.iter().for_each(|pattern| needs.add_pattern(pattern));
                    messages.insert(message.id.name.to_owned(), needs);
                }
                Entry::Term(term) => {
                    terms.insert(term.id.name.to_owned());
                }
                Entry::Comment(_)
                | Entry::GroupComment(_)
                | Entry::ResourceComment(_)
                | Entry::Junk { .. } => {}
            }
        }
        // Fluent leaves the comments out.
        let mut noted = BTreeSet::new();
        for line in source.lines() {
            if line.starts_with("# ") {
                noted.extend(NAME.captures_iter(line).map(|found| found[1].to_owned()));
                continue;
            }
            let id = line.split_once('=').map_or("", |(id, _)| id.trim_end());
            if let Some(needs) = messages.get_mut(id) {
                needs.noted.append(&mut noted);
            }
            noted.clear();
        }
        Self { lang, resource: Arc::new(resource), messages, terms }
    }
}

impl Needs {
    fn add_pattern(&mut self, pattern: &Pattern<&str>) {
        for element in &pattern.elements {
            match element {
                PatternElement::TextElement { value } => {
                    self.links.extend(LINK.captures_iter(value).map(|found| found[1].to_owned()));
                }
                PatternElement::Placeable { expression } => self.add(expression),
            }
        }
    }

    fn add(&mut self, expression: &Expression<&str>) {
        match expression {
            Expression::Inline(inline) => self.add_inline(inline),
            Expression::Select { selector, variants } => {
                self.add_inline(selector);
                variants.iter().for_each(|variant| self.add_pattern(&variant.value));
            }
        }
    }

    fn add_inline(&mut self, expression: &InlineExpression<&str>) {
        match expression {
            InlineExpression::VariableReference { id } => {
                self.names.insert(id.name.to_owned());
            }
            InlineExpression::MessageReference { id, .. } => {
                self.references.insert(id.name.to_owned());
            }
            InlineExpression::TermReference { id, .. } => {
                self.references.insert(format!("-{}", id.name));
            }
            InlineExpression::FunctionReference { arguments, .. } => {
                arguments.positional.iter().for_each(|argument| self.add_inline(argument));
            }
            InlineExpression::Placeable { expression } => self.add(expression),
            InlineExpression::StringLiteral { .. } | InlineExpression::NumberLiteral { .. } => {}
        }
    }
}

// A name in a comment.
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a constant, which a test reads")]
    Regex::new(r"\$([a-z][a-z0-9-]*)").expect("a regular expression")
});

// A link's beginning in a message.
static LINK: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a constant, which a test reads")]
    Regex::new("<([a-z][a-z0-9-]*)>").expect("a regular expression")
});

// A value may be left out, as the half of the day is where clocks go to 24; a link leaves readers without a way.
fn unfit(source: &str, id: &str, needs: &Needs, given: &Needs, place: &Range<usize>) -> Vec<Problem> {
    let known: Vec<&str> = given.names.union(&given.noted).chain(&given.links).map(String::as_str).collect();
    let unknown =
        needs.names.union(&needs.links).filter(|name| !known.contains(&name.as_str())).map(|name| {
            let help = match nearest(name, &known) {
                Some(near) => format!("did you mean {near}?"),
                None if known.is_empty() => "it has none".to_owned(),
                None => format!("it has {}", known.join(", ")),
            };
            Problem::error(within(source, place, name), format!("{id} is not given the name {name}"), help)
        });
    let unlinked = given.links.difference(&needs.links).map(|name| {
        let help = format!("write <{name}>…</{name}> around its words");
        Problem::warning(place.clone(), format!("{id} lacks the link {name}"), help)
    });
    unknown.chain(unlinked).collect()
}

// Fluent's tree does not say where a message stands.
fn place_of(source: &str, id: &str) -> Range<usize> {
    let mut start = 0;
    for line in source.split_inclusive('\n') {
        let is_it = line.strip_prefix(id).is_some_and(|rest| rest.trim_start_matches(' ').starts_with('='));
        if is_it {
            return start..start + id.len();
        }
        start += line.len();
    }
    0..0
}

// The first time that a name stands in the message which begins at `place`.
fn within(source: &str, place: &Range<usize>, name: &str) -> Range<usize> {
    match source.get(place.end..).and_then(|rest| rest.find(name)) {
        Some(at) => place.end + at..place.end + at + name.len(),
        None => place.clone(),
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
}
