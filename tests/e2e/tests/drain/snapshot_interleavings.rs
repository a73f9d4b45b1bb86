//! Snapshots beside live events: no object is ever published with an older state than before.

use std::collections::HashMap;

use content_events::DrainError;
use content_events::Invocation;
use serde_json::json;
use sqlx::PgConnection;

use crate::support::backfills::{open_backfill, page_and_author_snapshot, subjects};
use crate::support::drain_fixture::{
    DrainFixture, insert_authors, insert_posts, pairs, rename, take_standby_lock, title,
};
use crate::support::runtime::{in_a_minute, run};
use crate::support::sql::{execute, wait_until_no_lock_is_held, wait_until_true};

#[test]
fn a_live_change_between_slices_comes_last() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 250).await;
        open_backfill(&fixture, &page_and_author_snapshot()).await;
        fixture.publish_slice().await;
        // The snapshot has published the first of these authors, but not the second.
        rename(&mut session, 1, "later").await;
        rename(&mut session, 249, "later").await;
        fixture.sweep().await.unwrap();
        let of = |subject: &str| -> Vec<(String, String)> {
            let mut events = fixture.topic.accepted();
            events.retain(|event| event.subject == subject);
            assert!(
                events
                    .windows(2)
                    .all(|pair| pair[0].sequence < pair[1].sequence),
                "{events:?}"
            );
            let seen = events
                .iter()
                .map(|event| (event.kind.clone(), title(event)));
            seen.collect()
        };
        let (shown, updated) = ("wagtail.author.snapshot", "wagtail.author.updated");
        assert_eq!(
            of("blog.author/1"),
            pairs(&[(shown, "author"), (updated, "later")])
        );
        assert_eq!(
            of("blog.author/249"),
            pairs(&[(updated, "later"), (shown, "later")])
        );
    });
}

/// A slice shows one moment. A commit while it is read is not in it, and its event follows.
#[test]
fn commits_during_a_slice_follow_it_with_their_own_states() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_posts(&mut session, 1).await;
        execute(
            &mut session,
            "alter function wagrun.present_state set lock_timeout = '1min'",
        )
        .await;
        // The slice waits for a part of the page, while the page's own row can change.
        let mut keeper = fixture.database.connect().await;
        execute(&mut keeper, "begin; lock table blog_blogpage").await;
        let drainer = fixture.drainer.clone();
        let wake = Invocation::parse(&page_and_author_snapshot()).unwrap();
        let slice = tokio::spawn(async move { drainer.run(&wake, in_a_minute()).await });
        wait_until_true(
            &mut fixture.database.observer().await,
            "select exists (select from pg_stat_activity where datname = current_database()
                and wait_event_type = 'Lock' and application_name like 'wagrun%')",
        )
        .await;
        take_standby_lock(&mut keeper).await;
        for name in ["first", "second"] {
            let retitle = format!("update wagtailcore_page set title = '{name}' where slug = 'p1'");
            execute(&mut session, &retitle).await;
            let late = fixture.sweep().await.unwrap();
            assert!(late.another_drainer && late.published == 0, "{late:?}");
        }
        execute(&mut keeper, "rollback").await;
        assert_eq!(slice.await.unwrap().unwrap().published, 2);

        let mut events = fixture.topic.accepted();
        events.retain(|event| event.data["slug"] == "p1");
        let titles: Vec<_> = events.iter().map(title).collect();
        assert_eq!(titles, ["Post 1", "first", "second"]);
        assert!(events.is_sorted_by(|one, next| one.sequence < next.sequence));
    });
}

#[test]
fn a_migration_that_holds_a_table_holds_its_backfill_and_no_live_event() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_posts(&mut session, 1).await;
        let mut keeper = fixture.database.connect().await;
        execute(&mut keeper, "begin; lock table blog_blogpage").await;
        execute(
            &mut session,
            "update wagtailcore_page set title = 'live' where slug = 'p1'",
        )
        .await;
        let error = fixture
            .invoke(page_and_author_snapshot())
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("canceling statement due to lock timeout"),
            "{error}"
        );
        assert_eq!(fixture.topic.accepted().len(), 1);
        execute(&mut keeper, "rollback").await;
        assert_eq!(fixture.sweep().await.unwrap().backfilled, 3);
    });
}

