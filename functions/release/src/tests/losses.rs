//! Lost events, crashes, and messages that cannot be handled.

use std::collections::HashSet;

use super::aws::BrokenCall;
use super::*;

#[tokio::test]
async fn a_check_finds_what_a_lost_event_would_have_told() {
    let mut world = World::new();
    world.push("a");
    world.run().await;
    // The result of migrate is lost, so migrate is invoked once more.
    clock::advance(1200);
    world.send(&json!({"check": true}));
    world.run().await;
    assert_eq!(world.aws().invoked.len(), 2);
    world.end_migrate("a", Ok(1));
    world.run().await;
    // The event of the end is lost. Another event is a reason to observe as well.
    world.end_operation("SUCCEEDED", "UpdateServiceStarted");
    world.run().await;
    assert_eq!(world.state()["deployed"]["digest"], digest("a"));

    let mut world = World::new();
    world.push("a");
    world.run().await;
    world.end_migrate("a", Ok(1));
    world.run().await;
    world.aws().operations[0]["Status"] = json!("SUCCEEDED");
    clock::advance(900);
    world.send(&json!({"check": true}));
    world.run().await;
    assert_eq!(world.state()["deployed"]["digest"], digest("a"));
}

/// Breaks each call of two releases in turn: it fails, or it has its effect and its answer is lost, as in a crash.
#[tokio::test]
async fn a_crash_at_any_call_does_not_change_the_outcome() {
    let calls = run_two_releases(&mut World::new()).await;
    assert!(calls > 30, "{calls}");
    for number in 0..calls {
        for has_effect in [true, false] {
            let mut world = World::new();
            world.aws().broken_call = Some(BrokenCall { number, has_effect });
            run_two_releases(&mut world).await;
            let place = format!(
                "call {number}, {}, effect {has_effect}",
                world.aws().calls[number]
            );
            assert_eq!(world.phase(), None, "{place}");
            assert_eq!(world.state()["deployed"]["digest"], digest("b"), "{place}");
            assert_eq!(world.aws().image, uri("b"), "{place}");
            let events = world.events();
            let ends: HashSet<_> = events
                .iter()
                .map(|event| (event.id, event.kind.clone()))
                .collect();
            assert_eq!(ends.len(), 2, "a repeated event keeps its id: {place}");
            assert_eq!(world.aws().operations.len(), 1, "deployed once: {place}");
            assert!(world.aws().invoked.len() <= 3, "{place}");
        }
    }
}

/// Runs two releases, of which the first fails. Returns the number of calls to AWS.
async fn run_two_releases(world: &mut World) -> usize {
    world.aws().busy_calls_after_update = 1;
    world.push("a");
    world.run().await;
    world.push("b");
    world.run().await;
    world.end_migrate("a", Err("no such column"));
    world.run().await;
    world.end_migrate("b", Ok(1));
    world.run().await;
    world.end_operation("SUCCEEDED", "UpdateServiceCompletedSuccessfully");
    world.run().await;
    world.aws().calls.len()
}

#[tokio::test]
async fn a_state_that_cannot_be_read_stops_everything() {
    let mut world = World::new();
    world.aws().parameter = Some("{".to_owned());
    world.push("a");
    assert!(world.receive().await);
    assert!(changes(&world).is_empty());
    let error = world.invoke(json!({"status": true})).await.unwrap_err();
    assert!(
        error.starts_with("parameter /wagrun/release does not hold the state of releases: EOF"),
        "{error}"
    );
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_not_delayed_on_its_way_to_the_dead_letter_queue() {
    for message in [json!({"hello": 1}), json!({"deploy": {"tag": "v9"}})] {
        let mut world = World::new();
        world.send(&message);
        assert!(world.receive().await);
        assert_eq!(world.aws().visibility_timeouts, [0]);
    }
}
