//! The report of one run, which is the function's answer.

use serde::Serialize;
use wagrun_database::outbox::{BackfillProgress, MarkedChange};

/// The work that one run did.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct DrainReport {
    /// The number of live events that the topic accepted.
    pub published: usize,
    /// The number of transactions whose net change of an object was none.
    pub nothing: usize,
    /// The number of settled events that were removed because they were too old.
    pub removed: u64,
    /// True when a sweep did not connect: the database is paused or about to pause, and there was nothing to look for.
    pub left_asleep: bool,
    /// True when another drainer was at work. It, or the drainer that stands by, publishes the changes of this run.
    pub another_drainer: bool,
    /// True when the time was over before the work was done, so the doorbell was rung again.
    pub rang_again: bool,
    /// The number of events of replays and snapshots that the topic accepted.
    pub backfilled: usize,
    /// The number of schedules that were created for due times.
    pub scheduled: usize,
    /// The number of schedules that were deleted because nothing is due at their time any more.
    pub unscheduled: usize,
    /// The number of set-apart events that are pending again because an operator asked for it.
    #[serde(skip_serializing_if = "is_zero")]
    pub retried: u64,
    /// The progress of the replay or snapshot that this invocation asked for or cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backfill: Option<BackfillProgress>,
    /// The number of events of the replay or snapshot that this invocation asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<CountReport>,
    /// The number of present objects that match the filter of this invocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched: Option<MatchReport>,
    /// The marked change that this invocation committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marked: Option<MarkedChange>,
}

/// The number of events that a replay or a snapshot would publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CountReport {
    /// The number of events.
    pub events: usize,
    /// False when the time was over before all of them were counted.
    pub finished: bool,
}

/// The number of present objects that a filter lets pass.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct MatchReport {
    /// The number of objects that were looked at.
    pub objects: usize,
    /// The number of them of which an event may pass the filter.
    pub matching: usize,
    /// False when the time was over before all objects were looked at.
    pub finished: bool,
    /// Another `under`, where the given one matches no page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead: Option<OtherPath>,
}

/// A path that was probably meant by `under`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OtherPath {
    /// The path.
    pub under: String,
    /// The number of pages by which it was found.
    pub pages: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
