//! The function's configuration, from its environment.

use std::path::PathBuf;

use wagrun_database::connection::DatabaseConfig;
use wagrun_lambda::environment::{self, EnvironmentError};

/// The function's configuration, read once at start-up.
#[derive(Debug, Clone)]
pub struct Config {
    /// The database, with the role that owns it.
    pub database: DatabaseConfig,
    /// The role that the web service connects as.
    pub web_user: String,
    /// The role that content-events connects as.
    pub relay_user: String,
    /// The directory of `manage.py`.
    pub site_directory: PathBuf,
    /// The Python interpreter that has the site's packages.
    pub site_python: PathBuf,
    /// ARN of content-events; none where the doorbell is a line of the database's log.
    pub doorbell_function: Option<String>,
    /// Name of the SSM parameter with the superuser's account.
    pub superuser_parameter: Option<String>,
    /// True to capture the changes of Django's migrations as events. A request may override it.
    pub capture_migrations: bool,
    /// Tables to watch besides those that Django reports as content.
    pub watched_tables: Vec<String>,
    /// True when the environment has `SECRET_KEY`, which `manage.py` inherits.
    pub has_secret_key: bool,
    /// The path of the certificates that verify the server, for the site's own connections.
    pub ca_bundle: Option<String>,
    /// The site's other variables in JSON. They are parsed by each command, whose answer then tells of an error.
    pub site_environment: Option<String>,
}

impl Config {
    /// Reads `DATABASE_*`, `DATABASE_WEB_USER`, `DATABASE_RELAY_USER`, `SITE_DIRECTORY`, `SITE_PYTHON`, `DOORBELL`,
    /// `DOORBELL_FUNCTION`, `SUPERUSER_PARAMETER`, `CAPTURE_MIGRATIONS` (false), `WATCHED_TABLES`,
    /// `DATABASE_CA_BUNDLE`, `SITE_ENVIRONMENT`, and whether there is a `SECRET_KEY`.
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
            has_secret_key: environment::optional("SECRET_KEY").is_some(),
            ca_bundle: environment::optional("DATABASE_CA_BUNDLE"),
            site_environment: environment::optional("SITE_ENVIRONMENT"),
        })
    }
}
