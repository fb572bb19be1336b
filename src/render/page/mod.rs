//! Page: the site as HTML, without JavaScript, cookies or anything from another host.
//!
//! Pure. Every text goes through Tera's escaping; only the notice's own sanitised HTML and the JSON-LD, which
//! escapes itself, do not.

mod json_ld;
pub mod notice;
pub mod person;

use chrono::{DateTime, Datelike as _, Utc};
use serde::Serialize;

use crate::config::{List, Site, When};
use crate::notice::shown::shown;
use crate::notice::{Event, Image, KindName, Notice, Status, Tag};
use crate::render::calendar;
use crate::render::email::view::direction;
use crate::render::facts;
use crate::render::feed::Format;
use crate::render::templates::{Error, Templates};
use crate::render::words::{Words, upper_first};
use crate::render::xml::{escape_html, xml_clean};
use crate::revision::Revision;
use crate::schedule::zone::Moment;

/// What the pages forbid a browser to load or run. `web` sends it as a header with `frame-ancestors 'none'`,
/// which a `<meta>` element must not carry (Content Security Policy Level 3, section 3.3).
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; \
                                           form-action 'self'; base-uri 'none'";

/// The path of the calendar of all actions.
const ACTIONS_CALENDAR: &str = "calendar/actions.ics";

/// What all pages of one site share.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Who publishes, and where.
    pub site: &'a Site,
    /// Ours or the operator's.
    pub templates: &'a Templates,
    /// In the language of the page.
    pub words: &'a Words,
    /// Path of the stylesheet under the site.
    pub style: &'a str,
    /// Whether there is a list to subscribe to.
    pub takes_mail: bool,
}

/// What a feed, a calendar or an index is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// Every notice.
    All,
    /// Those of a kind.
    Kind(KindName),
    /// Those under a name.
    Named(Scheme, Tag),
}

/// What the names are under which notices are found beside their kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// A notice has any number of tags.
    Tag,
    /// And belongs to one campaign at most.
    Campaign,
}

/// One page of an index.
#[derive(Debug, Clone)]
pub struct Index<'a> {
    /// What it is of; of actions, those that are over.
    pub topic: Topic,
    /// Whether there is a calendar of the topic.
    pub calendar: bool,
    /// Its number among the closed pages, or none for the newest.
    pub number: Option<usize>,
    /// How many pages are closed.
    pub closed: usize,
    /// Of a campaign, the actions ahead, soonest first; on its newest page alone.
    pub ahead: Vec<&'a Revision>,
    /// All others, newest first.
    pub entries: Vec<&'a Revision>,
}

/// The front page.
#[derive(Debug, Clone)]
pub struct Home<'a> {
    /// The next actions, soonest first.
    pub ahead: Vec<&'a Revision>,
    /// Whether there are more of them than stand here.
    pub more_ahead: bool,
    /// The newest notices that are no actions, newest first.
    pub latest: Vec<&'a Revision>,
    /// Whether nothing at all has been published.
    pub is_empty: bool,
}

impl Scheme {
    /// The folder of the page that has all the names, with a slash at the end.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Tag => "tags/",
            Self::Campaign => "campaigns/",
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Campaign => "campaign",
        }
    }

    fn title(self, words: &Words) -> String {
        match self {
            Self::Tag => words.say("tags"),
            Self::Campaign => words.say("campaigns"),
        }
    }

    // As people write one.
    fn spell(self, name: &Tag) -> String {
        match self {
            Self::Tag => format!("#{}", name.name),
            Self::Campaign => name.name.clone(),
        }
    }
}

/// Where what is of a topic stands under the site.
impl Topic {
    /// The folder of the index, with a slash at the end.
    pub fn index_path(&self) -> String {
        match self {
            Self::All => "notices/".to_owned(),
            Self::Kind(KindName::Archive) => "archive/".to_owned(),
            Self::Kind(KindName::Statement) => "statements/".to_owned(),
            Self::Kind(KindName::Action) => "actions/past/".to_owned(),
            Self::Named(scheme, name) => format!("{}{}/", scheme.folder(), name.slug),
        }
    }

