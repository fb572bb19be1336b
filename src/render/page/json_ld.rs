//! JSON-LD: a notice in schema.org's words.
//!
//! Pure.

use serde_json::{Map, Value, json};

use crate::config::Site;
use crate::notice::date::Date;
use crate::notice::{Event, Kind, Notice, Place, Status};
use crate::render::page::{Scheme, Topic, image_address};
use crate::revision::Revision;
use crate::schedule::zone::Moment;

/// The JSON-LD of a notice that `notice::shown` has been through, safe inside a `<script>` element.
pub fn of(site: &Site, revision: &Revision, notice: &Notice) -> String {
    let value = match &notice.kind {
        Kind::Action(event) => of_event(site, revision, notice, event),
        Kind::Archive(_) | Kind::Statement(_) => of_article(site, revision, notice),
    };
    in_script(&value)
}

fn of_event(site: &Site, revision: &Revision, notice: &Notice, event: &Event) -> Value {
    let mut it = common(site, revision, notice, if event.dates.is_empty() { "Event" } else { "EventSeries" });
    it.insert("name".to_owned(), json!(notice.title));
    let (starts, ends, status) = match (&event.dates[..], event.dates.last()) {
        ([first, ..], Some(last)) => (&first.starts, last.ends.as_ref(), event.status_of_all()),
        (_, _) => (&event.starts, event.ends.as_ref(), event.status),
    };
    let times = (starts, ends, status, event.place.as_ref());
    insert_times(&mut it, times, revision.previous_start(None));
    let dates: Vec<Value> = event.dates.iter().map(|date| of_date(site, revision, notice, date)).collect();
    insert(&mut it, "subEvent", filled(dates));
    insert(&mut it, "organizer", filled(organizers(notice, event)));
    let sponsors: Vec<Value> = event.cosponsors.iter().map(|party| organization(&party.name)).collect();
    insert(&mut it, "sponsor", filled(sponsors));
    let series = notice.campaign.as_ref().map(|campaign| {
        let page = Topic::Named(Scheme::Campaign, campaign.clone()).page_path();
        json!({ "@type": "EventSeries", "name": campaign.name, "url": site.address(&page) })
    });
    insert(&mut it, "superEvent", series);
    Value::Object(it)
}

// schema.org knows an event within a series by its own identity, name and place.
fn of_date(site: &Site, revision: &Revision, notice: &Notice, date: &Date) -> Value {
    let mut it = Map::new();
    let key = Some(&date.key);
    it.insert("@type".to_owned(), json!("Event"));
    it.insert("@id".to_owned(), json!(revision.tag_uri_of(key, &site.tag_domain, &site.zone)));
    it.insert("name".to_owned(), json!(notice.title));
    it.insert("url".to_owned(), json!(site.notice_address(&notice.id)));
    insert(&mut it, "description", date.note.as_ref().map(|note| json!(note)));
    let times = (&date.starts, date.ends.as_ref(), date.status, date.place.as_ref());
    insert_times(&mut it, times, revision.previous_start(key));
    Value::Object(it)
}

fn insert_times(
    it: &mut Map<String, Value>,
    (starts, ends, status, at): (&Moment, Option<&Moment>, Status, Option<&Place>),
    previous: Option<&Moment>,
) {
    it.insert("startDate".to_owned(), json!(starts.rfc3339()));
    it.insert("eventStatus".to_owned(), json!(format!("https://schema.org/{}", event_status(status))));
    it.insert("eventAttendanceMode".to_owned(), json!("https://schema.org/OfflineEventAttendanceMode"));
    insert(it, "endDate", ends.map(|end| json!(end.rfc3339())));
    let previous = previous.filter(|_| is_at_another_time(status));
    insert(it, "previousStartDate", previous.map(|start| json!(start.rfc3339())));
    insert(it, "location", at.map(place));
}

