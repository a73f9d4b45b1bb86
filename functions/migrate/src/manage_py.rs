//! Runs the site's `manage.py`, logs its output line by line, and ends it in time.

mod process_group;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout_at};

use process_group::ProcessGroup;

/// The number of lines of a command's output that its answer or its error repeats.
const MAX_LAST_LINES: usize = 20;
/// The code in front of each script. It ends the process if migrate must not work on the site.
const CHECK_SITE: &str = include_str!("check_site.py");
/// The start of the line with the reason for that.
const REFUSED_MARKER: &str = "WAGRUN-REFUSED ";

/// The site's `manage.py` and the interpreter that runs it.
#[derive(Debug, Clone)]
pub struct ManagePy {
    /// The directory of `manage.py`.
    pub directory: PathBuf,
    /// The Python interpreter.
    pub python: PathBuf,
}

/// The environment of a command and the end of its time.
#[derive(Debug, Clone)]
pub struct CommandEnv {
    /// Variables in addition to the inherited ones. A later one of the same name counts.
    pub variables: Vec<(String, String)>,
    /// The time at which the command is ended, finished or not.
    pub stop_at: Instant,
}

/// A management command that could not be run, or that failed.
#[derive(Debug, thiserror::Error)]
pub enum ManagePyError {
    /// The interpreter or the directory does not exist, or cannot be used.
    #[error("cannot run {python} in {directory}")]
    Start {
        /// The value of `SITE_PYTHON`.
        python: String,
        /// The value of `SITE_DIRECTORY`.
        directory: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The output of the command could not be read to its end.
    #[error("cannot read the output of manage.py {command}")]
    Output {
        /// The name of the command.
        command: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The command ended with an error.
    #[error("manage.py {command} ended with {status}; its last lines:\n{last_lines}")]
    Failed {
        /// The name of the command.
        command: String,
        /// The exit code or the signal.
        status: ExitStatus,
        /// The end of its output.
        last_lines: String,
    },
    /// The site uses another database than migrate, or none that it can reach, or has an old Wagtail. The command has done
    /// nothing.
    #[error("{0}")]
    Refused(String),
    /// The command did not end in time. It was asked to end, or killed.
    #[error(
        "manage.py {command} did not end in the function's time; its last lines:\n{last_lines}"
    )]
    OutOfTime {
        /// The name of the command.
        command: String,
        /// The end of its output.
        last_lines: String,
    },
}

impl ManagePy {
    /// Runs a management command of the site, and returns the last lines of its standard output.
    pub async fn command(
        &self,
        name: &str,
        env: &CommandEnv,
    ) -> Result<Vec<String>, ManagePyError> {
        let mut env = env.clone();
        env.variables
            .push(("WAGRUN_COMMAND".to_owned(), name.to_owned()));
        self.script(name, include_str!("run_command.py"), &env, |_| ())
            .await
    }

    /// Ends well if migrate may work on the site.
    pub async fn check_site(&self, env: &CommandEnv) -> Result<(), ManagePyError> {
        self.script("shell", "", env, |_| ()).await?;
        Ok(())
    }

    /// Runs Python code with Django set up, after [`CHECK_SITE`]. Errors call it by this name.
    async fn script(
        &self,
        name: &str,
        code: &str,
        env: &CommandEnv,
        mut on_line: impl FnMut(&str),
    ) -> Result<Vec<String>, ManagePyError> {
        let code = format!("{CHECK_SITE}\n{code}");
        // Without the verbosity, the shell prints the number of names that it has imported.
        let arguments = ["shell", "--verbosity", "0", "--command", &code];
        let mut refused = None;
        let result = self.run(name, &arguments, env, |line| {
            match line.strip_prefix(REFUSED_MARKER) {
                Some(reason) => refused = Some(reason.to_owned()),
                None => on_line(line),
            }
        });
        match (result.await, refused) {
            (Err(ManagePyError::Failed { .. }), Some(reason)) => {
                Err(ManagePyError::Refused(reason))
            }
            (result, _) => result,
        }
    }

