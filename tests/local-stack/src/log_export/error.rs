//! The errors of the export.

use std::path::PathBuf;

use crate::aws::AwsError;
use crate::deployment::DeploymentError;

/// The log could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum LogExportError {
    /// The server's log can't be read.
    #[error("reading {}", path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The subscription filter is another than can be played here.
    #[error("DoorbellLines in template.yaml has no FilterPattern of one quoted phrase")]
    Pattern,
    /// The stack has no such function.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    /// The emulator refused.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The emulator answers no JSON.
    #[error("reading the configuration of migrate")]
    Configuration(#[from] serde_json::Error),
}
