//! Roster: people on a list that another system or a person wrote, row by row.
//!
//! Pure: the rows come from a reader that the caller opened, one at a time, so that a file of any length costs no
//! memory.
//!
//! Read are a CSV of Handbill's own, what listmonk and Keila export, a Mailchimp audience (its subscribed,
//! unsubscribed and cleaned files), and the addresses that Mailman 3's Postorius or `mailman members` writes, one
//! a line. Names, IP addresses and everything else that these files hold is passed over and kept nowhere.

mod text; // a file as UTF-8

use std::io::{self, Read, Seek, SeekFrom};

use csv::{ByteRecord, Position, Reader, ReaderBuilder, Trim};

use crate::roster::text::Text;
use crate::subscriber::Address;

/// Which system wrote the file; told from its headings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `email`, and `lists`, `lang`, `standing`, `confirmed_at` where there are any.
    Handbill,
    /// `uuid`, `email`, …, `status`, `created_at` (listmonk's `cmd/subscribers.go`).
    Listmonk,
    /// `Email Address`, …, `OPTIN_TIME`, `CONFIRM_TIME`; `UNSUB_TIME` and `CLEAN_TIME` in the files of those who
    /// left and those whose mail bounced.
    Mailchimp,
    /// `Email`, …, `Status`.
    Keila,
    /// One address a line, or a name and the address in angle brackets; no headings.
    Mailman,
}

/// A list of people, being read.
pub struct Roster<R> {
    form: Form,
    columns: Columns,
    reader: Reader<Text<R>>,
    record: ByteRecord,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// From 1.
    pub line: u64,
    /// Bytes of the file up to the row's end: where to go on later.
    pub end: u64,
    /// Lines of the file before the next row.
    pub next_line: u64,
    /// Who, or why nobody can be read from it.
    pub person: Result<Person, Fault>,
}

/// Somebody as the file knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Where mail reaches them.
    pub address: Address,
    /// What the file says of them.
    pub word: Word,
    /// Names of lists; empty when the file has none.
    pub lists: Vec<String>,
    /// BCP 47; empty when the file has none.
    pub lang: String,
    /// `2020-04`; empty when the file does not say.
    pub confirmed_month: String,
}

/// What a file says of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// They get mail.
    Subscribed,
    /// They asked and never confirmed, or somebody switched them off: no consent, so they are passed over.
    Unconfirmed,
    /// They left: nobody may write to them unless they ask again.
    Left,
    /// Their mail comes back.
    Bounced,
    /// They are on the other system's list of those who get nothing.
    Blocked,
}

/// What is wrong with a row. The address itself is not repeated: what is printed may be kept by somebody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not an address.
    #[error("this is not a mail address, write one such as name@example.org")]
    Address,
    /// Not a word that the system uses.
    #[error("the status `{0}` is not known, it is one of {1}")]
    Status(String, &'static str),
}

/// Why a file is no roster.
#[derive(Debug, thiserror::Error)]
pub enum NoRoster {
    /// No column holds addresses.
    #[error(
        "no column holds addresses: the columns are {0}; name one `email`, or write one address a line without headings"
    )]
    Columns(String),
    /// It holds bytes that no text has.
    #[error("this is not a text; save the table as CSV, in UTF-8 when that is asked")]
    NotText,
    /// The reader broke.
    #[error("the file could not be read")]
    Read(#[from] csv::Error),
}

#[derive(Debug, Default)]
struct Columns {
    address: usize,
    lists: Option<usize>,
    lang: Option<usize>,
    status: Option<usize>,
    // The first that is not empty counts.
    since: Vec<usize>,
    left: Option<usize>,
    cleaned: Option<usize>,
}

// What the other systems call their states.
const HANDBILL: &[(&str, Word)] = &[
    ("", Word::Subscribed),
    ("confirmed", Word::Subscribed),
    ("pending", Word::Unconfirmed),
    ("unsubscribed", Word::Left),
    ("suppressed", Word::Bounced),
];
const LISTMONK: &[(&str, Word)] =
    &[("enabled", Word::Subscribed), ("disabled", Word::Unconfirmed), ("blocklisted", Word::Blocked)];
const KEILA: &[(&str, Word)] = &[
    ("", Word::Subscribed),
    ("active", Word::Subscribed),
    ("unsubscribed", Word::Left),
    ("unreachable", Word::Bounced),
];

impl Form {
    /// The system's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Handbill => "Handbill",
            Self::Listmonk => "listmonk",
            Self::Mailchimp => "Mailchimp",
            Self::Keila => "Keila",
            Self::Mailman => "Mailman",
        }
    }
}

impl<R: Read + Seek> Roster<R> {
    /// Reads the headings.
    pub fn new(source: R) -> Result<Self, NoRoster> {
        let mut text = Text::new(source).map_err(csv::Error::from)?;
        let line = first_line(&mut text).map_err(csv::Error::from)?;
        if line.contains(&0) {
            return Err(NoRoster::NotText);
        }
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(Trim::All)
            .delimiter(delimiter(&line))
            .from_reader(text);
        let mut first = ByteRecord::new();
        let any = reader.read_byte_record(&mut first)?;
        let headings: Vec<String> = first.iter().map(heading).collect();
        // The last field: a name in front of the address may hold a comma.
        if any && first.iter().next_back().and_then(address_of).is_some() {
            reader.seek(Position::new())?;
            let columns = Columns::default();
            return Ok(Self { form: Form::Mailman, columns, reader, record: first });
        }
        let Some((form, columns)) = form_of(&headings) else {
            return Err(NoRoster::Columns(headings.join(", ")));
        };
        Ok(Self { form, columns, reader, record: first })
    }

