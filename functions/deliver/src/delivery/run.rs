//! The way of one delivery, top to bottom: load the facts, decide, act; after a failure decide again and act.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tracing::Instrument;
use wagrun_delivery::subscriber::{Found, RetrySchedule, Subscriber, SubscriberStore, Subscribers};
use wagrun_lambda::metric::Metrics;
use wagrun_lambda::telemetry::chain;

use super::backoff::redelivery;
use super::decide::{
    Action, DropReason, FailureFacts, NextStep, OffReason, after_failure, before_attempt,
};
use super::error::{DeliverError, Redelivery, Retained};
use super::facts;
use super::message::{AddressedEvent, Attempt, Content};
use super::report::{Outcome, report, span};
use crate::backlog::{Backlogs, Lane, Recalled, Replayed, SendResult, SetAside, replay_lane};
use crate::sqs::Queue;
use crate::subscriber_health::{Condition, SubscriberHealth};
use crate::target::{Outgoing, Targets};

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
struct Failed {
    condition: Condition,
    retained: Retained,
}

impl Deliverer {
    /// Makes the attempt that a message asks for.
    ///
    /// # Errors
    /// When the message stays in its queue. It is then hidden until its next attempt.
    pub async fn attempt(&self, queue: &Queue, attempt: &Attempt<'_>) -> Result<(), DeliverError> {
        let Err(Retained { error, redelivery }) = self.deliver(attempt).await else {
            return Ok(());
        };
        if let Redelivery::After(delay) = redelivery {
            queue.hide(&[(attempt.receipt_handle, delay)]).await;
        }
        Err(error)
    }

    async fn deliver(&self, attempt: &Attempt<'_>) -> Result<(), Retained> {
        match attempt.content() {
            Ok(Content::Delivery(addressed)) => {
                let span = span(&addressed.lane.subscriber, &addressed.event, attempt);
                let delivery = self.deliver_event(&addressed, attempt);
                delivery.instrument(span).await
            }
            Ok(Content::Recall(lane)) => self.replay(&lane, attempt).await,
            Err(error) => Err(Retained {
                error: DeliverError::NotADelivery(error),
                redelivery: Redelivery::AfterVisibilityTimeout,
            }),
        }
    }

    async fn deliver_event(
        &self,
        addressed: &AddressedEvent<'_>,
        attempt: &Attempt<'_>,
    ) -> Result<(), Retained> {
        let name = &addressed.lane.subscriber;
        let subscribers = facts::subscribers(&self.subscribers, name, attempt).await;
        let subscribers = subscribers.map_err(|error| self.later(attempt, error.into()))?;
        match self.decide(&subscribers, addressed, attempt).await? {
            Action::Send(subscriber) => self.send(subscriber, addressed, attempt, false).await,
            Action::Probe(subscriber) => {
                self.backlogs.record_probe(name, attempt.now);
                self.send(subscriber, addressed, attempt, true).await
            }
            action => self.without_attempt(&action, addressed, attempt).await,
        }
    }

