//! One event in, one delivery for each subscriber that it concerns out.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::value::RawValue;
use wagrun_delivery::queue::{DeliveryQueue, Message, Order, SendError};
use wagrun_delivery::subscriber::{Found, LoadError, Subscriber, SubscriberStore, Subscribers};
use wagrun_delivery::{Delivery, deduplication_id, lane};
use wagrun_event::Event;

/// What fan-out needs.
#[derive(Debug)]
pub struct FanOut {
    subscribers: SubscriberStore,
    deliveries: DeliveryQueue,
    /// Where there is none, an invalidation is a delivery like any other.
    invalidations: Option<DeliveryQueue>,
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
    /// With the queues under these URLs.
    pub fn new(
        subscribers: SubscriberStore,
        sqs: &aws_sdk_sqs::Client,
        delivery_queue_url: String,
        invalidation_queue_url: Option<String>,
    ) -> Self {
        Self {
            subscribers,
            deliveries: DeliveryQueue::of_deliveries(sqs.clone(), delivery_queue_url),
            invalidations: invalidation_queue_url
                .map(|url| DeliveryQueue::of_invalidations(sqs.clone(), url)),
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
        let is_batched =
            |one: &&Subscriber| self.invalidations.is_some() && one.target.is_batched();
        let (batched, single): (Vec<_>, Vec<_>) =
            subscribers.matching(&event).partition(is_batched);
        let count = batched.len() + single.len();
        if count == 0 {
            log_unwanted(&event, &subscribers);
            return Ok(());
        }
        let in_lanes = messages(&single, |name| Some(order(name, &event)), raw)?;
        let sent = self.deliveries.send(in_lanes).await;
        // Whatever became of the deliveries: neither queue keeps back what the other takes.
        if let Some(invalidations) = &self.invalidations {
            let unordered = messages(&batched, |_| None, raw)?;
            invalidations.send(unordered).await?;
        }
        sent?;
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

fn messages(
    subscribers: &[&Subscriber],
    order: impl Fn(&str) -> Option<Order>,
    raw: &RawValue,
) -> Result<Vec<Message>, FanOutError> {
    subscribers
        .iter()
        .map(|subscriber| {
            let delivery = Delivery {
                subscriber: Cow::Borrowed(&subscriber.name),
                event: raw,
            };
            Ok(Message {
                order: order(&subscriber.name),
                body: serde_json::to_string(&delivery).map_err(FanOutError::Encode)?,
                subscriber: subscriber.name.clone(),
            })
        })
        .collect()
}

fn order(subscriber: &str, event: &Event) -> Order {
    Order {
        group_id: lane(subscriber, &event.subject),
        deduplication_id: deduplication_id(event, subscriber),
    }
}
