//! Facts: what a notice says beside its text: when, where, how to get in, who says so.
//!
//! Pure. Feeds, mail and pages share it, so none of them leaves out what another one tells.

use crate::config::Site;
use crate::notice::markdown::plain::{COLUMNS, wrap_as_one};
use crate::notice::{
    self, Adoption, Event, Kind, Legal, Lineage, Notice, NoticeId, Party, Place, Press, Provenance, Signing,
    Source,
};
use crate::render::words;
use crate::render::xml::escape_html;
use crate::revision::{Change, Difference};

/// What stands where a place is not yet shown.
pub const NO_PLACE: &str = "Place to be announced";

/// One labelled fact with its values, at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// `Where`
    pub label: &'static str,
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
pub fn facts(site: &Site, notice: &Notice) -> Vec<Fact> {
    let mut facts = match &notice.kind {
        Kind::Action(event) => of_event(event),
        Kind::Archive(provenance) => of_provenance(site, provenance),
        Kind::Statement(signing) => of_signing(site, signing),
    };
    facts.push(fact("Further reading", notice.more.iter().map(|link| value_link(&link.title, &link.url))));
    facts.retain(|fact| !fact.values.is_empty());
    facts
}

/// The facts as one `<dl>`, without classes or styles; empty when there are none.
pub fn facts_html(site: &Site, notice: &Notice) -> String {
    let facts = facts(site, notice);
    if facts.is_empty() {
        return String::new();
    }
    let mut html = "<dl>\n".to_owned();
    for fact in &facts {
        html.push_str(&format!("<dt>{}</dt>\n<dd>{}</dd>\n", escape_html(fact.label), values_html(fact)));
    }
    html.push_str("</dl>\n");
    html
}

/// The facts as plain text of at most 72 columns, LF line ends; empty when there are none. Only an address
/// makes a line longer: a broken one leads nowhere.
pub fn facts_text(site: &Site, notice: &Notice) -> String {
    let mut text = String::new();
    for fact in facts(site, notice) {
        match &fact.values[..] {
            [one] => wrap(&mut text, &format!("{}: {}", fact.label, value_text(one)), "", "  "),
            many => {
                text.push_str(&format!("{}:\n", fact.label));
                many.iter().for_each(|value| wrap(&mut text, &value_text(value), "- ", "  "));
            }
        }
    }
    text
}

/// The facts as lines of any length, LF line ends, for what breaks lines itself; empty when there are none.
pub fn facts_lines(site: &Site, notice: &Notice) -> String {
    facts(site, notice)
        .iter()
        .map(|fact| {
            let values: Vec<String> = fact.values.iter().map(value_text).collect();
            let line = format!("{}: {}", fact.label, values.join("; "));
            format!("{}\n", line.split_whitespace().collect::<Vec<_>>().join(" "))
        })
        .collect()
}

/// The differences of a change that `notice`, which `notice::shown` has been through, lets people see: a place
/// or a meeting point that is hidden now has changed, and no more is said of it.
pub fn visible_differences(change: &Change, notice: &Notice) -> Vec<Difference> {
    let place = notice.event().and_then(|event| event.place.as_ref());
    let has_meeting_point = place.is_some_and(|place| place.meeting_point.is_some());
    change
        .differences
        .iter()
        .map(|difference| match difference {
            Difference::Place { .. } if place.is_none() => Difference::Place { was: None, is: None },
            Difference::MeetingPoint { .. } if !has_meeting_point => {
                Difference::MeetingPoint { was: None, is: None }
            }
            Difference::Status { .. }
            | Difference::Time { .. }
            | Difference::End { .. }
            | Difference::Assembly { .. }
            | Difference::Place { .. }
            | Difference::MeetingPoint { .. } => difference.clone(),
        })
        .collect()
}

/// Name and address of the place, or that it will be announced; none of an action without a place, such as a
/// day of calls.
pub fn place_line(event: &Event) -> Option<String> {
    let to_come = || event.has_place_to_come.then(|| NO_PLACE.to_owned());
    event.place.as_ref().map(Place::one_line).or_else(to_come)
}

fn of_event(event: &Event) -> Vec<Fact> {
    let meeting_point = event.place.as_ref().and_then(|place| place.meeting_point.as_deref());
    let mut facts = vec![
        fact("When", [value(words::span(event))]),
        fact("Where", place_line(event).map(value)),
        fact("Meeting point", meeting_point.map(value)),
        fact("Gather", event.assemble_at.as_ref().map(|moment| value(words::moment(moment)))),
        fact("Status", status_line(event).map(value)),
    ];
    facts.extend(event.access.entries.iter().map(|(label, text)| fact(label, [value(text.as_str())])));
    facts.push(fact("Hosts", event.hosts.iter().map(value)));
    facts.push(fact("With", event.cosponsors.iter().map(party)));
    facts.push(fact("Demands", event.demands.iter().map(value)));
    facts.extend(event.legal.iter().flat_map(of_legal));
    facts.push(fact("Press", event.press.iter().flat_map(of_press)));
    facts
}

