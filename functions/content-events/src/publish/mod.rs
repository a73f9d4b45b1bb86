//! Publishes events to the FIFO topic: independent objects at once, one object strictly in order.

mod lanes;

use std::collections::HashMap;

use aws_sdk_sns::Client;
use aws_sdk_sns::error::DisplayErrorContext;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use wagrun::event::Event;
use wagrun::fifo::fifo_id;

use lanes::Lanes;

/// Calls in flight at once; each carries up to ten events of ten different objects.
const CALLS_IN_FLIGHT: usize = 16;

/// An event on its way, with where it came from.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The outbox row; of a snapshot its place in the slice.
    pub position: i64,
    /// What is published.
    pub event: Event,
    /// The event as JSON, made once.
    pub json: String,
}

impl Outgoing {
    /// The event, written down.
    pub fn new(position: i64, event: Event) -> Result<Self, serde_json::Error> {
        let json = serde_json::to_string(&event)?;
        Ok(Self {
            position,
            event,
            json,
        })
    }
}

/// What became of the events.
#[derive(Debug, Default)]
pub struct Published {
    /// Positions of the events that the topic has.
    pub positions: Vec<i64>,
    /// Events that were refused; later events of the same object were not tried.
    pub refused: Vec<Refused>,
}

/// An event that the topic did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The event's position.
    pub position: i64,
    /// The object whose later events now wait.
    pub object: String,
    /// What SNS, or the network, said.
    pub reason: String,
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

    /// Publishes all of `events`, which are in order per object.
    ///
    /// A batch never holds two events of one object: SNS may take one entry of a batch and refuse another, and a
    /// later event must not overtake an earlier one that way.
    pub async fn publish(&self, events: Vec<Outgoing>) -> Published {
        let mut published = Published::default();
        let mut lanes = Lanes::new(events);
        let mut calls = FuturesUnordered::new();
        loop {
            while calls.len() < CALLS_IN_FLIGHT {
                let batch = lanes.next_batch();
                if batch.is_empty() {
                    break;
                }
                calls.push(self.publish_batch(batch));
            }
            let Some(results) = calls.next().await else {
                return published;
            };
            for (outgoing, result) in results {
                match result {
                    Ok(()) => {
                        let event = &outgoing.event;
                        tracing::info!(
                            event.id = %event.id,
                            event.type = event.kind,
                            event.subject = event.subject,
                            event.sequence = event.sequence,
                            backfill = event.backfill.map(tracing::field::display),
                            "published"
                        );
                        published.positions.push(outgoing.position);
                        lanes.proceed(&outgoing.event.subject);
                    }
                    Err(reason) => published.refused.push(Refused {
                        position: outgoing.position,
                        object: outgoing.event.subject,
                        reason,
                    }),
                }
            }
        }
    }

    /// One call; every event comes back with its own result.
    async fn publish_batch(&self, batch: Vec<Outgoing>) -> Vec<(Outgoing, Result<(), String>)> {
        let answer = match self.send(&batch).await {
            Ok(answer) => answer,
            // The whole call failed: nobody knows what arrived, so all of it is published again under the same ids.
            Err(reason) => {
                return batch
                    .into_iter()
                    .map(|outgoing| (outgoing, Err(reason.clone())))
                    .collect();
            }
        };
        batch
            .into_iter()
            .enumerate()
            .map(|(index, outgoing)| {
                let id = index.to_string();
                let result = answer
                    .get(&id)
                    .cloned()
                    .unwrap_or_else(|| Err("SNS did not mention this entry".to_owned()));
                (outgoing, result)
            })
            .collect()
    }

    /// The result by entry id, which is the event's index in the batch.
    async fn send(
        &self,
        batch: &[Outgoing],
    ) -> Result<HashMap<String, Result<(), String>>, String> {
        let entries = batch
            .iter()
            .enumerate()
            .map(|(index, outgoing)| entry(index, outgoing))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| DisplayErrorContext(error).to_string())?;
        let output = self
            .client
            .publish_batch()
            .topic_arn(&self.arn)
            .set_publish_batch_request_entries(Some(entries))
            .send()
            .await
            .map_err(|error| DisplayErrorContext(error).to_string())?;
        let taken = output
            .successful()
            .iter()
            .filter_map(|entry| Some((entry.id()?.to_owned(), Ok(()))));
        let refused = output.failed().iter().map(|entry| {
            let reason = format!("{}: {}", entry.code(), entry.message().unwrap_or_default());
            (entry.id().to_owned(), Err(reason))
        });
        Ok(taken.chain(refused).collect())
    }
}

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
