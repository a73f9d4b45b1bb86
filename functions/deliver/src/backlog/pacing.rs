//! A receiver that answers slowly may not take all copies of the function. Its deliveries are *paced*: set aside, and recalled a
//! few lanes at a time.
//!
//! A copy waits for each answer. In a bulk change a receiver that takes fourteen seconds would occupy every copy for hours, and
//! the deliveries of all others would wait behind it. So its backlog begins, as that of a dead one does, with the mark `paced`.
//! The sweep recalls a few lanes, each with a [`Turn`](super::turn::Turn). Who ends with a lane passes its turn on to the next lane, so there are
//! never more recalled lanes than turns. All paced subscribers together have half of the copies.
//!
//! - The lanes are shared out among the turns by their name, so that two turns never wait for the same lane.
//! - Each sweep gives out new turns, and those of an earlier one end at their next lane. So a turn that was lost with a copy
//!   of the function is replaced within five minutes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;

/// Number of slow attempts in a row, counted by one copy of the function, that make a subscriber slow.
const MIN_SLOW_ATTEMPTS: u32 = 3;

/// The limits from which a subscriber is paced.
#[derive(Debug, Clone, Copy)]
pub struct PacingLimits {
    /// Duration of an attempt from which it counts as slow.
    pub slow_attempt: Duration,
    /// Time that a delivery has waited for its first attempt from which too few copies of the function are free.
    pub long_wait: SignedDuration,
    /// Number of copies of the function that run at once.
    pub copies: usize,
}

impl PacingLimits {
    /// Returns the limits of a function with this number of copies.
    pub fn new(copies: usize) -> Self {
        Self {
            slow_attempt: Duration::from_secs(2),
            long_wait: SignedDuration::from_secs(60),
            copies,
        }
    }

    /// Returns the number of turns of each paced subscriber, at least one.
    pub fn turns(&self, paced_subscribers: usize) -> u32 {
        let turns = self.copies / 2 / paced_subscribers.max(1);
        u32::try_from(turns).unwrap_or(u32::MAX).max(1)
    }
}

/// Counts the slow attempts of each subscriber.
#[derive(Debug)]
pub struct Pacing {
    /// The limits.
    pub limits: PacingLimits,
    slow_attempts: Mutex<HashMap<String, u32>>,
}

impl Pacing {
    /// Has counted nothing yet.
    pub fn new(limits: PacingLimits) -> Self {
        Self {
            limits,
            slow_attempts: Mutex::default(),
        }
    }

    /// Counts an attempt. Returns true when the subscriber is to be paced.
    ///
    /// `waited` is the time that the delivery has waited for its first attempt; none for a later attempt.
    pub fn is_too_slow(
        &self,
        subscriber: &str,
        duration: Duration,
        waited: Option<SignedDuration>,
    ) -> bool {
        let slow_attempts = self.slow_attempts.lock();
        let mut slow_attempts = slow_attempts.unwrap_or_else(PoisonError::into_inner);
        if duration < self.limits.slow_attempt {
            slow_attempts.remove(subscriber);
            return false;
        }
        let count = slow_attempts.entry(subscriber.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count >= MIN_SLOW_ATTEMPTS && waited.is_some_and(|waited| waited >= self.limits.long_wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_copies_are_shared_out_and_each_paced_subscriber_has_one() {
        for (copies, subscribers, expected) in [
            (2, 1, 1),
            (4, 1, 2),
            (10, 1, 5),
            (40, 1, 20),
            (40, 3, 6),
            (4, 9, 1),
        ] {
            let turns = PacingLimits::new(copies).turns(subscribers);
            assert_eq!(turns, expected, "{copies} {subscribers}");
        }
    }

    #[test]
    fn a_subscriber_is_paced_after_three_slow_attempts_when_deliveries_wait() {
        let pacing = Pacing::new(PacingLimits::new(4));
        // The borders: an attempt of two seconds is slow.
        let (slow, quick) = (Duration::from_secs(2), Duration::from_millis(1999));
        let (long, short) = (SignedDuration::from_secs(60), SignedDuration::from_secs(59));
        for (duration, waited, expected) in [
            (slow, Some(long), false),
            (slow, Some(long), false),
            (quick, Some(long), false),
            (slow, Some(long), false),
            (slow, Some(long), false),
            (slow, Some(short), false),
            (slow, None, false),
            (slow, Some(long), true),
            (slow, Some(long), true),
        ] {
            assert_eq!(pacing.is_too_slow("cdn", duration, waited), expected);
        }
        assert!(!pacing.is_too_slow("other", slow, Some(long)));
    }
}
