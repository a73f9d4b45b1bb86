//! The state of a stack, as it was read.

use serde::Serialize;

use super::alarms::Alarm;
use super::database::Database;
use super::outbox::Outbox;
use super::queues::Queue;
use super::releases::{Migration, Releases};
use crate::subscribers::Listed;

/// The state of a stack.
#[derive(Debug, Serialize)]
pub struct Status {
    /// The name.
    pub stack: String,
    /// The status of CloudFormation.
    pub status: String,
    /// The choices with which it was deployed.
    pub choices: Option<String>,
    /// The faults, the first of an event's way first.
    pub problems: Vec<Problem>,
    /// The database.
    pub database: Database,
    /// The outbox.
    pub outbox: Outbox,
    /// The queues.
    pub queues: Vec<Queue>,
    /// The subscribers, those with a fault first.
    pub subscribers: Vec<Listed>,
    /// The releases.
    pub releases: Releases,
    /// The newest migration.
    pub migration: Migration,
    /// The alarms that are not in the state OK; none when the stack has no alarms.
    pub alarms: Option<Vec<Alarm>>,
}

impl Status {
    /// Returns true when nothing is wrong, and no alarm is on.
    pub fn is_well(&self) -> bool {
        self.problems.is_empty() && self.alarms.iter().flatten().next().is_none()
    }
}

/// The queues of a stack.
#[derive(Debug, Serialize)]
pub struct Queues {
    /// The queues.
    pub queues: Vec<Queue>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The fault.
    pub text: String,
    /// The heading of the runbook.
    pub runbook: &'static str,
}
