//! View: what the mail templates can say: every name in them is a field here.
//!
//! Pure. All dates and places are worded already, so a template only decides where they stand.

use std::borrow::Cow;

use chrono::{DateTime, Datelike as _, Days, NaiveTime, TimeDelta, Utc};
use serde::Serialize;
use url::Url;

use crate::config::Site;
use crate::edition::{Content, Edition};
use crate::notice::date::DateKey;
use crate::notice::shown::shown_for;
use crate::notice::{Event, Kind, Notice, Status, markdown};
use crate::render::email::{Error, Sender};
use crate::render::facts::{self, Fact, Piece};
use crate::render::words::{Words, upper_first};
use crate::revision::{Change, DateName, Difference, Revision};
use crate::schedule::reminder::Before;
use crate::schedule::zone::Moment;

/// What a mail's three templates are filled in with.
#[derive(Debug, Clone, Serialize)]
pub struct View<'a> {
    /// Of the words around the notices, BCP 47.
    pub lang: &'a str,
    /// `ltr` or `rtl`.
    pub dir: &'static str,
    /// The subject; empty while it is itself rendered.
    pub subject: String,
    /// Who publishes.
    pub site: SiteView<'a>,
    /// Why the reader gets it.
    pub list: ListView<'a>,
    /// What it carries, at least one.
    pub notices: Vec<NoticeView<'a>>,
    /// `Tomorrow`, in a reminder; else empty.
    pub lead: String,
    /// In a correction; else empty.
    pub change: ChangeView,
    /// `Monday, July 9, 2018`: the day of an issue's cut; else empty.
    pub cut_day: String,
    /// Whether the calendar entry of an action is attached.
    pub has_calendar: bool,
    /// Stands for the recipient's own address to leave.
    pub unsubscribe_url: String,
    /// Stands for the recipient's own address to change what they get.
    pub preferences_url: String,
}

/// Who publishes.
#[derive(Debug, Clone, Serialize)]
pub struct SiteView<'a> {
    title: &'a str,
    organization: &'a str,
    url: &'a str,
    contact: Option<&'a str>,
    postal_address: Option<&'a str>,
    /// The public key of what is published, where it is signed.
    signed_by: Option<&'a str>,
}

/// A list.
#[derive(Debug, Clone, Serialize)]
pub struct ListView<'a> {
    title: &'a str,
    description: &'a str,
}

/// A notice.
#[derive(Debug, Clone, Serialize)]
pub struct NoticeView<'a> {
    id: &'a str,
    url: String,
    /// `Action`
    kind: String,
    /// As the author wrote it.
    title: &'a str,
    /// With its status in front when it is not as first said.
    full_title: String,
    summary: Option<&'a str>,
    excerpt: &'a str,
    lang: &'a str,
    dir: &'static str,
    /// Whether it was taken back: its text is why, which a correction has said already.
    is_withdrawn: bool,
    /// The whole text, without pictures.
    html: String,
    /// The whole text.
    text: &'a str,
    /// Whether the whole text is in the mail, or only its excerpt.
    pub is_whole: bool,
    /// Of an action.
    event: Option<EventView<'a>>,
    /// All facts.
    facts_text: String,
    /// The facts that are not in `event`.
    details: Vec<FactView>,
}

/// When and where.
#[derive(Debug, Clone, Serialize)]
pub struct EventView<'a> {
    /// `Tuesday, July 10, 2018`, held together by no-break spaces.
    day: String,
    /// `Tuesday`
    weekday: String,
    /// `July 10, 2018`, held together by no-break spaces.
    date: String,
    /// `9:00 AM to 11:00 AM EDT`, each time held together.
    time: String,
    /// `Tue Jul 10, 9:00 AM`, and how many more dates there are.
    short: String,
    /// `8:30 AM EDT`, or a whole date when that is on another day.
    gather: Option<String>,
    /// `Sheraton Times Square`, or that it will be announced; none when there is none.
    place: Option<Cow<'a, str>>,
    address: Option<&'a str>,
    meeting_point: Option<&'a str>,
    /// Whether people may go there at the time said.
    takes_place: bool,
    /// `CANCELLED`; none when it is as first said.
    status: Option<String>,
    status_sentence: String,
    status_note: Option<&'a str>,
}

