//! Fields: a TOML document read field by field, every problem collected with its place.
//!
//! Pure. A deserializer would stop at the first problem; a person wants all of them at once.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the types of TOML are not ours: whatever is not the one asked for is the wrong one"
)]

use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::Range;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml::value::{Datetime, Offset};

use crate::problem::Problem;
use crate::schedule::zone::{Lie, Moment, Zone};

/// A value with the bytes of the source it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed<T> {
    /// What was written.
    pub value: T,
    /// Where.
    pub span: Range<usize>,
}

/// A line in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByLanguage {
    /// BCP 47; empty when the author named none.
    pub lang: String,
    /// What was written.
    pub text: Placed<String>,
}

/// The problems found so far, shared by all the tables of one document.
#[derive(Debug, Default)]
pub struct Problems {
    found: RefCell<Vec<Problem>>,
    strangers: RefCell<Vec<Stranger>>,
}

// A key that its table does not know, and the problem that says so.
#[derive(Debug)]
struct Stranger {
    name: String,
    table: &'static str,
    problem: usize,
}

impl Problems {
    /// Adds one.
    pub fn add(&self, problem: Problem) {
        self.found.borrow_mut().push(problem);
    }

    // Only when all of the document was read it is known what the top has.
    fn send_up(&self, asked: &[&str]) {
        let mut found = self.found.borrow_mut();
        for Stranger { name, table, problem } in self.strangers.take() {
            if let Some(problem) = found.get_mut(problem).filter(|_| asked.contains(&name.as_str())) {
                problem.help = format!(
                    "it is a key of the top: move it above [{table}], and above every other line in brackets"
                );
            }
        }
    }

    /// All of them, in the order found.
    pub fn into_vec(self) -> Vec<Problem> {
        self.found.into_inner()
    }
}

/// One table of a document, in the middle of being read.
pub struct Fields<'a> {
    table: &'a DeTable<'a>,
    // None of the document itself.
    name: Option<&'static str>,
    span: Range<usize>,
    asked: RefCell<Vec<&'static str>>,
    problems: &'a Problems,
}

/// Parses a TOML text; its syntax errors go to `problems`.
pub fn parse_document<'a>(text: &'a str, problems: &Problems) -> Spanned<DeTable<'a>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut named = HashSet::new();
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        if let Some(quote) = typographic_quote(text, at) {
            if named.insert(quote.start) {
                let message = format!("{} is a typographic quote", &text[quote.clone()]);
                problems.add(Problem::error(quote, message, "write \" instead, at both ends"));
            }
            continue;
        }
        problems.add(Problem::error(error.span().unwrap_or(0..0), one_line(error.message()), ""));
    }
    table
}

// The one that begins or ends the value in the line at `at`: word processors put it in place of a plain one.
fn typographic_quote(text: &str, at: usize) -> Option<Range<usize>> {
    const QUOTES: [char; 11] = ['“', '”', '„', '‟', '«', '»', '‘', '’', '‚', '″', '＂'];
    let begin = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let line = text[begin..].lines().next()?;
    let value = line.split_once('=')?.1.trim();
    let opened = value.trim_start_matches(['[', '{', ' ']);
    let quote = opened.chars().next().filter(|first| QUOTES.contains(first));
    let closing = value.chars().next_back().filter(|last| value.starts_with('"') && QUOTES.contains(last));
    let length = quote.or(closing)?.len_utf8();
    let place = match quote {
        Some(_) => begin + (line.trim_end().len() - opened.len()),
        None => begin + line.trim_end().len() - length,
    };
    Some(place..place + length)
}

impl<'a> Fields<'a> {
    /// Begins to read `table`, which stands at `span`.
    pub fn new(table: &'a DeTable<'a>, span: Range<usize>, problems: &'a Problems) -> Self {
        Self { table, name: None, span, asked: RefCell::default(), problems }
    }

