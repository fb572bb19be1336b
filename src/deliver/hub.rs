//! Hub: what a changed feed leads to: who subscribed to it gets it whole, and other hubs are told (W3C Recommendation
//! "WebSub", 23 January 2018).
//!
//! It runs where the documents are written, by the holder of the publisher's lease: nobody else has the bytes. What
//! is due stands in the ledger, so that a crash loses nothing; what is under way is known here alone, so that a crash
//! repeats it. An update is the document as it is then: of several changes the last one goes out.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::body::Bytes;
use axum::http::Method;
use axum::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LINK};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Notify, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use url::Url;

use crate::channel::site::{self, Manifest};
use crate::channel::target::guard::{Cidr, Guard, check_url};
use crate::channel::target::{Deadlines, Message, Poster};
use crate::clock::Clock;
use crate::config::Site;
use crate::deliver::{Counts, POSTS, REPAIR, RETRY};
use crate::delivery::{self, Answer, Next, Outcome, Standing};
use crate::ledger::Ledger;
use crate::ledger::hex;
use crate::ledger::hub::{Behind, Health, Taken, Untold, Unverified};
use crate::subscriber::Key;
use crate::websub::{self, After, Place, Verdict};

/// What tells those who want to know of a changed feed.
pub struct Courier {
    /// Whose feeds, and their hubs.
    pub site: Site,
    /// Where the documents are.
    pub folder: PathBuf,
    /// Hubs of others, which are told.
    pub hubs: Vec<String>,
    /// Networks of the operator's own that a hub or a subscriber may stand in.
    pub allow: Arc<[Cidr]>,
    /// What is due.
    pub ledger: Ledger,
    /// What opens where a subscriber is; none when this is no hub.
    pub key: Option<Key>,
    /// What time it is.
    pub clock: Clock,
    /// How it goes.
    pub counts: Arc<Counts>,
    /// What is published; none while another process publishes.
    pub topics: watch::Receiver<Option<Arc<Topics>>>,
    /// Somebody has asked to be told.
    pub wake: Arc<Notify>,
    /// When set, nothing new is begun, and what is under way comes again.
    pub stop: CancellationToken,
}

/// The feeds, by their paths under the site.
pub type Topics = BTreeMap<String, Topic>;

/// A feed as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    etag: String,
    content_type: String,
}

/// The feeds of a manifest.
pub fn topics(manifest: &Manifest) -> Topics {
    let feeds = manifest.documents.iter().filter(|(path, _)| websub::is_topic(path));
    feeds
        .map(|(path, entry)| {
            let topic = Topic { etag: entry.etag.clone(), content_type: entry.content_type.clone() };
            (path.clone(), topic)
        })
        .collect()
}

// Under way at once. Those who failed before have places of their own, so that who never answers delays nobody else.
const MOST_REQUESTS: usize = 8;
const MOST_UPDATES: usize = 48;
const MOST_FAILING: usize = 16;
const MOST_PINGS: usize = 4;

// How soon a request that another process took is seen, and what is to be tried again.
const IDLE: Duration = Duration::from_secs(1);

// Subscriptions whose lease has ended are taken out so often, documents left as they are.
const MARKED_FOR: TimeDelta = TimeDelta::hours(1);

const SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature");

const GONE: &str = "there is no such feed any more";

/// What is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Hand {
    Request(Vec<u8>, String),
    Update(Health, i64),
    Ping(String, String),
}

/// What something came to.
enum Done {
    Confirmed(Unverified),
    Refused(Unverified),
    VerifyAgain(Unverified, DateTime<Utc>),
    Taken { behind: Behind, sent: String, seen: String },
    DeliverAgain(Behind, DateTime<Utc>),
    Ended(Behind),
    Told { untold: Untold, seen: String },
    TellAgain(Untold, Option<DateTime<Utc>>),
}

