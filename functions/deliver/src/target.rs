//! The targets that events are sent to, behind one call.

mod cloud_front;
mod event_bridge;
mod webhook;

use std::time::Duration;

use jiff::Timestamp;
use wagrun_delivery::subscriber::{Subscriber, Target};
use wagrun_event::Event;

pub use cloud_front::{CloudFrontClient, CloudFrontError};
pub use event_bridge::{EventBridgeClient, EventBridgeError};
#[cfg(fuzzing)]
pub use webhook::resolver as guard;
pub use webhook::{Reach, Timeouts, WebhookClient, WebhookError};

/// One client for each kind of target.
#[derive(Debug)]
pub struct Targets {
    /// Sends webhooks.
    pub webhooks: WebhookClient,
    /// Puts events on EventBridge buses.
    pub event_bridge: EventBridgeClient,
    /// Creates CloudFront invalidations.
    pub cloud_front: CloudFrontClient,
}

/// An event that is sent.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// The id of the message that the event came in. An invalidation takes its caller reference from it.
    pub message_id: &'a str,
    /// The event.
    pub event: &'a Event,
    /// The event's JSON as it was published.
    pub json: &'a str,
    /// The time at which the attempt began.
    pub now: Timestamp,
}

/// The target did not accept the event.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The receiver of a webhook.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// An EventBridge bus.
    #[error(transparent)]
    EventBridge(#[from] EventBridgeError),
    /// A CloudFront distribution.
    #[error(transparent)]
    CloudFront(#[from] CloudFrontError),
}

impl TargetError {
    /// Returns one word for logs and metrics.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Webhook(error) => error.outcome(),
            Self::EventBridge(error) => error.outcome(),
            Self::CloudFront(error) => error.outcome(),
        }
    }

    /// Returns the receiver's HTTP status, if it answered with one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Webhook(error) => error.status(),
            Self::EventBridge(_) | Self::CloudFront(_) => None,
        }
    }

    /// Returns the delay that the receiver asks for, if it does.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Webhook(error) => error.retry_after(),
            Self::EventBridge(_) | Self::CloudFront(_) => None,
        }
    }

    /// Returns the reason why this receiver is never to be called again, if it gave one.
    pub fn reason_to_disable(&self) -> Option<&'static str> {
        match self {
            Self::Webhook(error) => error.reason_to_disable(),
            Self::EventBridge(_) | Self::CloudFront(_) => None,
        }
    }
}

impl Targets {
    /// Sends one event. Returns the HTTP status, if the receiver has one and the event needs a request.
    pub async fn deliver(
        &self,
        subscriber: &Subscriber,
        outgoing: &Outgoing<'_>,
    ) -> Result<Option<u16>, TargetError> {
        let Outgoing {
            message_id,
            event,
            json,
            now,
        } = *outgoing;
        match &subscriber.target {
            Target::Webhook(webhook) => {
                let id = event.id.to_string();
                let status = self.webhooks.send(webhook, &id, json, now).await?;
                Ok(status.map(|status| status.as_u16()))
            }
            Target::EventBridge(bus) => {
                self.event_bridge.put(bus, event, json).await?;
                Ok(None)
            }
            Target::CloudFront(distribution) => {
                let events = [(message_id, event)];
                self.cloud_front.invalidate(distribution, &events).await?;
                Ok(None)
            }
        }
    }
}
