//! The values that the steps of a run share besides the connection.

use std::time::Duration;

use tokio::time::Instant;

use crate::publish::Topic;

/// The topic, the settings and the time limit of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DrainContext<'a> {
    /// The topic for the events.
    pub topic: &'a Topic,
    /// The `source` of the events.
    pub source: &'a str,
    /// The number of days for which settled events are kept.
    pub history_days: i32,
    /// The time after which a page that was inserted as live counts as published.
    pub decision_delay: Duration,
    /// The time after which the run takes no more work.
    pub stop_at: Instant,
}
