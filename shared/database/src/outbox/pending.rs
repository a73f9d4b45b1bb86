//! Pending events: numbered and not yet settled.

use sqlx::postgres::PgConnection;

use super::change::CapturedChange;
use super::field_names::FieldNames;

/// The maximum number of events in one read.
const MAX_BATCH_EVENTS: i64 = 500;
/// The maximum size of both states of all events in one read, in bytes. A larger event is read alone.
const MAX_BATCH_BYTES: i64 = 8 * 1024 * 1024;

/// Returns the next pending events after a sequence in order, with fields under their field names.
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
    .bind(MAX_BATCH_EVENTS)
    .bind(MAX_BATCH_BYTES)
    .fetch_all(connection)
    .await?;
    for change in &mut changes {
        names.apply(change);
    }
    Ok(changes)
}

/// Returns true when a committed change waits for publication, or a comparison of visibilities is due. Numbered events of
/// `blocked` objects do not count.
pub async fn is_pending(
    connection: &mut PgConnection,
    blocked: &[String],
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from wagrun.outbox)
             or exists (select from wagrun.event
                        where settled_at is null and set_apart_at is null and object <> all ($1))
             or exists (select from wagrun.visibility where decide_at <= clock_timestamp())
             or exists (select from wagrun.visibility_scan where is_wanted)",
    )
    .bind(blocked)
    .fetch_one(connection)
    .await
}

/// Figures about pending events, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, sqlx::FromRow)]
pub struct PendingStats {
    /// The age of the oldest pending change in seconds, or 0 when there is none. Events that are set apart do not count.
    pub oldest_seconds: f64,
    /// The number of events that are set apart and wait for an operator.
    pub set_apart: i64,
}

/// Reads the present figures about pending events.
pub async fn pending_stats(connection: &mut PgConnection) -> Result<PendingStats, sqlx::Error> {
    sqlx::query_as(
        // An index finds the first row of each order at once, also when many events are pending.
        "select
             coalesce(extract(epoch from clock_timestamp() - least(
                 (select captured_at from wagrun.outbox order by position limit 1),
                 (select captured_at from wagrun.event where settled_at is null and set_apart_at is null
                  order by sequence limit 1),
                 (select decide_at from wagrun.visibility where decide_at <= clock_timestamp() order by decide_at limit 1)
             )), 0)::float8 as oldest_seconds,
             (select count(*) from wagrun.event where settled_at is null and set_apart_at is not null) as set_apart",
    )
    .fetch_one(connection)
    .await
}
