//! One attempt of one delivery, and what becomes of it.

use std::time::Instant;

use jiff::Timestamp;
use wagrun::{
    delivery::Delivery,
    event::Event,
    subscriber::{Found, InvalidSubscriber, LoadError, Subscriber, SubscriberStore, Target},
    telemetry::chain,
};

use crate::{Backoff, WebhookClient, WebhookError};

/// What an attempt needs.
#[derive(Debug)]
pub struct Deliverer {
    /// Who receives.
    pub subscribers: SubscriberStore,
    /// How.
    pub webhooks: WebhookClient,
    /// The queue that deliveries come from, and go back to.
    pub sqs: aws_sdk_sqs::Client,
    /// Its URL.
    pub queue_url: String,
    /// How long a failed delivery stays away.
    pub backoff: Backoff,
}

/// A message of the delivery queue, received once more.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The [`Delivery`]'s JSON.
    pub body: &'a str,
    /// By which SQS knows this receipt.
    pub receipt_handle: &'a str,
    /// From 1.
    pub number: u32,
    /// When fan-out sent the delivery.
    pub sent_at: Timestamp,
    /// When the attempt begins; signed.
    pub now: Timestamp,
    /// From -1 to 1, for the delay.
    pub jitter: f64,
}

/// The delivery stays in the queue.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The message can't be used, now or later.
    #[error("the message is not a delivery")]
    NotADelivery(#[source] serde_json::Error),
    /// The subscribers are not known.
    #[error(transparent)]
    Subscribers(#[from] LoadError),
    /// The subscriber's parameter was changed to something that can't be used.
    #[error(transparent)]
    Invalid(InvalidSubscriber),
    /// The receiver has not accepted the event.
    #[error("event {event_id} was not delivered to subscriber {subscriber} (attempt {attempt})")]
    Webhook {
        /// The event.
        event_id: String,
        /// The receiver.
        subscriber: String,
        /// From 1.
        attempt: u32,
        /// Why.
        source: WebhookError,
    },
}

impl DeliverError {
    /// Whether another attempt may succeed.
    fn is_worth_waiting(&self) -> bool {
        !matches!(self, Self::NotADelivery(_))
    }
}

impl Deliverer {
    /// Attempts the delivery; an error when it must stay in the queue, hidden until its next attempt is due.
    pub async fn attempt(&self, attempt: &Attempt<'_>) -> Result<(), DeliverError> {
        let outcome = self.deliver(attempt).await;
        if outcome.as_ref().is_err_and(DeliverError::is_worth_waiting) {
            self.put_off(attempt).await;
        }
        outcome
    }

    async fn deliver(&self, attempt: &Attempt<'_>) -> Result<(), DeliverError> {
        let delivery: Delivery<'_> =
            serde_json::from_str(attempt.body).map_err(DeliverError::NotADelivery)?;
        let event = delivery.event().map_err(DeliverError::NotADelivery)?;
        let mut subscribers = self.subscribers.current(attempt.now).await?;
        if !matches!(subscribers.find(&delivery.subscriber), Found::Enabled(_)) {
            // What was read before fan-out sent this may not know its subscriber yet, and would lose the event.
            subscribers = self
                .subscribers
                .loaded_after(attempt.sent_at, attempt.now)
                .await?;
        }
        match subscribers.find(&delivery.subscriber) {
            Found::Enabled(subscriber) => {
                self.deliver_to(subscriber, &event, delivery.event.get(), attempt)
                    .await
            }
            Found::Invalid(invalid) => Err(DeliverError::Invalid(invalid.clone())),
            dropped @ (Found::Disabled | Found::Gone) => {
                let outcome = match dropped {
                    Found::Disabled => "dropped: disabled",
                    _ => "dropped: gone",
                };
                tracing::info!(
                    event.id = %event.id,
                    event.subject = event.subject,
                    subscriber = %delivery.subscriber,
                    attempt = attempt.number,
                    outcome,
                    "delivery dropped"
                );
                Ok(())
            }
        }
    }

    async fn deliver_to(
        &self,
        subscriber: &Subscriber,
        event: &Event,
        body: &str,
        attempt: &Attempt<'_>,
    ) -> Result<(), DeliverError> {
        let Target::Webhook(webhook) = &subscriber.target;
        let event_id = event.id.to_string();
        let started = Instant::now();
        let answer = self
            .webhooks
            .post(webhook, &event_id, body, attempt.now)
            .await;
        let (outcome, status) = match &answer {
            Ok(status) => ("delivered", Some(status.as_u16())),
            Err(error) => (error.outcome(), error.status()),
        };
        tracing::info!(
            event.id = event_id,
            event.subject = event.subject,
            subscriber = subscriber.name,
            attempt = attempt.number,
            outcome,
            status,
            duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "delivery attempted"
        );
        answer.map(|_| ()).map_err(|source| DeliverError::Webhook {
            event_id,
            subscriber: subscriber.name.clone(),
            attempt: attempt.number,
            source,
        })
    }

    /// Hides the message until its next attempt is due.
    async fn put_off(&self, attempt: &Attempt<'_>) {
        let changed = self
            .sqs
            .change_message_visibility()
            .queue_url(&self.queue_url)
            .receipt_handle(attempt.receipt_handle)
            .visibility_timeout(self.backoff.seconds(attempt.number, attempt.jitter))
            .send()
            .await;
        // The delivery fails either way; without its own delay it comes back after the queue's.
        if let Err(error) = changed {
            tracing::error!(
                error = chain(&error),
                "cannot set the delay of a failed delivery"
            );
        }
    }
}
