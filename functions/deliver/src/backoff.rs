//! How long a failed delivery waits.

use std::{num::ParseIntError, str::FromStr};

/// SQS hides a message for at most twelve hours, counted from when it was received: a minute is left for the attempt.
const LONGEST_SECONDS: f64 = (12 * 3600 - 60) as f64;

/// The delay after each failed attempt, in seconds.
///
/// One attempt more than there are delays is the last. The queue's `maxReceiveCount` must say the same; the message
/// then has nothing left to wait for and becomes visible at once, for SQS to move it to the dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff(Vec<u32>);

impl Backoff {
    /// The delay after attempt number `attempt` (from 1); `jitter` from -1 to 1 stands for -10 % to +10 %.
    pub fn seconds(&self, attempt: u32, jitter: f64) -> i32 {
        let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        let Some(seconds) = self.0.get(index) else {
            return 0;
        };
        let seconds = f64::from(*seconds) * (1.0 + 0.1 * jitter.clamp(-1.0, 1.0));
        // In range after the clamp, so nothing is cut off but the fraction.
        seconds.round().clamp(0.0, LONGEST_SECONDS) as i32
    }
}

impl Default for Backoff {
    /// The schedule of Standard Webhooks: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h.
    fn default() -> Self {
        Self(vec![5, 300, 1800, 7200, 18_000, 36_000, 36_000])
    }
}

impl FromStr for Backoff {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',')
            .map(|seconds| seconds.trim().parse())
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_grows_with_the_attempt_and_ends() {
        let backoff = Backoff::default();
        let delays: Vec<_> = (1..=9)
            .map(|attempt| backoff.seconds(attempt, 0.0))
            .collect();
        assert_eq!(delays, [5, 300, 1800, 7200, 18_000, 36_000, 36_000, 0, 0]);
    }

    #[test]
    fn jitter_is_a_tenth_either_way() {
        let backoff: Backoff = "300".parse().unwrap();
        assert_eq!(backoff.seconds(1, -1.0), 270);
        assert_eq!(backoff.seconds(1, 0.5), 315);
        assert_eq!(backoff.seconds(1, 1.0), 330);
    }

    #[test]
    fn no_delay_is_longer_than_sqs_allows() {
        let backoff: Backoff = "43200".parse().unwrap();
        assert_eq!(backoff.seconds(1, 1.0), 43_140);
    }

    #[test]
    fn the_schedule_is_a_list_of_seconds() {
        assert_eq!("1, 2".parse(), Ok(Backoff(vec![1, 2])));
        for text in ["", "1,,2", "5s", "-1", "1.5"] {
            assert!(text.parse::<Backoff>().is_err(), "{text}");
        }
    }
}
