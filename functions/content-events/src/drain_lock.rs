//! The drain lock: taken at once, or after standing by for the drainer that holds it.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::{Instant, sleep};
use wagrun_database::outbox::{self, Arrival, Lock};

use crate::error::DrainError;

/// First pause between two tries for a drain lock that is taken.
const MIN_LOCK_RETRY_INTERVAL: Duration = Duration::from_millis(20);
/// Maximum pause between two tries for a drain lock that is taken.
const MAX_LOCK_RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// The result of trying to take the drain lock.
pub(crate) enum LockResult {
    /// This session holds the drain lock.
    Locked,
    /// There is nothing to take the lock for.
    NothingPending,
    /// Another drainer stands by already, for a third one that holds the lock.
    AnotherStandsBy,
    /// The time is over.
    TimeOver,
}

/// Takes the drain lock if something is pending.
pub(crate) async fn take(
    connection: &mut PgConnection,
    blocked: &[String],
    stop_at: Instant,
) -> Result<LockResult, DrainError> {
    match outbox::lock_if_pending(connection, blocked).await? {
        Arrival::Locked => Ok(LockResult::Locked),
        Arrival::NothingPending => Ok(LockResult::NothingPending),
        Arrival::LockTaken => stand_by(connection, stop_at).await,
    }
}

/// Waits until the drain lock is free and takes it, unless another drainer stands by already.
///
/// The holder of the lock may die, and the drainers that left because of it have reported success to their callers. So one
/// drainer at a time stands by. It takes over, or rings when its own time is over.
///
/// For a moment the drainer that takes over holds both locks. A drainer that meets it then does not leave: the death of that one
/// session would leave nobody.
async fn stand_by(
    connection: &mut PgConnection,
    stop_at: Instant,
) -> Result<LockResult, DrainError> {
    let mut interval = MIN_LOCK_RETRY_INTERVAL;
    while !outbox::try_lock(connection, Lock::NextDrainer).await? {
        if outbox::are_held_by_two(connection, Lock::Drain, Lock::NextDrainer).await? {
            return Ok(LockResult::AnotherStandsBy);
        }
        if Instant::now() + interval >= stop_at {
            return Ok(LockResult::TimeOver);
        }
        sleep(interval).await;
        interval = (interval * 2).min(MAX_LOCK_RETRY_INTERVAL);
        if outbox::try_lock(connection, Lock::Drain).await? {
            return Ok(LockResult::Locked);
        }
    }
    let end = loop {
        if outbox::try_lock(connection, Lock::Drain).await? {
            break LockResult::Locked;
        }
        if Instant::now() + interval >= stop_at {
            break LockResult::TimeOver;
        }
        sleep(interval).await;
        interval = (interval * 2).min(MAX_LOCK_RETRY_INTERVAL);
    };
    outbox::unlock(connection, Lock::NextDrainer).await?;
    Ok(end)
}
