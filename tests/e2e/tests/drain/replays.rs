//! Replays: what was published is published again, in slices between the live events.

use content_events::BackfillProgress;
use uuid::Uuid;

use super::*;

fn requested(answer: &DrainReport) -> &BackfillProgress {
    answer.backfill.as_ref().unwrap()
}

/// What a replayed event must be, of the one that was live.
fn again(live: &Event, run: Uuid, subscriber: Option<&str>) -> Event {
    Event {
        replayed: true,
        backfill: Some(run),
        subscriber: subscriber.map(str::to_owned),
        ..live.clone()
    }
}

/// A change of each of `count` authors, published.
async fn published(world: &World, session: &mut PgConnection, count: i32) {
    authors(session, count).await;
    execute(session, "update blog_author set name = '1'").await;
    world.sweep().await.unwrap();
}

#[test]
fn a_replay_repeats_what_it_is_asked_for_with_the_same_ids_and_in_order() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 2).await;
        for name in ["1", "2"] {
            rename(&mut session, 1, name).await;
            rename(&mut session, 2, name).await;
        }
        world.sweep().await.unwrap();
        let live = world.topic.taken();

        // At once: SNS drops the same de-duplication id for five minutes, and so does the fake.
        for _ in 0..2 {
            let answer = world
                .ask(json!({"replay": {"subject": "blog.author/1"}}))
                .await
                .unwrap();
            let run = requested(&answer);
            assert_eq!(
                (answer.backfilled, run.published, run.finished),
                (2, 2, true)
            );
            let expected: Vec<Event> = live
                .iter()
                .filter(|event| event.subject == "blog.author/1")
                .map(|event| again(event, run.id, None))
                .collect();
            let taken = world.topic.taken();
            assert_eq!(taken[taken.len() - 2..], expected);
        }
        assert_eq!(world.topic.taken().len(), live.len() + 4);
        assert_eq!(world.topic.repeated(), 0);
    });
}

#[test]
fn time_type_and_subtree_choose_and_a_subscriber_is_named() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 1).await;
        pages(&mut session, 2).await;
        rename(&mut session, 1, "Ann").await;
        execute(
            &mut session,
            "update wagtailcore_page set title = 'New' where slug in ('home', 'p1')",
        )
        .await;
        execute(&mut session, "delete from blog_author").await;
        world.sweep().await.unwrap();
        let live = world.topic.taken();
        let of = |kind: &str| {
            let found = live.iter().find(|event| event.kind == kind);
            found.unwrap_or_else(|| panic!("no {kind}")).clone()
        };
        let (renamed, deleted) = (of("wagtail.author.updated"), of("wagtail.author.deleted"));
        let cases = [
            (json!({"type": "*.deleted"}), vec![deleted.clone()]),
            (
                json!({"under": "/blog/"}),
                live.iter()
                    .filter(|event| event.data.get("slug") == Some(&json!("p1")))
                    .cloned()
                    .collect(),
            ),
            (
                json!({"since": renamed.time, "until": deleted.time, "type": "wagtail.author.*"}),
                vec![renamed],
            ),
            (json!({"since": deleted.time}), vec![deleted]),
        ];
        for (mut chosen, expected) in cases {
            chosen["subscriber"] = json!("search");
            let answer = world.ask(json!({"replay": chosen})).await.unwrap();
            let run = requested(&answer).id;
            let mut replayed = world.backfilled();
            replayed.retain(|event| event.backfill == Some(run));
            let expected: Vec<Event> = expected
                .iter()
                .map(|event| again(event, run, Some("search")))
                .collect();
            assert_eq!(replayed, expected, "{chosen}");
            assert_eq!(replayed.len(), 1);
        }
    });
}

#[test]
fn a_replay_that_matches_nothing_says_so() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        published(&world, &mut session, 1).await;
        let answer = world
            .ask(json!({"replay": {"subject": "page/4711"}}))
            .await
            .unwrap();
        let run = requested(&answer);
        assert_eq!(
            (answer.backfilled, run.published, run.finished),
            (0, 0, true)
        );
    });
}

#[test]
fn a_live_event_leaves_before_the_next_slice_and_is_not_replayed_itself() {
    run(async {
        let world = World::new().await;
        let lambda = FakeLambda::start(Mood::Accepting).await;
        let mut session = world.database.connect().await;
        published(&world, &mut session, 250).await;
        world.database.set_lambda_endpoint(&lambda.endpoint).await;
        let replay = json!({"replay": {"type": "wagtail.author.*"}});
        let wake = Invocation::parse(&replay).unwrap();
        let answer = world.drainer.run(&wake, Instant::now()).await.unwrap();
        assert!(answer.rang_again && !requested(&answer).finished);
        assert_eq!(lambda.calls().len(), 1, "the next invocation is rung for");

        assert_eq!(world.slice().await.backfilled, 100);
        rename(&mut session, 250, "live").await;
        let before = world.topic.taken().len();
        assert_eq!(world.sweep().await.unwrap().backfilled, 150);
        let taken = world.topic.taken();
        assert_eq!(title(&taken[before]), "live");
        assert_eq!(taken[before].backfill, None);

        let replayed = world.backfilled();
        assert_each_in_order(&replayed, 250, 1);
        assert_eq!(world.sweep().await.unwrap(), DrainReport::default());
    });
}

