//! One child.

use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::error::ProcessError;
use super::lock;
use super::reaper::Reaper;

/// How many lines of a log an error quotes.
const TAIL_LINES: usize = 25;

/// The signal that asks a program to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// What most programs take as the request to end.
    Term,
    /// PostgreSQL's fast shutdown; on TERM it waits until its clients leave.
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

/// A child of the stack; it is stopped with the stack's [`Supervisor`], not when this handle is dropped.
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
    /// Its name in the stack.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id, which is also its group's.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The file with its output.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// An error with the end of its log, unless it still runs: for the loop that waits until it is ready.
    pub fn check(&self) -> Result<(), ProcessError> {
        match self.status()? {
            None => Ok(()),
            Some(status) => Err(self.ended(status)),
        }
    }

    /// Asks it to end, waits, and kills its group when it does not.
    pub async fn stop(&self) -> Result<(), ProcessError> {
        self.signal(self.stop.name())?;
        if self.ended_within(Duration::from_secs(10)).await?.is_none() {
            return self.kill().await;
        }
        // The leader has gone; whatever it left behind goes too.
        self.signal("KILL")?;
        self.reaper.tell(&format!("forget {}", self.id))
    }

    /// Kills its whole group, without a chance to clean up, and waits until it is gone.
    pub async fn kill(&self) -> Result<(), ProcessError> {
        self.signal("KILL")?;
        let patience = Duration::from_secs(10);
        match self.ended_within(patience).await? {
            Some(_) => self.reaper.tell(&format!("forget {}", self.id)),
            None => Err(self.timed_out(patience)),
        }
    }

    /// Sends a signal (`TERM`, `STOP`, `CONT`, …) to its whole group.
    pub fn signal(&self, name: &str) -> Result<(), ProcessError> {
        self.reaper.tell(&format!("signal {} {name}", self.id))
    }

    /// How it ended; none when it still runs after `patience`.
    pub async fn ended_within(
        &self,
        patience: Duration,
    ) -> Result<Option<ExitStatus>, ProcessError> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.status()? {
                return Ok(Some(status));
            }
            if started.elapsed() > patience {
                return Ok(None);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
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

    pub(super) fn timed_out(&self, patience: Duration) -> ProcessError {
        ProcessError::TimedOut {
            name: self.name.clone(),
            seconds: patience.as_secs(),
            log: self.log.clone(),
            tail: tail(&self.log, TAIL_LINES),
        }
    }
}

/// The last lines of a log that are not blank; a log that can't be read has none.
pub(super) fn tail(log: &Path, count: usize) -> String {
    let text = String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
