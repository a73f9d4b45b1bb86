//! The function `migrate` for tests: its configuration, its runs, and the state of the database after them.

use std::path::Path;
use std::time::Duration;

use local_stack::postgres::MASTER;
use local_stack::tools::Tools;
use migrate::{MigrateError, Migrated, Migrator};
use sqlx::PgConnection;
use testing::checkout;
use testing::progress::Progress;
use tokio::process::Command;
use tokio::task::JoinHandle;
use wagrun_database::connection::DatabaseConfig;
use wagrun_database::schema::{self, MigrationRun};

use super::database::Database;
use super::runtime::run;
use super::sdk::{UNREACHABLE_ENDPOINT, sdk};
use super::sql::execute;

/// The function that the doorbell calls.
const DOORBELL_FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:content-events";
/// The time limit of one step of a migration. It leaves room for a machine that compiles at the same time.
pub const MIGRATION_TIMEOUT: Duration = Duration::from_secs(120);

/// The number of tables of the stock site that are watched.
pub const WATCHED_TABLES: i64 = 17;

/// Returns migrate's configuration for a database of a test.
pub async fn migrate_config(database: DatabaseConfig) -> migrate::Config {
    let tools = Tools::install(checkout(), &Progress::quiet())
        .await
        .unwrap();
    migrate::Config {
        doorbell_function: Some(DOORBELL_FUNCTION_ARN.to_owned()),
        ..local_stack::migrate_config::migrate_config(database, &tools)
    }
}

/// Runs `manage.py` of the site in this directory, as the owner of the database.
pub async fn manage(directory: &Path, database: &Database, python: &Path, arguments: &[&str]) {
    let mut command = Command::new(python);
    command
        .arg("manage.py")
        .args(arguments)
        .current_dir(directory)
        .env("DATABASE_HOST", "127.0.0.1")
        .env("DATABASE_PORT", database.postgres().port().to_string())
        .env("DATABASE_NAME", &database.name)
        .env("DATABASE_USER", MASTER)
        .env("DATABASE_SSL_MODE", "disable")
        .env("SECRET_KEY", "of a test")
        .kill_on_drop(true);
    let output = tokio::time::timeout(MIGRATION_TIMEOUT, command.output());
    let output = output.await.unwrap().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Returns an invocation with the time that Lambda gives it.
pub fn invocation() -> migrate::Invocation {
    migrate::Invocation {
        id: "a test".to_owned(),
        image: None,
        capture: None,
        is_stack_update: false,
        stop_at: tokio::time::Instant::now() + Duration::from_secs(800),
    }
}

/// Returns migrate for the database at this URL.
pub async fn migrator(url: &str) -> Migrator {
    let database = DatabaseConfig::trusted(url.parse().unwrap());
    Migrator::new(migrate_config(database).await, &sdk(UNREACHABLE_ENDPOINT))
}

/// Migrates the database at this URL.
pub async fn migrate(url: &str) -> Result<Migrated, MigrateError> {
    migrator(url).await.migrate(&invocation()).await
}

/// Starts a migration beside the test. It has a thread of its own, because its future is not `Send`.
pub fn start_migration(url: &str) -> JoinHandle<Result<Migrated, MigrateError>> {
    let url = url.to_owned();
    tokio::task::spawn_blocking(move || run(migrate(&url)))
}

/// Returns the recorded runs, the newest first.
pub async fn runs(session: &mut PgConnection) -> Vec<MigrationRun> {
    schema::recent_runs(session, 100).await.unwrap()
}

/// Asserts the state after a run that succeeded.
pub async fn assert_migrated(session: &mut PgConnection) {
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
    assert_eq!(watched, WATCHED_TABLES);
    assert_no_run_is_left(session).await;
}

/// Asserts that no session has the migration lock, and waits until no session of migrate or of its Django is left.
pub async fn assert_no_run_is_left(session: &mut PgConnection) {
    assert_eq!(
        schema::lock_holder(session).await.unwrap(),
        None,
        "a session holds the migration lock"
    );
    // The server takes a moment to end a session that was closed.
    wait_until(
        session,
        "no session is left",
        "select not exists (select from pg_stat_activity
             where datname = current_database() and starts_with(application_name, 'wagrun'))",
    )
    .await;
}

/// Returns once this query answers true, and panics after [`MIGRATION_TIMEOUT`].
pub async fn wait_until(session: &mut PgConnection, what: &str, query: &'static str) {
    let started = std::time::Instant::now();
    loop {
        let done: Option<bool> = sqlx::query_scalar(query)
            .fetch_one(&mut *session)
            .await
            .unwrap();
        if done == Some(true) {
            return;
        }
        assert!(started.elapsed() < MIGRATION_TIMEOUT, "timed out: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Returns once no session holds the migration lock.
pub async fn wait_until_lock_is_free(session: &mut PgConnection) {
    let started = std::time::Instant::now();
    while let Some(holder) = schema::lock_holder(session).await.unwrap() {
        assert!(
            started.elapsed() < MIGRATION_TIMEOUT,
            "{holder} keeps the lock"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Makes a trigger look as if an earlier version had created it, so that the next run has to replace it.
pub async fn outdate_trigger(session: &mut PgConnection) {
    execute(
        session,
        "comment on trigger wagrun_capture_row on blog_author is 'of an earlier version'",
    )
    .await;
}
