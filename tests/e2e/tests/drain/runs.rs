//! A drain from beginning to end.

use content_events::Invocation;
use serde_json::json;
use tokio::time::Instant;
use wagrun_database::schema;

use crate::support::drain_fixture::{
    DrainFixture, assert_each_in_order, insert_authors, pairs, pending, rename,
};
use crate::support::fake_lambda::{FakeLambda, LambdaBehavior};
use crate::support::runtime::{in_a_minute, run};
use crate::support::sql::{execute, wait_until_true};
use crate::support::watched_tables::snippet_table;

#[test]
fn a_drain_publishes_what_is_committed_and_leaves_no_connection() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 1).await;
        rename(&mut session, 1, "Ann").await;
        execute(&mut session, "begin; update blog_author set name = 'Eve'; update blog_author set name = 'Ann'; commit").await;
        let answer = fixture.sweep().await.unwrap();
        assert_eq!((answer.published, answer.nothing), (1, 1));
        assert_eq!(fixture.titles(), pairs(&[("blog.author/1", "Ann")]));
        assert_eq!(pending(&mut session).await, 0);
        let mut observer = fixture.database.observer().await;
        // The server takes a moment to end a session that was closed.
        wait_until_true(
            &mut observer,
            "select not exists (select from pg_stat_activity
             where datname = current_database() and application_name like 'wagrun%')",
        )
        .await;
        let slots: i64 = sqlx::query_scalar("select count(*) from pg_replication_slots")
            .fetch_one(&mut observer)
            .await
            .unwrap();
        assert_eq!(slots, 0);
    });
}

#[test]
fn keys_and_columns_of_any_kind_are_drained() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        execute(
            &mut session,
            "create table shop_note (id text primary key, title text, content_type_id text, locale_id text,
                                     live_revision_id text, owner_id text)",
        )
        .await;
        let table = snippet_table("shop_note", "shop.note");
        schema::watch_tables(&mut session, &[table], in_a_minute())
            .await
            .unwrap();
        execute(
            &mut session,
            "set wagrun.editor = 'nobody';\n\
             insert into shop_note values ('ä b', 'Note', 'x', 'de', 'soon', 'somebody')",
        )
        .await;
        assert_eq!(fixture.sweep().await.unwrap().published, 1);
        let event = &fixture.topic.accepted()[0];
        assert_eq!(event.subject, "shop.note/ä b");
        assert_eq!(event.data["id"], "ä b");
        assert_eq!(
            event.data["editor"],
            json!({"id": "nobody", "username": null})
        );
    });
}

#[test]
fn history_is_removed_after_its_days_and_pending_rows_never() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 2).await;
        rename(&mut session, 1, "old").await;
        fixture.sweep().await.unwrap();
        execute(
            &mut session,
            "update wagrun.event set settled_at = now() - interval '31 days'",
        )
        .await;
        rename(&mut session, 2, "new").await;
        assert_eq!(fixture.sweep().await.unwrap().removed, 1);
        let left: Vec<String> = sqlx::query_scalar("select object from wagrun.event")
            .fetch_all(&mut session)
            .await
            .unwrap();
        assert_eq!(left, ["blog.author/2"]);
    });
}

#[test]
fn a_backlog_longer_than_the_time_is_taken_up_by_the_next_ring() {
    run(async {
        let fixture = DrainFixture::new().await;
        let lambda = FakeLambda::start(LambdaBehavior::Accepts).await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 600).await;
        execute(&mut session, "update blog_author set name = '1'").await;
        fixture.database.set_lambda_endpoint(&lambda.endpoint).await;
        let answer = fixture
            .drainer
            .run(&Invocation::Sweep, Instant::now())
            .await
            .unwrap();
        // Batches in flight at the deadline are settled, so that the next run continues after them.
        assert!(
            answer.rang_again && (1..600).contains(&answer.published),
            "{answer:?}"
        );
        assert_eq!(lambda.calls().len(), 1);
        let rest = fixture.sweep().await.unwrap().published;
        assert_eq!(answer.published + rest, 600);
        assert_each_in_order(&fixture.topic.accepted(), 600, 1);
    });
}
