//! Deliveries of a subscriber that takes nothing are set aside, and come back in order.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use axum::{http::StatusCode, response::IntoResponse};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::world::{Receiver, World, delivery_of, now, parameter, parameters, subscriber, written};
use crate::Answer;

thread_local! {
    /// Seconds since the test began.
    static PASSED: Cell<i64> = const { Cell::new(0) };
}

fn clock() -> Timestamp {
    now() + SignedDuration::from_secs(PASSED.get())
}

fn pass(seconds: i64) {
    PASSED.set(PASSED.get() + seconds);
}

/// Longer than it takes until everybody knows of a backlog.
const GRACE: i64 = 121;
const QUARTER: i64 = 15 * 60;

struct Story {
    world: World,
    receiver: Receiver,
    status: Arc<AtomicU16>,
    numbered: u64,
}

impl Story {
    /// With a subscriber `cdn` that has these fields, whose receiver answers with this status.
    async fn new(status: u16, fields: Value) -> Self {
        let status = Arc::new(AtomicU16::new(status));
        let answer = Arc::clone(&status);
        let receiver = Receiver::answering(move || {
            let status = StatusCode::from_u16(answer.load(Ordering::Relaxed)).unwrap();
            status.into_response()
        })
        .await;
        let value = subscriber(&receiver.origin, fields);
        // As often as anybody may look.
        let ssm = vec![parameters(&[("cdn", value)]); 50];
        let mut world = World::new(ssm);
        world.handler.clock = clock;
        Self {
            world,
            receiver,
            status,
            numbered: 0,
        }
    }

    /// With a subscriber that has taken nothing for forty minutes.
    async fn dead() -> Self {
        let since = now() - SignedDuration::from_mins(40);
        let mut story = Self::new(500, json!({"failing_since": since.to_string()})).await;
        // Every success would want to take that back, which is told elsewhere.
        story.world.forget_health();
        story
    }

    fn answers(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// A new delivery is received for the first time; whether it stays in the queue.
    async fn stays(&mut self, subject: &str, number: u32) -> bool {
        self.numbered += 1;
        let body = delivery_of("cdn", subject, number);
        self.world.fails_numbered(&body, 1, self.numbered).await
    }

    /// The recalls that were sent are received, in order; those that stay are returned.
    async fn receive_recalls(&self, attempt: u32) -> Vec<Value> {
        let recalls = self.world.cloud.state().sent_to("deliveries.fifo");
        self.world
            .cloud
            .state()
            .sent
            .retain(|(queue, _)| queue != "deliveries.fifo");
        let mut stay = Vec::new();
        for recall in recalls {
            if self
                .world
                .fails_numbered(&recall.to_string(), attempt, 0)
                .await
            {
                stay.push(recall);
            }
        }
        stay
    }

    async fn look(&self) -> Vec<Value> {
        let answer = self.world.ask(&json!({"look_after": "backlogs"})).await;
        let Answer::Backlogs(_) = &answer else {
            panic!("{answer:?}");
        };
        serde_json::to_value(answer)
            .unwrap()
            .as_array()
            .unwrap()
            .clone()
    }

    /// Subject and number of what the receiver was sent, from the `skip`th on.
    fn received(&self, skip: usize) -> Vec<String> {
        let received = self.receiver.received().into_iter().skip(skip);
        received
            .map(|(_, _, body)| {
                let event: Value = serde_json::from_slice(&body).unwrap();
                format!(
                    "{} {}",
                    event["subject"].as_str().unwrap(),
                    event["data"]["number"]
                )
            })
            .collect()
    }

    fn aside(&self) -> usize {
        self.world.cloud.state().bucket.objects.len()
    }

    fn backlog(&self) -> Option<Value> {
        self.world.cloud.state().backlogs.get("cdn").cloned()
    }

    /// Begins a backlog, of which everybody knows.
    async fn settled() -> Self {
        let mut story = Self::dead().await;
        assert!(story.stays("page/1", 0).await);
        assert!(story.backlog().is_some());
        pass(GRACE);
        story
    }
}

#[tokio::test]
async fn a_dead_subscribers_deliveries_leave_the_queue_in_order() {
    let mut story = Story::dead().await;
    assert!(story.stays("page/1", 1).await);
    assert_eq!(
        story.backlog().unwrap(),
        json!({"since": now().to_string()})
    );

    // Somebody may not know of it yet, so all are still tried.
    assert!(story.stays("page/2", 1).await);
    assert_eq!(story.aside(), 0);

    pass(GRACE);
    assert!(!story.stays("page/3", 1).await);
    for number in [1, 2] {
        for subject in ["page/1", "shop.item/a b/ü"] {
            assert!(!story.stays(subject, number).await);
        }
    }
    // The first of them was a probe.
    assert_eq!(story.received(0), ["page/1 1", "page/2 1", "page/3 1"]);
    let state = story.world.cloud.state();
    let aside: Vec<_> = state
        .bucket
        .objects
        .iter()
        .map(|(key, body)| {
            let delivery: Value = serde_json::from_str(body).unwrap();
            (key.as_str(), delivery["event"]["data"]["number"].clone())
        })
        .collect();
    assert_eq!(
        aside,
        [
            (
                "cdn/page%2F1/000000000000000000000000000000000000004",
                json!(1)
            ),
            (
                "cdn/page%2F1/000000000000000000000000000000000000006",
                json!(2)
            ),
            (
                "cdn/page%2F3/000000000000000000000000000000000000003",
                json!(1)
            ),
            (
                "cdn/shop.item%2Fa%20b%2F%C3%BC/000000000000000000000000000000000000005",
                json!(1)
            ),
            (
                "cdn/shop.item%2Fa%20b%2F%C3%BC/000000000000000000000000000000000000007",
                json!(2)
            ),
        ]
    );
}

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
    assert_eq!(looked[0]["state"], "kept");
    assert_eq!(looked[0]["recalled"], 2);
    assert!(story.receive_recalls(1).await.is_empty());
    assert_eq!(story.receiver.received().len(), before + 2);
    assert_eq!(story.aside(), 6);
    // Not again before a quarter of an hour has passed.
    assert_eq!(story.look().await[0]["recalled"], 0);

