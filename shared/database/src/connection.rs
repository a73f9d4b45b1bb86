//! The connection to the site's database: a single direct connection that is closed as soon as the work is done.
//!
//! There is no pool on purpose: an open connection keeps Aurora from pausing.

mod child_process;
mod error;
mod iam_token;
mod resuming;

use std::str::FromStr;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row as _};
use tokio::time::{Instant, timeout};
use wagrun_lambda::environment::{self, EnvironmentError};

use error::ATTEMPT_TIMEOUT;

pub use error::{AttemptError, ConnectError};
pub use iam_token::{TokenError, TokenSigner};

const AUTHENTICATION: &str = "DATABASE_AUTH";
const SSL_MODE: &str = "DATABASE_SSL_MODE";

/// The self-signed root certificates of the RDS servers of every region, which are in no public store. They come from
/// AWS's own trust store,
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.SSL.html>.
const RDS_ROOTS: &[u8] = include_bytes!("../certs/rds-roots.pem");

/// Time limit for a paused database to resume. Aurora documents fifteen seconds, and thirty or more after a day of pause.
const RESUME_TIMEOUT: Duration = Duration::from_secs(90);
/// Pause between two connection attempts.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The settings of a session.
#[derive(Debug, Clone, Copy)]
pub struct SessionSettings<'a> {
    /// The name under which the server lists the session.
    pub application_name: &'a str,
    /// The time without a query after which the server ends the session.
    pub idle_timeout: Duration,
    /// The maximum wait of a statement for a lock. `None` keeps the server's setting.
    pub lock_timeout: Option<Duration>,
    /// Other settings of the server, by name.
    pub server: &'a [(&'a str, &'a str)],
}

/// The address of the database and the role that connects.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    options: PgConnectOptions,
    authentication: Authentication,
}

/// The method by which the role authenticates.
#[derive(Debug, Clone)]
enum Authentication {
    /// The server trusts the client's address.
    None,
    /// A signed token is the password. The signer is present once [`DatabaseConfig::sign_with`] was called.
    Iam(Option<TokenSigner>),
}

impl DatabaseConfig {
    /// Reads `DATABASE_HOST`, `DATABASE_PORT` (5432), `DATABASE_NAME`, `DATABASE_USER`, `DATABASE_SSL_MODE`
    /// (verify-full) and `DATABASE_AUTH`. The last is `iam`, or `none` where the server trusts the client's address, as a
    /// local server does.
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

    /// Sets the credentials that IAM authentication signs with. Does nothing where no token is needed.
    ///
    /// This is a step after [`Self::from_environment`], so that an error names a missing variable before the SDK looks for
    /// a region.
    pub fn sign_with(&mut self, sdk: &SdkConfig) -> Result<(), TokenError> {
        if let Authentication::Iam(signer) = &mut self.authentication {
            *signer = Some(TokenSigner::new(sdk)?);
        }
        Ok(())
    }

    /// Returns the configuration of a server that trusts the client's address.
    pub fn trusted(options: PgConnectOptions) -> Self {
        Self {
            options,
            authentication: Authentication::None,
        }
    }

