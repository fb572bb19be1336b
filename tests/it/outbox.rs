//! Outbox.

use std::fs;

use handbill::channel::outbox::Outbox;
use handbill::delivery::Outcome;

fn check(puts: &[(&str, &str)], expected: &[&str]) {
    for fsync in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::new(folder.path().join("outbox"), fsync);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (key, message) in puts {
            let answer = runtime.block_on(outbox.put(key, message.as_bytes())).unwrap();
            assert_eq!(answer.outcome, Outcome::Sent);
        }
        let entries = fs::read_dir(folder.path().join("outbox")).unwrap();
        let mut found: Vec<String> = entries
            .map(|entry| entry.unwrap())
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                format!("{name} {}", fs::read_to_string(entry.path()).unwrap())
            })
            .collect();
        found.sort();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_message_put_twice_is_one_file() {
    check(
        &[("alert/abolish-ice/0/17", "one"), ("alert/abolish-ice/0/17", "one")],
        &["alert-abolish-ice-0-17-271bbdccc2cd3302.eml one"],
    );
}

#[test]
fn a_file_with_other_bytes_is_replaced_whole() {
    check(
        &[("alert/abolish-ice/0/17", "a long one, cut short"), ("alert/abolish-ice/0/17", "two")],
        &["alert-abolish-ice-0-17-271bbdccc2cd3302.eml two"],
    );
}

#[test]
fn keys_that_look_alike_are_two_files() {
    check(
        &[("a/b", "one"), ("a-b", "two")],
        &["a-b-c14cddc033f64b9d.eml one", "a-b-d44362d67d921091.eml two"],
    );
}

#[test]
fn no_key_leads_out_of_the_folder() {
    check(&[("../../etc/passwd", "one")], &["-..-etc-passwd-3754d6cb3a38e118.eml one"]);
}

#[test]
fn a_folder_that_cannot_be_made_is_our_own_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let outbox = Outbox::new(file.path().to_owned(), false);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(runtime.block_on(outbox.put("a", b"one")).is_err());
}
