//! Address: where a link or an image in a text points, made absolute.
//!
//! Pure.

use url::Url;

/// The schemes a link may have. None of them runs a program in the page (`javascript:`, `data:`) or opens
/// a file of the reader's.
pub const SCHEMES: [&str; 12] =
    ["http", "https", "mailto", "tel", "sms", "geo", "webcal", "xmpp", "irc", "ircs", "matrix", "magnet"];

/// What a link's address means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An absolute URL; the author's own characters where they wrote one.
    Url(String),
    /// A path on this site that looks like the name of another.
    Bare {
        /// Where it leads.
        url: String,
        /// What was probably meant.
        meant: String,
    },
    /// Another notice, written `other-notice.md`.
    Notice {
        /// Its id.
        id: String,
        /// Its page, with the part.
        url: String,
    },
    /// A place in the same text, without `#`.
    Part(String),
    /// A link that cannot stay.
    Refused {
        /// What is wrong.
        message: String,
        /// What would be right.
        help: String,
    },
}

/// What the address of a link means on the site at `base_url`.
pub fn of_link(written: &str, base_url: &Url) -> Target {
    let written = printable(written);
    if let Some(part) = written.strip_prefix('#') {
        return Target::Part(part.to_owned());
    }
    if written.is_empty() {
        return Target::Refused {
            message: "the link has no address".to_owned(),
            help: "write one between the round brackets".to_owned(),
        };
    }
    if let Some(absolute) = absolute(&written) {
        return absolute;
    }
    let (path, _) = split_path(&written);
    if let Some(id) = notice_id(path)
        && let Some(url) = notice_url(id, &written[path.len()..], base_url)
    {
        return Target::Notice { id: id.to_owned(), url };
    }
    let Some(url) = join(&written, base_url) else { return unreadable(&written) };
    if looks_like_a_host(path) {
        return Target::Bare { url: url.into(), meant: format!("https://{written}") };
    }
    Target::Url(url.into())
}

/// The path below the site's root and the URL of an image, or `None` when it does not lie on the site.
pub fn of_image(written: &str, base_url: &Url) -> Option<(String, String)> {
    let written = printable(written);
    let url =
        if Url::parse(&written).is_ok() { Url::parse(&written).ok()? } else { join(&written, base_url)? };
    let path = url.as_str().strip_prefix(rooted(base_url).as_str())?;
    let path = split_path(path).0;
    if path.is_empty() {
        return None;
    }
    Some((path.to_owned(), url.into()))
}

// Browsers drop tabs and line breaks within an address and control characters around it; so do we, before
// anything is decided about it.
fn printable(written: &str) -> String {
    let kept: String = written.chars().filter(|c| !c.is_control()).collect();
    kept.trim().to_owned()
}

fn absolute(written: &str) -> Option<Target> {
    let url = match Url::parse(written) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase) => return None,
        Err(_) => return Some(unreadable(written)),
    };
    if !SCHEMES.contains(&url.scheme()) {
        return Some(Target::Refused {
            message: format!("a link cannot begin with `{}:`", url.scheme()),
            help: "write an address that begins with https: or mailto:".to_owned(),
        });
    }
    // What the author wrote, to the letter; but whitespace would end it in plain text.
    let url = if written.contains(char::is_whitespace) { url.into() } else { written.to_owned() };
    Some(Target::Url(url))
}

fn unreadable(written: &str) -> Target {
    Target::Refused {
        message: format!("`{written}` is not an address"),
        help: "write one such as https://example.org/page".to_owned(),
    }
}

fn split_path(address: &str) -> (&str, &str) {
    address.split_at(address.find(['?', '#']).unwrap_or(address.len()))
}

// `other.md`, `./other.md`: as in the folder of the notices, so that the link works in an editor too.
fn notice_id(path: &str) -> Option<&str> {
    let id = path.strip_prefix("./").unwrap_or(path).strip_suffix(".md")?;
    let is_stem = !id.is_empty() && !id.contains(['/', '\\']) && id != "." && id != "..";
    is_stem.then_some(id)
}

fn notice_url(id: &str, part: &str, base_url: &Url) -> Option<String> {
    let mut url = rooted(base_url);
    url.path_segments_mut().ok()?.pop_if_empty().extend(["notices", id, ""]);
    if let Some(fragment) = part.split_once('#').map(|(_, fragment)| fragment) {
        url.set_fragment(Some(fragment));
    }
    Some(url.into())
}

fn join(written: &str, base_url: &Url) -> Option<Url> {
    let root = rooted(base_url);
    // `//host/x` is another site's address, and `\\` is read as `//`.
    if written.starts_with(['/', '\\']) && !written[1..].starts_with(['/', '\\']) {
        return root.join(&format!("./{}", &written[1..])).ok();
    }
    root.join(written).ok()
}

// The site's root with a slash at the end, without which joining would replace its last segment.
fn rooted(base_url: &Url) -> Url {
    let mut root = base_url.clone();
    root.set_query(None);
    root.set_fragment(None);
    if !root.path().ends_with('/') {
        let path = format!("{}/", root.path());
        root.set_path(&path);
    }
    root
}

fn looks_like_a_host(path: &str) -> bool {
    let host = path.split('/').next().unwrap_or_default();
    let labels = host
        .split('.')
        .all(|label| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
    // The endings that groups use; `.md` or `.jpg` must not count.
    let endings = [".org", ".com", ".net", ".info", ".coop", ".us", ".uk", ".de", ".nyc"];
    labels && (host.starts_with("www.") || endings.iter().any(|ending| host.ends_with(ending)))
}
