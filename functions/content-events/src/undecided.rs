//! The wait for pages that were inserted as live and are not decided yet.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::{Instant, sleep};
use wagrun_database::outbox::{self, Lock};

use crate::error::DrainError;

/// The result of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UndecidedWait {
    /// The time of a decision has come.
    DrainAgain,
    /// No page is undecided, or another drainer waits.
    NoneLeft,
    /// The time is over. The doorbell was rung for the next invocation.
    TimeOver,
}

/// Waits until the next page is to be decided.
///
/// One drainer waits. Another one that finds the lock taken may leave, because the first one looks again after it has released
/// the lock.
pub(crate) async fn wait(
    connection: &mut PgConnection,
    stop_at: Instant,
) -> Result<UndecidedWait, DrainError> {
    let Some(seconds) = outbox::seconds_until_decision(connection).await? else {
        return Ok(UndecidedWait::NoneLeft);
    };
    let pause = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    if Instant::now() + pause >= stop_at {
        outbox::ring_again(connection).await?;
        return Ok(UndecidedWait::TimeOver);
    }
    if !outbox::try_lock(connection, Lock::Decision).await? {
        return Ok(UndecidedWait::NoneLeft);
    }
    sleep(pause).await;
    outbox::unlock(connection, Lock::Decision).await?;
    Ok(UndecidedWait::DrainAgain)
}
