//! Lint: what is allowed and yet worth a look before it is published.
//!
//! Pure. Every finding is a warning: the hotline of an organisation looks like the telephone of a person, and
//! only a person can tell. The whole source is read, the front matter too, because both are published.

use std::ops::Range;
use std::sync::LazyLock;

use chrono::{DateTime, Datelike, NaiveDate, Utc, Weekday};
use regex::{Captures, Regex};
use url::Url;

use crate::fields::Placed;
use crate::problem::Problem;
use crate::schedule::zone::{Moment, Zone};

/// When people are told of a notice, and when it is.
#[derive(Debug, Clone, Default)]
pub struct Timed {
    /// When it is published, if its author said so.
    pub publish_at: Option<Placed<Moment>>,
    /// The start of an action, of several dates the last that takes place; none when none does.
    pub last_start: Option<Placed<Moment>>,
}

/// How times are written in front matter.
pub const MINUTE: &str = "%Y-%m-%d %H:%M";

/// Warnings about a notice's whole source, in the order of their places. The text begins at the byte
/// `body_offset`; `starts` is the day of the notice's own event, which says the year of a date without one.
pub fn lint(source: &str, body_offset: usize, starts: Option<NaiveDate>) -> Vec<Problem> {
    let urls = find_urls(source);
    let mut problems = Vec::new();
    for span in &urls {
        problems.extend(check_tracking(source, span));
    }
    problems.extend(shorteners(source, &urls));
    problems.extend(personal_addresses(source, &urls));
    problems.extend(telephone_numbers(source, body_offset, &urls));
    problems.extend(weekdays(source, starts));
    problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
    problems
}

/// A problem when nobody will be told of an action that is not yet published at `now`: one of the past, as a slip in
/// the year makes it, unless it says that it was published in time; or one that is published when it has begun, which
/// is an error while it is ahead. `zone` is that of `publish_at`.
pub fn past(timed: &Timed, zone: &Zone, now: DateTime<Utc>) -> Option<Problem> {
    let starts = timed.last_start.as_ref()?;
    let wall = zone.to_wall(starts.value.at).format(MINUTE);
    let (span, message, help) = match &timed.publish_at {
        Some(publish_at) if publish_at.value.at > starts.value.at => {
            let message = "it is published after its start, and nobody is told of it";
            let help = format!("write a time before {wall}");
            if now < starts.value.at {
                return Some(Problem::error(publish_at.span.clone(), message, help));
            }
            (&publish_at.span, message, format!("{help}; a record of what is over can stay as it is"))
        }
        Some(publish_at) if publish_at.value.at == starts.value.at && now < publish_at.value.at => (
            &starts.span,
            "it is published at this very time, and nobody is told of it",
            "let it be published before".to_owned(),
        ),
        None if starts.value.at <= now => (
            &starts.span,
            "this is in the past, and nobody is told of an action that has begun",
            format!("correct the date; a record of what is over says so by publish_at = {wall}"),
        ),
        Some(_) | None => return None,
    };
    Some(Problem::warning(span.clone(), message, help))
}

