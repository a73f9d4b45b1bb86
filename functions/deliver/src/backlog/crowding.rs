//! The length of the delivery queue, as far as it decides how long a failing subscriber keeps its place.

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use crate::sqs::{DepthError, Queue};

/// Time for which an answer about the queue's length is used.
const MAX_AGE: SignedDuration = SignedDuration::from_secs(30);

/// Tells whether a queue is crowded, and asks SQS twice a minute at most.
#[derive(Debug)]
pub struct Crowding {
    queue: Queue,
    limit: u64,
    last: Mutex<Option<(Timestamp, bool)>>,
}

impl Crowding {
    /// Takes the queue as crowded when it holds at least `limit` messages.
    pub fn new(queue: Queue, limit: u64) -> Self {
        Self {
            queue,
            limit,
            last: Mutex::new(None),
        }
    }

    /// Returns true when the queue is so long that no subscriber may fill it with deliveries which fail.
    pub async fn is_crowded(&self, now: Timestamp) -> Result<bool, DepthError> {
        let mut last = self.last.lock().await;
        if let Some((at, is_crowded)) = *last
            && now.duration_since(at) < MAX_AGE
        {
            return Ok(is_crowded);
        }
        let is_crowded = self.queue.depth().await? >= self.limit;
        *last = Some((now, is_crowded));
        Ok(is_crowded)
    }
}
