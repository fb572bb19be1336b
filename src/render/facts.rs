//! Facts: what a notice says beside its text: when, where, how to get in, who says so.
//!
//! Pure. Feeds, mail and pages share it, so none of them leaves out what another one tells.

use chrono::{DateTime, Utc};

use crate::config::Site;
use crate::notice::date::Date;
use crate::notice::markdown::plain::{COLUMNS, wrap_as_one};
use crate::notice::{
    self, Adoption, Event, Kind, Legal, Lineage, Notice, NoticeId, Party, Place, Press, Provenance, Signing,
    Source, Status,
};
use crate::render::words::Words;
use crate::render::xml::escape_html;
use crate::revision::{Change, Difference, Point};
use crate::schedule::zone::{Moment, Zone};

/// One labelled fact with its values, at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// Which one: the name of its label's message, `fact-where`.
    pub id: &'static str,
    /// `Where`
    pub label: String,
    /// Each a line of its own.
    pub values: Vec<Value>,
}

/// One value, in pieces.
#[derive(Debug, Clone, PartialEq)]
pub struct Value(pub Vec<Piece>);

/// A part of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// Words.
    Text(String),
    /// Words that lead to an absolute address.
    Link {
        /// What it leads to.
        text: String,
        /// Where that is.
        url: String,
    },
}

/// The facts of a notice that `notice::shown` has been through, in the order in which people ask.
pub fn facts(site: &Site, words: &Words, notice: &Notice) -> Vec<Fact> {
    let mut facts = match &notice.kind {
        Kind::Action(event) => of_event(words, event),
        Kind::Archive(provenance) => of_provenance(site, words, provenance),
        Kind::Statement(signing) => of_signing(site, words, signing),
    };
    // That it was taken back says nothing of whether it takes place.
    facts.retain(|fact| notice.withdrawn.is_none() || fact.id != "fact-status");
    facts.push(fact("fact-more", notice.more.iter().map(|link| value_link(&link.title, &link.url))));
    facts.retain(|fact| !fact.values.is_empty());
    for fact in &mut facts {
        fact.label = words.say(match fact.id {
            "fact-when" if notice.withdrawn.is_some() => "fact-was-when",
            id => id,
        });
    }
    facts
}

/// The facts as one `<dl>`, without classes or styles; empty when there are none.
pub fn facts_html(site: &Site, words: &Words, notice: &Notice) -> String {
    let facts = facts(site, words, notice);
    if facts.is_empty() {
        return String::new();
    }
    let mut html = "<dl>\n".to_owned();
    for fact in &facts {
        html.push_str(&format!("<dt>{}</dt>\n<dd>{}</dd>\n", escape_html(&fact.label), values_html(fact)));
    }
    html.push_str("</dl>\n");
    html
}

/// The facts as plain text of at most 72 columns, LF line ends; empty when there are none. Only an address
/// makes a line longer: a broken one leads nowhere.
pub fn facts_text(site: &Site, words: &Words, notice: &Notice) -> String {
    let mut text = String::new();
    for fact in facts(site, words, notice) {
        match &fact.values[..] {
            [one] => wrap(&mut text, &words.labelled(&fact.label, &value_text(one)), "", "  "),
            many => {
                text.push_str(&words.tell("label", [("label", fact.label.as_str().into())]));
                text.push('\n');
                many.iter().for_each(|value| wrap(&mut text, &value_text(value), "- ", "  "));
            }
        }
    }
    text
}

/// The facts as lines of any length, LF line ends, for what breaks lines itself; empty when there are none.
pub fn facts_lines(site: &Site, words: &Words, notice: &Notice) -> String {
    facts(site, words, notice)
        .iter()
        .map(|fact| {
            let values: Vec<String> = fact.values.iter().map(value_text).collect();
            let line = words.labelled(&fact.label, &values.join("; "));
            format!("{}\n", line.split_whitespace().collect::<Vec<_>>().join(" "))
        })
        .collect()
}

/// The differences of a change that `notice`, which `notice::shown` has been through, lets people see at `now`: a
/// place or a meeting point that is hidden now has changed, and no more is said of it; and what its author said of an
/// edit of what was taken back since is not said again.
pub fn visible_differences(change: &Change, notice: &Notice, now: DateTime<Utc>) -> Vec<Difference> {
    let is_said =
        |difference: &&Difference| notice.withdrawn.is_none() || !matches!(difference, Difference::Said(_));
    let differences = change.differences.iter().filter(is_said);
    differences.map(|difference| visible(difference, notice.event(), now)).collect()
}

