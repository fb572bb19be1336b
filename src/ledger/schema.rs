//! Schema: the tables, made and brought up to date at the start.

use sqlx::AnyConnection;

use crate::ledger::Dialect;

// Each runs once, in this order. What differs between the two databases stands in braces.
const MIGRATIONS: &[&[&str]] = &[FIRST, AUDIT, PEOPLE, RETURNED, HUB, GIVEN_UP, RECEIPT, NUMBERS];

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

const AUDIT: &[&str] = &["CREATE TABLE audit (
        number BIGINT PRIMARY KEY, at BIGINT NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL,
        chain {bytes} NOT NULL)"];

const PEOPLE: &[&str] = &[
    // Why a keyed hash must not be written to, or was; of who left or was erased without a time.
    "CREATE TABLE suppression (lookup {bytes} PRIMARY KEY, reason TEXT NOT NULL, at BIGINT NOT NULL){without_rowid}",
    "INSERT INTO suppression (lookup, reason, at)
     SELECT lookup, CASE standing WHEN 2 THEN 'left' ELSE 'complained' END, 0 FROM subscriber WHERE standing > 1",
    "DELETE FROM subscription WHERE subscriber IN (SELECT id FROM subscriber WHERE standing > 1)",
    "DELETE FROM subscriber WHERE standing > 1",
    // AUTOINCREMENT: SQLite gives the number of an erased row to the next one otherwise, and a link in a mail to
    // who was erased would act for somebody else. PostgreSQL never gives a number twice.
    "{sqlite only}CREATE TABLE subscriber_2 (
        id INTEGER PRIMARY KEY AUTOINCREMENT, lookup BLOB NOT NULL UNIQUE, sealed BLOB NOT NULL,
        standing BIGINT NOT NULL, lang TEXT NOT NULL, confirmed_month TEXT NOT NULL)",
    "{sqlite only}INSERT INTO subscriber_2 (id, lookup, sealed, standing, lang, confirmed_month)
     SELECT id, lookup, sealed, standing, lang, confirmed_month FROM subscriber",
    "{sqlite only}DROP TABLE subscriber",
    "{sqlite only}ALTER TABLE subscriber_2 RENAME TO subscriber",
    // When they last asked for what they have not confirmed; 0 when nothing is asked.
    "ALTER TABLE subscriber ADD COLUMN asked_at BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE subscriber ADD COLUMN paused_until BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE subscriber ADD COLUMN reminders BIGINT NOT NULL DEFAULT 1",
    "CREATE INDEX subscriber_asked ON subscriber (asked_at) WHERE asked_at > 0",
    // The list whose issues come instead of this one's alerts.
    "ALTER TABLE subscription ADD COLUMN digest TEXT NOT NULL DEFAULT ''",
    "CREATE TABLE request (
        subscriber BIGINT NOT NULL, list TEXT NOT NULL, PRIMARY KEY (subscriber, list)){without_rowid}",
    // A confirmation that went out, once by the hash of the address (kind 0) and once by that of its domain (1).
    "CREATE TABLE asked (kind BIGINT NOT NULL, who {bytes} NOT NULL, at BIGINT NOT NULL)",
    "CREATE INDEX asked_who ON asked (kind, who, at)",
    "CREATE INDEX asked_at ON asked (kind, at)",
    // Tries whose detail has been erased.
    "ALTER TABLE edition ADD COLUMN tries BIGINT NOT NULL DEFAULT 0",
];

// What came back from whom, for as long as it counts, and whose address was asked for it.
const RETURNED: &[&str] = &[
    "CREATE TABLE returned (
        subscriber BIGINT NOT NULL, edition BIGINT NOT NULL, kind BIGINT NOT NULL, at BIGINT NOT NULL,
        PRIMARY KEY (subscriber, edition)){without_rowid}",
    "CREATE TABLE probe (subscriber BIGINT PRIMARY KEY, asked_at BIGINT NOT NULL){without_rowid}",
];

// Who is told of a changed feed: a request waits beside the subscription that it renews. What is due never has the
// largest number there is. Not many: the caps of the hub hold.
const HUB: &[&str] = &[
    "CREATE TABLE hub_request (
        callback {bytes} NOT NULL, topic TEXT NOT NULL, host {bytes} NOT NULL, sealed {bytes} NOT NULL,
        mode BIGINT NOT NULL, lease BIGINT NOT NULL, etag TEXT NOT NULL, attempts BIGINT NOT NULL,
        due_at BIGINT NOT NULL, PRIMARY KEY (callback, topic)){without_rowid}",
    "CREATE TABLE hub_subscription (
        id {serial} PRIMARY KEY, callback {bytes} NOT NULL, topic TEXT NOT NULL, host {bytes} NOT NULL,
        sealed {bytes} NOT NULL, until BIGINT NOT NULL, delivered TEXT NOT NULL, failures BIGINT NOT NULL,
        due_at BIGINT NOT NULL, UNIQUE (callback, topic))",
    "CREATE INDEX hub_subscription_due ON hub_subscription (due_at)",
    // What each other hub has been told of each document.
    "CREATE TABLE hub_ping (
        hub TEXT NOT NULL, topic TEXT NOT NULL, told TEXT NOT NULL, failures BIGINT NOT NULL,
        due_at BIGINT NOT NULL, PRIMARY KEY (hub, topic)){without_rowid}",
];

