//! Post: what a target gets of an edition, a body of Standard Webhooks 1.0.0.
//!
//! Pure. There is nothing of a subscriber in it.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::config::Site;
use crate::edition::Content;
use crate::notice::date::Date;
use crate::notice::shown::shown_for;
use crate::notice::{Event, Notice, Place, Status};
use crate::render::facts;
use crate::render::words::Words;
use crate::revision::{Difference, Point, Revision, Spot};
use crate::schedule::zone::Moment;

/// The largest body: Standard Webhooks asks for less than 20 kB.
pub const MAX_BYTES: usize = 20_000;

/// The body for a target, JSON. `at` is the time of the edition and not of the attempt, so a resend has the
/// same bytes as long as the same can be seen; `now` says what can be. The HTML is left out, and then texts
/// are cut, when the body would be too long: `data.truncated` is then true.
pub fn body(
    site: &Site,
    words: &Words,
    content: &Content,
    revision: &Revision,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Vec<u8> {
    let notice = shown_for(revision.notice(), content.date(), now);
    let body = Body {
        kind: event_type(content, &notice),
        timestamp: rfc3339(at),
        data: data(site, words, content, revision, &notice, now),
    };
    write(body)
}

/// `notice.published`, `notice.corrected`, `notice.cancelled`, `notice.withdrawn` or `notice.reminder`.
fn event_type(content: &Content, notice: &Notice) -> &'static str {
    let status = notice.event().map(|event| event.status_of_all());
    match content {
        Content::Reminder(..) => "notice.reminder",
        Content::Alert(_) | Content::Correction(..) if notice.withdrawn.is_some() => "notice.withdrawn",
        // Also an alert: whoever acts on it must not call people to a place.
        Content::Alert(_) | Content::Correction(..) if status == Some(Status::Cancelled) => {
            "notice.cancelled"
        }
        Content::Correction(..) => "notice.corrected",
        // No target gets a personal mail.
        Content::Alert(_) | Content::Issue { .. } | Content::Personal(..) => "notice.published",
    }
}

#[derive(Serialize)]
struct Body {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: Data,
}

#[derive(Serialize)]
struct Data {
    id: String,
    url: String,
    kind: &'static str,
    lang: String,
    title: String,
    summary: String,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<String>,
    truncated: bool,
    authors: Vec<String>,
    tags: Vec<String>,
    sequence: u32,
    published_at: String,
    updated_at: String,
    changes: Vec<Changed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    /// Of a reminder of one of several dates: which.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Gathering>,
}

#[derive(Serialize)]
struct Gathering {
    status: &'static str,
    status_note: Option<String>,
    starts: Time,
    ends: Option<Time>,
    assemble_at: Option<Time>,
    place: Option<Venue>,
    /// Each of several; what stands above is of the next, or of that which a reminder is of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dates: Vec<OneDate>,
}

#[derive(Serialize)]
struct OneDate {
    key: String,
    status: &'static str,
    note: Option<String>,
    starts: Time,
    ends: Option<Time>,
    assemble_at: Option<Time>,
    place: Option<Venue>,
}

/// A wall time with its offset, the zone that it belongs to, and the instant.
#[derive(Serialize)]
struct Time {
    local: String,
    zone: String,
    instant: String,
}

#[derive(Serialize)]
struct Venue {
    name: String,
    address: Option<String>,
    meeting_point: Option<String>,
    geo: Option<(f64, f64)>,
}

#[derive(Serialize)]
struct Changed {
    what: &'static str,
    /// Which of several dates it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    was: Option<String>,
    is: Option<String>,
    text: String,
}

fn data(
    site: &Site,
    words: &Words,
    content: &Content,
    revision: &Revision,
    notice: &Notice,
    now: DateTime<Utc>,
) -> Data {
    let event = notice.event();
    Data {
        id: revision.tag_uri(&site.tag_domain, &site.zone),
        url: site.notice_address(revision.id()),
        kind: notice.kind_name().as_str(),
        lang: notice.lang.clone(),
        title: words.title(notice),
        summary: notice.summary_or_excerpt().to_owned(),
        text: text(site, words, notice),
        html: Some(html(site, words, notice)),
        truncated: false,
        authors: notice.authors.clone(),
        tags: notice.tags.iter().map(|tag| tag.name.clone()).collect(),
        sequence: revision.sequence,
        published_at: rfc3339(revision.published_at),
        updated_at: rfc3339(revision.updated_at),
        changes: changes(words, content, revision, notice, now),
        before: match content {
            Content::Reminder(_, _, before) => Some(before.to_string()),
            Content::Issue { .. } | Content::Alert(_) | Content::Correction(..) | Content::Personal(..) => {
                None
            }
        },
        date: content.date().map(ToString::to_string),
        event: event.map(gathering),
    }
}

fn text(site: &Site, words: &Words, notice: &Notice) -> String {
    let facts = facts::facts_text(site, words, notice);
    [facts.trim_end(), notice.body.text.trim_end()].join("\n\n").trim().to_owned()
}

