//! Intake: what a message that came back says, written down.

use chrono::{DateTime, Utc};
use tracing::info;

use crate::edition::EditionId;
use crate::ledger::Ledger;
use crate::ledger::returning::Came;
use crate::returned::address::{Own, To, Whose};
use crate::returned::score::{Event, Verdict};
use crate::returned::{self, Consequence};
use crate::subscriber::{About, Key, SubscriberId};

/// Takes what comes back.
#[derive(Debug, Clone)]
pub struct Intake {
    /// Where it is written down.
    pub ledger: Ledger,
    /// What opens the tokens.
    pub key: Key,
    /// Which addresses are ours.
    pub own: Own,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It says nothing that counts.
    Ignored,
    /// It was counted before, or is of nobody who gets mail.
    Known,
    /// It counts.
    Counted(Verdict),
    /// Somebody left a list.
    Left,
}

// The editions among which a Message-ID is looked for: a year of a busy collective, and some milliseconds.
const MOST_EDITIONS: u32 = 2_000;

impl Intake {
    /// Reads a message that came to `to`, or to an address that is not known, and writes down what follows. When it
    /// answers, that is durable; doing it twice is doing it once.
    pub async fn take(&self, to: Option<&To>, message: &[u8], now: DateTime<Utc>) -> anyhow::Result<Taken> {
        let returned = returned::read(message, &self.own);
        let taken = match returned::consequence(to, &returned, &self.key, now) {
            Consequence::Nothing => Taken::Ignored,
            Consequence::Leaves { recipient, edition } => self.leave(recipient, edition).await?,
            Consequence::Came { whose, event } => self.count(whose, event, now).await?,
        };
        match taken {
            Taken::Counted(verdict) => info!(said = ?returned.said, ?verdict, "A mail came back."),
            Taken::Left => info!("Somebody left a list by mail."),
            Taken::Ignored | Taken::Known => {}
        }
        Ok(taken)
    }

    async fn leave(&self, recipient: SubscriberId, edition: i64) -> anyhow::Result<Taken> {
        let Some(list) = self.ledger.list_of(edition).await? else { return Ok(Taken::Ignored) };
        // As by the link beside the address: of a mail to one person it leaves everything.
        if list.is_empty() {
            self.ledger.leave_all(recipient).await?;
        } else {
            self.ledger.leave(recipient, &list).await?;
        }
        Ok(Taken::Left)
    }

    async fn count(&self, whose: Whose, event: Event, now: DateTime<Utc>) -> anyhow::Result<Taken> {
        let (subscriber, edition) = match whose {
            Whose::Errand(errand) => match errand.about {
                About::Edition(edition) | About::Leave(edition) => (errand.recipient, Some(edition)),
                About::Letter | About::Probe => (errand.recipient, None),
            },
            Whose::Subscriber(subscriber) => (subscriber, None),
            Whose::Suspect(subscriber, message_id) => match self.edition_of(subscriber, &message_id).await? {
                Some(edition) => (subscriber, Some(edition)),
                None => return Ok(Taken::Ignored),
            },
        };
        let came = Came { subscriber, edition, event };
        Ok(self.ledger.returned(&came, now).await?.map_or(Taken::Known, Taken::Counted))
    }

    async fn edition_of(&self, suspect: SubscriberId, message_id: &str) -> anyhow::Result<Option<i64>> {
        let editions = self.ledger.mailed(MOST_EDITIONS).await?;
        let is_it = |id: &EditionId| self.key.message_id(id.as_str(), suspect) == message_id;
        Ok(editions.into_iter().find(|(_, id)| is_it(id)).map(|(number, _)| number))
    }
}
