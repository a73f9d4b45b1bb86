//! What every command needs: the database, Django, and the time that is left.

use aws_sdk_ssm::Client;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use wagrun_database::connection::{ConnectError, SessionSettings};
use wagrun_database::schema;

use crate::config::Config;
use crate::manage::{Manage, Surroundings};

/// How long a session of ours may sit idle before the server ends it, and with it the lock. A run uses its session
/// every ten seconds; one that is frozen, or whose network is gone, does not.
const SESSION_IDLE: Duration = Duration::from_secs(40);
/// How long closing a session may take; a half-open connection never answers.
const LONGEST_GOODBYE: Duration = Duration::from_secs(5);

/// Settings of the sessions that Django opens: a statement whose client is gone is cancelled within five seconds instead
/// of running to its end, and a silent client is noticed within a minute.
const CHILD_SETTINGS: &str = "-c client_connection_check_interval=5000 -c tcp_keepalives_idle=20 \
                              -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3";
const CAPTURE_OFF: &str = "-c wagrun.capture=off";
const READ_ONLY: &str = "-c default_transaction_read_only=on";

/// Runs migrate's commands; one for the life of the process.
#[derive(Debug)]
pub struct Migrator {
    pub(crate) config: Config,
    pub(crate) manage: Manage,
    pub(crate) ssm: Client,
}

/// One invocation, as far as the work needs to know it.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The invocation's id, for the history and for whoever waits for this run.
    pub asked_by: String,
    /// The image that is being deployed, where it is known.
    pub deploy: Option<String>,
    /// Whether Django's migrations are captured; the configuration's choice when it is not said.
    pub capture: Option<bool>,
    /// True for CloudFormation's `Update`, by which it also takes a failed deployment back.
    pub may_be_rollback: bool,
    /// When the work has to be over.
    pub stop_at: Instant,
}

/// What the sessions of a child may do, and whether they have to end with the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sessions {
    /// Under the lock: everything, and what they change becomes events.
    Captured,
    /// Under the lock: everything, unseen.
    Uncaptured,
    /// Beside whoever has the lock: everything.
    Beside,
    /// Beside whoever has the lock: look only.
    ReadOnly,
}

impl Migrator {
    /// A migrator with its SSM client.
    pub fn new(config: Config, sdk: &aws_config::SdkConfig) -> Self {
        let manage = Manage {
            directory: config.site_directory.clone(),
            python: config.site_python.clone(),
        };
        Self {
            config,
            manage,
            ssm: Client::new(sdk),
        }
    }

    /// A session of our own.
    pub(crate) async fn connect(&self, ask: &Ask) -> Result<PgConnection, ConnectError> {
        let name = format!("wagrun migrate {}", ask.asked_by);
        let session = SessionSettings {
            application_name: &name,
            idle_timeout: SESSION_IDLE,
            lock_timeout: None,
        };
        self.config.database.connect(session).await
    }

    /// The surroundings of Django, on the very database that we are on, whatever else the environment says.
    pub(crate) fn surroundings(&self, ask: &Ask, sessions: Sessions) -> Surroundings {
        let mut environment = self.config.database.variables().to_vec();
        let under_lock = schema::child_session_name(&ask.asked_by);
        let beside = format!("wagrun beside {}", ask.asked_by);
        let (settings, name) = match sessions {
            Sessions::Captured => (CHILD_SETTINGS.to_owned(), under_lock),
            Sessions::Uncaptured => (format!("{CHILD_SETTINGS} {CAPTURE_OFF}"), under_lock),
            Sessions::Beside => (CHILD_SETTINGS.to_owned(), beside),
            Sessions::ReadOnly => (format!("{CHILD_SETTINGS} {READ_ONLY}"), beside),
        };
        environment.extend([("PGOPTIONS", settings), ("PGAPPNAME", name)]);
        if wagrun_lambda::environment::optional("SECRET_KEY").is_none() {
            // Nothing that lasts is signed here, so a site that insists on a key gets one of the moment.
            environment.push(("SECRET_KEY", uuid::Uuid::new_v4().to_string()));
        }
        Surroundings {
            environment,
            stop_at: ask.stop_at,
        }
    }
}

/// Says goodbye, so that the server frees the session at once; without an answer it frees it all the same, a bit later.
pub async fn close(connection: PgConnection) {
    let outcome = timeout(LONGEST_GOODBYE, connection.close()).await;
    if !matches!(outcome, Ok(Ok(()))) {
        tracing::warn!("the database did not say goodbye");
    }
}
