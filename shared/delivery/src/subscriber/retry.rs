//! The delays after which a failed delivery is attempted again.

use std::{num::ParseIntError, str::FromStr, time::Duration};

/// The delays after failed attempts. There is one attempt more than there are delays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySchedule(Vec<u32>);

impl RetrySchedule {
    /// Longest delay in seconds. SQS hides a message for at most twelve hours.
    pub const MAX_WAIT_SECONDS: u32 = 12 * 3600;

    /// Creates a schedule of these delays, in seconds.
    pub fn new(waits: Vec<u32>) -> Self {
        Self(waits)
    }

    /// Returns the delay after failed attempt number `attempt` (from 1); none after the last attempt, or beyond.
    pub fn wait(&self, attempt: u32) -> Option<Duration> {
        let index = usize::try_from(attempt.checked_sub(1)?).ok()?;
        let seconds = self.0.get(index)?;
        Some(Duration::from_secs((*seconds).into()))
    }

    /// Returns true when there is an attempt of this number (from 1).
    pub fn has_attempt(&self, attempt: u32) -> bool {
        attempt <= 1 || self.wait(attempt - 1).is_some()
    }
}

impl Default for RetrySchedule {
    /// Returns the schedule of Standard Webhooks: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h.
    fn default() -> Self {
        Self(vec![5, 300, 1800, 7200, 18_000, 36_000, 36_000])
    }
}

impl FromStr for RetrySchedule {
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
    fn the_wait_grows_with_the_attempt_and_ends() {
        let schedule = RetrySchedule::default();
        let waits: Vec<_> = (0..=9).map(|attempt| schedule.wait(attempt)).collect();
        let expected = [5, 300, 1800, 7200, 18_000, 36_000, 36_000];
        let expected = expected.map(|seconds| Some(Duration::from_secs(seconds)));
        assert_eq!(waits[0], None);
        assert_eq!(waits[1..8], expected);
        assert_eq!(waits[8..], [None, None]);
        let attempts: Vec<_> = (1..=10).filter(|&n| schedule.has_attempt(n)).collect();
        assert_eq!(attempts, [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn the_schedule_is_a_list_of_seconds() {
        assert_eq!("1, 2".parse(), Ok(RetrySchedule(vec![1, 2])));
        for text in ["", "1,,2", "5s", "-1", "1.5"] {
            assert!(text.parse::<RetrySchedule>().is_err(), "{text}");
        }
    }
}
