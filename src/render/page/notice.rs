//! Notice page: one notice whole, as an h-entry or an h-event (microformats2) with JSON-LD.
//!
//! Pure.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::notice::date::Date;
use crate::notice::shown::shown;
use crate::notice::{Event, Kind, KindName, Lineage, Notice, Provenance, Status};
use crate::render::facts::{self, Fact, Piece, Value};
use crate::render::page::{
    Frame, FrameView, LinkView, Nav, Scheme, Time, Topic, clock, day, image_address, json_ld, time,
};
use crate::render::signed;
use crate::render::templates::Error;
use crate::render::words::upper_first;
use crate::revision::{Change, Difference, Revision};
use crate::schedule::zone::Moment;

/// The published notices that have to do with one.
#[derive(Debug, Clone, Default)]
pub struct Related<'a> {
    /// Those that it says follow it.
    pub next: Vec<&'a Revision>,
    /// The one that it replaces.
    pub supersedes: Option<&'a Revision>,
    /// The newest in place of it: what replaces it, or what replaces that in turn.
    pub newest: Option<&'a Revision>,
    /// Those that its lineage names, in its order; none for a name that is no notice's.
    pub lineage: Vec<Option<&'a Revision>>,
    /// Those that refer to it in any other way.
    pub referrers: Vec<&'a Revision>,
}

impl<'a> Related<'a> {
    /// Those that the notice names, of which `find` knows which are published.
    pub fn of(notice: &Notice, find: impl Fn(&str) -> Option<&'a Revision>) -> Self {
        Self {
            next: notice.next.iter().filter_map(|id| find(id.as_str())).collect(),
            supersedes: notice.supersedes.as_ref().and_then(|id| find(id.as_str())),
            lineage: match &notice.kind {
                Kind::Archive(provenance) => provenance.lineage.iter().map(|it| find(&it.target)).collect(),
                Kind::Statement(_) | Kind::Action(_) => Vec::new(),
            },
            ..Self::default()
        }
    }
}

/// The fact that this page writes itself, to link the notices it names.
const LINEAGE: &str = "fact-lineage";

/// The fact whose links are named by their languages.
const TRANSLATIONS: &str = "fact-translations";

/// The facts that stand in the panel of an action, in its banner or among its dates.
const IN_PANEL: [&str; 6] =
    ["fact-when", "fact-where", "fact-meeting-point", "fact-gather", "fact-status", "fact-dates"];

/// The page of a notice.
pub fn page(
    frame: &Frame<'_>,
    revision: &Revision,
    related: &Related<'_>,
    now: DateTime<Utc>,
) -> Result<String, Error> {
    let notice = shown(revision.notice(), now);
    frame.templates.render(frame.words, "web/notice.html", &view(frame, revision, &notice, related, now))
}

/// The same for journalists, until an embargo ends: with what is said to them, and without what is not there yet.
/// `is_there` says what stands under the site.
pub fn page_for_press(
    frame: &Frame<'_>,
    revision: &Revision,
    related: &Related<'_>,
    until: &Moment,
    is_there: impl Fn(&str) -> bool,
    now: DateTime<Utc>,
) -> Result<String, Error> {
    let revision = revision.for_press();
    let mut notice = shown(revision.notice(), now).into_owned();
    // Above all else, and not among the details again.
    let press = match &mut notice.kind {
        Kind::Action(event) => event.press.take(),
        Kind::Archive(_) | Kind::Statement(_) => None,
    };
    notice.image.take_if(|image| !is_there(&format!("media/{}", image.file)));
    let embargo = EmbargoView {
        until: time(frame.words, until),
        role: press.as_ref().map(|press| press.role.as_str()),
        email: press.as_ref().and_then(|press| press.email.as_deref()),
        advisory: press.as_ref().and_then(|press| press.advisory.as_deref()).map_or(Vec::new(), lines_of),
    };
    let view = View {
        frame: frame.nameless(&frame.words.title(&notice)),
        embargo: Some(embargo),
        signed: None,
        ..view(frame, &revision, &notice, related, now)
    };
    frame.templates.render(frame.words, "web/notice.html", &view)
}

fn lines_of(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.trim().is_empty()).collect()
}

