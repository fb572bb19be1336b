//! Templates: the texts around what people wrote, ours or the operator's, in every language there is.
//!
//! Pure but for `read_folder`, which runs once at the start. A template that cannot work is found when it is
//! read, not when an alert is due.
//!
//! A template has its words by `say(id="…", name=value)`, a message of `words/<language>.ftl`, and by
//! `say_html(…)`, whose values may be HTML and whose `<name>…</name>` becomes a link to the value of that name.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use regex::Regex;
use rust_embed::RustEmbed;
use serde::Serialize;
use tera::{Context, Kwargs, State, Tera, TeraResult, Value};
use thiserror::Error;
use unic_langid::LanguageIdentifier;

use crate::fields;
use crate::notice::markdown::plain::{COLUMNS, wrap_as_one};
use crate::problem::Report;
use crate::render::words::file::{self, File};
use crate::render::words::{self, Markup, Words};

/// The language that has every message.
pub const ENGLISH: &str = "en";

/// All the templates, checked: their syntax, and every name of a filter, component, template or message in them.
#[derive(Debug, Clone)]
pub struct Templates {
    // English first.
    languages: Vec<Language>,
    stamp: u64,
}

// The same templates with the words of a language.
#[derive(Debug, Clone)]
struct Language {
    words: Arc<Words>,
    tera: Tera,
}

