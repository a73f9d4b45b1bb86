//! Publishes wagrun's own events, such as `site.deployed`, which no change of content is behind and no outbox holds.

use aws_sdk_sns::{
    Client,
    error::{BuildError, SdkError},
    operation::publish::PublishError as SnsError,
    types::MessageAttributeValue,
};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use wagrun_event::fifo::fifo_id;
use wagrun_event::{Event, sendable_text};

/// The topic that content-events publishes to.
#[derive(Debug, Clone)]
pub struct EventTopic {
    sns: Client,
    arn: String,
}

/// The event could not be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The event could not be encoded as JSON.
    #[error("cannot encode the event {kind}")]
    Encode {
        /// The event's type.
        kind: String,
        /// The cause.
        source: serde_json::Error,
    },
    /// The SDK did not build the call.
    #[error("cannot build the call to the event topic")]
    Build(#[from] BuildError),
    /// SNS did not accept the event.
    #[error("cannot publish the event {kind}")]
    Call {
        /// The event's type.
        kind: String,
        /// The cause.
        source: Box<SdkError<SnsError>>,
    },
}

impl EventTopic {
    /// Uses the FIFO topic with this ARN.
    pub fn new(sns: Client, arn: String) -> Self {
        Self { sns, arn }
    }

    /// Publishes the event, in order with others of the same subject. SNS drops a repetition for five minutes. Receivers can
    /// recognise it by its id for ever.
    pub async fn publish(&self, event: &Event) -> Result<(), PublishError> {
        let kind = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(sendable_text(&event.kind))
            .build()?;
        let message = event.to_json().map_err(|source| PublishError::Encode {
            kind: event.kind.clone(),
            source,
        })?;
        let call = self.sns.publish().topic_arn(&self.arn).message(message);
        call.message_group_id(fifo_id(&event.subject))
            .message_deduplication_id(event.id.to_string())
            .message_attributes("type", kind)
            .send()
            .await
            .map_err(|source| PublishError::Call {
                kind: event.kind.clone(),
                source: Box::new(source),
            })?;
        Ok(())
    }
}

/// Returns the id of an event with this name, which stays the same when it is published again. It is a UUID of version 8 with bits of
/// the name's SHA-256.
pub fn event_id_from(name: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(name)[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}
