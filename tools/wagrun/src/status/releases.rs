//! The newest release and the newest migration, without a look into the database.

use aws_sdk_ssm::error::ProvideErrorMetadata as _;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::call::explain;
use crate::error::CommandError;
use crate::function::Function;
use crate::logs::{LogSource, Window};
use crate::stack::Stack;
use crate::time;

/// The time for which migrate's log is searched.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The state of the function release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Releases {
    /// The stack does not release images.
    SwitchedOff,
    /// It does.
    On(Box<ReleaseState>),
}

/// The parameter in which release keeps its state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseState {
    /// The release under way.
    pub current: Option<CurrentRelease>,
    /// The image that waits.
    pub next: Option<Image>,
    /// The newest image that was pushed or requested.
    pub newest_request: Option<NewestRequest>,
    /// The image in service.
    pub deployed: Option<Deployed>,
    /// The newest release that failed.
    pub last_failure: Option<Failure>,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The digest.
    pub digest: String,
    /// The tag.
    pub tag: Option<String>,
}

/// A release under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrentRelease {
    /// The number.
    pub sequence: u64,
    /// The image.
    #[serde(flatten)]
    pub image: Image,
    /// The phase, such as `migrating`.
    pub phase: String,
    /// The beginning of the phase.
    pub phase_started_at: Timestamp,
}

/// The newest image that was pushed or requested. It takes the place of one that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewestRequest {
    /// The image.
    #[serde(flatten)]
    pub image: Image,
    /// The time of the push or of the request.
    pub requested_at: Timestamp,
}

/// An image in service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployed {
    /// The image.
    #[serde(flatten)]
    pub image: Image,
    /// The time at which it was found in service.
    pub deployed_at: Timestamp,
}

/// A release that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The number.
    pub sequence: u64,
    /// The image.
    #[serde(flatten)]
    pub image: Image,
    /// The phase that failed.
    pub phase: String,
    /// The end of the reason.
    pub reason: String,
    /// The time.
    pub failed_at: Timestamp,
}

/// The newest migration within thirty days, from migrate's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Migration {
    /// The end of the newest run that succeeded.
    pub migrated_at: Option<Timestamp>,
    /// The end of the newest run that failed, if it came later.
    pub failed_at: Option<Timestamp>,
    /// Its error.
    pub error: Option<String>,
}

impl ReleaseState {
    /// Reads the state of a stack that releases images.
    pub async fn read(stack: &Stack) -> Result<Self, CommandError> {
        let asked = aws_sdk_ssm::Client::new(&stack.aws)
            .get_parameter()
            .name(format!("/{}/release", stack.name));
        let answer = match asked.send().await {
            Ok(answer) => answer,
            // Before the first release.
            Err(error) if error.code() == Some("ParameterNotFound") => return Ok(Self::default()),
            Err(error) => return Err(explain("ssm:GetParameter")(error).into()),
        };
        let json = answer.parameter.and_then(|found| found.value);
        serde_json::from_str(&json.unwrap_or_default()).map_err(|source| CommandError::Answer {
            what: "the state of release",
            source,
        })
    }
}

/// Reads the state of the releases.
pub async fn read(stack: &Stack) -> Result<Releases, CommandError> {
    match stack.optional("ReleaseFunctionName") {
        None => Ok(Releases::SwitchedOff),
        Some(_) => Ok(Releases::On(Box::new(ReleaseState::read(stack).await?))),
    }
}

/// Reads the newest migration.
pub async fn migration(stack: &Stack) -> Result<Migration, CommandError> {
    let newest = async |message: &str| -> Result<_, CommandError> {
        let window = Window {
            since: time::now() - LOOK_BACK,
            pattern: Some(format!("\"{message}\"")),
        };
        let mut log = LogSource::with(stack, &[Function::Migrate], window);
        let mut lines = log.next().await?;
        lines.retain(|line| line.message() == Some(message));
        Ok(lines.pop())
    };
    let succeeded = newest("database migrated").await?;
    let failed = newest("invocation failed").await?;
    let migrated_at = succeeded.map(|line| line.at);
    let failed = failed.filter(|line| migrated_at.is_none_or(|at| line.at > at));
    Ok(Migration {
        migrated_at,
        failed_at: failed.as_ref().map(|line| line.at),
        error: failed.and_then(|line| line.text_of("error").map(str::to_owned)),
    })
}
