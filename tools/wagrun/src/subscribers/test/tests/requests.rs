//! Tests of subscribers with requests of their own.

use axum::http::StatusCode;
use deliver::Reach;
use serde_json::json;

use super::super::*;
use super::{receiver, world};

/// docs/events.schema.json is checked against this file.
#[test]
fn the_event_is_the_documented_one() {
    let parameter = include_str!("../../../../../../docs/examples/algolia.json");
    let rules = crate::subscribers::check::DEFAULT_RULES;
    let subscriber = Subscriber::parse("algolia", "algolia", parameter, rules).unwrap();
    let now: Timestamp = "2026-11-21T08:06:28.3285Z".parse().unwrap();
    let documented: Value = serde_json::from_str(include_str!("../../test-event.json")).unwrap();
    let mut event =
        serde_json::to_value(event(&subscriber, "/wagrun/site", PAGE_URL, now)).unwrap();
    event["id"] = documented["id"].clone();
    assert_eq!(event, documented);
}

#[tokio::test]
async fn a_subscriber_with_requests_of_its_own_makes_them_of_a_page_with_the_id_0() {
    let (url, received) = receiver(StatusCode::OK).await;
    let url = url.replace("/hook/of/T0KEN", "/documents/${data.id}");
    let request = |live: bool| json!({"requests": [{"when": {"data.live": [live]}, "url": url, "template": "${data.url|path}"}]});
    let mut parameter = request(true);
    parameter["target"] = json!("webhook");
    let report = world(parameter, Reach::Anywhere).test().await.unwrap();
    assert!(report.sent.result.is_ok(), "{report}");
    assert_eq!(
        received.lock().unwrap()[0].1,
        "\"/wagrun-subscriber-test/\""
    );

    let mut parameter = request(false);
    parameter["target"] = json!("webhook");
    let report = world(parameter, Reach::Anywhere).test().await.unwrap();
    let text = report.to_string();
    assert!(
        text.contains("done        no request of the subscriber is for this event\n"),
        "{text}"
    );
    assert_eq!(received.lock().unwrap().len(), 1);
}
