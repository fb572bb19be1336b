//! Names: what DNS says of our domain and of the host that sends.
//!
//! A relay of somebody else's may send from other addresses than it takes mail at; what is found at it is then a
//! hint and no failure.

use std::net::IpAddr;

use crate::channel::dns::{NoAnswer, Resolver};
use crate::command::doctor::finding::Finding;
use crate::command::doctor::spf::{self, Count, Verdict};
use crate::command::doctor::tags::{Published, Tags};
use crate::config::{Config, Smtp, Transport};
use crate::render::email::dkim::{Record, Signer};
use crate::render::email::mime::ascii_domain;

/// The host whose addresses other servers see.
struct Sending {
    name: String,
    addresses: Vec<IpAddr>,
    // A relay on this machine: its addresses and its name are the operator's own.
    is_ours: bool,
}

/// Everything that DNS can say; asked at once, so that a name server that is away costs one wait.
pub async fn look(config: &Config, signer: Option<&Signer>, resolver: &Resolver) -> Vec<Finding> {
    let from = domain_of(&config.mail.from_address);
    // Without an address of their own bounces come back to the sender's.
    let return_path = config.mail.returns.return_path.as_deref().map_or_else(|| from.clone(), domain_of);
    let signs_as = config.mail.dkim.as_ref().map(|dkim| dkim.domain.as_str());
    let (host, keys, dmarc, exchange) = tokio::join!(
        host(config, &return_path, resolver),
        keys(signer, signs_as.is_some_and(|domain| domain != from), resolver),
        dmarc(&from, &return_path, signs_as, resolver),
        exchange(&return_path, resolver),
    );
    let mut findings = host;
    findings.extend(keys);
    findings.push(told(dmarc, "DMARC"));
    findings.push(told(exchange, "MX"));
    findings
}

async fn host(config: &Config, return_path: &str, resolver: &Resolver) -> Vec<Finding> {
    let sending = match &config.mail.transport {
        Transport::Outbox => None,
        Transport::Smtp(smtp) => match sending(smtp, resolver).await {
            Ok(sending) => Some(sending),
            Err(err) => return vec![unanswered("SPF", &err)],
        },
    };
    let mut findings = vec![told(spf(return_path, sending.as_ref(), resolver).await, "SPF")];
    if let Some(sending) = &sending {
        findings.push(told(reverse(sending, resolver).await, "PTR"));
    }
    findings
}

async fn keys(signer: Option<&Signer>, is_below: bool, resolver: &Resolver) -> Vec<Finding> {
    let Some(signer) = signer else {
        return vec![Finding::ok("DKIM", "left to the relay; `handbill dkim keygen` makes keys")];
    };
    let mut findings = Vec::new();
    for record in signer.records() {
        findings.push(told(dkim(record, is_below, resolver).await, "DKIM"));
    }
    findings
}

fn told(found: Result<Finding, NoAnswer>, what: &'static str) -> Finding {
    found.unwrap_or_else(|err| unanswered(what, &err))
}

fn unanswered(what: &'static str, err: &NoAnswer) -> Finding {
    Finding::fail(what, err.to_string(), "look at this machine's name servers, or ask others with --resolver")
}

fn domain_of(address: &str) -> String {
    ascii_domain(address.rsplit('@').next().unwrap_or_default())
}

async fn sending(smtp: &Smtp, resolver: &Resolver) -> Result<Sending, NoAnswer> {
    let literal: Option<IpAddr> = smtp.host.parse().ok();
    let is_ours = literal.map_or(smtp.host == "localhost", |address| address.is_loopback());
    if let Some(address) = literal.filter(|_| !is_ours) {
        return Ok(Sending { name: smtp.host.clone(), addresses: vec![address], is_ours });
    }
    let name = if is_ours { smtp.hello.clone() } else { smtp.host.clone() };
    let addresses = if name == "localhost" { Vec::new() } else { resolver.addresses(&name).await? };
    Ok(Sending { name, addresses, is_ours })
}

async fn spf(domain: &str, sending: Option<&Sending>, resolver: &Resolver) -> Result<Finding, NoAnswer> {
    let texts = resolver.texts(domain).await?;
    let Some(record) = texts.iter().find(|text| spf::is_spf(text)) else {
        let says = format!("{domain} does not say who may send in its name");
        return Ok(Finding::fail("SPF", says, "publish a record that names the host that sends")
            .with_record(domain, record_for(sending)));
    };
    if spf::allows_all(record) {
        return Ok(Finding::fail("SPF", "it lets everybody send", "end it with -all")
            .with_record(domain, record_for(sending)));
    }
    let mut allowed = Vec::new();
    for address in sending.map_or(&[][..], |sending| &sending.addresses) {
        let verdict = spf::ask(resolver, domain, *address, &mut Count::default()).await?;
        match verdict {
            Verdict::Pass(term) => allowed.push(format!("{address} by {term}")),
            Verdict::Refused(_) | Verdict::Unknown(_) | Verdict::Broken(_) | Verdict::None => {
                return Ok(not_allowed(domain, record, *address, &verdict, sending));
            }
        }
    }
    if allowed.is_empty() {
        // Said of a look-up that never fits, so that a record with a slip in it is found without a host.
        let nowhere = IpAddr::from([192, 0, 2, 1]);
        if let Verdict::Broken(why) = spf::ask(resolver, domain, nowhere, &mut Count::default()).await? {
            return Ok(Finding::fail("SPF", why, format!("mend `{record}`")));
        }
        return Ok(Finding::ok("SPF", record.clone()));
    }
    Ok(Finding::ok("SPF", format!("{domain} lets {} send", allowed.join(" and "))))
}

