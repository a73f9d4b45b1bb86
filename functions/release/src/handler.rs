//! The edge: Lambda's types in, Lambda's types out.

use std::str::FromStr;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use jiff::Timestamp;
use lambda_runtime::{Diagnostic, Error, LambdaEvent};
use serde::Deserialize;
use serde_json::{Value, json};
use wagrun_lambda::telemetry::chain;

use crate::queue::{Queue, pause};
use crate::release::{Handled, Message, Releaser};
use crate::trigger::Deploy;

/// What every invocation needs.
#[derive(Debug)]
pub struct Handler {
    /// Does the work.
    pub releaser: Releaser,
    /// The queue that messages come from, and requests go to.
    pub queue: Queue,
}

/// Handles the queue's messages, or answers a request made by hand or by the schedule.
///
/// # Errors
/// When a request is unknown, names no image, or can't be queued. A message that fails goes back to the queue instead.
pub async fn handle(handler: &Handler, event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    let answer = if event.payload.get("Records").is_some() {
        batch(handler, &event.payload).await
    } else {
        request(handler, &event.payload, &event.context.request_id).await
    };
    answer.map_err(|error| wagrun_lambda::telemetry::failed("ReleaseFailed", error.as_ref()))
}

async fn batch(handler: &Handler, payload: &Value) -> Result<Value, Error> {
    let batch = SqsEvent::deserialize(payload)?;
    let mut response = SqsBatchResponse::default();
    for record in &batch.records {
        // All are one group: what comes after a message that failed must not overtake it.
        if !response.batch_item_failures.is_empty() || !done(handler, record).await {
            response.add_failure(record.message_id.as_deref().unwrap_or_default());
        }
    }
    Ok(serde_json::to_value(response)?)
}

/// Whether a message is done with; otherwise it is hidden for as long as it should wait.
async fn done(handler: &Handler, record: &SqsMessage) -> bool {
    let receives = attribute(record, "ApproximateReceiveCount").unwrap_or(1);
    let message = Message {
        body: record.body.as_deref().unwrap_or_default(),
        // Of our own messages SQS always says it; the oldest time loses against every other wish.
        sent_at: attribute(record, "SentTimestamp")
            .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
            .unwrap_or(Timestamp::UNIX_EPOCH),
        receives,
    };
    let seconds = match handler.releaser.handle(&message).await {
        Ok(Handled::Done) => return true,
        Ok(Handled::Again) => pause(receives),
        Err(error) => {
            tracing::error!(error = chain(&error), "message goes back to the queue");
            // At once, when nothing can help: that way it is soon in the dead-letter queue and lets the next one by.
            if error.is_worth_waiting() {
                pause(receives)
            } else {
                0
            }
        }
    };
    let receipt_handle = record.receipt_handle.as_deref().unwrap_or_default();
    // Without its own wait the message comes again after the queue's.
    if let Err(error) = handler.queue.put_back(receipt_handle, seconds).await {
        tracing::error!(error = chain(&error), "cannot set the wait of a message");
    }
    false
}

async fn request(handler: &Handler, payload: &Value, id: &str) -> Result<Value, Error> {
    if payload.get("status").is_some() {
        return Ok(serde_json::to_value(handler.releaser.state().await?)?);
    }
    let message = if payload.get("deploy").is_some() {
        let asked = Deploy::deserialize(payload)?;
        let deploy = handler.releaser.pinned(&asked.deploy).await?;
        json!({"deploy": deploy})
    } else if payload.get("look").is_some() {
        if handler.releaser.state().await?.current.is_none() {
            return Ok(json!({"queued": null, "reason": "no release is under way"}));
        }
        json!({"look": true})
    } else {
        return Err(r#"expected {"deploy": …}, {"status": true} or {"look": true}"#.into());
    };
    handler.queue.send(&message.to_string(), id).await?;
    Ok(json!({"queued": message}))
}

fn attribute<T: FromStr>(record: &SqsMessage, name: &str) -> Option<T> {
    record.attributes.get(name)?.parse().ok()
}
