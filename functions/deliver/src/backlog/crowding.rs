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
            // A clock that was set back makes the age negative.
            && (SignedDuration::ZERO..MAX_AGE).contains(&now.duration_since(at))
        {
            return Ok(is_crowded);
        }
        let is_crowded = self.queue.depth().await? >= self.limit;
        *last = Some((now, is_crowded));
        Ok(is_crowded)
    }
}

#[cfg(test)]
mod tests {
    use testing::replay::Replay;

    use super::*;

    fn answer(length: u64) -> (u16, String) {
        let body = serde_json::json!({"Attributes": {
            "ApproximateNumberOfMessages": length.to_string(), "ApproximateNumberOfMessagesNotVisible": "0",
        }});
        (200, body.to_string())
    }

    #[tokio::test]
    async fn a_queue_is_crowded_from_its_limit_on_and_asked_twice_a_minute() {
        let replay = Replay::new([answer(99), answer(100), answer(0)]);
        let sqs = aws_sdk_sqs::Client::new(&replay.config());
        let url = "https://sqs.example.org/1/deliveries.fifo";
        let crowding = Crowding::new(Queue::new(sqs, url.into()), 100);
        for (second, expected) in [
            (100, false),
            (129, false),
            (130, true),
            (159, true),
            // The clock was set back.
            (129, false),
            (158, false),
        ] {
            let now = Timestamp::from_second(second).unwrap();
            let is_crowded = crowding.is_crowded(now).await.unwrap();
            assert_eq!(is_crowded, expected, "{second}");
        }
        assert_eq!(replay.requests().len(), 3);
    }
}
