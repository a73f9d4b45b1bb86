//! The process that ends the children (`reaper.py`).

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use super::error::ProcessError;
use super::lock::lock;

/// A running reaper.
#[derive(Debug)]
pub(super) struct Reaper {
    child: Mutex<Child>,
    input: Mutex<Option<ChildStdin>>,
}

impl Reaper {
    pub(super) fn start() -> Result<Self, ProcessError> {
        let mut child = Command::new("python3")
            .args(["-I", "-S", "-c", include_str!("reaper.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|source| ProcessError::Spawn {
                name: "the reaper".into(),
                program: "python3".into(),
                source,
            })?;
        let input = child.stdin.take();
        Ok(Self {
            child: Mutex::new(child),
            input: Mutex::new(input),
        })
    }

    /// Sends one of the commands that `reaper.py` describes.
    pub(super) fn send(&self, command: &str) -> Result<(), ProcessError> {
        match lock(&self.input).as_mut() {
            Some(input) => writeln!(input, "{command}").map_err(ProcessError::Reaper),
            None => Ok(()),
        }
    }

    /// Closes the input, and waits until the reaper has ended the children. `collect` collects those that have ended.
    pub(super) fn finish(&self, collect: impl Fn()) {
        drop(lock(&self.input).take());
        let mut reaper = lock(&self.child);
        while let Ok(None) = reaper.try_wait() {
            // A child that is not collected stays a zombie, for which the reaper would wait.
            collect();
            thread::sleep(Duration::from_millis(5));
        }
    }
}
