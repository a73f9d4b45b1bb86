//! A headless Chromium, driven over a pipe by the DevTools protocol.
//!
//! The protocol is a line of JSON there and one back; a crate for it generates code for all of its thousand messages,
//! which takes two minutes to compile, for the dozen that are sent here. A pipe also means that the browser ends with us.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// For one call; what a page waits for itself is bounded by [`Browser::wait_for`].
const PATIENCE: Duration = Duration::from_secs(60);

/// The browser does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// It is not installed and can't be.
    #[error("tools/browser.py installed no headless Chromium: {0}")]
    Install(String),
    /// It did not start, or has ended.
    #[error("{action} the headless Chromium {}", program.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The program.
        program: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// It refuses a call.
    #[error("{method}: {error}")]
    Refused {
        /// The protocol's method.
        method: String,
        /// What the browser says.
        error: String,
    },
    /// It does not answer.
    #[error("{0}: no answer")]
    Silent(String),
    /// The page threw an error, or what was waited for did not come about.
    #[error("in the page: {0}")]
    Page(String),
}

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// In CSS pixels.
    pub width: u32,
    /// In CSS pixels.
    pub height: u32,
    /// `prefers-color-scheme: dark`.
    pub dark: bool,
}

/// A browser with one page; it ends when it is dropped.
#[derive(Debug)]
pub struct Browser {
    program: PathBuf,
    profile: PathBuf,
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Option<String>,
    calls: u64,
    complaints: Vec<String>,
}

impl Browser {
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
        let mut browser = Self {
            program,
            profile,
            child,
            to,
            from: BufReader::new(from),
            session: None,
            calls: 0,
            complaints: Vec::new(),
        };
        browser.attach().await?;
        Ok(browser)
    }

    async fn attach(&mut self) -> Result<(), BrowserError> {
        let target = self.call("Target.createTarget", json!({"url": "about:blank"}));
        let target = target.await?["targetId"].take();
        let attach = json!({"targetId": target, "flatten": true});
        let attached = self.call("Target.attachToTarget", attach).await?;
        self.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), json!({})).await?;
        }
        Ok(())
    }

    /// Opens a page and waits until it is loaded.
    pub async fn open(&mut self, url: &str, look: Look) -> Result<(), BrowserError> {
        self.look(look).await?;
        let opened = self.call("Page.navigate", json!({"url": url})).await?;
        if let Some(error) = opened["errorText"].as_str() {
            return Err(BrowserError::Page(format!("{url}: {error}")));
        }
        self.wait_for("the page", "document.readyState === 'complete'", PATIENCE)
            .await
    }

    /// Looks at the page in another way.
    pub async fn look(&mut self, look: Look) -> Result<(), BrowserError> {
        let Look {
            width,
            height,
            dark,
        } = look;
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size)
            .await?;
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", media).await?;
        Ok(())
    }

    /// What a JavaScript expression comes to, once it is settled if it is a promise.
    pub async fn evaluate(&mut self, expression: &str) -> Result<Value, BrowserError> {
        let input = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.call("Runtime.evaluate", input).await?;
        let thrown = &answer["exceptionDetails"]["exception"]["description"];
        if let Some(thrown) = thrown.as_str() {
            return Err(BrowserError::Page(thrown.to_owned()));
        }
        Ok(answer["result"]["value"].take())
    }

    /// Waits until a JavaScript expression is true; the error has the page's text.
    pub async fn wait_for(
        &mut self,
        what: &str,
        expression: &str,
        patience: Duration,
    ) -> Result<(), BrowserError> {
        let end = patience.as_millis();
        let what = json!(what);
        let wait = format!(
            "new Promise((resolve, reject) => {{
                const end = Date.now() + {end};
                (function look() {{
                    if ({expression}) resolve();
                    else if (Date.now() < end) setTimeout(look, 20);
                    else reject(new Error('waited for ' + {what} + ' in vain; the page:\\n' + document.body.innerText));
                }})();
            }})"
        );
        let waited = self.evaluate(&wait);
        // The page's own limit comes first, and tells more.
        let waited = tokio::time::timeout(patience + PATIENCE, waited).await;
        waited.unwrap_or_else(|_| Err(BrowserError::Silent(what.to_string())))?;
        Ok(())
    }

    /// Clicks in the middle of the first element of this selector, with a mouse.
    pub async fn click(&mut self, selector: &str) -> Result<(), BrowserError> {
        let place = self
            .evaluate(&format!(
                "(() => {{
                    const found = document.querySelector({selector});
                    if (!found) throw new Error('nothing is ' + {selector});
                    found.scrollIntoView({{block: 'center'}});
                    const box = found.getBoundingClientRect();
                    return [box.x + box.width / 2, box.y + box.height / 2];
                }})()",
                selector = json!(selector)
            ))
            .await?;
        for kind in ["mousePressed", "mouseReleased"] {
            let input = json!({
                "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1,
            });
            self.call("Input.dispatchMouseEvent", input).await?;
        }
        Ok(())
    }

    /// Presses a key: `Tab`, `Enter`, `ArrowDown`, `ArrowRight`, or a space.
    pub async fn press(&mut self, key: &str) -> Result<(), BrowserError> {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "ArrowRight" => (39, ""),
            "ArrowDown" => (40, ""),
            _ => (32, " "),
        };
        let down = if text.is_empty() {
            "rawKeyDown"
        } else {
            "keyDown"
        };
        for kind in [down, "keyUp"] {
            let name = if key == " " { "Space" } else { key };
            let mut input = json!({
                "type": kind, "key": key, "code": name, "windowsVirtualKeyCode": code,
            });
            if kind == "keyDown" {
                input["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", input).await?;
        }
        Ok(())
    }

    /// The whole page as a PNG.
    pub async fn screenshot(&mut self) -> Result<Vec<u8>, BrowserError> {
        let input = json!({"format": "png", "captureBeyondViewport": true});
        let method = "Page.captureScreenshot";
        let answer = self.call(method, input).await?;
        let data = answer["data"].as_str().unwrap_or_default();
        BASE64_STANDARD
            .decode(data)
            .map_err(|error| BrowserError::Refused {
                method: method.to_owned(),
                error: error.to_string(),
            })
    }

    /// What went wrong in the page so far (errors thrown, refused or failed requests), and every request to anywhere but
    /// `origin`.
    pub fn complaints(&self, origin: &str) -> Vec<&str> {
        let own = format!("requested {origin}");
        let all = self.complaints.iter().map(String::as_str);
        all.filter(|one| !one.starts_with(&own)).collect()
    }

    async fn call(&mut self, method: &str, input: Value) -> Result<Value, BrowserError> {
        self.calls += 1;
        let mut message = json!({"id": self.calls, "method": method, "params": input});
        if let Some(session) = &self.session {
            message["sessionId"] = session.clone().into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        let written = self.to.write_all(&bytes).await;
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

impl Drop for Browser {
    fn drop(&mut self) {
        // It writes into its profile as long as it runs.
        let _ = self.child.start_kill();
        while let Ok(None) = self.child.try_wait() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

/// Where tools/browser.py has Chromium.
async fn installed() -> Result<PathBuf, BrowserError> {
    let output = Command::new("python3")
        .arg(crate::checkout().join("tools/browser.py"))
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
