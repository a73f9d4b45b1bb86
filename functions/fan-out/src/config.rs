//! The settings that the template gives the function.

use std::time::Duration;

use wagrun_delivery::subscriber::Rules;
use wagrun_lambda::environment::{EnvironmentError, optional, parsed_or, required};

/// The settings, read once at start-up.
#[derive(Debug, Clone)]
pub struct Config {
    /// The path of the subscribers' parameters, such as `/wagrun/subscribers`.
    pub subscribers_path: String,
    /// The time for which subscribers are used before they are read again.
    pub subscriber_cache: Duration,
    /// The bucket of the subscriber directory. Without one, fan-out reads all parameters itself.
    pub directory_bucket: Option<String>,
    /// The delivery queue (FIFO).
    pub delivery_queue_url: String,
    /// The invalidation queue (standard); none when it is not deployed.
    pub invalidation_queue_url: Option<String>,
    /// The rules for subscribers' parameters, which are those of deliver.
    pub rules: Rules,
}

impl Config {
    /// Reads `SUBSCRIBERS_PATH`, `SUBSCRIBER_CACHE_SECONDS` (30), `DIRECTORY_BUCKET` (none), `DELIVERY_QUEUE_URL`,
    /// `INVALIDATION_QUEUE_URL` (none), and the variables of [`Rules::from_environment`].
    pub fn from_environment() -> Result<Self, EnvironmentError> {
        Ok(Self {
            subscribers_path: required("SUBSCRIBERS_PATH")?,
            subscriber_cache: Duration::from_secs(parsed_or(
                "SUBSCRIBER_CACHE_SECONDS",
                30,
                "a number of seconds",
            )?),
            directory_bucket: optional("DIRECTORY_BUCKET"),
            delivery_queue_url: required("DELIVERY_QUEUE_URL")?,
            invalidation_queue_url: optional("INVALIDATION_QUEUE_URL"),
            rules: Rules::from_environment()?,
        })
    }
}
