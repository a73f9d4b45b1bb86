//! The connection to the site's database: one, direct, and gone as soon as the work is done.
//!
//! There is no pool on purpose: an open connection keeps Aurora from pausing.

mod iam_token;
mod resuming;

use std::str::FromStr;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection};
use tokio::time::{Instant, timeout};

use wagrun_lambda::environment::{self, EnvironmentError};

pub use iam_token::{TokenError, TokenSigner};

const AUTHENTICATION: &str = "DATABASE_AUTH";
const SSL_MODE: &str = "DATABASE_SSL_MODE";

/// The self-signed roots of every region's RDS servers, which are in no public store; from AWS's own trust store,
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.SSL.html>.
const RDS_ROOTS: &[u8] = include_bytes!("../certs/rds-roots.pem");

/// How long a database may take to resume; Aurora says fifteen seconds, and thirty or more after a day asleep.
const LONGEST_RESUME: Duration = Duration::from_secs(90);
/// How long one attempt may take: a resuming server accepts a connection long before it answers.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(30);
/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// The behaviour of a session.
#[derive(Debug, Clone, Copy)]
pub struct Session<'a> {
    /// The name by which the server shows it.
    pub application_name: &'a str,
    /// The time without a query after which the server ends it.
    pub idle: Duration,
    /// The longest wait of a statement for a lock; without one as long as the server says.
    pub lock_timeout: Option<Duration>,
}

/// Where the database is and who connects.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    options: PgConnectOptions,
    authentication: Authentication,
}

/// How the role proves who it is.
#[derive(Debug, Clone)]
enum Authentication {
    /// The server trusts the address that we come from.
    None,
    /// By a signed token; the signer is there once [`DatabaseConfig::sign_with`] was called.
    Iam(Option<TokenSigner>),
}

/// The database could not be reached, or the session could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("can't connect to {target} within {seconds} s and {attempts} attempts")]
pub struct ConnectError {
    target: String,
    seconds: u64,
    attempts: u32,
    source: AttemptError,
}

/// Why the last attempt failed.
#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    /// The server, or the network, said no.
    #[error(transparent)]
    Server(sqlx::Error),
    /// Nobody answered.
    #[error("no answer in {} s", LONGEST_ATTEMPT.as_secs())]
    NoAnswer,
    /// No token could be made.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Something between us and the server hands statements of one session to several: a lock would be stranded in one
    /// that we never see again.
    #[error(
        "the session's settings do not reach the server, so that a connection pooler such as PgBouncer must be in \
         between, where no session lock holds: connect to PostgreSQL itself"
    )]
    Pooled(#[source] Option<sqlx::Error>),
}

impl AttemptError {
    fn of(error: sqlx::Error) -> Self {
        // PgBouncer knows few settings, and refuses a session that asks for another unless it is told to drop it.
        let refuses_settings = error.as_database_error().is_some_and(|answer| {
            answer
                .message()
                .starts_with("unsupported startup parameter")
        });
        if refuses_settings {
            Self::Pooled(Some(error))
        } else {
            Self::Server(error)
        }
    }

    fn may_be_resuming(&self) -> bool {
        match self {
            Self::Server(error) => resuming::may_be_resuming(error),
            Self::NoAnswer => true,
            Self::Token(_) | Self::Pooled(_) => false,
        }
    }
}

impl DatabaseConfig {
    /// Reads `DATABASE_HOST`, `DATABASE_PORT` (5432), `DATABASE_NAME`, `DATABASE_USER`, `DATABASE_SSL_MODE`
    /// (verify-full) and `DATABASE_AUTH` (`iam`, or `none` where the server trusts the address, as a local one does).
    pub fn from_environment() -> Result<Self, EnvironmentError> {
        let ssl_mode = match environment::optional(SSL_MODE) {
            None => PgSslMode::VerifyFull,
            Some(value) => PgSslMode::from_str(&value).map_err(|_| EnvironmentError::Invalid {
                name: SSL_MODE,
                value,
                expected: "disable, require, verify-ca or verify-full",
            })?,
        };
        let options = PgConnectOptions::new_without_pgpass()
            .host(&environment::required("DATABASE_HOST")?)
            .port(environment::parsed_or(
                "DATABASE_PORT",
                5432,
                "a port number",
            )?)
            .database(&environment::required("DATABASE_NAME")?)
            .username(&environment::required("DATABASE_USER")?)
            .ssl_mode(ssl_mode)
            .ssl_root_cert_from_pem(RDS_ROOTS.to_vec());
        let authentication = match environment::required(AUTHENTICATION)?.as_str() {
            "iam" => Authentication::Iam(None),
            "none" => Authentication::None,
            other => {
                return Err(EnvironmentError::Invalid {
                    name: AUTHENTICATION,
                    value: other.to_owned(),
                    expected: "iam or none",
                });
            }
        };
        Ok(Self {
            options,
            authentication,
        })
    }

