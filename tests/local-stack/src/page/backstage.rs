//! What the page reads in AWS: deliver's log, the subscribers' parameters, the dead-letter queue. Never the database.

use std::collections::{BTreeMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;
use wagrun_delivery::subscriber::{Rules, Subscriber};

use crate::aws::{Aws, AwsError};
use crate::deployment::{Deployment, DeploymentError};
use crate::log::Line;

use super::board::{Disabled, Member};

/// Lines of two invocations that end together may come in another order than their times.
const OVERLAP: SignedDuration = SignedDuration::from_secs(2);
/// For how long a look hides the dead letters, so that the next call of the same look finds others.
const HIDDEN_SECONDS: u32 = 2;
/// The calls of one look at most; each finds ten.
const MOST_CALLS: usize = 20;

/// The stack, and what was read of it.
#[derive(Debug)]
pub struct Backstage {
    deployment: Deployment,
    since: Timestamp,
    log: Vec<Line>,
    dead: HashSet<(Uuid, String)>,
    members: BTreeMap<String, Member>,
}

impl Backstage {
    /// Knows nothing yet; the log before `since` does not matter.
    pub fn new(deployment: Deployment, since: Timestamp) -> Self {
        Self {
            deployment,
            since,
            log: Vec::new(),
            dead: HashSet::new(),
            members: BTreeMap::new(),
        }
    }

    /// deliver's log.
    pub fn log(&self) -> &[Line] {
        &self.log
    }

    /// The deliveries that were given up, by event and subscriber.
    pub fn dead(&self) -> &HashSet<(Uuid, String)> {
        &self.dead
    }

    /// The subscribers.
    pub fn members(&self) -> &BTreeMap<String, Member> {
        &self.members
    }

    /// Reads what deliver has logged since the last time.
    pub async fn read_log(&mut self) -> Result<(), DeploymentError> {
        let last = self.log.last().map(|line| line.at - OVERLAP);
        let since = last.unwrap_or(self.since).max(self.since);
        let since_ms = since.as_millisecond();
        let lines = self.deployment.function_logs("deliver", since_ms).await?;
        self.log.retain(|line| line.at.as_millisecond() < since_ms);
        let read = lines.iter().filter_map(|line| Line::read("deliver", line));
        self.log.extend(read);
        Ok(())
    }

    /// Reads the subscribers' parameters.
    pub async fn read_members(&mut self) -> Result<(), DeploymentError> {
        let path = self.deployment.output("SubscribersPath")?;
        let parameters = self.deployment.aws().parameters(path).await?;
        self.members = parameters
            .into_iter()
            .map(|(parameter, value)| {
                let name = parameter.strip_prefix(path).unwrap_or(&parameter);
                let name = name.trim_start_matches('/').to_owned();
                let member = member(&name, &parameter, &value);
                (name, member)
            })
            .collect();
        Ok(())
    }

    /// Reads the dead-letter queue to its end; what was in it once is remembered.
    pub async fn read_dead_letters(&mut self) -> Result<(), DeploymentError> {
        let queue = self.deployment.output("DeliveryDeadLetterQueueUrl")?;
        for _ in 0..MOST_CALLS {
            let letters = dead_letters(self.deployment.aws(), queue).await?;
            if letters.is_empty() {
                break;
            }
            self.dead.extend(letters.iter().filter_map(dead_letter));
        }
        Ok(())
    }

    /// Switches a subscriber on again, as its operator would.
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
            serde_json::from_str(&value).map_err(|_| unusable("what is no JSON"))?;
        if let Some(fields) = json.as_object_mut() {
            fields.insert("enabled".to_owned(), true.into());
            fields.shift_remove("disabled");
        }
        self.deployment
            .put_subscriber(name, &json.to_string())
            .await
    }
}

async fn dead_letters(aws: &Aws, queue: &str) -> Result<Vec<Value>, AwsError> {
    let input = json!({
        "QueueUrl": queue, "MaxNumberOfMessages": 10, "VisibilityTimeout": HIDDEN_SECONDS,
    });
    let mut answer = aws.json("sqs", "AmazonSQS.ReceiveMessage", &input).await?;
    let messages = answer["Messages"].as_array_mut().map(std::mem::take);
    Ok(messages.unwrap_or_default())
}

fn dead_letter(message: &Value) -> Option<(Uuid, String)> {
    let body: Value = serde_json::from_str(message["Body"].as_str()?).ok()?;
    let id = body["event"]["id"].as_str()?.parse().ok()?;
    Some((id, body["subscriber"].as_str()?.to_owned()))
}

fn member(name: &str, parameter: &str, value: &str) -> Member {
    let json: Value = serde_json::from_str(value).unwrap_or_default();
    let disabled = &json["disabled"];
    let disabled = disabled["reason"].as_str().zip(disabled["at"].as_str());
    Member {
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
