//! The number of present objects that a subscriber's filter lets pass, as content-events counts them.

use std::fmt;

use aws_config::SdkConfig;
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::invoke::InvokeError;
use aws_sdk_lambda::primitives::Blob;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use wagrun_lambda::telemetry::chain;

use crate::function::{FunctionError, content_events};

/// The fields of a parameter that are its filter.
const FIELDS: [&str; 3] = ["types", "content_types", "under"];

/// The number of present objects that match, or the reason why it is unknown.
#[derive(Debug)]
pub struct Matches(Result<MatchReport, CountError>);

/// The part of content-events' report that is about the filter.
#[derive(Debug, Deserialize)]
struct MatchReport {
    objects: u64,
    matching: u64,
    finished: bool,
    instead: Option<OtherPath>,
}

#[derive(Debug, Deserialize)]
struct OtherPath {
    under: String,
    pages: u64,
}

#[derive(Debug, Deserialize)]
struct DrainReport {
    matched: MatchReport,
}

/// The objects could not be counted.
#[derive(Debug, thiserror::Error)]
enum CountError {
    /// The function was not found.
    #[error(transparent)]
    Function(#[from] FunctionError),
    /// The function could not be called.
    #[error("cannot invoke content-events")]
    Invoke(#[source] Box<SdkError<InvokeError>>),
    /// The function failed.
    #[error("content-events failed: {0}")]
    Failed(String),
    /// The answer is of another version.
    #[error("cannot read the answer of content-events")]
    Answer(#[from] serde_json::Error),
}

impl Matches {
    /// Returns true when the filter matches nothing that is there.
    pub fn is_none(&self) -> bool {
        matches!(&self.0, Ok(report) if report.finished && report.matching == 0)
    }
}

/// Has content-events of the stack with this `source` of events count the objects that the filter of a parameter lets pass. A
/// database that sleeps is woken.
pub async fn count(aws: &SdkConfig, source: &str, parameter: &Value) -> Matches {
    Matches(try_count(aws, source, parameter).await)
}

async fn try_count(
    aws: &SdkConfig,
    source: &str,
    parameter: &Value,
) -> Result<MatchReport, CountError> {
    let function = content_events(aws, source).await?;
    let filter: Map<_, _> = FIELDS
        .into_iter()
        .filter_map(|field| Some((field.to_owned(), parameter.get(field)?.clone())))
        .collect();
    let payload = Blob::new(json!({"match": filter}).to_string());
    let call = aws_sdk_lambda::Client::new(aws).invoke();
    let answer = call.function_name(function).payload(payload).send().await;
    let answer = answer.map_err(|error| CountError::Invoke(Box::new(error)))?;
    let payload = answer.payload.unwrap_or_else(|| Blob::new([])).into_inner();
    if answer.function_error.is_some() {
        let text = String::from_utf8_lossy(&payload).into_owned();
        return Err(CountError::Failed(text));
    }
    let report: DrainReport = serde_json::from_slice(&payload)?;
    Ok(report.matched)
}

/// Writes lines without their names: the number, and a warning.
impl fmt::Display for Matches {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Err(error) => write!(formatter, "not counted: {}", chain(error)),
            Ok(MatchReport {
                objects,
                matching,
                finished: true,
                ..
            }) => write!(formatter, "{matching} of {objects} present objects"),
            Ok(MatchReport {
                objects, matching, ..
            }) => write!(
                formatter,
                "{matching} of the first {objects} present objects, when the time was over"
            ),
        }
    }
}

impl Matches {
    /// Returns the path that was probably meant by `under`, with the number of pages there.
    pub fn instead(&self) -> Option<(&str, u64)> {
        let other = self.0.as_ref().ok()?.instead.as_ref()?;
        Some((&other.under, other.pages))
    }
}