fn not_allowed(
    domain: &str,
    record: &str,
    address: IpAddr,
    verdict: &Verdict,
    sending: Option<&Sending>,
) -> Finding {
    let name = sending.map_or("", |sending| &sending.name);
    match verdict {
        Verdict::Broken(why) => Finding::fail("SPF", why.clone(), format!("mend `{record}`")),
        Verdict::Unknown(term) => {
            let says = format!("whether {address} may send depends on the mail, by {term}");
            Finding::warn("SPF", says, "name the address itself, so that it can be looked up")
        }
        Verdict::Pass(term) | Verdict::Refused(term) if sending.is_some_and(|sending| sending.is_ours) => {
            let says = format!("{domain} does not let {address} ({name}) send: {term}");
            Finding::fail("SPF", says, "add the address in front of the last term")
                .with_record(domain, with_address(record, address))
        }
        Verdict::Pass(term) | Verdict::Refused(term) => {
            let says = format!("{domain} does not let {address} ({name}) send: {term}");
            Finding::warn(
                "SPF",
                says,
                "when the relay sends from elsewhere, add the include that it documents",
            )
        }
        Verdict::None => Finding::fail("SPF", format!("{domain} has no record any more"), "look again"),
    }
}

fn record_for(sending: Option<&Sending>) -> String {
    match sending {
        Some(sending) if sending.is_ours && !sending.addresses.is_empty() => {
            let terms: Vec<String> = sending.addresses.iter().map(|address| network(*address)).collect();
            format!("v=spf1 {} -all", terms.join(" "))
        }
        Some(sending) if !sending.is_ours && sending.name.parse::<IpAddr>().is_err() => {
            format!("v=spf1 a:{} -all", sending.name)
        }
        Some(_) | None => "v=spf1 mx -all".to_owned(),
    }
}

fn network(address: IpAddr) -> String {
    if address.is_ipv4() { format!("ip4:{address}") } else { format!("ip6:{address}") }
}

fn with_address(record: &str, address: IpAddr) -> String {
    let mut terms: Vec<String> = record.split_ascii_whitespace().map(str::to_owned).collect();
    let ends = terms.last().is_some_and(|last| last.ends_with("all") || last.starts_with("redirect="));
    terms.insert(terms.len() - usize::from(ends), network(address));
    terms.join(" ")
}

// RFC 8601 calls it iprev: an address has a name, and the name has the address.
async fn reverse(sending: &Sending, resolver: &Resolver) -> Result<Finding, NoAnswer> {
    let Sending { name, addresses, is_ours } = sending;
    if addresses.is_empty() {
        let says = format!("{name} has no address");
        let help = if *is_ours {
            "write this machine's own full name as `hello` in [mail.smtp], and publish its address"
        } else {
            "correct `host` in [mail.smtp]"
        };
        return Ok(if *is_ours {
            Finding::warn("PTR", says, help)
        } else {
            Finding::fail("PTR", says, help)
        });
    }
    let mut confirmed = Vec::new();
    for address in addresses {
        let names = resolver.names(*address).await?;
        let mut back = None;
        for other in &names {
            if resolver.addresses(other).await?.contains(address) {
                back = Some(other);
                break;
            }
        }
        match back {
            Some(other) => confirmed.push(format!("{address} is {other}, and back")),
            None => return Ok(unconfirmed(sending, *address, &names)),
        }
    }
    Ok(Finding::ok("PTR", confirmed.join("; ")))
}

fn unconfirmed(sending: &Sending, address: IpAddr, names: &[String]) -> Finding {
    let says = match names.first() {
        None => format!("{address} ({}) has no name", sending.name),
        Some(name) => format!("{address} is {name}, and {name} is not {address}"),
    };
    let help = format!("ask who gave you {address} for the reverse name {}", sending.name);
    if sending.is_ours {
        Finding::fail("PTR", says, help)
    } else {
        Finding::warn("PTR", says, "tell the operator of the relay, if it also sends from there")
    }
}

