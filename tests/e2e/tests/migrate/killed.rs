//! A run that is killed, or stopped, at each of its steps: the next one starts within a minute and ends well.

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

/// Where the child finds its database.
const CHILD: &str = "WAGRUN_TEST_MIGRATES";

/// No test: a process of its own for the tests below, as only a process can be killed.
#[test]
fn child() {
    if let Ok(url) = std::env::var(CHILD) {
        run(async { migrate(&url).await.map(drop).unwrap() });
    }
}

struct Killable(Child);

impl Killable {
    fn start(url: &str) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "migrate::killed::child", "--nocapture"])
            .env(CHILD, url)
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

/// Kills a run as soon as `step` is reached; then the next one has to end well. Returns when the lock was free.
async fn killed_at(database: &Database, step: &str, reached: &'static str) -> Duration {
    let mut session = database.connect().await;
    let killable = Killable::start(&database.url());
    wait_until(&mut session, step, reached).await;
    killable.kill().await;
    let killed = Instant::now();
    wait_until_lock_is_free(&mut session).await;
    let free = killed.elapsed();
    println!("killed at {step}: lock free after {free:.1?}");
    assert!(free < Duration::from_secs(60), "{step}: {free:?}");
    free
}

async fn next_ends_well(database: &Database) {
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

/// The lock that holds a run at a table's creation.
const HOLD: i64 = 4711;

/// Has whoever creates this table wait for our lock.
async fn hold_at(database: &Database, table: &str) {
    let function = format!(
        "create or replace function public.hold() returns event_trigger language plpgsql as $$ begin
             if exists (select from pg_event_trigger_ddl_commands() where object_identity = '{table}') then
                 perform pg_advisory_xact_lock({HOLD});
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
            .bind(HOLD)
            .execute(&mut holder)
            .await
            .unwrap();
        for table in [
            "wagrun.outbox",
            "public.auth_group",
            "public.wagtailcore_referenceindex",
        ] {
            // Its manage.py goes on, and would reach the next table before the next run does.
            schema::end_sessions_of_earlier_runs(&mut holder)
                .await
                .unwrap();
            hold_at(&database, table).await;
            let waits = "select exists (select from pg_stat_activity
                where datname = current_database() and wait_event = 'advisory')";
            killed_at(&database, table, waits).await;
        }
        // What the last one left goes on beside the next run.
        holder.close().await.unwrap();
        next_ends_well(&database).await;
    });
}

/// Steps that are over in a moment are held open by a lock of ours.
async fn held(database: &Database, step: &'static str, hold: &'static str, waits_in: &'static str) {
    let mut holder = database.connect().await;
    let mut held = holder.begin().await.unwrap();
    sqlx::query(hold).execute(&mut *held).await.unwrap();
    killed_at(database, step, waits_in).await;
    held.rollback().await.unwrap();
    next_ends_well(database).await;
}

#[test]
fn while_it_looks_for_content() {
    run(async {
        let database = Database::new().await;
        let reached = "select exists (select from pg_stat_activity
            where datname = current_database() and application_name = 'wagrun manage.py a test')
            and (select count(*) from wagrun.migration_run where outcome is null) = 1";
        killed_at(&database, "Django at work on a migrated database", reached).await;
        next_ends_well(&database).await;
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
        held(&database, "capture", hold, waits).await;
    });
}

#[test]
fn while_it_records_its_end() {
    run(async {
        let database = Database::new().await;
        let mut holder = database.connect().await;
        let killable = Killable::start(&database.url());
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
        killable.kill().await;
        held.rollback().await.unwrap();
        wait_until_lock_is_free(&mut session).await;
        next_ends_well(&database).await;
    });
}

#[test]
fn the_next_run_ends_the_sessions_that_a_killed_run_left() {
    run(async {
        let database = Database::new().await;
        // As a manage.py that goes on although its migrate was killed, in the middle of a statement.
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
        next_ends_well(&database).await;
        let ended = working.await.unwrap().unwrap_err().to_string();
        assert!(ended.contains("terminating connection"), "{ended}");
    });
}

#[test]
fn a_frozen_run_loses_the_lock_within_a_minute() {
    run(async {
        let database = Database::new().await;
        let mut session = database.connect().await;
        let killable = Killable::start(&database.url());
        wait_until(
            &mut session,
            "Django at work",
            "select exists (select from pg_stat_activity
             where datname = current_database() and application_name = 'wagrun manage.py a test')",
        )
        .await;
        killable.signal("STOP").await;
        let stopped = Instant::now();
        let holder = schema::lock_holder(&mut session).await.unwrap();
        assert!(holder.is_some(), "the frozen run has the lock");
        wait_until_lock_is_free(&mut session).await;
        let free = stopped.elapsed();
        println!("frozen: lock free after {free:.1?}");
        assert!(free < Duration::from_secs(60), "{free:?}");
        next_ends_well(&database).await;
        killable.kill().await;
    });
}
