//! Session locks, and lock conflicts of statements.

use std::fmt;

use sqlx::postgres::PgConnection;

/// SQLSTATEs `lock_not_available` and `deadlock_detected`.
const LOCK_CONFLICTS: [&str; 2] = ["55P03", "40P01"];

/// A session advisory lock. Its key is a constant that nothing else in the database uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
pub enum Lock {
    /// Lets one drainer work at a time. It is held while events are numbered and published.
    Drain = 0x7761_6772_756e_0001,
    /// Lets one backfill run at a time, so that its pace does not multiply. It is held across the pauses between slices.
    Backfill = 0x7761_6772_756e_0003,
    /// Lets one session synchronise the schedules at a time. It is held from reading the due times to the last change.
    Schedule = 0x7761_6772_756e_0004,
    /// Lets one drainer wait for the drain lock, so that the death of its holder is noticed.
    NextDrainer = 0x7761_6772_756e_0005,
    /// Lets one drainer wait until pages that were inserted as live are decided.
    Decision = 0x7761_6772_756e_0006,
    /// Lets a second drainer wait for the same, so that the death of the first one delays nothing.
    NextDecision = 0x7761_6772_756e_0007,
}

impl fmt::Display for Lock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Drain => "drain",
            Self::Backfill => "backfill",
            Self::Schedule => "schedule",
            Self::NextDrainer => "next drainer",
            Self::Decision => "decision",
            Self::NextDecision => "next decision",
        })
    }
}

/// A lock could not be released.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError {
    /// The session had lost the lock, so another session may have worked beside this one.
    #[error("the {0} lock was lost")]
    Lost(Lock),
    /// The database returned an error.
    #[error("cannot release the {0} lock")]
    Database(Lock, #[source] sqlx::Error),
}

/// Takes a lock for this session. Returns false when another session holds it.
pub async fn try_lock(connection: &mut PgConnection, lock: Lock) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select pg_try_advisory_lock($1)")
        .bind(lock as i64)
        .fetch_one(connection)
        .await
}

/// Returns true when two sessions hold these two locks, one each, at one moment.
pub async fn are_held_by_two(
    connection: &mut PgConnection,
    first: Lock,
    second: Lock,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        // A key of 64 bits is shown in two halves, with 1 as `objsubid`.
        "select count(distinct pid) = 2 from pg_locks
         where locktype = 'advisory' and granted and objsubid = 1
             and database = (select oid from pg_database where datname = current_database())
             and (classid::bigint << 32) | objid::bigint in ($1, $2)",
    )
    .bind(first as i64)
    .bind(second as i64)
    .fetch_one(connection)
    .await
}

/// Releases a lock that this session must still hold.
pub async fn unlock(connection: &mut PgConnection, lock: Lock) -> Result<(), UnlockError> {
    let was_held: bool = sqlx::query_scalar("select pg_advisory_unlock($1)")
        .bind(lock as i64)
        .fetch_one(connection)
        .await
        .map_err(|source| UnlockError::Database(lock, source))?;
    if was_held {
        Ok(())
    } else {
        Err(UnlockError::Lost(lock))
    }
}

/// Returns true for the error of a statement that gave up its wait for a lock.
///
/// Such a statement makes way for a migration that alters the table, and is tried again later.
pub fn is_lock_conflict(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| LOCK_CONFLICTS.contains(&code.as_ref()))
}
