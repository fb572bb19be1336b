//! Calendar: actions as iCalendar (RFC 5545 and 7986).
//!
//! Pure. calcard escapes and folds; the time zones come from the same data as the instants. The stamps are the
//! revisions', so the same notices give the same bytes.

use std::collections::BTreeMap;

use calcard::common::PartialDateTime;
use calcard::icalendar::{
    ICalendar, ICalendarAction, ICalendarComponent, ICalendarComponentType, ICalendarDisplayType,
    ICalendarDuration, ICalendarMethod, ICalendarParameter, ICalendarParameterName, ICalendarParameterValue,
    ICalendarProperty, ICalendarRelationshipType, ICalendarStatus, ICalendarValue, ICalendarValueType, Uri,
};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Utc};
use uuid::Uuid;

use crate::config::Site;
use crate::notice::date::{Date, DateKey, Dated};
use crate::notice::shown::shown;
use crate::notice::{Event, Notice, NoticeId, Status};
use crate::render::facts;
use crate::render::feed::{self, Others};
use crate::render::words::Words;
use crate::render::xml::xml_clean;
use crate::revision::{Change, Difference, Revision};
use crate::schedule::zone::{Moment, Zone};

/// What the path of a calendar ends in, without the dot.
pub const EXTENSION: &str = "ics";

/// The media type, for HTTP.
pub const CONTENT_TYPE: &str = "text/calendar; charset=utf-8";

/// The media type of an attachment: RFC 6047 §2.4 wants the method of the body in it.
pub const ATTACHMENT_TYPE: &str = "text/calendar; charset=utf-8; method=PUBLISH";

/// How long an action stays after its end: people look up where they were last year.
pub const KEPT: TimeDelta = TimeDelta::days(366);

/// How long one that is cancelled or was taken back stays after its date: a calendar that syncs once a month sees the cancellation.
pub const CANCELLED_KEPT: TimeDelta = TimeDelta::days(31);

/// When the single event's file rings before the start.
const ALARMS: [ICalendarDuration; 2] = [
    ICalendarDuration { neg: true, weeks: 0, days: 1, hours: 0, minutes: 0, seconds: 0 },
    ICalendarDuration { neg: true, weeks: 0, days: 0, hours: 2, minutes: 0, seconds: 0 },
];

/// A calendar to subscribe to.
#[derive(Debug, Clone)]
pub struct Calendar<'a> {
    /// What people call it.
    pub title: String,
    /// Where it stands under the site, without the extension.
    pub path: String,
    /// Where the page that it mirrors stands under the site.
    pub page: String,
    /// Notices; those that are no actions do not show.
    pub actions: Vec<&'a Revision>,
    /// Those that they replace or lead to.
    pub related: Others<'a>,
}

/// A calendar's document: the actions to come, those of the last year, and those that are off until a month after
/// their date.
pub fn calendar(site: &Site, words: &Words, calendar: &Calendar<'_>, now: DateTime<Utc>) -> Vec<u8> {
    let mut actions: Vec<Action<'_>> = calendar
        .actions
        .iter()
        // Asked first: of years of actions nearly all are past, and each would be a copy.
        .filter(|revision| {
            revision.notice().event().is_some_and(|event| event.dated().any(|it| is_kept(revision, &it, now)))
        })
        .flat_map(|revision| Action::all_of(revision, &calendar.related, now))
        .filter(|action| action.is_kept(now))
        .collect();
    actions.sort_by(|a, b| a.order().cmp(&b.order()));

    let mut properties = head();
    properties.extend(calendar_properties(site, calendar));
    properties
        .extend(actions.iter().map(Action::stamp).max().map(|at| utc(ICalendarProperty::LastModified, at)));
    write(site, words, properties, &actions, Alarms::None)
}

