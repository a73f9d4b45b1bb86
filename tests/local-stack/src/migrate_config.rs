//! The configuration of migrate for a database of a test or a bench, without the function around it.

use testing::checkout;
use wagrun_database::connection::DatabaseConfig;

use crate::tools::Tools;

/// The role of the web service.
pub const WEB_ROLE: &str = "wagtail_web";
/// The role of content-events.
pub const RELAY_ROLE: &str = "wagrun_relay";

/// Returns the configuration for the stock site. There is no doorbell, no superuser and no further variable.
pub fn migrate_config(database: DatabaseConfig, tools: &Tools) -> migrate::Config {
    migrate::Config {
        database,
        web_user: WEB_ROLE.to_owned(),
        relay_user: RELAY_ROLE.to_owned(),
        site_directory: checkout().join("site"),
        site_python: tools.program("site", "python"),
        doorbell_function: None,
        superuser_parameter: None,
        capture_migrations: false,
        watched_tables: Vec::new(),
        has_secret_key: false,
        ca_bundle: None,
        site_environment: None,
    }
}