/// What is wrong with a template.
#[derive(Debug, Error)]
pub enum Error {
    /// The operator's file has a name that nothing asks for.
    #[error("templates/{name} replaces nothing, {help}")]
    Unknown {
        /// Its path below the folder.
        name: String,
        /// What would be right.
        help: String,
    },
    /// The text cannot be used; Tera says in which line and why.
    #[error("{0}")]
    Broken(#[from] tera::Error),
    /// A template asks for a message that no language has.
    #[error("templates/{name}:{line}: no message is called {id}, {help}")]
    Unsaid {
        /// The template's path below the folder.
        name: String,
        /// The line, from 1.
        line: usize,
        /// What it asks for.
        id: String,
        /// What would be right.
        help: String,
    },
    /// Files of words that cannot be used, all their problems a line each.
    #[error("{}", errors(.0))]
    Words(Vec<Report>),
    /// The file cannot be read.
    #[error("{path} cannot be read: {source}", path = path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

#[derive(RustEmbed)]
#[folder = "templates/"]
struct BuiltIn;

impl Templates {
    /// The built-in templates, with the operator's `(name, text)` in place of those of the same name, such as
    /// `email/alert/body.html`. A file of words, `words/es.ftl`, takes the place of ours message by message, or
    /// adds a language.
    pub fn new(overrides: &[(String, String)]) -> Result<Self, Error> {
        let (own_words, overrides): (Vec<_>, Vec<_>) =
            overrides.iter().cloned().partition(|(name, _)| is_words(name));
        let mut texts = built_in(is_template);
        for (name, text) in &overrides {
            match texts.iter_mut().find(|(built_in, _)| built_in == name) {
                Some(place) => place.1 = text.clone(),
                None => return Err(unknown(name, &texts)),
            }
        }
        texts.sort();
        let files = read_words(&own_words)?;
        check_messages(&texts, &files)?;
        let mut hasher = DefaultHasher::new();
        (&texts, &built_in(is_words), &own_words).hash(&mut hasher);
        let mut languages = Vec::new();
        let mut tera: Option<Tera> = None;
        for words in all_words(&files) {
            let words = Arc::new(words);
            // The texts are the same for each; only what `say` says is another.
            let tera = match &mut tera {
                Some(tera) => tera.clone(),
                None => tera.insert(parsed(&texts, &words)?).clone(),
            };
            languages.push(Language { tera: saying(tera, &words), words });
        }
        Ok(Self { languages, stamp: hasher.finish() })
    }

    /// What changes when any of the texts does.
    pub fn stamp(&self) -> u64 {
        self.stamp
    }

    /// The words of a language (BCP 47): its own, else those of the language without its region or script, else
    /// English.
    pub fn words(&self, lang: &str) -> &Words {
        &self.language(lang).words
    }

    /// The languages that there are, English first.
    pub fn languages(&self) -> impl Iterator<Item = &Words> {
        self.languages.iter().map(|language| &*language.words)
    }

    /// The template of that name, in which nothing is to be filled in.
    pub fn plain(&self, name: &str) -> Result<String, Error> {
        Ok(self.language(ENGLISH).tera.render(name, &Context::new())?)
    }

    /// The template of that name, filled in, with the words of a language. HTML is escaped by the template, text
    /// is not.
    pub fn render(&self, words: &Words, name: &str, view: &impl Serialize) -> Result<String, Error> {
        Ok(self.language(words.lang()).tera.render(name, &Context::from_serialize(view)?)?)
    }

    fn language(&self, lang: &str) -> &Language {
        let find = |lang: &str| self.languages.iter().find(|it| it.words.lang().eq_ignore_ascii_case(lang));
        let primary = lang.split(['-', '_']).next().unwrap_or(lang);
        // English is there, or there would be no templates.
        find(lang).or_else(|| find(primary)).unwrap_or(&self.languages[0])
    }
}

/// What is wrong with an operator's files of words: a report each, those without a problem left out.
pub fn check_words(overrides: &[(String, String)]) -> Vec<Report> {
    let own: Vec<_> = overrides.iter().filter(|(name, _)| is_words(name)).cloned().collect();
    let mut reports = match read_words(&own) {
        Ok(files) => files.into_iter().filter(|file| file.is_own).map(|file| file.report).collect(),
        Err(Error::Words(reports)) => reports,
        Err(_) => Vec::new(),
    };
    reports.retain(|report| !report.problems.is_empty());
    reports
}

/// The `.html`, `.txt`, `.css` and `.ftl` files of an operator's folder as `(name, text)`, in the order of their names.
pub fn read_folder(folder: &Path) -> Result<Vec<(String, String)>, Error> {
    let mut texts = Vec::new();
    read_below(folder, "", &mut texts)?;
    texts.sort();
    Ok(texts)
}

fn is_template(name: &str) -> bool {
    [".html", ".txt", ".css"].iter().any(|end| name.ends_with(end))
}

fn is_words(name: &str) -> bool {
    name.starts_with(file::FOLDER) && name.ends_with(file::EXTENSION)
}

fn built_in(is_wanted: fn(&str) -> bool) -> Vec<(String, String)> {
    BuiltIn::iter()
        .filter(|name| is_wanted(name))
        .filter_map(|name| {
            let file = BuiltIn::get(&name)?;
            Some((name.into_owned(), String::from_utf8_lossy(&file.data).into_owned()))
        })
        .collect()
}

// A file of words with what is wrong with it.
struct Source {
    file: File,
    report: Report,
    is_own: bool,
}

// English first, ours before the operator's; the problems of all that have errors otherwise.
fn read_words(own: &[(String, String)]) -> Result<Vec<Source>, Error> {
    let mut sources = Vec::new();
    let mut broken = Vec::new();
    let built_in = built_in(is_words);
    for (is_own, (name, text)) in
        built_in.iter().map(|text| (false, text)).chain(own.iter().map(|text| (true, text)))
    {
        match file::read(name, text) {
            (Some(file), report) => sources.push(Source { file, report, is_own }),
            (None, report) => broken.push(report),
        }
    }
    sources.sort_by_key(|source| source.file.lang != ENGLISH);
    let files: Vec<(File, bool)> =
        sources.iter().map(|source| (source.file.clone(), source.is_own)).collect();
    if let Some((english, _)) = files.first() {
        for source in sources.iter_mut().filter(|source| source.is_own) {
            let language = source.file.lang.language;
            let known = files.iter().find(|(file, is_own)| !is_own && file.lang.language == language);
            let problems =
                file::check(&source.file, &source.report.source, english, known.map(|(file, _)| file));
            source.report = Report::new(source.report.path.clone(), source.report.source.clone(), problems);
        }
    }
    broken.extend(sources.iter().map(|source| &source.report).filter(|report| report.has_errors()).cloned());
    if broken.is_empty() { Ok(sources) } else { Err(Error::Words(broken)) }
}

// A region's words are laid over those of its language, and those over the English ones.
fn all_words(sources: &[Source]) -> Vec<Words> {
    let of = |lang: &LanguageIdentifier| -> Vec<&File> {
        let is_whole = |file: &File| file.lang.region.is_none() && file.lang.script.is_none();
        let depth = |file: &File| match () {
            () if file.lang == *lang => Some(2),
            () if is_whole(file) && file.lang.language == lang.language => Some(1),
            () if file.lang == ENGLISH => Some(0),
            () => None,
        };
        let mut files: Vec<(i32, &File)> =
            sources.iter().filter_map(|source| Some((depth(&source.file)?, &source.file))).collect();
        files.sort_by_key(|(depth, _)| *depth);
        files.into_iter().map(|(_, file)| file).collect()
    };
    let mut words: Vec<Words> = Vec::new();
    for source in sources {
        let lang = &source.file.lang;
        if words.iter().all(|words| *lang != words.lang()) {
            words.push(Words::new(lang, &of(lang)));
        }
    }
    words
}

// Every message that a template names is one that some language has.
fn check_messages(texts: &[(String, String)], sources: &[Source]) -> Result<(), Error> {
    #[expect(clippy::expect_used, reason = "a constant, which every test reads")]
    let asks = Regex::new(r#"\bsay(?:_html)?\(\s*id\s*=\s*"([^"]*)""#).expect("a regular expression");
    let ids: Vec<&str> =
        sources.iter().flat_map(|source| source.file.messages.keys()).map(String::as_str).collect();
    for (name, text) in texts {
        for asked in asks.captures_iter(text) {
            let (all, id) = (asked.get(0).map_or(0, |all| all.start()), &asked[1]);
            if !ids.contains(&id) {
                let help = match fields::nearest(id, &ids) {
                    Some(near) => format!("did you mean {near}?"),
                    None => "add it to words/en.ftl".to_owned(),
                };
                let line = text[..all].matches('\n').count() + 1;
                return Err(Error::Unsaid { name: name.clone(), line, id: id.to_owned(), help });
            }
        }
    }
    Ok(())
}

fn errors(reports: &[Report]) -> String {
    reports.iter().flat_map(Report::lines).collect::<Vec<_>>().join("\n")
}

fn parsed(texts: &[(String, String)], words: &Arc<Words>) -> Result<Tera, Error> {
    let mut tera = saying(Tera::new(), words);
    tera.register_filter("wrap", wrap_filter);
    tera.register_filter("underline", underline_filter);
    tera.add_raw_templates(texts.iter().map(|(name, text)| (name, text)))?;
    Ok(tera)
}

fn saying(mut tera: Tera, words: &Arc<Words>) -> Tera {
    let (plain, html) = (Arc::clone(words), Arc::clone(words));
    tera.register_function("say", move |arguments: Kwargs, _: &State| say(&plain, &arguments));
    tera.register_function("say_html", move |arguments: Kwargs, _: &State| say_html(&html, &arguments));
    tera
}

fn say(words: &Words, arguments: &Kwargs) -> TeraResult<Value> {
    let id = arguments.must_get::<&str>("id")?;
    let mut values = Vec::new();
    for (name, value) in named(arguments) {
        let value = match (value.as_str(), value.as_i64()) {
            (Some(text), _) => words::Value::from(text),
            (None, Some(number)) => words::Value::from(number),
            (None, None) => return Err(unfit(id, name)),
        };
        values.push((name, value));
    }
    let text = words.try_tell(id, values).map_err(tera::Error::message)?;
    Ok(Value::normal_string(&text))
}

fn say_html(words: &Words, arguments: &Kwargs) -> TeraResult<Value> {
    let id = arguments.must_get::<&str>("id")?;
    let mut values = Vec::new();
    for (name, value) in named(arguments) {
        let value = match (value.as_str(), value.as_i64()) {
            (Some(html), _) if value.is_safe() => Markup::Html(html),
            (Some(text), _) => Markup::Text(text),
            (None, Some(number)) => Markup::Number(number),
            (None, None) => return Err(unfit(id, name)),
        };
        values.push((name, value));
    }
    let html = words.try_markup(id, &values).map_err(tera::Error::message)?;
    Ok(Value::safe_string(&html))
}

fn named(arguments: &Kwargs) -> impl Iterator<Item = (&str, &Value)> {
    arguments.iter().filter_map(|(key, value)| Some((key.as_str()?, value))).filter(|(name, _)| *name != "id")
}

fn unfit(id: &str, name: &str) -> tera::Error {
    tera::Error::message(format!("{name} of the message {id} is neither a text nor a whole number"))
}

fn unknown(name: &str, texts: &[(String, String)]) -> Error {
    let names: Vec<&str> = texts.iter().map(|(name, _)| name.as_str()).collect();
    let help = match fields::nearest(name, &names) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("the names are {}", names.join(", ")),
    };
    Error::Unknown { name: name.to_owned(), help }
}

fn read_below(folder: &Path, prefix: &str, texts: &mut Vec<(String, String)>) -> Result<(), Error> {
    let unreadable = |source| Error::Unreadable { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let name = format!("{prefix}{name}");
        if path.is_dir() {
            read_below(&path, &format!("{name}/"), texts)?;
        } else if is_template(&name) || is_words(&name) {
            let text = fs::read_to_string(&path).map_err(|source| Error::Unreadable { path, source })?;
            texts.push((name, text));
        }
    }
    Ok(())
}

fn wrap_filter(text: &str, arguments: Kwargs, _: &State) -> TeraResult<String> {
    let indent = arguments.get::<&str>("indent")?.unwrap_or("");
    Ok(wrap_as_one(text, COLUMNS + indent.len(), indent, indent).join("\n"))
}

// A line as long as the longest above it; of hyphens, because quoted-printable triples `=`.
fn underline_filter(text: &str, _: Kwargs, _: &State) -> String {
    let longest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    format!("{text}\n{}", "-".repeat(longest))
}
