//! A message with a delivery, received once more, and what is wrong when it stays in its queue.

use jiff::{SignedDuration, Timestamp};
use wagrun_delivery::subscriber::{InvalidSubscriber, LoadError};

use crate::{BacklogError, TargetError, health::DisableError, queue::DepthError};

/// A message of a queue of deliveries, received once more.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The message's id, which stays when it is received again.
    pub message_id: &'a str,
    /// The [`Delivery`](wagrun_delivery::Delivery)'s JSON.
    pub body: &'a str,
    /// By which SQS knows this receipt.
    pub receipt_handle: &'a str,
    /// From 1.
    pub number: u32,
    /// The larger, the later in its lane; none where the queue knows no order.
    pub sequence_number: Option<&'a str>,
    /// When fan-out sent the delivery.
    pub sent_at: Timestamp,
    /// When the attempt begins; signed.
    pub now: Timestamp,
    /// From -1 to 1, for the delay.
    pub jitter: f64,
}

impl Attempt<'_> {
    /// How long the delivery has been waiting.
    pub fn age(&self) -> SignedDuration {
        self.now.duration_since(self.sent_at)
    }
}

/// The delivery stays in the queue.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The message can't be used, now or later.
    #[error("the message is not a delivery")]
    NotADelivery(#[source] serde_json::Error),
    /// The subscribers are not known.
    #[error(transparent)]
    Subscribers(#[from] LoadError),
    /// The subscriber's parameter was changed to something that can't be used.
    #[error(transparent)]
    Invalid(InvalidSubscriber),
    /// The receiver has not accepted the event.
    #[error("event {event_id} was not delivered to subscriber {subscriber} (attempt {attempt})")]
    Target {
        /// The event.
        event_id: String,
        /// The receiver.
        subscriber: String,
        /// From 1.
        attempt: u32,
        /// Why.
        source: TargetError,
    },
    /// The subscriber's own schedule has ended before the queue's attempts have.
    #[error(
        "event {event_id} is given up for subscriber {subscriber}: its schedule has no attempt {attempt}"
    )]
    GivenUp {
        /// The event.
        event_id: String,
        /// The receiver.
        subscriber: String,
        /// From 1.
        attempt: u32,
    },
    /// The subscriber is switched off: what waits for it is set aside when everybody knows that.
    #[error("subscriber {0} is switched off, and the delivery is about to be set aside")]
    Off(String),
    /// What is set aside can't be known or changed.
    #[error(transparent)]
    Backlog(#[from] BacklogError),
    /// How much waits is not known.
    #[error(transparent)]
    Depth(#[from] DepthError),
    /// The receiver is gone for good, but could not be switched off.
    #[error("cannot switch off subscriber {subscriber}")]
    Disable {
        /// The receiver.
        subscriber: String,
        /// Why not.
        source: DisableError,
    },
}

/// A delivery that stays in its queue.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub error: DeliverError,
    /// The seconds for which it is hidden; none when no other attempt can succeed.
    pub delay: Option<i32>,
}
