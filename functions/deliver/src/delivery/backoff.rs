//! The delay before the next attempt of a delivery that failed.

use std::time::Duration;

use super::error::Redelivery;

/// The part of a delay by which it varies.
///
/// A tenth either way spreads deliveries that failed in one moment over a fifth of the delay: a minute of five, two hours of
/// ten. The schedule stays recognizable. SQS counts whole seconds, so the first 5 s become 5 or 6.
const JITTER: f64 = 0.1;
/// Longest delay in seconds. SQS hides a message for twelve hours after it was received; a minute is left for the attempt.
const MAX_DELAY_SECONDS: f64 = 12.0 * 3600.0 - 60.0;

/// Returns the time of the next attempt after a failure.
///
/// `wait` is the schedule's delay; none after the last attempt. The message is then visible at once, and SQS moves it to the
/// dead-letter queue. `retry_after` is the delay that the receiver asks for. It can lengthen the delay to twelve hours less a
/// minute, but not shorten it: otherwise a receiver could use up its attempts in a moment. `jitter` from -1 to 1 stands for
/// a tenth less to a tenth more. The receiver's own delay is only ever lengthened.
pub fn redelivery(
    wait: Option<Duration>,
    retry_after: Option<Duration>,
    jitter: f64,
) -> Redelivery {
    let Some(wait) = wait else {
        return Redelivery::IMMEDIATE;
    };
    let jitter = jitter.clamp(-1.0, 1.0);
    let scheduled = wait.as_secs_f64() * (1.0 + JITTER * jitter);
    let requested = retry_after.unwrap_or_default().as_secs_f64() * (1.0 + JITTER * jitter.abs());
    // Rounded to milliseconds first: 300 × 1.1 is a little more than 330 in floating point.
    let seconds = (scheduled.max(requested) * 1000.0).round() / 1000.0;
    let seconds = seconds.ceil().clamp(1.0, MAX_DELAY_SECONDS);
    Redelivery::After(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the delay in seconds.
    fn delay(wait: Option<u32>, retry_after: Option<u32>, jitter: f64) -> u64 {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        match redelivery(wait.map(seconds), retry_after.map(seconds), jitter) {
            Redelivery::After(delay) => delay.as_secs(),
            Redelivery::AfterVisibilityTimeout => unreachable!("every failure has a delay"),
        }
    }

    #[test]
    fn jitter_is_a_tenth_either_way() {
        let cases = [
            (300, -1.0, 270),
            (300, 0.0, 300),
            (300, 0.5, 315),
            (300, 1.0, 330),
            (300, 7.0, 330),
            // Whole seconds, never less than the schedule's tenth less.
            (5, -1.0, 5),
            (5, 1.0, 6),
            (1, -1.0, 1),
            (6, -1.0, 6),
            (6, -0.5, 6),
        ];
        for (wait, jitter, expected) in cases {
            assert_eq!(delay(Some(wait), None, jitter), expected, "{wait} {jitter}");
        }
    }

    #[test]
    fn after_the_last_attempt_there_is_no_wait() {
        assert_eq!(delay(None, Some(3600), 1.0), 0);
    }

    #[test]
    fn no_delay_is_longer_than_sqs_allows() {
        assert_eq!(delay(Some(43_200), None, 1.0), 43_140);
        assert_eq!(delay(Some(5), Some(u32::MAX), 1.0), 43_140);
    }

    #[test]
    fn the_receiver_can_ask_for_more_time_and_not_for_less() {
        let cases = [
            (5, 0, 0.0, 5),
            (300, 120, 0.0, 300),
            (300, 600, 0.0, 600),
            // Never before the time that was asked for.
            (300, 600, -1.0, 660),
            (300, 600, 1.0, 660),
        ];
        for (wait, asked, jitter, expected) in cases {
            assert_eq!(
                delay(Some(wait), Some(asked), jitter),
                expected,
                "{wait} {asked} {jitter}"
            );
        }
    }
}
