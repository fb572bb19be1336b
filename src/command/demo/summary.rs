//! Summary: what was planned, sent and recorded, side by side.
//!
//! Pure.

use std::collections::BTreeSet;
use std::fmt;

/// What was counted, each number from a source of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// The editions that the plan foretold before they fell due.
    pub foretold: BTreeSet<String>,
    /// The editions that the ledger holds, but for those skipped and missed.
    pub committed: BTreeSet<String>,
    /// How many of them are complete.
    pub complete: usize,
    /// Editions with nothing in them.
    pub skipped: usize,
    /// Editions that were due while the service was off.
    pub missed: usize,
    /// Mails that the ledger wants delivered.
    pub deliveries: usize,
    /// Mails that it has as sent.
    pub sent: usize,
    /// Files in the outbox.
    pub files: usize,
    /// Different Message-IDs in them.
    pub message_ids: usize,
    /// Posts that the ledger wants delivered.
    pub posts: usize,
    /// Posts that it has as sent.
    pub posts_sent: usize,
    /// Posts that came.
    pub received: usize,
    /// Posts whose signature was right.
    pub verified: usize,
    /// Posts with the id of an earlier one.
    pub copies: usize,
}

impl Counts {
    /// Whether nothing was lost, doubled or made up.
    pub fn agree(&self) -> bool {
        let editions = self.foretold == self.committed && self.complete == self.committed.len();
        let mails = [self.sent, self.files, self.message_ids].iter().all(|count| *count == self.deliveries);
        // A post whose answer was lost is sent again, and a receiver knows the copy by its id.
        let posts = self.posts_sent == self.posts
            && self.received - self.copies.min(self.received) == self.posts
            && self.verified == self.received;
        !self.committed.is_empty() && editions && mails && posts
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Editions  {} planned, {} written down, {} complete; {} skipped because nothing was new, {} missed in the outage",
            self.foretold.len(),
            self.committed.len(),
            self.complete,
            self.skipped,
            self.missed
        )?;
        writeln!(
            f,
            "Mails     {} deliveries, {} recorded as sent, {} files in the outbox, {} different Message-IDs",
            self.deliveries, self.sent, self.files, self.message_ids
        )?;
        writeln!(
            f,
            "Posts     {} deliveries, {} recorded as sent, {} received, {} verified, {} copies",
            self.posts, self.posts_sent, self.received, self.verified, self.copies
        )?;
        for edition in self.foretold.symmetric_difference(&self.committed) {
            let only = if self.foretold.contains(edition) { "planned" } else { "written down" };
            writeln!(f, "          {edition} was only {only}")?;
        }
        f.write_str(if self.agree() { "All counts agree." } else { "The counts do not agree." })
    }
}
