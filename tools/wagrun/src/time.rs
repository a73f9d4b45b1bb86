//! Times for people, in UTC as in the logs.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::error::CommandError;

/// Returns the present time, in whole seconds: a text of it is read by people.
pub fn now_in_seconds() -> Timestamp {
    let now = now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Returns the present time.
#[expect(
    clippy::disallowed_methods,
    reason = "the clock of an operator's command"
)]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Formats a time with minutes: `2026-11-26 11:00`.
pub fn minute(at: Timestamp) -> String {
    format(at, "%Y-%m-%d %H:%M")
}

/// Formats a time with seconds: `2026-11-26 11:00:07`.
pub fn second(at: Timestamp) -> String {
    format(at, "%Y-%m-%d %H:%M:%S")
}

/// Formats a time with milliseconds: `2026-11-26 11:00:07.123`.
pub fn millisecond(at: Timestamp) -> String {
    format(at, "%Y-%m-%d %H:%M:%S%.3f")
}

/// Formats a time of day with milliseconds: `11:00:07.123`.
pub fn clock(at: Timestamp) -> String {
    format(at, "%H:%M:%S%.3f")
}

fn format(at: Timestamp, form: &str) -> String {
    at.to_zoned(TimeZone::UTC).strftime(form).to_string()
}

/// Formats a duration by its largest unit: `7 s`, `12 min`, `3 h`, `9 days`.
pub fn duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Reads a point in time, in UTC where it names no zone. A day alone could mean its beginning or its end.
fn point(text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse() {
        return Some(at);
    }
    let at: DateTime = text.parse().ok().filter(|_| text.contains(':'))?;
    let at = at.to_zoned(TimeZone::UTC).ok()?;
    Some(at.timestamp())
}

/// Reads a time on the command line: a point (`2026-11-26T11:00:00Z`), in UTC where it names no zone, or the time since (`90s`, `15m`, `3h`, `2d`).
pub fn parse(argument: &str, text: &str, now: Timestamp) -> Result<Timestamp, CommandError> {
    if let Some(at) = point(text) {
        // A mistake in the date or the zone would find nothing, which sounds well.
        return match at > now && argument == "--since" {
            true => Err(CommandError::argument(
                argument,
                format!("{text:?} is in the future"),
            )),
            false => Ok(at),
        };
    }
    let wrong = || {
        CommandError::argument(
            argument,
            format!(
                "{text:?} is neither a time (2026-11-26T11:00:00Z, or 2026-11-26 11:00:00 in UTC) nor the time since (90s, 15m, 3h, 2d)"
            ),
        )
    };
    let split = text.len().saturating_sub(1);
    let (number, unit) = text.split_at_checked(split).ok_or_else(wrong)?;
    let number: i64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        "d" => Some(86_400),
        _ => None,
    };
    let seconds = seconds
        .and_then(|unit: i64| unit.checked_mul(number))
        .filter(|&all| all >= 0);
    let since = SignedDuration::from_secs(seconds.ok_or_else(wrong)?);
    now.checked_sub(since).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_point_or_the_time_since() {
        let now: Timestamp = "2026-11-26T11:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-11-20T08:00:00+01:00", "2026-11-20T07:00:00Z"),
            ("2026-11-20 08:00:00", "2026-11-20T08:00:00Z"),
            ("2026-11-20 08:00", "2026-11-20T08:00:00Z"),
            ("90s", "2026-11-26T10:58:30Z"),
            ("2d", "2026-11-24T11:00:00Z"),
        ] {
            assert_eq!(parse("--since", text, now).unwrap().to_string(), expected);
        }
        for text in [
            "",
            "d",
            "-1h",
            "1w",
            "yesterday",
            "1é",
            "99999999999999999d",
            "2026-11-26",
        ] {
            let error = parse("--since", text, now).unwrap_err().to_string();
            assert!(error.starts_with("--since: "), "{error}");
        }
    }

    #[test]
    fn a_duration_has_its_largest_unit() {
        let said = |seconds| duration(SignedDuration::from_secs(seconds));
        assert_eq!(
            [said(-1), said(119), said(120), said(7200), said(172_800)],
            ["0 s", "119 s", "2 min", "2 h", "2 days"]
        );
    }
}
