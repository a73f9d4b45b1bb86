//! Concurrent runs: only one migrates at a time.

use std::time::Duration;

use sqlx::Connection;
use tokio::time::Instant;
use wagrun_database::schema;

use crate::support::database::Database;
use crate::support::migration::{
    assert_migrated, invocation, migrate, migrator, runs, start_migration, wait_until,
};
use crate::support::runtime::run;

#[test]
fn twenty_at_once_migrate_an_empty_database_once_and_all_end_well() {
    run(async {
        let database = Database::empty().await;
        let url = database.url();
        let all = futures::future::join_all((0..20).map(async |_| migrate(&url).await)).await;

        let migrated: Vec<_> = all.into_iter().map(Result::unwrap).collect();
        let applied: Vec<usize> = migrated
            .iter()
            .map(|one| one.applied_django.len())
            .filter(|applied| *applied > 0)
            .collect();
        assert_eq!(applied.len(), 1, "one of them applied all: {applied:?}");

        let mut session = database.connect().await;
        assert_migrated(&mut session).await;
        let history = runs(&mut session).await;
        assert_eq!(history.len(), 20);
        for one in history {
            assert_eq!(one.outcome.as_deref(), Some("succeeded"), "run {}", one.id);
        }
    });
}

#[test]
fn a_run_that_waits_gives_up_in_time_and_names_the_holder() {
    run(async {
        let database = Database::new().await;
        let mut other = database.connect().await;
        sqlx::query("set application_name = 'somebody else'")
            .execute(&mut other)
            .await
            .unwrap();
        let locked = schema::lock_migration(&mut other, Instant::now())
            .await
            .unwrap();

        let mut short = invocation();
        short.stop_at = Instant::now() + Duration::from_secs(1);
        let migrator = migrator(&database.url()).await;
        let error = migrator.migrate(&short).await.unwrap_err().to_string();
        assert!(
            error.starts_with("the migration lock was not free within ")
                && error.contains("; \"somebody else\" (process "),
            "{error}"
        );

        locked.unlock().await.unwrap();
        migrator.migrate(&invocation()).await.unwrap();
        other.close().await.unwrap();
    });
}

#[test]
fn a_run_that_lost_its_lock_is_no_success() {
    run(async {
        let database = Database::new().await;
        let mut observer = database.observer().await;
        let url = database.url();
        let running = start_migration(&url);
        wait_until(
            &mut observer,
            "Django at work",
            "select count(*) > 0 from pg_stat_activity
             where datname = current_database() and application_name = 'wagrun manage.py a test'",
        )
        .await;
        sqlx::query(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = $1 and application_name = 'wagrun migrate a test'",
        )
        .bind(&database.name)
        .execute(&mut observer)
        .await
        .unwrap();
        let error = running.await.unwrap().unwrap_err().to_string();
        assert_eq!(error, "the session with the migration lock was lost");

        let mut session = database.connect().await;
        assert_eq!(runs(&mut session).await[0].outcome, None);
        migrate(&database.url()).await.unwrap();
        let outcomes: Vec<_> = runs(&mut session)
            .await
            .into_iter()
            .map(|run| run.outcome)
            .collect();
        assert_eq!(outcomes[0].as_deref(), Some("succeeded"));
        assert_eq!(outcomes[1].as_deref(), Some("abandoned"));
        assert_migrated(&mut session).await;
    });
}
