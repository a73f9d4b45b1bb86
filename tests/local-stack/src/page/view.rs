//! The content of the page: each event, and the state of its delivery to each subscriber.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use wagrun_event::Event;

use super::receiver_mode::ReceiverMode;

/// The time after which the log contains every attempt. It is longer than the timeout of deliver.
const MAX_LOG_DELAY: SignedDuration = SignedDuration::from_secs(45);

/// The content of the page.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct View {
    /// The subscribers whose receivers the page controls, in their order.
    pub subscribers: Vec<SubscriberView>,
    /// The newest events, from the newest to the oldest.
    pub events: Vec<EventView>,
}

/// A subscriber and its receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubscriberView {
    /// The name of the subscriber.
    pub name: String,
    /// The behavior of its receiver.
    pub mode: ReceiverMode,
    /// The reason for which deliver has disabled it, if it has.
    pub disabled: Option<Disabled>,
    /// The error in its parameter, if there is one.
    pub invalid: Option<String>,
    /// The number of deliveries that are not finished.
    pub waiting: usize,
}

/// The note of deliver in the parameter of a subscriber that it has disabled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disabled {
    /// The reason, as a phrase.
    pub reason: String,
    /// The time at which deliver disabled it.
    pub at: Timestamp,
}

/// An event and its deliveries.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventView {
    /// The event as it was published.
    pub event: Event,
    /// The delivery to each subscriber.
    pub deliveries: Vec<DeliveryView>,
}

/// The delivery of one event to one subscriber.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeliveryView {
    /// The name of the subscriber.
    pub subscriber: String,
    /// The present state.
    pub state: DeliveryState,
    /// The attempts so far, in order.
    pub attempts: Vec<AttemptView>,
}

/// One attempt of a delivery.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptView {
    /// The number of the attempt, from 1.
    pub number: u32,
    /// The time at which the receiver got the request, or otherwise that of deliver's log line.
    pub at: Timestamp,
    /// The outcome in deliver's log, or `None` until the log contains the attempt.
    pub outcome: Option<String>,
    /// The HTTP status that the receiver answered.
    pub status: Option<u16>,
    /// The time for which deliver waited for the answer, in milliseconds.
    pub duration_ms: Option<u64>,
    /// The result of verifying the signature, or `None` if no request arrived.
    pub signature: Option<Result<(), String>>,
}

/// The state of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum DeliveryState {
    /// The filter of the subscriber does not match the event.
    Filtered,
    /// The subscriber was disabled when the event was published, so no delivery exists.
    Disabled,
    /// The delivery is in a queue, and no other delivery of its lane is before it.
    Queued,
    /// The delivery waits behind an unfinished delivery of its lane.
    Blocked {
        /// The type of the event in that other delivery.
        kind: String,
    },
    /// The receiver has the request and has not answered.
    InFlight {
        /// The time at which the receiver got the request.
        since: Timestamp,
    },
    /// The last attempt failed, and another follows.
    Retrying {
        /// The number of the next attempt.
        attempt: u32,
        /// The time of the next attempt, accurate to a tenth of the delay.
        at: Timestamp,
    },
    /// The last of all attempts failed, and SQS has not moved the message yet.
    LastAttemptFailed,
    /// The message is in the dead-letter queue.
    GivenUp,
    /// The delivery is set aside until the subscriber accepts events again.
    SetAside,
    /// deliver has dropped the delivery.
    Dropped {
        /// The reason in deliver's log, such as `disabled`.
        reason: String,
    },
    /// The receiver answered 410 Gone. The subscriber is disabled, and the delivery is about to be set aside.
    ReceiverGone,
    /// The receiver accepted the event.
    Delivered,
}

impl DeliveryState {
    /// Returns true if the delivery is finished, so that the next one of its lane can follow.
    pub fn is_finished(&self) -> bool {
        match self {
            Self::Filtered
            | Self::Disabled
            | Self::GivenUp
            | Self::Dropped { .. }
            | Self::Delivered => true,
            Self::Queued
            | Self::Blocked { .. }
            | Self::InFlight { .. }
            | Self::Retrying { .. }
            | Self::LastAttemptFailed
            | Self::ReceiverGone
            | Self::SetAside => false,
        }
    }
}

impl View {
    /// Returns true if a delivery is on its way to the dead-letter queue.
    pub fn has_failed_deliveries(&self) -> bool {
        self.deliveries()
            .any(|one| one.state == DeliveryState::LastAttemptFailed)
    }

    /// Returns true if the view will change without further requests or edits.
    pub fn is_changing(&self, now: Timestamp) -> bool {
        self.deliveries().any(|delivery| {
            // A request that another program than deliver sent never appears in the log.
            let is_log_due = |one: &AttemptView| {
                one.outcome.is_none() && now.duration_since(one.at) < MAX_LOG_DELAY
            };
            !delivery.state.is_finished() || delivery.attempts.iter().any(is_log_due)
        })
    }

    fn deliveries(&self) -> impl Iterator<Item = &DeliveryView> {
        self.events.iter().flat_map(|event| &event.deliveries)
    }
}
