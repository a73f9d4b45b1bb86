//! Gives every matching subscriber its own delivery of an event.
//!
//! # The promise
//! Every event that reaches the event queue becomes one message in the delivery queue for each subscriber that is enabled and
//! matches. The message waits in the lane of subscriber and object, in the order in which the events of that object arrived. An
//! invalidation, whose order does not matter, waits in the invalidation queue if it is deployed. deliver takes many of them at
//! once. A subscriber whose parameter cannot be used at all gets every event, marked as unfiltered, and deliver sets it aside.
//!
//! Events of different objects that Lambda hands over together share the calls to the delivery queue. Of one object, a later event is
//! sent after the earlier one.
//!
//! # Crashes and failures
//! - Before anything was sent: the event comes back to the queue and is attempted again.
//! - After some deliveries were sent: the event comes back, and they are sent again with the same deduplication id. SQS drops them
//!   for five minutes. Later the subscriber sees a repeated `webhook-id`.
//! - SQS refuses a call as a whole: it is made again for each of its events, so that one event fails alone.
//! - The event fails each time: it goes to the event dead-letter queue, whole. Until then it holds back later events
//!   of the same object, and no others.
//! - A subscriber's parameter cannot be used: an error names it, and its last usable version stays in force. Without one,
//!   or when its versions cannot be read, its events are sent to deliver all the same.

mod config;
mod fan_out;
mod handler;

pub use config::Config;
pub use fan_out::{FanOut, FanOutError};
pub use handler::handle;

#[cfg(test)]
mod tests;
