//! The invocation's payload: from the doorbell, the doorbell's log line, the schedule or an operator.

use aws_lambda_events::event::cloudwatch_logs::LogsEvent;
use serde_json::Value;
use uuid::Uuid;

use crate::request::{Counted, Match, Request, RequestError, subscriber_name};
use crate::server_log::doorbells;

/// The work that an invocation asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    /// Drain the changes of transactions that are about to commit or have committed. The list is empty for a log record
    /// whose text only looks like a doorbell line.
    Transactions(Vec<u64>),
    /// Drain changes whose doorbell was lost. The schedule sends this.
    Sweep,
    /// Publish events of the past or of the present state.
    Backfill {
        /// The parsed request.
        request: Box<Request>,
        /// The request as it came, without `wait`. It is stored until the backfill is done.
        payload: Value,
        /// False when the answer comes as soon as the request is stored, and the doorbell does the work.
        waits: bool,
    },
    /// Count the events that a backfill would publish.
    Count(Box<Counted>),
    /// Count the present objects that a filter lets pass.
    Match(Box<Match>),
    /// Commit a marked change for this subscriber, and leave it to the doorbell.
    Mark(String),
    /// Cancel the backfill with this id.
    Cancel(Uuid),
    /// Go on with the open backfills, and tell how far the one with this id is.
    Progress(Uuid),
    /// Make a set-apart event pending again, or all of them without an id.
    Retry(Option<Uuid>),
    /// Discard a set-apart event.
    Discard(Uuid),
}

/// The payload cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InvocationError {
    /// The payload has an unknown form.
    #[error(
        "unknown event with {found}; expected {{\"xid\": \"<transaction id>\"}}, {{\"sweep\": true}}, {{\"replay\": {{…}}}}, \
         {{\"snapshot\": {{…}}}}, {{\"count\": {{…}}}}, {{\"match\": {{…}}}}, {{\"mark\": \"<name>\"}}, {{\"cancel\": \"<backfill id>\"}}, {{\"progress\": \"<backfill id>\"}}, {{\"retry\": \"<event id>\"}} or \"all\", {{\"discard\": \"<event id>\"}} \
         or a CloudWatch Logs record"
    )]
    Unknown {
        /// The payload's top-level keys, or its type when it is not an object.
        found: String,
    },
    /// The value of `xid` is not a transaction id.
    #[error("xid: {0} is not a transaction id")]
    TransactionId(String),
    /// The replay or the snapshot cannot be granted.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The value of `wait` is neither true nor false.
    #[error("wait: {0} is neither true nor false")]
    Wait(String),
    /// The value of `count` is not a request for a backfill.
    #[error("count: {0} is not an object with replay or snapshot")]
    Count(String),
    /// The value of `mark` is not the name of a subscriber.
    #[error("mark: {0} is not a subscriber's name")]
    Mark(String),
    /// The value of `cancel` or `progress` is not the id of a backfill.
    #[error("{field}: {found} is not the id of a replay or snapshot")]
    BackfillId {
        /// `cancel` or `progress`.
        field: &'static str,
        /// The given value.
        found: String,
    },
    /// The value of `retry` or `discard` is not the id of an event.
    #[error("{field}: {found} is not an event's id{alternative}")]
    EventId {
        /// `retry` or `discard`.
        field: &'static str,
        /// The given value.
        found: String,
        /// A text that names another valid value, or an empty text.
        alternative: &'static str,
    },
    /// The log record cannot be decoded.
    #[error("awslogs: not a CloudWatch Logs record")]
    LogRecord(#[source] serde_json::Error),
}

impl InvocationError {
    /// Returns true for an operator's request that cannot be granted. A doorbell or a schedule never has this form.
    pub fn is_refused_request(&self) -> bool {
        match self {
            Self::Unknown { .. } | Self::TransactionId(_) | Self::LogRecord(_) => false,
            Self::Request(_)
            | Self::Wait(_)
            | Self::Count(_)
            | Self::Mark(_)
            | Self::BackfillId { .. }
            | Self::EventId { .. } => true,
        }
    }
}

