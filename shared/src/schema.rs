//! The schema `wagrun` in the site's database: its migrations, and the triggers on what is watched.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::postgres::PgConnection;
use sqlx::types::Json;

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
    /// Field names by column, where they differ.
    pub fields: Map<String, Value>,
    /// Columns whose values are captured.
    pub small: Vec<String>,
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
    set(connection, "user_table", Some(&users.table)).await?;
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

/// Gives the relay role what content-events needs, and the web role nothing in this schema.
pub async fn grant_roles(
    connection: &mut PgConnection,
    web: &str,
    relay: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("select wagrun.grant_roles($1::name, $2::name)")
        .bind(web)
        .bind(relay)
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
