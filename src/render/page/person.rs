//! Person: the pages on which people subscribe, confirm, choose and leave.
//!
//! Pure. Nothing of them holds an address but the form that its owner has just filled in.

use serde::Serialize;

use crate::config::{Config, List, Transport, When};
use crate::render::page::{ACTIONS_CALENDAR, Alternate, Frame, FrameView, ListView, Nav, Topic, list_view};
use crate::render::templates::{ENGLISH, Error};
use crate::render::xml::escape_html;

/// What is true of the addresses that this installation holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Terms {
    /// The relay that mail goes through, when it stands elsewhere: it sees the addresses.
    pub relay: Option<String>,
    /// Whether the record is on a database server, which sees sealed addresses.
    pub has_database: bool,
    /// Who answers questions.
    pub contact: Option<String>,
}

/// What somebody has typed into the form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Filled {
    /// As typed.
    pub address: String,
    /// Names of lists.
    pub lists: Vec<String>,
    /// As typed.
    pub lang: String,
    /// What is wrong with it; none before it was sent.
    pub wrong: Option<String>,
}

/// What a page of a link in a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// There is a button.
    Ask,
    /// It was pressed.
    Done,
    /// The link does not lead anywhere any more.
    Dead,
}

/// A list on the page of preferences.
#[derive(Debug, Clone, Serialize)]
pub struct Choice {
    /// Its name for ever.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// What it sends, and how often.
    pub description: String,
    /// Whether they want it.
    pub is_on: bool,
    /// The path under the site at which a POST leaves it, when they are on it.
    pub leave: Option<String>,
    /// The title of the list whose issues can come instead of its alerts.
    pub digest: Option<String>,
    /// Whether they do.
    pub is_digest: bool,
}

/// What a subscriber wants, as the form shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Wishes {
    /// All lists.
    pub lists: Vec<Choice>,
    /// BCP 47, or empty.
    pub lang: String,
    /// `2018-08-01`, or empty.
    pub paused_until: String,
    /// Whether actions are reminded of.
    pub reminders: bool,
    /// What came of the form, when it was sent.
    pub said: Option<String>,
    /// Whether that was a refusal.
    pub is_refused: bool,
}

impl Terms {
    /// Those of a config.
    pub fn of(config: &Config) -> Self {
        let relay = match &config.mail.transport {
            Transport::Outbox => None,
            Transport::Smtp(smtp) => Some(smtp.host.clone()).filter(|host| !is_here(host)),
        };
        Self { relay, has_database: config.database_url.is_some(), contact: config.site.contact.clone() }
    }
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host == "::1" || host.starts_with("127.")
}

/// What the lists send and how often, the form to subscribe, what becomes of an address, and the ways that need none.
pub fn subscribe(frame: &Frame<'_>, lists: &[List], terms: &Terms, filled: &Filled) -> Result<String, Error> {
    #[derive(Serialize)]
    struct Row<'a> {
        list: ListView<'a>,
        is_chosen: bool,
    }
    #[derive(Serialize)]
    struct View<'a> {
        frame: FrameView<'a>,
        lists: Vec<Row<'a>>,
        terms: &'a Terms,
        filled: &'a Filled,
        languages: Vec<Language<'a>>,
        action: String,
        snippet: String,
        calendar: String,
        feeds: Vec<Alternate>,
    }
    let words = frame.words;
    let organization = [("organization", frame.site.organization.as_str().into())];
    let description = words.tell("subscribe-to-organization", organization);
    let mut view = View {
        frame: frame.view("subscribe/", Nav::Subscribe, &words.say("subscribe"), &description, &[]),
        lists: lists
            .iter()
            .map(|list| Row {
                is_chosen: filled.lists.contains(&list.name) || lists.len() == 1,
                list: list_view(words, list),
            })
            .collect(),
        terms,
        filled,
        languages: languages(frame, &filled.lang),
        action: frame.href("subscribe"),
        snippet: snippet(frame, lists),
        calendar: frame.href(ACTIONS_CALENDAR),
        feeds: frame.alternates_of(&Topic::All, false),
    };
    if *filled != Filled::default() {
        view.frame.canonical = None;
    }
    frame.templates.render(frame.words, "web/subscribe.html", &view)
}

// A language that mails and pages are written in, in the form to choose it.
#[derive(Serialize)]
struct Language<'a> {
    tag: &'a str,
    name: String,
    is_chosen: bool,
}

// Every one that there are words in, and the chosen one where it is another, such as `es-MX`: who saves the form does
// not lose it.
fn languages<'a>(frame: &Frame<'a>, chosen: &'a str) -> Vec<Language<'a>> {
    let english = frame.templates.words(ENGLISH).say("language-itself");
    let mut languages: Vec<Language<'_>> = frame
        .templates
        .languages()
        .map(|words| {
            let (tag, itself) = (words.lang(), words.say("language-itself"));
            // An operator's language that does not name itself would call itself English.
            let name = if tag != ENGLISH && itself == english { tag.to_owned() } else { itself };
            Language { tag, name, is_chosen: tag.eq_ignore_ascii_case(chosen) }
        })
        .collect();
    let is_tag = !chosen.is_empty() && chosen.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if is_tag && languages.iter().all(|language| !language.is_chosen) {
        languages.push(Language { tag: chosen, name: chosen.to_owned(), is_chosen: true });
    }
    languages
}

