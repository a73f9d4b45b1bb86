//! Replays: published events are published again, in slices between the live events.

use content_events::DrainReport;
use content_events::Invocation;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;
use wagrun_event::Event;

use crate::support::backfills::{as_replayed, publish_author_changes, requested_run};
use crate::support::drain_fixture::{
    DrainFixture, assert_each_in_order, insert_authors, insert_posts, rename, title,
};
use crate::support::fake_lambda::{FakeLambda, LambdaBehavior};
use crate::support::runtime::run;
use crate::support::sql::execute;

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

        // Both replays run within the five minutes in which SNS, and the fake, drop a repeated de-duplication id.
        for _ in 0..2 {
            let answer = fixture
                .invoke(json!({"replay": {"subject": "blog.author/1"}}))
                .await
                .unwrap();
            let run = requested_run(&answer);
            assert_eq!(
                (answer.backfilled, run.published, run.finished),
                (2, 2, true)
            );
            let expected: Vec<Event> = live
                .iter()
                .filter(|event| event.subject == "blog.author/1")
                .map(|event| as_replayed(event, run.id, None))
                .collect();
            let taken = fixture.topic.accepted();
            assert_eq!(taken[taken.len() - 2..], expected);
        }
        assert_eq!(fixture.topic.accepted().len(), live.len() + 4);
        assert_eq!(fixture.topic.duplicate_count(), 0);
    });
}

#[test]
fn a_replay_is_limited_by_time_type_and_subtree_and_names_its_subscriber() {
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
            let run = requested_run(&answer).id;
            let mut replayed = fixture.backfilled();
            replayed.retain(|event| event.backfill == Some(run));
            let expected: Vec<Event> = expected
                .iter()
                .map(|event| as_replayed(event, run, Some("search")))
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
        publish_author_changes(&fixture, &mut session, 1).await;
        let answer = fixture
            .invoke(json!({"replay": {"subject": "page/4711"}}))
            .await
            .unwrap();
        let run = requested_run(&answer);
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
        publish_author_changes(&fixture, &mut session, 250).await;
        fixture.database.set_lambda_endpoint(&lambda.endpoint).await;
        let replay = json!({"replay": {"type": "wagtail.author.*"}});
        let wake = Invocation::parse(&replay).unwrap();
        let answer = fixture.drainer.run(&wake, Instant::now()).await.unwrap();
        assert!(answer.rang_again && !requested_run(&answer).finished);
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
        assert_eq!(fixture.sweep().await.unwrap(), DrainReport::default());
    });
}

#[test]
fn a_refused_event_stops_its_run_and_neither_another_run_nor_a_live_event() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        publish_author_changes(&fixture, &mut session, 3).await;
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
                "backfill {id} cannot go on: 3 events were not published, the first of blog.author/1: \
                 InvalidParameter: not this one"
            )
        );
        assert_eq!(title(fixture.topic.accepted().last().unwrap()), "live");

        // Each invocation reports the failure, and publishes what it can.
        assert!(fixture.invoke(replay("healthy")).await.is_err());
        assert_eq!(fixture.backfilled().len(), 4);
        fixture.topic.recover();
        assert_eq!(fixture.sweep().await.unwrap().backfilled, 3);
        let mut replayed = fixture.backfilled();
        replayed.retain(|event| event.subscriber.as_deref() == Some("poisoned"));
        assert_eq!(replayed.len(), 3);
    });
}
