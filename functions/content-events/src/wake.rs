//! What wakes `content-events`: the doorbell, the doorbell's log line, the schedule, or an operator.

use aws_lambda_events::event::cloudwatch_logs::LogsEvent;
use serde_json::Value;
use uuid::Uuid;

use crate::request::{Request, RequestError};
use crate::server_log::doorbells;

/// A reason to look into the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wake {
    /// These transactions captured something and are about to commit, or have. None are named by a log record whose text
    /// only looks like a doorbell line.
    Transactions(Vec<u64>),
    /// Nobody rang; look all the same.
    Sweep,
    /// Somebody asks for events of the past or the present.
    Backfill {
        /// What for.
        request: Box<Request>,
        /// As it came, to be kept until it is done.
        payload: Value,
    },
    /// Somebody does not want them any more.
    Cancel(Uuid),
    /// Events that were set apart are to be tried again: this one, or all.
    Retry(Option<Uuid>),
    /// An event that was set apart is given up.
    Discard(Uuid),
}

/// The invocation's payload is none of the shapes that wake this function.
#[derive(Debug, thiserror::Error)]
pub enum WakeError {
    /// Some other JSON.
    #[error(
        "unknown event with {found}; expected {{\"xid\": \"<transaction id>\"}}, {{\"sweep\": true}}, {{\"replay\": {{…}}}}, \
         {{\"snapshot\": {{…}}}}, {{\"cancel\": \"<backfill id>\"}}, {{\"retry\": \"<event id>\"}} or \"all\", {{\"discard\": \"<event id>\"}} \
         or a CloudWatch Logs record"
    )]
    Unknown {
        /// Its top-level keys, or what it is instead of an object.
        found: String,
    },
    /// `xid` is no transaction id.
    #[error("xid: {0} is not a transaction id")]
    TransactionId(String),
    /// The replay or the snapshot can't be granted.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// `cancel` is no run's id.
    #[error("cancel: {0} is not a backfill's id")]
    Cancel(String),
    /// `retry` or `discard` is no event's id.
    #[error("{place}: {found} is not an event's id{or}")]
    EventId {
        /// `retry` or `discard`.
        place: &'static str,
        /// The value that was given.
        found: String,
        /// Another value that may stand there.
        or: &'static str,
    },
    /// The log record can't be decoded.
    #[error("awslogs: not a CloudWatch Logs record")]
    LogRecord(#[source] serde_json::Error),
}

impl Wake {
    /// Reads an invocation's payload.
    pub fn parse(payload: &Value) -> Result<Self, WakeError> {
        if let Some(xid) = payload.get("xid") {
            return Ok(Self::Transactions(vec![transaction_id(xid)?]));
        }
        if payload.get("sweep") == Some(&Value::Bool(true)) {
            return Ok(Self::Sweep);
        }
        if let Some(request) = Request::parse(payload) {
            return Ok(Self::Backfill {
                request: Box::new(request?),
                payload: payload.clone(),
            });
        }
        if let Some(id) = payload.get("cancel") {
            return id
                .as_str()
                .and_then(|text| text.parse().ok())
                .map(Self::Cancel)
                .ok_or_else(|| WakeError::Cancel(id.to_string()));
        }
        if let Some(id) = payload.get("retry") {
            return match id.as_str() {
                Some("all") => Ok(Self::Retry(None)),
                _ => event_id("retry", id, ", nor \"all\"").map(|id| Self::Retry(Some(id))),
            };
        }
        if let Some(id) = payload.get("discard") {
            return event_id("discard", id, "").map(Self::Discard);
        }
        if payload.get("awslogs").is_some() {
            return from_log_record(payload);
        }
        Err(WakeError::Unknown {
            found: describe(payload),
        })
    }
}

fn event_id(place: &'static str, value: &Value, or: &'static str) -> Result<Uuid, WakeError> {
    let id = value.as_str().and_then(|text| text.parse().ok());
    id.ok_or_else(|| WakeError::EventId {
        place,
        found: value.to_string(),
        or,
    })
}

fn transaction_id(value: &Value) -> Result<u64, WakeError> {
    let parsed = match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64(),
        _ => None,
    };
    // Transaction ids below 3 are PostgreSQL's own.
    parsed
        .filter(|xid| *xid >= 3)
        .ok_or_else(|| WakeError::TransactionId(value.to_string()))
}

