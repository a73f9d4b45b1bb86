//! Faults of AWS: calls that are throttled, fail, fail in part, succeed with an error as their answer, or are answered late.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use axum::http::StatusCode;
use fastrand::Rng;
use serde_json::{Value, json};

/// The time before a late answer. An attempt of content-events to publish ends after 4 s.
pub const LATE: Duration = Duration::from_millis(4500);

/// The fault of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AwsFault {
    /// The account's quota is used up.
    Throttled,
    /// The service is out of order.
    Failed,
    /// Some entries of a batch fail.
    EntriesFailed,
    /// The call is executed and the answer is an error.
    DoneAndFailed,
    /// The call is executed and answered after the caller's time limit.
    Late,
}

/// The order in which an operation gets its faults.
const FAULTS: [AwsFault; 5] = [
    AwsFault::EntriesFailed,
    AwsFault::DoneAndFailed,
    AwsFault::Failed,
    AwsFault::Throttled,
    AwsFault::Late,
];

/// Decides which calls have a fault.
pub struct AwsFaults {
    state: Mutex<State>,
}

struct State {
    rng: Rng,
    is_disturbed: bool,
    counts: BTreeMap<(String, AwsFault), usize>,
}

impl AwsFaults {
    pub fn new(rng: Rng) -> Self {
        let state = State {
            rng,
            is_disturbed: false,
            counts: BTreeMap::new(),
        };
        Self {
            state: Mutex::new(state),
        }
    }

    /// Disturbs every third call from now on, or none.
    pub fn set_disturbed(&self, is_disturbed: bool) {
        self.state.lock().unwrap().is_disturbed = is_disturbed;
    }

    /// Returns the fault of the next call, and a number by which entries are chosen. It is the fault that the operation had least, so
    /// that a short round has all of them.
    pub fn next(&self, operation: &str) -> Option<(AwsFault, u64)> {
        let mut state = self.state.lock().unwrap();
        if !state.is_disturbed || state.rng.u8(..3) > 0 {
            return None;
        }
        let is_batch = operation.ends_with("Batch");
        let possible = FAULTS
            .into_iter()
            .filter(|fault| is_batch || *fault != AwsFault::EntriesFailed);
        let key = |fault| (operation.to_owned(), fault);
        let fault = possible.min_by_key(|fault| state.counts.get(&key(*fault)).copied())?;
        *state.counts.entry(key(fault)).or_default() += 1;
        Some((fault, state.rng.u64(..)))
    }

    /// Returns the number of faults of each operation.
    pub fn counts(&self) -> BTreeMap<(String, AwsFault), usize> {
        self.state.lock().unwrap().counts.clone()
    }
}

/// Returns the answer to a call that is throttled or fails, in the protocol of its service.
pub fn error_answer(operation: &str, fault: AwsFault) -> (StatusCode, String) {
    let is_throttled = fault == AwsFault::Throttled;
    let (name, status) = match is_throttled {
        true => ("ThrottlingException", StatusCode::BAD_REQUEST),
        false => ("InternalFailure", StatusCode::INTERNAL_SERVER_ERROR),
    };
    if operation.starts_with("Amazon") {
        let body = json!({"__type": name, "message": "Rate exceeded"});
        return (status, body.to_string());
    }
    if operation.starts_with("S3") {
        let name = match is_throttled {
            true => "SlowDown",
            false => "InternalError",
        };
        let body = format!("<Error><Code>{name}</Code><Message>Rate exceeded</Message></Error>");
        return (StatusCode::SERVICE_UNAVAILABLE, body);
    }
    let body = format!(
        "<ErrorResponse><Error><Type>Receiver</Type><Code>{}</Code><Message>Rate exceeded</Message></Error></ErrorResponse>",
        name.trim_end_matches("Exception")
    );
    (status, body)
}

/// Takes entries out of a batch in JSON. Returns them as the failed entries of the answer.
pub fn take_entries(request: &mut Value, choice: u64) -> Vec<Value> {
    let Some(entries) = request["Entries"].as_array_mut() else {
        return Vec::new();
    };
    let mut number = 0;
    let failed = entries.extract_if(.., |_| {
        number += 1;
        choice >> (number % 64) & 1 == 1
    });
    failed
        .map(|entry| {
            json!({"Id": entry["Id"], "Code": "InternalError", "Message": "try again", "SenderFault": false})
        })
        .collect()
}
