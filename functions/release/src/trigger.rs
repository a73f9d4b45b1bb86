//! The messages of the queue: EventBridge's events, as AWS and migrate send them, and our own.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::Config;
use crate::state::{Image, Wish};
use crate::words::Event;

/// What a message says.
#[derive(Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Something for the decision.
    Event(Event),
    /// An image is asked for by what may still have to be looked up.
    Deploy(Reference),
    /// Nothing that concerns this stack; why.
    Foreign(&'static str),
}

/// An image, as people name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Its tag; with a digest, only for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// `sha256:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// A message that nobody understands.
#[derive(Debug, thiserror::Error)]
pub enum TriggerError {
    /// It is not JSON, or lacks something.
    #[error("the message can't be read")]
    Malformed(#[from] serde_json::Error),
    /// EventBridge sent something that no rule of ours lets through.
    #[error("detail-type: unknown {0:?}")]
    Unknown(String),
}

/// `{"deploy": {"tag": …}}` or `{"deploy": {"digest": …}}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deploy {
    /// Which image.
    pub deploy: Reference,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Envelope {
    detail_type: String,
    time: Timestamp,
    #[serde(default)]
    resources: Vec<String>,
    detail: Value,
}

/// ECR's `ECR Image Action`.
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

/// The record of an asynchronous invocation.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
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

/// App Runner's `AppRunner Service Operation Status Change`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OperationChange {
    operation_status: String,
}

/// ECS's `ECS Deployment State Change`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeploymentChange {
    event_name: String,
}

impl Trigger {
    /// The message's meaning; `sent_at` is when it was put into the queue.
    pub fn parse(body: &str, config: &Config) -> Result<Self, TriggerError> {
        let value: Value = serde_json::from_str(body)?;
        if value.get("deploy").is_some() {
            return Ok(Self::Deploy(Deploy::deserialize(&value)?.deploy));
        }
        if value.get("look").is_some() {
            return Ok(Self::Event(Event::Look));
        }
        Envelope::deserialize(&value)?.trigger(config)
    }
}

impl Envelope {
    fn trigger(self, config: &Config) -> Result<Trigger, TriggerError> {
        match self.detail_type.as_str() {
            "ECR Image Action" => Ok(self.image_action(config)?),
            "Lambda Function Invocation Result - Success"
            | "Lambda Function Invocation Result - Failure" => Ok(self.invocation()?),
            "AppRunner Service Operation Status Change" => {
                let change = OperationChange::deserialize(&self.detail)?;
                Ok(self.service_change(change.operation_status, config))
            }
            "ECS Deployment State Change" => {
                let change = DeploymentChange::deserialize(&self.detail)?;
                Ok(self.service_change(change.event_name, config))
            }
            _ => Err(TriggerError::Unknown(self.detail_type)),
        }
    }

    fn image_action(&self, config: &Config) -> Result<Trigger, serde_json::Error> {
        let action = ImageAction::deserialize(&self.detail)?;
        let ours = config.repository.split_once('/').map(|(_, name)| name);
        if action.action_type != "PUSH" || action.result != "SUCCESS" {
            return Ok(Trigger::Foreign("it is no successful push"));
        }
        if Some(action.repository_name.as_str()) != ours {
            return Ok(Trigger::Foreign("it is another repository's"));
        }
        if action.image_tag.as_ref() != Some(&config.tag) {
            return Ok(Trigger::Foreign("it has another tag"));
        }
        Ok(Trigger::Event(Event::Pushed(Wish {
            image: Image {
                digest: action.image_digest,
                tag: action.image_tag,
            },
            at: self.time,
        })))
    }

    fn invocation(&self) -> Result<Trigger, serde_json::Error> {
        let invocation = Invocation::deserialize(&self.detail)?;
        let request = invocation.request_payload;
        let (Some(digest), "migrate") = (request.deploy, request.command.as_str()) else {
            return Ok(Trigger::Foreign("migrate was invoked for something else"));
        };
        let answer = &invocation.response_payload;
        let result = if self.detail_type.ends_with("Success") {
            let applied = answer.get("applied_django").and_then(Value::as_array);
            Ok(applied.map_or(0, Vec::len))
        } else {
            let message = answer.get("errorMessage").and_then(Value::as_str);
            // Without an answer there is the reason why Lambda gave the event up, such as EventAgeExceeded.
            Err(message.map_or(invocation.request_context.condition, str::to_owned))
        };
        Ok(Trigger::Event(Event::Migrated { digest, result }))
    }

    fn service_change(self, what: String, config: &Config) -> Trigger {
        let ours = config.platform.service_arn();
        if !(self.resources.iter()).any(|resource| Some(resource.as_str()) == ours) {
            return Trigger::Foreign("it is another service's");
        }
        Trigger::Event(Event::ServiceChanged {
            what,
            at: self.time,
        })
    }
}

#[cfg(test)]
mod tests;
