//! Makes one delivery of an event to one subscriber: a webhook signed as Standard Webhooks 1.0 say, an event on an
//! EventBridge bus, or an invalidation in a CloudFront distribution, of which it makes many at once.
//!
//! # What it promises
//! A delivery leaves the queue when its receiver has taken it, when its subscriber is gone by then, or when it is set aside
//! because its subscriber takes nothing or is switched off (see [`backlog`]). Everything else puts it back with a growing
//! delay, and after the last try it is in the delivery dead-letter queue, whole. Deliveries of one lane (subscriber and object) are made in order, one at a time. Nothing is called that is not on
//! the internet.
//!
//! # What a crash or a failure does
//! - Before the receiver answered: the delivery comes back when the queue's visibility timeout has passed.
//! - After the receiver answered 2xx, before Lambda acknowledged: the delivery is made again with the same
//!   `webhook-id`, by which the receiver can drop it; an invalidation with the same caller reference.
//! - The delay can't be set: the delivery comes back after the queue's own visibility timeout instead.
//! - The subscribers or what is set aside can't be read: as if the receiver had failed.
//! - A subscriber is to be switched off, and the event or the parameter can't be written: as if the receiver had failed; the
//!   next attempt tries both again, with the same event id.

mod address;
mod attempt;
mod backlog;
mod backoff;
mod cloud_front;
mod config;
mod deliver;
mod event_bridge;
mod handler;
mod health;
mod parameter;
mod purge;
mod queue;
mod report;
mod resolver;
mod retry_after;
mod sign;
mod target;
mod topic;
mod tried;
mod webhook;

pub use attempt::{Attempt, DeliverError};
pub use backlog::{
    Backlog, BacklogError, BacklogStore, Backlogs, Bucket, BucketError, Lane, LookedAfter, Recall,
    StoreError,
};
pub use cloud_front::{CloudFrontClient, CloudFrontError};
pub use config::Config;
pub use deliver::Deliverer;
pub use event_bridge::{EventBridgeClient, EventBridgeError};
pub use handler::{Answer, ByTheClock, Handler, Work, handle};
pub use health::{DisableError, Failing, Health};
pub use parameter::{ParameterError, Parameters};
pub use queue::{DepthError, Queue};
pub use resolver::NotPublic;
pub use target::{Outgoing, TargetError, Targets};
pub use topic::Topic;
pub use webhook::{Reach, Timeouts, WebhookClient, WebhookError};

#[cfg(test)]
mod tests;
