//! The errors of building and deploying.

use std::path::PathBuf;

use testing::process::ProcessError;
use testing::progress::WaitError;

use crate::aws::AwsError;

/// The functions could not be built or deployed.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// A file could not be read or written.
    #[error("{action} {}", path.display())]
    File {
        /// The operation that failed, such as `reading`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// `sam` failed.
    #[error(transparent)]
    Sam(#[from] ProcessError),
    /// A call to the emulator failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// CloudFormation could not delete the stack. The text is its description of the stack.
    #[error("the stack was not deleted: {0}")]
    Delete(String),
    /// The stack was not deleted in time, or a change of a subscriber did not reach the directory.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// The template has no such output, or its condition is false.
    #[error("the stack has no output {0}")]
    Output(String),
}