// What others put into their own pages: a plain form, nothing of ours runs there.
fn snippet(frame: &Frame<'_>, lists: &[List]) -> String {
    let mut snippet = format!("<form method=\"post\" action=\"{}\">\n", frame.site.address("subscribe"));
    let label = escape_html(&frame.words.say("address-of-mail")).into_owned();
    snippet.push_str(&format!("<label>{label} <input type=\"email\" name=\"address\" required></label>\n"));
    for list in lists {
        snippet.push_str(&format!("<input type=\"hidden\" name=\"lists\" value=\"{}\">\n", list.name));
    }
    let button = escape_html(&frame.words.say("subscribe")).into_owned();
    snippet.push_str(&format!("<button>{button}</button>\n</form>"));
    snippet
}

/// What everybody sees who has asked for mail, whoever they are.
pub fn asked(frame: &Frame<'_>, hours: i64) -> Result<String, Error> {
    #[derive(Serialize)]
    struct View<'a> {
        frame: FrameView<'a>,
        hours: i64,
    }
    frame.templates.render(
        frame.words,
        "web/asked.html",
        &View { frame: frame.nameless(&frame.words.say("asked")), hours },
    )
}

/// What somebody sees whose network asks too often.
pub fn too_many(frame: &Frame<'_>, minutes: u64) -> Result<String, Error> {
    #[derive(Serialize)]
    struct View<'a> {
        frame: FrameView<'a>,
        minutes: u64,
    }
    frame.templates.render(
        frame.words,
        "web/too_many.html",
        &View { frame: frame.nameless(&frame.words.say("too-many")), minutes },
    )
}

/// The page of the link in a confirmation. `lists` are what waits for it, or when it was pressed what they get.
pub fn confirm(frame: &Frame<'_>, press: Press, lists: &[List]) -> Result<String, Error> {
    #[derive(Serialize)]
    struct View<'a> {
        frame: FrameView<'a>,
        press: &'static str,
        lists: Vec<ListView<'a>>,
    }
    let lists = lists.iter().map(|list| list_view(frame.words, list)).collect();
    let view = View { frame: frame.nameless(&frame.words.say("confirm")), press: press.word(), lists };
    frame.templates.render(frame.words, "web/confirm.html", &view)
}

/// The page of the link in a probe.
pub fn stay(frame: &Frame<'_>, press: Press) -> Result<String, Error> {
    pressed(frame, "web/stay.html", &frame.words.say("stay"), press)
}

/// What somebody sees of whom nothing is held any more.
pub fn erased(frame: &Frame<'_>) -> Result<String, Error> {
    pressed(frame, "web/erased.html", &frame.words.say("forgotten"), Press::Done)
}

fn pressed(frame: &Frame<'_>, template: &str, title: &str, press: Press) -> Result<String, Error> {
    #[derive(Serialize)]
    struct View<'a> {
        frame: FrameView<'a>,
        press: &'static str,
    }
    frame.templates.render(frame.words, template, &View { frame: frame.nameless(title), press: press.word() })
}

/// The page of a link to leave: a button, or the word that it is done, or that the link is not valid any more.
/// `list` is the title of one list; none is all of them.
pub fn leave(frame: &Frame<'_>, press: Press, list: Option<&str>) -> Result<String, Error> {
    #[derive(Serialize)]
    struct View<'a> {
        frame: FrameView<'a>,
        press: &'static str,
        list: Option<&'a str>,
    }
    let view = View { frame: frame.nameless(&frame.words.say("leave-a-list")), press: press.word(), list };
    frame.templates.render(frame.words, "web/leave.html", &view)
}

/// The question that is put to who has chosen no list: a button, which goes to the path `leave`, and a way `back`.
pub fn no_list(frame: &Frame<'_>, leave: &str, back: &str) -> Result<String, Error> {
    #[derive(Serialize)]
    struct View<'a> {
        frame: FrameView<'a>,
        leave: String,
        back: String,
    }
    let title = frame.words.say("leave-all-asked");
    let view = View { frame: frame.nameless(&title), leave: frame.href(leave), back: frame.href(back) };
    frame.templates.render(frame.words, "web/no_list.html", &view)
}

/// The page on which a subscriber chooses; without wishes, that the link is not valid any more.
pub fn preferences(frame: &Frame<'_>, wishes: Option<&Wishes>) -> Result<String, Error> {
    #[derive(Serialize)]
    struct View<'a> {
        frame: FrameView<'a>,
        wishes: Option<&'a Wishes>,
        languages: Vec<Language<'a>>,
    }
    let languages = wishes.map_or(Vec::new(), |wishes| languages(frame, &wishes.lang));
    let view = View { frame: frame.nameless(&frame.words.say("what-you-get")), wishes, languages };
    frame.templates.render(frame.words, "web/preferences.html", &view)
}

/// The title of the list whose issues can come instead of this one's alerts.
pub fn digest_title<'c>(lists: &'c [List], list: &List) -> Option<&'c str> {
    let name = match &list.when {
        When::AtOnce => list.digest.as_deref()?,
        When::Cut(_) => return None,
    };
    lists.iter().find(|other| other.name == name).map(|other| other.title.as_str())
}

impl Press {
    fn word(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }
}