/// A labelled fact.
#[derive(Debug, Clone, Serialize)]
pub struct FactView {
    label: String,
    values: Vec<Vec<PieceView>>,
}

/// A part of a value.
#[derive(Debug, Clone, Serialize)]
pub struct PieceView {
    text: String,
    /// None for words that lead nowhere.
    url: Option<String>,
}

/// What a correction says first.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ChangeView {
    /// `New place`
    label: String,
    /// A sentence each.
    sentences: Vec<String>,
    /// Whether it says that people should not go.
    is_off: bool,
    /// `Tue Jul 10, 9:00 AM`, when the subject says the start again; with the zone, when only that has changed.
    when: Option<String>,
}

// The facts that `EventView` shows: the same ones in a list below would be read as different ones.
const IN_EVENT: [&str; 5] = ["fact-when", "fact-where", "fact-meeting-point", "fact-gather", "fact-status"];

/// What an edition says at `now`; `notices` are those of its members that `notice::shown` has been through.
pub fn view<'a>(
    sender: &Sender<'a>,
    edition: &'a Edition,
    revisions: &[&Revision],
    notices: &'a [Cow<'a, Notice>],
    now: DateTime<Utc>,
) -> Result<View<'a>, Error> {
    let first = notices.first().ok_or(Error::Members)?;
    let words = sender.words;
    let lang = if words.is_of(&sender.site.lang) { &sender.site.lang } else { words.lang() };
    Ok(View {
        lang,
        dir: direction(lang),
        subject: String::new(),
        site: of_site(sender.site),
        list: ListView { title: &sender.list.title, description: &sender.list.description },
        notices: notices.iter().map(|notice| of_notice(sender.site, words, notice)).collect(),
        lead: of_reminder(words, edition, first, now),
        change: of_correction(words, edition, revisions, first, now)?,
        cut_day: of_issue(words, edition),
        has_calendar: false,
        unsubscribe_url: String::new(),
        preferences_url: String::new(),
    })
}

/// Each member's notice with what may be seen of it at `now`; of one of several dates when and where of that.
pub fn visible<'r>(
    revisions: &[&'r Revision],
    date: Option<&DateKey>,
    now: DateTime<Utc>,
) -> Vec<Cow<'r, Notice>> {
    revisions.iter().map(|revision| shown_for(revision.notice(), date, now)).collect()
}

/// `rtl` for a language that is written from right to left, else `ltr`; a script subtag decides.
pub fn direction(lang: &str) -> &'static str {
    const SCRIPTS: [&str; 7] = ["arab", "hebr", "thaa", "nkoo", "syrc", "adlm", "rohg"];
    const LANGUAGES: [&str; 15] =
        ["ar", "arc", "ckb", "dv", "fa", "he", "iw", "ks", "nqo", "ps", "sd", "syr", "ug", "ur", "yi"];
    let subtags: Vec<String> = lang.split(['-', '_']).map(str::to_ascii_lowercase).collect();
    let is_script = |subtag: &&String| subtag.len() == 4 && subtag.chars().all(|c| c.is_ascii_alphabetic());
    let is_rtl = match subtags.iter().skip(1).find(is_script) {
        Some(script) => SCRIPTS.contains(&script.as_str()),
        None => subtags.first().is_some_and(|language| LANGUAGES.contains(&language.as_str())),
    };
    if is_rtl { "rtl" } else { "ltr" }
}

impl NoticeView<'_> {
    /// How much room its text takes.
    pub fn html_bytes(&self) -> usize {
        self.html.len()
    }
}

/// Who publishes.
pub fn of_site(site: &Site) -> SiteView<'_> {
    SiteView {
        title: &site.title,
        organization: &site.organization,
        url: site.url.as_str(),
        contact: site.contact.as_deref(),
        postal_address: site.postal_address.as_deref(),
        signed_by: site.signed_by.as_deref(),
    }
}

