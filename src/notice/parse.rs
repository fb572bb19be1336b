//! Parse: a file's text to a checked notice, or all that is wrong with it.
//!
//! Pure.

mod event; // when an action is, on which dates, and where

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use url::Url;

use crate::fields::{self, Fields, Placed, Problems};
use crate::notice::lint::Timed;
use crate::notice::{
    Adoption, Call, Care, Confidence, Image, Invitation, Issued, Kind, KindName, Lineage, Link,
    MAX_SLUG_BYTES, Notice, NoticeId, Notify, Party, Precision, Provenance, Relation, Signing, Site, Source,
    Tag, Translation, Withdrawal, lint, markdown, picture, slug,
};
use crate::problem::{Problem, Report};
use crate::schedule::zone::Zone;

/// What a notice takes from its site.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// Where the pages stand, with a slash at the end.
    pub base_url: Url,
    /// The zone of `publish_at`, and of an event that names none.
    pub zone: Zone,
    /// BCP 47.
    pub lang: String,
    /// Who speaks when a notice names nobody.
    pub author: String,
}

/// A file that was read: its notice when it has no errors, all its problems, and what it refers to.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// None when there are errors.
    pub notice: Option<Notice>,
    /// What is wrong with it.
    pub report: Report,
    /// The ids of other notices that it names, with their places.
    pub references: Vec<Placed<String>>,
    /// Where the pictures that it shows lie under the site, with the places that name them.
    pub pictures: Vec<Placed<String>>,
    /// When people are told of it, and when it is.
    pub timed: Timed,
}

/// What the files say of each other.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// Its notice's id; none when it has errors.
    pub id: Option<&'a NoticeId>,
    /// The file as the person knows it.
    pub path: &'a str,
    /// The ids of other notices that it names, with their places.
    pub references: &'a [Placed<String>],
}

impl Parsed {
    /// What it says of the other files.
    pub fn named(&self) -> Named<'_> {
        Named {
            id: self.notice.as_ref().map(|notice| &notice.id),
            path: &self.report.path,
            references: &self.references,
        }
    }
}

/// Larger files are refused: no notice that a person wrote comes near it.
pub const MAX_BYTES: usize = 1 << 20;

/// Reads one file. `path` is as the person knows it and ends in `<id>.md`.
pub fn parse(path: &str, source: &str, defaults: &Defaults) -> Parsed {
    let source = without_mark(source);
    let problems = Problems::default();
    let (mut references, mut pictures) = (Vec::new(), Vec::new());
    let mut timed = Timed::default();
    let notice = read(path, source, defaults, &problems, &mut references, &mut pictures, &mut timed);
    let report = Report::new(path, source, problems.into_vec());
    let notice = notice.filter(|_| !report.has_errors());
    Parsed { notice, report, references, pictures, timed }
}

/// The notice of a source that was published once: what is refused since then does not undo that.
pub fn reread(path: &str, source: &str, defaults: &Defaults) -> Option<Notice> {
    let (mut references, mut pictures) = (Vec::new(), Vec::new());
    let mut timed = Timed::default();
    read(path, source, defaults, &Problems::default(), &mut references, &mut pictures, &mut timed)
}

/// What can only be seen with all the files at hand: references to notices that are not there, and two files
/// with one id. Each problem with the index of its file.
pub fn check_together(files: &[Named<'_>]) -> Vec<(usize, Problem)> {
    let mut paths: HashMap<&str, &str> = HashMap::with_capacity(files.len());
    let mut found = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let Some(id) = file.id else { continue };
        let first = *paths.entry(id.as_str()).or_insert(file.path);
        if first != file.path {
            let message = format!("the id {id} is taken by {first}");
            found.push((index, Problem::error(0..0, message, "give this one another name, or another `id`")));
        }
    }
    // A file that cannot be read now still is what others refer to.
    let unread: HashSet<&str> =
        files.iter().filter(|file| file.id.is_none()).map(|file| stem(file.path)).collect();
    for (index, file) in files.iter().enumerate() {
        for reference in file.references {
            let name = reference.value.as_str();
            if paths.contains_key(name) || unread.contains(name) {
                continue;
            }
            let mut names: Vec<&str> = paths.keys().chain(&unread).copied().collect();
            names.sort_unstable();
            let help = match fields::nearest(&reference.value, &names) {
                Some(near) => format!("did you mean {near}?"),
                None => "write the name of a file of this folder, without `.md`".to_owned(),
            };
            let message = format!("there is no notice {}", reference.value);
            found.push((index, Problem::error(reference.span.clone(), message, help)));
        }
    }
    found
}

