//! Replays: what was published is published again, in slices between the live events.

use std::time::Duration;

use content_events::drain::{Answer, Requested};
use content_events::wake::Wake;
use serde_json::json;
use sqlx::PgConnection;
use tokio::time::Instant;
use uuid::Uuid;
use wagrun_event::Event;

use crate::support::drain_fixture::{
    DrainFixture, assert_each_in_order, insert_authors, insert_posts, rename, title,
};
use crate::support::fake_lambda::{FakeLambda, LambdaBehavior};
use crate::support::runtime::{in_a_minute, run};
use crate::support::sql::{execute, wait_until_no_lock_is_held, wait_until_true};

fn requested(answer: &Answer) -> &Requested {
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
async fn published(fixture: &DrainFixture, session: &mut PgConnection, count: i32) {
    insert_authors(session, count).await;
    execute(session, "update blog_author set name = '1'").await;
    fixture.sweep().await.unwrap();
}

#[test]
fn a_replay_repeats_what_it_is_asked_for_with_the_same_ids_and_in_order() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 2).await;
        for name in ["1", "2"] {
            rename(&mut session, 1, name).await;
            rename(&mut session, 2, name).await;
        }
        fixture.sweep().await.unwrap();
        let live = fixture.topic.accepted();

        // At once: SNS drops the same de-duplication id for five minutes, and so does the fake.
        for _ in 0..2 {
            let answer = fixture
                .invoke(json!({"replay": {"subject": "blog.author/1"}}))
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
            let taken = fixture.topic.accepted();
            assert_eq!(taken[taken.len() - 2..], expected);
        }
        assert_eq!(fixture.topic.accepted().len(), live.len() + 4);
        assert_eq!(fixture.topic.duplicate_count(), 0);
    });
}

#[test]
fn time_type_and_subtree_choose_and_a_subscriber_is_named() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 1).await;
        insert_posts(&mut session, 2).await;
        rename(&mut session, 1, "Ann").await;
        execute(
            &mut session,
            "update wagtailcore_page set title = 'New' where slug in ('home', 'p1')",
        )
        .await;
        execute(&mut session, "delete from blog_author").await;
        fixture.sweep().await.unwrap();
        let live = fixture.topic.accepted();
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
            let answer = fixture.invoke(json!({"replay": chosen})).await.unwrap();
            let run = requested(&answer).id;
            let mut replayed = fixture.backfilled();
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
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        published(&fixture, &mut session, 1).await;
        let answer = fixture
            .invoke(json!({"replay": {"subject": "page/4711"}}))
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
        let fixture = DrainFixture::new().await;
        let lambda = FakeLambda::start(LambdaBehavior::Accepts).await;
        let mut session = fixture.database.connect().await;
        published(&fixture, &mut session, 250).await;
        fixture.database.set_lambda_endpoint(&lambda.endpoint).await;
        let replay = json!({"replay": {"type": "wagtail.author.*"}});
        let wake = Wake::parse(&replay).unwrap();
        let answer = fixture.drainer.run(&wake, Instant::now()).await.unwrap();
        assert!(answer.rang_again && !requested(&answer).finished);
        assert_eq!(lambda.calls().len(), 1, "the next invocation is rung for");

        assert_eq!(fixture.publish_slice().await.backfilled, 100);
        rename(&mut session, 250, "live").await;
        let before = fixture.topic.accepted().len();
        assert_eq!(fixture.sweep().await.unwrap().backfilled, 150);
        let taken = fixture.topic.accepted();
        assert_eq!(title(&taken[before]), "live");
        assert_eq!(taken[before].backfill, None);

        let replayed = fixture.backfilled();
        assert_each_in_order(&replayed, 250, 1);
        assert_eq!(fixture.sweep().await.unwrap(), Answer::default());
    });
}

#[test]
fn a_crash_between_publishing_and_keeping_the_cursor_repeats_a_slice_under_the_same_ids() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        published(&fixture, &mut session, 150).await;
        let replay = json!({"replay": {"type": "wagtail.author.*"}});
        let wake = Wake::parse(&replay).unwrap();
        fixture.drainer.run(&wake, Instant::now()).await.unwrap();

        // What has arrived so far is not what is waited for.
        fixture.topic.wait_for_batch().await;
        fixture.topic.swallow_answers();
        let drainer = fixture.drainer.clone();
        let killed = tokio::spawn(async move { drainer.run(&Wake::Sweep, in_a_minute()).await });
        fixture.topic.wait_for_batch().await;
        killed.abort();
        assert!(killed.await.unwrap_err().is_cancelled());
        fixture.topic.recover();
        wait_until_no_lock_is_held(&mut session).await;

        assert_eq!(fixture.sweep().await.unwrap().backfilled, 150);
        assert!(
            fixture.topic.duplicate_count() > 0,
            "the crash came after something"
        );
        assert_each_in_order(&fixture.backfilled(), 150, 1);
    });
}