// The addresses of the web in the text, without the punctuation that follows them.
fn find_urls(source: &str) -> Vec<Range<usize>> {
    static URL: LazyLock<Regex> = LazyLock::new(|| pattern(r#"[Hh][Tt][Tt][Pp][Ss]?://[^\s<>"`\\|]+"#));
    URL.find_iter(source).map(|found| found.start()..found.start() + address_length(found.as_str())).collect()
}

fn address_length(found: &str) -> usize {
    let mut length = 0;
    let mut open_brackets = 0_usize;
    for (at, c) in found.char_indices() {
        match c {
            '(' | '[' => open_brackets += 1,
            // A bracket that was not opened within belongs to the Markdown around.
            ')' | ']' if open_brackets == 0 => return length,
            ')' | ']' => open_brackets -= 1,
            _ => {}
        }
        if !matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | '*' | '_' | '\'' | '~') {
            length = at + c.len_utf8();
        }
    }
    length
}

fn lies_in(spans: &[Range<usize>], span: &Range<usize>) -> bool {
    let next = spans.partition_point(|other| other.end <= span.start);
    spans.get(next).is_some_and(|other| other.start < span.end)
}

// Parameters that tell the other side from where, or who, somebody came. From the documentation of Google
// Ads, Meta, Microsoft Advertising, Mailchimp, HubSpot, Marketo and others, and the lists of ad blockers.
const TRACKING: &[&str] = &[
    "fbclid",
    "gclid",
    "gclsrc",
    "gbraid",
    "wbraid",
    "dclid",
    "msclkid",
    "yclid",
    "twclid",
    "ttclid",
    "igshid",
    "igsh",
    "li_fat_id",
    "mc_eid",
    "mc_cid",
    "mc_tc",
    "_hsenc",
    "_hsmi",
    "hsctatracking",
    "mkt_tok",
    "vero_id",
    "vero_conv",
    "oly_enc_id",
    "oly_anon_id",
    "rb_clickid",
    "s_cid",
    "ml_subscriber",
    "ml_subscriber_hash",
    "srsltid",
    "ref_src",
    "ref_url",
    "fb_action_ids",
    "fb_action_types",
    "fb_source",
    "_openstat",
    "wickedid",
    "__s",
    "sc_channel",
    "_ke",
    "ck_subscriber_id",
    "sms_click",
    "emci",
    "emdi",
    "akid",
    "ceid",
];
const TRACKING_PREFIXES: &[&str] = &["utm_", "__cft__", "__tn__", "pk_", "mtm_", "matomo_", "hsa_"];
// The same short names mean something else elsewhere.
const TRACKING_ON: &[(&str, &[&str])] = &[
    ("youtube.com", &["si", "feature"]),
    ("youtu.be", &["si"]),
    ("spotify.com", &["si"]),
    ("twitter.com", &["s", "t"]),
    ("x.com", &["s", "t"]),
    ("tiktok.com", &["_r", "_t"]),
];

fn check_tracking(source: &str, span: &Range<usize>) -> Option<Problem> {
    let written = &source[span.clone()];
    let host = host_of(written)?;
    let (before, rest) = written.split_once('?')?;
    let (query, fragment) = match rest.find('#') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let query = query.replace("&amp;", "&");
    let (traces, kept): (Vec<&str>, Vec<&str>) =
        query.split('&').partition(|pair| is_tracking(&host, pair.split('=').next().unwrap_or_default()));
    let name = traces.first()?.split('=').next().unwrap_or_default();
    let question = if kept.is_empty() { "" } else { "?" };
    let clean = format!("{before}{question}{}{fragment}", kept.join("&"));
    let message = format!("`{name}` in this link tells others where your readers come from");
    Some(Problem::warning(span.clone(), message, format!("write {clean}")))
}

fn is_tracking(host: &str, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TRACKING.contains(&name.as_str())
        || TRACKING_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || TRACKING_ON.iter().any(|(site, names)| is_of(host, site) && names.contains(&name.as_str()))
}

fn host_of(address: &str) -> Option<String> {
    Some(Url::parse(address).ok()?.host_str()?.to_ascii_lowercase())
}

fn is_of(host: &str, site: &str) -> bool {
    host == site || host.strip_suffix(site).is_some_and(|sub| sub.ends_with('.'))
}

// Services whose addresses hide where they lead, count who follows them, and die with the service.
const SHORTENERS: &[&str] = &[
    "bit.ly",
    "bitly.com",
    "t.co",
    "tinyurl.com",
    "goo.gl",
    "ow.ly",
    "is.gd",
    "v.gd",
    "buff.ly",
    "tiny.cc",
    "rebrand.ly",
    "cutt.ly",
    "shorturl.at",
    "rb.gy",
    "t.ly",
    "lnkd.in",
    "fb.me",
    "dlvr.it",
    "trib.al",
    "j.mp",
    "soo.gd",
    "s.id",
    "shorturl.com",
    "bl.ink",
    "adf.ly",
    "mailchi.mp",
    "eepurl.com",
    "qr.ae",
    "qrco.de",
    "amzn.to",
    "wp.me",
    "lnk.bio",
    "urlz.fr",
    "x.gd",
    "tinyurl.is",
    "bitly.ws",
    "zpr.io",
];

fn shorteners(source: &str, urls: &[Range<usize>]) -> Vec<Problem> {
    static BARE: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"(?-u:\b)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+/[A-Za-z0-9_-]+"));
    let written = urls.iter().filter_map(|span| Some((span.clone(), host_of(&source[span.clone()])?)));
    let bare = BARE.find_iter(source).filter(|found| {
        let after_host_sign = source[..found.start()].ends_with(['@', '/', '.', '-', ':']);
        !after_host_sign && !lies_in(urls, &found.range())
    });
    let bare = bare.filter_map(|found| {
        let host = found.as_str().split('/').next()?;
        Some((found.range(), host.to_ascii_lowercase()))
    });
    let mut problems = Vec::new();
    for (span, host) in written.chain(bare) {
        let host = host.strip_prefix("www.").unwrap_or(&host);
        if SHORTENERS.contains(&host) {
            let message = format!("{host} hides where the link leads and counts who follows it");
            problems.push(Problem::warning(span, message, "write the address that it leads to"));
        }
    }
    problems
}

