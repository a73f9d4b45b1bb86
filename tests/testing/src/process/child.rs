//! A child process: its state, its signals and its log.

use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::error::ProcessError;
use super::lock::lock;
use super::reaper::Reaper;

/// The number of lines of a log that an error quotes.
const TAIL_LINES: usize = 25;
/// The time in which a child must end after a signal.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// The time between two checks for the end of a child.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The signal that asks a program to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGTERM, with which most programs end.
    Term,
    /// SIGINT, the fast shutdown of PostgreSQL. On SIGTERM it waits until its clients disconnect.
    Int,
}

impl StopSignal {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Int => "INT",
        }
    }
}

/// A child of a [`Supervisor`](super::Supervisor), with which it ends. Dropping this handle does not end it.
#[derive(Debug, Clone)]
pub struct Process {
    pub(super) name: String,
    pub(super) id: u32,
    pub(super) log: PathBuf,
    pub(super) stop: StopSignal,
    pub(super) child: Arc<Mutex<Child>>,
    pub(super) reaper: Arc<Reaper>,
}

impl Process {
    /// Returns the name that the supervisor was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the process id, which is also the id of the process group.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Returns the path of the file with its output.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Returns an error with the end of the log if the child has ended. Loops that wait until it is ready call this.
    pub fn check(&self) -> Result<(), ProcessError> {
        match self.status()? {
            None => Ok(()),
            Some(status) => Err(self.ended(status)),
        }
    }

    /// Asks the child to end and waits. If it does not end within 10 s, its group is killed.
    pub async fn stop(&self) -> Result<(), ProcessError> {
        self.signal(self.stop.name())?;
        if self.wait_for_exit(STOP_TIMEOUT).await?.is_none() {
            return self.kill().await;
        }
        self.forget()
    }

    /// Kills what the child has left in its group, after its end.
    pub(super) fn forget(&self) -> Result<(), ProcessError> {
        self.signal("KILL")?;
        self.reaper.send(&format!("forget {}", self.id))
    }

    /// Kills the whole group with SIGKILL, and waits until the child has ended.
    pub async fn kill(&self) -> Result<(), ProcessError> {
        self.signal("KILL")?;
        match self.wait_for_exit(STOP_TIMEOUT).await? {
            Some(_) => self.reaper.send(&format!("forget {}", self.id)),
            None => Err(self.timed_out(STOP_TIMEOUT)),
        }
    }

    /// Sends a signal (`TERM`, `STOP`, `CONT`, …) to the whole group.
    pub fn signal(&self, name: &str) -> Result<(), ProcessError> {
        self.reaper.send(&format!("signal {} {name}", self.id))
    }

    /// Returns the exit status of the child, or `None` if it still runs after `timeout`.
    pub async fn wait_for_exit(
        &self,
        timeout: Duration,
    ) -> Result<Option<ExitStatus>, ProcessError> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.status()? {
                return Ok(Some(status));
            }
            if started.elapsed() > timeout {
                return Ok(None);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    fn status(&self) -> Result<Option<ExitStatus>, ProcessError> {
        lock(&self.child)
            .try_wait()
            .map_err(|source| ProcessError::State {
                name: self.name.clone(),
                source,
            })
    }

    pub(super) fn ended(&self, status: ExitStatus) -> ProcessError {
        ProcessError::Ended {
            name: self.name.clone(),
            status,
            log: self.log.clone(),
            tail: tail(&self.log, TAIL_LINES),
        }
    }

    pub(super) fn timed_out(&self, timeout: Duration) -> ProcessError {
        ProcessError::TimedOut {
            name: self.name.clone(),
            seconds: timeout.as_secs(),
            log: self.log.clone(),
            tail: tail(&self.log, TAIL_LINES),
        }
    }
}

/// Returns the last lines of a log that have words, or nothing if the log cannot be read. Of a line that a program has written over and
/// over, such as the progress of an upload, it returns what was written last.
pub(super) fn tail(log: &Path, count: usize) -> String {
    let text = String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split('\r').rfind(|part| !part.trim().is_empty()))
        .filter(|line| line.chars().any(char::is_alphanumeric))
        .collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
