//! The errors that the services answer.

use std::fmt;

use serde_json::Value;

/// An error of an AWS service, which it answers instead of doing what was asked.
#[derive(Debug)]
pub struct Refusal {
    /// The name of the error, such as `ThrottlingException`.
    pub name: &'static str,
    /// The message of the error.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.name, self.message)
    }
}

/// Returns a text field that a request must have.
pub fn text<'a>(body: &'a Value, field: &str) -> Result<&'a str, Refusal> {
    body[field].as_str().ok_or_else(|| Refusal {
        name: "MissingParameter",
        message: format!("{field} is missing"),
    })
}
