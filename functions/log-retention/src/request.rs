//! What an invocation asks for.

use serde::Deserialize;
use serde_json::Value;

/// A reason to look after log groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Look after all of them: the schedule, or an operator.
    All(Options),
    /// A log group of this name was just created.
    Created(String),
}

/// How far a run goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Options {
    /// Say what would be done, and change nothing.
    pub plan: bool,
    /// Replace another retention that somebody set.
    pub enforce: bool,
    /// Delete orphans whose retention has passed, and empty streams.
    pub delete_orphans: bool,
}

/// The payload is none of the shapes that this function takes.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Neither options nor an event.
    #[error("the payload can't be read")]
    Options(#[source] serde_json::Error),
    /// A list or a single value.
    #[error("the payload is not an object")]
    NoObject,
    /// An event of something else.
    #[error("detail: not the call CreateLogGroup with requestParameters.logGroupName")]
    Event,
}

impl Request {
    /// Reads an invocation's payload.
    pub fn parse(payload: &Value) -> Result<Self, RequestError> {
        if payload.get("detail-type").is_some() {
            return created(payload)
                .map(Self::Created)
                .ok_or(RequestError::Event);
        }
        if !payload.is_object() {
            return Err(RequestError::NoObject);
        }
        Options::deserialize(payload)
            .map(Self::All)
            .map_err(RequestError::Options)
    }
}

/// The log group's name in what EventBridge makes of CloudTrail's record.
fn created(event: &Value) -> Option<String> {
    let detail = event.get("detail")?;
    if detail.get("eventName")? != "CreateLogGroup" {
        return None;
    }
    let name = detail.pointer("/requestParameters/logGroupName")?;
    Some(name.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_schedule_and_an_operator_say_how_far_to_go() {
        let all = |plan, enforce, delete_orphans| {
            Request::All(Options {
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
            Request::Created("/wagrun/x".into())
        );
    }

    #[test]
    fn what_it_can_not_read_it_names() {
        let table = [
            (
                json!({"paln": true}),
                "the payload can't be read: unknown field `paln`, expected one of `plan`, `enforce`, `deleteOrphans`",
            ),
            (
                json!({"plan": "yes"}),
                "the payload can't be read: invalid type: string \"yes\", expected a boolean",
            ),
            (json!([true]), "the payload is not an object"),
            (json!("plan"), "the payload is not an object"),
            (
                json!({"detail-type": "AWS API Call via CloudTrail", "detail": {"eventName": "DeleteLogGroup"}}),
                "detail: not the call CreateLogGroup with requestParameters.logGroupName",
            ),
        ];
        for (payload, message) in table {
            let error = Request::parse(&payload).unwrap_err();
            let text = wagrun_lambda::telemetry::chain(&error);
            assert!(text.starts_with(message), "{payload} gave {text}");
        }
    }
}