/// A change as people read it: `Changed on …:`, by the clock of a zone, and what of it they see; none when that is
/// nothing.
pub fn change_line(
    words: &Words,
    at: DateTime<Utc>,
    zone: &Zone,
    differences: &[Difference],
) -> Option<(String, String)> {
    let at = words.moment(&Moment::from_instant(at, zone.clone()));
    let said: Vec<String> = differences.iter().map(|it| words.difference(it)).collect();
    (!said.is_empty()).then(|| (words.tell("changed-on", [("moment", at.into())]), said.join(" ")))
}

fn visible(difference: &Difference, event: Option<&Event>, now: DateTime<Utc>) -> Difference {
    let date = difference.date().and_then(|date| event?.date(&date.key));
    // That of those dates that name none.
    let of_all = event.and_then(|event| match &event.dates[..] {
        [] => event.place.as_ref(),
        dates => dates.iter().find(|date| !date.is_elsewhere)?.place.as_ref(),
    });
    visible_at(
        difference,
        if difference.date().is_some() { date.and_then(|it| it.place.as_ref()) } else { of_all },
        now,
    )
}

fn visible_at(difference: &Difference, place: Option<&Place>, now: DateTime<Utc>) -> Difference {
    let has_meeting_point = place.is_some_and(|place| place.meeting_point.is_some());
    match difference {
        Difference::Of(date, of_date) => {
            Difference::Of(date.clone(), Box::new(visible_at(of_date, place, now)))
        }
        Difference::Place { .. } if place.is_none() => Difference::Place { was: None, is: None },
        Difference::MeetingPoint { was, is } => {
            let told = |point: &Option<Point>| point.as_ref().and_then(|point| point.at(now)).cloned();
            match (told(was), told(is)) {
                (was, told_is) if has_meeting_point && told_is.is_some() == is.is_some() => {
                    Difference::MeetingPoint { was, is: told_is }
                }
                _ => Difference::MeetingPoint { was: None, is: None },
            }
        }
        Difference::Status { .. }
        | Difference::Time { .. }
        | Difference::End { .. }
        | Difference::Assembly { .. }
        | Difference::Place { .. }
        | Difference::Added(_)
        | Difference::Removed(_)
        | Difference::Said(_)
        | Difference::Withdrawn(_)
        | Difference::Restored => difference.clone(),
    }
}

/// One date of several in a line: whether, when, where if that is not where `event` is, and what is to be known of it.
pub fn date_line(words: &Words, event: &Event, date: &Date) -> String {
    let at_date = event.at_date(date);
    let mut line = words.span(&at_date);
    if let Some(status) = words.status_prefix(date.status) {
        line = words.tell("title-with-status", [("status", status.into()), ("title", line.into())]);
    }
    let place = place_line(words, &at_date);
    if let Some(place) = place.filter(|_| date.place != event.place) {
        line = words.tell("date-at", [("date", line.into()), ("place", place.into())]);
    }
    match &date.note {
        Some(note) => words.tell("date-with-note", [("date", line.into()), ("note", note.as_str().into())]),
        None => line,
    }
}

/// Name and address of the place, or that it will be announced; none of an action without a place, such as a
/// day of calls.
pub fn place_line(words: &Words, event: &Event) -> Option<String> {
    let to_come = || event.has_place_to_come.then(|| words.say("no-place"));
    event.place.as_ref().map(Place::one_line).or_else(to_come)
}

