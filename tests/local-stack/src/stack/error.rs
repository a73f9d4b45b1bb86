//! The errors of starting a stack.

use std::io;
use std::path::PathBuf;

use testing::process::ProcessError;

use crate::admin::AdminError;
use crate::deployment::DeploymentError;
use crate::emulator::EmulatorError;
use crate::gunicorn::SiteError;
use crate::log_export::LogExportError;
use crate::own_site::DumpError;
use crate::postgres::PostgresError;
use crate::tools::ToolsError;

/// A part of the stack did not start.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The run directory could not be created, or a process failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The Python packages could not be installed.
    #[error(transparent)]
    Tools(#[from] ToolsError),
    /// PostgreSQL did not start.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The emulator of AWS did not start.
    #[error(transparent)]
    Emulator(#[from] EmulatorError),
    /// The template could not be built or deployed, or migrate failed.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    /// The export of the server's log could not be started.
    #[error("making the database ring by its log")]
    LogExport(#[from] LogExportError),
    /// The site did not start.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The data of the user's own site could not be loaded.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// The receiver did not start.
    #[error("starting the webhook receiver")]
    Receiver(#[source] io::Error),
    /// The migrated database has no default site.
    #[error("looking for the site's front page")]
    Home(#[source] sqlx::Error),
    /// The address of the site is not a URL.
    #[error("the site's address {0} is not a URL")]
    Address(String),
    /// The superuser could not log in.
    #[error("logging in to the Wagtail admin")]
    Login(#[from] AdminError),
}

/// The stack did not start. Its logs are kept.
#[derive(Debug, thiserror::Error)]
#[error("the logs are kept in {}", logs.display())]
pub struct StartError {
    /// The directory with the logs.
    pub logs: PathBuf,
    /// The cause.
    pub source: StackError,
}
