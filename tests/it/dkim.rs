//! Dkim: what signs verifies, and what was changed does not.
//!
//! The verifier here is a second reading of RFC 6376 and shares no code with the signer; the sample of RFC 8463
//! shows that it is right.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use handbill::config;
use handbill::render::email::dkim::{BadKey, Key, Record, Signer};
use regex::Regex;

use crate::plan::at;
use crate::world::World;

const MAIL: &str = "Date: Sun, 08 Jul 2018 22:00:00 +0000\r\n\
    From: \"Notices\" <notices@example.org>\r\n\
    To: robin@example.net\r\n\
    Subject: =?utf-8?Q?Action=3A?=\r\n \t=?utf-8?Q?_now?=\r\n\
    Message-ID: <k3v9q2m8@example.org>\r\n\
    List-Unsubscribe: <https://notices.example.org/leave/token>\r\n\
    List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\
    MIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed;\r\n boundary=\"=_mixed\"\r\n\
    \r\n\
    A  line\twith \t spaces \r\n\
    \t.\r\n\
    \r\n\
    the last line  \r\n\
    \r\n\
    \t \r\n\
    \r\n";

// RFC 8463 appendix A.3, the Ed25519 signature, and the key of A.2.
const SAMPLE: &str = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n \
    d=football.example.com; i=@football.example.com;\r\n \
    q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n \
    subject : date : message-id : from : subject : date;\r\n \
    bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n \
    b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n \
    Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n\
    From: Joe SixPack <joe@football.example.com>\r\n\
    To: Suzie Q <suzie@shopping.example.net>\r\n\
    Subject: Is dinner ready?\r\n\
    Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
    Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\
    \r\n\
    Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
const SAMPLE_RECORD: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// An installation with both keys, and what signs for it.
struct Keys {
    world: World,
    signer: Signer,
}

const TABLE: &str = "[mail.dkim]\nrsa_selector = \"july-rsa\"\nrsa_key_file = \"secrets/dkim-july-rsa.pem\"\n\
    ed25519_selector = \"july-ed25519\"\ned25519_key_file = \"secrets/dkim-july-ed25519.pem\"\n";

impl Keys {
    fn new() -> Self {
        let world = World::new(TABLE);
        assert_eq!(keygen(world.path()).0, Some(0));
        let signer = world.installation.signer().unwrap().unwrap();
        Self { world, signer }
    }

    fn signed(&self, mail: &str) -> String {
        let mut signed = mail.as_bytes().to_vec();
        self.signer.sign(&mut signed, at("2018-07-08T22:00:00Z"));
        String::from_utf8(signed).unwrap()
    }

    fn pem(&self, name: &str) -> String {
        fs::read_to_string(self.world.path().join(format!("secrets/dkim-july-{name}.pem"))).unwrap()
    }

    /// What becomes of the signatures, in their order, when the signed mail was changed.
    fn check(&self, change: fn(&str) -> String, expected: &[Result<&str, &str>]) {
        let changed = change(&self.signed(MAIL));
        let found = verdicts(&changed, &self.signer.records());
        let found: Vec<_> = found.iter().map(|found| found.as_deref().map_err(|why| *why)).collect();
        assert_eq!(found, expected, "{changed}");
    }
}

fn keygen(root: &Path) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_handbill"))
        .arg("-C")
        .arg(root)
        .args(["dkim", "keygen", "--selector", "july"])
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// For each signature the algorithm by which it verifies, or what is wrong.
fn verdicts(mail: &str, records: &[Record]) -> Vec<Result<String, &'static str>> {
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    let fold = Regex::new("\r\n([ \t])").unwrap();
    let unfolded = fold.replace_all(head, "$1").into_owned();
    let fields: Vec<(String, &str)> = unfolded
        .split("\r\n")
        .map(|field| field.split_once(':').unwrap())
        .map(|(name, value)| (name.trim_end().to_lowercase(), value))
        .collect();
    let signatures = fields.iter().filter(|(name, _)| name == "dkim-signature");
    signatures.map(|(_, value)| verify(value, &fields, body, records)).collect()
}

