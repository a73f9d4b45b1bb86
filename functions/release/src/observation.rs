//! Observations: the state of migrate and of the web service, as AWS describes them.

use std::fmt;

/// The answer of AWS about what a release waits for. It is asked only for a check, and only what the phase needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// Nothing was observed, because the decision needs nothing.
    NotNeeded,
    /// The function migrate.
    Migrate(MigrateStatus),
    /// The web service.
    Service(ServiceStatus),
}

/// The state of the function migrate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrateStatus {
    /// The digest of its image.
    pub digest: Option<String>,
    /// Its readiness to be invoked.
    pub readiness: Readiness,
}

/// The readiness of a Lambda function to be invoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It is active, and its last update was successful.
    Ready,
    /// It became inactive because it was not invoked for a long time. An update activates it.
    Inactive,
    /// It changes to another state. The text continues a sentence that begins with "migrate".
    Busy(String),
    /// Its last update failed, for this reason.
    Failed(String),
}

/// The state of the web service, as a release sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceStatus {
    /// It would accept a deployment now.
    Ready,
    /// It is paused.
    Paused,
    /// It is busy with an operation of somebody else.
    Busy,
    /// It has accepted this release's deployment already, under this id.
    Accepted {
        /// App Runner's operation, or ECS's service revision.
        deployment_id: String,
    },
    /// The release's deployment, whose id the state holds, has this status.
    Deployment(DeploymentStatus),
    /// It accepts no deployment, now or later, for this reason.
    Unusable(String),
    /// The stack has no web service: something else serves the site.
    Absent,
}

/// The status of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeploymentStatus {
    /// It has not ended.
    InProgress,
    /// The new version serves.
    Succeeded,
    /// The old version serves; the text is the reason.
    Failed(String),
}

impl fmt::Display for Observation {
    /// Writes the observation for the log.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::NotNeeded => "nothing was observed",
            Self::Migrate(status) => match &status.readiness {
                Readiness::Ready => "migrate is ready",
                Readiness::Inactive => "migrate is inactive",
                Readiness::Busy(state) => return write!(formatter, "migrate {state}"),
                Readiness::Failed(reason) => {
                    return write!(formatter, "migrate's update failed: {reason}");
                }
            },
            Self::Service(status) => match status {
                ServiceStatus::Ready => "the service is ready",
                ServiceStatus::Paused => "the service is paused",
                ServiceStatus::Busy => "the service is busy",
                ServiceStatus::Accepted { .. } => "the service has accepted the deployment",
                ServiceStatus::Deployment(DeploymentStatus::InProgress) => {
                    "the deployment is in progress"
                }
                ServiceStatus::Deployment(DeploymentStatus::Succeeded) => {
                    "the deployment succeeded"
                }
                ServiceStatus::Deployment(DeploymentStatus::Failed(_)) => "the deployment failed",
                ServiceStatus::Unusable(reason) => reason,
                ServiceStatus::Absent => "there is no service",
            },
        };
        formatter.write_str(text)
    }
}
