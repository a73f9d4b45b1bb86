//! The parts that every attempt uses, and the call of a target, which is the same for each.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use wagrun_delivery::subscriber::{RetrySchedule, Subscriber, SubscriberStore};
use wagrun_event::Event;
use wagrun_lambda::metric::Metrics;
use wagrun_lambda::telemetry::chain;

use super::backoff::redelivery;
use super::error::{DeliverError, Retained};
use super::facts;
use super::message::Attempt;
use super::report::{Outcome, report};
use crate::backlog::Backlogs;
use crate::subscriber_health::{Condition, SubscriberHealth};
use crate::target::{Outgoing, TargetError, Targets};

/// The parts that an attempt uses.
#[derive(Debug)]
pub struct Deliverer {
    /// The subscribers.
    pub subscribers: SubscriberStore,
    /// The health of the subscribers.
    pub health: SubscriberHealth,
    /// The deliveries that are set aside.
    pub backlogs: Backlogs,
    /// The clients that send events.
    pub targets: Targets,
    /// The retry schedule of subscribers that have none of their own.
    pub schedule: RetrySchedule,
    /// Counts the attempts.
    pub metrics: Metrics,
    /// Returns the current time.
    pub clock: fn() -> Timestamp,
}

/// An attempt that failed.
pub(super) struct Failed {
    /// The subscriber's condition, which counts this failure.
    pub condition: Condition,
    /// The way in which the message stays in the queue, if `after_failure` decides to retry.
    pub retained: Retained,
}

impl Deliverer {
    /// Calls the subscriber's target, reports the attempt, and records the subscriber's health. After a failure it also computes the time
    /// of the next attempt, which counts only if `after_failure` decides to retry.
    pub(super) async fn call(
        &self,
        subscriber: &Subscriber,
        outgoing: &Outgoing<'_>,
        attempt: &Attempt<'_>,
    ) -> Result<(), Failed> {
        let started = Instant::now();
        let result = self.targets.deliver(subscriber, outgoing).await;
        let duration = started.elapsed();
        let retry_after = result.as_ref().err().and_then(TargetError::retry_after);
        let wait = self.wait(subscriber, attempt);
        let redelivery = redelivery(wait, retry_after, attempt.jitter);
        let outcome = Outcome {
            result: result.as_ref().copied(),
            age: attempt.age(),
            duration,
            redelivery,
        };
        report(&self.metrics, &subscriber.name, &outcome);
        self.pace(&subscriber.name, duration, attempt).await;
        let Err(source) = result else {
            self.health.record_success(subscriber).await;
            self.begin_return(&subscriber.name, attempt).await;
            return Ok(());
        };
        let (condition, error) = self
            .record_failure(subscriber, outgoing.event, attempt, source)
            .await;
        Err(Failed {
            condition,
            retained: Retained { error, redelivery },
        })
    }

    /// Records a failure in the subscriber's health. Returns the subscriber's condition, and the error of the delivery.
    pub(super) async fn record_failure(
        &self,
        subscriber: &Subscriber,
        event: &Event,
        attempt: &Attempt<'_>,
        source: TargetError,
    ) -> (Condition, DeliverError) {
        let wait = self.wait(subscriber, attempt);
        let reason = source.reason_to_disable();
        let recorded = (self.health)
            .record_failure(subscriber, reason, wait, attempt.now)
            .await;
        let subscriber = subscriber.name.clone();
        match recorded {
            Ok(condition) => {
                let error = DeliverError::Target {
                    event_id: event.id.to_string(),
                    subscriber,
                    attempt: attempt.number,
                    source,
                };
                (condition, error)
            }
            // The subscriber is still on. The next failure tries it again.
            Err(source) => (
                Condition::Alive,
                DeliverError::Disable { subscriber, source },
            ),
        }
    }

    /// Returns the time until the delivery's next attempt; none after the last.
    pub(super) fn wait(&self, subscriber: &Subscriber, attempt: &Attempt<'_>) -> Option<Duration> {
        facts::schedule(subscriber, &self.schedule).wait(attempt.number)
    }

    /// Keeps a message in the queue, by the default schedule because the subscriber's own is not known.
    pub(super) fn later(&self, attempt: &Attempt<'_>, error: DeliverError) -> Retained {
        let wait = self.schedule.wait(attempt.number);
        Retained {
            error,
            redelivery: redelivery(wait, None, attempt.jitter),
        }
    }

    /// Begins to pace a subscriber that is too slow. An error is logged: the next slow attempt tries it again.
    async fn pace(&self, subscriber: &str, duration: Duration, attempt: &Attempt<'_>) {
        let waited = (attempt.number == 1).then(|| attempt.age());
        let is_ordered = attempt.sequence_number.is_some();
        if !is_ordered || !(self.backlogs.pacing).is_too_slow(subscriber, duration, waited) {
            return;
        }
        if let Err(error) = self.backlogs.begin_pacing(subscriber, attempt.now).await {
            tracing::error!(error = chain(&error), "cannot begin to pace the subscriber");
        }
    }

    /// Lets the subscriber's backlog return. An error is logged: the sweep tries it again.
    pub(super) async fn begin_return(&self, subscriber: &str, attempt: &Attempt<'_>) {
        if let Err(error) = self.backlogs.begin_return(subscriber, attempt.now).await {
            tracing::error!(error = chain(&error), "cannot let the backlog return");
        }
    }
}
