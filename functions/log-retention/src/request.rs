//! The payload of an invocation.

use serde::Deserialize;
use serde_json::Value;

/// A request to check log groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Check all log groups of the stack. The schedule and operators request this.
    AllLogGroups(Options),
    /// Check the log group of this name, which was created a moment ago.
    CreatedLogGroup(String),
}

/// The options of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Options {
    /// Report the changes, and make none.
    pub plan: bool,
    /// Replace another retention that somebody has set.
    pub enforce: bool,
    /// Delete orphans whose retention has passed, and empty streams.
    pub delete_orphans: bool,
}

/// A payload that is neither options nor an event about a created log group.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// A field of the options is unknown, or has a wrong type.
    #[error("the payload cannot be read")]
    Options(#[source] serde_json::Error),
    /// The payload is a list or a single value.
    #[error("the payload is not an object")]
    NotAnObject,
    /// The event is not about a created log group.
    #[error("the event is not the call CreateLogGroup")]
    Event(#[source] serde_json::Error),
}

/// An event that EventBridge makes of a record of CloudTrail.
#[derive(Deserialize)]
struct Event {
    detail: CloudTrailRecord,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CloudTrailRecord {
    #[serde(rename = "eventName")]
    _event_name: EventName,
    request_parameters: RequestParameters,
}

#[derive(Deserialize)]
enum EventName {
    CreateLogGroup,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestParameters {
    log_group_name: String,
}

impl Request {
    /// Reads an invocation's payload.
    pub fn parse(payload: &Value) -> Result<Self, RequestError> {
        if payload.get("detail-type").is_some() {
            let event = Event::deserialize(payload).map_err(RequestError::Event)?;
            let name = event.detail.request_parameters.log_group_name;
            return Ok(Self::CreatedLogGroup(name));
        }
        if !payload.is_object() {
            return Err(RequestError::NotAnObject);
        }
        Options::deserialize(payload)
            .map(Self::AllLogGroups)
            .map_err(RequestError::Options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_schedule_and_operators_choose_the_options() {
        let all = |plan, enforce, delete_orphans| {
            Request::AllLogGroups(Options {
                plan,
                enforce,
                delete_orphans,
            })
        };
        let table = [
            (json!({}), all(false, false, false)),
            (json!({"plan": true}), all(true, false, false)),
            (
                json!({"enforce": true, "deleteOrphans": true}),
                all(false, true, true),
            ),
        ];
        for (payload, request) in table {
            assert_eq!(Request::parse(&payload).unwrap(), request);
        }
    }

    #[test]
    fn a_created_log_group_is_named_by_the_event() {
        let event = json!({
            "detail-type": "AWS API Call via CloudTrail",
            "source": "aws.logs",
            "detail": {
                "eventSource": "logs.amazonaws.com",
                "eventName": "CreateLogGroup",
                "requestParameters": {"logGroupName": "/wagrun/x", "logGroupClass": "STANDARD"},
                "responseElements": null,
            },
        });
        assert_eq!(
            Request::parse(&event).unwrap(),
            Request::CreatedLogGroup("/wagrun/x".into())
        );
    }

    #[test]
    fn an_invalid_payload_is_an_error_that_names_the_field() {
        let table = [
            (
                json!({"paln": true}),
                "the payload cannot be read: unknown field `paln`, expected one of `plan`, `enforce`, `deleteOrphans`",
            ),
            (
                json!({"plan": "yes"}),
                "the payload cannot be read: invalid type: string \"yes\", expected a boolean",
            ),
            (json!([true]), "the payload is not an object"),
            (json!("plan"), "the payload is not an object"),
            (
                json!({"detail-type": "AWS API Call via CloudTrail", "detail": {"eventName": "DeleteLogGroup"}}),
                "the event is not the call CreateLogGroup: unknown variant `DeleteLogGroup`, expected `CreateLogGroup`",
            ),
            (
                json!({"detail-type": "AWS API Call via CloudTrail",
                       "detail": {"eventName": "CreateLogGroup", "requestParameters": {}}}),
                "the event is not the call CreateLogGroup: missing field `logGroupName`",
            ),
            (
                json!({"detail-type": "AWS API Call via CloudTrail"}),
                "the event is not the call CreateLogGroup: missing field `detail`",
            ),
        ];
        for (payload, message) in table {
            let error = Request::parse(&payload).unwrap_err();
            let text = wagrun_lambda::telemetry::chain(&error);
            assert!(text.starts_with(message), "{payload} gave {text}");
        }
    }
}
