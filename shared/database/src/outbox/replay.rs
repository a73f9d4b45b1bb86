//! The history that replays read: events that were published.

use jiff::Timestamp;
use sqlx::postgres::PgConnection;

use super::backfill::MAX_SLICE_BYTES;
use super::change::CapturedChange;
use super::field_names::FieldNames;

/// The part of the history that one slice of a replay reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayRange<'a> {
    /// Only events with a higher sequence.
    pub after: i64,
    /// Only events up to this sequence.
    pub last: i64,
    /// Only changes captured at this time or later.
    pub since: Option<Timestamp>,
    /// Only changes captured before this time.
    pub until: Option<Timestamp>,
    /// Only changes of this object.
    pub subject: Option<&'a str>,
}

/// Returns the highest sequence of all events, or 0 when there is none.
pub async fn last_published(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select coalesce((select sequence from wagrun.event order by sequence desc limit 1), 0)",
    )
    .fetch_one(connection)
    .await
}

/// Returns the sequence up to which the next slice reads, `max_events` events after `after` and at most `last`.
///
/// The bound keeps the duration of a slice the same, however long the history is.
pub async fn replay_reach(
    connection: &mut PgConnection,
    after: i64,
    last: i64,
    max_events: i64,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select coalesce((select sequence from wagrun.event where sequence > $1 and sequence < $2
                          order by sequence offset $3 - 1 limit 1), $2)",
    )
    .bind(after)
    .bind(last)
    .bind(max_events)
    .fetch_one(connection)
    .await
}

/// Returns the next published changes of a range in order of sequence, with fields under their field names.
///
/// Returns at most `limit` changes, and fewer when they exceed [`MAX_SLICE_BYTES`].
pub async fn replayed_changes(
    connection: &mut PgConnection,
    range: &ReplayRange<'_>,
    limit: i64,
    names: &FieldNames,
) -> Result<Vec<CapturedChange>, sqlx::Error> {
    let mut changes: Vec<CapturedChange> = sqlx::query_as(concat!(
        include_str!("replay.sql"),
        include_str!("enriched.sql")
    ))
    .bind(range.after)
    .bind(range.last)
    .bind(range.since.map(|time| time.to_string()))
    .bind(range.until.map(|time| time.to_string()))
    .bind(range.subject)
    .bind(limit)
    .bind(MAX_SLICE_BYTES)
    .fetch_all(connection)
    .await?;
    for change in &mut changes {
        names.apply(change);
    }
    Ok(changes)
}