// An action that takes place as first said needs no status, unless the author notes one.
fn status_line(event: &Event) -> Option<String> {
    let sentence = words::status_prefix(event.status).map(|_| words::status_sentence(event.status));
    let parts: Vec<&str> = sentence.into_iter().chain(event.status_note.as_deref()).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn of_legal(legal: &Legal) -> [Fact; 3] {
    [
        fact("Jail support", legal.jail_support.iter().map(value)),
        fact("Know your rights", legal.know_your_rights.iter().map(|url| value_link(url, url))),
        fact("Legal observers", legal.legal_observers.iter().map(value)),
    ]
}

fn of_press(press: &Press) -> Vec<Value> {
    let contact = match &press.email {
        Some(email) => format!("{}, {email}", press.role),
        None => press.role.clone(),
    };
    [Some(contact), press.advisory.clone()].into_iter().flatten().map(value).collect()
}

fn of_provenance(site: &Site, provenance: &Provenance) -> Vec<Fact> {
    vec![
        fact("Places", provenance.places.iter().map(|place| value(place_and_years(place)))),
        fact("Period", provenance.period.iter().map(value)),
        fact("Where it comes from", provenance.lineage.iter().map(|lineage| descent(site, lineage))),
        fact("Principles", provenance.principles.iter().map(value)),
        fact("Sources", provenance.sources.iter().map(source)),
        fact("What we do not know", provenance.unknown.iter().map(value)),
        fact("Care", words::care(provenance.care).map(value)),
        fact("Call", provenance.call.iter().flat_map(|call| [value(&call.what), value(&call.how)])),
    ]
}

fn place_and_years(place: &notice::Site) -> String {
    match (place.from, place.to) {
        (Some(from), Some(to)) if from == to => format!("{}, {from}", place.name),
        (Some(from), Some(to)) => format!("{}, {from} to {to}", place.name),
        (Some(from), None) => format!("{}, since {from}", place.name),
        (None, Some(to)) => format!("{}, until {to}", place.name),
        (None, None) => place.name.clone(),
    }
}

// A target that has the form of an id is a notice; its title is not known here.
fn descent(site: &Site, lineage: &Lineage) -> Value {
    let target = match NoticeId::parse(&lineage.target) {
        Some(id) => Piece::Link { text: lineage.target.clone(), url: site.notice_address(&id) },
        None => Piece::Text(lineage.target.clone()),
    };
    let confidence = words::confidence(lineage.confidence);
    let confidence = match &lineage.source {
        Some(source) => format!(" ({confidence}: {source})"),
        None => format!(" ({confidence})"),
    };
    Value(vec![Piece::Text(format!("{} ", words::relation(lineage.rel))), target, Piece::Text(confidence)])
}

fn source(source: &Source) -> Value {
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
        pieces.push(Piece::Link { text: "archived copy".to_owned(), url: url.clone() });
    }
    if let Some(day) = source.accessed {
        pieces.push(Piece::Text(format!(", {}", words::accessed(day))));
    }
    Value(pieces)
}

fn of_signing(site: &Site, signing: &Signing) -> Vec<Fact> {
    let translations = signing
        .translations
        .iter()
        .map(|translation| value_link(&translation.lang, &site.notice_address(&translation.notice)));
    vec![
        fact("Issued", signing.issued.as_ref().map(|issued| value(words::issued(issued)))),
        fact("Addressed to", signing.addressed_to.iter().map(value)),
        fact("Signed by", signing.signatories.iter().map(party)),
        fact("Signing", signing.invitation.iter().map(|invitation| value(words::invitation(invitation)))),
        fact("Adopted", signing.adopted.iter().map(adoption)),
        fact("In other languages", translations),
    ]
}

fn adoption(adoption: &Adoption) -> Value {
    let said = [Some(&adoption.by), adoption.method.as_ref()].into_iter().flatten();
    let mut pieces = vec![Piece::Text(said.map(String::as_str).collect::<Vec<_>>().join(", "))];
    if let Some(record) = &adoption.record {
        pieces.push(Piece::Text(", on record: ".to_owned()));
        pieces.push(match record.starts_with("https://") || record.starts_with("http://") {
            true => Piece::Link { text: record.clone(), url: record.clone() },
            false => Piece::Text(record.clone()),
        });
    }
    Value(pieces)
}

fn fact(label: &'static str, values: impl IntoIterator<Item = Value>) -> Fact {
    Fact { label, values: values.into_iter().collect() }
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
