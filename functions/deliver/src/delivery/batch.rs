//! Many deliveries at once: the invalidations of one distribution become one call.

use std::collections::BTreeMap;
use std::time::Instant;

use wagrun_delivery::subscriber::{CloudFront, Subscriber, Target};
use wagrun_event::Event;
use wagrun_lambda::telemetry::chain;

use super::backoff::redelivery;
use super::decide::Action;
use super::deliverer::Deliverer;
use super::dispatch::handle_message;
use super::error::{DeliverError, Redelivery, Retained};
use super::facts;
use super::message::{AddressedEvent, Attempt};
use super::report::{Outcome, report, span};
use super::run::{act, load_and_decide};
use crate::sqs::Queue;
use crate::subscriber_health::Condition;
use crate::target::TargetError;

/// The invalidations for one subscriber.
struct Group<'a> {
    subscriber: Subscriber,
    target: CloudFront,
    invalidations: Vec<(&'a Attempt<'a>, Event)>,
}

impl Group<'_> {
    /// Returns the time of an invalidation's next attempt, if the call fails.
    fn redelivery(&self, deliverer: &Deliverer, attempt: &Attempt<'_>) -> Redelivery {
        let wait = deliverer.wait(&self.subscriber, attempt);
        redelivery(wait, None, attempt.jitter)
    }
}

/// The groups by subscriber.
type Groups<'a> = BTreeMap<String, Group<'a>>;

/// Makes the attempts of a batch from the invalidation queue. Returns the ids of the messages that stay in the queue, hidden
/// until their next attempt.
pub async fn deliver_batch<'a>(
    deliverer: &Deliverer,
    queue: &Queue,
    attempts: &'a [Attempt<'a>],
) -> Vec<&'a str> {
    let mut retained = Vec::new();
    let mut hidden = Vec::new();
    let mut groups = Groups::new();
    for attempt in attempts {
        let result = match add(deliverer, attempt, &mut groups).await {
            Ok(Added::Grouped | Added::Done) => continue,
            // The subscriber had a distribution when the event was sent, and has another target now.
            Ok(Added::OtherTarget) => handle_message(deliverer, queue, attempt).await,
            Err(Retained { error, redelivery }) => {
                if let Redelivery::After(delay) = redelivery {
                    hidden.push((attempt.receipt_handle, delay));
                }
                Err(error)
            }
        };
        if let Err(error) = result {
            log_retained(&[attempt.message_id], &error);
            retained.push(attempt.message_id);
        }
    }
    for group in groups.values() {
        let Err(error) = invalidate(deliverer, group).await else {
            continue;
        };
        let attempts = || group.invalidations.iter().map(|(attempt, _)| *attempt);
        let ids: Vec<_> = attempts().map(|attempt| attempt.message_id).collect();
        log_retained(&ids, &error);
        retained.extend(ids);
        for attempt in attempts() {
            if let Redelivery::After(delay) = group.redelivery(deliverer, attempt) {
                hidden.push((attempt.receipt_handle, delay));
            }
        }
    }
    queue.hide(&hidden).await;
    retained
}

/// The step that was taken for one delivery of a batch.
enum Added {
    /// It was added to its subscriber's group.
    Grouped,
    /// It is done without an attempt.
    Done,
    /// Its subscriber has a target that takes one event at a time.
    OtherTarget,
}

async fn add<'a>(
    deliverer: &Deliverer,
    attempt: &'a Attempt<'a>,
    groups: &mut Groups<'a>,
) -> Result<Added, Retained> {
    let addressed = AddressedEvent::parse(attempt.body).map_err(Retained::not_a_delivery)?;
    let name = &addressed.lane.subscriber;
    let subscribers = facts::subscribers(&deliverer.subscribers, name, attempt).await;
    let subscribers = subscribers.map_err(|error| deliverer.later(attempt, error.into()))?;
    let action = load_and_decide(deliverer, &subscribers, &addressed, attempt).await?;
    let subscriber = match action {
        Action::Send(subscriber) | Action::Probe(subscriber) => subscriber,
        Action::Skip(skip) => {
            let acted = act(deliverer, skip, &addressed, attempt);
            return acted.await.map(|()| Added::Done);
        }
    };
    let Target::CloudFront(target) = &subscriber.target else {
        return Ok(Added::OtherTarget);
    };
    let group = groups.entry(subscriber.name.clone());
    let group = group.or_insert_with(|| Group {
        subscriber: subscriber.clone(),
        target: target.clone(),
        invalidations: Vec::new(),
    });
    group.invalidations.push((attempt, addressed.event));
    Ok(Added::Grouped)
}

/// Makes one call for the whole group. Returns an error when all of its deliveries stay in the queue.
async fn invalidate(deliverer: &Deliverer, group: &Group<'_>) -> Result<(), DeliverError> {
    let Group {
        subscriber,
        target,
        invalidations,
    } = group;
    let events: Vec<_> = invalidations
        .iter()
        .map(|(attempt, event)| (attempt.message_id, event))
        .collect();
    let started = Instant::now();
    let result = deliverer.targets.cloud_front.invalidate(target, &events);
    let result = result.await.map_err(TargetError::CloudFront);
    let duration = started.elapsed();
    for (attempt, event) in invalidations {
        let outcome = Outcome {
            result: result.as_ref().map(|()| None),
            age: attempt.age(),
            duration,
            redelivery: group.redelivery(deliverer, attempt),
        };
        span(&subscriber.name, event, attempt)
            .in_scope(|| report(&deliverer.metrics, &subscriber.name, &outcome));
    }
    let Err(source) = result else {
        deliverer.health.record_success(subscriber).await;
        return Ok(());
    };
    // The delivery that has failed most often counts for the distribution.
    let most = invalidations
        .iter()
        .max_by_key(|(attempt, _)| attempt.number);
    let Some((attempt, event)) = most else {
        return Ok(());
    };
    let (condition, error) = deliverer
        .record_failure(subscriber, event, attempt, source)
        .await;
    match condition {
        Condition::Off => Ok(()),
        Condition::Alive | Condition::Dead => Err(error),
    }
}

/// Logs an error once for all messages that stay in the queue because of it.
fn log_retained(message_ids: &[&str], error: &DeliverError) {
    tracing::error!(
        message.ids = message_ids.join(" "),
        error = chain(error),
        "messages go back to the queue"
    );
}
