//! How long a failed delivery waits.

use wagrun_delivery::subscriber::RetrySchedule;

/// What chance may add to a wait or take from it.
///
/// A tenth either way spreads what failed in one moment over a fifth of the wait (a minute of five, two hours of ten) and
/// leaves the schedule recognizable. SQS counts whole seconds, so the first 5 s become 5 or 6.
const JITTER: f64 = 0.1;
/// SQS counts its twelve hours from when the message was received: a minute is left for the attempt.
const LONGEST_SECONDS: f64 = (RetrySchedule::LONGEST_WAIT - 60) as f64;

/// The seconds for which a delivery is hidden after a failed attempt.
///
/// `wait` is the schedule's, none after the last attempt: the message then becomes visible at once, for SQS to move it to
/// the dead-letter queue. `retry_after` is what the receiver asked for; it can lengthen the wait to twelve hours less a
/// minute, and not shorten it, so that no receiver uses up its attempts in a moment. `jitter` from -1 to 1 stands for a
/// tenth less to a tenth more, for `retry_after` for more only.
pub fn delay(wait: Option<u32>, retry_after: Option<u32>, jitter: f64) -> i32 {
    let Some(wait) = wait else {
        return 0;
    };
    let jitter = jitter.clamp(-1.0, 1.0);
    let scheduled = f64::from(wait) * (1.0 + JITTER * jitter);
    let asked = f64::from(retry_after.unwrap_or(0)) * (1.0 + JITTER * jitter.abs());
    // To the millisecond first: 300 × 1.1 is a little more than 330 in floating point.
    let seconds = (scheduled.max(asked) * 1000.0).round() / 1000.0;
    // In range after the clamp, so nothing is cut off.
    seconds.ceil().clamp(1.0, LONGEST_SECONDS) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

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
