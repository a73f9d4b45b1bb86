//! What the triggers leave when a due time changes, and what is due then; statement by statement.

use serde_json::json;
use sqlx::PgConnection;
use wagrun_database::outbox;
use wagrun_database::schema::{self, ScheduledTable};

use crate::databases::{Database, RELAY, WEB, execute, run, soon};
use crate::fake_lambda::{FakeLambda, Mood};

/// The site's front page.
const HOME: i64 = 3;

/// How many transactions have changed what is due and are not seen yet.
async fn changes(connection: &mut PgConnection) -> i64 {
    sqlx::query_scalar("select count(*) from wagrun.schedule_change")
        .fetch_one(connection)
        .await
        .unwrap()
}

/// What is due in the years after 2030.
async fn due(connection: &mut PgConnection) -> Vec<String> {
    let earliest = "2031-01-01T00:00:00Z".parse().unwrap();
    outbox::due_minutes(connection, earliest, 100)
        .await
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// A revision of the front page that is approved to go live then, or of nothing if there is no time; returns its id.
async fn revise(connection: &mut PgConnection, go_live_at: Option<&str>) -> i64 {
    sqlx::query_scalar(
        "insert into wagtailcore_revision
             (content_type_id, base_content_type_id, object_id, created_at, object_str, content, approved_go_live_at)
         select content_type_id, content_type_id, id::text, now(), title, '{}', $2::text::timestamptz
         from wagtailcore_page where id::bigint = $1
         returning id::bigint",
    )
    .bind(HOME)
    .bind(go_live_at)
    .fetch_one(connection)
    .await
    .unwrap()
}

async fn refused(connection: &mut PgConnection, statement: &'static str) {
    let error = sqlx::raw_sql(statement).execute(connection).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("permission denied"), "{statement}: {error}");
}

async fn forget(connection: &mut PgConnection) {
    let seen = outbox::schedule_changes(connection).await.unwrap();
    outbox::forget_schedule_changes(connection, &seen)
        .await
        .unwrap();
}

#[test]
fn a_revision_that_is_approved_for_later_is_due_at_the_next_full_minute() {
    run(async {
        let mut session = Database::new().await.connect().await;
        revise(&mut session, None).await;
        assert_eq!(changes(&mut session).await, 0, "an ordinary save");
        revise(&mut session, Some("2031-05-01 08:00:00+00")).await;
        revise(&mut session, Some("2031-05-01 08:00:00.000001+00")).await;
        revise(&mut session, Some("2031-05-01 10:00:59+02")).await;
        assert_eq!(changes(&mut session).await, 3);
        assert_eq!(
            due(&mut session).await,
            ["2031-05-01T08:00:00Z", "2031-05-01T08:01:00Z"]
        );
    });
}

#[test]
fn what_is_rescheduled_moves_and_what_is_withdrawn_is_no_longer_due() {
    run(async {
        let mut session = Database::new().await.connect().await;
        let revision = revise(&mut session, Some("2031-05-01 08:00:00+00")).await;
        for (statement, minutes) in [
            (
                "update wagtailcore_revision set approved_go_live_at = '2031-06-01 08:00:00+00'",
                &["2031-06-01T08:00:00Z"][..],
            ),
            // What the admin's "cancel scheduled publish" does, which touches nothing else.
            (
                "update wagtailcore_revision set approved_go_live_at = null",
                &[],
            ),
        ] {
            forget(&mut session).await;
            execute(&mut session, &format!("{statement} where id = {revision}")).await;
            assert_eq!(changes(&mut session).await, 1, "{statement}");
            assert_eq!(due(&mut session).await, minutes, "{statement}");
        }
        revise(&mut session, Some("2031-05-01 08:00:00+00")).await;
        forget(&mut session).await;
        execute(&mut session, "delete from wagtailcore_revision").await;
        assert_eq!(changes(&mut session).await, 1);
        assert_eq!(due(&mut session).await, [""; 0]);
    });
}

#[test]
fn a_page_expires_while_it_is_live() {
    run(async {
        let mut session = Database::new().await.connect().await;
        let mut rows = Vec::new();
        for statement in [
            "update wagtailcore_page set expire_at = '2031-05-01 08:00:00+00' where id = 3",
            "update wagtailcore_page set title = 'another' where id = 3",
            "update wagtailcore_page set live = false where id = 3",
            "update wagtailcore_page set expire_at = '2032-05-01 08:00:00+00' where id = 3",
            "update wagtailcore_page set live = true where id = 3",
        ] {
            forget(&mut session).await;
            execute(&mut session, statement).await;
            rows.push((changes(&mut session).await, due(&mut session).await.len()));
        }
        assert_eq!(rows, [(1, 1), (0, 1), (1, 0), (0, 0), (1, 1)]);
        assert_eq!(due(&mut session).await, ["2032-05-01T08:00:00Z"]);
    });
}

#[test]
fn what_is_over_is_due_at_the_next_minute() {
    run(async {
        let mut session = Database::new().await.connect().await;
        revise(&mut session, Some("2001-05-01 08:00:00+00")).await;
        revise(&mut session, Some("-infinity")).await;
        revise(&mut session, Some("infinity")).await;
        let earliest = "2031-01-01T00:00:15Z".parse().unwrap();
        let minutes = outbox::due_minutes(&mut session, earliest, 100)
            .await
            .unwrap();
        assert_eq!(minutes, ["2031-01-01T00:01:00Z".parse().unwrap()]);
    });
}

