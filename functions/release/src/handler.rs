//! The edge: the only module with Lambda's types.

use std::str::FromStr;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use jiff::Timestamp;
use lambda_runtime::{Diagnostic, Error, LambdaEvent};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::{Instrument, Span};
use wagrun_lambda::telemetry::chain;

use crate::queue::{Queue, retry_interval};
use crate::releaser::{MessageOutcome, ReceivedMessage, Releaser};
use crate::request::Request;

/// The parts that every invocation uses.
#[derive(Debug)]
pub struct Handler {
    /// The releaser, which handles messages.
    pub releaser: Releaser,
    /// The queue that messages come from and that requests go to.
    pub queue: Queue,
}

/// Handles messages of the queue, or answers a request of an operator or of the schedule.
///
/// # Errors
/// A request fails when it is unknown, names no image or cannot be queued. A message that fails returns to the queue
/// instead.
pub async fn handle(handler: &Handler, event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    let answer = if event.payload.get("Records").is_some() {
        handle_batch(handler, &event.payload).await
    } else {
        handle_request(handler, &event.payload, &event.context.request_id).await
    };
    answer.map_err(|error| wagrun_lambda::telemetry::failed("ReleaseFailed", error.as_ref()))
}

async fn handle_batch(handler: &Handler, payload: &Value) -> Result<Value, Error> {
    let batch = SqsEvent::deserialize(payload)?;
    let mut response = SqsBatchResponse::default();
    for record in &batch.records {
        // All records are of one message group. None may overtake a record that failed.
        let is_held_back = !response.batch_item_failures.is_empty();
        if is_held_back
            || !handle_record(handler, record)
                .instrument(span(record))
                .await
        {
            response.add_failure(record.message_id.as_deref().unwrap_or_default());
        }
    }
    Ok(serde_json::to_value(response)?)
}

/// Handles one message. Returns false after hiding a message that has to come again.
async fn handle_record(handler: &Handler, record: &SqsMessage) -> bool {
    let receive_count = receive_count(record);
    let message = ReceivedMessage {
        body: record.body.as_deref().unwrap_or_default(),
        // SQS sends the attribute with every message. Without it the request counts as older than any other.
        sent_at: attribute(record, "SentTimestamp")
            .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
            .unwrap_or(Timestamp::UNIX_EPOCH),
        receive_count,
    };
    let delay = match handler.releaser.handle(&message).await {
        Ok(MessageOutcome::Done) => return true,
        Ok(MessageOutcome::RetryLater) => retry_interval(receive_count),
        Err(error) => {
            let is_retryable = error.is_retryable();
            tracing::error!(
                error = chain(&error),
                is_retryable,
                "release message failed"
            );
            // Without a delay, a hopeless message is soon in the dead-letter queue and lets the next one pass.
            if is_retryable {
                retry_interval(receive_count)
            } else {
                Duration::ZERO
            }
        }
    };
    let receipt_handle = record.receipt_handle.as_deref().unwrap_or_default();
    // If this fails, the message comes again after the visibility timeout of the queue.
    if let Err(error) = handler.queue.put_back(receipt_handle, delay).await {
        tracing::error!(error = chain(&error), "release message not put back");
    }
    false
}

async fn handle_request(
    handler: &Handler,
    payload: &Value,
    request_id: &str,
) -> Result<Value, Error> {
    let message = match Request::parse(payload)? {
        Request::Status => {
            return Ok(serde_json::to_value(handler.releaser.state().await?)?);
        }
        Request::Deploy(reference) => {
            json!({"deploy": handler.releaser.resolve(&reference).await?})
        }
        Request::Check => {
            if handler.releaser.state().await?.current.is_none() {
                return Ok(json!({"queued": null, "reason": "no release is under way"}));
            }
            json!({"check": true})
        }
    };
    // The request id makes each request a message of its own, even with the same text within five minutes.
    handler.queue.send(&message.to_string(), request_id).await?;
    Ok(json!({"queued": message}))
}

/// Creates the span of all lines about one message.
fn span(record: &SqsMessage) -> Span {
    tracing::info_span!(
        "message",
        message.id = record.message_id,
        receive_count = receive_count(record),
    )
}

fn receive_count(record: &SqsMessage) -> u32 {
    attribute(record, "ApproximateReceiveCount").unwrap_or(1)
}

fn attribute<T: FromStr>(record: &SqsMessage, name: &str) -> Option<T> {
    record.attributes.get(name)?.parse().ok()
}
