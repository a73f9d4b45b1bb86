//! The state of one run: its report so far, and the objects and backfills that it cannot go on with.

use std::collections::HashSet;

use uuid::Uuid;

use crate::error::DrainError;
use crate::publish::Refusal;
use crate::report::DrainReport;

/// The state of one run.
#[derive(Debug, Default)]
pub(crate) struct RunState {
    /// The report so far.
    pub report: DrainReport,
    /// Published events that are not settled yet.
    pub unsettled: Vec<i64>,
    /// Objects whose state cannot be read, because a migration alters their table.
    pub locked_objects: HashSet<String>,
    /// True when every call to the topic failed.
    pub is_topic_down: bool,
    /// Backfills that this run does not go on with, because they failed or wait for a blocked object.
    pub skipped_backfills: Vec<Uuid>,
    /// Backfills that failed.
    pub failed_backfills: Vec<FailedBackfill>,
    /// Objects of which the topic refused an event. Their later events wait.
    refused_objects: HashSet<String>,
    refused_count: usize,
    first_refusal: Option<Refusal>,
}

/// A backfill that could not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FailedBackfill {
    /// The backfill's id.
    pub id: Uuid,
    /// The reason of the failure.
    pub reason: String,
}

impl RunState {
    /// Records a refusal. The later events of its object wait for the rest of the run.
    pub fn record_refusal(&mut self, refusal: Refusal) {
        self.refused_count += 1;
        self.refused_objects.insert(refusal.object.clone());
        self.first_refusal.get_or_insert(refusal);
    }

    /// Returns true when the events of the object wait.
    pub fn is_blocked(&self, object: &str) -> bool {
        self.refused_objects.contains(object) || self.locked_objects.contains(object)
    }

    /// Returns the objects whose events wait.
    pub fn blocked_objects(&self) -> Vec<String> {
        let refused = self.refused_objects.iter();
        refused.chain(&self.locked_objects).cloned().collect()
    }

    /// Returns the report, or the first failure of the run.
    pub fn finish(self) -> Result<DrainReport, DrainError> {
        if let Some(first) = self.first_refusal {
            return Err(DrainError::Refused {
                count: self.refused_count,
                sequence: first.sequence,
                object: first.object,
                reason: first.reason,
            });
        }
        match self.failed_backfills.into_iter().next() {
            None => Ok(self.report),
            Some(FailedBackfill { id, reason }) => Err(DrainError::Backfill { id, reason }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::RefusalCause;

    fn refusal(sequence: i64, object: &str) -> Refusal {
        Refusal {
            sequence,
            object: object.to_owned(),
            reason: format!("refused {sequence}"),
            cause: RefusalCause::CallFailed,
        }
    }

    #[test]
    fn a_refusal_blocks_its_object_and_fails_the_run() {
        let mut state = RunState::default();
        state.record_refusal(refusal(3, "page/4"));
        state.record_refusal(refusal(5, "page/6"));
        assert!(state.is_blocked("page/4") && state.is_blocked("page/6"));
        assert!(!state.is_blocked("page/5"));
        let mut blocked = state.blocked_objects();
        blocked.sort_unstable();
        assert_eq!(blocked, ["page/4", "page/6"]);
        let error = state.finish().unwrap_err();
        assert_eq!(
            error.to_string(),
            "2 events were not published; first event 3 (page/4): refused 3"
        );
    }

    #[test]
    fn a_locked_object_is_blocked_and_no_failure() {
        let mut state = RunState::default();
        state.locked_objects.insert("page/4".to_owned());
        assert!(state.is_blocked("page/4") && !state.is_blocked("page/5"));
        assert_eq!(state.blocked_objects(), ["page/4"]);
        assert!(state.finish().is_ok());
    }
}
