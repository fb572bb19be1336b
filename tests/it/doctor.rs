//! Doctor: what it says of the names that a name server of this test answers for, and of the relay.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use chrono::{DateTime, Utc};
use handbill::channel::outbox::Outbox;
use handbill::channel::smtp::certificate::ends_at;
use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, MX, PTR, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::chaos::{Chaos, Options};
use crate::world::World;

/// Everything as it should be: a relay on this machine, which is client.example.org.
const ZONE: &str = "\
    example.org TXT v=spf1 ip4:192.0.2.10 -all\n\
    example.org TXT some-other-service=17\n\
    example.org MX mx.example.org\n\
    mx.example.org A 192.0.2.20\n\
    client.example.org A 192.0.2.10\n\
    10.2.0.192.in-addr.arpa PTR client.example.org\n\
    _dmarc.example.org TXT v=DMARC1; p=quarantine; rua=mailto:postmaster@example.org\n";

const TABLE: &str = "[mail.dkim]\nrsa_selector = \"july-rsa\"\nrsa_key_file = \"secrets/dkim-july-rsa.pem\"\n\
    ed25519_selector = \"july-ed25519\"\ned25519_key_file = \"secrets/dkim-july-ed25519.pem\"\n";

/// Answers by UDP from lines `name TYPE value`, in a thread that ends with the tests.
fn name_server(zone: &str) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let zone: Vec<String> = zone.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok((length, client)) = socket.recv_from(&mut bytes) {
            let Ok(question) = Message::from_vec(&bytes[..length]) else { continue };
            socket.send_to(&answer(&question, &zone).to_vec().unwrap(), client).unwrap();
        }
    });
    address
}

fn answer(question: &Message, zone: &[String]) -> Message {
    let query = question.queries[0].clone();
    let asked = query.name().to_ascii().to_lowercase();
    let mut answer = Message::response(question.metadata.id, OpCode::Query);
    answer.metadata.recursion_available = true;
    let lines: Vec<(&str, &str, &str)> = zone.iter().map(|line| parts(line)).collect();
    let named = lines.iter().filter(|(name, ..)| format!("{name}.") == asked);
    for (_, kind, value) in named {
        let (kind, data) = data(kind, value);
        if kind == query.query_type() {
            answer.add_answer(Record::from_rdata(query.name().clone(), 60, data));
        }
    }
    if !lines.iter().any(|(name, ..)| format!("{name}.") == asked) {
        answer.metadata.response_code = ResponseCode::NXDomain;
    }
    answer.add_query(query);
    answer
}

fn parts(line: &str) -> (&str, &str, &str) {
    let (name, rest) = line.split_once(' ').unwrap();
    let (kind, value) = rest.split_once(' ').unwrap();
    (name, kind, value)
}

fn data(kind: &str, value: &str) -> (RecordType, RData) {
    let name = || Name::from_ascii(format!("{}.", value.trim_end_matches('.'))).unwrap();
    match kind {
        "A" => (RecordType::A, RData::A(A(value.parse().unwrap()))),
        "AAAA" => (RecordType::AAAA, RData::AAAA(AAAA(value.parse().unwrap()))),
        "MX" => (RecordType::MX, RData::MX(MX::new(10, name()))),
        "PTR" => (RecordType::PTR, RData::PTR(PTR(name()))),
        "TXT" => {
            let strings = value.as_bytes().chunks(255);
            let strings = strings.map(|string| String::from_utf8(string.to_vec()).unwrap()).collect();
            (RecordType::TXT, RData::TXT(TXT::new(strings)))
        }
        other => panic!("{other}"),
    }
}

/// An installation that sends by a relay here and signs; `smtp` are further lines of the relay's table.
struct Clinic {
    world: World,
    _chaos: Chaos,
    keys: String,
}

#[derive(serde::Deserialize)]
struct Finding {
    what: String,
    state: String,
    says: String,
    help: Option<String>,
    record: Option<BTreeMap<String, String>>,
}

impl Clinic {
    fn new() -> Self {
        Self::sending_to(Chaos::start(Options::default()), "")
    }

