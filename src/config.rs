//! Config: what the operator decided, `handbill.toml`.
//!
//! Pure but for the names of IP addresses, which it parses.

mod mail; // how mail is sent, signed and taken back
mod websub; // which hubs say when a feed changes

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use url::Url;

use crate::fields::{self, ByLanguage, Fields, Placed, Problems};
use crate::notice::parse::Defaults;
use crate::notice::{KindName, Notice, Tag, slug};
use crate::problem::Report;
use crate::schedule::cut::Cut;
use crate::schedule::quiet::Quiet;
use crate::schedule::reminder::Before;
use crate::schedule::zone::{self, Zone};

/// All of `handbill.toml`.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who publishes, and where.
    pub site: Site,
    /// How mail goes out.
    pub mail: Mail,
    /// What people subscribe to, titled in the site's language.
    pub lists: Vec<List>,
    /// The titles of lists in other languages.
    pub list_titles: Vec<ListTitle>,
    /// What gets signed posts.
    pub targets: Vec<Target>,
    /// How people subscribe.
    pub subscribe: Subscribe,
    /// Which hubs say when a feed changes.
    pub websub: WebSub,
    /// Entries in a subscription document beside those of the last 14 days.
    pub feed_entries: usize,
    /// Where `serve` listens, `127.0.0.1:8080`.
    pub listen: String,
    /// Where `serve` answers with metrics; else nowhere.
    pub metrics: Option<String>,
    /// Proxies whose X-Forwarded-For is believed.
    pub proxies: Vec<IpAddr>,
    /// Where the record is: a `postgres://` address, or none for SQLite in the data folder.
    pub database_url: Option<String>,
    /// Where the record, the outbox and the built documents are, relative to the file.
    pub data: PathBuf,
    /// Where the key of the sealed addresses is, relative to the file; never in `data`.
    pub key_file: PathBuf,
}

/// Who publishes, and where.
#[derive(Debug, Clone)]
pub struct Site {
    /// `Notices of the council`
    pub title: String,
    /// `Metropolitan Anarchist Coordinating Council`
    pub organization: String,
    /// One or two sentences.
    pub description: String,
    /// Where the pages stand, with a slash at the end.
    pub url: Url,
    /// The domain in every tag URI, for ever.
    pub tag_domain: String,
    /// The zone of `publish_at`, cuts and quiet hours.
    pub zone: Zone,
    /// BCP 47.
    pub lang: String,
    /// A role's address that people can write to.
    pub contact: Option<String>,
    /// For the foot of mails, where a law asks for it.
    pub postal_address: Option<String>,
    /// The public key that signs what is published, as minisign writes it in one line; not the operator's to write,
    /// it comes from the key.
    pub signed_by: Option<String>,
    /// The addresses of the hubs that say when a feed changes, the own one first.
    pub hubs: Vec<String>,
}

/// Which hubs say when a feed changes (W3C Recommendation "WebSub", 23 January 2018).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebSub {
    /// Whether `serve` is one.
    pub own: bool,
    /// Those of others, which are told.
    pub hubs: Vec<String>,
    /// Networks of the operator's own that a hub or a subscriber may stand in, as CIDR.
    pub allow: Vec<String>,
}

/// How mail goes out.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The sender's name.
    pub from_name: String,
    /// The sender's address.
    pub from_address: String,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// What takes the bytes.
    pub transport: Transport,
    /// How mails are signed; none leaves it to the relay.
    pub dkim: Option<Dkim>,
    /// Where what comes back goes.
    pub returns: Returns,
}

/// How mails are signed (RFC 6376): by one key or both.
#[derive(Debug, Clone)]
pub struct Dkim {
    /// The domain that signs: that of `from`, or one above it.
    pub domain: String,
    /// The RSA key.
    pub rsa: Option<DkimKey>,
    /// The Ed25519 key.
    pub ed25519: Option<DkimKey>,
}

/// A key to sign with.
#[derive(Debug, Clone)]
pub struct DkimKey {
    /// Names its record in DNS.
    pub selector: String,
    /// Where it is, relative to the file.
    pub file: PathBuf,
}

