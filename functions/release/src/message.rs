//! The messages of the queue: events of EventBridge, and the requests that this function queues itself.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::config::Config;
use crate::image::{Image, ImageReference, RequestedImage};
use crate::request::DeployRequest;
use crate::signal::Signal;

/// The meaning of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    /// A signal to decide on.
    Signal(Signal),
    /// A request for a release. The image still has to be looked up.
    Deploy(ImageReference),
    /// The message does not concern this stack's releases, for this reason.
    Unrelated(&'static str),
}

/// The message has no known meaning.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// The message is not JSON, or a field is missing or unknown.
    #[error("cannot read the message")]
    Malformed(#[from] serde_json::Error),
    /// The message is an event that no rule of the template lets through.
    #[error("detail-type: unknown {0:?}")]
    UnknownDetailType(String),
}

/// An event of EventBridge.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Envelope {
    detail_type: String,
    time: Timestamp,
    #[serde(default)]
    resources: Vec<String>,
    detail: Value,
}

/// The detail of ECR's `ECR Image Action`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ImageAction {
    action_type: String,
    result: String,
    repository_name: String,
    image_digest: String,
    #[serde(default)]
    image_tag: Option<String>,
}

/// The detail of `Lambda Function Invocation Result`: the record of an asynchronous invocation.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InvocationRecord {
    request_payload: RequestPayload,
    request_context: RequestContext,
    #[serde(default)]
    response_payload: Value,
}

#[derive(Deserialize)]
struct RequestPayload {
    #[serde(default)]
    command: String,
    #[serde(default)]
    deploy: Option<String>,
}

#[derive(Deserialize)]
struct RequestContext {
    condition: String,
}

/// The detail of App Runner's `AppRunner Service Operation Status Change`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OperationChange {
    operation_status: String,
}

/// The detail of ECS's `ECS Deployment State Change`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeploymentChange {
    event_name: String,
}

impl Message {
    /// Reads the body of a message.
    pub fn parse(body: &str, config: &Config) -> Result<Self, MessageError> {
        // serde also takes a list for a struct, by the positions of its values.
        let value = Value::Object(serde_json::from_str::<Map<String, Value>>(body)?);
        if value.get("deploy").is_some() {
            return Ok(Self::Deploy(DeployRequest::deserialize(&value)?.deploy));
        }
        if value.get("check").is_some() {
            return Ok(Self::Signal(Signal::Check));
        }
        Envelope::deserialize(&value)?.message(config)
    }
}

impl Envelope {
    fn message(self, config: &Config) -> Result<Message, MessageError> {
        match self.detail_type.as_str() {
            "ECR Image Action" => Ok(self.image_action(config)?),
            "Lambda Function Invocation Result - Success"
            | "Lambda Function Invocation Result - Failure" => Ok(self.migrate_result()?),
            "AppRunner Service Operation Status Change" => {
                let change = OperationChange::deserialize(&self.detail)?;
                Ok(self.service_change(change.operation_status, config))
            }
            "ECS Deployment State Change" => {
                let change = DeploymentChange::deserialize(&self.detail)?;
                Ok(self.service_change(change.event_name, config))
            }
            _ => Err(MessageError::UnknownDetailType(self.detail_type)),
        }
    }

    fn image_action(&self, config: &Config) -> Result<Message, serde_json::Error> {
        let action = ImageAction::deserialize(&self.detail)?;
        let repository = config.repository.split_once('/').map(|(_, name)| name);
        if action.action_type != "PUSH" || action.result != "SUCCESS" {
            return Ok(Message::Unrelated("the event is not a successful push"));
        }
        if Some(action.repository_name.as_str()) != repository {
            return Ok(Message::Unrelated("the push was to another repository"));
        }
        if action.image_tag.as_ref() != Some(&config.tag) {
            return Ok(Message::Unrelated("the image has another tag"));
        }
        Ok(Message::Signal(Signal::ImagePushed(RequestedImage {
            image: Image {
                digest: action.image_digest,
                tag: action.image_tag,
            },
            requested_at: self.time,
        })))
    }

    fn migrate_result(&self) -> Result<Message, serde_json::Error> {
        let record = InvocationRecord::deserialize(&self.detail)?;
        let request = record.request_payload;
        let (Some(digest), "migrate") = (request.deploy, request.command.as_str()) else {
            return Ok(Message::Unrelated("migrate was not invoked for a release"));
        };
        let response = &record.response_payload;
        let result = if self.detail_type.ends_with("Success") {
            let applied = response.get("applied_django").and_then(Value::as_array);
            Ok(applied.map_or(0, Vec::len))
        } else {
            let message = response.get("errorMessage").and_then(Value::as_str);
            // Without a response, the condition is the reason of Lambda, such as EventAgeExceeded.
            Err(message.map_or(record.request_context.condition, str::to_owned))
        };
        Ok(Message::Signal(Signal::MigrateEnded { digest, result }))
    }

    fn service_change(self, event: String, config: &Config) -> Message {
        let arn = config.platform.service_arn();
        if !(self.resources.iter()).any(|resource| Some(resource.as_str()) == arn) {
            return Message::Unrelated("the event is of another service");
        }
        Message::Signal(Signal::ServiceChanged {
            event,
            occurred_at: self.time,
        })
    }
}

#[cfg(test)]
mod tests;
