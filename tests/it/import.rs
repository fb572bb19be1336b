//! Import and export: the real program reads lists in and writes them out.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use handbill::ledger::Ledger;
use tempfile::TempDir;

/// An installation without its sample subscribers.
fn installation() -> TempDir {
    let root = TempDir::new().unwrap();
    done(handbill(root.path(), &["init"]));
    root
}

fn handbill(root: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_handbill")).arg("-C").arg(root).args(arguments).output().unwrap()
}

#[track_caller]
fn done(output: Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn write(root: &Path, name: &str, text: &str) -> String {
    let path = root.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn exported(root: &Path, name: &str) -> Vec<String> {
    let path = root.join(name);
    done(handbill(root, &["subscribers", "export", "--plain", path.to_str().unwrap()]));
    let mut lines: Vec<String> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    lines[1..].sort();
    lines
}

#[test]
fn what_is_exported_is_imported_as_it_was() {
    let (one, other) = (installation(), installation());
    let people = "email,lists,lang,confirmed_at\n\
                  juniper@example.org,alerts weekly,en,2018-05-02\ncedar@example.org,weekly,es,2019-01-02\n";
    let file = write(one.path(), "people.csv", people);
    let said = done(handbill(one.path(), &["subscribers", "import", &file, "--consent", "at the assembly"]));
    assert_eq!(said, "2 new subscribers, 0 known already, 0 lines left out.\n");
    let before = exported(one.path(), "one.csv");
    let file = one.path().join("one.csv");
    let file = file.to_str().unwrap();
    done(handbill(other.path(), &["subscribers", "import", file, "--consent", "moved"]));
    assert_eq!(exported(other.path(), "other.csv"), before);
    assert_eq!(before.len(), 3, "{before:?}");
}

#[test]
fn an_export_is_encrypted_to_whom_it_is_for_and_in_the_audit_log() {
    let root = installation();
    let file = write(root.path(), "people.csv", "email,lists\njuniper@example.org,weekly\n");
    done(handbill(root.path(), &["subscribers", "import", &file, "--consent", "at the assembly"]));
    let path = root.path().join("list.age");
    let refused = handbill(root.path(), &["subscribers", "export", path.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2), "neither --to nor --plain");

    let identity = age::x25519::Identity::generate();
    let to = identity.to_public().to_string();
    done(handbill(root.path(), &["subscribers", "export", "--to", &to, path.to_str().unwrap()]));
    let sealed = fs::read(&path).unwrap();
    assert!(!sealed.windows(7).any(|bytes| bytes == b"juniper"));
    let opened = age::decrypt(&identity, &sealed).unwrap();
    assert!(String::from_utf8(opened).unwrap().contains("juniper@example.org,weekly,en,confirmed,"));

    let log = done(handbill(root.path(), &["audit"]));
    assert!(log.contains("import") && log.contains("at the assembly"), "{log}");
    assert!(log.contains("export") && log.contains(&to) && !log.contains("juniper"), "{log}");
}

#[test]
fn lines_that_cannot_be_read_are_named_and_the_others_are_in() {
    let root = installation();
    let people =
        "Email Address,OPTIN_TIME\njuniper@example.org,2018-06-12 07:53:28\nnobody,\nJuniper@example.org,\n";
    let file = write(root.path(), "audience.csv", people);
    let import = ["subscribers", "import", &file, "--consent", "sign-up form", "--list", "weekly"];
    let output = handbill(root.path(), &import);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("audience.csv:3:1: error: this is not a mail address"), "{said}");
    assert!(said.contains("audience.csv:4:1: warning: the address stands in another line"), "{said}");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "1 new subscribers, 0 known already, 1 named twice, 1 lines left out.\n"
    );
    assert!(exported(root.path(), "out.csv")[1].contains("juniper@example.org,weekly,en,confirmed,2018-06"));
}

#[test]
fn an_address_that_is_named_twice_is_said_by_its_line_and_is_no_failure() {
    let root = installation();
    let people =
        "email,lists\njuniper@example.org,weekly\ncedar@example.org,alerts\nJuniper@example.org,alerts\n";
    let file = write(root.path(), "people.csv", people);
    let output = handbill(root.path(), &["subscribers", "import", &file, "--consent", "at the assembly"]);
    let complained = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(
        complained,
        format!("{file}:4:1: warning: the address stands in another line, one is enough\n")
    );
    assert_eq!(done(output), "2 new subscribers, 0 known already, 1 named twice, 0 lines left out.\n");
    assert!(exported(root.path(), "out.csv")[2].starts_with("juniper@example.org,alerts weekly,"));
}

#[test]
fn a_file_that_is_no_list_of_people_is_a_problem_of_the_file() {
    let root = installation();
    for (text, what) in [
        ("name,phone\n", "people.csv:1:1: error: no column holds addresses: the columns are name, phone"),
        ("PK\0\0", "people.csv:1:1: error: this is not a text"),
    ] {
        let file = write(root.path(), "people.csv", text);
        let output = handbill(root.path(), &["subscribers", "import", &file, "--consent", "at the assembly"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(what), "{said}");
    }
}

#[test]
fn an_import_that_was_killed_goes_on_where_it_was() {
    const PEOPLE: usize = 50_000;
    let root = installation();
    let path = root.path().join("people.csv");
    let mut file = std::io::BufWriter::new(fs::File::create(&path).unwrap());
    writeln!(file, "email,lists").unwrap();
    for number in 0..PEOPLE {
        writeln!(file, "neighbour-{number}@example.org,weekly").unwrap();
    }
    file.flush().unwrap();
    let import = ["subscribers", "import", path.to_str().unwrap(), "--consent", "at the assembly"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_handbill"))
        .arg("-C")
        .arg(root.path())
        .args(import)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // Killed when something is in and something is not.
    wait_for_the_first(root.path());
    child.kill().unwrap();
    child.wait().unwrap();
    let half = exported(root.path(), "half.csv").len() - 1;
    assert!(half > 0 && half < PEOPLE, "{half} were in at the kill");
    let output = handbill(root.path(), &import);
    let (said, complaint) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(said, format!("{} new subscribers, 0 known already, 0 lines left out.\n", PEOPLE - half));
    assert_eq!(complaint, format!("Going on at line {}, where this import was interrupted.\n", half + 2));
    assert_eq!(exported(root.path(), "whole.csv").len() - 1, PEOPLE);
    let again = done(handbill(root.path(), &import));
    assert_eq!(again, format!("0 new subscribers, {PEOPLE} known already, 0 lines left out.\n"));
}

#[tokio::main(flavor = "current_thread")]
async fn wait_for_the_first(root: &Path) {
    let ledger = Ledger::open(None, &root.join("data")).await.unwrap();
    while ledger.last_subscriber().await.unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    ledger.close().await;
}
