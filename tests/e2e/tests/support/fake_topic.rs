//! An SNS FIFO topic on a port of its own: it takes `PublishBatch`, de-duplicates as SNS does, and fails as a test wants.

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

use crate::support::database::sdk;

/// What goes wrong with an entry, by its event.
type Refusal = Box<dyn Fn(&Event) -> bool + Send>;

#[derive(Default)]
struct Inner {
    taken: Vec<Event>,
    repetitions: Vec<Event>,
    refuses: Option<Refusal>,
    /// True when it calls a refusal the sender's fault, and not its own.
    blames_sender: bool,
    /// Takes the next batch but never says so.
    swallows_answers: bool,
    /// Fails every call as a whole.
    is_down: bool,
    /// The time that it takes for an answer.
    delay: Duration,
    seen: HashSet<String>,
}

#[derive(Clone, Default)]
struct Shared {
    inner: Arc<Mutex<Inner>>,
    arrived: Arc<Notify>,
}

pub struct FakeTopic {
    endpoint: String,
    shared: Shared,
}

impl FakeTopic {
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

    pub fn sdk(&self) -> SdkConfig {
        sdk(&self.endpoint)
    }

    /// Refuses entries from now on where `refuses` says so.
    pub fn refuse(&self, refuses: impl Fn(&Event) -> bool + Send + 'static) {
        let mut inner = self.shared.inner.lock().unwrap();
        inner.refuses = Some(Box::new(refuses));
        inner.blames_sender = true;
    }

    /// Fails entries from now on where `fails` says so, as SNS does for faults of its own.
    pub fn fail(&self, fails: impl Fn(&Event) -> bool + Send + 'static) {
        self.refuse(fails);
        self.shared.inner.lock().unwrap().blames_sender = false;
    }

    /// Takes everything again, and answers.
    pub fn recover(&self) {
        let mut inner = self.shared.inner.lock().unwrap();
        inner.refuses = None;
        inner.swallows_answers = false;
        inner.is_down = false;
    }

    /// Takes so long for each answer from now on.
    pub fn delay(&self, delay: Duration) {
        self.shared.inner.lock().unwrap().delay = delay;
    }

    /// Fails every call from now on.
    pub fn go_down(&self) {
        self.shared.inner.lock().unwrap().is_down = true;
    }

    /// Takes batches from now on without ever answering.
    pub fn swallow_answers(&self) {
        self.shared.inner.lock().unwrap().swallows_answers = true;
    }

    /// Returns once another batch has arrived.
    pub async fn arrival(&self) {
        self.shared.arrived.notified().await;
    }

    /// Every event that a subscriber of the topic would see, in order.
    pub fn taken(&self) -> Vec<Event> {
        self.shared.inner.lock().unwrap().taken.clone()
    }

    /// Every entry that was dropped because its id had been seen.
    pub fn repetitions(&self) -> Vec<Event> {
        self.shared.inner.lock().unwrap().repetitions.clone()
    }

    /// How many entries were dropped because their id had been seen.
    pub fn repeated(&self) -> usize {
        self.shared.inner.lock().unwrap().repetitions.len()
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
        let (mut taken, mut refused) = (String::new(), String::new());
        for (id, message, deduplication) in entries(&body) {
            let event: Event = serde_json::from_str(&message).unwrap();
            if inner
                .refuses
                .as_ref()
                .is_some_and(|refuses| refuses(&event))
            {
                refused += &format!(
                    "<member><Id>{id}</Id><Code>InvalidParameter</Code><Message>not this one</Message>\
                     <SenderFault>{}</SenderFault></member>",
                    inner.blames_sender
                );
                continue;
            }
            taken += &format!("<member><Id>{id}</Id><MessageId>m-{id}</MessageId></member>");
            if inner.seen.insert(deduplication) {
                inner.taken.push(event);
            } else {
                inner.repetitions.push(event);
            }
        }
        let answer = format!(
            "<PublishBatchResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishBatchResult>\
             <Successful>{taken}</Successful><Failed>{refused}</Failed></PublishBatchResult></PublishBatchResponse>"
        );
        (answer, inner.swallows_answers)
    };
    shared.arrived.notify_waiters();
    shared.arrived.notify_one();
    if swallow {
        std::future::pending::<()>().await;
    }
    (StatusCode::OK, answer)
}

/// The entries of the form-encoded request: id, message and de-duplication id.
fn entries(body: &str) -> Vec<(String, String, String)> {
    let mut entries: BTreeMap<u32, BTreeMap<String, String>> = BTreeMap::new();
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
    entries
        .into_values()
        .map(|entry| {
            (
                entry["Id"].clone(),
                entry["Message"].clone(),
                entry["MessageDeduplicationId"].clone(),
            )
        })
        .collect()
}
