//! Email: an edition as a letter, and the letter as each recipient's message.
//!
//! Pure. What is the same for all recipients is rendered, inlined and encoded once; then a message is copied
//! together from it and the recipient's own values.

pub mod dkim; // signatures
pub mod mime; // headers and parts as bytes
pub mod personal; // a mail to one person
pub mod sample; // an edition of every mail, to try the templates on
pub mod view; // what the templates can say

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use css_inline::CSSInliner;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::config::{List, Mail, Site};
use crate::edition::Edition;
use crate::notice::Notice;
use crate::render::email::mime::{ascii_address, ascii_domain, one_line, quoted_printable};
use crate::render::email::view::{NoticeView, View};
use crate::render::templates::{self, Templates};
use crate::render::words::Words;
use crate::render::xml::escape_html;
use crate::revision::Revision;

/// Gmail hides what is beyond 102 kB of HTML behind a link; the rest is room for what it adds.
pub const MAX_HTML_BYTES: usize = 90_000;

/// Who sends what to whom, in whose words.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// Who publishes.
    pub site: &'a Site,
    /// In whose name.
    pub mail: &'a Mail,
    /// The list that carries it.
    pub list: &'a List,
    /// The templates around it.
    pub templates: &'a Templates,
    /// In the language of those who get it.
    pub words: &'a Words,
}

/// A message to which only a recipient's own values are missing.
#[derive(Debug, Clone)]
pub struct Letter {
    lang: String,
    subject: String,
    text: String,
    html: String,
    marker: String,
    message: Segments,
}

/// A recipient's own values. None holds a line break; if one did, it would be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The mail address, its domain in ASCII. A local part that is not makes the message one for SMTPUTF8.
    pub recipient: String,
    /// `local@domain`, without angle brackets.
    pub message_id: String,
    /// https, for RFC 8058's POST and for people.
    pub unsubscribe_url: String,
    /// https: what the recipient gets, and how to change it.
    pub preferences_url: String,
    /// `mailto:leave+token@example.org`: a whole address for those who unsubscribe by mail.
    pub unsubscribe_mailto: Option<String>,
    /// The Message-ID of the original, which a correction or a reminder follows, without angle brackets.
    pub in_reply_to: Option<String>,
}

