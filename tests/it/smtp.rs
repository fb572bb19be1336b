//! Smtp.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::time::timeout;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use handbill::channel::smtp::Connection;
use handbill::channel::smtp::answer::{Heard, Stage, clean, outcome};
use handbill::channel::smtp::body::{encode, is_encoded};
use handbill::channel::smtp::envelope::Envelope;
use handbill::channel::smtp::relay::{Deadlines, Relay, Security, Trust};
use handbill::delivery::{Answer, Fault, Outcome};

use crate::chaos::{Chaos, Options};

const PIPELINING: Options = Options { pipelining: true, ..PLAIN };
const PLAIN: Options = Options {
    pipelining: false,
    utf8: false,
    size: None,
    auth: None,
    tls: None,
    implicit: false,
    greeting: None,
    injection: "",
};
const MESSAGE: &str = "Subject: notice\r\n\r\nTuesday at nine.\r\n";

// So long that they cannot pass on a busy machine.
fn deadlines() -> Deadlines {
    let long = Duration::from_secs(60);
    Deadlines {
        greeting: long,
        mail: long,
        rcpt: long,
        data: long,
        body: long,
        dot: long,
        ..Deadlines::default()
    }
}

// Where a test waits for them to pass.
fn short_deadlines() -> Deadlines {
    let short = Duration::from_millis(250);
    Deadlines { greeting: short, rcpt: short, body: short, dot: short, ..deadlines() }
}

fn relay(port: u16) -> Relay {
    Relay::new("127.0.0.1", port, Security::None, "client.example.org").unwrap().with_deadlines(deadlines())
}

