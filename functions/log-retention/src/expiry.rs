//! Decides whether the events of a log group or a stream have expired.

use jiff::{SignedDuration, Timestamp};

use crate::log_group::LogStream;

/// Longest time that CloudWatch Logs takes to delete an expired event.
const MAX_DELETION_DELAY: SignedDuration = SignedDuration::from_hours(72);

/// Returns the time at which an event expires.
pub fn expires_at(written: Timestamp, retention_days: i32) -> Timestamp {
    // Only a time such as `Timestamp::MAX` saturates. An event of that time never expires.
    written
        .saturating_add(SignedDuration::from_hours(24 * i64::from(retention_days)))
        .unwrap_or(Timestamp::MAX)
}

/// Returns true when CloudWatch Logs has deleted the events that were written at a time.
pub fn is_deleted(written: Timestamp, retention_days: i32, now: Timestamp) -> bool {
    now.duration_since(expires_at(written, retention_days)) > MAX_DELETION_DELAY
}

/// Returns true when a stream is empty and nothing writes to it again.
///
/// Only a stream of a function can be such a stream: each running copy of a function has its own, and lives for some hours.
/// Every other writer, such as a task or a database, may write to its stream again after any time.
pub fn is_abandoned(stream: &LogStream, retention_days: i32, now: Timestamp) -> bool {
    is_name_of_function_stream(&stream.name) && is_deleted(stream.last_written, retention_days, now)
}

/// Returns true for `2026/11/21/[$LATEST]0123…`, and for `2026/11/21/name[$LATEST]0123…`. A function writes the latter to a log
/// group that its configuration names.
fn is_name_of_function_stream(stream: &str) -> bool {
    let is_date = |text: &str| {
        text.bytes()
            .map(|byte| if byte.is_ascii_digit() { b'0' } else { byte })
            .eq(*b"0000/00/00/")
    };
    stream.get(..11).is_some_and(is_date) && stream[11..].contains('[')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_expired_streams_of_functions_are_abandoned() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let table = [
            ("2026/09/01/[$LATEST]0123abcd", "2026-10-19T11:59:59Z", true),
            (
                "2026/09/01/wagrun-Deliver-1[7]0123abcd",
                "2026-10-19T11:59:59Z",
                true,
            ),
            // Thirty days of retention, and three of CloudWatch Logs.
            (
                "2026/09/01/[$LATEST]0123abcd",
                "2026-10-19T12:00:00Z",
                false,
            ),
            ("web/Main/0123abcd", "2026-01-01T00:00:00Z", false),
            ("instance/0123abcd", "2026-01-01T00:00:00Z", false),
            ("wagrun-1.0", "2026-01-01T00:00:00Z", false),
            ("2026/09/01/nightly", "2026-01-01T00:00:00Z", false),
            ("2026-09-01/[1]x", "2026-01-01T00:00:00Z", false),
            ("straße/0/0", "2026-01-01T00:00:00Z", false),
        ];
        for (name, last_written, expected) in table {
            let stream = LogStream {
                name: name.into(),
                last_written: last_written.parse().unwrap(),
            };
            let abandoned = is_abandoned(&stream, 30, now);
            assert_eq!(abandoned, expected, "{name} {last_written}");
        }
    }

    #[test]
    fn an_event_without_a_time_never_expires() {
        assert!(!is_deleted(Timestamp::MAX, 3653, Timestamp::UNIX_EPOCH));
        assert_eq!(expires_at(Timestamp::MAX, 30), Timestamp::MAX);
    }
}
