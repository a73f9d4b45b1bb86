//! The settings that the template gives the function.

use std::time::Duration;

use wagrun_delivery::subscriber::{RetrySchedule, Rules};
use wagrun_lambda::environment::{EnvironmentError, optional, parsed_or, required};
use wagrun_lambda::metric::Metrics;

use crate::backlog::PacingLimits;
use crate::target::Reach;

/// The settings, read once at start-up.
#[derive(Debug, Clone)]
pub struct Config {
    /// The path of the subscribers' parameters, such as `/wagrun/subscribers`.
    pub subscribers_path: String,
    /// The time for which parameters are used before they are read again.
    pub subscriber_cache: Duration,
    /// The bucket of the subscriber directory. Without one, deliver reads all parameters itself.
    pub directory_bucket: Option<String>,
    /// The FIFO queue that deliveries come from.
    pub delivery_queue_url: String,
    /// The queue that invalidations come from; none when it is not deployed.
    pub invalidation_queue_url: Option<String>,
    /// The retry schedule of subscribers that have none of their own.
    pub schedule: RetrySchedule,
    /// The path of the backlogs' parameters, such as `/wagrun/backlogs`.
    pub backlogs_path: String,
    /// The bucket for deliveries that are set aside.
    pub backlog_bucket: String,
    /// The queue for deliveries that are set aside and given up.
    pub dead_letter_queue_url: String,
    /// Number of waiting deliveries from which on a subscriber that fails twice is set aside.
    pub crowded_at: u64,
    /// The limits from which a slow subscriber is paced.
    pub pacing: PacingLimits,
    /// The rules for subscribers' parameters.
    pub rules: Rules,
    /// The addresses that a receiver may have.
    pub reach: Reach,
    /// The topic for events about subscribers that were switched off.
    pub topic_arn: String,
    /// The events' `source`, `/wagrun/<stack>`.
    pub source: String,
    /// Counts the attempts.
    pub metrics: Metrics,
}

impl Config {
    /// Reads `SUBSCRIBERS_PATH`, `SUBSCRIBER_CACHE_SECONDS` (30), `DIRECTORY_BUCKET` (none), `DELIVERY_QUEUE_URL`,
    /// `INVALIDATION_QUEUE_URL` (none), `RETRY_SECONDS` (the schedule of Standard Webhooks), `BACKLOGS_PATH`, `BACKLOG_BUCKET`,
    /// `DELIVERY_DEAD_LETTER_QUEUE_URL`, `CROWDED_DELIVERIES` (30000), `COPIES` (4), `TOPIC_ARN`, `EVENT_SOURCE`, `METRICS_NAMESPACE`, and the
    /// variables of [`Rules::from_environment`].
    pub fn from_environment() -> Result<Self, EnvironmentError> {
        let rules = Rules::from_environment()?;
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
            schedule: parsed_or(
                "RETRY_SECONDS",
                RetrySchedule::default(),
                "a list of seconds with commas between",
            )?,
            backlogs_path: required("BACKLOGS_PATH")?,
            backlog_bucket: required("BACKLOG_BUCKET")?,
            dead_letter_queue_url: required("DELIVERY_DEAD_LETTER_QUEUE_URL")?,
            crowded_at: parsed_or("CROWDED_DELIVERIES", 30_000, "a number of deliveries")?,
            pacing: PacingLimits::new(parsed_or("COPIES", 4, "a number of copies")?),
            rules,
            reach: Reach::with(rules.schemes),
            topic_arn: required("TOPIC_ARN")?,
            source: required("EVENT_SOURCE")?,
            metrics: Metrics::from_environment()?,
        })
    }
}