/// One action alone with each of its dates, with alarms; empty when the notice is none. There is no METHOD, as in any
/// file that is opened by hand.
pub fn single(
    site: &Site,
    words: &Words,
    revision: &Revision,
    related: &Others<'_>,
    now: DateTime<Utc>,
) -> Vec<u8> {
    let actions = Action::all_of(revision, related, now);
    if actions.is_empty() {
        return Vec::new();
    }
    write(site, words, head(), &actions, Alarms::BeforeStart)
}

/// One action as it is attached to a mail, `ATTACHMENT_TYPE`; empty when the notice is none. METHOD:PUBLISH
/// asks nobody for an answer, and RFC 5546 §3.2.1 wants an ORGANIZER with it: the site. It names no other action:
/// by the time it is opened one of them may have been taken back.
pub fn attachment(site: &Site, words: &Words, revision: &Revision, now: DateTime<Utc>) -> Vec<u8> {
    let related = Others::new();
    let mut actions = Action::all_of(revision, &related, now);
    if actions.is_empty() {
        return Vec::new();
    }
    actions.iter_mut().for_each(|action| action.is_published = true);
    let mut properties = head();
    properties.push(property(ICalendarProperty::Method, ICalendarValue::Method(ICalendarMethod::Publish)));
    write(site, words, properties, &actions, Alarms::BeforeStart)
}

/// An action, or one of its dates, as it may be seen now.
struct Action<'a> {
    revision: &'a Revision,
    /// Which of several dates.
    date: Option<&'a Date>,
    notice: Notice,
    event: Event,
    now: DateTime<Utc>,
    /// When it became what can be seen: at its revision, or when a place was shown since.
    stamp: DateTime<Utc>,
    /// Whether it goes out with METHOD:PUBLISH.
    is_published: bool,
    related: &'a Others<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alarms {
    None,
    BeforeStart,
}

type Entry = calcard::icalendar::ICalendarEntry;

impl<'a> Action<'a> {
    // One alone, or each of several dates.
    fn all_of(revision: &'a Revision, related: &'a Others<'a>, now: DateTime<Utc>) -> Vec<Self> {
        let Some(event) = revision.notice().event() else { return Vec::new() };
        let notice = shown(revision.notice(), now).into_owned();
        let mut stamp = revision.revised_at;
        while let Some(at) = revision.next_disclosure(stamp).filter(|at| *at <= now) {
            stamp = at;
        }
        let one = |date: Option<&'a Date>, notice: Notice| {
            let event = notice.event()?.clone();
            Some(Self { revision, date, notice, event, now, stamp, is_published: false, related })
        };
        match &event.dates[..] {
            [] => one(None, notice).into_iter().collect(),
            dates => dates.iter().filter_map(|date| one(Some(date), notice.of_date(&date.key)?)).collect(),
        }
    }

    fn is_kept(&self, now: DateTime<Utc>) -> bool {
        let of_all = self.revision.notice().event().and_then(|event| event.dated_of(None));
        self.date.map(Date::dated).or(of_all).is_some_and(|dated| is_kept(self.revision, &dated, now))
    }

    fn order(&self) -> (DateTime<Utc>, &NoticeId, Option<&DateKey>) {
        (self.event.starts.at, self.revision.id(), self.key())
    }

    fn key(&self) -> Option<&'a DateKey> {
        self.date.map(|date| &date.key)
    }

    // Of a change what is of this date; the place of the others is not this one's.
    fn differences(&self, change: &Change) -> Vec<Difference> {
        let is_elsewhere = self.date.is_some_and(|date| date.is_elsewhere);
        let mut differences = Vec::new();
        for difference in &change.differences {
            let is_of_all = difference.date().is_none();
            let is_of_place =
                matches!(difference, Difference::Place { .. } | Difference::MeetingPoint { .. });
            if !(is_elsewhere && is_of_all && is_of_place) {
                differences.extend(difference.of_date(self.key()).cloned());
            }
        }
        facts::visible_differences(&Change { differences, ..change.clone() }, &self.notice, self.now)
    }

    fn stamp(&self) -> DateTime<Utc> {
        self.stamp
    }

    fn status(&self) -> ICalendarStatus {
        match self.event.status {
            Status::Scheduled | Status::Moved | Status::Rescheduled => ICalendarStatus::Confirmed,
            Status::Postponed => ICalendarStatus::Tentative,
            Status::Cancelled => ICalendarStatus::Cancelled,
        }
    }
}