#[derive(Serialize)]
struct View<'a> {
    frame: FrameView<'a>,
    /// On the page for journalists alone.
    embargo: Option<EmbargoView<'a>>,
    id: String,
    url: String,
    uid: String,
    lang: &'a str,
    /// Of the words around it, when that is another.
    words_lang: Option<&'a str>,
    kind: &'static str,
    kind_label: String,
    kind_href: String,
    title: &'a str,
    summary: Option<&'a str>,
    body: &'a str,
    authors: &'a [String],
    tags: Vec<LinkView>,
    campaign: Option<LinkView>,
    image: Option<ImageView<'a>>,
    published: Time,
    updated: Option<Time>,
    banner: Option<Banner>,
    onward: Option<Onward>,
    event: Option<EventView<'a>>,
    facts: Vec<FactView>,
    history: Vec<ChangeView>,
    next: Vec<LinkView>,
    supersedes: Option<LinkView>,
    newest: Option<LinkView>,
    referrers: Vec<LinkView>,
    /// The same notice in other languages.
    translations: Vec<TranslationView>,
    json_ld: String,
    signed: Option<SignedView<'a>>,
}

/// What only journalists read, and until when.
#[derive(Serialize)]
struct EmbargoView<'a> {
    until: Time,
    role: Option<&'a str>,
    email: Option<&'a str>,
    /// Line by line.
    advisory: Vec<&'a str>,
}

/// Where what is signed stands.
#[derive(Serialize)]
struct SignedView<'a> {
    text: String,
    signature: String,
    key: &'a str,
}

#[derive(Serialize)]
struct TranslationView {
    lang: String,
    url: String,
}

#[derive(Serialize)]
struct ImageView<'a> {
    href: String,
    alt: &'a str,
}

/// What stands above everything else.
#[derive(Serialize)]
struct Banner {
    status: &'static str,
    headline: String,
    note: Option<String>,
    /// The latest change, one sentence a difference.
    changes: Vec<String>,
}

/// Where to go instead, when nobody can go there any more.
#[derive(Serialize)]
struct Onward {
    is_over: bool,
    next: Vec<NextView>,
}

/// A notice that follows.
#[derive(Serialize)]
struct NextView {
    link: LinkView,
    /// Its day; none of what has no time.
    day: Option<Time>,
    is_over: bool,
}

/// When and where.
#[derive(Serialize)]
struct EventView<'a> {
    starts: Time,
    ends: Option<Time>,
    day: String,
    clock: String,
    gather: Option<Time>,
    zone: &'a str,
    place: Option<PlaceView<'a>>,
    /// Whether a place is still to be announced.
    no_place: bool,
    takes_place: bool,
    is_over: bool,
    calendar: String,
    /// Each of several; what stands above is of the one at hand.
    dates: Vec<DateView<'a>>,
}

/// One of several dates.
#[derive(Serialize)]
struct DateView<'a> {
    uid: String,
    starts: Time,
    ends: Option<Time>,
    /// `CANCELLED`; none when it is as first said.
    status: Option<String>,
    note: Option<&'a str>,
    gather: Option<String>,
    /// Where, when that is not where the date at hand is.
    place: Option<String>,
    meeting_point: Option<&'a str>,
    takes_place: bool,
    is_over: bool,
}

#[derive(Serialize)]
struct PlaceView<'a> {
    name: &'a str,
    address: Option<&'a str>,
    latitude: Option<String>,
    longitude: Option<String>,
    meeting_point: Option<&'a str>,
}

#[derive(Serialize)]
struct FactView {
    label: String,
    /// Of microformats2, or empty.
    class: &'static str,
    values: Vec<Vec<PieceView>>,
}

#[derive(Serialize)]
struct PieceView {
    text: String,
    href: Option<String>,
    /// Of what it leads to, when it says so.
    hreflang: Option<String>,
}

#[derive(Serialize)]
struct ChangeView {
    at: Time,
    lines: Vec<String>,
}

