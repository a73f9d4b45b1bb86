//! What is known between two steps: one JSON document, written by this function alone.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A reason is kept by its end, of at most so many characters: an SSM parameter that costs nothing holds 4096.
const LONGEST_REASON: usize = 600;

/// Every release that matters now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The number of the newest release; grows by one with each.
    #[serde(default)]
    pub sequence: u64,
    /// The release under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Release>,
    /// What is released after it: the newest wish that came meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Wish>,
    /// The newest wish that was taken up, by which a repeated or older one is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Wish>,
    /// The newest image that went into service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed: Option<Deployed>,
    /// The newest release that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Failure>,
}

/// An image, by what can't move; the tag is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// `sha256:…`.
    pub digest: String,
    /// The tag under which it was pushed or asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

/// Somebody wants an image in service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// Which.
    #[serde(flatten)]
    pub image: Image,
    /// When it was pushed or asked for. The newest wins.
    pub at: Timestamp,
}

/// A release under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Its number.
    pub sequence: u64,
    /// What is released.
    #[serde(flatten)]
    pub image: Image,
    /// When it began.
    pub started: Timestamp,
    /// How far it is.
    #[serde(flatten)]
    pub phase: Phase,
    /// Since when it is there.
    pub since: Timestamp,
    /// How many of Django's migrations were applied; absent until migrate has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrations_applied: Option<usize>,
}

/// How far a release is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "kebab-case")]
pub enum Phase {
    /// migrate gets the image.
    UpdatingMigrate {
        /// Lambda has taken the order.
        asked: bool,
    },
    /// migrate runs.
    Migrating {
        /// How often it was invoked for this release.
        attempts: u8,
    },
    /// The web service gets the image.
    Rolling {
        /// App Runner's operation or ECS's service revision; absent until the platform has taken the order.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operation: Option<String>,
    },
    /// Migrated; the web service is paused and takes no deployment.
    WaitingForResume,
    /// Migrated; the web service is busy with somebody else's operation.
    WaitingForService,
}

/// An image that went into service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployed {
    /// Which.
    #[serde(flatten)]
    pub image: Image,
    /// When.
    pub time: Timestamp,
}

/// A release that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its number.
    pub sequence: u64,
    /// Which image.
    #[serde(flatten)]
    pub image: Image,
    /// Where it failed, as [`Phase::name`] says.
    pub phase: String,
    /// The end of why.
    pub reason: String,
    /// When.
    pub time: Timestamp,
}

impl Image {
    /// The digest's beginning, which is enough for people.
    pub fn short(&self) -> &str {
        const SHORT: usize = "sha256:".len() + 12;
        self.digest.get(..SHORT).unwrap_or(&self.digest)
    }
}

impl Release {
    /// The same release, having got to a phase; the time counts from when it first did.
    pub fn reached(mut self, phase: Phase, now: Timestamp) -> Self {
        if self.phase.name() != phase.name() {
            self.since = now;
        }
        self.phase = phase;
        self
    }

    /// The failure of this release.
    pub fn failed(&self, reason: &str, now: Timestamp) -> Failure {
        Failure {
            sequence: self.sequence,
            image: self.image.clone(),
            phase: self.phase.name().to_owned(),
            reason: end_of(reason, LONGEST_REASON),
            time: now,
        }
    }
}

impl Phase {
    /// Its name, as in the document.
    pub fn name(&self) -> &'static str {
        match self {
            Self::UpdatingMigrate { .. } => "updating-migrate",
            Self::Migrating { .. } => "migrating",
            Self::Rolling { .. } => "rolling",
            Self::WaitingForResume => "waiting-for-resume",
            Self::WaitingForService => "waiting-for-service",
        }
    }
}

/// The last `length` characters of a text, which is where a program says what went wrong.
pub fn end_of(text: &str, length: usize) -> String {
    let skipped = text.chars().count().saturating_sub(length);
    if skipped == 0 {
        return text.to_owned();
    }
    std::iter::once('…')
        .chain(text.chars().skip(skipped + 1))
        .collect()
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
        let wish = Wish {
            image: image("b"),
            at: now,
        };
        let release = Release {
            sequence: u64::MAX,
            image: image("a"),
            started: now,
            phase: Phase::Rolling {
                operation: Some("o".repeat(300)),
            },
            since: now,
            migrations_applied: Some(usize::MAX),
        };
        let state = State {
            sequence: u64::MAX,
            last_failure: Some(release.failed(&"ü\n".repeat(1000), now)),
            current: Some(release),
            next: Some(wish.clone()),
            newest: Some(wish),
            deployed: Some(Deployed {
                image: image("c"),
                time: now,
            }),
        };
        let text = serde_json::to_string(&state).unwrap();
        assert!(text.chars().count() < 4096, "{}", text.chars().count());
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
    }

    #[test]
    fn a_release_reads_well() {
        let now = Timestamp::UNIX_EPOCH;
        let release = Release {
            sequence: 7,
            image: Image {
                digest: "sha256:aa".to_owned(),
                tag: None,
            },
            started: now,
            phase: Phase::UpdatingMigrate { asked: false },
            since: now,
            migrations_applied: None,
        };
        assert_eq!(
            serde_json::to_value(release).unwrap(),
            json!({
                "sequence": 7, "digest": "sha256:aa", "started": "1970-01-01T00:00:00Z",
                "phase": "updating-migrate", "asked": false, "since": "1970-01-01T00:00:00Z",
            })
        );
    }

    #[test]
    fn of_a_long_reason_the_end_is_kept() {
        assert_eq!(end_of("short", 5), "short");
        assert_eq!(end_of("größer", 3), "…er");
    }
}
