//! An event on an EventBridge bus.

use aws_sdk_eventbridge::{
    Client, error::SdkError, operation::put_events::PutEventsError, primitives::DateTime,
    types::PutEventsRequestEntry,
};
use jiff::Timestamp;
use wagrun_delivery::subscriber::EventBridge;
use wagrun_event::Event;

/// Puts events on buses.
#[derive(Debug, Clone)]
pub struct EventBridgeClient(Client);

/// The bus did not accept the event.
#[derive(Debug, thiserror::Error)]
pub enum EventBridgeError {
    /// The call failed as a whole.
    #[error("cannot reach EventBridge")]
    Call(#[source] Box<SdkError<PutEventsError>>),
    /// The call succeeded, but its answer says that the event was not accepted.
    #[error("the event bus refused the event ({code}): {message}")]
    Refused {
        /// The code of EventBridge, such as `AccessDeniedException`.
        code: String,
        /// The explanation of EventBridge.
        message: String,
    },
}

impl EventBridgeError {
    /// Returns one word for logs.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Call(_) => "unreachable",
            Self::Refused { .. } => "refused",
        }
    }
}

impl EventBridgeClient {
    /// Uses this client.
    pub fn new(client: Client) -> Self {
        Self(client)
    }

    /// Puts the event on the bus: its type as the detail type, its source as the source, and all of it as the detail.
    ///
    /// An entry may have 1 MiB, in some regions still 256 KiB. content-events publishes no event above 240 KiB. An event that is
    /// too large is refused, and given up in the end.
    pub async fn put(
        &self,
        target: &EventBridge,
        event: &Event,
        json: &str,
    ) -> Result<(), EventBridgeError> {
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&target.bus)
            .source(&event.source)
            .detail_type(&event.kind)
            .detail(json)
            .set_time(time(event))
            .build();
        let answer = self
            .0
            .put_events()
            .entries(entry)
            .send()
            .await
            .map_err(|source| EventBridgeError::Call(Box::new(source)))?;
        // A result without an id is a failure, even if the answer does not count it as one.
        let result = answer.entries().first();
        match result {
            Some(result) if answer.failed_entry_count == 0 && result.event_id().is_some() => Ok(()),
            result => {
                let text = |text: Option<&str>| text.unwrap_or("not said").to_owned();
                Err(EventBridgeError::Refused {
                    code: text(result.and_then(|result| result.error_code())),
                    message: text(result.and_then(|result| result.error_message())),
                })
            }
        }
    }
}

/// Returns the event's time. EventBridge uses the time of the call for an event without one.
fn time(event: &Event) -> Option<DateTime> {
    let time: Timestamp = event.time.parse().ok()?;
    DateTime::from_nanos(time.as_nanosecond()).ok()
}
