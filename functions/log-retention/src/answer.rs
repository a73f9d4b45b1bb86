//! The answer of a run: counts and lists. With `plan` they are the changes that a run would make.

use jiff::Timestamp;
use serde::Serialize;

/// The number of entries that a list of the answer spells out. Lambda carries 6 MB; the log has every entry.
const MAX_LISTED: usize = 1000;

/// The log groups of the stack and the changes to them.
#[derive(Debug, Default, Serialize)]
pub struct Answer {
    /// True when nothing was changed, and the lists are those of the changes that a run would make.
    pub plan: bool,
    /// The configured retention, in days.
    pub retention_days: i32,
    /// The number of log groups of the stack.
    pub log_groups: usize,
    /// The number of log groups that had the configured retention already.
    pub up_to_date: usize,
    /// The log groups that got the configured retention.
    pub set: CappedList<RetentionChange>,
    /// The log groups that keep another retention.
    pub kept: CappedList<KeptRetention>,
    /// The log groups that would have got the configured retention, and have the tag that forbids it.
    pub opted_out: CappedList<String>,
    /// The log groups for which the account's retention policy decides.
    pub under_policy: CappedList<PolicyRetention>,
    /// The log groups whose writer no longer exists.
    pub orphans: CappedList<Orphan>,
    /// The log groups that have empty streams which nothing writes to again.
    pub empty_streams: CappedList<EmptyStreams>,
}

/// The number of entries, and the first of them.
#[derive(Debug, Serialize)]
pub struct CappedList<T> {
    /// The number of all entries.
    pub count: usize,
    /// The first entries, at most a thousand.
    pub first: Vec<T>,
}

/// A retention that was set.
#[derive(Debug, Serialize)]
pub struct RetentionChange {
    /// The log group.
    pub log_group: String,
    /// The retention before, in days; none kept events for ever.
    pub from_days: Option<i32>,
}

/// A retention that differs from the configured one, and is kept.
#[derive(Debug, Serialize)]
pub struct KeptRetention {
    /// The log group.
    pub log_group: String,
    /// The retention in days; none where the log group's class decides.
    pub days: Option<i32>,
}

/// A log group under a retention policy of the account.
#[derive(Debug, Serialize)]
pub struct PolicyRetention {
    /// The log group.
    pub log_group: String,
    /// The name of the policy.
    pub policy: String,
    /// The retention of the policy, in days; none keeps events for ever.
    pub days: Option<i32>,
}

/// A log group whose writer no longer exists.
#[derive(Debug, Serialize)]
pub struct Orphan {
    /// The log group.
    pub log_group: String,
    /// The writer.
    pub writer: String,
    /// The time of the last write.
    pub last_written: Timestamp,
    /// The time at which the retention after `last_written` ends. None when the group keeps events for ever.
    pub expires: Option<Timestamp>,
    /// The result for this log group.
    pub outcome: OrphanOutcome,
}

/// The result for an orphan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OrphanOutcome {
    /// It was only reported, because no deletion was requested.
    Reported,
    /// It was not deleted, because its retention has not passed.
    NotExpired,
    /// It was not deleted, because deletion protection is on.
    Protected,
    /// It was not deleted, because it has the tag that forbids it.
    OptedOut,
    /// It was deleted.
    Deleted,
}

/// The empty streams of one log group.
#[derive(Debug, Serialize)]
pub struct EmptyStreams {
    /// The log group.
    pub log_group: String,
    /// The number of empty streams.
    pub streams: usize,
    /// The number of streams that were deleted.
    pub deleted: usize,
}

impl OrphanOutcome {
    /// Returns the outcome's name in log lines, which is the name in the answer.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::NotExpired => "not_expired",
            Self::Protected => "protected",
            Self::OptedOut => "opted_out",
            Self::Deleted => "deleted",
        }
    }
}

impl<T> CappedList<T> {
    /// Counts an entry, and lists it while there is room.
    pub fn push(&mut self, entry: T) {
        self.count += 1;
        if self.first.len() < MAX_LISTED {
            self.first.push(entry);
        }
    }
}

impl<T> Default for CappedList<T> {
    fn default() -> Self {
        Self {
            count: 0,
            first: Vec::new(),
        }
    }
}
