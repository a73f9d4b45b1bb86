//! An event on its way to the topic.

use wagrun_event::Event;

use crate::compose::LARGEST_EVENT;

/// An event on its way.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Its number.
    pub sequence: i64,
    /// The event itself.
    pub event: Event,
    /// The event as JSON, made once.
    pub json: String,
}

/// An event that can't be published as it is.
#[derive(Debug, thiserror::Error)]
pub enum UnsendableError {
    /// It is no JSON, which its type rules out.
    #[error("the event can't be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It is too long, also without all that can be cut from it: its object's name is not.
    #[error("the event has {bytes} bytes, and the topic takes {LARGEST_EVENT} at the most")]
    TooLarge {
        /// Its size as JSON.
        bytes: usize,
    },
}

impl Outgoing {
    /// The event, written down.
    pub fn new(sequence: i64, event: Event) -> Result<Self, UnsendableError> {
        let json = serde_json::to_string(&event)?;
        if json.len() > LARGEST_EVENT {
            return Err(UnsendableError::TooLarge { bytes: json.len() });
        }
        Ok(Self {
            sequence,
            event,
            json,
        })
    }
}
