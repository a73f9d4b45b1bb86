//! The reasons why a delivery stays in its queue, and the time of its next attempt.

use std::time::Duration;

use wagrun_delivery::subscriber::{InvalidSubscriber, LoadError};

use crate::backlog::BacklogError;
use crate::subscriber_health::DisableError;
use crate::target::TargetError;

/// The reason why a delivery stays in its queue.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The message cannot be parsed. No attempt can succeed.
    #[error("the message is not a delivery")]
    NotADelivery(#[source] serde_json::Error),
    /// The subscribers could not be read.
    #[error(transparent)]
    Subscribers(#[from] LoadError),
    /// The subscriber's parameter cannot be used.
    #[error(transparent)]
    Invalid(InvalidSubscriber),
    /// The subscriber's target did not accept the event.
    #[error("event {event_id} was not delivered to subscriber {subscriber} (attempt {attempt})")]
    Target {
        /// The event's id.
        event_id: String,
        /// The subscriber's name.
        subscriber: String,
        /// The attempt's number, from 1.
        attempt: u32,
        /// The cause.
        source: TargetError,
    },
    /// The subscriber's own schedule has fewer attempts than the queue.
    #[error(
        "event {event_id} is given up for subscriber {subscriber}: its schedule has no attempt {attempt}"
    )]
    GivenUp {
        /// The event's id.
        event_id: String,
        /// The subscriber's name.
        subscriber: String,
        /// The attempt's number, from 1.
        attempt: u32,
    },
    /// The subscriber is switched off. The delivery is set aside when every copy of the function knows of the backlog.
    #[error("subscriber {0} is switched off, and the delivery is about to be set aside")]
    Off(String),
    /// The subscriber's parameter was not found. The delivery is dropped when it is still missing some minutes later.
    #[error("subscriber {0} has no parameter, and the delivery waits in case it comes back")]
    Gone(String),
    /// A backlog could not be read or changed.
    #[error(transparent)]
    Backlog(#[from] BacklogError),
    /// The subscriber is to be switched off, which failed.
    #[error("cannot switch off subscriber {subscriber}")]
    Disable {
        /// The subscriber's name.
        subscriber: String,
        /// The cause.
        source: DisableError,
    },
}

/// A delivery that stays in its queue.
#[derive(Debug)]
pub struct Retained {
    /// The reason.
    pub error: DeliverError,
    /// The time of the next attempt.
    pub redelivery: Redelivery,
}

impl Retained {
    /// Keeps a message that cannot be parsed. SQS moves it to the dead-letter queue after its receives.
    pub fn not_a_delivery(error: serde_json::Error) -> Self {
        Self {
            error: DeliverError::NotADelivery(error),
            redelivery: Redelivery::AfterVisibilityTimeout,
        }
    }
}

/// The time at which a message that stays in its queue is received again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redelivery {
    /// After the queue's visibility timeout, as if the function had crashed.
    AfterVisibilityTimeout,
    /// After this time, zero or more. SQS counts whole seconds.
    After(Duration),
}

impl Redelivery {
    /// At once. SQS then counts the receives that are left, and moves the message to the dead-letter queue.
    pub const IMMEDIATE: Self = Self::After(Duration::ZERO);

    /// Returns the seconds until the next attempt; none when there is no next one, or when only the queue knows its time.
    pub fn retry_seconds(self) -> Option<u64> {
        match self {
            Self::AfterVisibilityTimeout | Self::IMMEDIATE => None,
            Self::After(delay) => Some(delay.as_secs()),
        }
    }
}
