//! Ledger: the durable record of revisions, editions, deliveries and subscribers; the only SQL.
//!
//! One text for SQLite and PostgreSQL. They differ in few places: how a claim passes over rows that another
//! claims (`Dialect::skip_locked`), how a batch of rows comes in and goes out as one value (`Dialect::rows`,
//! `Dialect::gathered`), how a transaction begins that is to write (`Dialect::begin_writing`) and whether a
//! receipt goes into two tables or through a view (`delivering::Recording`); and in how a table is made (`schema`).
//! Times are milliseconds since 1970 in UTC.

pub mod asking;
pub mod auditing;
pub mod choosing;
pub mod delivering;
pub mod epoch;
pub mod forgetting;
pub mod hub;
pub mod importing;
pub mod jumping;
pub mod looking;
pub mod publishing;
pub mod recalling;
pub mod resealing;
pub mod returning;
pub mod schema;
pub mod subscribing;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::any::AnyPoolOptions;
use sqlx::sqlite::{SqliteConnection, SqliteOwnedBuf};
use sqlx::{Any, AnyPool, Connection as _, Transaction};

use crate::ledger::epoch::Epoch;

/// Which database holds the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Embedded, one process.
    Sqlite,
    /// Many machines.
    Postgres,
}

/// The open ledger.
#[derive(Debug, Clone)]
pub struct Ledger {
    dialect: Dialect,
    // SQLite has one writer; the pool of one connection is the queue in front of it.
    write: AnyPool,
    read: AnyPool,
    file: Option<PathBuf>,
    epoch: Epoch,
}

const BYTES: &str = "BYTES";

impl Dialect {
    fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }

    // A table of rows from the JSON text `[[…], …]` in $1; each column with its SQL type or `BYTES`.
    fn rows(self, columns: &[(&str, &str)]) -> String {
        // JSON holds no bytes: those come as hexadecimal digits.
        let column = |(index, (name, kind)): (usize, &(&str, &str))| match (self, *kind) {
            (Self::Sqlite, BYTES) => format!("unhex(json_extract(value, '$[{index}]')) AS {name}"),
            (Self::Sqlite, _) => format!("json_extract(value, '$[{index}]') AS {name}"),
            (Self::Postgres, BYTES) => format!("decode(value->>{index}, 'hex') AS {name}"),
            (Self::Postgres, _) => format!("CAST(value->>{index} AS {kind}) AS {name}"),
        };
        let columns: Vec<String> = columns.iter().enumerate().map(column).collect();
        let source = match self {
            // Of each row the binary form: a column is found in it without reading its text again.
            Self::Sqlite => "jsonb_each($1)",
            Self::Postgres => "json_array_elements(CAST($1 AS JSON))",
        };
        format!("(SELECT {} FROM {source})", columns.join(", "))
    }

    // The way back: all rows of a query in one, the JSON text `[[…], …]`, each column an expression with its SQL type
    // or `BYTES`. What comes row by row changes threads row by row.
    fn gathered(self, columns: &[(&str, &str)]) -> String {
        let column = |(expression, kind): &(&str, &str)| match (self, *kind) {
            (Self::Sqlite, BYTES) => format!("hex({expression})"),
            (Self::Postgres, BYTES) => format!("encode({expression}, 'hex')"),
            (Self::Sqlite | Self::Postgres, _) => (*expression).to_owned(),
        };
        let columns = columns.iter().map(column).collect::<Vec<_>>().join(", ");
        match self {
            Self::Sqlite => format!("json_group_array(json_array({columns}))"),
            Self::Postgres => format!("CAST(COALESCE(json_agg(json_build_array({columns})), '[]') AS TEXT)"),
        }
    }

    // How a transaction begins that is to write. SQLite would else refuse it when another process has written since
    // it read.
    fn begin_writing(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }
}