/// Where what comes back goes: bounces, complaints, and wishes to leave by mail.
#[derive(Debug, Clone, Default)]
pub struct Returns {
    /// Gets the bounces, with a token put behind a `+`; without it they go to the sender's address.
    pub return_path: Option<String>,
    /// Gets complaints (RFC 5965).
    pub complaints: Option<String>,
    /// Gets wishes to leave, with a token put behind a `+`; when it is set, mails name it in List-Unsubscribe.
    pub leave: Option<String>,
    /// Where to listen for them.
    pub listen: Option<Listen>,
}

/// Where to listen for mail, and what is spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// `127.0.0.1:2424`
    pub address: String,
    /// What is spoken.
    pub protocol: Protocol,
}

/// What is spoken to a listener for mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// RFC 2033: an answer for each recipient.
    Lmtp,
    /// RFC 5321: one answer for all.
    Smtp,
}

/// What takes the bytes of a mail.
#[derive(Debug, Clone)]
pub enum Transport {
    /// A file a message, in the data folder: the default until SMTP is configured.
    Outbox,
    /// A relay.
    Smtp(Smtp),
}

/// A relay.
#[derive(Debug, Clone)]
pub struct Smtp {
    /// Name or address.
    pub host: String,
    /// 587, 465 or 25.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// Who we are to the relay.
    pub user: Option<String>,
    /// Where the password is.
    pub password_file: Option<PathBuf>,
    /// A certificate authority beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Connections at a time.
    pub connections: usize,
    /// Mails a minute at most; none for no limit.
    pub per_minute: Option<u32>,
    /// The name in EHLO.
    pub hello: String,
}

/// How a connection to a relay is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Not at all: a relay on this machine.
    None,
    /// STARTTLS, or no mail.
    StartTls,
    /// TLS from the first byte.
    Tls,
}

/// What people subscribe to.
#[derive(Debug, Clone)]
pub struct List {
    /// Its name for ever.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// What it sends, and how often.
    pub description: String,
    /// What it carries.
    pub select: Select,
    /// When it goes out.
    pub when: When,
    /// How long before an action's start it reminds.
    pub remind: Vec<Before>,
    /// When it does not go out.
    pub quiet: Option<Quiet>,
    /// The list whose issues a subscriber may choose instead of this one's alerts.
    pub digest: Option<String>,
}

/// How people subscribe: the caps keep a stranger from having others' mailboxes filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// Confirmations in an hour at most.
    pub per_hour: u32,
    /// Confirmations in an hour at most to the addresses of one domain.
    pub per_domain_per_hour: u32,
    /// Requests in an hour at most from one network.
    pub per_network_per_hour: u32,
}

impl Default for Subscribe {
    fn default() -> Self {
        Self {
            // A hall full of people who all sign up during an assembly, and some.
            per_hour: 1_000,
            // 4,800 a day: Gmail counts who sends 5,000 a day as a bulk sender.
            per_domain_per_hour: 200,
            // The same hall behind one address; the caps above hold whoever asks from wherever.
            per_network_per_hour: 240,
        }
    }
}

/// What a list is called in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListTitle {
    /// The list's name.
    pub list: String,
    /// Which language, BCP 47.
    pub lang: String,
    /// What people call it; none for what the list says itself.
    pub title: Option<String>,
    /// What it sends, and how often; none likewise.
    pub description: Option<String>,
}

/// What gets signed posts.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name for ever.
    pub name: String,
    /// Where it listens.
    pub url: String,
    /// Where the secrets are, one `whsec_…` a line; the first is the newest.
    pub secret_file: PathBuf,
    /// What it gets.
    pub select: Select,
    /// How long before an action's start it is reminded.
    pub remind: Vec<Before>,
    /// Networks of the operator's own that it may stand in, as CIDR.
    pub allow: Vec<String>,
    /// Posts a minute at most.
    pub per_minute: u32,
}

/// When a list goes out.
#[derive(Debug, Clone)]
pub enum When {
    /// With each notice.
    AtOnce,
    /// With all that has come, at a cut.
    Cut(Box<Cut>),
}

/// Which notices: of any of the kinds, and with any of the tags when there are some.
#[derive(Debug, Clone, Default)]
pub struct Select {
    /// All kinds when empty.
    pub kinds: Vec<KindName>,
    /// Slugs; all notices when empty.
    pub tags: Vec<String>,
}

/// Where the own hub is under the site.
pub const HUB: &str = "hub";

