//! Sites with one more migration: one that fails, one that never ends, and one that changes content.

use std::time::{Duration, Instant};

use local_stack::postgres::MASTER;
use migrate::{MigrateError, Migrated, Migrator};
use sqlx::Connection;
use wagrun_lambda::telemetry::chain;

use crate::support::database::Database;
use crate::support::migration::{
    assert_no_run_is_left, invocation, migrate_config, outdate_trigger, runs, wait_until,
};
use crate::support::runtime::run;
use crate::support::sdk::{UNREACHABLE_ENDPOINT, sdk};
use crate::support::site_copy::SiteCopy;
use crate::support::sql::execute;

async fn migrator(site: &SiteCopy, database: &Database) -> Migrator {
    let mut config = migrate_config(database.config(MASTER)).await;
    config.site_directory = site.directory().to_owned();
    Migrator::new(config, &sdk(UNREACHABLE_ENDPOINT))
}

async fn migrate(site: &SiteCopy, database: &Database) -> Result<Migrated, MigrateError> {
    migrator(site, database).await.migrate(&invocation()).await
}

#[test]
fn a_migration_that_fails_is_reported_with_its_reason_and_can_be_corrected() {
    run(async {
        let database = Database::new().await;
        let site = SiteCopy::with_migration(
            "def change(apps, schema_editor):\n    raise ValueError(\"no author has a heart\")",
        );
        let error = chain(&migrate(&site, &database).await.unwrap_err());
        assert!(
            error.starts_with("Django's migrations failed: manage.py shell ended with"),
            "{error}"
        );
        assert!(
            error.ends_with("ValueError: no author has a heart"),
            "{error}"
        );
        let mut session = database.connect().await;
        let failed = runs(&mut session).await.remove(0);
        assert_eq!(failed.outcome.as_deref(), Some("failed"));
        assert_eq!(failed.failure, Some(error));
        assert_no_run_is_left(&mut session).await;

        site.set_migration("def change(apps, schema_editor):\n    pass");
        let migrated = migrate(&site, &database).await.unwrap();
        assert_eq!(migrated.applied_django, ["blog.0002_change"]);
        assert_eq!(runs(&mut session).await[0].applied, ["blog.0002_change"]);
    });
}

#[test]
fn a_migration_without_end_is_ended_in_time_and_leaves_nothing_locked() {
    run(async {
        let database = Database::new().await;
        let site = SiteCopy::with_migration(
            "def change(apps, schema_editor):\n    \
             schema_editor.execute(\"lock table blog_author in access exclusive mode\")\n    \
             schema_editor.execute(\"select pg_sleep(600)\")",
        );
        let migrator = migrator(&site, &database).await;
        let mut short = invocation();
        short.stop_at = tokio::time::Instant::now() + Duration::from_secs(10);
        let started = Instant::now();
        let error = chain(&migrator.migrate(&short).await.unwrap_err());
        assert!(
            error.contains("manage.py shell did not end in the function's time"),
            "{error}"
        );
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "{:?}",
            started.elapsed()
        );

        let mut session = database.connect().await;
        let failed = runs(&mut session).await.remove(0);
        assert_eq!(failed.failure, Some(error));
        // The session notices within seconds that its client is gone.
        wait_until(
            &mut session,
            "the statement has ended",
            "select not exists (select from pg_stat_activity
             where datname = current_database() and starts_with(application_name, 'wagrun'))",
        )
        .await;
        sqlx::query("select count(*) from blog_author")
            .execute(&mut session)
            .await
            .unwrap();
    });
}

#[test]
fn a_data_migration_floods_the_subscribers_only_when_asked() {
    run(async {
        for (capture, events) in [(None, 0), (Some(true), 3), (Some(false), 0)] {
            let database = Database::new().await;
            let mut session = database.connect().await;
            execute(
                &mut session,
                "insert into blog_author (name, bio) select 'author', '' from generate_series(1, 3);\n
                 delete from wagrun.outbox",
            )
            .await;
            let site = SiteCopy::with_migration(
                "def change(apps, schema_editor):\n    \
                 print(\"three authors\")\n    \
                 for author in apps.get_model(\"blog\", \"Author\").objects.all():\n        \
                 author.name = \"changed\"\n        \
                 author.save()",
            );
            let mut request = invocation();
            request.capture = capture;
            let migrated = migrator(&site, &database)
                .await
                .migrate(&request)
                .await
                .unwrap();
            // The migration's own output stands between Django's lines.
            assert_eq!(migrated.applied_django, ["blog.0002_change"]);
            let changed: (i64, i64) = sqlx::query_as(
                "select (select count(*) from blog_author where name = 'changed'), (select count(*) from wagrun.outbox where not ends)",
            )
            .fetch_one(&mut session)
            .await
            .unwrap();
            assert_eq!(changed, (3, events), "capture: {capture:?}");
        }
    });
}

#[test]
fn a_table_that_stays_locked_fails_the_run_in_time_and_with_its_reason() {
    run(async {
        let database = Database::new().await;
        let mut writer = database.connect().await;
        outdate_trigger(&mut writer).await;
        let mut writing = writer.begin().await.unwrap();
        sqlx::query("update blog_author set bio = bio")
            .execute(&mut *writing)
            .await
            .unwrap();
        let config = migrate_config(database.config(MASTER)).await;
        let mut short = invocation();
        short.stop_at = tokio::time::Instant::now() + Duration::from_secs(25);
        let error = Migrator::new(config, &sdk(UNREACHABLE_ENDPOINT))
            .migrate(&short)
            .await;
        let error = chain(&error.unwrap_err());
        assert!(
            error.starts_with("no trigger could be put on blog_author within")
                && error.contains("of wagtail_admin"),
            "{error}"
        );
        writing.rollback().await.unwrap();
        let failed = runs(&mut writer).await.remove(0);
        assert_eq!(failed.failure, Some(error));
    });
}
