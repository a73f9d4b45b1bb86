//! The functions of a round, built and configured as the template configures them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use fastrand::Rng;
use local_stack::postgres::MASTER;
use serde_json::json;
use testing::checkout;
use testing::fleet::SUBSCRIBERS_PATH;
use testing::fleet::events::SOURCE;
use tokio::process::Command;

use super::DELIVER_TIMEOUT;
use super::function_copy::{Function, FunctionCopy};
use super::invocations::Invocations;
use super::world::World;
use crate::support::database::Database;
use crate::support::python;
use crate::support::site_copy::SiteCopy;
use crate::support::sql::{RELAY_ROLE, WEB_ROLE};

/// The number of attempts of an asynchronous invocation.
const ATTEMPTS: usize = 3;
/// The time limit of content-events. It takes no more work 20 s before.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// The time limit of migrate.
const MIGRATE_TIMEOUT: Duration = Duration::from_secs(120);
/// The time between two sweeps of the outbox. On AWS it is an hour.
const SWEEP_INTERVAL: Duration = Duration::from_secs(2);
/// The time between two sweeps of the backlogs, and two comparisons of the subscriber directory. On AWS it is five minutes.
const BACKLOG_SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// The time between two events of Parameter Store about a subscriber. Each is about any of them: late, doubled or lost.
const PARAMETER_EVENT_INTERVAL: Duration = Duration::from_millis(700);

pub struct Functions {
    pub content_events: Arc<Function>,
    pub fan_out: Arc<Function>,
    pub deliver: Arc<Function>,
    pub subscriber_directory: Arc<Function>,
    pub migrate: Arc<Function>,
}

impl Functions {
    pub async fn new(world: &World, database: &Database, site: &SiteCopy) -> Self {
        let [
            content_events,
            fan_out,
            deliver,
            subscriber_directory,
            migrate,
        ] = programs().await;
        let fleet = &world.fleet;
        let function = |name, program, environment, invocations| Function {
            name,
            program,
            environment,
            has_database: false,
            invocations: Arc::new(invocations),
            timeout: DELIVER_TIMEOUT,
            max_clock_shift: 0,
            timeouts: AtomicUsize::default(),
        };
        let topic = "arn:aws:sns:us-east-1:000000000000:fleet-events.fifo";
        let mut drain = session(database, RELAY_ROLE);
        drain.extend([
            ("TOPIC_ARN", topic.to_owned()),
            ("EVENT_SOURCE", SOURCE.to_owned()),
            ("METRICS_NAMESPACE", "wagrun/faults".to_owned()),
        ]);
        let python = python::environment("site").await.join("bin/python");
        let mut owner = session(database, MASTER);
        owner.extend([
            ("DATABASE_WEB_USER", WEB_ROLE.to_owned()),
            ("DATABASE_RELAY_USER", RELAY_ROLE.to_owned()),
            (
                "SITE_DIRECTORY",
                site.directory().to_string_lossy().into_owned(),
            ),
            ("SITE_PYTHON", python.to_string_lossy().into_owned()),
            ("DOORBELL", "LambdaEndpoint".to_owned()),
            (
                "DOORBELL_FUNCTION",
                "arn:aws:lambda:us-east-1:000000000000:function:content-events".to_owned(),
            ),
            ("SECRET_KEY", "of a test".to_owned()),
        ]);
        Self {
            content_events: Arc::new(Function {
                has_database: true,
                timeout: DRAIN_TIMEOUT,
                max_clock_shift: 8,
                ..function(
                    "content-events",
                    content_events,
                    drain,
                    Invocations::new(None, ATTEMPTS),
                )
            }),
            fan_out: Arc::new(Function {
                max_clock_shift: 2,
                ..function(
                    "fan-out",
                    fan_out,
                    fleet.fan_out_environment(),
                    Invocations::new(Some(Arc::clone(&fleet.fan_out)), 1),
                )
            }),
            deliver: Arc::new(Function {
                max_clock_shift: 1,
                ..function(
                    "deliver",
                    deliver,
                    fleet.deliver_environment(),
                    Invocations::new(Some(Arc::clone(&fleet.deliver)), 1),
                )
            }),
            subscriber_directory: Arc::new(Function {
                max_clock_shift: 1,
                // The next comparison repeats what a failed one could not do.
                ..function(
                    "subscriber-directory",
                    subscriber_directory,
                    fleet.fan_out_environment(),
                    Invocations::new(None, 1),
                )
            }),
            migrate: Arc::new(Function {
                has_database: true,
                timeout: MIGRATE_TIMEOUT,
                // It is asked again until it succeeds, as a deployment is.
                ..function(
                    "migrate",
                    migrate,
                    owner,
                    Invocations::new(None, usize::MAX),
                )
            }),
        }
    }

