//! One attempt of one delivery, and what becomes of it.

use std::{sync::Arc, time::Instant};

use wagrun::{
    delivery::Delivery,
    event::Event,
    metric::Metrics,
    subscriber::{Found, RetrySchedule, Subscriber, SubscriberStore, Subscribers},
};

use crate::{
    Attempt, DeliverError, Health, Queue, TargetError, Targets,
    attempt::Failure,
    backoff::delay,
    health::{DisableError, FAILED_TOO_LONG},
    report::{Attempted, report},
    target::Outgoing,
};

/// What an attempt needs.
#[derive(Debug)]
pub struct Deliverer {
    /// Who receives.
    pub subscribers: SubscriberStore,
    /// How they fare.
    pub health: Health,
    /// Where to.
    pub targets: Targets,
    /// When a failed delivery is tried again, unless its subscriber has a schedule of its own.
    pub schedule: RetrySchedule,
    /// What is counted.
    pub metrics: Metrics,
}

impl Deliverer {
    /// Attempts the delivery; an error when it must stay in the queue, hidden until its next attempt is due.
    pub async fn attempt(&self, queue: &Queue, attempt: &Attempt<'_>) -> Result<(), DeliverError> {
        let Err(failure) = self.deliver(attempt).await else {
            return Ok(());
        };
        if let Some(delay) = failure.delay {
            queue.hide(&[(attempt.receipt_handle, delay)]).await;
        }
        Err(failure.error)
    }

    async fn deliver(&self, attempt: &Attempt<'_>) -> Result<(), Failure> {
        let (delivery, event) = read(attempt)?;
        let subscribers = self.subscribers_for(&delivery, attempt).await?;
        let Some(subscriber) = self.receiver(&subscribers, &delivery, &event, attempt)? else {
            return Ok(());
        };
        let outgoing = Outgoing {
            message_id: attempt.message_id,
            event: &event,
            json: delivery.event.get(),
            now: attempt.now,
        };
        let started = Instant::now();
        let result = self.targets.deliver(subscriber, &outgoing).await;
        let attempted = Attempted {
            event: &event,
            subscriber,
            number: attempt.number,
            age: attempt.age(),
            result: result.as_ref().copied(),
            duration: started.elapsed(),
        };
        report(&self.metrics, &attempted);
        let Err(source) = result else {
            self.health.succeeded(subscriber).await;
            return Ok(());
        };
        let delay = self.delay(subscriber, attempt, source.retry_after());
        match self.is_over(subscriber, attempt, &source).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure {
                error: DeliverError::Target {
                    event_id: event.id.to_string(),
                    subscriber: subscriber.name.clone(),
                    attempt: attempt.number,
                    source,
                },
                delay: Some(delay),
            }),
            Err(source) => Err(Failure {
                error: DeliverError::Disable {
                    subscriber: subscriber.name.clone(),
                    source,
                },
                delay: Some(delay),
            }),
        }
    }

    /// The subscribers, among them that of the delivery if it is there by now.
    pub(crate) async fn subscribers_for(
        &self,
        delivery: &Delivery<'_>,
        attempt: &Attempt<'_>,
    ) -> Result<Arc<Subscribers>, Failure> {
        let known = self.subscribers.current(attempt.now).await;
        let loaded = match known {
            Ok(known) if matches!(known.find(&delivery.subscriber), Found::Enabled(_)) => Ok(known),
            // What was read before fan-out sent this may not know its subscriber yet, and would lose the event.
            Ok(_) => {
                self.subscribers
                    .loaded_after(attempt.sent_at, attempt.now)
                    .await
            }
            Err(error) => Err(error),
        };
        loaded.map_err(|error| self.later(attempt, error.into()))
    }

    /// Whom this attempt is for; nobody when the delivery is to be dropped.
    pub(crate) fn receiver<'a>(
        &self,
        subscribers: &'a Subscribers,
        delivery: &Delivery<'_>,
        event: &Event,
        attempt: &Attempt<'_>,
    ) -> Result<Option<&'a Subscriber>, Failure> {
        let outcome = match subscribers.find(&delivery.subscriber) {
            Found::Enabled(subscriber) if self.schedule(subscriber).has_attempt(attempt.number) => {
                return Ok(Some(subscriber));
            }
            Found::Enabled(subscriber) => {
                return Err(Failure {
                    error: DeliverError::GivenUp {
                        event_id: event.id.to_string(),
                        subscriber: subscriber.name.clone(),
                        attempt: attempt.number,
                    },
                    // At once, until the queue has counted all of its receives and moves it to the dead-letter queue.
                    delay: Some(0),
                });
            }
            Found::Invalid(invalid) => {
                return Err(self.later(attempt, DeliverError::Invalid(invalid.clone())));
            }
            Found::Disabled => "dropped: disabled",
            Found::Gone => "dropped: gone",
        };
        tracing::info!(
            event.id = %event.id,
            event.type = event.kind,
            event.subject = event.subject,
            subscriber = %delivery.subscriber,
            attempt = attempt.number,
            outcome,
            "delivery dropped"
        );
        Ok(None)
    }

    /// Whether nothing more is owed to this subscriber after a failure, because it is switched off now.
    pub(crate) async fn is_over(
        &self,
        subscriber: &Subscriber,
        attempt: &Attempt<'_>,
        error: &TargetError,
    ) -> Result<bool, DisableError> {
        let wait = self.schedule(subscriber).wait(attempt.number);
        let reason = match error.reason_to_disable() {
            Some(reason) => reason,
            None if self.health.failed(subscriber, wait, attempt.now).await => FAILED_TOO_LONG,
            None => return Ok(false),
        };
        self.health.disable(subscriber, reason, attempt.now).await
    }

    /// The seconds for which a failed delivery to this subscriber is hidden.
    pub(crate) fn delay(
        &self,
        subscriber: &Subscriber,
        attempt: &Attempt<'_>,
        retry_after: Option<u32>,
    ) -> i32 {
        let wait = self.schedule(subscriber).wait(attempt.number);
        delay(wait, retry_after, attempt.jitter)
    }

    fn schedule<'a>(&'a self, subscriber: &'a Subscriber) -> &'a RetrySchedule {
        subscriber.retry.as_ref().unwrap_or(&self.schedule)
    }

    /// A failure before it was known whose schedule counts.
    fn later(&self, attempt: &Attempt<'_>, error: DeliverError) -> Failure {
        let wait = self.schedule.wait(attempt.number);
        Failure {
            error,
            delay: Some(delay(wait, None, attempt.jitter)),
        }
    }
}

/// What the message holds.
pub fn read<'a>(attempt: &Attempt<'a>) -> Result<(Delivery<'a>, Event), Failure> {
    let useless = |error| Failure {
        error: DeliverError::NotADelivery(error),
        delay: None,
    };
    let delivery: Delivery<'a> = serde_json::from_str(attempt.body).map_err(useless)?;
    let event = delivery.event().map_err(useless)?;
    Ok((delivery, event))
}
