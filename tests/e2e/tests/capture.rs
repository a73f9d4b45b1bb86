//! What the triggers write into the outbox, statement by statement.

use serde_json::{Value, json};
use sqlx::PgConnection;

use wagrun_database::schema;

use crate::databases::{Database, RELAY, WEB, claim_everything, execute, run, snippet_table, soon};

/// The states that an object's events are made of, oldest first: (before, after, changed).
async fn rows(connection: &mut PgConnection, object: &str) -> Vec<(Value, Value, Vec<String>)> {
    claim_everything(connection).await;
    sqlx::query_as(
        "select coalesce(before, 'null'), coalesce(after, 'null'), changed
         from wagrun.event where object = $1 order by sequence",
    )
    .bind(object)
    .fetch_all(connection)
    .await
    .unwrap()
}

async fn count(connection: &mut PgConnection) -> i64 {
    claim_everything(connection).await;
    sqlx::query_scalar("select count(*) from wagrun.event")
        .fetch_one(connection)
        .await
        .unwrap()
}

/// The site's front page, which its own migrations created, with capture off.
const HOME: i64 = 3;

/// Inserts a post under the front page as Wagtail does, page row first; returns its id.
async fn insert_post(connection: &mut PgConnection, slug: &str) -> i64 {
    let id: i64 = sqlx::query_scalar(
        "insert into wagtailcore_page
            (path, depth, numchild, title, draft_title, slug, url_path, live, has_unpublished_changes, content_type_id,
             locale_id, translation_key, seo_title, search_description, show_in_menus, expired, locked)
         select '000100019' || lpad((select count(*) from wagtailcore_page)::text, 3, '0'), 3, 0, $1, $1, $1,
             '/home/' || $1 || '/', false, false, ct.id, l.id, gen_random_uuid(), '', '', false, false, false
         from django_content_type as ct, wagtailcore_locale as l
         where ct.app_label = 'blog' and ct.model = 'blogpage'
         returning id::bigint",
    )
    .bind(slug)
    .fetch_one(&mut *connection)
    .await
    .unwrap();
    sqlx::query("insert into blog_blogpage (page_ptr_id, date, intro, body) values ($1, '2026-01-01', '', '[]')")
        .bind(i32::try_from(id).unwrap())
        .execute(connection)
        .await
        .unwrap();
    id
}

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
        let rows = rows(&mut session, "page/3").await;
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
        let rows = rows(&mut session, &format!("page/{id}")).await;
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
        let rows = rows(&mut session, &format!("page/{id}")).await;
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
        let rows = rows(&mut session, &format!("page/{id}")).await;
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
        assert_eq!(count(&mut session).await, 0);
    });
}

#[test]
fn what_is_rolled_back_leaves_nothing() {
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
        assert_eq!(count(&mut session).await, 0);
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
        let rows = rows(&mut session, "page/3").await;
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
        let rows = rows(&mut session, "blog.author/2").await;
        assert_eq!(rows.len(), 2);
        assert_eq!(
            (&rows[1].0["name"], &rows[1].1),
            (&json!("Bob"), &Value::Null)
        );
    });
}

/// Watches a table `blog_widget` as Django would have it watched if it were a snippet's.
async fn watch_widgets(connection: &mut PgConnection) {
    let mut widgets = snippet_table("blog_widget", "blog.widget");
    widgets.withheld.push("settings".to_owned());
    schema::watch_tables(connection, &[widgets], soon())
        .await
        .unwrap();
}

/// The first trap: such a column has no equality operator, and its text may be nothing that jsonb can hold.
#[test]
fn a_plain_json_column_with_any_escape_in_it_breaks_no_save() {
    run(async {
        let database = Database::new().await;
        let mut session = database.connect().await;
        execute(
            &mut session,
            "create table blog_widget (id integer primary key, name varchar(20), settings json)",
        )
        .await;
        watch_widgets(&mut session).await;
        execute(
            &mut session,
            r#"insert into blog_widget values (1, 'a', '{"text": "\u0000"}'), (2, 'b', '{"half": "\ud800", "slash": "\\u0000"}');
               update blog_widget set settings = '{"text": "\u0000\u0000"}' where id = 1;
               update blog_widget set name = 'c' where id = 2;
               update blog_widget set settings = settings;
               delete from blog_widget where id = 1"#,
        )
        .await;
        let first = rows(&mut session, "blog.widget/1").await;
        assert_eq!(first.len(), 3, "inserted, updated, deleted");
        assert_eq!(first[1].2, ["settings"]);
        let second = rows(&mut session, "blog.widget/2").await;
        assert_eq!(
            second.len(),
            2,
            "inserted and renamed; the no-op update is none"
        );
        assert_eq!(second[1].1["name"], "c");
    });
}