    fn within(&self, name: &'static str, table: &'a DeTable<'a>, span: Range<usize>) -> Self {
        Self { name: Some(name), ..Self::new(table, span, self.problems) }
    }

    /// Where the whole table stands: the place of a missing key.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Notes an error.
    pub fn error(&self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.problems.add(Problem::error(span, message, help));
    }

    /// Notes a warning.
    pub fn warn(&self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.problems.add(Problem::warning(span, message, help));
    }

    /// The place of a key's value, or of the table when it is not there.
    pub fn span_of(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or(self.span(), Spanned::span)
    }

    /// Whether the key was written.
    pub fn has(&self, key: &'static str) -> bool {
        self.find(key).is_some()
    }

    /// One line of text: not empty, no control characters (a subject or an address must not hold a line break).
    pub fn line(&self, key: &'static str) -> Option<Placed<String>> {
        let placed = self.text(key)?;
        if let Some(control) = placed.value.chars().find(|c| c.is_control()) {
            let message = format!("`{key}` holds the control character U+{:04X}", u32::from(control));
            self.error(placed.span, message, "write it on one line");
            return None;
        }
        if placed.value.trim().is_empty() {
            self.error(placed.span, format!("`{key}` is empty"), "write something or remove the line");
            return None;
        }
        Some(Placed { value: placed.value.trim().to_owned(), span: placed.span })
    }

    /// A line of text that must be there.
    pub fn required_line(&self, key: &'static str, example: &str) -> Option<Placed<String>> {
        self.required(key, example);
        self.line(key)
    }

    /// A line of text in no language in particular, or a table of one a language: `{ en = "…", es = "…" }`.
    pub fn line_by_language(&self, key: &'static str) -> Vec<ByLanguage> {
        let Some(value) = self.find(key) else { return Vec::new() };
        let DeValue::Table(table) = value.get_ref() else {
            return self.line(key).map(|text| ByLanguage { lang: String::new(), text }).into_iter().collect();
        };
        let mut lines = Vec::new();
        for (lang, value) in table.iter() {
            let name: &str = lang.get_ref();
            // BCP 47 would take words of up to eight letters for languages; none has more than three.
            let is_tag = name
                .parse::<unic_langid::LanguageIdentifier>()
                .is_ok_and(|lang| matches!(lang.language.as_str().len(), 2 | 3));
            match value.get_ref() {
                _ if !is_tag => {
                    self.error(
                        lang.span(),
                        format!("`{name}` is not a language"),
                        "write one such as en or es",
                    );
                }
                DeValue::String(text) if !text.trim().is_empty() && !text.chars().any(char::is_control) => {
                    let text = Placed { value: text.trim().to_owned(), span: value.span() };
                    lines.push(ByLanguage { lang: name.to_owned(), text });
                }
                _ => {
                    let message = format!("`{key}` in the language {name} is not one line of text");
                    self.error(value.span(), message, "write one line in quotes");
                }
            }
        }
        lines
    }

    /// Notes an error when the key is not there.
    pub fn required(&self, key: &'static str, example: &str) {
        if !self.has(key) {
            self.error(self.span(), format!("`{key}` is missing"), format!("add {key} = {example}"));
        }
    }