    fn sending_to(chaos: Chaos, smtp: &str) -> Self {
        let world = World::sending_to(&chaos, smtp, TABLE);
        let made = handbill(&world, &["dkim", "keygen", "--selector", "july", "--json"]).1;
        let records: Vec<BTreeMap<String, String>> = serde_json::from_str(&made).unwrap();
        let keys = records.iter().map(|record| format!("{} TXT {}\n", record["name"], record["value"]));
        let keys = keys.collect();
        Self { world, _chaos: chaos, keys }
    }

    fn zone(&self) -> String {
        format!("{ZONE}{}", self.keys)
    }

    fn look(&self, zone: &str) -> (i32, Vec<Finding>) {
        let server = name_server(zone).to_string();
        let (code, said) = handbill(&self.world, &["doctor", "--json", "--resolver", &server]);
        (code, serde_json::from_str(&said).unwrap())
    }

    /// What becomes of the findings of one kind when one text of the zone is replaced by another: a line each,
    /// state, what is said, and behind an arrow the record that would be right.
    fn check(&self, what: &str, old: &str, new: &str, expected: &[&str]) {
        let zone = self.zone();
        assert!(zone.contains(old), "the zone has no {old}");
        let (code, findings) = self.look(&zone.replace(old, new));
        let lines: Vec<String> = findings.iter().filter(|found| found.what == what).map(line).collect();
        assert_eq!(lines, expected);
        let fails = findings.iter().any(|found| found.state == "fail");
        assert_eq!(code, i32::from(fails));
        assert!(
            findings.iter().all(|found| found.state == "ok" || found.what == what || found.what == "clock")
        );
        assert!(findings.iter().all(|found| found.state != "fail" || found.what == what));
    }
}

// What a busy machine's clock and disk are warned of is not of these tests.
fn wrong(finding: &Finding) -> Option<String> {
    let is_of_the_machine = matches!(finding.what.as_str(), "clock" | "disk" | "fsync");
    let is_fine = finding.state == "ok" || (finding.state == "warn" && is_of_the_machine);
    (!is_fine).then(|| format!("{}: {}", finding.what, finding.says))
}

fn line(finding: &Finding) -> String {
    assert!(finding.state == "ok" || finding.help.as_ref().is_some_and(|help| !help.is_empty()));
    let record = finding.record.as_ref().map(|record| format!(" -> {} {}", record["name"], record["value"]));
    format!("{} {}{}", finding.state, finding.says, record.unwrap_or_default())
}