#[test]
fn what_the_topic_refuses_stops_its_run_and_neither_another_nor_a_live_event() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        published(&fixture, &mut session, 3).await;
        fixture
            .topic
            .refuse(|event| event.subscriber.as_deref() == Some("poisoned"));
        let replay = |subscriber: &str| json!({"replay": {"type": "*", "subscriber": subscriber}});
        rename(&mut session, 1, "live").await;
        let error = fixture
            .invoke(replay("poisoned"))
            .await
            .unwrap_err()
            .to_string();
        let id: Uuid = sqlx::query_scalar("select id from wagrun.backfill")
            .fetch_one(&mut session)
            .await
            .unwrap();
        assert_eq!(
            error,
            format!(
                "backfill {id} can't go on: 3 events were not published, the first of blog.author/1: \
                 InvalidParameter: not this one"
            )
        );
        assert_eq!(title(fixture.topic.accepted().last().unwrap()), "live");

        // Each invocation fails for it, and does what it can.
        assert!(fixture.invoke(replay("healthy")).await.is_err());
        assert_eq!(fixture.backfilled().len(), 4);
        fixture.topic.recover();
        assert_eq!(fixture.sweep().await.unwrap().backfilled, 3);
        let mut replayed = fixture.backfilled();
        replayed.retain(|event| event.subscriber.as_deref() == Some("poisoned"));
        assert_eq!(replayed.len(), 3);
    });
}

#[test]
fn the_same_request_is_the_same_run_until_that_is_done() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        published(&fixture, &mut session, 1).await;
        let replay = json!({"replay": {"type": "*"}});
        let wake = Wake::parse(&replay).unwrap();
        let mut runs = Vec::new();
        for stop_at in [Instant::now(), in_a_minute(), in_a_minute()] {
            let answer = fixture.drainer.run(&wake, stop_at).await.unwrap();
            runs.push((requested(&answer).id, requested(&answer).finished));
        }
        assert_eq!((runs[0].0, runs[1].1), (runs[1].0, true));
        assert_ne!(runs[1].0, runs[2].0);
    });
}

#[test]
fn a_cancelled_run_publishes_no_more() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        published(&fixture, &mut session, 150).await;
        let wake = Wake::parse(&json!({"replay": {"type": "*"}})).unwrap();
        let answer = fixture.drainer.run(&wake, Instant::now()).await.unwrap();
        let id = requested(&answer).id;
        fixture.publish_slice().await;
        let answer = fixture.invoke(json!({"cancel": id})).await.unwrap();
        assert_eq!(
            requested(&answer),
            &Requested {
                id,
                published: 100,
                finished: true
            }
        );
        assert_eq!(fixture.sweep().await.unwrap().backfilled, 0);
        let error = fixture.invoke(json!({"cancel": id})).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cancel: no backfill {id} is under way")
        );
    });
}

#[test]
fn runs_take_turns_whatever_their_length() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        published(&fixture, &mut session, 250).await;
        for subscriber in ["first", "second"] {
            let replay = json!({"replay": {"type": "*", "subscriber": subscriber}});
            let wake = Wake::parse(&replay).unwrap();
            fixture.drainer.run(&wake, Instant::now()).await.unwrap();
        }
        fixture.sweep().await.unwrap();
        let mut turns: Vec<String> = fixture
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
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        published(&fixture, &mut session, 250).await;
        let wake = Wake::parse(&json!({"replay": {"type": "*"}})).unwrap();
        fixture.drainer.run(&wake, Instant::now()).await.unwrap();
        let started = Instant::now();
        let drainer = fixture.drainer.clone();
        let pacing = tokio::spawn(async move { drainer.run(&Wake::Sweep, in_a_minute()).await });
        let mut observer = fixture.database.observer().await;
        wait_until_true(
            &mut observer,
            "select exists (select from wagrun.backfill where published > 0)",
        )
        .await;
        rename(&mut session, 1, "live").await;
        let beside = fixture.sweep().await.unwrap();
        assert_eq!((beside.published, beside.backfilled), (1, 0));
        assert!(beside.another_drainer);
        assert_eq!(pacing.await.unwrap().unwrap().backfilled, 250);
        // Two pauses of a second: the last slice has none after it.
        assert!(started.elapsed() >= Duration::from_secs(2));
        assert_each_in_order(&fixture.backfilled(), 250, 1);
    });
}
