//! Runs the site's `manage.py`, its output going to the log line by line.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;

/// Lines of a failed command's output that its error repeats.
const TAIL_LINES: usize = 20;

/// The site's `manage.py`, with the interpreter and the environment to run it.
#[derive(Debug, Clone)]
pub struct Manage {
    /// Where `manage.py` is.
    pub directory: PathBuf,
    /// The interpreter.
    pub python: PathBuf,
}

/// A management command that could not be run, or that failed.
#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    /// The interpreter or the directory is not there.
    #[error("can't run {python} in {directory}")]
    Start {
        /// `SITE_PYTHON`.
        python: String,
        /// `SITE_DIRECTORY`.
        directory: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The command's output broke off.
    #[error("can't read the output of manage.py {command}")]
    Output {
        /// Its first argument.
        command: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The command said no.
    #[error("manage.py {command} ended with {status}; its last lines:\n{tail}")]
    Failed {
        /// Its first argument.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it printed.
        tail: String,
    },
}

impl Manage {
    /// Runs a command to its end and returns the lines of its standard output.
    pub async fn run(
        &self,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Vec<String>, ManageError> {
        let command = arguments.first().copied().unwrap_or_default();
        let mut child = Command::new(&self.python);
        child
            .arg("manage.py")
            .args(arguments)
            .current_dir(&self.directory)
            .envs(environment.iter().copied())
            // Unbuffered, so that the log shows a line when it is printed.
            .env("PYTHONUNBUFFERED", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = child.spawn().map_err(|source| ManageError::Start {
            python: self.python.display().to_string(),
            directory: self.directory.display().to_string(),
            source,
        })?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let broken = |source| ManageError::Output {
            command: command.to_owned(),
            source,
        };
        let (stdout, stderr, status) = tokio::try_join!(
            lines(stdout, command, "stdout"),
            lines(stderr, command, "stderr"),
            child.wait()
        )
        .map_err(broken)?;
        if status.success() {
            return Ok(stdout);
        }
        let said = if stderr.is_empty() { stdout } else { stderr };
        Err(ManageError::Failed {
            command: command.to_owned(),
            status,
            tail: said[said.len().saturating_sub(TAIL_LINES)..].join("\n"),
        })
    }

    /// Runs Python code with Django set up, and returns what follows `marker` on the last line that begins with it.
    pub async fn shell(
        &self,
        code: &str,
        marker: &str,
        environment: &[(&str, &str)],
    ) -> Result<Option<String>, ManageError> {
        let printed = self.run(&["shell", "--command", code], environment).await?;
        let answer = printed
            .iter()
            .rev()
            .find_map(|line| line.strip_prefix(marker));
        Ok(answer.map(|text| text.trim().to_owned()))
    }
}

async fn lines(
    pipe: Option<impl AsyncRead + Unpin>,
    command: &str,
    stream: &str,
) -> std::io::Result<Vec<String>> {
    let mut lines = Vec::new();
    let Some(pipe) = pipe else {
        return Ok(lines);
    };
    let mut reader = BufReader::new(pipe).lines();
    while let Some(line) = reader.next_line().await? {
        tracing::info!(command, stream, "{line}");
        lines.push(line);
    }
    Ok(lines)
}
