//! Key: the real program changes it, locks it and destroys it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use chrono::TimeDelta;
use handbill::channel::outbox::Outbox;
use handbill::clock::Clock;
use handbill::ledger::Ledger;
use tempfile::TempDir;

use crate::postgres::database;

const PEOPLE: usize = 3_000;

/// An installation with subscribers.
fn installation() -> TempDir {
    let root = TempDir::new().unwrap();
    done(handbill(root.path(), &["init"], ""));
    let people: String =
        (0..PEOPLE).map(|number| format!("neighbour-{number}@example.org,weekly\n")).collect();
    let file = root.path().join("people.csv");
    fs::write(&file, format!("email,lists\n{people}")).unwrap();
    let import = ["subscribers", "import", file.to_str().unwrap(), "--consent", "at the assembly"];
    done(handbill(root.path(), &import, ""));
    fs::remove_file(file).unwrap();
    root
}

fn handbill(root: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = command(root, arguments).stdin(Stdio::piped()).spawn().unwrap();
    // One that reads nothing has closed it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn command(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handbill"));
    command.arg("-C").arg(root).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[track_caller]
fn done(output: Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What `export` writes with the key that is there, or what it complains of.
fn exported(root: &Path, input: &str) -> Result<String, String> {
    let file = root.join("export.csv");
    let output = handbill(root, &["subscribers", "export", "--plain", file.to_str().unwrap()], input);
    if !output.status.success() {
        return Err(String::from_utf8(output.stderr).unwrap());
    }
    let text = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    Ok(text)
}

#[test]
fn a_changed_key_opens_what_the_old_one_sealed_and_the_old_one_opens_nothing_new() {
    let root = installation();
    let before = exported(root.path(), "").unwrap();
    assert_eq!(before.lines().count(), PEOPLE + 1);
    let file = root.path().join("handbill.key");
    let old = fs::read(&file).unwrap();
    let said = done(handbill(root.path(), &["key", "rotate"], ""));
    assert!(said.starts_with(&format!("{PEOPLE} addresses are sealed anew.")), "{said}");
    assert_eq!(exported(root.path(), "").unwrap(), before);

    let new = fs::read(&file).unwrap();
    fs::write(&file, old).unwrap();
    assert!(exported(root.path(), "").unwrap_err().contains("open an address"));
    fs::write(&file, new).unwrap();
    done(handbill(root.path(), &["key", "rotate"], ""));
    assert_eq!(exported(root.path(), "").unwrap(), before);
    let lines = fs::read_to_string(&file).unwrap();
    assert_eq!(lines.lines().filter(|line| line.starts_with("seal ")).count(), 1, "the newest alone stays");
    assert!(done(handbill(root.path(), &["audit"], "")).contains(&format!("{PEOPLE} addresses sealed anew")));
}

#[test]
fn a_change_of_the_key_that_was_killed_goes_on() {
    let root = installation();
    let before = exported(root.path(), "").unwrap();
    let (mut killed, mut wait) = (0, 2);
    loop {
        let mut child = command(root.path(), &["key", "rotate"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        if child.try_wait().unwrap().is_some() {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        killed += 1;
        wait += wait / 2;
        // Whatever was done until then, everybody can be read.
        assert_eq!(exported(root.path(), "").unwrap(), before);
    }
    assert!(killed > 0);
    done(handbill(root.path(), &["key", "rotate"], ""));
    assert_eq!(exported(root.path(), "").unwrap(), before);
}

#[test]
fn the_key_is_not_changed_while_a_service_runs_though_it_sends_nothing() {
    let root = installation();
    let file = root.path().join("handbill.key");
    let before = fs::read(&file).unwrap();
    let serve = ["serve", "--only", "web", "--listen", "127.0.0.1:0"];
    let mut service = command(root.path(), &serve).spawn().unwrap();
    let mut said = BufReader::new(service.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("The pages are at")));
    let refused = handbill(root.path(), &["key", "rotate"], "");
    let complaint = String::from_utf8(refused.stderr).unwrap();
    assert!(complaint.contains("a service or an import runs; stop it"), "{complaint}");
    assert_eq!(fs::read(&file).unwrap(), before);
    service.kill().unwrap();
    service.wait().unwrap();
    done(handbill(root.path(), &["key", "rotate"], ""));
    assert_ne!(fs::read(&file).unwrap(), before);
}

#[test]
fn sending_that_was_held_before_a_change_of_the_key_is_held_after_it() {
    let root = installation();
    let queue = || done(handbill(root.path(), &["queue"], ""));
    done(handbill(root.path(), &["key", "rotate"], ""));
    assert!(!queue().contains("Sending is held"), "{}", queue());
    done(handbill(root.path(), &["pause"], ""));
    done(handbill(root.path(), &["key", "rotate"], ""));
    assert!(queue().contains("Sending is held"), "{}", queue());
}

#[test]
fn with_a_key_that_was_changed_elsewhere_nobody_is_put_on_a_list_and_nothing_starts() {
    let root = installation();
    let file = root.path().join("handbill.key");
    let old = fs::read(&file).unwrap();
    done(handbill(root.path(), &["key", "rotate"], ""));
    let new = fs::read(&file).unwrap();
    fs::write(&file, old).unwrap();
    let add =
        ["subscribers", "add", "ana@example.org", "--list", "weekly", "--consent", "she said so in person"];
    for arguments in [&add[..], &["serve", "--only", "web", "--listen", "127.0.0.1:0"], &["key", "rotate"]] {
        let output = handbill(root.path(), arguments, "");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains("is not the key of the ledger, which was changed; copy it here"), "{said}");
    }
    fs::write(&file, new).unwrap();
    done(handbill(root.path(), &add, ""));
    // After the key is destroyed another begins.
    done(handbill(root.path(), &["wipe", "--yes"], ""));
    handbill::installation::Installation::open(root.path()).unwrap().key_or_new().unwrap();
    done(handbill(
        root.path(),
        &["subscribers", "add", "ben@example.org", "--list", "weekly", "--consent", "so"],
        "",
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_not_changed_while_another_machine_works_with_the_ledger() {
    let Some(url) = database().await else { return };
    let root = TempDir::new().unwrap();
    done(handbill(root.path(), &["init", "--empty"], ""));
    let config = root.path().join("handbill.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}\n[ledger]\nurl = \"{url}\"\n")).unwrap();
    let add =
        ["subscribers", "add", "ana@example.org", "--list", "weekly", "--consent", "she said so in person"];
    done(handbill(root.path(), &add, ""));

    let elsewhere = TempDir::new().unwrap();
    let ledger = Ledger::open(Some(&url), elsewhere.path()).await.unwrap();
    let lease = ledger.take_lease("publish", "elsewhere", TimeDelta::seconds(90), Clock::wall().now()).await;
    let refused = handbill(root.path(), &["key", "rotate"], "");
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("a service works with the ledger from another machine"), "{said}");
    assert_eq!(ledger.held().await.unwrap(), None);
    ledger.return_lease("publish", &lease.unwrap().unwrap()).await.unwrap();
    done(handbill(root.path(), &["key", "rotate"], ""));
    assert_eq!(ledger.held().await.unwrap(), None);
    assert!(done(handbill(root.path(), &["subscribers", "show", "ana@example.org"], "")).contains("weekly"));
}

#[test]
fn a_key_under_a_passphrase_opens_with_it_alone() {
    let root = installation();
    let before = exported(root.path(), "").unwrap();
    let different = handbill(root.path(), &["key", "lock"], "bread and roses\nroses\n");
    assert_eq!(different.status.code(), Some(3));
    assert_eq!(exported(root.path(), "").unwrap(), before);

    done(handbill(root.path(), &["key", "lock"], "bread and roses\nbread and roses\n"));
    assert!(fs::read(root.path().join("handbill.key")).unwrap().starts_with(b"age-encryption.org/v1"));
    assert_eq!(exported(root.path(), "bread and roses\n").unwrap(), before);
    assert!(exported(root.path(), "roses\n").unwrap_err().contains("with that passphrase"));
    assert!(exported(root.path(), "").unwrap_err().contains("none was given"));
    done(handbill(root.path(), &["key", "rotate"], "bread and roses\n"));
    assert_eq!(exported(root.path(), "bread and roses\n").unwrap(), before);
    done(handbill(root.path(), &["key", "unlock"], "bread and roses\n"));
    assert_eq!(exported(root.path(), "").unwrap(), before);
}

#[test]
fn a_wiped_key_and_outbox_leave_nobody_who_can_read_an_address() {
    let root = installation();
    let kept = handbill(root.path(), &["wipe"], "no\n");
    assert_eq!(kept.status.code(), Some(1));
    assert!(exported(root.path(), "").is_ok());
    // A mail and what was left of one that was being put there.
    let folder = root.path().join("data/outbox");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let outbox = Outbox::new(folder.clone(), false);
    runtime.block_on(outbox.put("alert/1/1", b"To: ana@example.org\r\n\r\nWe stay.\r\n")).unwrap();
    fs::write(folder.join(".tmp4711.part"), "To: ben@example.org\r\n").unwrap();
    fs::write(folder.join("notes.txt"), "Whose mails these are: ours.").unwrap();
    let said = done(handbill(root.path(), &["wipe"], "wipe\n"));
    assert!(said.contains("So are 2 mails in"), "{said}");
    let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["notes.txt"]);
    assert!(!root.path().join("handbill.key").exists());
    assert!(exported(root.path(), "").unwrap_err().contains("handbill.key"));
    assert!(done(handbill(root.path(), &["audit"], "")).contains("wipe"));
}

#[test]
fn a_key_among_the_credentials_of_the_system_is_taken() {
    let root = installation();
    let before = exported(root.path(), "").unwrap();
    let credentials = TempDir::new().unwrap();
    fs::rename(root.path().join("handbill.key"), credentials.path().join("handbill.key")).unwrap();
    assert!(exported(root.path(), "").is_err());
    let file = root.path().join("export.csv");
    let output = command(root.path(), &["subscribers", "export", "--plain", file.to_str().unwrap()])
        .env("CREDENTIALS_DIRECTORY", credentials.path())
        .output()
        .unwrap();
    done(output);
    assert_eq!(fs::read_to_string(file).unwrap(), before);
}