fn view<'a>(
    frame: &Frame<'a>,
    revision: &'a Revision,
    notice: &'a Notice,
    related: &Related<'_>,
    now: DateTime<Utc>,
) -> View<'a> {
    let site = frame.site;
    let words = frame.words;
    let kind = notice.kind_name();
    View {
        frame: notice_frame(frame, notice),
        embargo: None,
        id: notice.id.to_string(),
        url: site.notice_address(&notice.id),
        uid: revision.tag_uri(&site.tag_domain, &site.zone),
        lang: &notice.lang,
        words_lang: frame.lang_within(notice),
        kind: kind.as_str(),
        kind_label: words.kind_singular(kind),
        kind_href: frame.href(&Topic::Kind(kind).page_path()),
        title: &notice.title,
        summary: notice.summary.as_deref(),
        body: &notice.body.html,
        authors: &notice.authors,
        tags: notice.tags.iter().map(|tag| frame.link_of(Scheme::Tag, tag)).collect(),
        campaign: notice.campaign.as_ref().map(|name| frame.link_of(Scheme::Campaign, name)),
        image: notice.image.as_ref().and_then(|image| {
            Some(ImageView { href: frame.local(&image_address(site, image)?), alt: &image.alt })
        }),
        published: day(words, &Moment::from_instant(revision.published_at, site.zone.clone())),
        updated: (revision.sequence > 0)
            .then(|| time(words, &Moment::from_instant(revision.updated_at, site.zone.clone()))),
        banner: notice.event().and_then(|event| banner(frame, revision, notice, event, now)),
        onward: notice.event().and_then(|event| onward(frame, event, &related.next, now)),
        event: notice.event().map(|event| event_view(frame, revision, event, now)),
        facts: fact_views(frame, notice, related),
        history: history(frame, revision, notice, now),
        next: links(frame, &related.next),
        supersedes: related.supersedes.map(|revision| link(frame, revision)),
        newest: related.newest.map(|revision| link(frame, revision)),
        referrers: links(frame, &related.referrers),
        translations: translations(frame, notice),
        json_ld: json_ld::of(site, revision, notice),
        signed: frame.site.signed_by.as_deref().map(|key| {
            let text = frame.site.address(&signed::text_path(&notice.id));
            SignedView { signature: format!("{text}{}", signed::SIGNATURE), text, key }
        }),
    }
}

// The notice's own calendar entry is the most specific of all.
fn notice_frame<'a>(frame: &Frame<'a>, notice: &Notice) -> FrameView<'a> {
    let path = format!("notices/{}/", notice.id);
    let kind = notice.kind_name();
    let nav = match kind {
        KindName::Archive => Nav::Archive,
        KindName::Statement => Nav::Statements,
        KindName::Action => Nav::Actions,
    };
    let title = frame.words.title(notice);
    let campaign = notice.campaign.iter().map(|name| Topic::Named(Scheme::Campaign, name.clone()));
    let topics: Vec<Topic> = campaign.chain([Topic::Kind(kind)]).collect();
    let mut view = frame.view(&path, nav, &title, notice.summary_or_excerpt(), &topics);
    if notice.event().is_some() {
        let event = frame.calendar_alternate(title, frame.href(&format!("{path}event.ics")));
        view.alternates.insert(0, event);
    }
    view
}

// An action that takes place as first said needs none, unless the author notes something.
fn banner(
    frame: &Frame<'_>,
    revision: &Revision,
    notice: &Notice,
    event: &Event,
    now: DateTime<Utc>,
) -> Option<Banner> {
    let status = event.status_of_all();
    // What is said of one date stands at that date.
    let note = event.status_note.clone().filter(|_| event.dates.is_empty() || !status.takes_place());
    let is_changed = status != Status::Scheduled || !revision.changes.is_empty();
    if !is_changed && note.is_none() {
        return None;
    }
    let words = frame.words;
    let latest = revision.changes.last().map_or(Vec::new(), |change| lines(frame, change, notice, now));
    let status_was = revision
        .changes
        .last()
        .and_then(|change| change.differences.iter().find_map(Difference::status_before));
    let sentence =
        status_was.map_or_else(|| words.status_sentence(status), |was| words.status_change(was, status));
    let changes: Vec<String> = latest.into_iter().filter(|line| *line != sentence).collect();
    let headline = match status {
        // Whoever changed the time need not have called it rescheduled.
        Status::Scheduled if !changes.is_empty() && status_was.is_none() => {
            words.say("what-was-announced-has-changed")
        }
        Status::Scheduled | Status::Postponed => sentence,
        Status::Cancelled => words.say("status-cancelled"),
        Status::Moved | Status::Rescheduled => {
            let status = words.status_prefix(status).unwrap_or_default();
            words.tell("status-and-sentence", [("status", status.into()), ("sentence", sentence.into())])
        }
    };
    Some(Banner { status: status.as_str(), headline, note, changes })
}