fn of_article(site: &Site, revision: &Revision, notice: &Notice) -> Value {
    let published = Moment::from_instant(revision.published_at, site.zone.clone());
    let mut it = common(site, revision, notice, "Article");
    it.insert("headline".to_owned(), json!(notice.title));
    it.insert("datePublished".to_owned(), json!(published.rfc3339()));
    it.insert("publisher".to_owned(), organization(&site.organization));
    let authors: Vec<Value> = notice.authors.iter().map(|name| organization(name)).collect();
    insert(&mut it, "author", filled(authors));
    Value::Object(it)
}

fn common(site: &Site, revision: &Revision, notice: &Notice, kind: &str) -> Map<String, Value> {
    let updated = Moment::from_instant(revision.updated_at, site.zone.clone());
    let mut it = Map::new();
    it.insert("@context".to_owned(), json!("https://schema.org"));
    it.insert("@type".to_owned(), json!(kind));
    it.insert("@id".to_owned(), json!(revision.tag_uri(&site.tag_domain, &site.zone)));
    it.insert("url".to_owned(), json!(site.notice_address(&notice.id)));
    it.insert("description".to_owned(), json!(notice.summary_or_excerpt()));
    it.insert("inLanguage".to_owned(), json!(notice.lang));
    it.insert("dateModified".to_owned(), json!(updated.rfc3339()));
    let keywords: Vec<&str> = notice.tags.iter().map(|tag| tag.name.as_str()).collect();
    insert(&mut it, "keywords", (!keywords.is_empty()).then(|| json!(keywords)));
    let image = notice.image.as_ref().and_then(|image| {
        let url = image_address(site, image)?;
        Some(json!({ "@type": "ImageObject", "url": url, "caption": image.alt }))
    });
    insert(&mut it, "image", image);
    it
}

// schema.org has a word for a move to the internet alone; another place is a location that differs.
fn event_status(status: Status) -> &'static str {
    match status {
        Status::Scheduled | Status::Moved => "EventScheduled",
        Status::Rescheduled => "EventRescheduled",
        Status::Postponed => "EventPostponed",
        Status::Cancelled => "EventCancelled",
    }
}

fn is_at_another_time(status: Status) -> bool {
    match status {
        Status::Rescheduled | Status::Postponed => true,
        Status::Scheduled | Status::Moved | Status::Cancelled => false,
    }
}

fn place(place: &Place) -> Value {
    let mut it = Map::new();
    it.insert("@type".to_owned(), json!("Place"));
    it.insert("name".to_owned(), json!(place.name));
    let address =
        place.address.as_ref().map(|line| json!({ "@type": "PostalAddress", "streetAddress": line }));
    insert(&mut it, "address", address);
    let geo = place.geo.map(|(latitude, longitude)| {
        json!({ "@type": "GeoCoordinates", "latitude": latitude, "longitude": longitude })
    });
    insert(&mut it, "geo", geo);
    Value::Object(it)
}

// The contact for the press is a role of the first host.
fn organizers(notice: &Notice, event: &Event) -> Vec<Value> {
    let names = if event.hosts.is_empty() { &notice.authors } else { &event.hosts };
    let mut organizers: Vec<Value> = names.iter().map(|name| organization(name)).collect();
    let contact = event.press.as_ref().and_then(|press| Some((press, press.email.as_ref()?)));
    if let (Some(Value::Object(first)), Some((press, email))) = (organizers.first_mut(), contact) {
        let point = json!({ "@type": "ContactPoint", "contactType": press.role, "email": email });
        first.insert("contactPoint".to_owned(), point);
    }
    organizers
}

fn organization(name: &str) -> Value {
    json!({ "@type": "Organization", "name": name })
}

fn filled(values: Vec<Value>) -> Option<Value> {
    (!values.is_empty()).then_some(Value::Array(values))
}

fn insert(map: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        map.insert(key.to_owned(), value);
    }
}

// `</script` and `<!--` end or change a script element wherever they stand (HTML, section 4.12.1.3).
fn in_script(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}
