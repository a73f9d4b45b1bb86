//! What `content-events` reads from its environment.

use std::time::Duration;

use wagrun_database::connection::DatabaseConfig;
use wagrun_lambda::environment::{self, EnvironmentError};
use wagrun_lambda::metric::Metrics;

/// The function's configuration, read once.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the outbox is.
    pub database: DatabaseConfig,
    /// The Aurora instance whose sleep a sweep leaves alone; none for a database that never pauses.
    pub database_instance: Option<String>,
    /// The time without a connection after which it pauses.
    pub database_pause: Duration,
    /// The FIFO topic.
    pub topic_arn: String,
    /// The events' `source`, `/wagrun/<stack>`.
    pub source: String,
    /// Days for which settled rows are kept.
    pub history_days: i32,
    /// What publishes what is due; none in a stack without migrate, or where somebody else does it.
    pub publishing: Option<Publishing>,
    /// Where the age of what waits is told.
    pub metrics: Metrics,
}

/// What a schedule of EventBridge Scheduler is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publishing {
    /// Name of the schedule group, which holds nothing but our schedules.
    pub group: String,
    /// ARN of the function that publishes.
    pub function_arn: String,
    /// ARN of the role that may invoke it.
    pub role_arn: String,
    /// ARN of the queue for an invocation that Scheduler gave up.
    pub dead_letter_queue_arn: String,
}

impl Config {
    /// Reads `DATABASE_*`, `DATABASE_INSTANCE`, `DATABASE_PAUSE_SECONDS` (300), `TOPIC_ARN`, `EVENT_SOURCE`,
    /// `EVENT_HISTORY_DAYS` (30), `METRICS_NAMESPACE`, and where `SCHEDULE_GROUP` is set `PUBLISH_FUNCTION_ARN`,
    /// `PUBLISH_ROLE_ARN` and `PUBLISH_DEAD_LETTER_QUEUE_ARN`.
    pub fn from_environment() -> Result<Self, EnvironmentError> {
        Ok(Self {
            database: DatabaseConfig::from_environment()?,
            database_instance: environment::optional("DATABASE_INSTANCE"),
            database_pause: Duration::from_secs(environment::parsed_or(
                "DATABASE_PAUSE_SECONDS",
                300,
                "a number of seconds",
            )?),
            topic_arn: environment::required("TOPIC_ARN")?,
            source: environment::required("EVENT_SOURCE")?,
            history_days: environment::parsed_or("EVENT_HISTORY_DAYS", 30, "a number of days")?,
            publishing: environment::optional("SCHEDULE_GROUP")
                .map(Publishing::from_environment)
                .transpose()?,
            metrics: Metrics::from_environment()?,
        })
    }
}

impl Publishing {
    fn from_environment(group: String) -> Result<Self, EnvironmentError> {
        Ok(Self {
            group,
            function_arn: environment::required("PUBLISH_FUNCTION_ARN")?,
            role_arn: environment::required("PUBLISH_ROLE_ARN")?,
            dead_letter_queue_arn: environment::required("PUBLISH_DEAD_LETTER_QUEUE_ARN")?,
        })
    }
}
