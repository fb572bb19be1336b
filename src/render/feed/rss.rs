//! Rss: RSS 2.0 by its board's profile, written by rss, which escapes texts but does not clean them.
//!
//! Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rss::extension::atom::{AtomExtension, Link, NAMESPACE as ATOM};
use rss::extension::dublincore::DublinCoreExtension;
use rss::extension::{Extension, ExtensionMap};
use rss::{Category, Channel, Enclosure, Guid, Item};

use crate::config::Site;
use crate::render::feed::{self, Entry, Feed, Format, TTL_MINUTES, clean, contributors};
use crate::render::xml::escape_html;

pub(super) fn write(site: &Site, feed: &Feed<'_>, entries: &[Entry]) -> Vec<u8> {
    let channel = Channel {
        title: clean(&feed.title),
        link: site.address(&feed.page),
        description: clean(&site.description),
        language: Some(clean(&site.lang)),
        last_build_date: feed::updated(entries).map(date),
        generator: Some(concat!("Handbill ", env!("CARGO_PKG_VERSION")).to_owned()),
        ttl: Some(TTL_MINUTES.to_string()),
        items: entries.iter().map(|entry| item(site, entry)).collect(),
        atom_ext: Some(AtomExtension { links: links(site, feed) }),
        // The crate declares no prefix of an extension that it does not know.
        namespaces: BTreeMap::from([("atom".to_owned(), ATOM.to_owned())]),
        ..Channel::default()
    };
    // A write to memory does not fail.
    let mut xml = channel.pretty_write_to(Vec::new(), b' ', 1).unwrap_or_default();
    xml.push(b'\n');
    xml
}

fn links(site: &Site, feed: &Feed<'_>) -> Vec<Link> {
    let own = Link {
        href: site.address(&feed.document_path(Format::Rss)),
        rel: "self".to_owned(),
        mime_type: Some(Format::Rss.media_type().to_owned()),
        ..Link::default()
    };
    let hub = |hub: &String| Link { href: clean(hub), rel: "hub".to_owned(), ..Link::default() };
    [own].into_iter().chain(site.hubs.iter().map(hub)).collect()
}

fn item(site: &Site, entry: &Entry) -> Item {
    let other_language = (entry.said.notice.lang != site.lang).then(|| clean(&entry.said.notice.lang));
    Item {
        title: Some(entry.said.title.clone()),
        link: Some(entry.said.url.clone()),
        // Readers take a description for HTML.
        description: Some(escape_html(&entry.said.summary).into_owned()),
        content: Some(entry.said.content.clone()),
        guid: Some(Guid { value: entry.said.id.clone(), permalink: false }),
        enclosure: entry.enclosure.as_ref().map(enclosure),
        pub_date: Some(date(entry.said.published)),
        categories: entry.said.categories.iter().map(category).collect(),
        // RSS has no date of a change.
        extensions: atom_updated(entry.updated),
        // `author` would have to be a mail address.
        dublin_core_ext: Some(DublinCoreExtension {
            creators: entry.said.notice.authors.iter().map(|name| clean(name)).collect(),
            contributors: contributors(&entry.said.notice),
            languages: other_language.into_iter().collect(),
            ..DublinCoreExtension::default()
        }),
        ..Item::default()
    }
}

fn enclosure(file: &feed::Enclosure) -> Enclosure {
    Enclosure { url: file.url.clone(), length: file.length.clone(), mime_type: file.media_type.to_owned() }
}

fn category(category: &feed::Category) -> Category {
    Category { name: category.label.clone(), domain: Some(category.scheme.clone()) }
}

fn atom_updated(at: DateTime<Utc>) -> ExtensionMap {
    let updated = Extension {
        name: "atom:updated".to_owned(),
        value: Some(at.fixed_offset().to_rfc3339()),
        ..Extension::default()
    };
    BTreeMap::from([("atom".to_owned(), BTreeMap::from([("updated".to_owned(), vec![updated])]))])
}

// RFC 822 with a year of four digits, as the profile asks.
fn date(at: DateTime<Utc>) -> String {
    at.format("%a, %d %b %Y %H:%M:%S +0000").to_string()
}
