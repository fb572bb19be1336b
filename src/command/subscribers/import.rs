//! Import: people from a file into the ledger, a batch a commit, so that it can be interrupted anywhere.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, IsTerminal as _, Read, Seek, SeekFrom};
use std::path::PathBuf;

use anyhow::Context;
use chrono::{DateTime, Utc};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};

use crate::clock::Clock;
use crate::command::subscribers::{consented, wrong_lists};
use crate::command::terminal::{complain, say};
use crate::command::{Ended, unread};
use crate::config::Config;
use crate::installation::Installation;
use crate::ledger::importing::{Arrival, Progress};
use crate::ledger::subscribing::{Newcomer, seal};
use crate::ledger::{Ledger, hex};
use crate::roster::{NoRoster, Person, Roster, Row, Word};
use crate::subscriber::{Key, Standing, Suppression};

/// Options of `subscribers import`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A CSV of Handbill's (email, lists, lang, confirmed_at) or an export of Mailchimp, listmonk, Keila or Mailman.
    pub file: PathBuf,
    /// Where their consent comes from; it is asked for because a list without it harms its people.
    #[arg(long, value_name = "WORDS")]
    pub consent: String,
    /// The list that they go to, for a file without a column of lists; again for another.
    #[arg(long = "list", value_name = "LIST")]
    pub lists: Vec<String>,
}

/// What came of an import.
#[derive(Debug, Default)]
struct Tally {
    added: u64,
    known: u64,
    repeated: u64,
    unconfirmed: u64,
    gone: u64,
    wrong: u64,
}

// One commit, and what a kill makes be read again. Sorted by lookup hash it goes through the index once, which is
// what an import of a million costs; 30,000 are 12 MB.
const BATCH: usize = 30_000;

// More lines than anybody reads; the count says how many there are.
const MOST_COMPLAINTS: u64 = 100;

pub async fn run(installation: &Installation, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    let consent = consented(&arguments.consent)?;
    let path = arguments.file.display().to_string();
    let mut file = File::open(&arguments.file).map_err(|err| unread(&arguments.file, err))?;
    let digest = digest(&mut file).with_context(|| format!("read {path}"))?;
    let size = file.metadata().with_context(|| format!("read {path}"))?.len();
    let bar = bar(size);
    let ledger = installation.ledger().await?;
    let source = BufReader::new(file);
    let ended = import(installation, &ledger, &path, &digest, source, &arguments.lists, &bar, clock).await;
    bar.finish_and_clear();
    let Some((tally, form)) = ended? else { return Ok(Ended::WithProblems) };
    let detail = format!("{} new from a file of {form}; consent: {consent}", tally.added);
    ledger.audit("import", &detail, clock.now()).await?;
    ledger.end_import(&digest).await?;
    tally.say()
}

/// Imports a text of our own, as `init` and the demo have it.
pub async fn import_text(
    installation: &Installation,
    path: &str,
    text: &str,
    clock: &Clock,
) -> anyhow::Result<Ended> {
    let digest = hex(&Sha256::digest(text.as_bytes())[..16]);
    let source = std::io::Cursor::new(text.as_bytes());
    let ledger = installation.ledger().await?;
    let ended =
        import(installation, &ledger, path, &digest, source, &[], &ProgressBar::hidden(), clock).await?;
    let Some((tally, _)) = ended else { return Ok(Ended::WithProblems) };
    ledger.end_import(&digest).await?;
    tally.say()
}

// None for a file that is no list of people, which is said.
#[expect(clippy::too_many_arguments, reason = "where from, where to, and what it is measured by")]
async fn import(
    installation: &Installation,
    ledger: &Ledger,
    path: &str,
    digest: &str,
    source: impl Read + Seek,
    lists: &[String],
    bar: &ProgressBar,
    clock: &Clock,
) -> anyhow::Result<Option<(Tally, &'static str)>> {
    let (_kept, key) = (installation.keep_key()?, installation.key_of(ledger).await?);
    let mut roster = match Roster::new(source) {
        Ok(roster) => roster,
        Err(err @ NoRoster::Read(_)) => return Err(err).with_context(|| format!("read {path}")),
        Err(what @ (NoRoster::Columns(_) | NoRoster::NotText)) => {
            complain(format_args!("{path}:1:1: error: {what}"));
            return Ok(None);
        }
    };
    if let Some(done) = ledger.import_progress(digest).await? {
        complain(format_args!("Going on at line {}, where this import was interrupted.", done.line));
        roster.go_on(done.end, done.line).with_context(|| format!("read {path}"))?;
    }
    let before = ledger.last_subscriber().await?;
    let mut tally = Tally::default();
    let mut reader =
        Reading { config: &installation.config, key: &key, path, lists, tally: &mut tally, now: clock.now() };
    loop {
        let (batch, progress) = reader.batch(&mut roster).with_context(|| format!("read {path}"))?;
        let Some(progress) = progress else { break };
        let imported = ledger.import(digest, &batch, before, progress).await?;
        reader.tally.added += imported.added;
        reader.tally.known += imported.known;
        for line in imported.repeated {
            reader.repeated(line);
        }
        bar.set_position(progress.end);
    }
    Ok(Some((tally, roster.form().name())))
}

