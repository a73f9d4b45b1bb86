//! The number of present objects that a subscriber's filter lets pass, as content-events counts them.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::error::CommandError;
use crate::function::{Function, invoke};
use crate::stack::Stack;

/// The fields of a parameter that are its filter.
const FIELDS: [&str; 3] = ["types", "content_types", "under"];

/// The number of present objects that match, or the reason why it is unknown.
#[derive(Debug)]
pub struct Matches(Result<MatchReport, CommandError>);

/// The part of content-events' report that is about the filter.
#[derive(Debug, Serialize, Deserialize)]
struct MatchReport {
    objects: u64,
    matching: u64,
    finished: bool,
    instead: Option<OtherPath>,
}

#[derive(Debug, Serialize, Deserialize)]
struct OtherPath {
    under: String,
    pages: u64,
}

#[derive(Debug, Deserialize)]
struct DrainReport {
    matched: MatchReport,
}

impl Matches {
    /// Returns true when the filter matches nothing that is there.
    pub fn is_none(&self) -> bool {
        matches!(&self.0, Ok(report) if report.finished && report.matching == 0)
    }
}

/// Has content-events count the objects that the filter of a parameter lets pass. A database that sleeps is woken.
///
/// Without the operator's consent nothing is counted, and the reason stands in its place.
pub async fn count(stack: &Stack, parameter: &Value, consent: Result<(), CommandError>) -> Matches {
    Matches(match consent {
        Ok(()) => try_count(stack, parameter).await,
        Err(reason) => Err(reason),
    })
}

/// Returns the fields of a parameter that are its filter.
pub fn filter(parameter: &Value) -> Map<String, Value> {
    let fields = FIELDS.into_iter();
    fields
        .filter_map(|field| Some((field.to_owned(), parameter.get(field)?.clone())))
        .collect()
}

async fn try_count(stack: &Stack, parameter: &Value) -> Result<MatchReport, CommandError> {
    let filter = filter(parameter);
    let answer = invoke(stack, Function::ContentEvents, &json!({"match": filter})).await?;
    let report = DrainReport::deserialize(answer).map_err(|source| CommandError::Answer {
        what: "the answer of content-events",
        source,
    })?;
    Ok(report.matched)
}

/// Writes lines without their names: the number, and a warning.
impl fmt::Display for Matches {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Err(error) => write!(formatter, "not counted: {error}"),
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

/// Writes the counts, or the reason why there are none.
impl Serialize for Matches {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Ok(report) => report.serialize(serializer),
            Err(error) => json!({"not_counted": error.to_string()}).serialize(serializer),
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
