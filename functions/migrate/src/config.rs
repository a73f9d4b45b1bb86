//! What `migrate` reads from its environment.

use std::path::PathBuf;

use wagrun_database::connection::DatabaseConfig;
use wagrun_lambda::environment::{self, EnvironmentError};

/// The function's configuration, read once.
#[derive(Debug, Clone)]
pub struct Config {
    /// The database, as the role that owns it.
    pub database: DatabaseConfig,
    /// The role that the web service connects as.
    pub web_user: String,
    /// The role that content-events connects as.
    pub relay_user: String,
    /// Where `manage.py` is.
    pub site_directory: PathBuf,
    /// The interpreter that has the site's packages.
    pub site_python: PathBuf,
    /// ARN of content-events, or none where the doorbell only writes its log line.
    pub doorbell_function: Option<String>,
    /// Name of the SSM parameter with the superuser's account.
    pub superuser_parameter: Option<String>,
    /// Whether what Django's migrations change becomes events, unless the request says otherwise.
    pub capture_migrations: bool,
    /// Further tables to watch, besides what Django calls content.
    pub watched_tables: Vec<String>,
}

impl Config {
    /// Reads `DATABASE_*`, `DATABASE_WEB_USER`, `DATABASE_RELAY_USER`, `SITE_DIRECTORY`, `SITE_PYTHON`, `DOORBELL`,
    /// `DOORBELL_FUNCTION`, `SUPERUSER_PARAMETER`, `CAPTURE_MIGRATIONS` (false) and `WATCHED_TABLES`.
    pub fn from_environment() -> Result<Self, EnvironmentError> {
        let doorbell = environment::required("DOORBELL")?;
        let doorbell_function = match doorbell.as_str() {
            "LambdaEndpoint" | "PublicAddress" => Some(environment::required("DOORBELL_FUNCTION")?),
            "Logs" => None,
            _ => {
                return Err(EnvironmentError::Invalid {
                    name: "DOORBELL",
                    value: doorbell,
                    expected: "LambdaEndpoint, PublicAddress or Logs",
                });
            }
        };
        let watched_tables = environment::optional("WATCHED_TABLES")
            .map(|list| {
                list.split(',')
                    .map(|table| table.trim().to_owned())
                    .collect()
            })
            .unwrap_or_default();
        Ok(Self {
            database: DatabaseConfig::from_environment()?,
            web_user: environment::required("DATABASE_WEB_USER")?,
            relay_user: environment::required("DATABASE_RELAY_USER")?,
            site_directory: environment::required("SITE_DIRECTORY")?.into(),
            site_python: environment::required("SITE_PYTHON")?.into(),
            doorbell_function,
            superuser_parameter: environment::optional("SUPERUSER_PARAMETER"),
            capture_migrations: environment::parsed_or(
                "CAPTURE_MIGRATIONS",
                false,
                "true or false",
            )?,
            watched_tables,
        })
    }
}