    /// The folder of a closed page of the index, with a slash at the end; pages count from the oldest.
    pub fn closed_path(&self, number: usize) -> String {
        match self {
            // Beside the notices' own folders: an id is no path of two parts.
            Self::All => format!("notices/all/{number}/"),
            Self::Kind(_) | Self::Named(..) => format!("{}{number}/", self.index_path()),
        }
    }

    /// The feed's path without its extension.
    pub fn feed_path(&self) -> String {
        match self {
            Self::All => "feeds/all".to_owned(),
            Self::Kind(kind) => format!("feeds/kind/{}", kind.as_str()),
            Self::Named(scheme, name) => format!("feeds/{}/{}", scheme.as_str(), name.slug),
        }
    }

    /// The calendar's path without its extension; none for what has no time.
    pub fn calendar_path(&self) -> Option<String> {
        match self {
            Self::All | Self::Kind(KindName::Action) => Some("calendar/actions".to_owned()),
            Self::Kind(KindName::Archive | KindName::Statement) => None,
            Self::Named(scheme, name) => Some(format!("calendar/{}/{}", scheme.as_str(), name.slug)),
        }
    }

    /// The page that a feed or a calendar mirrors.
    pub fn page_path(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Kind(KindName::Action) => "actions/".to_owned(),
            Self::Kind(KindName::Archive | KindName::Statement) | Self::Named(..) => self.index_path(),
        }
    }

    /// The title of a feed or a calendar.
    pub fn feed_title(&self, site: &Site, words: &Words) -> String {
        let title = ("site", site.title.as_str().into());
        match self {
            Self::All => site.title.clone(),
            Self::Kind(kind) => {
                words.tell("title-of-kind", [title, ("kind", words.kind_plural(*kind).into())])
            }
            Self::Named(Scheme::Tag, tag) => {
                words.tell("title-of-tag", [title, ("tag", tag.name.as_str().into())])
            }
            Self::Named(Scheme::Campaign, campaign) => {
                words.tell("title-of-campaign", [title, ("campaign", campaign.name.as_str().into())])
            }
        }
    }

    /// The title of a calendar, which holds actions alone.
    pub fn calendar_title(&self, site: &Site, words: &Words) -> String {
        let title = ("site", site.title.as_str().into());
        match self {
            Self::All | Self::Kind(_) => Self::Kind(KindName::Action).feed_title(site, words),
            Self::Named(Scheme::Tag, tag) => {
                words.tell("calendar-of-tag", [title, ("tag", tag.name.as_str().into())])
            }
            Self::Named(Scheme::Campaign, campaign) => {
                words.tell("calendar-of-campaign", [title, ("campaign", campaign.name.as_str().into())])
            }
        }
    }

    /// Of what names it is one; none of what has none.
    pub fn scheme(&self) -> Option<Scheme> {
        match self {
            Self::All | Self::Kind(_) => None,
            Self::Named(scheme, _) => Some(*scheme),
        }
    }

    fn heading(&self, words: &Words) -> String {
        match self {
            Self::All => words.say("all-notices"),
            Self::Kind(KindName::Action) => words.say("past-actions"),
            Self::Kind(kind @ (KindName::Archive | KindName::Statement)) => words.kind_plural(*kind),
            Self::Named(scheme, name) => scheme.spell(name),
        }
    }
}

/// The front page.
pub fn home(frame: &Frame<'_>, home: &Home<'_>, now: DateTime<Utc>) -> Result<String, Error> {
    #[derive(Serialize)]
    struct View<'a> {
        frame: FrameView<'a>,
        ahead: Vec<Entry>,
        more_ahead: bool,
        latest: Vec<Entry>,
        is_empty: bool,
    }
    let site = frame.site;
    let view = View {
        frame: frame.view("", Nav::Home, &site.title, &site.description, &[]),
        ahead: entries(frame, &home.ahead, now),
        more_ahead: home.more_ahead,
        latest: entries(frame, &home.latest, now),
        is_empty: home.is_empty,
    };
    frame.templates.render(frame.words, "web/home.html", &view)
}

