//! The result of a sweep.

use jiff::Timestamp;
use serde::Serialize;
use wagrun_delivery::subscriber::LoadError;

use super::backlogs::BacklogError;
use super::policy::State;
use crate::sqs::DepthError;
use crate::subscriber_health::DisableError;

/// One backlog after a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SweptBacklog {
    /// The subscriber's name.
    pub subscriber: String,
    /// The time since which its deliveries are set aside.
    pub since: Timestamp,
    /// Number of lanes with deliveries in the bucket, counted up to a thousand.
    pub lanes: usize,
    /// Number of lanes that this sweep has recalled.
    pub recalled: usize,
    /// The state of the backlog.
    pub state: State,
}

/// A sweep failed, or could not handle one of the backlogs.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A backlog could not be read or changed.
    #[error(transparent)]
    Backlog(#[from] BacklogError),
    /// The subscribers could not be read.
    #[error(transparent)]
    Subscribers(#[from] LoadError),
    /// The length of the delivery queue could not be read.
    #[error(transparent)]
    Depth(#[from] DepthError),
    /// A subscriber could not be switched off.
    #[error("cannot switch off subscriber {subscriber}")]
    Disable {
        /// The subscriber's name.
        subscriber: String,
        /// The cause.
        source: DisableError,
    },
}