// Where individuals have their mailboxes.
const FREEMAIL: &[&str] = &[
    "gmail.com",
    "googlemail.com",
    "hotmail.com",
    "outlook.com",
    "live.com",
    "msn.com",
    "icloud.com",
    "me.com",
    "mac.com",
    "aol.com",
    "protonmail.com",
    "protonmail.ch",
    "proton.me",
    "pm.me",
    "mail.com",
    "zoho.com",
    "web.de",
    "freenet.de",
    "t-online.de",
    "posteo.de",
    "posteo.net",
    "mailbox.org",
    "tutanota.com",
    "tuta.io",
    "tutamail.com",
    "fastmail.com",
    "hushmail.com",
    "comcast.net",
    "verizon.net",
    "att.net",
    "sbcglobal.net",
    "bellsouth.net",
    "cox.net",
    "qq.com",
    "163.com",
    "126.com",
    "mail.ru",
    "libero.it",
    "laposte.net",
    "orange.fr",
    "free.fr",
    "wanadoo.fr",
    "earthlink.net",
    "rocketmail.com",
    "ymail.com",
];
// The same name under many endings: yahoo.co.uk, gmx.net, yandex.ru.
const FREEMAIL_NAMES: &[&str] = &["yahoo", "gmx", "yandex", "hotmail", "outlook", "live"];
// Words of addresses that a group answers together.
const ROLES: &[&str] = &[
    "press",
    "media",
    "info",
    "contact",
    "hello",
    "office",
    "admin",
    "legal",
    "jail",
    "support",
    "help",
    "events",
    "event",
    "news",
    "newsletter",
    "team",
    "organize",
    "organizing",
    "organizer",
    "organizers",
    "volunteer",
    "volunteers",
    "list",
    "lists",
    "abuse",
    "postmaster",
    "webmaster",
    "donate",
    "donations",
    "membership",
    "members",
    "secretary",
    "treasurer",
    "community",
    "outreach",
    "board",
    "editor",
    "editors",
    "editorial",
    "tips",
    "collective",
    "noreply",
    "no-reply",
    "subscribe",
    "unsubscribe",
    "booking",
    "access",
    "accessibility",
    "solidarity",
    "union",
    "coalition",
    "network",
    "committee",
    "council",
    "campaign",
    "action",
    "actions",
    "security",
    "privacy",
    "mail",
    "hotline",
    "defense",
    "defence",
    "bail",
    "fund",
    "group",
    "local",
    "chapter",
    "archive",
    "library",
    "project",
    "kontakt",
    "presse",
    "prensa",
    "contacto",
    "contatto",
];

fn personal_addresses(source: &str, urls: &[Range<usize>]) -> Vec<Problem> {
    static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"[A-Za-z0-9._%+'-]*[A-Za-z0-9_%+-]@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
    });
    let mut problems = Vec::new();
    for found in EMAIL.find_iter(source) {
        let lead = found.as_str().len() - found.as_str().trim_start_matches(['.', '\'', '_', '%', '-']).len();
        let span = found.start() + lead..found.end();
        // `@group@server` is a name in the fediverse.
        if source[..span.start].ends_with('@') || lies_in(urls, &span) {
            continue;
        }
        let Some((local, domain)) = source[span.clone()].split_once('@') else { continue };
        if let Some(message) = personal(&local.to_ascii_lowercase(), &domain.to_ascii_lowercase()) {
            let help =
                "write an address that the group answers, such as press@ or info@, if this is a person's";
            problems.push(Problem::warning(span, message, help));
        }
    }
    problems
}

fn personal(local: &str, domain: &str) -> Option<&'static str> {
    let local = local.split('+').next().unwrap_or_default();
    let words: Vec<&str> = local.split(['.', '_', '-']).collect();
    if words.iter().any(|word| ROLES.contains(word)) || ROLES.contains(&local) {
        return None;
    }
    let name = domain.split('.').next().unwrap_or_default();
    if FREEMAIL.contains(&domain) || FREEMAIL_NAMES.contains(&name) {
        return Some("this looks like somebody's own mailbox");
    }
    let parts: Vec<&str> = local.split(['.', '_']).collect();
    let is_name = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphabetic() || c == '-');
    let has_surname = parts.last().is_some_and(|last| last.len() > 1);
    let first_and_last = (2..=3).contains(&parts.len()) && parts.iter().all(is_name) && has_surname;
    first_and_last.then_some("this address looks like a person's name")
}

