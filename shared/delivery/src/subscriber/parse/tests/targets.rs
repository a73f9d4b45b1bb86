//! Parameters of each target.

use super::*;

#[test]
fn a_webhook_can_have_headers_and_a_template() {
    let json =
        webhook(r#","headers":{"Authorization":"Bearer hidden"},"template":{"text":"${type}"}"#);
    let subscriber = parse(&json).unwrap();
    let Target::Webhook(target) = &subscriber.target else {
        panic!("{subscriber:?}");
    };
    assert_eq!(target.headers["authorization"], "Bearer hidden");
    assert!(!target.posts_events());
    assert!(!format!("{:?}{:?}", target, target.headers).contains("hidden"));
    // Who has a payload of its own may know nothing of Standard Webhooks.
    let json = json.replace(&format!(r#""secrets":["{SECRET}"],"#), "");
    assert!(parse(&json).is_ok(), "{json}");
}

#[test]
fn the_targets_within_aws() {
    let bus = "arn:aws:events:eu-central-1:123456789012:event-bus/team/content";
    let json = |bus: &str| format!(r#"{{"target":"eventbridge","bus":"{bus}"}}"#);
    let bus = bus.replace("team/", "");
    let expected = Target::EventBridge(EventBridge { bus: bus.clone() });
    assert_eq!(parse(&json(&bus)).unwrap().target, expected);
    let china = bus.replace("aws", "aws-cn");
    assert!(parse(&json(&china)).is_ok());
    let cloud_front = |wildcard| {
        Target::CloudFront(CloudFront {
            distribution: "E2EXAMPLE".into(),
            wildcard,
        })
    };
    let json = r#"{"target":"cloudfront","distribution":"E2EXAMPLE"}"#;
    assert_eq!(parse(json).unwrap().target, cloud_front(false));
    let json = json.replace('}', r#","wildcard":true}"#);
    assert_eq!(parse(&json).unwrap().target, cloud_front(true));
}

#[test]
fn the_faults_of_every_target_are_named_with_their_place() {
    let bus = |bus: &str| format!(r#"{{"target":"eventbridge","bus":"{bus}"}}"#);
    let not_a_bus =
        "bus: is not the ARN of an event bus (arn:aws:events:<region>:<account>:event-bus/<name>)";
    let not_an_id =
        "distribution: is not the id of a distribution (E and capital letters and digits)";
    let cases = [
        (webhook(r#","headers":[]"#), "headers: is not a JSON object"),
        (
            webhook(r#","headers":{"X Y":"a"}"#),
            "headers.X Y: is not the name of a header",
        ),
        (webhook(r#","headers":{"X-Y":""}"#), "headers.X-Y: is empty"),
        (
            webhook(r#","headers":{"X-Y":1}"#),
            "headers.X-Y: is not text",
        ),
        (
            webhook(r#","headers":{"X-Y":"a\r\nb: hidden"}"#),
            "headers.X-Y: is not the value of a header",
        ),
        (
            webhook(r#","headers":{"Webhook-Id":"a"}"#),
            "headers.Webhook-Id: is a header that deliver sets itself",
        ),
        (
            webhook(r#","headers":{"Host":"a"}"#),
            "headers.Host: is a header that deliver sets itself",
        ),
        (
            webhook(r#","template":"${""#),
            "template: has a ${ without its }",
        ),
        (
            webhook(r#","template":{"a":[{"b":"${x y}"}]}"#),
            "template.a[0].b: has ${x y}, which is not a path such as ${data.title}",
        ),
        (
            webhook(r#","template":"${type|loud}""#),
            r#"template: has the unknown filter "loud"; this version has "slack", "host", "path""#,
        ),
        (r#"{"target":"eventbridge"}"#.into(), "bus: is missing"),
        (bus(""), "bus: is empty"),
        (bus("content"), not_a_bus),
        (
            bus("arn:aws:events:eu-central-1:123456789012:rule/content"),
            not_a_bus,
        ),
        (
            bus("arn:aws:sns:eu-central-1:123456789012:event-bus/content"),
            not_a_bus,
        ),
        (
            bus("arn:aws:events:eu-central-1:1:event-bus/content"),
            not_a_bus,
        ),
        (
            bus("arn:aws:events:eu-central-1:123456789012:event-bus/"),
            not_a_bus,
        ),
        (
            r#"{"target":"eventbridge","bus":"x","url":"https://example.org/"}"#.into(),
            r#"url: is not a known field; target "eventbridge" has target, bus, types, content_types, under, retry_seconds, enabled, disabled, failing_since"#,
        ),
        (
            r#"{"target":"cloudfront"}"#.into(),
            "distribution: is missing",
        ),
        (
            r#"{"target":"cloudfront","distribution":"d111.cloudfront.net"}"#.into(),
            not_an_id,
        ),
        (
            r#"{"target":"cloudfront","distribution":"E1","wildcard":"yes"}"#.into(),
            "wildcard: is not true or false",
        ),
    ];
    for (json, expected) in cases {
        let error = parse(&json).unwrap_err();
        assert_eq!(
            error,
            format!("subscriber /wagrun/subscribers/cdn: {expected}"),
            "for {json}"
        );
    }
}
