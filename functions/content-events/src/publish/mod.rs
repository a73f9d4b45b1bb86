//! Publishes events to the FIFO topic: independent objects at once, one object strictly in order.

mod lanes;
mod outgoing;

use std::collections::HashMap;

use aws_sdk_sns::Client;
use aws_sdk_sns::error::{DisplayErrorContext, ProvideErrorMetadata as _};
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use wagrun_event::Event;
use wagrun_event::fifo::fifo_id;

use lanes::Lanes;

pub use outgoing::{Outgoing, UnsendableError};

/// Calls in flight at once; each carries up to ten events of ten different objects.
const CALLS_IN_FLIGHT: usize = 16;

/// SNS's error codes for a whole call that it refuses for something in it.
const FAULTS_OF_AN_ENTRY: [&str; 4] = [
    "InvalidParameter",
    "InvalidParameterValue",
    "ValidationError",
    "BatchRequestTooLong",
];

/// The results of events.
#[derive(Debug, Default)]
pub struct Published {
    /// Sequences of the events that the topic has.
    pub sequences: Vec<i64>,
    /// Events that were refused; later events of the same object were not tried.
    pub refused: Vec<Refused>,
}

/// An event that the topic did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The event's sequence.
    pub sequence: i64,
    /// The object whose later events now wait.
    pub object: String,
    /// What SNS, or the network, said.
    pub reason: String,
    /// The reach of the refusal.
    pub fault: Fault,
}

/// The reach of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The event's own: it will be refused again.
    Event,
    /// The topic's, for this entry of a call.
    Topic,
    /// The whole call failed: nobody knows what arrived, so all of it is published again under the same ids.
    Call,
}

/// The FIFO topic.
#[derive(Debug, Clone)]
pub struct Topic {
    client: Client,
    arn: String,
}

impl Topic {
    /// A topic and the client that reaches it.
    pub fn new(client: Client, arn: String) -> Self {
        Self { client, arn }
    }

    /// Begins to publish `events`, which are in order per object.
    ///
    /// A batch never holds two events of one object: SNS may take one entry of a batch and refuse another, and a
    /// later event must not overtake an earlier one that way.
    pub fn publish(&self, events: Vec<Outgoing>) -> Publication<'_> {
        Publication {
            topic: self,
            lanes: Lanes::new(events),
            calls: FuturesUnordered::new(),
            is_stopped: false,
        }
    }

    /// One call; every event comes back with its own result. A call that SNS refuses for something in it is repeated with each
    /// event alone, so that one of them does not keep the others.
    async fn publish_batch(&self, batch: Vec<Outgoing>) -> Vec<(Outgoing, EntryResult)> {
        let refused = match self.send(&batch).await {
            Ok(answer) => return with_results(batch, &answer),
            Err(refused) => refused,
        };
        if refused.fault == Fault::Call || batch.len() == 1 {
            let result = Err((refused.fault, refused.reason));
            return batch
                .into_iter()
                .map(|outgoing| (outgoing, result.clone()))
                .collect();
        }
        let mut results = Vec::with_capacity(batch.len());
        for outgoing in batch {
            let alone = vec![outgoing];
            match self.send(&alone).await {
                Ok(answer) => results.extend(with_results(alone, &answer)),
                Err(refused) => {
                    let result = Err((refused.fault, refused.reason));
                    results.extend(alone.into_iter().map(|one| (one, result.clone())));
                }
            }
        }
        results
    }

    /// The result by entry id, which is the event's index in the batch.
    async fn send(&self, batch: &[Outgoing]) -> Result<HashMap<String, EntryResult>, RefusedCall> {
        let entries = batch
            .iter()
            .enumerate()
            .map(|(index, outgoing)| entry(index, outgoing))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| RefusedCall {
                fault: Fault::Event,
                reason: DisplayErrorContext(error).to_string(),
            })?;
        let output = self
            .client
            .publish_batch()
            .topic_arn(&self.arn)
            .set_publish_batch_request_entries(Some(entries))
            .send()
            .await
            .map_err(|error| RefusedCall {
                fault: match error.code() {
                    Some(code) if FAULTS_OF_AN_ENTRY.contains(&code) => Fault::Event,
                    _ => Fault::Call,
                },
                reason: DisplayErrorContext(error).to_string(),
            })?;
        let taken = output
            .successful()
            .iter()
            .filter_map(|entry| Some((entry.id()?.to_owned(), Ok(()))));
        let refused = output.failed().iter().map(|entry| {
            let reason = format!("{}: {}", entry.code(), entry.message().unwrap_or_default());
            let fault = if entry.sender_fault() {
                Fault::Event
            } else {
                Fault::Topic
            };
            (entry.id().to_owned(), Err((fault, reason)))
        });
        Ok(taken.chain(refused).collect())
    }
}

/// The publication of some events; what is not yet called when it is dropped or stopped stays unpublished.
pub struct Publication<'a> {
    topic: &'a Topic,
    lanes: Lanes,
    calls: FuturesUnordered<BoxFuture<'a, Vec<(Outgoing, EntryResult)>>>,
    is_stopped: bool,
}

impl Publication<'_> {
    /// Waits for the next call and returns its results; `None` when no call is left.
    pub async fn next(&mut self) -> Option<Published> {
        while !self.is_stopped && self.calls.len() < CALLS_IN_FLIGHT {
            let batch = self.lanes.next_batch();
            if batch.is_empty() {
                break;
            }
            self.calls.push(Box::pin(self.topic.publish_batch(batch)));
        }
        let results = self.calls.next().await?;
        let mut published = Published::default();
        for (outgoing, result) in results {
            match result {
                Ok(()) => {
                    log_published(&outgoing.event);
                    published.sequences.push(outgoing.sequence);
                    self.lanes.proceed(&outgoing.event.subject);
                }
                Err((fault, reason)) => published.refused.push(Refused {
                    sequence: outgoing.sequence,
                    object: outgoing.event.subject,
                    reason,
                    fault,
                }),
            }
        }
        Some(published)
    }

    /// Makes no further call; those in flight are still to be asked for.
    pub fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// Waits for all calls and returns their results.
    pub async fn all(mut self) -> Published {
        let mut all = Published::default();
        while let Some(published) = self.next().await {
            all.sequences.extend(published.sequences);
            all.refused.extend(published.refused);
        }
        all
    }
}

fn log_published(event: &Event) {
    tracing::info!(
        event.id = %event.id,
        event.type = event.kind,
        event.subject = event.subject,
        event.sequence = event.sequence,
        backfill = event.backfill.map(tracing::field::display),
        "published"
    );
}

/// Every event with what the answer says of it.
fn with_results(
    batch: Vec<Outgoing>,
    answer: &HashMap<String, EntryResult>,
) -> Vec<(Outgoing, EntryResult)> {
    batch
        .into_iter()
        .enumerate()
        .map(|(index, outgoing)| {
            let unmentioned = || Err((Fault::Topic, "SNS did not mention this entry".to_owned()));
            let result = answer.get(&index.to_string()).cloned();
            (outgoing, result.unwrap_or_else(unmentioned))
        })
        .collect()
}

/// A call that failed as a whole.
#[derive(Debug)]
struct RefusedCall {
    fault: Fault,
    reason: String,
}

/// SNS's answer about one entry.
type EntryResult = Result<(), (Fault, String)>;

type BuildError = aws_sdk_sns::error::BuildError;

fn entry(index: usize, outgoing: &Outgoing) -> Result<PublishBatchRequestEntry, BuildError> {
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
                    .string_value(value)
                    .build()?,
            );
        }
    }
    entry.build()
}

#[cfg(test)]
mod tests;
