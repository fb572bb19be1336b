//! Templates: the texts around what people wrote, ours or the operator's.
//!
//! Pure but for `read_folder`, which runs once at the start. A template that cannot work is found when it is
//! read, not when an alert is due.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use rust_embed::RustEmbed;
use serde::Serialize;
use tera::{Context, Kwargs, State, Tera, TeraResult};
use thiserror::Error;

use crate::fields;
use crate::notice::markdown::plain::{COLUMNS, wrap_as_one};

/// All the templates, checked: their syntax, and every name of a filter, component or template in them.
#[derive(Debug, Clone)]
pub struct Templates {
    tera: Tera,
    stamp: u64,
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
    /// `email/alert/body.html`.
    pub fn new(overrides: &[(String, String)]) -> Result<Self, Error> {
        let mut texts: Vec<(String, String)> = BuiltIn::iter()
            .filter(|name| is_template(name))
            .filter_map(|name| {
                let file = BuiltIn::get(&name)?;
                Some((name.into_owned(), String::from_utf8_lossy(&file.data).into_owned()))
            })
            .collect();
        for (name, text) in overrides {
            match texts.iter_mut().find(|(built_in, _)| built_in == name) {
                Some(place) => place.1 = text.clone(),
                None => return Err(unknown(name, &texts)),
            }
        }
        texts.sort();
        let stamp = texts.iter().fold(DefaultHasher::new(), |mut hasher, text| {
            text.hash(&mut hasher);
            hasher
        });
        let mut tera = Tera::new();
        tera.register_filter("wrap", wrap_filter);
        tera.register_filter("underline", underline_filter);
        tera.add_raw_templates(texts)?;
        Ok(Self { tera, stamp: stamp.finish() })
    }

    /// What changes when any of the texts does.
    pub fn stamp(&self) -> u64 {
        self.stamp
    }

    /// The template of that name, in which nothing is to be filled in.
    pub fn plain(&self, name: &str) -> Result<String, Error> {
        Ok(self.tera.render(name, &Context::new())?)
    }

    /// The template of that name, filled in. HTML is escaped by the template, text is not.
    pub fn render(&self, name: &str, view: &impl Serialize) -> Result<String, Error> {
        Ok(self.tera.render(name, &Context::from_serialize(view)?)?)
    }
}

/// The `.html`, `.txt` and `.css` files of an operator's folder as `(name, text)`, in the order of their names.
pub fn read_folder(folder: &Path) -> Result<Vec<(String, String)>, Error> {
    let mut texts = Vec::new();
    read_below(folder, "", &mut texts)?;
    texts.sort();
    Ok(texts)
}

fn is_template(name: &str) -> bool {
    [".html", ".txt", ".css"].iter().any(|end| name.ends_with(end))
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
        } else if is_template(&name) {
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
