//! What one run of the drainer comes to.

use std::collections::HashSet;

use serde::Serialize;
use uuid::Uuid;
use wagrun_database::connection::ConnectError;
use wagrun_database::outbox::SettleError;

use crate::publish::Refused;
use crate::schedules::ScheduleError;
use crate::sweep::SweepError;

/// What one run did.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Live events that the topic took.
    pub published: usize,
    /// Transactions whose net change of an object was none.
    pub nothing: usize,
    /// Settled events that were removed because their time was over.
    pub removed: u64,
    /// The database was left alone: it is paused, or will be when nobody comes, and nothing was there to look for.
    pub asleep: bool,
    /// Another drainer was at work, and it or the one that stands by will see what this one came for.
    pub another_drainer: bool,
    /// The work outlasted the time, so the doorbell was rung again.
    pub rang_again: bool,
    /// Events of replays and snapshots that the topic took.
    pub backfilled: usize,
    /// Schedules that were created, because something is due then.
    pub scheduled: usize,
    /// Schedules that were deleted, because nothing is due then any more.
    pub unscheduled: usize,
    /// Events that were set apart and are pending again, because an operator asked.
    #[serde(skip_serializing_if = "is_zero")]
    pub retried: u64,
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
    Sweep(#[from] SweepError),
    /// The database can't be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The database refused, or went away.
    #[error("the outbox can't be read or written")]
    Outbox(#[from] sqlx::Error),
    /// Rows could not be marked as done.
    #[error(transparent)]
    Settle(#[from] SettleError),
    /// The topic refused events; their rows say why.
    #[error("{count} events were not published; first event {sequence} ({object}): {reason}")]
    Refused {
        /// How many.
        count: usize,
        /// The first one's sequence.
        sequence: i64,
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
    /// No event of this id waits for an operator.
    #[error("no event {0} is set apart")]
    NotSetApart(Uuid),
    /// The session lost a lock on the way, so another drainer may have run beside this one.
    #[error("a lock of the drain's was lost")]
    LockLost,
}

/// What one run has met so far.
#[derive(Debug, Default)]
pub(crate) struct Course {
    pub answer: Answer,
    /// Objects whose state can't be read, because somebody alters their table.
    pub locked_out: HashSet<String>,
    /// Every call to the topic failed.
    pub is_topic_down: bool,
    /// Backfills that can't go on in this run: because they failed, or wait for a blocked object.
    pub set_aside: Vec<Uuid>,
    /// Those that failed.
    pub failed: Vec<Failed>,
    /// Objects of which the topic has refused an event; the later ones wait.
    refused_objects: HashSet<String>,
    refused_count: usize,
    first_refused: Option<Refused>,
}

impl Course {
    /// Has an object wait for the rest of the run, because its event was refused.
    pub fn refuse(&mut self, refused: Refused) {
        self.refused_count += 1;
        self.refused_objects.insert(refused.object.clone());
        self.first_refused.get_or_insert(refused);
    }

    /// Returns true when the object's events wait.
    pub fn is_blocked(&self, object: &str) -> bool {
        self.refused_objects.contains(object) || self.locked_out.contains(object)
    }

    /// The objects that wait.
    pub fn blocked(&self) -> Vec<String> {
        let refused = self.refused_objects.iter();
        refused.chain(&self.locked_out).cloned().collect()
    }

    /// The answer, or what went wrong on the way.
    pub fn end(self) -> Result<Answer, DrainError> {
        if let Some(first) = self.first_refused {
            return Err(DrainError::Refused {
                count: self.refused_count,
                sequence: first.sequence,
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
