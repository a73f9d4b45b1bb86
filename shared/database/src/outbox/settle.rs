//! Settling numbered events: an event is done, was refused, or is set apart for an operator.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::script::{Literal, Script};

/// The number of refusals for a fault of the event itself after which it is set apart: one ring and its two retries.
const MAX_REFUSALS: i32 = 3;

/// The outcome of an event that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventOutcome {
    /// The topic accepted the event.
    Published,
    /// The transaction's net change of the object was none, so there is no event to publish.
    Nothing,
}

/// Events could not be marked as done.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// Another number of rows than expected was updated, which the drain lock rules out.
    #[error("settled {settled} events instead of {expected}")]
    Count {
        /// The number of events to settle.
        expected: usize,
        /// The number of events that were settled.
        settled: u64,
    },
    /// The database returned an error.
    #[error("cannot settle events")]
    Database(#[from] sqlx::Error),
}

/// Marks all of these events as done, or fails.
pub async fn settle(
    connection: &mut PgConnection,
    sequences: &[i64],
    outcome: EventOutcome,
) -> Result<(), SettleError> {
    if sequences.is_empty() {
        return Ok(());
    }
    let mut script = Script::default();
    add_settle(&mut script, sequences, outcome);
    let mut results = script.run(connection).await?;
    check_settled(sequences, results.next().rows_affected)
}

/// Adds the statement that marks these events as done.
pub(super) fn add_settle(script: &mut Script, sequences: &[i64], outcome: EventOutcome) {
    let outcome = match outcome {
        EventOutcome::Published => "published",
        EventOutcome::Nothing => "nothing",
    };
    script.add(
        "update wagrun.event set settled_at = clock_timestamp(), outcome = $2, last_error = null
         where sequence = any ($1::bigint[]) and settled_at is null",
        &[Literal::Integers(sequences), Literal::Text(Some(outcome))],
    );
}

/// Fails unless all of these events were marked.
pub(super) fn check_settled(sequences: &[i64], settled: u64) -> Result<(), SettleError> {
    let expected = sequences.len();
    if settled == expected as u64 {
        Ok(())
    } else {
        Err(SettleError::Count { expected, settled })
    }
}

/// Records the reason for which an event could not be published. Returns true when the event is now set apart.
///
/// The event stays pending. An event that was refused three times for a fault of its own is set apart. It no longer
/// holds back the later events of its object.
pub async fn record_refusal(
    connection: &mut PgConnection,
    sequence: i64,
    reason: &str,
    is_event_fault: bool,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "update wagrun.event set
             failures = failures + 1, last_error = $2,
             set_apart_at = case when $3 and failures + 1 >= $4 then clock_timestamp() end
         where sequence = $1
         returning set_apart_at is not null",
    )
    .bind(sequence)
    .bind(reason)
    .bind(is_event_fault)
    .bind(MAX_REFUSALS)
    .fetch_one(connection)
    .await
}

/// Sets an event apart at once, because it can never be published as it is.
pub async fn set_apart(
    connection: &mut PgConnection,
    sequence: i64,
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update wagrun.event
         set failures = failures + 1, last_error = $2, set_apart_at = clock_timestamp() where sequence = $1",
    )
    .bind(sequence)
    .bind(reason)
    .execute(connection)
    .await
    .map(drop)
}

/// Makes one set-apart event pending again, or all of them without an id. Returns their number.
///
/// An event that names no object stays set apart.
pub async fn retry_set_apart(
    connection: &mut PgConnection,
    id: Option<Uuid>,
) -> Result<u64, sqlx::Error> {
    sqlx::query(
        "update wagrun.event set set_apart_at = null, failures = 0
         where set_apart_at is not null and settled_at is null and key is not null and id = coalesce($1, id)",
    )
    .bind(id)
    .execute(connection)
    .await
    .map(|done| done.rows_affected())
}

/// Discards an event that is set apart. Returns false when no set-apart event has this id.
pub async fn discard_set_apart(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<bool, sqlx::Error> {
    sqlx::query(
        "update wagrun.event set settled_at = clock_timestamp(), outcome = 'discarded'
         where set_apart_at is not null and settled_at is null and id = $1",
    )
    .bind(id)
    .execute(connection)
    .await
    .map(|done| done.rows_affected() == 1)
}

/// Removes up to `$2` events that were settled more than `$1` days ago. Only a bounded number of the oldest events is examined.
pub(super) const REMOVE_HISTORY: &str = "delete from wagrun.event where sequence in (
    select sequence from (
        select sequence, settled_at from wagrun.event order by sequence limit 2 * $2
    ) as oldest
    where settled_at < clock_timestamp() - make_interval(days => $1)
    order by sequence limit $2)";

/// Removes up to `limit` events that were settled more than `days` days ago. Returns their number.
pub async fn remove_history(
    connection: &mut PgConnection,
    days: i32,
    limit: i64,
) -> Result<u64, sqlx::Error> {
    sqlx::query(REMOVE_HISTORY)
        .bind(days)
        .bind(limit)
        .execute(connection)
        .await
        .map(|done| done.rows_affected())
}