/// Tells whoever is to be told, until `courier.stop`.
///
/// # Errors
/// When TLS cannot be set up.
pub fn start(courier: Courier) -> anyhow::Result<impl Future<Output = ()> + Send> {
    let poster = Poster::new(Deadlines::default(), []).context("prepare to tell of changed feeds")?;
    let round = Round {
        topics: courier.topics.clone(),
        desk: Arc::new(Desk { courier, poster }),
        works: JoinSet::new(),
        hands: HashMap::new(),
        marked: None,
    };
    Ok(round.run())
}

struct Round {
    desk: Arc<Desk>,
    topics: watch::Receiver<Option<Arc<Topics>>>,
    works: JoinSet<Done>,
    hands: HashMap<Id, Hand>,
    // What the ledger knows to be published, and since when.
    marked: Option<(Arc<Topics>, DateTime<Utc>)>,
}

struct Desk {
    courier: Courier,
    poster: Poster,
}

impl Round {
    async fn run(mut self) {
        let stop = self.desk.courier.stop.clone();
        while !stop.is_cancelled() {
            let wait = match self.begin_what_is_due().await {
                Ok(()) => IDLE,
                Err(err) => {
                    error!(error = format!("{err:#}"), "Telling of changed feeds failed and is tried again.");
                    RETRY
                }
            };
            tokio::select! {
                Some(first) = self.works.join_next_with_id() => self.settle(first).await,
                Ok(()) = self.topics.changed() => {}
                () = self.desk.courier.wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => {}
            }
        }
        // Whoever is waited for gets it again at the next start.
        self.works.shutdown().await;
    }

    async fn begin_what_is_due(&mut self) -> anyhow::Result<()> {
        let desk = Arc::clone(&self.desk);
        let courier = &desk.courier;
        let Some(topics) = self.topics.borrow_and_update().clone() else { return Ok(()) };
        let now = courier.clock.now();
        if !courier.ledger.trusts(&courier.clock).await? {
            return Ok(());
        }
        let is_marked = self
            .marked
            .as_ref()
            .is_some_and(|(marked, at)| Arc::ptr_eq(marked, &topics) && now - at < MARKED_FOR);
        if !is_marked {
            let known: Vec<(&str, &str)> =
                topics.iter().map(|(path, topic)| (path.as_str(), topic.etag.as_str())).collect();
            courier.ledger.mark_behind(&known, &courier.hubs, now).await?;
            self.marked = Some((Arc::clone(&topics), now));
        }
        if courier.ledger.held().await?.is_some() {
            return Ok(());
        }
        if let Some(key) = &courier.key {
            self.begin_requests(&desk, key, &topics, now).await?;
            for (health, most) in [(Health::Well, MOST_UPDATES), (Health::Failing, MOST_FAILING)] {
                self.begin_updates(&desk, key, &topics, health, most, now).await?;
            }
        }
        self.begin_pings(&desk, &topics, now).await
    }

    async fn begin_requests(
        &mut self,
        desk: &Arc<Desk>,
        key: &Key,
        topics: &Arc<Topics>,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let under_way = self.count(|hand| matches!(hand, Hand::Request(..)));
        let room = MOST_REQUESTS.saturating_sub(under_way);
        // Those under way are due, too.
        let due = desk.courier.ledger.unverified(most(MOST_REQUESTS + under_way), now).await?;
        let hand = |one: &Unverified| Hand::Request(one.callback.clone(), one.topic.clone());
        let due: Vec<_> = due.into_iter().filter(|one| self.is_free(&hand(one))).take(room).collect();
        for request in due {
            let (desk, key, topics, hand) =
                (Arc::clone(desk), key.clone(), Arc::clone(topics), hand(&request));
            self.begin(hand, async move { desk.verify(request, &key, &topics).await });
        }
        Ok(())
    }

