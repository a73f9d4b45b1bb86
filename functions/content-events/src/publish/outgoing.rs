//! An event that is ready for the topic.

use wagrun_event::Event;

use crate::compose::MAX_EVENT_BYTES;

/// An event that is ready for the topic.
#[derive(Debug, Clone)]
pub(crate) struct OutgoingEvent {
    /// The event's sequence number.
    pub sequence: i64,
    /// The event itself.
    pub event: Event,
    /// The event as JSON, serialized once, in characters that SNS accepts.
    pub json: String,
}

/// An event that cannot be published as it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnsendableError {
    /// The event cannot be serialized, which its type rules out.
    #[error("the event cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// The event is too large, also without the values that can be cut from it.
    #[error("the event has {bytes} bytes, and the topic takes {MAX_EVENT_BYTES} at the most")]
    TooLarge {
        /// The size of the event as JSON, in bytes.
        bytes: usize,
    },
}

impl OutgoingEvent {
    /// Serializes an event.
    pub fn new(sequence: i64, event: Event) -> Result<Self, UnsendableError> {
        let json = event.to_json()?;
        if json.len() > MAX_EVENT_BYTES {
            return Err(UnsendableError::TooLarge { bytes: json.len() });
        }
        Ok(Self {
            sequence,
            event,
            json,
        })
    }
}
