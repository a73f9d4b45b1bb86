//! Many deliveries at once: those that are invalidations of one distribution become one call.

use std::{collections::BTreeMap, time::Instant};

use wagrun_delivery::subscriber::{CloudFront, Subscriber, Target};
use wagrun_event::Event;
use wagrun_lambda::telemetry::chain;

use crate::{
    Attempt, DeliverError, Deliverer, Queue, TargetError,
    attempt::Failure,
    deliver::read,
    report::{Attempted, report},
    tried::Fate,
};

/// The invalidations for one subscriber.
struct Group<'a> {
    subscriber: Subscriber,
    target: CloudFront,
    purges: Vec<(&'a Attempt<'a>, Event)>,
}

impl Deliverer {
    /// Attempts all of these deliveries; returns the ids of the messages that stay in the queue, hidden until their next
    /// attempt is due.
    pub async fn purge<'a>(&self, queue: &Queue, attempts: &'a [Attempt<'a>]) -> Vec<&'a str> {
        let mut stay = Vec::new();
        let mut hidden = Vec::new();
        let mut groups = BTreeMap::new();
        for attempt in attempts {
            let sorted = match self.sort(attempt, &mut groups).await {
                Ok(true) => continue,
                // Its subscriber has another target by now than when it was sent.
                Ok(false) => self.attempt(queue, attempt).await,
                Err(Failure { error, delay }) => {
                    hidden.extend(delay.map(|delay| (attempt.receipt_handle, delay)));
                    Err(error)
                }
            };
            if let Err(error) = sorted {
                say(&[attempt.message_id], &error);
                stay.push(attempt.message_id);
            }
        }
        for group in groups.values() {
            let Err(error) = self.invalidate(group).await else {
                continue;
            };
            let ids: Vec<_> = group
                .purges
                .iter()
                .map(|(attempt, _)| attempt.message_id)
                .collect();
            say(&ids, &error);
            stay.extend(ids);
            hidden.extend(group.purges.iter().map(|(attempt, _)| {
                let delay = self.delay(&group.subscriber, attempt, None);
                (attempt.receipt_handle, delay)
            }));
        }
        queue.hide(&hidden).await;
        stay
    }

    /// Puts the delivery to those of its subscriber, or drops it; false when it is no invalidation.
    async fn sort<'a>(
        &self,
        attempt: &'a Attempt<'a>,
        groups: &mut BTreeMap<String, Group<'a>>,
    ) -> Result<bool, Failure> {
        let (delivery, event) = read(attempt)?;
        let subscribers = self.subscribers_for(&delivery, attempt).await?;
        let Some(subscriber) = self.receiver(&subscribers, &delivery, &event, attempt)? else {
            return Ok(true);
        };
        let Target::CloudFront(target) = &subscriber.target else {
            return Ok(false);
        };
        let group = groups.entry(subscriber.name.clone());
        let group = group.or_insert_with(|| Group {
            subscriber: subscriber.clone(),
            target: target.clone(),
            purges: Vec::new(),
        });
        group.purges.push((attempt, event));
        Ok(true)
    }

    /// One call for all; an error when all of them must stay in the queue.
    async fn invalidate(&self, group: &Group<'_>) -> Result<(), DeliverError> {
        let Group {
            subscriber,
            target,
            purges,
        } = group;
        let events: Vec<_> = purges
            .iter()
            .map(|(attempt, event)| (attempt.message_id, event))
            .collect();
        let started = Instant::now();
        let result = self.targets.cloud_front.invalidate(target, &events).await;
        let result = result.map_err(TargetError::CloudFront);
        let duration = started.elapsed();
        for (attempt, event) in purges {
            let attempted = Attempted {
                event,
                subscriber,
                number: attempt.number,
                age: attempt.age(),
                result: result.as_ref().map(|()| None),
                duration,
            };
            report(&self.metrics, &attempted);
        }
        let Err(source) = result else {
            self.health.succeeded(subscriber).await;
            return Ok(());
        };
        // What one of them has come to counts for the distribution: the one that has failed most often.
        let Some((oldest, event)) = purges.iter().max_by_key(|(attempt, _)| attempt.number) else {
            return Ok(());
        };
        match self.fate(subscriber, oldest, &source).await {
            Ok(Fate::Off) => Ok(()),
            Ok(Fate::On | Fate::Dead) => Err(DeliverError::Target {
                event_id: event.id.to_string(),
                subscriber: subscriber.name.clone(),
                attempt: oldest.number,
                source,
            }),
            Err(source) => Err(DeliverError::Disable {
                subscriber: subscriber.name.clone(),
                source,
            }),
        }
    }
}

/// Logs an error once for all the messages that stay because of it.
fn say(message_ids: &[&str], error: &DeliverError) {
    tracing::error!(
        messages = message_ids.join(" "),
        error = chain(error),
        "messages go back to the queue"
    );
}
