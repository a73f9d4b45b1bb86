//! A run that is killed or stopped at each of its steps: the next run starts within a minute and succeeds.

use std::process::Stdio;
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection};
use tokio::process::{Child, Command};
use wagrun_database::schema;

use crate::support::database::Database;
use crate::support::migration::{
    assert_migrated, migrate, outdate_trigger, runs, wait_until, wait_until_lock_is_free,
};
use crate::support::runtime::run;

/// The environment variable with the database URL of the child process.
const CHILD_DATABASE_VARIABLE: &str = "WAGRUN_TEST_MIGRATES";

/// The child process of the tests below, because only a process can be killed. Alone it tests nothing.
#[test]
fn child() {
    if let Ok(url) = std::env::var(CHILD_DATABASE_VARIABLE) {
        run(async { migrate(&url).await.map(drop).unwrap() });
    }
}

struct MigrateProcess(Child);

impl MigrateProcess {
    fn start(url: &str) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "migrate::killed::child", "--nocapture"])
            .env(CHILD_DATABASE_VARIABLE, url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        Self(child.unwrap())
    }

    async fn kill(mut self) {
        self.0.kill().await.unwrap();
    }

    async fn signal(&self, name: &str) {
        let id = self.0.id().unwrap().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status().await;
        assert!(status.unwrap().success());
    }
}

/// Kills a run as soon as the query `reached` answers true. Returns the time until the lock was free.
async fn kill_at(database: &Database, step: &str, reached: &'static str) -> Duration {
    let mut session = database.connect().await;
    let process = MigrateProcess::start(&database.url());
    wait_until(&mut session, step, reached).await;
    process.kill().await;
    let killed = Instant::now();
    wait_until_lock_is_free(&mut session).await;
    let free = killed.elapsed();
    println!("killed at {step}: lock free after {free:.1?}");
    assert!(free < Duration::from_secs(60), "{step}: {free:?}");
    free
}

async fn assert_next_run_succeeds(database: &Database) {
    migrate(&database.url()).await.unwrap();
    let mut session = database.connect().await;
    assert_migrated(&mut session).await;
    let unfinished = runs(&mut session)
        .await
        .into_iter()
        .filter(|run| run.outcome.is_none())
        .count();
    assert_eq!(unfinished, 0, "runs without an end");
}

/// The advisory lock that stops a run at the creation of a table.
const HOLD_LOCK_KEY: i64 = 4711;

/// Makes the creation of this table wait for [`HOLD_LOCK_KEY`].
async fn stop_at_creation_of(database: &Database, table: &str) {
    let function = format!(
        "create or replace function public.hold() returns event_trigger language plpgsql as $$ begin
             if exists (select from pg_event_trigger_ddl_commands() where object_identity = '{table}') then
                 perform pg_advisory_xact_lock({HOLD_LOCK_KEY});
             end if;
         end $$"
    );
    let mut superuser = database.observer().await;
    for statement in [
        function.as_str(),
        "drop event trigger if exists hold",
        "create event trigger hold on ddl_command_end when tag in ('CREATE TABLE') execute function public.hold()",
    ] {
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut superuser)
            .await
            .unwrap();
    }
}

#[test]
fn on_an_empty_database() {
    run(async {
        let database = Database::empty().await;
        let mut holder = database.connect().await;
        sqlx::query("select pg_advisory_lock($1)")
            .bind(HOLD_LOCK_KEY)
            .execute(&mut holder)
            .await
            .unwrap();
        for table in [
            "wagrun.outbox",
            "public.auth_group",
            "public.wagtailcore_referenceindex",
        ] {
            // Otherwise the killed run's manage.py would reach the next table before the next run does.
            schema::end_sessions_of_earlier_runs(&mut holder)
                .await
                .unwrap();
            stop_at_creation_of(&database, table).await;
            let waits = "select exists (select from pg_stat_activity
                where datname = current_database() and wait_event = 'advisory')";
            kill_at(&database, table, waits).await;
        }
        // The manage.py of the last killed run is still active beside the next run.
        holder.close().await.unwrap();
        assert_next_run_succeeds(&database).await;
    });
}

