//! What `content-events` reads from its environment.

use aws_config::SdkConfig;
use wagrun::database::{ConfigError, DatabaseConfig};
use wagrun::environment;

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
}

impl Config {
    /// Reads `DATABASE_*`, `DATABASE_INSTANCE`, `TOPIC_ARN`, `EVENT_SOURCE` and `EVENT_HISTORY_DAYS` (30).
    pub fn from_environment(sdk: &SdkConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            database: DatabaseConfig::from_environment(sdk)?,
            database_instance: environment::optional("DATABASE_INSTANCE"),
            topic_arn: environment::required("TOPIC_ARN")?,
            source: environment::required("EVENT_SOURCE")?,
            history_days: environment::parsed_or("EVENT_HISTORY_DAYS", 30, "a number of days")?,
        })
    }
}
