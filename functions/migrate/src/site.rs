//! The site that the commands work on: its database, its `manage.py` and its parameters.

use std::time::Duration;

use aws_sdk_ssm::Client;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::time::timeout;
use wagrun_database::connection::{ConnectError, SessionSettings};
use wagrun_database::schema;

use crate::config::Config;
use crate::invocation::Invocation;
use crate::manage_py::{CommandEnv, ManagePy};

/// Time without a query after which the server ends a session of migrate, and with it the lock. A run uses its session
/// every ten seconds, unless it is frozen or its network is gone.
const SESSION_IDLE_TIMEOUT: Duration = Duration::from_secs(40);
/// Longest time that closing a session may take. A half-open connection never answers.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Settings of the sessions that Django opens. The server cancels a statement within five seconds when its client is gone,
/// and notices a silent client within a minute.
const CHILD_SETTINGS: &str = "-c client_connection_check_interval=5000 -c tcp_keepalives_idle=20 \
                              -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3";
const CAPTURE_OFF: &str = "-c wagrun.capture=off";
const READ_ONLY: &str = "-c default_transaction_read_only=on";

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

    /// Returns the environment of a command. It names the database of [`Site::connect`], whatever migrate's own environment says.
    pub fn command_env(&self, invocation: &Invocation, sessions: ChildSessions) -> CommandEnv {
        let mut variables = self.config.database.variables().to_vec();
        let locked = schema::child_session_name(&invocation.id);
        let unlocked = format!("wagrun beside {}", invocation.id);
        let (settings, name) = match sessions {
            ChildSessions::Captured => (CHILD_SETTINGS.to_owned(), locked),
            ChildSessions::Uncaptured => (format!("{CHILD_SETTINGS} {CAPTURE_OFF}"), locked),
            ChildSessions::Unlocked => (CHILD_SETTINGS.to_owned(), unlocked),
            ChildSessions::ReadOnly => (format!("{CHILD_SETTINGS} {READ_ONLY}"), unlocked),
        };
        variables.extend([("PGOPTIONS", settings), ("PGAPPNAME", name)]);
        if !self.config.has_secret_key {
            // A command signs nothing that lasts, so a site that insists on a key gets a random one.
            variables.push(("SECRET_KEY", uuid::Uuid::new_v4().to_string()));
        }
        CommandEnv {
            variables,
            stop_at: invocation.stop_at,
        }
    }
}

/// Closes a session, so that the server frees it at once. Without an answer the server frees it a little later.
pub async fn close(connection: PgConnection) {
    let closed = timeout(CLOSE_TIMEOUT, connection.close()).await;
    if !matches!(closed, Ok(Ok(()))) {
        tracing::warn!("database session not closed");
    }
}