/// The second trap: what a Django migration does to a watched table while the site goes on saving.
#[test]
fn a_later_migration_may_drop_alter_rename_and_add_columns() {
    run(async {
        let mut session = Database::new().await.connect().await;
        insert_post(&mut session, "post").await;
        let before = count(&mut session).await;
        for (number, migration) in [
            "alter table wagtailcore_page drop column seo_title",
            "alter table wagtailcore_page alter column title type text",
            "alter table wagtailcore_page rename column slug to handle",
            "alter table wagtailcore_page add column subtitle varchar(255) not null default ''",
            "alter table wagtailcore_page alter column search_description type varchar(10) using left(search_description, 10)",
            "alter table blog_blogpage drop column body",
        ]
        .into_iter()
        .enumerate()
        {
            execute(&mut session, migration).await;
            execute(
                &mut session,
                &format!("update wagtailcore_page set title = 'after {number}' where id = {HOME}"),
            )
            .await;
        }
        assert_eq!(
            count(&mut session).await,
            before + 6,
            "every save was captured"
        );
        let rows = rows(&mut session, "page/3").await;
        assert_eq!(rows.last().unwrap().1["title"], "after 5");
    });
}

#[test]
fn the_web_role_saves_content_and_sees_nothing_of_the_outbox() {
    run(async {
        let database = Database::new().await;
        let mut web = database.connect_as(WEB).await;
        execute(
            &mut web,
            "update wagtailcore_page set title = 'by the web role' where id = 3",
        )
        .await;
        for forbidden in [
            "select * from wagrun.outbox",
            "delete from wagrun.outbox",
            "select wagrun.ring('3')",
            "select wagrun.editor_name('1')",
            "alter table wagtailcore_page disable trigger all",
        ] {
            let error = sqlx::raw_sql(forbidden)
                .execute(&mut web)
                .await
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("permission denied") || error.contains("must be owner"),
                "{forbidden}: {error}"
            );
        }
        let mut owner = database.connect().await;
        assert_eq!(rows(&mut owner, "page/3").await.len(), 1);
    });
}

#[test]
fn the_relay_role_reads_no_content_and_no_accounts() {
    run(async {
        let database = Database::new().await;
        let mut relay = database.connect_as(RELAY).await;
        for forbidden in [
            "select title from wagtailcore_page",
            "select * from auth_user",
            "select content from wagtailcore_revision",
            "update wagtailcore_page set title = ''",
            "update wagrun.event set before = null",
            "select * from wagrun.setting",
        ] {
            let error = sqlx::raw_sql(forbidden)
                .execute(&mut relay)
                .await
                .unwrap_err()
                .to_string();
            assert!(error.contains("permission denied"), "{forbidden}: {error}");
        }
    });
}

/// A transaction's captured changes must not make its next statement dearer.
#[test]
fn what_is_captured_grows_with_the_statements_and_not_with_the_rows_before() {
    run(async {
        let mut session = Database::new().await.connect().await;
        let id = insert_post(&mut session, "post").await;
        claim_everything(&mut session).await;
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
        let captured: (i64, i32) = sqlx::query_as(
            "select count(*), max(cardinality(changed)) from wagrun.outbox where not ends",
        )
        .fetch_one(&mut session)
        .await
        .unwrap();
        assert_eq!(captured, (4, 1));
        let mut events = rows(&mut session, &format!("page/{id}")).await;
        let (_, _, mut changed) = events.pop().unwrap();
        changed.sort();
        assert_eq!(changed, ["body", "related_links"]);
    });
}
