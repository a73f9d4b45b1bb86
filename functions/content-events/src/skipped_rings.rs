//! The wait for commits that have skipped their ring and rely on this run.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Time limit of the wait. After it the doorbell rings, and the next run waits.
const TIMEOUT: Duration = Duration::from_secs(60);

/// First pause between two looks. A commit usually ends within milliseconds.
const MIN_INTERVAL: Duration = Duration::from_millis(1);
/// Maximum pause between two looks. The run drains what it sees meanwhile.
const MAX_INTERVAL: Duration = Duration::from_millis(200);

/// The pauses of a run that may not leave yet.
#[derive(Debug)]
pub(crate) struct SkippedRings {
    stop_at: Instant,
    give_up_at: Option<Instant>,
    interval: Duration,
}

impl SkippedRings {
    /// The wait ends at `stop_at` at the latest.
    pub fn new(stop_at: Instant) -> Self {
        Self {
            stop_at,
            give_up_at: None,
            interval: MIN_INTERVAL,
        }
    }

    /// Pauses. Returns false when the time is over.
    pub async fn wait(&mut self) -> bool {
        let now = Instant::now();
        let give_up_at = *self
            .give_up_at
            .get_or_insert(self.stop_at.min(now + TIMEOUT));
        if now >= give_up_at {
            return false;
        }
        sleep(self.interval).await;
        self.interval = (self.interval * 2).min(MAX_INTERVAL);
        true
    }
}
