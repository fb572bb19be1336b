//! Personal: a mail to one person: a confirmation, a welcome or a probe.
//!
//! Pure.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::config::{List, Mail, Site};
use crate::edition::Occasion;
use crate::render::email::mime::{self, ascii_address, one_line};
use crate::render::email::view::{SiteView, direction, of_site};
use crate::render::email::{Error, Letter, Segments, Slot, Syntax, header_value, hex, inlined, tidy};
use crate::render::page::{ListView, list_view};
use crate::render::templates::Templates;
use crate::render::words::Words;
use crate::revision::Revision;
use crate::schedule::zone::Moment;

/// Who writes, in whose words.
#[derive(Debug, Clone, Copy)]
pub struct Desk<'a> {
    /// Who publishes.
    pub site: &'a Site,
    /// In whose name.
    pub mail: &'a Mail,
    /// The templates around it.
    pub templates: &'a Templates,
    /// In the language of whom it is to.
    pub words: &'a Words,
}

/// What one person is written.
#[derive(Debug, Clone)]
pub struct Personal<'a> {
    /// Why.
    pub occasion: Occasion,
    /// Lists that wait for their confirmation.
    pub asked: Vec<&'a List>,
    /// Lists that send them mail.
    pub lists: Vec<&'a List>,
    /// Of a welcome, the last issue of each of their lists that has sent one.
    pub issues: Vec<Issue<'a>>,
    /// What the text says is open until then; of a confirmation.
    pub until: DateTime<Utc>,
    /// How many hours a request lives.
    pub hours: i64,
    /// Where a button confirms; of a confirmation.
    pub confirm_url: String,
    /// Where a button says that they stay; of a probe.
    pub stay_url: String,
    /// Where they leave everything.
    pub unsubscribe_url: String,
    /// Where they see and change what they get.
    pub preferences_url: String,
    /// The date of the mail.
    pub date: DateTime<Utc>,
}

/// An issue that went out before.
#[derive(Debug, Clone)]
pub struct Issue<'a> {
    /// Its list.
    pub list: &'a List,
    /// When it was cut, on the list's clock.
    pub cut: NaiveDateTime,
    /// What it carried, at the latest revisions.
    pub notices: &'a [Revision],
}

// An issue has no page of its own; what is further down in it is found among all notices.
const MOST_TITLES: usize = 10;

#[derive(Serialize)]
struct IssueView<'a> {
    list: &'a str,
    day: String,
    notices: Vec<TitleView<'a>>,
}

#[derive(Serialize)]
struct TitleView<'a> {
    title: String,
    url: String,
    lang: &'a str,
}

#[derive(Serialize)]
struct View<'a> {
    lang: &'a str,
    dir: &'static str,
    subject: String,
    site: SiteView<'a>,
    asked: Vec<ListView<'a>>,
    lists: Vec<ListView<'a>>,
    issues: Vec<IssueView<'a>>,
    until: String,
    hours: i64,
    confirm_url: &'a str,
    stay_url: &'a str,
    unsubscribe_url: &'a str,
    preferences_url: &'a str,
    archive_url: String,
}

/// The letter to one person. Their links are in it already; only what is in the headers is missing.
pub fn letter(desk: &Desk<'_>, personal: &Personal<'_>) -> Result<Letter, Error> {
    let Desk { site, words, .. } = *desk;
    let lang = if words.is_of(&site.lang) { &site.lang } else { words.lang() };
    let until = Moment::from_instant(personal.until, site.zone.clone());
    let mut view = View {
        lang,
        dir: direction(lang),
        subject: String::new(),
        site: of_site(site),
        asked: personal.asked.iter().map(|list| list_view(words, list)).collect(),
        lists: personal.lists.iter().map(|list| list_view(words, list)).collect(),
        issues: personal.issues.iter().map(|issue| issue_view(site, words, issue)).collect(),
        until: words.moment(&until),
        hours: personal.hours,
        confirm_url: &personal.confirm_url,
        stay_url: &personal.stay_url,
        unsubscribe_url: &personal.unsubscribe_url,
        preferences_url: &personal.preferences_url,
        archive_url: site.address("notices/"),
    };
    let mail = personal.occasion.word();
    let render =
        |part: &str, view: &View<'_>| desk.templates.render(words, &format!("email/{mail}/{part}"), view);
    view.subject = one_line(&render("subject.txt", &view)?);
    let html = inlined(&render("body.html", &view)?)?;
    let text = tidy(&render("body.txt", &view)?);
    let marker = marker(&[&html, &text]);
    let (lang, subject) = (view.lang.to_owned(), view.subject);
    let mut letter = Letter { lang, subject, text, html, marker, message: Segments::default() };
    letter.message = message(&letter, desk, personal);
    Ok(letter)
}

fn issue_view<'a>(site: &Site, words: &Words, issue: &Issue<'a>) -> IssueView<'a> {
    let title = |revision: &'a Revision| {
        let notice = revision.notice();
        TitleView { title: words.title(notice), url: site.notice_address(&notice.id), lang: &notice.lang }
    };
    let notices = issue.notices.iter().take(MOST_TITLES).map(title).collect();
    IssueView { list: &issue.list.title, day: words.day(issue.cut), notices }
}

// Nothing is spliced into the parts, so no marker may be found in them.
fn marker(parts: &[&str]) -> String {
    let mut marker = "splice".to_owned();
    while parts.iter().any(|part| part.contains(&marker)) {
        marker.push('-');
    }
    marker
}

fn message(letter: &Letter, desk: &Desk<'_>, personal: &Personal<'_>) -> Segments {
    let mut message = Segments::default();
    let Desk { mail, .. } = desk;
    message.line(&format!("Date: {}", personal.date.format("%a, %d %b %Y %H:%M:%S +0000")));
    let from = header_value(&ascii_address(&mail.from_address));
    mime::named_header(&mut message.bytes, "From", &mail.from_name, &from);
    message.bytes.extend_from_slice(b"To: ");
    message.slot(Slot::Recipient);
    message.line("");
    if let Some(reply_to) = &mail.reply_to {
        message.line(&format!("Reply-To: {}", header_value(&ascii_address(reply_to))));
    }
    mime::text_header(&mut message.bytes, "Subject", &letter.subject);
    message.bytes.extend_from_slice(b"Message-ID: <");
    message.slot(Slot::MessageId);
    message.line(">");
    match personal.occasion {
        // Who has not subscribed has nothing to leave.
        Occasion::Confirmation => {}
        Occasion::Welcome | Occasion::Probe => message.slot(Slot::ListUnsubscribe),
    }
    // RFC 3834 §5: no autoresponder answers it.
    message.line("Auto-Submitted: auto-generated");
    message.line(&format!("Content-Language: {}", header_value(&letter.lang)));
    message.line("MIME-Version: 1.0");
    let name = hex(&Sha256::digest(letter.text.as_bytes())[..12]);
    let boundary = format!("=_alternative_{name}");
    message.line(&format!("Content-Type: multipart/alternative;\r\n boundary=\"{boundary}\"\r\n"));
    letter.write_part(&mut message, &boundary, "plain", &letter.text, Syntax::Text);
    letter.write_part(&mut message, &boundary, "html", &letter.html, Syntax::Html);
    message.line(&format!("--{boundary}--"));
    message
}