fn envelope(name: &str) -> Envelope {
    Envelope::new("bounce@example.org", &format!("{name}@example.org")).unwrap()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn show(outcome: Outcome) -> String {
    match outcome {
        Outcome::Sent => "sent".to_owned(),
        Outcome::Deferred(fault) => format!("deferred {fault:?}"),
        Outcome::Bounced(fault) => format!("bounced {fault:?}"),
        Outcome::Uncertain => "uncertain".to_owned(),
    }
}

/// Sends to each name in turn over one connection, the next one announced, and a new connection after one
/// that broke. Returns a line for each: what it came to, with `, broken` where the connection was.
async fn send_all(relay: &Relay, names: &[&str], message: &[u8]) -> String {
    let mut connection = Connection::open(relay).await.unwrap();
    let mut lines = String::new();
    for (at, name) in names.iter().enumerate() {
        if !connection.is_usable() {
            connection = Connection::open(relay).await.unwrap();
        }
        let next = names.get(at + 1).map(|name| envelope(name));
        // Every other one as it is: that it is sent the one way or the other tells nobody.
        let answer = match at % 2 == 1 && is_encoded(message) {
            true => connection.send_encoded(&envelope(name), &mut message.to_vec(), next.as_ref()).await,
            false => connection.send(&envelope(name), message, next.as_ref()).await,
        };
        let broken = if connection.is_usable() { "" } else { ", broken" };
        lines.push_str(&format!("{name}: {}{broken}\n", show(answer.outcome)));
    }
    connection.quit().await;
    lines
}

/// What each of these recipients comes to, and the same with and without pipelining; at last, who got it.
fn check(names: &[&str], expected: &str, taken: &[&str]) {
    check_within(deadlines(), names, expected, taken);
}

fn check_within(deadlines: Deadlines, names: &[&str], expected: &str, taken: &[&str]) {
    for options in [PLAIN, PIPELINING] {
        let pipelining = options.pipelining;
        let chaos = Chaos::start(options);
        let relay = relay(chaos.port()).with_deadlines(deadlines);
        let lines = block_on(send_all(&relay, names, MESSAGE.as_bytes()));
        assert_eq!(lines, expected, "pipelining: {pipelining}");
        chaos.log(|log| {
            let recipients: Vec<_> =
                log.taken.iter().map(|taken| taken.recipient.split('@').next().unwrap()).collect();
            assert_eq!(recipients, taken, "pipelining: {pipelining}");
            assert!(log.taken.iter().all(|taken| taken.message == MESSAGE.as_bytes()));
            assert_eq!(log.violations, Vec::<String>::new());
        });
    }
}

#[test]
fn every_message_that_was_answered_250_was_taken_once() {
    let names = ["ok.1", "ok.2", "ok.3", "ok.4"];
    check(&names, "ok.1: sent\nok.2: sent\nok.3: sent\nok.4: sent\n", &names);
}

#[test]
fn a_refused_recipient_does_not_cost_the_connection() {
    check(
        &["ok.1", "reject-rcpt", "ok.2", "policy", "full", "defer-rcpt", "ok.3", "defer-data", "ok.4"],
        "ok.1: sent\n\
         reject-rcpt: bounced Recipient\n\
         ok.2: sent\n\
         policy: bounced Message\n\
         full: deferred Recipient\n\
         defer-rcpt: deferred Recipient\n\
         ok.3: sent\n\
         defer-data: deferred Message\n\
         ok.4: sent\n",
        &["ok.1", "ok.2", "ok.3", "ok.4"],
    );
}

#[test]
fn a_refused_message_does_not_cost_the_connection() {
    check(
        &["reject-dot", "defer-dot", "ok.1"],
        "reject-dot: bounced Message\ndefer-dot: deferred Message\nok.1: sent\n",
        &["ok.1"],
    );
}

#[test]
fn a_354_for_a_refused_recipient_is_answered_with_an_empty_message_to_nobody() {
    check(
        &["eager", "ok.1", "eager", "ok.2"],
        "eager: bounced Recipient\nok.1: sent\neager: bounced Recipient\nok.2: sent\n",
        &["ok.1", "ok.2"],
    );
}

#[test]
fn a_421_defers_and_ends_the_connection() {
    check(
        &["ok.1", "421", "ok.2", "421-dot", "ok.3"],
        "ok.1: sent\n421: deferred Route, broken\nok.2: sent\n421-dot: deferred Route, broken\nok.3: sent\n",
        &["ok.1", "ok.2", "ok.3"],
    );
}

#[test]
fn silence_before_the_message_defers_and_after_it_is_uncertain() {
    check_within(
        short_deadlines(),
        &["hang-rcpt", "drop-rcpt", "hang-after-dot", "drop-after-dot", "drop-at-dot", "ok"],
        "hang-rcpt: deferred Route, broken\n\
         drop-rcpt: deferred Route, broken\n\
         hang-after-dot: uncertain, broken\n\
         drop-after-dot: uncertain, broken\n\
         drop-at-dot: uncertain, broken\n\
         ok: sent\n",
        &["hang-after-dot", "drop-after-dot", "ok"],
    );
}

#[test]
fn a_reply_that_is_not_utf_8_is_still_a_reply() {
    check(&["latin1", "ok"], "latin1: sent\nok: sent\n", &["latin1", "ok"]);
}

// More than the buffers of both ends hold, so that the dot is still here when the other side goes.
fn large() -> Vec<u8> {
    b"A line of a very long message.\r\n".repeat(1 << 20)
}

#[test]
fn a_connection_lost_within_the_message_defers() {
    for options in [PLAIN, PIPELINING] {
        let chaos = Chaos::start(options);
        let lines = block_on(send_all(&relay(chaos.port()), &["drop-before-dot"], &large()));
        assert_eq!(lines, "drop-before-dot: deferred Route, broken\n");
        assert_eq!(chaos.log(|log| log.taken.len()), 0);
    }
}

#[test]
fn a_relay_that_refuses_within_the_message_is_heard() {
    let chaos = Chaos::start(PIPELINING);
    let relay = relay(chaos.port()).with_deadlines(short_deadlines());
    let lines = block_on(send_all(&relay, &["reject-body"], &large()));
    assert_eq!(lines, "reject-body: bounced Message, broken\n");
}

#[test]
fn the_next_envelope_goes_out_with_the_message_only_where_pipelining_is_offered() {
    for (options, expected) in [(PLAIN, [false, false, false]), (PIPELINING, [true, true, false])] {
        let chaos = Chaos::start(options);
        block_on(send_all(&relay(chaos.port()), &["ok.1", "ok.2", "ok.3"], MESSAGE.as_bytes()));
        let pipelined: Vec<_> = chaos.log(|log| log.taken.iter().map(|taken| taken.pipelined).collect());
        assert_eq!(pipelined, expected);
    }
}

#[test]
fn no_body_goes_out_before_its_own_send() {
    let chaos = Chaos::start(PIPELINING);
    block_on(async {
        let mut connection = Connection::open(&relay(chaos.port())).await.unwrap();
        let next = envelope("ok.2");
        connection.send(&envelope("ok.1"), MESSAGE.as_bytes(), Some(&next)).await;
        assert_eq!(connection.announced(), Some(&next));
        connection.quit().await;
    });
    let commands = chaos.log(|log| log.commands.clone());
    assert!(!commands.contains(&"QUIT".to_owned()), "QUIT would be the text of the announced message");
    assert_eq!(chaos.log(|log| log.taken.len()), 1);
}

#[test]
fn another_envelope_than_the_announced_one_is_not_sent() {
    let chaos = Chaos::start(PIPELINING);
    block_on(async {
        let mut connection = Connection::open(&relay(chaos.port())).await.unwrap();
        connection.send(&envelope("ok.1"), MESSAGE.as_bytes(), Some(&envelope("ok.2"))).await;
        let answer = connection.send(&envelope("ok.3"), MESSAGE.as_bytes(), None).await;
        assert_eq!(answer.outcome, Outcome::Deferred(Fault::Route));
        assert!(!connection.is_usable());
    });
    assert_eq!(chaos.log(|log| log.taken.len()), 1);
}

#[test]
fn a_cancelled_send_leaves_a_connection_that_sends_no_more() {
    for (options, name) in [(PLAIN, "hang-rcpt"), (PIPELINING, "hang-rcpt"), (PIPELINING, "hang-after-dot")] {
        let chaos = Chaos::start(options);
        block_on(async {
            let mut connection = Connection::open(&relay(chaos.port())).await.unwrap();
            let first = envelope(name);
            let send = connection.send(&first, MESSAGE.as_bytes(), None);
            timeout(Duration::from_millis(100), send).await.expect_err("the server is silent");
            assert!(!connection.is_usable());
            let answer = connection.send(&envelope("ok"), MESSAGE.as_bytes(), None).await;
            assert_eq!(answer.outcome, Outcome::Deferred(Fault::Route));
        });
        assert!(!chaos.log(|log| log.copies().contains_key("ok@example.org")));
    }
}

#[test]
fn a_refused_sender_is_the_messages_fault() {
    for options in [PLAIN, PIPELINING] {
        let chaos = Chaos::start(options);
        block_on(async {
            let mut connection = Connection::open(&relay(chaos.port())).await.unwrap();
            for (sender, expected) in [
                ("reject-mail@example.org", Outcome::Bounced(Fault::Message)),
                ("defer-mail@example.org", Outcome::Deferred(Fault::Message)),
                ("", Outcome::Sent),
            ] {
                let envelope = Envelope::new(sender, "ok@example.org").unwrap();
                assert_eq!(connection.send(&envelope, MESSAGE.as_bytes(), None).await.outcome, expected);
            }
        });
    }
}

#[test]
fn a_recipient_accepted_after_a_refused_sender_gets_no_empty_message() {
    let chaos = Chaos::start(PIPELINING);
    block_on(async {
        let mut connection = Connection::open(&relay(chaos.port())).await.unwrap();
        let envelope = Envelope::new("lax@example.org", "ok@example.org").unwrap();
        let answer = connection.send(&envelope, MESSAGE.as_bytes(), None).await;
        assert_eq!(answer.outcome, Outcome::Bounced(Fault::Message));
        assert!(!connection.is_usable());
    });
    assert_eq!(chaos.log(|log| log.taken.len()), 0);
}

#[test]
fn a_reply_without_an_end_ends_the_connection() {
    let chaos = Chaos::start(PIPELINING);
    block_on(async {
        let mut connection = Connection::open(&relay(chaos.port())).await.unwrap();
        let answer = connection.send(&envelope("endless"), MESSAGE.as_bytes(), None).await;
        assert_eq!(answer.outcome, Outcome::Deferred(Fault::Route));
        assert_eq!(answer.text, "the connection was lost (a reply without an end)");
        assert!(!connection.is_usable());
    });
}

#[test]
fn a_message_larger_than_the_relay_takes_is_not_begun() {
    let size = MESSAGE.len() as u64;
    for (limit, expected) in [(size, "ok: sent\n"), (size - 1, "ok: bounced Message\n")] {
        let chaos = Chaos::start(Options { size: Some(limit), ..PIPELINING });
        assert_eq!(block_on(send_all(&relay(chaos.port()), &["ok"], MESSAGE.as_bytes())), expected);
        let begun = chaos.log(|log| log.commands.iter().any(|command| command.starts_with("MAIL")));
        assert_eq!(begun, limit == size);
    }
}

#[test]
fn smtputf8_is_said_where_it_is_needed_and_offered() {
    for (utf8, name, expected, said) in [
        (true, "josé", "josé: sent\n", true),
        (true, "jose", "jose: sent\n", false),
        (false, "josé", "josé: bounced Recipient\n", false),
    ] {
        let chaos = Chaos::start(Options { utf8, ..PIPELINING });
        assert_eq!(block_on(send_all(&relay(chaos.port()), &[name], MESSAGE.as_bytes())), expected);
        chaos.log(|log| {
            assert_eq!(log.commands.iter().any(|command| command.ends_with(" SMTPUTF8")), said);
            assert_eq!(log.violations, Vec::<String>::new());
        });
    }
}

/// What opening a connection comes to: `open`, or the outcome with its words.
fn check_open(relay: Relay, expected: &str) {
    let opened = block_on(Connection::open(&relay));
    let shown = match opened {
        Ok(_) => "open".to_owned(),
        Err(answer) => format!("{}: {}", show(answer.outcome), answer.text),
    };
    assert!(shown.starts_with(expected), "{shown}");
}

#[test]
fn a_relay_that_cannot_be_used_defers_and_never_bounces() {
    for (greeting, expected) in [
        ("421 4.3.2 too busy\r\n", "deferred Route: 4.3.2 too busy"),
        ("554 5.7.1 go away\r\n", "deferred Route: 5.7.1 go away"),
        ("HTTP/1.1 400 Bad Request\r\n", "deferred Route: the greeting was not answered in SMTP"),
        ("220 a\r\n250 b\r\n", "deferred Route: the relay spoke out of turn"),
        ("220-two\r\n220 lines\r\n", "open"),
    ] {
        let chaos = Chaos::start(Options { greeting: Some(greeting), ..PLAIN });
        check_open(relay(chaos.port()), expected);
    }
}

#[test]
fn a_relay_that_does_not_greet_in_time_defers() {
    let chaos = Chaos::start(Options { greeting: Some(""), ..PLAIN });
    let relay = relay(chaos.port()).with_deadlines(short_deadlines());
    check_open(relay, "deferred Route: the greeting took longer than 250ms");
}

#[test]
fn a_relay_that_is_not_there_defers() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    check_open(relay(closed), "deferred Route: the relay could not be reached");
    let nowhere = Relay::new("relay.invalid", 25, Security::None, "client.example.org").unwrap();
    check_open(nowhere, "deferred Route: the relay's name was not found");
}

