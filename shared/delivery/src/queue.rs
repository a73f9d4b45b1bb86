//! Sends messages to the queues around deliver, in as few calls as SQS allows.

mod batches;
mod message;

use std::sync::Arc;

use aws_sdk_sqs::{
    Client,
    error::{BuildError, SdkError},
    operation::send_message_batch::SendMessageBatchError,
    types::SendMessageBatchRequestEntry,
};

use batches::{Entry, batches, by_event};
pub use message::{FifoAttributes, Message};

/// A queue in front of deliver, or its dead-letter queue.
#[derive(Debug, Clone)]
pub struct DeliveryQueue {
    sqs: Client,
    url: String,
    name: &'static str,
}

/// Some messages are not in the queue. Those that are stay there. SQS drops them when they are sent again within five minutes.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SendError {
    /// The SDK did not build the call.
    #[error("cannot build the call to a queue of deliveries")]
    Build(#[source] Arc<BuildError>),
    /// The call failed as a whole.
    #[error("cannot send to the {queue}")]
    Call {
        /// The queue's name, for people.
        queue: &'static str,
        /// The cause.
        source: Arc<SdkError<SendMessageBatchError>>,
    },
    /// The call succeeded, but its answer says that some messages were refused.
    #[error("the {queue} refused {count}, the first for {subscriber} ({code}): {message}")]
    Refused {
        /// The queue's name, for people.
        queue: &'static str,
        /// Number of refused messages.
        count: usize,
        /// The subscriber of the first refused message.
        subscriber: String,
        /// The code from SQS.
        code: String,
        /// The explanation from SQS.
        message: String,
    },
}

impl DeliveryQueue {
    /// Uses the delivery queue (FIFO) with this URL.
    pub fn deliveries(sqs: Client, url: String) -> Self {
        let name = "delivery queue";
        Self { sqs, url, name }
    }

    /// Uses the delivery dead-letter queue (FIFO) with this URL.
    pub fn dead_letters(sqs: Client, url: String) -> Self {
        let name = "delivery dead-letter queue";
        Self { sqs, url, name }
    }

    /// Uses the invalidation queue (standard) with this URL.
    pub fn invalidations(sqs: Client, url: String) -> Self {
        let name = "invalidation queue";
        Self { sqs, url, name }
    }

    /// Sends all messages. A refused one does not hold back the others.
    pub async fn send(&self, messages: Vec<Message>) -> Result<(), SendError> {
        let results = self.send_together(vec![messages]).await;
        results.into_iter().collect()
    }

    /// Sends the messages of several events in as few calls as SQS allows. Returns a result for each event, in their order.
    ///
    /// No event holds back another: a call that SQS refuses as a whole is made again for each of its events alone. After a call without
    /// an answer nothing more is sent. Messages of one group must belong to one event, because SQS may refuse any message of a call.
    pub async fn send_together(&self, events: Vec<Vec<Message>>) -> Vec<Result<(), SendError>> {
        let mut outcomes: Vec<Outcome> = events.iter().map(|_| Outcome::default()).collect();
        let mut left = batches(events).into_iter();
        while let Some(batch) = left.next() {
            let error = match self.send_batch(&batch).await {
                Ok(refusals) => {
                    note(&mut outcomes, refusals);
                    continue;
                }
                Err(error) => error,
            };
            if !error.is_refusal() {
                let unsent = batch.into_iter().chain(left.flatten());
                for entry in unsent {
                    outcomes[entry.event].error = Some(error.clone());
                }
                break;
            }
            let parts = by_event(batch);
            let is_alone = parts.len() == 1;
            for part in parts {
                let event = part[0].event;
                match is_alone {
                    true => outcomes[event].error = Some(error.clone()),
                    false => match self.send_batch(&part).await {
                        Ok(refusals) => note(&mut outcomes, refusals),
                        Err(error) => outcomes[event].error = Some(error),
                    },
                }
            }
        }
        let results = outcomes
            .into_iter()
            .map(|outcome| outcome.result(self.name));
        results.collect()
    }

    async fn send_batch(&self, batch: &[Entry]) -> Result<Vec<(usize, Refusal)>, SendError> {
        let entries = batch
            .iter()
            .enumerate()
            .map(|(index, Entry { message, .. })| {
                let mut entry = SendMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .message_body(&message.body);
                if let Some(order) = &message.fifo {
                    entry = entry
                        .message_group_id(&order.group_id)
                        .message_deduplication_id(&order.deduplication_id);
                }
                entry.build()
            })
            .collect::<Result<_, _>>();
        let entries = entries.map_err(|error| SendError::Build(Arc::new(error)))?;
        let answer = self
            .sqs
            .send_message_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(|source| SendError::Call {
                queue: self.name,
                source: Arc::new(source),
            })?;
        // A message that the answer does not name as sent was not sent, even if it is not named as failed.
        let refusals = batch.iter().enumerate().filter_map(|(index, entry)| {
            let id = index.to_string();
            if answer.successful.iter().any(|entry| entry.id == id) {
                return None;
            }
            let failed = answer.failed.iter().find(|entry| entry.id == id);
            let refusal = Refusal {
                subscriber: entry.message.subscriber.clone(),
                code: failed
                    .map_or("not answered", |entry| &entry.code)
                    .to_owned(),
                message: failed
                    .and_then(|entry| entry.message.clone())
                    .unwrap_or_default(),
            };
            Some((entry.event, refusal))
        });
        Ok(refusals.collect())
    }
}

impl SendError {
    /// Returns true when SQS has answered that it does not take the call. The same call without some of its messages may be taken.
    fn is_refusal(&self) -> bool {
        match self {
            Self::Call { source, .. } => source
                .raw_response()
                .is_some_and(|response| response.status().is_client_error()),
            Self::Build(_) | Self::Refused { .. } => true,
        }
    }
}

/// The refused messages of one event, and the error of a call.
#[derive(Debug, Default)]
struct Outcome {
    refusals: Vec<Refusal>,
    error: Option<SendError>,
}

impl Outcome {
    fn result(self, queue: &'static str) -> Result<(), SendError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let count = self.refusals.len();
        match self.refusals.into_iter().next() {
            None => Ok(()),
            Some(first) => Err(SendError::Refused {
                queue,
                count,
                subscriber: first.subscriber,
                code: first.code,
                message: first.message,
            }),
        }
    }
}

fn note(outcomes: &mut [Outcome], refusals: Vec<(usize, Refusal)>) {
    for (event, refusal) in refusals {
        outcomes[event].refusals.push(refusal);
    }
}

/// A message that SQS did not take.
#[derive(Debug)]
struct Refusal {
    subscriber: String,
    code: String,
    message: String,
}

#[cfg(test)]
mod tests;
