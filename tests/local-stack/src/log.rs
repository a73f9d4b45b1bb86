//! What the functions said about events: the fields that the saved query "what happened to page 42" shows.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::aws::LogLine;

/// The functions that an event passes, in this order.
pub const FUNCTIONS: [&str; 3] = ["content-events", "fan-out", "deliver"];

/// One line of a function's log; a field that it does not have is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When the emulator wrote it, which is when the invocation ended.
    pub at: Timestamp,
    /// `content-events`, `fan-out` or `deliver`.
    pub function: &'static str,
    /// What happened, such as `delivery attempted`.
    pub message: String,
    /// The event's id.
    pub event_id: Option<Uuid>,
    /// The event's type.
    pub kind: Option<String>,
    /// The object.
    pub subject: Option<String>,
    /// To how many subscribers fan-out sent it.
    pub deliveries: Option<u64>,
    /// Who was to get it.
    pub subscriber: Option<String>,
    /// From 1.
    pub attempt: Option<u32>,
    /// One word, or `dropped: …`.
    pub outcome: Option<String>,
    /// The receiver's status, where it answered.
    pub status: Option<u16>,
    /// How long the attempt took.
    pub duration_ms: Option<u64>,
}

impl Line {
    /// The line of this function; none where it is not JSON, such as what Lambda itself writes.
    pub fn read(function: &'static str, line: &LogLine) -> Option<Self> {
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
            status: number("status").and_then(|number| number.try_into().ok()),
            duration_ms: number("duration_ms"),
        })
    }

    /// Whether deliver tried a delivery, as opposed to having dropped it.
    pub fn is_attempt(&self) -> bool {
        self.message == "delivery attempted"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_read_and_what_lambda_writes_is_not() {
        let line = |message: &str| LogLine {
            written_ms: 1_795_297_606_000,
            message: message.to_owned(),
        };
        let attempt = line(
            r#"{"timestamp":"2026-11-21T21:46:46.426651Z","level":"INFO","message":"delivery attempted","requestId":"r","event.id":"c1c6b142-8006-4082-a4ef-3606cd4e02d9","event.type":"wagtail.page.published","event.subject":"page/4","subscriber":"cdn","attempt":2,"outcome":"refused","status":500,"duration_ms":6}"#,
        );
        let read = Line::read("deliver", &attempt).unwrap();
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
            assert_eq!(Line::read("deliver", &line(other)), None);
        }
    }
}
