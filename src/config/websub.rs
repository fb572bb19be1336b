//! Websub: the table `[websub]`, which hubs say when a feed changes.
//!
//! Pure.

use url::Url;

use crate::config::WebSub;
use crate::fields::Fields;

/// The table `[websub]`.
pub fn read(table: Fields<'_>) -> WebSub {
    let own = table.flag("hub").unwrap_or(false);
    let hubs = table.lines("hubs").into_iter().filter_map(|line| match Url::parse(&line.value) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Some(url.to_string()),
        Ok(_) | Err(_) => {
            let help = "write it whole, such as https://hub.example.org/";
            table.error(line.span, format!("{} is not where a hub can be", line.value), help);
            None
        }
    });
    let hubs = hubs.collect();
    let allow = table.lines("allow").into_iter().map(|line| line.value).collect();
    table.finish();
    WebSub { own, hubs, allow }
}
