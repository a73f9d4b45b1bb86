//! Child processes that never outlive the stack, however it ends.
//!
//! Every child is the leader of a process group of its own, writes to a log file, and is known to the *reaper*
//! (`reaper.py`), a small process that ends all groups and removes the run directory once its input is closed.
//! Closing it is all that an orderly shutdown does, and what the kernel does for us after SIGKILL, `exit` or a panic,
//! so there is only one way to end.

mod child;
mod error;
mod reaper;
#[cfg(test)]
mod tests;

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::progress::Progress;

pub use child::{Process, StopSignal};
pub use error::ProcessError;

use child::tail;
use reaper::Reaper;

/// Logs of runs that failed are kept this long.
const LOGS_KEPT: Duration = Duration::from_secs(2 * 24 * 60 * 60);
/// How often a program that runs for long is reported.
const REMINDER: Duration = Duration::from_secs(15);

/// Owns a run: its directory, its logs and its children; dropping it ends and removes them, newest first.
#[derive(Debug)]
pub struct Supervisor {
    directory: PathBuf,
    logs: PathBuf,
    keep_logs: AtomicBool,
    progress: Progress,
    reaper: Arc<Reaper>,
    children: Mutex<Vec<Arc<Mutex<Child>>>>,
}

impl Supervisor {
    /// Makes a fresh run directory under the system's temporary directory, and one for logs under `logs`.
    ///
    /// The logs survive a run that did not end in order, and are cleared away two days later.
    pub fn start(name: &str, logs: &Path) -> Result<Self, ProcessError> {
        remove_old(logs);
        let run = format!("{name}-{}", uuid::Uuid::new_v4().simple());
        let directory = std::env::temp_dir().join(&run);
        let logs = logs.join(run);
        for path in [&directory, &logs] {
            create_directory(path)?;
        }
        // PostgreSQL's user looks in, whatever our umask is.
        std::fs::set_permissions(&directory, Permissions::from_mode(0o711)).map_err(|source| {
            ProcessError::File {
                action: "opening",
                path: directory.clone(),
                source,
            }
        })?;
        let reaper = Reaper::start()?;
        reaper.tell(&format!("directory {}", directory.display()))?;
        Ok(Self {
            directory,
            logs,
            keep_logs: AtomicBool::new(false),
            progress: Progress::quiet(),
            reaper: Arc::new(reaper),
            children: Mutex::new(Vec::new()),
        })
    }

    /// Where a program that runs for long is reported from now on.
    pub fn report_to(&mut self, progress: Progress) {
        self.progress = progress;
    }

    /// The run's directory, removed at the end.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the children's logs are.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// The logs stay although the run ends in order.
    pub fn keep_logs(&self) {
        self.keep_logs.store(true, Ordering::Relaxed);
    }

    /// Makes a directory of this name in the run's directory.
    pub fn create_directory(&self, name: &str) -> Result<PathBuf, ProcessError> {
        let path = self.directory.join(name);
        create_directory(&path)?;
        Ok(path)
    }

    /// Starts a child that runs until it is stopped with SIGTERM; it has no standard input, and `<name>.log` takes its output.
    pub fn spawn(&self, name: &str, command: Command) -> Result<Process, ProcessError> {
        self.spawn_stopped_by(name, command, StopSignal::Term)
    }

    /// Starts a child that another signal asks to end.
    pub fn spawn_stopped_by(
        &self,
        name: &str,
        mut command: Command,
        stop: StopSignal,
    ) -> Result<Process, ProcessError> {
        let log = self.logs.join(format!("{name}.log"));
        let output = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log);
        let (output, errors) = output
            .and_then(|file| Ok((file.try_clone()?, file)))
            .map_err(|source| ProcessError::File {
                action: "opening the log",
                path: log.clone(),
                source,
            })?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(|source| ProcessError::Spawn {
                name: name.to_owned(),
                program: command.get_program().to_string_lossy().into_owned(),
                source,
            })?;
        let id = child.id();
        let child = Arc::new(Mutex::new(child));
        lock(&self.children).push(Arc::clone(&child));
        self.reaper.tell(&format!("group {id} {}", stop.name()))?;
        Ok(Process {
            name: name.to_owned(),
            id,
            log,
            stop,
            child,
            reaper: Arc::clone(&self.reaper),
        })
    }

    /// Runs a program to its end and returns its log; anything but success within `patience` is an error.
    pub async fn run(
        &self,
        name: &str,
        command: Command,
        patience: Duration,
    ) -> Result<PathBuf, ProcessError> {
        let process = self.spawn(name, command)?;
        let started = Instant::now();
        loop {
            match process.ended_within(REMINDER.min(patience)).await? {
                Some(status) if status.success() => return Ok(process.log),
                Some(status) => return Err(process.ended(status)),
                None if started.elapsed() >= patience => {
                    process.stop().await?;
                    return Err(process.timed_out(patience));
                }
                None => self.progress.waiting(name, &tail(&process.log, 1)),
            }
        }
    }

    /// Ends every child, newest first, and removes the run's directory.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // A panic is a failed test, whose logs are wanted.
        if !self.keep_logs.load(Ordering::Relaxed) && !std::thread::panicking() {
            // Without the reaper there is nothing to tell; the logs then stay for two days.
            let _ = self
                .reaper
                .tell(&format!("directory {}", self.logs.display()));
        }
        let children = lock(&self.children);
        self.reaper.finish(|| {
            for child in children.iter() {
                let _ = lock(child).try_wait();
            }
        });
        // Only needed when somebody killed the reaper.
        for child in children.iter() {
            let mut child = lock(child);
            if let Ok(None) = child.try_wait() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// A TCP port that is free on 127.0.0.1 at this moment, for programs that can't choose one themselves.
pub fn free_port() -> io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?
        .local_addr()?
        .port())
}

fn create_directory(path: &Path) -> Result<(), ProcessError> {
    std::fs::create_dir_all(path).map_err(|source| ProcessError::File {
        action: "creating",
        path: path.to_owned(),
        source,
    })
}

/// Clears away what earlier runs left; a directory that can't be removed now is left to the next run.
fn remove_old(logs: &Path) {
    let Ok(entries) = std::fs::read_dir(logs) else {
        return;
    };
    for entry in entries.flatten() {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.map(|time| SystemTime::now().duration_since(time).unwrap_or_default());
        if age.is_ok_and(|age| age > LOGS_KEPT) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// A panic elsewhere must not keep us from ending the children.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
