//! The errors of the browser.

use std::io;
use std::path::PathBuf;

/// The browser could not be started, or did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// Chromium is not installed, and could not be installed.
    #[error("tools/browser.py installed no headless Chromium: {0}")]
    Install(String),
    /// `tools/browser.py` could not be started.
    #[error("starting tools/browser.py")]
    Installer(#[source] io::Error),
    /// The browser did not start, or has ended.
    #[error("{action} the headless Chromium {}", program.display())]
    Io {
        /// The operation that failed, such as `starting`.
        action: &'static str,
        /// The path of the program.
        program: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The browser refused a call.
    #[error("{method}: {error}")]
    Refused {
        /// The method of the protocol.
        method: String,
        /// The error of the browser.
        error: String,
    },
    /// The browser did not answer a call in time.
    #[error("{0}: no answer")]
    NoAnswer(String),
    /// The page threw an error, or a condition did not hold in time.
    #[error("in the page: {0}")]
    Page(String),
}
