//! The whole story, as the queue hands it to the function, with an AWS that is played at the wire.

mod world;

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use self::world::{World, digest, uri};
use crate::config::{Config, WebPlatform};

pub fn config(platform: WebPlatform) -> Config {
    Config {
        stack: "wagrun".to_owned(),
        repository: "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/site".to_owned(),
        tag: "prod".to_owned(),
        migrate_function: "wagrun-Migrate".to_owned(),
        platform,
        state_parameter: "/wagrun/release".to_owned(),
        queue_url: "https://sqs.eu-central-1.amazonaws.com/111122223333/wagrun-releases.fifo"
            .to_owned(),
        event_topic_arn: "arn:aws:sns:eu-central-1:111122223333:wagrun-events.fifo".to_owned(),
        alarm_topic_arn: "arn:aws:sns:eu-central-1:111122223333:wagrun-alarms".to_owned(),
        source: "/wagrun/wagrun".to_owned(),
    }
}

/// The parameters of a call in the query protocol.
pub fn form(body: &str) -> HashMap<String, String> {
    url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect()
}

/// Calls that change something, in order.
fn orders(world: &World) -> Vec<String> {
    const ORDERS: [&str; 5] = [
        "UpdateFunctionCode",
        "Invoke",
        "UpdateService",
        "StartDeployment",
        "Publish",
    ];
    let aws = world.aws();
    let calls = aws
        .calls
        .iter()
        .filter(|call| ORDERS.contains(&call.as_str()));
    calls.cloned().collect()
}

#[tokio::test]
async fn a_push_is_migrated_and_then_rolled() {
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
        "nothing is rolled before its migrations"
    );

    world.wait(60);
    world.migrated("a", Ok(2));
    world.run().await;
    assert_eq!(world.phase().as_deref(), Some("rolling"));
    assert_eq!(world.aws().image, uri("a"));
    assert!(world.events().is_empty());

    world.wait(120);
    world.operation_ends("SUCCEEDED", "UpdateServiceCompletedSuccessfully");
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
        orders(&world),
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

    world.migrated("a", Err("Django's migrations failed: no such column"));
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

    // What belongs to nothing under way.
    world.migrated("a", Ok(1));
    world.migrated("b", Ok(1));
    world.service_says("UpdateServiceCompletedSuccessfully");
    world.run().await;
    assert_eq!(world.state(), state);

    world.migrated("c", Ok(0));
    world.run().await;
    world.operation_ends("SUCCEEDED", "UpdateServiceCompletedSuccessfully");
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
async fn migrate_is_waited_for_while_it_becomes_active() {
    let mut world = World::new();
    world.aws().slow = 14;
    world.push("a");
    world.run().await;
    assert_eq!(world.phase().as_deref(), Some("migrating"));
    // A look follows the order at once, the others a wait each.
    let waits = world.aws().waits.clone();
    assert_eq!(waits, [vec![5; 12], vec![20; 2]].concat());
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
    world.aws().slow = 1000;
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
    world.migrated("a", Ok(1));
    world.run().await;
    assert_eq!(world.phase().as_deref(), Some("waiting-for-resume"));
    assert_eq!(
        world.mails(),
        ["wagrun: release of sha256:aaaaaaaaaaaa waits"]
    );

    for _ in 0..3 {
        world.wait(900);
        world.send(&json!({"look": true}));
        world.run().await;
    }
    assert_eq!(world.mails().len(), 1, "reported once");
    assert_eq!(world.aws().image, uri("0"));

    world.wait(86_400);
    world.aws().status = "RUNNING".to_owned();
    world.service_says("ResumeServiceCompletedSuccessfully");
    world.run().await;
    assert_eq!(world.phase().as_deref(), Some("rolling"));
    world.operation_ends("SUCCEEDED", "UpdateServiceCompletedSuccessfully");
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
    world.migrated("a", Ok(1));
    world.run().await;
    assert_eq!(world.phase().as_deref(), Some("waiting-for-service"));
    assert!(world.aws().waits.is_empty(), "the queue is not held up");

    world.aws().status = "RUNNING".to_owned();
    world.service_says("UpdateServiceCompletedSuccessfully");
    world.run().await;
    assert_eq!(world.phase().as_deref(), Some("rolling"));
    assert_eq!(world.aws().image, uri("a"));
}

#[tokio::test]
async fn a_failed_roll_is_told_with_the_platforms_word() {
    let mut world = World::new();
    world.push("a");
    world.run().await;
    world.migrated("a", Ok(1));
    world.run().await;
    world.operation_ends("ROLLBACK_SUCCEEDED", "UpdateServiceFailed");
    world.run().await;
    let events = world.events();
    assert_eq!(events[0].kind, "site.deployment_failed");
    assert_eq!(events[0].data["phase"], "rolling");
    let reason = "App Runner's operation op-1 is ROLLBACK_SUCCEEDED; its service log says why";
    assert_eq!(events[0].data["reason"], reason);
    assert_eq!(world.mails().len(), 1);
    assert_eq!(world.state()["deployed"], Value::Null);
}

#[tokio::test]
async fn what_no_event_tells_a_look_finds() {
    let mut world = World::new();
    world.push("a");
    world.run().await;
    // The answer of migrate is lost: it is invoked once more.
    world.wait(1200);
    world.send(&json!({"look": true}));
    world.run().await;
    assert_eq!(world.aws().invoked.len(), 2);
    world.migrated("a", Ok(1));
    world.run().await;
    // App Runner's word is lost.
    world.operation_ends("SUCCEEDED", "UpdateServiceStarted");
    world.run().await;
    assert_eq!(world.state()["deployed"]["digest"], digest("a"));

    let mut world = World::new();
    world.push("a");
    world.run().await;
    world.migrated("a", Ok(1));
    world.run().await;
    world.aws().operations[0]["Status"] = json!("SUCCEEDED");
    world.wait(900);
    world.send(&json!({"look": true}));
    world.run().await;
    assert_eq!(world.state()["deployed"]["digest"], digest("a"));
}

