//! The edge: Lambda's types in, Lambda's types out.

use std::str::FromStr;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use jiff::Timestamp;
use wagrun::partial_batch::in_order;

use crate::{Attempt, Deliverer};

/// What every record needs: the deliverer, and where time and chance come from.
#[derive(Debug)]
pub struct Handler {
    /// Makes the attempts.
    pub deliverer: Deliverer,
    /// The time now.
    pub clock: fn() -> Timestamp,
    /// A number from -1 to 1.
    pub jitter: fn() -> f64,
}

/// Attempts each record's delivery, and reports the records that go back to the queue.
pub async fn handle(handler: &Handler, batch: &SqsEvent) -> SqsBatchResponse {
    in_order(batch, async |record| {
        let attempt = attempt(record, (handler.clock)(), (handler.jitter)());
        handler.deliverer.attempt(&attempt).await
    })
    .await
}

fn attempt(record: &SqsMessage, now: Timestamp, jitter: f64) -> Attempt<'_> {
    Attempt {
        body: record.body.as_deref().unwrap_or_default(),
        receipt_handle: record.receipt_handle.as_deref().unwrap_or_default(),
        number: attribute(record, "ApproximateReceiveCount").unwrap_or(1),
        // Without the attribute the subscribers are read again, which is never wrong.
        sent_at: attribute(record, "SentTimestamp")
            .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
            .unwrap_or(now),
        now,
        jitter,
    }
}

fn attribute<T: FromStr>(record: &SqsMessage, name: &str) -> Option<T> {
    record.attributes.get(name)?.parse().ok()
}