    async fn begin_updates(
        &mut self,
        desk: &Arc<Desk>,
        key: &Key,
        topics: &Arc<Topics>,
        health: Health,
        places: usize,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let under_way = self.count(|hand| matches!(hand, Hand::Update(of, _) if *of == health));
        let room = places.saturating_sub(under_way);
        if room == 0 {
            return Ok(());
        }
        let due = desk.courier.ledger.behind(health, most(places + under_way), now).await?;
        let due: Vec<_> =
            due.into_iter().filter(|one| self.is_free(&Hand::Update(health, one.id))).take(room).collect();
        for behind in due {
            let (desk, key, topics) = (Arc::clone(desk), key.clone(), Arc::clone(topics));
            let hand = Hand::Update(health, behind.id);
            self.begin(hand, async move { desk.update(behind, &key, &topics).await });
        }
        Ok(())
    }

    async fn begin_pings(
        &mut self,
        desk: &Arc<Desk>,
        topics: &Arc<Topics>,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let under_way = self.count(|hand| matches!(hand, Hand::Ping(..)));
        let room = MOST_PINGS.saturating_sub(under_way);
        if desk.courier.hubs.is_empty() || room == 0 {
            return Ok(());
        }
        let due = desk.courier.ledger.untold(most(MOST_PINGS + under_way), now).await?;
        let hand = |one: &Untold| Hand::Ping(one.hub.clone(), one.topic.clone());
        let due: Vec<_> = due.into_iter().filter(|one| self.is_free(&hand(one))).take(room).collect();
        for untold in due {
            let (desk, hand) = (Arc::clone(desk), hand(&untold));
            let seen = topics.get(&untold.topic).map(|topic| topic.etag.clone()).unwrap_or_default();
            self.begin(hand, async move { desk.tell(untold, seen).await });
        }
        Ok(())
    }

    fn begin(&mut self, hand: Hand, work: impl Future<Output = Done> + Send + 'static) {
        let id = self.works.spawn(work).id();
        self.hands.insert(id, hand);
    }

    fn count(&self, is_it: impl Fn(&Hand) -> bool) -> usize {
        self.hands.values().filter(|hand| is_it(hand)).count()
    }

    fn is_free(&self, hand: &Hand) -> bool {
        !self.hands.values().any(|other| other == hand)
    }

    // With all the others that have ended: they share a commit.
    async fn settle(&mut self, first: Result<(Id, Done), JoinError>) {
        let mut ended = vec![first];
        ended.extend(std::iter::from_fn(|| self.works.try_join_next_with_id()));
        let (mut ids, mut done) = (Vec::new(), Vec::new());
        for one in ended {
            match one {
                Ok((id, one)) => {
                    ids.push(id);
                    done.push(one);
                }
                Err(err) => ids.push(err.id()),
            }
        }
        self.record(&done).await;
        self.hands.retain(|id, _| !ids.contains(id));
    }

    // Until it stands in the ledger: what is not written down would be sent again, and again.
    async fn record(&self, done: &[Done]) {
        let courier = &self.desk.courier;
        while let Err(err) = self.try_to_record(done).await {
            error!(error = format!("{err:#}"), "What a subscriber answered could not be written down.");
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = courier.stop.cancelled() => return,
            }
        }
    }

    // What stands there already is written once more without harm.
    async fn try_to_record(&self, done: &[Done]) -> anyhow::Result<()> {
        let (ledger, now) = (&self.desk.courier.ledger, self.desk.courier.clock.now());
        let mut taken = Vec::new();
        for one in done {
            match one {
                Done::Confirmed(request) => {
                    let due_at =
                        self.has_changed(&request.topic, &request.etag, &request.etag).then_some(now);
                    ledger.verified(request, due_at, now).await?;
                }
                Done::Refused(request) => ledger.refused(request).await?,
                Done::VerifyAgain(request, at) => ledger.verify_again(request, *at).await?,
                Done::Taken { behind, sent, seen } => {
                    let due_at = self.has_changed(&behind.topic, sent, seen).then_some(now);
                    taken.push(Taken { behind: behind.clone(), etag: sent.clone(), due_at });
                }
                Done::DeliverAgain(behind, at) => ledger.deliver_again(behind, *at).await?,
                Done::Ended(behind) => ledger.end_subscription(behind).await?,
                Done::Told { untold, seen } => {
                    let due_at = self.has_changed(&untold.topic, seen, seen).then_some(now);
                    ledger.told(untold, seen, due_at).await?;
                }
                Done::TellAgain(untold, at) => ledger.tell_again(untold, *at).await?,
            }
        }
        if taken.is_empty() { Ok(()) } else { ledger.delivered(&taken).await }
    }

    // Whether what is published is neither what was sent nor what was known when it was. Bytes that were newer than
    // that are known in a moment, and then everybody is looked at again.
    fn has_changed(&self, topic: &str, sent: &str, seen: &str) -> bool {
        let topics = self.topics.borrow();
        let etag = topics.as_ref().and_then(|topics| topics.get(topic)).map(|topic| topic.etag.as_str());
        etag != Some(sent) && etag != Some(seen)
    }
}

