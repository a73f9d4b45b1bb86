//! The connection to the site's database: one, direct, and gone as soon as the work is done.
//!
//! There is no pool on purpose: an open connection keeps Aurora from pausing.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection};

use crate::environment::{self, EnvironmentError};

const SSL_MODE: &str = "DATABASE_SSL_MODE";

/// Where the database is and who connects.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    options: PgConnectOptions,
}

/// The database could not be reached, or the session could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("can't connect to {target}")]
pub struct ConnectError {
    target: String,
    source: sqlx::Error,
}

impl DatabaseConfig {
    /// Reads `DATABASE_HOST`, `DATABASE_PORT` (5432), `DATABASE_NAME`, `DATABASE_USER` and `DATABASE_SSL_MODE` (verify-full).
    pub fn from_environment() -> Result<Self, EnvironmentError> {
        let ssl_mode = match environment::optional(SSL_MODE) {
            None => PgSslMode::VerifyFull,
            Some(value) => PgSslMode::from_str(&value).map_err(|_| EnvironmentError::Invalid {
                name: SSL_MODE,
                value,
                expected: "disable, require, verify-ca or verify-full",
            })?,
        };
        Ok(Self::new(
            PgConnectOptions::new_without_pgpass()
                .host(&environment::required("DATABASE_HOST")?)
                .port(environment::parsed_or(
                    "DATABASE_PORT",
                    5432,
                    "a port number",
                )?)
                .database(&environment::required("DATABASE_NAME")?)
                .username(&environment::required("DATABASE_USER")?)
                .ssl_mode(ssl_mode),
        ))
    }

    /// The same for options that are already at hand.
    pub fn new(options: PgConnectOptions) -> Self {
        Self { options }
    }

    /// The same as variables, for a child process that is to connect where we do.
    pub fn variables(&self) -> [(&'static str, String); 5] {
        let options = &self.options;
        let ssl_mode = match options.get_ssl_mode() {
            PgSslMode::Disable => "disable",
            PgSslMode::Allow => "allow",
            PgSslMode::Prefer => "prefer",
            PgSslMode::Require => "require",
            PgSslMode::VerifyCa => "verify-ca",
            PgSslMode::VerifyFull => "verify-full",
        };
        [
            ("DATABASE_HOST", options.get_host().to_owned()),
            ("DATABASE_PORT", options.get_port().to_string()),
            (
                "DATABASE_NAME",
                options.get_database().unwrap_or_default().to_owned(),
            ),
            ("DATABASE_USER", options.get_username().to_owned()),
            (SSL_MODE, ssl_mode.to_owned()),
        ]
    }

    /// Connects with a session that gives itself up: the server ends it after `idle` without a query, and notices
    /// within a minute when the client is gone without a word, so that a killed function strands neither its lock nor the pause.
    pub async fn connect(
        &self,
        application_name: &str,
        idle: Duration,
    ) -> Result<PgConnection, ConnectError> {
        let options = self
            .options
            .clone()
            .application_name(application_name)
            // The session lives for one invocation: nothing is gained by keeping prepared statements for later ones.
            .statement_cache_capacity(16)
            .options([
                ("idle_session_timeout", format!("{}", idle.as_millis())),
                (
                    "idle_in_transaction_session_timeout",
                    format!("{}", idle.as_millis()),
                ),
                ("tcp_keepalives_idle", "20".to_owned()),
                ("tcp_keepalives_interval", "10".to_owned()),
                ("tcp_keepalives_count", "3".to_owned()),
                ("tcp_user_timeout", "60000".to_owned()),
            ])
            .disable_statement_logging();
        PgConnection::connect_with(&options)
            .await
            .map_err(|source| ConnectError {
                target: format!(
                    "database {:?} on {}:{} as {:?}",
                    options.get_database().unwrap_or_default(),
                    options.get_host(),
                    options.get_port(),
                    options.get_username(),
                ),
                source,
            })
    }
}