/// The actions ahead, soonest first; those postponed stand apart, since nobody knows their time.
pub fn ahead(frame: &Frame<'_>, revisions: &[&Revision], now: DateTime<Utc>) -> Result<String, Error> {
    #[derive(Serialize)]
    struct View<'a> {
        frame: FrameView<'a>,
        ahead: Vec<Entry>,
        postponed: Vec<Entry>,
        calendar: String,
    }
    let (postponed, ahead): (Vec<&Revision>, Vec<&Revision>) =
        revisions.iter().copied().partition(|revision| is_postponed(revision));
    let topic = Topic::Kind(KindName::Action);
    let description =
        frame.words.tell("actions-ahead-about", [("about", frame.site.description.as_str().into())]);
    let view = View {
        frame: frame.view(
            "actions/",
            Nav::Actions,
            &frame.words.say("actions-ahead"),
            &description,
            &[topic],
        ),
        ahead: entries(frame, &ahead, now),
        postponed: entries(frame, &postponed, now),
        calendar: frame.href(ACTIONS_CALENDAR),
    };
    frame.templates.render(frame.words, "web/ahead.html", &view)
}

/// One page of an index.
pub fn index(frame: &Frame<'_>, index: &Index<'_>, now: DateTime<Utc>) -> Result<String, Error> {
    #[derive(Serialize)]
    struct View<'a> {
        frame: FrameView<'a>,
        title: String,
        parts: Vec<Part>,
        newer: Option<String>,
        older: Option<String>,
        feeds: Vec<Alternate>,
        topic: &'static str,
    }
    let topic = &index.topic;
    let path = index.number.map_or_else(|| topic.index_path(), |number| topic.closed_path(number));
    let words = frame.words;
    let heading = topic.heading(words);
    let title = match index.number {
        Some(number) => {
            words.tell("heading-with-page", [("heading", heading.as_str().into()), ("number", number.into())])
        }
        None => heading.clone(),
    };
    let description = words.labelled(&heading, &frame.site.description);
    let nav = match topic {
        Topic::All | Topic::Named(..) => Nav::Elsewhere,
        Topic::Kind(KindName::Archive) => Nav::Archive,
        Topic::Kind(KindName::Statement) => Nav::Statements,
        Topic::Kind(KindName::Action) => Nav::Actions,
    };
    let view = View {
        frame: frame.view(&path, nav, &title, &description, std::slice::from_ref(topic)),
        title,
        parts: parts(frame, index, now),
        newer: index.newer().map(|path| frame.href(&path)),
        older: index.older().map(|path| frame.href(&path)),
        feeds: frame.alternates_of(topic, index.calendar),
        topic: match topic {
            Topic::All => "all",
            Topic::Kind(kind) => kind.as_str(),
            Topic::Named(scheme, _) => scheme.as_str(),
        },
    };
    frame.templates.render(frame.words, "web/index.html", &view)
}

// Of a campaign people ask what comes next, what was, and what has been said; of everything else, what is new.
fn parts(frame: &Frame<'_>, index: &Index<'_>, now: DateTime<Utc>) -> Vec<Part> {
    let words = frame.words;
    let part = |heading: String, revisions: &[&Revision]| Part {
        heading,
        is_ahead: false,
        entries: entries(frame, revisions, now),
    };
    let mut parts = match index.topic {
        Topic::Named(Scheme::Campaign, _) => {
            let mut parts = vec![Part { is_ahead: true, ..part(words.say("actions-ahead"), &index.ahead) }];
            for kind in [KindName::Action, KindName::Statement, KindName::Archive] {
                let mut of_kind = index.entries.clone();
                of_kind.retain(|revision| revision.notice().kind_name() == kind);
                parts.push(part(Topic::Kind(kind).heading(words), &of_kind));
            }
            // The page is of it.
            parts.iter_mut().flat_map(|part| &mut part.entries).for_each(|entry| entry.campaign = None);
            parts
        }
        Topic::All | Topic::Kind(_) | Topic::Named(Scheme::Tag, _) => {
            vec![part(words.say("notices"), &index.entries)]
        }
    };
    parts.retain(|part| !part.entries.is_empty());
    parts
}

