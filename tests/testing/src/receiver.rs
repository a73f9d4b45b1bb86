//! A webhook receiver on a port of its own, which remembers what it was sent and can be told to fail.
//!
//! Each subscriber posts to `/hooks/<name>` and has its own secret. The server runs in its own thread, so that it
//! outlives the runtime of the test that happened to start it.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, thread};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use jiff::Timestamp;
use standardwebhooks::Webhook;
use tokio::sync::{oneshot, watch};
use wagrun_event::Event;
use wagrun_lambda::telemetry::chain;

/// One request that came in, whatever it was answered.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The subscriber's name, from the path.
    pub subscriber: String,
    /// When its last byte had arrived.
    pub received_at: Timestamp,
    /// As they were sent.
    pub headers: HeaderMap,
    /// As it was sent.
    pub body: Bytes,
    /// The body as an event, or why it is none.
    pub event: Result<Event, String>,
    /// Whether the Standard Webhooks signature holds, or why not.
    pub signature: Result<(), String>,
    /// What it was answered; none for a request that was left hanging.
    pub status: Option<StatusCode>,
}

impl Delivery {
    /// Whether the receiver took it: the sender has no reason to send it again.
    pub fn accepted(&self) -> bool {
        self.status.is_some_and(|status| status.is_success())
    }

