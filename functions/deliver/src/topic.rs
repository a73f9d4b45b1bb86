//! Tells everybody that a subscriber was switched off, by an event on the topic.

use aws_sdk_sns::{
    Client,
    error::{BuildError, SdkError},
    operation::publish::PublishError,
    types::MessageAttributeValue,
};
use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use wagrun::{
    event::{Event, NewEvent},
    fifo::fifo_id,
};

/// The type of these events.
pub const DISABLED: &str = "subscriber.disabled";

/// The topic that content-events publishes to.
#[derive(Debug, Clone)]
pub struct Topic {
    sns: Client,
    arn: String,
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

/// The event is not on the topic.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// It can't be written down.
    #[error("cannot encode the event {DISABLED}")]
    Encode(#[from] serde_json::Error),
    /// A call that this SDK would not build.
    #[error("cannot build the call to the event topic")]
    Build(#[from] BuildError),
    /// SNS did not take it.
    #[error("cannot publish the event {DISABLED}")]
    Publish(#[source] Box<SdkError<PublishError>>),
}

impl Topic {
    /// The topic with this ARN; `source` is that of every event of the stack.
    pub fn new(sns: Client, arn: String, source: String) -> Self {
        Self { sns, arn, source }
    }

    /// Publishes the event. Doing it again for the same version of the parameter repeats the event's id, so that SNS
    /// drops it for five minutes, and receivers can for ever.
    pub async fn announce(&self, disabled: &Disabled<'_>) -> Result<(), TopicError> {
        let event = self.event(disabled);
        let kind = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(&event.kind)
            .build()?;
        self.sns
            .publish()
            .topic_arn(&self.arn)
            .message(serde_json::to_string(&event)?)
            .message_group_id(fifo_id(&event.subject))
            .message_deduplication_id(event.id.to_string())
            .message_attributes("type", kind)
            .send()
            .await
            .map_err(|source| TopicError::Publish(Box::new(source)))?;
        Ok(())
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
            id: id(&self.source, disabled),
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

/// The same for everybody who switches off the same version of the parameter.
fn id(source: &str, disabled: &Disabled<'_>) -> Uuid {
    let text = format!("{source} {} {}", disabled.subscriber, disabled.version);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(text)[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
