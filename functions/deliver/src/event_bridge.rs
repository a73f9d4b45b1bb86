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

/// The bus has not taken the event.
#[derive(Debug, thiserror::Error)]
pub enum EventBridgeError {
    /// The call failed as a whole.
    #[error("cannot reach EventBridge")]
    Call(#[source] Box<SdkError<PutEventsError>>),
    /// The call succeeded, and said that the event did not.
    #[error("the event bus refused the event ({code}): {message}")]
    Refused {
        /// EventBridge's code, such as `AccessDeniedException`.
        code: String,
        /// Its explanation.
        message: String,
    },
}

impl EventBridgeError {
    /// One word for logs.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Call(_) => "unreachable",
            Self::Refused { .. } => "refused",
        }
    }
}

impl EventBridgeClient {
    /// Through this client.
    pub fn new(client: Client) -> Self {
        Self(client)
    }

    /// Puts the event on the bus: its type as the detail type, its source as the source, and all of it as the detail.
    ///
    /// An entry may have 1 MiB (256 KiB, where EventBridge has not grown yet); content-events makes no event beyond
    /// 240 KiB. What EventBridge finds too large it refuses, and the delivery is given up in the end.
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
        // A result without an id is a failure, whether the answer counts it as one or not.
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

/// EventBridge takes the time of the call for an event without one.
fn time(event: &Event) -> Option<DateTime> {
    let time: Timestamp = event.time.parse().ok()?;
    DateTime::from_nanos(time.as_nanosecond()).ok()
}