fn from_log_record(payload: &Value) -> Result<Wake, WakeError> {
    // The record's own reader borrows from text, which a parsed value does not have.
    let record: LogsEvent =
        serde_json::from_str(&payload.to_string()).map_err(WakeError::LogRecord)?;
    let entries = &record.aws_logs.data.log_events;
    let mut xids: Vec<u64> = entries
        .iter()
        .flat_map(|entry| doorbells(&entry.message))
        .collect();
    xids.sort_unstable();
    xids.dedup();
    if xids.is_empty() {
        // Anybody's text can match the subscription filter. To look once too often is harmless, and a failure is not.
        tracing::warn!(
            entries = entries.len(),
            "no doorbell line of the server's own in the log record"
        );
    }
    Ok(Wake::Transactions(xids))
}

fn describe(payload: &Value) -> String {
    match payload {
        Value::Object(fields) if fields.is_empty() => "no keys".to_owned(),
        Value::Object(fields) => {
            let keys: Vec<&str> = fields.keys().map(String::as_str).take(10).collect();
            format!("keys {}", keys.join(", "))
        }
        Value::Array(_) => "an array".to_owned(),
        other => format!("only {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_doorbell_names_its_transaction() {
        assert_eq!(
            Wake::parse(&json!({"xid": "784"})).unwrap(),
            Wake::Transactions(vec![784])
        );
        assert_eq!(
            Wake::parse(&json!({"xid": 784})).unwrap(),
            Wake::Transactions(vec![784])
        );
    }

    #[test]
    fn the_schedule_sweeps() {
        assert_eq!(Wake::parse(&json!({"sweep": true})).unwrap(), Wake::Sweep);
    }

    #[test]
    fn an_operator_asks_and_thinks_better_of_it() {
        let payload = json!({"snapshot": {"subscriber": "search"}});
        let Wake::Backfill { payload: kept, .. } = Wake::parse(&payload).unwrap() else {
            panic!("{payload} is a request");
        };
        assert_eq!(kept, payload);
        let id = "019ae000-0000-7000-8000-000000000000";
        assert_eq!(
            Wake::parse(&json!({"cancel": id})).unwrap(),
            Wake::Cancel(id.parse().unwrap())
        );
    }

    #[test]
    fn a_log_record_names_each_transaction_once() {
        // Three log lines, gzipped and base64-encoded as CloudWatch Logs sends them: xid 901, xid 900 and 901 again.
        let data = include_str!("../tests/fixtures/log-record.base64").trim();
        assert_eq!(
            Wake::parse(&json!({"awslogs": {"data": data}})).unwrap(),
            Wake::Transactions(vec![900, 901])
        );
    }

    #[test]
    fn a_log_record_of_a_text_like_a_doorbell_s_only_has_it_look() {
        // `select 'wagrun doorbell {"xid":"999999999999"}'::int`, as its ERROR and its STATEMENT.
        let data = include_str!("../tests/fixtures/log-record-of-a-failed-statement.base64").trim();
        assert_eq!(
            Wake::parse(&json!({"awslogs": {"data": data}})).unwrap(),
            Wake::Transactions(Vec::new())
        );
    }

    #[test]
    fn what_it_can_not_read_it_names() {
        let table = [
            (
                json!({"hello": 1, "world": 2}),
                "unknown event with keys hello, world",
            ),
            (json!({}), "unknown event with no keys"),
            (json!([1]), "unknown event with an array"),
            (json!("ring"), "unknown event with only \"ring\""),
            (json!({"sweep": "yes"}), "unknown event with keys sweep"),
            (
                json!({"xid": "abc"}),
                "xid: \"abc\" is not a transaction id",
            ),
            (json!({"xid": -1}), "xid: -1 is not a transaction id"),
            (json!({"xid": "0"}), "xid: \"0\" is not a transaction id"),
            (
                json!({"replay": {"since": "now"}}),
                "replay.since: \"now\" is not a time",
            ),
            (
                json!({"cancel": "all"}),
                "cancel: \"all\" is not a backfill's id",
            ),
            (
                json!({"retry": 7}),
                "retry: 7 is not an event's id, nor \"all\"",
            ),
            (
                json!({"discard": "all"}),
                "discard: \"all\" is not an event's id",
            ),
            (
                json!({"awslogs": {"data": "rubbish"}}),
                "awslogs: not a CloudWatch Logs record",
            ),
        ];
        for (payload, message) in table {
            let error = Wake::parse(&payload).unwrap_err().to_string();
            assert!(error.starts_with(message), "{payload} gave {error}");
        }
    }
}
