//! Webhook receivers that accept, delay or refuse, and remember what arrived.
//!
//! [`crate::receiver`] also verifies each signature and keeps each body. Here that would take longer than what the benchmarks
//! measure.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::tls::{Certificate, TlsListener};

/// The behavior of a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behavior {
    /// Accepts every event immediately.
    Healthy,
    /// Accepts every event, after this delay.
    Slow(Duration),
    /// Answers 500 immediately.
    Failing,
    /// Does not listen.
    Unreachable,
}

impl Behavior {
    /// Returns true if the receiver accepts events.
    pub fn accepts(self) -> bool {
        matches!(self, Self::Healthy | Self::Slow(_))
    }
}

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The name of the subscriber.
    pub subscriber: String,
    /// The value of the header `webhook-id`.
    pub webhook_id: String,
    /// The subject of the event.
    pub subject: String,
    /// The sequence of the event.
    pub sequence: String,
    /// The time at which the last byte had arrived.
    pub at: Timestamp,
    /// True if the answer is 2xx.
    pub accepted: bool,
}

/// The receivers of all subscribers, on one port.
#[derive(Debug)]
pub struct Receivers {
    address: SocketAddr,
    scheme: &'static str,
    behaviors: HashMap<String, Behavior>,
    /// The subscribers whose receivers behave differently from now on.
    changed: Mutex<HashMap<String, Behavior>>,
    arrivals: Mutex<Vec<Arrival>>,
}

/// The secret of every subscriber of a fleet.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// A URL with a port on which no program listens: that of a service that is no longer in use.
const UNREACHABLE_URL: &str = "http://127.0.0.1:1/";

impl Receivers {
    /// Starts the receivers of these subscribers, with TLS if there is a certificate.
    pub async fn start(
        subscribers: impl IntoIterator<Item = (String, Behavior)>,
        certificate: Option<&Certificate>,
    ) -> io::Result<Arc<Self>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let receivers = Arc::new(Self {
            address: listener.local_addr()?,
            scheme: certificate.map_or("http", |_| "https"),
            behaviors: subscribers.into_iter().collect(),
            changed: Mutex::default(),
            arrivals: Mutex::default(),
        });
        let router = Router::new()
            .route("/{subscriber}", post(receive))
            .with_state(Arc::clone(&receivers));
        if let Some(certificate) = certificate {
            let listener = TlsListener::new(listener, certificate)?;
            tokio::spawn(async move { axum::serve(listener, router).await });
        } else {
            tokio::spawn(async move { axum::serve(listener, router).await });
        }
        Ok(receivers)
    }

    /// Returns the behavior that each subscriber's receiver was started with.
    pub fn behaviors(&self) -> &HashMap<String, Behavior> {
        &self.behaviors
    }

    /// Makes the receiver of this subscriber healthy from now on.
    pub fn recover(&self, subscriber: &str) {
        self.change(subscriber, Behavior::Healthy);
    }

    /// Changes the behavior of a receiver that listens.
    pub fn change(&self, subscriber: &str, behavior: Behavior) {
        let changed = self.changed.lock();
        let mut changed = changed.unwrap_or_else(PoisonError::into_inner);
        changed.insert(subscriber.to_owned(), behavior);
    }

    fn behavior(&self, subscriber: &str) -> Option<Behavior> {
        let changed = self.changed.lock();
        let changed = changed.unwrap_or_else(PoisonError::into_inner);
        let behavior = changed.get(subscriber);
        behavior.or_else(|| self.behaviors.get(subscriber)).copied()
    }

    /// Returns the URL of this subscriber's webhook.
    pub fn url(&self, subscriber: &str) -> String {
        match self.behaviors.get(subscriber) {
            Some(Behavior::Unreachable) => UNREACHABLE_URL.to_owned(),
            _ => format!("{}://{}/{subscriber}", self.scheme, self.address),
        }
    }

    /// Returns the name of each subscriber and the value of its parameter.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, Value)> {
        self.behaviors.keys().map(|name| {
            let value = json!({"target": "webhook", "url": self.url(name), "secrets": [SECRET]});
            (name.as_str(), value)
        })
    }

    /// Returns the requests so far, in the order of arrival.
    pub fn arrivals(&self) -> Vec<Arrival> {
        let arrivals = self.arrivals.lock();
        arrivals.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the number of requests so far.
    pub fn count(&self) -> usize {
        let arrivals = self.arrivals.lock();
        arrivals.unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// The fields of an event that the audit needs.
#[derive(Deserialize)]
struct Event {
    subject: String,
    sequence: String,
}

async fn receive(
    State(receivers): State<Arc<Receivers>>,
    Path(subscriber): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let at = Timestamp::now();
    let Some(behavior) = receivers.behavior(&subscriber) else {
        return StatusCode::NOT_FOUND;
    };
    let webhook_id = headers.get("webhook-id").and_then(|id| id.to_str().ok());
    let (Some(webhook_id), Ok(event)) = (webhook_id, serde_json::from_slice::<Event>(&body)) else {
        return StatusCode::BAD_REQUEST;
    };
    let arrival = Arrival {
        subscriber,
        webhook_id: webhook_id.to_owned(),
        subject: event.subject,
        sequence: event.sequence,
        at,
        accepted: behavior.accepts(),
    };
    {
        let arrivals = receivers.arrivals.lock();
        let mut arrivals = arrivals.unwrap_or_else(PoisonError::into_inner);
        arrivals.push(arrival);
    }
    match behavior {
        Behavior::Slow(delay) => tokio::time::sleep(delay).await,
        Behavior::Failing | Behavior::Unreachable => return StatusCode::INTERNAL_SERVER_ERROR,
        Behavior::Healthy => {}
    }
    StatusCode::NO_CONTENT
}
