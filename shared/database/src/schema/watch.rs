//! The watched tables. Their triggers are made equal to the wanted ones, one table at a time.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use sqlx::{Connection as _, Executor as _};
use tokio::time::Instant;

use super::discovered::{ScheduledTable, WatchedTable};
use super::present_content::{FirstWatchError, is_unrecorded, try_first_watch};
use super::publication::forget_failed_publications;
use super::table_lock::{Query, blockers, retry, try_once};
use crate::outbox::UnlockError;

/// Sets the wait for a lock of wagrun's own tables, which no other program locks.
const SET_OWN_LOCK_TIMEOUT: &str = "set local lock_timeout = '10s'";
/// SQLSTATE `raise_exception`: a function of wagrun refused, with a message for the operator.
const RAISE_EXCEPTION: &str = "P0001";

/// The triggers of a table cannot be set. The tables before it in the list have theirs.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// A table that the operator named cannot be captured.
    #[error("{0}")]
    Refused(String),
    /// Other sessions held the table's lock for the whole time.
    #[error(
        "no trigger could be put on {table} within {seconds} s, because {blockers}: end that, and migrate again"
    )]
    Locked {
        /// The table.
        table: String,
        /// The time spent on tries, in seconds.
        seconds: u64,
        /// A description of the sessions that hold the lock.
        blockers: String,
    },
    /// The drain lock was lost while a table was watched for the first time.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// The database returned an error.
    #[error("cannot set the triggers of {table}")]
    Database {
        /// The table.
        table: String,
        /// The error.
        source: sqlx::Error,
    },
}

/// Returns the tables that the operator named, as entries to watch. Leaves out tables in `discovered` and repetitions.
///
/// # Errors
/// Returns [`WatchError::Refused`] with the reason for a table that cannot be captured.
pub async fn named_tables(
    connection: &mut PgConnection,
    names: &[String],
    discovered: &[WatchedTable],
) -> Result<Vec<WatchedTable>, WatchError> {
    let mut known: Vec<String> = discovered.iter().map(|it| it.table.clone()).collect();
    let mut tables: Vec<WatchedTable> = Vec::new();
    for name in names {
        let described: Result<Option<Json<WatchedTable>>, _> =
            sqlx::query_scalar("select wagrun.describe_table($1, $2)")
                .bind(name)
                .bind(&known)
                .fetch_one(&mut *connection)
                .await;
        match described {
            Ok(Some(Json(table))) => {
                known.push(table.table.clone());
                tables.push(table);
            }
            Ok(None) => {}
            Err(error) => return Err(refusal_or_error(name, error)),
        }
    }
    Ok(tables)
}

/// Makes `tables` the only watched tables, by attaching and detaching triggers. Returns their number.
///
/// Starts no try for a table's lock after `stop_at`.
pub async fn watch_tables(
    connection: &mut PgConnection,
    tables: &[WatchedTable],
    stop_at: Instant,
) -> Result<usize, WatchError> {
    let wanted: Vec<&str> = tables.iter().map(|it| it.table.as_str()).collect();
    unwatch(connection, &wanted, stop_at).await?;
    for table in tables {
        let unrecorded = is_unrecorded(connection, table).await;
        if unrecorded.map_err(database_error(&table.table))? {
            watch_first_time(connection, table, stop_at).await?;
            continue;
        }
        let watch = "select wagrun.watch_table($1)";
        in_own_transaction(connection, &table.table, stop_at, || {
            sqlx::query(watch).bind(Json(table))
        })
        .await?;
    }
    Ok(tables.len())
}

/// Makes `tables` the only tables whose due times are watched, by attaching and detaching triggers.
///
/// Starts no try for a table's lock after `stop_at`.
pub async fn watch_scheduled_tables(
    connection: &mut PgConnection,
    tables: &[ScheduledTable],
    stop_at: Instant,
) -> Result<(), WatchError> {
    let wanted: Vec<&str> = tables.iter().map(|it| it.table.as_str()).collect();
    unwatch_due_times(connection, &wanted, stop_at).await?;
    for table in tables {
        let watch = "select wagrun.watch_due_times($1)";
        in_own_transaction(connection, &table.table, stop_at, || {
            sqlx::query(watch).bind(Json(table))
        })
        .await?;
    }
    // A new version of the site may publish what the last one could not.
    forget_failed_publications(connection)
        .await
        .map_err(database_error("due times"))?;
    let note = sqlx::query("select wagrun.note_due_times()");
    note.execute(connection)
        .await
        .map(drop)
        .map_err(database_error("due times"))
}

