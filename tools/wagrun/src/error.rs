//! The errors of the command. Each is one sentence for the operator, with the next step where there is one.

use std::io;
use std::path::PathBuf;

use crate::call::CallError;

/// The command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// No stack was named, and no demo is running.
    #[error(
        "no stack: name one with --stack or STACK, or start the local one with `make demo` in the checkout"
    )]
    NoStack,
    /// The file of the demo could not be read.
    #[error("{path}: cannot be read: {source}; start the demo again (make demo)")]
    DemoFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file of the demo lacks a variable.
    #[error("{path}: {name} is not set; start the demo again (make demo)")]
    DemoVariable {
        /// The file.
        path: PathBuf,
        /// The missing variable.
        name: &'static str,
    },
    /// CloudFormation has no stack of that name here.
    #[error(
        "there is no stack {name} in {region}; `aws cloudformation list-stacks --region {region}` lists those that are there"
    )]
    NoSuchStack {
        /// The name.
        name: String,
        /// The region that was asked.
        region: String,
    },
    /// The stack was deployed by a template without this output.
    #[error("stack {stack} has no output {output}: {reason}")]
    NoOutput {
        /// The name of the stack.
        stack: String,
        /// The name of the output.
        output: &'static str,
        /// The explanation for the operator.
        reason: &'static str,
    },
    /// A call of AWS failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// An argument cannot be used.
    #[error("{argument}: {problem}")]
    Argument {
        /// The argument, as it is written.
        argument: String,
        /// The fault, and what would be right.
        problem: String,
    },
    /// A function answered with an error.
    #[error("{function} failed: {message}")]
    Function {
        /// The name of the function in this project, such as `content-events`.
        function: &'static str,
        /// The error of the function.
        message: String,
    },
    /// A function refused a request, and everything is as before.
    #[error("{0}")]
    Refused(String),
    /// An answer is not what this version of the command expects.
    #[error(
        "{what} cannot be read: {source}; the stack may be of another version than this command"
    )]
    Answer {
        /// The thing that was read.
        what: &'static str,
        /// The cause.
        source: serde_json::Error,
    },
    /// A question could not be asked, because nobody is at a terminal.
    #[error("{0}; nobody can be asked here, so say --yes")]
    NeedsConsent(String),
    /// The operator said no.
    #[error("nothing was done")]
    Declined,
    /// Standard output or input failed.
    #[error("{doing}: {source}")]
    Io {
        /// The activity.
        doing: String,
        /// The cause.
        source: io::Error,
    },
}

impl CommandError {
    /// Returns the error of an argument that cannot be used.
    pub fn argument(argument: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Argument {
            argument: argument.into(),
            problem: problem.into(),
        }
    }

    /// Returns true when the reader of the output has gone, as with `wagrun logs | head`.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}
