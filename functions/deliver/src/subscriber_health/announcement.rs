//! The event `subscriber.disabled`, which says that a subscriber was switched off.

use jiff::Timestamp;
use serde_json::{Map, Value};
use wagrun_event::{Event, NewEvent};
use wagrun_event_topic::{EventTopic, PublishError, event_id_from};

/// The type of the event.
const DISABLED: &str = "subscriber.disabled";

/// The topic that content-events publishes to.
#[derive(Debug, Clone)]
pub struct Topic {
    topic: EventTopic,
    source: String,
}

/// A subscriber that was switched off.
#[derive(Debug, Clone, Copy)]
pub struct DisabledSubscriber<'a> {
    /// The subscriber's name.
    pub name: &'a str,
    /// The version of its parameter in which it was still on.
    pub version: i64,
    /// The reason, for people.
    pub reason: &'a str,
    /// The time at which it was switched off.
    pub at: Timestamp,
}

impl Topic {
    /// Publishes to this topic. `source` is the source of every event of the stack.
    pub fn new(topic: EventTopic, source: String) -> Self {
        Self { topic, source }
    }

    /// Publishes the event. Its id is the same each time for the same version of the parameter.
    pub async fn announce(&self, disabled: &DisabledSubscriber<'_>) -> Result<(), PublishError> {
        self.topic.publish(&self.event(disabled)).await
    }

    fn event(&self, disabled: &DisabledSubscriber<'_>) -> Event {
        let mut data = Map::new();
        for (field, text) in [
            ("name", disabled.name),
            ("reason", disabled.reason),
            ("at", &disabled.at.to_string()),
        ] {
            data.insert(field.into(), Value::String(text.into()));
        }
        Event::new(NewEvent {
            // Two copies of the function that switch off the same version publish the same event.
            id: event_id_from(&format!(
                "{} {} {}",
                self.source, disabled.name, disabled.version
            )),
            source: &self.source,
            kind: DISABLED.to_owned(),
            subject: format!("subscriber/{}", disabled.name),
            time: disabled.at.to_string(),
            // No commit gives it a sequence. The time in microseconds grows as well, and has sixteen digits until 2286.
            sequence: disabled.at.as_microsecond(),
            data,
        })
    }
}