fn of_notice<'a>(site: &Site, words: &Words, notice: &'a Notice) -> NoticeView<'a> {
    let url = site.notice_address(&notice.id);
    let facts = facts::facts(site, words, notice).into_iter();
    let event = match &notice.kind {
        Kind::Action(event) => Some(of_event(words, event)),
        Kind::Archive(_) | Kind::Statement(_) => None,
    };
    NoticeView {
        id: notice.id.as_str(),
        kind: words.kind_singular(notice.kind_name()),
        title: &notice.title,
        full_title: words.title(notice),
        is_withdrawn: notice.withdrawn.is_some(),
        summary: notice.summary.as_deref(),
        excerpt: &notice.body.excerpt,
        lang: &notice.lang,
        dir: direction(&notice.lang),
        html: for_mail(&notice.body.html, &url),
        text: &notice.body.text,
        is_whole: true,
        facts_text: facts::facts_text(site, words, notice),
        details: facts.filter(|fact| event.is_none() || !IN_EVENT.contains(&fact.id)).map(of_fact).collect(),
        event,
        url,
    }
}

// The site's address was parsed with the config, so the page's is one too.
fn for_mail(html: &str, page: &str) -> String {
    Url::parse(page).map_or_else(|_| String::new(), |page| markdown::for_mail(html, &page))
}

fn of_event<'a>(words: &Words, event: &'a Event) -> EventView<'a> {
    let place = event.place.as_ref();
    let starts = &event.starts;
    EventView {
        day: words.day_held(starts.wall),
        weekday: words.weekday(starts.wall.weekday()).to_owned(),
        date: words.date_held(starts.wall),
        time: upper_first(&time(words, starts, event.ends.as_ref())),
        short: short(words, event),
        gather: event.assemble_at.as_ref().map(|moment| clock_after(words, moment, starts)),
        place: place
            .map(|place| Cow::from(place.name.as_str()))
            .or_else(|| event.has_place_to_come.then(|| words.say("no-place").into())),
        address: place.and_then(|place| place.address.as_deref()),
        meeting_point: place.and_then(|place| place.meeting_point.as_deref()),
        takes_place: event.status.takes_place(),
        status: words.status_prefix(event.status),
        status_sentence: words.status_sentence(event.status),
        status_note: event.status_note.as_deref(),
    }
}

// Of several dates, that there are more.
fn short(words: &Words, event: &Event) -> String {
    let moment = words.moment_short(event.starts.wall);
    let later = event.later_dates();
    if later == 0 {
        return moment;
    }
    let more = words.tell("and-more-dates", [("count", later.into())]);
    words.tell("moment-and-more", [("moment", moment.into()), ("more", more.into())])
}

// The zone is said once when it is the same.
fn time(words: &Words, starts: &Moment, ends: Option<&Moment>) -> String {
    let start = words.clock(starts);
    let Some(ends) = ends else { return held(&start) };
    let zone = |moment: &Moment| moment.zone.abbreviation(moment.at);
    let is_one_day = ends.wall.date() == starts.wall.date();
    let is_plain = is_one_day && zone(starts) == zone(ends);
    let start = held(&if is_plain { words.clock_alone(starts.wall) } else { start });
    match is_one_day {
        true => words.clock_span(&start, &held(&words.clock(ends))),
        false => words.clock_to_moment(&start, &held(&words.moment(ends))),
    }
}

