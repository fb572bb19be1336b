//! Atom: RFC 4287, written by `atom_syndication`, which escapes texts and attributes but cleans neither.
//!
//! Pure.

use std::collections::BTreeMap;

use atom_syndication::extension::Extension;
use atom_syndication::{
    Category, Content, Entry, Feed, FixedDateTime, Generator, Link, Person, Text, WriteConfig,
};
use chrono::{DateTime, SecondsFormat, Utc};

use crate::config::Site;
use crate::render::feed::{self, Format, Named, Tombstone, clean, contributors, feed_id};
use crate::render::signed;
use crate::render::xml::escape_html;

pub(super) fn write(
    site: &Site,
    feed: &feed::Feed<'_>,
    entries: &[feed::Entry],
    tombstones: &[Tombstone],
) -> Vec<u8> {
    let latest = feed::updated(entries).into_iter().chain(tombstones.iter().map(|it| it.at)).max();
    let document = Feed {
        title: Text::plain(clean(&feed.title)),
        subtitle: Some(Text::plain(clean(&site.description))),
        id: feed_id(site, feed),
        // RFC 4287 §4.1.1 asks for one in an empty feed too.
        updated: date(latest.unwrap_or(DateTime::UNIX_EPOCH)),
        authors: vec![person(&site.organization)],
        generator: Some(Generator {
            value: "Handbill".to_owned(),
            uri: None,
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        }),
        links: feed_links(site, feed),
        lang: Some(clean(&site.lang)),
        entries: entries.iter().map(|entry| atom_entry(site, entry)).collect(),
        ..Feed::default()
    };
    let config = WriteConfig { write_document_declaration: true, indent_size: Some(1) };
    // A write to memory does not fail.
    let mut xml = document.write_with_config(Vec::new(), config).unwrap_or_default();
    xml.push(b'\n');
    with_extensions(xml, feed.chain.current.is_some(), tombstones)
}

fn feed_links(site: &Site, feed: &feed::Feed<'_>) -> Vec<Link> {
    let document = |path: &str| site.address(&format!("{path}.{}", Format::Atom.extension()));
    let own = [
        link("self", document(&feed.path), Format::Atom.media_type()),
        link("alternate", site.address(&feed.page), "text/html"),
    ];
    let chain = [
        ("current", &feed.chain.current),
        ("prev-archive", &feed.chain.prev),
        ("next-archive", &feed.chain.next),
    ];
    let chain = chain.into_iter().filter_map(|(rel, path)| {
        path.as_ref().map(|path| link(rel, document(path), Format::Atom.media_type()))
    });
    // An archive is not what people subscribe to.
    let hubs = site.hubs.iter().filter(|_| feed.chain.current.is_none());
    let hub = |hub: &String| Link { href: clean(hub), rel: "hub".to_owned(), ..Link::default() };
    own.into_iter().chain(hubs.map(hub)).chain(chain).collect()
}

// The crate writes extensions behind the entries, where RFC 4287's schema allows none; RFC 6721 §3 puts them beside.
fn with_extensions(xml: Vec<u8>, is_archive: bool, tombstones: &[Tombstone]) -> Vec<u8> {
    if tombstones.is_empty() && !is_archive {
        return xml;
    }
    let archive = if is_archive { format!("<fh:archive xmlns:fh=\"{HISTORY}\"/>\n ") } else { String::new() };
    let one = |stone: &Tombstone| {
        let (id, when) = (escape_html(&stone.id), stone.at.to_rfc3339_opts(SecondsFormat::Secs, true));
        format!("<at:deleted-entry xmlns:at=\"{TOMBSTONES}\" ref=\"{id}\" when=\"{when}\"/>\n ")
    };
    let stones: String = tombstones.iter().map(one).collect();
    // What stands in texts is escaped, so this is the first entry, or the end.
    let is_there = |tag: &'static [u8]| xml.windows(tag.len()).position(|piece| piece == tag);
    let Some(at) = is_there(b"<entry>").or_else(|| is_there(b"</feed>")) else { return xml };
    [&xml[..at], archive.as_bytes(), stones.as_bytes(), &xml[at..]].concat()
}

// RFC 5005 §2.
const HISTORY: &str = "http://purl.org/syndication/history/1.0";

// RFC 6721 §2.
const TOMBSTONES: &str = "http://purl.org/atompub/tombstones/1.0";

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
        links: entry_links(site, entry),
        // As HTML, like the content: rss2email mails a plain text alone where it finds one, without when and where.
        summary: Some(Text { lang: lang.clone(), ..Text::html(escape_html(&entry.said.summary)) }),
        content: Some(Content {
            lang: lang.clone(),
            value: Some(entry.said.content.clone()),
            content_type: Some("html".to_owned()),
            ..Content::default()
        }),
        extensions: entry.replaces.iter().map(in_reply_to).collect(),
        ..Entry::default()
    }
}

// RFC 4685 §3. The crate declares no prefix and escapes no attribute of an extension.
fn in_reply_to(named: &Named) -> (String, BTreeMap<String, Vec<Extension>>) {
    let attributes = [
        ("xmlns:thr".to_owned(), "http://purl.org/syndication/thread/1.0".to_owned()),
        ("ref".to_owned(), escape_html(&named.id).into_owned()),
        ("href".to_owned(), escape_html(&named.url).into_owned()),
        ("type".to_owned(), "text/html".to_owned()),
    ];
    let element = Extension {
        name: "thr:in-reply-to".to_owned(),
        attrs: attributes.into_iter().collect(),
        ..Extension::default()
    };
    ("thr".to_owned(), [("in-reply-to".to_owned(), vec![element])].into_iter().collect())
}

fn entry_links(site: &Site, entry: &feed::Entry) -> Vec<Link> {
    let enclosure = entry.enclosure.as_ref().map(|file| Link {
        length: Some(file.length.clone()),
        ..link("enclosure", file.url.clone(), file.media_type)
    });
    let alternate = link("alternate", entry.said.url.clone(), "text/html");
    // RFC 5829 §3: the one before it.
    let replaces =
        entry.replaces.iter().map(|named| link("predecessor-version", named.url.clone(), "text/html"));
    let next = entry.next.iter().map(|named| link("related", named.url.clone(), "text/html"));
    let is_signed = site.signed_by.is_some() && entry.said.notice.withdrawn.is_none();
    let signed = is_signed.then(|| site.address(&signed::text_path(&entry.said.notice.id))).into_iter();
    let signed = signed.flat_map(|text| {
        let signature = format!("{text}{}", signed::SIGNATURE);
        [link("alternate", text, "text/plain"), link("related", signature, "text/plain")]
    });
    [alternate].into_iter().chain(enclosure).chain(replaces).chain(next).chain(signed).collect()
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
