//! Lambda's event source mapping between a FIFO queue and one function: whoever asks for work gets the next batch.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Mutex as Turn, Notify};

use super::queue::{FifoQueue, Message, NewMessage, Settings};
use crate::aws::REGION;

/// The account that the queues are in.
const ACCOUNT: &str = "000000000000";

/// A queue that several tasks use.
#[derive(Debug)]
pub struct SharedQueue {
    name: &'static str,
    queue: Mutex<FifoQueue>,
    changed: Notify,
}

impl SharedQueue {
    /// An empty one of this name.
    pub fn new(name: &'static str, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            name,
            queue: Mutex::new(FifoQueue::new(settings)),
            changed: Notify::new(),
        })
    }

    /// Its name, with which its URL and its ARN end.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// As event sources are named.
    pub fn arn(&self) -> String {
        format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", self.name)
    }

    /// Its address at an endpoint.
    pub fn url(&self, endpoint: &str) -> String {
        format!("{endpoint}/{ACCOUNT}/{}", self.name)
    }

    /// The queue, to look into it.
    pub fn lock(&self) -> MutexGuard<'_, FifoQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a message; its id.
    pub fn send(&self, message: NewMessage) -> String {
        let id = self.lock().send(message, Timestamp::now());
        self.changed.notify_one();
        id
    }

    /// Removes a message for good.
    pub fn delete(&self, receipt: u64) {
        self.lock().delete(receipt);
        self.changed.notify_one();
    }

    /// Has a message come back so long from now; false when the receipt is no longer the last one.
    pub fn change_visibility(&self, receipt: u64, after: Duration) -> bool {
        let changed = self
            .lock()
            .change_visibility(receipt, after, Timestamp::now());
        self.changed.notify_one();
        changed
    }

    /// Waits for up to `most` messages.
    async fn receive(&self, most: usize) -> Vec<Message> {
        loop {
            let (messages, next_return) = {
                let mut queue = self.lock();
                let messages = queue.receive(most, Timestamp::now());
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
                        // tokio's timer counts milliseconds, and must not wake before the message is back.
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

/// A batch that somebody works on.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Its request id.
    pub id: String,
    /// The function's payload.
    pub event: Value,
}

/// What a function answers where its mapping has `ReportBatchItemFailures`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

/// The mapping. As many invocations are in progress as there are workers that asked for one.
#[derive(Debug)]
pub struct Mapping {
    queue: Arc<SharedQueue>,
    batch_size: usize,
    /// Held by the worker that gets the next batch; the others wait in the order in which they came.
    turn: Turn<()>,
    waiting: AtomicUsize,
    in_progress: Mutex<HashMap<String, Vec<Message>>>,
}

impl Mapping {
    /// From this queue, with so many messages to a batch at most.
    pub fn new(queue: &Arc<SharedQueue>, batch_size: usize) -> Arc<Self> {
        Arc::new(Self {
            queue: Arc::clone(queue),
            batch_size,
            turn: Turn::new(()),
            waiting: AtomicUsize::new(0),
            in_progress: Mutex::default(),
        })
    }

    /// How many workers wait for a batch.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Waits for the next batch.
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

    /// Deletes what the function has not reported as failed; after an answer that is none, nothing, as Lambda does.
    pub fn succeeded(&self, id: &str, answer: &[u8]) {
        let messages = self.in_progress().remove(id).unwrap_or_default();
        let Ok(answer) = serde_json::from_slice::<Answer>(answer) else {
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

    /// The function failed, or is gone: its messages come back by themselves.
    pub fn failed(&self, id: &str) {
        self.in_progress().remove(id);
    }

    fn in_progress(&self) -> MutexGuard<'_, HashMap<String, Vec<Message>>> {
        self.in_progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one worker for as long as it is there; a worker that ends drops it too.
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
            // SQS has twenty digits.
            "SequenceNumber": format!("{:020}", message.sequence_number),
            "MessageDeduplicationId": message.deduplication_id,
        },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": REGION,
    })
}
