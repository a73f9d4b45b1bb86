//! The demo that runs on this machine, as `make history` and `make subscriber-test` find it.
//!
//! A file of shell variables, as both are started by make: AWS's own variables, which every SDK reads, and three of ours.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{fs, io};

use crate::deployment::STACK;
use testing::aws::client_environment;

/// The file, while the demo runs; dropping this removes it.
#[derive(Debug)]
pub struct Running {
    path: PathBuf,
    text: String,
}

impl Running {
    /// The file that the commands read.
    pub fn file() -> PathBuf {
        testing::checkout().join(".local/demo.env")
    }

    /// Says in this file where the demo's parts are, in place of a demo that was started before.
    pub fn announce(path: PathBuf, endpoint: &str, database: &str) -> io::Result<Self> {
        let own = [("STACK", STACK), ("DEMO_DATABASE", database)];
        let mut text = String::new();
        for (name, value) in client_environment(endpoint).iter().chain(&own) {
            // None of these has a quote in it; writing to a String can't fail.
            let _ = writeln!(text, "export {name}='{value}'");
        }
        fs::write(&path, &text)?;
        Ok(Self { path, text })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may be a later demo's by now.
        if fs::read_to_string(&self.path).is_ok_and(|text| text == self.text) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
