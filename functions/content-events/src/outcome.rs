//! What one run of the drainer comes to.

use serde::Serialize;
use uuid::Uuid;
use wagrun::database::ConnectError;
use wagrun::outbox::SettleError;

use crate::publish::Refused;
use crate::schedules::ScheduleError;
use crate::sweep::MetricError;

/// What one run did.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Live events that the topic took.
    pub published: usize,
    /// Commits whose net change was none.
    pub nothing: usize,
    /// Settled rows that were removed because their time was over.
    pub removed: u64,
    /// The database was left alone: it is paused, or will be when nobody comes, and nothing was there to look for.
    pub asleep: bool,
    /// Another drainer was at work, and will see what this one came for.
    pub another_drainer: bool,
    /// The work outlasted the time, so the doorbell was rung again.
    pub rang_again: bool,
    /// Events of replays and snapshots that the topic took.
    pub backfilled: usize,
    /// Schedules that were created, because something is due then.
    pub scheduled: usize,
    /// Schedules that were deleted, because nothing is due then any more.
    pub unscheduled: usize,
    /// How far the replay or snapshot has come that this invocation asked for, or cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backfill: Option<Requested>,
}

/// A replay or a snapshot, as whoever asked for it sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requested {
    /// Its id, which stands in each of its events.
    pub id: Uuid,
    /// Its events so far; 0 when it is finished means that nothing matched.
    pub published: i64,
    /// Otherwise it goes on by itself.
    pub finished: bool,
}

/// A run that did not bring everything committed to the topic; what is left is pending.
#[derive(Debug, thiserror::Error)]
pub enum DrainError {
    /// CloudWatch does not say whether the database can be left alone.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// The database can't be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A doorbell's transaction id is not one of this database's.
    #[error("xid {xid}: can't tell how the transaction ended")]
    Transaction {
        /// As the doorbell gave it.
        xid: u64,
        /// What PostgreSQL said.
        source: sqlx::Error,
    },
    /// The database refused, or went away.
    #[error("the outbox can't be read or written")]
    Outbox(#[from] sqlx::Error),
    /// Rows could not be marked as done.
    #[error(transparent)]
    Settle(#[from] SettleError),
    /// An event is no JSON, which its type rules out.
    #[error("outbox row {position}: the event can't be written as JSON")]
    Json {
        /// The row.
        position: i64,
        /// Why.
        source: serde_json::Error,
    },
    /// The topic refused events; their rows say why.
    #[error("{count} events were not published; first outbox row {position} ({object}): {reason}")]
    Refused {
        /// How many.
        count: usize,
        /// The first one's row.
        position: i64,
        /// And its object.
        object: String,
        /// And what SNS said.
        reason: String,
    },
    /// What is due could not be scheduled; that it has changed stays known.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A replay or a snapshot could not go on; it stays open, and its row says why.
    #[error("backfill {id} can't go on: {reason}")]
    Backfill {
        /// Which.
        id: Uuid,
        /// Why.
        reason: String,
    },
    /// Nothing to cancel.
    #[error("cancel: no backfill {0} is under way")]
    NotUnderWay(Uuid),
    /// The session lost a lock on the way, so another drainer may have run beside this one.
    #[error("a lock of the drain's was lost")]
    LockLost,
}

/// What one run has met so far.
#[derive(Debug, Default)]
pub(crate) struct Course {
    pub answer: Answer,
    /// Live events that the topic refused, each of which blocks its object.
    pub refused: Vec<Refused>,
    /// Backfills that can't go on in this run: because they failed, or wait for a blocked object.
    pub set_aside: Vec<Uuid>,
    /// Those that failed.
    pub failed: Vec<Failed>,
}

impl Course {
    /// The objects that are blocked.
    pub fn blocked(&self) -> Vec<String> {
        self.refused.iter().map(|one| one.object.clone()).collect()
    }

    /// The answer, or what went wrong on the way.
    pub fn end(self) -> Result<Answer, DrainError> {
        let count = self.refused.len();
        if let Some(first) = self.refused.into_iter().next() {
            return Err(DrainError::Refused {
                count,
                position: first.position,
                object: first.object,
                reason: first.reason,
            });
        }
        match self.failed.into_iter().next() {
            None => Ok(self.answer),
            Some(Failed { id, reason }) => Err(DrainError::Backfill { id, reason }),
        }
    }
}

/// A backfill that could not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    pub id: Uuid,
    pub reason: String,
}

/// Where a look at the live events has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Live {
    /// Nothing is pending, blocked objects left out.
    Drained,
    /// Another drainer is at it.
    Taken,
    /// The time is over, or the topic takes nothing.
    Left,
}
