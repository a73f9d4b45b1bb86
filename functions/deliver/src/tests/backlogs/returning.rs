//! Tests of the order in which a backlog returns.

use super::*;

#[tokio::test]
async fn what_was_set_aside_comes_back_in_order_and_is_forgotten() {
    let mut story = Story::settled().await;
    for number in [1, 2, 3] {
        assert!(!story.stays("page/1", number).await);
        assert!(!story.stays("page/2", number).await);
    }
    assert_eq!(story.aside(), 6);
    let before = story.receiver.received().len();

    // Still dead: a few lanes are tried, and nothing changes.
    let looked = story.look().await;
    assert_eq!(looked[0]["state"], "tried");
    assert_eq!(looked[0]["recalled"], 2);
    assert!(story.receive_recalls(1).await.is_empty());
    assert_eq!(story.receiver.received().len(), before + 2);
    assert_eq!(story.aside(), 6);
    // Not again before a quarter of an hour has passed.
    assert_eq!(story.look().await[0]["recalled"], 0);

    story.answers(204);
    pass(QUARTER_HOUR_SECONDS);
    let before = story.receiver.received().len();
    assert_eq!(story.look().await[0]["recalled"], 2);
    assert!(story.receive_recalls(1).await.is_empty());
    let mut received = story.received(before);
    received.sort();
    let all = [
        "page/1 1", "page/1 2", "page/1 3", "page/2 1", "page/2 2", "page/2 3",
    ];
    assert_eq!(received, all);
    let order: Vec<_> = story
        .received(before)
        .into_iter()
        .filter(|one| one.starts_with("page/1"))
        .collect();
    assert_eq!(order, all[..3]);
    assert_eq!(story.aside(), 0);

    // A new delivery is sent at once. The backlog is removed when every copy knows that it returns.
    assert!(!story.stays("page/1", 4).await);
    assert_eq!(story.received(before + 6), ["page/1 4"]);
    assert_eq!(story.look().await[0]["state"], "returning");
    pass(SETTLING_SECONDS);
    assert_eq!(story.look().await[0]["state"], "removed");
    assert_eq!(story.backlog(), None);
    assert!(story.look().await.is_empty());
}

#[tokio::test]
async fn a_new_delivery_that_succeeds_brings_everything_back() {
    let mut story = Story::settled().await;
    assert!(!story.stays("page/1", 1).await);
    assert!(!story.stays("page/2", 1).await);
    assert_eq!(story.aside(), 2);
    story.answers(204);
    // Within a minute of the last probe, nothing is tried.
    assert!(!story.stays("page/3", 1).await);
    assert_eq!(story.aside(), 3);
    pass(60);
    assert!(!story.stays("page/4", 1).await);
    let recalls = story.world.cloud.state().sent_to("deliveries.fifo");
    let subjects: Vec<_> = recalls
        .iter()
        .map(|one| one["recall"]["subject"].clone())
        .collect();
    assert_eq!(subjects, ["page/1", "page/2", "page/3"]);
    assert!(story.receive_recalls(1).await.is_empty());
    assert_eq!(story.aside(), 0);
}

#[tokio::test]
async fn what_is_refused_when_it_comes_back_is_tried_and_given_up_as_usual() {
    let story = Story::new(500, json!({})).await;
    for number in [1, 2] {
        story.put_aside("page/1", number);
    }
    story.returns_since(now());
    pass(SETTLING_SECONDS);
    let recall = json!({"recall": {"subscriber": "cdn", "subject": "page/1"}}).to_string();
    for attempt in [1, 7] {
        assert!(story.world.fails_numbered(&recall, attempt, 0).await);
    }
    assert_eq!(story.world.delays(), [6, 39_600]);
    assert_eq!(story.aside(), 2);

    assert!(!story.world.fails_numbered(&recall, 8, 0).await);
    let dead = story.world.cloud.state().sent_to("dead.fifo");
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0]["event"]["data"]["number"], 1);
    assert_eq!(dead[0]["subscriber"], "cdn");
    assert_eq!(story.aside(), 1);
    // What comes after it has all of its tries.
    story.answers(204);
    assert!(story.receive_recalls(1).await.is_empty());
    assert_eq!(story.received(0).last().unwrap(), "page/1 2");
    assert_eq!(story.aside(), 0);
}

#[tokio::test]
async fn a_delivery_that_cannot_be_removed_is_delivered_again_and_not_lost() {
    let mut story = Story::settled().await;
    assert!(!story.stays("page/1", 1).await);
    story.answers(204);
    story.world.cloud.state().refused = Some("DELETE");
    let before = story.receiver.received().len();
    let recall = json!({"recall": {"subscriber": "cdn", "subject": "page/1"}}).to_string();
    assert!(story.world.fails_numbered(&recall, 1, 0).await);
    story.world.cloud.state().refused = None;
    assert!(!story.world.fails_numbered(&recall, 2, 0).await);
    assert_eq!(story.received(before), ["page/1 1", "page/1 1"]);
    let received = story.receiver.received();
    let ids: Vec<_> = received[before..]
        .iter()
        .map(|(_, headers, _)| &headers["webhook-id"])
        .collect();
    assert_eq!(ids[0], ids[1]);
    // A recall too many has nothing to do.
    assert!(!story.world.fails_numbered(&recall, 1, 0).await);
    assert_eq!(story.receiver.received().len(), before + 2);
}

#[tokio::test]
async fn what_follows_a_delivery_that_needed_several_tries_has_all_of_its_own() {
    let mut story = Story::settled().await;
    for number in [1, 2] {
        assert!(!story.stays("page/1", number).await);
    }
    story.answers(204);
    let before = story.receiver.received().len();
    let recall = json!({"recall": {"subscriber": "cdn", "subject": "page/1"}}).to_string();
    story.world.cloud.state().sent.clear();
    assert!(!story.world.fails_numbered(&recall, 8, 0).await);
    assert_eq!(story.received(before), ["page/1 1"]);
    assert!(story.receive_recalls(1).await.is_empty());
    assert_eq!(story.received(before), ["page/1 1", "page/1 2"]);
}

#[tokio::test]
async fn one_refused_object_does_not_stop_what_comes_back() {
    let mut story = Story::dead().await;
    story.put_aside("page/1", 1);
    let backlog = story.returns_since(now());
    pass(3600);
    let recall = json!({"recall": {"subscriber": "cdn", "subject": "page/1"}}).to_string();
    assert!(story.world.fails_numbered(&recall, 5, 0).await);
    assert_eq!(story.backlog().unwrap(), backlog);
    // Nor does a straggler, right after the first success.
    let backlog = story.returns_since(clock());
    pass(60);
    assert!(story.stays("page/2", 1).await);
    assert_eq!(story.backlog().unwrap(), backlog);
    pass(SETTLING_SECONDS);
    assert!(story.stays("page/2", 1).await);
    assert_ne!(story.backlog().unwrap(), backlog);
}
