//! Rows that cannot be read or published as they are: their events are incomplete or set apart, and the others are published.

use serde_json::{Value, json};
use wagrun_database::{outbox, schema};

use crate::support::relayed_site::RelayedSite;
use crate::support::runtime::{in_a_minute, run};
use crate::support::sql::{claim_all_changes, execute};
use crate::support::watched_tables::{snippet_table, watch_notes, watch_snippets};

#[test]
fn a_change_without_an_object_is_set_apart_and_the_others_are_published() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "create table note (id int primary key, title text)",
        )
        .await;
        let tables = [
            snippet_table("note", "shop.note"),
            snippet_table("blog_author", "blog.author"),
        ];
        schema::watch_tables(&mut session, &tables, in_a_minute())
            .await
            .unwrap();
        execute(
            &mut session,
            "insert into note values (1, 'Before');\n\
             alter table note drop column id;\n\
             update note set title = 'Nameless';\n\
             insert into blog_author (name, bio) values ('Fine', '')",
        )
        .await;
        assert_eq!(site.sweep().await.unwrap().published, 2);
        let (object, reason): (String, String) = sqlx::query_as(
            "select object, last_error from wagrun.event where set_apart_at is not null",
        )
        .fetch_one(&mut session)
        .await
        .unwrap();
        assert_eq!(object, "shop.note/?");
        assert_eq!(reason, "column id with the object's key is gone");
        assert!(
            site.database
                .server_log()
                .contains("wagrun capture of a row of public.note failed: column id")
        );
    });
}

#[test]
fn a_value_that_is_nested_too_deeply_leaves_its_event_incomplete_and_stops_nothing() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        watch_snippets(
            &mut session,
            "note",
            "id int primary key, title text, deep jsonb",
        )
        .await;
        execute(
            &mut session,
            "insert into note values (1, 'Deep', (repeat('[', 200) || repeat(']', 200))::jsonb), (2, 'Flat', '[]')",
        )
        .await;
        assert_eq!(site.sweep().await.unwrap().published, 2);
        let deep = &site.events("shop.note/1")[0].data;
        assert_eq!(
            (&deep["title"], &deep["fields"]["deep"]),
            (&json!("Deep"), &Value::Null)
        );
        assert_eq!(deep["incomplete"], true);
        assert_eq!(site.events("shop.note/2")[0].data.get("incomplete"), None);

        // The update that corrects the value and a snapshot work too, although the state before is as bad.
        execute(
            &mut session,
            "update note set title = 'Still deep' where id = 1",
        )
        .await;
        execute(&mut session, "update note set deep = '[]' where id = 1").await;
        assert_eq!(site.sweep().await.unwrap().published, 2);
        let events = site.events("shop.note/1");
        assert_eq!(events[2].data["fields"]["deep"], json!([]));
        execute(
            &mut session,
            "update note set deep = (repeat('[', 200) || repeat(']', 200))::jsonb where id = 2",
        )
        .await;
        let answer = site
            .invoke(json!({"snapshot": {"subscriber": "search", "types": ["wagtail.note.*"]}}))
            .await;
        assert_eq!(answer.unwrap().backfilled, 2);
    });
}

/// A batch is limited by bytes as well, so that it fits in memory.
#[test]
fn large_rows_are_read_a_few_at_a_time() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        watch_snippets(&mut session, "note", "id int primary key, title text").await;
        execute(
            &mut session,
            "insert into note select n, repeat(md5(n::text), 10000) from generate_series(1, 60) as n",
        )
        .await;
        claim_all_changes(&mut session).await;
        let reference = outbox::Reference::load(&mut session).await.unwrap();
        let batch = outbox::pending(&mut session, 0, &reference.names)
            .await
            .unwrap();
        assert!(
            (10..18).contains(&batch.changes.len()),
            "{} rows of 320 kB",
            batch.changes.len()
        );
        assert!(!batch.is_last);
        assert_eq!(site.sweep().await.unwrap().published, 60);
        assert_eq!(site.events("shop.note/60")[0].data["truncated"], true);
    });
}

/// Row-level security that binds the owner too hides the object's row from the function that reads its state.
#[test]
fn a_change_of_a_part_is_published_although_row_security_hides_its_object() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "alter table wagtailcore_page enable row level security;\n\
             alter table wagtailcore_page force row level security;\n\
             update blog_blogindexpage set intro = 'hidden';\n\
             update home_homepage set introduction = 'hidden' where page_ptr_id = 3",
        )
        .await;
        site.sweep().await.unwrap();
        let event = &site.events("page/3")[0];
        assert_eq!(event.kind, "wagtail.page.updated");
        assert_eq!(event.data["changed"], json!(["introduction"]));
        assert_eq!(
            (&event.data["id"], &event.data["incomplete"]),
            (&json!(3), &json!(true))
        );
    });
}

/// An object whose state cannot be read does not keep the others from being read.
#[test]
fn a_child_with_a_key_of_another_type_leaves_its_own_event_incomplete_and_no_other() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "create table note (id int primary key, title text);\n\
             create table line (id serial primary key, note_id text)",
        )
        .await;
        watch_notes(&mut session).await;
        execute(
            &mut session,
            "begin; set local wagrun.capture = 'off'; insert into note values (1, 'One'); commit;\n\
             insert into line (note_id) values ('not a number'), ('1')",
        )
        .await;
        assert_eq!(site.sweep().await.unwrap().published, 2);
        let whole = &site.events("shop.note/1")[0].data;
        assert_eq!(whole["title"], "One");
        assert_eq!(whole.get("incomplete"), None);
        let odd = &site.events("shop.note/not a number")[0].data;
        assert_eq!(odd["incomplete"], true);
    });
}

#[test]
fn an_event_that_is_larger_than_the_topic_takes_is_set_apart() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        watch_snippets(&mut session, "note", "id text, title text").await;
        execute(
            &mut session,
            "insert into note values (repeat('k', 150000), 'Large'), ('small', 'Small')",
        )
        .await;
        assert_eq!(site.sweep().await.unwrap().published, 1);
        let reason: String = sqlx::query_scalar(
            "select last_error from wagrun.event where set_apart_at is not null",
        )
        .fetch_one(&mut session)
        .await
        .unwrap();
        assert!(
            reason.contains("bytes, and the topic takes 245760 at the most"),
            "{reason}"
        );
    });
}
