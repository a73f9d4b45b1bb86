//! The JSON of a subscriber's parameter.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use wagrun_delivery::subscriber::{
    InvalidSubscriber, Problem, Rules, Schemes, Subscriber, Target, Webhook,
};
use wagrun_fuzz::{assert_readable, text};

/// The rules of a stack on AWS.
const RULES: Rules = Rules {
    schemes: Schemes::HttpsOnly,
    max_attempts: Some(8),
};
/// Length from which a secret would be recognized in an error.
const SECRET_LENGTH: usize = 8;

fuzz_target!(|data: &[u8]| {
    let Some(json) = text(data) else { return };
    let parsed = Subscriber::parse("team/x", "/wagrun/subscribers/team/x", json, RULES);
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    match parsed {
        Ok(subscriber) => {
            let fields = value.as_object().expect("a subscriber is an object");
            let again = Subscriber::parse(
                "team/x",
                "/wagrun/subscribers/team/x",
                &value.to_string(),
                RULES,
            );
            assert_eq!(again.as_ref(), Ok(&subscriber));
            // The origin of a URL is shown, and the rest may be a token.
            let mut without_origins = format!("{subscriber:?}");
            if let Target::Webhook(webhook) = &subscriber.target {
                for origin in webhook.origins() {
                    without_origins = without_origins.replace(&origin, "");
                }
            }
            assert!(!leaks(&without_origins, &value), "{subscriber:?}");
            assert_eq!(
                subscriber.enabled,
                fields.get("enabled") != Some(&Value::Bool(false))
            );
            for warning in &subscriber.warnings {
                assert!(is_in(&warning.place.0, fields), "{warning}");
            }
            if let Target::Webhook(webhook) = &subscriber.target {
                is_sound(webhook);
            }
            // Fewer delays than attempts, and none beyond what SQS can hide a message for.
            if let Some(schedule) = &subscriber.retry {
                assert!(schedule.wait(8).is_none());
                for wait in (1..8).map_while(|attempt| schedule.wait(attempt)) {
                    assert!((1..=43_200).contains(&wait.as_secs()));
                }
            }
        }
        Err(error) => {
            assert_readable(&error);
            assert!(!leaks(&error.to_string(), &value), "{error}");
            names_the_field(&error, &value);
        }
    }
});

fn is_sound(webhook: &Webhook) {
    assert!(!webhook.requests.is_empty());
    for request in &webhook.requests {
        let url = request.url.sample();
        assert_eq!(url.scheme(), "https");
        assert!(url.has_host());
        assert!(url.username().is_empty() && url.password().is_none());
    }
    // Who gets the event as it is can verify it.
    if webhook
        .requests
        .iter()
        .any(|request| request.posts_events())
    {
        assert!(!webhook.secrets.is_empty());
    }
    let own = [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    ];
    for name in own {
        assert!(!webhook.headers.contains_key(name), "{name}");
    }
    for value in webhook.headers.values() {
        assert!(value.is_sensitive());
        assert!(!value.as_bytes().contains(&b'\n') && !value.as_bytes().contains(&b'\r'));
    }
}

/// Returns true when a text has the URL, a secret or the value of a header in it.
fn leaks(text: &str, parameter: &Value) -> bool {
    let mut secrets = Vec::new();
    collect(&parameter["url"], &mut secrets);
    collect(&parameter["secrets"], &mut secrets);
    collect(&parameter["headers"], &mut secrets);
    for request in parameter["requests"].as_array().into_iter().flatten() {
        collect(&request["url"], &mut secrets);
    }
    let all = parameter.to_string();
    secrets.into_iter().any(|secret| {
        // A text that stands elsewhere too is no secret, such as a field's name. Nor is a word of an error's own text,
        // or a URL that is nothing but a placeholder.
        secret.len() >= SECRET_LENGTH
            && secret.contains(|it: char| it.is_ascii_digit())
            && !(secret.starts_with("${") && !secret.contains('/'))
            && all.matches(secret).count() == 1
            && text.contains(secret)
    })
}

fn collect<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, texts)),
        _ => {}
    }
}

fn names_the_field(error: &InvalidSubscriber, value: &Value) {
    let place = &error.place.0;
    let Some(fields) = value.as_object() else {
        assert!(place.is_empty(), "{error}");
        return;
    };
    if error.problem != Problem::Missing && error.problem != Problem::ByteOrderMark {
        assert!(is_in(place, fields), "{error}");
    }
    assert_eq!(error.parameter, "/wagrun/subscribers/team/x");
}

/// Returns true when a place begins with a field that is there.
fn is_in(place: &str, fields: &serde_json::Map<String, Value>) -> bool {
    fields.keys().any(|field| place.starts_with(field.as_str()))
}
