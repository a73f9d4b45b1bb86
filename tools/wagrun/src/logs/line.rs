//! One line of a function's log.

use std::fmt;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::output;
use crate::time;

/// The fields that a readable line does not repeat, because they stand before the others.
const LEADING: [&str; 4] = ["timestamp", "level", "message", "requestId"];

/// One line of a function's log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// The time at which the line was written.
    pub at: Timestamp,
    /// The name of the function.
    pub function: &'static str,
    text: String,
    fields: Map<String, Value>,
}

impl LogLine {
    /// Reads a line. `at` is the time at which CloudWatch Logs has it, for lines that have none themselves.
    pub fn new(function: &'static str, at: Timestamp, text: String) -> Self {
        let fields = match serde_json::from_str(&text) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        let own = fields.get("timestamp").and_then(Value::as_str);
        let own = own.and_then(|own| own.parse().ok());
        Self {
            at: own.unwrap_or(at),
            function,
            text,
            fields,
        }
    }

    /// Returns true for a line of Lambda about the start and the end of an invocation. The template leaves them out.
    pub fn is_of_lambda(&self) -> bool {
        let beginnings = ["START RequestId: ", "END RequestId: ", "REPORT RequestId: "];
        beginnings.iter().any(|one| self.text.starts_with(one))
    }

    /// Returns true for a line in the embedded metric format.
    pub fn is_metric(&self) -> bool {
        self.fields.contains_key("_aws")
    }

    /// Returns true for a warning or an error, also one of Lambda itself.
    pub fn is_problem(&self) -> bool {
        match self.text_of("level") {
            Some(level) => level == "WARN" || level == "ERROR",
            None => {
                let signs = [
                    "Task timed out",
                    "errorType",
                    "\"type\":\"platform.report\"",
                ];
                signs.iter().any(|sign| self.text.contains(sign))
                    && !self.text.contains("\"status\":\"success\"")
            }
        }
    }

    /// Returns true when the line has this text anywhere.
    pub fn contains(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// Returns the constant text that says what happened.
    pub fn message(&self) -> Option<&str> {
        self.text_of("message")
    }

    /// Returns the text of a field.
    pub fn text_of(&self, field: &str) -> Option<&str> {
        self.fields.get(field).and_then(Value::as_str)
    }

    /// Returns a field.
    pub fn field(&self, field: &str) -> Option<&Value> {
        self.fields.get(field)
    }

    /// Returns the number of a field.
    pub fn number_of(&self, field: &str) -> Option<f64> {
        self.fields.get(field).and_then(Value::as_f64)
    }

    /// Returns the object of an event's line, such as `page/42`.
    pub fn subject(&self) -> Option<&str> {
        self.text_of("event.subject")
    }
}

/// Writes the line's own fields, with the function.
impl Serialize for LogLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = Map::new();
        fields.insert("function".to_owned(), self.function.into());
        if self.fields.is_empty() {
            fields.insert("timestamp".to_owned(), json!(self.at));
            fields.insert("message".to_owned(), self.text.trim_end().into());
        }
        fields.extend(self.fields.clone());
        fields.serialize(serializer)
    }
}

impl fmt::Display for LogLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, function, .. } = self;
        write!(formatter, "{}  {function:<14}  ", time::millisecond(*at))?;
        let Some(message) = self.message() else {
            return formatter.write_str(self.text.trim_end());
        };
        match self.text_of("level") {
            Some("ERROR") => write!(formatter, "ERROR {}", output::bad(message))?,
            Some("WARN") => write!(formatter, "WARN {}", output::warning(message))?,
            _ => formatter.write_str(message)?,
        }
        let others = self
            .fields
            .iter()
            .filter(|(name, _)| !LEADING.contains(&&***name));
        for (name, value) in others {
            match value {
                Value::String(text) if !text.contains([' ', '"']) => {
                    write!(formatter, "  {name}={text}")?;
                }
                value => write!(formatter, "  {name}={value}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> LogLine {
        LogLine::new("deliver", Timestamp::UNIX_EPOCH, text.to_owned())
    }

    #[test]
    fn a_line_begins_with_what_happened_and_has_every_other_field() {
        let one = line(
            r#"{"timestamp":"2026-11-21T21:46:46.907713Z","level":"INFO","message":"delivery attempted","requestId":"c2d0",
                "subscriber":"search","status":204,"error":"a b"}"#,
        );
        assert_eq!(
            one.to_string(),
            "2026-11-21 21:46:46.907  deliver         delivery attempted  subscriber=search  status=204  error=\"a b\""
        );
        assert!(!one.is_problem());
    }

    #[test]
    fn a_line_of_lambda_is_shown_as_it_is_and_can_be_a_problem() {
        let timed_out = line("2026-11-21T21:46:46Z c2d0 Task timed out after 120.00 seconds\n");
        assert!(timed_out.is_problem());
        assert!(timed_out.to_string().ends_with(
            "deliver         2026-11-21T21:46:46Z c2d0 Task timed out after 120.00 seconds"
        ));
        assert!(line(r#"{"level":"ERROR","message":"invocation failed"}"#).is_problem());
        assert!(line(r#"{"_aws":{},"Deliveries":1}"#).is_metric());
        assert!(line("REPORT RequestId: c2d0\tDuration: 108 ms").is_of_lambda());
    }
}
