//! The outbox rows that the triggers write, statement by statement.

use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::outbox_rows::{event_count, event_states, insert_post};
use crate::support::runtime::run;
use crate::support::sql::{claim_all_changes, execute};

#[test]
fn a_commit_that_touches_a_page_several_times_is_one_row_with_the_first_old_and_the_last_new_state()
{
    run(async {
        let mut session = Database::new().await.connect().await;
        execute(
            &mut session,
            "begin;
             update wagtailcore_page set title = 'one' where id = 3;
             update home_homepage set introduction = '<p>long</p>' where page_ptr_id = 3;
             update wagtailcore_page set title = 'two', search_description = 'long as well' where id = 3;
             commit",
        )
        .await;
        let rows = event_states(&mut session, "page/3").await;
        assert_eq!(rows.len(), 1);
        let (before, after, mut changed) = rows[0].clone();
        assert_eq!(
            (&before["title"], &after["title"]),
            (&json!("Home"), &json!("two"))
        );
        changed.sort();
        assert_eq!(changed, ["introduction", "search_description"]);
        assert_eq!(
            after.get("search_description"),
            None,
            "of a large field only the name is captured"
        );
        assert_eq!(after.get("numchild"), None, "bookkeeping is not captured");
    });
}

#[test]
fn a_new_page_and_its_subclass_row_are_one_row() {
    run(async {
        let mut session = Database::new().await.connect().await;
        execute(&mut session, "begin").await;
        let id = insert_post(&mut session, "new").await;
        execute(&mut session, "commit").await;
        let rows = event_states(&mut session, &format!("page/{id}")).await;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].0, Value::Null);
        assert_eq!(rows[0].1["url_path"], "/home/new/");
        assert_eq!(rows[0].1["date"], "2026-01-01");
    });
}

#[test]
fn a_change_of_a_subclass_row_alone_is_a_change_of_its_page() {
    run(async {
        let mut session = Database::new().await.connect().await;
        let id = insert_post(&mut session, "post").await;
        execute(
            &mut session,
            &format!("update blog_blogpage set body = '[1]' where page_ptr_id = {id}"),
        )
        .await;
        let rows = event_states(&mut session, &format!("page/{id}")).await;
        let (before, after, changed) = rows.last().unwrap();
        assert_eq!(changed, &["body"]);
        assert_eq!(before, after, "the page's own row did not change");
        assert_eq!(after["title"], "post");
    });
}

#[test]
fn a_change_of_an_inline_child_is_a_change_of_its_parents_field() {
    run(async {
        let mut session = Database::new().await.connect().await;
        let id = insert_post(&mut session, "post").await;
        execute(
            &mut session,
            &format!("insert into blog_relatedlink (page_id, title, url, sort_order) values ({id}, 'Other', 'https://x', 1)"),
        )
        .await;
        let rows = event_states(&mut session, &format!("page/{id}")).await;
        let (_, after, changed) = rows.last().unwrap();
        assert_eq!(changed, &["related_links"]);
        assert_eq!(after["title"], "post", "the link's title is not the page's");
    });
}

#[test]
fn no_op_updates_and_bookkeeping_leave_nothing() {
    run(async {
        let mut session = Database::new().await.connect().await;
        execute(
            &mut session,
            "update wagtailcore_page set title = title;
             update wagtailcore_page set numchild = numchild + 1;
             update home_homepage set introduction = introduction",
        )
        .await;
        assert_eq!(event_count(&mut session).await, 0);
    });
}

#[test]
fn a_rollback_leaves_nothing() {
    run(async {
        let mut session = Database::new().await.connect().await;
        execute(
            &mut session,
            "begin; update wagtailcore_page set title = 'gone' where id = 3; rollback;
             begin;
             savepoint before; update wagtailcore_page set title = 'gone too' where id = 3; rollback to before;
             commit",
        )
        .await;
        assert_eq!(event_count(&mut session).await, 0);
    });
}

#[test]
fn capture_can_be_muted_for_one_transaction() {
    run(async {
        let mut session = Database::new().await.connect().await;
        execute(
            &mut session,
            "begin; set local wagrun.capture = 'off'; update wagtailcore_page set title = 'bulk'; commit;
             update wagtailcore_page set title = 'heard' where id = 3",
        )
        .await;
        let rows = event_states(&mut session, "page/3").await;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].0["title"], "bulk");
    });
}

#[test]
fn truncating_deletes_every_object() {
    run(async {
        let mut session = Database::new().await.connect().await;
        execute(
            &mut session,
            "insert into blog_author (name, bio) values ('Ann', ''), ('Bob', '');
             truncate blog_author cascade",
        )
        .await;
        let rows = event_states(&mut session, "blog.author/2").await;
        assert_eq!(rows.len(), 2);
        assert_eq!(
            (&rows[1].0["name"], &rows[1].1),
            (&json!("Bob"), &Value::Null)
        );
    });
}

/// The captured changes of a transaction must not make its next statement slower.
#[test]
fn what_is_captured_grows_with_the_statements_and_not_with_the_rows_before() {
    run(async {
        let mut session = Database::new().await.connect().await;
        let id = insert_post(&mut session, "post").await;
        claim_all_changes(&mut session).await;
        execute(
            &mut session,
            &format!(
                "begin;
                 insert into blog_relatedlink (page_id, title, url, sort_order)
                     select {id}, 'Other', 'https://x', n from generate_series(1, 10000) as n;
                 update blog_blogpage set body = '[1]' where page_ptr_id = {id};
                 update blog_blogpage set body = '[2]' where page_ptr_id = {id};
                 update blog_blogpage set body = '[3]' where page_ptr_id = {id};
                 commit"
            ),
        )
        .await;
        let captured: (i64, i64) = sqlx::query_as(
            "select count(*), max((select count(*) from jsonb_object_keys(changed)))
             from wagrun.outbox where not ends",
        )
        .fetch_one(&mut session)
        .await
        .unwrap();
        assert_eq!(captured, (4, 1));
        let mut events = event_states(&mut session, &format!("page/{id}")).await;
        let (_, _, mut changed) = events.pop().unwrap();
        changed.sort();
        assert_eq!(changed, ["body", "related_links"]);
    });
}
