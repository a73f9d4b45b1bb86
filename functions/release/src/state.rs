//! The state between two decisions: one JSON document, which only this function writes.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::image::{Image, RequestedImage};
use crate::text::tail;

/// The maximum length of a stored reason, in characters. A standard SSM parameter, which is free, holds 4096.
const MAX_REASON_LENGTH: usize = 600;

/// The releases and images that later decisions need.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The number of the newest release. It grows by one with each release.
    #[serde(default)]
    pub sequence: u64,
    /// The release under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Release>,
    /// The image that is released next: the newest that was requested during the current release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<RequestedImage>,
    /// The newest request so far. Repeated and older requests are recognised by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_request: Option<RequestedImage>,
    /// The newest image that went into service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed: Option<DeployedImage>,
    /// The newest release that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<ReleaseFailure>,
}

/// A release under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The number of the release.
    pub sequence: u64,
    /// The image that is released.
    #[serde(flatten)]
    pub image: Image,
    /// The time at which the release started.
    pub started_at: Timestamp,
    /// The phase that the release is in.
    #[serde(flatten)]
    pub phase: Phase,
    /// The time at which the phase started.
    pub phase_started_at: Timestamp,
    /// The number of Django's migrations that were applied; absent until migrate has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrations_applied: Option<usize>,
}

/// The phases of a release, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "kebab-case")]
pub enum Phase {
    /// The function migrate gets the image.
    UpdatingMigrate {
        /// True after Lambda has accepted the update.
        update_accepted: bool,
    },
    /// The function migrate runs.
    Migrating {
        /// The number of times that migrate was invoked for this release.
        attempts: u8,
    },
    /// The web service gets the image.
    Deploying {
        /// App Runner's operation, or ECS's service revision; absent until the platform has accepted the deployment.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deployment_id: Option<String>,
    },
    /// The migrations are applied. The web service is paused and accepts no deployment.
    WaitingForResume,
    /// The migrations are applied. The web service is busy with an operation of somebody else.
    WaitingForService,
}

/// An image that went into service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployedImage {
    /// The image.
    #[serde(flatten)]
    pub image: Image,
    /// The time at which it was found in service.
    pub deployed_at: Timestamp,
}

/// A release that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseFailure {
    /// The number of the release.
    pub sequence: u64,
    /// The image that did not go into service.
    #[serde(flatten)]
    pub image: Image,
    /// The phase that failed, by [`Phase::name`].
    pub phase: String,
    /// The end of the reason.
    pub reason: String,
    /// The time of the failure.
    pub failed_at: Timestamp,
}

impl Release {
    /// Creates a release in its first phase.
    pub fn start(sequence: u64, image: Image, now: Timestamp) -> Self {
        Self {
            sequence,
            image,
            started_at: now,
            phase: Phase::UpdatingMigrate {
                update_accepted: false,
            },
            phase_started_at: now,
            migrations_applied: None,
        }
    }

    /// Puts the release into a phase. Returns true when the release was in another one before.
    pub fn enter(&mut self, phase: Phase, now: Timestamp) -> bool {
        let is_new = self.phase.name() != phase.name();
        if is_new {
            self.phase_started_at = now;
        }
        self.phase = phase;
        is_new
    }

    /// Returns true when the release has been in its phase for the timeout or longer.
    pub fn has_timed_out(&self, timeout: SignedDuration, now: Timestamp) -> bool {
        now.duration_since(self.phase_started_at) >= timeout
    }

    /// Describes the failure of this release in its present phase.
    pub fn failure(&self, reason: &str, now: Timestamp) -> ReleaseFailure {
        ReleaseFailure {
            sequence: self.sequence,
            image: self.image.clone(),
            phase: self.phase.name().to_owned(),
            reason: tail(reason, MAX_REASON_LENGTH),
            failed_at: now,
        }
    }
}

impl Phase {
    /// Returns the name of the phase, as in the JSON document.
    pub fn name(&self) -> &'static str {
        match self {
            Self::UpdatingMigrate { .. } => "updating-migrate",
            Self::Migrating { .. } => "migrating",
            Self::Deploying { .. } => "deploying",
            Self::WaitingForResume => "waiting-for-resume",
            Self::WaitingForService => "waiting-for-service",
        }
    }

    /// Returns true for the phases that end with a state of the web service.
    pub fn depends_on_service(&self) -> bool {
        match self {
            Self::UpdatingMigrate { .. } | Self::Migrating { .. } => false,
            Self::Deploying { .. } | Self::WaitingForResume | Self::WaitingForService => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn image(letter: &str) -> Image {
        Image {
            digest: format!("sha256:{}", letter.repeat(64)),
            tag: Some("t".repeat(128)),
        }
    }

    #[test]
    fn the_fullest_state_fits_into_a_parameter_and_comes_back() {
        let now = Timestamp::from_nanosecond(1_795_000_000_123_456_789).unwrap();
        let requested = RequestedImage {
            image: image("b"),
            requested_at: now,
        };
        let release = Release {
            sequence: u64::MAX,
            image: image("a"),
            started_at: now,
            phase: Phase::Deploying {
                deployment_id: Some("o".repeat(300)),
            },
            phase_started_at: now,
            migrations_applied: Some(usize::MAX),
        };
        let state = State {
            sequence: u64::MAX,
            last_failure: Some(release.failure(&"ü\n".repeat(1000), now)),
            current: Some(release),
            next: Some(requested.clone()),
            newest_request: Some(requested),
            deployed: Some(DeployedImage {
                image: image("c"),
                deployed_at: now,
            }),
        };
        let text = serde_json::to_string(&state).unwrap();
        assert!(text.chars().count() < 4096, "{}", text.chars().count());
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
    }

    #[test]
    fn a_release_is_readable_json() {
        let now = Timestamp::UNIX_EPOCH;
        let image = Image {
            digest: "sha256:aa".to_owned(),
            tag: None,
        };
        let release = Release::start(7, image, now);
        assert_eq!(
            serde_json::to_value(release).unwrap(),
            json!({
                "sequence": 7, "digest": "sha256:aa", "started_at": "1970-01-01T00:00:00Z",
                "phase": "updating-migrate", "update_accepted": false, "phase_started_at": "1970-01-01T00:00:00Z",
            })
        );
    }
}
