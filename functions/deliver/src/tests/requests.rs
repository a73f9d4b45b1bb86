//! Tests of subscribers with requests of their own: another method, a URL of each event, several requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use standardwebhooks::Webhook as Verifier;
use tokio::net::TcpListener;

use super::receiver::Receiver;
use super::world::{EVENT_ID, SECRET, World, delivery, parameters};

fn ok() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// Returns the world with one subscriber, `cdn`.
fn world(fields: Value) -> World {
    let mut subscriber = json!({"target": "webhook"});
    let fields = fields.as_object().unwrap().clone();
    subscriber.as_object_mut().unwrap().extend(fields);
    World::new(vec![parameters(&[("cdn", subscriber.to_string())])])
}

/// Returns the paths of the requests that came.
fn paths(receiver: &Receiver) -> Vec<String> {
    let received = receiver.received().into_iter();
    received.map(|(uri, ..)| uri.to_string()).collect()
}

#[tokio::test]
async fn a_request_is_made_for_each_value_and_each_is_signed() {
    let receiver = Receiver::answering(ok).await;
    let world = world(json!({
        "url": format!("{}/purge/${{each}}?id=${{data.id}}", receiver.origin), "method": "PURGE", "secrets": [SECRET],
        "for_each": ["${data.title}", "${...data.nothing}", "b c", "a/b"],
    }));
    assert!(!world.fails(&delivery("cdn"), 1).await);

    assert_eq!(
        paths(&receiver),
        [
            "/purge/Z%C3%BCrich?id=4",
            "/purge/b%20c?id=4",
            "/purge/a%2Fb?id=4"
        ]
    );
    assert!(receiver.methods().iter().all(|method| method == "PURGE"));
    let ids = ["", "-1", "-2"].map(|end| format!("{EVENT_ID}{end}"));
    for ((_, headers, body), id) in receiver.received().iter().zip(ids) {
        assert_eq!(headers["webhook-id"], id);
        let verifier = Verifier::new(SECRET).unwrap();
        verifier.verify(body, headers).unwrap();
    }
}

#[tokio::test]
async fn the_request_that_is_for_the_event_is_made_without_a_body() {
    let receiver = Receiver::answering(ok).await;
    let url = format!("{}/documents/${{data.id}}", receiver.origin);
    let world = world(json!({"headers": {"X-Key": "k"}, "requests": [
        {"when": {"type": ["wagtail.page.deleted"]}, "url": url, "template": {}},
        {"when": {"type": ["wagtail.page.published"]}, "url": url, "method": "DELETE", "template": null},
    ]}));
    assert!(!world.fails(&delivery("cdn"), 1).await);

    assert_eq!(paths(&receiver), ["/documents/4"]);
    assert_eq!(receiver.methods(), ["DELETE"]);
    let (_, headers, body) = receiver.received().remove(0);
    assert!(body.is_empty());
    assert!(!headers.contains_key("content-type"), "{headers:?}");
    assert!(!headers.contains_key("webhook-signature"), "{headers:?}");
    assert_eq!(headers["x-key"], "k");
}

#[tokio::test]
async fn an_event_that_needs_no_request_is_delivered() {
    let receiver = Receiver::answering(ok).await;
    for fields in [
        json!({"url": receiver.origin, "for_each": ["${...data.urls}"], "template": {"files": "${each}"}}),
        json!({"requests": [{"when": {"data.live": [true]}, "url": receiver.origin, "template": null}]}),
    ] {
        let world = world(fields);
        assert!(!world.fails(&delivery("cdn"), 1).await);
        assert!(world.delays().is_empty());
    }
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn the_first_failure_ends_the_attempt_and_the_next_one_begins_anew() {
    let count = Arc::new(AtomicUsize::new(0));
    let answer = move || match count.fetch_add(1, Ordering::SeqCst) {
        1 => StatusCode::BAD_GATEWAY.into_response(),
        _ => ok(),
    };
    let receiver = Receiver::answering(answer).await;
    let url = format!("{}/${{each}}", receiver.origin);
    let world = world(json!({"url": url, "for_each": ["a", "b", "c"], "template": null}));
    assert!(world.fails(&delivery("cdn"), 1).await);
    assert_eq!(world.delays(), [6]);
    assert!(!world.fails(&delivery("cdn"), 2).await);
    assert_eq!(paths(&receiver), ["/a", "/b", "/a", "/b", "/c"]);
}

#[tokio::test]
async fn a_url_that_lacks_a_value_of_the_event_is_not_called() {
    let receiver = Receiver::answering(ok).await;
    // Without the id, this would be the call that deletes all documents.
    let url = format!("{}/documents/${{data.key}}", receiver.origin);
    let world = world(json!({"url": url, "method": "DELETE", "template": null}));
    assert!(world.fails(&delivery("cdn"), 1).await);
    assert_eq!(world.delays(), [6]);
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn all_requests_of_an_event_share_the_time_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let kept = Arc::clone(&count);
    let router = Router::new().fallback(async move || {
        kept.fetch_add(1, Ordering::SeqCst);
        // Two fifths of the limit of the tests.
        tokio::time::sleep(Duration::from_millis(200)).await;
        StatusCode::NO_CONTENT
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    let values: Vec<_> = (0..20).collect();
    let world = world(json!({"url": origin, "for_each": values, "template": null}));
    assert!(world.fails(&delivery("cdn"), 1).await);
    let requests = count.load(Ordering::SeqCst);
    assert!(requests < 4, "{requests} requests within 500 ms");
}
