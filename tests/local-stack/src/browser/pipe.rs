//! The browser's process, and the pipe to it.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::{BrowserError, PATIENCE};

/// How long an orderly end may take.
const ENDED_WITHIN: Duration = Duration::from_secs(5);

/// A running browser that speaks the protocol; it ends when this is dropped.
#[derive(Debug)]
pub struct Pipe {
    /// The page that calls are for, once there is one.
    pub session: Option<String>,
    /// What went wrong so far, and what was requested.
    pub complaints: Vec<String>,
    program: PathBuf,
    profile: PathBuf,
    child: Child,
    /// Closed to end the browser.
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    calls: u64,
}

impl Pipe {
    /// Installs Chromium if it isn't installed, and starts it with an empty profile. `CHROMIUM` names another program.
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
        // The protocol is on descriptors 3 and 4, which only a shell gives to a child without unsafe code.
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
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(BrowserError::Silent("the pipe".to_owned()));
        };
        Ok(Self {
            program,
            profile,
            child,
            to: Some(to),
            from: BufReader::new(from),
            session: None,
            calls: 0,
            complaints: Vec::new(),
        })
    }

    /// Makes a call of the protocol, and returns what it results in.
    pub async fn call(&mut self, method: &str, input: Value) -> Result<Value, BrowserError> {
        self.calls += 1;
        let mut message = json!({"id": self.calls, "method": method, "params": input});
        if let Some(session) = &self.session {
            message["sessionId"] = session.clone().into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        let closed = || BrowserError::Silent(method.to_owned());
        let to = self.to.as_mut().ok_or_else(closed)?;
        let written = to.write_all(&bytes).await;
        written.map_err(|source| self.failed("telling", source))?;
        let answered = tokio::time::timeout(PATIENCE * 2, self.answer());
        let mut answer = answered
            .await
            .unwrap_or_else(|_| Err(BrowserError::Silent(method.to_owned())))?;
        match answer["error"].take() {
            Value::Null => Ok(answer["result"].take()),
            error => Err(BrowserError::Refused {
                method: method.to_owned(),
                error: error.to_string(),
            }),
        }
    }

    /// The answer to the last call; what the page does meanwhile is remembered if it is a complaint.
    async fn answer(&mut self) -> Result<Value, BrowserError> {
        loop {
            let mut bytes = Vec::new();
            let read = self.from.read_until(0, &mut bytes).await;
            read.map_err(|source| self.failed("hearing", source))?;
            if bytes.pop() != Some(0) {
                let ended = io::Error::from(io::ErrorKind::UnexpectedEof);
                return Err(self.failed("hearing", ended));
            }
            let message: Value = serde_json::from_slice(&bytes)
                .map_err(|error| self.failed("hearing", error.into()))?;
            if message["id"] == self.calls {
                return Ok(message);
            }
            self.complaints.extend(complaint(&message));
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
        // It ends in order then, and its own children with it, which otherwise still write into the profile.
        drop(self.to.take());
        let asked = Instant::now();
        while let Ok(None) = self.child.try_wait() {
            if asked.elapsed() > ENDED_WITHIN {
                let _ = self.child.start_kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

/// Where tools/browser.py has Chromium.
async fn installed() -> Result<PathBuf, BrowserError> {
    let output = Command::new("python3")
        .arg(testing::checkout().join("tools/browser.py"))
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| BrowserError::Install(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(BrowserError::Install(said));
    }
    Ok(PathBuf::from(
        String::from_utf8_lossy(&output.stdout).trim_end(),
    ))
}

fn complaint(message: &Value) -> Option<String> {
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