    /// Loads the facts about a delivery, and decides.
    pub(super) async fn decide<'a>(
        &self,
        subscribers: &'a Subscribers,
        addressed: &AddressedEvent<'_>,
        attempt: &Attempt<'_>,
    ) -> Result<Action<'a>, Retained> {
        let lane = &addressed.lane;
        let subscriber = subscribers.find(&lane.subscriber);
        let facts = facts::load(subscriber, lane, attempt, &self.schedule, &self.backlogs).await;
        let facts = facts.map_err(|error| self.later(attempt, error.into()))?;
        Ok(before_attempt(&facts))
    }

    /// Takes an action that is not an attempt.
    pub(super) async fn without_attempt(
        &self,
        action: &Action<'_>,
        addressed: &AddressedEvent<'_>,
        attempt: &Attempt<'_>,
    ) -> Result<(), Retained> {
        let lane = &addressed.lane;
        match *action {
            Action::SetAside => self.set_aside(lane, attempt).await,
            Action::Defer(reason) => Err(self.deferred(lane, reason)),
            Action::BeginBacklog(reason) => {
                let begun = self.backlogs.begin(&lane.subscriber, attempt.now).await;
                begun.map_err(|error| self.later(attempt, error.into()))?;
                Err(self.deferred(lane, reason))
            }
            Action::Retry(invalid) => {
                Err(self.later(attempt, DeliverError::Invalid(invalid.clone())))
            }
            Action::GiveUp(subscriber) => Err(Retained {
                error: DeliverError::GivenUp {
                    event_id: addressed.event.id.to_string(),
                    subscriber: subscriber.name.clone(),
                    attempt: attempt.number,
                },
                redelivery: Redelivery::IMMEDIATE,
            }),
            Action::Drop(reason) => {
                let reason = match reason {
                    DropReason::Disabled => "disabled",
                    DropReason::Gone => "gone",
                };
                tracing::info!(outcome = "dropped", reason, "delivery dropped");
                Ok(())
            }
            Action::Send(_) | Action::Probe(_) => Ok(()),
        }
    }

    /// Sends the event; after a failure decides and acts.
    async fn send(
        &self,
        subscriber: &Subscriber,
        addressed: &AddressedEvent<'_>,
        attempt: &Attempt<'_>,
        is_probe: bool,
    ) -> Result<(), Retained> {
        let outgoing = Outgoing {
            message_id: attempt.message_id,
            event: &addressed.event,
            json: addressed.json,
            now: attempt.now,
        };
        let Err(failed) = self.call(subscriber, &outgoing, attempt).await else {
            return Ok(());
        };
        let after = after_failure(&FailureFacts {
            condition: failed.condition,
            is_probe,
            attempt: attempt.number,
            is_crowded: attempt.number >= 2 && self.is_crowded(attempt).await,
        });
        if after.begins_backlog {
            self.begin_backlog(&subscriber.name, attempt).await;
        }
        match after.next {
            NextStep::Retry => Err(failed.retained),
            NextStep::Defer => Err(self.deferred(&addressed.lane, OffReason::Disabled)),
            NextStep::SetAside => self.set_aside(&addressed.lane, attempt).await,
        }
    }

    /// Calls the subscriber's target, reports the attempt, and records the subscriber's health.
    async fn call(
        &self,
        subscriber: &Subscriber,
        outgoing: &Outgoing<'_>,
        attempt: &Attempt<'_>,
    ) -> Result<(), Failed> {
        let started = Instant::now();
        let result = self.targets.deliver(subscriber, outgoing).await;
        let outcome = Outcome {
            result: result.as_ref().copied(),
            age: attempt.age(),
            duration: started.elapsed(),
        };
        report(&self.metrics, &subscriber.name, &outcome);
        let Err(source) = result else {
            self.health.record_success(subscriber).await;
            self.begin_return(&subscriber.name, attempt).await;
            return Ok(());
        };
        let wait = self.wait(subscriber, attempt);
        let redelivery = redelivery(wait, source.retry_after(), attempt.jitter);
        let reason = source.reason_to_disable();
        let recorded = (self.health)
            .record_failure(subscriber, reason, wait, attempt.now)
            .await;
        let subscriber = subscriber.name.clone();
        let (condition, error) = match recorded {
            Ok(condition) => {
                let error = DeliverError::Target {
                    event_id: outgoing.event.id.to_string(),
                    subscriber,
                    attempt: attempt.number,
                    source,
                };
                (condition, error)
            }
            Err(source) => (
                Condition::Alive,
                DeliverError::Disable { subscriber, source },
            ),
        };
        Err(Failed {
            condition,
            retained: Retained { error, redelivery },
        })
    }

    /// Goes through a lane whose deliveries were set aside.
    async fn replay(&self, lane: &Lane, attempt: &Attempt<'_>) -> Result<(), Retained> {
        let subscribers = self.subscribers.loaded_after(attempt.sent_at, attempt.now);
        let subscribers = subscribers.await;
        let subscribers = subscribers.map_err(|error| self.later(attempt, error.into()))?;
        let Found::Enabled(subscriber) = subscribers.find(&lane.subscriber) else {
            // The deliveries stay in the bucket. The sweep recalls them when the subscriber is on again.
            return Ok(());
        };
        let recalled = Recalled {
            lane,
            message_id: attempt.message_id,
            attempt: attempt.number,
            now: attempt.now,
            clock: self.clock,
        };
        let send = async |oldest: &SetAside| self.send_again(subscriber, oldest, attempt).await;
        let replayed = replay_lane(&self.backlogs, &recalled, send).await;
        let name = &lane.subscriber;
        match replayed.map_err(|error| self.later(attempt, error.into()))? {
            Replayed::Done => Ok(()),
            Replayed::Retry(retained) => Err(retained),
            Replayed::Kept(retained) => {
                let error = chain(&retained.error);
                tracing::info!(subscriber = name, error, "lane stays set aside");
                Ok(())
            }
            Replayed::GivenUp(retained) => {
                let error = chain(&retained.error);
                tracing::error!(subscriber = name, error, "delivery given up");
                Ok(())
            }
        }
    }

    /// Sends a delivery that was set aside.
    async fn send_again(
        &self,
        subscriber: &Subscriber,
        delivery: &SetAside,
        attempt: &Attempt<'_>,
    ) -> SendResult<Retained> {
        let addressed = match AddressedEvent::parse(&delivery.body) {
            Ok(addressed) => addressed,
            Err(error) => return SendResult::Unreadable(error),
        };
        let outgoing = Outgoing {
            // Stays the same for the next recall, so that CloudFront recognizes the same invalidation.
            message_id: &delivery.key,
            event: &addressed.event,
            json: addressed.json,
            now: attempt.now,
        };
        let span = span(&subscriber.name, &addressed.event, attempt);
        let called = self.call(subscriber, &outgoing, attempt);
        match called.instrument(span).await {
            Ok(()) => SendResult::Accepted,
            Err(failed) if failed.condition == Condition::Off => SendResult::SwitchedOff,
            Err(failed) => SendResult::Refused {
                failure: failed.retained,
                is_last_attempt: self.wait(subscriber, attempt).is_none(),
            },
        }
    }

    async fn set_aside(&self, lane: &Lane, attempt: &Attempt<'_>) -> Result<(), Retained> {
        let sequence_number = attempt.sequence_number;
        let set_aside = (self.backlogs)
            .set_aside(lane, sequence_number, attempt.body, attempt.now)
            .await;
        set_aside.map_err(|error| self.later(attempt, error.into()))?;
        tracing::info!(outcome = "set_aside", "delivery set aside");
        Ok(())
    }

    /// Begins the subscriber's backlog. An error is logged: the next failure tries it again.
    async fn begin_backlog(&self, subscriber: &str, attempt: &Attempt<'_>) {
        if let Err(error) = self.backlogs.begin(subscriber, attempt.now).await {
            tracing::error!(error = chain(&error), "cannot begin the backlog");
        }
    }

    /// Lets the subscriber's backlog return. An error is logged: the sweep tries it again.
    async fn begin_return(&self, subscriber: &str, attempt: &Attempt<'_>) {
        if let Err(error) = self.backlogs.begin_return(subscriber, attempt.now).await {
            tracing::error!(error = chain(&error), "cannot let the backlog return");
        }
    }

    /// Returns true when the queue is crowded. An error is logged and counts as no.
    async fn is_crowded(&self, attempt: &Attempt<'_>) -> bool {
        let crowded = self.backlogs.crowding.is_crowded(attempt.now).await;
        crowded.unwrap_or_else(|error| {
            tracing::error!(
                error = chain(&error),
                "cannot read the length of the delivery queue"
            );
            false
        })
    }

    /// Returns the time until the delivery's next attempt; none after the last.
    pub(super) fn wait(&self, subscriber: &Subscriber, attempt: &Attempt<'_>) -> Option<Duration> {
        let schedule = facts::schedule(subscriber, &self.schedule);
        let seconds = schedule.wait(attempt.number)?;
        Some(Duration::from_secs(seconds.into()))
    }

    /// Keeps a message in the queue until every copy of the function knows of the backlog.
    fn deferred(&self, lane: &Lane, reason: OffReason<'_>) -> Retained {
        Retained {
            error: match reason {
                OffReason::Disabled => DeliverError::Off(lane.subscriber.clone()),
                OffReason::Invalid(invalid) => DeliverError::Invalid(invalid.clone()),
            },
            redelivery: Redelivery::After(self.backlogs.settling_time.unsigned_abs()),
        }
    }

    /// Keeps a message in the queue, by the default schedule because the subscriber's own is not known.
    pub(super) fn later(&self, attempt: &Attempt<'_>, error: DeliverError) -> Retained {
        let wait = self.schedule.wait(attempt.number);
        let wait = wait.map(|seconds| Duration::from_secs(seconds.into()));
        Retained {
            error,
            redelivery: redelivery(wait, None, attempt.jitter),
        }
    }
}