#[test]
fn auth_speaks_plain_and_login() {
    for mechanisms in ["PLAIN LOGIN", "PLAIN", "LOGIN"] {
        let chaos = Chaos::start(Options { auth: Some(("handbill", "open sesame", mechanisms)), ..PLAIN });
        let with =
            |password: &str| relay(chaos.port()).with_credentials("handbill".to_owned(), password.to_owned());
        check_open(with("open sesame"), "open");
        check_open(with("wrong"), "deferred Route: 5.7.8 wrong name or password");
    }
    let chaos = Chaos::start(Options { auth: Some(("handbill", "open sesame", "CRAM-MD5")), ..PLAIN });
    let relay = relay(chaos.port()).with_credentials("handbill".to_owned(), "open sesame".to_owned());
    check_open(relay, "deferred Route: the relay offers neither AUTH PLAIN nor AUTH LOGIN");
}

#[test]
fn credentials_do_not_show() {
    let relay = relay(25).with_credentials("handbill".to_owned(), "open sesame".to_owned());
    let shown = format!("{relay:?}");
    assert!(!shown.contains("sesame") && !shown.contains("handbill"), "{shown}");
}

/// A certificate for `127.0.0.1` with the authority that signed it, as a PEM file.
struct Authority {
    server: Arc<ServerConfig>,
    ca_file: PathBuf,
    _folder: tempfile::TempDir,
}

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let leaf_key = KeyPair::generate().unwrap();
    let leaf =
        CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&leaf_key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(leaf_key.serialize_der()).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    fs::write(&ca_file, ca.pem()).unwrap();
    Authority { server: Arc::new(server), ca_file, _folder: folder }
}

