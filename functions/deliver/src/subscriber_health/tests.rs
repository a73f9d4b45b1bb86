use super::*;

#[test]
fn a_failure_is_judged_by_the_time_since_the_first_and_by_the_wait_that_follows() {
    const SECOND: SignedDuration = SignedDuration::from_secs(1);
    let (half_an_hour, five_days) = (
        SignedDuration::from_mins(30),
        SignedDuration::from_hours(120),
    );
    let (short, long) = (
        Some(Duration::from_secs(3599)),
        Some(Duration::from_secs(3600)),
    );
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    // Time since the failure that is written down, wait until the next attempt.
    for (time, wait, expected) in [
        (None, short, Failing::Briefly),
        (None, long, Failing::FromNow),
        (None, None, Failing::FromNow),
        (Some(half_an_hour - SECOND), short, Failing::Briefly),
        (Some(half_an_hour - SECOND), None, Failing::Briefly),
        (Some(half_an_hour), short, Failing::Long),
        (Some(five_days - SECOND), None, Failing::Long),
        (Some(five_days), short, Failing::Long),
        (Some(five_days), long, Failing::TooLong),
        (Some(five_days), None, Failing::TooLong),
    ] {
        let since = time.map(|time| now - time);
        assert_eq!(failing(since, wait, now), expected, "{time:?} {wait:?}");
    }
}
