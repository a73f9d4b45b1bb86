//! Requests of an operator and of the schedule.

use super::*;

#[tokio::test]
async fn a_requested_image_is_looked_up_and_queued() {
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
        changes(&world).is_empty(),
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
async fn a_requested_image_that_serves_is_deployed_once_more() {
    let mut world = World::new();
    world.send(&json!({"deploy": {"digest": digest("0")}}));
    world.run().await;
    world.end_migrate("0", Ok(0));
    world.run().await;
    assert_eq!(changes(&world), ["Invoke", "StartDeployment"]);
}

#[tokio::test]
async fn a_request_that_cannot_be_done_is_refused_at_once() {
    let world = World::new();
    let table = [
        (
            json!({"deploy": {"tag": "v9"}}),
            "no image v9 in repository team/site",
        ),
        (json!({"deploy": {}}), "deploy: needs a tag or a digest"),
        (
            json!({"deploy": "v1"}),
            "cannot read the request: invalid type: string \"v1\", expected a map",
        ),
        (
            json!({"deploy": ["v1", null]}),
            "cannot read the request: invalid type: sequence, expected a map",
        ),
        (
            json!({"deply": {}}),
            r#"expected {"deploy": …}, {"status": true} or {"check": true}"#,
        ),
    ];
    for (payload, expected) in table {
        assert_eq!(world.invoke(payload).await.unwrap_err(), expected);
    }
    assert!(world.aws().sent.is_empty());
}

#[tokio::test]
async fn the_check_of_the_schedule_is_queued_only_while_a_release_is_under_way() {
    let mut world = World::new();
    let idle = world.invoke(json!({"check": true})).await.unwrap();
    assert_eq!(idle["queued"], Value::Null);
    world.push("a");
    world.run().await;
    let under_way = world.invoke(json!({"check": true})).await.unwrap();
    assert_eq!(under_way, json!({"queued": {"check": true}}));
    assert_eq!(world.aws().sent.len(), 1);
}
