//! A headless Chromium, controlled by the DevTools protocol over a pipe.
//!
//! A call of the protocol is a line of JSON in each direction. A crate for it generates code for all of its thousand messages,
//! which takes two minutes to compile. Only a dozen are needed here. Because of the pipe, the browser ends with its test.

mod error;
mod pipe;

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

pub use error::BrowserError;

use pipe::{CALL_TIMEOUT, Pipe};

/// The size and the colour scheme in which a page is shown.
#[derive(Debug, Clone, Copy)]
pub struct Viewport {
    /// The width, in CSS pixels.
    pub width: u32,
    /// The height, in CSS pixels.
    pub height: u32,
    /// True for `prefers-color-scheme: dark`.
    pub dark: bool,
}

/// A browser with one page. Dropping it ends the browser.
#[derive(Debug)]
pub struct Browser {
    pipe: Pipe,
}

impl Browser {
    /// Installs Chromium if necessary, and starts it with an empty profile. `CHROMIUM` names another program.
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
    pub async fn open(&mut self, url: &str, viewport: Viewport) -> Result<(), BrowserError> {
        self.set_viewport(viewport).await?;
        let opened = self.pipe.call("Page.navigate", json!({"url": url})).await?;
        if let Some(error) = opened["errorText"].as_str() {
            return Err(BrowserError::Page(format!("{url}: {error}")));
        }
        self.wait_for(
            "the page",
            "document.readyState === 'complete'",
            CALL_TIMEOUT,
        )
        .await
    }

    /// Changes the size and the colour scheme of the page.
    pub async fn set_viewport(&mut self, viewport: Viewport) -> Result<(), BrowserError> {
        let Viewport {
            width,
            height,
            dark,
        } = viewport;
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

    /// Evaluates a JavaScript expression. The value of a promise is awaited.
    pub async fn evaluate(&mut self, expression: &str) -> Result<Value, BrowserError> {
        let input = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.pipe.call("Runtime.evaluate", input).await?;
        let thrown = &answer["exceptionDetails"]["exception"]["description"];
        if let Some(thrown) = thrown.as_str() {
            return Err(BrowserError::Page(thrown.to_owned()));
        }
        Ok(answer["result"]["value"].take())
    }

    /// Waits until a JavaScript expression is true. The error contains the text of the page.
    pub async fn wait_for(
        &mut self,
        what: &str,
        expression: &str,
        timeout: Duration,
    ) -> Result<(), BrowserError> {
        let limit = timeout.as_millis();
        let what = json!(what);
        let wait = format!(
            "new Promise((resolve, reject) => {{
                const end = Date.now() + {limit};
                (function check() {{
                    if ({expression}) resolve();
                    else if (Date.now() < end) setTimeout(check, 20);
                    else reject(new Error('waited for ' + {what} + ' in vain; the page:\\n' + document.body.innerText));
                }})();
            }})"
        );
        let waited = self.evaluate(&wait);
        // The limit inside the page ends first, and its error says more.
        let waited = tokio::time::timeout(timeout + CALL_TIMEOUT, waited).await;
        waited.unwrap_or_else(|_| Err(BrowserError::NoAnswer(what.to_string())))?;
        Ok(())
    }

    /// Clicks with the mouse into the middle of the first element that matches a selector.
    pub async fn click(&mut self, selector: &str) -> Result<(), BrowserError> {
        let position = self
            .evaluate(&format!(
                "(() => {{
                    const found = document.querySelector({selector});
                    if (!found) throw new Error('no element matches ' + {selector});
                    found.scrollIntoView({{block: 'center'}});
                    const box = found.getBoundingClientRect();
                    return [box.x + box.width / 2, box.y + box.height / 2];
                }})()",
                selector = json!(selector)
            ))
            .await?;
        for kind in ["mousePressed", "mouseReleased"] {
            let input = json!({
                "type": kind, "x": position[0], "y": position[1], "button": "left", "clickCount": 1,
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

    /// Returns a picture of the whole page, as PNG.
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

    /// Returns the problems of the page so far: errors, failed requests, and requests to an address outside `origin`.
    pub fn problems(&self, origin: &str) -> Vec<&str> {
        let own = format!("requested {origin}");
        let all = self.pipe.problems.iter().map(String::as_str);
        all.filter(|one| !one.starts_with(&own)).collect()
    }
}