fn telephone_numbers(source: &str, body_offset: usize, urls: &[Range<usize>]) -> Vec<Problem> {
    // North America: area code and exchange begin with 2-9; signs between the groups, or it is a number.
    static NANP: LazyLock<Regex> = LazyLock::new(|| {
        let sign = r"[-. \u{A0}\u{2010}-\u{2013}]";
        pattern(&format!(
            r"(?:1{sign})?(?:\([2-9][0-9]{{2}}\){sign}?|[2-9][0-9]{{2}}{sign})[2-9][0-9]{{2}}{sign}[0-9]{{4}}"
        ))
    });
    // ITU-T E.164: `+` (or 00 with signs between) and at most 15 digits.
    static INTERNATIONAL: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?:\+[1-9]|00[1-9][0-9]{0,2}[-. \u{A0}/])[0-9]*(?:[-./ \u{A0}\u{2010}-\u{2013}]?(?:\([0-9]+\)|[0-9]+))*",
        )
    });
    let mut problems: Vec<Problem> = Vec::new();
    let found = INTERNATIONAL.find_iter(source).chain(NANP.find_iter(source));
    for found in found {
        let span = found.range();
        let digits = found.as_str().bytes().filter(u8::is_ascii_digit).count();
        let is_known =
            problems.iter().any(|known| known.span.start < span.end && span.start < known.span.end);
        if !(8..=15).contains(&digits) || is_known || lies_in(urls, &span) || !stands_alone(source, &span) {
            continue;
        }
        if span.start < body_offset && key_before(source, span.start) == "jail_support" {
            continue; // It is what the field is for, and the field expires.
        }
        let message = "this looks like a telephone number, which anyone can call and trace to a person";
        let help = "keep it if it is the group's hotline; a number for one day belongs into legal.jail_support, \
                    where it expires";
        problems.push(Problem::warning(span, message, help));
    }
    problems
}

// Not the middle of a longer number, a date, a product's code or a decimal.
fn stands_alone(source: &str, span: &Range<usize>) -> bool {
    let mut before = source[..span.start].chars().rev();
    let joined_before = match before.next() {
        Some('-' | '.' | '/' | ',' | '_') => before.next().is_some_and(|c| c.is_alphanumeric()),
        Some(c) => c.is_alphanumeric() || matches!(c, '+' | '$' | '€' | '£' | '#'),
        None => false,
    };
    let mut after = source[span.end..].chars();
    let joined_after = match after.next() {
        Some('-' | '.' | '/' | ',' | '_') => after.next().is_some_and(|c| c.is_ascii_digit()),
        Some(c) => c.is_alphanumeric() || c == '%',
        None => false,
    };
    !joined_before && !joined_after
}

fn key_before(source: &str, at: usize) -> &str {
    let line = source[..at].rsplit('\n').next().unwrap_or_default();
    line.split('=').next().unwrap_or_default().trim()
}

const WEEKDAY: &str = "(?:Mon|Tues?|Wed|Weds|Thur?s?|Fri|Sat|Sun|MON|TUES?|WED|THUR?S?|FRI|SAT|SUN|\
     [Mm]onday|[Tt]uesday|[Ww]ednesday|[Tt]hursday|[Ff]riday|[Ss]aturday|[Ss]unday|\
     MONDAY|TUESDAY|WEDNESDAY|THURSDAY|FRIDAY|SATURDAY|SUNDAY)";
const MONTH: &str = "(?:January|February|March|April|May|June|July|August|September|October|November|December|\
     JANUARY|FEBRUARY|MARCH|APRIL|MAY|JUNE|JULY|AUGUST|SEPTEMBER|OCTOBER|NOVEMBER|DECEMBER|\
     (?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|JAN|FEB|MAR|APR|JUN|JUL|AUG|SEPT?|OCT|NOV|DEC)\\.?)";
const YEAR: &str = r"(?:,?\s+(1[6-9][0-9]{2}|2[0-9]{3})(?-u:\b))?";

