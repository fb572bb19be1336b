//! Lost: published notices that have no file any more, and new files that look like theirs.
//!
//! Pure. The name of a file is the notice's id: under another name it is another notice, which is told anew.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use crate::folder::Reading;
use crate::notice::{Notice, NoticeId};
use crate::problem::{Problem, Report};
use crate::revision::{Draft, Revision};

impl Reading {
    /// The same, and every new notice that looks like a published one without a file is an error, until its author
    /// says by `id` which it is.
    pub fn without_renamed(
        &self,
        published: &BTreeMap<NoticeId, Revision>,
        now: DateTime<Utc>,
    ) -> Cow<'_, Self> {
        let renamed = self.renamed(&self.lost(published), published, now);
        if renamed.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut reading = self.clone();
        for (draft, was) in renamed {
            let (id, was) = (&draft.notice.id, was.id());
            reading.drafts.remove(id);
            let message = format!("this looks like {was}, which was published and has no file any more");
            let help = format!(
                "write id = \"{was}\", or give the file its name back; if it is another notice, write id = \"{id}\""
            );
            let problem = Problem::error(0..3, message, help);
            reading.renamed.push(Report::new(&*draft.path, &*draft.source, vec![problem]));
        }
        Cow::Owned(reading)
    }

    /// A warning of each action ahead that stands published although its file is gone, for whoever took that for
    /// calling it off.
    pub fn left_standing(&self, published: &BTreeMap<NoticeId, Revision>, now: DateTime<Utc>) -> Vec<Report> {
        let lost = self.lost(published);
        let renamed = self.renamed(&lost, published, now);
        let is_renamed = |lost: &Revision| renamed.iter().any(|(_, was)| was.id() == lost.id());
        let stands = |lost: &&&Revision| is_ahead(lost.notice(), now) && !lost.is_off() && !is_renamed(lost);
        let warn = |lost: &&Revision| {
            let id = lost.id();
            let message = format!(
                "{id} has no file any more and stands published: people go there and are reminded of it"
            );
            let help = format!(
                "put the file back; to call it off, write status = \"cancelled\" into it or run `handbill withdraw {id}`"
            );
            Report::new(&*lost.draft.path, &*lost.draft.source, vec![Problem::warning(0..3, message, help)])
        };
        lost.iter().filter(stands).map(warn).collect()
    }

    // A file that cannot be read now is no lost one.
    fn lost<'p>(&self, published: &'p BTreeMap<NoticeId, Revision>) -> Vec<&'p Revision> {
        let is_there = |path: &str| self.reports.iter().any(|it| it.has_errors() && it.path == path);
        // Both in the order of ids: ten thousand are walked through once, not looked up one by one.
        let mut drafts = self.drafts.keys().peekable();
        let mut has_draft = |id: &NoticeId| {
            drafts.next_if(|draft| *draft == id).is_some() || {
                while drafts.next_if(|draft| *draft < id).is_some() {}
                drafts.next_if(|draft| *draft == id).is_some()
            }
        };
        let lost = published.iter().filter(|(id, _)| !has_draft(id)).map(|(_, revision)| revision);
        lost.filter(|revision| !is_there(&revision.draft.path)).collect()
    }

    fn renamed<'p>(
        &self,
        lost: &[&'p Revision],
        published: &BTreeMap<NoticeId, Revision>,
        now: DateTime<Utc>,
    ) -> Vec<(&Draft, &'p Revision)> {
        if lost.is_empty() {
            return Vec::new();
        }
        let is_new =
            |draft: &&Draft| !published.contains_key(&draft.notice.id) && !draft.notice.has_written_id;
        let was = |draft: &Draft| {
            let mut lost = lost.iter().filter(|lost| lost.notice().withdrawn.is_none());
            lost.find(|lost| is_same(lost.notice(), &draft.notice, now)).copied()
        };
        self.drafts.values().filter(is_new).filter_map(|draft| Some((draft, was(draft)?))).collect()
    }
}

fn is_ahead(notice: &Notice, now: DateTime<Utc>) -> bool {
    notice.event().is_some_and(|event| now < event.over_at())
}

// What is over comes again under the same title: there the start tells them apart.
fn is_same(old: &Notice, new: &Notice, now: DateTime<Utc>) -> bool {
    let is_alike = || old.title == new.title || are_alike(&old.body.text, &new.body.text);
    let starts = |notice: &Notice| notice.event().map(|event| event.starts.at);
    let is_in_time = starts(old) == starts(new) || is_ahead(old, now);
    old.kind_name() == new.kind_name() && is_in_time && is_alike()
}

// Nine of ten words, of more than a line.
fn are_alike(one: &str, other: &str) -> bool {
    let mut counts: HashMap<&str, i64> = HashMap::new();
    one.split_whitespace().for_each(|word| *counts.entry(word).or_default() += 1);
    other.split_whitespace().for_each(|word| *counts.entry(word).or_default() -= 1);
    let differing: u64 = counts.values().map(|count| count.unsigned_abs()).sum();
    let words = one.split_whitespace().chain(other.split_whitespace()).count();
    words >= 40 && usize::try_from(differing).is_ok_and(|differing| differing * 10 <= words)
}