fn of_event(words: &Words, event: &Event) -> Vec<Fact> {
    let meeting_point = event.place.as_ref().and_then(|place| place.meeting_point.as_deref());
    // The date that a postponed one had is not when it takes place.
    let when = match event.status {
        Status::Postponed => words.tell("when-postponed", [("was", words.span(event).into())]),
        Status::Scheduled | Status::Moved | Status::Rescheduled | Status::Cancelled => words.span(event),
    };
    let mut facts = vec![
        fact("fact-when", [value(when)]),
        fact("fact-where", place_line(words, event).map(value)),
        fact("fact-meeting-point", meeting_point.map(value)),
        fact("fact-gather", gather(event).map(|moment| value(words.moment(moment)))),
        fact("fact-status", status_line(words, event).map(value)),
        fact("fact-dates", event.dates.iter().map(|date| value(date_line(words, event, date)))),
    ];
    // Whoever reads no further has read that it does not take place.
    if !event.status.takes_place() {
        facts[..5].rotate_right(1);
    }
    facts.extend(
        event.access.entries.iter().map(|(key, text)| fact(access_label(key), [value(text.as_str())])),
    );
    facts.push(fact("fact-hosts", event.hosts.iter().map(value)));
    facts.push(fact("fact-with", event.cosponsors.iter().map(party)));
    facts.push(fact("fact-demands", event.demands.iter().map(value)));
    facts.extend(event.legal.iter().flat_map(of_legal));
    facts.push(fact("fact-press", event.press.iter().flat_map(of_press)));
    facts
}

// Nobody gathers for what does not take place, and for another day the time is not known.
fn gather(event: &Event) -> Option<&Moment> {
    event.assemble_at.as_ref().filter(|_| event.status.takes_place())
}

// An action that takes place as first said needs no status, unless the author notes one; a note of one date of several
// stands among the dates.
fn status_line(words: &Words, event: &Event) -> Option<String> {
    if event.status == Status::Scheduled && !event.dates.is_empty() {
        return None;
    }
    let sentence = (event.status != Status::Scheduled).then(|| words.status_sentence(event.status));
    let parts: Vec<&str> = sentence.as_deref().into_iter().chain(event.status_note.as_deref()).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn of_legal(legal: &Legal) -> [Fact; 3] {
    [
        fact("fact-jail-support", legal.jail_support.iter().map(value)),
        fact("fact-know-your-rights", legal.know_your_rights.iter().map(|url| value_link(url, url))),
        fact("fact-legal-observers", legal.legal_observers.iter().map(value)),
    ]
}

fn of_press(press: &Press) -> Vec<Value> {
    let contact = match &press.email {
        Some(email) => format!("{}, {email}", press.role),
        None => press.role.clone(),
    };
    [Some(contact), press.advisory.clone()].into_iter().flatten().map(value).collect()
}

fn of_provenance(site: &Site, words: &Words, provenance: &Provenance) -> Vec<Fact> {
    vec![
        fact("fact-places", provenance.places.iter().map(|place| value(place_and_years(words, place)))),
        fact("fact-period", provenance.period.iter().map(value)),
        fact("fact-lineage", provenance.lineage.iter().map(|lineage| descent(site, words, lineage))),
        fact("fact-principles", provenance.principles.iter().map(value)),
        fact("fact-sources", provenance.sources.iter().map(|it| source(words, it))),
        fact("fact-unknown", provenance.unknown.iter().map(value)),
        fact("fact-care", words.care(provenance.care).map(value)),
        fact("fact-call", provenance.call.iter().flat_map(|call| [value(&call.what), value(&call.how)])),
    ]
}

fn place_and_years(words: &Words, place: &notice::Site) -> String {
    let name = ("place", place.name.as_str().into());
    let from = |year: i64| ("from", year.to_string().into());
    let to = |year: i64| ("to", year.to_string().into());
    match (place.from, place.to) {
        (Some(first), Some(last)) if first == last => words.tell("place-in-year", [name, from(first)]),
        (Some(first), Some(last)) => words.tell("place-in-years", [name, from(first), to(last)]),
        (Some(first), None) => words.tell("place-since", [name, from(first)]),
        (None, Some(last)) => words.tell("place-until", [name, to(last)]),
        (None, None) => place.name.clone(),
    }
}

// A target that has the form of an id is a notice; its title is not known here.
fn descent(site: &Site, words: &Words, lineage: &Lineage) -> Value {
    let target = match NoticeId::parse(&lineage.target) {
        Some(id) => Piece::Link { text: lineage.target.clone(), url: site.notice_address(&id) },
        None => Piece::Text(lineage.target.clone()),
    };
    let confidence = words.confidence(lineage.confidence, lineage.source.as_deref());
    Value(vec![
        Piece::Text(format!("{} ", words.relation(lineage.rel))),
        target,
        Piece::Text(format!(" ({confidence})")),
    ])
}

fn source(words: &Words, source: &Source) -> Value {
    let title = match &source.url {
        Some(url) => Piece::Link { text: source.title.clone(), url: url.clone() },
        None => Piece::Text(source.title.clone()),
    };
    let creators = (!source.creators.is_empty()).then(|| source.creators.join(", "));
    let details: String = [creators.as_ref(), source.kind.as_ref(), source.date.as_ref()]
        .into_iter()
        .flatten()
        .map(|detail| format!(", {detail}"))
        .collect();
    let mut pieces = vec![title];
    if !details.is_empty() {
        pieces.push(Piece::Text(details));
    }
    if let Some(url) = &source.archived_url {
        pieces.push(Piece::Text(", ".to_owned()));
        pieces.push(Piece::Link { text: words.say("archived-copy"), url: url.clone() });
    }
    if let Some(day) = source.accessed {
        pieces.push(Piece::Text(format!(", {}", words.accessed(day))));
    }
    Value(pieces)
}

fn of_signing(site: &Site, words: &Words, signing: &Signing) -> Vec<Fact> {
    let translations = signing
        .translations
        .iter()
        .map(|translation| value_link(&translation.lang, &site.notice_address(&translation.notice)));
    vec![
        fact("fact-issued", signing.issued.as_ref().map(|issued| value(words.issued(issued)))),
        fact("fact-addressed-to", signing.addressed_to.iter().map(value)),
        fact("fact-signed-by", signing.signatories.iter().map(party)),
        fact("fact-signing", signing.invitation.iter().map(|invitation| value(words.invitation(invitation)))),
        fact("fact-adopted", signing.adopted.iter().map(|it| adoption(words, it))),
        fact("fact-translations", translations),
    ]
}

fn adoption(words: &Words, adoption: &Adoption) -> Value {
    let said = [Some(&adoption.by), adoption.method.as_ref()].into_iter().flatten();
    let mut pieces = vec![Piece::Text(said.map(String::as_str).collect::<Vec<_>>().join(", "))];
    if let Some(record) = &adoption.record {
        pieces.push(Piece::Text(format!(", {}", words.labelled(&words.say("on-record"), ""))));
        pieces.push(match record.starts_with("https://") || record.starts_with("http://") {
            true => Piece::Link { text: record.clone(), url: record.clone() },
            false => Piece::Text(record.clone()),
        });
    }
    Value(pieces)
}

// Its label is looked up when it has a value.
fn fact(id: &'static str, values: impl IntoIterator<Item = Value>) -> Fact {
    Fact { id, label: String::new(), values: values.into_iter().collect() }
}

fn access_label(key: &str) -> &'static str {
    match key {
        "wheelchair" => "access-wheelchair",
        "step_free_route" => "access-step-free-route",
        "asl" => "access-asl",
        "quiet_space" => "access-quiet-space",
        "restroom" => "access-restroom",
        "transit" => "access-transit",
        "childcare" => "access-childcare",
        "masks" => "access-masks",
        _ => "access-contact",
    }
}