// Editors of Windows begin a file with a byte order mark, which nobody sees.
fn without_mark(source: &str) -> &str {
    source.strip_prefix('\u{feff}').unwrap_or(source)
}

fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".md").unwrap_or(name)
}

fn read(
    path: &str,
    source: &str,
    defaults: &Defaults,
    problems: &Problems,
    references: &mut Vec<Placed<String>>,
    pictures: &mut Vec<Placed<String>>,
    timed: &mut Timed,
) -> Option<Notice> {
    if source.len() > MAX_BYTES {
        problems.add(Problem::error(
            0..0,
            "the file is larger than 1 MiB",
            "put the long part into a file of its own and link to it",
        ));
        return None;
    }
    let (front, body_at) = split(source, problems)?;
    let document = fields::parse_document(&front, problems);
    let fields = Fields::new(document.get_ref(), 0..3, problems);

    let id = read_id(path, &fields);
    let has_written_id = fields.has("id");
    let title = fields.required_line("title", "\"…\"");
    let kind_name = read_kind_name(&fields);
    let summary = fields.line("summary").map(|line| line.value);
    let lang = read_lang(&fields, "lang").unwrap_or_else(|| defaults.lang.clone());
    timed.publish_at = fields.moment("publish_at", &defaults.zone);
    let publish_at = timed.publish_at.as_ref().map(|placed| placed.value.clone());
    let tags = read_tags(&fields);
    let image = read_image(&fields, pictures);
    let more = fields.tables("more").into_iter().filter_map(read_link).collect();
    let campaign = read_campaign(&fields);
    let next = read_references(&fields, "next", references);
    let supersedes = read_references(&fields, "supersedes", references).pop();
    let changed = fields.line("changed").map(|line| line.value);
    let notify = read_notify(&fields, changed.is_some());
    let withdrawn = read_withdrawal(&fields, defaults);
    let mut authors = values(fields.lines("authors"));
    let kind = match kind_name {
        Some(KindName::Archive) => Some(Kind::Archive(read_provenance(&fields, references))),
        Some(KindName::Statement) => Some(Kind::Statement(read_signing(&fields, &defaults.zone, references))),
        Some(KindName::Action) => event::read(&fields, &defaults.zone, timed).map(Box::new).map(Kind::Action),
        None => None,
    };
    if kind_name.is_some() {
        // Without a kind nobody knows which keys it may have.
        fields.finish();
    }

    let (body, body_problems) = markdown::render(&source[body_at..], body_at, &defaults.base_url);
    body_problems.into_iter().for_each(|problem| problems.add(problem));
    references.extend(body.notices.iter().cloned());
    let images = body.images.iter();
    pictures.extend(images.map(|image| Placed { value: image.value.path.clone(), span: image.span.clone() }));
    if source[body_at..].trim().is_empty() {
        problems.add(Problem::error(
            body_at..source.len(),
            "the notice has no text",
            "write it below the second +++ line",
        ));
    }
    let starts = match &kind {
        Some(Kind::Action(event)) => Some(event.starts.wall.date()),
        Some(Kind::Archive(_) | Kind::Statement(_)) | None => None,
    };
    lint::lint(source, body_at, starts).into_iter().for_each(|problem| problems.add(problem));

    let kind = kind?;
    if authors.is_empty() {
        authors = match &kind {
            Kind::Action(event) if !event.hosts.is_empty() => event.hosts.clone(),
            Kind::Action(_) | Kind::Archive(_) | Kind::Statement(_) => vec![defaults.author.clone()],
        };
    }
    let title = title?.value;
    let (id, kind) = (id?, kind);
    Some(Notice {
        id,
        has_written_id,
        title,
        summary,
        lang,
        publish_at,
        tags,
        authors,
        image,
        more,
        campaign,
        next,
        supersedes,
        changed,
        notify,
        withdrawn,
        body,
        kind,
    })
}

// The front matter with its opening line turned into a TOML comment, so that its places are the file's; and
// where the text begins.
fn split(source: &str, problems: &Problems) -> Option<(String, usize)> {
    let help =
        "begin the file with a line +++, then TOML such as kind = \"action\", then a line +++, then the text";
    let opened = source
        .strip_prefix("+++")
        .and_then(|rest| rest.split_once('\n'))
        .filter(|(line, _)| line.trim().is_empty());
    let Some((line, rest)) = opened else {
        let end = source.find('\n').unwrap_or(source.len());
        problems.add(Problem::error(0..end, "the file does not begin with front matter", help));
        return None;
    };
    let front_at = 3 + line.len() + 1;
    let mut at = front_at;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == "+++" {
            return Some((format!("###{}", &source[3..at]), at + line.len()));
        }
        at += line.len();
    }
    problems.add(Problem::error(0..3, "the front matter has no end", "close it with a line +++"));
    None
}

