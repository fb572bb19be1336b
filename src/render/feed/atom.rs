//! Atom: RFC 4287, written by `atom_syndication`, which escapes texts and attributes but cleans neither.
//!
//! Pure.

use atom_syndication::{
    Category, Content, Entry, Feed, FixedDateTime, Generator, Link, Person, Text, WriteConfig,
};
use chrono::{DateTime, Utc};

use crate::config::Site;
use crate::render::feed::{self, Format, clean, contributors, feed_id};

pub(super) fn write(site: &Site, feed: &feed::Feed<'_>, entries: &[feed::Entry]) -> Vec<u8> {
    let document = Feed {
        title: Text::plain(clean(&feed.title)),
        subtitle: Some(Text::plain(clean(&site.description))),
        id: feed_id(site, feed),
        // RFC 4287 §4.1.1 asks for one in an empty feed too.
        updated: date(feed::updated(entries).unwrap_or(DateTime::UNIX_EPOCH)),
        authors: vec![person(&site.organization)],
        generator: Some(Generator {
            value: "Handbill".to_owned(),
            uri: None,
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        }),
        links: vec![
            link("self", site.address(&feed.document_path(Format::Atom)), Format::Atom.media_type()),
            link("alternate", site.address(&feed.page), "text/html"),
        ],
        lang: Some(clean(&site.lang)),
        entries: entries.iter().map(|entry| atom_entry(site, entry)).collect(),
        ..Feed::default()
    };
    let config = WriteConfig { write_document_declaration: true, indent_size: Some(1) };
    // A write to memory does not fail.
    let mut xml = document.write_with_config(Vec::new(), config).unwrap_or_default();
    xml.push(b'\n');
    xml
}

fn atom_entry(site: &Site, entry: &feed::Entry) -> Entry {
    // The crate knows no xml:lang of an entry; its texts carry it.
    let lang = (entry.said.notice.lang != site.lang).then(|| clean(&entry.said.notice.lang));
    let text = |value: &str| Text { lang: lang.clone(), ..Text::plain(value) };
    Entry {
        title: text(&entry.said.title),
        id: entry.said.id.clone(),
        updated: date(entry.updated),
        published: Some(date(entry.said.published)),
        authors: entry.said.notice.authors.iter().map(|name| person(name)).collect(),
        contributors: contributors(&entry.said.notice).iter().map(|name| person(name)).collect(),
        categories: entry.said.categories.iter().map(category).collect(),
        links: entry_links(entry),
        summary: Some(text(&entry.said.summary)),
        content: Some(Content {
            lang: lang.clone(),
            value: Some(entry.said.content.clone()),
            content_type: Some("html".to_owned()),
            ..Content::default()
        }),
        ..Entry::default()
    }
}

fn entry_links(entry: &feed::Entry) -> Vec<Link> {
    let enclosure = entry.enclosure.as_ref().map(|file| Link {
        length: Some(file.length.clone()),
        ..link("enclosure", file.url.clone(), file.media_type)
    });
    let alternate = link("alternate", entry.said.url.clone(), "text/html");
    [alternate].into_iter().chain(enclosure).collect()
}

fn category(category: &feed::Category) -> Category {
    Category {
        term: category.term.clone(),
        scheme: Some(category.scheme.clone()),
        label: Some(category.label.clone()),
    }
}

fn link(rel: &str, href: String, media_type: &str) -> Link {
    Link { href, rel: rel.to_owned(), mime_type: Some(media_type.to_owned()), ..Link::default() }
}

// Groups and roles; an address of a person never stands in a feed.
fn person(name: &str) -> Person {
    Person { name: clean(name), ..Person::default() }
}

fn date(at: DateTime<Utc>) -> FixedDateTime {
    at.fixed_offset()
}
