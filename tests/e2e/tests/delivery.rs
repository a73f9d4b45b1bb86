//! Deliveries to subscribers, from the topic to the receiver.

mod backfills;
mod fleet;
mod redrives;
mod retries;
mod set_aside;
mod slow_receivers;
mod subscriber_cache;
mod subscriber_directory;
mod subscribers;
mod targets;
