//! Corpora: the fuzz targets on what the fuzzer starts from, and on that with a piece spoiled; in the same order each
//! time. `tests/fuzz/run` makes up more.

#[path = "../fuzz/targets/bounce.rs"]
mod bounce;
#[path = "../fuzz/targets/dialogue.rs"]
mod dialogue;
#[path = "../fuzz/targets/forms.rs"]
mod forms;
#[path = "../fuzz/targets/notice.rs"]
mod notice;
#[path = "../fuzz/targets/tokens.rs"]
mod tokens;

use std::path::Path;

// Of each sample so many spoiled copies: together some seconds.
const COPIES: usize = 40;

fn run(corpus: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(corpus);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let sample = std::fs::read(file).unwrap();
        check(&sample);
        for copy in 0..COPIES {
            check(&spoiled(&sample, copy));
        }
    }
}

// Cut off, with a byte changed, or with a piece twice, at places spread over it.
fn spoiled(sample: &[u8], copy: usize) -> Vec<u8> {
    let at = sample.len() * (copy + 1) / (COPIES + 1);
    let mut bytes = sample.to_vec();
    match copy % 3 {
        0 => bytes.truncate(at),
        1 => bytes[at] ^= 1 << (copy % 8),
        _ => bytes.extend_from_within(at..),
    }
    bytes
}

#[test]
fn no_mail_that_comes_back_spoiled_does_anything_but_say_something() {
    run("bounce", bounce::check);
}

#[test]
fn whatever_is_said_to_the_listener_it_answers_the_same_in_whatever_pieces() {
    run("dialogue", dialogue::check);
}

#[test]
fn whatever_is_sent_as_a_form_is_an_address_and_lists_that_there_are_or_refused() {
    run("forms", forms::check);
}

#[test]
fn no_text_makes_the_parser_forget_to_say_where_the_problem_is() {
    run("notice", notice::check);
}

#[test]
fn nothing_opens_that_was_not_signed() {
    run("tokens", tokens::check);
}