fn secure_relay(port: u16, security: Security) -> Relay {
    Relay::new("127.0.0.1", port, security, "client.example.org").unwrap().with_deadlines(deadlines())
}

#[test]
fn mail_goes_through_starttls_and_implicit_tls() {
    let authority = authority();
    let trust = Trust::new(Some(&authority.ca_file)).unwrap();
    for (implicit, security) in [(false, Security::StartTls(trust.clone())), (true, Security::Tls(trust))] {
        let auth = Some(("handbill", "open sesame", "PLAIN"));
        let chaos =
            Chaos::start(Options { tls: Some(authority.server.clone()), implicit, auth, ..PIPELINING });
        let relay = secure_relay(chaos.port(), security);
        let relay = relay.with_credentials("handbill".to_owned(), "open sesame".to_owned());
        let lines = block_on(send_all(
            &relay,
            &["ok.1", "reject-rcpt", "drop-after-dot", "ok.2"],
            MESSAGE.as_bytes(),
        ));
        assert_eq!(
            lines,
            "ok.1: sent\nreject-rcpt: bounced Recipient\ndrop-after-dot: uncertain, broken\nok.2: sent\n"
        );
        assert_eq!(chaos.log(|log| log.taken.len()), 3);
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_gets_no_mail() {
    let (authority, other) = (authority(), authority());
    let trust = Trust::new(Some(&other.ca_file)).unwrap();
    let chaos = Chaos::start(Options { tls: Some(authority.server), ..PIPELINING });
    let relay = secure_relay(chaos.port(), Security::StartTls(trust));
    check_open(relay, "deferred Route: the TLS handshake failed");
}

#[test]
fn a_relay_without_starttls_gets_no_mail_and_no_password() {
    let trust = Trust::new(Some(&authority().ca_file)).unwrap();
    let chaos = Chaos::start(Options { auth: Some(("handbill", "open sesame", "PLAIN")), ..PIPELINING });
    let relay = secure_relay(chaos.port(), Security::StartTls(trust));
    let relay = relay.with_credentials("handbill".to_owned(), "open sesame".to_owned());
    check_open(relay, "deferred Route: the relay does not offer STARTTLS");
    chaos.log(|log| assert_eq!(log.commands, ["EHLO client.example.org"]));
}

#[test]
fn what_is_said_before_the_handshake_is_never_heard_after_it() {
    let authority = authority();
    let trust = Trust::new(Some(&authority.ca_file)).unwrap();
    let injection = "250-evil.example.org\r\n250 AUTH PLAIN\r\n235 2.7.0 welcome\r\n";
    let chaos = Chaos::start(Options { tls: Some(authority.server), injection, ..PIPELINING });
    let relay = secure_relay(chaos.port(), Security::StartTls(trust));
    check_open(relay, "deferred Route: the relay spoke out of turn");
}

#[test]
fn a_file_without_certificates_is_our_own_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(Trust::new(Some(file.path())).is_err());
    assert!(Trust::new(Some(&file.path().join("nothing"))).is_err());
}

fn encoded(message: &[u8]) -> (Vec<u8>, u64) {
    // What is in the buffer already stays, and does not count.
    let mut out = b"before".to_vec();
    let size = encode(message, &mut out);
    (out.split_off(6), size)
}

fn check_body(message: &str, expected: &str) {
    let (out, _) = encoded(message.as_bytes());
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    assert_eq!(is_encoded(message.as_bytes()), message == expected);
}

#[test]
fn every_line_end_becomes_crlf_and_every_leading_dot_two() {
    check_body("", "");
    check_body("a", "a\r\n");
    check_body("a\r\nb\r\n", "a\r\nb\r\n");
    check_body("a\nb\rc\r\r\nd\n\re", "a\r\nb\r\nc\r\n\r\nd\r\n\r\ne\r\n");
    check_body(".a\r\n..b\r\nc.\r\n.", "..a\r\n...b\r\nc.\r\n..\r\n");
    check_body("a\n.\nb\r.\rc\r\n.\r\nd", "a\r\n..\r\nb\r\n..\r\nc\r\n..\r\nd\r\n");
}

#[test]
fn a_message_cannot_end_before_its_end() {
    let smuggled =
        "one\n.\nMAIL FROM:<evil@example.org>\r\n\r.\r\nRCPT TO:<ok@example.org>\n.\r\nDATA\r\n.\n";
    let chaos = Chaos::start(PIPELINING);
    let lines = block_on(send_all(&relay(chaos.port()), &["ok.1", "ok.2"], smuggled.as_bytes()));
    assert_eq!(lines, "ok.1: sent\nok.2: sent\n");
    let expected =
        "one\r\n.\r\nMAIL FROM:<evil@example.org>\r\n\r\n.\r\nRCPT TO:<ok@example.org>\r\n.\r\nDATA\r\n.\r\n";
    chaos.log(|log| {
        assert_eq!(log.taken.len(), 2);
        assert!(log.taken.iter().all(|taken| taken.message == expected.as_bytes()));
        assert_eq!(log.violations, Vec::<String>::new());
    });
}

// The plain way to say what `encode` does without doubling dots.
fn normalised(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = message.iter().peekable();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\r' => {
                bytes.next_if_eq(&&b'\n');
                out.extend_from_slice(b"\r\n");
            }
            b'\n' => out.extend_from_slice(b"\r\n"),
            _ => out.push(byte),
        }
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

