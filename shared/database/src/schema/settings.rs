//! The settings that triggers and functions need, the roles, and the extension of the doorbell.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::types::Json;

use super::discovered::UserTable;
use crate::outbox::UrlPatterns;

/// Stores the table of users, so that an event can name its editor.
pub async fn set_user_table(
    connection: &mut PgConnection,
    users: &UserTable,
) -> Result<(), sqlx::Error> {
    // The function editor_name has a fixed search path, so the table's name is stored with its schema.
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

/// Stores the ARN of the function that the doorbell invokes. With `None` the doorbell only writes its log line.
pub async fn set_doorbell_function(
    connection: &mut PgConnection,
    function: Option<&str>,
) -> Result<(), sqlx::Error> {
    set(connection, "doorbell_function", function).await
}

/// Stores the addresses of the site's URL configuration. Rings the doorbell when they are new, because events may follow.
pub async fn set_url_patterns(
    connection: &mut PgConnection,
    patterns: &UrlPatterns,
) -> Result<(), sqlx::Error> {
    sqlx::query("select wagrun.set_url_patterns($1)")
        .bind(Json(patterns))
        .execute(connection)
        .await
        .map(drop)
}

/// Creates the two roles where they are missing. Grants content to the web role and the outbox to the relay role.
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

/// Limits each statement of the current transaction to `max_duration`, and its wait for a lock to one minute.
///
/// Every later writer of a table waits behind a statement that waits for the table's lock.
pub async fn limit_statements(
    connection: &mut PgConnection,
    max_duration: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "select set_config('lock_timeout', '60s', true), set_config('statement_timeout', $1, true)",
    )
    .bind(max_duration.as_millis().to_string())
    .execute(connection)
    .await
    .map(drop)
}

/// Installs the extension through which the doorbell invokes a function.
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
