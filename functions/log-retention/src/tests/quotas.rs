//! The calls and the time of a run over many log groups.

use std::time::Duration;

use super::world::{World, time};
use crate::request::Options;

/// Five thousand log groups of one stack, without a retention, created yesterday.
fn five_thousand() -> World {
    let world = World::new();
    for number in 0..5000 {
        world.group(&format!("/wagrun/{number:04}"), |group| {
            group.created = time("2026-11-20T12:00:00Z").as_millisecond();
        });
    }
    world
}

// docs/schedules.md has these figures.
#[tokio::test]
async fn five_thousand_log_groups_take_little_longer_than_the_quotas_demand() {
    let world = five_thousand();
    // At five changes a second the function's quarter of an hour is too short. The run fails, and the next one continues.
    let incomplete = world.run(Options::default()).await.unwrap_err();
    assert_eq!(
        incomplete.to_string(),
        "the time was over before the end; the next run continues"
    );
    assert_eq!(
        (incomplete.failures, incomplete.answer.set.count),
        (0, 4348)
    );
    // The list is cut off, because Lambda limits the size of an answer.
    assert_eq!(incomplete.answer.set.first.len(), 1000);
    assert!(world.seconds() <= 880.0, "{}", world.seconds());
    let answer = world.run(Options::default()).await.unwrap();
    assert_eq!((answer.set.count, answer.up_to_date), (652, 4348));
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

    // Later runs only read. A log group that is old enough to have empty streams costs one more call, which takes 50 ms.
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
            group.retention_days = Some(30)
        });
    }
    // As old as their retention, so that no streams are read.
    for group in world.state().groups.values_mut() {
        group.created = time("2026-10-22T12:00:00Z").as_millisecond();
    }
    let answer = world.run(Options::default()).await.unwrap();
    assert_eq!((answer.log_groups, answer.up_to_date), (12, 12));
    assert_eq!(world.state().calls.len(), 6);
}

#[tokio::test]
async fn a_run_that_is_throttled_because_of_others_succeeds() {
    let world = World::new();
    for number in 0..100 {
        world.group(&format!("/wagrun/{number:04}"), |_| {});
    }
    world.state().calls_of_others = 3;
    world.state().latency = Duration::from_millis(20);
    let answer = world.run(Options::default()).await.unwrap();
    assert_eq!(answer.set.count, 100);
    assert!(world.state().calls.iter().any(|call| call.throttled));
}
