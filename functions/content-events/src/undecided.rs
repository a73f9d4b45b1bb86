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
    /// No page is undecided, or others wait.
    NoneLeft,
    /// The time is over. The doorbell was rung for the next invocation.
    TimeOver,
}

/// Waits until the next page is to be decided, which is in so many `seconds`.
///
/// One drainer waits, and a second one in case the first one dies. A further one may leave, because those two look again after they
/// have released their locks.
pub(crate) async fn wait(
    connection: &mut PgConnection,
    seconds: Option<f64>,
    stop_at: Instant,
) -> Result<UndecidedWait, DrainError> {
    let Some(seconds) = seconds else {
        return Ok(UndecidedWait::NoneLeft);
    };
    let pause = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    if Instant::now() + pause >= stop_at {
        outbox::ring_again(connection).await?;
        return Ok(UndecidedWait::TimeOver);
    }
    for lock in [Lock::Decision, Lock::NextDecision] {
        if outbox::try_lock(connection, lock).await? {
            sleep(pause).await;
            outbox::unlock(connection, lock).await?;
            return Ok(UndecidedWait::DrainAgain);
        }
    }
    Ok(UndecidedWait::NoneLeft)
}
