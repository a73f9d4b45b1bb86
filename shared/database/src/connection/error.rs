//! The errors of a connection attempt.

use std::time::Duration;

use super::iam_token::TokenError;
use super::resuming;

/// Time limit of one connection attempt. A resuming server accepts a connection long before it answers.
pub(super) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// The database could not be reached, or the session could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to {target} within {seconds} s and {attempts} attempts")]
pub struct ConnectError {
    pub(super) target: String,
    pub(super) seconds: u64,
    pub(super) attempts: u32,
    pub(super) source: AttemptError,
}

/// The cause for which one connection attempt failed.
#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    /// The server or the network refused the connection.
    #[error(transparent)]
    Server(sqlx::Error),
    /// The server did not answer in time.
    #[error("no answer in {} s", ATTEMPT_TIMEOUT.as_secs())]
    NoAnswer,
    /// No authentication token could be made.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A connection pooler stands between this client and the server. It runs the statements of one session in several
    /// server sessions. So a session lock could stay behind in a session that this client never reaches again.
    #[error(
        "the session's settings do not reach the server, so that a connection pooler such as PgBouncer must be in \
         between, where no session lock holds: connect to PostgreSQL itself"
    )]
    Pooled(#[source] Option<sqlx::Error>),
}

impl AttemptError {
    /// Classifies an error of the driver.
    pub(super) fn from_driver(error: sqlx::Error) -> Self {
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

    /// Returns true when another attempt may succeed, because the database may be resuming.
    pub(super) fn may_be_resuming(&self) -> bool {
        match self {
            Self::Server(error) => resuming::may_be_resuming(error),
            Self::NoAnswer => true,
            Self::Token(_) | Self::Pooled(_) => false,
        }
    }
}
