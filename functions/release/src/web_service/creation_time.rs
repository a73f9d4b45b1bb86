//! Compares the times of AWS with the start of a release.

use aws_sdk_apprunner::primitives::DateTime;
use jiff::Timestamp;

/// Returns true when AWS dates something at or after the start of a release.
///
/// Both clocks are AWS's, and a migration lies between the start of a release and its deployment.
pub fn is_since(time: Option<&DateTime>, started_at: Timestamp) -> bool {
    time.is_some_and(|time| time.secs() >= started_at.as_second())
}
