//! The whole path under faults: random editors, the functions as processes, and an oracle that is not our code.
//!
//! Editors change content by raw SQL and by a real Wagtail, with rollbacks and savepoints. The programs content-events, fan-out,
//! deliver and migrate run in several copies. Each reaches the database and AWS by a port of its own, so that it can be killed at
//! each request, before the request or after it. Meanwhile everything that they use fails ([`chaos`]).
//!
//! At the end, the commits of PostgreSQL's logical decoding are compared with the published events as in [`crate::property`], and
//! the published events with the requests that reached the receivers. Outbox, queues, bucket, locks and sessions must be empty.
//!
//! Rounds follow each other until `WAGRUN_FAULTS_SECONDS` are over. `WAGRUN_FAULTS_SEED` sets the seed of the first one, which decides
//! the statements and the faults. Their interleaving depends on the machine, so a seed that failed may have to run several times.

mod aws_faults;
mod aws_gate;
mod chaos;
mod clock;
mod doorbells;
mod editors;
mod end;
mod function_copy;
mod functions;
mod interleavings;
mod invocations;
mod kill_plan;
mod sql_gate;
mod world;

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use testing::checkout;
use testing::process::Supervisor;
use tokio::time::{Instant, sleep};

use self::doorbells::Doorbells;
use self::functions::Functions;
use self::world::World;
use crate::property::content;
use crate::property::decoding;
use crate::property::editor::Workload;
use crate::property::from_environment;
use crate::property::oracle::{Oracle, TABLES};
use crate::support::database::Database;
use crate::support::runtime::run;
use crate::support::site_copy::SiteCopy;
use crate::support::sql::{WEB_ROLE, execute};

/// The length of a round. All faults are made once, which takes longer.
const ROUND_LENGTH: Duration = Duration::from_secs(1);
/// The length of a round in which only rings are late.
const RINGS_LENGTH: Duration = Duration::from_secs(4);
/// The longest round. Each has a database of its own, so that its log stays short.
const MAX_ROUND_LENGTH: Duration = Duration::from_secs(60);
/// The longest time of the editors, who stop with the faults.
const MAX_EDITING_TIME: Duration = Duration::from_secs(600);
/// The time limit of an invocation of fan-out and deliver.
const DELIVER_TIMEOUT: Duration = Duration::from_secs(6);
/// The time between the time limit and the moment at which a message becomes visible again.
const VISIBILITY_MARGIN: Duration = Duration::from_secs(2);
/// The number of waiting deliveries from which a subscriber that fails twice is set aside.
const CROWDED_AT: u64 = 30;

/// A migration of Django that changes a watched table.
const MIGRATION: &str =
    r#"migrations.AddField("author", "note", models.CharField(max_length=20, null=True))"#;

/// The faults of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Faults {
    /// Everything fails, and schedules bring what no ring has brought.
    All,
    /// Rings are late or come twice. There is no schedule.
    OnlyRings,
}

#[test]
fn everything_committed_is_delivered_under_faults() {
    run_rounds(Faults::All, ROUND_LENGTH);
}

#[test]
fn without_a_schedule_the_rings_are_enough() {
    run_rounds(Faults::OnlyRings, RINGS_LENGTH);
}

fn run_rounds(faults: Faults, default: Duration) {
    let seed = from_environment("WAGRUN_FAULTS_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    let length = from_environment("WAGRUN_FAULTS_SECONDS").map_or(default, Duration::from_secs);
    let end = Instant::now() + length;
    for seed in seed.. {
        println!("faults: {faults:?}, seed {seed}");
        match run(run_round(faults, seed, length.min(MAX_ROUND_LENGTH))) {
            Ok(figures) => println!("{figures}"),
            Err(report) => panic!("{faults:?}, seed {seed}\n{report}"),
        }
        if Instant::now() >= end {
            return;
        }
    }
}

/// Runs one round. Returns its figures, or a report of what was wrong.
async fn run_round(faults: Faults, seed: u64, length: Duration) -> Result<String, String> {
    let mut rng = Rng::with_seed(seed);
    let database = match faults {
        Faults::All => Database::on_crashing_server().await,
        Faults::OnlyRings => Database::decoded().await,
    };
    let name = database.name.clone();
    let mut superuser = database.observer().await;
    doorbells::install(&mut superuser).await;
    execute(
        &mut superuser,
        &format!(r#"alter role {WEB_ROLE} in database "{name}" set deadlock_timeout = '50ms'"#),
    )
    .await;
    let logs = checkout().join(".local/logs");
    let supervisor = Supervisor::start("faults", &logs).unwrap();
    let port = database.postgres().port();
    let world = World::start(supervisor, port, &mut rng).await;
    let site = SiteCopy::with_operations(MIGRATION);
    let functions = Functions::new(&world, &database, &site).await;
    decoding::start(&mut superuser, &name, &TABLES).await;
    let workload = Arc::new(Workload::new(Instant::now() + MAX_EDITING_TIME));
    content::seed(&mut database.connect().await, &workload.content).await;
    let oracle = Oracle::new(&decoding::committed(&mut superuser, &name, &TABLES).await);
    // The slot would otherwise begin anew after a crash.
    execute(&mut superuser, "checkpoint").await;

    let doorbells = Doorbells::new(faults == Faults::All);
    let content_events = &functions.content_events.invocations;
    let ring = doorbells.pass_on(
        database.postgres().log(),
        Arc::clone(content_events),
        rng.fork(),
    );
    let copies = functions.run(&world, faults == Faults::All, rng.fork());
    let edit_and_end = async {
        let edits = editors::edit(&database, &site, &world, &workload, rng.fork());
        let disturb = async {
            let made = match faults {
                Faults::All => {
                    chaos::disturb(&world, &functions, length, Rng::with_seed(seed)).await
                }
                Faults::OnlyRings => {
                    sleep(length).await;
                    "none".to_owned()
                }
            };
            workload.stop();
            made
        };
        let started = Instant::now();
        let (edited, made) = tokio::join!(edits, disturb);
        if faults == Faults::OnlyRings {
            interleavings::send(&database, &world).await;
        }
        let disturbed = started.elapsed();
        let ended = end::wait(&database, &world, &functions).await;
        let rested = started.elapsed() - disturbed;
        let made = format!("{made}, {disturbed:.0?}, at rest {rested:.0?} later");
        (edited, made, ended)
    };
    let (edited, made, ended) = tokio::select! {
        figures = edit_and_end => figures,
        () = copies => unreachable!(),
        () = ring => unreachable!(),
    };
    let figures = format!(
        "{edited}\nfaults {made}\n{doorbells:?}\n{}",
        end::figures(&world, &functions)
    );
    let report = match ended {
        Ok(()) => end::check(seed, &database, &world, oracle, &workload).await,
        Err(report) => report,
    };
    if report.is_empty() {
        database.postgres().drop_database(&name).await.unwrap();
        return Ok(figures);
    }
    world.supervisor.keep_logs();
    Err(format!("{figures}\n{report}"))
}