fn onward(frame: &Frame<'_>, event: &Event, next: &[&Revision], now: DateTime<Utc>) -> Option<Onward> {
    let is_over = is_over(event, now);
    if !is_over && event.status_of_all() != Status::Cancelled {
        return None;
    }
    let next: Vec<NextView> = next.iter().filter_map(|revision| next_view(frame, revision, now)).collect();
    (!next.is_empty()).then_some(Onward { is_over, next })
}

// Nobody is sent from what is off to what is off, too.
fn next_view(frame: &Frame<'_>, revision: &Revision, now: DateTime<Utc>) -> Option<NextView> {
    let notice = shown(revision.notice(), now);
    let event = notice.event();
    if event.is_some_and(|event| event.status_of_all() == Status::Cancelled) {
        return None;
    }
    let dated = event.filter(|event| event.status_of_all().takes_place());
    Some(NextView {
        link: link(frame, revision),
        day: dated
            .map(|event| Time { machine: event.starts.rfc3339(), text: frame.words.day(event.starts.wall) }),
        is_over: event.is_some_and(|event| is_over(event, now)),
    })
}

// What is postponed is not over, whatever day was said first.
fn is_over(event: &Event, now: DateTime<Utc>) -> bool {
    event.over_at() <= now && event.status_of_all() != Status::Postponed
}

fn event_view<'a>(
    frame: &Frame<'_>,
    revision: &Revision,
    event: &'a Event,
    now: DateTime<Utc>,
) -> EventView<'a> {
    let words = frame.words;
    EventView {
        starts: time(words, &event.starts),
        ends: event.ends.as_ref().map(|ends| time(words, ends)),
        day: upper_first(&words.day(event.starts.wall)),
        clock: upper_first(&clock(words, event)),
        gather: event.assemble_at.as_ref().map(|moment| Time {
            machine: moment.rfc3339(),
            // On the day of the start the day has been said.
            text: if moment.wall.date() == event.starts.wall.date() {
                words.clock(moment)
            } else {
                words.moment(moment)
            },
        }),
        zone: event.starts.zone.name(),
        place: event.place.as_ref().map(|place| PlaceView {
            name: &place.name,
            address: place.address.as_deref(),
            latitude: place.geo.map(|(latitude, _)| latitude.to_string()),
            longitude: place.geo.map(|(_, longitude)| longitude.to_string()),
            meeting_point: place.meeting_point.as_deref(),
        }),
        no_place: event.has_place_to_come,
        takes_place: event.status.takes_place(),
        is_over: is_over(event, now),
        calendar: frame.href(&format!("notices/{}/event.ics", revision.id())),
        dates: event.dates.iter().map(|date| date_view(frame, revision, event, date, now)).collect(),
    }
}

fn date_view<'a>(
    frame: &Frame<'_>,
    revision: &Revision,
    event: &Event,
    date: &'a Date,
    now: DateTime<Utc>,
) -> DateView<'a> {
    let (site, words, at_date) = (frame.site, frame.words, event.at_date(date));
    let is_there = date.place == event.place;
    let meeting_point = date.place.as_ref().and_then(|place| place.meeting_point.as_deref());
    DateView {
        uid: revision.tag_uri_of(Some(&date.key), &site.tag_domain, &site.zone),
        starts: Time { machine: date.starts.rfc3339(), text: words.span(&at_date) },
        ends: date.ends.as_ref().map(|ends| time(words, ends)),
        status: words.status_prefix(date.status),
        note: date.note.as_deref(),
        gather: date.assemble_at.as_ref().map(|moment| words.clock(moment)),
        place: facts::place_line(words, &at_date).filter(|_| !is_there),
        meeting_point: meeting_point.filter(|_| !is_there),
        takes_place: date.status.takes_place(),
        is_over: date.dated().ends_or_assumed_at() <= now,
    }
}

