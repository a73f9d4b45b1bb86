//! Sends messages to the queues around deliver, in as few calls as SQS allows.

use aws_sdk_sqs::{
    Client,
    error::{BuildError, SdkError},
    operation::send_message_batch::SendMessageBatchError,
    types::SendMessageBatchRequestEntry,
};

/// Number of entries that SQS accepts in one call.
const MAX_ENTRIES: usize = 10;
/// Size of one call in bytes. SQS accepts 1 MiB, but older endpoints only this; an event is smaller.
const MAX_BYTES: usize = 256 * 1024;

/// A queue in front of deliver, or its dead-letter queue.
#[derive(Debug, Clone)]
pub struct DeliveryQueue {
    sqs: Client,
    url: String,
    name: &'static str,
}

/// A message to send.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The subscriber's name, for errors.
    pub subscriber: String,
    /// The attributes that a FIFO queue requires; none for a standard queue.
    pub fifo: Option<FifoAttributes>,
    /// The JSON of a [`Delivery`](crate::Delivery), or of a message that deliver sends itself.
    pub body: String,
}

/// A message's group and deduplication id in a FIFO queue.
#[derive(Debug, Clone, PartialEq)]
pub struct FifoAttributes {
    /// The message group. Messages of one group are received in order, one at a time.
    pub group_id: String,
    /// The deduplication id. SQS drops a second message with it for five minutes.
    pub deduplication_id: String,
}

/// Some messages are not in the queue. Those that are stay there. SQS drops them when they are sent again within five minutes.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The SDK did not build the call.
    #[error("cannot build the call to a queue of deliveries")]
    Build(#[from] BuildError),
    /// The call failed as a whole.
    #[error("cannot send to the {queue}")]
    Call {
        /// The queue's name, for people.
        queue: &'static str,
        /// The cause.
        source: Box<SdkError<SendMessageBatchError>>,
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
                if let Some(order) = &message.fifo {
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
        // A message that the answer does not name as sent was not sent, even if it is not named as failed.
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

/// Splits messages by count and size, in order. One that is too large by itself goes alone, and SQS refuses it.
fn batches(messages: Vec<Message>) -> Vec<Vec<Message>> {
    let mut batches: Vec<Vec<Message>> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        match batches.last_mut() {
            Some(batch) if batch.len() < MAX_ENTRIES && bytes + message.body.len() <= MAX_BYTES => {
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
    use testing::replay::Replay;

    use super::*;

    fn message(bytes: usize) -> Message {
        Message {
            subscriber: "cdn".into(),
            fifo: None,
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
            // Small ones count as well.
            (vec![1, 128 * kib, 128 * kib], vec![2, 1]),
            (vec![100 * kib, 100 * kib, 100 * kib, 1], vec![2, 2]),
        ];
        for (sizes, expected) in cases {
            let messages = sizes.iter().map(|&bytes| message(bytes)).collect();
            let lengths: Vec<_> = batches(messages).iter().map(Vec::len).collect();
            assert_eq!(lengths, expected, "{sizes:?}");
        }
    }

    #[tokio::test]
    async fn a_refusal_is_told_in_the_words_of_sqs_and_silence_is_one_too() {
        let answer = r#"{"Successful": [{"Id": "1", "MessageId": "m", "MD5OfMessageBody": ""}], "Failed": [
            {"Id": "3", "Code": "InternalError", "SenderFault": false, "Message": "later"},
            {"Id": "2", "Code": "InvalidMessageContents", "SenderFault": true, "Message": "a character"}
        ]}"#;
        let first_missing = ["a", "sent", "c", "d"];
        let first_refused = ["sent", "sent", "c", "d"];
        for (names, expected) in [
            (
                first_missing,
                "the delivery queue refused 3, the first for a (not answered): ",
            ),
            (
                first_refused,
                "the delivery queue refused 2, the first for c (InvalidMessageContents): a character",
            ),
        ] {
            let answer = match names[0] {
                "sent" => answer.replacen(
                    r#"[{"Id": "1""#,
                    r#"[{"Id": "0", "MessageId": "n", "MD5OfMessageBody": ""}, {"Id": "1""#,
                    1,
                ),
                _ => answer.to_owned(),
            };
            let replay = Replay::new([(200, answer)]);
            let queue =
                DeliveryQueue::deliveries(Client::new(&replay.config()), "https://sqs/".into());
            let messages = names.map(|name| Message {
                subscriber: name.to_owned(),
                ..message(1)
            });
            let error = queue.send(messages.into()).await.unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}
