//! Json: JSON Feed 1.1.
//!
//! Pure.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::config::Site;
use crate::render::feed::{self, Entry, Feed, Format, image_address};

#[derive(Serialize)]
struct Document<'a> {
    version: &'static str,
    title: &'a str,
    home_page_url: String,
    feed_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_url: Option<String>,
    description: &'a str,
    authors: Vec<Author<'a>>,
    language: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hubs: Vec<Hub<'a>>,
    items: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    id: &'a str,
    url: &'a str,
    title: &'a str,
    content_html: &'a str,
    summary: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    date_published: String,
    date_modified: String,
    authors: Vec<Author<'a>>,
    tags: Vec<&'a str>,
    language: &'a str,
}

#[derive(Serialize)]
struct Hub<'a> {
    r#type: &'static str,
    url: &'a str,
}

#[derive(Serialize)]
struct Author<'a> {
    name: &'a str,
}

pub(super) fn write(site: &Site, feed: &Feed<'_>, entries: &[Entry]) -> Vec<u8> {
    let document = Document {
        version: "https://jsonfeed.org/version/1.1",
        title: &feed.title,
        home_page_url: site.address(&feed.page),
        feed_url: site.address(&feed.document_path(Format::Json)),
        next_url: feed
            .chain
            .prev
            .as_ref()
            .map(|path| site.address(&format!("{path}.{}", Format::Json.extension()))),
        description: &site.description,
        authors: vec![Author { name: &site.organization }],
        language: &site.lang,
        hubs: site.hubs.iter().map(|url| Hub { r#type: "WebSub", url }).collect(),
        items: entries.iter().map(|entry| item(site, entry)).collect(),
    };
    // Names and texts alone: nothing that JSON could refuse.
    let mut json = serde_json::to_vec_pretty(&document).unwrap_or_default();
    json.push(b'\n');
    json
}

fn item<'a>(site: &Site, entry: &'a Entry) -> Item<'a> {
    Item {
        id: &entry.said.id,
        url: &entry.said.url,
        title: &entry.said.title,
        content_html: &entry.said.content,
        summary: &entry.said.summary,
        image: image_address(site, &entry.said.notice),
        date_published: date(entry.said.published),
        date_modified: date(entry.updated),
        authors: entry.said.notice.authors.iter().map(|name| Author { name }).collect(),
        tags: entry.said.categories.iter().map(|category: &feed::Category| category.label.as_str()).collect(),
        language: &entry.said.notice.lang,
    }
}

fn date(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
