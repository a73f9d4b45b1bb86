//! What `content-events` reads from its environment.

use wagrun::database::DatabaseConfig;
use wagrun::environment::{self, EnvironmentError};
use wagrun::metric::Metrics;

/// The function's configuration, read once.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the outbox is.
    pub database: DatabaseConfig,
    /// The Aurora instance whose sleep a sweep leaves alone; none for a database that never pauses.
    pub database_instance: Option<String>,
    /// The FIFO topic.
    pub topic_arn: String,
    /// The events' `source`, `/wagrun/<stack>`.
    pub source: String,
    /// Days for which settled rows are kept.
    pub history_days: i32,
    /// Where the age of what waits is told.
    pub metrics: Metrics,
}

impl Config {
    /// Reads `DATABASE_*`, `DATABASE_INSTANCE`, `TOPIC_ARN`, `EVENT_SOURCE`, `EVENT_HISTORY_DAYS` (30) and
    /// `METRICS_NAMESPACE`.
    pub fn from_environment() -> Result<Self, EnvironmentError> {
        Ok(Self {
            database: DatabaseConfig::from_environment()?,
            database_instance: environment::optional("DATABASE_INSTANCE"),
            topic_arn: environment::required("TOPIC_ARN")?,
            source: environment::required("EVENT_SOURCE")?,
            history_days: environment::parsed_or("EVENT_HISTORY_DAYS", 30, "a number of days")?,
            metrics: Metrics::from_environment()?,
        })
    }
}