    /// Runs a command to its end. Calls `on_line` with each line of its standard output, and returns the last lines. Errors
    /// call it by this name.
    async fn run(
        &self,
        name: &str,
        arguments: &[&str],
        env: &CommandEnv,
        mut on_line: impl FnMut(&str),
    ) -> Result<Vec<String>, ManagePyError> {
        let command = name.to_owned();
        let mut child = self.spawn(arguments, env)?;
        let group = ProcessGroup::of(&child);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (mut last_output, mut last_errors) = (VecDeque::new(), VecDeque::new());
        let output_error = |source| ManagePyError::Output {
            command: command.clone(),
            source,
        };
        let ended = timeout_at(env.stop_at, async {
            tokio::try_join!(
                read_lines(stdout, |line| {
                    tracing::info!(stream = "stdout", line, "manage.py output");
                    on_line(&line);
                    push_line(&mut last_output, line);
                }),
                read_lines(stderr, |line| {
                    tracing::info!(stream = "stderr", line, "manage.py output");
                    push_line(&mut last_errors, line);
                }),
                child.wait()
            )
        })
        .await;
        match ended {
            Ok(Ok((_, _, status))) if status.success() => Ok(last_output.into()),
            Ok(Ok((_, _, status))) => Err(ManagePyError::Failed {
                command,
                status,
                last_lines: error_text(last_output, last_errors),
            }),
            Ok(Err(error)) => Err(output_error(error)),
            Err(_elapsed) => {
                group.end(&mut child).await.map_err(output_error)?;
                Err(ManagePyError::OutOfTime {
                    command,
                    last_lines: error_text(last_output, last_errors),
                })
            }
        }
    }

    /// Runs Python code with Django set up. Returns the rest of the last line that begins with `marker`.
    ///
    /// Calls `on_line` with each other line of its standard output.
    pub async fn shell(
        &self,
        code: &str,
        marker: &str,
        env: &CommandEnv,
        mut on_line: impl FnMut(&str),
    ) -> Result<Option<String>, ManagePyError> {
        let mut answer = None;
        self.script("shell", code, env, |line| match line.strip_prefix(marker) {
            Some(text) => answer = Some(text.trim().to_owned()),
            None => on_line(line),
        })
        .await?;
        Ok(answer)
    }

    fn spawn(&self, arguments: &[&str], env: &CommandEnv) -> Result<Child, ManagePyError> {
        Command::new(&self.python)
            .arg("manage.py")
            .args(arguments)
            .current_dir(&self.directory)
            .envs(env.variables.iter().map(|(name, value)| (name, value)))
            // Unbuffered, so that a line is logged when it is printed.
            .env("PYTHONUNBUFFERED", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that the processes that the command starts are ended with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| ManagePyError::Start {
                python: self.python.display().to_string(),
                directory: self.directory.display().to_string(),
                source,
            })
    }
}

/// Adds a line to the last lines of an output, and drops the first when there are too many.
pub fn push_line(last_lines: &mut VecDeque<String>, line: String) {
    if last_lines.len() == MAX_LAST_LINES {
        last_lines.pop_front();
    }
    last_lines.push_back(line);
}

/// Returns the lines that explain a failure: those of standard error, or without any those of standard output.
fn error_text(last_output: VecDeque<String>, last_errors: VecDeque<String>) -> String {
    let lines = if last_errors.is_empty() {
        last_output
    } else {
        last_errors
    };
    Vec::from(lines).join("\n")
}

/// Calls `on_line` with each line, also with one that is not valid UTF-8.
async fn read_lines(
    pipe: Option<impl AsyncRead + Unpin>,
    mut on_line: impl FnMut(String),
) -> std::io::Result<()> {
    let Some(pipe) = pipe else {
        return Ok(());
    };
    let mut reader = BufReader::new(pipe);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).await? > 0 {
        let line = String::from_utf8_lossy(&bytes);
        on_line(line.trim_end_matches(['\r', '\n']).to_owned());
        bytes.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
