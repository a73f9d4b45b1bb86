//! Tests of subscribers whose parameter is not found: SSM is eventually consistent, and a pipeline may replace a parameter.

use super::*;

impl Story {
    /// Answers the next reads of the subscribers with or without the parameter of `cdn`, in this order.
    fn finds(&mut self, found: &[bool]) {
        let value = subscriber(&self.receiver.origin, json!({}));
        let answer = |found: &bool| match found {
            true => parameters(&[("cdn", value.clone())]),
            false => parameters(&[]),
        };
        let answers = found.iter().map(answer).collect();
        self.world.answer_ssm(answers);
    }
}

#[tokio::test]
async fn one_read_without_the_parameter_drops_nothing() {
    let mut story = Story::new(204, json!({})).await;
    story.finds(&[false, true]);
    assert!(story.stays("page/1", 1).await);
    assert_eq!(story.world.delays(), [120]);
    pass(SETTLING_SECONDS);
    assert!(!story.stays("page/1", 1).await);
    assert_eq!(story.received(0), ["page/1 1"]);
    // The success has ended what the one read had begun.
    let backlog = story.backlog().unwrap();
    assert!(backlog["gone_since"].is_null(), "{backlog}");
    assert!(backlog["returning_since"].is_string(), "{backlog}");
}

#[tokio::test]
async fn a_delivery_is_dropped_when_the_parameter_stays_missing() {
    let mut story = Story::new(204, json!({})).await;
    story.finds(&[false; 4]);
    assert!(story.stays("page/1", 1).await);
    // Of another object, by a copy that knows already.
    pass(60);
    assert!(story.stays("page/2", 1).await);
    pass(61);
    assert!(!story.stays("page/1", 1).await);
    assert!(!story.stays("page/2", 1).await);
    assert_eq!((story.received(0).len(), story.aside()), (0, 0));
    // The record goes an hour later.
    pass(3600);
    assert_eq!(story.look().await[0]["state"], "removed");
}

/// The subscriber has had a backlog for long, so the age of that proves nothing.
#[tokio::test]
async fn one_read_without_the_parameter_drops_nothing_of_a_subscriber_with_a_backlog() {
    let mut story = Story::settled().await;
    assert!(!story.stays("page/1", 1).await);
    story.finds(&[false, true, true]);
    assert!(story.stays("page/2", 1).await);
    pass(SETTLING_SECONDS);
    assert_eq!(story.look().await[0]["state"], "found");
    assert!(story.backlog().unwrap()["gone_since"].is_null());
    // A later read without it begins anew.
    story.finds(&[false]);
    assert!(story.stays("page/2", 1).await);
    assert_eq!(story.aside(), 1);
}

#[tokio::test]
async fn a_subscriber_that_is_found_again_needs_no_probe() {
    let mut story = Story::new(204, json!({})).await;
    story.finds(&[false, true, true]);
    assert!(story.stays("page/1", 1).await);
    pass(SETTLING_SECONDS);
    assert_eq!(story.look().await[0]["state"], "found");
    assert!(!story.stays("page/1", 1).await);
    assert!(!story.stays("page/2", 1).await);
    assert_eq!((story.received(0).len(), story.aside()), (2, 0));
    pass(SETTLING_SECONDS);
    story.finds(&[true]);
    assert_eq!(story.look().await[0]["state"], "removed");
}
