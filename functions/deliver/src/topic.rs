//! Tells everybody that a subscriber was switched off, by an event on the topic.

use jiff::Timestamp;
use serde_json::{Map, Value};
use wagrun_event::{Event, NewEvent};
use wagrun_event_topic::{EventTopic, PublishError, id_of};

/// The type of these events.
pub const DISABLED: &str = "subscriber.disabled";

/// The topic that content-events publishes to, for this one event.
#[derive(Debug, Clone)]
pub struct Topic {
    topic: EventTopic,
    source: String,
}

/// A subscriber that was switched off.
#[derive(Debug, Clone, Copy)]
pub struct Disabled<'a> {
    /// Its name.
    pub subscriber: &'a str,
    /// The version of its parameter that said that it was on.
    pub version: i64,
    /// Why.
    pub reason: &'a str,
    /// When.
    pub at: Timestamp,
}

impl Topic {
    /// This topic; `source` is that of every event of the stack.
    pub fn new(topic: EventTopic, source: String) -> Self {
        Self { topic, source }
    }

    /// Publishes the event. Doing it again for the same version of the parameter repeats the event's id.
    pub async fn announce(&self, disabled: &Disabled<'_>) -> Result<(), PublishError> {
        self.topic.publish(&self.event(disabled)).await
    }

    fn event(&self, disabled: &Disabled<'_>) -> Event {
        let mut data = Map::new();
        for (field, text) in [
            ("name", disabled.subscriber),
            ("reason", disabled.reason),
            ("at", &disabled.at.to_string()),
        ] {
            data.insert(field.into(), Value::String(text.into()));
        }
        Event::new(NewEvent {
            // The same for everybody who switches off the same version of the parameter.
            id: id_of(&format!(
                "{} {} {}",
                self.source, disabled.subscriber, disabled.version
            )),
            source: &self.source,
            kind: DISABLED.to_owned(),
            subject: format!("subscriber/{}", disabled.subscriber),
            time: disabled.at.to_string(),
            // There is no commit whose order it could have; time grows too, and has sixteen digits until 2286.
            sequence: disabled.at.as_microsecond(),
            data,
        })
    }
}
