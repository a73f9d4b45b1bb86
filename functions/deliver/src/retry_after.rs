//! What a receiver says of when to come again.

use std::time::SystemTime;

use jiff::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// The seconds that `Retry-After` asks for, as a number or as a date (RFC 9110, section 10.2.3); a date gone by is 0.
/// None without the header, or when it says neither.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<u32> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // What is too long for a number is longer than anybody waits.
        return Some(value.parse().unwrap_or(u32::MAX));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    let seconds = at
        .duration_since(SystemTime::from(now))
        .map_or(0, |wait| wait.as_secs());
    Some(u32::try_from(seconds).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn both_forms_are_understood_and_nothing_else() {
        let now = "1994-11-06T08:49:00Z".parse().unwrap();
        let cases = [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 120 ", Some(120)),
            ("99999999999999999999", Some(u32::MAX)),
            // The three forms of a date that HTTP has had.
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(37)),
            ("Sun Nov  6 08:49:37 1994", Some(37)),
            ("Sun, 06 Nov 1994 08:48:00 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(u32::MAX)),
            ("", None),
            ("-1", None),
            ("+5", None),
            ("1.5", None),
            ("soon", None),
            ("1994-11-06T08:49:37Z", None),
        ];
        for (value, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            assert_eq!(retry_after(&headers, now), expected, "{value:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
