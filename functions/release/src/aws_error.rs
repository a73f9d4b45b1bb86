//! The error of a call to AWS.

use std::error::Error;

/// AWS gave no answer, or refused the call. The call may succeed later.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action}")]
pub struct AwsError {
    action: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

impl AwsError {
    /// Names the action that failed, such as "read the state", and keeps the SDK's error as the source.
    pub fn new(action: &'static str, source: impl Error + Send + Sync + 'static) -> Self {
        Self {
            action,
            source: Box::new(source),
        }
    }
}
