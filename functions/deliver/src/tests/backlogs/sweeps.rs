//! Tests of the sweep.

use super::*;

#[tokio::test]
async fn one_that_was_mended_while_it_was_off_need_not_wait_for_the_next_try() {
    let mut story = Story::settled().await;
    assert!(!story.stays("page/1", 1).await);
    assert_eq!(story.look().await[0]["recalled"], 1);
    let off = subscriber(&story.receiver.origin, json!({"enabled": false}));
    let on = subscriber(&story.receiver.origin, json!({}));
    story.world.answer_ssm(vec![
        parameters(&[("cdn", off)]),
        parameters(&[("cdn", on)]),
    ]);
    assert_eq!(story.look().await[0]["state"], "waiting");
    pass(1);
    assert_eq!(story.look().await[0]["recalled"], 1);
}

#[tokio::test]
async fn what_lies_in_the_bucket_is_not_forgotten_with_its_parameter() {
    let mut story = Story::settled().await;
    assert!(!story.stays("page/1", 1).await);
    story.world.cloud.state().backlogs.clear();
    story.answers(204);
    assert_eq!(story.look().await[0]["recalled"], 1);
    assert!(story.receive_recalls(1).await.is_empty());
    assert_eq!(story.aside(), 0);
}

#[tokio::test]
async fn a_backlog_that_cannot_be_looked_after_is_an_error_and_the_others_are_seen_to() {
    let mut story = Story::settled().await;
    assert!(!story.stays("page/1", 1).await);
    story.world.cloud.state().refused = Some("SendMessageBatch");
    let payload =
        serde_json::value::RawValue::from_string(r#"{"sweep":"backlogs"}"#.into()).unwrap();
    let error = crate::handle(&story.world.handler, &payload)
        .await
        .unwrap_err();
    assert_eq!(error.error_type, "BacklogsNotSwept");
    assert!(
        error
            .error_message
            .contains("cannot send to the delivery queue"),
        "{error:?}"
    );
}

#[tokio::test]
async fn more_lanes_than_can_be_recalled_at_once_are_recalled_one_after_the_other() {
    let mut story = Story::settled().await;
    // Ten and hundred come before two, and none may be passed over.
    for number in 1..=1500 {
        story.put_aside(&format!("page/{number}"), number);
    }
    story.answers(204);
    pass(60);
    assert!(!story.stays("page/2000", 1).await);
    let recalled = story.world.cloud.state().sent_to("deliveries.fifo").len();
    assert_eq!(recalled, 50);
    // Somebody may set more aside in front of what has been looked through.
    assert_eq!(story.look().await[0]["recalled"], 0);
    pass(SETTLING_SECONDS);
    story.world.cloud.state().sent.clear();
    let recalled: Vec<_> = [story.look().await, story.look().await, story.look().await]
        .iter()
        .map(|looked| looked[0]["recalled"].clone())
        .collect();
    assert_eq!(recalled, [1000, 500, 0]);
    let recalls = story.world.cloud.state().sent_to("deliveries.fifo");
    let subjects: std::collections::BTreeSet<_> = recalls
        .iter()
        .map(|one| one["recall"]["subject"].to_string())
        .collect();
    assert_eq!(subjects.len(), 1500);
    // Some recalls may have come to nothing.
    pass(2 * 3600);
    assert_eq!(story.look().await[0]["recalled"], 1000);
}

#[tokio::test]
async fn an_operator_need_not_wait_for_the_next_try() {
    let mut story = Story::settled().await;
    assert!(!story.stays("page/1", 1).await);
    assert_eq!(story.look().await[0]["recalled"], 1);
    let ask = json!({"sweep": "backlogs", "at_once": true});
    let answer = serde_json::to_value(story.world.ask(&ask).await).unwrap();
    assert_eq!(answer[0]["recalled"], 1);
}

#[tokio::test]
async fn five_days_of_tries_in_vain_switch_a_subscriber_off() {
    let mut story = Story::settled().await;
    assert!(!story.stays("page/1", 1).await);
    story.look().await;
    pass(5 * 24 * 3600 - 1);
    assert_eq!(story.look().await[0]["state"], "tried");
    let value = subscriber(
        &story.receiver.origin,
        json!({"failing_since": now().to_string()}),
    );
    story
        .world
        .answer_health(vec![parameter(7, &value), written(8)]);
    pass(1);
    assert_eq!(story.look().await[0]["state"], "switched_off");
    let (_, parameter) = story.world.written().pop().unwrap();
    assert_eq!(parameter["enabled"], false);
    let reason = "failed for five days without a success";
    assert_eq!(parameter["disabled"]["reason"], reason);
    assert_eq!(story.aside(), 1);
}

#[tokio::test]
async fn the_five_days_begin_when_it_is_switched_on() {
    let mut story = Story::settled().await;
    assert!(!story.stays("page/1", 1).await);
    story.look().await;
    let off = parameters(&[(
        "cdn",
        subscriber(&story.receiver.origin, json!({"enabled": false})),
    )]);
    let on = parameters(&[("cdn", subscriber(&story.receiver.origin, json!({})))]);
    story.world.answer_ssm(vec![off, on.clone(), on]);
    pass(6 * 24 * 3600);
    assert_eq!(story.look().await[0]["state"], "waiting");
    pass(1);
    assert_eq!(story.look().await[0]["recalled"], 1);
    pass(3600);
    assert_eq!(story.look().await[0]["state"], "tried");
}

#[tokio::test]
async fn a_backlog_of_nothing_ends_after_a_day_and_one_of_nobody_after_an_hour() {
    let story = Story::settled().await;
    pass(23 * 3600);
    assert_eq!(story.look().await[0]["state"], "kept");
    assert!(story.backlog().unwrap().get("returning_since").is_none());
    pass(3600);
    story.look().await;
    pass(SETTLING_SECONDS);
    assert_eq!(story.look().await[0]["state"], "removed");

    let mut story = Story::settled().await;
    story.world.answer_ssm(vec![parameters(&[]); 9]);
    assert_eq!(story.look().await[0]["state"], "waiting");
    pass(3600);
    assert_eq!(story.look().await[0]["state"], "removed");
    assert_eq!(story.backlog(), None);
}

#[tokio::test]
async fn what_an_operator_misspells_is_named() {
    let story = Story::new(204, json!({})).await;
    for (payload, expected) in [
        (
            r#"{"sweep":"backlog"}"#,
            "unknown variant `backlog`, expected `backlogs`",
        ),
        (r#"{"sweep":"backlogs","now":true}"#, "unknown field `now`"),
        (
            r#"{"sweep":"backlogs","at_once":"yes"}"#,
            "expected a boolean",
        ),
        ("{}", "missing field `sweep`"),
    ] {
        let payload = serde_json::value::RawValue::from_string(payload.into()).unwrap();
        let error = crate::handle(&story.world.handler, &payload)
            .await
            .unwrap_err();
        assert_eq!(error.error_type, "RequestUnknown");
        assert!(error.error_message.contains(expected), "{error:?}");
    }
}