// Mostly what matters to SMTP, and every other byte too.
fn messages() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'a'), any::<u8>()];
    proptest::collection::vec(byte, 0..200)
}

fn check_property(cases: u32, test: impl Fn(Vec<u8>)) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let tested = TestRunner::new(config).run(&messages(), |message| {
        test(message);
        Ok(())
    });
    tested.unwrap();
}

#[test]
fn the_size_of_any_message_is_counted_without_the_doubled_dots() {
    check_property(2_000, |message| {
        let (out, size) = encoded(&message);
        assert_eq!(size, normalised(&message).len() as u64);
        assert!(!out.windows(5).any(|five| five == b"\r\n.\r\n") && !out.starts_with(b".\r\n"));
    });
}

#[test]
fn any_message_arrives_as_it_was_but_for_its_line_ends() {
    let chaos = Chaos::start(PIPELINING);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let connection = runtime.block_on(Connection::open(&relay(chaos.port()))).unwrap();
    let connection = std::cell::RefCell::new(connection);
    check_property(200, |message| {
        let (this, next) = (envelope("ok"), envelope("ok"));
        let mut connection = connection.borrow_mut();
        let answer = runtime.block_on(connection.send(&this, &message, Some(&next)));
        assert_eq!(answer.outcome, Outcome::Sent);
        chaos.log(|log| assert_eq!(log.taken.last().unwrap().message, normalised(&message)));
    });
}

