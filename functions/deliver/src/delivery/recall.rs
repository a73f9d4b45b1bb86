//! The way of a recall: the deliveries that were set aside of a lane are sent, the oldest first.

use tracing::Instrument;
use wagrun_delivery::subscriber::{Subscriber, SubscriberStatus};
use wagrun_lambda::telemetry::chain;

use super::decide::DropReason;
use super::deliverer::Deliverer;
use super::error::Retained;
use super::message::{AddressedEvent, Attempt};
use super::report::span;
use crate::backlog::{Lane, Recalled, Resent, SendResult, SetAside, resend_lane};
use crate::subscriber_health::Condition;
use crate::target::Outgoing;

/// Goes through a lane whose deliveries were set aside.
pub async fn send_lane(
    deliverer: &Deliverer,
    lane: &Lane,
    attempt: &Attempt<'_>,
) -> Result<(), Retained> {
    let subscribers = deliverer
        .subscribers
        .loaded_after(attempt.sent_at, attempt.now);
    let subscribers = subscribers.await;
    let subscribers = subscribers.map_err(|error| deliverer.later(attempt, error.into()))?;
    let SubscriberStatus::Enabled(subscriber) = subscribers.find(&lane.subscriber) else {
        // The deliveries stay in the bucket. The sweep recalls them when the subscriber is on again.
        return Ok(());
    };
    let recalled = Recalled {
        lane,
        message_id: attempt.message_id,
        attempt: attempt.number,
        now: attempt.now,
        clock: deliverer.clock,
    };
    let send = async |oldest: &SetAside| send_again(deliverer, subscriber, oldest, attempt).await;
    let replayed = resend_lane(&deliverer.backlogs, &recalled, send).await;
    let name = &lane.subscriber;
    match replayed.map_err(|error| deliverer.later(attempt, error.into()))? {
        Resent::Done => Ok(()),
        Resent::Retry(retained) => Err(retained),
        Resent::Kept(retained) => {
            let error = chain(&retained.error);
            tracing::info!(subscriber = name, error, "lane stays set aside");
            Ok(())
        }
        Resent::GivenUp(retained) => {
            let error = chain(&retained.error);
            tracing::error!(subscriber = name, error, "delivery given up");
            Ok(())
        }
    }
}

/// Sends a delivery that was set aside.
async fn send_again(
    deliverer: &Deliverer,
    subscriber: &Subscriber,
    delivery: &SetAside,
    attempt: &Attempt<'_>,
) -> SendResult<Retained> {
    let addressed = match AddressedEvent::parse(&delivery.body) {
        Ok(addressed) => addressed,
        Err(error) => return SendResult::Unreadable(error),
    };
    let span = span(&subscriber.name, &addressed.event, attempt);
    if !addressed.is_wanted_by(subscriber) {
        let outcome = DropReason::Filtered.outcome();
        span.in_scope(|| tracing::info!(outcome, "delivery dropped"));
        // The parameter can be used again. Without this, a filter that lets little pass would hold everything back.
        deliverer.begin_return(&subscriber.name, attempt).await;
        return SendResult::Accepted;
    }
    let outgoing = Outgoing {
        // Stays the same for the next recall, so that CloudFront recognizes the same invalidation.
        message_id: &delivery.key,
        event: &addressed.event,
        json: addressed.json,
        now: attempt.now,
    };
    let called = deliverer.call(subscriber, &outgoing, attempt);
    match called.instrument(span).await {
        Ok(()) => SendResult::Accepted,
        Err(failed) if failed.condition == Condition::Off => SendResult::SwitchedOff,
        Err(failed) => SendResult::Refused {
            failure: failed.retained,
            is_last_attempt: deliverer.wait(subscriber, attempt).is_none(),
        },
    }
}
