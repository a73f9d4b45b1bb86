//! One attempt of one delivery, and what becomes of it.

use std::time::Instant;

use jiff::Timestamp;
use wagrun::{
    delivery::Delivery,
    event::Event,
    subscriber::{
        Found, InvalidSubscriber, LoadError, RetrySchedule, Subscriber, SubscriberStore, Target,
    },
    telemetry::chain,
};

use crate::{
    WebhookClient, WebhookError,
    backoff::delay,
    health::{DisableError, FAILED_TOO_LONG, Health},
};

/// What an attempt needs.
#[derive(Debug)]
pub struct Deliverer {
    /// Who receives.
    pub subscribers: SubscriberStore,
    /// How they fare.
    pub health: Health,
    /// How.
    pub webhooks: WebhookClient,
    /// The queue that deliveries come from, and go back to.
    pub sqs: aws_sdk_sqs::Client,
    /// Its URL.
    pub queue_url: String,
    /// When a failed delivery is tried again, unless its subscriber has a schedule of its own.
    pub schedule: RetrySchedule,
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
    /// The subscriber's own schedule has ended before the queue's attempts have.
    #[error(
        "event {event_id} is given up for subscriber {subscriber}: its schedule has no attempt {attempt}"
    )]
    GivenUp {
        /// The event.
        event_id: String,
        /// The receiver.
        subscriber: String,
        /// From 1.
        attempt: u32,
    },
    /// The receiver is gone for good, but could not be switched off.
    #[error("cannot switch off subscriber {subscriber}")]
    Disable {
        /// The receiver.
        subscriber: String,
        /// Why not.
        source: DisableError,
    },
}

/// What happens to a delivery that stays in the queue.
struct Failure {
    error: DeliverError,
    /// The seconds for which it is hidden; none when no other attempt can succeed.
    delay: Option<i32>,
}

impl Deliverer {
    /// Attempts the delivery; an error when it must stay in the queue, hidden until its next attempt is due.
    pub async fn attempt(&self, attempt: &Attempt<'_>) -> Result<(), DeliverError> {
        let Err(failure) = self.deliver(attempt).await else {
            return Ok(());
        };
        if let Some(delay) = failure.delay {
            self.put_off(attempt, delay).await;
        }
        Err(failure.error)
    }

    async fn deliver(&self, attempt: &Attempt<'_>) -> Result<(), Failure> {
        let useless = |error| Failure {
            error: DeliverError::NotADelivery(error),
            delay: None,
        };
        let later = |error| Failure {
            error,
            delay: Some(self.delay(&self.schedule, attempt, None)),
        };
        let delivery: Delivery<'_> = serde_json::from_str(attempt.body).map_err(useless)?;
        let event = delivery.event().map_err(useless)?;
        let subscribers = self.subscribers.current(attempt.now).await;
        let mut subscribers = subscribers.map_err(|error| later(error.into()))?;
        if !matches!(subscribers.find(&delivery.subscriber), Found::Enabled(_)) {
            // What was read before fan-out sent this may not know its subscriber yet, and would lose the event.
            subscribers = self
                .subscribers
                .loaded_after(attempt.sent_at, attempt.now)
                .await
                .map_err(|error| later(error.into()))?;
        }
        match subscribers.find(&delivery.subscriber) {
            Found::Enabled(subscriber) => {
                self.deliver_to(subscriber, &event, delivery.event.get(), attempt)
                    .await
            }
            Found::Invalid(invalid) => Err(later(DeliverError::Invalid(invalid.clone()))),
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
    ) -> Result<(), Failure> {
        let schedule = subscriber.retry.as_ref().unwrap_or(&self.schedule);
        if !schedule.has_attempt(attempt.number) {
            // At once, until the queue has counted all of its receives and moves it to the dead-letter queue.
            return Err(Failure {
                error: DeliverError::GivenUp {
                    event_id: event.id.to_string(),
                    subscriber: subscriber.name.clone(),
                    attempt: attempt.number,
                },
                delay: Some(0),
            });
        }
        let Err(source) = self.post(subscriber, event, body, attempt).await else {
            self.health.succeeded(subscriber).await;
            return Ok(());
        };
        let wait = schedule.wait(attempt.number);
        let delay = Some(self.delay(schedule, attempt, source.retry_after()));
        let off = match source.reason_to_disable() {
            Some(reason) => Some(reason),
            None => {
                let too_long = self.health.failed(subscriber, wait, attempt.now).await;
                too_long.then_some(FAILED_TOO_LONG)
            }
        };
        if let Some(reason) = off {
            match self.health.disable(subscriber, reason, attempt.now).await {
                Ok(true) => return Ok(()),
                // Its owner has changed it; the next attempt goes to where it says then.
                Ok(false) => {}
                Err(source) => {
                    let subscriber = subscriber.name.clone();
                    let error = DeliverError::Disable { subscriber, source };
                    return Err(Failure { error, delay });
                }
            }
        }
        let error = DeliverError::Webhook {
            event_id: event.id.to_string(),
            subscriber: subscriber.name.clone(),
            attempt: attempt.number,
            source,
        };
        Err(Failure { error, delay })
    }

    /// Posts, and says in one line what came of it.
    async fn post(
        &self,
        subscriber: &Subscriber,
        event: &Event,
        body: &str,
        attempt: &Attempt<'_>,
    ) -> Result<(), WebhookError> {
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
        answer.map(|_| ())
    }

    fn delay(&self, schedule: &RetrySchedule, attempt: &Attempt<'_>, asked: Option<u32>) -> i32 {
        delay(schedule.wait(attempt.number), asked, attempt.jitter)
    }

    /// Hides the message until its next attempt is due.
    async fn put_off(&self, attempt: &Attempt<'_>, seconds: i32) {
        let changed = self
            .sqs
            .change_message_visibility()
            .queue_url(&self.queue_url)
            .receipt_handle(attempt.receipt_handle)
            .visibility_timeout(seconds)
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