    /// Connects with a session that the server ends by itself when the client is gone.
    ///
    /// The server ends the session when it is idle for longer than `idle_timeout`. It notices within a minute that the
    /// client's machine has vanished. So a killed function leaves no lock behind and does not keep the database awake.
    ///
    /// # Errors
    /// Waits up to ninety seconds for a database that is resuming, and makes a new token for each attempt. An error that
    /// a resuming database does not cause fails at once: a wrong name, an unknown role, or a connection pooler.
    pub async fn connect(
        &self,
        settings: SessionSettings<'_>,
    ) -> Result<PgConnection, ConnectError> {
        let options = self.session_options(settings);
        let started = Instant::now();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let source = match self.attempt(&options, settings.idle_timeout).await {
                Ok(connection) => {
                    if attempts > 1 {
                        tracing::info!(
                            attempts,
                            waited_ms = milliseconds(started),
                            "database resumed"
                        );
                    }
                    return Ok(connection);
                }
                Err(source) => source,
            };
            if source.may_be_resuming() && started.elapsed() + RETRY_INTERVAL < RESUME_TIMEOUT {
                if attempts == 1 {
                    let error = wagrun_lambda::telemetry::chain(&source);
                    tracing::info!(error, "waiting for the database to resume");
                }
                tokio::time::sleep(RETRY_INTERVAL).await;
                continue;
            }
            return Err(ConnectError {
                target: self.target(),
                seconds: started.elapsed().as_secs(),
                attempts,
                source,
            });
        }
    }

    /// Returns the database, its server and the role, for people.
    pub fn target(&self) -> String {
        let options = &self.options;
        format!(
            "database {:?} on {}:{} as {:?}",
            options.get_database().unwrap_or_default(),
            options.get_host(),
            options.get_port(),
            options.get_username(),
        )
    }

    /// Returns a new token as the password; none where the server asks for none.
    #[expect(clippy::disallowed_methods, reason = "a token is valid from now on")]
    async fn password(&self) -> Result<Option<String>, TokenError> {
        let Authentication::Iam(signer) = &self.authentication else {
            return Ok(None);
        };
        let options = &self.options;
        signer
            .as_ref()
            .ok_or(TokenError::Missing("credentials"))?
            .token(
                options.get_host(),
                options.get_port(),
                options.get_username(),
                SystemTime::now(),
            )
            .await
            .map(Some)
    }

    async fn attempt(
        &self,
        options: &PgConnectOptions,
        idle_timeout: Duration,
    ) -> Result<PgConnection, AttemptError> {
        let mut options = options.clone();
        if let Some(password) = self.password().await? {
            options = options.password(&password);
        }
        let connected = timeout(ATTEMPT_TIMEOUT, async {
            let mut connection = PgConnection::connect_with(&options)
                .await
                .map_err(AttemptError::from_driver)?;
            if has_idle_timeout(&mut connection, idle_timeout)
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

    fn session_options(&self, settings: SessionSettings<'_>) -> PgConnectOptions {
        let idle_timeout = settings.idle_timeout.as_millis().to_string();
        let lock_timeout = settings.lock_timeout.map(|it| it.as_millis().to_string());
        self.options
            .clone()
            .application_name(settings.application_name)
            // The session lives for one invocation, so a large cache of prepared statements gains nothing.
            .statement_cache_capacity(16)
            .options([
                ("idle_session_timeout", idle_timeout.as_str()),
                ("idle_in_transaction_session_timeout", idle_timeout.as_str()),
                ("tcp_keepalives_idle", "20"),
                ("tcp_keepalives_interval", "10"),
                ("tcp_keepalives_count", "3"),
                ("tcp_user_timeout", "60000"),
                // A statement that waits for a lock would otherwise outlive a client that was killed.
                ("client_connection_check_interval", "5000"),
                // A change that has had an effect outside the database must survive a crash of the server.
                ("synchronous_commit", "on"),
                // A backslash in a text of a statement means itself.
                ("standard_conforming_strings", "on"),
            ])
            .options(settings.server.iter().copied())
            .options(lock_timeout.iter().map(|it| ("lock_timeout", it.as_str())))
            .disable_statement_logging()
    }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Returns true when the server session has the requested idle timeout, which a pooler would not pass on.
async fn has_idle_timeout(
    connection: &mut PgConnection,
    idle_timeout: Duration,
) -> Result<bool, sqlx::Error> {
    // Without parameters it takes one round trip. The view pg_settings would take the server a millisecond.
    let statement = format!(
        "select current_setting('idle_session_timeout')::interval = interval '{} ms'",
        idle_timeout.as_millis()
    );
    let row = sqlx::raw_sql(AssertSqlSafe(statement))
        .fetch_one(connection)
        .await?;
    row.try_get(0)
}
