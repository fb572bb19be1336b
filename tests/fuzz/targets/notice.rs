//! Notice: no text of a person, however broken, makes the parser panic or forget to say where the problem is.

use std::sync::LazyLock;

use handbill::notice::parse::{self, Defaults};

const CONFIG: &str = r#"
[site]
title = "Notices"
organization = "Council"
url = "https://notices.example.org/"
zone = "America/New_York"
[mail]
from = "Notices <notices@example.org>"
"#;

static DEFAULTS: LazyLock<Defaults> = LazyLock::new(|| {
    let (config, _) = handbill::config::parse("handbill.toml", CONFIG);
    config.expect("the config is right").site.defaults()
});

/// Parses what is text.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let parsed = parse::parse("notices/fuzz.md", text, &DEFAULTS);
    let lines = parsed.report.lines();
    assert!(parsed.notice.is_some() || !lines.is_empty(), "nothing is wrong, and there is no notice");
}
