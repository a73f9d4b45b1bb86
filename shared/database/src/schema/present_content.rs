//! The first time that a table of pages or documents is watched: what is there already is known, and no event says so.
//!
//! The triggers are committed before the content is recorded, so that editors do not wait for it. The drain lock is held over both. So
//! no drainer meets an object that is not recorded. After a death in between, the next migrate records the content.
//!
//! Each migrate records what came since while capture was off.

use sqlx::postgres::PgConnection;
use sqlx::types::Json;

use super::discovered::WatchedTable;
use super::table_lock::{Attempt, try_once};
use crate::object_kind::ObjectKind;
use crate::outbox::{self, Lock, UnlockError};

/// A table could not be watched for the first time.
#[derive(Debug, thiserror::Error)]
pub enum FirstWatchError {
    /// The database returned an error.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The drain lock was lost, so that a drainer may have met objects that were not recorded.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
}

/// Records the pages and documents that came while capture was off. No event says that they are there.
pub async fn record_uncaptured_content(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("select wagrun.record_uncaptured_content()")
        .execute(connection)
        .await
        .map(drop)
}

/// Returns true for a table of pages or documents whose present content is not recorded.
pub(super) async fn is_unrecorded(
    connection: &mut PgConnection,
    table: &WatchedTable,
) -> Result<bool, sqlx::Error> {
    let is_own_table = table.root.is_none() && table.collection.is_none();
    if !is_own_table || !matches!(table.kind, ObjectKind::Page | ObjectKind::Document) {
        return Ok(false);
    }
    let recorded = "select wagrun.is_content_recorded($1::text::regclass)";
    let is_recorded: bool = sqlx::query_scalar(recorded)
        .bind(&table.table)
        .fetch_one(connection)
        .await?;
    Ok(!is_recorded)
}

/// Puts the triggers on a table, and records its content.
pub(super) async fn try_first_watch(
    connection: &mut PgConnection,
    table: &WatchedTable,
) -> Result<Attempt, FirstWatchError> {
    if !outbox::try_lock(connection, Lock::Drain).await? {
        return Ok(Attempt::Locked);
    }
    let result = watch_and_record(connection, table).await;
    // After an error the session is closed, and the lock ends with it.
    let attempt = result?;
    outbox::unlock(connection, Lock::Drain).await?;
    Ok(attempt)
}

async fn watch_and_record(
    connection: &mut PgConnection,
    table: &WatchedTable,
) -> Result<Attempt, sqlx::Error> {
    let watch = sqlx::query("select wagrun.watch_table($1)").bind(Json(table));
    if try_once(connection, watch).await? == Attempt::Locked {
        return Ok(Attempt::Locked);
    }
    sqlx::query("select wagrun.record_present_content($1::text::regclass)")
        .bind(&table.table)
        .execute(connection)
        .await?;
    Ok(Attempt::Done)
}