#[test]
fn an_envelope_cannot_break_out_of_its_command() {
    for address in [
        "",
        "ok",
        "@example.org",
        "ok@",
        "a b@example.org",
        "ok@example.org>\r\nDATA",
        "<ok@example.org>",
        "ok@example.org\n",
        "ok\0@example.org",
        "ok\u{a0}@example.org",
        "ok\u{2028}@example.org",
    ] {
        assert!(Envelope::new("bounce@example.org", address).is_err(), "{address:?}");
        assert!(address.is_empty() || Envelope::new(address, "ok@example.org").is_err(), "{address:?}");
    }
    let long = format!("{}@example.org", "a".repeat(243));
    assert!(Envelope::new("", &long).is_err());
    assert!(Envelope::new("", "ok+tag@example.org").is_ok());
}

#[test]
fn a_relay_greets_and_is_greeted_by_names() {
    for (host, hello) in
        [("", "a.example.org"), ("a b", "a.example.org"), ("localhost", ""), ("localhost", "a\r\nb")]
    {
        assert!(Relay::new(host, 25, Security::None, hello).is_err(), "{host:?} {hello:?}");
    }
}

/// Lines of `stage reply: outcome`; `lost` is no reply.
fn check_outcomes(table: &str) {
    for line in table.lines() {
        let (heard, expected) = line.split_once(": ").unwrap();
        let (stage, reply) = heard.split_once(' ').unwrap();
        let stage = match stage {
            "open" => Stage::Open,
            "reset" => Stage::Reset,
            "mail" => Stage::Mail,
            "rcpt" => Stage::Rcpt,
            "data" => Stage::Data,
            "body" => Stage::Body,
            "dot" => Stage::Dot,
            other => panic!("no stage {other}"),
        };
        let heard = match reply.split_once(' ') {
            _ if reply == "lost" => Heard::Lost("closed".to_owned()),
            Some((code, text)) => Heard::Reply(code.parse().unwrap(), text.to_owned()),
            None => Heard::Reply(reply.parse().unwrap(), "words without a status".to_owned()),
        };
        assert_eq!(show(outcome(stage, &heard)), expected, "{line}");
    }
}