    /// Which system wrote it.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Goes on behind the row whose end and next line these are.
    pub fn go_on(&mut self, end: u64, line: u64) -> Result<(), csv::Error> {
        let mut position = Position::new();
        position.set_byte(end).set_line(line);
        self.reader.seek(position)
    }

    /// The next row; `None` at the end. An error is the reader's: the rows before are good.
    pub fn next_row(&mut self) -> Result<Option<Row>, csv::Error> {
        if !self.reader.read_byte_record(&mut self.record)? {
            return Ok(None);
        }
        let line = self.record.position().map_or(0, Position::line);
        let (end, next_line) = (self.reader.position().byte(), self.reader.position().line());
        Ok(Some(Row { line, end, next_line, person: self.person() }))
    }

    fn person(&self) -> Result<Person, Fault> {
        let field = match self.form {
            Form::Mailman => self.record.iter().next_back().unwrap_or_default(),
            Form::Handbill | Form::Listmonk | Form::Mailchimp | Form::Keila => {
                self.bytes(Some(self.columns.address))
            }
        };
        let address = address_of(field).ok_or(Fault::Address)?;
        let word = self.word()?;
        let since = self.columns.since.iter().map(|column| self.text(Some(*column)));
        let since = since.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        Ok(Person {
            address,
            word,
            lists: names_in(&self.text(self.columns.lists)),
            lang: self.text(self.columns.lang),
            confirmed_month: month_of(&since),
        })
    }

    fn word(&self) -> Result<Word, Fault> {
        let status = self.text(self.columns.status).to_lowercase();
        let (words, known) = match self.form {
            Form::Handbill => (HANDBILL, "confirmed, pending, unsubscribed, suppressed"),
            Form::Listmonk => (LISTMONK, "enabled, disabled, blocklisted"),
            Form::Keila => (KEILA, "active, unsubscribed, unreachable"),
            Form::Mailchimp if !self.bytes(self.columns.cleaned).is_empty() => return Ok(Word::Bounced),
            Form::Mailchimp if !self.bytes(self.columns.left).is_empty() => return Ok(Word::Left),
            Form::Mailchimp | Form::Mailman => return Ok(Word::Subscribed),
        };
        let found = words.iter().find(|(name, _)| *name == status);
        found.map(|(_, word)| *word).ok_or(Fault::Status(status, known))
    }

    fn bytes(&self, column: Option<usize>) -> &[u8] {
        column.and_then(|column| self.record.get(column)).unwrap_or_default()
    }

    fn text(&self, column: Option<usize>) -> String {
        String::from_utf8_lossy(self.bytes(column)).into_owned()
    }
}

// At most so much of it: a file without an end of line is one of nobody's.
const LINE: u64 = 64 * 1024;

fn first_line<R: Read + Seek>(text: &mut Text<R>) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    text.by_ref().take(LINE).read_to_end(&mut line)?;
    text.seek(SeekFrom::Start(0))?;
    let end = line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len());
    line.truncate(end);
    Ok(line)
}

// Spreadsheets of countries whose numbers have a comma write semicolons, and some write tabs.
fn delimiter(headings: &[u8]) -> u8 {
    if headings.contains(&b',') || headings.contains(&b'@') {
        return b',';
    }
    [b';', b'\t'].into_iter().find(|sign| headings.contains(sign)).unwrap_or(b',')
}

// Several in one cell, however they are parted.
fn names_in(cell: &str) -> Vec<String> {
    let names = cell.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|'));
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

// A heading as it is compared: without the byte order mark that spreadsheets write.
fn heading(field: &[u8]) -> String {
    String::from_utf8_lossy(field).trim_start_matches('\u{feff}').trim().to_owned()
}

fn form_of(headings: &[String]) -> Option<(Form, Columns)> {
    let column = |name: &str| headings.iter().position(|heading| heading.eq_ignore_ascii_case(name));
    let several = |names: &[&str]| names.iter().filter_map(|name| column(name)).collect();
    // People write E-Mail, e-mail and EMAIL.
    let address = |name: &str| {
        let plain = |heading: &String| heading.replace(['-', ' ', '_'], "").eq_ignore_ascii_case(name);
        headings.iter().position(plain)
    };
    if let Some(address) = address("emailaddress") {
        let columns = Columns {
            address,
            lists: column("lists"),
            lang: column("lang"),
            since: several(&["CONFIRM_TIME", "OPTIN_TIME"]),
            left: column("UNSUB_TIME"),
            cleaned: column("CLEAN_TIME"),
            ..Columns::default()
        };
        return Some((Form::Mailchimp, columns));
    }
    let address = address("email")?;
    let status = column("status");
    if column("uuid").is_some() && status.is_some() {
        let columns = Columns { address, status, since: several(&["created_at"]), ..Columns::default() };
        return Some((Form::Listmonk, columns));
    }
    if status.is_some() || column("First name").is_some() {
        return Some((Form::Keila, Columns { address, status, ..Columns::default() }));
    }
    let columns = Columns {
        address,
        lists: column("lists"),
        lang: column("lang"),
        status: column("standing"),
        since: several(&["confirmed_at"]),
        ..Columns::default()
    };
    Some((Form::Handbill, columns))
}

// The address itself, or that in the angle brackets behind a name.
fn address_of(field: &[u8]) -> Option<Address> {
    let text = std::str::from_utf8(field).ok()?.trim_start_matches('\u{feff}').trim();
    let bare = match text.rsplit_once('<') {
        Some((_, rest)) => rest.strip_suffix('>')?,
        None => text,
    };
    Address::parse(bare)
}

// `2020-04` of a date or time that begins with it; nothing of any other.
fn month_of(text: &str) -> String {
    let month = text.get(..7).unwrap_or_default();
    let is_month = month.bytes().enumerate().all(|(at, byte)| match at {
        4 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if is_month { month.to_owned() } else { String::new() }
}
