mod targets;

use crate::subscriber::{
    CloudFront, EventBridge, Filter, RetrySchedule, Rules, Schemes, Secret, Subscriber, Target,
};

/// The rules of deliver on AWS.
pub const DELIVER: Rules = Rules {
    schemes: Schemes::HttpsOnly,
    max_attempts: Some(8),
};
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn parse(json: &str) -> Result<Subscriber, String> {
    Subscriber::parse("cdn", "/wagrun/subscribers/cdn", json, DELIVER)
        .map_err(|error| error.to_string())
}

fn webhook(rest: &str) -> String {
    format!(r#"{{"target":"webhook","url":"https://example.org/in","secrets":["{SECRET}"]{rest}}}"#)
}

#[test]
fn the_smallest_subscriber_receives_everything() {
    let subscriber = parse(&webhook("")).unwrap();
    let Target::Webhook(target) = &subscriber.target else {
        panic!("{subscriber:?}");
    };
    assert_eq!(subscriber.name, "cdn");
    assert_eq!(
        target.requests[0].url.sample().as_str(),
        "https://example.org/in"
    );
    assert_eq!(target.secrets, [Secret::parse(SECRET).unwrap()]);
    assert_eq!(subscriber.filter, Filter::default());
    assert!(subscriber.enabled);
    assert_eq!(subscriber.retry, None);
    assert_eq!(subscriber.failing_since, None);
}

#[test]
fn a_subscriber_can_have_its_own_schedule() {
    let json = webhook(r#","retry_seconds":[5,60,43200]"#);
    let schedule = RetrySchedule::new(vec![5, 60, 43_200]);
    assert_eq!(parse(&json).unwrap().retry, Some(schedule));
}

#[test]
fn what_deliver_wrote_is_read_again() {
    let json = webhook(
        r#","enabled":false,"disabled":{"reason":"gone","at":"2026-11-21T21:46:46Z"},"failing_since":"2026-11-21T21:46:46Z""#,
    );
    let subscriber = parse(&json).unwrap();
    assert!(!subscriber.enabled);
    let since = "2026-11-21T21:46:46Z".parse().unwrap();
    assert_eq!(subscriber.failing_since, Some(since));
}

#[test]
fn a_subscriber_can_be_disabled() {
    assert!(!parse(&webhook(r#","enabled":false"#)).unwrap().enabled);
}

#[test]
fn http_is_taken_only_where_it_is_allowed() {
    let json = webhook("").replace("https:", "http:");
    assert_eq!(
        parse(&json).unwrap_err(),
        r#"subscriber /wagrun/subscribers/cdn: url: has the scheme "http", which is not https"#
    );
    assert!(Subscriber::parse("cdn", "cdn", &json, Rules::LENIENT).is_ok());
}

#[test]
fn every_fault_is_named_with_its_place() {
    let filters = |rest: &str| webhook(&format!(",{rest}"));
    let url = |url: &str| webhook("").replace("https://example.org/in", url);
    let secrets = |list: &str| webhook("").replace(&format!("[\"{SECRET}\"]"), list);
    let second = |secret: &str| secrets(&format!(r#"["{SECRET}","{secret}"]"#));
    let cases = [
        (String::new(), "is not JSON (line 1, column 0)"),
        ("{\n\"target\":}".into(), "is not JSON (line 2, column 10)"),
        (
            format!("\u{feff}{}", webhook("")),
            "begins with a byte order mark (U+FEFF); save the file as UTF-8 without one",
        ),
        ("[]".into(), "is not a JSON object"),
        ("{}".into(), "target: is missing"),
        (r#"{"target":1}"#.into(), "target: is not text"),
        (
            r#"{"target":"slack"}"#.into(),
            r#"target: unknown target "slack"; this version supports "webhook", "eventbridge", "cloudfront""#,
        ),
        (r#"{"target":"webhook"}"#.into(), "url: is missing"),
        (
            filters(r#""type":["a"]"#),
            r#"type: is not a known field; target "webhook" has target, url, secrets, headers, template, method, for_each, per_request, requests, types, content_types, under, retry_seconds, enabled, disabled, failing_since"#,
        ),
        (url(""), "url: is empty"),
        (
            url("example.org/in"),
            "url: is not a URL (relative URL without a base)",
        ),
        (
            url("ftp://example.org/"),
            r#"url: has the scheme "ftp", which is not https"#,
        ),
        (
            url("https://me:hidden@example.org/"),
            "url: carries a user name or password",
        ),
        (
            r#"{"target":"webhook","url":"https://example.org/"}"#.into(),
            "secrets: is missing",
        ),
        (secrets("\"whsec_x\""), "secrets: is not a list"),
        (secrets("[]"), "secrets: is empty"),
        (secrets("[1]"), "secrets[0]: is not text"),
        (
            second("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            "secrets[1]: is not whsec_ or whsk_ followed by base64",
        ),
        (
            second("whsec_hidden!"),
            "secrets[1]: is not whsec_ or whsk_ followed by base64",
        ),
        (
            second("whsec_aGlkZGVu"),
            "secrets[1]: holds 6 bytes, not 24 to 64",
        ),
        (filters(r#""types":"a""#), "types: is not a list"),
        (filters(r#""types":[]"#), "types: is empty"),
        (filters(r#""types":["a",""]"#), "types[1]: is empty"),
        (
            filters(r#""content_types":[null]"#),
            "content_types[0]: is not text",
        ),
        (filters(r#""under":["/a/"]"#), "under: is not text"),
        (
            filters(r#""under":"blog/""#),
            "under: is not a path that begins with /",
        ),
        (
            filters(r#""under":"/blog/?page=2""#),
            "under: is not a path that begins with /",
        ),
        (
            filters(r#""enabled":"yes""#),
            "enabled: is not true or false",
        ),
        (
            filters(r#""disabled":true"#),
            "disabled: is not a JSON object",
        ),
        (
            filters(r#""failing_since":"yesterday""#),
            "failing_since: is not a time (RFC 3339)",
        ),
        (
            filters(r#""retry_seconds":5"#),
            "retry_seconds: is not a list",
        ),
        (filters(r#""retry_seconds":[]"#), "retry_seconds: is empty"),
        (
            filters(r#""retry_seconds":[5,0]"#),
            "retry_seconds[1]: is not a whole number from 1 to 43200",
        ),
        (
            filters(r#""retry_seconds":[1.5]"#),
            "retry_seconds[0]: is not a whole number from 1 to 43200",
        ),
        (
            filters(r#""retry_seconds":[5,5,43201]"#),
            "retry_seconds[2]: is not a whole number from 1 to 43200",
        ),
        (
            filters(r#""retry_seconds":[1,2,3,4,5,6,7,8]"#),
            "retry_seconds: has 8 waits, but the delivery queue gives up after 8 attempts (DeliveryMaxAttempts)",
        ),
    ];
    for (json, expected) in cases {
        let error = parse(&json).unwrap_err();
        assert_eq!(
            error,
            format!("subscriber /wagrun/subscribers/cdn: {expected}"),
            "for {json}"
        );
        assert!(!error.contains("hidden"), "{error}");
    }
}

#[test]
fn debug_output_holds_neither_secret_nor_url() {
    let shown = format!("{:?}", parse(&webhook("")).unwrap());
    assert!(!shown.contains("/in"), "{shown}");
    assert!(shown.contains("secrets: 1"), "{shown}");
}
