//! Signed: what of a notice is signed, and what the signature says.
//!
//! Pure.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::config::Site;
use crate::notice::NoticeId;
use crate::notice::shown::shown;
use crate::render::facts;
use crate::render::words::Words;
use crate::revision::Revision;

/// The canonical bytes of a revision as it is shown at `now`: everything that its page says, as text in UTF-8 with LF
/// line ends. Its first lines name it; the facts and the text follow.
pub fn text(site: &Site, words: &Words, revision: &Revision, now: DateTime<Utc>) -> String {
    let notice = shown(revision.notice(), now);
    let head = [words.title(&notice), site.notice_address(revision.id()), said(site, revision)].join("\n");
    let facts = facts::facts_text(site, words, &notice);
    let changes: Vec<String> = revision
        .changes
        .iter()
        .flat_map(|change| {
            let differences = facts::visible_differences(change, &notice, now);
            let at = rfc3339(change.at);
            differences.into_iter().map(move |it| format!("{at} {}", words.difference(&it)))
        })
        .collect();
    let summary = notice.summary.clone().unwrap_or_default();
    let parts = [&head, facts.trim_end(), &changes.join("\n"), &summary, notice.body.text.trim_end()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n\n") + "\n"
}

/// What the signature covers besides: which notice at which revision, since when.
pub fn said(site: &Site, revision: &Revision) -> String {
    format!(
        "{} revision {} of {}",
        revision.tag_uri(&site.tag_domain, &site.zone),
        revision.number,
        rfc3339(revision.revised_at)
    )
}

/// Where the text stands under the site; its signature stands beside it.
pub fn text_path(id: &NoticeId) -> String {
    format!("notices/{id}/notice.txt")
}

/// What the path of a signature ends in, behind that of its file.
pub const SIGNATURE: &str = ".minisig";

/// Where the public key stands under the site.
pub const KEY_PATH: &str = "signing.pub";

/// Where the chain of keys stands under the site.
pub const CHAIN_PATH: &str = "signing.chain";

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