fn html(site: &Site, words: &Words, notice: &Notice) -> String {
    format!("{}{}", facts::facts_html(site, words, notice), notice.body.html)
}

// A correction tells its own change; an edit since then has a correction of its own.
fn changes(
    words: &Words,
    content: &Content,
    revision: &Revision,
    notice: &Notice,
    now: DateTime<Utc>,
) -> Vec<Changed> {
    let told = match content {
        Content::Correction(_, sequence) => *sequence,
        Content::Issue { .. } | Content::Alert(_) | Content::Reminder(..) | Content::Personal(..) => {
            return Vec::new();
        }
    };
    revision
        .changes
        .iter()
        .filter(|change| change.sequence == told)
        .flat_map(|change| facts::visible_differences(change, notice, now))
        .map(|difference| changed(words, &difference))
        .collect()
}

fn changed(words: &Words, difference: &Difference) -> Changed {
    let date = difference.date().map(|date| date.key.to_string());
    let (what, was, is) = values(difference);
    Changed { what, date, was, is, text: words.difference(difference) }
}

fn values(difference: &Difference) -> (&'static str, Option<String>, Option<String>) {
    let moment = |moment: &Option<Moment>| moment.as_ref().map(Moment::rfc3339);
    let point = |point: &Option<Point>| point.as_ref().map(|point| point.text.clone());
    match difference {
        Difference::Status { was, is } => {
            ("status", Some(was.as_str().to_owned()), Some(is.as_str().to_owned()))
        }
        Difference::Time { was, is } => ("starts", Some(was.rfc3339()), Some(is.rfc3339())),
        Difference::End { was, is } => ("ends", moment(was), moment(is)),
        Difference::Assembly { was, is } => ("assemble_at", moment(was), moment(is)),
        Difference::Place { was, is } => {
            ("place", was.as_ref().map(Spot::one_line), is.as_ref().map(Spot::one_line))
        }
        Difference::MeetingPoint { was, is } => ("meeting_point", point(was), point(is)),
        Difference::Of(_, of_date) => values(of_date),
        Difference::Added(date) => ("date", None, Some(date.starts.rfc3339())),
        Difference::Removed(date) => ("date", Some(date.starts.rfc3339()), None),
        Difference::Said(_) => ("text", None, None),
        Difference::Withdrawn(why) => ("withdrawn", None, Some(why.clone())),
        Difference::Restored => ("withdrawn", None, None),
    }
}

fn gathering(event: &Event) -> Gathering {
    Gathering {
        status: event.status.as_str(),
        status_note: event.status_note.clone(),
        starts: time(&event.starts),
        ends: event.ends.as_ref().map(time),
        assemble_at: event.assemble_at.as_ref().map(time),
        place: event.place.as_ref().map(venue),
        dates: event.dates.iter().map(one_date).collect(),
    }
}

fn one_date(date: &Date) -> OneDate {
    OneDate {
        key: date.key.to_string(),
        status: date.status.as_str(),
        note: date.note.clone(),
        starts: time(&date.starts),
        ends: date.ends.as_ref().map(time),
        assemble_at: date.assemble_at.as_ref().map(time),
        place: date.place.as_ref().map(venue),
    }
}

fn time(moment: &Moment) -> Time {
    Time { local: moment.rfc3339(), zone: moment.zone.name().to_owned(), instant: rfc3339(moment.at) }
}

fn venue(place: &Place) -> Venue {
    Venue {
        name: place.name.clone(),
        address: place.address.clone(),
        meeting_point: place.meeting_point.clone(),
        geo: place.geo,
    }
}

// First without the HTML, which the text says too; then from the longest text to the ones that are needed most.
fn write(mut body: Body) -> Vec<u8> {
    let whole = json(&body);
    if whole.len() < MAX_BYTES {
        return whole;
    }
    body.data.truncated = true;
    body.data.html = None;
    let excess = excess_bytes(&body);
    cut(&mut body.data.text, excess);
    let excess = excess_bytes(&body);
    cut(&mut body.data.summary, excess);
    let excess = excess_bytes(&body);
    cut(&mut body.data.title, excess);
    json(&body)
}

fn excess_bytes(body: &Body) -> usize {
    (json(body).len() + 1).saturating_sub(MAX_BYTES)
}

// Takes at least so many bytes off the end, never inside a character; each is at least one byte of JSON.
fn cut(text: &mut String, excess_bytes: usize) {
    const MARK: &str = "…";
    if excess_bytes == 0 {
        return;
    }
    let kept = text.floor_char_boundary(text.len().saturating_sub(excess_bytes + MARK.len()));
    text.truncate(kept);
    text.push_str(MARK);
}

fn json(body: &Body) -> Vec<u8> {
    // Texts and finite numbers alone: nothing that JSON could refuse.
    serde_json::to_vec(body).unwrap_or_default()
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
