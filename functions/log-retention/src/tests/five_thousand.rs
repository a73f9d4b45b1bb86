//! What a run costs in calls and time, where there is much to do.

use std::time::Duration;

use super::world::{World, time};
use crate::Options;

/// Five thousand log groups of one stack, without retention, made yesterday.
fn five_thousand() -> World {
    let world = World::new();
    for number in 0..5000 {
        world.group(&format!("/wagrun/{number:04}"), |group| {
            group.created = time("2026-11-20T12:00:00Z").as_millisecond();
        });
    }
    world
}

// The figures of docs/schedules.md.
#[tokio::test]
async fn five_thousand_log_groups_take_hardly_more_than_the_quotas_ask() {
    let world = five_thousand();
    // Five changes a second are more than a function's quarter of an hour has room for; it says so, and goes on.
    let incomplete = world.run(Options::default()).await.unwrap_err();
    assert_eq!(
        incomplete.to_string(),
        "the time was over before the end; the next run goes on"
    );
    assert_eq!(
        (incomplete.failures, incomplete.answer.set.count),
        (0, 4348)
    );
    // The answer goes through Lambda.
    assert_eq!(incomplete.answer.set.first.len(), 1000);
    assert!(world.seconds() <= 880.0, "{}", world.seconds());
    let answer = world.run(Options::default()).await.unwrap();
    assert_eq!((answer.set.count, answer.right), (652, 4348));
    let calls = |operation| world.count(operation);
    assert_eq!(
        (
            calls("DescribeLogGroups"),
            calls("ListTagsForResource"),
            calls("PutRetentionPolicy")
        ),
        (210, 5001, 5000)
    );
    assert!(world.state().calls.iter().all(|call| !call.throttled));
    assert!(world.seconds() < 1021.0, "{}", world.seconds());

    // From then on there is nothing to do but to look; at the streams too, one call and 50 ms for each log group that is
    // old enough to have empty ones.
    let run = async || {
        world.rest();
        let (seconds, calls) = (world.seconds(), world.state().calls.len());
        world.run(Options::default()).await.unwrap();
        let seconds = (world.seconds() - seconds).round();
        (world.state().calls.len() - calls, seconds)
    };
    assert_eq!(run().await, (105, 10.0));
    for group in world.state().groups.values_mut().take(500) {
        group.created = 0;
    }
    assert_eq!(run().await, (605, 35.0));
}

#[tokio::test]
async fn a_small_stack_among_many_log_groups_is_a_call_for_each_prefix() {
    let world = World::new();
    for number in 0..5000 {
        world.group(&format!("/others/{number:04}"), |_| {});
    }
    for number in 0..12 {
        world.group(&format!("/wagrun/{number:04}"), |group| {
            group.days = Some(30)
        });
    }
    // As old as their retention, so that nobody looks for empty streams.
    for group in world.state().groups.values_mut() {
        group.created = time("2026-10-22T12:00:00Z").as_millisecond();
    }
    let answer = world.run(Options::default()).await.unwrap();
    assert_eq!((answer.log_groups, answer.right), (12, 12));
    assert_eq!(world.state().calls.len(), 6);
}

#[tokio::test]
async fn who_shares_the_account_with_others_waits_and_arrives() {
    let world = World::new();
    for number in 0..100 {
        world.group(&format!("/wagrun/{number:04}"), |_| {});
    }
    world.state().others = 3;
    world.state().latency = Duration::from_millis(20);
    let answer = world.run(Options::default()).await.unwrap();
    assert_eq!(answer.set.count, 100);
    assert!(world.state().calls.iter().any(|call| call.throttled));
}
