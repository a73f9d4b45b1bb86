//! One copy of a function: its process, the port by which it reaches Lambda and AWS, and its end by SIGKILL.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use testing::fleet::programs::Program;
use testing::process::Process;
use tokio::time::Instant;

use super::aws_gate;
use super::invocations::Invocations;
use super::kill_plan::Moment;
use super::sql_gate;
use super::world::World;

/// The time between two looks at a process.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// A function, of which several copies run.
pub struct Function {
    pub name: &'static str,
    /// The compiled program.
    pub program: PathBuf,
    pub environment: Vec<(&'static str, String)>,
    /// True for a function that connects to the database.
    pub has_database: bool,
    pub invocations: Arc<Invocations>,
    /// The time limit of an invocation, after which Lambda ends the process.
    pub timeout: Duration,
    /// The largest difference between the clock of a copy and the clock of the machine, in seconds.
    pub max_clock_shift: i32,
    pub timeouts: AtomicUsize,
}

/// A copy of a function.
pub struct FunctionCopy {
    pub world: Arc<World>,
    pub function: Arc<Function>,
    process: Mutex<Option<Process>>,
    /// The invocation that the process works at, and the time at which it began.
    pub current: Mutex<Option<(String, Instant)>>,
}

/// A process that ends with its owner. One that has ended already is not affected.
struct KillOnDrop(Process);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        // The number of a process that has ended may belong to another one.
        if self.0.check().is_ok() {
            // After an error the supervisor ends it.
            let _ = self.0.signal("KILL");
        }
    }
}

impl FunctionCopy {
    /// Runs processes one after the other, until the future is dropped.
    pub async fn run(world: Arc<World>, function: Arc<Function>, number: usize, mut rng: Rng) {
        let copy = Arc::new(Self {
            world,
            function,
            process: Mutex::default(),
            current: Mutex::default(),
        });
        let address = aws_gate::serve(&copy).await;
        let database_port = sql_gate::serve(&copy).await;
        loop {
            let process = copy.start(&address, database_port, number, &mut rng);
            let _ends_with_the_copy = KillOnDrop(process.clone());
            copy.process.lock().unwrap().replace(process.clone());
            while process.check().is_ok() {
                tokio::time::sleep(CHECK_INTERVAL).await;
                if copy.is_overdue() {
                    copy.function.timeouts.fetch_add(1, Ordering::Relaxed);
                    process.kill().await.unwrap();
                }
            }
            if let Some((id, _)) = copy.current.lock().unwrap().take() {
                copy.function.invocations.end(&id, None);
            }
        }
    }

    /// Kills the process if the plan says so. Returns once it has ended.
    pub async fn strike(&self, operation: &str, moment: Moment) -> bool {
        let plan = &self.world.kill_plan;
        if !plan.strikes(self.function.name, operation, moment) {
            return false;
        }
        let process = self.process.lock().unwrap().clone();
        if let Some(process) = process {
            process.kill().await.unwrap();
        }
        true
    }

    fn is_overdue(&self) -> bool {
        let current = self.current.lock().unwrap();
        let started = current.as_ref().map(|(_, started)| *started);
        started.is_some_and(|started| started.elapsed() > self.function.timeout)
    }

    fn start(&self, address: &str, database_port: u16, number: usize, rng: &mut Rng) -> Process {
        let (world, function) = (&self.world, &self.function);
        let mut environment = function.environment.clone();
        if function.has_database {
            environment.push(("DATABASE_PORT", database_port.to_string()));
        }
        let shift = rng.i32(-function.max_clock_shift..=function.max_clock_shift);
        environment.extend(world.clock.environment(shift));
        let program = Program {
            name: function.name,
            command: vec![function.program.clone()],
            runtime_api: address.to_owned(),
            endpoint: format!("http://{address}"),
            environment,
        };
        program.start(&world.supervisor, number).unwrap()
    }
}