impl Select {
    /// Whether every notice that `other` takes is among them.
    pub fn covers(&self, other: &Self) -> bool {
        let within = |mine: bool, theirs: bool, all: bool| mine || !theirs && all;
        let kinds = other.kinds.iter().all(|kind| self.kinds.contains(kind));
        let tags = other.tags.iter().all(|tag| self.tags.contains(tag));
        within(self.kinds.is_empty(), other.kinds.is_empty(), kinds)
            && within(self.tags.is_empty(), other.tags.is_empty(), tags)
    }

    /// Whether a notice is among them.
    pub fn takes(&self, notice: &Notice) -> bool {
        let kind = self.kinds.is_empty() || self.kinds.contains(&notice.kind_name());
        let tag = self.tags.is_empty() || notice.tags.iter().any(|tag| self.tags.contains(&tag.slug));
        kind && tag
    }
}

impl Site {
    /// What a notice takes from its site.
    pub fn defaults(&self) -> Defaults {
        Defaults {
            base_url: self.url.clone(),
            zone: self.zone.clone(),
            lang: self.lang.clone(),
            author: self.organization.clone(),
        }
    }

    /// The language of a reader, BCP 47: their own, or the site's when they named none.
    pub fn lang_of<'a>(&'a self, own: &'a str) -> &'a str {
        if own.is_empty() { &self.lang } else { own }
    }

    /// The address of a path under the site.
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The address of a notice's page.
    pub fn notice_address(&self, id: &crate::notice::NoticeId) -> String {
        self.address(&format!("notices/{id}/"))
    }
}

impl Config {
    /// The list of that name.
    pub fn list(&self, name: &str) -> Option<&List> {
        self.lists.iter().find(|list| list.name == name)
    }

    /// The list of that name, titled in a language when the operator gave it one there.
    pub fn list_in(&self, name: &str, lang: &str) -> Option<List> {
        let mut list = self.list(name)?.clone();
        let of_it = self.list_titles.iter().filter(|title| title.list == name);
        for own in of_it.filter(|title| title.lang.eq_ignore_ascii_case(lang)) {
            list.title = own.title.clone().unwrap_or(list.title);
            list.description = own.description.clone().unwrap_or(list.description);
        }
        Some(list)
    }

    /// All lists, titled likewise.
    pub fn lists_in(&self, lang: &str) -> Vec<List> {
        self.lists.iter().filter_map(|list| self.list_in(&list.name, lang)).collect()
    }

    /// The target of that name.
    pub fn target(&self, name: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.name == name)
    }
}

/// Reads `handbill.toml`: the config when it has no errors, and all its problems.
pub fn parse(path: &str, source: &str) -> (Option<Config>, Report) {
    let problems = Problems::default();
    let config = {
        let document = fields::parse_document(source, &problems);
        read(Fields::new(document.get_ref(), 0..0, &problems))
    };
    let report = Report::new(path, source, problems.into_vec());
    (config.filter(|_| !report.has_errors()), report)
}

