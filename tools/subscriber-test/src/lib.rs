//! Sends a test event to one subscriber, as deliver does, and reports the result.
//!
//! It runs on the operator's machine with the operator's credentials. It uses the code of deliver with the configuration of
//! the deployed function. So the validation of the parameter, the signature, the rules for addresses and the timeouts are the
//! same. There is no queue: the event is sent once, and the subscriber is not disabled.
//!
//! [`check`] judges a file by the same rules, before it is stored.

#![allow(clippy::disallowed_methods)]

mod check;
mod function;
mod matches;
mod report;

use std::time::Instant;

use aws_config::SdkConfig;
use aws_sdk_ssm::error::SdkError;
use aws_sdk_ssm::operation::get_parameter::GetParameterError;
use deliver::{Config, Outgoing, Targets, build_handler};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;
use wagrun_delivery::subscriber::{InvalidSubscriber, Rules, Subscriber, Target};
use wagrun_event::{Event, NewEvent};

pub use check::{CheckError, CheckedFile, check};
pub use function::{FunctionError, enter_environment, environment};
pub use matches::{Matches, count};
pub use report::Report;

/// The type of the test event.
pub const EVENT_TYPE: &str = "subscriber.test";
/// The URL of the page that the test event is about, for a target that needs one. No site has such a page.
const PAGE_URL: &str = "https://subscriber.test/wagrun-subscriber-test/";

/// The test event could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// The subscriber does not exist.
    #[error("there is no subscriber {name}: no parameter {parameter}")]
    NotFound {
        /// The name of the subscriber.
        name: String,
        /// The name of the missing parameter.
        parameter: String,
    },
    /// The URL of the page is no URL of a site.
    #[error("URL: {0:?} does not begin with https://")]
    PageUrl(String),
    /// The parameter could not be read.
    #[error("cannot read parameter {parameter}")]
    Parameter {
        /// The name of the parameter.
        parameter: String,
        /// The cause.
        source: Box<SdkError<GetParameterError>>,
    },
    /// The parameter is not valid. The error names the parameter and the field.
    #[error(transparent)]
    Invalid(#[from] InvalidSubscriber),
    /// The parameter or the event is not JSON.
    #[error("cannot read or write JSON")]
    Encode(#[from] serde_json::Error),
}

/// The parts of deliver that a test needs.
#[derive(Debug)]
pub struct Tester {
    ssm: aws_sdk_ssm::Client,
    path: String,
    rules: Rules,
    source: String,
    page_url: String,
    targets: Targets,
}

impl Tester {
    /// Creates the parts with the configuration of deliver.
    pub fn new(aws: &SdkConfig, config: Config) -> Result<Self, Box<dyn std::error::Error>> {
        Ok(Self {
            ssm: aws_sdk_ssm::Client::new(aws),
            path: config.subscribers_path.trim_end_matches('/').to_owned(),
            rules: config.rules,
            source: config.source.clone(),
            page_url: PAGE_URL.to_owned(),
            targets: build_handler(aws, config)?.deliverer.targets,
        })
    }

    /// Uses the URL of a page of the site. A service may refuse to purge the URL of another site.
    pub fn with_page_url(mut self, url: String) -> Result<Self, TestError> {
        if !url.starts_with("https://") {
            return Err(TestError::PageUrl(url));
        }
        self.page_url = url;
        Ok(self)
    }

    /// Sends one event to a subscriber. An error means that the event was not sent.
    pub async fn test(&self, name: &str, now: Timestamp) -> Result<Report, TestError> {
        let (subscriber, parameter) = self.subscriber(name).await?;
        let event = event(&subscriber, &self.source, &self.page_url, now);
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
            parameter,
            matches: None,
        })
    }

    /// Returns the source of the stack's events.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns a subscriber, and the JSON of its parameter.
    async fn subscriber(&self, name: &str) -> Result<(Subscriber, Value), TestError> {
        let parameter = format!("{}/{name}", self.path);
        let call = self.ssm.get_parameter().name(&parameter);
        let answer = match call.with_decryption(true).send().await {
            Ok(answer) => answer,
            Err(error) => {
                let is_missing = error
                    .as_service_error()
                    .is_some_and(GetParameterError::is_parameter_not_found);
                return Err(if is_missing {
                    let name = name.to_owned();
                    TestError::NotFound { name, parameter }
                } else {
                    let source = Box::new(error);
                    TestError::Parameter { parameter, source }
                });
            }
        };
        let value = answer.parameter.and_then(|parameter| parameter.value);
        let value = value.unwrap_or_default();
        let subscriber = Subscriber::parse(name, &parameter, &value, self.rules)?;
        Ok((subscriber, serde_json::from_str(&value)?))
    }
}

/// Returns an event for this subscriber alone.
fn event(subscriber: &Subscriber, source: &str, page_url: &str, now: Timestamp) -> Event {
    let name = &subscriber.name;
    let mut data = Map::new();
    data.insert("name".into(), Value::String(name.clone()));
    data.insert("title".into(), format!("Test of subscriber {name}").into());
    data.extend(values_for_requests(&subscriber.target, page_url));
    let mut event = Event::new(NewEvent {
        id: Uuid::new_v4(),
        source,
        kind: EVENT_TYPE.to_owned(),
        subject: format!("subscriber/{name}"),
        time: now.to_string(),
        // The event has no commit from which to take a sequence, like subscriber.disabled.
        sequence: now.as_microsecond(),
        data,
    });
    event.subscriber = Some(name.clone());
    event
}

/// Returns the values that the target's own requests need: those of a page that the public sees.
fn values_for_requests(target: &Target, url: &str) -> Map<String, Value> {
    let values = match target {
        Target::Webhook(webhook) if webhook.posts_events() => json!({}),
        Target::Webhook(_) => json!({
            "id": 0, "live": true, "visible_to": "public", "url": url, "urls": [url],
        }),
        Target::CloudFront(_) => json!({"url": url}),
        Target::EventBridge(_) => json!({}),
    };
    match values {
        Value::Object(values) => values,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
