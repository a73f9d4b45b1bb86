//! Tests of subscribers whose parameters cannot be used.

use wagrun_lambda::metric::Metrics;

use super::*;

/// Returns SSM's answer for the newest version of the only parameter.
fn newest(value: &str) -> (u16, String) {
    let parameter = json!({"Name": "/wagrun/subscribers/cdn", "Value": value, "Version": 2});
    (200, json!({"Parameters": [parameter]}).to_string())
}

/// Returns SSM's answers while the newest version cannot be used, and this is the version before.
fn unusable(before: &str) -> Vec<(u16, String)> {
    let version = |number: u32, value: &str| json!({"Name": "/wagrun/subscribers/cdn", "Value": value, "Version": number});
    let versions = json!({"Parameters": [version(1, before), version(2, "{")]});
    let mut answers = vec![newest("{"); 20];
    answers.insert(1, (200, versions.to_string()));
    answers
}

/// Returns a delivery of an event of this type that fan-out could not filter.
fn unfiltered(kind: &str, subject: &str, number: u32) -> String {
    let mut delivery: Value = serde_json::from_str(&delivery_of("cdn", subject, number)).unwrap();
    delivery["event"]["type"] = json!(kind);
    delivery["unfiltered"] = json!(true);
    delivery.to_string()
}

const PUBLISHED: &str = "wagtail.page.published";
const UPDATED: &str = "wagtail.page.updated";

#[tokio::test]
async fn the_filter_of_what_was_set_aside_counts_when_the_parameter_is_corrected() {
    let mut story = Story::new(204, json!({})).await;
    story.world.answer_ssm(unusable("["));
    let bodies = [
        unfiltered(UPDATED, "page/1", 1),
        unfiltered(PUBLISHED, "page/1", 2),
        unfiltered(UPDATED, "page/1", 3),
        unfiltered(PUBLISHED, "page/2", 1),
    ];
    assert!(story.world.fails_numbered(&bodies[0], 1, 1).await);
    pass(SETTLING_SECONDS);
    for (body, number) in bodies.iter().zip(1..) {
        assert!(!story.world.fails_numbered(body, 2, number).await);
    }
    assert_eq!(story.aside(), 4);
    assert_eq!(story.look().await[0]["state"], "waiting");

    let filter = json!({"types": [PUBLISHED]});
    let mended = newest(&subscriber(&story.receiver.origin, filter));
    story.world.answer_ssm(vec![mended; 9]);
    assert_eq!(story.look().await[0]["recalled"], 2);
    assert!(story.receive_recalls(1).await.is_empty());
    let mut received = story.received(0);
    received.sort();
    assert_eq!(received, ["page/1 2", "page/2 1"]);
    assert_eq!(story.aside(), 0);
    // A delivery that was still in the queue.
    assert!(!story.world.fails_numbered(&bodies[2], 1, 5).await);
    assert_eq!(story.received(0).len(), 2);
}

#[tokio::test]
async fn a_filter_that_lets_little_pass_holds_nothing_back() {
    let mut story = Story::new(204, json!({})).await;
    story.world.answer_ssm(unusable("["));
    let body = unfiltered(UPDATED, "page/1", 1);
    assert!(story.world.fails_numbered(&body, 1, 1).await);
    pass(SETTLING_SECONDS);
    assert!(!story.world.fails_numbered(&body, 2, 1).await);
    let filter = json!({"types": [PUBLISHED]});
    let mended = newest(&subscriber(&story.receiver.origin, filter));
    story.world.answer_ssm(vec![mended; 9]);
    story.look().await;
    assert!(story.receive_recalls(1).await.is_empty());
    assert!(story.received(0).is_empty());
    assert!(story.backlog().unwrap()["returning_since"].is_string());
}

#[tokio::test]
async fn the_last_usable_version_gets_its_deliveries() {
    let mut story = Story::new(204, json!({})).await;
    let before = subscriber(&story.receiver.origin, json!({"types": [PUBLISHED]}));
    story.world.answer_ssm(unusable(&before));
    assert!(!story.stays("page/1", 1).await);
    // fan-out could not read the versions.
    for kind in [UPDATED, PUBLISHED] {
        let body = unfiltered(kind, "page/1", 2);
        assert!(!story.world.fails_numbered(&body, 1, 2).await);
    }
    assert_eq!(story.received(0), ["page/1 1", "page/1 2"]);
    assert_eq!(story.backlog(), None);
}

#[tokio::test]
async fn deliveries_to_the_last_usable_version_are_set_aside_when_it_fails_and_nothing_is_written()
{
    // Status, attempt, and whether a backlog begins.
    for (status, attempt, expected) in [(500, 1, false), (500, 4, true), (410, 1, true)] {
        let mut story = Story::new(status, json!({})).await;
        let before = subscriber(&story.receiver.origin, json!({}));
        story.world.answer_ssm(unusable(&before));
        story.world.answer_health(Vec::new());
        let body = delivery_of("cdn", "page/1", 1);
        assert!(story.world.fails_numbered(&body, attempt, 1).await);
        assert_eq!(story.backlog().is_some(), expected, "{status} {attempt}");
        assert!(story.world.ssm.requests().is_empty());
        assert!(story.world.sns.requests().is_empty());
    }
}

#[tokio::test]
async fn every_sweep_reports_the_parameters_that_cannot_be_used() {
    let mut story = Story::new(204, json!({})).await;
    let metrics = Metrics::recording("wagrun/test");
    story.world.handler.deliverer.metrics = metrics.clone();
    assert!(story.look().await.is_empty());
    assert!(metrics.written().is_empty());

    let before = subscriber(&story.receiver.origin, json!({}));
    story.world.answer_ssm(unusable(&before));
    story.look().await;
    let written = metrics.written();
    assert_eq!(written[0]["UnusableSubscribers"], 1.0);
    let asked = json!({"sweep": "subscribers"});
    let answer = serde_json::to_value(story.world.ask(&asked).await).unwrap();
    let expected = json!({
        "unusable": [{
            "subscriber": "cdn",
            "error": "subscriber /wagrun/subscribers/cdn: is not JSON (line 1, column 1)",
            "effect": "last_usable_version",
            "version": 1,
        }],
        "warnings": [],
    });
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn a_part_of_a_filter_that_matches_nothing_is_reported() {
    let mut story = Story::new(204, json!({})).await;
    let types = json!({"types": [PUBLISHED, "wagtail.page.publish"]});
    let value = subscriber(&story.receiver.origin, types);
    story.world.answer_ssm(vec![newest(&value)]);
    let asked = json!({"sweep": "subscribers"});
    let answer = serde_json::to_value(story.world.ask(&asked).await).unwrap();
    assert_eq!(answer["unusable"], json!([]));
    assert_eq!(answer["warnings"][0]["subscriber"], "cdn");
    let warning = answer["warnings"][0]["warning"].as_str().unwrap();
    assert!(warning.starts_with("types[1]: "), "{warning}");
}