fn read(fields: Fields<'_>) -> Option<Config> {
    fields.required("site", "a table [site] with title, organization, url and zone");
    let site = fields.table("site").and_then(read_site);
    let zone = site.as_ref().map(|site| site.zone.clone()).or_else(|| Zone::find("UTC"))?;
    let mail = match fields.table("mail") {
        Some(table) => mail::read(table, site.as_ref()),
        None => {
            fields.required("mail", "a table [mail] with from = \"Name <notices@example.org>\"");
            None
        }
    };
    let lang = site.as_ref().map_or("en", |site| &site.lang);
    let read: Vec<(List, Vec<ListTitle>)> =
        fields.tables("list").into_iter().filter_map(|table| read_list(table, &zone, lang)).collect();
    let (lists, list_titles): (Vec<List>, Vec<Vec<ListTitle>>) = read.into_iter().unzip();
    let list_titles = list_titles.concat();
    let targets: Vec<Target> = fields.tables("target").into_iter().filter_map(read_target).collect();
    check_names(&fields, &lists, &targets);
    check_digests(&fields, &lists);
    let subscribe = fields.table("subscribe").map(read_subscribe).unwrap_or_default();
    let websub = fields.table("websub").map(websub::read).unwrap_or_default();
    let feed_entries = fields.table("feeds").and_then(|table| {
        let entries = table.integer("entries");
        table.finish();
        entries
    });
    let web = fields.table("web").map(read_web).unwrap_or_default();
    let ledger = fields.table("ledger");
    let database_url = ledger.as_ref().and_then(|table| table.line("url"));
    let data = ledger.as_ref().and_then(|table| table.line("data"));
    let key_file = ledger.as_ref().and_then(|table| table.line("key_file"));
    if let Some(table) = ledger {
        table.finish();
    }
    fields.finish();
    let mut site = site?;
    site.hubs =
        websub.own.then(|| site.address(HUB)).into_iter().chain(websub.hubs.iter().cloned()).collect();
    Some(Config {
        site,
        mail: mail?,
        lists,
        list_titles,
        targets,
        subscribe,
        websub,
        feed_entries: feed_entries
            .map_or(30, |placed| usize::try_from(placed.value).unwrap_or(30).clamp(1, 200)),
        listen: web.listen.unwrap_or_else(|| "127.0.0.1:8080".to_owned()),
        metrics: web.metrics,
        // Whoever is on this machine already can do more than to say who asks.
        proxies: web.proxies.unwrap_or_else(|| vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]),
        database_url: database_url.map(|line| line.value),
        data: data.map_or("data".to_owned(), |line| line.value).into(),
        key_file: key_file.map_or("handbill.key".to_owned(), |line| line.value).into(),
    })
}

fn read_site(table: Fields<'_>) -> Option<Site> {
    let title = table.required_line("title", "\"…\"");
    let organization = table.required_line("organization", "\"…\"");
    let description = table.line("description");
    let lang = table.line("lang");
    let url = table.required_line("url", "\"https://notices.example.org/\"");
    let contact = table.line("contact").and_then(|line| checked_address(&table, line));
    let postal_address = table.line("postal_address");
    let zone = table.required_line("zone", "\"America/New_York\"").and_then(|line| {
        let found = Zone::find(&line.value);
        if found.is_none() {
            let help = zone::suggest(&line.value)
                .map_or("write an IANA name such as America/New_York".to_owned(), |near| {
                    format!("did you mean {near}?")
                });
            table.error(line.span, format!("no time zone is called {}", line.value), help);
        }
        found
    });
    let url = url.and_then(|line| read_base(&table, line));
    let tag_domain = table.line("tag_domain").map(|line| line.value);
    table.finish();
    let url = url?;
    let tag_domain =
        tag_domain.or_else(|| url.domain().map(str::to_owned)).unwrap_or_else(|| "localhost".to_owned());
    let title = title?.value;
    Some(Site {
        description: description.map_or(title.clone(), |line| line.value),
        title,
        organization: organization?.value,
        url,
        tag_domain,
        zone: zone?,
        lang: lang.map_or("en".to_owned(), |line| line.value),
        contact,
        postal_address: postal_address.map(|line| line.value),
        signed_by: None,
        hubs: Vec::new(),
    })
}

fn read_base(table: &Fields<'_>, line: Placed<String>) -> Option<Url> {
    let slashed = if line.value.ends_with('/') { line.value.clone() } else { format!("{}/", line.value) };
    match Url::parse(&slashed) {
        Ok(url)
            if matches!(url.scheme(), "http" | "https")
                && url.query().is_none()
                && url.fragment().is_none() =>
        {
            Some(url)
        }
        Ok(_) | Err(_) => {
            table.error(
                line.span,
                "`url` is not where pages can stand",
                "write it whole, such as https://notices.example.org/",
            );
            None
        }
    }
}

fn checked_address(table: &Fields<'_>, line: Placed<String>) -> Option<String> {
    if line.value.parse::<lettre::Address>().is_ok() {
        return Some(line.value);
    }
    table.error(
        line.span,
        format!("{} is not a mail address", line.value),
        "write one such as hello@example.org",
    );
    None
}

fn read_number(table: &Fields<'_>, key: &'static str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
    let number = table.integer(key)?;
    if range.contains(&number.value) {
        return Some(number.value);
    }
    table.error(
        number.span,
        format!("`{key}` is out of range"),
        format!("write a number from {} to {}", range.start(), range.end()),
    );
    None
}

