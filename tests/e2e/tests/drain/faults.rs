//! A drain that a refused event, a crash or a lost database interrupts.

use std::time::Duration;

use content_events::DrainError;
use content_events::Invocation;
use serde_json::json;
use uuid::Uuid;

use crate::support::drain_fixture::{
    DrainFixture, assert_each_in_order, insert_authors, insert_posts, pairs, pending, rename, title,
};
use crate::support::runtime::{in_a_minute, run};
use crate::support::sql::{execute, wait_until_no_lock_is_held};

#[test]
fn an_event_that_the_topic_refuses_holds_back_its_object_and_no_other() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 2).await;
        rename(&mut session, 1, "poison").await;
        rename(&mut session, 2, "fine").await;
        rename(&mut session, 1, "later").await;
        fixture.topic.refuse(|event| title(event) == "poison");

        let error = fixture.sweep().await.unwrap_err().to_string();
        assert!(
            error.starts_with("1 events were not published; first event ")
                && error.ends_with("(blog.author/1): InvalidParameter: not this one"),
            "{error}"
        );
        assert_eq!(fixture.titles(), pairs(&[("blog.author/2", "fine")]));
        let (failures, reason): (i32, String) =
            sqlx::query_as("select failures, last_error from wagrun.event where failures > 0")
                .fetch_one(&mut session)
                .await
                .unwrap();
        assert_eq!(
            (failures, reason.as_str()),
            (1, "InvalidParameter: not this one")
        );

        fixture.topic.recover();
        assert_eq!(fixture.sweep().await.unwrap().published, 2);
        assert_eq!(
            fixture.titles(),
            pairs(&[
                ("blog.author/2", "fine"),
                ("blog.author/1", "poison"),
                ("blog.author/1", "later")
            ])
        );
    });
}

#[test]
fn a_topic_that_takes_nothing_ends_the_run_after_one_batch() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 600).await;
        execute(&mut session, "update blog_author set name = '1'").await;
        fixture.topic.go_down();
        let error = fixture.sweep().await.unwrap_err();
        assert!(
            matches!(error, DrainError::Refused { count, .. } if count <= 390),
            "{error}"
        );
        fixture.topic.recover();
        assert_eq!(fixture.sweep().await.unwrap().published, 600);
        assert_each_in_order(&fixture.topic.accepted(), 600, 1);
    });
}

/// Were both pending, SNS could have forgotten the id of the first and still know the second. Then the first would arrive as the last.
#[test]
fn an_event_is_settled_before_the_next_one_of_its_object_is_published() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 1).await;
        rename(&mut session, 1, "first").await;
        rename(&mut session, 1, "second").await;
        // Less than the time after which accepted events are settled in any case.
        fixture.topic.delay(Duration::from_millis(200));
        let drainer = fixture.drainer.clone();
        let killed =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        fixture.topic.wait_for_batch().await;
        fixture.topic.swallow_answers();
        while fixture.topic.accepted().len() < 2 {
            fixture.topic.wait_for_batch().await;
        }
        killed.abort();
        assert!(killed.await.unwrap_err().is_cancelled());

        fixture.topic.recover();
        wait_until_no_lock_is_held(&mut session).await;
        assert_eq!(fixture.sweep().await.unwrap().published, 1);
        let repeated = fixture.topic.duplicates();
        let repeated: Vec<_> = repeated.iter().map(title).collect();
        assert_eq!(repeated, ["second"]);
    });
}

#[test]
fn a_drainer_killed_after_publishing_repeats_the_same_ids_and_keeps_the_order() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 3).await;
        for round in 1..=3 {
            for id in 1..=3 {
                rename(&mut session, id, &round.to_string()).await;
            }
        }
        fixture.topic.swallow_answers();
        let drainer = fixture.drainer.clone();
        let killed =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        fixture.topic.wait_for_batch().await;
        killed.abort();
        assert!(killed.await.unwrap_err().is_cancelled());
        assert_eq!(pending(&mut session).await, 9, "published, but not settled");

        fixture.topic.recover();
        wait_until_no_lock_is_held(&mut session).await;
        assert_eq!(fixture.sweep().await.unwrap().published, 9);
        assert_eq!(
            fixture.topic.duplicate_count(),
            3,
            "the topic dropped what it already had"
        );
        assert_each_in_order(&fixture.topic.accepted(), 3, 3);
    });
}

