//! A webhook receiver on its own port. It remembers the requests, verifies their signatures, and fails if a test says so.
//!
//! Each subscriber posts to `/hooks/<name>` and has its own secret. The server runs in its own thread, so it outlives the
//! runtime of the test that happened to start it.

mod inbox;
mod request;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;
use std::{io, thread};

use tokio::sync::oneshot;
use wagrun_event::Event;

pub use request::{Answer, NotReceived, WebhookRequest};

use crate::secrets::{Kind, recorded};

use inbox::{Inbox, SharedInbox, routes};

/// A running receiver. Dropping it closes its port.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    inbox: Arc<SharedInbox>,
    /// The server ends when this is dropped.
    _stop: oneshot::Sender<()>,
}

impl Receiver {
    /// Starts a receiver on a free port of 127.0.0.1.
    pub fn start() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let inbox = SharedInbox::new();
        let app = routes(&inbox);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        thread::Builder::new()
            .name("receiver".into())
            .spawn(move || {
                runtime.block_on(async move {
                    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                        return;
                    };
                    tokio::select! {
                        _ = axum::serve(listener, app) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            address,
            inbox,
            _stop: stop,
        })
    }

    /// Returns the address on which the receiver listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL of this subscriber's webhook.
    pub fn url(&self, subscriber: &str) -> String {
        format!("http://{}/hooks/{subscriber}", self.address)
    }

    /// Returns the secret with which this subscriber's requests are signed. The first call creates it.
    pub fn secret(&self, subscriber: &str) -> String {
        self.lock()
            .secrets
            .entry(subscriber.to_owned())
            .or_insert_with(|| {
                // Hexadecimal digits are also base64 digits. These are 48 bytes.
                let half = || uuid::Uuid::new_v4().simple();
                recorded(Kind::Signing, format!("whsec_{}{}", half(), half()))
            })
            .clone()
    }

    /// Returns the value of this subscriber's parameter: a webhook that receives every event. Its URL and its headers carry tokens, as
    /// those of services do.
    pub fn parameter(&self, subscriber: &str) -> serde_json::Value {
        // Always the same, and not the secret itself.
        let secret: String = self.secret(subscriber).chars().rev().collect();
        let token = |kind, name| recorded(kind, format!("{name}-{}", secret.replace('_', "-")));
        serde_json::json!({
            "target": "webhook",
            "url": format!("{}?token={}", self.url(subscriber), token(Kind::Url, "url")),
            "secrets": [self.secret(subscriber)],
            "headers": {"Authorization": format!("Bearer {}", token(Kind::Header, "header"))},
        })
    }

    /// Answers the requests of a subscriber in this way from now on, after those that [`Self::answer_next`] has planned.
    pub fn answer_always(&self, subscriber: &str, answer: Answer) {
        self.lock()
            .default_answers
            .insert(subscriber.to_owned(), answer);
    }

    /// Returns the answer that [`Self::answer_always`] has set, if any.
    pub fn default_answer(&self, subscriber: &str) -> Option<Answer> {
        self.lock().default_answers.get(subscriber).cloned()
    }

    /// Answers the next `times` requests of a subscriber in this way. The default answer is 204.
    pub fn answer_next(&self, subscriber: &str, times: usize, answer: &Answer) {
        self.lock()
            .planned_answers
            .entry(subscriber.to_owned())
            .or_default()
            .extend(std::iter::repeat_n(answer.clone(), times));
    }

    /// Discards the answers that [`Self::answer_next`] has planned for this subscriber.
    pub fn clear_planned_answers(&self, subscriber: &str) {
        self.lock().planned_answers.remove(subscriber);
    }

    /// Returns all requests of a subscriber, also refused ones, in the order of arrival.
    pub fn requests(&self, subscriber: &str) -> Vec<WebhookRequest> {
        self.lock()
            .requests
            .iter()
            .filter(|request| request.subscriber == subscriber)
            .cloned()
            .collect()
    }

    /// Returns all requests of all subscribers, in the order of arrival.
    pub fn all_requests(&self) -> Vec<WebhookRequest> {
        self.lock().requests.clone()
    }

    /// Waits until more than `count` requests have arrived, of all subscribers together.
    pub async fn wait_for_more_than(&self, count: usize) {
        let mut arrived = self.inbox.count.subscribe();
        // The sender lives as long as this receiver, so waiting cannot fail.
        let _ = arrived.wait_for(|arrived| *arrived > count).await;
    }

    /// Returns the events that a subscriber accepted, in the order of arrival.
    pub fn events(&self, subscriber: &str) -> Vec<Event> {
        self.requests(subscriber)
            .into_iter()
            .filter(WebhookRequest::accepted)
            .filter_map(|request| request.event.ok())
            .collect()
    }

    /// Returns the events about one object that a subscriber accepted, in the order of arrival.
    pub fn events_of(&self, subscriber: &str, subject: &str) -> Vec<Event> {
        let mut events = self.events(subscriber);
        events.retain(|event| event.subject == subject);
        events
    }

    /// Waits for an accepted request whose event matches, and returns the first. `what` describes it in the error.
    pub async fn wait_for(
        &self,
        subscriber: &str,
        what: &str,
        timeout: Duration,
        matches: impl Fn(&Event) -> bool,
    ) -> Result<WebhookRequest, NotReceived> {
        let matches = |request: &WebhookRequest| {
            request.accepted() && request.event.as_ref().is_ok_and(&matches)
        };
        let find = |requests: &[WebhookRequest]| requests.iter().find(|one| matches(one)).cloned();
        self.wait_until(subscriber, what, timeout, find).await
    }

    /// Waits until `find` returns a value for the requests of a subscriber, and returns it. `what` describes it in the error.
    pub async fn wait_until<T>(
        &self,
        subscriber: &str,
        what: &str,
        timeout: Duration,
        find: impl Fn(&[WebhookRequest]) -> Option<T>,
    ) -> Result<T, NotReceived> {
        let mut count = self.inbox.count.subscribe();
        let found = async {
            loop {
                if let Some(found) = find(&self.requests(subscriber)) {
                    return found;
                }
                if count.changed().await.is_err() {
                    // The sender lives as long as this receiver.
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::time::timeout(timeout, found)
            .await
            .map_err(|_| NotReceived::new(subscriber, what, timeout, &self.requests(subscriber)))
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock()
    }
}
