//! The last step of a run: the schedules are made equal to the due times in the database.

mod group;

use jiff::{SignedDuration, Timestamp};
use sqlx::postgres::PgConnection;
use wagrun_database::outbox::{self, Lock, ScheduleChanges, UnlockError};

pub use group::ScheduleError;
pub(crate) use group::{ScheduleGroup, SyncCounts};

/// The maximum number of minutes that are scheduled at once. Later runs and sweeps add the following ones.
const MAX_SCHEDULES: usize = 100;
/// The minimum time between the creation of a schedule and its minute.
const MIN_LEAD_TIME: SignedDuration = SignedDuration::from_secs(15);

/// The schedules could not be synchronised with the database.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// EventBridge Scheduler refused a call or did not answer.
    #[error(transparent)]
    Scheduler(#[from] ScheduleError),
    /// The database returned an error or closed the connection.
    #[error("cannot read or write the due times")]
    Database(#[from] sqlx::Error),
    /// The schedule lock was lost or could not be released.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
}

/// Makes the schedules equal to the due times, when a due time has changed or the run is a sweep. `seen` are the
/// changes of due times, if they were read just now.
pub(crate) async fn sync_schedules(
    connection: &mut PgConnection,
    group: Option<&ScheduleGroup>,
    mut seen: Option<ScheduleChanges>,
    is_sweep: bool,
    clock: fn() -> Timestamp,
) -> Result<SyncCounts, SyncError> {
    let mut total = SyncCounts::default();
    let mut must_sync = is_sweep;
    // Repeated after every unlock, because a run that found the lock taken has left.
    loop {
        let changes = match seen.take() {
            Some(seen) => seen,
            None => outbox::schedule_changes(connection).await?,
        };
        if changes.is_empty() && !must_sync {
            return Ok(total);
        }
        if !outbox::try_lock(connection, Lock::Schedule).await? {
            return Ok(total);
        }
        let counts = sync_locked(connection, group, &changes, clock()).await?;
        total.created += counts.created;
        total.deleted += counts.deleted;
        must_sync = false;
        outbox::unlock(connection, Lock::Schedule).await?;
    }
}

/// Synchronises the schedules once, and then forgets `changes`.
///
/// The due times are read after the changes. So a change that is committed in between is handled twice and not never.
async fn sync_locked(
    connection: &mut PgConnection,
    group: Option<&ScheduleGroup>,
    changes: &ScheduleChanges,
    now: Timestamp,
) -> Result<SyncCounts, SyncError> {
    let mut counts = SyncCounts::default();
    if let Some(group) = group {
        let minutes = outbox::due_minutes(connection, now + MIN_LEAD_TIME, MAX_SCHEDULES).await?;
        counts = group.sync(&minutes).await?;
    }
    outbox::forget_schedule_changes(connection, changes).await?;
    Ok(counts)
}
