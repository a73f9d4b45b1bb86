//! Releases that wait for migrate or for the web service.

use super::*;

#[tokio::test]
async fn migrate_is_waited_for_while_it_becomes_active() {
    let mut world = World::new();
    world.aws().busy_calls_after_update = 14;
    world.push("a");
    world.run().await;
    assert_eq!(world.phase().as_deref(), Some("migrating"));
    // The first check follows the update at once, every other one follows a wait.
    let timeouts = world.aws().visibility_timeouts.clone();
    assert_eq!(timeouts, [vec![5; 12], vec![20; 2]].concat());
    assert_eq!(
        world
            .aws()
            .calls
            .iter()
            .filter(|call| *call == "UpdateFunctionCode")
            .count(),
        1
    );
}

#[tokio::test]
async fn a_migrate_that_never_becomes_active_ends_the_release_and_not_the_queue() {
    let mut world = World::new();
    world.aws().busy_calls_after_update = 1000;
    world.push("a");
    world.run().await;
    assert_eq!((world.phase(), world.events().len()), (None, 1));
    let reason = world.state()["last_failure"]["reason"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        reason.starts_with("migrate did not become active within 10 minutes"),
        "{reason}"
    );
    assert!(world.aws().invoked.is_empty());
}

#[tokio::test]
async fn a_paused_service_gets_its_image_when_it_is_resumed() {
    let mut world = World::new();
    world.aws().status = "PAUSED".to_owned();
    world.push("a");
    world.run().await;
    world.end_migrate("a", Ok(1));
    world.run().await;
    assert_eq!(world.phase().as_deref(), Some("waiting-for-resume"));
    assert_eq!(
        world.mails(),
        ["wagrun: release of sha256:aaaaaaaaaaaa waits"]
    );

    for _ in 0..3 {
        clock::advance(900);
        world.send(&json!({"check": true}));
        world.run().await;
    }
    assert_eq!(world.mails().len(), 1, "reported once");
    assert_eq!(world.aws().image, uri("0"));

    clock::advance(86_400);
    world.aws().status = "RUNNING".to_owned();
    world.send_service_event("ResumeServiceCompletedSuccessfully");
    world.run().await;
    assert_eq!(world.phase().as_deref(), Some("deploying"));
    world.end_operation("SUCCEEDED", "UpdateServiceCompletedSuccessfully");
    world.run().await;
    assert_eq!(world.state()["deployed"]["digest"], digest("a"));
    assert_eq!(world.events().len(), 1);
}

#[tokio::test]
async fn a_busy_service_gets_its_image_when_the_other_operation_has_ended() {
    let mut world = World::new();
    world.aws().status = "OPERATION_IN_PROGRESS".to_owned();
    world.push("a");
    world.run().await;
    world.end_migrate("a", Ok(1));
    world.run().await;
    assert_eq!(world.phase().as_deref(), Some("waiting-for-service"));
    assert!(
        world.aws().visibility_timeouts.is_empty(),
        "the queue is not held up"
    );

    world.aws().status = "RUNNING".to_owned();
    world.send_service_event("UpdateServiceCompletedSuccessfully");
    world.run().await;
    assert_eq!(world.phase().as_deref(), Some("deploying"));
    assert_eq!(world.aws().image, uri("a"));
}
