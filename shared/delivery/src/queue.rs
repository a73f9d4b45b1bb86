//! Sends to a queue of deliveries in as few calls as SQS allows.

use aws_sdk_sqs::{
    Client,
    error::{BuildError, SdkError},
    operation::send_message_batch::SendMessageBatchError,
    types::SendMessageBatchRequestEntry,
};

/// What SQS takes in one call.
const MOST_ENTRIES: usize = 10;
/// SQS takes 1 MiB by now; an event is at most a quarter of that, and older endpoints end here.
const MOST_BYTES: usize = 256 * 1024;

/// A queue in front of deliver, or the one behind it where what was given up is.
#[derive(Debug, Clone)]
pub struct DeliveryQueue {
    sqs: Client,
    url: String,
    name: &'static str,
}

/// One message as it goes into the queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Whom it is for, for errors.
    pub subscriber: String,
    /// What a FIFO queue asks for, and another has no use for.
    pub order: Option<Order>,
    /// A [`Delivery`](crate::Delivery)'s JSON, or what deliver sends itself.
    pub body: String,
}

/// A message's place in a FIFO queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Messages of one group are received in order, one at a time.
    pub group_id: String,
    /// SQS drops a second message with this id for five minutes.
    pub deduplication_id: String,
}

/// Not every message is in the queue; those that are stay there, and SQS drops them when they are sent again soon.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// A call that the SDK would not build.
    #[error("cannot build the call to a queue of deliveries")]
    Build(#[from] BuildError),
    /// The call failed as a whole.
    #[error("cannot send to the {queue}")]
    Call {
        /// The queue.
        queue: &'static str,
        /// What SQS said.
        source: Box<SdkError<SendMessageBatchError>>,
    },
    /// The call succeeded, and said that deliveries did not.
    #[error("the {queue} refused {count}, the first for {subscriber} ({code}): {message}")]
    Refused {
        /// The queue.
        queue: &'static str,
        /// How many were refused.
        count: usize,
        /// The first one's subscriber.
        subscriber: String,
        /// Its code from SQS.
        code: String,
        /// Its explanation from SQS.
        message: String,
    },
}

impl DeliveryQueue {
    /// The FIFO queue under this URL.
    pub fn of_deliveries(sqs: Client, url: String) -> Self {
        let name = "delivery queue";
        Self { sqs, url, name }
    }

    /// The FIFO dead-letter queue under this URL.
    pub fn of_dead_letters(sqs: Client, url: String) -> Self {
        let name = "delivery dead-letter queue";
        Self { sqs, url, name }
    }

    /// The queue under this URL, which knows no order.
    pub fn of_invalidations(sqs: Client, url: String) -> Self {
        let name = "invalidation queue";
        Self { sqs, url, name }
    }

    /// Sends them all; a refused one does not keep back the others.
    pub async fn send(&self, messages: Vec<Message>) -> Result<(), SendError> {
        let mut refusals = Vec::new();
        for batch in batches(messages) {
            refusals.extend(self.send_batch(&batch).await?);
        }
        let count = refusals.len();
        match refusals.into_iter().next() {
            None => Ok(()),
            Some(first) => Err(SendError::Refused {
                queue: self.name,
                count,
                subscriber: first.subscriber,
                code: first.code,
                message: first.message,
            }),
        }
    }

    async fn send_batch(&self, batch: &[Message]) -> Result<Vec<Refusal>, SendError> {
        let entries = batch
            .iter()
            .enumerate()
            .map(|(index, message)| {
                let mut entry = SendMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .message_body(&message.body);
                if let Some(order) = &message.order {
                    entry = entry
                        .message_group_id(&order.group_id)
                        .message_deduplication_id(&order.deduplication_id);
                }
                entry.build()
            })
            .collect::<Result<_, _>>()?;
        let answer = self
            .sqs
            .send_message_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(|source| SendError::Call {
                queue: self.name,
                source: Box::new(source),
            })?;
        // What the answer does not name as sent was not sent, whether it names it as failed or not at all.
        let refusals = batch.iter().enumerate().filter_map(|(index, message)| {
            let id = index.to_string();
            if answer.successful.iter().any(|entry| entry.id == id) {
                return None;
            }
            let failed = answer.failed.iter().find(|entry| entry.id == id);
            Some(Refusal {
                subscriber: message.subscriber.clone(),
                code: failed
                    .map_or("not answered", |entry| &entry.code)
                    .to_owned(),
                message: failed
                    .and_then(|entry| entry.message.clone())
                    .unwrap_or_default(),
            })
        });
        Ok(refusals.collect())
    }
}

struct Refusal {
    subscriber: String,
    code: String,
    message: String,
}

/// Splits by count and size, in order; a message that is too large by itself goes alone, for SQS to judge.
fn batches(messages: Vec<Message>) -> Vec<Vec<Message>> {
    let mut batches: Vec<Vec<Message>> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        match batches.last_mut() {
            Some(batch)
                if batch.len() < MOST_ENTRIES && bytes + message.body.len() <= MOST_BYTES =>
            {
                bytes += message.body.len();
                batch.push(message);
            }
            _ => {
                bytes = message.body.len();
                batches.push(vec![message]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: usize) -> Message {
        Message {
            subscriber: "cdn".into(),
            order: None,
            body: "x".repeat(bytes),
        }
    }

    #[test]
    fn batches_keep_to_count_and_size() {
        let kib = 1024;
        let cases = [
            (vec![], vec![]),
            (vec![1; 10], vec![10]),
            (vec![1; 21], vec![10, 10, 1]),
            (vec![128 * kib; 3], vec![2, 1]),
            (vec![1, 300 * kib, 1], vec![1, 1, 1]),
            (vec![100 * kib, 100 * kib, 100 * kib, 1], vec![2, 2]),
        ];
        for (sizes, expected) in cases {
            let messages = sizes.iter().map(|&bytes| message(bytes)).collect();
            let lengths: Vec<_> = batches(messages).iter().map(Vec::len).collect();
            assert_eq!(lengths, expected, "{sizes:?}");
        }
    }
}