/// All the names of a scheme, each with a page of its own.
pub fn names(frame: &Frame<'_>, scheme: Scheme, names: &[Tag]) -> Result<String, Error> {
    #[derive(Serialize)]
    struct View<'a> {
        frame: FrameView<'a>,
        title: String,
        names: Vec<LinkView>,
        nothing: String,
    }
    let words = frame.words;
    let about = [("about", frame.site.description.as_str().into())];
    let (description, nothing) = match scheme {
        Scheme::Tag => (words.tell("tags-about", about), words.say("no-tags")),
        Scheme::Campaign => (words.tell("campaigns-about", about), words.say("no-campaigns")),
    };
    let title = scheme.title(words);
    let view = View {
        frame: frame.view(scheme.folder(), Nav::Elsewhere, &title, &description, &[]),
        title,
        names: names.iter().map(|name| frame.link_of(scheme, name)).collect(),
        nothing,
    };
    frame.templates.render(words, "web/names.html", &view)
}

/// Every feed and calendar. `topics` are all that there are, each with whether it has a calendar.
pub fn feeds(frame: &Frame<'_>, topics: &[(Topic, bool)]) -> Result<String, Error> {
    #[derive(Serialize)]
    struct View<'a> {
        frame: FrameView<'a>,
        groups: Vec<GroupView>,
        opml: String,
    }
    let words = frame.words;
    let organization = [("organization", frame.site.organization.as_str().into())];
    let description = words.tell("feeds-of-organization", organization);
    let group = |scheme: Option<Scheme>, heading: String, column: String| {
        let of_group = topics.iter().filter(|(topic, _)| topic.scheme() == scheme);
        let feed = |(topic, calendar): &(Topic, bool)| FeedView {
            title: match topic {
                Topic::All => words.say("everything"),
                Topic::Kind(kind) => words.kind_plural(*kind),
                Topic::Named(scheme, name) => scheme.spell(name),
            },
            documents: frame.alternates_of(topic, *calendar && *topic != Topic::All),
        };
        GroupView { heading, column, feeds: of_group.map(feed).collect() }
    };
    let mut groups = vec![
        group(None, words.say("by-kind"), words.say("column-what")),
        group(Some(Scheme::Campaign), words.say("by-campaign"), words.say("column-campaign")),
        group(Some(Scheme::Tag), words.say("by-tag"), words.say("column-tag")),
    ];
    groups.retain(|group| !group.feeds.is_empty());
    let view = View {
        frame: frame.view("feeds/", Nav::Subscribe, &words.say("feeds-and-calendars"), &description, &[]),
        groups,
        opml: frame.href("feeds.opml"),
    };
    frame.templates.render(frame.words, "web/feeds.html", &view)
}

/// The feeds as a list for feed readers (OPML 2.0).
pub fn opml(frame: &Frame<'_>, topics: &[(Topic, bool)]) -> String {
    let site = frame.site;
    let clean = |text: &str| escape_html(&xml_clean(text)).into_owned();
    let mut opml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<opml version=\"2.0\">\n<head><title>{}</title></head>\n<body>\n",
        clean(&site.title)
    );
    for (topic, _) in topics {
        let title = clean(&topic.feed_title(site, frame.words));
        let feed = clean(&site.address(&format!("{}.atom", topic.feed_path())));
        let page = clean(&site.address(&topic.page_path()));
        opml.push_str(&format!(
            "<outline type=\"rss\" text=\"{title}\" title=\"{title}\" xmlUrl=\"{feed}\" htmlUrl=\"{page}\"/>\n"
        ));
    }
    opml.push_str("</body>\n</opml>\n");
    opml
}

