//! A fleet of fakes, with the programs of fan-out and deliver as its workers.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use testing::checkout;
use testing::fleet::programs::Program;
use testing::fleet::{Fleet, FleetOptions, runtime_api};
use testing::process::{Process, ProcessError, Supervisor};
use testing::progress::{Progress, Wait, wait_until};

/// The time limit of every wait.
const WAIT_TIMEOUT: Duration = Duration::from_secs(600);

/// The fleet, and its processes, which end on drop.
pub struct Workers {
    pub fleet: Fleet,
    fan_out: Program,
    deliver: Program,
    processes: Vec<Process>,
    supervisor: Supervisor,
}

impl Workers {
    /// Starts a fleet without workers.
    pub async fn new(options: FleetOptions) -> Result<Self, Box<dyn Error>> {
        let fleet = Fleet::start(options).await?;
        let fan_out = Program {
            name: "fan-out",
            command: vec![binary("fan-out")?],
            runtime_api: runtime_api::serve(&fleet.fan_out).await?,
            endpoint: fleet.endpoint.clone(),
            environment: fleet.fan_out_environment(),
        };
        let deliver = Program {
            name: "deliver",
            command: vec![binary("deliver")?],
            runtime_api: runtime_api::serve(&fleet.deliver).await?,
            endpoint: fleet.endpoint.clone(),
            environment: fleet.deliver_environment(),
        };
        Ok(Self {
            fleet,
            fan_out,
            deliver,
            processes: Vec::new(),
            supervisor: Supervisor::start("bench", &checkout().join(".local/logs"))?,
        })
    }

    /// Uses another program in the place of deliver.
    pub fn deliver_by(&mut self, name: &'static str, command: Vec<PathBuf>) {
        (self.deliver.name, self.deliver.command) = (name, command);
    }

    /// Starts copies of fan-out, and returns when all of them wait for work.
    pub async fn start_fan_out(&mut self, copies: usize) -> Result<Vec<Process>, Box<dyn Error>> {
        let started = self.start(&self.fan_out.clone(), copies)?;
        let fleet = &self.fleet;
        self.until("fan-out", || fleet.fan_out.waiting() == copies)
            .await?;
        Ok(started)
    }

    /// Starts copies of deliver, and returns when all of them wait for work, or when there are deliveries.
    pub async fn start_deliver(&mut self, copies: usize) -> Result<Vec<Process>, Box<dyn Error>> {
        let started = self.start(&self.deliver.clone(), copies)?;
        let fleet = &self.fleet;
        self.until("deliver", || {
            fleet.deliver.waiting() == copies || !fleet.deliveries.lock().is_empty()
        })
        .await?;
        Ok(started)
    }

    fn start(&mut self, program: &Program, copies: usize) -> Result<Vec<Process>, ProcessError> {
        let first = self.processes.len();
        for number in first..first + copies {
            self.processes
                .push(program.start(&self.supervisor, number)?);
        }
        Ok(self.processes[first..].to_vec())
    }

    /// Returns when the condition holds, or with an error when a process has ended.
    pub async fn until(&self, what: &str, holds: impl Fn() -> bool) -> Result<(), Box<dyn Error>> {
        let quiet = Progress::quiet();
        wait_until(&quiet, what, WAIT_TIMEOUT, || async {
            for process in &self.processes {
                process.check()?;
            }
            Ok::<_, ProcessError>(if holds() {
                Wait::Ready(())
            } else {
                Wait::NotYet(format!("{} requests", self.fleet.receivers.count()))
            })
        })
        .await?;
        Ok(())
    }
}

/// Returns the path of a function's program of the same build. This program is in the folder `deps` beside it.
fn binary(name: &str) -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let directory = program.parent().and_then(|deps| deps.parent());
    let binary = directory.map(|directory| directory.join(name));
    binary.filter(|binary| binary.exists()).ok_or_else(|| {
        io::Error::other(format!(
            "{name} is not built beside this program, as `make bench` does"
        ))
    })
}
