//! Lambda's event source mapping between a FIFO queue and one function. A worker that asks for work gets the next batch.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::queue::{FifoQueue, Message, NewMessage, QueueSettings};
use crate::aws::REGION;

/// The AWS account of the queues.
const ACCOUNT: &str = "000000000000";

/// A queue that several tasks share.
#[derive(Debug)]
pub struct SharedQueue {
    name: &'static str,
    queue: Mutex<FifoQueue>,
    changed: Notify,
}

impl SharedQueue {
    /// An empty queue.
    pub fn new(name: &'static str, settings: QueueSettings) -> Arc<Self> {
        Arc::new(Self {
            name,
            queue: Mutex::new(FifoQueue::new(settings)),
            changed: Notify::new(),
        })
    }

    /// Returns the name of the queue, with which its URL and its ARN end.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the ARN of the queue.
    pub fn arn(&self) -> String {
        format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", self.name)
    }

    /// Returns the URL of the queue at an endpoint.
    pub fn url(&self, endpoint: &str) -> String {
        format!("{endpoint}/{ACCOUNT}/{}", self.name)
    }

    /// Locks the queue, so that a test can read it.
    pub fn lock(&self) -> MutexGuard<'_, FifoQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a message and returns its id.
    pub fn send(&self, message: NewMessage) -> String {
        let id = self.lock().send(message, Timestamp::now());
        self.changed.notify_one();
        id
    }

    /// Deletes a message that was received.
    pub fn delete(&self, receipt: u64) {
        self.lock().delete(receipt);
        self.changed.notify_one();
    }

    /// Makes a message visible again after this time. Returns false if the receipt is not the last one of the message.
    pub fn change_visibility(&self, receipt: u64, after: Duration) -> bool {
        let changed = self
            .lock()
            .change_visibility(receipt, after, Timestamp::now());
        self.changed.notify_one();
        changed
    }

    /// Waits for messages, and returns at most `max`.
    async fn receive(&self, max: usize) -> Vec<Message> {
        loop {
            let (messages, next_return) = {
                let mut queue = self.lock();
                let messages = queue.receive(max, Timestamp::now());
                (messages, queue.next_return())
            };
            if !messages.is_empty() {
                return messages;
            }
            let returned = async {
                match next_return {
                    Some(at) => {
                        let wait = at.duration_since(Timestamp::now());
                        let wait = Duration::try_from(wait).unwrap_or_default();
                        // The timer of tokio counts milliseconds, and must not wake before the message is visible.
                        tokio::time::sleep(wait + Duration::from_millis(1)).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.changed.notified() => {}
                () = returned => {}
            }
        }
    }
}

/// One invocation of a function, with a batch of messages.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The request id.
    pub id: String,
    /// The payload.
    pub event: Value,
}

/// The answer of a function whose mapping has `ReportBatchItemFailures`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchResponse {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

/// An event source mapping. Each worker that asks for an invocation has one in progress.
#[derive(Debug)]
pub struct EventSourceMapping {
    queue: Arc<SharedQueue>,
    batch_size: usize,
    /// Held by the worker that waits for the next batch. The others wait for it in the order in which they asked.
    turn: tokio::sync::Mutex<()>,
    waiting: AtomicUsize,
    in_progress: Mutex<HashMap<String, Vec<Message>>>,
}

impl EventSourceMapping {
    /// A mapping from `queue`, with at most `batch_size` messages in an invocation.
    pub fn new(queue: &Arc<SharedQueue>, batch_size: usize) -> Arc<Self> {
        Arc::new(Self {
            queue: Arc::clone(queue),
            batch_size,
            turn: tokio::sync::Mutex::new(()),
            waiting: AtomicUsize::new(0),
            in_progress: Mutex::default(),
        })
    }

    /// Returns the number of workers that wait for a batch.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Waits for the next invocation.
    pub async fn next(&self) -> Invocation {
        let messages = {
            let _waiting = Waiting::new(&self.waiting);
            let _turn = self.turn.lock().await;
            self.queue.receive(self.batch_size).await
        };
        let arn = self.queue.arn();
        let records: Vec<_> = messages.iter().map(|one| record(one, &arn)).collect();
        let id = uuid::Uuid::new_v4().to_string();
        self.in_progress().insert(id.clone(), messages);
        Invocation {
            id,
            event: json!({"Records": records}),
        }
    }

    /// Ends an invocation that succeeded: deletes the messages that the answer does not report as failed.
    ///
    /// After an answer that is not valid, no message is deleted, as in Lambda.
    pub fn succeeded(&self, id: &str, answer: &[u8]) {
        let messages = self.in_progress().remove(id).unwrap_or_default();
        let Ok(answer) = serde_json::from_slice::<BatchResponse>(answer) else {
            return;
        };
        let failed = |message: &Message| {
            let mut failures = answer.batch_item_failures.iter();
            failures.any(|failure| failure.item_identifier == message.id)
        };
        for message in messages.iter().filter(|one| !failed(one)) {
            if let Some(receipt) = message.receipt {
                self.queue.delete(receipt);
            }
        }
    }

    /// Ends an invocation that failed. Its messages become visible after their visibility timeout.
    pub fn failed(&self, id: &str) {
        self.in_progress().remove(id);
    }

    fn in_progress(&self) -> MutexGuard<'_, HashMap<String, Vec<Message>>> {
        self.in_progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a worker as waiting until this is dropped, also if the worker ends.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn record(message: &Message, arn: &str) -> Value {
    let milliseconds = message.sent_at.as_millisecond().to_string();
    json!({
        "messageId": message.id,
        "receiptHandle": message.receipt.map(|receipt| receipt.to_string()),
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": message.received.to_string(),
            "SentTimestamp": milliseconds,
            "MessageGroupId": message.group,
            // A sequence number of SQS has twenty digits.
            "SequenceNumber": format!("{:020}", message.sequence_number),
            "MessageDeduplicationId": message.deduplication_id,
        },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": REGION,
    })
}
