//! Mail: how it is sent, signed and taken back.
//!
//! Pure.

use crate::config::{
    Dkim, DkimKey, Listen, Mail, Protocol, Returns, Security, Site, Smtp, Transport, checked_address,
    read_number,
};
use crate::fields::{Fields, Placed};

/// The table `[mail]` with those in it.
pub fn read(table: Fields<'_>, site: Option<&Site>) -> Option<Mail> {
    let from = table.required_line("from", "\"Name <notices@example.org>\"").and_then(|line| {
        let mailbox = line.value.parse::<lettre::message::Mailbox>().ok();
        if mailbox.is_none() {
            table.error(
                line.span,
                "`from` is not a name and an address",
                "write \"Name <notices@example.org>\"",
            );
        }
        mailbox
    });
    let reply_to = table.line("reply_to").and_then(|line| checked_address(&table, line));
    let smtp = table.table("smtp").map(|table| read_smtp(table, site));
    let from_domain = from.as_ref().map_or(String::new(), |from| ascii_domain(from.email.domain()));
    let dkim = table.table("dkim").map(|table| read_dkim(table, &from_domain));
    let returns = read_returns(&table);
    let transport = match table.one_of("transport", &[("outbox", false), ("smtp", true)]) {
        Some(true) if smtp.is_none() => {
            table.error(
                table.span_of("transport"),
                "the relay is not described",
                "add a table [mail.smtp] with host and port",
            );
            None
        }
        Some(true) => smtp.flatten().map(Transport::Smtp),
        Some(false) | None => Some(Transport::Outbox),
    };
    table.finish();
    let from = from?;
    let from_name = from.name.unwrap_or_else(|| site.map_or(String::new(), |site| site.title.clone()));
    Some(Mail {
        from_name,
        from_address: from.email.to_string(),
        reply_to,
        transport: transport?,
        dkim: dkim.flatten(),
        returns,
    })
}

fn read_returns(mail: &Fields<'_>) -> Returns {
    let return_path = mail.line("return_path").and_then(|line| tagged_address(mail, "return_path", line));
    let Some(table) = mail.table("inbound") else { return Returns { return_path, ..Returns::default() } };
    let complaints = table.line("complaints").and_then(|line| checked_address(&table, line));
    let leave = table.line("leave").and_then(|line| tagged_address(&table, "leave", line));
    let protocol = table.one_of("protocol", &[("lmtp", Protocol::Lmtp), ("smtp", Protocol::Smtp)]);
    let listen = table
        .line("listen")
        .map(|line| Listen { address: line.value, protocol: protocol.unwrap_or(Protocol::Lmtp) });
    table.finish();
    Returns { return_path, complaints, leave, listen }
}

// An address that a token still goes into: 64 octets are the most before the `@` (RFC 5321 §4.5.3.1.1), of which
// `+` and a token take 41.
fn tagged_address(table: &Fields<'_>, key: &'static str, line: Placed<String>) -> Option<String> {
    let span = line.span.clone();
    let address = checked_address(table, line)?;
    let local = address.rsplit_once('@').map_or("", |(local, _)| local);
    if local.len() <= 23 && local.is_ascii() && !local.contains('"') {
        return Some(address);
    }
    table.error(
        span,
        format!("`{key}` has no room for a token"),
        "write at most 23 plain letters before the @, such as bounces@lists.example.org",
    );
    None
}

