//! A lane whose deliveries were set aside is gone through.

use std::time::{Duration, Instant};

use wagrun_delivery::Delivery;
use wagrun_delivery::subscriber::{Found, Subscriber};
use wagrun_lambda::telemetry::chain;

use super::{bucket::SetAside, lane::Lane};
use crate::{Attempt, DeliverError, Deliverer, attempt::Failure, target::Outgoing, tried::Tried};

/// A new recall takes over from one that has been at it for this long: a try may take fifteen seconds of the
/// function's thirty.
const MOST_TIME: Duration = Duration::from_secs(10);
impl Deliverer {
    /// Tries what was set aside of the lane, the oldest first, until it is done, the time is up, or one fails.
    pub(crate) async fn go_through(
        &self,
        lane: &Lane,
        attempt: &Attempt<'_>,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        let later = |error: DeliverError| self.later(attempt, error);
        let subscribers = self.subscribers.loaded_after(attempt.sent_at, attempt.now);
        let subscribers = subscribers.await.map_err(|error| later(error.into()))?;
        while let Some(oldest) = self.first(lane).await.map_err(later)? {
            let subscriber = match subscribers.find(&lane.subscriber) {
                Found::Enabled(subscriber) => subscriber,
                // It stays where it is; whoever looks after backlogs recalls it when the subscriber is on again.
                Found::Disabled | Found::Invalid(_) | Found::Gone => return Ok(()),
            };
            if started.elapsed() > MOST_TIME {
                return self.hand_over(lane, attempt).await.map_err(later);
            }
            match self.try_one(lane, subscriber, attempt, &oldest).await? {
                Tried::Delivered => {}
                Tried::Off => return Ok(()),
                Tried::Dead(failure) | Tried::Failed(failure) => {
                    return self
                        .put_off(lane, subscriber, attempt, oldest, failure)
                        .await;
                }
            }
            let removed = self.backlogs.bucket.remove(&oldest.key).await;
            removed.map_err(|error| later(DeliverError::Backlog(error.into())))?;
            if attempt.number > 1 {
                // The next one has all of its tries before it.
                return self.hand_over(lane, attempt).await.map_err(later);
            }
        }
        Ok(())
    }

    async fn first(&self, lane: &Lane) -> Result<Option<SetAside>, DeliverError> {
        let first = self.backlogs.bucket.first(lane).await;
        first.map_err(|error| DeliverError::Backlog(error.into()))
    }

    /// One try; what is no delivery any more is done, as nothing can come of it.
    async fn try_one(
        &self,
        lane: &Lane,
        subscriber: &Subscriber,
        attempt: &Attempt<'_>,
        oldest: &SetAside,
    ) -> Result<Tried, Failure> {
        let delivery: Result<Delivery<'_>, _> = serde_json::from_str(&oldest.body);
        let read = delivery.and_then(|delivery| Ok((delivery.event()?, delivery)));
        let (event, delivery) = match read {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(key = oldest.key, error = chain(&error), "no delivery");
                let given_up = self.backlogs.give_up(lane, &oldest.key, &oldest.body).await;
                return given_up
                    .map(|()| Tried::Delivered)
                    .map_err(|error| self.later(attempt, error.into()));
            }
        };
        let outgoing = Outgoing {
            // By which CloudFront knows the same invalidation again.
            message_id: &oldest.key,
            event: &event,
            json: delivery.event.get(),
            now: attempt.now,
        };
        Ok(self.try_target(subscriber, attempt, &outgoing).await)
    }

    /// What becomes of the lane when its oldest delivery has failed.
    async fn put_off(
        &self,
        lane: &Lane,
        subscriber: &Subscriber,
        attempt: &Attempt<'_>,
        oldest: SetAside,
        failure: Failure,
    ) -> Result<(), Failure> {
        let later = |error: DeliverError| self.later(attempt, error);
        let backlog = self.backlogs.store.find(&lane.subscriber, attempt.now);
        let backlog = backlog
            .await
            .map_err(|error| later(DeliverError::Backlog(error.into())))?;
        if backlog.is_none_or(|backlog| backlog.returning_since.is_none()) {
            // It was a probe: nothing has changed, and everything is where it was.
            tracing::info!(
                subscriber = lane.subscriber,
                error = chain(&failure.error),
                "still set aside"
            );
            return Ok(());
        }
        if self.schedule(subscriber).wait(attempt.number).is_some() {
            return Err(failure);
        }
        tracing::error!(error = chain(&failure.error), key = oldest.key, "given up");
        let given_up = self.backlogs.give_up(lane, &oldest.key, &oldest.body).await;
        given_up.map_err(|error| later(error.into()))?;
        let removed = self.backlogs.bucket.remove(&oldest.key).await;
        removed.map_err(|error| later(DeliverError::Backlog(error.into())))?;
        self.hand_over(lane, attempt).await.map_err(later)
    }

    /// Another message goes on, with all of its tries before it.
    async fn hand_over(&self, lane: &Lane, attempt: &Attempt<'_>) -> Result<(), DeliverError> {
        let next = lane.recall_after(attempt.message_id);
        let sent = self.backlogs.deliveries.send(vec![next]).await;
        sent.map_err(|error| DeliverError::Backlog(error.into()))
    }
}