// `is_below`: From is in a subdomain of the domain that signs.
async fn dkim(record: Record, is_below: bool, resolver: &Resolver) -> Result<Finding, NoAnswer> {
    let name = record.name.clone();
    let texts = resolver.texts(&name).await?;
    let missing =
        |says: String, help: &str| Finding::fail("DKIM", says, help).with_record(&record.name, &record.value);
    let ours = Tags::parse(&record.value);
    let found = match (&texts[..], &ours) {
        ([], _) => return Ok(missing(format!("{name} is not published"), "publish it")),
        ([text], Some(ours)) => Tags::parse(text).map_or(Published::Other, |tags| tags.published(ours)),
        _ => {
            let says = format!("{name} has {} records, one is allowed", texts.len());
            return Ok(missing(says, "leave this one alone"));
        }
    };
    Ok(match found {
        Published::Ours => Finding::ok("DKIM", format!("{name} is our key")),
        Published::Testing => {
            Finding::warn("DKIM", format!("{name} is our key, on trial"), "take t=y out when mails pass")
        }
        Published::Strict if is_below => {
            missing(format!("{name} is our key, not for subdomains, and From is in one"), "take t=s out")
        }
        Published::Strict => Finding::ok("DKIM", format!("{name} is our key")),
        Published::Revoked => missing(format!("{name} is revoked"), "publish our key, or make another"),
        Published::Other => missing(format!("{name} is not our key"), "publish ours, or sign with the other"),
    })
}

async fn dmarc(
    from: &str,
    return_path: &str,
    signs_as: Option<&str>,
    resolver: &Resolver,
) -> Result<Finding, NoAnswer> {
    let Some((name, tags)) = find_dmarc(from, resolver).await? else {
        let says = format!("{from} has no policy; large providers refuse bulk mail without one");
        return Ok(Finding::fail(
            "DMARC",
            says,
            "publish one, and read the reports before you go on to quarantine",
        )
        .with_record(format!("_dmarc.{from}"), format!("v=DMARC1; p=none; rua=mailto:postmaster@{from}")));
    };
    // A domain below the one with the record has its `sp`.
    let inherited = name != format!("_dmarc.{from}");
    let policy = tags.value("sp").filter(|_| inherited).or(tags.value("p")).unwrap_or_default();
    let is_strict = |tag: &str| tags.value(tag).is_some_and(|mode| mode.eq_ignore_ascii_case("s"));
    if let Some(signs_as) = signs_as.filter(|domain| *domain != from && is_strict("adkim")) {
        let says = format!("{name} asks for signatures of {from} itself, and we sign as {signs_as}");
        return Ok(Finding::fail(
            "DMARC",
            says,
            format!("write domain = \"{from}\" in [mail.dkim], or adkim=r"),
        ));
    }
    if return_path != from && is_strict("aspf") {
        let says = format!("{name} asks for a return path in {from} itself, and ours is in {return_path}");
        return Ok(Finding::warn("DMARC", says, "SPF will not count; a signature alone has to"));
    }
    Ok(match policy.to_ascii_lowercase().as_str() {
        "quarantine" | "reject" => Finding::ok("DMARC", format!("{policy}, by {name}; From is aligned")),
        "none" => Finding::warn(
            "DMARC",
            format!("none, by {name}: forged mails are delivered"),
            "write p=quarantine when the reports show that all mails of yours pass",
        ),
        _ => {
            Finding::fail("DMARC", format!("{name} has no policy"), "write p=none, p=quarantine or p=reject")
        }
    })
}

// At the domain of From, or the nearest above it; a top-level domain has none for us.
async fn find_dmarc(from: &str, resolver: &Resolver) -> Result<Option<(String, Tags)>, NoAnswer> {
    let mut domain = from;
    loop {
        let name = format!("_dmarc.{domain}");
        let texts = resolver.texts(&name).await?;
        let mut policies = texts.iter().filter_map(|text| Tags::parse(text));
        if let Some(tags) = policies.find(|tags| tags.value("v") == Some("DMARC1")) {
            return Ok(Some((name, tags)));
        }
        match domain.split_once('.') {
            Some((_, above)) if above.contains('.') => domain = above,
            Some(_) | None => return Ok(None),
        }
    }
}

async fn exchange(domain: &str, resolver: &Resolver) -> Result<Finding, NoAnswer> {
    let exchanges = resolver.exchanges(domain).await?;
    if exchanges.first().is_some_and(|name| name == ".") {
        let says = format!("{domain} takes no mail, so no bounce comes back");
        return Ok(Finding::fail("MX", says, "publish the host that takes bounces"));
    }
    // RFC 5321 §5.1: without MX the address of the domain itself is meant.
    let hosts = if exchanges.is_empty() { vec![domain.to_owned()] } else { exchanges.clone() };
    for host in &hosts {
        if !resolver.addresses(host).await?.is_empty() {
            let says = format!("bounces to {domain} go to {host}");
            return Ok(if exchanges.is_empty() {
                Finding::warn(
                    "MX",
                    format!("{says}, for want of an MX"),
                    "some servers refuse senders without MX",
                )
            } else {
                Finding::ok("MX", says)
            });
        }
    }
    let says =
        format!("no host takes mail for {domain}: bounces are lost, and many servers refuse such senders");
    Ok(Finding::fail("MX", says, format!("publish {domain}. IN MX 10 and the host that takes bounces")))
}