/// What an address gets at which nothing stands: one text for all of them, so that nobody can find out what
/// is still under embargo.
pub fn missing(frame: &Frame<'_>) -> Result<String, Error> {
    error_page(frame, "web/missing.html", &frame.words.say("missing"))
}

/// What the address of a notice gets that was taken back.
pub fn gone(frame: &Frame<'_>) -> Result<String, Error> {
    error_page(frame, "web/gone.html", &frame.words.say("gone"))
}

fn error_page(frame: &Frame<'_>, template: &str, title: &str) -> Result<String, Error> {
    #[derive(Serialize)]
    struct View<'a> {
        frame: FrameView<'a>,
    }
    let mut view = View { frame: frame.view("", Nav::Elsewhere, title, &frame.site.description, &[]) };
    view.frame.canonical = None;
    frame.templates.render(frame.words, template, &view)
}

fn is_postponed(revision: &Revision) -> bool {
    revision.notice().event().is_some_and(|event| event.status_of_all() == Status::Postponed)
}

impl Index<'_> {
    fn newer(&self) -> Option<String> {
        let number = self.number?;
        Some(if number < self.closed { self.topic.closed_path(number + 1) } else { self.topic.index_path() })
    }

    fn older(&self) -> Option<String> {
        let number = self.number.map_or(self.closed, |number| number - 1);
        (number > 0).then(|| self.topic.closed_path(number))
    }
}

/// Which part of the site a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Nav {
    Home,
    Actions,
    Statements,
    Archive,
    Subscribe,
    Elsewhere,
}

/// What `base.html` asks for.
#[derive(Debug, Serialize)]
struct FrameView<'a> {
    /// Path of the site's root, with a slash at the end.
    root: &'a str,
    lang: &'a str,
    /// `ltr` or `rtl`.
    dir: &'static str,
    csp: &'static str,
    style: String,
    /// The browser's title.
    title: String,
    /// The same without the site's.
    own_title: String,
    description: String,
    canonical: Option<String>,
    nav: Nav,
    alternates: Vec<Alternate>,
    site_title: &'a str,
    organization: &'a str,
    about: &'a str,
    contact: Option<&'a str>,
    postal_address: Option<&'a str>,
    takes_mail: bool,
}

/// A feed or a calendar that a page points to.
#[derive(Debug, Serialize)]
struct Alternate {
    media_type: &'static str,
    /// `Atom`
    name: String,
    title: String,
    href: String,
}

/// A notice in an index.
#[derive(Debug, Serialize)]
struct Entry {
    href: String,
    lang: String,
    kind: &'static str,
    kind_label: String,
    title: String,
    summary: String,
    published: Time,
    event: Option<EventEntry>,
    campaign: Option<LinkView>,
    /// Of the words around it, when that is another.
    words_lang: Option<String>,
}

/// What of an action stands in an index.
#[derive(Debug, Serialize)]
struct EventEntry {
    starts: Time,
    weekday: String,
    month: String,
    day: String,
    year: String,
    clock: String,
    full_day: String,
    /// None of an action without one.
    place: Option<String>,
    status: &'static str,
    status_prefix: Option<String>,
    takes_place: bool,
    /// `and 3 more dates`, of one with several.
    more_dates: Option<String>,
}

/// A moment for machines and for people.
#[derive(Debug, Serialize)]
struct Time {
    machine: String,
    text: String,
}

#[derive(Debug, Serialize)]
struct LinkView {
    text: String,
    href: String,
}

/// What a list sends, and when, in words.
#[derive(Debug, Serialize)]
pub struct ListView<'a> {
    name: &'a str,
    title: &'a str,
    description: &'a str,
    what: String,
    when: String,
    remind: Option<String>,
}

