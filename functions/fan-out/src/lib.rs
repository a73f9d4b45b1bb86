//! Gives every matching subscriber its own delivery of an event.
//!
//! # What it promises
//! Every event that reaches the event queue becomes one message in the delivery queue for each subscriber that was
//! enabled and matched when the event was looked at. The message waits in the lane of subscriber and object, in the
//! order in which the events of that object arrived. An invalidation, whose order does not matter, waits in a queue
//! of its own where there is one, from which deliver takes many at a time.
//!
//! # What a crash or a failure does
//! - Before anything was sent: the event comes back to the queue and is tried again.
//! - After some subscribers' deliveries were sent: the event comes back, and what was sent is sent again with the
//!   same de-duplication id. SQS drops it for five minutes, later the subscriber sees a repeated `webhook-id`.
//! - The event fails each time: it goes to the event dead-letter queue, whole. Until then it holds back later events
//!   of the same object, and no others.
//! - A subscriber's parameter can't be used: an error names it, and it receives nothing until it is corrected.

mod config;
mod fan_out;
mod handler;

pub use config::Config;
pub use fan_out::{FanOut, FanOutError};
pub use handler::handle;

#[cfg(test)]
mod tests;
