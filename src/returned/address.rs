//! Address: the addresses at which we get mail, and what of ours stands in a text.
//!
//! Pure.

use chrono::{DateTime, Utc};
use memchr::memmem;

use crate::config::Config;
use crate::subscriber::{About, ERRAND_TOKEN_BYTES, Errand, Key, Purpose, SubscriberId};

/// What is ours: addresses and the beginnings of links, as they stand in mails.
#[derive(Debug, Clone)]
pub struct Own {
    return_path: Option<String>,
    leave: Option<String>,
    complaints: Option<String>,
    // `https://notices.example.org/leave/`
    leave_link: String,
    // `@example.org>`: what ends our Message-IDs.
    message_end: String,
}

/// To which of our addresses a mail came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// The return path of a mail of ours.
    ReturnPath(Errand),
    /// To leave a list; the token may stand in the subject.
    Leave(Option<Errand>),
    /// Complaints.
    Complaints,
}

/// Something of ours that stands in a mail, unchecked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// The token of an address, or of a subject.
    Token(String),
    /// The token of a link in List-Unsubscribe.
    Link(String),
    /// The local part of a Message-ID.
    MessageId(String),
}

/// Whose mail it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// The token says it.
    Errand(Errand),
    /// The token of a link says who; which mail is not known.
    Subscriber(SubscriberId),
    /// They may have got the mail of that Message-ID, if an edition fits (`Key::suspect`).
    Suspect(SubscriberId, String),
}

// More is not of one mail.
const MOST_MARKS: usize = 16;

const MESSAGE_ID_BYTES: usize = 32;

/// `bounces+token@lists.example.org`
pub fn with_token(address: &str, token: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{local}+{token}@{domain}"),
        None => address.to_owned(),
    }
}

impl Own {
    /// What a config says is ours.
    pub fn new(config: &Config) -> Self {
        let (mail, returns) = (&config.mail, &config.mail.returns);
        let lower = |address: &Option<String>| address.as_ref().map(|address| address.to_ascii_lowercase());
        let domain = mail.from_address.rsplit('@').next().unwrap_or("localhost");
        Self {
            return_path: lower(&returns.return_path),
            leave: lower(&returns.leave),
            complaints: lower(&returns.complaints),
            leave_link: config.site.address("leave/"),
            message_end: format!("@{domain}>").to_ascii_lowercase(),
        }
    }

    /// Which of ours an address is; `None` when it is not, or its token is not one of `key`. Letter case means
    /// nothing, because relays change it.
    pub fn to(&self, address: &str, key: &Key) -> Option<To> {
        let address = address.to_ascii_lowercase();
        let is = |known: &Option<String>| known.as_ref() == Some(&address);
        if is(&self.complaints) {
            return Some(To::Complaints);
        }
        if is(&self.leave) {
            return Some(To::Leave(None));
        }
        let errand = |base: &Option<String>| key.errand(token_of(&address, base.as_ref()?)?);
        match (errand(&self.return_path), errand(&self.leave)) {
            (Some(errand), _) if errand.about.comes_back() => Some(To::ReturnPath(errand)),
            (_, Some(errand)) if !errand.about.comes_back() => Some(To::Leave(Some(errand))),
            (_, _) => None,
        }
    }

    /// What of ours stands in a text, in its order, each kind at most 16 times.
    pub fn marks(&self, text: &[u8]) -> Vec<Mark> {
        let folded = text.to_ascii_lowercase();
        let mut marks = Vec::new();
        for base in [&self.return_path, &self.leave].into_iter().flatten() {
            let Some((local, domain)) = base.rsplit_once('@') else { continue };
            let (begin, end) = (format!("{local}+"), format!("@{domain}"));
            let tokens = memmem::find_iter(&folded, &begin).filter_map(|at| {
                let token = folded.get(at + begin.len()..at + begin.len() + ERRAND_TOKEN_BYTES)?;
                let rest = &folded[at + begin.len() + ERRAND_TOKEN_BYTES..];
                // In a link of List-Unsubscribe the sign may be written as %40.
                (rest.starts_with(end.as_bytes()) || rest.starts_with(b"%40"))
                    .then(|| String::from_utf8_lossy(token).into_owned())
            });
            marks.extend(tokens.take(MOST_MARKS).map(Mark::Token));
        }
        let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-' || *byte == b'_';
        let links = memmem::find_iter(text, &self.leave_link).map(|at| {
            let rest = &text[at + self.leave_link.len()..];
            let end = rest.iter().position(|byte| !is_token(byte)).unwrap_or(rest.len());
            Mark::Link(String::from_utf8_lossy(&rest[..end.min(512)]).into_owned())
        });
        marks.extend(links.take(MOST_MARKS));
        let ids = memmem::find_iter(&folded, &self.message_end).filter_map(|at| {
            let id = folded.get(at.checked_sub(MESSAGE_ID_BYTES)?..at)?;
            let is_begun = at.checked_sub(MESSAGE_ID_BYTES + 1).is_some_and(|before| folded[before] == b'<');
            (is_begun && id.iter().all(u8::is_ascii_hexdigit))
                .then(|| Mark::MessageId(String::from_utf8_lossy(id).into_owned()))
        });
        marks.extend(ids.take(MOST_MARKS));
        marks
    }
}

/// Whose mail it was: by the first mark that this key made, tokens of addresses before links before Message-IDs.
pub fn whose(marks: &[Mark], key: &Key, now: DateTime<Utc>) -> Option<Whose> {
    let token = |mark: &Mark| match mark {
        Mark::Token(token) => key.errand(token).map(|errand| Whose::Errand(errand.of_the_mail())),
        Mark::Link(_) | Mark::MessageId(_) => None,
    };
    let link = |mark: &Mark| match mark {
        Mark::Link(token) => {
            key.claim(token, Purpose::Leave, now).map(|claim| Whose::Subscriber(claim.subscriber))
        }
        Mark::Token(_) | Mark::MessageId(_) => None,
    };
    let message = |mark: &Mark| match mark {
        Mark::MessageId(id) => key.suspect(id).map(|suspect| Whose::Suspect(suspect, id.clone())),
        Mark::Token(_) | Mark::Link(_) => None,
    };
    marks
        .iter()
        .find_map(token)
        .or_else(|| marks.iter().find_map(link))
        .or_else(|| marks.iter().find_map(message))
}

impl Errand {
    // The mail in which an address to leave by stood.
    fn of_the_mail(self) -> Self {
        match self.about {
            About::Leave(edition) => Self { about: About::Edition(edition), ..self },
            About::Edition(_) | About::Letter | About::Probe => self,
        }
    }
}

impl About {
    // Whether it stands in a return path and not in an address to leave by.
    fn comes_back(self) -> bool {
        match self {
            Self::Edition(_) | Self::Letter | Self::Probe => true,
            Self::Leave(_) => false,
        }
    }
}

fn token_of<'a>(address: &'a str, base: &str) -> Option<&'a str> {
    let (local, domain) = address.rsplit_once('@')?;
    let (base_local, base_domain) = base.rsplit_once('@')?;
    if domain != base_domain {
        return None;
    }
    local.strip_prefix(base_local)?.strip_prefix('+')
}
