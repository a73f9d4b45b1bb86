//! A target was called: what is told of it, and what it means for the subscriber.

use std::time::Instant;

use wagrun_delivery::subscriber::Subscriber;
use wagrun_lambda::telemetry::chain;

use crate::{
    Attempt, DeliverError, Deliverer, TargetError,
    attempt::Failure,
    health::{DisableError, FAILED_TOO_LONG, Failing},
    report::{Attempted, report},
    target::Outgoing,
};

/// How it went.
#[derive(Debug)]
pub enum Tried {
    /// The receiver has it.
    Delivered,
    /// The receiver has not, and the subscriber is switched off now.
    Off,
    /// The receiver has not, and takes nothing else either, or is in the way of others.
    Dead(Failure),
    /// The receiver has not.
    Failed(Failure),
}

/// What a failure means for its subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing yet.
    On,
    /// It takes nothing.
    Dead,
    /// It is switched off.
    Off,
}

impl Deliverer {
    /// Calls the subscriber's target.
    pub(crate) async fn try_target(
        &self,
        subscriber: &Subscriber,
        attempt: &Attempt<'_>,
        outgoing: &Outgoing<'_>,
    ) -> Tried {
        let started = Instant::now();
        let result = self.targets.deliver(subscriber, outgoing).await;
        let attempted = Attempted {
            event: outgoing.event,
            subscriber,
            number: attempt.number,
            age: attempt.age(),
            result: result.as_ref().copied(),
            duration: started.elapsed(),
        };
        report(&self.metrics, &attempted);
        let Err(source) = result else {
            self.health.succeeded(subscriber).await;
            let comes_back = self.backlogs.succeeded(&subscriber.name, attempt.now).await;
            if let Err(error) = comes_back {
                // Whoever looks after backlogs will see to it.
                tracing::error!(
                    subscriber = subscriber.name,
                    error = chain(&error),
                    "the backlog does not come back yet"
                );
            }
            return Tried::Delivered;
        };
        let delay = Some(self.delay(subscriber, attempt, source.retry_after()));
        let (fate, error) = match self.fate(subscriber, attempt, &source).await {
            Ok(Fate::Off) => return Tried::Off,
            Ok(fate) => {
                let error = DeliverError::Target {
                    event_id: outgoing.event.id.to_string(),
                    subscriber: subscriber.name.clone(),
                    attempt: attempt.number,
                    source,
                };
                (fate, error)
            }
            Err(source) => {
                let subscriber = subscriber.name.clone();
                (Fate::On, DeliverError::Disable { subscriber, source })
            }
        };
        let failure = Failure { error, delay };
        if fate == Fate::Dead || self.is_in_the_way(attempt).await {
            Tried::Dead(failure)
        } else {
            Tried::Failed(failure)
        }
    }

    /// What a failure means for its subscriber, which is switched off here if it must be.
    pub(crate) async fn fate(
        &self,
        subscriber: &Subscriber,
        attempt: &Attempt<'_>,
        error: &TargetError,
    ) -> Result<Fate, DisableError> {
        let wait = self.schedule(subscriber).wait(attempt.number);
        let reason = match error.reason_to_disable() {
            Some(reason) => reason,
            None => match self.health.failed(subscriber, wait, attempt.now).await {
                Failing::Briefly => return Ok(Fate::On),
                Failing::Long => return Ok(Fate::Dead),
                Failing::TooLong => FAILED_TOO_LONG,
            },
        };
        let is_off = self.health.disable(subscriber, reason, attempt.now).await?;
        Ok(if is_off { Fate::Off } else { Fate::On })
    }

    /// Whether so much waits that who fails twice may not keep its place.
    async fn is_in_the_way(&self, attempt: &Attempt<'_>) -> bool {
        if attempt.number < 2 {
            return false;
        }
        let crowded = self.backlogs.is_crowded(attempt.now).await;
        crowded.unwrap_or_else(|error| {
            tracing::error!(error = chain(&error), "cannot tell how much waits");
            false
        })
    }
}
