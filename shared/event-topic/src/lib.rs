//! Publishes single events that no outbox holds: what wagrun itself has to say.

use aws_sdk_sns::{
    Client,
    error::{BuildError, SdkError},
    operation::publish::PublishError as SnsError,
    types::MessageAttributeValue,
};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use wagrun_event::Event;
use wagrun_event::fifo::fifo_id;

/// The topic that content-events publishes to.
#[derive(Debug, Clone)]
pub struct EventTopic {
    sns: Client,
    arn: String,
}

/// The event is not on the topic.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It can't be written down.
    #[error("cannot encode the event {kind}")]
    Encode {
        /// Its type.
        kind: String,
        /// Why not.
        source: serde_json::Error,
    },
    /// A call that this SDK would not build.
    #[error("cannot build the call to the event topic")]
    Build(#[from] BuildError),
    /// SNS did not take it.
    #[error("cannot publish the event {kind}")]
    Call {
        /// Its type.
        kind: String,
        /// What SNS said.
        source: Box<SdkError<SnsError>>,
    },
}

impl EventTopic {
    /// The FIFO topic with this ARN.
    pub fn new(sns: Client, arn: String) -> Self {
        Self { sns, arn }
    }

    /// Publishes the event, in order with those of the same subject. SNS drops a repetition for five minutes, receivers
    /// can for ever, by its id.
    pub async fn publish(&self, event: &Event) -> Result<(), PublishError> {
        let kind = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(&event.kind)
            .build()?;
        let message = serde_json::to_string(event).map_err(|source| PublishError::Encode {
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

/// The id of an event that has this name: the same for whoever publishes it again. A UUID of version 8, whose bits are those of
/// the name's SHA-256.
pub fn id_of(name: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(name)[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}
