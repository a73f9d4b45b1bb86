//! Tests the examples in docs/examples against the documentation of the services that they are for.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};
use url::Url;

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

/// Returns the payload of the only request.
fn rendered(webhook: &Webhook, event: &Value) -> Value {
    let event = event.to_string();
    let requests = webhook.render(&event).unwrap();
    let [request] = &requests[..] else {
        panic!("{requests:?}");
    };
    assert_eq!(request.method, Method::POST);
    assert_eq!(&request.url, url(webhook));
    serde_json::from_str(request.body.as_ref().unwrap().as_str()).unwrap()
}

fn url(webhook: &Webhook) -> &Url {
    webhook.requests[0].url.sample()
}

/// <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>: JSON with `text`, and `blocks` where it
/// is more than text; <https://docs.slack.dev/reference/block-kit/blocks/section-block>: 1 to 3000 characters;
/// <https://docs.slack.dev/messaging/formatting-message-text>: `&`, `<` and `>` escaped, and a URL becomes a link.
#[test]
fn slack() {
    let webhook = webhook(include_str!("../../../../../docs/examples/slack.json"));
    assert_eq!(url(&webhook).host_str(), Some("hooks.slack.com"));
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
    assert_eq!(url(&webhook).host_str(), Some("api.netlify.com"));
    assert!(url(&webhook).path().starts_with("/build_hooks/"));
    assert_eq!(url(&webhook).query(), Some("trigger_title=Wagtail"));
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
        url(&webhook).as_str(),
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

/// The examples whose requests rendered.json shows. tools/test_examples.py checks those against the documentation of the services.
const SERVICES: [(&str, &str); 9] = [
    (
        "cloudflare",
        include_str!("../../../../../docs/examples/cloudflare.json"),
    ),
    (
        "fastly",
        include_str!("../../../../../docs/examples/fastly.json"),
    ),
    (
        "fastly-key",
        include_str!("../../../../../docs/examples/fastly-key.json"),
    ),
    (
        "vercel",
        include_str!("../../../../../docs/examples/vercel.json"),
    ),
    (
        "vercel-revalidate",
        include_str!("../../../../../docs/examples/vercel-revalidate.json"),
    ),
    (
        "cloudflare-pages",
        include_str!("../../../../../docs/examples/cloudflare-pages.json"),
    ),
    (
        "algolia",
        include_str!("../../../../../docs/examples/algolia.json"),
    ),
    (
        "meilisearch",
        include_str!("../../../../../docs/examples/meilisearch.json"),
    ),
    (
        "typesense",
        include_str!("../../../../../docs/examples/typesense.json"),
    ),
];

/// Returns a page's events of the types that the examples listen to, and its snapshot as a draft.
fn page_events() -> Vec<(&'static str, Value)> {
    let site = |path: &str| format!("https://www.example.org{path}");
    let event = |kind: &str, more: Value| {
        let mut event = event();
        event["type"] = json!(format!("wagtail.page.{kind}"));
        let mut data = json!({
            "id": 4, "content_type": "blog.blogpage", "locale": "en", "title": "Fish & \"Chips\"", "live": true,
            "last_published_at": "2026-11-21T08:04:51.297453+00:00", "visible_to": "public", "previous": {},
            "url": site("/fish/"), "urls": [site("/fish/")], "editor": null,
        });
        let more = more.as_object().unwrap().clone();
        data.as_object_mut().unwrap().extend(more);
        event["data"] = data;
        event
    };
    let many: Vec<_> = (0..31)
        .map(|site| format!("https://{site}.example.org/fish/"))
        .collect();
    let other = "https://fisch.example.org:8443/z%C3%BCrich/";
    vec![
        ("published", event("published", json!({}))),
        (
            "moved, with two addresses before and after",
            event(
                "moved",
                json!({
                    "urls": [site("/fish/"), other],
                    "previous": {"url": site("/old/"), "urls": [site("/old/"), other, "https://fisch.example.org:8443/old/"]},
                }),
            ),
        ),
        (
            "unpublished, because it is private now",
            event(
                "unpublished",
                json!({"visible_to": "login", "previous": {"visible_to": "public"}}),
            ),
        ),
        ("deleted", event("deleted", json!({"live": false}))),
        (
            "deleted, which no site served",
            event("deleted", json!({"live": false, "url": null, "urls": []})),
        ),
        (
            "the snapshot of a draft",
            event(
                "snapshot",
                json!({"live": false, "last_published_at": null}),
            ),
        ),
        (
            "unpublished, on thirty-one sites",
            event(
                "unpublished",
                json!({"live": false, "url": many[0], "urls": many}),
            ),
        ),
    ]
}

/// Returns what a service would receive for an event: method, URL, headers and body of each request.
fn received(example: &str, event: &Value) -> Value {
    let webhook = webhook(example);
    let event = event.to_string();
    let headers: BTreeMap<_, _> = webhook
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    let requests = webhook.render(&event).unwrap();
    let requests = requests.iter().map(|request| {
        let body = request.body.as_ref().map(|body| {
            assert_eq!(body.media_type(), "application/json");
            serde_json::from_str::<Value>(body.as_str()).unwrap()
        });
        json!({"method": request.method.as_str(), "url": request.url.as_str(), "headers": headers, "body": body})
    });
    requests.collect()
}

#[test]
fn the_rendered_requests_are_those_that_are_checked() {
    let mut rendered = serde_json::Map::new();
    for (name, example) in SERVICES {
        let events = page_events().into_iter();
        let requests = events.map(|(title, event)| (title.to_owned(), received(example, &event)));
        rendered.insert(name.to_owned(), Value::Object(requests.collect()));
    }
    let rendered = Value::Object(rendered);
    let written: Value = serde_json::from_str(include_str!("rendered.json")).unwrap();
    assert!(rendered == written, "rendered.json must be:\n{rendered:#}");
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
