//! `migrate` on a real database with the real Django: alone, whatever else runs, and whatever happens to it on the way.

mod alone;
mod changed_site;
mod commands;
mod connection;
mod existing;
mod killed;
mod versions;

use std::time::Duration;

use migrate::{MigrateError, Migrated, Migrator};
use sqlx::PgConnection;
use tokio::task::JoinHandle;
use wagrun_database::connection::DatabaseConfig;
use wagrun_database::schema::MigrationRun;

use crate::databases::{ask, migrate_config, sdk};

/// Nobody listens there: of AWS these tests need nothing.
const NOWHERE: &str = "http://127.0.0.1:9";
/// Longer than any single step on a machine that also compiles.
const PATIENCE: Duration = Duration::from_secs(120);

async fn migrator(url: &str) -> Migrator {
    let database = DatabaseConfig::trusted(url.parse().unwrap());
    Migrator::new(migrate_config(database).await, &sdk(NOWHERE))
}

async fn migrate(url: &str) -> Result<Migrated, MigrateError> {
    migrator(url).await.migrate(&ask()).await
}

/// The same, beside the test; on a thread of its own, as its future is nothing for other threads.
fn start(url: &str) -> JoinHandle<Result<Migrated, MigrateError>> {
    let url = url.to_owned();
    tokio::task::spawn_blocking(move || crate::databases::run(migrate(&url)))
}

/// The history, the newest run first.
async fn runs(session: &mut PgConnection) -> Vec<MigrationRun> {
    wagrun_database::schema::recent_runs(session, 100)
        .await
        .unwrap()
}

/// What holds after every run that ended well.
async fn assert_migrated(session: &mut PgConnection) {
    let (applied, distinct): (i64, i64) =
        sqlx::query_as("select count(*), count(distinct (app, name)) from django_migrations")
            .fetch_one(&mut *session)
            .await
            .unwrap();
    assert!(applied > 100, "{applied} migrations");
    assert_eq!(applied, distinct, "a migration was applied twice");
    let watched: i64 = sqlx::query_scalar("select count(*) from wagrun.watched_table")
        .fetch_one(&mut *session)
        .await
        .unwrap();
    assert_eq!(watched, 8);
    assert_free(session).await;
}

/// Nobody has the lock, and nobody's Django is left.
async fn assert_free(session: &mut PgConnection) {
    assert_eq!(
        wagrun_database::schema::lock_holder(session).await.unwrap(),
        None,
        "somebody has the lock"
    );
    // The server takes a moment to end a session that was closed.
    until(
        session,
        "no session is left",
        "select not exists (select from pg_stat_activity
             where datname = current_database() and starts_with(application_name, 'wagrun'))",
    )
    .await;
}

/// Waits until a query answers true.
async fn until(session: &mut PgConnection, what: &str, query: &'static str) {
    let started = std::time::Instant::now();
    loop {
        let done: Option<bool> = sqlx::query_scalar(query)
            .fetch_one(&mut *session)
            .await
            .unwrap();
        if done == Some(true) {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "not within patience: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until the lock could be had.
async fn until_free(session: &mut PgConnection) {
    let started = std::time::Instant::now();
    while let Some(holder) = wagrun_database::schema::lock_holder(session).await.unwrap() {
        assert!(started.elapsed() < PATIENCE, "{holder} keeps the lock");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Makes a trigger look as if an earlier version had made it, so that the next run has to replace it.
async fn outdate_trigger(session: &mut PgConnection) {
    crate::databases::execute(
        session,
        "comment on trigger wagrun_capture_row on blog_author is 'of an earlier version'",
    )
    .await;
}
