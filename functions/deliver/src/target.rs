//! Where deliveries go, whatever the target.

use jiff::Timestamp;
use wagrun_delivery::subscriber::{Subscriber, Target};
use wagrun_event::Event;

use crate::{
    CloudFrontClient, CloudFrontError, EventBridgeClient, EventBridgeError, WebhookClient,
    WebhookError,
};

/// One client for each kind of target.
#[derive(Debug)]
pub struct Targets {
    /// Posts.
    pub webhooks: WebhookClient,
    /// Puts on buses.
    pub event_bridge: EventBridgeClient,
    /// Invalidates.
    pub cloud_front: CloudFrontClient,
}

/// What is delivered.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// The message that it came in.
    pub message_id: &'a str,
    /// The event.
    pub event: &'a Event,
    /// The event as it was published.
    pub json: &'a str,
    /// When the attempt began.
    pub now: Timestamp,
}

/// The target has not taken the event.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// A webhook.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// A bus.
    #[error(transparent)]
    EventBridge(#[from] EventBridgeError),
    /// A distribution.
    #[error(transparent)]
    CloudFront(#[from] CloudFrontError),
}

impl TargetError {
    /// One word for logs and metrics.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Webhook(error) => error.outcome(),
            Self::EventBridge(error) => error.outcome(),
            Self::CloudFront(error) => error.outcome(),
        }
    }

    /// The receiver's HTTP status, where it answered with one of its own.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Webhook(error) => error.status(),
            Self::EventBridge(_) | Self::CloudFront(_) => None,
        }
    }

    /// The seconds after which the receiver wants to be asked again, where it says so.
    pub fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Webhook(error) => error.retry_after(),
            Self::EventBridge(_) | Self::CloudFront(_) => None,
        }
    }

    /// Why this receiver is not to be asked again, if it said so.
    pub fn reason_to_disable(&self) -> Option<&'static str> {
        match self {
            Self::Webhook(error) => error.reason_to_disable(),
            Self::EventBridge(_) | Self::CloudFront(_) => None,
        }
    }
}

impl Targets {
    /// Delivers one event; the status, where the receiver answered with one.
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
                let status = self.webhooks.post(webhook, &id, json, now).await?;
                Ok(Some(status.as_u16()))
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
