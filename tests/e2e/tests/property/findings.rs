//! The promises that are checked, and the violations of one object.

use wagrun_event::Event;

use super::oracle::{Oracle, Step};

/// The promises, with their numbers in the documentation of [`super`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    NothingIsLost = 1,
    NothingIsInvented = 2,
    TheLastEventIsTheRow = 3,
    EventsFollowCommits = 4,
    PublicationFollowsSequence = 5,
}

/// A violation of a promise.
#[derive(Debug)]
pub struct Finding {
    pub check: Check,
    pub object: String,
    pub message: String,
    /// The transaction of the finding, if there is one.
    pub xid: Option<u64>,
    /// The sequence of the finding's event, if there is one.
    pub sequence: Option<String>,
}

/// The check of one object.
pub struct ObjectCheck<'a> {
    pub oracle: &'a Oracle,
    pub object: &'a str,
    pub steps: &'a [Step],
    /// The events of the object in the order of their sequence.
    pub events: &'a [&'a Event],
    pub findings: Vec<Finding>,
}

impl ObjectCheck<'_> {
    /// Adds a finding about a transaction, an event or both.
    pub fn report(
        &mut self,
        check: Check,
        step: Option<&Step>,
        event: Option<&Event>,
        message: String,
    ) {
        self.findings.push(Finding {
            check,
            object: self.object.to_owned(),
            message,
            xid: step.map(|step| step.xid),
            sequence: event.map(|event| event.sequence.clone()),
        });
    }
}
