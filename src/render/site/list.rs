//! List: every document of a catalog, with the stamp of all that its bytes follow from.
//!
//! Pure.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use crate::config::{List, When};
use crate::render::calendar;
use crate::render::feed::Format;
use crate::render::page::{Scheme, Topic};
use crate::render::signed;
use crate::render::site::{Catalog, Document, HOME_AHEAD, Members, PAGE_SIZE, What, closed_pages};

impl Catalog<'_> {
    /// Every document, each once.
    pub fn documents(&self) -> Vec<Document> {
        self.documents_but(|_, _| false).0
    }

    /// Every document, each once, but those of the notices that stand as they are: by their slots, whose page has
    /// that stamp. With it, how many these are.
    pub fn documents_but(&self, stands: impl Fn(usize, u64) -> bool) -> (Vec<Document>, usize) {
        let base = self.base();
        let mut documents = Vec::with_capacity(8 * self.members.len() + 64);
        let mut left_out = 0;
        for at in (0..self.revisions.len()).filter(|at| self.cards[*at].withdrawn.is_none()) {
            let stamp = self.notice_stamp(&base, at);
            let card = &self.cards[at];
            if stands(card.slot, stamp) {
                left_out += 1 + usize::from(card.span.is_some()) + 2 * usize::from(self.signing.is_some());
            } else {
                self.add_notice(&base, at, stamp, &mut documents);
            }
        }
        self.add_archives(&base, &mut documents);
        for members in &self.members {
            self.add_index(&base, members, &mut documents);
            self.add_feeds(&base, members, &mut documents);
        }
        self.add_others(&base, &mut documents);
        documents.extend(self.pictures.iter().map(|(path, picture)| Document {
            path: path.clone(),
            stamp: picture.stamp,
            what: What::Picture(picture.file.clone()),
        }));
        (documents, left_out)
    }

    // What every document follows from.
    fn base(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        let site = self.site;
        let texts = [
            env!("CARGO_PKG_VERSION"),
            self.style_path.as_str(),
            &site.title,
            &site.organization,
            &site.description,
            site.url.as_str(),
            &site.tag_domain,
            site.zone.name(),
            &site.lang,
            site.contact.as_deref().unwrap_or_default(),
            site.postal_address.as_deref().unwrap_or_default(),
            site.signed_by.as_deref().unwrap_or_default(),
            &site.hubs.join(" "),
        ];
        (self.templates.stamp(), texts).hash(&mut hasher);
        hasher
    }

    fn notice_stamp(&self, base: &DefaultHasher, at: usize) -> u64 {
        let mut hasher = base.clone();
        self.keys[at].hash(&mut hasher);
        self.relatives(at).for_each(|relative| self.keys[relative].hash(&mut hasher));
        hasher.finish()
    }

    fn add_notice(&self, base: &DefaultHasher, at: usize, stamp_of_page: u64, documents: &mut Vec<Document>) {
        let id = self.revisions[at].id();
        documents.push(Document {
            path: format!("notices/{id}/index.html"),
            stamp: stamp_of_page,
            what: What::Notice(id.clone()),
        });
        if self.cards[at].span.is_some() {
            let related: Vec<usize> = self.named_by(at).collect();
            documents.push(Document {
                path: format!("notices/{id}/event.ics"),
                stamp: stamp(base, &(self.keys[at], self.keys_of(&related))),
                what: What::Event(id.clone()),
            });
        }
        if self.signing.is_some() {
            let path = signed::text_path(id);
            let stamp = stamp(base, &self.keys[at]);
            documents.push(Document {
                path: format!("{path}{}", signed::SIGNATURE),
                stamp,
                what: What::Signature(id.clone()),
            });
            documents.push(Document { path, stamp, what: What::Text(id.clone()) });
        }
    }

    // A closed page never changes with what is new; only the last of them must learn of the one after it.
    fn add_index(&self, base: &DefaultHasher, members: &Members, documents: &mut Vec<Document>) {
        let topic = &members.topic;
        let closed = closed_pages(members.index.len());
        for (number, chunk) in members.index.chunks(PAGE_SIZE).take(closed).enumerate() {
            let number = number + 1;
            documents.push(Document {
                path: format!("{}index.html", topic.closed_path(number)),
                stamp: stamp(base, &(number, number == closed, topic.spelt(), self.keys_of(chunk))),
                what: What::Index(topic.clone(), Some(number)),
            });
        }
        let newest = &members.index[closed * PAGE_SIZE..];
        let ahead = self.keys_of(&self.ahead_of(members));
        let newest = (closed, members.actions.is_empty(), topic.spelt(), self.keys_of(newest), ahead);
        documents.push(Document {
            path: format!("{}index.html", topic.index_path()),
            stamp: stamp(base, &newest),
            what: What::Index(topic.clone(), None),
        });
    }

    // An archive that is not the newest changes only with what it holds.
    fn add_archives(&self, base: &DefaultHasher, documents: &mut Vec<Document>) {
        for (at, (month, positions)) in self.months.iter().enumerate() {
            let month_at = |at: Option<usize>| at.and_then(|at| self.months.get(at)).map(|(month, _)| *month);
            let beside = (month_at(at.checked_sub(1)), month_at(Some(at + 1)));
            let stamp = stamp(base, &(beside, self.keys_of_entries(positions)));
            for format in Format::ARCHIVED {
                documents.push(Document {
                    path: format!("{}.{}", month.path(), format.extension()),
                    stamp,
                    what: What::Archive(*month, format),
                });
            }
        }
    }

    fn add_feeds(&self, base: &DefaultHasher, members: &Members, documents: &mut Vec<Document>) {
        let topic = &members.topic;
        let entries = (self.keys_of_entries(self.selected(members)), self.keys_of(&members.tombstones));
        let newest = self.months.last().filter(|_| *topic == Topic::All).map(|(month, _)| month);
        let feed = stamp(base, &(topic.spelt(), entries, newest));
        for format in Format::ALL {
            documents.push(Document {
                path: format!("{}.{}", topic.feed_path(), format.extension()),
                stamp: feed,
                what: What::Feed(topic.clone(), format),
            });
        }
        if let Some(path) = self.calendar_path(members) {
            let related: Vec<usize> = members.actions.iter().flat_map(|at| self.named_by(*at)).collect();
            let keys = (self.keys_of(&members.actions), self.keys_of(&related));
            documents.push(Document {
                path: format!("{path}.{}", calendar::EXTENSION),
                stamp: stamp(base, &(topic.spelt(), keys)),
                what: What::Calendar(topic.clone()),
            });
        }
    }

    fn add_others(&self, base: &DefaultHasher, documents: &mut Vec<Document>) {
        let latest = self.latest();
        let shown = self.ahead.len().min(HOME_AHEAD);
        let ahead = (self.keys_of(&self.ahead[..shown]), self.ahead.len() > shown);
        let home = (self.keys_of(&latest), ahead, self.is_empty());
        let topics: Vec<(String, String, bool)> = self
            .topics()
            .iter()
            .map(|(topic, has)| (topic.feed_path(), topic.feed_title(self.site, self.words), *has))
            .collect();
        let lists: Vec<[String; 4]> = self.lists.iter().map(list_key).collect();
        let still = stamp(base, &());
        let topics = stamp(base, &topics);
        let others = [
            ("index.html", stamp(base, &home), What::Home),
            ("actions/index.html", stamp(base, &self.keys_of(&self.ahead)), What::Ahead),
            ("tags/index.html", topics, What::Names(Scheme::Tag)),
            ("campaigns/index.html", topics, What::Names(Scheme::Campaign)),
            ("subscribe/index.html", stamp(base, &(lists, &self.terms)), What::Subscribe),
            ("feeds/index.html", topics, What::Feeds),
            ("feeds.opml", topics, What::Opml),
            ("404.html", still, What::Missing),
            ("410.html", still, What::Gone),
            ("robots.txt", still, What::Robots),
            (self.style_path.as_str(), still, What::Style),
        ];
        documents.extend(others.map(|(path, stamp, what)| Document { path: path.to_owned(), stamp, what }));
        if let Some(signing) = &self.signing {
            let stamp = stamp(base, &signing.chain);
            let keys = [(signed::KEY_PATH, What::SigningKey), (signed::CHAIN_PATH, What::SigningChain)];
            documents.extend(keys.map(|(path, what)| Document { path: path.to_owned(), stamp, what }));
        }
    }
}

fn stamp(base: &DefaultHasher, inputs: &impl Hash) -> u64 {
    let mut hasher = base.clone();
    inputs.hash(&mut hasher);
    hasher.finish()
}

fn list_key(list: &List) -> [String; 4] {
    let when = match &list.when {
        When::AtOnce => "at once".to_owned(),
        When::Cut(cut) => cut.describe(),
    };
    let kinds: Vec<&str> = list.select.kinds.iter().map(|kind| kind.as_str()).collect();
    let remind: Vec<String> = list.remind.iter().map(|before| before.to_string()).collect();
    let selected = format!("{} {} {}", kinds.join(","), list.select.tags.join(","), remind.join(","));
    [list.title.clone(), list.description.clone(), when, selected]
}