#[test]
fn only_a_reply_to_the_dot_says_that_a_message_was_taken() {
    check_outcomes(
        "dot 250: sent\n\
         dot 250 2.0.0 queued: sent\n\
         dot 354: uncertain\n\
         dot lost: uncertain\n\
         body lost: deferred Route\n\
         data lost: deferred Route\n\
         rcpt lost: deferred Route\n\
         mail lost: deferred Route\n\
         reset lost: deferred Route\n\
         open lost: deferred Route",
    );
}

#[test]
fn a_4xx_defers_and_a_421_is_the_ways_fault() {
    check_outcomes(
        "open 450: deferred Route\n\
         open 421 4.3.2 busy: deferred Route\n\
         mail 451 4.3.0 later: deferred Message\n\
         mail 421: deferred Route\n\
         rcpt 450 4.2.0 greylisted: deferred Recipient\n\
         rcpt 421: deferred Route\n\
         data 451: deferred Message\n\
         dot 452: deferred Message\n\
         dot 421: deferred Route",
    );
}

#[test]
fn a_person_is_bounced_only_for_their_own_address() {
    check_outcomes(
        "rcpt 550: bounced Recipient\n\
         rcpt 551: bounced Recipient\n\
         rcpt 550 5.1.1 unknown: bounced Recipient\n\
         rcpt 550 5.1.10 null MX: bounced Recipient\n\
         rcpt 550 5.2.1 disabled: bounced Recipient\n\
         rcpt 550 5.4.1 access denied: bounced Recipient\n\
         rcpt 552: deferred Recipient\n\
         rcpt 552 5.2.2 full: deferred Recipient\n\
         rcpt 550 5.2.2 full: deferred Recipient\n\
         rcpt 552 5.3.4 too big: bounced Message\n\
         rcpt 550 5.2.3 too long for the mailbox: bounced Message\n\
         rcpt 550 5.1.7 bad sender: bounced Message\n\
         rcpt 550 5.1.8 bad sender's system: bounced Message\n\
         rcpt 550 5.7.1 policy: bounced Message\n\
         rcpt 550 5.7.515 not authenticated: bounced Message\n\
         rcpt 501 5.5.4 syntax: bounced Message\n\
         rcpt 503: bounced Message\n\
         rcpt 550 4.1.1 a class that disagrees: bounced Recipient\n\
         rcpt 550 5.7 not a status: bounced Recipient\n\
         mail 550 5.1.1 unknown: bounced Message\n\
         mail 550 5.7.1 policy: bounced Message\n\
         data 554: bounced Message\n\
         dot 550 5.1.1 unknown: bounced Message\n\
         dot 554 5.7.1 spam: bounced Message",
    );
}

