//! Releases from the push to the end.

use super::*;

#[tokio::test]
async fn a_push_is_migrated_and_then_deployed() {
    let mut world = World::new();
    world.push("a");
    world.run().await;
    assert_eq!(world.phase().as_deref(), Some("migrating"));
    assert_eq!(world.aws().migrate_image, uri("a"));
    let invoked = json!({"command": "migrate", "deploy": digest("a")});
    assert_eq!(world.aws().invoked, [invoked]);
    assert_eq!(
        world.aws().image,
        uri("0"),
        "nothing is deployed before its migrations"
    );

    clock::advance(60);
    world.end_migrate("a", Ok(2));
    world.run().await;
    assert_eq!(world.phase().as_deref(), Some("deploying"));
    assert_eq!(world.aws().image, uri("a"));
    assert!(world.events().is_empty());

    clock::advance(120);
    world.end_operation("SUCCEEDED", "UpdateServiceCompletedSuccessfully");
    world.run().await;
    assert_eq!(world.phase(), None);
    assert_eq!(world.state()["deployed"]["digest"], digest("a"));
    let events = world.events();
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].kind.as_str(), events[0].sequence.as_str()),
        ("site.deployed", "0000000000000001")
    );
    assert_eq!(events[0].data["migrations_applied"], 2);
    assert_eq!(events[0].data["milliseconds"], 182_000);
    assert!(world.mails().is_empty());
    assert_eq!(
        changes(&world),
        ["UpdateFunctionCode", "Invoke", "UpdateService", "Publish"]
    );
}

#[tokio::test]
async fn a_second_push_waits_for_the_first_and_the_newest_wins() {
    let mut world = World::new();
    world.push("a");
    world.run().await;
    world.push("b");
    world.push("c");
    world.run().await;
    assert_eq!(world.state()["current"]["digest"], digest("a"));
    assert_eq!(world.state()["next"]["digest"], digest("c"));
    assert_eq!(
        world.aws().migrate_image,
        uri("a"),
        "a release under way is left alone"
    );

    world.end_migrate("a", Err("Django's migrations failed: no such column"));
    world.run().await;
    let state = world.state();
    assert_eq!(state["last_failure"]["digest"], digest("a"));
    assert_eq!(state["current"]["digest"], digest("c"));
    assert_eq!(world.phase().as_deref(), Some("migrating"));
    assert_eq!(world.aws().image, uri("0"), "the old version serves");
    assert_eq!(
        world.mails(),
        ["wagrun: release of sha256:aaaaaaaaaaaa failed"]
    );

    // These belong to no release under way.
    world.end_migrate("a", Ok(1));
    world.end_migrate("b", Ok(1));
    world.send_service_event("UpdateServiceCompletedSuccessfully");
    world.run().await;
    assert_eq!(world.state(), state);

    world.end_migrate("c", Ok(0));
    world.run().await;
    world.end_operation("SUCCEEDED", "UpdateServiceCompletedSuccessfully");
    world.run().await;
    let events = world.events();
    let ends: Vec<_> = events
        .iter()
        .map(|event| (event.kind.as_str(), event.data["digest"].clone()))
        .collect();
    assert_eq!(
        ends,
        [
            ("site.deployment_failed", json!(digest("a"))),
            ("site.deployed", json!(digest("c"))),
        ]
    );
    assert!(events[0].sequence < events[1].sequence);
    assert_eq!(world.aws().invoked.len(), 2, "image b was never migrated");
    assert_eq!(world.aws().image, uri("c"));
    assert_eq!(world.phase(), None);
}

#[tokio::test]
async fn without_a_web_service_the_release_ends_with_its_migrations() {
    let mut world = World::on(WebPlatform::None);
    world.push("a");
    world.run().await;
    world.end_migrate("a", Ok(4));
    world.run().await;
    let events = world.events();
    assert_eq!(
        (events.len(), events[0].kind.as_str()),
        (1, "site.deployed")
    );
    assert_eq!(events[0].data["platform"], "None");
    assert_eq!(world.phase(), None);
}

#[tokio::test]
async fn a_failed_deployment_is_notified_with_the_status_of_the_platform() {
    let mut world = World::new();
    world.push("a");
    world.run().await;
    world.end_migrate("a", Ok(1));
    world.run().await;
    world.end_operation("ROLLBACK_SUCCEEDED", "UpdateServiceFailed");
    world.run().await;
    let events = world.events();
    assert_eq!(events[0].kind, "site.deployment_failed");
    assert_eq!(events[0].data["phase"], "deploying");
    let reason = "App Runner's operation op-1 is ROLLBACK_SUCCEEDED; its service log says why";
    assert_eq!(events[0].data["reason"], reason);
    assert_eq!(world.mails().len(), 1);
    assert_eq!(world.state()["deployed"], Value::Null);
}
