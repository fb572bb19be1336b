//! Spf: whether a domain lets an address send in its name (RFC 7208).

use std::net::IpAddr;

use crate::channel::dns::{NoAnswer, Resolver};

/// What the record says of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Allowed, by this term.
    Pass(String),
    /// Not allowed, or left open, by this term.
    Refused(String),
    /// The record itself is wrong, in a clause.
    Broken(String),
    /// It depends on the mail: macros, `exists` or `ptr`.
    Unknown(String),
    /// There is no record.
    None,
}

/// What is counted while a record is followed.
#[derive(Debug, Default)]
pub struct Count {
    lookups: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    text: String,
    allows: bool,
    mechanism: Mechanism,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Mechanism {
    All,
    Include(String),
    // A domain, none for the record's own, and lengths of prefixes.
    A(Option<String>, Lengths),
    Mx(Option<String>, Lengths),
    Network(IpAddr, u8),
    // What cannot be said without the mail.
    OfTheMail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lengths {
    v4: u8,
    v6: u8,
}

// RFC 7208 §4.6.4.
const MOST_LOOKUPS: usize = 10;

/// What the records of `domain` say of `address`. Boxed, because a record includes others.
pub fn ask<'a>(
    resolver: &'a Resolver,
    domain: &'a str,
    address: IpAddr,
    count: &'a mut Count,
) -> std::pin::Pin<Box<dyn Future<Output = Result<Verdict, NoAnswer>> + Send + 'a>> {
    Box::pin(async move {
        let texts = resolver.texts(domain).await?;
        let records: Vec<&String> = texts.iter().filter(|text| is_spf(text)).collect();
        let record = match records[..] {
            [] => return Ok(Verdict::None),
            [record] => record,
            _ => {
                return Ok(Verdict::Broken(format!(
                    "{domain} has {} records, one is allowed",
                    records.len()
                )));
            }
        };
        let (terms, redirect) = match parse(record) {
            Ok(parsed) => parsed,
            Err(why) => return Ok(Verdict::Broken(why)),
        };
        for term in &terms {
            if let Some(verdict) = follow(resolver, domain, address, term, count).await? {
                return Ok(verdict);
            }
        }
        let Some(redirect) = redirect else { return Ok(Verdict::Refused("no term fits it".to_owned())) };
        if count.is_over() {
            return Ok(too_many());
        }
        let verdict = ask(resolver, &redirect, address, count).await?;
        if verdict == Verdict::None {
            return Ok(Verdict::Broken(format!("redirect={redirect} leads to no record")));
        }
        Ok(verdict)
    })
}

// What a term says of the address; `None` when it does not fit.
async fn follow(
    resolver: &Resolver,
    domain: &str,
    address: IpAddr,
    term: &Term,
    count: &mut Count,
) -> Result<Option<Verdict>, NoAnswer> {
    let fits = match &term.mechanism {
        Mechanism::All => true,
        Mechanism::Network(network, length) => is_in(address, *network, *length),
        Mechanism::Include(_) | Mechanism::A(..) | Mechanism::Mx(..) | Mechanism::OfTheMail
            if count.is_over() =>
        {
            return Ok(Some(too_many()));
        }
        Mechanism::Include(other) => match ask(resolver, other, address, count).await? {
            Verdict::Pass(_) => true,
            Verdict::Refused(_) => false,
            Verdict::None => return Ok(Some(Verdict::Broken(format!("include:{other} leads to no record")))),
            verdict @ (Verdict::Broken(_) | Verdict::Unknown(_)) => return Ok(Some(verdict)),
        },
        Mechanism::A(other, lengths) => {
            let name = other.as_deref().unwrap_or(domain);
            lengths.hold(address, &resolver.addresses(name).await?)
        }
        Mechanism::Mx(other, lengths) => {
            let mut fits = false;
            for exchange in resolver.exchanges(other.as_deref().unwrap_or(domain)).await?.iter().take(10) {
                fits |= lengths.hold(address, &resolver.addresses(exchange).await?);
            }
            fits
        }
        Mechanism::OfTheMail => return Ok(Some(Verdict::Unknown(term.text.clone()))),
    };
    let text = term.text.clone();
    Ok(fits.then_some(if term.allows { Verdict::Pass(text) } else { Verdict::Refused(text) }))
}