#[test]
fn the_nearest_minutes_come_first_and_each_once() {
    run(async {
        let mut session = Database::new().await.connect().await;
        execute(
            &mut session,
            "insert into wagtailcore_revision
                 (content_type_id, base_content_type_id, object_id, created_at, object_str, content, approved_go_live_at)
             select content_type_id, content_type_id, id::text, now(), '', '{}',
                    '2031-05-01 08:00:00+00'::timestamptz + make_interval(secs => 20 * n)
             from wagtailcore_page, generate_series(1, 30) as n where id = 3",
        )
        .await;
        let earliest = "2031-01-01T00:00:00Z".parse().unwrap();
        let minutes = outbox::due_minutes(&mut session, earliest, 3)
            .await
            .unwrap();
        let expected = [1, 2, 3].map(|minute| {
            format!("2031-05-01T08:0{minute}:00Z")
                .parse::<jiff::Timestamp>()
                .unwrap()
        });
        assert_eq!(minutes, expected);
        assert_eq!(changes(&mut session).await, 1, "one transaction, one row");
    });
}

/// The stock site has no snippet with drafts, so one is made.
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
        schema::watch_scheduled_tables(&mut session, &more, soon())
            .await
            .unwrap();
        let insert = "insert into shop_banner values (1, '2031-05-01 08:00:00+00', true), (2, '2031-05-02 08:00:00+00', false)";
        execute(&mut session, insert).await;
        assert_eq!(changes(&mut session).await, 1);
        assert_eq!(due(&mut session).await, ["2031-05-01T08:00:00Z"]);

        schema::watch_scheduled_tables(&mut session, &known, soon())
            .await
            .unwrap();
        forget(&mut session).await;
        execute(&mut session, "delete from shop_banner").await;
        assert_eq!(changes(&mut session).await, 0);
    });
}

#[test]
fn what_is_rolled_back_leaves_nothing() {
    run(async {
        let mut session = Database::new().await.connect().await;
        for end in ["rollback", "rollback to before; commit"] {
            execute(&mut session, "begin; savepoint before").await;
            revise(&mut session, Some("2031-05-01 08:00:00+00")).await;
            execute(&mut session, end).await;
        }
        assert_eq!(changes(&mut session).await, 0);
    });
}

#[test]
fn a_transaction_that_changes_what_is_due_rings_once_also_when_capture_is_off() {
    run(async {
        let database = Database::new().await;
        let lambda = FakeLambda::start(Mood::Accepting).await;
        database.set_lambda_endpoint(&lambda.endpoint).await;
        let mut session = database.connect().await;
        execute(&mut session, "begin").await;
        revise(&mut session, Some("2031-05-01 08:00:00+00")).await;
        revise(&mut session, Some("2031-05-02 08:00:00+00")).await;
        execute(
            &mut session,
            "update wagtailcore_page set title = 'captured as well' where id = 3",
        )
        .await;
        assert_eq!(lambda.calls().len(), 0);
        execute(&mut session, "commit").await;
        assert_eq!(lambda.calls().len(), 1);
        execute(
            &mut session,
            "begin; set local wagrun.capture = 'off'; update wagtailcore_revision set approved_go_live_at = null; commit",
        )
        .await;
        assert_eq!(lambda.calls().len(), 2);
    });
}

#[test]
fn a_later_migration_may_drop_the_columns_under_the_trigger() {
    run(async {
        let mut session = Database::new().await.connect().await;
        revise(&mut session, Some("2031-05-01 08:00:00+00")).await;
        execute(
            &mut session,
            "alter table wagtailcore_page drop column expire_at;\n\
             update wagtailcore_page set title = 'saved' where id = 3",
        )
        .await;
        assert_eq!(due(&mut session).await, ["2031-05-01T08:00:00Z"]);
        execute(
            &mut session,
            "alter table wagtailcore_revision rename column approved_go_live_at to later;\n\
             update wagtailcore_revision set later = null",
        )
        .await;
        assert_eq!(due(&mut session).await, [""; 0]);
        execute(&mut session, "drop table wagtailcore_page cascade").await;
        assert_eq!(due(&mut session).await, [""; 0]);
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
        let revision = revise(&mut session, Some("2031-05-01 08:00:00+00")).await;
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
        let mut web = database.connect_as(WEB).await;
        revise(&mut web, Some("2031-05-01 08:00:00+00")).await;
        let mut relay = database.connect_as(RELAY).await;
        assert_eq!(due(&mut relay).await, ["2031-05-01T08:00:00Z"]);
        forget(&mut relay).await;
        assert_eq!(changes(&mut relay).await, 0);
        refused(&mut web, "delete from wagrun.schedule_change").await;
        for statement in [
            "select approved_go_live_at from wagtailcore_revision",
            "insert into wagrun.schedule_change values ('3')",
            "select * from wagrun.scheduled_table",
        ] {
            refused(&mut relay, statement).await;
        }
    });
}

/// One that commits while the others are being scheduled is not forgotten with them.
#[test]
fn only_changes_that_were_seen_are_forgotten() {
    run(async {
        let database = Database::new().await;
        let (mut session, mut slow) = (database.connect().await, database.connect().await);
        execute(&mut slow, "begin").await;
        revise(&mut slow, Some("2031-05-01 08:00:00+00")).await;
        revise(&mut session, Some("2031-05-02 08:00:00+00")).await;
        let seen = outbox::schedule_changes(&mut session).await.unwrap();
        execute(&mut slow, "commit").await;
        outbox::forget_schedule_changes(&mut session, &seen)
            .await
            .unwrap();
        assert_eq!(changes(&mut session).await, 1);
    });
}
