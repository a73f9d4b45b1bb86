//! A subscriber's template on an event. The first line is the parameter, the rest the event.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde_json::Value;
use url::Url;
use wagrun_delivery::subscriber::{
    Body, RenderError, RenderedRequest, Rules, Schemes, Subscriber, Target, Webhook,
};
use wagrun_fuzz::{assert_readable, two_lines};

const RULES: Rules = Rules {
    schemes: Schemes::HttpsOnly,
    max_attempts: Some(8),
};
/// Longest payload of one request, and of all requests of an event together.
const MAX_PAYLOAD: usize = 1024 * 1024;
const MAX_ALL: usize = 8 * 1024 * 1024;

fuzz_target!(|data: &[u8]| {
    let Some((json, event)) = two_lines(data) else {
        return;
    };
    let Ok(subscriber) = Subscriber::parse("x", "x", json, RULES) else {
        return;
    };
    let Target::Webhook(webhook) = &subscriber.target else {
        return;
    };
    let parameter: Value = serde_json::from_str(json).unwrap();
    let is_json = serde_json::from_str::<Value>(event).is_ok();
    match webhook.render(event) {
        Ok(requests) => {
            assert!(is_json);
            for request in &requests {
                is_sound(request, webhook, event, &parameter);
            }
            let total: usize = requests
                .iter()
                .filter_map(|it| it.body.as_ref())
                .map(|body| body.as_str().len())
                .sum();
            assert!(total <= MAX_ALL.max(event.len()), "{total}");
            assert_eq!(webhook.render(event).unwrap(), requests);
        }
        Err(error) => {
            assert_readable(&error);
            // A template that was accepted fails in one way only, and a URL because a value is missing.
            assert!(
                !is_json || !matches!(error, RenderError::Json(_)),
                "{error:?}"
            );
        }
    }
});

fn is_sound(request: &RenderedRequest<'_>, webhook: &Webhook, event: &str, parameter: &Value) {
    match &request.body {
        Some(Body::Event(text)) => assert_eq!(*text, event),
        Some(Body::Payload(text)) => {
            assert!(text.len() <= MAX_PAYLOAD);
            serde_json::from_str::<IgnoredAny>(text).unwrap();
        }
        None => {}
    }
    let url = &request.url;
    assert_eq!(url.scheme(), "https");
    assert!(url.username().is_empty() && url.password().is_none());
    let fits =
        |sample: &Url| url.origin() == sample.origin() && has_same_shape(url, sample, parameter);
    let mut samples = webhook.requests.iter().map(|request| request.url.sample());
    assert!(samples.any(fits), "{url}");
}

/// Returns true when no value has added a segment, a parameter or a fragment.
fn has_same_shape(url: &Url, sample: &Url, parameter: &Value) -> bool {
    let count = |text: &str, character: char| text.matches(character).count();
    let query = |url: &Url, character| url.query().map(|query| count(query, character));
    // `${…|path}` in a path is several segments.
    let has_path_filter = parameter.to_string().contains("|path}");
    (has_path_filter || count(url.path(), '/') == count(sample.path(), '/'))
        && query(url, '&') == query(sample, '&')
        && query(url, '=') == query(sample, '=')
        && query(url, ';') == query(sample, ';')
        && url.fragment().is_some() == sample.fragment().is_some()
}
