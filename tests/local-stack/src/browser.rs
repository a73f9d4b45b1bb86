//! A headless Chromium, driven over a pipe by the DevTools protocol.
//!
//! The protocol is a line of JSON there and one back; a crate for it generates code for all of its thousand messages,
//! which takes two minutes to compile, for the dozen that are sent here. A pipe also means that the browser ends with us.

mod pipe;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use pipe::Pipe;

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
    pipe: Pipe,
}

impl Browser {
    /// Installs Chromium if it isn't installed, and starts it with an empty profile. `CHROMIUM` names another program.
    pub async fn start() -> Result<Self, BrowserError> {
        let mut browser = Self {
            pipe: Pipe::start().await?,
        };
        browser.attach().await?;
        Ok(browser)
    }

    async fn attach(&mut self) -> Result<(), BrowserError> {
        let target = self
            .pipe
            .call("Target.createTarget", json!({"url": "about:blank"}));
        let target = target.await?["targetId"].take();
        let attach = json!({"targetId": target, "flatten": true});
        let attached = self.pipe.call("Target.attachToTarget", attach).await?;
        self.pipe.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.pipe
                .call(&format!("{domain}.enable"), json!({}))
                .await?;
        }
        Ok(())
    }

    /// Opens a page and waits until it is loaded.
    pub async fn open(&mut self, url: &str, look: Look) -> Result<(), BrowserError> {
        self.look(look).await?;
        let opened = self.pipe.call("Page.navigate", json!({"url": url})).await?;
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
        self.pipe
            .call("Emulation.setDeviceMetricsOverride", size)
            .await?;
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.pipe.call("Emulation.setEmulatedMedia", media).await?;
        Ok(())
    }

    /// What a JavaScript expression comes to, once it is settled if it is a promise.
    pub async fn evaluate(&mut self, expression: &str) -> Result<Value, BrowserError> {
        let input = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.pipe.call("Runtime.evaluate", input).await?;
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
            self.pipe.call("Input.dispatchMouseEvent", input).await?;
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
            self.pipe.call("Input.dispatchKeyEvent", input).await?;
        }
        Ok(())
    }

    /// The whole page as a PNG.
    pub async fn screenshot(&mut self) -> Result<Vec<u8>, BrowserError> {
        let input = json!({"format": "png", "captureBeyondViewport": true});
        let method = "Page.captureScreenshot";
        let answer = self.pipe.call(method, input).await?;
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
        let all = self.pipe.complaints.iter().map(String::as_str);
        all.filter(|one| !one.starts_with(&own)).collect()
    }
}