fn read_dkim(table: Fields<'_>, from_domain: &str) -> Option<Dkim> {
    let domain =
        table.line("domain").map(|line| Placed { value: ascii_domain(&line.value), span: line.span });
    if let Some(domain) = &domain
        && !is_within(from_domain, &domain.value)
    {
        table.error(
            domain.span.clone(),
            format!("`from` is in {from_domain}, which is not in {}", domain.value),
            format!("write {from_domain} or a domain above it: else DMARC does not count the signature"),
        );
    }
    let rsa = dkim_key(&table, "rsa", table.line("rsa_selector"), table.line("rsa_key_file"));
    let ed25519 = dkim_key(&table, "ed25519", table.line("ed25519_selector"), table.line("ed25519_key_file"));
    if rsa.is_none() && ed25519.is_none() {
        table.error(
            table.span(),
            "there is no key to sign with",
            "`handbill dkim keygen` says what to write",
        );
    }
    if let (Some(one), Some(other)) = (&rsa, &ed25519)
        && one.selector == other.selector
    {
        // RFC 6376 §3.6.2.2: two records under one name are undefined.
        let help = "each key has a record of its own: write another name";
        table.error(table.span_of("ed25519_selector"), "both keys have the same selector", help);
    }
    table.finish();
    Some(Dkim { domain: domain.map_or(from_domain.to_owned(), |line| line.value), rsa, ed25519 })
}

fn dkim_key(
    table: &Fields<'_>,
    kind: &str,
    selector: Option<Placed<String>>,
    file: Option<Placed<String>>,
) -> Option<DkimKey> {
    let (selector, file) = match (selector, file) {
        (Some(selector), Some(file)) => (selector, file),
        (None, None) => return None,
        (Some(selector), None) => {
            let help = "a selector names a key: add its file";
            table.error(selector.span, format!("`{kind}_key_file` is missing"), help);
            return None;
        }
        (None, Some(file)) => {
            let help = "add the name under which its record stands in DNS";
            table.error(file.span, format!("`{kind}_selector` is missing"), help);
            return None;
        }
    };
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !selector.value.split('.').all(is_label) {
        let message = format!("`{kind}_selector` cannot stand in DNS");
        table.error(selector.span, message, "use letters, digits and hyphens, such as \"notices-2026\"");
        return None;
    }
    Some(DkimKey { selector: selector.value, file: file.value.into() })
}

fn is_within(domain: &str, above: &str) -> bool {
    domain == above || domain.strip_suffix(above).is_some_and(|rest| rest.ends_with('.'))
}

// As DNS has it.
fn ascii_domain(domain: &str) -> String {
    url::Host::parse(domain).map_or_else(|_| domain.to_lowercase(), |host| host.to_string())
}

fn read_smtp(table: Fields<'_>, site: Option<&Site>) -> Option<Smtp> {
    let host = table.required_line("host", "\"smtp.example.org\"");
    let security = table.one_of(
        "security",
        &[("starttls", Security::StartTls), ("tls", Security::Tls), ("none", Security::None)],
    );
    let security = security.unwrap_or(Security::StartTls);
    let port = read_number(&table, "port", 1..=65535);
    let user = table.line("user").map(|line| line.value);
    let password_file = table.line("password_file").map(|line| line.value.into());
    let ca_file = table.line("ca_file").map(|line| line.value.into());
    let connections = read_number(&table, "connections", 1..=200).unwrap_or(10);
    let per_minute = read_number(&table, "per_minute", 1..=10_000_000);
    let hello = table.line("hello").map(|line| line.value);
    // RFC 5321 §4.1.1.1 asks for a name that resolves, and relays refuse `localhost`; the site's does resolve.
    let domain = site.and_then(|site| site.url.domain()).unwrap_or("localhost");
    let hello = hello.unwrap_or_else(|| domain.to_owned());
    if user.is_some() && security == Security::None {
        table.error(
            table.span_of("user"),
            "a password would go over the wire in the clear",
            "write security = \"starttls\" or \"tls\"",
        );
    }
    table.finish();
    let default_port = match security {
        Security::None => 25,
        Security::StartTls => 587,
        Security::Tls => 465,
    };
    Some(Smtp {
        host: host?.value,
        port: port.and_then(|port| u16::try_from(port).ok()).unwrap_or(default_port),
        security,
        user,
        password_file,
        ca_file,
        connections: usize::try_from(connections).unwrap_or(10),
        per_minute: per_minute.and_then(|rate| u32::try_from(rate).ok()),
        hello,
    })
}
