//! What the template sets.

use std::time::Duration;

use wagrun_lambda::environment::{EnvironmentError, optional, parsed_or, required};

/// Read once, at start-up.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the subscribers' parameters are, such as `/wagrun/subscribers`.
    pub subscribers_path: String,
    /// How long the subscribers are used before they are read again.
    pub subscriber_cache: Duration,
    /// The FIFO queue in front of deliver.
    pub delivery_queue_url: String,
    /// The queue for deliveries that need no order and are made many at a time, where there is one.
    pub invalidation_queue_url: Option<String>,
}

impl Config {
    /// From `SUBSCRIBERS_PATH`, `SUBSCRIBER_CACHE_SECONDS` (30), `DELIVERY_QUEUE_URL` and
    /// `INVALIDATION_QUEUE_URL` (none).
    pub fn from_environment() -> Result<Self, EnvironmentError> {
        Ok(Self {
            subscribers_path: required("SUBSCRIBERS_PATH")?,
            subscriber_cache: Duration::from_secs(parsed_or(
                "SUBSCRIBER_CACHE_SECONDS",
                30,
                "a number of seconds",
            )?),
            delivery_queue_url: required("DELIVERY_QUEUE_URL")?,
            invalidation_queue_url: optional("INVALIDATION_QUEUE_URL"),
        })
    }
}
