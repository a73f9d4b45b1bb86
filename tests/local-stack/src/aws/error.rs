//! The errors of calls to the emulator.

use serde_json::Value;

/// A call to the API failed.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The emulator did not answer.
    #[error("calling {call}")]
    Http {
        /// The name of the call.
        call: String,
        /// The cause.
        source: reqwest::Error,
    },
    /// The emulator answered with an error.
    #[error("{call}: {status}: {answer}")]
    Refused {
        /// The name of the call.
        call: String,
        /// The HTTP status.
        status: u16,
        /// The text of the answer.
        answer: String,
    },
    /// The answer does not have the format of this call.
    #[error("{call} answered {answer}")]
    Answer {
        /// The name of the call.
        call: String,
        /// The text of the answer.
        answer: String,
    },
    /// A function ended with an error.
    #[error("function {function} failed: {}", message(error))]
    Function {
        /// The name of the function.
        function: String,
        /// The answer, normally with `errorType` and `errorMessage`.
        error: Value,
    },
}

/// Returns the message of a function's error; the whole answer where it has none.
fn message(error: &Value) -> String {
    match error["errorMessage"].as_str() {
        Some(message) => message.to_owned(),
        None => error.to_string(),
    }
}