/// Removes all triggers, one table at a time. Returns the number of tables.
///
/// Starts no try for a table's lock after `stop_at`.
pub async fn unwatch_all(
    connection: &mut PgConnection,
    stop_at: Instant,
) -> Result<usize, WatchError> {
    let content = unwatch(connection, &[], stop_at).await?;
    unwatch_due_times(connection, &[], stop_at).await?;
    Ok(content)
}

/// Removes the capture triggers of all tables that are not wanted. Returns the number of tables.
async fn unwatch(
    connection: &mut PgConnection,
    wanted: &[&str],
    stop_at: Instant,
) -> Result<usize, WatchError> {
    let query = "select wagrun.stray_tables($1)";
    let stale = stale_tables(connection, query, wanted).await?;
    for stale in &stale {
        let unwatch = "select wagrun.unwatch_table($1::text::regclass)";
        in_own_transaction(connection, stale, stop_at, || {
            sqlx::query(unwatch).bind(stale)
        })
        .await?;
    }
    Ok(stale.len())
}

/// Removes the triggers of due times of all tables that are not wanted.
async fn unwatch_due_times(
    connection: &mut PgConnection,
    wanted: &[&str],
    stop_at: Instant,
) -> Result<(), WatchError> {
    let query = "select relation::text from wagrun.scheduled_table
                  where relation <> all (select name::regclass from unnest($1::text[]) as name)";
    for stale in &stale_tables(connection, query, wanted).await? {
        let unwatch = "select wagrun.unwatch_due_times($1::text::regclass)";
        in_own_transaction(connection, stale, stop_at, || {
            sqlx::query(unwatch).bind(stale)
        })
        .await?;
    }
    Ok(())
}

/// Returns the tables that still have triggers and are not in `wanted`.
async fn stale_tables(
    connection: &mut PgConnection,
    query: &'static str,
    wanted: &[&str],
) -> Result<Vec<String>, WatchError> {
    let list = async {
        let mut transaction = connection.begin().await?;
        transaction.execute(SET_OWN_LOCK_TIMEOUT).await?;
        let stale = sqlx::query_scalar(query).bind(wanted);
        let stale = stale.fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(stale)
    };
    list.await
        .map_err(database_error("tables that are no longer watched"))
}

/// Runs a statement about one table in its own transaction, and repeats it until the table's lock can be taken.
async fn in_own_transaction<'q>(
    connection: &mut PgConnection,
    table: &str,
    stop_at: Instant,
    statement: impl Fn() -> Query<'q>,
) -> Result<(), WatchError> {
    let attempt = async |connection: &mut PgConnection| {
        let attempt = try_once(connection, statement()).await;
        attempt.map_err(|error| refusal_or_error(table, error))
    };
    let tried = retry(connection, stop_at, attempt).await?;
    unless_locked(connection, table, tried).await
}

/// Watches a table of pages or documents for the first time.
async fn watch_first_time(
    connection: &mut PgConnection,
    table: &WatchedTable,
    stop_at: Instant,
) -> Result<(), WatchError> {
    let attempt = async |connection: &mut PgConnection| {
        let attempt = try_first_watch(connection, table).await;
        attempt.map_err(|error| match error {
            FirstWatchError::Database(error) => refusal_or_error(&table.table, error),
            FirstWatchError::Unlock(error) => WatchError::Unlock(error),
        })
    };
    let tried = retry(connection, stop_at, attempt).await?;
    unless_locked(connection, &table.table, tried).await
}

/// Returns the error of a table that was locked for the whole time.
async fn unless_locked(
    connection: &mut PgConnection,
    table: &str,
    tried: Result<(), Duration>,
) -> Result<(), WatchError> {
    let Err(spent) = tried else {
        return Ok(());
    };
    Err(WatchError::Locked {
        table: table.to_owned(),
        seconds: spent.as_secs(),
        blockers: blockers(connection, table)
            .await
            .map_err(database_error(table))?,
    })
}

/// Returns a refusal for a message that one of wagrun's functions raised, and a database error otherwise.
fn refusal_or_error(table: &str, error: sqlx::Error) -> WatchError {
    match &error {
        sqlx::Error::Database(raised) if sqlstate(&error).as_deref() == Some(RAISE_EXCEPTION) => {
            WatchError::Refused(raised.message().to_owned())
        }
        _ => database_error(table)(error),
    }
}

fn database_error(table: &str) -> impl FnOnce(sqlx::Error) -> WatchError {
    move |source| WatchError::Database {
        table: table.to_owned(),
        source,
    }
}

fn sqlstate(error: &sqlx::Error) -> Option<String> {
    let code = error.as_database_error()?.code()?;
    Some(code.into_owned())
}