fn handbill(world: &World, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_handbill"))
        .arg("-C")
        .arg(world.path())
        .args(arguments)
        .output()
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_domain_with_all_its_records_is_well() {
    let clinic = Clinic::new();
    let (code, findings) = clinic.look(&clinic.zone());
    assert_eq!(findings.iter().filter_map(wrong).collect::<Vec<_>>(), Vec::<String>::new());
    assert_eq!(code, 0);
    let what: Vec<&str> = findings.iter().map(|found| found.what.as_str()).collect();
    for looked_at in
        ["key", "disk", "fsync", "clock", "ledger", "mail", "TLS", "DKIM keys", "SPF", "PTR", "MX"]
    {
        assert!(what.contains(&looked_at), "{looked_at} in {what:?}");
    }
}

#[test]
fn with_a_return_path_spf_and_mx_are_those_of_its_domain() {
    let mut clinic = Clinic::new();
    clinic.world.reconfigure("transport =", "return_path = \"bounces@lists.example.org\"\ntransport =");
    let (code, findings) = clinic.look(&clinic.zone());
    let failed = findings.iter().filter(|found| found.state == "fail");
    let failed: Vec<_> =
        failed.map(|found| (found.what.as_str(), found.says.contains("lists.example.org"))).collect();
    assert_eq!(failed, [("SPF", true), ("MX", true)]);
    assert_eq!(code, 1);
    let lists = "lists.example.org TXT v=spf1 ip4:192.0.2.10 -all\nlists.example.org MX mx.example.org\n";
    let (code, findings) = clinic.look(&format!("{}{lists}", clinic.zone()));
    assert_eq!(findings.iter().filter_map(wrong).collect::<Vec<_>>(), Vec::<String>::new());
    assert_eq!(code, 0);
}

#[test]
fn spf_has_to_let_the_sending_host_send() {
    let clinic = Clinic::new();
    let spf = "v=spf1 ip4:192.0.2.10 -all";
    let well = |term: &str| format!("ok example.org lets 192.0.2.10 by {term} send");
    for term in
        ["ip4:192.0.2.10", "ip4:192.0.2.0/24", "a:client.example.org", "a:mx.example.org/24", "+mx/27"]
    {
        clinic.check("SPF", spf, &format!("v=spf1 {term} -all"), &[&well(term)]);
    }
    clinic.check(
        "SPF",
        spf,
        "v=spf1 mx ~all",
        &["fail example.org does not let 192.0.2.10 (client.example.org) send: ~all -> example.org v=spf1 mx \
           ip4:192.0.2.10 ~all"],
    );
    clinic.check(
        "SPF",
        "example.org TXT v=spf1 ip4:192.0.2.10 -all\n",
        "",
        &["fail example.org does not say who may send in its name -> example.org v=spf1 ip4:192.0.2.10 -all"],
    );
    let all = "fail it lets everybody send -> example.org v=spf1 ip4:192.0.2.10 -all";
    clinic.check("SPF", spf, "v=spf1 mx +all", &[all]);
    clinic.check("SPF", spf, "v=spf1 ipv4:192.0.2.10 -all", &["fail `ipv4:192.0.2.10` is no term of SPF"]);
    let twice = "v=spf1 mx -all\nexample.org TXT v=spf1 a -all";
    clinic.check("SPF", spf, twice, &["fail example.org has 2 records, one is allowed"]);
}

#[test]
fn spf_is_followed_through_other_domains_and_not_for_ever() {
    let clinic = Clinic::new();
    let spf = "v=spf1 ip4:192.0.2.10 -all";
    let well = "ok example.org lets 192.0.2.10 by include:spf.example.net send";
    let other = "\nspf.example.net TXT v=spf1 ip4:192.0.2.0/28 ?all";
    clinic.check("SPF", spf, &format!("v=spf1 include:spf.example.net -all{other}"), &[well]);
    let redirected = format!("v=spf1 redirect=spf.example.net{other}");
    clinic.check("SPF", spf, &redirected, &["ok example.org lets 192.0.2.10 by ip4:192.0.2.0/28 send"]);
    let nowhere = "fail include:spf.example.net leads to no record";
    clinic.check("SPF", spf, "v=spf1 include:spf.example.net -all", &[nowhere]);
    let many = "fail it takes more than 10 look-ups, and receivers stop there";
    clinic.check("SPF", spf, "v=spf1 include:example.org -all", &[many]);
    let of_the_mail = "warn whether 192.0.2.10 may send depends on the mail, by exists:%{i}.example.net";
    clinic.check("SPF", spf, "v=spf1 exists:%{i}.example.net -all", &[of_the_mail]);
}

#[test]
fn the_published_keys_have_to_be_ours() {
    let clinic = Clinic::new();
    let lines: Vec<&str> = clinic.keys.lines().collect();
    let (rsa, ed25519) = (parts(lines[0]).2, parts(lines[1]).2);
    let (rsa_name, ed25519_name) = ("july-rsa._domainkey.example.org", "july-ed25519._domainkey.example.org");
    let well = format!("ok {rsa_name} is our key");
    let other = |says: &str| format!("fail {ed25519_name} {says} -> {ed25519_name} {ed25519}");
    let check = |new: &str, expected: &str| clinic.check("DKIM", ed25519, new, &[&well, expected]);
    check(&ed25519.replace("v=DKIM1; ", ""), &format!("ok {ed25519_name} is our key"));
    check(rsa, &other("is not our key"));
    check(&ed25519.replace("k=ed25519", "k=rsa"), &other("is not our key"));
    check("v=DKIM1; k=ed25519; p=", &other("is revoked"));
    check(&format!("{ed25519}; t=y"), &format!("warn {ed25519_name} is our key, on trial"));
    check(&format!("{ed25519}; t=s"), &format!("ok {ed25519_name} is our key"));
    check(&format!("{ed25519}\n{ed25519_name} TXT {ed25519}"), &other("has 2 records, one is allowed"));
    clinic.check("DKIM", lines[1], "", &[&well, &other("is not published")]);
}

#[test]
fn dmarc_has_to_be_there_and_aligned() {
    let mut clinic = Clinic::new();
    let dmarc = "v=DMARC1; p=quarantine; rua=mailto:postmaster@example.org";
    let check = |clinic: &Clinic, new: &str, expected: &str| clinic.check("DMARC", dmarc, new, &[expected]);
    check(&clinic, "v=DMARC1; p=reject", "ok reject, by _dmarc.example.org; From is aligned");
    check(&clinic, "v=DMARC1; p=none", "warn none, by _dmarc.example.org: forged mails are delivered");
    check(&clinic, "v=DMARC1; rua=mailto:a@example.org", "fail _dmarc.example.org has no policy");
    check(&clinic, "v=DMARC1; p=reject; adkim=s", "ok reject, by _dmarc.example.org; From is aligned");
    check(
        &clinic,
        "something else",
        "fail example.org has no policy; large providers refuse bulk mail without one -> _dmarc.example.org \
         v=DMARC1; p=none; rua=mailto:postmaster@example.org",
    );
    // From below the domain that signs: relaxed is aligned, strict is not.
    clinic.world.reconfigure("notices@example.org", "notices@news.example.org");
    clinic.world.reconfigure("[mail.dkim]", "[mail.dkim]\ndomain = \"example.org\"");
    let below = "news.example.org TXT v=spf1 a:client.example.org -all\nnews.example.org MX mx.example.org\n";
    let told = |policy: &str| {
        let zone = format!("{below}{}", clinic.zone().replace(dmarc, policy));
        let findings = clinic.look(&zone).1;
        findings.iter().filter(|found| found.what == "DMARC").map(line).collect::<String>()
    };
    assert_eq!(told("v=DMARC1; p=none; sp=reject"), "ok reject, by _dmarc.example.org; From is aligned");
    assert_eq!(
        told("v=DMARC1; p=reject; adkim=s"),
        "fail _dmarc.example.org asks for signatures of news.example.org itself, and we sign as example.org"
    );
}

#[test]
fn the_sending_host_has_a_name_that_leads_back_to_it() {
    let clinic = Clinic::new();
    let reverse = "10.2.0.192.in-addr.arpa PTR client.example.org\n";
    let nameless = "fail 192.0.2.10 (client.example.org) has no name";
    clinic.check("PTR", reverse, "", &[nameless]);
    let elsewhere = "10.2.0.192.in-addr.arpa PTR mx.example.org\n";
    clinic.check(
        "PTR",
        reverse,
        elsewhere,
        &["fail 192.0.2.10 is mx.example.org, and mx.example.org is not 192.0.2.10"],
    );
    let six = "client.example.org AAAA 2001:db8::a\n\
        a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR client.example.org\n\
        example.org TXT v=spf1 ip4:192.0.2.10 ip6:2001:db8::/32 -all\n";
    let zone = clinic.zone().replace("example.org TXT v=spf1 ip4:192.0.2.10 -all\n", six);
    let findings = clinic.look(&zone).1;
    let told: Vec<String> =
        findings.iter().filter(|found| found.what == "PTR" || found.what == "SPF").map(line).collect();
    assert_eq!(
        told,
        [
            "ok example.org lets 192.0.2.10 by ip4:192.0.2.10 and 2001:db8::a by ip6:2001:db8::/32 send",
            "ok 192.0.2.10 is client.example.org, and back; 2001:db8::a is client.example.org, and back",
        ]
    );
}

#[test]
fn bounces_have_to_have_a_way_back() {
    let clinic = Clinic::new();
    let exchange = "example.org MX mx.example.org\n";
    clinic.check("MX", exchange, exchange, &["ok bounces to example.org go to mx.example.org"]);
    let none =
        "fail no host takes mail for example.org: bounces are lost, and many servers refuse such senders";
    clinic.check("MX", exchange, "", &[none]);
    clinic.check("MX", exchange, "example.org MX nowhere.example.org\n", &[none]);
    let null = "fail example.org takes no mail, so no bounce comes back";
    clinic.check("MX", exchange, "example.org MX .\n", &[null]);
    let address = "example.org A 192.0.2.30\n";
    clinic.check(
        "MX",
        exchange,
        address,
        &["warn bounces to example.org go to example.org, for want of an MX"],
    );
}

#[test]
fn a_person_reads_what_would_be_right_beneath_what_is_wrong() {
    let clinic = Clinic::new();
    let server = name_server(ZONE).to_string();
    let (code, said) = handbill(&clinic.world, &["doctor", "--resolver", &server]);
    assert_eq!(code, 1);
    let wrong = "FAIL  DKIM       july-ed25519._domainkey.example.org is not published\n                 publish it\n\
        \x20                july-ed25519._domainkey.example.org. IN TXT ( \"v=DKIM1; k=ed25519; p=";
    assert!(said.contains(wrong), "{said}");
    assert!(said.contains("\nok    DMARC      quarantine, by _dmarc.example.org"), "{said}");
}

#[test]
fn no_name_server_is_asked_while_mails_are_put_into_the_outbox() {
    let world = World::new("");
    let (code, said) = handbill(&world, &["doctor"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("ok    DNS        not asked while mails are put into the outbox"), "{said}");
}

#[test]
fn mails_that_stayed_in_the_outbox_when_smtp_began_are_found() {
    let clinic = Clinic::new();
    let look = || {
        let found = clinic.look(&clinic.zone()).1;
        found.into_iter().find(|found| found.what == "outbox").map(|found| line(&found))
    };
    assert_eq!(look(), None);
    let folder = clinic.world.path().join("data/outbox");
    let outbox = Outbox::new(folder.clone(), false);
    clinic.world.runtime.block_on(outbox.put("alert/1/1", b"To: ana@example.org\r\n\r\n")).unwrap();
    assert_eq!(look(), Some(format!("warn 1 mails lie in {}, each with its recipient", folder.display())));
}

#[cfg(unix)]
#[test]
fn keys_that_others_can_read_are_found() {
    use std::os::unix::fs::PermissionsExt as _;
    let clinic = Clinic::new();
    for (file, what) in [("handbill.key", "key"), ("secrets/dkim-july-rsa.pem", "DKIM keys")] {
        let file = clinic.world.path().join(file);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let (code, findings) = clinic.look(&clinic.zone());
        let found = findings.iter().find(|found| found.what == what).unwrap();
        assert_eq!((code, found.state.as_str()), (1, "fail"));
        assert!(found.says.contains("can be read by others; run: chmod 600"), "{}", found.says);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Authority { issuer: Issuer::new(params, key), pem }
}

fn certificate(authority: &Authority, year: i32, month: u8, day: u8) -> (Vec<u8>, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2018, 1, 1);
    params.not_after = date_time_ymd(year, month, day);
    (params.signed_by(&key, &authority.issuer).unwrap().der().to_vec(), key)
}

#[test]
fn the_end_of_a_certificate_is_read() {
    let authority = authority();
    // From 2050 on the time is written in another way (RFC 5280 section 4.1.2.5).
    for (year, expected) in [(2031, "2031-03-09T00:00:00Z"), (2050, "2050-03-09T00:00:00Z")] {
        let der = certificate(&authority, year, 3, 9).0;
        assert_eq!(ends_at(&der), Some(expected.parse::<DateTime<Utc>>().unwrap()));
        (0..der.len().min(120)).for_each(|length| assert_eq!(ends_at(&der[..length]), None));
    }
    assert_eq!(ends_at(b""), None);
}

#[test]
fn the_days_of_the_relays_certificate_are_counted() {
    let authority = authority();
    for (year, expected) in [(2049, "ok the certificate of 127.0.0.1 is good for "), (2019, "fail ")] {
        let (leaf, key) = certificate(&authority, year, 3, 9);
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.into()], key)
            .unwrap();
        let chaos = Chaos::start(Options { tls: Some(Arc::new(server)), ..Options::default() });
        let mut clinic = Clinic::sending_to(chaos, "ca_file = \"ca.pem\"");
        fs::write(clinic.world.path().join("ca.pem"), &authority.pem).unwrap();
        clinic.world.reconfigure("security = \"none\"", "security = \"starttls\"");
        let findings = clinic.look(&clinic.zone()).1;
        let what = if year == 2049 { "TLS" } else { "mail" };
        let found = findings.iter().find(|found| found.what == what).unwrap();
        let told = format!("{} {}", found.state, found.says);
        assert!(told.starts_with(expected), "{told}");
        assert!(year == 2049 || told.contains("expired"), "{told}");
    }
}
