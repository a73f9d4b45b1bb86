//! One event in, one delivery for each subscriber that it concerns out.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::value::RawValue;
use wagrun::{
    delivery::{Delivery, deduplication_id, lane},
    event::Event,
    subscriber::{Found, LoadError, SubscriberStore, Subscribers},
};

use crate::delivery_queue::{DeliveryQueue, Message, SendError};

/// What fan-out needs.
#[derive(Debug)]
pub struct FanOut {
    subscribers: SubscriberStore,
    queue: DeliveryQueue,
}

/// The event stays in the queue.
#[derive(Debug, thiserror::Error)]
pub enum FanOutError {
    /// The message can't be used, now or later.
    #[error("the message is not an event")]
    NotAnEvent(#[source] serde_json::Error),
    /// The subscribers are not known.
    #[error(transparent)]
    Subscribers(#[from] LoadError),
    /// A delivery could not be written down as JSON.
    #[error("cannot encode a delivery")]
    Encode(#[source] serde_json::Error),
    /// Some deliveries are not in the queue.
    #[error(transparent)]
    Send(#[from] SendError),
}

impl FanOut {
    /// With the delivery queue under this URL.
    pub fn new(
        subscribers: SubscriberStore,
        sqs: aws_sdk_sqs::Client,
        delivery_queue_url: String,
    ) -> Self {
        Self {
            subscribers,
            queue: DeliveryQueue::new(sqs, delivery_queue_url),
        }
    }

    /// Sends a delivery to each subscriber that the event in `body` concerns; an error when any of them was not sent.
    pub async fn fan_out(&self, body: &str, now: Timestamp) -> Result<(), FanOutError> {
        // The event's own text travels on, so that nothing in it changes on the way to the subscriber.
        let raw: &RawValue = serde_json::from_str(body).map_err(FanOutError::NotAnEvent)?;
        let event: Event = serde_json::from_str(raw.get()).map_err(FanOutError::NotAnEvent)?;
        // Whoever asks for events of the past has often just created or changed the subscriber.
        let asked_at = event.asked_at().unwrap_or(Timestamp::MIN);
        let subscribers = self.subscribers.loaded_after(asked_at, now).await?;
        let messages = subscribers
            .matching(&event)
            .map(|subscriber| message(&subscriber.name, &event, raw))
            .collect::<Result<Vec<_>, _>>()
            .map_err(FanOutError::Encode)?;
        if messages.is_empty() {
            log_unwanted(&event, &subscribers);
            return Ok(());
        }
        let count = messages.len();
        self.queue.send(messages).await?;
        tracing::info!(event.id = %event.id, event.type = event.kind, event.subject = event.subject, deliveries = count, "fanned out");
        Ok(())
    }
}

/// Says so where an event leads to nothing: aloud when it is for somebody, because then somebody waits for it.
fn log_unwanted(event: &Event, subscribers: &Subscribers) {
    let Some(name) = &event.subscriber else {
        tracing::debug!(event.id = %event.id, event.type = event.kind, event.subject = event.subject, "concerns no subscriber");
        return;
    };
    let outcome = match subscribers.find(name) {
        Found::Enabled(_) => "dropped: filtered",
        Found::Disabled => "dropped: disabled",
        Found::Invalid(_) => "dropped: invalid",
        Found::Gone => "dropped: gone",
    };
    tracing::warn!(
        event.id = %event.id,
        event.type = event.kind,
        event.subject = event.subject,
        subscriber = name,
        outcome,
        "asked for, but not fanned out"
    );
}

fn message(subscriber: &str, event: &Event, raw: &RawValue) -> Result<Message, serde_json::Error> {
    let delivery = Delivery {
        subscriber: Cow::Borrowed(subscriber),
        event: raw,
    };
    Ok(Message {
        group_id: lane(subscriber, &event.subject),
        deduplication_id: deduplication_id(event, subscriber),
        body: serde_json::to_string(&delivery)?,
        subscriber: subscriber.to_owned(),
    })
}
