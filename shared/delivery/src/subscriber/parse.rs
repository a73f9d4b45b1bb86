//! Parses a parameter's JSON into a [`Subscriber`]. An error names the parameter and the field.

mod aws;
mod fields;
mod filter;
mod webhook;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub use self::tests::DELIVER;

use jiff::Timestamp;
use serde_json::{Map, Value};

use self::fields::{FieldError, fault, flag, list, required_text, text};
use self::filter::filter;
use super::definition::{Rules, Subscriber, Target};
use super::invalid::{FieldPath, InvalidSubscriber, Problem};
use super::retry::RetrySchedule;

/// The fields of every subscriber. deliver writes the last two.
const FIELDS: [&str; 8] = [
    "target",
    "types",
    "content_types",
    "under",
    "retry_seconds",
    "enabled",
    "disabled",
    "failing_since",
];

impl Subscriber {
    /// Parses the JSON of a parameter. The first fault found is the error.
    pub fn parse(
        name: &str,
        parameter: &str,
        json: &str,
        rules: Rules,
    ) -> Result<Self, InvalidSubscriber> {
        let invalid = |(place, problem)| InvalidSubscriber {
            parameter: parameter.to_owned(),
            place: FieldPath(place),
            problem,
        };
        let fields = object(json).map_err(invalid)?;
        let target = target(&fields, rules).map_err(invalid)?;
        let (filter, warnings) = filter(&fields).map_err(invalid)?;
        Ok(Self {
            name: name.to_owned(),
            parameter: parameter.to_owned(),
            target,
            filter,
            retry: retry(&fields, rules).map_err(invalid)?,
            enabled: enabled(&fields).map_err(invalid)?,
            failing_since: failing_since(&fields).map_err(invalid)?,
            warnings,
            superseded: None,
        })
    }
}

fn object(json: &str) -> Result<Map<String, Value>, FieldError> {
    if json.starts_with('\u{feff}') {
        return Err((String::new(), Problem::ByteOrderMark));
    }
    let value = serde_json::from_str(json).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        (String::new(), Problem::NotJson { line, column })
    })?;
    match value {
        Value::Object(fields) => Ok(fields),
        _ => Err((String::new(), Problem::NotAnObject)),
    }
}

// The target comes first, because it decides which other fields there are.
fn target(fields: &Map<String, Value>, rules: Rules) -> Result<Target, FieldError> {
    let target = required_text(fields, "target")?;
    let own: &[&str] = match target {
        "webhook" => &webhook::FIELDS,
        "eventbridge" => &aws::EVENT_BRIDGE,
        "cloudfront" => &aws::CLOUD_FRONT,
        _ => return Err(fault("target", Problem::UnknownTarget(target.to_owned()))),
    };
    let known = [&FIELDS[..1], own, &FIELDS[1..]].concat();
    if let Some(unknown) = fields.keys().find(|key| !known.contains(&key.as_str())) {
        let problem = Problem::UnknownField {
            target: target.to_owned(),
            known: known.join(", "),
        };
        return Err(fault(unknown, problem));
    }
    match target {
        "eventbridge" => aws::event_bridge(fields).map(Target::EventBridge),
        "cloudfront" => aws::cloud_front(fields).map(Target::CloudFront),
        _ => webhook::webhook(fields, rules.schemes)
            .map(|webhook| Target::Webhook(Box::new(webhook))),
    }
}

fn retry(fields: &Map<String, Value>, rules: Rules) -> Result<Option<RetrySchedule>, FieldError> {
    const FIELD: &str = "retry_seconds";
    let Some(value) = fields.get(FIELD) else {
        return Ok(None);
    };
    let (least, most) = (1, RetrySchedule::MAX_WAIT_SECONDS);
    let waits: Vec<u32> = list(value, FIELD)?
        .into_iter()
        .map(|(place, value)| {
            value
                .as_u64()
                .and_then(|seconds| u32::try_from(seconds).ok())
                .filter(|seconds| (least..=most).contains(seconds))
                .ok_or((place, Problem::NotBetween { least, most }))
        })
        .collect::<Result<_, _>>()?;
    if let Some(attempts) = rules.max_attempts
        && u32::try_from(waits.len()).is_ok_and(|waits| waits >= attempts)
    {
        let waits = waits.len();
        return Err(fault(FIELD, Problem::TooManyWaits { waits, attempts }));
    }
    Ok(Some(RetrySchedule::new(waits)))
}

fn enabled(fields: &Map<String, Value>) -> Result<bool, FieldError> {
    if fields
        .get("disabled")
        .is_some_and(|value| !value.is_object())
    {
        return Err(fault("disabled", Problem::Not("a JSON object")));
    }
    flag(fields, "enabled", true)
}

fn failing_since(fields: &Map<String, Value>) -> Result<Option<Timestamp>, FieldError> {
    let Some(value) = fields.get("failing_since") else {
        return Ok(None);
    };
    match text(value, "failing_since")?.parse() {
        Ok(since) => Ok(Some(since)),
        Err(_) => Err(fault("failing_since", Problem::Not("a time (RFC 3339)"))),
    }
}
