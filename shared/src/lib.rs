//! What wagrun's functions share: the event contract, the outbox, the subscribers and what a function needs to start.
//!
//! Functions never depend on each other's crates; whatever two of them need lives here.

pub mod aws;
#[cfg(feature = "custom-resource")]
pub mod custom_resource;
pub mod environment;
pub mod event;
#[cfg(feature = "event-topic")]
pub mod event_topic;
pub mod fifo;
pub mod metric;
pub mod telemetry;

#[cfg(any(feature = "database", feature = "subscribers"))]
pub mod filter;

#[cfg(feature = "subscribers")]
pub mod delivery;
#[cfg(feature = "subscribers")]
pub mod delivery_queue;
#[cfg(feature = "subscribers")]
pub mod partial_batch;
#[cfg(feature = "testing")]
pub mod replay;
#[cfg(feature = "subscribers")]
pub mod subscriber;

#[cfg(feature = "database")]
pub mod database;
#[cfg(feature = "database")]
pub mod outbox;
#[cfg(feature = "database")]
pub mod schema;
