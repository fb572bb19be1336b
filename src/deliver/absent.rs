//! Absent: mails in the outbox to people who are not here any more.

use std::path::{Path, PathBuf};

use anyhow::Context;
use tokio::task::spawn_blocking;

use crate::channel::outbox;
use crate::ledger::Ledger;
use crate::subscriber::{Address, Key};

// So many are asked for in one statement.
const PAGE: usize = 1_000;

/// Destroys what lies there to people who left, were erased or never confirmed: a file names its reader. Answers how
/// many mails that were.
pub async fn destroy_mails(folder: &Path, ledger: &Ledger, key: &Key) -> anyhow::Result<usize> {
    let mails = found(folder.to_owned(), key.clone()).await?;
    let mut destroyed = 0;
    for page in mails.chunks(PAGE) {
        let lookups: Vec<[u8; 32]> = page.iter().map(|(lookup, _)| *lookup).collect();
        let absent = ledger.absent(&lookups).await?;
        for (_, path) in page.iter().filter(|(lookup, _)| absent.contains(lookup)) {
            // Another program may have taken it meanwhile.
            let was_there = outbox::destroy(path).with_context(|| format!("destroy {}", path.display()))?;
            destroyed += usize::from(was_there);
        }
    }
    Ok(destroyed)
}

async fn found(folder: PathBuf, key: Key) -> anyhow::Result<Vec<([u8; 32], PathBuf)>> {
    let read = spawn_blocking(move || {
        let mut found = Vec::new();
        for path in outbox::mails(&folder).with_context(|| format!("read {}", folder.display()))? {
            let Ok(Some(recipient)) = outbox::recipient(&path) else { continue };
            found.extend(Address::parse(&recipient).map(|address| (key.lookup(&address), path)));
        }
        Ok(found)
    });
    read.await.context("look through the outbox")?
}