fn read_id(path: &str, fields: &Fields<'_>) -> Option<NoticeId> {
    let written = fields.line("id");
    let (text, span) = match &written {
        Some(placed) => (placed.value.as_str(), placed.span.clone()),
        None => (stem(path), 0..3),
    };
    let id = NoticeId::parse(text);
    if id.is_none() {
        let help = format!("use lower-case letters, digits and hyphens, such as {}", slug(text));
        let what = if written.is_some() { "`id`" } else { "the file's name" };
        fields.error(span, format!("{what} cannot stand in an address: {text}"), help);
    }
    id
}

fn read_kind_name(fields: &Fields<'_>) -> Option<KindName> {
    fields.required("kind", "\"action\"");
    let choices: Vec<(&str, KindName)> =
        KindName::ALL.into_iter().map(|kind| (kind.as_str(), kind)).collect();
    fields.one_of("kind", &choices)
}

fn read_lang(fields: &Fields<'_>, key: &'static str) -> Option<String> {
    let line = fields.line(key)?;
    let mut parts = line.value.split('-');
    let primary = parts
        .next()
        .is_some_and(|part| matches!(part.len(), 2 | 3) && part.chars().all(|c| c.is_ascii_lowercase()));
    if primary
        && parts.all(|part| (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric()))
    {
        return Some(line.value);
    }
    fields.error(
        line.span,
        format!("`{key}` is not a language tag"),
        "write a BCP 47 tag such as en, es or pt-BR",
    );
    None
}

fn read_notify(fields: &Fields<'_>, is_said: bool) -> Option<Notify> {
    let span = fields.line("notify")?.span;
    let notify = fields.one_of("notify", &[("silent", Notify::Silent), ("alert", Notify::Alert)])?;
    match notify {
        Notify::Alert if !is_said && !fields.has("withdrawn") => {
            let help = "add changed = \"…\", the sentence that people are to read first";
            fields.error(span, "nobody knows what people are to be told", help);
        }
        Notify::Silent => fields.warn(
            span,
            "while this stands nobody is told of a change, not even of another time or place",
            "take it out when the edit that it is meant for is published",
        ),
        Notify::Alert => {}
    }
    Some(notify)
}

fn read_withdrawal(fields: &Fields<'_>, defaults: &Defaults) -> Option<Withdrawal> {
    let why = fields.line("withdrawn")?;
    let (body, problems) = markdown::render(&why.value, 0, &defaults.base_url);
    for problem in problems {
        fields.error(why.span.clone(), problem.message, problem.help);
    }
    Some(Withdrawal { why: why.value, body })
}

fn read_tags(fields: &Fields<'_>) -> Vec<Tag> {
    let mut tags: Vec<Tag> = Vec::new();
    for line in fields.lines("tags") {
        match Tag::parse(&line.value) {
            Some(tag) if tags.iter().any(|other| other.slug == tag.slug) => {
                fields.warn(line.span, format!("the tag {} stands twice", tag.name), "remove one");
            }
            Some(tag) => tags.push(tag),
            None => fields.error(line.span, no_name("a tag", &line.value), "write a word"),
        }
    }
    tags
}

fn read_campaign(fields: &Fields<'_>) -> Option<Tag> {
    let line = fields.line("campaign")?;
    let campaign = Tag::named(&line.value);
    if campaign.is_none() {
        fields.error(line.span, no_name("a campaign", &line.value), "write its name");
    }
    campaign
}

// What is wrong with one that no address can have.
fn no_name(what: &str, name: &str) -> String {
    match slug(name).is_empty() {
        true => format!("{what} without a letter or digit"),
        false => format!("{what} of more than {MAX_SLUG_BYTES} letters and digits"),
    }
}

fn read_image(fields: &Fields<'_>, pictures: &mut Vec<Placed<String>>) -> Option<Image> {
    let table = fields.table("image")?;
    let file = table.required_line("file", "\"flyer.png\"");
    let alt = table.line("alt");
    if alt.is_none() && !table.has("alt") {
        table.error(
            table.span(),
            "the image has no `alt`",
            "add alt = \"what the picture shows\", for those who do not see it",
        );
    }
    table.finish();
    let file = file?;
    let path = format!("media/{}", file.value);
    // What an address would read as something else stands for no file.
    let is_plain = !file.value.contains(['?', '#', '%']) && picture::path_of(&path).is_some();
    if !is_plain {
        fields.error(file.span, "the image is not in the media folder", "write its path under media/");
        return None;
    }
    pictures.push(Placed { value: path, span: file.span });
    Some(Image { file: file.value, alt: alt?.value })
}

