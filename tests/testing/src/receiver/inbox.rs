//! The state of a receiver: the requests so far, the secrets of the subscribers, and the answers that tests have planned.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use jiff::Timestamp;
use standardwebhooks::Webhook;
use tokio::sync::watch;
use wagrun_lambda::telemetry::chain;

use super::request::{Answer, WebhookRequest};

/// The inbox, which the server and the test share.
#[derive(Debug)]
pub(super) struct SharedInbox {
    inbox: Mutex<Inbox>,
    /// The number of requests so far.
    pub count: watch::Sender<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// All requests, in the order of arrival.
    pub requests: Vec<WebhookRequest>,
    /// The secret of each subscriber.
    pub secrets: HashMap<String, String>,
    /// The answers to the next requests of a subscriber.
    pub planned_answers: HashMap<String, VecDeque<Answer>>,
    /// The answer to all other requests of a subscriber, if it is not 204.
    pub default_answers: HashMap<String, Answer>,
}

impl SharedInbox {
    /// An inbox without requests.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            inbox: Mutex::default(),
            count: watch::Sender::new(0),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a request and returns its answer.
    fn record(&self, subscriber: String, headers: HeaderMap, body: Bytes) -> Answer {
        let received_at = Timestamp::now();
        let mut inbox = self.lock();
        let signature = match inbox.secrets.get(&subscriber) {
            None => Err("the receiver has no secret of this subscriber".to_owned()),
            Some(secret) => Webhook::new(secret)
                .and_then(|webhook| webhook.verify(&body, &headers))
                .map_err(|error| chain(&error)),
        };
        let planned = inbox
            .planned_answers
            .get_mut(&subscriber)
            .and_then(VecDeque::pop_front);
        let answer = planned
            .or_else(|| inbox.default_answers.get(&subscriber).cloned())
            .unwrap_or_else(|| Answer::status(StatusCode::NO_CONTENT));
        inbox.requests.push(WebhookRequest {
            subscriber,
            received_at,
            headers,
            event: serde_json::from_slice(&body).map_err(|error| error.to_string()),
            body,
            signature,
            status: match &answer {
                Answer::Status { status, .. } => Some(*status),
                Answer::Hang => None,
            },
        });
        let count = inbox.requests.len();
        // The tasks that this wakes lock the inbox.
        drop(inbox);
        self.count.send_replace(count);
        answer
    }
}

/// Returns the server's routes: each subscriber posts to `/hooks/<name>`.
pub(super) fn routes(inbox: &Arc<SharedInbox>) -> Router {
    Router::new()
        .route("/hooks/{*subscriber}", post(receive))
        .with_state(Arc::clone(inbox))
}

async fn receive(
    State(inbox): State<Arc<SharedInbox>>,
    Path(subscriber): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match inbox.record(subscriber, headers, body) {
        Answer::Hang => std::future::pending().await,
        Answer::Status {
            status,
            delay,
            headers,
        } => {
            tokio::time::sleep(delay).await;
            (status, HeaderMap::from_iter(headers)).into_response()
        }
    }
}
