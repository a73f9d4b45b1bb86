//! Tests the examples in docs/examples against the documentation of the services that they are for.

use serde_json::{Value, json};

use super::tests::DELIVER;
use crate::subscriber::{Subscriber, Target, Webhook};

/// Size of a standard parameter in bytes (SSM, `PutParameter`).
const PARAMETER_BYTES: usize = 4096;

fn event() -> Value {
    json!({
        "specversion": "1.0", "id": "0f2c8f6e-7d1b-4c8e-9a53-000000000001", "source": "/wagrun/test",
        "type": "wagtail.page.published", "subject": "page/4", "time": "2026-11-21T21:46:46.426651Z",
        "datacontenttype": "application/json", "partitionkey": "page/4", "sequence": "0000000000001106",
        "data": {
            "id": 4, "title": "<!channel> Fish & Chips", "url": "https://www.example.org/fish/",
            "editor": {"id": 1, "username": "admin"},
        },
    })
}

/// Returns the event of a deleted page that no site served: without URL and editor.
fn bare() -> Value {
    let mut event = event();
    event["type"] = json!("wagtail.page.deleted");
    event["data"] = json!({"id": 4, "title": "Old", "url": null, "editor": null});
    event
}

fn parsed(json: &str) -> Subscriber {
    assert!(json.len() < PARAMETER_BYTES);
    // SSM takes them for references.
    assert!(!json.contains("{{"), "{json}");
    Subscriber::parse("x", "x", json, DELIVER).unwrap()
}

fn webhook(json: &str) -> Webhook {
    match parsed(json).target {
        Target::Webhook(webhook) => *webhook,
        other => panic!("{other:?}"),
    }
}

fn rendered(webhook: &Webhook, event: &Value) -> Value {
    let json = webhook.template.as_ref().unwrap().render(event).unwrap();
    serde_json::from_str(&json).unwrap()
}

/// <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>: JSON with `text`, and `blocks` where it
/// is more than text; <https://docs.slack.dev/reference/block-kit/blocks/section-block>: 1 to 3000 characters;
/// <https://docs.slack.dev/messaging/formatting-message-text>: `&`, `<` and `>` escaped, and a URL becomes a link.
#[test]
fn slack() {
    let webhook = webhook(include_str!("../../../../../docs/examples/slack.json"));
    assert_eq!(webhook.url.host_str(), Some("hooks.slack.com"));
    let message = rendered(&webhook, &event());
    assert_eq!(
        message,
        json!({
            "text": "wagtail.page.published: &lt;!channel&gt; Fish &amp; Chips",
            "blocks": [
                {"type": "section", "text": {
                    "type": "mrkdwn",
                    "text": "*&lt;!channel&gt; Fish &amp; Chips*\nhttps://www.example.org/fish/",
                }},
                {"type": "context", "elements": [{"type": "mrkdwn", "text": "wagtail.page.published · admin"}]},
            ],
        })
    );
    let message = rendered(&webhook, &bare());
    assert_eq!(message["blocks"][0]["text"]["text"], "*Old*\n");
    for text in [
        &message["text"],
        &message["blocks"][0]["text"]["text"],
        &message["blocks"][1]["elements"][0]["text"],
    ] {
        let length = text.as_str().unwrap().chars().count();
        assert!((1..=3000).contains(&length), "{text}");
    }
}

/// <https://docs.netlify.com/configure-builds/build-hooks>: a POST to the hook's URL, `trigger_title` among the query
/// parameters; the body is what the build finds in `INCOMING_HOOK_BODY`.
#[test]
fn netlify() {
    let webhook = webhook(include_str!("../../../../../docs/examples/netlify.json"));
    assert_eq!(webhook.url.host_str(), Some("api.netlify.com"));
    assert!(webhook.url.path().starts_with("/build_hooks/"));
    assert_eq!(webhook.url.query(), Some("trigger_title=Wagtail"));
    let body = json!({
        "type": "wagtail.page.published", "subject": "page/4", "title": "<!channel> Fish & Chips",
    });
    assert_eq!(rendered(&webhook, &event()), body);
}

/// <https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event>: `event_type` of at most 100
/// characters, `client_payload` with at most ten properties; the headers that every call should have.
#[test]
fn github() {
    let webhook = webhook(include_str!("../../../../../docs/examples/github.json"));
    assert_eq!(
        webhook.url.as_str(),
        "https://api.github.com/repos/team/site/dispatches"
    );
    assert_eq!(webhook.headers["accept"], "application/vnd.github+json");
    assert_eq!(webhook.headers["x-github-api-version"], "2022-11-28");
    let token = webhook.headers["authorization"].to_str().unwrap();
    assert!(token.starts_with("Bearer "));
    for (event, url) in [
        (event(), json!("https://www.example.org/fish/")),
        (bare(), json!(null)),
    ] {
        let body = rendered(&webhook, &event);
        let fields: Vec<_> = body.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["event_type", "client_payload"]);
        assert_eq!(body["event_type"], event["type"]);
        assert!(body["event_type"].as_str().unwrap().len() <= 100);
        assert!(body["client_payload"].as_object().unwrap().len() <= 10);
        assert_eq!(body["client_payload"]["url"], url);
        assert_eq!(body["client_payload"]["previous_url"], json!(null));
    }
}

#[test]
fn the_others_are_subscribers() {
    for json in [
        include_str!("../../../../../docs/examples/search.json"),
        include_str!("../../../../../docs/examples/cloudfront.json"),
        include_str!("../../../../../docs/examples/eventbridge.json"),
    ] {
        parsed(json);
    }
}