fn read_link(table: Fields<'_>) -> Option<Link> {
    let title = table.required_line("title", "\"…\"");
    let url = table.has("url").then(|| read_url(&table, "url")).flatten();
    table.required("url", "\"https://…\"");
    table.finish();
    Some(Link { title: title?.value, url: url? })
}

fn read_url(fields: &Fields<'_>, key: &'static str) -> Option<String> {
    let line = fields.line(key)?;
    match Url::parse(&line.value) {
        Ok(url)
            if matches!(url.scheme(), "http" | "https")
                && url.username().is_empty()
                && url.password().is_none() =>
        {
            Some(url.into())
        }
        Ok(_) | Err(_) => {
            fields.error(
                line.span,
                format!("`{key}` is not the address of a page"),
                "write it whole, beginning with https://",
            );
            None
        }
    }
}

fn read_references(
    fields: &Fields<'_>,
    key: &'static str,
    references: &mut Vec<Placed<String>>,
) -> Vec<NoticeId> {
    let mut ids = Vec::new();
    for line in fields.lines(key) {
        match NoticeId::parse(&line.value) {
            Some(id) => {
                ids.push(id);
                references.push(line);
            }
            None => fields.error(
                line.span,
                format!("`{key}` holds what is no notice's id"),
                "write the name of its file, without `.md`",
            ),
        }
    }
    ids
}

fn read_parties(fields: &Fields<'_>, key: &'static str) -> Vec<Party> {
    let mut parties = Vec::new();
    for table in fields.tables(key) {
        let name = table.required_line("name", "\"…\"");
        let url = read_url(&table, "url");
        let confirmed = table.flag("confirmed").unwrap_or(false);
        let withdrawn = table.flag("withdrawn").unwrap_or(false);
        table.finish();
        parties.extend(name.map(|name| Party { name: name.value, url, confirmed, withdrawn }));
    }
    parties
}

fn read_provenance(fields: &Fields<'_>, references: &mut Vec<Placed<String>>) -> Provenance {
    Provenance {
        places: fields.tables("places").into_iter().filter_map(read_site).collect(),
        period: fields.line("period").map(|line| line.value),
        lineage: fields
            .tables("lineage")
            .into_iter()
            .filter_map(|table| read_lineage(table, references))
            .collect(),
        sources: fields.tables("sources").into_iter().filter_map(read_source).collect(),
        unknown: values(fields.lines("unknown")),
        principles: values(fields.lines("principles")),
        call: fields.table("call").and_then(read_call),
        care: fields
            .one_of("care", &[("public", Care::Public), ("ask-first", Care::AskFirst)])
            .unwrap_or_default(),
    }
}

fn read_site(table: Fields<'_>) -> Option<Site> {
    let name = table.required_line("name", "\"…\"");
    let from = table.integer("from").map(|placed| placed.value);
    let to = table.integer("to").map(|placed| placed.value);
    if from.zip(to).is_some_and(|(from, to)| to < from) {
        table.error(table.span_of("to"), "`to` is before `from`", "write the years in their order");
    }
    table.finish();
    Some(Site { name: name?.value, from, to })
}

fn read_lineage(table: Fields<'_>, references: &mut Vec<Placed<String>>) -> Option<Lineage> {
    table.required("rel", "\"inspired_by\"");
    table.required("confidence", "\"documented\"");
    let rel = table.one_of(
        "rel",
        &[
            ("inspired_by", Relation::InspiredBy),
            ("descends_from", Relation::DescendsFrom),
            ("adapted_from", Relation::AdaptedFrom),
            ("learned_from", Relation::LearnedFrom),
            ("parallel_to", Relation::ParallelTo),
        ],
    );
    let confidence = table.one_of(
        "confidence",
        &[
            ("documented", Confidence::Documented),
            ("told", Confidence::Told),
            ("inferred", Confidence::Inferred),
            ("unknown", Confidence::Unknown),
        ],
    );
    let target = table.required_line("target", "\"…\"").and_then(|line| checked_target(&table, line));
    references.extend(target.iter().filter(|line| NoticeId::parse(&line.value).is_some()).cloned());
    let source = table.line("source").map(|line| line.value);
    table.finish();
    Some(Lineage { rel: rel?, target: target?.value, confidence: confidence?, source })
}

