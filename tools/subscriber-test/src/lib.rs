//! Sends a test event to one subscriber, as deliver would, and says what came back.
//!
//! It runs on the operator's machine with the operator's credentials, and is made of deliver's own parts, configured as the
//! deployed function is: the same validation of the parameter, the same signature, the same rules of whom it may call, the same
//! time-outs. What it does not have is the queue: nothing is tried again, nothing is given up, and no subscriber is switched
//! off.

mod function;
mod report;

use std::time::Instant;

use aws_config::SdkConfig;
use aws_sdk_ssm::error::SdkError;
use aws_sdk_ssm::operation::get_parameter::GetParameterError;
use deliver::{Config, Outgoing, Targets, handler};
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;
use wagrun_delivery::subscriber::{InvalidSubscriber, Rules, Subscriber, Target};
use wagrun_event::{Event, NewEvent};

pub use function::{FunctionError, environment};
pub use report::Report;

/// The type of the event.
pub const KIND: &str = "subscriber.test";
/// What a CloudFront subscriber is to forget: the path of a page that no site has.
const URL: &str = "https://subscriber.test/wagrun-subscriber-test/";

/// No event was sent.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// There is no such subscriber.
    #[error("there is no subscriber {name}: no parameter {parameter}")]
    Gone {
        /// Its name.
        name: String,
        /// The parameter that would describe it.
        parameter: String,
    },
    /// The parameter could not be read.
    #[error("cannot read parameter {parameter}")]
    Parameter {
        /// The parameter.
        parameter: String,
        /// Why not.
        source: Box<SdkError<GetParameterError>>,
    },
    /// It can't be used; the error names the parameter and the field.
    #[error(transparent)]
    Invalid(#[from] InvalidSubscriber),
    /// The event can't be written down.
    #[error("cannot encode the event")]
    Encode(#[from] serde_json::Error),
}

/// What a test needs of deliver.
#[derive(Debug)]
pub struct Tester {
    ssm: aws_sdk_ssm::Client,
    path: String,
    rules: Rules,
    source: String,
    targets: Targets,
}

impl Tester {
    /// Made of deliver's parts, with its configuration.
    pub fn new(aws: &SdkConfig, config: Config) -> Result<Self, Box<dyn std::error::Error>> {
        Ok(Self {
            ssm: aws_sdk_ssm::Client::new(aws),
            path: config.subscribers_path.trim_end_matches('/').to_owned(),
            rules: config.rules,
            source: config.source.clone(),
            targets: handler(aws, config)?.deliverer.targets,
        })
    }

    /// Sends one event to the subscriber of this name; an error when there was nothing to send it to.
    pub async fn test(&self, name: &str, now: Timestamp) -> Result<Report, TestError> {
        let subscriber = self.subscriber(name).await?;
        let event = event(&subscriber, &self.source, now);
        let json = serde_json::to_string(&event)?;
        let message_id = event.id.to_string();
        let outgoing = Outgoing {
            message_id: &message_id,
            event: &event,
            json: &json,
            now,
        };
        let started = Instant::now();
        let result = self.targets.deliver(&subscriber, &outgoing).await;
        Ok(Report {
            duration: started.elapsed(),
            subscriber,
            event,
            result,
        })
    }

    async fn subscriber(&self, name: &str) -> Result<Subscriber, TestError> {
        let parameter = format!("{}/{name}", self.path);
        let call = self.ssm.get_parameter().name(&parameter);
        let answer = match call.with_decryption(true).send().await {
            Ok(answer) => answer,
            Err(error) => {
                let gone = error
                    .as_service_error()
                    .is_some_and(GetParameterError::is_parameter_not_found);
                return Err(if gone {
                    let name = name.to_owned();
                    TestError::Gone { name, parameter }
                } else {
                    let source = Box::new(error);
                    TestError::Parameter { parameter, source }
                });
            }
        };
        let value = answer.parameter.and_then(|parameter| parameter.value);
        let value = value.unwrap_or_default();
        Ok(Subscriber::parse(name, &parameter, &value, self.rules)?)
    }
}

/// An event that is for this subscriber alone, and of its own id.
fn event(subscriber: &Subscriber, source: &str, now: Timestamp) -> Event {
    let name = &subscriber.name;
    let mut data = Map::new();
    data.insert("name".into(), Value::String(name.clone()));
    data.insert("title".into(), format!("Test of subscriber {name}").into());
    // Without an address there would be nothing to invalidate.
    if let Target::CloudFront(_) = subscriber.target {
        data.insert("url".into(), URL.into());
    }
    let mut event = Event::new(NewEvent {
        id: Uuid::new_v4(),
        source,
        kind: KIND.to_owned(),
        subject: format!("subscriber/{name}"),
        time: now.to_string(),
        // As with subscriber.disabled, there is no commit whose order it could have.
        sequence: now.as_microsecond(),
        data,
    });
    event.subscriber = Some(name.clone());
    event
}

#[cfg(test)]
mod tests;
