//! Makes one delivery of an event to one subscriber. A delivery is a webhook signed as Standard Webhooks 1.0 specify, an event
//! on an EventBridge bus, or an invalidation in a CloudFront distribution. Many invalidations become one call.
//!
//! # The promise
//! A delivery leaves the queue in three cases. Its receiver has accepted it. Or its subscriber does not exist any more. Or it
//! is set aside, because its subscriber accepts nothing or is switched off (see [`backlog`]). An event that fan-out could not
//! filter is also dropped, when its subscriber's filter does not let it pass. In every other case it stays in
//! the queue with a growing delay. After the last attempt it is in the delivery dead-letter queue, whole. Deliveries of one lane
//! (a subscriber and an object) are made in order, one at a time. Only addresses on the internet are called.
//!
//! # Crashes and failures
//! - Before the receiver answered: the delivery comes back when the queue's visibility timeout has passed.
//! - After the receiver answered 2xx, before Lambda acknowledged: the delivery is made again. It has the same `webhook-id`, by
//!   which the receiver can drop it. An invalidation has the same caller reference.
//! - The delay cannot be set: the delivery comes back after the queue's own visibility timeout.
//! - The subscribers or the backlogs cannot be read: as if the receiver had failed.
//! - A subscriber cannot be switched off: as if the receiver had failed. The next attempt tries it again, with the same
//!   event id.

#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod backlog;
mod config;
mod delivery;
mod handler;
mod sqs;
mod subscriber_check;
mod subscriber_health;
mod target;
mod wiring;

pub use backlog::{Backlog, PacingLimits};
pub use config::Config;
pub use handler::{Answer, Handler, handle};
pub use subscriber_health::{ParameterError, Parameters, ReadParameter};
pub use target::{
    CloudFrontClient, EventBridgeClient, Outgoing, Reach, TargetError, Targets, Timeouts,
    WebhookClient,
};
pub use wiring::build_handler;

/// Private parts for the targets in `fuzz/`, which cargo-fuzz builds with `cfg(fuzzing)`.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::backlog::{Backlog, Lane, Recall};
    pub use crate::delivery::{AddressedEvent, Attempt, Content};
    pub use crate::handler::{SweepRequest, Swept};
    pub use crate::target::guard::{check, check_literal};
}

#[cfg(test)]
mod tests;
