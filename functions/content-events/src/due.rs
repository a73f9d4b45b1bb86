//! The last step of a run: what is due is scheduled.

use jiff::{SignedDuration, Timestamp};
use sqlx::postgres::PgConnection;
use wagrun_database::outbox::{self, Changes, Lock};

use crate::outcome::DrainError;
use crate::outlet::unlock;
use crate::schedules::{Difference, Schedules};
use crate::wake::Wake;

/// Minutes that are scheduled at once; each run, and each sweep, adds those that have come near.
const MOST_SCHEDULES: usize = 100;
/// Time to create a schedule before its minute is there.
const SHORTEST_NOTICE: SignedDuration = SignedDuration::from_secs(15);

/// Makes the schedules equal to what is due, when that has changed or the wake is a sweep.
pub(crate) async fn keep_schedules(
    connection: &mut PgConnection,
    schedules: Option<&Schedules>,
    wake: &Wake,
) -> Result<Difference, DrainError> {
    let mut total = Difference::default();
    let mut look_anyway = *wake == Wake::Sweep;
    // Around again after every unlock, as with the outbox: whoever found the lock taken has left.
    loop {
        let changes = outbox::schedule_changes(connection).await?;
        if changes.is_empty() && !look_anyway {
            return Ok(total);
        }
        if !outbox::try_lock(connection, Lock::Schedule).await? {
            return Ok(total);
        }
        let difference = schedule(connection, schedules, &changes).await?;
        total.created += difference.created;
        total.deleted += difference.deleted;
        look_anyway = false;
        unlock(connection, Lock::Schedule).await?;
    }
}

/// Reads what is due after the changes, so that one which is committed in between is seen twice rather than never.
async fn schedule(
    connection: &mut PgConnection,
    schedules: Option<&Schedules>,
    changes: &Changes,
) -> Result<Difference, DrainError> {
    let mut difference = Difference::default();
    if let Some(schedules) = schedules {
        let earliest = Timestamp::now() + SHORTEST_NOTICE;
        let minutes = outbox::due_minutes(connection, earliest, MOST_SCHEDULES).await?;
        difference = schedules.set(&minutes).await?;
    }
    outbox::forget_schedule_changes(connection, changes).await?;
    Ok(difference)
}