fn read_list(table: Fields<'_>, zone: &Zone, lang: &str) -> Option<(List, Vec<ListTitle>)> {
    let name = read_name(&table);
    let titles = table.line_by_language("title");
    let descriptions = table.line_by_language("description");
    let select = read_select(&table);
    table.required("when", "\"at once\", or a cron line such as \"0 9 * * MON\"");
    let when = table.line("when").and_then(|line| match line.value.as_str() {
        "at once" => Some(When::AtOnce),
        cron => match Cut::parse(cron, zone) {
            Ok(cut) => Some(When::Cut(Box::new(cut))),
            Err(wrong) => {
                table.error(line.span, wrong, "");
                None
            }
        },
    });
    let remind = read_remind(&table);
    let quiet = table.line("quiet").and_then(|line| match Quiet::parse(&line.value, zone) {
        Ok(quiet) => Some(quiet),
        Err(wrong) => {
            table.error(line.span, wrong, "");
            None
        }
    });
    let digest = table.line("digest").map(|line| line.value);
    table.finish();
    let name = name?;
    let others = list_titles(&name, &titles, &descriptions);
    let list = List {
        title: in_language(titles, lang).unwrap_or_else(|| name.clone()),
        description: in_language(descriptions, lang).unwrap_or_default(),
        name,
        select,
        when: when?,
        remind,
        quiet,
        digest,
    };
    Some((list, others))
}

// What is said in no language in particular, in that one, or in the one that comes first.
fn in_language(lines: Vec<ByLanguage>, lang: &str) -> Option<String> {
    let primary = |tag: &str| tag.split('-').next().map(str::to_ascii_lowercase);
    let is_it = |line: &ByLanguage| line.lang.is_empty() || primary(&line.lang) == primary(lang);
    let at = lines.iter().position(is_it).unwrap_or(0);
    lines.into_iter().nth(at).map(|line| line.text.value)
}

fn list_titles(name: &str, titles: &[ByLanguage], descriptions: &[ByLanguage]) -> Vec<ListTitle> {
    let text = |lines: &[ByLanguage], lang: &str| {
        lines.iter().find(|line| line.lang == lang).map(|line| line.text.value.clone())
    };
    let mut langs: Vec<&str> = titles.iter().chain(descriptions).map(|line| line.lang.as_str()).collect();
    langs.retain(|lang| !lang.is_empty());
    langs.sort_unstable();
    langs.dedup();
    langs
        .into_iter()
        .map(|lang| ListTitle {
            list: name.to_owned(),
            lang: lang.to_owned(),
            title: text(titles, lang),
            description: text(descriptions, lang),
        })
        .collect()
}

#[derive(Default)]
struct Web {
    listen: Option<String>,
    metrics: Option<String>,
    proxies: Option<Vec<IpAddr>>,
}

fn read_web(table: Fields<'_>) -> Web {
    let listen = table.line("listen").map(|line| line.value);
    let metrics = table.line("metrics").map(|line| line.value);
    let proxies = table.has("proxies").then(|| {
        let lines = table.lines("proxies").into_iter();
        let parsed = lines.filter_map(|line| match line.value.parse() {
            Ok(address) => Some(address),
            Err(_) => {
                let help = "write one such as 127.0.0.1";
                table.error(line.span, format!("{} is not an IP address", line.value), help);
                None
            }
        });
        parsed.collect()
    });
    table.finish();
    Web { listen, metrics, proxies }
}

fn read_subscribe(table: Fields<'_>) -> Subscribe {
    let usual = Subscribe::default();
    let number =
        |found: Option<i64>, usual| found.and_then(|number| u32::try_from(number).ok()).unwrap_or(usual);
    let subscribe = Subscribe {
        per_hour: number(read_number(&table, "per_hour", 1..=1_000_000), usual.per_hour),
        per_domain_per_hour: number(
            read_number(&table, "per_domain_per_hour", 1..=1_000_000),
            usual.per_domain_per_hour,
        ),
        per_network_per_hour: number(
            read_number(&table, "per_network_per_hour", 1..=1_000_000),
            usual.per_network_per_hour,
        ),
    };
    table.finish();
    subscribe
}

