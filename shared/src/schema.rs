//! The schema `wagrun` in the site's database: its migrations, and the triggers on what is watched.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::postgres::PgConnection;
use sqlx::types::Json;

/// The session lock that makes migrate single; any constant that nothing else in the database uses.
const MIGRATION_LOCK: i64 = 0x7761_6772_756e_0002;

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

/// Creates or updates the schema; does nothing when it is current, and is safe to run from two places at once.
pub async fn migrate(connection: &mut PgConnection) -> Result<(), sqlx::migrate::MigrateError> {
    let mut migrator = sqlx::migrate!("./migrations");
    migrator.create_schema("wagrun");
    migrator.dangerous_set_table_name("wagrun.schema_migration");
    migrator.run(connection).await
}

/// Makes the watched tables exactly these, attaching and detaching triggers; returns how many there are.
pub async fn watch(
    connection: &mut PgConnection,
    tables: &[WatchedTable],
) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar("select wagrun.watch($1)")
        .bind(Json(tables))
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

/// Installs the extension that the doorbell calls through.
pub async fn create_lambda_extension(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("create extension if not exists aws_lambda cascade")
        .execute(connection)
        .await
        .map(drop)
}

/// Waits for the session lock that makes migrate single, five minutes at most.
pub async fn lock_migration(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("set lock_timeout = '5min'")
        .execute(&mut *connection)
        .await?;
    sqlx::query("select pg_advisory_lock($1)")
        .bind(MIGRATION_LOCK)
        .execute(connection)
        .await
        .map(drop)
}

/// Gives the lock back; false when this session did not hold it.
pub async fn unlock_migration(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select pg_advisory_unlock($1)")
        .bind(MIGRATION_LOCK)
        .fetch_one(connection)
        .await
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
