//! The outbox: how long its oldest event waits, as content-events said at the end of its newest run.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::error::CommandError;
use crate::function::Function;
use crate::logs::{LogLine, LogSource, Window};
use crate::stack::Stack;
use crate::time;

/// The times for which the log is searched, one after the other. A busy site has a run in the first, a quiet one in the last.
const LOOKS: [SignedDuration; 3] = [
    SignedDuration::from_mins(10),
    SignedDuration::from_hours(3),
    SignedDuration::from_hours(24),
];

/// The state of the outbox.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outbox {
    /// The end of the newest run of content-events; none when there was none within a day.
    pub drained_at: Option<Timestamp>,
    /// The age of the oldest event that was not published then, in seconds; 0 when there was none.
    pub oldest_seconds: f64,
    /// The events that were set apart for an operator then.
    pub set_apart: f64,
}

/// Reads the state.
pub async fn read(stack: &Stack) -> Result<Outbox, CommandError> {
    let now = time::now();
    for back in LOOKS {
        let window = Window {
            since: now - back,
            pattern: Some("\"OldestPendingSeconds\"".to_owned()),
        };
        let mut log = LogSource::with(stack, &[Function::ContentEvents], window);
        if let Some(newest) = log.all().await?.iter().rev().find_map(from_metric) {
            return Ok(newest);
        }
    }
    Ok(Outbox {
        drained_at: None,
        oldest_seconds: 0.0,
        set_apart: 0.0,
    })
}

fn from_metric(line: &LogLine) -> Option<Outbox> {
    Some(Outbox {
        drained_at: Some(line.at),
        oldest_seconds: line.number_of("OldestPendingSeconds")?,
        set_apart: line.number_of("EventsSetApart").unwrap_or_default(),
    })
}
