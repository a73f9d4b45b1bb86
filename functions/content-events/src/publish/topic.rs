//! Calls to the FIFO topic.

use std::collections::HashMap;

use aws_sdk_sns::Client;
use aws_sdk_sns::error::{BuildError, DisplayErrorContext, ProvideErrorMetadata as _};
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use wagrun_event::fifo::fifo_id;
use wagrun_event::sendable_text;

use super::outgoing::OutgoingEvent;

/// The error codes with which SNS refuses a whole call for a fault of one entry.
const ENTRY_FAULT_CODES: [&str; 4] = [
    "InvalidParameter",
    "InvalidParameterValue",
    "ValidationError",
    "BatchRequestTooLong",
];

/// The FIFO topic.
#[derive(Debug, Clone)]
pub(crate) struct Topic {
    client: Client,
    arn: String,
}

/// The result of one event.
pub(super) type PublishResult = Result<(), PublishError>;

/// The cause for which the topic did not accept an event.
#[derive(Debug, Clone)]
pub(super) struct PublishError {
    /// The kind of the cause.
    pub cause: RefusalCause,
    /// The message of SNS or of the network.
    pub reason: String,
}

/// The kind of cause for which the topic did not accept an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusalCause {
    /// The event itself is at fault, so the topic will refuse it again.
    InvalidEvent,
    /// The topic did not accept this one event of a call, for a reason on its own side.
    TopicError,
    /// The whole call failed. Some of its events may have arrived, and all are published again under the same ids.
    CallFailed,
}

impl Topic {
    /// Creates a topic from its ARN and a client.
    pub fn new(client: Client, arn: String) -> Self {
        Self { client, arn }
    }

    /// Publishes a batch in one call, and returns each event with its result.
    ///
    /// Publishes each event alone when SNS refuses the call for a fault of one entry. So one event does not hold back the
    /// others.
    pub(super) async fn publish_batch(
        &self,
        batch: Vec<OutgoingEvent>,
    ) -> Vec<(OutgoingEvent, PublishResult)> {
        let error = match self.send(&batch).await {
            Ok(results) => return with_results(batch, &results),
            Err(error) => error,
        };
        if error.cause == RefusalCause::CallFailed || batch.len() == 1 {
            return with_error(batch, &error);
        }
        let mut results = Vec::with_capacity(batch.len());
        for event in batch {
            let single = vec![event];
            results.extend(match self.send(&single).await {
                Ok(result) => with_results(single, &result),
                Err(error) => with_error(single, &error),
            });
        }
        results
    }

    /// Makes one call, and returns the results by entry id. An entry's id is the event's index in the batch.
    async fn send(
        &self,
        batch: &[OutgoingEvent],
    ) -> Result<HashMap<String, PublishResult>, PublishError> {
        let entries = batch
            .iter()
            .enumerate()
            .map(|(index, event)| entry(index, event))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| PublishError {
                cause: RefusalCause::InvalidEvent,
                reason: DisplayErrorContext(error).to_string(),
            })?;
        let output = self
            .client
            .publish_batch()
            .topic_arn(&self.arn)
            .set_publish_batch_request_entries(Some(entries))
            .send()
            .await
            .map_err(|error| PublishError {
                cause: match error.code() {
                    Some(code) if ENTRY_FAULT_CODES.contains(&code) => RefusalCause::InvalidEvent,
                    _ => RefusalCause::CallFailed,
                },
                reason: DisplayErrorContext(error).to_string(),
            })?;
        let accepted = output
            .successful()
            .iter()
            .filter_map(|entry| Some((entry.id()?.to_owned(), Ok(()))));
        let refused = output.failed().iter().map(|entry| {
            let error = PublishError {
                cause: if entry.sender_fault() {
                    RefusalCause::InvalidEvent
                } else {
                    RefusalCause::TopicError
                },
                reason: format!("{}: {}", entry.code(), entry.message().unwrap_or_default()),
            };
            (entry.id().to_owned(), Err(error))
        });
        Ok(accepted.chain(refused).collect())
    }
}

/// Returns each event with its own result.
fn with_results(
    batch: Vec<OutgoingEvent>,
    results: &HashMap<String, PublishResult>,
) -> Vec<(OutgoingEvent, PublishResult)> {
    batch
        .into_iter()
        .enumerate()
        .map(|(index, event)| {
            let result = results.get(&index.to_string()).cloned();
            let missing = || {
                Err(PublishError {
                    cause: RefusalCause::TopicError,
                    reason: "SNS did not mention this entry".to_owned(),
                })
            };
            (event, result.unwrap_or_else(missing))
        })
        .collect()
}

/// Returns each event with the same error.
fn with_error(
    batch: Vec<OutgoingEvent>,
    error: &PublishError,
) -> Vec<(OutgoingEvent, PublishResult)> {
    batch
        .into_iter()
        .map(|event| (event, Err(error.clone())))
        .collect()
}

fn entry(index: usize, outgoing: &OutgoingEvent) -> Result<PublishBatchRequestEntry, BuildError> {
    let event = &outgoing.event;
    let attributes = [
        ("type", Some(event.kind.as_str())),
        ("content_type", event.content_type()),
        ("locale", event.locale()),
        ("subscriber", event.subscriber.as_deref()),
    ];
    let mut entry = PublishBatchRequestEntry::builder()
        .id(index.to_string())
        .message(&outgoing.json)
        .message_group_id(fifo_id(&event.subject))
        .message_deduplication_id(event.deduplication_id());
    for (name, value) in attributes {
        // SNS refuses an attribute without a value.
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            entry = entry.message_attributes(
                name,
                MessageAttributeValue::builder()
                    .data_type("String")
                    .string_value(sendable_text(value))
                    .build()?,
            );
        }
    }
    entry.build()
}
