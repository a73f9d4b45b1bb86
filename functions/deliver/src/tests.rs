//! Tests of the function as Lambda calls it, with prepared answers of SSM and SQS and a receiver that listens.

mod backlogs;
mod cloud;
mod health;
mod receiver;
mod receivers;
mod requests;
mod targets;
pub(crate) mod world;

use std::time::Duration;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use jiff::Timestamp;
use serde_json::json;
use standardwebhooks::Webhook as Verifier;
use tokio::net::TcpListener;

use self::receiver::Receiver;
use self::world::{
    EVENT, EVENT_ID, OTHER_SECRET, SECRET, World, delivery, now, parameters, subscriber,
};
use crate::Handler;
use crate::delivery::{self, Attempt};

fn ok() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

#[tokio::test]
async fn the_receiver_gets_the_event_as_published_and_can_verify_it() {
    let receiver = Receiver::answering(ok).await;
    let url = format!("{}/in?token=1", receiver.origin);
    let world = World::new(vec![parameters(&[("cdn", subscriber(&url, json!({})))])]);
    assert!(!world.fails(&delivery("cdn"), 1).await);

    let received = receiver.received();
    let [(uri, headers, body)] = received.as_slice() else {
        panic!("{received:?}");
    };
    assert_eq!(uri, "/in?token=1");
    assert_eq!(body, EVENT);
    assert_eq!(headers["content-type"], "application/cloudevents+json");
    assert_eq!(
        headers["user-agent"],
        concat!("wagrun/", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(headers["webhook-id"], EVENT_ID);
    Verifier::new(SECRET)
        .unwrap()
        .verify(body, headers)
        .unwrap();
    assert!(
        Verifier::new(OTHER_SECRET)
            .unwrap()
            .verify(body, headers)
            .is_err()
    );
    assert!(world.delays().is_empty());
}

#[tokio::test]
async fn every_secret_signs() {
    let receiver = Receiver::answering(ok).await;
    let secrets = json!({"secrets": [SECRET, OTHER_SECRET]});
    let world = World::new(vec![parameters(&[(
        "cdn",
        subscriber(&receiver.origin, secrets),
    )])]);
    assert!(!world.fails(&delivery("cdn"), 1).await);

    let (_, headers, body) = receiver.received().remove(0);
    let signatures = headers["webhook-signature"].to_str().unwrap().to_owned();
    assert_eq!(signatures.split(' ').count(), 2);
    for (secret, signature) in [SECRET, OTHER_SECRET].iter().zip(signatures.split(' ')) {
        let mut headers = headers.clone();
        headers.insert("webhook-signature", signature.parse().unwrap());
        Verifier::new(secret)
            .unwrap()
            .verify(&body, &headers)
            .unwrap();
    }
}

#[tokio::test]
async fn a_failed_delivery_comes_back_later_each_time() {
    let receiver = Receiver::answering(|| StatusCode::INTERNAL_SERVER_ERROR.into_response()).await;
    let world = World::new(vec![parameters(&[(
        "cdn",
        subscriber(&receiver.origin, json!({})),
    )])]);
    for attempt in [1, 2, 7, 8] {
        assert!(world.fails(&delivery("cdn"), attempt).await);
    }
    // The schedule with a tenth more; after the last attempt nothing is left to wait for.
    assert_eq!(world.delays(), [6, 330, 39_600, 0]);
    assert_eq!(receiver.received().len(), 4);
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let receiver = Receiver::answering(|| Redirect::temporary("/elsewhere").into_response()).await;
    let url = format!("{}/in", receiver.origin);
    let world = World::new(vec![parameters(&[("cdn", subscriber(&url, json!({})))])]);
    assert!(world.fails(&delivery("cdn"), 1).await);
    let paths: Vec<_> = receiver
        .received()
        .iter()
        .map(|(uri, ..)| uri.to_string())
        .collect();
    assert_eq!(paths, ["/in"]);
    assert_eq!(world.delays(), [6]);
}

#[tokio::test]
async fn a_receiver_that_hangs_is_given_up() {
    // Accepted by the system, never answered.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let world = World::new(vec![parameters(&[("cdn", subscriber(&url, json!({})))])]);
    assert!(world.fails(&delivery("cdn"), 1).await);
    assert_eq!(world.delays(), [6]);
}

#[tokio::test]
async fn an_unreachable_receiver_is_a_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let world = World::new(vec![parameters(&[("cdn", subscriber(&url, json!({})))])]);
    assert!(world.fails(&delivery("cdn"), 1).await);
    assert_eq!(world.delays(), [6]);
}

#[tokio::test]
async fn a_delay_that_cannot_be_set_leaves_the_delivery_failed() {
    let receiver = Receiver::answering(|| StatusCode::NOT_FOUND.into_response()).await;
    let ssm = vec![parameters(&[(
        "cdn",
        subscriber(&receiver.origin, json!({})),
    )])];
    let error = r#"{"__type":"com.amazonaws.sqs#ReceiptHandleIsInvalid","message":"expired"}"#;
    let world = World::with_sqs(ssm, vec![(400, error.into())]);
    assert!(world.fails(&delivery("cdn"), 1).await);
    assert_eq!(world.delays(), [6]);
}

#[tokio::test]
async fn a_subscriber_newer_than_what_is_known_is_looked_for_before_its_delivery_is_dropped() {
    let receiver = Receiver::answering(ok).await;
    let old = ("old", subscriber(&receiver.origin, json!({})));
    let new = ("new", subscriber(&receiver.origin, json!({})));
    let world = World::new(vec![
        parameters(std::slice::from_ref(&old)),
        parameters(&[old, new]),
    ]);
    assert!(!world.fails(&delivery("old"), 1).await);
    let sent_at = now() + Duration::from_millis(1);
    for name in ["old", "new"] {
        assert!(!world.fails_sent_at(&delivery(name), 1, sent_at).await);
    }
    assert_eq!(receiver.received().len(), 3);
    assert_eq!(world.ssm.requests().len(), 2);
}

#[tokio::test]
async fn a_subscriber_that_became_invalid_keeps_its_deliveries_and_harms_no_other() {
    let receiver = Receiver::answering(ok).await;
    let world = World::new(vec![parameters(&[
        ("broken", r#"{"target":"pigeon"}"#.into()),
        ("cdn", subscriber(&receiver.origin, json!({}))),
    ])]);
    assert!(world.fails(&delivery("broken"), 1).await);
    assert!(!world.fails(&delivery("cdn"), 1).await);
    assert_eq!(world.delays(), [120]);
}

#[tokio::test]
async fn without_subscribers_known_the_delivery_waits() {
    let world = World::new(vec![(500, r#"{"__type":"InternalServerError"}"#.into())]);
    assert!(world.fails(&delivery("cdn"), 2).await);
    assert_eq!(world.delays(), [330]);
}

#[tokio::test]
async fn what_is_no_delivery_fails_without_waiting() {
    let world = World::new(vec![]);
    for body in ["", "[]", r#"{"subscriber":"cdn","event":{}}"#] {
        assert!(world.fails(body, 1).await, "{body}");
    }
    assert!(world.delays().is_empty());
}

#[tokio::test]
async fn the_error_names_event_subscriber_and_fault() {
    let receiver = Receiver::answering(|| StatusCode::BAD_GATEWAY.into_response()).await;
    let world = World::new(vec![parameters(&[
        ("broken", r#"{"target":"pigeon"}"#.into()),
        ("cdn", subscriber(&receiver.origin, json!({}))),
    ])]);
    let cases = [
        (
            delivery("cdn"),
            format!(
                "event {EVENT_ID} was not delivered to subscriber cdn (attempt 1): the receiver answered 502 Bad Gateway"
            ),
        ),
        (
            delivery("broken"),
            r#"subscriber /wagrun/subscribers/broken: target: unknown target "pigeon"; this version supports "webhook", "eventbridge", "cloudfront""#
                .into(),
        ),
        (
            r#"{"event":{}}"#.into(),
            "the message is not a delivery: missing field `subscriber` at line 1 column 12".into(),
        ),
    ];
    for (body, expected) in cases {
        let attempt = Attempt {
            message_id: "m1",
            body: &body,
            receipt_handle: "handle",
            number: 1,
            sequence_number: None,
            sent_at: Timestamp::UNIX_EPOCH,
            now: now(),
            jitter: 0.0,
        };
        let Handler {
            deliverer,
            deliveries,
            ..
        } = &world.handler;
        let error = delivery::handle_message(deliverer, deliveries, &attempt)
            .await
            .unwrap_err();
        assert_eq!(wagrun_lambda::telemetry::chain(&error), expected);
    }
}
