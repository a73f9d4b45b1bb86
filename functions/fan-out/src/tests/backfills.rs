//! Events of backfills, which may be for one subscriber.

use super::*;

/// A run's id, which contains the time of the request.
const RUN: &str = "019ae000-0000-7000-8000-000000000000";

/// Returns an event of a backfill: a live one with these fields changed or added.
pub(super) fn asked_for(fields: Value) -> String {
    let mut event: Value = serde_json::from_str(&event("page/4")).unwrap();
    let fields = fields.as_object().unwrap().clone();
    event.as_object_mut().unwrap().extend(fields);
    event["backfill"] = json!(RUN);
    event.to_string()
}

/// Returns the names of the subscribers that receive an event. Their filters differ.
async fn receivers(event: String) -> Vec<String> {
    let ssm = parameters(&[
        ("all", subscriber(json!({}))),
        ("news", subscriber(json!({"under": "/news/"}))),
        ("off", subscriber(json!({"enabled": false}))),
        (
            "published",
            subscriber(json!({"types": ["wagtail.page.published"]})),
        ),
    ]);
    let (reported, calls) = run(ssm, vec![sent(&[0, 1])], &[("1", event)]).await;
    assert!(reported.is_empty());
    calls
        .iter()
        .flat_map(|call| call["Entries"].as_array().unwrap())
        .map(|entry| {
            let group = entry["MessageGroupId"].as_str().unwrap();
            group.split('|').next().unwrap().to_owned()
        })
        .collect()
}

#[tokio::test]
async fn an_event_for_one_subscriber_reaches_no_other_and_must_pass_its_filter() {
    let snapshot = "wagtail.page.snapshot";
    let cases = [
        (json!({"replayed": true}), vec!["all", "published"]),
        (json!({"replayed": true, "subscriber": "all"}), vec!["all"]),
        (
            json!({"type": "wagtail.page.updated", "replayed": true, "subscriber": "published"}),
            vec![],
        ),
        (
            json!({"type": snapshot, "subscriber": "published"}),
            vec!["published"],
        ),
        (json!({"type": snapshot, "subscriber": "news"}), vec![]),
        (json!({"type": snapshot, "subscriber": "off"}), vec![]),
        (json!({"type": snapshot, "subscriber": "nobody"}), vec![]),
        (json!({"type": snapshot}), vec![]),
    ];
    for (fields, expected) in cases {
        assert_eq!(
            receivers(asked_for(fields.clone())).await,
            expected,
            "{fields}"
        );
    }
}

#[tokio::test]
async fn a_replay_is_not_taken_for_the_delivery_it_repeats() {
    let ssm = parameters(&[("all", subscriber(json!({})))]);
    let records = [
        ("1", event("page/4")),
        ("2", asked_for(json!({"replayed": true}))),
    ];
    let (_, calls) = run(ssm, vec![sent(&[0]), sent(&[0])], &records).await;
    let ids: Vec<_> = calls
        .iter()
        .map(|call| &call["Entries"][0]["MessageDeduplicationId"])
        .collect();
    assert_eq!(ids, [&format!("{ID}:all"), &format!("{ID}:{RUN}:all")]);
}

#[tokio::test]
async fn a_subscriber_that_was_created_right_before_its_snapshot_was_asked_for_is_known() {
    let ssm = Replay::new([
        parameters(&[]),
        parameters(&[("new", subscriber(json!({})))]),
    ]);
    let subscribers = SubscriberStore::new(
        &ssm.config(),
        "/wagrun/subscribers",
        Duration::from_secs(30),
        Rules::LENIENT,
    );
    let sqs = Replay::new([sent(&[0]), sent(&[0])]);
    let fan_out = FanOut::new(
        subscribers,
        &aws_sdk_sqs::Client::new(&sqs.config()),
        "https://sqs.example.org/".into(),
        None,
    );
    let snapshot = asked_for(json!({"type": "wagtail.page.snapshot", "subscriber": "new"}));
    let requested_at = Timestamp::from_millisecond(0x019a_e000_0000).unwrap();
    let seconds = |seconds| requested_at + jiff::SignedDuration::from_secs(seconds);
    fan_out
        .fan_out(&event("page/4"), seconds(-1))
        .await
        .unwrap();
    // What was read a second before the request is not good enough, and what is read now is good for the whole run.
    for second in [1, 2] {
        fan_out.fan_out(&snapshot, seconds(second)).await.unwrap();
    }
    assert_eq!((ssm.requests().len(), sqs.requests().len()), (2, 2));
}
