//! Tests of receivers that answer in other ways than 2xx.

use std::time::{Duration, Instant};

use axum::{
    body::Body,
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::SignedDuration;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::json;
use standardwebhooks::Webhook as Verifier;

use super::receiver::Receiver;
use super::world::{SECRET, World, delivery, now, parameter, parameters, subscriber, written};

// Test 1 of RFC 8032, section 7.1.
const SECRET_KEY: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const PUBLIC_KEY: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

fn ok() -> Response {
    StatusCode::OK.into_response()
}

fn in_ten_minutes() -> Response {
    (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "600")]).into_response()
}

fn at_a_date() -> Response {
    let date = (now() + SignedDuration::from_hours(1)).as_second();
    let date = std::time::UNIX_EPOCH + Duration::from_secs(date.try_into().unwrap());
    let date = httpdate::fmt_http_date(date);
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, date)]).into_response()
}

fn at_once() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "0")]).into_response()
}

fn in_a_year() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "31536000")]).into_response()
}

/// More bytes than deliver reads of an answer.
fn endless() -> Response {
    let chunks = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 65_536]));
    Response::new(Body::from_stream(chunks))
}

#[tokio::test]
async fn a_key_pair_signs_beside_a_shared_secret() {
    let receiver = Receiver::answering(ok).await;
    let secrets = json!({"secrets": [SECRET, SECRET_KEY]});
    let world = World::new(vec![parameters(&[(
        "cdn",
        subscriber(&receiver.origin, secrets),
    )])]);
    assert!(!world.fails(&delivery("cdn"), 1).await);

    let (_, headers, body) = receiver.received().remove(0);
    // The official library takes the v1 among them.
    Verifier::new(SECRET)
        .unwrap()
        .verify(&body, &headers)
        .unwrap();
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let signature = text("webhook-signature");
    let signature = signature.split_once(" v1a,").unwrap().1;
    let mut signed = format!("{}.{}.", text("webhook-id"), text("webhook-timestamp")).into_bytes();
    signed.extend_from_slice(&body);
    UnparsedPublicKey::new(&ED25519, BASE64_STANDARD.decode(PUBLIC_KEY).unwrap())
        .verify(&signed, &BASE64_STANDARD.decode(signature).unwrap())
        .unwrap();
}

#[tokio::test]
async fn a_receiver_can_ask_for_time() {
    // (answer, attempt, the wait; the schedule's own is 6, 330, … with the tests' jitter)
    let cases = [
        (in_ten_minutes as fn() -> Response, 1, 660),
        (in_ten_minutes, 3, 1980),
        (at_a_date, 1, 3960),
        (at_once, 2, 330),
        (in_a_year, 1, 43_140),
        (in_ten_minutes, 8, 0),
    ];
    for (answer, attempt, wait) in cases {
        let receiver = Receiver::answering(answer).await;
        let value = subscriber(&receiver.origin, json!({}));
        let world = World::new(vec![
            parameters(&[("cdn", value.clone())]),
            parameter(1, &value),
            written(2),
        ]);
        assert!(world.fails(&delivery("cdn"), attempt).await);
        assert_eq!(world.delays(), [wait], "attempt {attempt}");
    }
}

#[tokio::test]
async fn only_2xx_is_success() {
    for status in [200, 201, 202, 204, 299] {
        assert!(!answered(status).await, "{status}");
    }
    for status in [
        300, 301, 302, 304, 307, 308, 400, 404, 409, 429, 500, 503, 599,
    ] {
        assert!(answered(status).await, "{status}");
    }
}

/// Returns true when a delivery that is answered with this status fails.
async fn answered(status: u16) -> bool {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let answer = move || async move { StatusCode::from_u16(status).unwrap() };
    let router = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let world = World::new(vec![parameters(&[("cdn", subscriber(&url, json!({})))])]);
    world.fails(&delivery("cdn"), 1).await
}

#[tokio::test]
async fn what_a_receiver_says_beyond_its_status_is_not_read() {
    let receiver = Receiver::answering(endless).await;
    let world = World::new(vec![parameters(&[(
        "cdn",
        subscriber(&receiver.origin, json!({})),
    )])]);
    let started = Instant::now();
    assert!(!world.fails(&delivery("cdn"), 1).await);
    // The time that the tests give a receiver; reading on would have taken all of it.
    assert!(started.elapsed() < Duration::from_millis(500));
}

#[tokio::test]
async fn a_subscribers_own_schedule_counts() {
    let receiver = Receiver::answering(at_once).await;
    let value = subscriber(&receiver.origin, json!({"retry_seconds": [60, 120]}));
    let world = World::new(vec![
        parameters(&[("cdn", value.clone())]),
        parameter(1, &value),
        written(2),
    ]);
    for attempt in 1..=5 {
        assert!(world.fails(&delivery("cdn"), attempt).await);
    }
    assert_eq!(world.delays(), [66, 132, 0, 0, 0]);
    // The fourth and fifth receive are on the way to the dead-letter queue, and no attempts.
    assert_eq!(receiver.received().len(), 3);
}

#[tokio::test]
async fn a_template_and_headers_make_the_request() {
    let receiver = Receiver::answering(ok).await;
    let rest = json!({
        "headers": {"Authorization": "Bearer token", "Content-Type": "application/vnd.team+json"},
        "template": {"text": "${data.title} is ${type}", "id": "${data.id}"},
    });
    let world = World::new(vec![parameters(&[(
        "slack",
        subscriber(&receiver.origin, rest),
    )])]);
    assert!(!world.fails(&delivery("slack"), 1).await);

    let (_, headers, body) = receiver.received().remove(0);
    assert_eq!(
        body,
        r#"{"text":"Zürich is wagtail.page.published","id":4}"#
    );
    assert_eq!(headers["authorization"], "Bearer token");
    assert_eq!(headers["content-type"], "application/vnd.team+json");
    // What is signed is what is sent.
    Verifier::new(SECRET)
        .unwrap()
        .verify(&body, &headers)
        .unwrap();
}

#[tokio::test]
async fn a_service_without_secrets_gets_json_without_a_signature() {
    let receiver = Receiver::answering(ok).await;
    let value =
        json!({"target": "webhook", "url": receiver.origin, "template": {"text": "${type}"}});
    let world = World::new(vec![parameters(&[("slack", value.to_string())])]);
    assert!(!world.fails(&delivery("slack"), 1).await);
    let (_, headers, body) = receiver.received().remove(0);
    assert_eq!(body, r#"{"text":"wagtail.page.published"}"#);
    assert_eq!(headers["content-type"], "application/json");
    assert!(!headers.contains_key("webhook-signature"));
    assert!(headers.contains_key("webhook-id"));
}