fn value(text: impl Into<String>) -> Value {
    Value(vec![Piece::Text(text.into())])
}

fn value_link(text: &str, url: &str) -> Value {
    Value(vec![Piece::Link { text: text.to_owned(), url: url.to_owned() }])
}

fn party(party: &Party) -> Value {
    match &party.url {
        Some(url) => value_link(&party.name, url),
        None => value(&party.name),
    }
}

fn values_html(fact: &Fact) -> String {
    match &fact.values[..] {
        [one] => value_html(one),
        many => {
            let items: String =
                many.iter().map(|value| format!("<li>{}</li>\n", value_html(value))).collect();
            format!("<ul>\n{items}</ul>")
        }
    }
}

fn value_html(value: &Value) -> String {
    value
        .0
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => escape_html(text).into_owned(),
            Piece::Link { text, url } => {
                format!("<a href=\"{}\">{}</a>", escape_html(url), escape_html(text))
            }
        })
        .collect()
}

fn value_text(value: &Value) -> String {
    value
        .0
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Link { text, url } if text == url => url.clone(),
            Piece::Link { text, url } => format!("{text} <{url}>"),
        })
        .collect()
}

// A text of several paragraphs becomes one: what it belongs to is a line of a list.
fn wrap(out: &mut String, text: &str, first: &str, further: &str) {
    for line in wrap_as_one(text, COLUMNS, first, further) {
        out.push_str(&line);
        out.push('\n');
    }
}