// A date that breaks in its middle is read wrong on a narrow screen.
fn held(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

fn clock_after(words: &Words, moment: &Moment, start: &Moment) -> String {
    if moment.wall.date() == start.wall.date() { words.clock(moment) } else { words.moment(moment) }
}

fn of_fact(fact: Fact) -> FactView {
    let of_piece = |piece| match piece {
        Piece::Text(text) => PieceView { text, url: None },
        Piece::Link { text, url } => PieceView { text, url: Some(url) },
    };
    let values = fact.values.into_iter().map(|value| value.0.into_iter().map(of_piece).collect());
    FactView { label: fact.label, values: values.collect() }
}

fn of_reminder(words: &Words, edition: &Edition, notice: &Notice, now: DateTime<Utc>) -> String {
    match (&edition.content, notice.event()) {
        (Content::Reminder(_, date, before), Some(event)) => {
            let lead = lead(words, before, edition.due_at, now, &event.starts);
            let day = words.day(event.starts.wall);
            match date {
                Some(_) => words.tell("lead-of-date", [("lead", lead.into()), ("date", day.into())]),
                None => lead,
            }
        }
        (
            Content::Reminder(..)
            | Content::Issue { .. }
            | Content::Alert(_)
            | Content::Correction(..)
            | Content::Personal(..),
            _,
        ) => String::new(),
    }
}

// `In 2 hours` is said only at about that time; a reminder that quiet hours or an outage moved names the day.
fn lead(
    words: &Words,
    before: &Before,
    due_at: DateTime<Utc>,
    now: DateTime<Utc>,
    starts: &Moment,
) -> String {
    let today = starts.zone.to_wall(now.max(due_at)).date();
    let days = (starts.wall.date() - today).num_days();
    match days {
        1 if before.parts() == [0, 1, 0, 0, 0] => words.say("tomorrow"),
        _ if before.before(starts) == due_at && now < holds_until(due_at, starts) => {
            words.in_time(words.length(before))
        }
        ..=0 => words.say("today"),
        1 => words.say("tomorrow"),
        days => words.in_time(words.number_of_days(days)),
    }
}

// Until then so much is left to the start that nobody is late who counts from the mail; of days they count nights.
fn holds_until(due_at: DateTime<Utc>, starts: &Moment) -> DateTime<Utc> {
    let late = due_at + (starts.at - due_at) / 10;
    late.min(midnight_after(due_at, starts).max(due_at + TimeDelta::minutes(15)))
}

fn midnight_after(at: DateTime<Utc>, of: &Moment) -> DateTime<Utc> {
    let tomorrow = of.zone.to_wall(at).date() + Days::new(1);
    of.zone.to_instant(tomorrow.and_time(NaiveTime::MIN)).0
}

/// When the letter of an edition next says something else of the time that is left.
pub fn lead_changes_at(
    edition: &Edition,
    revisions: &[Revision],
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let Content::Reminder(..) = edition.content else { return None };
    let event = revisions.first()?.notice().event()?;
    let starts = edition.content.date().and_then(|key| Some(event.dated_of(Some(key))?.starts));
    let starts = starts.unwrap_or(&event.starts);
    let moments = [holds_until(edition.due_at, starts), midnight_after(now, starts)];
    moments.into_iter().filter(|at| *at > now).min()
}

fn of_correction(
    words: &Words,
    edition: &Edition,
    revisions: &[&Revision],
    notice: &Notice,
    now: DateTime<Utc>,
) -> Result<ChangeView, Error> {
    match &edition.content {
        Content::Correction(_, sequence) => {
            // It may come late: what has changed since is not news to come, and what it changed may not be so any more.
            let change = revisions.first().and_then(|revision| revision.change_since(*sequence));
            let change = change.ok_or(Error::Change { sequence: *sequence })?;
            Ok(of_change(words, &change, notice, now))
        }
        Content::Issue { .. } | Content::Alert(_) | Content::Reminder(..) | Content::Personal(..) => {
            Ok(ChangeView::default())
        }
    }
}

// What it is called is of the change; of what is hidden by now no more is said.
fn of_change(words: &Words, change: &Change, notice: &Notice, now: DateTime<Utc>) -> ChangeView {
    let differences = &change.differences;
    let is_off = differences.iter().any(Difference::says_it_is_off);
    let visible = facts::visible_differences(change, notice, now);
    ChangeView {
        label: label_of(words, differences),
        sentences: visible.iter().map(|difference| words.difference(difference)).collect(),
        is_off,
        when: if is_off { None } else { new_start(words, differences, notice.event()) },
    }
}

fn new_start(words: &Words, differences: &[Difference], event: Option<&Event>) -> Option<String> {
    let is_of_all = |it: &Difference| it.date().is_none() && label(it) == NEW_TIME;
    let event = event.filter(|_| differences.iter().any(is_of_all))?;
    let is_of_zone =
        |it: &Difference| matches!(it, Difference::Time { was, is } if was.wall == is.wall && is_of_all(it));
    match differences.iter().any(is_of_zone) {
        true => Some(words.moment_short_in_zone(&event.starts)),
        false => Some(short(words, event)),
    }
}

// Which of several dates it is of has to be said, or who goes to another one stays at home.
fn label_of(words: &Words, differences: &[Difference]) -> String {
    let dates: Vec<&DateName> = differences.iter().filter_map(Difference::date).collect();
    let facts = differences.iter().filter(|difference| difference.is_of_facts());
    match dates[..] {
        [] => words.say(change_label(differences)),
        [first, ..] if dates.len() == facts.clone().count() && dates.iter().all(|date| *date == first) => {
            let of_date: Vec<Difference> =
                facts.map(|it| it.of_date(Some(&first.key)).unwrap_or(it).clone()).collect();
            let change = words.say(change_label(&of_date));
            let date = words.moment_short(first.starts.wall);
            let is = of_date.iter().find_map(Difference::start_now).map(|is| words.moment_short(is.wall));
            let arguments = [("change", change.into()), ("date", date.into())];
            match is {
                Some(is) => words.tell("new-time-of-date", arguments.into_iter().chain([("is", is.into())])),
                None => words.tell("change-of-date", arguments),
            }
        }
        // What is of all of them is said before what is of some.
        _ => match differences.iter().find(|difference| difference.says_it_is_off()) {
            Some(difference) => words.say(label(difference)),
            None => words.say("change-dates"),
        },
    }
}

// What decides whether and where somebody goes is said before how it came to be.
fn change_label(differences: &[Difference]) -> &'static str {
    let off = differences.iter().find(|difference| difference.says_it_is_off());
    // That it takes place as announced again is said of what is announced now.
    let again =
        |difference: &Difference| matches!(difference, Difference::Status { is: Status::Scheduled, .. });
    let (last, first): (Vec<&Difference>, Vec<&Difference>) = differences.iter().partition(|it| again(it));
    let labels: Vec<&str> = first.into_iter().chain(last).map(label).collect();
    let has = |wanted: &str| labels.contains(&wanted);
    match off {
        Some(difference) => label(difference),
        None if has(NEW_TIME) && has(NEW_PLACE) => "change-time-and-place",
        None if has(NEW_TIME) => NEW_TIME,
        None if has(NEW_PLACE) => NEW_PLACE,
        None => labels.first().copied().unwrap_or("change-other"),
    }
}

