//! The log lines of the functions about events, with the fields of the saved query "what happened to page 42".

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::aws::LogLine;

/// The functions through which an event passes, in this order.
pub const FUNCTIONS: [&str; 3] = ["content-events", "fan-out", "deliver"];

/// One line of a function's log. A field that the line does not have is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLine {
    /// The time at which the emulator wrote the line, which is the end of the invocation.
    pub at: Timestamp,
    /// The name of the function: `content-events`, `fan-out` or `deliver`.
    pub function: &'static str,
    /// The message, such as `delivery attempted`.
    pub message: String,
    /// The id of the event.
    pub event_id: Option<Uuid>,
    /// The type of the event.
    pub kind: Option<String>,
    /// The subject of the event, such as `page/42`.
    pub subject: Option<String>,
    /// The number of subscribers to which fan-out sent the event.
    pub deliveries: Option<u64>,
    /// The name of the subscriber.
    pub subscriber: Option<String>,
    /// The number of the attempt, from 1.
    pub attempt: Option<u32>,
    /// The outcome of the delivery, such as `delivered` or `set_aside`.
    pub outcome: Option<String>,
    /// The reason for an outcome that needs one, such as `disabled`.
    pub reason: Option<String>,
    /// The HTTP status that the receiver answered.
    pub status: Option<u16>,
    /// The duration of the attempt, in milliseconds.
    pub duration_ms: Option<u64>,
}

impl EventLine {
    /// Parses a line of this function. Returns `None` for a line that the function did not write itself.
    pub fn parse(function: &'static str, line: &LogLine) -> Option<Self> {
        let fields: Value = serde_json::from_str(&line.message).ok()?;
        let text = |name: &str| fields[name].as_str().map(str::to_owned);
        let number = |name: &str| fields[name].as_u64();
        Some(Self {
            at: Timestamp::from_millisecond(line.written_ms).ok()?,
            function,
            message: text("message")?,
            event_id: text("event.id").and_then(|id| id.parse().ok()),
            kind: text("event.type"),
            subject: text("event.subject"),
            deliveries: number("deliveries"),
            subscriber: text("subscriber"),
            attempt: number("attempt").and_then(|number| number.try_into().ok()),
            outcome: text("outcome"),
            reason: text("reason"),
            status: number("status").and_then(|number| number.try_into().ok()),
            duration_ms: number("duration_ms"),
        })
    }

    /// Returns true for the line about an attempt. Other lines say that a delivery was dropped or set aside.
    pub fn is_attempt(&self) -> bool {
        self.message == "delivery attempted"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_function_is_parsed_and_a_line_of_lambda_is_not() {
        let line = |message: &str| LogLine {
            written_ms: 1_795_297_606_000,
            message: message.to_owned(),
        };
        let attempt = line(
            r#"{"timestamp":"2026-11-21T21:46:46.000Z","level":"INFO","message":"delivery attempted","event.id":"c1c6b142-8006-4082-a4ef-3606cd4e02d9","event.type":"wagtail.page.published","event.subject":"page/4","subscriber":"cdn","attempt":2,"outcome":"refused","status":500,"duration_ms":6}"#,
        );
        let read = EventLine::parse("deliver", &attempt).unwrap();
        assert!(read.is_attempt());
        assert_eq!(read.subject.as_deref(), Some("page/4"));
        assert_eq!(read.subscriber.as_deref(), Some("cdn"));
        assert_eq!((read.attempt, read.status), (Some(2), Some(500)));
        assert_eq!(read.outcome.as_deref(), Some("refused"));
        assert_eq!(read.duration_ms, Some(6));
        for other in [
            "START RequestId: 1",
            r#"{"time":"","type":"platform.report"}"#,
        ] {
            assert_eq!(EventLine::parse("deliver", &line(other)), None);
        }
    }
}
