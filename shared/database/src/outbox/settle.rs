//! The ends of a numbered event: it is done, it failed, or it waits for an operator.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

/// Refusals of the event itself after which it is set apart: as many as one ring and its two retries.
const REFUSALS: i32 = 3;

/// The result of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The topic has it.
    Published,
    /// The transaction's net change is none.
    Nothing,
}

/// Rows could not be marked as done.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// Rows vanished or were settled by somebody else, which the drain lock rules out.
    #[error("settled {settled} events instead of {expected}")]
    Count {
        /// The number that should have been settled.
        expected: usize,
        /// The number that were.
        settled: u64,
    },
    /// The database refused.
    #[error("can't settle events")]
    Database(#[from] sqlx::Error),
}

/// Marks events as done; all of them, or an error.
pub async fn settle(
    connection: &mut PgConnection,
    sequences: &[i64],
    outcome: Outcome,
) -> Result<(), SettleError> {
    if sequences.is_empty() {
        return Ok(());
    }
    let outcome = match outcome {
        Outcome::Published => "published",
        Outcome::Nothing => "nothing",
    };
    let settled = sqlx::query(
        "update wagrun.event set settled_at = clock_timestamp(), outcome = $2, last_error = null
         where sequence = any ($1) and settled_at is null",
    )
    .bind(sequences)
    .bind(outcome)
    .execute(connection)
    .await?
    .rows_affected();
    if settled == sequences.len() as u64 {
        Ok(())
    } else {
        Err(SettleError::Count {
            expected: sequences.len(),
            settled,
        })
    }
}

/// Remembers at an event why it could not be published; it stays pending. One that the topic has refused for its own sake
/// three times is set apart, and holds back nothing more; returns whether it is.
pub async fn record_refusal(
    connection: &mut PgConnection,
    sequence: i64,
    reason: &str,
    is_its_own_fault: bool,
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
    .bind(is_its_own_fault)
    .bind(REFUSALS)
    .fetch_one(connection)
    .await
}

/// Sets an event apart that can never be published as it is.
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

/// Makes events pending again that were set apart, one of them or all; returns how many. One that names no object can't be.
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

/// Gives up an event that was set apart; false when there is none of this id.
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

/// Removes settled events older than `days`, `most` of them at most; returns how many.
pub async fn remove_history(
    connection: &mut PgConnection,
    days: i32,
    most: i64,
) -> Result<u64, sqlx::Error> {
    sqlx::query(
        // The oldest are looked at first, and a bounded number of them.
        "delete from wagrun.event where sequence in (
             select sequence from (
                 select sequence, settled_at from wagrun.event order by sequence limit 2 * $2
             ) as oldest
             where settled_at < clock_timestamp() - make_interval(days => $1)
             order by sequence limit $2)",
    )
    .bind(days)
    .bind(most)
    .execute(connection)
    .await
    .map(|done| done.rows_affected())
}