    /// Gives it the credentials that IAM authentication signs with; without effect where none are needed.
    ///
    /// Apart from reading the environment, so that a missing variable is named before the SDK looks for a region.
    pub fn sign_with(&mut self, sdk: &SdkConfig) -> Result<(), TokenError> {
        if let Authentication::Iam(signer) = &mut self.authentication {
            *signer = Some(TokenSigner::new(sdk)?);
        }
        Ok(())
    }

    /// A server that trusts who connects, with options that are already at hand.
    pub fn trusted(options: PgConnectOptions) -> Self {
        Self {
            options,
            authentication: Authentication::None,
        }
    }

    /// The same as variables, for a child process that is to connect where we do.
    pub fn variables(&self) -> [(&'static str, String); 6] {
        let options = &self.options;
        let ssl_mode = match options.get_ssl_mode() {
            PgSslMode::Disable => "disable",
            PgSslMode::Allow => "allow",
            PgSslMode::Prefer => "prefer",
            PgSslMode::Require => "require",
            PgSslMode::VerifyCa => "verify-ca",
            PgSslMode::VerifyFull => "verify-full",
        };
        let authentication = match self.authentication {
            Authentication::Iam(_) => "iam",
            Authentication::None => "none",
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
            (AUTHENTICATION, authentication.to_owned()),
        ]
    }

    /// Connects with a session that gives itself up: the server ends it when it is idle for too long, and notices
    /// within a minute when the client is gone without a word, so that a killed function strands neither its lock nor the pause.
    ///
    /// Waits up to ninety seconds for a database that is resuming, with a fresh token for each attempt; what can't be
    /// resuming (a wrong name, an unknown role) fails at once, and so does a connection through a pooler.
    pub async fn connect(&self, session: Session<'_>) -> Result<PgConnection, ConnectError> {
        let options = self.session_options(session);
        let started = Instant::now();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let source = match self.attempt(&options, session.idle).await {
                Ok(connection) => return Ok(connection),
                Err(source) => source,
            };
            if source.may_be_resuming() && started.elapsed() + PAUSE < LONGEST_RESUME {
                tracing::info!(
                    attempts,
                    error = wagrun_lambda::telemetry::chain(&source),
                    "the database is not there yet"
                );
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            return Err(ConnectError {
                target: format!(
                    "database {:?} on {}:{} as {:?}",
                    options.get_database().unwrap_or_default(),
                    options.get_host(),
                    options.get_port(),
                    options.get_username(),
                ),
                seconds: started.elapsed().as_secs(),
                attempts,
                source,
            });
        }
    }

    async fn attempt(
        &self,
        options: &PgConnectOptions,
        idle: Duration,
    ) -> Result<PgConnection, AttemptError> {
        let mut options = options.clone();
        if let Authentication::Iam(signer) = &self.authentication {
            let token = signer
                .as_ref()
                .ok_or(TokenError::Missing("credentials"))?
                .token(
                    self.options.get_host(),
                    self.options.get_port(),
                    self.options.get_username(),
                    SystemTime::now(),
                )
                .await?;
            options = options.password(&token);
        }
        let connected = timeout(LONGEST_ATTEMPT, async {
            let mut connection = PgConnection::connect_with(&options)
                .await
                .map_err(AttemptError::of)?;
            if has_settings(&mut connection, idle)
                .await
                .map_err(AttemptError::Server)?
            {
                Ok(connection)
            } else {
                Err(AttemptError::Pooled(None))
            }
        });
        connected.await.unwrap_or(Err(AttemptError::NoAnswer))
    }

    fn session_options(&self, session: Session<'_>) -> PgConnectOptions {
        let idle = session.idle.as_millis().to_string();
        let lock_timeout = session.lock_timeout.map(|it| it.as_millis().to_string());
        self.options
            .clone()
            .application_name(session.application_name)
            // The session lives for one invocation: nothing is gained by keeping prepared statements for later ones.
            .statement_cache_capacity(16)
            .options([
                ("idle_session_timeout", idle.as_str()),
                ("idle_in_transaction_session_timeout", idle.as_str()),
                ("tcp_keepalives_idle", "20"),
                ("tcp_keepalives_interval", "10"),
                ("tcp_keepalives_count", "3"),
                ("tcp_user_timeout", "60000"),
                // A statement that waits for a lock would otherwise outlive a client that was killed.
                ("client_connection_check_interval", "5000"),
                // Whatever the server's setting is: what is acted upon outside must not be forgotten by a crash.
                ("synchronous_commit", "on"),
            ])
            .options(lock_timeout.iter().map(|it| ("lock_timeout", it.as_str())))
            .disable_statement_logging()
    }
}

/// Whether the session is what was asked for.
async fn has_settings(connection: &mut PgConnection, idle: Duration) -> Result<bool, sqlx::Error> {
    let set: Option<String> =
        sqlx::query_scalar("select setting from pg_settings where name = 'idle_session_timeout'")
            .fetch_optional(connection)
            .await?;
    Ok(set == Some(idle.as_millis().to_string()))
}
