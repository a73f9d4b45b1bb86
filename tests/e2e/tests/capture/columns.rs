//! Columns that are hard to capture, and columns that a later migration changes.

use sqlx::PgConnection;
use wagrun_database::schema;

use crate::support::content::HOME;
use crate::support::database::Database;
use crate::support::outbox_rows::{event_count, event_states, insert_post};
use crate::support::runtime::{in_a_minute, run};
use crate::support::sql::execute;
use crate::support::watched_tables::snippet_table;

/// Watches the table `blog_widget` as migrate would watch a snippet's.
async fn watch_widgets(connection: &mut PgConnection) {
    let mut widgets = snippet_table("blog_widget", "blog.widget");
    widgets.withheld.push("settings".to_owned());
    schema::watch_tables(connection, &[widgets], in_a_minute())
        .await
        .unwrap();
}

/// The type `json` has no equality operator, and jsonb cannot hold every such text.
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
        let first = event_states(&mut session, "blog.widget/1").await;
        assert_eq!(first.len(), 3, "inserted, updated, deleted");
        assert_eq!(first[1].2, ["settings"]);
        let second = event_states(&mut session, "blog.widget/2").await;
        assert_eq!(
            second.len(),
            2,
            "inserted and renamed; the no-op update is none"
        );
        assert_eq!(second[1].1["name"], "c");
    });
}

/// The site goes on saving while a Django migration changes a watched table.
#[test]
fn a_later_migration_may_drop_alter_rename_and_add_columns() {
    run(async {
        let mut session = Database::new().await.connect().await;
        insert_post(&mut session, "post").await;
        let before = event_count(&mut session).await;
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
            event_count(&mut session).await,
            before + 6,
            "every save was captured"
        );
        let rows = event_states(&mut session, "page/3").await;
        assert_eq!(rows.last().unwrap().1["title"], "after 5");
    });
}
