//! What `content-events` reads from its environment.

use wagrun::database::DatabaseConfig;
use wagrun::environment::{self, EnvironmentError};

/// The function's configuration, read once.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the outbox is.
    pub database: DatabaseConfig,
    /// The FIFO topic.
    pub topic_arn: String,
    /// The events' `source`, `/wagrun/<stack>`.
    pub source: String,
    /// Days for which settled rows are kept.
    pub history_days: i32,
}

impl Config {
    /// Reads `DATABASE_*`, `TOPIC_ARN`, `EVENT_SOURCE` and `EVENT_HISTORY_DAYS` (30).
    pub fn from_environment() -> Result<Self, EnvironmentError> {
        Ok(Self {
            database: DatabaseConfig::from_environment()?,
            topic_arn: environment::required("TOPIC_ARN")?,
            source: environment::required("EVENT_SOURCE")?,
            history_days: environment::parsed_or("EVENT_HISTORY_DAYS", 30, "a number of days")?,
        })
    }
}