    story.answers(204);
    pass(QUARTER);
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

    // What comes now is tried at once, and when everybody knows that, the backlog is forgotten.
    assert!(!story.stays("page/1", 4).await);
    assert_eq!(story.received(before + 6), ["page/1 4"]);
    assert_eq!(story.look().await[0]["state"], "coming_back");
    pass(GRACE);
    assert_eq!(story.look().await[0]["state"], "over");
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
async fn nothing_overtakes_what_is_set_aside() {
    let mut story = Story::settled().await;
    for (subject, number) in [("page/9", 1), ("page/1", 1)] {
        assert!(!story.stays(subject, number).await);
    }
    story.answers(204);
    pass(60);
    assert!(!story.stays("page/2", 1).await);
    let before = story.receiver.received().len();
    // It comes back, and page 1 has not come to its turn: its next waits behind it, and asks for the lane itself.
    story.world.cloud.state().sent.clear();
    assert!(!story.stays("page/1", 2).await);
    assert_eq!(story.receiver.received().len(), before);
    assert!(story.receive_recalls(1).await.is_empty());
    let order = story.received(before);
    let order: Vec<_> = order
        .iter()
        .filter(|one| one.starts_with("page/1"))
        .collect();
    assert_eq!(order, ["page/1 1", "page/1 2"]);
    // A probe of the same lane would have overtaken it as well.
    story.answers(500);
    story
        .world
        .cloud
        .state()
        .backlogs
        .insert("cdn".into(), json!({"since": now().to_string()}));
    pass(GRACE);
    assert!(!story.stays("page/1", 3).await);
    pass(GRACE);
    let before = story.receiver.received().len();
    assert!(!story.stays("page/1", 4).await);
    assert_eq!(story.receiver.received().len(), before);
    // Page 9's, whose recall is lost here, and two of page 1.
    assert_eq!(story.aside(), 3);
}

#[tokio::test]
async fn one_that_is_switched_off_keeps_what_waits_until_it_is_on_again() {
    let mut story = Story::new(204, json!({"enabled": false})).await;
    // It is hidden until everybody knows.
    assert!(story.stays("page/1", 1).await);
    assert!(story.stays("page/2", 1).await);
    assert_eq!(story.world.delays(), [120, 120]);
    assert_eq!(story.aside(), 0);
    pass(GRACE);
    for number in [1, 2] {
        assert!(!story.stays("page/1", number).await);
    }
    assert_eq!(story.look().await[0]["state"], "waiting");
    assert_eq!(story.look().await[0]["recalled"], 0);

    let value = subscriber(&story.receiver.origin, json!({}));
    story
        .world
        .answer_ssm(vec![parameters(&[("cdn", value)]); 9]);
    assert_eq!(story.look().await[0]["recalled"], 1);
    assert!(story.receive_recalls(1).await.is_empty());
    assert_eq!(story.received(0), ["page/1 1", "page/1 2"]);
}

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
async fn a_receiver_that_is_gone_keeps_what_waits() {
    let receiver = Receiver::answering(|| StatusCode::GONE.into_response()).await;
    let value = subscriber(&receiver.origin, json!({}));
    let off = subscriber(&receiver.origin, json!({"enabled": false}));
    let mut world = World::new(vec![
        parameters(&[("cdn", value.clone())]),
        parameter(7, &value),
        written(8),
        parameters(&[("cdn", off)]),
    ]);
    world.handler.clock = clock;
    let body = delivery_of("cdn", "page/1", 1);
    assert!(world.fails_numbered(&body, 1, 1).await);
    assert_eq!(world.delays(), [120]);
    pass(GRACE);
    assert!(!world.fails_numbered(&body, 2, 1).await);
    assert_eq!(world.cloud.state().bucket.objects.len(), 1);
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn what_is_refused_when_it_comes_back_is_tried_and_given_up_as_usual() {
    let story = Story::new(500, json!({})).await;
    for number in [1, 2] {
        let key = format!("cdn/page%2F1/{number:039}");
        let body = delivery_of("cdn", "page/1", number);
        story.world.cloud.state().bucket.objects.insert(key, body);
    }
    let backlog = json!({"since": now().to_string(), "returning_since": now().to_string()});
    story
        .world
        .cloud
        .state()
        .backlogs
        .insert("cdn".into(), backlog);
    pass(GRACE);
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
async fn in_a_crowded_queue_two_failures_are_enough() {
    for (depth, attempt, expected) in [(100, 1, false), (99, 2, false), (100, 2, true)] {
        let story = Story::new(500, json!({})).await;
        story.world.cloud.state().depth = depth;
        let body = delivery_of("cdn", "page/1", 1);
        assert!(story.world.fails_numbered(&body, attempt, 1).await);
        assert_eq!(story.backlog().is_some(), expected, "{depth} {attempt}");
    }
    // And nothing is recalled into it.
    let mut story = Story::settled().await;
    assert!(!story.stays("page/1", 1).await);
    story.world.cloud.state().depth = 100;
    assert_eq!(story.look().await[0]["recalled"], 0);
}

#[tokio::test]
async fn what_cannot_be_set_aside_stays_in_the_queue() {
    for refused in ["GetParametersByPath", "GET /", "PUT /"] {
        let mut story = Story::settled().await;
        pass(GRACE);
        assert!(!story.stays("page/1", 1).await);
        let before = story.receiver.received().len();
        pass(30);
        story.world.cloud.state().refused = Some(refused);
        assert!(story.stays("page/1", 2).await, "{refused}");
        assert_eq!(story.receiver.received().len(), before, "{refused}");
        assert_eq!(story.aside(), 1, "{refused}");
    }
}

#[tokio::test]
async fn a_delivery_that_was_set_aside_and_comes_again_is_the_same_object() {
    let mut story = Story::settled().await;
    assert!(!story.stays("page/1", 1).await);
    // The function was gone before Lambda had its answer.
    story.numbered -= 1;
    assert!(!story.stays("page/1", 1).await);
    assert_eq!(story.aside(), 1);
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
async fn a_parameter_that_is_no_backlog_lets_nothing_overtake() {
    let mut story = Story::new(204, json!({})).await;
    story
        .world
        .cloud
        .state()
        .backlogs
        .insert("cdn".into(), json!("?"));
    story.world.cloud.state().bucket.objects.insert(
        "cdn/page%2F1/000000000000000000000000000000000000000".into(),
        delivery_of("cdn", "page/1", 0),
    );
    assert!(!story.stays("page/1", 1).await);
    assert_eq!(story.aside(), 2);
    assert!(story.receiver.received().is_empty());
}

#[tokio::test]
async fn a_backlog_that_cannot_be_looked_after_is_an_error_and_the_others_are_seen_to() {
    let mut story = Story::settled().await;
    assert!(!story.stays("page/1", 1).await);
    story.world.cloud.state().refused = Some("SendMessageBatch");
    let payload =
        serde_json::value::RawValue::from_string(r#"{"look_after":"backlogs"}"#.into()).unwrap();
    let error = crate::handle(&story.world.handler, &payload)
        .await
        .unwrap_err();
    assert_eq!(error.error_type, "BacklogsNotLookedAfter");
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
        let key = format!("cdn/page%2F{number}/{number:039}");
        let body = delivery_of("cdn", &format!("page/{number}"), 1);
        story.world.cloud.state().bucket.objects.insert(key, body);
    }
    story.answers(204);
    pass(60);
    assert!(!story.stays("page/2000", 1).await);
    let recalled = story.world.cloud.state().sent_to("deliveries.fifo").len();
    assert_eq!(recalled, 50);
    // Somebody may set more aside in front of what has been looked through.
    assert_eq!(story.look().await[0]["recalled"], 0);
    pass(GRACE);
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
    let ask = json!({"look_after": "backlogs", "at_once": true});
    let answer = serde_json::to_value(story.world.ask(&ask).await).unwrap();
    assert_eq!(answer[0]["recalled"], 1);
}

#[tokio::test]
async fn five_days_of_tries_in_vain_switch_a_subscriber_off() {
    let mut story = Story::settled().await;
    assert!(!story.stays("page/1", 1).await);
    story.look().await;
    pass(5 * 24 * 3600 - 1);
    assert_eq!(story.look().await[0]["state"], "kept");
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
    assert_eq!(story.look().await[0]["state"], "kept");
}

#[tokio::test]
async fn a_parameter_that_cannot_be_used_keeps_what_waits_until_it_is_mended() {
    let mut story = Story::new(204, json!({})).await;
    let broken = parameters(&[("cdn", r#"{"target":"pigeon"}"#.into())]);
    story.world.answer_ssm(vec![broken; 9]);
    assert!(story.stays("page/1", 1).await);
    pass(GRACE);
    assert!(!story.stays("page/1", 2).await);
    assert_eq!(story.look().await[0]["state"], "waiting");
    let mended = parameters(&[("cdn", subscriber(&story.receiver.origin, json!({})))]);
    story.world.answer_ssm(vec![mended; 9]);
    assert_eq!(story.look().await[0]["recalled"], 1);
    assert!(story.receive_recalls(1).await.is_empty());
    assert_eq!(story.received(0), ["page/1 2"]);
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
    let key = format!("cdn/page%2F1/{:039}", 1);
    story
        .world
        .cloud
        .state()
        .bucket
        .objects
        .insert(key, delivery_of("cdn", "page/1", 1));
    let backlog = json!({"since": now().to_string(), "returning_since": now().to_string()});
    story
        .world
        .cloud
        .state()
        .backlogs
        .insert("cdn".into(), backlog.clone());
    pass(3600);
    let recall = json!({"recall": {"subscriber": "cdn", "subject": "page/1"}}).to_string();
    assert!(story.world.fails_numbered(&recall, 5, 0).await);
    assert_eq!(story.backlog().unwrap(), backlog);
    // Nor does a straggler, right after the first success.
    let backlog = json!({"since": now().to_string(), "returning_since": clock().to_string()});
    story
        .world
        .cloud
        .state()
        .backlogs
        .insert("cdn".into(), backlog.clone());
    pass(60);
    assert!(story.stays("page/2", 1).await);
    assert_eq!(story.backlog().unwrap(), backlog);
    pass(GRACE);
    assert!(story.stays("page/2", 1).await);
    assert_ne!(story.backlog().unwrap(), backlog);
}

#[tokio::test]
async fn a_backlog_of_nothing_ends_after_a_day_and_one_of_nobody_after_an_hour() {
    let story = Story::settled().await;
    pass(23 * 3600);
    assert_eq!(story.look().await[0]["state"], "kept");
    assert!(story.backlog().unwrap().get("returning_since").is_none());
    pass(3600);
    story.look().await;
    pass(GRACE);
    assert_eq!(story.look().await[0]["state"], "over");

    let mut story = Story::settled().await;
    story.world.answer_ssm(vec![parameters(&[]); 9]);
    assert_eq!(story.look().await[0]["state"], "waiting");
    pass(3600);
    assert_eq!(story.look().await[0]["state"], "over");
    assert_eq!(story.backlog(), None);
}

#[tokio::test]
async fn an_object_whose_name_fits_into_no_key_is_never_set_aside() {
    let mut story = Story::settled().await;
    let subject = format!("shop.item/{}", "ü".repeat(170));
    assert!(story.stays(&subject, 1).await);
    assert!(story.stays(&subject, 2).await);
    assert_eq!(story.aside(), 0);
}
