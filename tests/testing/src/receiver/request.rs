//! The requests that a receiver got, and its answers.

use std::fmt::Write as _;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use wagrun_event::Event;

/// One request that arrived, whatever the answer was.
#[derive(Debug, Clone)]
pub struct WebhookRequest {
    /// The name of the subscriber, from the path.
    pub subscriber: String,
    /// The time at which the last byte had arrived.
    pub received_at: Timestamp,
    /// The headers of the request.
    pub headers: HeaderMap,
    /// The body of the request.
    pub body: Bytes,
    /// The event in the body, or the reason why the body is not an event.
    pub event: Result<Event, String>,
    /// The result of verifying the Standard Webhooks signature.
    pub signature: Result<(), String>,
    /// The status of the answer, or `None` if the receiver does not answer this request.
    pub status: Option<StatusCode>,
}

impl WebhookRequest {
    /// Returns true if the answer was 2xx, so that the sender has no reason to send the event again.
    pub fn accepted(&self) -> bool {
        self.status.is_some_and(|status| status.is_success())
    }

    /// Returns the value of a header, if it is present and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// The answer to one request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Answers with a status and headers, after a delay.
    Status {
        /// The HTTP status.
        status: StatusCode,
        /// The time for which the sender waits.
        delay: Duration,
        /// Additional headers, such as `retry-after` or `location`.
        headers: Vec<(HeaderName, HeaderValue)>,
    },
    /// Does not answer for as long as the sender holds the connection.
    Hang,
}

impl Answer {
    /// Answers immediately with this status.
    pub fn status(status: StatusCode) -> Self {
        Self::Status {
            status,
            delay: Duration::ZERO,
            headers: Vec::new(),
        }
    }
}

/// An awaited request did not arrive in time.
#[derive(Debug, thiserror::Error)]
#[error("{subscriber} did not receive {what} within {seconds:.0} s; {arrived}")]
pub struct NotReceived {
    subscriber: String,
    what: String,
    seconds: f64,
    arrived: String,
}

impl NotReceived {
    /// Describes what was awaited, and the requests that arrived instead.
    pub(super) fn new(
        subscriber: &str,
        what: &str,
        timeout: Duration,
        requests: &[WebhookRequest],
    ) -> Self {
        Self {
            subscriber: subscriber.to_owned(),
            what: what.to_owned(),
            seconds: timeout.as_secs_f64(),
            arrived: describe(requests),
        }
    }
}

/// Returns a line for each request.
fn describe(requests: &[WebhookRequest]) -> String {
    if requests.is_empty() {
        return "nothing arrived".to_owned();
    }
    let mut text = "these requests arrived:".to_owned();
    for request in requests {
        let event = match &request.event {
            Ok(event) => format!("{} {}", event.kind, event.subject),
            Err(error) => format!("no event ({error})"),
        };
        let status = request
            .status
            .map_or_else(|| "not answered".to_owned(), |status| status.to_string());
        let signature = match &request.signature {
            Ok(()) => String::new(),
            Err(error) => format!(", {error}"),
        };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n  {} {event}: {status}{signature}",
            request.received_at
        );
    }
    text
}
