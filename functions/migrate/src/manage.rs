//! Runs the site's `manage.py`, its output going to the log line by line, and ends it in time.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout, timeout_at};

/// Lines of a command's output that its answer or its error repeats.
pub const TAIL_LINES: usize = 20;
/// How long a command that was asked to end may take to do so.
const GRACE: Duration = Duration::from_secs(8);

/// The site's `manage.py`, with the interpreter to run it.
#[derive(Debug, Clone)]
pub struct Manage {
    /// Where `manage.py` is.
    pub directory: PathBuf,
    /// The interpreter.
    pub python: PathBuf,
}

/// What a command gets besides its arguments.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Variables besides our own.
    pub environment: Vec<(&'static str, String)>,
    /// When it is ended, unfinished.
    pub stop_at: Instant,
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
    /// The command did not end in time, and was ended.
    #[error("manage.py {command} did not end in the function's time; its last lines:\n{tail}")]
    OutOfTime {
        /// Its first argument.
        command: String,
        /// The end of what it printed.
        tail: String,
    },
}

impl Manage {
    /// Runs a command to its end, shows `seen` each line of its standard output, and returns the last of them.
    pub async fn run(
        &self,
        arguments: &[&str],
        surroundings: &Surroundings,
        mut seen: impl FnMut(&str),
    ) -> Result<Vec<String>, ManageError> {
        let command = arguments.first().copied().unwrap_or_default().to_owned();
        let mut child = self.spawn(arguments, surroundings)?;
        let group = Group::of(&child);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (mut said, mut complained) = (VecDeque::new(), VecDeque::new());
        let broken = |source| ManageError::Output {
            command: command.clone(),
            source,
        };
        let finished = timeout_at(surroundings.stop_at, async {
            tokio::try_join!(
                each_line(stdout, |line| {
                    tracing::info!(command, stream = "stdout", "{line}");
                    seen(&line);
                    keep(&mut said, line);
                }),
                each_line(stderr, |line| {
                    tracing::info!(command, stream = "stderr", "{line}");
                    keep(&mut complained, line);
                }),
                child.wait()
            )
        })
        .await;
        let tail = |said: VecDeque<String>, complained: VecDeque<String>| {
            let lines = if complained.is_empty() {
                said
            } else {
                complained
            };
            Vec::from(lines).join("\n")
        };
        match finished {
            Ok(Ok((_, _, status))) if status.success() => Ok(said.into()),
            Ok(Ok((_, _, status))) => Err(ManageError::Failed {
                command,
                status,
                tail: tail(said, complained),
            }),
            Ok(Err(error)) => Err(broken(error)),
            Err(_) => {
                end(&mut child, &group).await.map_err(broken)?;
                Err(ManageError::OutOfTime {
                    command,
                    tail: tail(said, complained),
                })
            }
        }
    }

    /// Runs Python code with Django set up, and returns what follows `marker` on the last line that begins with it.
    pub async fn shell(
        &self,
        code: &str,
        marker: &str,
        surroundings: &Surroundings,
        mut seen: impl FnMut(&str),
    ) -> Result<Option<String>, ManageError> {
        let mut answer = None;
        self.run(
            &["shell", "--command", code],
            surroundings,
            |line| match line.strip_prefix(marker) {
                Some(text) => answer = Some(text.trim().to_owned()),
                None => seen(line),
            },
        )
        .await?;
        Ok(answer)
    }

    fn spawn(&self, arguments: &[&str], surroundings: &Surroundings) -> Result<Child, ManageError> {
        Command::new(&self.python)
            .arg("manage.py")
            .args(arguments)
            .current_dir(&self.directory)
            .envs(surroundings.environment.iter().map(|(k, v)| (k, v)))
            // Unbuffered, so that the log shows a line when it is printed.
            .env("PYTHONUNBUFFERED", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that what it starts is ended with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| ManageError::Start {
                python: self.python.display().to_string(),
                directory: self.directory.display().to_string(),
                source,
            })
    }
}

/// The command and all that it started; what is left of them is killed in the end, however that comes.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)))
    }

    fn signal(&self, signal: Signal) -> std::io::Result<()> {
        match self.0.map(|group| kill_process_group(group, signal)) {
            // All of them have ended by themselves.
            None | Some(Ok(()) | Err(rustix::io::Errno::SRCH)) => Ok(()),
            Some(Err(error)) => Err(error.into()),
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Err(error) = self.signal(Signal::KILL) {
            tracing::warn!(%error, "what a command has started may be left");
        }
    }
}

/// Asks a command and all that it started to end, and kills what does not.
async fn end(child: &mut Child, group: &Group) -> std::io::Result<()> {
    group.signal(Signal::TERM)?;
    if timeout(GRACE, child.wait()).await.is_err() {
        group.signal(Signal::KILL)?;
        child.wait().await?;
    }
    Ok(())
}

fn keep(tail: &mut VecDeque<String>, line: String) {
    if tail.len() == TAIL_LINES {
        tail.pop_front();
    }
    tail.push_back(line);
}

/// Hands over each line, whatever bytes it has.
async fn each_line(
    pipe: Option<impl AsyncRead + Unpin>,
    mut hand_over: impl FnMut(String),
) -> std::io::Result<()> {
    let Some(pipe) = pipe else {
        return Ok(());
    };
    let mut reader = BufReader::new(pipe);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).await? > 0 {
        let line = String::from_utf8_lossy(&bytes);
        hand_over(line.trim_end_matches(['\r', '\n']).to_owned());
        bytes.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
