//! Events that are numbered and not yet settled.

use sqlx::postgres::PgConnection;

use super::{CapturedChange, FieldNames};

/// Events that are read together.
const BATCH_EVENTS: i64 = 500;
/// Bytes of both states that are read together; an event of more than that comes alone.
const BATCH_BYTES: i64 = 8 * 1024 * 1024;

/// The next pending events after a sequence, in order, enriched and with columns by their field names.
pub async fn pending(
    connection: &mut PgConnection,
    after: i64,
    names: &FieldNames,
) -> Result<Vec<CapturedChange>, sqlx::Error> {
    let mut changes: Vec<CapturedChange> = sqlx::query_as(concat!(
        include_str!("pending.sql"),
        include_str!("enriched.sql")
    ))
    .bind(after)
    .bind(BATCH_EVENTS)
    .bind(BATCH_BYTES)
    .fetch_all(connection)
    .await?;
    for change in &mut changes {
        names.apply(change);
    }
    Ok(changes)
}

/// Returns true when anything committed waits for publication, numbered events of `blocked` objects left out.
pub async fn is_pending(
    connection: &mut PgConnection,
    blocked: &[String],
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from wagrun.outbox)
             or exists (select from wagrun.event
                        where settled_at is null and set_apart_at is null and object <> all ($1))",
    )
    .bind(blocked)
    .fetch_one(connection)
    .await
}

/// The backlog, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, sqlx::FromRow)]
pub struct Backlog {
    /// The age of the oldest change that waits, in seconds; 0 when none does. Events that are set apart do not count.
    pub oldest_seconds: f64,
    /// Events that are set apart and wait for an operator.
    pub set_apart: i64,
}

/// Reads the present backlog.
pub async fn backlog(connection: &mut PgConnection) -> Result<Backlog, sqlx::Error> {
    sqlx::query_as(
        // The first of each in its own order, which the index finds at once also in a backlog.
        "select
             coalesce(extract(epoch from clock_timestamp() - least(
                 (select captured_at from wagrun.outbox order by position limit 1),
                 (select captured_at from wagrun.event where settled_at is null and set_apart_at is null
                  order by sequence limit 1)
             )), 0)::float8 as oldest_seconds,
             (select count(*) from wagrun.event where settled_at is null and set_apart_at is not null) as set_apart",
    )
    .fetch_one(connection)
    .await
}
