//! `Retry-After` with any value that a receiver may send.

use proptest::prelude::*;
use reqwest::header::HeaderValue;

use super::*;

fn delay(value: &[u8], now: i64) -> Option<Duration> {
    let mut headers = HeaderMap::new();
    headers.insert(RETRY_AFTER, HeaderValue::from_bytes(value).ok()?);
    retry_after(&headers, Timestamp::from_second(now).unwrap())
}

proptest! {
    #[test]
    fn any_value_is_a_delay_or_nothing(value in prop::collection::vec(any::<u8>(), 0..40), now in -2_000_000_000..20_000_000_000_i64) {
        delay(&value, now);
    }

    #[test]
    fn a_number_is_that_many_seconds(seconds: u64, now in 0..4_000_000_000_i64) {
        prop_assert_eq!(delay(seconds.to_string().as_bytes(), now), Some(Duration::from_secs(seconds)));
    }

    #[test]
    fn a_date_is_the_time_until_then(at in 0..4_000_000_000_u64, now in 0..4_000_000_000_u32) {
        let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(at));
        let expected = Duration::from_secs(at.saturating_sub(now.into()));
        prop_assert_eq!(delay(date.as_bytes(), now.into()), Some(expected));
    }
}
