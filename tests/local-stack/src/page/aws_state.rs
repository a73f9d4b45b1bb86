//! The state of AWS that the page reads: deliver's log, the parameters of the subscribers, and the dead-letter queue.

use std::collections::{BTreeMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;
use wagrun_delivery::subscriber::{Rules, Subscriber};

use crate::aws::{Aws, AwsError};
use crate::deployment::{Deployment, DeploymentError};
use crate::log::EventLine;

use super::eligibility::SubscriberParameter;
use super::view::Disabled;

/// The part of the log that is read again. Invocations that end together may be logged in another order than their times.
const LOG_OVERLAP: SignedDuration = SignedDuration::from_secs(2);
/// The time for which a received dead letter is hidden, so that the next call receives others. In seconds.
const VISIBILITY_TIMEOUT_SECONDS: u32 = 2;
/// The number of calls of ReceiveMessage in one read of the dead-letter queue. Each returns at most ten messages.
const MAX_RECEIVE_CALLS: usize = 20;

/// The state of a stack, as far as it was read.
#[derive(Debug)]
pub struct AwsState {
    deployment: Deployment,
    since: Timestamp,
    log: Vec<EventLine>,
    dead_letters: HashSet<(Uuid, String)>,
    parameters: BTreeMap<String, SubscriberParameter>,
}

impl AwsState {
    /// An empty state. The log is read from `since` on.
    pub fn new(deployment: Deployment, since: Timestamp) -> Self {
        Self {
            deployment,
            since,
            log: Vec::new(),
            dead_letters: HashSet::new(),
            parameters: BTreeMap::new(),
        }
    }

    /// Returns the lines of deliver's log.
    pub fn log(&self) -> &[EventLine] {
        &self.log
    }

    /// Returns the deliveries that were given up, by event and subscriber.
    pub fn dead_letters(&self) -> &HashSet<(Uuid, String)> {
        &self.dead_letters
    }

    /// Returns the parameters of the subscribers, by name.
    pub fn parameters(&self) -> &BTreeMap<String, SubscriberParameter> {
        &self.parameters
    }

    /// Reads the lines that deliver has logged since the last call.
    pub async fn read_log(&mut self) -> Result<(), DeploymentError> {
        let last = self.log.last().map(|line| line.at - LOG_OVERLAP);
        let since = last.unwrap_or(self.since).max(self.since);
        let since_ms = since.as_millisecond();
        let lines = self.deployment.function_logs("deliver", since_ms).await?;
        self.log.retain(|line| line.at.as_millisecond() < since_ms);
        let lines = lines.iter();
        self.log
            .extend(lines.filter_map(|line| EventLine::parse("deliver", line)));
        Ok(())
    }

    /// Reads the parameters of the subscribers.
    pub async fn read_parameters(&mut self) -> Result<(), DeploymentError> {
        let path = self.deployment.output("SubscribersPath")?;
        let parameters = self.deployment.aws().parameters(path).await?;
        self.parameters = parameters
            .into_iter()
            .map(|(parameter, value)| {
                let name = parameter.strip_prefix(path).unwrap_or(&parameter);
                let name = name.trim_start_matches('/').to_owned();
                let parsed = parse(&name, &parameter, &value);
                (name, parsed)
            })
            .collect();
        Ok(())
    }

    /// Reads the dead-letter queue to its end. The state keeps every delivery that was in it once.
    pub async fn read_dead_letters(&mut self) -> Result<(), DeploymentError> {
        let queue = self.deployment.output("DeliveryDeadLetterQueueUrl")?;
        for _ in 0..MAX_RECEIVE_CALLS {
            let messages = receive(self.deployment.aws(), queue).await?;
            if messages.is_empty() {
                break;
            }
            self.dead_letters
                .extend(messages.iter().filter_map(dead_letter));
        }
        Ok(())
    }

    /// Enables a disabled subscriber, as its operator would.
    pub async fn enable(&self, name: &str) -> Result<(), DeploymentError> {
        let path = self.deployment.output("SubscribersPath")?;
        let aws = self.deployment.aws();
        let parameter = format!("{path}/{name}");
        let value = aws.parameters(path).await?.remove(&parameter);
        let unusable = |answer: &str| AwsError::Answer {
            call: format!("GetParametersByPath for {parameter}"),
            answer: answer.to_owned(),
        };
        let value = value.ok_or_else(|| unusable("no such parameter"))?;
        let mut json: Value =
            serde_json::from_str(&value).map_err(|_| unusable("a value that is not JSON"))?;
        if let Some(fields) = json.as_object_mut() {
            fields.insert("enabled".to_owned(), true.into());
            fields.shift_remove("disabled");
        }
        self.deployment
            .put_subscriber(name, &json.to_string())
            .await
    }
}

async fn receive(aws: &Aws, queue: &str) -> Result<Vec<Value>, AwsError> {
    let input = json!({
        "QueueUrl": queue, "MaxNumberOfMessages": 10, "VisibilityTimeout": VISIBILITY_TIMEOUT_SECONDS,
    });
    let mut answer = aws.json("sqs", "AmazonSQS.ReceiveMessage", &input).await?;
    let messages = answer["Messages"].as_array_mut().map(std::mem::take);
    Ok(messages.unwrap_or_default())
}

/// Returns the event and the subscriber of a message.
fn dead_letter(message: &Value) -> Option<(Uuid, String)> {
    let body: Value = serde_json::from_str(message["Body"].as_str()?).ok()?;
    let id = body["event"]["id"].as_str()?.parse().ok()?;
    Some((id, body["subscriber"].as_str()?.to_owned()))
}

fn parse(name: &str, parameter: &str, value: &str) -> SubscriberParameter {
    let json: Value = serde_json::from_str(value).unwrap_or_default();
    let disabled = &json["disabled"];
    let disabled = disabled["reason"].as_str().zip(disabled["at"].as_str());
    SubscriberParameter {
        subscriber: Subscriber::parse(name, parameter, value, Rules::LENIENT)
            .map_err(|invalid| invalid.to_string()),
        disabled: disabled.and_then(|(reason, at)| {
            Some(Disabled {
                reason: reason.to_owned(),
                at: at.parse().ok()?,
            })
        }),
    }
}
