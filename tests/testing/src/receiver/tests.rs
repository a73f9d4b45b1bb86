use std::time::Instant;

use axum::http::{HeaderValue, StatusCode};
use jiff::Timestamp;
use standardwebhooks::Webhook;

use super::*;

fn event(subject: &str, kind: &str) -> String {
    serde_json::json!({
        "specversion": "1.0", "id": uuid::Uuid::new_v4(), "source": "/wagrun/test", "type": kind,
        "subject": subject, "time": "2026-11-21T21:46:46.426651Z", "datacontenttype": "application/json",
        "partitionkey": subject, "sequence": "0000000000000001", "data": {}
    })
    .to_string()
}

async fn send(receiver: &Receiver, subscriber: &str, body: &str, secret: &str) -> StatusCode {
    crate::install_crypto();
    let now = Timestamp::now().as_second();
    let signature = Webhook::new(secret)
        .unwrap()
        .sign("msg_1", now, body.as_bytes())
        .unwrap();
    reqwest::Client::new()
        .post(receiver.url(subscriber))
        .header("webhook-id", "msg_1")
        .header("webhook-timestamp", now)
        .header("webhook-signature", signature)
        .body(body.to_owned())
        .send()
        .await
        .unwrap()
        .status()
}

const TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_signed_event_is_verified_and_found() {
    let receiver = Receiver::start().unwrap();
    let secret = receiver.secret("cdn");
    let body = event("page/4", "wagtail.page.published");
    assert_eq!(
        send(&receiver, "cdn", &body, &secret).await,
        StatusCode::NO_CONTENT
    );
    let delivery = receiver
        .wait_for("cdn", "page 4", TIMEOUT, |event| event.subject == "page/4")
        .await
        .unwrap();
    assert_eq!(delivery.signature, Ok(()));
    assert_eq!(delivery.header("webhook-id"), Some("msg_1"));
    assert_eq!(receiver.events_of("cdn", "page/4").len(), 1);
    assert!(receiver.events_of("cdn", "page/5").is_empty());
    assert!(
        receiver.events("search").is_empty(),
        "another subscriber's inbox"
    );
}

#[tokio::test]
async fn waiting_ends_when_it_arrives() {
    let receiver = Receiver::start().unwrap();
    let secret = receiver.secret("cdn");
    let body = event("page/4", "wagtail.page.published");
    let (delivery, _) = tokio::join!(
        receiver.wait_for("cdn", "any", TIMEOUT, |_| true),
        send(&receiver, "cdn", &body, &secret)
    );
    delivery.unwrap();
}

#[tokio::test]
async fn another_secret_or_a_changed_body_does_not_verify() {
    let receiver = Receiver::start().unwrap();
    receiver.secret("cdn");
    let other = Receiver::start().unwrap().secret("cdn");
    send(&receiver, "cdn", "{}", &other).await;
    send(&receiver, "nobody", "{}", &other).await;
    assert_eq!(
        receiver.requests("cdn")[0].signature,
        Err("signature invalid".into())
    );
    assert!(receiver.requests("nobody")[0].signature.is_err());
}

#[tokio::test]
async fn planned_answers_are_given_once_each() {
    let receiver = Receiver::start().unwrap();
    let secret = receiver.secret("cdn");
    let slow = Answer::Status {
        status: StatusCode::SERVICE_UNAVAILABLE,
        delay: Duration::from_millis(100),
        headers: vec![("retry-after".parse().unwrap(), HeaderValue::from(7))],
    };
    receiver.answer_next("cdn", 2, &slow);
    let body = event("page/4", "wagtail.page.published");
    let started = Instant::now();
    for expected in [503, 503, 204] {
        assert_eq!(send(&receiver, "cdn", &body, &secret).await, expected);
    }
    assert!(started.elapsed() >= Duration::from_millis(200));
    assert_eq!(receiver.requests("cdn").len(), 3);
    assert_eq!(receiver.events("cdn").len(), 1, "refused ones do not count");

    receiver.answer_next("cdn", 5, &Answer::status(StatusCode::GONE));
    receiver.clear_planned_answers("cdn");
    assert_eq!(send(&receiver, "cdn", &body, &secret).await, 204);
}

#[tokio::test]
async fn the_default_answer_lasts_until_another_is_set() {
    let receiver = Receiver::start().unwrap();
    let secret = receiver.secret("cdn");
    receiver.answer_always("cdn", Answer::status(StatusCode::INTERNAL_SERVER_ERROR));
    receiver.answer_next("cdn", 1, &Answer::status(StatusCode::GONE));
    let body = event("page/4", "wagtail.page.published");
    for expected in [410, 500, 500] {
        assert_eq!(send(&receiver, "cdn", &body, &secret).await, expected);
    }
    assert_eq!(send(&receiver, "search", &body, &secret).await, 204);
    receiver.answer_always("cdn", Answer::status(StatusCode::NO_CONTENT));
    assert_eq!(send(&receiver, "cdn", &body, &secret).await, 204);
}

#[tokio::test]
async fn a_hanging_answer_leaves_the_sender_waiting_and_others_alone() {
    let receiver = Receiver::start().unwrap();
    let secret = receiver.secret("cdn");
    receiver.answer_next("cdn", 1, &Answer::Hang);
    let mut hanging = std::pin::pin!(send(&receiver, "cdn", "{}", &secret));
    tokio::select! {
        status = &mut hanging => panic!("answered {status}"),
        () = receiver.wait_for_more_than(0) => {}
    }
    assert_eq!(send(&receiver, "cdn", "{}", &secret).await, 204);
    assert!(futures::poll!(hanging).is_pending());
}

#[tokio::test]
async fn a_request_that_does_not_arrive_is_reported_with_those_that_did() {
    let receiver = Receiver::start().unwrap();
    let secret = receiver.secret("cdn");
    let missing = async || {
        receiver
            .wait_for("cdn", "page 5", Duration::from_millis(100), |event| {
                event.subject == "page/5"
            })
            .await
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        missing().await,
        "cdn did not receive page 5 within 0 s; nothing arrived"
    );
    send(
        &receiver,
        "cdn",
        &event("page/4", "wagtail.page.created"),
        &secret,
    )
    .await;
    let error = missing().await;
    assert!(
        error.ends_with(" wagtail.page.created page/4: 204 No Content"),
        "{error}"
    );
}
