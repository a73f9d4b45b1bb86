//! The function's configuration, read from the environment at start-up.

use std::time::Duration;

use wagrun_database::connection::DatabaseConfig;
use wagrun_lambda::environment::{self, EnvironmentError};
use wagrun_lambda::metric::Metrics;

/// The time after which a page that was inserted as live counts as published.
///
/// Wagtail's admin needs some hundred milliseconds between the insertion of a new page and its publication.
const DECISION_DELAY: Duration = Duration::from_secs(5);

/// The function's configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The database with the outbox.
    pub database: DatabaseConfig,
    /// The Aurora instance that a sweep leaves paused. `None` for a database that never pauses.
    pub database_instance: Option<String>,
    /// The time without a connection after which the database pauses.
    pub database_pause: Duration,
    /// The ARN of the FIFO topic.
    pub topic_arn: String,
    /// The `source` of the events, `/wagrun/<stack>`.
    pub source: String,
    /// The number of days for which settled events are kept.
    pub history_days: i32,
    /// The time after which a page that was inserted as live counts as published, if it is still live.
    pub decision_delay: Duration,
    /// The schedules for publishing at due times. `None` in a stack without migrate, or where another program publishes.
    pub schedules: Option<ScheduleConfig>,
    /// The metrics of the stack.
    pub metrics: Metrics,
}

/// The schedules of EventBridge Scheduler that invoke migrate to publish at due times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleConfig {
    /// The name of the schedule group, which holds only schedules of content-events.
    pub group: String,
    /// The ARN of the function that publishes.
    pub function_arn: String,
    /// The ARN of the role that may invoke the function.
    pub role_arn: String,
    /// The ARN of the queue for invocations that Scheduler gave up.
    pub dead_letter_queue_arn: String,
}

impl Config {
    /// Reads `DATABASE_*`, `DATABASE_INSTANCE`, `DATABASE_PAUSE_SECONDS` (300), `TOPIC_ARN`, `EVENT_SOURCE`,
    /// `EVENT_HISTORY_DAYS` (30) and `METRICS_NAMESPACE`. When `SCHEDULE_GROUP` is set, also reads `PUBLISH_FUNCTION_ARN`,
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
            decision_delay: DECISION_DELAY,
            schedules: environment::optional("SCHEDULE_GROUP")
                .map(ScheduleConfig::from_environment)
                .transpose()?,
            metrics: Metrics::from_environment()?,
        })
    }
}

impl ScheduleConfig {
    fn from_environment(group: String) -> Result<Self, EnvironmentError> {
        Ok(Self {
            group,
            function_arn: environment::required("PUBLISH_FUNCTION_ARN")?,
            role_arn: environment::required("PUBLISH_ROLE_ARN")?,
            dead_letter_queue_arn: environment::required("PUBLISH_DEAD_LETTER_QUEUE_ARN")?,
        })
    }
}
