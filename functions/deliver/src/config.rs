//! What the template sets.

use std::time::Duration;

use wagrun::{
    environment::{EnvironmentError, parsed_or, required},
    subscriber::Schemes,
};

use crate::Backoff;

/// Read once, at start-up.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the subscribers' parameters are, such as `/wagrun/subscribers`.
    pub subscribers_path: String,
    /// How long the subscribers are used before they are read again.
    pub subscriber_cache: Duration,
    /// The FIFO queue that deliveries come from.
    pub delivery_queue_url: String,
    /// The delay after each failed attempt.
    pub backoff: Backoff,
    /// Whether a webhook may be plain http.
    pub schemes: Schemes,
}

impl Config {
    /// From `SUBSCRIBERS_PATH`, `SUBSCRIBER_CACHE_SECONDS` (30), `DELIVERY_QUEUE_URL`, `RETRY_SECONDS` (the schedule
    /// of Standard Webhooks) and `ALLOW_HTTP_WEBHOOKS` (false).
    pub fn from_environment() -> Result<Self, EnvironmentError> {
        Ok(Self {
            subscribers_path: required("SUBSCRIBERS_PATH")?,
            subscriber_cache: Duration::from_secs(parsed_or(
                "SUBSCRIBER_CACHE_SECONDS",
                30,
                "a number of seconds",
            )?),
            delivery_queue_url: required("DELIVERY_QUEUE_URL")?,
            backoff: parsed_or(
                "RETRY_SECONDS",
                Backoff::default(),
                "a list of seconds with commas between",
            )?,
            schemes: if parsed_or("ALLOW_HTTP_WEBHOOKS", false, "true or false")? {
                Schemes::HttpOrHttps
            } else {
                Schemes::HttpsOnly
            },
        })
    }
}