    /// Text of any number of lines.
    pub fn text(&self, key: &'static str) -> Option<Placed<String>> {
        let value = self.find(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Placed { value: text.to_string(), span: value.span() }),
            other => self.wrong_type(key, value.span(), other, "text in quotes"),
        }
    }

    /// A list of lines; one line alone counts as a list of one.
    pub fn lines(&self, key: &'static str) -> Vec<Placed<String>> {
        let Some(value) = self.find(key) else { return Vec::new() };
        let items: Vec<&Spanned<DeValue<'_>>> = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        };
        let mut lines = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::String(text) if !text.trim().is_empty() && !text.chars().any(char::is_control) => {
                    lines.push(Placed { value: text.trim().to_owned(), span: item.span() });
                }
                DeValue::String(_) => {
                    self.error(
                        item.span(),
                        format!("an entry of `{key}` is empty or holds a line break"),
                        "write one line of text",
                    );
                }
                other => {
                    self.wrong_type::<()>(key, item.span(), other, "a list of texts in quotes");
                }
            }
        }
        lines
    }

    /// true or false.
    pub fn flag(&self, key: &'static str) -> Option<bool> {
        let value = self.find(key)?;
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            other => self.wrong_type(key, value.span(), other, "true or false"),
        }
    }

    /// A whole number.
    pub fn integer(&self, key: &'static str) -> Option<Placed<i64>> {
        let value = self.find(key)?;
        match value.get_ref() {
            DeValue::Integer(number) => {
                let parsed = i64::from_str_radix(number.as_str(), number.radix()).ok();
                if parsed.is_none() {
                    self.error(value.span(), format!("`{key}` is too large"), "write a smaller number");
                }
                parsed.map(|number| Placed { value: number, span: value.span() })
            }
            other => self.wrong_type(key, value.span(), other, "a whole number"),
        }
    }

    /// A list of numbers.
    pub fn numbers(&self, key: &'static str) -> Option<Placed<Vec<f64>>> {
        let value = self.find(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            return self.wrong_type(key, value.span(), value.get_ref(), "a list of numbers");
        };
        let mut numbers = Vec::new();
        for item in items.iter() {
            let number = match item.get_ref() {
                DeValue::Float(number) => number.as_str().parse().ok(),
                DeValue::Integer(number) => number.as_str().parse().ok(),
                _ => None,
            };
            match number {
                Some(number) => numbers.push(number),
                None => return self.wrong_type(key, item.span(), item.get_ref(), "a list of numbers"),
            }
        }
        Some(Placed { value: numbers, span: value.span() })
    }

    /// One of a few words; `choices` are in the order in which the message lists them.
    pub fn one_of<T: Clone>(&self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let word = self.line(key)?;
        if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == word.value) {
            return Some(choice.clone());
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let help = match nearest(&word.value, &names) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("write one of \"{}\"", names.join("\", \"")),
        };
        self.error(word.span, format!("`{key}` is not a word known here: \"{}\"", word.value), help);
        None
    }

    /// A date and a time of day on the wall clock of `zone`, such as `2018-07-10 09:00`; with an offset it
    /// picks one side of an hour that occurs twice.
    pub fn moment(&self, key: &'static str, zone: &Zone) -> Option<Placed<Moment>> {
        let value = self.find(key)?;
        let span = value.span();
        let DeValue::Datetime(datetime) = value.get_ref() else {
            return self.wrong_type(
                key,
                span,
                value.get_ref(),
                "a date and a time without quotes, such as 2018-07-10 09:00",
            );
        };
        let (Some(wall), offset) = (wall_of(datetime), datetime.offset) else {
            let help = "write both, such as 2018-07-10 09:00";
            self.error(span, format!("`{key}` needs a date and a time of day"), help);
            return None;
        };
        if let Some(offset) = offset {
            let minutes = match offset {
                Offset::Z => 0,
                Offset::Custom { minutes } => i32::from(minutes),
            };
            let moment = Moment::with_offset(wall, minutes * 60, zone.clone());
            if moment.is_none() {
                let there = Moment::new(wall, zone.clone()).rfc3339();
                self.error(
                    span.clone(),
                    format!("{} does not have that offset then", zone.name()),
                    format!("write {there}, or leave the offset out"),
                );
            }
            return Some(Placed { value: moment?, span });
        }
        let moment = Moment::new(wall, zone.clone());
        match zone.to_instant(wall).1 {
            Lie::Plain => {}
            Lie::Gap => {
                let real = zone.to_wall(moment.at).format("%H:%M");
                let message = format!(
                    "{} does not exist in {}: the clocks skip it",
                    wall.format("%Y-%m-%d %H:%M"),
                    zone.name()
                );
                self.error(span, message, format!("write {real}, if that is what you mean"));
                return None;
            }
            Lie::Fold => {
                let message = format!("{} occurs twice in {}", wall.format("%Y-%m-%d %H:%M"), zone.name());
                let second = moment.second().map(|second| format!(" or {} for the second", second.rfc3339()));
                let second = second.unwrap_or_default();
                let help = format!("write {} for the first{second}; the first is taken", moment.rfc3339());
                self.warn(span.clone(), message, help);
            }
        }
        Some(Placed { value: moment, span })
    }

    /// A day, such as `2018-07-10`.
    pub fn date(&self, key: &'static str) -> Option<Placed<NaiveDate>> {
        let value = self.find(key)?;
        let wanted = "a day without quotes, such as 2018-07-10";
        let day = match value.get_ref() {
            DeValue::Datetime(Datetime { date: Some(day), time: None, .. }) => *day,
            other => return self.wrong_type(key, value.span(), other, wanted),
        };
        let date = NaiveDate::from_ymd_opt(i32::from(day.year), u32::from(day.month), u32::from(day.day));
        date.map(|date| Placed { value: date, span: value.span() })
    }

    /// Whether what was written for the key is a table.
    pub fn is_table(&self, key: &'static str) -> bool {
        self.find(key).is_some_and(|value| matches!(value.get_ref(), DeValue::Table(_)))
    }

    /// A table under this one.
    pub fn table(&self, key: &'static str) -> Option<Fields<'a>> {
        let value = self.find(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(self.within(key, table, value.span())),
            other => self.wrong_type(key, value.span(), other, "a table"),
        }
    }

    /// A list of tables: `[[key]]`, or inline tables in a list.
    pub fn tables(&self, key: &'static str) -> Vec<Fields<'a>> {
        let Some(value) = self.find(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type::<()>(key, value.span(), value.get_ref(), "a list of tables");
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(table) => tables.push(self.within(key, table, item.span())),
                other => {
                    self.wrong_type::<()>(key, item.span(), other, "a list of tables");
                }
            }
        }
        tables
    }

    /// Ends the reading: every key that nobody asked for is an error with the nearest name.
    pub fn finish(self) {
        let asked = self.asked.borrow();
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if asked.contains(&name) {
                continue;
            }
            let help = match nearest(name, &asked) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the keys here are {}", asked.join(", ")),
            };
            self.error(key.span(), format!("`{name}` is not a key known here"), help);
            if let Some(table) = self.name {
                let problem = self.problems.found.borrow().len() - 1;
                self.problems.strangers.borrow_mut().push(Stranger { name: name.to_owned(), table, problem });
            }
        }
        if self.name.is_none() {
            self.problems.send_up(&asked);
        }
    }

    fn find(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        self.table.get(key)
    }

    fn wrong_type<T>(&self, key: &str, span: Range<usize>, found: &DeValue<'_>, wanted: &str) -> Option<T> {
        self.error(span, format!("`{key}` is of the type {}", found.type_str()), format!("write {wanted}"));
        None
    }
}

/// The name that was probably meant, if one is near enough.
pub fn nearest<'n>(word: &str, names: &[&'n str]) -> Option<&'n str> {
    names
        .iter()
        .map(|name| (strsim::damerau_levenshtein(word, name), *name))
        .filter(|(distance, name)| *distance <= 1 + name.chars().count().max(word.chars().count()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

fn wall_of(datetime: &Datetime) -> Option<NaiveDateTime> {
    let (date, time) = (datetime.date?, datetime.time?);
    let date = NaiveDate::from_ymd_opt(i32::from(date.year), u32::from(date.month), u32::from(date.day))?;
    let time = NaiveTime::from_hms_opt(
        u32::from(time.hour),
        u32::from(time.minute),
        u32::from(time.second.unwrap_or(0)).min(59),
    )?;
    Some(date.and_time(time))
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