// What turns rows into newcomers, and complains of those that are none.
struct Reading<'a> {
    config: &'a Config,
    key: &'a Key,
    path: &'a str,
    lists: &'a [String],
    tally: &'a mut Tally,
    now: DateTime<Utc>,
}

impl Reading<'_> {
    // The next rows, sorted by lookup hash, and where the file is then; `None` at its end.
    fn batch<R: Read + Seek>(
        &mut self,
        roster: &mut Roster<R>,
    ) -> anyhow::Result<(Vec<Arrival>, Option<Progress>)> {
        let mut batch: Vec<Arrival> = Vec::new();
        let mut places: HashMap<[u8; 32], usize> = HashMap::new();
        let mut progress = None;
        for _ in 0..BATCH {
            let Some(row) = roster.next_row()? else { break };
            progress = Some(Progress { end: row.end, line: row.next_line });
            let line = row.line;
            let Some(newcomer) = self.newcomer(row)? else { continue };
            let place = *places.entry(newcomer.lookup).or_insert(batch.len());
            match batch.get_mut(place) {
                // As when the lines are in two batches: the first says whether they get mail, and each its lists.
                Some(first) => {
                    first.newcomer.lists.extend(newcomer.lists);
                    self.repeated(line);
                }
                None => batch.push(Arrival { line, newcomer }),
            }
        }
        batch.sort_by_key(|arrival| arrival.newcomer.lookup);
        Ok((batch, progress))
    }

    fn newcomer(&mut self, row: Row) -> anyhow::Result<Option<Newcomer>> {
        let person = match row.person {
            Ok(person) => person,
            Err(fault) => {
                self.wrong(row.line, &fault.to_string());
                return Ok(None);
            }
        };
        let standing = match person.word {
            Word::Subscribed => Standing::Confirmed,
            Word::Unconfirmed => {
                self.tally.unconfirmed += 1;
                return Ok(None);
            }
            // Kept as a hash, so that nobody writes to them.
            Word::Left => Standing::Unsubscribed,
            Word::Bounced => Standing::Suppressed(Suppression::Bounced { at: self.now }),
            Word::Blocked => Standing::Suppressed(Suppression::Complained),
        };
        let is_gone = person.word != Word::Subscribed;
        self.tally.gone += u64::from(is_gone);
        let Person { address, lists, lang, confirmed_month, .. } = person;
        let lists = if lists.is_empty() { self.lists.to_vec() } else { lists };
        if let Some(complaint) = wrong_lists(self.config, &lists).filter(|_| !is_gone) {
            self.wrong(row.line, &complaint);
            return Ok(None);
        }
        Ok(Some(Newcomer {
            lookup: self.key.lookup(&address),
            sealed: seal(self.key, &address)?,
            standing,
            lists,
            lang: if lang.is_empty() { self.config.site.lang.clone() } else { lang },
            confirmed_month: if confirmed_month.is_empty() {
                self.now.format("%Y-%m").to_string()
            } else {
                confirmed_month
            },
        }))
    }

    fn wrong(&mut self, line: u64, what: &str) {
        self.tally.wrong += 1;
        self.complain(self.tally.wrong, line, &format!("error: {what}"));
    }

    fn repeated(&mut self, line: u64) {
        self.tally.repeated += 1;
        self.complain(
            self.tally.repeated,
            line,
            "warning: the address stands in another line, one is enough",
        );
    }

    fn complain(&self, count: u64, line: u64, what: &str) {
        if count <= MOST_COMPLAINTS {
            complain(format_args!("{}:{line}:1: {what}", self.path));
        }
    }
}

impl Tally {
    fn say(&self) -> anyhow::Result<Ended> {
        let mut sentence = format!("{} new subscribers, {} known already", self.added, self.known);
        for (count, what) in [
            (self.repeated, "named twice"),
            (self.unconfirmed, "without consent passed over"),
            (self.gone, "who left or bounced kept as hashes"),
        ] {
            if count > 0 {
                sentence.push_str(&format!(", {count} {what}"));
            }
        }
        say(format_args!("{sentence}, {} lines left out.", self.wrong))?;
        // Named twice, somebody is in all the same: nobody has to mend that.
        Ok(if self.wrong == 0 { Ended::Well } else { Ended::WithProblems })
    }
}

fn bar(size: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{wide_bar} {bytes} of {total_bytes}, {eta} left");
    let bar = ProgressBar::new(size);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

// An import goes on only in the very same file.
fn digest(file: &mut File) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            break;
        }
        hash.update(&piece[..count]);
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(hex(&hash.finalize()[..16]))
}
