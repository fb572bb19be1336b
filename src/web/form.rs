//! Form: what people send, read and checked. Foreign bytes: no answer depends on anything but them and the config.
//!
//! Pure.

use chrono::NaiveDate;
use serde::Deserialize;

use crate::config::Config;
use crate::render::words::Words;
use crate::subscriber::Address;

/// A request for mail, not yet checked.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Asked {
    /// As it was typed.
    pub address: String,
    /// Names of lists.
    pub lists: Vec<String>,
    /// BCP 47, or empty for the site's.
    pub lang: String,
    /// No person sees this field; a machine that fills in forms does.
    pub website: String,
}

/// What is wrong with what was sent: nothing that depends on who is subscribed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// Nothing that mail can be sent to.
    Address,
    /// None was chosen.
    NoList,
    /// There is none of that name.
    UnknownList,
    /// Not the tag of a language.
    Language,
    /// Not a day.
    Day,
}

/// What a form of preferences asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Keep what was chosen.
    Save,
    /// Say what is held.
    Show,
    /// Forget this person.
    Erase,
}

/// What somebody wants to get, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Which button was pressed.
    pub act: Act,
    /// As it was typed.
    pub address: String,
    /// Names of lists.
    pub lists: Vec<String>,
    /// Names of lists that are to come collected.
    pub digests: Vec<String>,
    /// BCP 47, or empty for the site's.
    pub lang: String,
    /// `2020-04-06`, or nothing.
    pub paused_until: String,
    /// Whether reminders are wanted.
    pub reminders: bool,
}

impl Asked {
    /// A form's fields. What other pages send with our form is theirs and passed over.
    pub fn of_form(body: &[u8]) -> Self {
        let mut asked = Self::default();
        for (name, value) in url::form_urlencoded::parse(body) {
            match &*name {
                "address" => asked.address = value.into_owned(),
                "lists" => asked.lists.push(value.into_owned()),
                "lang" => asked.lang = value.into_owned(),
                "website" => asked.website = value.into_owned(),
                _ => {}
            }
        }
        asked
    }

    /// The same as JSON; a field that is not known is an error.
    pub fn of_json(body: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }

    /// Who asks for which lists, in the config's order, each once; the only list there is need not be named.
    pub fn check(&self, config: &Config) -> Result<(Address, Vec<String>), Wrong> {
        let address = Address::parse(&self.address).ok_or(Wrong::Address)?;
        if !is_tag(&self.lang) {
            return Err(Wrong::Language);
        }
        if self.lists.iter().any(|name| config.list(name).is_none()) {
            return Err(Wrong::UnknownList);
        }
        let named = config.lists.iter().map(|list| &list.name).filter(|name| self.lists.contains(name));
        let lists: Vec<String> = named.cloned().collect();
        match (&lists[..], &config.lists[..]) {
            ([], [only]) => Ok((address, vec![only.name.clone()])),
            ([], _) => Err(Wrong::NoList),
            ([..], _) => Ok((address, lists)),
        }
    }
}

impl Wrong {
    /// A sentence for who sent it.
    pub fn text(self, words: &Words) -> String {
        match self {
            Self::Address => words.say("wrong-address"),
            Self::NoList => words.say("wrong-no-list"),
            Self::UnknownList => words.say("wrong-unknown-list"),
            Self::Language => words.say("wrong-language"),
            Self::Day => words.say("wrong-day"),
        }
    }
}

impl Form {
    /// A form's fields; `None` when one of them is not of our form, as then the person meant something else.
    pub fn read(body: &[u8]) -> Option<Self> {
        let mut form = Self {
            act: Act::Save,
            address: String::new(),
            lists: Vec::new(),
            digests: Vec::new(),
            lang: String::new(),
            paused_until: String::new(),
            reminders: false,
        };
        for (name, value) in url::form_urlencoded::parse(body) {
            let value = value.into_owned();
            match &*name {
                "do" => {
                    form.act = match value.as_str() {
                        "save" => Act::Save,
                        "show" => Act::Show,
                        "erase" => Act::Erase,
                        _ => return None,
                    }
                }
                "address" => form.address = value,
                "lists" => form.lists.push(value),
                "digest" => form.digests.push(value),
                "lang" => form.lang = value,
                "paused_until" => form.paused_until = value,
                "reminders" => form.reminders = true,
                _ => return None,
            }
        }
        Some(form)
    }

    /// Whether the language is one, or none.
    pub fn is_language(&self) -> bool {
        is_tag(&self.lang)
    }

    /// The day until which nothing is to come, if any; an error when it is none that a browser sends.
    pub fn day(&self) -> Result<Option<NaiveDate>, Wrong> {
        match self.paused_until.as_str() {
            "" => Ok(None),
            // With a sign or a fifth digit of its year it is a day of no calendar of ours.
            text if text.len() != 10 || !text.starts_with(|c: char| c.is_ascii_digit()) => Err(Wrong::Day),
            text => NaiveDate::parse_from_str(text, "%Y-%m-%d").map(Some).map_err(|_| Wrong::Day),
        }
    }
}

// Of BCP 47 no more than the letters it is written in: what is no language of ours is read as the site's.
fn is_tag(text: &str) -> bool {
    text.len() <= 35 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}