// How many addresses were given up lately is asked at every one more.
const GIVEN_UP: &[&str] = &["CREATE INDEX suppression_given_up ON suppression (at) WHERE at > 0"];

// What is written down of a claim goes to two tables. As one row of this view it is one statement, which is a commit
// of its own. PostgreSQL writes whole batches to a table faster than it calls a trigger for each row.
const RECEIPT: &[&str] = &[
    "{sqlite only}CREATE VIEW receipt AS
     SELECT d.edition, d.recipient, d.fence, d.state, d.due_at,
            a.number, a.at, a.outcome, a.code, a.enhanced, a.text, a.took_ms
     FROM delivery d JOIN attempt a ON a.edition = d.edition AND a.recipient = d.recipient",
    "{sqlite only}CREATE TRIGGER receipt_insert INSTEAD OF INSERT ON receipt BEGIN
         UPDATE delivery SET state = NEW.state, due_at = NEW.due_at
         WHERE edition = NEW.edition AND recipient = NEW.recipient AND fence = NEW.fence AND state = 1;
         INSERT INTO attempt (edition, recipient, number, at, outcome, code, enhanced, text, took_ms)
         SELECT NEW.edition, NEW.recipient, NEW.number, NEW.at, NEW.outcome, NEW.code, NEW.enhanced, NEW.text,
                NEW.took_ms
         WHERE NEW.outcome IS NOT NULL ON CONFLICT (edition, recipient, number) DO NOTHING;
     END",
];

// AUTOINCREMENT, as with the subscribers: the numbers of editions are in mails, too, and `skip_numbers` has to be able
// to leave some out.
const NUMBERS: &[&str] = &[
    "{sqlite only}CREATE TABLE edition_2 (
        id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, once_key TEXT NOT NULL,
        audience_kind TEXT NOT NULL, audience TEXT NOT NULL, word TEXT NOT NULL, detail TEXT NOT NULL,
        lane BIGINT NOT NULL, state TEXT NOT NULL, at BIGINT NOT NULL, due_at BIGINT NOT NULL,
        expires_at BIGINT NOT NULL, planned_at BIGINT NOT NULL, finished_at BIGINT, recipients BIGINT NOT NULL,
        why TEXT NOT NULL, tries BIGINT NOT NULL DEFAULT 0)",
    "{sqlite only}INSERT INTO edition_2
     SELECT id, key, once_key, audience_kind, audience, word, detail, lane, state, at, due_at, expires_at, planned_at,
            finished_at, recipients, why, tries FROM edition",
    "{sqlite only}DROP TABLE edition",
    "{sqlite only}ALTER TABLE edition_2 RENAME TO edition",
    "{sqlite only}CREATE INDEX edition_once ON edition (once_key)",
];

/// The version that this program needs.
pub const VERSION: i64 = MIGRATIONS.len() as i64;

/// Runs the migrations that have not run yet, all or none; answers the version found.
pub async fn migrate(connection: &mut AnyConnection, dialect: Dialect) -> sqlx::Result<i64> {
    let mut transaction = sqlx::Connection::begin_with(connection, dialect.begin_writing()).await?;
    // Of several processes that start at once one migrates and the others wait for it.
    if dialect == Dialect::Postgres {
        let alone = "DO $$ BEGIN PERFORM pg_advisory_xact_lock(7235416112); END $$";
        sqlx::query(alone).execute(&mut *transaction).await?;
    }
    sqlx::query("CREATE TABLE IF NOT EXISTS migration (version BIGINT PRIMARY KEY)")
        .execute(&mut *transaction)
        .await?;
    let found: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM migration")
        .fetch_one(&mut *transaction)
        .await?;
    for (version, statements) in (1_i64..).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
        for statement in *statements {
            let Some(statement) = in_dialect(statement, dialect) else { continue };
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

// None when it is for the other database alone.
fn in_dialect(statement: &str, dialect: Dialect) -> Option<String> {
    let statement = match (statement.strip_prefix("{sqlite only}"), dialect) {
        (Some(_), Dialect::Postgres) => return None,
        (Some(statement), Dialect::Sqlite) => statement,
        (None, Dialect::Sqlite | Dialect::Postgres) => statement,
    };
    let (serial, bytes, without_rowid, hot) = match dialect {
        Dialect::Sqlite => ("INTEGER", "BLOB", " WITHOUT ROWID", ""),
        Dialect::Postgres => (
            "BIGINT GENERATED ALWAYS AS IDENTITY",
            "BYTEA",
            "",
            " WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02)",
        ),
    };
    let statement = statement
        .replace("{serial}", serial)
        .replace("{bytes}", bytes)
        .replace("{without_rowid}", without_rowid)
        .replace("{hot}", hot);
    Some(statement)
}
