//! Snapshots of tables whose columns change or disappear during the run.

use serde_json::json;
use wagrun_database::schema::{self, WatchedTable};
use wagrun_event::Event;

use crate::support::backfills::{open_backfill, snapshot_request, subjects};
use crate::support::drain_fixture::{DrainFixture, insert_authors, rename, title};
use crate::support::runtime::{in_a_minute, run};
use crate::support::sql::{RELAY_ROLE, execute};
use crate::support::watched_tables::{author_table, snippet_table};

fn watched(table: &str) -> WatchedTable {
    snippet_table(table, &format!("shop.{table}"))
}

#[test]
fn a_table_that_is_dropped_or_loses_a_column_during_the_run_is_skipped() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        execute(
            &mut session,
            "create table apple (id integer primary key, colour text, weight integer);
             create table pear (id integer primary key);
             create table quince (id integer primary key);
             insert into apple select n, 'red', n from generate_series(1, 250) as n;
             insert into pear select n from generate_series(1, 250) as n;
             insert into quince select n from generate_series(1, 20) as n",
        )
        .await;
        let tables = ["apple", "pear", "quince"].map(watched);
        schema::watch_tables(&mut session, &tables, in_a_minute())
            .await
            .unwrap();
        open_backfill(&fixture, &snapshot_request()).await;
        fixture.publish_slice().await;
        execute(
            &mut session,
            "alter table apple drop column weight; drop table pear",
        )
        .await;
        assert_eq!(fixture.sweep().await.unwrap().backfilled, 150 + 20);
        let taken = fixture.topic.accepted();
        let weighed = |event: &Event| event.data["fields"].get("weight").is_some();
        assert!(taken[..100].iter().all(weighed));
        assert!(
            taken[100..250]
                .iter()
                .all(|event| event.data["fields"] == json!({"colour": "red"}))
        );
        // Independent objects of a slice are published in several calls at once, in any order.
        assert!(
            taken[250..]
                .iter()
                .all(|event| event.subject.starts_with("shop.quince/"))
        );
    });
}

#[test]
fn a_missing_key_column_stops_only_its_run_until_the_next_migrate() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 1).await;
        execute(
            &mut session,
            "create table apple (id integer); insert into apple values (1)",
        )
        .await;
        let apples = watched("apple");
        schema::watch_tables(
            &mut session,
            &[apples.clone(), author_table()],
            in_a_minute(),
        )
        .await
        .unwrap();
        open_backfill(&fixture, &snapshot_request()).await;
        let authors = json!({"snapshot": {"subscriber": "other", "types": ["wagtail.author.*"]}});
        open_backfill(&fixture, &authors).await;
        execute(
            &mut session,
            "alter table apple drop column id;\n\
             alter table apple add column number integer default 1",
        )
        .await;
        rename(&mut session, 1, "live").await;
        let error = fixture.sweep().await.unwrap_err().to_string();
        assert!(
            error.contains("cannot go on") && error.contains("column wagrun_row.id does not exist"),
            "{error}"
        );
        let titles: Vec<_> = fixture.topic.accepted().iter().map(title).collect();
        assert_eq!(
            titles,
            ["live", "live", "live"],
            "itself and both snapshots"
        );

        let renamed = WatchedTable {
            key_column: "number".to_owned(),
            ..apples
        };
        schema::watch_tables(&mut session, &[renamed, author_table()], in_a_minute())
            .await
            .unwrap();
        assert_eq!(fixture.sweep().await.unwrap().backfilled, 1);
        assert_eq!(fixture.topic.accepted()[3].subject, "shop.apple/1");
    });
}

#[test]
fn a_model_that_cannot_be_read_is_skipped_after_the_third_failure() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 1).await;
        execute(&mut session, "create table apple (id integer)").await;
        // The models are read in the order of their labels, so the apples come before the authors.
        let apples = snippet_table("apple", "aaa.apple");
        schema::watch_tables(&mut session, &[apples, author_table()], in_a_minute())
            .await
            .unwrap();
        execute(&mut session, "alter table apple drop column id").await;
        open_backfill(&fixture, &snapshot_request()).await;
        for _ in 0..3 {
            fixture.sweep().await.unwrap_err();
        }
        assert_eq!(subjects(&fixture.topic.accepted()), ["blog.author/1"]);
        let answer = fixture.sweep().await.unwrap();
        assert_eq!(answer.backfilled, 0, "the run is done");
        let reason: String =
            sqlx::query_scalar("select last_error from wagrun.backfill where outcome = 'done'")
                .fetch_one(&mut session)
                .await
                .unwrap();
        assert!(
            reason.contains("column wagrun_row.id does not exist"),
            "{reason}"
        );
    });
}

/// The new function may run before migrate of the same deployment.
#[test]
fn an_older_schema_has_no_backfills_and_its_live_events_do_not_suffer() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 1).await;
        for older in [
            format!("revoke all on wagrun.backfill from {RELAY_ROLE}"),
            "drop table wagrun.backfill".to_owned(),
        ] {
            execute(&mut session, &older).await;
            rename(&mut session, 1, &older.replace('"', "")).await;
            assert_eq!(fixture.sweep().await.unwrap().published, 1);
        }
    });
}
