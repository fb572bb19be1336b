//! Bounce: no mail that comes back, however broken, does anything but say something.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use handbill::returned::address::{Mark, Own, To, Whose};
use handbill::returned::{self, Consequence};
use handbill::subscriber::{About, Errand, Key};

const CONFIG: &str = r#"
[site]
title = "Notices"
organization = "Council"
url = "https://notices.example.org/"
zone = "UTC"
[mail]
from = "Notices <notices@example.org>"
return_path = "bounces@lists.example.org"
[mail.inbound]
complaints = "complaints@lists.example.org"
leave = "leave@lists.example.org"
"#;

static KEY: LazyLock<Key> = LazyLock::new(|| Key::from_bytes(&[7; 32]));
static OWN: LazyLock<Own> = LazyLock::new(|| {
    let (config, _) = handbill::config::parse("handbill.toml", CONFIG);
    Own::new(&config.expect("the config is right"))
});

/// Reads a mail at each of our addresses.
pub fn check(message: &[u8]) {
    let (key, own, now) = (&*KEY, &*OWN, DateTime::<Utc>::UNIX_EPOCH);
    let returned = returned::read(message, own);
    let errand = Errand { about: About::Edition(3), recipient: 7 };
    // What came to a return path is of nobody else, whatever it says.
    match returned::consequence(Some(&To::ReturnPath(errand)), &returned, key, now) {
        Consequence::Came { whose, .. } => assert_eq!(whose, Whose::Errand(errand)),
        Consequence::Nothing => {}
        Consequence::Leaves { .. } => panic!("nobody leaves by a return path"),
    }
    for to in [None, Some(To::Complaints), Some(To::Leave(None))] {
        let consequence = returned::consequence(to.as_ref(), &returned, key, now);
        if returned.marks.is_empty() {
            assert_eq!(consequence, Consequence::Nothing);
        }
    }
    for mark in &returned.marks {
        let (Mark::Token(text) | Mark::Link(text) | Mark::MessageId(text)) = mark;
        assert!(text.len() <= 512);
    }
}
