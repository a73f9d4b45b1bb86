//! Loads the facts that the decision about a delivery needs, with as few calls as that takes.

use std::sync::Arc;

use jiff::Timestamp;
use wagrun_delivery::subscriber::{
    LoadError, RetrySchedule, Subscriber, SubscriberStatus, SubscriberStore, Subscribers,
};

use super::decide::Facts;
use super::message::{AddressedEvent, Attempt};
use crate::backlog::{BacklogError, BacklogFacts, Backlogs};

/// Loads the subscriber of the message, as it was after the message was sent unless the subscriber is known and on. Others may be
/// missing.
///
/// Subscribers that were read before the message was sent may not include one that is new, and its delivery would be dropped.
pub async fn subscribers(
    store: &SubscriberStore,
    name: &str,
    attempt: &Attempt<'_>,
) -> Result<Arc<Subscribers>, LoadError> {
    let now = attempt.now;
    let known = store.loaded_one_after(name, Timestamp::MIN, now).await?;
    match known.find(name) {
        SubscriberStatus::Enabled(_) => Ok(known),
        SubscriberStatus::Disabled | SubscriberStatus::Invalid(_) | SubscriberStatus::Gone => {
            store.loaded_one_after(name, attempt.sent_at, now).await
        }
    }
}

/// Returns the retry schedule of a subscriber.
pub fn schedule<'a>(subscriber: &'a Subscriber, default: &'a RetrySchedule) -> &'a RetrySchedule {
    subscriber.retry.as_ref().unwrap_or(default)
}

/// Loads the facts about one delivery.
pub async fn load<'a>(
    subscriber: SubscriberStatus<'a>,
    addressed: &AddressedEvent<'_>,
    attempt: &Attempt<'_>,
    default_schedule: &RetrySchedule,
    backlogs: &Backlogs,
) -> Result<Facts<'a>, BacklogError> {
    let lane = &addressed.lane;
    let is_wanted = match subscriber {
        SubscriberStatus::Enabled(subscriber) => addressed.is_wanted_by(subscriber),
        SubscriberStatus::Disabled | SubscriberStatus::Invalid(_) | SubscriberStatus::Gone => true,
    };
    let has_attempt = match subscriber {
        SubscriberStatus::Enabled(subscriber) => {
            schedule(subscriber, default_schedule).has_attempt(attempt.number)
        }
        SubscriberStatus::Disabled | SubscriberStatus::Invalid(_) | SubscriberStatus::Gone => false,
    };
    let mut facts = Facts {
        subscriber,
        is_wanted,
        has_attempt,
        is_ordered: attempt.sequence_number.is_some(),
        backlog: None,
        lane_is_set_aside: false,
    };
    match subscriber {
        SubscriberStatus::Enabled(_)
            if is_wanted && has_attempt && facts.is_ordered && backlogs.bucket.can_hold(lane) =>
        {
            facts.backlog = backlogs.facts(&lane.subscriber, attempt.now).await?;
            // A delivery of a paced subscriber is set aside in any case.
            let is_paced = |backlog: BacklogFacts| backlog.is_paced && backlog.is_settled;
            if facts.backlog.is_some_and(|backlog| !is_paced(backlog)) {
                facts.lane_is_set_aside = backlogs.bucket.has_objects(lane).await?;
            }
        }
        SubscriberStatus::Gone => {
            facts.backlog = backlogs.facts(&lane.subscriber, attempt.now).await?;
        }
        SubscriberStatus::Disabled | SubscriberStatus::Invalid(_) if facts.is_ordered => {
            facts.backlog = backlogs.facts(&lane.subscriber, attempt.now).await?;
            if facts.backlog.is_some_and(|backlog| backlog.is_returning) {
                facts.lane_is_set_aside = backlogs.bucket.has_objects(lane).await?;
            }
        }
        SubscriberStatus::Enabled(_)
        | SubscriberStatus::Disabled
        | SubscriberStatus::Invalid(_) => {}
    }
    Ok(facts)
}
