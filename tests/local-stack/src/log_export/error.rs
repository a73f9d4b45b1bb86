//! The errors of the log export.

use std::path::PathBuf;

use crate::aws::AwsError;
use crate::deployment::DeploymentError;

/// The log could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum LogExportError {
    /// The log of the server could not be read.
    #[error("reading {}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The subscription filter has a pattern that is not supported here.
    #[error("DoorbellLines in template.yaml has no FilterPattern of one quoted phrase")]
    Pattern,
    /// The stack does not have the function.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    /// A call of the emulator failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The configuration of migrate is not JSON.
    #[error("reading the configuration of migrate")]
    Configuration(#[from] serde_json::Error),
}