fn is_kept(revision: &Revision, dated: &Dated<'_>, now: DateTime<Utc>) -> bool {
    let is_off = revision.notice().withdrawn.is_some() || dated.status == Status::Cancelled;
    now < dated.ends_or_assumed_at() + if is_off { CANCELLED_KEPT } else { KEPT }
}

fn head() -> Vec<Entry> {
    vec![
        text(ICalendarProperty::Version, "2.0"),
        text(ICalendarProperty::Prodid, "-//Handbill//Notices//EN"),
        property(
            ICalendarProperty::Calscale,
            ICalendarValue::CalendarScale(calcard::common::CalendarScale::Gregorian),
        ),
    ]
}

// RFC 7986, and the older names of the same for those who do not know it. Not its UID of a calendar: vdirsyncer takes
// that for the UID of each event, and so keeps one event alone.
fn calendar_properties(site: &Site, calendar: &Calendar<'_>) -> Vec<Entry> {
    let Calendar { title, path, page, .. } = calendar;
    let address = site.address(&format!("{path}.{EXTENSION}"));
    let hourly = ICalendarDuration { hours: 1, ..ICalendarDuration::default() };
    let value_type = |value| ICalendarParameter {
        name: ICalendarParameterName::Value,
        value: ICalendarParameterValue::Value(value),
    };
    vec![
        line(ICalendarProperty::Name, title),
        line(ICalendarProperty::Other("X-WR-CALNAME".to_owned()), title),
        text(ICalendarProperty::Description, &site.description),
        text(ICalendarProperty::Other("X-WR-CALDESC".to_owned()), &site.description),
        text(ICalendarProperty::Other("X-WR-TIMEZONE".to_owned()), site.zone.name()),
        uri(ICalendarProperty::Url, &site.address(page)),
        uri(ICalendarProperty::Source, &address).with_param(value_type(ICalendarValueType::Uri)),
        property(ICalendarProperty::RefreshInterval, ICalendarValue::Duration(hourly.clone()))
            .with_param(value_type(ICalendarValueType::Duration)),
        property(ICalendarProperty::Other("X-PUBLISHED-TTL".to_owned()), ICalendarValue::Duration(hourly)),
        text(ICalendarProperty::Color, "firebrick"),
    ]
}

