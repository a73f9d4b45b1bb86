//! The tables with due times: their columns, their triggers and the roles that read them.

use serde_json::json;
use wagrun_database::schema::{self, ScheduledTable};

use crate::support::database::Database;
use crate::support::due_times::{
    assert_refused, due_minutes, forget_schedule_changes, insert_revision, pending_schedule_changes,
};
use crate::support::runtime::{in_a_minute, run};
use crate::support::sql::{RELAY_ROLE, WEB_ROLE, execute};

/// The stock site has no snippet with drafts, so the test creates one.
#[test]
fn a_snippet_with_drafts_expires_and_a_model_that_has_none_any_more_is_left_alone() {
    run(async {
        let mut session = Database::new().await.connect().await;
        let known: Vec<(String, String, Option<String>)> = sqlx::query_as(
            "select relation::text, due_column::text, live_column::text from wagrun.scheduled_table order by 1",
        )
        .fetch_all(&mut session)
        .await
        .unwrap();
        let known: Vec<ScheduledTable> = known
            .into_iter()
            .map(|(table, due_column, live_column)| ScheduledTable {
                table,
                due_column,
                live_column,
            })
            .collect();
        assert_eq!(
            json!(known),
            json!([
                {"table": "wagtailcore_page", "due_column": "expire_at", "live_column": "live"},
                {"table": "wagtailcore_revision", "due_column": "approved_go_live_at", "live_column": null},
            ])
        );

        execute(
            &mut session,
            r#"create table shop_banner (id integer primary key, "Gone at" timestamptz, live boolean)"#,
        )
        .await;
        let banner = ScheduledTable {
            table: "shop_banner".to_owned(),
            due_column: "Gone at".to_owned(),
            live_column: Some("live".to_owned()),
        };
        let more = [known.clone(), vec![banner]].concat();
        schema::watch_scheduled_tables(&mut session, &more, in_a_minute())
            .await
            .unwrap();
        let insert = "insert into shop_banner values (1, '2031-05-01 08:00:00+00', true), (2, '2031-05-02 08:00:00+00', false)";
        execute(&mut session, insert).await;
        assert_eq!(pending_schedule_changes(&mut session).await, 1);
        assert_eq!(due_minutes(&mut session).await, ["2031-05-01T08:00:00Z"]);

        schema::watch_scheduled_tables(&mut session, &known, in_a_minute())
            .await
            .unwrap();
        forget_schedule_changes(&mut session).await;
        execute(&mut session, "delete from shop_banner").await;
        assert_eq!(pending_schedule_changes(&mut session).await, 0);
    });
}

#[test]
fn a_later_migration_may_drop_the_columns_under_the_trigger() {
    run(async {
        let mut session = Database::new().await.connect().await;
        insert_revision(&mut session, Some("2031-05-01 08:00:00+00")).await;
        execute(
            &mut session,
            "alter table wagtailcore_page drop column expire_at;\n\
             update wagtailcore_page set title = 'saved' where id = 3",
        )
        .await;
        assert_eq!(due_minutes(&mut session).await, ["2031-05-01T08:00:00Z"]);
        execute(
            &mut session,
            "alter table wagtailcore_revision rename column approved_go_live_at to later;\n\
             update wagtailcore_revision set later = null",
        )
        .await;
        assert_eq!(due_minutes(&mut session).await, [""; 0]);
        execute(&mut session, "drop table wagtailcore_page cascade").await;
        assert_eq!(due_minutes(&mut session).await, [""; 0]);
    });
}

#[test]
fn a_failing_trigger_fails_no_save() {
    run(async {
        let database = Database::new().await;
        let mut session = database.connect().await;
        execute(
            &mut session,
            "alter table wagrun.schedule_change rename to gone",
        )
        .await;
        let revision = insert_revision(&mut session, Some("2031-05-01 08:00:00+00")).await;
        let kept: bool =
            sqlx::query_scalar("select approved_go_live_at is not null from wagtailcore_revision where id::bigint = $1")
                .bind(revision)
                .fetch_one(&mut session)
                .await
                .unwrap();
        assert!(kept);
        assert!(
            database
                .server_log()
                .contains("wagrun schedule of public.wagtailcore_revision not seen to change: ")
        );
    });
}

#[test]
fn the_web_role_schedules_and_the_relay_role_sees_only_when() {
    run(async {
        let database = Database::new().await;
        let mut web = database.connect_as(WEB_ROLE).await;
        insert_revision(&mut web, Some("2031-05-01 08:00:00+00")).await;
        let mut relay = database.connect_as(RELAY_ROLE).await;
        assert_eq!(due_minutes(&mut relay).await, ["2031-05-01T08:00:00Z"]);
        forget_schedule_changes(&mut relay).await;
        assert_eq!(pending_schedule_changes(&mut relay).await, 0);
        assert_refused(&mut web, "delete from wagrun.schedule_change").await;
        for statement in [
            "select approved_go_live_at from wagtailcore_revision",
            "insert into wagrun.schedule_change values ('3')",
            "select * from wagrun.scheduled_table",
        ] {
            assert_refused(&mut relay, statement).await;
        }
    });
}