/// In every interleaving, the state that a receiver has of an object never becomes older.
#[test]
fn while_content_changes_no_object_shows_an_older_state() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 10).await;
        execute(
            &mut session,
            "begin; set local wagrun.capture = 'off'; update blog_author set name = '0'; commit",
        )
        .await;
        // With few objects and many slices, most slices read rows that are being changed.
        let runs = 20;
        for run in 0..runs {
            let snapshot = json!({"subscriber": format!("s{run}"), "types": ["wagtail.author.*"]});
            open_backfill(&fixture, &json!({"snapshot": snapshot})).await;
        }
        let mut tasks = Vec::new();
        for writer in 0..4 {
            let mut session = fixture.database.connect().await;
            let drainer = fixture.drainer.clone();
            tasks.push(tokio::spawn(async move {
                while is_open(&mut session).await {
                    for id in [1, 1 + writer, 10] {
                        let increment = format!(
                            "update blog_author set name = (name::integer + 1)::text where id = {id}"
                        );
                        execute(&mut session, &increment).await;
                        // The drainers of the first two writers find the changes of the other two.
                        if writer < 2 {
                            drainer.run(&Invocation::Sweep, in_a_minute()).await.unwrap();
                        }
                    }
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        fixture.sweep().await.unwrap();

        let mut held: HashMap<String, (String, i32)> = HashMap::new();
        let mut shown = 0;
        for event in fixture.topic.accepted() {
            let round: i32 = title(&event).parse().unwrap();
            shown += usize::from(event.is_snapshot());
            if let Some((sequence, state)) = held.get(&event.subject) {
                assert!(*sequence < event.sequence, "{event:?}");
                assert!(*state <= round, "{event:?} after {state}");
            }
            held.insert(event.subject, (event.sequence, round));
        }
        assert_eq!(shown, 10 * runs);
        let names: Vec<(i32, String)> = sqlx::query_as("select id::integer, name from blog_author")
            .fetch_all(&mut session)
            .await
            .unwrap();
        for (id, name) in names {
            assert_eq!(held[&format!("blog.author/{id}")].1.to_string(), name);
        }
    });
}

async fn is_open(session: &mut PgConnection) -> bool {
    sqlx::query_scalar("select exists (select from wagrun.backfill where finished_at is null)")
        .fetch_one(session)
        .await
        .unwrap()
}

#[test]
fn a_snapshot_sends_an_object_only_after_its_own_refused_event() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 3).await;
        fixture
            .topic
            .refuse(|event| title(event) == "poison" && event.backfill.is_none());
        rename(&mut session, 2, "poison").await;
        rename(&mut session, 3, "fine").await;
        let error = fixture
            .invoke(page_and_author_snapshot())
            .await
            .unwrap_err();
        assert!(
            matches!(error, DrainError::Refused { count: 1, .. }),
            "{error}"
        );
        assert_eq!(
            subjects(&fixture.topic.accepted()),
            ["blog.author/3", "blog.author/1"],
            "its state would be in front of its own event"
        );
        fixture.topic.recover();
        let answer = fixture.sweep().await.unwrap();
        assert_eq!((answer.published, answer.backfilled), (1, 4));
        assert_eq!(
            subjects(&fixture.topic.accepted()),
            [
                "blog.author/3",
                "blog.author/1",
                "blog.author/2",
                "blog.author/2",
                "blog.author/3",
                "page/1",
                "page/3"
            ]
        );
    });
}

#[test]
fn a_crash_repeats_a_slice_under_the_same_ids() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 150).await;
        open_backfill(&fixture, &page_and_author_snapshot()).await;
        fixture.topic.swallow_answers();
        let drainer = fixture.drainer.clone();
        let killed =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        fixture.topic.wait_for_batch().await;
        killed.abort();
        assert!(killed.await.unwrap_err().is_cancelled());
        fixture.topic.recover();
        wait_until_no_lock_is_held(&mut session).await;

        assert_eq!(fixture.sweep().await.unwrap().backfilled, 150 + 2);
        assert!(
            fixture.topic.duplicate_count() > 0,
            "the crash came after something"
        );
        let taken = fixture.topic.accepted();
        let mut unique = subjects(&taken);
        unique.sort_unstable();
        unique.dedup();
        assert_eq!((unique.len(), taken.len()), (152, 152));
    });
}

#[test]
fn two_snapshots_at_once_are_both_complete() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 120).await;
        for subscriber in ["search", "mirror"] {
            let mut request = page_and_author_snapshot();
            request["snapshot"]["subscriber"] = json!(subscriber);
            open_backfill(&fixture, &request).await;
        }
        let beside = [fixture.drainer.clone(), fixture.drainer.clone()].map(|drainer| {
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await })
        });
        for task in beside {
            task.await.unwrap().unwrap();
        }
        for subscriber in ["search", "mirror"] {
            let mut shown = fixture.topic.accepted();
            shown.retain(|event| event.subscriber.as_deref() == Some(subscriber));
            assert_eq!(shown.len(), 122, "{subscriber}");
        }
        assert_eq!(fixture.topic.duplicate_count(), 0);
    });
}
