//! The process of the browser, and the pipe to it.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::error::BrowserError;

/// The time in which the browser must answer a call.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// The time in which the browser must end after its pipe was closed.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A running browser. Dropping this ends it.
#[derive(Debug)]
pub struct Pipe {
    /// The session of the page that calls are for, once there is one.
    pub session: Option<String>,
    /// The errors and the requests of the page so far.
    pub problems: Vec<String>,
    program: PathBuf,
    profile: PathBuf,
    child: Child,
    /// Closing it ends the browser.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    calls: u64,
}

impl Pipe {
    /// Installs Chromium if necessary, and starts it with an empty profile. `CHROMIUM` names another program.
    pub async fn start() -> Result<Self, BrowserError> {
        let (program, libraries) = match std::env::var_os("CHROMIUM") {
            Some(program) => (PathBuf::from(program), None),
            None => {
                let directory = installed().await?;
                (directory.join("chromium"), Some(directory))
            }
        };
        let profile =
            std::env::temp_dir().join(format!("browser-{}", uuid::Uuid::new_v4().simple()));
        // The protocol uses the descriptors 3 and 4. A shell passes them to the browser, which needs no unsafe code here.
        let mut command = Command::new("sh");
        command
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >&2"])
            .arg(&program)
            .arg("--remote-debugging-pipe")
            .arg(format!("--user-data-dir={}", profile.display()))
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "about:blank",
            ])
            .env("HOME", &profile)
            .env("XDG_CACHE_HOME", profile.join("cache"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        if let Some(directory) = &libraries {
            command
                .env("LD_LIBRARY_PATH", directory.join("lib"))
                .env("FONTCONFIG_PATH", directory);
        }
        let mut child = command.spawn().map_err(|source| BrowserError::Io {
            action: "starting",
            program: program.clone(),
            source,
        })?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(BrowserError::NoAnswer("the pipe".to_owned()));
        };
        Ok(Self {
            program,
            profile,
            child,
            input: Some(input),
            output: BufReader::new(output),
            session: None,
            calls: 0,
            problems: Vec::new(),
        })
    }

    /// Calls a method of the protocol, and returns its result.
    pub async fn call(&mut self, method: &str, parameters: Value) -> Result<Value, BrowserError> {
        self.calls += 1;
        let mut message = json!({"id": self.calls, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = session.clone().into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        let closed = || BrowserError::NoAnswer(method.to_owned());
        let input = self.input.as_mut().ok_or_else(closed)?;
        let written = input.write_all(&bytes).await;
        written.map_err(|source| self.failed("writing to", source))?;
        let answered = tokio::time::timeout(CALL_TIMEOUT * 2, self.answer());
        let mut answer = answered
            .await
            .unwrap_or_else(|_| Err(BrowserError::NoAnswer(method.to_owned())))?;
        match answer["error"].take() {
            Value::Null => Ok(answer["result"].take()),
            error => Err(BrowserError::Refused {
                method: method.to_owned(),
                error: error.to_string(),
            }),
        }
    }

    /// Reads until the answer to the last call. Problems that the page reports before it are remembered.
    async fn answer(&mut self) -> Result<Value, BrowserError> {
        loop {
            let mut bytes = Vec::new();
            let read = self.output.read_until(0, &mut bytes).await;
            read.map_err(|source| self.failed("reading from", source))?;
            if bytes.pop() != Some(0) {
                let ended = io::Error::from(io::ErrorKind::UnexpectedEof);
                return Err(self.failed("reading from", ended));
            }
            let message: Value = serde_json::from_slice(&bytes)
                .map_err(|error| self.failed("reading from", error.into()))?;
            if message["id"] == self.calls {
                return Ok(message);
            }
            self.problems.extend(problem(&message));
        }
    }

    fn failed(&self, action: &'static str, source: io::Error) -> BrowserError {
        BrowserError::Io {
            action,
            program: self.program.clone(),
            source,
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // After this the browser ends in order, together with its children, which could still write into the profile.
        drop(self.input.take());
        let started = Instant::now();
        while let Ok(None) = self.child.try_wait() {
            if started.elapsed() > STOP_TIMEOUT {
                let _ = self.child.start_kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

/// Returns the directory into which `tools/browser.py` has installed Chromium.
async fn installed() -> Result<PathBuf, BrowserError> {
    let output = Command::new("python3")
        .arg(testing::checkout().join("tools/browser.py"))
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(BrowserError::Installer)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(BrowserError::Install(said));
    }
    Ok(PathBuf::from(
        String::from_utf8_lossy(&output.stdout).trim_end(),
    ))
}

/// Returns the error or the request that a message of the browser reports.
fn problem(message: &Value) -> Option<String> {
    let params = &message["params"];
    Some(match message["method"].as_str()? {
        "Runtime.exceptionThrown" => format!("threw {}", params["exceptionDetails"]),
        "Log.entryAdded" if params["entry"]["level"] == "error" => {
            format!("logged {}", params["entry"]["text"])
        }
        "Network.requestWillBeSent" => {
            format!("requested {}", params["request"]["url"].as_str()?)
        }
        _ => return None,
    })
}
