//! Forms: whatever is sent, what is taken is an address, lists that there are, and a day.

use std::sync::LazyLock;

use handbill::config::Config;
use handbill::web::form::{Asked, Form};
use handbill::websub;

const CONFIG: &str = r#"
[site]
title = "Notices"
organization = "Council"
url = "https://notices.example.org/"
zone = "America/New_York"
[mail]
from = "Notices <notices@example.org>"
[[list]]
name = "alerts"
title = "Alerts"
when = "at once"
kinds = ["action"]
[[list]]
name = "weekly"
title = "Weekly"
when = "0 9 * * SUN"
"#;

static OURS: LazyLock<Config> = LazyLock::new(|| {
    let (config, report) = handbill::config::parse("handbill.toml", CONFIG);
    config.unwrap_or_else(|| panic!("{}", report.pretty(false)))
});

/// Offers bytes as each of the forms.
pub fn check(bytes: &[u8]) {
    let asked = Asked::of_form(bytes);
    taken(&asked);
    let again = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("address", &asked.address)
        .extend_pairs(asked.lists.iter().map(|name| ("lists", name)))
        .append_pair("lang", &asked.lang)
        .append_pair("website", &asked.website)
        .finish();
    assert_eq!(Asked::of_form(again.as_bytes()), asked);
    match Asked::of_json(bytes) {
        Ok(asked) => taken(&asked),
        Err(err) => assert!(err.line() > 0 || bytes.is_empty(), "{err}"),
    }
    if let Ok(request) = websub::read(bytes) {
        assert!((websub::SHORTEST_LEASE..=websub::LONGEST_LEASE).contains(&request.lease));
        assert!(request.secret.len() < 200 && !request.callback.is_empty() && !request.topic.is_empty());
    }
    let Some(form) = Form::read(bytes) else { return };
    if let Ok(Some(day)) = form.day() {
        let zone = &OURS.site.zone;
        let until = zone.to_instant(day.and_hms_opt(0, 0, 0).unwrap()).0;
        assert_eq!(zone.to_wall(until).date(), day);
    }
    assert!(!form.is_language() || form.lang.is_ascii());
}

fn taken(asked: &Asked) {
    let Ok((address, lists)) = asked.check(&OURS) else { return };
    assert!(address.as_str().contains('@') && !address.as_str().contains(char::is_control));
    assert!(!lists.is_empty());
    assert!(lists.is_sorted() && lists.windows(2).all(|pair| pair[0] != pair[1]), "{lists:?}");
    assert!(lists.iter().all(|name| OURS.list(name).is_some()), "{lists:?}");
}
