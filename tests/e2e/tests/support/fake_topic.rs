//! A fake SNS FIFO topic on a port of its own. It takes `PublishBatch`, de-duplicates as SNS does, and fails as a test sets it.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::SdkConfig;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use wagrun_event::Event;

use super::sdk::sdk;

/// The fields of an entry of a batch.
pub type Entry = BTreeMap<String, String>;

/// Returns true for an event whose entry is refused.
type Refusal = Box<dyn Fn(&Event) -> bool + Send>;

#[derive(Default)]
struct Inner {
    accepted: Vec<Event>,
    duplicates: Vec<Event>,
    refuses: Option<Refusal>,
    /// The field `SenderFault` of a refused entry.
    blames_sender: bool,
    /// The topic accepts batches and does not answer.
    swallows_answers: bool,
    /// Every call fails.
    is_down: bool,
    /// The time before each answer.
    delay: Duration,
    seen_ids: HashSet<String>,
}

#[derive(Clone, Default)]
struct Shared {
    inner: Arc<Mutex<Inner>>,
    arrived: Arc<Notify>,
}

/// The running topic.
pub struct FakeTopic {
    endpoint: String,
    shared: Shared,
}

impl FakeTopic {
    /// Starts the topic on a free port.
    pub async fn start() -> Self {
        let shared = Shared::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .fallback(publish_batch)
            .with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { endpoint, shared }
    }

    /// Returns a configuration of the SDK for this topic.
    pub fn sdk(&self) -> SdkConfig {
        sdk(&self.endpoint)
    }

    /// Refuses from now on the events for which `refuses` returns true, as a fault of the sender.
    pub fn refuse(&self, refuses: impl Fn(&Event) -> bool + Send + 'static) {
        let mut inner = self.shared.inner.lock().unwrap();
        inner.refuses = Some(Box::new(refuses));
        inner.blames_sender = true;
    }

    /// Refuses from now on the events for which `fails` returns true, as a fault of SNS.
    pub fn fail(&self, fails: impl Fn(&Event) -> bool + Send + 'static) {
        self.refuse(fails);
        self.shared.inner.lock().unwrap().blames_sender = false;
    }

    /// Accepts and answers everything from now on.
    pub fn recover(&self) {
        let mut inner = self.shared.inner.lock().unwrap();
        inner.refuses = None;
        inner.swallows_answers = false;
        inner.is_down = false;
    }

    /// Waits this long before each answer from now on.
    pub fn delay(&self, delay: Duration) {
        self.shared.inner.lock().unwrap().delay = delay;
    }

    /// Fails every call from now on.
    pub fn go_down(&self) {
        self.shared.inner.lock().unwrap().is_down = true;
    }

    /// Accepts batches from now on and never answers.
    pub fn swallow_answers(&self) {
        self.shared.inner.lock().unwrap().swallows_answers = true;
    }

    /// Takes a request without a connection, and refuses the entries for which `fails` returns true as a fault of SNS.
    ///
    /// Calls `relay` for each entry that is accepted, before another request is taken.
    pub fn take(
        &self,
        body: &str,
        fails: &dyn Fn(&Event) -> bool,
        relay: &dyn Fn(&Entry),
    ) -> String {
        self.shared.inner.lock().unwrap().take(body, fails, relay)
    }

    /// Returns once another batch has arrived.
    pub async fn wait_for_batch(&self) {
        self.shared.arrived.notified().await;
    }

    /// Returns every event that a subscriber of the topic would receive, in order.
    pub fn accepted(&self) -> Vec<Event> {
        self.shared.inner.lock().unwrap().accepted.clone()
    }

    /// Returns every event that was dropped because its de-duplication id was known.
    pub fn duplicates(&self) -> Vec<Event> {
        self.shared.inner.lock().unwrap().duplicates.clone()
    }

    /// Returns the number of events that were dropped because their de-duplication id was known.
    pub fn duplicate_count(&self) -> usize {
        self.shared.inner.lock().unwrap().duplicates.len()
    }
}

async fn publish_batch(State(shared): State<Shared>, body: String) -> (StatusCode, String) {
    let delay = shared.inner.lock().unwrap().delay;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let (answer, swallow) = {
        let mut inner = shared.inner.lock().unwrap();
        if inner.is_down {
            return (StatusCode::FORBIDDEN, String::new());
        }
        (
            inner.take(&body, &|_| false, &|_| {}),
            inner.swallows_answers,
        )
    };
    shared.arrived.notify_waiters();
    shared.arrived.notify_one();
    if swallow {
        std::future::pending::<()>().await;
    }
    (StatusCode::OK, answer)
}

impl Inner {
    /// Takes a request's entries, without those for which `fails` returns true. Returns the answer.
    fn take(
        &mut self,
        body: &str,
        fails: &dyn Fn(&Event) -> bool,
        relay: &dyn Fn(&Entry),
    ) -> String {
        let (mut accepted, mut refused) = (String::new(), String::new());
        for entry in entries(body) {
            let (id, deduplication) = (&entry["Id"], entry["MessageDeduplicationId"].clone());
            if let Some(field) = invalid_field(&entry) {
                refused += &format!(
                    "<member><Id>{id}</Id><Code>InvalidParameter</Code><Message>{field} has a character that is not \
                     allowed</Message><SenderFault>true</SenderFault></member>"
                );
                continue;
            }
            let event: Event = serde_json::from_str(&entry["Message"]).unwrap();
            let is_refused = self.refuses.as_ref().is_some_and(|refuses| refuses(&event));
            if is_refused || fails(&event) {
                refused += &format!(
                    "<member><Id>{id}</Id><Code>InvalidParameter</Code><Message>not this one</Message>\
                     <SenderFault>{}</SenderFault></member>",
                    is_refused && self.blames_sender
                );
                continue;
            }
            accepted += &format!("<member><Id>{id}</Id><MessageId>m-{id}</MessageId></member>");
            if self.seen_ids.insert(deduplication) {
                relay(&entry);
                self.accepted.push(event);
            } else {
                self.duplicates.push(event);
            }
        }
        format!(
            "<PublishBatchResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishBatchResult>\
             <Successful>{accepted}</Successful><Failed>{refused}</Failed></PublishBatchResult></PublishBatchResponse>"
        )
    }
}

/// Returns the name of a field whose value has a character that SNS and SQS refuse.
fn invalid_field(entry: &Entry) -> Option<&str> {
    let is_allowed = |character| matches!(u32::from(character), 0x9 | 0xA | 0xD | 0x20..=0xD7FF | 0xE000..=0xFFFD | 0x10000..);
    let mut fields = entry.iter();
    let invalid = fields.find(|(_, value)| !value.chars().all(is_allowed))?;
    Some(invalid.0)
}

/// Returns the fields of each entry of the form-encoded request.
fn entries(body: &str) -> Vec<Entry> {
    let mut entries: BTreeMap<u32, Entry> = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(body.as_bytes()) {
        let mut parts = name.split('.');
        if parts.next() != Some("PublishBatchRequestEntries") || parts.next() != Some("member") {
            continue;
        }
        let number = parts.next().unwrap().parse().unwrap();
        let field = parts.collect::<Vec<_>>().join(".");
        entries
            .entry(number)
            .or_default()
            .insert(field, value.into_owned());
    }
    entries.into_values().collect()
}