// Who takes the digest must not miss anything by it.
fn check_digests(fields: &Fields<'_>, lists: &[List]) {
    for list in lists {
        let Some(name) = &list.digest else { continue };
        let span = fields.span_of("list");
        let digest = lists.iter().find(|other| other.name == *name);
        match (&list.when, digest.map(|digest| (&digest.when, digest.select.covers(&list.select)))) {
            (When::Cut(_), _) => fields.error(
                span,
                format!("the list {} is a digest itself", list.name),
                "leave `digest` to lists that go out at once",
            ),
            (When::AtOnce, None) => fields.error(
                span,
                format!("no list is called {name}, which is the digest of {}", list.name),
                "write the name of a list with a cron line",
            ),
            (When::AtOnce, Some((When::AtOnce, _))) => fields.error(
                span,
                format!("the list {name} goes out at once and is no digest of {}", list.name),
                "write the name of a list with a cron line",
            ),
            (When::AtOnce, Some((When::Cut(_), false))) => fields.error(
                span,
                format!("the list {name} leaves out some of what {} carries", list.name),
                "give it the same kinds and tags, or more",
            ),
            (When::AtOnce, Some((When::Cut(_), true))) => {}
        }
    }
}

fn read_target(table: Fields<'_>) -> Option<Target> {
    let name = read_name(&table);
    let url =
        table.required_line("url", "\"https://hooks.example.org/notices\"").and_then(
            |line| match Url::parse(&line.value) {
                Ok(url) if matches!(url.scheme(), "http" | "https") => Some(line.value),
                Ok(_) | Err(_) => {
                    table.error(
                        line.span,
                        "`url` is not where a post can go",
                        "write it whole, beginning with https://",
                    );
                    None
                }
            },
        );
    let secret_file = table.required_line("secret_file", "\"hooks.secret\"");
    let select = read_select(&table);
    let remind = read_remind(&table);
    let allow = table.lines("allow").into_iter().map(|line| line.value).collect();
    let per_minute = read_number(&table, "per_minute", 1..=100_000)
        .and_then(|rate| u32::try_from(rate).ok())
        .unwrap_or(60);
    table.finish();
    Some(Target {
        name: name?,
        url: url?,
        secret_file: secret_file?.value.into(),
        select,
        remind,
        allow,
        per_minute,
    })
}

fn read_name(table: &Fields<'_>) -> Option<String> {
    let line = table.required_line("name", "\"alerts\"")?;
    if slug(&line.value) == line.value {
        return Some(line.value);
    }
    table.error(
        line.span,
        "`name` cannot stand in an address",
        format!("use lower-case letters, digits and hyphens, such as \"{}\"", slug(&line.value)),
    );
    None
}

fn read_select(table: &Fields<'_>) -> Select {
    let mut kinds = Vec::new();
    for line in table.lines("kinds") {
        let names: Vec<&str> = KindName::ALL.iter().map(|kind| kind.as_str()).collect();
        match KindName::ALL.into_iter().find(|kind| kind.as_str() == line.value) {
            Some(kind) => kinds.push(kind),
            None => table.error(
                line.span,
                format!("no kind of notice is called {}", line.value),
                format!("write {}", names.join(", ")),
            ),
        }
    }
    let tags = table
        .lines("tags")
        .into_iter()
        .filter_map(|line| Tag::parse(&line.value))
        .map(|tag| tag.slug)
        .collect();
    Select { kinds, tags }
}

fn read_remind(table: &Fields<'_>) -> Vec<Before> {
    let mut remind = Vec::new();
    for line in table.lines("remind") {
        match Before::parse(&line.value) {
            Ok(before) if remind.contains(&before) => {
                table.warn(line.span, format!("{before} stands twice"), "remove one")
            }
            Ok(before) => remind.push(before),
            Err(wrong) => table.error(line.span, wrong, ""),
        }
    }
    remind
}

// An edition's id holds the name of its list or target, so no two may share one.
fn check_names(fields: &Fields<'_>, lists: &[List], targets: &[Target]) {
    let mut names: Vec<&str> = lists.iter().map(|list| list.name.as_str()).collect();
    names.extend(targets.iter().map(|target| target.name.as_str()));
    names.sort_unstable();
    for pair in names.windows(2).filter(|pair| pair[0] == pair[1]) {
        let span = fields.span_of("list");
        fields.error(span, format!("two lists or targets are called {}", pair[0]), "give one another name");
    }
}