// A notice's id, or a name as people say it, which has a space or a capital. What leads elsewhere is a source.
fn checked_target(table: &Fields<'_>, line: Placed<String>) -> Option<Placed<String>> {
    let wrong = match line.value.strip_suffix(".md") {
        _ if line.value.contains("://") => {
            ("`target` is an address", "write the name here, and the address into [[sources]]".to_owned())
        }
        Some(id) => ("`target` is a file's name", format!("write \"{id}\", the notice's id")),
        None => return Some(line),
    };
    table.error(line.span, wrong.0, wrong.1);
    None
}

fn read_source(table: Fields<'_>) -> Option<Source> {
    let title = table.required_line("title", "\"…\"");
    let source = Source {
        title: String::new(),
        kind: table.line("kind").map(|line| line.value),
        creators: values(table.lines("creators")),
        date: table.line("date").map(|line| line.value),
        url: read_url(&table, "url"),
        archived_url: read_url(&table, "archived_url"),
        accessed: read_date(&table, "accessed"),
    };
    table.finish();
    Some(Source { title: title?.value, ..source })
}

fn read_date(fields: &Fields<'_>, key: &'static str) -> Option<NaiveDate> {
    fields.date(key).map(|placed| placed.value)
}

fn read_call(table: Fields<'_>) -> Option<Call> {
    let what = table.required_line("what", "\"…\"");
    let how = table.required_line("how", "\"…\"");
    table.finish();
    Some(Call { what: what?.value, how: how?.value })
}

fn read_signing(fields: &Fields<'_>, zone: &Zone, references: &mut Vec<Placed<String>>) -> Signing {
    Signing {
        issued: read_issued(fields),
        stance: fields.line("stance").map(|line| line.value),
        addressed_to: values(fields.lines("addressed_to")),
        signatories: read_parties(fields, "signatories"),
        translations: fields
            .tables("translations")
            .into_iter()
            .filter_map(|table| read_translation(table, references))
            .collect(),
        adopted: read_adoption(fields, "adopted"),
        invitation: fields.table("signing").map(|table| read_invitation(table, zone)),
    }
}

// One line says all of it; a table says it in parts.
fn read_adoption(fields: &Fields<'_>, key: &'static str) -> Option<Adoption> {
    if !fields.is_table(key) {
        return Some(Adoption { by: fields.line(key)?.value, method: None, record: None });
    }
    let table = fields.table(key)?;
    let by = table.required_line("by", "\"the general assembly\"");
    let method = table.line("method").map(|line| line.value);
    let record = table.line("record").map(|line| line.value);
    table.finish();
    Some(Adoption { by: by?.value, method, record })
}

fn read_invitation(table: Fields<'_>, zone: &Zone) -> Invitation {
    let until = table.moment("until", zone).map(|placed| placed.value);
    // Who names an end invites until then.
    let is_open = table.flag("open").unwrap_or(until.is_some());
    table.finish();
    Invitation { is_open, until }
}

fn read_translation(table: Fields<'_>, references: &mut Vec<Placed<String>>) -> Option<Translation> {
    table.required("lang", "\"es\"");
    table.required("notice", "\"…\"");
    let lang = read_lang(&table, "lang");
    let notice = read_references(&table, "notice", references).pop();
    table.finish();
    Some(Translation { lang: lang?, notice: notice? })
}

fn read_issued(fields: &Fields<'_>) -> Option<Issued> {
    let line = fields.line("issued")?;
    let issued = parse_issued(&line.value);
    if issued.is_none() {
        fields.error(
            line.span,
            "`issued` is not a date",
            "write \"2020-02-14\", \"2020-02\" or \"2020\", with ~ behind it when it is approximate",
        );
    }
    issued
}

fn parse_issued(text: &str) -> Option<Issued> {
    let (date, approximate) = match text.strip_suffix('~') {
        Some(date) => (date, true),
        None => (text, false),
    };
    let (precision, whole) = match date.len() {
        4 => (Precision::Year, format!("{date}-01-01")),
        7 => (Precision::Month, format!("{date}-01")),
        _ => (Precision::Day, date.to_owned()),
    };
    let first_day = NaiveDate::parse_from_str(&whole, "%Y-%m-%d").ok()?;
    Some(Issued { first_day, precision, approximate })
}

fn values(lines: Vec<Placed<String>>) -> Vec<String> {
    lines.into_iter().map(|line| line.value).collect()
}
