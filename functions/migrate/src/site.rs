//! The site that the commands work on: its database, its `manage.py` and its parameters.

use std::time::Duration;

use aws_sdk_ssm::Client;
use serde_json::{Map, Value};
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::time::timeout;
use wagrun_database::connection::{ConnectError, SessionSettings, TokenError};
use wagrun_database::schema::{self, DatabaseProof};

use crate::config::Config;
use crate::invocation::Invocation;
use crate::manage_py::{CommandEnv, ManagePy};
use crate::site_environment::{SiteEnvironment, SiteEnvironmentError};

/// Time without a query after which the server ends a session of migrate, and with it the lock. A run uses its session
/// every ten seconds, unless it is frozen or its network is gone.
const SESSION_IDLE_TIMEOUT: Duration = Duration::from_secs(40);
/// Longest time that closing a session may take. A half-open connection never answers.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Settings of the sessions that Django opens. The server cancels a statement within five seconds when its client is gone,
/// and notices a silent client within a minute.
const CHILD_SETTINGS: [(&str, &str); 4] = [
    ("client_connection_check_interval", "5000"),
    ("tcp_keepalives_idle", "20"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
];
const CAPTURE_OFF: (&str, &str) = ("wagrun.capture", "off");
const READ_ONLY: (&str, &str) = ("default_transaction_read_only", "on");

/// The site that the commands work on.
#[derive(Debug)]
pub struct Site {
    /// The function's configuration.
    pub config: Config,
    /// The site's `manage.py`.
    pub manage_py: ManagePy,
    /// The client for the parameter with the superuser's account.
    pub ssm: Client,
}

/// The rights of the database sessions that a command of `manage.py` opens, and their relation to the migration lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildSessions {
    /// Opened under the lock. They may do everything, and their changes become events.
    Captured,
    /// Opened under the lock. They may do everything, and their changes become no events.
    Uncaptured,
    /// Opened without the lock. They may do everything.
    Unlocked,
    /// Opened without the lock. They can only read.
    ReadOnly,
}

/// The environment of a command cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CommandEnvError {
    /// No password for the database can be signed.
    #[error("cannot sign a token for the site's own connections")]
    Token(#[from] TokenError),
    /// The site's variables cannot be read.
    #[error(transparent)]
    SiteEnvironment(#[from] SiteEnvironmentError),
}

impl Site {
    /// Opens a database session of migrate's own.
    pub async fn connect(&self, invocation: &Invocation) -> Result<PgConnection, ConnectError> {
        let name = format!("wagrun migrate {}", invocation.id);
        let session = SessionSettings {
            application_name: &name,
            idle_timeout: SESSION_IDLE_TIMEOUT,
            lock_timeout: None,
            server: &[],
        };
        self.config.database.connect(session).await
    }

    /// Returns the environment of a command. It names the database of [`Site::connect`], whatever migrate's own environment
    /// says, and the command refuses to work on another one. The proof's session has to stay open until the command has begun.
    ///
    /// # Errors
    /// Fails if no token for the database can be signed, or if `SITE_ENVIRONMENT` cannot be read.
    pub async fn command_env(
        &self,
        invocation: &Invocation,
        sessions: ChildSessions,
        proof: DatabaseProof,
    ) -> Result<CommandEnv, CommandEnvError> {
        let config = &self.config;
        let site = match &config.site_environment {
            Some(text) => SiteEnvironment::parse(text)?,
            None => SiteEnvironment::default(),
        };
        let connection = config
            .database
            .variables(config.ca_bundle.as_deref())
            .await?;
        let (name, settings) = session_settings(invocation, sessions);
        // The settings stand in both forms. libpq applies the first from the start of a session, and the site's own
        // OPTIONS may replace them. The second is applied a moment later.
        let options: Vec<String> = settings
            .iter()
            .map(|(name, value)| format!("-c {name}={value}"))
            .collect();
        let mut set: Map<String, Value> = settings
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect();
        set.insert("application_name".to_owned(), Value::from(name.clone()));
        let target = config.database.target();
        let site = site.compose(&connection);
        let mut variables: Vec<(String, String)> = connection
            .into_iter()
            .chain([
                ("PGOPTIONS", options.join(" ")),
                ("PGAPPNAME", name),
                ("WAGRUN_SESSION", Value::from(set).to_string()),
                ("WAGRUN_DATABASE", target),
                ("WAGRUN_DATABASE_PROOF", proof.key().to_string()),
            ])
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        if !config.has_secret_key {
            // A command signs nothing that lasts, so a site that insists on a key gets a random one.
            let key = uuid::Uuid::new_v4().to_string();
            variables.push(("SECRET_KEY".to_owned(), key));
        }
        // Last, so that the site's own variables count.
        variables.extend(site);
        Ok(CommandEnv {
            variables,
            stop_at: invocation.stop_at,
        })
    }
}

/// Returns the name and the settings of the sessions of a command.
fn session_settings(
    invocation: &Invocation,
    sessions: ChildSessions,
) -> (String, Vec<(&'static str, &'static str)>) {
    let mut settings = CHILD_SETTINGS.to_vec();
    match sessions {
        ChildSessions::Captured | ChildSessions::Unlocked => (),
        ChildSessions::Uncaptured => settings.push(CAPTURE_OFF),
        ChildSessions::ReadOnly => settings.push(READ_ONLY),
    }
    let name = match sessions {
        ChildSessions::Captured | ChildSessions::Uncaptured => {
            schema::child_session_name(&invocation.id)
        }
        ChildSessions::Unlocked | ChildSessions::ReadOnly => {
            format!("wagrun beside {}", invocation.id)
        }
    };
    (name, settings)
}

/// Closes a session, so that the server frees it at once. Without an answer the server frees it a little later.
pub async fn close(connection: PgConnection) {
    let closed = timeout(CLOSE_TIMEOUT, connection.close()).await;
    if !matches!(closed, Ok(Ok(()))) {
        tracing::warn!("database session not closed");
    }
}
