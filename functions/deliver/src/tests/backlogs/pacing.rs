//! Tests of a receiver that answers slowly, whose deliveries are set aside and recalled a few lanes at a time.

use std::time::Duration;

use super::*;

/// Longer than the attempt from which the tests' world counts one as slow.
const SLOW_ANSWER_TIME: Duration = Duration::from_millis(60);

impl Story {
    /// Creates a subscriber that is slow, and whose backlog is settled.
    async fn paced() -> Self {
        let mut story = Self::slow().await;
        for number in 1..=3 {
            assert!(!story.stays("page/1", number).await);
        }
        let backlog = story.backlog().unwrap();
        assert_eq!(backlog["paced"], true);
        pass(SETTLING_SECONDS);
        story
    }

    async fn slow() -> Self {
        let mut story = Self::new(204, json!({})).await;
        let status = Arc::clone(&story.status);
        story.receiver = Receiver::answering(move || {
            std::thread::sleep(SLOW_ANSWER_TIME);
            let status = StatusCode::from_u16(status.load(Ordering::Relaxed)).unwrap();
            status.into_response()
        })
        .await;
        let value = subscriber(&story.receiver.origin, json!({}));
        story
            .world
            .answer_ssm(vec![parameters(&[("cdn", value)]); 50]);
        story.world.forget_health();
        story
    }

    /// Returns the lanes whose recalls were sent and not received.
    fn recalled(&self) -> Vec<String> {
        let recalls = self.world.cloud.state().sent_to("deliveries.fifo");
        let subject = |recall: &Value| recall["recall"]["subject"].as_str().unwrap().to_owned();
        recalls.iter().map(subject).collect()
    }
}

#[tokio::test]
async fn until_every_copy_knows_a_slow_receiver_is_called_as_before() {
    let mut story = Story::slow().await;
    for number in 1..=3 {
        assert!(story.backlog().is_none());
        assert!(!story.stays("page/1", number).await);
    }
    assert!(story.backlog().is_some());
    pass(SETTLING_SECONDS - 2);
    assert!(!story.stays("page/1", 4).await);
    assert_eq!((story.received(0).len(), story.aside()), (4, 0));
    pass(2);
    assert!(!story.stays("page/1", 5).await);
    assert_eq!((story.received(0).len(), story.aside()), (4, 1));
}

#[tokio::test]
async fn a_sweep_gives_out_turns_and_a_turn_goes_from_lane_to_lane() {
    let mut story = Story::paced().await;
    for page in 1..=9 {
        assert!(!story.stays(&format!("page/{page}"), 1).await);
    }
    let before = story.received(0).len();
    let swept = story.look().await;
    assert_eq!(swept[0]["state"], "paced");
    // Half of four copies.
    assert_eq!(swept[0]["recalled"], 2);
    while !story.recalled().is_empty() {
        assert!(story.recalled().len() <= 2);
        assert!(story.receive_recalls(1).await.is_empty());
    }
    assert_eq!((story.received(before).len(), story.aside()), (9, 0));
    // Success after success, and it is paced until the sweep ends that.
    assert_eq!(story.backlog().unwrap()["paced"], true);
    assert_eq!(story.look().await[0]["state"], "paced");
    pass(QUARTER_HOUR_SECONDS);
    story.look().await;
    assert!(story.backlog().unwrap()["returning_since"].is_string());
    pass(SETTLING_SECONDS);
    assert_eq!(story.look().await[0]["state"], "removed");
}

#[tokio::test]
async fn later_turns_end_the_earlier_ones() {
    let mut story = Story::paced().await;
    for page in 1..=9 {
        assert!(!story.stays(&format!("page/{page}"), 1).await);
    }
    story.look().await;
    let earlier = story.world.cloud.state().sent_to("deliveries.fifo");
    pass(300);
    story.look().await;
    story.world.cloud.state().sent.clear();
    for recall in earlier {
        assert!(!story.world.fails_numbered(&recall.to_string(), 1, 0).await);
    }
    assert_eq!(story.recalled(), [""; 0]);
    // A recall from before the pacing leaves its lane to the turns.
    let aside = story.aside();
    let recall = json!({"recall": {"subscriber": "cdn", "subject": "page/9"}});
    assert!(!story.world.fails_numbered(&recall.to_string(), 1, 0).await);
    assert_eq!(story.aside(), aside);
}

#[tokio::test]
async fn a_refused_delivery_is_tried_by_the_schedule_and_its_turn_goes_on() {
    let mut story = Story::paced().await;
    for page in 1..=9 {
        assert!(!story.stays(&format!("page/{page}"), 1).await);
    }
    story.look().await;
    story.answers(500);
    let waiting = story.receive_recalls(1).await;
    assert_eq!(waiting.len(), 2);
    let delays = story.world.delays();
    assert_eq!(delays[delays.len() - 2..], [6, 6]);
    // Both turns are at other lanes by now.
    let next = story.recalled();
    assert_eq!(next.len(), 2);
    for recall in &waiting {
        let refused = recall["recall"]["subject"].as_str().unwrap();
        assert!(!next.contains(&refused.to_owned()), "{next:?}");
    }
    // It succeeds at its second attempt, without a turn.
    story.answers(204);
    let aside = story.aside();
    story.world.cloud.state().sent.clear();
    assert!(
        !story
            .world
            .fails_numbered(&waiting[0].to_string(), 2, 0)
            .await
    );
    assert_eq!(story.aside(), aside - 1);
}
