//! What a run says it did; with `plan`, what it would do.

use jiff::Timestamp;
use serde::Serialize;

/// Entries of a list that are spelled out. Lambda carries 6 MB; the log has every one.
const MOST_LISTED: usize = 1000;

/// Counts and lists.
#[derive(Debug, Default, Serialize)]
pub struct Answer {
    /// Whether nothing was changed, and the rest says what would be.
    pub plan: bool,
    /// What a log group without a retention gets.
    pub retention_days: i32,
    /// Log groups of the stack.
    pub log_groups: usize,
    /// Those of them that have this retention already.
    pub right: usize,
    /// Those that got it.
    pub set: Listed<Change>,
    /// Those that keep another one.
    pub kept: Listed<Kept>,
    /// Those that would have got it and have the tag that says no.
    pub opted_out: Listed<String>,
    /// Those for which the account's retention policy decides.
    pub governed: Listed<Governed>,
    /// Those whose writer no longer exists.
    pub orphans: Listed<Orphan>,
    /// Those that have streams with nothing in them, to which nobody writes again.
    pub empty_streams: Listed<StreamsOfGroup>,
}

/// How many there are, and the first of them.
#[derive(Debug, Serialize)]
pub struct Listed<T> {
    /// All of them.
    pub count: usize,
    /// At most a thousand.
    pub first: Vec<T>,
}

/// A retention that was set.
#[derive(Debug, Serialize)]
pub struct Change {
    /// The log group.
    pub log_group: String,
    /// What it had; none is for ever.
    pub from_days: Option<i32>,
}

/// A retention that somebody set.
#[derive(Debug, Serialize)]
pub struct Kept {
    /// The log group.
    pub log_group: String,
    /// What it has; none where its class decides.
    pub days: Option<i32>,
}

/// A log group under a retention policy of the account.
#[derive(Debug, Serialize)]
pub struct Governed {
    /// The log group.
    pub log_group: String,
    /// The policy's name.
    pub policy: String,
    /// What the policy says; none is for ever.
    pub days: Option<i32>,
}

/// A log group whose writer is gone.
#[derive(Debug, Serialize)]
pub struct Orphan {
    /// The log group.
    pub log_group: String,
    /// What wrote it.
    pub writer: String,
    /// When it was last written to.
    pub last_written: Timestamp,
    /// When its retention has passed; none is never.
    pub expires: Option<Timestamp>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of an orphan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nobody asked to delete it.
    Reported,
    /// Its retention has not passed.
    Waits,
    /// It refuses to be deleted.
    Protected,
    /// It has the tag that says no.
    OptedOut,
    /// It was deleted.
    Deleted,
}

/// Empty streams of one log group.
#[derive(Debug, Serialize)]
pub struct StreamsOfGroup {
    /// The log group.
    pub log_group: String,
    /// How many are empty.
    pub streams: usize,
    /// How many of them were deleted.
    pub deleted: usize,
}

impl<T> Listed<T> {
    pub(crate) fn push(&mut self, entry: T) {
        self.count += 1;
        if self.first.len() < MOST_LISTED {
            self.first.push(entry);
        }
    }
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self {
            count: 0,
            first: Vec::new(),
        }
    }
}