    /// Runs the copies of all functions until the future is dropped, and their schedules if they have some.
    pub async fn run(&self, world: &Arc<World>, has_schedules: bool, mut rng: Rng) {
        let copies = [
            (&self.content_events, 4),
            (&self.fan_out, 2),
            // A copy waits most of the time: for the network, and for SQS.
            (&self.deliver, 10),
            (&self.subscriber_directory, 2),
            (&self.migrate, 1),
        ];
        let copies = copies.into_iter().flat_map(|(function, count)| {
            (0..count).map(move |number| (Arc::clone(function), number))
        });
        let copies: Vec<_> = copies
            .map(|(function, number)| {
                tokio::spawn(FunctionCopy::run(
                    Arc::clone(world),
                    function,
                    number,
                    rng.fork(),
                ))
            })
            .map(AbortOnDrop)
            .collect();
        let sweeps = every(SWEEP_INTERVAL, || {
            self.content_events
                .invocations
                .invoke(json!({"sweep": true}));
        });
        let backlog_sweeps = every(BACKLOG_SWEEP_INTERVAL, || {
            self.deliver
                .invocations
                .invoke(json!({"sweep": "backlogs"}));
            self.subscriber_directory
                .invocations
                .invoke(json!({"compare": "subscribers"}));
        });
        let parameters = world
            .fleet
            .services
            .parameters()
            .names_below(SUBSCRIBERS_PATH);
        let mut choice = rng.fork();
        let parameter_events = every(PARAMETER_EVENT_INTERVAL, || {
            let name = choice.choice(&parameters);
            let event = json!({"detail-type": "Parameter Store Change", "detail": {"name": name}});
            self.subscriber_directory.invocations.invoke(event);
        });
        if has_schedules {
            tokio::join!(sweeps, backlog_sweeps, parameter_events);
        }
        std::future::pending::<()>().await;
        drop(copies);
    }

    pub fn all(&self) -> [&Arc<Function>; 5] {
        [
            &self.content_events,
            &self.fan_out,
            &self.deliver,
            &self.subscriber_directory,
            &self.migrate,
        ]
    }
}

/// A task that ends with its owner.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn every(interval: Duration, mut action: impl FnMut()) {
    let mut every = tokio::time::interval(interval);
    loop {
        every.tick().await;
        action();
    }
}

/// Compiles the programs, and returns their paths. The build shares the artifacts of `cargo test`.
async fn programs() -> [PathBuf; 5] {
    let names = [
        "content-events",
        "fan-out",
        "deliver",
        "subscriber-directory",
        "migrate",
    ];
    let mut build = Command::new(env!("CARGO"));
    build
        .args(["build", "--workspace", "--locked", "--quiet"])
        .current_dir(checkout());
    // The variables of this package would make build scripts run again.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let is_of_test =
            name.starts_with("CARGO_") && name != "CARGO_HOME" && name != "CARGO_TARGET_DIR";
        if is_of_test {
            build.env_remove(name);
        }
    }
    for name in names {
        build.args(["--bin", name]);
    }
    assert!(build.status().await.unwrap().success());
    // The test is in `deps`, beside which the programs are.
    let test = std::env::current_exe().unwrap();
    let directory = test.parent().and_then(|deps| deps.parent()).unwrap();
    names.map(|name| directory.join(name))
}

fn session(database: &Database, role: &str) -> Vec<(&'static str, String)> {
    vec![
        ("DATABASE_HOST", "127.0.0.1".to_owned()),
        ("DATABASE_NAME", database.name.clone()),
        ("DATABASE_USER", role.to_owned()),
        ("DATABASE_SSL_MODE", "disable".to_owned()),
        ("DATABASE_AUTH", "none".to_owned()),
    ]
}