const NEW_TIME: &str = "change-time";
const NEW_PLACE: &str = "change-place";

fn label(difference: &Difference) -> &'static str {
    match difference {
        Difference::Status { is: Status::Cancelled, .. } => "change-cancelled",
        Difference::Status { is: Status::Postponed, .. } => "change-postponed",
        Difference::Status { is: Status::Moved, .. } => NEW_PLACE,
        Difference::Status { is: Status::Rescheduled, .. } => NEW_TIME,
        Difference::Status { is: Status::Scheduled, was } if !was.takes_place() => "change-after-all",
        Difference::Status { is: Status::Scheduled, .. } => "change-as-announced",
        Difference::Time { .. } => NEW_TIME,
        Difference::End { .. } => "change-end",
        Difference::Assembly { .. } => "change-assembly",
        Difference::Place { was: None, is: Some(_) } => "change-place-announced",
        Difference::Place { is: None, .. } => "change-place-withdrawn",
        Difference::Place { was: Some(was), is: Some(is) } if was.name == is.name => "change-address",
        Difference::Place { .. } => NEW_PLACE,
        Difference::MeetingPoint { was: None, is: Some(_) } => "change-meeting-point-announced",
        Difference::MeetingPoint { is: None, .. } => "change-meeting-point-withdrawn",
        Difference::MeetingPoint { .. } => "change-meeting-point",
        Difference::Of(_, of_date) => label(of_date),
        Difference::Added(_) => "change-date-added",
        Difference::Removed(_) => "change-date-removed",
        Difference::Said(_) => "change-other",
        Difference::Withdrawn(_) => "change-withdrawn",
        Difference::Restored => "change-restored",
    }
}

fn of_issue(words: &Words, edition: &Edition) -> String {
    match &edition.content {
        Content::Issue { cut, .. } => words.day(*cut),
        Content::Alert(_) | Content::Reminder(..) | Content::Correction(..) | Content::Personal(..) => {
            String::new()
        }
    }
}
