//! The process that ends the others; see `reaper.py`.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use super::error::ProcessError;
use super::lock;

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

    /// Gives it one of the commands in `reaper.py`.
    pub(super) fn tell(&self, command: &str) -> Result<(), ProcessError> {
        match lock(&self.input).as_mut() {
            Some(input) => writeln!(input, "{command}").map_err(ProcessError::Reaper),
            None => Ok(()),
        }
    }

    /// Lets it do its work, and collects the children that have ended meanwhile.
    pub(super) fn finish(&self, collect: impl Fn()) {
        drop(lock(&self.input).take());
        let mut reaper = lock(&self.child);
        while let Ok(None) = reaper.try_wait() {
            // Whoever is not collected stays a zombie.
            collect();
            thread::sleep(Duration::from_millis(5));
        }
    }
}