/// Notices under a heading of an index.
#[derive(Debug, Serialize)]
struct Part {
    heading: String,
    /// Whether people are to look at the days first.
    is_ahead: bool,
    entries: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct GroupView {
    heading: String,
    column: String,
    feeds: Vec<FeedView>,
}

#[derive(Debug, Serialize)]
struct FeedView {
    title: String,
    documents: Vec<Alternate>,
}

impl<'a> Frame<'a> {
    /// What `base.html` asks for, for the page at `path`. The feeds of `topics` come before the site's own.
    fn view(&self, path: &str, nav: Nav, title: &str, description: &str, topics: &[Topic]) -> FrameView<'a> {
        let site = self.site;
        let mut alternates: Vec<Alternate> =
            topics.iter().flat_map(|topic| self.alternates_of(topic, false)).collect();
        if !topics.contains(&Topic::All) {
            alternates.extend(self.alternates_of(&Topic::All, false));
        }
        alternates.push(self.calendar(&Topic::Kind(KindName::Action), ACTIONS_CALENDAR));
        FrameView {
            root: site.url.path(),
            lang: self.lang(),
            dir: direction(self.lang()),
            csp: CONTENT_SECURITY_POLICY,
            style: self.href(self.style),
            title: if title == site.title { title.to_owned() } else { format!("{title} · {}", site.title) },
            own_title: title.to_owned(),
            description: description.to_owned(),
            canonical: Some(site.address(path)),
            nav,
            alternates,
            site_title: &site.title,
            organization: &site.organization,
            about: &site.description,
            contact: site.contact.as_deref(),
            postal_address: site.postal_address.as_deref(),
            takes_mail: self.takes_mail,
        }
    }

    // A page that no search engine and no feed reader is led to.
    fn nameless(&self, title: &str) -> FrameView<'a> {
        let mut view = self.view("", Nav::Elsewhere, title, &self.site.description, &[]);
        view.canonical = None;
        view
    }

    // Of the root and not of the host: a preview on another address stays there.
    fn href(&self, path: &str) -> String {
        format!("{}{path}", self.site.url.path())
    }

    // An address under the site as `href` gives it; every other as it is.
    fn local(&self, url: &str) -> String {
        match url.strip_prefix(self.site.url.as_str()) {
            Some(path) => self.href(path),
            None => url.to_owned(),
        }
    }

    fn link_of(&self, scheme: Scheme, name: &Tag) -> LinkView {
        let path = Topic::Named(scheme, name.clone()).index_path();
        LinkView { text: scheme.spell(name), href: self.href(&path) }
    }

    fn alternates_of(&self, topic: &Topic, calendar: bool) -> Vec<Alternate> {
        let mut alternates: Vec<Alternate> =
            Format::ALL.iter().map(|format| self.feed(topic, *format)).collect();
        if let Some(path) = topic.calendar_path().filter(|_| calendar) {
            alternates.push(self.calendar(topic, &format!("{path}.{}", calendar::EXTENSION)));
        }
        alternates
    }

    fn feed(&self, topic: &Topic, format: Format) -> Alternate {
        let (media_type, name) = match format {
            Format::Atom => ("application/atom+xml", "Atom"),
            Format::Rss => ("application/rss+xml", "RSS"),
            Format::Json => ("application/feed+json", "JSON Feed"),
        };
        let title = topic.feed_title(self.site, self.words);
        Alternate {
            media_type,
            name: name.to_owned(),
            title: self.words.tell("document-title", [("title", title.into()), ("format", name.into())]),
            href: self.href(&format!("{}.{}", topic.feed_path(), format.extension())),
        }
    }

    fn calendar(&self, topic: &Topic, path: &str) -> Alternate {
        self.calendar_alternate(topic.calendar_title(self.site, self.words), self.href(path))
    }

    fn calendar_alternate(&self, title: String, href: String) -> Alternate {
        Alternate {
            media_type: "text/calendar",
            name: self.words.say("calendar"),
            title: self.words.tell("calendar-title", [("title", title.into())]),
            href,
        }
    }

    // Of the words around the notices: the site's, with the region it names.
    fn lang(&self) -> &'a str {
        if self.words.is_of(&self.site.lang) { &self.site.lang } else { self.words.lang() }
    }

    // The language of the words, where they stand within a notice of another one.
    fn lang_within(&self, notice: &Notice) -> Option<&'a str> {
        Some(self.lang()).filter(|lang| *lang != notice.lang)
    }
}

