//! A drain from beginning to end.

use super::*;

#[test]
fn a_drain_publishes_what_is_committed_and_leaves_no_connection() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 1).await;
        rename(&mut session, 1, "Ann").await;
        execute(&mut session, "begin; update blog_author set name = 'Eve'; update blog_author set name = 'Ann'; commit").await;
        let answer = world.sweep().await.unwrap();
        assert_eq!((answer.published, answer.nothing), (1, 1));
        assert_eq!(world.titles(), pairs(&[("blog.author/1", "Ann")]));
        assert_eq!(pending(&mut session).await, 0);
        let mut observer = world.database.observer().await;
        // The server takes a moment to end a session that was closed.
        until(
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
        let world = World::new().await;
        let mut session = world.database.connect().await;
        execute(
            &mut session,
            "create table shop_note (id text primary key, title text, content_type_id text, locale_id text,
                                     live_revision_id text, owner_id text)",
        )
        .await;
        let table = snippet_table("shop_note", "shop.note");
        schema::watch_tables(&mut session, &[table], soon())
            .await
            .unwrap();
        execute(
            &mut session,
            "set wagrun.editor = 'nobody';\n\
             insert into shop_note values ('ä b', 'Note', 'x', 'de', 'soon', 'somebody')",
        )
        .await;
        assert_eq!(world.sweep().await.unwrap().published, 1);
        let event = &world.topic.taken()[0];
        assert_eq!(event.subject, "shop.note/ä b");
        assert_eq!(event.data["id"], "ä b");
        assert_eq!(
            event.data["editor"],
            json!({"id": "nobody", "username": null})
        );
    });
}

#[test]
fn the_audit_log_names_who_did_it_and_not_who_edited_just_before() {
    run(async {
        // How long before the change the audit log was written, and whether that was it.
        for (change, milliseconds, expected) in [
            (
                "update wagtailcore_page set title = 'New' where slug = 'p1'",
                500,
                Value::Null,
            ),
            (
                "update wagtailcore_page set title = 'New' where slug = 'p1'",
                50,
                json!({"id": 1, "username": "anna"}),
            ),
            (
                "delete from blog_blogpage; delete from wagtailcore_page where slug = 'p1'",
                500,
                json!({"id": 1, "username": "anna"}),
            ),
        ] {
            let world = World::new().await;
            let mut session = world.database.connect().await;
            pages(&mut session, 1).await;
            execute(
                &mut session,
                "insert into auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
                 values (1, '', true, 'anna', '', '', '', true, true, now())",
            )
            .await;
            execute(
                &mut session,
                &format!(
                    "begin;
                     insert into wagtailcore_pagelogentry
                         (label, action, data, timestamp, content_changed, deleted, content_type_id, page_id, user_id)
                     select 'Post', 'wagtail.publish', '{{}}', clock_timestamp() - interval '{milliseconds} milliseconds', true, false,
                         content_type_id, id, 1
                     from wagtailcore_page where slug = 'p1';
                     {change};
                     commit"
                ),
            )
            .await;
            assert_eq!(world.sweep().await.unwrap().published, 1);
            let event = &world.topic.taken()[0];
            assert_eq!(
                event.data["editor"], expected,
                "{milliseconds} ms before: {change}"
            );
        }
    });
}

#[test]
fn history_is_removed_after_its_days_and_pending_rows_never() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 2).await;
        rename(&mut session, 1, "old").await;
        world.sweep().await.unwrap();
        execute(
            &mut session,
            "update wagrun.event set settled_at = now() - interval '31 days'",
        )
        .await;
        rename(&mut session, 2, "new").await;
        assert_eq!(world.sweep().await.unwrap().removed, 1);
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
        let world = World::new().await;
        let lambda = FakeLambda::start(Mood::Accepting).await;
        let mut session = world.database.connect().await;
        authors(&mut session, 600).await;
        execute(&mut session, "update blog_author set name = '1'").await;
        world.database.set_lambda_endpoint(&lambda.endpoint).await;
        let answer = world
            .drainer
            .run(&Invocation::Sweep, Instant::now())
            .await
            .unwrap();
        // What is in flight when the time is over is settled, so that the next one begins where this one stopped.
        assert!(
            answer.rang_again && (1..600).contains(&answer.published),
            "{answer:?}"
        );
        assert_eq!(lambda.calls().len(), 1);
        let rest = world.sweep().await.unwrap().published;
        assert_eq!(answer.published + rest, 600);
        assert_each_in_order(&world.topic.taken(), 600, 1);
    });
}
