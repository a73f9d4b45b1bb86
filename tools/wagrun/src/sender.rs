//! Sends one event to one subscriber, with the code and the settings of the deployed deliver.

use std::fmt;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use deliver::{
    CloudFrontClient, EventBridgeClient, Outgoing, TargetError, Targets, Timeouts, WebhookClient,
};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::json;
use wagrun_delivery::subscriber::{Subscriber, Target};
use wagrun_event::Event;
use wagrun_lambda::telemetry::chain;

use crate::deliver_settings::DeliverSettings;
use crate::error::CommandError;

/// The parts of deliver that one event needs.
#[derive(Debug)]
pub struct Sender {
    settings: DeliverSettings,
    targets: Targets,
}

/// The answer of a target to one event.
#[derive(Debug)]
pub struct Sent {
    /// The HTTP status of the receiver, if its target has one, or the reason why the event was not accepted.
    pub result: Result<Option<u16>, TargetError>,
    /// The duration of the attempt.
    pub duration: Duration,
}

impl Sender {
    /// Creates the parts with the settings of the deployed deliver.
    pub fn new(aws: &SdkConfig, settings: DeliverSettings) -> Result<Self, CommandError> {
        let webhooks = WebhookClient::new(Timeouts::default(), settings.reach);
        let webhooks = webhooks
            .map_err(|error| CommandError::argument("the HTTP client", error.to_string()))?;
        Ok(Self {
            settings,
            targets: Targets {
                webhooks,
                event_bridge: EventBridgeClient::new(aws_sdk_eventbridge::Client::new(aws)),
                cloud_front: CloudFrontClient::new(aws_sdk_cloudfront::Client::new(aws)),
            },
        })
    }

    /// Judges a subscriber as deliver does.
    pub fn subscriber(
        &self,
        name: &str,
        parameter: &str,
        json: &str,
    ) -> Result<Subscriber, CommandError> {
        let parsed = Subscriber::parse(name, parameter, json, self.settings.rules);
        parsed.map_err(|fault| {
            let place = format!("subscriber {parameter}: {}", fault.place);
            let place = place.trim_end_matches([':', ' ']);
            CommandError::argument(place, fault.problem.to_string())
        })
    }

    /// Sends an event to a subscriber, once.
    pub async fn send(
        &self,
        subscriber: &Subscriber,
        event: &Event,
        now: Timestamp,
    ) -> Result<Sent, CommandError> {
        let json = event.to_json().map_err(|source| CommandError::Answer {
            what: "the event",
            source,
        })?;
        Ok(self.send_json(subscriber, event, &json, now).await)
    }

    /// Sends an event to a subscriber, once, in the very text in which it was published.
    pub async fn send_json(
        &self,
        subscriber: &Subscriber,
        event: &Event,
        json: &str,
        now: Timestamp,
    ) -> Sent {
        let message_id = event.id.to_string();
        let outgoing = Outgoing {
            message_id: &message_id,
            event,
            json,
            now,
        };
        let started = Instant::now();
        let result = self.targets.deliver(subscriber, &outgoing).await;
        Sent {
            result,
            duration: started.elapsed(),
        }
    }

    /// Returns the source of the stack's events.
    pub fn source(&self) -> &str {
        &self.settings.source
    }
}

impl Sent {
    /// Returns true when the target accepted the event.
    pub fn is_accepted(&self) -> bool {
        self.result.is_ok()
    }

    /// Returns the outcome in the words of deliver's log.
    pub fn outcome(&self) -> &'static str {
        match &self.result {
            Ok(_) => "delivered",
            Err(error) => error.outcome(),
        }
    }

    /// Returns the HTTP status of the receiver, if it answered with one.
    pub fn status(&self) -> Option<u16> {
        match &self.result {
            Ok(status) => *status,
            Err(error) => error.status(),
        }
    }
}

impl Serialize for Sent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json!({
            "outcome": self.outcome(),
            "status": self.status(),
            "duration_ms": u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX),
            "error": self.result.as_ref().err().map(|error| chain(error)),
        })
        .serialize(serializer)
    }
}

/// Writes `delivered  204  12 ms`, or `unreachable  3 ms  <the reason>`.
impl fmt::Display for Sent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.outcome())?;
        if let Some(status) = self.status() {
            write!(formatter, "  {status}")?;
        }
        write!(formatter, "  {} ms", self.duration.as_millis())?;
        match &self.result {
            Ok(_) => Ok(()),
            Err(error) => write!(formatter, "  {}", chain(error)),
        }
    }
}

/// Formats the address of a target. Only the origin of a URL is shown, because the rest may be secret, as with Slack.
pub struct Described<'a>(pub &'a Target);

impl fmt::Display for Described<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Target::Webhook(webhook) => {
                let origins = webhook.origins().join("/…, ");
                let signatures = match webhook.secrets.len() {
                    0 => "unsigned".to_owned(),
                    1 => "one signature".to_owned(),
                    count => format!("{count} signatures"),
                };
                write!(formatter, "webhook {origins}/…, {signatures}")
            }
            Target::EventBridge(target) => write!(formatter, "eventbridge {}", target.bus),
            Target::CloudFront(target) => {
                write!(formatter, "cloudfront {}", target.distribution)?;
                let wildcard = if target.wildcard {
                    ", with all paths below"
                } else {
                    ""
                };
                formatter.write_str(wildcard)
            }
        }
    }
}
