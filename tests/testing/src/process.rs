//! Child processes that never outlive the test process, however it ends.
//!
//! Each child leads its own process group and writes to a log file. The *reaper* (`reaper.py`) is a small process that knows
//! all groups. When its input is closed, it ends the groups and removes the run directory. An orderly shutdown closes that
//! input. After SIGKILL, `exit` or a panic the kernel closes it. So there is only one way to end.

mod child;
mod error;
mod lock;
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
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use crate::progress::Progress;

pub use child::{Process, StopSignal};
pub use error::ProcessError;

use child::tail;
use lock::lock;
use reaper::Reaper;

/// The age at which the logs of an earlier run are removed.
const LOG_RETENTION: Duration = Duration::from_secs(2 * 24 * 60 * 60);
/// The time between two progress lines about a program that still runs.
const REMINDER_INTERVAL: Duration = Duration::from_secs(15);

/// Owns a run: its directory, its logs and its children. Dropping it ends the children, newest first, and removes the files.
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
    /// Creates a run directory in the temporary directory of the system, and a directory for its logs in `logs`.
    ///
    /// The logs of a run that does not end in order stay for two days.
    pub fn start(name: &str, logs: &Path) -> Result<Self, ProcessError> {
        remove_old(logs);
        let run = format!("{name}-{}", uuid::Uuid::new_v4().simple());
        let directory = std::env::temp_dir().join(&run);
        let logs = logs.join(run);
        for path in [&directory, &logs] {
            create_directory(path)?;
        }
        // The user of PostgreSQL must be able to enter, whatever the umask is.
        std::fs::set_permissions(&directory, Permissions::from_mode(0o711)).map_err(|source| {
            ProcessError::File {
                action: "opening",
                path: directory.clone(),
                source,
            }
        })?;
        let reaper = Reaper::start()?;
        reaper.send(&format!("directory {}", directory.display()))?;
        Ok(Self {
            directory,
            logs,
            keep_logs: AtomicBool::new(false),
            progress: Progress::quiet(),
            reaper: Arc::new(reaper),
            children: Mutex::new(Vec::new()),
        })
    }

    /// Reports long-running programs to `progress` from now on.
    pub fn report_to(&mut self, progress: Progress) {
        self.progress = progress;
    }

    /// Returns the directory of the run, which is removed at the end.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the directory with the logs of the children.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// Keeps the logs, even if the run ends in order.
    pub fn keep_logs(&self) {
        self.keep_logs.store(true, Ordering::Relaxed);
    }

    /// Creates a directory in the directory of the run.
    pub fn create_directory(&self, name: &str) -> Result<PathBuf, ProcessError> {
        let path = self.directory.join(name);
        create_directory(&path)?;
        Ok(path)
    }

    /// Starts a child that SIGTERM stops. It has no standard input, and its output goes to `<name>.log`.
    pub fn spawn(&self, name: &str, command: Command) -> Result<Process, ProcessError> {
        self.spawn_stopped_by(name, command, StopSignal::Term)
    }

    /// Starts a child that `stop` asks to end.
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
        self.reaper.send(&format!("group {id} {}", stop.name()))?;
        Ok(Process {
            name: name.to_owned(),
            id,
            log,
            stop,
            child,
            reaper: Arc::clone(&self.reaper),
        })
    }

    /// Runs a program to its end and returns the path of its log. A failure, or no end within `timeout`, is an error.
    pub async fn run(
        &self,
        name: &str,
        command: Command,
        timeout: Duration,
    ) -> Result<PathBuf, ProcessError> {
        let process = self.spawn(name, command)?;
        let started = Instant::now();
        loop {
            match process
                .wait_for_exit(REMINDER_INTERVAL.min(timeout))
                .await?
            {
                Some(status) => {
                    process.forget()?;
                    return match status.success() {
                        true => Ok(process.log),
                        false => Err(process.ended(status)),
                    };
                }
                None if started.elapsed() >= timeout => {
                    process.stop().await?;
                    return Err(process.timed_out(timeout));
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
        // A panic is a failed test, and its logs are needed. `make test` needs those of all tests.
        let is_of_checkout = self.logs.starts_with(crate::checkout().join(".local/logs"));
        let all_are_kept = is_of_checkout && std::env::var_os("WAGRUN_KEEP_LOGS").is_some();
        if !all_are_kept && !self.keep_logs.load(Ordering::Relaxed) && !std::thread::panicking() {
            // If the reaper has ended, the logs stay for two days.
            let _ = self
                .reaper
                .send(&format!("directory {}", self.logs.display()));
        }
        let children = lock(&self.children);
        self.reaper.finish(|| {
            for child in children.iter() {
                let _ = lock(child).try_wait();
            }
        });
        // Needed only if the reaper was killed.
        for child in children.iter() {
            let mut child = lock(child);
            if let Ok(None) = child.try_wait() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// Returns a TCP port that is free on 127.0.0.1 at this moment, for programs that cannot choose one themselves.
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

/// Removes the old logs of earlier runs. A directory that cannot be removed now is left to the next run.
fn remove_old(logs: &Path) {
    let Ok(entries) = std::fs::read_dir(logs) else {
        return;
    };
    for entry in entries.flatten() {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.map(|time| SystemTime::now().duration_since(time).unwrap_or_default());
        if age.is_ok_and(|age| age > LOG_RETENTION) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
