//! The payload of an invocation.

use serde::Deserialize;
use serde_json::{Map, Value};

/// A request to write the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `{"compare": "subscribers"}`: compare all parameters with the directory. The schedule and operators request this.
    Compare,
    /// Parameter Store reports that the parameter of this name was created, changed or deleted.
    Changed(String),
}

/// A payload that is neither of the two.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The payload is not JSON, or an object with other fields.
    #[error(r#"the payload is neither {{"compare":"subscribers"}} nor an event about a parameter"#)]
    Unknown(#[source] serde_json::Error),
    /// The event names no parameter.
    #[error("the event does not name a parameter in detail.name")]
    Event(#[source] serde_json::Error),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Comparison {
    #[serde(rename = "compare")]
    _compare: Compared,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Compared {
    Subscribers,
}

#[derive(Deserialize)]
struct Event {
    detail: Map<String, Value>,
}

#[derive(Deserialize)]
struct ParameterChange {
    name: String,
}

impl Request {
    /// Reads an invocation's payload.
    pub fn parse(payload: &str) -> Result<Self, RequestError> {
        let fields = serde_json::from_str(payload).map_err(RequestError::Unknown)?;
        // An object, because serde also takes a list for a struct, by the positions of its values.
        let payload = Value::Object(fields);
        if payload.get("detail-type").is_some() {
            let event = Event::deserialize(payload).map_err(RequestError::Event)?;
            let change = ParameterChange::deserialize(Value::Object(event.detail));
            return Ok(Self::Changed(change.map_err(RequestError::Event)?.name));
        }
        match Comparison::deserialize(payload) {
            Ok(_) => Ok(Self::Compare),
            Err(error) => Err(RequestError::Unknown(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the user guide of Systems Manager.
    const EVENT: &str = r#"{"version":"0","id":"6a7e4feb-b491-4cf7-a9f1-bf3703497718","detail-type":"Parameter Store Change","source":"aws.ssm","account":"123456789012","time":"2017-05-22T16:43:48Z","region":"us-east-1","resources":["arn:aws:ssm:us-east-1:123456789012:parameter/wagrun/subscribers/cdn"],"detail":{"operation":"Create","name":"/wagrun/subscribers/cdn","type":"SecureString","description":"Sample"}}"#;

    #[test]
    fn a_change_names_its_parameter_and_the_clock_asks_for_all() {
        let changed = Request::Changed("/wagrun/subscribers/cdn".into());
        assert_eq!(Request::parse(EVENT).unwrap(), changed);
        let compare = Request::parse(r#"{"compare":"subscribers"}"#).unwrap();
        assert_eq!(compare, Request::Compare);
    }

    #[test]
    fn another_payload_is_an_error() {
        for payload in [
            "",
            "{}",
            "[]",
            r#"["subscribers"]"#,
            r#"{"compare":"backlogs"}"#,
            r#"{"compare":"subscribers","at_once":true}"#,
            r#"{"detail-type":"Parameter Store Change","detail":{}}"#,
            r#"{"detail-type":"Parameter Store Change","detail":["/wagrun/subscribers/cdn"]}"#,
        ] {
            assert!(Request::parse(payload).is_err(), "{payload}");
        }
    }
}