impl Ledger {
    /// Opens the ledger at a `postgres://` address, or in `data/ledger.db`, and brings its tables up to date.
    pub async fn open(database_url: Option<&str>, data: &Path) -> anyhow::Result<Self> {
        sqlx::any::install_default_drivers();
        match database_url {
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Self::open_postgres(url, Epoch::open(data)?).await
            }
            Some(_) => bail!("the ledger's url is not a postgres:// address; leave it out for SQLite"),
            None => Self::open_sqlite(&data.join("ledger.db"), Epoch::open(data)?).await,
        }
    }

    async fn open_sqlite(file: &Path, epoch: Epoch) -> anyhow::Result<Self> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("make the folder {}", folder.display()))?;
        }
        let url = sqlite_url(file)?;
        // FULL: a receipt survives a power loss. Connections share commits, so the price is one fsync for all.
        let pool = |connections| {
            AnyPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(Duration::from_secs(60))
                // A file does not hang up, and to ask is two changes of threads.
                .test_before_acquire(false)
                .after_connect(|connection, _| {
                    Box::pin(async move {
                        // The time-out first: to change the journal mode is to wait for others, too.
                        for pragma in [
                            "busy_timeout = 30000",
                            "journal_mode = WAL",
                            "synchronous = FULL",
                            // What is erased is overwritten, and not only marked as free.
                            "secure_delete = ON",
                            // 8 MiB and not SQLite's own 2. The lookup hashes of subscribers come in no order, so an
                            // import sorts what it commits at once and needs no more for a million.
                            "cache_size = -8192",
                        ] {
                            let statement = format!("PRAGMA {pragma}");
                            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *connection).await?;
                        }
                        Ok(())
                    })
                })
        };
        let write = pool(1).connect(&url).await.with_context(|| format!("open {}", file.display()))?;
        let ledger =
            Self { dialect: Dialect::Sqlite, read: write.clone(), write, file: Some(file.to_owned()), epoch };
        ledger.migrate().await?;
        let read = pool(4).connect(&url).await.with_context(|| format!("open {}", file.display()))?;
        Ok(Self { read, ..ledger })
    }

    async fn open_postgres(url: &str, epoch: Epoch) -> anyhow::Result<Self> {
        // An address holds a password: no error may show it.
        let pool = AnyPoolOptions::new().max_connections(16).acquire_timeout(Duration::from_secs(60));
        let write = pool.connect(url).await.context("connect to PostgreSQL")?;
        let ledger = Self { dialect: Dialect::Postgres, read: write.clone(), write, file: None, epoch };
        ledger.migrate().await?;
        Ok(ledger)
    }

    // Each that writes begins so.
    async fn begin_writing(&self) -> sqlx::Result<Transaction<'static, Any>> {
        self.write.begin_with(self.dialect.begin_writing()).await
    }

    async fn migrate(&self) -> anyhow::Result<()> {
        let mut connection = self.write.acquire().await.context("connect to the ledger")?;
        let found = schema::migrate(&mut connection, self.dialect)
            .await
            .context("bring the ledger's tables up to date")?;
        let known = schema::VERSION;
        if found > known {
            bail!("the ledger was made by a newer Handbill (its version is {found}, this one knows {known})");
        }
        Ok(())
    }

    /// Which database it is.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The file of an embedded ledger.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// An embedded ledger as it is at this moment, as the bytes of a database file; `None` when it is not embedded.
    /// Nothing of it is written anywhere: it is held in memory.
    pub async fn copy(&self) -> anyhow::Result<Option<SqliteOwnedBuf>> {
        let Some(file) = &self.file else { return Ok(None) };
        // The pools are of connections to any database.
        let mut connection =
            SqliteConnection::connect(&sqlite_url(file)?).await.context("connect to the ledger")?;
        let copy = connection.serialize(None).await.context("copy the ledger")?;
        connection.close().await.context("leave the ledger")?;
        Ok(Some(copy))
    }

    /// Ends all connections; what was committed is on disk.
    pub async fn close(&self) {
        self.write.close().await;
        self.read.close().await;
    }
}

// The path as a URL that reads back as that path, whatever characters are in it.
fn sqlite_url(file: &Path) -> anyhow::Result<String> {
    let path = std::path::absolute(file).with_context(|| format!("find {}", file.display()))?;
    let mut url = "sqlite://".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                url.push(char::from(*byte));
            }
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(url + "?mode=rwc")
}

// The parameter of `Dialect::rows`.
fn rows_text(rows: &impl Serialize) -> anyhow::Result<String> {
    serde_json::to_string(rows).context("write rows as JSON")
}

/// As text, two lower-case digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    for pair in digits.as_bytes().chunks(2) {
        bytes.push(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?);
    }
    Some(bytes)
}

fn millis(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

fn instant(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

// Numbers in the ledger that are never negative.
fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
