//! The error of a run.

use uuid::Uuid;
use wagrun_database::connection::ConnectError;
use wagrun_database::outbox::{CloseError, SettleError, UnlockError};

use crate::schedules::SyncError;
use crate::sweep::SweepError;

/// A run that did not bring every committed change to the topic. The remaining events are pending.
#[derive(Debug, thiserror::Error)]
pub enum DrainError {
    /// A sweep could not decide about the connection.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// The database could not be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The database returned an error or closed the connection.
    #[error("cannot read or write the outbox")]
    Outbox(#[from] sqlx::Error),
    /// Events could not be marked as done.
    #[error(transparent)]
    Settle(#[from] SettleError),
    /// The work under the drain lock could not be ended.
    #[error(transparent)]
    Close(#[from] CloseError),
    /// A lock was lost or could not be released.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// The topic refused events. Their rows keep the reasons.
    #[error("{count} events were not published; first event {sequence} ({object}): {reason}")]
    Refused {
        /// The number of refused events.
        count: usize,
        /// The sequence of the first one.
        sequence: i64,
        /// The object of the first one.
        object: String,
        /// The reason that SNS gave for the first one.
        reason: String,
    },
    /// The schedules could not be synchronised. The changes of due times stay recorded.
    #[error(transparent)]
    Schedule(#[from] SyncError),
    /// A replay or a snapshot could not go on. It stays open, and its row keeps the reason.
    #[error("backfill {id} cannot go on: {reason}")]
    Backfill {
        /// The id of the backfill.
        id: Uuid,
        /// The reason.
        reason: String,
    },
    /// The events of a replay could not be counted.
    #[error("count: the events cannot be made")]
    Count(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The backfill to cancel is not under way.
    #[error("cancel: no replay or snapshot {0} is under way")]
    NotUnderWay(Uuid),
    /// There was no backfill with this id, or it ended so long ago that it is forgotten.
    #[error("progress: no replay or snapshot {0} is known")]
    NoBackfill(Uuid),
    /// No event with this id is set apart.
    #[error("no event {0} is set apart")]
    NotSetApart(Uuid),
}

impl DrainError {
    /// Returns true for an operator's request that cannot be granted, after which everything was as before.
    pub fn is_refused_request(&self) -> bool {
        matches!(
            self,
            Self::NotUnderWay(_) | Self::NoBackfill(_) | Self::NotSetApart(_)
        )
    }
}
