//! The way of one event, top to bottom: load the facts, decide, act; after a failure decide again and act.

use wagrun_delivery::subscriber::{Subscriber, Subscribers};
use wagrun_lambda::telemetry::chain;

use super::decide::{
    Action, FailureFacts, NextStep, OffReason, Skip, after_failure, before_attempt,
};
use super::deliverer::Deliverer;
use super::error::{DeliverError, Redelivery, Retained};
use super::facts;
use super::message::{AddressedEvent, Attempt};
use crate::backlog::Lane;
use crate::target::Outgoing;

/// Delivers one event.
///
/// # Errors
/// An error means that the message stays in its queue.
pub async fn deliver_event(
    deliverer: &Deliverer,
    addressed: &AddressedEvent<'_>,
    attempt: &Attempt<'_>,
) -> Result<(), Retained> {
    let name = &addressed.lane.subscriber;
    let subscribers = facts::subscribers(&deliverer.subscribers, name, attempt).await;
    let subscribers = subscribers.map_err(|error| deliverer.later(attempt, error.into()))?;
    match load_and_decide(deliverer, &subscribers, addressed, attempt).await? {
        Action::Send(subscriber) => send(deliverer, subscriber, addressed, attempt, false).await,
        Action::Probe(subscriber) => {
            deliverer.backlogs.record_probe(name, attempt.now);
            send(deliverer, subscriber, addressed, attempt, true).await
        }
        Action::Skip(skip) => act(deliverer, skip, addressed, attempt).await,
    }
}

/// Loads the facts about a delivery, and decides.
pub async fn load_and_decide<'a>(
    deliverer: &Deliverer,
    subscribers: &'a Subscribers,
    addressed: &AddressedEvent<'_>,
    attempt: &Attempt<'_>,
) -> Result<Action<'a>, Retained> {
    let subscriber = subscribers.find(&addressed.lane.subscriber);
    let facts = facts::load(
        subscriber,
        addressed,
        attempt,
        &deliverer.schedule,
        &deliverer.backlogs,
    )
    .await;
    let facts = facts.map_err(|error| deliverer.later(attempt, error.into()))?;
    Ok(before_attempt(&facts))
}

/// Takes the action for a delivery that is not attempted now.
pub async fn act(
    deliverer: &Deliverer,
    skip: Skip<'_>,
    addressed: &AddressedEvent<'_>,
    attempt: &Attempt<'_>,
) -> Result<(), Retained> {
    let lane = &addressed.lane;
    match skip {
        Skip::SetAside => set_aside(deliverer, lane, attempt).await,
        Skip::Defer(reason) => Err(deferred(deliverer, lane, reason)),
        Skip::BeginBacklog(reason) => {
            let begun = deliverer
                .backlogs
                .begin(&lane.subscriber, attempt.now)
                .await;
            begun.map_err(|error| deliverer.later(attempt, error.into()))?;
            Err(deferred(deliverer, lane, reason))
        }
        Skip::RecordAbsence => {
            let recorded = deliverer
                .backlogs
                .record_absence(&lane.subscriber, attempt.now)
                .await;
            recorded.map_err(|error| deliverer.later(attempt, error.into()))?;
            Err(deferred(deliverer, lane, OffReason::Gone))
        }
        Skip::Retry(invalid) => {
            Err(deliverer.later(attempt, DeliverError::Invalid(invalid.clone())))
        }
        Skip::GiveUp(subscriber) => {
            tracing::info!(outcome = "given_up", "delivery given up");
            Err(Retained {
                error: DeliverError::GivenUp {
                    event_id: addressed.event.id.to_string(),
                    subscriber: subscriber.name.clone(),
                    attempt: attempt.number,
                },
                redelivery: Redelivery::IMMEDIATE,
            })
        }
        Skip::Drop(reason) => {
            tracing::info!(outcome = reason.outcome(), "delivery dropped");
            Ok(())
        }
    }
}

/// Sends the event; after a failure decides and acts.
async fn send(
    deliverer: &Deliverer,
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
    let Err(failed) = deliverer.call(subscriber, &outgoing, attempt).await else {
        return Ok(());
    };
    let after = after_failure(&FailureFacts {
        condition: failed.condition,
        is_probe,
        attempt: attempt.number,
        is_crowded: attempt.number >= 2 && is_crowded(deliverer, attempt).await,
    });
    if after.begins_backlog {
        begin_backlog(deliverer, &subscriber.name, attempt).await;
    }
    match after.next {
        NextStep::Retry => Err(failed.retained),
        NextStep::Defer => Err(deferred(deliverer, &addressed.lane, OffReason::Disabled)),
        NextStep::SetAside => set_aside(deliverer, &addressed.lane, attempt).await,
    }
}

async fn set_aside(
    deliverer: &Deliverer,
    lane: &Lane,
    attempt: &Attempt<'_>,
) -> Result<(), Retained> {
    let sequence_number = attempt.sequence_number;
    let set_aside = (deliverer.backlogs)
        .set_aside(lane, sequence_number, attempt.body, attempt.now)
        .await;
    set_aside.map_err(|error| deliverer.later(attempt, error.into()))?;
    tracing::info!(outcome = "set_aside", "delivery set aside");
    Ok(())
}

/// Begins the subscriber's backlog. An error is logged: the next failure tries it again.
async fn begin_backlog(deliverer: &Deliverer, subscriber: &str, attempt: &Attempt<'_>) {
    if let Err(error) = deliverer.backlogs.begin(subscriber, attempt.now).await {
        tracing::error!(error = chain(&error), "cannot begin the backlog");
    }
}

/// Returns true when the queue is crowded. An error is logged and counts as no.
async fn is_crowded(deliverer: &Deliverer, attempt: &Attempt<'_>) -> bool {
    let crowded = deliverer.backlogs.crowding.is_crowded(attempt.now).await;
    crowded.unwrap_or_else(|error| {
        tracing::error!(
            error = chain(&error),
            "cannot read the length of the delivery queue"
        );
        false
    })
}

/// Keeps a message in the queue until every copy of the function knows of the backlog.
fn deferred(deliverer: &Deliverer, lane: &Lane, reason: OffReason<'_>) -> Retained {
    Retained {
        error: match reason {
            OffReason::Disabled => DeliverError::Off(lane.subscriber.clone()),
            OffReason::Invalid(invalid) => DeliverError::Invalid(invalid.clone()),
            OffReason::Gone => DeliverError::Gone(lane.subscriber.clone()),
        },
        redelivery: Redelivery::After(deliverer.backlogs.settling_time.unsigned_abs()),
    }
}