/// Kills a run at a step that a lock of the test prolongs, and asserts that the next run succeeds.
async fn kill_while_locked(
    database: &Database,
    step: &'static str,
    hold: &'static str,
    waits_in: &'static str,
) {
    let mut holder = database.connect().await;
    let mut held = holder.begin().await.unwrap();
    sqlx::query(hold).execute(&mut *held).await.unwrap();
    kill_at(database, step, waits_in).await;
    held.rollback().await.unwrap();
    assert_next_run_succeeds(database).await;
}

#[test]
fn while_it_looks_for_content() {
    run(async {
        let database = Database::new().await;
        let reached = "select exists (select from pg_stat_activity
            where datname = current_database() and application_name = 'wagrun manage.py a test')
            and (select count(*) from wagrun.migration_run where outcome is null) = 1";
        kill_at(&database, "Django at work on a migrated database", reached).await;
        assert_next_run_succeeds(&database).await;
    });
}

#[test]
fn while_it_attaches_capture() {
    run(async {
        let database = Database::new().await;
        outdate_trigger(&mut database.connect().await).await;
        let waits = "select exists (select from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock' and query like '%wagrun.watch_table(%')";
        let hold = "lock table blog_author in access exclusive mode";
        kill_while_locked(&database, "capture", hold, waits).await;
    });
}

#[test]
fn while_it_records_its_end() {
    run(async {
        let database = Database::new().await;
        let mut holder = database.connect().await;
        let process = MigrateProcess::start(&database.url());
        wait_until(
            &mut holder,
            "a run that has begun",
            "select exists (select from wagrun.migration_run where outcome is null)",
        )
        .await;
        let mut held = holder.begin().await.unwrap();
        sqlx::query("select from wagrun.migration_run where outcome is null for update")
            .execute(&mut *held)
            .await
            .unwrap();
        let mut session = database.connect().await;
        wait_until(
            &mut session,
            "the end of the run",
            "select exists (select from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock'
                and query like '%update wagrun.migration_run%')",
        )
        .await;
        process.kill().await;
        held.rollback().await.unwrap();
        wait_until_lock_is_free(&mut session).await;
        assert_next_run_succeeds(&database).await;
    });
}

#[test]
fn the_next_run_ends_the_sessions_that_a_killed_run_left() {
    run(async {
        let database = Database::new().await;
        // A manage.py whose migrate was killed goes on in the middle of a statement.
        let mut orphan = database.connect().await;
        sqlx::query("set application_name = 'wagrun manage.py an earlier run'")
            .execute(&mut orphan)
            .await
            .unwrap();
        let working = tokio::spawn(async move {
            sqlx::query("select pg_sleep(600)")
                .execute(&mut orphan)
                .await
        });
        assert_next_run_succeeds(&database).await;
        let ended = working.await.unwrap().unwrap_err().to_string();
        assert!(ended.contains("terminating connection"), "{ended}");
    });
}

#[test]
fn a_frozen_run_loses_the_lock_within_a_minute() {
    run(async {
        let database = Database::new().await;
        let mut session = database.connect().await;
        let process = MigrateProcess::start(&database.url());
        wait_until(
            &mut session,
            "Django at work",
            "select exists (select from pg_stat_activity
             where datname = current_database() and application_name = 'wagrun manage.py a test')",
        )
        .await;
        process.signal("STOP").await;
        let stopped = Instant::now();
        let holder = schema::lock_holder(&mut session).await.unwrap();
        assert!(holder.is_some(), "the frozen run has the lock");
        wait_until_lock_is_free(&mut session).await;
        let free = stopped.elapsed();
        println!("frozen: lock free after {free:.1?}");
        assert!(free < Duration::from_secs(60), "{free:?}");
        assert_next_run_succeeds(&database).await;
        process.kill().await;
    });
}