fn write(
    site: &Site,
    words: &Words,
    properties: Vec<Entry>,
    actions: &[Action<'_>],
    alarms: Alarms,
) -> Vec<u8> {
    let mut calendar = ICalendar { components: Vec::new() };
    add(&mut calendar, ICalendarComponentType::VCalendar, properties);
    for (zone, years) in zones(actions) {
        add_zone(&mut calendar, &zone, years);
    }
    // A calendar has at least one component (RFC 5545 §3.6), also when nothing is ahead; of a year that does not pass,
    // so that its bytes stay.
    if actions.is_empty() {
        add_zone(&mut calendar, &site.zone, (2000, 2000));
    }
    for action in actions {
        let event = add(&mut calendar, ICalendarComponentType::VEvent, event_properties(site, words, action));
        attach(&mut calendar, 0, event);
        if alarms == Alarms::BeforeStart && action.event.status.takes_place() {
            add_alarms(&mut calendar, event, &words.title(&action.notice));
        }
    }
    calendar.to_string().into_bytes()
}

fn event_properties(site: &Site, words: &Words, action: &Action<'_>) -> Vec<Entry> {
    let Action { revision, notice, event, .. } = action;
    let tags: Vec<ICalendarValue> = notice
        .tags
        .iter()
        .chain(&notice.campaign)
        .map(|tag| ICalendarValue::Text(one_line(&tag.name)))
        .collect();
    let mut properties = vec![
        text(
            ICalendarProperty::Uid,
            &revision.uid_of(action.key(), &site.tag_domain, &site.zone).to_string(),
        ),
        utc(ICalendarProperty::Dtstamp, action.stamp),
        utc(ICalendarProperty::Created, revision.published_at),
        utc(ICalendarProperty::LastModified, action.stamp),
        property(ICalendarProperty::Sequence, ICalendarValue::Integer(i64::from(revision.sequence))),
        local(ICalendarProperty::Dtstart, &event.starts),
        local(ICalendarProperty::Dtend, &event.ends_or_assumed()),
        line(ICalendarProperty::Summary, &words.title(notice)),
        property(ICalendarProperty::Status, ICalendarValue::Status(action.status())),
        uri(ICalendarProperty::Url, &site.notice_address(revision.id())),
    ];
    properties.extend(facts::place_line(words, event).map(|place| line(ICalendarProperty::Location, &place)));
    if !tags.is_empty() {
        properties.push(Entry::new(ICalendarProperty::Categories).with_values(tags));
    }
    if let Some((north, east)) = event.place.as_ref().and_then(|place| place.geo) {
        let values = vec![ICalendarValue::Float(north), ICalendarValue::Float(east)];
        properties.push(Entry::new(ICalendarProperty::Geo).with_values(values));
    }
    if let Some(press) = &event.press {
        let contact = press.email.iter().fold(press.role.clone(), |role, email| format!("{role}, {email}"));
        properties.push(line(ICalendarProperty::Contact, &contact));
    }
    if let Some(image) = &notice.image {
        properties.extend(image_property(site, &image.file));
    }
    if action.is_published {
        properties.push(organizer(site));
    }
    properties.extend(related_to(site, action));
    properties.push(text(ICalendarProperty::Description, &description(site, words, action)));
    properties
}

// The actions that it replaces or leads to, as its peers. RFC 9253 §5 has a NEXT, which whoever does not know it takes
// for a PARENT (RFC 5545 §3.2.15), and an action is no part of the one after it; of two peers the dates say which
// comes next. Of one with several dates the first stands for all.
fn related_to(site: &Site, action: &Action<'_>) -> Vec<Entry> {
    let others = feed::named_by(&action.notice).filter_map(|id| action.related.get(id));
    let uid = |other: &&Revision| {
        let first = other.notice().event()?.dates.first().map(|date| &date.key);
        Some(other.uid_of(first, &site.tag_domain, &site.zone))
    };
    let peer = |uid: Uuid| {
        text(ICalendarProperty::RelatedTo, &uid.to_string()).with_param(ICalendarParameter {
            name: ICalendarParameterName::Reltype,
            value: ICalendarParameterValue::Reltype(ICalendarRelationshipType::Sibling),
        })
    };
    others.filter_map(uid).map(peer).collect()
}

fn image_property(site: &Site, file: &str) -> Option<Entry> {
    let address = site.url.join(&format!("media/{file}")).ok()?;
    let parameters = vec![
        ICalendarParameter {
            name: ICalendarParameterName::Value,
            value: ICalendarParameterValue::Value(ICalendarValueType::Uri),
        },
        ICalendarParameter {
            name: ICalendarParameterName::Display,
            value: ICalendarParameterValue::Display(ICalendarDisplayType::Badge),
        },
    ];
    Some(uri(ICalendarProperty::Image, address.as_str()).with_params(parameters))
}

// A role's address when there is one; a calendar address may be any URI (RFC 5545 §3.3.3).
fn organizer(site: &Site) -> Entry {
    let address = site.contact.as_ref().map_or(site.url.to_string(), |contact| format!("mailto:{contact}"));
    // A parameter cannot hold a double quote (RFC 5545 §3.2).
    let name = clean(&site.organization).replace('"', "'");
    uri(ICalendarProperty::Organizer, &address).with_param(ICalendarParameter {
        name: ICalendarParameterName::Cn,
        value: ICalendarParameterValue::Text(name),
    })
}

// What changed and when, what it is, what to know, and where the whole text stands.
fn description(site: &Site, words: &Words, action: &Action<'_>) -> String {
    let Action { revision, notice, event, .. } = action;
    let zone = &event.starts.zone;
    let changes = revision.changes.iter().rev();
    let changes: Vec<String> = changes
        .filter_map(|change| facts::change_line(words, change.at, zone, &action.differences(change)))
        .map(|(when, what)| format!("{when} {what}"))
        .collect();
    let assumed = event.ends.is_none().then(|| words.say("end-assumed"));
    let facts = facts::facts_lines(site, words, notice);
    let parts = [
        Some(changes.join("\n")),
        Some(notice.summary_or_excerpt().to_owned()),
        Some(facts.trim_end().to_owned()),
        assumed,
        Some(site.notice_address(revision.id())),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    parts.join("\n\n")
}

fn add_alarms(calendar: &mut ICalendar, event: u32, title: &str) {
    for before in ALARMS {
        let properties = vec![
            property(ICalendarProperty::Action, ICalendarValue::Action(ICalendarAction::Display)),
            property(ICalendarProperty::Trigger, ICalendarValue::Duration(before)),
            text(ICalendarProperty::Description, title),
        ];
        let alarm = add(calendar, ICalendarComponentType::VAlarm, properties);
        attach(calendar, event, alarm);
    }
}

// Each zone that a time is written in, with the first and the last year of those times.
fn zones(actions: &[Action<'_>]) -> Vec<(Zone, (i32, i32))> {
    let mut zones: BTreeMap<&str, (Zone, (i32, i32))> = BTreeMap::new();
    let moments: Vec<Moment> = actions
        .iter()
        .flat_map(|action| [action.event.starts.clone(), action.event.ends_or_assumed()])
        .filter(|moment| !is_written_in_utc(moment))
        .collect();
    for moment in &moments {
        let year = moment.wall.year();
        let (_, years) =
            zones.entry(moment.zone.name()).or_insert_with(|| (moment.zone.clone(), (year, year)));
        *years = (years.0.min(year), years.1.max(year));
    }
    zones.into_values().collect()
}

// Every change of the offset on its own, one year beyond the events on either side: a rule would say more than
// the zone data does. What comes before the first change is a change that changes nothing.
fn add_zone(calendar: &mut ICalendar, zone: &Zone, (first, last): (i32, i32)) {
    let id =
        add(calendar, ICalendarComponentType::VTimezone, vec![text(ICalendarProperty::Tzid, zone.name())]);
    attach(calendar, 0, id);
    let from = zone.to_instant(new_year(first - 1)).0;
    let until = zone.to_instant(new_year(last + 2)).0;
    let offset = zone.offset_seconds(from);
    let opening = observance_properties(new_year(first - 1), offset, offset, &zone.abbreviation(from));
    let opening = add(calendar, ICalendarComponentType::Standard, opening);
    attach(calendar, id, opening);
    for transition in zone.transitions(from, until) {
        let wall = transition.at.naive_utc() + TimeDelta::seconds(i64::from(transition.offset_before));
        let properties = observance_properties(
            wall,
            transition.offset_before,
            transition.offset_after,
            &transition.abbreviation,
        );
        let kind = match transition.daylight {
            true => ICalendarComponentType::Daylight,
            false => ICalendarComponentType::Standard,
        };
        let observance = add(calendar, kind, properties);
        attach(calendar, id, observance);
    }
}

fn observance_properties(wall: NaiveDateTime, before: i32, after: i32, name: &str) -> Vec<Entry> {
    vec![
        date_time(ICalendarProperty::Dtstart, floating(wall)),
        date_time(ICalendarProperty::Tzoffsetfrom, offset(before)),
        date_time(ICalendarProperty::Tzoffsetto, offset(after)),
        text(ICalendarProperty::Tzname, name),
    ]
}

fn new_year(year: i32) -> NaiveDateTime {
    NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or(NaiveDate::MIN).and_time(chrono::NaiveTime::MIN)
}

// A wall time that occurs twice means the first (RFC 5545 §3.3.5), so the second can only be said in UTC.
fn is_written_in_utc(moment: &Moment) -> bool {
    matches!(moment.zone.name(), "UTC" | "Etc/UTC") || moment.zone.to_instant(moment.wall).0 != moment.at
}

fn local(name: ICalendarProperty, moment: &Moment) -> Entry {
    if is_written_in_utc(moment) {
        return utc(name, moment.at);
    }
    date_time(name, floating(moment.wall)).with_param(ICalendarParameter {
        name: ICalendarParameterName::Tzid,
        value: ICalendarParameterValue::Text(moment.zone.name().to_owned()),
    })
}

fn utc(name: ICalendarProperty, at: DateTime<Utc>) -> Entry {
    let stamp = PartialDateTime { tz_hour: Some(0), tz_minute: Some(0), ..floating(at.naive_utc()) };
    date_time(name, stamp)
}

fn floating(wall: NaiveDateTime) -> PartialDateTime {
    let part = |number: u32| u8::try_from(number).ok();
    PartialDateTime {
        year: u16::try_from(wall.year()).ok(),
        month: part(wall.month()),
        day: part(wall.day()),
        hour: part(wall.hour()),
        minute: part(wall.minute()),
        second: part(wall.second()),
        ..PartialDateTime::default()
    }
}

fn offset(seconds: i32) -> PartialDateTime {
    let minutes = seconds.unsigned_abs() / 60;
    PartialDateTime {
        tz_hour: u8::try_from(minutes / 60).ok(),
        tz_minute: u8::try_from(minutes % 60).ok(),
        tz_minus: seconds < 0,
        ..PartialDateTime::default()
    }
}

fn date_time(name: ICalendarProperty, value: PartialDateTime) -> Entry {
    property(name, ICalendarValue::PartialDateTime(Box::new(value)))
}

fn text(name: ICalendarProperty, value: &str) -> Entry {
    property(name, ICalendarValue::Text(clean(value)))
}

// calcurse 4.7.1 leaves out an event whose summary has a line break.
fn line(name: ICalendarProperty, value: &str) -> Entry {
    property(name, ICalendarValue::Text(one_line(value)))
}

fn one_line(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

// calcard escapes a comma and a semicolon in an address too, which RFC 5545 §3.3.13 does not.
fn uri(name: ICalendarProperty, address: &str) -> Entry {
    let address = clean(address).replace(',', "%2C").replace(';', "%3B").replace('\n', "");
    property(name, ICalendarValue::Uri(Uri::Location(address)))
}

fn property(name: ICalendarProperty, value: ICalendarValue) -> Entry {
    Entry::new(name).with_values(vec![value])
}

fn add(calendar: &mut ICalendar, kind: ICalendarComponentType, entries: Vec<Entry>) -> u32 {
    let id = u32::try_from(calendar.components.len()).unwrap_or(u32::MAX);
    let component = ICalendarComponent { component_type: kind, entries, component_ids: Vec::new() };
    calendar.components.push(component);
    id
}

fn attach(calendar: &mut ICalendar, parent: u32, child: u32) {
    let parent = usize::try_from(parent).ok().and_then(|parent| calendar.components.get_mut(parent));
    if let Some(parent) = parent {
        parent.component_ids.push(child);
    }
}

// No control characters (RFC 5545 §3.1), and one kind of line end: some readers split at every kind.
fn clean(text: &str) -> String {
    let text = xml_clean(text).replace("\r\n", "\n");
    text.chars()
        .filter(|c| *c != '\u{7F}')
        .map(|c| match c {
            '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
            plain => plain,
        })
        .collect()
}
