//! The bounds of every delay.

use proptest::prelude::*;

use super::*;

/// Longest delay that leaves a minute of the twelve hours of SQS.
const LONGEST: u64 = 43_140;

fn delay(wait: u64, retry_after: Option<u64>, jitter: f64) -> u64 {
    let seconds = Duration::from_secs;
    match redelivery(Some(seconds(wait)), retry_after.map(seconds), jitter) {
        Redelivery::After(delay) => {
            assert_eq!(delay.subsec_nanos(), 0, "SQS counts whole seconds");
            delay.as_secs()
        }
        Redelivery::AfterVisibilityTimeout => unreachable!("every failure has a delay"),
    }
}

fn retry_after() -> impl Strategy<Value = Option<u64>> {
    prop::option::of(prop_oneof![0..100_000_u64, any::<u64>()])
}

proptest! {
    #[test]
    fn a_delay_is_the_longer_of_both_give_or_take_a_tenth(
        wait in 1..=43_200_u64, retry_after in retry_after(), jitter in -1.0..=1.0,
    ) {
        let delay = delay(wait, retry_after, jitter);
        let asked = retry_after.unwrap_or_default();
        prop_assert!((1..=LONGEST).contains(&delay));
        // Integers: nine tenths of the schedule's, rounded up, and all of what the receiver asks for.
        let least = (wait * 9).div_ceil(10).max(asked).min(LONGEST);
        let most = (u128::from(wait.max(asked)) * 11).div_ceil(10).min(LONGEST.into());
        prop_assert!(delay >= least, "{} < {}", delay, least);
        prop_assert!(u128::from(delay) <= most, "{} > {}", delay, most);
    }

    #[test]
    fn a_longer_wait_and_a_longer_request_never_shorten_a_delay(
        waits in [1..=43_200_u64, 1..=43_200_u64],
        asked in [0..100_000_u64, 0..100_000_u64],
        jitters in [-1.0..=1.0, -1.0..=1.0],
    ) {
        let [short, long] = { let mut waits = waits; waits.sort_unstable(); waits };
        let [little, much] = { let mut asked = asked; asked.sort_unstable(); asked };
        let [low, high] = { let mut jitters = jitters; jitters.sort_by(f64::total_cmp); jitters };
        prop_assert!(delay(short, Some(little), low) <= delay(long, Some(little), low));
        prop_assert!(delay(short, Some(little), low) <= delay(short, Some(much), low));
        prop_assert!(delay(short, None, low) <= delay(short, None, high));
        prop_assert!(delay(short, None, low) <= delay(short, Some(little), low));
    }

    #[test]
    fn after_the_last_attempt_nothing_is_waited_for(retry_after in retry_after(), jitter in -1.0..=1.0) {
        let redelivery = redelivery(None, retry_after.map(Duration::from_secs), jitter);
        prop_assert_eq!(redelivery, Redelivery::IMMEDIATE);
    }
}