#[test]
fn wrong_credentials_defer_whenever_they_are_noticed() {
    check_outcomes(
        "open 535 5.7.8 wrong: deferred Route\n\
         open 554 5.7.1 blocked: deferred Route\n\
         mail 530 5.7.0 authentication required: deferred Route\n\
         rcpt 530 5.7.0 must issue STARTTLS first: deferred Route\n\
         mail 538 5.7.11 encryption required: deferred Route",
    );
}

fn check_text(said: &str, expected: &str) {
    assert_eq!(clean(said, "alice@example.org"), expected);
}

#[test]
fn an_answer_is_kept_without_addresses() {
    check_text("5.1.1 <alice@example.org>: no such user", "5.1.1 <address>: no such user");
    check_text("no ALICE@Example.ORG here, ask postmaster@example.org.", "no <address> here, ask <address>");
    check_text("mailbox alice is full (alice)", "mailbox <address> is full (<address>)");
    check_text("malice is not alice", "malice is not <address>");
    check_text("see https://example.org/?to=alice%40example.org now", "see https:<address> now");
    check_text("rcpt=alice@example.org;id=1", "<address>;id=1");
    check_text("bounce+alice=example.org@example.net", "<address>");
    assert_eq!(clean("no \"a;b\"@example.org", "\"a;b\"@example.org"), "no <address>");
}

#[test]
fn an_answer_is_kept_in_a_thousand_bytes_without_control_characters() {
    check_text("one\r\ntwo\u{1b}[31m\u{0}", "one  two [31m");
    assert_eq!(clean(&"é".repeat(600), "").len(), 1_000);
    assert_eq!(clean(&"word ".repeat(600), "").len(), 999);
}

#[test]
fn no_answer_brings_an_address_into_the_ledger() {
    let config = Config { cases: 2_000, failure_persistence: None, ..Config::default() };
    let tested = TestRunner::new(config).run(&"[ a-c.@<>\\PC\\x00-\\x1f]{0,1100}", |said| {
        for said in [said.clone(), format!("{said}alice@example.org{said}")] {
            let kept = clean(&said, "alice@example.org");
            assert!(
                !kept.contains('@') && !kept.contains(char::is_control) && kept.len() <= 1_000,
                "{kept:?}"
            );
        }
        Ok(())
    });
    tested.unwrap();
}

#[test]
fn an_answer_carries_code_status_and_words() {
    let chaos = Chaos::start(PIPELINING);
    let answer = block_on(async {
        let mut connection = Connection::open(&relay(chaos.port())).await.unwrap();
        connection.send(&envelope("echo"), MESSAGE.as_bytes(), None).await
    });
    let expected = Answer {
        outcome: Outcome::Bounced(Fault::Recipient),
        code: Some(550),
        enhanced: Some("5.1.1".to_owned()),
        text: "5.1.1 <address>: no <address> here, ask <address>".to_owned(),
        retry_after: None,
        took: answer.took,
    };
    assert_eq!(answer, expected);
}
