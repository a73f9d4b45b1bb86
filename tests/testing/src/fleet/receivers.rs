//! Webhook receivers that answer at once, late or never, and remember what came. [`crate::receiver`] verifies each
//! signature and keeps each body, which would take more time than what is measured here.

use std::collections::{HashMap, HashSet};
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

/// How a receiver fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Takes everything at once.
    Healthy,
    /// Takes everything, after so long.
    Slow(Duration),
    /// Answers 500 at once.
    Failing,
    /// Nobody listens.
    Gone,
}

impl Manner {
    /// Whether it takes nothing.
    pub fn is_dead(self) -> bool {
        matches!(self, Self::Failing | Self::Gone)
    }
}

/// A request that came in.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// For whom.
    pub subscriber: String,
    /// The header `webhook-id`.
    pub webhook_id: String,
    /// The event's subject.
    pub subject: String,
    /// The event's sequence.
    pub sequence: String,
    /// When its last byte had arrived.
    pub at: Timestamp,
    /// Whether it was, or will be, answered 2xx.
    pub accepted: bool,
}

/// All receivers, on one port.
#[derive(Debug)]
pub struct Receivers {
    address: SocketAddr,
    scheme: &'static str,
    manners: HashMap<String, Manner>,
    /// Those that are well again.
    recovered: Mutex<HashSet<String>>,
    arrivals: Mutex<Vec<Arrival>>,
}

/// A key as every subscriber here has it.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// A port of this machine on which nobody listens: its service has been out of use for thirty years.
const CLOSED: &str = "http://127.0.0.1:1/";

impl Receivers {
    /// Listens for these subscribers, with TLS where there is a certificate.
    pub async fn start(
        subscribers: impl IntoIterator<Item = (String, Manner)>,
        certificate: Option<&Certificate>,
    ) -> io::Result<Arc<Self>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let receivers = Arc::new(Self {
            address: listener.local_addr()?,
            scheme: certificate.map_or("http", |_| "https"),
            manners: subscribers.into_iter().collect(),
            recovered: Mutex::default(),
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

    /// Who receives, and how.
    pub fn manners(&self) -> &HashMap<String, Manner> {
        &self.manners
    }

    /// From now on this one takes everything at once.
    pub fn recover(&self, subscriber: &str) {
        let recovered = self.recovered.lock();
        let mut recovered = recovered.unwrap_or_else(PoisonError::into_inner);
        recovered.insert(subscriber.to_owned());
    }

    fn manner(&self, subscriber: &str) -> Option<Manner> {
        let recovered = self.recovered.lock();
        let recovered = recovered.unwrap_or_else(PoisonError::into_inner);
        match recovered.contains(subscriber) {
            true => Some(Manner::Healthy),
            false => self.manners.get(subscriber).copied(),
        }
    }

    /// Where this subscriber is to post.
    pub fn url(&self, subscriber: &str) -> String {
        match self.manners.get(subscriber) {
            Some(Manner::Gone) => CLOSED.to_owned(),
            _ => format!("{}://{}/{subscriber}", self.scheme, self.address),
        }
    }

    /// Each subscriber's name and the value of its parameter.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, Value)> {
        self.manners.keys().map(|name| {
            let value = json!({"target": "webhook", "url": self.url(name), "secrets": [SECRET]});
            (name.as_str(), value)
        })
    }

    /// What has come so far, in the order in which it came.
    pub fn arrivals(&self) -> Vec<Arrival> {
        let arrivals = self.arrivals.lock();
        arrivals.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many requests have come so far.
    pub fn count(&self) -> usize {
        let arrivals = self.arrivals.lock();
        arrivals.unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// What is read of an event.
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
    let Some(manner) = receivers.manner(&subscriber) else {
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
        accepted: !manner.is_dead(),
    };
    {
        let arrivals = receivers.arrivals.lock();
        let mut arrivals = arrivals.unwrap_or_else(PoisonError::into_inner);
        arrivals.push(arrival);
    }
    match manner {
        Manner::Slow(delay) => tokio::time::sleep(delay).await,
        Manner::Failing | Manner::Gone => return StatusCode::INTERNAL_SERVER_ERROR,
        Manner::Healthy => {}
    }
    StatusCode::NO_CONTENT
}
