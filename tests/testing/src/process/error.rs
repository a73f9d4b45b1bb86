//! The errors of child processes.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// A child could not be started, ended unexpectedly, or took too long.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// A file or directory of the run could not be created or read.
    #[error("{action} {}", path.display())]
    File {
        /// The operation that failed, such as `creating`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The program could not be started.
    #[error("starting {name} ({program})")]
    Spawn {
        /// The name of the child.
        name: String,
        /// The program to execute.
        program: String,
        /// The cause.
        source: io::Error,
    },
    /// The program ended with a failure, or ended although it was expected to run on.
    #[error("{name} ended with {status}; its log {} ends with:\n{tail}", log.display())]
    Ended {
        /// The name of the child.
        name: String,
        /// The exit status.
        status: ExitStatus,
        /// The path of the whole log.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// The program did not end in time.
    #[error("{name} did not end within {seconds} s; its log {} ends with:\n{tail}", log.display())]
    TimedOut {
        /// The name of the child.
        name: String,
        /// The timeout, in seconds.
        seconds: u64,
        /// The path of the whole log.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// The state of a child could not be read.
    #[error("checking whether {name} still runs")]
    State {
        /// The name of the child.
        name: String,
        /// The cause.
        source: io::Error,
    },
    /// The reaper did not take a command, because it has ended.
    #[error("sending a command to the reaper")]
    Reaper(#[source] io::Error),
}
