//! When what was written is gone, and with it the use of a stream.

use jiff::{SignedDuration, Timestamp};

use crate::logs::Stream;

/// How long CloudWatch Logs may take to delete what has expired.
const LATE: SignedDuration = SignedDuration::from_hours(72);

/// A time and so many days.
pub fn after(time: Timestamp, days: i32) -> Timestamp {
    // Only for what is not a time at all, such as the end of time itself, does it matter what too much becomes.
    time.saturating_add(SignedDuration::from_hours(24 * i64::from(days)))
        .unwrap_or(Timestamp::MAX)
}

/// Whether everything written until `time` is gone by `now`, where events are kept for so many days.
pub fn is_gone(time: Timestamp, days: i32, now: Timestamp) -> bool {
    now.duration_since(after(time, days)) > LATE
}

/// Whether a stream is empty, and of a function. A running copy of a function has a stream of its own, and lives for some
/// hours; everything else (a task, a database) may write to its stream again after a silence of any length.
pub fn is_over(stream: &Stream, days: i32, now: Timestamp) -> bool {
    is_functions(&stream.name) && is_gone(stream.last_written, days, now)
}

/// `2026/11/21/[$LATEST]0123…`, or `2026/11/21/name[$LATEST]0123…` in a log group that was given to the function.
fn is_functions(stream: &str) -> bool {
    let shape = |text: &str| {
        text.bytes()
            .map(|byte| if byte.is_ascii_digit() { b'0' } else { byte })
            .eq(*b"0000/00/00/")
    };
    stream.get(..11).is_some_and(shape) && stream[11..].contains('[')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_functions_streams_that_expired_are_over() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let table = [
            ("2026/09/01/[$LATEST]0123abcd", "2026-10-19T11:59:59Z", true),
            (
                "2026/09/01/wagrun-Deliver-1[7]0123abcd",
                "2026-10-19T11:59:59Z",
                true,
            ),
            // Thirty days and three for CloudWatch Logs.
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
        for (name, last_written, over) in table {
            let stream = Stream {
                name: name.into(),
                last_written: last_written.parse().unwrap(),
            };
            assert_eq!(is_over(&stream, 30, now), over, "{name} {last_written}");
        }
    }

    #[test]
    fn what_has_no_time_is_never_over() {
        assert!(!is_gone(Timestamp::MAX, 3653, Timestamp::UNIX_EPOCH));
        assert_eq!(after(Timestamp::MAX, 30), Timestamp::MAX);
    }
}