/// Why an edition cannot be a letter: all of it is ours.
#[derive(Debug, Error)]
pub enum Error {
    /// A template cannot be filled in.
    #[error("the mail's template cannot be filled in: {0}")]
    Template(#[from] templates::Error),
    /// The styles cannot be written into the elements.
    #[error("the mail's styles cannot be read: {0}")]
    Style(#[from] css_inline::InlineError),
    /// The revisions are not those of the edition's members.
    #[error("the revisions are not those of the edition's members")]
    Members,
    /// There is nothing to correct.
    #[error("the revision has no material change {sequence}")]
    Change {
        /// The change that the edition is about.
        sequence: u32,
    },
}

#[derive(Debug, Clone, Default)]
struct Segments {
    bytes: Vec<u8>,
    // Where in `bytes` each value goes, in order.
    slots: Vec<(usize, Slot)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Recipient,
    MessageId,
    Thread,
    ListUnsubscribe,
    Body(Value, Syntax),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    Unsubscribe,
    Preferences,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Syntax {
    Text,
    Html,
}

/// The letter of an edition as it is at `now`. `revisions` are those of its members, in their order; `calendar` is
/// the attachment of a public action (iCalendar with METHOD:PUBLISH).
pub fn letter(
    sender: &Sender<'_>,
    edition: &Edition,
    revisions: &[&Revision],
    calendar: Option<&[u8]>,
    now: DateTime<Utc>,
) -> Result<Letter, Error> {
    let members = edition.content.members();
    let fits = |(revision, member): (&&Revision, &crate::edition::Member)| {
        *revision.id() == member.notice && revision.number == member.number
    };
    if members.len() != revisions.len() || !revisions.iter().zip(members).all(fits) {
        return Err(Error::Members);
    }
    let notices = view::visible(revisions, edition.content.date(), now);
    let mut view = view::view(sender, edition, revisions, &notices, now)?;
    let marker = marker(edition, &notices);
    view.has_calendar = calendar.is_some();
    view.unsubscribe_url = Value::Unsubscribe.mark(&marker);
    view.preferences_url = Value::Preferences.mark(&marker);

    let mail = edition.content.word();
    view.subject =
        one_line(&sender.templates.render(sender.words, &format!("email/{mail}/subject.txt"), &view)?);
    let html = html_that_fits(sender, mail, &mut view)?;
    let text = tidy(&sender.templates.render(sender.words, &format!("email/{mail}/body.txt"), &view)?);
    let (lang, subject) = (view.lang.to_owned(), view.subject);
    let mut letter = Letter { lang, subject, text, html, marker, message: Segments::default() };
    letter.message = letter.message(sender, edition, calendar);
    Ok(letter)
}

impl Letter {
    /// Adds the recipient's message to `out`: 7-bit, CRLF, without the final dot of SMTP.
    pub fn splice(&self, stamp: &Stamp, out: &mut Vec<u8>) {
        out.reserve(self.message.bytes.len() + 2048);
        let mut from = 0;
        for (at, slot) in &self.message.slots {
            out.extend_from_slice(&self.message.bytes[from..*at]);
            slot.write(stamp, out);
            from = *at;
        }
        out.extend_from_slice(&self.message.bytes[from..]);
    }

    /// The subject in one line.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The plain text part as the recipient reads it.
    pub fn text(&self, stamp: &Stamp) -> String {
        self.filled(&self.text, stamp, Syntax::Text)
    }

    /// The HTML part as the recipient sees it.
    pub fn html(&self, stamp: &Stamp) -> String {
        self.filled(&self.html, stamp, Syntax::Html)
    }

    fn filled(&self, part: &str, stamp: &Stamp, syntax: Syntax) -> String {
        let value = |value: Value| match syntax {
            Syntax::Text => value.of(stamp).to_owned(),
            Syntax::Html => escape_html(value.of(stamp)).into_owned(),
        };
        part.replace(&Value::Unsubscribe.mark(&self.marker), &value(Value::Unsubscribe))
            .replace(&Value::Preferences.mark(&self.marker), &value(Value::Preferences))
    }

    fn message(&self, sender: &Sender<'_>, edition: &Edition, calendar: Option<&[u8]>) -> Segments {
        let mut message = Segments::default();
        self.write_headers(&mut message, sender, edition);
        let name = hex(&Sha256::digest(edition.id.as_str().as_bytes())[..12]);
        // `=_` occurs in no quoted-printable and in no base64 text, so a boundary occurs in no part.
        let (outer, inner) = (format!("=_mixed_{name}"), format!("=_alternative_{name}"));
        if calendar.is_some() {
            message.line(&format!("Content-Type: multipart/mixed;\r\n boundary=\"{outer}\"\r\n"));
            message.line(&format!("--{outer}"));
        }
        message.line(&format!("Content-Type: multipart/alternative;\r\n boundary=\"{inner}\"\r\n"));
        self.write_part(&mut message, &inner, "plain", &self.text, Syntax::Text);
        self.write_part(&mut message, &inner, "html", &self.html, Syntax::Html);
        message.line(&format!("--{inner}--"));
        if let Some(calendar) = calendar {
            let file = edition.content.members().first().map_or("event", |member| member.notice.as_str());
            message.line(&format!("--{outer}"));
            write_calendar(&mut message, file, calendar);
            message.line(&format!("--{outer}--"));
        }
        message
    }

    fn write_headers(&self, message: &mut Segments, sender: &Sender<'_>, edition: &Edition) {
        let Sender { site, mail, list, .. } = sender;
        message.line(&format!("Date: {}", edition.due_at.format("%a, %d %b %Y %H:%M:%S +0000")));
        mime::named_header(
            &mut message.bytes,
            "From",
            &mail.from_name,
            &header_value(&ascii_address(&mail.from_address)),
        );
        message.bytes.extend_from_slice(b"To: ");
        message.slot(Slot::Recipient);
        message.line("");
        if let Some(reply_to) = &mail.reply_to {
            message.line(&format!("Reply-To: {}", header_value(&ascii_address(reply_to))));
        }
        mime::text_header(&mut message.bytes, "Subject", &self.subject);
        message.bytes.extend_from_slice(b"Message-ID: <");
        message.slot(Slot::MessageId);
        message.line(">");
        message.slot(Slot::Thread);
        let domain = ascii_domain(&site.tag_domain);
        let list_id = header_value(&format!("{}.{domain}", list.name));
        mime::named_header(&mut message.bytes, "List-Id", &list.title, &list_id);
        message.slot(Slot::ListUnsubscribe);
        message.line(&format!("List-Archive: <{}>", site.url));
        // Gmail counts complaints by these names: what it was, the list, and a constant (no person is in it).
        message.line(&format!("Feedback-ID: {}:{}:handbill", edition.content.word(), list.name));
        // Of the words around the notices; a notice in another one says so in the HTML (RFC 3282).
        message.line(&format!("Content-Language: {}", header_value(&self.lang)));
        message.line("MIME-Version: 1.0");
    }

    fn write_part(&self, message: &mut Segments, boundary: &str, subtype: &str, part: &str, syntax: Syntax) {
        message.line(&format!("--{boundary}"));
        message.line(&format!("Content-Type: text/{subtype}; charset=utf-8"));
        message.line("Content-Transfer-Encoding: quoted-printable\r\n");
        let mut rest = part;
        while let Some((at, value)) = next_mark(rest, &self.marker) {
            quoted_printable(&mut message.bytes, &rest.as_bytes()[..at]);
            // The value begins and ends at a soft break, so its length shifts nothing.
            message.bytes.extend_from_slice(b"=\r\n");
            message.slot(Slot::Body(value, syntax));
            message.bytes.extend_from_slice(b"=\r\n");
            rest = &rest[at + value.mark(&self.marker).len()..];
        }
        quoted_printable(&mut message.bytes, rest.as_bytes());
        message.line("");
    }
}

impl Segments {
    fn line(&mut self, line: &str) {
        self.bytes.extend_from_slice(line.as_bytes());
        self.bytes.extend_from_slice(b"\r\n");
    }

    fn slot(&mut self, slot: Slot) {
        self.slots.push((self.bytes.len(), slot));
    }
}

impl Slot {
    fn write(self, stamp: &Stamp, out: &mut Vec<u8>) {
        match self {
            Self::Recipient => write_header(out, &stamp.recipient),
            Self::MessageId => write_header(out, &stamp.message_id),
            Self::Thread => {
                if let Some(original) = &stamp.in_reply_to {
                    for name in ["In-Reply-To: <", "References: <"] {
                        out.extend_from_slice(name.as_bytes());
                        write_header(out, original);
                        out.extend_from_slice(b">\r\n");
                    }
                }
            }
            Self::ListUnsubscribe => {
                out.extend_from_slice(b"List-Unsubscribe: <");
                write_header(out, &stamp.unsubscribe_url);
                if let Some(mailto) = &stamp.unsubscribe_mailto {
                    out.extend_from_slice(b">,\r\n <");
                    write_header(out, mailto);
                }
                out.extend_from_slice(b">\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
            }
            Self::Body(value, Syntax::Text) => quoted_printable(out, value.of(stamp).as_bytes()),
            Self::Body(value, Syntax::Html) => {
                quoted_printable(out, escape_html(value.of(stamp)).as_bytes());
            }
        }
    }
}

impl Value {
    fn of(self, stamp: &Stamp) -> &str {
        match self {
            Self::Unsubscribe => &stamp.unsubscribe_url,
            Self::Preferences => &stamp.preferences_url,
        }
    }

    fn mark(self, marker: &str) -> String {
        match self {
            Self::Unsubscribe => format!("{marker}u"),
            Self::Preferences => format!("{marker}p"),
        }
    }
}

// A word that stands for a value until the message is cut there. It comes from the edition, so a letter is the
// same bytes each time, and it goes on until no text of people holds it.
fn marker(edition: &Edition, notices: &[Cow<'_, Notice>]) -> String {
    let content = format!("{notices:?}");
    let mut marker = String::new();
    for round in 0_u64.. {
        let digest = Sha256::digest(format!("splice {round} {}", edition.id).as_bytes());
        marker = format!("splice{}", hex(&digest[..12]));
        if !content.contains(&marker) {
            break;
        }
    }
    marker
}

fn next_mark(text: &str, marker: &str) -> Option<(usize, Value)> {
    let at = text.find(marker)?;
    let value =
        if text[at + marker.len()..].starts_with('u') { Value::Unsubscribe } else { Value::Preferences };
    Some((at, value))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

// The longest texts give way to their excerpts first, so that many short notices stay whole.
fn html_that_fits(sender: &Sender<'_>, mail: &str, view: &mut View<'_>) -> Result<String, Error> {
    loop {
        let html =
            inlined(&sender.templates.render(sender.words, &format!("email/{mail}/body.html"), view)?)?;
        if html.len() <= MAX_HTML_BYTES || view.notices.iter().all(|notice| !notice.is_whole) {
            return Ok(html);
        }
        shorten(view, html.len());
    }
}

// Styles make each text longer by about the same share; cutting by the bare lengths would cut too much.
fn shorten(view: &mut View<'_>, html_bytes: usize) {
    let whole = |view: &View<'_>| -> usize {
        view.notices.iter().filter(|notice| notice.is_whole).map(NoticeView::html_bytes).sum()
    };
    let enough = whole(view).saturating_mul(MAX_HTML_BYTES) / html_bytes;
    loop {
        let longest = view.notices.iter_mut().filter(|notice| notice.is_whole);
        let Some(longest) = longest.max_by_key(|notice| notice.html_bytes()) else { return };
        longest.is_whole = false;
        if whole(view) <= enough {
            return;
        }
    }
}

fn inlined(html: &str) -> Result<String, Error> {
    // What depends on the screen or on the reader's colours stays in the head: no element can say it.
    let inliner = CSSInliner::options()
        .load_remote_stylesheets(false)
        .keep_style_tags(false)
        .keep_at_rules(true)
        .minify_css(true)
        .build();
    Ok(inliner.inline(html)?)
}

// At most one empty line in a row and no white space at the ends of lines, whatever the template's branches
// left; `-- ` before the signature alone ends in a space (RFC 3676 §4.3).
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    for line in text.lines() {
        let line = if line == "-- " { line } else { line.trim_end() };
        let doubled = line.is_empty() && (tidy.is_empty() || tidy.ends_with("\n\n"));
        if !doubled {
            tidy.push_str(line);
            tidy.push('\n');
        }
    }
    tidy.truncate(tidy.trim_end().len());
    tidy.push('\n');
    tidy
}

fn write_calendar(message: &mut Segments, name: &str, calendar: &[u8]) {
    message.line("Content-Type: text/calendar; charset=utf-8; method=PUBLISH;");
    message.line(&format!(" name=\"{name}.ics\""));
    message.line(&format!("Content-Disposition: attachment;\r\n filename=\"{name}.ics\""));
    message.line("Content-Transfer-Encoding: base64\r\n");
    mime::base64_lines(&mut message.bytes, calendar);
}

fn header_value(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).collect()
}

// No value of a recipient can end a header.
fn write_header(out: &mut Vec<u8>, value: &str) {
    if value.bytes().any(|byte| byte.is_ascii_control()) {
        out.extend(value.bytes().filter(|byte| !byte.is_ascii_control()));
    } else {
        out.extend_from_slice(value.as_bytes());
    }
}
