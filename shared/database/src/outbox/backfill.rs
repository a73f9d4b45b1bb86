//! Backfill runs: the rows that keep the progress of replays and snapshots.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use uuid::{Builder, Uuid};

/// The maximum number of bytes that one slice reads. A larger object is read alone.
pub const MAX_SLICE_BYTES: i64 = 8 * 1024 * 1024;

/// An open run.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Backfill {
    /// The run's id, which each of its events carries.
    pub id: Uuid,
    /// The payload that asked for the run.
    pub request: Json<Value>,
    /// The position at which the next slice begins.
    pub cursor: Json<Value>,
    /// The number of failures of the next slice so far.
    pub failures: i32,
}

/// The progress of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct BackfillProgress {
    /// The run's id, which each of its events carries.
    pub id: Uuid,
    /// The number of events that the topic accepted. Events of a failed slice do not count.
    pub published: i64,
    /// True when the run is done or cancelled. A run that is not finished goes on by itself.
    pub finished: bool,
    /// The way in which it ended: `done` or `cancelled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

/// A run that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct OpenedBackfill {
    /// The run's id.
    pub id: Uuid,
    /// False when it was open already.
    pub is_new: bool,
}

/// Opens a run. Removes runs that ended more than `history_days` days ago.
///
/// Returns an open run with the same request instead, if there is one. A caller repeats a request that seems to
/// have failed, and so does Lambda.
pub async fn open_backfill(
    connection: &mut PgConnection,
    request: &Value,
    cursor: &Value,
    history_days: i32,
    now: Timestamp,
) -> Result<OpenedBackfill, sqlx::Error> {
    sqlx::query(
        "delete from wagrun.backfill where finished_at < clock_timestamp() - make_interval(days => $1)",
    )
    .bind(history_days)
    .execute(&mut *connection)
    .await?;
    sqlx::query_as(
        "with
             same as (select id from wagrun.backfill where finished_at is null and request = $2 limit 1),
             opened as (
                 insert into wagrun.backfill (id, request, cursor)
                 select $1, $2, $3 where not exists (select from same)
                 returning id
             )
         select id, false as is_new from same union all select id, true from opened",
    )
    .bind(version_7_uuid(now))
    .bind(Json(request))
    .bind(Json(cursor))
    .fetch_one(connection)
    .await
}

fn version_7_uuid(now: Timestamp) -> Uuid {
    let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or_default();
    let mut random = [0; 10];
    random.copy_from_slice(&Uuid::new_v4().as_bytes()[..10]);
    Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
}

/// Ends an open run before it is done. Returns false when there is no open run with this id.
pub async fn cancel_backfill(connection: &mut PgConnection, id: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query(
        "update wagrun.backfill set finished_at = clock_timestamp(), outcome = 'cancelled'
         where id = $1 and finished_at is null",
    )
    .bind(id)
    .execute(connection)
    .await
    .map(|done| done.rows_affected() == 1)
}

/// Returns false when the run was cancelled or is done.
pub async fn backfill_is_open(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from wagrun.backfill where id = $1 and finished_at is null)",
    )
    .bind(id)
    .fetch_one(connection)
    .await
}

/// Returns the progress of a run, or none when there is no such run.
pub async fn backfill_progress(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<BackfillProgress>, sqlx::Error> {
    sqlx::query_as(
        "select id, published, finished_at is not null as finished, outcome from wagrun.backfill where id = $1",
    )
    .bind(id)
    .fetch_optional(connection)
    .await
}

/// Returns the open run with the longest wait since its last slice, except the runs in `skipped`.
pub async fn next_backfill(
    connection: &mut PgConnection,
    skipped: &[Uuid],
) -> Result<Option<Backfill>, sqlx::Error> {
    sqlx::query_as(
        "select id, request, cursor, failures from wagrun.backfill
         where finished_at is null and id <> all ($1)
         order by sliced_at nulls first, id
         limit 1",
    )
    .bind(skipped)
    .fetch_optional(connection)
    .await
}

/// Records a published slice. Without a `next` cursor the run is done.
///
/// `left_out` is the reason for which events were left out, if any were. A run that was cancelled meanwhile stays so, and counts the events.
pub async fn advance_backfill(
    connection: &mut PgConnection,
    id: Uuid,
    published: usize,
    next: Option<&Value>,
    left_out: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update wagrun.backfill set
             published = published + $2, cursor = coalesce($3, cursor), sliced_at = clock_timestamp(),
             failures = 0, last_error = coalesce($4, last_error),
             finished_at = coalesce(finished_at, case when $3 is null then clock_timestamp() end),
             outcome = coalesce(outcome, case when $3 is null then 'done' end)
         where id = $1",
    )
    .bind(id)
    .bind(i64::try_from(published).unwrap_or(i64::MAX))
    .bind(next.map(Json))
    .bind(left_out)
    .execute(connection)
    .await
    .map(drop)
}

/// Records the reason for which a slice failed. The next slice is the same one again.
pub async fn record_backfill_failure(
    connection: &mut PgConnection,
    id: Uuid,
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update wagrun.backfill
         set failures = failures + 1, last_error = $2, sliced_at = clock_timestamp() where id = $1",
    )
    .bind(id)
    .bind(reason)
    .execute(connection)
    .await
    .map(drop)
}