fn verify(
    value: &str,
    fields: &[(String, &str)],
    body: &str,
    records: &[Record],
) -> Result<String, &'static str> {
    let signature = tags(value);
    let name = format!("{}._domainkey.{}", signature["s"], signature["d"]);
    let record = tags(&records.iter().find(|record| record.name == name).ok_or("no record")?.value);
    if STANDARD.encode(digest(&SHA256, canonical_body(body).as_bytes())) != signature["bh"] {
        return Err("body");
    }
    let mut covered = String::new();
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    for name in signature["h"].split(':') {
        let number = taken.entry(name).or_default();
        if let Some((_, value)) = fields.iter().rev().filter(|(other, _)| other == name).nth(*number) {
            covered += &format!("{name}:{}\r\n", canonical(value));
        }
        *number += 1;
    }
    let without = Regex::new(r"(\bb=)[^;]*$").unwrap().replace(value, "$1").into_owned();
    covered += &format!("dkim-signature:{}", canonical(&without));
    let (key, bytes) = (STANDARD.decode(&record["p"]).unwrap(), STANDARD.decode(&signature["b"]).unwrap());
    let verified = match signature["a"].as_str() {
        "rsa-sha256" => {
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(covered.as_bytes(), &bytes)
        }
        "ed25519-sha256" => {
            let digest = digest(&SHA256, covered.as_bytes());
            UnparsedPublicKey::new(&ED25519, key).verify(digest.as_ref(), &bytes)
        }
        other => panic!("{other}"),
    };
    verified.map(|()| signature["a"].clone()).map_err(|_| "fields")
}

// All white space is left out of the values, which are base64, numbers and names.
fn tags(text: &str) -> BTreeMap<String, String> {
    let tags = text.split(';').map(|tag| tag.split_once('=').unwrap());
    tags.map(|(name, value)| (name.trim().to_owned(), value.split_whitespace().collect())).collect()
}

