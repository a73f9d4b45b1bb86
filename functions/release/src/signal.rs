//! Signals: everything that a decision is made on.

use jiff::Timestamp;

use crate::image::RequestedImage;

/// Something that happened: a message of the queue, or the answer to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// An image was pushed.
    ImagePushed(RequestedImage),
    /// An image was requested by hand.
    ImageRequested(RequestedImage),
    /// The function migrate has ended.
    MigrateEnded {
        /// The digest of the image that migrate was invoked for.
        digest: String,
        /// The number of Django's migrations that were applied, or the end of migrate's output.
        result: Result<usize, String>,
    },
    /// The platform reported that an operation on the web service ended.
    ServiceChanged {
        /// The platform's name of the event.
        event: String,
        /// The time of the event.
        occurred_at: Timestamp,
    },
    /// The release is to be checked.
    Check,
    /// Lambda accepted the update of migrate's image.
    MigrateUpdateAccepted,
    /// Lambda accepted the invocation of migrate.
    MigrateInvocationAccepted,
    /// The platform accepted the deployment.
    DeploymentAccepted {
        /// App Runner's operation, or ECS's service revision.
        deployment_id: String,
    },
    /// AWS refused the command at this moment, for this reason. It may accept it later.
    CommandDeferred(String),
    /// AWS refused the command for good, for this reason.
    CommandRefused(String),
}

impl Signal {
    /// Returns the kind of the signal for the log.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ImagePushed(_) => "image-pushed",
            Self::ImageRequested(_) => "image-requested",
            Self::MigrateEnded { result: Ok(_), .. } => "migrate-succeeded",
            Self::MigrateEnded { result: Err(_), .. } => "migrate-failed",
            Self::ServiceChanged { .. } => "service-changed",
            Self::Check => "check",
            Self::MigrateUpdateAccepted => "migrate-update-accepted",
            Self::MigrateInvocationAccepted => "migrate-invocation-accepted",
            Self::DeploymentAccepted { .. } => "deployment-accepted",
            Self::CommandDeferred(_) => "command-deferred",
            Self::CommandRefused(_) => "command-refused",
        }
    }

    /// Returns the digest of the image that the signal is about, when it names one.
    pub fn digest(&self) -> Option<&str> {
        match self {
            Self::ImagePushed(requested) | Self::ImageRequested(requested) => {
                Some(&requested.image.digest)
            }
            Self::MigrateEnded { digest, .. } => Some(digest),
            _ => None,
        }
    }

    /// Returns what AWS said: an event's name, an id or a reason.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::ServiceChanged { event, .. } => Some(event),
            Self::DeploymentAccepted { deployment_id } => Some(deployment_id),
            Self::CommandDeferred(reason) | Self::CommandRefused(reason) => Some(reason),
            _ => None,
        }
    }
}