fn weekdays(source: &str, starts: Option<NaiveDate>) -> Vec<Problem> {
    static MONTH_FIRST: LazyLock<Regex> = LazyLock::new(|| {
        pattern(&format!(
            r"(?-u:\b)({WEEKDAY})\.?,?\s+(?:the\s+)?({MONTH})\s+([0-9]{{1,2}})(?:st|nd|rd|th)?(?-u:\b){YEAR}"
        ))
    });
    static DAY_FIRST: LazyLock<Regex> = LazyLock::new(|| {
        pattern(&format!(
            r"(?-u:\b)({WEEKDAY})\.?,?\s+(?:the\s+)?([0-9]{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({MONTH}){YEAR}"
        ))
    });
    let month_first = MONTH_FIRST.captures_iter(source).map(|captures| (captures, 2, 3));
    let day_first = DAY_FIRST.captures_iter(source).map(|captures| (captures, 3, 2));
    let written = month_first.chain(day_first).filter_map(|(captures, month, day)| {
        let found = captures.get(0)?;
        let is_range = ends_with_weekday(&source[..found.start()]);
        (!is_range).then(|| read_date(source, &captures, month, day)).flatten()
    });
    written.filter_map(|written| check_weekday(&written, starts)).collect()
}

// A date as the author wrote it.
struct Written {
    span: Range<usize>,
    weekday: Weekday,
    month: u32,
    day: u32,
    year: Option<i32>,
}

fn read_date(source: &str, captures: &Captures<'_>, month: usize, day: usize) -> Option<Written> {
    let weekday = captures.get(1)?.as_str().get(..3)?.parse().ok()?;
    let month_name = captures.get(month)?.as_str();
    let month = month_name.get(..3)?.parse::<chrono::Month>().ok()?.number_from_month();
    let day = captures.get(day)?.as_str().parse().ok()?;
    let whole = captures.get(0)?;
    let mut end = whole.end();
    let mut year = None;
    if let Some(found) = captures.get(4) {
        // "July 10 1900 hrs" is a time of day.
        let after = source[found.end()..].trim_start();
        let next_word = after.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        if ["h", "hrs", "hours", "am", "pm"].contains(&next_word) {
            end = source[..found.start()].trim_end_matches(|c: char| c.is_whitespace() || c == ',').len();
        } else {
            year = found.as_str().parse().ok();
        }
    }
    Some(Written { span: whole.start()..end, weekday, month, day, year })
}

// "Friday to Sunday, July 13-15": the date belongs to the first of them.
fn ends_with_weekday(before: &str) -> bool {
    static RANGE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(&format!(r"(?-u:\b){WEEKDAY}\.?\s*(?:[-–—/&,]|to|through|thru|until|and|or|,\s*and)\s*$"))
    });
    let mut start = before.len().saturating_sub(32);
    while !before.is_char_boundary(start) {
        start += 1;
    }
    RANGE.is_match(&before[start..])
}

fn check_weekday(written: &Written, starts: Option<NaiveDate>) -> Option<Problem> {
    let year = written.year.or(starts.map(|starts| starts.year()))?;
    let Some(date) = NaiveDate::from_ymd_opt(year, written.month, written.day) else {
        let message = format!("there is no such day in {year}");
        return Some(Problem::warning(written.span.clone(), message, "write another date"));
    };
    if date.weekday() == written.weekday || written.year.is_none() && fits_across_new_year(written, starts?) {
        return None;
    }
    let message = format!("{} is a {}", date.format("%B %-d, %Y"), date.format("%A"));
    let nearest = (1..=6).flat_map(|days| {
        [date.checked_sub_days(chrono::Days::new(days)), date.checked_add_days(chrono::Days::new(days))]
    });
    let near = nearest.flatten().find(|near| near.weekday() == written.weekday);
    let help = match near {
        Some(near) => {
            format!("write {}, or {}", date.format("%A"), near.format("%B %-d, which is a %A"))
        }
        None => format!("write {}", date.format("%A")),
    };
    Some(Problem::warning(written.span.clone(), message, help))
}

// A notice of December speaks of January: the next one, if that is less than half a year away.
fn fits_across_new_year(written: &Written, starts: NaiveDate) -> bool {
    [starts.year() - 1, starts.year() + 1].into_iter().any(|year| {
        let date = NaiveDate::from_ymd_opt(year, written.month, written.day);
        date.is_some_and(|date| {
            date.weekday() == written.weekday && (date - starts).num_days().unsigned_abs() < 183
        })
    })
}

#[expect(clippy::expect_used, reason = "the patterns are constants, and the tests use every one of them")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern is a regular expression")
}