impl Invocation {
    /// Parses an invocation's payload.
    pub fn parse(payload: &Value) -> Result<Self, InvocationError> {
        if let Some(xid) = payload.get("xid") {
            return Ok(Self::Transactions(vec![transaction_id(xid)?]));
        }
        if payload.get("sweep") == Some(&Value::Bool(true)) {
            return Ok(Self::Sweep);
        }
        if let Some(backfill) = backfill(payload) {
            return backfill;
        }
        if let Some(counted) = payload.get("count") {
            let request = Counted::parse(payload);
            let request = request.ok_or_else(|| InvocationError::Count(counted.to_string()))?;
            return Ok(Self::Count(Box::new(request?)));
        }
        if let Some(request) = Match::parse(payload) {
            return Ok(Self::Match(Box::new(request?)));
        }
        if let Some(name) = payload.get("mark") {
            return subscriber_name(name)
                .map(Self::Mark)
                .ok_or_else(|| InvocationError::Mark(name.to_string()));
        }
        if let Some(id) = payload.get("cancel") {
            return backfill_id("cancel", id).map(Self::Cancel);
        }
        if let Some(id) = payload.get("progress") {
            return backfill_id("progress", id).map(Self::Progress);
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
        Err(InvocationError::Unknown {
            found: describe(payload),
        })
    }

    /// Returns the name of the work for log lines.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Transactions(_) => "doorbell",
            Self::Sweep => "sweep",
            Self::Backfill { .. } => "backfill",
            Self::Count(_) => "count",
            Self::Match(_) => "match",
            Self::Mark(_) => "mark",
            Self::Cancel(_) => "cancel",
            Self::Progress(_) => "progress",
            Self::Retry(_) => "retry",
            Self::Discard(_) => "discard",
        }
    }
}

/// Parses a request for a backfill, which may have `wait` beside it. Returns `None` when the payload is no such request.
fn backfill(payload: &Value) -> Option<Result<Invocation, InvocationError>> {
    let mut payload = payload.clone();
    let wait = payload
        .as_object_mut()
        .and_then(|fields| fields.remove("wait"));
    let request = Request::parse(&payload)?;
    Some(match (request, wait) {
        (Err(error), _) => Err(error.into()),
        (Ok(_), Some(wait)) if !wait.is_boolean() => Err(InvocationError::Wait(wait.to_string())),
        (Ok(request), wait) => Ok(Invocation::Backfill {
            request: Box::new(request),
            payload,
            waits: wait != Some(Value::Bool(false)),
        }),
    })
}

fn backfill_id(field: &'static str, value: &Value) -> Result<Uuid, InvocationError> {
    let id = value.as_str().and_then(|text| text.parse().ok());
    id.ok_or_else(|| InvocationError::BackfillId {
        field,
        found: value.to_string(),
    })
}

fn event_id(
    field: &'static str,
    value: &Value,
    alternative: &'static str,
) -> Result<Uuid, InvocationError> {
    let id = value.as_str().and_then(|text| text.parse().ok());
    id.ok_or_else(|| InvocationError::EventId {
        field,
        found: value.to_string(),
        alternative,
    })
}

fn transaction_id(value: &Value) -> Result<u64, InvocationError> {
    let parsed = match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64(),
        _ => None,
    };
    // PostgreSQL reserves the transaction ids below 3.
    parsed
        .filter(|xid| *xid >= 3)
        .ok_or_else(|| InvocationError::TransactionId(value.to_string()))
}

fn from_log_record(payload: &Value) -> Result<Invocation, InvocationError> {
    // The type of the record deserializes from borrowed text only, so the value is written as text first.
    let record: LogsEvent =
        serde_json::from_str(&payload.to_string()).map_err(InvocationError::LogRecord)?;
    let entries = &record.aws_logs.data.log_events;
    let mut xids: Vec<u64> = entries
        .iter()
        .flat_map(|entry| doorbells(&entry.message))
        .collect();
    xids.sort_unstable();
    xids.dedup();
    if xids.is_empty() {
        // Any text can match the subscription filter. An unnecessary drain is harmless, and a failed invocation is not.
        tracing::warn!(
            entries = entries.len(),
            "no doorbell line of the server's own in the log record"
        );
    }
    Ok(Invocation::Transactions(xids))
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
mod tests;
