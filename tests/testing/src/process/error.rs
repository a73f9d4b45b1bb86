//! What can go wrong with a child.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// A child could not be started, ended early, or took too long.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// A file or directory of the run could not be made.
    #[error("{action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The program could not be started at all.
    #[error("starting {name} ({program})")]
    Spawn {
        /// The child's name in the stack.
        name: String,
        /// What was to be executed.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// The program ended although it should run on, or ended with a failure.
    #[error("{name} ended with {status}; its log {} ends with:\n{tail}", log.display())]
    Ended {
        /// The child's name in the stack.
        name: String,
        /// How it ended.
        status: ExitStatus,
        /// The whole log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// The program did not end in time.
    #[error("{name} did not end within {seconds} s; its log {} ends with:\n{tail}", log.display())]
    TimedOut {
        /// The child's name in the stack.
        name: String,
        /// How long it was given.
        seconds: u64,
        /// The whole log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// The state of a child could not be asked for.
    #[error("asking whether {name} still runs")]
    State {
        /// The child's name in the stack.
        name: String,
        /// Why not.
        source: io::Error,
    },
    /// The reaper has gone.
    #[error("telling the reaper")]
    Reaper(#[source] io::Error),
}