fn fact_views(frame: &Frame<'_>, notice: &Notice, related: &Related<'_>) -> Vec<FactView> {
    facts::facts(frame.site, frame.words, notice)
        .iter()
        .filter(|fact| notice.event().is_none() || !IN_PANEL.contains(&fact.id))
        .map(|fact| match &notice.kind {
            Kind::Archive(provenance) if fact.id == LINEAGE => lineage(frame, provenance, related),
            Kind::Archive(_) | Kind::Statement(_) | Kind::Action(_) => fact_view(frame, fact),
        })
        .collect()
}

fn fact_view(frame: &Frame<'_>, fact: &Fact) -> FactView {
    let class = match fact.id {
        "fact-hosts" => "p-organizer",
        _ => "",
    };
    let mut values: Vec<Vec<PieceView>> = fact.values.iter().map(|value| pieces(frame, value)).collect();
    if fact.id == TRANSLATIONS {
        values.iter_mut().flatten().for_each(|piece| piece.hreflang = Some(piece.text.clone()));
    }
    FactView { label: fact.label.clone(), class, values }
}

fn translations(frame: &Frame<'_>, notice: &Notice) -> Vec<TranslationView> {
    match &notice.kind {
        Kind::Statement(signing) => signing
            .translations
            .iter()
            .map(|it| TranslationView { lang: it.lang.clone(), url: frame.site.notice_address(&it.notice) })
            .collect(),
        Kind::Action(_) | Kind::Archive(_) => Vec::new(),
    }
}

fn pieces(frame: &Frame<'_>, value: &Value) -> Vec<PieceView> {
    let Value(pieces) = value;
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => PieceView { text: text.clone(), href: None, hreflang: None },
            Piece::Link { text, url } => {
                PieceView { text: text.clone(), href: Some(frame.local(url)), hreflang: None }
            }
        })
        .collect()
}

// A line of descent that leads to a notice has its title and its address.
fn lineage(frame: &Frame<'_>, provenance: &Provenance, related: &Related<'_>) -> FactView {
    let value = |(index, lineage): (usize, &Lineage)| {
        let target = match related.lineage.get(index).copied().flatten() {
            Some(revision) => {
                let link = link(frame, revision);
                PieceView { text: link.text, href: Some(link.href), hreflang: None }
            }
            None => PieceView { text: lineage.target.clone(), href: None, hreflang: None },
        };
        let confidence = frame.words.confidence(lineage.confidence, lineage.source.as_deref());
        vec![
            PieceView { text: format!("{} ", frame.words.relation(lineage.rel)), href: None, hreflang: None },
            target,
            PieceView { text: format!(" ({confidence})"), href: None, hreflang: None },
        ]
    };
    let values = provenance.lineage.iter().enumerate().map(value).collect();
    FactView { label: frame.words.say(LINEAGE), class: "", values }
}

fn history(frame: &Frame<'_>, revision: &Revision, notice: &Notice, now: DateTime<Utc>) -> Vec<ChangeView> {
    let zone = notice.event().map_or(&frame.site.zone, |event| &event.starts.zone);
    revision
        .changes
        .iter()
        .rev()
        .map(|change| ChangeView {
            at: time(frame.words, &Moment::from_instant(change.at, zone.clone())),
            lines: lines(frame, change, notice, now),
        })
        .collect()
}

fn lines(frame: &Frame<'_>, change: &Change, notice: &Notice, now: DateTime<Utc>) -> Vec<String> {
    let differences = facts::visible_differences(change, notice, now);
    differences.iter().map(|difference| frame.words.difference(difference)).collect()
}

fn links(frame: &Frame<'_>, revisions: &[&Revision]) -> Vec<LinkView> {
    revisions.iter().map(|revision| link(frame, revision)).collect()
}

fn link(frame: &Frame<'_>, revision: &Revision) -> LinkView {
    LinkView {
        text: frame.words.title(revision.notice()),
        href: frame.href(&format!("notices/{}/", revision.id())),
    }
}