impl Count {
    // Counts one look-up.
    fn is_over(&mut self) -> bool {
        self.lookups += 1;
        self.lookups > MOST_LOOKUPS
    }
}

impl Lengths {
    fn hold(self, address: IpAddr, networks: &[IpAddr]) -> bool {
        networks.iter().any(|network| {
            let length = if network.is_ipv4() { self.v4 } else { self.v6 };
            is_in(address, *network, length)
        })
    }
}

/// Whether the record lets everybody send: then it protects nothing.
pub fn allows_all(record: &str) -> bool {
    parse(record)
        .is_ok_and(|(terms, _)| terms.iter().any(|term| term.allows && term.mechanism == Mechanism::All))
}

/// Whether a TXT record is one of SPF.
pub fn is_spf(text: &str) -> bool {
    let version = text.split(' ').next().unwrap_or_default();
    version.eq_ignore_ascii_case("v=spf1")
}

// The terms and the domain of `redirect=`, or what is wrong.
fn parse(record: &str) -> Result<(Vec<Term>, Option<String>), String> {
    let (mut terms, mut redirect) = (Vec::new(), None);
    for text in record.split_ascii_whitespace().skip(1) {
        if let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.contains([':', '/'])) {
            if name.eq_ignore_ascii_case("redirect") {
                redirect = Some(value.to_owned());
            }
            // Others explain, or are to be skipped (RFC 7208 §6).
            continue;
        }
        terms.push(parse_term(text).ok_or_else(|| format!("`{text}` is no term of SPF"))?);
    }
    // RFC 7208 §6.1: `all` wins.
    let has_all = terms.iter().any(|term| term.mechanism == Mechanism::All);
    Ok((terms, redirect.filter(|_| !has_all)))
}

fn parse_term(text: &str) -> Option<Term> {
    let (allows, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (true, rest),
        ("-" | "~" | "?", rest) => (false, rest),
        _ => (true, text),
    };
    let at = rest.find([':', '/']).unwrap_or(rest.len());
    let (name, argument) = rest.split_at(at);
    let mechanism = match name.to_ascii_lowercase().as_str() {
        "ptr" | "exists" => Mechanism::OfTheMail,
        _ if argument.contains('%') => Mechanism::OfTheMail,
        "all" if argument.is_empty() => Mechanism::All,
        "include" => Mechanism::Include(argument.strip_prefix(':')?.to_owned()),
        "a" => parse_domain(argument).map(|(domain, lengths)| Mechanism::A(domain, lengths))?,
        "mx" => parse_domain(argument).map(|(domain, lengths)| Mechanism::Mx(domain, lengths))?,
        "ip4" | "ip6" => parse_network(argument.strip_prefix(':')?, name.ends_with('4'))?,
        _ => return None,
    };
    Some(Term { text: text.to_owned(), allows, mechanism })
}

// `:example.org/24//64`, any part of it.
fn parse_domain(argument: &str) -> Option<(Option<String>, Lengths)> {
    let (domain, lengths) = argument.split_at(argument.find('/').unwrap_or(argument.len()));
    let (v4, v6) = match lengths.split_once("//") {
        Some((v4, v6)) => (v4, v6.parse().ok()?),
        None => (lengths, 128),
    };
    let v4 = if v4.is_empty() { 32 } else { v4.strip_prefix('/')?.parse().ok()? };
    let domain = match domain {
        "" => None,
        domain => Some(domain.strip_prefix(':')?.to_owned()),
    };
    (v4 <= 32 && v6 <= 128).then_some((domain, Lengths { v4, v6 }))
}

fn parse_network(text: &str, is_v4: bool) -> Option<Mechanism> {
    let most = if is_v4 { 32 } else { 128 };
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, length.parse().ok()?),
        None => (text, most),
    };
    let address: IpAddr = address.parse().ok()?;
    (address.is_ipv4() == is_v4 && length <= most).then_some(Mechanism::Network(address, length))
}

fn is_in(address: IpAddr, network: IpAddr, length: u8) -> bool {
    let length = u32::from(length);
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            (address.to_bits() ^ network.to_bits()).checked_shr(32 - length).unwrap_or(0) == 0
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            (address.to_bits() ^ network.to_bits()).checked_shr(128 - length).unwrap_or(0) == 0
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

fn too_many() -> Verdict {
    Verdict::Broken(format!("it takes more than {MOST_LOOKUPS} look-ups, and receivers stop there"))
}