    /// A header's value, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// How one request is answered.
#[derive(Debug, Clone)]
pub enum Answer {
    /// With this status and these headers, after a delay.
    Status {
        /// The status.
        status: StatusCode,
        /// How long the sender waits for it.
        delay: Duration,
        /// Such as `retry-after` or `location`.
        headers: Vec<(HeaderName, HeaderValue)>,
    },
    /// Never, for as long as the sender holds the connection.
    Hang,
}

impl Answer {
    /// At once, with this status.
    pub fn status(status: StatusCode) -> Self {
        Self::Status {
            status,
            delay: Duration::ZERO,
            headers: Vec::new(),
        }
    }
}

/// What was waited for did not arrive.
#[derive(Debug, thiserror::Error)]
#[error("{subscriber} did not receive {what} within {seconds:.0} s; {arrived}")]
pub struct Missing {
    subscriber: String,
    what: String,
    seconds: f64,
    arrived: String,
}

/// The running receiver; dropping it closes its port.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// The server ends when this is dropped.
    _stop: oneshot::Sender<()>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<Inbox>,
    /// How many requests have come in.
    count: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Inbox {
    deliveries: Vec<Delivery>,
    secrets: HashMap<String, String>,
    answers: HashMap<String, VecDeque<Answer>>,
    habits: HashMap<String, Answer>,
}

impl Receiver {
    /// Listens on a free port of 127.0.0.1.
    pub fn start() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            count: watch::Sender::new(0),
        });
        let app = Router::new()
            .route("/hooks/{*subscriber}", post(receive))
            .with_state(Arc::clone(&shared));
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
            shared,
            _stop: stop,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where this subscriber is to post.
    pub fn url(&self, subscriber: &str) -> String {
        format!("http://{}/hooks/{subscriber}", self.address)
    }

    /// The secret that this subscriber is to sign with; made when first asked for.
    pub fn secret(&self, subscriber: &str) -> String {
        self.lock()
            .secrets
            .entry(subscriber.to_owned())
            .or_insert_with(|| {
                // Hexadecimal digits are base64 as well: these are 48 bytes.
                let half = || uuid::Uuid::new_v4().simple();
                format!("whsec_{}{}", half(), half())
            })
            .clone()
    }

    /// The value of this subscriber's parameter: a webhook that receives every event.
    pub fn parameter(&self, subscriber: &str) -> serde_json::Value {
        serde_json::json!({
            "target": "webhook",
            "url": self.url(subscriber),
            "secrets": [self.secret(subscriber)],
        })
    }

    /// Answers all of the subscriber's requests like this from now on, but those that [`Self::answer_next`] planned.
    pub fn answer_always(&self, subscriber: &str, answer: Answer) {
        self.lock().habits.insert(subscriber.to_owned(), answer);
    }

    /// How the subscriber's requests are always answered, if somebody has said so.
    pub fn habit(&self, subscriber: &str) -> Option<Answer> {
        self.lock().habits.get(subscriber).cloned()
    }

    /// Answers the subscriber's next `times` requests like this; later ones as always, which is with 204.
    pub fn answer_next(&self, subscriber: &str, times: usize, answer: &Answer) {
        self.lock()
            .answers
            .entry(subscriber.to_owned())
            .or_default()
            .extend(std::iter::repeat_n(answer.clone(), times));
    }

    /// Forgets what answers were still planned for this subscriber: it is well again.
    pub fn recover(&self, subscriber: &str) {
        self.lock().answers.remove(subscriber);
    }

    /// All requests for a subscriber, refused ones too, in the order of arrival.
    pub fn deliveries(&self, subscriber: &str) -> Vec<Delivery> {
        self.lock()
            .deliveries
            .iter()
            .filter(|delivery| delivery.subscriber == subscriber)
            .cloned()
            .collect()
    }

    /// All requests for whomever that came in after the first `seen`.
    pub fn deliveries_after(&self, seen: usize) -> Vec<Delivery> {
        self.lock().deliveries.iter().skip(seen).cloned().collect()
    }

    /// Returns once more than `seen` requests have come in.
    pub async fn more_than(&self, seen: usize) {
        let mut count = self.shared.count.subscribe();
        // The sender lives as long as we do, so that waiting can't fail.
        let _ = count.wait_for(|count| *count > seen).await;
    }

    /// The events that a subscriber accepted, in the order of arrival.
    pub fn events(&self, subscriber: &str) -> Vec<Event> {
        self.deliveries(subscriber)
            .into_iter()
            .filter(Delivery::accepted)
            .filter_map(|delivery| delivery.event.ok())
            .collect()
    }

    /// The events about one object that a subscriber accepted, in the order of arrival.
    pub fn events_of(&self, subscriber: &str, subject: &str) -> Vec<Event> {
        let mut events = self.events(subscriber);
        events.retain(|event| event.subject == subject);
        events
    }

    /// The first accepted delivery whose event fits, whether it has arrived already or arrives within `patience`.
    pub async fn wait_for(
        &self,
        subscriber: &str,
        what: &str,
        patience: Duration,
        fits: impl Fn(&Event) -> bool,
    ) -> Result<Delivery, Missing> {
        let fits =
            |delivery: &Delivery| delivery.accepted() && delivery.event.as_ref().is_ok_and(&fits);
        let find = |deliveries: &[Delivery]| deliveries.iter().find(|one| fits(one)).cloned();
        self.wait_until(subscriber, what, patience, find).await
    }

    /// What `find` makes of all requests for a subscriber, as soon as it makes something of them.
    pub async fn wait_until<T>(
        &self,
        subscriber: &str,
        what: &str,
        patience: Duration,
        find: impl Fn(&[Delivery]) -> Option<T>,
    ) -> Result<T, Missing> {
        let mut count = self.shared.count.subscribe();
        let found = async {
            loop {
                if let Some(found) = find(&self.deliveries(subscriber)) {
                    return found;
                }
                if count.changed().await.is_err() {
                    // The sender lives as long as we do.
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::time::timeout(patience, found)
            .await
            .map_err(|_| Missing {
                subscriber: subscriber.to_owned(),
                what: what.to_owned(),
                seconds: patience.as_secs_f64(),
                arrived: describe(&self.deliveries(subscriber)),
            })
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.shared.lock()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    Path(subscriber): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answer = record(&shared, subscriber, headers, body);
    match answer {
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

fn record(shared: &Shared, subscriber: String, headers: HeaderMap, body: Bytes) -> Answer {
    let received_at = Timestamp::now();
    let mut inbox = shared.lock();
    let signature = match inbox.secrets.get(&subscriber) {
        None => Err("the receiver knows no secret of this subscriber".to_owned()),
        Some(secret) => Webhook::new(secret)
            .and_then(|webhook| webhook.verify(&body, &headers))
            .map_err(|error| chain(&error)),
    };
    let planned = inbox
        .answers
        .get_mut(&subscriber)
        .and_then(VecDeque::pop_front);
    let answer = planned
        .or_else(|| inbox.habits.get(&subscriber).cloned())
        .unwrap_or_else(|| Answer::status(StatusCode::NO_CONTENT));
    inbox.deliveries.push(Delivery {
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
    let count = inbox.deliveries.len();
    // Whoever wakes will want the lock.
    drop(inbox);
    shared.count.send_replace(count);
    answer
}

/// What came in, one line each, for the error that says what did not.
fn describe(deliveries: &[Delivery]) -> String {
    if deliveries.is_empty() {
        return "nothing arrived".to_owned();
    }
    let mut text = "what arrived:".to_owned();
    for delivery in deliveries {
        let event = match &delivery.event {
            Ok(event) => format!("{} {}", event.kind, event.subject),
            Err(error) => format!("no event ({error})"),
        };
        let status = delivery
            .status
            .map_or_else(|| "left hanging".to_owned(), |status| status.to_string());
        let signature = match &delivery.signature {
            Ok(()) => String::new(),
            Err(error) => format!(", {error}"),
        };
        // Writing to a String can't fail.
        let _ = write!(
            text,
            "\n  {} {event}: {status}{signature}",
            delivery.received_at
        );
    }
    text
}