impl Desk {
    async fn verify(&self, mut request: Unverified, key: &Key, topics: &Topics) -> Done {
        request.attempts += 1;
        let Some((place, guard)) = self.open(key, &request.callback, &request.sealed) else {
            return Done::Refused(request);
        };
        let topic = self.courier.site.address(&request.topic);
        if !topics.contains_key(&request.topic) {
            self.deny(&place, &guard, &topic).await;
            return Done::Refused(request);
        }
        let Some(challenge) = challenge() else {
            let at = self.courier.clock.now() + REPAIR;
            return Done::VerifyAgain(request, at);
        };
        let url = websub::verification(&place.callback, request.mode, &topic, &challenge, request.lease);
        let (answer, said) = self.get(&url, &guard).await;
        let now = self.courier.clock.now();
        let verdict = websub::verdict(&answer, &said, &challenge, request.attempts, now);
        info!(
            topic = request.topic,
            mode = request.mode.word(),
            code = answer.code,
            ?verdict,
            "Who asked was asked back."
        );
        match verdict {
            Verdict::Confirmed => Done::Confirmed(request),
            Verdict::Refused => Done::Refused(request),
            Verdict::Again(at) => Done::VerifyAgain(request, at),
        }
    }

    async fn update(&self, mut behind: Behind, key: &Key, topics: &Topics) -> Done {
        let courier = &self.courier;
        let Some((place, guard)) = self.open(key, &behind.callback, &behind.sealed) else {
            return Done::DeliverAgain(behind, courier.clock.now() + REPAIR);
        };
        let address = courier.site.address(&behind.topic);
        let Some(topic) = topics.get(&behind.topic) else {
            self.deny(&place, &guard, &address).await;
            return Done::Ended(behind);
        };
        let body = match tokio::fs::read(courier.folder.join(&behind.topic)).await {
            Ok(body) => Bytes::from(body),
            Err(err) => {
                error!(topic = behind.topic, error = %err, "A feed cannot be read.");
                return Done::DeliverAgain(behind, courier.clock.now() + REPAIR);
            }
        };
        let (sent, seen) = (site::etag(&body), topic.etag.clone());
        if sent == behind.delivered {
            return Done::Taken { behind, sent, seen };
        }
        let headers = [
            (CONTENT_TYPE, topic.content_type.clone()),
            (LINK, websub::links(&courier.site.hubs, &address)),
            (SIGNATURE, websub::signature(&place.secret, &body)),
        ];
        let is_signed = !place.secret.is_empty();
        let headers = headers.into_iter().filter(|(name, _)| is_signed || *name != SIGNATURE);
        let message = Message { method: Method::POST, headers: header_map(headers), body };
        let answer = self.send(&place.callback, &guard, message).await.0;
        behind.failures += 1;
        let standing = Standing {
            attempts: behind.failures,
            expires_at: Some(behind.until),
            seed: u64::from_be_bytes(behind.id.to_be_bytes()),
            quiet: None,
        };
        let after = websub::after(&POSTS, &standing, &answer, courier.clock.now());
        let counts = &courier.counts;
        counts.add(match after {
            After::Taken => &counts.sent,
            After::Again(_) => &counts.deferred,
            After::Gone | After::Over => &counts.bounced,
        });
        match after {
            After::Taken => Done::Taken { behind, sent, seen },
            After::Again(at) => {
                info!(topic = behind.topic, code = answer.code, %at, "A subscriber did not take an update.");
                Done::DeliverAgain(behind, at)
            }
            After::Gone | After::Over => {
                info!(topic = behind.topic, code = answer.code, "A subscriber is given up.");
                Done::Ended(behind)
            }
        }
    }

