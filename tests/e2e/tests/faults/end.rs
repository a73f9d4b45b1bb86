//! The end of a round: everything comes to rest, and is compared with the commits.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::PgConnection;
use testing::fleet::BACKLOGS_PATH;
use tokio::time::{Instant, sleep};

use super::functions::Functions;
use super::kill_plan::Moment;
use super::world::{SUBSCRIBERS, World};
use crate::property::editor::Workload;
use crate::property::oracle::{Oracle, TABLES};
use crate::property::{apply_commits, check, check_duplicates, report, view};
use crate::support::database::Database;

/// The time in which everything must come to rest after the last fault.
const REST_TIMEOUT: Duration = Duration::from_secs(400);
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Rows, locks and sessions that must not be left in the database, each with the query that counts them.
const LEFT_IN_DATABASE: [(&str, &str); 6] = [
    ("changes in the outbox", "select count(*) from wagrun.outbox"),
    ("events", "select count(*) from wagrun.event where settled_at is null"),
    (
        "undecided pages",
        "select count(*) from wagrun.visibility where decide_at is not null",
    ),
    (
        "advisory locks",
        "select count(*) from pg_locks where locktype = 'advisory'
             and database = (select oid from pg_database where datname = current_database())",
    ),
    (
        "sessions of functions",
        "select count(*) from pg_stat_activity
             where datname = current_database() and application_name like 'wagrun%'",
    ),
    (
        "open transactions",
        "select count(*) from pg_stat_activity
             where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()",
    ),
];

/// Waits until everything is delivered and nothing is left. Returns what is left after the time limit.
pub async fn wait(database: &Database, world: &World, functions: &Functions) -> Result<(), String> {
    let mut superuser = database.observer().await;
    let deadline = Instant::now() + REST_TIMEOUT;
    loop {
        let mut left = left_in_database(&mut superuser).await;
        left.extend(left_elsewhere(world, functions));
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("left after {REST_TIMEOUT:?}: {left:#?}"));
        }
        sleep(CHECK_INTERVAL).await;
    }
}

async fn left_in_database(session: &mut PgConnection) -> Vec<String> {
    let mut left = Vec::new();
    for (name, query) in LEFT_IN_DATABASE {
        let count: i64 = sqlx::query_scalar(query)
            .fetch_one(&mut *session)
            .await
            .unwrap();
        if count > 0 {
            left.push(format!("{count} {name}"));
        }
    }
    left
}

fn left_elsewhere(world: &World, functions: &Functions) -> Vec<String> {
    let fleet = &world.fleet;
    let counts = [
        (fleet.events.lock().len(), "events in the queue"),
        (fleet.deliveries.lock().len(), "deliveries in the queue"),
        (fleet.set_aside().len(), "deliveries set aside"),
        (
            fleet.services.parameters().names_below(BACKLOGS_PATH).len(),
            "backlogs",
        ),
        (
            usize::from(!functions.migrate.invocations.is_idle()),
            "migrations",
        ),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    counts
        .map(|(count, name)| format!("{count} {name}"))
        .collect()
}

/// Compares the commits, the published events and the arrivals. Returns a report of what was wrong.
pub async fn check(
    seed: u64,
    database: &Database,
    world: &World,
    mut oracle: Oracle,
    workload: &Workload,
) -> String {
    let mut superuser = database.observer().await;
    let (transactions, rows) = apply_commits(&mut oracle, &mut superuser, &database.name).await;
    let published = world.topic.accepted();
    let mut compared = published.clone();
    compared.retain(view::is_compared);
    let mut findings = check::check(&oracle, &rows, &compared);
    findings.extend(check_duplicates(&world.topic));
    let mut wrong = report::report(seed, &oracle, &compared, &findings);
    for failure in workload.failures.lock().unwrap().iter() {
        wrong += &format!("\na save failed: {failure}");
    }
    let audit = world.fleet.audit(&published);
    if !audit.is_consistent() || audit.accepted + audit.dead_letters != audit.expected {
        wrong += &format!("\n{audit:#?}");
    }
    if published.is_empty() || audit.expected != published.len() * SUBSCRIBERS {
        wrong += &format!(
            "\n{} events for {} deliveries",
            published.len(),
            audit.expected
        );
    }
    println!(
        "{} transactions of {} tables decoded, {} objects, {} events, {} published twice, {} of {} deliveries accepted, {} dead \
         letters, {} delivered twice",
        transactions,
        TABLES.len(),
        oracle.histories.len(),
        published.len(),
        world.topic.duplicate_count(),
        audit.accepted,
        audit.expected,
        audit.dead_letters,
        audit.duplicates,
    );
    wrong
}

/// Returns lines of figures about the functions and their kills.
pub fn figures(world: &World, functions: &Functions) -> String {
    let kills = world.kill_plan.kills();
    let killed: usize = kills.values().sum();
    let steps = kills.len();
    let mut text = format!(
        "{killed} kills at {} of {steps} steps; faults of AWS: {}",
        kills.values().filter(|count| **count > 0).count(),
        world.aws_faults.counts().values().sum::<usize>(),
    );
    for function in functions.all() {
        let invocations = &function.invocations;
        let killed = kills
            .iter()
            .filter(|(step, _)| step.function == function.name);
        text += &format!(
            "\n{}: {} invocations succeeded, {} failed, {} given up, {} kills, {} timed out",
            function.name,
            invocations.succeeded.load(Ordering::Relaxed),
            invocations.failed.load(Ordering::Relaxed),
            invocations.given_up.load(Ordering::Relaxed),
            killed.map(|(_, count)| count).sum::<usize>(),
            function.timeouts.load(Ordering::Relaxed),
        );
    }
    let steps = kills.iter().map(|(step, count)| {
        let moment = match step.moment {
            Moment::Before => "before",
            Moment::After => "after",
        };
        format!("  {count} {} {moment} {}", step.function, step.operation)
    });
    if std::env::var("WAGRUN_FAULTS_SECONDS").is_ok_and(|length| !length.is_empty()) {
        text += &format!("\nkills by step:\n{}", steps.collect::<Vec<_>>().join("\n"));
    }
    text
}
