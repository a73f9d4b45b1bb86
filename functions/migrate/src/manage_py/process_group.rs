//! The processes of a command, which are ended together.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;
use tokio::time::timeout;

/// Time that a command has to end by itself, after it was asked to.
pub const TERMINATION_TIMEOUT: Duration = Duration::from_secs(8);

/// A command and all processes that it has started. Dropping the group kills the processes that are left.
pub struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    /// Returns the group that a command leads.
    pub fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)))
    }

    /// Asks the command and all processes that it has started to end, and kills those that do not.
    pub async fn end(&self, child: &mut Child) -> std::io::Result<()> {
        self.signal(Signal::TERM)?;
        if timeout(TERMINATION_TIMEOUT, child.wait()).await.is_err() {
            self.signal(Signal::KILL)?;
            child.wait().await?;
        }
        Ok(())
    }

    fn signal(&self, signal: Signal) -> std::io::Result<()> {
        match self.0.map(|group| kill_process_group(group, signal)) {
            // All processes have ended by themselves.
            None | Some(Ok(()) | Err(rustix::io::Errno::SRCH)) => Ok(()),
            Some(Err(error)) => Err(error.into()),
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Err(error) = self.signal(Signal::KILL) {
            tracing::warn!(%error, "processes of a command not killed");
        }
    }
}
