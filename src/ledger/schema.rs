//! Schema: the tables, made and brought up to date at the start.

use sqlx::AnyConnection;

use crate::ledger::Dialect;

// Each runs once, in this order. What differs between the two databases stands in braces.
const MIGRATIONS: &[&[&str]] = &[FIRST, RETURNED];

const FIRST: &[&str] = &[
    "CREATE TABLE mark (name TEXT PRIMARY KEY, value BIGINT NOT NULL)",
    "CREATE TABLE lease (name TEXT PRIMARY KEY, holder TEXT NOT NULL, fence BIGINT NOT NULL, until BIGINT NOT NULL)",
    "CREATE TABLE revision (
        notice TEXT NOT NULL, number BIGINT NOT NULL, sequence BIGINT NOT NULL, path TEXT NOT NULL,
        source TEXT NOT NULL, published_at BIGINT NOT NULL, appeared_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL, revised_at BIGINT NOT NULL, PRIMARY KEY (notice, number))",
    "CREATE TABLE opening (list TEXT PRIMARY KEY, since BIGINT NOT NULL)",
    "CREATE TABLE edition (
        id {serial} PRIMARY KEY, key TEXT NOT NULL UNIQUE, once_key TEXT NOT NULL, audience_kind TEXT NOT NULL,
        audience TEXT NOT NULL, word TEXT NOT NULL, detail TEXT NOT NULL, lane BIGINT NOT NULL, state TEXT NOT NULL,
        at BIGINT NOT NULL, due_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, planned_at BIGINT NOT NULL,
        finished_at BIGINT, recipients BIGINT NOT NULL, why TEXT NOT NULL)",
    "CREATE INDEX edition_once ON edition (once_key)",
    "CREATE TABLE edition_notice (
        edition BIGINT NOT NULL, position BIGINT NOT NULL, notice TEXT NOT NULL, number BIGINT NOT NULL,
        PRIMARY KEY (edition, position))",
    "CREATE INDEX edition_notice_notice ON edition_notice (notice)",
    // No name, no IP address, no user agent: the least that can be kept.
    "CREATE TABLE subscriber (
        id {serial} PRIMARY KEY, lookup {bytes} NOT NULL UNIQUE, sealed {bytes} NOT NULL, standing BIGINT NOT NULL,
        lang TEXT NOT NULL, confirmed_month TEXT NOT NULL)",
    "CREATE TABLE subscription (
        list TEXT NOT NULL, subscriber BIGINT NOT NULL, PRIMARY KEY (list, subscriber)){without_rowid}",
    "CREATE INDEX subscription_subscriber ON subscription (subscriber)",
    // Small, with integer keys and one partial index: the hot table.
    "CREATE TABLE delivery (
        edition BIGINT NOT NULL, recipient BIGINT NOT NULL, lane BIGINT NOT NULL, state BIGINT NOT NULL,
        attempts BIGINT NOT NULL, fence BIGINT NOT NULL, due_at BIGINT NOT NULL,
        PRIMARY KEY (edition, recipient)){without_rowid}{hot}",
    "CREATE INDEX delivery_due ON delivery (lane, due_at, edition) WHERE state < 2",
    "CREATE TABLE attempt (
        edition BIGINT NOT NULL, recipient BIGINT NOT NULL, number BIGINT NOT NULL, at BIGINT NOT NULL,
        outcome TEXT NOT NULL, code BIGINT NOT NULL, enhanced TEXT NOT NULL, text TEXT NOT NULL,
        took_ms BIGINT NOT NULL, PRIMARY KEY (edition, recipient, number)){without_rowid}",
];

// What came back from whom, for as long as it counts; whose address is asked; who is suppressed for it.
const RETURNED: &[&str] = &[
    "CREATE TABLE returned (
        subscriber BIGINT NOT NULL, edition BIGINT NOT NULL, kind BIGINT NOT NULL, at BIGINT NOT NULL,
        PRIMARY KEY (subscriber, edition)){without_rowid}",
    "CREATE TABLE probe (subscriber BIGINT PRIMARY KEY, wanted_at BIGINT NOT NULL, sent_at BIGINT)",
    "CREATE TABLE suppression (
        subscriber BIGINT PRIMARY KEY, reason BIGINT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL)",
];

/// The version that this program needs.
pub const VERSION: i64 = MIGRATIONS.len() as i64;

/// Runs the migrations that have not run yet, all or none; answers the version found.
pub async fn migrate(connection: &mut AnyConnection, dialect: Dialect) -> sqlx::Result<i64> {
    let mut transaction = sqlx::Connection::begin(connection).await?;
    // Of several processes that start at once one migrates and the others wait for it.
    let alone = match dialect {
        Dialect::Sqlite => "PRAGMA user_version = 0",
        Dialect::Postgres => "DO $$ BEGIN PERFORM pg_advisory_xact_lock(7235416112); END $$",
    };
    sqlx::query(alone).execute(&mut *transaction).await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS migration (version BIGINT PRIMARY KEY)")
        .execute(&mut *transaction)
        .await?;
    let found: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM migration")
        .fetch_one(&mut *transaction)
        .await?;
    for (version, statements) in (1_i64..).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
        for statement in *statements {
            let statement = in_dialect(statement, dialect);
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *transaction).await?;
        }
        sqlx::query("INSERT INTO migration (version) VALUES ($1)")
            .bind(version)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(found)
}

fn in_dialect(statement: &str, dialect: Dialect) -> String {
    let (serial, bytes, without_rowid, hot) = match dialect {
        Dialect::Sqlite => ("INTEGER", "BLOB", " WITHOUT ROWID", ""),
        Dialect::Postgres => (
            "BIGINT GENERATED ALWAYS AS IDENTITY",
            "BYTEA",
            "",
            " WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02)",
        ),
    };
    statement
        .replace("{serial}", serial)
        .replace("{bytes}", bytes)
        .replace("{without_rowid}", without_rowid)
        .replace("{hot}", hot)
}
