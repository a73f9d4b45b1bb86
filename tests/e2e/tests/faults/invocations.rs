//! Lambda's queue of asynchronous invocations of one function, and its event source mapping.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use testing::fleet::mapping::{EventSourceMapping, Invocation};
use tokio::sync::Notify;

/// The time before a failed invocation is tried again. On AWS it is a minute, and two minutes the second time.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// The invocations of a function.
pub struct Invocations {
    mapping: Option<Arc<EventSourceMapping>>,
    max_attempts: usize,
    waiting: Mutex<VecDeque<Attempt>>,
    in_progress: Mutex<HashMap<String, Attempt>>,
    changed: Notify,
    pub succeeded: AtomicUsize,
    pub failed: AtomicUsize,
    /// The number of invocations that failed at their last attempt.
    pub given_up: AtomicUsize,
}

#[derive(Debug, Clone)]
struct Attempt {
    payload: Value,
    number: usize,
}

impl Invocations {
    /// Asynchronous invocations have this number of attempts. The messages of a queue come by the mapping.
    pub fn new(mapping: Option<Arc<EventSourceMapping>>, max_attempts: usize) -> Self {
        Self {
            mapping,
            max_attempts,
            waiting: Mutex::default(),
            in_progress: Mutex::default(),
            changed: Notify::new(),
            succeeded: AtomicUsize::default(),
            failed: AtomicUsize::default(),
            given_up: AtomicUsize::default(),
        }
    }

    /// Invokes the function.
    pub fn invoke(&self, payload: Value) {
        self.push(Attempt { payload, number: 1 });
    }

    /// Waits for the next invocation.
    pub async fn next(&self) -> Invocation {
        let batch = async {
            match &self.mapping {
                Some(mapping) => mapping.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            invocation = batch => invocation,
            invocation = self.next_request() => invocation,
        }
    }

    async fn next_request(&self) -> Invocation {
        loop {
            let changed = self.changed.notified();
            if let Some(attempt) = self.waiting.lock().unwrap().pop_front() {
                let id = uuid::Uuid::new_v4().to_string();
                let event = attempt.payload.clone();
                self.in_progress.lock().unwrap().insert(id.clone(), attempt);
                return Invocation { id, event };
            }
            changed.await;
        }
    }

    /// Ends an invocation. One that failed is tried again.
    pub fn end(self: &Arc<Self>, id: &str, answer: Option<&[u8]>) {
        let count = match answer {
            Some(_) => &self.succeeded,
            None => &self.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
        let Some(attempt) = self.in_progress.lock().unwrap().remove(id) else {
            match (&self.mapping, answer) {
                (Some(mapping), Some(answer)) => mapping.succeeded(id, answer),
                (Some(mapping), None) => mapping.failed(id),
                (None, _) => {}
            }
            return;
        };
        if answer.is_some() {
            return;
        }
        if attempt.number == self.max_attempts {
            self.given_up.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let invocations = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(RETRY_INTERVAL).await;
            invocations.push(Attempt {
                number: attempt.number + 1,
                ..attempt
            });
        });
    }

    /// Returns true if no invocation waits and none is in progress, apart from those of the mapping.
    pub fn is_idle(&self) -> bool {
        self.waiting.lock().unwrap().is_empty() && self.in_progress.lock().unwrap().is_empty()
    }

    fn push(&self, attempt: Attempt) {
        self.waiting.lock().unwrap().push_back(attempt);
        self.changed.notify_one();
    }
}