fn canonical(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn canonical_body(body: &str) -> String {
    let spaces = Regex::new("[ \t]+").unwrap();
    let ends = Regex::new("[ \t]+\r\n").unwrap();
    let body = spaces.replace_all(&ends.replace_all(body, "\r\n"), " ").into_owned();
    let body = body.trim_end_matches("\r\n");
    if body.is_empty() { String::new() } else { format!("{body}\r\n") }
}

#[test]
fn the_verifier_of_these_tests_takes_the_sample_of_rfc_8463() {
    let record = Record {
        name: "brisbane._domainkey.football.example.com".to_owned(),
        value: SAMPLE_RECORD.to_owned(),
    };
    assert_eq!(verdicts(SAMPLE, std::slice::from_ref(&record)), [Ok("ed25519-sha256".to_owned())]);
    let forged = SAMPLE.replace("dinner", "supper");
    assert_eq!(verdicts(&forged, std::slice::from_ref(&record)), [Err("fields")]);
    let forged = SAMPLE.replace("lost", "won");
    assert_eq!(verdicts(&forged, &[record]), [Err("body")]);
}

#[test]
fn every_mail_is_signed_by_both_keys() {
    Keys::new().check(str::to_owned, &[Ok("rsa-sha256"), Ok("ed25519-sha256")]);
}

#[test]
fn what_a_relay_may_do_to_white_space_leaves_the_signatures_good() {
    let keys = Keys::new();
    let good = [Ok("rsa-sha256"), Ok("ed25519-sha256")];
    keys.check(|mail| mail.replace("Subject: ", "SUBJECT:   "), &good);
    keys.check(|mail| mail.replace("A  line\twith", "A line \twith"), &good);
    keys.check(|mail| format!("{mail}\r\n\r\n"), &good);
    keys.check(|mail| format!("Received: from elsewhere\r\n{mail}"), &good);
    keys.check(|mail| mail.replace("; t=", ";\r\n\tt="), &good);
}

#[test]
fn a_changed_mail_is_not_ours() {
    let keys = Keys::new();
    let fields = [Err("fields"), Err("fields")];
    keys.check(|mail| mail.replace("the last line", "the list line"), &[Err("body"), Err("body")]);
    keys.check(|mail| mail.replace("?Q?_now", "?Q?_no"), &fields);
    keys.check(|mail| mail.replace("leave/token", "leave/others"), &fields);
    keys.check(|mail| mail.replace("=One-Click", "=Two-Clicks"), &fields);
    keys.check(|mail| mail.replace("=_mixed", "=_fixed"), &fields);
    keys.check(|mail| mail.replace("22:00:00", "22:00:01"), &fields);
}

#[test]
fn a_second_field_in_front_voids_the_signatures() {
    let keys = Keys::new();
    let fields = [Err("fields"), Err("fields")];
    keys.check(|mail| format!("From: mallory@example.net\r\n{mail}"), &fields);
    keys.check(|mail| format!("To: all@example.net\r\n{mail}"), &fields);
    keys.check(|mail| format!("Subject: Forged\r\n{mail}"), &fields);
    keys.check(|mail| format!("Date: Mon, 09 Jul 2018 22:00:00 +0000\r\n{mail}"), &fields);
    keys.check(|mail| format!("Message-ID: <other@example.net>\r\n{mail}"), &fields);
    // Also one that the mail did not have.
    keys.check(|mail| format!("Reply-To: mallory@example.net\r\n{mail}"), &fields);
    keys.check(|mail| format!("Cc: all@example.net\r\n{mail}"), &fields);
    keys.check(|mail| format!("List-Unsubscribe: <https://example.net/>\r\n{mail}"), &fields);
    keys.check(|mail| format!("Content-Type: text/plain\r\n{mail}"), &fields);
}

#[test]
fn the_same_mail_is_signed_with_the_same_bytes() {
    let keys = Keys::new();
    assert_eq!(keys.signed(MAIL), keys.signed(MAIL));
}

#[test]
fn a_mail_without_a_body_is_signed() {
    let keys = Keys::new();
    let signed = keys.signed("From: notices@example.org\r\n\r\n");
    assert!(verdicts(&signed, &keys.signer.records()).iter().all(Result::is_ok));
}

#[test]
fn the_signature_is_in_short_lines_and_says_whose_it_is() {
    let signed = Keys::new().signed(MAIL);
    let lines: Vec<&str> = signed.split("\r\n").take_while(|line| !line.starts_with("Date:")).collect();
    assert!(lines.iter().all(|line| line.len() <= 78), "{lines:?}");
    let unfolded = lines.join("").replace('\t', " ");
    for said in ["d=example.org;", "i=@example.org;", "s=july-rsa;", "t=1531087200;", "c=relaxed/relaxed;"] {
        assert!(unfolded.contains(said), "{said} in {unfolded}");
    }
}

#[test]
fn keygen_makes_keys_that_only_their_owner_reads_and_never_replaces_them() {
    let world = World::new("");
    let (code, said, _) = keygen(world.path());
    assert_eq!(code, Some(0));
    let made =
        [world.path().join("secrets/dkim-july-rsa.pem"), world.path().join("secrets/dkim-july-ed25519.pem")];
    let before = made.each_ref().map(|file| fs::read(file).unwrap());
    #[cfg(unix)]
    for file in &made {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let (code, _, complained) = keygen(world.path());
    assert_eq!(code, Some(3));
    assert!(complained.contains("secrets/dkim-july-rsa.pem is there already"), "{complained}");
    // Half of them is as good as both.
    fs::remove_file(&made[0]).unwrap();
    assert_eq!(keygen(world.path()).0, Some(3));
    assert!(!made[0].exists());
    assert_eq!(fs::read(&made[1]).unwrap(), before[1]);
    assert!(!said.contains("PRIVATE"));
}

#[test]
fn keygen_prints_what_to_publish_and_what_to_configure() {
    let mut world = World::new("");
    let (_, said, _) = keygen(world.path());
    let table = said.lines().skip_while(|line| *line != "[mail.dkim]").take_while(|line| !line.is_empty());
    let table: Vec<&str> = table.collect();
    let mail = "[mail]\nfrom = \"Notices <notices@example.org>\"\n";
    world.reconfigure(mail, &format!("{mail}{}\n", table.join("\n")));
    let records = world.installation.signer().unwrap().unwrap().records();
    assert_eq!(records.len(), 2);
    for record in records {
        assert!(said.contains(&format!("{}\n{}\n", record.name, record.value)), "{said}");
        assert!(said.contains(&record.zone_line()), "{said}");
        assert!(record.strings().iter().all(|string| string.len() <= 255));
        assert_eq!(record.strings().concat(), record.value);
        let joined = record.zone_line().replace("\" \"", "");
        assert!(joined.contains(&format!("( \"{}\" )", record.value)));
    }
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_not_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let keys = Keys::new();
    let file = keys.world.path().join("secrets/dkim-july-rsa.pem");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = keys.world.installation.signer().unwrap_err().to_string();
    assert!(refused.contains("can be read by others; run: chmod 600"), "{refused}");
    let started = keys.world.start(crate::world::DELIVER, "2018-07-08T22:00:00Z");
    let refused = format!("{:#}", started.err().unwrap());
    assert!(refused.contains("can be read by others"), "{refused}");
}

#[test]
fn a_text_that_is_no_key_of_its_kind_is_refused() {
    let keys = Keys::new();
    let (rsa, ed25519) = (keys.pem("rsa"), keys.pem("ed25519"));
    assert_eq!(Key::rsa("s", &ed25519).unwrap_err(), BadKey::Kind);
    assert_eq!(Key::ed25519("s", &rsa).unwrap_err(), BadKey::Kind);
    assert_eq!(Key::rsa("s", "").unwrap_err(), BadKey::Unreadable);
    assert_eq!(Key::rsa("s", &rsa.replace("PRIVATE KEY", "PUBLIC KEY")).unwrap_err(), BadKey::Unreadable);
    let mut cut: Vec<&str> = rsa.lines().collect();
    cut.remove(3);
    assert_eq!(Key::rsa("s", &cut.join("\n")).unwrap_err(), BadKey::Unreadable);
    assert!(!format!("{:?}", keys.signer).contains(rsa.lines().nth(2).unwrap()));
}

#[test]
fn mails_go_out_signed() {
    let mut world = World::new(&format!("{TABLE}[[list]]\nname = \"alerts\"\nwhen = \"at once\"\n"));
    assert_eq!(keygen(world.path()).0, Some(0));
    world.subscribe(&["juniper", "quince"], "alerts");
    world.look("2018-07-08T12:00Z");
    world.write("supper", "+++\nkind = \"statement\"\ntitle = \"Supper\"\n+++\nBring a spoon.\n");
    world.pass("2018-07-08T12:01Z");
    assert_eq!(world.arrived().len(), 2);
    let records = world.installation.signer().unwrap().unwrap().records();
    for entry in fs::read_dir(world.installation.outbox()).unwrap() {
        let mail = fs::read_to_string(entry.unwrap().path()).unwrap();
        let verdicts = verdicts(&mail, &records);
        assert_eq!(verdicts, [Ok("rsa-sha256".to_owned()), Ok("ed25519-sha256".to_owned())], "{mail}");
    }
}

fn check_config(dkim: &str, expected: &str) {
    let source = format!(
        "[site]\ntitle = \"Notices\"\norganization = \"Council\"\nurl = \"https://notices.example.org/\"\n\
         zone = \"UTC\"\n[mail]\nfrom = \"Notices <notices@mail.example.org>\"\n[mail.dkim]\n{dkim}"
    );
    let (config, report) = config::parse("handbill.toml", &source);
    let told = match config {
        Some(config) => config.mail.dkim.map(|dkim| dkim.domain).unwrap_or_default(),
        None => report.problems.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>().join("\n"),
    };
    assert_eq!(told, expected);
}

#[test]
fn the_domain_that_signs_is_that_of_from_or_above_it() {
    let key = "rsa_selector = \"a\"\nrsa_key_file = \"a.pem\"\n";
    check_config(key, "mail.example.org");
    check_config(&format!("{key}domain = \"Example.org\""), "example.org");
    check_config(
        &format!("{key}domain = \"list.example.org\""),
        "`from` is in mail.example.org, which is not in list.example.org",
    );
    check_config(
        &format!("{key}domain = \"il.example.org\""),
        "`from` is in mail.example.org, which is not in il.example.org",
    );
}

#[test]
fn a_key_has_a_selector_of_its_own() {
    check_config("domain = \"example.org\"", "there is no key to sign with");
    check_config(
        "rsa_selector = \"a\"\nrsa_key_file = \"a.pem\"\ned25519_selector = \"a\"\ned25519_key_file = \"b.pem\"",
        "both keys have the same selector",
    );
    check_config(
        "rsa_selector = \"a b\"\nrsa_key_file = \"a.pem\"\ned25519_selector = \"c\"\ned25519_key_file = \"b.pem\"",
        "`rsa_selector` cannot stand in DNS",
    );
    check_config(
        "rsa_selector = \"a\"\nrsa_key_file = \"a.pem\"\ned25519_selector = \"c\"",
        "`ed25519_key_file` is missing",
    );
}