// The address of a picture; the page goes without one whose path is none.
fn image_address(site: &Site, image: &Image) -> Option<String> {
    site.url.join("media/").ok()?.join(&image.file).ok().map(String::from)
}

fn entries(frame: &Frame<'_>, revisions: &[&Revision], now: DateTime<Utc>) -> Vec<Entry> {
    revisions.iter().map(|revision| entry(frame, revision, now)).collect()
}

fn entry(frame: &Frame<'_>, revision: &Revision, now: DateTime<Utc>) -> Entry {
    let notice = shown(revision.notice(), now);
    Entry {
        href: frame.href(&format!("notices/{}/", notice.id)),
        lang: notice.lang.clone(),
        kind: notice.kind_name().as_str(),
        kind_label: frame.words.kind_singular(notice.kind_name()),
        title: notice.title.clone(),
        summary: notice.summary_or_excerpt().to_owned(),
        published: day(frame.words, &Moment::from_instant(revision.published_at, frame.site.zone.clone())),
        event: notice.event().map(|event| event_entry(frame.words, event)),
        campaign: notice.campaign.as_ref().map(|name| frame.link_of(Scheme::Campaign, name)),
        words_lang: frame.lang_within(&notice).map(str::to_owned),
    }
}

fn event_entry(words: &Words, event: &Event) -> EventEntry {
    let later = event.later_dates();
    let wall = event.starts.wall;
    EventEntry {
        starts: Time { machine: event.starts.rfc3339(), text: words.span(event) },
        weekday: upper_first(words.weekday(wall.weekday())),
        month: words.month(wall).to_owned(),
        day: wall.format("%-d").to_string(),
        year: wall.format("%Y").to_string(),
        clock: clock(words, event),
        full_day: words.day(wall),
        place: facts::place_line(words, event),
        status: event.status.as_str(),
        status_prefix: words.status_prefix(event.status),
        takes_place: event.status.takes_place(),
        more_dates: (later > 0).then(|| words.tell("and-more-dates", [("count", later.into())])),
    }
}

// The clock of the start, and of the end when it is known.
fn clock(words: &Words, event: &Event) -> String {
    let start = words.clock(&event.starts);
    match &event.ends {
        Some(end) if end.wall.date() == event.starts.wall.date() => {
            words.clock_span(&start, &words.clock(end))
        }
        Some(end) => words.clock_to_moment(&start, &words.moment(end)),
        None => start,
    }
}

fn time(words: &Words, moment: &Moment) -> Time {
    Time { machine: moment.rfc3339(), text: words.moment(moment) }
}

fn day(words: &Words, moment: &Moment) -> Time {
    Time { machine: moment.rfc3339(), text: words.date(moment.wall) }
}

/// What a list sends, and when, in words.
pub fn list_view<'a>(words: &Words, list: &'a List) -> ListView<'a> {
    let kinds: Vec<String> = match &list.select.kinds[..] {
        [] => KindName::ALL.iter().map(|kind| words.kind_plural(*kind)).collect(),
        kinds => kinds.iter().map(|kind| words.kind_plural(*kind)).collect(),
    };
    let kinds = kinds.join(", ");
    let tags: Vec<String> = list.select.tags.iter().map(|tag| format!("#{tag}")).collect();
    let remind: Vec<String> = list.remind.iter().map(|before| words.before(before)).collect();
    ListView {
        name: &list.name,
        title: &list.title,
        description: &list.description,
        what: match &tags[..] {
            [] => kinds,
            tags => words.tell("only-with", [("kinds", kinds.into()), ("tags", words.or(tags).into())]),
        },
        when: match &list.when {
            When::AtOnce => words.say("at-once"),
            When::Cut(cut) => upper_first(&words.cut(cut)),
        },
        remind: (!remind.is_empty()).then(|| words.tell("reminds", [("spans", words.and(&remind).into())])),
    }
}
