//! The edge: Lambda's types in, Lambda's types out.

use std::str::FromStr;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use wagrun_delivery::partial_batch::handle_in_order;
use wagrun_lambda::telemetry::failed;

use crate::backlog::{Sweep, SweptBacklog, sweep};
use crate::delivery::{Attempt, Deliverer, deliver_batch, handle_message};
use crate::sqs::Queue;
use crate::subscriber_check::{SubscriberCheck, check_subscribers};

/// The payload of the schedule: `{"sweep": "backlogs"}`, which checks the subscribers too. An operator adds `"at_once": true` to
/// have every subscriber tried now, or asks for the check alone with `{"sweep": "subscribers"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepRequest {
    /// The things to sweep.
    pub sweep: Swept,
    /// Tries subscribers that were tried a short time ago as well.
    #[serde(default)]
    pub at_once: bool,
}

impl SweepRequest {
    /// Parses a payload, which is an object.
    pub fn parse(payload: &str) -> Result<Self, serde_json::Error> {
        let fields = serde_json::from_str(payload)?;
        Self::deserialize(Value::Object(fields))
    }
}

/// The things that can be swept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Swept {
    /// The deliveries that are set aside, and the parameters of the subscribers.
    Backlogs,
    /// The parameters of the subscribers alone.
    Subscribers,
}

/// The answer to Lambda.
#[derive(Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To a queue: the records that go back to it.
    Batch(SqsBatchResponse),
    /// To a sweep: the backlogs.
    Backlogs(Vec<SweptBacklog>),
    /// To a check of the subscribers: those that need a correction.
    Subscribers(SubscriberCheck),
}

/// The deliverer, its queues, and the source of chance.
#[derive(Debug)]
pub struct Handler {
    /// Makes the attempts.
    pub deliverer: Deliverer,
    /// The FIFO queue, whose deliveries are made in order, one at a time.
    pub deliveries: Queue,
    /// The standard queue, whose invalidations are made many at once; none when it is not deployed.
    pub invalidations: Option<Queue>,
    /// Returns a number from -1 to 1.
    pub jitter: fn() -> f64,
}

/// Handles a batch of a queue, or a sweep.
///
/// # Errors
/// Fails for a payload that is neither of the two, if a backlog could not be swept, and if the subscribers cannot be read.
pub async fn handle(handler: &Handler, payload: &RawValue) -> Result<Answer, Diagnostic> {
    // serde also takes a list for a struct, by the positions of its values.
    if payload.get().starts_with('{')
        && let Ok(batch) = serde_json::from_str(payload.get())
    {
        return Ok(Answer::Batch(deliver(handler, &batch).await));
    }
    let SweepRequest {
        sweep: swept,
        at_once,
    } = SweepRequest::parse(payload.get()).map_err(|error| failed("RequestUnknown", &error))?;
    let backlogs = match swept {
        Swept::Backlogs => Some(sweep_backlogs(&handler.deliverer, at_once).await),
        Swept::Subscribers => None,
    };
    // After the sweep, which may have read the subscribers, and even if it failed.
    let deliverer = &handler.deliverer;
    let (store, now) = (&deliverer.subscribers, (deliverer.clock)());
    let checked = check_subscribers(store, &deliverer.metrics, now).await;
    let checked = checked.map_err(|error| failed("SubscribersNotChecked", &error));
    match backlogs {
        Some(swept) => swept.and_then(|swept| checked.map(|_| Answer::Backlogs(swept))),
        None => checked.map(Answer::Subscribers),
    }
}

async fn sweep_backlogs(
    deliverer: &Deliverer,
    at_once: bool,
) -> Result<Vec<SweptBacklog>, Diagnostic> {
    let sweep_of_backlogs = Sweep {
        backlogs: &deliverer.backlogs,
        subscribers: &deliverer.subscribers,
        health: &deliverer.health,
        metrics: &deliverer.metrics,
        clock: deliverer.clock,
        at_once,
    };
    let swept = sweep(&sweep_of_backlogs).await;
    swept.map_err(|error| failed("BacklogsNotSwept", &error))
}

/// Attempts each record's delivery, and reports the records that go back to the queue.
async fn deliver(handler: &Handler, batch: &SqsEvent) -> SqsBatchResponse {
    // All records of a batch come from one queue.
    let source = batch.records.first();
    let source = source.and_then(|record| record.event_source_arn.as_deref());
    if let (Some(queue), Some(arn)) = (&handler.invalidations, source)
        && queue.is_source(arn)
    {
        return invalidate(handler, queue, batch).await;
    }
    handle_in_order(batch, async |record| {
        let attempt = handler.received(record);
        handle_message(&handler.deliverer, &handler.deliveries, &attempt).await
    })
    .await
}

async fn invalidate(handler: &Handler, queue: &Queue, batch: &SqsEvent) -> SqsBatchResponse {
    let attempts: Vec<_> = batch
        .records
        .iter()
        .map(|record| handler.received(record))
        .collect();
    let mut response = SqsBatchResponse::default();
    for message_id in deliver_batch(&handler.deliverer, queue, &attempts).await {
        response.add_failure(message_id);
    }
    response
}

impl Handler {
    fn received<'a>(&self, record: &'a SqsMessage) -> Attempt<'a> {
        let now = (self.deliverer.clock)();
        Attempt {
            message_id: record.message_id.as_deref().unwrap_or_default(),
            body: record.body.as_deref().unwrap_or_default(),
            receipt_handle: record.receipt_handle.as_deref().unwrap_or_default(),
            number: attribute(record, "ApproximateReceiveCount").unwrap_or(1),
            sequence_number: record.attributes.get("SequenceNumber").map(String::as_str),
            // Without the attribute the subscribers are read again, which is never wrong.
            sent_at: attribute(record, "SentTimestamp")
                .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
                .unwrap_or(now),
            now,
            jitter: (self.jitter)(),
        }
    }
}

fn attribute<T: FromStr>(record: &SqsMessage, name: &str) -> Option<T> {
    record.attributes.get(name)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_is_requested_by_names_and_not_by_positions() {
        let request = SweepRequest::parse(r#"{"sweep":"backlogs","at_once":true}"#).unwrap();
        let expected = SweepRequest {
            sweep: Swept::Backlogs,
            at_once: true,
        };
        assert_eq!(request, expected);
        for payload in [r#"["backlogs",true]"#, r#""backlogs""#, "{}"] {
            assert!(SweepRequest::parse(payload).is_err(), "{payload}");
        }
    }
}