#[test]
fn a_crash_between_publishing_and_keeping_the_cursor_repeats_a_slice_under_the_same_ids() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        published(&world, &mut session, 150).await;
        let replay = json!({"replay": {"type": "wagtail.author.*"}});
        let wake = Invocation::parse(&replay).unwrap();
        world.drainer.run(&wake, Instant::now()).await.unwrap();

        // What has arrived so far is not what is waited for.
        world.topic.arrival().await;
        world.topic.swallow_answers();
        let drainer = world.drainer.clone();
        let killed =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        world.topic.arrival().await;
        killed.abort();
        assert!(killed.await.unwrap_err().is_cancelled());
        world.topic.recover();
        no_lock_is_held(&mut session).await;

        assert_eq!(world.sweep().await.unwrap().backfilled, 150);
        assert!(world.topic.repeated() > 0, "the crash came after something");
        assert_each_in_order(&world.backfilled(), 150, 1);
    });
}

#[test]
fn what_the_topic_refuses_stops_its_run_and_neither_another_nor_a_live_event() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        published(&world, &mut session, 3).await;
        world
            .topic
            .refuse(|event| event.subscriber.as_deref() == Some("poisoned"));
        let replay = |subscriber: &str| json!({"replay": {"type": "*", "subscriber": subscriber}});
        rename(&mut session, 1, "live").await;
        let error = world.ask(replay("poisoned")).await.unwrap_err().to_string();
        let id: Uuid = sqlx::query_scalar("select id from wagrun.backfill")
            .fetch_one(&mut session)
            .await
            .unwrap();
        assert_eq!(
            error,
            format!(
                "backfill {id} cannot go on: 3 events were not published, the first of blog.author/1: \
                 InvalidParameter: not this one"
            )
        );
        assert_eq!(title(world.topic.taken().last().unwrap()), "live");

        // Each invocation fails for it, and does what it can.
        assert!(world.ask(replay("healthy")).await.is_err());
        assert_eq!(world.backfilled().len(), 4);
        world.topic.recover();
        assert_eq!(world.sweep().await.unwrap().backfilled, 3);
        let mut replayed = world.backfilled();
        replayed.retain(|event| event.subscriber.as_deref() == Some("poisoned"));
        assert_eq!(replayed.len(), 3);
    });
}

#[test]
fn the_same_request_is_the_same_run_until_that_is_done() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        published(&world, &mut session, 1).await;
        let replay = json!({"replay": {"type": "*"}});
        let wake = Invocation::parse(&replay).unwrap();
        let mut runs = Vec::new();
        for stop_at in [Instant::now(), in_a_minute(), in_a_minute()] {
            let answer = world.drainer.run(&wake, stop_at).await.unwrap();
            runs.push((requested(&answer).id, requested(&answer).finished));
        }
        assert_eq!((runs[0].0, runs[1].1), (runs[1].0, true));
        assert_ne!(runs[1].0, runs[2].0);
    });
}

#[test]
fn a_cancelled_run_publishes_no_more() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        published(&world, &mut session, 150).await;
        let wake = Invocation::parse(&json!({"replay": {"type": "*"}})).unwrap();
        let answer = world.drainer.run(&wake, Instant::now()).await.unwrap();
        let id = requested(&answer).id;
        world.slice().await;
        let answer = world.ask(json!({"cancel": id})).await.unwrap();
        assert_eq!(
            requested(&answer),
            &BackfillProgress {
                id,
                published: 100,
                finished: true
            }
        );
        assert_eq!(world.sweep().await.unwrap().backfilled, 0);
        let error = world.ask(json!({"cancel": id})).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cancel: no backfill {id} is under way")
        );
    });
}

#[test]
fn runs_take_turns_whatever_their_length() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        published(&world, &mut session, 250).await;
        for subscriber in ["first", "second"] {
            let replay = json!({"replay": {"type": "*", "subscriber": subscriber}});
            let wake = Invocation::parse(&replay).unwrap();
            world.drainer.run(&wake, Instant::now()).await.unwrap();
        }
        world.sweep().await.unwrap();
        let mut turns: Vec<String> = world
            .backfilled()
            .into_iter()
            .filter_map(|event| event.subscriber)
            .collect();
        assert_eq!(turns.len(), 500);
        turns.dedup();
        assert_eq!(
            turns,
            ["first", "second", "first", "second", "first", "second"]
        );
    });
}

#[test]
fn invocations_beside_each_other_keep_the_pace_of_one() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        published(&world, &mut session, 250).await;
        let wake = Invocation::parse(&json!({"replay": {"type": "*"}})).unwrap();
        world.drainer.run(&wake, Instant::now()).await.unwrap();
        let started = Instant::now();
        let drainer = world.drainer.clone();
        let pacing =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        let mut observer = world.database.observer().await;
        until(
            &mut observer,
            "select exists (select from wagrun.backfill where published > 0)",
        )
        .await;
        rename(&mut session, 1, "live").await;
        let beside = world.sweep().await.unwrap();
        assert_eq!((beside.published, beside.backfilled), (1, 0));
        assert!(beside.another_drainer);
        assert_eq!(pacing.await.unwrap().unwrap().backfilled, 250);
        // Two pauses of a second: the last slice has none after it.
        assert!(started.elapsed() >= Duration::from_secs(2));
        assert_each_in_order(&world.backfilled(), 250, 1);
    });
}
