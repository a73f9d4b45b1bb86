//! Tests of the conditions under which a delivery is set aside.

use super::*;

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

    pass(SETTLING_SECONDS);
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
    pass(SETTLING_SECONDS);
    assert!(!story.stays("page/1", 3).await);
    pass(SETTLING_SECONDS);
    let before = story.receiver.received().len();
    assert!(!story.stays("page/1", 4).await);
    assert_eq!(story.receiver.received().len(), before);
    // Page 9's, whose recall is lost here, and two of page 1.
    assert_eq!(story.aside(), 3);
}

#[tokio::test]
async fn one_that_is_switched_off_keeps_what_waits_until_it_is_on_again() {
    let mut story = Story::new(204, json!({"enabled": false})).await;
    // It is hidden until every copy of the function knows of the backlog.
    assert!(story.stays("page/1", 1).await);
    assert!(story.stays("page/2", 1).await);
    assert_eq!(story.world.delays(), [120, 120]);
    assert_eq!(story.aside(), 0);
    pass(SETTLING_SECONDS);
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

/// The sweep may remove the parameter of a backlog that returns. A copy that finds none, and has the subscriber as on in its cache,
/// would send what comes after a delivery that was set aside meanwhile.
#[tokio::test]
async fn one_that_is_switched_off_while_its_backlog_returns_begins_it_again() {
    let mut story = Story::new(204, json!({"enabled": false})).await;
    story.put_aside("page/2", 0);
    story.returns_since(now());
    pass(SETTLING_SECONDS);
    assert!(story.stays("page/1", 1).await);
    assert_eq!(story.world.delays(), [120]);
    assert_eq!(story.aside(), 1);
    let begun = json!({"since": clock().to_string()});
    assert_eq!(story.backlog().unwrap(), begun);
    assert_eq!(story.look().await[0]["state"], "waiting");
    pass(SETTLING_SECONDS);
    assert!(!story.stays("page/1", 1).await);
    assert_eq!(story.aside(), 2);
    // A lane of which something is set aside only becomes longer.
    story.returns_since(clock());
    pass(SETTLING_SECONDS);
    assert!(!story.stays("page/2", 1).await);
    assert_eq!(story.aside(), 3);
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
    world.handler.deliverer.clock = clock;
    let body = delivery_of("cdn", "page/1", 1);
    assert!(world.fails_numbered(&body, 1, 1).await);
    assert_eq!(world.delays(), [120]);
    pass(SETTLING_SECONDS);
    assert!(!world.fails_numbered(&body, 2, 1).await);
    assert_eq!(world.cloud.state().bucket.objects.len(), 1);
    assert_eq!(receiver.received().len(), 1);
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
    story.returns_since(now());
    pass(SETTLING_SECONDS);
    let looked = story.look().await;
    assert_eq!(looked[0]["state"], "returning");
    assert_eq!(looked[0]["recalled"], 0);
}

#[tokio::test]
async fn what_cannot_be_set_aside_stays_in_the_queue() {
    for refused in ["GetParametersByPath", "GET /", "PUT /"] {
        let mut story = Story::settled().await;
        pass(SETTLING_SECONDS);
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
async fn a_parameter_that_cannot_be_used_keeps_what_waits_until_it_is_mended() {
    let mut story = Story::new(204, json!({})).await;
    let broken = parameters(&[("cdn", r#"{"target":"pigeon"}"#.into())]);
    story.world.answer_ssm(vec![broken; 9]);
    assert!(story.stays("page/1", 1).await);
    pass(SETTLING_SECONDS);
    assert!(!story.stays("page/1", 2).await);
    assert_eq!(story.look().await[0]["state"], "waiting");
    let mended = parameters(&[("cdn", subscriber(&story.receiver.origin, json!({})))]);
    story.world.answer_ssm(vec![mended; 9]);
    assert_eq!(story.look().await[0]["recalled"], 1);
    assert!(story.receive_recalls(1).await.is_empty());
    assert_eq!(story.received(0), ["page/1 2"]);
}

#[tokio::test]
async fn an_object_whose_name_fits_into_no_key_is_never_set_aside() {
    let mut story = Story::settled().await;
    let subject = format!("shop.item/{}", "ü".repeat(170));
    assert!(story.stays(&subject, 1).await);
    assert!(story.stays(&subject, 2).await);
    assert_eq!(story.aside(), 0);
}
