//! The parts that fan-out and deliver share: subscribers and their parameters, deliveries, and the queues they wait in.

mod delivery;
pub mod directory;
pub mod parameter_cache;
pub mod parameter_history;
pub mod partial_batch;
pub mod queue;
pub mod subscriber;

pub use delivery::{Delivery, deduplication_id, lane};
