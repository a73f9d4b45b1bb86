//! The schema `wagrun` in the site's database: its migrations, and the triggers on what is watched.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgConnection;

mod history;
mod lock;
mod watch;

pub use history::{Run, RunOutcome, begin_run, end_run, last_success, runs};
pub use lock::{
    Holder, LockError, LockLost, Locked, child_name, end_sessions_of_earlier_runs, lock_holder,
    lock_migration,
};
pub use watch::{WatchError, named_tables, watch, watch_schedules};

/// One table to watch, as discovered from Django.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchedTable {
    /// As SQL names it, with its schema where it is not on the search path.
    pub table: String,
    /// The column that holds the object's key.
    pub key_column: String,
    /// `page`, `image`, `document`, `snippet` or `table`.
    pub kind: String,
    /// Django's `app.model` label in lower case.
    pub model: String,
    /// First part of the object's name: `page` in `page/4`.
    pub object: String,
    /// For a part of an object, the table that holds the object's own row.
    pub root: Option<String>,
    /// For an inline child, of which an object has many, the field that they are.
    pub collection: Option<String>,
    /// Field names by column, where they differ.
    pub fields: Map<String, Value>,
    /// Columns whose values are not captured, only that they changed: large ones, and nobody's business.
    pub withheld: Vec<String>,
    /// Bookkeeping columns.
    pub ignored: Vec<String>,
}

/// One table with times at which something is to be published or to expire, as discovered from Django.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduledTable {
    /// As SQL names it, with its schema where it is not on the search path.
    pub table: String,
    /// The column with the time; null in a row that is never due.
    pub due_column: String,
    /// Where only a row that is live is due, the column that says so.
    pub live_column: Option<String>,
}

/// Where the site keeps its users: their table and columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserTable {
    /// As SQL names it.
    pub table: String,
    /// Primary key column.
    pub key_column: String,
    /// Column with the name to show.
    pub name_column: String,
}

/// The schema can't be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// A newer version of wagrun was here; its triggers and functions may do what this one does not know.
    #[error(
        "the database has schema version {installed} of wagrun, and this program knows versions up to {known}: \
         deploy the newer version of wagrun again, or restore the database from before it"
    )]
    Newer {
        /// The newest version in the database.
        installed: i64,
        /// The newest that is built in.
        known: i64,
    },
    /// A migration failed, or one that was applied is not the one that is built in.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The database can't say what is installed.
    #[error("can't read the installed version of wagrun's schema")]
    Installed(#[from] sqlx::Error),
}

/// Creates or updates the schema; does nothing when it is current, and is safe to run from two places at once.
///
/// # Errors
/// When the schema is newer than this program, before anything is changed, and when a migration fails.
pub async fn migrate(connection: &mut PgConnection) -> Result<(), SchemaError> {
    let known = known_version();
    match installed_version(connection).await? {
        Some(installed) if installed > known => Err(SchemaError::Newer { installed, known }),
        _ => Ok(migrator().run(connection).await?),
    }
}

/// Creates the schema as it was at a version, for tests of what comes after it.
pub async fn migrate_to(connection: &mut PgConnection, version: i64) -> Result<(), SchemaError> {
    Ok(migrator().run_to(version, connection).await?)
}

fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!("./migrations");
    migrator.create_schema("wagrun");
    migrator.dangerous_set_table_name("wagrun.schema_migration");
    migrator
}

/// The newest version of the schema that this program can install.
pub fn known_version() -> i64 {
    let migrator = sqlx::migrate!("./migrations");
    migrator
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or_default()
}

/// The newest version that is installed; none in a database without wagrun.
pub async fn installed_version(connection: &mut PgConnection) -> Result<Option<i64>, sqlx::Error> {
    if !exists(connection, "wagrun.schema_migration").await? {
        return Ok(None);
    }
    sqlx::query_scalar("select max(version) from wagrun.schema_migration where success")
        .fetch_one(connection)
        .await
}

async fn exists(connection: &mut PgConnection, table: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select to_regclass($1) is not null")
        .bind(table)
        .fetch_one(connection)
        .await
}

/// Tells the triggers where users are, so that an event can name its editor.
pub async fn set_user_table(
    connection: &mut PgConnection,
    users: &UserTable,
) -> Result<(), sqlx::Error> {
    // editor_name looks nowhere by itself, so the table's name is kept with its schema.
    let table: String = sqlx::query_scalar(
        "select format('%I.%I', nspname, relname)
         from pg_class join pg_namespace on pg_namespace.oid = relnamespace
         where pg_class.oid = $1::text::regclass",
    )
    .bind(&users.table)
    .fetch_one(&mut *connection)
    .await?;
    set(connection, "user_table", Some(&table)).await?;
    set(connection, "user_key", Some(&users.key_column)).await?;
    set(connection, "user_name", Some(&users.name_column)).await
}

/// Which function the doorbell calls, by ARN; with `None` it only writes its log line.
pub async fn set_doorbell_function(
    connection: &mut PgConnection,
    function: Option<&str>,
) -> Result<(), sqlx::Error> {
    set(connection, "doorbell_function", function).await
}

/// Creates the two roles where they are missing and grants: content to the web role, the outbox to the relay role.
pub async fn set_up_roles(
    connection: &mut PgConnection,
    web: &str,
    relay: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("select wagrun.set_up_roles($1::name, $2::name)")
        .bind(web)
        .bind(relay)
        .execute(connection)
        .await
        .map(drop)
}

/// In this transaction no statement takes longer than `longest`, or waits for a lock for longer than a minute: behind who
/// waits for a table, every later writer of it waits.
pub async fn limit_statements(
    connection: &mut PgConnection,
    longest: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "select set_config('lock_timeout', '60s', true), set_config('statement_timeout', $1, true)",
    )
    .bind(longest.as_millis().to_string())
    .execute(connection)
    .await
    .map(drop)
}

/// Installs the extension that the doorbell calls through.
pub async fn create_lambda_extension(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("create extension if not exists aws_lambda cascade")
        .execute(connection)
        .await
        .map(drop)
}

async fn set(
    connection: &mut PgConnection,
    name: &str,
    value: Option<&str>,
) -> Result<(), sqlx::Error> {
    let statement = match value {
        Some(_) => {
            "insert into wagrun.setting (name, value) values ($1, $2)
             on conflict (name) do update set value = excluded.value"
        }
        None => "delete from wagrun.setting where name = $1 and $2::text is null",
    };
    sqlx::query(statement)
        .bind(name)
        .bind(value)
        .execute(connection)
        .await
        .map(drop)
}