#[test]
fn a_database_that_goes_away_is_an_error_and_loses_nothing() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 1).await;
        rename(&mut session, 1, "1").await;
        fixture.topic.swallow_answers();
        let drainer = fixture.drainer.clone();
        let drain =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        fixture.topic.wait_for_batch().await;
        execute(
            &mut fixture.database.observer().await,
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and application_name like 'wagrun%'",
        )
        .await;
        let error = drain.await.unwrap().unwrap_err();
        assert!(
            matches!(error, DrainError::Outbox(_) | DrainError::Settle(_)),
            "{error}"
        );
        assert_eq!(pending(&mut session).await, 1);
        fixture.topic.recover();
        fixture.sweep().await.unwrap();
        assert_each_in_order(&fixture.topic.accepted(), 1, 1);
    });
}

#[test]
fn hundreds_of_refused_objects_do_not_hold_back_the_others() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 1_100).await;
        execute(
            &mut session,
            "update blog_author set name = case when id <= 1000 then 'poison' else 'fine' end",
        )
        .await;
        fixture.topic.refuse(|event| title(event) == "poison");
        let error = fixture.sweep().await.unwrap_err();
        assert!(
            matches!(error, DrainError::Refused { count: 1_000, .. }),
            "{error}"
        );
        assert_eq!(fixture.titles().len(), 100);
    });
}

#[test]
fn an_event_that_the_topic_refuses_three_times_is_set_apart_and_holds_back_nothing_more() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 1).await;
        rename(&mut session, 1, "poison").await;
        rename(&mut session, 1, "later").await;
        fixture.topic.refuse(|event| title(event) == "poison");
        for _ in 0..3 {
            fixture.sweep().await.unwrap_err();
        }
        assert_eq!(fixture.sweep().await.unwrap().published, 1);
        assert_eq!(fixture.titles(), pairs(&[("blog.author/1", "later")]));
        let (id, reason): (Uuid, String) = sqlx::query_as(
            "select id, last_error from wagrun.event where set_apart_at is not null and settled_at is null",
        )
        .fetch_one(&mut session)
        .await
        .unwrap();
        assert_eq!(reason, "InvalidParameter: not this one");

        // These are the operator's commands in the runbook.
        fixture.topic.recover();
        let answer = fixture
            .invoke(json!({"retry": id.to_string()}))
            .await
            .unwrap();
        assert_eq!((answer.retried, answer.published), (1, 1));
        let events = fixture.topic.accepted();
        assert_eq!(events[1].id, id);
        assert!(
            events[1].sequence < events[0].sequence,
            "it is old news by its number"
        );
        let error = fixture.invoke(json!({"discard": id.to_string()})).await;
        assert_eq!(
            error.unwrap_err().to_string(),
            format!("no event {id} is set apart")
        );
    });
}

/// Two transactions may change different rows of one page without waiting for each other.
#[test]
fn a_refused_event_is_published_before_a_change_that_was_captured_earlier_and_committed_later() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_posts(&mut session, 1).await;
        let mut slow = fixture.database.connect().await;
        execute(&mut slow, "begin; update blog_blogpage set intro = 'slow'").await;
        execute(
            &mut session,
            "update wagtailcore_page set title = 'quick' where slug = 'p1'",
        )
        .await;
        fixture.topic.refuse(|_| true);
        fixture.sweep().await.unwrap_err();
        execute(&mut slow, "commit").await;
        fixture.topic.recover();
        assert_eq!(fixture.sweep().await.unwrap().published, 2);
        let changed: Vec<_> = fixture
            .topic
            .accepted()
            .iter()
            .map(|event| (event.sequence.clone(), event.data["changed"].clone()))
            .collect();
        assert_eq!(
            (&changed[0].1, &changed[1].1),
            (&json!(["title"]), &json!(["intro"]))
        );
        assert!(changed[0].0 < changed[1].0);
    });
}