    // §6 leaves it open how a hub is told; this is how all of them read it.
    async fn tell(&self, mut untold: Untold, seen: String) -> Done {
        untold.failures += 1;
        let topic = self.courier.site.address(&untold.topic);
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("hub.mode", "publish")
            .append_pair("hub.url", &topic)
            .append_pair("hub.topic", &topic)
            .finish();
        let (url, guard) = match check_url(&untold.hub, &self.courier.allow) {
            Ok(checked) => checked,
            Err(refusal) => {
                warn!(hub = origin(&untold.hub), %refusal, "A hub cannot be told.");
                return Done::TellAgain(untold, None);
            }
        };
        let headers = header_map([(CONTENT_TYPE, "application/x-www-form-urlencoded".to_owned())]);
        let message = Message { method: Method::POST, headers, body: form.into() };
        let answer = self.send(&url, &guard, message).await.0;
        if answer.outcome == Outcome::Sent {
            return Done::Told { untold, seen };
        }
        // Another seed for each hub is enough: its documents may well come together.
        let seed = untold.hub.bytes().fold(0, |seed: u64, byte| seed.rotate_left(8) ^ u64::from(byte));
        let standing = Standing { attempts: untold.failures, expires_at: None, seed, quiet: None };
        let at = match delivery::next(&POSTS, &standing, &answer, self.courier.clock.now()) {
            Next::Retry(at) => Some(at),
            Next::Done(_) => None,
        };
        warn!(hub = origin(&untold.hub), topic = untold.topic, code = answer.code, "A hub was not told.");
        Done::TellAgain(untold, at)
    }

    // None when there is nothing to open it with, or its network is forbidden since: an operator may repair either.
    fn open(&self, key: &Key, callback: &[u8], sealed: &[u8]) -> Option<(Place, Guard)> {
        let place = key.open_text(callback, sealed).ok().and_then(|text| Place::of_text(&text));
        let checked = place.and_then(|place| {
            let (_, guard) = check_url(place.callback.as_str(), &self.courier.allow).ok()?;
            Some((place, guard))
        });
        if checked.is_none() {
            warn!("A subscription to the hub cannot be read with this key and `allow`.");
        }
        checked
    }

    async fn deny(&self, place: &Place, guard: &Guard, topic: &str) {
        // Whatever they answer: it is so.
        self.get(&websub::denial(&place.callback, topic, GONE), guard).await;
    }

    async fn get(&self, url: &Url, guard: &Guard) -> (Answer, Vec<u8>) {
        let message = Message { method: Method::GET, headers: HeaderMap::new(), body: Bytes::new() };
        self.send(url, guard, message).await
    }

    async fn send(&self, url: &Url, guard: &Guard, message: Message) -> (Answer, Vec<u8>) {
        self.poster.send(url, guard, message, self.courier.clock.now()).await
    }
}

// 128 bits: nobody guesses it who has not been asked.
fn challenge() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(hex(&bytes))
}

// What cannot stand in a header is left out; of our own values none is such.
fn header_map(headers: impl IntoIterator<Item = (HeaderName, String)>) -> HeaderMap {
    let checked =
        headers.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::from_str(&value).ok()?)));
    checked.collect()
}

fn most(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Scheme, host and port: all of an address that a log or a table shows.
pub fn origin(address: &str) -> String {
    Url::parse(address).map_or(String::new(), |url| url.origin().ascii_serialization())
}
