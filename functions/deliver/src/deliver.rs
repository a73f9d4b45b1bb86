//! What becomes of one delivery.

use std::sync::Arc;

use wagrun_delivery::Delivery;
use wagrun_delivery::subscriber::{Found, RetrySchedule, Subscriber, SubscriberStore, Subscribers};
use wagrun_event::Event;
use wagrun_lambda::metric::Metrics;
use wagrun_lambda::telemetry::chain;

use crate::{
    Attempt, DeliverError, Health, Queue, Targets,
    attempt::Failure,
    backlog::{Backlogs, Lane, Place, Recall},
    backoff::delay,
    target::Outgoing,
    tried::Tried,
};

/// What an attempt needs.
#[derive(Debug)]
pub struct Deliverer {
    /// Who receives.
    pub subscribers: SubscriberStore,
    /// How they fare.
    pub health: Health,
    /// What is set aside of those that take nothing.
    pub backlogs: Backlogs,
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
        if let Ok(Recall { recall: lane }) = serde_json::from_str(attempt.body) {
            return self.go_through(&lane, attempt).await;
        }
        let (delivery, event) = read(attempt)?;
        let subscribers = self.subscribers_for(&delivery, attempt).await?;
        let found = subscribers.find(&delivery.subscriber);
        let lane = Lane::of(&delivery, &event.subject);
        if matches!(found, Found::Disabled | Found::Invalid(_)) && attempt.sequence_number.is_some()
        {
            return self.while_off(found, &lane, &event, attempt).await;
        }
        let Some(subscriber) = self.receiver(&subscribers, &delivery, &event, attempt)? else {
            return Ok(());
        };
        let place = self.backlogs.place(&lane, attempt).await;
        let place = place.map_err(|error| self.later(attempt, error.into()))?;
        if place == Place::Aside {
            return self.set_aside(&lane, &event, attempt).await;
        }
        let outgoing = Outgoing {
            message_id: attempt.message_id,
            event: &event,
            json: delivery.event.get(),
            now: attempt.now,
        };
        let failure = match self.try_target(subscriber, attempt, &outgoing).await {
            Tried::Delivered => return Ok(()),
            Tried::Off => {
                self.begin_backlog(&lane, attempt).await;
                return Err(self.until_settled(DeliverError::Off(lane.subscriber)));
            }
            Tried::Dead(failure) => {
                self.begin_backlog(&lane, attempt).await;
                failure
            }
            Tried::Failed(failure) => failure,
        };
        match place {
            Place::Probe => self.set_aside(&lane, &event, attempt).await,
            _ => Err(failure),
        }
    }

    /// A delivery for a subscriber that is switched off, or whose parameter can't be used.
    async fn while_off(
        &self,
        found: Found<'_>,
        lane: &Lane,
        event: &Event,
        attempt: &Attempt<'_>,
    ) -> Result<(), Failure> {
        let place = self.backlogs.place_while_off(lane, attempt).await;
        let place = place.map_err(|error| self.later(attempt, error.into()))?;
        if place == Place::Aside {
            return self.set_aside(lane, event, attempt).await;
        }
        Err(self.until_settled(match found {
            Found::Invalid(invalid) => DeliverError::Invalid(invalid.clone()),
            _ => DeliverError::Off(lane.subscriber.clone()),
        }))
    }

    /// A failure to do so is logged: the next failed delivery does it again.
    async fn begin_backlog(&self, lane: &Lane, attempt: &Attempt<'_>) {
        let subscriber = &lane.subscriber;
        if let Err(error) = self.backlogs.begin(subscriber, attempt.now).await {
            tracing::error!(
                subscriber,
                error = chain(&error),
                "deliveries can't be set aside"
            );
        }
    }

    async fn set_aside(
        &self,
        lane: &Lane,
        event: &Event,
        attempt: &Attempt<'_>,
    ) -> Result<(), Failure> {
        let body = attempt.body;
        let aside = self
            .backlogs
            .set_aside(lane, attempt.sequence_number, body, attempt.now);
        aside
            .await
            .map_err(|error| self.later(attempt, error.into()))?;
        tracing::info!(
            event.id = %event.id,
            event.type = event.kind,
            event.subject = event.subject,
            subscriber = lane.subscriber,
            attempt = attempt.number,
            outcome = "set aside",
            "delivery set aside"
        );
        Ok(())
    }

    /// It comes again when it can be set aside.
    fn until_settled(&self, error: DeliverError) -> Failure {
        Failure {
            error,
            delay: Some(i32::try_from(self.backlogs.grace.as_secs()).unwrap_or(i32::MAX)),
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

    pub(crate) fn schedule<'a>(&'a self, subscriber: &'a Subscriber) -> &'a RetrySchedule {
        subscriber.retry.as_ref().unwrap_or(&self.schedule)
    }

    /// A failure before it was known whose schedule counts.
    pub(crate) fn later(&self, attempt: &Attempt<'_>, error: DeliverError) -> Failure {
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