#[tokio::test]
async fn without_a_web_service_the_release_ends_with_its_migrations() {
    let mut world = World::on(WebPlatform::None);
    world.push("a");
    world.run().await;
    world.migrated("a", Ok(4));
    world.run().await;
    let events = world.events();
    assert_eq!(
        (events.len(), events[0].kind.as_str()),
        (1, "site.deployed")
    );
    assert_eq!(events[0].data["platform"], "None");
    assert_eq!(world.phase(), None);
}

/// Two releases, of which the first fails; returns the number of calls that it took.
async fn story(world: &mut World) -> usize {
    world.aws().slow = 1;
    world.push("a");
    world.run().await;
    world.push("b");
    world.run().await;
    world.migrated("a", Err("no such column"));
    world.run().await;
    world.migrated("b", Ok(1));
    world.run().await;
    world.operation_ends("SUCCEEDED", "UpdateServiceCompletedSuccessfully");
    world.run().await;
    world.aws().calls.len()
}

/// A call fails, or has its effect and its answer is lost, as in a crash right after it: at every call of the story.
#[tokio::test]
async fn a_crash_at_any_call_changes_nothing_of_the_outcome() {
    let calls = story(&mut World::new()).await;
    assert!(calls > 30, "{calls}");
    for number in 0..calls {
        for effect in [true, false] {
            let mut world = World::new();
            world.aws().broken_call = Some((number, effect));
            story(&mut world).await;
            let place = format!(
                "call {number}, {}, effect {effect}",
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
            assert_eq!(world.aws().operations.len(), 1, "rolled once: {place}");
            assert!(world.aws().invoked.len() <= 3, "{place}");
        }
    }
}

#[tokio::test]
async fn by_hand_the_image_is_looked_up_and_queued() {
    let mut world = World::new();
    world.aws().tags.insert("v1".to_owned(), digest("a"));
    let queued = json!({"deploy": {"tag": "v1", "digest": digest("a")}});
    let answer = world
        .invoke(json!({"deploy": {"tag": "v1"}}))
        .await
        .unwrap();
    assert_eq!(answer, json!({"queued": queued}));
    let sent = world.aws().sent.clone();
    assert_eq!(
        sent,
        [(
            queued.to_string(),
            "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()
        )]
    );
    assert!(
        orders(&world).is_empty(),
        "a request by hand waits its turn"
    );

    world.send(&queued);
    world.run().await;
    assert_eq!(world.aws().migrate_image, uri("a"));
    let status = world.invoke(json!({"status": true})).await.unwrap();
    assert_eq!(
        (&status["current"]["tag"], &status["sequence"]),
        (&json!("v1"), &json!(1))
    );
}

#[tokio::test]
async fn by_hand_what_serves_already_is_deployed_once_more() {
    let mut world = World::new();
    world.send(&json!({"deploy": {"digest": digest("0")}}));
    world.run().await;
    world.migrated("0", Ok(0));
    world.run().await;
    assert_eq!(orders(&world), ["Invoke", "StartDeployment"]);
}

#[tokio::test]
async fn requests_that_can_not_be_done_are_refused_to_whoever_made_them() {
    let world = World::new();
    let table = [
        (
            json!({"deploy": {"tag": "v9"}}),
            "no image v9 in repository team/site",
        ),
        (json!({"deploy": {}}), "deploy: needs a tag or a digest"),
        (
            json!({"deploy": "v1"}),
            "invalid type: string \"v1\", expected struct Reference",
        ),
        (
            json!({"deply": {}}),
            r#"expected {"deploy": …}, {"status": true} or {"look": true}"#,
        ),
    ];
    for (payload, expected) in table {
        assert_eq!(world.invoke(payload).await.unwrap_err(), expected);
    }
    assert!(world.aws().sent.is_empty());
}

#[tokio::test]
async fn the_schedule_asks_only_while_a_release_is_under_way() {
    let mut world = World::new();
    let idle = world.invoke(json!({"look": true})).await.unwrap();
    assert_eq!(idle["queued"], Value::Null);
    world.push("a");
    world.run().await;
    let under_way = world.invoke(json!({"look": true})).await.unwrap();
    assert_eq!(under_way, json!({"queued": {"look": true}}));
    assert_eq!(world.aws().sent.len(), 1);
}

#[tokio::test]
async fn what_nobody_understands_goes_to_the_dead_letter_queue_without_delay() {
    for message in [json!({"hello": 1}), json!({"deploy": {"tag": "v9"}})] {
        let mut world = World::new();
        world.send(&message);
        assert!(world.receive().await);
        assert_eq!(world.aws().waits, [0]);
    }
}

#[tokio::test]
async fn a_state_that_can_not_be_read_stops_everything() {
    let mut world = World::new();
    world.aws().parameter = Some("{".to_owned());
    world.push("a");
    assert!(world.receive().await);
    assert!(orders(&world).is_empty());
    let error = world.invoke(json!({"status": true})).await.unwrap_err();
    assert!(
        error.starts_with("parameter /wagrun/release is not the state of releases: EOF"),
        "{error}"
    );
}
